/* tools/cmd_read.c -- strandline read, and tail, which goes on.
 *
 * Both open the data directory read-only, so that they work beside a process that writes it.  Such
 * an opening sees the log as it is at that moment: tail opens anew whenever the files have changed.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "strandline/engine.h"
#include "strandline/log.h"
#include "tools/change_watch.h"
#include "tools/commands.h"
#include "tools/interrupt.h"
#include "tools/json_output.h"
#include "tools/options.h"
#include "tools/record_format.h"
#include "tools/report.h"
#include "tools/session.h"

struct reader {
    const struct cli_options *options;
    struct cli_record_format *format; /* owned */
    int64_t offset;                   /* of the next record; -1 = not resolved yet */
    int64_t remaining;                /* records; -1 = no limit */
    int exit_code;
};

static bool
is_done(const struct reader *reader)
{
    return reader->remaining == 0 ||
           (reader->options->until >= 0 && reader->offset >= reader->options->until);
}

/* STRAND_END: whoever read our output has gone. */
static int
put_record(struct reader *reader, const struct strand_record *record)
{
    const struct cli_options *options = reader->options;

    if (options->json)
        cli_json_put_record(stdout, record);
    else
        cli_record_format_put(reader->format, stdout, options->topic, options->partition, record);
    if (reader->remaining > 0)
        reader->remaining--;
    return cli_output_status();
}

/* What can be read is read: damage is reported, and the exit code keeps it. */
static bool
can_step_over(struct reader *reader, int status)
{
    if (status != STRAND_ERR_CORRUPT && status != STRAND_ERR_CODEC)
        return false;
    reader->exit_code = cli_report(status);
    return true;
}

/* Print what CURSOR has.  STRAND_OK: all that there is for now, or all that was wanted. */
static int
print_records(struct reader *reader, struct strand_cursor *cursor)
{
    struct strand_record record;

    while (!is_done(reader)) {
        int status = strand_cursor_next(cursor, &record);

        if (status == STRAND_END)
            return STRAND_OK;
        if (status == STRAND_OK) {
            reader->offset = record.offset;
            if (is_done(reader))
                return STRAND_OK;
            status = put_record(reader, &record);
        } else if (can_step_over(reader, status)) {
            status = STRAND_OK;
        }
        if (status != STRAND_OK)
            return status;
        reader->offset = strand_cursor_offset(cursor);
        if (cli_interrupt_signal() != 0)
            return STRAND_OK;
    }
    return STRAND_OK;
}

static int
say_jump(struct reader *reader, int64_t offset, const char *cause)
{
    cli_say("%s/%" PRId32 " was %s: going on at offset %" PRId64 " instead of %" PRId64,
            reader->options->topic, reader->options->partition, cause, offset, reader->offset);
    reader->offset = offset;
    return STRAND_OK;
}

/* Between two looks the log may have been cut on either side of where we are: go on where it is. */
static int
follow_cut(struct reader *reader, struct strand_log *log)
{
    struct strand_positions now;
    int status = strand_log_positions(log, &now);

    if (status != STRAND_OK)
        return status;
    if (reader->offset < now.log_start)
        return say_jump(reader, now.log_start, "trimmed");
    if (reader->offset > now.log_end)
        return say_jump(reader, now.log_end, "truncated");
    return STRAND_OK;
}

static int
read_log(struct reader *reader, struct strand_log *log)
{
    const struct cli_options *options = reader->options;
    struct strand_cursor_options cursor_options = {
        .struct_size = sizeof cursor_options,
        .isolation = options->isolation,
    };
    struct strand_cursor *cursor;
    int status;

    if (reader->offset >= 0)
        status = follow_cut(reader, log);
    else
        status = cli_position_resolve(&options->from, log, options->isolation, &reader->offset);
    if (status == STRAND_OK)
        status = strand_cursor_open(log, reader->offset, &cursor_options, &cursor);
    if (status != STRAND_OK)
        return status;
    status = print_records(reader, cursor);
    if (status == STRAND_OK)
        status = cli_output_flush();
    strand_cursor_close(cursor);
    return status;
}

/* Open, read what there is, close. */
static int
read_once(struct reader *reader)
{
    struct cli_session session = {NULL, NULL};
    int status = cli_session_open_log(&session, reader->options, STRAND_ENGINE_READ_ONLY);
    int exit_code;

    if (status == STRAND_OK)
        status = read_log(reader, session.log);
    exit_code = cli_report(status);
    if (reader->exit_code == CLI_EXIT_OK)
        reader->exit_code = exit_code;
    reader->exit_code = cli_session_close(&session, reader->exit_code);
    return status;
}

static int
open_reader(const struct cli_options *options, struct reader *reader)
{
    reader->options = options;
    reader->format = NULL;
    reader->offset = -1;
    reader->remaining = options->count;
    reader->exit_code = CLI_EXIT_OK;
    return cli_record_format_create(options->format, &reader->format);
}

int
cli_run_read(const struct cli_options *options)
{
    struct reader reader;
    int status = open_reader(options, &reader);

    if (status != STRAND_OK)
        return cli_report(status);
    (void)read_once(&reader); /* it has left its exit code */
    cli_record_format_destroy(reader.format);
    return reader.exit_code;
}

static int
tail_log(struct reader *reader)
{
    struct cli_change_watch watch = {0, false};
    int status = STRAND_OK;

    while (status == STRAND_OK && !is_done(reader) && cli_interrupt_signal() == 0) {
        if (cli_change_watch_poll(&watch, reader->options))
            status = read_once(reader);
        if (status == STRAND_OK && !is_done(reader))
            cli_interrupt_sleep((int)reader->options->interval_ms);
    }
    return cli_interrupt_signal() != 0 ? CLI_EXIT_SIGNAL + cli_interrupt_signal()
                                       : reader->exit_code;
}

int
cli_run_tail(const struct cli_options *options)
{
    struct reader reader;
    int status = cli_interrupt_install();
    int exit_code;

    if (status == STRAND_OK)
        status = open_reader(options, &reader);
    if (status != STRAND_OK)
        return cli_report(status);
    exit_code = tail_log(&reader);
    cli_record_format_destroy(reader.format);
    return exit_code;
}
