/* crashtest/broker.h -- A Kafka broker has the directory between two lives of the engine.
 *
 * It compacts the first segment of a log (the second batch goes), cuts the log off behind the first
 * batch of its second segment, behind which it leaves zeros that it had prepared, removes the other
 * segments, indexes what is left, and is shut down cleanly; all of it durable.
 *
 * A broker takes its marker's word for everything, and an index's for its segment.  So what it
 * leaves says what it was true of: an index is "index CRC" of its segment, the marker has the sum
 * of these.  Whoever changes a segment has to remove them first.
 */
#ifndef STRAND_CRASHTEST_BROKER_H
#define STRAND_CRASHTEST_BROKER_H

#include "crashtest/ledger.h"

struct strand_fs;
struct crashtest_check;

/* Do all of it to LOG, the only one, which has two segments and two batches in the first (else
 * STRAND_ERR_INVALID). */
STRAND_MUST_USE int crashtest_broker_change(const struct strand_fs *fs,
                                            const struct crashtest_ledger *ledger, int32_t log,
                                            struct crashtest_outcome *out_outcome);

/* Whether what a broker left speaks of what is there (27).  Before opening. */
bool crashtest_check_broker(struct crashtest_check *check);

#endif
