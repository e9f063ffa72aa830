/* bench/options.h -- The command line of a measurement: one table drives parsing and help.
 *
 * Options are long: --name VALUE, --name=VALUE.  Those that take a list make a case of each value;
 * with several lists, of each combination.
 */
#ifndef STRAND_BENCH_OPTIONS_H
#define STRAND_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "strandline/status.h"

/* Which measurement; a bit, so that an option can name all that take it. */
enum bench_measure_id {
    BENCH_APPEND = 1 << 0,
    BENCH_COMMIT = 1 << 1,
    BENCH_ROLLS = 1 << 2,
    BENCH_READ = 1 << 3,
    BENCH_TAIL = 1 << 4,
    BENCH_SEEK = 1 << 5,
    BENCH_RECOVER = 1 << 6,
    BENCH_PARTITIONS = 1 << 7,
    BENCH_INDEX = 1 << 8,
    BENCH_LIMITS = 1 << 9,
    BENCH_COMPARE = 1 << 10,
};

enum bench_beside { BENCH_BESIDE_NOTHING, BENCH_BESIDE_BULK, BENCH_BESIDE_DIRTY };

enum { BENCH_LIST_MAX = 12, BENCH_SIDES_MAX = 12 };

struct bench_list {
    int64_t values[BENCH_LIST_MAX];
    size_t count;
};

struct bench_options {
    /* Of every measurement. */
    const char *dir;
    int64_t runs;
    int64_t seconds;       /* that a run is measured for */
    int64_t limit_seconds; /* of all of it; 0 = none */
    bool json;
    bool quick;
    bool help;
    const char *sides; /* names with commas; NULL = the measurement's */
    const char *works; /* the same of what is compared */

    /* Lists: each value is a case. */
    struct bench_list record_bytes;
    struct bench_list batch_records;
    struct bench_list threads;
    struct bench_list logs;
    struct bench_list segment_bytes;

    int64_t bytes;       /* in files at a time, as a case's side writes or reads them */
    int64_t rate;        /* appends a second; 0 = as fast as they go */
    int32_t codec;       /* enum strand_codec */
    int64_t level;       /* 0 = the codec's default */
    int32_t durability;  /* enum strand_durability */
    int32_t preparation; /* enum strand_preparation */
    int32_t index;       /* enum strand_index_kind */
    bool final_sync;
    bool cold;
    int32_t beside; /* enum bench_beside */
    int64_t others; /* logs that are kept dirty */

    /* Of the engine; 0 = its default. */
    int64_t commit_interval_ms;
    int64_t commit_bytes;
    int64_t unsynced_bytes_max;
    int64_t sync_workers;
    int64_t descriptors;
};

/* One combination of the lists. */
struct bench_case {
    int64_t record_bytes;
    int64_t batch_records;
    int64_t threads;
    int64_t logs;
    int64_t segment_bytes;
};

/* What OPTIONS of MEASURE are without arguments. */
void bench_options_init(enum bench_measure_id measure, struct bench_options *out_options);

/* Parse what follows the measurement's name into OPTIONS, which has its defaults.
 * STRAND_ERR_INVALID with a sentence.  With --help nothing else is looked at. */
STRAND_MUST_USE int bench_options_parse(enum bench_measure_id measure, int count, char **arguments,
                                        struct bench_options *options);

/* A paragraph on each option of MEASURE. */
void bench_options_print(FILE *stream, enum bench_measure_id measure);

/* The cases that the lists make: how many, and the one with NUMBER. */
size_t bench_options_case_count(const struct bench_options *options);
struct bench_case bench_options_case(const struct bench_options *options, size_t number);

/* Is NAME among the sides wanted?  WANTED: by default. */
bool bench_options_has_side(const struct bench_options *options, const char *name, bool is_default);

bool bench_options_has_work(const struct bench_options *options, const char *name);

/* STRAND_ERR_INVALID when LIST, the value of --OPTION, names a KIND that is not in NAMES (COUNT of
 * them).  LIST may be NULL. */
STRAND_MUST_USE int bench_options_check_names(const char *option, const char *kind,
                                              const char *list, const char *const *names,
                                              size_t count);

#endif
