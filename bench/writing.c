/* bench/writing.c -- One run: passes, their clocks added up. */
#include "bench/writing.h"

#include <stdio.h>

#include "base/error.h"
#include "base/thread.h"
#include "bench/histogram.h"
#include "bench/load.h"
#include "bench/scratch.h"
#include "strandline/log.h"

enum { LEAD_BYTES = 2 << 20, SAMPLE_EVERY = 16, KEPT_LOGS_MIN = 256 };

static const int64_t KEPT_BYTES_MAX = INT64_C(4) << 30;

static const int64_t LEAD_NS = INT64_C(10000000000); /* where syncs are slow */

static const int64_t WHOLE_NS = INT64_C(86400000000000);

struct totals {
    uint64_t append_count;
    int64_t elapsed_ns;
    int64_t device_bytes; /* -1: unknown */
};

struct pass {
    const struct bench_writing *writing; /* borrowed */
    void *store;
};

static int
append_one(void *context, uint32_t thread, uint64_t number)
{
    const struct pass *pass = context;
    const struct bench_writing *writing = pass->writing;
    uint64_t logs = (uint64_t)writing->one.logs;
    uint64_t log = logs == 1 ? 0 : (thread + number * (uint64_t)writing->one.threads) % logs;
    uint64_t batch = (thread + number) % writing->payload->batch_count;

    return writing->side->append(pass->store, (uint32_t)log, &writing->payload->batches[batch]);
}

static bool
is_durable(const struct bench_writing *writing)
{
    return writing->options.durability == STRAND_DURABLE;
}

static uint64_t
append_count(const struct bench_writing *writing, int64_t bytes)
{
    return (uint64_t)bytes / writing->payload->batches[0].user_size;
}

static struct bench_load
make_load(struct pass *pass)
{
    const struct bench_writing *writing = pass->writing;
    bool is_every = is_durable(writing) || writing->is_fine || writing->options.rate > 0;

    return (struct bench_load){
        .thread_count = (uint32_t)writing->one.threads,
        .rate = (double)writing->options.rate,
        .sample_every = is_every ? 1 : SAMPLE_EVERY,
        .step = append_one,
        .context = pass,
    };
}

/* What does not count: a log that is waited for has to come to its normal state. */
static int
lead_in(struct pass *pass)
{
    struct bench_load load = make_load(pass);
    struct bench_load_result ignored;

    if (!is_durable(pass->writing) || pass->writing->options.quick)
        return STRAND_OK;
    load.step_count_max = append_count(pass->writing, LEAD_BYTES * pass->writing->one.logs);
    load.duration_ns = LEAD_NS;
    load.rate = 0;
    return bench_load_run(&load, NULL, &ignored);
}

static int
time_appends(struct pass *pass, int64_t duration_ns, struct bench_histogram *latency,
             struct totals *totals)
{
    const struct bench_writing *writing = pass->writing;
    const struct bench_scratch *scratch = writing->job->scratch;
    struct bench_load load = make_load(pass);
    struct bench_load_result result;
    int64_t device_before = bench_scratch_device_bytes(scratch);

    load.step_count_max = append_count(writing, writing->options.bytes);
    load.duration_ns = duration_ns;
    int status = bench_load_run(&load, latency, &result);
    if (status != STRAND_OK)
        return status;
    if (writing->options.final_sync) {
        int64_t start = strand_thread_now_ns();

        status = writing->side->sync(pass->store);
        result.elapsed_ns += strand_thread_now_ns() - start;
    }
    int64_t device_after = bench_scratch_device_bytes(scratch);
    totals->append_count += result.step_count;
    totals->elapsed_ns += result.elapsed_ns;
    if (device_before < 0 || device_after < 0)
        totals->device_bytes = -1;
    else if (totals->device_bytes >= 0)
        totals->device_bytes += device_after - device_before;
    return status;
}

static bool
is_kept(const struct bench_writing *writing)
{
    int64_t others = writing->side == &bench_side_beside_dirty ? writing->options.others : 0;

    return writing->side->can_append_again &&
           (writing->is_always_kept || writing->one.logs + others > KEPT_LOGS_MIN);
}

/* An empty directory, or the last one. */
static int
make_directory(struct bench_writing *writing)
{
    if (writing->kept[0] != '\0' && writing->kept_bytes > KEPT_BYTES_MAX) {
        int status = bench_tree_remove(writing->kept);
        if (status != STRAND_OK)
            return status;
        writing->kept[0] = '\0';
    }
    if (writing->kept[0] != '\0')
        return STRAND_OK;
    writing->kept_bytes = 0;
    return bench_scratch_make(writing->job->scratch, writing->kept);
}

static int
use_store(struct pass *pass, int64_t duration_ns, struct totals *totals)
{
    const struct bench_writing *writing = pass->writing;

    int status = lead_in(pass);
    if (status == STRAND_OK)
        status = time_appends(pass, duration_ns, writing->latency, totals);
    if (status == STRAND_OK)
        return writing->side->close(pass->store);
    char message[STRAND_ERROR_MESSAGE_SIZE_MAX];
    (void)snprintf(message, sizeof message, "%s", strand_error_message());
    (void)writing->side->close(pass->store); /* the failure before it is the one to tell */
    return status == STRAND_END ? status : strand_fail(status, "%s", message);
}

/* One pass; whatever happens, the store is closed. */
static int
run_pass(struct bench_writing *writing, int64_t duration_ns, struct totals *totals)
{
    struct pass pass = {.writing = writing};
    int64_t lead = is_durable(writing) ? LEAD_BYTES * writing->one.logs : 0;
    const struct bench_setup setup = {
        .directory = writing->kept,
        .is_kept = is_kept(writing),
        .kept_bytes = writing->kept_bytes,
        .log_count = (uint32_t)writing->one.logs,
        .bytes = writing->options.bytes + writing->options.bytes / 8 + lead,
        .segment_bytes = writing->one.segment_bytes,
        .payload = writing->payload,
        .options = &writing->options,
    };

    int64_t factor = writing->side->is_peer ? 2 : 1;

    int status = bench_scratch_require(writing->job->scratch, factor * setup.bytes);
    if (status == STRAND_OK)
        status = make_directory(writing);
    if (status == STRAND_OK)
        status = writing->side->open(&setup, &pass.store);
    if (status != STRAND_OK)
        return status;
    status = use_store(&pass, duration_ns, totals);
    writing->kept_bytes += setup.bytes;
    if (status != STRAND_OK || is_kept(writing))
        return status;
    status = bench_tree_remove(writing->kept);
    writing->kept[0] = '\0';
    return status;
}

static void
tell(const struct bench_writing *writing, const struct totals *totals,
     struct bench_outcome *outcome)
{
    double seconds = (double)totals->elapsed_ns / 1e9;
    double appends = (double)totals->append_count;
    double bytes = appends * (double)writing->payload->batches[0].user_size;

    outcome->seconds = seconds;
    bench_outcome_add(outcome, "throughput", BENCH_BYTES_PER_SECOND, bytes / seconds);
    bench_outcome_add(outcome, "appends", BENCH_PER_SECOND, appends / seconds);
    bench_outcome_add_latency(outcome, writing->latency, writing->is_fine);
    if ((is_durable(writing) || writing->options.final_sync) && totals->device_bytes > 0)
        bench_outcome_add(outcome, "device bytes per byte", BENCH_RATIO,
                          (double)totals->device_bytes / bytes);
}

int
bench_writing_run(void *context, struct bench_outcome *out_outcome)
{
    struct bench_writing *writing = context;
    int64_t wanted_ns = bench_job_duration_ns(writing->job);
    struct totals totals = {.append_count = 0};

    bench_histogram_clear(writing->latency);
    while (totals.elapsed_ns < wanted_ns) {
        int64_t left_ns = writing->is_whole ? WHOLE_NS : wanted_ns - totals.elapsed_ns;

        int status = run_pass(writing, left_ns, &totals);
        if (status != STRAND_OK)
            return status;
    }
    tell(writing, &totals, out_outcome);
    return STRAND_OK;
}
