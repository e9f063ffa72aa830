/* bench/side_leveldb.c -- LevelDB: a write batch for an append, a synced one where appends are
 * durable; no compression, since nobody else compresses, and a larger block cache; everything else
 * as it is by default.
 */
#include "bench/side_peers.h"

#ifdef BENCH_HAVE_LEVELDB

#include <leveldb/c.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "bench/options.h"
#include "bench/payload.h"
#include "bench/peers.h"
#include "strandline/log.h"

enum { KEY_SIZE = 8 };

struct store {
    leveldb_t *db;
    leveldb_options_t *options;
    leveldb_cache_t *cache;
    leveldb_writeoptions_t *write;
    leveldb_readoptions_t *read;
    struct bench_numbers numbers;
    struct bench_pool batches; /* leveldb_writebatch_t, to be filled again */
};

/* TEXT is LevelDB's, and freed. */
static int
fail(const char *what, char *text)
{
    int status = strand_fail(STRAND_ERR_FAILED, "LevelDB: %s: %s", what, text);

    leveldb_free(text);
    return status;
}

static int
close_store(void *opaque)
{
    struct store *store = opaque;
    void *batch;

    while ((batch = bench_pool_take(&store->batches)) != NULL)
        leveldb_writebatch_destroy(batch);
    bench_pool_deinit(&store->batches);
    if (store->db != NULL)
        leveldb_close(store->db);
    leveldb_readoptions_destroy(store->read);
    leveldb_writeoptions_destroy(store->write);
    leveldb_options_destroy(store->options);
    leveldb_cache_destroy(store->cache);
    bench_numbers_deinit(&store->numbers);
    free(store);
    return STRAND_OK;
}

static int
open_store(const struct bench_setup *setup, void **out_store)
{
    struct store *store = calloc(1, sizeof *store);
    char *error = NULL;

    if (store == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory for a store");
    store->options = leveldb_options_create();
    store->write = leveldb_writeoptions_create();
    store->read = leveldb_readoptions_create();
    store->cache = leveldb_cache_create_lru(BENCH_PEER_CACHE_BYTES);
    leveldb_options_set_cache(store->options, store->cache);
    leveldb_options_set_compression(store->options, leveldb_no_compression);
    leveldb_options_set_create_if_missing(store->options, 1);
    leveldb_writeoptions_set_sync(store->write, setup->options->durability == STRAND_DURABLE);
    bench_pool_init(&store->batches);
    int status = bench_numbers_init(&store->numbers, setup->log_count);
    if (status == STRAND_OK)
        store->db = leveldb_open(store->options, setup->directory, &error);
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
    leveldb_put(store->db, store->write, key, sizeof key, record->value.data, record->value.size,
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
    leveldb_writebatch_t *writes = bench_pool_take(&store->batches);
    if (writes == NULL)
        writes = leveldb_writebatch_create();
    uint64_t number = bench_numbers_take(&store->numbers, log, batch->record_count);
    for (size_t i = 0; i < batch->record_count; i++) {
        const struct strand_bytes *value = &batch->records[i].value;
        char key[KEY_SIZE];

        bench_number_store(number + i, key);
        leveldb_writebatch_put(writes, key, sizeof key, value->data, value->size);
    }
    leveldb_write(store->db, store->write, writes, &error);
    leveldb_writebatch_clear(writes);
    bench_pool_give(&store->batches, writes);
    return error == NULL ? STRAND_OK : fail("write", error);
}

/* A write that is synced syncs those before it: an empty one does. */
static int
sync_store(void *opaque)
{
    struct store *store = opaque;
    leveldb_writeoptions_t *synced = leveldb_writeoptions_create();
    leveldb_writebatch_t *nothing = leveldb_writebatch_create();
    char *error = NULL;

    leveldb_writeoptions_set_sync(synced, 1);
    leveldb_write(store->db, synced, nothing, &error);
    leveldb_writebatch_destroy(nothing);
    leveldb_writeoptions_destroy(synced);
    return error == NULL ? STRAND_OK : fail("sync", error);
}

static int
scan(void *opaque, bench_visit_fn *visit, void *context)
{
    struct store *store = opaque;
    leveldb_iterator_t *place = leveldb_create_iterator(store->db, store->read);
    char *error = NULL;

    for (leveldb_iter_seek_to_first(place); leveldb_iter_valid(place); leveldb_iter_next(place)) {
        size_t size;
        const char *value = leveldb_iter_value(place, &size);

        visit(context, value, size);
    }
    leveldb_iter_get_error(place, &error);
    leveldb_iter_destroy(place);
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
    char *value = leveldb_get(store->db, store->read, key, sizeof key, &size, &error);
    if (error != NULL)
        return fail("get", error);
    if (value == NULL)
        return strand_fail(STRAND_ERR_NOT_FOUND, "LevelDB: get: no such key");
    visit(context, value, size);
    leveldb_free(value);
    return STRAND_OK;
}

const char *
bench_leveldb_version(void)
{
    static char text[32];

    (void)snprintf(text, sizeof text, "%d.%d", leveldb_major_version(), leveldb_minor_version());
    return text;
}

const struct bench_side bench_side_leveldb = {
    .name = "leveldb",
    .about = "LevelDB",
    .is_peer = true,
    .open = open_store,
    .append = append,
    .sync = sync_store,
    .scan = scan,
    .find = find,
    .close = close_store,
};

#endif
