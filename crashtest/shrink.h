/* crashtest/shrink.h -- Make scripts smaller while they still fail. */
#ifndef STRAND_CRASHTEST_SHRINK_H
#define STRAND_CRASHTEST_SHRINK_H

#include <stdbool.h>
#include <stdint.h>

#include "crashtest/step.h"

/* What is explored together: see crashtest/program.h. */
struct crashtest_pair {
    struct crashtest_script run;
    struct crashtest_script go_on;
};

/* Whether PAIR fails as the one does that is made smaller.  A pair that an engine refuses does
 * not. */
typedef bool crashtest_fails_fn(void *context, const struct crashtest_pair *pair);

/* Remove steps of PAIR, which fails, lower their numbers, and take back settings, as long as it
 * still fails, until nothing more helps or FAILS has been asked TRIES_MAX times.  Returns how often
 * it was. */
uint32_t crashtest_shrink(struct crashtest_pair *pair, crashtest_fails_fn *fails, void *context,
                          uint32_t tries_max);

#endif
