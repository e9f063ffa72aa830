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
#include "engine/log_window.h"
#include "storage/batch.h"
#include "storage/segment.h"
#include "storage/segment_scan.h"

/* A run of whole batches. */
struct span {
    int64_t position;
    int64_t size;
    int64_t next_offset;
    int64_t walked_to; /* position behind the last header looked at, and the end offset there */
    int64_t walked_end;
    bool was_misled; /* no batch stands where the index says that one does */
};

/* The header at POSITION, in the map or copied into SPACE; checked to be one. */
static int
look_at_header(const struct strand_log_window *window, int64_t position,
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
check_place(const struct strand_log_window *window, const uint8_t *header, int64_t position,
            int64_t expected)
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

/* The first whole batch behind POSITION whose offset is LEAST at least and of this segment: one
 * that was meant for another, by its offset, tells nothing.  *OUT_OFFSET -1: there is none. */
static void
find_next_whole(const struct strand_log_window *window, int64_t position, int64_t least,
                int64_t *out_position, int64_t *out_offset)
{
    enum { STRANGERS_MAX = 64 };
    const struct strand_file *file = &window->segment->file->file;

    *out_position = position;
    for (int i = 0; i < STRANGERS_MAX; i++) {
        if (strand_segment_find_whole(file, *out_position, window->size, least, true, out_position,
                                      out_offset, NULL) != STRAND_OK ||
            *out_position < 0)
            break;
        if (*out_offset < window->next_base)
            return;
    }
    *out_offset = -1;
}

/* STATUS says that no batch stands at *POSITION, where *EXPECTED or more was due.  If the next
 * whole one is not above OFFSET the walk goes on there; else what lies between is what cannot be
 * read. */
static int
step_over(const struct strand_log_window *window, int64_t offset, int status, int64_t *position,
          int64_t *expected)
{
    const struct strand_log_segment *segment = window->segment;
    int64_t least = *expected;
    char reason[STRAND_ERROR_MESSAGE_SIZE_MAX];
    int64_t found_position = -1;
    int64_t found_offset = -1;

    (void)snprintf(reason, sizeof reason, "%s", strand_error_message());
    if (status == STRAND_ERR_BATCH || status == STRAND_ERR_MAGIC)
        find_next_whole(window, *position, least, &found_position, &found_offset);
    if (found_offset >= 0 && found_offset <= offset) {
        *position = found_position;
        *expected = found_offset;
        return STRAND_OK;
    }
    status = strand_fail(status, "%s", reason);
    return strand_log_fail_read(segment->log, least > offset ? least : offset,
                                found_offset >= 0 ? found_offset : window->next_base, status);
}

/* A batch that a walk has passed: its header makes sense and fits what stands in front of it. */
struct passed {
    int64_t position; /* -1: none */
    int64_t size;
    int64_t expected; /* base offset that was due there, at the lowest */
    bool is_in_span;
};

/* No batch stands where PASSED says that the next one does: is PASSED the damaged one?  Records its
 * damage then. */
static bool
is_to_blame(const struct strand_log_window *window, const struct passed *passed)
{
    const struct strand_log_segment *segment = window->segment;
    struct strand_scan_request request = {.file = &segment->file->file,
                                          .base_offset = segment->file_base_offset,
                                          .position = passed->position,
                                          .end_position = passed->position + passed->size,
                                          .expected_offset = passed->expected,
                                          .gaps_allowed = true};
    struct strand_scan_result result;
    char reason[STRAND_ERROR_MESSAGE_SIZE_MAX];

    (void)snprintf(reason, sizeof reason, "%s", strand_error_message());
    bool is_damaged = passed->position >= 0 &&
                      strand_segment_scan(&request, &result) == STRAND_OK &&
                      result.stop == STRAND_SCAN_CRC;
    (void)strand_fail(STRAND_ERR_BATCH, "%s", is_damaged ? result.reason : reason);
    return is_damaged;
}

/* The walk is back in front of PASSED. */
static void
go_back(const struct passed *passed, int64_t offset, struct span *span, int64_t *position,
        int64_t *expected)
{
    *position = passed->position;
    *expected = passed->expected;
    if (!passed->is_in_span)
        return;
    span->size -= passed->size;
    span->next_offset = span->size > 0 ? passed->expected : offset;
}

/* The whole batches from the one that holds OFFSET on, at most MAX_BYTES, at least one, all below
 * the limit.  A size of 0: none is readable yet. */
static int
find_span(const struct strand_log_window *window, int64_t offset, uint32_t max_bytes,
          struct span *out_span)
{
    uint8_t space[STRAND_BATCH_HEADER_SIZE];
    const uint8_t *header = space;
    struct span span = {.position = window->position,
                        .next_offset = offset,
                        .was_misled = window->is_hinted && window->position >= window->size};
    struct passed passed = {.position = -1};
    int64_t position = window->position;
    int64_t expected = window->expected; /* base offset of the next batch, at the lowest */

    while (position < window->size) {
        int status = look_at_header(window, position, space, &header);
        if (status == STRAND_OK)
            status = check_place(window, header, position, expected);
        span.was_misled = status != STRAND_OK && window->is_hinted && position == window->position;
        if (span.was_misled)
            break; /* or it is damaged: who does not ask the index finds out */
        if (status == STRAND_ERR_BATCH || status == STRAND_ERR_MAGIC) {
            if (is_to_blame(window, &passed))
                go_back(&passed, offset, &span, &position, &expected);
            passed.position = -1;
        }
        if (status != STRAND_OK && span.size > 0)
            break; /* what is in front of the damage is good */
        if (status != STRAND_OK) {
            status = step_over(window, offset, status, &position, &expected);
            if (status != STRAND_OK)
                return status;
            continue;
        }

        int64_t end_offset = strand_batch_end_offset(header);
        passed = (struct passed){position, strand_batch_size(header), expected, false};
        expected = end_offset;
        if (end_offset > offset) {
            if (end_offset > window->limit ||
                (span.size > 0 && span.size + passed.size > max_bytes))
                break;
            if (span.size == 0)
                span.position = position;
            span.size += passed.size;
            span.next_offset = end_offset;
            passed.is_in_span = true;
        }
        position += passed.size;
    }
    span.walked_to = position;
    span.walked_end = expected;
    *out_span = span;
    return STRAND_OK;
}

/* Hand the bytes of SPAN over: pinned, or copied. */
static int
deliver(struct strand_log_window *window, const struct span *span, struct strand_fetch *fetch)
{
    const struct strand_segment *file = window->segment->file;
    const struct strand_fs *fs = file->file.fs;

    if (file->map != NULL && (int64_t)file->map_size >= span->position + span->size) {
        fetch->data = file->map + span->position;
    } else {
        fetch->copy = malloc((size_t)span->size);
        if (fetch->copy == NULL)
            return strand_fail(STRAND_ERR_NO_MEMORY, "read %s: %" PRId64 " bytes: out of memory",
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

/* Has a walk for OFFSET come to the end of a segment that was thought to reach beyond it?  Then
 * that is known now. */
static bool
is_behind_end(struct strand_log_window *window, const struct span *span, int64_t offset)
{
    if (span->size > 0 || span->walked_to < window->size || span->walked_end > offset)
        return false;
    return strand_log_segment_note_end(window->segment, window->size, span->walked_end);
}

/* What the walk through WINDOW has found goes to FETCH, which keeps the segment held if it points
 * into it. */
static int
fetch_window(struct strand_log_window *window, int64_t offset, const struct span *span,
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

/* Looks for one offset, one after the other. */
struct attempt {
    bool must_repeat; /* a segment ends earlier than was thought, or the index was wrong */
    bool was_misled;  /* so it is not asked again */
};

static int
fetch_once(struct strand_log *log, int64_t offset, int isolation, uint32_t max_bytes,
           struct strand_fetch *fetch, struct attempt *attempt)
{
    struct strand_log_window window = {0};
    struct span span = {0};

    attempt->must_repeat = false;
    int status = strand_log_window_hold(log, offset, isolation, !attempt->was_misled, &window);
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
    attempt->was_misled = attempt->was_misled || span.was_misled;
    if (status == STRAND_OK)
        attempt->must_repeat = span.was_misled || is_behind_end(&window, &span, offset);
    if (status == STRAND_OK && !attempt->must_repeat)
        status = fetch_window(&window, offset, &span, fetch);
    if (status == STRAND_ERR_IO)
        status = strand_log_fail_read(log, offset, window.next_base, status);
    if (fetch->segment == NULL)
        strand_log_window_release(log, window.segment);
    return status;
}

int
strand_log_fetch_unchecked(struct strand_log *log, int64_t offset, int isolation,
                           uint32_t max_bytes, struct strand_fetch *out_fetch)
{
    struct attempt attempt = {.must_repeat = false};
    struct strand_fetch fetch;
    int status;

    do
        status = fetch_once(log, offset, isolation, max_bytes, &fetch, &attempt);
    while (status == STRAND_OK && attempt.must_repeat);
    if (status == STRAND_OK)
        *out_fetch = fetch;
    if (status == STRAND_OK && attempt.was_misled) /* it was there, and not where the index said */
        strand_log_index_distrust(log);
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
    strand_log_window_release(log, fetch->segment);
    *fetch = (struct strand_fetch){.descriptor = -1};
}
