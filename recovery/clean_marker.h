/* recovery/clean_marker.h -- strandline.clean: the logs that were closed cleanly, what they were
 * like, and the index that goes with them.
 *
 * Written last at a clean close, when all that it names is durable; read and removed first when the
 * directory is opened for writing.  A log that it names, and whose files are still as it says, need
 * not be read.  It never vouches for what it does not name: logs that have failed or are
 * quarantined are left out.  An index that it names, and that is still as it says, need not have
 * its whole structure checked.
 *
 *   byte  0        4         8       12             20           28
 *         +--------+---------+-------+--------------+------------+
 *         | "STCL" | version | count | index commit | index size |
 *         +--------+---------+-------+--------------+------------+
 *   then COUNT entries of 64 bytes, ascending by id:
 *         id 16, generation 8, log start 8, log end 8, active base 8, active size 8,
 *         number of segments 4, newest epoch 4
 *   then CRC-32C (4) of all before it.  Little-endian.  The version is 2; 1 named no index, and is
 *   believed as little as any other.
 *
 * Threading: no state.
 */
#ifndef STRAND_RECOVERY_CLEAN_MARKER_H
#define STRAND_RECOVERY_CLEAN_MARKER_H

#include <stddef.h>
#include <stdint.h>

#include "recovery/log_identity.h"
#include "strandline/status.h"

struct strand_fs;

#define STRAND_CLEAN_NAME "strandline.clean"

struct strand_clean_entry {
    uint8_t id[STRAND_LOG_ID_SIZE];
    uint64_t generation;
    int64_t log_start;
    int64_t log_end; /* also the durable end */
    int64_t active_base_offset;
    int64_t active_size; /* bytes; exact: no prepared space stands behind them */
    uint32_t segment_count;
    int32_t newest_epoch; /* -1 = none */
};

struct strand_clean_marker {
    struct strand_clean_entry *entries; /* owned */
    size_t count;
    size_t capacity;
    uint64_t index_commit; /* number of the last commit of the index; 0: none */
    int64_t index_size;    /* bytes of its file; 0 exactly when there is no commit */
};

void strand_clean_marker_init(struct strand_clean_marker *marker);
void strand_clean_marker_deinit(struct strand_clean_marker *marker);

/* STRAND_ERR_NO_MEMORY. */
STRAND_MUST_USE int strand_clean_marker_add(struct strand_clean_marker *marker,
                                            const struct strand_clean_entry *entry);

/* NULL: it does not vouch for ID.  MARKER was loaded or stored: its entries ascend. */
const struct strand_clean_entry *strand_clean_marker_find(const struct strand_clean_marker *marker,
                                                          const uint8_t id[STRAND_LOG_ID_SIZE]);

/* Load it from DIRECTORY into MARKER, which was initialised and stays empty on failure.
 * STRAND_ERR_NOT_FOUND; STRAND_ERR_CORRUPT (size, magic, version, CRC, order, or numbers that
 * cannot be: which, in the message): a marker that is not believed is as if there were none. */
STRAND_MUST_USE int strand_clean_marker_load(const struct strand_fs *fs, const char *directory,
                                             struct strand_clean_marker *marker);

/* Sort the entries and write the file, durably, with the numbers of the index as they are in
 * MARKER: those that cannot be make a file that is not believed, and all logs are recovered. */
STRAND_MUST_USE int strand_clean_marker_store(const struct strand_fs *fs, const char *directory,
                                              struct strand_clean_marker *marker);

#endif
