/* tools/cmd_read.c -- strandline read, and tail, which goes on.
 *
 * Both open the data directory read-only, so that they work beside a process that writes it.  Such
 * an opening sees the log as it is at that moment: tail opens anew whenever the files have changed.
 *
 * The other process may cut the log, and let it grow again, at any moment of a look.  A cut before
 * the log is open spoils the look, which then prints nothing.  A later one changes the generation
 * from the one that this look goes by, so that the next look speaks of it.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
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

/* A look that fails though the files change all the time: it is not that, then. */
enum { SPOILT_LOOKS_MAX = 50 };

/* One opening of the log. */
struct look {
    int64_t begun_ns;
    uint64_t generation; /* of the log; 0 = unknown */
};

/* The generation that a cut made, and what was durable when it was first seen. */
struct cut {
    uint64_t generation;
    int64_t durable_end;
};

struct reader {
    const struct cli_options *options;
    struct cli_record_format *format; /* owned */
    struct cli_change_watch watch;
    bool is_tail;
    int64_t offset; /* of the next record; -1 = not resolved yet */
    int64_t start;  /* the first one that was wanted; -1 = not resolved yet */
    struct look now;
    struct look last; /* that found its place; generation: of what was shown */
    struct cut cut;
    int64_t remaining; /* records; -1 = no limit */
    int spoilt_count;  /* looks in a row */
    int exit_code;
};

static bool
is_done(const struct reader *reader)
{
    return reader->remaining == 0 ||
           (reader->options->until >= 0 && reader->offset >= reader->options->until);
}

static int
fail_cut(const struct cli_options *options)
{
    return strand_fail(STRAND_ERR_TRUNCATED, "read %s/%" PRId32 ": another process has cut it",
                       options->topic, options->partition);
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

/* What can be read is read: damage is reported, and the exit code keeps it.  What looks damaged may
 * be a log that was cut since it was opened. */
static int
step_over(struct reader *reader, int status)
{
    if (status != STRAND_ERR_CORRUPT && status != STRAND_ERR_CODEC)
        return status;
    if (reader->now.generation != 0 &&
        cli_cut_mark_read(reader->options).generation != reader->now.generation)
        return fail_cut(reader->options);
    reader->exit_code = cli_report(status);
    return STRAND_OK;
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
        } else {
            status = step_over(reader, status);
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
    reader->last.generation = 0; /* nothing that was shown is left: it cannot change any more */
}

/* The log ends before the place where we are.  How far it was cut before it grew again is not
 * known; showing a record twice is better than not at all.  Where even the start is gone, the new
 * records are found by their time. */
static int
show_again(struct reader *reader, struct strand_log *log, int64_t log_start, int64_t end)
{
    struct cli_position since = {CLI_FROM_TIME, reader->last.begun_ns / 1000000};
    int64_t offset = reader->start > log_start ? reader->start : log_start;
    int status = STRAND_OK;

    if (offset > end)
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

/* A cut says what is to be, durably, before files get shorter, and whoever shows what is only
 * written would show what goes.  It is over when nothing stands behind what is durable, or when
 * more became durable. */
static bool
is_cut_over(struct reader *reader, const struct strand_positions *now)
{
    if (reader->cut.generation != reader->now.generation)
        reader->cut = (struct cut){reader->now.generation, now->durable_end};
    return now->durable_end == now->log_end || now->durable_end > reader->cut.durable_end;
}

static int
resume(struct reader *reader, struct strand_log *log, const struct strand_positions *now)
{
    bool shows_all = reader->options->isolation == STRAND_READ_WRITTEN;
    int64_t end = shows_all ? now->log_end : now->high_watermark;
    bool was_cut =
        reader->last.generation != 0 && reader->now.generation != reader->last.generation;
    int status = STRAND_OK;

    if (was_cut && shows_all && !is_cut_over(reader, now))
        return fail_cut(reader->options);
    if (reader->offset > now->log_end || (was_cut && reader->offset > end))
        status = show_again(reader, log, now->log_start, end);
    else if (was_cut && reader->offset < end)
        say_regrown(reader);
    else if (was_cut)
        return STRAND_OK; /* perhaps behind what was shown only: there is time to tell */
    if (status == STRAND_OK)
        reader->last.generation = reader->now.generation;
    return status;
}

/* Between two looks the log may have been cut on either side of where we are. */
static int
find_place(struct reader *reader, struct strand_log *log)
{
    struct strand_positions now;
    int status = strand_log_positions(log, &now);

    if (status != STRAND_OK)
        return status;
    if (reader->offset < 0) {
        reader->last.generation = reader->now.generation;
        status = resolve_start(reader, log);
    } else {
        if (reader->offset < now.log_start)
            say_trimmed(reader, now.log_start);
        status = resume(reader, log, &now);
    }
    if (status == STRAND_OK)
        reader->last.begun_ns = reader->now.begun_ns;
    return status;
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

static int
refuse_unreadable(void *context, const struct strand_log_info *info)
{
    const struct cli_options *const *options = context;

    if (info->state != STRAND_LOG_FAILED || info->partition != (*options)->partition ||
        strcmp(info->topic, (*options)->topic) != 0)
        return STRAND_OK;
    return strand_fail(STRAND_ERR_FAILED, "%s-%" PRId32 " has failed: %s", info->topic,
                       info->partition, info->reason);
}

/* Open it as it is at one moment: STRAND_ERR_TRUNCATED when it was cut meanwhile. */
static int
open_log(struct reader *reader, struct cli_session *session)
{
    const struct cli_options *options = reader->options;

    reader->now.begun_ns = wall_clock_ns();
    struct cli_cut_mark before = cli_cut_mark_read(options);
    int status = cli_session_open_log(session, options, STRAND_ENGINE_READ_ONLY);
    if (status != STRAND_OK)
        return status;

    struct cli_cut_mark after = cli_cut_mark_read(options);
    if (before.generation != after.generation || before.log_start != after.log_start)
        return fail_cut(options);
    reader->now.generation = after.generation;
    return strand_engine_list(session->engine, refuse_unreadable, &options);
}

/* Did a look fail because of what another process did meanwhile, so that the next one may do?  A
 * read that has begun is not begun again. */
static bool
is_spoilt(struct reader *reader, int status)
{
    if (!reader->is_tail && reader->start >= 0)
        return false;
    if (status == STRAND_ERR_TRUNCATED)
        return true;
    if (status != STRAND_ERR_NOT_FOUND && status != STRAND_ERR_IO && status != STRAND_ERR_FAILED)
        return false;
    return !ferror(stdout) && ++reader->spoilt_count < SPOILT_LOOKS_MAX &&
           cli_change_watch_is_outdated(&reader->watch, reader->options);
}

/* Open, read what there is, close.  STRAND_ERR_TRUNCATED, of which nothing was said: look again. */
static int
read_once(struct reader *reader)
{
    struct cli_session session = {NULL, NULL};
    int exit_code;
    int status = open_log(reader, &session);

    if (status == STRAND_OK)
        status = read_log(reader, session.log);
    if (is_spoilt(reader, status)) {
        (void)cli_session_close(&session, CLI_EXIT_FAILED); /* it has failed: that is known */
        return STRAND_ERR_TRUNCATED;
    }
    reader->spoilt_count = 0;
    exit_code = cli_report(status);
    if (reader->exit_code == CLI_EXIT_OK)
        reader->exit_code = exit_code;
    reader->exit_code = cli_session_close(&session, reader->exit_code);
    return status;
}

static int
open_reader(const struct cli_options *options, bool is_tail, struct reader *out_reader)
{
    *out_reader = (struct reader){
        .options = options,
        .is_tail = is_tail,
        .offset = -1,
        .start = -1,
        .remaining = options->count,
        .exit_code = CLI_EXIT_OK,
    };
    return cli_record_format_create(options->format, &out_reader->format);
}

int
cli_run_read(const struct cli_options *options)
{
    struct reader reader;
    int status = open_reader(options, false, &reader);

    if (status != STRAND_OK)
        return cli_report(status);
    do {
        (void)cli_change_watch_poll(&reader.watch, options); /* what a failure is compared with */
        status = read_once(&reader);
    } while (status == STRAND_ERR_TRUNCATED && reader.start < 0);
    cli_record_format_destroy(reader.format);
    return reader.exit_code;
}

static int
tail_log(struct reader *reader)
{
    int status = STRAND_OK;

    while (!is_done(reader) && cli_interrupt_signal() == 0) {
        if (cli_change_watch_poll(&reader->watch, reader->options))
            status = read_once(reader);
        if (status != STRAND_OK && status != STRAND_ERR_TRUNCATED)
            break;
        if (!is_done(reader))
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
        status = open_reader(options, true, &reader);
    if (status != STRAND_OK)
        return cli_report(status);
    exit_code = tail_log(&reader);
    cli_record_format_destroy(reader.format);
    return exit_code;
}
