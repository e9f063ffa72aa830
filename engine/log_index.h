/* engine/log_index.h -- What one log has in the index, how it is looked up, and what goes there.
 *
 * Below `covered` the index has every pair that is to be had.  It is lowered at once where the log
 * is cut, and raised when a commit of the index has succeeded; so that a look-up below it never
 * meets what another life of the log has left there.
 *
 * What the index says is a hint: a pair is used only if the header there has the base offset that
 * it names; facts about a segment only if the file has the size that they name.
 *
 * Threading: guarded by the log's state lock, except what is marked.
 */
#ifndef STRAND_ENGINE_LOG_INDEX_H
#define STRAND_ENGINE_LOG_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "index/index.h"
#include "strandline/status.h"

struct strand_log;
struct strand_log_segment;

struct strand_log_index {
    uint64_t first_generation;  /* of the log as it was on disk when it was opened; 0: none */
    uint64_t stored_generation; /* that the index gives for it; 0: it does not know the log */
    int64_t covered;
    int64_t cut; /* what the index says from here on is of another life; INT64_MAX: nothing */
    int64_t first_kept; /* what it says below is of segments that are gone; INT64_MIN: nothing */
    uint64_t bytes;     /* that became durable since the indexer was told */
    struct strand_log *next; /* of those that wait; guarded by the indexer's lock, as the next */
    bool is_queued;
    struct strand_log *next_taken; /* of those of a run; whose own, as the next three */
    uint64_t taken_generation;
    int64_t taken_cut, taken_kept;
    int64_t taken_covered;
    bool has_more; /* the run has left something */
};

void strand_log_index_init(struct strand_log_index *index);

/* ---- Look-ups; state lock not held ---- */

/* What the index says of a place, true of a log of that generation. */
struct strand_log_hint {
    uint64_t generation;
    struct strand_index_place place; /* at or below what was looked for; offset -1: none */
    bool is_nearest; /* there is no pair between; of another segment: none in front of it in its own
                      */
};

/* false: nothing is known. */
bool strand_log_index_find(struct strand_log *log, int64_t offset,
                           struct strand_log_hint *out_hint);

/* An offset in the segment at SEGMENT_BASE in front of which everything is earlier than
 * TIMESTAMP_MS. */
bool strand_log_index_find_time(struct strand_log *log, int64_t segment_base, int64_t timestamp_ms,
                                int64_t *out_offset);

/* SEGMENT, which is not learnt, is, if the index has facts about a file of its size. */
bool strand_log_index_learn(struct strand_log_segment *segment);

/* It has led to what is not there: nothing in it is believed, all of it is made anew. */
void strand_log_index_distrust(struct strand_log *log);

/* ---- What happens to the log; state lock held ---- */

/* BYTES more are durable.  Whether the indexer is to be told, and *OUT_IS_URGENT. */
bool strand_log_index_note_durable_locked(struct strand_log *log, uint64_t bytes,
                                          bool *out_is_urgent);

/* The log was cut to OFFSET, / its first segment now is the one at BASE_OFFSET: the indexer is to
 * be told. */
void strand_log_index_note_cut_locked(struct strand_log *log, int64_t offset);
void strand_log_index_note_trim_locked(struct strand_log *log, int64_t base_offset);

/* Pairs of SEGMENT below this relative offset are in the index, and may go from its table. */
uint32_t strand_log_index_droppable_locked(const struct strand_log_segment *segment);

/* ---- For the indexer ---- */

/* A log as INDEX, just opened, has it: that is taken over, as far as it is true. */
STRAND_MUST_USE int strand_log_index_adopt(struct strand_log *log, struct strand_index *index);

/* Bytes of segments that are full and not covered yet. */
int64_t strand_log_index_bytes_left(struct strand_log *log);

/* What a run works with; made once. */
struct strand_index_work;
STRAND_MUST_USE int strand_index_work_create(struct strand_index_work **out_work);
void strand_index_work_destroy(struct strand_index_work *work); /* accepts NULL */

/* A run begins: BYTES of segments may be walked in it.  IS_LAST: what is not a whole chunk goes,
 * too, and so do facts about the last segment. */
void strand_index_work_begin(struct strand_index_work *work, struct strand_index_batch *batch,
                             int64_t bytes, bool is_last);

/* Whether nothing was put or removed in this run: it need not be committed. */
bool strand_index_work_is_empty(const struct strand_index_work *work);

/* Whether a walk over a segment of LOG is to go on: the next run does best to begin with it. */
bool strand_index_work_is_walking(const struct strand_index_work *work,
                                  const struct strand_log *log);

/* Put what LOG has for the index into the batch. */
STRAND_MUST_USE int strand_log_index_put(struct strand_log *log, struct strand_index_work *work);

/* The batch was committed, or not.  Whether there is more to put. */
bool strand_log_index_settle(struct strand_log *log, struct strand_index_work *work,
                             bool is_committed);

#endif
