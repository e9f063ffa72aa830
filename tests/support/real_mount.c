/* tests/support/real_mount.c -- Loop devices and mounts by system calls: a cycle takes a few ms,
 * and mount(8) alone would double that.
 */
#define _GNU_SOURCE
#include "support/real_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXT4_SIZE = 64 << 20, XFS_SIZE = 300 << 20, COPY_SIZE = 128 << 10, TRIES_MAX = 1000 };

/* The same number on every file system that has it; linux/fs.h does not name it. */
#define FS_SHUTDOWN _IOR('X', 125, uint32_t)

static int outer_namespace = -1;

_Noreturn void
real_skip(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)fprintf(stderr, "SKIP: ");
    (void)vfprintf(stderr, format, arguments);
    (void)fprintf(stderr, "\n");
    va_end(arguments);
    exit(77);
}

_Noreturn void
real_die(int cause, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)fprintf(stderr, "FAILED: ");
    (void)vfprintf(stderr, format, arguments);
    (void)fprintf(stderr, cause == 0 ? "\n" : ": %s\n", strerror(cause));
    va_end(arguments);
    _exit(1); /* no other thread, and nothing that a process shares, is waited for */
}

/* Run a program to its end; what it prints goes nowhere.  Returns its exit code. */
static int
run(const char *const arguments[])
{
    int result;
    pid_t pid = fork();

    if (pid == 0) {
        int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);

        (void)dup2(nowhere, STDOUT_FILENO);
        (void)dup2(nowhere, STDERR_FILENO);
        (void)execvp(arguments[0], (char **)(uintptr_t)arguments);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &result, 0) != pid)
        real_die(errno, "run %s", arguments[0]);
    return WIFEXITED(result) ? WEXITSTATUS(result) : 128;
}

void
real_mount_isolate(const char *kind)
{
    char maker[32];

    (void)snprintf(maker, sizeof maker, "mkfs.%s", kind);
    if (geteuid() != 0)
        real_skip("only root mounts file systems");
    if (run((const char *const[]){maker, "-V", NULL}) == 127)
        real_skip("%s is missing", maker);
    outer_namespace = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    if (outer_namespace < 0 || unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        real_skip("no mount namespace: %s", strerror(errno));
    if (mount("strandline", REAL_MOUNT_RAM, "tmpfs", 0, "size=2g") != 0)
        real_skip("no tmpfs: %s", strerror(errno));
    if (mkdir(REAL_MOUNT_POINT, 0700) != 0)
        real_die(errno, "make %s", REAL_MOUNT_POINT);
    if (access("/dev/loop-control", R_OK | W_OK) != 0)
        real_skip("no loop devices: %s", strerror(errno));
}

void
real_mount_leave(void)
{
    if (setns(outer_namespace, CLONE_NEWNS) != 0)
        real_die(errno, "leave the mount namespace");
}

int
real_mount_make_image(void)
{
    int image = open(REAL_MOUNT_RAM, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

    if (image < 0)
        real_die(errno, "make an image");
    return image;
}

size_t
real_mount_image_size(const char *kind)
{
    return strcmp(kind, "xfs") == 0 ? XFS_SIZE : EXT4_SIZE;
}

void
real_mount_empty_image(int image, const char *kind)
{
    if (ftruncate(image, 0) != 0 || ftruncate(image, (off_t)real_mount_image_size(kind)) != 0)
        real_die(errno, "empty the image");
}

/* Others ask for the same free device at the same time; who comes second asks again. */
static void
attach(struct real_mount *mount)
{
    struct loop_config config = {.fd = (uint32_t)mount->image, .info.lo_flags = LO_FLAGS_AUTOCLEAR};
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

    if (control < 0)
        real_die(errno, "open /dev/loop-control");
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);

        (void)snprintf(mount->device, sizeof mount->device, "/dev/loop%d", number);
        mount->loop = number < 0 ? -1 : open(mount->device, O_RDWR | O_CLOEXEC);
        if (mount->loop >= 0 && ioctl(mount->loop, LOOP_CONFIGURE, &config) == 0) {
            (void)close(control);
            return;
        }
        if (mount->loop >= 0)
            (void)close(mount->loop);
    }
    real_die(errno, "attach a loop device");
}

static void
detach(struct real_mount *mount)
{
    (void)close(mount->loop); /* the last close clears it */
    mount->loop = -1;
}

/* A journal of 8 MiB makes the image of xfs an eighth as large, and is the least; releases of
 * mkfs.xfs that allow less than 64 MiB want to be told that one knows. */
static int
run_mkfs(const struct real_mount *mount)
{
    char size[32];

    (void)snprintf(size, sizeof size, "%s%u", strcmp(mount->kind, "xfs") == 0 ? "size=" : "",
                   (unsigned)mount->block_size);
    if (strcmp(mount->kind, "xfs") != 0)
        return run((const char *const[]){"mkfs.ext4", "-q", "-F", "-b", size, mount->device, NULL});
    if (run((const char *const[]){"mkfs.xfs", "-q", "-f", "-b", size, "--unsupported", "-l",
                                  "size=8m", mount->device, NULL}) == 0)
        return 0;
    return run((const char *const[]){"mkfs.xfs", "-q", "-f", "-b", size, mount->device, NULL});
}

void
real_mount_format(struct real_mount *mount)
{
    attach(mount);
    int result = run_mkfs(mount);
    if (result != 0)
        real_die(0, "mkfs.%s exits with %d", mount->kind, result);
    detach(mount);
}

bool
real_mount_up(struct real_mount *disk)
{
    attach(disk);
    if (mount(disk->device, REAL_MOUNT_POINT, disk->kind, 0, disk->options) == 0)
        return true;
    (void)fprintf(stderr, "mount %s (%s): %s\n", disk->kind, disk->options, strerror(errno));
    detach(disk);
    return false;
}

bool
real_mount_shutdown(struct real_mount *mount, enum real_mount_shutdown how)
{
    uint32_t flag = (uint32_t)how;
    int directory = open(REAL_MOUNT_POINT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_up = directory >= 0 && ioctl(directory, FS_SHUTDOWN, &flag) == 0;

    if (!is_up && errno != EIO)
        real_die(errno, "shut %s down", mount->kind);
    if (directory >= 0)
        (void)close(directory);
    return is_up;
}

void
real_mount_down(struct real_mount *mount)
{
    if (umount2(REAL_MOUNT_POINT, 0) != 0)
        real_die(errno, "unmount %s", mount->kind);
    detach(mount);
}

/* Copy one piece that is not a hole. */
static void
copy_piece(int from, int to, off_t position, off_t end)
{
    static char bytes[COPY_SIZE];

    while (position < end) {
        size_t size = end - position < COPY_SIZE ? (size_t)(end - position) : COPY_SIZE;
        ssize_t got = pread(from, bytes, size, position);

        if (got <= 0 || pwrite(to, bytes, (size_t)got, position) != got)
            real_die(errno, "copy the image");
        position += got;
    }
}

void
real_mount_copy(int from, int to)
{
    off_t end = lseek(from, 0, SEEK_END);
    off_t position = 0;

    if (end < 0 || ftruncate(to, end) != 0)
        real_die(errno, "copy the image");
    while (position < end) {
        off_t data = lseek(from, position, SEEK_DATA);
        if (data < 0)
            return; /* nothing but a hole up to the end */
        position = lseek(from, data, SEEK_HOLE);
        copy_piece(from, to, data, position);
    }
}
