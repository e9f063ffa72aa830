/* base/fs_posix.c -- The operating system behind the seam: one system call for each operation.
 *
 * Nothing else in the library calls the operating system for I/O (tools/check_symbols.sh).  Nothing
 * is repeated and nothing explained here; that is base/file.c's.  Descriptors are all made with
 * O_CLOEXEC: a program that the host starts must not keep our lock.
 */
#define _GNU_SOURCE /* F_OFD_SETLK, fallocate, copy_file_range, pwritev */
#include "strandline/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

enum { PARTS_MAX = 64, NS_PER_S = 1000000000 };

_Static_assert(sizeof(off_t) == 8, "positions in files have 64 bits");

struct strand_fs_file {
    int descriptor;
    pid_t locker; /* the process that has locked it; 0: none has */
};

/* RESULT of a system call as the seam wants it. */
static int64_t
count_or_code(int64_t result)
{
    return result < 0 ? -errno : result;
}

static int
zero_or_code(int result)
{
    return result < 0 ? -errno : 0;
}

/* DATA for a system call that only reads it and was declared before there was const. */
static void *
without_const(const void *data)
{
    void *same;

    memcpy(&same, &data, sizeof same);
    return same;
}

static int
open_flags(uint32_t flags)
{
    return O_CLOEXEC | O_NOCTTY | ((flags & STRAND_FS_WRITE) != 0 ? O_RDWR : O_RDONLY) |
           ((flags & STRAND_FS_CREATE) != 0 ? O_CREAT : 0) |
           ((flags & STRAND_FS_EXCLUSIVE) != 0 ? O_EXCL : 0) |
           ((flags & STRAND_FS_EMPTY) != 0 ? O_TRUNC : 0);
}

static int
posix_open(void *context, const char *path, uint32_t flags, struct strand_fs_file **out_file)
{
    (void)context;
    if ((flags & STRAND_FS_WRITE) == 0 && (flags & (STRAND_FS_CREATE | STRAND_FS_EMPTY)) != 0)
        return -EINVAL; /* O_RDONLY | O_TRUNC cuts the file, on Linux */
    struct strand_fs_file *file = malloc(sizeof *file);
    if (file == NULL)
        return -ENOMEM;

    file->descriptor = open(path, open_flags(flags), 0666); /* the rest is for the host's umask */
    if (file->descriptor < 0) {
        int code = errno;
        free(file);
        return -code;
    }
    file->locker = 0;
    *out_file = file;
    return 0;
}

/* The descriptor is gone whatever close() says; Linux releases it first.  A lock is given up by who
 * has taken it: children that were forked since have the open file, too, and with it the lock; in
 * one of them only its descriptor goes. */
static int
posix_close(struct strand_fs_file *file)
{
    struct flock none = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

    if (file->locker == getpid())
        (void)fcntl(file->descriptor, F_OFD_SETLK, &none); /* cannot fail for what is locked */
    int result = zero_or_code(close(file->descriptor));

    free(file);
    return result;
}

static int64_t
posix_read_at(struct strand_fs_file *file, void *data, size_t size, int64_t position)
{
    return count_or_code(pread(file->descriptor, data, size, position));
}

static int64_t
posix_write_at(struct strand_fs_file *file, const struct strand_fs_part *parts, int count,
               int64_t position)
{
    struct iovec vector[PARTS_MAX];
    int used = count < PARTS_MAX ? count : PARTS_MAX; /* more than that makes a short write */

    for (int i = 0; i < used; i++) {
        vector[i].iov_base = without_const(parts[i].data);
        vector[i].iov_len = parts[i].size;
    }
    return count_or_code(pwritev(file->descriptor, vector, used, position));
}

static int
posix_map(struct strand_fs_file *file, size_t size, const void **out_data)
{
    void *data = mmap(NULL, size, PROT_READ, MAP_SHARED, file->descriptor, 0);

    if (data == MAP_FAILED)
        return errno == ENODEV ? -ENOTSUP : -errno;
    *out_data = data;
    return 0;
}

static int
posix_unmap(struct strand_fs_file *file, const void *data, size_t size)
{
    (void)file;
    return zero_or_code(munmap(without_const(data), size));
}

static int
posix_sync_data(struct strand_fs_file *file)
{
    return zero_or_code(fdatasync(file->descriptor));
}

static int
posix_sync_all(struct strand_fs_file *file)
{
    return zero_or_code(fsync(file->descriptor));
}

/* fallocate() with -ENOTSUP for all the ways to say that file system or kernel cannot do it. */
static int
allocate(struct strand_fs_file *file, int mode, int64_t position, int64_t size)
{
    int result = zero_or_code(fallocate(file->descriptor, mode, position, size));

    return result == -EOPNOTSUPP || result == -ENOSYS ? -ENOTSUP : result;
}

static int
posix_reserve(struct strand_fs_file *file, int64_t position, int64_t size)
{
    return allocate(file, FALLOC_FL_KEEP_SIZE, position, size);
}

static int
posix_set_size(struct strand_fs_file *file, int64_t size)
{
    return zero_or_code(ftruncate(file->descriptor, size));
}

static int
posix_zero_range(struct strand_fs_file *file, int64_t position, int64_t size)
{
    return allocate(file, FALLOC_FL_ZERO_RANGE, position, size);
}

static int64_t
posix_copy_range(struct strand_fs_file *from, int64_t from_position, struct strand_fs_file *to,
                 int64_t to_position, size_t size)
{
    int64_t result = count_or_code(
        copy_file_range(from->descriptor, &from_position, to->descriptor, &to_position, size, 0));
    bool cannot =
        result == -EXDEV || result == -EINVAL || result == -ENOSYS || result == -EOPNOTSUPP;

    return cannot ? -ENOTSUP : result;
}

static int64_t
posix_size(struct strand_fs_file *file)
{
    struct stat now;

    return fstat(file->descriptor, &now) < 0 ? -errno : now.st_size;
}

static int64_t
posix_links(struct strand_fs_file *file)
{
    struct stat now;

    return fstat(file->descriptor, &now) < 0 ? -errno : (int64_t)now.st_nlink;
}

/* A lock of the open file description: unlike the older fcntl() lock it also holds against a second
 * open in this process, and closing another descriptor of the file does not drop it. */
static int
posix_lock(struct strand_fs_file *file)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int result = zero_or_code(fcntl(file->descriptor, F_OFD_SETLK, &whole));

    if (result == 0)
        file->locker = getpid();
    return result == -EACCES ? -EAGAIN : result;
}

static int
posix_is_locked(struct strand_fs_file *file)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int result = zero_or_code(fcntl(file->descriptor, F_OFD_GETLK, &whole));

    return result < 0 ? result : whole.l_type != F_UNLCK;
}

static int
posix_is_named(struct strand_fs_file *file, void *context, const char *path)
{
    struct stat ours, named;

    (void)context;
    if (fstat(file->descriptor, &ours) < 0)
        return -errno;
    if (stat(path, &named) < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
    return ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

static int
posix_descriptor(struct strand_fs_file *file)
{
    return file->descriptor;
}

static int
posix_kind(void *context, const char *path)
{
    struct stat now;

    (void)context;
    if (stat(path, &now) < 0)
        return -errno;
    if (S_ISREG(now.st_mode))
        return STRAND_FS_FILE;
    return S_ISDIR(now.st_mode) ? STRAND_FS_DIRECTORY : STRAND_FS_OTHER;
}

static int
posix_rename(void *context, const char *from, const char *to)
{
    (void)context;
    return zero_or_code(rename(from, to));
}

static int
posix_link(void *context, const char *from, const char *to)
{
    (void)context;
    return zero_or_code(link(from, to));
}

static int
posix_remove(void *context, const char *path)
{
    (void)context;
    return zero_or_code(unlink(path));
}

static int
posix_make_directory(void *context, const char *path)
{
    (void)context;
    return zero_or_code(mkdir(path, 0777));
}

static int
posix_remove_directory(void *context, const char *path)
{
    (void)context;
    return zero_or_code(rmdir(path));
}

static int
posix_sync_directory(void *context, const char *path)
{
    (void)context;
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return -errno;
    int result = zero_or_code(fsync(descriptor));
    (void)close(descriptor); /* nothing was written through it */
    return result;
}

static int
posix_list(void *context, const char *path, strand_fs_visit_fn *visit, void *argument)
{
    (void)context;
    DIR *dir = opendir(path); /* with O_CLOEXEC */
    if (dir == NULL)
        return -errno;

    int result = 0;
    while (result == 0) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            result = -errno;
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = visit(argument, entry->d_name);
    }
    (void)closedir(dir); /* it was only read */
    return result;
}

/* Numbers from statfs(2) and <linux/magic.h>.  ext2 and ext3 have ext4's number. */
static const struct volume_type {
    uint32_t number;
    int is_network;
    char name[16];
} VOLUME_TYPES[] = {
    {0x0000ef53, 0, "ext4"},     {0x58465342, 0, "xfs"},    {0x9123683e, 0, "btrfs"},
    {0x01021994, 0, "tmpfs"},    {0x858458f6, 0, "ramfs"},  {0x794c7630, 0, "overlay"},
    {0xf2f52010, 0, "f2fs"},     {0x2fc12fc1, 0, "zfs"},    {0xca451a4e, 0, "bcachefs"},
    {0x00004d44, 0, "vfat"},     {0x2011bab0, 0, "exfat"},  {0x7366746e, 0, "ntfs3"},
    {0x0000f15f, 0, "ecryptfs"}, {0x65735546, 0, "fuse"},   {0x00006969, 1, "nfs"},
    {0x0000517b, 1, "smb"},      {0xff534d42, 1, "cifs"},   {0xfe534d42, 1, "smb2"},
    {0x01021997, 1, "9p"},       {0x00c36400, 1, "ceph"},   {0x5346414f, 1, "afs"},
    {0x6b414653, 1, "afs"},      {0x0bd00bd0, 1, "lustre"}, {0x01161970, 0, "gfs2"},
    {0x7461636f, 0, "ocfs2"},    {0x47504653, 1, "gpfs"},   {0x19830326, 1, "beegfs"},
};

/* BLOCKS * SIZE, or the greatest number when that is more. */
static int64_t
block_bytes(uint64_t blocks, uint64_t size)
{
    int64_t bytes;

    return __builtin_mul_overflow(blocks, size, &bytes) ? INT64_MAX : bytes;
}

static int
posix_volume(void *context, const char *path, struct strand_fs_volume *out_volume)
{
    struct statfs now;
    struct strand_fs_volume volume = {.type = ""};

    (void)context;
    if (statfs(path, &now) < 0)
        return -errno;
    for (size_t i = 0; i < sizeof VOLUME_TYPES / sizeof VOLUME_TYPES[0]; i++) {
        const struct volume_type *type = &VOLUME_TYPES[i];
        if (type->number == (uint32_t)now.f_type) {
            memcpy(volume.type, type->name, sizeof type->name);
            volume.is_network = type->is_network;
        }
    }
    uint64_t block_size = (uint64_t)(now.f_frsize != 0 ? now.f_frsize : now.f_bsize);
    volume.free_bytes = block_bytes(now.f_bavail, block_size);
    volume.total_bytes = block_bytes(now.f_blocks, block_size);
    *out_volume = volume;
    return 0;
}

static int64_t
read_clock(clockid_t clock)
{
    struct timespec now;

    if (clock_gettime(clock, &now) < 0)
        return -errno;
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static int64_t
posix_wall_clock_ns(void *context)
{
    (void)context;
    return read_clock(CLOCK_REALTIME);
}

static int64_t
posix_monotonic_ns(void *context)
{
    (void)context;
    return read_clock(CLOCK_MONOTONIC);
}

static int
posix_random(void *context, void *data, size_t size)
{
    unsigned char *to = data;

    (void)context;
    while (size > 0) {
        ssize_t count = getrandom(to, size, 0);
        if (count < 0)
            return -errno;
        to += count; /* more than 256 bytes may come in pieces */
        size -= (size_t)count;
    }
    return 0;
}

static int
posix_boot_id(void *context, char out_id[STRAND_FS_BOOT_ID_SIZE])
{
    char id[STRAND_FS_BOOT_ID_SIZE] = "";

    (void)context;
    int descriptor = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return -errno;
    int64_t count = count_or_code(read(descriptor, id, sizeof id - 1));
    (void)close(descriptor); /* it was only read */
    if (count < 0)
        return (int)count;
    if (count != sizeof id - 1)
        return -EIO;
    memcpy(out_id, id, sizeof id);
    return 0;
}

static int
posix_process(void *context, char *out_text, size_t size)
{
    (void)context;
    (void)snprintf(out_text, size, "process %ld (%s)", (long)getpid(),
                   program_invocation_short_name); /* for people, who can read it cut */
    return 0;
}

static int64_t
posix_descriptor_limit(void *context)
{
    struct rlimit limit;

    (void)context;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -errno;
    return limit.rlim_cur > INT64_MAX ? INT64_MAX : (int64_t)limit.rlim_cur;
}

/* Not realpath(): what PATH names need not exist yet. */
static int
posix_absolute(void *context, const char *path, char *out_path, size_t size)
{
    char start[PATH_MAX] = "";

    (void)context;
    if (path[0] == '\0')
        return -ENOENT;
    if (path[0] != '/' && getcwd(start, sizeof start) == NULL)
        return errno == ERANGE ? -ENAMETOOLONG : -errno;
    bool needs_slash = start[0] != '\0' && start[1] != '\0'; /* neither absolute nor below "/" */
    int length = snprintf(out_path, size, "%s%s%s", start, needs_slash ? "/" : "", path);
    return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

static const struct strand_fs POSIX_FS = {
    .struct_size = sizeof POSIX_FS,
    .open = posix_open,
    .close = posix_close,
    .read_at = posix_read_at,
    .write_at = posix_write_at,
    .map = posix_map,
    .unmap = posix_unmap,
    .sync_data = posix_sync_data,
    .sync_all = posix_sync_all,
    .reserve = posix_reserve,
    .set_size = posix_set_size,
    .zero_range = posix_zero_range,
    .copy_range = posix_copy_range,
    .size = posix_size,
    .links = posix_links,
    .lock = posix_lock,
    .is_locked = posix_is_locked,
    .is_named = posix_is_named,
    .descriptor = posix_descriptor,
    .kind = posix_kind,
    .rename = posix_rename,
    .link = posix_link,
    .remove = posix_remove,
    .make_directory = posix_make_directory,
    .remove_directory = posix_remove_directory,
    .sync_directory = posix_sync_directory,
    .list = posix_list,
    .volume = posix_volume,
    .wall_clock_ns = posix_wall_clock_ns,
    .monotonic_ns = posix_monotonic_ns,
    .random = posix_random,
    .boot_id = posix_boot_id,
    .process = posix_process,
    .descriptor_limit = posix_descriptor_limit,
    .absolute = posix_absolute,
};

const struct strand_fs *
strand_fs_posix(void)
{
    return &POSIX_FS;
}
