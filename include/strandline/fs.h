/* strandline/fs.h -- The seam: every operation that the library performs on files.
 *
 * A host or a test may replace the table; NULL in the engine's options means the POSIX one.
 * Operations are raw, one system call each: they return 0, a count or -errno, may be short or fail
 * with -EINTR, never retry, and record no message.  base/file.h adds loops, statuses and sentences
 * above them.  Paths are absolute.  Each operation may be called from several threads at once; one
 * range of one file is written by one thread at a time.
 *
 * What an implementation must promise, because recovery relies on it: after sync_data() returned 0
 * the content and size of the file survive a power cut; after sync_directory() returned 0 so do the
 * names in it; rename() replaces its target atomically.
 */
#ifndef STRANDLINE_FS_H
#define STRANDLINE_FS_H

#include <stddef.h>
#include <stdint.h>

#include "strandline/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct strand_fs_file; /* defined by the implementation */

struct strand_fs_part { /* one piece of a vectored write; borrowed for the call */
    const void *data;
    size_t size;
};

/* Flags of open(); reading is always allowed. */
enum strand_fs_open {
    STRAND_FS_WRITE = 1,
    STRAND_FS_CREATE = 2,    /* with WRITE */
    STRAND_FS_EXCLUSIVE = 4, /* with CREATE: -EEXIST if it is there */
    STRAND_FS_EMPTY = 8,     /* with WRITE: cut an existing file to size 0 */
};

enum strand_fs_kind { STRAND_FS_FILE = 1, STRAND_FS_DIRECTORY = 2, STRAND_FS_OTHER = 3 };

enum { STRAND_FS_BOOT_ID_SIZE = 37 }; /* a UUID in text, terminator included */

struct strand_fs_volume {
    char type[32];      /* name of the file system: "ext4", "xfs", "nfs"; "" when unknown */
    int is_network;     /* not 0: locks and syncs depend on another machine */
    int64_t free_bytes; /* available to this process */
    int64_t total_bytes;
};

/* Return 0 to go on; anything else ends the listing and is returned by it.  "." and ".." are left
 * out; the order is unspecified. */
typedef int strand_fs_visit_fn(void *argument, const char *name);

struct strand_fs {
    size_t struct_size; /* sizeof(struct strand_fs); members are only ever appended */
    void *context;      /* borrowed; handed to the operations on paths */

    /* Open files. */
    int (*open)(void *context, const char *path, uint32_t flags, struct strand_fs_file **out_file);
    int (*close)(struct strand_fs_file *file);
    int64_t (*read_at)(struct strand_fs_file *file, void *data, size_t size, int64_t position);
    int64_t (*write_at)(struct strand_fs_file *file, const struct strand_fs_part *parts, int count,
                        int64_t position);
    /* Map the first SIZE bytes, read-only and shared; SIZE may exceed the file's, whose missing
     * pages must not be touched.  -ENOTSUP where mapping is not possible: the caller copies. */
    int (*map)(struct strand_fs_file *file, size_t size, const void **out_data);
    int (*unmap)(struct strand_fs_file *file, const void *data, size_t size);
    int (*sync_data)(struct strand_fs_file *file); /* content and size */
    int (*sync_all)(struct strand_fs_file *file);  /* and every other attribute */
    /* Allocate blocks; the size stays.  May fail with -ENOTSUP, and may leave blocks behind. */
    int (*reserve)(struct strand_fs_file *file, int64_t position, int64_t size);
    int (*set_size)(struct strand_fs_file *file, int64_t size);
    int (*zero_range)(struct strand_fs_file *file, int64_t position, int64_t size);
    int64_t (*copy_range)(struct strand_fs_file *from, int64_t from_position,
                          struct strand_fs_file *to, int64_t to_position, size_t size);
    int64_t (*size)(struct strand_fs_file *file);
    int64_t (*links)(struct strand_fs_file *file); /* number of names the file has */
    /* Exclusive until close, against every other open file, same process included; -EAGAIN when
     * held elsewhere.  In a forked child close gives up the child's share alone: it is called there
     * once, for the lock of an engine that is closed in the child. */
    int (*lock)(struct strand_fs_file *file);
    int (*is_locked)(struct strand_fs_file *file); /* by another open file: 1, else 0 */
    /* 1 when PATH still names this very file, 0 when not. */
    int (*is_named)(struct strand_fs_file *file, void *context, const char *path);
    int (*descriptor)(struct strand_fs_file *file); /* for sendfile; -ENOTSUP without one */

    /* Names. */
    int (*kind)(void *context, const char *path); /* enum strand_fs_kind, or -ENOENT */
    int (*rename)(void *context, const char *from, const char *to);
    int (*link)(void *context, const char *from, const char *to);
    int (*remove)(void *context, const char *path);
    int (*make_directory)(void *context, const char *path);
    int (*remove_directory)(void *context, const char *path);
    int (*sync_directory)(void *context, const char *path);
    int (*list)(void *context, const char *path, strand_fs_visit_fn *visit, void *argument);
    int (*volume)(void *context, const char *path, struct strand_fs_volume *out_volume);

    /* Surroundings. */
    int64_t (*wall_clock_ns)(void *context); /* since 1970; may jump */
    int64_t (*monotonic_ns)(void *context);
    int (*random)(void *context, void *data, size_t size);
    int (*boot_id)(void *context, char out_id[STRAND_FS_BOOT_ID_SIZE]);
    /* Who we are, for people: "process 4711 (strandline)". */
    int (*process)(void *context, char *out_text, size_t size);
    /* How many files this process may have open. */
    int64_t (*descriptor_limit)(void *context);
    /* PATH made absolute, so that it stays the same when the host changes its directory. */
    int (*absolute)(void *context, const char *path, char *out_path, size_t size);
};

/* The operating system's files.  Static; never NULL. */
STRAND_API const struct strand_fs *strand_fs_posix(void);

#ifdef __cplusplus
}
#endif

#endif
