/* tests/unit/test_sim_disk_loss.c -- The simulated disk forgets what it says it forgets, and no
 * more.
 *
 * Crash tests believe this disk, so what is left after a cut is looked at byte by byte.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "simulation/sim_disk.h"
#include "support/sim_fixture.h"

TestSuite(sim_disk_loss, .init = open_disk, .fini = close_disk);

Test(sim_disk_loss, each_loss_keeps_and_loses_its_share)
{
    static const struct {
        enum strand_sim_loss loss;
        const char *old, *created, *removed, *target, *temporary;
    } CASES[] = {
        {STRAND_SIM_LOSE_ALL, "old", NULL, "removed", "target", "temporary"},
        {STRAND_SIM_KEEP_NAMES, "old", "", NULL, "temporary", NULL},
        {STRAND_SIM_KEEP_CONTENT, "newer", NULL, "removed", "target", "temporary"},
        {STRAND_SIM_KEEP_ALL, "newer", "created", NULL, "temporary", NULL},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        open_disk();
        make_unsynced_changes();
        for (int again = 0; again < 2; again++) { /* the second cut finds nothing to lose */
            strand_sim_disk_cut(disk, again != 0 ? STRAND_SIM_LOSE_ALL : CASES[i].loss, 1);
            cr_expect_not(strand_sim_disk_is_dirty(disk, "/"));
            expect_text("/old", CASES[i].old);
            expect_text("/created", CASES[i].created);
            expect_text("/removed", CASES[i].removed);
            expect_text("/target", CASES[i].target);
            expect_text("/temporary", CASES[i].temporary);
        }
    }
}

Test(sim_disk_loss, synced_content_without_synced_name_is_gone)
{
    struct strand_fs_file *file = create_file("/f");

    cr_expect_eq(write_text(file, "text", 0), 4);
    cr_expect_eq(fs->sync_data(file), 0);
    cr_expect(strand_sim_disk_is_dirty(disk, "/"));
    cr_expect_not(strand_sim_disk_is_dirty(disk, "/f"));
    cr_expect_eq(fs->close(file), 0);
    cut(STRAND_SIM_LOSE_ALL);
    cr_expect_not(exists("/f"));
}

Test(sim_disk_loss, synced_content_and_name_survive_whatever_comes_after)
{
    struct strand_fs_file *file = create_file("/f");

    cr_expect_eq(write_text(file, "text", 0), 4);
    cr_expect_eq(fs->sync_all(file), 0);
    sync_directory("/");
    cr_expect_not(strand_sim_disk_is_dirty(disk, "/"));
    cr_expect_eq(fs->set_size(file, 1), 0);
    cr_expect_eq(fs->close(file), 0);
    cr_expect_eq(fs->rename(fs->context, "/f", "/g"), 0);
    cr_expect_eq(fs->remove(fs->context, "/g"), 0);
    cut(STRAND_SIM_LOSE_ALL);
    expect_text("/f", "text");
    cr_expect_not(exists("/g"));
}

Test(sim_disk_loss, directory_is_gone_with_all_below_it_when_its_own_name_was_not_synced)
{
    cr_expect_eq(fs->make_directory(fs->context, "/d"), 0);
    struct strand_fs_file *file = create_file("/d/f");
    cr_expect_eq(fs->sync_all(file), 0);
    cr_expect_eq(fs->close(file), 0);
    sync_directory("/d");
    cr_expect_not(strand_sim_disk_is_dirty(disk, "/d"));
    cr_expect(strand_sim_disk_is_dirty(disk, "/"));
    cut(STRAND_SIM_LOSE_ALL);
    cr_expect_not(exists("/d"));
}

Test(sim_disk_loss, rename_across_directories_needs_both_syncs)
{
    static const struct {
        const char *synced;
        bool from_is_left, to_is_left;
    } CASES[] = {{NULL, true, false}, {"/from", false, false}, {"/to", true, true}};

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        open_disk();
        cr_assert_eq(fs->make_directory(fs->context, "/from"), 0);
        cr_assert_eq(fs->make_directory(fs->context, "/to"), 0);
        store("/from/f", "text");
        cr_expect_eq(fs->rename(fs->context, "/from/f", "/to/f"), 0);
        expect_text("/from/f", NULL);
        expect_text("/to/f", "text");
        if (CASES[i].synced != NULL)
            sync_directory(CASES[i].synced);
        cut(STRAND_SIM_LOSE_ALL);
        cr_expect_eq(exists("/from/f"), CASES[i].from_is_left, "case %zu", i);
        cr_expect_eq(exists("/to/f"), CASES[i].to_is_left, "case %zu", i);
    }
}

Test(sim_disk_loss, unsynced_shrinking_and_regrowing_never_shows_old_bytes_after_sync)
{
    struct strand_fs_file *file = create_file("/f");

    sync_directory("/");
    cr_expect_eq(write_fill(file, 'a', 4 * SECTOR, 0), 4 * SECTOR);
    cr_expect_eq(fs->sync_data(file), 0);
    cr_expect_eq(fs->set_size(file, 10), 0);
    cr_expect_eq(fs->set_size(file, 4 * SECTOR), 0);
    cr_expect_eq(fs->sync_data(file), 0);
    cr_expect_eq(fs->close(file), 0);
    cut(STRAND_SIM_LOSE_ALL);

    int64_t size;
    const uint8_t *bytes = strand_sim_disk_content(disk, "/f", &size);
    cr_assert_eq(size, 4 * SECTOR);
    for (int64_t i = 0; i < size; i++)
        cr_assert_eq(bytes[i], i < 10 ? 'a' : 0, "byte %lld is %d", (long long)i, bytes[i]);
}

enum { OLD_SECTORS = 4, NEW_SECTORS = 8, SEEDS = 400 };

Test(sim_disk_loss, random_loss_takes_each_sector_alone_and_any_size_between)
{
    bool first_kept_alone = false;
    bool second_kept_alone = false;
    bool old_size = false;
    bool new_size = false;
    bool size_between = false;

    struct strand_fs_file *file = create_file("/f");
    sync_directory("/");
    cr_assert_eq(write_fill(file, 'o', OLD_SECTORS * SECTOR, 0), OLD_SECTORS * SECTOR);
    cr_assert_eq(fs->sync_data(file), 0);
    cr_assert_eq(write_fill(file, 'n', 2 * SECTOR, 0), 2 * SECTOR);
    cr_assert_eq(write_fill(file, 'g', (NEW_SECTORS - OLD_SECTORS) * SECTOR, OLD_SECTORS * SECTOR),
                 (NEW_SECTORS - OLD_SECTORS) * SECTOR);
    cr_assert_eq(fs->close(file), 0);

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct strand_sim_disk *clone;
        int64_t size;

        cr_assert_eq(strand_sim_disk_clone(disk, &clone), STRAND_OK);
        strand_sim_disk_cut(clone, STRAND_SIM_RANDOM, seed);
        const uint8_t *bytes = strand_sim_disk_content(clone, "/f", &size);

        cr_assert(size >= OLD_SECTORS * SECTOR && size <= NEW_SECTORS * SECTOR);
        old_size |= size == OLD_SECTORS * SECTOR;
        new_size |= size == NEW_SECTORS * SECTOR;
        size_between |= size > OLD_SECTORS * SECTOR && size < NEW_SECTORS * SECTOR;
        for (int64_t i = 0; i < size; i++) {
            uint8_t first = bytes[i / SECTOR * SECTOR];
            const char *allowed = i < 2 * SECTOR ? "on" : i < OLD_SECTORS * SECTOR ? "o" : "g";

            cr_assert_eq(bytes[i], first, "sector %lld is torn", (long long)(i / SECTOR));
            cr_assert((first == 0 && i >= OLD_SECTORS * SECTOR) ||
                          (first != 0 && strchr(allowed, first) != NULL),
                      "byte %lld is %d", (long long)i, first);
        }
        first_kept_alone |= bytes[0] == 'n' && bytes[SECTOR] == 'o';
        second_kept_alone |= bytes[0] == 'o' && bytes[SECTOR] == 'n';
        strand_sim_disk_destroy(clone);
    }
    cr_expect(first_kept_alone && second_kept_alone);
    cr_expect(old_size && new_size && size_between);
}

Test(sim_disk_loss, random_loss_of_a_shorter_file_keeps_old_size_with_old_bytes_or_new_size)
{
    bool seen[2] = {false, false};

    struct strand_fs_file *file = create_file("/f");
    sync_directory("/");
    cr_assert_eq(write_fill(file, 'o', 4 * SECTOR, 0), 4 * SECTOR);
    cr_assert_eq(fs->sync_data(file), 0);
    cr_assert_eq(fs->set_size(file, SECTOR), 0);
    cr_assert_eq(fs->close(file), 0);
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct strand_sim_disk *clone;
        int64_t size;

        cr_assert_eq(strand_sim_disk_clone(disk, &clone), STRAND_OK);
        strand_sim_disk_cut(clone, STRAND_SIM_RANDOM, seed);
        const uint8_t *bytes = strand_sim_disk_content(clone, "/f", &size);
        cr_assert(size == SECTOR || size == 4 * SECTOR);
        seen[size == SECTOR] = true;
        for (int64_t i = 0; i < size; i++)
            cr_assert_eq(bytes[i], 'o');
        strand_sim_disk_destroy(clone);
    }
    cr_expect(seen[0] && seen[1]);
}

Test(sim_disk_loss, random_loss_keeps_a_prefix_of_the_operations_on_a_directory)
{
    static const char *const STATES[] = {"a", "a b", "b", "b c", "c"};
    bool seen[5] = {false};

    store("/a", "");
    cr_assert_eq(fs->link(fs->context, "/a", "/b"), 0);
    cr_assert_eq(fs->remove(fs->context, "/a"), 0);
    cr_assert_eq(fs->link(fs->context, "/b", "/c"), 0);
    cr_assert_eq(fs->remove(fs->context, "/b"), 0);
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct strand_sim_disk *clone;
        char state[8] = "";

        cr_assert_eq(strand_sim_disk_clone(disk, &clone), STRAND_OK);
        strand_sim_disk_cut(clone, STRAND_SIM_RANDOM, seed);
        for (const char *name = "a\0b\0c\0"; *name != '\0'; name += 2) {
            char path[3] = {'/', name[0], '\0'};
            if (text_of(clone, path) != NULL)
                strcat(strcat(state, state[0] == '\0' ? "" : " "), name);
        }
        size_t i = 0;
        while (i < 5 && strcmp(STATES[i], state) != 0)
            i++;
        cr_assert_lt(i, 5, "\"%s\" was never there", state);
        seen[i] = true;
        strand_sim_disk_destroy(clone);
    }
    for (size_t i = 0; i < 5; i++)
        cr_expect(seen[i], "\"%s\" never survives", STATES[i]);
}

Test(sim_disk_loss, failed_sync_shows_new_bytes_keeps_old_and_the_next_sync_writes_neither)
{
    store("/f", "old");
    struct strand_fs_file *file = open_file("/f", STRAND_FS_WRITE);
    cr_expect_eq(write_text(file, "newer", 0), 5);
    strand_sim_disk_plan_fault_of(disk, STRAND_SIM_SYNC, 1, EIO, false);
    cr_expect_eq(fs->sync_data(file), -EIO);
    expect_text("/f", "newer");
    cr_expect_eq(fs->sync_data(file), 0, "it lies");
    expect_text("/f", "newer");
    cr_expect(strand_sim_disk_is_dirty(disk, "/f"));
    cr_expect_eq(fs->close(file), 0);
    cut(STRAND_SIM_KEEP_ALL);
    expect_text("/f", "old");
}

Test(sim_disk_loss, sectors_written_after_a_failed_sync_are_durable_with_a_hole_before_them)
{
    store("/f", "");
    struct strand_fs_file *file = open_file("/f", STRAND_FS_WRITE);
    cr_expect_eq(write_fill(file, 'a', SECTOR, 0), SECTOR);
    strand_sim_disk_plan_fault_of(disk, STRAND_SIM_SYNC, 1, EIO, false);
    cr_expect_eq(fs->sync_data(file), -EIO);
    cr_expect_eq(write_fill(file, 'b', SECTOR, SECTOR), SECTOR);
    cr_expect_eq(fs->sync_data(file), 0);
    cr_expect_eq(fs->close(file), 0);
    cut(STRAND_SIM_LOSE_ALL);

    int64_t size;
    const uint8_t *bytes = strand_sim_disk_content(disk, "/f", &size);
    cr_assert_eq(size, 2 * SECTOR);
    cr_expect_eq(bytes[0], 0);
    cr_expect_eq(bytes[SECTOR - 1], 0);
    cr_expect_eq(bytes[SECTOR], 'b');
    cr_expect_eq(bytes[2 * SECTOR - 1], 'b');
}

Test(sim_disk_loss, lost_size_is_due_again_with_a_write_beyond_the_size_on_disk)
{
    store("/f", "");
    struct strand_fs_file *file = open_file("/f", STRAND_FS_WRITE);
    cr_expect_eq(write_text(file, "abc", 0), 3);
    strand_sim_disk_plan_fault_of(disk, STRAND_SIM_SYNC, 1, EIO, false);
    cr_expect_eq(fs->sync_data(file), -EIO);
    cr_expect_eq(write_text(file, "x", 0), 1);
    cr_expect_eq(fs->sync_data(file), 0);
    cr_expect_eq(fs->close(file), 0);
    cut(STRAND_SIM_LOSE_ALL);
    expect_text("/f", "xbc");
}

Test(sim_disk_loss, each_open_file_is_told_of_a_failed_sync_once)
{
    store("/f", "old");
    struct strand_fs_file *file = open_file("/f", STRAND_FS_WRITE);
    struct strand_fs_file *other = open_file("/f", STRAND_FS_WRITE);

    cr_assert_eq(write_text(file, "new", 0), 3);
    strand_sim_disk_plan_clear(disk);
    strand_sim_disk_plan_fault(disk, 1, ENOSPC, false);
    cr_expect_eq(fs->sync_data(file), -ENOSPC);
    struct strand_fs_file *late = open_file("/f", STRAND_FS_WRITE);
    cr_expect_eq(fs->sync_data(file), 0);
    cr_expect_eq(fs->sync_data(late), 0);
    cr_expect_eq(fs->sync_all(other), -ENOSPC);
    cr_expect_eq(fs->sync_all(other), 0);
    cr_assert_eq(write_text(other, "NEW", 0), 3);
    cr_expect_eq(fs->sync_data(other), 0);
    cut(STRAND_SIM_LOSE_ALL);
    expect_text("/f", "NEW");
    cr_expect_eq(fs->close(late), -EBADF);
    cr_expect_eq(fs->close(other), -EBADF);
    cr_expect_eq(fs->close(file), -EBADF);
}

Test(sim_disk_loss, failed_sync_of_a_directory_is_made_good_by_the_next)
{
    cr_expect_eq(fs->close(create_file("/f")), 0);
    strand_sim_disk_plan_fault_of(disk, STRAND_SIM_SYNC_DIRECTORY, 1, EIO, false);
    cr_expect_eq(fs->sync_directory(fs->context, "/"), -EIO);
    cr_expect(strand_sim_disk_is_dirty(disk, "/"));
    sync_directory("/");
    cut(STRAND_SIM_LOSE_ALL);
    cr_expect(exists("/f"));
}
