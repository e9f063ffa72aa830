/* engine/watch.c -- A list of watches on each log, signalled where its waiters are woken.
 *
 * A watch is signalled under the state lock, though that is a system call: whoever signals later
 * could write to a descriptor that was closed meanwhile and is somebody else's file.  The call does
 * not block, takes a few hundred ns, and is made once for each time that the watch was cleared;
 * without watches it is not made.
 */
#include "engine/watch.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/fork_guard.h"
#include "base/notifier.h"

struct strand_watch {
    struct strand_log *log; /* borrowed; counts this watch as a pin */
    struct strand_notifier notifier;
    bool is_signalled;                    /* since it was cleared; guarded by the log's state */
    struct strand_watch *previous, *next; /* likewise */
};

void
strand_watch_signal_locked(struct strand_log *log)
{
    for (struct strand_watch *watch = log->watches; watch != NULL; watch = watch->next) {
        if (watch->is_signalled)
            continue;
        watch->is_signalled = true;
        strand_notifier_signal(&watch->notifier);
    }
}

static void
enlist(struct strand_watch *watch)
{
    struct strand_log *log = watch->log;

    strand_mutex_lock(&log->state);
    watch->next = log->watches;
    if (watch->next != NULL)
        watch->next->previous = watch;
    log->watches = watch;
    log->pin_count++;
    strand_mutex_unlock(&log->state);
}

static void
strike_off(struct strand_watch *watch)
{
    struct strand_log *log = watch->log;

    strand_mutex_lock(&log->state);
    if (watch->previous != NULL)
        watch->previous->next = watch->next;
    else
        log->watches = watch->next;
    if (watch->next != NULL)
        watch->next->previous = watch->previous;
    strand_assert(log->pin_count > 0);
    log->pin_count--;
    strand_mutex_unlock(&log->state);
}

int
strand_watch_open(struct strand_log *log, struct strand_watch **out_watch)
{
    int status = strand_log_check(log);

    if (status == STRAND_OK && out_watch == NULL)
        status = strand_fail(STRAND_ERR_INVALID, "watch %s: no place for the watch was given",
                             log->name);
    if (status == STRAND_OK && strand_engine_is_read_only(log->engine))
        status = strand_fail(STRAND_ERR_READ_ONLY,
                             "watch %s: it is open read-only, nothing about it moves", log->name);
    if (status != STRAND_OK)
        return status;

    struct strand_watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "watch %s: out of memory", log->name);
    watch->log = log;
    status = strand_notifier_open(&watch->notifier);
    if (status != STRAND_OK) {
        free(watch);
        return strand_fail_context(status, "watch %s", log->name);
    }
    enlist(watch);
    *out_watch = watch;
    return STRAND_OK;
}

int
strand_watch_descriptor(const struct strand_watch *watch)
{
    return watch == NULL ? -1 : watch->notifier.descriptor;
}

int
strand_watch_clear(struct strand_watch *watch)
{
    if (watch == NULL)
        return strand_fail(STRAND_ERR_INVALID, "clear a watch: none was given");
    int status = strand_log_check(watch->log);
    if (status != STRAND_OK)
        return status;
    strand_mutex_lock(&watch->log->state);
    if (watch->is_signalled)
        strand_notifier_clear(&watch->notifier);
    watch->is_signalled = false;
    strand_mutex_unlock(&watch->log->state);
    return STRAND_OK;
}

void
strand_watch_close(struct strand_watch *watch)
{
    if (watch == NULL)
        return;
    /* In a child the list stays as it is, and its lock alone: a thread that is not there may hold
     * it.  The descriptor is the child's own and goes. */
    if (!strand_fork_guard_is_child(watch->log->engine->fork_guard))
        strike_off(watch);
    strand_notifier_close(&watch->notifier);
    free(watch);
}
