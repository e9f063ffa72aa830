/* index/lmdb_page.h -- A page of LMDB's trees, by itself. */
#ifndef STRAND_INDEX_LMDB_PAGE_H
#define STRAND_INDEX_LMDB_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strand_lmdb_bytes { /* borrowed */
    const uint8_t *data;
    size_t size;
};

/* Whether header and nodes of the page are what LMDB writes, so that the functions below, and LMDB,
 * stay within it: NULL, or what is wrong.  SCRATCH has half a page of room. */
const char *strand_lmdb_page_flaw(const uint8_t *page, size_t page_size, bool is_leaf,
                                  uint8_t *scratch);

/* Of a page without a flaw. */
unsigned strand_lmdb_node_count(const uint8_t *page);
const uint8_t *strand_lmdb_node(const uint8_t *page, unsigned i);
struct strand_lmdb_bytes strand_lmdb_node_key(const uint8_t *node);
unsigned strand_lmdb_node_flags(const uint8_t *node);
uint64_t strand_lmdb_node_child(const uint8_t *node);

#endif
