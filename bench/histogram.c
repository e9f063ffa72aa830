/* bench/histogram.c -- The bucket of a value is made of its exponent and its six bits behind the
 * first.
 */
#include "bench/histogram.h"

#include <stddef.h>
#include <string.h>

#include "base/assert.h"

enum { SPLIT = 1 << BENCH_HISTOGRAM_SPLIT_BITS };

static size_t
bucket_of(int64_t value)
{
    unsigned exponent = 63U - (unsigned)__builtin_clzll((unsigned long long)value | 1U);
    unsigned shift =
        exponent > BENCH_HISTOGRAM_SPLIT_BITS ? exponent - BENCH_HISTOGRAM_SPLIT_BITS : 0;

    return (size_t)shift * SPLIT + (size_t)(value >> shift);
}

/* The largest value of BUCKET. */
static int64_t
bucket_end(size_t bucket)
{
    size_t shift = bucket < 2 * (size_t)SPLIT ? 0 : bucket / SPLIT - 1;
    uint64_t next = (uint64_t)(bucket - shift * SPLIT + 1) << shift;

    return (int64_t)(next - 1);
}

void
bench_histogram_clear(struct bench_histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
}

void
bench_histogram_record(struct bench_histogram *histogram, int64_t value)
{
    if (value < 0)
        value = 0;
    histogram->counts[bucket_of(value)]++;
    histogram->count++;
    if (value > histogram->max)
        histogram->max = value;
}

void
bench_histogram_merge(struct bench_histogram *histogram, const struct bench_histogram *other)
{
    for (size_t i = 0; i < BENCH_HISTOGRAM_BUCKET_COUNT; i++)
        histogram->counts[i] += other->counts[i];
    histogram->count += other->count;
    if (other->max > histogram->max)
        histogram->max = other->max;
}

int64_t
bench_histogram_quantile(const struct bench_histogram *histogram, double share)
{
    strand_assert(share >= 0 && share <= 1);

    double wanted = share * (double)histogram->count;
    uint64_t seen = 0;

    for (size_t i = 0; i < BENCH_HISTOGRAM_BUCKET_COUNT && histogram->count > 0; i++) {
        seen += histogram->counts[i];
        if (seen > 0 && (double)seen >= wanted)
            return bucket_end(i) < histogram->max ? bucket_end(i) : histogram->max;
    }
    return histogram->max;
}
