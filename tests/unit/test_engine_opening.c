/* tests/unit/test_engine_opening.c -- Opening finishes what was interrupted, though files cannot be
 * read, and with several threads.  What is served after it is test_engine_recovery.c's. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "support/engine_fixture.h"

TestSuite(engine_opening, .init = fixture_create, .fini = fixture_destroy, .timeout = 120);

/* Cut a reset short at call CUT, and have the opening of file BAD fail when the directory is opened
 * next.  Whether the reset was cut short. */
static bool
reset_and_open_with_fault(uint64_t cut, uint64_t bad)
{
    fixture_destroy();
    fixture_create();
    fixture_open();
    require_ok(strand_log_begin_epoch(fixture.log, 7));
    fixture_append("a");
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_cut(fixture.disk, cut);
    bool is_cut = strand_log_reset(fixture.log, 100) != STRAND_OK;
    fixture_cut(STRAND_SIM_KEEP_ALL);
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_OPEN, bad, EIO, false);
    int status = strand_engine_open(FIXTURE_DATA, &fixture.engine_options, &fixture.engine);
    strand_sim_disk_plan_clear(fixture.disk);
    if (status == STRAND_OK && strand_engine_health(fixture.engine) == STRAND_OK) {
        fixture_open_log();
        cr_expect_eq(fixture_positions().leader_epoch, 7, "cut at %llu, opening %llu fails",
                     (unsigned long long)cut, (unsigned long long)bad);
    }
    return is_cut;
}

/* An epoch that was begun is never given out again. */
Test(engine_opening, interrupted_reset_keeps_the_newest_epoch_or_the_log_fails)
{
    enum { FILES = 24 }; /* more than an opening opens */

    for (uint64_t cut = 1; reset_and_open_with_fault(cut, FILES); cut++)
        for (uint64_t bad = 1; bad < FILES; bad++)
            (void)reset_and_open_with_fault(cut, bad);
}

static int
count_verdicts(void *context, const struct strand_recovery_report *report)
{
    size_t *counts = context;

    counts[report->verdict]++;
    return 0;
}

/* More logs than threads; one of them is torn. */
Test(engine_opening, several_threads_recover_logs_as_one_does)
{
    static const char path[] = FIXTURE_DATA "/orders-5/00000000000000000000.log";
    enum { LOGS = 9 };
    uint8_t torn[1024];
    size_t counts[STRAND_VERDICT_FAILED + 1] = {0};

    fixture_open_engine();
    for (int32_t i = 0; i < LOGS; i++) {
        require_ok(strand_log_open(fixture.engine, "orders", i, NULL, &fixture.log));
        for (int32_t j = 0; j <= i; j++)
            fixture_append("v");
        require_ok(strand_log_close(fixture.log));
        fixture.log = NULL;
    }
    fixture_kill();
    int64_t size;
    const uint8_t *data = strand_sim_disk_content(fixture.disk, path, &size);
    cr_assert_leq(size + 7, (int64_t)sizeof torn);
    memcpy(torn, data, (size_t)size);
    memset(torn + size, 7, 7);
    require_ok(strand_sim_disk_store(fixture.disk, path, torn, size + 7));

    fixture.engine_options.flags &= ~(uint32_t)STRAND_ENGINE_NO_THREADS;
    fixture.engine_options.recovery_threads = 3;
    fixture_open_engine();
    require_ok(strand_engine_recovery_report(fixture.engine, count_verdicts, counts));
    cr_expect_eq(counts[STRAND_VERDICT_WHOLE], LOGS - 1);
    cr_expect_eq(counts[STRAND_VERDICT_TORN], 1);
    expect_status(STRAND_ERR_INVALID, strand_engine_recovery_report(fixture.engine, NULL, NULL));
    for (int32_t i = 0; i < LOGS; i++) {
        require_ok(strand_log_open(fixture.engine, "orders", i, NULL, &fixture.log));
        cr_expect_eq(fixture_positions().log_end, i + 1);
        require_ok(strand_log_close(fixture.log));
        fixture.log = NULL;
    }
}
