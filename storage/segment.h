/* storage/segment.h -- One segment file while it is open: batches back to back, nothing else.
 *
 * Bytes are written with pwrite at a position that the caller knows, and read through one read-only
 * map of the same file (or, where mapping is not possible or not wanted, with pread).  A segment
 * that is sealed has its exact size and is never written again, so that pinned slices, hard links
 * and other processes keep what they have.
 *
 * States:    create/open --> writable --[strand_segment_seal]--> sealed
 *            open read-only --> sealed
 *
 * Threading: append, seal and close by one thread at a time; reads by any number, at positions
 * below what an earlier append has finished (the caller publishes that with release order).
 */
#ifndef STRAND_STORAGE_SEGMENT_H
#define STRAND_STORAGE_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "strandline/status.h"

enum { STRAND_SEGMENT_SIZE_MAX = INT32_MAX }; /* Kafka's: positions are int32 there */

struct strand_segment {
    struct strand_file file;
    char *path;         /* owned */
    const uint8_t *map; /* NULL: read with strand_segment_read() */
    size_t map_size;
};

/* Create DIRECTORY/<base offset>.log, which must not exist (STRAND_ERR_EXISTS).  MAP_SIZE: as
 * below; a file that cannot be mapped is read without a map.  Neither file nor name is durable yet.
 * On failure there is no new file: what follows creating it cannot fail, since a name that was
 * removed again may come back after a power cut. */
STRAND_MUST_USE int strand_segment_create(const struct strand_fs *fs, const char *directory,
                                          int64_t base_offset, size_t map_size,
                                          struct strand_segment **out_segment);

/* The same under a private NAME, which may be there: then it is emptied. */
STRAND_MUST_USE int strand_segment_prepare(const struct strand_fs *fs, const char *directory,
                                           const char *name, size_t map_size,
                                           struct strand_segment **out_segment);

/* Give a prepared one, of the same DIRECTORY, its name: DIRECTORY/<base offset>.log, which nothing
 * else may have.  The name is not durable yet.  On failure it keeps its private name. */
STRAND_MUST_USE int strand_segment_rename(struct strand_segment *segment, const char *directory,
                                          int64_t base_offset);

/* Open it, for writing or not.  MAP_SIZE bytes are mapped (0: none; more than the file has is fine,
 * up to STRAND_SEGMENT_SIZE_MAX); where that is not possible MAP is NULL.  STRAND_ERR_NOT_FOUND;
 * STRAND_ERR_CORRUPT for a file of more than STRAND_SEGMENT_SIZE_MAX bytes: no segment is that. */
STRAND_MUST_USE int strand_segment_open(const struct strand_fs *fs, const char *directory,
                                        int64_t base_offset, bool writable, size_t map_size,
                                        struct strand_segment **out_segment);

/* Allocate space from USED up to SIZE without changing the file's size.  On failure nothing stays
 * behind: the file is cut back to USED; if even that fails, STRAND_ERR_FAILED as below.
 * STRAND_ERR_NO_SPACE; STRAND_OK where the file system cannot reserve. */
STRAND_MUST_USE int strand_segment_reserve(struct strand_segment *segment, int64_t size,
                                           int64_t used);

/* Write DATA[0..SIZE) at POSITION, the end of what is used: one pwrite when it is not cut short.
 * When it fails, what was written is cut off again at once (and with it what was prepared behind
 * POSITION), so that the caller may try later (STRAND_ERR_NO_SPACE, _IO); if even that fails,
 * STRAND_ERR_FAILED: the extent is unknown and the log must not be appended to.  A disk that was
 * full before the first byte leaves the file untouched.  STRAND_ERR_TOO_LARGE, with nothing
 * written, beyond STRAND_SEGMENT_SIZE_MAX. */
STRAND_MUST_USE int strand_segment_append(struct strand_segment *segment, const void *data,
                                          size_t size, int64_t position);

/* The same for what COUNT parts hold, one behind the other: all of them or none. */
STRAND_MUST_USE int strand_segment_append_parts(struct strand_segment *segment,
                                                const struct strand_fs_part *parts, int count,
                                                int64_t position);

/* Read exactly SIZE bytes at POSITION. */
STRAND_MUST_USE int strand_segment_read(const struct strand_segment *segment, void *data,
                                        size_t size, int64_t position);

/* Content and size durable (fdatasync).  Never repeated after a failure. */
STRAND_MUST_USE int strand_segment_sync(struct strand_segment *segment);

/* Give it its exact SIZE, return what was reserved behind it, and make all of it durable.
 * STRAND_ERR_INVALID, with nothing changed, for a file that is shorter: it is never extended. */
STRAND_MUST_USE int strand_segment_seal(struct strand_segment *segment, int64_t size);

/* Unmap, close, free.  The segment is gone whatever the result.  Accepts NULL. */
int strand_segment_close(struct strand_segment *segment);

#endif
