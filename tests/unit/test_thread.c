/* tests/unit/test_thread.c -- Mutexes exclude, conditions wake and time out, threads are named. */
#define _GNU_SOURCE /* pthread_getname_np */
#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/error.h"

enum { THREADS = 4, ROUNDS = 5000, MS = 1000000 };

static struct strand_mutex mutex;
static struct strand_condition condition;
static int counter;  /* guarded by mutex */
static int waiting;  /* guarded by mutex */
static bool is_open; /* guarded by mutex */

static void
init_both(void)
{
    strand_mutex_init(&mutex);
    strand_condition_init(&condition);
}

static void
deinit_both(void)
{
    strand_condition_deinit(&condition);
    strand_mutex_deinit(&mutex);
}

TestSuite(thread, .init = init_both, .fini = deinit_both, .timeout = 30);

static void
count_up(void *argument)
{
    (void)argument;
    for (int i = 0; i < ROUNDS; i++) {
        strand_mutex_lock(&mutex);
        counter++;
        strand_mutex_unlock(&mutex);
    }
}

Test(thread, a_mutex_lets_one_thread_in_at_a_time)
{
    struct strand_thread threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(strand_thread_start(&threads[i], "count", count_up, NULL), STRAND_OK);
    for (int i = 0; i < THREADS; i++)
        strand_thread_join(&threads[i]);
    cr_expect_eq(counter, THREADS * ROUNDS);
}

static void
wait_until_open(void *argument)
{
    int64_t deadline_ns = *(const int64_t *)argument;

    strand_mutex_lock(&mutex);
    waiting++;
    strand_condition_broadcast(&condition); /* for whoever waits for us to wait */
    while (!is_open)
        (void)strand_condition_wait(&condition, &mutex, deadline_ns);
    counter++;
    strand_mutex_unlock(&mutex);
}

/* Start COUNT waiters and return with the mutex held when all of them wait. */
static void
start_waiters(struct strand_thread *threads, int count, int64_t *deadline_ns)
{
    for (int i = 0; i < count; i++)
        cr_assert_eq(strand_thread_start(&threads[i], "wait", wait_until_open, deadline_ns),
                     STRAND_OK);
    strand_mutex_lock(&mutex);
    while (waiting < count)
        (void)strand_condition_wait(&condition, &mutex, -1);
}

Test(thread, broadcast_wakes_every_waiter)
{
    struct strand_thread threads[THREADS];
    static int64_t no_deadline = -1;

    start_waiters(threads, THREADS, &no_deadline);
    is_open = true;
    strand_condition_broadcast(&condition);
    strand_mutex_unlock(&mutex);
    for (int i = 0; i < THREADS; i++)
        strand_thread_join(&threads[i]);
    cr_expect_eq(counter, THREADS);
}

Test(thread, signal_wakes_a_waiter_whose_deadline_is_far_away)
{
    struct strand_thread thread;
    static int64_t far;

    far = strand_thread_now_ns() + INT64_C(3600) * 1000 * MS;
    start_waiters(&thread, 1, &far);
    is_open = true;
    strand_condition_signal(&condition);
    strand_mutex_unlock(&mutex);
    strand_thread_join(&thread);
    cr_expect_eq(counter, 1);
}

Test(thread, a_wait_ends_at_its_deadline_and_not_before)
{
    int64_t deadline_ns = strand_thread_now_ns() + 20 * MS;

    strand_mutex_lock(&mutex);
    while (strand_condition_wait(&condition, &mutex, deadline_ns))
        continue;
    cr_expect_geq(strand_thread_now_ns(), deadline_ns);
    strand_mutex_unlock(&mutex);
}

Test(thread, a_deadline_in_the_past_does_not_wait)
{
    strand_mutex_lock(&mutex);
    cr_expect_not(strand_condition_wait(&condition, &mutex, 0));
    cr_expect_not(strand_condition_wait(&condition, &mutex, strand_thread_now_ns() - 1));
    strand_mutex_unlock(&mutex);
}

Test(thread, the_mutex_is_free_during_a_wait_and_held_after_it)
{
    struct strand_thread thread;
    static int64_t no_deadline = -1;

    start_waiters(&thread, 1, &no_deadline); /* returns only because the waiter let go of it */
    cr_expect_eq(pthread_mutex_trylock(&mutex.native), EBUSY);
    is_open = true;
    strand_condition_broadcast(&condition);
    strand_mutex_unlock(&mutex);
    strand_thread_join(&thread);
    cr_expect_eq(pthread_mutex_trylock(&mutex.native), 0);
    strand_mutex_unlock(&mutex);
}

Test(thread, the_clock_does_not_go_back)
{
    int64_t before = strand_thread_now_ns();

    for (int i = 0; i < 1000; i++) {
        int64_t now = strand_thread_now_ns();
        cr_assert_geq(now, before);
        before = now;
    }
}

struct surroundings {
    char name[16];
    sigset_t signals;
    void *argument;
};

static void
look_around(void *argument)
{
    struct surroundings *seen = argument;

    seen->argument = argument;
    (void)pthread_getname_np(pthread_self(), seen->name, sizeof seen->name);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &seen->signals);
}

Test(thread, has_its_name_its_argument_and_no_signals_but_faults)
{
    static const int SENT[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGALRM, SIGCHLD, SIGPIPE};
    static const int FAULTS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    struct surroundings seen = {.name = ""};
    struct strand_thread thread;

    cr_assert_eq(strand_thread_start(&thread, "strand-commit-1", look_around, &seen), STRAND_OK);
    strand_thread_join(&thread);
    cr_expect_str_eq(seen.name, "strand-commit-1");
    cr_expect_eq(seen.argument, &seen);
    for (size_t i = 0; i < sizeof SENT / sizeof SENT[0]; i++)
        cr_expect_eq(sigismember(&seen.signals, SENT[i]), 1, "%s", strsignal(SENT[i]));
    for (size_t i = 0; i < sizeof FAULTS / sizeof FAULTS[0]; i++)
        cr_expect_eq(sigismember(&seen.signals, FAULTS[i]), 0, "%s", strsignal(FAULTS[i]));
}

Test(thread, starting_one_leaves_the_signals_of_the_starter_alone)
{
    struct surroundings seen;
    struct strand_thread thread;
    sigset_t only_usr1, after;

    (void)sigemptyset(&only_usr1);
    (void)sigaddset(&only_usr1, SIGUSR1);
    cr_assert_eq(pthread_sigmask(SIG_SETMASK, &only_usr1, NULL), 0);
    cr_assert_eq(strand_thread_start(&thread, "look", look_around, &seen), STRAND_OK);
    strand_thread_join(&thread);
    cr_assert_eq(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    cr_expect_eq(sigismember(&after, SIGUSR1), 1);
    cr_expect_eq(sigismember(&after, SIGUSR2), 0);
    cr_expect_eq(sigismember(&after, SIGTERM), 0);
}

Test(thread, a_name_too_long_is_a_broken_invariant, .signal = SIGABRT)
{
    struct surroundings seen;
    struct strand_thread thread;

    cr_expect_neq(strand_thread_start(&thread, "sixteen-letters!", look_around, &seen), STRAND_OK);
}

Test(thread, unlocking_and_destroying_in_the_wrong_order_is_a_broken_invariant, .signal = SIGABRT)
{
    strand_mutex_lock(&mutex);
    strand_mutex_deinit(&mutex);
}
