/* storage/record_reader.c -- Walking the records of a batch.
 *
 * Every number comes from outside.  A record is read through a pair of pointers that never leaves
 * it, its end is taken from its own length, and that length is compared with the payload first: so
 * no later check can be forgotten.  Varints of one and two bytes, nearly all there are, are read in
 * line.  Parsing says what is wrong as a string constant; only where it ends up is it made a
 * sentence.
 */
#include "storage/record_reader.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/buffer_pool.h"
#include "base/error.h"
#include "base/varint.h"
#include "storage/compression.h"

enum {
    HEADERS_CAPACITY_MIN = 8,
    HEADER_SIZE_MIN = 2,         /* an empty key, a null value */
    CONTROL_KEY_SIZE_MIN = 4,    /* version int16, type int16 */
    CONTROL_MARKER_SIZE_MIN = 6, /* version int16, coordinator epoch int32 */
};

/* What is left to read of a record. */
struct span {
    const uint8_t *at;
    const uint8_t *end;
};

/* *OUT_ZIGZAG when the number takes one or two bytes; false: not read. */
static inline bool
take_short(struct span *span, uint32_t *out_zigzag)
{
    const uint8_t *at = span->at;

    if (span->end > at && at[0] < 0x80) {
        *out_zigzag = at[0];
        span->at = at + 1;
        return true;
    }
    if (span->end - at > 1 && at[1] < 0x80) {
        *out_zigzag = (at[0] & 0x7fu) | (uint32_t)at[1] << 7;
        span->at = at + 2;
        return true;
    }
    return false;
}

static inline int32_t
undo_zigzag(uint32_t zigzag)
{
    return (int32_t)(zigzag >> 1) ^ -(int32_t)(zigzag & 1);
}

static inline bool
take_varint(struct span *span, int32_t *out_value)
{
    uint32_t zigzag;

    if (take_short(span, &zigzag)) {
        *out_value = undo_zigzag(zigzag);
        return true;
    }
    const uint8_t *next = strand_varint_get(span->at, span->end, out_value);
    if (next == NULL)
        return false;
    span->at = next;
    return true;
}

static inline bool
take_varlong(struct span *span, int64_t *out_value)
{
    uint32_t zigzag;

    if (take_short(span, &zigzag)) {
        *out_value = undo_zigzag(zigzag);
        return true;
    }
    const uint8_t *next = strand_varlong_get(span->at, span->end, out_value);
    if (next == NULL)
        return false;
    span->at = next;
    return true;
}

/* A length and that many bytes.  Any negative length is null, as in Kafka's reader. */
static inline bool
take_bytes(struct span *span, struct strand_bytes *out_bytes)
{
    int32_t size;

    if (!take_varint(span, &size) || size > span->end - span->at)
        return false;
    if (size < 0) {
        *out_bytes = strand_bytes(NULL, 0);
        return true;
    }
    *out_bytes = strand_bytes(span->at, (size_t)size);
    span->at += size;
    return true;
}

static int
malformed(const struct strand_record_reader *reader, const char *problem)
{
    return strand_fail(
        STRAND_ERR_BATCH, "read record %" PRId32 " of the batch at offset %" PRId64 ": %s",
        reader->header.record_count - reader->remaining, reader->header.base_offset, problem);
}

static int
reserve_headers(struct strand_record_reader *reader, size_t count)
{
    if (count <= reader->headers_capacity)
        return STRAND_OK;

    size_t capacity = count < HEADERS_CAPACITY_MIN ? HEADERS_CAPACITY_MIN : count;
    struct strand_header *headers = NULL;
    if (capacity <= SIZE_MAX / sizeof *headers)
        headers = realloc(reader->headers, capacity * sizeof *headers);
    if (headers == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "read record: no memory for %zu headers", count);
    reader->headers = headers;
    reader->headers_capacity = capacity;
    return STRAND_OK;
}

static int
read_headers(struct strand_record_reader *reader, struct span *span, size_t count)
{
    if (count > (size_t)(span->end - span->at) / HEADER_SIZE_MIN)
        return malformed(reader, "header count is larger than the record has room for");
    if (!reader->skip_headers) {
        int status = reserve_headers(reader, count);
        if (status != STRAND_OK)
            return status;
    }
    for (size_t i = 0; i < count; i++) {
        struct strand_header header;

        if (!take_bytes(span, &header.key))
            return malformed(reader, "header key runs beyond the record");
        if (header.key.data == NULL)
            return malformed(reader, "header key is null");
        if (!take_bytes(span, &header.value))
            return malformed(reader, "header value runs beyond the record");
        if (!reader->skip_headers)
            reader->headers[i] = header;
    }
    return STRAND_OK;
}

/* Offset and timestamp from their deltas.  What is wrong with the offset, or NULL. */
static inline const char *
place_record(const struct strand_record_reader *reader, int64_t timestamp_delta,
             int32_t offset_delta, struct strand_record *record)
{
    const struct strand_batch_header *header = &reader->header;

    if (offset_delta < 0 || offset_delta > header->last_offset_delta)
        return "offset delta lies outside the batch";
    record->offset = header->base_offset + offset_delta;
    if (record->offset <= reader->previous_offset)
        return "offsets do not increase";
    record->timestamp_ms =
        (reader->flags & STRAND_RECORD_LOG_APPEND_TIME) != 0
            ? header->max_timestamp_ms
            : (int64_t)((uint64_t)header->base_timestamp_ms + (uint64_t)timestamp_delta);
    return NULL;
}

/* All of a record but its headers; SPAN is left at them.  What is wrong, or NULL. */
static inline const char *
parse_record(const struct strand_record_reader *reader, struct span *span,
             struct strand_record *record, int32_t *out_header_count)
{
    int64_t timestamp_delta;
    int32_t offset_delta;

    if (span->at == span->end)
        return "it is empty";
    span->at++; /* attributes: no bit has a meaning, and Kafka looks at none */
    if (!take_varlong(span, &timestamp_delta))
        return "timestamp delta is cut off or too long";
    if (!take_varint(span, &offset_delta))
        return "offset delta is cut off or too long";
    if (!take_bytes(span, &record->key))
        return "key runs beyond the record";
    if (!take_bytes(span, &record->value))
        return "value runs beyond the record";
    if (!take_varint(span, out_header_count))
        return "header count is cut off or too long";
    if (*out_header_count < 0)
        return "header count is negative";
    return place_record(reader, timestamp_delta, offset_delta, record);
}

int
strand_record_reader_next(struct strand_record_reader *reader, struct strand_record *out_record)
{
    if (reader->remaining == 0)
        return reader->position == reader->end ? STRAND_END
                                               : malformed(reader, "bytes follow the last record");

    struct span span = {reader->position, reader->end};
    int32_t size;
    if (!take_varint(&span, &size))
        return malformed(reader, "its length is cut off or too long");
    if (size < 0 || size > span.end - span.at)
        return malformed(reader, "it runs beyond the records of the batch");
    span.end = span.at + size;

    struct strand_record record = {.leader_epoch = reader->header.leader_epoch,
                                   .flags = reader->flags};
    int32_t header_count;
    const char *problem = parse_record(reader, &span, &record, &header_count);
    if (problem != NULL)
        return malformed(reader, problem);
    if (header_count > 0) {
        int status = read_headers(reader, &span, (size_t)header_count);
        if (status != STRAND_OK)
            return status;
        if (!reader->skip_headers) {
            record.headers = reader->headers;
            record.header_count = (size_t)header_count;
        }
    }
    if (span.at != span.end)
        return malformed(reader, "it is shorter than its length says");

    reader->position = span.end;
    reader->previous_offset = record.offset;
    reader->remaining--;
    *out_record = record;
    return STRAND_OK;
}

void
strand_record_reader_init(struct strand_record_reader *reader)
{
    *reader = (struct strand_record_reader){0};
}

void
strand_record_reader_deinit(struct strand_record_reader *reader)
{
    free(reader->headers);
    strand_record_reader_init(reader);
}

static uint32_t
record_flags(unsigned attributes)
{
    uint32_t flags = 0;

    if ((attributes & STRAND_BATCH_LOG_APPEND_TIME) != 0)
        flags |= STRAND_RECORD_LOG_APPEND_TIME;
    if ((attributes & STRAND_BATCH_TRANSACTIONAL) != 0)
        flags |= STRAND_RECORD_TRANSACTIONAL;
    if ((attributes & STRAND_BATCH_CONTROL) != 0)
        flags |= STRAND_RECORD_CONTROL;
    return flags;
}

int
strand_record_reader_open(struct strand_record_reader *reader, const uint8_t *batch,
                          struct strand_codec_pool *codecs, struct strand_buffer *decompressed)
{
    struct strand_batch_header header;

    strand_batch_decode_header(batch, &header);
    strand_assert(header.size >= STRAND_BATCH_HEADER_SIZE);
    reader->position = reader->end = NULL; /* after a failure there is nothing to read */
    reader->remaining = 0;

    const uint8_t *records = batch + STRAND_BATCH_RECORDS;
    size_t size = (size_t)header.size - STRAND_BATCH_HEADER_SIZE;
    int codec = header.attributes & STRAND_BATCH_CODEC_MASK;
    if (codec != STRAND_CODEC_NONE && size > 0) {
        int status = strand_decompress(codecs, codec, records, size, STRAND_DECOMPRESSED_SIZE_MAX,
                                       decompressed);
        if (status != STRAND_OK)
            return status;
        records = decompressed->data;
        size = decompressed->size;
    }

    reader->header = header;
    reader->flags = record_flags(header.attributes);
    reader->position = records;
    reader->end = size == 0 ? records : records + size;
    reader->remaining = header.record_count;
    reader->previous_offset = header.base_offset - 1;
    return STRAND_OK;
}

int
strand_control_record_decode(const struct strand_record *record,
                             struct strand_control_record *out_control)
{
    const uint8_t *key = record->key.data;
    const uint8_t *value = record->value.data;

    if (key == NULL || record->key.size < CONTROL_KEY_SIZE_MIN)
        return strand_fail(STRAND_ERR_BATCH, "read control record: its key of %zu bytes is short",
                           record->key.size);
    int version = (int16_t)strand_get_be16(key);
    int type = (int16_t)strand_get_be16(key + 2);
    if (version < 0)
        return strand_fail(STRAND_ERR_BATCH, "read control record: key version %d", version);

    struct strand_control_record control = {.type = type, .coordinator_epoch = -1};
    if (type == STRAND_CONTROL_ABORT || type == STRAND_CONTROL_COMMIT) {
        if (value == NULL || record->value.size < CONTROL_MARKER_SIZE_MIN)
            return strand_fail(STRAND_ERR_BATCH,
                               "read control record: its marker of %zu bytes is short",
                               record->value.size);
        version = (int16_t)strand_get_be16(value);
        if (version < 0)
            return strand_fail(STRAND_ERR_BATCH, "read control record: marker version %d", version);
        control.coordinator_epoch = (int32_t)strand_get_be32(value + 2);
    }
    *out_control = control;
    return STRAND_OK;
}
