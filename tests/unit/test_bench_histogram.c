/* tests/unit/test_bench_histogram.c -- Quantiles are close, never too low, and exact at the end. */
#include <stdint.h>

#include <criterion/criterion.h>

#include "bench/histogram.h"

static struct bench_histogram histogram;
static struct bench_histogram other;

Test(bench_histogram, empty_one_has_zero_everywhere)
{
    cr_expect_eq(bench_histogram_quantile(&histogram, 0), 0);
    cr_expect_eq(bench_histogram_quantile(&histogram, 0.5), 0);
    cr_expect_eq(bench_histogram_quantile(&histogram, 1), 0);
}

Test(bench_histogram, small_values_are_exact)
{
    for (int64_t i = 1; i <= 100; i++)
        bench_histogram_record(&histogram, i);
    cr_expect_eq(bench_histogram_quantile(&histogram, 0.5), 50);
    cr_expect_eq(bench_histogram_quantile(&histogram, 0.99), 99);
    cr_expect_eq(bench_histogram_quantile(&histogram, 1), 100);
    cr_expect_eq(bench_histogram_quantile(&histogram, 0), 1);
    cr_expect_eq(histogram.count, 100);
}

Test(bench_histogram, single_value_is_at_most_a_sixty_fourth_too_high)
{
    static const int64_t VALUES[] = {
        0,    1,    63,      64,       127,          128,           129,
        1000, 4095, 1000000, 99999999, 123456789012, INT64_MAX - 1, INT64_MAX};

    for (size_t i = 0; i < sizeof VALUES / sizeof VALUES[0]; i++) {
        bench_histogram_clear(&histogram);
        bench_histogram_record(&histogram, VALUES[i]);
        bench_histogram_record(&histogram, INT64_MAX); /* else the maximum would hide the bucket */
        int64_t found = bench_histogram_quantile(&histogram, 0.5);
        cr_expect(found >= VALUES[i], "%ld gives %ld", VALUES[i], found);
        cr_expect(found - VALUES[i] <= VALUES[i] / 64, "%ld gives %ld", VALUES[i], found);
        cr_expect_eq(histogram.max, INT64_MAX);
    }
}

Test(bench_histogram, quantiles_of_many_values_are_close_to_the_sorted_ones)
{
    enum { COUNT = 100000 };
    static int64_t sorted[COUNT];

    for (int64_t i = 0; i < COUNT; i++)
        sorted[i] = i * i / 7;
    for (int64_t i = 0; i < COUNT; i++)
        bench_histogram_record(&histogram, sorted[i]);
    static const double SHARES[] = {0.1, 0.5, 0.9, 0.99, 0.999, 0.9999};
    for (size_t i = 0; i < sizeof SHARES / sizeof SHARES[0]; i++) {
        int64_t exact = sorted[(size_t)(SHARES[i] * COUNT + 0.5) - 1];
        int64_t found = bench_histogram_quantile(&histogram, SHARES[i]);
        cr_expect(found >= exact && found <= exact + exact / 32, "%g: %ld for %ld", SHARES[i],
                  found, exact);
    }
    cr_expect_eq(bench_histogram_quantile(&histogram, 1), sorted[COUNT - 1]);
}

Test(bench_histogram, rare_large_value_shows_in_the_tail_alone)
{
    for (int i = 0; i < 9999; i++)
        bench_histogram_record(&histogram, 100);
    bench_histogram_record(&histogram, 5000000);
    cr_expect_eq(bench_histogram_quantile(&histogram, 0.5), 100);
    cr_expect_eq(bench_histogram_quantile(&histogram, 0.999), 100);
    cr_expect_eq(bench_histogram_quantile(&histogram, 0.9999), 100);
    cr_expect_eq(bench_histogram_quantile(&histogram, 1), 5000000);
}

Test(bench_histogram, merged_ones_are_as_one)
{
    static struct bench_histogram whole;

    for (int64_t i = 0; i < 1000; i++) {
        bench_histogram_record(i % 3 == 0 ? &histogram : &other, i * 1000);
        bench_histogram_record(&whole, i * 1000);
    }
    bench_histogram_merge(&histogram, &other);
    cr_expect_eq(histogram.count, whole.count);
    cr_expect_eq(histogram.max, whole.max);
    cr_expect_arr_eq(histogram.counts, whole.counts, sizeof whole.counts);
}

Test(bench_histogram, negative_value_counts_as_zero)
{
    bench_histogram_record(&histogram, -5);
    bench_histogram_record(&histogram, INT64_MIN);
    cr_expect_eq(histogram.count, 2);
    cr_expect_eq(histogram.counts[0], 2);
    cr_expect_eq(histogram.max, 0);
}
