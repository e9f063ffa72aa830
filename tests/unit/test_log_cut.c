/* tests/unit/test_log_cut.c -- Truncate at every offset, trim at every offset, reset: what is left
 * in memory, on disk, and after a power cut. */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "support/engine_fixture.h"
#include "support/log_image.h"

TestSuite(log_cut, .init = fixture_create, .fini = fixture_destroy, .timeout = 120);

enum { LOG_END = 12 };

/* Batches of [0,1) [1,4) [4,6) [6,7) [7,10) [10,12): two in a segment, of which there are three. */
#define SEGMENTS "0:0+1,1+3 4:4+2,6+1 7:7+3,10+2"

static void
make_log(void)
{
    fixture_open_engine();
    fixture.log_options.segment_bytes = 165;
    fixture_open_log();
    (void)fixture_append("0");
    (void)fixture_append("1 2 3");
    (void)fixture_append("4 5");
    (void)fixture_append("6");
    (void)fixture_append("7 8 9");
    (void)fixture_append("10 11");
    cr_assert_str_eq(fixture_segments(), SEGMENTS);
}

static void
remake_log(void)
{
    if (fixture.engine == NULL) {
        make_log();
        return;
    }
    require_ok(strand_log_close(fixture.log));
    fixture.log = NULL;
    require_ok(strand_engine_delete_log(fixture.engine, "orders", 0));
    require_ok(strand_engine_close(fixture.engine));
    fixture.engine = NULL;
    make_log();
}

/* "3=3 4=4" for the offsets [FROM, TO). */
static const char *
records(int64_t from, int64_t to)
{
    static char text[512];
    size_t used = 0;

    text[0] = '\0';
    for (int64_t offset = from; offset < to; offset++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%" PRId64 "=%" PRId64,
                                 used == 0 ? "" : " ", offset, offset);
    return text;
}

static void
expect_log(int64_t start, int64_t end, const char *segments, const char *when)
{
    struct strand_positions positions = fixture_positions();

    cr_expect_eq(positions.log_start, start, "%s: log start %lld", when,
                 (long long)positions.log_start);
    cr_expect_eq(positions.log_end, end, "%s: log end %lld", when, (long long)positions.log_end);
    cr_expect_eq(positions.durable_end, end, "%s", when);
    cr_expect_eq(positions.high_watermark, end, "%s", when);
    cr_expect_str_eq(fixture_segments(), segments, "%s: %s", when, fixture_segments());
    cr_expect_str_eq(fixture_read(start, STRAND_READ_WRITTEN), records(start, end), "%s: %s", when,
                     fixture_read(start, STRAND_READ_WRITTEN));
}

Test(log_cut, truncate_at_every_offset)
{
    static const struct {
        int64_t log_end;
        const char *segments;
    } expected[LOG_END + 2] = {
        {0, "0:"},
        {1, "0:0+1"},
        {1, "0:0+1"},
        {1, "0:0+1"},
        {4, "0:0+1,1+3 4:"},
        {4, "0:0+1,1+3 4:"},
        {6, "0:0+1,1+3 4:4+2"},
        {7, "0:0+1,1+3 4:4+2,6+1 7:"},
        {7, "0:0+1,1+3 4:4+2,6+1 7:"},
        {7, "0:0+1,1+3 4:4+2,6+1 7:"},
        {10, "0:0+1,1+3 4:4+2,6+1 7:7+3"},
        {10, "0:0+1,1+3 4:4+2,6+1 7:7+3"},
        {12, SEGMENTS},
        {12, SEGMENTS},
    };

    for (int64_t offset = 0; offset < LOG_END + 2; offset++) {
        int64_t log_end = -1;
        char when[64];

        remake_log();
        uint64_t generation = fixture_positions().generation;
        require_ok(strand_log_truncate(fixture.log, offset, &log_end));
        (void)snprintf(when, sizeof when, "truncated to %lld", (long long)offset);
        cr_expect_eq(log_end, expected[offset].log_end, "%s", when);
        expect_log(0, log_end, expected[offset].segments, when);
        cr_expect_eq(fixture_positions().generation > generation, offset < LOG_END, "%s", when);

        fixture_cut(STRAND_SIM_LOSE_ALL);
        fixture_open();
        expect_log(0, log_end, expected[offset].segments, when);
        cr_expect_eq(fixture_append("new").base_offset, log_end, "%s", when);
        require_ok(strand_engine_health(fixture.engine));
    }
}

Test(log_cut, truncated_offsets_are_given_again)
{
    make_log();
    require_ok(strand_log_truncate(fixture.log, 5, NULL));
    cr_expect_eq(fixture_append("x y z").base_offset, 4);
    cr_expect_str_eq(fixture_read(2, STRAND_READ_COMMITTED), "2=2 3=3 4=x 5=y 6=z");
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_str_eq(fixture_read(2, STRAND_READ_COMMITTED), "2=2 3=3 4=x 5=y 6=z");
}

Test(log_cut, written_records_can_be_truncated_too)
{
    make_log();
    require_ok(fixture_try_append("12 13", STRAND_WRITTEN, NULL));
    require_ok(fixture_try_append("14", STRAND_WRITTEN, NULL));
    require_ok(strand_log_truncate(fixture.log, 14, NULL));
    cr_expect_eq(fixture_positions().log_end, 14);
    cr_expect_eq(fixture_positions().durable_end, 12, "the cut makes nothing durable");
    require_ok(strand_engine_sync(fixture.engine));
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), records(0, 14));
}

Test(log_cut, truncate_below_the_log_start_is_refused)
{
    make_log();
    require_ok(strand_log_trim(fixture.log, 5));
    expect_status(STRAND_ERR_OUT_OF_RANGE, strand_log_truncate(fixture.log, 4, NULL));
    expect_message("reset");
    expect_status(STRAND_ERR_OUT_OF_RANGE, strand_log_truncate(fixture.log, -1, NULL));
    expect_log(5, 12, "4:4+2,6+1 7:7+3,10+2", "after refusals");
}

Test(log_cut, truncate_into_the_batch_across_the_log_start_empties_the_log)
{
    int64_t log_end = -1;

    make_log();
    require_ok(strand_log_trim(fixture.log, 8));
    require_ok(strand_log_truncate(fixture.log, 9, &log_end));
    cr_expect_eq(log_end, 8);
    expect_log(8, 8, "8:", "emptied");
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    expect_log(8, 8, "8:", "reopened");
    cr_expect_eq(fixture_append("x").base_offset, 8);
}

Test(log_cut, trim_at_every_offset)
{
    static const char *const segments[LOG_END + 1] = {
        SEGMENTS,
        SEGMENTS,
        SEGMENTS,
        SEGMENTS,
        "4:4+2,6+1 7:7+3,10+2",
        "4:4+2,6+1 7:7+3,10+2",
        "4:4+2,6+1 7:7+3,10+2",
        "7:7+3,10+2",
        "7:7+3,10+2",
        "7:7+3,10+2",
        "7:7+3,10+2",
        "7:7+3,10+2",
        "7:7+3,10+2",
    };

    for (int64_t offset = 0; offset <= LOG_END; offset++) {
        char when[64];

        remake_log();
        require_ok(strand_log_trim(fixture.log, offset));
        (void)snprintf(when, sizeof when, "trimmed to %lld", (long long)offset);
        expect_log(offset, LOG_END, segments[offset], when);
        if (offset > 0)
            cr_expect_str_eq(fixture_read(offset - 1, STRAND_READ_WRITTEN), "(-13)", "%s", when);
        fixture_cut(STRAND_SIM_LOSE_ALL);
        fixture_open();
        expect_log(offset, LOG_END, segments[offset], when);
        require_ok(strand_engine_health(fixture.engine));
        cr_expect_eq(fixture_append("new").base_offset, LOG_END);
    }
}

Test(log_cut, trim_never_lowers_the_log_start)
{
    make_log();
    require_ok(strand_log_trim(fixture.log, 5));
    require_ok(strand_log_trim(fixture.log, 3));
    require_ok(strand_log_trim(fixture.log, 5));
    cr_expect_eq(fixture_positions().log_start, 5);
    expect_status(STRAND_ERR_INVALID, strand_log_trim(fixture.log, -1));
}

Test(log_cut, trim_goes_no_higher_than_the_high_watermark)
{
    make_log();
    require_ok(fixture_try_append("12 13", STRAND_WRITTEN, NULL));
    expect_status(STRAND_ERR_OUT_OF_RANGE, strand_log_trim(fixture.log, 13));
    expect_message("high watermark");
    cr_expect_eq(fixture_positions().log_start, 0);
    require_ok(strand_log_trim(fixture.log, 12));
    cr_expect_eq(fixture_positions().log_end, 14);
}

Test(log_cut, trim_that_could_not_be_made_durable_is_tried_again)
{
    make_log();
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_SYNC, 1, EIO, true);
    cr_expect_lt(strand_log_trim(fixture.log, 5), 0);
    cr_expect_lt(strand_log_trim(fixture.log, 5), 0, "it is still not durable");
    strand_sim_disk_plan_clear(fixture.disk);
    require_ok(strand_log_trim(fixture.log, 5));
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_eq(fixture_positions().log_start, 5);
    cr_expect_str_eq(fixture_read(5, STRAND_READ_COMMITTED), records(5, LOG_END));
}

Test(log_cut, trimmed_log_takes_appends_and_goes_on_trimming)
{
    make_log();
    require_ok(strand_log_trim(fixture.log, LOG_END));
    (void)fixture_append("12");
    (void)fixture_append("13");
    (void)fixture_append("14");
    require_ok(strand_log_trim(fixture.log, 14));
    fixture_reopen();
    cr_expect_str_eq(fixture_read(14, STRAND_READ_COMMITTED), "14=14");
    cr_expect_eq(fixture_positions().log_start, 14);
}

Test(log_cut, reset_at_every_kind_of_offset)
{
    static const int64_t offsets[] = {0, 3, LOG_END, 1000, INT64_MAX / 2};

    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        char segments[64];

        remake_log();
        uint64_t generation = fixture_positions().generation;
        require_ok(strand_log_reset(fixture.log, offsets[i]));
        (void)snprintf(segments, sizeof segments, "%" PRId64 ":", offsets[i]);
        expect_log(offsets[i], offsets[i], segments, "reset");
        cr_expect_gt(fixture_positions().generation, generation);
        fixture_cut(STRAND_SIM_LOSE_ALL);
        fixture_open();
        expect_log(offsets[i], offsets[i], segments, "reopened");
        cr_expect_eq(fixture_append("x y").base_offset, offsets[i]);
        require_ok(strand_engine_health(fixture.engine));
    }
}

Test(log_cut, reset_to_a_negative_offset_is_refused)
{
    make_log();
    expect_status(STRAND_ERR_INVALID, strand_log_reset(fixture.log, -1));
    expect_log(0, LOG_END, SEGMENTS, "refused");
}

Test(log_cut, cut_of_a_full_disk_works)
{
    make_log();
    strand_sim_disk_set_capacity(fixture.disk, 1);
    expect_status(STRAND_OK, strand_log_trim(fixture.log, 5));
    cr_expect_eq(fixture_positions().log_start, 5);
    cr_expect_str_eq(fixture_segments(), "4:4+2,6+1 7:7+3,10+2");
}

Test(log_cut, cut_makes_the_segments_in_front_neither_durable_nor_forgotten)
{
    fixture.log_options.segment_bytes = 165;
    fixture_open();
    for (int i = 0; i < 8; i++)
        require_ok(fixture_try_append("v", STRAND_WRITTEN, NULL));
    cr_assert_str_eq(fixture_segments(), "0:0+1,1+1 2:2+1,3+1 4:4+1,5+1 6:6+1,7+1");
    require_ok(strand_log_truncate(fixture.log, 5, NULL));
    cr_expect_eq(fixture_positions().durable_end, 0);
    require_ok(strand_engine_sync(fixture.engine));
    cr_expect_eq(fixture_positions().durable_end, 5);
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=v 1=v 2=v 3=v 4=v");
}

Test(log_cut, interrupted_cut_fails_the_log_until_it_is_reopened)
{
    static const struct {
        uint64_t nth; /* change of a name that fails */
        int64_t log_end;
        const char *segments;
    } cases[] = {{1, 12, SEGMENTS}, {2, 7, "0:0+1,1+3 4:4+2,6+1"}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        remake_log();
        strand_sim_disk_plan_clear(fixture.disk);
        strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_NAME, cases[i].nth, EIO, true);
        cr_expect_lt(strand_log_truncate(fixture.log, 5, NULL), 0);
        strand_sim_disk_plan_clear(fixture.disk);
        cr_expect_eq(fixture_info().info.state, STRAND_LOG_FAILED);
        expect_status(STRAND_ERR_FAILED, fixture_try_append("x", STRAND_DURABLE, NULL));
        require_ok(strand_log_close(fixture.log));
        fixture.log = NULL;
        expect_status(STRAND_ERR_FAILED, strand_engine_close(fixture.engine));
        fixture.engine = NULL;
        fixture_open();
        expect_log(0, cases[i].log_end, cases[i].segments, "reopened");
        cr_expect_eq(fixture_append("x").base_offset, cases[i].log_end);
    }
}
