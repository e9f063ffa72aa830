/* engine/log_waiters.c -- Threads that wait for an append without a limit.
 *
 * Each sleeps on something of its own.  Who makes a position move calls those whose append it
 * covers, and nobody else, and none of them takes a lock to find out.  What else may happen to an
 * append (a cut, a failure, closing) calls them all, to look.
 */
#include "engine/log_internal.h"

void
strand_log_waiter_init(struct strand_log_waiter *waiter, const struct strand_appended *appended)
{
    waiter->appended = appended;
    waiter->next = NULL;
    waiter->is_for_committed = false;
    waiter->is_reached = false;
    strand_semaphore_init(&waiter->called);
}

void
strand_log_waiter_deinit(struct strand_log_waiter *waiter)
{
    strand_semaphore_deinit(&waiter->called);
}

void
strand_log_list_waiter_locked(struct strand_log *log, struct strand_log_waiter *waiter)
{
    waiter->next = log->waiters;
    log->waiters = waiter;
}

struct strand_log_waiter *
strand_log_take_reached_locked(struct strand_log *log)
{
    struct strand_log_waiter *taken = NULL;

    for (struct strand_log_waiter **at = &log->waiters; *at != NULL;) {
        struct strand_log_waiter *waiter = *at;
        int64_t reached = waiter->is_for_committed ? log->high_watermark : log->durable_end;

        if (waiter->appended->end_offset > reached) {
            at = &waiter->next;
            continue;
        }
        *at = waiter->next;
        /* What was appended before a cut may have gone with it: that is for a look to tell. */
        waiter->is_reached = waiter->appended->generation == log->generation;
        waiter->next = taken;
        taken = waiter;
    }
    return taken;
}

struct strand_log_waiter *
strand_log_take_all_locked(struct strand_log *log)
{
    struct strand_log_waiter *taken = log->waiters;

    log->waiters = NULL;
    return taken;
}

/* Who has been called is gone, and its waiter with it. */
void
strand_log_call(struct strand_log_waiter *first)
{
    while (first != NULL) {
        struct strand_log_waiter *next = first->next;

        strand_semaphore_post(&first->called);
        first = next;
    }
}
