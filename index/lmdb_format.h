/* index/lmdb_format.h -- LMDB's file, data version 1 (0.9), on a 64-bit little-endian machine.
 *
 * Pages of one size; 0 and 1 are the meta pages, of which the one with the newer transaction
 * counts.
 *
 *     page   number (8) pad (2) flags (2) lower (2) upper (2)
 *            then offsets of nodes (2 each) up to lower, and nodes from upper to the end;
 *            an overflow page: count of pages (4) instead of lower and upper, then data
 *     node   low (2) high (2) flags (2) key size (2) key value
 *            branch: low, high and flags are the child's number;
 *            leaf: low and high are the value's size; with flag BIG the value is elsewhere,
 *            and the number (8) of its first overflow page stands here
 *     tree   pad (4) flags (2) depth (2) branch pages (8) leaf pages (8) overflow pages (8)
 *            entries (8) root (8), all ones when empty
 *     meta   page header, magic (4) version (4) address (8) map size (8)
 *            tree of free pages (48) main tree (48) last page (8) transaction (8);
 *            the pad of the first tree is the page size, its flags are the environment's
 *
 * An entry of the tree of free pages: transaction (8) -> count (8), page numbers (8 each)
 * descending.
 */
#ifndef STRAND_INDEX_LMDB_FORMAT_H
#define STRAND_INDEX_LMDB_FORMAT_H

#include <stdint.h>

enum {
    LMDB_PAGE_NUMBER = 0,
    LMDB_PAGE_FLAGS = 10,
    LMDB_PAGE_LOWER = 12,
    LMDB_PAGE_UPPER = 14,
    LMDB_PAGE_OVERFLOW_COUNT = 12,
    LMDB_PAGE_HEADER_SIZE = 16,

    LMDB_FLAG_BRANCH = 1,
    LMDB_FLAG_LEAF = 2,
    LMDB_FLAG_OVERFLOW = 4,
    LMDB_FLAG_META = 8,

    LMDB_NODE_FLAGS = 4,
    LMDB_NODE_KEY_SIZE = 6,
    LMDB_NODE_KEY = 8,
    LMDB_NODE_FLAG_BIG = 1,
    LMDB_KEY_SIZE_MAX = 511,

    LMDB_TREE_PAD = 0,
    LMDB_TREE_FLAGS = 4,
    LMDB_TREE_DEPTH = 6,
    LMDB_TREE_BRANCH_PAGES = 8,
    LMDB_TREE_LEAF_PAGES = 16,
    LMDB_TREE_OVERFLOW_PAGES = 24,
    LMDB_TREE_ENTRIES = 32,
    LMDB_TREE_ROOT = 40,
    LMDB_TREE_SIZE = 48,
    LMDB_TREE_FLAG_INTEGER_KEY = 8,

    LMDB_META_MAGIC = 16,
    LMDB_META_VERSION = 20,
    LMDB_META_MAP_SIZE = 32,
    LMDB_META_FREE_TREE = 40,
    LMDB_META_MAIN_TREE = 88,
    LMDB_META_LAST_PAGE = 136,
    LMDB_META_TRANSACTION = 144,
    LMDB_META_SIZE = 152,

    LMDB_ENVIRONMENT_FLAGS = 0x4000, /* that it was opened as a plain file: MDB_NOSUBDIR */

    LMDB_VERSION = 1,
    LMDB_DEPTH_MAX = 32,
    LMDB_PAGE_SIZE_MIN = 4096, /* of the machines that we know */
    LMDB_PAGE_SIZE_MAX = 32768,
};

#define LMDB_MAGIC   UINT32_C(0xBEEFC0DE)
#define LMDB_NO_PAGE UINT64_MAX

static inline uint16_t
strand_lmdb_get16(const uint8_t *from)
{
    return (uint16_t)(from[0] | from[1] << 8);
}

#endif
