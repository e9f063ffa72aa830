/* tests/unit/test_batch.c -- A batch is believed only when every byte of it makes sense. */
#include <signal.h>
#include <stdint.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/buffer_pool.h"
#include "storage/batch.h"
#include "storage/compression.h"
#include "strandline/log.h"
#include "support/golden_batch.h"

static const char *const GOLDEN[] = {GOLDEN_CLIENT, GOLDEN_HEADERS, GOLDEN_COMMIT, GOLDEN_EMPTY};
enum { GOLDEN_COUNT = sizeof GOLDEN / sizeof GOLDEN[0] };

static void
put_field(uint8_t *batch, enum strand_batch_field field, uint64_t value)
{
    switch (field) {
    case STRAND_BATCH_BASE_OFFSET:
    case STRAND_BATCH_BASE_TIMESTAMP:
    case STRAND_BATCH_MAX_TIMESTAMP:
    case STRAND_BATCH_PRODUCER_ID:
        strand_put_be64(batch + field, value);
        return;
    case STRAND_BATCH_ATTRIBUTES:
    case STRAND_BATCH_PRODUCER_EPOCH:
        strand_put_be16(batch + field, (uint16_t)value);
        return;
    case STRAND_BATCH_MAGIC:
        batch[field] = (uint8_t)value;
        return;
    case STRAND_BATCH_LENGTH:
    case STRAND_BATCH_LEADER_EPOCH:
    case STRAND_BATCH_CRC:
    case STRAND_BATCH_LAST_OFFSET_DELTA:
    case STRAND_BATCH_BASE_SEQUENCE:
    case STRAND_BATCH_RECORD_COUNT:
        strand_put_be32(batch + field, (uint32_t)value);
        return;
    case STRAND_BATCH_RECORDS:
        break;
    }
    cr_assert_fail("no such field");
}

Test(batch, golden_batches_are_accepted)
{
    for (int i = 0; i < GOLDEN_COUNT; i++) {
        struct golden_batch batch = golden_batch_make(GOLDEN[i]);
        cr_expect_eq(strand_batch_check(batch.data, batch.size), STRAND_OK, "%d: %s", i,
                     strand_error_message());
        golden_batch_free(&batch);
    }
}

Test(batch, bytes_behind_a_batch_do_not_matter)
{
    struct golden_batch batch = golden_batch_make(GOLDEN_CLIENT);
    uint8_t data[128];

    memset(data, 0xee, sizeof data);
    memcpy(data, batch.data, batch.size);
    cr_expect_eq(strand_batch_check(data, sizeof data), STRAND_OK);
    golden_batch_free(&batch);
}

Test(batch, header_is_decoded_field_by_field)
{
    struct golden_batch batch = golden_batch_make(GOLDEN_HEADERS);
    struct strand_batch_header header;

    put_field(batch.data, STRAND_BATCH_PRODUCER_ID, 0x0102030405060708);
    put_field(batch.data, STRAND_BATCH_PRODUCER_EPOCH, 0x1112);
    put_field(batch.data, STRAND_BATCH_BASE_SEQUENCE, 0x21222324);
    put_field(batch.data, STRAND_BATCH_ATTRIBUTES, 0x8003);
    strand_batch_decode_header(batch.data, &header);
    cr_expect_eq(header.base_offset, 100);
    cr_expect_eq(header.leader_epoch, 7);
    cr_expect_eq(header.crc, 0x9719140f);
    cr_expect_eq(header.attributes, 0x8003);
    cr_expect_eq(header.last_offset_delta, 1);
    cr_expect_eq(header.base_timestamp_ms, 1700000000000);
    cr_expect_eq(header.max_timestamp_ms, 1700000000005);
    cr_expect_eq(header.producer_id, 0x0102030405060708);
    cr_expect_eq(header.producer_epoch, 0x1112);
    cr_expect_eq(header.base_sequence, 0x21222324);
    cr_expect_eq(header.record_count, 2);
    cr_expect_eq(header.size, 84);
    cr_expect_eq(strand_batch_end_offset(batch.data), 102);
    golden_batch_free(&batch);
}

Test(batch, every_bit_flip_from_the_crc_on_is_refused)
{
    for (int i = 0; i < GOLDEN_COUNT; i++) {
        struct golden_batch batch = golden_batch_make(GOLDEN[i]);
        for (size_t bit = 8 * STRAND_BATCH_MAGIC; bit < 8 * batch.size; bit++) {
            batch.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            cr_expect_neq(strand_batch_check(batch.data, batch.size), STRAND_OK,
                          "batch %d, bit %zu of byte %zu", i, bit % 8, bit / 8);
            batch.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        golden_batch_free(&batch);
    }
}

Test(batch, flipped_payload_byte_is_a_wrong_crc)
{
    struct golden_batch batch = golden_batch_make(GOLDEN_HEADERS);

    batch.data[batch.size - 1] ^= 0xff;
    cr_expect_eq(strand_batch_check(batch.data, batch.size), STRAND_ERR_BATCH);
    cr_expect_not_null(strstr(strand_error_message(), "at offset 100: CRC is 9719140f"));
    cr_expect_eq(strand_batch_check_header(batch.data, batch.size), STRAND_OK);
    golden_batch_free(&batch);
}

Test(batch, every_truncation_is_refused)
{
    for (int i = 0; i < GOLDEN_COUNT; i++) {
        struct golden_batch batch = golden_batch_make(GOLDEN[i]);
        for (size_t size = 0; size < batch.size; size++) {
            uint8_t *cut = malloc(size == 0 ? 1 : size);
            memcpy(cut, batch.data, size);
            cr_expect_eq(strand_batch_check(cut, size), STRAND_ERR_BATCH, "batch %d, %zu bytes", i,
                         size);
            free(cut);
        }
        golden_batch_free(&batch);
    }
}

Test(batch, magic_is_judged_from_17_bytes_on_and_before_all_else)
{
    uint8_t zeros[64] = {0};

    for (size_t size = 0; size < 17; size++) {
        cr_expect_eq(strand_batch_check_header(zeros, size), STRAND_ERR_BATCH);
        cr_expect_not_null(strstr(strand_error_message(), "fewer than the 17"));
    }
    for (size_t size = 17; size < sizeof zeros; size++)
        cr_expect_eq(strand_batch_check_header(zeros, size), STRAND_ERR_MAGIC);
}

Test(batch, header_check_reads_no_further_than_the_header)
{
    struct golden_batch batch = golden_batch_make(GOLDEN_HEADERS);
    uint8_t *header = malloc(STRAND_BATCH_HEADER_SIZE);

    memcpy(header, batch.data, STRAND_BATCH_HEADER_SIZE);
    cr_expect_eq(strand_batch_check_header(header, batch.size), STRAND_OK);
    cr_expect_eq(strand_batch_check_header(header, batch.size - 1), STRAND_ERR_BATCH);
    free(header);
    golden_batch_free(&batch);
}

Test(batch, other_magics_are_refused_by_name)
{
    static const struct {
        int8_t magic;
        const char *message;
    } CASES[] = {
        {0, "magic 0: message format v0 is not supported"},
        {1, "magic 1: message format v1 is not supported"},
        {3, "magic 3: unknown record format"},
        {127, "magic 127: unknown record format"},
        {-1, "magic -1: unknown record format"},
    };
    struct golden_batch batch = golden_batch_make(GOLDEN_CLIENT);

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        batch.data[STRAND_BATCH_MAGIC] = (uint8_t)CASES[i].magic;
        cr_expect_eq(strand_batch_check_header(batch.data, batch.size), STRAND_ERR_MAGIC);
        cr_expect_not_null(strstr(strand_error_message(), CASES[i].message), "\"%s\"",
                           strand_error_message());
    }
    golden_batch_free(&batch);
}

Test(batch, all_zero_header_is_refused)
{
    uint8_t zeros[STRAND_BATCH_HEADER_SIZE] = {0};

    cr_expect_eq(strand_batch_check_header(zeros, sizeof zeros), STRAND_ERR_MAGIC);
}

Test(batch, length_below_49_is_refused)
{
    static const int32_t LENGTHS[] = {48, 14, 13, 0, -1, -12, INT32_MIN};
    struct golden_batch batch = golden_batch_make(GOLDEN_EMPTY);

    for (size_t i = 0; i < sizeof LENGTHS / sizeof LENGTHS[0]; i++) {
        put_field(batch.data, STRAND_BATCH_LENGTH, (uint64_t)LENGTHS[i]);
        cr_expect_eq(strand_batch_check_header(batch.data, batch.size), STRAND_ERR_BATCH);
        cr_expect_not_null(strstr(strand_error_message(), "is below 49"), "\"%s\"",
                           strand_error_message());
    }
    golden_batch_free(&batch);
}

Test(batch, numbers_that_cannot_be_are_refused_with_their_value)
{
    static const struct {
        enum strand_batch_field field;
        uint64_t value;
        int status;
        const char *message;
    } CASES[] = {
        {STRAND_BATCH_LENGTH, 73, STRAND_ERR_BATCH, "85 bytes, of which 84"},
        {STRAND_BATCH_LENGTH, INT32_MAX, STRAND_ERR_BATCH, "2147483659 bytes"},
        {STRAND_BATCH_LAST_OFFSET_DELTA, UINT32_MAX, STRAND_ERR_BATCH, "delta -1 is negative"},
        {STRAND_BATCH_LAST_OFFSET_DELTA, 0, STRAND_ERR_BATCH, "count 2 exceeds"},
        {STRAND_BATCH_LAST_OFFSET_DELTA, INT32_MAX, STRAND_OK, NULL},
        {STRAND_BATCH_RECORD_COUNT, UINT32_MAX, STRAND_ERR_BATCH, "count -1 is negative"},
        {STRAND_BATCH_RECORD_COUNT, 3, STRAND_ERR_BATCH, "count 3 exceeds"},
        {STRAND_BATCH_RECORD_COUNT, INT32_MAX, STRAND_ERR_BATCH, "count 2147483647 exceeds"},
        {STRAND_BATCH_RECORD_COUNT, 0, STRAND_OK, NULL},
        {STRAND_BATCH_BASE_OFFSET, UINT64_MAX, STRAND_ERR_BATCH, "offset -1 is negative"},
        {STRAND_BATCH_BASE_OFFSET, INT64_MAX, STRAND_ERR_BATCH, "exceed the largest"},
        {STRAND_BATCH_BASE_OFFSET, INT64_MAX - 1, STRAND_ERR_BATCH, "exceed the largest"},
        {STRAND_BATCH_BASE_OFFSET, INT64_MAX - 2, STRAND_OK, NULL},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct golden_batch batch = golden_batch_make(GOLDEN_HEADERS);
        put_field(batch.data, CASES[i].field, CASES[i].value);
        int status = strand_batch_check_header(batch.data, batch.size);
        cr_expect_eq(status, CASES[i].status, "case %zu: status %d", i, status);
        if (status != STRAND_OK)
            cr_expect_not_null(strstr(strand_error_message(), CASES[i].message), "case %zu: \"%s\"",
                               i, strand_error_message());
        golden_batch_free(&batch);
    }
}

Test(batch, setting_base_offset_keeps_the_crc_valid)
{
    struct golden_batch batch = golden_batch_make(GOLDEN_HEADERS);

    strand_batch_set_base_offset(batch.data, INT64_C(0x0102030405060708));
    cr_expect_eq(strand_batch_check(batch.data, batch.size), STRAND_OK);
    cr_expect_arr_eq(batch.data, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
    cr_expect_eq(strand_batch_end_offset(batch.data), INT64_C(0x010203040506070a));
    golden_batch_free(&batch);
}

Test(batch, setting_leader_epoch_keeps_the_crc_valid)
{
    struct golden_batch batch = golden_batch_make(GOLDEN_HEADERS);

    strand_batch_set_leader_epoch(batch.data, 0x01020304);
    cr_expect_eq(strand_batch_check(batch.data, batch.size), STRAND_OK);
    cr_expect_arr_eq(batch.data + 12, "\x01\x02\x03\x04", 4);
    cr_expect_eq(strand_batch_leader_epoch(batch.data), 0x01020304);
    golden_batch_free(&batch);
}

Test(batch, setting_log_append_time_changes_bit_timestamp_and_crc)
{
    struct golden_batch batch = golden_batch_make(GOLDEN_HEADERS);
    struct golden_batch before = golden_batch_make(GOLDEN_HEADERS);

    strand_batch_set_max_timestamp(batch.data, STRAND_LOG_APPEND_TIME, 1800000000000);
    cr_expect_eq(strand_batch_attributes(batch.data), 0x08);
    cr_expect_eq(strand_batch_max_timestamp(batch.data), 1800000000000);
    cr_expect_eq(strand_batch_check(batch.data, batch.size), STRAND_OK);
    cr_expect_arr_eq(batch.data, before.data, STRAND_BATCH_CRC);
    cr_expect_arr_eq(batch.data + STRAND_BATCH_PRODUCER_ID, before.data + STRAND_BATCH_PRODUCER_ID,
                     batch.size - STRAND_BATCH_PRODUCER_ID);

    strand_batch_set_max_timestamp(batch.data, STRAND_CREATE_TIME, 1700000000005);
    cr_expect_arr_eq(batch.data, before.data, before.size, "and back again");
    golden_batch_free(&batch);
    golden_batch_free(&before);
}

Test(batch, setting_the_same_max_timestamp_does_not_touch_the_crc)
{
    struct golden_batch batch = golden_batch_make(GOLDEN_HEADERS);

    put_field(batch.data, STRAND_BATCH_CRC, 0xdeadbeef);
    strand_batch_set_max_timestamp(batch.data, STRAND_CREATE_TIME, 1700000000005);
    cr_expect_arr_eq(batch.data + STRAND_BATCH_CRC, "\xde\xad\xbe\xef", 4);
    strand_batch_set_max_timestamp(batch.data, STRAND_CREATE_TIME, 1700000000006);
    cr_expect_eq(strand_batch_check(batch.data, batch.size), STRAND_OK, "one more is a change");
    put_field(batch.data, STRAND_BATCH_CRC, 0xdeadbeef);
    strand_batch_set_max_timestamp(batch.data, STRAND_LOG_APPEND_TIME, 1700000000006);
    cr_expect_eq(strand_batch_check(batch.data, batch.size), STRAND_OK, "so is the type alone");
    golden_batch_free(&batch);
}

Test(batch, setting_max_timestamp_keeps_known_bits_and_drops_others)
{
    struct golden_batch batch = golden_batch_make(GOLDEN_COMMIT);

    put_field(batch.data, STRAND_BATCH_ATTRIBUTES, 0xfff3);
    strand_batch_set_max_timestamp(batch.data, STRAND_LOG_APPEND_TIME, 5);
    cr_expect_eq(strand_batch_attributes(batch.data), 0x7b);
    golden_batch_free(&batch);
}

Test(batch, timestamp_type_none_is_a_broken_invariant, .signal = SIGABRT)
{
    struct golden_batch batch = golden_batch_make(GOLDEN_HEADERS);

    strand_batch_set_max_timestamp(batch.data, -1, 0);
    golden_batch_free(&batch);
}

Test(batch, timestamp_type_none_makes_no_header, .signal = SIGABRT)
{
    struct strand_batch_header header;

    strand_batch_header_init(&header, NULL, 0, STRAND_CODEC_NONE, -1, 0);
}

Test(batch, sequences_wrap_from_the_largest_to_0)
{
    static const struct {
        int32_t sequence, delta, sum, difference;
    } CASES[] = {
        {0, 0, 0, 0},
        {0, 1, 1, INT32_MAX},
        {INT32_MAX, 0, INT32_MAX, INT32_MAX},
        {INT32_MAX, 1, 0, INT32_MAX - 1},
        {INT32_MAX, 2, 1, INT32_MAX - 2},
        {INT32_MAX - 1, 2, 0, INT32_MAX - 3},
        {INT32_MAX, INT32_MAX, INT32_MAX - 1, 0},
        {5, 7, 12, INT32_MAX - 1},
        {0, INT32_MAX, INT32_MAX, 1},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        cr_expect_eq(strand_sequence_add(CASES[i].sequence, CASES[i].delta), CASES[i].sum,
                     "case %zu", i);
        cr_expect_eq(strand_sequence_subtract(CASES[i].sequence, CASES[i].delta),
                     CASES[i].difference, "case %zu", i);
    }
}

Test(batch, no_sequence_stays_none)
{
    cr_expect_eq(strand_sequence_add(-1, 0), -1);
    cr_expect_eq(strand_sequence_add(-1, 17), -1);
    cr_expect_eq(strand_sequence_subtract(-1, 17), -1);
}

Test(batch, header_of_records_is_that_of_a_producer)
{
    const struct strand_record records[] = {
        {.timestamp_ms = 500}, {.timestamp_ms = 0}, {.timestamp_ms = -1}, {.timestamp_ms = 700}};
    struct strand_batch_header header;

    strand_batch_header_init(&header, records, 4, STRAND_CODEC_LZ4, STRAND_CREATE_TIME, 900);
    cr_expect_eq(header.base_offset, 0);
    cr_expect_eq(header.leader_epoch, -1);
    cr_expect_eq(header.attributes, STRAND_CODEC_LZ4);
    cr_expect_eq(header.last_offset_delta, 3);
    cr_expect_eq(header.record_count, 4);
    cr_expect_eq(header.base_timestamp_ms, 500);
    cr_expect_eq(header.max_timestamp_ms, 900, "0 counts as now");
    cr_expect_eq(header.producer_id, -1);
    cr_expect_eq(header.producer_epoch, -1);
    cr_expect_eq(header.base_sequence, -1);

    strand_batch_header_init(&header, records + 1, 1, STRAND_CODEC_NONE, STRAND_CREATE_TIME, 300);
    cr_expect_eq(header.base_timestamp_ms, 300);
    cr_expect_eq(header.max_timestamp_ms, 300);

    strand_batch_header_init(&header, records, 4, STRAND_CODEC_NONE, STRAND_LOG_APPEND_TIME, 600);
    cr_expect_eq(header.attributes, STRAND_BATCH_LOG_APPEND_TIME);
    cr_expect_eq(header.base_timestamp_ms, 500);
    cr_expect_eq(header.max_timestamp_ms, 600);
}

Test(batch, header_of_no_records_has_no_timestamps)
{
    struct strand_batch_header header;

    strand_batch_header_init(&header, NULL, 0, STRAND_CODEC_NONE, STRAND_CREATE_TIME, 900);
    cr_expect_eq(header.last_offset_delta, 0);
    cr_expect_eq(header.record_count, 0);
    cr_expect_eq(header.base_timestamp_ms, -1);
    cr_expect_eq(header.max_timestamp_ms, -1);
}

/* What a leader says to the batch after FIELD was set to VALUE. */
static int
check_changed(const char *hex, enum strand_batch_field field, uint64_t value,
              int64_t *out_max_timestamp_ms)
{
    struct golden_batch batch = golden_batch_make(hex);
    struct strand_buffer scratch = {0};

    put_field(batch.data, field, value);
    int status = strand_batch_check_produced(batch.data, NULL, &scratch, out_max_timestamp_ms);
    free(scratch.data);
    golden_batch_free(&batch);
    return status;
}

Test(batch, produced_batch_is_accepted_with_its_largest_timestamp)
{
    int64_t max_timestamp = 0;

    cr_expect_eq(check_changed(GOLDEN_HEADERS, STRAND_BATCH_BASE_OFFSET, 0, &max_timestamp),
                 STRAND_OK, "%s", strand_error_message());
    cr_expect_eq(max_timestamp, 1700000000005);
    cr_expect_eq(check_changed(GOLDEN_CLIENT, STRAND_BATCH_MAX_TIMESTAMP, 77, &max_timestamp),
                 STRAND_OK);
    cr_expect_eq(max_timestamp, 1000, "the header is not believed");
}

Test(batch, produced_batch_of_log_append_time_has_that_as_its_largest_timestamp)
{
    struct golden_batch batch = golden_batch_make(GOLDEN_CLIENT);
    int64_t max_timestamp = 0;

    strand_batch_set_max_timestamp(batch.data, STRAND_LOG_APPEND_TIME, 77);
    cr_expect_eq(strand_batch_check_produced(batch.data, NULL, NULL, &max_timestamp), STRAND_OK);
    cr_expect_eq(max_timestamp, 77);
    golden_batch_free(&batch);
}

Test(batch, produced_batch_against_the_rules_is_refused)
{
    static const struct {
        const char *hex;
        enum strand_batch_field field;
        uint64_t value;
        int status;
        const char *message;
    } CASES[] = {
        {GOLDEN_COMMIT, STRAND_BATCH_BASE_OFFSET, 0, STRAND_ERR_BATCH, "control"},
        {GOLDEN_EMPTY, STRAND_BATCH_BASE_OFFSET, 0, STRAND_ERR_BATCH, "no records"},
        {GOLDEN_CLIENT, STRAND_BATCH_BASE_OFFSET, 1, STRAND_ERR_BATCH, "base offset is 1"},
        {GOLDEN_CLIENT, STRAND_BATCH_LAST_OFFSET_DELTA, 1, STRAND_ERR_BATCH, "does not match"},
        {GOLDEN_CLIENT, STRAND_BATCH_PRODUCER_ID, 0, STRAND_ERR_BATCH, "base sequence -1"},
        {GOLDEN_CLIENT, STRAND_BATCH_ATTRIBUTES, 5, STRAND_ERR_CODEC, "codec 5 is unknown"},
        {GOLDEN_CLIENT, STRAND_BATCH_ATTRIBUTES, 3, STRAND_ERR_BATCH, "lz4 frame"},
    };
    int64_t max_timestamp = 12345;

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        int status = check_changed(CASES[i].hex, CASES[i].field, CASES[i].value, &max_timestamp);
        cr_expect_eq(status, CASES[i].status, "case %zu: status %d", i, status);
        cr_expect_not_null(strstr(strand_error_message(), CASES[i].message), "case %zu: \"%s\"", i,
                           strand_error_message());
    }
    cr_expect_eq(max_timestamp, 12345, "outputs are written only on success");
}

Test(batch, produced_records_have_their_index_as_offset_delta)
{
    struct golden_batch batch = golden_batch_make(GOLDEN_HEADERS);
    struct strand_buffer scratch = {0};
    int64_t max_timestamp;

    put_field(batch.data, STRAND_BATCH_BASE_OFFSET, 0);
    batch.data[64] = 2; /* offset delta of the first record: 1, which the second has too */
    golden_batch_fix_crc(batch.data, batch.size);
    cr_assert_eq(strand_batch_check(batch.data, batch.size), STRAND_OK);
    cr_expect_eq(strand_batch_check_produced(batch.data, NULL, &scratch, &max_timestamp),
                 STRAND_ERR_BATCH);
    golden_batch_free(&batch);
}
