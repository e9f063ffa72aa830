/* bench/statistics.h -- What several runs amount to. */
#ifndef STRAND_BENCH_STATISTICS_H
#define STRAND_BENCH_STATISTICS_H

#include <stddef.h>

enum { BENCH_RUNS_MAX = 101 };

struct bench_summary {
    double min;
    double median; /* of an even number, the mean of the two in the middle */
    double max;
};

/* COUNT is 1 to BENCH_RUNS_MAX. */
void bench_summarize(const double *values, size_t count, struct bench_summary *out_summary);

/* The same of VALUES[i] / BASES[i]: runs that were made one after the other, so that what slowed
 * the machine down slowed both.  A base of 0 makes its pair count as 0. */
void bench_summarize_ratios(const double *values, const double *bases, size_t count,
                            struct bench_summary *out_summary);

#endif
