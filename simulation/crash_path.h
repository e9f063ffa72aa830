/* simulation/crash_path.h -- The way to one state, and the line that says it.
 *
 *     seed=7,names=ordered,torn=1,max=20000,samples=64,fault=none@0,power=31.12,power=4.3
 *
 * The rules that number states; the call that fails; then for each crash its kind, its point (the
 * number of operations before it) and the number of the state.
 */
#ifndef STRAND_SIMULATION_CRASH_PATH_H
#define STRAND_SIMULATION_CRASH_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "simulation/crash_attempt.h"

enum { STRAND_CRASH_STEPS_MAX = 2 };

struct strand_crash_step {
    uint32_t kind; /* enum strand_crash_kind */
    uint64_t point;
    uint64_t state;
};

struct strand_crash_path {
    struct strand_crash_planned planned;
    struct strand_crash_step steps[STRAND_CRASH_STEPS_MAX];
    size_t step_count; /* at least 1 */
};

void strand_crash_path_write(const struct strand_crash_path *path,
                             const struct strand_crash_rules *rules,
                             char out_line[STRAND_CRASH_LINE_SIZE]);

/* false: LINE is not one. */
bool strand_crash_path_read(const char *line, struct strand_crash_path *out_path,
                            struct strand_crash_rules *out_rules);

/* What came of following a path. */
enum strand_crash_verdict {
    STRAND_CRASH_PASSED,
    STRAND_CRASH_VIOLATED,
    STRAND_CRASH_NOT_THERE, /* the program does not lead there */
};

/* Check the state that PATH leads to; write sentence and trace of OUT_RESULT, and count. */
enum strand_crash_verdict strand_crash_path_follow(const struct strand_crash_setup *setup,
                                                   const struct strand_crash_path *path,
                                                   struct strand_crash_result *out_result);

#endif
