/* engine/indexer_open.c -- The index opened: checked, replaced where it is of no use, and asked
 * what it has of each log. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "engine/engine_internal.h"
#include "engine/indexer.h"
#include "engine/log_internal.h"
#include "strandline/fs.h"

enum { SMALL_FILE = 256 << 20 }; /* checked while opening waits: about a tenth of a second */

static int
compare_ids(const void *left, const void *right)
{
    return memcmp(left, right, STRAND_LOG_ID_SIZE);
}

/* Logs that INDEX knows and nobody else: deleted in another life, or restored without. */
static int
remove_strangers(struct strand_indexer *indexer, struct strand_index *index, const uint8_t *ids,
                 size_t count)
{
    uint8_t id[STRAND_LOG_ID_SIZE] = {0};
    int status = STRAND_OK;

    while ((status = strand_index_next_log(index, id, id)) == STRAND_OK)
        if (bsearch(id, ids, count, STRAND_LOG_ID_SIZE, compare_ids) == NULL)
            strand_indexer_remove(indexer, id);
    return status == STRAND_END ? STRAND_OK : status;
}

/* See what INDEX has of each log.  The registry lock is held. */
static int
adopt_logs(struct strand_indexer *indexer, struct strand_index *index)
{
    struct strand_engine *engine = indexer->engine;
    uint8_t *ids = malloc((engine->log_count + 1) * STRAND_LOG_ID_SIZE);
    int status = STRAND_OK;

    if (ids == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "open the index of %zu logs: out of memory",
                           engine->log_count);
    for (size_t i = 0; status == STRAND_OK && i < engine->log_count; i++) {
        memcpy(ids + i * STRAND_LOG_ID_SIZE, engine->logs[i]->identity.id, STRAND_LOG_ID_SIZE);
        status = strand_log_index_adopt(engine->logs[i], index);
    }
    qsort(ids, engine->log_count, STRAND_LOG_ID_SIZE, compare_ids);
    if (status == STRAND_OK)
        status = remove_strangers(indexer, index, ids, engine->log_count);
    free(ids);
    return status;
}

/* Take INDEX over, and let look-ups see it when it is known what it has. */
static void
take_over(struct strand_indexer *indexer, struct strand_index *index)
{
    struct strand_engine *engine = indexer->engine;

    strand_mutex_lock(&engine->registry);
    strand_mutex_lock(&indexer->lock);
    indexer->index = index;
    strand_mutex_unlock(&indexer->lock);
    int status = adopt_logs(indexer, index);
    strand_mutex_unlock(&engine->registry);
    if (status == STRAND_OK) {
        strand_index_set_directory(index, engine->directory.opening);
        atomic_store_explicit(&indexer->is_usable, true, memory_order_release);
        strand_indexer_begin(indexer);
    } else {
        strand_engine_notice(engine, 4, "the index is not used: %s", strand_error_message());
    }
}

/* Whether a failure to open lies in the files, so that new ones are better. */
static bool
is_worth_replacing(int status)
{
    return status == STRAND_ERR_CORRUPT || status == STRAND_ERR_VERSION ||
           status == STRAND_ERR_FOREIGN;
}

/* Open the index in DIRECTORY; one that cannot be used is replaced. */
static int
open_lmdb(struct strand_indexer *indexer, bool is_suspect, struct strand_index **out_index)
{
    struct strand_engine *engine = indexer->engine;
    struct strand_index_options options = {
        .fs = strand_fs_posix(),
        .path = indexer->path,
        .directory_id = engine->directory.last_opening,
        .is_suspect = is_suspect,
    };
    int status = strand_index_open_lmdb(&options, out_index);
    if (!is_worth_replacing(status))
        return status;
    strand_engine_notice(engine, 4, "the index is made anew: %s", strand_error_message());
    status = strand_index_remove_files(strand_fs_posix(), indexer->path);
    return status == STRAND_OK ? strand_index_open_lmdb(&options, out_index) : status;
}

/* How large the file is; -1: there is none, or nobody knows. */
static int64_t
size_of_file(const struct strand_indexer *indexer)
{
    struct strand_file file = {0};
    int64_t size = -1;

    const struct strand_fs *fs = strand_fs_posix();
    if (fs->kind(fs->context, indexer->path) != STRAND_FS_FILE || /* a fifo would keep us waiting */
        strand_file_open(fs, indexer->path, 0, &file) != STRAND_OK)
        return -1;
    if (strand_file_size(&file, &size) != STRAND_OK)
        size = -1;
    strand_file_discard(&file); /* only looked at */
    return size;
}

/* Open it with the structure checked; the index as the marker names it is believed if it is large.
 */
static void
open_and_take_over(struct strand_indexer *indexer, int64_t size)
{
    const struct strand_clean_marker *clean = &indexer->engine->directory.clean;
    struct strand_index *index = NULL;
    bool is_named = clean->index_commit != 0 && size == clean->index_size;

    int status = open_lmdb(indexer, !is_named || size <= SMALL_FILE, &index);
    if (status == STRAND_OK && is_named && size > SMALL_FILE &&
        strand_index_commit_number(index) != clean->index_commit) {
        strand_index_close(index);
        index = NULL;
        status = open_lmdb(indexer, true, &index);
    }
    if (status == STRAND_OK)
        take_over(indexer, index);
    else
        strand_engine_notice(indexer->engine, 4, "there is no index: %s", strand_error_message());
}

static int
open_memory(struct strand_indexer *indexer)
{
    struct strand_index *index = NULL;

    int status = strand_index_open_memory(&index);
    if (status == STRAND_OK)
        take_over(indexer, index);
    return status;
}

static int
set_path(struct strand_indexer *indexer)
{
    const struct strand_engine *engine = indexer->engine;
    const char *directory = engine->config.index_directory;
    char path[STRAND_PATH_SIZE_MAX];

    int status = strand_path_join(path, directory != NULL ? directory : engine->directory.path,
                                  STRAND_INDEX_NAME);
    if (status != STRAND_OK)
        return status;
    indexer->path = strdup(path);
    return indexer->path != NULL
               ? STRAND_OK
               : strand_fail(STRAND_ERR_NO_MEMORY, "open %s: out of memory", path);
}

/* A directory of the index's own might be given to two engines. */
static int
take_directory(struct strand_indexer *indexer)
{
    const struct strand_fs *fs = strand_fs_posix();
    char path[STRAND_PATH_SIZE_MAX];

    int status =
        strand_path_join(path, indexer->engine->config.index_directory, STRAND_INDEX_OWNER_NAME);
    if (status == STRAND_OK)
        status = strand_file_open(fs, path, STRAND_FS_WRITE | STRAND_FS_CREATE, &indexer->owner);
    if (status != STRAND_OK)
        return status;
    struct strand_fs_volume volume;
    bool may_be_remote = (indexer->engine->config.flags & STRAND_ENGINE_NETWORK_FS) != 0;
    if (!may_be_remote && fs->volume(fs->context, path, &volume) == 0 && volume.is_network != 0)
        return strand_fail(STRAND_ERR_FILE_SYSTEM, "open %s: it is on a network file system", path);
    int result = fs->lock(indexer->owner.handle);
    if (result == -EAGAIN)
        return strand_fail(STRAND_ERR_IN_USE, "open %s: another engine has its index there", path);
    return result < 0 ? strand_fail_code(-result, "lock %s", path) : STRAND_OK;
}

int
strand_indexer_open(struct strand_indexer *indexer)
{
    const struct strand_engine *engine = indexer->engine;

    if (engine->config.index == STRAND_INDEX_NONE || strand_engine_is_read_only(engine))
        return STRAND_OK;
    int status = strand_index_work_create(&indexer->work);
    if (status != STRAND_OK || engine->config.index == STRAND_INDEX_MEMORY)
        return status == STRAND_OK ? open_memory(indexer) : status;
    if (engine->config.index_directory != NULL && take_directory(indexer) != STRAND_OK) {
        strand_engine_notice(engine, 4, "there is no index: %s", strand_error_message());
        return STRAND_OK;
    }
    status = set_path(indexer);
    if (status != STRAND_OK)
        return status;

    int64_t size = size_of_file(indexer);
    bool is_named = engine->directory.clean.index_size == size;
    if (size <= SMALL_FILE || is_named || !strand_engine_has_threads(engine)) {
        open_and_take_over(indexer, size);
        return STRAND_OK;
    }
    strand_mutex_lock(&indexer->lock);
    indexer->must_open = true;
    strand_mutex_unlock(&indexer->lock);
    return STRAND_OK;
}

void
strand_indexer_open_late(struct strand_indexer *indexer)
{
    open_and_take_over(indexer, size_of_file(indexer));
}
