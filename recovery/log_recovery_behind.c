/* recovery/log_recovery_behind.c -- What stands behind the place where the log does not go on.
 *
 * Above what is known to be durable only one thing counts: whether anything whole is there at all.
 * Below it all of it is listed, so that a quarantined log can be read on both sides of each hole.
 * The search for a batch behind damage is bounded (storage/segment_scan.h); here the number of
 * searches is, and with it the memory.  What is not listed because of that is named in the reason.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "recovery/log_recovery_internal.h"
#include "storage/batch.h"

/* Runs listed of one log behind damage, and bytes read for it of one file: so many times its size,
 * but no fewer than WORK_MIN. */
enum { RUN_COUNT_MAX = 1000, WORK_FACTOR = 16, WORK_MIN = 1 << 30 };

int64_t
strand_recovery_work_max(int64_t size)
{
    int64_t most = size > INT64_MAX / WORK_FACTOR ? INT64_MAX : size * WORK_FACTOR;

    return most < WORK_MIN ? WORK_MIN : most;
}

static int
find_whole(struct strand_recovery *recovery, const struct strand_file *file, int64_t position,
           int64_t size, int64_t expected_offset, int64_t *out_position, int64_t *out_offset)
{
    int64_t bytes_read = 0;

    int status =
        strand_segment_find_whole(file, position, size, expected_offset, recovery->gaps_allowed,
                                  out_position, out_offset, &bytes_read);
    recovery->log->bytes_read += bytes_read;
    return status;
}

int
strand_recovery_look_behind(struct strand_recovery *recovery, size_t index, int64_t *out_offset)
{
    const struct strand_recovery_file *segment = &recovery->files[index];
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_file file;
    int64_t position;

    int status = strand_recovery_open_segment(recovery, index, path, &file);
    if (status != STRAND_OK)
        return status;
    status = find_whole(recovery, &file, segment->kept, segment->size, segment->end_offset,
                        &position, out_offset);
    strand_file_discard(&file); /* nothing was written to it */
    return status;
}

int
strand_recovery_step_over(struct strand_recovery *recovery, const struct strand_file *file,
                          int64_t position, int64_t size, int64_t *out_next)
{
    uint8_t header[STRAND_BATCH_HEADER_SIZE];

    int status = strand_file_read_exactly(file, header, sizeof header, position);
    if (status != STRAND_OK)
        return status;
    recovery->log->bytes_read += STRAND_BATCH_HEADER_SIZE;
    strand_assert(strand_batch_size(header) <= size - position); /* the scan has seen all of it */
    *out_next = position + strand_batch_size(header);
    return STRAND_OK;
}

/* ---- One file behind its first damage ---- */

/* Where the listing of a file is. */
struct listing {
    struct strand_recovery *recovery;
    size_t index;
    struct strand_file file;
    int64_t position;
    int64_t end_offset; /* of the last whole batch before it */
    int64_t work_left;  /* bytes that may still be read */
    bool is_refused; /* the scan of the file has refused a batch that is whole: go on at POSITION */
    bool is_done;
    int64_t first_offset;       /* of the first run that was found; -1: none */
    int64_t first_timestamp_ms; /* of the run being scanned */
    int64_t run_offset;         /* likewise, its first; -1: none yet */
};

/* A run of whole batches goes to the list, which has no room for it. */
static int
add_run(struct listing *listing, int64_t position, const struct strand_scan_result *result)
{
    struct strand_recovery *recovery = listing->recovery;
    struct strand_recovered_log *log = recovery->log;
    size_t count = recovery->names.count + log->segment_count + 1;
    struct strand_recovered_segment *segments =
        realloc(log->segments, count * sizeof *log->segments);

    if (segments == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "recover %s: %zu segments: out of memory",
                           recovery->request->name, count);
    log->segments = segments;
    log->segments[log->segment_count++] = (struct strand_recovered_segment){
        .base_offset = listing->run_offset,
        .file_base_offset = recovery->files[listing->index].base_offset,
        .start_position = position,
        .end_offset = result->end_offset,
        .size = result->position,
        .batch_count = result->batch_count,
        .max_timestamp_ms = result->max_timestamp_ms,
        .first_timestamp_ms = listing->first_timestamp_ms,
        .is_scanned = true,
        .is_readable = result->stop == STRAND_SCAN_END || result->stop == STRAND_SCAN_ZEROS,
    };
    recovery->run_count++;
    if (listing->first_offset < 0)
        listing->first_offset = listing->run_offset;
    return STRAND_OK;
}

static int
note_first(void *argument, const uint8_t *batch, int64_t position)
{
    struct listing *listing = argument;

    (void)position;
    if (listing->run_offset < 0) {
        listing->run_offset = strand_batch_base_offset(batch);
        listing->first_timestamp_ms = strand_batch_max_timestamp(batch);
    }
    return STRAND_OK;
}

/* Move to the next place where a batch may begin. */
static int
seek(struct listing *listing)
{
    struct strand_recovery *recovery = listing->recovery;
    int64_t size = recovery->files[listing->index].size;
    int64_t found_offset;
    int64_t found_position = listing->position;
    int64_t bytes_before = recovery->log->bytes_read;

    if (listing->is_refused) {
        listing->is_done = listing->position == size;
        return STRAND_OK;
    }
    int status = find_whole(recovery, &listing->file, listing->position, size, listing->end_offset,
                            &found_position, &found_offset);
    if (status != STRAND_OK)
        return status;
    listing->work_left -= recovery->log->bytes_read - bytes_before;
    listing->is_done = found_position < 0;
    listing->position = found_position;
    return STRAND_OK;
}

/* List the run that begins here, and stand in front of what ends it. */
static int
list_run(struct listing *listing)
{
    struct strand_recovery *recovery = listing->recovery;
    const struct strand_recovery_file *segment = &recovery->files[listing->index];
    struct strand_scan_result result;
    struct strand_scan_request request = {.file = &listing->file,
                                          .base_offset = segment->base_offset,
                                          .position = listing->position,
                                          .end_position = segment->size,
                                          .expected_offset = listing->end_offset,
                                          .gaps_allowed = true,
                                          .visit = note_first,
                                          .argument = listing};
    int64_t position = listing->position;

    listing->run_offset = -1;
    int status = strand_segment_scan(&request, &result);
    if (status != STRAND_OK)
        return status;
    recovery->log->bytes_read += result.bytes_read;
    listing->work_left -= result.bytes_read;
    if (result.batch_count > 0)
        status = add_run(listing, position, &result);
    listing->end_offset = result.end_offset;
    listing->position = result.position;
    listing->is_done = result.stop == STRAND_SCAN_END || result.stop == STRAND_SCAN_ZEROS;
    listing->is_refused = false;
    return status;
}

static void
tell_unlisted(const struct listing *listing)
{
    char *reason = listing->recovery->log->reason;
    const size_t size = sizeof listing->recovery->log->reason;
    char first[256];

    memcpy(first, reason, sizeof first);
    (void)snprintf(reason, size,
                   "%.150s; too much is damaged: segment %" PRId64
                   " is not listed from position %" PRId64 " on",
                   first, listing->recovery->files[listing->index].base_offset, listing->position);
}

/* Base offsets lie outside the CRC.  The batch at the end of what is kept, with a wrong one, is
 * believed when the next one goes on behind it: one that fills what it leaves out says that it
 * lies.
 */
static int
check_refused(struct listing *listing, int64_t next_position, bool *out_is_believed)
{
    struct strand_recovery *recovery = listing->recovery;
    const struct strand_recovery_file *segment = &recovery->files[listing->index];
    uint8_t header[STRAND_BATCH_HEADER_SIZE];
    uint8_t next[STRAND_BATCH_HEADER_SIZE];
    int64_t left = segment->size - next_position;
    size_t size;

    int status = strand_file_read_exactly(&listing->file, header, sizeof header, segment->kept);
    if (status == STRAND_OK)
        status = strand_file_read(&listing->file, next, sizeof next, next_position, &size);
    if (status != STRAND_OK)
        return status;
    recovery->log->bytes_read += (int64_t)(sizeof header + size);
    int64_t offset = INT64_MAX;
    if (size == sizeof next && strand_batch_check_header(next, (size_t)left) == STRAND_OK)
        offset = strand_batch_base_offset(next);
    else if (listing->index + 1 < recovery->file_count)
        offset = segment[1].base_offset;
    *out_is_believed = offset < segment->end_offset || offset >= strand_batch_end_offset(header);
    return STRAND_OK;
}

/* Is the batch that the scan stopped at itself whole?  One with a wrong offset may go on the list;
 * one that contradicts the epoch file does not. */
static int
begin(struct listing *listing)
{
    const struct strand_recovery_file *segment = &listing->recovery->files[listing->index];
    bool is_believed = segment->stop != STRAND_SCAN_VISITOR;
    int64_t next;

    listing->position = segment->kept;
    listing->end_offset = segment->end_offset;
    listing->is_refused =
        segment->stop == STRAND_SCAN_OFFSET || segment->stop == STRAND_SCAN_VISITOR;
    if (!listing->is_refused)
        return STRAND_OK;
    int status = strand_recovery_step_over(listing->recovery, &listing->file, segment->kept,
                                           segment->size, &next);
    if (status == STRAND_OK && is_believed)
        status = check_refused(listing, next, &is_believed);
    if (status == STRAND_OK && !is_believed)
        listing->position = next;
    return status;
}

/* All runs of whole batches behind the damage in file INDEX go to the list.  *OUT_OFFSET is where
 * the first begins, -1 for none; *END_OFFSET, where the last ends. */
static int
list_runs(struct strand_recovery *recovery, size_t index, int64_t *out_offset, int64_t *end_offset)
{
    char path[STRAND_PATH_SIZE_MAX];
    struct listing listing = {.recovery = recovery, .index = index, .first_offset = -1};

    int status = strand_recovery_open_segment(recovery, index, path, &listing.file);
    if (status != STRAND_OK)
        return status;
    listing.work_left = strand_recovery_work_max(recovery->files[index].size);
    status = begin(&listing);
    while (status == STRAND_OK && !listing.is_done) {
        if (recovery->run_count >= RUN_COUNT_MAX || listing.work_left < 0) {
            tell_unlisted(&listing);
            break;
        }
        status = seek(&listing);
        if (status == STRAND_OK && !listing.is_done)
            status = list_run(&listing);
    }
    strand_file_discard(&listing.file); /* nothing was written to it */
    if (status != STRAND_OK)
        return status;
    *out_offset = listing.first_offset;
    if (listing.first_offset >= 0)
        *end_offset = recovery->log->segments[recovery->log->segment_count - 1].end_offset;
    return STRAND_OK;
}

/* ---- Later files ---- */

static int
stop_at_first(void *argument, const uint8_t *batch, int64_t position)
{
    (void)argument;
    (void)batch;
    (void)position;
    return STRAND_END;
}

int
strand_recovery_begins_whole(struct strand_recovery *recovery, size_t index, bool *out_is_whole)
{
    struct strand_recovery_file *segment = &recovery->files[index];
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_file file;
    struct strand_scan_result result;
    struct strand_scan_request request = {.file = &file,
                                          .base_offset = segment->base_offset,
                                          .expected_offset = segment->base_offset,
                                          .gaps_allowed = true,
                                          .visit = stop_at_first};

    int status = strand_recovery_open_segment(recovery, index, path, &file);
    if (status != STRAND_OK)
        return status;
    status = strand_file_size(&file, &request.end_position);
    if (status == STRAND_OK)
        status = strand_segment_scan(&request, &result);
    strand_file_discard(&file);
    if (status != STRAND_OK)
        return status;
    segment->size = request.end_position;
    recovery->log->bytes_read += result.bytes_read;
    recovery->log->scanned_count += segment->is_read ? 0 : 1;
    segment->is_read = true;
    *out_is_whole = result.stop == STRAND_SCAN_VISITOR;
    return STRAND_OK;
}

/* File INDEX as it is.  *OUT_OFFSET is that of the first batch in it, -1 for none, *OUT_END_OFFSET
 * that behind the last. */
static int
list_file(struct strand_recovery *recovery, size_t index, int64_t *out_offset,
          int64_t *out_end_offset)
{
    const struct strand_recovery_file *file = &recovery->files[index];
    struct strand_recovery_scan scan;
    int64_t found_offset = -1;
    int status;

    if (index < recovery->scan_from) {
        status = strand_recovery_measure_file(recovery, index);
        *out_offset = status == STRAND_OK && file->size > 0 ? file->base_offset : -1;
        *out_end_offset = file->end_offset;
        return status;
    }
    status = strand_recovery_scan_file(recovery, index, false, &scan);
    if (status != STRAND_OK)
        return status;
    *out_end_offset = scan.result.end_offset;
    if (scan.result.stop != STRAND_SCAN_END && scan.result.stop != STRAND_SCAN_ZEROS)
        status = list_runs(recovery, index, &found_offset, out_end_offset);
    *out_offset = scan.result.batch_count > 0 ? file->base_offset : found_offset;
    return status;
}

/* Files [behind, file_count) as they are, without any test of how they adjoin. */
static int
list_behind(struct strand_recovery *recovery, int64_t *out_first_offset)
{
    struct strand_recovered_log *log = recovery->log;

    *out_first_offset = -1;
    for (size_t i = recovery->behind; i < recovery->file_count; i++) {
        int64_t offset;
        int64_t end_offset;

        int status = list_file(recovery, i, &offset, &end_offset);
        if (status != STRAND_OK)
            return status;
        if (*out_first_offset < 0)
            *out_first_offset = offset;
        if (offset >= 0 && end_offset > log->log_end)
            log->log_end = end_offset;
    }
    recovery->behind = recovery->file_count;
    return STRAND_OK;
}

int
strand_recovery_quarantine(struct strand_recovery *recovery, const char *reason, int64_t first,
                           int64_t next)
{
    struct strand_recovered_log *log = recovery->log;
    int64_t found_offset = -1;
    int64_t found_later;

    log->verdict = STRAND_VERDICT_CORRUPT;
    (void)snprintf(log->reason, sizeof log->reason, "%s", reason);
    log->has_cut = false;
    log->cut_bytes = 0;
    log->cut_first_offset = -1;

    if (recovery->tail_has_bytes) {
        strand_assert(recovery->behind > recovery->old_count);
        log->segments[log->segment_count - 1].is_readable = false;
        int status = list_runs(recovery, recovery->behind - 1, &found_offset, &log->log_end);
        if (status != STRAND_OK)
            return status;
    }
    int status = list_behind(recovery, &found_later);
    if (status != STRAND_OK)
        return status;

    if (next < 0)
        next = found_offset >= 0 ? found_offset : found_later;
    if (next < 0)
        next = recovery->bound > log->log_end ? recovery->bound : log->log_end;
    log->corrupt_first = first;
    log->corrupt_next = next > first ? next : first;
    return STRAND_OK;
}
