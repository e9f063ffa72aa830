/* index/index_lmdb_batch.c -- Changes in LMDB: a write transaction and a cursor for each batch. */
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "index/index_lmdb.h"

static int
fail(const struct strand_lmdb_batch *batch, int code, const char *what)
{
    return strand_lmdb_fail((struct strand_lmdb *)batch->batch.index, code, what);
}

int
strand_lmdb_begin(struct strand_index *index, struct strand_index_batch **out_batch)
{
    struct strand_lmdb *lmdb = (struct strand_lmdb *)index;
    struct strand_lmdb_batch *batch = &lmdb->batch;

    int status = strand_lmdb_refuse_failed(lmdb);
    if (status != STRAND_OK)
        return status;
    *batch = (struct strand_lmdb_batch){.batch.index = index};
    int code = mdb_txn_begin(lmdb->env, NULL, 0, &batch->txn);
    if (code != 0)
        return fail(batch, code, "change");
    code = mdb_cursor_open(batch->txn, lmdb->table, &batch->cursor);
    if (code != 0) {
        mdb_txn_abort(batch->txn);
        return fail(batch, code, "change");
    }
    *out_batch = &batch->batch;
    return STRAND_OK;
}

int
strand_lmdb_put(struct strand_index_batch *batch, const struct strand_index_key *key,
                struct strand_index_span value)
{
    struct strand_lmdb_batch *mine = (struct strand_lmdb_batch *)batch;
    MDB_val at = strand_lmdb_value(strand_index_key_span(key));
    MDB_val content = strand_lmdb_value(value);

    int code = mdb_cursor_put(mine->cursor, &at, &content, 0);
    return code == 0 ? STRAND_OK : fail(mine, code, "change");
}

/* Each is sought anew: where a cursor stands after a deletion at the end of a page is a matter of
 * the version of LMDB. */
int
strand_lmdb_remove(struct strand_index_batch *batch, const struct strand_index_key *from,
                   const struct strand_index_key *end)
{
    struct strand_lmdb_batch *mine = (struct strand_lmdb_batch *)batch;
    struct strand_index_span limit = strand_index_key_span(end);
    int code = 0;

    while (code == 0) {
        MDB_val at = strand_lmdb_value(strand_index_key_span(from));
        MDB_val value;

        code = mdb_cursor_get(mine->cursor, &at, &value, MDB_SET_RANGE);
        if (code == 0 && strand_index_key_compare(strand_lmdb_span(at), limit) >= 0)
            return STRAND_OK;
        if (code == 0)
            code = mdb_cursor_del(mine->cursor, 0);
    }
    return code == MDB_NOTFOUND ? STRAND_OK : fail(mine, code, "change");
}

/* ---- The cut ---- */

static int
last_below(void *place, const struct strand_index_key *key, struct strand_index_span *out_key,
           struct strand_index_span *out_value)
{
    struct strand_lmdb_batch *batch = place;
    MDB_val at;
    MDB_val value;

    int code = strand_lmdb_seek_last(batch->cursor, key, true, &at, &value);
    if (code != 0)
        return code == MDB_NOTFOUND ? STRAND_END : fail(batch, code, "change");
    *out_key = strand_lmdb_span(at);
    *out_value = strand_lmdb_span(value);
    return STRAND_OK;
}

/* KEY lies in a page that the put may move. */
static int
shorten(void *place, struct strand_index_span key, struct strand_index_span value)
{
    struct strand_index_key at = {.size = key.size};

    strand_assert(key.size <= sizeof at.bytes);
    memcpy(at.bytes, key.data, key.size);
    return strand_lmdb_put(place, &at, value);
}

static int
remove_keys(void *place, const struct strand_index_key *from, const struct strand_index_key *end)
{
    return strand_lmdb_remove(place, from, end);
}

int
strand_lmdb_cut(struct strand_index_batch *batch, const uint8_t *id, int64_t offset)
{
    static const struct strand_index_edit edit = {last_below, shorten, remove_keys};

    return strand_index_cut(&edit, batch, id, offset);
}

/* ---- The end of a batch ---- */

int
strand_lmdb_commit(struct strand_index_batch *batch)
{
    struct strand_lmdb_batch *mine = (struct strand_lmdb_batch *)batch;

    mdb_cursor_close(mine->cursor);
    int code = mdb_txn_commit(mine->txn);
    return code == 0 ? STRAND_OK : fail(mine, code, "commit");
}

void
strand_lmdb_abort(struct strand_index_batch *batch)
{
    struct strand_lmdb_batch *mine = (struct strand_lmdb_batch *)batch;

    mdb_cursor_close(mine->cursor);
    mdb_txn_abort(mine->txn);
}
