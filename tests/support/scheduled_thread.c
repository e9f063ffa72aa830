/* tests/support/scheduled_thread.c -- base/thread.h, with a scheduler that decides who runs.
 *
 * The native objects are used inside a schedule, too, but nobody ever sleeps on one there: what
 * cannot be had at once is waited for in the scheduler, and tried again.  So objects that were made
 * outside a schedule serve inside, and sanitizers see locks.
 */
#define _GNU_SOURCE /* pthread_setname_np */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/thread.h"
#include "support/scheduler_internal.h"

enum { NS_PER_S = 1000000000 };

/* ---- Mutexes ---- */

void
strand_mutex_init(struct strand_mutex *mutex)
{
    int result = pthread_mutex_init(&mutex->native, NULL);

    strand_assert(result == 0);
}

void
strand_mutex_deinit(struct strand_mutex *mutex)
{
    if (scheduler_is_on())
        scheduler_check_unused(mutex);
    int result = pthread_mutex_destroy(&mutex->native);
    strand_assert(result == 0);
}

static bool
try_lock(struct strand_mutex *mutex)
{
    int result = pthread_mutex_trylock(&mutex->native);

    strand_assert(result == 0 || result == EBUSY);
    if (result == 0)
        scheduler_note_locked(mutex);
    return result == 0;
}

static void
lock(struct strand_mutex *mutex)
{
    while (!try_lock(mutex))
        (void)scheduler_block(SCHEDULER_WAITS_MUTEX, mutex, -1);
}

static void
unlock(struct strand_mutex *mutex)
{
    scheduler_note_unlocked(mutex);
    int result = pthread_mutex_unlock(&mutex->native);
    strand_assert(result == 0);
    scheduler_wake_all(mutex);
}

STRAND_UNCHECKED_LOCKS void
strand_mutex_lock(struct strand_mutex *mutex)
{
    if (scheduler_is_on()) {
        scheduler_point();
        lock(mutex);
        return;
    }
    int result = pthread_mutex_lock(&mutex->native);
    strand_assert(result == 0);
}

STRAND_UNCHECKED_LOCKS bool
strand_mutex_try_lock(struct strand_mutex *mutex)
{
    if (scheduler_is_on()) {
        scheduler_point();
        return try_lock(mutex);
    }
    int result = pthread_mutex_trylock(&mutex->native);
    strand_assert(result == 0 || result == EBUSY);
    return result == 0;
}

STRAND_UNCHECKED_LOCKS void
strand_mutex_unlock(struct strand_mutex *mutex)
{
    if (scheduler_is_on()) {
        unlock(mutex);
        scheduler_point();
        return;
    }
    int result = pthread_mutex_unlock(&mutex->native);
    strand_assert(result == 0);
}

/* ---- Conditions ---- */

void
strand_condition_init(struct strand_condition *condition)
{
    pthread_condattr_t attributes;
    int result = pthread_condattr_init(&attributes);

    strand_assert(result == 0);
    result = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    strand_assert(result == 0);
    result = pthread_cond_init(&condition->native, &attributes);
    strand_assert(result == 0);
    (void)pthread_condattr_destroy(&attributes); /* cannot fail for attributes that are in order */
}

void
strand_condition_deinit(struct strand_condition *condition)
{
    if (scheduler_is_on())
        scheduler_check_unused(condition);
    int result = pthread_cond_destroy(&condition->native);
    strand_assert(result == 0);
}

void
strand_condition_broadcast(struct strand_condition *condition)
{
    if (scheduler_is_on()) {
        scheduler_wake_all(condition);
        scheduler_point();
        return;
    }
    int result = pthread_cond_broadcast(&condition->native);
    strand_assert(result == 0);
}

void
strand_condition_signal(struct strand_condition *condition)
{
    if (scheduler_is_on()) {
        scheduler_wake_one(condition);
        scheduler_point();
        return;
    }
    int result = pthread_cond_signal(&condition->native);
    strand_assert(result == 0);
}

static bool
wait_scheduled(struct strand_condition *condition, struct strand_mutex *mutex, int64_t deadline_ns)
{
    bool is_woken = true;

    unlock(mutex);
    if (scheduler_draw_spurious())
        scheduler_point();
    else
        is_woken = scheduler_block(SCHEDULER_WAITS_CONDITION, condition, deadline_ns);
    lock(mutex);
    return is_woken;
}

bool
strand_condition_wait(struct strand_condition *condition, struct strand_mutex *mutex,
                      int64_t deadline_ns)
{
    int result;

    if (scheduler_is_on())
        return wait_scheduled(condition, mutex, deadline_ns);
    if (deadline_ns < 0) {
        result = pthread_cond_wait(&condition->native, &mutex->native);
    } else {
        struct timespec deadline = {.tv_sec = deadline_ns / NS_PER_S,
                                    .tv_nsec = deadline_ns % NS_PER_S};
        result = pthread_cond_timedwait(&condition->native, &mutex->native, &deadline);
    }
    strand_assert(result == 0 || (result == ETIMEDOUT && deadline_ns >= 0));
    return result == 0;
}

/* ---- Semaphores ---- */

void
strand_semaphore_init(struct strand_semaphore *semaphore)
{
    int result = sem_init(&semaphore->native, 0, 0);

    strand_assert(result == 0);
}

void
strand_semaphore_deinit(struct strand_semaphore *semaphore)
{
    if (scheduler_is_on())
        scheduler_check_unused(semaphore);
    int result = sem_destroy(&semaphore->native);
    strand_assert(result == 0);
}

void
strand_semaphore_post(struct strand_semaphore *semaphore)
{
    int result = sem_post(&semaphore->native);

    strand_assert(result == 0);
    if (scheduler_is_on()) {
        scheduler_wake_all(semaphore);
        scheduler_point(); /* from here on it may be gone */
    }
}

static void
wait_natively(struct strand_semaphore *semaphore)
{
    int result;

    do
        result = sem_wait(&semaphore->native);
    while (result != 0 && errno == EINTR);
    strand_assert(result == 0);
}

void
strand_semaphore_wait(struct strand_semaphore *semaphore)
{
    if (!scheduler_is_on()) {
        wait_natively(semaphore);
        return;
    }
    scheduler_point();
    while (sem_trywait(&semaphore->native) != 0) {
        strand_assert(errno == EAGAIN || errno == EINTR);
        if (errno == EAGAIN)
            (void)scheduler_block(SCHEDULER_WAITS_SEMAPHORE, semaphore, -1);
    }
}

/* ---- Time and threads ---- */

int64_t
strand_thread_now_ns(void)
{
    struct timespec now;

    if (scheduler_is_on())
        return scheduler_now_ns();
    int result = clock_gettime(CLOCK_MONOTONIC, &now);
    strand_assert(result == 0);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void *
run_natively(void *argument)
{
    struct strand_thread *thread = argument;

    (void)pthread_setname_np(pthread_self(), thread->name); /* a name is a help, not a need */
    thread->run(thread->argument);
    return NULL;
}

static void *
run_scheduled(void *argument)
{
    struct strand_thread *thread = scheduler_task_begin(argument);

    (void)run_natively(thread);
    scheduler_task_end();
    return NULL;
}

int
strand_thread_start(struct strand_thread *thread, const char *name, strand_thread_fn *run,
                    void *argument)
{
    bool is_on = scheduler_is_on();

    strand_assert(strlen(name) < sizeof thread->name);
    memcpy(thread->name, name, strlen(name) + 1);
    thread->run = run;
    thread->argument = argument;
    struct scheduler_task *task = is_on ? scheduler_task_create(thread) : NULL;
    int started = is_on ? pthread_create(&thread->native, NULL, run_scheduled, task)
                        : pthread_create(&thread->native, NULL, run_natively, thread);
    if (started != 0) {
        if (is_on)
            scheduler_task_drop(task);
        (void)strand_fail_code(started, "start thread %s", name);
        return STRAND_ERR_NO_MEMORY;
    }
    if (is_on)
        scheduler_point();
    return STRAND_OK;
}

void
strand_thread_join(struct strand_thread *thread)
{
    if (scheduler_is_on())
        scheduler_await_end(thread);
    int result = pthread_join(thread->native, NULL);
    strand_assert(result == 0);
}
