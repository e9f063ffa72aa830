/* tests/unit/test_batch_encode.c -- Records become the bytes that Kafka would write for them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/buffer_pool.h"
#include "storage/batch.h"
#include "storage/compression.h"
#include "storage/record_reader.h"
#include "strandline/log.h"
#include "support/golden_batch.h"
#include "support/record_check.h"

#define BYTES(text)                                                                                \
    {                                                                                              \
        .data = (text), .size = sizeof(text) - 1                                                   \
    }

static struct strand_codec_pool *codecs;
static struct strand_buffer scratch, out;
static const struct strand_batch_encoding AS_GIVEN = {.keep_offsets = true,
                                                      .keep_timestamps = true};
static const struct strand_batch_encoding NUMBERED = {.now_ms = 1000};

static void
create_buffers(void)
{
    cr_assert_eq(strand_codec_pool_create(&codecs), STRAND_OK);
}

static void
free_buffers(void)
{
    strand_codec_pool_destroy(codecs);
    free(scratch.data);
    free(out.data);
}

TestSuite(batch_encode, .init = create_buffers, .fini = free_buffers);

static int
encode(const struct strand_batch_header *header, const struct strand_record *records, size_t count,
       const struct strand_batch_encoding *encoding)
{
    return strand_batch_encode(header, records, count, encoding, codecs, &scratch, &out);
}

/* A producer's header for COUNT records with CODEC. */
static struct strand_batch_header
plain_header(size_t count, int codec)
{
    struct strand_batch_header header;

    strand_batch_header_init(&header, NULL, 0, codec, STRAND_CREATE_TIME, 0);
    header.last_offset_delta = count == 0 ? 0 : (int32_t)count - 1;
    header.base_timestamp_ms = 1000;
    header.max_timestamp_ms = 1000;
    return header;
}

static void
expect_bytes(const char *hex)
{
    struct golden_batch batch = golden_batch_make(hex);

    cr_assert_eq(out.size, batch.size, "%zu bytes instead of %zu", out.size, batch.size);
    cr_expect_arr_eq(out.data, batch.data, batch.size);
    golden_batch_free(&batch);
}

/* OUT is a good batch that holds exactly RECORDS. */
static void
expect_records(const struct strand_record *records, size_t count)
{
    record_check_batch(&out, records, count);
}

Test(batch_encode, golden_client_batch_is_reproduced)
{
    const struct strand_record record = {
        .timestamp_ms = 1000, .key = BYTES("k"), .value = BYTES("v")};
    struct strand_batch_header header;

    strand_batch_header_init(&header, &record, 1, STRAND_CODEC_NONE, STRAND_CREATE_TIME, 5);
    cr_assert_eq(encode(&header, &record, 1, &NUMBERED), STRAND_OK);
    expect_bytes(GOLDEN_CLIENT);
}

Test(batch_encode, golden_batch_with_headers_and_nulls_is_reproduced)
{
    const struct strand_header headers[] = {{BYTES("h"), BYTES("x")}, {BYTES("n"), {NULL, 0}}};
    const struct strand_record records[] = {
        {.offset = 100, .timestamp_ms = 1700000000000, .value = BYTES("a")},
        {.offset = 101,
         .timestamp_ms = 1700000000005,
         .key = BYTES("k"),
         .headers = headers,
         .header_count = 2},
    };
    struct strand_batch_header header;

    strand_batch_header_init(&header, records, 2, STRAND_CODEC_NONE, STRAND_CREATE_TIME, 0);
    header.base_offset = 100;
    header.leader_epoch = 7;
    cr_assert_eq(encode(&header, records, 2, &AS_GIVEN), STRAND_OK);
    expect_bytes(GOLDEN_HEADERS);
}

Test(batch_encode, golden_commit_marker_is_reproduced)
{
    const struct strand_record record = {
        .timestamp_ms = 1000, .key = BYTES("\0\0\0\1"), .value = BYTES("\0\0\0\0\0\x09")};
    struct strand_batch_header header = plain_header(1, STRAND_CODEC_NONE);

    header.base_offset = 10;
    header.leader_epoch = 5;
    header.attributes = STRAND_BATCH_TRANSACTIONAL | STRAND_BATCH_CONTROL;
    header.producer_id = 42;
    header.producer_epoch = 3;
    cr_assert_eq(encode(&header, &record, 1, &NUMBERED), STRAND_OK, "%s", strand_error_message());
    expect_bytes(GOLDEN_COMMIT);
}

Test(batch_encode, golden_empty_batch_keeps_every_header_field)
{
    const struct strand_batch_header header = {.base_offset = 20,
                                               .leader_epoch = 5,
                                               .last_offset_delta = 4,
                                               .base_timestamp_ms = -1,
                                               .max_timestamp_ms = 1234,
                                               .producer_id = 42,
                                               .producer_epoch = 3,
                                               .base_sequence = 17,
                                               .record_count = 99};
    struct strand_batch_header decoded;

    cr_assert_eq(encode(&header, NULL, 0, &AS_GIVEN), STRAND_OK);
    expect_bytes(GOLDEN_EMPTY);
    strand_batch_decode_header(out.data, &decoded);
    cr_expect_eq(decoded.base_sequence, 17);
    cr_expect_eq(decoded.record_count, 0, "it is computed");
    cr_expect_eq(decoded.size, 61);
    expect_records(NULL, 0);
}

Test(batch_encode, empty_batch_has_no_codec)
{
    struct strand_batch_header header = plain_header(0, STRAND_CODEC_LZ4);

    cr_assert_eq(encode(&header, NULL, 0, &NUMBERED), STRAND_OK);
    cr_expect_eq(strand_batch_attributes(out.data), 0);
    cr_expect_eq(out.size, 61);
}

Test(batch_encode, batch_reports_what_was_put_in)
{
    struct strand_record records[3] = {{.timestamp_ms = 5, .value = BYTES("a")},
                                       {.timestamp_ms = 9, .value = BYTES("b")},
                                       {.timestamp_ms = 7, .value = BYTES("c")}};
    struct strand_batch_header header;

    for (int codec = STRAND_CODEC_NONE; codec <= STRAND_CODEC_LZ4; codec += STRAND_CODEC_LZ4) {
        strand_batch_header_init(&header, records, 3, codec, STRAND_CREATE_TIME, 0);
        header.base_offset = 1234567;
        cr_assert_eq(encode(&header, records, 3, &NUMBERED), STRAND_OK);
        cr_expect_eq(strand_batch_base_offset(out.data), 1234567);
        cr_expect_eq(strand_batch_end_offset(out.data), 1234570);
        cr_expect_eq(strand_batch_max_timestamp(out.data), 9);
        cr_expect_eq(strand_batch_attributes(out.data), codec);
        for (int i = 0; i < 3; i++)
            records[i].offset = 1234567 + i;
        expect_records(records, 3);
    }
}

Test(batch_encode, record_i_of_a_producer_has_sequence_base_plus_i)
{
    const struct strand_record records[3] = {{.value = BYTES("a")}};
    struct strand_batch_header header = plain_header(3, STRAND_CODEC_NONE);

    header.producer_id = 23423;
    header.producer_epoch = 145;
    header.base_sequence = INT32_MAX - 1;
    cr_assert_eq(encode(&header, records, 3, &NUMBERED), STRAND_OK);
    strand_batch_decode_header(out.data, &header);
    cr_expect_eq(header.producer_id, 23423);
    cr_expect_eq(header.producer_epoch, 145);
    cr_expect_eq(strand_sequence_add(header.base_sequence, 0), INT32_MAX - 1);
    cr_expect_eq(strand_sequence_add(header.base_sequence, 1), INT32_MAX);
    cr_expect_eq(strand_sequence_add(header.base_sequence, header.last_offset_delta), 0);
}

Test(batch_encode, all_header_fields_and_known_attributes_are_taken)
{
    const struct strand_record record = {.offset = 6, .timestamp_ms = 3};
    const struct strand_batch_header header = {.base_offset = 5,
                                               .leader_epoch = 0x01020304,
                                               .attributes = 0xff78,
                                               .last_offset_delta = 0x11121314,
                                               .base_timestamp_ms = 0x2122232425262728,
                                               .max_timestamp_ms = 0x3132333435363738,
                                               .producer_id = 0x4142434445464748,
                                               .producer_epoch = 0x5152,
                                               .base_sequence = 0x61626364};
    struct strand_batch_header decoded;

    cr_assert_eq(encode(&header, &record, 1, &AS_GIVEN), STRAND_OK);
    strand_batch_decode_header(out.data, &decoded);
    cr_expect_eq(decoded.base_offset, 5);
    cr_expect_eq(decoded.leader_epoch, 0x01020304);
    cr_expect_eq(decoded.attributes, 0x78);
    cr_expect_eq(decoded.last_offset_delta, 0x11121314);
    cr_expect_eq(decoded.base_timestamp_ms, 0x2122232425262728);
    cr_expect_eq(decoded.max_timestamp_ms, 0x3132333435363738);
    cr_expect_eq(decoded.producer_id, 0x4142434445464748);
    cr_expect_eq(decoded.producer_epoch, 0x5152);
    cr_expect_eq(decoded.base_sequence, 0x61626364);
    cr_expect_eq(decoded.record_count, 1);
}

Test(batch_encode, timestamp_0_is_now_unless_kept)
{
    struct strand_record record = {.timestamp_ms = 0};
    const struct strand_batch_encoding kept = {.now_ms = 1000, .keep_timestamps = true};
    struct strand_batch_header header = plain_header(1, STRAND_CODEC_NONE);

    cr_assert_eq(encode(&header, &record, 1, &NUMBERED), STRAND_OK);
    record.timestamp_ms = 1000;
    expect_records(&record, 1);
    record.timestamp_ms = 0;
    cr_assert_eq(encode(&header, &record, 1, &kept), STRAND_OK);
    expect_records(&record, 1);
    record.timestamp_ms = STRAND_NO_TIMESTAMP;
    cr_assert_eq(encode(&header, &record, 1, &NUMBERED), STRAND_OK);
    expect_records(&record, 1);
}

Test(batch_encode, kept_offsets_may_have_holes)
{
    const struct strand_record records[] = {{.offset = 102, .timestamp_ms = 1},
                                            {.offset = 107, .timestamp_ms = 2}};
    struct strand_batch_header header = plain_header(2, STRAND_CODEC_NONE);

    header.base_offset = 100;
    header.last_offset_delta = 9;
    cr_assert_eq(encode(&header, records, 2, &AS_GIVEN), STRAND_OK);
    cr_expect_eq(strand_batch_end_offset(out.data), 110);
    expect_records(records, 2);
}

Test(batch_encode, timestamps_survive_a_delete_horizon_as_base)
{
    const struct strand_record records[] = {{.offset = 0, .timestamp_ms = 1000, .key = BYTES("k")},
                                            {.offset = 1, .timestamp_ms = 1700000000000},
                                            {.offset = 2, .timestamp_ms = -1}};
    struct strand_batch_header header = plain_header(3, STRAND_CODEC_NONE);

    header.attributes = STRAND_BATCH_DELETE_HORIZON;
    header.base_timestamp_ms = 1600000000000;
    header.max_timestamp_ms = 1700000000000;
    cr_assert_eq(encode(&header, records, 3, &AS_GIVEN), STRAND_OK);
    cr_expect_eq(strand_batch_attributes(out.data), STRAND_BATCH_DELETE_HORIZON);
    expect_records(records, 3);
}

Test(batch_encode, extreme_timestamps_wrap_and_come_back)
{
    const struct strand_record records[] = {{.offset = 0, .timestamp_ms = INT64_MAX},
                                            {.offset = 1, .timestamp_ms = -1}};
    struct strand_batch_header header = plain_header(2, STRAND_CODEC_NONE);

    header.base_timestamp_ms = INT64_MIN;
    cr_assert_eq(encode(&header, records, 2, &AS_GIVEN), STRAND_OK);
    expect_records(records, 2);
}

Test(batch_encode, null_and_empty_stay_distinct)
{
    const struct strand_header headers[] = {{BYTES(""), BYTES("")}, {BYTES("a"), {NULL, 0}}};
    const struct strand_record records[] = {
        {.offset = 0, .timestamp_ms = 1},
        {.offset = 1, .timestamp_ms = 1, .key = BYTES("")},
        {.offset = 2, .timestamp_ms = 1, .value = BYTES("")},
        {.offset = 3, .timestamp_ms = 1, .headers = headers, .header_count = 2},
    };
    struct strand_batch_header header = plain_header(4, STRAND_CODEC_NONE);

    cr_assert_eq(encode(&header, records, 4, &AS_GIVEN), STRAND_OK);
    expect_records(records, 4);
}

static const struct strand_header NULL_KEY[] = {{BYTES("ok"), BYTES("x")}, {{NULL, 0}, BYTES("x")}};
static const struct strand_header TORN[] = {{BYTES("h"), {NULL, 1}}};
static const struct strand_header HUGE_VALUE[] = {{BYTES("ok"), {"x", (size_t)INT32_MAX + 1}}};

Test(batch_encode, bad_records_are_refused)
{
    static const struct {
        struct strand_record records[2];
        const char *message;
    } CASES[] = {
        {{{.offset = 100}, {.offset = 100}}, "offset 100 does not increase upon 100"},
        {{{.offset = 100}, {.offset = 99}}, "does not increase"},
        {{{.offset = 99}, {.offset = 100}}, "offset 99 does not increase upon 99"},
        {{{.offset = 100}, {.offset = 102}}, "offset 102 is beyond"},
        {{{.offset = INT64_MIN}, {.offset = 101}}, "does not increase"},
        {{{.offset = INT64_MAX}, {.offset = 101}}, "is beyond"},
        {{{.offset = 100}, {.offset = 101, .timestamp_ms = -2}}, "timestamp -2 of record 1"},
        {{{.offset = 100, .timestamp_ms = INT64_MIN}, {.offset = 101}}, "is negative"},
        {{{.offset = 100, .headers = NULL_KEY, .header_count = 2}, {.offset = 101}},
         "record 0: key of header 1 is null"},
        {{{.offset = 100}, {.offset = 101, .header_count = 1}}, "record 1: 1 headers, but"},
        {{{.offset = 100}, {.offset = 101, .headers = TORN, .header_count = 1}},
         "record 1: value of header 0 has a size"},
        {{{.offset = 100}, {.offset = 101, .key = {NULL, 1}}}, "record 1: its key has a size"},
        {{{.offset = 100, .value = {NULL, 1}}, {.offset = 101}}, "record 0: its value has a size"},
        {{{.offset = 100, .headers = HUGE_VALUE, .header_count = 1}, {.offset = 101}},
         "header 0 is too large"},
        {{{.offset = 100, .headers = NULL_KEY, .header_count = (size_t)INT32_MAX + 1},
          {.offset = 101}},
         "headers are too many"},
        {{{.offset = 100, .key = {"", (size_t)INT32_MAX + 1}}, {.offset = 101}}, "too large"},
        {{{.offset = 100, .value = {"", SIZE_MAX}}, {.offset = 101}}, "too large"},
        {{{.offset = 100, .key = {"", SIZE_MAX}, .value = {"", 1}}, {.offset = 101}}, "too large"},
        {{{.offset = 100, .value = {"", INT32_MAX}}, {.offset = 101, .value = {"", 1}}},
         "too large"},
        {{{.offset = 100, .value = {"", INT32_MAX - 50}}, {.offset = 101}}, "exceed 2147483598"},
    };
    struct strand_batch_header header = plain_header(2, STRAND_CODEC_NONE);

    header.base_offset = 100;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        int status = encode(&header, CASES[i].records, 2, &AS_GIVEN);
        cr_expect_eq(status, STRAND_ERR_INVALID, "case %zu: status %d", i, status);
        cr_expect_not_null(strstr(strand_error_message(), CASES[i].message), "case %zu: \"%s\"", i,
                           strand_error_message());
    }
    cr_expect_null(out.data, "nothing was allocated for them");
}

Test(batch_encode, what_could_not_be_decompressed_again_is_refused)
{
    const struct strand_record record = {.value = {"", STRAND_DECOMPRESSED_SIZE_MAX - 5}};
    struct strand_batch_header header = plain_header(1, STRAND_CODEC_LZ4);

    cr_expect_eq(encode(&header, &record, 1, &NUMBERED), STRAND_ERR_INVALID);
    cr_expect_not_null(strstr(strand_error_message(), "exceed 1073741824"));
}

Test(batch_encode, bad_headers_are_refused)
{
    static const struct {
        struct strand_batch_header header;
        const char *message;
    } CASES[] = {
        {{.base_offset = -1, .producer_id = -1, .last_offset_delta = 1}, "base offset -1"},
        {{.base_offset = INT64_MAX - 1, .producer_id = -1, .last_offset_delta = 1}, "base offset"},
        {{.producer_id = -1, .last_offset_delta = -1}, "last offset delta -1"},
        {{.producer_id = -1, .last_offset_delta = 0}, "too small for 2 records"},
        {{.producer_id = -1, .last_offset_delta = 1, .attributes = STRAND_BATCH_TRANSACTIONAL},
         "has no producer id"},
        {{.producer_id = 7, .producer_epoch = -1, .last_offset_delta = 1}, "no producer epoch"},
        {{.producer_id = 7,
          .producer_epoch = -1,
          .last_offset_delta = 1,
          .attributes = STRAND_BATCH_CONTROL},
         "no producer epoch"},
        {{.producer_id = 7, .base_sequence = -1, .last_offset_delta = 1}, "no base sequence"},
    };
    const struct strand_record records[2] = {{.timestamp_ms = 1}};

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        int status = encode(&CASES[i].header, records, 2, &NUMBERED);
        cr_expect_eq(status, STRAND_ERR_INVALID, "case %zu: status %d", i, status);
        cr_expect_not_null(strstr(strand_error_message(), CASES[i].message), "case %zu: \"%s\"", i,
                           strand_error_message());
    }
}

Test(batch_encode, marker_needs_no_sequence)
{
    const struct strand_record record = {.timestamp_ms = 1};
    const struct strand_batch_header header = {
        .producer_id = 7, .base_sequence = -1, .attributes = STRAND_BATCH_CONTROL};

    cr_expect_eq(encode(&header, &record, 1, &NUMBERED), STRAND_OK);
}

Test(batch_encode, every_codec_is_used_or_refused_by_name)
{
    const struct strand_record record = {.timestamp_ms = 1};

    for (int codec = STRAND_CODEC_GZIP; codec <= STRAND_CODEC_ZSTD; codec++) {
        struct strand_batch_header header = plain_header(1, codec);

        if (strand_codec_is_available(codec)) {
            cr_assert_eq(encode(&header, &record, 1, &NUMBERED), STRAND_OK);
            cr_expect_eq(strand_batch_attributes(out.data) & STRAND_BATCH_CODEC_MASK, codec);
            record_check_batch(&out, &record, 1);
        } else {
            cr_expect_eq(encode(&header, &record, 1, &NUMBERED), STRAND_ERR_CODEC);
            cr_expect_not_null(strstr(strand_error_message(), strand_codec_name(codec)));
        }
    }
}

Test(batch_encode, compression_level_is_passed_on)
{
    static char value[20000];
    const struct strand_record record = {.timestamp_ms = 1, .value = {value, sizeof value}};
    struct strand_batch_header header = plain_header(1, STRAND_CODEC_LZ4);
    const struct strand_batch_encoding fast = {.compression_level = 9};
    const struct strand_batch_encoding high = {.compression_level = 12};
    uint64_t state = 3;

    for (size_t i = 0; i < sizeof value; i++)
        value[i] = "abcd"[golden_random(&state) % 4];
    cr_assert_eq(encode(&header, &record, 1, &fast), STRAND_OK);
    size_t size = out.size;
    cr_assert_eq(encode(&header, &record, 1, &high), STRAND_OK);
    cr_expect_lt(out.size, size);
}

Test(batch_encode, large_records_are_whole)
{
    static char value[300000];
    struct strand_record records[2] = {{.timestamp_ms = 5, .value = {value, sizeof value}},
                                       {.offset = 1, .key = {value, 70000}, .timestamp_ms = 5}};
    struct strand_batch_header header = plain_header(2, STRAND_CODEC_NONE);

    for (size_t i = 0; i < sizeof value; i++)
        value[i] = (char)(i * i / 7);
    cr_assert_eq(encode(&header, records, 2, &NUMBERED), STRAND_OK);
    expect_records(records, 2);
}

Test(batch_encode, many_records_of_no_content_are_whole)
{
    enum { COUNT = 20000 };
    static struct strand_record records[COUNT];
    struct strand_batch_header header = plain_header(COUNT, STRAND_CODEC_NONE);

    for (int i = 0; i < COUNT; i++)
        records[i] = (struct strand_record){.offset = i, .timestamp_ms = 1000};
    cr_assert_eq(encode(&header, records, COUNT, &NUMBERED), STRAND_OK);
    expect_records(records, COUNT);
}

Test(batch_encode, record_of_many_headers_is_whole)
{
    enum { COUNT = 100 }; /* a header count of two bytes */
    static struct strand_header headers[COUNT];
    const struct strand_record record = {
        .timestamp_ms = 1000, .headers = headers, .header_count = COUNT};
    struct strand_batch_header header = plain_header(1, STRAND_CODEC_NONE);

    for (int i = 0; i < COUNT; i++)
        headers[i] = (struct strand_header){BYTES("h"), {NULL, 0}};
    cr_assert_eq(encode(&header, &record, 1, &NUMBERED), STRAND_OK);
    expect_records(&record, 1);
}

Test(batch_encode, size_function_knows_the_widths_of_varints)
{
    static const struct {
        int64_t timestamp_delta;
        int32_t offset_delta;
        size_t value_size;
        size_t size; /* 1 length, 1 attributes, 1 timestamp, 1 offset, 1 + key, 1 + value, 1 */
    } CASES[] = {
        {0, 0, 0, 7},          {63, 63, 57, 64},      {0, 0, 58, 66}, /* the length takes two bytes
                                                                       */
        {-64, 0, 0, 7},        {64, 0, 0, 8},         {-65, 0, 0, 8},  {INT64_MAX, 0, 0, 16},
        {INT64_MIN, 0, 0, 16}, {0, INT32_MAX, 0, 11}, {0, 8191, 0, 8}, {0, 8192, 0, 9},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const struct strand_record record = {.value = {"", CASES[i].value_size}};
        cr_expect_eq(
            strand_record_encoded_size(&record, CASES[i].timestamp_delta, CASES[i].offset_delta),
            CASES[i].size, "case %zu", i);
    }
}

Test(batch_encode, warm_buffers_are_not_allocated_anew)
{
    const struct strand_record records[100] = {{.value = BYTES("some value")}};
    struct strand_batch_header header = plain_header(100, STRAND_CODEC_LZ4);

    cr_assert_eq(encode(&header, records, 100, &NUMBERED), STRAND_OK);
    const uint8_t *out_data = out.data;
    const uint8_t *scratch_data = scratch.data;
    for (int i = 0; i < 100; i++)
        cr_assert_eq(encode(&header, records, 100, &NUMBERED), STRAND_OK);
    cr_expect_eq(out.data, out_data);
    cr_expect_eq(scratch.data, scratch_data);
}
