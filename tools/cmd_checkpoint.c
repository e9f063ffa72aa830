/* tools/cmd_checkpoint.c -- strandline checkpoint: what three places say of each log, side by side.
 *
 * The frontier rules; the checkpoint files are written for Kafka's tools and lag behind it, which
 * is no fault.  That one is ahead, or that a log is missing from one, is pointed out.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "strandline/engine.h"
#include "tools/commands.h"
#include "tools/directory_view.h"
#include "tools/json_output.h"
#include "tools/options.h"
#include "tools/report.h"
#include "tools/table.h"

enum { REMARKS_SIZE = 512 };

/* ---- Differences ---- */

static void remark(char remarks[REMARKS_SIZE], const char *format, ...) STRAND_PRINTF(2, 3);

static void
remark(char remarks[REMARKS_SIZE], const char *format, ...)
{
    size_t used = strlen(remarks);
    va_list arguments;

    if (used > 0 && used + 2 < REMARKS_SIZE) {
        memcpy(remarks + used, "; ", sizeof "; ");
        used += 2;
    }
    va_start(arguments, format);
    (void)vsnprintf(remarks + used, REMARKS_SIZE - used, format, arguments); /* or cut */
    va_end(arguments);
}

/* FILE's offset, -1 for none, beside the slot's: it may lag, and must not be ahead. */
static void
compare(char remarks[REMARKS_SIZE], const char *heading, int64_t file, int64_t slot)
{
    if (file > slot)
        remark(remarks, "%s is %" PRId64 " ahead of the slot", heading, file - slot);
    else if (file >= 0 && file < slot)
        remark(remarks, "%s lags by %" PRId64, heading, slot - file);
}

static void
find_differences(const struct cli_directory_view *view, const struct cli_log_view *log,
                 char remarks[REMARKS_SIZE])
{
    const struct strand_clean_entry *clean = log->clean;
    const struct strand_frontier_slot *slot = &log->slot;

    remarks[0] = '\0';
    for (int i = 0; i < CLI_CHECKPOINT_COUNT; i++)
        if (log->offsets[i] < 0 && view->checkpoint_files[i].status == STRAND_OK &&
            (i != CLI_LOG_STARTS || (log->has_slot && slot->log_start > 0)))
            remark(remarks, "not in %s", cli_checkpoint_name((enum cli_checkpoint_kind)i));
    if (!log->has_slot) {
        remark(remarks, log->is_foreign ? "a Kafka broker was the last writer" : "no slot");
        return;
    }
    compare(remarks, "START", log->offsets[CLI_LOG_STARTS], slot->log_start);
    compare(remarks, "FLUSHED", log->offsets[CLI_RECOVERY_POINTS], slot->durable_end);
    compare(remarks, "COMMITTED", log->offsets[CLI_COMMITTED], slot->high_watermark);
    if ((slot->flags & STRAND_FRONTIER_RESETTING) != 0)
        remark(remarks, "a reset has begun");
    if (clean != NULL &&
        (clean->log_end != slot->durable_end || clean->log_start != slot->log_start ||
         clean->generation != slot->generation))
        remark(remarks, "%s contradicts the slot", STRAND_CLEAN_NAME);
    else if (clean == NULL && view->marker_file.status == STRAND_OK)
        remark(remarks, "not closed cleanly");
}

/* ---- Output ---- */

static void
put_offset(struct cli_table *table, bool is_known, int64_t offset)
{
    if (is_known && offset >= 0)
        cli_table_put(table, "%" PRId64, offset);
    else
        cli_table_put(table, "-");
}

static void
put_log(struct cli_table *table, const struct cli_log_view *log, const char *remarks)
{
    cli_table_put(table, "%s", log->topic);
    cli_table_put(table, "%" PRId32, log->partition);
    for (int i = 0; i < CLI_CHECKPOINT_COUNT; i++)
        put_offset(table, true, log->offsets[i]);
    put_offset(table, log->has_slot, log->slot.log_start);
    put_offset(table, log->has_slot, log->slot.high_watermark);
    put_offset(table, log->has_slot, log->slot.durable_end);
    put_offset(table, log->clean != NULL, log->clean != NULL ? log->clean->log_end : -1);
    cli_table_put(table, "%s", remarks);
}

static void
print_number(const char *name, bool is_known, int64_t value)
{
    if (is_known && value >= 0)
        (void)printf("\"%s\":%" PRId64 ",", name, value);
    else
        (void)printf("\"%s\":null,", name);
}

static void
print_log_json(const struct cli_log_view *log, const char *remarks)
{
    const struct strand_frontier_slot *slot = &log->slot;
    const struct strand_clean_entry *clean = log->clean;
    bool has_clean = clean != NULL;

    (void)printf("{\"topic\":\"%s\",\"partition\":%" PRId32 ",", log->topic, log->partition);
    print_number("checkpoint_log_start", true, log->offsets[CLI_LOG_STARTS]);
    print_number("checkpoint_recovery_point", true, log->offsets[CLI_RECOVERY_POINTS]);
    print_number("checkpoint_committed", true, log->offsets[CLI_COMMITTED]);
    print_number("slot_log_start", log->has_slot, slot->log_start);
    print_number("slot_high_watermark", log->has_slot, slot->high_watermark);
    print_number("slot_durable_end", log->has_slot, slot->durable_end);
    print_number("slot_log_end", log->has_slot, slot->log_end);
    if (log->has_slot) /* as text: more digits than every reader of JSON keeps */
        (void)printf("\"slot_generation\":\"%" PRIu64 "\",", slot->generation);
    else
        (void)printf("\"slot_generation\":null,");
    print_number("clean_log_start", has_clean, has_clean ? clean->log_start : -1);
    print_number("clean_log_end", has_clean, has_clean ? clean->log_end : -1);
    print_number("clean_active_base_offset", has_clean, has_clean ? clean->active_base_offset : -1);
    print_number("clean_active_bytes", has_clean, has_clean ? clean->active_size : -1);
    print_number("clean_segments", has_clean, has_clean ? (int64_t)clean->segment_count : -1);
    print_number("clean_newest_epoch", has_clean, has_clean ? clean->newest_epoch : -1);
    cli_json_put_bytes(stdout, "differences", strand_bytes(remarks, strlen(remarks)));
    (void)fputs("}\n", stdout);
}

/* Of each file whether it is there and readable; a damaged one is said on stderr, too. */
static int
print_file(const char *name, const struct cli_small_file *file, bool json)
{
    const char *state = file->status == STRAND_OK              ? "read"
                        : file->status == STRAND_ERR_NOT_FOUND ? "missing"
                                                               : "damaged";

    if (json)
        (void)printf("{\"file\":\"%s\",\"state\":\"%s\"}\n", name, state);
    else if (file->status != STRAND_OK)
        (void)printf("%s: %s\n", name, state);
    if (file->status != STRAND_ERR_CORRUPT)
        return CLI_EXIT_OK;
    cli_say("%s", file->message);
    return CLI_EXIT_CORRUPT;
}

static int
print_files(const struct cli_directory_view *view, bool json)
{
    int exit_code = print_file(STRAND_CLEAN_NAME, &view->marker_file, json);

    for (int i = 0; i < CLI_CHECKPOINT_COUNT; i++)
        if (print_file(cli_checkpoint_name((enum cli_checkpoint_kind)i), &view->checkpoint_files[i],
                       json) != CLI_EXIT_OK)
            exit_code = CLI_EXIT_CORRUPT;
    if (view->bad_slots != 0 && !view->directory.was_kafkas) {
        cli_say("%s/%s: %s", view->directory.path, STRAND_FRONTIER_NAME,
                view->bad_slots < 0 ? "its header is damaged" : "slots are damaged");
        exit_code = CLI_EXIT_CORRUPT;
    }
    return exit_code;
}

static int
print_logs(const struct cli_directory_view *view, bool json)
{
    static const char *const HEADINGS[] = {"TOPIC",     "PARTITION",  "START",          "FLUSHED",
                                           "COMMITTED", "SLOT-START", "SLOT-COMMITTED", "DURABLE",
                                           "CLEAN",     "DIFFERENCES"};
    struct cli_table table;
    int status = STRAND_OK;

    cli_table_init(&table, "lrrrrrrrrl");
    for (size_t i = 0; i < sizeof HEADINGS / sizeof HEADINGS[0]; i++)
        cli_table_put(&table, "%s", HEADINGS[i]);
    for (size_t i = 0; i < view->count && status == STRAND_OK; i++) {
        char remarks[REMARKS_SIZE];

        find_differences(view, &view->logs[i], remarks);
        if (json)
            print_log_json(&view->logs[i], remarks);
        else
            put_log(&table, &view->logs[i], remarks);
        status = cli_output_status();
    }
    if (status == STRAND_OK && !json)
        status = cli_table_print(&table);
    cli_table_deinit(&table);
    return status;
}

int
cli_run_checkpoint(const struct cli_options *options)
{
    struct cli_directory_view view;
    int exit_code = CLI_EXIT_OK;
    int status = cli_directory_view_open(&view, options);

    if (status == STRAND_OK)
        status = print_logs(&view, options->json);
    if (status == STRAND_OK)
        exit_code = print_files(&view, options->json);
    else
        exit_code = cli_report(status);
    cli_directory_view_close(&view);
    return cli_output_finish(exit_code);
}
