/* bench/measure_partitions.c -- What many logs cost: an append, opening, memory, descriptors.
 *
 * First appends go round all logs; then the engine is closed and opened again, and what it holds is
 * counted while nobody uses it: for a log what it holds more than an engine without logs.  Beside
 * it, what the same appends cost a file system alone: its own cost of a file grows with their
 * number.
 */
#include <stdlib.h>

#include "base/error.h"
#include "base/thread.h"
#include "bench/histogram.h"
#include "bench/measures.h"
#include "bench/memory_use.h"
#include "bench/scratch.h"
#include "bench/writing.h"
#include "strandline/engine.h"
#include "strandline/log.h"

enum { SIDE_COUNT = 2 };

struct usage {
    int64_t heap_bytes;
    int64_t descriptors;
};

static struct usage
usage_now(void)
{
    return (struct usage){bench_heap_bytes(), bench_descriptor_count()};
}

/* What an engine without logs holds. */
static int
measure_empty(const struct bench_writing *writing, struct bench_outcome *outcome,
              int64_t *out_bytes)
{
    struct strand_engine_options options;
    struct strand_engine *engine;
    char directory[BENCH_PATH_SIZE];
    struct usage before = usage_now();

    bench_strandline_options(&writing->options, &options);
    int status = bench_scratch_make(writing->job->scratch, directory);
    if (status == STRAND_OK)
        status = strand_engine_open(directory, &options, &engine);
    if (status != STRAND_OK)
        return status;
    *out_bytes = usage_now().heap_bytes - before.heap_bytes;
    bench_outcome_add(outcome, "memory, engine without logs", BENCH_BYTES, (double)*out_bytes);
    return strand_engine_close(engine);
}

/* BEFORE: without an engine; EMPTY_BYTES: what one without logs holds. */
static void
tell_usage(const char *const names[3], const struct usage *before, int64_t empty_bytes,
           int64_t logs, struct bench_outcome *outcome)
{
    struct usage now = usage_now();
    double bytes = (double)(now.heap_bytes - before->heap_bytes);
    double more = bytes - (double)empty_bytes;

    if (now.heap_bytes >= 0) {
        bench_outcome_add(outcome, names[0], BENCH_BYTES, bytes > 0 ? bytes : 0);
        bench_outcome_add(outcome, names[1], BENCH_BYTES, more > 0 ? more / (double)logs : 0);
    }
    if (now.descriptors >= 0)
        bench_outcome_add(outcome, names[2], BENCH_COUNT,
                          (double)(now.descriptors - before->descriptors));
}

static int
open_handles(const struct bench_writing *writing, struct strand_engine *engine,
             struct strand_log **logs)
{
    struct strand_log_options options;

    bench_strandline_log_options(&writing->options, writing->payload, writing->one.segment_bytes,
                                 &options);
    for (int64_t i = 0; i < writing->one.logs; i++) {
        int status = strand_log_open(engine, "bench", (int32_t)i, &options, &logs[i]);
        if (status != STRAND_OK)
            return status;
    }
    return STRAND_OK;
}

static int
count_handles(const struct bench_writing *writing, struct strand_engine *engine,
              const struct usage *before, int64_t empty_bytes, struct bench_outcome *outcome)
{
    static const char *const NAMES[] = {"memory, logs open", "memory per open log",
                                        "descriptors, logs open"};
    struct strand_log **logs = calloc((size_t)writing->one.logs, sizeof(struct strand_log *));

    if (logs == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory for the handles of logs");
    int status = open_handles(writing, engine, logs);
    if (status == STRAND_OK)
        tell_usage(NAMES, before, empty_bytes, writing->one.logs, outcome);
    for (int64_t i = 0; i < writing->one.logs; i++)
        (void)strand_log_close(logs[i]); /* nothing was appended; those not opened are NULL */
    free(logs);
    return status;
}

static int
measure_idle(const struct bench_writing *writing, struct bench_outcome *outcome)
{
    static const char *const NAMES[] = {"memory, engine open", "memory per idle log",
                                        "descriptors, engine open"};
    struct strand_engine_options options;
    struct strand_engine *engine;
    int64_t empty_bytes;

    int status = measure_empty(writing, outcome, &empty_bytes);
    if (status != STRAND_OK)
        return status;
    struct usage before = usage_now();
    int64_t start = strand_thread_now_ns();
    bench_strandline_options(&writing->options, &options);
    status = strand_engine_open(writing->kept, &options, &engine);
    if (status != STRAND_OK)
        return status;
    bench_outcome_add(outcome, "open", BENCH_SECONDS,
                      (double)(strand_thread_now_ns() - start) / 1e9);
    tell_usage(NAMES, &before, empty_bytes, writing->one.logs, outcome);
    status = count_handles(writing, engine, &before, empty_bytes, outcome);
    int closed = strand_engine_close(engine);
    return status == STRAND_OK ? closed : status;
}

/* Of what appending tells, only what an append costs. */
static int
run_partitions(void *context, struct bench_outcome *out_outcome)
{
    struct bench_writing *writing = context;
    struct bench_outcome appends = {.count = 0};

    int status = bench_writing_run(writing, &appends);
    if (status != STRAND_OK)
        return status;
    out_outcome->seconds = appends.seconds;
    bench_outcome_add(out_outcome, "time per append", BENCH_SECONDS,
                      1 / bench_outcome_find(&appends, "appends")->value);
    bench_outcome_add(out_outcome, "p99 of an append", BENCH_SECONDS,
                      bench_outcome_find(&appends, "p99")->value);
    return writing->side == &bench_side_strandline ? measure_idle(writing, out_outcome) : STRAND_OK;
}

struct field {
    struct bench_histogram latency;
    struct bench_payload payloads[BENCH_LIST_MAX];
    size_t payload_count;
    struct bench_writing writings[BENCH_LIST_MAX * SIDE_COUNT];
    struct bench_contestant contestants[BENCH_LIST_MAX * SIDE_COUNT];
    size_t count;
};

static void
add_contestant(const struct bench_job *job, struct field *field, size_t number,
               const struct bench_side *side)
{
    struct bench_writing *writing = &field->writings[field->count];
    struct bench_contestant *contestant = &field->contestants[field->count++];

    *writing = (struct bench_writing){
        .job = job,
        .side = side,
        .options = *job->options,
        .one = bench_options_case(job->options, number),
        .payload = &field->payloads[number],
        .latency = &field->latency,
        .is_always_kept = true,
    };
    *contestant = (struct bench_contestant){
        .side = side->name,
        .case_number = number,
        .run = run_partitions,
        .context = writing,
    };
    bench_job_describe(job, &writing->one, &contestant->conditions);
}

static int
add_case(const struct bench_job *job, struct field *field, size_t number)
{
    static const struct bench_side *const SIDES[SIDE_COUNT] = {&bench_side_strandline,
                                                               &bench_side_raw};
    struct bench_case one = bench_options_case(job->options, number);

    int status = bench_payload_create(job->options, &one, job->scratch, &field->payloads[number]);
    if (status != STRAND_OK)
        return status;
    field->payload_count = number + 1;
    for (size_t i = 0; i < SIDE_COUNT; i++)
        if (bench_options_has_side(job->options, SIDES[i]->name, true))
            add_contestant(job, field, number, SIDES[i]);
    return STRAND_OK;
}

int
bench_run_partitions(const struct bench_job *job)
{
    size_t case_count = bench_options_case_count(job->options);
    struct field *field = calloc(1, sizeof *field);
    int status = STRAND_OK;

    if (field == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory for a measurement");
    if (case_count > BENCH_LIST_MAX)
        status = strand_fail(STRAND_ERR_INVALID, "partitions measures at most %d cases at a time",
                             BENCH_LIST_MAX);
    for (size_t i = 0; i < case_count && status == STRAND_OK; i++)
        status = add_case(job, field, i);
    if (status == STRAND_OK)
        status = bench_scratch_warm(job->scratch, job->options->bytes);
    if (status == STRAND_OK)
        status = bench_job_finish(job, field->contestants, field->count, BENCH_COMPARES_ALL);
    for (size_t i = 0; i < field->payload_count; i++)
        bench_payload_deinit(&field->payloads[i]);
    free(field);
    return status;
}
