/* crashtest/check_index_internal.h -- What the two halves of the check of an index share. */
#ifndef STRAND_CRASHTEST_CHECK_INDEX_INTERNAL_H
#define STRAND_CRASHTEST_CHECK_INDEX_INTERNAL_H

#include "crashtest/check.h"
#include "crashtest/raw_log.h"

/* Everything that INDEX, the engine's, has of the log RAW, which ends at LOG_END, is true of the
 * batches; and it has nothing of a log that is not there.  WHEN is for sentences. */
struct strand_index;
bool crashtest_check_index_content(struct crashtest_check *check, struct strand_index *index,
                                   const struct crashtest_raw_log *raw, int64_t log_end,
                                   const char *when);

#endif
