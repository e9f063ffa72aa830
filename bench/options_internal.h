/* bench/options_internal.h -- Shared by what parses options: the table's rows, values, checks. */
#ifndef STRAND_BENCH_OPTIONS_INTERNAL_H
#define STRAND_BENCH_OPTIONS_INTERNAL_H

#include "bench/options.h"

enum bench_option_kind {
    BENCH_OPTION_FLAG,
    BENCH_OPTION_TEXT,
    BENCH_OPTION_NUMBER,
    BENCH_OPTION_BYTES, /* a number that may end with k, m or g */
    BENCH_OPTION_CHOICE,
    BENCH_OPTION_NUMBER_LIST,
    BENCH_OPTION_BYTES_LIST,
};

struct bench_option {
    const char *name;
    const char *argument; /* NULL for a flag */
    unsigned measures;    /* enum bench_measure_id */
    enum bench_option_kind kind;
    size_t field; /* place in struct bench_options */
    int64_t min;
    int64_t max;
    const char *const *choices; /* ends with NULL; the value is the index */
    const char *help;
};

STRAND_MUST_USE int bench_option_set(const struct bench_option *option, const char *text,
                                     struct bench_options *options);

/* OPTION's value in OPTIONS; "" for what has none. */
void bench_option_format(const struct bench_option *option, const struct bench_options *options,
                         char *out_text, size_t size);

/* What does not go together; with --quick, make everything small. */
STRAND_MUST_USE int bench_options_check(enum bench_measure_id measure,
                                        struct bench_options *options);

#endif
