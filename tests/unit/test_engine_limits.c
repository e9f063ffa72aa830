/* tests/unit/test_engine_limits.c -- Where something runs out or somebody else was first: the last
 * offset, descriptors, the life of a ticket, a log that another process cuts. */
#include <inttypes.h>
#include <string.h>

#include "support/engine_fixture.h"

TestSuite(engine_limits, .init = fixture_create, .fini = fixture_destroy);

Test(engine_limits, offsets_end_with_a_status)
{
    static const int64_t left[] = {0, 1, 2};

    fixture_open();
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        require_ok(strand_log_reset(fixture.log, INT64_MAX - left[i]));
        for (int64_t n = 0; n < left[i]; n++)
            (void)fixture_append("a");
        expect_status(STRAND_ERR_OUT_OF_RANGE, fixture_try_append("a", STRAND_DURABLE, NULL));
        expect_message("no offsets are left");
        cr_expect_eq(fixture_positions().log_end, INT64_MAX);
    }
    fixture_reopen();
    cr_expect_eq(fixture_positions().log_end, INT64_MAX);
    require_ok(strand_log_reset(fixture.log, 7));
    cr_expect_eq(fixture_append("b").base_offset, 7);
}

Test(engine_limits, a_ticket_of_a_deleted_log_is_not_answered_by_its_successor)
{
    struct strand_appended stale;

    fixture_open();
    require_ok(fixture_try_append("a", STRAND_WRITTEN, &stale));
    require_ok(strand_log_close(fixture.log));
    require_ok(strand_engine_delete_log(fixture.engine, "orders", 0));
    fixture_open_log();
    struct strand_appended fresh = fixture_append("b");
    expect_status(STRAND_ERR_TRUNCATED, strand_log_wait(fixture.log, &stale, 0));
    expect_status(STRAND_OK, strand_log_wait(fixture.log, &fresh, 0));
    fresh.generation++;
    expect_status(STRAND_ERR_INVALID, strand_log_wait(fixture.log, &fresh, 0));
}

Test(engine_limits, a_ticket_outlives_a_clean_reopening)
{
    fixture_open();
    struct strand_appended appended = fixture_append("a");
    fixture_reopen();
    expect_status(STRAND_OK, strand_log_wait(fixture.log, &appended, 0));
}

Test(engine_limits, written_records_do_not_hold_more_files_than_the_budget)
{
    enum { LOGS = 60, BUDGET = 16 };
    struct strand_append_options written = {.struct_size = sizeof written,
                                            .durability = STRAND_WRITTEN};
    struct strand_record record = {.value = {"v", 1}};
    struct strand_log *logs[LOGS];

    fixture.engine_options.descriptor_budget = BUDGET;
    fixture_open_engine();
    for (int i = 0; i < LOGS; i++) {
        require_ok(strand_log_open(fixture.engine, "many", i, NULL, &logs[i]));
        require_ok(strand_log_append(logs[i], &record, 1, &written, NULL));
        cr_assert_leq(strand_sim_disk_open_files(fixture.disk), BUDGET + 3, "log %d", i);
    }
    for (int i = 0; i < LOGS; i++)
        require_ok(strand_log_close(logs[i]));
}

Test(engine_limits, a_reader_is_told_that_the_writer_has_truncated)
{
    struct strand_engine_options options = {
        .struct_size = sizeof options, .flags = STRAND_ENGINE_READ_ONLY, .fs = fixture.fs};
    struct strand_engine *reader = NULL;
    struct strand_log *log = NULL;
    struct strand_fetch fetch;

    fixture_open();
    fixture_fill(20);
    require_ok(strand_engine_open(FIXTURE_DATA, &options, &reader));
    require_ok(strand_log_open(reader, "orders", 0, NULL, &log));
    require_ok(strand_log_truncate(fixture.log, 5, NULL));
    (void)fixture_append("something longer than what stood there before");
    expect_status(STRAND_ERR_TRUNCATED, strand_log_fetch(log, 15, NULL, &fetch));
    expect_message("another process has truncated");
    require_ok(strand_log_fetch(log, 0, NULL, &fetch));
    strand_fetch_release(&fetch);
    require_ok(strand_log_close(log));
    require_ok(strand_engine_close(reader));
}

Test(engine_limits, an_empty_epoch_file_is_learnt_anew)
{
    fixture_open();
    fixture_fill(3);
    fixture_close();
    require_ok(strand_sim_disk_store(fixture.disk, FIXTURE_EPOCHS, "", 0));
    fixture_open();
    require_ok(strand_engine_health(fixture.engine));
    cr_expect_eq(fixture_positions().log_end, 3);
    cr_expect_str_eq(fixture_epochs(), "0 1 0 0 ");
}

Test(engine_limits, trimming_on_a_full_disk_can_go_on_after_reopening)
{
    fixture.log_options.segment_bytes = 512;
    fixture_open();
    fixture_fill(40);
    strand_sim_disk_set_capacity(fixture.disk, 1);
    require_ok(strand_log_trim(fixture.log, 20));
    fixture_reopen();
    require_ok(strand_engine_health(fixture.engine));
    require_ok(strand_log_trim(fixture.log, 30));
    fixture_reopen();
    require_ok(strand_engine_health(fixture.engine));
    cr_expect_eq(fixture_positions().log_start, 30);
}
