/* tools/log_check.c -- Ask recovery for its judgement of the whole log, and read every record. */
#include "tools/log_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer_pool.h"
#include "storage/batch.h"
#include "storage/compression.h"
#include "storage/segment_scan.h"
#include "tools/log_check_internal.h"

enum {
    BUFFER_COUNT = 2,
    BUFFER_KEPT_MAX = 16 << 20,
    BAD_BATCHES_NAMED_MAX = 16, /* then they are only counted */
    ATTEMPTS_MAX = 5,           /* beside a writer that cuts */
};

void
cli_log_check_deinit(struct cli_log_check *check)
{
    cli_findings_deinit(&check->findings);
}

/* ---- Records ---- */

int
cli_log_checking_open(struct cli_log_checking *checking, int64_t base_offset)
{
    char name[STRAND_SEGMENT_NAME_SIZE];

    if (checking->file.handle != NULL && checking->file_base_offset == base_offset)
        return STRAND_OK;
    strand_file_discard(&checking->file); /* nothing was written to it */
    strand_segment_name_format(base_offset, name);
    int status = strand_path_join(checking->file_path, checking->path, name);
    if (status == STRAND_OK)
        status = strand_file_open(checking->view->fs, checking->file_path, 0, &checking->file);
    checking->file_base_offset = base_offset;
    return status;
}

/* The records of the batch at POSITION, whose header is BATCH; its CRC is right. */
static int
read_records(struct cli_log_checking *checking, const uint8_t *batch, int64_t position)
{
    size_t size = (size_t)strand_batch_size(batch);
    struct strand_record record;
    int64_t count = 0;

    int status = strand_buffer_reserve(checking->batch, size);
    if (status == STRAND_OK)
        status = strand_file_read_exactly(&checking->file, checking->batch->data, size, position);
    if (status == STRAND_OK)
        status = strand_record_reader_open(&checking->reader, checking->batch->data,
                                           checking->codecs, checking->decompressed);
    while (status == STRAND_OK) {
        status = strand_record_reader_next(&checking->reader, &record);
        count += status == STRAND_OK;
    }
    checking->check->record_count += count;
    return status == STRAND_END ? STRAND_OK : status;
}

static void
note_bad_batch(struct cli_log_checking *checking, const uint8_t *batch, int64_t position)
{
    if (checking->bad_batch_count++ < BAD_BATCHES_NAMED_MAX)
        cli_findings_add(&checking->check->findings, CLI_LEVEL_PROBLEM, "records", "",
                         "offsets %" PRId64 " to %" PRId64 " (segment %" PRId64
                         ", position %" PRId64 "): the CRC is right, but: %s",
                         strand_batch_base_offset(batch), strand_batch_end_offset(batch) - 1,
                         checking->file_base_offset, position, strand_error_message());
}

static int
check_records(struct cli_log_checking *checking, int64_t segment_base_offset, const uint8_t *batch,
              int64_t position)
{
    int status = cli_log_checking_open(checking, segment_base_offset);

    if (status == STRAND_OK)
        status = read_records(checking, batch, position);
    if (status == STRAND_ERR_BATCH || status == STRAND_ERR_CODEC) {
        note_bad_batch(checking, batch, position);
        status = STRAND_OK;
    }
    if (status != STRAND_OK)
        return status;
    checking->check->batch_count++;
    if (checking->progress != NULL)
        checking->progress(checking->context, strand_batch_size(batch));
    return STRAND_OK;
}

static void
visit_recovered(void *argument, int64_t segment_base_offset, const uint8_t *batch, int64_t position)
{
    struct cli_log_checking *checking = argument;

    if (checking->status == STRAND_OK)
        checking->status = check_records(checking, segment_base_offset, batch, position);
}

static int
visit_scanned(void *argument, const uint8_t *batch, int64_t position)
{
    struct cli_log_checking *checking = argument;

    checking->status = check_records(checking, checking->file_base_offset, batch, position);
    return checking->status;
}

/* Recovery shows no batch of a run that stands behind damage in the same file. */
static int
read_run(struct cli_log_checking *checking, const struct strand_recovered_segment *run)
{
    struct strand_scan_result result;
    struct strand_scan_request request = {
        .file = &checking->file,
        .base_offset = run->file_base_offset,
        .position = run->start_position,
        .end_position = run->size,
        .expected_offset = run->base_offset,
        .gaps_allowed = true,
        .skip_crc = true,
        .visit = visit_scanned,
        .argument = checking,
    };
    int status = cli_log_checking_open(checking, run->file_base_offset);

    if (status == STRAND_OK)
        status = strand_segment_scan(&request, &result);
    return status == STRAND_OK ? checking->status : status;
}

/* ---- Recovery's judgement ---- */

static int64_t
or_zero(int64_t offset)
{
    return offset > 0 ? offset : 0;
}

static int
recover(struct cli_log_checking *checking)
{
    const struct cli_log_view *log = checking->log;
    const struct strand_data_directory *directory = &checking->view->directory;
    struct strand_log_identity identity = log->identity;
    bool has_identity = log->identity_file.status == STRAND_OK && !log->is_id_taken;
    struct strand_recovery_request request = {
        .fs = checking->view->fs,
        .directory = checking->path,
        .name = log->name,
        .read_only = true,
        .is_foreign = log->identity_file.status == STRAND_ERR_NOT_FOUND ||
                      (directory->is_taken_over && !log->has_slot),
        .scans_all = true,
        .identity = &identity,
        .slot = log->has_slot ? &log->slot : NULL,
        .recovery_point = or_zero(log->offsets[CLI_RECOVERY_POINTS]),
        .log_start = or_zero(log->offsets[CLI_LOG_STARTS]),
        .visit = visit_recovered,
        .argument = checking,
    };

    if (!has_identity) /* as opening does: nothing is known of gaps */
        identity.flags |= STRAND_LOG_HAS_GAPS;
    int status = strand_log_recover(&request, &checking->recovered);
    return status == STRAND_OK ? checking->status : status;
}

/* Each place where the log does not go on although it should. */
static void
describe_holes(struct cli_log_checking *checking)
{
    const struct strand_recovered_log *recovered = &checking->recovered;
    struct cli_log_check *check = checking->check;

    for (size_t i = 0; i < recovered->segment_count; i++) {
        const struct strand_recovered_segment *run = &recovered->segments[i];
        bool is_last = i + 1 == recovered->segment_count;
        int64_t next = is_last ? recovered->log_end : run[1].base_offset;

        if (is_last && next < recovered->durable_end)
            next = recovered->durable_end;
        if (next <= run->end_offset && run->is_readable)
            continue;
        check->hole_count++;
        if (check->hole_count <= BAD_BATCHES_NAMED_MAX && next > run->end_offset)
            cli_findings_add(&check->findings, CLI_LEVEL_PROBLEM, "damage", "",
                             "offsets %" PRId64 " to %" PRId64 " cannot be read", run->end_offset,
                             next - 1);
    }
}

static void
describe_verdict(struct cli_log_checking *checking)
{
    const struct strand_recovered_log *recovered = &checking->recovered;
    struct cli_findings *findings = &checking->check->findings;

    if (recovered->verdict == STRAND_VERDICT_CORRUPT) {
        cli_findings_add(findings, CLI_LEVEL_PROBLEM, "corrupt",
                         "Restore the log from a copy or a replica, or give up what is damaged: "
                         "strandline recover --policy salvage.",
                         "%s, below the durable end %" PRId64, recovered->reason,
                         recovered->durable_end);
        describe_holes(checking);
    } else if (cli_log_checking_has_writer(checking)) {
        return; /* what stands above the durable end is being written */
    } else if (recovered->verdict == STRAND_VERDICT_TORN) {
        cli_findings_add(findings, cli_log_checking_level(checking), "torn-tail", "",
                         "a tail of %" PRId64
                         " bytes that opening for writing will cut off at offset %" PRId64 ": %s",
                         recovered->cut_bytes, recovered->cut_first_offset, recovered->reason);
    } else if (recovered->verdict == STRAND_VERDICT_SUSPECT) {
        cli_findings_add(findings, CLI_LEVEL_PROBLEM, "suspect-tail",
                         "strandline recover saves these bytes as cut-<offset>.bytes.",
                         "%" PRId64
                         " bytes that opening for writing will save and cut off at offset %" PRId64
                         ": %s",
                         recovered->cut_bytes, recovered->cut_first_offset, recovered->reason);
    }
}

/* ---- All of it ---- */

static int
examine(struct cli_log_checking *checking)
{
    int status = recover(checking);

    for (size_t i = 0; i < checking->recovered.segment_count && status == STRAND_OK; i++)
        if (checking->recovered.segments[i].start_position > 0)
            status = read_run(checking, &checking->recovered.segments[i]);
    if (status != STRAND_OK)
        return status;
    checking->check->log_start = checking->recovered.log_start;
    checking->check->log_end = checking->recovered.log_end;
    if (checking->recovered.must_reset)
        cli_findings_add(&checking->check->findings, cli_log_checking_level(checking), "reset", "",
                         "a reset to offset %" PRId64
                         " has begun, and the next opening for writing finishes it",
                         checking->recovered.log_start);
    describe_verdict(checking);
    if (checking->bad_batch_count > BAD_BATCHES_NAMED_MAX)
        cli_findings_add(&checking->check->findings, CLI_LEVEL_PROBLEM, "records", "",
                         "%" PRId64 " batches in all have malformed records",
                         checking->bad_batch_count);
    return cli_log_check_files(checking);
}

static int
open_parts(struct cli_log_checking *checking)
{
    int status =
        strand_path_join(checking->path, checking->view->directory.path, checking->log->name);

    strand_record_reader_init(&checking->reader);
    if (status == STRAND_OK)
        status = strand_codec_pool_create(&checking->codecs);
    if (status == STRAND_OK)
        status = strand_buffer_pool_create(BUFFER_COUNT, BUFFER_KEPT_MAX, &checking->buffers);
    if (status == STRAND_OK)
        status = strand_buffer_take(checking->buffers, 0, &checking->batch);
    if (status == STRAND_OK)
        status = strand_buffer_take(checking->buffers, 0, &checking->decompressed);
    return status;
}

static void
close_parts(struct cli_log_checking *checking)
{
    strand_file_discard(&checking->file); /* nothing was written to it */
    strand_record_reader_deinit(&checking->reader);
    strand_buffer_put(checking->buffers, checking->decompressed);
    strand_buffer_put(checking->buffers, checking->batch);
    strand_buffer_pool_destroy(checking->buffers);
    strand_codec_pool_destroy(checking->codecs);
    strand_recovered_log_deinit(&checking->recovered);
}

/* One look; its result counts if no writer cut the log meanwhile. */
static int
look(struct cli_directory_view *view, struct cli_log_view *log, cli_log_check_progress_fn *progress,
     void *context, struct cli_log_check *check)
{
    struct cli_log_checking checking = {
        .view = view, .log = log, .check = check, .progress = progress, .context = context};
    int status = open_parts(&checking);

    *check = (struct cli_log_check){.log_start = 0};
    if (status == STRAND_OK)
        status = examine(&checking);
    close_parts(&checking);
    return status == STRAND_OK ? cli_findings_status(&check->findings) : status;
}

int
cli_log_check(struct cli_directory_view *view, struct cli_log_view *log,
              cli_log_check_progress_fn *progress, void *context, struct cli_log_check *out_check)
{
    for (int attempt = 1;; attempt++) {
        char sentence[STRAND_ERROR_MESSAGE_SIZE_MAX];
        bool was_cut = false;
        int status = look(view, log, progress, context, out_check);
        bool is_fine = status == STRAND_OK && out_check->findings.worst < CLI_LEVEL_PROBLEM;

        if (is_fine || !view->directory.has_writer) {
            if (status != STRAND_OK)
                cli_log_check_deinit(out_check);
            return status;
        }
        (void)snprintf(sentence, sizeof sentence, "%s", strand_error_message());
        int refreshed = cli_directory_view_refresh(view, log, &was_cut);
        if (refreshed == STRAND_OK && status == STRAND_OK && !was_cut)
            return STRAND_OK;
        cli_log_check_deinit(out_check);
        if (refreshed != STRAND_OK)
            return refreshed;
        if (attempt == ATTEMPTS_MAX)
            return status != STRAND_OK ? strand_fail(status, "%s", sentence)
                                       : strand_fail(STRAND_ERR_BUSY,
                                                     "verify %s: its writer cuts it faster than it "
                                                     "can be read",
                                                     log->name);
    }
}
