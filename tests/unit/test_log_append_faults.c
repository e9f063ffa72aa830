/* tests/unit/test_log_append_faults.c -- A full disk refuses cleanly, a short write is continued, a
 * failed sync fails its log and no other. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "support/engine_fixture.h"

TestSuite(log_append_faults, .init = fixture_create, .fini = fixture_destroy, .timeout = 60);

static struct strand_log *
open_other(void)
{
    struct strand_log *other = NULL;

    require_ok(strand_log_open(fixture.engine, "other", 0, &fixture.log_options, &other));
    return other;
}

static int
append_to(struct strand_log *log)
{
    struct strand_record record = {.value = {"v", 1}};

    return strand_log_append(log, &record, 1, NULL, NULL);
}

static void
fail_next(uint32_t kinds, int code)
{
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, kinds, 1, code, false);
}

Test(log_append_faults, full_disk_is_a_clean_refusal_and_appends_resume)
{
    static char text[9000];
    struct strand_record record = {.value = strand_bytes(text, sizeof text)};

    fixture_open();
    (void)fixture_append("a");
    strand_sim_disk_set_capacity(fixture.disk, 1);
    for (int i = 0; i < 3; i++) {
        struct strand_appended appended = {.base_offset = 77};

        expect_status(STRAND_ERR_NO_SPACE,
                      strand_log_append(fixture.log, &record, 1, NULL, &appended));
        cr_expect_eq(appended.base_offset, 77);
        cr_expect_str_eq(fixture_segments(), "0:0+1");
        cr_expect_eq(fixture_positions().log_end, 1);
    }
    cr_expect_str_eq(fixture_read(0, STRAND_READ_WRITTEN), "0=a");
    require_ok(strand_engine_health(fixture.engine));

    strand_sim_disk_set_capacity(fixture.disk, 0);
    require_ok(strand_log_append(fixture.log, &record, 1, NULL, NULL));
    cr_expect_str_eq(fixture_segments(), "0:0+1,1+1");
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_eq(fixture_positions().log_end, 2);
}

Test(log_append_faults, write_that_fails_in_the_middle_leaves_no_trace)
{
    static const int codes[] = {ENOSPC, EIO, EDQUOT, EFBIG};

    fixture_open();
    (void)fixture_append("a");
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        fail_next(STRAND_SIM_WRITE, codes[i]);
        cr_expect_lt(fixture_try_append("b", STRAND_DURABLE, NULL), 0);
        cr_expect_str_eq(fixture_segments(), "0:0+1");
        require_ok(strand_engine_health(fixture.engine));
    }
    (void)fixture_append("c");
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a 1=c");
}

Test(log_append_faults, write_of_unknown_extent_fails_the_log)
{
    fixture_open();
    (void)fixture_append("a");
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_WRITE, 1, EIO, true);
    expect_status(STRAND_ERR_FAILED, fixture_try_append("b", STRAND_DURABLE, NULL));
    strand_sim_disk_plan_clear(fixture.disk);
    expect_status(STRAND_ERR_FAILED, fixture_try_append("c", STRAND_DURABLE, NULL));
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a");
    cr_expect_eq(fixture_info().info.state, STRAND_LOG_FAILED);
}

Test(log_append_faults, short_writes_are_continued)
{
    struct strand_sim_disk_options options = {
        .seed = 7, .file_size_max = FIXTURE_FILE_SIZE_MAX, .short_writes = true};

    strand_sim_disk_destroy(fixture.disk);
    require_ok(strand_sim_disk_create(&options, &fixture.disk));
    fixture.fs = strand_sim_disk_fs(fixture.disk);
    fixture.engine_options.fs = fixture.fs;
    fixture_open();
    (void)fixture_append("a b");
    (void)fixture_append("c");
    cr_expect_str_eq(fixture_segments(), "0:0+2,2+1");
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a 1=b 2=c");
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a 1=b 2=c");
}

Test(log_append_faults, failed_sync_fails_its_log_and_no_other)
{
    struct strand_appended appended = {.base_offset = 77};
    struct strand_log *other;

    fixture_open();
    other = open_other();
    (void)fixture_append("a");
    fail_next(STRAND_SIM_SYNC, EIO);
    expect_status(STRAND_ERR_FAILED, fixture_try_append("b", STRAND_DURABLE, &appended));
    cr_expect_eq(appended.base_offset, 1, "the records were written");
    cr_expect_eq(fixture_positions().durable_end, 1);
    cr_expect_eq(fixture_positions().high_watermark, 1);
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a");

    expect_status(STRAND_ERR_FAILED, fixture_try_append("c", STRAND_WRITTEN, NULL));
    expect_status(STRAND_ERR_FAILED, strand_log_wait(fixture.log, &appended, -1));
    expect_status(STRAND_ERR_FAILED, strand_log_truncate(fixture.log, 0, NULL));
    expect_status(STRAND_ERR_FAILED, strand_log_trim(fixture.log, 1));
    expect_status(STRAND_ERR_FAILED, strand_log_reset(fixture.log, 5));
    expect_status(STRAND_ERR_FAILED, strand_log_begin_epoch(fixture.log, 9));
    require_ok(append_to(other));

    expect_status(STRAND_ERR_FAILED, strand_engine_health(fixture.engine));
    expect_message("orders-0");
    cr_expect_eq(fixture_info().info.state, STRAND_LOG_FAILED);
    cr_expect_not_null(strstr(fixture_info().reason, "orders-0"));
    expect_status(STRAND_ERR_FAILED, strand_engine_sync(fixture.engine));
    require_ok(append_to(other));
    require_ok(strand_log_close(other));
}

Test(log_append_faults, failed_sync_is_told_at_close_and_healed_by_opening)
{
    fixture_open();
    (void)fixture_append("a");
    fail_next(STRAND_SIM_SYNC, EIO);
    expect_status(STRAND_ERR_FAILED, fixture_try_append("b", STRAND_DURABLE, NULL));
    require_ok(strand_log_close(fixture.log));
    fixture.log = NULL;
    expect_status(STRAND_ERR_FAILED, strand_engine_close(fixture.engine));
    expect_message("orders-0");
    fixture.engine = NULL;

    fixture_open();
    require_ok(strand_engine_health(fixture.engine));
    (void)fixture_append("c");
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a 1=b 2=c");
}

Test(log_append_faults, sync_is_never_tried_again)
{
    fixture_open();
    (void)fixture_append("a");
    require_ok(fixture_try_append("b", STRAND_WRITTEN, NULL));
    fail_next(STRAND_SIM_SYNC, EIO);
    expect_status(STRAND_ERR_FAILED, strand_engine_sync(fixture.engine));
    uint64_t calls = strand_sim_disk_calls(fixture.disk);
    expect_status(STRAND_ERR_FAILED, strand_engine_sync(fixture.engine));
    strand_sim_disk_advance(fixture.disk, INT64_C(10000000000));
    require_ok(strand_engine_run(fixture.engine, NULL));
    for (uint64_t call = calls + 1; call <= strand_sim_disk_calls(fixture.disk); call++)
        cr_expect_null(strstr(strand_sim_disk_trace(fixture.disk, call), "orders-0"), "%s",
                       strand_sim_disk_trace(fixture.disk, call));
}

Test(log_append_faults, dirty_segments_are_made_durable_before_their_files_are_closed)
{
    fixture.log_options.segment_bytes = 69;
    fixture_open();
    for (int i = 0; i < 40; i++)
        require_ok(fixture_try_append("v", STRAND_WRITTEN, NULL));
    cr_expect_leq(strand_sim_disk_open_files(fixture.disk), 16 + 2 /* frontier and lock */);
    cr_expect_geq(fixture_positions().durable_end, 40 - 16, "a file was closed unsynced");
    require_ok(strand_engine_sync(fixture.engine));
    (void)fixture_append("v");
    cr_expect_leq(strand_sim_disk_open_files(fixture.disk), 16 + 2);
    cr_expect_eq(strlen(fixture_read(0, STRAND_READ_COMMITTED)), 10 * 4 + 31 * 5 - 1);
}

/* ---- What was cut off again ---- */

static struct strand_fs halving;
static int writes_left; /* the first is done by half, the second finds no room */

static int64_t
write_half(struct strand_fs_file *file, const struct strand_fs_part *parts, int count,
           int64_t position)
{
    const struct strand_fs_part half = {parts->data, parts->size / 2};

    if (writes_left == 0)
        return fixture.fs->write_at(file, parts, count, position);
    return --writes_left > 0 ? fixture.fs->write_at(file, &half, 1, position) : -ENOSPC;
}

static void
refuse_in_the_middle(void)
{
    writes_left = 2;
    expect_status(STRAND_ERR_NO_SPACE, fixture_try_append("b", STRAND_WRITTEN, NULL));
    cr_assert_eq(writes_left, 0);
    cr_assert(strand_sim_disk_is_dirty(fixture.disk, FIXTURE_LOG));
}

Test(log_append_faults, what_was_cut_off_again_is_so_on_disk_after_the_commit_interval)
{
    halving = *fixture.fs;
    halving.write_at = write_half;
    fixture.engine_options.fs = &halving;
    fixture_open();
    (void)fixture_append("a");
    refuse_in_the_middle();
    strand_sim_disk_advance(fixture.disk, INT64_C(200000000));
    require_ok(strand_engine_run(fixture.engine, NULL));
    cr_expect_not(strand_sim_disk_is_dirty(fixture.disk, FIXTURE_LOG));

    refuse_in_the_middle();
    fixture_close();
    cr_expect_not(strand_sim_disk_is_dirty(fixture.disk, FIXTURE_LOG));
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a");
}
