/* tools/cmd_list.c -- strandline list: what logs there are, aligned for people or as JSON.
 *
 * The columns are as wide as their widest cell, so that all of the listing is collected first.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "strandline/engine.h"
#include "tools/commands.h"
#include "tools/json_output.h"
#include "tools/options.h"
#include "tools/report.h"
#include "tools/session.h"

enum { CELL_SIZE_MAX = 256, COLUMN_COUNT = 8 };

struct row {
    char cells[COLUMN_COUNT][CELL_SIZE_MAX];
};

struct table {
    struct row *rows; /* owned */
    size_t count;
    size_t capacity;
};

static const struct row HEADINGS = {
    {"TOPIC", "PARTITION", "START", "COMMITTED", "END", "BYTES", "SEGMENTS", "STATE"}};

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

static struct row *
add_row(struct table *table)
{
    if (table->count == table->capacity) {
        size_t capacity = table->capacity > 0 ? table->capacity * 2 : 16;
        struct row *rows = realloc(table->rows, capacity * sizeof *rows);

        if (rows == NULL)
            return NULL;
        table->rows = rows;
        table->capacity = capacity;
    }
    return &table->rows[table->count++];
}

static int
collect(void *context, const struct strand_log_info *info)
{
    struct table *table = context;
    struct row *row = add_row(table);

    if (row == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "list: no memory for %zu logs", table->count);
    (void)snprintf(row->cells[0], CELL_SIZE_MAX, "%s", info->topic);
    (void)snprintf(row->cells[1], CELL_SIZE_MAX, "%" PRId32, info->partition);
    (void)snprintf(row->cells[2], CELL_SIZE_MAX, "%" PRId64, info->log_start);
    (void)snprintf(row->cells[3], CELL_SIZE_MAX, "%" PRId64, info->high_watermark);
    (void)snprintf(row->cells[4], CELL_SIZE_MAX, "%" PRId64, info->log_end);
    (void)snprintf(row->cells[5], CELL_SIZE_MAX, "%" PRIu64, info->size_bytes);
    (void)snprintf(row->cells[6], CELL_SIZE_MAX, "%" PRIu32, info->segment_count);
    (void)snprintf(row->cells[7], CELL_SIZE_MAX, "%s%s%s", state_name(info->state),
                   info->reason[0] != '\0' ? ": " : "", info->reason);
    return STRAND_OK;
}

static void
widen(int widths[COLUMN_COUNT], const struct row *row)
{
    for (int i = 0; i < COLUMN_COUNT; i++)
        if ((int)strlen(row->cells[i]) > widths[i])
            widths[i] = (int)strlen(row->cells[i]);
}

/* Text to the left, numbers to the right. */
static void
print_row(const int widths[COLUMN_COUNT], const struct row *row)
{
    (void)printf("%-*s", widths[0], row->cells[0]);
    for (int i = 1; i < COLUMN_COUNT - 1; i++)
        (void)printf("  %*s", widths[i], row->cells[i]);
    (void)printf("  %s\n", row->cells[COLUMN_COUNT - 1]);
}

static void
print_table(const struct table *table)
{
    int widths[COLUMN_COUNT] = {0};

    widen(widths, &HEADINGS);
    for (size_t i = 0; i < table->count; i++)
        widen(widths, &table->rows[i]);
    print_row(widths, &HEADINGS);
    for (size_t i = 0; i < table->count; i++)
        print_row(widths, &table->rows[i]);
}

int
cli_run_list(const struct cli_options *options)
{
    struct cli_session session = {NULL, NULL};
    struct table table = {NULL, 0, 0};
    int status = cli_session_open(&session, options, STRAND_ENGINE_READ_ONLY);
    int exit_code;

    if (status == STRAND_OK)
        status = strand_engine_list(session.engine, options->json ? print_json : collect, &table);
    if (status == STRAND_OK && !options->json)
        print_table(&table);
    free(table.rows);
    exit_code = cli_output_finish(cli_report(status));
    return cli_session_close(&session, exit_code);
}
