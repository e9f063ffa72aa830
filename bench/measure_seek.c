/* bench/measure_seek.c -- From an offset, or a time, to the batch that holds it: header found,
 * nothing copied.
 *
 * The places are drawn evenly (uniform) or from a hundredth of the range (hot), which then lies in
 * the processor's caches.
 */
#include <stdlib.h>

#include "base/error.h"
#include "bench/fixture.h"
#include "bench/histogram.h"
#include "bench/load.h"
#include "bench/measures.h"
#include "strandline/log.h"

enum { SIDE_COUNT = 6, SAMPLE_EVERY = 16, HOT_SHARE = 100 };

struct places {
    int64_t first; /* offsets */
    int64_t count;
};

struct seek {
    const struct bench_job *job;
    const struct bench_fixture *fixture;
    struct places places;
    bool is_by_time;
    struct bench_histogram *latency;
    uint64_t state; /* of the random numbers */
};

static int64_t
draw_offset(struct seek *seek)
{
    seek->state ^= seek->state << 13;
    seek->state ^= seek->state >> 7;
    seek->state ^= seek->state << 17;
    return seek->places.first + (int64_t)(seek->state % (uint64_t)seek->places.count);
}

static int
seek_offset(void *context, uint32_t thread, uint64_t number)
{
    const struct strand_fetch_options options = {
        .struct_size = sizeof options, .isolation = STRAND_READ_WRITTEN, .max_bytes = 1};
    struct seek *seek = context;
    struct strand_fetch fetch;

    (void)thread; /* there is one */
    (void)number;
    int status = strand_log_fetch(seek->fixture->log, draw_offset(seek), &options, &fetch);
    if (status != STRAND_OK)
        return status;
    strand_fetch_release(&fetch);
    return STRAND_OK;
}

static int
seek_time(void *context, uint32_t thread, uint64_t number)
{
    struct seek *seek = context;
    const struct bench_fixture *fixture = seek->fixture;
    int64_t batch_records = (int64_t)fixture->payload.batches[0].record_count;
    int64_t timestamp = fixture->first_timestamp_ms + draw_offset(seek) / batch_records;
    int64_t found;

    (void)thread; /* there is one */
    (void)number;
    return strand_log_offset_for_timestamp(fixture->log, timestamp, STRAND_READ_WRITTEN, &found,
                                           NULL);
}

static int
run_seek(void *context, struct bench_outcome *out_outcome)
{
    struct seek *seek = context;
    const struct bench_load load = {
        .thread_count = 1,
        .step_count_max = UINT64_MAX,
        .duration_ns = bench_job_duration_ns(seek->job),
        .sample_every = SAMPLE_EVERY,
        .step = seek->is_by_time ? seek_time : seek_offset,
        .context = seek,
    };
    struct bench_load_result result;

    bench_histogram_clear(seek->latency);
    int status = bench_load_run(&load, seek->latency, &result);
    if (status != STRAND_OK)
        return status;
    out_outcome->seconds = (double)result.elapsed_ns / 1e9;
    bench_outcome_add(out_outcome, "mean", BENCH_SECONDS,
                      out_outcome->seconds / (double)result.step_count);
    bench_outcome_add_latency(out_outcome, seek->latency, false);
    return STRAND_OK;
}

/* The offsets of the newest segment, found by where its last batch lies in the file. */
static int
find_active(const struct bench_fixture *fixture, struct places *out_active)
{
    const struct strand_fetch_options options = {
        .struct_size = sizeof options, .isolation = STRAND_READ_WRITTEN, .max_bytes = 1};
    const struct bench_batch *batch = &fixture->payload.batches[0];
    struct strand_fetch fetch;

    int status = strand_log_fetch(fixture->log, fixture->end_offset - 1, &options, &fetch);
    if (status != STRAND_OK)
        return status;
    int64_t batches = fetch.position / (int64_t)batch->encoded_size;
    strand_fetch_release(&fetch);
    int64_t count = (batches > 0 ? batches : 1) * (int64_t)batch->record_count;
    *out_active = (struct places){fixture->end_offset - count, count};
    return STRAND_OK;
}

static int
run_sides(const struct bench_job *job, struct bench_fixture *fixture, void *context)
{
    struct bench_histogram *latency = context;
    static const struct {
        const char *name;
        bool is_active, is_hot, is_by_time;
    } SIDES[SIDE_COUNT] = {
        {"active", true, false, false},     {"active-hot", true, true, false},
        {"older", false, false, false},     {"older-hot", false, true, false},
        {"time-active", true, false, true}, {"time-older", false, false, true},
    };
    struct seek seeks[SIDE_COUNT];
    struct bench_contestant contestants[SIDE_COUNT];
    struct bench_case one = bench_options_case(job->options, 0);
    struct places active;
    size_t count = 0;

    int status = find_active(fixture, &active);
    if (status != STRAND_OK)
        return status;
    for (size_t i = 0; i < SIDE_COUNT; i++) {
        struct places places = SIDES[i].is_active ? active : (struct places){0, active.first};

        if (!bench_options_has_side(job->options, SIDES[i].name, true) || places.count == 0)
            continue;
        if (SIDES[i].is_hot)
            places.count = (places.count + HOT_SHARE - 1) / HOT_SHARE;
        seeks[count] = (struct seek){job, fixture, places, SIDES[i].is_by_time, latency, i + 1};
        contestants[count] = (struct bench_contestant){
            .side = SIDES[i].name, .run = run_seek, .context = &seeks[count]};
        bench_job_describe(job, &one, &contestants[count].conditions);
        bench_conditions_add_number(&contestants[count].conditions, "offsets", places.count);
        count++;
    }
    return bench_job_finish(job, contestants, count, BENCH_COMPARES_NOTHING);
}

int
bench_run_seek(const struct bench_job *job)
{
    struct bench_histogram *latency = calloc(1, sizeof *latency);

    if (latency == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory for a histogram");
    int status = bench_fixture_use(job, run_sides, latency);
    free(latency);
    return status;
}
