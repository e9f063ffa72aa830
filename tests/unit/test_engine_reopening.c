/* tests/unit/test_engine_reopening.c -- What an opening finds of somebody who was there before: a
 * process of this boot whose sync had failed, a writer that was killed, a broker.
 *
 * docs/SYNCS.md lists what each step of an opening is for, and the test that fails without it.
 */
#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include "storage/batch.h"
#include "support/engine_fixture.h"

#define SEGMENT FIXTURE_LOG "/00000000000000000000.log"
#define INDEX   FIXTURE_LOG "/00000000000000000000.index"
#define MARKER  FIXTURE_DATA "/.kafka_cleanshutdown"
#define POINTS  FIXTURE_DATA "/recovery-point-offset-checkpoint"

enum { CALLS_MAX = 1000, GARBAGE_SIZE = 30 };

TestSuite(engine_reopening, .init = fixture_create, .fini = fixture_destroy, .timeout = 300);

static void
store(const char *path, const void *data, int64_t size)
{
    require_ok(strand_sim_disk_store(fixture.disk, path, data, size));
}

/* A copy of the segment: its size. */
static int64_t
copy_segment(uint8_t data[FIXTURE_SEGMENT_BYTES])
{
    int64_t size = 0;
    const uint8_t *content = strand_sim_disk_content(fixture.disk, SEGMENT, &size);

    cr_assert_not_null(content);
    memcpy(data, content, (size_t)size);
    return size;
}

/* ---- A failed sync, and the same boot ---- */

/* The next sync says 0 for pages that were never written, unless they are written again. */
Test(engine_reopening, what_a_failed_sync_left_in_the_cache_is_durable_when_it_is_served)
{
    fixture_open();
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_SYNC, 1, EIO, false);
    cr_assert_neq(fixture_try_append("a", STRAND_DURABLE, NULL), STRAND_OK);
    fixture_kill();
    fixture_open();
    cr_assert_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a");
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a");
}

/* The slot of a log that nothing is written for says what is damaged, and goes on saying it. */
Test(engine_reopening, verdict_that_rests_on_a_slot_outlives_the_cache_that_showed_it)
{
    static uint8_t data[FIXTURE_SEGMENT_BYTES];
    int64_t next_ms;

    fixture_open();
    (void)fixture_append("a");
    (void)fixture_append("b");
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_SYNC, 1, EIO, false);
    strand_sim_disk_advance(fixture.disk, INT64_C(100000000));
    (void)strand_engine_run(fixture.engine, &next_ms); /* the frontier's */
    fixture_kill();
    int64_t size = copy_segment(data);
    data[size - 1] ^= 1;
    store(SEGMENT, data, size);
    fixture_open_engine();
    cr_assert_eq(strand_engine_health(fixture.engine), STRAND_ERR_QUARANTINED);
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open_engine();
    cr_expect_eq(strand_engine_health(fixture.engine), STRAND_ERR_QUARANTINED);
}

/* ---- A reader after a writer that was killed ---- */

Test(engine_reopening, reader_shows_as_committed_only_what_is_durable)
{
    fixture.log_options.segment_bytes = 200;
    fixture_open();
    for (int i = 0; i < 5; i++)
        require_ok(fixture_try_append("a", STRAND_WRITTEN, NULL));
    fixture_kill();
    fixture.engine_options.flags |= STRAND_ENGINE_READ_ONLY;
    fixture_open();
    int64_t shown = fixture_positions().high_watermark;
    cr_assert_eq(shown, 5);
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture.engine_options.flags &= ~(uint32_t)STRAND_ENGINE_READ_ONLY;
    fixture_open();
    cr_expect_eq(fixture_positions().log_end, shown);
}

/* ---- The lock ---- */

static struct strand_fs hooked;

static int
is_not_named(struct strand_fs_file *file, void *context, const char *path)
{
    (void)file;
    (void)context;
    (void)path;
    return 0;
}

Test(engine_reopening, lock_of_a_file_that_was_replaced_is_none)
{
    hooked = *fixture.fs;
    hooked.is_named = is_not_named;
    fixture.engine_options.fs = &hooked;
    expect_status(STRAND_ERR_IN_USE,
                  strand_engine_open(FIXTURE_DATA, &fixture.engine_options, &fixture.engine));
}

/* ---- A broker ---- */

enum witness { INDEX_ONLY, MARKER_ONLY };

/* It has cut the log behind the first batch, gone on in an epoch that its file does not say yet,
 * and was killed in the middle of a write; or it says that it was stopped. */
static void
let_broker_change(enum witness witness)
{
    static const char points[] = "0\n1\norders 0 1\n";
    static uint8_t data[FIXTURE_SEGMENT_BYTES];

    fixture_open();
    (void)fixture_append("a");
    (void)fixture_append("b");
    (void)fixture_append("c");
    fixture_close();
    int64_t size = copy_segment(data) / 3;
    strand_batch_set_leader_epoch(data + size, 5);
    memset(data + 2 * size, 0xA5, GARBAGE_SIZE);
    store(SEGMENT, data, 2 * size + GARBAGE_SIZE);
    store(POINTS, points, (int64_t)strlen(points));
    store(witness == INDEX_ONLY ? INDEX : MARKER, "{}", 2);
}

static int
open_and_cut(uint64_t nth, int loss)
{
    strand_sim_disk_plan_cut(fixture.disk, strand_sim_disk_calls(fixture.disk) + nth);
    int status = strand_engine_open(FIXTURE_DATA, &fixture.engine_options, &fixture.engine);
    fixture_cut((enum strand_sim_loss)loss);
    return status;
}

/* The second opening is cut at every STRIDE-th call, at others for the next call of the first. */
enum { STRIDE = 3 };

static void
cut_two_openings(enum witness witness, int loss)
{
    int first = STRAND_ERR_IO;

    for (uint64_t a = 1; first != STRAND_OK; a++) {
        int second = STRAND_ERR_IO;

        cr_assert_lt(a, CALLS_MAX);
        for (uint64_t b = 1 + a % STRIDE; second != STRAND_OK; b += STRIDE) {
            cr_assert_lt(b, CALLS_MAX);
            let_broker_change(witness);
            first = open_and_cut(a, loss);
            second = open_and_cut(b, STRAND_SIM_LOSE_ALL);
            fixture_open();
            cr_assert_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a 1=b",
                             "witness %d, loss %d, cut at calls %d and %d", (int)witness, loss,
                             (int)a, (int)b);
            fixture_destroy();
            fixture_create();
        }
    }
}

/* What we knew of the log is void; that a broker was here is known until all of it is recovered. */
Test(engine_reopening, log_of_a_broker_that_was_killed_is_the_brokers)
{
    cut_two_openings(INDEX_ONLY, STRAND_SIM_LOSE_ALL);
    cut_two_openings(INDEX_ONLY, STRAND_SIM_KEEP_CONTENT);
}

Test(engine_reopening, log_of_a_broker_that_was_stopped_is_the_brokers)
{
    cut_two_openings(MARKER_ONLY, STRAND_SIM_LOSE_ALL);
    cut_two_openings(MARKER_ONLY, STRAND_SIM_KEEP_CONTENT);
}

/* ---- When a broker wrote, nobody knows ---- */

static void
open_in_next_boot(const char *brokers_file)
{
    fixture_open();
    (void)fixture_append("a");
    fixture_close();
    fixture_cut(STRAND_SIM_KEEP_ALL);
    if (brokers_file != NULL)
        require_ok(strand_sim_disk_store(fixture.disk, brokers_file, "", 0));
    fixture_open();
}

Test(engine_reopening, a_broker_may_have_written_in_this_boot)
{
    open_in_next_boot(NULL);
    cr_expect_eq(fixture_report().report.is_same_boot, 0);
    fixture_close();
    open_in_next_boot(MARKER);
    cr_expect_eq(fixture_report().report.is_same_boot, 1, "it was stopped");
    fixture_close();
    open_in_next_boot(FIXTURE_LOG "/00000000000000000000.index");
    cr_expect_eq(fixture_report().report.is_same_boot, 1, "it was killed");
}
