/* bench/load.h -- Threads that do one step over and over, and how long each step took.
 *
 * Closed: a thread begins a step when the last one has ended.  Open (RATE): steps are due at fixed
 * times whatever the last one took, and latency counts from when a step was due; else a system that
 * stops for a second is asked nothing in that second, and looks well.  Who cannot keep up is given
 * twice the time; steps that were due and not begun by then count with what they have waited.
 */
#ifndef STRAND_BENCH_LOAD_H
#define STRAND_BENCH_LOAD_H

#include <stdint.h>

#include "bench/histogram.h"
#include "strandline/status.h"

/* NUMBER counts the steps of THREAD. */
typedef int bench_step_fn(void *context, uint32_t thread, uint64_t number);

struct bench_load {
    uint32_t thread_count;
    uint64_t step_count_max; /* of all threads together */
    int64_t duration_ns;
    double rate;           /* steps a second, of all threads together; 0: closed */
    uint32_t sample_every; /* the clock is read, and an interrupt looked for, every so many steps */
    bench_step_fn *step;
    void *context;
};

struct bench_load_result {
    uint64_t step_count;
    int64_t elapsed_ns; /* from the common start to the end of the last thread */
};

/* Run LOAD until its steps, or its time, are over; add the latencies to LATENCY, if it is not NULL.
 * STRAND_END when interrupted, with everything set. */
STRAND_MUST_USE int bench_load_run(const struct bench_load *load, struct bench_histogram *latency,
                                   struct bench_load_result *out_result);

#endif
