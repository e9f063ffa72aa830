/* base/thread.h -- Mutexes, conditions, semaphores and threads, with the annotations clang checks.
 *
 * Conditions wait on the monotonic clock.  An operation that fails here is a broken invariant
 * (strand_assert), except starting a thread.
 */
#ifndef STRAND_BASE_THREAD_H
#define STRAND_BASE_THREAD_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include "strandline/status.h"

#if defined(__clang__)
#define STRAND_CAPABILITY        __attribute__((capability("mutex")))
#define STRAND_REQUIRES(...)     __attribute__((requires_capability(__VA_ARGS__)))
#define STRAND_ACQUIRES(...)     __attribute__((acquire_capability(__VA_ARGS__)))
#define STRAND_RELEASES(...)     __attribute__((release_capability(__VA_ARGS__)))
#define STRAND_TRY_ACQUIRES(...) __attribute__((try_acquire_capability(__VA_ARGS__)))
#define STRAND_UNCHECKED_LOCKS   __attribute__((no_thread_safety_analysis))
#else
#define STRAND_CAPABILITY
#define STRAND_REQUIRES(...)
#define STRAND_ACQUIRES(...)
#define STRAND_RELEASES(...)
#define STRAND_TRY_ACQUIRES(...)
#define STRAND_UNCHECKED_LOCKS
#endif

struct STRAND_CAPABILITY strand_mutex {
    pthread_mutex_t native;
};

void strand_mutex_init(struct strand_mutex *mutex);
void strand_mutex_deinit(struct strand_mutex *mutex);
void strand_mutex_lock(struct strand_mutex *mutex) STRAND_ACQUIRES(*mutex);
bool strand_mutex_try_lock(struct strand_mutex *mutex)
    STRAND_TRY_ACQUIRES(true, *mutex); /* false: it is held */
void strand_mutex_unlock(struct strand_mutex *mutex) STRAND_RELEASES(*mutex);

struct strand_condition {
    pthread_cond_t native;
};

void strand_condition_init(struct strand_condition *condition);
void strand_condition_deinit(struct strand_condition *condition);
void strand_condition_broadcast(struct strand_condition *condition);
void strand_condition_signal(struct strand_condition *condition);

/* Give up MUTEX, wait, take it again.  DEADLINE_NS on strand_thread_now_ns()'s clock, negative for
 * no deadline.  Returns false when the deadline has passed; wake-ups may be spurious. */
bool strand_condition_wait(struct strand_condition *condition, struct strand_mutex *mutex,
                           int64_t deadline_ns) STRAND_REQUIRES(*mutex);

struct strand_semaphore {
    sem_t native;
};

void strand_semaphore_init(struct strand_semaphore *semaphore); /* with 0 */
void strand_semaphore_deinit(struct strand_semaphore *semaphore);

/* Who waits may destroy the semaphore as soon as its wait has returned. */
void strand_semaphore_post(struct strand_semaphore *semaphore);
void strand_semaphore_wait(struct strand_semaphore *semaphore);

/* The monotonic clock that deadlines are on. */
int64_t strand_thread_now_ns(void);

typedef void strand_thread_fn(void *argument);

struct strand_thread { /* stays where it is until joined */
    pthread_t native;
    strand_thread_fn *run;
    void *argument;
    char name[16];
};

/* Start THREAD, named NAME (at most 15 characters), with all signals blocked but those that a fault
 * in the thread itself raises (SIGSEGV and the like): they are the host's.
 * STRAND_ERR_NO_MEMORY when the system has no thread left. */
STRAND_MUST_USE int strand_thread_start(struct strand_thread *thread, const char *name,
                                        strand_thread_fn *run, void *argument);
void strand_thread_join(struct strand_thread *thread);

#endif
