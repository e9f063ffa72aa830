/* tests/unit/test_record_reader.c -- Records are read as Kafka wrote them, and nothing else is.
 *
 * Method: batches are made of hand-written record bytes, each in a block of exactly its size, so
 * that ASan sees a byte read too far; each malformed one is read with headers and without.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/buffer_pool.h"
#include "storage/compression.h"
#include "storage/record_reader.h"
#include "strandline/log.h"
#include "support/golden_batch.h"

static struct strand_codec_pool *codecs;
static struct strand_buffer decompressed;
static struct strand_record_reader reader;

static void
create_reader(void)
{
    cr_assert_eq(strand_codec_pool_create(&codecs), STRAND_OK);
    strand_record_reader_init(&reader);
}

static void
free_reader(void)
{
    strand_record_reader_deinit(&reader);
    strand_codec_pool_destroy(codecs);
    free(decompressed.data);
}

TestSuite(record_reader, .init = create_reader, .fini = free_reader);

static int
open_batch(const struct golden_batch *batch)
{
    cr_assert_eq(strand_batch_check_header(batch->data, batch->size), STRAND_OK, "%s",
                 strand_error_message());
    return strand_record_reader_open(&reader, batch->data, codecs, &decompressed);
}

static bool
is_text(struct strand_bytes bytes, const char *text)
{
    if (text == NULL || bytes.data == NULL)
        return text == NULL && bytes.data == NULL && bytes.size == 0;
    return bytes.size == strlen(text) && memcmp(bytes.data, text, bytes.size) == 0;
}

/* HEX with its records compressed by lz4. */
static struct golden_batch
make_compressed(const char *hex)
{
    struct golden_batch plain = golden_batch_make(hex);
    struct strand_buffer frame = {0};

    cr_assert_eq(strand_compress(codecs, STRAND_CODEC_LZ4, 0, plain.data + STRAND_BATCH_RECORDS,
                                 plain.size - STRAND_BATCH_RECORDS, &frame),
                 STRAND_OK);
    struct golden_batch batch = golden_batch_with_records(&plain, frame.data, frame.size);
    batch.data[STRAND_BATCH_ATTRIBUTES + 1] |= STRAND_CODEC_LZ4;
    golden_batch_fix_crc(batch.data, batch.size);
    free(frame.data);
    golden_batch_free(&plain);
    return batch;
}

/* Read BATCH to its end, which must come; the status that it ended with. */
static int
read_to_end(const struct golden_batch *batch)
{
    struct strand_record record;
    int status = open_batch(batch);

    for (int i = 0; status == STRAND_OK; i++) {
        status = strand_record_reader_next(&reader, &record);
        cr_assert_leq(i, strand_batch_record_count(batch->data), "more records than there are");
    }
    return status;
}

Test(record_reader, golden_client_batch_is_read)
{
    struct golden_batch batch = golden_batch_make(GOLDEN_CLIENT);
    struct strand_record record;

    cr_assert_eq(open_batch(&batch), STRAND_OK);
    cr_assert_eq(strand_record_reader_next(&reader, &record), STRAND_OK);
    cr_expect_eq(record.offset, 0);
    cr_expect_eq(record.timestamp_ms, 1000);
    cr_expect_eq(record.leader_epoch, -1);
    cr_expect_eq(record.flags, 0);
    cr_expect(is_text(record.key, "k"));
    cr_expect(is_text(record.value, "v"));
    cr_expect_eq(record.header_count, 0);
    cr_expect_null(record.headers);
    cr_expect_eq(strand_record_reader_next(&reader, &record), STRAND_END);
    cr_expect_eq(strand_record_reader_next(&reader, &record), STRAND_END, "and stays there");
    golden_batch_free(&batch);
}

static void
expect_golden_headers_batch(void)
{
    struct strand_record record;

    cr_assert_eq(strand_record_reader_next(&reader, &record), STRAND_OK);
    cr_expect_eq(record.offset, 100);
    cr_expect_eq(record.timestamp_ms, 1700000000000);
    cr_expect_eq(record.leader_epoch, 7);
    cr_expect(is_text(record.key, NULL));
    cr_expect(is_text(record.value, "a"));
    cr_expect_eq(record.header_count, 0);

    cr_assert_eq(strand_record_reader_next(&reader, &record), STRAND_OK);
    cr_expect_eq(record.offset, 101);
    cr_expect_eq(record.timestamp_ms, 1700000000005);
    cr_expect_eq(record.leader_epoch, 7);
    cr_expect(is_text(record.key, "k"));
    cr_expect(is_text(record.value, NULL));
    cr_assert_eq(record.header_count, 2);
    cr_expect(is_text(record.headers[0].key, "h"));
    cr_expect(is_text(record.headers[0].value, "x"));
    cr_expect(is_text(record.headers[1].key, "n"));
    cr_expect(is_text(record.headers[1].value, NULL));
    cr_expect_eq(strand_record_reader_next(&reader, &record), STRAND_END);
}

Test(record_reader, golden_batch_with_headers_and_nulls_is_read)
{
    struct golden_batch batch = golden_batch_make(GOLDEN_HEADERS);

    cr_assert_eq(open_batch(&batch), STRAND_OK);
    expect_golden_headers_batch();
    golden_batch_free(&batch);
}

Test(record_reader, compressed_records_are_those_of_the_plain_batch)
{
    struct golden_batch batch = make_compressed(GOLDEN_HEADERS);

    cr_assert_eq(open_batch(&batch), STRAND_OK);
    expect_golden_headers_batch();
    golden_batch_free(&batch);
}

Test(record_reader, skipping_headers_changes_nothing_else)
{
    struct golden_batch batch = golden_batch_make(GOLDEN_HEADERS);
    struct strand_record record;

    reader.skip_headers = true;
    cr_assert_eq(open_batch(&batch), STRAND_OK);
    cr_assert_eq(strand_record_reader_next(&reader, &record), STRAND_OK);
    cr_assert_eq(strand_record_reader_next(&reader, &record), STRAND_OK);
    cr_expect_eq(record.offset, 101);
    cr_expect_eq(record.timestamp_ms, 1700000000005);
    cr_expect(is_text(record.key, "k"));
    cr_expect_eq(record.header_count, 0);
    cr_expect_null(record.headers);
    cr_expect_null(reader.headers, "nothing was allocated");
    cr_expect_eq(strand_record_reader_next(&reader, &record), STRAND_END);
    golden_batch_free(&batch);
}

Test(record_reader, golden_commit_marker_is_read_as_control_record)
{
    struct golden_batch batch = golden_batch_make(GOLDEN_COMMIT);
    struct strand_control_record control;
    struct strand_record record;

    cr_assert_eq(open_batch(&batch), STRAND_OK);
    cr_expect_eq(reader.header.producer_id, 42);
    cr_expect_eq(reader.header.producer_epoch, 3);
    cr_expect_eq(reader.header.base_sequence, -1);
    cr_assert_eq(strand_record_reader_next(&reader, &record), STRAND_OK);
    cr_expect_eq(record.flags, STRAND_RECORD_CONTROL | STRAND_RECORD_TRANSACTIONAL);
    cr_expect_eq(record.leader_epoch, 5);
    cr_assert_eq(strand_control_record_decode(&record, &control), STRAND_OK);
    cr_expect_eq(control.type, STRAND_CONTROL_COMMIT);
    cr_expect_eq(control.coordinator_epoch, 9);
    cr_expect_eq(strand_record_reader_next(&reader, &record), STRAND_END);
    golden_batch_free(&batch);
}

Test(record_reader, golden_empty_batch_has_no_records)
{
    struct golden_batch batch = golden_batch_make(GOLDEN_EMPTY);

    cr_expect_eq(read_to_end(&batch), STRAND_END);
    batch.data[STRAND_BATCH_ATTRIBUTES + 1] = STRAND_CODEC_LZ4;
    cr_expect_eq(read_to_end(&batch), STRAND_END, "nothing is not a frame, but it is nothing");
    golden_batch_free(&batch);
}

Test(record_reader, without_a_producer_there_is_no_sequence)
{
    struct golden_batch batch = golden_batch_make(GOLDEN_CLIENT);

    cr_assert_eq(open_batch(&batch), STRAND_OK);
    cr_expect_eq(strand_sequence_add(reader.header.base_sequence, 0), -1);
    golden_batch_free(&batch);
}

Test(record_reader, log_append_time_is_the_time_of_every_record)
{
    struct golden_batch batch = golden_batch_make(GOLDEN_HEADERS);
    struct strand_record record;

    strand_batch_set_max_timestamp(batch.data, STRAND_LOG_APPEND_TIME, 1800000000000);
    cr_assert_eq(open_batch(&batch), STRAND_OK);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(strand_record_reader_next(&reader, &record), STRAND_OK);
        cr_expect_eq(record.timestamp_ms, 1800000000000);
        cr_expect_eq(record.flags, STRAND_RECORD_LOG_APPEND_TIME);
    }
    golden_batch_free(&batch);
}

static void
set_count(struct golden_batch *batch, uint32_t count)
{
    strand_put_be32(batch->data + STRAND_BATCH_RECORD_COUNT, count);
    strand_put_be32(batch->data + STRAND_BATCH_LAST_OFFSET_DELTA, 9);
    golden_batch_fix_crc(batch->data, batch->size);
}

Test(record_reader, count_larger_than_present_is_malformed)
{
    struct golden_batch batches[] = {golden_batch_make(GOLDEN_HEADERS),
                                     make_compressed(GOLDEN_HEADERS)};

    for (int i = 0; i < 2; i++) {
        set_count(&batches[i], 3);
        cr_expect_eq(read_to_end(&batches[i]), STRAND_ERR_BATCH);
        cr_expect_not_null(strstr(strand_error_message(),
                                  "read record 2 of the batch at offset 100: its length is cut"));
        golden_batch_free(&batches[i]);
    }
}

Test(record_reader, count_smaller_than_present_is_malformed)
{
    for (uint32_t count = 0; count < 2; count++) {
        struct golden_batch batches[] = {golden_batch_make(GOLDEN_HEADERS),
                                         make_compressed(GOLDEN_HEADERS)};
        for (int i = 0; i < 2; i++) {
            set_count(&batches[i], count);
            cr_expect_eq(read_to_end(&batches[i]), STRAND_ERR_BATCH);
            cr_expect_not_null(strstr(strand_error_message(), "bytes follow the last record"));
            golden_batch_free(&batches[i]);
        }
    }
}

Test(record_reader, malformed_record_fails_again_and_leaves_the_output)
{
    struct golden_batch batch = golden_batch_make(GOLDEN_HEADERS);
    struct strand_record record;

    batch.data[batch.size - 1] = 2; /* the last header value has a byte that is not there */
    cr_assert_eq(open_batch(&batch), STRAND_OK);
    cr_assert_eq(strand_record_reader_next(&reader, &record), STRAND_OK);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(strand_record_reader_next(&reader, &record), STRAND_ERR_BATCH);
    cr_expect_eq(record.offset, 100);
    golden_batch_free(&batch);
}

#define B(text) (text), sizeof(text) - 1

/* The bytes of a single record; varints: 00 = 0, 01 = -1, 02 = 1, 04 = 2. */
static const struct record_case {
    const char *problem; /* NULL: it is well-formed */
    const char *bytes;
    size_t size;
} RECORD_CASES[] = {
    {NULL, B("\x0c\0\0\0\x01\x01\0")},
    {NULL, B("\x10\0\0\0\x02k\x02v\0")},
    {NULL, B("\x14\0\0\0\x01\x01\x02\x02h\x02x")},
    {NULL, B("\x12\0\0\0\x01\x01\x02\x02h\x01")},
    {NULL, B("\x10\0\0\0\x01\x01\x02\0\0")},
    {NULL, B("\x0c\xff\0\0\x01\x01\0")}, /* attributes are not looked at */
    {NULL, B("\x8c\0\0\0\0\x01\x01\0")}, /* an over-long varint is one */
    {NULL, B("\x0c\0\0\0\x03\x05\0")},   /* -2 and -3: null, as for Kafka */
    {NULL, B("\x18\0\x81\x80\x80\x80\x80\x80\0\0\x01\x01\0")},

    {"its length is cut off", B("")},
    {"its length is cut off", B("\x80")},
    {"its length is cut off or too long", B("\x80\x80\x80\x80\x80\0\0\0\0\0\0\0\0\0")},
    {"it runs beyond the records", B("\x01\0\0\0\x01\x01\0")}, /* length -1 */
    {"it runs beyond the records", B("\x0e\0\0\0\x01\x01\0")},
    {"it runs beyond the records", B("\xfe\xff\xff\xff\x0f\0\0\0\x01\x01\0")},
    {"it is empty", B("\0")},
    {"it is shorter than its length says", B("\x0e\0\0\0\x01\x01\0\0")},
    {"header count is cut off", B("\x0a\0\0\0\x01\x01\0")}, /* a byte less than there is */
    {"timestamp delta is cut off", B("\x02\0")},
    {"timestamp delta is cut off", B("\x04\0\x80")},
    {"timestamp delta is cut off or too long",
     B("\x20\0\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\0\0\x01\x01\0")},
    {"offset delta is cut off", B("\x04\0\0")},
    {"offset delta is cut off or too long", B("\x16\0\0\x80\x80\x80\x80\x80\0\x01\x01\0")},
    {"key runs beyond", B("\x06\0\0\0")},
    {"key runs beyond", B("\x0e\0\0\0\x08k\x01\0")},
    {"key runs beyond", B("\x14\0\0\0\xfe\xff\xff\xff\x0fk\x01")},
    {"key runs beyond", B("\x14\0\0\0\x80\x80\x80\x80\x80\0\x01")},
    {"value runs beyond", B("\x08\0\0\0\x01")},
    {"value runs beyond", B("\x0e\0\0\0\x01\x06v\0")},
    {"value runs beyond", B("\x14\0\0\0\x01\xfe\xff\xff\xff\x0fv")},
    {"header count is cut off", B("\x0a\0\0\0\x01\x01")},
    {"header count is negative", B("\x0c\0\0\0\x01\x01\x01")},
    {"header count is larger", B("\x0c\0\0\0\x01\x01\x02")},
    {"header count is larger", B("\x0e\0\0\0\x01\x01\x02\0")},
    {"header count is larger", B("\x14\0\0\0\x01\x01\x0c\x02h\x02x")},
    {"header count is larger", B("\x14\0\0\0\x01\x01\xfe\xff\xff\xff\x0f")},
    {"header key is null", B("\x10\0\0\0\x01\x01\x02\x01\x01")},
    {"header key is null", B("\x10\0\0\0\x01\x01\x02\x03\x01")},
    {"header key runs beyond", B("\x12\0\0\0\x01\x01\x02\x08h\x01")},
    {"header value runs beyond", B("\x14\0\0\0\x01\x01\x02\x02h\x04x")},
    {"header value runs beyond", B("\x12\0\0\0\x01\x01\x02\x04hh")},
    {"offset delta lies outside", B("\x0c\0\0\x01\x01\x01\0")},
    {"offset delta lies outside", B("\x0c\0\0\x02\x01\x01\0")},
};

static struct golden_batch
make_single(const struct record_case *test)
{
    struct golden_batch header = golden_batch_make(GOLDEN_CLIENT);
    struct golden_batch batch = golden_batch_with_records(&header, test->bytes, test->size);

    golden_batch_fix_crc(batch.data, batch.size);
    golden_batch_free(&header);
    return batch;
}

static void
check_record_cases(void)
{
    for (size_t i = 0; i < sizeof RECORD_CASES / sizeof RECORD_CASES[0]; i++) {
        const struct record_case *test = &RECORD_CASES[i];
        struct golden_batch batch = make_single(test);
        int status = read_to_end(&batch);

        if (test->problem == NULL) {
            cr_expect_eq(status, STRAND_END, "case %zu: %s", i, strand_error_message());
        } else {
            cr_expect_eq(status, STRAND_ERR_BATCH, "case %zu: status %d", i, status);
            cr_expect_not_null(strstr(strand_error_message(), test->problem), "case %zu: \"%s\"", i,
                               strand_error_message());
        }
        golden_batch_free(&batch);
    }
}

Test(record_reader, malformed_records_are_refused)
{
    check_record_cases();
}

Test(record_reader, malformed_records_are_refused_without_headers_too)
{
    reader.skip_headers = true;
    check_record_cases();
    cr_expect_null(reader.headers);
}

Test(record_reader, header_count_decides_about_no_allocation_it_cannot_fill)
{
    static const struct record_case huge = {"", B("\x14\0\0\0\x01\x01\xfe\xff\xff\xff\x0f")};
    struct golden_batch batch = make_single(&huge);

    cr_expect_eq(read_to_end(&batch), STRAND_ERR_BATCH);
    cr_expect_eq(reader.headers_capacity, 0);
    golden_batch_free(&batch);
}

Test(record_reader, offsets_increase_strictly)
{
    static const char records[] = "\x0c\0\0\x02\x01\x01\0\x0c\0\0\x02\x01\x01\0";
    struct golden_batch header = golden_batch_make(GOLDEN_HEADERS);
    struct golden_batch batch = golden_batch_with_records(&header, B(records));

    cr_expect_eq(read_to_end(&batch), STRAND_ERR_BATCH);
    cr_expect_not_null(strstr(strand_error_message(), "offsets do not increase"));
    batch.data[STRAND_BATCH_RECORDS + 3] = 0;
    cr_expect_eq(read_to_end(&batch), STRAND_END);
    golden_batch_free(&header);
    golden_batch_free(&batch);
}

Test(record_reader, timestamps_are_relative_to_a_delete_horizon)
{
    struct golden_batch batch = golden_batch_make(GOLDEN_CLIENT);
    struct strand_record record;

    batch.data[STRAND_BATCH_ATTRIBUTES + 1] = STRAND_BATCH_DELETE_HORIZON;
    strand_put_be64(batch.data + STRAND_BATCH_BASE_TIMESTAMP, 1001);
    batch.data[STRAND_BATCH_RECORDS + 2] = 1; /* delta -1 */
    cr_assert_eq(open_batch(&batch), STRAND_OK);
    cr_assert_eq(strand_record_reader_next(&reader, &record), STRAND_OK);
    cr_expect_eq(record.timestamp_ms, 1000);
    cr_expect_eq(record.flags, 0);
    golden_batch_free(&batch);
}

Test(record_reader, batch_that_cannot_be_opened_has_nothing_to_read)
{
    static const struct {
        int codec, status;
        const char *message;
    } CASES[] = {
        {STRAND_CODEC_GZIP, STRAND_ERR_BATCH, "gzip: "},
        {STRAND_CODEC_SNAPPY, STRAND_ERR_BATCH, "snappy: "},
        {STRAND_CODEC_LZ4, STRAND_ERR_BATCH, "lz4 frame"},
        {STRAND_CODEC_ZSTD, STRAND_ERR_BATCH, "zstd: "},
        {5, STRAND_ERR_CODEC, "codec 5 is unknown"},
        {7, STRAND_ERR_CODEC, "codec 7 is unknown"},
    };
    struct golden_batch batch = golden_batch_make(GOLDEN_CLIENT);
    struct strand_record record;

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        batch.data[STRAND_BATCH_ATTRIBUTES + 1] = 0;
        cr_assert_eq(open_batch(&batch), STRAND_OK);
        batch.data[STRAND_BATCH_ATTRIBUTES + 1] = (uint8_t)CASES[i].codec;
        bool is_missing =
            CASES[i].codec <= STRAND_CODEC_ZSTD && !strand_codec_is_available(CASES[i].codec);
        cr_expect_eq(open_batch(&batch), is_missing ? STRAND_ERR_CODEC : CASES[i].status);
        cr_expect_not_null(
            strstr(strand_error_message(), is_missing ? "is not in this build" : CASES[i].message),
            "\"%s\"", strand_error_message());
        cr_expect_eq(strand_record_reader_next(&reader, &record), STRAND_END);
    }
    golden_batch_free(&batch);
}

Test(record_reader, headers_are_allocated_once)
{
    struct golden_batch batch = golden_batch_make(GOLDEN_HEADERS);

    cr_assert_eq(read_to_end(&batch), STRAND_END);
    const struct strand_header *headers = reader.headers;
    cr_assert_not_null(headers);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(read_to_end(&batch), STRAND_END);
    cr_expect_eq(reader.headers, headers);
    golden_batch_free(&batch);
}

static const struct {
    struct strand_bytes key, value;
    int type, coordinator_epoch; /* type -100: malformed */
} CONTROL_CASES[] = {
    {{B("\0\0\0\0")}, {B("\0\0\0\0\0\x07")}, STRAND_CONTROL_ABORT, 7},
    {{B("\0\0\0\1")}, {B("\0\0\xff\xff\xff\xff")}, STRAND_CONTROL_COMMIT, -1},
    {{B("\0\x05\0\1")}, {B("\0\x09\0\0\0\x07")}, STRAND_CONTROL_COMMIT, 7}, /* newer versions */
    {{B("\0\x05\0\1more")}, {B("\0\x09\0\0\0\x07more")}, STRAND_CONTROL_COMMIT, 7},
    {{B("\0\0\0\2")}, {NULL, 0}, STRAND_CONTROL_LEADER_CHANGE, -1},
    {{B("\0\0\0\6")}, {B("whatever")}, STRAND_CONTROL_KRAFT_VOTERS, -1},
    {{B("\0\0\x01\0")}, {B("\0\0\0\0\0\x07")}, 256, -1}, /* from the future: no end marker */
    {{B("\0\0\xff\xff")}, {B("\0\0\0\0\0\x07")}, -1, -1},
    {{NULL, 0}, {B("\0\0\0\0\0\x07")}, -100, 0},
    {{B("\0\0\0")}, {B("\0\0\0\0\0\x07")}, -100, 0},
    {{B("\xff\xff\0\0")}, {B("\0\0\0\0\0\x07")}, -100, 0},
    {{B("\0\0\0\0")}, {NULL, 0}, -100, 0},
    {{B("\0\0\0\0")}, {B("\0\0\0\0\0")}, -100, 0},
    {{B("\0\0\0\1")}, {B("\x80\0\0\0\0\x07")}, -100, 0},
};

Test(record_reader, control_records_are_parsed_by_type_and_version)
{
    for (size_t i = 0; i < sizeof CONTROL_CASES / sizeof CONTROL_CASES[0]; i++) {
        const struct strand_record record = {.key = CONTROL_CASES[i].key,
                                             .value = CONTROL_CASES[i].value};
        struct strand_control_record control = {.type = -100};
        int status = strand_control_record_decode(&record, &control);

        cr_expect_eq(control.type, CONTROL_CASES[i].type, "case %zu", i);
        if (CONTROL_CASES[i].type == -100) {
            cr_expect_eq(status, STRAND_ERR_BATCH, "case %zu: status %d", i, status);
        } else {
            cr_expect_eq(status, STRAND_OK, "case %zu: status %d", i, status);
            cr_expect_eq(control.coordinator_epoch, CONTROL_CASES[i].coordinator_epoch, "case %zu",
                         i);
        }
    }
}
