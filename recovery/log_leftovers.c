/* recovery/log_leftovers.c -- Finish or undo what was interrupted in a partition directory.
 *
 * Kafka replaces segments (compaction) by writing N.log.cleaned and its indexes, renaming all of
 * them to .swap in descending order, renaming the old segments to .deleted, and renaming .swap to
 * the final names in ascending order.  Hence on load: any .cleaned says that the .swap files at or
 * above it are not complete, and the old segments rule; without one, the .swap files rule and
 * replace what lies in their range.
 *
 * Each step is made durable before the next one relies on it: a .cleaned that vanished before the
 * .swap files it condemns would turn them into a finished compaction.
 */
#include "recovery/log_recovery_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "storage/segment_scan.h"

bool
strand_recovery_parse_prefix(const char *name, int64_t *out_offset)
{
    int64_t offset = 0;
    const char *position = name;

    for (; *position >= '0' && *position <= '9'; position++) {
        int64_t digit = *position - '0';

        if (offset > (INT64_MAX - digit) / 10)
            return false;
        offset = offset * 10 + digit;
    }
    if (position == name || *position != '.')
        return false;
    *out_offset = offset;
    return true;
}

bool
strand_recovery_has_suffix(const char *name, const char *suffix)
{
    size_t name_size = strlen(name);
    size_t suffix_size = strlen(suffix);

    return name_size >= suffix_size && strcmp(name + name_size - suffix_size, suffix) == 0;
}

int
strand_recovery_remove(const struct strand_recovery *recovery, const char *name)
{
    char path[STRAND_PATH_SIZE_MAX];
    int status = strand_path_join(path, recovery->request->directory, name);

    return status != STRAND_OK ? status : strand_path_remove(recovery->request->fs, path);
}

int
strand_recovery_sync_directory(const struct strand_recovery *recovery)
{
    return strand_path_sync_directory(recovery->request->fs, recovery->request->directory);
}

int
strand_recovery_open(const struct strand_recovery *recovery, const char *name, uint32_t flags,
                     char path[STRAND_PATH_SIZE_MAX], struct strand_file *out_file)
{
    int status = strand_path_join(path, recovery->request->directory, name);

    return status != STRAND_OK ? status
                               : strand_file_open(recovery->request->fs, path, flags, out_file);
}

int
strand_recovery_list(struct strand_recovery *recovery)
{
    strand_names_free(&recovery->names);
    memset(&recovery->names, 0, sizeof recovery->names);
    return strand_path_list(recovery->request->fs, recovery->request->directory, &recovery->names);
}

/* A file of SUFFIX with a number in front: *OUT_OFFSET. */
static bool
is_numbered(const char *name, const char *suffix, int64_t *out_offset)
{
    return strand_recovery_has_suffix(name, suffix) &&
           strand_recovery_parse_prefix(name, out_offset);
}

/* Files that no reader counts: whether they come back after a power cut does not matter. */
static bool
is_debris(const char *name)
{
    int64_t base;

    return strand_recovery_has_suffix(name, ".tmp") ||
           strand_recovery_has_suffix(name, ".deleted") || is_numbered(name, ".cleaned", &base);
}

bool
strand_recovery_is_leftover(const char *name)
{
    int64_t base;

    return is_debris(name) || is_numbered(name, ".swap", &base);
}

/* The lowest base of a .cleaned file, INT64_MAX when there is none: .swap files from there on
 * belong to an operation that never got as far as replacing anything. */
static int64_t
find_cleaned_min(const struct strand_recovery *recovery)
{
    int64_t min = INT64_MAX;
    int64_t base;

    for (size_t i = 0; i < recovery->names.count; i++)
        if (is_numbered(recovery->names.names[i], ".cleaned", &base) && base < min)
            min = base;
    return min;
}

/* Whether NAME is a .swap file that rules. */
static bool
is_valid_swap(const char *name, int64_t cleaned_min)
{
    int64_t base;

    return is_numbered(name, ".swap", &base) && base < cleaned_min;
}

static bool
has_valid_swap(const struct strand_recovery *recovery, int64_t cleaned_min)
{
    for (size_t i = 0; i < recovery->names.count; i++)
        if (is_valid_swap(recovery->names.names[i], cleaned_min))
            return true;
    return false;
}

static int
remove_incomplete_swaps(const struct strand_recovery *recovery, int64_t cleaned_min)
{
    bool is_changed = false;
    int64_t base;

    for (size_t i = 0; i < recovery->names.count; i++) {
        const char *name = recovery->names.names[i];

        if (!is_numbered(name, ".swap", &base) || base < cleaned_min)
            continue;
        int status = strand_recovery_remove(recovery, name);
        if (status != STRAND_OK)
            return status;
        is_changed = true;
    }
    return is_changed ? strand_recovery_sync_directory(recovery) : STRAND_OK;
}

static int
remove_debris(const struct strand_recovery *recovery)
{
    for (size_t i = 0; i < recovery->names.count; i++) {
        if (!is_debris(recovery->names.names[i]))
            continue;
        int status = strand_recovery_remove(recovery, recovery->names.names[i]);
        if (status != STRAND_OK)
            return status;
    }
    return STRAND_OK;
}

/* Scan N.log.swap; it must be whole, since the originals are removed on its word. */
static int
scan_swap(struct strand_recovery *recovery, const char *name, int64_t base, int64_t *out_end_offset)
{
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_file file;
    struct strand_scan_result result;
    struct strand_scan_request request = {
        .file = &file, .base_offset = base, .expected_offset = base, .gaps_allowed = true};

    int status = strand_recovery_open(recovery, name, 0, path, &file);
    if (status != STRAND_OK)
        return status;
    status = strand_file_size(&file, &request.end_position);
    if (status == STRAND_OK)
        status = strand_segment_scan(&request, &result);
    strand_file_discard(&file);
    if (status != STRAND_OK)
        return status;

    recovery->log->bytes_read += result.bytes_read;
    *out_end_offset = result.end_offset;
    if (result.stop != STRAND_SCAN_END)
        (void)snprintf(recovery->blocked_reason, sizeof recovery->blocked_reason,
                       "%s, of an interrupted compaction, is damaged: %.150s", name, result.reason);
    return STRAND_OK;
}

/* The offsets [*OUT_FIRST, *OUT_NEXT) that the .log.swap files cover. */
static int
measure_swaps(struct strand_recovery *recovery, int64_t cleaned_min, int64_t *out_first,
              int64_t *out_next)
{
    *out_first = INT64_MAX;
    *out_next = -1;
    for (size_t i = 0; i < recovery->names.count; i++) {
        const char *name = recovery->names.names[i];
        int64_t base;
        int64_t end_offset;

        if (!is_numbered(name, ".log.swap", &base) || base >= cleaned_min)
            continue;
        int status = scan_swap(recovery, name, base, &end_offset);
        if (status != STRAND_OK)
            return status;
        if (base < *out_first)
            *out_first = base;
        if (end_offset > *out_next)
            *out_next = end_offset;
    }
    return STRAND_OK;
}

static int
remove_originals(const struct strand_recovery *recovery, int64_t first, int64_t next)
{
    for (size_t i = 0; i < recovery->names.count; i++) {
        const char *name = recovery->names.names[i];
        int64_t base;

        if (!strand_recovery_parse_prefix(name, &base) || base < first || base >= next ||
            strand_recovery_has_suffix(name, ".swap"))
            continue;
        int status = strand_recovery_remove(recovery, name);
        if (status != STRAND_OK)
            return status;
    }
    return STRAND_OK;
}

/* NAME without ".swap" becomes its name. */
static int
rename_swap(const struct strand_recovery *recovery, const char *name)
{
    char from[STRAND_PATH_SIZE_MAX];
    char to[STRAND_PATH_SIZE_MAX];

    int status = strand_path_join(from, recovery->request->directory, name);
    if (status != STRAND_OK)
        return status;
    memcpy(to, from, sizeof to);
    to[strlen(to) - strlen(".swap")] = '\0';
    return strand_path_rename(recovery->request->fs, from, to);
}

/* LOGS: N.log.swap; else the indexes, which would be taken for a replaced segment's if they had
 * their names before the logs have. */
static int
rename_swaps(const struct strand_recovery *recovery, bool logs)
{
    for (size_t i = 0; i < recovery->names.count; i++) {
        const char *name = recovery->names.names[i];
        int64_t base;

        if (!is_numbered(name, ".swap", &base) ||
            strand_recovery_has_suffix(name, ".log.swap") != logs)
            continue;
        int status = rename_swap(recovery, name);
        if (status != STRAND_OK)
            return status;
    }
    return strand_recovery_sync_directory(recovery);
}

/* The first sync makes the .swap names durable before what they replace goes; the second lets
 * nothing of the old come back beside the new. */
static int
complete_swaps(const struct strand_recovery *recovery, int64_t first, int64_t next)
{
    int status = strand_recovery_sync_directory(recovery);

    if (status == STRAND_OK)
        status = remove_originals(recovery, first, next);
    if (status == STRAND_OK)
        status = strand_recovery_sync_directory(recovery);
    if (status == STRAND_OK)
        status = rename_swaps(recovery, true);
    return status != STRAND_OK ? status : rename_swaps(recovery, false);
}

/* Note that the .swap files cannot be brought to rule here and now. */
static int
block_if_damaged_or_read_only(struct strand_recovery *recovery, int64_t cleaned_min)
{
    int status =
        measure_swaps(recovery, cleaned_min, &recovery->blocked_first, &recovery->blocked_next);

    if (status != STRAND_OK)
        return status;
    bool replaces_records = recovery->blocked_first < recovery->blocked_next;
    if (recovery->blocked_reason[0] == '\0' && recovery->request->read_only && replaces_records)
        (void)snprintf(recovery->blocked_reason, sizeof recovery->blocked_reason,
                       "a compaction was interrupted; opening the log for writing finishes it");
    return STRAND_OK;
}

int
strand_recovery_clear_leftovers(struct strand_recovery *recovery)
{
    bool is_read_only = recovery->request->read_only;

    int status = strand_recovery_list(recovery);
    if (status != STRAND_OK)
        return status;
    int64_t cleaned_min = find_cleaned_min(recovery);
    if (!is_read_only)
        status = strand_recovery_finish_rewrites(recovery);
    if (status == STRAND_OK && !is_read_only)
        status = remove_incomplete_swaps(recovery, cleaned_min);
    if (status == STRAND_OK && !is_read_only)
        status = remove_debris(recovery);
    if (status == STRAND_OK && !is_read_only)
        status = strand_recovery_list(recovery);
    if (status != STRAND_OK || !has_valid_swap(recovery, cleaned_min))
        return status;

    status = block_if_damaged_or_read_only(recovery, cleaned_min);
    if (status != STRAND_OK || recovery->blocked_reason[0] != '\0' || is_read_only)
        return status;
    status = complete_swaps(recovery, recovery->blocked_first, recovery->blocked_next);
    return status != STRAND_OK ? status : strand_recovery_list(recovery);
}
