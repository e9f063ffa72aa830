/* bench/statistics.c -- A handful of numbers, sorted. */
#include "bench/statistics.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static int
compare_values(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

void
bench_summarize(const double *values, size_t count, struct bench_summary *out_summary)
{
    double sorted[BENCH_RUNS_MAX];

    strand_assert(count >= 1 && count <= BENCH_RUNS_MAX);
    memcpy(sorted, values, count * sizeof sorted[0]);
    qsort(sorted, count, sizeof sorted[0], compare_values);
    out_summary->min = sorted[0];
    out_summary->median = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
    out_summary->max = sorted[count - 1];
}

void
bench_summarize_ratios(const double *values, const double *bases, size_t count,
                       struct bench_summary *out_summary)
{
    double ratios[BENCH_RUNS_MAX];

    strand_assert(count >= 1 && count <= BENCH_RUNS_MAX);
    for (size_t i = 0; i < count; i++)
        ratios[i] = bases[i] > 0 ? values[i] / bases[i] : 0;
    bench_summarize(ratios, count, out_summary);
}
