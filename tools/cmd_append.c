/* tools/cmd_append.c -- strandline append: from bytes to batches.
 *
 * One thread reads, splits and appends with STRAND_WRITTEN; another waits until the batches are
 * durable (ack_queue.h), so that sync rounds overlap with reading and encoding.  Nothing is
 * allocated for a record: lines are handed to the library where they were read.
 *
 * Whatever goes wrong in the input, what stood before it is appended and durable.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "storage/batch.h"
#include "strandline/engine.h"
#include "strandline/log.h"
#include "tools/ack_queue.h"
#include "tools/commands.h"
#include "tools/input.h"
#include "tools/interrupt.h"
#include "tools/json_output.h"
#include "tools/options.h"
#include "tools/progress.h"
#include "tools/report.h"
#include "tools/session.h"

enum { RECORDS_CAPACITY_FIRST = 1024 };

struct appender {
    const struct cli_options *options;
    struct strand_log *log; /* borrowed */
    struct cli_input input;
    struct cli_ack_queue acks; /* running when the durability is durable */
    struct cli_progress progress;

    /* The batch that is being filled; its records point into the input. */
    struct strand_record *records; /* owned */
    size_t capacity;
    size_t count;
    size_t size; /* encoded, header included */
    size_t size_max;

    uint64_t appended_count;
    int64_t first_offset; /* -1 = nothing was appended */
    int64_t end_offset;
    bool has_log_failed; /* nothing more can be appended */
    int exit_code;       /* of the first failure */
};

static bool
is_durable(const struct appender *appender)
{
    return appender->options->durability == STRAND_DURABLE;
}

static int
append_batch(struct appender *appender)
{
    static const struct strand_append_options WRITTEN = {
        .struct_size = sizeof WRITTEN,
        .durability = STRAND_WRITTEN,
    };
    struct strand_appended appended;
    int status;

    if (appender->count == 0)
        return STRAND_OK;
    status =
        strand_log_append(appender->log, appender->records, appender->count, &WRITTEN, &appended);
    appender->has_log_failed = status != STRAND_OK;
    if (status != STRAND_OK)
        return status;
    if (appender->first_offset < 0)
        appender->first_offset = appended.base_offset;
    appender->end_offset = appended.end_offset;
    appender->appended_count += appender->count;
    appender->count = 0;
    appender->size = STRAND_BATCH_HEADER_SIZE;
    cli_input_forget(&appender->input);
    if (is_durable(appender))
        status = cli_ack_queue_add(&appender->acks, &appended);
    else if (appender->options->acks)
        cli_ack_print(&appended);
    appender->has_log_failed = status != STRAND_OK;
    return status;
}

/* Have room for one more record. */
static int
make_room(struct appender *appender)
{
    if (appender->count < appender->capacity)
        return STRAND_OK;

    size_t capacity = appender->capacity > 0 ? appender->capacity * 2 : RECORDS_CAPACITY_FIRST;
    struct strand_record *records =
        realloc(appender->records, capacity * sizeof *appender->records);

    if (records == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "append: no memory for a batch of %zu records",
                           capacity);
    appender->records = records;
    appender->capacity = capacity;
    return STRAND_OK;
}

/* Of RECORD as the next one of the batch. */
static size_t
encoded_size(const struct appender *appender, const struct strand_record *record)
{
    int64_t delta_ms = 0;

    /* 0 is "now", which only the append knows: then all of the batch is close to it, or too far for
     * a few bytes to matter. */
    if (appender->count > 0 && record->timestamp_ms > 0 && appender->records[0].timestamp_ms > 0)
        delta_ms = record->timestamp_ms - appender->records[0].timestamp_ms;
    return strand_record_encoded_size(record, delta_ms, (int32_t)appender->count);
}

static int
fail_too_large(const struct appender *appender, size_t size)
{
    char place[CLI_INPUT_PLACE_SIZE_MAX];

    cli_input_place(&appender->input, place);
    return strand_fail(STRAND_ERR_TOO_LARGE,
                       "append %s: a batch of %zu bytes for it alone is larger than %" PRId64
                       " bytes (raise it with --max-message-bytes)",
                       place, size, appender->options->max_message_bytes);
}

/* Take the record that stands behind the batch into it, or, when the batch is full, into the next.
 */
static int
add_record(struct appender *appender)
{
    struct strand_record *record = &appender->records[appender->count];
    size_t size = encoded_size(appender, record);
    bool is_full = appender->options->batch_records > 0 &&
                   appender->count >= (size_t)appender->options->batch_records;
    int status = STRAND_OK;

    if (STRAND_BATCH_HEADER_SIZE + size > (size_t)appender->options->max_message_bytes)
        return fail_too_large(appender, STRAND_BATCH_HEADER_SIZE + size);
    if (is_full || appender->size + size > appender->size_max) {
        status = append_batch(appender);
        appender->records[0] = *record;
    }
    if (status != STRAND_OK)
        return status;
    appender->count++;
    appender->size += size;
    return STRAND_OK;
}

/* Read more.  When there is nothing to read for now, what is there goes out first. */
static int
fill_input(struct appender *appender)
{
    int status = STRAND_OK;

    if (appender->count > 0 && cli_input_is_paused(&appender->input))
        status = append_batch(appender);
    if (status == STRAND_OK)
        status = cli_input_fill(&appender->input, appender->records, appender->count);
    cli_progress_update(&appender->progress, appender->input.bytes_read);
    return status;
}

/* Up to the end of the input, or a failure. */
static int
take_records(struct appender *appender)
{
    for (;;) {
        int status = make_room(appender);

        if (status == STRAND_OK)
            status = cli_input_next(&appender->input, &appender->records[appender->count]);
        if (status == STRAND_END)
            return append_batch(appender);
        if (status == STRAND_OK)
            status = add_record(appender);
        else if (status == CLI_INPUT_MORE)
            status = fill_input(appender);
        if (status != STRAND_OK)
            return status;
    }
}

/* Report the first failure; those after it follow from it. */
static void
note(struct appender *appender, int status)
{
    if (status == STRAND_OK || appender->exit_code != CLI_EXIT_OK)
        return;
    cli_progress_finish(&appender->progress);
    appender->exit_code = cli_report(status);
}

static void
print_summary(const struct appender *appender, bool all_is_durable)
{
    const struct cli_options *options = appender->options;

    (void)printf("{\"topic\":");
    cli_json_put_string(stdout, options->topic, strlen(options->topic));
    (void)printf(",\"partition\":%" PRId32 ",\"records\":%" PRIu64, options->partition,
                 appender->appended_count);
    if (appender->first_offset < 0)
        (void)printf(",\"first_offset\":null,\"last_offset\":null");
    else
        (void)printf(",\"first_offset\":%" PRId64 ",\"last_offset\":%" PRId64,
                     appender->first_offset, appender->end_offset - 1);
    (void)printf(",\"durable\":%s}\n", all_is_durable ? "true" : "false");
}

/* Append all of the input, and print what came of it. */
static void
append_input(struct appender *appender)
{
    bool all_is_durable = false;
    int status = STRAND_OK;

    if (is_durable(appender))
        status = cli_ack_queue_start(&appender->acks, appender->log, appender->options->acks);
    if (status != STRAND_OK) {
        note(appender, status);
        return;
    }
    note(appender, take_records(appender));
    if (!appender->has_log_failed)
        note(appender, append_batch(appender));
    if (is_durable(appender)) {
        status = cli_ack_queue_finish(&appender->acks);
        all_is_durable = status == STRAND_OK;
        note(appender, status);
    }
    cli_progress_finish(&appender->progress);
    if (appender->options->json)
        print_summary(appender, all_is_durable);
    appender->exit_code = cli_output_finish(appender->exit_code);
}

static int
open_log(const struct cli_options *options, struct cli_session *session)
{
    struct strand_log_options log_options = {
        .struct_size = sizeof log_options,
        .segment_bytes = (int32_t)options->segment_bytes,
        .max_message_bytes = (int32_t)options->max_message_bytes,
        .timestamp_type = options->timestamp_type,
        .codec = options->codec,
        .compression_level = (int32_t)options->level,
    };
    int status = cli_session_open(session, options, 0);

    if (status == STRAND_OK)
        status = strand_log_open(session->engine, options->topic, options->partition, &log_options,
                                 &session->log);
    if (status == STRAND_OK)
        status = cli_interrupt_install();
    return status;
}

int
cli_run_append(const struct cli_options *options)
{
    struct cli_session session = {NULL, NULL};
    struct appender appender = {
        .options = options,
        .size = STRAND_BATCH_HEADER_SIZE,
        .size_max = (size_t)options->batch_bytes,
        .first_offset = -1,
    };
    int status =
        cli_input_open(options->file, (enum cli_input_kind)options->input, options->key_separator,
                       (size_t)options->max_message_bytes, &appender.input);

    if (status != STRAND_OK)
        return cli_report(status);
    if (options->batch_bytes > options->max_message_bytes)
        appender.size_max = (size_t)options->max_message_bytes;
    status = open_log(options, &session);
    appender.log = session.log;
    if (status == STRAND_OK) {
        cli_progress_init(&appender.progress, appender.input.total, options->quiet);
        append_input(&appender);
    } else {
        appender.exit_code = cli_report(status);
    }
    free(appender.records);
    cli_input_close(&appender.input);
    if (appender.exit_code == CLI_EXIT_OK && cli_interrupt_signal() != 0)
        appender.exit_code = CLI_EXIT_SIGNAL + cli_interrupt_signal();
    return cli_session_close(&session, appender.exit_code);
}
