/* recovery/log_recovery.c -- What is known beforehand, then: leftovers, scan, changes. */
#include "recovery/log_recovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "recovery/log_recovery_internal.h"
#include "storage/batch.h"
#include "storage/topic_name.h"

void
strand_recovered_log_deinit(struct strand_recovered_log *log)
{
    free(log->segments);
    strand_leader_epochs_deinit(&log->epochs);
    memset(log, 0, sizeof *log);
}

/* The segments among the names, which are sorted: 20 digits sort as numbers do. */
static int
list_segments(struct strand_recovery *recovery)
{
    size_t count = recovery->names.count;

    if (count == 0)
        return STRAND_OK;
    recovery->files = calloc(count, sizeof *recovery->files);
    recovery->log->segments = calloc(count, sizeof *recovery->log->segments);
    if (recovery->files == NULL || recovery->log->segments == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "recover %s: %zu files", recovery->request->name,
                           count);
    for (size_t i = 0; i < count; i++) {
        int64_t base_offset;

        if (strand_segment_name_parse(recovery->names.names[i], &base_offset))
            recovery->files[recovery->file_count++].base_offset = base_offset;
    }
    return STRAND_OK;
}

static int
load_epochs(struct strand_recovery *recovery)
{
    const struct strand_recovery_request *request = recovery->request;
    struct strand_recovered_log *log = recovery->log;

    int status = strand_leader_epochs_load(request->fs, request->directory, &log->epochs);
    if (status == STRAND_ERR_NOT_FOUND || status == STRAND_ERR_CORRUPT) {
        log->epochs_were_rebuilt = true;
        recovery->epochs_changed = true;
        status = STRAND_OK;
    }
    /* A history without entries knows no batch, and an epoch is durable before its first one. */
    recovery->learns_epochs =
        request->is_foreign || log->epochs_were_rebuilt || log->epochs.count == 0;
    return status;
}

/* The leader epoch of the first batch of the log; -1 when it has none, or there is no batch. */
static int
read_first_epoch(const struct strand_recovery *recovery, int32_t *out_epoch)
{
    uint8_t header[STRAND_BATCH_HEADER_SIZE];
    char name[STRAND_SEGMENT_NAME_SIZE];
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_file file;
    size_t size;

    *out_epoch = -1;
    strand_segment_name_format(recovery->files[0].base_offset, name);
    int status = strand_recovery_open(recovery, name, 0, path, &file);
    if (status != STRAND_OK)
        return status;
    status = strand_file_read(&file, header, sizeof header, 0, &size);
    strand_file_discard(&file); /* nothing was written to it */
    if (status == STRAND_OK && size == sizeof header &&
        strand_batch_magic(header) == STRAND_BATCH_MAGIC_CURRENT)
        *out_epoch = strand_batch_leader_epoch(header);
    return status;
}

/* Without a slot the epoch history is one more witness of the log start, as it is cut with it:
 * unless the log begins with batches that have no epoch, which the history never covered. */
static int
find_log_start(const struct strand_recovery *recovery, int64_t *out_log_start)
{
    const struct strand_leader_epochs *epochs = &recovery->log->epochs;
    int64_t log_start = recovery->request->log_start;
    int32_t first_epoch = -1;

    if (recovery->file_count > 0 && recovery->files[0].base_offset > log_start)
        log_start = recovery->files[0].base_offset;
    if (recovery->file_count > 0 && epochs->count > 0) {
        int status = read_first_epoch(recovery, &first_epoch);
        if (status != STRAND_OK)
            return status;
    }
    if (first_epoch >= 0 && epochs->entries[0].start_offset > log_start)
        log_start = epochs->entries[0].start_offset;
    *out_log_start = log_start;
    return STRAND_OK;
}

/* The durable end, the log start, and what lies below it. */
static int
find_bounds(struct strand_recovery *recovery)
{
    const struct strand_frontier_slot *slot = recovery->request->slot;
    struct strand_recovered_log *log = recovery->log;

    if (slot == NULL) {
        log->durable_end = recovery->request->recovery_point;
        int status = find_log_start(recovery, &log->log_start);
        if (status != STRAND_OK)
            return status;
    } else {
        log->durable_end = slot->durable_end;
        log->log_start = slot->log_start;
        while (recovery->old_count + 1 < recovery->file_count &&
               recovery->files[recovery->old_count + 1].base_offset <= log->log_start)
            recovery->old_count++;
    }
    recovery->bound = log->durable_end > log->log_start ? log->durable_end : log->log_start;
    return STRAND_OK;
}

/* Entries above the log end name epochs that wrote nothing that is left; one at the log end is a
 * leader's that has written nothing yet. */
static void
trim_epochs(struct strand_recovery *recovery)
{
    struct strand_recovered_log *log = recovery->log;

    if (strand_leader_epochs_cut_from_end(&log->epochs, log->log_end, true))
        recovery->epochs_changed = true;
    if (strand_leader_epochs_cut_from_start(&log->epochs, log->log_start))
        recovery->epochs_trimmed = true;
}

static void
clamp_high_watermark(struct strand_recovered_log *log, const struct strand_frontier_slot *slot)
{
    log->high_watermark = -1;
    if (slot == NULL)
        return;
    log->high_watermark = slot->high_watermark;
    if (log->high_watermark > log->log_end)
        log->high_watermark = log->log_end;
    if (log->high_watermark < log->log_start)
        log->high_watermark = log->log_start;
}

static bool
is_to_change(const struct strand_recovery *recovery)
{
    return !recovery->request->read_only && recovery->log->verdict != STRAND_VERDICT_CORRUPT;
}

static int
recover(struct strand_recovery *recovery)
{
    struct strand_recovered_log *log = recovery->log;

    int status = strand_recovery_clear_leftovers(recovery);
    if (status == STRAND_OK)
        status = list_segments(recovery);
    if (status == STRAND_OK)
        status = load_epochs(recovery);
    if (status == STRAND_OK)
        status = find_bounds(recovery);
    if (status == STRAND_OK)
        status = strand_recovery_examine(recovery);
    if (status == STRAND_OK && recovery->blocked_reason[0] != '\0' &&
        log->verdict != STRAND_VERDICT_CORRUPT)
        status = strand_recovery_quarantine(recovery, recovery->blocked_reason,
                                            recovery->blocked_first, recovery->blocked_next);
    if (status != STRAND_OK)
        return status;

    if (is_to_change(recovery))
        status = strand_recovery_cut(recovery);
    if (status != STRAND_OK)
        return status;
    trim_epochs(recovery);
    if (is_to_change(recovery))
        status = strand_recovery_make_durable(recovery);
    clamp_high_watermark(log, recovery->request->slot);
    return status;
}

/* A reset has begun: what stands there is neither the old log nor the new one. */
static void
describe_reset(const struct strand_frontier_slot *slot, struct strand_recovered_log *log)
{
    log->must_reset = true;
    log->log_start = slot->log_start;
    log->log_end = slot->log_start;
    log->durable_end = slot->durable_end;
    log->high_watermark = slot->log_start;
}

int
strand_log_recover(const struct strand_recovery_request *request,
                   struct strand_recovered_log *out_log)
{
    struct strand_recovered_log log = {
        .cut_first_offset = -1, .corrupt_first = -1, .corrupt_next = -1};
    struct strand_recovery recovery = {.request = request, .log = &log};

    strand_assert(request->identity != NULL);
    strand_leader_epochs_init(&log.epochs);
    recovery.gaps_allowed =
        request->is_foreign || (request->identity->flags & STRAND_LOG_HAS_GAPS) != 0;
    if (request->slot != NULL)
        log.generation = request->slot->generation;
    if (request->slot != NULL && (request->slot->flags & STRAND_FRONTIER_RESETTING) != 0) {
        describe_reset(request->slot, &log);
        *out_log = log;
        return STRAND_OK;
    }

    int status = recover(&recovery);
    strand_names_free(&recovery.names);
    free(recovery.files);
    if (status != STRAND_OK) {
        strand_recovered_log_deinit(&log);
        return status;
    }
    *out_log = log;
    return STRAND_OK;
}
