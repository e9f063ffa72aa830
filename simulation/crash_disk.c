/* simulation/crash_disk.c -- Events become what the disk holds and what is pending.
 *
 * Memory of arrays is kept when a disk is cleared: thousands of small ones are made each second.
 */
#include "simulation/crash_disk.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "simulation/sim_memory.h"

static void
clear_file(struct strand_crash_file *file)
{
    for (size_t i = 0; i < file->page_count; i++) {
        file->pages[i].held = NULL;
        file->pages[i].cache = NULL;
        file->pages[i].version_count = 0;
    }
    file->page_count = 0;
    file->held_size = 0;
    file->cache_size = 0;
    file->size_count = 0;
    file->has_lost = false;
}

void
strand_crash_disk_clear(struct strand_crash_disk *disk)
{
    for (uint32_t i = 1; i <= disk->inode_count; i++)
        disk->inodes[i].is_there = false;
    disk->inode_count = 0;
    strand_sim_pages_clear(&disk->pages);
    (void)strand_crash_disk_add(disk, STRAND_SIM_ROOT_NUMBER, true); /* there is nobody to tell */
}

void
strand_crash_disk_free(struct strand_crash_disk *disk)
{
    for (size_t i = 0; i < disk->inode_capacity; i++) {
        struct strand_crash_inode *inode = &disk->inodes[i];

        for (size_t page = 0; page < inode->file.page_capacity; page++)
            free(inode->file.pages[page].versions);
        free(inode->file.pages);
        free(inode->file.sizes);
        free(inode->directory.held.items);
        free(inode->directory.changes);
    }
    free(disk->inodes);
    strand_sim_pages_free(&disk->pages);
    *disk = (struct strand_crash_disk){0};
}

static void
make_room(struct strand_crash_disk *disk, uint32_t number)
{
    size_t capacity = disk->inode_capacity == 0 ? 8 : disk->inode_capacity;

    while (capacity <= number)
        capacity *= 2;
    if (capacity == disk->inode_capacity)
        return;
    disk->inodes = realloc(disk->inodes, capacity * sizeof *disk->inodes);
    strand_assert(disk->inodes != NULL);
    memset(disk->inodes + disk->inode_capacity, 0,
           (capacity - disk->inode_capacity) * sizeof *disk->inodes);
    disk->inode_capacity = capacity;
}

struct strand_crash_inode *
strand_crash_disk_add(struct strand_crash_disk *disk, uint32_t number, bool is_directory)
{
    strand_assert(number != 0);
    make_room(disk, number);

    struct strand_crash_inode *inode = &disk->inodes[number];
    if (number > disk->inode_count)
        disk->inode_count = number;
    if (inode->is_there)
        return inode;
    inode->is_there = true;
    inode->is_directory = is_directory;
    inode->generation = ++disk->generation;
    inode->directory.held.count = 0;
    inode->directory.change_count = 0;
    clear_file(&inode->file);
    return inode;
}

struct strand_crash_page *
strand_crash_file_page(struct strand_crash_file *file, size_t index)
{
    if (index >= file->page_capacity) {
        size_t capacity = index + 1 + index / 2;

        file->pages = realloc(file->pages, capacity * sizeof *file->pages);
        strand_assert(file->pages != NULL);
        memset(file->pages + file->page_capacity, 0,
               (capacity - file->page_capacity) * sizeof *file->pages);
        file->page_capacity = capacity;
    }
    if (index >= file->page_count)
        file->page_count = index + 1; /* what is beyond the count is all zeros but its memory */
    return &file->pages[index];
}

/* ---- Names ---- */

/* The index of the first name that is not below NAME. */
static size_t
lower_bound(const struct strand_crash_names *names, const char *name)
{
    size_t low = 0;
    size_t high = names->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(names->items[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool
is_at(const struct strand_crash_names *names, size_t index, const char *name)
{
    return index < names->count && strcmp(names->items[index].name, name) == 0;
}

static void
clear_name(struct strand_crash_names *names, const char *name)
{
    size_t index = lower_bound(names, name);

    if (!is_at(names, index, name))
        return;
    names->count--;
    memmove(names->items + index, names->items + index + 1,
            (names->count - index) * sizeof *names->items);
}

static void
set_name(struct strand_crash_names *names, const char *name, uint32_t inode)
{
    size_t index = lower_bound(names, name);

    if (is_at(names, index, name)) {
        names->items[index].inode = inode;
        return;
    }
    names->items =
        strand_sim_grow(names->items, &names->capacity, names->count, sizeof *names->items);
    memmove(names->items + index + 1, names->items + index,
            (names->count - index) * sizeof *names->items);
    names->items[index] = (struct strand_crash_name){name, inode};
    names->count++;
}

void
strand_crash_names_apply(struct strand_crash_names *names, const struct strand_crash_change *change)
{
    if (change->cleared != NULL)
        clear_name(names, change->cleared);
    if (change->set != NULL)
        set_name(names, change->set, change->inode);
}

void
strand_crash_names_copy(struct strand_crash_names *to, const struct strand_crash_names *from)
{
    to->count = 0;
    for (size_t i = 0; i < from->count; i++) {
        to->items = strand_sim_grow(to->items, &to->capacity, i, sizeof *to->items);
        to->items[i] = from->items[i];
        to->count++;
    }
}

/* ---- Events ---- */

static void
add_version(struct strand_crash_page *page, const struct strand_sim_page *bytes, size_t operation)
{
    const struct strand_sim_page *newest =
        page->version_count > 0 ? page->versions[page->version_count - 1].page : page->held;

    if (strand_sim_page_hash(newest) == strand_sim_page_hash(bytes))
        return;
    page->versions = strand_sim_grow(page->versions, &page->version_capacity, page->version_count,
                                     sizeof *page->versions);
    page->versions[page->version_count++] = (struct strand_crash_version){bytes, operation};
}

static void
add_size(struct strand_crash_file *file, int64_t size, size_t operation)
{
    int64_t newest =
        file->size_count > 0 ? file->sizes[file->size_count - 1].size : file->held_size;

    file->cache_size = size;
    if (newest == size)
        return;
    file->sizes =
        strand_sim_grow(file->sizes, &file->size_capacity, file->size_count, sizeof *file->sizes);
    file->sizes[file->size_count++] = (struct strand_crash_size){size, operation};
}

const struct strand_sim_page *
strand_crash_disk_trim(struct strand_crash_disk *disk, const struct strand_sim_page *page,
                       int64_t extent)
{
    if (page == NULL || extent <= 0)
        return NULL;
    if (page->extent <= extent)
        return page;

    struct strand_sim_page *trimmed = strand_sim_pages_add(&disk->pages);
    memcpy(trimmed->bytes, page->bytes, (size_t)extent);
    memset(trimmed->bytes + extent, 0, (size_t)(STRAND_SIM_BLOCK_SIZE - extent));
    strand_sim_page_seal(trimmed, page, (UINT32_C(1) << (extent / STRAND_SIM_SECTOR_SIZE)) - 1);
    return trimmed;
}

/* A page that is written has zeros behind the end; one that is not keeps what is there. */
static void
sync_file(struct strand_crash_disk *disk, struct strand_crash_file *file)
{
    if (file->size_count > 0)
        file->held_size = file->sizes[file->size_count - 1].size;
    file->size_count = 0;
    for (size_t i = 0; i < file->page_count; i++) {
        struct strand_crash_page *page = &file->pages[i];
        int64_t extent = file->held_size - (int64_t)i * STRAND_SIM_BLOCK_SIZE;

        if (page->version_count > 0)
            page->held =
                strand_crash_disk_trim(disk, page->versions[page->version_count - 1].page, extent);
        else if (extent <= 0)
            page->held = NULL;
        page->version_count = 0;
    }
}

static void
lose_file(struct strand_crash_file *file)
{
    file->size_count = 0;
    file->has_lost = true;
    for (size_t i = 0; i < file->page_count; i++)
        file->pages[i].version_count = 0;
}

static void
add_change(struct strand_crash_directory *directory, const struct strand_sim_event *event,
           size_t operation)
{
    directory->changes = strand_sim_grow(directory->changes, &directory->change_capacity,
                                         directory->change_count, sizeof *directory->changes);
    directory->changes[directory->change_count++] = (struct strand_crash_change){
        .cleared = event->cleared,
        .set = event->set,
        .inode = event->target,
        .operation = operation,
    };
}

static void
sync_names(struct strand_crash_directory *directory)
{
    for (size_t i = 0; i < directory->change_count; i++)
        strand_crash_names_apply(&directory->held, &directory->changes[i]);
    directory->change_count = 0;
}

static void
apply_event(struct strand_crash_disk *disk, const struct strand_sim_event *event, size_t operation)
{
    if (event->kind == STRAND_SIM_EVENT_NAME && event->target != 0)
        (void)strand_crash_disk_add(disk, event->target, event->target_is_directory); /* looked up
                                                                                         later */
    strand_assert(event->inode <= disk->inode_count && disk->inodes[event->inode].is_there);
    struct strand_crash_inode *inode = &disk->inodes[event->inode];
    struct strand_crash_page *page;

    inode->generation = ++disk->generation;
    switch (event->kind) {
    case STRAND_SIM_EVENT_PAGE:
        page = strand_crash_file_page(&inode->file, (size_t)event->number);
        page->cache = event->cache;
        add_version(page, event->back, operation);
        break;
    case STRAND_SIM_EVENT_SIZE:
        add_size(&inode->file, event->number, operation);
        break;
    case STRAND_SIM_EVENT_SYNC:
        sync_file(disk, &inode->file);
        break;
    case STRAND_SIM_EVENT_LOSS:
        lose_file(&inode->file);
        break;
    case STRAND_SIM_EVENT_NAME:
        add_change(&inode->directory, event, operation);
        break;
    case STRAND_SIM_EVENT_SYNC_NAMES:
        sync_names(&inode->directory);
        break;
    }
}

void
strand_crash_disk_apply(struct strand_crash_disk *disk, const struct strand_sim_record *record,
                        size_t number)
{
    strand_assert(number >= 1 && number <= record->operation_count);
    size_t first = number == 1 ? 0 : record->operations[number - 2].event_end;

    for (size_t i = first; i < record->operations[number - 1].event_end; i++)
        apply_event(disk, &record->events[i], number);
}

/* ---- The whole ---- */

static void
copy_file(struct strand_crash_file *to, const struct strand_crash_file *from)
{
    for (size_t i = 0; i < from->page_count; i++) {
        struct strand_crash_page *page = strand_crash_file_page(to, i);

        page->held = from->pages[i].held;
        page->cache = from->pages[i].cache;
        for (size_t v = 0; v < from->pages[i].version_count; v++)
            add_version(page, from->pages[i].versions[v].page, 0);
    }
    to->held_size = from->held_size;
    for (size_t i = 0; i < from->size_count; i++)
        add_size(to, from->sizes[i].size, 0);
    to->cache_size = from->cache_size;
    to->has_lost = from->has_lost;
}

static void
copy_directory(struct strand_crash_directory *to, const struct strand_crash_directory *from)
{
    strand_crash_names_copy(&to->held, &from->held);
    for (size_t i = 0; i < from->change_count; i++) {
        to->changes = strand_sim_grow(to->changes, &to->change_capacity, i, sizeof *to->changes);
        to->changes[i] = from->changes[i];
        to->changes[i].operation = 0;
        to->change_count++;
    }
}

void
strand_crash_disk_copy(struct strand_crash_disk *to, const struct strand_crash_disk *from)
{
    for (uint32_t i = 1; i <= from->inode_count; i++) {
        const struct strand_crash_inode *original = &from->inodes[i];

        if (!original->is_there)
            continue;
        struct strand_crash_inode *inode = strand_crash_disk_add(to, i, original->is_directory);
        copy_file(&inode->file, &original->file);
        copy_directory(&inode->directory, &original->directory);
    }
}

static uint64_t
hash_file(const struct strand_crash_file *file)
{
    uint64_t hash = strand_sim_mix_two((uint64_t)file->held_size, (uint64_t)file->cache_size);

    for (size_t i = 0; i < file->size_count; i++)
        hash = strand_sim_mix_two(hash, (uint64_t)file->sizes[i].size);
    for (size_t i = 0; i < file->page_count; i++) {
        const struct strand_crash_page *page = &file->pages[i];

        hash = strand_sim_mix_two(hash, strand_sim_page_hash(page->held));
        hash = strand_sim_mix_two(hash, strand_sim_page_hash(page->cache));
        for (size_t v = 0; v < page->version_count; v++)
            hash = strand_sim_mix_two(hash, strand_sim_page_hash(page->versions[v].page));
    }
    return hash;
}

static uint64_t
hash_directory(const struct strand_crash_directory *directory)
{
    uint64_t hash = directory->change_count;

    for (size_t i = 0; i < directory->held.count; i++) {
        hash = strand_sim_mix_two(hash, strand_sim_hash_text(directory->held.items[i].name));
        hash = strand_sim_mix_two(hash, directory->held.items[i].inode);
    }
    for (size_t i = 0; i < directory->change_count; i++) {
        const struct strand_crash_change *change = &directory->changes[i];

        hash = strand_sim_mix_two(
            hash, strand_sim_hash_text(change->cleared == NULL ? "" : change->cleared));
        hash =
            strand_sim_mix_two(hash, strand_sim_hash_text(change->set == NULL ? "" : change->set));
        hash = strand_sim_mix_two(hash, change->inode);
    }
    return hash;
}

uint64_t
strand_crash_disk_hash(const struct strand_crash_disk *disk)
{
    uint64_t hash = disk->inode_count;

    for (uint32_t i = 1; i <= disk->inode_count; i++) {
        const struct strand_crash_inode *inode = &disk->inodes[i];

        if (inode->is_there)
            hash = strand_sim_mix_two(hash, inode->is_directory ? hash_directory(&inode->directory)
                                                                : hash_file(&inode->file));
    }
    return hash;
}
