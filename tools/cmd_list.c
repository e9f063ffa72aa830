/* tools/cmd_list.c -- strandline list: what logs there are, aligned for people or as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "strandline/engine.h"
#include "tools/commands.h"
#include "tools/json_output.h"
#include "tools/options.h"
#include "tools/report.h"
#include "tools/session.h"
#include "tools/table.h"

static const char *
state_name(enum strand_log_state state)
{
    switch (state) {
    case STRAND_LOG_HEALTHY:
        return "healthy";
    case STRAND_LOG_FAILED:
        return "failed";
    case STRAND_LOG_QUARANTINED:
        return "quarantined";
    }
    return "unknown";
}

static int
print_json(void *context, const struct strand_log_info *info)
{
    (void)context;
    (void)fputs("{\"topic\":", stdout);
    cli_json_put_string(stdout, info->topic, strlen(info->topic));
    (void)printf(",\"partition\":%" PRId32 ",\"log_start\":%" PRId64 ",\"high_watermark\":%" PRId64
                 ",\"log_end\":%" PRId64 ",\"bytes\":%" PRIu64 ",\"segments\":%" PRIu32
                 ",\"state\":\"%s\",",
                 info->partition, info->log_start, info->high_watermark, info->log_end,
                 info->size_bytes, info->segment_count, state_name(info->state));
    cli_json_put_bytes(stdout, "reason", strand_bytes(info->reason, strlen(info->reason)));
    (void)fputs("}\n", stdout);
    return cli_output_status();
}

static int
collect(void *context, const struct strand_log_info *info)
{
    struct cli_table *table = context;

    cli_table_put(table, "%s", info->topic);
    cli_table_put(table, "%" PRId32, info->partition);
    cli_table_put(table, "%" PRId64, info->log_start);
    cli_table_put(table, "%" PRId64, info->high_watermark);
    cli_table_put(table, "%" PRId64, info->log_end);
    cli_table_put(table, "%" PRIu64, info->size_bytes);
    cli_table_put(table, "%" PRIu32, info->segment_count);
    cli_table_put(table, "%s%s%s", state_name(info->state), info->reason[0] != '\0' ? ": " : "",
                  info->reason);
    return STRAND_OK;
}

static void
put_headings(struct cli_table *table)
{
    static const char *const HEADINGS[] = {"TOPIC", "PARTITION", "START",    "COMMITTED",
                                           "END",   "BYTES",     "SEGMENTS", "STATE"};

    cli_table_init(table, "lrrrrrrl");
    for (size_t i = 0; i < sizeof HEADINGS / sizeof HEADINGS[0]; i++)
        cli_table_put(table, "%s", HEADINGS[i]);
}

int
cli_run_list(const struct cli_options *options)
{
    struct cli_session session = {NULL, NULL};
    struct cli_table table;
    int status = cli_session_open(&session, options, STRAND_ENGINE_READ_ONLY);
    int exit_code;

    put_headings(&table);
    if (status == STRAND_OK)
        status = strand_engine_list(session.engine, options->json ? print_json : collect, &table);
    if (status == STRAND_OK && !options->json)
        status = cli_table_print(&table);
    cli_table_deinit(&table);
    exit_code = cli_output_finish(cli_report(status));
    return cli_session_close(&session, exit_code);
}
