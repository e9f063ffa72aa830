/* simulation/sim_record.c -- Events are whole: a page is copied when it changes, so that looking at
 * any boundary later costs nothing but following pointers.
 */
#include "simulation/sim_record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "simulation/sim_inode.h"
#include "simulation/sim_memory.h"

void
strand_sim_record_clear(struct strand_sim_record *record, uint32_t inode_count)
{
    for (size_t i = 0; i < record->text_count; i++)
        free(record->texts[i]);
    record->event_count = 0;
    record->operation_count = 0;
    record->note_count = 0;
    record->text_count = 0;
    record->inode_count = inode_count;
    strand_sim_pages_clear(&record->pages);
}

void
strand_sim_record_free(struct strand_sim_record *record)
{
    strand_sim_record_clear(record, 0);
    free(record->events);
    free(record->operations);
    free(record->notes);
    free(record->texts);
    strand_sim_pages_free(&record->pages);
    *record = (struct strand_sim_record){0};
}

/* NULL for NULL. */
static const char *
keep_text(struct strand_sim_record *record, const char *text)
{
    if (text == NULL)
        return NULL;
    record->texts = strand_sim_grow(record->texts, &record->text_capacity, record->text_count,
                                    sizeof *record->texts);
    record->texts[record->text_count] = strand_sim_copy_text(text);
    return record->texts[record->text_count++];
}

static struct strand_sim_event *
add_event(struct strand_sim_record *record, enum strand_sim_event_kind kind,
          const struct strand_sim_inode *inode)
{
    strand_assert(inode->number != 0);
    record->events = strand_sim_grow(record->events, &record->event_capacity, record->event_count,
                                     sizeof *record->events);

    struct strand_sim_event *event = &record->events[record->event_count++];
    *event = (struct strand_sim_event){.kind = kind, .inode = inode->number};
    return event;
}

static struct strand_sim_page *
copy_page(struct strand_sim_record *record, const struct strand_sim_content *content, int64_t index)
{
    struct strand_sim_page *page = strand_sim_pages_add(&record->pages);

    strand_sim_content_get(content, page->bytes, STRAND_SIM_BLOCK_SIZE,
                           index * STRAND_SIM_BLOCK_SIZE);
    return page;
}

/* The disk's page INDEX with the dirty sectors of CACHE. */
static const struct strand_sim_page *
copy_back(struct strand_sim_record *record, const struct strand_sim_inode *inode, int64_t index,
          const struct strand_sim_page *cache)
{
    struct strand_sim_page *page = copy_page(record, &inode->durable, index);

    for (size_t sector = 0; sector < STRAND_SIM_PAGE_SECTORS; sector++) {
        size_t place = sector * STRAND_SIM_SECTOR_SIZE;

        if (strand_sim_bit_is_set(&inode->dirty, (size_t)index * STRAND_SIM_PAGE_SECTORS + sector))
            memcpy(page->bytes + place, cache->bytes + place, STRAND_SIM_SECTOR_SIZE);
    }
    strand_sim_page_seal(page, NULL, 0);
    return page;
}

static void
record_page(struct strand_sim_record *record, const struct strand_sim_inode *inode, int64_t index)
{
    struct strand_sim_page *cache = copy_page(record, &inode->now, index);
    struct strand_sim_event *event = add_event(record, STRAND_SIM_EVENT_PAGE, inode);

    strand_sim_page_seal(cache, NULL, 0);
    event->number = index;
    event->cache = cache;
    event->back = inode->has_lost ? copy_back(record, inode, index, cache) : cache;
}

/* Beyond what was ever written there is nothing but zeros, and beyond the end there are no pages.
 */
void
strand_sim_record_content(struct strand_sim_record *record, struct strand_sim_inode *inode,
                          int64_t position, int64_t size)
{
    int64_t written = strand_sim_larger(inode->durable.extent, inode->now.extent);

    inode->recorded_extent = strand_sim_larger(inode->recorded_extent, written);
    int64_t end = strand_sim_smaller(position + size, inode->recorded_extent);
    end = strand_sim_smaller(end, inode->now.size);
    for (int64_t index = position / STRAND_SIM_BLOCK_SIZE; index * STRAND_SIM_BLOCK_SIZE < end;
         index++)
        record_page(record, inode, index);
    if (inode->is_size_dirty)
        add_event(record, STRAND_SIM_EVENT_SIZE, inode)->number = inode->now.size;
}

void
strand_sim_record_growth(struct strand_sim_record *record, const struct strand_sim_inode *inode,
                         int64_t from, int64_t to)
{
    int64_t size = (from / STRAND_SIM_BLOCK_SIZE + 1) * STRAND_SIM_BLOCK_SIZE;

    for (; size < to; size += STRAND_SIM_BLOCK_SIZE)
        add_event(record, STRAND_SIM_EVENT_SIZE, inode)->number = size;
}

static bool
has_pending(const struct strand_sim_inode *inode)
{
    return inode->is_size_dirty || strand_sim_bits_count(&inode->dirty) > 0;
}

void
strand_sim_record_sync(struct strand_sim_record *record, const struct strand_sim_inode *inode)
{
    if (has_pending(inode))
        (void)add_event(record, STRAND_SIM_EVENT_SYNC, inode); /* it has no more to say */
}

void
strand_sim_record_loss(struct strand_sim_record *record, struct strand_sim_inode *inode)
{
    if (!has_pending(inode))
        return;
    inode->has_lost = true;
    (void)add_event(record, STRAND_SIM_EVENT_LOSS, inode); /* likewise */
}

void
strand_sim_record_change(struct strand_sim_record *record, const struct strand_sim_inode *directory,
                         const struct strand_sim_change *change)
{
    struct strand_sim_event *event = add_event(record, STRAND_SIM_EVENT_NAME, directory);

    event->cleared = keep_text(record, change->cleared);
    event->set = keep_text(record, change->set);
    if (change->set == NULL)
        return;
    if (change->inode->number == 0)
        change->inode->number = ++record->inode_count;
    event->target = change->inode->number;
    event->target_is_directory = change->inode->is_directory;
}

void
strand_sim_record_sync_names(struct strand_sim_record *record,
                             const struct strand_sim_inode *directory)
{
    if (directory->changes.count > 0)
        (void)add_event(record, STRAND_SIM_EVENT_SYNC_NAMES, directory); /* likewise */
}

static void
add_operation(struct strand_sim_record *record, const char *text, bool has_failed)
{
    record->operations = strand_sim_grow(record->operations, &record->operation_capacity,
                                         record->operation_count, sizeof *record->operations);
    record->operations[record->operation_count++] = (struct strand_sim_operation){
        .event_end = record->event_count,
        .note_end = record->note_count,
        .text = keep_text(record, text),
        .has_failed = has_failed,
    };
}

void
strand_sim_record_note(struct strand_sim_record *record, uint64_t number)
{
    char text[64];

    (void)snprintf(text, sizeof text, "note %" PRIu64, number); /* it fits */
    record->notes = strand_sim_grow(record->notes, &record->note_capacity, record->note_count,
                                    sizeof *record->notes);
    record->notes[record->note_count++] = number;
    add_operation(record, text, false);
}

void
strand_sim_record_end(struct strand_sim_record *record, const char *text, bool has_failed)
{
    size_t done = record->operation_count == 0
                      ? 0
                      : record->operations[record->operation_count - 1].event_end;

    if (record->event_count > done || has_failed)
        add_operation(record, text, has_failed);
}
