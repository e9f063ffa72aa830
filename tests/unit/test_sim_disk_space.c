/* tests/unit/test_sim_disk_space.c -- The simulated disk when it is full, and when room comes back:
 * not before what gave it up is durable.
 */
#include <errno.h>
#include <stdint.h>

#include "support/sim_fixture.h"

TestSuite(sim_disk_space, .init = open_disk, .fini = close_disk, .timeout = 60);

static const uint8_t THREE_BLOCKS[3 * BLOCK];

static int64_t
free_bytes_of(const struct strand_fs *seam)
{
    struct strand_fs_volume volume;

    cr_assert_eq(seam->volume(seam->context, "/", &volume), 0);
    cr_expect_str_eq(volume.type, "sim");
    cr_expect_eq(volume.is_network, 0);
    return volume.free_bytes;
}

static int64_t
free_bytes(void)
{
    return free_bytes_of(fs);
}

Test(sim_disk_space, full_disk_stores_what_fits_then_refuses)
{
    open_disk_with(&(struct strand_sim_disk_options){.capacity = 3 * BLOCK});
    struct strand_fs_file *file = create_file("/f");
    struct strand_fs_file *other;

    cr_expect_eq(free_bytes(), 3 * BLOCK);
    cr_expect_eq(write_fill(file, 'a', BLOCK + 1, 0), BLOCK + 1);
    cr_expect_eq(free_bytes(), BLOCK);
    cr_expect_eq(write_fill(file, 'b', 3 * BLOCK, BLOCK + 1), 2 * BLOCK - 1);
    cr_expect_eq(fs->size(file), 3 * BLOCK);
    cr_expect_eq(write_fill(file, 'c', 1, 3 * BLOCK), -ENOSPC);
    cr_expect_eq(fs->zero_range(file, 3 * BLOCK, 1), -ENOSPC);
    cr_expect_eq(write_fill(file, 'd', 3 * BLOCK, 0), 3 * BLOCK, "what is allocated fits");
    cr_expect_eq(fs->open(fs->context, "/g", STRAND_FS_WRITE | STRAND_FS_CREATE, &other), -ENOSPC);
    cr_expect_eq(fs->make_directory(fs->context, "/d"), -ENOSPC);
    cr_expect_eq(fs->set_size(file, 10 * BLOCK), 0);
    cr_expect_eq(free_bytes(), 0);
    cr_expect_eq(fs->set_size(file, BLOCK + 1), 0);
    cr_expect_eq(free_bytes(), BLOCK);
    strand_sim_disk_set_capacity(disk, 1);
    cr_expect_eq(free_bytes(), 0);
    cr_expect_eq(write_fill(file, 'e', 1, 2 * BLOCK), -ENOSPC);
    strand_sim_disk_set_capacity(disk, 0);
    cr_expect_eq(write_fill(file, 'e', 9 * BLOCK, 0), 9 * BLOCK);
    cr_expect_eq(fs->close(file), 0);
}

Test(sim_disk_space, blocks_are_free_when_neither_name_nor_open_file_is_left)
{
    open_disk_with(&(struct strand_sim_disk_options){.capacity = 4 * BLOCK});
    struct strand_fs_file *file = create_file("/f");

    cr_expect_eq(fs->reserve(file, 0, 2 * BLOCK), 0);
    cr_expect_eq(fs->size(file), 0);
    cr_expect_eq(free_bytes(), 2 * BLOCK);
    cr_expect_eq(fs->reserve(file, 0, 9 * BLOCK), -ENOSPC);
    cr_expect_eq(free_bytes(), 0, "blocks stay behind");
    cr_expect_eq(fs->sync_data(file), 0);
    sync_directory("/");
    cr_expect_eq(fs->remove(fs->context, "/f"), 0);
    cr_expect_eq(free_bytes(), 0);
    sync_directory("/");
    cr_expect_eq(free_bytes(), 0);
    cr_expect_eq(fs->close(file), 0);
    cr_expect_eq(free_bytes(), 4 * BLOCK);
}

/* Five blocks; three are a durable file's, /d/f, and one is a small one's. */
static void
open_small_disk(void)
{
    open_disk_with(&(struct strand_sim_disk_options){.capacity = 5 * BLOCK});
    cr_assert_eq(fs->make_directory(fs->context, "/d"), 0);
    cr_assert_eq(fs->make_directory(fs->context, "/e"), 0);
    cr_assert_eq(strand_sim_disk_store(disk, "/d/f", THREE_BLOCKS, sizeof THREE_BLOCKS), STRAND_OK);
    store("/d/small", "small");
    cr_assert_eq(free_bytes(), BLOCK);
}

static struct strand_sim_disk *
clone_disk(void)
{
    struct strand_sim_disk *clone;

    cr_assert_eq(strand_sim_disk_clone(disk, &clone), STRAND_OK);
    return clone;
}

/* Sync whatever is there, but not the directory /d. */
static void
sync_others(void)
{
    struct strand_fs_file *file = open_file("/d/small", STRAND_FS_WRITE);

    cr_expect_eq(fs->sync_all(file), 0);
    cr_expect_eq(fs->close(file), 0);
    sync_directory("/");
    sync_directory("/e");
}

Test(sim_disk_space, blocks_of_a_removed_file_are_free_when_its_directory_is_synced)
{
    open_small_disk();
    cr_expect_eq(fs->remove(fs->context, "/d/f"), 0);
    sync_others();
    cr_expect_eq(free_bytes(), BLOCK);
    struct strand_fs_file *file = create_file("/d/new");
    cr_expect_eq(write_fill(file, 'n', 2 * BLOCK, 0), BLOCK, "a full disk looks for nothing");
    cr_expect_eq(fs->close(file), 0);

    struct strand_sim_disk *clone = clone_disk();
    cr_expect_eq(free_bytes_of(strand_sim_disk_fs(clone)), 0);
    strand_sim_disk_cut(clone, STRAND_SIM_LOSE_ALL, 1);
    cr_expect_eq(free_bytes_of(strand_sim_disk_fs(clone)), BLOCK, "it is there again");
    strand_sim_disk_destroy(clone);
    cr_expect_eq(free_bytes(), 0);
    sync_directory("/d");
    cr_expect_eq(free_bytes(), 3 * BLOCK);
}

Test(sim_disk_space, blocks_of_a_file_that_is_replaced_or_moves_are_free_when_that_is_durable)
{
    open_small_disk();
    cr_expect_eq(fs->rename(fs->context, "/d/small", "/d/f"), 0);
    cr_expect_eq(free_bytes(), BLOCK);
    cut(STRAND_SIM_KEEP_ALL);
    expect_text("/d/f", "small");
    cr_expect_eq(free_bytes(), 4 * BLOCK);

    open_small_disk();
    cr_expect_eq(fs->rename(fs->context, "/d/f", "/e/f"), 0);
    sync_directory("/e");
    cr_expect_eq(fs->remove(fs->context, "/e/f"), 0);
    sync_directory("/e");
    cr_expect_eq(free_bytes(), BLOCK, "/d still has it");
    sync_directory("/d");
    cr_expect_eq(free_bytes(), 4 * BLOCK);
}

Test(sim_disk_space, blocks_that_a_file_was_cut_by_are_free_when_it_is_synced)
{
    open_small_disk();
    struct strand_fs_file *file = open_file("/d/f", STRAND_FS_WRITE);

    cr_expect_eq(fs->set_size(file, BLOCK), 0);
    sync_others();
    sync_directory("/d");
    cr_expect_eq(free_bytes(), BLOCK);
    struct strand_sim_disk *clone = clone_disk();
    cr_expect_eq(free_bytes_of(strand_sim_disk_fs(clone)), BLOCK);
    strand_sim_disk_destroy(clone);
    cr_expect_eq(write_fill(file, 'n', 2 * BLOCK, BLOCK), BLOCK, "not those that it had there");
    cr_expect_eq(free_bytes(), 0);
    cr_expect_eq(fs->sync_data(file), 0);
    cr_expect_eq(free_bytes(), 2 * BLOCK);
    cr_expect_eq(write_fill(file, 'n', BLOCK, 2 * BLOCK), BLOCK);
    cr_expect_eq(fs->set_size(file, BLOCK), 0);
    cr_expect_eq(free_bytes(), 2 * BLOCK, "what was never on disk is free at once");
    cut(STRAND_SIM_LOSE_ALL);
    cr_expect_eq(free_bytes(), 2 * BLOCK, "the file has two again");
    cr_expect_eq(fs->close(file), -EBADF);
}

Test(sim_disk_space, reserved_blocks_beyond_the_size_are_free_after_a_cut)
{
    open_disk_with(&(struct strand_sim_disk_options){.capacity = 4 * BLOCK});
    store("/f", "text");
    struct strand_fs_file *file = open_file("/f", STRAND_FS_WRITE);

    cr_expect_eq(fs->reserve(file, 0, 3 * BLOCK), 0);
    cr_expect_eq(free_bytes(), BLOCK);
    cr_expect_eq(fs->close(file), 0);
    cut(STRAND_SIM_KEEP_ALL);
    cr_expect_eq(free_bytes(), 3 * BLOCK);
}
