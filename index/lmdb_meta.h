/* index/lmdb_meta.h -- LMDB's meta pages, read and checked. */
#ifndef STRAND_INDEX_LMDB_META_H
#define STRAND_INDEX_LMDB_META_H

#include <stdint.h>

#include "strandline/status.h"

struct strand_file;

struct strand_lmdb_tree {
    uint64_t root;
    unsigned depth;
    uint64_t branch_pages;
    uint64_t leaf_pages;
    uint64_t overflow_pages;
    uint64_t entries;
};

struct strand_lmdb_meta {
    uint32_t page_size;
    uint16_t flags;
    struct strand_lmdb_tree free_tree;
    struct strand_lmdb_tree main_tree;
    uint64_t page_count;
    uint64_t transaction;
};

/* The meta page that counts.  STRAND_ERR_CORRUPT, _VERSION, those of reading. */
STRAND_MUST_USE int strand_lmdb_meta_read(const struct strand_file *file,
                                          struct strand_lmdb_meta *out_meta);

/* STRAND_ERR_CORRUPT: "check PATH: page PAGE: WHAT". */
int strand_lmdb_damage(const struct strand_file *file, uint64_t page, const char *what);

#endif
