/* tools/saved_files.c -- Find and remove what recovery saved. */
#include "tools/saved_files.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "storage/topic_name.h"

enum { OFFSET_DIGITS = 20 };

static const char DIGITS[] = "0123456789";

bool
cli_saved_name_is_one(const char *name)
{
    static const char PREFIX[] = "cut-";

    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
        return false;
    const char *rest = name + strlen(PREFIX);
    if (strspn(rest, DIGITS) != OFFSET_DIGITS)
        return false;
    rest += OFFSET_DIGITS;
    if (*rest == '-') {
        size_t digits = strspn(rest + 1, DIGITS);

        if (digits == 0)
            return false;
        rest += 1 + digits;
    }
    return strcmp(rest, ".bytes") == 0;
}

static int
measure(const struct strand_fs *fs, const char *path, int64_t *out_size)
{
    struct strand_file file;
    int status = strand_file_open(fs, path, 0, &file);

    if (status != STRAND_OK)
        return status;
    status = strand_file_size(&file, out_size);
    strand_file_discard(&file); /* nothing was written to it */
    return status;
}

/* NAME is an entry of DATA: those in it, if it is the directory of a log. */
static int
visit_log(const struct strand_fs *fs, const char *data, const char *name, cli_saved_file_fn *visit,
          void *context)
{
    char directory[STRAND_PATH_SIZE_MAX];
    char path[STRAND_PATH_SIZE_MAX];
    char topic[STRAND_TOPIC_NAME_SIZE_MAX + 1];
    struct cli_saved_file saved = {.topic = topic, .path = path};
    struct strand_names names = {NULL, 0};
    int kind = 0;

    if (!strand_partition_name_parse(name, topic, &saved.partition))
        return STRAND_OK;
    int status = strand_path_join(directory, data, name);
    if (status == STRAND_OK)
        status = strand_path_kind(fs, directory, &kind);
    if (status != STRAND_OK || kind != STRAND_FS_DIRECTORY)
        return status;
    status = strand_path_list(fs, directory, &names);
    for (size_t i = 0; status == STRAND_OK && i < names.count; i++) {
        if (!cli_saved_name_is_one(names.names[i]))
            continue;
        saved.name = names.names[i];
        status = strand_path_join(path, directory, saved.name);
        if (status == STRAND_OK)
            status = measure(fs, path, &saved.size);
        if (status == STRAND_OK)
            status = visit(context, &saved);
    }
    strand_names_free(&names);
    return status;
}

int
cli_saved_files_visit(const struct strand_fs *fs, const char *data, cli_saved_file_fn *visit,
                      void *context)
{
    struct strand_names names = {NULL, 0};
    int status = strand_path_list(fs, data, &names);

    for (size_t i = 0; status == STRAND_OK && i < names.count; i++)
        status = visit_log(fs, data, names.names[i], visit, context);
    strand_names_free(&names);
    return status;
}

struct removal {
    const struct strand_fs *fs;
    int64_t count;
    int64_t bytes;
};

static int
remove_one(void *context, const struct cli_saved_file *saved)
{
    struct removal *removal = context;
    char directory[STRAND_PATH_SIZE_MAX];
    int size = (int)(strlen(saved->path) - strlen(saved->name) - 1);

    (void)snprintf(directory, sizeof directory, "%.*s", size, saved->path);
    int status = strand_path_remove(removal->fs, saved->path);
    if (status != STRAND_OK)
        return status;
    removal->count++;
    removal->bytes += saved->size;
    return strand_path_sync_directory(removal->fs, directory);
}

int
cli_saved_files_remove(const struct strand_fs *fs, const char *data, int64_t *out_count,
                       int64_t *out_bytes)
{
    struct removal removal = {.fs = fs};
    int status = cli_saved_files_visit(fs, data, remove_one, &removal);

    *out_count = removal.count;
    *out_bytes = removal.bytes;
    return status;
}
