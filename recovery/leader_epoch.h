/* recovery/leader_epoch.h -- Which leader epoch wrote which offsets (KIP-101, KIP-279), and the
 * file leader-epoch-checkpoint in Kafka's format:
 *
 *     0            version
 *     2            number of entries
 *     0 0          epoch SP start offset
 *     5 1234
 *
 * Invariants: epochs and start offsets both increase strictly from entry to entry.
 *
 * A history is memory; strand_leader_epochs_store() makes it durable.  The order "durable before
 * the first batch of the epoch" is the engine's.
 *
 * Threading: the caller's lock.
 */
#ifndef STRAND_RECOVERY_LEADER_EPOCH_H
#define STRAND_RECOVERY_LEADER_EPOCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "strandline/log.h" /* struct strand_leader_epoch */
#include "strandline/status.h"

struct strand_fs;

#define STRAND_LEADER_EPOCH_NAME "leader-epoch-checkpoint"

enum { STRAND_LEADER_EPOCH_COUNT_MAX = 1 << 20 }; /* entries */

struct strand_leader_epochs {
    struct strand_leader_epoch *entries; /* owned; ascending */
    size_t count;
    size_t capacity;
};

void strand_leader_epochs_init(struct strand_leader_epochs *epochs);
void strand_leader_epochs_deinit(struct strand_leader_epochs *epochs);

/* A copy that owns its entries.  STRAND_ERR_NO_MEMORY. */
STRAND_MUST_USE int strand_leader_epochs_copy(const struct strand_leader_epochs *from,
                                              struct strand_leader_epochs *out_epochs);

/* EPOCH begins at START_OFFSET.  Nothing happens if EPOCH is the newest and does not begin later
 * than START_OFFSET; otherwise entries with a higher or equal epoch, or that start at or above
 * START_OFFSET, are removed first, from the newest backwards (Kafka's assign).  *OUT_CHANGED.
 * STRAND_ERR_TOO_LARGE above STRAND_LEADER_EPOCH_COUNT_MAX entries; STRAND_ERR_NO_MEMORY. */
STRAND_MUST_USE int strand_leader_epochs_assign(struct strand_leader_epochs *epochs, int32_t epoch,
                                                int64_t start_offset, bool *out_changed);

/* -1 when there is none. */
int32_t strand_leader_epochs_newest(const struct strand_leader_epochs *epochs);
int32_t strand_leader_epochs_for_offset(const struct strand_leader_epochs *epochs, int64_t offset);

/* Where EPOCH begins; -1 when it has no entry. */
int64_t strand_leader_epochs_start(const struct strand_leader_epochs *epochs, int32_t epoch);

/* Where EPOCH ends (Kafka's endOffsetFor): the newest ends at LOG_END; a known or skipped one at
 * the start of the next higher, with the floor epoch as *OUT_EPOCH; one above all, or -1: (-1, -1).
 */
void strand_leader_epochs_end_offset(const struct strand_leader_epochs *epochs, int32_t epoch,
                                     int64_t log_end, int32_t *out_epoch, int64_t *out_end_offset);

/* Remove entries that start at or above OFFSET (with KEEP_AT: above it).  Returns whether any was.
 */
bool strand_leader_epochs_cut_from_end(struct strand_leader_epochs *epochs, int64_t offset,
                                       bool keep_at);

/* Remove entries that start at or below OFFSET, but keep the last of them, starting at OFFSET. */
bool strand_leader_epochs_cut_from_start(struct strand_leader_epochs *epochs, int64_t offset);

/* Load the file of DIRECTORY into EPOCHS, which was initialised and keeps what it had unless the
 * result is STRAND_OK.  An empty file has no entries. STRAND_ERR_NOT_FOUND: no file;
 * STRAND_ERR_CORRUPT: another version, a wrong count, a line that is not two numbers, numbers out
 * of range or not ascending (which line, in the message). */
STRAND_MUST_USE int strand_leader_epochs_load(const struct strand_fs *fs, const char *directory,
                                              struct strand_leader_epochs *epochs);

/* Replace the file of DIRECTORY, durably. */
STRAND_MUST_USE int strand_leader_epochs_store(const struct strand_fs *fs, const char *directory,
                                               const struct strand_leader_epochs *epochs);

#endif
