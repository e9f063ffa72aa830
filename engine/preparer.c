/* engine/preparer.c -- Two lists of logs, one thread that works them off, and the common limit. */
#include "engine/preparer.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/assert.h"
#include "engine/engine_internal.h"
#include "engine/log_internal.h"
#include "engine/log_prepare.h"
#include "strandline/fs.h"

enum { HOLD_MS = 10000 }; /* what is not used for so long is given back */

void
strand_preparer_init(struct strand_preparer *preparer, struct strand_engine *engine)
{
    *preparer = (struct strand_preparer){
        .engine = engine,
        .claimed_base_offset = -1,
        .sizes =
            {
                .after = 1 << 20,
                .least = 1 << 20,
                .most = 64 << 20,
                .step = 1 << 20,
                .call = 64 << 10,
            },
    };
    strand_mutex_init(&preparer->lock);
    strand_condition_init(&preparer->wake);
    strand_condition_init(&preparer->settled);
}

void
strand_preparer_deinit(struct strand_preparer *preparer)
{
    strand_assert(!preparer->has_thread);
    strand_assert(preparer->prepared_bytes == 0 && preparer->next_count == 0);
    strand_condition_deinit(&preparer->settled);
    strand_condition_deinit(&preparer->wake);
    strand_mutex_deinit(&preparer->lock);
    free(preparer->zeros);
}

static int64_t
now_ns(const struct strand_preparer *preparer)
{
    const struct strand_fs *fs = preparer->engine->config.fs;

    return fs->monotonic_ns(fs->context);
}

/* ---- Lists; the lock is held ---- */

static void
push(struct strand_preparer *preparer, struct strand_log_preparation *preparation,
     enum strand_preparation_place place)
{
    struct strand_preparation_list *list =
        place == STRAND_PREPARATION_ASKED ? &preparer->asked : &preparer->held;

    strand_assert(preparation->place == STRAND_PREPARATION_OUT);
    preparation->place = place;
    preparation->next = NULL;
    preparation->previous = list->tail;
    if (list->tail != NULL)
        list->tail->next = preparation;
    else
        list->head = preparation;
    list->tail = preparation;
}

static void
take_out(struct strand_preparer *preparer, struct strand_log_preparation *preparation)
{
    struct strand_preparation_list *list =
        preparation->place == STRAND_PREPARATION_ASKED ? &preparer->asked : &preparer->held;

    if (preparation->place == STRAND_PREPARATION_OUT)
        return;
    if (preparation->previous != NULL)
        preparation->previous->next = preparation->next;
    else
        list->head = preparation->next;
    if (preparation->next != NULL)
        preparation->next->previous = preparation->previous;
    else
        list->tail = preparation->previous;
    preparation->place = STRAND_PREPARATION_OUT;
}

/* What is to be worked on, taken off its list; NULL: nothing.  What is held goes first: there is
 * little to do for it, and others may be short of what it gives back. */
static struct strand_log_preparation *
take_due(struct strand_preparer *preparer)
{
    struct strand_log_preparation *preparation = preparer->held.head;

    if (preparation == NULL || preparation->due_ns > now_ns(preparer))
        preparation = preparer->asked.head;
    if (preparation != NULL)
        take_out(preparer, preparation);
    return preparation;
}

static int64_t
next_due_ns(const struct strand_preparer *preparer)
{
    if (preparer->asked.head != NULL)
        return 0;
    return preparer->held.head != NULL ? preparer->held.head->due_ns : -1;
}

/* ---- Work ---- */

static bool work(struct strand_preparer *preparer) STRAND_REQUIRES(preparer->lock);

/* Do one step of what is asked for or due; false: there is nothing, or another thread is at it. */
static bool
work(struct strand_preparer *preparer)
{
    struct strand_log_preparation *preparation =
        preparer->current == NULL ? take_due(preparer) : NULL;

    if (preparation == NULL)
        return false;
    preparer->current = preparation->log;
    strand_mutex_unlock(&preparer->lock);
    enum strand_preparation_result result = strand_log_prepare(preparation);
    strand_mutex_lock(&preparer->lock);
    preparer->current = NULL;
    strand_condition_broadcast(&preparer->settled);
    /* It may have been asked for again meanwhile. */
    if (result == STRAND_PREPARATION_GONE || preparation->place != STRAND_PREPARATION_OUT)
        return true;
    preparation->due_ns = now_ns(preparer) + (int64_t)HOLD_MS * 1000000;
    push(preparer, preparation,
         result == STRAND_PREPARATION_AGAIN ? STRAND_PREPARATION_ASKED : STRAND_PREPARATION_HELD);
    return true;
}

static void
preparer_main(void *argument)
{
    struct strand_preparer *preparer = argument;

    strand_mutex_lock(&preparer->lock);
    while (!preparer->must_stop) {
        if (work(preparer))
            continue;
        int64_t due = next_due_ns(preparer);
        /* Due times are on the seam's clock, deadlines on the thread's: the distance counts. */
        int64_t deadline = due < 0 ? -1 : strand_thread_now_ns() + due - now_ns(preparer);
        (void)strand_condition_wait(&preparer->wake, &preparer->lock, deadline);
    }
    strand_mutex_unlock(&preparer->lock);
}

int
strand_preparer_start(struct strand_preparer *preparer)
{
    int status = strand_thread_start(&preparer->thread, "strand-prepare", preparer_main, preparer);

    preparer->has_thread = status == STRAND_OK;
    return status;
}

void
strand_preparer_stop(struct strand_preparer *preparer)
{
    if (!preparer->has_thread)
        return;
    strand_mutex_lock(&preparer->lock);
    preparer->must_stop = true;
    strand_condition_signal(&preparer->wake);
    strand_mutex_unlock(&preparer->lock);
    strand_thread_join(&preparer->thread);
    preparer->has_thread = false;
}

void
strand_preparer_run(struct strand_preparer *preparer, int64_t *out_next_ns)
{
    strand_mutex_lock(&preparer->lock);
    while (work(preparer))
        continue;
    *out_next_ns = next_due_ns(preparer);
    strand_mutex_unlock(&preparer->lock);
}

/* ---- Asking, and waiting ---- */

void
strand_preparer_ask(struct strand_preparer *preparer, struct strand_log_preparation *preparation)
{
    strand_mutex_lock(&preparer->lock);
    if (preparation->place != STRAND_PREPARATION_ASKED) {
        take_out(preparer, preparation);
        push(preparer, preparation, STRAND_PREPARATION_ASKED);
        strand_condition_signal(&preparer->wake);
    }
    strand_mutex_unlock(&preparer->lock);
}

void
strand_preparer_wait(struct strand_preparer *preparer, const struct strand_log *log)
{
    strand_mutex_lock(&preparer->lock);
    while (preparer->current == log)
        (void)strand_condition_wait(&preparer->settled, &preparer->lock, -1);
    strand_mutex_unlock(&preparer->lock);
}

/* Out of the lists; true: LOG is being worked on, and may come back into them. */
static bool
withdraw(struct strand_preparer *preparer, struct strand_log *log)
{
    strand_mutex_lock(&log->append); /* else the preparation could be freed meanwhile */
    strand_mutex_lock(&preparer->lock);
    if (log->preparation != NULL)
        take_out(preparer, log->preparation);
    bool is_current = preparer->current == log;
    strand_mutex_unlock(&preparer->lock);
    strand_mutex_unlock(&log->append);
    return is_current;
}

void
strand_preparer_forget(struct strand_preparer *preparer, struct strand_log *log)
{
    while (withdraw(preparer, log))
        strand_preparer_wait(preparer, log);
}

void
strand_preparer_await_segment(struct strand_preparer *preparer, const struct strand_log *log,
                              int64_t base_offset)
{
    strand_mutex_lock(&preparer->lock);
    while (preparer->current == log && preparer->claimed_base_offset == base_offset)
        (void)strand_condition_wait(&preparer->settled, &preparer->lock, -1);
    strand_mutex_unlock(&preparer->lock);
}

void
strand_preparer_begin_claim(struct strand_preparer *preparer,
                            struct strand_log_preparation *preparation, int64_t base_offset,
                            int64_t from)
{
    strand_mutex_lock(&preparer->lock);
    strand_assert(preparer->current == preparation->log);
    strand_assert(preparer->claimed_base_offset < 0);
    preparer->claimed_base_offset = base_offset;
    atomic_store(&preparation->claim_from, from);
    strand_mutex_unlock(&preparer->lock);
}

void
strand_preparer_await_claim(struct strand_preparer *preparer,
                            struct strand_log_preparation *preparation, int64_t end)
{
    strand_mutex_lock(&preparer->lock);
    while (atomic_load(&preparation->claim_from) < end)
        (void)strand_condition_wait(&preparer->settled, &preparer->lock, -1);
    strand_mutex_unlock(&preparer->lock);
}

void
strand_preparer_end_claim(struct strand_preparer *preparer,
                          struct strand_log_preparation *preparation)
{
    strand_mutex_lock(&preparer->lock);
    preparer->claimed_base_offset = -1;
    atomic_store(&preparation->claim_from, INT64_MAX);
    strand_condition_broadcast(&preparer->settled);
    strand_mutex_unlock(&preparer->lock);
}

/* ---- The common limit ---- */

bool
strand_preparer_grant(struct strand_preparer *preparer, struct strand_log_preparation *preparation,
                      uint64_t bytes)
{
    strand_mutex_lock(&preparer->lock);
    uint64_t others = preparer->prepared_bytes - preparation->granted;
    uint64_t limit = preparer->engine->config.prepared_bytes_max;
    bool may_have = bytes <= preparation->granted || (others <= limit && bytes <= limit - others);

    if (may_have) {
        preparer->prepared_bytes = others + bytes;
        preparation->granted = bytes;
    }
    strand_mutex_unlock(&preparer->lock);
    return may_have;
}

bool
strand_preparer_take_file(struct strand_preparer *preparer)
{
    strand_mutex_lock(&preparer->lock);
    bool may_take = preparer->next_count < preparer->engine->cache.budget / 4;

    if (may_take)
        preparer->next_count++;
    strand_mutex_unlock(&preparer->lock);
    return may_take;
}

void
strand_preparer_give_file(struct strand_preparer *preparer)
{
    strand_mutex_lock(&preparer->lock);
    strand_assert(preparer->next_count > 0);
    preparer->next_count--;
    strand_mutex_unlock(&preparer->lock);
}

void
strand_preparer_drop(struct strand_preparer *preparer, struct strand_log_preparation *preparation)
{
    strand_mutex_lock(&preparer->lock);
    take_out(preparer, preparation);
    preparer->prepared_bytes -= preparation->granted;
    preparation->granted = 0;
    strand_mutex_unlock(&preparer->lock);
}
