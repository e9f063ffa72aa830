/* engine/log_stage.c -- Durable appends that meet share one write.
 *
 * They stand in line.  Whose entry is the front one writes: it takes the append lock, waits for the
 * gate, takes the entries that stand in line by then, writes them, and leaves the line with them.
 * A lone append finds the line empty and passes through.  Nobody is told anything before the write
 * is done: the callers are still there to be told if it fails.  Where it succeeds, those who have
 * no limit sleep on until a round has made it durable, which the one who wrote sees to: they are
 * woken once.
 *
 * Nothing is allocated: entries, and what their owners sleep on, are on the owners' stacks.
 */
#include <stdio.h>

#include "base/assert.h"
#include "base/error.h"
#include "engine/log_internal.h"

/* Who waits in line, and what it is told before it is called. */
struct strand_log_waiting {
    struct strand_log_waiter waiter; /* what it sleeps on, in line and later */
    bool has_time;                   /* it may sleep until it is durable */
    bool is_front;                   /* it has to write; else it was written, or has failed */
    int status;
    char sentence[STRAND_ERROR_MESSAGE_SIZE_MAX]; /* of a failure */
};

void
strand_log_stage_init(struct strand_log_stage *stage)
{
    strand_mutex_init(&stage->lock);
}

void
strand_log_stage_deinit(struct strand_log_stage *stage)
{
    strand_assert(stage->head == NULL);
    strand_mutex_deinit(&stage->lock);
}

/* Stand in line; return when ENTRY is the front one, or has been written with another. */
static void
stand_in_line(struct strand_log_stage *stage, struct strand_log_entry *entry,
              struct strand_log_waiting *waiting)
{
    entry->next = NULL;
    entry->waiting = waiting;
    strand_mutex_lock(&stage->lock);
    if (stage->head == NULL) {
        stage->head = entry;
        waiting->is_front = true;
    } else {
        stage->tail->next = entry;
    }
    stage->tail = entry;
    bool is_first = waiting->is_front;
    strand_mutex_unlock(&stage->lock);
    if (!is_first)
        strand_semaphore_wait(&waiting->waiter.called);
}

/* The last of the entries that may be written together with FRONT. */
static const struct strand_log_entry *
last_of_group(struct strand_log_stage *stage, const struct strand_log_entry *front)
{
    const struct strand_log_entry *last = front;
    size_t size = front->size;

    strand_mutex_lock(&stage->lock);
    strand_assert(stage->head == front);
    for (size_t count = 1; count < STRAND_GROUP_ENTRIES_MAX && last->next != NULL; count++) {
        if (size > STRAND_GROUP_BYTES_MAX || last->next->size > STRAND_GROUP_BYTES_MAX - size)
            break;
        last = last->next;
        size += last->size;
    }
    strand_mutex_unlock(&stage->lock);
    return last;
}

/* Write FRONT and what goes with it; *OUT_COUNT entries share the result. */
static int
write_front(struct strand_log *log, struct strand_log_entry *front, size_t *out_count)
{
    struct strand_log_place place;

    *out_count = 1;
    strand_mutex_lock(&log->append);
    int status = strand_log_enter(log, &place);
    if (status == STRAND_OK)
        status = strand_log_write_entries(log, &place, front, last_of_group(&log->stage, front),
                                          out_count);
    strand_mutex_unlock(&log->append);
    return status;
}

/* The COUNT entries from FRONT on are off the line.  Who is next has a write to do, and is called
 * first. */
static void
leave_line(struct strand_log_stage *stage, const struct strand_log_entry *front, size_t count)
{
    strand_mutex_lock(&stage->lock);
    stage->head = front->next;
    for (size_t i = 1; i < count; i++)
        stage->head = stage->head->next;
    struct strand_log_entry *next = stage->head;
    strand_mutex_unlock(&stage->lock);
    if (next == NULL)
        return;
    next->waiting->is_front = true;
    strand_semaphore_post(&next->waiting->waiter.called);
}

/* Those that were written with another: an owner that has been called is gone, and its entry with
 * it. */
static void
tell_failure(struct strand_log_entry *entry, size_t count, int status)
{
    while (count-- > 0) {
        struct strand_log_waiting *waiting = entry->waiting;

        entry = entry->next;
        waiting->status = status;
        (void)snprintf(waiting->sentence, sizeof waiting->sentence, "%s", strand_error_message());
        strand_log_call(&waiting->waiter);
    }
}

static void
tell_success(struct strand_log *log, struct strand_log_entry *entry, size_t count)
{
    strand_mutex_lock(&log->state);
    while (count-- > 0) {
        struct strand_log_waiting *waiting = entry->waiting;

        entry = entry->next;
        if (waiting->has_time)
            strand_log_wait_on_behalf_locked(log, &waiting->waiter);
        else
            strand_log_call(&waiting->waiter);
    }
    strand_mutex_unlock(&log->state);
}

static int
lead(struct strand_log *log, struct strand_log_entry *front)
{
    size_t count;

    int status = write_front(log, front, &count);
    leave_line(&log->stage, front, count);
    if (count > 1 && status == STRAND_OK)
        tell_success(log, front->next, count - 1);
    else if (count > 1)
        tell_failure(front->next, count - 1, status);
    return status;
}

int
strand_log_stage_append(struct strand_log *log, struct strand_log_entry *entry, bool has_time,
                        bool *out_is_durable)
{
    struct strand_log_waiting waiting;
    int status;

    strand_log_waiter_init(&waiting.waiter, &entry->appended);
    waiting.has_time = has_time;
    waiting.is_front = false;
    waiting.status = STRAND_OK;
    stand_in_line(&log->stage, entry, &waiting);
    if (waiting.is_front)
        status = lead(log, entry);
    else if (waiting.status == STRAND_OK)
        status = STRAND_OK;
    else
        status = strand_fail(waiting.status, "%s", waiting.sentence);
    *out_is_durable = waiting.waiter.is_reached;
    strand_log_waiter_deinit(&waiting.waiter);
    return status;
}
