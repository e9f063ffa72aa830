/* engine/log_prepared.c -- How appends, rolls and the end of a log use what is prepared for it. */
#include "engine/log_prepare_internal.h"

#include <stdlib.h>

#include "base/error.h"
#include "storage/segment.h"
#include "strandline/fs.h"

#define SECOND_NS INT64_C(1000000000)

/* ---- Asking ---- */

static struct strand_log_preparation *
create(struct strand_log *log, uint64_t appended)
{
    struct strand_log_preparation *preparation = calloc(1, sizeof *preparation);
    const struct strand_fs *fs = log->engine->config.fs;

    if (preparation == NULL)
        return NULL;
    preparation->log = log;
    atomic_init(&preparation->claim_from, INT64_MAX);
    preparation->sample_ns = fs->monotonic_ns(fs->context);
    preparation->used_ns = preparation->sample_ns;
    preparation->waited_ns = preparation->sample_ns - SECOND_NS;
    preparation->sample_bytes = appended;
    preparation->used_bytes = appended;
    return preparation;
}

void
strand_log_want_preparation(struct strand_log *log)
{
    uint64_t after = (uint64_t)strand_preparer_of(log)->sizes.after;
    bool is_never = log->engine->config.preparation == STRAND_PREPARE_NONE;

    strand_mutex_lock(&log->state);
    uint64_t appended = log->appended_bytes;
    bool is_early = log->preparation == NULL && appended < after;
    log->prepare_at = is_early && !is_never ? after : UINT64_MAX;
    strand_mutex_unlock(&log->state);
    if (is_early || is_never)
        return;
    if (log->preparation == NULL)
        log->preparation = create(log, appended);
    if (log->preparation != NULL) /* else there is no memory: it does without */
        strand_preparer_ask(strand_preparer_of(log), log->preparation);
}

/* ---- Appends and rolls ---- */

void
strand_log_await_claim(struct strand_log *log, int64_t end)
{
    struct strand_log_preparation *preparation = log->preparation;

    if (preparation != NULL && atomic_load(&preparation->claim_from) < end)
        strand_preparer_await_claim(strand_preparer_of(log), preparation, end);
}

void
strand_log_lose_prepared(struct strand_log *log)
{
    if (log->preparation == NULL)
        return;
    log->preparation->prepared_end = 0;
    strand_mutex_lock(&log->state);
    log->prepare_at = 0;
    strand_mutex_unlock(&log->state);
}

int
strand_log_take_prepared(struct strand_log *log, struct strand_log_segment *segment)
{
    struct strand_log_preparation *preparation = log->preparation;
    const struct strand_fs *fs = log->engine->config.fs;

    if (preparation == NULL || !preparation->next_is_ready)
        return STRAND_OK;
    struct strand_segment *file = preparation->next_file;
    preparation->next_file = NULL;
    preparation->next_is_ready = false;
    strand_preparer_give_file(strand_preparer_of(log));
    int status = strand_segment_rename(file, log->directory, segment->base_offset);
    if (status != STRAND_OK) {
        (void)fs->remove(fs->context, file->path); /* only tidying; raw: keeps the sentence */
        (void)strand_segment_close(file);
        return status;
    }
    segment->file = file;
    segment->is_prepared = preparation->next_end > 0;
    return STRAND_OK;
}

void
strand_log_note_roll(struct strand_log *log, const struct strand_log_segment *segment)
{
    struct strand_log_preparation *preparation = log->preparation;

    if (preparation == NULL)
        return;
    strand_mutex_lock(&log->state);
    preparation->base_offset = segment->base_offset;
    preparation->generation = log->generation;
    preparation->prepared_end = segment->is_prepared ? preparation->next_end : 0;
    log->prepare_at = 0;
    strand_mutex_unlock(&log->state);
}

/* ---- The end ---- */

void
strand_log_preparation_destroy(struct strand_log_preparation *preparation)
{
    if (preparation == NULL)
        return;
    struct strand_preparer *preparer = strand_preparer_of(preparation->log);
    if (preparation->next_file != NULL) {
        (void)strand_segment_close(preparation->next_file); /* never part of the log */
        strand_preparer_give_file(preparer);
    }
    strand_preparer_drop(preparer, preparation);
    free(preparation);
}

static int seal_last(struct strand_log *log) STRAND_REQUIRES(log->commit);

/* Its size may be another on disk than in the cache: a seal is due whatever it is now. */
static int
seal_last(struct strand_log *log)
{
    strand_mutex_lock(&log->state);
    struct strand_log_segment *last = log->segments[log->segment_count - 1];
    int64_t size = last->size;
    bool is_due = last->is_prepared;
    strand_mutex_unlock(&log->state);
    if (!is_due)
        return STRAND_OK;

    int status = strand_log_segment_acquire(last);
    if (status != STRAND_OK)
        return status;
    status = strand_segment_seal(last->file, size);
    strand_mutex_lock(&log->state);
    last->is_prepared = status != STRAND_OK;
    strand_mutex_unlock(&log->state);
    strand_log_segment_release(last);
    return status == STRAND_OK ? STRAND_OK : strand_log_fail(log, status);
}

int
strand_log_unprepare(struct strand_log *log)
{
    strand_preparer_forget(strand_preparer_of(log), log);
    strand_mutex_lock(&log->append);
    struct strand_log_preparation *preparation = log->preparation;
    strand_mutex_unlock(&log->append);
    if (preparation != NULL && preparation->next_file != NULL) { /* nothing is appended any more */
        strand_prepare_discard_next(preparation);
        /* It may come back: then it is in nobody's way. */
        (void)strand_path_sync_directory(log->engine->config.fs, log->directory);
    }
    strand_mutex_lock(&log->append);
    log->preparation = NULL;
    strand_mutex_unlock(&log->append);
    strand_log_preparation_destroy(preparation);
    return seal_last(log);
}
