/* tests/unit/test_log_cut_faults.c -- Syncs that fail while a log is cut: nothing is told to be
 * durable because a later sync, of somebody who was not told, says 0.
 */
#include <errno.h>
#include <string.h>

#include "support/engine_fixture.h"

#define SEGMENT FIXTURE_LOG "/00000000000000000000.log"

TestSuite(log_cut_faults, .init = fixture_create, .fini = fixture_destroy, .timeout = 60);

/* The first call since the last clear that is OPERATION on PATH; 0: there is none. */
static uint64_t
call_of(const char *operation, const char *path)
{
    for (uint64_t call = 1; call <= strand_sim_disk_calls(fixture.disk); call++) {
        const char *line = strand_sim_disk_trace(fixture.disk, call);

        if (line != NULL && strstr(line, operation) != NULL && strstr(line, path) != NULL)
            return call;
    }
    return 0;
}

static void
fail_next(uint32_t kinds, uint64_t nth)
{
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, kinds, nth, EIO, false);
}

/* ---- Truncating ---- */

/* What was not written back is told to the descriptor that wrote it, and that one is closed. */
Test(log_cut_faults, what_is_kept_is_synced_by_who_wrote_it_before_it_is_copied)
{
    struct strand_cursor_options options = {.struct_size = sizeof options,
                                            .isolation = STRAND_READ_WRITTEN};
    struct strand_cursor *cursor = NULL;
    struct strand_record record;

    fixture_open();
    for (int i = 0; i < 3; i++)
        require_ok(fixture_try_append("v", STRAND_WRITTEN, NULL));
    require_ok(strand_cursor_open(fixture.log, 0, &options, &cursor));
    require_ok(strand_cursor_next(cursor, &record)); /* the file is pinned: it is copied */
    strand_sim_disk_plan_clear(fixture.disk);
    require_ok(strand_log_truncate(fixture.log, 2, NULL));
    uint64_t synced = call_of("sync_data", SEGMENT);
    uint64_t copied = call_of("open", "truncated.tmp");
    cr_expect_gt(synced, 0);
    cr_expect_lt(synced, copied);
    strand_cursor_close(cursor);
}

/* ---- Trimming ---- */

/* A name that the same sync was to write is taken for durable by the next, which says 0. */
Test(log_cut_faults, directory_that_is_not_synced_in_a_trim_fails_the_log)
{
    for (uint64_t nth = 1; nth <= 2; nth++) { /* the epoch file's, and the segments' */
        fixture_destroy();
        fixture_create();
        fixture.log_options.segment_bytes = 512;
        fixture_open();
        fixture_fill(10);
        require_ok(strand_log_begin_epoch(fixture.log, 7));
        fixture_fill(20);
        fail_next(STRAND_SIM_SYNC_DIRECTORY, nth);
        expect_status(STRAND_ERR_IO, strand_log_trim(fixture.log, 15));
        strand_sim_disk_plan_clear(fixture.disk);
        cr_expect_eq(fixture_info().info.state, STRAND_LOG_FAILED, "sync %d", (int)nth);
        fixture_kill();
        fixture_open();
        cr_expect_eq(fixture_positions().log_end, 20);
    }
}

Test(log_cut_faults, trim_that_is_not_durable_does_not_come_later)
{
    fixture.log_options.segment_bytes = 512;
    fixture_open();
    fixture_fill(20);
    fail_next(STRAND_SIM_SYNC, 1);
    expect_status(STRAND_ERR_IO, strand_log_trim(fixture.log, 10));
    strand_sim_disk_plan_clear(fixture.disk);
    require_ok(strand_engine_health(fixture.engine));
    cr_expect_eq(fixture_positions().log_start, 0);
    fixture_reopen(); /* which writes the frontier anew */
    cr_expect_eq(fixture_positions().log_start, 0);
    cr_expect_eq(strncmp(fixture_read(0, STRAND_READ_COMMITTED), "0=", 2), 0);
    require_ok(strand_log_trim(fixture.log, 10));
    cr_expect_eq(fixture_positions().log_start, 10);
}

/* ---- Gaps ---- */

Test(log_cut_faults, directory_that_is_not_synced_behind_a_declared_gap_fails_the_log)
{
    fixture.log_options.flags = STRAND_LOG_REPLICATED;
    fixture_open();
    require_ok(fixture_follow("0+1"));
    fail_next(STRAND_SIM_SYNC_DIRECTORY, 1);
    cr_expect_lt(fixture_follow("5+1"), 0);
    strand_sim_disk_plan_clear(fixture.disk);
    cr_expect_eq(fixture_info().info.state, STRAND_LOG_FAILED);
}
