/* index/index_lmdb.c -- The index in LMDB: one environment of two plain files, one table.
 *
 * The default way of syncing: commit writes pages, syncs, writes the meta page, syncs.  Never
 * MDB_WRITEMAP, where a full disk is a SIGBUS and a stray store is damage; never MDB_NOSYNC, after
 * which a crash leaves a mix of pages that opens without a complaint.
 *
 * An error that is neither lack of space nor of memory is final: LMDB promises nothing behind it,
 * and a sync that failed is not repeated.
 */
#include "index/index_lmdb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "index/index_files.h"

_Static_assert(MDB_VERSION_MAJOR == 0 && MDB_VERSION_MINOR == 9,
               "index/lmdb_check.c knows the files of LMDB 0.9");

/* ---- Failures ---- */

static int
status_of(int code)
{
    switch (code) {
    case MDB_MAP_FULL:
        return STRAND_ERR_NO_SPACE;
    case MDB_TXN_FULL:
        return STRAND_ERR_NO_MEMORY;
    case MDB_CORRUPTED:
    case MDB_INVALID:
    case MDB_PAGE_NOTFOUND:
    case MDB_INCOMPATIBLE:
        return STRAND_ERR_CORRUPT;
    case MDB_VERSION_MISMATCH:
        return STRAND_ERR_VERSION;
    default:
        return code > 0 ? strand_status_from_errno(code) : STRAND_ERR_IO;
    }
}

/* LMDB calls it EIO when a write stores less than all, as the last one on a full disk does.  It is
 * taken for that when there is less room than LMDB writes in one call.  Even a real failure of the
 * disk at that moment does no harm: the pages of a batch that was not committed are nobody's, and
 * of a meta page that could not be written LMDB takes note itself. */
static bool
is_full_disk(const struct strand_lmdb *lmdb, int code)
{
    enum { WRITTEN_AT_ONCE = 1 << 20 };
    struct strand_fs_volume volume;

    return code == EIO && lmdb->fs->volume(lmdb->fs->context, lmdb->path, &volume) == 0 &&
           volume.free_bytes < WRITTEN_AT_ONCE;
}

int
strand_lmdb_fail(struct strand_lmdb *lmdb, int code, const char *what)
{
    if (is_full_disk(lmdb, code))
        code = ENOSPC;
    int status = status_of(code);
    if (status != STRAND_ERR_NO_SPACE && status != STRAND_ERR_NO_MEMORY)
        atomic_store_explicit(&lmdb->has_failed, true, memory_order_relaxed);
    return strand_fail(status, "%s %s: %s", what, lmdb->path, mdb_strerror(code));
}

int
strand_lmdb_refuse_failed(const struct strand_lmdb *lmdb)
{
    if (!atomic_load_explicit(&lmdb->has_failed, memory_order_relaxed))
        return STRAND_OK;
    return strand_fail(STRAND_ERR_FAILED, "use %s: it failed before and is to be replaced",
                       lmdb->path);
}

/* ---- Close ---- */

static void
close_lmdb(struct strand_index *index)
{
    struct strand_lmdb *lmdb = (struct strand_lmdb *)index;

    strand_lmdb_deinit_snapshots(lmdb);
    if (lmdb->env != NULL)
        mdb_env_close(lmdb->env);
    strand_index_deinit(index);
    free(lmdb);
}

static const struct strand_index_ops ops = {
    .close = close_lmdb,
    .begin = strand_lmdb_begin,
    .put = strand_lmdb_put,
    .remove = strand_lmdb_remove,
    .cut = strand_lmdb_cut,
    .commit = strand_lmdb_commit,
    .abort = strand_lmdb_abort,
    .floor = strand_lmdb_floor,
    .walk = strand_lmdb_walk,
    .stat = strand_lmdb_stat,
};

/* ---- Open ---- */

/* Not enough address space for the map comes from mmap() as ENOMEM. */
static int
open_environment(struct strand_lmdb *lmdb, const struct strand_index_options *options)
{
    size_t map_size = options->map_size;
    unsigned how = options->is_read_only ? MDB_RDONLY | MDB_NOLOCK : 0;

    int code = mdb_env_create(&lmdb->env);
    if (code == 0)
        code = mdb_env_set_mapsize(lmdb->env, map_size == 0 ? STRAND_INDEX_MAP_SIZE : map_size);
    if (code == 0)
        code = mdb_env_set_maxreaders(lmdb->env, STRAND_LMDB_SNAPSHOTS);
    if (code == 0)
        code = mdb_env_open(lmdb->env, lmdb->path, MDB_NOSUBDIR | MDB_NOTLS | how, 0666);
    return code == 0 ? STRAND_OK : strand_lmdb_fail(lmdb, code, "open");
}

/* TXN is ended. */
static int
write_version(struct strand_lmdb *lmdb, MDB_txn *txn)
{
    struct strand_index_key key = strand_index_version_key();
    struct strand_index_span at = strand_index_key_span(&key);
    uint8_t value[STRAND_INDEX_VERSION_SIZE + STRAND_INDEX_CRC_SIZE];

    strand_index_encode_version(&lmdb->index, 0, value);
    MDB_val name = strand_lmdb_value(at);
    MDB_val content = strand_lmdb_value(strand_index_seal(at, value, STRAND_INDEX_VERSION_SIZE));
    int code = mdb_put(txn, lmdb->table, &name, &content, 0);
    if (code == 0)
        code = mdb_txn_commit(txn);
    else
        mdb_txn_abort(txn);
    return code == 0 ? STRAND_OK : strand_lmdb_fail(lmdb, code, "open");
}

static int
read_version(struct strand_lmdb *lmdb, MDB_txn *txn)
{
    struct strand_index_key key = strand_index_version_key();
    MDB_val at = strand_lmdb_value(strand_index_key_span(&key));
    MDB_val value;

    int code = mdb_get(txn, lmdb->table, &at, &value);
    if (code == MDB_NOTFOUND)
        return strand_fail(STRAND_ERR_CORRUPT, "open %s: no index of ours", lmdb->path);
    return code == 0 ? strand_index_take_version(&lmdb->index, lmdb->path, strand_lmdb_span(value))
                     : strand_lmdb_fail(lmdb, code, "open");
}

/* Whether the table is ours, which an empty one becomes. */
static int
open_table(struct strand_lmdb *lmdb, bool is_read_only)
{
    MDB_txn *txn;
    MDB_stat stat;

    int code = mdb_txn_begin(lmdb->env, NULL, is_read_only ? MDB_RDONLY : 0, &txn);
    if (code != 0)
        return strand_lmdb_fail(lmdb, code, "open");
    code = mdb_dbi_open(txn, NULL, 0, &lmdb->table);
    if (code == 0)
        code = mdb_stat(txn, lmdb->table, &stat);
    if (code == 0 && stat.ms_entries == 0 && !is_read_only)
        return write_version(lmdb, txn);
    int status = code == 0 ? read_version(lmdb, txn) : strand_lmdb_fail(lmdb, code, "open");
    mdb_txn_abort(txn);
    return status;
}

static int
check_files(const struct strand_index_options *options)
{
    int status = options->is_suspect ? strand_index_files_check(options, NULL, NULL, NULL)
                                     : strand_index_files_check_head(options);
    return status == STRAND_ERR_NOT_FOUND && !options->is_read_only ? STRAND_OK : status;
}

int
strand_index_open_lmdb(const struct strand_index_options *options, struct strand_index **out_index)
{
    size_t path_size = strlen(options->path) + 1;

    if (path_size > STRAND_PATH_SIZE_MAX)
        return strand_fail(STRAND_ERR_INVALID, "open %s: path is too long", options->path);
    int status = check_files(options);
    if (status == STRAND_OK && !options->is_read_only)
        status = strand_index_files_prepare(options);
    if (status != STRAND_OK)
        return status;
    struct strand_lmdb *lmdb = calloc(1, sizeof *lmdb);
    if (lmdb == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "open %s: out of memory", options->path);
    strand_index_init(&lmdb->index, &ops);
    strand_lmdb_init_snapshots(lmdb);
    atomic_init(&lmdb->has_failed, false);
    memcpy(lmdb->index.directory_id, options->directory_id, STRAND_INDEX_ID_SIZE);
    memcpy(lmdb->path, options->path, path_size);
    lmdb->fs = options->fs;
    status = open_environment(lmdb, options);
    if (status == STRAND_OK)
        status = open_table(lmdb, options->is_read_only);
    if (status != STRAND_OK) {
        close_lmdb(&lmdb->index);
        return status;
    }
    *out_index = &lmdb->index;
    return STRAND_OK;
}
