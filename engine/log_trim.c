/* engine/log_trim.c -- Forgetting the head: the slot says so first, then files go.
 *
 * Oldest first, so that a power cut leaves a shorter head, which the slot disowns; one directory
 * sync for all of them.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "engine/log_internal.h"
#include "recovery/frontier.h"

static int trim_gated(struct strand_log *log, int64_t offset) STRAND_REQUIRES(log->commit);

/* Take the segments that lie wholly below the log start out of the list, all but the last. */
static size_t
take_trimmed(struct strand_log *log, struct strand_log_segment **out_gone)
{
    size_t count = 0;

    strand_mutex_lock(&log->state);
    while (count + 1 < log->segment_count &&
           log->segments[count + 1]->base_offset <= log->log_start) {
        out_gone[count] = log->segments[count];
        out_gone[count]->is_listed = false;
        count++;
    }
    for (size_t i = count; i < log->segment_count; i++)
        log->segments[i - count] = log->segments[i];
    log->segment_count -= count;
    if (count > 0)
        strand_log_index_note_trim_locked(log, log->segments[0]->base_offset);
    strand_mutex_unlock(&log->state);
    if (count > 0)
        strand_indexer_note(&log->engine->indexer, log, false);
    return count;
}

/* Unlink oldest first: what a power cut leaves is a shorter head, which the slot disowns. */
int
strand_log_drop_trimmed(struct strand_log *log)
{
    strand_mutex_lock(&log->state);
    size_t capacity = log->segment_count;
    bool is_any = capacity > 1 && log->segments[1]->base_offset <= log->log_start;
    strand_mutex_unlock(&log->state);
    if (!is_any)
        return STRAND_OK;

    struct strand_log_segment **gone = malloc(capacity * sizeof(struct strand_log_segment *));
    int status = STRAND_OK;

    if (gone == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "trim %s: out of memory", log->name);
    size_t count = take_trimmed(log, gone);
    for (size_t i = 0; i < count; i++) {
        if (status == STRAND_OK)
            status = strand_log_unlink_segment(log, gone[i]->base_offset);
        strand_log_segment_release(gone[i]);
    }
    free(gone);
    return status == STRAND_OK && count > 0 ? strand_log_sync_directory(log) : status;
}

static int take_back(struct strand_log *log, int64_t log_start, int status)
    STRAND_REQUIRES(log->commit);

/* The trim has failed with STATUS: the log start is LOG_START as before; in the slot as well, if
 * only its sync has failed, or the frontier's next one would trim all the same. */
static int
take_back(struct strand_log *log, int64_t log_start, int status)
{
    struct strand_frontier_slot slot;

    strand_mutex_lock(&log->state);
    log->log_start = log_start;
    strand_mutex_unlock(&log->state);
    if (!strand_frontier_find(log->engine->frontier, log->identity.id, &slot) ||
        slot.log_start == log_start)
        return status;
    int written = strand_log_write_slot(log, 0, false);
    return written == STRAND_OK ? status : strand_log_fail(log, written);
}

static int
trim_gated(struct strand_log *log, int64_t offset)
{
    strand_mutex_lock(&log->state);
    int64_t log_start = log->log_start;
    int64_t high_watermark = log->high_watermark;
    strand_mutex_unlock(&log->state);

    if (offset <= log_start)
        return strand_log_drop_trimmed(log); /* one that was the last may not be that any more */
    if (offset > high_watermark)
        return strand_fail(STRAND_ERR_OUT_OF_RANGE,
                           "trim %s to %" PRId64 ": it is above the high watermark %" PRId64,
                           log->name, offset, high_watermark);
    strand_mutex_lock(&log->state);
    log->log_start = offset;
    strand_mutex_unlock(&log->state);
    int status = strand_log_write_slot(log, 0, true);
    if (strand_ballast_release(&log->engine->directory.ballast, status))
        status = strand_log_write_slot(log, 0, true);
    if (status == STRAND_OK) {
        strand_mutex_lock(&log->state);
        strand_log_wake_locked(log);
        strand_mutex_unlock(&log->state);
        strand_checkpointer_note(log->engine, 0);
        status = strand_log_trim_epochs(log);
        if (status == STRAND_OK)
            status = strand_log_drop_trimmed(log);
        strand_ballast_take(&log->engine->directory.ballast);
        return status;
    }
    return take_back(log, log_start, status);
}

int
strand_log_trim(struct strand_log *log, int64_t offset)
{
    int status = strand_log_check_writable(log);
    if (status != STRAND_OK)
        return status;
    if (offset < 0)
        return strand_fail(STRAND_ERR_INVALID, "trim %s to %" PRId64 ": it is negative", log->name,
                           offset);
    strand_log_gate_close(log);
    status = trim_gated(log, offset);
    strand_log_gate_open(log);
    return status;
}
