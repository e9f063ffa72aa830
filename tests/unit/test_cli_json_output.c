/* tests/unit/test_cli_json_output.c -- What is printed is JSON, says all, and comes back unchanged.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tools/arena.h"
#include "tools/json_input.h"
#include "tools/json_output.h"

static char *text;
static size_t text_size;
static FILE *stream;

static void
open_stream(void)
{
    stream = open_memstream(&text, &text_size);
    cr_assert_not_null(stream);
}

static void
close_stream(void)
{
    free(text);
}

/* What was printed so far. */
static const char *
printed(void)
{
    cr_assert_eq(fclose(stream), 0);
    return text;
}

TestSuite(cli_json_output, .init = open_stream, .fini = close_stream);

static struct strand_bytes
bytes_of(const char *string)
{
    return strand_bytes(string, strlen(string));
}

Test(cli_json_output, utf8_is_what_the_standard_says)
{
    static const struct {
        const char *data;
        bool is_valid;
    } CASES[] = {
        {"", true},
        {"plain", true},
        {"\x7f", true},
        {"\xc3\xa4", true},          /* U+00E4 */
        {"\xc2\x80", true},          /* the first of two bytes */
        {"\xdf\xbf", true},          /* the last */
        {"\xe0\xa0\x80", true},      /* the first of three */
        {"\xed\x9f\xbf", true},      /* the last in front of the surrogates */
        {"\xee\x80\x80", true},      /* the first behind them */
        {"\xef\xbf\xbf", true},      /* the last of three */
        {"\xf0\x90\x80\x80", true},  /* the first of four */
        {"\xf4\x8f\xbf\xbf", true},  /* U+10FFFF */
        {"\xf4\x90\x80\x80", false}, /* beyond */
        {"\xf5\x80\x80\x80", false},
        {"\xff", false},
        {"\x80", false}, /* nothing begins like that */
        {"\xbf", false},
        {"\xc0\x80", false}, /* overlong */
        {"\xc1\xbf", false},
        {"\xe0\x9f\xbf", false},
        {"\xf0\x8f\xbf\xbf", false},
        {"\xed\xa0\x80", false}, /* a surrogate */
        {"\xed\xbf\xbf", false},
        {"\xc3", false}, /* cut short */
        {"\xe2\x82", false},
        {"\xf0\x9f\x98", false},
        {"\xc3(", false},
        {"\xe2\x82(", false},
        {"\xf0\x9f\x98(", false},
        {"ok\xc3\xa4ok\xe2(\xa1", false},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        cr_expect_eq(cli_utf8_is_valid(CASES[i].data, strlen(CASES[i].data)), CASES[i].is_valid,
                     "case %zu", i);
    (void)printed();
}

Test(cli_json_output, a_character_that_the_size_cuts_short_is_none)
{
    static const char DATA[] = "\xf0\x9f\x98\x80";

    for (size_t size = 1; size < 4; size++)
        cr_expect_not(cli_utf8_is_valid(DATA, size), "%zu bytes", size);
    cr_expect(cli_utf8_is_valid(DATA, 4));
    (void)printed();
}

Test(cli_json_output, strings_escape_what_json_forbids)
{
    static const char DATA[] = "a\"b\\c/\b\f\n\r\t\x01\x1f\x7f\0z\xc3\xa4";

    cli_json_put_string(stream, DATA, sizeof DATA - 1);
    cr_expect_str_eq(printed(),
                     "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\\u0000z\xc3\xa4\"");
}

Test(cli_json_output, bytes_are_text_or_base64_or_null)
{
    cli_json_put_bytes(stream, "key", bytes_of("k"));
    cli_json_put_bytes(stream, "key", strand_bytes("", 0));
    cli_json_put_bytes(stream, "key", strand_bytes(NULL, 0));
    cli_json_put_bytes(stream, "key", bytes_of("\xff\xfe"));
    cr_expect_str_eq(printed(), "\"key\":\"k\"\"key\":\"\"\"key\":null\"key_base64\":\"//4=\"");
}

Test(cli_json_output, long_binary_has_padding_at_the_end_only)
{
    uint8_t data[2000];

    memset(data, 0xff, sizeof data);
    cli_json_put_bytes(stream, "v", strand_bytes(data, sizeof data));
    const char *end = printed() + text_size - 1;
    cr_expect_eq(text_size, strlen("\"v_base64\":\"\"") + (sizeof data + 2) / 3 * 4);
    cr_expect_eq(strchr(text, '='), end - 1);
    cr_expect_eq(*end, '"');
}

Test(cli_json_output, a_record_is_one_line)
{
    const struct strand_header headers[] = {
        {bytes_of("h1"), bytes_of("one\n")},
        {bytes_of("h2"), strand_bytes(NULL, 0)},
    };
    const struct strand_record record = {
        .offset = 42,
        .timestamp_ms = 1700000000000,
        .value = bytes_of("v"),
        .headers = headers,
        .header_count = 2,
    };

    cli_json_put_record(stream, &record);
    cr_expect_str_eq(printed(),
                     "{\"offset\":42,\"timestamp\":1700000000000,\"key\":null,"
                     "\"value\":\"v\",\"headers\":[{\"key\":\"h1\",\"value\":\"one\\n\"},"
                     "{\"key\":\"h2\",\"value\":null}]}\n");
}

static void
expect_same(struct strand_bytes actual, struct strand_bytes expected)
{
    cr_assert_eq(actual.data == NULL, expected.data == NULL);
    cr_assert_eq(actual.size, expected.size);
    cr_expect(actual.size == 0 || memcmp(actual.data, expected.data, actual.size) == 0);
}

Test(cli_json_output, append_reads_what_read_prints)
{
    static const char ZERO[] = "a\0b";
    const struct strand_header headers[] = {
        {bytes_of("\xf0\x9f\x98\x80"), bytes_of("\x80\x81")},
        {strand_bytes("", 0), strand_bytes(NULL, 0)},
    };
    const struct strand_record record = {
        .offset = 7,
        .timestamp_ms = STRAND_NO_TIMESTAMP,
        .key = bytes_of("\xc0\xff"),
        .value = strand_bytes(ZERO, 3),
        .headers = headers,
        .header_count = 2,
    };
    struct strand_record back;
    struct cli_arena arena = {NULL};

    cli_json_put_record(stream, &record);
    (void)printed();
    cr_assert_eq(cli_json_parse_record(text, text_size - 1, &arena, &back), STRAND_OK);
    cr_expect_eq(back.timestamp_ms, record.timestamp_ms);
    expect_same(back.key, record.key);
    expect_same(back.value, record.value);
    cr_assert_eq(back.header_count, 2);
    for (size_t i = 0; i < 2; i++) {
        expect_same(back.headers[i].key, headers[i].key);
        expect_same(back.headers[i].value, headers[i].value);
    }
    cli_arena_deinit(&arena);
}
