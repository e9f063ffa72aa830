/* base/file.h -- Whole operations on files, made of the raw ones of the seam.
 *
 * Interrupted calls are repeated, short reads and writes continued, and a failure is recorded as
 * "verb path: cause".  A sync is never repeated: after a failure the kernel may have dropped the
 * dirty pages, so that a second, successful sync would prove nothing.
 *
 * Statuses: ENOENT is STRAND_ERR_NOT_FOUND, EEXIST _EXISTS, ENOSPC and EDQUOT _NO_SPACE, ENOMEM
 * _NO_MEMORY, EACCES, EPERM and EROFS _PERMISSION, EMFILE and ENFILE _DESCRIPTORS, all else _IO.
 *
 * Threading: no state here; what the file system allows is allowed.
 */
#ifndef STRAND_BASE_FILE_H
#define STRAND_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "strandline/fs.h"
#include "strandline/status.h"

enum { STRAND_PATH_SIZE_MAX = 4096 }; /* terminator included */

/* An open file and what is needed to speak about it. */
struct strand_file {
    const struct strand_fs *fs;    /* borrowed */
    struct strand_fs_file *handle; /* NULL: not open */
    const char *path;              /* borrowed: it outlives the file */
};

/* DIR/NAME in OUT_PATH.  STRAND_ERR_INVALID when that is too long. */
STRAND_MUST_USE int strand_path_join(char out_path[STRAND_PATH_SIZE_MAX], const char *dir,
                                     const char *name);

/* FLAGS: enum strand_fs_open. */
STRAND_MUST_USE int strand_file_open(const struct strand_fs *fs, const char *path, uint32_t flags,
                                     struct strand_file *out_file);

/* The result of closing a file that was written is part of the result of writing it. */
STRAND_MUST_USE int strand_file_close(struct strand_file *file);

/* Close without touching the recorded failure: for clean-up.  Accepts a file that is not open. */
void strand_file_discard(struct strand_file *file);

/* Read exactly SIZE bytes; STRAND_ERR_IO "unexpected end of file" when there are fewer. */
STRAND_MUST_USE int strand_file_read_exactly(const struct strand_file *file, void *data,
                                             size_t size, int64_t position);

/* Read up to SIZE bytes, fewer only at the end of the file. */
STRAND_MUST_USE int strand_file_read(const struct strand_file *file, void *data, size_t size,
                                     int64_t position, size_t *out_size);

/* Write all of it.  On failure *OUT_WRITTEN (may be NULL) bytes may be there; STRAND_ERR_NO_SPACE
 * also when a write stores nothing and gives no reason. */
STRAND_MUST_USE int strand_file_write(const struct strand_file *file, const void *data, size_t size,
                                      int64_t position, size_t *out_written);

/* The same with what COUNT parts hold, one behind the other: one call unless it is cut short. */
STRAND_MUST_USE int strand_file_write_parts(const struct strand_file *file,
                                            const struct strand_fs_part *parts, int count,
                                            int64_t position, size_t *out_written);

STRAND_MUST_USE int strand_file_sync_data(const struct strand_file *file);
STRAND_MUST_USE int strand_file_sync_all(const struct strand_file *file);
STRAND_MUST_USE int strand_file_set_size(const struct strand_file *file, int64_t size);
STRAND_MUST_USE int strand_file_size(const struct strand_file *file, int64_t *out_size);
STRAND_MUST_USE int strand_file_links(const struct strand_file *file, int64_t *out_links);

/* Map the first SIZE bytes; *OUT_DATA is NULL, and the result STRAND_OK, where mapping is not
 * possible: the caller reads instead. */
STRAND_MUST_USE int strand_file_map(const struct strand_file *file, size_t size,
                                    const void **out_data);
void strand_file_unmap(const struct strand_file *file, const void *data, size_t size);

/* Copy SIZE bytes from the start of FROM to the start of TO, by reference where possible. */
STRAND_MUST_USE int strand_file_copy(const struct strand_file *from, const struct strand_file *to,
                                     int64_t size);

/* ---- By path ---- */

STRAND_MUST_USE int strand_path_rename(const struct strand_fs *fs, const char *from,
                                       const char *to);

/* Remove a file; one that is not there is STRAND_OK. */
STRAND_MUST_USE int strand_path_remove(const struct strand_fs *fs, const char *path);

STRAND_MUST_USE int strand_path_make_directory(const struct strand_fs *fs, const char *path);
STRAND_MUST_USE int strand_path_sync_directory(const struct strand_fs *fs, const char *path);

/* Remove a directory and the files in it (no sub-directories); not there is STRAND_OK. */
STRAND_MUST_USE int strand_path_remove_tree(const struct strand_fs *fs, const char *path);

/* *OUT_KIND: enum strand_fs_kind, 0 when there is nothing of that name. */
STRAND_MUST_USE int strand_path_kind(const struct strand_fs *fs, const char *path, int *out_kind);

/* The names in a directory, sorted bytewise.  Owned by the caller: strand_names_free(). */
struct strand_names {
    char **names;
    size_t count;
};
STRAND_MUST_USE int strand_path_list(const struct strand_fs *fs, const char *path,
                                     struct strand_names *out_names);
void strand_names_free(struct strand_names *names); /* accepts all zeros */

/* The whole file PATH, with a zero byte behind it that is not counted; *OUT_DATA is malloc()ed.
 * STRAND_ERR_NOT_FOUND; STRAND_ERR_TOO_LARGE above SIZE_MAX_BYTES. */
STRAND_MUST_USE int strand_path_read(const struct strand_fs *fs, const char *path,
                                     size_t size_max_bytes, char **out_data, size_t *out_size);

/* Replace the file NAME in directory DIR by SIZE bytes of DATA: whole or not at all.
 *
 *     write NAME.tmp -> sync NAME.tmp -> rename to NAME -> sync DIR
 *
 * Renaming before the sync could leave an empty NAME after a crash, since the rename may reach the
 * disk first.  Without the directory sync the old NAME could come back after success was reported.
 *
 * On STRAND_OK the new content is durable.  On failure the old content is intact, unless the
 * failure came from the last step: then either content may survive a crash.  NAME.tmp is removed on
 * failure if that is possible.  Callers that replace the same NAME exclude each other. */
STRAND_MUST_USE int strand_file_replace(const struct strand_fs *fs, const char *dir,
                                        const char *name, const void *data, size_t size);

#endif
