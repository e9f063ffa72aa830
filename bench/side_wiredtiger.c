/* bench/side_wiredtiger.c -- WiredTiger: one table, logged; a commit returns when the log was
 * synced (method=fsync), or, where appends are not durable, when the kernel has it (method=none).
 *
 * Sessions belong to one thread at a time: the next thread takes one that is free.  The cache,
 * which its documentation asks to be sized, is of 512 MiB.
 */
#include "bench/side_peers.h"

#ifdef BENCH_HAVE_WIREDTIGER

#include <stdio.h>
#include <stdlib.h>
#include <wiredtiger.h>

#include "base/error.h"
#include "bench/options.h"
#include "bench/payload.h"
#include "bench/peers.h"
#include "strandline/log.h"

struct worker {
    WT_SESSION *session;
    WT_CURSOR *cursor;
};

struct store {
    WT_CONNECTION *connection;
    struct bench_pool workers; /* struct worker */
    struct bench_numbers numbers;
};

static int
fail(const char *what, int code)
{
    return strand_fail(STRAND_ERR_FAILED, "WiredTiger: %s: %s", what, wiredtiger_strerror(code));
}

static int
close_store(void *opaque)
{
    struct store *store = opaque;
    void *worker;
    int code = 0;

    while ((worker = bench_pool_take(&store->workers)) != NULL)
        free(worker); /* its session goes with the connection */
    bench_pool_deinit(&store->workers);
    if (store->connection != NULL)
        code = store->connection->close(store->connection, NULL);
    bench_numbers_deinit(&store->numbers);
    free(store);
    return code == 0 ? STRAND_OK : fail("close", code);
}

static int
create_worker(struct store *store, struct worker **out_worker)
{
    struct worker *worker = calloc(1, sizeof *worker);

    if (worker == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory for a session");
    int code = store->connection->open_session(store->connection, NULL, NULL, &worker->session);
    if (code == 0)
        code = worker->session->create(worker->session, "table:records",
                                       "key_format=q,value_format=u");
    if (code == 0)
        code = worker->session->open_cursor(worker->session, "table:records", NULL, NULL,
                                            &worker->cursor);
    if (code != 0) {
        free(worker); /* its session goes with the connection */
        return fail("open a session", code);
    }
    *out_worker = worker;
    return STRAND_OK;
}

static int
take_worker(struct store *store, struct worker **out_worker)
{
    struct worker *worker = bench_pool_take(&store->workers);

    if (worker == NULL)
        return create_worker(store, out_worker);
    *out_worker = worker;
    return STRAND_OK;
}

static int
open_connection(struct store *store, const struct bench_setup *setup)
{
    struct worker *worker;
    char config[256];

    (void)snprintf(config, sizeof config,
                   "create,cache_size=512MB,session_max=512,log=(enabled=true),"
                   "transaction_sync=(enabled=true,method=%s)",
                   setup->options->durability == STRAND_DURABLE ? "fsync" : "none");
    int code = wiredtiger_open(setup->directory, NULL, config, &store->connection);
    if (code != 0)
        return fail("open", code);
    int status = create_worker(store, &worker); /* makes the table, too */
    if (status == STRAND_OK)
        bench_pool_give(&store->workers, worker);
    return status;
}

static int
open_store(const struct bench_setup *setup, void **out_store)
{
    struct store *store = calloc(1, sizeof *store);

    if (store == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory for a store");
    bench_pool_init(&store->workers);
    int status = bench_numbers_init(&store->numbers, setup->log_count);
    if (status == STRAND_OK)
        status = open_connection(store, setup);
    if (status != STRAND_OK) {
        char message[STRAND_ERROR_MESSAGE_SIZE_MAX];

        (void)snprintf(message, sizeof message, "%s", strand_error_message());
        (void)close_store(store); /* the failure before it is the one to tell */
        return strand_fail(status, "%s", message);
    }
    *out_store = store;
    return STRAND_OK;
}

static int
insert_all(struct worker *worker, uint64_t number, const struct bench_batch *batch)
{
    WT_CURSOR *cursor = worker->cursor;
    int code = 0;

    for (size_t i = 0; i < batch->record_count && code == 0; i++) {
        WT_ITEM value = {.data = batch->records[i].value.data,
                         .size = batch->records[i].value.size};

        cursor->set_key(cursor, (int64_t)(number + i));
        cursor->set_value(cursor, &value);
        code = cursor->insert(cursor);
    }
    return code;
}

static int
append(void *opaque, uint32_t log, const struct bench_batch *batch)
{
    struct store *store = opaque;
    struct worker *worker;

    int status = take_worker(store, &worker);
    if (status != STRAND_OK)
        return status;
    WT_SESSION *session = worker->session;
    uint64_t number = bench_numbers_take(&store->numbers, log, batch->record_count);
    int code = session->begin_transaction(session, NULL);
    if (code == 0) {
        code = insert_all(worker, number, batch);
        if (code == 0)
            code = session->commit_transaction(session, NULL);
        else
            (void)session->rollback_transaction(session, NULL); /* the insert is what failed */
    }
    bench_pool_give(&store->workers, worker);
    return code == 0 ? STRAND_OK : fail("commit", code);
}

static int
sync_store(void *opaque)
{
    struct store *store = opaque;
    struct worker *worker;

    int status = take_worker(store, &worker);
    if (status != STRAND_OK)
        return status;
    int code = worker->session->log_flush(worker->session, "sync=on");
    bench_pool_give(&store->workers, worker);
    return code == 0 ? STRAND_OK : fail("flush the log", code);
}

static int
scan(void *opaque, bench_visit_fn *visit, void *context)
{
    struct store *store = opaque;
    struct worker *worker;
    int code;

    int status = take_worker(store, &worker);
    if (status != STRAND_OK)
        return status;
    WT_CURSOR *cursor = worker->cursor;
    while ((code = cursor->next(cursor)) == 0) {
        WT_ITEM value;

        code = cursor->get_value(cursor, &value);
        if (code != 0)
            break;
        visit(context, value.data, value.size);
    }
    (void)cursor->reset(cursor); /* it was only read with */
    bench_pool_give(&store->workers, worker);
    return code == WT_NOTFOUND ? STRAND_OK : fail("iterate", code);
}

static int
find(void *opaque, uint64_t number, bench_visit_fn *visit, void *context)
{
    struct store *store = opaque;
    struct worker *worker;
    WT_ITEM value;

    int status = take_worker(store, &worker);
    if (status != STRAND_OK)
        return status;
    WT_CURSOR *cursor = worker->cursor;
    cursor->set_key(cursor, (int64_t)number);
    int code = cursor->search(cursor);
    if (code == 0)
        code = cursor->get_value(cursor, &value);
    if (code == 0)
        visit(context, value.data, value.size);
    (void)cursor->reset(cursor); /* it was only read with */
    bench_pool_give(&store->workers, worker);
    if (code == WT_NOTFOUND)
        return strand_fail(STRAND_ERR_NOT_FOUND, "WiredTiger: search: no such key");
    return code == 0 ? STRAND_OK : fail("search", code);
}

const char *
bench_wiredtiger_version(void)
{
    int major, minor, patch;
    static char text[32];

    (void)wiredtiger_version(&major, &minor, &patch);
    (void)snprintf(text, sizeof text, "%d.%d.%d", major, minor, patch);
    return text;
}

const struct bench_side bench_side_wiredtiger = {
    .name = "wiredtiger",
    .about = "WiredTiger",
    .is_peer = true,
    .open = open_store,
    .append = append,
    .sync = sync_store,
    .scan = scan,
    .find = find,
    .close = close_store,
};

#endif
