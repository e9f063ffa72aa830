/* engine/committer.h -- The threads that make logs durable: N waiters share one sync.
 *
 * A log asks for a round, at once (somebody waits) or by and by (data nobody waits for, after the
 * commit interval).  A pool of workers takes pieces of work from the same place, each of them:
 *
 *     a round that somebody waits for       in the order they were asked for
 *     the frontier's sync                   no later than STRAND_FRONTIER_DELAY_MS after a slot was
 *                                           written, or somewhat later while others are waited for
 *     a round that nobody waits for         those that have been due for longest first
 *     a checkpoint                          in line with those, when nobody waits for a round
 *
 * Several logs are synced at once, one log by one worker.  What nobody waits for never takes the
 * last worker, so that a log that is waited for does not pay for ten thousand that are not; and it
 * gets a turn between two others when it is overdue by as much again, so that it is not starved.
 *
 * In an engine without threads the same work is done by strand_committer_run(), and a waiter runs
 * the round of its log itself.
 *
 * Idle workers form a stack: the one that worked last is the next to be woken, one for each piece
 * of work.  The one at the bottom alone sleeps with a deadline, the next time anything is due.
 *
 * Threading: its lock is the last in the order; asking takes it for a few instructions.
 */
#ifndef STRAND_ENGINE_COMMITTER_H
#define STRAND_ENGINE_COMMITTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/thread.h"
#include "engine/commit_queue.h"
#include "strandline/status.h"

struct strand_engine;
struct strand_log;

struct strand_sync_worker {
    struct strand_committer *committer;
    struct strand_thread thread;
    struct strand_condition wake;
    struct strand_sync_worker *below; /* in the stack of idle ones */
    bool is_idle;
};

struct strand_committer {
    struct strand_engine *engine; /* borrowed */
    struct strand_mutex lock;
    struct strand_condition round_ended;
    struct strand_commit_queue urgent; /* guarded by lock, as the rest */
    struct strand_commit_queue later;  /* ordered by due_ns */
    int64_t frontier_due_ns;           /* -1: nothing to sync */
    int64_t checkpoint_due_ns;         /* -1: none was asked for */
    bool is_frontier_running;
    bool is_checkpoint_running;
    bool was_urgent;    /* the last piece that was taken */
    uint32_t unhurried; /* pieces that run and nobody waits for */
    uint32_t unhurried_max;
    bool must_stop;
    struct strand_sync_worker *workers; /* owned; NULL: none */
    uint32_t worker_count;
    struct strand_sync_worker *idle;       /* the stack; NULL: all are at work */
    struct strand_sync_worker *timekeeper; /* its bottom */
    int64_t timekeeper_due_ns;             /* what that sleeps for; -1: nothing */
};

void strand_committer_init(struct strand_committer *committer, struct strand_engine *engine);
void strand_committer_deinit(struct strand_committer *committer);

STRAND_MUST_USE int strand_committer_start(struct strand_committer *committer);

/* Finish the pieces that run, start no other, end the threads. */
void strand_committer_stop(struct strand_committer *committer);

/* Somebody waits for LOG: a round as soon as possible. */
void strand_committer_ask(struct strand_committer *committer, struct strand_log *log);

/* LOG has data nobody waits for: a round when the commit interval has passed. */
void strand_committer_ask_later(struct strand_committer *committer, struct strand_log *log);

/* A frontier slot was written. */
void strand_committer_note_slot(struct strand_committer *committer);

/* A checkpoint (strand_checkpointer_run()) at DUE_NS of the seam's monotonic clock, or when one was
 * asked for earlier.  There is one at a time; asked for during one, it is another. */
void strand_committer_ask_checkpoint(struct strand_committer *committer, int64_t due_ns);

/* LOG is about to go: forget its requests and wait for its round to end. */
void strand_committer_forget(struct strand_committer *committer, struct strand_log *log);

/* Do everything that is due now; *OUT_NEXT_NS is when something will be, -1: nothing is asked for.
 */
void strand_committer_run(struct strand_committer *committer, int64_t *out_next_ns);

#endif
