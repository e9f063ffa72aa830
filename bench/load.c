/* bench/load.c -- The clock is read once a step: the end of one is the start of the next. */
#include "bench/load.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/thread.h"
#include "bench/stop.h"

#define NS_PER_SECOND INT64_C(1000000000)

/* A sleep ends that much late; the rest of the time is spent looking at the clock. */
static const int64_t SLEEP_SLACK_NS = 60000;

struct crew {
    const struct bench_load *load;
    struct strand_mutex lock;
    struct strand_condition started;
    int64_t start_ns; /* guarded by lock; 0: not yet */
};

struct worker {
    struct crew *crew;
    struct strand_thread thread;
    uint32_t number;
    uint64_t step_count;
    int64_t end_ns;
    int status;
    char message[STRAND_ERROR_MESSAGE_SIZE_MAX];
    struct bench_histogram latency;
};

static void
wait_until(int64_t due_ns)
{
    int64_t left = due_ns - strand_thread_now_ns();

    if (left > SLEEP_SLACK_NS) {
        int64_t until = due_ns - SLEEP_SLACK_NS;
        struct timespec time = {.tv_sec = (time_t)(until / NS_PER_SECOND),
                                .tv_nsec = (long)(until % NS_PER_SECOND)};

        /* Interrupted, the rest is waited out below. */
        (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
    }
    while (strand_thread_now_ns() < due_ns)
        ;
}

static uint64_t
step_share(const struct bench_load *load)
{
    uint64_t share = load->step_count_max / load->thread_count;

    return share > 0 ? share : 1;
}

static int
work_closed(struct worker *worker, int64_t start_ns)
{
    const struct bench_load *load = worker->crew->load;
    uint64_t step_count = step_share(load);
    int64_t end_ns = start_ns + load->duration_ns;
    int64_t now = start_ns;
    bool is_timed = load->sample_every == 1;

    while (worker->step_count < step_count) {
        bool is_sample = worker->step_count % load->sample_every == 0;

        if (is_sample && !is_timed)
            now = strand_thread_now_ns();
        if (is_sample && (now >= end_ns || bench_stop_is_wanted()))
            break;
        int status = load->step(load->context, worker->number, worker->step_count);
        if (status != STRAND_OK)
            return status;
        worker->step_count++;
        if (is_sample) {
            int64_t then = now;

            now = strand_thread_now_ns();
            bench_histogram_record(&worker->latency, now - then);
        }
    }
    return STRAND_OK;
}

/* When step NUMBER of WORKER is due. */
static int64_t
due_at(const struct worker *worker, uint64_t number, int64_t start_ns)
{
    const struct bench_load *load = worker->crew->load;
    double place = (double)(number * load->thread_count + worker->number);

    return start_ns + (int64_t)(place * (double)NS_PER_SECOND / load->rate);
}

/* What was due and never begun has waited until now, at least. */
static void
record_missed(struct worker *worker, int64_t start_ns)
{
    const struct bench_load *load = worker->crew->load;
    int64_t now = strand_thread_now_ns();

    for (uint64_t i = worker->step_count; i < step_share(load); i++) {
        int64_t due_ns = due_at(worker, i, start_ns);

        if (due_ns >= start_ns + load->duration_ns)
            return;
        bench_histogram_record(&worker->latency, now - due_ns);
    }
}

static int
work_open(struct worker *worker, int64_t start_ns)
{
    const struct bench_load *load = worker->crew->load;
    uint64_t step_count = step_share(load);
    int64_t end_ns = start_ns + load->duration_ns;

    while (worker->step_count < step_count && !bench_stop_is_wanted()) {
        int64_t due_ns = due_at(worker, worker->step_count, start_ns);

        if (due_ns >= end_ns) {
            wait_until(end_ns); /* the time in which nothing is due counts, too */
            break;
        }
        if (strand_thread_now_ns() >= end_ns + load->duration_ns) {
            record_missed(worker, start_ns); /* twice the time was given */
            break;
        }
        wait_until(due_ns);
        int status = load->step(load->context, worker->number, worker->step_count);
        if (status != STRAND_OK)
            return status;
        worker->step_count++;
        bench_histogram_record(&worker->latency, strand_thread_now_ns() - due_ns);
    }
    return STRAND_OK;
}

static int64_t
wait_for_start(struct crew *crew)
{
    strand_mutex_lock(&crew->lock);
    while (crew->start_ns == 0)
        (void)strand_condition_wait(&crew->started, &crew->lock, -1);
    int64_t start_ns = crew->start_ns;
    strand_mutex_unlock(&crew->lock);
    return start_ns;
}

static void
work(void *argument)
{
    struct worker *worker = argument;
    int64_t start_ns = wait_for_start(worker->crew);

    worker->status =
        worker->crew->load->rate > 0 ? work_open(worker, start_ns) : work_closed(worker, start_ns);
    worker->end_ns = strand_thread_now_ns();
    if (worker->status != STRAND_OK) /* sentences belong to threads */
        (void)snprintf(worker->message, sizeof worker->message, "%s", strand_error_message());
}

static void
start(struct crew *crew)
{
    strand_mutex_lock(&crew->lock);
    crew->start_ns = strand_thread_now_ns();
    strand_condition_broadcast(&crew->started);
    strand_mutex_unlock(&crew->lock);
}

static int
collect(struct worker *worker, struct bench_histogram *latency, struct bench_load_result *result)
{
    int64_t elapsed = worker->end_ns - worker->crew->start_ns;

    if (latency != NULL)
        bench_histogram_merge(latency, &worker->latency);
    result->step_count += worker->step_count;
    if (elapsed > result->elapsed_ns)
        result->elapsed_ns = elapsed;
    if (worker->status == STRAND_OK)
        return STRAND_OK;
    return strand_fail(worker->status, "%s", worker->message);
}

int
bench_load_run(const struct bench_load *load, struct bench_histogram *latency,
               struct bench_load_result *out_result)
{
    struct crew crew = {.load = load};
    struct bench_load_result result = {.step_count = 0};
    int status = STRAND_OK;
    uint32_t started = 0;

    strand_assert(load->thread_count >= 1 && load->sample_every >= 1);
    struct worker *workers = calloc(load->thread_count, sizeof *workers);
    if (workers == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory for %u threads", load->thread_count);
    strand_mutex_init(&crew.lock);
    strand_condition_init(&crew.started);
    while (started < load->thread_count && status == STRAND_OK) {
        workers[started].crew = &crew;
        workers[started].number = started;
        status =
            strand_thread_start(&workers[started].thread, "bench-load", work, &workers[started]);
        started += status == STRAND_OK;
    }
    start(&crew); /* also those that were started in vain: they have to end */
    for (uint32_t i = 0; i < started; i++)
        strand_thread_join(&workers[i].thread);
    for (uint32_t i = 0; i < started && status == STRAND_OK; i++)
        status = collect(&workers[i], latency, &result);
    strand_condition_deinit(&crew.started);
    strand_mutex_deinit(&crew.lock);
    free(workers);
    *out_result = result;
    if (status == STRAND_OK && bench_stop_is_wanted())
        return STRAND_END;
    return status;
}
