/* tools/change_watch.c -- Names, sizes and times of a log's files, folded into one number. */
#include "tools/change_watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "recovery/frontier.h"
#include "recovery/log_identity.h"
#include "storage/topic_name.h"
#include "strandline/fs.h"
#include "tools/options.h"

enum { SETTLED_AFTER_S = 2 };

/* Where a fold begins, and what it multiplies by: FNV-1a. */
#define FOLD_START  UINT64_C(14695981039346656037)
#define FOLD_FACTOR UINT64_C(1099511628211)

static uint64_t
fold(uint64_t stamp, uint64_t number)
{
    return (stamp ^ number) * FOLD_FACTOR;
}

struct look {
    uint64_t stamp;
    time_t newest_s;
};

/* A file that is gone again adds nothing: that is a change, too.  Names come in any order: hence a
 * sum of what each file folds to. */
static void
add_file(struct look *look, int directory, const char *name)
{
    struct stat status;
    uint64_t stamp = FOLD_START;

    if (fstatat(directory, name, &status, 0) != 0)
        return;
    for (const char *byte = name; *byte != '\0'; byte++)
        stamp = fold(stamp, (unsigned char)*byte);
    stamp = fold(stamp, (uint64_t)status.st_ino);
    stamp = fold(stamp, (uint64_t)status.st_size);
    stamp = fold(stamp, (uint64_t)status.st_mtim.tv_sec);
    stamp = fold(stamp, (uint64_t)status.st_mtim.tv_nsec);
    look->stamp += stamp;
    if (status.st_mtim.tv_sec > look->newest_s)
        look->newest_s = status.st_mtim.tv_sec;
}

/* false: PATH cannot be listed. */
static bool
add_directory(struct look *look, const char *path)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;

    if (directory == NULL)
        return false;
    while ((entry = readdir(directory)) != NULL)
        if (entry->d_name[0] != '.')
            add_file(look, dirfd(directory), entry->d_name);
    (void)closedir(directory); /* it was only read */
    return true;
}

static bool
log_directory(const struct cli_options *options, char path[STRAND_PATH_SIZE_MAX])
{
    char name[STRAND_FILE_NAME_SIZE_MAX];

    return strand_partition_name_format(options->topic, options->partition, name) == STRAND_OK &&
           strand_path_join(path, options->data, name) == STRAND_OK;
}

/* false: there is no such log to look at. */
static bool
take_look(const struct cli_options *options, struct look *out_look)
{
    char path[STRAND_PATH_SIZE_MAX];
    struct look look = {0, 0};

    if (!log_directory(options, path) || !add_directory(&look, path) ||
        strand_path_join(path, options->data, STRAND_FRONTIER_NAME) != STRAND_OK)
        return false;
    add_file(&look, AT_FDCWD, path);
    add_file(&look, AT_FDCWD, options->data); /* opening looks at all names in it */
    *out_look = look;
    return true;
}

bool
cli_change_watch_poll(struct cli_change_watch *watch, const struct cli_options *options)
{
    time_t now_s = time(NULL); /* before the look: it may take as long as it likes */
    struct look look = {0, 0};
    bool is_known = take_look(options, &look);
    bool has_changed = !is_known || !watch->is_settled || look.stamp != watch->stamp;

    watch->stamp = look.stamp;
    watch->is_settled = is_known && now_s - look.newest_s > SETTLED_AFTER_S;
    return has_changed;
}

bool
cli_change_watch_is_outdated(const struct cli_change_watch *watch,
                             const struct cli_options *options)
{
    struct look look = {0, 0};

    return take_look(options, &look) && look.stamp != watch->stamp;
}

struct cli_cut_mark
cli_cut_mark_read(const struct cli_options *options)
{
    const struct strand_fs *fs = strand_fs_posix();
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_log_identity identity;
    struct strand_frontier_slot slot = {.generation = 0};
    struct strand_frontier *frontier = NULL;
    int64_t bad_slots;

    if (log_directory(options, path) &&
        strand_log_identity_read(fs, path, &identity) == STRAND_OK &&
        strand_frontier_open(fs, options->data, false, &frontier, &bad_slots) == STRAND_OK)
        (void)strand_frontier_find(frontier, identity.id, &slot); /* zeros then */
    (void)strand_frontier_close(frontier);                        /* it was only read */
    return (struct cli_cut_mark){slot.generation, slot.log_start};
}
