/* bench/measure_compare.c -- Strandline and other libraries that keep records, at the same work.
 *
 * Each work is a case, with every side in it; rounds go through all of them.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "bench/doomed.h"
#include "bench/histogram.h"
#include "bench/measures.h"
#include "bench/peers.h"
#include "bench/reading.h"
#include "bench/scratch.h"
#include "bench/writing.h"
#include "strandline/log.h"

enum {
    WORK_COUNT = 7,
    SIDE_COUNT = 2 + BENCH_PEER_COUNT,
    READ_BATCH_RECORDS = 16,
    DURABLE_BYTES_MAX = 64 << 20,
    CRASH_BYTES_MAX = 256 << 20,
};

struct work {
    const char *name;
    int64_t batch_records;
    int64_t threads;
    int32_t durability; /* enum strand_durability */
    int64_t bytes_max;  /* 0: what the options say */
    bench_run_fn *run;  /* of a struct bench_reading; NULL: appends */
};

static const struct work WORKS[WORK_COUNT] = {
    {"append", 1, 1, STRAND_WRITTEN, 0, NULL},
    {"append-64", 64, 1, STRAND_WRITTEN, 0, NULL},
    {"durable", 1, 1, STRAND_DURABLE, DURABLE_BYTES_MAX, NULL},
    {"durable-16", 1, 16, STRAND_DURABLE, DURABLE_BYTES_MAX, NULL},
    {"scan", READ_BATCH_RECORDS, 1, STRAND_WRITTEN, 0, bench_reading_run_scan},
    {"seek", READ_BATCH_RECORDS, 1, STRAND_WRITTEN, 0, bench_reading_run_seek},
    {"crash", READ_BATCH_RECORDS, 1, STRAND_WRITTEN, CRASH_BYTES_MAX, bench_reading_run_crash},
};

/* One work, with what its contestants share. */
struct stage {
    struct bench_options options;
    struct bench_job job; /* with these options */
    struct bench_case one;
    struct bench_payload payload;
};

struct field {
    const struct bench_side *sides[SIDE_COUNT];
    size_t side_count;
    struct stage stages[WORK_COUNT];
    struct bench_writing writings[WORK_COUNT * SIDE_COUNT];
    struct bench_reading readings[SIDE_COUNT]; /* of scans and searches: one filled store each */
    struct bench_reading crashes[SIDE_COUNT];
    struct bench_contestant contestants[WORK_COUNT * SIDE_COUNT];
    size_t count;
    struct bench_histogram latency;
    struct bench_doomed doomed;
};

/* ---- Who takes part ---- */

static void
choose_sides(const struct bench_options *options, struct field *field)
{
    const struct bench_side *const OURS[] = {&bench_side_strandline, &bench_side_raw};

    for (size_t i = 0; i < SIDE_COUNT; i++) {
        const struct bench_side *side = i < 2 ? OURS[i] : bench_peers[i - 2].side;

        if (side != NULL && bench_options_has_side(options, side->name, true))
            field->sides[field->side_count++] = side;
    }
}

static bool
can(const struct bench_side *side, const struct work *work)
{
    return work->run == NULL || side->find != NULL;
}

static void
describe(const struct work *work, const struct stage *stage, struct bench_conditions *conditions)
{
    bench_job_describe(&stage->job, &stage->one, conditions);
    bench_conditions_add_text(conditions, "work", work->name);
    if (work->run == bench_reading_run_crash)
        bench_conditions_add_text(conditions, "files", "warm");
}

static void *
add_writing(struct field *field, const struct work *work, const struct stage *stage,
            const struct bench_side *side)
{
    struct bench_writing *writing = &field->writings[field->count];

    *writing = (struct bench_writing){
        .job = &stage->job,
        .side = side,
        .options = stage->options,
        .one = stage->one,
        .payload = &stage->payload,
        .latency = &field->latency,
        .is_whole = work->durability == STRAND_WRITTEN,
    };
    return writing;
}

/* Scans and searches read the same files. */
static void *
add_reading(struct field *field, const struct work *work, const struct stage *stage, size_t side)
{
    bool is_crash = work->run == bench_reading_run_crash;
    struct bench_reading *reading = is_crash ? &field->crashes[side] : &field->readings[side];

    if (reading->side == NULL)
        *reading = (struct bench_reading){
            .job = &stage->job,
            .side = field->sides[side],
            .payload = &stage->payload,
            .options = stage->options,
            .one = stage->one,
            .latency = &field->latency,
            .doomed = &field->doomed,
            .number = (uint32_t)side,
            .state = side + 1,
        };
    return reading;
}

static void
add_contestants(struct field *field, size_t number)
{
    const struct work *work = &WORKS[number];
    const struct stage *stage = &field->stages[number];

    for (size_t i = 0; i < field->side_count; i++) {
        const struct bench_side *side = field->sides[i];
        struct bench_contestant *contestant = &field->contestants[field->count];

        if (!can(side, work))
            continue;
        *contestant = (struct bench_contestant){
            .side = side->name,
            .case_number = number,
            .run = work->run != NULL ? work->run : bench_writing_run,
            .context = work->run != NULL ? add_reading(field, work, stage, i)
                                         : add_writing(field, work, stage, side),
        };
        describe(work, stage, &contestant->conditions);
        field->count++;
    }
}

/* ---- Works ---- */

static int
add_work(const struct bench_job *job, struct field *field, size_t number)
{
    const struct work *work = &WORKS[number];
    struct stage *stage = &field->stages[number];

    stage->options = *job->options;
    stage->options.durability = work->durability;
    if (work->bytes_max > 0 && stage->options.bytes > work->bytes_max)
        stage->options.bytes = work->bytes_max;
    stage->job = *job;
    stage->job.options = &stage->options;
    stage->one = bench_options_case(job->options, 0);
    stage->one.batch_records = work->batch_records;
    stage->one.threads = work->threads;
    int status = bench_payload_create(&stage->options, &stage->one, job->scratch, &stage->payload);
    if (status == STRAND_OK)
        add_contestants(field, number);
    return status;
}

static int
write_doomed(void *context, uint32_t number, const char *directory)
{
    const struct field *field = context;

    return bench_reading_fill(&field->crashes[number], directory, false);
}

/* What all files need at a time: those that are read stay. */
static int
require_space(const struct bench_job *job, const struct field *field)
{
    int64_t bytes = 3 * job->options->bytes;

    for (size_t i = 0; i < field->side_count; i++)
        if (field->readings[i].side != NULL)
            bytes += job->options->bytes * (field->sides[i]->is_peer ? 2 : 1);
    return bench_scratch_require(job->scratch, bytes);
}

static bool
has_crashes(const struct field *field)
{
    for (size_t i = 0; i < field->side_count; i++)
        if (field->crashes[i].side != NULL)
            return true;
    return false;
}

static int
run_field(const struct bench_job *job, struct field *field)
{
    int status = STRAND_OK;

    choose_sides(job->options, field);
    for (size_t i = 0; i < WORK_COUNT && status == STRAND_OK; i++)
        if (bench_options_has_work(job->options, WORKS[i].name))
            status = add_work(job, field, i);
    if (status == STRAND_OK)
        status = require_space(job, field);
    if (status == STRAND_OK && has_crashes(field))
        status = bench_doomed_start(write_doomed, field, &field->doomed);
    if (status == STRAND_OK)
        status = bench_scratch_warm(job->scratch, job->options->bytes);
    return status == STRAND_OK
               ? bench_job_finish(job, field->contestants, field->count, BENCH_COMPARES_SIDES)
               : status;
}

int
bench_run_compare(const struct bench_job *job)
{
    struct field *field = calloc(1, sizeof *field);

    if (field == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory for a measurement");
    int status = run_field(job, field);
    bench_doomed_stop(&field->doomed);
    for (size_t i = 0; i < WORK_COUNT; i++)
        bench_payload_deinit(&field->stages[i].payload);
    free(field);
    return status;
}
