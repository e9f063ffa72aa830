/* engine/log_segment.h -- A segment as the living log knows it: facts in memory, the file open or
 * not.
 *
 * States (drawn by what may still happen to the file):
 *
 *     active   the last of the log; appended to                       [strand_log_append]
 *       | roll
 *     full     not appended to any more, content not yet durable      [append: roll_if_due]
 *       | the round that covers it
 *     sealed   durable, exact size, never written again               [strand_log_commit_locked]
 *
 * An open file is counted in the engine's segment cache, which closes files that nobody uses and
 * whose content is durable when there are too many.  A file with content that is not durable is
 * never closed: its write-back error would be lost.
 *
 * A segment that opening did not read is not learnt: of it base offset and size are known,
 * end_offset is what the next segment's name or the log end says, and its table and timestamps are
 * empty.  Reading it from its start needs no more, nor does reading it from where the index of the
 * data directory leads.  Without an index a search in it learns it, once, by a walk over headers.
 *
 * The table of a segment that is full is given back when the index has all of it.
 *
 * Threading: every field is guarded by the log's state lock, except: base_offset and log (never
 * change), name_is_durable (the commit lock), cache_next and cache_previous (the cache's lock).
 * While anybody but the log's list holds a reference the file stays open, so that a holder may use
 * it without the lock.
 */
#ifndef STRAND_ENGINE_LOG_SEGMENT_H
#define STRAND_ENGINE_LOG_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "index/sparse_index.h"
#include "strandline/status.h"

struct strand_log;
struct strand_segment;

/* first_timestamp_ms of a segment that holds batches and is not learnt. */
#define STRAND_TIME_NOT_LEARNT INT64_MIN

struct strand_log_segment {
    int64_t base_offset;
    int64_t file_base_offset;   /* the file's name; differs for a run behind damage */
    int64_t start_position;     /* of the first batch; 0 but for such a run */
    struct strand_log *log;     /* borrowed: outlives the segment */
    int64_t end_offset;         /* one beyond the last record; base_offset while empty */
    int64_t size;               /* bytes that readers may touch */
    int64_t durable_size;       /* bytes that a successful sync covers */
    int64_t max_timestamp_ms;   /* -1 = none */
    int64_t first_timestamp_ms; /* largest of the first batch; -1 = none */
    int64_t record_count;       /* as the headers say; with the next, once learnt */
    int32_t newest_epoch;       /* of the last batch; -1 = none */
    bool is_learnt;       /* false: see above; then the facts are of what was appended since */
    int64_t unread_size;  /* bytes at the start that opening left unread; 0: learnt */
    int64_t created_ms;   /* wall clock; when it became ours to write */
    bool name_is_durable; /* guarded by the commit lock */
    bool is_prepared;     /* more may stand in the file: to be cut by the seal */
    bool is_cut_off;      /* quarantined: what follows in the file is damaged */
    bool was_shortened;   /* a write that failed was cut off, and no sync has begun since */
    bool is_listed;       /* in the log's list: its name means its file */
    bool was_used;        /* since the cache last looked */
    uint32_t references;  /* the log's list, and one for each user of the open file */
    struct strand_segment *file; /* owned; NULL: closed */
    struct strand_sparse_index index;
    struct strand_log_segment *cache_next, *cache_previous; /* while open */
};

/* STRAND_ERR_NO_MEMORY.  One reference: the caller's, for the log's list. */
STRAND_MUST_USE int strand_log_segment_create(struct strand_log *log, int64_t base_offset,
                                              struct strand_log_segment **out_segment);

/* Whether it holds anything a sync has not covered.  State lock held. */
bool strand_log_segment_is_dirty(const struct strand_log_segment *segment);

/* Note a batch that stands at POSITION, the size so far.  State lock held (or nobody else yet). */
void strand_log_segment_note(struct strand_log_segment *segment, const uint8_t *batch,
                             int64_t position);

/* Take a reference and see that the file is open.  State lock NOT held; the caller holds the
 * segment by another reference or by the commit lock. */
STRAND_MUST_USE int strand_log_segment_acquire(struct strand_log_segment *segment);

/* Open the file of a segment that is to become the log's last, for writing.  It is not listed yet:
 * the cache leaves it alone. */
STRAND_MUST_USE int strand_log_segment_open_last(struct strand_log_segment *segment);

/* Give the reference back; the last one closes and frees.  State lock not held. */
void strand_log_segment_release(struct strand_log_segment *segment);

/* See that SEGMENT, of which the caller holds a reference with the file open, is learnt: from the
 * index, or by a walk.  State lock not held; other threads may read, and append, meanwhile.
 * STRAND_ERR_IO, _NO_MEMORY. */
STRAND_MUST_USE int strand_log_segment_learn(struct strand_log_segment *segment);

/* The same by a walk alone, which also fills its table.  Damage is walked around: who reads there
 * will find it. */
STRAND_MUST_USE int strand_log_segment_walk(struct strand_log_segment *segment);

/* The same as far as appends need it: first_timestamp_ms, which a roll by time goes by.  Where it
 * cannot be read the segment counts as begun when it was opened. */
void strand_log_segment_learn_first_time(struct strand_log_segment *segment);

/* HEAD is about all that opening left unread of SEGMENT: it is learnt.  State lock held. */
struct strand_index_segment;
void strand_log_segment_learn_head(struct strand_log_segment *segment,
                                   const struct strand_index_segment *head);

/* A reader has walked over the SIZE bytes of SEGMENT and found that they end at END_OFFSET: what
 * was thought of one that is not the last is set right.  Whether that changed anything. */
bool strand_log_segment_note_end(struct strand_log_segment *segment, int64_t size,
                                 int64_t end_offset);

/* Recompute everything but base offset and durable size from the first SIZE bytes, reading headers.
 * Nobody else uses the segment. */
STRAND_MUST_USE int strand_log_segment_reload(struct strand_log_segment *segment, int64_t size);

#endif
