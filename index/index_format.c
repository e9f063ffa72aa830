/* index/index_format.c -- Keys and values to bytes and back. */
#include "index/index_format.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc32c.h"

const uint8_t strand_index_magic[8] = {'s', 't', 'r', 'a', 'n', 'd', 'i', 'x'};

static const uint64_t sign_bit = (uint64_t)1 << 63;

struct strand_index_key
strand_index_key(const uint8_t *id, enum strand_index_key_kind kind, int64_t offset)
{
    struct strand_index_key key = {.size = STRAND_INDEX_KEY_SIZE};

    strand_assert(offset >= 0);
    memcpy(key.bytes + STRAND_INDEX_KEY_ID, id, STRAND_INDEX_ID_SIZE);
    key.bytes[STRAND_INDEX_KEY_KIND] = (uint8_t)kind;
    strand_put_be64(key.bytes + STRAND_INDEX_KEY_OFFSET, (uint64_t)offset);
    return key;
}

struct strand_index_key
strand_index_time_key(const uint8_t *id, int64_t segment_base, int64_t timestamp_ms)
{
    struct strand_index_key key = strand_index_key(id, STRAND_INDEX_KIND_TIME, segment_base);

    strand_put_be64(key.bytes + STRAND_INDEX_KEY_TIMESTAMP, (uint64_t)timestamp_ms ^ sign_bit);
    key.size = STRAND_INDEX_KEY_SIZE_MAX;
    return key;
}

struct strand_index_key
strand_index_kind_end(const uint8_t *id, enum strand_index_key_kind kind)
{
    struct strand_index_key key = strand_index_key(id, kind, 0);

    strand_put_be64(key.bytes + STRAND_INDEX_KEY_OFFSET,
                    UINT64_MAX); /* offsets end at half of it */
    return key;
}

int
strand_index_key_compare(struct strand_index_span a, struct strand_index_span b)
{
    int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);

    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

struct strand_index_span
strand_index_key_span(const struct strand_index_key *key)
{
    return (struct strand_index_span){key->bytes, key->size};
}

static size_t
key_size(enum strand_index_key_kind kind)
{
    return kind == STRAND_INDEX_KIND_TIME ? STRAND_INDEX_KEY_SIZE_MAX : STRAND_INDEX_KEY_SIZE;
}

bool
strand_index_key_is(struct strand_index_span key, const uint8_t *id,
                    enum strand_index_key_kind kind)
{
    return key.size == key_size(kind) && key.data[STRAND_INDEX_KEY_KIND] == kind &&
           memcmp(key.data + STRAND_INDEX_KEY_ID, id, STRAND_INDEX_ID_SIZE) == 0;
}

int64_t
strand_index_key_offset(struct strand_index_span key)
{
    return (int64_t)strand_get_be64(key.data + STRAND_INDEX_KEY_OFFSET);
}

int64_t
strand_index_key_timestamp(struct strand_index_span key)
{
    return (int64_t)(strand_get_be64(key.data + STRAND_INDEX_KEY_TIMESTAMP) ^ sign_bit);
}

size_t
strand_index_pair_count(struct strand_index_span chunk)
{
    return (chunk.size - STRAND_INDEX_CHUNK_PAIRS) / STRAND_INDEX_PAIR_SIZE;
}

struct strand_sparse_entry
strand_index_pair(struct strand_index_span chunk, size_t i)
{
    const uint8_t *pair = chunk.data + STRAND_INDEX_CHUNK_PAIRS + i * STRAND_INDEX_PAIR_SIZE;

    return (struct strand_sparse_entry){
        .relative_offset = strand_get_le32(pair),
        .position = strand_get_le32(pair + 4),
    };
}

size_t
strand_index_pairs_below(struct strand_index_span chunk, int64_t offset)
{
    int64_t base = (int64_t)strand_get_le64(chunk.data);
    size_t low = 0;
    size_t high = strand_index_pair_count(chunk);

    if (offset < base)
        return 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strand_index_pair(chunk, middle).relative_offset <= (uint64_t)(offset - base))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool
is_chunk(int64_t offset, struct strand_index_span value)
{
    if (value.size < STRAND_INDEX_CHUNK_PAIRS + STRAND_INDEX_PAIR_SIZE ||
        value.size > STRAND_INDEX_VALUE_SIZE_MAX - STRAND_INDEX_CRC_SIZE ||
        value.size % STRAND_INDEX_PAIR_SIZE != 0)
        return false;
    int64_t base = (int64_t)strand_get_le64(value.data);
    return base >= 0 && base <= offset &&
           offset - base == strand_index_pair(value, 0).relative_offset;
}

static bool
pairs_ascend(struct strand_index_span chunk)
{
    struct strand_sparse_entry last = strand_index_pair(chunk, 0);

    for (size_t i = 1; i < strand_index_pair_count(chunk); i++) {
        struct strand_sparse_entry pair = strand_index_pair(chunk, i);

        if (pair.relative_offset <= last.relative_offset || pair.position <= last.position)
            return false;
        last = pair;
    }
    return true;
}

static bool
is_segment(int64_t base, struct strand_index_span value)
{
    return value.size == STRAND_INDEX_SEGMENT_SIZE &&
           (int64_t)strand_get_le64(value.data) >= base &&
           (int64_t)strand_get_le64(value.data + STRAND_INDEX_SEGMENT_BYTES) >= 0 &&
           (int64_t)strand_get_le64(value.data + STRAND_INDEX_SEGMENT_RECORDS) >= 0;
}

static bool
is_log(int64_t offset, struct strand_index_span value)
{
    return offset == 0 && value.size == STRAND_INDEX_LOG_SIZE &&
           (int64_t)strand_get_le64(value.data + STRAND_INDEX_LOG_COVERED) >= 0;
}

/* All but the order of a chunk's pairs. */
static bool
has_shape(struct strand_index_span key, struct strand_index_span value)
{
    static const uint8_t no_id[STRAND_INDEX_ID_SIZE];

    if (key.size < STRAND_INDEX_KEY_SIZE)
        return false;
    uint8_t kind = key.data[STRAND_INDEX_KEY_KIND];
    int64_t offset = strand_index_key_offset(key);
    bool has_no_id = memcmp(key.data + STRAND_INDEX_KEY_ID, no_id, sizeof no_id) == 0;
    if (kind > STRAND_INDEX_KIND_TIME || key.size != key_size((enum strand_index_key_kind)kind) ||
        offset < 0 || has_no_id != (kind == STRAND_INDEX_KIND_VERSION))
        return false;
    switch ((enum strand_index_key_kind)kind) {
    case STRAND_INDEX_KIND_VERSION:
        return offset == 0 && value.size == STRAND_INDEX_VERSION_SIZE;
    case STRAND_INDEX_KIND_LOG:
        return is_log(offset, value);
    case STRAND_INDEX_KIND_SEGMENT:
        return is_segment(offset, value);
    case STRAND_INDEX_KIND_CHUNK:
        return is_chunk(offset, value);
    case STRAND_INDEX_KIND_TIME:
        return value.size == STRAND_INDEX_TIME_SIZE &&
               (int64_t)strand_get_le64(value.data) >= offset;
    }
    return false;
}

bool
strand_index_entry_is_valid(struct strand_index_span key, struct strand_index_span value)
{
    return has_shape(key, value) &&
           (key.data[STRAND_INDEX_KEY_KIND] != STRAND_INDEX_KIND_CHUNK || pairs_ascend(value));
}

static uint32_t
crc_of(struct strand_index_span key, const uint8_t *value, size_t size)
{
    return strand_crc32c(strand_crc32c(0, key.data, key.size), value, size);
}

struct strand_index_span
strand_index_seal(struct strand_index_span key, uint8_t *value, size_t size)
{
    strand_assert(size <= STRAND_INDEX_VALUE_SIZE_MAX - STRAND_INDEX_CRC_SIZE);
    strand_put_le32(value + size, crc_of(key, value, size));
    return (struct strand_index_span){value, size + STRAND_INDEX_CRC_SIZE};
}

bool
strand_index_unseal(struct strand_index_span key, struct strand_index_span *value)
{
    if (value->size < STRAND_INDEX_CRC_SIZE)
        return false;
    struct strand_index_span content = {value->data, value->size - STRAND_INDEX_CRC_SIZE};
    if (strand_get_le32(content.data + content.size) != crc_of(key, content.data, content.size) ||
        !has_shape(key, content))
        return false;
    *value = content;
    return true;
}
