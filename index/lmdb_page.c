/* index/lmdb_page.c -- Header and nodes of one page. */
#include "index/lmdb_page.h"

#include <string.h>

#include "base/bytes.h"
#include "index/lmdb_format.h"

unsigned
strand_lmdb_node_count(const uint8_t *page)
{
    return (strand_lmdb_get16(page + LMDB_PAGE_LOWER) - (unsigned)LMDB_PAGE_HEADER_SIZE) / 2;
}

static size_t
node_offset(const uint8_t *page, unsigned i)
{
    return strand_lmdb_get16(page + LMDB_PAGE_HEADER_SIZE + (size_t)2 * i);
}

const uint8_t *
strand_lmdb_node(const uint8_t *page, unsigned i)
{
    return page + node_offset(page, i);
}

struct strand_lmdb_bytes
strand_lmdb_node_key(const uint8_t *node)
{
    return (struct strand_lmdb_bytes){node + LMDB_NODE_KEY,
                                      strand_lmdb_get16(node + LMDB_NODE_KEY_SIZE)};
}

unsigned
strand_lmdb_node_flags(const uint8_t *node)
{
    return strand_lmdb_get16(node + LMDB_NODE_FLAGS);
}

uint64_t
strand_lmdb_node_child(const uint8_t *node)
{
    return strand_get_le32(node) | (uint64_t)strand_lmdb_get16(node + LMDB_NODE_FLAGS) << 32;
}

static size_t
node_size(const uint8_t *node, bool is_leaf)
{
    size_t size = (size_t)LMDB_NODE_KEY + strand_lmdb_get16(node + LMDB_NODE_KEY_SIZE);

    if (is_leaf)
        size += (strand_lmdb_node_flags(node) & LMDB_NODE_FLAG_BIG) != 0 ? sizeof(uint64_t)
                                                                         : strand_get_le32(node);
    return size + (size & 1);
}

/* Nodes fill the page from upper to its end, without holes and without sharing a byte: LMDB moves
 * them about by their sizes.  STARTS: for each two bytes whether a node begins there. */
static const char *
find_nodes(const uint8_t *page, size_t page_size, uint8_t *starts)
{
    size_t upper = strand_lmdb_get16(page + LMDB_PAGE_UPPER);

    memset(starts, 0, page_size / 2);
    for (unsigned i = 0; i < strand_lmdb_node_count(page); i++) {
        size_t offset = node_offset(page, i);

        if (offset % 2 != 0 || offset < upper || offset > page_size - LMDB_NODE_KEY)
            return "a node outside of the page";
        if (starts[offset / 2] != 0)
            return "two nodes in one place";
        starts[offset / 2] = 1;
    }
    return NULL;
}

static const char *
nodes_flaw(const uint8_t *page, size_t page_size, bool is_leaf, uint8_t *starts)
{
    size_t at = strand_lmdb_get16(page + LMDB_PAGE_UPPER);
    unsigned passed = 0;

    const char *flaw = find_nodes(page, page_size, starts);
    if (flaw != NULL)
        return flaw;
    while (at < page_size) {
        if (starts[at / 2] == 0)
            return "nodes with a hole between them";
        size_t size = node_size(page + at, is_leaf);
        if (size > page_size - at)
            return "a node longer than the page";
        at += size;
        passed++;
    }
    return passed == strand_lmdb_node_count(page) ? NULL : "a node within another";
}

const char *
strand_lmdb_page_flaw(const uint8_t *page, size_t page_size, bool is_leaf, uint8_t *scratch)
{
    size_t lower = strand_lmdb_get16(page + LMDB_PAGE_LOWER);
    size_t upper = strand_lmdb_get16(page + LMDB_PAGE_UPPER);

    if (strand_lmdb_get16(page + LMDB_PAGE_FLAGS) != (is_leaf ? LMDB_FLAG_LEAF : LMDB_FLAG_BRANCH))
        return is_leaf ? "not a leaf" : "not a branch";
    if (lower < LMDB_PAGE_HEADER_SIZE || lower % 2 != 0 || upper % 2 != 0 || lower > upper ||
        upper > page_size)
        return "impossible bounds";
    if (strand_lmdb_node_count(page) < (is_leaf ? 1U : 2U))
        return "too few nodes";
    return nodes_flaw(page, page_size, is_leaf, scratch);
}
