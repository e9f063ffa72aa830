/* tests/unit/test_segment.c -- A segment file holds what was appended, and nothing of what was not.
 *
 * Method: the simulated disk fails, fills up and loses power; then the bytes on it are looked at.
 * Maps are tested on the operating system's files, since only those have page tables.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/file.h"
#include "simulation/sim_disk.h"
#include "storage/segment.h"

#define DIRECTORY "/orders-0"
#define PATH      DIRECTORY "/00000000000000000042.log"
#define OTHER     DIRECTORY "/other"

enum { BASE_OFFSET = 42, BLOCK = 4096, OLD_SIZE = 5000, NEW_SIZE = 100 };

static struct strand_sim_disk *disk;
static const struct strand_fs *fs;
static uint8_t old_bytes[OLD_SIZE];
static uint8_t new_bytes[8 * BLOCK];

static void
open_disk(const struct strand_sim_disk_options *options)
{
    memset(old_bytes, 'o', sizeof old_bytes);
    memset(new_bytes, 'n', sizeof new_bytes);
    cr_assert_eq(strand_sim_disk_create(options, &disk), STRAND_OK);
    fs = strand_sim_disk_fs(disk);
    cr_assert_eq(strand_path_make_directory(fs, DIRECTORY), STRAND_OK);
    cr_assert_eq(strand_path_sync_directory(fs, "/"), STRAND_OK);
}

static void
open_plain_disk(void)
{
    open_disk(&(struct strand_sim_disk_options){.seed = 1});
}

static void
close_disk(void)
{
    strand_sim_disk_destroy(disk);
}

/* A new segment that holds OLD_BYTES, durably. */
static struct strand_segment *
create_segment(void)
{
    struct strand_segment *segment;

    cr_assert_eq(strand_segment_create(fs, DIRECTORY, BASE_OFFSET, 0, &segment), STRAND_OK);
    cr_assert_eq(strand_segment_append(segment, old_bytes, OLD_SIZE, 0), STRAND_OK);
    cr_assert_eq(strand_segment_sync(segment), STRAND_OK);
    cr_assert_eq(strand_path_sync_directory(fs, DIRECTORY), STRAND_OK);
    strand_sim_disk_plan_clear(disk);
    return segment;
}

static struct strand_segment *
open_segment(bool writable)
{
    struct strand_segment *segment;

    cr_assert_eq(strand_segment_open(fs, DIRECTORY, BASE_OFFSET, writable, 0, &segment), STRAND_OK,
                 "%s", strand_error_message());
    return segment;
}

static int64_t
file_size(const char *path)
{
    int64_t size = -1;

    return strand_sim_disk_content(disk, path, &size) == NULL ? -1 : size;
}

/* The file is the first OLD_TAKEN of the old bytes and NEW_TAKEN of the new. */
static void
expect_content(int64_t old_taken, int64_t new_taken)
{
    int64_t size = -1;
    const uint8_t *content = strand_sim_disk_content(disk, PATH, &size);

    cr_assert_not_null(content);
    cr_assert_eq(size, old_taken + new_taken);
    cr_expect_eq(memcmp(content, old_bytes, (size_t)old_taken), 0);
    cr_expect_eq(memcmp(content + old_taken, new_bytes, (size_t)new_taken), 0);
}

/* Whether a file of SIZE bytes more fits on the disk. */
static bool
fits(int64_t size)
{
    struct strand_file file;
    int status = strand_file_open(fs, OTHER, STRAND_FS_WRITE | STRAND_FS_CREATE, &file);

    if (status == STRAND_ERR_NO_SPACE)
        return false;
    cr_assert_eq(status, STRAND_OK);
    status = strand_file_write(&file, new_bytes, (size_t)size, 0, NULL);
    cr_assert_eq(strand_file_close(&file), STRAND_OK);
    cr_assert_eq(strand_path_remove(fs, OTHER), STRAND_OK);
    return status == STRAND_OK;
}

TestSuite(segment, .init = open_plain_disk, .fini = close_disk);

Test(segment, is_created_empty_under_its_base_offset)
{
    struct strand_segment *segment;

    cr_assert_eq(strand_segment_create(fs, DIRECTORY, BASE_OFFSET, 0, &segment), STRAND_OK);
    cr_expect_eq(file_size(PATH), 0);
    cr_expect_str_eq(segment->path, PATH);
    cr_expect_null(segment->map);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
    cr_expect_eq(strand_sim_disk_open_files(disk), 0);
}

Test(segment, that_exists_is_not_created_again)
{
    struct strand_segment *segment = create_segment();
    struct strand_segment *second = NULL;

    cr_expect_eq(strand_segment_create(fs, DIRECTORY, BASE_OFFSET, 0, &second), STRAND_ERR_EXISTS);
    cr_expect_null(second);
    expect_content(OLD_SIZE, 0);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
    cr_expect_eq(strand_sim_disk_open_files(disk), 0);
}

Test(segment, that_is_missing_is_not_opened)
{
    struct strand_segment *segment = NULL;

    cr_expect_eq(strand_segment_open(fs, DIRECTORY, BASE_OFFSET, true, 0, &segment),
                 STRAND_ERR_NOT_FOUND);
    cr_expect_null(segment);
    cr_expect_eq(file_size(PATH), -1);
}

Test(segment, in_a_directory_whose_name_is_too_long_is_refused)
{
    static char directory[STRAND_PATH_SIZE_MAX];
    struct strand_segment *segment = NULL;

    memset(directory, 'd', sizeof directory - 1);
    cr_expect_eq(strand_segment_open(fs, directory, 0, false, 0, &segment), STRAND_ERR_INVALID);
    cr_expect_eq(strand_segment_create(fs, directory, 0, 0, &segment), STRAND_ERR_INVALID);
}

Test(segment, larger_than_kafkas_positions_is_refused)
{
    static const struct {
        int64_t size;
        int status;
    } cases[] = {
        {STRAND_SEGMENT_SIZE_MAX, STRAND_OK},
        {(int64_t)STRAND_SEGMENT_SIZE_MAX + 1, STRAND_ERR_CORRUPT},
    };

    close_disk();
    open_disk(&(struct strand_sim_disk_options){.file_size_max = INT64_C(1) << 32});
    struct strand_segment *segment = create_segment();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct strand_segment *again = NULL;

        cr_assert_eq(strand_file_set_size(&segment->file, cases[i].size), STRAND_OK);
        cr_expect_eq(strand_segment_open(fs, DIRECTORY, BASE_OFFSET, false, 0, &again),
                     cases[i].status, "case %zu", i);
        cr_expect_eq(strand_segment_close(again), STRAND_OK);
    }
    cr_expect_eq(strand_sim_disk_open_files(disk), 1);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
}

Test(segment, that_cannot_be_mapped_when_it_is_created_is_read_without_a_map)
{
    struct strand_segment *segment = NULL;
    char data[4];

    strand_sim_disk_plan_fault_of(disk, STRAND_SIM_MAP, 1, ENOMEM, false);
    cr_assert_eq(strand_segment_create(fs, DIRECTORY, BASE_OFFSET, BLOCK, &segment), STRAND_OK);
    cr_expect_null(segment->map);
    cr_assert_eq(strand_file_write(&segment->file, "data", 4, 0, NULL), STRAND_OK);
    cr_expect_eq(strand_segment_read(segment, data, sizeof data, 0), STRAND_OK);
    cr_expect_eq(memcmp(data, "data", sizeof data), 0);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
}

Test(segment, failed_map_at_opening_keeps_the_file)
{
    struct strand_segment *segment = NULL;

    cr_expect_eq(strand_segment_close(create_segment()), STRAND_OK);
    strand_sim_disk_plan_fault_of(disk, STRAND_SIM_MAP, 1, ENOMEM, false);
    cr_expect_eq(strand_segment_open(fs, DIRECTORY, BASE_OFFSET, true, BLOCK, &segment),
                 STRAND_ERR_NO_MEMORY);
    cr_expect_null(segment);
    expect_content(OLD_SIZE, 0);
    cr_expect_eq(strand_sim_disk_open_files(disk), 0);
}

Test(segment, is_read_without_a_map_where_mapping_is_not_possible)
{
    struct strand_segment *segment;
    uint8_t byte = 0;

    close_disk();
    open_disk(&(struct strand_sim_disk_options){.no_maps = true});
    cr_assert_eq(strand_segment_create(fs, DIRECTORY, BASE_OFFSET, BLOCK, &segment), STRAND_OK);
    cr_expect_null(segment->map);
    cr_expect_eq(segment->map_size, 0);
    cr_expect_eq(strand_segment_append(segment, new_bytes, NEW_SIZE, 0), STRAND_OK);
    cr_expect_eq(strand_segment_read(segment, &byte, 1, NEW_SIZE - 1), STRAND_OK);
    cr_expect_eq(byte, 'n');
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
}

Test(segment, failure_to_close_is_reported_and_frees_all_the_same)
{
    struct strand_segment *segment = create_segment();

    strand_sim_disk_plan_fault_of(disk, STRAND_SIM_CLOSE, 1, EIO, false);
    cr_expect_eq(strand_segment_close(segment), STRAND_ERR_IO);
    cr_expect_not_null(strstr(strand_error_message(), "close " PATH));
    cr_expect_eq(strand_segment_close(NULL), STRAND_OK);
}

Test(segment, append_stores_bytes_at_the_position)
{
    struct strand_segment *segment = create_segment();
    uint8_t read[NEW_SIZE];

    cr_assert_eq(strand_segment_append(segment, new_bytes, NEW_SIZE, OLD_SIZE), STRAND_OK);
    cr_expect_eq(strand_sim_disk_calls(disk), 1, "one write");
    expect_content(OLD_SIZE, NEW_SIZE);
    cr_assert_eq(strand_segment_read(segment, read, NEW_SIZE, OLD_SIZE), STRAND_OK);
    cr_expect_eq(memcmp(read, new_bytes, NEW_SIZE), 0);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
}

Test(segment, short_writes_and_reads_are_continued)
{
    uint8_t read[OLD_SIZE];

    close_disk();
    open_disk(&(struct strand_sim_disk_options){.short_writes = true});
    struct strand_segment *segment = create_segment();

    expect_content(OLD_SIZE, 0);
    cr_assert_eq(strand_segment_read(segment, read, OLD_SIZE, 0), STRAND_OK);
    cr_expect_eq(memcmp(read, old_bytes, OLD_SIZE), 0);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
}

Test(segment, read_past_the_end_is_a_failure)
{
    struct strand_segment *segment = create_segment();
    uint8_t read[2];

    cr_expect_eq(strand_segment_read(segment, read, 2, OLD_SIZE - 1), STRAND_ERR_IO);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
}

Test(segment, append_beyond_kafkas_positions_is_refused_unwritten)
{
    struct strand_segment *segment = create_segment();

    cr_expect_eq(
        strand_segment_append(segment, new_bytes, NEW_SIZE + 1, STRAND_SEGMENT_SIZE_MAX - NEW_SIZE),
        STRAND_ERR_TOO_LARGE);
    cr_expect_eq(strand_segment_append(segment, new_bytes, SIZE_MAX, OLD_SIZE),
                 STRAND_ERR_TOO_LARGE);
    cr_expect_eq(strand_sim_disk_calls(disk), 0);
    expect_content(OLD_SIZE, 0);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
}

Test(segment, append_up_to_kafkas_largest_position_is_accepted)
{
    close_disk();
    open_disk(&(struct strand_sim_disk_options){.file_size_max = INT64_C(1) << 32});
    struct strand_segment *segment = create_segment();

    cr_assert_eq(
        strand_segment_append(segment, new_bytes, NEW_SIZE, STRAND_SEGMENT_SIZE_MAX - NEW_SIZE),
        STRAND_OK);
    int64_t size = -1;
    cr_assert_eq(strand_file_size(&segment->file, &size), STRAND_OK);
    cr_expect_eq(size, STRAND_SEGMENT_SIZE_MAX);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
}

Test(segment, disk_that_fills_half_way_takes_nothing_and_more_space_is_used_later)
{
    close_disk();
    open_disk(&(struct strand_sim_disk_options){.capacity = 3 * BLOCK});
    struct strand_segment *segment = create_segment();

    cr_assert_eq(strand_segment_append(segment, new_bytes, 3 * BLOCK, OLD_SIZE),
                 STRAND_ERR_NO_SPACE);
    cr_expect_not_null(strstr(strand_error_message(), "write " PATH));
    expect_content(OLD_SIZE, 0);
    cr_expect(fits(BLOCK), "what the failed write took is free again");

    strand_sim_disk_set_capacity(disk, 6 * BLOCK);
    cr_assert_eq(strand_segment_append(segment, new_bytes, 3 * BLOCK, OLD_SIZE), STRAND_OK);
    expect_content(OLD_SIZE, 3 * BLOCK);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
}

Test(segment, disk_that_was_full_from_the_start_leaves_the_file_untouched)
{
    struct strand_segment *segment = create_segment();

    strand_sim_disk_plan_fault_of(disk, STRAND_SIM_WRITE, 1, ENOSPC, false);
    /* At 1,000, to see that what stands behind stays: nothing was written, nothing is cut. */
    cr_expect_eq(strand_segment_append(segment, new_bytes, NEW_SIZE, 1000), STRAND_ERR_NO_SPACE);
    cr_expect_eq(strand_sim_disk_calls(disk), 1);
    expect_content(OLD_SIZE, 0);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
}

Test(segment, write_of_unknown_extent_is_cut_off)
{
    struct strand_segment *segment = create_segment();

    strand_sim_disk_plan_fault_of(disk, STRAND_SIM_WRITE, 1, EIO, false);
    cr_expect_eq(strand_segment_append(segment, new_bytes, NEW_SIZE, 1000), STRAND_ERR_IO);
    cr_expect_not_null(strstr(strand_error_message(), "write " PATH));
    expect_content(1000, 0);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
}

Test(segment, append_that_fails_at_any_write_leaves_the_file_as_before)
{
    static const int codes[] = {ENOSPC, EIO};
    int status = !STRAND_OK;
    int failures = 0;

    close_disk();
    open_disk(&(struct strand_sim_disk_options){.short_writes = true});
    for (uint64_t nth = 1; status != STRAND_OK; nth++) {
        for (size_t i = 0; i < 2; i++) {
            struct strand_segment *segment = create_segment();

            strand_sim_disk_plan_fault_of(disk, STRAND_SIM_WRITE, nth, codes[i], false);
            status = strand_segment_append(segment, new_bytes, NEW_SIZE, OLD_SIZE);
            strand_sim_disk_plan_clear(disk);
            expect_content(OLD_SIZE, status == STRAND_OK ? NEW_SIZE : 0);
            if (status != STRAND_OK) {
                failures++;
                cr_expect_eq(status, i == 0 ? STRAND_ERR_NO_SPACE : STRAND_ERR_IO);
            }
            cr_assert_eq(strand_segment_close(segment), STRAND_OK);
            cr_assert_eq(strand_path_remove(fs, PATH), STRAND_OK);
        }
    }
    cr_expect_eq(failures, 2 * ((NEW_SIZE + 6) / 7), "seven bytes a write");
}

Test(segment, append_that_cannot_be_cut_off_fails_the_log)
{
    static const int codes[] = {ENOSPC, EIO};

    close_disk();
    open_disk(&(struct strand_sim_disk_options){.short_writes = true});
    for (size_t i = 0; i < 2; i++) {
        struct strand_segment *segment = create_segment();

        strand_sim_disk_plan_fault_of(disk, STRAND_SIM_WRITE, 2, codes[i], true);
        cr_expect_eq(strand_segment_append(segment, new_bytes, NEW_SIZE, OLD_SIZE),
                     STRAND_ERR_FAILED);
        cr_expect_not_null(strstr(strand_error_message(), "write " PATH), "%s",
                           strand_error_message());
        cr_expect_not_null(strstr(strand_error_message(), "set size of " PATH), "%s",
                           strand_error_message());
        cr_assert_eq(strand_segment_close(segment), STRAND_OK);
        strand_sim_disk_plan_clear(disk);
        cr_assert_eq(strand_path_remove(fs, PATH), STRAND_OK);
    }
}

Test(segment, reserved_space_is_taken_from_the_disk_but_not_in_the_size)
{
    close_disk();
    open_disk(&(struct strand_sim_disk_options){.capacity = 8 * BLOCK});
    struct strand_segment *segment = create_segment();

    cr_assert_eq(strand_segment_reserve(segment, 8 * BLOCK, OLD_SIZE), STRAND_OK);
    expect_content(OLD_SIZE, 0);
    cr_expect(!fits(BLOCK));
    cr_expect_eq(strand_segment_append(segment, new_bytes, 6 * BLOCK, OLD_SIZE), STRAND_OK);
    expect_content(OLD_SIZE, 6 * BLOCK);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
}

Test(segment, failed_reservation_gives_back_what_it_got)
{
    close_disk();
    open_disk(&(struct strand_sim_disk_options){.capacity = 4 * BLOCK});
    struct strand_segment *segment = create_segment();

    cr_assert_eq(strand_segment_reserve(segment, 8 * BLOCK, OLD_SIZE), STRAND_ERR_NO_SPACE);
    cr_expect_not_null(strstr(strand_error_message(), "reserve " PATH));
    expect_content(OLD_SIZE, 0);
    cr_expect(fits(2 * BLOCK));
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
}

Test(segment, reservation_ends_as_the_file_system_answers)
{
    static const struct {
        int code;
        bool sticky;
        int status;
    } cases[] = {
        {ENOTSUP, true, STRAND_OK},
        {EINTR, false, STRAND_OK},
        {EIO, false, STRAND_ERR_IO},
        {EIO, true, STRAND_ERR_FAILED},
    };
    struct strand_segment *segment = create_segment();

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        strand_sim_disk_plan_fault_of(disk, STRAND_SIM_WRITE, 1, cases[i].code, cases[i].sticky);
        cr_expect_eq(strand_segment_reserve(segment, 8 * BLOCK, OLD_SIZE), cases[i].status,
                     "case %zu", i);
        strand_sim_disk_plan_clear(disk);
        expect_content(OLD_SIZE, 0);
    }
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
}

Test(segment, reservation_of_what_is_used_already_does_nothing)
{
    struct strand_segment *segment = create_segment();

    cr_expect_eq(strand_segment_reserve(segment, OLD_SIZE, OLD_SIZE), STRAND_OK);
    cr_expect_eq(strand_segment_reserve(segment, BLOCK, OLD_SIZE), STRAND_OK);
    cr_expect_eq(strand_sim_disk_calls(disk), 0);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
}

Test(segment, synced_bytes_survive_a_power_cut_and_others_do_not)
{
    struct strand_segment *segment = create_segment();

    cr_assert_eq(strand_segment_append(segment, new_bytes, NEW_SIZE, OLD_SIZE), STRAND_OK);
    cr_assert_eq(strand_segment_sync(segment), STRAND_OK);
    cr_assert_eq(strand_segment_append(segment, new_bytes, NEW_SIZE, OLD_SIZE + NEW_SIZE),
                 STRAND_OK);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
    strand_sim_disk_cut(disk, STRAND_SIM_LOSE_ALL, 0);
    expect_content(OLD_SIZE, NEW_SIZE);
}

Test(segment, is_never_extended_by_seal)
{
    struct strand_segment *segment = create_segment();

    cr_expect_eq(strand_segment_seal(segment, OLD_SIZE + 1), STRAND_ERR_INVALID);
    cr_expect_eq(strand_sim_disk_calls(disk), 0);
    expect_content(OLD_SIZE, 0);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
}

Test(segment, failed_sync_is_reported_and_not_repeated)
{
    static const char *const operations[] = {"sync", "seal"};
    struct strand_segment *segment = create_segment();

    for (size_t i = 0; i < 2; i++) {
        strand_sim_disk_plan_fault_of(disk, STRAND_SIM_SYNC, 1, EIO, false);
        int status = i == 0 ? strand_segment_sync(segment) : strand_segment_seal(segment, OLD_SIZE);
        cr_expect_eq(status, STRAND_ERR_IO, "%s", operations[i]);
        cr_expect_not_null(strstr(strand_error_message(), "sync " PATH));
        cr_expect_eq(strand_sim_disk_calls(disk), i == 1 ? 2 : 1, "%s", operations[i]);
        strand_sim_disk_plan_clear(disk);
    }
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
}

Test(segment, seal_that_cannot_shorten_is_reported)
{
    struct strand_segment *segment = create_segment();

    strand_sim_disk_plan_fault_of(disk, STRAND_SIM_WRITE, 1, EIO, true);
    cr_expect_eq(strand_segment_seal(segment, 1234), STRAND_ERR_IO);
    expect_content(OLD_SIZE, 0);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
}

Test(segment, seal_gives_exact_size_durably_and_returns_reserved_space)
{
    close_disk();
    open_disk(&(struct strand_sim_disk_options){.capacity = 8 * BLOCK});
    struct strand_segment *segment = create_segment();

    cr_assert_eq(strand_segment_reserve(segment, 8 * BLOCK, OLD_SIZE), STRAND_OK);
    cr_assert_eq(strand_segment_append(segment, new_bytes, NEW_SIZE, OLD_SIZE), STRAND_OK);
    cr_assert_eq(strand_segment_seal(segment, OLD_SIZE + NEW_SIZE), STRAND_OK);
    cr_expect(fits(6 * BLOCK));
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
    strand_sim_disk_cut(disk, STRAND_SIM_LOSE_ALL, 0);
    expect_content(OLD_SIZE, NEW_SIZE);
}

Test(segment, prepared_space_is_gone_after_seal_and_the_segment_can_be_appended_to_again)
{
    static const uint8_t zeros[2 * BLOCK];
    struct strand_segment *segment = create_segment();

    cr_assert_eq(strand_segment_append(segment, zeros, sizeof zeros, OLD_SIZE), STRAND_OK);
    cr_assert_eq(strand_segment_append(segment, new_bytes, NEW_SIZE, OLD_SIZE), STRAND_OK);
    cr_assert_eq(strand_segment_seal(segment, OLD_SIZE + NEW_SIZE), STRAND_OK);
    expect_content(OLD_SIZE, NEW_SIZE);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);

    segment = open_segment(true);
    cr_expect_eq(strand_segment_append(segment, new_bytes, NEW_SIZE, OLD_SIZE + NEW_SIZE),
                 STRAND_OK);
    expect_content(OLD_SIZE, 2 * NEW_SIZE);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
}

Test(segment, opened_for_reading_is_not_written)
{
    uint8_t byte = 0;

    cr_expect_eq(strand_segment_close(create_segment()), STRAND_OK);
    struct strand_segment *segment = open_segment(false);

    cr_expect_eq(strand_segment_read(segment, &byte, 1, OLD_SIZE - 1), STRAND_OK);
    cr_expect_eq(byte, 'o');
    cr_expect_neq(strand_segment_append(segment, new_bytes, NEW_SIZE, OLD_SIZE), STRAND_OK);
    expect_content(OLD_SIZE, 0);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
}

static char directory[] = "/tmp/test_segment.XXXXXX";

static void
make_directory(void)
{
    fs = strand_fs_posix();
    memset(new_bytes, 'n', sizeof new_bytes);
    cr_assert_not_null(mkdtemp(directory));
}

static void
remove_directory(void)
{
    cr_assert_eq(strand_path_remove_tree(fs, directory), STRAND_OK);
}

TestSuite(segment_map, .init = make_directory, .fini = remove_directory);

Test(segment_map, of_a_file_still_empty_shows_what_is_appended_later)
{
    struct strand_segment *segment;

    cr_assert_eq(strand_segment_create(fs, directory, 0, 16 * BLOCK, &segment), STRAND_OK);
    cr_assert_not_null(segment->map);
    cr_expect_eq(segment->map_size, 16 * BLOCK);
    for (int64_t position = 0; position < 4 * BLOCK; position += 1000) {
        cr_assert_eq(strand_segment_append(segment, new_bytes, 1000, position), STRAND_OK);
        cr_expect_eq(memcmp(segment->map + position, new_bytes, 1000), 0);
    }
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
}

Test(segment_map, may_exceed_the_file_and_shows_all_of_it)
{
    struct strand_segment *segment;

    cr_assert_eq(strand_segment_create(fs, directory, 0, 0, &segment), STRAND_OK);
    cr_expect_null(segment->map);
    cr_assert_eq(strand_segment_append(segment, new_bytes, NEW_SIZE, 0), STRAND_OK);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);

    cr_assert_eq(strand_segment_open(fs, directory, 0, false, STRAND_SEGMENT_SIZE_MAX, &segment),
                 STRAND_OK);
    cr_assert_not_null(segment->map);
    cr_expect_eq(memcmp(segment->map, new_bytes, NEW_SIZE), 0);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
}

Test(segment_map, of_a_sealed_segment_shows_the_same_bytes_after_its_name_is_gone)
{
    struct strand_segment *segment;
    char path[STRAND_PATH_SIZE_MAX];

    cr_assert_eq(strand_segment_create(fs, directory, 7, 4 * BLOCK, &segment), STRAND_OK);
    cr_assert_eq(strand_segment_append(segment, new_bytes, NEW_SIZE, 0), STRAND_OK);
    cr_assert_eq(strand_segment_seal(segment, NEW_SIZE), STRAND_OK);
    cr_assert_eq(strand_path_join(path, directory, "00000000000000000007.log"), STRAND_OK);
    cr_assert_eq(strand_path_remove(fs, path), STRAND_OK);
    cr_expect_eq(memcmp(segment->map, new_bytes, NEW_SIZE), 0);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
}

static const void *unmapped;
static size_t unmapped_size;

static int
note_unmap(struct strand_fs_file *file, const void *data, size_t size)
{
    unmapped = data;
    unmapped_size = size;
    return strand_fs_posix()->unmap(file, data, size);
}

Test(segment_map, is_given_back_at_close)
{
    struct strand_fs noting = *fs;
    struct strand_segment *segment;

    noting.unmap = note_unmap;
    cr_assert_eq(strand_segment_create(&noting, directory, 0, 4 * BLOCK, &segment), STRAND_OK);
    const void *map = segment->map;
    cr_assert_not_null(map);
    cr_expect_null(unmapped);
    cr_expect_eq(strand_segment_close(segment), STRAND_OK);
    cr_expect_eq(unmapped, map);
    cr_expect_eq(unmapped_size, 4 * BLOCK);
}
