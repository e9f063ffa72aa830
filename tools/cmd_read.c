/* tools/cmd_read.c -- strandline read, and tail, which goes on.
 *
 * Both open the data directory read-only, so that they work beside a process that writes it.  Such
 * an opening sees the log as it is at that moment: tail opens anew whenever the files have changed.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

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
    int64_t start;                    /* the first one that was wanted */
    int64_t looked_ns;                /* when the log was opened: now, and the time before */
    int64_t looked_before_ns;
    uint64_t generation; /* of the log when it was looked at; 0 = unknown */
    int64_t remaining;   /* records; -1 = no limit */
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

static int64_t
wall_clock_ns(void)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_REALTIME, &now); /* this clock there is always */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The generation that is stored, 0 when that is unknown: where none is stored, or a batch is half
 * written, the library draws one by the clock for this opening alone. */
static uint64_t
stored_generation(const struct reader *reader, const struct strand_positions *now)
{
    bool is_drawn = now->generation >= (uint64_t)reader->looked_ns &&
                    now->generation <= (uint64_t)wall_clock_ns();

    return is_drawn ? 0 : now->generation;
}

static int
resolve_start(struct reader *reader, struct strand_log *log)
{
    const struct cli_options *options = reader->options;
    int status = cli_position_resolve(&options->from, log, options->isolation, &reader->offset);

    reader->start = reader->offset;
    return status;
}

static void
say_trimmed(struct reader *reader, int64_t offset)
{
    cli_say("%s/%" PRId32 " was trimmed: going on at offset %" PRId64 " instead of %" PRId64,
            reader->options->topic, reader->options->partition, offset, reader->offset);
    reader->offset = offset;
}

/* The log ends before the place where we are.  How far it was cut before it grew again is not
 * known; showing a record twice is better than not at all.  Where even the start is gone, the new
 * records are found by their time. */
static int
show_again(struct reader *reader, struct strand_log *log, const struct strand_positions *now)
{
    struct cli_position since = {CLI_FROM_TIME, reader->looked_before_ns / 1000000};
    int64_t offset = reader->start > now->log_start ? reader->start : now->log_start;
    int status = STRAND_OK;

    if (offset > now->log_end)
        status = cli_position_resolve(&since, log, reader->options->isolation, &offset);
    if (status != STRAND_OK)
        return status;
    cli_say("%s/%" PRId32 " was truncated below offset %" PRId64
            ": showing again what lies from offset %" PRId64 " on",
            reader->options->topic, reader->options->partition, reader->offset, offset);
    reader->offset = offset;
    reader->start = offset;
    return STRAND_OK;
}

static void
say_regrown(const struct reader *reader)
{
    cli_say("%s/%" PRId32 " was truncated and has grown again: records below %" PRId64
            " may differ from those shown",
            reader->options->topic, reader->options->partition, reader->offset);
}

/* Between two looks the log may have been cut on either side of where we are. */
static int
find_place(struct reader *reader, struct strand_log *log)
{
    struct strand_positions now;
    int status = strand_log_positions(log, &now);
    uint64_t known = reader->generation;
    uint64_t generation;

    if (status != STRAND_OK)
        return status;
    generation = stored_generation(reader, &now);
    if (reader->offset >= 0 && reader->offset < now.log_start)
        say_trimmed(reader, now.log_start);
    /* A generation is stored before the log gets shorter: at the same end nothing is sure yet. */
    if (generation != 0 && (known == 0 || reader->offset < now.log_end))
        reader->generation = generation;
    if (reader->offset < 0)
        return resolve_start(reader, log);
    if (reader->offset > now.log_end) {
        reader->generation = generation; /* what it was tells of this cut only */
        return show_again(reader, log, &now);
    }
    if (known != 0 && reader->generation != known)
        say_regrown(reader);
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
    int status = find_place(reader, log);

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
    int exit_code;
    int status;

    reader->looked_before_ns = reader->looked_ns;
    reader->looked_ns = wall_clock_ns();
    status = cli_session_open_log(&session, reader->options, STRAND_ENGINE_READ_ONLY);
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
    reader->start = -1;
    reader->looked_ns = 0;
    reader->looked_before_ns = 0;
    reader->generation = 0;
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
