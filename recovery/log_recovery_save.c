/* recovery/log_recovery_save.c -- Bytes that go are saved first, as cut-<offset>.bytes.
 *
 * A file of saved bytes appears whole or not at all, and its name is durable before anything goes.
 * What an earlier accident left under a name stays; the same bytes are not saved twice, so that an
 * interrupted recovery can be run again.
 */
#include "recovery/log_recovery_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "storage/topic_name.h"

enum { COPY_SIZE = 64 * 1024, SAVED_COUNT_MAX = 1000, SAVED_NAME_SIZE = 48 };

/* "cut-<offset>.bytes"; for NUMBER above 1, "cut-<offset>-<number>.bytes": what an earlier accident
 * left under the name stays. */
static void
format_saved_name(int64_t offset, int number, char out_name[SAVED_NAME_SIZE])
{
    if (number == 1)
        (void)snprintf(out_name, SAVED_NAME_SIZE, "cut-%020" PRId64 ".bytes", offset);
    else
        (void)snprintf(out_name, SAVED_NAME_SIZE, "cut-%020" PRId64 "-%d.bytes", offset, number);
}

/* Read the same range of both, in pieces, and compare. */
static int
compare_range(const struct strand_file *file, int64_t position, const struct strand_file *saved,
              int64_t size, uint8_t *buffer, bool *out_is_same)
{
    int64_t done = 0;

    *out_is_same = true;
    while (done < size && *out_is_same) {
        size_t piece = size - done < COPY_SIZE ? (size_t)(size - done) : (size_t)COPY_SIZE;
        int status = strand_file_read_exactly(file, buffer, piece, position + done);

        if (status == STRAND_OK)
            status = strand_file_read_exactly(saved, buffer + COPY_SIZE, piece, done);
        if (status != STRAND_OK)
            return status;
        *out_is_same = memcmp(buffer, buffer + COPY_SIZE, piece) == 0;
        done += (int64_t)piece;
    }
    return STRAND_OK;
}

/* Does the file NAME hold just the SIZE bytes of FILE at POSITION?  Then an interrupted recovery
 * has saved them already. */
static int
is_saved_as(const struct strand_recovery *recovery, const char *name,
            const struct strand_file *file, int64_t position, int64_t size, uint8_t *buffer,
            bool *out_is_same)
{
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_file saved;
    int64_t saved_size;

    int status = strand_recovery_open(recovery, name, 0, path, &saved);
    if (status != STRAND_OK)
        return status;
    status = strand_file_size(&saved, &saved_size);
    if (status == STRAND_OK && saved_size != size)
        *out_is_same = false;
    else if (status == STRAND_OK)
        status = compare_range(file, position, &saved, size, buffer, out_is_same);
    strand_file_discard(&saved); /* nothing was written to it */
    return status;
}

static int
append_range(const struct strand_file *file, const struct strand_recovery_range *range,
             const struct strand_file *to, int64_t to_position, uint8_t *buffer)
{
    for (int64_t done = 0; done < range->size;) {
        size_t piece =
            range->size - done < COPY_SIZE ? (size_t)(range->size - done) : (size_t)COPY_SIZE;
        int status = strand_file_read_exactly(file, buffer, piece, range->position + done);

        if (status == STRAND_OK)
            status = strand_file_write(to, buffer, piece, to_position + done, NULL);
        if (status != STRAND_OK)
            return status;
        done += (int64_t)piece;
    }
    return STRAND_OK;
}

/* By reading and writing: a copy by reference would be of what is on disk, and not of what the
 * cache has, after a sync that failed. */
static int
append_ranges(const struct strand_file *file, const struct strand_recovery_range *ranges,
              size_t count, const struct strand_file *to)
{
    uint8_t *buffer = malloc(COPY_SIZE);
    int64_t position = 0;
    int status = STRAND_OK;

    if (buffer == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "copy %s: out of memory", file->path);
    for (size_t i = 0; i < count && status == STRAND_OK; i++) {
        status = append_range(file, &ranges[i], to, position, buffer);
        position += ranges[i].size;
    }
    free(buffer);
    return status == STRAND_OK ? strand_file_sync_all(to) : status;
}

int
strand_recovery_copy(const struct strand_recovery *recovery, const struct strand_file *file,
                     const struct strand_recovery_range *ranges, size_t count, const char *name)
{
    char path[STRAND_PATH_SIZE_MAX];
    char tmp_path[STRAND_PATH_SIZE_MAX];
    char tmp_name[SAVED_NAME_SIZE + 4];
    struct strand_file to;

    (void)snprintf(tmp_name, sizeof tmp_name, "%s.tmp", name);
    int status = strand_path_join(path, recovery->request->directory, name);
    if (status == STRAND_OK)
        status = strand_recovery_open(recovery, tmp_name,
                                      STRAND_FS_WRITE | STRAND_FS_CREATE | STRAND_FS_EMPTY,
                                      tmp_path, &to);
    if (status != STRAND_OK)
        return status;
    status = append_ranges(file, ranges, count, &to);
    if (status == STRAND_OK)
        status = strand_file_close(&to);
    else
        strand_file_discard(&to);
    if (status == STRAND_OK)
        status = strand_path_rename(recovery->request->fs, tmp_path, path);
    if (status != STRAND_OK) {
        /* Only tidying, past base/file.h, which would overwrite the sentence of the failure. */
        (void)recovery->request->fs->remove(recovery->request->fs->context, tmp_path);
    }
    return status;
}

/* A name for what is cut at OFFSET: the first that is free.  *OUT_IS_SAVED: FILE's bytes (NULL:
 * never) stand under it already. */
static int
choose_saved_name(const struct strand_recovery *recovery, int64_t offset,
                  const struct strand_file *file, int64_t position, int64_t size, uint8_t *buffer,
                  char out_name[SAVED_NAME_SIZE], bool *out_is_saved)
{
    *out_is_saved = false;
    for (int number = 1; number <= SAVED_COUNT_MAX; number++) {
        char path[STRAND_PATH_SIZE_MAX];
        int kind = 0;

        format_saved_name(offset, number, out_name);
        int status = strand_path_join(path, recovery->request->directory, out_name);
        if (status == STRAND_OK)
            status = strand_path_kind(recovery->request->fs, path, &kind);
        if (status != STRAND_OK || kind == 0)
            return status;
        if (file != NULL)
            status = is_saved_as(recovery, out_name, file, position, size, buffer, out_is_saved);
        if (status != STRAND_OK || *out_is_saved)
            return status;
    }
    return strand_fail(STRAND_ERR_EXISTS, "save bytes cut at offset %" PRId64 " of %s: %d files",
                       offset, recovery->request->name, SAVED_COUNT_MAX);
}

int
strand_recovery_save(const struct strand_recovery *recovery, size_t index, int64_t position,
                     int64_t size, int64_t offset)
{
    const struct strand_recovery_range range = {position, size};
    char path[STRAND_PATH_SIZE_MAX];
    char name[SAVED_NAME_SIZE];
    struct strand_file file;
    bool is_saved;

    strand_assert(size > 0);
    uint8_t *buffer = malloc((size_t)2 * COPY_SIZE);
    if (buffer == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "save cut bytes of %s: out of memory",
                           recovery->request->name);
    int status = strand_recovery_open_segment(recovery, index, path, &file);
    if (status == STRAND_OK) {
        status =
            choose_saved_name(recovery, offset, &file, position, size, buffer, name, &is_saved);
        if (status == STRAND_OK && !is_saved)
            status = strand_recovery_copy(recovery, &file, &range, 1, name);
        if (status == STRAND_OK)
            status = strand_recovery_sync_directory(recovery);
        strand_file_discard(&file); /* nothing was written to it */
    }
    free(buffer);
    return status;
}

int
strand_recovery_set_aside(struct strand_recovery *recovery, size_t index)
{
    const struct strand_recovery_file *segment = &recovery->files[index];
    char segment_name[STRAND_SEGMENT_NAME_SIZE];
    char from[STRAND_PATH_SIZE_MAX];
    char to[STRAND_PATH_SIZE_MAX];
    char name[SAVED_NAME_SIZE];
    bool is_saved;

    strand_segment_name_format(segment->base_offset, segment_name);
    int status = strand_recovery_sync_file(recovery, index, 0, segment->size);
    if (status == STRAND_OK)
        status =
            choose_saved_name(recovery, segment->base_offset, NULL, 0, 0, NULL, name, &is_saved);
    if (status == STRAND_OK)
        status = strand_path_join(from, recovery->request->directory, segment_name);
    if (status == STRAND_OK)
        status = strand_path_join(to, recovery->request->directory, name);
    return status != STRAND_OK ? status : strand_path_rename(recovery->request->fs, from, to);
}
