/* tests/unit/test_log_recovery_clean.c -- What a clean close vouches for is taken without reading a
 * byte of it; what is not just as it says is recovered as if there were no marker.  And who was the
 * last writer. */
#include <errno.h>

#include "support/recovery_fixture.h"

#define INDEX(base) "0000000000000000000" base ".index"

static int visits;

static void
count_visit(void *argument, int64_t segment_base_offset, const uint8_t *batch, int64_t position)
{
    (void)argument;
    (void)segment_base_offset;
    (void)batch;
    (void)position;
    visits++;
}

/* Three segments, closed cleanly at 6. */
static void
open_clean(void)
{
    open_disk("0: 0+1 1+1 | 2: 2+1 3+1 | 4: 4+1 5+1");
    set_slot(1, 6);
    clean.log_start = 1;
    clean.log_end = 6;
    clean.active_base_offset = 4;
    clean.active_size = 2 * BATCH;
    clean.segment_count = 3;
    clean.newest_epoch = 0;
    request.clean = &clean;
    request.visit = count_visit;
    visits = 0;
}

Test(log_recovery_clean, a_log_that_is_as_the_marker_says_is_not_read_synced_or_changed)
{
    for (int read_only = 0; read_only < 2; read_only++) {
        open_clean();
        request.read_only = read_only != 0;
        request.is_same_boot = true;
        strand_sim_disk_plan_fault_of(
            disk, STRAND_SIM_WRITE | STRAND_SIM_SYNC | STRAND_SIM_SYNC_DIRECTORY | STRAND_SIM_NAME,
            1, EIO, true);
        recover();
        cr_expect_eq(log_found.verdict, STRAND_VERDICT_CLEAN, "%s", log_found.reason);
        cr_expect_str_eq(log_found.reason, "");
        cr_expect_eq(strand_sim_disk_bytes_read(disk, ".log"), 0);
        cr_expect_eq(log_found.bytes_read, 0);
        cr_expect_eq(log_found.bytes_rewritten, 0);
        cr_expect_eq(log_found.scanned_count, 0);
        cr_expect_eq(visits, 0);
        cr_expect_eq(log_found.log_start, 1);
        cr_expect_eq(log_found.log_end, 6);
        cr_expect_eq(log_found.durable_end, 6);
        cr_expect_eq(log_found.high_watermark, 6);
        cr_expect_eq(log_found.generation, 42);
        cr_expect_eq(log_found.epochs.count, 1);
        cr_expect_eq(log_found.epochs_before, 1);
        cr_expect_not(log_found.has_cut);
        cr_assert_eq(log_found.segment_count, 3);
        for (int64_t i = 0; i < 3; i++) {
            cr_expect_eq(log_found.segments[i].base_offset, 2 * i);
            cr_expect_eq(log_found.segments[i].end_offset, 2 * i + 2);
            cr_expect_eq(log_found.segments[i].size, 2 * BATCH);
            cr_expect_not(log_found.segments[i].is_scanned);
            cr_expect(log_found.segments[i].is_readable);
        }
        cr_expect_eq(strand_sim_disk_open_files(disk), 0);
        close_disk();
    }
}

Test(log_recovery_clean, a_log_without_a_record_is_clean_too)
{
    open_disk("7:");
    set_slot(7, 7);
    store(STRAND_LEADER_EPOCH_NAME, "0\n0\n");
    clean.log_start = clean.log_end = clean.active_base_offset = 7;
    clean.segment_count = 1;
    clean.newest_epoch = -1;
    request.clean = &clean;
    recover();
    cr_expect_eq(log_found.verdict, STRAND_VERDICT_CLEAN, "%s", log_found.reason);
    cr_assert_eq(log_found.segment_count, 1);
    cr_expect_eq(log_found.segments[0].end_offset, 7);
    close_disk();
}

/* ---- Where it differs ---- */

static void
other_id(void)
{
    clean.id[15] = 1;
}
static void
other_slot_id(void)
{
    slot.id[0] = 9;
}
static void
other_identity(void)
{
    identity.id[0] = 9;
}
static void
no_slot(void)
{
    request.slot = NULL;
}
static void
later_generation(void)
{
    slot.generation++;
}
static void
other_log_start(void)
{
    slot.log_start = 0;
}
static void
slot_ahead(void)
{
    slot.log_end = 7;
}
static void
slot_behind(void)
{
    slot.durable_end = 5;
}
static void
other_end(void)
{
    clean.log_end = 7;
}
static void
fewer_segments(void)
{
    clean.segment_count = 2;
}
static void
more_segments(void)
{
    clean.segment_count = 4;
}
static void
other_active(void)
{
    clean.active_base_offset = 5;
}
static void
other_size(void)
{
    clean.active_size++;
}
static void
other_epoch(void)
{
    clean.newest_epoch = 1;
}
static void
no_epochs(void)
{
    store(STRAND_LEADER_EPOCH_NAME, "");
}
static void
bad_epochs(void)
{
    store(STRAND_LEADER_EPOCH_NAME, "0\nx\n");
}
static void
leftover(void)
{
    store("prepared.tmp", "x");
}
static void
deleted(void)
{
    store("00000000000000000000.log.deleted", "x");
}
static void
swapped(void)
{
    store("00000000000000000009.index.swap", "x");
}
static void
kafkas_index(void)
{
    store(INDEX("4"), "x");
}
static void
is_foreign(void)
{
    request.is_foreign = true;
}
static void
everything_asked_for(void)
{
    request.scans_all = true;
}
static void
appended_to(void)
{
    log_image_store(disk, DIRECTORY, "4: 4+1 5+1 6+1", "");
}
static void
shortened(void)
{
    log_image_store(disk, DIRECTORY, "4: 4+1", "");
}
static void
one_more(void)
{
    log_image_store(disk, DIRECTORY, "6: 6+1", "");
}

static void
epoch_above_the_end(void)
{
    store(STRAND_LEADER_EPOCH_NAME, "0\n2\n0 0\n3 7\n");
    clean.newest_epoch = 3;
}

static void
old_segment_left(void)
{
    slot.log_start = clean.log_start = 2;
}

static void
first_is_gone(void)
{
    cr_assert_eq(strand_sim_disk_store(disk, DIRECTORY "/00000000000000000000.log", NULL, 0),
                 STRAND_OK);
    clean.segment_count = 2;
}

static void
middle_is_empty(void)
{
    log_image_store(disk, DIRECTORY, "2:", "");
}

static const struct {
    const char *name;
    void (*change)(void);
    enum strand_recovery_verdict verdict;
} DIFFERENCES[] = {
    {"the entry of another log", other_id, STRAND_VERDICT_WHOLE},
    {"the slot of another log", other_slot_id, STRAND_VERDICT_WHOLE},
    {"another log has the name", other_identity, STRAND_VERDICT_WHOLE},
    {"no slot", no_slot, STRAND_VERDICT_WHOLE},
    {"a later generation", later_generation, STRAND_VERDICT_WHOLE},
    {"another log start", other_log_start, STRAND_VERDICT_WHOLE},
    {"the slot has a later log end", slot_ahead, STRAND_VERDICT_WHOLE},
    {"the slot has a lower durable end", slot_behind, STRAND_VERDICT_WHOLE},
    {"another log end", other_end, STRAND_VERDICT_WHOLE},
    {"fewer segments", fewer_segments, STRAND_VERDICT_WHOLE},
    {"more segments", more_segments, STRAND_VERDICT_WHOLE},
    {"another active segment", other_active, STRAND_VERDICT_WHOLE},
    {"another size", other_size, STRAND_VERDICT_WHOLE},
    {"another epoch", other_epoch, STRAND_VERDICT_WHOLE},
    {"an epoch above the end", epoch_above_the_end, STRAND_VERDICT_WHOLE},
    {"an epoch file without entries", no_epochs, STRAND_VERDICT_WHOLE},
    {"an epoch file that cannot be read", bad_epochs, STRAND_VERDICT_WHOLE},
    {"something prepared", leftover, STRAND_VERDICT_WHOLE},
    {"something deleted", deleted, STRAND_VERDICT_WHOLE},
    {"something to be swapped in", swapped, STRAND_VERDICT_WHOLE},
    {"an index of a broker's", kafkas_index, STRAND_VERDICT_WHOLE},
    {"a broker was here", is_foreign, STRAND_VERDICT_WHOLE},
    {"all of it is to be read", everything_asked_for, STRAND_VERDICT_WHOLE},
    {"a record more in the file", appended_to, STRAND_VERDICT_WHOLE},
    {"a record fewer in the file", shortened, STRAND_VERDICT_CORRUPT},
    {"a segment more", one_more, STRAND_VERDICT_WHOLE},
    {"a segment below the log start", old_segment_left, STRAND_VERDICT_WHOLE},
    {"the first segment is gone", first_is_gone, STRAND_VERDICT_CORRUPT},
    {"a segment is empty", middle_is_empty, STRAND_VERDICT_CORRUPT},
};

Test(log_recovery_clean, a_log_that_differs_in_anything_is_recovered_as_if_there_were_no_marker)
{
    for (size_t i = 0; i < sizeof DIFFERENCES / sizeof DIFFERENCES[0]; i++) {
        struct strand_recovered_log expected;

        open_clean();
        DIFFERENCES[i].change();
        recover();
        cr_expect_eq(log_found.verdict, DIFFERENCES[i].verdict, "%s: %d %s", DIFFERENCES[i].name,
                     (int)log_found.verdict, log_found.reason);
        cr_expect_gt(log_found.scanned_count, 0, "%s", DIFFERENCES[i].name);
        expected = log_found;
        memset(&log_found, 0, sizeof log_found);
        char names[1024];
        (void)snprintf(names, sizeof names, "%s", log_image_names(disk, DIRECTORY, ""));
        strand_sim_disk_destroy(disk);

        open_clean();
        DIFFERENCES[i].change();
        request.clean = NULL;
        recover();
        cr_expect_eq(log_found.verdict, expected.verdict, "%s", DIFFERENCES[i].name);
        cr_expect_eq(log_found.log_start, expected.log_start, "%s", DIFFERENCES[i].name);
        cr_expect_eq(log_found.log_end, expected.log_end, "%s", DIFFERENCES[i].name);
        cr_expect_eq(log_found.bytes_read, expected.bytes_read, "%s", DIFFERENCES[i].name);
        cr_expect_eq(log_found.segment_count, expected.segment_count, "%s", DIFFERENCES[i].name);
        cr_expect_str_eq(log_image_names(disk, DIRECTORY, ""), names, "%s", DIFFERENCES[i].name);
        strand_recovered_log_deinit(&expected);
        close_disk();
    }
}

/* A follower that skipped all that a segment was to hold leaves it empty. */
Test(log_recovery_clean, an_empty_segment_in_the_middle_is_clean_in_a_log_with_gaps)
{
    open_clean();
    middle_is_empty();
    identity.flags = STRAND_LOG_HAS_GAPS;
    recover();
    cr_expect_eq(log_found.verdict, STRAND_VERDICT_CLEAN, "%s", log_found.reason);
    close_disk();
}

Test(log_recovery_clean, a_file_that_cannot_be_looked_at_is_no_verdict)
{
    for (uint64_t nth = 1; nth <= 4; nth++) {
        open_clean();
        strand_sim_disk_plan_fault_of(disk, STRAND_SIM_OPEN, nth, EIO, false);
        cr_expect_eq(strand_log_recover(&request, &log_found), STRAND_ERR_IO, "open %d", (int)nth);
        cr_expect_eq(strand_sim_disk_open_files(disk), 0);
        close_disk();
    }
}

/* ---- A broker was the last writer ---- */

Test(log_recovery_clean, an_index_beside_the_last_segment_makes_the_slot_worthless)
{
    static const char *const INDEXES[] = {"00000000000000000004.index",
                                          "00000000000000000004.timeindex"};

    for (size_t i = 0; i < 2; i++) {
        bool is_foreign_before;

        /* The broker truncated to 4 and wrote an epoch of its own; the slot knows better. */
        open_disk("0: 0+2 2+2 | 4: e3 4+1 9+1");
        set_slot(2, 12);
        slot.flags = 0;
        request.recovery_point = 4;
        store(INDEXES[i], "x");
        cr_assert_eq(strand_log_is_foreign(request.fs, DIRECTORY, &is_foreign_before), STRAND_OK);
        cr_expect(is_foreign_before);
        recover();
        cr_expect(log_found.is_foreign);
        cr_expect_eq(log_found.verdict, STRAND_VERDICT_WHOLE, "%s", log_found.reason);
        cr_expect_eq(log_found.durable_end, 4, "the text file's");
        cr_expect_eq(log_found.log_start, 0);
        cr_expect_eq(log_found.log_end, 10);
        cr_expect_eq(log_found.generation, 0);
        cr_expect_eq(log_found.high_watermark, -1);
        cr_expect_eq(log_found.scanned_count, 2, "all of it is read");
        cr_expect_eq(strand_leader_epochs_newest(&log_found.epochs), 3, "epochs are learnt");
        cr_expect(log_found.has_gaps);
        close_disk();
    }
}

Test(log_recovery_clean, a_reset_of_before_the_broker_came_is_not_finished)
{
    open_disk("0: 0+2");
    set_slot(77, 77);
    slot.flags = STRAND_FRONTIER_RESETTING;
    store(INDEX("0"), "x");
    recover();
    cr_expect_not(log_found.must_reset);
    cr_expect_eq(log_found.log_end, 2);
    close_disk();
}

Test(log_recovery_clean, other_indexes_are_no_witnesses)
{
    static const char *const NAMES[] = {
        "00000000000000000000.index", /* of an older segment */
        "00000000000000000005.index", /* of none */
        "00000000000000000004.txnindex",  "00000000000000000004.snapshot",
        "00000000000000000004.index.tmp", "4.index"};

    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        bool is_foreign_before = true;

        open_disk("0: 0+2 2+2 | 4: 4+1");
        set_slot(0, 5);
        store(NAMES[i], "x");
        cr_assert_eq(strand_log_is_foreign(request.fs, DIRECTORY, &is_foreign_before), STRAND_OK);
        cr_expect_not(is_foreign_before, "%s", NAMES[i]);
        recover();
        cr_expect_not(log_found.is_foreign, "%s", NAMES[i]);
        cr_expect_eq(log_found.generation, 42);
        close_disk();
    }
}

/* A segment that becomes the last one by a cut must not look like a broker's. */
Test(log_recovery_clean, a_cut_never_leaves_an_index_beside_the_last_segment)
{
    for (uint64_t nth = 1; nth < 40; nth++) {
        bool is_foreign_after = true;

        open_disk("0: 0+2 | 2: 2+2 | 5: 5+1");
        set_slot(0, 4);
        store(INDEX("0"), "x");
        store(INDEX("2"), "x");
        strand_sim_disk_plan_clear(disk);
        strand_sim_disk_plan_cut(disk, nth);
        if (strand_log_recover(&request, &log_found) == STRAND_OK)
            strand_recovered_log_deinit(&log_found);
        strand_sim_disk_cut(disk, STRAND_SIM_UNORDERED, nth);
        cr_assert_eq(strand_log_is_foreign(request.fs, DIRECTORY, &is_foreign_after), STRAND_OK);
        cr_expect_not(is_foreign_after, "call %d: %s", (int)nth,
                      log_image_names(disk, DIRECTORY, "0000."));
        close_disk();
    }
}
