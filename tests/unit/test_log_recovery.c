/* tests/unit/test_log_recovery.c -- Each log gets the verdict that the contract gives it, and
 * nothing but what the verdict allows is changed on disk.  test_log_recovery_crash.c interrupts
 * recovery. */
#include <errno.h>

#include "storage/batch.h"
#include "support/recovery_fixture.h"

static void
expect_log(const struct recovery_case *test, const struct strand_recovered_log *log)
{
    enum strand_recovery_verdict verdict = recovery_case_verdict(test);
    bool is_corrupt = test->verdict == STRAND_VERDICT_CORRUPT;
    bool is_cut = test->verdict == STRAND_VERDICT_TORN || test->verdict == STRAND_VERDICT_SUSPECT;

    cr_expect_eq(log->verdict, verdict, "%s: verdict %d: %s", test->name, (int)log->verdict,
                 log->reason);
    cr_expect_eq(log->reason[0] == '\0', verdict == STRAND_VERDICT_WHOLE, "%s", test->name);
    cr_expect_eq(log->log_start, test->log_start_after, "%s: %lld", test->name,
                 (long long)log->log_start);
    cr_expect_eq(log->log_end, test->log_end, "%s: %lld", test->name, (long long)log->log_end);
    cr_expect_eq(log->durable_end, test->durable_end, "%s", test->name);
    cr_expect_eq(log->generation, test->has_slot ? 42 : 0, "%s", test->name);
    cr_expect_eq(log->corrupt_first, is_corrupt ? test->corrupt_first : -1, "%s: first %lld",
                 test->name, (long long)log->corrupt_first);
    cr_expect_eq(log->corrupt_next, is_corrupt ? test->corrupt_next : -1, "%s: next %lld",
                 test->name, (long long)log->corrupt_next);
    cr_expect_eq(log->has_cut, is_cut, "%s", test->name);
    cr_expect_eq(log->cut_first_offset, is_cut ? test->log_end : -1, "%s", test->name);
    if (!test->has_slot)
        cr_expect_eq(log->high_watermark, -1, "%s", test->name);
    else
        cr_expect(log->high_watermark >= log->log_start &&
                      log->high_watermark <=
                          (log->log_end > log->log_start ? log->log_end : log->log_start),
                  "%s", test->name);
}

Test(log_recovery, each_log_gets_its_verdict)
{
    for (size_t i = 0; i < recovery_case_count; i++) {
        const struct recovery_case *test = &recovery_cases[i];
        struct strand_recovered_log log;
        char epochs_before[256] = "";
        char first_run[4096];

        disk = recovery_case_disk(test);
        if (recovery_case_epochs(disk) != NULL)
            (void)snprintf(epochs_before, sizeof epochs_before, "%s", recovery_case_epochs(disk));
        cr_assert_eq(recovery_case_run(test, disk, false, &log), STRAND_OK, "%s: %s", test->name,
                     strand_error_message());
        expect_log(test, &log);
        strand_recovered_log_deinit(&log);
        cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".log"), test->kept, "%s: %s", test->name,
                         log_image_read(disk, DIRECTORY, ".log"));
        cr_expect_str_eq(log_image_names(disk, DIRECTORY, "cut-"),
                         test->saved != NULL ? test->saved : "", "%s", test->name);
        cr_expect_str_eq(recovery_case_epochs(disk),
                         test->epochs_after != NULL ? test->epochs_after : epochs_before, "%s",
                         test->name);
        cr_expect_eq(strand_sim_disk_open_files(disk), 0, "%s", test->name);
        cr_expect_not(strand_sim_disk_is_dirty(disk, DIRECTORY), "%s", test->name);

        /* A second time nothing is left to do. */
        (void)snprintf(first_run, sizeof first_run, "%s", log_image_names(disk, DIRECTORY, ""));
        cr_assert_eq(recovery_case_run(test, disk, false, &log), STRAND_OK, "%s", test->name);
        cr_expect_eq(log.verdict,
                     test->verdict == STRAND_VERDICT_CORRUPT ? STRAND_VERDICT_CORRUPT
                                                             : STRAND_VERDICT_WHOLE,
                     "%s again: %s", test->name, log.reason);
        cr_expect_eq(log.log_end, test->log_end, "%s again", test->name);
        strand_recovered_log_deinit(&log);
        cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".log"), test->kept, "%s: %s", test->name,
                         log_image_read(disk, DIRECTORY, ".log"));
        cr_expect_str_eq(log_image_names(disk, DIRECTORY, ""), first_run, "%s", test->name);
        strand_sim_disk_destroy(disk);
    }
}

Test(log_recovery, read_only_decides_the_same_and_changes_nothing)
{
    for (size_t i = 0; i < recovery_case_count; i++) {
        const struct recovery_case *test = &recovery_cases[i];
        struct strand_recovered_log log;
        char before[4096];
        char names[4096];

        disk = recovery_case_disk(test);
        (void)snprintf(before, sizeof before, "%s", log_image_read(disk, DIRECTORY, ".log"));
        (void)snprintf(names, sizeof names, "%s", log_image_names(disk, DIRECTORY, ""));
        strand_sim_disk_plan_clear(disk);
        strand_sim_disk_plan_fault_of(
            disk, STRAND_SIM_WRITE | STRAND_SIM_SYNC | STRAND_SIM_SYNC_DIRECTORY | STRAND_SIM_NAME,
            1, EIO, true);
        cr_assert_eq(recovery_case_run(test, disk, true, &log), STRAND_OK, "%s: %s", test->name,
                     strand_error_message());
        expect_log(test, &log);
        strand_recovered_log_deinit(&log);
        cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".log"), before, "%s", test->name);
        cr_expect_str_eq(log_image_names(disk, DIRECTORY, ""), names, "%s", test->name);
        strand_sim_disk_destroy(disk);
    }
}

/* ---- What is reported ---- */

struct visited {
    char text[512];
    size_t used;
};

static void
note_batch(void *argument, int64_t segment_base_offset, const uint8_t *batch, int64_t position)
{
    struct visited *visited = argument;

    visited->used +=
        (size_t)snprintf(visited->text + visited->used, sizeof visited->text - visited->used,
                         "%lld:%lld@%lld ", (long long)segment_base_offset,
                         (long long)strand_batch_base_offset(batch), (long long)position);
}

Test(log_recovery, kept_batches_are_visited_once_with_their_place)
{
    struct visited visited = {.used = 0};

    open_disk("0: 0+1 | 1: 1+1 2+1 | 3: 3+1 x4+1 5+1");
    slot.log_start = slot.high_watermark = 2;
    slot.durable_end = slot.log_end = 3;
    request.slot = &slot;
    request.visit = note_batch;
    request.argument = &visited;
    recover();
    cr_expect_str_eq(visited.text, "1:1@0 1:2@73 3:3@0 ");
    cr_expect_eq(log_found.verdict, STRAND_VERDICT_SUSPECT);
    cr_expect_eq(log_found.cut_bytes, 2 * 73);
    cr_assert_eq(log_found.segment_count, 2);
    cr_expect_eq(log_found.segments[0].base_offset, 1);
    cr_expect_eq(log_found.segments[0].end_offset, 3);
    cr_expect_eq(log_found.segments[0].size, 2 * 73);
    cr_expect_eq(log_found.segments[0].batch_count, 2);
    cr_expect_eq(log_found.segments[0].first_timestamp_ms, 1001);
    cr_expect_eq(log_found.segments[0].max_timestamp_ms, 1002);
    cr_expect(log_found.segments[0].is_readable);
    cr_expect_eq(log_found.segments[1].size, 73);
    cr_expect_geq(log_found.bytes_read, 5 * 73);
    close_disk();
}

Test(log_recovery, a_corrupt_log_lists_both_sides_of_the_hole)
{
    open_disk("0: 0+1 x1+1 2+1 g9 4+1 | 5: 5+1 | 6: x6+1");
    slot.durable_end = slot.log_end = slot.high_watermark = 2;
    request.slot = &slot;
    recover();
    cr_expect_eq(log_found.verdict, STRAND_VERDICT_CORRUPT);
    cr_expect_eq(log_found.log_end, 6);
    cr_assert_eq(log_found.segment_count, 5, "%zu: a run between damage is one of its own",
                 log_found.segment_count);
    cr_expect_eq(log_found.segments[0].end_offset, 1);
    cr_expect_eq(log_found.segments[0].size, 73);
    cr_expect_not(log_found.segments[0].is_readable);
    for (int64_t run = 1; run <= 2; run++) {
        const struct strand_recovered_segment *found = &log_found.segments[run];

        cr_expect_eq(found->file_base_offset, 0);
        cr_expect_eq(found->base_offset, 2 * run);
        cr_expect_eq(found->end_offset, 2 * run + 1);
        cr_expect_eq(found->start_position, run == 1 ? 2 * 73 : 3 * 73 + 9);
        cr_expect_eq(found->size, found->start_position + 73);
        cr_expect_eq(found->is_readable, run == 2);
    }
    cr_expect_eq(log_found.segments[3].end_offset, 6);
    cr_expect(log_found.segments[3].is_readable);
    cr_expect_eq(log_found.segments[4].end_offset, 6);
    cr_expect_eq(log_found.segments[4].first_timestamp_ms, -1);
    cr_expect_not(log_found.segments[4].is_readable);
    close_disk();

    open_disk("0: 0+1 x1+1 2+1 g9 4+1 g5");
    request.recovery_point = 2;
    recover();
    cr_expect_eq(log_found.log_end, 5, "behind the second hole");
    close_disk();
}

Test(log_recovery, a_reset_that_has_begun_is_the_callers_to_finish)
{
    open_disk("0: 0+1 g100");
    slot.log_start = slot.high_watermark = slot.durable_end = slot.log_end = 77;
    slot.flags = STRAND_FRONTIER_RESETTING;
    request.slot = &slot;
    store("left.tmp", "x");
    strand_sim_disk_plan_clear(disk);
    recover();
    cr_expect(log_found.must_reset);
    cr_expect_eq(log_found.log_start, 77);
    cr_expect_eq(log_found.log_end, 77);
    cr_expect_eq(log_found.generation, 42);
    cr_expect_eq(log_found.segment_count, 0);
    cr_expect_null(strand_sim_disk_content(disk, DIRECTORY "/left.tmp", NULL));
    cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".log"), "0:0+1/100", "the rest is untouched");
    close_disk();
}

Test(log_recovery, gaps_that_are_found_are_reported)
{
    open_disk("0: 0+1 5+1");
    request.is_foreign = true;
    recover();
    cr_expect(log_found.has_gaps);
    close_disk();
    open_disk("0: 0+1 | 5: 5+1");
    request.is_foreign = true;
    request.recovery_point = 6;
    recover();
    cr_expect(log_found.has_gaps, "one between segments, too");
    close_disk();
}

Test(log_recovery, the_high_watermark_is_clamped)
{
    static const struct {
        int64_t high_watermark;
        int64_t expected;
    } CASES[] = {{0, 3}, {5, 5}, {100, 10}};

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        open_disk("0: 0+10 g5");
        slot.log_start = 3;
        slot.high_watermark = CASES[i].high_watermark;
        slot.durable_end = 4;
        slot.log_end = 100;
        request.slot = &slot;
        recover();
        cr_expect_eq(log_found.high_watermark, CASES[i].expected);
        close_disk();
    }
}

/* ---- Beside the segments ---- */

Test(log_recovery, kafkas_indexes_of_what_changes_go_first_and_later_snapshots)
{
    static const char *const NAMES[] = {
        "00000000000000000000.index",    "00000000000000000000.timeindex",
        "00000000000000000010.index",    "00000000000000000010.timeindex",
        "00000000000000000010.txnindex", "00000000000000000010.snapshot",
        "00000000000000000015.snapshot", "00000000000000000016.snapshot",
        "00000000000000000020.index",    "partition.metadata",
    };

    open_disk("0: 0+10 | 10: 10+5 g10 | 20: g5");
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        store(NAMES[i], "x");
    recover();
    cr_expect_str_eq(log_image_names(disk, DIRECTORY, ""),
                     "00000000000000000000.index 00000000000000000000.log "
                     "00000000000000000000.timeindex 00000000000000000010.log "
                     "00000000000000000010.snapshot 00000000000000000015.snapshot "
                     "leader-epoch-checkpoint partition.metadata");
    close_disk();
}

Test(log_recovery, kafkas_files_of_an_unchanged_log_stay)
{
    open_disk("0: 0+10");
    store("00000000000000000000.index", "x");
    store("00000000000000000050.snapshot", "x");
    recover();
    cr_expect_str_eq(log_image_names(disk, DIRECTORY, "0000."),
                     "00000000000000000000.index 00000000000000000000.log");
    cr_expect_str_eq(log_image_names(disk, DIRECTORY, "snapshot"), "00000000000000000050.snapshot");
    close_disk();
}

Test(log_recovery, what_an_earlier_accident_saved_stays)
{
    char earlier[2 * 73 + 1];

    memset(earlier, 'e', sizeof earlier);
    for (size_t size = 7; size < sizeof earlier; size += 2 * 73 - 7) { /* other and same size */
        int64_t size_now;

        open_disk("0: 0+1 x1+1 2+1");
        earlier[size] = '\0';
        store("cut-00000000000000000001.bytes", earlier);
        earlier[size] = 'e';
        recover();
        cr_expect_eq(log_found.verdict, STRAND_VERDICT_SUSPECT);
        cr_expect_str_eq(log_image_names(disk, DIRECTORY, "cut-"),
                         "cut-00000000000000000001-2.bytes cut-00000000000000000001.bytes");
        const uint8_t *data =
            strand_sim_disk_content(disk, DIRECTORY "/cut-00000000000000000001.bytes", &size_now);
        cr_expect_eq(size_now, (int64_t)size);
        cr_expect_eq(memcmp(data, earlier, size), 0);
        close_disk();
    }
}

Test(log_recovery, saved_bytes_are_those_that_were_cut)
{
    uint8_t before[2 * 73];
    int64_t size;

    open_disk("0: 0+1 x1+1 2+1");
    const uint8_t *data =
        strand_sim_disk_content(disk, DIRECTORY "/00000000000000000000.log", &size);
    cr_assert_eq(size, 3 * 73);
    memcpy(before, data + 73, sizeof before);
    recover();
    data = strand_sim_disk_content(disk, DIRECTORY "/cut-00000000000000000001.bytes", &size);
    cr_assert_eq(size, (int64_t)sizeof before);
    cr_expect_eq(memcmp(data, before, sizeof before), 0);
    close_disk();
}

Test(log_recovery, a_hard_linked_copy_keeps_the_tail)
{
    int64_t size;

    open_disk("0: 0+1 g100");
    cr_assert_eq(request.fs->link(request.fs->context, DIRECTORY "/00000000000000000000.log",
                                  "/data/backup"),
                 0);
    recover();
    cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".log"), "0:0+1");
    (void)strand_sim_disk_content(disk, "/data/backup", &size);
    cr_expect_eq(size, 73 + 100);
    cr_expect_not(strand_sim_disk_is_dirty(disk, DIRECTORY));
    close_disk();
}

Test(log_recovery, without_room_to_save_a_suspect_log_is_quarantined)
{
    open_disk("0: 0+1 x1+1 2+1 | 3: 3+1");
    slot.durable_end = slot.log_end = slot.high_watermark = 1;
    request.slot = &slot;
    strand_sim_disk_set_capacity(disk, 3 * 4096);
    recover();
    cr_expect_eq(log_found.verdict, STRAND_VERDICT_CORRUPT);
    cr_expect_not_null(strstr(log_found.reason, "no room to save"), "%s", log_found.reason);
    cr_expect_not(log_found.has_cut);
    cr_expect_eq(log_found.corrupt_first, 1);
    cr_expect_eq(log_found.corrupt_next, 2);
    cr_expect_eq(log_found.log_end, 4);
    cr_expect_eq(log_found.segment_count, 3);
    cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".log"), "0:0+1/146 3:3+1");
    cr_expect_str_eq(log_image_names(disk, DIRECTORY, "cut"), "");

    strand_sim_disk_set_capacity(disk, 0);
    recover();
    cr_expect_eq(log_found.verdict, STRAND_VERDICT_SUSPECT, "with room it is cut");
    close_disk();
}
