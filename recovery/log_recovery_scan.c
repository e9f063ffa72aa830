/* recovery/log_recovery_scan.c -- Read the segments in order, and say where the log ends and why.
 *
 * The one question at a place where the log does not go on: is it below what is known to be
 * durable? Then something that was there is gone, and nothing may be cut on top of that.  Otherwise
 * the log ends there, and only what stands behind tells a write that was under way (torn) from
 * bytes that should not be there like that (suspect).
 */
#include "recovery/log_recovery_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "storage/batch.h"
#include "storage/segment_scan.h"
#include "storage/topic_name.h"

/* A place where the log does not go on. */
struct log_break {
    int64_t offset;  /* where the log ends */
    int64_t at;      /* what is compared with the durable bound; in general the same */
    int64_t next;    /* where it goes on again, -1: to be found out */
    size_t behind;   /* first file that lies wholly behind it */
    bool is_damaged; /* the file before that has bytes behind its whole batches */
    bool is_suspect; /* certainly */
    char reason[256];
};

static void explain(struct log_break *at, const char *format, ...) STRAND_PRINTF(2, 3);

static void
explain(struct log_break *at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(at->reason, sizeof at->reason, format, args); /* one too long is cut */
    va_end(args);
}

/* ---- One segment ---- */

struct visit {
    struct strand_recovery *recovery;
    struct strand_recovery_file *file;
    bool tests_epochs;
    int64_t expected_offset;
    int64_t first_timestamp_ms;
    int64_t batch_count;
    int32_t epoch; /* of a batch that failed the test */
    int32_t epoch_of_file;
};

static bool
passes_epoch_test(struct visit *visit, const uint8_t *batch)
{
    const struct strand_recovered_log *log = visit->recovery->log;
    int64_t base_offset = strand_batch_base_offset(batch);
    int64_t from = base_offset > log->log_start ? base_offset : log->log_start;

    if (!visit->tests_epochs || strand_batch_end_offset(batch) <= log->log_start)
        return true;
    visit->epoch = strand_batch_leader_epoch(batch);
    visit->epoch_of_file = strand_leader_epochs_for_offset(&log->epochs, from);
    return visit->epoch == visit->epoch_of_file;
}

/* As Kafka recovers: an epoch that the file already knows is not learnt again.  A history that was
 * read, and is empty, has forgotten those of batches below the log start. */
static int
learn_epoch(struct strand_recovery *recovery, const uint8_t *batch)
{
    const struct strand_recovered_log *log = recovery->log;
    int32_t epoch = strand_batch_leader_epoch(batch);
    bool is_forgotten = !log->epochs_were_rebuilt && !log->is_foreign &&
                        strand_batch_end_offset(batch) <= log->log_start;
    bool is_changed = false;

    if (!recovery->learns_epochs || is_forgotten ||
        epoch <= strand_leader_epochs_newest(&recovery->log->epochs))
        return STRAND_OK;
    int status = strand_leader_epochs_assign(&recovery->log->epochs, epoch,
                                             strand_batch_base_offset(batch), &is_changed);
    if (is_changed)
        recovery->epochs_changed = true;
    return status;
}

static int
visit_batch(void *argument, const uint8_t *batch, int64_t position)
{
    struct visit *visit = argument;
    struct strand_recovery *recovery = visit->recovery;
    const struct strand_recovery_request *request = recovery->request;

    if (!passes_epoch_test(visit, batch))
        return STRAND_ERR_EPOCH;
    int status = learn_epoch(recovery, batch);
    if (status != STRAND_OK)
        return status;
    if (strand_batch_base_offset(batch) > visit->expected_offset)
        recovery->log->has_gaps = true;
    visit->expected_offset = strand_batch_end_offset(batch);
    if (visit->expected_offset > recovery->log->durable_end && visit->file->durable_position < 0)
        visit->file->durable_position = position;
    if (visit->batch_count++ == 0)
        visit->first_timestamp_ms = strand_batch_max_timestamp(batch);
    if (request->visit != NULL)
        request->visit(request->argument, visit->file->base_offset, batch, position);
    return STRAND_OK;
}

static void
add_segment(struct strand_recovery *recovery, size_t index, const struct visit *visit,
            const struct strand_scan_result *result)
{
    struct strand_recovered_log *log = recovery->log;
    struct strand_recovered_segment *segment = &log->segments[log->segment_count++];

    segment->base_offset = recovery->files[index].base_offset;
    segment->file_base_offset = segment->base_offset;
    segment->end_offset = result->end_offset;
    segment->size = result->position;
    segment->batch_count = result->batch_count;
    segment->max_timestamp_ms = result->max_timestamp_ms;
    segment->first_timestamp_ms = visit->first_timestamp_ms;
    segment->is_scanned = true;
    segment->is_readable = result->stop == STRAND_SCAN_END || result->stop == STRAND_SCAN_ZEROS;
}

static void
note_file(struct strand_recovery *recovery, struct strand_recovery_file *file, int64_t size,
          const struct strand_scan_result *result)
{
    file->size = size;
    file->kept = result->position;
    file->end_offset = result->end_offset;
    file->stop = result->stop;
    if (file->durable_position < 0)
        file->durable_position = file->kept;
    recovery->log->bytes_read += result->bytes_read;
    recovery->log->scanned_count += file->is_read ? 0 : 1;
    file->is_read = true;
}

int
strand_recovery_scan_file(struct strand_recovery *recovery, size_t index, bool tests_epochs,
                          struct strand_recovery_scan *out_scan)
{
    struct strand_recovery_file *segment = &recovery->files[index];
    struct strand_scan_result *result = &out_scan->result;
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_file file;
    struct visit visit = {.recovery = recovery,
                          .file = segment,
                          .tests_epochs = tests_epochs,
                          .expected_offset = segment->base_offset,
                          .first_timestamp_ms = -1};
    struct strand_scan_request request = {.file = &file,
                                          .base_offset = segment->base_offset,
                                          .expected_offset = segment->base_offset,
                                          .gaps_allowed = recovery->gaps_allowed,
                                          .visit = visit_batch,
                                          .argument = &visit};

    segment->durable_position = -1;
    int status = strand_recovery_open_segment(recovery, index, path, &file);
    if (status != STRAND_OK)
        return status;
    status = strand_file_size(&file, &request.end_position);
    if (status == STRAND_OK)
        status = strand_segment_scan(&request, result);
    strand_file_discard(&file); /* nothing was written to it */
    if (status != STRAND_OK)
        return status;
    if (result->stop == STRAND_SCAN_VISITOR && result->visitor_status != STRAND_ERR_EPOCH)
        return result->visitor_status;
    note_file(recovery, segment, request.end_position, result);
    add_segment(recovery, index, &visit, result);
    out_scan->epoch = visit.epoch;
    out_scan->epoch_of_file = visit.epoch_of_file;
    return STRAND_OK;
}

int
strand_recovery_measure_file(struct strand_recovery *recovery, size_t index)
{
    struct strand_recovery_file *segment = &recovery->files[index];
    struct strand_recovered_log *log = recovery->log;
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_file file;
    int64_t size;

    strand_assert(index < recovery->file_count);
    int status = strand_recovery_open_segment(recovery, index, path, &file);
    if (status != STRAND_OK)
        return status;
    status = strand_file_size(&file, &size);
    strand_file_discard(&file);
    if (status != STRAND_OK)
        return status;
    segment->size = size;
    segment->kept = size;
    segment->durable_position = size;
    if (index + 1 < recovery->file_count) /* it is taken to adjoin */
        segment->end_offset = segment[1].base_offset;
    segment->stop = STRAND_SCAN_END;
    log->segments[log->segment_count++] =
        (struct strand_recovered_segment){.base_offset = segment->base_offset,
                                          .file_base_offset = segment->base_offset,
                                          .end_offset = segment->end_offset,
                                          .size = size,
                                          .max_timestamp_ms = -1,
                                          .first_timestamp_ms = -1,
                                          .is_readable = true};
    return STRAND_OK;
}

/* ---- Where the log ends ---- */

/* Above what is known to be durable: torn or suspect? */
static int
judge_tail(struct strand_recovery *recovery, const struct log_break *at)
{
    struct strand_recovered_log *log = recovery->log;
    bool is_suspect = at->is_suspect;
    int64_t offset = -1;
    int status = STRAND_OK;

    if (at->is_damaged && !is_suspect)
        status = strand_recovery_look_behind(recovery, at->behind - 1, &offset);
    for (size_t i = at->behind; i < recovery->file_count && status == STRAND_OK; i++) {
        bool is_whole;

        status = strand_recovery_begins_whole(recovery, i, &is_whole);
        if (status != STRAND_OK)
            break;
        is_suspect = is_suspect || is_whole;
        log->cut_bytes += recovery->files[i].size;
    }
    if (status != STRAND_OK)
        return status;

    log->verdict = is_suspect || offset >= 0 ? STRAND_VERDICT_SUSPECT : STRAND_VERDICT_TORN;
    (void)snprintf(log->reason, sizeof log->reason, "%s", at->reason);
    log->has_cut = true;
    log->cut_first_offset = at->offset;
    if (at->is_damaged)
        log->cut_bytes +=
            recovery->files[at->behind - 1].size - recovery->files[at->behind - 1].kept;
    return STRAND_OK;
}

static int
end_at_break(struct strand_recovery *recovery, const struct log_break *at)
{
    recovery->log->log_end = at->offset;
    recovery->behind = at->behind;
    recovery->tail_has_bytes = at->is_damaged;
    if (at->at < recovery->bound)
        return strand_recovery_quarantine(recovery, at->reason, at->at, at->next);
    return judge_tail(recovery, at);
}

/* Does file INDEX adjoin the log, which ends at END_OFFSET?  *OUT_IS_BROKEN: no, as AT says. */
static void
check_join(const struct strand_recovery *recovery, size_t index, int64_t end_offset,
           struct log_break *at, bool *out_is_broken)
{
    int64_t base_offset = recovery->files[index].base_offset;
    bool is_first = index == recovery->old_count;
    bool may_start_above = recovery->slot == NULL || recovery->has_gaps_flag;
    bool may_have_gap = is_first ? may_start_above : recovery->gaps_allowed;
    bool is_gap_durable = end_offset < recovery->bound && base_offset <= recovery->bound;
    /* A broker compacts, and its recovery point may be anywhere below what it left. */
    bool is_gap_legal = recovery->log->is_foreign || (may_have_gap && is_gap_durable);

    *out_is_broken = is_first ? base_offset > end_offset : base_offset != end_offset;
    if (base_offset > end_offset && is_gap_legal) {
        *out_is_broken = false;
        recovery->log->has_gaps |= !is_first; /* or the next recovery would take it for damage */
    }
    if (!*out_is_broken)
        return;

    *at = (struct log_break){.offset = end_offset, .at = end_offset, .next = -1, .behind = index};
    if (base_offset < end_offset) {
        at->at = base_offset;
        at->next = end_offset;
    }
    explain(at, "segment %" PRId64 " begins %s the end of the one before, %" PRId64, base_offset,
            base_offset < end_offset ? "below" : "above", end_offset);
}

/* Did the scan of file INDEX stop where the log goes on all the same?  Zeros at the end of a file
 * are prepared space: nothing stood there if the next file begins just where the batches end. */
static bool
goes_on(const struct strand_recovery *recovery, size_t index,
        const struct strand_scan_result *result)
{
    if (result->stop == STRAND_SCAN_END)
        return true;
    if (result->stop != STRAND_SCAN_ZEROS)
        return false;
    if (index + 1 == recovery->file_count)
        return true; /* prepared space of the active segment */
    return recovery->files[index + 1].base_offset == result->end_offset;
}

static void
describe_stop(const struct strand_recovery *recovery, size_t index,
              const struct strand_recovery_scan *scan, struct log_break *at)
{
    const struct strand_scan_result *result = &scan->result;
    bool contradicts_epochs = result->stop == STRAND_SCAN_VISITOR;

    *at =
        (struct log_break){.offset = result->end_offset,
                           .at = result->end_offset,
                           .next = -1,
                           .behind = index + 1,
                           .is_damaged = result->stop != STRAND_SCAN_ZEROS,
                           .is_suspect = contradicts_epochs || result->stop == STRAND_SCAN_OFFSET};
    if (contradicts_epochs)
        explain(at,
                "segment %" PRId64 ", position %" PRId64 ", offset %" PRId64
                ": leader epoch %" PRId32 ", but the epoch file says %" PRId32,
                recovery->files[index].base_offset, result->position, result->end_offset,
                scan->epoch, scan->epoch_of_file);
    else
        explain(at, "segment %" PRId64 ": %s", recovery->files[index].base_offset, result->reason);
}

/* A segment that is not the last and holds nothing held something, unless a follower skipped all of
 * it. */
static void
check_measured(const struct strand_recovery *recovery, size_t index, struct log_break *at,
               bool *out_is_broken)
{
    const struct strand_recovery_file *file = &recovery->files[index];
    int64_t log_start = recovery->log->log_start;

    *out_is_broken = file->size == 0 && !recovery->gaps_allowed;
    if (!*out_is_broken)
        return;
    *at = (struct log_break){.offset = file->base_offset,
                             .at = file->base_offset > log_start ? file->base_offset : log_start,
                             .next = file->end_offset,
                             .behind = index + 1};
    explain(at, "segment %" PRId64 " is empty, though the log went on durably to %" PRId64,
            file->base_offset, file->end_offset);
}

/* Nothing is damaged; is everything there? */
static int
end_whole(struct strand_recovery *recovery, int64_t end_offset)
{
    char reason[256];

    recovery->log->log_end = end_offset;
    recovery->behind = recovery->file_count;
    if (end_offset >= recovery->bound)
        return STRAND_OK;
    (void)snprintf(reason, sizeof reason,
                   "the log ends at offset %" PRId64 ", though it reached %" PRId64 " durably",
                   end_offset, recovery->bound);
    return strand_recovery_quarantine(recovery, reason, end_offset, recovery->bound);
}

/* Read file INDEX, or measure it where that is enough: END_OFFSET moves behind it. */
static int
examine_file(struct strand_recovery *recovery, size_t index, int64_t *end_offset,
             struct log_break *at, bool *out_is_broken)
{
    struct strand_recovery_scan scan;
    int status;

    check_join(recovery, index, *end_offset, at, out_is_broken);
    if (*out_is_broken)
        return STRAND_OK;
    if (index < recovery->scan_from) {
        status = strand_recovery_measure_file(recovery, index);
        if (status == STRAND_OK)
            check_measured(recovery, index, at, out_is_broken);
    } else {
        status = strand_recovery_scan_file(recovery, index, !recovery->learns_epochs, &scan);
        if (status == STRAND_OK)
            *out_is_broken = !goes_on(recovery, index, &scan.result);
        if (status == STRAND_OK && *out_is_broken)
            describe_stop(recovery, index, &scan, at);
    }
    *end_offset = recovery->files[index].end_offset;
    return status;
}

int
strand_recovery_examine(struct strand_recovery *recovery)
{
    struct strand_recovered_log *log = recovery->log;
    bool is_empty = recovery->file_count == recovery->old_count;
    int64_t end_offset = is_empty && recovery->has_gaps_flag && recovery->slot != NULL
                             ? log->durable_end
                             : log->log_start;

    for (size_t i = recovery->old_count; i < recovery->file_count; i++) {
        struct log_break at;
        bool is_broken;

        int status = examine_file(recovery, i, &end_offset, &at, &is_broken);
        if (status != STRAND_OK)
            return status;
        if (is_broken)
            return end_at_break(recovery, &at);
    }
    return end_whole(recovery, end_offset);
}
