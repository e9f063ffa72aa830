/* engine/preparer.h -- The thread that gets space ready in front of the logs that are written.
 *
 * A sync into zeros that are on disk already changes no metadata, and a roll to a file that is
 * there only renames it.  Both are made ready here, off the path of appends, as much as a log is
 * going to need (log_prepare.h says what that is), for all logs together within prepared_bytes_max.
 *
 * A log asks when what it has prepared runs short.  What a log holds and does not use any more is
 * taken back after a while.
 *
 * In an engine without threads strand_preparer_run() does what is asked for and due.
 *
 * Threading: its lock is the last in the order, beside the committer's.  One log is worked on at a
 * time; who has to know that nothing is being written into a log's files waits for that.
 */
#ifndef STRAND_ENGINE_PREPARER_H
#define STRAND_ENGINE_PREPARER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/thread.h"
#include "strandline/status.h"

struct strand_engine;
struct strand_log;
struct strand_log_preparation;

/* Bytes.  Tests make them small, before the first append. */
struct strand_preparer_sizes {
    int64_t after; /* nothing is prepared before a log has written so much since it was opened */
    int64_t least; /* what is prepared at a time, within these two */
    int64_t most;
    int64_t step; /* synced together, then it is another log's turn */
    int64_t call; /* written in one call: small, since the first write decides the size of folios */
};

struct strand_preparation_list {
    struct strand_log_preparation *head, *tail;
};

struct strand_preparer {
    struct strand_engine *engine; /* borrowed */
    struct strand_preparer_sizes sizes;
    uint8_t *zeros; /* owned; sizes.call of them; made and used by whoever works on a log */
    struct strand_mutex lock;
    struct strand_condition wake;
    struct strand_condition settled;      /* a claim was given up, or the work on a log has ended */
    struct strand_preparation_list asked; /* guarded by lock, as the rest */
    struct strand_preparation_list held;  /* ordered by due_ns: to be looked at then */
    const struct strand_log *current;     /* is being worked on */
    int64_t claimed_base_offset;          /* of its segment that a call is writing to; -1: none */
    uint64_t prepared_bytes;              /* what all logs were granted */
    uint32_t next_count;                  /* prepared files, which are open */
    bool must_stop;
    bool has_thread;
    struct strand_thread thread;
};

void strand_preparer_init(struct strand_preparer *preparer, struct strand_engine *engine);
void strand_preparer_deinit(struct strand_preparer *preparer);

STRAND_MUST_USE int strand_preparer_start(struct strand_preparer *preparer);

/* Finish the step that runs, begin no other, end the thread. */
void strand_preparer_stop(struct strand_preparer *preparer);

/* Do everything that is asked for or due; *OUT_NEXT_NS is when something will be, -1: nothing. */
void strand_preparer_run(struct strand_preparer *preparer, int64_t *out_next_ns);

/* PREPARATION's log has little left. */
void strand_preparer_ask(struct strand_preparer *preparer,
                         struct strand_log_preparation *preparation);

/* Wait for the step that works on LOG, if one does, to end. */
void strand_preparer_wait(struct strand_preparer *preparer, const struct strand_log *log);

/* Wait until nothing is being written into the segment of LOG at BASE_OFFSET, which is full: it is
 * not touched again.  This waits for one call on the file, and for no lock of a log. */
void strand_preparer_await_segment(struct strand_preparer *preparer, const struct strand_log *log,
                                   int64_t base_offset);

/* The same as strand_preparer_wait(), and begin no other.  LOG is about to go, or to be closed:
 * nothing is appended. */
void strand_preparer_forget(struct strand_preparer *preparer, struct strand_log *log);

/* ---- For log_prepare.c ---- */

/* PREPARATION's log is to hold BYTES.  false: all together would exceed the limit, and nothing has
 * changed; never for less than it holds. */
bool strand_preparer_grant(struct strand_preparer *preparer,
                           struct strand_log_preparation *preparation, uint64_t bytes);

/* May one more prepared file be open?  Give that back. */
bool strand_preparer_take_file(struct strand_preparer *preparer);
void strand_preparer_give_file(struct strand_preparer *preparer);

/* Claim the segment of the log that is worked on from FROM on; its append lock is held / wait until
 * nothing below END is claimed / give the claim up. */
void strand_preparer_begin_claim(struct strand_preparer *preparer,
                                 struct strand_log_preparation *preparation, int64_t base_offset,
                                 int64_t from);
void strand_preparer_await_claim(struct strand_preparer *preparer,
                                 struct strand_log_preparation *preparation, int64_t end);
void strand_preparer_end_claim(struct strand_preparer *preparer,
                               struct strand_log_preparation *preparation);

/* PREPARATION is about to be freed: it holds nothing, and is in no list. */
void strand_preparer_drop(struct strand_preparer *preparer,
                          struct strand_log_preparation *preparation);

#endif
