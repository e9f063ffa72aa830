/* tests/unit/test_scheduler.c -- Threads that take turns: the same turns for the same seed, time
 * that jumps, and nobody who waits for ever unnoticed.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/thread.h"
#include "support/scheduler.h"

enum { THREADS = 3, STEPS = 20 };

static struct strand_mutex lock, other;
static struct strand_condition condition;
static struct strand_semaphore semaphore;
static struct strand_thread threads[THREADS];
static char order[THREADS * STEPS + 1];
static size_t order_size;
static int64_t woken_at_ns;
static bool was_signalled;

static void
init(void)
{
    strand_mutex_init(&lock);
    strand_mutex_init(&other);
    strand_condition_init(&condition);
    strand_semaphore_init(&semaphore);
}

static void
start(int i, strand_thread_fn *run, void *argument)
{
    cr_assert_eq(strand_thread_start(&threads[i], "thread", run, argument), STRAND_OK);
}

/* ---- Order ---- */

static void
write_name(void *name)
{
    for (int i = 0; i < STEPS; i++) {
        strand_mutex_lock(&lock);
        order[order_size++] = *(char *)name;
        strand_mutex_unlock(&lock);
    }
}

static void
write_names(void *argument)
{
    static char names[] = "abc";

    (void)argument;
    order_size = 0;
    for (int i = 0; i < THREADS; i++)
        start(i, write_name, &names[i]);
    for (int i = 0; i < THREADS; i++)
        strand_thread_join(&threads[i]);
}

Test(scheduler, a_seed_decides_the_order, .init = init)
{
    static const struct scheduler_plan plans[] = {
        {.switch_one_in = 2},
        {.switch_one_in = 4, .has_weights = true, .changes = 4, .changes_within = 50},
        {.switch_one_in = 4, .delay_one_in = 10, .delay_points = 40},
        {.changes = 8, .changes_within = 100},
    };

    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
        struct scheduler_plan plan = plans[i];
        struct scheduler_counts counts, again;
        char first[sizeof order];
        int others = 0;

        scheduler_run(&plan, write_names, NULL, &counts);
        memcpy(first, order, sizeof first);
        scheduler_run(&plan, write_names, NULL, &again);
        cr_expect_str_eq(order, first, "plan %zu", i);
        cr_expect_eq(counts.hash, again.hash);
        for (plan.seed = 1; plan.seed < 10; plan.seed++) {
            scheduler_run(&plan, write_names, NULL, &again);
            others += strcmp(order, first) != 0;
        }
        cr_expect_geq(others, 5, "plan %zu: %d other orders", i, others);
    }
}

/* ---- Time ---- */

static void
wait_until(void *deadline_ns)
{
    strand_mutex_lock(&lock);
    was_signalled = strand_condition_wait(&condition, &lock, *(int64_t *)deadline_ns);
    strand_mutex_unlock(&lock);
    woken_at_ns = strand_thread_now_ns();
}

static void
wait_alone(void *argument)
{
    int64_t deadline_ns = strand_thread_now_ns() + INT64_C(3600) * 1000000000;

    (void)argument;
    start(0, wait_until, &deadline_ns);
    strand_thread_join(&threads[0]);
    cr_expect_not(was_signalled);
    cr_expect_geq(woken_at_ns, deadline_ns);
    cr_expect_lt(woken_at_ns, deadline_ns + 1000000);
}

static void
wake_all(void *argument)
{
    (void)argument;
    strand_condition_broadcast(&condition);
}

static void
wait_for_signal(void *argument)
{
    int64_t deadline_ns = strand_thread_now_ns() + INT64_C(3600) * 1000000000;

    (void)argument;
    start(0, wait_until, &deadline_ns);
    start(1, wake_all, NULL);
    strand_thread_join(&threads[1]);
    strand_thread_join(&threads[0]);
}

Test(scheduler, time_jumps_to_the_next_deadline_when_nobody_can_run, .init = init)
{
    scheduler_run(&(struct scheduler_plan){.switch_one_in = 2, .tick_ns = 1000}, wait_alone, NULL,
                  NULL);
}

Test(scheduler, who_is_woken_does_not_wait_for_the_deadline, .init = init)
{
    int signalled = 0;

    for (uint64_t seed = 0; seed < 20; seed++) {
        struct scheduler_plan plan = {.seed = seed, .switch_one_in = 2, .tick_ns = 1000};

        scheduler_run(&plan, wait_for_signal, NULL, NULL);
        signalled += was_signalled;
    }
    cr_expect_gt(signalled, 0);
    cr_expect_lt(signalled, 20, "a signal before the wait wakes nobody");
}

/* ---- Nobody can run ---- */

static void
lock_in_order(void *argument)
{
    struct strand_mutex *first = argument;
    struct strand_mutex *second = first == &lock ? &other : &lock;

    strand_mutex_lock(first);
    strand_mutex_lock(second);
    strand_mutex_unlock(second);
    strand_mutex_unlock(first);
}

static void
lock_both_ways(void *argument)
{
    (void)argument;
    start(0, lock_in_order, &lock);
    start(1, lock_in_order, &other);
    strand_thread_join(&threads[0]);
    strand_thread_join(&threads[1]);
}

Test(scheduler, locks_in_two_orders_are_found, .init = init, .exit_code = 1)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct scheduler_plan plan = {.seed = seed, .switch_one_in = 2};

        scheduler_run(&plan, lock_both_ways, NULL, NULL);
    }
}

static void
wait_for_ever(void *argument)
{
    (void)argument;
    strand_semaphore_wait(&semaphore);
}

Test(scheduler, a_wake_up_that_never_comes_is_found, .init = init, .exit_code = 1)
{
    scheduler_run(&(struct scheduler_plan){.switch_one_in = 2}, wait_for_ever, NULL, NULL);
}

static void
post_and_wait(void *argument)
{
    (void)argument;
    strand_semaphore_post(&semaphore);
    strand_semaphore_wait(&semaphore);
}

Test(scheduler, a_wake_up_that_came_first_counts, .init = init)
{
    scheduler_run(&(struct scheduler_plan){.switch_one_in = 2}, post_and_wait, NULL, NULL);
}

/* ---- Outside ---- */

Test(scheduler, outside_a_schedule_threads_are_native, .init = init)
{
    write_names(NULL);
    cr_expect_eq(order_size, THREADS * STEPS);
    cr_expect(strand_mutex_try_lock(&lock));
    cr_expect_not(strand_condition_wait(&condition, &lock, strand_thread_now_ns()));
    strand_mutex_unlock(&lock);
    post_and_wait(NULL);
}
