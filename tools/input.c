/* tools/input.c -- One buffer, read into in large pieces and searched with memchr().
 *
 * When the end of the buffer is near, what is still needed moves to its start: the pending records
 * (a batch at most) and the beginning of the next one.  The buffer grows only for a record that is
 * larger than it, up to the limit.
 */
#include "tools/input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/error.h"
#include "tools/interrupt.h"
#include "tools/json_input.h"
#include "tools/record_format.h"

enum {
    READ_SIZE = 256 << 10,
    BUFFER_SIZE = 8 * READ_SIZE,
    PREFIX_SIZE = 4, /* of the length-prefixed form */
};

/* JSON may take six characters for a byte, \u0000; names, numbers and headers come on top. */
static size_t
text_limit(const struct cli_input *input)
{
    return input->kind == CLI_INPUT_NDJSON ? input->limit * 6 + 4096 : input->limit;
}

/* ---- Opening ---- */

static int
set_separator(struct cli_input *input, const char *text)
{
    int status;

    if (text == NULL)
        return STRAND_OK;
    if (input->kind != CLI_INPUT_LINES)
        return strand_fail(STRAND_ERR_INVALID, "--key-separator is for lines");
    input->separator = malloc(strlen(text) + 1);
    if (input->separator == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "hold the key separator: out of memory");
    status = cli_unescape(text, input->separator, &input->separator_size);
    if (status == STRAND_OK && input->separator_size == 0)
        return strand_fail(STRAND_ERR_INVALID, "--key-separator is empty");
    return status;
}

static int
open_descriptor(struct cli_input *input, const char *path)
{
    struct stat status;

    if (path == NULL || strcmp(path, "-") == 0) {
        input->descriptor = STDIN_FILENO;
        input->name = "standard input";
    } else {
        input->descriptor = open(path, O_RDONLY | O_CLOEXEC);
        input->name = path;
        input->is_owned = true;
    }
    if (input->descriptor < 0)
        return strand_fail_code(errno, "open %s", path);
    if (fstat(input->descriptor, &status) != 0)
        return strand_fail_code(errno, "look at %s", input->name);
    input->is_regular = S_ISREG(status.st_mode);
    if (input->is_regular && status.st_size > 0)
        input->total = (uint64_t)status.st_size;
    return STRAND_OK;
}

int
cli_input_open(const char *path, enum cli_input_kind kind, const char *key_separator, size_t limit,
               struct cli_input *out_input)
{
    struct cli_input input = {.descriptor = -1, .kind = kind, .limit = limit};
    int status = set_separator(&input, key_separator);

    if (status == STRAND_OK)
        status = open_descriptor(&input, path);
    if (status == STRAND_OK) {
        input.capacity = BUFFER_SIZE;
        input.buffer = malloc(input.capacity);
        if (input.buffer == NULL)
            status = strand_fail(STRAND_ERR_NO_MEMORY, "read %s: out of memory", input.name);
    }
    if (status != STRAND_OK) {
        cli_input_close(&input);
        return status;
    }
    *out_input = input;
    return STRAND_OK;
}

void
cli_input_close(struct cli_input *input)
{
    if (input->is_owned && input->descriptor >= 0)
        (void)close(input->descriptor); /* it was only read */
    input->descriptor = -1;
    free(input->separator);
    free(input->buffer);
    cli_arena_deinit(&input->arenas[0]);
    cli_arena_deinit(&input->arenas[1]);
    input->separator = NULL;
    input->buffer = NULL;
}

/* ---- Taking records out ---- */

void
cli_input_place(const struct cli_input *input, char out_place[CLI_INPUT_PLACE_SIZE_MAX])
{
    (void)snprintf(out_place, CLI_INPUT_PLACE_SIZE_MAX, "%s %" PRIu64 " of %.255s",
                   input->kind == CLI_INPUT_LENGTH ? "record" : "line", input->number, input->name);
}

static int
fail_too_large(const struct cli_input *input)
{
    char place[CLI_INPUT_PLACE_SIZE_MAX];

    cli_input_place(input, place);
    (void)strand_fail(STRAND_ERR_TOO_LARGE,
                      "append %s: larger than %zu bytes (raise it with --max-message-bytes)", place,
                      input->limit);
    return STRAND_ERR_TOO_LARGE;
}

/* The next line, without its line feed.  The number is counted up. */
static int
next_line(struct cli_input *input, const char **out_text, size_t *out_size)
{
    uint8_t *begin = input->buffer + input->position;
    size_t available = input->end - input->position;
    size_t skipped = input->searched - input->position;
    uint8_t *line_end = NULL;
    size_t size;

    if (available > skipped)
        line_end = memchr(begin + skipped, '\n', available - skipped);
    size = line_end != NULL ? (size_t)(line_end - begin) : available;
    if (line_end == NULL && !input->is_at_end && size <= text_limit(input)) {
        input->searched = input->end;
        return CLI_INPUT_MORE;
    }
    if (line_end == NULL && size == 0)
        return STRAND_END;
    input->number++;
    if (size > text_limit(input))
        return fail_too_large(input);
    input->position += size + (line_end != NULL ? 1 : 0);
    input->searched = input->position;
    *out_text = (const char *)begin;
    *out_size = size;
    return STRAND_OK;
}

/* Where the separator begins, NULL when it is not in TEXT. */
static const char *
find_separator(const struct cli_input *input, const char *text, size_t size)
{
    const char *end = text + size;

    while ((size_t)(end - text) >= input->separator_size) {
        const char *first =
            memchr(text, input->separator[0], (size_t)(end - text) - input->separator_size + 1);

        if (first == NULL || memcmp(first, input->separator, input->separator_size) == 0)
            return first;
        text = first + 1;
    }
    return NULL;
}

static int
next_from_line(struct cli_input *input, struct strand_record *out_record)
{
    struct strand_bytes key = {NULL, 0};
    const char *separator = NULL;
    const char *text = NULL;
    size_t size = 0;
    int status = next_line(input, &text, &size);

    if (status != STRAND_OK)
        return status;
    if (input->separator != NULL)
        separator = find_separator(input, text, size);
    if (separator != NULL) {
        size_t key_size = (size_t)(separator - text);

        key = strand_bytes(text, key_size);
        text = separator + input->separator_size;
        size -= key_size + input->separator_size;
    }
    *out_record = (struct strand_record){.key = key, .value = strand_bytes(text, size)};
    return STRAND_OK;
}

static bool
is_blank(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
            return false;
    return true;
}

static int
next_from_json(struct cli_input *input, struct strand_record *out_record)
{
    char place[CLI_INPUT_PLACE_SIZE_MAX];
    const char *text = NULL;
    size_t size = 0;
    int status;

    do {
        status = next_line(input, &text, &size);
        if (status != STRAND_OK)
            return status;
    } while (is_blank(text, size));
    status = cli_json_parse_record(text, size, &input->arenas[input->arena], out_record);
    if (status == STRAND_OK)
        return status;
    cli_input_place(input, place);
    return strand_fail_context(status, "append %s", place);
}

static int
fail_cut_short(struct cli_input *input)
{
    char place[CLI_INPUT_PLACE_SIZE_MAX];

    input->number++;
    cli_input_place(input, place);
    return strand_fail(STRAND_ERR_BATCH, "append %s: the input ends inside it", place);
}

static int
next_from_length(struct cli_input *input, struct strand_record *out_record)
{
    const uint8_t *begin = input->buffer + input->position;
    size_t available = input->end - input->position;
    size_t size = available < PREFIX_SIZE ? 0 : strand_get_be32(begin);

    if (input->is_at_end && available == 0)
        return STRAND_END;
    if (size > input->limit) {
        input->number++;
        return fail_too_large(input);
    }
    if (available < PREFIX_SIZE || available - PREFIX_SIZE < size)
        return input->is_at_end ? fail_cut_short(input) : CLI_INPUT_MORE;
    input->number++;
    input->position += PREFIX_SIZE + size;
    *out_record = (struct strand_record){.value = strand_bytes(begin + PREFIX_SIZE, size)};
    return STRAND_OK;
}

int
cli_input_next(struct cli_input *input, struct strand_record *out_record)
{
    switch (input->kind) {
    case CLI_INPUT_NDJSON:
        return next_from_json(input, out_record);
    case CLI_INPUT_LENGTH:
        return next_from_length(input, out_record);
    case CLI_INPUT_LINES:
        break;
    }
    return next_from_line(input, out_record);
}

void
cli_input_forget(struct cli_input *input)
{
    /* The one handed out last is in the arena for new ones, which rests until the next call. */
    input->arena = 1 - input->arena;
    cli_arena_reset(&input->arenas[input->arena]);
}

/* ---- Reading ---- */

bool
cli_input_is_paused(const struct cli_input *input)
{
    struct pollfd wanted = {.fd = input->descriptor, .events = POLLIN};

    return !input->is_regular && poll(&wanted, 1, 0) == 0;
}

bool
cli_input_is_full(const struct cli_input *input)
{
    return input->capacity - input->end < READ_SIZE;
}

static void
move_bytes(struct strand_bytes *bytes, const uint8_t *from, const uint8_t *to)
{
    if (bytes->data != NULL)
        bytes->data = to + ((const uint8_t *)bytes->data - from);
}

/* The first byte of the buffer that is still needed. */
static size_t
kept_from(const struct cli_input *input, const struct strand_record *pending, size_t count)
{
    const uint8_t *first;

    if (count == 0 || input->kind == CLI_INPUT_NDJSON)
        return input->position;
    first = pending[0].key.data != NULL ? pending[0].key.data : pending[0].value.data;
    strand_assert(first >= input->buffer && first <= input->buffer + input->position);
    return (size_t)(first - input->buffer);
}

/* Have room for READ_SIZE bytes at the end. */
static int
make_room(struct cli_input *input, struct strand_record *pending, size_t count)
{
    size_t kept = kept_from(input, pending, count);
    size_t kept_size = input->end - kept;
    uint8_t *from = input->buffer + kept;
    uint8_t *to = input->buffer;

    if (!cli_input_is_full(input))
        return STRAND_OK;
    if (input->capacity - kept_size < READ_SIZE) {
        to = malloc(input->capacity * 2);
        if (to == NULL)
            return strand_fail(STRAND_ERR_NO_MEMORY, "read %s: no memory for %zu bytes",
                               input->name, input->capacity * 2);
        input->capacity *= 2;
    }
    memmove(to, from, kept_size);
    for (size_t i = 0; i < count && input->kind != CLI_INPUT_NDJSON; i++) {
        move_bytes(&pending[i].key, from, to);
        move_bytes(&pending[i].value, from, to);
    }
    if (to != input->buffer)
        free(input->buffer);
    input->buffer = to;
    input->position -= kept;
    input->searched = input->searched > kept ? input->searched - kept : 0;
    input->end = kept_size;
    return STRAND_OK;
}

/* There shall be no more: what is whole counts, the beginning of a record does not. */
static void
end_input(struct cli_input *input)
{
    input->end = input->position;
    input->searched = input->position;
    input->is_at_end = true;
}

/* Wait until there is something to read, or the end, or an interruption. */
static void
wait_for_input(const struct cli_input *input)
{
    struct pollfd wanted[] = {
        {.fd = input->descriptor, .events = POLLIN},
        {.fd = cli_interrupt_descriptor(), .events = POLLIN},
    };

    /* Failures show again in the read that follows; EINTR is a signal, which is looked for. */
    if (!input->is_regular)
        (void)poll(wanted, 2, -1);
}

int
cli_input_fill(struct cli_input *input, struct strand_record *pending, size_t count)
{
    int status = make_room(input, pending, count);

    if (status != STRAND_OK)
        return status;
    for (;;) {
        ssize_t size;

        wait_for_input(input);
        if (cli_interrupt_is_wanted()) {
            end_input(input);
            return STRAND_OK;
        }
        size = read(input->descriptor, input->buffer + input->end, READ_SIZE);
        if (size < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (size < 0)
            return strand_fail_code(errno, "read %s", input->name);
        input->is_at_end = size == 0;
        input->end += (size_t)size;
        input->bytes_read += (uint64_t)size;
        return STRAND_OK;
    }
}
