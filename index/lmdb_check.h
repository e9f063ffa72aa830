/* index/lmdb_check.h -- Whether LMDB can read a file without harm to the process.
 *
 * LMDB follows what stands in its file without a look: a damaged page number or node offset is a
 * SIGSEGV, a file that was cut is a SIGBUS, and a page that is free twice is two entries in one
 * place. This reads the file with pread(), never through a map, and refuses what LMDB 0.9 could
 * stumble over, by reading or by writing: meta pages, page headers and bounds, nodes, order of keys
 * within and between pages, depth, overflow pages, the list of free pages, each page reached once.
 *
 * For files of one table, the unnamed one, without duplicates, and of the byte order and word size
 * of this machine.  What stands in a free page, or in the unused part of a page, is of no interest.
 *
 * Memory: a bit for each page, and a page for each level of the tree.  One pass over pages in use.
 *
 * Statuses: STRAND_ERR_CORRUPT "check PATH: page N: cause"; _VERSION for another data version of
 * LMDB; those of reading.
 */
#ifndef STRAND_INDEX_LMDB_CHECK_H
#define STRAND_INDEX_LMDB_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "strandline/status.h"

struct strand_file;

/* Whether an entry is one that may be there. */
typedef bool strand_lmdb_entry_fn(void *argument, const uint8_t *key, size_t key_size,
                                  const uint8_t *value, size_t value_size);

/* DONE of the TOTAL pages in use have been checked. */
typedef void strand_lmdb_progress_fn(void *argument, uint64_t done, uint64_t total);

struct strand_lmdb_visitor { /* either function may be NULL */
    strand_lmdb_entry_fn *is_valid;
    strand_lmdb_progress_fn *progress;
    void *argument;
};

struct strand_lmdb_facts {
    uint32_t page_size;
    uint64_t transaction; /* the newest */
    uint64_t page_count;  /* up to the last that was ever used */
    uint64_t used_pages;  /* in the trees, meta pages left out */
    uint64_t free_pages;
    uint64_t entry_count;
};

/* Meta pages, the free pages, and that no page in use lies behind the end of the file: a few reads.
 * OUT_FACTS may be NULL. */
STRAND_MUST_USE int strand_lmdb_check_head(const struct strand_file *file,
                                           struct strand_lmdb_facts *out_facts);

/* All of it.  OUT_FACTS may be NULL. */
STRAND_MUST_USE int strand_lmdb_check(const struct strand_file *file,
                                      const struct strand_lmdb_visitor *visitor,
                                      struct strand_lmdb_facts *out_facts);

#endif
