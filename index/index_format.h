/* index/index_format.h -- Keys and values of the index, as they stand in LMDB's file.
 *
 * Key, big-endian, so that bytes sort as numbers do:
 *
 *     byte  0      1      17       25
 *           +------+------+--------+-----------+
 *           | kind | log  | offset | timestamp |  (timestamp of a TIME alone,
 *           |      | id   |        |           |   its sign bit turned over)
 *           +------+------+--------+-----------+
 *
 * The kind comes first: the short entries of a thousand logs then share few pages, and a commit
 * that concerns all of them writes a third fewer than with each log's entries together.
 *
 * Value, little-endian; behind each the CRC-32C (4) of key and value, since LMDB has none:
 *
 *     VERSION   magic (8) version (4) zeros (4) directory id (16) commit number (8)
 *     LOG       generation (8) covered offset (8)
 *     SEGMENT   end offset (8) size (8) record count (8) largest timestamp (8)
 *               first timestamp (8) newest epoch (4)
 *     CHUNK     segment base (8), then up to 64 pairs of relative offset (4) and position (4)
 *     TIME      offset (8)
 *
 * The offset of a key: VERSION and LOG 0, SEGMENT and TIME the segment's base, CHUNK that of its
 * first pair.  The log id of VERSION is zeros.
 */
#ifndef STRAND_INDEX_FORMAT_H
#define STRAND_INDEX_FORMAT_H

#include "index/index.h"

enum strand_index_key_kind {
    STRAND_INDEX_KIND_VERSION = 0,
    STRAND_INDEX_KIND_LOG = 1,
    STRAND_INDEX_KIND_SEGMENT = 2,
    STRAND_INDEX_KIND_CHUNK = 3,
    STRAND_INDEX_KIND_TIME = 4,
};

enum {
    STRAND_INDEX_KEY_KIND = 0,
    STRAND_INDEX_KEY_ID = 1,
    STRAND_INDEX_KEY_OFFSET = 17,
    STRAND_INDEX_KEY_TIMESTAMP = 25,
    STRAND_INDEX_KEY_SIZE = 25,
    STRAND_INDEX_KEY_SIZE_MAX = 33,

    STRAND_INDEX_VERSION_NUMBER = 8,
    STRAND_INDEX_VERSION_DIRECTORY = 16,
    STRAND_INDEX_VERSION_COMMIT = 32,
    STRAND_INDEX_VERSION_SIZE = 40,

    STRAND_INDEX_LOG_COVERED = 8,
    STRAND_INDEX_LOG_SIZE = 16,

    STRAND_INDEX_SEGMENT_BYTES = 8,
    STRAND_INDEX_SEGMENT_RECORDS = 16,
    STRAND_INDEX_SEGMENT_LARGEST = 24,
    STRAND_INDEX_SEGMENT_FIRST = 32,
    STRAND_INDEX_SEGMENT_EPOCH = 40,
    STRAND_INDEX_SEGMENT_SIZE = 44,

    STRAND_INDEX_CHUNK_PAIRS = 8,
    STRAND_INDEX_PAIR_SIZE = 8,

    STRAND_INDEX_TIME_SIZE = 8,

    STRAND_INDEX_CRC_SIZE = 4,
    STRAND_INDEX_VALUE_SIZE_MAX = STRAND_INDEX_CHUNK_PAIRS +
                                  STRAND_INDEX_CHUNK_MAX * STRAND_INDEX_PAIR_SIZE +
                                  STRAND_INDEX_CRC_SIZE,
};

_Static_assert(STRAND_INDEX_VALUE_SIZE_MAX < 2038 - STRAND_INDEX_KEY_SIZE_MAX,
               "a value fits LMDB's page of 4 KiB: no overflow pages");

extern const uint8_t strand_index_magic[8];

struct strand_index_key {
    uint8_t bytes[STRAND_INDEX_KEY_SIZE_MAX];
    size_t size;
};

struct strand_index_span { /* borrowed */
    const uint8_t *data;
    size_t size;
};

/* OFFSET is not negative. */
struct strand_index_key strand_index_key(const uint8_t *id, enum strand_index_key_kind kind,
                                         int64_t offset);
struct strand_index_key strand_index_time_key(const uint8_t *id, int64_t segment_base,
                                              int64_t timestamp_ms);

/* Above each key of that log and kind, and below what follows. */
struct strand_index_key strand_index_kind_end(const uint8_t *id, enum strand_index_key_kind kind);

/* memcmp() and then the shorter first: LMDB's order. */
int strand_index_key_compare(struct strand_index_span a, struct strand_index_span b);
struct strand_index_span strand_index_key_span(const struct strand_index_key *key);

/* Whether KEY is of that log and kind (and of its size). */
bool strand_index_key_is(struct strand_index_span key, const uint8_t *id,
                         enum strand_index_key_kind kind);

/* The offset in KEY, which has the size for it. */
int64_t strand_index_key_offset(struct strand_index_span key);

/* The timestamp in KEY, which is of a TIME. */
int64_t strand_index_key_timestamp(struct strand_index_span key);

/* Whether the numbers of an entry, its CRC left out, make sense; everything that can be seen from
 * it alone. */
bool strand_index_entry_is_valid(struct strand_index_span key, struct strand_index_span value);

/* Put the CRC behind the SIZE bytes of VALUE; returns all of it. */
struct strand_index_span strand_index_seal(struct strand_index_span key, uint8_t *value,
                                           size_t size);

/* Whether a stored entry is whole, and its numbers make sense as far as that costs nothing (the
 * order of pairs is left to the CRC); then *VALUE loses its CRC. */
bool strand_index_unseal(struct strand_index_span key, struct strand_index_span *value);

size_t strand_index_pair_count(struct strand_index_span chunk);
struct strand_sparse_entry strand_index_pair(struct strand_index_span chunk, size_t i);

/* How many pairs of CHUNK lie at or below OFFSET. */
size_t strand_index_pairs_below(struct strand_index_span chunk, int64_t offset);

#endif
