/* strandline/record.h -- Plain data: bytes, headers, records. */
#ifndef STRANDLINE_RECORD_H
#define STRANDLINE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "strandline/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Borrowed bytes.  data == NULL is Kafka's null (no key; a value of null is a tombstone), which is
 * not the same as empty: data != NULL, size == 0. */
struct strand_bytes {
    const void *data;
    size_t size; /* 0 when data is NULL */
};

static inline struct strand_bytes
strand_bytes(const void *data, size_t size)
{
    struct strand_bytes bytes;

    bytes.data = data;
    bytes.size = size;
    return bytes;
}

struct strand_header {
    struct strand_bytes key;   /* UTF-8, never null */
    struct strand_bytes value; /* may be null */
};

#define STRAND_NO_TIMESTAMP INT64_C(-1)

/* Flags of a record that was read. */
enum strand_record_flag {
    STRAND_RECORD_LOG_APPEND_TIME = 1, /* timestamp_ms is when it was appended, not created */
    STRAND_RECORD_TRANSACTIONAL = 2,
    STRAND_RECORD_CONTROL = 4, /* a marker: key and value are Kafka's control record */
};

struct strand_record {
    int64_t offset;       /* set when read; ignored when appended */
    int64_t timestamp_ms; /* ms since 1970.  Appended: 0 = now, STRAND_NO_TIMESTAMP = none */
    struct strand_bytes key;
    struct strand_bytes value;
    const struct strand_header *headers; /* borrowed; NULL when header_count is 0 */
    size_t header_count;
    int32_t leader_epoch; /* set when read; -1 = none */
    uint32_t flags;       /* set when read: enum strand_record_flag */
};

/* Compression codecs, with Kafka's numbers (KIP-110 for zstd). */
enum strand_codec {
    STRAND_CODEC_NONE = 0,
    STRAND_CODEC_GZIP = 1,
    STRAND_CODEC_SNAPPY = 2,
    STRAND_CODEC_LZ4 = 3,
    STRAND_CODEC_ZSTD = 4,
};

/* "none", "gzip", "snappy", "lz4", "zstd"; NULL for any other number. */
STRAND_API const char *strand_codec_name(int codec);

/* Whether this build can compress and decompress CODEC. */
STRAND_API int strand_codec_is_available(int codec);

#ifdef __cplusplus
}
#endif

#endif
