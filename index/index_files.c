/* index/index_files.c -- The files of an LMDB index, before LMDB opens them and after it is done.
 *
 * The meta pages are looked at each time: LMDB divides by the page size that it finds there.
 *
 * The lock file is made anew each time: nobody else has the index open, so whatever stands in an
 * old one, a table full of readers that died or of mutexes that somebody held, means nothing.  LMDB
 * maps it for writing and would extend it with ftruncate(), so that on a full disk the first touch
 * were a SIGBUS.  It is therefore written out, in full, before LMDB sees it.
 */
#include "index/index_files.h"

#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "index/index_format.h"
#include "strandline/fs.h"

static const char lock_suffix[] = "-lock"; /* what LMDB appends, with MDB_NOSUBDIR */

static int
make_lock_path(char out_path[STRAND_PATH_SIZE_MAX], const char *path)
{
    int length = snprintf(out_path, STRAND_PATH_SIZE_MAX, "%s%s", path, lock_suffix);

    if (length < 0 || length >= STRAND_PATH_SIZE_MAX)
        return strand_fail(STRAND_ERR_INVALID, "open %s: path is too long", path);
    return STRAND_OK;
}

/* ---- The data file ---- */

static int
open_data(const struct strand_index_options *options, struct strand_file *out_file)
{
    const struct strand_fs *fs = options->fs;
    struct strand_file file;
    int64_t size = 0;

    int kind = fs->kind(fs->context, options->path);
    if (kind < 0)
        return strand_fail_code(-kind, "open %s", options->path);
    if (kind == STRAND_FS_OTHER) /* a fifo would keep us waiting */
        return strand_fail(STRAND_ERR_CORRUPT, "open %s: it is no regular file", options->path);
    int status = strand_file_open(fs, options->path, 0, &file);
    if (status != STRAND_OK)
        return status;
    status = strand_file_size(&file, &size);
    if (status == STRAND_OK && size == 0)
        status = strand_fail(STRAND_ERR_NOT_FOUND, "check %s: empty", options->path);
    if (status == STRAND_OK)
        *out_file = file;
    else
        strand_file_discard(&file);
    return status;
}

int
strand_index_files_check_head(const struct strand_index_options *options)
{
    struct strand_file file;

    int status = open_data(options, &file);
    if (status != STRAND_OK)
        return status;
    status = strand_lmdb_check_head(&file, NULL);
    strand_file_discard(&file);
    return status;
}

static bool
is_entry_of_ours(void *argument, const uint8_t *key, size_t key_size, const uint8_t *value,
                 size_t value_size)
{
    struct strand_index_span at = {key, key_size};
    struct strand_index_span content = {value, value_size};

    (void)argument;
    return strand_index_unseal(at, &content) && strand_index_entry_is_valid(at, content);
}

int
strand_index_files_walk(const struct strand_index_options *options,
                        const struct strand_lmdb_visitor *visitor,
                        struct strand_lmdb_facts *out_facts)
{
    struct strand_file file;

    int status = open_data(options, &file);
    if (status != STRAND_OK)
        return status;
    status = strand_lmdb_check(&file, visitor, out_facts);
    strand_file_discard(&file);
    return status;
}

int
strand_index_files_check(const struct strand_index_options *options,
                         strand_index_progress_fn *progress, void *argument,
                         struct strand_lmdb_facts *out_facts)
{
    struct strand_lmdb_visitor visitor = {
        .is_valid = is_entry_of_ours, .progress = progress, .argument = argument};

    return strand_index_files_walk(options, &visitor, out_facts);
}

/* ---- The lock file ---- */

int
strand_index_files_prepare(const struct strand_index_options *options)
{
    /* As long as LMDB makes it for the readers that we have, or longer. */
    static const uint8_t zeros[8192];
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_file file;

    int status = make_lock_path(path, options->path);
    if (status == STRAND_OK)
        status = strand_path_remove(options->fs, path);
    if (status == STRAND_OK)
        status = strand_file_open(options->fs, path,
                                  STRAND_FS_WRITE | STRAND_FS_CREATE | STRAND_FS_EXCLUSIVE, &file);
    if (status != STRAND_OK)
        return status;
    status = strand_file_write(&file, zeros, sizeof zeros, 0, NULL);
    if (status == STRAND_OK)
        return strand_file_close(&file);
    strand_file_discard(&file);
    return status;
}

int
strand_index_remove_files(const struct strand_fs *fs, const char *path)
{
    char lock_path[STRAND_PATH_SIZE_MAX];

    int status = make_lock_path(lock_path, path);
    if (status == STRAND_OK)
        status = strand_path_remove(fs, path);
    return status == STRAND_OK ? strand_path_remove(fs, lock_path) : status;
}
