/* tools/cmd_index_verify.c -- strandline index verify: does the index tell the truth?
 *
 * First the structure of its file and each entry by itself, with pread; then, through LMDB, log by
 * log, what the entries say against the headers of the batches.  Damage is damage of a cache: it is
 * told, and that nothing is lost with it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/engine_internal.h"
#include "engine/log_internal.h"
#include "tools/commands.h"
#include "tools/findings.h"
#include "tools/index_check.h"
#include "tools/index_view.h"
#include "tools/json_output.h"
#include "tools/options.h"
#include "tools/progress.h"
#include "tools/report.h"

enum { ENTRIES_NAMED_MAX = 16 }; /* then they are only counted */

static const char NOTHING_IS_LOST[] = "The index is a cache, and nothing is lost: strandline index "
                                      "rebuild makes it anew, and so does "
                                      "the next opening for writing where it notices.";

struct verification {
    const struct cli_options *options;
    struct cli_index_view view;
    struct cli_findings shared; /* on the file, and what is of no log */
    struct cli_progress progress;
    uint64_t bytes_done;
    bool is_missing;
    int64_t log_count;
    int64_t damaged_count;
    int64_t failed_count;
    bool is_index_damaged;
};

/* ---- Progress ---- */

static uint64_t
size_of_logs(const struct strand_engine *engine)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < engine->log_count; i++)
        for (size_t k = 0; k < engine->logs[i]->segment_count; k++)
            bytes += (uint64_t)engine->logs[i]->segments[k]->size;
    return bytes;
}

/* The file of the index comes first, and is small beside the logs. */
static void
show_pages(void *argument, uint64_t done, uint64_t total)
{
    struct verification *verification = argument;

    (void)done;
    (void)total;
    cli_progress_update(&verification->progress, 0);
}

static void
show_bytes(void *context, int64_t bytes)
{
    struct verification *verification = context;

    verification->bytes_done += (uint64_t)bytes;
    cli_progress_update(&verification->progress, verification->bytes_done);
}

/* ---- The file ---- */

static int
note_entry(void *argument, const struct strand_index_entry *entry)
{
    static const char *const KINDS[] = {"entry", "log", "segment", "chunk", "time"};
    struct verification *verification = argument;
    const struct strand_log *log = cli_index_view_find(&verification->view, entry->id);
    bool is_kind = entry->kind > 0 && (size_t)entry->kind < sizeof KINDS / sizeof KINDS[0];
    char id[CLI_LOG_ID_TEXT_SIZE];

    if (entry->is_whole || verification->shared.count >= ENTRIES_NAMED_MAX)
        return STRAND_OK;
    cli_log_id_format(entry->id, id);
    cli_findings_add(&verification->shared, CLI_LEVEL_PROBLEM, "entry", "",
                     "log %s: the %s of offset %" PRId64 " is malformed, or its CRC is wrong",
                     log != NULL ? log->name : id, KINDS[is_kind ? entry->kind : 0], entry->offset);
    return STRAND_OK;
}

/* What makes the index unusable is a finding; not to find out is a failure. */
static int
check_file(struct verification *verification)
{
    struct cli_index_view *view = &verification->view;
    int status = cli_index_view_open_index(view, note_entry, show_pages, verification);

    switch (status) {
    case STRAND_OK:
        if (view->examined.malformed_count > ENTRIES_NAMED_MAX)
            cli_findings_add(&verification->shared, CLI_LEVEL_PROBLEM, "entry", "",
                             "%" PRIu64 " malformed entries in all",
                             view->examined.malformed_count);
        return STRAND_OK;
    case STRAND_ERR_NOT_FOUND:
        verification->is_missing = true;
        cli_findings_add(&verification->shared, CLI_LEVEL_NOTE, "missing",
                         "The next opening for writing makes one.", "there is no index");
        return STRAND_OK;
    case STRAND_ERR_CORRUPT:
    case STRAND_ERR_VERSION:
    case STRAND_ERR_FOREIGN:
        cli_findings_add(&verification->shared, CLI_LEVEL_PROBLEM, "file", "", "%s",
                         strand_error_message());
        return STRAND_OK;
    default:
        return status;
    }
}

static void
note_stray(void *context, const char *id)
{
    struct verification *verification = context;

    cli_findings_add(&verification->shared, CLI_LEVEL_NOTE, "stray",
                     "The next opening for writing removes them.",
                     "entries of a log that is not there, %s", id);
}

/* ---- The logs ---- */

static void
print_log(const struct strand_log *log, const struct cli_index_check *check)
{
    bool is_damaged = check->problem_count > 0;

    (void)printf("%s/%" PRId32 " %s: ", log->topic, log->partition, is_damaged ? "DAMAGED" : "ok");
    if (check->is_known)
        (void)printf("covered to %" PRId64 " of %" PRId64 ", %" PRId64 " segments, %" PRId64
                     " pairs, %" PRId64 " times\n",
                     check->entry.covered_offset, log->log_end, check->segment_count,
                     check->pair_count, check->time_count);
    else
        (void)puts("not in the index");
    cli_findings_print(&check->findings);
}

static void
print_log_json(const struct strand_log *log, const struct cli_index_check *check)
{
    (void)printf("{\"topic\":\"%s\",\"partition\":%" PRId32
                 ",\"is_damaged\":%s,\"is_known\":%s,\"segments\":%" PRId64 ",\"pairs\":%" PRId64
                 ",\"times\":%" PRId64 ",\"problems\":%" PRId64 ",",
                 log->topic, log->partition, check->problem_count > 0 ? "true" : "false",
                 check->is_known ? "true" : "false", check->segment_count, check->pair_count,
                 check->time_count, check->problem_count);
    cli_findings_print_json(&check->findings);
    (void)fputs("}\n", stdout);
}

/* A log that could not be looked at. */
static void
print_failure(const struct verification *verification, const struct strand_log *log,
              const char *sentence)
{
    if (verification->options->json) {
        (void)printf("{\"topic\":\"%s\",\"partition\":%" PRId32 ",", log->topic, log->partition);
        cli_json_put_bytes(stdout, "failure", strand_bytes(sentence, strlen(sentence)));
        (void)fputs("}\n", stdout);
    } else {
        (void)printf("%s/%" PRId32 " FAILED: %s\n", log->topic, log->partition, sentence);
    }
}

/* A failure to read one log does not keep the others from being looked at. */
static int
check_log(struct verification *verification, const struct strand_log *log)
{
    struct cli_index_check check;
    bool has_failed = log->health == STRAND_LOG_FAILED;
    int status = has_failed ? STRAND_ERR_FAILED
                            : cli_index_check(verification->view.index, log, show_bytes,
                                              verification, &check);

    cli_progress_hide(&verification->progress);
    verification->log_count++;
    if (status == STRAND_ERR_NO_MEMORY)
        return status;
    if (status != STRAND_OK) {
        verification->failed_count++;
        print_failure(verification, log, has_failed ? log->reason : strand_error_message());
        return cli_output_status();
    }
    verification->damaged_count += check.problem_count > 0;
    verification->is_index_damaged |= check.problem_count > check.log_damage_count;
    if (verification->options->json)
        print_log_json(log, &check);
    else
        print_log(log, &check);
    cli_index_check_deinit(&check);
    return cli_output_status();
}

static int
check_logs(struct verification *verification)
{
    const struct strand_engine *engine = verification->view.engine;
    int status = STRAND_OK;

    for (size_t i = 0; i < engine->log_count && status == STRAND_OK; i++)
        status = check_log(verification, engine->logs[i]);
    return status == STRAND_OK
               ? cli_index_view_visit_strays(&verification->view, note_stray, verification)
               : status;
}

/* ---- All of it ---- */

static const char *
state_of(const struct verification *verification)
{
    if (verification->is_missing)
        return "missing";
    return verification->is_index_damaged ? "DAMAGED" : "ok";
}

static void
print_summary(const struct verification *verification)
{
    const struct strand_index_examined *examined = &verification->view.examined;
    const char *path = verification->view.path;

    if (verification->options->json) {
        (void)fputs("{\"summary\":{", stdout);
        cli_json_put_bytes(stdout, "path", strand_bytes(path, strlen(path)));
        (void)printf(",\"is_missing\":%s,\"is_damaged\":%s,\"bytes\":%" PRIu64
                     ",\"entries\":%" PRIu64 ",\"malformed\":%" PRIu64 ",\"logs\":%" PRId64
                     ",\"damaged\":%" PRId64 ",\"failed\":%" PRId64 "},",
                     verification->is_missing ? "true" : "false",
                     verification->is_index_damaged ? "true" : "false", examined->file_bytes,
                     examined->entry_count, examined->malformed_count, verification->log_count,
                     verification->damaged_count, verification->failed_count);
        cli_findings_print_json(&verification->shared);
        (void)fputs("}\n", stdout);
        return;
    }
    (void)printf("%s %s", path, state_of(verification));
    if (verification->view.index != NULL)
        (void)printf(": %" PRIu64 " bytes, %" PRIu64 " entries", examined->file_bytes,
                     examined->entry_count);
    (void)putchar('\n');
    cli_findings_print(&verification->shared);
    if (verification->is_index_damaged)
        (void)puts(NOTHING_IS_LOST);
}

static int
verify(struct verification *verification)
{
    struct cli_index_view *view = &verification->view;
    int status = cli_index_view_lock(view, verification->options);

    if (status == STRAND_OK)
        status = cli_index_view_open_logs(view, verification->options);
    if (status != STRAND_OK)
        return status;
    cli_progress_init(&verification->progress, size_of_logs(view->engine),
                      verification->options->quiet);
    status = check_file(verification);
    if (status == STRAND_OK && view->index != NULL)
        status = check_logs(verification);
    cli_progress_finish(&verification->progress);
    if (status != STRAND_OK)
        return status;
    if (verification->shared.worst == CLI_LEVEL_PROBLEM)
        verification->is_index_damaged = true;
    print_summary(verification);
    return cli_findings_status(&verification->shared);
}

int
cli_run_index_verify(const struct cli_options *options)
{
    struct verification verification = {.options = options};
    int exit_code = cli_report(verify(&verification));

    if (exit_code == CLI_EXIT_OK &&
        (verification.is_index_damaged || verification.damaged_count > 0))
        exit_code = CLI_EXIT_CORRUPT;
    else if (exit_code == CLI_EXIT_OK && verification.failed_count > 0)
        exit_code = CLI_EXIT_FAILED;
    cli_findings_deinit(&verification.shared);
    cli_index_view_close(&verification.view);
    return cli_output_finish(exit_code);
}
