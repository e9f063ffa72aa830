/* tests/support/fuse_disk.c -- The protocol of linux/fuse.h, as far as one file needs it.  The root
 * of the file system is that file.
 */
#define _GNU_SOURCE
#include "support/fuse_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/real_cycle.h"
#include "support/real_mount.h"

enum { WRITE_MAX = 128 << 10, REQUEST_SIZE = WRITE_MAX + 4096 };

static const char record_tag[] = "STRANDRC";

struct request {
    const struct fuse_in_header *head;
    const void *body;
};

/* ---- The disk ---- */

static bool
holds_record(const void *data, size_t size)
{
    return memmem(data, size, record_tag, sizeof record_tag - 1) != NULL;
}

/* 0, or what the disk says to a write of DATA. */
static int
refusal(const struct fuse_disk *disk, const void *data, size_t size)
{
    struct fuse_disk_control *control = disk->control;
    int dying = FUSE_DISK_DYING;

    if (atomic_load(&control->mode) == dying && atomic_fetch_sub(&control->countdown, 1) <= 0)
        (void)atomic_compare_exchange_strong(&control->mode, &dying, FUSE_DISK_EIO);
    switch (atomic_load(&control->mode)) {
    case FUSE_DISK_EIO:
        return -EIO;
    case FUSE_DISK_EIO_RECORDS:
        return holds_record(data, size) ? -EIO : 0;
    case FUSE_DISK_ENOSPC_RECORDS:
        return holds_record(data, size) ? -ENOSPC : 0;
    default:
        return 0;
    }
}

static int
write_disk(struct fuse_disk *disk, uint64_t position, const void *data, size_t size)
{
    if (position > disk->size || size > disk->size - position)
        return -EINVAL;
    int cause = refusal(disk, data, size);
    if (cause != 0) {
        atomic_fetch_add(&disk->control->failures, 1);
        return cause;
    }
    if (atomic_load(&disk->control->mode) == FUSE_DISK_OFF || size == 0)
        return 0;
    memcpy(disk->now + position, data, size);
    for (uint64_t block = position / FUSE_DISK_BLOCK;
         block <= (position + size - 1) / FUSE_DISK_BLOCK; block++)
        disk->is_dirty[block] = 1;
    atomic_fetch_add(&disk->control->writes, 1);
    return 0;
}

static int
flush_disk(struct fuse_disk *disk)
{
    int mode = atomic_load(&disk->control->mode);

    if (mode == FUSE_DISK_EIO) {
        atomic_fetch_add(&disk->control->failures, 1);
        return -EIO;
    }
    for (size_t block = 0; mode != FUSE_DISK_OFF && block < disk->size / FUSE_DISK_BLOCK; block++)
        if (disk->is_dirty[block]) {
            memcpy(disk->flushed + block * FUSE_DISK_BLOCK, disk->now + block * FUSE_DISK_BLOCK,
                   FUSE_DISK_BLOCK);
            disk->is_dirty[block] = 0;
        }
    atomic_fetch_add(&disk->control->flushes, 1);
    return 0;
}

/* ---- The protocol ---- */

static void
reply(int device, const struct request *request, int error, const void *data, size_t size)
{
    struct fuse_out_header head = {
        .len = (uint32_t)(sizeof head + size), .error = error, .unique = request->head->unique};
    struct iovec parts[2] = {{&head, sizeof head}, {(void *)(uintptr_t)data, size}};

    (void)writev(device, parts, 2); /* who asked may be gone */
}

static void
reply_to_init(int device, const struct request *request)
{
    const struct fuse_init_in *in = request->body;
    struct fuse_init_out out = {
        .major = FUSE_KERNEL_VERSION,
        .minor = in->minor < FUSE_KERNEL_MINOR_VERSION ? in->minor : FUSE_KERNEL_MINOR_VERSION,
        .max_readahead = in->max_readahead,
        .flags = in->flags & (FUSE_BIG_WRITES | FUSE_MAX_PAGES),
        .max_background = 16,
        .congestion_threshold = 12,
        .max_write = WRITE_MAX,
        .time_gran = 1,
        .max_pages = WRITE_MAX / 4096};

    reply(device, request, 0, &out, sizeof out);
}

static void
reply_to_getattr(int device, const struct request *request, const struct fuse_disk *disk)
{
    struct fuse_attr_out out = {.attr_valid = 3600,
                                .attr = {.ino = FUSE_ROOT_ID,
                                         .size = disk->size,
                                         .mode = S_IFREG | 0600,
                                         .nlink = 1,
                                         .blksize = FUSE_DISK_BLOCK}};

    reply(device, request, 0, &out, sizeof out);
}

static void
reply_to_read(int device, const struct request *request, const struct fuse_disk *disk)
{
    const struct fuse_read_in *in = request->body;
    size_t size = in->offset >= disk->size ? 0 : in->size;

    if (size > disk->size - in->offset)
        size = disk->size - in->offset;
    reply(device, request, 0, disk->now + (size == 0 ? 0 : in->offset), size);
}

static void
reply_to_write(int device, const struct request *request, struct fuse_disk *disk)
{
    const struct fuse_write_in *in = request->body;
    struct fuse_write_out out = {.size = in->size};
    int error = write_disk(disk, in->offset, in + 1, in->size);

    reply(device, request, error, &out, error == 0 ? sizeof out : 0);
}

static void
answer(int device, const struct request *request, struct fuse_disk *disk)
{
    struct fuse_open_out open_out = {.open_flags = FOPEN_DIRECT_IO}; /* nothing is cached above */

    switch (request->head->opcode) {
    case FUSE_INIT:
        reply_to_init(device, request);
        break;
    case FUSE_GETATTR:
        reply_to_getattr(device, request, disk);
        break;
    case FUSE_OPEN:
        reply(device, request, 0, &open_out, sizeof open_out);
        break;
    case FUSE_READ:
        reply_to_read(device, request, disk);
        break;
    case FUSE_WRITE:
        reply_to_write(device, request, disk);
        break;
    case FUSE_FSYNC:
        reply(device, request, flush_disk(disk), NULL, 0);
        break;
    case FUSE_FLUSH: /* of a descriptor */
    case FUSE_RELEASE:
        reply(device, request, 0, NULL, 0);
        break;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
        break; /* no answer is wanted */
    default:
        reply(device, request, -ENOSYS, NULL, 0);
    }
}

static _Noreturn void
serve(int device, struct fuse_disk *disk)
{
    static union {
        uint8_t bytes[REQUEST_SIZE];
        struct fuse_in_header head; /* aligns them */
    } buffer;

    /* It is there until all that is mounted on it is gone, and not longer. */
    real_mount_leave();
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        ssize_t size = read(device, buffer.bytes, sizeof buffer.bytes);

        if (size < 0 && errno == ENODEV)
            _exit(0); /* unmounted */
        if (size < (ssize_t)sizeof buffer.head)
            continue; /* interrupted */
        struct request request = {&buffer.head, &buffer.head + 1};
        answer(device, &request, disk);
    }
}

/* ---- From outside ---- */

int
fuse_disk_start(struct fuse_disk *disk, const char *path, size_t size)
{
    char options[128];
    int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);

    if (device < 0)
        real_skip("no FUSE: %s", strerror(errno));
    disk->control = real_share(sizeof *disk->control);
    disk->now = real_share(size);
    disk->flushed = real_share(size);
    disk->is_dirty = real_share(size / FUSE_DISK_BLOCK);
    disk->size = size;
    (void)snprintf(options, sizeof options, "fd=%d,rootmode=100600,user_id=0,group_id=0", device);
    if (mount("strandline", path, "fuse", 0, options) != 0)
        real_skip("FUSE cannot be mounted: %s", strerror(errno));
    disk->server = fork();
    if (disk->server == 0)
        serve(device, disk);
    if (disk->server < 0)
        real_die(errno, "start the server of the disk");
    (void)close(device);
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0)
        real_die(errno, "open the disk");
    return file;
}

void
fuse_disk_stop(struct fuse_disk *disk)
{
    (void)kill(disk->server, SIGKILL); /* what is mounted goes with the namespace */
    (void)waitpid(disk->server, NULL, 0);
}

void
fuse_disk_empty(struct fuse_disk *disk)
{
    if (madvise(disk->now, disk->size, MADV_REMOVE) != 0 ||
        madvise(disk->flushed, disk->size, MADV_REMOVE) != 0)
        real_die(errno, "empty the disk");
    memset(disk->is_dirty, 0, disk->size / FUSE_DISK_BLOCK);
}

size_t
fuse_disk_power_on(struct fuse_disk *disk, enum fuse_disk_loss loss, uint64_t *random_state)
{
    size_t lost = 0;

    for (size_t block = 0; block < disk->size / FUSE_DISK_BLOCK; block++) {
        uint8_t *now = disk->now + block * FUSE_DISK_BLOCK;
        uint8_t *flushed = disk->flushed + block * FUSE_DISK_BLOCK;

        if (!disk->is_dirty[block])
            continue;
        *random_state = *random_state * UINT64_C(6364136223846793005) + 1;
        bool is_lost = loss == FUSE_DISK_DROP || (*random_state >> 40) % 2 == 0;
        memcpy(is_lost ? now : flushed, is_lost ? flushed : now, FUSE_DISK_BLOCK);
        disk->is_dirty[block] = 0;
        lost += is_lost;
    }
    atomic_store(&disk->control->mode, FUSE_DISK_WELL);
    return lost;
}
