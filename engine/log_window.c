/* engine/log_window.c -- Offset to segment, segment to position, and the file held meanwhile. */
#include "engine/log_window.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/error.h"
#include "engine/log_internal.h"
#include "engine/log_read.h"

static int64_t
next_base_locked(const struct strand_log *log, size_t index)
{
    return index + 1 < log->segment_count ? log->segments[index + 1]->base_offset : log->log_end;
}

int64_t
strand_log_next_segment_offset(struct strand_log *log, int64_t offset)
{
    strand_mutex_lock(&log->state);
    int64_t next = log->segment_count == 0
                       ? log->log_end
                       : next_base_locked(log, strand_log_find_segment_locked(log, offset));
    strand_mutex_unlock(&log->state);
    return next > offset ? next : offset + 1;
}

/* What the index has said of where to begin. */
struct hint {
    bool is_there;
    struct strand_log_hint said;
};

static int check_range_locked(const struct strand_log *log, int64_t offset)
    STRAND_REQUIRES(log->state);
static int fail_gap_locked(const struct strand_log *log, size_t index, int64_t offset)
    STRAND_REQUIRES(log->state);
static int find_segment_locked(const struct strand_log *log, int64_t offset, size_t *out_index)
    STRAND_REQUIRES(log->state);
static bool place_locked(const struct strand_log *log, int64_t offset, const struct hint *hint,
                         struct strand_log_window *window) STRAND_REQUIRES(log->state);
static int find_window_locked(struct strand_log *log, int64_t offset, int isolation,
                              struct strand_log_window *window) STRAND_REQUIRES(log->state);

static int
check_range_locked(const struct strand_log *log, int64_t offset)
{
    if (log->segment_count == 0 && log->health != STRAND_LOG_HEALTHY)
        return strand_log_unhealthy_locked(log);
    /* Records that are missing at the end were there: behind them is where the log ends. */
    int64_t end = log->corrupt_next > log->log_end ? log->corrupt_next : log->log_end;
    if (offset < log->log_start || offset > end)
        return strand_fail(STRAND_ERR_OUT_OF_RANGE,
                           "read %s: offset %" PRId64 " is outside %" PRId64 " to %" PRId64,
                           log->name, offset, log->log_start, log->log_end);
    if (offset >= log->corrupt_first && offset < log->corrupt_next)
        return strand_log_fail_corrupt(log, offset, log->corrupt_next, strand_log_reason(log));
    return STRAND_OK;
}

static int
fail_gap_locked(const struct strand_log *log, size_t index, int64_t offset)
{
    char reason[128];

    (void)snprintf(reason, sizeof reason,
                   "segment %" PRId64 " ends at offset %" PRId64 ", the next one begins above it",
                   log->segments[index]->base_offset, log->segments[index]->end_offset);
    return strand_log_fail_corrupt(log, offset, next_base_locked(log, index), reason);
}

/* The segment with the first record at or above OFFSET.  STRAND_END: there is none.  A gap that is
 * no gap but damage is STRAND_ERR_CORRUPT. */
static int
find_segment_locked(const struct strand_log *log, int64_t offset, size_t *out_index)
{
    size_t index = strand_log_find_segment_locked(log, offset);

    while (offset >= log->segments[index]->end_offset) {
        if (log->segments[index]->is_cut_off && next_base_locked(log, index) > offset)
            return strand_log_fail_corrupt(log, offset, next_base_locked(log, index),
                                           strand_log_reason(log));
        if (index + 1 == log->segment_count)
            return STRAND_END;
        if (next_base_locked(log, index) > offset && !log->may_have_gaps)
            return fail_gap_locked(log, index, offset);
        index++; /* OFFSET lies in a gap: the next record is above it */
    }
    *out_index = index;
    return STRAND_OK;
}

/* The segment to look in, with a reference; STRAND_END when there is nothing to read. */
static int
find_window_locked(struct strand_log *log, int64_t offset, int isolation,
                   struct strand_log_window *window)
{
    size_t index = 0;

    int status = check_range_locked(log, offset);
    if (status != STRAND_OK)
        return status;
    window->limit = strand_log_limit_locked(log, isolation);
    window->high_watermark = log->high_watermark;
    window->log_start = log->log_start;
    if (offset >= window->limit || log->segment_count == 0)
        return STRAND_END;
    status = find_segment_locked(log, offset, &index);
    if (status != STRAND_OK)
        return status;
    window->segment = log->segments[index];
    window->segment->references++;
    window->size = window->segment->size;
    window->next_base = next_base_locked(log, index);
    return STRAND_OK;
}

/* Where in its segment to begin looking for OFFSET; false: nobody knows. */
static bool
place_locked(const struct strand_log *log, int64_t offset, const struct hint *hint,
             struct strand_log_window *window)
{
    const struct strand_log_segment *segment = window->segment;
    int64_t relative = offset > segment->base_offset ? offset - segment->base_offset : 0;
    struct strand_sparse_entry entry = {0, 0};

    window->is_hinted = false;
    if (relative > 0 && !strand_sparse_index_floor(&segment->index, (uint32_t)relative, &entry)) {
        const struct strand_index_place *place = &hint->said.place;
        bool is_here = place->segment_base == segment->base_offset && place->offset <= offset;

        if (!hint->is_there || hint->said.generation != log->generation ||
            (!is_here && !hint->said.is_nearest))
            return false;
        if (is_here) /* else it stands in front of the first pair of its segment */
            entry = (struct strand_sparse_entry){(uint32_t)(place->offset - segment->base_offset),
                                                 place->position};
        window->is_hinted = is_here;
    }
    bool is_indexed = entry.position > segment->start_position;
    window->position = is_indexed ? entry.position : segment->start_position;
    window->expected = segment->base_offset + (is_indexed ? entry.relative_offset : 0);
    window->is_exact = !log->may_have_gaps;
    window->is_exact_first = window->is_exact || is_indexed;
    return true;
}

/* Open the file of SEGMENT, of which the caller holds a reference, and MUST_WALK: fill its table.
 * Gives the reference back. */
static int
get_ready(struct strand_log *log, struct strand_log_segment *segment, bool must_walk)
{
    int status = strand_log_segment_acquire(segment);

    if (status == STRAND_OK) {
        if (must_walk)
            status = strand_log_segment_walk(segment);
        strand_log_segment_release(segment);
    }
    strand_mutex_lock(&log->state);
    bool is_gone = !segment->is_listed;
    strand_mutex_unlock(&log->state);
    strand_log_segment_release(segment);
    if (status == STRAND_ERR_NOT_FOUND && strand_engine_is_read_only(log->engine))
        return strand_fail(STRAND_ERR_TRUNCATED,
                           "read %s: another process has removed a segment: open it again",
                           log->name);
    return is_gone ? STRAND_OK : status;
}

/* What may be read is taken from the segment only when its file is open and held, in one go: from
 * then on a truncation copies instead of shortening the file.  If the file has to be opened first,
 * by name, the search begins again, because meanwhile another file may have that name. */
int
strand_log_window_hold(struct strand_log *log, int64_t offset, int isolation, bool may_ask_index,
                       struct strand_log_window *window)
{
    struct hint hint = {.is_there = false};

    for (;;) {
        bool is_placed = false;

        window->segment = NULL;
        strand_mutex_lock(&log->state);
        int status = find_window_locked(log, offset, isolation, window);
        if (status == STRAND_OK)
            is_placed = place_locked(log, offset, &hint, window);
        bool is_held = is_placed && window->segment->file != NULL;
        if (is_held)
            log->pin_count++;
        strand_mutex_unlock(&log->state);
        if (status != STRAND_OK || is_held)
            return status;

        if (!is_placed && may_ask_index) { /* once: what has been answered may be out of date */
            strand_log_segment_release(window->segment);
            may_ask_index = false;
            hint.is_there = strand_log_index_find(log, offset, &hint.said);
            continue;
        }
        status = get_ready(log, window->segment, !is_placed);
        window->segment = NULL;
        if (status != STRAND_OK)
            return status;
    }
}

void
strand_log_window_release(struct strand_log *log, struct strand_log_segment *segment)
{
    strand_log_segment_release(segment);
    strand_mutex_lock(&log->state);
    log->pin_count--;
    strand_mutex_unlock(&log->state);
}
