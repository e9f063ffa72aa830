/* engine/ballast.c -- A file that is there to be removed.
 *
 * Everything goes through the raw seam: whether it is there or not is never an error, and the
 * sentence of the failure that brought us here must survive.
 */
#include "engine/ballast.h"

#include <errno.h>
#include <stdlib.h>

enum { PIECE_SIZE = 64 * 1024 };

void
strand_ballast_init(struct strand_ballast *ballast, const struct strand_fs *fs,
                    const char *directory)
{
    ballast->fs = fs;
    ballast->directory = directory;
    atomic_init(&ballast->is_there, true); /* until it is found not to be */
}

bool
strand_ballast_release(struct strand_ballast *ballast, int status)
{
    const struct strand_fs *fs = ballast->fs;
    char path[STRAND_PATH_SIZE_MAX];

    if (status != STRAND_ERR_NO_SPACE || !atomic_exchange(&ballast->is_there, false) ||
        strand_path_join(path, ballast->directory, STRAND_BALLAST_NAME) != STRAND_OK ||
        fs->remove(fs->context, path) != 0)
        return false;
    /* The blocks of a removed file may be free only when its removal is durable. */
    (void)fs->sync_directory(fs->context, ballast->directory);
    return true;
}

/* Bytes that no file system can store in less room. */
static bool
fill(const struct strand_fs *fs, struct strand_fs_file *file)
{
    void *piece = malloc(PIECE_SIZE);
    bool is_filled = piece != NULL;

    for (int64_t at = 0; is_filled && at < STRAND_BALLAST_SIZE; at += PIECE_SIZE) {
        struct strand_fs_part part = {piece, PIECE_SIZE};

        is_filled = fs->random(fs->context, piece, PIECE_SIZE) == 0 &&
                    fs->write_at(file, &part, 1, at) == PIECE_SIZE;
    }
    free(piece);
    return is_filled;
}

/* Allocate the blocks of the new file PATH; false, and no file, where that is not possible. */
static bool
allocate(const struct strand_fs *fs, const char *path)
{
    struct strand_fs_file *file;

    if (fs->open(fs->context, path, STRAND_FS_WRITE | STRAND_FS_CREATE, &file) != 0)
        return false;
    int result = fs->reserve(file, 0, STRAND_BALLAST_SIZE);
    bool is_allocated = result == 0 || (result == -ENOTSUP && fill(fs, file));
    (void)fs->close(file); /* its content is of no interest */
    if (!is_allocated)
        (void)fs->remove(fs->context, path);
    return is_allocated;
}

void
strand_ballast_take(struct strand_ballast *ballast)
{
    const struct strand_fs *fs = ballast->fs;
    struct strand_fs_volume volume;
    char path[STRAND_PATH_SIZE_MAX];

    if (strand_path_join(path, ballast->directory, STRAND_BALLAST_NAME) != STRAND_OK)
        return;
    bool is_there = fs->kind(fs->context, path) == STRAND_FS_FILE;
    if (!is_there && fs->volume(fs->context, ballast->directory, &volume) == 0 &&
        volume.free_bytes >= STRAND_BALLAST_SIZE)
        is_there = allocate(fs, path);
    atomic_store(&ballast->is_there, is_there);
}
