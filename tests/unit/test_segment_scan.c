/* tests/unit/test_segment_scan.c -- The scan ends at the first batch that is not whole, and says
 * why; the search behind damage finds what is whole and nothing else.
 *
 * Method: segment files are put together byte by byte, damaged, and stored on the simulated disk
 * behind the library's back.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/crc32c.h"
#include "base/file.h"
#include "simulation/sim_disk.h"
#include "storage/segment_scan.h"

#define PATH "/segment"

enum {
    MIB = 1024 * 1024,
    FILE_SIZE_MAX = 24 * MIB,
    SEGMENT_BASE = 1000, /* base offset of the segment in most tests */
    SMALL = 80,          /* size of a small batch: header and 19 bytes */
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

static struct strand_sim_disk *disk;
static struct strand_file file;
static uint8_t *image; /* what the file will be */
static int64_t image_size;

static void
open_disk_with(bool short_reads)
{
    const struct strand_sim_disk_options options = {
        .seed = 1, .file_size_max = FILE_SIZE_MAX, .short_writes = short_reads};

    cr_assert_eq(strand_sim_disk_create(&options, &disk), STRAND_OK);
    image = calloc(1, FILE_SIZE_MAX);
    cr_assert_not_null(image);
    image_size = 0;
}

static void
open_disk(void)
{
    open_disk_with(false);
}

static void
close_disk(void)
{
    strand_file_discard(&file);
    strand_sim_disk_destroy(disk);
    free(image);
}

TestSuite(segment_scan, .init = open_disk, .fini = close_disk);

/* Put the image on the disk and open it. */
static void
store_image(void)
{
    strand_file_discard(&file);
    cr_assert_eq(strand_sim_disk_store(disk, PATH, image, image_size), STRAND_OK);
    cr_assert_eq(strand_file_open(strand_sim_disk_fs(disk), PATH, 0, &file), STRAND_OK);
    strand_sim_disk_plan_clear(disk);
}

static void
stamp_crc(uint8_t *batch)
{
    strand_put_be32(batch + STRAND_BATCH_CRC,
                    strand_crc32c(0, batch + STRAND_BATCH_CRC_START,
                                  (size_t)strand_batch_size(batch) - STRAND_BATCH_CRC_START));
}

/* A batch of SIZE bytes with COUNT records (the scan does not look at them) at AT. */
static void
put_batch(uint8_t *at, int64_t base_offset, int64_t size, int32_t count)
{
    memset(at, 0xff, STRAND_BATCH_HEADER_SIZE);
    memset(at + STRAND_BATCH_HEADER_SIZE, 'r', (size_t)size - STRAND_BATCH_HEADER_SIZE);
    strand_put_be64(at + STRAND_BATCH_BASE_OFFSET, (uint64_t)base_offset);
    strand_put_be32(at + STRAND_BATCH_LENGTH, (uint32_t)(size - STRAND_BATCH_OVERHEAD_SIZE));
    strand_put_be32(at + STRAND_BATCH_LEADER_EPOCH, 3);
    at[STRAND_BATCH_MAGIC] = STRAND_BATCH_MAGIC_CURRENT;
    strand_put_be16(at + STRAND_BATCH_ATTRIBUTES, 0);
    strand_put_be32(at + STRAND_BATCH_LAST_OFFSET_DELTA, (uint32_t)(count - 1));
    strand_put_be64(at + STRAND_BATCH_BASE_TIMESTAMP, 5000);
    strand_put_be64(at + STRAND_BATCH_MAX_TIMESTAMP, 5000);
    strand_put_be32(at + STRAND_BATCH_RECORD_COUNT, (uint32_t)count);
    stamp_crc(at);
}

/* Append one to the image; return where it stands. */
static uint8_t *
add_batch(int64_t base_offset, int64_t size, int32_t count)
{
    uint8_t *at = image + image_size;

    cr_assert_leq(image_size + size, FILE_SIZE_MAX);
    put_batch(at, base_offset, size, count);
    image_size += size;
    return at;
}

static void
add_bytes(int value, int64_t size)
{
    cr_assert_leq(image_size + size, FILE_SIZE_MAX);
    memset(image + image_size, value, (size_t)size);
    image_size += size;
}

/* A request for all of the stored image. */
static struct strand_scan_request
whole_file(void)
{
    return (struct strand_scan_request){.file = &file,
                                        .base_offset = SEGMENT_BASE,
                                        .end_position = image_size,
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
    store_image();
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
    strand_put_be64(add_batch(1000, SMALL, 2) + STRAND_BATCH_MAX_TIMESTAMP, 7000);
    stamp_crc(image);
    add_batch(1002, 100, 3);
    add_batch(1005, STRAND_BATCH_HEADER_SIZE, 1);
    struct strand_scan_result result = scan_image();

    expect_result(&result, STRAND_SCAN_END, image_size, 1006, 3);
    cr_expect_str_eq(result.reason, "");
    cr_expect_eq(result.max_timestamp_ms, 7000);
    cr_expect_eq(result.bytes_read, image_size);
}

Test(segment_scan, accepts_kafkas_own_bytes)
{
    memcpy(image, GOLDEN_A, sizeof GOLDEN_A - 1);
    image_size = sizeof GOLDEN_A - 1;
    memcpy(image + image_size, GOLDEN_D, sizeof GOLDEN_D - 1);
    image_size += sizeof GOLDEN_D - 1;
    store_image();

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
    uint8_t *batch = add_batch(1000, SMALL, 2);

    strand_put_be32(batch + STRAND_BATCH_LAST_OFFSET_DELTA, 9);
    stamp_crc(batch);
    add_batch(1010, SMALL, 1);
    struct strand_scan_result result = scan_image();
    expect_result(&result, STRAND_SCAN_END, 2 * SMALL, 1011, 2);
}

Test(segment_scan, starts_and_ends_where_it_is_told)
{
    add_bytes('x', 33);
    add_batch(1004, SMALL, 1);
    add_batch(1005, SMALL, 1);
    add_bytes('x', 50);
    store_image();

    struct strand_scan_request request = whole_file();
    request.position = 33;
    request.end_position = 33 + 2 * SMALL;
    request.expected_offset = 1004;
    struct strand_scan_result result = scan(&request);
    expect_result(&result, STRAND_SCAN_END, 33 + 2 * SMALL, 1006, 2);
    cr_expect_eq(result.bytes_read, 2 * SMALL);

    request.end_position = 33 + 2 * SMALL - 1;
    result = scan(&request);
    expect_result(&result, STRAND_SCAN_SHORT, 33 + SMALL, 1005, 1);
}

Test(segment_scan, ends_at_zeros_that_reach_the_end_however_few_or_many)
{
    static const int64_t sizes[] = {1, 16, 17, 60, 61, 62, 4096, 3 * MIB + 5};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        image_size = 0;
        add_batch(1000, SMALL, 1);
        add_bytes(0, sizes[i]);
        struct strand_scan_result result = scan_image();

        expect_result(&result, STRAND_SCAN_ZEROS, SMALL, 1001, 1);
        cr_expect_neq(result.reason[0], '\0');
        cr_expect_eq(result.bytes_read, image_size);
    }
}

Test(segment_scan, zeros_with_anything_behind_them_are_a_bad_header)
{
    static const int64_t sizes[] = {61, 62, 4096, MIB, 3 * MIB + 5};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        image_size = 0;
        add_batch(1000, SMALL, 1);
        add_bytes(0, sizes[i]);
        add_bytes(1, 1);
        struct strand_scan_result result = scan_image();

        expect_result(&result, STRAND_SCAN_HEADER, SMALL, 1001, 1);
        cr_expect_not_null(strstr(result.reason, "position 80: a header of zero bytes"), "%s",
                           result.reason);
    }
}

Test(segment_scan, equal_bytes_that_are_not_zero_are_no_prepared_space)
{
    static const int values[] = {1, 2, 'x', 0xff};

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        image_size = 0;
        add_batch(1000, SMALL, 1);
        add_bytes(values[i], 2 * MIB);
        struct strand_scan_result result = scan_image();

        cr_expect_neq(result.stop, STRAND_SCAN_ZEROS, "bytes 0x%02x", values[i]);
        cr_expect_eq(result.position, SMALL, "bytes 0x%02x", values[i]);
        cr_expect_eq(result.batch_count, 1, "bytes 0x%02x", values[i]);
    }
}

Test(segment_scan, file_cut_at_every_length_keeps_the_batches_before_it)
{
    for (int64_t size = 1; size < 2 * SMALL; size++) {
        image_size = 0;
        add_batch(1000, SMALL, 1);
        add_batch(1001, SMALL, 1);
        image_size = size;
        struct strand_scan_result result = scan_image();
        int64_t kept = size / SMALL;

        int64_t left = size % SMALL;

        /* The first six bytes of a base offset of 1,000 are zero: no sign of a batch yet. */
        enum strand_scan_stop stop = left == 0   ? STRAND_SCAN_END
                                     : left <= 6 ? STRAND_SCAN_ZEROS
                                                 : STRAND_SCAN_SHORT;
        expect_result(&result, stop, kept * SMALL, 1000 + kept, kept);
    }
}

static const struct {
    const char *name;
    int64_t field; /* where VALUE is put, as int32 (int8 for the magic, int64 for the offset) */
    int64_t value;
    bool stamps_crc;
    enum strand_scan_stop stop;
    const char *reason;
} DAMAGES[] = {
    {"length below a header", STRAND_BATCH_LENGTH, 48, true, STRAND_SCAN_HEADER, "48"},
    {"length 0", STRAND_BATCH_LENGTH, 0, false, STRAND_SCAN_HEADER, "0"},
    {"negative length", STRAND_BATCH_LENGTH, -1, false, STRAND_SCAN_HEADER, "-1"},
    {"length one too much", STRAND_BATCH_LENGTH, 2 * SMALL - 12 + 1, false, STRAND_SCAN_SHORT,
     "the file ends after 160 of its 161 bytes"},
    {"largest length", STRAND_BATCH_LENGTH, INT32_MAX, false, STRAND_SCAN_SHORT,
     "the file ends after 160 of its 2147483659 bytes"},
    {"magic 0", STRAND_BATCH_MAGIC, 0, true, STRAND_SCAN_MAGIC, "magic 0"},
    {"magic 1", STRAND_BATCH_MAGIC, 1, true, STRAND_SCAN_MAGIC, "magic 1"},
    {"magic 3", STRAND_BATCH_MAGIC, 3, true, STRAND_SCAN_MAGIC, "magic 3"},
    {"negative delta", STRAND_BATCH_LAST_OFFSET_DELTA, -1, true, STRAND_SCAN_HEADER, "-1"},
    {"negative count", STRAND_BATCH_RECORD_COUNT, -1, true, STRAND_SCAN_HEADER, "-1"},
    {"wrong CRC", STRAND_BATCH_CRC, 0x01020304, false, STRAND_SCAN_CRC,
     "CRC 0x01020304 stored, 0x"},
    {"offset repeated", STRAND_BATCH_BASE_OFFSET, 1000, false, STRAND_SCAN_OFFSET,
     "base offset 1000: expected offset 1001"},
    {"offset skipped", STRAND_BATCH_BASE_OFFSET, 1002, false, STRAND_SCAN_OFFSET,
     "base offset 1002: expected offset 1001"},
};

static void
put_field(uint8_t *batch, int64_t field, int64_t value)
{
    if (field == STRAND_BATCH_MAGIC)
        batch[field] = (uint8_t)value;
    else if (field == STRAND_BATCH_BASE_OFFSET)
        strand_put_be64(batch + field, (uint64_t)value);
    else
        strand_put_be32(batch + field, (uint32_t)value);
}

Test(segment_scan, damage_stops_it_in_front_of_the_batch_with_the_reason)
{
    for (size_t i = 0; i < sizeof DAMAGES / sizeof DAMAGES[0]; i++) {
        image_size = 0;
        add_batch(1000, SMALL, 1);
        uint8_t *batch = add_batch(1001, SMALL, 1);
        add_batch(1002, SMALL, 1);

        put_field(batch, DAMAGES[i].field, DAMAGES[i].value);
        if (DAMAGES[i].stamps_crc && strand_batch_size(batch) > STRAND_BATCH_CRC_START)
            stamp_crc(batch);
        struct strand_scan_result result = scan_image();
        cr_expect_eq(result.stop, DAMAGES[i].stop, "%s: stop %d", DAMAGES[i].name,
                     (int)result.stop);
        cr_expect_eq(result.position, SMALL, "%s", DAMAGES[i].name);
        cr_expect_eq(result.end_offset, 1001, "%s", DAMAGES[i].name);
        cr_expect_eq(result.batch_count, 1, "%s", DAMAGES[i].name);
        cr_expect_not_null(strstr(result.reason, "batch at position 80, base offset 100"), "%s: %s",
                           DAMAGES[i].name, result.reason);
        cr_expect_not_null(strstr(result.reason, DAMAGES[i].reason), "%s: %s", DAMAGES[i].name,
                           result.reason);
    }
}

Test(segment_scan, any_flipped_bit_under_the_crc_is_noticed)
{
    for (int bit = 8 * STRAND_BATCH_CRC; bit < 8 * SMALL; bit++) {
        image_size = 0;
        add_batch(1000, SMALL, 1);
        uint8_t *batch = add_batch(1001, SMALL, 1);

        batch[bit / 8] ^= (uint8_t)(1 << bit % 8);
        struct strand_scan_result result = scan_image();
        cr_expect(result.stop == STRAND_SCAN_CRC || result.stop == STRAND_SCAN_HEADER, "bit %d",
                  bit);
        cr_expect_eq(result.position, SMALL, "bit %d", bit);
    }
}

Test(segment_scan, without_crc_a_damaged_body_is_walked_over)
{
    add_batch(1000, SMALL, 1);
    add_batch(1001, SMALL, 1)[SMALL - 1] ^= 1;
    store_image();

    struct strand_scan_request request = whole_file();
    request.skip_crc = true;
    struct strand_scan_result result = scan(&request);
    expect_result(&result, STRAND_SCAN_END, 2 * SMALL, 1002, 2);
}

Test(segment_scan, gaps_are_accepted_only_where_allowed_and_only_upwards)
{
    add_batch(1005, SMALL, 1);
    add_batch(1010, SMALL, 2);
    add_batch(1011, SMALL, 1);
    store_image();

    struct strand_scan_request request = whole_file();
    struct strand_scan_result result = scan(&request);
    expect_result(&result, STRAND_SCAN_OFFSET, 0, 1000, 0);

    request.gaps_allowed = true;
    result = scan(&request);
    expect_result(&result, STRAND_SCAN_OFFSET, 2 * SMALL, 1012, 2);
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
        image_size = 0;
        add_batch(cases[i].base_offset, SMALL, cases[i].count);
        store_image();

        struct strand_scan_request request = whole_file();
        request.expected_offset = 0;
        request.gaps_allowed = true;
        struct strand_scan_result result = scan(&request);
        cr_expect_eq(result.stop, cases[i].stop, "case %zu: %s", i, result.reason);
    }
}

Test(segment_scan, batches_of_any_size_cross_the_window_and_are_read_once)
{
    static const int64_t sizes[] = {MIB - 30, 100, MIB, 61, 3 * MIB + 17, SMALL, MIB - 1, MIB + 1};
    int64_t offset = 1000;

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        add_batch(offset++, sizes[i], 1);
    struct strand_scan_result result = scan_image();
    expect_result(&result, STRAND_SCAN_END, image_size, offset, 8);
    cr_expect_eq(result.bytes_read, image_size);
    cr_expect_eq(strand_sim_disk_bytes_read(disk, ""), image_size);

    image[MIB + 4000] ^= 1; /* in the third, which begins at MIB + 70 */
    result = scan_image();
    expect_result(&result, STRAND_SCAN_CRC, MIB + 70, 1002, 2);
}

Test(segment_scan, header_may_straddle_the_window_at_every_byte)
{
    for (int64_t in_window = 0; in_window <= STRAND_BATCH_HEADER_SIZE; in_window++) {
        image_size = 0;
        add_batch(1000, MIB - in_window, 1);
        add_batch(1001, SMALL, 1);
        struct strand_scan_result result = scan_image();

        expect_result(&result, STRAND_SCAN_END, image_size, 1002, 2);
        cr_expect_eq(result.bytes_read, image_size);
    }
}

Test(segment_scan, short_reads_are_continued)
{
    close_disk();
    open_disk_with(true);
    add_batch(1000, 5000, 1);
    add_batch(1001, SMALL, 1);
    struct strand_scan_result result = scan_image();
    expect_result(&result, STRAND_SCAN_END, image_size, 1002, 2);
}

Test(segment_scan, failed_read_is_a_failure_that_says_where)
{
    add_batch(1000, 2 * MIB, 1);
    store_image();

    struct strand_scan_request request = whole_file();
    struct strand_scan_result result = {.batch_count = 77};
    strand_sim_disk_plan_fault_of(disk, STRAND_SIM_READ, 2, EIO, false);
    cr_expect_eq(strand_segment_scan(&request, &result), STRAND_ERR_IO);
    cr_expect_not_null(strstr(strand_error_message(), "scan at position 1048576: read " PATH), "%s",
                       strand_error_message());
    cr_expect_eq(result.batch_count, 77, "written only on success");
}

Test(segment_scan, file_shorter_than_its_end_position_is_a_failure)
{
    add_batch(1000, SMALL, 1);
    store_image();

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

    add_batch(1000, SMALL, 1);
    add_batch(1001, 2 * MIB, 1); /* its header has left the window when it is judged */
    add_batch(1002, SMALL, 1)[SMALL - 1] ^= 1;
    store_image();

    struct strand_scan_request request = whole_file();
    request.visit = note_visit;
    request.argument = &visits;
    struct strand_scan_result result = scan(&request);
    expect_result(&result, STRAND_SCAN_CRC, SMALL + 2 * MIB, 1002, 2);
    cr_assert_eq(visits.count, 2);
    cr_expect_eq(visits.positions[0], 0);
    cr_expect_eq(visits.positions[1], SMALL);
    cr_expect_eq(memcmp(visits.headers[0], image, STRAND_BATCH_HEADER_SIZE), 0);
    cr_expect_eq(memcmp(visits.headers[1], image + SMALL, STRAND_BATCH_HEADER_SIZE), 0);
}

Test(segment_scan, visitor_does_not_see_a_batch_whose_offset_is_wrong)
{
    struct visits visits = {.count = 0};

    add_batch(1000, SMALL, 1);
    add_batch(1002, SMALL, 1);
    store_image();

    struct strand_scan_request request = whole_file();
    request.visit = note_visit;
    request.argument = &visits;
    struct strand_scan_result result = scan(&request);
    expect_result(&result, STRAND_SCAN_OFFSET, SMALL, 1001, 1);
    cr_expect_eq(visits.count, 1);
}

Test(segment_scan, visitor_that_refuses_stops_it_in_front_of_the_batch)
{
    static const int statuses[] = {STRAND_ERR_EPOCH, STRAND_END};

    for (size_t i = 0; i < 2; i++) {
        struct visits visits = {.refuse_at = 2, .refuse_with = statuses[i]};

        image_size = 0;
        add_batch(1000, SMALL, 1);
        add_batch(1001, SMALL, 1);
        add_batch(1002, SMALL, 1);
        store_image();

        struct strand_scan_request request = whole_file();
        request.visit = note_visit;
        request.argument = &visits;
        struct strand_scan_result result = scan(&request);
        expect_result(&result, STRAND_SCAN_VISITOR, SMALL, 1001, 1);
        cr_expect_eq(result.visitor_status, statuses[i]);
        cr_expect_not_null(strstr(result.reason, strand_status_text(statuses[i])), "%s",
                           result.reason);
        cr_expect_eq(visits.count, 2);
    }
}

struct found {
    int64_t position;
    int64_t offset;
};

static struct found
find(int64_t position, int64_t expected_offset, bool gaps_allowed)
{
    struct found found = {-2, -2};
    int64_t before = strand_sim_disk_bytes_read(disk, "");
    int64_t bytes_read = -1;

    cr_assert_eq(strand_segment_find_whole(&file, position, image_size, expected_offset,
                                           gaps_allowed, &found.position, &found.offset,
                                           &bytes_read),
                 STRAND_OK, "%s", strand_error_message());
    cr_expect_eq(bytes_read, strand_sim_disk_bytes_read(disk, "") - before);
    return found;
}

static void
expect_found(struct found found, int64_t position, int64_t offset)
{
    cr_expect_eq(found.position, position, "found at %lld", (long long)found.position);
    cr_expect_eq(found.offset, offset, "found offset %lld", (long long)found.offset);
}

Test(segment_scan, search_in_ranges_too_small_for_a_batch_finds_nothing)
{
    add_batch(1000, SMALL, 1);
    store_image();
    for (int64_t position = 0; position <= SMALL; position++) {
        struct found found = find(position, 0, true);

        expect_found(found, -1, -1);
    }
}

Test(segment_scan, search_finds_the_batch_behind_damage_of_every_size)
{
    for (int64_t damaged = 1; damaged < 200; damaged += 7) {
        image_size = 0;
        add_bytes('x', damaged);
        add_batch(1001, SMALL, 1);
        store_image();
        expect_found(find(0, 1000, false), damaged, 1001);
    }
}

Test(segment_scan, search_does_not_take_the_damaged_start_itself)
{
    add_batch(1001, SMALL, 1);
    store_image();
    expect_found(find(0, 1000, false), -1, -1);
}

Test(segment_scan, search_finds_the_first_of_several)
{
    add_bytes('x', 100);
    add_batch(1001, SMALL, 1)[SMALL - 1] ^= 1; /* not whole */
    add_batch(1002, SMALL, 1);
    add_batch(1003, SMALL, 1);
    store_image();
    expect_found(find(0, 1000, false), 100 + SMALL, 1002);
}

Test(segment_scan, search_takes_only_what_is_whole)
{
    for (size_t i = 0; i < sizeof DAMAGES / sizeof DAMAGES[0]; i++) {
        if (DAMAGES[i].stop == STRAND_SCAN_OFFSET)
            continue;
        image_size = 0;
        add_bytes('x', 100);
        uint8_t *batch = add_batch(1001, SMALL, 1);

        put_field(batch, DAMAGES[i].field, DAMAGES[i].value);
        if (DAMAGES[i].stamps_crc && strand_batch_size(batch) > STRAND_BATCH_CRC_START)
            stamp_crc(batch);
        store_image();
        cr_expect_eq(find(0, 1000, false).position, -1, "%s", DAMAGES[i].name);
        cr_expect_eq(find(0, 1000, true).position, -1, "%s", DAMAGES[i].name);
    }
}

Test(segment_scan, search_believes_offsets_that_the_bytes_between_allow)
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
        image_size = 0;
        add_bytes('x', 100);
        add_batch(cases[i].base_offset, SMALL, 1);
        store_image();
        struct found found = find(0, 1000, cases[i].gaps_allowed);
        cr_expect_eq(found.position, cases[i].is_found ? 100 : -1, "case %zu", i);
        cr_expect_eq(found.offset, cases[i].is_found ? cases[i].base_offset : -1, "case %zu", i);
    }
}

/* Records that differ in their number alone: zstd needs less than a byte for each. */
Test(segment_scan, search_finds_the_batch_behind_one_that_compressed_well)
{
    uint8_t *batch = add_batch(1000, 61 + 1020, 1000);

    strand_put_be16(batch + STRAND_BATCH_ATTRIBUTES, STRAND_CODEC_ZSTD);
    add_batch(2000, SMALL, 1);
    store_image(); /* whose CRC is now wrong */
    expect_found(find(0, 1000, false), 61 + 1020, 2000);
}

Test(segment_scan, search_tries_the_place_that_the_damaged_length_names_first)
{
    uint8_t *damaged = add_batch(1000, 4 * MIB, 1000);

    put_batch(damaged + 5000, 1001, SMALL, 1); /* a batch that is the value of a record */
    add_batch(2000, SMALL, 1);
    store_image();
    expect_found(find(0, 1000, false), 4 * MIB, 2000);
    cr_expect_leq(strand_sim_disk_bytes_read(disk, ""), 2 * MIB, "not searched byte by byte");
}

Test(segment_scan, search_goes_on_everywhere_when_the_damaged_length_misleads)
{
    static const int32_t values[] = {-1, 0, 48, 49, 60, 61, 200, 5000, INT32_MAX};

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        image_size = 0;
        strand_put_be32(add_batch(1000, 300, 1) + STRAND_BATCH_LENGTH, (uint32_t)values[i]);
        add_batch(1001, SMALL, 1);
        store_image();
        expect_found(find(0, 1000, false), 300, 1001);
    }
}

Test(segment_scan, search_finds_headers_at_every_place_in_the_window)
{
    for (int64_t in_window = 0; in_window <= STRAND_BATCH_HEADER_SIZE + 2; in_window++) {
        image_size = 0;
        add_bytes('x', MIB + 1 - in_window);
        add_batch(1001, SMALL, 1);
        store_image();
        expect_found(find(0, 1000, false), MIB + 1 - in_window, 1001);
    }
}

Test(segment_scan, search_finds_batches_larger_than_the_window)
{
    add_bytes(2, 3 * MIB); /* each byte might be a magic */
    add_batch(1001, 5 * MIB, 1);
    store_image();
    expect_found(find(0, 1000, false), 3 * MIB, 1001);
}

Test(segment_scan, search_is_not_led_astray_by_zeros)
{
    add_bytes(0, 2 * MIB);
    store_image();
    expect_found(find(0, 1000, false), -1, -1);
    add_batch(1001, SMALL, 1);
    store_image();
    expect_found(find(0, 1000, false), 2 * MIB, 1001);
}

/* COUNT headers back to back, each of a batch that reaches to the end and has a wrong CRC. */
static void
add_false_headers(int count, int64_t body_size)
{
    int64_t end = image_size + (int64_t)count * STRAND_BATCH_HEADER_SIZE + body_size;

    for (int i = 0; i < count; i++) {
        uint8_t *batch = add_batch(1001, STRAND_BATCH_HEADER_SIZE, 1);

        strand_put_be32(batch + STRAND_BATCH_LENGTH,
                        (uint32_t)(end - (batch - image) - STRAND_BATCH_OVERHEAD_SIZE));
    }
    add_bytes('x', body_size);
}

Test(segment_scan, search_checks_false_headers_as_long_as_they_are_cheap)
{
    add_bytes('x', 1);
    add_false_headers(5, 100000);
    store_image();
    expect_found(find(0, 1000, false), -1, -1);
}

Test(segment_scan, search_that_would_cost_too_much_answers_found)
{
    add_bytes('x', 100);
    add_false_headers(2000, 6 * MIB);
    store_image();

    struct found found = find(0, 1000, false);
    cr_expect_gt(found.position, 100 + 6 * STRAND_BATCH_HEADER_SIZE, "not before the limit");
    cr_expect_lt(found.position, 100 + 10 * STRAND_BATCH_HEADER_SIZE);
    cr_expect_eq(found.offset, 1001);
    cr_expect_leq(strand_sim_disk_bytes_read(disk, ""), 12 * image_size);
}

Test(segment_scan, search_reads_each_byte_a_bounded_number_of_times)
{
    /* Many false headers of small batches: all of them are checked. */
    for (int i = 0; i < 20000; i++) {
        uint8_t *batch = add_batch(1001, 2 * STRAND_BATCH_HEADER_SIZE, 1);

        batch[STRAND_BATCH_CRC] ^= 1;
        image_size -= STRAND_BATCH_HEADER_SIZE;
    }
    store_image();
    expect_found(find(0, 1000, false), -1, -1);
    cr_expect_leq(strand_sim_disk_bytes_read(disk, ""), 4 * image_size);
}

Test(segment_scan, search_reports_a_failed_read)
{
    add_bytes('x', 3 * MIB);
    add_batch(1001, SMALL, 1);
    store_image();
    for (uint64_t nth = 1; nth <= 5; nth++) {
        struct found found = {-2, -2};

        strand_sim_disk_plan_clear(disk);
        strand_sim_disk_plan_fault_of(disk, STRAND_SIM_READ, nth, EIO, false);
        int status = strand_segment_find_whole(&file, 0, image_size, 1000, false, &found.position,
                                               &found.offset, NULL);
        if (status == STRAND_OK) {
            expect_found(found, 3 * MIB, 1001);
            cr_expect_gt(nth, 4, "three windows, one body");
        } else {
            cr_expect_eq(status, STRAND_ERR_IO);
            cr_expect_eq(found.position, -2, "written only on success");
        }
    }
}
