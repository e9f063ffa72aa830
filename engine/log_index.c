/* engine/log_index.c -- Asking the index about one log, and keeping track of what it may answer. */
#include "engine/log_index.h"

#include "base/error.h"
#include "engine/indexer.h"
#include "engine/log_internal.h"

/* Bytes of log after which there is at least one whole chunk to store, and after which it is time
 * to: tables in memory thin themselves out when they are not relieved. */
static const uint64_t CHUNK_BYTES = (uint64_t)STRAND_INDEX_CHUNK_MAX * STRAND_SPARSE_INTERVAL;
static const uint64_t URGENT_BYTES =
    (uint64_t)STRAND_SPARSE_ENTRIES_MAX / 2 * STRAND_SPARSE_INTERVAL;

void
strand_log_index_init(struct strand_log_index *index)
{
    *index = (struct strand_log_index){
        .cut = INT64_MAX, .first_kept = INT64_MIN, .taken_cut = INT64_MAX, .taken_kept = INT64_MIN};
}

/* ---- Look-ups ---- */

bool
strand_log_index_find(struct strand_log *log, int64_t offset, struct strand_log_hint *out_hint)
{
    struct strand_index *index = strand_indexer_usable(&log->engine->indexer);
    struct strand_log_hint hint = {.place = {.segment_base = -1, .offset = -1}};

    if (index == NULL)
        return false;
    strand_mutex_lock(&log->state);
    int64_t covered = log->index.covered;
    hint.generation = log->generation;
    strand_mutex_unlock(&log->state);
    if (covered <= 0)
        return false;
    hint.is_nearest = offset < covered;
    int status = strand_index_find_offset(index, log->identity.id,
                                          hint.is_nearest ? offset : covered - 1, &hint.place);
    if (status != STRAND_OK && (status != STRAND_END || !hint.is_nearest))
        return false;
    *out_hint = hint;
    return true;
}

bool
strand_log_index_find_time(struct strand_log *log, int64_t segment_base, int64_t timestamp_ms,
                           int64_t *out_offset)
{
    struct strand_index *index = strand_indexer_usable(&log->engine->indexer);
    int64_t offset = 0;

    if (index == NULL)
        return false;
    strand_mutex_lock(&log->state);
    uint64_t generation = log->generation;
    strand_mutex_unlock(&log->state);
    if (strand_index_find_time(index, log->identity.id, segment_base, timestamp_ms, &offset) !=
        STRAND_OK)
        return false;
    strand_mutex_lock(&log->state);
    bool is_covered = offset < log->index.covered && log->generation == generation;
    strand_mutex_unlock(&log->state);
    if (is_covered)
        *out_offset = offset;
    return is_covered;
}

/* Whether FACTS are about the file as it is.  The state lock is held. */
static bool
is_true(const struct strand_log_segment *segment, const struct strand_index_segment *facts)
{
    return facts->base_offset == segment->base_offset && facts->size == segment->unread_size &&
           facts->end_offset <= segment->end_offset &&
           facts->end_offset <= segment->log->index.covered;
}

bool
strand_log_index_learn(struct strand_log_segment *segment)
{
    struct strand_log *log = segment->log;
    struct strand_index *index = strand_indexer_usable(&log->engine->indexer);
    struct strand_index_segment facts;
    size_t count = 0;

    strand_mutex_lock(&log->state);
    uint64_t generation = log->generation;
    strand_mutex_unlock(&log->state);
    if (index == NULL ||
        strand_index_read_segments(index, log->identity.id, segment->base_offset, &facts, 1,
                                   &count) != STRAND_OK ||
        count == 0)
        return false;
    strand_mutex_lock(&log->state);
    if (!segment->is_learnt && log->generation == generation && is_true(segment, &facts))
        strand_log_segment_learn_head(segment, &facts);
    bool is_learnt = segment->is_learnt;
    strand_mutex_unlock(&log->state);
    return is_learnt;
}

void
strand_log_index_distrust(struct strand_log *log)
{
    strand_mutex_lock(&log->state);
    log->index.covered = 0;
    strand_log_index_note_cut_locked(log, 0);
    strand_mutex_unlock(&log->state);
    strand_indexer_note(&log->engine->indexer, log, false);
}

/* ---- What happens to the log ---- */

bool
strand_log_index_note_durable_locked(struct strand_log *log, uint64_t bytes, bool *out_is_urgent)
{
    log->index.bytes += bytes;
    *out_is_urgent = log->index.bytes >= URGENT_BYTES;
    if (log->index.bytes < CHUNK_BYTES)
        return false;
    log->index.bytes = *out_is_urgent ? 0 : log->index.bytes;
    return true;
}

void
strand_log_index_note_cut_locked(struct strand_log *log, int64_t offset)
{
    if (log->index.covered > offset)
        log->index.covered = offset;
    if (log->index.cut > offset)
        log->index.cut = offset;
}

void
strand_log_index_note_trim_locked(struct strand_log *log, int64_t base_offset)
{
    if (log->index.covered < base_offset)
        log->index.covered = base_offset;
    if (log->index.first_kept < base_offset)
        log->index.first_kept = base_offset;
}

uint32_t
strand_log_index_droppable_locked(const struct strand_log_segment *segment)
{
    const struct strand_log *log = segment->log;
    int64_t below = log->index.covered - segment->base_offset;

    if (below <= 0 || strand_indexer_usable(&log->engine->indexer) == NULL)
        return 0;
    return below > UINT32_MAX ? UINT32_MAX : (uint32_t)below;
}

/* ---- Opening ---- */

static void adopt_locked(struct strand_log *log, const struct strand_index_log *found)
    STRAND_REQUIRES(log->state);

/* FOUND is what the index says of LOG; all zeros: nothing. */
static void
adopt_locked(struct strand_log *log, const struct strand_index_log *found)
{
    int64_t covered = found->covered_offset;

    if (found->generation == 0)
        return; /* and there is nothing of it to be taken away */
    if ((uint64_t)found->generation != log->index.first_generation) {
        strand_log_index_note_cut_locked(log, 0);
        return;
    }
    if (covered > log->index.cut) /* cut by recovery, or since */
        covered = log->index.cut;
    if (covered > log->log_end) { /* of a log that went on elsewhere */
        strand_log_index_note_cut_locked(log, 0);
        return;
    }
    log->index.covered = covered;
    log->index.stored_generation = log->index.first_generation;
}

int
strand_log_index_adopt(struct strand_log *log, struct strand_index *index)
{
    struct strand_index_log found = {0};

    int status = strand_index_find_log(index, log->identity.id, &found);
    if (status != STRAND_OK && status != STRAND_END)
        return status;
    strand_mutex_lock(&log->state);
    /* The index, too, is as the clean close has left it. */
    bool was_clean = log->report != NULL && log->report->verdict == STRAND_VERDICT_CLEAN &&
                     strand_index_commit_number(index) == log->engine->directory.clean.index_commit;
    adopt_locked(log, &found);
    if (!was_clean && log->segment_count > 0) /* it may not have heard of the last trim */
        log->index.first_kept = log->segments[0]->base_offset;
    if (log->segment_count > 0 && log->index.covered < log->segments[0]->base_offset)
        log->index.covered = log->segments[0]->base_offset;
    bool is_behind =
        !was_clean || log->index.cut != INT64_MAX || log->index.covered < log->durable_end;
    strand_mutex_unlock(&log->state);
    if (is_behind)
        strand_indexer_note(&log->engine->indexer, log, false);
    return STRAND_OK;
}

int64_t
strand_log_index_bytes_left(struct strand_log *log)
{
    int64_t bytes = 0;

    strand_mutex_lock(&log->state);
    bool is_served = log->health == STRAND_LOG_HEALTHY;
    for (size_t i = 0; is_served && i + 1 < log->segment_count; i++)
        if (log->segments[i]->end_offset > log->index.covered)
            bytes += log->segments[i]->size;
    strand_mutex_unlock(&log->state);
    return bytes;
}
