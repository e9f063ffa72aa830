/* tools/cmd_recover.c -- strandline recover: open for writing, tell what that found and did, close.
 *
 * What recovery saved is part of the picture, this time's and earlier ones': it stays until
 * somebody says that nobody needs it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "engine/data_directory.h"
#include "strandline/engine.h"
#include "strandline/fs.h"
#include "tools/commands.h"
#include "tools/json_output.h"
#include "tools/options.h"
#include "tools/progress.h"
#include "tools/report.h"
#include "tools/saved_files.h"
#include "tools/session.h"

enum { VERDICT_COUNT = STRAND_VERDICT_FAILED + 1 };

struct recovery {
    const struct cli_options *options;
    struct cli_progress progress;
    int64_t counts[VERDICT_COUNT];
    int64_t log_count;
    int64_t bytes_read;
    int64_t bytes_rewritten;
    int64_t cut_bytes;
    int64_t saved_count;
    int64_t saved_bytes;
    int64_t removed_count;
    int64_t removed_bytes;
};

static const char *const VERDICTS[VERDICT_COUNT] = {
    [STRAND_VERDICT_CLEAN] = "clean",     [STRAND_VERDICT_WHOLE] = "whole",
    [STRAND_VERDICT_TORN] = "torn",       [STRAND_VERDICT_SUSPECT] = "suspect",
    [STRAND_VERDICT_CORRUPT] = "corrupt", [STRAND_VERDICT_SALVAGED] = "salvaged",
    [STRAND_VERDICT_FAILED] = "failed",
};

/* ---- One log ---- */

/* "cut", or what it would have done. */
static const char *
verb_of(const struct recovery *recovery, enum strand_recovery_verdict verdict)
{
    bool is_torn = verdict == STRAND_VERDICT_TORN;

    if (recovery->options->dry_run)
        return is_torn ? "would cut" : "would save and cut";
    return is_torn ? "cut" : "saved and cut";
}

static void
print_log(const struct recovery *recovery, const struct strand_recovery_report *report)
{
    bool would_salvage =
        recovery->options->dry_run && recovery->options->policy == STRAND_RECOVER_SALVAGE;

    (void)printf("%s/%" PRId32 " %s: ", report->topic, report->partition,
                 VERDICTS[report->verdict]);
    if (report->cut_bytes > 0)
        (void)printf("%s %" PRId64 " bytes at offset %" PRId64 ": ",
                     verb_of(recovery, report->verdict), report->cut_bytes,
                     report->cut_first_offset);
    else if (report->verdict == STRAND_VERDICT_CORRUPT)
        (void)printf("%s offsets %" PRId64 " to %" PRId64 " cannot be read: ",
                     would_salvage ? "would save and cut out what is damaged," : "quarantined,",
                     report->corrupt_first, report->corrupt_next - 1);
    (void)printf("%s\n", report->reason);
}

static void
print_number(const char *name, int64_t value)
{
    (void)printf(",\"%s\":%" PRId64, name, value);
}

static void
print_bool(const char *name, bool value)
{
    (void)printf(",\"%s\":%s", name, value ? "true" : "false");
}

static void
print_log_json(const struct strand_recovery_report *report)
{
    (void)printf("{\"topic\":\"%s\",\"partition\":%" PRId32 ",\"verdict\":\"%s\",", report->topic,
                 report->partition, VERDICTS[report->verdict]);
    cli_json_put_bytes(stdout, "reason", strand_bytes(report->reason, strlen(report->reason)));
    print_number("log_start", report->log_start);
    print_number("log_end", report->log_end);
    print_number("durable_end", report->durable_end);
    print_number("segment_count", report->segment_count);
    print_number("scanned_count", report->scanned_count);
    print_number("bytes_read", report->bytes_read);
    print_number("bytes_rewritten", report->bytes_rewritten);
    print_number("batches_kept", report->batches_kept);
    print_number("cut_bytes", report->cut_bytes);
    print_number("cut_first_offset", report->cut_first_offset);
    print_number("corrupt_first", report->corrupt_first);
    print_number("corrupt_next", report->corrupt_next);
    print_number("epochs_before", report->epochs_before);
    print_number("epochs_after", report->epochs_after);
    print_bool("is_foreign", report->is_foreign != 0);
    print_bool("is_same_boot", report->is_same_boot != 0);
    print_number("elapsed_ns", report->elapsed_ns);
    (void)fputs("}\n", stdout);
}

static int
visit_report(void *context, const struct strand_recovery_report *report)
{
    struct recovery *recovery = context;
    bool is_as_it_should_be =
        report->verdict == STRAND_VERDICT_CLEAN || report->verdict == STRAND_VERDICT_WHOLE;

    recovery->log_count++;
    recovery->counts[report->verdict]++;
    recovery->bytes_read += report->bytes_read;
    recovery->bytes_rewritten += report->bytes_rewritten;
    recovery->cut_bytes += report->cut_bytes;
    if (recovery->options->json)
        print_log_json(report);
    else if (!is_as_it_should_be)
        print_log(recovery, report);
    return cli_output_status();
}

/* ---- What was saved ---- */

static int
visit_saved(void *context, const struct cli_saved_file *saved)
{
    struct recovery *recovery = context;

    recovery->saved_count++;
    recovery->saved_bytes += saved->size;
    if (recovery->options->json) {
        (void)printf("{\"topic\":\"%s\",\"partition\":%" PRId32
                     ",\"saved\":\"%s\",\"bytes\":%" PRId64 "}\n",
                     saved->topic, saved->partition, saved->name, saved->size);
    } else {
        (void)printf("%s/%" PRId32 " saved: %s, %" PRId64 " bytes\n", saved->topic,
                     saved->partition, saved->path, saved->size);
    }
    return cli_output_status();
}

static int
handle_saved(struct recovery *recovery)
{
    const struct strand_fs *fs = strand_fs_posix();
    const char *data = recovery->options->data;
    char path[STRAND_PATH_SIZE_MAX];
    int result = fs->absolute(fs->context, data, path, sizeof path);

    if (result < 0)
        return strand_fail_code(-result, "look at %s", data);
    int status = cli_saved_files_visit(fs, path, visit_saved, recovery);
    if (status == STRAND_OK && recovery->options->remove_saved)
        status =
            cli_saved_files_remove(fs, path, &recovery->removed_count, &recovery->removed_bytes);
    return status;
}

/* ---- The summary ---- */

static void
print_summary(const struct recovery *recovery)
{
    char text[CLI_SIZE_TEXT_MAX];
    bool is_first = true;

    cli_size_format((uint64_t)recovery->bytes_read, text);
    (void)printf("%" PRId64 " log%s", recovery->log_count, recovery->log_count == 1 ? "" : "s");
    for (int i = 0; i < VERDICT_COUNT; i++) {
        if (recovery->counts[i] == 0)
            continue;
        (void)printf("%s %" PRId64 " %s", is_first ? ":" : ",", recovery->counts[i], VERDICTS[i]);
        is_first = false;
    }
    (void)printf("; %s read", text);
    if (recovery->saved_count > 0) {
        cli_size_format((uint64_t)recovery->saved_bytes, text);
        (void)printf("; %" PRId64 " file%s of saved bytes (%s)%s", recovery->saved_count,
                     recovery->saved_count == 1 ? "" : "s", text,
                     recovery->options->remove_saved ? ", removed" : "");
    }
    (void)putchar('\n');
}

static void
print_summary_json(const struct recovery *recovery)
{
    (void)printf("{\"summary\":{\"logs\":%" PRId64, recovery->log_count);
    for (int i = 0; i < VERDICT_COUNT; i++)
        print_number(VERDICTS[i], recovery->counts[i]);
    print_number("bytes_read", recovery->bytes_read);
    print_number("bytes_rewritten", recovery->bytes_rewritten);
    print_number("cut_bytes", recovery->cut_bytes);
    print_number("saved_files", recovery->saved_count);
    print_number("saved_bytes", recovery->saved_bytes);
    print_number("removed_files", recovery->removed_count);
    print_number("removed_bytes", recovery->removed_bytes);
    print_bool("dry_run", recovery->options->dry_run);
    (void)fputs("}}\n", stdout);
}

static int
exit_code_of(const struct recovery *recovery)
{
    int64_t fine = recovery->counts[STRAND_VERDICT_CLEAN] + recovery->counts[STRAND_VERDICT_WHOLE];

    return fine == recovery->log_count ? CLI_EXIT_OK : CLI_EXIT_REPAIRED;
}

/* ---- Opening ---- */

static void
show_progress(void *context, uint32_t logs_done, uint32_t logs_total, int64_t bytes_read)
{
    struct recovery *recovery = context;

    cli_progress_update_logs(&recovery->progress, logs_done, logs_total, (uint64_t)bytes_read);
}

/* What a living writer is just doing cannot be told from what a dead one left. */
static int
check_no_writer(const struct cli_options *options, uint32_t flags)
{
    struct strand_data_directory directory;
    int status = strand_data_directory_open(strand_fs_posix(), options->data,
                                            flags | (uint32_t)STRAND_ENGINE_READ_ONLY, &directory);

    if (status == STRAND_OK)
        status = strand_data_directory_look_for_writer(&directory);
    bool has_writer = status == STRAND_OK && directory.has_writer;
    if (status == STRAND_OK)
        (void)strand_data_directory_close(&directory); /* it was only read */
    return has_writer ? strand_fail(STRAND_ERR_IN_USE,
                                    "recover %s: a process writes it, so there is nothing to tell",
                                    options->data)
                      : status;
}

static int
open_engine(struct recovery *recovery, struct strand_engine **out_engine)
{
    const struct cli_options *options = recovery->options;
    struct strand_engine_options engine_options = {
        .struct_size = sizeof engine_options,
        .flags = (uint32_t)STRAND_ENGINE_MUST_EXIST |
                 (options->network_fs ? (uint32_t)STRAND_ENGINE_NETWORK_FS : 0),
        .recovery_policy = options->policy,
        .progress = show_progress,
        .progress_context = recovery,
    };
    int status = STRAND_OK;

    if (options->dry_run) {
        status = check_no_writer(options, engine_options.flags);
        engine_options.flags |= (uint32_t)STRAND_ENGINE_READ_ONLY;
    }
    cli_progress_init(&recovery->progress, 0, options->quiet);
    if (status == STRAND_OK)
        status = strand_engine_open(options->data, &engine_options, out_engine);
    cli_progress_finish(&recovery->progress);
    return status;
}

int
cli_run_recover(const struct cli_options *options)
{
    struct cli_session session = {NULL, NULL};
    struct recovery recovery = {.options = options};
    int status = open_engine(&recovery, &session.engine);

    if (status == STRAND_OK)
        status = strand_engine_recovery_report(session.engine, visit_report, &recovery);
    if (status == STRAND_OK)
        status = handle_saved(&recovery);
    int exit_code = cli_report(status);
    if (status == STRAND_OK && options->json)
        print_summary_json(&recovery);
    else if (status == STRAND_OK)
        print_summary(&recovery);
    if (status == STRAND_OK)
        exit_code = exit_code_of(&recovery);
    /* A log that cannot be closed cleanly has been reported already. */
    return cli_session_close(&session, cli_output_finish(exit_code));
}
