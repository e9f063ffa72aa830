/* bench/side_rocksdb.c -- RocksDB: a write batch for an append, a synced one where appends are
 * durable; no compression, since nobody else compresses, and a larger block cache; everything else
 * as it is by default.
 */
#include "bench/side_peers.h"

#ifdef BENCH_HAVE_ROCKSDB

#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "bench/options.h"
#include "bench/payload.h"
#include "bench/peers.h"
#include "strandline/log.h"

enum { KEY_SIZE = 8 };

struct store {
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_block_based_table_options_t *table;
    rocksdb_cache_t *cache;
    rocksdb_writeoptions_t *write;
    rocksdb_readoptions_t *read;
    struct bench_numbers numbers;
    struct bench_pool batches; /* rocksdb_writebatch_t, to be filled again */
};

/* TEXT is RocksDB's, and freed. */
static int
fail(const char *what, char *text)
{
    int status = strand_fail(STRAND_ERR_FAILED, "RocksDB: %s: %s", what, text);

    rocksdb_free(text);
    return status;
}

static int
close_store(void *opaque)
{
    struct store *store = opaque;
    void *batch;

    while ((batch = bench_pool_take(&store->batches)) != NULL)
        rocksdb_writebatch_destroy(batch);
    bench_pool_deinit(&store->batches);
    if (store->db != NULL)
        rocksdb_close(store->db);
    rocksdb_readoptions_destroy(store->read);
    rocksdb_writeoptions_destroy(store->write);
    rocksdb_options_destroy(store->options);
    rocksdb_block_based_options_destroy(store->table);
    rocksdb_cache_destroy(store->cache);
    bench_numbers_deinit(&store->numbers);
    free(store);
    return STRAND_OK;
}

static void
set_options(struct store *store)
{
    store->table = rocksdb_block_based_options_create();
    store->cache = rocksdb_cache_create_lru(BENCH_PEER_CACHE_BYTES);
    rocksdb_block_based_options_set_block_cache(store->table, store->cache);
    rocksdb_options_set_block_based_table_factory(store->options, store->table);
    rocksdb_options_set_compression(store->options, rocksdb_no_compression);
    rocksdb_options_set_create_if_missing(store->options, 1);
}

static int
open_store(const struct bench_setup *setup, void **out_store)
{
    struct store *store = calloc(1, sizeof *store);
    char *error = NULL;

    if (store == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory for a store");
    store->options = rocksdb_options_create();
    store->write = rocksdb_writeoptions_create();
    store->read = rocksdb_readoptions_create();
    set_options(store);
    rocksdb_writeoptions_set_sync(store->write, setup->options->durability == STRAND_DURABLE);
    bench_pool_init(&store->batches);
    int status = bench_numbers_init(&store->numbers, setup->log_count);
    if (status == STRAND_OK)
        store->db = rocksdb_open(store->options, setup->directory, &error);
    if (error != NULL)
        status = fail("open", error);
    if (status != STRAND_OK) {
        (void)close_store(store); /* cannot fail */
        return status;
    }
    *out_store = store;
    return STRAND_OK;
}

static int
append_one(struct store *store, uint32_t log, const struct strand_record *record)
{
    char key[KEY_SIZE];
    char *error = NULL;

    bench_number_store(bench_numbers_take(&store->numbers, log, 1), key);
    rocksdb_put(store->db, store->write, key, sizeof key, record->value.data, record->value.size,
                &error);
    return error == NULL ? STRAND_OK : fail("put", error);
}

static int
append(void *opaque, uint32_t log, const struct bench_batch *batch)
{
    struct store *store = opaque;
    char *error = NULL;

    if (batch->record_count == 1)
        return append_one(store, log, &batch->records[0]);
    rocksdb_writebatch_t *writes = bench_pool_take(&store->batches);
    if (writes == NULL)
        writes = rocksdb_writebatch_create();
    uint64_t number = bench_numbers_take(&store->numbers, log, batch->record_count);
    for (size_t i = 0; i < batch->record_count; i++) {
        const struct strand_bytes *value = &batch->records[i].value;
        char key[KEY_SIZE];

        bench_number_store(number + i, key);
        rocksdb_writebatch_put(writes, key, sizeof key, value->data, value->size);
    }
    rocksdb_write(store->db, store->write, writes, &error);
    rocksdb_writebatch_clear(writes);
    bench_pool_give(&store->batches, writes);
    return error == NULL ? STRAND_OK : fail("write", error);
}

static int
sync_store(void *opaque)
{
    struct store *store = opaque;
    char *error = NULL;

    rocksdb_flush_wal(store->db, 1, &error);
    return error == NULL ? STRAND_OK : fail("flush the WAL", error);
}

static int
scan(void *opaque, bench_visit_fn *visit, void *context)
{
    struct store *store = opaque;
    rocksdb_iterator_t *place = rocksdb_create_iterator(store->db, store->read);
    char *error = NULL;

    for (rocksdb_iter_seek_to_first(place); rocksdb_iter_valid(place); rocksdb_iter_next(place)) {
        size_t size;
        const char *value = rocksdb_iter_value(place, &size);

        visit(context, value, size);
    }
    rocksdb_iter_get_error(place, &error);
    rocksdb_iter_destroy(place);
    return error == NULL ? STRAND_OK : fail("iterate", error);
}

static int
find(void *opaque, uint64_t number, bench_visit_fn *visit, void *context)
{
    struct store *store = opaque;
    char key[KEY_SIZE];
    char *error = NULL;
    size_t size;

    bench_number_store(number, key);
    rocksdb_pinnableslice_t *found =
        rocksdb_get_pinned(store->db, store->read, key, sizeof key, &error);
    if (error != NULL)
        return fail("get", error);
    if (found == NULL)
        return strand_fail(STRAND_ERR_NOT_FOUND, "RocksDB: get: no such key");
    const char *value = rocksdb_pinnableslice_value(found, &size);
    visit(context, value, size);
    rocksdb_pinnableslice_destroy(found);
    return STRAND_OK;
}

const char *
bench_rocksdb_version(void)
{
    return BENCH_ROCKSDB_VERSION;
}

const struct bench_side bench_side_rocksdb = {
    .name = "rocksdb",
    .about = "RocksDB",
    .is_peer = true,
    .open = open_store,
    .append = append,
    .sync = sync_store,
    .scan = scan,
    .find = find,
    .close = close_store,
};

#endif
