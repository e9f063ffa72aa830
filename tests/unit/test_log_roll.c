/* tests/unit/test_log_roll.c -- When a new segment begins: size, time by the records' timestamps,
 * span of offsets. */
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "support/engine_fixture.h"
#include "support/hold_fs.h"

TestSuite(log_roll, .init = fixture_create, .fini = fixture_destroy, .timeout = 60);

/* One record of one letter makes a batch of 69 bytes. */
enum { BATCH_BYTES = 69, DAY_MS = 86400000 };

static int
append_at(int64_t timestamp_ms)
{
    struct strand_record record = {.timestamp_ms = timestamp_ms, .value = strand_bytes("v", 1)};

    return strand_log_append(fixture.log, &record, 1, NULL, NULL);
}

Test(log_roll, equal_appends_fill_segments_to_the_last_byte)
{
    static const struct {
        int32_t segment_bytes;
        const char *segments;
    } cases[] = {
        {3 * BATCH_BYTES - 1, "0:0+1,1+1 2:2+1,3+1 4:4+1,5+1 6:6+1"},
        {3 * BATCH_BYTES, "0:0+1,1+1,2+1 3:3+1,4+1,5+1 6:6+1"},
        {3 * BATCH_BYTES + 1, "0:0+1,1+1,2+1 3:3+1,4+1,5+1 6:6+1"},
    };

    fixture_open_engine();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture.log_options.segment_bytes = cases[i].segment_bytes;
        fixture_open_log();
        fixture_fill(7);
        cr_expect_str_eq(fixture_segments(), cases[i].segments);
        require_ok(strand_log_close(fixture.log));
        fixture.log = NULL;
        require_ok(strand_engine_delete_log(fixture.engine, "orders", 0));
    }
}

Test(log_roll, rolled_segments_have_their_exact_size_and_survive_a_power_cut)
{
    fixture.log_options.segment_bytes = 2 * BATCH_BYTES;
    fixture_open();
    fixture_fill(5);
    fixture_cut(STRAND_SIM_LOSE_ALL);

    cr_expect_str_eq(fixture_segments(), "0:0+1,1+1 2:2+1,3+1 4:4+1");
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=v 1=v 2=v 3=v 4=v");
    cr_expect_eq(fixture_info().info.segment_count, 3);
    cr_expect_eq(fixture_info().info.size_bytes, 5 * BATCH_BYTES);
}

Test(log_roll, unsynced_segments_are_synced_oldest_first)
{
    fixture.log_options.segment_bytes = BATCH_BYTES;
    fixture_open();
    for (int i = 0; i < 4; i++)
        require_ok(fixture_try_append("v", STRAND_WRITTEN, NULL));
    cr_expect_eq(fixture_positions().durable_end, 0);
    require_ok(strand_engine_sync(fixture.engine));
    cr_expect_eq(fixture_positions().durable_end, 4);
    fixture_cut(STRAND_SIM_LOSE_ALL);
    cr_expect_str_eq(fixture_segments(), "0:0+1 1:1+1 2:2+1 3:3+1");
}

Test(log_roll, time_is_that_of_the_records_not_of_the_wall)
{
    fixture.log_options.segment_ms = DAY_MS;
    fixture_open();
    require_ok(append_at(1000));
    strand_sim_disk_advance(fixture.disk, INT64_C(40) * DAY_MS * 1000000);
    require_ok(append_at(1000 + DAY_MS)); /* not later than a day */
    cr_expect_str_eq(fixture_segments(), "0:0+1,1+1");
    require_ok(append_at(1001 + DAY_MS));
    cr_expect_str_eq(fixture_segments(), "0:0+1,1+1 2:2+1");
    require_ok(append_at(500)); /* from long ago: into the segment that is there */
    cr_expect_str_eq(fixture_segments(), "0:0+1,1+1 2:2+1,3+1");
}

Test(log_roll, without_timestamps_the_age_of_the_segment_counts)
{
    fixture.log_options.segment_ms = DAY_MS;
    fixture_open();
    require_ok(append_at(STRAND_NO_TIMESTAMP));
    strand_sim_disk_advance(fixture.disk, (int64_t)DAY_MS * 1000000 / 2);
    require_ok(append_at(STRAND_NO_TIMESTAMP));
    cr_expect_str_eq(fixture_segments(), "0:0+1,1+1");
    strand_sim_disk_advance(fixture.disk, (int64_t)DAY_MS * 1000000);
    require_ok(append_at(STRAND_NO_TIMESTAMP));
    cr_expect_str_eq(fixture_segments(), "0:0+1,1+1 2:2+1");
}

Test(log_roll, first_timestamp_is_known_after_reopening)
{
    fixture.log_options.segment_ms = DAY_MS;
    fixture_open();
    require_ok(append_at(1000));
    fixture_reopen();
    require_ok(append_at(1001 + DAY_MS));
    cr_expect_str_eq(fixture_segments(), "0:0+1 1:1+1");
}

Test(log_roll, first_timestamp_is_forgotten_with_what_was_cut)
{
    fixture.log_options.segment_ms = DAY_MS;
    fixture_open();
    require_ok(append_at(1000));
    require_ok(strand_log_truncate(fixture.log, 0, NULL));
    require_ok(append_at(5 * (int64_t)DAY_MS));
    require_ok(append_at(5 * (int64_t)DAY_MS + 1));
    cr_expect_str_eq(fixture_segments(), "0:0+1,1+1");
}

Test(log_roll, span_of_offsets_stays_within_int32)
{
    fixture.log_options.flags = STRAND_LOG_REPLICATED;
    fixture.log_options.segment_ms = INT64_MAX;
    fixture_open();
    require_ok(fixture_follow("0+1"));
    require_ok(fixture_follow("2147483647+1")); /* the last that fits */
    require_ok(fixture_follow("2147483648+1"));
    require_ok(fixture_follow("9000000000+2"));
    cr_expect_str_eq(fixture_segments(), "0:0+1,2147483647+1 2147483648:2147483648+1 "
                                         "9000000000:9000000000+2");
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_eq(fixture_info().info.state, STRAND_LOG_HEALTHY, "%s", fixture_info().reason);
    cr_expect_eq(fixture_positions().log_end, 9000000002);
    cr_expect_str_eq(fixture_read(1, STRAND_READ_WRITTEN),
                     "2147483647=value 2147483648=value 9000000000=value 9000000001=value");
}

Test(log_roll, span_within_one_append_is_refused_unwritten)
{
    static const char *const texts[] = {"1+1 2147483649+1", "1+1 2+1 9000000000+1"};

    fixture.log_options.flags = STRAND_LOG_REPLICATED;
    fixture_open();
    require_ok(fixture_follow("0+1"));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        expect_status(STRAND_ERR_OFFSETS, fixture_follow(texts[i]));
        cr_expect_str_eq(fixture_segments(), "0:0+1");
    }
    require_ok(fixture_follow("1+1"));
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_WRITTEN), "0=value 1=value");
}

Test(log_roll, empty_segment_below_a_gap_is_readable_and_cut)
{
    fixture.log_options.flags = STRAND_LOG_REPLICATED;
    fixture_open();
    require_ok(fixture_follow("9000000000+1"));
    cr_expect_str_eq(fixture_segments(), "0: 9000000000:9000000000+1");
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_WRITTEN), "9000000000=value");
    require_ok(strand_log_truncate(fixture.log, 9000000000, NULL));
    cr_expect_eq(fixture_positions().log_end, 0);
    cr_expect_str_eq(fixture_segments(), "0:");
    require_ok(fixture_follow("0+1"));
    cr_expect_str_eq(fixture_read(0, STRAND_READ_WRITTEN), "0=value");
}

Test(log_roll, failed_roll_leaves_a_log_that_works)
{
    fixture.log_options.segment_bytes = BATCH_BYTES;
    fixture_open();
    (void)fixture_append("a");
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_OPEN, 1, 28 /* ENOSPC */, false);
    expect_status(STRAND_ERR_NO_SPACE, fixture_try_append("b", STRAND_DURABLE, NULL));
    cr_expect_str_eq(fixture_segments(), "0:0+1");
    (void)fixture_append("c");
    cr_expect_str_eq(fixture_segments(), "0:0+1 1:1+1");
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a 1=c");
}

Test(log_roll, set_larger_than_a_segment_is_refused)
{
    struct strand_append_options options = {.struct_size = sizeof options};
    uint8_t data[512];
    size_t size;

    fixture.log_options.segment_bytes = 250;
    fixture_open();
    const uint8_t *batches = fixture_batches("0+1 0+1 0+1 0+1", &size);
    cr_assert_leq(size, sizeof data);
    memcpy(data, batches, size);
    cr_assert_gt(size, 250);
    expect_status(STRAND_ERR_TOO_LARGE,
                  strand_log_append_batches(fixture.log, data, size, &options, NULL));
    expect_status(STRAND_OK,
                  strand_log_append_batches(fixture.log, data, size / 4 * 3, &options, NULL));
    cr_expect_str_eq(fixture_segments(), "0:0+1,1+1,2+1");
}

/* ---- A round beside a roll ---- */

static void *
append_main(void *argument)
{
    (void)argument;
    expect_status(STRAND_OK, fixture_try_append("c", STRAND_WRITTEN, NULL));
    return NULL;
}

static void *
wait_main(void *argument)
{
    expect_status(STRAND_OK, strand_log_wait(fixture.log, argument, -1));
    return NULL;
}

/* The round has seen the new segment empty, and goes on while that is written to. */
Test(log_roll, a_segment_that_begins_during_a_round_hides_none_before_it)
{
    struct strand_appended appended;
    pthread_t appender, waiter;

    fixture.fs = hold_fs(fixture.fs);
    fixture.engine_options.fs = fixture.fs;
    fixture.log_options.segment_bytes = BATCH_BYTES;
    fixture_open();
    expect_status(STRAND_OK, fixture_try_append("a", STRAND_WRITTEN, NULL));
    expect_status(STRAND_OK, fixture_try_append("b", STRAND_WRITTEN, &appended));
    hold_fs_hold(HOLD_FS_WRITE, "00000000000000000002.log");
    cr_assert_eq(pthread_create(&appender, NULL, append_main, NULL), 0);
    hold_fs_await(HOLD_FS_WRITE, "00000000000000000002.log", 1);
    hold_fs_hold(HOLD_FS_SYNC, "00000000000000000000.log");
    cr_assert_eq(pthread_create(&waiter, NULL, wait_main, &appended), 0);
    hold_fs_await(HOLD_FS_SYNC, "00000000000000000000.log", 1);
    hold_fs_release(HOLD_FS_WRITE, "00000000000000000002.log");
    cr_assert_eq(pthread_join(appender, NULL), 0);
    hold_fs_release(HOLD_FS_SYNC, "00000000000000000000.log");
    cr_assert_eq(pthread_join(waiter, NULL), 0);
    fixture_cut(STRAND_SIM_LOSE_ALL);

    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a 1=b");
}
