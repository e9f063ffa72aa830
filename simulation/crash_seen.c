/* simulation/crash_seen.c -- Hash tables with a lock for each, chosen by the key's highest bits. */
#include "simulation/crash_seen.h"

#include <stdlib.h>

#include "base/assert.h"

enum { PART_SHIFT = 58, CAPACITY_FIRST = 64 };

_Static_assert(STRAND_CRASH_SEEN_PARTS == 1 << (64 - PART_SHIFT), "the highest bits are the part");

void
strand_crash_seen_init(struct strand_crash_seen *seen)
{
    for (size_t i = 0; i < STRAND_CRASH_SEEN_PARTS; i++) {
        seen->parts[i] = (struct strand_crash_seen_part){.capacity = 0};
        strand_mutex_init(&seen->parts[i].lock);
    }
}

void
strand_crash_seen_deinit(struct strand_crash_seen *seen)
{
    for (size_t i = 0; i < STRAND_CRASH_SEEN_PARTS; i++) {
        free(seen->parts[i].entries);
        strand_mutex_deinit(&seen->parts[i].lock);
    }
}

bool
strand_crash_place_is_lower(const struct strand_crash_place *a, const struct strand_crash_place *b)
{
    if (a->item != b->item)
        return a->item < b->item;
    if (a->point != b->point)
        return a->point < b->point;
    return a->state < b->state;
}

/* The entry of KEY, or the free one where it belongs.  There is a free one. */
static struct strand_crash_seen_entry *
find_entry(struct strand_crash_seen_entry *entries, size_t capacity, uint64_t key)
{
    size_t index = (size_t)key & (capacity - 1);

    while (entries[index].key != 0 && entries[index].key != key)
        index = (index + 1) & (capacity - 1);
    return &entries[index];
}

static void
grow(struct strand_crash_seen_part *part)
{
    size_t capacity = part->capacity == 0 ? CAPACITY_FIRST : part->capacity * 2;
    struct strand_crash_seen_entry *entries = calloc(capacity, sizeof *entries);

    strand_assert(entries != NULL);
    for (size_t i = 0; i < part->capacity; i++)
        if (part->entries[i].key != 0)
            *find_entry(entries, capacity, part->entries[i].key) = part->entries[i];
    free(part->entries);
    part->entries = entries;
    part->capacity = capacity;
}

static struct strand_crash_seen_part *
part_of(struct strand_crash_seen *seen, uint64_t key)
{
    return &seen->parts[key >> PART_SHIFT];
}

bool
strand_crash_seen_claim(struct strand_crash_seen *seen, uint64_t key,
                        const struct strand_crash_place *place)
{
    if (key == 0)
        key = 1;
    struct strand_crash_seen_part *part = part_of(seen, key);

    strand_mutex_lock(&part->lock);
    if ((part->count + 1) * 2 > part->capacity)
        grow(part);
    struct strand_crash_seen_entry *entry = find_entry(part->entries, part->capacity, key);
    bool is_new = entry->key == 0;
    if (is_new)
        part->count++;
    if (is_new || strand_crash_place_is_lower(place, &entry->place))
        *entry = (struct strand_crash_seen_entry){key, *place};
    strand_mutex_unlock(&part->lock);
    return is_new;
}

bool
strand_crash_seen_find(struct strand_crash_seen *seen, uint64_t key,
                       struct strand_crash_place *out_place)
{
    if (key == 0)
        key = 1;
    struct strand_crash_seen_part *part = part_of(seen, key);

    strand_mutex_lock(&part->lock);
    const struct strand_crash_seen_entry *entry =
        part->capacity == 0 ? NULL : find_entry(part->entries, part->capacity, key);
    bool is_found = entry != NULL && entry->key == key;
    if (is_found && out_place != NULL)
        *out_place = entry->place;
    strand_mutex_unlock(&part->lock);
    return is_found;
}
