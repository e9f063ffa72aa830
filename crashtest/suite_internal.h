/* crashtest/suite_internal.h -- What there is to explore, one by one. */
#ifndef STRAND_CRASHTEST_SUITE_INTERNAL_H
#define STRAND_CRASHTEST_SUITE_INTERNAL_H

#include "crashtest/suite.h"

/* One workload, script given, or script by chance. */
struct crashtest_case {
    char name[CRASHTEST_NAME_SIZE];
    bool is_workload;
    bool is_random;
    struct crashtest_pair pair;
};

/* STRAND_ERR_INVALID when SUITE names a workload that there is not, or its texts cannot be read. */
STRAND_MUST_USE int crashtest_suite_check(const struct crashtest_suite *suite);

size_t crashtest_suite_case_count(const struct crashtest_suite *suite);

/* Number NUMBER of a SUITE that was checked. */
void crashtest_suite_case(const struct crashtest_suite *suite, size_t number,
                          struct crashtest_case *out_case);

/* For the kit: what SUITE and PASS say. */
struct strand_crash_options crashtest_suite_options(const struct crashtest_suite *suite,
                                                    enum crashtest_pass pass);

/* Make PROGRAM of PAIR for PASS. */
STRAND_MUST_USE int crashtest_suite_program(const struct crashtest_suite *suite,
                                            enum crashtest_pass pass,
                                            const struct crashtest_pair *pair,
                                            struct crashtest_program *out_program);

/* Take over what RESULT says of its first violation. */
void crashtest_finding_take(struct crashtest_finding *finding,
                            const struct strand_crash_result *result);

#endif
