/* bench/scratch.c -- Directories, made and removed. */
#define _XOPEN_SOURCE 700 /* mkdtemp(), realpath() */
#include "bench/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "bench/stop.h"

enum { WARM_CALL_SIZE = 64 << 10, SECTOR_SIZE = 512 };

int
bench_scratch_create(const char *parent, struct bench_scratch *out_scratch)
{
    struct bench_scratch scratch = {.name_count = 0};
    char *path = realpath(parent, NULL);

    if (path == NULL)
        return strand_fail_code(errno, "look at %s", parent);
    int size = snprintf(scratch.path, sizeof scratch.path, "%s/strandline-bench.XXXXXX", path);
    free(path);
    if (size < 0 || size >= BENCH_PATH_SIZE / 2)
        return strand_fail(STRAND_ERR_INVALID, "make a directory in %s: its path is too long",
                           parent);
    if (mkdtemp(scratch.path) == NULL)
        return strand_fail_code(errno, "make a directory in %s", parent);
    *out_scratch = scratch;
    return STRAND_OK;
}

/* ---- Trees ---- */

struct walk {
    bench_file_fn *visit; /* of files; NULL: remove everything */
    void *context;
};

static int walk_tree(const char *path, const struct walk *walk);

static int
walk_entry(const char *path, const struct walk *walk) /* NOLINT(misc-no-recursion) */
{
    struct stat found;

    if (lstat(path, &found) != 0)
        return strand_fail_code(errno, "look at %s", path);
    if (S_ISDIR(found.st_mode))
        return walk_tree(path, walk);
    if (walk->visit != NULL)
        return S_ISREG(found.st_mode) ? walk->visit(walk->context, path) : STRAND_OK;
    return unlink(path) == 0 ? STRAND_OK : strand_fail_code(errno, "remove %s", path);
}

/* As deep as a data directory in a directory of ours: three. */
static int
walk_tree(const char *path, const struct walk *walk) /* NOLINT(misc-no-recursion) */
{
    int status = STRAND_OK;
    DIR *directory = opendir(path);

    if (directory == NULL)
        return strand_fail_code(errno, "list %s", path);
    for (const struct dirent *entry; status == STRAND_OK && (entry = readdir(directory)) != NULL;) {
        char child[BENCH_PATH_SIZE];

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        (void)snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        status = walk_entry(child, walk);
    }
    (void)closedir(directory); /* it was only read */
    if (status == STRAND_OK && walk->visit == NULL && rmdir(path) != 0)
        return strand_fail_code(errno, "remove %s", path);
    return status;
}

int
bench_tree_remove(const char *path)
{
    struct walk walk = {NULL, NULL};

    return walk_tree(path, &walk);
}

int
bench_tree_visit(const char *path, bench_file_fn *visit, void *context)
{
    struct walk walk = {visit, context};

    return walk_tree(path, &walk);
}

int
bench_scratch_remove(struct bench_scratch *scratch)
{
    return bench_tree_remove(scratch->path);
}

int
bench_scratch_make(struct bench_scratch *scratch, char out_path[BENCH_PATH_SIZE])
{
    (void)snprintf(out_path, BENCH_PATH_SIZE, "%.*s/%u", BENCH_PATH_SIZE / 2, scratch->path,
                   scratch->name_count++);
    if (mkdir(out_path, 0700) != 0)
        return strand_fail_code(errno, "make the directory %s", out_path);
    return STRAND_OK;
}

/* ---- Space and memory ---- */

int
bench_scratch_require(const struct bench_scratch *scratch, int64_t bytes)
{
    struct statvfs found;

    if (statvfs(scratch->path, &found) != 0)
        return strand_fail_code(errno, "look at the space of %s", scratch->path);
    if (found.f_blocks == 0) /* some in memory do not count */
        return STRAND_OK;
    double free_bytes = (double)found.f_bavail * (double)found.f_frsize;
    if (free_bytes < (double)bytes)
        return strand_fail(STRAND_ERR_NO_SPACE,
                           "measure in %s: %.1f MiB are free and %.1f MiB needed; a smaller "
                           "--bytes or another --dir will do",
                           scratch->path, free_bytes / (1 << 20), (double)bytes / (1 << 20));
    return STRAND_OK;
}

static int
write_zeros(int descriptor, int64_t bytes)
{
    static const char ZEROS[WARM_CALL_SIZE];

    while (bytes > 0) {
        size_t size = bytes < WARM_CALL_SIZE ? (size_t)bytes : WARM_CALL_SIZE;
        ssize_t written = write(descriptor, ZEROS, size);

        if (written <= 0)
            return strand_fail_code(written < 0 ? errno : ENOSPC, "write a file to warm memory");
        bytes -= written;
        if (bench_stop_is_wanted())
            return STRAND_END;
    }
    return STRAND_OK;
}

int
bench_scratch_warm(struct bench_scratch *scratch, int64_t bytes)
{
    char path[BENCH_PATH_SIZE];

    (void)snprintf(path, sizeof path, "%.*s/warm", BENCH_PATH_SIZE / 2, scratch->path);
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return strand_fail_code(errno, "create %s", path);
    int status = write_zeros(descriptor, bytes);
    (void)close(descriptor); /* nothing of it is kept */
    if (unlink(path) != 0 && status == STRAND_OK)
        return strand_fail_code(errno, "remove %s", path);
    return status;
}

int64_t
bench_scratch_device_bytes(const struct bench_scratch *scratch)
{
    char path[64];
    struct stat found;
    int64_t sectors = 0;

    if (stat(scratch->path, &found) != 0)
        return -1;
    (void)snprintf(path, sizeof path, "/sys/dev/block/%u:%u/stat", major(found.st_dev),
                   minor(found.st_dev));
    FILE *stream = fopen(path, "re");
    if (stream == NULL)
        return -1;
    /* The seventh number is of sectors written. */
    char line[512];
    bool is_read = fgets(line, sizeof line, stream) != NULL;
    (void)fclose(stream); /* it was only read */
    char *rest = line;
    for (int i = 0; i < 7 && is_read; i++)
        sectors = strtoll(rest, &rest, 10);
    return is_read ? sectors * SECTOR_SIZE : -1;
}
