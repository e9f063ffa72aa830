/* tests/unit/test_cli_record_format.c -- kcat's letters and escapes print what kcat prints. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tools/record_format.h"

static struct strand_header headers[2];
static struct strand_record record;

static void
fill_record(void)
{
    headers[0].key = strand_bytes("a", 1);
    headers[0].value = strand_bytes("1", 1);
    headers[1].key = strand_bytes("b", 1);
    headers[1].value = strand_bytes(NULL, 0);
    record.offset = 42;
    record.timestamp_ms = 1700000000000;
    record.key = strand_bytes("key", 3);
    record.value = strand_bytes("val\0ue", 6);
    record.headers = headers;
    record.header_count = 2;
}

TestSuite(cli_record_format, .init = fill_record);

static void
expect_print(const char *text, const char *expected, size_t expected_size)
{
    struct cli_record_format *format;
    char *printed;
    size_t size;
    FILE *stream = open_memstream(&printed, &size);

    cr_assert_eq(cli_record_format_create(text, &format), STRAND_OK);
    cli_record_format_put(format, stream, "orders", 3, &record);
    cr_assert_eq(fclose(stream), 0);
    cr_assert_eq(size, expected_size, "%s gave %zu bytes: %s", text, size, printed);
    cr_expect(memcmp(printed, expected, size) == 0, "%s gave %s", text, printed);
    cli_record_format_destroy(format);
    free(printed);
}

Test(cli_record_format, each_letter_prints_its_part)
{
    static const struct {
        const char *format;
        const char *expected;
    } CASES[] = {
        {"%k", "key"},
        {"%K", "3"},
        {"%S", "6"},
        {"%o", "42"},
        {"%p", "3"},
        {"%t", "orders"},
        {"%T", "1700000000000"},
        {"%h", "a=1,b=NULL"},
        {"%%", "%"},
        {"", ""},
        {"plain", "plain"},
        {"%t-%p@%o\\n", "orders-3@42\n"},
        {"100%%%k%%s", "100%key%s"},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        expect_print(CASES[i].format, CASES[i].expected, strlen(CASES[i].expected));
}

Test(cli_record_format, values_keep_their_zero_bytes)
{
    expect_print("%s\\n", "val\0ue\n", 7);
}

Test(cli_record_format, binary_size_and_value_can_be_read_back)
{
    expect_print("%R%s", "\0\0\0\x06val\0ue", 10);
    record.value = strand_bytes(NULL, 0);
    expect_print("%R%s", "\xff\xff\xff\xff", 4);
}

Test(cli_record_format, null_prints_nothing_and_is_minus_one)
{
    record.key = strand_bytes(NULL, 0);
    record.value = strand_bytes("", 0);
    record.header_count = 0;
    expect_print("[%k|%K|%s|%S|%h]", "[|-1||0|]", 9);
}

Test(cli_record_format, escapes_are_resolved)
{
    expect_print("\\n\\t\\r\\0\\\\\\x41\\xfF", "\n\t\r\0\\A\xff", 7);
}

Test(cli_record_format, refuses_unknown_letters_and_escapes)
{
    static const char *const TEXTS[] = {"%",   "%x",  "ok %", "%S%z", "\\",
                                        "\\q", "\\x", "\\x4", "\\xg0"};

    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        struct cli_record_format *format = NULL;

        cr_expect_eq(cli_record_format_create(TEXTS[i], &format), STRAND_ERR_INVALID, "%s",
                     TEXTS[i]);
        cr_expect_null(format);
    }
}
