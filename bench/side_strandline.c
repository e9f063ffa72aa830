/* bench/side_strandline.c -- Strandline, by its public interface alone. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/error.h"
#include "bench/options.h"
#include "bench/payload.h"
#include "bench/side.h"
#include "bench/stop.h"
#include "strandline/engine.h"
#include "strandline/log.h"

enum { DELETED_LOGS_MAX = 64 };

struct store {
    struct strand_engine *engine;
    struct strand_log **logs;
    uint32_t log_count;
    bool is_kept;
    struct strand_append_options append;
    struct strand_cursor *cursor; /* of searches in log 0; NULL: none yet */
};

void
bench_strandline_options(const struct bench_options *options,
                         struct strand_engine_options *out_options)
{
    *out_options = (struct strand_engine_options){
        .struct_size = sizeof *out_options,
        .descriptor_budget = (uint32_t)options->descriptors,
        .commit_interval_ms = (uint32_t)options->commit_interval_ms,
        .commit_bytes = (uint64_t)options->commit_bytes,
        .unsynced_bytes_max = (uint64_t)options->unsynced_bytes_max,
        .sync_workers = (uint32_t)options->sync_workers,
        .preparation = options->preparation,
        .index = options->index,
    };
}

void
bench_strandline_log_options(const struct bench_options *options,
                             const struct bench_payload *payload, int64_t segment_bytes,
                             struct strand_log_options *out_options)
{
    *out_options = (struct strand_log_options){
        .struct_size = sizeof *out_options,
        .segment_bytes = (int32_t)segment_bytes,
        .codec = options->codec,
        .compression_level = (int32_t)options->level,
        .max_message_bytes = payload->message_bytes_max,
    };
}

struct strand_log *
bench_strandline_log(void *store, uint32_t number)
{
    return ((struct store *)store)->logs[number];
}

void
bench_raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    /* What cannot be raised shows when a file cannot be opened, by name. */
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Where nothing is kept a few logs are deleted first: what they have not synced yet is then never
 * written, which is untimed work saved. */
static int
close_store(void *opaque)
{
    struct store *store = opaque;
    bool deletes = !store->is_kept && store->log_count <= DELETED_LOGS_MAX;
    int status = STRAND_OK;

    strand_cursor_close(store->cursor);
    for (uint32_t i = 0; i < store->log_count; i++) {
        int closed = strand_log_close(store->logs[i]);

        if (closed == STRAND_OK && store->logs[i] != NULL && deletes)
            closed = strand_engine_delete_log(store->engine, "bench", (int32_t)i);
        status = status == STRAND_OK ? closed : status;
    }
    int closed = strand_engine_close(store->engine);
    free(store->logs);
    free(store);
    return status == STRAND_OK ? closed : status;
}

static int
open_logs(const struct bench_setup *setup, struct store *store)
{
    struct strand_log_options options;

    bench_strandline_log_options(setup->options, setup->payload, setup->segment_bytes, &options);
    for (uint32_t i = 0; i < store->log_count; i++) {
        int status = strand_log_open(store->engine, "bench", (int32_t)i, &options, &store->logs[i]);
        if (status != STRAND_OK)
            return status;
        if (bench_stop_is_wanted())
            return STRAND_END;
    }
    return STRAND_OK;
}

static int
open_store(const struct bench_setup *setup, void **out_store)
{
    struct strand_engine_options options;
    struct store *store = calloc(1, sizeof *store);
    struct strand_log **logs = calloc(setup->log_count, sizeof(struct strand_log *));

    if (store == NULL || logs == NULL) {
        free(store);
        free(logs);
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory for the handles of logs");
    }
    store->logs = logs;
    store->log_count = setup->log_count;
    store->is_kept = setup->is_kept;
    store->append = (struct strand_append_options){.struct_size = sizeof store->append,
                                                   .durability = setup->options->durability};
    bench_strandline_options(setup->options, &options);
    int status = strand_engine_open(setup->directory, &options, &store->engine);
    if (status == STRAND_OK)
        status = open_logs(setup, store);
    if (status != STRAND_OK) {
        char message[STRAND_ERROR_MESSAGE_SIZE_MAX];

        (void)snprintf(message, sizeof message, "%s", strand_error_message());
        (void)close_store(store); /* the failure before it is the one to tell */
        return status == STRAND_END ? status : strand_fail(status, "%s", message);
    }
    *out_store = store;
    return STRAND_OK;
}

static int
append(void *opaque, uint32_t log, const struct bench_batch *batch)
{
    struct store *store = opaque;

    return strand_log_append(store->logs[log], batch->records, batch->record_count, &store->append,
                             NULL);
}

static int
sync_store(void *opaque)
{
    struct store *store = opaque;

    return strand_engine_sync(store->engine);
}

static int
next_record(struct strand_cursor *cursor, bench_visit_fn *visit, void *context)
{
    struct strand_record record;

    int status = strand_cursor_next(cursor, &record);
    if (status == STRAND_OK)
        visit(context, record.value.data, record.value.size);
    return status;
}

static int
open_cursor(const struct store *store, uint32_t fetch_bytes, struct strand_cursor **out_cursor)
{
    const struct strand_cursor_options options = {.struct_size = sizeof options,
                                                  .isolation = STRAND_READ_WRITTEN,
                                                  .fetch_bytes = fetch_bytes};

    return strand_cursor_open(store->logs[0], STRAND_EARLIEST, &options, out_cursor);
}

static int
scan(void *opaque, bench_visit_fn *visit, void *context)
{
    struct store *store = opaque;
    struct strand_cursor *cursor;

    int status = open_cursor(store, 0, &cursor);
    if (status != STRAND_OK)
        return status;
    do {
        status = next_record(cursor, visit, context);
    } while (status == STRAND_OK);
    strand_cursor_close(cursor);
    return status == STRAND_END ? STRAND_OK : status;
}

static int
find(void *opaque, uint64_t number, bench_visit_fn *visit, void *context)
{
    struct store *store = opaque;
    int status = STRAND_OK;

    if (store->cursor == NULL) /* a batch at a time: what follows is not wanted */
        status = open_cursor(store, 1, &store->cursor);
    if (status == STRAND_OK)
        status = strand_cursor_seek(store->cursor, (int64_t)number);
    if (status == STRAND_OK)
        status = next_record(store->cursor, visit, context);
    return status == STRAND_END ? strand_fail(STRAND_ERR_NOT_FOUND, "no record at this offset")
                                : status;
}

const struct bench_side bench_side_strandline = {
    .name = "strandline",
    .about = "the engine with its defaults, but for what the options say",
    .can_append_again = true,
    .open = open_store,
    .append = append,
    .sync = sync_store,
    .scan = scan,
    .find = find,
    .close = close_store,
};
