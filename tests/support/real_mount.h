/* tests/support/real_mount.h -- A file system of one's own, on a loop device, whose power can go.
 *
 * Mounts are made in a mount namespace of this process, over a RAM disk that only it sees, and the
 * loop device frees itself at its last close: however the process ends, nothing is left behind.
 *
 * Functions print a sentence and exit with 1 where the test cannot go on.
 */
#ifndef STRAND_TESTS_REAL_MOUNT_H
#define STRAND_TESTS_REAL_MOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The RAM disk, and where the file system is mounted in it. */
#define REAL_MOUNT_RAM   "/dev/shm"
#define REAL_MOUNT_POINT REAL_MOUNT_RAM "/mounted"

enum real_mount_shutdown { /* FS_IOC_SHUTDOWN: what becomes of what was not synced */
                           REAL_LOG_FLUSHED = 1, /* the journal is written, data is not */
                           REAL_LOG_LOST = 2,    /* neither is */
};

struct real_mount {
    const char *kind;    /* "ext4", "xfs" */
    const char *options; /* of mount(8), for the file system; "" = none */
    uint32_t block_size; /* of the file system */
    int image;           /* owned: the file that the loop device shows */
    int loop;            /* owned; -1: detached */
    char device[32];
};

/* Print "SKIP: " and the reason, and exit with 77. */
_Noreturn void real_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Print a sentence, and the cause if CAUSE is not 0, and exit with 1. */
_Noreturn void real_die(int cause, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Leave the mounts of the others, with a RAM disk in place of theirs.  Skips where that is not
 * allowed, or where there is no mkfs for KIND. */
void real_mount_isolate(const char *kind);

/* Back to the mounts of the others, for a process that serves a file system: whoever is the last in
 * a namespace unmounts what is in it, and would wait for itself. */
void real_mount_leave(void);

/* An empty file on the RAM disk that nobody else sees. */
int real_mount_make_image(void);

/* As large as KIND needs, and all zeros. */
void real_mount_empty_image(int image, const char *kind);
size_t real_mount_image_size(const char *kind);

/* Make a file system on the image, which is all zeros. */
void real_mount_format(struct real_mount *mount);

/* Attach the image and mount it: the journal is replayed.  False: it cannot be mounted. */
bool real_mount_up(struct real_mount *mount);

/* Let the power go under the mounted file system.  Nobody may be writing any more: a sync that
 * races with it returns 0 without having synced.  False: it had shut itself down, as xfs does when
 * its journal cannot be written. */
bool real_mount_shutdown(struct real_mount *mount, enum real_mount_shutdown how);

/* Unmount and detach. */
void real_mount_down(struct real_mount *mount);

/* Make the file TO have the bytes of FROM; holes stay holes. */
void real_mount_copy(int from, int to);

#endif
