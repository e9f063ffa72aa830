/* engine/log_adopt.c -- What recovery visits and keeps becomes the log's list of segments. */
#include <stdlib.h>

#include "base/assert.h"
#include "engine/log_internal.h"
#include "recovery/log_recovery.h"

static int
push_segment(struct strand_log *log, struct strand_log_segment *segment)
{
    strand_mutex_lock(&log->state);
    int status = strand_log_reserve_segments_locked(log);
    if (status == STRAND_OK)
        strand_log_list_segment_locked(log, segment);
    strand_mutex_unlock(&log->state);
    return status;
}

static int
add_object(struct strand_log *log, int64_t base_offset)
{
    struct strand_log_segment *segment = NULL;

    int status = strand_log_segment_create(log, base_offset, &segment);
    if (status != STRAND_OK)
        return status;
    segment->name_is_durable = true;
    status = push_segment(log, segment);
    if (status != STRAND_OK)
        strand_log_segment_release(segment);
    return status;
}

static struct strand_log_segment *
last_segment(const struct strand_log *log)
{
    return log->segment_count == 0 ? NULL : log->segments[log->segment_count - 1];
}

void
strand_log_note_recovered(void *argument, int64_t segment_base_offset, const uint8_t *batch,
                          int64_t position)
{
    struct strand_log_adoption *adoption = argument;
    struct strand_log_segment *last = last_segment(adoption->log);

    if (adoption->status == STRAND_OK && (last == NULL || last->base_offset != segment_base_offset))
        adoption->status = add_object(adoption->log, segment_base_offset);
    if (adoption->status == STRAND_OK)
        strand_log_segment_note(last_segment(adoption->log), batch, position);
}

void
strand_log_forget_recovered(void *argument)
{
    const struct strand_log_adoption *adoption = argument;
    struct strand_log *log = adoption->log;

    while (log->segment_count > 0)
        strand_log_segment_release(log->segments[--log->segment_count]);
}

/* An object for a run of batches that recovery did not visit: an empty segment, or one behind
 * damage.
 */
static int
add_run(struct strand_log *log, const struct strand_recovered_segment *recovered)
{
    int status = add_object(log, recovered->base_offset);
    if (status != STRAND_OK)
        return status;

    struct strand_log_segment *segment = last_segment(log);
    strand_assert(segment != NULL);
    segment->file_base_offset = recovered->file_base_offset;
    segment->start_position = recovered->start_position;
    segment->end_offset = recovered->end_offset;
    segment->size = recovered->size;
    segment->max_timestamp_ms = recovered->max_timestamp_ms;
    segment->is_learnt = recovered->is_scanned || recovered->size == 0;
    if (!segment->is_learnt) {
        segment->first_timestamp_ms = STRAND_TIME_NOT_LEARNT;
        segment->unread_size = segment->size;
        strand_sparse_index_forget(&segment->index,
                                   (uint32_t)(segment->end_offset - segment->base_offset),
                                   (uint32_t)segment->size);
    }
    return STRAND_OK;
}

int
strand_log_adopt_segments(struct strand_log *log, const struct strand_recovered_log *recovered)
{
    struct strand_log_segment **noted = log->segments;
    size_t noted_count = log->segment_count;
    size_t next = 0;
    int status = STRAND_OK;

    log->segments = NULL;
    log->segment_count = 0;
    log->segment_capacity = 0;
    for (size_t i = 0; status == STRAND_OK && i < recovered->segment_count; i++) {
        const struct strand_recovered_segment *kept = &recovered->segments[i];
        const struct strand_log_segment *before = last_segment(log);

        /* A damaged file may hold batches of any other: offsets that have been listed stay. */
        if (before != NULL && kept->base_offset <= before->base_offset)
            continue;
        while (next < noted_count && noted[next]->base_offset < kept->base_offset)
            strand_log_segment_release(noted[next++]);
        if (next < noted_count && noted[next]->base_offset == kept->base_offset) {
            status = push_segment(log, noted[next]);
            next += status == STRAND_OK ? 1 : 0;
        } else {
            status = add_run(log, kept);
        }
        struct strand_log_segment *last = last_segment(log);
        if (status == STRAND_OK) {
            strand_assert(last != NULL);
            last->durable_size = last->size;
            last->is_cut_off = !kept->is_readable && recovered->verdict == STRAND_VERDICT_CORRUPT;
        }
    }
    while (next < noted_count)
        strand_log_segment_release(noted[next++]);
    free(noted);
    return status;
}
