/* tests/support/fuse_disk.h -- A disk that fails, and forgets what was not flushed, as a single
 * file of FUSE: a loop device shows it to a real file system.
 *
 * A process of its own serves the file.  It keeps every block of 4 KiB as it was at the last flush,
 * and as it is now.  It speaks to the kernel directly: no library is needed.
 */
#ifndef STRAND_TESTS_FUSE_DISK_H
#define STRAND_TESTS_FUSE_DISK_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { FUSE_DISK_BLOCK = 4096 };

enum fuse_disk_mode {
    FUSE_DISK_WELL = 0,
    FUSE_DISK_EIO,            /* writes and flushes fail */
    FUSE_DISK_EIO_RECORDS,    /* writes fail that hold a record (support/real_promises.h) */
    FUSE_DISK_ENOSPC_RECORDS, /* likewise, as of a thin volume that is full */
    FUSE_DISK_DYING,          /* after COUNTDOWN more writes it is as FUSE_DISK_EIO */
    FUSE_DISK_OFF,            /* the power is gone: writes are taken, and lost */
};

enum fuse_disk_loss {
    FUSE_DISK_DROP,   /* everything since the last flush is lost */
    FUSE_DISK_SUBSET, /* of each block since then it is a matter of chance */
};

struct fuse_disk_control { /* shared with the process that serves */
    _Atomic int mode;      /* enum fuse_disk_mode */
    _Atomic int countdown;
    _Atomic uint32_t writes;
    _Atomic uint32_t flushes;
    _Atomic uint32_t failures;
};

struct fuse_disk {
    struct fuse_disk_control *control;
    uint8_t *now; /* shared, as the next two */
    uint8_t *flushed;
    uint8_t *is_dirty; /* by block: it was written since the last flush */
    size_t size;
    pid_t server;
};

/* Serve a file of SIZE bytes under PATH, a file that exists; returns a descriptor of it.  Skips
 * where there is no FUSE. */
int fuse_disk_start(struct fuse_disk *disk, const char *path, size_t size);
void fuse_disk_stop(struct fuse_disk *disk);

/* Every byte is 0. */
void fuse_disk_empty(struct fuse_disk *disk);

/* The power comes back: the disk, which was off and is not in use, is well again and has lost what
 * it had to.  Returns how many blocks are as before their last writes. */
size_t fuse_disk_power_on(struct fuse_disk *disk, enum fuse_disk_loss loss, uint64_t *random_state);

#endif
