/* bench/peers.c -- Those that are not in the build are named, too, so that asking for one says what
 * is missing.
 */
#include "bench/peers.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "bench/side_peers.h"

enum { LOG_SHIFT = 40 };

const struct bench_peer bench_peers[BENCH_PEER_COUNT] = {
    {"rocksdb", "librocksdb-dev", "WAL; sync, or not", BENCH_ROCKSDB},
    {"leveldb", "libleveldb-dev", "sync, or not", BENCH_LEVELDB},
    {"lmdb", "liblmdb-dev", "default sync, or MDB_NOSYNC", BENCH_LMDB},
    {"sqlite", "libsqlite3-dev", "WAL; synchronous=FULL, or OFF", BENCH_SQLITE},
    {"wiredtiger", "libwiredtiger-dev", "log; method=fsync, or none; cache of 512 MiB",
     BENCH_WIREDTIGER},
};

int
bench_peers_check(const struct bench_peer *peers, size_t count, const char *sides)
{
    for (const char *rest = sides; rest != NULL;) {
        size_t size = strcspn(rest, ",");

        for (size_t i = 0; i < count; i++) {
            const struct bench_peer *peer = &peers[i];

            if (peer->side == NULL && strlen(peer->name) == size &&
                memcmp(peer->name, rest, size) == 0)
                return strand_fail(STRAND_ERR_INVALID,
                                   "--sides %s: its library was not found when this program was "
                                   "configured (Debian: %s)",
                                   peer->name, peer->package);
        }
        rest = rest[size] == ',' ? rest + size + 1 : NULL;
    }
    return STRAND_OK;
}

/* ---- For their sides ---- */

int
bench_numbers_init(struct bench_numbers *numbers, uint32_t log_count)
{
    numbers->next = calloc(log_count, sizeof *numbers->next);
    if (numbers->next == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory for the numbers of %u logs", log_count);
    for (uint32_t i = 0; i < log_count; i++)
        atomic_init(&numbers->next[i], (uint_fast64_t)i << LOG_SHIFT);
    return STRAND_OK;
}

void
bench_numbers_deinit(struct bench_numbers *numbers)
{
    free(numbers->next);
    numbers->next = NULL;
}

uint64_t
bench_numbers_take(struct bench_numbers *numbers, uint32_t log, size_t count)
{
    return atomic_fetch_add_explicit(&numbers->next[log], count, memory_order_relaxed);
}

void
bench_number_store(uint64_t number, char out_key[8])
{
    for (int i = 0; i < 8; i++)
        out_key[i] = (char)(number >> (56 - 8 * i));
}

void
bench_pool_init(struct bench_pool *pool)
{
    strand_mutex_init(&pool->lock);
    pool->count = 0;
}

void
bench_pool_deinit(struct bench_pool *pool)
{
    strand_assert(pool->count == 0);
    strand_mutex_deinit(&pool->lock);
}

void *
bench_pool_take(struct bench_pool *pool)
{
    strand_mutex_lock(&pool->lock);
    void *item = pool->count > 0 ? pool->items[--pool->count] : NULL;
    strand_mutex_unlock(&pool->lock);
    return item;
}

void
bench_pool_give(struct bench_pool *pool, void *item)
{
    strand_mutex_lock(&pool->lock);
    strand_assert(pool->count < BENCH_POOL_MAX);
    pool->items[pool->count++] = item;
    strand_mutex_unlock(&pool->lock);
}
