/* bench/reading.h -- Runs that read from a side what was written to it before: all of it, records
 * in random places, and the last one after the death of the writer.
 *
 * Every value is copied out, since whoever reads it uses it.  A run that does not find all records
 * fails.
 */
#ifndef STRAND_BENCH_READING_H
#define STRAND_BENCH_READING_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/measures.h"
#include "bench/payload.h"
#include "bench/scratch.h"
#include "bench/side.h"

struct bench_doomed;
struct bench_histogram;

struct bench_reading {
    const struct bench_job *job;
    const struct bench_side *side;
    const struct bench_payload *payload; /* borrowed, as all here */
    struct bench_options options;        /* of the job, but written */
    struct bench_case one;
    struct bench_histogram *latency;
    struct bench_doomed *doomed; /* of the runs that open after a death */
    uint32_t number;             /* that DOOMED knows it by */
    char kept[BENCH_PATH_SIZE];  /* what scans and searches read; "" = not yet */
    uint64_t record_count;
    uint64_t state; /* of the random numbers; not 0 */
};

/* Append the options' bytes to a store in DIRECTORY.  It is closed only if CLOSES. */
STRAND_MUST_USE int bench_reading_fill(const struct bench_reading *reading, const char *directory,
                                       bool closes);

/* Of type bench_run_fn; CONTEXT is a struct bench_reading. */
int bench_reading_run_scan(void *context, struct bench_outcome *out_outcome);
int bench_reading_run_seek(void *context, struct bench_outcome *out_outcome);
int bench_reading_run_crash(void *context, struct bench_outcome *out_outcome);

#endif
