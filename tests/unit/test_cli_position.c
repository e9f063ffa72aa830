/* tests/unit/test_cli_position.c -- Places to start, and times as people write them. */
#include <criterion/criterion.h>

#include "tools/position.h"

Test(cli_position, times_are_ms_since_1970)
{
    static const struct {
        const char *text;
        int64_t ms;
    } CASES[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1969-12-31T23:59:59Z", -1000},
        {"2026-11-22T14:00:00Z", 1795356000000},
        {"2026-11-22t14:00:00z", 1795356000000},
        {"2026-11-22 14:00:00Z", 1795356000000},
        {"2026-11-22T15:30:00+01:30", 1795356000000},
        {"2026-11-22T06:00:00-08:00", 1795356000000},
        {"2026-11-22T14:00:00.5Z", 1795356000500},
        {"2026-11-22T14:00:00.0129999Z", 1795356000012},
        {"2000-02-29T00:00:00Z", 951782400000},
        {"2000-03-01T00:00:00Z", 951868800000},
        {"2100-02-28T23:59:59Z", 4107542399000},
        {"0001-01-01T00:00:00Z", -62135596800000},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        int64_t ms = 1;

        cr_expect(cli_time_parse(CASES[i].text, &ms), "%s", CASES[i].text);
        cr_expect_eq(ms, CASES[i].ms, "%s is not %lld", CASES[i].text, (long long)ms);
    }
}

Test(cli_position, refuses_times_that_are_none)
{
    static const char *const TEXTS[] = {
        "",
        "2026-11-22",
        "2026-11-22T14:00Z",
        "2026-11-22T14:00:00",
        "2026-11-22T14:00:00.Z",
        "2026-11-22T14:00:00ZZ",
        "2026-11-22T14:00:00+1:00",
        "2026-11-22T24:00:00Z",
        "2026-11-22T14:60:00Z",
        "2026-11-22T14:00:61Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-11-31T00:00:00Z",
        "2026-11-00T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "26-11-22T14:00:00Z",
        "2026/11/22T14:00:00Z",
    };

    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        int64_t ms;

        cr_expect_not(cli_time_parse(TEXTS[i], &ms), "%s", TEXTS[i]);
    }
}

Test(cli_position, every_form_is_understood)
{
    static const struct {
        const char *text;
        enum cli_position_kind kind;
        int64_t value;
    } CASES[] = {
        {"earliest", CLI_FROM_EARLIEST, 0},
        {"latest", CLI_FROM_LATEST, 0},
        {"0", CLI_FROM_OFFSET, 0},
        {"9223372036854775807", CLI_FROM_OFFSET, INT64_MAX},
        {"-5", CLI_FROM_BEFORE_END, 5},
        {"@1700000000000", CLI_FROM_TIME, 1700000000000},
        {"@1970-01-01T00:00:01Z", CLI_FROM_TIME, 1000},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct cli_position position;

        cr_assert_eq(cli_position_parse(CASES[i].text, &position), STRAND_OK, "%s", CASES[i].text);
        cr_expect_eq(position.kind, CASES[i].kind, "%s", CASES[i].text);
        cr_expect_eq(position.value, CASES[i].value, "%s", CASES[i].text);
    }
}

Test(cli_position, refuses_what_is_no_place)
{
    static const char *const TEXTS[] = {
        "",           "-",  "--5", "+5",       "5x",   " 5",  "@",
        "@-1",        "@x", "end", "Earliest", "0x10", "1.5", "9223372036854775808",
        "@2026-11-22"};

    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        struct cli_position position;

        cr_expect_eq(cli_position_parse(TEXTS[i], &position), STRAND_ERR_INVALID, "%s", TEXTS[i]);
    }
}
