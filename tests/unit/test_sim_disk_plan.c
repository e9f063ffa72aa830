/* tests/unit/test_sim_disk_plan.c -- Calls fail where planned; death, copies and repetition keep
 * their word. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "simulation/sim_disk.h"
#include "support/sim_fixture.h"

TestSuite(sim_disk_plan, .init = open_disk, .fini = close_disk);

/* Six calls. */
static int
replace_file(void)
{
    struct strand_fs_file *file;
    int result = fs->open(fs->context, "/f.tmp", STRAND_FS_WRITE | STRAND_FS_CREATE, &file);

    if (result != 0)
        return result;
    int64_t written = write_text(file, "new", 0);
    result = written < 0 ? (int)written : fs->sync_data(file);
    int closed = fs->close(file);
    if (result == 0)
        result = closed;
    if (result == 0)
        result = fs->rename(fs->context, "/f.tmp", "/f");
    return result != 0 ? result : fs->sync_directory(fs->context, "/");
}

Test(sim_disk_plan, nth_call_fails_once_or_from_there_on)
{
    for (uint64_t nth = 1; nth <= 7; nth++) {
        open_disk();
        store("/f", "old");
        strand_sim_disk_plan_fault(disk, nth, ENOSPC, false);
        cr_expect_eq(replace_file(), nth <= 6 ? -ENOSPC : 0, "call %d", (int)nth);
        cr_expect_eq(strand_sim_disk_open_files(disk), 0, "a failed close closes");
        expect_text("/f", nth <= 5 ? "old" : "new");
        strand_sim_disk_plan_clear(disk);
        cr_expect_eq(strand_sim_disk_calls(disk), 0);
        cr_expect_eq(replace_file(), 0);
        cr_expect_eq(strand_sim_disk_calls(disk), 6);
    }
    strand_sim_disk_plan_clear(disk);
    strand_sim_disk_plan_fault(disk, 2, EIO, true);
    cr_expect_eq(fs->make_directory(fs->context, "/a"), 0);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(fs->make_directory(fs->context, "/b"), -EIO);
    cr_expect_not(exists("/b"));
    strand_sim_disk_plan_clear(disk);
    cr_expect_eq(fs->make_directory(fs->context, "/b"), 0);
}

Test(sim_disk_plan, faults_of_kinds_count_those_kinds_only)
{
    struct strand_fs_file *file = create_file("/f");
    char byte;

    strand_sim_disk_plan_clear(disk);
    strand_sim_disk_plan_fault_of(disk, STRAND_SIM_WRITE | STRAND_SIM_READ, 3, EIO, false);
    strand_sim_disk_plan_fault_of(disk, STRAND_SIM_CLOSE, 1, ENOSPC, false);
    cr_expect_eq(write_text(file, "a", 0), 1);
    cr_expect_eq(fs->sync_data(file), 0);
    cr_expect_eq(fs->read_at(file, &byte, 1, 0), 1);
    cr_expect_eq(fs->make_directory(fs->context, "/d"), 0);
    cr_expect_eq(fs->set_size(file, 100), -EIO);
    cr_expect_eq(fs->size(file), 1);
    cr_expect_eq(fs->set_size(file, 100), 0);
    cr_expect_eq(fs->close(file), -ENOSPC);
}

Test(sim_disk_plan, looking_is_not_a_call)
{
    struct strand_fs_file *file = create_file("/f");
    struct strand_fs_volume volume;
    char names[64] = "";
    char id[STRAND_FS_BOOT_ID_SIZE];

    strand_sim_disk_plan_clear(disk);
    (void)fs->size(file);
    (void)fs->links(file);
    (void)fs->is_named(file, fs->context, "/f");
    (void)fs->descriptor(file);
    (void)fs->kind(fs->context, "/f");
    (void)fs->volume(fs->context, "/", &volume);
    (void)fs->wall_clock_ns(fs->context);
    (void)fs->monotonic_ns(fs->context);
    (void)fs->random(fs->context, names, 1);
    (void)fs->boot_id(fs->context, id);
    cr_expect_eq(strand_sim_disk_calls(disk), 0);
    cr_expect_eq(fs->close(file), 0);
    cr_expect_eq(strand_sim_disk_calls(disk), 1);
}

Test(sim_disk_plan, power_stays_off_from_the_planned_call_to_the_cut)
{
    for (uint64_t nth = 1; nth <= 7; nth++) {
        open_disk();
        store("/f", "old");
        strand_sim_disk_plan_cut(disk, nth);
        cr_expect_eq(replace_file(), nth <= 6 ? -EIO : 0, "call %d", (int)nth);
        cr_expect_eq(fs->make_directory(fs->context, "/d"), -EIO);
        cr_expect_eq(strand_sim_disk_open_files(disk), 0);
        cut(STRAND_SIM_LOSE_ALL);
        cr_expect_not(exists("/d"));
        expect_text("/f", nth <= 6 ? "old" : "new");
        cr_expect_eq(fs->make_directory(fs->context, "/d"), 0);
    }
}

Test(sim_disk_plan, sync_without_power_forgets_nothing)
{
    store("/f", "");
    struct strand_fs_file *file = open_file("/f", STRAND_FS_WRITE);
    cr_expect_eq(write_text(file, "text", 0), 4);
    strand_sim_disk_plan_clear(disk);
    strand_sim_disk_plan_cut(disk, 1);
    cr_expect_eq(fs->sync_data(file), -EIO);
    cr_expect_eq(fs->close(file), -EIO);
    cut(STRAND_SIM_KEEP_CONTENT);
    expect_text("/f", "text");
}

Test(sim_disk_plan, trace_names_call_and_path_of_the_last_4096)
{
    struct strand_fs_file *file = create_file("/f");

    cr_expect_eq(write_text(file, "text", 5), 4);
    strand_sim_disk_plan_fault(disk, 3, EIO, false);
    cr_expect_eq(fs->sync_data(file), -EIO);
    cr_expect_str_eq(strand_sim_disk_trace(disk, 1), "1 open /f");
    cr_expect_str_eq(strand_sim_disk_trace(disk, 2), "2 write_at /f 5+4");
    cr_expect_str_eq(strand_sim_disk_trace(disk, 3), "3 sync_data /f: planned fault");
    cr_expect_null(strand_sim_disk_trace(disk, 4));
    cr_expect_null(strand_sim_disk_trace(disk, 0));
    for (int i = 4; i <= 5000; i++)
        cr_assert_eq(fs->sync_all(file), 0);
    cr_expect_null(strand_sim_disk_trace(disk, 5000 - 4096));
    cr_expect_str_eq(strand_sim_disk_trace(disk, 5000 - 4095), "905 sync_all /f");
    cr_expect_str_eq(strand_sim_disk_trace(disk, 5000), "5000 sync_all /f");
    strand_sim_disk_plan_clear(disk);
    cr_expect_null(strand_sim_disk_trace(disk, 1));
    cr_expect_eq(fs->close(file), 0);
}

Test(sim_disk_plan, kill_keeps_the_cache_and_the_boot_cut_does_not)
{
    char before[STRAND_FS_BOOT_ID_SIZE];
    char after[STRAND_FS_BOOT_ID_SIZE];
    char byte;

    store("/f", "old");
    struct strand_fs_file *file = open_file("/f", STRAND_FS_WRITE);
    cr_expect_eq(write_text(file, "new", 0), 3);
    cr_expect_eq(fs->boot_id(fs->context, before), 0);
    cr_expect_eq(strlen(before), STRAND_FS_BOOT_ID_SIZE - 1);

    strand_sim_disk_kill(disk);
    cr_expect_eq(strand_sim_disk_open_files(disk), 0);
    cr_expect_eq(fs->read_at(file, &byte, 1, 0), -EBADF);
    cr_expect_eq(fs->sync_data(file), -EBADF);
    cr_expect_eq(fs->size(file), -EBADF);
    expect_text("/f", "new");
    cr_expect_eq(fs->boot_id(fs->context, after), 0);
    cr_expect_str_eq(after, before);

    cut(STRAND_SIM_LOSE_ALL);
    expect_text("/f", "old");
    cr_expect_eq(fs->boot_id(fs->context, after), 0);
    cr_expect_str_neq(after, before);
    cr_expect_eq(fs->close(file), -EBADF);
}

Test(sim_disk_plan, clone_has_cache_and_disk_and_goes_its_own_way)
{
    struct strand_sim_disk *clone;

    make_unsynced_changes();
    cr_assert_eq(strand_sim_disk_clone(disk, &clone), STRAND_OK);
    expect_text_on(clone, "/old", "newer", __LINE__);
    expect_text_on(clone, "/removed", NULL, __LINE__);
    cr_expect_eq(strand_sim_disk_store(clone, "/old", "other", 5), STRAND_OK);
    expect_text("/old", "newer");
    strand_sim_disk_cut(clone, STRAND_SIM_LOSE_ALL, 0);
    expect_text_on(clone, "/old", "other", __LINE__);
    expect_text("/created", "created");
    strand_sim_disk_destroy(clone);

    cr_assert_eq(strand_sim_disk_clone(disk, &clone), STRAND_OK);
    cut(STRAND_SIM_KEEP_ALL);
    strand_sim_disk_cut(clone, STRAND_SIM_LOSE_ALL, 0);
    expect_text_on(clone, "/old", "old", __LINE__);
    expect_text_on(clone, "/removed", "removed", __LINE__);
    expect_text("/old", "newer");
    strand_sim_disk_destroy(clone);
}

Test(sim_disk_plan, clone_has_neither_open_files_nor_locks_nor_plans)
{
    struct strand_sim_disk *clone;
    struct strand_fs_file *file = create_file("/f");
    struct strand_fs_file *unnamed = create_file("/unnamed");

    cr_expect_eq(fs->lock(file), 0);
    cr_expect_eq(fs->remove(fs->context, "/unnamed"), 0);
    strand_sim_disk_plan_fault(disk, 5, EIO, true);
    cr_assert_eq(strand_sim_disk_clone(disk, &clone), STRAND_OK);
    cr_expect_eq(strand_sim_disk_calls(clone), 0);
    cr_expect_eq(strand_sim_disk_open_files(clone), 0);
    cr_expect_eq(strand_sim_disk_open_files(disk), 2);
    const struct strand_fs *clone_fs = strand_sim_disk_fs(clone);
    struct strand_fs_file *again;
    cr_assert_eq(clone_fs->open(clone_fs->context, "/f", STRAND_FS_WRITE, &again), 0);
    cr_expect_eq(clone_fs->lock(again), 0);
    cr_expect_eq(clone_fs->close(again), 0);
    strand_sim_disk_destroy(clone);
    cr_expect_eq(fs->close(file), -EIO);
    cr_expect_eq(fs->close(unnamed), -EIO);
}

/* Some of everything; the result is a number that depends on all that is left. */
static uint64_t
run_once(uint64_t seed, uint64_t cut_seed)
{
    uint64_t sum = 0;
    char id[STRAND_FS_BOOT_ID_SIZE];

    open_disk_with(&(struct strand_sim_disk_options){.seed = seed});
    for (int i = 0; i < 20; i++) {
        char path[3] = {'/', (char)('a' + i % 7), '\0'};
        uint8_t length;

        cr_assert_eq(fs->random(fs->context, &length, 1), 0);
        struct strand_fs_file *file = create_file(path);
        cr_assert_eq(write_fill(file, (char)('a' + i), (size_t)length * 20 + 1, length),
                     length * 20 + 1);
        if (i % 3 == 0)
            cr_assert_eq(fs->sync_data(file), 0);
        if (i % 5 == 0)
            cr_assert_eq(fs->rename(fs->context, path, "/x"), 0);
        cr_assert_eq(fs->close(file), 0);
    }
    strand_sim_disk_cut(disk, STRAND_SIM_RANDOM, cut_seed);
    cr_assert_eq(fs->boot_id(fs->context, id), 0);
    for (char name = 'a'; name <= 'x'; name++) {
        char path[3] = {'/', name, '\0'};
        int64_t size;
        const uint8_t *bytes = strand_sim_disk_content(disk, path, &size);

        for (int64_t i = 0; bytes != NULL && i < size; i++)
            sum = sum * 31 + bytes[i];
        sum = sum * 31 + (bytes != NULL);
    }
    for (size_t i = 0; i < sizeof id; i++)
        sum = sum * 31 + (uint8_t)id[i];
    return sum * 31 + (uint64_t)fs->monotonic_ns(fs->context);
}

Test(sim_disk_plan, same_calls_and_seeds_give_the_same_result)
{
    cr_expect_eq(run_once(1, 2), run_once(1, 2));
    cr_expect_neq(run_once(1, 2), run_once(1, 3));
    cr_expect_neq(run_once(1, 2), run_once(2, 2));
}
