/* bench/side_beside.c -- One log is measured while a thread of ours writes others, unsynced.
 *
 * bulk: one log, 64 KiB batches as fast as they go; its head is trimmed, so that it does not fill
 * the disk.  dirty: many logs, a record for each of them in every commit interval, so that every
 * round of the committer has all of them to sync.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/thread.h"
#include "bench/options.h"
#include "bench/payload.h"
#include "bench/side.h"
#include "strandline/engine.h"
#include "strandline/log.h"

enum {
    BULK_RECORDS = 64,
    BULK_RECORD_SIZE = 1024,
    BULK_TRIM_EVERY = 2048, /* batches: 128 MiB */
    COMMIT_INTERVAL_MS = 200,
};

static const char BULK_SEGMENT_BYTES[] = "134217728";

struct store {
    void *inner;          /* bench_side_strandline's; log 0 is measured */
    uint32_t other_count; /* logs 1 and on */
    int64_t interval_ns;
    struct strand_record records[BULK_RECORDS];
    uint8_t values[BULK_RECORDS * BULK_RECORD_SIZE];
    struct strand_thread thread;
    bool has_thread;
    struct strand_mutex lock;
    struct strand_condition stop;
    bool must_stop; /* guarded by lock, as the rest */
    int status;     /* of the thread */
    char message[STRAND_ERROR_MESSAGE_SIZE_MAX];
};

static bool
must_stop(struct store *store, int64_t deadline_ns)
{
    strand_mutex_lock(&store->lock);
    while (!store->must_stop && strand_thread_now_ns() < deadline_ns)
        (void)strand_condition_wait(&store->stop, &store->lock, deadline_ns);
    bool result = store->must_stop;
    strand_mutex_unlock(&store->lock);
    return result;
}

static void
keep_failure(struct store *store, int status)
{
    strand_mutex_lock(&store->lock);
    store->status = status;
    (void)snprintf(store->message, sizeof store->message, "%s", strand_error_message());
    strand_mutex_unlock(&store->lock);
}

static int
append_written(struct store *store, uint32_t log, size_t count)
{
    const struct strand_append_options written = {.struct_size = sizeof written,
                                                  .durability = STRAND_WRITTEN};

    return strand_log_append(bench_strandline_log(store->inner, log), store->records, count,
                             &written, NULL);
}

static int
trim(struct strand_log *log)
{
    struct strand_positions positions;

    int status = strand_log_positions(log, &positions);
    return status == STRAND_OK ? strand_log_trim(log, positions.high_watermark) : status;
}

static void
write_bulk(void *opaque)
{
    struct store *store = opaque;
    struct strand_log *log = bench_strandline_log(store->inner, 1);
    int status = strand_log_set(log, "segment.bytes", BULK_SEGMENT_BYTES);

    for (uint64_t number = 1; status == STRAND_OK && !must_stop(store, 0); number++) {
        status = append_written(store, 1, BULK_RECORDS);
        if (status == STRAND_OK && number % BULK_TRIM_EVERY == 0)
            status = trim(log);
    }
    if (status != STRAND_OK)
        keep_failure(store, status);
}

static void
write_dirty(void *opaque)
{
    struct store *store = opaque;
    int status = STRAND_OK;

    for (int64_t due = strand_thread_now_ns(); status == STRAND_OK && !must_stop(store, due);
         due += store->interval_ns)
        for (uint32_t i = 1; i <= store->other_count && status == STRAND_OK; i++)
            status = append_written(store, i, 1);
    if (status != STRAND_OK)
        keep_failure(store, status);
}

static int
close_store(void *opaque)
{
    struct store *store = opaque;

    strand_mutex_lock(&store->lock);
    store->must_stop = true;
    strand_condition_broadcast(&store->stop);
    strand_mutex_unlock(&store->lock);
    if (store->has_thread)
        strand_thread_join(&store->thread);
    int status = bench_side_strandline.close(store->inner);
    if (store->status != STRAND_OK)
        status = strand_fail(store->status, "beside: %s", store->message);
    strand_condition_deinit(&store->stop);
    strand_mutex_deinit(&store->lock);
    free(store);
    return status;
}

static void
fill_records(struct store *store)
{
    uint64_t state = 1;

    bench_text_fill(store->values, sizeof store->values, &state);
    for (size_t i = 0; i < BULK_RECORDS; i++)
        store->records[i].value =
            strand_bytes(store->values + i * BULK_RECORD_SIZE, BULK_RECORD_SIZE);
}

static int
open_beside(const struct bench_setup *setup, uint32_t other_count, strand_thread_fn *run,
            void **out_store)
{
    struct bench_setup inner = *setup;
    struct store *store = calloc(1, sizeof *store);
    int64_t interval_ms = setup->options->commit_interval_ms;

    if (store == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory for the work beside");
    fill_records(store);
    store->other_count = other_count;
    store->interval_ns = (interval_ms > 0 ? interval_ms : COMMIT_INTERVAL_MS) * 1000000;
    inner.log_count += other_count;
    int status = bench_side_strandline.open(&inner, &store->inner);
    if (status != STRAND_OK) {
        free(store);
        return status;
    }
    strand_mutex_init(&store->lock);
    strand_condition_init(&store->stop);
    status = strand_thread_start(&store->thread, "bench-beside", run, store);
    store->has_thread = status == STRAND_OK;
    if (status != STRAND_OK) {
        (void)close_store(store); /* the failure before it is the one to tell */
        return status;
    }
    *out_store = store;
    return STRAND_OK;
}

static int
open_bulk(const struct bench_setup *setup, void **out_store)
{
    return open_beside(setup, 1, write_bulk, out_store);
}

static int
open_dirty(const struct bench_setup *setup, void **out_store)
{
    return open_beside(setup, (uint32_t)setup->options->others, write_dirty, out_store);
}

static int
append(void *opaque, uint32_t log, const struct bench_batch *batch)
{
    struct store *store = opaque;

    return bench_side_strandline.append(store->inner, log, batch);
}

static int
sync_store(void *opaque)
{
    struct store *store = opaque;

    return bench_side_strandline.sync(store->inner);
}

const struct bench_side bench_side_beside_bulk = {
    .name = "strandline beside bulk",
    .about = "while one thread writes 64 KiB batches to another log, as fast as they go",
    .can_append_again = true,
    .open = open_bulk,
    .append = append,
    .sync = sync_store,
    .close = close_store,
};

const struct bench_side bench_side_beside_dirty = {
    .name = "strandline beside dirty",
    .about = "while every other log is written to in each commit interval",
    .can_append_again = true,
    .open = open_dirty,
    .append = append,
    .sync = sync_store,
    .close = close_store,
};
