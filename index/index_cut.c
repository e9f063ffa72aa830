/* index/index_cut.c -- Forgetting what lies at or above an offset.
 *
 * Whole entries above go by their keys.  One segment may lie on both sides: its chunk loses pairs,
 * its facts go, and so do those of its times that speak of records behind the cut.
 */
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "index/index_internal.h"

/* The last entry of KIND below OFFSET; STRAND_END. */
static int
last_of_kind(const struct strand_index_edit *edit, void *place,
             const struct strand_index_key *below, struct strand_index_span *out_key,
             struct strand_index_span *out_value)
{
    enum strand_index_key_kind kind = below->bytes[STRAND_INDEX_KEY_KIND];

    int status = edit->last_below(place, below, out_key, out_value);
    if (status != STRAND_OK)
        return status;
    return strand_index_key_is(*out_key, below->bytes + STRAND_INDEX_KEY_ID, kind) ? STRAND_OK
                                                                                   : STRAND_END;
}

static int
remove_one(const struct strand_index_edit *edit, void *place, struct strand_index_span key,
           const struct strand_index_key *below)
{
    struct strand_index_key from = {.size = key.size};

    strand_assert(key.size <= sizeof from.bytes);
    memcpy(from.bytes, key.data, key.size);
    return edit->remove(place, &from, below);
}

/* Remove entries of that kind from the end on while their value begins with an offset beyond
 * OFFSET.  A malformed one may say anything, and goes, too. */
static int
drop_those_beyond(const struct strand_index_edit *edit, void *place,
                  const struct strand_index_key *below, int64_t offset)
{
    struct strand_index_span key;
    struct strand_index_span value;

    int status = last_of_kind(edit, place, below, &key, &value);
    while (status == STRAND_OK &&
           (!strand_index_unseal(key, &value) || (int64_t)strand_get_le64(value.data) > offset)) {
        status = remove_one(edit, place, key, below);
        if (status == STRAND_OK)
            status = last_of_kind(edit, place, below, &key, &value);
    }
    return status == STRAND_END ? STRAND_OK : status;
}

/* The first SIZE bytes of CONTENT, sealed anew, become the value of the entry at KEY. */
static int
store_shorter(const struct strand_index_edit *edit, void *place, struct strand_index_span key,
              uint8_t *content, size_t size)
{
    return edit->shorten(place, key, strand_index_seal(key, content, size));
}

static int
shorten_chunk(const struct strand_index_edit *edit, void *place,
              const struct strand_index_key *below, int64_t offset)
{
    uint8_t content[STRAND_INDEX_VALUE_SIZE_MAX];
    struct strand_index_span key;
    struct strand_index_span value;

    int status = last_of_kind(edit, place, below, &key, &value);
    if (status != STRAND_OK)
        return status == STRAND_END ? STRAND_OK : status;
    if (!strand_index_unseal(key, &value))
        return remove_one(edit, place, key, below);
    size_t kept = strand_index_pairs_below(value, offset - 1);
    if (kept == strand_index_pair_count(value))
        return STRAND_OK;
    memcpy(content, value.data, value.size);
    return store_shorter(edit, place, key, content,
                         STRAND_INDEX_CHUNK_PAIRS + kept * STRAND_INDEX_PAIR_SIZE);
}

static int
lower_coverage(const struct strand_index_edit *edit, void *place, const uint8_t *id, int64_t offset)
{
    struct strand_index_key below = strand_index_key(id, STRAND_INDEX_KIND_LOG, 1);
    uint8_t content[STRAND_INDEX_LOG_SIZE + STRAND_INDEX_CRC_SIZE];
    struct strand_index_span key;
    struct strand_index_span value;

    int status = last_of_kind(edit, place, &below, &key, &value);
    if (status != STRAND_OK)
        return status == STRAND_END ? STRAND_OK : status;
    if (!strand_index_unseal(key, &value))
        return remove_one(edit, place, key, &below);
    if ((int64_t)strand_get_le64(value.data + STRAND_INDEX_LOG_COVERED) <= offset)
        return STRAND_OK;
    memcpy(content, value.data, value.size);
    strand_put_le64(content + STRAND_INDEX_LOG_COVERED, (uint64_t)offset);
    return store_shorter(edit, place, key, content, STRAND_INDEX_LOG_SIZE);
}

int
strand_index_cut(const struct strand_index_edit *edit, void *place, const uint8_t *id,
                 int64_t offset)
{
    static const enum strand_index_key_kind kinds[] = {
        STRAND_INDEX_KIND_SEGMENT, STRAND_INDEX_KIND_CHUNK, STRAND_INDEX_KIND_TIME};
    int status = lower_coverage(edit, place, id, offset);

    for (size_t i = 0; status == STRAND_OK && i < sizeof kinds / sizeof *kinds; i++) {
        struct strand_index_key from = strand_index_key(id, kinds[i], offset);
        struct strand_index_key end = strand_index_kind_end(id, kinds[i]);

        status = edit->remove(place, &from, &end);
        if (status != STRAND_OK)
            return status;
        status = kinds[i] == STRAND_INDEX_KIND_CHUNK
                     ? shorten_chunk(edit, place, &from, offset)
                     : drop_those_beyond(edit, place, &from, offset);
    }
    return status;
}
