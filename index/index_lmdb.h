/* index/index_lmdb.h -- The index in LMDB: what its environment, look-ups and batches share.
 *
 * The environment is index_lmdb.c, snapshots and look-ups index_lmdb_look.c, changes
 * index_lmdb_batch.c.  Nobody else sees LMDB.
 */
#ifndef STRAND_INDEX_INDEX_LMDB_H
#define STRAND_INDEX_INDEX_LMDB_H

#include <lmdb.h>

#include "base/file.h"
#include "base/thread.h"
#include "index/index_internal.h"

enum { STRAND_LMDB_SNAPSHOTS = 64 };

/* A read transaction that is kept, and renewed for each look-up. */
struct strand_lmdb_snapshot {
    struct strand_mutex lock;
    MDB_txn *txn; /* guarded by lock, as the cursor; reset between look-ups; NULL: not begun yet */
    MDB_cursor *cursor;
};

struct strand_lmdb_batch {
    struct strand_index_batch batch;
    MDB_txn *txn;
    MDB_cursor *cursor;
};

struct strand_lmdb {
    struct strand_index index;
    MDB_env *env;
    MDB_dbi table;
    const struct strand_fs *fs; /* borrowed */
    char path[STRAND_PATH_SIZE_MAX];
    atomic_bool has_failed;
    struct strand_lmdb_batch batch; /* the one under way */
    struct strand_lmdb_snapshot snapshots[STRAND_LMDB_SNAPSHOTS];
};

/* Record what LMDB returned as "WHAT PATH: cause".  What is neither lack of space nor of memory is
 * the end of INDEX. */
int strand_lmdb_fail(struct strand_lmdb *lmdb, int code, const char *what);

/* STRAND_ERR_FAILED after the end. */
STRAND_MUST_USE int strand_lmdb_refuse_failed(const struct strand_lmdb *lmdb);

/* LMDB takes keys and values without const, and does not change them. */
static inline MDB_val
strand_lmdb_value(struct strand_index_span span)
{
    return (MDB_val){.mv_size = span.size, .mv_data = (void *)(uintptr_t)span.data};
}

static inline struct strand_index_span
strand_lmdb_span(MDB_val value)
{
    return (struct strand_index_span){value.mv_data, value.mv_size};
}

/* ---- Look-ups: members of the table of operations ---- */

int strand_lmdb_floor(struct strand_index *index, const struct strand_index_key *key,
                      strand_index_entry_fn *found, void *argument);
int strand_lmdb_walk(struct strand_index *index, const struct strand_index_key *key,
                     strand_index_entry_fn *found, void *argument);
int strand_lmdb_stat(struct strand_index *index, struct strand_index_stat *out_stat);

void strand_lmdb_init_snapshots(struct strand_lmdb *lmdb);
void strand_lmdb_deinit_snapshots(struct strand_lmdb *lmdb);

/* Set CURSOR to the last entry at or below KEY, or (IS_BELOW) below it.  0 or what LMDB says. */
int strand_lmdb_seek_last(MDB_cursor *cursor, const struct strand_index_key *key, bool is_below,
                          MDB_val *out_key, MDB_val *out_value);

/* ---- Batches: members of the table of operations ---- */

int strand_lmdb_begin(struct strand_index *index, struct strand_index_batch **out_batch);
int strand_lmdb_put(struct strand_index_batch *batch, const struct strand_index_key *key,
                    struct strand_index_span value);
int strand_lmdb_remove(struct strand_index_batch *batch, const struct strand_index_key *from,
                       const struct strand_index_key *end);
int strand_lmdb_cut(struct strand_index_batch *batch, const uint8_t *id, int64_t offset);
int strand_lmdb_commit(struct strand_index_batch *batch);
void strand_lmdb_abort(struct strand_index_batch *batch);

#endif
