/* tests/unit/test_segment_scan.c -- The scan ends at the first batch that is not whole, and says
 * why.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <criterion/criterion.h>

#include "storage/segment_scan.h"
#include "support/segment_image.h"

enum {
    MIB = 1024 * 1024,
    SEGMENT_BASE = 1000, /* base offset of the segment in most tests */
};

/* Kafka's own bytes: one record "k" -> "v"; a batch that compaction emptied, which keeps the
 * offsets 20 to 24. */
#define GOLDEN_A                                                                                   \
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x3a\xff\xff\xff\xff\x02\x71\x6a\x61\x89\x00\x00" \
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\xe8\x00\x00\x00\x00\x00\x00\x03\xe8\xff\xff\xff" \
    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x01\x10\x00\x00\x00\x02\x6b\x02\x76" \
    "\x00"
#define GOLDEN_D                                                                                   \
    "\x00\x00\x00\x00\x00\x00\x00\x14\x00\x00\x00\x31\x00\x00\x00\x05\x02\x20\x9c\x61\x23\x00\x00" \
    "\x00\x00\x00\x04\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x04\xd2\x00\x00\x00" \
    "\x00\x00\x00\x00\x2a\x00\x03\x00\x00\x00\x11\x00\x00\x00\x00"

TestSuite(segment_scan, .init = image_create, .fini = image_destroy);

/* A request for all of the stored image. */
static struct strand_scan_request
whole_file(void)
{
    return (struct strand_scan_request){.file = &image.file,
                                        .base_offset = SEGMENT_BASE,
                                        .end_position = image.size,
                                        .expected_offset = SEGMENT_BASE};
}

static struct strand_scan_result
scan(const struct strand_scan_request *request)
{
    struct strand_scan_result result;

    cr_assert_eq(strand_segment_scan(request, &result), STRAND_OK, "%s", strand_error_message());
    return result;
}

static struct strand_scan_result
scan_image(void)
{
    image_store();
    struct strand_scan_request request = whole_file();
    return scan(&request);
}

static void
expect_result(const struct strand_scan_result *result, enum strand_scan_stop stop, int64_t position,
              int64_t end_offset, int64_t batch_count)
{
    cr_expect_eq(result->stop, stop, "stop %d: %s", (int)result->stop, result->reason);
    cr_expect_eq(result->position, position, "position %lld", (long long)result->position);
    cr_expect_eq(result->end_offset, end_offset, "end offset %lld", (long long)result->end_offset);
    cr_expect_eq(result->batch_count, batch_count, "count %lld", (long long)result->batch_count);
}

Test(segment_scan, of_nothing_ends_where_it_began)
{
    struct strand_scan_result result = scan_image();

    expect_result(&result, STRAND_SCAN_END, 0, SEGMENT_BASE, 0);
    cr_expect_str_eq(result.reason, "");
    cr_expect_eq(result.max_timestamp_ms, -1);
    cr_expect_eq(result.bytes_read, 0);
    cr_expect_eq(result.visitor_status, STRAND_OK);
}

Test(segment_scan, of_whole_batches_counts_them_to_the_end)
{
    strand_put_be64(image_add_batch(1000, IMAGE_SMALL, 2) + STRAND_BATCH_MAX_TIMESTAMP, 7000);
    image_stamp_crc(image.bytes);
    image_add_batch(1002, 100, 3);
    image_add_batch(1005, STRAND_BATCH_HEADER_SIZE, 1);
    struct strand_scan_result result = scan_image();

    expect_result(&result, STRAND_SCAN_END, image.size, 1006, 3);
    cr_expect_str_eq(result.reason, "");
    cr_expect_eq(result.max_timestamp_ms, 7000);
    cr_expect_eq(result.bytes_read, image.size);
}

Test(segment_scan, accepts_kafkas_own_bytes)
{
    memcpy(image.bytes, GOLDEN_A, sizeof GOLDEN_A - 1);
    image.size = sizeof GOLDEN_A - 1;
    memcpy(image.bytes + image.size, GOLDEN_D, sizeof GOLDEN_D - 1);
    image.size += sizeof GOLDEN_D - 1;
    image_store();

    struct strand_scan_request request = whole_file();
    request.base_offset = 0;
    request.expected_offset = 0;
    request.gaps_allowed = true;
    struct strand_scan_result result = scan(&request);
    expect_result(&result, STRAND_SCAN_END, 70 + 61, 25, 2);
    cr_expect_eq(result.max_timestamp_ms, 1234);
}

Test(segment_scan, end_offset_of_a_batch_that_compaction_thinned_out_is_its_last_plus_one)
{
    uint8_t *batch = image_add_batch(1000, IMAGE_SMALL, 2);

    strand_put_be32(batch + STRAND_BATCH_LAST_OFFSET_DELTA, 9);
    image_stamp_crc(batch);
    image_add_batch(1010, IMAGE_SMALL, 1);
    struct strand_scan_result result = scan_image();
    expect_result(&result, STRAND_SCAN_END, 2 * IMAGE_SMALL, 1011, 2);
}

Test(segment_scan, starts_and_ends_where_it_is_told)
{
    image_add_bytes('x', 33);
    image_add_batch(1004, IMAGE_SMALL, 1);
    image_add_batch(1005, IMAGE_SMALL, 1);
    image_add_bytes('x', 50);
    image_store();

    struct strand_scan_request request = whole_file();
    request.position = 33;
    request.end_position = 33 + 2 * IMAGE_SMALL;
    request.expected_offset = 1004;
    struct strand_scan_result result = scan(&request);
    expect_result(&result, STRAND_SCAN_END, 33 + 2 * IMAGE_SMALL, 1006, 2);
    cr_expect_eq(result.bytes_read, 2 * IMAGE_SMALL);

    request.end_position = 33 + 2 * IMAGE_SMALL - 1;
    result = scan(&request);
    expect_result(&result, STRAND_SCAN_SHORT, 33 + IMAGE_SMALL, 1005, 1);
}

Test(segment_scan, ends_at_zeros_that_reach_the_end_however_few_or_many)
{
    static const int64_t sizes[] = {1, 16, 17, 60, 61, 62, 4096, 3 * MIB + 5};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        image.size = 0;
        image_add_batch(1000, IMAGE_SMALL, 1);
        image_add_bytes(0, sizes[i]);
        struct strand_scan_result result = scan_image();

        expect_result(&result, STRAND_SCAN_ZEROS, IMAGE_SMALL, 1001, 1);
        cr_expect_neq(result.reason[0], '\0');
        cr_expect_eq(result.bytes_read, image.size);
    }
}

Test(segment_scan, zeros_with_anything_behind_them_are_a_bad_header)
{
    static const int64_t sizes[] = {61, 62, 4096, MIB, 3 * MIB + 5};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        image.size = 0;
        image_add_batch(1000, IMAGE_SMALL, 1);
        image_add_bytes(0, sizes[i]);
        image_add_bytes(1, 1);
        struct strand_scan_result result = scan_image();

        expect_result(&result, STRAND_SCAN_HEADER, IMAGE_SMALL, 1001, 1);
        cr_expect_not_null(strstr(result.reason, "position 80: a header of zero bytes"), "%s",
                           result.reason);
    }
}

Test(segment_scan, equal_bytes_that_are_not_zero_are_no_prepared_space)
{
    static const int values[] = {1, 2, 'x', 0xff};

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        image.size = 0;
        image_add_batch(1000, IMAGE_SMALL, 1);
        image_add_bytes(values[i], 2 * MIB);
        struct strand_scan_result result = scan_image();

        cr_expect_neq(result.stop, STRAND_SCAN_ZEROS, "bytes 0x%02x", values[i]);
        cr_expect_eq(result.position, IMAGE_SMALL, "bytes 0x%02x", values[i]);
        cr_expect_eq(result.batch_count, 1, "bytes 0x%02x", values[i]);
    }
}

Test(segment_scan, file_cut_at_every_length_keeps_the_batches_before_it)
{
    for (int64_t size = 1; size < 2 * IMAGE_SMALL; size++) {
        image.size = 0;
        image_add_batch(1000, IMAGE_SMALL, 1);
        image_add_batch(1001, IMAGE_SMALL, 1);
        image.size = size;
        struct strand_scan_result result = scan_image();
        int64_t kept = size / IMAGE_SMALL;

        int64_t left = size % IMAGE_SMALL;

        /* The first six bytes of a base offset of 1,000 are zero: no sign of a batch yet. */
        enum strand_scan_stop stop = left == 0   ? STRAND_SCAN_END
                                     : left <= 6 ? STRAND_SCAN_ZEROS
                                                 : STRAND_SCAN_SHORT;
        expect_result(&result, stop, kept * IMAGE_SMALL, 1000 + kept, kept);
    }
}

Test(segment_scan, damage_stops_it_in_front_of_the_batch_with_the_reason)
{
    for (size_t i = 0; i < image_damage_count; i++) {
        image.size = 0;
        image_add_batch(1000, IMAGE_SMALL, 1);
        uint8_t *batch = image_add_batch(1001, IMAGE_SMALL, 1);
        image_add_batch(1002, IMAGE_SMALL, 1);

        image_damage(batch, &image_damages[i]);
        struct strand_scan_result result = scan_image();
        cr_expect_eq(result.stop, image_damages[i].stop, "%s: stop %d", image_damages[i].name,
                     (int)result.stop);
        cr_expect_eq(result.position, IMAGE_SMALL, "%s", image_damages[i].name);
        cr_expect_eq(result.end_offset, 1001, "%s", image_damages[i].name);
        cr_expect_eq(result.batch_count, 1, "%s", image_damages[i].name);
        cr_expect_not_null(strstr(result.reason, "batch at position 80, base offset 100"), "%s: %s",
                           image_damages[i].name, result.reason);
        cr_expect_not_null(strstr(result.reason, image_damages[i].reason), "%s: %s",
                           image_damages[i].name, result.reason);
    }
}

Test(segment_scan, any_flipped_bit_under_the_crc_is_noticed)
{
    for (int bit = 8 * STRAND_BATCH_CRC; bit < 8 * IMAGE_SMALL; bit++) {
        image.size = 0;
        image_add_batch(1000, IMAGE_SMALL, 1);
        uint8_t *batch = image_add_batch(1001, IMAGE_SMALL, 1);

        batch[bit / 8] ^= (uint8_t)(1 << bit % 8);
        struct strand_scan_result result = scan_image();
        cr_expect(result.stop == STRAND_SCAN_CRC || result.stop == STRAND_SCAN_HEADER, "bit %d",
                  bit);
        cr_expect_eq(result.position, IMAGE_SMALL, "bit %d", bit);
    }
}

Test(segment_scan, without_crc_a_damaged_body_is_walked_over)
{
    image_add_batch(1000, IMAGE_SMALL, 1);
    image_add_batch(1001, IMAGE_SMALL, 1)[IMAGE_SMALL - 1] ^= 1;
    image_store();

    struct strand_scan_request request = whole_file();
    request.skip_crc = true;
    struct strand_scan_result result = scan(&request);
    expect_result(&result, STRAND_SCAN_END, 2 * IMAGE_SMALL, 1002, 2);
}

Test(segment_scan, gaps_are_accepted_only_where_allowed_and_only_upwards)
{
    image_add_batch(1005, IMAGE_SMALL, 1);
    image_add_batch(1010, IMAGE_SMALL, 2);
    image_add_batch(1011, IMAGE_SMALL, 1);
    image_store();

    struct strand_scan_request request = whole_file();
    struct strand_scan_result result = scan(&request);
    expect_result(&result, STRAND_SCAN_OFFSET, 0, 1000, 0);

    request.gaps_allowed = true;
    result = scan(&request);
    expect_result(&result, STRAND_SCAN_OFFSET, 2 * IMAGE_SMALL, 1012, 2);
    cr_expect_not_null(strstr(result.reason, "base offset 1011: expected offset 1012 or above"),
                       "%s", result.reason);
}

Test(segment_scan, offsets_stay_within_int32_of_the_segments_base)
{
    static const struct {
        int64_t base_offset;
        int32_t count;
        enum strand_scan_stop stop;
    } cases[] = {
        {SEGMENT_BASE + (int64_t)INT32_MAX, 1, STRAND_SCAN_END},
        {SEGMENT_BASE + (int64_t)INT32_MAX - 1, 2, STRAND_SCAN_END},
        {SEGMENT_BASE + (int64_t)INT32_MAX, 2, STRAND_SCAN_OFFSET},
        {SEGMENT_BASE + (int64_t)INT32_MAX + 1, 1, STRAND_SCAN_OFFSET},
        {INT64_MAX - 2, 1, STRAND_SCAN_OFFSET},
        {SEGMENT_BASE - 1, 1, STRAND_SCAN_OFFSET},
        {0, 1, STRAND_SCAN_OFFSET},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        image.size = 0;
        image_add_batch(cases[i].base_offset, IMAGE_SMALL, cases[i].count);
        image_store();

        struct strand_scan_request request = whole_file();
        request.expected_offset = 0;
        request.gaps_allowed = true;
        struct strand_scan_result result = scan(&request);
        cr_expect_eq(result.stop, cases[i].stop, "case %zu: %s", i, result.reason);
    }
}

Test(segment_scan, batches_of_any_size_cross_the_window_and_are_read_once)
{
    static const int64_t sizes[] = {MIB - 30,     100,         MIB,     61,
                                    3 * MIB + 17, IMAGE_SMALL, MIB - 1, MIB + 1};
    int64_t offset = 1000;

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        image_add_batch(offset++, sizes[i], 1);
    struct strand_scan_result result = scan_image();
    expect_result(&result, STRAND_SCAN_END, image.size, offset, 8);
    cr_expect_eq(result.bytes_read, image.size);
    cr_expect_eq(strand_sim_disk_bytes_read(image.disk, ""), image.size);

    image.bytes[MIB + 4000] ^= 1; /* in the third, which begins at MIB + 70 */
    result = scan_image();
    expect_result(&result, STRAND_SCAN_CRC, MIB + 70, 1002, 2);
}

Test(segment_scan, header_may_straddle_the_window_at_every_byte)
{
    for (int64_t in_window = 0; in_window <= STRAND_BATCH_HEADER_SIZE; in_window++) {
        image.size = 0;
        image_add_batch(1000, MIB - in_window, 1);
        image_add_batch(1001, IMAGE_SMALL, 1);
        struct strand_scan_result result = scan_image();

        expect_result(&result, STRAND_SCAN_END, image.size, 1002, 2);
        cr_expect_eq(result.bytes_read, image.size);
    }
}

Test(segment_scan, short_reads_are_continued)
{
    image_destroy();
    image_create_with(true);
    image_add_batch(1000, 5000, 1);
    image_add_batch(1001, IMAGE_SMALL, 1);
    struct strand_scan_result result = scan_image();
    expect_result(&result, STRAND_SCAN_END, image.size, 1002, 2);
}

Test(segment_scan, failed_read_is_a_failure_that_says_where)
{
    image_add_batch(1000, 2 * MIB, 1);
    image_store();

    struct strand_scan_request request = whole_file();
    struct strand_scan_result result = {.batch_count = 77};
    strand_sim_disk_plan_fault_of(image.disk, STRAND_SIM_READ, 2, EIO, false);
    cr_expect_eq(strand_segment_scan(&request, &result), STRAND_ERR_IO);
    cr_expect_not_null(strstr(strand_error_message(), "scan at position 1048576: read " IMAGE_PATH),
                       "%s", strand_error_message());
    cr_expect_eq(result.batch_count, 77, "written only on success");
}

Test(segment_scan, file_shorter_than_its_end_position_is_a_failure)
{
    image_add_batch(1000, IMAGE_SMALL, 1);
    image_store();

    struct strand_scan_request request = whole_file();
    struct strand_scan_result result;
    request.end_position++;
    cr_expect_eq(strand_segment_scan(&request, &result), STRAND_ERR_IO);
    cr_expect_not_null(strstr(strand_error_message(), "unexpected end of file"));
}

struct visits {
    int count;
    int refuse_at; /* this one, from 1; 0: none */
    int refuse_with;
    int64_t positions[8];
    uint8_t headers[8][STRAND_BATCH_HEADER_SIZE];
};

static int
note_visit(void *argument, const uint8_t *batch, int64_t position)
{
    struct visits *visits = argument;

    cr_assert_lt(visits->count, 8);
    visits->positions[visits->count] = position;
    memcpy(visits->headers[visits->count], batch, STRAND_BATCH_HEADER_SIZE);
    visits->count++;
    return visits->count == visits->refuse_at ? visits->refuse_with : STRAND_OK;
}

Test(segment_scan, visitor_sees_the_header_of_each_whole_batch_and_of_no_other)
{
    struct visits visits = {.count = 0};

    image_add_batch(1000, IMAGE_SMALL, 1);
    image_add_batch(1001, 2 * MIB, 1); /* its header has left the window when it is judged */
    image_add_batch(1002, IMAGE_SMALL, 1)[IMAGE_SMALL - 1] ^= 1;
    image_store();

    struct strand_scan_request request = whole_file();
    request.visit = note_visit;
    request.argument = &visits;
    struct strand_scan_result result = scan(&request);
    expect_result(&result, STRAND_SCAN_CRC, IMAGE_SMALL + 2 * MIB, 1002, 2);
    cr_assert_eq(visits.count, 2);
    cr_expect_eq(visits.positions[0], 0);
    cr_expect_eq(visits.positions[1], IMAGE_SMALL);
    cr_expect_eq(memcmp(visits.headers[0], image.bytes, STRAND_BATCH_HEADER_SIZE), 0);
    cr_expect_eq(memcmp(visits.headers[1], image.bytes + IMAGE_SMALL, STRAND_BATCH_HEADER_SIZE), 0);
}

Test(segment_scan, visitor_does_not_see_a_batch_whose_offset_is_wrong)
{
    struct visits visits = {.count = 0};

    image_add_batch(1000, IMAGE_SMALL, 1);
    image_add_batch(1002, IMAGE_SMALL, 1);
    image_store();

    struct strand_scan_request request = whole_file();
    request.visit = note_visit;
    request.argument = &visits;
    struct strand_scan_result result = scan(&request);
    expect_result(&result, STRAND_SCAN_OFFSET, IMAGE_SMALL, 1001, 1);
    cr_expect_eq(visits.count, 1);
}

Test(segment_scan, visitor_that_refuses_stops_it_in_front_of_the_batch)
{
    static const int statuses[] = {STRAND_ERR_EPOCH, STRAND_END};

    for (size_t i = 0; i < 2; i++) {
        struct visits visits = {.refuse_at = 2, .refuse_with = statuses[i]};

        image.size = 0;
        image_add_batch(1000, IMAGE_SMALL, 1);
        image_add_batch(1001, IMAGE_SMALL, 1);
        image_add_batch(1002, IMAGE_SMALL, 1);
        image_store();

        struct strand_scan_request request = whole_file();
        request.visit = note_visit;
        request.argument = &visits;
        struct strand_scan_result result = scan(&request);
        expect_result(&result, STRAND_SCAN_VISITOR, IMAGE_SMALL, 1001, 1);
        cr_expect_eq(result.visitor_status, statuses[i]);
        cr_expect_not_null(strstr(result.reason, strand_status_text(statuses[i])), "%s",
                           result.reason);
        cr_expect_eq(visits.count, 2);
    }
}
