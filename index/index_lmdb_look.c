/* index/index_lmdb_look.c -- Look-ups in LMDB, each with a snapshot of its own.
 *
 * Read transactions are kept and renewed: beginning one takes a mutex and a line of LMDB's table of
 * readers.  MDB_NOTLS ties them to the snapshots here and not to threads, which come and go as the
 * host likes.  A thread tries first the one it had the last time; when all are taken it waits for
 * that, so that the table of readers is never full.
 */
#include "base/error.h"
#include "index/index_lmdb.h"

/* The lock is held from the one to the other. */
static struct strand_lmdb_snapshot *take_snapshot(struct strand_lmdb *lmdb) STRAND_UNCHECKED_LOCKS;
static void give_back(struct strand_lmdb_snapshot *snapshot) STRAND_UNCHECKED_LOCKS;

static struct strand_lmdb_snapshot *
take_snapshot(struct strand_lmdb *lmdb)
{
    static _Atomic unsigned threads;
    static _Thread_local unsigned own; /* number of this thread, from 1 */

    if (own == 0)
        own = 1 + atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed);
    for (unsigned i = 0; i < STRAND_LMDB_SNAPSHOTS; i++) {
        struct strand_lmdb_snapshot *snapshot = &lmdb->snapshots[(own + i) % STRAND_LMDB_SNAPSHOTS];

        if (strand_mutex_try_lock(&snapshot->lock))
            return snapshot;
    }
    struct strand_lmdb_snapshot *snapshot = &lmdb->snapshots[own % STRAND_LMDB_SNAPSHOTS];
    strand_mutex_lock(&snapshot->lock);
    return snapshot;
}

static void
give_back(struct strand_lmdb_snapshot *snapshot)
{
    strand_mutex_unlock(&snapshot->lock);
}

/* Make SNAPSHOT one of now.  0 or what LMDB says. */
static int
renew(struct strand_lmdb *lmdb, struct strand_lmdb_snapshot *snapshot)
{
    int code;

    if (snapshot->txn != NULL) {
        code = mdb_txn_renew(snapshot->txn);
        return code == 0 ? mdb_cursor_renew(snapshot->txn, snapshot->cursor) : code;
    }
    code = mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &snapshot->txn);
    if (code != 0) {
        snapshot->txn = NULL;
        return code;
    }
    code = mdb_cursor_open(snapshot->txn, lmdb->table, &snapshot->cursor);
    if (code != 0) {
        mdb_txn_abort(snapshot->txn);
        snapshot->txn = NULL;
    }
    return code;
}

void
strand_lmdb_init_snapshots(struct strand_lmdb *lmdb)
{
    for (size_t i = 0; i < STRAND_LMDB_SNAPSHOTS; i++)
        strand_mutex_init(&lmdb->snapshots[i].lock);
}

void
strand_lmdb_deinit_snapshots(struct strand_lmdb *lmdb)
{
    for (size_t i = 0; i < STRAND_LMDB_SNAPSHOTS; i++) {
        struct strand_lmdb_snapshot *snapshot = &lmdb->snapshots[i];

        if (snapshot->txn != NULL) {
            mdb_cursor_close(snapshot->cursor);
            mdb_txn_abort(snapshot->txn);
        }
        strand_mutex_deinit(&snapshot->lock);
    }
}

typedef int look_fn(struct strand_lmdb *lmdb, MDB_cursor *cursor,
                    const struct strand_index_key *key, strand_index_entry_fn *found,
                    void *argument);

static int
look(struct strand_index *index, look_fn *how, const struct strand_index_key *key,
     strand_index_entry_fn *found, void *argument)
{
    struct strand_lmdb *lmdb = (struct strand_lmdb *)index;

    int status = strand_lmdb_refuse_failed(lmdb);
    if (status != STRAND_OK)
        return status;
    struct strand_lmdb_snapshot *snapshot = take_snapshot(lmdb);
    int code = renew(lmdb, snapshot);
    status = code == 0 ? how(lmdb, snapshot->cursor, key, found, argument)
                       : strand_lmdb_fail(lmdb, code, "look up in");
    if (snapshot->txn != NULL)
        mdb_txn_reset(snapshot->txn);
    give_back(snapshot);
    return status;
}

int
strand_lmdb_seek_last(MDB_cursor *cursor, const struct strand_index_key *key, bool is_below,
                      MDB_val *out_key, MDB_val *out_value)
{
    struct strand_index_span wanted = strand_index_key_span(key);

    *out_key = strand_lmdb_value(wanted);
    int code = mdb_cursor_get(cursor, out_key, out_value, MDB_SET_RANGE);
    if (code == MDB_NOTFOUND)
        return mdb_cursor_get(cursor, out_key, out_value, MDB_LAST);
    if (code != 0)
        return code;
    if (!is_below && strand_index_key_compare(strand_lmdb_span(*out_key), wanted) == 0)
        return 0;
    return mdb_cursor_get(cursor, out_key, out_value, MDB_PREV);
}

static int
look_floor(struct strand_lmdb *lmdb, MDB_cursor *cursor, const struct strand_index_key *key,
           strand_index_entry_fn *found, void *argument)
{
    MDB_val at;
    MDB_val value;

    int code = strand_lmdb_seek_last(cursor, key, false, &at, &value);
    if (code == 0)
        return found(argument, strand_lmdb_span(at), strand_lmdb_span(value));
    return code == MDB_NOTFOUND ? STRAND_END : strand_lmdb_fail(lmdb, code, "look up in");
}

static int
look_walk(struct strand_lmdb *lmdb, MDB_cursor *cursor, const struct strand_index_key *key,
          strand_index_entry_fn *found, void *argument)
{
    MDB_val at = strand_lmdb_value(strand_index_key_span(key));
    MDB_val value;

    int code = mdb_cursor_get(cursor, &at, &value, MDB_SET_RANGE);
    while (code == 0) {
        int status = found(argument, strand_lmdb_span(at), strand_lmdb_span(value));

        if (status != STRAND_OK)
            return status;
        code = mdb_cursor_get(cursor, &at, &value, MDB_NEXT);
    }
    return code == MDB_NOTFOUND ? STRAND_END : strand_lmdb_fail(lmdb, code, "look up in");
}

static int
look_stat(struct strand_lmdb *lmdb, MDB_cursor *cursor, const struct strand_index_key *key,
          strand_index_entry_fn *found, void *argument)
{
    struct strand_index_stat *stat = argument;
    MDB_stat table;
    MDB_envinfo info;

    (void)key;
    (void)found;
    int code = mdb_stat(mdb_cursor_txn(cursor), lmdb->table, &table);
    if (code == 0)
        code = mdb_env_info(lmdb->env, &info);
    if (code != 0)
        return strand_lmdb_fail(lmdb, code, "look up in");
    size_t pages = table.ms_branch_pages + table.ms_leaf_pages + table.ms_overflow_pages;
    *stat = (struct strand_index_stat){
        .commit_number = strand_index_commit_number(&lmdb->index),
        .entry_count = table.ms_entries,
        .used_bytes = (uint64_t)pages * table.ms_psize,
        .file_bytes = (uint64_t)(info.me_last_pgno + 1) * table.ms_psize,
        .map_bytes = info.me_mapsize,
    };
    return STRAND_OK;
}

int
strand_lmdb_floor(struct strand_index *index, const struct strand_index_key *key,
                  strand_index_entry_fn *found, void *argument)
{
    return look(index, look_floor, key, found, argument);
}

int
strand_lmdb_walk(struct strand_index *index, const struct strand_index_key *key,
                 strand_index_entry_fn *found, void *argument)
{
    return look(index, look_walk, key, found, argument);
}

int
strand_lmdb_stat(struct strand_index *index, struct strand_index_stat *out_stat)
{
    return look(index, look_stat, NULL, NULL, out_stat);
}
