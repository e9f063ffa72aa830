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

    if (!durably) /* a slot that could not be written, too: the next sync replaces the file */
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

enum { NOTHING_DURABLE = -1 }; /* as the durable_size of a segment: not even that it is empty */

/* What a round promises to make durable; appends meanwhile are the next round's. */
struct sample {
    int64_t log_end;
    int64_t last_base; /* of the last segment, and its size */
    int64_t last_size;
};

/* A segment that was full when the round began, and prepared, gets its exact size: recovery takes
 * the size of a file below the durable end for that of its batches. */
static bool
must_seal(const struct strand_log_segment *segment, const struct sample *sample)
{
    return segment->is_prepared && segment->base_offset < sample->last_base;
}

static bool
is_uncovered(const struct strand_log_segment *segment, const struct sample *sample)
{
    if (segment->base_offset == sample->last_base)
        return segment->durable_size < sample->last_size;
    return strand_log_segment_is_dirty(segment) || segment->was_shortened ||
           must_seal(segment, sample);
}

/* Whether a segment that is full waits for its seal: then the newest of them does. */
static bool
has_unsealed_locked(const struct strand_log *log)
{
    return log->segment_count >= 2 && log->segments[log->segment_count - 2]->is_prepared;
}

/* What a round does with a segment. */
struct task {
    struct strand_log_segment *segment;
    int64_t size;   /* bytes that were written before */
    bool must_seal; /* cut it to them */
};

/* The oldest segment that the round has yet to sync; false when there is none. */
static bool
find_task(struct strand_log *log, const struct sample *sample, struct task *task)
{
    struct strand_log_segment *oldest = NULL;

    strand_mutex_lock(&log->state);
    for (size_t i = log->segment_count; i-- > 0;) {
        struct strand_log_segment *segment = log->segments[i];

        if (segment->base_offset > sample->last_base)
            continue;
        /* Of the last one what was there then: since, it may have grown. */
        bool is_last = segment->base_offset == sample->last_base;
        int64_t size = is_last ? sample->last_size : segment->size;
        if (is_uncovered(segment, sample))
            oldest = segment;
        else if (size > 0)
            break; /* what lies before something durable is durable */
    }
    if (oldest != NULL) {
        *task = (struct task){oldest, oldest->size, must_seal(oldest, sample)};
        oldest->was_shortened = false;
    }
    strand_mutex_unlock(&log->state);
    return oldest != NULL;
}

static int
sync_file(struct strand_log *log, const struct task *task)
{
    struct strand_log_segment *segment = task->segment;

    if (!task->must_seal)
        return strand_segment_sync(segment->file);
    strand_preparer_await_segment(&log->engine->preparer, log, segment->base_offset);
    return strand_segment_seal(segment->file, task->size);
}

/* Sync one segment; its name too, if that is new. */
static int
sync_segment(struct strand_log *log, const struct task *task)
{
    struct strand_log_segment *segment = task->segment;
    int status = sync_file(log, task);

    if (status == STRAND_OK && !segment->name_is_durable) /* under the commit lock */
        status = strand_path_sync_directory(log->engine->config.fs, log->directory);
    if (status != STRAND_OK)
        return status;
    segment->name_is_durable = true;
    strand_mutex_lock(&log->state);
    segment->durable_size = task->size;
    if (task->must_seal)
        segment->is_prepared = false;
    strand_mutex_unlock(&log->state);
    return STRAND_OK;
}

static int
sync_sample(struct strand_log *log, const struct sample *sample)
{
    struct task task;
    int status = STRAND_OK;

    while (status == STRAND_OK && find_task(log, sample, &task)) {
        status = strand_log_segment_acquire(task.segment); /* open, if anything of it is unsynced */
        if (status != STRAND_OK)
            break;
        status = sync_segment(log, &task);
        if (status == STRAND_OK && task.segment->base_offset < sample->last_base)
            strand_checkpointer_note_soon(log->engine); /* after a roll */
        strand_log_segment_release(task.segment);
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
publish(struct strand_log *log, int64_t durable_end, uint64_t bytes, int64_t round_ns)
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
    log->round_end = -1;
    log->round_bytes = 0;
    log->high_watermark = watermark_at_locked(log, durable_end);
    strand_log_gather_end_locked(log, round_ns);
    bool is_urgent = false;
    bool is_much = strand_log_index_note_durable_locked(log, bytes, &is_urgent);
    strand_log_unlock_and_wake(log, false);
    strand_checkpointer_note(log->engine, bytes);
    if (is_much)
        strand_indexer_note(&log->engine->indexer, log, is_urgent);
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
    struct strand_log_segment *last = log->segments[log->segment_count - 1];
    sample = (struct sample){log->log_end, last->base_offset, last->size};
    if (last->was_shortened) /* once a round: on a full disk appends go on being refused */
        last->durable_size = NOTHING_DURABLE;
    bool is_done =
        log->durable_end == sample.log_end && !last->was_shortened && !has_unsealed_locked(log);
    uint64_t bytes = log->unsynced_bytes;
    log->unsynced_bytes = 0;
    log->round_bytes = is_done ? 0 : bytes;
    log->round_end = is_done ? -1 : sample.log_end;
    if (!is_done)
        strand_log_gather_begin_locked(log);
    strand_mutex_unlock(&log->state);
    if (is_done)
        return STRAND_OK;

    int64_t began_ns = strand_thread_now_ns();
    int status = sync_sample(log, &sample);
    if (status != STRAND_OK) { /* never retried: the kernel may have dropped the pages */
        (void)strand_log_fail(log, status);
        return strand_fail_context(STRAND_ERR_FAILED, "%s has failed", log->name);
    }
    publish(log, sample.log_end, bytes, strand_thread_now_ns() - began_ns);
    return STRAND_OK;
}

int
strand_log_commit(struct strand_log *log)
{
    strand_mutex_lock(&log->commit);
    strand_log_gather(log);
    int status = strand_log_commit_locked(log);
    strand_mutex_unlock(&log->commit);
    return status;
}
