/* engine/log_commit.c -- A commit round, the slot that remembers it, and those who wait for it.
 *
 * Order of a round: sample the log end -> segments oldest first, each fully synced before its
 * successor's sync begins (the second of two unsynced segments surviving alone would stand behind a
 * hole) -> the directory if a name in it is new -> the slot -> publish and wake.  The slot is
 * written (not synced) before anybody is told: a reader in another process then finds every record
 * that was acknowledged, also when the writer was killed right afterwards.
 */
#include <inttypes.h>

#include "base/assert.h"
#include "base/error.h"
#include "engine/log_internal.h"
#include "storage/segment.h"
#include "strandline/fs.h"

/* ---- The slot ---- */

static int
write_slot(struct strand_log *log, const struct strand_frontier_slot *slot, bool durably)
{
    struct strand_frontier *frontier = log->engine->frontier;
    int status = durably ? strand_frontier_write_durably(frontier, slot)
                         : strand_frontier_write(frontier, slot);

    if (status == STRAND_OK && !durably)
        strand_committer_note_slot(&log->engine->committer);
    return status;
}

static struct strand_frontier_slot
slot_of(struct strand_log *log)
{
    struct strand_frontier_slot slot = {.flags = 0};

    strand_mutex_lock(&log->state);
    slot.generation = log->generation;
    slot.log_start = log->log_start;
    slot.high_watermark = log->high_watermark;
    slot.durable_end = log->durable_end;
    slot.log_end = log->log_end;
    strand_mutex_unlock(&log->state);
    for (size_t i = 0; i < sizeof slot.id; i++)
        slot.id[i] = log->identity.id[i];
    return slot;
}

int
strand_log_write_slot(struct strand_log *log, uint32_t flags, bool durably)
{
    struct strand_frontier_slot slot = slot_of(log);

    slot.flags = flags;
    return write_slot(log, &slot, durably);
}

/* ---- A round ---- */

/* What a round promises to make durable; appends meanwhile are the next round's. */
struct sample {
    int64_t log_end;
    int64_t last_base; /* of the last segment, and its size */
    int64_t last_size;
};

static bool
is_uncovered(const struct strand_log_segment *segment, const struct sample *sample)
{
    return segment->base_offset == sample->last_base ? segment->durable_size < sample->last_size
                                                     : strand_log_segment_is_dirty(segment);
}

/* The oldest segment that the round has yet to sync, with a reference; NULL when there is none. */
static struct strand_log_segment *
oldest_uncovered(struct strand_log *log, const struct sample *sample, int64_t *out_size)
{
    struct strand_log_segment *oldest = NULL;

    strand_mutex_lock(&log->state);
    for (size_t i = log->segment_count; i-- > 0;) {
        struct strand_log_segment *segment = log->segments[i];

        if (segment->base_offset > sample->last_base)
            continue;
        if (is_uncovered(segment, sample))
            oldest = segment;
        else if (segment->size > 0)
            break; /* what lies before something durable is durable */
    }
    if (oldest != NULL) {
        oldest->references++;
        *out_size = oldest->size;
    }
    strand_mutex_unlock(&log->state);
    return oldest;
}

/* Sync one segment, of which SIZE bytes were written before; its name too, if that is new. */
static int
sync_segment(struct strand_log *log, struct strand_log_segment *segment, int64_t size)
{
    int status = strand_segment_sync(segment->file);

    if (status == STRAND_OK && !segment->name_is_durable) /* under the commit lock */
        status = strand_path_sync_directory(log->engine->config.fs, log->directory);
    if (status != STRAND_OK)
        return status;
    segment->name_is_durable = true;
    strand_mutex_lock(&log->state);
    segment->durable_size = size;
    strand_mutex_unlock(&log->state);
    return STRAND_OK;
}

static int
sync_sample(struct strand_log *log, const struct sample *sample)
{
    struct strand_log_segment *segment;
    int64_t size = 0;
    int status = STRAND_OK;

    while (status == STRAND_OK && (segment = oldest_uncovered(log, sample, &size)) != NULL) {
        status = sync_segment(log, segment, size);
        strand_log_segment_release(segment);
    }
    return status;
}

/* The high watermark that goes with DURABLE_END. */
static int64_t
watermark_at_locked(const struct strand_log *log, int64_t durable_end)
{
    int64_t wanted = log->is_replicated ? log->wanted_watermark : durable_end;
    int64_t watermark = wanted < durable_end ? wanted : durable_end;

    return watermark > log->high_watermark ? watermark : log->high_watermark;
}

/* Remember in the slot, then tell: see the order above. */
static void
publish(struct strand_log *log, int64_t durable_end)
{
    struct strand_frontier_slot slot = slot_of(log);

    strand_mutex_lock(&log->state);
    slot.durable_end = durable_end;
    slot.high_watermark = watermark_at_locked(log, durable_end);
    strand_mutex_unlock(&log->state);

    /* The records are durable whether the slot is written or not; it only lags. */
    if (write_slot(log, &slot, false) != STRAND_OK)
        strand_engine_notice(log->engine, 4, "%s: %s", log->name, strand_error_message());

    strand_mutex_lock(&log->state);
    log->durable_end = durable_end;
    log->high_watermark = watermark_at_locked(log, durable_end);
    strand_log_wake_locked(log);
    strand_mutex_unlock(&log->state);
}

int
strand_log_commit_locked(struct strand_log *log)
{
    struct sample sample;

    strand_mutex_lock(&log->state);
    if (log->health != STRAND_LOG_HEALTHY) {
        int status = strand_log_unhealthy_locked(log);
        strand_mutex_unlock(&log->state);
        return status;
    }
    const struct strand_log_segment *last = log->segments[log->segment_count - 1];
    sample = (struct sample){log->log_end, last->base_offset, last->size};
    bool is_done = log->durable_end == sample.log_end;
    log->unsynced_bytes = 0;
    strand_mutex_unlock(&log->state);
    if (is_done)
        return STRAND_OK;

    int status = sync_sample(log, &sample);
    if (status != STRAND_OK) { /* never retried: the kernel may have dropped the pages */
        (void)strand_log_fail(log, status);
        return strand_fail_context(STRAND_ERR_FAILED, "%s has failed", log->name);
    }
    publish(log, sample.log_end);
    return STRAND_OK;
}

int
strand_log_commit(struct strand_log *log)
{
    strand_mutex_lock(&log->commit);
    int status = strand_log_commit_locked(log);
    strand_mutex_unlock(&log->commit);
    return status;
}
