/* engine/log_cut.c -- Truncate (the tail) and reset (everything): taking records away, durably.
 *
 * All work behind a closed gate, and in an order in which a power cut at any point leaves a log
 * that recovery finishes or never saw begun: first the slot says what is to be (so that what lies
 * beyond it is nobody's), then the epoch file, then files go, newest first (a hole may not appear
 * in front of records that stay), each with its directory sync.
 *
 * Once the positions were lowered a failure fails the log: memory and disk may differ, and
 * reopening decides.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/error.h"
#include "engine/log_internal.h"
#include "recovery/kafka_files.h"
#include "storage/segment.h"
#include "storage/segment_scan.h"
#include "storage/topic_name.h"
#include "strandline/fs.h"

/* ---- Files ---- */

static int
segment_path(const struct strand_log *log, int64_t base_offset, char path[STRAND_PATH_SIZE_MAX])
{
    char name[STRAND_SEGMENT_NAME_SIZE];

    strand_segment_name_format(base_offset, name);
    return strand_path_join(path, log->directory, name);
}

int
strand_log_unlink_segment(struct strand_log *log, int64_t base_offset)
{
    char path[STRAND_PATH_SIZE_MAX];

    int status = segment_path(log, base_offset, path);
    return status == STRAND_OK ? strand_path_remove(log->engine->config.fs, path) : status;
}

int
strand_log_sync_directory(struct strand_log *log)
{
    int status = strand_path_sync_directory(log->engine->config.fs, log->directory);

    return status == STRAND_OK ? status : strand_log_fail(log, status);
}

/* Remove files and objects of SEGMENTS[0..COUNT), which are no longer in the list, newest first. */
static int
drop_newest_first(struct strand_log *log, struct strand_log_segment **segments, size_t count)
{
    int status = STRAND_OK;

    for (size_t i = count; i-- > 0;) {
        if (status == STRAND_OK)
            status = strand_log_unlink_segment(log, segments[i]->base_offset);
        if (status == STRAND_OK)
            status = strand_log_sync_directory(log);
        strand_log_segment_release(segments[i]);
    }
    return status;
}

/* ---- Truncating: where to cut ---- */

struct cut {
    size_t index;                       /* of the first segment that loses something */
    int64_t position;                   /* in it; 0: all of it goes */
    int64_t log_end;                    /* what the log then ends at */
    bool was_pinned;                    /* readers may be looking at what is cut off */
    struct strand_log_segment *segment; /* the first, while position > 0 */
    struct strand_log_segment **gone;   /* owned; the rest, out of the list */
    size_t gone_count;
};

struct cut_search {
    int64_t offset;
    int64_t end_offset; /* of the last batch in front of the cut */
};

/* Stop at the first batch that reaches beyond the offset. */
static int
stop_beyond(void *argument, const uint8_t *batch, int64_t position)
{
    struct cut_search *search = argument;

    (void)position;
    if (strand_batch_end_offset(batch) > search->offset)
        return STRAND_END;
    search->end_offset = strand_batch_end_offset(batch);
    return STRAND_OK;
}

/* The batch boundary at or below OFFSET, in the segment of CUT. */
static int
find_position(struct strand_log *log, int64_t offset, struct cut *cut)
{
    struct strand_log_segment *segment = log->segments[cut->index];
    struct cut_search search = {offset, segment->base_offset};
    struct strand_scan_result result;

    int status = strand_log_segment_acquire(segment);
    if (status != STRAND_OK)
        return status;
    struct strand_scan_request request = {
        .file = &segment->file->file,
        .base_offset = segment->base_offset,
        .end_position = segment->size,
        .expected_offset = segment->base_offset,
        .gaps_allowed = true,
        .skip_crc = true,
        .visit = stop_beyond,
        .argument = &search,
    };
    status = strand_segment_scan(&request, &result);
    if (status == STRAND_OK && result.stop != STRAND_SCAN_VISITOR && result.stop != STRAND_SCAN_END)
        status = strand_fail(STRAND_ERR_CORRUPT, "truncate %s: %s", log->name, result.reason);
    strand_log_segment_release(segment);
    if (status != STRAND_OK)
        return status;
    cut->position = result.position;
    cut->log_end = search.end_offset;
    return STRAND_OK;
}

/* Where a truncation to OFFSET, below the log end, cuts. */
static int
find_cut(struct strand_log *log, int64_t offset, struct cut *cut)
{
    strand_mutex_lock(&log->state);
    cut->index = strand_log_find_segment_locked(log, offset);
    while (offset >= log->segments[cut->index]->end_offset && cut->index + 1 < log->segment_count)
        cut->index++; /* it lies in a gap between segments */
    strand_mutex_unlock(&log->state);

    int status = find_position(log, offset, cut);
    if (status != STRAND_OK || cut->position > 0)
        return status;
    /* An empty segment in front, left by a gap, would have the name of the one to come. */
    while (cut->index > 0 && log->segments[cut->index - 1]->size == 0)
        cut->index--;
    cut->log_end =
        cut->index > 0 ? log->segments[cut->index - 1]->end_offset : log->segments[0]->base_offset;
    return STRAND_OK;
}

/* ---- Truncating: doing it ---- */

static int lower_locked(struct strand_log *log, struct cut *cut) STRAND_REQUIRES(log->state);

/* Lower the positions and take what goes out of the list; readers see the shorter log from here. */
static int
lower_locked(struct strand_log *log, struct cut *cut)
{
    uint64_t previous = log->generation;
    size_t first_gone = cut->position > 0 ? cut->index + 1 : cut->index;

    cut->gone_count = log->segment_count - first_gone;
    cut->gone = malloc((cut->gone_count + 1) * sizeof(struct strand_log_segment *));
    if (cut->gone == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "truncate %s: out of memory", log->name);
    log->generation = strand_engine_draw_generation(log->engine, previous);
    int status = strand_log_note_cut_locked(log, cut->log_end);
    if (status != STRAND_OK) {
        log->generation = previous;
        return status;
    }
    for (size_t i = 0; i < cut->gone_count; i++) {
        cut->gone[i] = log->segments[first_gone + i];
        cut->gone[i]->is_listed = false;
    }
    log->segment_count = first_gone;
    if (cut->position > 0) {
        cut->segment = log->segments[cut->index];
        cut->was_pinned = cut->segment->references > 1;
        cut->segment->size = cut->position;
        cut->segment->end_offset = cut->log_end;
        if (cut->segment->durable_size > cut->position)
            cut->segment->durable_size = cut->position;
        strand_sparse_index_cut(&cut->segment->index, (uint32_t)cut->position);
    }
    log->log_end = cut->log_end;
    log->prepare_at = 0; /* what was prepared goes, too */
    if (log->durable_end > cut->log_end)
        log->durable_end = cut->log_end;
    if (log->high_watermark > cut->log_end)
        log->high_watermark = cut->log_end;
    if (log->wanted_watermark > cut->log_end)
        log->wanted_watermark = cut->log_end;
    strand_log_index_note_cut_locked(log, cut->log_end);
    strand_log_wake_all_locked(log);
    return STRAND_OK;
}

/* Copy the first SIZE bytes of PATH to a new file under the same name. */
static int
replace_by_prefix(struct strand_log *log, const char *path, int64_t size)
{
    const struct strand_fs *fs = log->engine->config.fs;
    char tmp_path[STRAND_PATH_SIZE_MAX];
    struct strand_file from = {0};
    struct strand_file to = {0};

    int status = strand_path_join(tmp_path, log->directory, "truncated.tmp");
    if (status == STRAND_OK)
        status = strand_file_open(fs, path, 0, &from);
    if (status == STRAND_OK)
        status = strand_file_open(fs, tmp_path,
                                  STRAND_FS_WRITE | STRAND_FS_CREATE | STRAND_FS_EMPTY, &to);
    if (status == STRAND_OK)
        status = strand_file_copy(&from, &to, size);
    if (status == STRAND_OK)
        status = strand_file_sync_all(&to);
    if (status == STRAND_OK)
        status = strand_file_close(&to);
    if (status == STRAND_OK)
        status = strand_path_rename(fs, tmp_path, path);
    if (status == STRAND_OK)
        status = strand_log_sync_directory(log);
    strand_file_discard(&to);
    strand_file_discard(&from);
    return status;
}

static int
cut_in_place(const struct strand_file *file, int64_t size)
{
    int status = strand_file_set_size(file, size);

    return status == STRAND_OK ? strand_file_sync_all(file) : status;
}

/* What is kept and not durable is synced through the descriptor that wrote it: it alone is told
 * what the kernel could not write, and it goes with this cut. */
static int
sync_kept(const struct cut *cut)
{
    if (!strand_log_segment_is_dirty(cut->segment))
        return STRAND_OK;
    int status = strand_log_segment_acquire(cut->segment);
    if (status != STRAND_OK)
        return status;
    status = strand_segment_sync(cut->segment->file);
    strand_log_segment_release(cut->segment);
    return status;
}

/* Shorten the file: in place where nobody can notice, else by a copy, so that a pinned slice or a
 * hard-linked backup keeps what it has. */
static int
shorten_file(struct strand_log *log, const struct cut *cut)
{
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_file file = {0};
    int64_t links = 0;

    int status = sync_kept(cut);
    if (status == STRAND_OK)
        status = segment_path(log, cut->segment->base_offset, path);
    if (status == STRAND_OK)
        status = strand_file_open(log->engine->config.fs, path, STRAND_FS_WRITE, &file);
    if (status == STRAND_OK)
        status = strand_file_links(&file, &links);
    if (status == STRAND_OK && !cut->was_pinned && links == 1)
        status = cut_in_place(&file, cut->position);
    else if (status == STRAND_OK)
        status = replace_by_prefix(log, path, cut->position);
    strand_file_discard(&file); /* synced, or only read */
    return status;
}

/* Put a fresh object in the place of the shortened segment: its file is opened anew, for writing,
 * and its facts are those of what is left. */
static int
renew_segment(struct strand_log *log, const struct cut *cut)
{
    struct strand_log_segment *fresh = NULL;

    int status = strand_log_segment_create(log, cut->segment->base_offset, &fresh);
    if (status != STRAND_OK)
        return status;
    status = strand_log_segment_open_last(fresh);
    if (status == STRAND_OK)
        status = strand_log_segment_reload(fresh, cut->position);
    if (status != STRAND_OK) {
        strand_log_segment_release(fresh);
        return status;
    }
    /* Rounds go from the oldest segment on: what was not durable before is not because of the cut.
     */
    fresh->name_is_durable = cut->segment->name_is_durable;
    fresh->durable_size = cut->segment->durable_size;
    fresh->created_ms = cut->segment->created_ms;
    strand_mutex_lock(&log->state);
    cut->segment->is_listed = false;
    log->segment_count--;
    strand_log_list_segment_locked(log, fresh);
    strand_mutex_unlock(&log->state);
    strand_log_segment_release(cut->segment);
    return STRAND_OK;
}

/* Kafka's indexes of every segment that changes or goes, and of the one that becomes the last:
 * beside that an index says that a broker was here. */
static int
remove_derived(struct strand_log *log, const struct cut *cut)
{
    strand_mutex_lock(&log->state);
    int64_t first = log->segment_count > 0 ? log->segments[log->segment_count - 1]->base_offset
                                           : cut->gone[0]->base_offset;
    strand_mutex_unlock(&log->state);
    return strand_kafka_files_remove(log->engine->config.fs, log->directory, first, cut->log_end);
}

static int apply_cut(struct strand_log *log, struct cut *cut) STRAND_REQUIRES(log->commit);

static int
apply_cut(struct strand_log *log, struct cut *cut)
{
    int status = strand_log_write_slot(log, 0, true);

    if (status == STRAND_OK)
        status = strand_log_cut_epochs(log, cut->log_end);
    if (status == STRAND_OK)
        status = remove_derived(log, cut);
    if (status == STRAND_OK) {
        status = drop_newest_first(log, cut->gone, cut->gone_count);
        cut->gone_count = 0; /* released, whatever the result */
    }
    if (status == STRAND_OK && cut->position > 0)
        status = shorten_file(log, cut);
    if (status == STRAND_OK && cut->position > 0)
        return renew_segment(log, cut);
    return status == STRAND_OK ? strand_log_add_segment(log, cut->log_end) : status;
}

static int truncate_below_end(struct strand_log *log, int64_t offset, int64_t log_start)
    STRAND_REQUIRES(log->commit);
static int reset_to(struct strand_log *log, int64_t offset) STRAND_REQUIRES(log->commit);

static int
truncate_below_end(struct strand_log *log, int64_t offset, int64_t log_start)
{
    struct cut cut = {0};

    int status = find_cut(log, offset, &cut);
    if (status != STRAND_OK)
        return status;
    if (cut.log_end < log_start) /* the batch across the log start goes: nothing is left */
        return reset_to(log, log_start);

    strand_mutex_lock(&log->state);
    status = lower_locked(log, &cut);
    strand_mutex_unlock(&log->state);
    if (status == STRAND_OK) {
        status = apply_cut(log, &cut);
        if (status != STRAND_OK)
            (void)strand_log_fail(log, status);
        for (size_t i = 0; i < cut.gone_count; i++)
            strand_log_segment_release(cut.gone[i]);
        strand_indexer_note(&log->engine->indexer, log, false);
    }
    free(cut.gone);
    return status;
}

int
strand_log_truncate_gated(struct strand_log *log, int64_t offset)
{
    strand_mutex_lock(&log->state);
    int64_t log_start = log->log_start;
    int64_t log_end = log->log_end;
    strand_mutex_unlock(&log->state);

    if (offset < log_start)
        return strand_fail(STRAND_ERR_OUT_OF_RANGE,
                           "truncate %s to %" PRId64 ": it is below the log start %" PRId64
                           "; use reset",
                           log->name, offset, log_start);
    if (offset >= log_end)
        return log->is_replicated ? strand_log_cut_epochs(log, log_end) : STRAND_OK;
    return truncate_below_end(log, offset, log_start);
}

int
strand_log_truncate(struct strand_log *log, int64_t offset, int64_t *out_log_end)
{
    int status = strand_log_check_writable(log);
    if (status != STRAND_OK)
        return status;

    strand_log_gate_close(log);
    status = strand_log_truncate_gated(log, offset);
    strand_mutex_lock(&log->state);
    int64_t log_end = log->log_end;
    strand_mutex_unlock(&log->state);
    strand_log_gate_open(log);
    if (status == STRAND_OK && out_log_end != NULL)
        *out_log_end = log_end;
    return status;
}

/* ---- Reset ---- */

/* Set every position to OFFSET and empty the list into CUT. */
static int
empty_list(struct strand_log *log, int64_t offset, struct cut *cut)
{
    strand_mutex_lock(&log->state);
    *cut = (struct cut){.index = 0, .position = 0, .log_end = offset};
    int status = lower_locked(log, cut);
    if (status == STRAND_OK) {
        /* Everything is cut, whatever lies below OFFSET included. */
        log->cut_count = 0;
        status = strand_log_note_cut_locked(log, -1);
        strand_assert(status == STRAND_OK); /* the list has room for one */
        log->log_start = offset;
        log->high_watermark = offset;
        log->wanted_watermark = offset;
        log->durable_end = offset;
        strand_log_index_note_cut_locked(log, 0);
    }
    strand_mutex_unlock(&log->state);
    return status;
}

static int
unlink_all_segments(struct strand_log *log)
{
    struct strand_names names = {0};

    int status = strand_path_list(log->engine->config.fs, log->directory, &names);
    for (size_t i = names.count; status == STRAND_OK && i-- > 0;) {
        int64_t base_offset;

        if (!strand_segment_name_parse(names.names[i], &base_offset))
            continue;
        status = strand_log_unlink_segment(log, base_offset);
        if (status == STRAND_OK)
            status = strand_log_sync_directory(log);
    }
    strand_names_free(&names);
    return status;
}

int
strand_log_finish_reset(struct strand_log *log, int64_t offset)
{
    int status = strand_log_reset_epochs(log, offset);

    if (status == STRAND_OK)
        status = strand_kafka_files_remove(log->engine->config.fs, log->directory, 0, -1);
    if (status == STRAND_OK)
        status = unlink_all_segments(log);
    if (status == STRAND_OK)
        status = strand_log_add_segment(log, offset);
    return status == STRAND_OK ? strand_log_write_slot(log, 0, true) : status;
}

static int
reset_to(struct strand_log *log, int64_t offset)
{
    struct cut cut;

    int status = empty_list(log, offset, &cut);
    if (status == STRAND_OK) {
        status = strand_log_write_slot(log, STRAND_FRONTIER_RESETTING, true);
        if (status == STRAND_OK)
            status = strand_log_finish_reset(log, offset);
        for (size_t i = 0; i < cut.gone_count; i++)
            strand_log_segment_release(cut.gone[i]);
        if (status != STRAND_OK)
            (void)strand_log_fail(log, status);
        strand_indexer_note(&log->engine->indexer, log, false);
    }
    free(cut.gone);
    return status;
}

int
strand_log_reset(struct strand_log *log, int64_t offset)
{
    int status = strand_log_check_writable(log);
    if (status != STRAND_OK)
        return status;
    if (offset < 0)
        return strand_fail(STRAND_ERR_INVALID, "reset %s to %" PRId64 ": it is negative", log->name,
                           offset);
    strand_log_gate_close(log);
    status = reset_to(log, offset);
    strand_log_gate_open(log);
    return status;
}
