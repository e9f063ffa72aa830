/* tests/unit/test_frontier.c -- Slots are found by id, stand at 64 bytes each, and never fall back
 * to an older generation.  test_frontier_crash.c makes calls fail and the power go. */
#include <stdint.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/file.h"
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

TestSuite(frontier, .init = open_all, .fini = close_all);

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

Test(frontier, bytes_are_those_of_the_format)
{
    struct strand_frontier_slot slot = slot_of(1, 0x1122334455667788, 100);
    int64_t size;

    slot.flags = STRAND_FRONTIER_RESETTING;
    cr_assert_eq(strand_frontier_write(frontier, &slot), STRAND_OK);

    const uint8_t *header = strand_sim_disk_content(disk, PATH, &size);
    cr_expect_eq(size, BLOCK_SIZE);
    cr_expect_eq(memcmp(header, "STRANDFR\1\0\0\0\0\0\0\0", 16), 0);
    cr_expect_eq(strand_get_le32(header + 60), strand_crc32c(0, header, 60));

    const uint8_t *data = bytes_at(SLOT_SIZE);
    cr_expect_eq(memcmp(data, slot.id, 16), 0);
    cr_expect_eq(strand_get_le64(data + 16), 0x1122334455667788);
    cr_expect_eq(strand_get_le64(data + 24), 1);
    cr_expect_eq(strand_get_le64(data + 32), 99);
    cr_expect_eq(strand_get_le64(data + 40), 100);
    cr_expect_eq(strand_get_le64(data + 48), 101);
    cr_expect_eq(strand_get_le32(data + 56), 1);
    cr_expect_eq(strand_get_le32(data + 60), strand_crc32c(0, data, 60));
}

Test(frontier, a_slot_is_overwritten_in_place_by_one_write_of_64_bytes)
{
    write_slot(1, 5, 10);
    strand_sim_disk_plan_clear(disk);
    write_slot(1, 5, 11);
    cr_expect_eq(strand_sim_disk_calls(disk), 1);
    cr_expect_eq(strand_get_le64(bytes_at(SLOT_SIZE) + 40), 11);
    cr_expect_eq(bytes_at(2 * SLOT_SIZE)[0], 0);
    cr_expect_eq(durable_end_of(1), 11);
}

Test(frontier, the_generation_never_falls)
{
    write_slot(1, 5, 10);
    write_slot(1, 6, 7);
    write_slot(1, 5, 100); /* an overtaken round */
    cr_expect_eq(durable_end_of(1), 7);
    cr_expect_eq(strand_get_le64(bytes_at(SLOT_SIZE) + 40), 7);
    write_slot(1, 6, 8);
    cr_expect_eq(durable_end_of(1), 8);
    reopen();
    write_slot(1, 5, 100);
    cr_expect_eq(durable_end_of(1), 8);
}

Test(frontier, ten_thousand_slots_are_found_again)
{
    for (int i = 0; i < 10000; i++)
        write_slot(i, 1, 10 + i);
    cr_assert_eq(strand_frontier_sync(frontier), STRAND_OK);
    for (int pass = 0; pass < 2; pass++) {
        int64_t size;

        for (int i = 0; i < 10000; i++)
            cr_assert_eq(durable_end_of(i), 10 + i);
        cr_expect_eq(durable_end_of(10000), -1);
        (void)strand_sim_disk_content(disk, PATH, &size);
        cr_expect_eq(size, (10001 + 63) / 64 * BLOCK_SIZE, "blocks of 64, the header in the first");
        reopen();
    }
}

Test(frontier, a_removed_slot_is_zeros_and_its_place_is_used_again)
{
    static const uint8_t ZEROS[SLOT_SIZE];
    int64_t size;

    for (int i = 1; i <= 63; i++)
        write_slot(i, 1, 10);
    struct strand_frontier_slot slot = slot_of(7, 0, 5);
    cr_assert_eq(strand_frontier_remove(frontier, slot.id), STRAND_OK);
    cr_assert_eq(strand_frontier_remove(frontier, slot.id), STRAND_OK, "nothing is no failure");
    cr_expect_eq(memcmp(bytes_at(7 * SLOT_SIZE), ZEROS, SLOT_SIZE), 0);
    cr_expect_eq(durable_end_of(7), -1);
    write_slot(100, 1, 20);
    cr_expect_eq(strand_get_le64(bytes_at(7 * SLOT_SIZE) + 40), 20);
    (void)strand_sim_disk_content(disk, PATH, &size);
    cr_expect_eq(size, BLOCK_SIZE);
    reopen();
    for (int i = 1; i <= 63; i++)
        cr_expect_eq(durable_end_of(i), i == 7 ? -1 : 10);
    cr_expect_eq(durable_end_of(100), 20);
}

Test(frontier, bad_slots_are_counted_and_count_as_empty)
{
    uint8_t data[BLOCK_SIZE];
    int64_t size;
    int64_t bad_slots;

    write_slot(1, 1, 10);
    write_slot(2, 1, 20);
    write_slot(3, 1, 30);
    memcpy(data, strand_sim_disk_content(disk, PATH, &size), sizeof data);
    close_frontier();
    data[1 * SLOT_SIZE + 33] ^= 0x10;
    strand_put_le64(data + 3 * SLOT_SIZE + 40, 0); /* durable end below the log start, CRC right */
    strand_put_le32(data + 3 * SLOT_SIZE + 60, strand_crc32c(0, data + 3 * SLOT_SIZE, 60));
    cr_assert_eq(strand_sim_disk_store(disk, PATH, data, sizeof data), STRAND_OK);

    cr_assert_eq(strand_frontier_open(fs, DIRECTORY, true, &frontier, &bad_slots), STRAND_OK);
    cr_expect_eq(bad_slots, 2);
    cr_expect_eq(durable_end_of(1), -1);
    cr_expect_eq(durable_end_of(2), 20);
    cr_expect_eq(durable_end_of(3), -1);
    write_slot(9, 1, 90);
    cr_expect_eq(strand_get_le64(bytes_at(SLOT_SIZE) + 40), 90, "a bad slot's place is free");
}

Test(frontier, of_two_slots_with_one_id_the_newer_counts)
{
    static const struct {
        uint64_t generations[2];
        int64_t durable_ends[2];
        int64_t expected;
    } CASES[] = {
        {{5, 6}, {100, 50}, 50},
        {{6, 5}, {50, 100}, 50},
        {{5, 5}, {10, 20}, 20},
        {{5, 5}, {20, 10}, 20},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        uint8_t data[BLOCK_SIZE];
        int64_t size;

        close_all();
        open_all();
        write_slot(1, CASES[i].generations[0], CASES[i].durable_ends[0]);
        memcpy(data, strand_sim_disk_content(disk, PATH, &size), sizeof data);
        memcpy(data + 5 * SLOT_SIZE, data + SLOT_SIZE, SLOT_SIZE);
        strand_put_le64(data + 5 * SLOT_SIZE + 16, CASES[i].generations[1]);
        strand_put_le64(data + 5 * SLOT_SIZE + 32, (uint64_t)CASES[i].durable_ends[1] - 1);
        strand_put_le64(data + 5 * SLOT_SIZE + 40, (uint64_t)CASES[i].durable_ends[1]);
        strand_put_le64(data + 5 * SLOT_SIZE + 48, (uint64_t)CASES[i].durable_ends[1] + 1);
        strand_put_le32(data + 5 * SLOT_SIZE + 60, strand_crc32c(0, data + 5 * SLOT_SIZE, 60));
        close_frontier();
        cr_assert_eq(strand_sim_disk_store(disk, PATH, data, sizeof data), STRAND_OK);
        open_frontier();
        cr_expect_eq(durable_end_of(1), CASES[i].expected, "case %zu", i);
    }
}

Test(frontier, a_missing_or_bad_header_is_created_anew_when_writable)
{
    uint8_t data[BLOCK_SIZE];
    int64_t size;
    int64_t bad_slots;

    write_slot(1, 1, 10);
    memcpy(data, strand_sim_disk_content(disk, PATH, &size), sizeof data);
    data[0] = 'X';
    for (int is_missing = 0; is_missing < 2; is_missing++) {
        for (int writable = 0; writable < 2; writable++) {
            close_frontier();
            cr_assert_eq(
                strand_sim_disk_store(disk, PATH, is_missing ? NULL : data, (int64_t)sizeof data),
                STRAND_OK);
            cr_assert_eq(strand_frontier_open(fs, DIRECTORY, writable != 0, &frontier, &bad_slots),
                         STRAND_OK);
            cr_expect_eq(bad_slots, is_missing ? 0 : -1);
            cr_expect_eq(durable_end_of(1), -1);
            const uint8_t *now = strand_sim_disk_content(disk, PATH, &size);
            if (writable) {
                cr_expect_eq(memcmp(now, "STRANDFR", 8), 0);
                cr_expect_not(strand_sim_disk_is_dirty(disk, DIRECTORY));
            } else if (is_missing) {
                cr_expect_null(now);
            } else {
                cr_expect_eq(now[0], 'X');
            }
        }
    }
    for (int64_t cut = 0; cut < SLOT_SIZE; cut += 21) {
        close_frontier();
        cr_assert_eq(strand_sim_disk_store(disk, PATH, data, cut), STRAND_OK);
        cr_assert_eq(strand_frontier_open(fs, DIRECTORY, false, &frontier, &bad_slots), STRAND_OK);
        cr_expect_eq(bad_slots, -1);
    }
}

Test(frontier, a_newer_version_is_refused)
{
    uint8_t data[BLOCK_SIZE];
    int64_t size;
    int64_t bad_slots = 42;
    struct strand_frontier *other = NULL;

    memcpy(data, strand_sim_disk_content(disk, PATH, &size), sizeof data);
    data[8] = 2;
    strand_put_le32(data + 60, strand_crc32c(0, data, 60));
    cr_assert_eq(strand_sim_disk_store(disk, PATH, data, sizeof data), STRAND_OK);
    cr_expect_eq(strand_frontier_open(fs, DIRECTORY, true, &other, &bad_slots), STRAND_ERR_VERSION);
    cr_expect_null(other);
    cr_expect_eq(bad_slots, 42);
    cr_expect_eq(memcmp(strand_sim_disk_content(disk, PATH, &size), data, sizeof data), 0);
}

Test(frontier, dirty_since_is_when_the_first_slot_was_written)
{
    cr_expect_eq(strand_frontier_dirty_since_ns(frontier), -1);
    int64_t before = fs->monotonic_ns(fs->context);
    write_slot(1, 1, 10);
    int64_t since = strand_frontier_dirty_since_ns(frontier);
    cr_expect_gt(since, before);
    strand_sim_disk_advance(disk, 1000000);
    write_slot(2, 1, 10);
    cr_expect_eq(strand_frontier_dirty_since_ns(frontier), since);
    cr_assert_eq(strand_frontier_sync(frontier), STRAND_OK);
    cr_expect_eq(strand_frontier_dirty_since_ns(frontier), -1);
    cr_expect_not(strand_sim_disk_is_dirty(disk, DIRECTORY));
}

Test(frontier, a_sync_of_nothing_does_nothing)
{
    strand_sim_disk_plan_clear(disk);
    cr_assert_eq(strand_frontier_sync(frontier), STRAND_OK);
    cr_expect_eq(strand_sim_disk_calls(disk), 0);
}
