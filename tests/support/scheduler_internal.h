/* tests/support/scheduler_internal.h -- What scheduled_thread.c asks of the scheduler. */
#ifndef STRAND_TESTS_SCHEDULER_INTERNAL_H
#define STRAND_TESTS_SCHEDULER_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/thread.h"
#include "support/scheduler.h"

enum scheduler_wait {
    SCHEDULER_RUNS, /* or could */
    SCHEDULER_WAITS_MUTEX,
    SCHEDULER_WAITS_CONDITION,
    SCHEDULER_WAITS_SEMAPHORE,
    SCHEDULER_WAITS_THREAD,
    SCHEDULER_ENDED,
};

struct scheduler_task;

/* Whether this thread belongs to a schedule; everything below is for such threads. */
bool scheduler_is_on(void);

/* Who runs may have to let another run first. */
void scheduler_point(void);

/* Sleep until OBJECT is woken, or virtual time has reached DEADLINE_NS (negative: none), which
 * gives false. */
bool scheduler_block(enum scheduler_wait wait, const void *object, int64_t deadline_ns);

/* Those who wait for OBJECT may run: all of them, or one that the seed chooses. */
void scheduler_wake_all(const void *object);
void scheduler_wake_one(const void *object);

/* Nobody may wait for OBJECT, which goes. */
void scheduler_check_unused(const void *object);

/* For the message: who has MUTEX. */
void scheduler_note_locked(const struct strand_mutex *mutex);
void scheduler_note_unlocked(const struct strand_mutex *mutex);

/* Whether the seed says so, once in ONE_IN times. */
bool scheduler_draw_spurious(void);

/* A thread comes, runs and goes. */
struct scheduler_task *scheduler_task_create(struct strand_thread *thread);
void scheduler_task_drop(struct scheduler_task *task); /* it could not be started */
struct strand_thread *scheduler_task_begin(struct scheduler_task *task); /* on the thread itself */
void scheduler_task_end(void);
void scheduler_await_end(const struct strand_thread *thread);

#endif
