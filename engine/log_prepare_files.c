/* engine/log_prepare_files.c -- What preparation does to the disk: zeros, blocks, and the next
 * file.
 *
 * Whatever is done to the active segment is done inside a claim.
 */
#include "engine/log_prepare_internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/file.h"
#include "storage/segment.h"
#include "strandline/fs.h"

enum { CALLS_AWAY = 4 }; /* a claim begins so many calls' bytes in front of the log end */

/* ---- Claims ---- */

static struct strand_log_segment *
last_segment(const struct strand_log *log)
{
    return log->segments[log->segment_count - 1];
}

/* A name that is used again is of another generation. */
bool
strand_prepare_is_last(const struct strand_log *log, int64_t base_offset, uint64_t generation)
{
    return !log->gate_is_closed && log->health == STRAND_LOG_HEALTHY && !log->is_closing &&
           log->generation == generation && last_segment(log)->base_offset == base_offset;
}

/* Claim the active segment from its end on, or (IS_AHEAD) from where the next zeros belong, for one
 * call; *OUT_FROM.  false: the segment of VIEW is not to be touched any more. */
static bool
claim(struct strand_log_preparation *preparation, const struct strand_prepare_view *view,
      bool is_ahead, int64_t *out_from)
{
    struct strand_log *log = preparation->log;
    int64_t call = strand_preparer_of(log)->sizes.call;

    strand_mutex_lock(&log->append);
    strand_mutex_lock(&log->state);
    bool is_open = strand_prepare_is_last(log, view->base_offset, view->generation);
    if (is_open) {
        struct strand_log_segment *last = last_segment(log);
        int64_t ahead = (last->size + CALLS_AWAY * call) / call * call;

        *out_from = last->size;
        if (is_ahead)
            *out_from = preparation->prepared_end > ahead ? preparation->prepared_end : ahead;
        last->is_prepared = true;
        strand_preparer_begin_claim(strand_preparer_of(log), preparation, view->base_offset,
                                    *out_from);
    }
    strand_mutex_unlock(&log->state);
    strand_mutex_unlock(&log->append);
    return is_open;
}

/* The call is over: the segment of VIEW is prepared up to PREPARED_END, unless it was cut back or
 * is not the last any more. */
static void
settle(struct strand_log_preparation *preparation, const struct strand_prepare_view *view,
       int64_t prepared_end)
{
    struct strand_log *log = preparation->log;

    strand_preparer_end_claim(strand_preparer_of(log), preparation);
    strand_mutex_lock(&log->append);
    if (preparation->base_offset == view->base_offset &&
        preparation->generation == view->generation)
        preparation->prepared_end = prepared_end;
    strand_mutex_unlock(&log->append);
}

/* ---- The active segment ---- */

static int
make_zeros(struct strand_preparer *preparer)
{
    if (preparer->zeros == NULL)
        preparer->zeros = calloc(1, (size_t)preparer->sizes.call);
    return preparer->zeros != NULL
               ? STRAND_OK
               : strand_fail(STRAND_ERR_NO_MEMORY, "%" PRId64 " zeros: out of memory",
                             preparer->sizes.call);
}

/* Zeros up to GOAL, not synced. */
static int
write_zeros_ahead(struct strand_log_preparation *preparation,
                  const struct strand_prepare_view *view, struct strand_segment *file, int64_t goal,
                  bool *out_has_written)
{
    struct strand_preparer *preparer = strand_preparer_of(preparation->log);
    int64_t call = preparer->sizes.call;
    int status = make_zeros(preparer);
    int64_t from;

    *out_has_written = false;
    while (status == STRAND_OK && claim(preparation, view, true, &from)) {
        if (from >= goal) {
            settle(preparation, view, from);
            break;
        }
        int64_t size = goal - from < call ? goal - from : call;
        status = strand_file_write(&file->file, preparer->zeros, (size_t)size, from, NULL);
        settle(preparation, view, from + size);
        *out_has_written = true;
    }
    return status;
}

/* Whether the segment of VIEW is the last and everything in front of it is durable. */
static bool
is_alone(struct strand_log *log, const struct strand_prepare_view *view)
{
    bool is_first = true;

    strand_mutex_lock(&log->state);
    size_t i = log->segment_count - 1;
    bool is_active = log->segments[i]->base_offset == view->base_offset;
    while (is_first && i-- > 0) {
        is_first = !strand_log_segment_is_dirty(log->segments[i]);
        if (log->segments[i]->size > 0)
            break; /* what lies before something durable is durable */
    }
    strand_mutex_unlock(&log->state);
    return is_active && is_first;
}

/* A failed sync fails the log: what was not written may be batches.  Where they are not to be
 * durable yet, since older ones are not, a round will sync the zeros, too. */
static void
sync_active(struct strand_log *log, const struct strand_prepare_view *view,
            struct strand_segment *file)
{
    int status = is_alone(log, view) ? strand_segment_sync(file) : STRAND_OK;

    if (status != STRAND_OK)
        (void)strand_log_fail(log, status);
}

static int
reserve_ahead(struct strand_log_preparation *preparation, const struct strand_prepare_view *view,
              struct strand_segment *file, int64_t goal)
{
    int64_t size;

    if (!claim(preparation, view, false, &size))
        return STRAND_OK;
    int status = strand_segment_reserve(file, goal, size); /* undone when it fails */
    settle(preparation, view, status == STRAND_OK ? goal : 0);
    return status;
}

static int
zero_ahead(struct strand_log_preparation *preparation, const struct strand_prepare_view *view,
           struct strand_segment *file, int64_t goal)
{
    bool has_written;

    int status = write_zeros_ahead(preparation, view, file, goal, &has_written);
    if (status == STRAND_OK && has_written)
        sync_active(preparation->log, view, file);
    return status;
}

/* A descriptor of our own for the active segment. */
static int
open_active(const struct strand_log_preparation *preparation,
            const struct strand_prepare_view *view, struct strand_segment **out_file)
{
    const struct strand_log *log = preparation->log;

    return strand_segment_open(log->engine->config.fs, log->directory, view->base_offset, true, 0,
                               out_file);
}

int
strand_prepare_active(struct strand_log_preparation *preparation,
                      const struct strand_prepare_view *view, int64_t goal)
{
    struct strand_segment *file = NULL;

    int status = open_active(preparation, view, &file);
    if (status == STRAND_OK && view->mode == STRAND_PREPARE_RESERVE)
        status = reserve_ahead(preparation, view, file, goal);
    else if (status == STRAND_OK)
        status = zero_ahead(preparation, view, file, goal);
    (void)strand_segment_close(file); /* what had to be synced is */
    return status;
}

int
strand_prepare_cut_back(struct strand_log_preparation *preparation,
                        const struct strand_prepare_view *view)
{
    struct strand_segment *file = NULL;
    int64_t size;

    int status = open_active(preparation, view, &file);
    if (status == STRAND_OK && claim(preparation, view, false, &size)) {
        status = strand_file_set_size(&file->file, size);
        settle(preparation, view, 0);
    }                                 /* else a round, or a cut, sees to it */
    (void)strand_segment_close(file); /* the size is synced by the seal */
    return status;
}

/* ---- The next file ---- */

static int
remove_next(const struct strand_log *log)
{
    char path[STRAND_PATH_SIZE_MAX];
    int status = strand_path_join(path, log->directory, STRAND_PREPARED_NAME);

    return status == STRAND_OK ? strand_path_remove(log->engine->config.fs, path) : status;
}

void
strand_prepare_discard_next(struct strand_log_preparation *preparation)
{
    struct strand_log *log = preparation->log;

    strand_mutex_lock(&log->append);
    struct strand_segment *file = preparation->next_file;
    preparation->next_file = NULL;
    preparation->next_is_ready = false;
    strand_mutex_unlock(&log->append);
    if (file == NULL)
        return;
    (void)strand_segment_close(file);
    (void)remove_next(log); /* what stays is emptied by the next one, or removed by recovery */
    strand_preparer_give_file(strand_preparer_of(log));
}

static int
create_next(struct strand_log_preparation *preparation, const struct strand_prepare_view *view)
{
    struct strand_log *log = preparation->log;
    struct strand_segment *file = NULL;

    int status = strand_segment_prepare(log->engine->config.fs, log->directory,
                                        STRAND_PREPARED_NAME, view->map_size, &file);
    if (status != STRAND_OK) {
        strand_preparer_give_file(strand_preparer_of(log));
        return status;
    }
    strand_mutex_lock(&log->append);
    preparation->next_file = file;
    preparation->next_end = 0;
    preparation->next_is_ready = false;
    strand_mutex_unlock(&log->append);
    return STRAND_OK;
}

static int
zero_next(struct strand_log_preparation *preparation, int64_t end)
{
    struct strand_preparer *preparer = strand_preparer_of(preparation->log);
    struct strand_segment *file = preparation->next_file;
    int status = make_zeros(preparer);

    for (int64_t from = preparation->next_end; status == STRAND_OK && from < end;) {
        int64_t size = end - from < preparer->sizes.call ? end - from : preparer->sizes.call;

        status = strand_file_write(&file->file, preparer->zeros, (size_t)size, from, NULL);
        from += size;
    }
    return status == STRAND_OK ? strand_segment_sync(file) : status;
}

int
strand_prepare_next(struct strand_log_preparation *preparation,
                    const struct strand_prepare_view *view, int64_t end, bool is_last)
{
    int status = view->has_next ? STRAND_OK : create_next(preparation, view);

    if (status == STRAND_OK && view->mode == STRAND_PREPARE_ZERO)
        status = zero_next(preparation, end);
    else if (status == STRAND_OK && view->mode == STRAND_PREPARE_RESERVE)
        status = strand_segment_reserve(preparation->next_file, end, 0);
    if (status != STRAND_OK)
        return status;
    strand_mutex_lock(&preparation->log->append);
    preparation->next_end = end;
    preparation->next_is_ready = is_last;
    strand_mutex_unlock(&preparation->log->append);
    return STRAND_OK;
}
