/* index/sparse_index.c -- A sorted array that thins itself out when it is full. */
#include "index/sparse_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { CAPACITY_LEAST = STRAND_SPARSE_GROUP };

void
strand_sparse_index_init(struct strand_sparse_index *index)
{
    *index = (struct strand_sparse_index){.interval = STRAND_SPARSE_INTERVAL};
}

void
strand_sparse_index_deinit(struct strand_sparse_index *index)
{
    free(index->entries);
    free(index->times);
    strand_sparse_index_init(index);
}

void
strand_sparse_index_forget(struct strand_sparse_index *index, uint32_t relative_offset,
                           uint32_t position)
{
    strand_sparse_index_deinit(index);
    index->first_known = relative_offset;
    index->last = position;
}

/* Times first: more of those than are needed do no harm. */
void
strand_sparse_index_reserve(struct strand_sparse_index *index, uint32_t capacity)
{
    if (capacity > STRAND_SPARSE_ENTRIES_MAX)
        capacity = STRAND_SPARSE_ENTRIES_MAX;
    capacity -= capacity % STRAND_SPARSE_GROUP;
    if (capacity <= index->capacity)
        return;
    int64_t *times = realloc(index->times, capacity / STRAND_SPARSE_GROUP * sizeof *times);
    if (times == NULL)
        return;
    index->times = times;
    struct strand_sparse_entry *entries = realloc(index->entries, capacity * sizeof *entries);
    if (entries == NULL)
        return;
    index->entries = entries;
    index->capacity = capacity;
}

/* The first one of each group stays the first of one, so that times keep their meaning. */
static void
drop_every_second(struct strand_sparse_index *index)
{
    uint32_t kept = (index->count + 1) / 2;

    for (size_t i = 0; i < kept; i++)
        index->entries[i] = index->entries[2 * i];
    for (size_t i = 0; i * STRAND_SPARSE_GROUP < kept; i++)
        index->times[i] = index->times[2 * i];
    index->count = kept;
    index->interval *= 2;
}

static void
make_room(struct strand_sparse_index *index)
{
    if (index->count < index->capacity)
        return;
    strand_sparse_index_reserve(index, index->capacity == 0 ? CAPACITY_LEAST : 2 * index->capacity);
    if (index->count == index->capacity && index->count > 0)
        drop_every_second(index);
}

void
strand_sparse_index_add(struct strand_sparse_index *index, uint32_t relative_offset,
                        uint32_t position, int64_t largest_ms)
{
    strand_assert(position >= index->last);
    if (position - index->last < index->interval)
        return;
    make_room(index);
    if (index->count == index->capacity)
        return;
    if (index->count % STRAND_SPARSE_GROUP == 0)
        index->times[index->count / STRAND_SPARSE_GROUP] = largest_ms;
    index->entries[index->count].relative_offset = relative_offset;
    index->entries[index->count].position = position;
    index->count++;
    index->last = position;
}

bool
strand_sparse_index_is_full(const struct strand_sparse_index *index)
{
    return index->count == STRAND_SPARSE_ENTRIES_MAX;
}

uint32_t
strand_sparse_index_ceiling(const struct strand_sparse_index *index, uint32_t relative_offset)
{
    uint32_t low = 0;
    uint32_t high = index->count; /* entries below low are below, from high on at or above */

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (index->entries[middle].relative_offset < relative_offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void
strand_sparse_index_drop(struct strand_sparse_index *index, uint32_t relative_offset)
{
    uint32_t count = strand_sparse_index_ceiling(index, relative_offset);

    count -= count % STRAND_SPARSE_GROUP;
    if (count == 0)
        return;
    index->first_known = index->entries[count - 1].relative_offset + 1;
    index->count -= count;
    memmove(index->entries, index->entries + count, index->count * sizeof *index->entries);
    memmove(index->times, index->times + count / STRAND_SPARSE_GROUP,
            (index->count + STRAND_SPARSE_GROUP - 1) / STRAND_SPARSE_GROUP * sizeof *index->times);
    index->interval = STRAND_SPARSE_INTERVAL;
}

bool
strand_sparse_index_floor(const struct strand_sparse_index *index, uint32_t relative_offset,
                          struct strand_sparse_entry *out_entry)
{
    uint32_t above = relative_offset == UINT32_MAX
                         ? index->count
                         : strand_sparse_index_ceiling(index, relative_offset + 1);

    if (above == 0 && index->first_known > 0)
        return false;
    *out_entry = above == 0 ? (struct strand_sparse_entry){0, 0} : index->entries[above - 1];
    return true;
}

bool
strand_sparse_index_floor_time(const struct strand_sparse_index *index, int64_t timestamp_ms,
                               struct strand_sparse_entry *out_entry)
{
    uint32_t groups = (index->count + STRAND_SPARSE_GROUP - 1) / STRAND_SPARSE_GROUP;
    uint32_t low = 0;
    uint32_t high = groups; /* times below low are earlier, from high on not */

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (index->times[middle] < timestamp_ms)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return false;
    *out_entry = index->entries[(size_t)(low - 1) * STRAND_SPARSE_GROUP];
    return true;
}

void
strand_sparse_index_cut(struct strand_sparse_index *index, uint32_t position)
{
    while (index->count > 0 && index->entries[index->count - 1].position >= position)
        index->count--;
    if (index->count > 0)
        index->last = index->entries[index->count - 1].position;
    else if (index->last >= position)
        index->last = 0;
}
