/* tools/doctor_facts.c -- Ask the machine.  What cannot be found out stays unknown. */
#define _XOPEN_SOURCE 700 /* realpath() */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "tools/doctor.h"
#include "tools/position.h"

enum { BLOCK_SIZE = 4096, RESERVED_SIZE = 1 << 20 };

/* ---- Files of the kernel ---- */

/* The first line of PATH, cut to SIZE; false: it cannot be read. */
static bool
read_line(const char *path, char *out_line, size_t size)
{
    FILE *stream = fopen(path, "re");

    if (stream == NULL)
        return false;
    bool is_read = fgets(out_line, (int)size, stream) != NULL;
    (void)fclose(stream); /* it was only read */
    if (is_read)
        out_line[strcspn(out_line, "\n")] = '\0';
    return is_read;
}

static int64_t
read_number(const char *path)
{
    char line[CLI_DOCTOR_WORD_SIZE];
    int64_t value;

    return read_line(path, line, sizeof line) && cli_int64_parse(line, &value) ? value : -1;
}

static void
find_mount(struct cli_doctor_facts *facts)
{
    FILE *stream = fopen("/proc/self/mountinfo", "re");

    if (stream == NULL)
        return;
    facts->has_mount = cli_mount_find(stream, facts->path, &facts->mount);
    (void)fclose(stream); /* it was only read */
}

/* ---- The device ---- */

/* "/sys/dev/block/8:1" of the device that the mount names; some file systems have a device number
 * of their own, and then the source may be one. */
static bool
find_device(const struct cli_mount *mount, char *out_path, size_t size)
{
    struct stat found;

    (void)snprintf(out_path, size, "/sys/dev/block/%u:%u", mount->major, mount->minor);
    if (stat(out_path, &found) == 0)
        return true;
    if (stat(mount->source, &found) != 0 || !S_ISBLK(found.st_mode))
        return false;
    (void)snprintf(out_path, size, "/sys/dev/block/%u:%u", major(found.st_rdev),
                   minor(found.st_rdev));
    return stat(out_path, &found) == 0;
}

/* The kernel names jbd2's directory after the device; ext4 has one of its own, too. */
static enum cli_journal
find_journal(const char *device)
{
    char path[256];
    struct stat found;
    enum cli_journal journal = CLI_JOURNAL_NONE;

    (void)snprintf(path, sizeof path, "/proc/fs/ext4/%s", device);
    if (device[0] == '\0' || stat(path, &found) != 0)
        return CLI_JOURNAL_UNKNOWN;
    DIR *journals = opendir("/proc/fs/jbd2");
    if (journals == NULL) /* it is made with the first journal */
        return errno == ENOENT ? CLI_JOURNAL_NONE : CLI_JOURNAL_UNKNOWN;
    for (const struct dirent *entry; (entry = readdir(journals)) != NULL;)
        if (strncmp(entry->d_name, device, strlen(device)) == 0 &&
            entry->d_name[strlen(device)] == '-')
            journal = CLI_JOURNAL_SEEN;
    (void)closedir(journals); /* it was only read */
    return journal;
}

static void
look_at_device(struct cli_doctor_facts *facts)
{
    char device[256];
    char path[320];
    char target[1024];

    if (!facts->has_mount || !find_device(&facts->mount, device, sizeof device))
        return;
    ssize_t size = readlink(device, target, sizeof target - 1);
    if (size > 0) {
        target[size] = '\0';
        const char *slash = strrchr(target, '/');
        (void)snprintf(facts->device, sizeof facts->device, "%.*s", (int)sizeof facts->device - 1,
                       slash != NULL ? slash + 1 : target);
    }
    static const char *const CACHES[] = {"queue/write_cache", "../queue/write_cache"};
    for (size_t i = 0; i < 2 && facts->write_cache[0] == '\0'; i++) { /* a partition has none */
        (void)snprintf(path, sizeof path, "%s/%s", device, CACHES[i]);
        (void)read_line(path, facts->write_cache, sizeof facts->write_cache);
    }
    (void)snprintf(path, sizeof path, "%s/loop/backing_file", device);
    (void)read_line(path, facts->backing_file, sizeof facts->backing_file);
    facts->journal = find_journal(facts->device);
}

/* ---- A file ---- */

static int
compare_times(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;

    return (a > b) - (a < b);
}

static int
write_block(struct strand_fs_file *file, int64_t position)
{
    static const uint8_t BLOCK[BLOCK_SIZE];
    const struct strand_fs_part part = {BLOCK, sizeof BLOCK};
    int64_t written = strand_fs_posix()->write_at(file, &part, 1, position);

    if (written < 0)
        return (int)-written;
    return written == BLOCK_SIZE ? 0 : ENOSPC;
}

/* How long overwriting a block and syncing it takes, without any change of metadata. */
static void
measure_syncs(struct strand_fs_file *file, struct cli_doctor_facts *facts)
{
    const struct strand_fs *fs = strand_fs_posix();
    int64_t times[CLI_DOCTOR_SYNC_COUNT];

    for (int i = 0; i < CLI_DOCTOR_SYNC_COUNT && facts->write_code == 0; i++)
        facts->write_code = write_block(file, (int64_t)i * BLOCK_SIZE);
    if (facts->write_code == 0)
        facts->sync_code = -fs->sync_all(file);
    for (int i = 0; i < CLI_DOCTOR_SYNC_COUNT; i++) {
        if (facts->write_code != 0 || facts->sync_code != 0)
            return;
        facts->write_code = write_block(file, (int64_t)i * BLOCK_SIZE);
        int64_t start = fs->monotonic_ns(fs->context);
        facts->sync_code = -fs->sync_data(file);
        times[i] = fs->monotonic_ns(fs->context) - start;
    }
    qsort(times, CLI_DOCTOR_SYNC_COUNT, sizeof times[0], compare_times);
    facts->sync_median_ns = times[CLI_DOCTOR_SYNC_COUNT / 2];
}

/* The file loses its name at once: whatever happens, none stays behind.  Until then its name is one
 * that a data directory may hold. */
static void
try_file(struct cli_doctor_facts *facts)
{
    const struct strand_fs *fs = strand_fs_posix();
    struct strand_fs_file *file = NULL;
    char path[CLI_MOUNT_PATH_SIZE + 64];

    (void)snprintf(path, sizeof path, "%s/strandline.doctor-%ld.tmp", facts->path, (long)getpid());
    facts->write_code = -fs->open(fs->context, path,
                                  STRAND_FS_WRITE | STRAND_FS_CREATE | STRAND_FS_EXCLUSIVE, &file);
    if (facts->write_code != 0)
        return;
    facts->write_code = -fs->remove(fs->context, path);
    measure_syncs(file, facts);
    facts->can_reserve =
        fs->reserve(file, (int64_t)CLI_DOCTOR_SYNC_COUNT * BLOCK_SIZE, RESERVED_SIZE) == 0;
    facts->can_zero = fs->zero_range(file, 0, BLOCK_SIZE) == 0;
    (void)fs->close(file); /* it is gone */
}

/* ---- Limits ---- */

static int64_t
limit_of(int resource)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
        limit.rlim_cur > INT64_MAX)
        return INT64_MAX;
    return (int64_t)limit.rlim_cur;
}

int
cli_doctor_gather(const char *directory, struct cli_doctor_facts *out_facts)
{
    const struct strand_fs *fs = strand_fs_posix();
    struct cli_doctor_facts facts = {.sync_median_ns = -1};
    struct stat found;
    char *path = realpath(directory, NULL);

    if (path == NULL)
        return strand_fail_code(errno, "look at %s", directory);
    (void)snprintf(facts.path, sizeof facts.path, "%s", path);
    free(path);
    if (stat(facts.path, &found) != 0)
        return strand_fail_code(errno, "look at %s", directory);
    if (!S_ISDIR(found.st_mode))
        return strand_fail(STRAND_ERR_INVALID, "look at %s: it is not a directory", directory);
    int result = fs->volume(fs->context, facts.path, &facts.volume);
    if (result < 0)
        return strand_fail_code(-result, "look at the file system of %s", directory);
    find_mount(&facts);
    look_at_device(&facts);
    try_file(&facts);
    facts.descriptor_limit = limit_of(RLIMIT_NOFILE);
    facts.file_size_limit = limit_of(RLIMIT_FSIZE);
    facts.max_map_count = read_number("/proc/sys/vm/max_map_count");
    facts.overcommit = read_number("/proc/sys/vm/overcommit_memory");
    *out_facts = facts;
    return STRAND_OK;
}
