/* bench/side_raw.c -- System calls alone: what nothing that keeps records in files can beat.
 *
 * A log is one run of bytes, cut into files of segment_bytes; an append takes its place by adding
 * to a counter and writes there, so that threads share nothing else.  A log goes on where it ended.
 * Files are opened when they are first written to; those that are prepared, and the first ones,
 * before the clock starts.
 */
#define _GNU_SOURCE /* fallocate() */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread.h"
#include "bench/options.h"
#include "bench/payload.h"
#include "bench/scratch.h"
#include "bench/side.h"
#include "bench/stop.h"
#include "strandline/engine.h"
#include "strandline/log.h"

enum {
    FILES_MAX = 4096,
    FILES_SPARE = 8,
    ZERO_CALL_SIZE = 64 << 10,
    SYNC_INTERVAL_MS = 200,
    SYNC_BYTES = 64 << 20
};

struct raw_log {
    atomic_int_fast64_t end; /* the next append takes its place here */
    atomic_int *descriptors; /* file_count_max of them; -1: not open; each set once */
};

struct store {
    char directory[BENCH_PATH_SIZE];
    int64_t segment_bytes;
    bool is_durable;
    uint32_t log_count;
    struct raw_log *logs;
    atomic_int *descriptors; /* of all logs */
    size_t file_count_max;   /* of a log */
    bool has_syncer;         /* with the rest */
    struct strand_thread syncer;
    struct strand_mutex lock;
    struct strand_condition wake;
    bool must_stop; /* guarded by lock, as the next */
    bool must_sync; /* before the interval is over */
    int64_t sync_interval_ns;
    uint_fast64_t sync_bytes;
    atomic_uint_fast64_t unsynced_bytes;
    atomic_int sync_status; /* of the syncer: its failure is that of all appends behind it */
};

enum { FILE_PATH_SIZE = BENCH_PATH_SIZE + 64 };

static void
format_path(const struct store *store, uint32_t log, int64_t number, char *out_path)
{
    (void)snprintf(out_path, FILE_PATH_SIZE, "%s/%" PRIu32 "-%" PRId64, store->directory, log,
                   number);
}

static int
open_file(struct store *store, uint32_t log, int64_t number, int *out_descriptor)
{
    char path[FILE_PATH_SIZE];
    atomic_int *place = &store->logs[log].descriptors[number];
    int none = -1;

    format_path(store, log, number, path);
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return strand_fail_code(errno, "create %s", path);
    if (!atomic_compare_exchange_strong(place, &none, descriptor)) {
        (void)close(descriptor); /* another thread was faster; nothing was written */
        descriptor = none;
    }
    *out_descriptor = descriptor;
    return STRAND_OK;
}

/* ---- Preparation ---- */

static int
fill_with_zeros(int descriptor, int64_t bytes)
{
    static const char ZEROS[ZERO_CALL_SIZE];

    for (int64_t done = 0; done < bytes;) {
        size_t size = bytes - done < ZERO_CALL_SIZE ? (size_t)(bytes - done) : ZERO_CALL_SIZE;
        ssize_t written = pwrite(descriptor, ZEROS, size, done);

        if (written <= 0)
            return strand_fail_code(written < 0 ? errno : ENOSPC, "write zeros ahead");
        done += written;
        if (bench_stop_is_wanted())
            return STRAND_END;
    }
    if (fdatasync(descriptor) != 0)
        return strand_fail_code(errno, "sync zeros");
    return STRAND_OK;
}

static int
prepare_file(struct store *store, uint32_t log, int64_t number, int64_t bytes, int preparation)
{
    int descriptor = -1;

    int status = open_file(store, log, number, &descriptor);
    if (status != STRAND_OK)
        return status;
    if (preparation == STRAND_PREPARE_ZERO)
        return fill_with_zeros(descriptor, bytes);
    if (fallocate(descriptor, FALLOC_FL_KEEP_SIZE, 0, bytes) != 0)
        return strand_fail_code(errno, "reserve space with fallocate() (--preparation none and "
                                       "zero do without)");
    return STRAND_OK;
}

static int
prepare(struct store *store, const struct bench_setup *setup)
{
    int preparation = setup->options->preparation;
    int64_t bytes = setup->bytes / setup->log_count;

    if (preparation == STRAND_PREPARE_AUTO)
        preparation = store->is_durable ? STRAND_PREPARE_ZERO : STRAND_PREPARE_NONE;
    if (preparation == STRAND_PREPARE_NONE)
        return STRAND_OK;
    for (uint32_t i = 0; i < store->log_count; i++) {
        for (int64_t number = 0; number * store->segment_bytes < bytes; number++) {
            int64_t left = bytes - number * store->segment_bytes;
            int64_t part = left < store->segment_bytes ? left : store->segment_bytes;

            int status = prepare_file(store, i, number, part, preparation);
            if (status != STRAND_OK)
                return status;
        }
    }
    return STRAND_OK;
}

/* ---- Syncing ---- */

static int
sync_store(void *opaque)
{
    struct store *store = opaque;

    for (uint32_t i = 0; i < store->log_count; i++) {
        for (size_t number = 0; number < store->file_count_max; number++) {
            int descriptor = atomic_load(&store->logs[i].descriptors[number]);

            if (descriptor >= 0 && fdatasync(descriptor) != 0)
                return strand_fail_code(errno, "sync a file");
        }
    }
    return STRAND_OK;
}

static void
sync_as_an_engine(void *opaque)
{
    struct store *store = opaque;

    strand_mutex_lock(&store->lock);
    while (!store->must_stop) {
        int64_t deadline = strand_thread_now_ns() + store->sync_interval_ns;

        while (!store->must_stop && !store->must_sync &&
               strand_condition_wait(&store->wake, &store->lock, deadline))
            continue;
        store->must_sync = false;
        strand_mutex_unlock(&store->lock);
        atomic_store(&store->unsynced_bytes, 0);
        int status = sync_store(store);
        if (status != STRAND_OK)
            atomic_store(&store->sync_status, status);
        strand_mutex_lock(&store->lock);
    }
    strand_mutex_unlock(&store->lock);
}

/* SIZE bytes were written. */
static void
note_unsynced(struct store *store, size_t size)
{
    uint_fast64_t before = atomic_fetch_add(&store->unsynced_bytes, size);

    if (before >= store->sync_bytes || before + size < store->sync_bytes)
        return;
    strand_mutex_lock(&store->lock);
    store->must_sync = true;
    strand_condition_signal(&store->wake);
    strand_mutex_unlock(&store->lock);
}

static void
stop_syncer(struct store *store)
{
    strand_mutex_lock(&store->lock);
    store->must_stop = true;
    strand_condition_broadcast(&store->wake);
    strand_mutex_unlock(&store->lock);
    strand_thread_join(&store->syncer);
}

/* ---- The side ---- */

static int
close_store(void *opaque)
{
    struct store *store = opaque;

    if (store->has_syncer)
        stop_syncer(store);
    for (uint32_t i = 0; i < store->log_count; i++)
        for (size_t number = 0; number < store->file_count_max; number++) {
            int descriptor = atomic_load(&store->logs[i].descriptors[number]);

            if (descriptor >= 0)
                (void)close(descriptor); /* nothing of it is kept */
        }
    strand_condition_deinit(&store->wake);
    strand_mutex_deinit(&store->lock);
    free(store->descriptors);
    free(store->logs);
    free(store);
    return STRAND_OK;
}

static bool
create_logs(struct store *store, const struct bench_setup *setup)
{
    size_t log_count = setup->log_count;
    int64_t bytes = setup->bytes + setup->kept_bytes;
    size_t count = (size_t)(bytes / setup->segment_bytes / setup->log_count) + FILES_SPARE;

    store->file_count_max = count;
    store->log_count = setup->log_count;
    store->logs = calloc(log_count, sizeof *store->logs);
    store->descriptors = calloc(log_count * count, sizeof *store->descriptors);
    if (store->logs == NULL || store->descriptors == NULL)
        return false;
    for (size_t i = 0; i < log_count * count; i++)
        atomic_init(&store->descriptors[i], -1);
    for (size_t i = 0; i < log_count; i++)
        store->logs[i].descriptors = store->descriptors + i * count;
    return true;
}

/* Open the first file of a log that is not full, where it goes on.  What begins in a file ends
 * there, a little behind its size. */
static int
open_last_file(struct store *store, uint32_t log)
{
    char path[FILE_PATH_SIZE];
    struct stat found = {.st_size = 0};
    int64_t number = 0;
    int descriptor;

    for (;; number++) {
        format_path(store, log, number, path);
        bool is_there = stat(path, &found) == 0;
        if (!is_there || found.st_size < store->segment_bytes) {
            atomic_store(&store->logs[log].end,
                         number * store->segment_bytes + (is_there ? found.st_size : 0));
            return open_file(store, log, number, &descriptor);
        }
    }
}

/* Opening files is no part of an append.  What is prepared is open already, and new. */
static int
open_last_files(struct store *store)
{
    for (uint32_t i = 0; i < store->log_count; i++) {
        bool is_prepared = atomic_load(&store->logs[i].descriptors[0]) >= 0;
        int status = is_prepared ? STRAND_OK : open_last_file(store, i);

        if (status != STRAND_OK)
            return status;
        if (bench_stop_is_wanted())
            return STRAND_END;
    }
    return STRAND_OK;
}

static struct store *
create_store(const struct bench_setup *setup)
{
    struct store *store = calloc(1, sizeof *store);

    if (store == NULL)
        return NULL;
    if (!create_logs(store, setup)) {
        free(store->descriptors);
        free(store->logs);
        free(store);
        return NULL;
    }
    (void)snprintf(store->directory, sizeof store->directory, "%s", setup->directory);
    store->segment_bytes = setup->segment_bytes;
    store->is_durable = setup->options->durability == STRAND_DURABLE;
    int64_t interval_ms = setup->options->commit_interval_ms;
    store->sync_bytes =
        setup->options->commit_bytes > 0 ? (uint_fast64_t)setup->options->commit_bytes : SYNC_BYTES;
    atomic_init(&store->unsynced_bytes, 0);
    atomic_init(&store->sync_status, STRAND_OK);
    store->sync_interval_ns = (interval_ms > 0 ? interval_ms : SYNC_INTERVAL_MS) * 1000000;
    strand_mutex_init(&store->lock);
    strand_condition_init(&store->wake);
    return store;
}

static int
open_store(const struct bench_setup *setup, void **out_store)
{
    if (setup->bytes / setup->segment_bytes >= FILES_MAX)
        return strand_fail(STRAND_ERR_INVALID,
                           "side raw makes at most %d files of a log: a larger --segment-bytes or "
                           "a smaller --bytes will do",
                           FILES_MAX);
    struct store *store = create_store(setup);
    if (store == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory for %" PRIu32 " logs",
                           setup->log_count);
    int status = prepare(store, setup);
    if (status == STRAND_OK)
        status = open_last_files(store);
    if (status != STRAND_OK) {
        (void)close_store(store); /* cannot fail */
        return status;
    }
    *out_store = store;
    return STRAND_OK;
}

static int
open_synced_store(const struct bench_setup *setup, void **out_store)
{
    void *opaque;

    int status = open_store(setup, &opaque);
    if (status != STRAND_OK)
        return status;
    struct store *store = opaque;
    status = strand_thread_start(&store->syncer, "bench-sync", sync_as_an_engine, store);
    store->has_syncer = status == STRAND_OK;
    if (status != STRAND_OK) {
        (void)close_store(store); /* cannot fail */
        return status;
    }
    *out_store = store;
    return STRAND_OK;
}

static int
write_all(int descriptor, const struct bench_batch *batch, int64_t position)
{
    for (size_t done = 0; done < batch->encoded_size;) {
        ssize_t written = pwrite(descriptor, batch->encoded + done, batch->encoded_size - done,
                                 position + (int64_t)done);

        if (written < 0)
            return strand_fail_code(errno, "write a file");
        done += (size_t)written;
    }
    return STRAND_OK;
}

static int
append(void *opaque, uint32_t log, const struct bench_batch *batch)
{
    struct store *store = opaque;
    struct raw_log *raw = &store->logs[log];
    int64_t place = atomic_fetch_add(&raw->end, (int_fast64_t)batch->encoded_size);
    int64_t number = place / store->segment_bytes;

    if (number >= (int64_t)store->file_count_max)
        return strand_fail(STRAND_ERR_INVALID, "side raw has written more than was announced");
    int descriptor = atomic_load_explicit(&raw->descriptors[number], memory_order_acquire);
    int status = STRAND_OK;
    if (descriptor < 0)
        status = open_file(store, log, number, &descriptor);
    if (status == STRAND_OK)
        status = write_all(descriptor, batch, place % store->segment_bytes);
    if (status == STRAND_OK && store->is_durable && fdatasync(descriptor) != 0)
        return strand_fail_code(errno, "sync a file");
    if (status != STRAND_OK || !store->has_syncer)
        return status;
    note_unsynced(store, batch->encoded_size);
    status = atomic_load_explicit(&store->sync_status, memory_order_relaxed);
    return status == STRAND_OK ? status : strand_fail(status, "a sync of the files has failed");
}

const struct bench_side bench_side_raw = {
    .name = "raw",
    .about = "pwrite() of the same bytes in calls of the same size; fdatasync() after each where "
             "appends are durable",
    .can_append_again = true,
    .open = open_store,
    .append = append,
    .sync = sync_store,
    .close = close_store,
};

const struct bench_side bench_side_raw_synced = {
    .name = "raw-synced",
    .about = "the same, and a thread that syncs as often as the engine",
    .open = open_synced_store,
    .append = append,
    .sync = sync_store,
    .close = close_store,
};
