/* tests/unit/test_fs_posix.c -- Each operation of the POSIX seam, on a real directory. */
#include "strandline/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "support/scratch.h"

enum { PAGE = 4096 };

static const struct strand_fs *fs;
static const char *dir;
static char path[SCRATCH_PATH_SIZE]; /* of the file that most tests use */
static char other[SCRATCH_PATH_SIZE];

static void
make_directory(void)
{
    fs = strand_fs_posix();
    dir = scratch_create();
    scratch_path(path, "file");
    scratch_path(other, "other");
}

TestSuite(fs_posix, .init = make_directory, .fini = scratch_remove);

static struct strand_fs_file *
open_file(const char *name, uint32_t flags)
{
    struct strand_fs_file *file = NULL;

    cr_assert_eq(fs->open(fs->context, name, flags, &file), 0, "open %s", name);
    return file;
}

static struct strand_fs_file *
create_file(const char *name, const char *content)
{
    struct strand_fs_file *file = open_file(name, STRAND_FS_WRITE | STRAND_FS_CREATE);
    struct strand_fs_part part = {content, strlen(content)};

    cr_assert_eq(fs->write_at(file, &part, 1, 0), (int64_t)part.size);
    return file;
}

static void
expect_content(const char *name, const void *expected, size_t size)
{
    size_t found_size = 0;
    const char *content = scratch_content(name, &found_size);

    cr_assert_not_null(content, "%s is gone", name);
    cr_expect_eq(found_size, size);
    cr_expect_arr_eq(content, expected, size);
}

Test(fs_posix, the_table_is_complete)
{
    void *members[(sizeof *fs - offsetof(struct strand_fs, open)) / sizeof(void *)];

    cr_assert_eq(fs->struct_size, sizeof *fs);
    memcpy(members, (const char *)fs + offsetof(struct strand_fs, open), sizeof members);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        cr_expect_not_null(members[i], "member %zu", i);
}

Test(fs_posix, open_flags_mean_what_they_say)
{
    struct strand_fs_file *file = NULL;

    cr_expect_eq(fs->open(fs->context, path, 0, &file), -ENOENT);
    cr_expect_eq(fs->open(fs->context, path, STRAND_FS_WRITE, &file), -ENOENT);
    cr_expect_eq(fs->open(fs->context, path, STRAND_FS_CREATE, &file), -EINVAL);
    cr_expect_null(file);
    cr_expect_eq(fs->close(create_file(path, "content")), 0);

    cr_expect_eq(fs->open(fs->context, path, STRAND_FS_EMPTY, &file), -EINVAL);
    cr_expect_eq(fs->open(fs->context, path,
                          STRAND_FS_WRITE | STRAND_FS_CREATE | STRAND_FS_EXCLUSIVE, &file),
                 -EEXIST);
    expect_content(path, "content", 7);
    cr_expect_eq(fs->close(open_file(path, STRAND_FS_WRITE | STRAND_FS_CREATE)), 0);
    expect_content(path, "content", 7);
    cr_expect_eq(fs->close(open_file(path, STRAND_FS_WRITE | STRAND_FS_EMPTY)), 0);
    expect_content(path, "", 0);
}

Test(fs_posix, a_file_opened_for_reading_cannot_be_written)
{
    cr_expect_eq(fs->close(create_file(path, "content")), 0);
    struct strand_fs_file *file = open_file(path, 0);
    struct strand_fs_part part = {"x", 1};

    cr_expect_eq(fs->write_at(file, &part, 1, 0), -EBADF);
    cr_expect_eq(fs->close(file), 0);
}

Test(fs_posix, descriptors_are_closed_on_exec)
{
    struct strand_fs_file *file = create_file(path, "");
    int descriptor = fs->descriptor(file);

    cr_assert_geq(descriptor, 0);
    cr_expect_neq(fcntl(descriptor, F_GETFD) & FD_CLOEXEC, 0);
    cr_expect_eq(fs->close(file), 0);
    cr_expect_eq(fcntl(descriptor, F_GETFD), -1, "close closes");
}

Test(fs_posix, reads_are_positional_and_end_at_the_end)
{
    struct strand_fs_file *file = create_file(path, "0123456789");
    char data[16] = "";

    cr_expect_eq(fs->read_at(file, data, 4, 3), 4);
    cr_expect_arr_eq(data, "3456", 4);
    cr_expect_eq(fs->read_at(file, data, 16, 8), 2);
    cr_expect_eq(fs->read_at(file, data, 16, 10), 0);
    cr_expect_eq(fs->read_at(file, data, 16, -1), -EINVAL);
    cr_expect_eq(fs->close(file), 0);
}

Test(fs_posix, writes_gather_parts_at_a_position)
{
    struct strand_fs_file *file = create_file(path, "0123456789");
    static const struct strand_fs_part PARTS[] = {{"ab", 2}, {"", 0}, {"cde", 3}};

    cr_expect_eq(fs->write_at(file, PARTS, 3, 8), 5);
    expect_content(path, "01234567abcde", 13);
    cr_expect_eq(fs->close(file), 0);
}

Test(fs_posix, more_parts_than_fit_make_a_short_write)
{
    enum { COUNT = 100 };
    struct strand_fs_file *file = create_file(path, "");
    struct strand_fs_part parts[COUNT];
    char expected[COUNT];

    for (int i = 0; i < COUNT; i++)
        parts[i] = (struct strand_fs_part){"x", 1};
    memset(expected, 'x', sizeof expected);
    int64_t count = fs->write_at(file, parts, COUNT, 0);
    cr_assert_gt(count, 0);
    cr_assert_leq(count, COUNT);
    expect_content(path, expected, (size_t)count);
    cr_expect_eq(fs->close(file), 0);
}

Test(fs_posix, a_map_shows_later_writes_and_may_exceed_the_file)
{
    struct strand_fs_file *file = create_file(path, "first");
    struct strand_fs_part part = {"later", 5};
    const void *data = NULL;

    cr_assert_eq(fs->map(file, 8 * PAGE, &data), 0);
    cr_expect_arr_eq(data, "first", 5);
    cr_expect_eq(fs->set_size(file, 4 * PAGE), 0);
    cr_expect_eq(fs->write_at(file, &part, 1, 3 * PAGE), 5);
    cr_expect_arr_eq((const char *)data + 3 * PAGE, "later", 5);
    cr_expect_eq(fs->unmap(file, data, 8 * PAGE), 0);
    cr_expect_eq(fs->close(file), 0);
}

Test(fs_posix, what_cannot_be_mapped_is_not_supported)
{
    struct strand_fs_file *directory = open_file(dir, 0);
    const void *data = NULL;

    cr_expect_eq(fs->map(directory, PAGE, &data), -ENOTSUP);
    cr_expect_null(data);
    cr_expect_eq(fs->close(directory), 0);
}

Test(fs_posix, syncs_succeed_on_a_file_and_fail_where_there_is_nothing_to_sync)
{
    struct strand_fs_file *file = create_file(path, "content");

    cr_expect_eq(fs->sync_data(file), 0);
    cr_expect_eq(fs->sync_all(file), 0);
    cr_expect_eq(fs->close(file), 0);

    file = open_file("/proc/self/status", 0);
    cr_expect_eq(fs->sync_data(file), -EINVAL);
    cr_expect_eq(fs->sync_all(file), -EINVAL);
    cr_expect_eq(fs->close(file), 0);
}

Test(fs_posix, reserve_allocates_and_keeps_the_size)
{
    struct strand_fs_file *file = create_file(path, "content");
    struct stat now;
    int result = fs->reserve(file, 0, 64 * PAGE);

    cr_assert_eq(fstat(fs->descriptor(file), &now), 0);
    cr_expect_eq(now.st_size, 7);
    if (result == 0)
        cr_expect_geq((int64_t)now.st_blocks * 512, 64 * PAGE);
    else
        cr_expect_eq(result, -ENOTSUP);
    cr_expect_eq(fs->close(file), 0);
}

Test(fs_posix, zero_range_zeroes_that_range_alone)
{
    char expected[2 * PAGE];
    struct strand_fs_file *file = create_file(path, "");
    struct strand_fs_part part = {expected, sizeof expected};

    memset(expected, 'x', sizeof expected);
    cr_assert_eq(fs->write_at(file, &part, 1, 0), sizeof expected);
    int result = fs->zero_range(file, 100, PAGE);
    if (result == 0)
        memset(expected + 100, 0, PAGE);
    else
        cr_expect_eq(result, -ENOTSUP);
    expect_content(path, expected, sizeof expected);
    cr_expect_eq(fs->close(file), 0);
}

Test(fs_posix, reserving_what_has_no_blocks_is_not_supported)
{
    struct strand_fs_file *file = open_file("/dev/null", STRAND_FS_WRITE);

    cr_expect_lt(fs->reserve(file, 0, PAGE), 0);
    cr_expect_lt(fs->zero_range(file, 0, PAGE), 0);
    cr_expect_eq(fs->close(file), 0);
}

Test(fs_posix, set_size_cuts_and_extends_with_zeros)
{
    struct strand_fs_file *file = create_file(path, "0123456789");

    cr_expect_eq(fs->set_size(file, 4), 0);
    cr_expect_eq(fs->size(file), 4);
    cr_expect_eq(fs->set_size(file, 6), 0);
    expect_content(path, "0123\0\0", 6);
    cr_expect_eq(fs->set_size(file, -1), -EINVAL);
    cr_expect_eq(fs->close(file), 0);
}

Test(fs_posix, copy_range_copies_or_says_that_it_cannot)
{
    struct strand_fs_file *from = create_file(path, "0123456789");
    struct strand_fs_file *to = create_file(other, "abcdefghij");
    int64_t count = fs->copy_range(from, 2, to, 5, 3);

    if (count == 3)
        expect_content(other, "abcde234ij", 10);
    else
        cr_expect_eq(count, -ENOTSUP);
    cr_expect_eq(fs->copy_range(from, 0, from, 2, 5), -ENOTSUP, "overlapping ranges");
    cr_expect_eq(fs->close(from), 0);
    cr_expect_eq(fs->close(to), 0);
}

Test(fs_posix, links_counts_names)
{
    struct strand_fs_file *file = create_file(path, "content");

    cr_expect_eq(fs->links(file), 1);
    cr_expect_eq(fs->link(fs->context, path, other), 0);
    cr_expect_eq(fs->links(file), 2);
    expect_content(other, "content", 7);
    cr_expect_eq(fs->link(fs->context, path, other), -EEXIST);
    cr_expect_eq(fs->remove(fs->context, path), 0);
    cr_expect_eq(fs->remove(fs->context, other), 0);
    cr_expect_eq(fs->links(file), 0);
    cr_expect_eq(fs->close(file), 0);
}

Test(fs_posix, a_lock_excludes_every_other_open_file_until_close)
{
    struct strand_fs_file *holder = create_file(path, "");
    struct strand_fs_file *second = open_file(path, STRAND_FS_WRITE);
    struct strand_fs_file *third = open_file(path, STRAND_FS_WRITE);

    cr_expect_eq(fs->lock(holder), 0);
    cr_expect_eq(fs->lock(holder), 0, "it is mine already");
    cr_expect_eq(fs->lock(second), -EAGAIN);
    cr_expect_eq(fs->close(third), 0);
    cr_expect_eq(fs->lock(second), -EAGAIN, "closing another descriptor dropped the lock");
    cr_expect_eq(fs->close(holder), 0);
    cr_expect_eq(fs->lock(second), 0);
    cr_expect_eq(fs->close(second), 0);
}

Test(fs_posix, is_named_follows_the_file_not_the_name)
{
    struct strand_fs_file *file = create_file(path, "old");

    cr_expect_eq(fs->is_named(file, fs->context, path), 1);
    cr_expect_eq(fs->rename(fs->context, path, other), 0);
    cr_expect_eq(fs->is_named(file, fs->context, path), 0, "nothing has the name");
    cr_expect_eq(fs->is_named(file, fs->context, other), 1);
    struct strand_fs_file *successor = create_file(path, "new");
    cr_expect_eq(fs->is_named(file, fs->context, path), 0, "another file has the name");
    cr_expect_eq(fs->is_named(successor, fs->context, path), 1);
    cr_expect_eq(fs->close(successor), 0);
    cr_expect_eq(fs->close(file), 0);
}

Test(fs_posix, kind_tells_files_directories_and_others_apart)
{
    char below[SCRATCH_PATH_SIZE];

    cr_expect_eq(fs->kind(fs->context, path), -ENOENT);
    cr_expect_eq(fs->close(create_file(path, "")), 0);
    cr_expect_eq(fs->kind(fs->context, path), STRAND_FS_FILE);
    cr_expect_eq(fs->kind(fs->context, dir), STRAND_FS_DIRECTORY);
    cr_expect_eq(fs->kind(fs->context, "/dev/null"), STRAND_FS_OTHER);
    scratch_path(below, "file/below");
    cr_expect_eq(fs->kind(fs->context, below), -ENOTDIR);
}

Test(fs_posix, rename_replaces_its_target)
{
    cr_expect_eq(fs->close(create_file(path, "new")), 0);
    cr_expect_eq(fs->close(create_file(other, "old")), 0);
    cr_expect_eq(fs->rename(fs->context, path, other), 0);
    expect_content(other, "new", 3);
    cr_expect_eq(fs->rename(fs->context, path, other), -ENOENT);
}

Test(fs_posix, directories_are_made_synced_and_removed_when_empty)
{
    char inside[SCRATCH_PATH_SIZE];

    scratch_path(inside, "file/inside");
    cr_expect_eq(fs->make_directory(fs->context, path), 0);
    cr_expect_eq(fs->make_directory(fs->context, path), -EEXIST);
    cr_expect_eq(fs->close(create_file(inside, "")), 0);
    cr_expect_eq(fs->sync_directory(fs->context, path), 0);
    cr_expect_eq(fs->sync_directory(fs->context, inside), -ENOTDIR);
    cr_expect_eq(fs->sync_directory(fs->context, other), -ENOENT);
    cr_expect_eq(fs->sync_directory(fs->context, "/proc"), -EINVAL, "it has nothing to sync");
    cr_expect_eq(fs->remove_directory(fs->context, path), -ENOTEMPTY);
    cr_expect_eq(fs->remove(fs->context, inside), 0);
    cr_expect_eq(fs->remove(fs->context, inside), -ENOENT);
    cr_expect_eq(fs->remove_directory(fs->context, path), 0);
    cr_expect_eq(fs->kind(fs->context, path), -ENOENT);
}

static int
count_name(void *argument, const char *name)
{
    int *counts = argument;

    counts[0]++;
    counts[1] += strcmp(name, "file") == 0;
    counts[2] += strcmp(name, "other") == 0;
    return 0;
}

static int
stop_with_77(void *argument, const char *name)
{
    (void)name;
    ++*(int *)argument;
    return 77;
}

Test(fs_posix, list_names_each_entry_once_without_dots)
{
    int counts[3] = {0};

    cr_expect_eq(fs->close(create_file(path, "")), 0);
    cr_expect_eq(fs->make_directory(fs->context, other), 0);
    cr_expect_eq(fs->list(fs->context, dir, count_name, counts), 0);
    cr_expect_eq(counts[0], 2);
    cr_expect_eq(counts[1], 1);
    cr_expect_eq(counts[2], 1);
    cr_expect_eq(fs->list(fs->context, path, count_name, counts), -ENOTDIR);
}

Test(fs_posix, a_visit_ends_the_listing_with_its_result)
{
    int visits = 0;

    cr_expect_eq(fs->close(create_file(path, "")), 0);
    cr_expect_eq(fs->close(create_file(other, "")), 0);
    cr_expect_eq(fs->list(fs->context, dir, stop_with_77, &visits), 77);
    cr_expect_eq(visits, 1);
}

Test(fs_posix, volume_knows_space_and_type)
{
    struct strand_fs_volume volume;

    cr_assert_eq(fs->volume(fs->context, dir, &volume), 0);
    cr_expect_gt(volume.total_bytes, 0);
    cr_expect_geq(volume.free_bytes, 0);
    cr_expect_leq(volume.free_bytes, volume.total_bytes);
    cr_expect_not_null(memchr(volume.type, '\0', sizeof volume.type));
    cr_expect_eq(fs->volume(fs->context, path, &volume), -ENOENT);

    if (fs->volume(fs->context, "/dev/shm", &volume) == 0) {
        cr_expect_str_eq(volume.type, "tmpfs");
        cr_expect_eq(volume.is_network, 0);
    }
    cr_assert_eq(fs->volume(fs->context, "/proc", &volume), 0);
    cr_expect_str_eq(volume.type, "", "a type that is not in the table has no name");
}

Test(fs_posix, clocks_have_sensible_values)
{
    int64_t before = fs->monotonic_ns(fs->context);

    cr_expect_gt(before, 0);
    cr_expect_geq(fs->monotonic_ns(fs->context), before);
    cr_expect_gt(fs->wall_clock_ns(fs->context), INT64_C(1700000000) * 1000000000);
}

Test(fs_posix, random_fills_all_of_the_buffer)
{
    static const uint8_t ZEROS[16];
    static uint8_t data[1024];

    cr_assert_eq(fs->random(fs->context, data, sizeof data), 0);
    for (size_t i = 0; i < sizeof data; i += sizeof ZEROS)
        cr_expect_arr_neq(data + i, ZEROS, sizeof ZEROS);
}

Test(fs_posix, boot_id_is_the_kernels)
{
    char id[STRAND_FS_BOOT_ID_SIZE];
    char again[STRAND_FS_BOOT_ID_SIZE];

    cr_assert_eq(fs->boot_id(fs->context, id), 0);
    cr_assert_eq(fs->boot_id(fs->context, again), 0);
    cr_expect_str_eq(id, again);
    cr_expect_eq(strlen(id), 36);
    cr_expect_eq(strspn(id, "0123456789abcdef-"), 36);
}

Test(fs_posix, process_names_this_process_and_is_cut_to_size)
{
    char expected[64];
    char text[128];

    (void)snprintf(expected, sizeof expected, "process %ld (", (long)getpid());
    cr_assert_eq(fs->process(fs->context, text, sizeof text), 0);
    cr_expect_eq(strncmp(text, expected, strlen(expected)), 0, "%s", text);
    cr_expect_eq(fs->process(fs->context, text, 4), 0);
    cr_expect_str_eq(text, "pro");
}

Test(fs_posix, descriptor_limit_is_the_soft_limit)
{
    struct rlimit limit;

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 321;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_expect_eq(fs->descriptor_limit(fs->context), 321);
}

Test(fs_posix, absolute_puts_the_working_directory_in_front_of_relative_paths_alone)
{
    char expected[SCRATCH_PATH_SIZE];
    char result[SCRATCH_PATH_SIZE];

    cr_assert_eq(chdir("/tmp"), 0);
    cr_expect_eq(fs->absolute(fs->context, "/not/there", result, sizeof result), 0);
    cr_expect_str_eq(result, "/not/there");
    cr_assert_eq(chdir(dir), 0);
    scratch_path(expected, "new/log");
    cr_expect_eq(fs->absolute(fs->context, "new/log", result, sizeof result), 0);
    cr_expect_str_eq(result, expected);
    cr_assert_eq(chdir("/"), 0);
    cr_expect_eq(fs->absolute(fs->context, "new/log", result, sizeof result), 0);
    cr_expect_str_eq(result, "/new/log");
    cr_expect_eq(fs->absolute(fs->context, "", result, sizeof result), -ENOENT);
    cr_expect_eq(fs->absolute(fs->context, "/12345", result, 6), -ENAMETOOLONG);
    cr_expect_eq(fs->absolute(fs->context, "/1234", result, 6), 0);
}
