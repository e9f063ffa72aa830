/* index/lmdb_meta.c -- The two pages where LMDB begins to read. */
#include "index/lmdb_meta.h"

#include <inttypes.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/file.h"
#include "index/lmdb_format.h"

/* Pages that are believed to exist at most: 1 TiB of them, a bitmap of 32 MiB. */
#define PAGE_COUNT_MAX (UINT64_C(1) << 28)

int
strand_lmdb_damage(const struct strand_file *file, uint64_t page, const char *what)
{
    return strand_fail(STRAND_ERR_CORRUPT, "check %s: page %" PRIu64 ": %s", file->path, page,
                       what);
}

static struct strand_lmdb_tree
decode_tree(const uint8_t *from)
{
    return (struct strand_lmdb_tree){
        .root = strand_get_le64(from + LMDB_TREE_ROOT),
        .depth = strand_get_le32(from + LMDB_TREE_FLAGS) >> 16,
        .branch_pages = strand_get_le64(from + LMDB_TREE_BRANCH_PAGES),
        .leaf_pages = strand_get_le64(from + LMDB_TREE_LEAF_PAGES),
        .overflow_pages = strand_get_le64(from + LMDB_TREE_OVERFLOW_PAGES),
        .entries = strand_get_le64(from + LMDB_TREE_ENTRIES),
    };
}

static int
check_tree_root(const struct strand_file *file, uint64_t number,
                const struct strand_lmdb_meta *meta, const struct strand_lmdb_tree *tree)
{
    if (tree->root == LMDB_NO_PAGE)
        return tree->depth == 0 && tree->entries == 0
                   ? STRAND_OK
                   : strand_lmdb_damage(file, number, "a tree with entries and without a root");
    if (tree->root < 2 || tree->root >= meta->page_count)
        return strand_lmdb_damage(file, number, "the root of a tree is no page");
    if (tree->depth == 0 || tree->depth > LMDB_DEPTH_MAX)
        return strand_lmdb_damage(file, number, "impossible depth");
    return STRAND_OK;
}

static int
check_meta(const struct strand_file *file, uint64_t number, const struct strand_lmdb_meta *meta)
{
    if (meta->page_size < LMDB_PAGE_SIZE_MIN || meta->page_size > LMDB_PAGE_SIZE_MAX ||
        (meta->page_size & (meta->page_size - 1)) != 0)
        return strand_lmdb_damage(file, number, "impossible page size");
    if (meta->page_count < 2 || meta->page_count > PAGE_COUNT_MAX)
        return strand_lmdb_damage(file, number, "impossible count of pages");
    int status = check_tree_root(file, number, meta, &meta->free_tree);
    return status == STRAND_OK ? check_tree_root(file, number, meta, &meta->main_tree) : status;
}

static int
read_meta(const struct strand_file *file, uint64_t number, uint32_t page_size,
          struct strand_lmdb_meta *out_meta)
{
    uint8_t page[LMDB_META_SIZE];
    size_t size = 0;

    int status = strand_file_read(file, page, sizeof page, (int64_t)(number * page_size), &size);
    if (status != STRAND_OK)
        return status;
    if (size < sizeof page)
        return strand_lmdb_damage(file, number, "behind the end of the file");
    if (strand_lmdb_get16(page + LMDB_PAGE_FLAGS) != LMDB_FLAG_META ||
        strand_get_le64(page + LMDB_PAGE_NUMBER) != number ||
        strand_get_le32(page + LMDB_META_MAGIC) != LMDB_MAGIC)
        return strand_lmdb_damage(file, number, "not a meta page");
    if (strand_get_le32(page + LMDB_META_VERSION) != LMDB_VERSION)
        return strand_fail(STRAND_ERR_VERSION, "check %s: another data version of LMDB",
                           file->path);
    const uint8_t *free_tree = page + LMDB_META_FREE_TREE;
    const uint8_t *main_tree = page + LMDB_META_MAIN_TREE;
    struct strand_lmdb_meta meta = {
        .page_size = strand_get_le32(free_tree + LMDB_TREE_PAD),
        .flags = strand_lmdb_get16(free_tree + LMDB_TREE_FLAGS),
        .free_tree = decode_tree(free_tree),
        .main_tree = decode_tree(main_tree),
        .page_count = strand_get_le64(page + LMDB_META_LAST_PAGE) + 1,
        .transaction = strand_get_le64(page + LMDB_META_TRANSACTION),
    };
    if ((meta.flags & ~LMDB_ENVIRONMENT_FLAGS) != LMDB_TREE_FLAG_INTEGER_KEY ||
        strand_lmdb_get16(main_tree + LMDB_TREE_FLAGS) != 0 ||
        strand_get_le32(main_tree + LMDB_TREE_PAD) != 0)
        return strand_lmdb_damage(file, number, "a table of another kind");
    status = check_meta(file, number, &meta);
    if (status == STRAND_OK)
        *out_meta = meta;
    return status;
}

/* Transactions write the meta pages in turn, the even ones page 0; both begin with 0. */
int
strand_lmdb_meta_read(const struct strand_file *file, struct strand_lmdb_meta *out_meta)
{
    struct strand_lmdb_meta metas[2];

    int status = read_meta(file, 0, 0, &metas[0]);
    if (status == STRAND_OK)
        status = read_meta(file, 1, metas[0].page_size, &metas[1]);
    if (status != STRAND_OK)
        return status;
    uint64_t even = metas[0].transaction;
    uint64_t odd = metas[1].transaction;
    if (metas[0].page_size != metas[1].page_size || metas[0].flags != metas[1].flags)
        return strand_lmdb_damage(file, 1, "differs from the other meta page");
    bool are_in_turn = odd == 0 ? even == 0 : odd % 2 == 1 && (odd == even + 1 || even == odd + 1);
    if (!are_in_turn)
        return strand_lmdb_damage(file, 1, "transactions out of turn");
    *out_meta = metas[even < odd];
    return STRAND_OK;
}
