/* bench/measure_limits.c -- What this machine can do at best with the same bytes: writing them,
 * syncing them, copying, checking and compressing them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buffer_pool.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "bench/histogram.h"
#include "bench/load.h"
#include "bench/measures.h"
#include "bench/scratch.h"
#include "bench/writing.h"
#include "storage/compression.h"
#include "strandline/log.h"

enum { SIDE_COUNT = 5, SAMPLE_EVERY = 16 };

struct limit {
    const struct bench_job *job;
    const struct bench_payload *payload;
    bench_step_fn *step;
    uint8_t *copy; /* of a batch's size */
    struct strand_codec_pool *codecs;
    struct strand_buffer compressed;
    uint32_t crc;
};

static const struct bench_batch *
batch_of(const struct limit *limit, uint64_t number)
{
    return &limit->payload->batches[number % limit->payload->batch_count];
}

static int
copy_batch(void *context, uint32_t thread, uint64_t number)
{
    struct limit *limit = context;
    const struct bench_batch *batch = batch_of(limit, number);

    (void)thread; /* there is one */
    memcpy(limit->copy, batch->encoded, batch->encoded_size);
    __asm__ volatile("" : : "r"(limit->copy) : "memory"); /* the copy is not left out */
    return STRAND_OK;
}

static int
check_batch(void *context, uint32_t thread, uint64_t number)
{
    struct limit *limit = context;
    const struct bench_batch *batch = batch_of(limit, number);

    (void)thread; /* there is one */
    limit->crc ^= strand_crc32c(0, batch->encoded, batch->encoded_size);
    return STRAND_OK;
}

static int
compress_batch(void *context, uint32_t thread, uint64_t number)
{
    struct limit *limit = context;
    const struct bench_batch *batch = batch_of(limit, number);

    (void)thread; /* there is one */
    limit->compressed.size = 0;
    return strand_compress(limit->codecs, STRAND_CODEC_LZ4, (int)limit->job->options->level,
                           batch->encoded, batch->encoded_size, &limit->compressed);
}

static int
run_limit(void *context, struct bench_outcome *out_outcome)
{
    struct limit *limit = context;
    const struct bench_load load = {
        .thread_count = 1,
        .step_count_max = UINT64_MAX,
        .duration_ns = bench_job_duration_ns(limit->job),
        .sample_every = SAMPLE_EVERY,
        .step = limit->step,
        .context = limit,
    };
    struct bench_load_result result;

    int status = bench_load_run(&load, NULL, &result);
    if (status != STRAND_OK)
        return status;
    out_outcome->seconds = (double)result.elapsed_ns / 1e9;
    bench_outcome_add(out_outcome, "throughput", BENCH_BYTES_PER_SECOND,
                      (double)result.step_count * (double)batch_of(limit, 0)->encoded_size /
                          out_outcome->seconds);
    return STRAND_OK;
}

struct field {
    struct bench_histogram latency;
    struct bench_payload payload;
    struct limit limits[SIDE_COUNT];
    struct bench_writing writings[SIDE_COUNT];
    struct bench_contestant contestants[SIDE_COUNT];
    size_t count;
};

static void
add(const struct bench_job *job, struct field *field, const char *name, bench_run_fn *run,
    void *context)
{
    struct bench_contestant *contestant = &field->contestants[field->count++];
    struct bench_case one = bench_options_case(job->options, 0);

    *contestant = (struct bench_contestant){.side = name, .run = run, .context = context};
    bench_job_describe(job, &one, &contestant->conditions);
}

static void
add_writer(const struct bench_job *job, struct field *field, const char *name, int durability)
{
    struct bench_writing *writing = &field->writings[field->count];

    if (!bench_options_has_side(job->options, name, true))
        return;
    *writing = (struct bench_writing){
        .job = job,
        .side = &bench_side_raw,
        .options = *job->options,
        .one = bench_options_case(job->options, 0),
        .payload = &field->payload,
        .latency = &field->latency,
    };
    writing->options.durability = durability;
    add(job, field, name, bench_writing_run, writing);
}

static void
add_limit(const struct bench_job *job, struct field *field, const char *name, bench_step_fn *step,
          const struct limit *common)
{
    struct limit *limit = &field->limits[field->count];

    if (!bench_options_has_side(job->options, name, true))
        return;
    *limit = *common;
    limit->step = step;
    add(job, field, name, run_limit, limit);
}

static int
run_field(const struct bench_job *job, struct field *field)
{
    struct limit common = {.job = job, .payload = &field->payload};

    common.copy = malloc(field->payload.batches[0].encoded_size * 2);
    if (common.copy == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory to copy into");
    int status = strand_codec_pool_create(&common.codecs);
    if (status != STRAND_OK) {
        free(common.copy);
        return status;
    }
    add_writer(job, field, "pwrite", STRAND_WRITTEN);
    add_writer(job, field, "pwrite+fdatasync", STRAND_DURABLE);
    add_limit(job, field, "memcpy", copy_batch, &common);
    add_limit(job, field, "crc32c", check_batch, &common);
    add_limit(job, field, "lz4", compress_batch, &common);
    status = bench_job_finish(job, field->contestants, field->count, BENCH_COMPARES_NOTHING);
    for (size_t i = 0; i < SIDE_COUNT; i++)
        free(field->limits[i].compressed.data);
    strand_codec_pool_destroy(common.codecs);
    free(common.copy);
    return status;
}

int
bench_run_limits(const struct bench_job *job)
{
    struct field *field = calloc(1, sizeof *field);
    struct bench_case one = bench_options_case(job->options, 0);

    if (field == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory for a measurement");
    int status = bench_scratch_require(job->scratch, job->options->bytes * 5 / 4);
    if (status == STRAND_OK)
        status = bench_scratch_warm(job->scratch, job->options->bytes);
    if (status == STRAND_OK)
        status = bench_payload_create(job->options, &one, job->scratch, &field->payload);
    if (status == STRAND_OK) {
        status = run_field(job, field);
        bench_payload_deinit(&field->payload);
    }
    free(field);
    return status;
}
