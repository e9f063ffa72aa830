/* crashtest/workloads.h -- The workloads that come with the kit. */
#ifndef STRAND_CRASHTEST_WORKLOADS_H
#define STRAND_CRASHTEST_WORKLOADS_H

#include <stddef.h>
#include <stdint.h>

struct crashtest_workload {
    const char *name;
    const char *about; /* a line */
    const char *run;   /* scripts: see step.h */
    const char
        *go_on; /* after a first crash; the engine and log 0 and 1, where they are, are open */
};

extern const struct crashtest_workload crashtest_workloads[];
extern const size_t crashtest_workload_count;

/* NULL: there is none. */
const struct crashtest_workload *crashtest_workload_find(const char *name);

#endif
