/* index/sparse_index.h -- Offset to position within one segment, in bounded memory.
 *
 * Every so many bytes of log one pair (relative offset, position) is remembered; a look-up gives
 * the nearest at or below, from where the caller walks batch headers.  The table holds at most
 * STRAND_SPARSE_ENTRIES_MAX pairs: when it is full every second one is dropped and the distance
 * doubles, so that a segment of any size costs at most 8 KiB and adding never allocates twice.
 *
 * It stores numbers and is a hint: the caller checks the header it is led to.
 *
 * Threading: the caller's lock.
 */
#ifndef STRAND_INDEX_SPARSE_INDEX_H
#define STRAND_INDEX_SPARSE_INDEX_H

#include <stdint.h>

enum {
    STRAND_SPARSE_ENTRIES_MAX = 1024,
    STRAND_SPARSE_INTERVAL = 4096, /* bytes between entries at first: index.interval.bytes */
};

struct strand_sparse_entry {
    uint32_t relative_offset; /* base offset of the batch, less that of the segment */
    uint32_t position;        /* where the batch begins */
};

struct strand_sparse_index {
    struct strand_sparse_entry *entries; /* owned; ascending; NULL until the first is added */
    uint32_t count;
    uint32_t interval; /* bytes */
};

void strand_sparse_index_init(struct strand_sparse_index *index);
void strand_sparse_index_deinit(struct strand_sparse_index *index);

/* Tell of a batch, in ascending order; remembered if it is far enough from the last.  Without
 * memory for the table nothing is remembered: look-ups then walk further. */
void strand_sparse_index_add(struct strand_sparse_index *index, uint32_t relative_offset,
                             uint32_t position);

/* The last remembered batch that begins at or below RELATIVE_OFFSET; all zeros without one. */
struct strand_sparse_entry strand_sparse_index_floor(const struct strand_sparse_index *index,
                                                     uint32_t relative_offset);

/* Forget what lies at or behind POSITION. */
void strand_sparse_index_cut(struct strand_sparse_index *index, uint32_t position);

#endif
