/* tools/cmd_verify.c -- strandline verify: everything that must hold of a data directory at rest.
 *
 * The directory is not opened as an engine: what opening decides and leaves out, verify looks at.
 * It reads with pread, so that a media error is a failure and not a signal.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/indexer.h"
#include "index/index_read.h"
#include "tools/commands.h"
#include "tools/directory_check.h"
#include "tools/directory_view.h"
#include "tools/index_view.h"
#include "tools/json_output.h"
#include "tools/log_check.h"
#include "tools/options.h"
#include "tools/progress.h"
#include "tools/report.h"

struct verification {
    const struct cli_options *options;
    struct cli_directory_view view;
    int64_t *log_ends;                  /* owned; for each log of the view, -1 = not known */
    struct cli_findings shared;         /* on what all logs share */
    const char *index_state;            /* static: "ok", ... */
    struct strand_index_examined index; /* if ok */
    struct cli_progress progress;
    uint64_t bytes_done;
    int64_t log_count; /* that were looked at */
    int64_t damaged_count;
    int64_t failed_count;
    int64_t record_count;
};

static void
show_progress(void *context, int64_t bytes)
{
    struct verification *verification = context;

    verification->bytes_done += (uint64_t)bytes;
    cli_progress_update(&verification->progress, verification->bytes_done);
}

/* ---- Output ---- */

static void
print_log(const struct cli_log_view *log, const struct cli_log_check *check, bool is_damaged)
{
    (void)printf("%s/%" PRId32 " %s: offsets %" PRId64 " to %" PRId64 ", %" PRId64
                 " records, %" PRId64 " bytes",
                 log->topic, log->partition, is_damaged ? "DAMAGED" : "ok", check->log_start,
                 check->log_end, check->record_count, check->size_bytes);
    if (check->hole_count > 0)
        (void)printf(", %" PRId64 " damaged range%s", check->hole_count,
                     check->hole_count == 1 ? "" : "s");
    (void)putchar('\n');
    cli_findings_print(&check->findings);
}

static void
print_log_json(const struct cli_log_view *log, const struct cli_log_check *check, bool is_damaged)
{
    (void)printf("{\"topic\":\"%s\",\"partition\":%" PRId32
                 ",\"is_damaged\":%s,\"log_start\":%" PRId64 ",\"log_end\":%" PRId64
                 ",\"segments\":%" PRId64 ",\"batches\":%" PRId64 ",\"records\":%" PRId64
                 ",\"bytes\":%" PRId64 ",\"damaged_ranges\":%" PRId64 ",",
                 log->topic, log->partition, is_damaged ? "true" : "false", check->log_start,
                 check->log_end, check->segment_count, check->batch_count, check->record_count,
                 check->size_bytes, check->hole_count);
    cli_findings_print_json(&check->findings);
    (void)fputs("}\n", stdout);
}

/* A log that could not be looked at. */
static void
print_failure(const struct verification *verification, const struct cli_log_view *log)
{
    const char *sentence = strand_error_message();

    if (verification->options->json) {
        (void)printf("{\"topic\":\"%s\",\"partition\":%" PRId32 ",", log->topic, log->partition);
        cli_json_put_bytes(stdout, "failure", strand_bytes(sentence, strlen(sentence)));
        (void)fputs("}\n", stdout);
    } else {
        (void)printf("%s/%" PRId32 " FAILED: %s\n", log->topic, log->partition, sentence);
    }
}

static void
print_shared(const struct verification *verification)
{
    const struct cli_findings *shared = &verification->shared;

    if (!verification->options->json) {
        if (strcmp(verification->index_state, "ok") == 0)
            (void)printf("%s ok: %" PRIu64 " entries, %" PRIu64 " bytes\n", STRAND_INDEX_NAME,
                         verification->index.entry_count, verification->index.file_bytes);
        if (shared->count > 0)
            (void)printf("%s:\n", verification->view.directory.path);
        cli_findings_print(shared);
        return;
    }
    (void)printf(
        "{\"summary\":{\"logs\":%" PRId64 ",\"damaged\":%" PRId64 ",\"failed\":%" PRId64
        ",\"records\":%" PRId64 ",\"bytes\":%" PRIu64 ",\"has_writer\":%s,\"index\":\"%s\"},",
        verification->log_count, verification->damaged_count, verification->failed_count,
        verification->record_count, verification->bytes_done,
        verification->view.directory.has_writer ? "true" : "false", verification->index_state);
    cli_findings_print_json(shared);
    (void)fputs("}\n", stdout);
}

/* ---- The check ---- */

static int
add_size(const struct verification *verification, const char *log_path, const char *name,
         uint64_t *total)
{
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_file file;
    int64_t size;
    int status = strand_path_join(path, log_path, name);

    if (status == STRAND_OK)
        status = strand_file_open(verification->view.fs, path, 0, &file);
    if (status != STRAND_OK)
        return status;
    status = strand_file_size(&file, &size);
    strand_file_discard(&file); /* nothing was written to it */
    if (status == STRAND_OK)
        *total += (uint64_t)size;
    return status;
}

/* Bytes of segments that are to be read, for the progress: what cannot be measured counts as none.
 */
static uint64_t
measure(const struct verification *verification)
{
    const struct cli_directory_view *view = &verification->view;
    uint64_t total = 0;

    for (size_t i = 0; i < view->count; i++) {
        char path[STRAND_PATH_SIZE_MAX];
        struct strand_names names = {NULL, 0};
        int64_t base_offset;

        if (!cli_log_view_is_wanted(&view->logs[i], verification->options) ||
            strand_path_join(path, view->directory.path, view->logs[i].name) != STRAND_OK ||
            strand_path_list(view->fs, path, &names) != STRAND_OK)
            continue;
        for (size_t k = 0; k < names.count; k++)
            if (strand_segment_name_parse(names.names[k], &base_offset))
                (void)add_size(verification, path, names.names[k], &total); /* see above */
        strand_names_free(&names);
    }
    return total;
}

/* A failure to read one log does not keep the others from being looked at. */
static int
verify_log(struct verification *verification, size_t index)
{
    struct cli_log_view *log = &verification->view.logs[index];
    struct cli_log_check check;
    int status = cli_log_check(&verification->view, log, show_progress, verification, &check);

    cli_progress_hide(&verification->progress);
    verification->log_count++;
    if (status == STRAND_ERR_NO_MEMORY)
        return status;
    if (status != STRAND_OK) {
        verification->failed_count++;
        print_failure(verification, log);
        return cli_output_status();
    }
    bool is_damaged = check.findings.worst == CLI_LEVEL_PROBLEM;
    verification->damaged_count += is_damaged;
    verification->record_count += check.record_count;
    verification->log_ends[index] = check.log_end;
    if (verification->options->json)
        print_log_json(log, &check, is_damaged);
    else
        print_log(log, &check, is_damaged);
    cli_log_check_deinit(&check);
    return cli_output_status();
}

static int
verify_logs(struct verification *verification)
{
    struct cli_directory_view *view = &verification->view;
    const struct cli_options *options = verification->options;
    int status = STRAND_OK;

    verification->log_ends = malloc((view->count + 1) * sizeof *verification->log_ends);
    if (verification->log_ends == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "verify: no memory for %zu logs", view->count);
    for (size_t i = 0; i < view->count; i++)
        verification->log_ends[i] = -1;
    cli_progress_init(&verification->progress, 0, options->quiet);
    if (verification->progress.is_wanted)
        verification->progress.total = measure(verification);
    for (size_t i = 0; i < view->count && status == STRAND_OK; i++) {
        if (!cli_log_view_is_wanted(&view->logs[i], options))
            continue;
        status = verify_log(verification, i);
    }
    cli_progress_finish(&verification->progress);
    if (status == STRAND_OK && verification->log_count == 0 && options->topic[0] != '\0')
        return strand_fail(STRAND_ERR_NOT_FOUND, "verify %s: there is no such log in %s",
                           options->topic, options->data);
    return status;
}

/* Structure and CRCs.  A warning at most: it holds no data, and opening replaces it. */
static int
verify_index(struct verification *verification)
{
    struct cli_directory_view *view = &verification->view;
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_index_options options = {
        .fs = view->fs, .path = path, .directory_id = view->directory.last_opening};

    if (view->directory.has_writer)
        return STRAND_OK;
    int status = cli_index_path(verification->options, view->directory.path, path);
    if (status == STRAND_OK)
        status = strand_index_examine(&options, NULL, NULL, NULL, &verification->index);
    if (status == STRAND_OK && verification->index.malformed_count > 0)
        status = strand_fail(STRAND_ERR_CORRUPT, "%s: malformed entries: %" PRIu64, path,
                             verification->index.malformed_count);
    verification->index_state = status == STRAND_OK              ? "ok"
                                : status == STRAND_ERR_NOT_FOUND ? "missing"
                                                                 : "damaged";
    if (status == STRAND_OK || status == STRAND_ERR_NOT_FOUND || status == STRAND_ERR_NO_MEMORY)
        return status == STRAND_ERR_NO_MEMORY ? status : STRAND_OK;
    /* What a writer that has come meanwhile is changing is not judged. */
    char sentence[STRAND_ERROR_MESSAGE_SIZE_MAX];
    (void)snprintf(sentence, sizeof sentence, "%s", strand_error_message());
    status = strand_data_directory_look_for_writer(&view->directory);
    if (status == STRAND_OK && view->directory.has_writer)
        verification->index_state = "not checked";
    else if (status == STRAND_OK)
        cli_findings_add(&verification->shared, CLI_LEVEL_WARNING, "index",
                         "The index is a cache, and nothing is lost: the next opening for writing, "
                         "or strandline index rebuild, makes it anew.",
                         "%s", sentence);
    return status;
}

static int
verify(struct verification *verification)
{
    bool is_all = verification->options->topic[0] == '\0';
    int status = cli_directory_view_open(&verification->view, verification->options);

    if (status == STRAND_OK)
        status = verify_logs(verification);
    if (status != STRAND_OK)
        return status;
    if (is_all)
        cli_directory_check(&verification->view, verification->log_ends, &verification->shared);
    if (is_all)
        status = verify_index(verification);
    if (status != STRAND_OK)
        return status;
    print_shared(verification);
    return cli_findings_status(&verification->shared);
}

int
cli_run_verify(const struct cli_options *options)
{
    struct verification verification = {.options = options, .index_state = "not checked"};
    int exit_code = cli_report(verify(&verification));

    if (exit_code == CLI_EXIT_OK &&
        (verification.damaged_count > 0 || verification.shared.worst == CLI_LEVEL_PROBLEM))
        exit_code = CLI_EXIT_CORRUPT;
    else if (exit_code == CLI_EXIT_OK && verification.failed_count > 0)
        exit_code = CLI_EXIT_FAILED;
    cli_findings_deinit(&verification.shared);
    free(verification.log_ends);
    cli_directory_view_close(&verification.view);
    return cli_output_finish(exit_code);
}
