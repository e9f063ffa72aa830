/* engine/log_gather.h -- A round waits a moment for those whom the last one has let go.
 *
 * Threads that append durably in a loop come back at once.  A round that begins as soon as the one
 * before has ended covers those who came during that one, and leaves those whom it let go to the
 * next: N threads share a sync by halves.  So a round that somebody waits for begins when as many
 * wait as did when the last one ended, or when three quarters of what that took have passed, at
 * most a millisecond.  Where fewer than half of the missing come, it is not tried for some rounds,
 * each time twice as many, so that appends that come by chance wait for nobody.
 *
 * A thread on its own never waits: it was alone when the last round ended.  Counts are estimates,
 * on which nothing but the moment of a round depends.  Nothing is allocated.
 */
#ifndef STRAND_ENGINE_LOG_GATHER_H
#define STRAND_ENGINE_LOG_GATHER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/thread.h"

enum { STRAND_GATHER_MISSES_MAX = 8 }; /* then one round of 257 waits */

/* Guarded by the log's state. */
struct strand_log_gather {
    struct strand_condition complete;
    uint32_t arrived;    /* waiters that no round covers yet */
    uint32_t covered;    /* those of the round that runs */
    uint32_t expected;   /* arrived and covered when the last round ended */
    uint32_t goal;       /* for so many the next round waits; 0: it does not */
    uint32_t misses;     /* times in a row that it was in vain */
    uint32_t skips;      /* rounds that do not wait */
    int64_t round_ns;    /* what the syncs of the last round took */
    int64_t wait_ns_max; /* a test's to change */
};

void strand_log_gather_init(struct strand_log_gather *gather);
void strand_log_gather_deinit(struct strand_log_gather *gather);

#endif
