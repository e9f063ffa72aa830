/* storage/segment.c -- An open segment file: where bytes are put, taken back, and given their size.
 *
 * Nothing here remembers how much of the file is used: the log knows, and passes the position.  A
 * second opinion would only be one more thing that can be wrong after a failure.
 */
#include "storage/segment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "storage/topic_name.h"

/* A segment whose file is not open yet. */
static int
allocate(const char *directory, const char *name, struct strand_segment **out_segment)
{
    char path[STRAND_PATH_SIZE_MAX];

    int status = strand_path_join(path, directory, name);
    if (status != STRAND_OK)
        return status;

    struct strand_segment *segment = calloc(1, sizeof *segment);
    char *own_path = strdup(path);
    if (segment == NULL || own_path == NULL) {
        free(segment);
        free(own_path);
        (void)strand_fail(STRAND_ERR_NO_MEMORY, "open %s: out of memory", path);
        return STRAND_ERR_NO_MEMORY; /* analysers do not see that strand_fail() returns it */
    }
    segment->path = own_path;
    *out_segment = segment;
    return STRAND_OK;
}

/* Free, open or not, without touching the recorded failure. */
static void
discard(struct strand_segment *segment)
{
    strand_assert(segment->map == NULL);
    strand_file_discard(&segment->file);
    free(segment->path);
    free(segment);
}

static int
open_named(const struct strand_fs *fs, const char *directory, const char *name, uint32_t flags,
           struct strand_segment **out_segment)
{
    struct strand_segment *segment;
    int status = allocate(directory, name, &segment);

    if (status != STRAND_OK)
        return status;
    status = strand_file_open(fs, segment->path, flags, &segment->file);
    if (status != STRAND_OK) {
        discard(segment);
        return status;
    }
    *out_segment = segment;
    return STRAND_OK;
}

static int
open_file(const struct strand_fs *fs, const char *directory, int64_t base_offset, uint32_t flags,
          struct strand_segment **out_segment)
{
    char name[STRAND_SEGMENT_NAME_SIZE];

    strand_segment_name_format(base_offset, name);
    return open_named(fs, directory, name, flags, out_segment);
}

static int
map_file(struct strand_segment *segment, size_t map_size)
{
    const void *map;

    strand_assert(map_size <= STRAND_SEGMENT_SIZE_MAX);
    if (map_size == 0)
        return STRAND_OK;
    int status = strand_file_map(&segment->file, map_size, &map);
    if (status != STRAND_OK || map == NULL)
        return status;
    segment->map = map;
    segment->map_size = map_size;
    return STRAND_OK;
}

/* Positions are int32 for Kafka, and for everyone who computes with them here. */
static int
check_size(const struct strand_segment *segment)
{
    int64_t size;
    int status = strand_file_size(&segment->file, &size);

    if (status == STRAND_OK && size > STRAND_SEGMENT_SIZE_MAX)
        return strand_fail(STRAND_ERR_CORRUPT, "open %s: %" PRId64 " bytes, at most %d",
                           segment->path, size, (int)STRAND_SEGMENT_SIZE_MAX);
    return status;
}

int
strand_segment_create(const struct strand_fs *fs, const char *directory, int64_t base_offset,
                      size_t map_size, struct strand_segment **out_segment)
{
    int status = open_file(fs, directory, base_offset,
                           STRAND_FS_WRITE | STRAND_FS_CREATE | STRAND_FS_EXCLUSIVE, out_segment);

    if (status == STRAND_OK)
        (void)map_file(*out_segment, map_size); /* else it is read without a map */
    return status;
}

int
strand_segment_prepare(const struct strand_fs *fs, const char *directory, const char *name,
                       size_t map_size, struct strand_segment **out_segment)
{
    int status = open_named(fs, directory, name,
                            STRAND_FS_WRITE | STRAND_FS_CREATE | STRAND_FS_EMPTY, out_segment);

    if (status == STRAND_OK)
        (void)map_file(*out_segment, map_size); /* else it is read without a map */
    return status;
}

int
strand_segment_rename(struct strand_segment *segment, const char *directory, int64_t base_offset)
{
    char name[STRAND_SEGMENT_NAME_SIZE];
    char path[STRAND_PATH_SIZE_MAX];

    strand_segment_name_format(base_offset, name);
    int status = strand_path_join(path, directory, name);
    if (status != STRAND_OK)
        return status;
    char *own_path = strdup(path);
    if (own_path == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "rename %s: out of memory", segment->path);
    status = strand_path_rename(segment->file.fs, segment->path, path);
    if (status != STRAND_OK) {
        free(own_path);
        return status;
    }
    free(segment->path);
    segment->path = own_path;
    segment->file.path = own_path;
    return STRAND_OK;
}

int
strand_segment_open(const struct strand_fs *fs, const char *directory, int64_t base_offset,
                    bool writable, size_t map_size, struct strand_segment **out_segment)
{
    struct strand_segment *segment;
    int status = open_file(fs, directory, base_offset, writable ? STRAND_FS_WRITE : 0, &segment);

    if (status != STRAND_OK)
        return status;
    status = check_size(segment);
    if (status == STRAND_OK)
        status = map_file(segment, map_size);
    if (status != STRAND_OK) {
        discard(segment);
        return status;
    }
    *out_segment = segment;
    return STRAND_OK;
}

/* A write or a reservation failed with STATUS and may have left something behind SIZE. */
static int
undo(struct strand_segment *segment, int status, int64_t size)
{
    char cause[STRAND_ERROR_MESSAGE_SIZE_MAX];
    size_t cause_size = strlen(strand_error_message());

    strand_assert(cause_size < sizeof cause);
    memcpy(cause, strand_error_message(), cause_size + 1);
    if (strand_file_set_size(&segment->file, size) == STRAND_OK)
        return status;
    return strand_fail_context(STRAND_ERR_FAILED, "%s; to cut it off again failed too", cause);
}

int
strand_segment_reserve(struct strand_segment *segment, int64_t size, int64_t used)
{
    int result;

    strand_assert(used >= 0);
    strand_assert(size <= STRAND_SEGMENT_SIZE_MAX);
    if (size <= used)
        return STRAND_OK;
    do
        result = segment->file.fs->reserve(segment->file.handle, used, size - used);
    while (result == -EINTR);
    if (result >= 0 || result == -ENOTSUP)
        return STRAND_OK;
    return undo(segment, strand_fail_code(-result, "reserve %s", segment->path), used);
}

int
strand_segment_append_parts(struct strand_segment *segment, const struct strand_fs_part *parts,
                            int count, int64_t position)
{
    size_t written = 0;
    size_t left;

    strand_assert(position >= 0);
    strand_assert(position <= STRAND_SEGMENT_SIZE_MAX);
    left = (size_t)(STRAND_SEGMENT_SIZE_MAX - position);
    for (int i = 0; i < count; i++) {
        if (parts[i].size > left)
            return strand_fail(STRAND_ERR_TOO_LARGE,
                               "append to %s: %zu bytes more at position %" PRId64 " exceed %d",
                               segment->path, parts[i].size, position,
                               (int)STRAND_SEGMENT_SIZE_MAX);
        left -= parts[i].size;
    }

    int status = strand_file_write_parts(&segment->file, parts, count, position, &written);
    if (status == STRAND_OK)
        return STRAND_OK;
    /* A disk that was full from the start took nothing; after any other failure nobody can tell. */
    if (status == STRAND_ERR_NO_SPACE && written == 0)
        return status;
    return undo(segment, status, position);
}

int
strand_segment_append(struct strand_segment *segment, const void *data, size_t size,
                      int64_t position)
{
    const struct strand_fs_part part = {data, size};

    return strand_segment_append_parts(segment, &part, 1, position);
}

int
strand_segment_read(const struct strand_segment *segment, void *data, size_t size, int64_t position)
{
    strand_assert(position >= 0);
    return strand_file_read_exactly(&segment->file, data, size, position);
}

/* Zeros in place of records that should be there would hide that they are gone. */
static int
check_not_longer(const struct strand_segment *segment, int64_t size, int64_t *out_current)
{
    int status = strand_file_size(&segment->file, out_current);

    strand_assert(size >= 0);
    if (status == STRAND_OK && size > *out_current)
        return strand_fail(STRAND_ERR_INVALID, "seal %s: to %" PRId64 " bytes, but it has %" PRId64,
                           segment->path, size, *out_current);
    return status;
}

int
strand_segment_sync(struct strand_segment *segment)
{
    return strand_file_sync_data(&segment->file);
}

int
strand_segment_seal(struct strand_segment *segment, int64_t size)
{
    int64_t current;
    int status = check_not_longer(segment, size, &current);

    /* Also when the size is right: it gives back what was reserved behind it. */
    if (status == STRAND_OK)
        status = strand_file_set_size(&segment->file, size);
    if (status != STRAND_OK)
        return status;
    return strand_file_sync_all(&segment->file);
}

int
strand_segment_close(struct strand_segment *segment)
{
    if (segment == NULL)
        return STRAND_OK;
    if (segment->map != NULL)
        strand_file_unmap(&segment->file, segment->map, segment->map_size);

    int status = strand_file_close(&segment->file);
    free(segment->path);
    free(segment);
    return status;
}
