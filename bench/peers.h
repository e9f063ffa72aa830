/* bench/peers.h -- Which other libraries that keep records are measured beside Strandline, and what
 * their sides share.
 *
 * Each is there if its library was found when the build was configured.  All are asked the same: a
 * record is a value under its number (its offset), and what is durable is durable by the setting
 * that their own documentation gives for it.
 */
#ifndef STRAND_BENCH_PEERS_H
#define STRAND_BENCH_PEERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/thread.h"
#include "strandline/status.h"

struct bench_side;

struct bench_peer {
    const char *name;
    const char *package;           /* of Debian, to build with */
    const char *settings;          /* besides durability; for help: a line */
    const struct bench_side *side; /* NULL: not in this build */
    const char *(*version)(void);  /* NULL with it */
};

enum { BENCH_PEER_COUNT = 5 };

extern const struct bench_peer bench_peers[BENCH_PEER_COUNT];

/* STRAND_ERR_INVALID, saying what is missing, when SIDES (with commas; NULL: none) names one of
 * PEERS that is not in this build. */
STRAND_MUST_USE int bench_peers_check(const struct bench_peer *peers, size_t count,
                                      const char *sides);

/* ---- For their sides ---- */

/* Numbers of records: each log has its own range. */
struct bench_numbers {
    atomic_uint_fast64_t *next; /* of each log */
};

STRAND_MUST_USE int bench_numbers_init(struct bench_numbers *numbers, uint32_t log_count);
void bench_numbers_deinit(struct bench_numbers *numbers);

/* The first of COUNT numbers that nobody else gets. */
uint64_t bench_numbers_take(struct bench_numbers *numbers, uint32_t log, size_t count);

/* NUMBER as a key that sorts as it does. */
void bench_number_store(uint64_t number, char out_key[8]);

/* What only one thread may use at a time, for the next one that needs it. */
enum { BENCH_POOL_MAX = 256 };

struct bench_pool {
    struct strand_mutex lock;
    void *items[BENCH_POOL_MAX]; /* guarded by lock */
    size_t count;
};

void bench_pool_init(struct bench_pool *pool);
void bench_pool_deinit(struct bench_pool *pool); /* it has to be empty */
void *bench_pool_take(struct bench_pool *pool);  /* NULL: it is empty */
void bench_pool_give(struct bench_pool *pool, void *item);

#endif
