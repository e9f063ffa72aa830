/* engine/segment_cache.h -- Holds the number of open segment files within a budget.
 *
 * Every open file of a log segment is in one ring.  Before another is opened, files that nobody
 * uses and whose content is durable are closed, those not used for longest first (second chance).
 * When there is none, a log whose content is not durable yet gets a commit round, and then its file
 * goes.  Only what readers hold, and logs that are being worked on, may exceed the budget.
 *
 * Threading: one lock, taken before any log's state lock and never while one is held.
 */
#ifndef STRAND_ENGINE_SEGMENT_CACHE_H
#define STRAND_ENGINE_SEGMENT_CACHE_H

#include <stdint.h>

#include "base/thread.h"

struct strand_log_segment;

struct strand_segment_cache {
    struct strand_mutex lock;
    struct strand_log_segment *hand; /* a ring; NULL: empty.  guarded by lock */
    uint32_t open_count;             /* guarded by lock */
    uint32_t budget;
};

void strand_segment_cache_init(struct strand_segment_cache *cache, uint32_t budget);
void strand_segment_cache_deinit(struct strand_segment_cache *cache);

/* Close what may be closed until there is room for one more.  May sync: see above. */
void strand_segment_cache_make_room(struct strand_segment_cache *cache);

/* SEGMENT's file was opened / is about to be closed by its owner. */
void strand_segment_cache_add(struct strand_segment_cache *cache,
                              struct strand_log_segment *segment);
void strand_segment_cache_remove(struct strand_segment_cache *cache,
                                 struct strand_log_segment *segment);

#endif
