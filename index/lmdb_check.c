/* index/lmdb_check.c -- A walk over LMDB's trees that believes nothing.
 *
 * Each page is read whole into memory of ours before anything in it is used, so that it cannot
 * change between the look and the use.  The walk is depth-first with one page a level; a child's
 * bounds are the separators of its parent, which stays in memory meanwhile.
 */
#include "index/lmdb_check.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/file.h"
#include "index/lmdb_format.h"
#include "index/lmdb_meta.h"
#include "index/lmdb_page.h"

struct level {
    uint8_t *page;
    uint64_t number;
    unsigned node;                 /* the one whose child is looked at */
    struct strand_lmdb_bytes low;  /* keys here are at or above; data NULL: no bound */
    struct strand_lmdb_bytes high; /* and below; the same */
};

struct check {
    const struct strand_file *file;
    struct strand_lmdb_meta meta;
    uint64_t file_pages;
    uint8_t *seen;    /* owned; a bit for each page */
    uint8_t *pages;   /* owned; page_size for each level, and one more */
    uint8_t *scratch; /* owned; half a page */
    struct level levels[LMDB_DEPTH_MAX];
    struct strand_lmdb_tree tree;    /* as the meta page has it */
    struct strand_lmdb_tree counted; /* as found */
    bool is_free_tree;
    uint64_t used_pages; /* as the meta page has it */
    uint64_t done_pages;
    uint64_t free_pages;
    struct strand_lmdb_visitor visitor;
};

static int
damage(const struct check *check, uint64_t page, const char *what)
{
    return strand_lmdb_damage(check->file, page, what);
}

/* ---- Pages ---- */

/* Note that PAGE is reached; false: for the second time, or it cannot be one of a tree's. */
static bool
mark(struct check *check, uint64_t page)
{
    if (page < 2 || page >= check->meta.page_count)
        return false;
    uint8_t bit = (uint8_t)(1U << (page & 7));
    bool is_new = (check->seen[page >> 3] & bit) == 0;
    check->seen[page >> 3] |= bit;
    return is_new;
}

static int
read_page(const struct check *check, uint64_t number, uint8_t *out_page)
{
    int status = STRAND_OK;

    if (number >= check->file_pages)
        return damage(check, number, "behind the end of the file");
    status = strand_file_read_exactly(check->file, out_page, check->meta.page_size,
                                      (int64_t)(number * check->meta.page_size));
    if (status == STRAND_OK && strand_get_le64(out_page + LMDB_PAGE_NUMBER) != number)
        return damage(check, number, "has another number in it");
    return status;
}

/* The total is a number from the file, which may be too low. */
static void
report_progress(struct check *check, uint64_t pages)
{
    check->done_pages += pages;
    if (check->visitor.progress != NULL && check->done_pages <= check->used_pages)
        check->visitor.progress(check->visitor.argument, check->done_pages, check->used_pages);
}

/* ---- Keys ---- */

static int
compare(const struct check *check, struct strand_lmdb_bytes a, struct strand_lmdb_bytes b)
{
    if (check->is_free_tree) {
        uint64_t x = strand_get_le64(a.data);
        uint64_t y = strand_get_le64(b.data);

        return (x > y) - (x < y);
    }
    int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* The first key of a branch counts as lower than any, and may be left out. */
static int
check_keys(const struct check *check, const struct level *level, bool is_leaf)
{
    struct strand_lmdb_bytes before = level->low;
    bool is_bound = true; /* a key may equal its bound, not the key before it */

    if (strand_lmdb_node_key(strand_lmdb_node(level->page, 0)).size > LMDB_KEY_SIZE_MAX)
        return damage(check, level->number, "impossible size of a key");
    for (unsigned i = is_leaf ? 0 : 1; i < strand_lmdb_node_count(level->page); i++) {
        struct strand_lmdb_bytes key = strand_lmdb_node_key(strand_lmdb_node(level->page, i));

        if (key.size == 0 || key.size > LMDB_KEY_SIZE_MAX ||
            (check->is_free_tree && key.size != sizeof(uint64_t)))
            return damage(check, level->number, "impossible size of a key");
        if (before.data != NULL && compare(check, key, before) < (is_bound ? 0 : 1))
            return damage(check, level->number, "keys out of order");
        if (level->high.data != NULL && compare(check, key, level->high) >= 0)
            return damage(check, level->number, "a key beyond that of the branch");
        before = key;
        is_bound = false;
    }
    return STRAND_OK;
}

/* ---- Values ---- */

/* Takes up SIZE bytes of a list of free pages, of which the first STATE->count tells how many. */
struct free_list {
    uint64_t left;
    uint64_t last;
    bool has_count;
};

static int
take_free_pages(struct check *check, uint64_t number, struct free_list *list, const uint8_t *data,
                size_t size)
{
    for (size_t at = 0; at + 8 <= size; at += 8) {
        uint64_t value = strand_get_le64(data + at);

        if (!list->has_count) {
            if (value > list->left - 1)
                return damage(check, number, "a list of free pages longer than its entry");
            list->left = value;
            list->has_count = true;
            continue;
        }
        if (list->left == 0)
            return STRAND_OK;
        if (value >= list->last || !mark(check, value))
            return damage(check, number, "a free page out of order, in use, or no page");
        list->last = value;
        list->left--;
        check->free_pages++;
    }
    return STRAND_OK;
}

/* A value in pages of its own: a list of free pages, the only ones that are that long. */
static int
check_overflow(struct check *check, uint64_t number, struct free_list *list, uint64_t first,
               uint64_t size)
{
    uint8_t *page = check->pages + (size_t)check->meta.page_size * LMDB_DEPTH_MAX;
    uint64_t page_size = check->meta.page_size;
    uint64_t needed = (LMDB_PAGE_HEADER_SIZE - 1 + size) / page_size + 1;

    if (!mark(check, first))
        return damage(check, number, "overflow pages that are in use, or none");
    int status = read_page(check, first, page);
    if (status != STRAND_OK)
        return status;
    uint64_t count = strand_get_le32(page + LMDB_PAGE_OVERFLOW_COUNT);
    if (strand_lmdb_get16(page + LMDB_PAGE_FLAGS) != LMDB_FLAG_OVERFLOW || count < needed ||
        first + count > check->file_pages)
        return damage(check, first, "not the overflow pages that were looked for");
    check->counted.overflow_pages += count;
    uint64_t left = size - size % 8;
    for (uint64_t i = 0; i < count; i++) {
        size_t skipped = i == 0 ? LMDB_PAGE_HEADER_SIZE : 0;
        size_t here = left < page_size - skipped ? (size_t)left : (size_t)(page_size - skipped);

        if (i > 0 && !mark(check, first + i))
            return damage(check, first + i, "an overflow page that is in use");
        if (i > 0 && here > 0)
            status = strand_file_read_exactly(check->file, page, (size_t)page_size,
                                              (int64_t)((first + i) * page_size));
        if (status == STRAND_OK)
            status = take_free_pages(check, first + i, list, page + skipped, here);
        if (status != STRAND_OK)
            return status;
        left -= here;
    }
    report_progress(check, count);
    return STRAND_OK;
}

static int
check_free_entry(struct check *check, uint64_t number, const uint8_t *node)
{
    struct strand_lmdb_bytes key = strand_lmdb_node_key(node);
    uint64_t size = strand_get_le32(node);
    const uint8_t *data = key.data + key.size;
    struct free_list list = {.left = size / 8, .last = UINT64_MAX};

    if (size < 8 || strand_get_le64(key.data) > check->meta.transaction)
        return damage(check, number, "an impossible list of free pages");
    int status = (strand_lmdb_node_flags(node) & LMDB_NODE_FLAG_BIG) != 0
                     ? check_overflow(check, number, &list, strand_get_le64(data), size)
                     : take_free_pages(check, number, &list, data, (size_t)size);
    strand_assert(status != STRAND_OK || list.left == 0); /* all that SIZE has room for */
    return status;
}

static int
check_values(struct check *check, const struct level *level)
{
    for (unsigned i = 0; i < strand_lmdb_node_count(level->page); i++) {
        const uint8_t *node = strand_lmdb_node(level->page, i);
        struct strand_lmdb_bytes key = strand_lmdb_node_key(node);
        unsigned flags = strand_lmdb_node_flags(node);
        int status = STRAND_OK;

        if (flags != 0 && (flags != LMDB_NODE_FLAG_BIG || !check->is_free_tree))
            return damage(check, level->number, "a value of another kind");
        if (check->is_free_tree)
            status = check_free_entry(check, level->number, node);
        else if (check->visitor.is_valid != NULL &&
                 !check->visitor.is_valid(check->visitor.argument, key.data, key.size,
                                          key.data + key.size, strand_get_le32(node)))
            status = damage(check, level->number, "an entry that is none of ours");
        if (status != STRAND_OK)
            return status;
        check->counted.entries++;
    }
    return STRAND_OK;
}

/* ---- Trees ---- */

/* Read page NUMBER as one of DEPTH, 0 the root, and check all that it says itself. */
static int
enter(struct check *check, unsigned depth, uint64_t number)
{
    struct level *level = &check->levels[depth];
    bool is_leaf = depth + 1 == check->tree.depth;

    level->number = number;
    level->node = 0;
    if (!mark(check, number))
        return damage(check, number, "reached twice, or no page");
    int status = read_page(check, number, level->page);
    if (status != STRAND_OK)
        return status;
    const char *flaw =
        strand_lmdb_page_flaw(level->page, check->meta.page_size, is_leaf, check->scratch);
    if (flaw != NULL)
        return damage(check, number, flaw);
    if (is_leaf)
        check->counted.leaf_pages++;
    else
        check->counted.branch_pages++;
    status = check_keys(check, level, is_leaf);
    if (status == STRAND_OK && is_leaf)
        status = check_values(check, level);
    if (status == STRAND_OK)
        report_progress(check, 1);
    return status;
}

/* Bounds of the child that LEVEL stands at, for the level below. */
static void
hand_down_bounds(const struct level *level, struct level *child)
{
    bool is_first = level->node == 0;
    bool is_last = level->node + 1 == strand_lmdb_node_count(level->page);

    child->low =
        is_first ? level->low : strand_lmdb_node_key(strand_lmdb_node(level->page, level->node));
    child->high = is_last ? level->high
                          : strand_lmdb_node_key(strand_lmdb_node(level->page, level->node + 1));
}

static int
walk(struct check *check)
{
    unsigned depth = 0;

    check->levels[0].low = (struct strand_lmdb_bytes){NULL, 0};
    check->levels[0].high = (struct strand_lmdb_bytes){NULL, 0};
    int status = enter(check, 0, check->tree.root);
    while (status == STRAND_OK) {
        struct level *level = &check->levels[depth];
        bool is_leaf = depth + 1 == check->tree.depth;

        if (is_leaf || level->node == strand_lmdb_node_count(level->page)) {
            if (depth == 0)
                return STRAND_OK;
            depth--;
            check->levels[depth].node++;
            continue;
        }
        hand_down_bounds(level, &check->levels[depth + 1]);
        status = enter(check, depth + 1,
                       strand_lmdb_node_child(strand_lmdb_node(level->page, level->node)));
        depth++;
    }
    return status;
}

static int
check_tree(struct check *check, const struct strand_lmdb_tree *tree, bool is_free_tree)
{
    check->tree = *tree;
    check->counted = (struct strand_lmdb_tree){.entries = 0};
    check->is_free_tree = is_free_tree;

    int status = tree->root == LMDB_NO_PAGE ? STRAND_OK : walk(check);
    if (status != STRAND_OK)
        return status;
    if (check->counted.entries != tree->entries ||
        check->counted.branch_pages != tree->branch_pages ||
        check->counted.leaf_pages != tree->leaf_pages ||
        check->counted.overflow_pages != tree->overflow_pages)
        return damage(check, check->meta.transaction & 1, "counts more or less than there is");
    return STRAND_OK;
}

/* ---- Files ---- */

static uint64_t
page_count(const struct strand_lmdb_tree *tree)
{
    return tree->branch_pages + tree->leaf_pages + tree->overflow_pages;
}

static int
prepare(struct check *check, const struct strand_file *file)
{
    int64_t size = 0;

    check->file = file;
    int status = strand_lmdb_meta_read(file, &check->meta);
    if (status == STRAND_OK)
        status = strand_file_size(file, &size);
    if (status != STRAND_OK)
        return status;
    size_t page_size = check->meta.page_size;
    check->file_pages = (uint64_t)size / page_size;
    check->used_pages = page_count(&check->meta.main_tree) + page_count(&check->meta.free_tree);
    check->seen = calloc(1, (size_t)(check->meta.page_count / 8 + 1));
    check->pages = malloc(page_size * (LMDB_DEPTH_MAX + 1));
    check->scratch = malloc(page_size / 2);
    if (check->seen == NULL || check->pages == NULL || check->scratch == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "check %s: out of memory", file->path);
    for (size_t i = 0; i < LMDB_DEPTH_MAX; i++)
        check->levels[i].page = check->pages + i * page_size;
    return STRAND_OK;
}

/* Tell the facts and give everything back. */
static void
finish(struct check *check, struct strand_lmdb_facts *out_facts)
{
    if (out_facts != NULL)
        *out_facts = (struct strand_lmdb_facts){
            .page_size = check->meta.page_size,
            .transaction = check->meta.transaction,
            .page_count = check->meta.page_count,
            .used_pages = check->used_pages,
            .free_pages = check->free_pages,
            .entry_count = check->meta.main_tree.entries,
        };
    free(check->scratch);
    free(check->pages);
    free(check->seen);
}

/* A page that is taken and given back within one transaction is never written, so that the file
 * may end before the last page; but what it lacks is free. */
static int
check_length(struct check *check)
{
    for (uint64_t page = check->file_pages; page < check->meta.page_count; page++)
        if (mark(check, page))
            return damage(check, page, "in use, and behind the end of the file");
    return STRAND_OK;
}

int
strand_lmdb_check_head(const struct strand_file *file, struct strand_lmdb_facts *out_facts)
{
    struct check check = {.file = NULL};

    int status = prepare(&check, file);
    if (status == STRAND_OK)
        status = check_tree(&check, &check.meta.free_tree, true);
    if (status == STRAND_OK)
        status = check_length(&check);
    finish(&check, status == STRAND_OK ? out_facts : NULL);
    return status;
}

int
strand_lmdb_check(const struct strand_file *file, const struct strand_lmdb_visitor *visitor,
                  struct strand_lmdb_facts *out_facts)
{
    struct check check = {.visitor = *visitor};

    int status = prepare(&check, file);
    if (status == STRAND_OK)
        status = check_tree(&check, &check.meta.main_tree, false);
    if (status == STRAND_OK)
        status = check_tree(&check, &check.meta.free_tree, true);
    if (status == STRAND_OK)
        status = check_length(&check);
    finish(&check, status == STRAND_OK ? out_facts : NULL);
    return status;
}
