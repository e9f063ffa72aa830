/* recovery/checkpoint_text.c -- Splits the file in place; nothing is allocated per line. */
#include "recovery/checkpoint_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"

enum { FILE_SIZE_MAX = 1 << 29, VERSION = 0 };

static const char WHITE_SPACE[] = " \t\r\v\f";

int
strand_checkpoint_text_fail(const struct strand_checkpoint_text *text, const char *cause)
{
    return strand_fail(STRAND_ERR_CORRUPT, "read %s, line %" PRId64 ": %s", text->path, text->line,
                       cause);
}

bool
strand_checkpoint_text_number(const char *field, int64_t max, int64_t *out_value)
{
    int64_t value = 0;

    strand_assert(max >= 0);
    if (*field == '\0')
        return false;
    for (; *field != '\0'; field++) {
        if (*field < '0' || *field > '9')
            return false;
        int64_t digit = *field - '0';

        if (value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (value > max)
        return false;
    *out_value = value;
    return true;
}

/* The next line without its end; NULL when there is none. */
static char *
next_line(struct strand_checkpoint_text *text)
{
    char *line = text->next;

    if (line == NULL || *line == '\0')
        return NULL;
    size_t size = strcspn(line, "\n");
    text->next = line[size] == '\n' ? line + size + 1 : NULL;
    if (size > 0 && line[size - 1] == '\r')
        size--;
    line[size] = '\0';
    text->line++;
    return line;
}

/* Cut LINE into FIELD_COUNT fields.  false: it has another number of them. */
static bool
split(char *line, size_t field_count, const char **fields)
{
    char *position = line;

    for (size_t i = 0; i < field_count; i++) {
        size_t size = strcspn(position, WHITE_SPACE);
        size_t gap = strspn(position + size, WHITE_SPACE);

        if (size == 0)
            return false;
        fields[i] = position;
        memset(position + size, 0, gap);
        position += size + gap;
    }
    return *position == '\0';
}

static int
read_header(struct strand_checkpoint_text *text, int64_t count_max)
{
    int64_t version;

    const char *line = next_line(text);
    if (line == NULL)
        return STRAND_OK;
    if (!strand_checkpoint_text_number(line, INT32_MAX, &version) || version != VERSION)
        return strand_checkpoint_text_fail(text, "unknown version");

    line = next_line(text);
    if (line == NULL)
        return STRAND_OK;
    if (!strand_checkpoint_text_number(line, count_max, &text->count))
        return strand_checkpoint_text_fail(text, "not a number of entries");
    text->remaining = text->count;
    return STRAND_OK;
}

int
strand_checkpoint_text_open(struct strand_checkpoint_text *text, const struct strand_fs *fs,
                            const char *directory, const char *name, int64_t count_max)
{
    size_t size;

    memset(text, 0, sizeof *text);
    int status = strand_path_join(text->path, directory, name);
    if (status != STRAND_OK)
        return status;
    status = strand_path_read(fs, text->path, FILE_SIZE_MAX, &text->data, &size);
    if (status == STRAND_ERR_TOO_LARGE)
        return strand_fail_context(STRAND_ERR_CORRUPT, "checkpoint");
    if (status != STRAND_OK)
        return status;

    text->next = text->data;
    if (memchr(text->data, 0, size) != NULL) /* as some file systems leave behind a power cut */
        status = strand_checkpoint_text_fail(text, "a zero byte in a text file");
    else
        status = read_header(text, count_max);
    if (status != STRAND_OK)
        strand_checkpoint_text_close(text);
    return status;
}

int
strand_checkpoint_text_next(struct strand_checkpoint_text *text, size_t field_count)
{
    strand_assert(field_count <= STRAND_CHECKPOINT_FIELD_MAX);

    char *line = next_line(text);
    if (line == NULL)
        return text->remaining == 0
                   ? STRAND_END
                   : strand_checkpoint_text_fail(text, "fewer entries than the file announces");
    if (text->remaining == 0)
        return strand_checkpoint_text_fail(text, "more entries than the file announces");
    text->remaining--;
    if (!split(line, field_count, text->fields))
        return strand_checkpoint_text_fail(text, "malformed entry");
    return STRAND_OK;
}

void
strand_checkpoint_text_close(struct strand_checkpoint_text *text)
{
    free(text->data);
    text->data = NULL;
    text->next = NULL;
}
