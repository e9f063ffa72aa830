/* crashtest/invariants.h -- What must hold after every recovery: a number, a name, a sentence.
 *
 * The numbers are stable: results, documents and the table of planted bugs speak of them.
 */
#ifndef STRAND_CRASHTEST_INVARIANTS_H
#define STRAND_CRASHTEST_INVARIANTS_H

#include <stddef.h>

enum crashtest_invariant {
    CRASHTEST_ACKNOWLEDGED_PRESENT = 1,
    CRASHTEST_OFFSETS_CONTIGUOUS,
    CRASHTEST_OFFSETS_UNIQUE,
    CRASHTEST_NOTHING_INVENTED,
    CRASHTEST_NOTHING_REVIVED,
    CRASHTEST_PREFIX_KEPT,
    CRASHTEST_BATCHES_VALID,
    CRASHTEST_BATCHES_WHOLE,
    CRASHTEST_SEGMENTS_ADJOIN,
    CRASHTEST_ONLY_TAIL_TORN,
    CRASHTEST_EPOCHS_ASCEND,
    CRASHTEST_EPOCHS_AGREE,
    CRASHTEST_TRUNCATION_EXACT,
    CRASHTEST_POSITIONS_ORDERED,
    CRASHTEST_DURABLE_END_KEPT,
    CRASHTEST_CHECKPOINTS_TRUE,
    CRASHTEST_NO_TORN_FILE,
    CRASHTEST_INDEX_TRUE,
    CRASHTEST_LOOKUPS_EXACT,
    CRASHTEST_RECOVERY_IDEMPOTENT,
    CRASHTEST_RECOVERY_REPEATABLE,
    CRASHTEST_SERVED_IS_DURABLE,
    CRASHTEST_WORK_GOES_ON,
    CRASHTEST_NOTHING_BEHIND_END,
    CRASHTEST_READERS_BOUNDED,
    CRASHTEST_PRODUCERS_REPLAYED,
    CRASHTEST_CLEAN_MARKER_TRUE,
    CRASHTEST_RECOVERY_BOUNDED,
    CRASHTEST_FULL_DISK_OPENS,
    CRASHTEST_FAILED_SYNC_LATCHES,
    CRASHTEST_ONE_WRITER,
    CRASHTEST_DETERMINISTIC,
    CRASHTEST_INVARIANT_END
};

/* "acknowledged_present" */
const char *crashtest_invariant_name(enum crashtest_invariant invariant);

/* "Every record acknowledged as durable is there, with the same bytes." */
const char *crashtest_invariant_sentence(enum crashtest_invariant invariant);

/* 0: NAME is none. */
enum crashtest_invariant crashtest_invariant_find(const char *name);

#endif
