/* engine/indexer.c -- What is queued for the index, the runs that take it there, their thread. */
#include "engine/indexer.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "engine/engine_internal.h"
#include "engine/log_internal.h"
#include "strandline/fs.h"

static const int64_t MS = 1000000;

enum {
    DELAY_MS = 1000,              /* from a note to the run that heeds it; and after a failure */
    WALK_MS = 250,                /* between runs that walk, */
    WALK_BYTES = 64 << 20,        /* each so far: 256 MiB/s at most */
    WALK_BYTES_OF_HOST = 1 << 20, /* on a thread of the host's, that does other things */
};

void
strand_indexer_init(struct strand_indexer *indexer, struct strand_engine *engine)
{
    *indexer = (struct strand_indexer){.engine = engine, .due_ns = -1};
    atomic_init(&indexer->is_usable, false);
    strand_mutex_init(&indexer->lock);
    strand_condition_init(&indexer->wake);
    strand_condition_init(&indexer->settled);
}

void
strand_indexer_deinit(struct strand_indexer *indexer)
{
    strand_assert(!indexer->has_thread);
    strand_index_close(indexer->index);
    strand_index_work_destroy(indexer->work);
    free(indexer->removed);
    free(indexer->path);
    strand_file_discard(&indexer->owner); /* nothing is ever written to it */
    strand_condition_deinit(&indexer->settled);
    strand_condition_deinit(&indexer->wake);
    strand_mutex_deinit(&indexer->lock);
}

static int64_t
now_ns(const struct strand_indexer *indexer)
{
    const struct strand_fs *fs = indexer->engine->config.fs;

    return fs->monotonic_ns(fs->context);
}

/* ---- What is to be done; the lock is held ---- */

static void make_due(struct strand_indexer *indexer, int64_t due_ns) STRAND_REQUIRES(indexer->lock);
static void push(struct strand_indexer *indexer, struct strand_log *log)
    STRAND_REQUIRES(indexer->lock);
static struct strand_log *take_all(struct strand_indexer *indexer) STRAND_REQUIRES(indexer->lock);

static void
make_due(struct strand_indexer *indexer, int64_t due_ns)
{
    if (indexer->due_ns >= 0 && indexer->due_ns <= due_ns)
        return;
    indexer->due_ns = due_ns;
    strand_condition_signal(&indexer->wake);
}

static void
push(struct strand_indexer *indexer, struct strand_log *log)
{
    if (log->index.is_queued)
        return;
    log->index.is_queued = true;
    log->index.next = NULL;
    if (indexer->tail != NULL)
        indexer->tail->index.next = log;
    else
        indexer->head = log;
    indexer->tail = log;
}

/* The queued logs, linked as taken. */
static struct strand_log *
take_all(struct strand_indexer *indexer)
{
    struct strand_log *first = indexer->head;

    for (struct strand_log *log = first; log != NULL; log = log->index.next) {
        log->index.is_queued = false;
        log->index.next_taken = log->index.next;
    }
    indexer->head = NULL;
    indexer->tail = NULL;
    return first;
}

void
strand_indexer_note(struct strand_indexer *indexer, struct strand_log *log, bool is_urgent)
{
    int64_t now = now_ns(indexer);

    strand_mutex_lock(&indexer->lock);
    if (indexer->index != NULL || indexer->must_open) {
        push(indexer, log);
        if (indexer->failures == 0) /* else the next attempt has its time */
            make_due(indexer, is_urgent ? now : now + DELAY_MS * MS);
    }
    strand_mutex_unlock(&indexer->lock);
}

void
strand_indexer_forget(struct strand_indexer *indexer, struct strand_log *log)
{
    strand_mutex_lock(&indexer->lock);
    while (indexer->is_running)
        (void)strand_condition_wait(&indexer->settled, &indexer->lock, -1);
    struct strand_log *before = NULL;
    for (struct strand_log *at = indexer->head; at != NULL; before = at, at = at->index.next) {
        if (at != log)
            continue;
        if (before != NULL)
            before->index.next = log->index.next;
        else
            indexer->head = log->index.next;
        if (indexer->tail == log)
            indexer->tail = before;
        break;
    }
    log->index.is_queued = false;
    strand_mutex_unlock(&indexer->lock);
}

void
strand_indexer_remove(struct strand_indexer *indexer, const uint8_t id[STRAND_LOG_ID_SIZE])
{
    int64_t now = now_ns(indexer);

    strand_mutex_lock(&indexer->lock);
    if (indexer->removed_count == indexer->removed_capacity) {
        size_t capacity = indexer->removed_capacity == 0 ? 16 : 2 * indexer->removed_capacity;
        uint8_t *removed = realloc(indexer->removed, capacity * STRAND_LOG_ID_SIZE);

        if (removed != NULL) {
            indexer->removed = removed;
            indexer->removed_capacity = capacity;
        }
    }
    /* Without memory it is found to be a stranger's when the index is opened next. */
    if (indexer->removed_count < indexer->removed_capacity && indexer->index != NULL) {
        memcpy(indexer->removed + indexer->removed_count++ * STRAND_LOG_ID_SIZE, id,
               STRAND_LOG_ID_SIZE);
        make_due(indexer, now + DELAY_MS * MS);
    }
    strand_mutex_unlock(&indexer->lock);
}

/* ---- A run ---- */

/* How much one run does. */
struct pace {
    int64_t walk_bytes;
    bool is_last;     /* everything in memory goes */
    bool must_commit; /* also when nothing has changed */
};

static struct pace
pace_of(const struct strand_indexer *indexer)
{
    return (struct pace){
        .walk_bytes = strand_engine_has_threads(indexer->engine) ? WALK_BYTES : WALK_BYTES_OF_HOST};
}

static int
put_all(struct strand_indexer *indexer, struct strand_log *first, const uint8_t *removed,
        size_t removed_count, struct strand_index_batch *batch)
{
    int status = STRAND_OK;

    for (size_t i = 0; status == STRAND_OK && i < removed_count; i++)
        status = strand_index_remove_log(batch, removed + i * STRAND_LOG_ID_SIZE);
    struct strand_log *begun = first; /* the walk over it goes on: there is one at a time */
    while (begun != NULL && !strand_index_work_is_walking(indexer->work, begun))
        begun = begun->index.next_taken;
    if (status == STRAND_OK && begun != NULL)
        status = strand_log_index_put(begun, indexer->work);
    for (struct strand_log *log = first; status == STRAND_OK && log != NULL;
         log = log->index.next_taken)
        if (log != begun)
            status = strand_log_index_put(log, indexer->work);
    return status;
}

/* One transaction with what the logs from FIRST on have, and without REMOVED. */
static int
commit(struct strand_indexer *indexer, struct strand_log *first, const uint8_t *removed,
       size_t removed_count, struct pace pace)
{
    struct strand_index *index = indexer->index;
    struct strand_index_batch *batch = NULL;

    int status = strand_index_begin(index, &batch);
    if (status != STRAND_OK)
        return status;
    strand_index_work_begin(indexer->work, batch, pace.walk_bytes, pace.is_last);
    status = put_all(indexer, first, removed, removed_count, batch);
    bool is_empty =
        removed_count == 0 && !pace.must_commit && strand_index_work_is_empty(indexer->work);
    if (status != STRAND_OK || is_empty) {
        strand_index_abort(batch);
        return status;
    }
    return strand_index_commit(batch, strand_index_commit_number(index) + 1);
}

/* What failed is tried again, but for what an index does not recover from. */
static void
note_failure(struct strand_indexer *indexer, int status)
{
    bool is_passing = status == STRAND_ERR_NO_SPACE || status == STRAND_ERR_NO_MEMORY;

    if (!is_passing)
        atomic_store(&indexer->is_usable, false);
    else if (indexer->failures > 0)
        return; /* it was told */
    strand_engine_notice(indexer->engine, 4, "the index is %s: %s",
                         is_passing ? "late" : "out of use until the next opening",
                         strand_error_message());
}

/* How long to wait after failures: a second, then twice as long each time, up to 4 minutes. */
static int64_t
patience_ns(const struct strand_indexer *indexer)
{
    uint32_t doublings = indexer->failures < 9 ? indexer->failures - 1 : 8;

    return (DELAY_MS * MS) << doublings;
}

/* Everything that is queued, in one transaction. */
static void run(struct strand_indexer *indexer, struct pace pace) STRAND_REQUIRES(indexer->lock);

static void
run(struct strand_indexer *indexer, struct pace pace)
{
    struct strand_log *first = take_all(indexer);
    struct strand_log *next = NULL;
    uint8_t *removed = indexer->removed;
    size_t removed_count = indexer->removed_count;
    bool has_more = false;

    pace.must_commit = pace.must_commit || indexer->must_stamp;
    indexer->removed = NULL;
    indexer->removed_count = 0;
    indexer->removed_capacity = 0;
    indexer->is_running = true;
    indexer->due_ns = -1;
    strand_mutex_unlock(&indexer->lock);
    int status = commit(indexer, first, removed, removed_count, pace);
    if (status != STRAND_OK)
        note_failure(indexer, status);
    free(removed); /* where that failed they are strangers at the next opening */

    bool is_usable = strand_indexer_usable(indexer) != NULL;
    for (struct strand_log *log = first; log != NULL; log = next) {
        next = log->index.next_taken;
        log->index.has_more =
            strand_log_index_settle(log, indexer->work, status == STRAND_OK) || status != STRAND_OK;
        has_more = has_more || log->index.has_more;
    }
    int64_t now = now_ns(indexer);
    strand_mutex_lock(&indexer->lock);
    indexer->must_stamp = pace.must_commit && status != STRAND_OK;
    indexer->failures = status == STRAND_OK ? 0 : indexer->failures + 1;
    for (struct strand_log *log = first; log != NULL && is_usable; log = log->index.next_taken)
        if (log->index.has_more)
            push(indexer, log);
    if (has_more && is_usable)
        make_due(indexer, now + (status == STRAND_OK ? WALK_MS * MS : patience_ns(indexer)));
    indexer->is_running = false;
    strand_condition_broadcast(&indexer->settled);
    strand_condition_signal(&indexer->wake); /* the thread waits while another one runs */
}

/* Whether a run is due at NOW; *OUT_DUE_NS is when one will be, -1: that is not known. */
static bool is_due(const struct strand_indexer *indexer, int64_t now, int64_t *out_due_ns)
    STRAND_REQUIRES(indexer->lock);

static bool
is_due(const struct strand_indexer *indexer, int64_t now, int64_t *out_due_ns)
{
    bool may_run = strand_indexer_usable(indexer) != NULL && !indexer->is_running;

    *out_due_ns = may_run ? indexer->due_ns : -1;
    return *out_due_ns >= 0 && *out_due_ns <= now;
}

/* ---- The thread ---- */

static void
indexer_main(void *argument)
{
    struct strand_indexer *indexer = argument;

    if (indexer->must_open) {
        strand_indexer_open_late(indexer);
        strand_mutex_lock(&indexer->lock);
        indexer->must_open = false;
        strand_mutex_unlock(&indexer->lock);
    }
    strand_mutex_lock(&indexer->lock);
    while (!indexer->must_stop) {
        int64_t now = now_ns(indexer);
        int64_t due;

        if (is_due(indexer, now, &due)) {
            run(indexer, pace_of(indexer));
            continue;
        }
        /* Due times are on the seam's clock, deadlines on the thread's: the distance counts. */
        (void)strand_condition_wait(&indexer->wake, &indexer->lock,
                                    due < 0 ? -1 : strand_thread_now_ns() + due - now);
    }
    strand_mutex_unlock(&indexer->lock);
}

int
strand_indexer_start(struct strand_indexer *indexer)
{
    if (indexer->index == NULL && !indexer->must_open)
        return STRAND_OK;
    int status = strand_thread_start(&indexer->thread, "strand-index", indexer_main, indexer);

    indexer->has_thread = status == STRAND_OK;
    return status;
}

void
strand_indexer_stop(struct strand_indexer *indexer)
{
    if (!indexer->has_thread)
        return;
    strand_mutex_lock(&indexer->lock);
    indexer->must_stop = true;
    strand_condition_signal(&indexer->wake);
    strand_mutex_unlock(&indexer->lock);
    strand_thread_join(&indexer->thread);
    indexer->has_thread = false;
}

void
strand_indexer_run(struct strand_indexer *indexer, int64_t *out_next_ns)
{
    int64_t now = now_ns(indexer);

    strand_mutex_lock(&indexer->lock);
    if (is_due(indexer, now, out_next_ns))
        run(indexer, pace_of(indexer));
    (void)is_due(indexer, now, out_next_ns);
    strand_mutex_unlock(&indexer->lock);
}

void
strand_indexer_begin(struct strand_indexer *indexer)
{
    strand_mutex_lock(&indexer->lock);
    while (indexer->is_running)
        (void)strand_condition_wait(&indexer->settled, &indexer->lock, -1);
    indexer->must_stamp = true;
    run(indexer, (struct pace){.walk_bytes = 0});
    strand_mutex_unlock(&indexer->lock);
}

static void push_all(struct strand_indexer *indexer) STRAND_REQUIRES(indexer->lock);

/* Nobody creates or deletes logs meanwhile. */
static void
push_all(struct strand_indexer *indexer)
{
    for (size_t i = 0; i < indexer->engine->log_count; i++)
        push(indexer, indexer->engine->logs[i]);
}

int
strand_indexer_step(struct strand_indexer *indexer, int64_t *out_bytes_left)
{
    struct strand_engine *engine = indexer->engine;
    int64_t bytes_left = 0;

    strand_mutex_lock(&engine->registry);
    strand_mutex_lock(&indexer->lock);
    while (indexer->is_running)
        (void)strand_condition_wait(&indexer->settled, &indexer->lock, -1);
    bool is_usable = strand_indexer_usable(indexer) != NULL;
    if (is_usable) {
        push_all(indexer);
        run(indexer, (struct pace){.walk_bytes = WALK_BYTES});
    }
    strand_mutex_unlock(&indexer->lock);
    for (size_t i = 0; is_usable && i < engine->log_count; i++)
        bytes_left += strand_log_index_bytes_left(engine->logs[i]);
    strand_mutex_unlock(&engine->registry);
    if (!is_usable || strand_indexer_usable(indexer) == NULL)
        return strand_fail(STRAND_ERR_FAILED, "%s has no index", engine->directory.path);
    *out_bytes_left = bytes_left;
    return STRAND_OK;
}

void
strand_indexer_close_cleanly(struct strand_indexer *indexer, struct strand_clean_marker *marker)
{
    struct strand_engine *engine = indexer->engine;
    struct strand_index_stat stat;

    if (strand_indexer_usable(indexer) == NULL)
        return;
    strand_mutex_lock(&indexer->lock);
    push_all(indexer);
    run(indexer, (struct pace){.is_last = true});
    strand_mutex_unlock(&indexer->lock);
    if (engine->config.index != STRAND_INDEX_LMDB || strand_indexer_usable(indexer) == NULL ||
        strand_index_stat(indexer->index, &stat) != STRAND_OK || stat.commit_number == 0)
        return;
    marker->index_commit = stat.commit_number;
    marker->index_size = (int64_t)stat.file_bytes;
}
