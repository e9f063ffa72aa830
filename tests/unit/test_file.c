/* tests/unit/test_file.c -- Loops, statuses and sentences above the seam.
 *
 * Method: the seam cuts reads and writes short and makes the Nth call fail; then the bytes in a
 * real directory are looked at.
 */
#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "support/fault_fs.h"
#include "support/scratch.h"

static const struct strand_fs *fs; /* the POSIX one with faults in front */
static const char *dir;
static char path[SCRATCH_PATH_SIZE]; /* of the file that most tests use */
static char other[SCRATCH_PATH_SIZE];

static void
make_directory(void)
{
    fs = fault_fs();
    dir = scratch_create();
    scratch_path(path, "file");
    scratch_path(other, "other");
}

TestSuite(file, .init = make_directory, .fini = scratch_remove);

static void
expect_content(const char *name, const char *expected)
{
    size_t size = 0;
    const char *content = scratch_content(name, &size);

    cr_assert_not_null(content, "%s is gone", name);
    cr_expect_str_eq(content, expected);
}

static void
expect_message(const char *verb, const char *name, const char *cause)
{
    char expected[STRAND_ERROR_MESSAGE_SIZE_MAX];

    (void)snprintf(expected, sizeof expected, "%s %s: %s", verb, name, cause);
    cr_expect_str_eq(strand_error_message(), expected);
}

static struct strand_file
open_file(const char *name)
{
    struct strand_file file = {0};

    cr_assert_eq(strand_file_open(fs, name, STRAND_FS_WRITE | STRAND_FS_CREATE, &file), STRAND_OK);
    return file;
}

Test(file, paths_are_joined_up_to_the_limit)
{
    static char joined[STRAND_PATH_SIZE_MAX];
    static char name[STRAND_PATH_SIZE_MAX + 1];

    cr_expect_eq(strand_path_join(joined, "/data", "orders-0"), STRAND_OK);
    cr_expect_str_eq(joined, "/data/orders-0");

    memset(name, 'n', STRAND_PATH_SIZE_MAX - 1 - 6); /* with "/data/" all but the terminator */
    cr_expect_eq(strand_path_join(joined, "/data", name), STRAND_OK);
    cr_expect_eq(strlen(joined), STRAND_PATH_SIZE_MAX - 1);
    memset(name, 'n', STRAND_PATH_SIZE_MAX - 1 - 5);
    cr_expect_eq(strand_path_join(joined, "/data", name), STRAND_ERR_INVALID);
    memset(name, 'n', sizeof name - 1);
    cr_expect_eq(strand_path_join(joined, name, "x"), STRAND_ERR_INVALID);
    cr_expect_eq(strand_path_join(joined, "x", name), STRAND_ERR_INVALID);
}

Test(file, open_reports_what_and_why_and_leaves_the_output_alone)
{
    struct strand_file file = {.path = "untouched"};

    cr_expect_eq(strand_file_open(fs, path, 0, &file), STRAND_ERR_NOT_FOUND);
    expect_message("open", path, "No such file or directory");
    cr_expect_str_eq(file.path, "untouched");

    fault_fs_plan(1, 1, EMFILE, 0);
    cr_expect_eq(strand_file_open(fs, path, STRAND_FS_WRITE | STRAND_FS_CREATE, &file),
                 STRAND_ERR_DESCRIPTORS);
    expect_message("create", path, "Too many open files");
}

Test(file, open_file_knows_its_path)
{
    struct strand_file file = open_file(path);

    cr_expect_eq(file.fs, fs);
    cr_expect_eq(file.path, path);
    cr_expect_eq(strand_file_close(&file), STRAND_OK);
    cr_expect_null(file.handle);
}

Test(file, a_close_that_fails_is_reported_and_is_not_repeated)
{
    struct strand_file file = open_file(path);

    fault_fs_plan(1, 1, EIO, 0);
    cr_expect_eq(strand_file_close(&file), STRAND_ERR_IO);
    expect_message("close", path, "Input/output error");
    cr_expect_eq(fault_fs_calls(), 1);
    cr_expect_null(file.handle);
}

Test(file, an_interrupted_close_has_closed)
{
    struct strand_file file = open_file(path);

    fault_fs_plan(1, 9, EINTR, 0);
    cr_expect_eq(strand_file_close(&file), STRAND_OK);
    cr_expect_eq(fault_fs_calls(), 1);
    cr_expect_null(file.handle);
}

Test(file, discard_keeps_the_recorded_failure)
{
    struct strand_file file = open_file(path);

    (void)strand_fail(STRAND_ERR_CORRUPT, "the failure that counts");
    fault_fs_plan(1, 1, EIO, 0);
    strand_file_discard(&file);
    strand_file_discard(&file);
    cr_expect_eq(fault_fs_calls(), 1, "the second found nothing to close");
    cr_expect_str_eq(strand_error_message(), "the failure that counts");
}

Test(file, short_and_interrupted_transfers_are_continued)
{
    struct strand_file file = open_file(path);
    char data[16] = "";
    size_t size = 0;

    fault_fs_plan(1, 2, EINTR, 3);
    cr_expect_eq(strand_file_write(&file, "0123456789", 10, 2, &size), STRAND_OK);
    cr_expect_eq(size, 10);
    cr_expect_eq(fault_fs_calls(), 2 + 4);
    cr_expect_eq(strand_file_write(&file, "ab", 2, 0, NULL), STRAND_OK);
    expect_content(path, "ab0123456789");

    fault_fs_plan(2, 3, EINTR, 3);
    cr_expect_eq(strand_file_read_exactly(&file, data, 12, 0), STRAND_OK);
    cr_expect_str_eq(data, "ab0123456789");
    cr_expect_eq(fault_fs_calls(), 2 + 4);
    cr_expect_eq(strand_file_close(&file), STRAND_OK);
}

Test(file, a_read_ends_at_the_end_of_the_file)
{
    struct strand_file file = open_file(path);
    char data[16] = "";
    size_t size = 77;

    scratch_store(path, "0123456789", 10);
    cr_expect_eq(strand_file_read(&file, data, sizeof data, 4, &size), STRAND_OK);
    cr_expect_eq(size, 6);
    cr_expect_str_eq(data, "456789");
    cr_expect_eq(strand_file_read(&file, data, sizeof data, 10, &size), STRAND_OK);
    cr_expect_eq(size, 0);
    cr_expect_eq(strand_file_read_exactly(&file, data, 6, 4), STRAND_OK);
    cr_expect_eq(strand_file_read_exactly(&file, data, 7, 4), STRAND_ERR_IO);
    expect_message("read", path, "unexpected end of file");
    cr_expect_eq(strand_file_close(&file), STRAND_OK);
}

Test(file, a_failed_read_leaves_the_count_alone)
{
    struct strand_file file = open_file(path);
    char data[16];
    size_t size = 77;

    scratch_store(path, "0123456789", 10);
    fault_fs_plan(2, 2, EIO, 3);
    cr_expect_eq(strand_file_read(&file, data, 10, 0, &size), STRAND_ERR_IO);
    expect_message("read", path, "Input/output error");
    cr_expect_eq(size, 77);
    strand_file_discard(&file);
}

Test(file, a_failed_write_tells_how_much_may_be_there)
{
    struct strand_file file = open_file(path);
    size_t written = 77;

    fault_fs_plan(3, 3, ENOSPC, 3);
    cr_expect_eq(strand_file_write(&file, "0123456789", 10, 0, &written), STRAND_ERR_NO_SPACE);
    expect_message("write", path, "No space left on device");
    cr_expect_eq(written, 6);
    expect_content(path, "012345");
    strand_file_discard(&file);
}

Test(file, a_write_that_stores_nothing_has_found_no_room)
{
    struct strand_file file = open_file(path);

    fault_fs_plan(1, 99, 0, 0);
    cr_expect_eq(strand_file_write(&file, "x", 1, 0, NULL), STRAND_ERR_NO_SPACE);
    cr_expect_eq(fault_fs_calls(), 1);
    strand_file_discard(&file);
}

Test(file, parts_are_written_one_behind_the_other)
{
    static const size_t cuts[] = {0, 1, 2, 3, 4, 5}; /* bytes that a call takes at most */
    static const struct strand_fs_part parts[] = {{"abc", 3}, {"", 0}, {"de", 2}, {"f", 1}};

    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        struct strand_file file = open_file(path);
        size_t size = 77, content_size;

        scratch_store(path, "..........", 10);
        fault_fs_plan(0, 0, 0, cuts[i]);
        cr_expect_eq(strand_file_write_parts(&file, parts, 4, 2, &size), STRAND_OK);
        cr_expect_eq(size, 6);
        cr_expect_str_eq(scratch_content(path, &content_size), "..abcdef..");
        strand_file_discard(&file);
    }
}

Test(file, parts_that_fail_half_way_tell_how_much_is_there)
{
    static const struct strand_fs_part parts[] = {{"abc", 3}, {"de", 2}};
    struct strand_file file = open_file(path);
    size_t size = 77;

    fault_fs_plan(1, 1, ENOSPC, 0);
    cr_expect_eq(strand_file_write_parts(&file, parts, 2, 0, &size), STRAND_ERR_NO_SPACE);
    cr_expect_eq(size, 0);
    fault_fs_plan(3, 3, EIO, 2);
    cr_expect_eq(strand_file_write_parts(&file, parts, 2, 0, &size), STRAND_ERR_IO);
    cr_expect_eq(size, 3);
    fault_fs_plan(1, 1, EINTR, 0);
    cr_expect_eq(strand_file_write_parts(&file, parts, 2, 0, &size), STRAND_OK);
    cr_expect_eq(size, 5);
    fault_fs_plan(1, 9, FAULT_FS_TOO_MUCH, 0);
    cr_expect_eq(strand_file_write_parts(&file, parts, 1, 0, &size), STRAND_ERR_IO);
    cr_expect_eq(size, 0);
    fault_fs_plan(0, 0, 0, 0);
    cr_expect_eq(strand_file_write_parts(&file, parts, 0, 0, &size), STRAND_OK);
    cr_expect_eq(fault_fs_calls(), 0);
    strand_file_discard(&file);
}

Test(file, transfers_of_nothing_make_no_call)
{
    struct strand_file file = open_file(path);
    size_t size = 77;

    fault_fs_plan(0, 0, 0, 0);
    cr_expect_eq(strand_file_write(&file, NULL, 0, 0, &size), STRAND_OK);
    cr_expect_eq(size, 0);
    cr_expect_eq(strand_file_read_exactly(&file, NULL, 0, 0), STRAND_OK);
    cr_expect_eq(fault_fs_calls(), 0);
    strand_file_discard(&file);
}

Test(file, a_seam_that_reports_more_than_was_asked_for_is_not_believed)
{
    struct strand_file file = open_file(path), copy = open_file(other);
    char data[4];
    size_t size = 77;

    scratch_store(path, "0123", 4);
    fault_fs_plan(1, 9, FAULT_FS_TOO_MUCH, 0);
    cr_expect_eq(strand_file_read(&file, data, 4, 0, &size), STRAND_ERR_IO);
    cr_expect_eq(strand_file_write(&file, data, 4, 0, &size), STRAND_ERR_IO);
    cr_expect_eq(size, 0);
    cr_expect_eq(strand_file_copy(&file, &copy, 4), STRAND_ERR_IO);
    strand_file_discard(&file);
    strand_file_discard(&copy);
}

Test(file, a_failed_sync_is_never_repeated)
{
    static const int CODES[] = {EINTR, EIO, ENOSPC, EAGAIN};
    static const int STATUSES[] = {STRAND_ERR_IO, STRAND_ERR_IO, STRAND_ERR_NO_SPACE,
                                   STRAND_ERR_IO};
    struct strand_file file = open_file(path);

    for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++) {
        fault_fs_plan(1, 1, CODES[i], 0);
        cr_expect_eq(strand_file_sync_data(&file), STATUSES[i]);
        expect_message("sync", path, strerror(CODES[i]));
        cr_expect_str_eq(fault_fs_trace(), "sync_data ");
        fault_fs_plan(1, 1, CODES[i], 0);
        cr_expect_eq(strand_file_sync_all(&file), STATUSES[i]);
        cr_expect_str_eq(fault_fs_trace(), "sync_all ");
        fault_fs_plan(1, 1, CODES[i], 0);
        cr_expect_eq(strand_path_sync_directory(fs, dir), STATUSES[i]);
        expect_message("sync directory", dir, strerror(CODES[i]));
        cr_expect_str_eq(fault_fs_trace(), "sync_directory ");
    }
    cr_expect_eq(strand_file_sync_data(&file), STRAND_OK);
    cr_expect_eq(strand_file_sync_all(&file), STRAND_OK);
    cr_expect_eq(strand_path_sync_directory(fs, dir), STRAND_OK);
    strand_file_discard(&file);
}

Test(file, size_and_links_are_the_files)
{
    struct strand_file file = open_file(path);
    int64_t size = 77, links = 77;

    fault_fs_plan(1, 2, EINTR, 0);
    cr_expect_eq(strand_file_set_size(&file, 5), STRAND_OK);
    cr_expect_eq(fault_fs_calls(), 3);
    cr_expect_eq(strand_file_size(&file, &size), STRAND_OK);
    cr_expect_eq(size, 5);
    cr_assert_eq(link(path, other), 0);
    cr_expect_eq(strand_file_links(&file, &links), STRAND_OK);
    cr_expect_eq(links, 2);

    fault_fs_plan(1, 9, EIO, 0);
    cr_expect_eq(strand_file_size(&file, &size), STRAND_ERR_IO);
    cr_expect_eq(size, 5);
    cr_expect_eq(strand_file_set_size(&file, 9), STRAND_ERR_IO);
    expect_message("set size of", path, "Input/output error");
    strand_file_discard(&file);
}

Test(file, a_map_shows_the_content)
{
    struct strand_file file = open_file(path);
    const void *data = NULL;

    scratch_store(path, "content", 7);
    cr_assert_eq(strand_file_map(&file, 7, &data), STRAND_OK);
    cr_assert_not_null(data);
    cr_expect_arr_eq(data, "content", 7);
    strand_file_unmap(&file, data, 7);
    strand_file_discard(&file);
}

Test(file, where_mapping_is_not_possible_the_map_is_null)
{
    struct strand_file file = open_file(path);
    const void *data = "untouched";

    fault_fs_plan(1, 1, ENOTSUP, 0);
    cr_expect_eq(strand_file_map(&file, 7, &data), STRAND_OK);
    cr_expect_null(data);
    strand_file_unmap(&file, data, 7);

    data = "untouched";
    cr_expect_eq(strand_file_map(&file, 0, &data), STRAND_OK);
    cr_expect_null(data, "there is no such thing as an empty map");

    data = "untouched";
    fault_fs_plan(1, 1, ENOMEM, 0);
    cr_expect_eq(strand_file_map(&file, 7, &data), STRAND_ERR_NO_MEMORY);
    cr_expect_str_eq(data, "untouched");
    strand_file_discard(&file);
}

/* A file larger than the buffer that copying by hand uses, copied with the call FAULT_AT failing.
 */
static int
copy_big_file(int fault_at, int code, size_t size_max, const char **out_content)
{
    enum { SIZE = 300 * 1000 };
    static char content[SIZE], copied[SIZE + 1];
    struct strand_file from = open_file(path), to = open_file(other);

    for (size_t i = 0; i < SIZE; i++)
        content[i] = (char)(i * 7 + i / 256);
    scratch_store(path, content, SIZE);
    fault_fs_plan(fault_at, fault_at == 0 ? 0 : fault_at, code, size_max);
    int status = strand_file_copy(&from, &to, SIZE - 1);
    fault_fs_plan(0, 0, 0, 0);
    if (status == STRAND_OK) {
        size_t size = 0;
        cr_assert_eq(strand_file_read(&to, copied, sizeof copied, 0, &size), STRAND_OK);
        cr_expect_eq(size, SIZE - 1);
        cr_expect_arr_eq(copied, content, SIZE - 1);
        *out_content = copied;
    }
    strand_file_discard(&from);
    strand_file_discard(&to);
    return status;
}

Test(file, copies_are_exact_however_they_are_made)
{
    static const struct {
        int fault_at;
        int code;
        size_t size_max;
    } CASES[] = {
        {0, 0, 0},           /* by reference, or whatever this file system does */
        {0, 0, 70001},       /* in pieces */
        {1, ENOTSUP, 0},     /* by hand */
        {1, ENOTSUP, 70001}, /* by hand, in pieces */
        {3, ENOTSUP, 70001}, /* begun by reference, ended by hand */
        {2, EINTR, 70001},   /* interrupted */
        {2, 0, 70001},       /* a copy that reports 0 */
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const char *content = NULL;
        cr_expect_eq(copy_big_file(CASES[i].fault_at, CASES[i].code, CASES[i].size_max, &content),
                     STRAND_OK, "case %zu: %s", i, strand_error_message());
        cr_expect_not_null(content);
    }
}

Test(file, a_copy_that_fails_says_so)
{
    const char *content = NULL;
    struct strand_file from = open_file(path), to = open_file(other);

    cr_expect_eq(copy_big_file(1, ENOSPC, 0, &content), STRAND_ERR_NO_SPACE);
    expect_message("copy to", other, "No space left on device");

    scratch_store(path, "short", 5);
    cr_expect_eq(strand_file_copy(&from, &to, 6), STRAND_ERR_IO);
    expect_message("read", path, "unexpected end of file");
    strand_file_discard(&from);
    strand_file_discard(&to);
}

Test(file, names_are_changed_and_interruptions_repeated)
{
    int kind = 77;

    scratch_store(path, "content", 7);
    fault_fs_plan(1, 1, EINTR, 0);
    cr_expect_eq(strand_path_rename(fs, path, other), STRAND_OK);
    expect_content(other, "content");
    cr_expect_eq(strand_path_rename(fs, path, other), STRAND_ERR_NOT_FOUND);
    expect_message("rename", path, "No such file or directory");

    fault_fs_plan(1, 1, EINTR, 0);
    cr_expect_eq(strand_path_kind(fs, other, &kind), STRAND_OK);
    cr_expect_eq(kind, STRAND_FS_FILE);
    cr_expect_eq(strand_path_kind(fs, dir, &kind), STRAND_OK);
    cr_expect_eq(kind, STRAND_FS_DIRECTORY);
    cr_expect_eq(strand_path_kind(fs, path, &kind), STRAND_OK);
    cr_expect_eq(kind, 0);

    fault_fs_plan(1, 1, EINTR, 0);
    cr_expect_eq(strand_path_remove(fs, other), STRAND_OK);
    cr_expect_eq(strand_path_remove(fs, other), STRAND_OK, "what is not there is removed");
    cr_expect_eq(access(other, F_OK), -1);

    fault_fs_plan(1, 1, EINTR, 0);
    cr_expect_eq(strand_path_make_directory(fs, path), STRAND_OK);
    cr_expect_eq(strand_path_make_directory(fs, path), STRAND_ERR_EXISTS);
    fault_fs_plan(1, 1, EACCES, 0);
    cr_expect_eq(strand_path_remove(fs, path), STRAND_ERR_PERMISSION);
}

Test(file, a_directory_is_removed_with_its_files)
{
    char inside[SCRATCH_PATH_SIZE];
    char name[32];

    cr_assert_eq(strand_path_make_directory(fs, path), STRAND_OK);
    for (int i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof name, "file/%d", i);
        scratch_path(inside, name);
        scratch_store(inside, "x", 1);
    }
    cr_expect_eq(strand_path_remove_tree(fs, path), STRAND_OK);
    cr_expect_eq(access(path, F_OK), -1);
    cr_expect_eq(strand_path_remove_tree(fs, path), STRAND_OK, "what is not there is removed");
}

Test(file, a_directory_with_directories_in_it_is_not_removed)
{
    char inside[SCRATCH_PATH_SIZE];

    scratch_path(inside, "file/inside");
    cr_assert_eq(strand_path_make_directory(fs, path), STRAND_OK);
    cr_assert_eq(strand_path_make_directory(fs, inside), STRAND_OK);
    cr_expect_neq(strand_path_remove_tree(fs, path), STRAND_OK);
    cr_expect_eq(access(inside, F_OK), 0);
    cr_expect_eq(rmdir(inside), 0);
}

Test(file, names_are_listed_sorted_bytewise_once)
{
    static const char *const NAMES[] = {"b", "a", "\xc3\xa4", "B", "a0", "-", "10", "9"};
    static const char *const SORTED[] = {"-", "10", "9", "B", "a", "a0", "b", "\xc3\xa4"};
    enum { COUNT = sizeof NAMES / sizeof NAMES[0] };
    struct strand_names names = {0};

    for (int i = 0; i < COUNT; i++) {
        char name[SCRATCH_PATH_SIZE];
        scratch_path(name, NAMES[i]);
        scratch_store(name, "", 0);
    }
    fault_fs_plan(1, 2, EINTR, 0);
    cr_assert_eq(strand_path_list(fs, dir, &names), STRAND_OK);
    cr_assert_eq(names.count, COUNT);
    for (int i = 0; i < COUNT; i++)
        cr_expect_str_eq(names.names[i], SORTED[i]);
    strand_names_free(&names);
    cr_expect_eq(names.count, 0);
    strand_names_free(&names);
}

Test(file, a_listing_of_nothing_is_empty_and_a_failed_one_leaves_the_output_alone)
{
    struct strand_names names = {.count = 77};

    cr_expect_eq(strand_path_list(fs, path, &names), STRAND_ERR_NOT_FOUND);
    expect_message("list", path, "No such file or directory");
    cr_expect_eq(names.count, 77);

    scratch_store(path, "", 0);
    fault_fs_plan(1, 1, EIO, 0);
    cr_expect_eq(strand_path_list(fs, dir, &names), STRAND_ERR_IO);
    cr_expect_eq(names.count, 77);

    cr_assert_eq(unlink(path), 0);
    cr_expect_eq(strand_path_list(fs, dir, &names), STRAND_OK);
    cr_expect_eq(names.count, 0);
    strand_names_free(&names);
}

Test(file, a_whole_file_is_read_with_a_zero_behind_it)
{
    char *data = NULL;
    size_t size = 77;

    scratch_store(path, "0123456789", 10);
    fault_fs_plan(0, 0, 0, 3);
    cr_assert_eq(strand_path_read(fs, path, 10, &data, &size), STRAND_OK);
    cr_expect_eq(size, 10);
    cr_expect_str_eq(data, "0123456789");
    free(data);

    scratch_store(path, "", 0);
    cr_assert_eq(strand_path_read(fs, path, 10, &data, &size), STRAND_OK);
    cr_expect_eq(size, 0);
    cr_expect_str_eq(data, "");
    free(data);
}

Test(file, a_file_that_is_too_large_is_not_read)
{
    char *data = NULL;
    size_t size = 77;

    scratch_store(path, "0123456789", 10);
    fault_fs_plan(0, 0, 0, 0);
    cr_expect_eq(strand_path_read(fs, path, 9, &data, &size), STRAND_ERR_TOO_LARGE);
    cr_expect_str_eq(fault_fs_trace(), "open size close ");
    cr_expect_null(data);
    cr_expect_eq(size, 77);
    cr_expect_not_null(strstr(strand_error_message(), "10 bytes"));
}

Test(file, a_failure_at_any_call_of_a_whole_read_is_reported_and_leaks_nothing)
{
    char *data = NULL;
    size_t size = 77;
    int status = !STRAND_OK;

    scratch_store(path, "0123456789", 10);
    cr_expect_eq(strand_path_read(fs, other, 9, &data, &size), STRAND_ERR_NOT_FOUND);
    for (int nth = 1; nth <= 6; nth++) { /* open, size, four reads */
        fault_fs_plan(nth, nth, EIO, 3);
        status = strand_path_read(fs, path, 10, &data, &size);
        cr_expect_eq(status, STRAND_ERR_IO, "call %d", nth);
        cr_expect_null(data);
        cr_expect_eq(
            strcmp(fault_fs_trace() + strlen(fault_fs_trace()) - 5, nth == 1 ? "open " : "lose "),
            0, "after the failure of call %d the file is closed: %s", nth, fault_fs_trace());
    }
}
