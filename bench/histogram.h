/* bench/histogram.h -- How often which latency: log-linear, so that its tail is as exact as its
 * middle.
 *
 * Each power of two is split into 64 buckets of equal width: a quantile is at most 1/64 too high,
 * never too low, and the maximum is exact.
 *
 * Threading: none; each thread records into one of its own, and they are merged.
 */
#ifndef STRAND_BENCH_HISTOGRAM_H
#define STRAND_BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
    BENCH_HISTOGRAM_SPLIT_BITS = 6,
    BENCH_HISTOGRAM_BUCKET_COUNT = (63 - BENCH_HISTOGRAM_SPLIT_BITS + 1)
                                   << BENCH_HISTOGRAM_SPLIT_BITS,
};

struct bench_histogram {
    uint64_t counts[BENCH_HISTOGRAM_BUCKET_COUNT];
    uint64_t count;
    int64_t max;
};

void bench_histogram_clear(struct bench_histogram *histogram);

/* A negative VALUE, which a clock that jumps may give, counts as 0. */
void bench_histogram_record(struct bench_histogram *histogram, int64_t value);

void bench_histogram_merge(struct bench_histogram *histogram, const struct bench_histogram *other);

/* The smallest value that SHARE (0 to 1) of all are not above, as the upper end of its bucket but
 * never above the maximum; 0 when nothing was recorded. */
int64_t bench_histogram_quantile(const struct bench_histogram *histogram, double share);

#endif
