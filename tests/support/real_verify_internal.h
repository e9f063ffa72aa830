/* tests/support/real_verify_internal.h -- What the files of real_verify share: the log that is
 * being verified.
 */
#ifndef STRAND_TESTS_REAL_VERIFY_INTERNAL_H
#define STRAND_TESTS_REAL_VERIFY_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "strandline/log.h"
#include "support/real_promises.h"

struct real_found {
    uint32_t number;
    int32_t epoch;
    int64_t timestamp;
};

struct real_epochs {
    struct strand_leader_epoch entries[REAL_EPOCHS_MAX];
    size_t count;
};

struct real_view {
    struct real_log *promised;
    struct strand_log *log;
    int index;
    struct strand_positions positions;
    struct real_found found[REAL_NUMBERS_MAX]; /* by offset, from the log start on */
    int64_t found_count;
    struct real_epochs epochs;
};

extern struct real_view real_view; /* one for the process */

_Noreturn void real_violated(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The event that had not returned; NULL: there is none. */
const struct real_event *real_pending_event(void);

/* A strand_leader_epoch_visit_fn; CONTEXT is a struct real_epochs. */
int real_note_epoch(void *context, const struct strand_leader_epoch *epoch);

/* Hold the history against the records, and against what was promised. */
void real_verify_epochs(void);

#endif
