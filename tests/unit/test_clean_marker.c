/* tests/unit/test_clean_marker.c -- A marker is believed whole or not at all. */
#include <stdint.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/file.h"
#include "recovery/clean_marker.h"
#include "simulation/sim_disk.h"

#define PATH "/" STRAND_CLEAN_NAME

enum { ENTRY = 64, HEADER = 28, SIZE_OF_TWO = HEADER + 2 * ENTRY + 4 };
enum { INDEX_COMMIT = 12, INDEX_SIZE = 20 };

static const uint64_t COMMIT = 0xF122334455667788;
static const int64_t FILE_SIZE = 0x1112131415161718;

static struct strand_sim_disk *disk;
static const struct strand_fs *fs;
static struct strand_clean_marker marker;

static const struct strand_clean_entry FIRST = {
    .id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
    .generation = 0x1122334455667788,
    .log_start = 5,
    .log_end = 0x0102030405060708,
    .active_base_offset = 900,
    .active_size = 0x01020304,
    .segment_count = 0x0A0B0C0D,
    .newest_epoch = 77,
};
static const struct strand_clean_entry SECOND = {
    .id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17},
    .segment_count = 1,
    .newest_epoch = -1,
};

static void
open_disk(void)
{
    cr_assert_eq(strand_sim_disk_create(&(struct strand_sim_disk_options){.seed = 7}, &disk),
                 STRAND_OK);
    fs = strand_sim_disk_fs(disk);
    strand_clean_marker_init(&marker);
}

static void
close_disk(void)
{
    strand_clean_marker_deinit(&marker);
    strand_sim_disk_destroy(disk);
}

TestSuite(clean_marker, .init = open_disk, .fini = close_disk, .timeout = 60);

static void
add(const struct strand_clean_entry *entry)
{
    cr_assert_eq(strand_clean_marker_add(&marker, entry), STRAND_OK);
}

/* Both entries, the second first, and an index. */
static void
store_two(void)
{
    add(&SECOND);
    add(&FIRST);
    marker.index_commit = COMMIT;
    marker.index_size = FILE_SIZE;
    cr_assert_eq(strand_clean_marker_store(fs, "/", &marker), STRAND_OK);
}

static void
load_again(void)
{
    strand_clean_marker_deinit(&marker);
    cr_assert_eq(strand_clean_marker_load(fs, "/", &marker), STRAND_OK, "%s",
                 strand_error_message());
}

static void
expect_entry(const struct strand_clean_entry *found, const struct strand_clean_entry *expected)
{
    cr_assert_not_null(found);
    cr_expect_eq(memcmp(found->id, expected->id, sizeof found->id), 0);
    cr_expect_eq(found->generation, expected->generation);
    cr_expect_eq(found->log_start, expected->log_start);
    cr_expect_eq(found->log_end, expected->log_end);
    cr_expect_eq(found->active_base_offset, expected->active_base_offset);
    cr_expect_eq(found->active_size, expected->active_size);
    cr_expect_eq(found->segment_count, expected->segment_count);
    cr_expect_eq(found->newest_epoch, expected->newest_epoch);
}

Test(clean_marker, what_is_stored_is_loaded_sorted_by_id)
{
    store_two();
    load_again();
    cr_assert_eq(marker.count, 2);
    expect_entry(&marker.entries[0], &FIRST);
    expect_entry(&marker.entries[1], &SECOND);
    cr_expect_eq(marker.index_commit, COMMIT);
    cr_expect_eq(marker.index_size, FILE_SIZE);
    expect_entry(strand_clean_marker_find(&marker, FIRST.id), &FIRST);
    expect_entry(strand_clean_marker_find(&marker, SECOND.id), &SECOND);
    cr_expect_null(strand_clean_marker_find(&marker, (uint8_t[STRAND_LOG_ID_SIZE]){9}));
}

Test(clean_marker, index_that_is_named_is_loaded)
{
    static const struct {
        uint64_t commit;
        int64_t size;
    } CASES[] = {{0, 0}, {1, 1}, {1, INT64_MAX}, {UINT64_MAX, 8192}, {COMMIT, FILE_SIZE}};

    for (int entries = 0; entries <= 1; entries++) {
        for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
            marker.index_commit = CASES[i].commit;
            marker.index_size = CASES[i].size;
            cr_assert_eq(strand_clean_marker_store(fs, "/", &marker), STRAND_OK);
            cr_expect_eq(marker.index_commit, CASES[i].commit, "storing changes nothing");
            load_again();
            cr_expect_eq(marker.index_commit, CASES[i].commit, "%zu", i);
            cr_expect_eq(marker.index_size, CASES[i].size, "%zu", i);
            cr_expect_eq(marker.count, (size_t)entries);
        }
        add(&FIRST);
    }
}

Test(clean_marker, a_new_one_names_no_index)
{
    cr_expect_eq(marker.index_commit, 0);
    cr_expect_eq(marker.index_size, 0);
    store_two();
    strand_clean_marker_deinit(&marker);
    cr_expect_eq(marker.index_commit, 0);
    cr_expect_eq(marker.index_size, 0);
}

Test(clean_marker, many_entries_are_found)
{
    enum { COUNT = 1000 };

    for (int i = 0; i < COUNT; i++) {
        struct strand_clean_entry entry = FIRST;

        strand_put_be32(entry.id, (uint32_t)(i * 7919 % COUNT));
        entry.log_end = 1000000 + i * 7919 % COUNT;
        add(&entry);
    }
    cr_assert_eq(strand_clean_marker_store(fs, "/", &marker), STRAND_OK);
    load_again();
    cr_assert_eq(marker.count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        uint8_t id[STRAND_LOG_ID_SIZE];

        memcpy(id, FIRST.id, sizeof id);
        strand_put_be32(id, (uint32_t)i);
        const struct strand_clean_entry *found = strand_clean_marker_find(&marker, id);
        cr_assert_not_null(found, "%d", i);
        cr_expect_eq(found->log_end, 1000000 + i);
    }
}

Test(clean_marker, an_empty_one_is_one)
{
    int64_t size;

    cr_assert_eq(strand_clean_marker_store(fs, "/", &marker), STRAND_OK);
    cr_assert_not_null(strand_sim_disk_content(disk, PATH, &size));
    cr_expect_eq(size, HEADER + 4);
    load_again();
    cr_expect_eq(marker.count, 0);
    cr_expect_null(strand_clean_marker_find(&marker, FIRST.id));
}

Test(clean_marker, bytes_on_disk_are_those_of_the_header)
{
    static const uint8_t EXPECTED[HEADER + ENTRY] = {
        'S',  'T',  'C',  'L',  2,    0,    0,    0,    2,    0,    0,    0,    0x88, 0x77,
        0x66, 0x55, 0x44, 0x33, 0x22, 0xF1, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11,
        1,    2,    3,    4,    5,    6,    7,    8,    9,    10,   11,   12,   13,   14,
        15,   16,   0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 5,    0,    0,    0,
        0,    0,    0,    0,    8,    7,    6,    5,    4,    3,    2,    1,    0x84, 3,
        0,    0,    0,    0,    0,    0,    4,    3,    2,    1,    0,    0,    0,    0,
        0x0D, 0x0C, 0x0B, 0x0A, 77,   0,    0,    0};
    int64_t size;

    store_two();
    const uint8_t *data = strand_sim_disk_content(disk, PATH, &size);
    cr_assert_eq(size, SIZE_OF_TWO);
    cr_expect_eq(memcmp(data, EXPECTED, sizeof EXPECTED), 0);
    cr_expect_eq(strand_get_le32(data + HEADER + 2 * ENTRY - 4), UINT32_MAX, "epoch -1");
    cr_expect_eq(strand_get_le32(data + SIZE_OF_TWO - 4), strand_crc32c(0, data, SIZE_OF_TWO - 4));
    cr_expect_not(strand_sim_disk_is_dirty(disk, "/"), "it is durable");
}

/* ---- What is not believed ---- */

static void
expect_refused(const uint8_t *data, int64_t size, const char *cause, const char *context)
{
    struct strand_clean_marker loaded;

    strand_clean_marker_init(&loaded);
    cr_assert_eq(strand_sim_disk_store(disk, PATH, data, size), STRAND_OK);
    cr_expect_eq(strand_clean_marker_load(fs, "/", &loaded), STRAND_ERR_CORRUPT, "%s", context);
    cr_expect_not_null(strstr(strand_error_message(), cause), "%s: %s", context,
                       strand_error_message());
    cr_expect_eq(loaded.count, 0, "%s", context);
    cr_expect_null(loaded.entries, "%s", context);
    cr_expect_eq(loaded.index_commit, 0, "%s", context);
    cr_expect_eq(loaded.index_size, 0, "%s", context);
}

Test(clean_marker, a_missing_one_is_not_found)
{
    cr_expect_eq(strand_clean_marker_load(fs, "/", &marker), STRAND_ERR_NOT_FOUND);
    cr_expect_eq(marker.count, 0);
}

Test(clean_marker, each_flipped_bit_and_each_length_but_the_right_one_is_refused)
{
    uint8_t data[SIZE_OF_TWO + 1] = {0};

    store_two();
    memcpy(data, strand_sim_disk_content(disk, PATH, NULL), SIZE_OF_TWO);
    for (size_t bit = 0; bit < (size_t)SIZE_OF_TWO * 8; bit++) {
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        expect_refused(data, SIZE_OF_TWO, "", "flipped");
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (int64_t size = 0; size <= (int64_t)sizeof data; size++)
        if (size != SIZE_OF_TWO)
            expect_refused(data, size, "", "cut");
    cr_assert_eq(strand_sim_disk_store(disk, PATH, data, SIZE_OF_TWO), STRAND_OK);
    load_again();
}

/* With a CRC that is right: a writer that is wrong, or another program. */
Test(clean_marker, each_field_that_cannot_be_is_refused)
{
    static const struct {
        const char *name;
        size_t at;
        uint64_t value;
        size_t size;
        const char *cause;
    } CASES[] = {
        {"magic", 0, 'X', 1, "STCL"},
        {"version 0", 4, 0, 4, "version"},
        {"version 1", 4, 1, 4, "version"},
        {"version 3", 4, 3, 4, "version"},
        {"a count below the size", 8, 1, 4, "count"},
        {"a count above the size", 8, 3, 4, "count"},
        {"a huge count", 8, UINT32_MAX, 4, "count"},
        {"an index of no size", INDEX_SIZE, 0, 8, "index"},
        {"an index of negative size", INDEX_SIZE, UINT64_MAX, 8, "index"},
        {"an index of the most negative size", INDEX_SIZE, (uint64_t)INT64_MIN, 8, "index"},
        {"an index with a size and no commit", INDEX_COMMIT, 0, 8, "index"},
        {"a negative log start", HEADER + 24, UINT64_MAX, 8, "entry 0"},
        {"a log start above the end", HEADER + 24, INT64_MAX, 8, "entry 0"},
        {"a negative log end", HEADER + 32, UINT64_MAX, 8, "entry 0"},
        {"a negative base", HEADER + 40, UINT64_MAX, 8, "entry 0"},
        {"a base above the end", HEADER + ENTRY + 40, 1, 8, "entry 1"},
        {"a negative size", HEADER + 48, UINT64_MAX, 8, "entry 0"},
        {"a size no segment has", HEADER + 48, (uint64_t)INT32_MAX + 1, 8, "entry 0"},
        {"no segments", HEADER + ENTRY + 56, 0, 4, "entry 1"},
        {"an epoch below -1", HEADER + 60, UINT32_MAX - 1, 4, "entry 0"},
        {"ids that descend", HEADER, 2, 1, "ascend"},
        {"ids that repeat", HEADER + 15, 17, 1, "ascend"},
    };
    uint8_t original[SIZE_OF_TWO];

    store_two();
    memcpy(original, strand_sim_disk_content(disk, PATH, NULL), sizeof original);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        uint8_t data[SIZE_OF_TWO];
        uint8_t value[8];

        memcpy(data, original, sizeof data);
        strand_put_le64(value, CASES[i].value);
        memcpy(data + CASES[i].at, value, CASES[i].size);
        strand_put_le32(data + SIZE_OF_TWO - 4, strand_crc32c(0, data, SIZE_OF_TWO - 4));
        expect_refused(data, sizeof data, CASES[i].cause, CASES[i].name);
    }
}

/* It had no index between the count and the entries. */
Test(clean_marker, one_of_version_1_is_refused_for_its_version)
{
    enum { OLD_HEADER = 12 };
    uint8_t current[SIZE_OF_TWO];

    store_two();
    memcpy(current, strand_sim_disk_content(disk, PATH, NULL), sizeof current);
    for (uint8_t entries = 0; entries <= 2; entries++) {
        uint8_t data[OLD_HEADER + 2 * ENTRY + 4] = {'S', 'T', 'C', 'L', 1, 0, 0, 0, entries};
        size_t size = OLD_HEADER + (size_t)entries * ENTRY;

        memcpy(data + OLD_HEADER, current + HEADER, (size_t)entries * ENTRY);
        strand_put_le32(data + size, strand_crc32c(0, data, size));
        expect_refused(data, (int64_t)size + 4, "its version is unknown", "version 1");
    }
}

/* The CRC is right, and the version where there is room for one: only the size is not. */
Test(clean_marker, each_size_that_holds_no_whole_entries_is_refused)
{
    for (size_t size = 4; size < HEADER + ENTRY; size++) {
        uint8_t data[HEADER + ENTRY + 4] = {'S', 'T', 'C', 'L', 2};

        strand_put_le32(data + size, strand_crc32c(0, data, size));
        if (size != HEADER)
            expect_refused(data, (int64_t)size + 4, "its size cannot be", "size");
    }
}

/* 2^32 - 1 entries would be 256 GiB: the count is not believed before the size. */
Test(clean_marker, a_count_larger_than_the_file_is_refused_without_reading_more)
{
    uint8_t data[HEADER + 4] = {'S', 'T', 'C', 'L', 2, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF};

    strand_put_le32(data + HEADER, strand_crc32c(0, data, HEADER));
    strand_sim_disk_plan_clear(disk);
    expect_refused(data, sizeof data, "count", "huge");
    cr_expect_leq(strand_sim_disk_bytes_read(disk, ""), (int64_t)sizeof data);
}

Test(clean_marker, a_file_that_cannot_be_read_is_no_verdict)
{
    store_two();
    strand_clean_marker_deinit(&marker);
    strand_sim_disk_plan_clear(disk);
    strand_sim_disk_plan_fault_of(disk, STRAND_SIM_READ, 1, 5, false);
    cr_expect_eq(strand_clean_marker_load(fs, "/", &marker), STRAND_ERR_IO);
    cr_expect_eq(marker.count, 0);
}

Test(clean_marker, a_power_cut_while_it_is_stored_leaves_the_old_one_or_the_new_one)
{
    for (int nth = 1; nth <= 6; nth++) {
        for (int loss = 0; loss < STRAND_SIM_LOSS_COUNT; loss++) {
            close_disk();
            open_disk();
            add(&FIRST);
            cr_assert_eq(strand_clean_marker_store(fs, "/", &marker), STRAND_OK);
            add(&SECOND);
            strand_sim_disk_plan_clear(disk);
            strand_sim_disk_plan_cut(disk, (uint64_t)nth);
            int status = strand_clean_marker_store(fs, "/", &marker);
            strand_sim_disk_cut(disk, (enum strand_sim_loss)loss, (uint64_t)nth);
            load_again();
            cr_expect(marker.count == 2 || (status != STRAND_OK && marker.count == 1),
                      "call %d, loss %d: %zu", nth, loss, marker.count);
        }
    }
}
