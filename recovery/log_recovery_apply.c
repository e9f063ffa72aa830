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

/* ---- Segments ---- */

static bool
is_derived_suffix(const char *name)
{
    return strand_recovery_has_suffix(name, ".index") ||
           strand_recovery_has_suffix(name, ".timeindex") ||
           strand_recovery_has_suffix(name, ".txnindex");
}

/* The first kept file from INDEX on that ends with more than is kept of it: damage in the last one,
 * or prepared space, which a segment may still have when it was rolled just before.  BEHIND: none.
 */
static size_t
next_to_cut(const struct strand_recovery *recovery, size_t index)
{
    while (index < recovery->behind && recovery->files[index].kept >= recovery->files[index].size)
        index++;
    return index;
}

/* Of what is cut or goes, and of the segment that becomes the last one: an index beside that would
 * say that a broker was here.  In the same boot one that is gone may be gone from the cache alone.
 */
static int
remove_derived_of_changed(struct strand_recovery *recovery)
{
    size_t first = next_to_cut(recovery, recovery->old_count);
    int status = STRAND_OK;

    if (first == recovery->file_count)
        return STRAND_OK;
    if (first == recovery->behind && first > 0)
        first--;
    if (recovery->request->is_same_boot)
        status = strand_recovery_sync_directory(recovery);
    if (status != STRAND_OK)
        return status;
    return strand_kafka_files_remove(recovery->request->fs, recovery->request->directory,
                                     recovery->files[first].base_offset, recovery->log->log_end);
}

/* ---- What goes ---- */

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
                         ? strand_recovery_set_aside(recovery, recovery->file_count - 1)
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

static int
shorten(const struct strand_file *file, int64_t size)
{
    int status = strand_file_set_size(file, size);

    return status != STRAND_OK ? status : strand_file_sync_all(file);
}

/* In place, unless a hard-linked copy would lose the bytes, too. */
static int
cut_tail(const struct strand_recovery *recovery, size_t index)
{
    const struct strand_recovery_file *segment = &recovery->files[index];
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
        status = links > 1 ? strand_recovery_replace_by_prefix(recovery, &file,
                                                               segment->base_offset, segment->kept)
                           : shorten(&file, segment->kept);
    if (status == STRAND_OK)
        return strand_file_close(&file);
    strand_file_discard(&file);
    return status;
}

/* What was durable is; but the file that ends there may have been given its exact size just now, in
 * the cache alone. */
static bool
is_durable(const struct strand_recovery *recovery, size_t index)
{
    const struct strand_recovery_file *segment = &recovery->files[index];
    int64_t durable_end = recovery->log->durable_end;

    if (segment->end_offset > durable_end || index + 1 >= recovery->behind)
        return false;
    return !recovery->request->is_same_boot || recovery->slot == NULL ||
           segment[1].base_offset < durable_end;
}

/* What stands below the durable end a commit round has covered; the rest may be known to the cache
 * alone. */
static int
sync_kept(struct strand_recovery *recovery)
{
    for (size_t i = recovery->old_count; i < recovery->behind; i++) {
        const struct strand_recovery_file *segment = &recovery->files[i];

        if (is_durable(recovery, i))
            continue;
        int status =
            strand_recovery_sync_file(recovery, i, segment->durable_position, segment->kept);
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

    if (recovery->log->verdict == STRAND_VERDICT_SUSPECT && recovery->tail_has_bytes) {
        const struct strand_recovery_file *tail = &recovery->files[recovery->behind - 1];

        status = strand_recovery_save(recovery, recovery->behind - 1, tail->kept,
                                      tail->size - tail->kept, tail->end_offset);
    }
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
        recovery->is_beyond_repair = true;
        recovery->log->lacks_room = true;
        return strand_recovery_quarantine(recovery, reason, recovery->log->cut_first_offset, -1);
    }
    if (status == STRAND_OK)
        status = remove_old(recovery);
    for (size_t i = recovery->old_count; status == STRAND_OK; i++) {
        i = next_to_cut(recovery, i);
        if (i == recovery->behind)
            break;
        status = cut_tail(recovery, i);
    }
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
