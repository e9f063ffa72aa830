/* recovery/kafka_files.h -- What a broker derives from a segment and later takes on trust.
 *
 * Kafka does not check the content of N.index, N.timeindex and N.txnindex that stand beside N.log,
 * nor whether a producer snapshot fits the log.  So before N.log changes its indexes go, and
 * snapshots from above the log end go when the log ends lower; a broker that opens the directory
 * later makes them anew.
 *
 * Threading: one log, one thread at a time.
 */
#ifndef STRAND_RECOVERY_KAFKA_FILES_H
#define STRAND_RECOVERY_KAFKA_FILES_H

#include <stdint.h>

#include "strandline/status.h"

struct strand_fs;

/* Remove from DIRECTORY the indexes of segments whose base is at or above BASE_OFFSET, and
 * snapshots from above LOG_END; sync the directory if there was any. */
STRAND_MUST_USE int strand_kafka_files_remove(const struct strand_fs *fs, const char *directory,
                                              int64_t base_offset, int64_t log_end);

#endif
