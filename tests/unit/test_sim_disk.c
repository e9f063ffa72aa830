/* tests/unit/test_sim_disk.c -- To its user the simulated disk is an operating system. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "simulation/sim_disk.h"
#include "support/sim_fixture.h"

TestSuite(sim_disk, .init = open_disk, .fini = close_disk);

Test(sim_disk, every_operation_is_there)
{
    const unsigned char *bytes = (const unsigned char *)fs;
    const size_t pointer_size = sizeof(void *);

    cr_expect_eq(fs->struct_size, sizeof *fs);
    for (size_t i = 0; i < sizeof *fs; i += pointer_size) {
        static const unsigned char null_pointer[sizeof(void *)];
        cr_expect_neq(memcmp(bytes + i, null_pointer, pointer_size), 0, "member at byte %zu", i);
    }
}

Test(sim_disk, what_is_written_is_read_with_zeros_in_the_holes)
{
    struct strand_fs_file *file = create_file("/f");
    const struct strand_fs_part parts[] = {{"ab", 2}, {NULL, 0}, {"cde", 3}};
    char data[16] = "................";

    cr_expect_eq(fs->write_at(file, parts, 3, 4), 5);
    cr_expect_eq(fs->size(file), 9);
    cr_expect_eq(fs->read_at(file, data, sizeof data, 2), 7);
    cr_expect_eq(memcmp(data, "\0\0abcde.", 8), 0);
    cr_expect_eq(fs->read_at(file, data, sizeof data, 9), 0);
    cr_expect_eq(fs->read_at(file, data, sizeof data, 1000), 0);
    cr_expect_eq(fs->close(file), 0);
}

Test(sim_disk, shrinking_and_growing_leaves_zeros)
{
    struct strand_fs_file *file = create_file("/f");
    char data[10];

    cr_expect_eq(write_text(file, "0123456789", 0), 10);
    cr_expect_eq(fs->set_size(file, 4), 0);
    cr_expect_eq(fs->set_size(file, 10), 0);
    cr_expect_eq(fs->zero_range(file, 1, 2), 0);
    cr_expect_eq(fs->read_at(file, data, 10, 0), 10);
    cr_expect_eq(memcmp(data, "0\0\0003\0\0\0\0\0\0", 10), 0);
    cr_expect_eq(fs->zero_range(file, 8, 100), 0);
    cr_expect_eq(fs->size(file), 108);
    cr_expect_eq(fs->reserve(file, 0, 5000), 0);
    cr_expect_eq(fs->size(file), 108);
    cr_expect_eq(fs->close(file), 0);
}

Test(sim_disk, ranges_are_copied)
{
    struct strand_fs_file *from = create_file("/from");
    struct strand_fs_file *to = create_file("/to");

    cr_expect_eq(write_text(from, "0123456789", 0), 10);
    cr_expect_eq(fs->copy_range(from, 6, to, 0, 100), 4);
    cr_expect_eq(fs->copy_range(from, 10, to, 0, 100), 0);
    cr_expect_eq(fs->copy_range(from, 0, from, 5, 100), -EINVAL);
    cr_expect_eq(fs->copy_range(from, 0, from, 8, 4), 4);
    expect_text("/to", "6789");
    expect_text("/from", "012345670123");
    cr_expect_eq(fs->close(from), 0);
    cr_expect_eq(fs->close(to), 0);
}

Test(sim_disk, errors_are_those_of_the_system)
{
    struct strand_fs_file *file;
    struct strand_fs_part part = {"x", 1};
    char long_path[300] = "/";

    memset(long_path + 1, 'n', 256);
    cr_expect_eq(fs->make_directory(fs->context, "/d"), 0);
    store("/d/f", "f");
    store("/g", "g");
    cr_expect_eq(fs->make_directory(fs->context, "/d"), -EEXIST);
    cr_expect_eq(fs->make_directory(fs->context, "/"), -EEXIST);
    cr_expect_eq(fs->make_directory(fs->context, "/no/d"), -ENOENT);
    cr_expect_eq(fs->remove(fs->context, "/d"), -EISDIR);
    cr_expect_eq(fs->remove(fs->context, "/no"), -ENOENT);
    cr_expect_eq(fs->remove_directory(fs->context, "/d"), -ENOTEMPTY);
    cr_expect_eq(fs->remove_directory(fs->context, "/g"), -ENOTDIR);
    cr_expect_eq(fs->rename(fs->context, "/no", "/g"), -ENOENT);
    cr_expect_eq(fs->rename(fs->context, "/g", "/d"), -EISDIR);
    cr_expect_eq(fs->rename(fs->context, "/d", "/g"), -ENOTDIR);
    cr_expect_eq(fs->make_directory(fs->context, "/e"), 0);
    cr_expect_eq(fs->rename(fs->context, "/e", "/d"), -ENOTEMPTY);
    cr_expect_eq(fs->rename(fs->context, "/e", "/d/e"), -EXDEV);
    cr_expect_eq(fs->rename(fs->context, "/d", "/e"), 0);
    cr_expect_eq(fs->rename(fs->context, "/e", "/d"), 0);
    cr_expect_eq(fs->link(fs->context, "/g", "/d/f"), -EEXIST);
    cr_expect_eq(fs->link(fs->context, "/d", "/h"), -EPERM);
    cr_expect_eq(fs->sync_directory(fs->context, "/g"), -ENOTDIR);
    cr_expect_eq(fs->sync_directory(fs->context, "/no"), -ENOENT);
    cr_expect_eq(fs->kind(fs->context, "/g/f"), -ENOTDIR);
    cr_expect_eq(fs->kind(fs->context, "relative"), -EINVAL);
    cr_expect_eq(fs->kind(fs->context, long_path), -ENAMETOOLONG);
    cr_expect_eq(fs->kind(fs->context, "/"), STRAND_FS_DIRECTORY);
    cr_expect_eq(fs->kind(fs->context, "//d//f/"), STRAND_FS_FILE);
    cr_expect_eq(fs->open(fs->context, "/d", 0, &file), -EISDIR);
    cr_expect_eq(fs->open(fs->context, "/no", STRAND_FS_WRITE, &file), -ENOENT);
    cr_expect_eq(fs->open(fs->context, "/g", STRAND_FS_CREATE, &file), -EINVAL);
    cr_expect_eq(fs->open(fs->context, "/g",
                          STRAND_FS_WRITE | STRAND_FS_CREATE | STRAND_FS_EXCLUSIVE, &file),
                 -EEXIST);
    file = open_file("/g", 0);
    cr_expect_eq(fs->write_at(file, &part, 1, 0), -EBADF);
    cr_expect_eq(fs->lock(file), -EBADF);
    cr_expect_eq(fs->descriptor(file), -ENOTSUP);
    cr_expect_eq(fs->close(file), 0);
    file = create_file("/g");
    cr_expect_eq(fs->write_at(file, &part, 1, -1), -EINVAL);
    cr_expect_eq(fs->write_at(file, &part, 1, INT64_C(4) << 20), -EFBIG);
    cr_expect_eq(fs->set_size(file, (INT64_C(4) << 20) + 1), -EFBIG);
    cr_expect_eq(fs->reserve(file, INT64_MAX, INT64_MAX), -EFBIG);
    cr_expect_eq(fs->set_size(file, -1), -EINVAL);
    cr_expect_eq(fs->close(file), 0);
    expect_text("/g", "g");
}

Test(sim_disk, open_file_outlives_its_name)
{
    struct strand_fs_file *file = create_file("/f");
    char data[4];

    cr_expect_eq(write_text(file, "text", 0), 4);
    cr_expect_eq(fs->links(file), 1);
    cr_expect_eq(fs->link(fs->context, "/f", "/g"), 0);
    cr_expect_eq(fs->links(file), 2);
    cr_expect_eq(fs->is_named(file, fs->context, "/g"), 1);
    cr_expect_eq(fs->remove(fs->context, "/f"), 0);
    cr_expect_eq(fs->remove(fs->context, "/g"), 0);
    cr_expect_eq(fs->links(file), 0);
    cr_expect_eq(fs->is_named(file, fs->context, "/f"), 0);
    cr_expect_eq(fs->close(create_file("/f")), 0);
    cr_expect_eq(fs->is_named(file, fs->context, "/f"), 0);
    cr_expect_eq(fs->read_at(file, data, 4, 0), 4);
    cr_expect_eq(memcmp(data, "text", 4), 0);
    cr_expect_eq(fs->close(file), 0);
}

static int
collect(void *argument, const char *name)
{
    strcat(argument, name);
    strcat(argument, " ");
    (void)fs->remove(fs->context, "/b"); /* a visitor may use the disk */
    return strcmp(name, "stop") == 0 ? 42 : 0;
}

Test(sim_disk, listing_names_everything_and_stops_when_told)
{
    char names[64] = "";

    store("/b", "");
    store("/a", "");
    cr_expect_eq(fs->make_directory(fs->context, "/d"), 0);
    cr_expect_eq(fs->list(fs->context, "/", collect, names), 0);
    cr_expect_str_eq(names, "a b d ");
    store("/stop", "");
    store("/z", "");
    names[0] = '\0';
    cr_expect_eq(fs->list(fs->context, "/", collect, names), 42);
    cr_expect_str_eq(names, "a d stop ");
    cr_expect_eq(fs->list(fs->context, "/a", collect, names), -ENOTDIR);
}

Test(sim_disk, lock_excludes_every_other_open_file_until_close)
{
    struct strand_fs_file *first = create_file("/f");
    struct strand_fs_file *second = create_file("/f");

    cr_expect_eq(fs->lock(first), 0);
    cr_expect_eq(fs->lock(first), 0);
    cr_expect_eq(fs->lock(second), -EAGAIN);
    cr_expect_eq(fs->close(first), 0);
    cr_expect_eq(fs->lock(second), 0);
    strand_sim_disk_kill(disk);
    first = create_file("/f");
    cr_expect_eq(fs->lock(first), 0);
    cr_expect_eq(fs->close(first), 0);
    cr_expect_eq(fs->close(second), -EBADF);
}

Test(sim_disk, short_writes_and_reads_are_seven_bytes_at_most)
{
    char data[20];
    const struct strand_fs_part parts[] = {{"0123", 4}, {"456789", 6}};

    open_disk_with(&(struct strand_sim_disk_options){.short_writes = true});
    struct strand_fs_file *file = create_file("/f");
    cr_expect_eq(fs->write_at(file, parts, 2, 0), 7);
    cr_expect_eq(write_text(file, "789", 7), 3);
    cr_expect_eq(fs->read_at(file, data, sizeof data, 0), 7);
    cr_expect_eq(fs->copy_range(file, 0, file, 10, 10), 7);
    expect_text("/f", "01234567890123456");
    cr_expect_eq(fs->close(file), 0);
}

Test(sim_disk, maps_see_later_writes_and_outlive_a_cut)
{
    struct strand_fs_file *file = create_file("/f");
    struct strand_fs_file *late = create_file("/late");
    const char *map;
    const void *data;

    cr_expect_eq(write_text(file, "old", 0), 3);
    cr_assert_eq(fs->map(file, 2 * SECTOR, &data), 0);
    map = data;
    cr_expect_str_eq(map, "old");
    cr_expect_eq(write_fill(file, 'x', 100000, 2), 100000);
    cr_expect_eq(memcmp(map, "olxx", 4), 0);
    cr_expect_eq(map[2 * SECTOR - 1], 'x');
    cr_expect_eq(write_text(file, "new", 0), 3);
    cr_expect_eq(fs->zero_range(file, 4, 1), 0);
    cr_expect_eq(memcmp(map, "newx\0x", 6), 0);
    cr_expect_eq(fs->set_size(file, 5), 0);
    cr_expect_str_eq(map, "newx");
    cr_expect_eq(map[7], 0);

    cut(STRAND_SIM_LOSE_ALL);
    cr_expect_str_eq(map, "newx");
    cr_expect_eq(fs->unmap(late, map, 2 * SECTOR), 0, "through any file, even an invalid one");
    cr_expect_eq(fs->unmap(file, map, 2 * SECTOR), -EINVAL);
    cr_expect_eq(fs->close(file), -EBADF);
    cr_expect_eq(fs->close(late), -EBADF);
}

Test(sim_disk, map_holds_the_file_after_close_and_frees_it_with_unmap)
{
    struct strand_fs_file *file = create_file("/f");
    struct strand_fs_file *again = create_file("/f");
    const void *map;
    const void *left;

    cr_assert_eq(fs->map(file, 100, &map), 0);
    cr_assert_eq(fs->map(file, 100, &left), 0);
    cr_expect_eq(fs->close(file), 0);
    cr_expect_eq(write_text(again, "text", 0), 4);
    cr_expect_str_eq(map, "text");
    cr_expect_str_eq(left, "text");
    cr_expect_eq(fs->remove(fs->context, "/f"), 0);
    cr_expect_eq(fs->unmap(again, map, 100), 0);
    cr_expect_eq(fs->close(again), 0);
    cr_expect_str_eq(left, "text");
    open_disk_with(&(struct strand_sim_disk_options){.no_maps = true});
    file = create_file("/f");
    cr_expect_eq(fs->map(file, 100, &map), -ENOTSUP);
    cr_expect_eq(fs->close(file), 0);
}

Test(sim_disk, clocks_move_with_each_look_and_as_told)
{
    cr_expect_eq(fs->wall_clock_ns(fs->context), INT64_C(1700000000000000000));
    cr_expect_eq(fs->monotonic_ns(fs->context), INT64_C(1000001000));
    strand_sim_disk_advance(disk, 5);
    cr_expect_eq(fs->wall_clock_ns(fs->context), INT64_C(1700000000000002005));
    strand_sim_disk_set_clock(disk, 77);
    cr_expect_eq(fs->wall_clock_ns(fs->context), 77);
    cr_expect_eq(fs->monotonic_ns(fs->context), INT64_C(1000004005));
}

Test(sim_disk, surroundings_say_what_a_system_would)
{
    char before[64];
    char after[64];

    cr_expect_eq(fs->process(fs->context, before, sizeof before), 0);
    strand_sim_disk_kill(disk);
    cr_expect_eq(fs->process(fs->context, after, sizeof after), 0);
    cr_expect_str_neq(before, after, "another process is another one");
    cr_expect_gt(fs->descriptor_limit(fs->context), 0);
    cr_expect_eq(fs->absolute(fs->context, "/a", after, sizeof after), 0);
    cr_expect_str_eq(after, "/a");
    cr_expect_eq(fs->absolute(fs->context, "a", after, 3), 0);
    cr_expect_str_eq(after, "/a");
    cr_expect_eq(fs->absolute(fs->context, "a", after, 2), -ENAMETOOLONG);
}

Test(sim_disk, store_is_durable_and_seen_by_maps)
{
    const void *map;

    cr_expect_eq(fs->make_directory(fs->context, "/d"), 0);
    cr_expect_eq(strand_sim_disk_store(disk, "/no/f", "x", 1), STRAND_ERR_NOT_FOUND);
    cr_expect_eq(strand_sim_disk_store(disk, "/f", "x", -1), STRAND_ERR_INVALID);
    store("/d/f", "first, longer");
    struct strand_fs_file *file = open_file("/d/f", STRAND_FS_WRITE);
    cr_assert_eq(fs->map(file, 20, &map), 0);
    cr_expect_eq(write_text(file, "dirt", 20), 4);
    store("/d/f", "second");
    cr_expect_not(strand_sim_disk_is_dirty(disk, "/"));
    cr_expect_str_eq(map, "second");
    cr_expect_eq(fs->unmap(file, map, 20), 0);
    cr_expect_eq(fs->close(file), 0);
    cut(STRAND_SIM_LOSE_ALL);
    expect_text("/d/f", "second");
    cr_expect_eq(strand_sim_disk_store(disk, "/d/f", NULL, 0), STRAND_OK);
    cr_expect_eq(strand_sim_disk_store(disk, "/d/f", NULL, 0), STRAND_OK);
    cut(STRAND_SIM_LOSE_ALL);
    cr_expect_not(exists("/d/f"));
}

Test(sim_disk, bytes_read_are_counted_by_suffix)
{
    char data[8];

    store("/a.log", "12345678");
    store("/b.idx", "12345678");
    struct strand_fs_file *log = open_file("/a.log", 0);
    struct strand_fs_file *idx = open_file("/b.idx", 0);
    cr_expect_eq(fs->read_at(log, data, 8, 3), 5);
    cr_expect_eq(fs->read_at(idx, data, 2, 0), 2);
    cr_expect_eq(fs->close(log), 0);
    cr_expect_eq(strand_sim_disk_bytes_read(disk, ".log"), 5);
    cr_expect_eq(strand_sim_disk_bytes_read(disk, ".idx"), 2);
    cr_expect_eq(strand_sim_disk_bytes_read(disk, ""), 7);
    strand_sim_disk_plan_clear(disk);
    cr_expect_eq(strand_sim_disk_bytes_read(disk, ""), 0);
    cr_expect_eq(fs->close(idx), 0);
}
