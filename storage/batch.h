/* storage/batch.h -- Batches as bytes: look at the header, check, stamp, encode.
 *
 * Nothing here allocates but the growth of the caller's buffer.  Bytes from callers, disk or
 * network are checked, never asserted: a batch is used only after strand_batch_check_header()
 * accepted it.
 *
 * Threading: no state.
 */
#ifndef STRAND_STORAGE_BATCH_H
#define STRAND_STORAGE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "storage/batch_format.h"
#include "strandline/record.h"
#include "strandline/status.h"

struct strand_buffer;
struct strand_codec_pool;

/* ---- Fields of an encoded batch ---- */

static inline int64_t
strand_batch_base_offset(const uint8_t *batch)
{
    return (int64_t)strand_get_be64(batch + STRAND_BATCH_BASE_OFFSET);
}

/* All of it in bytes, header included; as stored, so perhaps nonsense before the check. */
static inline int64_t
strand_batch_size(const uint8_t *batch)
{
    return (int64_t)(int32_t)strand_get_be32(batch + STRAND_BATCH_LENGTH) +
           STRAND_BATCH_OVERHEAD_SIZE;
}

static inline int32_t
strand_batch_leader_epoch(const uint8_t *batch)
{
    return (int32_t)strand_get_be32(batch + STRAND_BATCH_LEADER_EPOCH);
}

static inline int8_t
strand_batch_magic(const uint8_t *batch)
{
    return (int8_t)batch[STRAND_BATCH_MAGIC];
}

static inline uint16_t
strand_batch_attributes(const uint8_t *batch)
{
    return strand_get_be16(batch + STRAND_BATCH_ATTRIBUTES);
}

/* One beyond the last offset.  Also right for a batch that compaction thinned out. */
static inline int64_t
strand_batch_end_offset(const uint8_t *batch)
{
    return strand_batch_base_offset(batch) +
           (int32_t)strand_get_be32(batch + STRAND_BATCH_LAST_OFFSET_DELTA) + 1;
}

static inline int64_t
strand_batch_max_timestamp(const uint8_t *batch)
{
    return (int64_t)strand_get_be64(batch + STRAND_BATCH_MAX_TIMESTAMP);
}

static inline int32_t
strand_batch_record_count(const uint8_t *batch)
{
    return (int32_t)strand_get_be32(batch + STRAND_BATCH_RECORD_COUNT);
}

/* ---- The header, decoded ---- */

struct strand_batch_header {
    int64_t base_offset;
    int32_t leader_epoch; /* -1 = none */
    uint32_t crc;
    uint16_t attributes; /* enum strand_batch_attribute and a codec */
    int32_t last_offset_delta;
    int64_t base_timestamp_ms;
    int64_t max_timestamp_ms;
    int64_t producer_id; /* -1 = none, as in the next two */
    int16_t producer_epoch;
    int32_t base_sequence;
    int32_t record_count;
    int64_t size; /* of the whole batch, bytes */
};

/* BATCH holds at least STRAND_BATCH_HEADER_SIZE bytes. */
void strand_batch_decode_header(const uint8_t *batch, struct strand_batch_header *out_header);

/* A header for COUNT records as a producer starts it: offsets from 0, epoch, producer id and
 * sequence -1, base timestamp of the first record, largest as max; records with timestamp 0 count
 * as NOW_MS.  TIMESTAMP_TYPE STRAND_LOG_APPEND_TIME (1): max timestamp NOW_MS and the attribute
 * bit; there is no third type.  A COUNT of 0 spans one offset and has no timestamps. */
void strand_batch_header_init(struct strand_batch_header *out_header,
                              const struct strand_record *records, size_t count, int codec,
                              int timestamp_type, int64_t now_ms);

/* ---- Checking ---- */

/* DATA[0..AVAILABLE) begins with a batch whose header makes sense and which ends within it:
 * STRAND_OK.  STRAND_ERR_MAGIC for magic 0 and 1 and unknown ones, by name; STRAND_ERR_BATCH for
 * sizes, counts or deltas that cannot be (the message says which, with its value).  It takes 17
 * bytes to know the magic, and no byte behind the header is read: who walks a file needs no more
 * than the header in memory, with AVAILABLE what the file still has. */
STRAND_MUST_USE int strand_batch_check_header(const void *data, size_t available);

/* strand_batch_check_header(), and the CRC. */
STRAND_MUST_USE int strand_batch_check(const void *data, size_t available);

/* What a leader requires of a batch from a producer (Kafka's LogValidator): no control batch,
 * records >= 1, count = offset span, a sequence when there is a producer id, base offset 0, a known
 * codec, and every record well-formed with offset delta = its index.  Decompresses if needed.
 * strand_batch_check() has accepted BATCH.  *OUT_MAX_TIMESTAMP_MS is the largest record timestamp
 * (max timestamp for LogAppendTime).  STRAND_ERR_BATCH, _CODEC, _NO_MEMORY. */
STRAND_MUST_USE int strand_batch_check_produced(const uint8_t *batch,
                                                struct strand_codec_pool *codecs,
                                                struct strand_buffer *scratch,
                                                int64_t *out_max_timestamp_ms);

/* ---- Stamping an encoded batch ---- */

/* Outside the CRC. */
void strand_batch_set_base_offset(uint8_t *batch, int64_t base_offset);
void strand_batch_set_leader_epoch(uint8_t *batch, int32_t leader_epoch);

/* Set timestamp type and max timestamp; the CRC is computed anew only if one of them changed. */
void strand_batch_set_max_timestamp(uint8_t *batch, int timestamp_type, int64_t max_timestamp_ms);

/* ---- Encoding ---- */

struct strand_batch_encoding {
    int compression_level; /* 0: the codec's default */
    int64_t now_ms;        /* timestamp of records whose timestamp_ms is 0 */
    bool keep_offsets;     /* offset deltas from record.offset; else 0, 1, 2, ... */
    bool keep_timestamps;  /* timestamp_ms 0 means 0, not now */
};

/* Encode HEADER and RECORDS[0..COUNT) into OUT (from its start; its size is set).  From the header
 * are taken: base offset, epoch, attributes (with the codec), last offset delta, timestamps,
 * producer fields.  Size, record count and CRC are computed.  A COUNT of 0 gives Kafka's empty
 * batch of 61 bytes, without a codec.  SCRATCH is used to compress; it and CODECS may be NULL
 * without compression.  No record lies in OUT or SCRATCH.  After a failure OUT holds nothing of
 * use.
 *
 * STRAND_ERR_INVALID: a null header key, a timestamp below -1, offsets that do not increase or do
 * not fit, a transaction without a producer id, a producer id without epoch or (but for control
 * batches) sequence, sizes beyond INT32_MAX, or STRAND_DECOMPRESSED_SIZE_MAX when compressed (both
 * estimated from above).  STRAND_ERR_CODEC, STRAND_ERR_NO_MEMORY. */
STRAND_MUST_USE int strand_batch_encode(const struct strand_batch_header *header,
                                        const struct strand_record *records, size_t count,
                                        const struct strand_batch_encoding *encoding,
                                        struct strand_codec_pool *codecs,
                                        struct strand_buffer *scratch, struct strand_buffer *out);

/* Exact size of one record as encoded with these deltas (Kafka's sizeInBytes). */
size_t strand_record_encoded_size(const struct strand_record *record, int64_t timestamp_delta,
                                  int32_t offset_delta);

/* Sequence numbers wrap from INT32_MAX to 0 (KIP-98).  No sequence, -1, stays none.  DELTA >= 0. */
int32_t strand_sequence_add(int32_t sequence, int32_t delta);
int32_t strand_sequence_subtract(int32_t sequence, int32_t delta);

#endif
