/* tools/cmd_append.c -- strandline append: from bytes to batches, on three threads.
 *
 *     read, split into records -> encode, append (batch_writer.h) -> wait until durable
 * (ack_queue.h)
 *
 * so that reading, encoding and sync rounds overlap.  Nothing is allocated for a record: lines are
 * handed to the library where they were read.
 *
 * Whatever goes wrong in the input, what stood before it is appended and durable.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "storage/batch.h"
#include "strandline/engine.h"
#include "strandline/log.h"
#include "tools/ack_queue.h"
#include "tools/batch_writer.h"
#include "tools/commands.h"
#include "tools/input.h"
#include "tools/interrupt.h"
#include "tools/json_output.h"
#include "tools/options.h"
#include "tools/progress.h"
#include "tools/report.h"
#include "tools/session.h"

struct appender {
    const struct cli_options *options;
    struct strand_log *log; /* borrowed */
    size_t batch_size_max;
    struct cli_input input;
    struct cli_batch_writer writer;
    struct cli_batch *batch;   /* the writer's current one; its records point into the input */
    struct cli_ack_queue acks; /* running when the durability is durable */
    struct cli_progress progress;
    int exit_code; /* of the first failure */

    /* What was appended; the writer's until it has finished. */
    int64_t record_count;
    int64_t first_offset; /* -1 = nothing */
    int64_t end_offset;
};

static bool
is_durable(const struct appender *appender)
{
    return appender->options->durability == STRAND_DURABLE;
}

/* On the writer's thread. */
static int
note_written(void *context, const struct strand_appended *appended)
{
    struct appender *appender = context;

    if (appender->first_offset < 0)
        appender->first_offset = appended->base_offset;
    appender->end_offset = appended->end_offset;
    appender->record_count += appended->end_offset - appended->base_offset;
    return is_durable(appender) ? cli_ack_queue_add(&appender->acks, appended) : STRAND_OK;
}

/* Hand over the batch, if there is anything in it. */
static int
submit_batch(struct appender *appender)
{
    int status;

    if (appender->batch->count == 0)
        return STRAND_OK;
    status = cli_batch_writer_submit(&appender->writer);
    appender->batch = cli_batch_writer_current(&appender->writer);
    if (status != STRAND_OK || appender->input.kind != CLI_INPUT_NDJSON)
        return status;
    /* What was parsed is given back batch by batch. */
    status = cli_batch_writer_drain(&appender->writer);
    cli_input_forget(&appender->input);
    return status;
}

/* Of RECORD as the next one of the batch. */
static size_t
encoded_size(const struct cli_batch *batch, const struct strand_record *record)
{
    int64_t delta_ms = 0;

    /* 0 is "now", which only the append knows: a few bytes more or less do not matter. */
    if (batch->count > 0 && record->timestamp_ms > 0 && batch->records[0].timestamp_ms > 0)
        delta_ms = record->timestamp_ms - batch->records[0].timestamp_ms;
    return strand_record_encoded_size(record, delta_ms, (int32_t)batch->count);
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

static bool
has_room(const struct appender *appender, size_t size)
{
    const struct cli_batch *batch = appender->batch;
    int64_t count_max = appender->options->batch_records;

    return batch->count == 0 || (batch->size + size <= appender->batch_size_max &&
                                 (count_max == 0 || batch->count < (size_t)count_max));
}

/* Take the record that stands behind the batch into it; when the batch is full, into the next. */
static int
add_record(struct appender *appender)
{
    const struct strand_record *record = &appender->batch->records[appender->batch->count];
    size_t size = encoded_size(appender->batch, record);

    if (STRAND_BATCH_HEADER_SIZE + size > (size_t)appender->options->max_message_bytes)
        return fail_too_large(appender, STRAND_BATCH_HEADER_SIZE + size);
    if (!has_room(appender, size)) {
        struct strand_record kept = *record;
        int status = submit_batch(appender);

        if (status == STRAND_OK)
            status = cli_batch_reserve(appender->batch);
        if (status != STRAND_OK)
            return status;
        appender->batch->records[0] = kept;
    }
    appender->batch->count++;
    appender->batch->size += size;
    return STRAND_OK;
}

/* Read more.  When there is nothing to read for now, what is there goes out first. */
static int
fill_input(struct appender *appender)
{
    int status = STRAND_OK;

    if (cli_input_is_paused(&appender->input))
        status = submit_batch(appender);
    if (status == STRAND_OK && cli_input_is_full(&appender->input))
        status = cli_batch_writer_drain(&appender->writer);
    if (status == STRAND_OK)
        status = cli_input_fill(&appender->input, appender->batch->records, appender->batch->count);
    cli_progress_update(&appender->progress, appender->input.bytes_read);
    return status;
}

/* Up to the end of the input, or a failure. */
static int
take_records(struct appender *appender)
{
    for (;;) {
        int status = cli_batch_reserve(appender->batch);

        if (status == STRAND_OK)
            status =
                cli_input_next(&appender->input, &appender->batch->records[appender->batch->count]);
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
    if (status == STRAND_OK || status == STRAND_END || appender->exit_code != CLI_EXIT_OK)
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
    (void)printf(",\"partition\":%" PRId32 ",\"records\":%" PRId64, options->partition,
                 appender->record_count);
    if (appender->first_offset < 0)
        (void)printf(",\"first_offset\":null,\"last_offset\":null");
    else
        (void)printf(",\"first_offset\":%" PRId64 ",\"last_offset\":%" PRId64,
                     appender->first_offset, appender->end_offset - 1);
    (void)printf(",\"durable\":%s}\n", all_is_durable ? "true" : "false");
}

/* Append all of the input.  What stood before bad input is appended, too. */
static int
run_writer(struct appender *appender)
{
    int status = cli_batch_writer_start(&appender->writer, appender->log, note_written, appender);

    if (status != STRAND_OK)
        return status;
    appender->batch = cli_batch_writer_current(&appender->writer);
    note(appender, take_records(appender));
    note(appender, submit_batch(appender));
    return cli_batch_writer_finish(&appender->writer);
}

static void
append_input(struct appender *appender)
{
    bool all_is_durable = false;
    int status;

    if (is_durable(appender)) {
        status = cli_ack_queue_start(&appender->acks, appender->log, appender->options->acks);
        if (status != STRAND_OK) {
            note(appender, status);
            return;
        }
    }
    note(appender, run_writer(appender));
    if (is_durable(appender)) {
        status = cli_ack_queue_finish(&appender->acks);
        all_is_durable = status == STRAND_OK;
        note(appender, status);
        note(appender, cli_ack_queue_output_status(&appender->acks));
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
    static struct cli_session session; /* written: it lives until the process ends */
    struct appender appender = {
        .options = options,
        .batch_size_max = (size_t)options->batch_bytes,
        .first_offset = -1,
    };
    int status =
        cli_input_open(options->file, (enum cli_input_kind)options->input, options->key_separator,
                       (size_t)options->max_message_bytes, &appender.input);

    if (status != STRAND_OK)
        return cli_report(status);
    if (options->batch_bytes > options->max_message_bytes)
        appender.batch_size_max = (size_t)options->max_message_bytes;
    status = open_log(options, &session);
    appender.log = session.log;
    if (status == STRAND_OK) {
        cli_progress_init(&appender.progress, appender.input.total, options->quiet);
        append_input(&appender);
    } else {
        appender.exit_code = cli_report(status);
    }
    cli_input_close(&appender.input);
    if (appender.exit_code == CLI_EXIT_OK && cli_interrupt_signal() != 0)
        appender.exit_code = CLI_EXIT_SIGNAL + cli_interrupt_signal();
    /* Closing makes everything durable.  What was asked to be no more than written is left to the
     * operating system, as it would be if the process died here. */
    if (!is_durable(&appender) && appender.exit_code == CLI_EXIT_OK)
        return CLI_EXIT_OK;
    return cli_session_close(&session, appender.exit_code);
}
