/* bench/outcome.c -- Figures, their units, and how people read them. */
#include "bench/outcome.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "bench/histogram.h"

void
bench_outcome_add(struct bench_outcome *outcome, const char *name, enum bench_unit unit,
                  double value)
{
    strand_assert(outcome->count < BENCH_FIGURES_MAX);
    outcome->figures[outcome->count++] = (struct bench_figure){name, unit, value};
}

void
bench_outcome_add_latency(struct bench_outcome *outcome, const struct bench_histogram *histogram,
                          bool is_fine)
{
    static const struct {
        const char *name;
        double share;
        bool is_fine;
    } QUANTILES[] = {
        {"p50", 0.5, false},      {"p99", 0.99, false}, {"p99.9", 0.999, false},
        {"p99.99", 0.9999, true}, {"max", 1, false},
    };

    for (size_t i = 0; i < sizeof QUANTILES / sizeof QUANTILES[0]; i++) {
        int64_t value = bench_histogram_quantile(histogram, QUANTILES[i].share);

        if (is_fine || !QUANTILES[i].is_fine)
            bench_outcome_add(outcome, QUANTILES[i].name, BENCH_SECONDS, (double)value / 1e9);
    }
}

const struct bench_figure *
bench_outcome_find(const struct bench_outcome *outcome, const char *name)
{
    for (size_t i = 0; i < outcome->count; i++)
        if (strcmp(outcome->figures[i].name, name) == 0)
            return &outcome->figures[i];
    return NULL;
}

bool
bench_unit_is_rate(enum bench_unit unit)
{
    return unit >= BENCH_BYTES_PER_SECOND;
}

const char *
bench_unit_name(enum bench_unit unit)
{
    static const char *const NAMES[] = {"s", "B", "1", "ratio", "B/s", "1/s"};

    return NAMES[unit];
}

struct scale {
    double from;
    double factor;
    const char *suffix;
};

/* Three digits that count, in the largest of SCALES (descending; the last has from 0) that fits. */
static void
format_scaled(double value, const struct scale *scale, char *out_text)
{
    while (scale->from > 0 && value < scale->from)
        scale++;
    value /= scale->factor;
    (void)snprintf(out_text, BENCH_VALUE_TEXT_SIZE, "%.*f%s",
                   value < 10    ? 2
                   : value < 100 ? 1
                                 : 0,
                   value, scale->suffix);
}

void
bench_value_format(double value, enum bench_unit unit, char out_text[BENCH_VALUE_TEXT_SIZE])
{
    static const struct scale TIMES[] = {
        {1, 1, " s"}, {1e-3, 1e-3, " ms"}, {1e-6, 1e-6, " us"}, {0, 1e-9, " ns"}};
    static const struct scale SIZES[] = {{1 << 30, 1 << 30, " GiB"},
                                         {1 << 20, 1 << 20, " MiB"},
                                         {1 << 10, 1 << 10, " KiB"},
                                         {0, 1, " B"}};
    static const struct scale RATES[] = {
        {1e9, 1e9, " GB/s"}, {1e6, 1e6, " MB/s"}, {1e3, 1e3, " kB/s"}, {0, 1, " B/s"}};
    static const struct scale COUNTS[] = {{1e6, 1e6, " M/s"}, {1e3, 1e3, " k/s"}, {0, 1, " /s"}};

    switch (unit) {
    case BENCH_SECONDS:
        format_scaled(value, TIMES, out_text);
        return;
    case BENCH_BYTES:
        format_scaled(value, SIZES, out_text);
        return;
    case BENCH_BYTES_PER_SECOND:
        format_scaled(value, RATES, out_text);
        return;
    case BENCH_PER_SECOND:
        format_scaled(value, COUNTS, out_text);
        return;
    case BENCH_RATIO:
        (void)snprintf(out_text, BENCH_VALUE_TEXT_SIZE, "%.2fx", value);
        return;
    case BENCH_COUNT:
        break;
    }
    (void)snprintf(out_text, BENCH_VALUE_TEXT_SIZE, "%.0f", value);
}
