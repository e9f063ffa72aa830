/* simulation/sim_inodes.c -- The list of all inodes: their life, which references decide, and
 * copies.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "simulation/sim_inode.h"

struct strand_sim_inode *
strand_sim_inode_create(struct strand_sim_inodes *inodes, bool is_directory)
{
    struct strand_sim_inode *inode = calloc(1, sizeof *inode);

    strand_assert(inode != NULL);
    inode->list = inodes;
    inode->previous = inodes->last;
    inode->is_directory = is_directory;
    inode->names.counts_links = true;
    if (inodes->last == NULL)
        inodes->first = inode;
    else
        inodes->last->next = inode;
    inodes->last = inode;
    inodes->unreferenced_count++;
    return inode;
}

void
strand_sim_inode_hold(struct strand_sim_inode *inode)
{
    if (inode->reference_count == 0)
        inode->list->unreferenced_count--;
    inode->reference_count++;
}

void
strand_sim_inode_release(struct strand_sim_inode *inode)
{
    strand_assert(inode->reference_count > 0);
    inode->reference_count--;
    if (inode->reference_count == 0)
        inode->list->unreferenced_count++;
}

static void
destroy(struct strand_sim_inodes *inodes, struct strand_sim_inode *inode)
{
    strand_assert(inode->maps == NULL);
    if (inode->previous == NULL) {
        strand_assert(inodes->first == inode);
        inodes->first = inode->next;
    } else {
        strand_assert(inodes->first != inode);
        inode->previous->next = inode->next;
    }
    if (inode->next == NULL)
        inodes->last = inode->previous;
    else
        inode->next->previous = inode->previous;
    inodes->unreferenced_count--;

    strand_sim_content_free(&inode->now);
    strand_sim_content_free(&inode->durable);
    strand_sim_bits_clear(&inode->dirty);
    strand_sim_bits_clear(&inode->blocks);
    strand_sim_bits_clear(&inode->leaving);
    strand_sim_names_clear(&inode->names);
    strand_sim_names_clear(&inode->durable_names);
    strand_sim_changes_clear(&inode->changes);
    free(inode);
}

void
strand_sim_inodes_bury(struct strand_sim_inodes *inodes)
{
    while (inodes->unreferenced_count > 0) { /* a directory's end may be that of others */
        struct strand_sim_inode *next;

        for (struct strand_sim_inode *inode = inodes->first; inode != NULL; inode = next) {
            next = inode->next;
            if (inode->reference_count == 0)
                destroy(inodes, inode);
        }
    }
}

static void
copy_changes(struct strand_sim_changes *to, const struct strand_sim_changes *from)
{
    for (size_t i = 0; i < from->count; i++) {
        struct strand_sim_change change = from->items[i];

        if (change.inode != NULL)
            change.inode = change.inode->scratch;
        strand_sim_changes_add(to, &change);
    }
}

void
strand_sim_inodes_copy(const struct strand_sim_inodes *from, struct strand_sim_inodes *to)
{
    for (struct strand_sim_inode *inode = from->first; inode != NULL; inode = inode->next) {
        struct strand_sim_inode *copy = strand_sim_inode_create(to, inode->is_directory);

        strand_sim_content_copy(&copy->now, &inode->now);
        strand_sim_content_copy(&copy->durable, &inode->durable);
        strand_sim_bits_copy(&copy->dirty, &inode->dirty);
        strand_sim_bits_copy(&copy->blocks, &inode->blocks);
        strand_sim_bits_copy(&copy->leaving, &inode->leaving);
        copy->is_size_dirty = inode->is_size_dirty;
        inode->scratch = copy;
    }
    for (struct strand_sim_inode *inode = from->first; inode != NULL; inode = inode->next) {
        struct strand_sim_inode *copy = inode->scratch;

        strand_sim_names_copy(&copy->names, &inode->names, true);
        strand_sim_names_copy(&copy->durable_names, &inode->durable_names, true);
        copy_changes(&copy->changes, &inode->changes);
    }
}
