/* engine/log_prepare.c -- One step of what a log needs to have prepared.
 *
 * Each step looks anew at what the log has become: between two of them it rolls, is cut, or stops.
 * What is measured is measured here, so that an append only counts bytes and compares.
 */
#include "engine/log_prepare_internal.h"

#include <stdlib.h>

#include "base/error.h"
#include "storage/segment.h"
#include "strandline/fs.h"

#define SECOND_NS INT64_C(1000000000)
#define SAMPLE_NS (SECOND_NS / 10) /* a rate is measured over so long at least */

enum {
    IDLE_SECONDS = 10,  /* a log that has written nothing for so long holds nothing */
    RETRY_SECONDS = 10, /* after a failure */
};

/* ---- Looking ---- */

static void look_locked(struct strand_log *log, struct strand_log_preparation *preparation,
                        struct strand_prepare_view *view) STRAND_REQUIRES(log->append, log->state);

static void
look_locked(struct strand_log *log, struct strand_log_preparation *preparation,
            struct strand_prepare_view *view)
{
    const struct strand_log_segment *last = log->segments[log->segment_count - 1];

    view->base_offset = last->base_offset;
    view->generation = log->generation;
    view->size = last->size;
    view->segment_bytes = log->config.segment_bytes;
    view->map_size = (log->engine->config.flags & STRAND_ENGINE_COPY_READS) != 0
                         ? 0
                         : (size_t)log->config.segment_bytes;
    view->appended = log->appended_bytes;
    view->was_waited = log->was_waited;
    log->was_waited = false;
    if (preparation->base_offset != last->base_offset ||
        preparation->generation != log->generation) { /* it was cut */
        preparation->base_offset = last->base_offset;
        preparation->generation = log->generation;
        preparation->prepared_end = 0;
    }
    view->prepared_end =
        preparation->prepared_end > last->size ? preparation->prepared_end : last->size;
    view->has_next = preparation->next_file != NULL;
    view->next_is_ready = preparation->next_is_ready;
    view->next_end = preparation->next_end;
}

/* false: nothing may be touched. */
static bool
look(struct strand_log_preparation *preparation, struct strand_prepare_view *view)
{
    struct strand_log *log = preparation->log;

    *view = (struct strand_prepare_view){
        .now_ns = log->engine->config.fs->monotonic_ns(log->engine->config.fs->context),
        .mode = log->engine->config.preparation,
    };
    strand_mutex_lock(&log->append);
    strand_mutex_lock(&log->state);
    bool is_open = log->segment_count > 0 &&
                   strand_prepare_is_last(log, log->segments[log->segment_count - 1]->base_offset,
                                          log->generation);
    if (is_open)
        look_locked(log, preparation, view);
    strand_mutex_unlock(&log->state);
    strand_mutex_unlock(&log->append);
    return is_open;
}

static void
measure(struct strand_log_preparation *preparation, struct strand_prepare_view *view)
{
    int64_t elapsed = view->now_ns - preparation->sample_ns;
    uint64_t bytes = view->appended - preparation->sample_bytes;

    if (elapsed >= SAMPLE_NS) {
        preparation->rate = (int64_t)((double)bytes * (double)SECOND_NS / (double)elapsed);
        preparation->sample_ns = view->now_ns;
        preparation->sample_bytes = view->appended;
    } else if ((int64_t)bytes > preparation->rate) {
        preparation->rate = (int64_t)bytes;
    }
    if (preparation->used_bytes != view->appended) {
        preparation->used_bytes = view->appended;
        preparation->used_ns = view->now_ns;
    }
    if (view->was_waited)
        preparation->waited_ns = view->now_ns;
    if (view->mode == STRAND_PREPARE_AUTO)
        view->mode = view->now_ns - preparation->waited_ns < SECOND_NS ? STRAND_PREPARE_ZERO
                                                                       : STRAND_PREPARE_NONE;
}

static int64_t
clamp(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

static int64_t
target_of(const struct strand_log_preparation *preparation)
{
    const struct strand_preparer_sizes *sizes = &strand_preparer_of(preparation->log)->sizes;

    return clamp(preparation->rate, sizes->least, sizes->most);
}

/* The position up to which the active segment is to be prepared. */
static int64_t
goal_of(const struct strand_log_preparation *preparation, const struct strand_prepare_view *view)
{
    int64_t target = target_of(preparation);

    return target < view->segment_bytes - view->size ? view->size + target : view->segment_bytes;
}

/* How much may be left of the active segment when the next file is made. */
static int64_t
next_margin(const struct strand_log_preparation *preparation,
            const struct strand_prepare_view *view)
{
    int64_t quarter = view->segment_bytes / 4;

    return preparation->rate > quarter ? preparation->rate : quarter;
}

/* ---- Failures ---- */

/* What was tried failed: not again for a while.  It is nobody's error. */
static void
put_off(struct strand_log_preparation *preparation, const struct strand_prepare_view *view,
        int status)
{
    struct strand_log *log = preparation->log;

    preparation->retry_ns = view->now_ns + RETRY_SECONDS * SECOND_NS;
    preparation->is_filling = false;
    strand_engine_notice(log->engine, status == STRAND_ERR_NO_SPACE ? 5 : 4,
                         "%s: space is not prepared: %s", log->name, strand_error_message());
}

/* The common limit stands in the way, which others' use moves soon. */
static void
put_off_quietly(struct strand_log_preparation *preparation, const struct strand_prepare_view *view)
{
    preparation->retry_ns = view->now_ns + SECOND_NS;
    preparation->is_filling = false;
}

/* ---- A step ---- */

/* What the next file is to have. */
static int64_t
next_goal(const struct strand_log_preparation *preparation, const struct strand_prepare_view *view)
{
    int64_t target = target_of(preparation);

    if (view->mode == STRAND_PREPARE_NONE)
        return 0;
    return target < view->segment_bytes ? target : view->segment_bytes;
}

/* What the log holds, and MORE, is within the common limit. */
static bool
is_granted(struct strand_log_preparation *preparation, const struct strand_prepare_view *view,
           int64_t more)
{
    int64_t held = view->prepared_end - view->size + (view->has_next ? view->next_end : 0);

    return strand_preparer_grant(strand_preparer_of(preparation->log), preparation,
                                 (uint64_t)(held + more));
}

/* Where a step that begins at FROM ends on the way to GOAL: where a call does, so that calls stay
 * aligned. */
static int64_t
step_end(const struct strand_log_preparation *preparation, const struct strand_prepare_view *view,
         int64_t from, int64_t goal)
{
    const struct strand_preparer_sizes *sizes = &strand_preparer_of(preparation->log)->sizes;
    int64_t end = goal;

    if (view->mode == STRAND_PREPARE_ZERO && end - from > sizes->step)
        end = from + sizes->step;
    end = (end + sizes->call - 1) / sizes->call * sizes->call;
    return end < view->segment_bytes ? end : view->segment_bytes;
}

/* Prepare in front of the log end; false: there is enough, or it cannot be. */
static bool
step_in_active(struct strand_log_preparation *preparation, const struct strand_prepare_view *view)
{
    int64_t goal = goal_of(preparation, view);

    if (view->mode == STRAND_PREPARE_NONE || view->prepared_end >= goal)
        preparation->is_filling = false;
    else if (view->prepared_end - view->size < target_of(preparation) / 2)
        preparation->is_filling = true;
    if (!preparation->is_filling)
        return false;
    int64_t end = step_end(preparation, view, view->prepared_end, goal);
    if (!is_granted(preparation, view, end - view->prepared_end)) {
        put_off_quietly(preparation, view);
        return false;
    }
    int status = strand_prepare_active(preparation, view, end);
    if (status != STRAND_OK) {
        put_off(preparation, view, status);
        if (strand_prepare_cut_back(preparation, view) != STRAND_OK)
            put_off(preparation, view, status);
    }
    return true;
}

/* The same for the next file. */
static bool
step_in_next(struct strand_log_preparation *preparation, const struct strand_prepare_view *view)
{
    int64_t goal = next_goal(preparation, view);
    int64_t from = view->has_next ? view->next_end : 0;
    int64_t end = from < goal ? step_end(preparation, view, from, goal) : from;

    if (view->next_is_ready || view->segment_bytes - view->size > next_margin(preparation, view))
        return false;
    if ((from < end && !is_granted(preparation, view, end - from)) ||
        (!view->has_next && !strand_preparer_take_file(strand_preparer_of(preparation->log)))) {
        put_off_quietly(preparation, view);
        return false;
    }
    int status = strand_prepare_next(preparation, view, end, end >= goal);
    if (status != STRAND_OK) {
        put_off(preparation, view, status);
        strand_prepare_discard_next(preparation);
    }
    return true;
}

/* After how many bytes more the log is to ask. */
static uint64_t
distance_to_ask(const struct strand_log_preparation *preparation,
                const struct strand_prepare_view *view)
{
    const struct strand_preparer_sizes *sizes = &strand_preparer_of(preparation->log)->sizes;
    int64_t prepared = view->prepared_end - view->size - target_of(preparation) / 2;
    int64_t until_next = view->segment_bytes - view->size - next_margin(preparation, view);
    int64_t distance = clamp(preparation->rate / 4, sizes->least, sizes->most);

    if (view->now_ns < preparation->retry_ns)
        return (uint64_t)distance;
    if (view->mode != STRAND_PREPARE_NONE && view->prepared_end < view->segment_bytes &&
        prepared < distance)
        distance = prepared;
    if (!view->next_is_ready && until_next < distance)
        distance = until_next;
    return (uint64_t)(distance > sizes->call ? distance : sizes->call);
}

static void
ask_at(struct strand_log *log, uint64_t appended)
{
    strand_mutex_lock(&log->state);
    log->prepare_at = appended;
    strand_mutex_unlock(&log->state);
}

/* ---- Giving up ---- */

/* Take PREPARATION away from its log, which has appended APPENDED bytes; false: it has gone on. */
static bool
detach(struct strand_log_preparation *preparation, uint64_t appended)
{
    struct strand_log *log = preparation->log;

    strand_mutex_lock(&log->append);
    strand_mutex_lock(&log->state);
    bool is_idle = log->appended_bytes == appended;
    if (is_idle) {
        log->preparation = NULL;
        log->prepare_at = appended + (uint64_t)strand_preparer_of(log)->sizes.after;
    }
    strand_mutex_unlock(&log->state);
    strand_mutex_unlock(&log->append);
    return is_idle;
}

/* The log has written nothing for a while. */
static enum strand_preparation_result
give_up(struct strand_log_preparation *preparation, const struct strand_prepare_view *view)
{
    struct strand_log *log = preparation->log;
    int status = STRAND_OK;

    if (view->prepared_end > view->size)
        status = strand_prepare_cut_back(preparation, view);
    if (status != STRAND_OK)
        put_off(preparation, view, status);
    strand_prepare_discard_next(preparation);
    if (!detach(preparation, view->appended)) {
        ask_at(log, 0);
        return STRAND_PREPARATION_LATER;
    }
    strand_log_preparation_destroy(preparation);
    return STRAND_PREPARATION_GONE;
}

enum strand_preparation_result
strand_log_prepare(struct strand_log_preparation *preparation)
{
    struct strand_log *log = preparation->log;
    struct strand_prepare_view view;

    if (!look(preparation, &view)) {
        ask_at(log, 0); /* when it goes on */
        return STRAND_PREPARATION_LATER;
    }
    measure(preparation, &view);
    if (view.now_ns - preparation->used_ns >= IDLE_SECONDS * SECOND_NS)
        return give_up(preparation, &view);
    (void)is_granted(preparation, &view, 0); /* what was used is given back */
    if (view.now_ns >= preparation->retry_ns &&
        (step_in_active(preparation, &view) || step_in_next(preparation, &view)))
        return STRAND_PREPARATION_AGAIN;
    ask_at(log, view.appended + distance_to_ask(preparation, &view));
    return STRAND_PREPARATION_LATER;
}
