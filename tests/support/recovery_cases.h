/* tests/support/recovery_cases.h -- Logs as a crash may leave them, and what recovery makes of
 * them.
 *
 * One table for the test of the verdicts and for the tests that interrupt recovery.
 */
#ifndef STRAND_TESTS_RECOVERY_CASES_H
#define STRAND_TESTS_RECOVERY_CASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "recovery/log_recovery.h"

struct strand_sim_disk;

#define RECOVERY_CASE_DIRECTORY "/data/orders-0"

struct recovery_case {
    const char *name;
    const char *segments; /* support/log_image.h */
    const char *epochs;   /* content of the epoch file; NULL: "0\n1\n0 0\n", "": no file */
    bool has_slot;
    int64_t durable_end; /* of the slot, or Kafka's recovery point */
    int64_t log_start;   /* likewise */
    uint32_t flags;      /* of the identity */
    bool is_foreign;

    enum strand_recovery_verdict verdict; /* left out: whole */
    const char *kept;                     /* segments afterwards, as log_image_read() shows them */
    const char *saved;                    /* likewise the cut-*.bytes; NULL: none */
    int64_t log_start_after;
    int64_t log_end;
    int64_t corrupt_first; /* 0 in both: not corrupt */
    int64_t corrupt_next;
    const char *epochs_after; /* of the file; NULL: as before */
};

extern const struct recovery_case recovery_cases[];
extern const size_t recovery_case_count;

static inline enum strand_recovery_verdict
recovery_case_verdict(const struct recovery_case *test)
{
    return test->verdict == STRAND_VERDICT_CLEAN ? STRAND_VERDICT_WHOLE : test->verdict;
}

/* A disk that holds what the case names, durably. */
struct strand_sim_disk *recovery_case_disk(const struct recovery_case *test);

/* strand_log_recover() for it. */
int recovery_case_run(const struct recovery_case *test, struct strand_sim_disk *disk,
                      bool read_only, struct strand_recovered_log *out_log);

/* The epoch file's content; NULL when there is none.  Static. */
const char *recovery_case_epochs(struct strand_sim_disk *disk);

#endif
