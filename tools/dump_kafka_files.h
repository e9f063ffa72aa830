/* tools/dump_kafka_files.h -- What a broker keeps beside its segments, as text: offset, time and
 * transaction indexes, producer snapshots, and the checkpoint files.
 *
 * To look at only: nothing else in the project reads indexes or snapshots.
 */
#ifndef STRAND_TOOLS_DUMP_KAFKA_FILES_H
#define STRAND_TOOLS_DUMP_KAFKA_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "strandline/status.h"

struct strand_file;

/* By its name: *.index, *.timeindex, *.txnindex, *.snapshot, leader-epoch-checkpoint,
 * *-offset-checkpoint. */
bool cli_kafka_file_is_known(const char *path);

/* Print FILE, which has SIZE bytes and the absolute PATH: lines as DumpLogSegments prints them (it
 * has none for checkpoints), or a JSON object a line.  STRAND_ERR_CORRUPT behind what could be
 * read; STRAND_END: the reader of the output has gone. */
STRAND_MUST_USE int cli_kafka_file_dump(const struct strand_file *file, const char *path,
                                        int64_t size, bool json);

#endif
