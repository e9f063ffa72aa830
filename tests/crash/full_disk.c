/* tests/crash/full_disk.c -- A disk that is really full: full_disk DIRECTORY.
 *
 * DIRECTORY is on a small file system of its own.  Batches are appended durably until there is no
 * room.  Then, closed or killed: opened with the disk full, everything acknowledged is read, the
 * head is trimmed, and appends go on without another opening.  And a running engine goes on by
 * itself when others give room back.
 *
 * A child does what is killed; it tells through a pipe what was acknowledged. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "strandline/strandline.h"

enum { VALUE_SIZE = 64 << 10, SEGMENT_BYTES = 4 << 20, MORE = 50 };

static _Noreturn void
fail(const char *what)
{
    fprintf(stderr, "FAILED: %s: %s\n", what, strand_error_message());
    exit(1);
}

static void
require(int status, const char *what)
{
    if (status != STRAND_OK)
        fail(what);
}

struct handles {
    struct strand_engine *engine;
    struct strand_log *log;
};

static struct handles
open_log(const char *directory)
{
    struct strand_engine_options engine_options = {.struct_size = sizeof engine_options};
    struct strand_log_options log_options = {.struct_size = sizeof log_options,
                                             .segment_bytes = SEGMENT_BYTES};
    struct handles handles;

    require(strand_engine_open(directory, &engine_options, &handles.engine), "open the engine");
    require(strand_log_open(handles.engine, "orders", 0, &log_options, &handles.log),
            "open the log");
    return handles;
}

static void
close_log(struct handles *handles)
{
    require(strand_log_close(handles->log), "close the log");
    require(strand_engine_close(handles->engine), "close the engine");
}

/* Whether it was acknowledged; false: the disk is full. */
static bool
append(struct strand_log *log, int64_t *out_offset)
{
    static char value[VALUE_SIZE];
    struct strand_record record = {.value = {value, sizeof value}};
    struct strand_appended appended;

    int status = strand_log_append(log, &record, 1, NULL, &appended);
    if (status == STRAND_ERR_NO_SPACE)
        return false;
    require(status, "append");
    *out_offset = appended.base_offset;
    return true;
}

/* The offset behind the last that was acknowledged. */
static int64_t
fill(struct strand_log *log)
{
    int64_t offset = -1;

    while (append(log, &offset))
        continue;
    return offset + 1;
}

/* Read everything; at least up to END, without a hole. */
static void
read_all(struct strand_log *log, int64_t start, int64_t end)
{
    struct strand_cursor *cursor;
    struct strand_record record;
    int64_t next = start;
    int status;

    require(strand_cursor_open(log, start, NULL, &cursor), "open a cursor");
    while ((status = strand_cursor_next(cursor, &record)) == STRAND_OK) {
        if (record.offset != next++ || record.value.size != VALUE_SIZE)
            fail("a record is not the one that was appended");
    }
    if (status != STRAND_END)
        fail("read");
    if (next < end) {
        fprintf(stderr, "FAILED: acknowledged up to %" PRId64 ", read up to %" PRId64 "\n", end,
                next);
        exit(1);
    }
    strand_cursor_close(cursor);
}

/* Everything is there; the head goes; appends go on. */
static void
use_when_full(struct strand_log *log, int64_t acknowledged)
{
    struct strand_positions positions;
    int64_t offset;

    require(strand_log_positions(log, &positions), "look at the positions");
    read_all(log, positions.log_start, acknowledged);
    require(strand_log_trim(log, (positions.log_start + positions.high_watermark) / 2), "trim");
    for (int i = 0; i < MORE; i++)
        if (!append(log, &offset))
            fail("append after the trim");
    require(strand_log_positions(log, &positions), "look at the positions");
    read_all(log, positions.log_start, offset + 1);
}

/* ---- What is done ---- */

static void
closed_and_opened_full(const char *directory)
{
    struct handles handles = open_log(directory);
    int64_t acknowledged = fill(handles.log);

    close_log(&handles);
    handles = open_log(directory);
    use_when_full(handles.log, acknowledged);
    close_log(&handles);
    printf("closed full: %" PRId64 " acknowledged, all read, trimmed, appended\n", acknowledged);
}

/* Fill in a child, which is killed with the disk full. */
static int64_t
fill_and_be_killed(const char *directory)
{
    int pipes[2];
    int64_t acknowledged = -1;
    int wait_status;

    if (pipe(pipes) != 0)
        fail("pipe");
    pid_t child = fork();
    if (child == 0) {
        struct handles handles = open_log(directory);

        acknowledged = fill(handles.log);
        if (write(pipes[1], &acknowledged, sizeof acknowledged) != sizeof acknowledged)
            _exit(1);
        for (;;)
            pause();
    }
    (void)close(pipes[1]);
    if (read(pipes[0], &acknowledged, sizeof acknowledged) != sizeof acknowledged)
        fail("the child has not filled the disk");
    (void)close(pipes[0]);
    (void)kill(child, SIGKILL);
    if (waitpid(child, &wait_status, 0) != child || !WIFSIGNALED(wait_status))
        fail("the child was not killed");
    return acknowledged;
}

static void
killed_and_opened_full(const char *directory)
{
    int64_t acknowledged = fill_and_be_killed(directory);
    struct handles handles = open_log(directory);

    use_when_full(handles.log, acknowledged);
    close_log(&handles);
    printf("killed full: %" PRId64 " acknowledged, all read, trimmed, appended\n", acknowledged);
}

/* Trimmed while it runs. */
static void
goes_on_without_opening(const char *directory)
{
    struct handles handles = open_log(directory);
    int64_t acknowledged = fill(handles.log);

    use_when_full(handles.log, acknowledged);
    require(strand_engine_health(handles.engine), "health");
    require(strand_engine_checkpoint(handles.engine), "checkpoint");
    close_log(&handles);
    printf("ran full: %" PRId64 " acknowledged, trimmed and appended in the same engine\n",
           acknowledged);
}

int
main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: full_disk DIRECTORY\n");
        return 64;
    }
    closed_and_opened_full(argv[1]);
    killed_and_opened_full(argv[1]);
    goes_on_without_opening(argv[1]);
    return 0;
}
