/* tests/unit/test_segment_search.c -- The search behind damage finds what is whole, and nothing
 * else.
 */
#include <errno.h>
#include <stdint.h>

#include <criterion/criterion.h>

#include "storage/segment_scan.h"
#include "support/segment_image.h"

enum { MIB = 1024 * 1024 };

TestSuite(segment_search, .init = image_create, .fini = image_destroy);

struct found {
    int64_t position;
    int64_t offset;
};

static struct found
find(int64_t position, int64_t expected_offset, bool gaps_allowed)
{
    struct found found = {-2, -2};
    int64_t before = strand_sim_disk_bytes_read(image.disk, "");
    int64_t bytes_read = -1;

    cr_assert_eq(strand_segment_find_whole(&image.file, position, image.size, expected_offset,
                                           gaps_allowed, &found.position, &found.offset,
                                           &bytes_read),
                 STRAND_OK, "%s", strand_error_message());
    cr_expect_eq(bytes_read, strand_sim_disk_bytes_read(image.disk, "") - before);
    return found;
}

static void
expect_found(struct found found, int64_t position, int64_t offset)
{
    cr_expect_eq(found.position, position, "found at %lld", (long long)found.position);
    cr_expect_eq(found.offset, offset, "found offset %lld", (long long)found.offset);
}

Test(segment_search, in_ranges_too_small_for_a_batch_finds_nothing)
{
    image_add_batch(1000, IMAGE_SMALL, 1);
    image_store();
    for (int64_t position = 0; position <= IMAGE_SMALL; position++) {
        struct found found = find(position, 0, true);

        expect_found(found, -1, -1);
    }
}

Test(segment_search, finds_the_batch_behind_damage_of_every_size)
{
    for (int64_t damaged = 1; damaged < 200; damaged += 7) {
        image.size = 0;
        image_add_bytes('x', damaged);
        image_add_batch(1001, IMAGE_SMALL, 1);
        image_store();
        expect_found(find(0, 1000, false), damaged, 1001);
    }
}

Test(segment_search, does_not_take_the_damaged_start_itself)
{
    image_add_batch(1001, IMAGE_SMALL, 1);
    image_store();
    expect_found(find(0, 1000, false), -1, -1);
}

Test(segment_search, finds_the_first_of_several)
{
    image_add_bytes('x', 100);
    image_add_batch(1001, IMAGE_SMALL, 1)[IMAGE_SMALL - 1] ^= 1; /* not whole */
    image_add_batch(1002, IMAGE_SMALL, 1);
    image_add_batch(1003, IMAGE_SMALL, 1);
    image_store();
    expect_found(find(0, 1000, false), 100 + IMAGE_SMALL, 1002);
}

Test(segment_search, takes_only_what_is_whole)
{
    for (size_t i = 0; i < image_damage_count; i++) {
        if (image_damages[i].stop == STRAND_SCAN_OFFSET)
            continue;
        image.size = 0;
        image_add_bytes('x', 100);
        uint8_t *batch = image_add_batch(1001, IMAGE_SMALL, 1);

        image_damage(batch, &image_damages[i]);
        image_store();
        cr_expect_eq(find(0, 1000, false).position, -1, "%s", image_damages[i].name);
        cr_expect_eq(find(0, 1000, true).position, -1, "%s", image_damages[i].name);
    }
}

Test(segment_search, believes_offsets_that_the_bytes_between_allow)
{
    static const struct {
        int64_t base_offset;
        bool gaps_allowed;
        bool is_found;
    } cases[] = {
        {999, false, false},
        {999, true, false},
        {1000, false, true},
        {1000, true, true},
        {1001, false, true},
        {1001, true, true},
        {1800, false, true}, /* 100 bytes between: 8 each */
        {1801, false, false},
        {1801, true, true},
        {1000 + (int64_t)INT32_MAX, true, true},
        {1000 + (int64_t)INT32_MAX + 1, true, false},
        {INT64_MAX - 1, true, false},
        {-1, true, false},
        {INT64_MIN, true, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        image.size = 0;
        image_add_bytes('x', 100);
        image_add_batch(cases[i].base_offset, IMAGE_SMALL, 1);
        image_store();
        struct found found = find(0, 1000, cases[i].gaps_allowed);
        cr_expect_eq(found.position, cases[i].is_found ? 100 : -1, "case %zu", i);
        cr_expect_eq(found.offset, cases[i].is_found ? cases[i].base_offset : -1, "case %zu", i);
    }
}

/* Records that differ in their number alone: zstd needs less than a byte for each. */
Test(segment_search, finds_the_batch_behind_one_that_compressed_well)
{
    uint8_t *batch = image_add_batch(1000, 61 + 1020, 1000);

    strand_put_be16(batch + STRAND_BATCH_ATTRIBUTES, STRAND_CODEC_ZSTD);
    image_add_batch(2000, IMAGE_SMALL, 1);
    image_store(); /* whose CRC is now wrong */
    expect_found(find(0, 1000, false), 61 + 1020, 2000);
}

Test(segment_search, tries_the_place_that_the_damaged_length_names_first)
{
    uint8_t *damaged = image_add_batch(1000, 4 * MIB, 1000);

    image_put_batch(damaged + 5000, 1001, IMAGE_SMALL,
                    1); /* a batch that is the value of a record */
    image_add_batch(2000, IMAGE_SMALL, 1);
    image_store();
    expect_found(find(0, 1000, false), 4 * MIB, 2000);
    cr_expect_leq(strand_sim_disk_bytes_read(image.disk, ""), 2 * MIB, "not searched byte by byte");
}

Test(segment_search, goes_on_everywhere_when_the_damaged_length_misleads)
{
    static const int32_t values[] = {-1, 0, 48, 49, 60, 61, 200, 5000, INT32_MAX};

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        image.size = 0;
        strand_put_be32(image_add_batch(1000, 300, 1) + STRAND_BATCH_LENGTH, (uint32_t)values[i]);
        image_add_batch(1001, IMAGE_SMALL, 1);
        image_store();
        expect_found(find(0, 1000, false), 300, 1001);
    }
}

Test(segment_search, finds_headers_at_every_place_in_the_window)
{
    for (int64_t in_window = 0; in_window <= STRAND_BATCH_HEADER_SIZE + 2; in_window++) {
        image.size = 0;
        image_add_bytes('x', MIB + 1 - in_window);
        image_add_batch(1001, IMAGE_SMALL, 1);
        image_store();
        expect_found(find(0, 1000, false), MIB + 1 - in_window, 1001);
    }
}

Test(segment_search, finds_batches_larger_than_the_window)
{
    image_add_bytes(2, 3 * MIB); /* each byte might be a magic */
    image_add_batch(1001, 5 * MIB, 1);
    image_store();
    expect_found(find(0, 1000, false), 3 * MIB, 1001);
}

Test(segment_search, is_not_led_astray_by_zeros)
{
    image_add_bytes(0, 2 * MIB);
    image_store();
    expect_found(find(0, 1000, false), -1, -1);
    image_add_batch(1001, IMAGE_SMALL, 1);
    image_store();
    expect_found(find(0, 1000, false), 2 * MIB, 1001);
}

/* COUNT headers back to back, each of a batch that reaches to the end and has a wrong CRC. */
static void
add_false_headers(int count, int64_t body_size)
{
    int64_t end = image.size + (int64_t)count * STRAND_BATCH_HEADER_SIZE + body_size;

    for (int i = 0; i < count; i++) {
        uint8_t *batch = image_add_batch(1001, STRAND_BATCH_HEADER_SIZE, 1);

        strand_put_be32(batch + STRAND_BATCH_LENGTH,
                        (uint32_t)(end - (batch - image.bytes) - STRAND_BATCH_OVERHEAD_SIZE));
    }
    image_add_bytes('x', body_size);
}

Test(segment_search, checks_false_headers_as_long_as_they_are_cheap)
{
    image_add_bytes('x', 1);
    add_false_headers(5, 100000);
    image_store();
    expect_found(find(0, 1000, false), -1, -1);
}

Test(segment_search, that_would_cost_too_much_answers_found)
{
    image_add_bytes('x', 100);
    add_false_headers(2000, 6 * MIB);
    image_store();

    struct found found = find(0, 1000, false);
    cr_expect_gt(found.position, 100 + 6 * STRAND_BATCH_HEADER_SIZE, "not before the limit");
    cr_expect_lt(found.position, 100 + 10 * STRAND_BATCH_HEADER_SIZE);
    cr_expect_eq(found.offset, 1001);
    cr_expect_leq(strand_sim_disk_bytes_read(image.disk, ""), 12 * image.size);
}

Test(segment_search, reads_each_byte_a_bounded_number_of_times)
{
    /* Many false headers of small batches: all of them are checked. */
    for (int i = 0; i < 20000; i++) {
        uint8_t *batch = image_add_batch(1001, 2 * STRAND_BATCH_HEADER_SIZE, 1);

        batch[STRAND_BATCH_CRC] ^= 1;
        image.size -= STRAND_BATCH_HEADER_SIZE;
    }
    image_store();
    expect_found(find(0, 1000, false), -1, -1);
    cr_expect_leq(strand_sim_disk_bytes_read(image.disk, ""), 4 * image.size);
}

Test(segment_search, reports_a_failed_read)
{
    image_add_bytes('x', 3 * MIB);
    image_add_batch(1001, IMAGE_SMALL, 1);
    image_store();
    for (uint64_t nth = 1; nth <= 5; nth++) {
        struct found found = {-2, -2};

        strand_sim_disk_plan_clear(image.disk);
        strand_sim_disk_plan_fault_of(image.disk, STRAND_SIM_READ, nth, EIO, false);
        int status = strand_segment_find_whole(&image.file, 0, image.size, 1000, false,
                                               &found.position, &found.offset, NULL);
        if (status == STRAND_OK) {
            expect_found(found, 3 * MIB, 1001);
            cr_expect_gt(nth, 4, "three windows, one body");
        } else {
            cr_expect_eq(status, STRAND_ERR_IO);
            cr_expect_eq(found.position, -2, "written only on success");
        }
    }
}
