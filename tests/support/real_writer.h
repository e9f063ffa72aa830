/* tests/support/real_writer.h -- A process that opens an engine on a real file system, verifies it
 * (support/real_verify.h), works on it with several threads, and kills itself.
 *
 * It appends durably and by WRITTEN to three logs with small segments, waits, truncates, trims,
 * begins epochs and writes checkpoints, and notes what it was promised.
 */
#ifndef STRAND_TESTS_REAL_WRITER_H
#define STRAND_TESTS_REAL_WRITER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "support/real_promises.h"
#include "support/real_verify.h"

/* What the kill waits for; the first ones are enum real_event_kind that begin. */
enum {
    REAL_KILL_ACKNOWLEDGED = REAL_EVENT_KINDS,
    REAL_KILL_OPENING, /* from its begin, as with the next */
    REAL_KILL_CLOSING, /* which comes after as many acknowledgements */
    REAL_KILL_TARGETS,
};

struct real_plan {
    uint64_t seed;
    uint32_t boot; /* changes with each power cut */
    int target;
    uint32_t target_count; /* acknowledgements, or events */
    int unsynced_log;      /* is only written to, and nobody waits; -1: none */
    uint32_t spin_ns;      /* from then to the kill */
    int32_t segment_bytes;
    int32_t preparation; /* enum strand_preparation */
    uint32_t commit_interval_ms;
    uint32_t checkpoint_interval_ms;
    bool has_write_back;    /* parts of files, or the journal, reach the disk by chance */
    const char *directory;  /* of the data */
    const char *other_file; /* on the same file system: syncing it writes the journal */
    _Atomic int *fault;     /* not NULL: before the kill it is set to FAULT_MODE, until a log has
                               failed, */
    int fault_mode;
    int openings_may_fail; /* not 0: in this boot a write has failed that no sync has told of */
    bool has_cure;         /* then to 0, and the log must stay failed */
};

/* Shared by the processes. */
struct real_shared {
    struct real_promises promises;
    struct real_findings findings;
    _Atomic uint64_t acknowledgements;
    _Atomic bool was_killed;   /* as it should, and not by itself otherwise */
    _Atomic uint32_t closings; /* that returned before the kill */
    _Atomic uint32_t logs_failed;
    _Atomic uint32_t failed_openings;
};

/* In a child process.  Does not return: dies by SIGKILL, or exits with 1 behind a sentence. */
_Noreturn void real_writer_run(const struct real_plan *plan, struct real_shared *shared);

#endif
