#include "support/index_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lmdb.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "index/index_internal.h"
#include "strandline/fs.h"
#include "support/scratch.h"

static const uint8_t directory_id[STRAND_INDEX_ID_SIZE] = "a directory id.";

static void
require(int status, const char *what)
{
    if (status == STRAND_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, strand_error_message());
    abort();
}

const char *
index_path(void)
{
    static char path[SCRATCH_PATH_SIZE];

    scratch_path(path, "strandline.index");
    return path;
}

const uint8_t *
index_id(uint32_t number)
{
    static _Thread_local uint8_t ids[4][STRAND_INDEX_ID_SIZE];
    static _Thread_local unsigned used;
    uint8_t *id = ids[used++ % 4];

    /* Scattered, as random ids are. */
    memset(id, 0, STRAND_INDEX_ID_SIZE);
    strand_put_be32(id, number * 2654435761U);
    strand_put_be32(id + 12, number);
    return id;
}

struct strand_index_options
index_options(void)
{
    return (struct strand_index_options){
        .fs = strand_fs_posix(), .path = index_path(), .directory_id = directory_id};
}

struct strand_index *
index_open(enum index_kind kind)
{
    struct strand_index_options options = index_options();
    struct strand_index *index = NULL;

    require(kind == INDEX_MEMORY ? strand_index_open_memory(&index)
                                 : strand_index_open_lmdb(&options, &index),
            "open");
    return index;
}

struct strand_index_batch *
index_begin(struct strand_index *index)
{
    struct strand_index_batch *batch = NULL;

    require(strand_index_begin(index, &batch), "begin");
    return batch;
}

void
index_commit(struct strand_index *index, struct strand_index_batch *batch)
{
    require(strand_index_commit(batch, strand_index_commit_number(index) + 1), "commit");
}

void
index_put_pairs(struct strand_index_batch *batch, const uint8_t *id, int64_t base, int64_t first,
                uint32_t step, uint32_t count)
{
    struct strand_sparse_entry pairs[STRAND_INDEX_CHUNK_MAX];

    for (uint32_t done = 0; done < count;) {
        uint32_t here =
            count - done < STRAND_INDEX_CHUNK_MAX ? count - done : STRAND_INDEX_CHUNK_MAX;

        for (uint32_t i = 0; i < here; i++) {
            pairs[i].relative_offset = (uint32_t)(first - base) + (done + i) * step;
            pairs[i].position = pairs[i].relative_offset / step * 1000;
        }
        require(strand_index_put_chunk(batch, id, base, pairs, here), "put");
        done += here;
    }
}

int
index_try_open(const struct strand_index_options *options)
{
    struct strand_index *index = NULL;

    int status = strand_index_open_lmdb(options, &index);
    strand_index_close(index);
    return status;
}

void
index_put_one_log(uint32_t log, int64_t covered_offset)
{
    struct strand_index *index = index_open(INDEX_LMDB);
    struct strand_index_batch *batch = index_begin(index);
    struct strand_index_log state = {.covered_offset = covered_offset};

    require(strand_index_put_log(batch, index_id(log), &state), "put");
    index_put_pairs(batch, index_id(log), 0, 0, 1, 200);
    index_commit(index, batch);
    strand_index_close(index);
}

int64_t
index_file_size(void)
{
    struct stat facts;

    return stat(index_path(), &facts) == 0 ? facts.st_size : -1;
}

static void
require_code(int code, const char *what)
{
    if (code == 0)
        return;
    fprintf(stderr, "%s: %s\n", what, mdb_strerror(code));
    abort();
}

void
index_make_newer(const char *path)
{
    struct strand_index_key name = strand_index_version_key();
    struct strand_index_span at = strand_index_key_span(&name);
    uint8_t copy[STRAND_INDEX_VALUE_SIZE_MAX];
    MDB_val key = {at.size, name.bytes};
    MDB_val value;
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi table;

    require_code(mdb_env_create(&env), "create");
    require_code(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), "open");
    require_code(mdb_txn_begin(env, NULL, 0, &txn), "begin");
    require_code(mdb_dbi_open(txn, NULL, 0, &table), "open the table");
    require_code(mdb_get(txn, table, &key, &value), "get the version");
    memcpy(copy, value.mv_data, value.mv_size);
    copy[STRAND_INDEX_VERSION_NUMBER]++;
    struct strand_index_span sealed =
        strand_index_seal(at, copy, value.mv_size - STRAND_INDEX_CRC_SIZE);
    value = (MDB_val){sealed.size, copy};
    require_code(mdb_put(txn, table, &key, &value, 0), "put the version");
    require_code(mdb_txn_commit(txn), "commit");
    mdb_env_close(env);
}
