/* bench/reading.c -- Stores are opened for each run and closed after it: peers may then do in the
 * background what they put off.
 */
#include "bench/reading.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/thread.h"
#include "bench/doomed.h"
#include "bench/histogram.h"
#include "bench/load.h"
#include "bench/stop.h"

enum { COPY_SIZE = 16 << 10, SAMPLE_EVERY = 16 };

/* What was visited. */
struct found {
    uint64_t count;
    uint64_t bytes;
    uint8_t copy[COPY_SIZE]; /* stays in the cache */
};

static void
copy_out(void *context, const void *value, size_t size)
{
    struct found *found = context;
    const uint8_t *bytes = value;

    for (size_t done = 0; done < size; done += COPY_SIZE) {
        memcpy(found->copy, bytes + done, size - done < COPY_SIZE ? size - done : COPY_SIZE);
        __asm__ volatile("" : : "r"(found->copy) : "memory"); /* the copy is not left out */
    }
    found->count++;
    found->bytes += size;
}

/* ---- Stores ---- */

static int
open_store(const struct bench_reading *reading, const char *directory, void **out_store)
{
    const struct bench_setup setup = {
        .directory = directory,
        .is_kept = true,
        .log_count = 1,
        .bytes = reading->options.bytes,
        .segment_bytes = reading->one.segment_bytes,
        .payload = reading->payload,
        .options = &reading->options,
    };

    return reading->side->open(&setup, out_store);
}

/* STATUS, with its sentence, once STORE is closed. */
static int
close_store(const struct bench_reading *reading, void *store, int status)
{
    char message[STRAND_ERROR_MESSAGE_SIZE_MAX];

    if (status == STRAND_OK)
        return reading->side->close(store);
    (void)snprintf(message, sizeof message, "%s", strand_error_message());
    (void)reading->side->close(store); /* the failure before it is the one to tell */
    return status == STRAND_END ? status : strand_fail(status, "%s", message);
}

static uint64_t
batch_count(const struct bench_reading *reading)
{
    uint64_t count =
        (uint64_t)reading->options.bytes / (uint64_t)reading->payload->batches[0].user_size;

    return count > 0 ? count : 1;
}

static int
append_all(const struct bench_reading *reading, void *store)
{
    const struct bench_payload *payload = reading->payload;

    for (uint64_t i = 0; i < batch_count(reading); i++) {
        int status = reading->side->append(store, 0, &payload->batches[i % payload->batch_count]);

        if (status != STRAND_OK)
            return status;
        if (bench_stop_is_wanted())
            return STRAND_END;
    }
    return STRAND_OK;
}

int
bench_reading_fill(const struct bench_reading *reading, const char *directory, bool closes)
{
    void *store;

    int status = open_store(reading, directory, &store);
    if (status != STRAND_OK)
        return status;
    status = append_all(reading, store);
    return closes ? close_store(reading, store, status) : status;
}

static int
open_filled(struct bench_reading *reading, void **out_store)
{
    int64_t factor = reading->side->is_peer ? 3 : 1;
    int status = STRAND_OK;

    if (reading->kept[0] == '\0') {
        char directory[BENCH_PATH_SIZE];

        status = bench_scratch_require(reading->job->scratch, factor * reading->options.bytes);
        if (status == STRAND_OK)
            status = bench_scratch_make(reading->job->scratch, directory);
        if (status == STRAND_OK)
            status = bench_reading_fill(reading, directory, true);
        if (status != STRAND_OK)
            return status;
        memcpy(reading->kept, directory, sizeof directory);
        reading->record_count =
            batch_count(reading) * (uint64_t)reading->payload->batches[0].record_count;
    }
    return open_store(reading, reading->kept, out_store);
}

/* ---- Scans ---- */

static int
scan_once(const struct bench_reading *reading, void *store, struct found *found)
{
    uint64_t before = found->count;

    int status = reading->side->scan(store, copy_out, found);
    if (status == STRAND_OK && found->count - before != reading->record_count)
        return strand_fail(STRAND_ERR_FAILED,
                           "%s: a scan has found %" PRIu64 " records of %" PRIu64,
                           reading->side->name, found->count - before, reading->record_count);
    return status == STRAND_OK && bench_stop_is_wanted() ? STRAND_END : status;
}

static int
time_scans(const struct bench_reading *reading, void *store, struct bench_outcome *outcome)
{
    struct found found = {.count = 0};
    int64_t wanted_ns = bench_job_duration_ns(reading->job);
    int64_t elapsed = 0;

    int status = scan_once(reading, store, &found); /* which warms what there is to warm */
    found = (struct found){.count = 0};
    int64_t start = strand_thread_now_ns();
    while (status == STRAND_OK && elapsed < wanted_ns) {
        status = scan_once(reading, store, &found);
        elapsed = strand_thread_now_ns() - start;
    }
    if (status != STRAND_OK)
        return status;
    outcome->seconds = (double)elapsed / 1e9;
    bench_outcome_add(outcome, "throughput", BENCH_BYTES_PER_SECOND,
                      (double)found.bytes / outcome->seconds);
    bench_outcome_add(outcome, "records", BENCH_PER_SECOND, (double)found.count / outcome->seconds);
    return STRAND_OK;
}

int
bench_reading_run_scan(void *context, struct bench_outcome *out_outcome)
{
    struct bench_reading *reading = context;
    void *store;

    int status = open_filled(reading, &store);
    if (status != STRAND_OK)
        return status;
    return close_store(reading, store, time_scans(reading, store, out_outcome));
}

/* ---- Searches ---- */

struct search {
    struct bench_reading *reading;
    void *store;
    struct found found;
};

static int
find_one(void *context, uint32_t thread, uint64_t number)
{
    struct search *search = context;
    struct bench_reading *reading = search->reading;

    (void)thread; /* there is one */
    (void)number;
    reading->state ^= reading->state << 13;
    reading->state ^= reading->state >> 7;
    reading->state ^= reading->state << 17;
    return reading->side->find(search->store, reading->state % reading->record_count, copy_out,
                               &search->found);
}

static int
time_searches(struct search *search, struct bench_outcome *outcome)
{
    struct bench_reading *reading = search->reading;
    const struct bench_load load = {
        .thread_count = 1,
        .step_count_max = UINT64_MAX,
        .duration_ns = bench_job_duration_ns(reading->job),
        .sample_every = SAMPLE_EVERY,
        .step = find_one,
        .context = search,
    };
    struct bench_load_result result;

    bench_histogram_clear(reading->latency);
    int status = scan_once(reading, search->store, &search->found); /* warms */
    if (status == STRAND_OK)
        status = bench_load_run(&load, reading->latency, &result);
    if (status != STRAND_OK)
        return status;
    outcome->seconds = (double)result.elapsed_ns / 1e9;
    bench_outcome_add(outcome, "mean", BENCH_SECONDS, outcome->seconds / (double)result.step_count);
    bench_outcome_add_latency(outcome, reading->latency, false);
    return STRAND_OK;
}

int
bench_reading_run_seek(void *context, struct bench_outcome *out_outcome)
{
    struct search search = {.reading = context};

    int status = open_filled(search.reading, &search.store);
    if (status != STRAND_OK)
        return status;
    return close_store(search.reading, search.store, time_searches(&search, out_outcome));
}

/* ---- After the death of the writer ---- */

static int
time_opening(const struct bench_reading *reading, const char *directory,
             struct bench_outcome *outcome)
{
    uint64_t records = batch_count(reading) * (uint64_t)reading->payload->batches[0].record_count;
    struct found found = {.count = 0};
    void *store;

    int64_t start = strand_thread_now_ns();
    int status = open_store(reading, directory, &store);
    if (status != STRAND_OK)
        return status;
    status = reading->side->find(store, records - 1, copy_out, &found);
    outcome->seconds = (double)(strand_thread_now_ns() - start) / 1e9;
    bench_outcome_add(outcome, "time", BENCH_SECONDS, outcome->seconds);
    return close_store(reading, store, status);
}

int
bench_reading_run_crash(void *context, struct bench_outcome *out_outcome)
{
    const struct bench_reading *reading = context;
    char directory[BENCH_PATH_SIZE];

    int status = bench_scratch_require(reading->job->scratch, 3 * reading->options.bytes);
    if (status == STRAND_OK)
        status = bench_scratch_make(reading->job->scratch, directory);
    if (status == STRAND_OK)
        status = bench_doomed_run(reading->doomed, reading->number, directory);
    if (status == STRAND_OK)
        status = time_opening(reading, directory, out_outcome);
    return status == STRAND_OK ? bench_tree_remove(directory) : status;
}
