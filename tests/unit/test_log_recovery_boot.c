/* tests/unit/test_log_recovery_boot.c -- In the boot of the last writer the page cache may show
 * what a failed sync has marked clean without writing it: what is kept above the durable end is
 * written again before anything relies on it. */
#include <errno.h>

#include "storage/topic_name.h"
#include "support/recovery_fixture.h"

static void
segment_path(int64_t base_offset, char path[256])
{
    char name[STRAND_SEGMENT_NAME_SIZE];

    strand_segment_name_format(base_offset, name);
    (void)snprintf(path, 256, "%s/%s", DIRECTORY, name);
}

/* Sync a segment; the sync fails, and loses what it was to write. */
static void
fail_to_sync(int64_t base_offset)
{
    char path[256];
    struct strand_file file;

    segment_path(base_offset, path);
    cr_assert_eq(strand_file_open(request.fs, path, STRAND_FS_WRITE, &file), STRAND_OK);
    strand_sim_disk_plan_clear(disk);
    strand_sim_disk_plan_fault_of(disk, STRAND_SIM_SYNC, 1, EIO, false);
    cr_assert_eq(strand_file_sync_data(&file), STRAND_ERR_IO);
    strand_file_discard(&file);
    strand_sim_disk_plan_clear(disk);
}

/* DURABLE is on disk; WRITTEN, which begins with it, in the cache alone, for good: the syncs of the
 * segments in FAILED, up to -1, have failed. The process is then killed. */
static void
open_after_failed_sync(const char *durable, const char *written, const int64_t *failed)
{
    open_disk(durable);
    log_image_write(disk, DIRECTORY, written);
    cr_assert_eq(strand_path_sync_directory(request.fs, DIRECTORY), STRAND_OK);
    for (; *failed >= 0; failed++)
        fail_to_sync(*failed);
    strand_sim_disk_kill(disk);
    strand_sim_disk_plan_clear(disk);
}

/* As a client would: batch OFFSET behind what segment 0 has, acknowledged when its sync returns. */
static void
append_durably(int64_t offset)
{
    char image[32];
    char path[256];
    struct strand_file file;
    int64_t position;
    int64_t size;

    segment_path(0, path);
    (void)snprintf(image, sizeof image, "0: %d+1", (int)offset);
    log_image_store(disk, "/data", image, ".image");
    (void)strand_sim_disk_content(disk, path, &position);
    const uint8_t *batch =
        strand_sim_disk_content(disk, "/data/00000000000000000000.log.image", &size);
    cr_assert_eq(strand_file_open(request.fs, path, STRAND_FS_WRITE, &file), STRAND_OK);
    cr_assert_eq(strand_file_write(&file, batch, (size_t)size, position, NULL), STRAND_OK);
    cr_assert_eq(strand_file_sync_data(&file), STRAND_OK);
    cr_assert_eq(strand_file_close(&file), STRAND_OK);
}

static const int64_t ONLY_FIRST[] = {0, -1};

Test(log_recovery_boot, what_is_kept_after_a_failed_sync_survives_a_power_cut)
{
    for (int same_boot = 0; same_boot < 2; same_boot++) {
        open_after_failed_sync("0: 0+1", "0: 0+1 1+1 2+1 3+1 4+1 5+1 6+1 7+1 8+1 9+1", ONLY_FIRST);
        set_slot(0, 1);
        request.is_same_boot = same_boot != 0;
        recover();
        cr_expect_eq(log_found.verdict, STRAND_VERDICT_WHOLE);
        cr_expect_eq(log_found.log_end, 10, "the cache shows them");
        cr_expect_eq(log_found.bytes_rewritten, same_boot != 0 ? 9 * BATCH : 0);

        append_durably(10);
        strand_sim_disk_cut(disk, STRAND_SIM_LOSE_ALL, 1);
        request.is_same_boot = false;
        recover();
        if (same_boot != 0)
            cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".log"),
                             "0:0+1,1+1,2+1,3+1,4+1,5+1,6+1,7+1,8+1,9+1,10+1");
        else
            cr_expect_neq(log_found.verdict, STRAND_VERDICT_WHOLE,
                          "this test can tell the difference");
        close_disk();
    }
}

Test(log_recovery_boot, each_segment_above_the_durable_end_is_written_again)
{
    static const int64_t FAILED[] = {0, 3, 5, -1};

    open_after_failed_sync("0: 0+1", "0: 0+1 1+1 2+1 | 3: 3+1 4+1 | 5: 5+1 z9000", FAILED);
    set_slot(0, 1);
    request.is_same_boot = true;
    recover();
    cr_expect_eq(log_found.verdict, STRAND_VERDICT_WHOLE);
    cr_expect_eq(log_found.bytes_rewritten, 5 * BATCH, "not what stands below, nor zeros");
    strand_sim_disk_cut(disk, STRAND_SIM_LOSE_ALL, 1);
    cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".log"), "0:0+1,1+1,2+1 3:3+1,4+1 5:5+1");
    close_disk();
}

Test(log_recovery_boot, without_a_slot_all_of_it_is_written_again)
{
    open_disk("0: 0+1 1+1 | 2: 2+1");
    request.is_same_boot = true;
    recover();
    cr_expect_eq(log_found.bytes_rewritten, 3 * BATCH);
    close_disk();
}

Test(log_recovery_boot, what_is_cut_is_saved_as_the_cache_shows_it)
{
    int64_t size;
    static const int64_t FAILED[] = {0, 3, -1};

    open_after_failed_sync("0: 0+1", "0: 0+1 x1+1 2+1 | 3: 3+1", FAILED);
    set_slot(0, 1);
    request.is_same_boot = true;
    recover();
    cr_expect_eq(log_found.verdict, STRAND_VERDICT_SUSPECT);
    strand_sim_disk_cut(disk, STRAND_SIM_LOSE_ALL, 1);
    cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".log"), "0:0+1");
    cr_expect_str_eq(log_image_read(disk, DIRECTORY, "3.bytes"), "0:3+1");
    cr_assert_not_null(
        strand_sim_disk_content(disk, DIRECTORY "/cut-00000000000000000001.bytes", &size));
    cr_expect_eq(size, 2 * BATCH);
    close_disk();
}

static void
link_first(void)
{
    cr_assert_eq(request.fs->link(request.fs->context, DIRECTORY "/00000000000000000000.log",
                                  "/data/backup"),
                 0);
    cr_assert_eq(strand_path_sync_directory(request.fs, "/data"), STRAND_OK);
}

Test(log_recovery_boot, a_file_with_more_links_is_replaced_by_a_copy)
{
    open_after_failed_sync("0: 0+1", "0: 0+1 1+1", ONLY_FIRST);
    link_first();
    set_slot(0, 1);
    request.is_same_boot = true;
    recover();
    cr_expect_eq(log_found.bytes_rewritten, 2 * BATCH, "all of it");

    /* The copy is another file: what is written to it does not reach the backup. */
    append_durably(2);
    int64_t size;
    (void)strand_sim_disk_content(disk, "/data/backup", &size);
    cr_expect_eq(size, 2 * BATCH);
    strand_sim_disk_cut(disk, STRAND_SIM_LOSE_ALL, 1);
    cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".log"), "0:0+1,1+1,2+1");
    close_disk();
}

/* A copy by reference would be of what the disk has. */
/* To give it its size anew would show a backup with a byte more, for a while or for good. */
Test(log_recovery_boot, a_file_with_more_links_keeps_its_size_where_nothing_is_written_again)
{
    open_after_failed_sync("0: 0+1", "0: 0+1 1+1", ONLY_FIRST);
    link_first();
    set_slot(0, 2);
    request.is_same_boot = true;
    strand_sim_disk_plan_clear(disk);
    recover();
    cr_expect_eq(log_found.bytes_rewritten, 0);
    for (uint64_t i = 1; i <= strand_sim_disk_calls(disk); i++)
        cr_expect_null(strstr(strand_sim_disk_trace(disk, i), "set_size"), "%s",
                       strand_sim_disk_trace(disk, i));
    close_disk();
}

Test(log_recovery_boot, a_file_with_more_links_that_is_cut_is_copied_from_the_cache)
{
    open_after_failed_sync("0: 0+1", "0: 0+1 1+1 g50", ONLY_FIRST);
    link_first();
    set_slot(0, 1);
    request.is_same_boot = true;
    strand_sim_disk_plan_clear(disk);
    recover();
    cr_expect_eq(log_found.verdict, STRAND_VERDICT_TORN);
    for (uint64_t i = 1; i <= strand_sim_disk_calls(disk); i++)
        cr_expect_null(strstr(strand_sim_disk_trace(disk, i), "copy_range"), "%s",
                       strand_sim_disk_trace(disk, i));
    strand_sim_disk_cut(disk, STRAND_SIM_LOSE_ALL, 1);
    cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".log"), "0:0+1,1+1");
    close_disk();
}

Test(log_recovery_boot, what_is_larger_than_a_piece_is_written_again_whole)
{
    enum { PART = 1024 * 1024, SIZE = 2 * PART + BATCH };
    struct strand_file file;

    /* Only read_at and write_at say how: a segment of more than two pieces, of one large batch. */
    open_disk("");
    log_image_store_large(disk, DIRECTORY, 0, SIZE);
    cr_assert_eq(
        strand_file_open(request.fs, DIRECTORY "/00000000000000000000.log", STRAND_FS_WRITE, &file),
        STRAND_OK);
    strand_file_discard(&file);
    set_slot(0, 0);
    request.is_same_boot = true;
    strand_sim_disk_plan_clear(disk);
    recover();
    cr_expect_eq(log_found.verdict, STRAND_VERDICT_WHOLE, "%s", log_found.reason);
    cr_expect_eq(log_found.bytes_rewritten, SIZE);
    int writes = 0;
    for (uint64_t i = 1; i <= strand_sim_disk_calls(disk); i++)
        writes += strstr(strand_sim_disk_trace(disk, i), "write_at") != NULL &&
                  strstr(strand_sim_disk_trace(disk, i), ".log") != NULL;
    cr_expect_eq(writes, 3);
    close_disk();
}

/* The same bytes, and the sync behind them. */
Test(log_recovery_boot, a_failure_to_write_again_or_to_sync_fails_the_recovery)
{
    static const uint32_t KINDS[] = {STRAND_SIM_WRITE, STRAND_SIM_SYNC};

    for (size_t i = 0; i < 2; i++) {
        open_after_failed_sync("0: 0+1", "0: 0+1 1+1", ONLY_FIRST);
        set_slot(0, 1);
        request.is_same_boot = true;
        strand_sim_disk_plan_fault_of(disk, KINDS[i], 1, EIO, false);
        cr_expect_eq(strand_log_recover(&request, &log_found), STRAND_ERR_IO);
        cr_expect_eq(strand_sim_disk_open_files(disk), 0);

        /* Nothing was served.  The next attempt does it. */
        strand_sim_disk_plan_clear(disk);
        recover();
        strand_sim_disk_cut(disk, STRAND_SIM_LOSE_ALL, 1);
        cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".log"), "0:0+1,1+1");
        close_disk();
    }
}

Test(log_recovery_boot, a_power_cut_during_the_rewrite_harms_nothing)
{
    for (uint64_t nth = 1; nth < 20; nth++) {
        for (int loss = 0; loss < STRAND_SIM_LOSS_COUNT; loss++) {
            open_after_failed_sync("0: 0+1 1+1", "0: 0+1 1+1 2+1", ONLY_FIRST);
            set_slot(0, 2);
            request.is_same_boot = true;
            strand_sim_disk_plan_cut(disk, nth);
            int status = strand_log_recover(&request, &log_found);
            strand_sim_disk_cut(disk, (enum strand_sim_loss)loss, nth);
            request.is_same_boot = false;
            recover();
            cr_expect_neq(log_found.verdict, STRAND_VERDICT_CORRUPT);
            cr_expect(log_found.log_end == 3 || (status != STRAND_OK && log_found.log_end == 2),
                      "call %d, loss %d: %lld", (int)nth, loss, (long long)log_found.log_end);
            close_disk();
        }
    }
}

/* What was written survives the death of processes, also of those that recover. */
Test(log_recovery_boot, a_rewrite_that_was_interrupted_is_brought_to_its_end)
{
    for (uint64_t nth = 1; nth < 30; nth++) {
        open_after_failed_sync("0: 0+1 1+1", "0: 0+1 1+1 2+1", ONLY_FIRST);
        set_slot(0, 2);
        request.is_same_boot = true;
        strand_sim_disk_plan_cut(disk, strand_sim_disk_calls(disk) + nth);
        int status = strand_log_recover(&request, &log_found);
        strand_sim_disk_plan_clear(disk);
        strand_sim_disk_kill(disk);
        if (status == STRAND_OK)
            strand_recovered_log_deinit(&log_found);
        recover();
        cr_expect_eq(log_found.log_end, 3, "call %d: %lld", (int)nth, (long long)log_found.log_end);
        strand_sim_disk_cut(disk, STRAND_SIM_LOSE_ALL, nth);
        cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".log"), "0:0+1,1+1,2+1");
        cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".tail"), "", "call %d", (int)nth);
        close_disk();
    }
}

/* The slot may lag behind what was acknowledged.  So the tail is not to be lost with a name that
 * only the cache knows. */
Test(log_recovery_boot,
     a_rewrite_that_was_interrupted_and_then_cut_off_from_power_loses_nothing_durable)
{
    for (uint64_t nth = 1; nth < 26; nth++) {
        for (uint64_t second = 1; second < 26; second++) {
            open_disk("0: 0+1 1+1 2+1");
            set_slot(0, 1);
            request.is_same_boot = true;
            strand_sim_disk_plan_cut(disk, strand_sim_disk_calls(disk) + nth);
            if (strand_log_recover(&request, &log_found) == STRAND_OK)
                strand_recovered_log_deinit(&log_found);
            strand_sim_disk_plan_clear(disk);
            strand_sim_disk_kill(disk);
            strand_sim_disk_plan_cut(disk, strand_sim_disk_calls(disk) + second);
            if (strand_log_recover(&request, &log_found) == STRAND_OK)
                strand_recovered_log_deinit(&log_found);
            strand_sim_disk_cut(
                disk, second % 2 == 0 ? STRAND_SIM_LOSE_ALL : STRAND_SIM_KEEP_CONTENT, nth);
            request.is_same_boot = false;
            recover();
            cr_expect_eq(log_found.log_end, 3, "calls %d and %d: %lld", (int)nth, (int)second,
                         (long long)log_found.log_end);
            close_disk();
        }
    }
}

/* Blocks that are overwritten may stay unwritten on disk; blocks that are allocated anew do not. */
Test(log_recovery_boot, what_is_written_again_gets_blocks_anew)
{
    bool is_cut = false;

    open_after_failed_sync("0: 0+1", "0: 0+1 1+1", ONLY_FIRST);
    set_slot(0, 1);
    request.is_same_boot = true;
    strand_sim_disk_plan_clear(disk);
    recover();
    for (uint64_t i = 1; i <= strand_sim_disk_calls(disk); i++) {
        const char *call = strand_sim_disk_trace(disk, i);

        is_cut |= strstr(call, "set_size") != NULL && strstr(call, ".log") != NULL;
        cr_expect(is_cut || strstr(call, "write_at") == NULL || strstr(call, ".log ") == NULL, "%s",
                  call);
    }
    cr_expect(is_cut);
    close_disk();
}

/* It would be given back by a later opening, over what has been appended since. */
Test(log_recovery_boot, no_tail_stays_beside_a_log_that_is_served)
{
    bool is_struck = true;

    for (uint64_t nth = 1; is_struck; nth++) {
        open_after_failed_sync("0: 0+1 1+1", "0: 0+1 1+1 2+1", ONLY_FIRST);
        set_slot(0, 2);
        request.is_same_boot = true;
        strand_sim_disk_plan_clear(disk);
        strand_sim_disk_plan_fault(disk, nth, ENOSPC, false);
        int status = strand_log_recover(&request, &log_found);
        is_struck = strand_sim_disk_calls(disk) >= nth;
        if (status == STRAND_OK) {
            cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".tail"), "", "call %d", (int)nth);
            strand_recovered_log_deinit(&log_found);
        }
        close_disk();
    }
}

Test(log_recovery_boot, a_tail_without_its_segment_goes)
{
    open_disk("0: 0+1");
    cr_assert_eq(strand_sim_disk_store(disk, DIRECTORY "/00000000000000000007.0.tail", "x", 1),
                 STRAND_OK);
    cr_assert_eq(strand_sim_disk_store(disk, DIRECTORY "/00000000000000000000.9999.tail", "x", 1),
                 STRAND_OK);
    request.is_same_boot = true;
    recover();
    cr_expect_eq(log_found.log_end, 1);
    cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".tail"), "");
    close_disk();
}
