/* engine/committer.c -- What is done next, and by which of the workers. */
#include "engine/committer.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/error.h"
#include "engine/checkpointer.h"
#include "engine/engine_internal.h"
#include "engine/log_internal.h"
#include "recovery/frontier.h"
#include "strandline/fs.h"

static const int64_t FRONTIER_DELAY_NS = (int64_t)STRAND_FRONTIER_DELAY_MS * 1000000;
static const int64_t FRONTIER_RETRY_NS = INT64_C(5000000000);

void
strand_committer_init(struct strand_committer *committer, struct strand_engine *engine)
{
    *committer = (struct strand_committer){
        .engine = engine,
        .frontier_due_ns = -1,
        .checkpoint_due_ns = -1,
        .unhurried_max = UINT32_MAX, /* without workers the host's threads do it */
    };
    strand_commit_queue_init(&committer->urgent, STRAND_LINE_URGENT);
    strand_commit_queue_init(&committer->later, STRAND_LINE_LATER);
    strand_mutex_init(&committer->lock);
    strand_condition_init(&committer->round_ended);
}

void
strand_committer_deinit(struct strand_committer *committer)
{
    strand_assert(committer->workers == NULL);
    strand_condition_deinit(&committer->round_ended);
    strand_mutex_deinit(&committer->lock);
}

static int64_t
now_ns(const struct strand_committer *committer)
{
    const struct strand_fs *fs = committer->engine->config.fs;

    return fs->monotonic_ns(fs->context);
}

/* ---- What is next; the lock is held ---- */

struct piece {
    enum { PIECE_NONE, PIECE_ROUND, PIECE_FRONTIER, PIECE_CHECKPOINT } kind;
    bool is_urgent;
    struct strand_log *log; /* of a round */
    bool has_failed;        /* the frontier's sync */
};

static bool
has_come(int64_t due_ns, int64_t now)
{
    return due_ns >= 0 && due_ns <= now;
}

/* When something that nobody waits for may next begin; -1: nothing, or not before some other ends.
 */
static int64_t
next_due_ns(const struct strand_committer *committer)
{
    int64_t due = committer->later.head != NULL ? committer->later.head->request.due_ns : -1;

    if (committer->unhurried >= committer->unhurried_max)
        return -1;
    if (!committer->is_frontier_running)
        due = strand_earlier_ns(due, committer->frontier_due_ns);
    if (!committer->is_checkpoint_running)
        due = strand_earlier_ns(due, committer->checkpoint_due_ns);
    return due;
}

/* The log that has been due for longest, off its lines; NULL when none is.  One whose round runs
 * is put back when that ends. */
static struct strand_log *
take_later(struct strand_committer *committer, int64_t now)
{
    struct strand_log *log;

    while ((log = committer->later.head) != NULL && log->request.due_ns <= now) {
        strand_commit_queue_remove(&committer->later, log);
        if (!log->request.is_running) {
            strand_commit_queue_remove(&committer->urgent, log);
            return log;
        }
        log->request.is_later_overdue = true;
    }
    return NULL;
}

/* A piece of what nobody waits for. */
static struct piece
take_unhurried(struct strand_committer *committer, int64_t now)
{
    struct piece piece = {.kind = PIECE_NONE};
    const struct strand_log *head = committer->later.head;
    int64_t checkpoint_ns = committer->checkpoint_due_ns;

    if (committer->unhurried >= committer->unhurried_max)
        return piece;
    if (!committer->is_frontier_running && has_come(committer->frontier_due_ns, now)) {
        piece.kind = PIECE_FRONTIER;
        return piece;
    }
    if (!committer->is_checkpoint_running && has_come(checkpoint_ns, now) &&
        committer->urgent.head == NULL && (head == NULL || checkpoint_ns <= head->request.due_ns)) {
        piece.kind = PIECE_CHECKPOINT;
        return piece;
    }
    piece.log = take_later(committer, now);
    if (piece.log != NULL)
        piece.kind = PIECE_ROUND;
    return piece;
}

/* Whether what nobody waits for has waited so long that it goes in front of what somebody does. */
static bool
is_overdue(const struct strand_committer *committer, int64_t now)
{
    const struct strand_log *head = committer->later.head;

    if (!committer->is_frontier_running && committer->frontier_due_ns >= 0 &&
        now - committer->frontier_due_ns > FRONTIER_DELAY_NS)
        return true;
    return head != NULL && committer->was_urgent && committer->unhurried == 0 &&
           now - head->request.due_ns > committer->engine->config.commit_interval_ns;
}

static struct piece
take(struct strand_committer *committer)
{
    int64_t now = now_ns(committer);
    struct piece piece = {.kind = PIECE_NONE};

    if (is_overdue(committer, now))
        piece = take_unhurried(committer, now);
    if (piece.kind == PIECE_NONE && committer->urgent.head != NULL) {
        piece =
            (struct piece){.kind = PIECE_ROUND, .is_urgent = true, .log = committer->urgent.head};
        strand_commit_queue_remove(&committer->urgent, piece.log);
    }
    return piece.kind != PIECE_NONE ? piece : take_unhurried(committer, now);
}

/* ---- Idle workers; the lock is held ---- */

/* Take the one that worked last off the stack, to be woken; NULL: all are at work. */
static struct strand_sync_worker *
call_worker(struct strand_committer *committer)
{
    struct strand_sync_worker *worker = committer->idle;

    if (worker == NULL)
        return NULL;
    committer->idle = worker->below;
    if (committer->timekeeper == worker)
        committer->timekeeper = NULL;
    worker->is_idle = false;
    return worker;
}

/* Something may have become due sooner than the timekeeper thinks. */
static void
tell_timekeeper(struct strand_committer *committer)
{
    int64_t due = next_due_ns(committer);

    if (committer->timekeeper == NULL || due < 0)
        return;
    if (committer->timekeeper_due_ns >= 0 && committer->timekeeper_due_ns <= due)
        return;
    committer->timekeeper_due_ns = due;
    strand_condition_signal(&committer->timekeeper->wake);
}

/* The timekeeper, WORKER, goes to work; the one above it keeps the time. */
static void
leave_bottom(struct strand_committer *committer, struct strand_sync_worker *worker)
{
    struct strand_sync_worker **at = &committer->idle;
    struct strand_sync_worker *above = NULL;

    while (*at != worker) {
        above = *at;
        at = &above->below;
    }
    strand_assert(worker->below == NULL);
    *at = NULL;
    worker->is_idle = false;
    committer->timekeeper = above;
    if (above != NULL)
        strand_condition_signal(&above->wake);
}

static void sleep_once(struct strand_committer *committer, struct strand_sync_worker *worker)
    STRAND_REQUIRES(committer->lock);
static void be_idle(struct strand_committer *committer, struct strand_sync_worker *worker)
    STRAND_REQUIRES(committer->lock);

static void
sleep_once(struct strand_committer *committer, struct strand_sync_worker *worker)
{
    int64_t deadline_ns = -1;

    if (committer->timekeeper == worker) {
        int64_t due = next_due_ns(committer);
        int64_t now = now_ns(committer);

        committer->timekeeper_due_ns = due;
        if (has_come(due, now)) {
            leave_bottom(committer, worker);
            return;
        }
        /* Due times are on the seam's clock, deadlines on the thread's: the distance counts. */
        deadline_ns = due < 0 ? -1 : strand_thread_now_ns() + due - now;
    }
    (void)strand_condition_wait(&worker->wake, &committer->lock, deadline_ns);
}

/* Sleep until there is a piece of work for WORKER. */
static void
be_idle(struct strand_committer *committer, struct strand_sync_worker *worker)
{
    worker->below = committer->idle;
    worker->is_idle = true;
    committer->idle = worker;
    if (worker->below == NULL)
        committer->timekeeper = worker;
    else
        tell_timekeeper(committer); /* what WORKER did may have been in the way of something */
    while (worker->is_idle && !committer->must_stop)
        sleep_once(committer, worker);
}

/* ---- Work ---- */

static void begin(struct strand_committer *committer, const struct piece *piece)
    STRAND_REQUIRES(committer->lock);
static void end(struct strand_committer *committer, const struct piece *piece)
    STRAND_REQUIRES(committer->lock);
static bool work(struct strand_committer *committer) STRAND_REQUIRES(committer->lock);

static void
begin(struct strand_committer *committer, const struct piece *piece)
{
    if (piece->kind == PIECE_ROUND) {
        strand_assert(!piece->log->request.is_running);
        piece->log->request.is_running = true;
    } else if (piece->kind == PIECE_FRONTIER) {
        committer->is_frontier_running = true;
        committer->frontier_due_ns = -1;
    } else {
        committer->is_checkpoint_running = true;
        committer->checkpoint_due_ns = -1;
    }
    committer->was_urgent = piece->is_urgent;
    committer->unhurried += piece->is_urgent ? 0 : 1;
    tell_timekeeper(committer);
}

/* Do it, without the lock. */
static void
run(struct strand_committer *committer, struct piece *piece)
{
    struct strand_engine *engine = committer->engine;

    if (piece->kind == PIECE_ROUND)
        (void)strand_log_commit(piece->log); /* a failure is kept in the log, told to who waits */
    else if (piece->kind == PIECE_CHECKPOINT)
        strand_checkpointer_run(engine);
    else
        piece->has_failed = strand_frontier_sync(engine->frontier) != STRAND_OK;
    if (piece->has_failed) /* slots lag: more to recover */
        strand_engine_notice(engine, 4, "%s", strand_error_message());
}

/* What was asked for meanwhile stands in line again. */
static void
end(struct strand_committer *committer, const struct piece *piece)
{
    strand_assert(piece->is_urgent || committer->unhurried > 0);
    committer->unhurried -= piece->is_urgent ? 0 : 1;
    if (piece->kind == PIECE_ROUND) {
        struct strand_commit_request *request = &piece->log->request;

        request->is_running = false;
        if (request->must_run_again)
            strand_commit_queue_push(&committer->urgent, piece->log);
        if (request->is_later_overdue)
            strand_commit_queue_push_front(&committer->later, piece->log);
        request->must_run_again = false;
        request->is_later_overdue = false;
        strand_condition_broadcast(&committer->round_ended);
    } else if (piece->kind == PIECE_FRONTIER) {
        committer->is_frontier_running = false;
        if (piece->has_failed) /* the next one replaces the file */
            committer->frontier_due_ns = strand_earlier_ns(committer->frontier_due_ns,
                                                           now_ns(committer) + FRONTIER_RETRY_NS);
    } else {
        committer->is_checkpoint_running = false;
    }
}

/* Do one thing that is due; false: nothing is. */
static bool
work(struct strand_committer *committer)
{
    struct piece piece = take(committer);

    if (piece.kind == PIECE_NONE)
        return false;
    begin(committer, &piece);
    strand_mutex_unlock(&committer->lock);
    run(committer, &piece);
    strand_mutex_lock(&committer->lock);
    end(committer, &piece);
    return true;
}

static void
worker_main(void *argument)
{
    struct strand_sync_worker *worker = argument;
    struct strand_committer *committer = worker->committer;

    strand_mutex_lock(&committer->lock);
    while (!committer->must_stop)
        if (!work(committer))
            be_idle(committer, worker);
    strand_mutex_unlock(&committer->lock);
}

/* ---- Life ---- */

int
strand_committer_start(struct strand_committer *committer)
{
    uint32_t count = committer->engine->config.sync_workers;
    int status = STRAND_OK;

    strand_assert(count > 0);
    committer->workers = calloc(count, sizeof *committer->workers);
    if (committer->workers == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "start %" PRIu32 " sync workers: out of memory",
                           count);
    committer->unhurried_max = count > 1 ? count - 1 : 1;
    for (uint32_t i = 0; i < count && status == STRAND_OK; i++) {
        struct strand_sync_worker *worker = &committer->workers[i];

        worker->committer = committer;
        strand_condition_init(&worker->wake);
        status = strand_thread_start(&worker->thread, "strand-commit", worker_main, worker);
        if (status == STRAND_OK)
            committer->worker_count++;
        else
            strand_condition_deinit(&worker->wake);
    }
    if (status != STRAND_OK)
        strand_committer_stop(committer);
    return status;
}

void
strand_committer_stop(struct strand_committer *committer)
{
    strand_mutex_lock(&committer->lock);
    committer->must_stop = true;
    for (uint32_t i = 0; i < committer->worker_count; i++)
        strand_condition_signal(&committer->workers[i].wake);
    strand_mutex_unlock(&committer->lock);
    for (uint32_t i = 0; i < committer->worker_count; i++) {
        strand_thread_join(&committer->workers[i].thread);
        strand_condition_deinit(&committer->workers[i].wake);
    }
    strand_mutex_lock(&committer->lock); /* for who asks all the same: nobody is idle any more */
    committer->idle = NULL;
    committer->timekeeper = NULL;
    strand_mutex_unlock(&committer->lock);
    free(committer->workers);
    committer->workers = NULL;
    committer->worker_count = 0;
}

/* ---- Asking ---- */

void
strand_committer_ask(struct strand_committer *committer, struct strand_log *log)
{
    struct strand_sync_worker *worker = NULL;

    strand_mutex_lock(&committer->lock);
    if (log->request.is_running) {
        log->request.must_run_again = true;
    } else if (!log->request.links[STRAND_LINE_URGENT].is_in) {
        strand_commit_queue_push(&committer->urgent, log);
        worker = call_worker(committer);
    }
    strand_mutex_unlock(&committer->lock);
    if (worker != NULL) /* it would only wait for the lock */
        strand_condition_signal(&worker->wake);
}

void
strand_committer_ask_later(struct strand_committer *committer, struct strand_log *log)
{
    strand_mutex_lock(&committer->lock);
    if (!log->request.links[STRAND_LINE_LATER].is_in && !log->request.is_later_overdue) {
        log->request.due_ns = now_ns(committer) + committer->engine->config.commit_interval_ns;
        strand_commit_queue_push(&committer->later, log);
        tell_timekeeper(committer);
    }
    strand_mutex_unlock(&committer->lock);
}

void
strand_committer_note_slot(struct strand_committer *committer)
{
    strand_mutex_lock(&committer->lock);
    if (committer->frontier_due_ns < 0) {
        committer->frontier_due_ns = now_ns(committer) + FRONTIER_DELAY_NS;
        tell_timekeeper(committer);
    }
    strand_mutex_unlock(&committer->lock);
}

void
strand_committer_ask_checkpoint(struct strand_committer *committer, int64_t due_ns)
{
    strand_assert(due_ns >= 0);
    strand_mutex_lock(&committer->lock);
    committer->checkpoint_due_ns = strand_earlier_ns(committer->checkpoint_due_ns, due_ns);
    tell_timekeeper(committer);
    strand_mutex_unlock(&committer->lock);
}

void
strand_committer_forget(struct strand_committer *committer, struct strand_log *log)
{
    strand_mutex_lock(&committer->lock);
    strand_commit_queue_remove(&committer->urgent, log);
    strand_commit_queue_remove(&committer->later, log);
    log->request.must_run_again = false;
    log->request.is_later_overdue = false;
    while (log->request.is_running)
        (void)strand_condition_wait(&committer->round_ended, &committer->lock, -1);
    strand_mutex_unlock(&committer->lock);
}

void
strand_committer_run(struct strand_committer *committer, int64_t *out_next_ns)
{
    strand_mutex_lock(&committer->lock);
    while (work(committer))
        continue;
    *out_next_ns = next_due_ns(committer);
    strand_mutex_unlock(&committer->lock);
}
