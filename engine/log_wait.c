/* engine/log_wait.c -- Waiting for records to become durable, committed or readable.
 *
 * Who waits for an append without a limit stands in a list (log_waiters.c).  For the others there
 * are two conditions per log: an append alone wakes those who wait for the log end and not
 * everybody who waits for the sync of an earlier one.  With a committer, a waiter for durability
 * asks it for a round and sleeps; without, the waiter runs the round of its log itself.
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

/* See to it that what is waited for will come about, as far as it depends on a commit round.  Who
 * may wait for long and finds none under way runs it at once, on the thread that would sleep; the
 * others then wait for that one, or the workers' next.  A failure is the log's: the next look finds
 * it. */
static void
bring_about_round(struct strand_log *log, int64_t timeout_ms)
{
    if (!strand_engine_has_threads(log->engine)) {
        (void)strand_log_commit(log);
    } else if (timeout_ms < 0 && strand_mutex_try_lock(&log->commit)) {
        strand_log_gather(log);
        (void)strand_log_commit_locked(log);
        strand_mutex_unlock(&log->commit);
    } else {
        strand_committer_ask(&log->engine->committer, log);
    }
}

/* Whether no more than the log end has to move for GOAL. */
static bool
is_of_written(const struct goal *goal)
{
    return goal->kind == GOAL_DATA && goal->isolation == STRAND_READ_WRITTEN;
}

/* Whether a round has to be asked for: the one that runs may cover the goal already. */
static bool
needs_round_locked(const struct strand_log *log, const struct goal *goal)
{
    bool is_covered = goal->kind == GOAL_DATA ? goal->offset < log->round_end
                                              : goal->appended->end_offset <= log->round_end;

    if (log->health != STRAND_LOG_HEALTHY || log->durable_end == log->log_end)
        return false;
    return !is_of_written(goal) && !is_covered;
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
    uint32_t written = is_of_written(goal) ? 1 : 0;
    struct strand_condition *condition = written != 0 ? &log->written : &log->changed;
    bool has_passed = false;
    int status;

    strand_mutex_lock(&log->state);
    log->waiter_count++;
    log->written_waiter_count += written;
    while ((status = look_locked(log, goal)) == STILL_WAITING && !has_passed)
        has_passed = !strand_condition_wait(condition, &log->state, deadline_ns);
    log->written_waiter_count -= written;
    log->waiter_count--;
    strand_mutex_unlock(&log->state);
    return status == STILL_WAITING ? timed_out(log) : status;
}

/* Sleep until WAITER, which is listed, is called and its goal is reached, or cannot be any more. */
static int
sleep_listed(struct strand_log *log, const struct goal *goal, struct strand_log_waiter *waiter)
{
    int status = STILL_WAITING;

    while (status == STILL_WAITING) {
        strand_semaphore_wait(&waiter->called);
        if (waiter->is_reached)
            return STRAND_OK;
        strand_mutex_lock(&log->state);
        status = look_locked(log, goal);
        if (status == STILL_WAITING)
            strand_log_list_waiter_locked(log, waiter);
        strand_mutex_unlock(&log->state);
    }
    return status;
}

/* See that GOAL comes about, and sleep until it has. */
static int
await(struct strand_log *log, const struct goal *goal, bool needs_round, int64_t timeout_ms)
{
    int64_t deadline_ns = -1;

    if (needs_round)
        bring_about_round(log, timeout_ms);
    if (timeout_ms > 0)
        deadline_ns =
            timeout_ms < INT64_MAX / 2000000 ? strand_thread_now_ns() + timeout_ms * 1000000 : -1;
    return sleep_for(log, goal, deadline_ns);
}

static int begin_locked(struct strand_log *log, const struct goal *goal, bool *out_needs_round)
    STRAND_REQUIRES(log->state);

/* The first look. */
static int
begin_locked(struct strand_log *log, const struct goal *goal, bool *out_needs_round)
{
    int status = look_locked(log, goal);

    *out_needs_round = needs_round_locked(log, goal);
    if (goal->kind != GOAL_DATA || *out_needs_round)
        log->was_waited = true;
    if (goal->kind != GOAL_DATA && status == STILL_WAITING)
        strand_log_gather_arrive_locked(log, goal->appended->end_offset);
    return status;
}

static int
wait_for(struct strand_log *log, const struct goal *goal, int64_t timeout_ms)
{
    bool needs_round;
    int status = strand_log_check(log);

    if (status != STRAND_OK)
        return status;
    strand_mutex_lock(&log->state);
    status = begin_locked(log, goal, &needs_round);
    strand_mutex_unlock(&log->state);
    if (status != STILL_WAITING)
        return status;
    if (timeout_ms == 0)
        return timed_out(log);
    if (strand_engine_is_read_only(log->engine))
        return strand_fail(STRAND_ERR_READ_ONLY,
                           "wait for %s: it is open read-only, as it was when it was opened",
                           log->name);

    return await(log, goal, needs_round, timeout_ms);
}

/* Without a limit, for an append. */
static int
wait_listed(struct strand_log *log, const struct goal *goal)
{
    struct strand_log_waiter waiter;
    bool needs_round;
    int status = strand_log_check(log);

    if (status != STRAND_OK)
        return status;
    strand_log_waiter_init(&waiter, goal->appended);
    waiter.is_for_committed = goal->kind == GOAL_COMMITTED;
    strand_mutex_lock(&log->state);
    status = begin_locked(log, goal, &needs_round);
    if (status == STILL_WAITING)
        strand_log_list_waiter_locked(log, &waiter);
    strand_mutex_unlock(&log->state);
    if (status == STILL_WAITING && needs_round)
        bring_about_round(log, -1);
    if (status == STILL_WAITING)
        status = sleep_listed(log, goal, &waiter);
    strand_log_waiter_deinit(&waiter);
    return status;
}

static int
wait_for_append(struct strand_log *log, const struct goal *goal, int64_t timeout_ms)
{
    bool is_listed = timeout_ms < 0 && !strand_engine_is_read_only(log->engine);

    return is_listed ? wait_listed(log, goal) : wait_for(log, goal, timeout_ms);
}

void
strand_log_wait_on_behalf_locked(struct strand_log *log, struct strand_log_waiter *waiter)
{
    struct goal goal = {.kind = GOAL_DURABLE, .appended = waiter->appended};
    bool needs_round;
    int status = begin_locked(log, &goal, &needs_round);

    if (status == STILL_WAITING) {
        strand_log_list_waiter_locked(log, waiter);
        return;
    }
    waiter->is_reached = status == STRAND_OK;
    strand_log_call(waiter);
}

void
strand_log_hold_back(struct strand_log *log, const struct strand_appended *appended,
                     int64_t timeout_ms)
{
    struct goal goal = {.kind = GOAL_DURABLE, .appended = appended};
    uint64_t most = log->engine->config.unsynced_bytes_max;

    if (most == UINT64_MAX)
        return;
    strand_mutex_lock(&log->state);
    bool is_much = log->unsynced_bytes + log->round_bytes > most;
    bool needs_round = is_much && needs_round_locked(log, &goal);
    strand_mutex_unlock(&log->state);
    if (is_much) /* what comes of it is not what this append was to be told */
        (void)await(log, &goal, needs_round, timeout_ms);
}

int
strand_log_commit_soon(struct strand_log *log)
{
    int status = strand_log_check_writable(log);

    if (status != STRAND_OK)
        return status;
    strand_mutex_lock(&log->state);
    bool is_needed = log->durable_end != log->log_end;
    log->was_waited = true;
    strand_mutex_unlock(&log->state);
    if (is_needed)
        strand_committer_ask(&log->engine->committer, log);
    return STRAND_OK;
}

int
strand_log_wait(struct strand_log *log, const struct strand_appended *appended, int64_t timeout_ms)
{
    struct goal goal = {.kind = GOAL_DURABLE, .appended = appended};

    if (appended == NULL)
        return strand_fail(STRAND_ERR_INVALID, "wait: no append was given");
    return wait_for_append(log, &goal, timeout_ms);
}

int
strand_log_wait_committed(struct strand_log *log, const struct strand_appended *appended,
                          int64_t timeout_ms)
{
    struct goal goal = {.kind = GOAL_COMMITTED, .appended = appended};

    if (appended == NULL)
        return strand_fail(STRAND_ERR_INVALID, "wait: no append was given");
    return wait_for_append(log, &goal, timeout_ms);
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
