/* bench/fixture.h -- A log with records in it, for what is measured on logs that are there. */
#ifndef STRAND_BENCH_FIXTURE_H
#define STRAND_BENCH_FIXTURE_H

#include <stdint.h>

#include "bench/payload.h"
#include "bench/scratch.h"
#include "strandline/status.h"

struct bench_job;
struct strand_log;

struct bench_fixture {
    char directory[BENCH_PATH_SIZE];
    struct bench_payload payload;
    void *store; /* of bench_side_strandline */
    struct strand_log *log;
    int64_t batch_count;
    int64_t end_offset;
    int64_t first_timestamp_ms; /* of the first batch; each one is a millisecond younger */
};

typedef int bench_fixture_fn(const struct bench_job *job, struct bench_fixture *fixture,
                             void *context);

/* Write the bytes that JOB's options ask for in their first case, sync everything, call USE with
 * the log open; close it and remove its files. */
STRAND_MUST_USE int bench_fixture_use(const struct bench_job *job, bench_fixture_fn *use,
                                      void *context);

#endif
