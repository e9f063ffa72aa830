/* crashtest/check_files_internal.h -- What the checks of files share. */
#ifndef STRAND_CRASHTEST_CHECK_FILES_INTERNAL_H
#define STRAND_CRASHTEST_CHECK_FILES_INTERNAL_H

#include "crashtest/check.h"
#include "crashtest/raw_log.h"

/* Each file of the data directory that is there is whole. */
bool crashtest_check_small_files(struct crashtest_check *check);

/* The slot of RAW in the frontier; false: there is none. */
bool crashtest_find_slot_of(const struct crashtest_check *check,
                            const struct crashtest_raw_log *raw,
                            struct strand_frontier_slot *out_slot);

#endif
