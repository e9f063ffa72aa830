/* tests/support/index_audit.h -- Read all that an index holds, and see that LMDB reads what is in
 * the file. */
#ifndef STRAND_TESTS_INDEX_AUDIT_H
#define STRAND_TESTS_INDEX_AUDIT_H

#include "index/index.h"

/* Read each entry and check its CRC: STRAND_ERR_CORRUPT.  Entries that are put or removed meanwhile
 * are counted or not. */
int index_count(struct strand_index *index, struct strand_index_counts *out_counts);

/* Check the whole file of a closed index as for is_suspect, then open it and read each entry
 * through LMDB.  Statuses as for opening, and STRAND_ERR_NOT_FOUND.  PROGRESS may be NULL. */
int index_verify(const struct strand_index_options *options, strand_index_progress_fn *progress,
                 void *argument, struct strand_index_counts *out_counts);

#endif
