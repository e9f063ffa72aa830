/* simulation/sim_inode.c -- Two contents per file, two sets of names per directory.
 *
 * Both contents are whole and plain, not a base and a journal of writes: another layer is judged by
 * what comes out here, so a sync is a copy of dirty sectors and a cut is a copy of everything.
 */
#include "simulation/sim_inode.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

uint64_t
strand_sim_next_random(uint64_t *state)
{
    uint64_t mixed = *state += UINT64_C(0x9E3779B97F4A7C15);

    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ (mixed >> 31);
}

static void
mark_dirty(struct strand_sim_inode *inode, int64_t position, int64_t size)
{
    int64_t end = (position + size + STRAND_SIM_SECTOR_SIZE - 1) / STRAND_SIM_SECTOR_SIZE;

    for (int64_t sector = position / STRAND_SIM_SECTOR_SIZE; sector < end; sector++)
        strand_sim_bit_set(&inode->dirty, (size_t)sector);
}

int64_t
strand_sim_inode_block_count(const struct strand_sim_inode *inode)
{
    return strand_sim_bits_count(&inode->blocks) + strand_sim_bits_count(&inode->leaving);
}

int64_t
strand_sim_inode_allocate(struct strand_sim_inode *inode, int64_t position, int64_t size,
                          int64_t free_blocks)
{
    int64_t block = position / STRAND_SIM_BLOCK_SIZE;

    for (; block * STRAND_SIM_BLOCK_SIZE < position + size; block++) {
        if (strand_sim_bit_is_set(&inode->blocks, (size_t)block))
            continue;
        if (free_blocks-- <= 0)
            break;
        strand_sim_bit_set(&inode->blocks, (size_t)block);
    }
    return strand_sim_smaller(strand_sim_larger(block * STRAND_SIM_BLOCK_SIZE - position, 0), size);
}

static size_t
blocks_of(int64_t size)
{
    return (size_t)((size + STRAND_SIM_BLOCK_SIZE - 1) / STRAND_SIM_BLOCK_SIZE);
}

/* Set in TO, too, what is set in FROM in [FIRST, END). */
static void
add_blocks(struct strand_sim_bits *to, const struct strand_sim_bits *from, size_t first, size_t end)
{
    for (size_t block = first; block < end && block < strand_sim_bits_limit(from); block++)
        if (strand_sim_bit_is_set(from, block))
            strand_sim_bit_set(to, block);
}

/* Those that hold what is on disk are free after a sync; one that is allocated in such a place
 * before it is another block. */
static void
give_up_blocks_beyond(struct strand_sim_inode *inode, int64_t size)
{
    add_blocks(&inode->leaving, &inode->blocks, blocks_of(size), blocks_of(inode->durable.size));
    strand_sim_bits_clear_from(&inode->blocks, blocks_of(size));
}

/* Cache and disk are the same, SIZE bytes: no block is there for one of them alone. */
static void
settle_blocks(struct strand_sim_inode *inode, int64_t size)
{
    add_blocks(&inode->blocks, &inode->leaving, 0, blocks_of(size));
    strand_sim_bits_clear(&inode->leaving);
    strand_sim_bits_clear_from(&inode->blocks, blocks_of(size));
}

int64_t
strand_sim_inode_read(const struct strand_sim_inode *inode, void *data, int64_t size,
                      int64_t position)
{
    int64_t available = strand_sim_smaller(size, inode->now.size - position);

    if (available <= 0)
        return 0;
    strand_sim_content_get(&inode->now, data, available, position);
    return available;
}

/* Show the cache's [POSITION, POSITION + SIZE) in the maps, too. */
static void
refresh_maps(struct strand_sim_inode *inode, int64_t position, int64_t size)
{
    for (struct strand_sim_map *map = inode->maps; map != NULL; map = map->next) {
        int64_t shown = strand_sim_smaller(size, map->size - position);

        if (shown > 0)
            strand_sim_content_get(&inode->now, map->data + position, shown, position);
    }
}

/* [START, END) is new, or has come within the file. */
static void
tell_content(struct strand_sim_inode *inode, int64_t start, int64_t end)
{
    if (inode->list->record != NULL)
        strand_sim_record_content(inode->list->record, inode, start, end - start);
}

static void
range_has_changed(struct strand_sim_inode *inode, int64_t position, int64_t size, int64_t old_size)
{
    if (size == 0)
        return;
    mark_dirty(inode, position, size);
    /* A size that a failed sync has lost is due again when something beyond it is written. */
    if (inode->now.size != old_size || position + size > inode->durable.size)
        inode->is_size_dirty = true;
    refresh_maps(inode, position, size);
    tell_content(inode, strand_sim_smaller(position, old_size), position + size);
}

void
strand_sim_inode_write(struct strand_sim_inode *inode, const void *data, int64_t size,
                       int64_t position)
{
    int64_t old_size = inode->now.size;

    if (inode->list->record != NULL)
        strand_sim_record_growth(inode->list->record, inode, old_size, position + size);
    strand_sim_content_put(&inode->now, data, size, position);
    range_has_changed(inode, position, size, old_size);
}

void
strand_sim_inode_set_size(struct strand_sim_inode *inode, int64_t size)
{
    int64_t cut_size = inode->now.extent - size;
    int64_t start = strand_sim_smaller(inode->now.size, size);

    if (size <= inode->now.size) /* reserved space goes too, also when the size stays */
        give_up_blocks_beyond(inode, size);
    if (size == inode->now.size)
        return;
    strand_sim_content_set_size(&inode->now, size);
    inode->is_size_dirty = true;
    if (cut_size > 0) { /* zeros from here on, should the file grow again */
        mark_dirty(inode, size, cut_size);
        refresh_maps(inode, size, cut_size);
    }
    tell_content(inode, start, size + 1); /* the page that the end is in, too */
}

void
strand_sim_inode_zero(struct strand_sim_inode *inode, int64_t position, int64_t size)
{
    int64_t old_size = inode->now.size;

    strand_sim_content_zero(&inode->now, position, size);
    range_has_changed(inode, position, size, old_size);
}

/* Copy one sector from the cache to the disk.  The caller sets the size afterwards, which also
 * trims what this put beyond it. */
static void
write_back_sector(struct strand_sim_inode *inode, size_t sector)
{
    uint8_t bytes[STRAND_SIM_SECTOR_SIZE];
    int64_t position = (int64_t)sector * STRAND_SIM_SECTOR_SIZE;

    if (position >= inode->now.extent) { /* stays without memory */
        strand_sim_content_zero(&inode->durable, position, STRAND_SIM_SECTOR_SIZE);
        return;
    }
    strand_sim_content_get(&inode->now, bytes, STRAND_SIM_SECTOR_SIZE, position);
    strand_sim_content_put(&inode->durable, bytes, STRAND_SIM_SECTOR_SIZE, position);
}

void
strand_sim_inode_sync(struct strand_sim_inode *inode)
{
    int64_t size = inode->is_size_dirty ? inode->now.size : inode->durable.size;

    if (inode->list->record != NULL)
        strand_sim_record_sync(inode->list->record, inode);
    for (size_t sector = 0; sector < strand_sim_bits_limit(&inode->dirty); sector++)
        if (strand_sim_bit_is_set(&inode->dirty, sector))
            write_back_sector(inode, sector);
    strand_sim_content_set_size(&inode->durable, size);
    strand_sim_bits_clear(&inode->leaving);
    strand_sim_inode_forget(inode);
}

void
strand_sim_inode_forget(struct strand_sim_inode *inode)
{
    strand_sim_bits_clear(&inode->dirty);
    inode->is_size_dirty = false;
}

void
strand_sim_inode_fail_sync(struct strand_sim_inode *inode)
{
    if (inode->list->record != NULL)
        strand_sim_record_loss(inode->list->record, inode);
    strand_sim_inode_forget(inode);
}

void
strand_sim_inode_replace(struct strand_sim_inode *inode, const void *data, int64_t size)
{
    int64_t changed_size = strand_sim_larger(size, inode->now.extent);

    strand_sim_content_set_size(&inode->now, 0);
    strand_sim_content_put(&inode->now, data, size, 0);
    strand_sim_content_copy(&inode->durable, &inode->now);
    strand_sim_inode_forget(inode);
    settle_blocks(inode, size);
    (void)strand_sim_inode_allocate(inode, 0, size, INT64_MAX); /* all of them */
    refresh_maps(inode, 0, changed_size);
}

struct strand_sim_map *
strand_sim_inode_map(struct strand_sim_inode *inode, int64_t size)
{
    struct strand_sim_map *map = malloc(sizeof *map);

    strand_assert(map != NULL);
    *map = (struct strand_sim_map){calloc(1, (size_t)size), size, inode->maps};
    if (map->data == NULL) {
        free(map);
        return NULL;
    }
    /* Only what is there: the rest is zeros already, and stays untouched memory. */
    strand_sim_content_get(&inode->now, map->data, strand_sim_smaller(size, inode->now.extent), 0);
    inode->maps = map;
    strand_sim_inode_hold(inode);
    return map;
}

void
strand_sim_inode_detach_maps(struct strand_sim_inode *inode, struct strand_sim_map **maps)
{
    while (inode->maps != NULL) {
        struct strand_sim_map *map = inode->maps;

        inode->maps = map->next;
        map->next = *maps;
        *maps = map;
        strand_sim_inode_release(inode);
    }
}

bool
strand_sim_map_free(struct strand_sim_map **maps, const void *data)
{
    for (struct strand_sim_map **link = maps; *link != NULL; link = &(*link)->next) {
        struct strand_sim_map *map = *link;

        if (map->data == data) {
            *link = map->next;
            free(map->data);
            free(map);
            return true;
        }
    }
    return false;
}

static int64_t
random_size(const struct strand_sim_inode *inode, uint64_t *random)
{
    int64_t old_size = inode->durable.size;
    int64_t new_size = inode->now.size;

    if (!inode->is_size_dirty)
        return old_size;
    if (new_size <= old_size)
        return strand_sim_next_random(random) % 2 == 0 ? old_size : new_size;
    switch (strand_sim_next_random(random) % 3) {
    case 0:
        return old_size;
    case 1:
        return new_size;
    default:
        return old_size +
               (int64_t)(strand_sim_next_random(random) % (uint64_t)(new_size - old_size + 1));
    }
}

/* Of the dirty sectors, those beyond the new end have no new content: a file that keeps its old,
 * strand_sim_larger size keeps what was there. */
static void
sync_at_random(struct strand_sim_inode *inode, uint64_t *random)
{
    int64_t size = random_size(inode, random);

    for (size_t sector = 0; sector < strand_sim_bits_limit(&inode->dirty); sector++)
        if (strand_sim_bit_is_set(&inode->dirty, sector) &&
            (int64_t)sector * STRAND_SIM_SECTOR_SIZE < inode->now.size &&
            strand_sim_next_random(random) % 2 == 0)
            write_back_sector(inode, sector);
    strand_sim_content_set_size(&inode->durable, size);
}

static void
cut_file(struct strand_sim_inode *inode, enum strand_sim_loss loss, uint64_t *random)
{
    if (loss == STRAND_SIM_KEEP_CONTENT || loss == STRAND_SIM_KEEP_ALL)
        strand_sim_inode_sync(inode);
    else if (loss == STRAND_SIM_RANDOM || loss == STRAND_SIM_UNORDERED)
        sync_at_random(inode, random);
    strand_sim_inode_forget(inode);
    strand_sim_content_copy(&inode->now, &inode->durable);
    settle_blocks(inode, inode->now.size);
}

void
strand_sim_directory_change(struct strand_sim_inode *directory,
                            const struct strand_sim_change *change)
{
    if (directory->list->record != NULL)
        strand_sim_record_change(directory->list->record, directory, change);
    strand_sim_changes_add(&directory->changes, change);
    strand_sim_names_apply(&directory->names, change);
}

/* The first COUNT of the changes reach the disk. */
static void
sync_changes(struct strand_sim_inode *directory, size_t count)
{
    for (size_t i = 0; i < count; i++)
        strand_sim_names_apply(&directory->durable_names, &directory->changes.items[i]);
    strand_sim_changes_clear(&directory->changes);
}

void
strand_sim_directory_sync(struct strand_sim_inode *directory)
{
    if (directory->list->record != NULL)
        strand_sim_record_sync_names(directory->list->record, directory);
    sync_changes(directory, directory->changes.count);
}

/* Any of the changes reach the disk, whatever came before. */
static void
sync_some_changes(struct strand_sim_inode *directory, uint64_t *random)
{
    for (size_t i = 0; i < directory->changes.count; i++)
        if (strand_sim_next_random(random) % 2 == 0)
            strand_sim_names_apply(&directory->durable_names, &directory->changes.items[i]);
    strand_sim_changes_clear(&directory->changes);
}

static void
cut_directory(struct strand_sim_inode *directory, enum strand_sim_loss loss, uint64_t *random)
{
    size_t kept = 0;

    if (loss == STRAND_SIM_KEEP_NAMES || loss == STRAND_SIM_KEEP_ALL)
        kept = directory->changes.count;
    else if (loss == STRAND_SIM_RANDOM)
        kept = (size_t)(strand_sim_next_random(random) % (directory->changes.count + 1));
    else if (loss == STRAND_SIM_UNORDERED)
        sync_some_changes(directory, random);
    sync_changes(directory, kept);
    strand_sim_names_clear(&directory->names);
    strand_sim_names_copy(&directory->names, &directory->durable_names, false);
}

void
strand_sim_inode_cut(struct strand_sim_inode *inode, enum strand_sim_loss loss, uint64_t *random)
{
    if (inode->is_directory)
        cut_directory(inode, loss, random);
    else
        cut_file(inode, loss, random);
}

bool
strand_sim_inode_is_dirty(const struct strand_sim_inode *inode)
{
    return inode->changes.count > 0 || inode->is_size_dirty ||
           strand_sim_bits_count(&inode->dirty) > 0 ||
           !strand_sim_content_is_same(&inode->now, &inode->durable);
}
