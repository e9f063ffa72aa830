/* recovery/checkpoint.h -- Kafka's text files of one offset per partition.
 *
 * recovery-point-offset-checkpoint ("flushed to disk up to"), log-start-offset-checkpoint ("deleted
 * below") and replication-offset-checkpoint ("committed up to") of a data directory:
 *
 *     0                   format version
 *     2                   number of entries
 *     orders 0 1842       topic SP partition SP offset
 *     orders 1 977
 *
 * For Strandline they are exports and a fallback: the frontier rules.
 *
 * Invariants
 *   - Lines end in LF, numbers are decimal, there is no trailing blank line.
 *   - At any instant, crash included, NAME is absent or holds one complete checkpoint.
 *   - In memory entries ascend by topic, then partition, so that looking one up is a binary search.
 *
 * Threading: no state.  Writers of one NAME exclude each other; readers need no lock.
 */
#ifndef STRAND_RECOVERY_CHECKPOINT_H
#define STRAND_RECOVERY_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "strandline/status.h"

struct strand_fs;

#define STRAND_RECOVERY_POINT_NAME "recovery-point-offset-checkpoint"
#define STRAND_LOG_START_NAME      "log-start-offset-checkpoint"
#define STRAND_COMMITTED_NAME      "replication-offset-checkpoint"

enum {
    STRAND_CHECKPOINT_VERSION = 0,
    STRAND_CHECKPOINT_COUNT_MAX = 1 << 20, /* entries */
};

struct strand_checkpoint_entry {
    char *topic;       /* owned by the checkpoint; a valid topic name */
    int32_t partition; /* >= 0 */
    int64_t offset;    /* >= 0 */
};

struct strand_checkpoint {
    struct strand_checkpoint_entry *entries; /* owned */
    size_t count;
    size_t capacity;
};

void strand_checkpoint_init(struct strand_checkpoint *checkpoint);
void strand_checkpoint_deinit(struct strand_checkpoint *checkpoint);

/* Set the offset of TOPIC-PARTITION, adding it if need be.  STRAND_ERR_NO_MEMORY. */
STRAND_MUST_USE int strand_checkpoint_set(struct strand_checkpoint *checkpoint, const char *topic,
                                          int32_t partition, int64_t offset);

/* false: not listed. */
bool strand_checkpoint_get(const struct strand_checkpoint *checkpoint, const char *topic,
                           int32_t partition, int64_t *out_offset);

/* Load NAME of DIRECTORY.  As Kafka reads it: an empty file, or one without a second line, has no
 * entries; entries are split on runs of white space.  STRAND_ERR_NOT_FOUND: no file.
 * STRAND_ERR_CORRUPT: another version, a wrong count, a malformed line, a negative number, a topic
 * outside the rules (which line, in the message) or a partition named twice (which).  CHECKPOINT,
 * which was initialised, keeps what it had unless the result is STRAND_OK. */
STRAND_MUST_USE int strand_checkpoint_load(const struct strand_fs *fs, const char *directory,
                                           const char *name, struct strand_checkpoint *checkpoint);

/* Replace NAME of DIRECTORY, durably; the old content is intact on failure (strand_file_replace).
 */
STRAND_MUST_USE int strand_checkpoint_store(const struct strand_fs *fs, const char *directory,
                                            const char *name,
                                            const struct strand_checkpoint *checkpoint);

#endif
