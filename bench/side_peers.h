/* bench/side_peers.h -- The sides of peers: "side, version" of each, NULL where its library was not
 * found.
 */
#ifndef STRAND_BENCH_SIDE_PEERS_H
#define STRAND_BENCH_SIDE_PEERS_H

#include <stddef.h>

#include "bench/side.h"

/* What keeps blocks in memory of its own gets so much; the page cache has no bound. */
enum { BENCH_PEER_CACHE_BYTES = 512 << 20 };

#ifdef BENCH_HAVE_ROCKSDB
extern const struct bench_side bench_side_rocksdb;
const char *bench_rocksdb_version(void);
#define BENCH_ROCKSDB &bench_side_rocksdb, bench_rocksdb_version
#else
#define BENCH_ROCKSDB NULL, NULL
#endif

#ifdef BENCH_HAVE_LEVELDB
extern const struct bench_side bench_side_leveldb;
const char *bench_leveldb_version(void);
#define BENCH_LEVELDB &bench_side_leveldb, bench_leveldb_version
#else
#define BENCH_LEVELDB NULL, NULL
#endif

#ifdef BENCH_HAVE_LMDB
extern const struct bench_side bench_side_lmdb;
const char *bench_lmdb_version(void);
#define BENCH_LMDB &bench_side_lmdb, bench_lmdb_version
#else
#define BENCH_LMDB NULL, NULL
#endif

#ifdef BENCH_HAVE_SQLITE
extern const struct bench_side bench_side_sqlite;
const char *bench_sqlite_version(void);
#define BENCH_SQLITE &bench_side_sqlite, bench_sqlite_version
#else
#define BENCH_SQLITE NULL, NULL
#endif

#ifdef BENCH_HAVE_WIREDTIGER
extern const struct bench_side bench_side_wiredtiger;
const char *bench_wiredtiger_version(void);
#define BENCH_WIREDTIGER &bench_side_wiredtiger, bench_wiredtiger_version
#else
#define BENCH_WIREDTIGER NULL, NULL
#endif

#endif
