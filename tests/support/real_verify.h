/* tests/support/real_verify.h -- Whether an engine that was just opened keeps what was promised.
 *
 * Every record that was acknowledged durable is there, with its bytes, offset and epoch; nothing is
 * there that was never appended, or that an earlier opening had not found, or that was truncated
 * durably; offsets have no gap; a record that was written is there or nothing is, at its offset;
 * batches are whole; the log start and the epochs are what was acknowledged; all of it is durable;
 * the engine is healthy; searches by offset and by time agree with a scan.
 */
#ifndef STRAND_TESTS_REAL_VERIFY_H
#define STRAND_TESTS_REAL_VERIFY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "support/real_promises.h"

struct strand_engine;

enum { REAL_VERDICTS = 7 }; /* enum strand_recovery_verdict */

/* What was met, summed up over all openings; shared with other processes. */
struct real_findings {
    _Atomic uint32_t openings;      /* that were verified */
    _Atomic uint64_t records;       /* read */
    _Atomic uint32_t written_lost;  /* records that were written, not acknowledged durable */
    _Atomic uint32_t openings_lost; /* openings that found such a loss */
    _Atomic uint32_t openings_cut;  /* openings that cut a torn tail */
    _Atomic uint32_t interrupted[REAL_EVENT_KINDS]; /* events that had not returned */
    _Atomic uint32_t verdicts[REAL_VERDICTS];       /* of logs */
};

/* Verify LOGS of ENGINE.  Then PROMISES are what was found, noted under LOCK: whoever kills this
 * process holds it.  Prints the violation and exits with 1 where there is one. */
void real_verify(struct strand_engine *engine, struct strand_log *const logs[REAL_LOGS],
                 struct real_promises *promises, struct real_findings *findings,
                 pthread_mutex_t *lock);

#endif
