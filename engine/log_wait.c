/* engine/log_wait.c -- Waiting for records to become durable, committed or readable.
 *
 * One condition per log.  With a committer, a waiter for durability asks it for a round and sleeps;
 * without, the waiter runs the round of its log itself.
 */
#include <inttypes.h>

#include "base/assert.h"
#include "base/error.h"
#include "engine/log_internal.h"

static const int STILL_WAITING = STRAND_END; /* of a look: not yet */

/* What is waited for. */
struct goal {
    enum { GOAL_DURABLE, GOAL_COMMITTED, GOAL_DATA } kind;
    const struct strand_appended *appended; /* of the first two */
    int64_t offset;                         /* of the last */
    int isolation;
};

static int look_for_data_locked(const struct strand_log *log, const struct goal *goal)
    STRAND_REQUIRES(log->state);
static int look_for_append_locked(const struct strand_log *log, const struct goal *goal)
    STRAND_REQUIRES(log->state);
static int look_locked(const struct strand_log *log, const struct goal *goal)
    STRAND_REQUIRES(log->state);

static int
look_for_data_locked(const struct strand_log *log, const struct goal *goal)
{
    if (goal->offset < strand_log_limit_locked(log, goal->isolation))
        return STRAND_OK;
    if (log->health != STRAND_LOG_HEALTHY) /* what is not there will not come */
        return strand_log_unhealthy_locked(log);
    return log->is_closing ? strand_fail(STRAND_ERR_CLOSED,
                                         "wait for data of %s: it is being closed", log->name)
                           : STILL_WAITING;
}

static int
look_for_append_locked(const struct strand_log *log, const struct goal *goal)
{
    const struct strand_appended *appended = goal->appended;
    int64_t reached = goal->kind == GOAL_DURABLE ? log->durable_end : log->high_watermark;

    if (appended->generation > log->generation)
        return strand_fail(STRAND_ERR_INVALID, "wait for %s: the append is of another log",
                           log->name);
    if (appended->generation < log->first_generation ||
        strand_log_was_cut_locked(log, appended->generation, appended->end_offset)) {
        int status = strand_fail(STRAND_ERR_TRUNCATED,
                                 "%s: offsets %" PRId64 " to %" PRId64 " were truncated", log->name,
                                 appended->base_offset, appended->end_offset - 1);
        strand_error_set_offsets(appended->base_offset, appended->end_offset);
        return status;
    }
    if (reached >= appended->end_offset)
        return STRAND_OK;
    if (log->health != STRAND_LOG_HEALTHY)
        return strand_log_unhealthy_locked(log);
    if (log->is_closing)
        return strand_fail(STRAND_ERR_CLOSED, "wait for %s: it is being closed", log->name);
    return STILL_WAITING;
}

static int
look_locked(const struct strand_log *log, const struct goal *goal)
{
    return goal->kind == GOAL_DATA ? look_for_data_locked(log, goal)
                                   : look_for_append_locked(log, goal);
}

/* See to it that what is waited for will come about, as far as it depends on a commit round. */
static int
ask_for_round(struct strand_log *log)
{
    if (!strand_engine_has_threads(log->engine))
        return strand_log_commit(log);
    strand_committer_ask(&log->engine->committer, log);
    return STRAND_OK;
}

static bool
needs_round_locked(const struct strand_log *log, const struct goal *goal)
{
    if (log->health != STRAND_LOG_HEALTHY || log->durable_end == log->log_end)
        return false;
    return goal->kind != GOAL_DATA || goal->isolation != STRAND_READ_WRITTEN;
}

static int
timed_out(const struct strand_log *log)
{
    return strand_fail(STRAND_ERR_TIMEOUT, "wait for %s: timed out", log->name);
}

/* Sleep until the goal is reached, it cannot be any more, or the deadline has passed. */
static int
sleep_for(struct strand_log *log, const struct goal *goal, int64_t deadline_ns)
{
    bool has_passed = false;
    int status;

    strand_mutex_lock(&log->state);
    log->waiter_count++;
    while ((status = look_locked(log, goal)) == STILL_WAITING && !has_passed)
        has_passed = !strand_condition_wait(&log->changed, &log->state, deadline_ns);
    log->waiter_count--;
    strand_mutex_unlock(&log->state);
    return status == STILL_WAITING ? timed_out(log) : status;
}

static int
wait_for(struct strand_log *log, const struct goal *goal, int64_t timeout_ms)
{
    int status = strand_log_check(log);

    if (status != STRAND_OK)
        return status;
    strand_mutex_lock(&log->state);
    status = look_locked(log, goal);
    bool needs_round = needs_round_locked(log, goal);
    strand_mutex_unlock(&log->state);
    if (status != STILL_WAITING)
        return status;
    if (timeout_ms == 0)
        return timed_out(log);
    if (strand_engine_is_read_only(log->engine))
        return strand_fail(STRAND_ERR_READ_ONLY,
                           "wait for %s: it is open read-only, as it was when it was opened",
                           log->name);

    if (needs_round)
        (void)ask_for_round(log); /* its failure is the log's, and found by the next look */
    int64_t deadline_ns = -1;
    if (timeout_ms > 0)
        deadline_ns =
            timeout_ms < INT64_MAX / 2000000 ? strand_thread_now_ns() + timeout_ms * 1000000 : -1;
    return sleep_for(log, goal, deadline_ns);
}

int
strand_log_wait(struct strand_log *log, const struct strand_appended *appended, int64_t timeout_ms)
{
    struct goal goal = {.kind = GOAL_DURABLE, .appended = appended};

    if (appended == NULL)
        return strand_fail(STRAND_ERR_INVALID, "wait: no append was given");
    return wait_for(log, &goal, timeout_ms);
}

int
strand_log_wait_committed(struct strand_log *log, const struct strand_appended *appended,
                          int64_t timeout_ms)
{
    struct goal goal = {.kind = GOAL_COMMITTED, .appended = appended};

    if (appended == NULL)
        return strand_fail(STRAND_ERR_INVALID, "wait: no append was given");
    return wait_for(log, &goal, timeout_ms);
}

int
strand_log_wait_data(struct strand_log *log, int64_t offset, int isolation, int64_t timeout_ms)
{
    struct goal goal = {.kind = GOAL_DATA, .offset = offset, .isolation = isolation};

    if (offset < 0 || isolation < STRAND_READ_COMMITTED || isolation > STRAND_READ_WRITTEN)
        return strand_fail(STRAND_ERR_INVALID, "wait for data: offset %" PRId64 ", isolation %d",
                           offset, isolation);
    return wait_for(log, &goal, timeout_ms);
}
