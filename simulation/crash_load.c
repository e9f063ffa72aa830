/* simulation/crash_load.c -- Inodes first, each with its number, then the names that hold them. */
#include "simulation/crash_load.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "simulation/sim_disk_internal.h"

static const int64_t PAUSE_NS = INT64_C(1000000000) * 60; /* between a crash and what comes then */

/* ---- Files ---- */

static void
put_page(struct strand_sim_content *content, const struct strand_sim_page *page, size_t index)
{
    if (page != NULL && page->extent > 0)
        strand_sim_content_put(content, page->bytes, page->extent,
                               (int64_t)index * STRAND_SIM_BLOCK_SIZE);
}

/* The sectors that a sync would still write. */
static void
mark_dirty(struct strand_sim_inode *inode, const struct strand_crash_page *page, size_t index)
{
    const struct strand_sim_page *newest = page->versions[page->version_count - 1].page;

    for (size_t sector = 0; sector < STRAND_SIM_PAGE_SECTORS; sector++)
        if (strand_sim_page_sector(newest, sector) != strand_sim_page_sector(page->held, sector))
            strand_sim_bit_set(&inode->dirty, index * STRAND_SIM_PAGE_SECTORS + sector);
}

static void
load_file(struct strand_sim_inode *inode, const struct strand_crash_file *file)
{
    for (size_t i = 0; i < file->page_count; i++) {
        const struct strand_crash_page *page = &file->pages[i];

        put_page(&inode->durable, page->held, i);
        put_page(&inode->now, page->cache, i);
        if (page->version_count > 0)
            mark_dirty(inode, page, i);
        if (page->held != NULL || page->cache != NULL)
            (void)strand_sim_inode_allocate(inode, (int64_t)i * STRAND_SIM_BLOCK_SIZE,
                                            STRAND_SIM_BLOCK_SIZE, INT64_MAX); /* all of it */
    }
    inode->recorded_extent = strand_sim_larger(inode->now.extent, inode->durable.extent);
    strand_sim_content_set_size(&inode->durable, file->held_size);
    strand_sim_content_set_size(&inode->now, file->cache_size);
    inode->is_size_dirty = file->size_count > 0;
    inode->has_lost = file->has_lost;
}

/* ---- Directories ---- */

/* What NAME is called, in memory that a change may point to; "" is no name. */
static char *
copy_name(char copy[STRAND_SIM_NAME_SIZE_MAX], const char *name)
{
    if (name == NULL)
        return NULL;
    size_t size = strlen(name) + 1;
    strand_assert(size <= STRAND_SIM_NAME_SIZE_MAX);
    memcpy(copy, name, size);
    return copy;
}

static void
load_directory(struct strand_sim_inode *inode, const struct strand_crash_directory *directory,
               struct strand_sim_inode **inodes)
{
    char cleared[STRAND_SIM_NAME_SIZE_MAX];
    char set[STRAND_SIM_NAME_SIZE_MAX];

    for (size_t i = 0; i < directory->held.count; i++) {
        const struct strand_crash_name *name = &directory->held.items[i];
        struct strand_sim_change change = {NULL, copy_name(set, name->name), inodes[name->inode]};

        strand_sim_names_apply(&inode->durable_names, &change);
        strand_sim_names_apply(&inode->names, &change);
    }
    for (size_t i = 0; i < directory->change_count; i++) {
        const struct strand_crash_change *pending = &directory->changes[i];
        struct strand_sim_change change = {copy_name(cleared, pending->cleared),
                                           copy_name(set, pending->set), NULL};

        if (change.set != NULL)
            change.inode = inodes[pending->inode];
        strand_sim_directory_change(inode, &change);
    }
}

static void
load_all(struct strand_sim_disk *disk, const struct strand_crash_disk *image)
{
    struct strand_sim_inode **inodes = calloc(image->inode_count + 1, sizeof(*inodes));

    strand_assert(inodes != NULL);
    for (uint32_t i = 1; i <= image->inode_count; i++) {
        if (!image->inodes[i].is_there)
            continue;
        inodes[i] = i == STRAND_SIM_ROOT_NUMBER
                        ? disk->root
                        : strand_sim_inode_create(&disk->inodes, image->inodes[i].is_directory);
        inodes[i]->number = i;
        if (!image->inodes[i].is_directory)
            load_file(inodes[i], &image->inodes[i].file);
    }
    for (uint32_t i = 1; i <= image->inode_count; i++)
        if (image->inodes[i].is_there && image->inodes[i].is_directory)
            load_directory(inodes[i], &image->inodes[i].directory, inodes);
    free(inodes);
}

struct strand_sim_disk *
strand_crash_load(const struct strand_crash_disk *image,
                  const struct strand_sim_disk_options *options, uint64_t boot, uint64_t lives)
{
    struct strand_sim_disk *disk = NULL;
    int status = strand_sim_disk_create(options, &disk);

    strand_assert(status == STRAND_OK);
    strand_sim_disk_enter(disk);
    load_all(disk, image);
    disk->cut_count = boot;
    disk->process_number += lives;
    disk->wall_ns += (int64_t)lives * PAUSE_NS;
    disk->monotonic_ns += (int64_t)lives * PAUSE_NS;
    for (uint64_t i = 0; i < lives; i++)
        (void)strand_sim_next_random(&disk->random); /* not the numbers that were there before */
    disk->random += lives;
    strand_sim_disk_leave(disk);
    return disk;
}
