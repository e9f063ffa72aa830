/* base/thread.c -- POSIX threads.
 *
 * A thread names itself: naming another one goes through a file in /proc, which needs a descriptor.
 */
#define _GNU_SOURCE /* pthread_setname_np */
#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/error.h"

enum { NS_PER_S = 1000000000 };

void
strand_mutex_init(struct strand_mutex *mutex)
{
    int result = pthread_mutex_init(&mutex->native, NULL);

    strand_assert(result == 0);
}

void
strand_mutex_deinit(struct strand_mutex *mutex)
{
    int result = pthread_mutex_destroy(&mutex->native);

    strand_assert(result == 0);
}

STRAND_UNCHECKED_LOCKS void
strand_mutex_lock(struct strand_mutex *mutex)
{
    int result = pthread_mutex_lock(&mutex->native);

    strand_assert(result == 0);
}

STRAND_UNCHECKED_LOCKS bool
strand_mutex_try_lock(struct strand_mutex *mutex)
{
    int result = pthread_mutex_trylock(&mutex->native);

    strand_assert(result == 0 || result == EBUSY);
    return result == 0;
}

STRAND_UNCHECKED_LOCKS void
strand_mutex_unlock(struct strand_mutex *mutex)
{
    int result = pthread_mutex_unlock(&mutex->native);

    strand_assert(result == 0);
}

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
    int result = pthread_cond_destroy(&condition->native);

    strand_assert(result == 0);
}

void
strand_condition_broadcast(struct strand_condition *condition)
{
    int result = pthread_cond_broadcast(&condition->native);

    strand_assert(result == 0);
}

void
strand_condition_signal(struct strand_condition *condition)
{
    int result = pthread_cond_signal(&condition->native);

    strand_assert(result == 0);
}

bool
strand_condition_wait(struct strand_condition *condition, struct strand_mutex *mutex,
                      int64_t deadline_ns)
{
    int result;

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

void
strand_semaphore_init(struct strand_semaphore *semaphore)
{
    int result = sem_init(&semaphore->native, 0, 0);

    strand_assert(result == 0);
}

void
strand_semaphore_deinit(struct strand_semaphore *semaphore)
{
    int result = sem_destroy(&semaphore->native);

    strand_assert(result == 0);
}

void
strand_semaphore_post(struct strand_semaphore *semaphore)
{
    int result = sem_post(&semaphore->native);

    strand_assert(result == 0);
}

void
strand_semaphore_wait(struct strand_semaphore *semaphore)
{
    int result;

    do
        result = sem_wait(&semaphore->native);
    while (result != 0 && errno == EINTR);
    strand_assert(result == 0);
}

int64_t
strand_thread_now_ns(void)
{
    struct timespec now;
    int result = clock_gettime(CLOCK_MONOTONIC, &now);

    strand_assert(result == 0);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Every signal that somebody sends.  Those that a fault raises stay as they are: a thread that
 * blocks them dies of the fault without the host's handler for crashes having been asked. */
static void
fill_blocked_signals(sigset_t *signals)
{
    static const int FAULTS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};

    (void)sigfillset(signals); /* neither call fails for valid arguments */
    for (size_t i = 0; i < sizeof FAULTS / sizeof FAULTS[0]; i++)
        (void)sigdelset(signals, FAULTS[i]);
}

static void *
run_thread(void *argument)
{
    struct strand_thread *thread = argument;

    (void)pthread_setname_np(pthread_self(), thread->name); /* a name is a help, not a need */
    thread->run(thread->argument);
    return NULL;
}

int
strand_thread_start(struct strand_thread *thread, const char *name, strand_thread_fn *run,
                    void *argument)
{
    sigset_t blocked, before;
    size_t name_size = strlen(name) + 1;

    strand_assert(name_size <= sizeof thread->name);
    memcpy(thread->name, name, name_size);
    thread->run = run;
    thread->argument = argument;

    /* The new thread inherits the mask, so that there is no moment in which a signal can hit it. */
    fill_blocked_signals(&blocked);
    int result = pthread_sigmask(SIG_BLOCK, &blocked, &before);
    strand_assert(result == 0);
    int started = pthread_create(&thread->native, NULL, run_thread, thread);
    result = pthread_sigmask(SIG_SETMASK, &before, NULL);
    strand_assert(result == 0);

    if (started != 0) {
        (void)strand_fail_code(started, "start thread %s", name);
        return STRAND_ERR_NO_MEMORY; /* whichever of the limits on threads it was */
    }
    return STRAND_OK;
}

void
strand_thread_join(struct strand_thread *thread)
{
    int result = pthread_join(thread->native, NULL);

    strand_assert(result == 0);
}
