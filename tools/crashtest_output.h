/* tools/crashtest_output.h -- What a crash test found, for people and for programs. */
#ifndef STRAND_TOOLS_CRASHTEST_OUTPUT_H
#define STRAND_TOOLS_CRASHTEST_OUTPUT_H

#include "crashtest/suite.h"

/* Workloads, passes, steps, invariants. */
STRAND_MUST_USE int cli_crashtest_print_list(void);

/* A row for each workload and pass, sums, and the first violation. */
STRAND_MUST_USE int cli_crashtest_print(const struct crashtest_report *report);

/* One object. */
void cli_crashtest_print_json(const struct crashtest_suite *suite,
                              const struct crashtest_report *report);

/* The violation alone: of a state that was looked at again. */
void cli_crashtest_print_finding(const struct crashtest_finding *finding);
void cli_crashtest_print_finding_json(const struct crashtest_finding *finding);

#endif
