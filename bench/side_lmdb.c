/* bench/side_lmdb.c -- LMDB: a transaction for an append; its default sync, or none (MDB_NOSYNC).
 *
 * Keys of one log only ever grow, which is told (MDB_APPEND): pages are then filled to the end.
 */
#include "bench/side_peers.h"

#ifdef BENCH_HAVE_LMDB

#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "bench/options.h"
#include "bench/payload.h"
#include "bench/peers.h"
#include "strandline/log.h"

enum { FILE_MODE = 0600, MAP_SPARE_BYTES = 256 << 20, MAP_FACTOR = 4 };

struct store {
    MDB_env *env;
    MDB_dbi dbi;
    unsigned put_flags;
    MDB_txn *reader; /* renewed for each search; NULL: none yet */
    struct bench_numbers numbers;
};

static int
fail(const char *what, int code)
{
    return strand_fail(STRAND_ERR_FAILED, "LMDB: %s: %s", what, mdb_strerror(code));
}

static int
close_store(void *opaque)
{
    struct store *store = opaque;

    if (store->reader != NULL)
        mdb_txn_abort(store->reader);
    if (store->env != NULL)
        mdb_env_close(store->env);
    bench_numbers_deinit(&store->numbers);
    free(store);
    return STRAND_OK;
}

static int
open_table(struct store *store)
{
    MDB_txn *txn;

    int code = mdb_txn_begin(store->env, NULL, 0, &txn);
    if (code != 0)
        return fail("begin", code);
    code = mdb_dbi_open(txn, NULL, MDB_INTEGERKEY, &store->dbi);
    if (code != 0) {
        mdb_txn_abort(txn);
        return fail("open the table", code);
    }
    code = mdb_txn_commit(txn);
    return code == 0 ? STRAND_OK : fail("commit", code);
}

static int
open_env(struct store *store, const struct bench_setup *setup)
{
    unsigned sync = setup->options->durability == STRAND_DURABLE ? 0 : MDB_NOSYNC;

    int code = mdb_env_create(&store->env);
    if (code == 0)
        code = mdb_env_set_mapsize(store->env, (size_t)setup->bytes * MAP_FACTOR + MAP_SPARE_BYTES);
    if (code == 0)
        code = mdb_env_open(store->env, setup->directory, MDB_NOTLS | sync, FILE_MODE);
    return code == 0 ? open_table(store) : fail("open", code);
}

static int
open_store(const struct bench_setup *setup, void **out_store)
{
    struct store *store = calloc(1, sizeof *store);

    if (store == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory for a store");
    store->put_flags = setup->log_count == 1 ? MDB_APPEND : 0;
    int status = bench_numbers_init(&store->numbers, setup->log_count);
    if (status == STRAND_OK)
        status = open_env(store, setup);
    if (status != STRAND_OK) {
        (void)close_store(store); /* cannot fail */
        return status;
    }
    *out_store = store;
    return STRAND_OK;
}

/* Numbers are taken inside the transaction, of which there is one at a time: so they grow. */
static int
put_all(struct store *store, MDB_txn *txn, uint32_t log, const struct bench_batch *batch)
{
    uint64_t number = bench_numbers_take(&store->numbers, log, batch->record_count);

    for (size_t i = 0; i < batch->record_count; i++, number++) {
        const struct strand_bytes *bytes = &batch->records[i].value;
        MDB_val key = {sizeof number, &number};
        MDB_val value = {bytes->size, NULL};

        int code = mdb_put(txn, store->dbi, &key, &value, store->put_flags | MDB_RESERVE);
        if (code != 0)
            return code;
        memcpy(value.mv_data, bytes->data, bytes->size);
    }
    return 0;
}

static int
append(void *opaque, uint32_t log, const struct bench_batch *batch)
{
    struct store *store = opaque;
    MDB_txn *txn;

    int code = mdb_txn_begin(store->env, NULL, 0, &txn);
    if (code != 0)
        return fail("begin", code);
    code = put_all(store, txn, log, batch);
    if (code != 0) {
        mdb_txn_abort(txn);
        return fail("put", code);
    }
    code = mdb_txn_commit(txn);
    return code == 0 ? STRAND_OK : fail("commit", code);
}

static int
sync_store(void *opaque)
{
    struct store *store = opaque;

    int code = mdb_env_sync(store->env, 1);
    return code == 0 ? STRAND_OK : fail("sync", code);
}

/* A read transaction costs little when it is renewed. */
static int
begin_reading(struct store *store)
{
    int code = store->reader != NULL ? mdb_txn_renew(store->reader)
                                     : mdb_txn_begin(store->env, NULL, MDB_RDONLY, &store->reader);

    return code == 0 ? STRAND_OK : fail("begin to read", code);
}

static int
scan(void *opaque, bench_visit_fn *visit, void *context)
{
    struct store *store = opaque;
    MDB_cursor *cursor;
    MDB_val key, value;

    int status = begin_reading(store);
    if (status != STRAND_OK)
        return status;
    int code = mdb_cursor_open(store->reader, store->dbi, &cursor);
    if (code == 0) {
        while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
            visit(context, value.mv_data, value.mv_size);
        mdb_cursor_close(cursor);
    }
    mdb_txn_reset(store->reader);
    return code == MDB_NOTFOUND ? STRAND_OK : fail("iterate", code);
}

static int
find(void *opaque, uint64_t number, bench_visit_fn *visit, void *context)
{
    struct store *store = opaque;
    MDB_val key = {sizeof number, &number};
    MDB_val value;

    int status = begin_reading(store);
    if (status != STRAND_OK)
        return status;
    int code = mdb_get(store->reader, store->dbi, &key, &value);
    if (code == 0)
        visit(context, value.mv_data, value.mv_size);
    mdb_txn_reset(store->reader);
    if (code == MDB_NOTFOUND)
        return strand_fail(STRAND_ERR_NOT_FOUND, "LMDB: get: no such key");
    return code == 0 ? STRAND_OK : fail("get", code);
}

const char *
bench_lmdb_version(void)
{
    int major, minor, patch;
    static char text[32];

    (void)mdb_version(&major, &minor, &patch);
    (void)snprintf(text, sizeof text, "%d.%d.%d", major, minor, patch);
    return text;
}

const struct bench_side bench_side_lmdb = {
    .name = "lmdb",
    .about = "LMDB",
    .is_peer = true,
    .open = open_store,
    .append = append,
    .sync = sync_store,
    .scan = scan,
    .find = find,
    .close = close_store,
};

#endif
