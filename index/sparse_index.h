/* index/sparse_index.h -- Offset to position within one segment, in bounded memory.
 *
 * Every so many bytes of log one pair (relative offset, position) is remembered; a look-up gives
 * the nearest at or below, from where the caller walks batch headers.  For every
 * STRAND_SPARSE_GROUP pairs the largest timestamp in front of them is remembered as well.
 *
 * The table grows as pairs come, by doubling, to STRAND_SPARSE_ENTRIES_MAX pairs: 66 KiB.  When it
 * is full the caller may drop pairs that are kept elsewhere; else every second one goes and the
 * distance doubles, so that a segment of any size fits.
 *
 * A table whose head was dropped, or that was never filled, knows the segment only from first_known
 * on: below that a look-up says that it does not know.
 *
 * It stores numbers and is a hint: the caller checks the header it is led to.
 *
 * Threading: the caller's lock.
 */
#ifndef STRAND_INDEX_SPARSE_INDEX_H
#define STRAND_INDEX_SPARSE_INDEX_H

#include <stdbool.h>
#include <stdint.h>

enum {
    STRAND_SPARSE_ENTRIES_MAX = 8192,
    STRAND_SPARSE_GROUP = 64,
    STRAND_SPARSE_INTERVAL = 4096, /* bytes between entries at first: index.interval.bytes */
};

struct strand_sparse_entry {
    uint32_t relative_offset; /* base offset of the batch, less that of the segment */
    uint32_t position;        /* where the batch begins */
};

struct strand_sparse_index {
    struct strand_sparse_entry *entries; /* owned; ascending; NULL until the first is added */
    int64_t *times;                      /* owned; of entries 0, GROUP, 2 GROUP, ...: in front of
                                            that batch nothing in the segment is later */
    uint32_t count;
    uint32_t capacity;
    uint32_t interval;    /* bytes */
    uint32_t last;        /* position of the last entry, dropped or not */
    uint32_t first_known; /* relative offset; 0: the table is whole */
};

void strand_sparse_index_init(struct strand_sparse_index *index);
void strand_sparse_index_deinit(struct strand_sparse_index *index);

/* Nothing is known below RELATIVE_OFFSET; the table is empty, and its memory is given back.  The
 * next pair comes an interval behind POSITION. */
void strand_sparse_index_forget(struct strand_sparse_index *index, uint32_t relative_offset,
                                uint32_t position);

/* Make room for CAPACITY pairs, so that adding them allocates nothing.  Without memory adding will
 * try again. */
void strand_sparse_index_reserve(struct strand_sparse_index *index, uint32_t capacity);

/* Tell of a batch, in ascending order; remembered if it is far enough from the last.  No batch in
 * front of it in the segment has a later timestamp than LARGEST_MS.  Without memory the distance
 * doubles, or nothing is remembered: look-ups then walk further. */
void strand_sparse_index_add(struct strand_sparse_index *index, uint32_t relative_offset,
                             uint32_t position, int64_t largest_ms);

/* Whether the next pair that is added would thin the table out. */
bool strand_sparse_index_is_full(const struct strand_sparse_index *index);

/* Drop pairs below RELATIVE_OFFSET, in whole groups. */
void strand_sparse_index_drop(struct strand_sparse_index *index, uint32_t relative_offset);

/* The last remembered batch that begins at or below RELATIVE_OFFSET; all zeros, the segment's
 * start, in front of the first.  false: it is not known. */
bool strand_sparse_index_floor(const struct strand_sparse_index *index, uint32_t relative_offset,
                               struct strand_sparse_entry *out_entry);

/* The last remembered batch of which is known that all in front of it are earlier than
 * TIMESTAMP_MS.  false: none. */
bool strand_sparse_index_floor_time(const struct strand_sparse_index *index, int64_t timestamp_ms,
                                    struct strand_sparse_entry *out_entry);

/* Index of the first pair at or above RELATIVE_OFFSET; the count when there is none. */
uint32_t strand_sparse_index_ceiling(const struct strand_sparse_index *index,
                                     uint32_t relative_offset);

/* Forget what lies at or behind POSITION. */
void strand_sparse_index_cut(struct strand_sparse_index *index, uint32_t position);

#endif
