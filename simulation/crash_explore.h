/* simulation/crash_explore.h -- The loop over all that may happen to a program.
 *
 *     for each run (without a fault, then with one at each call)
 *         for each boundary between its operations
 *             for each state that a crash there may leave, if it is new
 *                 an item: see crash_worker.h
 *
 * Items are gathered until there are many, then checked on several threads, then the next are
 * gathered: so that which of them is the first of its kind does not depend on threads.
 */
#ifndef STRAND_SIMULATION_CRASH_EXPLORE_H
#define STRAND_SIMULATION_CRASH_EXPLORE_H

#include "simulation/crash_attempt.h"

/* As strand_crash_explore(), with the options worked out. */
int strand_crash_explore_all(const struct strand_crash_setup *setup,
                             struct strand_crash_result *out_result);

#endif
