/* base/file_replace.c -- A file gets new content whole, or keeps the old: file.h says why so. */
#include <stdio.h>

#include "base/error.h"
#include "base/file.h"

/* Create PATH with the given content and make the content, not yet the name, durable. */
static int
write_durably(const struct strand_fs *fs, const char *path, const void *data, size_t size)
{
    struct strand_file file;
    uint32_t flags = STRAND_FS_WRITE | STRAND_FS_CREATE | STRAND_FS_EMPTY;
    int status = strand_file_open(fs, path, flags, &file);

    if (status != STRAND_OK)
        return status;
    status = strand_file_write(&file, data, size, 0, NULL);
    if (status == STRAND_OK)
        status = strand_file_sync_data(&file);
    if (status == STRAND_OK)
        status = strand_file_close(&file);
    strand_file_discard(&file); /* an earlier failure keeps its sentence */
    return status;
}

int
strand_file_replace(const struct strand_fs *fs, const char *dir, const char *name, const void *data,
                    size_t size)
{
    char path[STRAND_PATH_SIZE_MAX];
    char tmp_path[STRAND_PATH_SIZE_MAX];
    int length = snprintf(tmp_path, sizeof tmp_path, "%s/%s.tmp", dir, name);

    if (length < 0 || (size_t)length >= sizeof tmp_path)
        return strand_fail(STRAND_ERR_INVALID, "replace %s in %s: path is too long", name, dir);
    (void)snprintf(path, sizeof path, "%s/%s", dir, name); /* shorter than the other */
    int status = write_durably(fs, tmp_path, data, size);
    if (status == STRAND_OK)
        status = strand_path_rename(fs, tmp_path, path);
    if (status != STRAND_OK) {
        (void)fs->remove(fs->context, tmp_path); /* only tidying: the failure is recorded already */
        return status;
    }
    return strand_path_sync_directory(fs, dir);
}
