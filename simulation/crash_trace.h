/* simulation/crash_trace.h -- A crash told to people: what was done around it, what survived. */
#ifndef STRAND_SIMULATION_CRASH_TRACE_H
#define STRAND_SIMULATION_CRASH_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "simulation/crash_states.h"
#include "simulation/sim_record.h"

struct strand_crash_trace {
    char *text; /* borrowed; cut at its end */
    size_t size;
    size_t used;
};

void strand_crash_trace_line(struct strand_crash_trace *trace, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The operations of RECORD around POINT, and WHAT happened there. */
void strand_crash_trace_operations(struct strand_crash_trace *trace,
                                   const struct strand_sim_record *record, uint64_t point,
                                   const char *what);

/* What of the pending things survives in the state that STATES generated last. */
void strand_crash_trace_survivors(struct strand_crash_trace *trace,
                                  struct strand_crash_states *states);

#endif
