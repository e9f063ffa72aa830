/* recovery/log_salvage.c -- Take the damage out of a log that would be quarantined.
 *
 * Every whole batch that lies above the end of the one kept before it is kept, in order; everything
 * else below the durable end goes, and is saved first.  The offsets that are missing stay missing:
 * nothing is numbered anew, and where the log ended below its durable end an empty segment at the
 * durable end sees to it that no offset is given out twice.  What stands at or above the durable
 * end is left alone; at the end the log is recovered anew, as any other, and judges it.
 */
#include "recovery/log_salvage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "storage/batch.h"

enum { CUT_COUNT_MAX = 1000 }; /* a log with more damage than that stays quarantined */

struct salvage {
    struct strand_recovery *recovery;
    struct strand_salvage *report;
    struct strand_salvage_plan plan;
    int32_t epoch;     /* of the last batch kept; -1: none */
    int64_t work_left; /* bytes that may still be read of this file */

    /* Of the file being read. */
    size_t index;
    struct strand_file file;
    int64_t size;
    bool overlaps; /* its name is an offset that an earlier file holds, and nothing of it is kept */
};

static void
give_up(struct salvage *salvage, const char *why)
{
    (void)snprintf(salvage->report->failure, sizeof salvage->report->failure, "%s", why);
}

static bool
has_given_up(const struct salvage *salvage)
{
    return salvage->report->failure[0] != '\0';
}

static int
reserve_cut(struct strand_salvage_plan *plan)
{
    if (plan->cut_count < plan->cut_capacity)
        return STRAND_OK;
    size_t capacity = plan->cut_capacity == 0 ? 16 : 2 * plan->cut_capacity;
    struct strand_salvage_cut *cuts = realloc(plan->cuts, capacity * sizeof *cuts);

    if (cuts == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "salvage %s: %zu places: out of memory",
                           plan->recovery->request->name, capacity);
    plan->cuts = cuts;
    plan->cut_capacity = capacity;
    return STRAND_OK;
}

static int
add_cut(struct salvage *salvage, int64_t position, int64_t end_position, bool is_padding)
{
    struct strand_salvage_plan *plan = &salvage->plan;
    struct strand_salvage *report = salvage->report;

    strand_assert(is_padding || position < end_position);
    if (plan->cut_count == CUT_COUNT_MAX) {
        give_up(salvage, "too many places are damaged to salvage it");
        return STRAND_OK;
    }
    int status = reserve_cut(plan);
    if (status != STRAND_OK)
        return status;
    plan->cuts[plan->cut_count++] =
        (struct strand_salvage_cut){.index = salvage->index,
                                    .range = {position, end_position - position},
                                    .offset = plan->end_offset,
                                    .is_padding = is_padding,
                                    .takes_name = position == 0 && salvage->overlaps};
    if (is_padding)
        return STRAND_OK;
    report->cut_bytes += end_position - position;
    if (report->cut_first_offset < 0)
        report->cut_first_offset = plan->end_offset;
    return STRAND_OK;
}

/* ---- Which batches are kept ---- */

enum next_kind { NEXT_NONE, NEXT_IS_DAMAGED, NEXT_IS_THERE };

/* What stands at POSITION of FILE: HEADER, where it makes sense; nothing, where only prepared space
 * is there. */
static int
read_header(struct salvage *salvage, const struct strand_file *file, int64_t position,
            uint8_t header[STRAND_BATCH_HEADER_SIZE], enum next_kind *out_kind)
{
    static const uint8_t zeros[STRAND_BATCH_HEADER_SIZE];
    int64_t file_size;
    size_t size;

    int status = strand_file_size(file, &file_size);
    if (status == STRAND_OK)
        status = strand_file_read(file, header, STRAND_BATCH_HEADER_SIZE, position, &size);
    if (status != STRAND_OK)
        return status;
    salvage->recovery->log->bytes_read += (int64_t)size;
    *out_kind = NEXT_IS_DAMAGED;
    if (memcmp(header, zeros, size) == 0)
        *out_kind = NEXT_NONE;
    else if (size == STRAND_BATCH_HEADER_SIZE &&
             strand_batch_check_header(header, (size_t)(file_size - position)) == STRAND_OK)
        *out_kind = NEXT_IS_THERE;
    return STRAND_OK;
}

/* The header behind the batch that ends at POSITION, which may be in a later file. */
static int
read_next(struct salvage *salvage, int64_t position, uint8_t header[STRAND_BATCH_HEADER_SIZE],
          enum next_kind *out_kind)
{
    const struct strand_recovery *recovery = salvage->recovery;

    int status = read_header(salvage, &salvage->file, position, header, out_kind);
    for (size_t i = salvage->index + 1;
         i < recovery->file_count && status == STRAND_OK && *out_kind == NEXT_NONE; i++) {
        char path[STRAND_PATH_SIZE_MAX];
        struct strand_file file;

        status = strand_recovery_open_segment(recovery, i, path, &file);
        if (status != STRAND_OK)
            return status;
        status = read_header(salvage, &file, 0, header, out_kind);
        strand_file_discard(&file); /* nothing was written to it */
    }
    return status;
}

/* Base offset and epoch lie outside the CRC.  A batch that leaves offsets out is not believed when
 * the next one fills them; one that contradicts the epoch file not when the next one has a lower
 * epoch, or is damaged: the epoch of one batch may be, and all that follow would fall behind it. */
static int
is_confirmed(struct salvage *salvage, const uint8_t *batch, int64_t position, bool contradicts,
             bool *out_is_confirmed)
{
    uint8_t next[STRAND_BATCH_HEADER_SIZE];
    int64_t end_offset = strand_batch_end_offset(batch);
    enum next_kind kind;

    int status = read_next(salvage, position + strand_batch_size(batch), next, &kind);
    if (status != STRAND_OK)
        return status;
    if (kind != NEXT_IS_THERE) {
        *out_is_confirmed = !contradicts || kind == NEXT_NONE;
        return STRAND_OK;
    }
    int64_t next_offset = strand_batch_base_offset(next);
    bool fills_gap = next_offset >= salvage->plan.end_offset && next_offset < end_offset;

    *out_is_confirmed =
        !fills_gap &&
        (!contradicts || (next_offset >= end_offset &&
                          strand_batch_leader_epoch(next) >= strand_batch_leader_epoch(batch)));
    return STRAND_OK;
}

/* EPOCH begins at OFFSET, if it has not begun before.  Entries that say otherwise go: no batch that
 * is kept has the epoch of one of them, since none is above EPOCH.  Those of higher epochs that
 * begin further on say nothing about it, and stay. */
static int
fit_epochs(struct salvage *salvage, int32_t epoch, int64_t offset)
{
    struct strand_leader_epochs *epochs = &salvage->plan.epochs;
    struct strand_leader_epochs before;
    bool is_changed;

    int status = strand_leader_epochs_copy(epochs, &before);
    if (status != STRAND_OK)
        return status;
    salvage->plan.epochs_changed = true;
    (void)strand_leader_epochs_cut_from_end(epochs, offset, true);
    while (strand_leader_epochs_newest(epochs) > epoch)
        (void)strand_leader_epochs_cut_from_end(
            epochs, epochs->entries[epochs->count - 1].start_offset, false);
    status = strand_leader_epochs_assign(epochs, epoch, offset, &is_changed);
    for (size_t i = 0; i < before.count && status == STRAND_OK; i++) {
        const struct strand_leader_epoch *entry = &before.entries[i];

        if (entry->epoch > epoch && entry->start_offset > offset)
            status =
                strand_leader_epochs_assign(epochs, entry->epoch, entry->start_offset, &is_changed);
    }
    strand_leader_epochs_deinit(&before);
    return status;
}

static bool
contradicts_epochs(const struct salvage *salvage, const uint8_t *batch)
{
    int64_t log_start = salvage->recovery->log->log_start;
    int64_t from = strand_batch_base_offset(batch);

    if (salvage->recovery->learns_epochs || strand_batch_end_offset(batch) <= log_start)
        return false;
    if (from < log_start)
        from = log_start;
    return strand_batch_leader_epoch(batch) !=
           strand_leader_epochs_for_offset(&salvage->plan.epochs, from);
}

/* A batch that leaves offsets out and reaches into the next file is not of this one. */
static bool
reaches_too_far(const struct salvage *salvage, const uint8_t *batch)
{
    const struct strand_recovery *recovery = salvage->recovery;

    return salvage->index + 1 < recovery->file_count &&
           strand_batch_base_offset(batch) > salvage->plan.end_offset &&
           strand_batch_end_offset(batch) > recovery->files[salvage->index + 1].base_offset;
}

/* *OUT_IS_KEPT; the epochs are made to fit. */
static int
judge_below_bound(struct salvage *salvage, const uint8_t *batch, int64_t position,
                  bool *out_is_kept)
{
    int64_t base_offset = strand_batch_base_offset(batch);
    int32_t epoch = strand_batch_leader_epoch(batch);
    bool contradicts = contradicts_epochs(salvage, batch);

    *out_is_kept =
        !reaches_too_far(salvage, batch) && !(contradicts && (epoch < 0 || epoch < salvage->epoch));
    if (!*out_is_kept || (!contradicts && base_offset == salvage->plan.end_offset))
        return STRAND_OK;
    int status = is_confirmed(salvage, batch, position, contradicts, out_is_kept);
    return status == STRAND_OK && *out_is_kept && contradicts
               ? fit_epochs(salvage, epoch, base_offset)
               : status;
}

/* Above the bound nothing is cut here; but no whole batch is to go because the history was. */
static int
judge_above_bound(struct salvage *salvage, const uint8_t *batch, int64_t position)
{
    int32_t epoch = strand_batch_leader_epoch(batch);
    bool is_confirmed_too = false;
    int status = STRAND_OK;

    if (contradicts_epochs(salvage, batch) && epoch >= 0 && epoch >= salvage->epoch)
        status = is_confirmed(salvage, batch, position, true, &is_confirmed_too);
    return status == STRAND_OK && is_confirmed_too
               ? fit_epochs(salvage, epoch, strand_batch_base_offset(batch))
               : status;
}

static int
judge_batch(void *argument, const uint8_t *batch, int64_t position)
{
    struct salvage *salvage = argument;
    bool is_kept = true;
    int status = STRAND_OK;

    if (salvage->plan.end_offset < salvage->recovery->bound)
        status = judge_below_bound(salvage, batch, position, &is_kept);
    else
        status = judge_above_bound(salvage, batch, position);
    if (status != STRAND_OK || !is_kept)
        return status != STRAND_OK ? status : STRAND_ERR_EPOCH;
    /* Whatever is cut from here on, the name went with what lay before. */
    if (salvage->overlaps && position == 0)
        status = add_cut(salvage, 0, 0, true);
    salvage->overlaps = false;
    salvage->plan.end_offset = strand_batch_end_offset(batch);
    salvage->epoch = strand_batch_leader_epoch(batch);
    return status;
}

/* ---- One file ---- */

/* The scan has stopped at damage: *POSITION moves to where batches may go on, the size for nowhere.
 */
static int
step_over(struct salvage *salvage, const struct strand_scan_result *result, int64_t *position)
{
    bool is_refused = result->stop == STRAND_SCAN_OFFSET || result->stop == STRAND_SCAN_VISITOR;
    int64_t offset;
    int64_t bytes_read = 0;

    if (is_refused)
        return strand_recovery_step_over(salvage->recovery, &salvage->file, result->position,
                                         salvage->size, position);
    int status = strand_segment_find_whole(
        &salvage->file, result->position, salvage->size, salvage->plan.end_offset,
        salvage->recovery->gaps_allowed, position, &offset, &bytes_read);
    salvage->recovery->log->bytes_read += bytes_read;
    salvage->work_left -= bytes_read;
    if (status == STRAND_OK && *position < 0)
        *position = salvage->size;
    return status;
}

/* Zeros to the end of a file may stay where the log goes on behind them, as recovery has it. */
static bool
is_prepared_space(const struct salvage *salvage)
{
    const struct strand_recovery *recovery = salvage->recovery;

    if (salvage->overlaps)
        return false;
    return salvage->index + 1 < recovery->file_count &&
           recovery->files[salvage->index + 1].base_offset == salvage->plan.end_offset;
}

/* What does not go on below the bound goes; what stands above it the next recovery judges. */
static int
cut_damage(struct salvage *salvage, const struct strand_scan_result *result, int64_t *position)
{
    int64_t from = result->position;
    int status = STRAND_OK;

    *position = salvage->size;
    if (result->stop == STRAND_SCAN_END ||
        (salvage->plan.end_offset >= salvage->recovery->bound && !salvage->overlaps))
        return STRAND_OK;
    if (result->stop != STRAND_SCAN_ZEROS)
        status = step_over(salvage, result, position);
    else if (is_prepared_space(salvage))
        return STRAND_OK;
    if (status != STRAND_OK)
        return status;
    return add_cut(salvage, from, *position, result->stop == STRAND_SCAN_ZEROS);
}

static int
read_open_file(struct salvage *salvage)
{
    const struct strand_recovery_file *segment = &salvage->recovery->files[salvage->index];
    int64_t position = 0;

    while (position < salvage->size && !has_given_up(salvage)) {
        struct strand_scan_result result;
        int64_t expected = salvage->plan.end_offset > segment->base_offset
                               ? salvage->plan.end_offset
                               : segment->base_offset;
        struct strand_scan_request request = {.file = &salvage->file,
                                              .base_offset = segment->base_offset,
                                              .position = position,
                                              .end_position = salvage->size,
                                              .expected_offset = expected,
                                              .gaps_allowed = true,
                                              .visit = judge_batch,
                                              .argument = salvage};

        int status = strand_segment_scan(&request, &result);
        if (status != STRAND_OK)
            return status;
        if (result.stop == STRAND_SCAN_VISITOR && result.visitor_status != STRAND_ERR_EPOCH)
            return result.visitor_status;
        salvage->recovery->log->bytes_read += result.bytes_read;
        salvage->work_left -= result.bytes_read;
        status = cut_damage(salvage, &result, &position);
        if (status != STRAND_OK)
            return status;
        if (salvage->work_left < 0)
            give_up(salvage, "a file is too damaged to salvage it");
    }
    return STRAND_OK;
}

static int
read_file(struct salvage *salvage, size_t index)
{
    struct strand_recovery *recovery = salvage->recovery;
    char path[STRAND_PATH_SIZE_MAX];

    salvage->index = index;
    salvage->overlaps = index > recovery->scan_from &&
                        recovery->files[index].base_offset < salvage->plan.end_offset;
    int status = strand_recovery_open_segment(recovery, index, path, &salvage->file);
    if (status != STRAND_OK)
        return status;
    status = strand_file_size(&salvage->file, &salvage->size);
    if (status == STRAND_OK) {
        salvage->work_left = strand_recovery_work_max(salvage->size);
        status = read_open_file(salvage);
    }
    strand_file_discard(&salvage->file); /* nothing was written to it */
    recovery->files[index].size = salvage->size;
    return status;
}

/* Above the bound only what adjoins is looked at, for its epochs: the next recovery cuts the rest.
 */
static bool
is_to_be_read(const struct salvage *salvage, size_t index)
{
    const struct strand_recovery *recovery = salvage->recovery;
    int64_t base_offset = recovery->files[index].base_offset;

    if (has_given_up(salvage))
        return false;
    return base_offset < recovery->bound || base_offset == salvage->plan.end_offset;
}

/* The files that hold what is below the bound, and were not taken as they are; and those behind. */
static int
read_files(struct salvage *salvage)
{
    struct strand_recovery *recovery = salvage->recovery;
    int status = STRAND_OK;

    salvage->plan.end_offset = recovery->log->log_start;
    if (recovery->scan_from < recovery->file_count &&
        (recovery->scan_from > recovery->old_count ||
         recovery->files[recovery->scan_from].base_offset < recovery->log->log_start))
        salvage->plan.end_offset = recovery->files[recovery->scan_from].base_offset;
    for (size_t i = recovery->scan_from; i < recovery->file_count; i++) {
        if (!is_to_be_read(salvage, i))
            break;
        status = read_file(salvage, i);
        if (status != STRAND_OK)
            break;
    }
    return status;
}

/* The history as it stands on disk: recovery's copy was cut at the log end that it found. */
static int
load_epochs(struct salvage *salvage)
{
    const struct strand_recovery_request *request = salvage->recovery->request;

    strand_leader_epochs_init(&salvage->plan.epochs);
    if (salvage->recovery->learns_epochs)
        return STRAND_OK;
    return strand_leader_epochs_load(request->fs, request->directory, &salvage->plan.epochs);
}

/* A number in a text file, of which nothing shows that it was ever true, is not to decide at which
 * offset the log goes on. */
static void
check_bound(struct salvage *salvage)
{
    const struct strand_recovery *recovery = salvage->recovery;
    struct strand_salvage_plan *plan = &salvage->plan;
    const struct strand_recovery_file *last =
        recovery->file_count == 0 ? NULL : &recovery->files[recovery->file_count - 1];

    if (recovery->slot != NULL || plan->end_offset >= recovery->bound ||
        (last != NULL && last->base_offset >= recovery->bound))
        return;
    plan->ignores_bound = true;
    salvage->report->text_bound = plan->end_offset;
}

int
strand_recovery_salvage(struct strand_recovery *recovery, struct strand_salvage *out_salvage)
{
    struct salvage salvage = {.recovery = recovery,
                              .report = out_salvage,
                              .plan = {.recovery = recovery, .report = out_salvage},
                              .epoch = -1};

    strand_assert(!recovery->request->read_only);
    strand_assert(recovery->log->verdict == STRAND_VERDICT_CORRUPT);
    *out_salvage = (struct strand_salvage){.cut_first_offset = -1, .text_bound = INT64_MAX};
    int status = load_epochs(&salvage);
    if (status == STRAND_OK)
        status = read_files(&salvage);
    if (status == STRAND_OK && !has_given_up(&salvage)) {
        check_bound(&salvage);
        status = strand_salvage_apply(&salvage.plan);
    }
    if (status == STRAND_ERR_NO_SPACE) {
        give_up(&salvage, "no room to save what would be taken out");
        status = STRAND_OK;
    }
    strand_leader_epochs_deinit(&salvage.plan.epochs);
    free(salvage.plan.cuts);
    return status;
}
