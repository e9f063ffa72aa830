/* tests/unit/test_frontier_crash.c -- A slot found after a crash is one that was written, and not
 * older than the last that was synced. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/thread.h"
#include "recovery/frontier.h"
#include "simulation/sim_disk.h"

#define DIRECTORY "/data"
#define PATH      DIRECTORY "/" STRAND_FRONTIER_NAME

enum { SLOT_SIZE = 64, BLOCK_SIZE = 4096 };

static struct strand_sim_disk *disk;
static const struct strand_fs *fs;
static struct strand_frontier *frontier;

static void
open_frontier(void)
{
    int64_t bad_slots = -7;

    cr_assert_eq(strand_frontier_open(fs, DIRECTORY, true, &frontier, &bad_slots), STRAND_OK, "%s",
                 strand_error_message());
    cr_assert_eq(bad_slots, 0);
}

static void
close_frontier(void)
{
    (void)strand_frontier_close(frontier); /* after a cut or a fault it may fail */
    frontier = NULL;
}

static void
reopen(void)
{
    close_frontier();
    open_frontier();
}

static void
open_disk(const struct strand_sim_disk_options *options)
{
    cr_assert_eq(strand_sim_disk_create(options, &disk), STRAND_OK);
    fs = strand_sim_disk_fs(disk);
    cr_assert_eq(strand_path_make_directory(fs, DIRECTORY), STRAND_OK);
    cr_assert_eq(strand_path_sync_directory(fs, "/"), STRAND_OK);
    cr_assert_eq(strand_frontier_initialise(fs, DIRECTORY), STRAND_OK);
    open_frontier();
    strand_sim_disk_plan_clear(disk);
}

static void
open_all(void)
{
    open_disk(&(struct strand_sim_disk_options){.seed = 3});
}

static void
close_all(void)
{
    close_frontier();
    strand_sim_disk_destroy(disk);
}

TestSuite(frontier_crash, .init = open_all, .fini = close_all);

/* A slot of log NUMBER whose fields all follow from the numbers. */
static struct strand_frontier_slot
slot_of(int number, uint64_t generation, int64_t durable_end)
{
    struct strand_frontier_slot slot = {.generation = generation,
                                        .log_start = 1,
                                        .high_watermark = durable_end - 1,
                                        .durable_end = durable_end,
                                        .log_end = durable_end + 1,
                                        .flags = 0};

    /* Ids are random: spread them. */
    strand_put_le32(slot.id, (uint32_t)number * 2654435761U);
    strand_put_le32(slot.id + 12, (uint32_t)number);
    return slot;
}

static void
write_slot(int number, uint64_t generation, int64_t durable_end)
{
    struct strand_frontier_slot slot = slot_of(number, generation, durable_end);

    cr_assert_eq(strand_frontier_write(frontier, &slot), STRAND_OK);
}

/* -1: no slot. */
static int64_t
durable_end_of(int number)
{
    struct strand_frontier_slot id = slot_of(number, 0, 5);
    struct strand_frontier_slot slot;

    if (!strand_frontier_find(frontier, id.id, &slot))
        return -1;
    cr_expect_eq(memcmp(slot.id, id.id, sizeof slot.id), 0);
    cr_expect_eq(slot.log_start, 1);
    cr_expect_eq(slot.high_watermark, slot.durable_end - 1);
    cr_expect_eq(slot.log_end, slot.durable_end + 1);
    return slot.durable_end;
}

static const uint8_t *
bytes_at(int64_t position)
{
    int64_t size;
    const uint8_t *data = strand_sim_disk_content(disk, PATH, &size);

    cr_assert_not_null(data);
    cr_assert_geq(size, position + SLOT_SIZE);
    return data + position;
}

/* What every cut and fault below runs: two logs, rising, one lowered, one removed, growth. */
struct progress {
    int64_t written[2]; /* durable end last written, -1: none */
    int64_t synced[2];  /* of what a sync has covered */
};

static int
write_and_note(struct progress *progress, int number, uint64_t generation, int64_t durable_end)
{
    struct strand_frontier_slot slot = slot_of(number, generation, durable_end);
    int status = strand_frontier_write(frontier, &slot);

    progress->written[number] = durable_end; /* a failed write may be there, too */
    return status;
}

static int
sync_and_note(struct progress *progress)
{
    int status = strand_frontier_sync(frontier);

    if (status == STRAND_OK)
        memcpy(progress->synced, progress->written, sizeof progress->synced);
    return status;
}

static int
run_script(struct progress *progress)
{
    int status = write_and_note(progress, 0, 1, 10);

    if (status == STRAND_OK)
        status = sync_and_note(progress);
    if (status == STRAND_OK)
        status = write_and_note(progress, 1, 1, 10);
    if (status == STRAND_OK)
        status = write_and_note(progress, 0, 1, 11);
    if (status == STRAND_OK)
        status = sync_and_note(progress);
    for (int i = 2; i < 70 && status == STRAND_OK; i++) {
        struct strand_frontier_slot slot = slot_of(i, 1, 5);

        status = strand_frontier_write(frontier, &slot);
    }
    if (status == STRAND_OK)
        status = write_and_note(progress, 0, 2, 12);
    return status != STRAND_OK ? status : sync_and_note(progress);
}

static void
expect_between(const struct progress *progress, const char *context, int loss, int nth)
{
    for (int i = 0; i < 2; i++) {
        int64_t found = durable_end_of(i);

        cr_expect(found >= progress->synced[i] && found <= progress->written[i],
                  "%s %d, call %d, log %d: found %lld, synced %lld, written %lld", context, loss,
                  nth, i, (long long)found, (long long)progress->synced[i],
                  (long long)progress->written[i]);
    }
}

Test(frontier_crash, power_cut_at_any_call_keeps_what_was_synced)
{
    for (int loss = 0; loss < STRAND_SIM_LOSS_COUNT; loss++) {
        int status = STRAND_ERR_IO;

        for (int nth = 1; status != STRAND_OK; nth++) {
            struct progress progress = {{-1, -1}, {-1, -1}};

            close_all();
            open_all();
            strand_sim_disk_plan_cut(disk, (uint64_t)nth);
            status = run_script(&progress);
            close_frontier();
            strand_sim_disk_cut(disk, (enum strand_sim_loss)loss, (uint64_t)nth);
            open_frontier();
            expect_between(&progress, "loss", loss, nth);
        }
    }
}

/* One fault, then everything again; then the power goes, at once after the last sync. */
Test(frontier_crash, after_a_failed_call_the_next_sync_covers_everything)
{
    static const int CODES[] = {EIO, ENOSPC};

    for (int i = 0; i < 2; i++) {
        int status = STRAND_ERR_IO;

        for (int nth = 1; status != STRAND_OK; nth++) {
            struct progress progress = {{-1, -1}, {-1, -1}};

            close_all();
            open_all();
            strand_sim_disk_plan_fault(disk, (uint64_t)nth, CODES[i], false);
            status = run_script(&progress);
            strand_sim_disk_plan_clear(disk);
            if (status != STRAND_OK) {
                cr_expect_eq(status, CODES[i] == EIO ? STRAND_ERR_IO : STRAND_ERR_NO_SPACE);
                cr_assert_eq(run_script(&progress), STRAND_OK, "call %d", nth);
            }
            close_frontier();
            cr_expect_eq(strand_sim_disk_open_files(disk), 0);
            strand_sim_disk_cut(disk, STRAND_SIM_LOSE_ALL, 1);
            open_frontier();
            expect_between(&progress, "code", CODES[i], nth);
            cr_expect_eq(durable_end_of(69), 5);
        }
    }
}

Test(frontier_crash, after_a_failed_sync_the_file_is_replaced_and_never_synced_again)
{
    int64_t size;

    write_slot(1, 1, 10);
    strand_sim_disk_plan_clear(disk);
    strand_sim_disk_plan_fault_of(disk, STRAND_SIM_SYNC, 1, EIO, false);
    cr_expect_eq(strand_frontier_sync(frontier), STRAND_ERR_IO);
    cr_expect_geq(strand_frontier_dirty_since_ns(frontier), 0);
    write_slot(2, 1, 20);
    strand_sim_disk_plan_clear(disk);
    cr_expect_eq(strand_frontier_sync(frontier), STRAND_OK);
    for (uint64_t i = 1; i <= strand_sim_disk_calls(disk); i++) {
        const char *call = strand_sim_disk_trace(disk, i);
        size_t call_size = strlen(call);

        cr_expect(strstr(call, "sync_") == NULL || strstr(call, "sync_directory") != NULL ||
                      strcmp(call + call_size - 4, ".tmp") == 0,
                  "%s", call);
    }
    write_slot(1, 1, 11);
    (void)strand_sim_disk_content(disk, PATH, &size);
    cr_expect_eq(strand_get_le64(bytes_at(SLOT_SIZE) + 40), 11, "writes go to the new file");
    cr_expect_eq(strand_frontier_sync(frontier), STRAND_OK);
    close_frontier();
    strand_sim_disk_cut(disk, STRAND_SIM_LOSE_ALL, 1);
    open_frontier();
    cr_expect_eq(durable_end_of(1), 11);
    cr_expect_eq(durable_end_of(2), 20);
}

Test(frontier_crash, a_full_disk_stops_neither_overwriting_nor_syncing)
{
    close_all();
    open_disk(&(struct strand_sim_disk_options){.seed = 3, .capacity = 2 * BLOCK_SIZE});
    for (int i = 1; i <= 63; i++)
        write_slot(i, 1, 10);
    strand_sim_disk_set_capacity(disk, BLOCK_SIZE);

    struct strand_frontier_slot slot = slot_of(64, 1, 10);
    cr_expect_eq(strand_frontier_write(frontier, &slot), STRAND_ERR_NO_SPACE);
    cr_expect_eq(durable_end_of(64), -1);
    write_slot(5, 1, 55);
    cr_expect_eq(strand_frontier_sync(frontier), STRAND_OK);
    strand_sim_disk_set_capacity(disk, 2 * BLOCK_SIZE);
    write_slot(64, 1, 10);
    cr_expect_eq(strand_frontier_sync(frontier), STRAND_OK);
    reopen();
    cr_expect_eq(durable_end_of(5), 55);
    cr_expect_eq(durable_end_of(64), 10);
}

Test(frontier_crash, short_writes_are_continued)
{
    close_all();
    open_disk(&(struct strand_sim_disk_options){.seed = 3, .short_writes = true});
    for (int i = 0; i < 70; i++)
        write_slot(i, 1, 10 + i);
    cr_expect_eq(strand_frontier_sync(frontier), STRAND_OK);
    reopen();
    for (int i = 0; i < 70; i++)
        cr_expect_eq(durable_end_of(i), 10 + i);
}

Test(frontier_crash, a_slot_torn_by_a_failed_write_is_whole_again_after_the_next_sync)
{
    close_all();
    open_disk(&(struct strand_sim_disk_options){.seed = 3, .short_writes = true});
    write_slot(1, 1, 10);
    cr_assert_eq(strand_frontier_sync(frontier), STRAND_OK);
    strand_sim_disk_plan_clear(disk);
    strand_sim_disk_plan_fault_of(disk, STRAND_SIM_WRITE, 7, EIO, false);
    struct strand_frontier_slot slot = slot_of(1, 1, 1000);
    cr_expect_eq(strand_frontier_write(frontier, &slot), STRAND_ERR_IO);
    cr_expect_eq(durable_end_of(1), 10, "a failed write changes nothing in memory");
    cr_assert_eq(strand_frontier_sync(frontier), STRAND_OK);
    reopen();
    cr_expect_eq(durable_end_of(1), 10);
}

static struct strand_fs slow_fs;
static int syncs_entered;
static bool other_has_returned;
static struct strand_thread other_thread;

static void
sync_once(void *argument)
{
    (void)argument;
    cr_assert_eq(strand_frontier_sync(frontier), STRAND_OK);
    __atomic_store_n(&other_has_returned, true, __ATOMIC_SEQ_CST);
}

/* While the first sync is under way another thread asks for one; give it 50 ms to be wrong. */
static int
sync_slowly(struct strand_fs_file *file)
{
    if (syncs_entered++ == 0) {
        int64_t deadline_ns = strand_thread_now_ns() + 50000000;

        cr_assert_eq(strand_thread_start(&other_thread, "other", sync_once, NULL), STRAND_OK);
        while (strand_thread_now_ns() < deadline_ns)
            cr_assert_not(__atomic_load_n(&other_has_returned, __ATOMIC_SEQ_CST),
                          "nothing is durable yet");
    }
    return fs->sync_data(file);
}

Test(frontier_crash, a_sync_waits_for_the_one_that_covers_its_writes)
{
    struct strand_frontier *plain = frontier;
    int64_t bad_slots;

    slow_fs = *fs;
    slow_fs.sync_data = sync_slowly;
    cr_assert_eq(strand_frontier_open(&slow_fs, DIRECTORY, true, &frontier, &bad_slots), STRAND_OK);
    write_slot(1, 1, 10);
    cr_assert_eq(strand_frontier_sync(frontier), STRAND_OK);
    strand_thread_join(&other_thread);
    cr_expect(other_has_returned);
    cr_expect_eq(strand_frontier_close(plain), STRAND_OK);
}

enum { THREAD_COUNT = 4, ROUND_COUNT = 200 };

static void
write_rounds(void *argument)
{
    int number = *(const int *)argument;

    for (int round = 0; round < ROUND_COUNT; round++) {
        struct strand_frontier_slot slot = slot_of(number, 1, 10 + round);

        cr_assert_eq(strand_frontier_write_durably(frontier, &slot), STRAND_OK);
    }
}

Test(frontier_crash, threads_that_write_durably_all_are_durable)
{
    static int numbers[THREAD_COUNT];
    struct strand_thread threads[THREAD_COUNT];

    for (int i = 0; i < THREAD_COUNT; i++) {
        numbers[i] = i;
        cr_assert_eq(strand_thread_start(&threads[i], "writer", write_rounds, &numbers[i]),
                     STRAND_OK);
    }
    for (int i = 0; i < THREAD_COUNT; i++)
        strand_thread_join(&threads[i]);
    close_frontier();
    strand_sim_disk_cut(disk, STRAND_SIM_LOSE_ALL, 1);
    open_frontier();
    for (int i = 0; i < THREAD_COUNT; i++)
        cr_expect_eq(durable_end_of(i), 10 + ROUND_COUNT - 1);
}
