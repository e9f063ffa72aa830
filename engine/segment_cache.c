/* engine/segment_cache.c -- Second chance: the hand goes round, and what was used since it last
 * came by is passed over once. */
#include "engine/segment_cache.h"

#include <stddef.h>

#include "base/assert.h"
#include "engine/log_internal.h"
#include "engine/log_segment.h"
#include "storage/segment.h"

void
strand_segment_cache_init(struct strand_segment_cache *cache, uint32_t budget)
{
    strand_mutex_init(&cache->lock);
    cache->hand = NULL;
    cache->open_count = 0;
    cache->budget = budget;
}

void
strand_segment_cache_deinit(struct strand_segment_cache *cache)
{
    strand_assert(cache->hand == NULL);
    strand_mutex_deinit(&cache->lock);
}

static void
link_in(struct strand_segment_cache *cache, struct strand_log_segment *segment)
{
    if (cache->hand == NULL) {
        segment->cache_next = segment;
        segment->cache_previous = segment;
        cache->hand = segment;
    } else { /* just behind the hand: it comes by last */
        segment->cache_next = cache->hand;
        segment->cache_previous = cache->hand->cache_previous;
        segment->cache_previous->cache_next = segment;
        cache->hand->cache_previous = segment;
    }
    cache->open_count++;
}

static void
link_out(struct strand_segment_cache *cache, struct strand_log_segment *segment)
{
    strand_assert(cache->open_count > 0);
    if (cache->hand == segment)
        cache->hand = segment->cache_next == segment ? NULL : segment->cache_next;
    segment->cache_next->cache_previous = segment->cache_previous;
    segment->cache_previous->cache_next = segment->cache_next;
    segment->cache_next = NULL;
    segment->cache_previous = NULL;
    cache->open_count--;
}

/* Take the file away from SEGMENT if nobody uses it (the one reference is the list's) and nothing
 * is lost by closing it. */
static struct strand_segment *
take_file(struct strand_log_segment *segment)
{
    struct strand_segment *file = NULL;

    strand_mutex_lock(&segment->log->state);
    if (segment->was_used) {
        segment->was_used = false;
    } else if (segment->is_listed && segment->references == 1 &&
               !strand_log_segment_is_dirty(segment)) {
        file = segment->file;
        segment->file = NULL;
    }
    strand_mutex_unlock(&segment->log->state);
    return file;
}

/* Close one file that may be closed; false: there is none. */
static bool
close_one(struct strand_segment_cache *cache)
{
    struct strand_segment *file = NULL;

    strand_mutex_lock(&cache->lock);
    uint32_t looks = 2 * cache->open_count; /* once to take the second chance, once for real */
    while (cache->open_count >= cache->budget && looks-- > 0 && file == NULL) {
        struct strand_log_segment *segment = cache->hand;

        file = take_file(segment);
        cache->hand = segment->cache_next;
        if (file != NULL)
            link_out(cache, segment);
    }
    strand_mutex_unlock(&cache->lock);
    /* Its content is durable: nothing is lost with an error of close. */
    (void)strand_segment_close(file);
    return file != NULL;
}

/* Whether SEGMENT keeps its file open only because its content is not durable; then its log's
 * commit lock was taken.  A log that is being worked on, or goes, is left: only tried, the lock
 * breaks no order, and who deletes a log takes it once the log is marked. */
STRAND_UNCHECKED_LOCKS static bool
lock_if_dirty(struct strand_log_segment *segment)
{
    struct strand_log *log = segment->log;

    strand_mutex_lock(&log->state);
    bool is_dirty = segment->is_listed && segment->references == 1 && !log->is_closing &&
                    log->health == STRAND_LOG_HEALTHY && strand_log_segment_is_dirty(segment) &&
                    strand_mutex_try_lock(&log->commit);
    strand_mutex_unlock(&log->state);
    return is_dirty;
}

/* Make such a log durable, so that its file may be closed; false: there is none, or there is room.
 */
STRAND_UNCHECKED_LOCKS static bool
commit_one(struct strand_segment_cache *cache)
{
    struct strand_log *log = NULL;

    strand_mutex_lock(&cache->lock);
    uint32_t looks = cache->open_count >= cache->budget ? cache->open_count : 0;
    for (; looks > 0 && log == NULL; looks--) {
        struct strand_log_segment *segment = cache->hand;

        cache->hand = segment->cache_next;
        if (lock_if_dirty(segment))
            log = segment->log;
    }
    strand_mutex_unlock(&cache->lock);
    if (log == NULL)
        return false;
    bool is_durable = strand_log_commit_locked(log) == STRAND_OK;
    strand_mutex_unlock(&log->commit);
    return is_durable;
}

void
strand_segment_cache_make_room(struct strand_segment_cache *cache)
{
    while (close_one(cache) || commit_one(cache))
        continue;
}

void
strand_segment_cache_add(struct strand_segment_cache *cache, struct strand_log_segment *segment)
{
    strand_mutex_lock(&cache->lock);
    strand_assert(segment->cache_next == NULL);
    link_in(cache, segment);
    strand_mutex_unlock(&cache->lock);
}

void
strand_segment_cache_remove(struct strand_segment_cache *cache, struct strand_log_segment *segment)
{
    strand_mutex_lock(&cache->lock);
    if (segment->cache_next != NULL)
        link_out(cache, segment);
    strand_mutex_unlock(&cache->lock);
}
