/* bench/writing.h -- Appends to a side: passes of open, append, close, until enough time was
 * measured.
 *
 * A pass writes the bytes that are asked for and is thrown away, before the kernel begins to write
 * them back for their age; opening and closing do not count.  Durable appends begin with two
 * mebibytes that do not count either: preparation starts with what a log has written.
 *
 * A run of whole passes writes all bytes even if that takes longer: what a store does only when
 * there is much in it belongs to its cost.
 *
 * Making hundreds of logs takes longer than measuring them: their files are kept for the next pass,
 * where the side goes on with what it finds.
 */
#ifndef STRAND_BENCH_WRITING_H
#define STRAND_BENCH_WRITING_H

#include <stdbool.h>

#include "bench/measures.h"
#include "bench/payload.h"
#include "bench/scratch.h"
#include "bench/side.h"

struct bench_histogram;

struct bench_writing {
    const struct bench_job *job;
    const struct bench_side *side;
    struct bench_options options; /* of the job, perhaps changed for this side */
    struct bench_case one;
    const struct bench_payload *payload; /* borrowed */
    struct bench_histogram *latency;     /* borrowed; room to work in */
    bool is_fine;                        /* every append is timed, and p99.99 told */
    bool is_always_kept;                 /* also the files of a few logs */
    bool is_whole;                       /* a run is of whole passes */
    char kept[BENCH_PATH_SIZE];          /* the last pass's files; "" = removed */
    int64_t kept_bytes;
};

/* A bench_run_fn; CONTEXT is a struct bench_writing. */
int bench_writing_run(void *context, struct bench_outcome *out_outcome);

#endif
