/* storage/batch_encode.c -- Records to bytes: every append passes through here.
 *
 * Two passes.  The first checks every record and bounds the size of all from above, so that the
 * buffer is reserved once and the second can store without looking where it is.  The bound is that
 * of records which all have the longest varints of any, close enough for real batches; the exact
 * size of a record is needed only where its length is written, in front of it.
 */
#include <inttypes.h>

#include "base/assert.h"
#include "base/buffer_pool.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "storage/batch.h"
#include "storage/compression.h"
#include "storage/record_reader.h"

/* The varints of a record, in the zigzag form in which they are stored. */
struct record_numbers {
    uint64_t timestamp_delta;
    uint64_t offset_delta;
    uint64_t key_size;
    uint64_t value_size;
    uint64_t header_count;
};

/* What the first pass finds out.  Numbers are or-ed together: the result is as wide as the widest.
 */
struct extent {
    struct record_numbers widest;
    uint64_t widest_content;
    uint64_t content_size; /* keys, values and whole headers of all records */
};

static inline uint64_t
zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ -(uint64_t)(value < 0);
}

/* Length -1 is null. */
static inline uint64_t
zigzag_size(struct strand_bytes bytes)
{
    return bytes.data == NULL ? 1 : (uint64_t)bytes.size << 1;
}

static inline size_t
content_size(struct strand_bytes bytes)
{
    return bytes.data == NULL ? 0 : bytes.size;
}

/* Bytes of a varint: its bits by 7, rounded up, without dividing; exact for 1 to 64 bits. */
static inline size_t
stored_size(uint64_t number)
{
    unsigned bits = 64u - (unsigned)__builtin_clzll(number | 1);

    return (bits * 9 + 64) >> 6;
}

static inline uint8_t *
put_number(uint8_t *to, uint64_t number)
{
    for (; number >= 0x80; number >>= 7)
        *to++ = (uint8_t)(number | 0x80);
    *to++ = (uint8_t)number;
    return to;
}

static inline uint8_t *
put_bytes(uint8_t *to, uint64_t size_number, struct strand_bytes bytes)
{
    to = put_number(to, size_number);
    if (bytes.data == NULL)
        return to;
    memcpy(to, bytes.data, bytes.size);
    return to + bytes.size;
}

static inline struct record_numbers
make_numbers(const struct strand_record *record, int64_t timestamp_delta, int32_t offset_delta)
{
    return (struct record_numbers){
        .timestamp_delta = zigzag(timestamp_delta),
        .offset_delta = zigzag(offset_delta),
        .key_size = zigzag_size(record->key),
        .value_size = zigzag_size(record->value),
        .header_count = (uint64_t)record->header_count << 1,
    };
}

/* All numbers of a record but its length. */
static inline size_t
numbers_size(const struct record_numbers *numbers)
{
    return stored_size(numbers->timestamp_delta) + stored_size(numbers->offset_delta) +
           stored_size(numbers->key_size) + stored_size(numbers->value_size) +
           stored_size(numbers->header_count);
}

static size_t
headers_size(const struct strand_record *record)
{
    size_t size = 0;

    for (size_t i = 0; i < record->header_count; i++) {
        const struct strand_header *header = &record->headers[i];
        size += stored_size(zigzag_size(header->key)) + content_size(header->key);
        size += stored_size(zigzag_size(header->value)) + content_size(header->value);
    }
    return size;
}

/* What follows the length: one byte of attributes, numbers, contents. */
static inline size_t
body_size(const struct strand_record *record, const struct record_numbers *numbers)
{
    size_t size =
        1 + numbers_size(numbers) + content_size(record->key) + content_size(record->value);

    return record->header_count == 0 ? size : size + headers_size(record);
}

static uint8_t *
put_headers(uint8_t *to, const struct strand_record *record)
{
    for (size_t i = 0; i < record->header_count; i++) {
        const struct strand_header *header = &record->headers[i];
        to = put_bytes(to, zigzag_size(header->key), header->key);
        to = put_bytes(to, zigzag_size(header->value), header->value);
    }
    return to;
}

static inline uint8_t *
put_record(uint8_t *to, const struct strand_record *record, const struct record_numbers *numbers)
{
    to = put_number(to, (uint64_t)body_size(record, numbers) << 1);
    *to++ = 0; /* attributes: no bit has a meaning */
    to = put_number(to, numbers->timestamp_delta);
    to = put_number(to, numbers->offset_delta);
    to = put_bytes(to, numbers->key_size, record->key);
    to = put_bytes(to, numbers->value_size, record->value);
    to = put_number(to, numbers->header_count);
    return record->header_count == 0 ? to : put_headers(to, record);
}

size_t
strand_record_encoded_size(const struct strand_record *record, int64_t timestamp_delta,
                           int32_t offset_delta)
{
    struct record_numbers numbers = make_numbers(record, timestamp_delta, offset_delta);
    size_t size = body_size(record, &numbers);

    return stored_size((uint64_t)size << 1) + size;
}

/* What is encoded.  Passed by value: stores to bytes could change anything that has an address. */
struct source {
    const struct strand_record *records;
    size_t count;
    int64_t base_offset;
    int64_t base_timestamp_ms;
    int32_t last_offset_delta;
    int64_t now_ms;
    bool keep_offsets;
    bool keep_timestamps;
};

static inline int64_t
record_timestamp(const struct source *source, const struct strand_record *record)
{
    if (record->timestamp_ms == 0 && !source->keep_timestamps)
        return source->now_ms;
    return record->timestamp_ms;
}

/* Record INDEX of SOURCE, whose offset has been checked if it is used.  A timestamp very far from
 * the base timestamp wraps around, as in Kafka. */
static inline struct record_numbers
number_record(const struct source *source, size_t index)
{
    const struct strand_record *record = &source->records[index];
    int64_t delta =
        (int64_t)((uint64_t)record_timestamp(source, record) - (uint64_t)source->base_timestamp_ms);

    return make_numbers(record, delta,
                        source->keep_offsets ? (int32_t)(record->offset - source->base_offset)
                                             : (int32_t)index);
}

/* The header's own numbers fit together, see check_header(). */
static int
check_offset(const struct source *source, int64_t offset, int64_t previous)
{
    if (offset <= previous)
        return strand_fail(STRAND_ERR_INVALID,
                           "encode batch: offset %" PRId64 " does not increase upon %" PRId64,
                           offset, previous);
    if (offset - source->base_offset > source->last_offset_delta)
        return strand_fail(STRAND_ERR_INVALID,
                           "encode batch: offset %" PRId64 " is beyond %" PRId64
                           " and last offset delta %" PRId32,
                           offset, source->base_offset, source->last_offset_delta);
    return STRAND_OK;
}

/* Null has no bytes: a size without data is a mistake of the caller, not a null. */
static inline bool
is_torn(struct strand_bytes bytes)
{
    return bytes.data == NULL && bytes.size > 0;
}

static int
measure_headers(const struct strand_record *record, size_t index, uint64_t *content)
{
    if (record->header_count > INT32_MAX)
        return strand_fail(STRAND_ERR_INVALID, "encode batch: record %zu: %zu headers are too many",
                           index, record->header_count);
    if (record->headers == NULL)
        return strand_fail(STRAND_ERR_INVALID,
                           "encode batch: record %zu: %zu headers, but headers is NULL", index,
                           record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct strand_header *header = &record->headers[i];

        if (header->key.data == NULL)
            return strand_fail(STRAND_ERR_INVALID,
                               "encode batch: record %zu: key of header %zu is null", index, i);
        if (is_torn(header->value))
            return strand_fail(STRAND_ERR_INVALID,
                               "encode batch: record %zu: value of header %zu has a size but no "
                               "data",
                               index, i);
        if (header->key.size > INT32_MAX || content_size(header->value) > INT32_MAX)
            return strand_fail(STRAND_ERR_INVALID,
                               "encode batch: record %zu: header %zu is too large", index, i);
    }
    *content += headers_size(record);
    return STRAND_OK;
}

/* Add record INDEX to EXTENT. */
static inline int
measure_record(const struct strand_record *record, size_t index,
               const struct record_numbers *numbers, struct extent *extent)
{
    if (is_torn(record->key) || is_torn(record->value))
        return strand_fail(STRAND_ERR_INVALID,
                           "encode batch: record %zu: its %s has a size but no data", index,
                           is_torn(record->key) ? "key" : "value");
    if (content_size(record->key) > INT32_MAX || content_size(record->value) > INT32_MAX)
        return strand_fail(STRAND_ERR_INVALID,
                           "encode batch: record %zu: a key or value is too large", index);

    uint64_t content = (uint64_t)content_size(record->key) + content_size(record->value);
    if (record->header_count > 0) {
        int status = measure_headers(record, index, &content);
        if (status != STRAND_OK)
            return status;
    }
    extent->content_size += content;
    if (extent->content_size > INT32_MAX)
        return strand_fail(STRAND_ERR_INVALID, "encode batch: the records are too large");
    extent->widest_content |= content;
    extent->widest.timestamp_delta |= numbers->timestamp_delta;
    extent->widest.offset_delta |= numbers->offset_delta;
    extent->widest.key_size |= numbers->key_size;
    extent->widest.value_size |= numbers->value_size;
    extent->widest.header_count |= numbers->header_count;
    return STRAND_OK;
}

/* At least the size of the COUNT records in EXTENT. */
static uint64_t
extent_size(const struct extent *extent, size_t count)
{
    uint64_t body = 1 + numbers_size(&extent->widest);
    uint64_t length = stored_size((body + extent->widest_content) << 1);

    return extent->content_size + count * (length + body);
}

/* First pass: check all, and bound their size. */
static int
measure_records(const struct source *source, uint64_t *out_size)
{
    struct extent extent = {.content_size = 0};
    int64_t previous_offset = source->base_offset - 1;
    int status = STRAND_OK;

    for (size_t i = 0; i < source->count && status == STRAND_OK; i++) {
        const struct strand_record *record = &source->records[i];
        int64_t timestamp = record_timestamp(source, record);

        if (timestamp < STRAND_NO_TIMESTAMP)
            return strand_fail(STRAND_ERR_INVALID,
                               "encode batch: timestamp %" PRId64 " of record %zu is negative",
                               timestamp, i);
        if (source->keep_offsets) {
            status = check_offset(source, record->offset, previous_offset);
            if (status != STRAND_OK)
                return status;
            previous_offset = record->offset;
        }
        struct record_numbers numbers = number_record(source, i);
        status = measure_record(record, i, &numbers, &extent);
    }
    *out_size = extent_size(&extent, source->count);
    return status;
}

/* Second pass: store all at TO, which has room for them; return the end. */
static uint8_t *
put_records(uint8_t *to, const struct source source)
{
    for (size_t i = 0; i < source.count; i++) {
        struct record_numbers numbers = number_record(&source, i);
        to = put_record(to, &source.records[i], &numbers);
    }
    return to;
}

/* Reserve TO for OFFSET + BOUND bytes and put the records at OFFSET. */
static int
place_records(struct strand_buffer *to, size_t offset, uint64_t bound, const struct source *source)
{
    to->size = 0; /* what it holds need not survive its growth */
    int status = strand_buffer_reserve(to, offset + (size_t)bound);
    if (status != STRAND_OK)
        return status;

    const uint8_t *end = put_records(to->data + offset, *source);
    to->size = (size_t)(end - to->data);
    strand_assert(to->size <= offset + bound);
    return STRAND_OK;
}

static int
check_producer(const struct strand_batch_header *header)
{
    if (header->producer_id < 0)
        return (header->attributes & STRAND_BATCH_TRANSACTIONAL) == 0
                   ? STRAND_OK
                   : strand_fail(STRAND_ERR_INVALID,
                                 "encode batch: it is transactional but has no producer id");
    if (header->producer_epoch < 0)
        return strand_fail(STRAND_ERR_INVALID,
                           "encode batch: producer id %" PRId64 " has no producer epoch",
                           header->producer_id);
    if (header->base_sequence < 0 && (header->attributes & STRAND_BATCH_CONTROL) == 0)
        return strand_fail(STRAND_ERR_INVALID,
                           "encode batch: producer id %" PRId64 " has no base sequence",
                           header->producer_id);
    return STRAND_OK;
}

/* What is encoded is accepted by strand_batch_check_header(). */
static int
check_header(const struct strand_batch_header *header, size_t count)
{
    if (header->base_offset < 0 || header->last_offset_delta < 0 ||
        header->base_offset >= INT64_MAX - header->last_offset_delta)
        return strand_fail(STRAND_ERR_INVALID,
                           "encode batch: base offset %" PRId64 " with last offset delta %" PRId32,
                           header->base_offset, header->last_offset_delta);
    if (count > (size_t)header->last_offset_delta + 1)
        return strand_fail(STRAND_ERR_INVALID,
                           "encode batch: last offset delta %" PRId32
                           " is too small for %zu records",
                           header->last_offset_delta, count);
    return check_producer(header);
}

/* Everything is in place behind the header: write it, the CRC last. */
static void
put_header(struct strand_buffer *out, const struct strand_batch_header *header, unsigned attributes,
           size_t count)
{
    uint8_t *batch = out->data;

    strand_assert(out->size >= STRAND_BATCH_HEADER_SIZE);
    strand_assert(out->size - STRAND_BATCH_OVERHEAD_SIZE <= INT32_MAX);
    strand_put_be64(batch + STRAND_BATCH_BASE_OFFSET, (uint64_t)header->base_offset);
    strand_put_be32(batch + STRAND_BATCH_LENGTH,
                    (uint32_t)(out->size - STRAND_BATCH_OVERHEAD_SIZE));
    strand_put_be32(batch + STRAND_BATCH_LEADER_EPOCH, (uint32_t)header->leader_epoch);
    batch[STRAND_BATCH_MAGIC] = STRAND_BATCH_MAGIC_CURRENT;
    strand_put_be16(batch + STRAND_BATCH_ATTRIBUTES, (uint16_t)attributes);
    strand_put_be32(batch + STRAND_BATCH_LAST_OFFSET_DELTA, (uint32_t)header->last_offset_delta);
    strand_put_be64(batch + STRAND_BATCH_BASE_TIMESTAMP, (uint64_t)header->base_timestamp_ms);
    strand_put_be64(batch + STRAND_BATCH_MAX_TIMESTAMP, (uint64_t)header->max_timestamp_ms);
    strand_put_be64(batch + STRAND_BATCH_PRODUCER_ID, (uint64_t)header->producer_id);
    strand_put_be16(batch + STRAND_BATCH_PRODUCER_EPOCH, (uint16_t)header->producer_epoch);
    strand_put_be32(batch + STRAND_BATCH_BASE_SEQUENCE, (uint32_t)header->base_sequence);
    strand_put_be32(batch + STRAND_BATCH_RECORD_COUNT, (uint32_t)count);
    strand_put_be32(batch + STRAND_BATCH_CRC, strand_crc32c(0, batch + STRAND_BATCH_CRC_START,
                                                            out->size - STRAND_BATCH_CRC_START));
}

static int
check_bound(uint64_t bound, int codec)
{
    uint64_t size_max = codec == STRAND_CODEC_NONE ? INT32_MAX - STRAND_BATCH_LENGTH_MIN
                                                   : STRAND_DECOMPRESSED_SIZE_MAX;
    if (bound > size_max)
        return strand_fail(STRAND_ERR_INVALID,
                           "encode batch: up to %" PRIu64 " bytes of records exceed %" PRIu64,
                           bound, size_max);
    return STRAND_OK;
}

/* SCRATCH, compressed, behind room for the header. */
static int
place_compressed(struct strand_codec_pool *codecs, int codec, int level,
                 const struct strand_buffer *scratch, struct strand_buffer *out)
{
    int status = strand_buffer_reserve(out, STRAND_BATCH_RECORDS);
    if (status != STRAND_OK)
        return status;
    out->size = STRAND_BATCH_RECORDS;
    return strand_compress(codecs, codec, level, scratch->data, scratch->size, out);
}

int
strand_batch_encode(const struct strand_batch_header *header, const struct strand_record *records,
                    size_t count, const struct strand_batch_encoding *encoding,
                    struct strand_codec_pool *codecs, struct strand_buffer *scratch,
                    struct strand_buffer *out)
{
    struct source source = {
        .records = records,
        .count = count,
        .base_offset = header->base_offset,
        .base_timestamp_ms = header->base_timestamp_ms,
        .last_offset_delta = header->last_offset_delta,
        .now_ms = encoding->now_ms,
        .keep_offsets = encoding->keep_offsets,
        .keep_timestamps = encoding->keep_timestamps,
    };
    unsigned attributes = header->attributes & STRAND_BATCH_ATTRIBUTES_KNOWN;
    if (count == 0) /* there is nothing to compress, and Kafka says so too */
        attributes &= ~(unsigned)STRAND_BATCH_CODEC_MASK;
    int codec = (int)(attributes & STRAND_BATCH_CODEC_MASK);
    bool is_plain = codec == STRAND_CODEC_NONE;
    uint64_t bound = 0;

    int status = check_header(header, count);
    if (status == STRAND_OK)
        status = measure_records(&source, &bound);
    if (status == STRAND_OK)
        status = check_bound(bound, codec);
    if (status == STRAND_OK)
        status = place_records(is_plain ? out : scratch, is_plain ? STRAND_BATCH_RECORDS : 0, bound,
                               &source);
    if (status == STRAND_OK && !is_plain)
        status = place_compressed(codecs, codec, encoding->compression_level, scratch, out);
    if (status == STRAND_OK)
        put_header(out, header, attributes, count);
    return status;
}
