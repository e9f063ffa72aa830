/* crashtest/random_script.h -- Scripts made by chance, which do nothing that an engine refuses. */
#ifndef STRAND_CRASHTEST_RANDOM_SCRIPT_H
#define STRAND_CRASHTEST_RANDOM_SCRIPT_H

#include <stdint.h>

#include "crashtest/step.h"

/* A run on an empty disk, and what may go on after a first crash anywhere in it: then the engine,
 * and the logs that are there, are open.  SEED decides everything.  The scripts are small, so that
 * all that a crash may leave can be looked at, and their batches often of one size, so that what is
 * left of an earlier one stands where a later one would. */
void crashtest_random_script(uint64_t seed, struct crashtest_script *out_run,
                             struct crashtest_script *out_go_on);

#endif
