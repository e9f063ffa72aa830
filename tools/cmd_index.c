/* tools/cmd_index.c -- strandline index: how large the index is and what it covers; making it anew.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/engine_internal.h"
#include "engine/log_internal.h"
#include "tools/commands.h"
#include "tools/index_view.h"
#include "tools/json_output.h"
#include "tools/options.h"
#include "tools/progress.h"
#include "tools/report.h"
#include "tools/session.h"
#include "tools/table.h"

/* ---- stat ---- */

/* What the index has of one log. */
struct log_stat {
    const struct strand_log *log;
    bool is_known;
    bool is_believed; /* it is of the log's generation */
    struct strand_index_log entry;
    int64_t bytes_left;
};

static int
look_at(const struct cli_index_view *view, const struct strand_log *log, struct log_stat *out_stat)
{
    struct log_stat stat = {.log = log};
    int status = strand_index_find_log(view->index, log->identity.id, &stat.entry);

    stat.is_known = status == STRAND_OK;
    stat.is_believed = stat.is_known && (uint64_t)stat.entry.generation == log->generation;
    if (status == STRAND_OK || status == STRAND_END || status == STRAND_ERR_CORRUPT)
        status = cli_index_view_bytes_left(view, log, stat.is_believed ? &stat.entry : NULL,
                                           &stat.bytes_left);
    if (status == STRAND_OK)
        *out_stat = stat;
    return status;
}

static const char *
remark_on(const struct log_stat *stat)
{
    if (!stat->is_known)
        return "not in the index";
    if (!stat->is_believed)
        return "of another life of the log";
    return stat->entry.covered_offset > stat->log->log_end ? "above the log end" : "";
}

static void
put_log(struct cli_table *table, const struct log_stat *stat)
{
    char id[CLI_LOG_ID_TEXT_SIZE];

    cli_log_id_format(stat->log->identity.id, id);
    cli_table_put(table, "%s", stat->log->topic);
    cli_table_put(table, "%" PRId32, stat->log->partition);
    cli_table_put(table, "%s", id);
    if (stat->is_known) {
        cli_table_put(table, "%" PRIu64, (uint64_t)stat->entry.generation);
        cli_table_put(table, "%" PRId64, stat->entry.covered_offset);
    } else {
        cli_table_put(table, "-");
        cli_table_put(table, "-");
    }
    cli_table_put(table, "%" PRId64, stat->log->log_end);
    cli_table_put(table, "%" PRId64, stat->bytes_left);
    cli_table_put(table, "%s", remark_on(stat));
}

static void
print_log_json(const struct log_stat *stat)
{
    char id[CLI_LOG_ID_TEXT_SIZE];

    cli_log_id_format(stat->log->identity.id, id);
    (void)printf("{\"topic\":\"%s\",\"partition\":%" PRId32 ",\"id\":\"%s\",", stat->log->topic,
                 stat->log->partition, id);
    if (stat->is_known) /* as text: more digits than every reader of JSON keeps */
        (void)printf("\"generation\":\"%" PRIu64 "\",\"covered_offset\":%" PRId64 ",",
                     (uint64_t)stat->entry.generation, stat->entry.covered_offset);
    else
        (void)printf("\"generation\":null,\"covered_offset\":null,");
    (void)printf("\"is_believed\":%s,\"log_end\":%" PRId64 ",\"bytes_not_covered\":%" PRId64 "}\n",
                 stat->is_believed ? "true" : "false", stat->log->log_end, stat->bytes_left);
}

static void
print_stray(void *context, const char *id)
{
    const struct cli_options *options = context;

    if (options->json)
        (void)printf("{\"stray\":\"%s\"}\n", id);
    else
        (void)printf("stray: %s, a log that is not there\n", id);
}

static void
print_index(const struct cli_index_view *view, uint64_t map_bytes)
{
    const struct strand_index_examined *examined = &view->examined;
    const struct strand_index_counts *counts = &examined->counts;
    char map_text[CLI_SIZE_TEXT_MAX];

    cli_size_format(map_bytes, map_text);
    (void)printf("%s\n", view->path);
    (void)printf("  size:     %" PRIu64 " bytes, %" PRIu64 " of them used; room for %s\n",
                 examined->file_bytes, examined->used_bytes, map_text);
    (void)printf("  commit:   %" PRIu64 "\n", examined->commit_number);
    (void)printf("  entries:  %" PRIu64 " logs, %" PRIu64 " segments, %" PRIu64 " chunks, %" PRIu64
                 " times\n",
                 counts->logs, counts->segments, counts->chunks, counts->times);
    (void)printf("  pairs:    %" PRIu64, counts->pairs);
    if (counts->pairs > 0)
        (void)printf(", %.1f bytes each", (double)examined->used_bytes / (double)counts->pairs);
    (void)fputs("\n\n", stdout);
}

static void
print_index_json(const struct cli_index_view *view, uint64_t map_bytes)
{
    const struct strand_index_examined *examined = &view->examined;
    const struct strand_index_counts *counts = &examined->counts;

    (void)fputs("{\"index\":{", stdout);
    cli_json_put_bytes(stdout, "path", strand_bytes(view->path, strlen(view->path)));
    (void)printf(",\"file_bytes\":%" PRIu64 ",\"used_bytes\":%" PRIu64 ",\"map_bytes\":%" PRIu64
                 ",\"commit_number\":%" PRIu64 ",\"logs\":%" PRIu64 ",\"segments\":%" PRIu64
                 ",\"chunks\":%" PRIu64 ",\"pairs\":%" PRIu64 ",\"times\":%" PRIu64
                 ",\"malformed\":%" PRIu64 ",\"bytes_per_pair\":",
                 examined->file_bytes, examined->used_bytes, map_bytes, examined->commit_number,
                 counts->logs, counts->segments, counts->chunks, counts->pairs, counts->times,
                 examined->malformed_count);
    if (counts->pairs > 0)
        (void)printf("%.1f", (double)examined->used_bytes / (double)counts->pairs);
    else
        (void)fputs("null", stdout);
    (void)fputs("}}\n", stdout);
}

static int
print_logs(const struct cli_index_view *view, bool json)
{
    static const char *const HEADINGS[] = {"TOPIC",   "PARTITION", "ID",          "GENERATION",
                                           "COVERED", "END",       "NOT-COVERED", "REMARKS"};
    struct cli_table table;
    int status = STRAND_OK;

    cli_table_init(&table, "lrlrrrrl");
    for (size_t i = 0; i < sizeof HEADINGS / sizeof HEADINGS[0]; i++)
        cli_table_put(&table, "%s", HEADINGS[i]);
    for (size_t i = 0; i < view->engine->log_count && status == STRAND_OK; i++) {
        struct log_stat stat;

        status = look_at(view, view->engine->logs[i], &stat);
        if (status != STRAND_OK)
            break;
        if (json)
            print_log_json(&stat);
        else
            put_log(&table, &stat);
        status = cli_output_status();
    }
    if (status == STRAND_OK && !json)
        status = cli_table_print(&table);
    cli_table_deinit(&table);
    return status;
}

static int
print_stat(const struct cli_index_view *view, const struct cli_options *options)
{
    struct cli_options choices = *options;
    struct strand_index_stat stat;
    int status = strand_index_stat(view->index, &stat);

    if (status != STRAND_OK)
        return status;
    if (options->json)
        print_index_json(view, stat.map_bytes);
    else
        print_index(view, stat.map_bytes);
    status = print_logs(view, options->json);
    if (status == STRAND_OK)
        status = cli_index_view_visit_strays(view, print_stray, &choices);
    if (status == STRAND_OK && view->examined.malformed_count > 0)
        status = strand_fail(STRAND_ERR_CORRUPT,
                             "%s: malformed entries: %" PRIu64 "; see strandline index verify",
                             view->path, view->examined.malformed_count);
    return status;
}

static int
run_stat(const struct cli_options *options)
{
    struct cli_index_view view = {.engine = NULL};
    int status = cli_index_view_lock(&view, options);

    if (status == STRAND_OK)
        status = cli_index_view_open_logs(&view, options);
    if (status == STRAND_OK)
        status = cli_index_view_open_index(&view, NULL, NULL, NULL);
    if (status == STRAND_OK)
        status = print_stat(&view, options);
    int exit_code = cli_report(status);
    cli_index_view_close(&view);
    return cli_output_finish(exit_code);
}

/* ---- rebuild ---- */

/* A notice at the level of a warning says why there is no index, or why it does not get on. */
static void
say_notice(void *context, int level, const char *text)
{
    bool *was_warned = context;

    if (level > 4)
        return;
    cli_say("%s", text);
    *was_warned = true;
}

/* What belongs to another data directory may be in use there. */
static int
refuse_foreign(const struct cli_index_view *view)
{
    struct strand_index_options options = {
        .fs = view->directory.fs,
        .path = view->path,
        .directory_id = view->directory.last_opening,
    };
    struct strand_index_examined examined;
    int status = strand_index_examine(&options, NULL, NULL, NULL, &examined);

    return status == STRAND_ERR_FOREIGN ? status : STRAND_OK;
}

static int
remove_index(const struct cli_options *options)
{
    struct cli_index_view view = {.engine = NULL};
    int status = cli_index_view_lock(&view, options);

    if (status == STRAND_OK && options->index_directory != NULL)
        status = refuse_foreign(&view);
    if (status == STRAND_OK)
        status = strand_index_remove_files(view.directory.fs, view.path);
    cli_index_view_close(&view);
    return status;
}

static int64_t
total_bytes(const struct strand_engine *engine)
{
    int64_t bytes = 0;

    for (size_t i = 0; i < engine->log_count; i++)
        bytes += strand_log_index_bytes_left(engine->logs[i]);
    return bytes;
}

/* Run after run, until one leaves nothing to do.  One that fails warns, and would be repeated. */
static int
index_all(struct strand_engine *engine, const bool *was_warned, bool quiet)
{
    struct strand_indexer *indexer = &engine->indexer;
    int64_t total = total_bytes(engine);
    int64_t left = total;
    int64_t next_ns = 0;
    int status = STRAND_OK;
    struct cli_progress progress;

    cli_progress_init(&progress, (uint64_t)total, quiet);
    while (status == STRAND_OK && next_ns >= 0) {
        status = strand_indexer_step(indexer, &left);
        if (status == STRAND_OK && *was_warned)
            status = strand_fail(STRAND_ERR_FAILED, "index %s: it is not complete",
                                 engine->directory.path);
        if (status == STRAND_OK)
            strand_indexer_run(indexer, &next_ns);
        cli_progress_update(&progress, (uint64_t)(total - left));
    }
    cli_progress_finish(&progress);
    if (status == STRAND_OK && left > 0)
        status =
            strand_fail(STRAND_ERR_IO, "index %s: %" PRId64 " bytes of segments cannot be read",
                        engine->directory.path, left);
    return status;
}

static int
run_rebuild(const struct cli_options *options)
{
    bool was_warned = false;
    struct strand_engine_options engine_options = {
        .struct_size = sizeof engine_options,
        .flags = (uint32_t)STRAND_ENGINE_MUST_EXIST | (uint32_t)STRAND_ENGINE_NO_THREADS,
        .index = STRAND_INDEX_LMDB,
        .index_directory = options->index_directory,
        .notice = say_notice,
        .notice_context = &was_warned,
    };
    struct cli_session session = {NULL, NULL};
    int status = remove_index(options);

    if (status == STRAND_OK)
        status = cli_session_open_with(&session, options, &engine_options);
    was_warned = false; /* of what opening has found in the logs */
    if (status == STRAND_OK)
        status = index_all(session.engine, &was_warned, options->quiet);
    int exit_code = cli_session_close(&session, cli_report(status));
    return exit_code == CLI_EXIT_OK ? run_stat(options) : cli_output_finish(exit_code);
}

int
cli_run_index(const struct cli_options *options)
{
    switch (options->index_action) {
    case CLI_INDEX_VERIFY:
        return cli_run_index_verify(options);
    case CLI_INDEX_REBUILD:
        return run_rebuild(options);
    case CLI_INDEX_STAT:
    case CLI_INDEX_NONE:
        break;
    }
    return run_stat(options);
}
