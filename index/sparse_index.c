/* index/sparse_index.c -- A sorted array that thins itself out when it is full. */
#include "index/sparse_index.h"

#include <stdlib.h>

#include "base/assert.h"

void
strand_sparse_index_init(struct strand_sparse_index *index)
{
    index->entries = NULL;
    index->count = 0;
    index->interval = STRAND_SPARSE_INTERVAL;
}

void
strand_sparse_index_deinit(struct strand_sparse_index *index)
{
    free(index->entries);
    strand_sparse_index_init(index);
}

static void
drop_every_second(struct strand_sparse_index *index)
{
    for (uint32_t i = 0; i < index->count / 2; i++)
        index->entries[i] = index->entries[2 * i + 1];
    index->count /= 2;
    index->interval *= 2;
}

void
strand_sparse_index_add(struct strand_sparse_index *index, uint32_t relative_offset,
                        uint32_t position)
{
    uint32_t last = index->count == 0 ? 0 : index->entries[index->count - 1].position;

    strand_assert(position >= last);
    if (position - last < index->interval)
        return;
    if (index->entries == NULL)
        index->entries = malloc(STRAND_SPARSE_ENTRIES_MAX * sizeof *index->entries);
    if (index->entries == NULL)
        return;
    if (index->count == STRAND_SPARSE_ENTRIES_MAX)
        drop_every_second(index);
    index->entries[index->count].relative_offset = relative_offset;
    index->entries[index->count].position = position;
    index->count++;
}

struct strand_sparse_entry
strand_sparse_index_floor(const struct strand_sparse_index *index, uint32_t relative_offset)
{
    uint32_t low = 0;
    uint32_t high = index->count; /* entries below low are at or below, from high on above */

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (index->entries[middle].relative_offset <= relative_offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? (struct strand_sparse_entry){0, 0} : index->entries[low - 1];
}

void
strand_sparse_index_cut(struct strand_sparse_index *index, uint32_t position)
{
    while (index->count > 0 && index->entries[index->count - 1].position >= position)
        index->count--;
}
