/* recovery/log_recovery_apply.c -- Carry out the decision so that it survives a power cut at any
 * step.
 *
 * Each step leaves a log that recovery decides upon in the same way: bytes are saved before
 * anything goes; segments go from the newest backwards, each unlink durable before the next, so
 * that no hole can appear; the tail is cut when nothing stands behind it any more; and what was
 * decided, not only what was changed, is synced, since a name or a page that only the cache knows
 * could come back or go with the next power cut and contradict what is acknowledged until then.
 */
#include "recovery/kafka_files.h"
#include "recovery/log_recovery_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "storage/topic_name.h"

enum { COPY_SIZE = 64 * 1024, SAVED_COUNT_MAX = 1000, SAVED_NAME_SIZE = 48 };

/* ---- Saved bytes ---- */

/* "cut-<offset>.bytes"; for NUMBER above 1, "cut-<offset>-<number>.bytes": what an earlier accident
 * left under the name stays. */
static void
format_saved_name(int64_t offset, int number, char out_name[SAVED_NAME_SIZE])
{
    if (number == 1)
        (void)snprintf(out_name, SAVED_NAME_SIZE, "cut-%020" PRId64 ".bytes", offset);
    else
        (void)snprintf(out_name, SAVED_NAME_SIZE, "cut-%020" PRId64 "-%d.bytes", offset, number);
}

/* Read the same range of both, in pieces, and compare. */
static int
compare_range(const struct strand_file *file, int64_t position, const struct strand_file *saved,
              int64_t size, uint8_t *buffer, bool *out_is_same)
{
    int64_t done = 0;

    *out_is_same = true;
    while (done < size && *out_is_same) {
        size_t piece = size - done < COPY_SIZE ? (size_t)(size - done) : (size_t)COPY_SIZE;
        int status = strand_file_read_exactly(file, buffer, piece, position + done);

        if (status == STRAND_OK)
            status = strand_file_read_exactly(saved, buffer + COPY_SIZE, piece, done);
        if (status != STRAND_OK)
            return status;
        *out_is_same = memcmp(buffer, buffer + COPY_SIZE, piece) == 0;
        done += (int64_t)piece;
    }
    return STRAND_OK;
}

/* Does the file NAME hold just the SIZE bytes of FILE at POSITION?  Then an interrupted recovery
 * has saved them already. */
static int
is_saved_as(const struct strand_recovery *recovery, const char *name,
            const struct strand_file *file, int64_t position, int64_t size, uint8_t *buffer,
            bool *out_is_same)
{
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_file saved;
    int64_t saved_size;

    int status = strand_recovery_open(recovery, name, 0, path, &saved);
    if (status != STRAND_OK)
        return status;
    status = strand_file_size(&saved, &saved_size);
    if (status == STRAND_OK && saved_size != size)
        *out_is_same = false;
    else if (status == STRAND_OK)
        status = compare_range(file, position, &saved, size, buffer, out_is_same);
    strand_file_discard(&saved); /* nothing was written to it */
    return status;
}

static int
copy_range(const struct strand_file *file, int64_t position, const struct strand_file *to,
           int64_t size, uint8_t *buffer)
{
    for (int64_t done = 0; done < size;) {
        size_t piece = size - done < COPY_SIZE ? (size_t)(size - done) : (size_t)COPY_SIZE;
        int status = strand_file_read_exactly(file, buffer, piece, position + done);

        if (status == STRAND_OK)
            status = strand_file_write(to, buffer, piece, done, NULL);
        if (status != STRAND_OK)
            return status;
        done += (int64_t)piece;
    }
    return strand_file_sync_all(to);
}

/* Make TO_NAME, which appears whole or not at all, of a part of FILE; its name is durable, too. */
static int
save_range(const struct strand_recovery *recovery, const struct strand_file *file, int64_t position,
           int64_t size, const char *to_name, uint8_t *buffer)
{
    char path[STRAND_PATH_SIZE_MAX];
    char tmp_path[STRAND_PATH_SIZE_MAX];
    char tmp_name[SAVED_NAME_SIZE + 4];
    struct strand_file to;

    (void)snprintf(tmp_name, sizeof tmp_name, "%s.tmp", to_name);
    int status = strand_path_join(path, recovery->request->directory, to_name);
    if (status == STRAND_OK)
        status = strand_recovery_open(recovery, tmp_name,
                                      STRAND_FS_WRITE | STRAND_FS_CREATE | STRAND_FS_EMPTY,
                                      tmp_path, &to);
    if (status != STRAND_OK)
        return status;
    status = copy_range(file, position, &to, size, buffer);
    if (status == STRAND_OK)
        status = strand_file_close(&to);
    else
        strand_file_discard(&to);
    if (status == STRAND_OK)
        status = strand_path_rename(recovery->request->fs, tmp_path, path);
    if (status != STRAND_OK) {
        /* Only tidying, past base/file.h, which would overwrite the sentence of the failure. */
        (void)recovery->request->fs->remove(recovery->request->fs->context, tmp_path);
        return status;
    }
    return strand_recovery_sync_directory(recovery);
}

/* A name for what is cut at OFFSET: the first that is free.  *OUT_IS_SAVED: FILE's bytes (NULL:
 * never) stand under it already. */
static int
choose_saved_name(const struct strand_recovery *recovery, int64_t offset,
                  const struct strand_file *file, int64_t position, int64_t size, uint8_t *buffer,
                  char out_name[SAVED_NAME_SIZE], bool *out_is_saved)
{
    *out_is_saved = false;
    for (int number = 1; number <= SAVED_COUNT_MAX; number++) {
        char path[STRAND_PATH_SIZE_MAX];
        int kind = 0;

        format_saved_name(offset, number, out_name);
        int status = strand_path_join(path, recovery->request->directory, out_name);
        if (status == STRAND_OK)
            status = strand_path_kind(recovery->request->fs, path, &kind);
        if (status != STRAND_OK || kind == 0)
            return status;
        if (file != NULL)
            status = is_saved_as(recovery, out_name, file, position, size, buffer, out_is_saved);
        if (status != STRAND_OK || *out_is_saved)
            return status;
    }
    return strand_fail(STRAND_ERR_EXISTS, "save bytes cut at offset %" PRId64 " of %s: %d files",
                       offset, recovery->request->name, SAVED_COUNT_MAX);
}

/* Save what is cut off the last kept file. */
static int
save_tail(const struct strand_recovery *recovery)
{
    const struct strand_recovery_file *segment = &recovery->files[recovery->behind - 1];
    int64_t size = segment->size - segment->kept;
    char segment_name[STRAND_SEGMENT_NAME_SIZE];
    char path[STRAND_PATH_SIZE_MAX];
    char name[SAVED_NAME_SIZE];
    struct strand_file file;
    bool is_saved;

    strand_assert(size > 0);
    uint8_t *buffer = malloc((size_t)2 * COPY_SIZE);
    if (buffer == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "save cut bytes of %s", recovery->request->name);
    strand_segment_name_format(segment->base_offset, segment_name);
    int status = strand_recovery_open(recovery, segment_name, 0, path, &file);
    if (status == STRAND_OK) {
        status = choose_saved_name(recovery, segment->end_offset, &file, segment->kept, size,
                                   buffer, name, &is_saved);
        if (status == STRAND_OK && is_saved)
            status = strand_recovery_sync_directory(recovery);
        else if (status == STRAND_OK)
            status = save_range(recovery, &file, segment->kept, size, name, buffer);
        strand_file_discard(&file); /* nothing was written to it */
    }
    free(buffer);
    return status;
}

/* ---- Segments ---- */

static bool
is_derived_suffix(const char *name)
{
    return strand_recovery_has_suffix(name, ".index") ||
           strand_recovery_has_suffix(name, ".timeindex") ||
           strand_recovery_has_suffix(name, ".txnindex");
}

static bool
is_tail_to_cut(const struct strand_recovery *recovery)
{
    if (recovery->behind == recovery->old_count)
        return false;
    const struct strand_recovery_file *last = &recovery->files[recovery->behind - 1];

    return last->kept < last->size;
}

static int
remove_derived_of_changed(const struct strand_recovery *recovery)
{
    size_t first = recovery->behind;

    if (is_tail_to_cut(recovery))
        first--;
    return first == recovery->file_count
               ? STRAND_OK
               : strand_kafka_files_remove(recovery->request->fs, recovery->request->directory,
                                           recovery->files[first].base_offset,
                                           recovery->log->log_end);
}

static int
sync_file(const struct strand_recovery *recovery, const char *name)
{
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_file file;

    int status = strand_recovery_open(recovery, name, STRAND_FS_WRITE, path, &file);
    if (status != STRAND_OK)
        return status;
    status = strand_file_sync_data(&file);
    if (status == STRAND_OK)
        return strand_file_close(&file);
    strand_file_discard(&file);
    return status;
}

/* Give a segment the name of saved bytes.  Its content may be known to the cache alone. */
static int
set_aside(const struct strand_recovery *recovery, const char *segment_name, int64_t base_offset)
{
    char from[STRAND_PATH_SIZE_MAX];
    char to[STRAND_PATH_SIZE_MAX];
    char name[SAVED_NAME_SIZE];
    bool is_saved;

    int status = sync_file(recovery, segment_name);
    if (status == STRAND_OK)
        status = choose_saved_name(recovery, base_offset, NULL, 0, 0, NULL, name, &is_saved);
    if (status == STRAND_OK)
        status = strand_path_join(from, recovery->request->directory, segment_name);
    if (status == STRAND_OK)
        status = strand_path_join(to, recovery->request->directory, name);
    return status != STRAND_OK ? status : strand_path_rename(recovery->request->fs, from, to);
}

/* Newest first, each durable before the next: a cut leaves no hole.  What is gone is gone from the
 * list of files, too. */
static int
remove_behind(struct strand_recovery *recovery)
{
    bool is_suspect = recovery->log->verdict == STRAND_VERDICT_SUSPECT;

    while (recovery->file_count > recovery->behind) {
        const struct strand_recovery_file *segment = &recovery->files[recovery->file_count - 1];
        char name[STRAND_SEGMENT_NAME_SIZE];

        strand_segment_name_format(segment->base_offset, name);
        int status = is_suspect && segment->size > 0
                         ? set_aside(recovery, name, segment->base_offset)
                         : strand_recovery_remove(recovery, name);
        if (status == STRAND_OK)
            recovery->file_count--;
        if (status == STRAND_OK)
            status = strand_recovery_sync_directory(recovery);
        if (status != STRAND_OK)
            return status;
    }
    return STRAND_OK;
}

/* Segments wholly below the slot's log start, with their indexes; the directory is synced at the
 * end of recovery. */
static int
remove_old(const struct strand_recovery *recovery)
{
    for (size_t i = 0; i < recovery->old_count; i++) {
        int64_t base_offset = recovery->files[i].base_offset;
        char segment_name[STRAND_SEGMENT_NAME_SIZE];
        int64_t offset;
        int status = STRAND_OK;

        for (size_t j = 0; j < recovery->names.count && status == STRAND_OK; j++) {
            const char *name = recovery->names.names[j];

            if (is_derived_suffix(name) && strand_recovery_parse_prefix(name, &offset) &&
                offset == base_offset)
                status = strand_recovery_remove(recovery, name);
        }
        strand_segment_name_format(base_offset, segment_name);
        if (status == STRAND_OK)
            status = strand_recovery_remove(recovery, segment_name);
        if (status != STRAND_OK)
            return status;
    }
    return STRAND_OK;
}

/* Put the first SIZE bytes of FILE, which others hold links to, into a new file under its name. */
static int
replace_by_prefix(const struct strand_recovery *recovery, const struct strand_file *file,
                  const char *name, int64_t size)
{
    char tmp_path[STRAND_PATH_SIZE_MAX];
    char tmp_name[STRAND_SEGMENT_NAME_SIZE + 4];
    struct strand_file to;

    (void)snprintf(tmp_name, sizeof tmp_name, "%s.tmp", name);
    int status = strand_recovery_open(
        recovery, tmp_name, STRAND_FS_WRITE | STRAND_FS_CREATE | STRAND_FS_EMPTY, tmp_path, &to);
    if (status != STRAND_OK)
        return status;
    status = strand_file_copy(file, &to, size);
    if (status == STRAND_OK)
        status = strand_file_sync_all(&to);
    if (status == STRAND_OK)
        status = strand_file_close(&to);
    else
        strand_file_discard(&to);
    if (status == STRAND_OK)
        status = strand_path_rename(recovery->request->fs, tmp_path, file->path);
    if (status != STRAND_OK) {
        /* As in save_range(). */
        (void)recovery->request->fs->remove(recovery->request->fs->context, tmp_path);
        return status;
    }
    return strand_recovery_sync_directory(recovery);
}

static int
shorten(const struct strand_file *file, int64_t size)
{
    int status = strand_file_set_size(file, size);

    return status != STRAND_OK ? status : strand_file_sync_all(file);
}

/* In place, unless a hard-linked copy would lose the bytes, too. */
static int
cut_tail(const struct strand_recovery *recovery)
{
    const struct strand_recovery_file *segment = &recovery->files[recovery->behind - 1];
    char name[STRAND_SEGMENT_NAME_SIZE];
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_file file;
    int64_t links;

    strand_segment_name_format(segment->base_offset, name);
    int status = strand_recovery_open(recovery, name, STRAND_FS_WRITE, path, &file);
    if (status != STRAND_OK)
        return status;
    status = strand_file_links(&file, &links);
    if (status == STRAND_OK)
        status = links > 1 ? replace_by_prefix(recovery, &file, name, segment->kept)
                           : shorten(&file, segment->kept);
    if (status == STRAND_OK)
        return strand_file_close(&file);
    strand_file_discard(&file);
    return status;
}

/* What stands below the durable end a commit round has covered; the rest may be known to the cache
 * alone. */
static int
sync_kept(const struct strand_recovery *recovery)
{
    for (size_t i = recovery->old_count; i < recovery->behind; i++) {
        const struct strand_recovery_file *segment = &recovery->files[i];
        char name[STRAND_SEGMENT_NAME_SIZE];

        if (segment->end_offset <= recovery->log->durable_end && i + 1 < recovery->behind)
            continue;
        strand_segment_name_format(segment->base_offset, name);
        int status = sync_file(recovery, name);
        if (status != STRAND_OK)
            return status;
    }
    return STRAND_OK;
}

/* ---- The two halves ---- */

/* STRAND_ERR_NO_SPACE leaves a state that can be quarantined. */
static int
take_away_tail(struct strand_recovery *recovery)
{
    int status = STRAND_OK;

    if (recovery->log->verdict == STRAND_VERDICT_SUSPECT && recovery->tail_has_bytes)
        status = save_tail(recovery);
    if (status == STRAND_OK)
        status = remove_derived_of_changed(recovery);
    return status != STRAND_OK ? status : remove_behind(recovery);
}

int
strand_recovery_cut(struct strand_recovery *recovery)
{
    char reason[256];
    bool is_suspect = recovery->log->verdict == STRAND_VERDICT_SUSPECT;

    strand_assert(!recovery->request->read_only);
    strand_assert(recovery->log->verdict != STRAND_VERDICT_CORRUPT);
    int status = take_away_tail(recovery);
    if (status == STRAND_ERR_NO_SPACE && is_suspect) {
        (void)snprintf(reason, sizeof reason, "no room to save what would be cut; %.200s",
                       recovery->log->reason);
        return strand_recovery_quarantine(recovery, reason, recovery->log->cut_first_offset, -1);
    }
    if (status == STRAND_OK)
        status = remove_old(recovery);
    if (status == STRAND_OK && is_tail_to_cut(recovery))
        status = cut_tail(recovery);
    return status;
}

int
strand_recovery_make_durable(struct strand_recovery *recovery)
{
    const struct strand_recovery_request *request = recovery->request;
    int status = STRAND_OK;

    strand_assert(!request->read_only);
    strand_assert(recovery->behind == recovery->file_count);
    if (recovery->epochs_changed || recovery->epochs_trimmed)
        status =
            strand_leader_epochs_store(request->fs, request->directory, &recovery->log->epochs);
    if (status == STRAND_ERR_NO_SPACE && !recovery->epochs_changed)
        status = STRAND_OK; /* late, not fatal: what lies below the log start is nobody's */
    if (status == STRAND_OK)
        status = sync_kept(recovery);
    return status != STRAND_OK ? status : strand_recovery_sync_directory(recovery);
}
