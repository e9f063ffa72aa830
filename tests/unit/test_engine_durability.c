/* tests/unit/test_engine_durability.c -- What is left to the cache, and until when: syncs that the
 * workloads of crashtest/ cannot miss, because something else makes up for them unless the cut
 * falls just here.
 *
 * docs/SYNCS.md lists every sync with the test that fails without it.
 */
#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include "engine/engine_internal.h"
#include "support/engine_fixture.h"
#include "support/log_image.h"

#define FRONTIER FIXTURE_DATA "/strandline.frontier"
#define SEGMENT  FIXTURE_LOG "/00000000000000000000.log"
#define SAVED    FIXTURE_LOG "/cut-00000000000000000000.bytes"
#define BACKUP   FIXTURE_DATA "/backup"

enum { CALLS_MAX = 1000 };

TestSuite(engine_durability, .init = fixture_create, .fini = fixture_destroy, .timeout = 120);

static void
expect_nothing_left(const char *after)
{
    cr_expect_not(strand_sim_disk_is_dirty(fixture.disk, FRONTIER), "%s", after);
    cr_expect_not(strand_sim_disk_is_dirty(fixture.disk, FIXTURE_LOG), "%s", after);
}

/* ---- Nothing is left to the cache ---- */

Test(engine_durability, opening_leaves_nothing_to_the_cache)
{
    fixture_open();
    expect_nothing_left("made anew");
    require_ok(fixture_try_append("a b", STRAND_WRITTEN, NULL));
    fixture_kill();
    fixture_open();
    expect_nothing_left("recovered");
}

Test(engine_durability, engine_sync_leaves_nothing_to_the_cache)
{
    fixture_open();
    require_ok(fixture_try_append("a b", STRAND_WRITTEN, NULL));
    require_ok(strand_engine_sync(fixture.engine));
    expect_nothing_left("synced");
}

Test(engine_durability, closing_leaves_nothing_to_the_cache)
{
    fixture_open();
    require_ok(fixture_try_append("a b", STRAND_WRITTEN, NULL));
    fixture_close();
    expect_nothing_left("closed");
}

Test(engine_durability, frontier_follows_within_100_ms)
{
    int64_t next_ms = 0;

    fixture_open();
    (void)fixture_append("a");
    cr_assert(strand_sim_disk_is_dirty(fixture.disk, FRONTIER));
    require_ok(strand_engine_run(fixture.engine, &next_ms));
    cr_expect_leq(next_ms, 100);
    cr_assert(strand_sim_disk_is_dirty(fixture.disk, FRONTIER));
    strand_sim_disk_advance(fixture.disk, INT64_C(100000000));
    require_ok(strand_engine_run(fixture.engine, &next_ms));
    expect_nothing_left("100 ms later");
}

/* ---- Zeros ---- */

/* The sync of zeros in front of the log end is one of the batches there, too. */
Test(engine_durability, zeros_of_a_segment_are_not_synced_before_older_segments_are)
{
    enum { BATCH = 69, IN_FIRST = 29, IN_SECOND = 10 };
    static const struct strand_preparer_sizes sizes = {
        .after = 200, .least = 512, .most = 1024, .step = 256, .call = 64};
    int64_t size = 0;

    fixture.engine_options.preparation = STRAND_PREPARE_ZERO;
    fixture.log_options.segment_bytes = (IN_FIRST + 1) * BATCH - 1;
    fixture_open_engine();
    fixture.engine->preparer.sizes = sizes;
    fixture_open_log();
    for (int i = 0; i < IN_FIRST + IN_SECOND; i++)
        require_ok(fixture_try_append("v", STRAND_WRITTEN, NULL));
    require_ok(strand_engine_run(fixture.engine, NULL));
    cr_assert_eq(fixture_positions().durable_end, 0, "no round was due");
    (void)strand_sim_disk_content(fixture.disk, FIXTURE_LOG "/00000000000000000029.log", &size);
    cr_assert_gt(size, IN_SECOND * BATCH, "zeros were written");

    fixture_cut(STRAND_SIM_KEEP_NAMES);
    fixture_open();
    struct fixture_report found = fixture_report();
    cr_expect_neq(found.report.verdict, STRAND_VERDICT_SUSPECT, "%s", found.reason);
    cr_expect_str_eq(log_image_names(fixture.disk, FIXTURE_LOG, "cut-"), "", "nothing was saved");
}

/* ---- A round covers what was there when it began ---- */

static struct strand_fs hooked;
static int appends_left;

/* A record is appended while the round before it is at its sync. */
static int
sync_and_append(struct strand_fs_file *file)
{
    int result = fixture.fs->sync_data(file);

    if (fixture.log != NULL && appends_left > 0) {
        appends_left--;
        require_ok(fixture_try_append("late", STRAND_WRITTEN, NULL));
    }
    return result;
}

Test(engine_durability, round_does_not_cover_what_was_appended_during_its_sync)
{
    hooked = *fixture.fs;
    hooked.sync_data = sync_and_append;
    fixture.engine_options.fs = &hooked;
    fixture_open();
    appends_left = 1;
    (void)fixture_append("a");
    cr_assert_eq(fixture_positions().log_end, 2);
    cr_expect_eq(fixture_positions().durable_end, 1);
    require_ok(strand_engine_sync(fixture.engine));
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a 1=late");
}

/* ---- The slot knows before anybody is told ---- */

enum { SLOT_SIZE = 64 };

static int64_t told_before_slot;

static int64_t
look_and_write(struct strand_fs_file *file, const struct strand_fs_part *parts, int count,
               int64_t position)
{
    if (fixture.log != NULL && count == 1 && parts->size == SLOT_SIZE)
        told_before_slot = fixture_positions().durable_end;
    return fixture.fs->write_at(file, parts, count, position);
}

/* A reader in another process goes by the slot, also when the writer is killed here. */
Test(engine_durability, slot_is_written_before_records_are_told_to_be_durable)
{
    hooked = *fixture.fs;
    hooked.write_at = look_and_write;
    fixture.engine_options.fs = &hooked;
    fixture_open();
    told_before_slot = -1;
    (void)fixture_append("a");
    cr_expect_eq(told_before_slot, 0);
    (void)fixture_append("b");
    cr_expect_eq(told_before_slot, 1);
}

/* ---- Segments go one by one ---- */

static int removed_segments;

static int
look_and_remove(void *context, const char *path)
{
    if (strstr(path, ".log") != NULL) {
        removed_segments++;
        cr_expect_not(strand_sim_disk_is_dirty(fixture.disk, FIXTURE_LOG), "%s", path);
    }
    return fixture.fs->remove(context, path);
}

/* Where directories keep no order, a hole could be left that looks like damage. */
Test(engine_durability, each_segment_is_durably_gone_before_the_next_one_goes)
{
    hooked = *fixture.fs;
    hooked.remove = look_and_remove;
    fixture.engine_options.fs = &hooked;
    fixture.log_options.segment_bytes = 200;
    fixture_open();
    fixture_fill(12);
    removed_segments = 0;
    require_ok(strand_log_truncate(fixture.log, 1, NULL));
    cr_expect_geq(removed_segments, 3);
    fixture_fill(12);
    removed_segments = 0;
    require_ok(strand_log_reset(fixture.log, 20));
    cr_expect_geq(removed_segments, 3);
}

/* ---- A gap whose slot is not durable ---- */

static int
follow_over_gap(uint64_t failing_sync)
{
    fixture.log_options.flags = STRAND_LOG_REPLICATED;
    fixture.log_options.segment_bytes = 200;
    fixture_open();
    require_ok(fixture_follow("0+2"));
    require_ok(fixture_follow("2+2"));
    require_ok(strand_engine_sync(fixture.engine));
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_SYNC, failing_sync, EIO, false);
    return fixture_follow("10+2");
}

/* Recovery takes a gap for legal only below the durable end: what follows it would be cut. */
Test(engine_durability, gap_whose_slot_is_not_durable_takes_no_batch)
{
    int status = STRAND_ERR_IO;

    for (uint64_t nth = 1; status != STRAND_OK; nth++) {
        cr_assert_lt(nth, CALLS_MAX);
        status = follow_over_gap(nth);
        bool is_there = status == STRAND_OK || fixture_follow("10+2") == STRAND_OK;
        fixture_cut(STRAND_SIM_LOSE_ALL);
        fixture_open();
        cr_expect_geq(fixture_positions().log_end, is_there ? 12 : 4, "sync %d fails", (int)nth);
        fixture_destroy();
        fixture_create();
    }
}

/* ---- A directory that the host has made just now ---- */

static int
make_data_directory(void)
{
    return fixture.fs->make_directory(fixture.fs->context, FIXTURE_DATA);
}

Test(engine_durability, directory_of_the_hosts_own_is_durable_when_it_is_open)
{
    cr_assert_eq(make_data_directory(), 0);
    fixture_open();
    (void)fixture_append("a");
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a");
}

/* The one that opens it next does not know that it was to be made durable. */
Test(engine_durability, directory_is_durable_whenever_the_first_opening_was_killed)
{
    int status = STRAND_ERR_IO;

    for (uint64_t nth = 1; status != STRAND_OK; nth++) {
        cr_assert_lt(nth, CALLS_MAX);
        cr_assert_eq(make_data_directory(), 0);
        strand_sim_disk_plan_cut(fixture.disk, strand_sim_disk_calls(fixture.disk) + nth);
        status = strand_engine_open(FIXTURE_DATA, &fixture.engine_options, &fixture.engine);
        fixture_kill();
        fixture_open();
        (void)fixture_append("a");
        fixture_cut(STRAND_SIM_LOSE_ALL);
        fixture_open();
        cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a", "killed at call %d",
                         (int)nth);
        fixture_destroy();
        fixture_create();
    }
}

/* ---- A tail that is cut off a hard-linked segment ---- */

static void
damage_tail_of_linked_segment(void)
{
    static uint8_t data[FIXTURE_SEGMENT_BYTES];
    int64_t size;

    fixture_open();
    (void)fixture_append("a b");
    (void)fixture_append("c");
    fixture_close();
    cr_assert_eq(fixture.fs->link(fixture.fs->context, SEGMENT, BACKUP), 0);
    const uint8_t *content = strand_sim_disk_content(fixture.disk, SEGMENT, &size);
    memcpy(data, content, (size_t)size);
    memset(data + size, 0xA5, 30);
    require_ok(strand_sim_disk_store(fixture.disk, SEGMENT, data, size + 30));
}

static void
interrupt_recovery(uint64_t nth, int loss, int *out_status)
{
    int64_t size = 0;

    damage_tail_of_linked_segment();
    (void)strand_sim_disk_content(fixture.disk, BACKUP, &size);
    strand_sim_disk_plan_cut(fixture.disk, strand_sim_disk_calls(fixture.disk) + nth);
    *out_status = strand_engine_open(FIXTURE_DATA, &fixture.engine_options, &fixture.engine);
    fixture_cut((enum strand_sim_loss)loss);
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a 1=b 2=c",
                     "loss %d, cut at call %d", loss, (int)nth);
    int64_t size_now = 0;
    (void)strand_sim_disk_content(fixture.disk, BACKUP, &size_now);
    cr_expect_eq(size_now, size, "loss %d, cut at call %d", loss, (int)nth);
}

Test(engine_durability, recovery_that_copies_a_linked_segment_may_end_anywhere)
{
    for (int loss = 0; loss < STRAND_SIM_LOSS_COUNT; loss++) {
        int status = STRAND_ERR_IO;

        for (uint64_t nth = 1; status != STRAND_OK; nth++) {
            cr_assert_lt(nth, CALLS_MAX);
            interrupt_recovery(nth, loss, &status);
            fixture_destroy();
            fixture_create();
        }
    }
}

/* ---- Bytes that were saved before they are cut ---- */

static void
damage_first_of_two_batches(int64_t *out_size)
{
    static uint8_t data[FIXTURE_SEGMENT_BYTES];

    fixture_open();
    require_ok(fixture_try_append("a", STRAND_WRITTEN, NULL));
    require_ok(fixture_try_append("b", STRAND_WRITTEN, NULL));
    fixture_kill();
    const uint8_t *content = strand_sim_disk_content(fixture.disk, SEGMENT, out_size);
    memcpy(data, content, (size_t)*out_size);
    data[*out_size / 2 - 1] ^= 1;
    require_ok(strand_sim_disk_store(fixture.disk, SEGMENT, data, *out_size));
}

/* Opened and killed, opened and cut off: the bytes are in the segment still, or saved. */
static void
end_two_openings(uint64_t killed_at, uint64_t cut_at, int *out_first, int *out_second)
{
    int64_t size, kept = 0, saved = 0;

    damage_first_of_two_batches(&size);
    strand_sim_disk_plan_cut(fixture.disk, strand_sim_disk_calls(fixture.disk) + killed_at);
    *out_first = strand_engine_open(FIXTURE_DATA, &fixture.engine_options, &fixture.engine);
    fixture_kill();
    strand_sim_disk_plan_cut(fixture.disk, strand_sim_disk_calls(fixture.disk) + cut_at);
    *out_second = strand_engine_open(FIXTURE_DATA, &fixture.engine_options, &fixture.engine);
    fixture_cut(STRAND_SIM_LOSE_ALL);
    (void)strand_sim_disk_content(fixture.disk, SEGMENT, &kept);
    if (kept < size)
        (void)strand_sim_disk_content(fixture.disk, SAVED, &saved);
    cr_expect_eq(kept + saved, size, "killed at call %d, cut at call %d", (int)killed_at,
                 (int)cut_at);
}

Test(engine_durability, suspect_bytes_are_never_lost_between_two_openings)
{
    int first = STRAND_ERR_IO;

    for (uint64_t killed_at = 1; first != STRAND_OK; killed_at++) {
        int second = STRAND_ERR_IO;

        cr_assert_lt(killed_at, CALLS_MAX);
        for (uint64_t cut_at = 1; second != STRAND_OK; cut_at++) {
            cr_assert_lt(cut_at, CALLS_MAX);
            end_two_openings(killed_at, cut_at, &first, &second);
            fixture_destroy();
            fixture_create();
        }
    }
}

/* ---- An epoch file that says nothing ---- */

Test(engine_durability, first_epoch_is_durable_before_its_first_batch)
{
    fixture_open();
    fixture_close();
    require_ok(strand_sim_disk_store(fixture.disk, FIXTURE_EPOCHS, "0\n0\n", 4));
    fixture_open();
    (void)fixture_append("a");
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a");
}

/* ---- A log that could not be made ---- */

/* A predecessor's offset, which counts where there is no slot. */
static const char RECOVERY_POINT[] = "0\n1\norders 0 6\n";

/* Call NTH fails, or the power goes there. */
static void
fail_creation(uint64_t nth, bool is_cut, uint64_t seed, int *out_status)
{
    fixture_open_engine();
    require_ok(strand_sim_disk_store(fixture.disk, FIXTURE_DATA "/recovery-point-offset-checkpoint",
                                     RECOVERY_POINT, (int64_t)strlen(RECOVERY_POINT)));
    nth += strand_sim_disk_calls(fixture.disk);
    if (is_cut)
        strand_sim_disk_plan_cut(fixture.disk, nth);
    else
        strand_sim_disk_plan_fault(fixture.disk, nth, EIO, false);
    *out_status = strand_log_open(fixture.engine, "orders", 0, &fixture.log_options, &fixture.log);
    fixture_kill();
    strand_sim_disk_cut(fixture.disk, STRAND_SIM_RANDOM, seed);
    fixture_open_engine();
    cr_expect_eq(strand_engine_health(fixture.engine), STRAND_OK, "%s at call %d, seed %d: %s",
                 is_cut ? "cut" : "fault", (int)nth, (int)seed, strand_error_message());
}

static void
fail_creation_everywhere(bool is_cut, uint64_t seed)
{
    int status = STRAND_ERR_IO;

    for (uint64_t nth = 1; status != STRAND_OK; nth++) {
        cr_assert_lt(nth, CALLS_MAX);
        fail_creation(nth, is_cut, seed, &status);
        fixture_destroy();
        fixture_create();
    }
}

Test(engine_durability, log_whose_creation_failed_is_whole_or_not_there)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        fail_creation_everywhere(false, seed);
        fail_creation_everywhere(true, seed);
    }
}

Test(engine_durability, frontier_that_was_not_synced_is_replaced_by_and_by)
{
    int64_t next_ms = 0;

    fixture_open();
    (void)fixture_append("a");
    strand_sim_disk_advance(fixture.disk, INT64_C(100000000));
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_SYNC, 1, EIO, false);
    require_ok(strand_engine_run(fixture.engine, &next_ms));
    strand_sim_disk_plan_clear(fixture.disk);
    cr_expect_leq(next_ms, 5000);
    strand_sim_disk_advance(fixture.disk, INT64_C(5000000000));
    strand_sim_disk_plan_clear(fixture.disk);
    require_ok(strand_engine_run(fixture.engine, NULL));
    cr_expect_gt(strand_sim_disk_calls(fixture.disk), 0, "a file was written");
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_eq(fixture_report().report.durable_end, 1, "the slot was on disk");
}
