/* index/entry_array.h -- Entries in ascending order, in one piece of memory.
 *
 * Adding at the end is the normal case; anything else moves what stands behind.  Room is made
 * beforehand, so that adding cannot fail.
 *
 * Threading: the caller's lock.
 */
#ifndef STRAND_INDEX_ENTRY_ARRAY_H
#define STRAND_INDEX_ENTRY_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strand_entry {
    uint64_t offset; /* by which they are ordered, and then by timestamp */
    uint64_t timestamp;
    uint8_t *value; /* owned */
    size_t size;
};

struct strand_entry_array { /* all zeros: empty */
    struct strand_entry *entries;
    size_t count;
    size_t capacity; /* not less than count and reserved together */
    size_t reserved;
};

/* The first entry at OFFSET and TIMESTAMP or above, or (IS_BEYOND) above. */
size_t strand_entry_array_find(const struct strand_entry_array *array, uint64_t offset,
                               uint64_t timestamp, bool is_beyond);

/* Make room for one entry more, besides those that were reserved before; false: no memory. */
bool strand_entry_array_reserve(struct strand_entry_array *array);

/* Put ENTRY, whose room was reserved, in its place; one of the same numbers is removed. */
void strand_entry_array_put(struct strand_entry_array *array, struct strand_entry entry);

/* Remove entries FROM up to END, END left out. */
void strand_entry_array_remove(struct strand_entry_array *array, size_t from, size_t end);

void strand_entry_array_deinit(struct strand_entry_array *array);

/* ITEMS with room for NEEDED, at most one more than *CAPACITY, of SIZE each; NULL: no memory, and
 * ITEMS are as they were. */
void *strand_array_grow(void *items, size_t *capacity, size_t needed, size_t size);

#endif
