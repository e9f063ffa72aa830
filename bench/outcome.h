/* bench/outcome.h -- The figures of one run. */
#ifndef STRAND_BENCH_OUTCOME_H
#define STRAND_BENCH_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>

struct bench_histogram;

enum bench_unit {
    BENCH_SECONDS,
    BENCH_BYTES,
    BENCH_COUNT,
    BENCH_RATIO,
    BENCH_BYTES_PER_SECOND, /* this and the next are rates */
    BENCH_PER_SECOND,
};

enum { BENCH_FIGURES_MAX = 12, BENCH_VALUE_TEXT_SIZE = 32 };

struct bench_figure {
    const char *name; /* static */
    enum bench_unit unit;
    double value;
};

struct bench_outcome {
    struct bench_figure figures[BENCH_FIGURES_MAX];
    size_t count;
    double seconds; /* that the rates were measured for */
};

void bench_outcome_add(struct bench_outcome *outcome, const char *name, enum bench_unit unit,
                       double value);

/* p50, p99, p99.9, with IS_FINE p99.99, and max, of nanoseconds. */
void bench_outcome_add_latency(struct bench_outcome *outcome,
                               const struct bench_histogram *histogram, bool is_fine);

/* NULL: the run has no such figure. */
const struct bench_figure *bench_outcome_find(const struct bench_outcome *outcome,
                                              const char *name);

bool bench_unit_is_rate(enum bench_unit unit);

/* "s", "B", "1", "ratio", "B/s", "1/s": what JSON says. */
const char *bench_unit_name(enum bench_unit unit);

/* VALUE for people: "152 us", "3.21 GB/s", "0.93x". */
void bench_value_format(double value, enum bench_unit unit, char out_text[BENCH_VALUE_TEXT_SIZE]);

#endif
