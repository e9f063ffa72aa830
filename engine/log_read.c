/* engine/log_read.c -- Fetch: offset -> segment -> floor position -> header walk -> a slice.
 *
 * The slice is the mapping itself, pinned by a reference to the segment; where there is no map (or
 * it does not reach that far) it is a copy.  Whatever the index says is a hint: the walk checks
 * every header it passes against the offset that must stand there.
 */
#include "engine/log_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/error.h"
#include "engine/log_internal.h"
#include "storage/batch.h"
#include "storage/segment.h"
#include "storage/segment_scan.h"

/* One segment as a fetch found it. */
struct window {
    struct strand_log_segment *segment; /* held by a reference */
    int64_t position;                   /* a batch boundary at or before what is looked for */
    int64_t expected;                   /* base offset of the batch there, */
    bool is_exact;                      /* exactly, as of all that follow; else at the lowest */
    bool is_exact_first;                /* that one alone */
    int64_t size;                       /* bytes that may be read */
    int64_t limit;                      /* offset that isolation allows to read up to */
    int64_t next_base;                  /* where damage in this segment ends at the latest */
    int64_t high_watermark;
    int64_t log_start;
};

/* A run of whole batches. */
struct span {
    int64_t position;
    int64_t size;
    int64_t next_offset;
    int64_t walked_to; /* position behind the last header looked at, and the end offset there */
    int64_t walked_end;
};

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

static int check_range_locked(const struct strand_log *log, int64_t offset)
    STRAND_REQUIRES(log->state);
static int fail_gap_locked(const struct strand_log *log, size_t index, int64_t offset)
    STRAND_REQUIRES(log->state);
static int find_segment_locked(const struct strand_log *log, int64_t offset, size_t *out_index)
    STRAND_REQUIRES(log->state);
static int find_window_locked(struct strand_log *log, int64_t offset, int isolation,
                              struct window *window) STRAND_REQUIRES(log->state);

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
        return strand_log_fail_corrupt(log, offset, log->corrupt_next, log->reason);
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
            return strand_log_fail_corrupt(log, offset, next_base_locked(log, index), log->reason);
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
find_window_locked(struct strand_log *log, int64_t offset, int isolation, struct window *window)
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

    struct strand_log_segment *segment = log->segments[index];
    int64_t relative = offset > segment->base_offset ? offset - segment->base_offset : 0;
    struct strand_sparse_entry entry =
        strand_sparse_index_floor(&segment->index, (uint32_t)relative);
    bool is_indexed = entry.position > segment->start_position;
    window->segment = segment;
    window->position = is_indexed ? entry.position : segment->start_position;
    window->expected = segment->base_offset + (is_indexed ? entry.relative_offset : 0);
    window->is_exact = !log->may_have_gaps;
    window->is_exact_first = window->is_exact || is_indexed;
    window->size = segment->size;
    window->next_base = next_base_locked(log, index);
    segment->references++;
    return STRAND_OK;
}

/* The header at POSITION, in the map or copied into SPACE; checked to be one. */
static int
look_at_header(const struct window *window, int64_t position,
               uint8_t space[STRAND_BATCH_HEADER_SIZE], const uint8_t **out_header)
{
    const struct strand_segment *file = window->segment->file;
    const uint8_t *header = space;

    if (window->size - position < STRAND_BATCH_HEADER_SIZE)
        return strand_fail(STRAND_ERR_BATCH, "a batch at byte %" PRId64 " is cut off", position);
    if (file->map != NULL && (int64_t)file->map_size >= position + STRAND_BATCH_HEADER_SIZE) {
        header = file->map + position;
    } else {
        int status = strand_segment_read(file, space, STRAND_BATCH_HEADER_SIZE, position);
        if (status != STRAND_OK)
            return status;
    }
    int64_t left = window->size - position;
    int status = strand_batch_check_header(header, (size_t)left);
    if (status == STRAND_OK)
        *out_header = header;
    return status;
}

/* Base offsets lie outside the CRC, and whoever asks for an offset sees no batch that does not
 * claim it: what a header says must fit the batch in front of it, and the segment behind this one.
 */
static int
check_place(const struct window *window, const uint8_t *header, int64_t position, int64_t expected)
{
    bool is_exact = position == window->position ? window->is_exact_first : window->is_exact;
    int64_t base_offset = strand_batch_base_offset(header);

    if (base_offset < expected || (is_exact && base_offset > expected))
        return strand_fail(STRAND_ERR_BATCH,
                           "base offset %" PRId64 " at byte %" PRId64 ", expected %" PRId64,
                           base_offset, position, expected);
    if (strand_batch_end_offset(header) > window->next_base)
        return strand_fail(STRAND_ERR_BATCH,
                           "the batch at byte %" PRId64 " ends at offset %" PRId64
                           ", but the segment at %" PRId64,
                           position, strand_batch_end_offset(header), window->next_base);
    return STRAND_OK;
}

/* STATUS says that no batch stands at *POSITION, where *EXPECTED or more was due.  If the next
 * whole one is not above OFFSET the walk goes on there; else what lies between is what cannot be
 * read. */
static int
step_over(const struct window *window, int64_t offset, int status, int64_t *position,
          int64_t *expected)
{
    const struct strand_log_segment *segment = window->segment;
    int64_t least = *expected;
    char reason[STRAND_ERROR_MESSAGE_SIZE_MAX];
    int64_t found_position = -1;
    int64_t found_offset = -1;

    (void)snprintf(reason, sizeof reason, "%s", strand_error_message());
    if ((status == STRAND_ERR_BATCH || status == STRAND_ERR_MAGIC) &&
        strand_segment_find_whole(&segment->file->file, *position, window->size, least, true,
                                  &found_position, &found_offset, NULL) == STRAND_OK &&
        found_position >= 0 && found_offset <= offset) {
        *position = found_position;
        *expected = found_offset;
        return STRAND_OK;
    }
    status = strand_fail(status, "%s", reason);
    return strand_log_fail_read(segment->log, least > offset ? least : offset,
                                found_offset >= 0 ? found_offset : window->next_base, status);
}

/* The whole batches from the one that holds OFFSET on, at most MAX_BYTES, at least one, all below
 * the limit.  A size of 0: none is readable yet. */
static int
find_span(const struct window *window, int64_t offset, uint32_t max_bytes, struct span *out_span)
{
    uint8_t space[STRAND_BATCH_HEADER_SIZE];
    const uint8_t *header = space;
    struct span span = {.position = window->position, .next_offset = offset};
    int64_t position = window->position;
    int64_t expected = window->expected; /* base offset of the next batch, at the lowest */

    while (position < window->size) {
        int status = look_at_header(window, position, space, &header);
        if (status == STRAND_OK)
            status = check_place(window, header, position, expected);
        if (status != STRAND_OK && span.size > 0)
            break; /* what is in front of the damage is good */
        if (status != STRAND_OK) {
            status = step_over(window, offset, status, &position, &expected);
            if (status != STRAND_OK)
                return status;
            continue;
        }

        int64_t size = strand_batch_size(header);
        expected = strand_batch_end_offset(header);
        if (expected > offset) {
            if (expected > window->limit || (span.size > 0 && span.size + size > max_bytes))
                break;
            if (span.size == 0)
                span.position = position;
            span.size += size;
            span.next_offset = expected;
        }
        position += size;
    }
    span.walked_to = position;
    span.walked_end = expected;
    *out_span = span;
    return STRAND_OK;
}

/* Hand the bytes of SPAN over: pinned, or copied. */
static int
deliver(struct window *window, const struct span *span, struct strand_fetch *fetch)
{
    const struct strand_segment *file = window->segment->file;
    const struct strand_fs *fs = file->file.fs;

    if (file->map != NULL && (int64_t)file->map_size >= span->position + span->size) {
        fetch->data = file->map + span->position;
    } else {
        fetch->copy = malloc((size_t)span->size);
        if (fetch->copy == NULL)
            return strand_fail(STRAND_ERR_NO_MEMORY, "read %s: %" PRId64 " bytes",
                               window->segment->log->name, span->size);
        int status = strand_segment_read(file, fetch->copy, (size_t)span->size, span->position);
        if (status != STRAND_OK) {
            free(fetch->copy);
            return status;
        }
        fetch->data = fetch->copy;
    }
    int descriptor = fs->descriptor(file->file.handle);
    fetch->descriptor = descriptor >= 0 ? descriptor : -1;
    fetch->position = span->position;
    fetch->size = (size_t)span->size;
    fetch->next_offset = span->next_offset;
    fetch->segment = window->segment;
    return STRAND_OK;
}

/* From the start of a segment a walk goes on without its index.  State lock held. */
static bool
can_walk_locked(const struct window *window, int64_t offset)
{
    return window->segment->is_learnt || offset <= window->segment->base_offset;
}

/* Has a walk for OFFSET come to the end of a segment that was thought to reach beyond it?  Then
 * that is known now. */
static bool
is_behind_end(struct window *window, const struct span *span, int64_t offset)
{
    if (span->size > 0 || span->walked_to < window->size || span->walked_end > offset)
        return false;
    return strand_log_segment_note_end(window->segment, window->size, span->walked_end);
}

/* Find the segment to look in and hold it with its file open.
 *
 * What may be read is taken from the segment only when its file is open and held, in one go: from
 * then on a truncation copies instead of shortening the file.  If the file has to be opened first,
 * by name, the search begins again, because meanwhile another file may have that name. */
static int
hold_window(struct strand_log *log, int64_t offset, int isolation, struct window *window)
{
    for (;;) {
        window->segment = NULL;
        strand_mutex_lock(&log->state);
        int status = find_window_locked(log, offset, isolation, window);
        strand_assert(status != STRAND_OK || window->segment != NULL);
        bool is_learnt = status == STRAND_OK && can_walk_locked(window, offset);
        bool is_held = is_learnt && window->segment->file != NULL;
        if (is_held)
            log->pin_count++;
        strand_mutex_unlock(&log->state);
        if (status != STRAND_OK || is_held)
            return status;

        status = strand_log_segment_acquire(window->segment);
        if (status == STRAND_OK) {
            if (!is_learnt)
                status = strand_log_segment_learn(window->segment);
            strand_log_segment_release(window->segment);
        }
        strand_mutex_lock(&log->state);
        bool is_gone = !window->segment->is_listed;
        strand_mutex_unlock(&log->state);
        strand_log_segment_release(window->segment);
        window->segment = NULL;
        if (status == STRAND_ERR_NOT_FOUND && strand_engine_is_read_only(log->engine))
            return strand_fail(STRAND_ERR_TRUNCATED,
                               "read %s: another process has removed a segment: open it again",
                               log->name);
        if (status != STRAND_OK && !is_gone)
            return status;
    }
}

static void
unpin(struct strand_log *log, struct strand_log_segment *segment)
{
    strand_log_segment_release(segment);
    strand_mutex_lock(&log->state);
    log->pin_count--;
    strand_mutex_unlock(&log->state);
}

/* What the walk through WINDOW has found goes to FETCH, which keeps the segment held if it points
 * into it. */
static int
fetch_window(struct window *window, int64_t offset, const struct span *span,
             struct strand_fetch *fetch)
{
    const struct strand_log *log = window->segment->log;
    char reason[96];

    if (span->size > 0)
        return deliver(window, span, fetch);
    if (span->walked_to < window->size || span->walked_end > offset)
        return STRAND_OK; /* what comes next is not readable yet */
    (void)snprintf(reason, sizeof reason, "segment %" PRId64 " ends at offset %" PRId64,
                   window->segment->base_offset, span->walked_end);
    return strand_log_fail_corrupt(log, offset, window->next_base, reason);
}

/* One look for OFFSET.  *OUT_REPEAT: a segment ends earlier than was thought, so look again. */
static int
fetch_once(struct strand_log *log, int64_t offset, int isolation, uint32_t max_bytes,
           struct strand_fetch *fetch, bool *out_repeat)
{
    struct window window = {0};
    struct span span = {0};

    *out_repeat = false;
    int status = hold_window(log, offset, isolation, &window);
    *fetch = (struct strand_fetch){
        .next_offset = offset,
        .high_watermark = window.high_watermark,
        .log_start = window.log_start,
        .descriptor = -1,
        .log = log,
    };
    if (status != STRAND_OK)
        return status == STRAND_END ? STRAND_OK : status;
    strand_assert(window.segment != NULL);
    status = find_span(&window, offset, max_bytes, &span);
    if (status == STRAND_OK)
        *out_repeat = is_behind_end(&window, &span, offset);
    if (status == STRAND_OK && !*out_repeat)
        status = fetch_window(&window, offset, &span, fetch);
    if (status == STRAND_ERR_IO)
        status = strand_log_fail_read(log, offset, window.next_base, status);
    if (fetch->segment == NULL)
        unpin(log, window.segment);
    return status;
}

int
strand_log_fetch_unchecked(struct strand_log *log, int64_t offset, int isolation,
                           uint32_t max_bytes, struct strand_fetch *out_fetch)
{
    struct strand_fetch fetch;
    bool must_repeat = true;
    int status = STRAND_OK;

    while (status == STRAND_OK && must_repeat)
        status = fetch_once(log, offset, isolation, max_bytes, &fetch, &must_repeat);
    if (status == STRAND_OK)
        *out_fetch = fetch;
    return status;
}

static int
check_crcs(struct strand_log *log, const struct strand_fetch *fetch)
{
    const uint8_t *data = fetch->data;

    for (size_t at = 0; at < fetch->size; at += (size_t)strand_batch_size(data + at)) {
        int status = strand_batch_check(data + at, fetch->size - at);
        if (status != STRAND_OK)
            return strand_log_fail_read(log, strand_batch_base_offset(data + at),
                                        strand_batch_end_offset(data + at), status);
    }
    return STRAND_OK;
}

int
strand_log_fetch(struct strand_log *log, int64_t offset, const struct strand_fetch_options *options,
                 struct strand_fetch *out_fetch)
{
    static const struct strand_fetch_options defaults = {.struct_size = sizeof defaults};

    options = options != NULL ? options : &defaults;
    int status = strand_log_check(log);
    if (status == STRAND_OK && out_fetch == NULL)
        status = strand_fail(STRAND_ERR_INVALID, "fetch from %s: no place for the fetch was given",
                             log->name);
    if (status == STRAND_OK)
        status = strand_check_struct_size("fetch options", options->struct_size, sizeof *options);
    if (status != STRAND_OK)
        return status;
    if (options->isolation < STRAND_READ_COMMITTED || options->isolation > STRAND_READ_WRITTEN)
        return strand_fail(STRAND_ERR_INVALID, "fetch options: unknown isolation %" PRId32,
                           options->isolation);

    struct strand_fetch fetch;
    status = strand_log_fetch_unchecked(
        log, offset, options->isolation,
        options->max_bytes != 0 ? options->max_bytes : STRAND_FETCH_BYTES_DEFAULT, &fetch);
    if (status == STRAND_OK && options->check_crc != 0 && fetch.size > 0) {
        status = check_crcs(log, &fetch);
        if (status != STRAND_OK)
            strand_fetch_release(&fetch);
    }
    if (status == STRAND_OK)
        *out_fetch = fetch;
    return status;
}

void
strand_fetch_release(struct strand_fetch *fetch)
{
    if (fetch == NULL || fetch->segment == NULL || strand_log_check(fetch->log) != STRAND_OK)
        return;
    struct strand_log *log = fetch->log;

    free(fetch->copy);
    unpin(log, fetch->segment);
    *fetch = (struct strand_fetch){.descriptor = -1};
}
