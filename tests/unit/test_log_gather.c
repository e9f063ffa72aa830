/* tests/unit/test_log_gather.c -- When a round waits for those whom the last one has let go. */
#include <pthread.h>
#include <sched.h>

#include "engine/log_internal.h"
#include "support/engine_fixture.h"

static struct strand_log_gather *gather;

static void
start(void)
{
    fixture_create();
    fixture.engine_options.flags = 0;
    fixture_open();
    gather = &fixture.log->gather;
    gather->wait_ns_max = INT64_MAX;
    gather->round_ns = INT64_MAX / 4; /* who waits in vain does not come back */
}

TestSuite(log_gather, .init = start, .fini = fixture_destroy, .timeout = 60);

static void
run_gather(void)
{
    strand_mutex_lock(&fixture.log->commit);
    strand_log_gather(fixture.log);
    strand_mutex_unlock(&fixture.log->commit);
}

static void *
gather_main(void *argument)
{
    (void)argument;
    run_gather();
    return NULL;
}

static void
arrive(int64_t end_offset)
{
    strand_mutex_lock(&fixture.log->state);
    strand_log_gather_arrive_locked(fixture.log, end_offset);
    strand_mutex_unlock(&fixture.log->state);
}

static bool
is_waiting(void)
{
    strand_mutex_lock(&fixture.log->state);
    bool is_waiting = gather->goal != 0;
    strand_mutex_unlock(&fixture.log->state);
    return is_waiting;
}

/* A round with COVERED waiters, during which ARRIVED others came, has ended. */
static void
end_round(uint32_t covered, uint32_t arrived)
{
    strand_mutex_lock(&fixture.log->state);
    gather->arrived = covered;
    strand_log_gather_begin_locked(fixture.log);
    for (uint32_t i = 0; i < arrived; i++)
        strand_log_gather_arrive_locked(fixture.log, 1);
    strand_log_gather_end_locked(fixture.log, gather->round_ns);
    strand_mutex_unlock(&fixture.log->state);
}

Test(log_gather, a_round_waits_until_as_many_wait_as_before)
{
    pthread_t thread;

    end_round(2, 1);
    cr_assert_eq(pthread_create(&thread, NULL, gather_main, NULL), 0);
    while (!is_waiting())
        sched_yield();
    arrive(1);
    cr_expect(is_waiting());
    arrive(1);
    cr_expect_not(is_waiting());
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_expect_eq(gather->arrived, 3);
    cr_expect_eq(gather->skips, 0);
}

Test(log_gather, what_nobody_waits_for_does_not_wait)
{
    end_round(2, 0);
    run_gather();
    cr_expect_eq(gather->misses, 0);
}

Test(log_gather, a_thread_on_its_own_does_not_wait)
{
    end_round(1, 0);
    arrive(1);
    run_gather();
    cr_expect_eq(gather->misses, 0);
}

Test(log_gather, who_is_covered_by_the_round_that_runs_is_not_waited_for_twice)
{
    fixture.log->round_end = 5;
    arrive(5);
    arrive(6);
    cr_expect_eq(gather->covered, 1);
    cr_expect_eq(gather->arrived, 1);
    fixture.log->round_end = -1;
}

/* 2, 4, 8 ... 256 rounds do not wait behind one that did so in vain. */
Test(log_gather, waiting_in_vain_is_tried_ever_less_often)
{
    gather->wait_ns_max = 0;
    end_round(3, 1);
    for (uint32_t misses = 1; misses < STRAND_GATHER_MISSES_MAX + 3; misses++) {
        uint32_t expected = misses < STRAND_GATHER_MISSES_MAX ? misses : STRAND_GATHER_MISSES_MAX;

        run_gather();
        cr_expect_eq(gather->misses, expected);
        cr_expect_eq(gather->skips, 1U << expected);
        while (gather->skips > 0)
            run_gather();
        cr_expect_eq(gather->misses, expected);
    }
}

/* Half of the missing are enough to go on with it. */
Test(log_gather, what_pays_is_tried_again)
{
    pthread_t thread;

    gather->misses = 3;
    end_round(2, 1);
    arrive(1);
    cr_assert_eq(pthread_create(&thread, NULL, gather_main, NULL), 0);
    while (!is_waiting())
        sched_yield();
    arrive(1);
    strand_mutex_lock(&fixture.log->state);
    gather->goal = 0; /* as if the time were over */
    strand_condition_signal(&gather->complete);
    strand_mutex_unlock(&fixture.log->state);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_expect_eq(gather->misses, 0);
    cr_expect_eq(gather->skips, 0);
}
