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

/* Holes in one damaged segment behind which batches are looked for: a bound on the work. */
enum { HOLE_COUNT_MAX = 64 };

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

static int
open_segment(const struct strand_recovery *recovery, size_t index, char path[STRAND_PATH_SIZE_MAX],
             struct strand_file *out_file)
{
    char name[STRAND_SEGMENT_NAME_SIZE];

    strand_segment_name_format(recovery->files[index].base_offset, name);
    return strand_recovery_open(recovery, name, 0, path, out_file);
}

/* ---- One segment ---- */

struct visit {
    struct strand_recovery *recovery;
    bool tests_epochs;
    int64_t base_offset; /* of the segment */
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

/* As Kafka recovers: an epoch that the file already knows is not learnt again. */
static int
learn_epoch(struct strand_recovery *recovery, const uint8_t *batch)
{
    int32_t epoch = strand_batch_leader_epoch(batch);
    bool is_changed = false;

    if (!recovery->learns_epochs || epoch <= strand_leader_epochs_newest(&recovery->log->epochs))
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
    if (visit->batch_count++ == 0)
        visit->first_timestamp_ms = strand_batch_max_timestamp(batch);
    if (request->visit != NULL)
        request->visit(request->argument, visit->base_offset, batch, position);
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
    segment->is_readable = result->stop == STRAND_SCAN_END || result->stop == STRAND_SCAN_ZEROS;
}

/* Scan file INDEX and add it to the list. */
static int
scan_segment(struct strand_recovery *recovery, size_t index, struct visit *visit,
             struct strand_scan_result *out_result)
{
    struct strand_recovery_file *segment = &recovery->files[index];
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_file file;
    struct strand_scan_request request = {.file = &file,
                                          .base_offset = segment->base_offset,
                                          .expected_offset = segment->base_offset,
                                          .gaps_allowed = recovery->gaps_allowed,
                                          .visit = visit_batch,
                                          .argument = visit};

    visit->recovery = recovery;
    visit->base_offset = segment->base_offset;
    visit->expected_offset = segment->base_offset;
    visit->first_timestamp_ms = -1;
    int status = open_segment(recovery, index, path, &file);
    if (status != STRAND_OK)
        return status;
    status = strand_file_size(&file, &request.end_position);
    if (status == STRAND_OK)
        status = strand_segment_scan(&request, out_result);
    strand_file_discard(&file); /* nothing was written to it */
    if (status != STRAND_OK)
        return status;
    if (out_result->stop == STRAND_SCAN_VISITOR && out_result->visitor_status != STRAND_ERR_EPOCH)
        return out_result->visitor_status;

    segment->size = request.end_position;
    segment->kept = out_result->position;
    segment->end_offset = out_result->end_offset;
    recovery->log->bytes_read += out_result->bytes_read;
    add_segment(recovery, index, visit, out_result);
    return STRAND_OK;
}

/* ---- Behind a break ---- */

/* A run of whole batches behind damage in file INDEX goes to the list, which has no room for it. */
static int
add_run(struct strand_recovery *recovery, size_t index, int64_t position, int64_t offset,
        const struct strand_scan_result *result)
{
    struct strand_recovered_log *log = recovery->log;
    size_t count = recovery->names.count + log->segment_count + 1;
    struct strand_recovered_segment *segments =
        realloc(log->segments, count * sizeof *log->segments);

    if (segments == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "recover %s: %zu segments",
                           recovery->request->name, count);
    log->segments = segments;
    log->segments[log->segment_count++] = (struct strand_recovered_segment){
        .base_offset = offset,
        .file_base_offset = recovery->files[index].base_offset,
        .start_position = position,
        .end_offset = result->end_offset,
        .size = result->position,
        .batch_count = result->batch_count,
        .max_timestamp_ms = result->max_timestamp_ms,
        .first_timestamp_ms = -1,
        .is_readable = result->stop == STRAND_SCAN_END || result->stop == STRAND_SCAN_ZEROS,
    };
    return STRAND_OK;
}

/* The first whole batch behind the damage in file INDEX: *OUT_OFFSET, -1 when there is none.  With
 * OUT_END_OFFSET, all of them, around further damage, go to the list; it is where the last ends. */
static int
look_behind_damage(struct strand_recovery *recovery, size_t index, int64_t *out_offset,
                   int64_t *out_end_offset)
{
    const struct strand_recovery_file *segment = &recovery->files[index];
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_file file;
    struct strand_scan_result result = {.position = segment->kept,
                                        .end_offset = segment->end_offset};
    int64_t found_position = -1;
    int64_t found_offset = -1;

    *out_offset = -1;
    int status = open_segment(recovery, index, path, &file);
    if (status != STRAND_OK)
        return status;
    for (int hole = 0; hole < HOLE_COUNT_MAX && status == STRAND_OK; hole++) {
        status = strand_segment_find_whole(&file, result.position, segment->size, result.end_offset,
                                           recovery->gaps_allowed, &found_position, &found_offset);
        if (status != STRAND_OK || found_position < 0)
            break;
        if (hole == 0)
            *out_offset = found_offset;
        if (out_end_offset == NULL)
            break;

        struct strand_scan_request request = {.file = &file,
                                              .base_offset = segment->base_offset,
                                              .position = found_position,
                                              .end_position = segment->size,
                                              .expected_offset = found_offset,
                                              .gaps_allowed = true};
        status = strand_segment_scan(&request, &result);
        if (status != STRAND_OK)
            break;
        recovery->log->bytes_read += result.bytes_read;
        *out_end_offset = result.end_offset;
        status = add_run(recovery, index, found_position, found_offset, &result);
        if (result.stop == STRAND_SCAN_END || result.stop == STRAND_SCAN_ZEROS)
            break;
    }
    strand_file_discard(&file);
    return status;
}

static int
stop_at_first(void *argument, const uint8_t *batch, int64_t position)
{
    (void)argument;
    (void)batch;
    (void)position;
    return STRAND_END;
}

/* Does file INDEX begin with a whole batch?  Its size is noted. */
static int
begins_whole(struct strand_recovery *recovery, size_t index, bool *out_is_whole)
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

    int status = open_segment(recovery, index, path, &file);
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
    *out_is_whole = result.stop == STRAND_SCAN_VISITOR;
    return STRAND_OK;
}

/* Files [behind, file_count) as they are, without any test of how they adjoin. */
static int
list_behind(struct strand_recovery *recovery, int64_t *out_first_offset)
{
    struct strand_recovered_log *log = recovery->log;

    *out_first_offset = -1;
    for (size_t i = recovery->behind; i < recovery->file_count; i++) {
        struct visit visit = {.tests_epochs = false};
        struct strand_scan_result result;
        int64_t found_offset = -1;

        int status = scan_segment(recovery, i, &visit, &result);
        if (status != STRAND_OK)
            return status;
        int64_t end_offset = result.end_offset;
        if (result.stop != STRAND_SCAN_END && result.stop != STRAND_SCAN_ZEROS)
            status = look_behind_damage(recovery, i, &found_offset, &end_offset);
        if (status != STRAND_OK)
            return status;
        if (*out_first_offset < 0 && result.batch_count > 0)
            *out_first_offset = recovery->files[i].base_offset;
        else if (*out_first_offset < 0)
            *out_first_offset = found_offset;
        if ((result.batch_count > 0 || found_offset >= 0) && end_offset > log->log_end)
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
        int status =
            look_behind_damage(recovery, recovery->behind - 1, &found_offset, &log->log_end);
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
        status = look_behind_damage(recovery, at->behind - 1, &offset, NULL);
    for (size_t i = at->behind; i < recovery->file_count && status == STRAND_OK; i++) {
        bool is_whole;

        status = begins_whole(recovery, i, &is_whole);
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
    const struct strand_recovery_request *request = recovery->request;
    int64_t base_offset = recovery->files[index].base_offset;
    bool is_first = index == recovery->old_count;
    bool may_start_above =
        request->slot == NULL || (request->identity->flags & STRAND_LOG_HAS_GAPS) != 0;
    bool may_have_gap = is_first ? may_start_above : recovery->gaps_allowed;
    bool is_gap_durable = end_offset < recovery->bound && base_offset <= recovery->bound;
    /* A broker compacts, and its recovery point may be anywhere below what it left. */
    bool is_gap_legal = request->is_foreign || (may_have_gap && is_gap_durable);

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

/* Did the scan of file INDEX stop where the log goes on all the same?  Zeros at the end of a sealed
 * segment, all of it durable, are space that nobody got round to giving back. */
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
    return result->end_offset <= recovery->bound &&
           recovery->files[index + 1].base_offset == result->end_offset;
}

static void
describe_stop(const struct strand_recovery *recovery, size_t index, const struct visit *visit,
              const struct strand_scan_result *result, struct log_break *at)
{
    bool contradicts_epochs = result->stop == STRAND_SCAN_VISITOR;

    *at = (struct log_break){.offset = result->end_offset,
                             .at = result->end_offset,
                             .next = -1,
                             .behind = index + 1,
                             .is_damaged = result->stop != STRAND_SCAN_ZEROS,
                             .is_suspect = contradicts_epochs};
    if (contradicts_epochs)
        explain(at,
                "segment %" PRId64 ", position %" PRId64 ", offset %" PRId64
                ": leader epoch %" PRId32 ", but the epoch file says %" PRId32,
                recovery->files[index].base_offset, result->position, result->end_offset,
                visit->epoch, visit->epoch_of_file);
    else
        explain(at, "segment %" PRId64 ": %s", recovery->files[index].base_offset, result->reason);
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

int
strand_recovery_examine(struct strand_recovery *recovery)
{
    struct strand_recovered_log *log = recovery->log;
    const struct strand_recovery_request *request = recovery->request;
    bool is_empty = recovery->file_count == recovery->old_count;
    bool has_gaps = (request->identity->flags & STRAND_LOG_HAS_GAPS) != 0;
    int64_t end_offset =
        is_empty && has_gaps && request->slot != NULL ? log->durable_end : log->log_start;

    for (size_t i = recovery->old_count; i < recovery->file_count; i++) {
        struct visit visit = {.tests_epochs = !recovery->learns_epochs};
        struct strand_scan_result result;
        struct log_break at;
        bool is_broken;

        check_join(recovery, i, end_offset, &at, &is_broken);
        if (is_broken)
            return end_at_break(recovery, &at);
        int status = scan_segment(recovery, i, &visit, &result);
        if (status != STRAND_OK)
            return status;
        end_offset = result.end_offset;
        if (!goes_on(recovery, i, &result)) {
            describe_stop(recovery, i, &visit, &result, &at);
            return end_at_break(recovery, &at);
        }
    }
    return end_whole(recovery, end_offset);
}
