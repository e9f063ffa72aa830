/* storage/batch.c -- Looking at, checking and stamping batches that are bytes already.
 *
 * Sizes come first in every check, so that nothing is read that was not said to be there; a header
 * alone suffices for strand_batch_check_header(), which reads no further than it.
 */
#include "storage/batch.h"

#include <inttypes.h>

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "storage/record_reader.h"
#include "strandline/log.h"

enum { MAGIC_SIZE_MIN = STRAND_BATCH_MAGIC + 1 }; /* to see the version of the format */

void
strand_batch_decode_header(const uint8_t *batch, struct strand_batch_header *out_header)
{
    *out_header = (struct strand_batch_header){
        .base_offset = strand_batch_base_offset(batch),
        .leader_epoch = strand_batch_leader_epoch(batch),
        .crc = strand_get_be32(batch + STRAND_BATCH_CRC),
        .attributes = strand_batch_attributes(batch),
        .last_offset_delta = (int32_t)strand_get_be32(batch + STRAND_BATCH_LAST_OFFSET_DELTA),
        .base_timestamp_ms = (int64_t)strand_get_be64(batch + STRAND_BATCH_BASE_TIMESTAMP),
        .max_timestamp_ms = strand_batch_max_timestamp(batch),
        .producer_id = (int64_t)strand_get_be64(batch + STRAND_BATCH_PRODUCER_ID),
        .producer_epoch = (int16_t)strand_get_be16(batch + STRAND_BATCH_PRODUCER_EPOCH),
        .base_sequence = (int32_t)strand_get_be32(batch + STRAND_BATCH_BASE_SEQUENCE),
        .record_count = strand_batch_record_count(batch),
        .size = strand_batch_size(batch),
    };
}

void
strand_batch_header_init(struct strand_batch_header *out_header,
                         const struct strand_record *records, size_t count, int codec,
                         int timestamp_type, int64_t now_ms)
{
    strand_assert(timestamp_type == STRAND_CREATE_TIME || timestamp_type == STRAND_LOG_APPEND_TIME);
    strand_assert((codec & ~STRAND_BATCH_CODEC_MASK) == 0);

    int64_t base_timestamp = STRAND_NO_TIMESTAMP;
    int64_t max_timestamp = STRAND_NO_TIMESTAMP;
    for (size_t i = 0; i < count; i++) {
        int64_t timestamp = records[i].timestamp_ms == 0 ? now_ms : records[i].timestamp_ms;
        if (i == 0)
            base_timestamp = timestamp;
        if (timestamp > max_timestamp)
            max_timestamp = timestamp;
    }

    uint16_t attributes = (uint16_t)codec;
    if (timestamp_type == STRAND_LOG_APPEND_TIME) {
        attributes |= STRAND_BATCH_LOG_APPEND_TIME;
        max_timestamp = now_ms;
    }
    int32_t record_count = count > INT32_MAX ? INT32_MAX : (int32_t)count;
    *out_header = (struct strand_batch_header){
        .leader_epoch = -1,
        .attributes = attributes,
        .last_offset_delta = record_count == 0 ? 0 : record_count - 1,
        .base_timestamp_ms = base_timestamp,
        .max_timestamp_ms = max_timestamp,
        .producer_id = -1,
        .producer_epoch = -1,
        .base_sequence = -1,
        .record_count = record_count,
    };
}

static int
check_magic(int magic)
{
    if (magic == STRAND_BATCH_MAGIC_CURRENT)
        return STRAND_OK;
    if (magic == 0 || magic == 1)
        return strand_fail(STRAND_ERR_MAGIC,
                           "check batch: magic %d: message format v%d is not supported", magic,
                           magic);
    return strand_fail(STRAND_ERR_MAGIC, "check batch: magic %d: unknown record format", magic);
}

static int
check_size(const uint8_t *batch, size_t available)
{
    int64_t size = strand_batch_size(batch);

    if (size < STRAND_BATCH_HEADER_SIZE)
        return strand_fail(STRAND_ERR_BATCH, "check batch: length %" PRId64 " is below %d",
                           size - STRAND_BATCH_OVERHEAD_SIZE, STRAND_BATCH_LENGTH_MIN);
    if ((uint64_t)size > available)
        return strand_fail(STRAND_ERR_BATCH,
                           "check batch: it has %" PRId64 " bytes, of which %zu are there", size,
                           available);
    return STRAND_OK;
}

/* What counts records and offsets must fit together. */
static int
check_span(const struct strand_batch_header *header)
{
    if (header->last_offset_delta < 0)
        return strand_fail(STRAND_ERR_BATCH,
                           "check batch: last offset delta %" PRId32 " is negative",
                           header->last_offset_delta);
    if (header->record_count < 0)
        return strand_fail(STRAND_ERR_BATCH, "check batch: record count %" PRId32 " is negative",
                           header->record_count);
    if (header->base_offset < 0)
        return strand_fail(STRAND_ERR_BATCH, "check batch: base offset %" PRId64 " is negative",
                           header->base_offset);
    if (header->base_offset >= INT64_MAX - header->last_offset_delta)
        return strand_fail(STRAND_ERR_BATCH,
                           "check batch: base offset %" PRId64 " and last offset delta %" PRId32
                           " exceed the largest offset",
                           header->base_offset, header->last_offset_delta);
    if (header->record_count > (int64_t)header->last_offset_delta + 1)
        return strand_fail(STRAND_ERR_BATCH,
                           "check batch: record count %" PRId32
                           " exceeds what last offset delta %" PRId32 " spans",
                           header->record_count, header->last_offset_delta);
    return STRAND_OK;
}

int
strand_batch_check_header(const void *data, size_t available)
{
    const uint8_t *batch = data;

    if (available < MAGIC_SIZE_MIN)
        return strand_fail(STRAND_ERR_BATCH,
                           "check batch: %zu bytes are fewer than the %d up to "
                           "its magic",
                           available, MAGIC_SIZE_MIN);
    int status = check_magic(strand_batch_magic(batch));
    if (status == STRAND_OK)
        status = check_size(batch, available);
    if (status != STRAND_OK)
        return status;

    struct strand_batch_header header;
    strand_batch_decode_header(batch, &header);
    return check_span(&header);
}

static uint32_t
compute_crc(const uint8_t *batch)
{
    return strand_crc32c(0, batch + STRAND_BATCH_CRC_START,
                         (size_t)strand_batch_size(batch) - STRAND_BATCH_CRC_START);
}

int
strand_batch_check(const void *data, size_t available)
{
    const uint8_t *batch = data;
    int status = strand_batch_check_header(batch, available);
    if (status != STRAND_OK)
        return status;

    uint32_t stored = strand_get_be32(batch + STRAND_BATCH_CRC);
    uint32_t computed = compute_crc(batch);
    if (stored != computed)
        return strand_fail(STRAND_ERR_BATCH,
                           "check batch at offset %" PRId64 ": CRC is %08" PRIx32
                           ", its bytes give %08" PRIx32,
                           strand_batch_base_offset(batch), stored, computed);
    return STRAND_OK;
}

static int
check_produced_header(const struct strand_batch_header *header)
{
    if ((header->attributes & STRAND_BATCH_CONTROL) != 0)
        return strand_fail(STRAND_ERR_BATCH,
                           "check produced batch: a producer may not write control batches");
    if (header->record_count < 1)
        return strand_fail(STRAND_ERR_BATCH, "check produced batch: it has no records");
    if (header->record_count != (int64_t)header->last_offset_delta + 1)
        return strand_fail(STRAND_ERR_BATCH,
                           "check produced batch: record count %" PRId32
                           " does not match last offset delta %" PRId32,
                           header->record_count, header->last_offset_delta);
    if (header->producer_id >= 0 && header->base_sequence < 0)
        return strand_fail(STRAND_ERR_BATCH,
                           "check produced batch: producer id %" PRId64
                           " comes with base sequence %" PRId32,
                           header->producer_id, header->base_sequence);
    if (header->base_offset != 0)
        return strand_fail(STRAND_ERR_BATCH,
                           "check produced batch: base offset is %" PRId64 " instead of 0",
                           header->base_offset);
    return STRAND_OK;
}

/* The header has as many records as offsets and the reader lets offsets only increase, so that
 * reading to the end proves that each offset delta is its index. */
static int
check_produced_records(struct strand_record_reader *reader, int64_t *out_max_timestamp_ms)
{
    int64_t max_timestamp = STRAND_NO_TIMESTAMP;
    struct strand_record record;
    int status;

    while ((status = strand_record_reader_next(reader, &record)) == STRAND_OK)
        if (record.timestamp_ms > max_timestamp)
            max_timestamp = record.timestamp_ms;
    if (status != STRAND_END)
        return status;
    *out_max_timestamp_ms = max_timestamp;
    return STRAND_OK;
}

int
strand_batch_check_produced(const uint8_t *batch, struct strand_codec_pool *codecs,
                            struct strand_buffer *scratch, int64_t *out_max_timestamp_ms)
{
    struct strand_batch_header header;

    strand_batch_decode_header(batch, &header);
    int status = check_produced_header(&header);
    if (status != STRAND_OK)
        return status;

    struct strand_record_reader reader;
    strand_record_reader_init(&reader);
    reader.skip_headers = true;
    status = strand_record_reader_open(&reader, batch, codecs, scratch);
    if (status == STRAND_OK)
        status = check_produced_records(&reader, out_max_timestamp_ms);
    strand_record_reader_deinit(&reader);
    return status;
}

void
strand_batch_set_base_offset(uint8_t *batch, int64_t base_offset)
{
    strand_assert(base_offset >= 0);
    strand_put_be64(batch + STRAND_BATCH_BASE_OFFSET, (uint64_t)base_offset);
}

void
strand_batch_set_leader_epoch(uint8_t *batch, int32_t leader_epoch)
{
    strand_put_be32(batch + STRAND_BATCH_LEADER_EPOCH, (uint32_t)leader_epoch);
}

void
strand_batch_set_max_timestamp(uint8_t *batch, int timestamp_type, int64_t max_timestamp_ms)
{
    strand_assert(timestamp_type == STRAND_CREATE_TIME || timestamp_type == STRAND_LOG_APPEND_TIME);

    unsigned stored = strand_batch_attributes(batch);
    unsigned wanted = timestamp_type == STRAND_LOG_APPEND_TIME ? STRAND_BATCH_LOG_APPEND_TIME : 0;
    if ((stored & STRAND_BATCH_LOG_APPEND_TIME) == wanted &&
        strand_batch_max_timestamp(batch) == max_timestamp_ms)
        return;

    /* Bits that have no meaning are dropped, as Kafka does whenever it writes attributes. */
    unsigned kept =
        stored & STRAND_BATCH_ATTRIBUTES_KNOWN & ~(unsigned)STRAND_BATCH_LOG_APPEND_TIME;
    strand_put_be16(batch + STRAND_BATCH_ATTRIBUTES, (uint16_t)(kept | wanted));
    strand_put_be64(batch + STRAND_BATCH_MAX_TIMESTAMP, (uint64_t)max_timestamp_ms);
    strand_put_be32(batch + STRAND_BATCH_CRC, compute_crc(batch));
}

int32_t
strand_sequence_add(int32_t sequence, int32_t delta)
{
    strand_assert(delta >= 0);
    if (sequence < 0)
        return sequence;
    return sequence > INT32_MAX - delta ? delta - (INT32_MAX - sequence) - 1 : sequence + delta;
}

int32_t
strand_sequence_subtract(int32_t sequence, int32_t delta)
{
    strand_assert(delta >= 0);
    if (sequence < 0)
        return sequence;
    return sequence < delta ? INT32_MAX - (delta - sequence) + 1 : sequence - delta;
}
