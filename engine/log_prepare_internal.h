/* engine/log_prepare_internal.h -- What a step of preparation knows, and what it does to files.
 *
 * Threading: used by the one thread that works on the log.
 */
#ifndef STRAND_ENGINE_LOG_PREPARE_INTERNAL_H
#define STRAND_ENGINE_LOG_PREPARE_INTERNAL_H

#include "engine/log_prepare.h"

/* The log as it is when a step begins. */
struct strand_prepare_view {
    int64_t now_ns;
    int64_t base_offset; /* of the active segment */
    uint64_t generation;
    int64_t size;
    int64_t segment_bytes;
    int64_t prepared_end; /* size, or above it */
    bool has_next;        /* a next file, of which NEXT_END bytes are prepared */
    bool next_is_ready;
    int64_t next_end;
    size_t map_size;
    uint64_t appended;
    bool was_waited;
    enum strand_preparation mode; /* what is done now: not AUTO */
};

static inline struct strand_preparer *
strand_preparer_of(const struct strand_log *log)
{
    return &log->engine->preparer;
}

/* Whether the last segment is the one at BASE_OFFSET of GENERATION, and may be touched. */
bool strand_prepare_is_last(const struct strand_log *log, int64_t base_offset, uint64_t generation)
    STRAND_REQUIRES(log->append, log->state);

/* Prepare the active segment as far as GOAL.  STRAND_OK also when it is not
 * the active one any more.  A reservation that fails is undone, zeros are to be cut back; a sync
 * that fails fails the log. */
STRAND_MUST_USE int strand_prepare_active(struct strand_log_preparation *preparation,
                                          const struct strand_prepare_view *view, int64_t goal);

/* Cut off what is prepared in the active segment. */
STRAND_MUST_USE int strand_prepare_cut_back(struct strand_log_preparation *preparation,
                                            const struct strand_prepare_view *view);

/* Make the next file, whose descriptor is granted, if there is none; prepare it as far as END.
 * IS_LAST: then it is ready. */
STRAND_MUST_USE int strand_prepare_next(struct strand_log_preparation *preparation,
                                        const struct strand_prepare_view *view, int64_t end,
                                        bool is_last);

/* Close and remove the next file, if there is one. */
void strand_prepare_discard_next(struct strand_log_preparation *preparation);

#endif
