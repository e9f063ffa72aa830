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
int
strand_recovery_list_segments(struct strand_recovery *recovery)
{
    size_t count = recovery->names.count;

    free(recovery->files);
    free(recovery->log->segments);
    recovery->files = NULL;
    recovery->log->segments = NULL;
    recovery->file_count = 0;
    recovery->log->segment_count = 0;
    if (count == 0)
        return STRAND_OK;
    recovery->files = calloc(count, sizeof *recovery->files);
    recovery->log->segments = calloc(count, sizeof *recovery->log->segments);
    if (recovery->files == NULL || recovery->log->segments == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "recover %s: %zu files: out of memory",
                           recovery->request->name, count);
    for (size_t i = 0; i < count; i++) {
        int64_t base_offset;

        if (strand_segment_name_parse(recovery->names.names[i], &base_offset))
            recovery->files[recovery->file_count++].base_offset = base_offset;
    }
    return STRAND_OK;
}

int
strand_recovery_open_segment(const struct strand_recovery *recovery, size_t index,
                             char path[STRAND_PATH_SIZE_MAX], struct strand_file *out_file)
{
    char name[STRAND_SEGMENT_NAME_SIZE];

    strand_segment_name_format(recovery->files[index].base_offset, name);
    return strand_recovery_open(recovery, name, 0, path, out_file);
}

static int
load_epochs(struct strand_recovery *recovery)
{
    const struct strand_recovery_request *request = recovery->request;
    struct strand_recovered_log *log = recovery->log;

    int status = strand_leader_epochs_load(request->fs, request->directory, &log->epochs);
    log->epochs_before = status == STRAND_OK ? (int32_t)log->epochs.count : -1;
    if (status == STRAND_ERR_NOT_FOUND || status == STRAND_ERR_CORRUPT) {
        log->epochs_were_rebuilt = true;
        recovery->epochs_changed = true;
        status = STRAND_OK;
    }
    /* A history without entries knows no batch, and an epoch is durable before its first one. */
    recovery->learns_epochs = log->is_foreign || log->epochs_were_rebuilt || log->epochs.count == 0;
    return status;
}

/* The leader epoch of the first batch of file INDEX; -1 when it has none, or there is no batch. */
static int
read_first_epoch(struct strand_recovery *recovery, size_t index, int32_t *out_epoch)
{
    uint8_t header[STRAND_BATCH_HEADER_SIZE];
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_file file;
    size_t size;

    *out_epoch = -1;
    int status = strand_recovery_open_segment(recovery, index, path, &file);
    if (status != STRAND_OK)
        return status;
    status = strand_file_read(&file, header, sizeof header, 0, &size);
    strand_file_discard(&file); /* nothing was written to it */
    if (status != STRAND_OK)
        return status;
    recovery->log->bytes_read += (int64_t)size;
    if (size == sizeof header && strand_batch_magic(header) == STRAND_BATCH_MAGIC_CURRENT)
        *out_epoch = strand_batch_leader_epoch(header);
    return STRAND_OK;
}

/* Without a slot the epoch history is one more witness of the log start, as it is cut with it:
 * unless the log begins with batches that have no epoch, which the history never covered. */
static int
find_log_start(struct strand_recovery *recovery, int64_t *out_log_start)
{
    const struct strand_leader_epochs *epochs = &recovery->log->epochs;
    int64_t log_start = recovery->request->log_start;
    int32_t first_epoch = -1;

    if (log_start > recovery->text_bound)
        log_start = 0;
    if (recovery->file_count > 0 && recovery->files[0].base_offset > log_start)
        log_start = recovery->files[0].base_offset;
    if (recovery->file_count > 0 && epochs->count > 0) {
        int status = read_first_epoch(recovery, 0, &first_epoch);
        if (status != STRAND_OK)
            return status;
    }
    if (first_epoch >= 0 && epochs->entries[0].start_offset > log_start)
        log_start = epochs->entries[0].start_offset;
    *out_log_start = log_start;
    return STRAND_OK;
}

/* What lies wholly below the bound is not read, when what a scan would tell is known already: an
 * empty history, where a batch above the log start has an epoch, was not always empty. */
static int
find_scan_start(struct strand_recovery *recovery)
{
    int32_t epoch = -1;
    int status = STRAND_OK;

    recovery->scan_from = recovery->old_count;
    if (recovery->slot == NULL || recovery->log->epochs_were_rebuilt ||
        recovery->request->scans_all)
        return STRAND_OK;
    while (recovery->scan_from + 1 < recovery->file_count &&
           recovery->files[recovery->scan_from + 1].base_offset < recovery->bound)
        recovery->scan_from++;
    if (recovery->scan_from > recovery->old_count && recovery->log->epochs.count == 0)
        status = read_first_epoch(recovery, recovery->scan_from, &epoch);
    if (epoch >= 0)
        recovery->scan_from = recovery->old_count;
    return status;
}

/* The durable end, the log start, and what lies below them. */
static int
find_bounds(struct strand_recovery *recovery)
{
    const struct strand_frontier_slot *slot = recovery->slot;
    struct strand_recovered_log *log = recovery->log;

    if (slot == NULL) {
        log->durable_end = recovery->request->recovery_point;
        int status = find_log_start(recovery, &log->log_start);
        if (status != STRAND_OK)
            return status;
        if (log->durable_end > recovery->text_bound)
            log->durable_end = recovery->text_bound;
        if (log->log_start > recovery->text_bound) /* the epoch file's */
            log->log_start = recovery->text_bound;
    } else {
        log->durable_end = slot->durable_end;
        log->log_start = slot->log_start;
        while (recovery->old_count + 1 < recovery->file_count &&
               recovery->files[recovery->old_count + 1].base_offset <= log->log_start)
            recovery->old_count++;
    }
    recovery->bound = log->durable_end > log->log_start ? log->durable_end : log->log_start;
    return find_scan_start(recovery);
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
clamp_high_watermark(struct strand_recovered_log *log)
{
    if (log->high_watermark < 0) /* without a slot */
        return;
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
        status = strand_recovery_list_segments(recovery);
    if (status == STRAND_OK)
        status = load_epochs(recovery);
    if (status == STRAND_OK)
        status = find_bounds(recovery);
    if (status == STRAND_OK)
        status = strand_recovery_examine(recovery);
    if (status == STRAND_OK && recovery->blocked_reason[0] != '\0' &&
        log->verdict != STRAND_VERDICT_CORRUPT) {
        recovery->is_beyond_repair = true;
        status = strand_recovery_quarantine(recovery, recovery->blocked_reason,
                                            recovery->blocked_first, recovery->blocked_next);
    }
    if (status != STRAND_OK)
        return status;

    if (is_to_change(recovery))
        status = strand_recovery_cut(recovery);
    if (status != STRAND_OK)
        return status;
    trim_epochs(recovery);
    return is_to_change(recovery) ? strand_recovery_make_durable(recovery) : STRAND_OK;
}

/* A reset has begun: what stands there is neither the old log nor the new one. */
static void
describe_reset(const struct strand_frontier_slot *slot, struct strand_recovered_log *log)
{
    log->verdict = STRAND_VERDICT_WHOLE;
    log->must_reset = true;
    log->log_start = slot->log_start;
    log->log_end = slot->log_start;
    log->durable_end = slot->durable_end;
}

/* ---- A broker was here ---- */

static bool
is_index_of(const char *name, const char *segment_name)
{
    static const char *const SUFFIXES[] = {".index", ".timeindex"};
    size_t digits = strlen(segment_name) - strlen(".log");

    if (strncmp(name, segment_name, digits) != 0)
        return false;
    return strcmp(name + digits, SUFFIXES[0]) == 0 || strcmp(name + digits, SUFFIXES[1]) == 0;
}

static bool
has_last_index(const struct strand_names *names)
{
    const char *last = NULL;
    int64_t base_offset;

    for (size_t i = 0; i < names->count; i++)
        if (strand_segment_name_parse(names->names[i], &base_offset))
            last = names->names[i];
    for (size_t i = 0; last != NULL && i < names->count; i++)
        if (is_index_of(names->names[i], last))
            return true;
    return false;
}

int
strand_log_is_foreign(const struct strand_fs *fs, const char *directory, bool *out_is_foreign)
{
    struct strand_names names = {0};

    int status = strand_path_list(fs, directory, &names);
    if (status != STRAND_OK)
        return status;
    *out_is_foreign = has_last_index(&names);
    strand_names_free(&names);
    return STRAND_OK;
}

/* ---- All together ---- */

static void
begin(struct strand_recovery *recovery, const struct strand_recovery_request *request,
      struct strand_recovered_log *log, bool has_gaps_flag)
{
    *recovery = (struct strand_recovery){
        .request = request, .log = log, .has_gaps_flag = has_gaps_flag, .text_bound = INT64_MAX};
    *log = (struct strand_recovered_log){.verdict = STRAND_VERDICT_WHOLE,
                                         .is_foreign = request->is_foreign,
                                         .high_watermark = -1,
                                         .cut_first_offset = -1,
                                         .corrupt_first = -1,
                                         .corrupt_next = -1,
                                         .epochs_before = -1};
    strand_leader_epochs_init(&log->epochs);
}

/* Once: quarantine is the last word on damage. */
static int
recover_once(struct strand_recovery *recovery)
{
    const struct strand_recovery_request *request = recovery->request;
    struct strand_recovered_log *log = recovery->log;
    bool is_clean;

    int status = strand_recovery_list(recovery);
    if (status != STRAND_OK)
        return status;
    log->is_foreign = request->is_foreign || has_last_index(&recovery->names);
    recovery->slot = log->is_foreign ? NULL : request->slot;
    recovery->gaps_allowed = log->is_foreign || recovery->has_gaps_flag;
    if (recovery->slot != NULL) {
        log->generation = recovery->slot->generation;
        log->high_watermark = recovery->slot->high_watermark;
    }
    if (recovery->slot != NULL && (recovery->slot->flags & STRAND_FRONTIER_RESETTING) != 0) {
        describe_reset(recovery->slot, log);
        clamp_high_watermark(log);
        return strand_recovery_clear_leftovers(recovery);
    }
    status = strand_recovery_check_clean(recovery, &is_clean);
    if (status == STRAND_OK && !is_clean)
        status = recover(recovery);
    clamp_high_watermark(log);
    return status;
}

static void
end(struct strand_recovery *recovery)
{
    strand_names_free(&recovery->names);
    free(recovery->files);
}

/* What FIRST found and SALVAGE took out is part of the report on LOG, which was recovered anew. */
static void
merge_reports(const struct strand_recovered_log *first, const struct strand_salvage *salvage,
              struct strand_recovered_log *log)
{
    bool is_repaired = log->verdict != STRAND_VERDICT_CORRUPT;

    log->bytes_read += first->bytes_read;
    log->scanned_count =
        first->scanned_count > log->scanned_count ? first->scanned_count : log->scanned_count;
    log->epochs_before = first->epochs_before;
    log->epochs_were_rebuilt = log->epochs_were_rebuilt || first->epochs_were_rebuilt;
    if (salvage->failure[0] != '\0' && !is_repaired)
        (void)snprintf(log->reason, sizeof log->reason, "%s; %.120s", salvage->failure,
                       first->reason);
    if (!is_repaired)
        return;
    log->verdict = STRAND_VERDICT_SALVAGED;
    (void)snprintf(log->reason, sizeof log->reason, "%s", first->reason);
    log->has_cut = true;
    log->has_gaps = true;
    log->cut_bytes += salvage->cut_bytes;
    log->cut_first_offset =
        salvage->cut_first_offset >= 0 ? salvage->cut_first_offset : first->corrupt_first;
}

/* RECOVERY has ended with damage below the bound: take it out, and recover what is left. */
static int
salvage(struct strand_recovery *recovery)
{
    const struct strand_recovery_request *request = recovery->request;
    struct strand_recovered_log *log = recovery->log;
    struct strand_recovered_log first = *log;
    struct strand_salvage salvage;

    strand_assert(request->visit == NULL || request->restart != NULL);
    int status = strand_recovery_salvage(recovery, &salvage);
    first.bytes_read = log->bytes_read;
    end(recovery);
    free(log->segments);
    strand_leader_epochs_deinit(&log->epochs);
    begin(recovery, request, log, recovery->has_gaps_flag);
    recovery->text_bound = salvage.text_bound;
    if (request->restart != NULL)
        request->restart(request->argument);
    if (status == STRAND_OK)
        status = recover_once(recovery);
    if (status == STRAND_OK)
        merge_reports(&first, &salvage, log);
    return status;
}

int
strand_log_recover(const struct strand_recovery_request *request,
                   struct strand_recovered_log *out_log)
{
    struct strand_recovered_log log;
    struct strand_recovery recovery;

    strand_assert(request->identity != NULL);
    begin(&recovery, request, &log, (request->identity->flags & STRAND_LOG_HAS_GAPS) != 0);
    int status = recover_once(&recovery);
    if (status == STRAND_OK && request->must_salvage && !request->read_only &&
        log.verdict == STRAND_VERDICT_CORRUPT && !recovery.is_beyond_repair)
        status = salvage(&recovery);
    end(&recovery);
    if (status != STRAND_OK) {
        strand_recovered_log_deinit(&log);
        return status;
    }
    *out_log = log;
    return STRAND_OK;
}
