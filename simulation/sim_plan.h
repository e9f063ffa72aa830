/* simulation/sim_plan.h -- The count of calls to the disk, and what is to happen at which of them.
 */
#ifndef STRAND_SIMULATION_SIM_PLAN_H
#define STRAND_SIMULATION_SIM_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "simulation/sim_disk.h"

enum {
    STRAND_SIM_KIND_COUNT = 9, /* bits of enum strand_sim_kind */
    STRAND_SIM_ALL_KINDS = (1 << STRAND_SIM_KIND_COUNT) - 1,
    STRAND_SIM_TRACE_COUNT = 4096,
    STRAND_SIM_TRACE_LINE_SIZE = 160,
};

struct strand_sim_fault {
    uint32_t kinds;
    uint64_t nth; /* of the calls of these kinds */
    int code;
    bool is_sticky;
};

/* All zeros is the empty plan. */
struct strand_sim_plan {
    uint64_t calls;
    uint64_t calls_of[STRAND_SIM_KIND_COUNT];
    struct strand_sim_fault *faults; /* owned */
    size_t fault_count;
    size_t fault_capacity;
    uint64_t cut_at; /* 0: never */
    bool power_is_off;
    bool has_struck;                           /* the newest call failed as planned */
    bool is_quiet;                             /* no trace is kept */
    char (*lines)[STRAND_SIM_TRACE_LINE_SIZE]; /* owned; a ring once it has its full size */
    size_t line_capacity;
};

void strand_sim_plan_free(struct strand_sim_plan *plan);

/* The power is back, nothing is planned; the count goes on. */
void strand_sim_plan_forget(struct strand_sim_plan *plan);

/* As above, and count from 0. */
void strand_sim_plan_clear(struct strand_sim_plan *plan);

void strand_sim_plan_add(struct strand_sim_plan *plan, const struct strand_sim_fault *fault);

/* Count a call of KIND that FORMAT describes; 0 to carry it out, else its result. */
int strand_sim_plan_call(struct strand_sim_plan *plan, enum strand_sim_kind kind,
                         const char *format, ...) STRAND_PRINTF(3, 4);

/* NULL when it is not remembered. */
const char *strand_sim_plan_line(const struct strand_sim_plan *plan, uint64_t nth);

#endif
