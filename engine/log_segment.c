/* engine/log_segment.c -- Facts of a segment in memory, and opening its file when it is needed. */
#include "engine/log_segment.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/error.h"
#include "engine/log_internal.h"
#include "storage/batch.h"
#include "storage/segment.h"
#include "storage/segment_scan.h"

int
strand_log_segment_create(struct strand_log *log, int64_t base_offset,
                          struct strand_log_segment **out_segment)
{
    struct strand_log_segment *segment = calloc(1, sizeof *segment);

    if (segment == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "%s: a segment: out of memory", log->name);
    segment->base_offset = base_offset;
    segment->file_base_offset = base_offset;
    segment->end_offset = base_offset;
    segment->log = log;
    segment->max_timestamp_ms = STRAND_NO_TIMESTAMP;
    segment->first_timestamp_ms = STRAND_NO_TIMESTAMP;
    segment->newest_epoch = -1;
    segment->created_ms = strand_engine_wall_clock_ms(log->engine);
    segment->is_learnt = true;
    segment->references = 1;
    strand_sparse_index_init(&segment->index);
    *out_segment = segment;
    return STRAND_OK;
}

bool
strand_log_segment_is_dirty(const struct strand_log_segment *segment)
{
    return segment->size > segment->durable_size;
}

/* A full table makes room by what the index has as well. */
static void
note_place(struct strand_log_segment *segment, const uint8_t *batch, int64_t position)
{
    struct strand_sparse_index *table = &segment->index;

    if (strand_sparse_index_is_full(table))
        strand_sparse_index_drop(table, strand_log_index_droppable_locked(segment));
    strand_sparse_index_add(
        table, (uint32_t)(strand_batch_base_offset(batch) - segment->base_offset),
        (uint32_t)position, segment->is_learnt ? segment->max_timestamp_ms : INT64_MAX);
}

void
strand_log_segment_note(struct strand_log_segment *segment, const uint8_t *batch, int64_t position)
{
    int64_t timestamp = strand_batch_max_timestamp(batch);

    strand_assert(position == segment->size);
    note_place(segment, batch, position);
    if (timestamp > segment->max_timestamp_ms)
        segment->max_timestamp_ms = timestamp;
    segment->record_count += strand_batch_record_count(batch);
    segment->newest_epoch = strand_batch_leader_epoch(batch);
    if (position == 0)
        segment->first_timestamp_ms = timestamp;
    segment->size = position + strand_batch_size(batch);
    segment->end_offset = strand_batch_end_offset(batch);
}

/* How much to map: an active segment once for all it may become, another what it has. */
static size_t
map_size_locked(const struct strand_log_segment *segment, bool is_active)
{
    const struct strand_log *log = segment->log;

    if ((log->engine->config.flags & STRAND_ENGINE_COPY_READS) != 0)
        return 0;
    if (is_active && log->config.segment_bytes > segment->size)
        return (size_t)log->config.segment_bytes;
    return (size_t)segment->size;
}

/* Give SEGMENT the opened FILE, unless another thread was faster. */
static void
install(struct strand_log_segment *segment, struct strand_segment *file)
{
    struct strand_log *log = segment->log;

    strand_mutex_lock(&log->state);
    bool is_ours = segment->file == NULL;
    if (is_ours)
        segment->file = file;
    strand_mutex_unlock(&log->state);
    if (is_ours)
        strand_segment_cache_add(&log->engine->cache, segment);
    else
        (void)strand_segment_close(file); /* nothing was written through it */
}

/* Open the file of a segment of which the caller holds a reference. */
static int
open_file(struct strand_log_segment *segment, bool is_writable, size_t map_size)
{
    struct strand_log *log = segment->log;
    struct strand_segment *file = NULL;

    strand_segment_cache_make_room(&log->engine->cache);
    int status = strand_segment_open(
        log->engine->config.fs, log->directory, segment->file_base_offset,
        is_writable && !strand_engine_is_read_only(log->engine), map_size, &file);
    if (status == STRAND_OK)
        install(segment, file);
    return status;
}

int
strand_log_segment_acquire(struct strand_log_segment *segment)
{
    struct strand_log *log = segment->log;

    strand_mutex_lock(&log->state);
    bool is_active = log->segment_count > 0 && log->segments[log->segment_count - 1] == segment;
    bool is_writable = is_active || segment->is_prepared; /* to be cut by its seal */
    bool is_open = segment->file != NULL;
    size_t map_size = map_size_locked(segment, is_active);
    segment->references++;
    segment->was_used = true;
    strand_mutex_unlock(&log->state);
    if (is_open)
        return STRAND_OK;

    int status = open_file(segment, is_writable, map_size);
    if (status != STRAND_OK)
        strand_log_segment_release(segment);
    return status;
}

int
strand_log_segment_open_last(struct strand_log_segment *segment)
{
    struct strand_log *log = segment->log;

    strand_mutex_lock(&log->state);
    size_t map_size = map_size_locked(segment, true);
    strand_mutex_unlock(&log->state);
    return open_file(segment, true, map_size);
}

void
strand_log_segment_release(struct strand_log_segment *segment)
{
    struct strand_log *log = segment->log;

    strand_mutex_lock(&log->state);
    strand_assert(segment->references > 0);
    bool is_last = --segment->references == 0;
    strand_mutex_unlock(&log->state);
    if (!is_last)
        return;
    strand_segment_cache_remove(&log->engine->cache, segment);
    /* Removed from its log, or the log is closed: what had to be durable is. */
    (void)strand_segment_close(segment->file);
    strand_sparse_index_deinit(&segment->index);
    free(segment);
}

static int
note_scanned(void *argument, const uint8_t *batch, int64_t position)
{
    strand_log_segment_note(argument, batch, position);
    return STRAND_OK;
}

int
strand_log_segment_reload(struct strand_log_segment *segment, int64_t size)
{
    struct strand_scan_result result;
    struct strand_scan_request request = {
        .file = &segment->file->file,
        .base_offset = segment->base_offset,
        .end_position = size,
        .expected_offset = segment->base_offset,
        .gaps_allowed = true,
        .skip_crc = true,
        .visit = note_scanned,
        .argument = segment,
    };

    strand_sparse_index_cut(&segment->index, 0);
    segment->size = 0;
    segment->end_offset = segment->base_offset;
    segment->max_timestamp_ms = STRAND_NO_TIMESTAMP;
    segment->first_timestamp_ms = STRAND_NO_TIMESTAMP;
    segment->record_count = 0;
    segment->newest_epoch = -1;
    int status = strand_segment_scan(&request, &result);
    if (status == STRAND_OK && result.position != size)
        return strand_fail(STRAND_ERR_CORRUPT, "read %s: %s", segment->file->path, result.reason);
    return status;
}
