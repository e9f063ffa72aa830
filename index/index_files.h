/* index/index_files.h -- What is done to the files of an LMDB index outside of LMDB. */
#ifndef STRAND_INDEX_INDEX_FILES_H
#define STRAND_INDEX_INDEX_FILES_H

#include "index/index.h"
#include "index/lmdb_check.h"

/* Whether LMDB may open the data file: meta pages, free pages and length, or all of it with its
 * entries.  STRAND_ERR_NOT_FOUND: it is not there, or empty.  PROGRESS and OUT_FACTS may be NULL.
 */
STRAND_MUST_USE int strand_index_files_check_head(const struct strand_index_options *options);
STRAND_MUST_USE int strand_index_files_check(const struct strand_index_options *options,
                                             strand_index_progress_fn *progress, void *argument,
                                             struct strand_lmdb_facts *out_facts);

/* The same with what VISITOR takes for entries. */
STRAND_MUST_USE int strand_index_files_walk(const struct strand_index_options *options,
                                            const struct strand_lmdb_visitor *visitor,
                                            struct strand_lmdb_facts *out_facts);

/* Make the lock file afresh. */
STRAND_MUST_USE int strand_index_files_prepare(const struct strand_index_options *options);

#endif
