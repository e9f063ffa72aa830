/* engine/committer.h -- The thread that makes logs durable: N waiters share one sync.
 *
 * A log asks for a round, at once (somebody waits) or by and by (data nobody waits for, after the
 * commit interval).  The committer runs the rounds, logs with waiters first, in the order they
 * asked, and syncs the frontier no later than STRAND_FRONTIER_DELAY_MS after a slot was written.
 *
 * In an engine without threads the same queue is worked off by strand_committer_run(), and a waiter
 * runs the round of its log itself.
 *
 * Threading: its lock is the last in the order; asking takes it for a few instructions.
 */
#ifndef STRAND_ENGINE_COMMITTER_H
#define STRAND_ENGINE_COMMITTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/thread.h"
#include "strandline/status.h"

struct strand_engine;
struct strand_log;

/* A log's place in the queues; part of the log, guarded by the committer's lock. */
struct strand_commit_request {
    struct strand_log *urgent_next;
    struct strand_log *later_next;
    int64_t due_ns;
    bool is_urgent; /* in the urgent queue */
    bool is_later;  /* in the other */
};

struct strand_committer {
    struct strand_engine *engine; /* borrowed */
    struct strand_mutex lock;
    struct strand_condition wake;
    struct strand_condition idle;
    struct strand_log *urgent_head, *urgent_tail; /* guarded by lock, as the rest */
    struct strand_log *later_head, *later_tail;   /* ordered by due_ns */
    struct strand_log *current;                   /* its round is running */
    int64_t frontier_due_ns;                      /* -1: nothing to sync */
    bool must_stop;
    bool has_thread;
    struct strand_thread thread;
};

void strand_committer_init(struct strand_committer *committer, struct strand_engine *engine);
void strand_committer_deinit(struct strand_committer *committer);

STRAND_MUST_USE int strand_committer_start(struct strand_committer *committer);

/* Finish the round that runs, start no other, end the thread. */
void strand_committer_stop(struct strand_committer *committer);

/* Somebody waits for LOG: a round as soon as possible. */
void strand_committer_ask(struct strand_committer *committer, struct strand_log *log);

/* LOG has data nobody waits for: a round when the commit interval has passed. */
void strand_committer_ask_later(struct strand_committer *committer, struct strand_log *log);

/* A frontier slot was written. */
void strand_committer_note_slot(struct strand_committer *committer);

/* LOG is about to go: forget its requests and wait for its round to end. */
void strand_committer_forget(struct strand_committer *committer, struct strand_log *log);

/* Do everything that is due now; *OUT_NEXT_NS is when something will be, -1: nothing is asked for.
 */
void strand_committer_run(struct strand_committer *committer, int64_t *out_next_ns);

#endif
