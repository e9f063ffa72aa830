/* engine/log_read.h -- Finding batches in a log: what fetch, cursor and time look-up share.
 *
 * Threading: any thread; takes the state lock.
 */
#ifndef STRAND_ENGINE_LOG_READ_H
#define STRAND_ENGINE_LOG_READ_H

#include <stdint.h>

#include "strandline/log.h"
#include "strandline/status.h"

struct strand_log;

/* strand_log_fetch() without the checks of arguments; MAX_BYTES > 0. */
STRAND_MUST_USE int strand_log_fetch_unchecked(struct strand_log *log, int64_t offset,
                                               int isolation, uint32_t max_bytes,
                                               struct strand_fetch *out_fetch);

/* The base of the first segment above the one that holds OFFSET, or the log end: where reading may
 * go on behind damage. */
int64_t strand_log_next_segment_offset(struct strand_log *log, int64_t offset);

/* Fail for offsets [FIRST, NEXT), which a read that ended with STATUS could not have: as
 * STRAND_ERR_CORRUPT if the bytes are no batch; as STRAND_ERR_TRUNCATED if this is a reader and the
 * writer has cut the log meanwhile; else as STATUS.  State lock not held. */
int strand_log_fail_read(const struct strand_log *log, int64_t first, int64_t next, int status);

/* Fail with STRAND_ERR_CORRUPT for offsets [FIRST, NEXT) of LOG. */
int strand_log_fail_corrupt(const struct strand_log *log, int64_t first, int64_t next,
                            const char *reason);

#endif
