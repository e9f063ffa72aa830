/* crashtest/snapshot.c -- A walk two levels deep: a data directory has no more. */
#include "crashtest/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/crc32c.h"
#include "simulation/sim_disk.h"
#include "strandline/fs.h"

struct walk {
    const struct strand_fs *fs;
    struct crashtest_snapshot *snapshot;
    const char *directory;
    size_t skip; /* of a path: up to what is below the first directory */
};

static void
add_file(struct crashtest_snapshot *snapshot, const char *path, const uint8_t *data, int64_t size)
{
    if (snapshot->count == snapshot->capacity) {
        size_t capacity = snapshot->capacity == 0 ? 32 : 2 * snapshot->capacity;
        struct crashtest_snapshot_file *files = realloc(snapshot->files, capacity * sizeof *files);

        strand_assert(files != NULL); /* a test could judge nothing after it */
        snapshot->files = files;
        snapshot->capacity = capacity;
    }
    struct crashtest_snapshot_file *file = &snapshot->files[snapshot->count++];
    (void)snprintf(file->path, sizeof file->path, "%.127s", path);
    file->size = size;
    file->crc = strand_crc32c(0, data, (size_t)size);
}

static int
visit(void *argument, const char *name)
{
    const struct walk *walk = argument;
    char path[CRASHTEST_SNAPSHOT_PATH_SIZE * 3];
    int64_t size = 0;

    if (strcmp(name, ".lock") == 0 || strcmp(name, "strandline.ballast") == 0 ||
        strcmp(name, "strandline.frontier.tmp") == 0)
        return 0;
    (void)snprintf(path, sizeof path, "%s/%s", walk->directory, name);
    const uint8_t *data = strand_sim_disk_content(walk->fs->context, path, &size);
    if (data != NULL) {
        add_file(walk->snapshot, path + walk->skip, data, size);
        return 0;
    }
    struct walk deeper = {walk->fs, walk->snapshot, path, walk->skip};
    return walk->fs->list(walk->fs->context, path, visit, &deeper);
}

/* The order in which a directory lists its names may be any. */
static void
sort(struct crashtest_snapshot *snapshot)
{
    for (size_t i = 1; i < snapshot->count; i++) {
        struct crashtest_snapshot_file file = snapshot->files[i];
        size_t at = i;

        if (strcmp(snapshot->files[at - 1].path, file.path) <= 0)
            continue;
        for (; at > 0 && strcmp(snapshot->files[at - 1].path, file.path) > 0; at--)
            snapshot->files[at] = snapshot->files[at - 1];
        snapshot->files[at] = file;
    }
}

void
crashtest_snapshot_take(const struct strand_fs *fs, const char *directory,
                        struct crashtest_snapshot *snapshot)
{
    struct walk walk = {fs, snapshot, directory, strlen(directory) + 1};

    snapshot->count = 0;
    (void)fs->list(fs->context, directory, visit, &walk); /* one that is not there is empty */
    sort(snapshot);
}

void
crashtest_snapshot_free(struct crashtest_snapshot *snapshot)
{
    free(snapshot->files);
    *snapshot = (struct crashtest_snapshot){NULL, 0, 0};
}

const char *
crashtest_snapshot_compare(const struct crashtest_snapshot *one,
                           const struct crashtest_snapshot *other)
{
    size_t most = one->count > other->count ? one->count : other->count;

    for (size_t i = 0; i < most; i++) {
        if (i == one->count)
            return other->files[i].path;
        const struct crashtest_snapshot_file *file = &one->files[i];
        if (i == other->count)
            return file->path;
        const struct crashtest_snapshot_file *same = &other->files[i];
        int order = strcmp(file->path, same->path);
        if (order != 0)
            return order < 0 ? file->path : same->path;
        if (file->size != same->size || file->crc != same->crc)
            return file->path;
    }
    return NULL;
}
