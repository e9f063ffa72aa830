/* simulation/sim_names.c -- Sorted arrays of names: found by halving, listed in a fixed order. */
#include "simulation/sim_names.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "simulation/sim_inode.h"
#include "simulation/sim_memory.h"

/* The index of the first entry whose name is not below NAME. */
static size_t
lower_bound(const struct strand_sim_names *names, const char *name)
{
    size_t low = 0;
    size_t high = names->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(names->entries[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool
is_at(const struct strand_sim_names *names, size_t index, const char *name)
{
    return index < names->count && strcmp(names->entries[index].name, name) == 0;
}

struct strand_sim_inode *
strand_sim_names_find(const struct strand_sim_names *names, const char *name)
{
    size_t index = lower_bound(names, name);

    return is_at(names, index, name) ? names->entries[index].inode : NULL;
}

static void
refer(const struct strand_sim_names *names, struct strand_sim_inode *inode)
{
    strand_sim_inode_hold(inode);
    if (names->counts_links)
        inode->link_count++;
}

static void
unrefer(const struct strand_sim_names *names, struct strand_sim_inode *inode)
{
    if (names->counts_links)
        inode->link_count--;
    strand_assert(inode->link_count >= 0);
    strand_sim_inode_release(inode);
}

static void
clear_name(struct strand_sim_names *names, const char *name)
{
    size_t index = lower_bound(names, name);

    if (!is_at(names, index, name))
        return;
    unrefer(names, names->entries[index].inode);
    free(names->entries[index].name);
    names->count--;
    memmove(names->entries + index, names->entries + index + 1,
            (names->count - index) * sizeof *names->entries);
}

static void
set_name(struct strand_sim_names *names, const char *name, struct strand_sim_inode *inode)
{
    size_t index = lower_bound(names, name);

    refer(names, inode);
    if (is_at(names, index, name)) {
        unrefer(names, names->entries[index].inode);
        names->entries[index].inode = inode;
        return;
    }
    names->entries =
        strand_sim_grow(names->entries, &names->capacity, names->count, sizeof *names->entries);
    memmove(names->entries + index + 1, names->entries + index,
            (names->count - index) * sizeof *names->entries);
    names->entries[index].name = strand_sim_copy_text(name);
    names->entries[index].inode = inode;
    names->count++;
}

void
strand_sim_names_apply(struct strand_sim_names *names, const struct strand_sim_change *change)
{
    if (change->cleared != NULL)
        clear_name(names, change->cleared);
    if (change->set != NULL)
        set_name(names, change->set, change->inode);
}

void
strand_sim_names_copy(struct strand_sim_names *to, const struct strand_sim_names *from,
                      bool of_copies)
{
    strand_assert(to->count == 0);
    for (size_t i = 0; i < from->count; i++) {
        const struct strand_sim_entry *entry = &from->entries[i];
        struct strand_sim_inode *inode = of_copies ? entry->inode->scratch : entry->inode;

        to->entries = strand_sim_grow(to->entries, &to->capacity, i, sizeof *to->entries);
        to->entries[i].name = strand_sim_copy_text(entry->name);
        to->entries[i].inode = inode;
        to->count++;
        refer(to, inode);
    }
}

void
strand_sim_names_clear(struct strand_sim_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        unrefer(names, names->entries[i].inode);
        free(names->entries[i].name);
    }
    free(names->entries);
    *names = (struct strand_sim_names){.counts_links = names->counts_links};
}

void
strand_sim_changes_add(struct strand_sim_changes *changes, const struct strand_sim_change *change)
{
    changes->items =
        strand_sim_grow(changes->items, &changes->capacity, changes->count, sizeof *changes->items);
    changes->items[changes->count++] = (struct strand_sim_change){
        .cleared = change->cleared == NULL ? NULL : strand_sim_copy_text(change->cleared),
        .set = change->set == NULL ? NULL : strand_sim_copy_text(change->set),
        .inode = change->inode,
    };
    if (change->inode != NULL)
        strand_sim_inode_hold(change->inode);
}

void
strand_sim_changes_clear(struct strand_sim_changes *changes)
{
    for (size_t i = 0; i < changes->count; i++) {
        struct strand_sim_change *change = &changes->items[i];

        free(change->cleared);
        free(change->set);
        if (change->inode != NULL)
            strand_sim_inode_release(change->inode);
    }
    free(changes->items);
    *changes = (struct strand_sim_changes){NULL, 0, 0};
}
