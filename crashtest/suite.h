/* crashtest/suite.h -- Workloads, each explored in several ways, and what came of it.
 *
 * What `strandline crashtest` runs, and our own tests.  Everything that is found can be looked at
 * again: workload or scripts, pass and the line of the state name it.
 */
#ifndef STRAND_CRASHTEST_SUITE_H
#define STRAND_CRASHTEST_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crashtest/passes.h"
#include "crashtest/shrink.h"
#include "strandline/crash.h"

struct crashtest_report;

enum {
    CRASHTEST_NAME_SIZE = 48,
    CRASHTEST_ARGUMENTS_SIZE = 2 * CRASHTEST_TEXT_SIZE + 2 * STRAND_CRASH_LINE_SIZE,
};

/* What to explore.  All zeros: all workloads, in all passes that need no RAM disk, to the end. */
struct crashtest_suite {
    const char *workload;  /* a name, or "all"; NULL: all, unless one of the next two is set */
    const char *script;    /* text of a run (see step.h); NULL: none */
    const char *go_on;     /* ... and of what goes on after a first crash; NULL: nothing does */
    uint32_t random_count; /* scripts by chance, from SEED on */
    uint64_t seed;
    uint32_t passes;           /* bits, 1 << enum crashtest_pass; 0: all */
    uint32_t crashes;          /* enum strand_crash_kind; 0: both */
    uint32_t jobs;             /* threads; 0: 1 */
    int64_t time_limit_ms;     /* spread over all that is to be explored; 0: none */
    bool keeps_going;          /* a violation does not end it */
    const char *ram_directory; /* an empty directory on a RAM disk; NULL: there is none */
    /* How far it has come, now and then, by the thread that runs it; not 0 ends it. */
    int (*progress)(void *context, const struct crashtest_report *report);
    void *progress_context;
};

struct crashtest_sums {
    uint64_t unique_states;
    uint64_t recoveries;
    uint64_t crash_points;
    uint64_t sampled_points;
    uint64_t runs;
    uint64_t violations;
    double seconds;
};

/* One workload in one pass. */
struct crashtest_row {
    char name[CRASHTEST_NAME_SIZE]; /* of the workload; "script"; "random SEED" */
    enum crashtest_pass pass;
    struct crashtest_sums sums;
    bool is_complete; /* not stopped by a violation, by time or by PROGRESS */
    char sentence[STRAND_CRASH_SENTENCE_SIZE]; /* its first violation; "": none */
};

/* The first violation. */
struct crashtest_finding {
    char name[CRASHTEST_NAME_SIZE]; /* as in its row; "": nothing was found */
    bool is_workload;
    enum crashtest_pass pass;
    struct crashtest_pair pair; /* of a random script: shrunk */
    uint32_t tries;             /* that shrinking took */
    char sentence[STRAND_CRASH_SENTENCE_SIZE];
    char line[STRAND_CRASH_LINE_SIZE]; /* "": the run itself failed */
    char trace[STRAND_CRASH_TRACE_SIZE];
};

struct crashtest_report {
    struct crashtest_row *rows; /* owned; those that have been begun */
    size_t row_count;
    size_t row_total;           /* that were to be explored */
    size_t skipped_count;       /* of them those that need a RAM disk, and have none */
    struct crashtest_sums sums; /* of all rows */
    struct crashtest_counts counts;
    bool is_complete; /* every row is, and none was left out */
    bool is_shrinking;
    struct crashtest_finding finding;
};

/* Explore.  STRAND_OK; STRAND_ERR_CORRUPT when there was a violation, which the report tells, or
 * when a run failed though nothing was in its way; STRAND_ERR_INVALID, with a sentence, when SUITE
 * names what there is not, or its script cannot be read; _NO_MEMORY, _IO.  *OUT_REPORT is to be
 * given to crashtest_report_deinit() whatever happened. */
STRAND_MUST_USE int crashtest_suite_run(const struct crashtest_suite *suite,
                                        struct crashtest_report *out_report);

void crashtest_report_deinit(struct crashtest_report *report);

/* Look at the state that LINE names, of SUITE's one workload or script, once more.  SUITE has one
 * pass.  STRAND_OK: it is as it should be.  STRAND_ERR_CORRUPT: *OUT_FINDING tells.
 * STRAND_ERR_INVALID, with a sentence. */
STRAND_MUST_USE int crashtest_suite_replay(const struct crashtest_suite *suite, const char *line,
                                           struct crashtest_finding *out_finding);

/* What replays FINDING, quoted for a shell: "--workload W --passes P --state LINE". */
void crashtest_finding_arguments(const struct crashtest_finding *finding,
                                 char out_text[CRASHTEST_ARGUMENTS_SIZE]);

#endif
