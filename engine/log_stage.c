/* engine/log_stage.c -- Durable appends that meet share one write.
 *
 * They stand in line.  Whose entry is the front one writes: it takes the append lock, waits for the
 * gate, takes the entries that stand in line by then, writes them, and leaves the line with them.
 * A lone append finds the line empty and passes through.  Nobody is told anything before the write
 * is done: the callers are still there to be told if it fails.
 *
 * Nothing is allocated: entries, and what their owners sleep on, are on the owners' stacks.
 */
#include <stdio.h>

#include "base/assert.h"
#include "base/error.h"
#include "engine/log_internal.h"

/* Who waits in line, and what it is told. */
struct strand_log_waiting {
    struct strand_condition called; /* one of the next two is true; guarded by the stage's lock */
    bool is_front;
    bool is_done;
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

/* Stand in line; return when ENTRY is the front one, or was written with another. */
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
    while (!waiting->is_front && !waiting->is_done)
        (void)strand_condition_wait(&waiting->called, &stage->lock, -1);
    strand_mutex_unlock(&stage->lock);
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

static void tell_locked(struct strand_log_stage *stage, struct strand_log_entry *entry, int status)
    STRAND_REQUIRES(stage->lock);

/* Under the lock: an owner that has been told is gone, and so is what it slept on. */
static void
tell_locked(struct strand_log_stage *stage, struct strand_log_entry *entry, int status)
{
    struct strand_log_waiting *waiting = entry->waiting;

    (void)stage;
    waiting->is_done = true;
    waiting->status = status;
    if (status != STRAND_OK)
        (void)snprintf(waiting->sentence, sizeof waiting->sentence, "%s", strand_error_message());
    strand_condition_signal(&waiting->called);
}

/* FRONT and the COUNT - 1 behind it are done: the next in line is called first, since it has a
 * write to do, then those that were written. */
static void
leave_line(struct strand_log_stage *stage, struct strand_log_entry *front, size_t count, int status)
{
    struct strand_log_entry *next = front;

    strand_mutex_lock(&stage->lock);
    for (size_t i = 0; i < count; i++)
        next = next->next;
    stage->head = next;
    if (next != NULL) {
        next->waiting->is_front = true;
        strand_condition_signal(&next->waiting->called);
    }
    for (struct strand_log_entry *entry = front->next; entry != next;) {
        struct strand_log_entry *after = entry->next;

        tell_locked(stage, entry, status);
        entry = after;
    }
    strand_mutex_unlock(&stage->lock);
}

static int
lead(struct strand_log *log, struct strand_log_entry *entry)
{
    size_t count;

    int status = write_front(log, entry, &count);
    leave_line(&log->stage, entry, count, status);
    return status;
}

int
strand_log_stage_append(struct strand_log *log, struct strand_log_entry *entry)
{
    struct strand_log_waiting waiting;

    waiting.is_front = false;
    waiting.is_done = false;
    strand_condition_init(&waiting.called);
    stand_in_line(&log->stage, entry, &waiting);

    int status;
    if (!waiting.is_done)
        status = lead(log, entry);
    else if (waiting.status == STRAND_OK)
        status = STRAND_OK;
    else
        status = strand_fail(waiting.status, "%s", waiting.sentence);
    strand_condition_deinit(&waiting.called);
    return status;
}
