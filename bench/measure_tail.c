/* bench/measure_tail.c -- How long after an append begins a reader that waits has the record.
 *
 * Appends are due at fixed times; each record begins with the time at which its append began, not
 * when it was due: how late the writer wakes is not the log's.  The reader, a thread of the same
 * process, looks at the clock when it has the record.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/thread.h"
#include "bench/fixture.h"
#include "bench/histogram.h"
#include "bench/load.h"
#include "bench/measures.h"
#include "strandline/log.h"

enum { SIDE_COUNT = 4, LOOK_MS = 50 };

struct tail {
    const struct bench_job *job;
    struct bench_fixture *fixture;
    int32_t durability; /* enum strand_durability */
    int32_t isolation;  /* enum strand_isolation: what the reader sees */
    struct bench_histogram *latency;
    struct strand_cursor *cursor;
    atomic_bool is_over; /* release by the writer, acquire by the reader: nothing more will come */
    bool is_polled;      /* the reader does not sleep */
    int status;          /* of the reader; read after it was joined */
    char message[STRAND_ERROR_MESSAGE_SIZE_MAX];
};

static int
append_stamped(void *context, uint32_t thread, uint64_t number)
{
    struct tail *tail = context;
    struct bench_payload *payload = &tail->fixture->payload;
    size_t batch = (size_t)(number % payload->batch_count);
    const struct strand_append_options options = {.struct_size = sizeof options,
                                                  .durability = tail->durability};
    int64_t now = strand_thread_now_ns();

    (void)thread; /* there is one */
    memcpy(payload->values + batch * payload->batches[batch].user_size, &now, sizeof now);
    return strand_log_append(tail->fixture->log, payload->batches[batch].records, 1, &options,
                             NULL);
}

static int
read_what_is_there(struct tail *tail)
{
    struct strand_record record;
    int status;

    while ((status = strand_cursor_next(tail->cursor, &record)) == STRAND_OK) {
        int64_t sent;

        memcpy(&sent, record.value.data, sizeof sent);
        bench_histogram_record(tail->latency, strand_thread_now_ns() - sent);
    }
    return status == STRAND_END ? STRAND_OK : status;
}

/* Look again and again: for those who have a processor to give. */
static int
poll_tail(struct tail *tail)
{
    for (;;) {
        bool is_over = atomic_load_explicit(&tail->is_over, memory_order_acquire);
        int status = read_what_is_there(tail);

        if (status != STRAND_OK || is_over)
            return status;
    }
}

static int
follow(struct tail *tail)
{
    for (;;) {
        bool is_over = atomic_load_explicit(&tail->is_over, memory_order_acquire);
        int status = strand_log_wait_data(tail->fixture->log, strand_cursor_offset(tail->cursor),
                                          tail->isolation, is_over ? 0 : LOOK_MS);

        if (status == STRAND_ERR_TIMEOUT && is_over)
            return STRAND_OK;
        if (status == STRAND_OK)
            status = read_what_is_there(tail);
        if (status != STRAND_OK && status != STRAND_ERR_TIMEOUT)
            return status;
    }
}

static void
read_tail(void *context)
{
    struct tail *tail = context;

    tail->status = tail->is_polled ? poll_tail(tail) : follow(tail);
    if (tail->status != STRAND_OK)
        (void)snprintf(tail->message, sizeof tail->message, "%s", strand_error_message());
}

/* ---- No log at all ---- */

/* A thread that sleeps is woken: no reader that does can be faster. */
struct bell {
    struct tail *tail;
    struct strand_mutex lock;
    struct strand_condition rung;
    int64_t sent_ns; /* guarded by lock; 0: nothing to see */
};

static int
ring(void *context, uint32_t thread, uint64_t number)
{
    struct bell *bell = context;

    (void)thread; /* there is one */
    (void)number;
    strand_mutex_lock(&bell->lock);
    bell->sent_ns = strand_thread_now_ns();
    strand_condition_signal(&bell->rung);
    strand_mutex_unlock(&bell->lock);
    return STRAND_OK;
}

static void
wake_up(void *context)
{
    struct bell *bell = context;
    struct tail *tail = bell->tail;

    strand_mutex_lock(&bell->lock);
    while (!atomic_load_explicit(&tail->is_over, memory_order_acquire)) {
        if (bell->sent_ns != 0)
            bench_histogram_record(tail->latency, strand_thread_now_ns() - bell->sent_ns);
        bell->sent_ns = 0;
        (void)strand_condition_wait(&bell->rung, &bell->lock,
                                    strand_thread_now_ns() + LOOK_MS * INT64_C(1000000));
    }
    strand_mutex_unlock(&bell->lock);
}

/* ---- Runs ---- */

/* The reader stands at the end before the first append. */
static int
append_beside_reader(struct tail *tail, strand_thread_fn *read, bench_step_fn *append,
                     void *context, struct bench_load_result *result)
{
    const struct bench_load load = {
        .thread_count = 1,
        .step_count_max = (uint64_t)(tail->job->options->bytes /
                                     bench_options_case(tail->job->options, 0).record_bytes),
        .duration_ns = bench_job_duration_ns(tail->job),
        .rate = (double)tail->job->options->rate,
        .sample_every = 1,
        .step = append,
        .context = context,
    };
    struct strand_thread reader;

    atomic_store(&tail->is_over, false);
    int status = strand_thread_start(&reader, "bench-reader", read, context);
    if (status != STRAND_OK)
        return status;
    status = bench_load_run(&load, NULL, result);
    atomic_store_explicit(&tail->is_over, true, memory_order_release);
    strand_thread_join(&reader);
    if (status == STRAND_OK && tail->status != STRAND_OK)
        return strand_fail(tail->status, "%s", tail->message);
    return status;
}

static void
tell(const struct tail *tail, const struct bench_load_result *result, struct bench_outcome *outcome)
{
    outcome->seconds = (double)result->elapsed_ns / 1e9;
    bench_outcome_add(outcome, "appends", BENCH_PER_SECOND,
                      (double)result->step_count / outcome->seconds);
    bench_outcome_add_latency(outcome, tail->latency, false);
}

static int
run_wake(void *context, struct bench_outcome *out_outcome)
{
    struct tail *tail = context;
    struct bell bell = {.tail = tail};
    struct bench_load_result result;

    bench_histogram_clear(tail->latency);
    strand_mutex_init(&bell.lock);
    strand_condition_init(&bell.rung);
    int status = append_beside_reader(tail, wake_up, ring, &bell, &result);
    strand_condition_deinit(&bell.rung);
    strand_mutex_deinit(&bell.lock);
    if (status == STRAND_OK)
        tell(tail, &result, out_outcome);
    return status;
}

static int
run_tail(void *context, struct bench_outcome *out_outcome)
{
    struct tail *tail = context;
    const struct strand_cursor_options options = {.struct_size = sizeof options,
                                                  .isolation = tail->isolation};
    struct bench_load_result result;

    bench_histogram_clear(tail->latency);
    int status = bench_scratch_require(tail->job->scratch, tail->job->options->bytes);
    if (status == STRAND_OK)
        status = strand_log_wait_data(tail->fixture->log, 0, tail->isolation, -1);
    if (status == STRAND_OK)
        status = strand_cursor_open(tail->fixture->log, STRAND_LATEST, &options, &tail->cursor);
    if (status != STRAND_OK)
        return status;
    status = append_beside_reader(tail, read_tail, append_stamped, tail, &result);
    strand_cursor_close(tail->cursor);
    if (status == STRAND_OK)
        tell(tail, &result, out_outcome);
    return status;
}

static int
run_sides(const struct bench_job *job, struct bench_fixture *fixture, void *context)
{
    struct bench_histogram *latency = context;
    static const struct {
        const char *name;
        int32_t durability;
        int32_t isolation;
        bool is_polled;
        bool is_default;
        bench_run_fn *run;
    } SIDES[SIDE_COUNT] = {
        {"written", STRAND_WRITTEN, STRAND_READ_WRITTEN, false, true, run_tail},
        {"polled", STRAND_WRITTEN, STRAND_READ_WRITTEN, true, true, run_tail},
        {"wake", STRAND_WRITTEN, STRAND_READ_WRITTEN, false, true, run_wake},
        {"committed", STRAND_DURABLE, STRAND_READ_COMMITTED, false, false, run_tail},
    };
    struct tail tails[SIDE_COUNT];
    struct bench_contestant contestants[SIDE_COUNT];
    struct bench_case one = bench_options_case(job->options, 0);
    size_t count = 0;

    for (size_t i = 0; i < SIDE_COUNT; i++) {
        if (!bench_options_has_side(job->options, SIDES[i].name, SIDES[i].is_default))
            continue;
        tails[count] = (struct tail){.job = job,
                                     .fixture = fixture,
                                     .durability = SIDES[i].durability,
                                     .isolation = SIDES[i].isolation,
                                     .is_polled = SIDES[i].is_polled,
                                     .latency = latency};
        contestants[count] = (struct bench_contestant){
            .side = SIDES[i].name, .run = SIDES[i].run, .context = &tails[count]};
        bench_job_describe(job, &one, &contestants[count].conditions);
        count++;
    }
    return bench_job_finish(job, contestants, count, BENCH_COMPARES_SIDES);
}

int
bench_run_tail(const struct bench_job *job)
{
    struct bench_histogram *latency = calloc(1, sizeof *latency);

    if (latency == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory for a histogram");
    int status = bench_fixture_use(job, run_sides, latency);
    free(latency);
    return status;
}
