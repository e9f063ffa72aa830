/* recovery/frontier.h -- strandline.frontier: per log, what is durable.  Recovery trusts it.
 *
 * The file is an array of 64-byte slots, each aligned to 64 bytes, so that a slot never crosses a
 * sector and is torn at most into bytes that its CRC refuses:
 *
 *   byte  0      16           24          32              40            48        56      60
 *         +------+------------+-----------+---------------+-------------+---------+-------+-----+
 *         |log id| generation | log start | high watermark| durable end | log end | flags | crc |
 *         +------+------------+-----------+---------------+-------------+---------+-------+-----+
 *
 * Little-endian; CRC-32C of [0, 60); an unused slot is all zeros.  Slot 0 holds the file's header:
 * "STRANDFR", version (uint32) = 1, zeros, CRC.
 *
 * Invariants
 *   - Whatever good slot is found after a crash was true when it was written: durable end names
 *     bytes that a sync had covered.
 *   - Slots are overwritten in place (a full disk does not stop that); the file grows by a block of
 *     64 slots.
 *   - The generation in a slot never falls: a write with a lower one than the slot holds is
 *     dropped.  An overtaken commit round cannot raise a lowered slot again.
 *   - After a failed sync, or a failed write that may have torn a slot, the file is never synced
 *     again: the next strand_frontier_sync() replaces it whole under a new name, from memory.
 *   - 0 <= log start <= durable end <= log end; a slot that says otherwise is a bad one.
 *
 * Threading: any thread; one lock inside, which is held during writes and not during a sync (but
 * while the file is replaced, which only a failure brings about).
 */
#ifndef STRAND_RECOVERY_FRONTIER_H
#define STRAND_RECOVERY_FRONTIER_H

#include <stdbool.h>
#include <stdint.h>

#include "recovery/log_identity.h"
#include "strandline/status.h"

struct strand_fs;
struct strand_frontier;

#define STRAND_FRONTIER_NAME "strandline.frontier"

enum strand_frontier_flag {
    STRAND_FRONTIER_RESETTING = 1, /* a reset to these offsets has begun and must be finished */
};

struct strand_frontier_slot {
    uint8_t id[STRAND_LOG_ID_SIZE];
    uint64_t generation;
    int64_t log_start;
    int64_t high_watermark;
    int64_t durable_end;
    int64_t log_end;
    uint32_t flags;
};

/* Create the file with its header, durably (file and name), in DIRECTORY. */
STRAND_MUST_USE int strand_frontier_initialise(const struct strand_fs *fs, const char *directory);

/* Load it.  A missing or unreadable header gives an empty frontier that WRITABLE creates anew (its
 * absence is no error: recovery then falls back on Kafka's text files); single bad slots are as if
 * they were empty.  *OUT_BAD_SLOTS counts them, -1 for a bad header, 0 for no file.  Of two slots
 * with one id, left by a cut, the newer one counts.  STRAND_ERR_VERSION for a newer version;
 * STRAND_ERR_IO, _NO_SPACE (creating it), _NO_MEMORY. */
STRAND_MUST_USE int strand_frontier_open(const struct strand_fs *fs, const char *directory,
                                         bool writable, struct strand_frontier **out_frontier,
                                         int64_t *out_bad_slots);

/* Accepts NULL.  Syncs nothing. */
int strand_frontier_close(struct strand_frontier *frontier);

/* false: there is no good slot for ID. */
bool strand_frontier_find(struct strand_frontier *frontier, const uint8_t id[STRAND_LOG_ID_SIZE],
                          struct strand_frontier_slot *out_slot);

/* Write SLOT for its id, in a new place if it has none; dropped, with STRAND_OK, if the generation
 * there is higher.  Not durable before the next sync.  On failure the slot keeps what it had. */
STRAND_MUST_USE int strand_frontier_write(struct strand_frontier *frontier,
                                          const struct strand_frontier_slot *slot);

/* Free the slot of ID (zeros); nothing if there is none. */
STRAND_MUST_USE int strand_frontier_remove(struct strand_frontier *frontier,
                                           const uint8_t id[STRAND_LOG_ID_SIZE]);

/* The page cache may show what a failed sync of another process left unwritten: make durable what
 * it shows, in a new file, or in place where there is no room for one. */
STRAND_MUST_USE int strand_frontier_renew(struct strand_frontier *frontier);

/* Everything written before the call is durable.  Callers that come while another one syncs wait
 * for it, and for one more sync if they wrote after it had begun. */
STRAND_MUST_USE int strand_frontier_sync(struct strand_frontier *frontier);

/* strand_frontier_write() and strand_frontier_sync(). */
STRAND_MUST_USE int strand_frontier_write_durably(struct strand_frontier *frontier,
                                                  const struct strand_frontier_slot *slot);

/* When the first slot since the last sync was written, on the seam's monotonic clock; -1: none. */
int64_t strand_frontier_dirty_since_ns(struct strand_frontier *frontier);

#endif
