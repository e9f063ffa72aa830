/* tests/unit/test_cli_input.c -- Every record comes out once and whole, however the input arrives.
 *
 * The input is a pipe that the test writes to, or a file; what must come out is known beforehand.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tools/input.h"

enum { LIMIT = 1 << 20 };

static struct cli_input input;
static char path[] = "/tmp/test_cli_input.XXXXXX";
static int writer = -1;

static void
write_file(const void *data, size_t size)
{
    int descriptor = mkstemp(path);

    cr_assert_geq(descriptor, 0);
    cr_assert_eq(write(descriptor, data, size), (ssize_t)size);
    cr_assert_eq(close(descriptor), 0);
}

static void
open_file(enum cli_input_kind kind, const char *separator, size_t limit, const void *data,
          size_t size)
{
    write_file(data, size);
    cr_assert_eq(cli_input_open(path, kind, separator, limit, &input), STRAND_OK);
}

static void
open_text(enum cli_input_kind kind, const char *separator, const char *text)
{
    open_file(kind, separator, LIMIT, text, strlen(text));
}

/* A pipe whose reading end is the input. */
static void
open_pipe(enum cli_input_kind kind)
{
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    cr_assert_eq(close(ends[0]), 0);
    writer = ends[1];
    cr_assert_eq(cli_input_open("-", kind, NULL, LIMIT, &input), STRAND_OK);
}

static void
send_text(const char *text)
{
    cr_assert_eq(write(writer, text, strlen(text)), (ssize_t)strlen(text));
}

static void
clean_up(void)
{
    cli_input_close(&input);
    (void)unlink(path);
}

TestSuite(cli_input, .fini = clean_up);

/* The next record, filling as needed; nothing is pending. */
static int
next(struct strand_record *out_record)
{
    int status;

    while ((status = cli_input_next(&input, out_record)) == CLI_INPUT_MORE)
        cr_assert_eq(cli_input_fill(&input, NULL, 0), STRAND_OK);
    return status;
}

static void
expect_bytes(struct strand_bytes bytes, const char *expected)
{
    if (expected == NULL) {
        cr_expect_null(bytes.data);
        return;
    }
    cr_assert_not_null(bytes.data);
    cr_assert_eq(bytes.size, strlen(expected), "%zu bytes, not %s", bytes.size, expected);
    cr_expect(memcmp(bytes.data, expected, bytes.size) == 0);
}

static void
expect_record(const char *key, const char *value)
{
    struct strand_record record;

    cr_assert_eq(next(&record), STRAND_OK, "%s", strand_error_message());
    expect_bytes(record.key, key);
    expect_bytes(record.value, value);
    cr_expect_eq(record.timestamp_ms, 0);
}

static void
expect_end(void)
{
    struct strand_record record;

    cr_expect_eq(next(&record), STRAND_END);
    cr_expect_eq(next(&record), STRAND_END, "the end stays the end");
}

/* Whether the sentence of the last failure has PART. */
static void
expect_sentence(const char *part)
{
    cr_expect_not_null(strstr(strand_error_message(), part), "no \"%s\" in: %s", part,
                       strand_error_message());
}

Test(cli_input, a_line_is_a_record_and_bytes_are_bytes)
{
    open_text(CLI_INPUT_LINES, NULL, "one\n\n\xff\xfe\r\nlast without end");
    expect_record(NULL, "one");
    expect_record(NULL, "");
    expect_record(NULL, "\xff\xfe\r");
    expect_record(NULL, "last without end");
    expect_end();
}

Test(cli_input, an_empty_input_has_no_records)
{
    open_text(CLI_INPUT_LINES, NULL, "");
    expect_end();
}

Test(cli_input, the_first_separator_splits_key_from_value)
{
    open_text(CLI_INPUT_LINES, ":", "k:v\nno\n:v\nk:\na:b:c\n:\n");
    expect_record("k", "v");
    expect_record(NULL, "no");
    expect_record("", "v");
    expect_record("k", "");
    expect_record("a", "b:c");
    expect_record("", "");
    expect_end();
}

Test(cli_input, a_separator_may_be_several_bytes_and_escaped)
{
    open_text(CLI_INPUT_LINES, "=\\t\\x3e", "a=b=\t>c\n=\t\n==\t>d");
    expect_record("a=b", "c");
    expect_record(NULL, "=\t");
    expect_record("=", "d");
    expect_end();
}

Test(cli_input, a_separator_is_for_lines_and_not_empty)
{
    cr_expect_eq(cli_input_open("/dev/null", CLI_INPUT_NDJSON, ":", LIMIT, &input),
                 STRAND_ERR_INVALID);
    cr_expect_eq(cli_input_open("/dev/null", CLI_INPUT_LINES, "", LIMIT, &input),
                 STRAND_ERR_INVALID);
    cr_expect_eq(cli_input_open("/dev/null", CLI_INPUT_LINES, "\\q", LIMIT, &input),
                 STRAND_ERR_INVALID);
}

Test(cli_input, a_line_at_the_limit_passes_and_one_more_byte_does_not)
{
    struct strand_record record;

    open_file(CLI_INPUT_LINES, NULL, 5, "12345\n123456\nx\n", 15);
    expect_record(NULL, "12345");
    cr_expect_eq(next(&record), STRAND_ERR_TOO_LARGE);
    expect_sentence("line 2 of ");
    expect_sentence("5 bytes");
}

Test(cli_input, a_line_without_end_is_refused_without_reading_all_of_it)
{
    static char data[5 << 20];
    struct strand_record record;

    memset(data, 'x', sizeof data);
    data[0] = '\n';
    open_file(CLI_INPUT_LINES, NULL, LIMIT, data, sizeof data);
    expect_record(NULL, "");
    cr_expect_eq(next(&record), STRAND_ERR_TOO_LARGE);
    expect_sentence("line 2 of ");
    cr_expect_leq(input.bytes_read, 2 * LIMIT);
    cr_expect_leq(input.capacity, 4 * LIMIT);
}

/* Lines of many sizes, so that their ends meet every place in the buffer. */
Test(cli_input, pending_records_move_along_with_the_buffer)
{
    enum { LINE_COUNT = 120000, PENDING_MAX = 100 };
    static char data[LINE_COUNT * 120];
    static struct strand_record pending[PENDING_MAX];
    size_t size = 0;
    size_t count = 0;
    int seen = 0;

    for (int i = 0; i < LINE_COUNT; i++)
        size += (size_t)sprintf(data + size, "%d:%*s%d\n", i, i % 97, "", i);
    open_file(CLI_INPUT_LINES, ":", LIMIT, data, size);
    for (;;) {
        int status = cli_input_next(&input, &pending[count]);

        if (status == CLI_INPUT_MORE) {
            cr_assert_eq(cli_input_fill(&input, pending, count), STRAND_OK);
            continue;
        }
        count += status == STRAND_OK;
        if (count == PENDING_MAX || status == STRAND_END) {
            for (size_t i = 0; i < count; i++, seen++) {
                char text[128];

                (void)snprintf(text, sizeof text, "%d", seen);
                expect_bytes(pending[i].key, text);
                (void)snprintf(text, sizeof text, "%*s%d", seen % 97, "", seen);
                expect_bytes(pending[i].value, text);
            }
            count = 0;
        }
        if (status == STRAND_END)
            break;
        cr_assert_eq(status, STRAND_OK);
    }
    cr_expect_eq(seen, LINE_COUNT);
    cr_expect_eq(input.bytes_read, size);
    cr_expect_eq(input.total, size);
    cr_expect_lt(input.capacity, size / 2, "bounded memory, used again");
}

Test(cli_input, pending_records_survive_a_buffer_that_grows)
{
    static char data[5 << 20];
    struct strand_record pending;
    struct strand_record record;
    int status;

    memset(data, 'x', sizeof data);
    memcpy(data, "key:value\n", 10);
    open_file(CLI_INPUT_LINES, ":", sizeof data, data, sizeof data);
    cr_assert_eq(next(&pending), STRAND_OK);
    while ((status = cli_input_next(&input, &record)) == CLI_INPUT_MORE)
        cr_assert_eq(cli_input_fill(&input, &pending, 1), STRAND_OK);
    cr_assert_eq(status, STRAND_OK);
    cr_expect_eq(record.value.size, sizeof data - 10);
    expect_bytes(pending.key, "key");
    expect_bytes(pending.value, "value");
}

Test(cli_input, a_pipe_pauses_and_a_partial_line_waits_for_its_rest)
{
    struct strand_record record;

    open_pipe(CLI_INPUT_LINES);
    cr_expect(cli_input_is_paused(&input));
    send_text("one\ntw");
    cr_expect_not(cli_input_is_paused(&input));
    expect_record(NULL, "one");
    cr_expect_eq(cli_input_next(&input, &record), CLI_INPUT_MORE);
    cr_expect(cli_input_is_paused(&input));
    send_text("o\n");
    expect_record(NULL, "two");
    cr_assert_eq(close(writer), 0);
    expect_end();
    cr_expect_not(cli_input_is_paused(&input), "the end is not a pause");
}

Test(cli_input, length_prefixed_values_may_hold_anything)
{
    static const char DATA[] = "\0\0\0\x03"
                               "a\nb"
                               "\0\0\0\0"
                               "\0\0\0\x01"
                               "\xff";

    open_file(CLI_INPUT_LENGTH, NULL, LIMIT, DATA, sizeof DATA - 1);
    expect_record(NULL, "a\nb");
    expect_record(NULL, "");
    expect_record(NULL, "\xff");
    expect_end();
}

Test(cli_input, length_prefixed_input_that_ends_early_is_an_error)
{
    static const struct {
        const char *data;
        size_t size;
    } CASES[] = {{"\0\0\0\x01y\0", 6}, {"\0\0\0\x01y\0\0\0", 8}, {"\0\0\0\x01y\0\0\0\x02z", 10}};

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct strand_record record;

        strcpy(path, "/tmp/test_cli_input.XXXXXX");
        open_file(CLI_INPUT_LENGTH, NULL, LIMIT, CASES[i].data, CASES[i].size);
        expect_record(NULL, "y");
        cr_expect_eq(next(&record), STRAND_ERR_BATCH);
        expect_sentence("record 2 of ");
        expect_sentence("ends inside");
        clean_up();
    }
}

Test(cli_input, a_prefix_above_the_limit_is_refused_before_anything_is_allocated)
{
    struct strand_record record;

    open_file(CLI_INPUT_LENGTH, NULL, 4, "\0\0\0\x04good\0\0\0\x05", 12);
    expect_record(NULL, "good");
    cr_expect_eq(next(&record), STRAND_ERR_TOO_LARGE);
    expect_sentence("record 2 of ");
}

Test(cli_input, json_gives_every_part_of_a_record)
{
    struct strand_record record;

    open_text(CLI_INPUT_NDJSON, NULL,
              "{\"offset\":9,\"timestamp\":1700000000000,\"key\":\"k\\u0000\",\"value\":null,"
              "\"headers\":[{\"key\":\"h\",\"value\":\"x\"},{\"key\":\"\",\"value_base64\":\"/"
              "w==\"}]}\n");
    cr_assert_eq(next(&record), STRAND_OK, "%s", strand_error_message());
    cr_expect_eq(record.timestamp_ms, 1700000000000);
    cr_expect_eq(record.key.size, 2);
    cr_expect_null(record.value.data);
    cr_assert_eq(record.header_count, 2);
    expect_bytes(record.headers[0].key, "h");
    expect_bytes(record.headers[0].value, "x");
    expect_bytes(record.headers[1].key, "");
    expect_bytes(record.headers[1].value, "\xff");
    expect_end();
}

Test(cli_input, json_needs_a_value_only_and_skips_blank_lines)
{
    open_text(CLI_INPUT_NDJSON, NULL,
              "\n{\"value\":\"a\"}\r\n \t\n{\"value\":\"\",\"key\":null,\"timestamp\":null,"
              "\"headers\":[]}\n{\"value_base64\":\"\",\"key_base64\":\"aw==\"}");
    expect_record(NULL, "a");
    expect_record(NULL, "");
    expect_record("k", "");
    expect_end();
}

Test(cli_input, json_that_is_wrong_is_refused_by_line)
{
    static const struct {
        const char *text;
        const char *sentence;
    } CASES[] = {
        {"{\"value\":\"a\"", "not JSON"},
        {"{\"value\":\"a\"} x", "not JSON"},
        {"[1]", "not a JSON object"},
        {"\"a\"", "not JSON"},
        {"{}", "no \"value\""},
        {"{\"vlaue\":\"a\"}", "unknown member \"vlaue\""},
        {"{\"value\":1}", "\"value\" must be a string or null"},
        {"{\"value\":\"a\",\"key\":{}}", "\"key\" must be a string or null"},
        {"{\"value\":\"a\",\"value_base64\":\"YQ==\"}", "both"},
        {"{\"value_base64\":\"a\"}", "not base 64"},
        {"{\"value_base64\":null}", "\"value_base64\" must be a string"},
        {"{\"value\":\"a\",\"value\":\"b\"}", "not JSON: duplicate"},
        {"{\"value\":\"a\",\"timestamp\":-2}", "\"timestamp\""},
        {"{\"value\":\"a\",\"timestamp\":1.5}", "\"timestamp\""},
        {"{\"value\":\"a\",\"timestamp\":\"1\"}", "\"timestamp\""},
        {"{\"value\":\"a\",\"timestamp\":9223372036854775808}", "not JSON"},
        {"{\"value\":\"a\",\"headers\":{}}", "\"headers\" must be an array"},
        {"{\"value\":\"a\",\"headers\":[1]}", "header must be an object"},
        {"{\"value\":\"a\",\"headers\":[{\"value\":\"x\"}]}", "header has no \"key\""},
        {"{\"value\":\"a\",\"headers\":[{\"key\":null,\"value\":\"x\"}]}", "header has no \"key\""},
        {"{\"value\":\"a\",\"headers\":[{\"key\":\"x\"}]}", "header has no \"value\""},
        {"{\"value\":\"a\",\"headers\":[{\"key\":\"x\",\"value\":null,\"y\":1}]}", "more than"},
        {"{\"value\":\"\xff\"}", "not JSON"},
        {"{\"value\":\"\\ud800\"}", "not JSON"},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct strand_record record;
        char text[256];

        strcpy(path, "/tmp/test_cli_input.XXXXXX");
        (void)snprintf(text, sizeof text, "{\"value\":\"first\"}\n\n%s\n", CASES[i].text);
        open_text(CLI_INPUT_NDJSON, NULL, text);
        expect_record(NULL, "first");
        cr_expect_eq(next(&record), STRAND_ERR_BATCH, "%s", CASES[i].text);
        expect_sentence("line 3 of ");
        expect_sentence(CASES[i].sentence);
        clean_up();
    }
}

Test(cli_input, forgetting_keeps_the_record_that_was_handed_out_last)
{
    struct strand_record last;

    open_text(CLI_INPUT_NDJSON, NULL,
              "{\"value\":\"one\"}\n{\"value\":\"two\"}\n{\"value\":\"three\"}\n"
              "{\"value\":\"four\"}\n");
    cr_assert_eq(next(&last), STRAND_OK);
    cli_input_forget(&input);
    expect_record(NULL, "two");
    expect_bytes(last.value, "one");
    expect_record(NULL, "three");
    cr_assert_eq(next(&last), STRAND_OK);
    cli_input_forget(&input);
    expect_end();
    expect_bytes(last.value, "four");
}

Test(cli_input, a_file_that_is_not_there_is_named)
{
    cr_expect_eq(cli_input_open("/nonexistent/file", CLI_INPUT_LINES, NULL, LIMIT, &input),
                 STRAND_ERR_NOT_FOUND);
    expect_sentence("/nonexistent/file");
}

Test(cli_input, a_directory_cannot_be_read)
{
    struct strand_record record;

    cr_assert_eq(cli_input_open("/tmp", CLI_INPUT_LINES, NULL, LIMIT, &input), STRAND_OK);
    cr_assert_eq(cli_input_next(&input, &record), CLI_INPUT_MORE);
    cr_expect_neq(cli_input_fill(&input, NULL, 0), STRAND_OK);
    expect_sentence("/tmp");
}
