/* tests/unit/test_segment_facts.c -- Segments that opening did not read answer as those that it
 * did. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "support/engine_fixture.h"

enum { RECORDS = 12, TIMES = 9 };

/* Out of order, twice the same, none at all. */
static const int64_t TIMESTAMPS[RECORDS] = {500, 100, 900, 300, 300, STRAND_NO_TIMESTAMP,
                                            700, 800, 850, 200, 950, 10};
static const int64_t LOOKED_FOR[TIMES] = {
    STRAND_MAX_TIMESTAMP, 0, 100, 301, 700, 851, 901, 950, 951};

static void
create(void)
{
    fixture_create();
    fixture.log_options.segment_bytes = 2 * 69;
}

TestSuite(segment_facts, .init = create, .fini = fixture_destroy, .timeout = 120);

static void
append_at(int64_t timestamp_ms)
{
    struct strand_record record = {.value = {"v", 1}, .timestamp_ms = timestamp_ms};

    require_ok(strand_log_append(fixture.log, &record, 1, NULL, NULL));
}

/* Answers to every look-up, in one text. */
static const char *
answers(void)
{
    static char text[1024];
    size_t used = 0;

    for (size_t i = 0; i < TIMES; i++) {
        int64_t offset = -7, timestamp_ms = -7;
        int status = strand_log_offset_for_timestamp(fixture.log, LOOKED_FOR[i],
                                                     STRAND_READ_COMMITTED, &offset, &timestamp_ms);

        used += (size_t)snprintf(text + used, sizeof text - used, "%d:%lld@%lld ", status,
                                 (long long)offset, (long long)timestamp_ms);
    }
    return text;
}

Test(segment_facts, times_are_found_as_before)
{
    char before[1024];

    fixture_open();
    for (size_t i = 0; i < RECORDS; i++)
        append_at(TIMESTAMPS[i]);
    (void)snprintf(before, sizeof before, "%s", answers());
    fixture_reopen();
    cr_assert_eq(fixture_report().report.verdict, STRAND_VERDICT_CLEAN);
    cr_expect_str_eq(answers(), before);
    fixture_kill();
    fixture_open();
    cr_assert_lt(fixture_report().report.scanned_count, 3);
    cr_expect_str_eq(answers(), before);
}

/* The appends come while the last segment is not learnt: it is learnt with them. */
Test(segment_facts, appends_in_front_of_a_look_up_are_found)
{
    fixture.log_options.segment_bytes = FIXTURE_SEGMENT_BYTES;
    fixture_open();
    append_at(100);
    fixture_reopen();
    append_at(50);
    append_at(200);
    int64_t offset = -1;
    require_ok(
        strand_log_offset_for_timestamp(fixture.log, 101, STRAND_READ_COMMITTED, &offset, NULL));
    cr_expect_eq(offset, 2);
    require_ok(
        strand_log_offset_for_timestamp(fixture.log, 60, STRAND_READ_COMMITTED, &offset, NULL));
    cr_expect_eq(offset, 0);
}

Test(segment_facts, every_offset_is_found_in_a_segment_nobody_read)
{
    char expected[32];

    fixture_open();
    fixture_fill(RECORDS);
    for (int64_t offset = 0; offset < RECORDS; offset++) {
        fixture_reopen();
        (void)snprintf(expected, sizeof expected, "%lld=v", (long long)offset);
        cr_expect_eq(
            strncmp(fixture_read(offset, STRAND_READ_COMMITTED), expected, strlen(expected)), 0,
            "%s", fixture_read(offset, STRAND_READ_COMMITTED));
    }
}

/* A segment rolls by the time of its first record, also when that was not read. */
Test(segment_facts, rolls_by_time_go_by_the_first_record)
{
    fixture.log_options.segment_bytes = FIXTURE_SEGMENT_BYTES;
    fixture.log_options.segment_ms = 1000;
    fixture_open();
    append_at(5000);
    fixture_reopen();
    append_at(6000);
    cr_expect_eq(fixture_info().info.segment_count, 1);
    append_at(6001);
    cr_expect_eq(fixture_info().info.segment_count, 2);
}

Test(segment_facts, a_missing_segment_is_told_by_reads_on_both_sides)
{
    fixture_open();
    fixture_fill(6);
    fixture_close();
    require_ok(
        strand_sim_disk_store(fixture.disk, FIXTURE_LOG "/00000000000000000002.log", NULL, 0));
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=v 1=v [2,4) 4=v 5=v");
    cr_expect_str_eq(fixture_read(2, STRAND_READ_COMMITTED), "[2,4) 4=v 5=v");
    cr_expect_str_eq(fixture_read(3, STRAND_READ_COMMITTED), "[3,4) 4=v 5=v");
}

Test(segment_facts, gaps_that_a_follower_declared_are_no_damage)
{
    fixture.log_options.flags = STRAND_LOG_REPLICATED;
    fixture.log_options.segment_bytes = 160;
    fixture_open();
    require_ok(fixture_follow("e0 0+1 1+1"));
    require_ok(fixture_follow("5+1"));
    require_ok(fixture_follow("6+1 7+1"));
    require_ok(strand_log_set_high_watermark(fixture.log, 8));
    fixture_reopen();
    cr_assert_eq(fixture_report().report.verdict, STRAND_VERDICT_CLEAN);
    struct strand_fetch fetch;
    require_ok(strand_log_fetch(fixture.log, 3, NULL, &fetch));
    cr_expect_gt(fetch.size, 0);
    cr_expect_eq(fetch.next_offset, 6);
    strand_fetch_release(&fetch);
}
