/* engine/checkpointer.h -- Kafka's three checkpoint files, kept up with what the logs are.
 *
 *     recovery-point-offset-checkpoint    the durable end of each log
 *     replication-offset-checkpoint       its high watermark: the committed offsets
 *     log-start-offset-checkpoint         its log start, where that is above its first segment's
 * base
 *
 * They are exports, for Kafka and its tools, and what recovery falls back on for a log without a
 * frontier slot.  Written every checkpoint_interval_ms in which something changed, sooner (but
 * STRAND_CHECKPOINT_SPACING_MS apart) after a segment was sealed or commit_bytes became durable, at
 * a clean close, and by strand_engine_checkpoint().
 *
 * A log that was deleted must not lend its offsets to a later one of the same name: while a file
 * may name a log that is not there, creating a log writes the files first.
 *
 * Of a log that is not served as it stands (quarantined, or not recovered) the files keep saying
 * what they said when it was opened.
 *
 * Threading: any thread.  Lock order: registry -> checkpoint.
 */
#ifndef STRAND_ENGINE_CHECKPOINTER_H
#define STRAND_ENGINE_CHECKPOINTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/thread.h"
#include "strandline/status.h"

struct strand_engine;

struct strand_checkpointer {
    struct strand_mutex lock;    /* held while the files are written */
    atomic_bool is_due;          /* something changed, and the committer knows when it is due */
    atomic_bool is_due_soon;     /* and that it is sooner */
    atomic_bool names_strangers; /* a file may name a log that is not there */
    atomic_uint_fast64_t bytes;  /* that became durable since */
};

void strand_checkpointer_init(struct strand_checkpointer *checkpointer);
void strand_checkpointer_deinit(struct strand_checkpointer *checkpointer);

/* BYTES more of a log are durable, or (0) another of its positions has moved. */
void strand_checkpointer_note(struct strand_engine *engine, uint64_t bytes);

/* A segment was sealed, or a log is gone: a checkpoint soon. */
void strand_checkpointer_note_soon(struct strand_engine *engine);

/* Write the files from what is true now; once more, without the ballast, where the disk is full.
 * The registry lock is not held; the second: it is. */
STRAND_MUST_USE int strand_checkpointer_write(struct strand_engine *engine);
STRAND_MUST_USE int strand_checkpointer_write_registered(struct strand_engine *engine);

/* Whether a file on disk may name a log that is not there, and lend a new one of that name its
 * offsets.  The registry lock is held; waits for files that are being written. */
bool strand_checkpointer_names_strangers(struct strand_engine *engine);

/* What the committer does when a checkpoint is due: the same; a failure is only noticed. */
void strand_checkpointer_run(struct strand_engine *engine);

#endif
