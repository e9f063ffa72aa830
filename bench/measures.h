/* bench/measures.h -- The measurements: each makes contestants, has them run, and says what came
 * out.
 *
 *     measure_append.c      append, commit, rolls, index: writing
 *     measure_read.c        read: a scan            measure_tail.c        from append to reader
 *     measure_seek.c        by offset, by time      measure_recover.c     opening
 *     measure_partitions.c  many logs               measure_limits.c      what the machine can do
 *     measure_compare.c     other libraries
 */
#ifndef STRAND_BENCH_MEASURES_H
#define STRAND_BENCH_MEASURES_H

#include <stddef.h>

#include "bench/match.h"
#include "bench/options.h"
#include "strandline/status.h"

struct bench_environment;
struct bench_scratch;

struct bench_job {
    const struct bench_measure *measure;
    const struct bench_options *options;
    const struct bench_environment *environment;
    struct bench_scratch *scratch;
};

struct bench_measure {
    enum bench_measure_id id;
    const char *name;
    const char *summary;      /* one line */
    const char *details;      /* paragraphs for its own help; its sides, '*' at those of default */
    const char *const *sides; /* ends with NULL */
    int (*run)(const struct bench_job *job);
};

int bench_run_append(const struct bench_job *job); /* append, commit, rolls, index */
int bench_run_read(const struct bench_job *job);
int bench_run_tail(const struct bench_job *job);
int bench_run_seek(const struct bench_job *job);
int bench_run_recover(const struct bench_job *job);
int bench_run_partitions(const struct bench_job *job);
int bench_run_limits(const struct bench_job *job);
int bench_run_compare(const struct bench_job *job);

/* ---- For measurements ---- */

/* Let CONTESTANTS run by turns and print the result, also of what was measured before an interrupt,
 * the limit or a failure.  STRAND_END: nothing was. */
STRAND_MUST_USE int bench_job_finish(const struct bench_job *job,
                                     struct bench_contestant *contestants, size_t count,
                                     enum bench_comparison comparison);

/* How long a run is to be measured for. */
int64_t bench_job_duration_ns(const struct bench_job *job);

/* What every contestant of CASE has as conditions: sizes, codec, ... */
void bench_job_describe(const struct bench_job *job, const struct bench_case *one,
                        struct bench_conditions *out_conditions);

#endif
