/* crashtest/passes.h -- The ways in which each workload is explored. */
#ifndef STRAND_CRASHTEST_PASSES_H
#define STRAND_CRASHTEST_PASSES_H

#include "crashtest/program.h"

enum crashtest_pass {
    CRASHTEST_PASS_CUTS,
    CRASHTEST_PASS_TWICE,
    CRASHTEST_PASS_FAULTS,
    CRASHTEST_PASS_FULL,
    CRASHTEST_PASS_NAMES,
    CRASHTEST_PASS_INDEX,
    CRASHTEST_PASS_OLD_INDEX,
    CRASHTEST_PASS_NO_INDEX,
    CRASHTEST_PASS_BAD_INDEX,
    CRASHTEST_PASS_END
};

struct crashtest_pass_form {
    const char *name;
    const char *about;          /* a line */
    uint32_t looks;             /* enum crashtest_look */
    enum crashtest_index index; /* all but CRASHTEST_INDEX_MEMORY need a RAM disk */
    int32_t depth;
    uint32_t faults;     /* enum strand_crash_fault */
    int32_t directories; /* enum strand_crash_directories */
};

extern const struct crashtest_pass_form crashtest_passes[CRASHTEST_PASS_END];

/* CRASHTEST_PASS_END: there is none. */
enum crashtest_pass crashtest_pass_find(const char *name);

#endif
