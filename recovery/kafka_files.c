/* recovery/kafka_files.c -- Derived files go before what they are derived from changes. */
#include "recovery/kafka_files.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* The number in front of the first dot and what is behind it; false: no number. */
static bool
split_name(const char *name, int64_t *out_offset, const char **out_suffix)
{
    size_t digits = strspn(name, "0123456789");

    if (digits != 20 || name[digits] != '.')
        return false;
    *out_offset = strtoll(name, NULL, 10); /* one too large is as good as INT64_MAX */
    *out_suffix = name + digits;
    return true;
}

static bool
is_derived(const char *name, int64_t base_offset, int64_t log_end)
{
    const char *suffix;
    int64_t offset;

    if (!split_name(name, &offset, &suffix))
        return false;
    if (strcmp(suffix, ".snapshot") == 0)
        return offset > log_end;
    return offset >= base_offset &&
           (strcmp(suffix, ".index") == 0 || strcmp(suffix, ".timeindex") == 0 ||
            strcmp(suffix, ".txnindex") == 0);
}

int
strand_kafka_files_remove(const struct strand_fs *fs, const char *directory, int64_t base_offset,
                          int64_t log_end)
{
    struct strand_names names = {0};
    char path[STRAND_PATH_SIZE_MAX];
    bool is_changed = false;

    int status = strand_path_list(fs, directory, &names);
    for (size_t i = 0; status == STRAND_OK && i < names.count; i++) {
        if (!is_derived(names.names[i], base_offset, log_end))
            continue;
        status = strand_path_join(path, directory, names.names[i]);
        if (status == STRAND_OK)
            status = strand_path_remove(fs, path);
        is_changed = true;
    }
    strand_names_free(&names);
    return status == STRAND_OK && is_changed ? strand_path_sync_directory(fs, directory) : status;
}
