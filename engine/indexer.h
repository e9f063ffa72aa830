/* engine/indexer.h -- Keeps the index of the data directory, which is a cache, up with the logs.
 *
 * Look-ups go to the index for whatever the tables in memory do not hold.  It gets, from a thread
 * of its own and in transactions that many logs share, only what is durable: pairs that appends
 * have left in the tables, what a walk over a segment that the index does not cover finds (at a
 * bounded rate, so that a lost index costs time and not the disk), facts about full segments; and
 * it loses what was cut, trimmed or deleted.
 *
 * Nothing depends on it.  Where it cannot be opened, or has failed, the engine goes without until
 * it is opened again: then tables in memory and walks answer.  A disk that is full meanwhile only
 * delays it.
 *
 * The index says with which opening of the data directory it belongs (data_directory.h): one that
 * was kept while the directory was put back to an older state, or the other way round, is not
 * believed.  The first transaction says so of this opening.
 *
 * Opening.  An index that is damaged, another version's or another directory's is replaced, with a
 * notice.  Its structure is checked before LMDB maps the file: at once when that is small, else in
 * the background, and not at all where the clean marker names this very commit.
 *
 * LMDB needs real files: whatever file system the engine is given, these are on the default one.
 * The lock of the data directory keeps others away from them; in a directory of its own the index
 * has a lock for that.
 *
 * In an engine without threads strand_indexer_run() does what is due.
 *
 * Threading: its lock is the last in the order, beside the committer's and the preparer's; none but
 * it is held while it waits.  A run takes state locks of logs, and no others of theirs.
 */
#ifndef STRAND_ENGINE_INDEXER_H
#define STRAND_ENGINE_INDEXER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"
#include "base/thread.h"
#include "engine/log_index.h"
#include "index/index.h"
#include "recovery/clean_marker.h"
#include "strandline/status.h"

#define STRAND_INDEX_NAME       "strandline.index"
#define STRAND_INDEX_OWNER_NAME "strandline.index-owner"

struct strand_engine;
struct strand_log;

struct strand_indexer {
    struct strand_engine *engine;   /* borrowed */
    char *path;                     /* owned; of the file; NULL: none is to be opened */
    struct strand_file owner;       /* locked, in a directory of the index's own; else not open */
    struct strand_index *index;     /* owned; NULL: none, or not open yet */
    struct strand_index_work *work; /* owned; the one that runs uses it */
    atomic_bool is_usable;          /* look-ups may go to it */
    struct strand_mutex lock;
    struct strand_condition wake;
    struct strand_condition settled; /* a run has ended */
    struct strand_log *head, *tail;  /* have something for it; guarded by lock, as the rest */
    uint8_t *removed;                /* owned; ids of deleted logs */
    size_t removed_count, removed_capacity;
    bool must_open;    /* the thread is to open it */
    bool must_stamp;   /* the next run commits, whatever it has: whose the index now is */
    uint32_t failures; /* of runs, since the last that succeeded */
    int64_t due_ns;    /* of the next run; -1: there is nothing to do */
    bool is_running;
    bool must_stop;
    bool has_thread;
    struct strand_thread thread;
};

void strand_indexer_init(struct strand_indexer *indexer, struct strand_engine *engine);

/* Close the index.  Nobody looks anything up any more. */
void strand_indexer_deinit(struct strand_indexer *indexer);

/* Open or make the index and see what it has of each log, now or later.  All logs are loaded, and
 * nobody else has the engine yet.  STRAND_ERR_NO_MEMORY; anything else is only noticed. */
STRAND_MUST_USE int strand_indexer_open(struct strand_indexer *indexer);

/* What opening left for later. */
void strand_indexer_open_late(struct strand_indexer *indexer);

/* The index is open: the first run, which walks nothing. */
void strand_indexer_begin(struct strand_indexer *indexer);

STRAND_MUST_USE int strand_indexer_start(struct strand_indexer *indexer);

/* Finish the run under way, begin no other, end the thread. */
void strand_indexer_stop(struct strand_indexer *indexer);

/* A run, if one is due; *OUT_NEXT_NS is when the next is, -1: nothing is known of. */
void strand_indexer_run(struct strand_indexer *indexer, int64_t *out_next_ns);

/* A run now, whatever is due, for who wants the index complete: *OUT_BYTES_LEFT of segments are not
 * covered afterwards.  STRAND_ERR_FAILED: there is no index, or it is out of use. */
STRAND_MUST_USE int strand_indexer_step(struct strand_indexer *indexer, int64_t *out_bytes_left);

/* Give it what is left in memory, for a clean close, and say in MARKER which commit goes with the
 * logs.  The threads have stopped. */
void strand_indexer_close_cleanly(struct strand_indexer *indexer,
                                  struct strand_clean_marker *marker);

/* LOG has something for it, within a second or (IS_URGENT) at once. */
void strand_indexer_note(struct strand_indexer *indexer, struct strand_log *log, bool is_urgent);

/* LOG is about to go: wait for the run under way; none looks at it any more. */
void strand_indexer_forget(struct strand_indexer *indexer, struct strand_log *log);

/* The log ID has been deleted. */
void strand_indexer_remove(struct strand_indexer *indexer, const uint8_t id[STRAND_LOG_ID_SIZE]);

/* What look-ups may use; NULL: nothing. */
static inline struct strand_index *
strand_indexer_usable(const struct strand_indexer *indexer)
{
    return atomic_load_explicit(&indexer->is_usable, memory_order_acquire) ? indexer->index : NULL;
}

#endif
