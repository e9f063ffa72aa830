/* tests/unit/test_bench_load.c -- How many steps a load makes, and whose waiting counts. */
#include <criterion/criterion.h>

#include "base/thread.h"
#include "bench/load.h"

#define MS INT64_C(1000000)

static struct bench_histogram latency;
static struct bench_load_result result;

static int
step(void *context, uint32_t thread, uint64_t number)
{
    int64_t *takes_ns = context;
    int64_t end_ns = strand_thread_now_ns() + *takes_ns;

    (void)thread;
    (void)number;
    while (strand_thread_now_ns() < end_ns)
        continue;
    return STRAND_OK;
}

static void
run(double rate, int64_t takes_ns, int64_t duration_ns, uint64_t step_count_max)
{
    const struct bench_load load = {
        .thread_count = 1,
        .step_count_max = step_count_max,
        .duration_ns = duration_ns,
        .rate = rate,
        .sample_every = 1,
        .step = step,
        .context = &takes_ns,
    };

    bench_histogram_clear(&latency);
    cr_assert_eq(bench_load_run(&load, &latency, &result), STRAND_OK);
}

Test(bench_load, closed_load_ends_with_its_steps)
{
    run(0, 0, INT64_MAX / 4, 7);
    cr_expect_eq(result.step_count, 7);
    cr_expect_eq(latency.count, 7);
}

Test(bench_load, steps_that_were_due_and_never_begun_count_with_what_they_waited)
{
    run(1000, 25 * MS, 10 * MS, 100); /* ten are due; after the first the time is over twice */
    cr_expect_leq(result.step_count, 1);
    cr_expect_eq(latency.count, 10);
    cr_expect_geq(bench_histogram_quantile(&latency, 0.05), 10 * MS);
}

Test(bench_load, late_steps_count_from_when_they_were_due)
{
    run(1000, 3 * MS, INT64_MAX / 4, 4);
    cr_expect_eq(result.step_count, 4);
    cr_expect_geq(bench_histogram_quantile(&latency, 1), 9 * MS, "three stood before it");
}
