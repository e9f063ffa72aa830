/* engine/log_report.c -- What opening found in a log, kept for whoever asks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/log_internal.h"
#include "recovery/log_recovery.h"

/* STRAND_ERR_NO_MEMORY. */
static int
store_report(struct strand_log *log, const struct strand_recovery_report *from)
{
    struct strand_recovery_report *report = malloc(sizeof *report);
    char *reason = strdup(from->reason);

    if (report == NULL || reason == NULL) {
        free(report);
        free(reason);
        return strand_fail(STRAND_ERR_NO_MEMORY, "recover %s: out of memory", log->name);
    }
    *report = *from;
    report->topic = log->topic;
    report->partition = log->partition;
    report->reason = reason;
    report->is_same_boot = log->engine->directory.is_same_boot;
    log->report = report;
    return STRAND_OK;
}

int
strand_log_report_recovered(struct strand_log *log, const struct strand_recovered_log *recovered,
                            int64_t elapsed_ns)
{
    int64_t batches = 0;
    int64_t files = 0;

    for (size_t i = 0; i < recovered->segment_count; i++) {
        batches += recovered->segments[i].batch_count;
        files += recovered->segments[i].start_position == 0;
    }
    struct strand_recovery_report report = {
        .verdict = recovered->verdict,
        .reason = recovered->reason,
        .log_start = log->log_start,
        .log_end = log->log_end,
        .durable_end = recovered->durable_end,
        .segment_count = files,
        .scanned_count = recovered->scanned_count,
        .bytes_read = recovered->bytes_read,
        .bytes_rewritten = recovered->bytes_rewritten,
        .batches_kept = batches,
        .cut_bytes = recovered->cut_bytes,
        .cut_first_offset = recovered->cut_first_offset,
        .corrupt_first = recovered->corrupt_first,
        .corrupt_next = recovered->corrupt_next,
        .epochs_before = recovered->epochs_before,
        .epochs_after = (int32_t)log->epochs.count,
        .is_foreign = recovered->is_foreign,
        .elapsed_ns = elapsed_ns,
    };
    return store_report(log, &report);
}

int
strand_log_fail_loading(struct strand_log *log)
{
    struct strand_recovery_report report = {.verdict = STRAND_VERDICT_FAILED,
                                            .durable_end = -1,
                                            .cut_first_offset = -1,
                                            .corrupt_first = -1,
                                            .corrupt_next = -1,
                                            .epochs_before = -1};

    strand_mutex_lock(&log->state);
    strand_log_set_reason_locked(log, strand_error_message());
    log->health = STRAND_LOG_FAILED;
    report.reason = strand_log_reason(log); /* it fails once */
    strand_mutex_unlock(&log->state);
    while (log->segment_count > 0)
        strand_log_segment_release(log->segments[--log->segment_count]);
    strand_engine_notice(log->engine, 3, "%s could not be recovered: %s", log->name, report.reason);
    return store_report(log, &report);
}
