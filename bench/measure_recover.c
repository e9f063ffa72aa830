/* bench/measure_recover.c -- How long opening takes: after a clean close, after the death of the
 * writer, and, for comparison, how long reading the same files takes.
 *
 * The writer is a child process that appends and ends without closing: what it wrote is in the
 * kernel's hands, as after a crash of a program.  Each run has a new one; it appends a batch to
 * each log, in the place of the last one's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread.h"
#include "bench/measures.h"
#include "bench/payload.h"
#include "bench/report.h"
#include "bench/scratch.h"
#include "bench/side.h"
#include "bench/stop.h"
#include "strandline/engine.h"
#include "strandline/log.h"

enum { SIDE_COUNT = 3, READ_SIZE = 1 << 20 };

struct recovery {
    const struct bench_job *job;
    struct bench_case one;
    struct bench_payload payload;
    char directory[BENCH_PATH_SIZE];
    bool is_filled;
    int64_t batch_count; /* that it is filled with, all logs together */
    uint8_t *buffer;     /* READ_SIZE */
};

/* ---- Writers ---- */

/* Append COUNT batches to the logs by turns. */
static int
append_rounds(const struct recovery *recovery, void *store, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        size_t batch = (size_t)i % recovery->payload.batch_count;
        int status = bench_side_strandline.append(store, (uint32_t)(i % recovery->one.logs),
                                                  &recovery->payload.batches[batch]);
        if (status != STRAND_OK)
            return status;
        if (bench_stop_is_wanted())
            return STRAND_END;
    }
    return STRAND_OK;
}

static int
open_store(const struct recovery *recovery, void **out_store)
{
    struct bench_options options = *recovery->job->options;
    const struct bench_setup setup = {
        .directory = recovery->directory,
        .is_kept = true,
        .log_count = (uint32_t)recovery->one.logs,
        .bytes = options.bytes,
        .segment_bytes = recovery->one.segment_bytes,
        .payload = &recovery->payload,
        .options = &options,
    };

    options.durability = STRAND_WRITTEN;
    return bench_side_strandline.open(&setup, out_store);
}

/* What every run begins with: logs that were closed cleanly. */
static int
fill(struct recovery *recovery)
{
    int64_t count = recovery->job->options->bytes / (int64_t)recovery->payload.batches[0].user_size;
    void *store;

    if (recovery->is_filled)
        return STRAND_OK;
    recovery->batch_count = count > recovery->one.logs ? count : recovery->one.logs;
    int status = open_store(recovery, &store);
    if (status != STRAND_OK)
        return status;
    status = append_rounds(recovery, store, recovery->batch_count);
    int closed = bench_side_strandline.close(store);
    recovery->is_filled = status == STRAND_OK && closed == STRAND_OK;
    return status == STRAND_OK ? closed : status;
}

/* Take back what the last writer has appended: logs do not grow from run to run. */
static int
cut_back(const struct recovery *recovery, void *store)
{
    int64_t logs = recovery->one.logs;

    for (int64_t i = 0; i < logs; i++) {
        int64_t batches = recovery->batch_count / logs + (i < recovery->batch_count % logs);
        int64_t end = batches * (int64_t)recovery->payload.batches[0].record_count;

        int status = strand_log_truncate(bench_strandline_log(store, (uint32_t)i), end, NULL);
        if (status != STRAND_OK)
            return status;
        if (bench_stop_is_wanted())
            return STRAND_END;
    }
    return STRAND_OK;
}

/* In a process of its own: append a batch to each log, and do not close.  Returns an exit code. */
static int
write_and_die(const struct recovery *recovery)
{
    void *store;

    int status = open_store(recovery, &store);
    if (status == STRAND_OK)
        status = cut_back(recovery, store);
    if (status == STRAND_OK)
        status = append_rounds(recovery, store, recovery->one.logs);
    if (status != STRAND_OK && status != STRAND_END)
        bench_say("writer: %s", strand_error_message());
    return status == STRAND_OK ? 0 : 1;
}

static int
crash(const struct recovery *recovery)
{
    int result;

    pid_t child = fork();
    if (child < 0)
        return strand_fail_code(errno, "start a writer");
    if (child == 0)
        _exit(write_and_die(recovery));
    while (waitpid(child, &result, 0) < 0)
        if (errno != EINTR)
            return strand_fail_code(errno, "wait for the writer");
    if (bench_stop_is_wanted())
        return STRAND_END;
    if (!WIFEXITED(result) || WEXITSTATUS(result) != 0)
        return strand_fail(STRAND_ERR_FAILED, "the writer has failed");
    return STRAND_OK;
}

/* ---- Cold files ---- */

/* Only what is on disk can be forgotten: it is synced first. */
static int
forget_file(void *context, const char *path)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);

    (void)context;
    if (descriptor < 0)
        return strand_fail_code(errno, "open %s", path);
    int code =
        fsync(descriptor) != 0 ? errno : posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
    (void)close(descriptor); /* it was only read */
    return code == 0 ? STRAND_OK : strand_fail_code(code, "make the kernel forget %s", path);
}

static int
forget(const struct recovery *recovery)
{
    if (!recovery->job->options->cold)
        return STRAND_OK;
    return bench_tree_visit(recovery->directory, forget_file, NULL);
}

/* ---- Sides ---- */

struct found {
    int64_t bytes_read;
    int64_t scanned_count;
};

static int
add_up(void *context, const struct strand_recovery_report *report)
{
    struct found *found = context;

    found->bytes_read += report->bytes_read;
    found->scanned_count += report->scanned_count;
    return 0;
}

static int
open_engine(const struct recovery *recovery, struct bench_outcome *outcome)
{
    struct strand_engine_options options;
    struct strand_engine *engine;
    struct found found = {0, 0};

    bench_strandline_options(recovery->job->options, &options);
    int64_t start = strand_thread_now_ns();
    int status = strand_engine_open(recovery->directory, &options, &engine);
    if (status != STRAND_OK)
        return status;
    double seconds = (double)(strand_thread_now_ns() - start) / 1e9;
    status = strand_engine_recovery_report(engine, add_up, &found);
    outcome->seconds = seconds;
    bench_outcome_add(outcome, "time", BENCH_SECONDS, seconds);
    bench_outcome_add(outcome, "bytes read", BENCH_BYTES, (double)found.bytes_read);
    bench_outcome_add(outcome, "segments read", BENCH_COUNT, (double)found.scanned_count);
    int closed = strand_engine_close(engine);
    return status == STRAND_OK ? closed : status;
}

static int
run_unclean(void *context, struct bench_outcome *out_outcome)
{
    struct recovery *recovery = context;

    int status = fill(recovery);
    if (status == STRAND_OK)
        status = crash(recovery);
    if (status == STRAND_OK)
        status = forget(recovery);
    return status == STRAND_OK ? open_engine(recovery, out_outcome) : status;
}

static int
run_clean(void *context, struct bench_outcome *out_outcome)
{
    struct recovery *recovery = context;

    int status = fill(recovery);
    if (status == STRAND_OK)
        status = forget(recovery);
    return status == STRAND_OK ? open_engine(recovery, out_outcome) : status;
}

struct reading {
    uint8_t *buffer;
    int64_t bytes;
};

static int
read_file(void *context, const char *path)
{
    struct reading *reading = context;
    size_t size = strlen(path);
    ssize_t taken = 0;
    int64_t position = 0;

    if (size < 4 || strcmp(path + size - 4, ".log") != 0)
        return STRAND_OK;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return strand_fail_code(errno, "open %s", path);
    while ((taken = pread(descriptor, reading->buffer, READ_SIZE, position)) > 0)
        position += taken;
    int code = errno;
    (void)close(descriptor); /* it was only read */
    reading->bytes += position;
    return taken == 0 ? STRAND_OK : strand_fail_code(code, "read %s", path);
}

static int
run_pread(void *context, struct bench_outcome *out_outcome)
{
    struct recovery *recovery = context;
    struct reading reading = {recovery->buffer, 0};

    int status = fill(recovery);
    if (status == STRAND_OK)
        status = forget(recovery);
    if (status != STRAND_OK)
        return status;
    int64_t start = strand_thread_now_ns();
    status = bench_tree_visit(recovery->directory, read_file, &reading);
    out_outcome->seconds = (double)(strand_thread_now_ns() - start) / 1e9;
    bench_outcome_add(out_outcome, "time", BENCH_SECONDS, out_outcome->seconds);
    bench_outcome_add(out_outcome, "bytes read", BENCH_BYTES, (double)reading.bytes);
    return status;
}

/* ---- All of it ---- */

struct field {
    struct recovery recoveries[BENCH_LIST_MAX];
    size_t recovery_count;
    struct bench_contestant contestants[BENCH_LIST_MAX * SIDE_COUNT];
    size_t count;
    uint8_t buffer[READ_SIZE];
};

static int
add_case(const struct bench_job *job, struct field *field, size_t number)
{
    static const struct {
        const char *name;
        bench_run_fn *run;
    } SIDES[SIDE_COUNT] = {{"unclean", run_unclean}, {"pread", run_pread}, {"clean", run_clean}};
    struct recovery *recovery = &field->recoveries[number];

    recovery->job = job;
    recovery->one = bench_options_case(job->options, number);
    recovery->buffer = field->buffer;
    for (size_t i = 0; i < SIDE_COUNT; i++) {
        struct bench_contestant *contestant = &field->contestants[field->count];

        if (!bench_options_has_side(job->options, SIDES[i].name, true))
            continue;
        *contestant = (struct bench_contestant){
            .side = SIDES[i].name, .case_number = number, .run = SIDES[i].run, .context = recovery};
        bench_job_describe(job, &recovery->one, &contestant->conditions);
        bench_conditions_add_text(&contestant->conditions, "files",
                                  job->options->cold ? "cold" : "warm");
        field->count++;
    }
    int status =
        bench_payload_create(job->options, &recovery->one, job->scratch, &recovery->payload);
    if (status != STRAND_OK)
        return status;
    field->recovery_count++;
    return bench_scratch_make(job->scratch, recovery->directory);
}

int
bench_run_recover(const struct bench_job *job)
{
    size_t case_count = bench_options_case_count(job->options);
    struct field *field = calloc(1, sizeof *field);

    if (field == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory for a measurement");
    int status =
        bench_scratch_require(job->scratch, job->options->bytes / 4 * 5 * (int64_t)case_count);
    if (status == STRAND_OK && case_count > BENCH_LIST_MAX)
        status = strand_fail(STRAND_ERR_INVALID, "recover measures at most %d cases at a time",
                             BENCH_LIST_MAX);
    for (size_t i = 0; i < case_count && status == STRAND_OK; i++)
        status = add_case(job, field, i);
    if (status == STRAND_OK)
        status = bench_job_finish(job, field->contestants, field->count, BENCH_COMPARES_ALL);
    for (size_t i = 0; i < field->recovery_count; i++)
        bench_payload_deinit(&field->recoveries[i].payload);
    free(field);
    return status;
}
