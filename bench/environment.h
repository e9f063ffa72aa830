/* bench/environment.h -- Where figures come from: a figure without its machine says nothing. */
#ifndef STRAND_BENCH_ENVIRONMENT_H
#define STRAND_BENCH_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "bench/conditions.h"
#include "strandline/status.h"

enum { BENCH_WARNINGS_MAX = 6 };

struct bench_environment {
    struct bench_conditions facts;
    const char *warnings[BENCH_WARNINGS_MAX]; /* why figures from here are not to be quoted */
    size_t warning_count;
};

/* Ask about the machine and about DIRECTORY, where files are going to be; writes and syncs a small
 * file there.  IS_QUICK: the runs are for trying out only. */
STRAND_MUST_USE int bench_environment_gather(const char *directory, bool is_quick,
                                             struct bench_environment *out_environment);

#endif
