/* engine/log.c -- Health, positions, options, and the list of segments of one log. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/fork_guard.h"
#include "engine/log_internal.h"
#include "engine/log_prepare.h"
#include "engine/watch.h"
#include "storage/segment.h"
#include "strandline/fs.h"

/* ---- Checks and health ---- */

int
strand_log_check(const struct strand_log *log)
{
    if (log == NULL)
        return strand_fail(STRAND_ERR_INVALID, "no log was given");
    return strand_engine_check(log->engine);
}

int
strand_log_unhealthy_locked(const struct strand_log *log)
{
    if (log->health == STRAND_LOG_FAILED)
        return strand_fail(STRAND_ERR_FAILED, "%s has failed: %s", log->name,
                           strand_log_reason(log));
    strand_assert(log->health == STRAND_LOG_QUARANTINED);
    return strand_fail(STRAND_ERR_QUARANTINED, "%s is quarantined: %s", log->name,
                       strand_log_reason(log));
}

int
strand_log_check_writable(struct strand_log *log)
{
    int status = strand_log_check(log);

    if (status != STRAND_OK)
        return status;
    if (strand_engine_is_read_only(log->engine))
        return strand_fail(STRAND_ERR_READ_ONLY, "change %s: %s is open read-only", log->name,
                           log->engine->directory.path);
    strand_mutex_lock(&log->state);
    if (log->is_closing)
        status = strand_fail(STRAND_ERR_CLOSED, "change %s: it is being closed", log->name);
    else if (log->health != STRAND_LOG_HEALTHY)
        status = strand_log_unhealthy_locked(log);
    strand_mutex_unlock(&log->state);
    return status;
}

void
strand_log_set_reason_locked(struct strand_log *log, const char *text)
{
    free(log->reason);
    log->reason = strdup(text);
}

const char *
strand_log_reason(const struct strand_log *log)
{
    if (log->reason != NULL)
        return log->reason;
    return log->health == STRAND_LOG_HEALTHY ? "" : "there was no memory to keep the reason";
}

int
strand_log_fail(struct strand_log *log, int status)
{
    strand_mutex_lock(&log->state);
    if (log->health == STRAND_LOG_HEALTHY) {
        log->health = STRAND_LOG_FAILED;
        strand_log_set_reason_locked(log, strand_error_message());
    }
    strand_log_wake_all_locked(log);
    strand_mutex_unlock(&log->state);
    strand_engine_notice(log->engine, 3, "%s has failed: %s", log->name, strand_error_message());
    return status;
}

void
strand_log_wake_locked(struct strand_log *log)
{
    if (log->waiter_count > 0) {
        strand_condition_broadcast(&log->changed);
        strand_condition_broadcast(&log->written);
    }
    if (log->watches != NULL)
        strand_watch_signal_locked(log);
    strand_log_call(strand_log_take_reached_locked(log));
}

void
strand_log_wake_all_locked(struct strand_log *log)
{
    strand_log_wake_locked(log);
    strand_log_call(strand_log_take_all_locked(log));
}

void
strand_log_unlock_and_wake(struct strand_log *log, bool is_log_end_alone)
{
    bool has_waiters = log->waiter_count > log->written_waiter_count && !is_log_end_alone;
    bool has_written_waiters = log->written_waiter_count > 0;
    struct strand_log_waiter *reached =
        is_log_end_alone ? NULL : strand_log_take_reached_locked(log);

    if (log->watches != NULL)
        strand_watch_signal_locked(log);
    strand_mutex_unlock(&log->state);
    if (has_waiters)
        strand_condition_broadcast(&log->changed);
    if (has_written_waiters)
        strand_condition_broadcast(&log->written);
    strand_log_call(reached);
}

/* ---- Positions ---- */

int64_t
strand_log_limit_locked(const struct strand_log *log, int isolation)
{
    /* Without transactions every committed record is stable. */
    return isolation == STRAND_READ_WRITTEN ? log->log_end : log->high_watermark;
}

int
strand_log_positions(struct strand_log *log, struct strand_positions *out_positions)
{
    int status = strand_log_check(log);

    if (status == STRAND_OK && out_positions == NULL)
        status = strand_fail(STRAND_ERR_INVALID, "look at %s: no place for the positions was given",
                             log->name);
    if (status != STRAND_OK)
        return status;
    strand_mutex_lock(&log->state);
    *out_positions = (struct strand_positions){
        .log_start = log->log_start,
        .stable_end = log->high_watermark,
        .high_watermark = log->high_watermark,
        .durable_end = log->durable_end,
        .log_end = log->log_end,
        .generation = log->generation,
        .leader_epoch = strand_leader_epochs_newest(&log->epochs),
    };
    strand_mutex_unlock(&log->state);
    return STRAND_OK;
}

int
strand_log_set_high_watermark(struct strand_log *log, int64_t offset)
{
    int status = strand_log_check_writable(log);

    if (status != STRAND_OK)
        return status;
    if (!log->is_replicated)
        return strand_fail(STRAND_ERR_INVALID,
                           "set the high watermark of %s: it is not replicated, its high watermark "
                           "is its durable end",
                           log->name);
    if (offset < 0)
        return strand_fail(STRAND_ERR_INVALID, "set the high watermark of %s: offset %" PRId64,
                           log->name, offset);
    strand_mutex_lock(&log->state);
    if (offset > log->wanted_watermark)
        log->wanted_watermark = offset;
    int64_t reachable =
        log->wanted_watermark < log->durable_end ? log->wanted_watermark : log->durable_end;
    if (reachable > log->high_watermark) {
        log->high_watermark = reachable;
        strand_log_wake_locked(log);
    }
    strand_mutex_unlock(&log->state);
    strand_checkpointer_note(log->engine, 0);
    return STRAND_OK;
}

/* ---- Options ---- */

int
strand_log_set(struct strand_log *log, const char *name, const char *value)
{
    int status = strand_log_check(log);

    if (status == STRAND_OK && (name == NULL || value == NULL))
        status = strand_fail(STRAND_ERR_INVALID, "set an option of %s: no %s was given", log->name,
                             name == NULL ? "name" : "value");
    if (status != STRAND_OK)
        return status;
    strand_mutex_lock(&log->state);
    status = strand_log_config_set(&log->config, name, value);
    strand_mutex_unlock(&log->state);
    return status;
}

int
strand_log_get(struct strand_log *log, const char *name, char *value, size_t value_size)
{
    int status = strand_log_check(log);

    if (status == STRAND_OK && (name == NULL || value == NULL))
        status = strand_fail(STRAND_ERR_INVALID, "get an option of %s: no %s was given", log->name,
                             name == NULL ? "name" : "place for the value");
    if (status != STRAND_OK)
        return status;
    strand_mutex_lock(&log->state);
    status = strand_log_config_get(&log->config, name, value, value_size);
    strand_mutex_unlock(&log->state);
    return status;
}

/* ---- Segments ---- */

int
strand_log_reserve_segments_locked(struct strand_log *log)
{
    if (log->segment_count < log->segment_capacity)
        return STRAND_OK;

    size_t capacity = log->segment_capacity == 0 ? 4 : 2 * log->segment_capacity;
    struct strand_log_segment **segments = realloc(log->segments, capacity * sizeof *log->segments);
    if (segments == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "%s: a list of %zu segments: out of memory",
                           log->name, capacity);
    log->segments = segments;
    log->segment_capacity = capacity;
    return STRAND_OK;
}

void
strand_log_list_segment_locked(struct strand_log *log, struct strand_log_segment *segment)
{
    strand_assert(log->segment_count < log->segment_capacity);
    strand_assert(log->segment_count == 0 ||
                  log->segments[log->segment_count - 1]->base_offset < segment->base_offset);
    segment->is_listed = true;
    log->segments[log->segment_count++] = segment;
}

size_t
strand_log_find_segment_locked(const struct strand_log *log, int64_t offset)
{
    size_t low = 0;
    size_t high = log->segment_count; /* bases below low are at or below OFFSET */

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (log->segments[middle]->base_offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? 0 : low - 1;
}

static int
create_segment_file(struct strand_log *log, struct strand_log_segment *segment)
{
    strand_mutex_lock(&log->state);
    size_t map_size = (log->engine->config.flags & STRAND_ENGINE_COPY_READS) != 0
                          ? 0
                          : (size_t)log->config.segment_bytes;
    strand_mutex_unlock(&log->state);
    strand_segment_cache_make_room(&log->engine->cache);
    return strand_segment_create(log->engine->config.fs, log->directory, segment->base_offset,
                                 map_size, &segment->file);
}

/* The file and its name survive a power cut. */
static int
make_durable(struct strand_log *log, struct strand_log_segment *segment)
{
    int status = strand_file_sync_all(&segment->file->file);

    if (status == STRAND_OK)
        status = strand_path_sync_directory(log->engine->config.fs, log->directory);
    segment->name_is_durable = status == STRAND_OK;
    return status;
}

/* An object for one more segment, and room for it in the list: what follows the creation of its
 * file cannot fail.  An empty file that was removed again could come back after a power cut, and
 * stand in the way of records that had its offset meanwhile. */
static int
begin_segment(struct strand_log *log, int64_t base_offset, struct strand_log_segment **out_segment)
{
    strand_mutex_lock(&log->state);
    int status = strand_log_reserve_segments_locked(log);
    strand_mutex_unlock(&log->state);
    return status == STRAND_OK ? strand_log_segment_create(log, base_offset, out_segment) : status;
}

/* SEGMENT, whose file is open, becomes the last. */
static void
list_segment(struct strand_log *log, struct strand_log_segment *segment)
{
    strand_segment_cache_add(&log->engine->cache, segment);
    strand_mutex_lock(&log->state);
    strand_log_list_segment_locked(log, segment);
    strand_mutex_unlock(&log->state);
}

int
strand_log_add_segment(struct strand_log *log, int64_t base_offset)
{
    struct strand_log_segment *segment;

    int status = begin_segment(log, base_offset, &segment);
    if (status != STRAND_OK)
        return status;
    status = create_segment_file(log, segment);
    if (status != STRAND_OK) {
        strand_log_segment_release(segment);
        return status;
    }
    status = make_durable(log, segment);
    list_segment(log, segment);
    return status == STRAND_OK ? STRAND_OK : strand_log_fail(log, status);
}

/* SEGMENT, which follows the last, will need a table as large as that has: appends to it then
 * allocate nothing. */
static void
reserve_table(struct strand_log *log, struct strand_log_segment *segment)
{
    strand_mutex_lock(&log->state);
    uint32_t capacity = log->segments[log->segment_count - 1]->index.capacity;
    strand_mutex_unlock(&log->state);
    strand_sparse_index_reserve(&segment->index, capacity);
}

int
strand_log_roll(struct strand_log *log, int64_t base_offset)
{
    struct strand_log_segment *segment;

    int status = begin_segment(log, base_offset, &segment);
    if (status != STRAND_OK)
        return status;
    reserve_table(log, segment);
    status = strand_log_take_prepared(log, segment);
    if (status == STRAND_OK && segment->file == NULL)
        status = create_segment_file(log, segment);
    if (status != STRAND_OK) {
        strand_log_segment_release(segment);
        return status;
    }
    list_segment(log, segment);
    strand_log_note_roll(log, segment);
    return STRAND_OK;
}

/* ---- Cuts ---- */

int
strand_log_note_cut_locked(struct strand_log *log, int64_t offset)
{
    if (log->cut_count == log->cut_capacity) {
        size_t capacity = log->cut_capacity == 0 ? 4 : 2 * log->cut_capacity;
        struct strand_log_cut *cuts = realloc(log->cuts, capacity * sizeof *cuts);

        if (cuts == NULL)
            return strand_fail(STRAND_ERR_NO_MEMORY, "%s: a truncation: out of memory", log->name);
        log->cuts = cuts;
        log->cut_capacity = capacity;
    }
    /* An older cut at or above this one says nothing that this one does not. */
    while (log->cut_count > 0 && log->cuts[log->cut_count - 1].offset >= offset)
        log->cut_count--;
    log->cuts[log->cut_count++] = (struct strand_log_cut){log->generation, offset};
    return STRAND_OK;
}

bool
strand_log_was_cut_locked(const struct strand_log *log, uint64_t generation, int64_t end_offset)
{
    for (size_t i = log->cut_count; i-- > 0;)
        if (log->cuts[i].generation > generation && log->cuts[i].offset < end_offset)
            return true;
    return false;
}
