/* engine/committer.c -- Two queues of logs and one thread that works them off. */
#include "engine/committer.h"

#include "base/assert.h"
#include "base/error.h"
#include "engine/engine_internal.h"
#include "engine/log_internal.h"
#include "recovery/frontier.h"
#include "strandline/fs.h"

void
strand_committer_init(struct strand_committer *committer, struct strand_engine *engine)
{
    *committer = (struct strand_committer){.engine = engine, .frontier_due_ns = -1};
    strand_mutex_init(&committer->lock);
    strand_condition_init(&committer->wake);
    strand_condition_init(&committer->idle);
}

void
strand_committer_deinit(struct strand_committer *committer)
{
    strand_assert(!committer->has_thread);
    strand_condition_deinit(&committer->idle);
    strand_condition_deinit(&committer->wake);
    strand_mutex_deinit(&committer->lock);
}

static int64_t
now_ns(const struct strand_committer *committer)
{
    const struct strand_fs *fs = committer->engine->config.fs;

    return fs->monotonic_ns(fs->context);
}

/* ---- Queues; the lock is held ---- */

static void
push_urgent(struct strand_committer *committer, struct strand_log *log)
{
    log->request.is_urgent = true;
    log->request.urgent_next = NULL;
    if (committer->urgent_tail != NULL)
        committer->urgent_tail->request.urgent_next = log;
    else
        committer->urgent_head = log;
    committer->urgent_tail = log;
}

static void
push_later(struct strand_committer *committer, struct strand_log *log, int64_t due_ns)
{
    log->request.is_later = true;
    log->request.later_next = NULL;
    log->request.due_ns = due_ns;
    if (committer->later_tail != NULL)
        committer->later_tail->request.later_next = log;
    else
        committer->later_head = log;
    committer->later_tail = log;
}

static void
remove_urgent(struct strand_committer *committer, struct strand_log *log)
{
    struct strand_log *previous = NULL;

    for (struct strand_log *at = committer->urgent_head; at != log; at = at->request.urgent_next)
        previous = at;
    if (previous != NULL)
        previous->request.urgent_next = log->request.urgent_next;
    else
        committer->urgent_head = log->request.urgent_next;
    if (committer->urgent_tail == log)
        committer->urgent_tail = previous;
    log->request.is_urgent = false;
}

static void
remove_later(struct strand_committer *committer, struct strand_log *log)
{
    struct strand_log *previous = NULL;

    for (struct strand_log *at = committer->later_head; at != log; at = at->request.later_next)
        previous = at;
    if (previous != NULL)
        previous->request.later_next = log->request.later_next;
    else
        committer->later_head = log->request.later_next;
    if (committer->later_tail == log)
        committer->later_tail = previous;
    log->request.is_later = false;
}

/* The log whose round is due, taken off the queues; NULL when none is. */
static struct strand_log *
take_due(struct strand_committer *committer, int64_t now)
{
    struct strand_log *log = committer->urgent_head;

    if (log != NULL) {
        remove_urgent(committer, log);
    } else if (committer->later_head != NULL && committer->later_head->request.due_ns <= now) {
        log = committer->later_head;
        remove_later(committer, log);
    }
    return log;
}

static int64_t
next_due_ns(const struct strand_committer *committer)
{
    int64_t due = committer->frontier_due_ns;

    if (committer->urgent_head != NULL)
        return 0;
    if (committer->later_head != NULL && (due < 0 || committer->later_head->request.due_ns < due))
        due = committer->later_head->request.due_ns;
    return due;
}

/* ---- Work ---- */

static void sync_frontier(struct strand_committer *committer) STRAND_REQUIRES(committer->lock);
static void run_round(struct strand_committer *committer, struct strand_log *log)
    STRAND_REQUIRES(committer->lock);
static bool work(struct strand_committer *committer) STRAND_REQUIRES(committer->lock);

/* Sync the frontier outside the lock.  A failure leaves slots that lag: recovery reads more. */
static void
sync_frontier(struct strand_committer *committer)
{
    committer->frontier_due_ns = -1;
    strand_mutex_unlock(&committer->lock);
    if (strand_frontier_sync(committer->engine->frontier) != STRAND_OK)
        strand_engine_notice(committer->engine, 4, "%s", strand_error_message());
    strand_mutex_lock(&committer->lock);
}

static void
run_round(struct strand_committer *committer, struct strand_log *log)
{
    committer->current = log;
    strand_mutex_unlock(&committer->lock);
    (void)strand_log_commit(log); /* a failure is kept in the log and told to who waits */
    strand_mutex_lock(&committer->lock);
    committer->current = NULL;
    strand_condition_broadcast(&committer->idle);
}

/* Do one thing that is due; false: nothing is. */
static bool
work(struct strand_committer *committer)
{
    int64_t now = now_ns(committer);

    if (committer->frontier_due_ns >= 0 && committer->frontier_due_ns <= now) {
        sync_frontier(committer);
        return true;
    }
    struct strand_log *log = take_due(committer, now);
    if (log == NULL)
        return false;
    run_round(committer, log);
    return true;
}

static void
committer_main(void *argument)
{
    struct strand_committer *committer = argument;

    strand_mutex_lock(&committer->lock);
    while (!committer->must_stop) {
        if (work(committer))
            continue;
        int64_t due = next_due_ns(committer);
        /* Due times are on the seam's clock, deadlines on the thread's: the distance counts. */
        int64_t deadline = due < 0 ? -1 : strand_thread_now_ns() + due - now_ns(committer);
        (void)strand_condition_wait(&committer->wake, &committer->lock, deadline);
    }
    strand_mutex_unlock(&committer->lock);
}

int
strand_committer_start(struct strand_committer *committer)
{
    int status =
        strand_thread_start(&committer->thread, "strand-commit", committer_main, committer);

    committer->has_thread = status == STRAND_OK;
    return status;
}

void
strand_committer_stop(struct strand_committer *committer)
{
    if (!committer->has_thread)
        return;
    strand_mutex_lock(&committer->lock);
    committer->must_stop = true;
    strand_condition_signal(&committer->wake);
    strand_mutex_unlock(&committer->lock);
    strand_thread_join(&committer->thread);
    committer->has_thread = false;
}

/* ---- Asking ---- */

void
strand_committer_ask(struct strand_committer *committer, struct strand_log *log)
{
    strand_mutex_lock(&committer->lock);
    if (!log->request.is_urgent) {
        push_urgent(committer, log);
        strand_condition_signal(&committer->wake);
    }
    strand_mutex_unlock(&committer->lock);
}

void
strand_committer_ask_later(struct strand_committer *committer, struct strand_log *log)
{
    strand_mutex_lock(&committer->lock);
    if (!log->request.is_later) {
        bool was_empty = committer->later_head == NULL;

        push_later(committer, log,
                   now_ns(committer) + committer->engine->config.commit_interval_ns);
        if (was_empty)
            strand_condition_signal(&committer->wake);
    }
    strand_mutex_unlock(&committer->lock);
}

void
strand_committer_note_slot(struct strand_committer *committer)
{
    strand_mutex_lock(&committer->lock);
    if (committer->frontier_due_ns < 0) {
        committer->frontier_due_ns =
            now_ns(committer) + (int64_t)STRAND_FRONTIER_DELAY_MS * 1000000;
        if (committer->later_head == NULL)
            strand_condition_signal(&committer->wake);
    }
    strand_mutex_unlock(&committer->lock);
}

void
strand_committer_forget(struct strand_committer *committer, struct strand_log *log)
{
    strand_mutex_lock(&committer->lock);
    if (log->request.is_urgent)
        remove_urgent(committer, log);
    if (log->request.is_later)
        remove_later(committer, log);
    while (committer->current == log)
        (void)strand_condition_wait(&committer->idle, &committer->lock, -1);
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
