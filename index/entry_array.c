/* index/entry_array.c -- Entries in ascending order, in one piece of memory. */
#include "index/entry_array.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

/* Below 0, 0, above 0: as the entry is below, at or above the numbers. */
static int
compare(const struct strand_entry *entry, uint64_t offset, uint64_t timestamp)
{
    if (entry->offset != offset)
        return entry->offset < offset ? -1 : 1;
    return (entry->timestamp > timestamp) - (entry->timestamp < timestamp);
}

size_t
strand_entry_array_find(const struct strand_entry_array *array, uint64_t offset, uint64_t timestamp,
                        bool is_beyond)
{
    size_t low = 0;
    size_t high = array->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(&array->entries[middle], offset, timestamp) < (is_beyond ? 1 : 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void *
strand_array_grow(void *items, size_t *capacity, size_t needed, size_t size)
{
    if (needed <= *capacity)
        return items;
    size_t wanted = *capacity < 8 ? 8 : *capacity * 2;
    strand_assert(needed <= wanted);
    void *grown = realloc(items, wanted * size);
    if (grown != NULL)
        *capacity = wanted;
    return grown;
}

bool
strand_entry_array_reserve(struct strand_entry_array *array)
{
    struct strand_entry *entries = strand_array_grow(
        array->entries, &array->capacity, array->count + array->reserved + 1, sizeof *entries);

    if (entries == NULL)
        return false;
    array->entries = entries;
    array->reserved++;
    return true;
}

void
strand_entry_array_put(struct strand_entry_array *array, struct strand_entry entry)
{
    size_t at = strand_entry_array_find(array, entry.offset, entry.timestamp, false);
    size_t behind = strand_entry_array_find(array, entry.offset, entry.timestamp, true);

    strand_entry_array_remove(array, at, behind);
    strand_assert(array->reserved > 0);
    strand_assert(array->count < array->capacity);
    memmove(array->entries + at + 1, array->entries + at,
            (array->count - at) * sizeof *array->entries);
    array->entries[at] = entry;
    array->count++;
    array->reserved--;
}

void
strand_entry_array_remove(struct strand_entry_array *array, size_t from, size_t end)
{
    if (from >= end)
        return;
    strand_assert(end <= array->count);
    for (size_t i = from; i < end; i++)
        free(array->entries[i].value);
    memmove(array->entries + from, array->entries + end,
            (array->count - end) * sizeof *array->entries);
    array->count -= end - from;
}

void
strand_entry_array_deinit(struct strand_entry_array *array)
{
    strand_entry_array_remove(array, 0, array->count);
    free(array->entries);
}
