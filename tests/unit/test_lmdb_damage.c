/* tests/unit/test_lmdb_damage.c -- Each thing that the checker looks at: damage of that kind alone
 * is refused, and called by its name. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "index/lmdb_format.h"
#include "index/lmdb_page.h"
#include "support/index_audit.h"
#include "support/index_fixture.h"
#include "support/lmdb_image.h"
#include "support/scratch.h"

enum { PAGE = LMDB_IMAGE_PAGE, PAGES_MAX = 1000 };

static uint8_t *image; /* that is damaged */
static size_t image_size;
static uint8_t *whole;
static size_t whole_size;

static void
put16(uint8_t *to, unsigned value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
}

/* ---- Where things are ---- */

static uint8_t *
first_meta(void)
{
    return image;
}

/* The meta page that counts. */
static uint8_t *
meta(void)
{
    return image + (lmdb_image_meta(image) - image);
}

static uint8_t *
page_at(uint64_t number)
{
    return image + number * PAGE;
}

/* A page of the main tree (or that of free pages), the NTH that is a leaf or a branch. */
static uint8_t *
tree_page(size_t tree, bool is_leaf, unsigned nth)
{
    static uint64_t pages[PAGES_MAX];

    size_t count =
        lmdb_image_pages(image, strand_get_le64(meta() + tree + LMDB_TREE_ROOT), pages, PAGES_MAX);
    for (size_t i = 0; i < count; i++)
        if (strand_lmdb_get16(page_at(pages[i]) + LMDB_PAGE_FLAGS) ==
                (is_leaf ? LMDB_FLAG_LEAF : LMDB_FLAG_BRANCH) &&
            nth-- == 0)
            return page_at(pages[i]);
    abort();
}

static uint8_t *
leaf(void)
{
    return tree_page(LMDB_META_MAIN_TREE, true, 40);
}

/* Right above leaves, neither first nor last. */
static uint8_t *
branch(void)
{
    return tree_page(LMDB_META_MAIN_TREE, false, 2);
}

static uint8_t *
free_leaf(void)
{
    return tree_page(LMDB_META_FREE_TREE, true, 0);
}

static uint8_t *
node(uint8_t *page, unsigned i)
{
    return page + (strand_lmdb_node(page, i) - page);
}

static uint8_t *
last_node(uint8_t *page)
{
    return node(page, strand_lmdb_node_count(page) - 1);
}

static uint8_t *
value_of(uint8_t *at)
{
    return at + LMDB_NODE_KEY + strand_lmdb_node_key(at).size;
}

/* The node of a free pages' list that is in overflow pages, or of one that is not. */
static uint8_t *
free_node(bool is_big)
{
    uint8_t *page = free_leaf();

    for (unsigned i = 0; i < strand_lmdb_node_count(page); i++) {
        uint8_t *at = node(page, i);
        bool is_long = strand_get_le64(value_of(at)) >= 2;

        if (is_big ? strand_lmdb_node_flags(at) == LMDB_NODE_FLAG_BIG
                   : strand_lmdb_node_flags(at) == 0 && is_long)
            return at;
    }
    abort();
}

static uint8_t *
overflow_page(void)
{
    return page_at(strand_get_le64(value_of(free_node(true))));
}

static uint8_t *
main_tree(void)
{
    return meta() + LMDB_META_MAIN_TREE;
}

static uint8_t *
free_tree(void)
{
    return meta() + LMDB_META_FREE_TREE;
}

static uint8_t *
leaf_node(void)
{
    return node(leaf(), 1);
}

static uint8_t *
last_separator(void)
{
    return last_node(branch()) + LMDB_NODE_KEY;
}

static uint8_t *
branch_node(void)
{
    return node(branch(), 1);
}

static uint8_t *
last_free_key(void)
{
    return last_node(free_leaf()) + LMDB_NODE_KEY;
}

static uint8_t *
short_list(void)
{
    return value_of(free_node(false));
}

static uint8_t *
short_list_node(void)
{
    return free_node(false);
}

static uint8_t *
long_list(void)
{
    return value_of(free_node(true));
}

/* ---- Damage ---- */

static void
set_key_size(uint8_t *at, size_t size) /* the node stays as long as it was */
{
    size_t change = size - strand_lmdb_node_key(at).size;

    strand_put_le32(at, strand_get_le32(at) - (uint32_t)change);
    put16(at + LMDB_NODE_KEY_SIZE, (unsigned)size);
}

/* Make PAGE a branch of two nodes, the first with a key of SIZE bytes. */
static void
make_branch(uint8_t *page, size_t size)
{
    unsigned second = (unsigned)(PAGE - 8 - 26);
    unsigned first = (unsigned)(second - 8 - size);

    put16(page + LMDB_PAGE_LOWER, 20);
    put16(page + LMDB_PAGE_UPPER, first);
    put16(page + 16, first);
    put16(page + 18, second);
    put16(page + first + LMDB_NODE_KEY_SIZE, (unsigned)size);
    put16(page + second + LMDB_NODE_KEY_SIZE, 25);
}

static void
one_page_file(void)
{
    image_size = PAGE;
}

static void
page_count_high(void)
{
    strand_put_le64(meta() + LMDB_META_LAST_PAGE, image_size / PAGE + 20);
}

static void
no_tree_without_entries(void)
{
    strand_put_le64(main_tree() + LMDB_TREE_ROOT, UINT64_MAX);
    strand_put_le64(main_tree() + LMDB_TREE_ENTRIES, 0);
}

static void
no_tree_without_depth(void)
{
    strand_put_le64(main_tree() + LMDB_TREE_ROOT, UINT64_MAX);
    put16(main_tree() + LMDB_TREE_DEPTH, 0);
}

static void
both_trees_alike(void)
{
    strand_put_le64(free_tree() + LMDB_TREE_ROOT, strand_get_le64(main_tree() + LMDB_TREE_ROOT));
}

static void
empty_leaf(void)
{
    put16(leaf() + LMDB_PAGE_LOWER, LMDB_PAGE_HEADER_SIZE);
    put16(leaf() + LMDB_PAGE_UPPER, PAGE);
}

static void
two_offsets_alike(void)
{
    memcpy(leaf() + LMDB_PAGE_HEADER_SIZE, leaf() + LMDB_PAGE_HEADER_SIZE + 2, 2);
}

static void
empty_key(void)
{
    set_key_size(leaf_node(), 0);
}

static void
long_key(void)
{
    set_key_size(leaf_node(), LMDB_KEY_SIZE_MAX + 1);
}

static void
long_branch_key(void)
{
    make_branch(branch(), LMDB_KEY_SIZE_MAX + 1);
}

static void
short_free_key(void)
{
    set_key_size(free_node(false), 4);
}

static void
keys_swapped(void)
{
    uint8_t key[25];

    memcpy(key, leaf_node() + LMDB_NODE_KEY, sizeof key);
    memcpy(leaf_node() + LMDB_NODE_KEY, node(leaf(), 2) + LMDB_NODE_KEY, sizeof key);
    memcpy(node(leaf(), 2) + LMDB_NODE_KEY, key, sizeof key);
}

static void
keys_alike(void)
{
    memcpy(node(leaf(), 2) + LMDB_NODE_KEY, leaf_node() + LMDB_NODE_KEY, 25);
}

/* Not above the last key that is on the left of it. */
static void
separator_low(void)
{
    uint8_t *left = page_at(strand_lmdb_node_child(node(branch(), 0)));

    memcpy(branch_node() + LMDB_NODE_KEY, last_node(left) + LMDB_NODE_KEY, 25);
}

static void
free_page_twice(void)
{
    memcpy(short_list() + 16, short_list() + 8, 8);
}

static void
free_pages_ascending(void)
{
    uint64_t first = strand_get_le64(short_list() + 8);

    memcpy(short_list() + 8, short_list() + 16, 8);
    strand_put_le64(short_list() + 16, first);
}

static void
free_page_in_use(void)
{
    strand_put_le64(short_list() + 8, (uint64_t)(leaf() - image) / PAGE);
}

static void
free_meta_page(void)
{
    strand_put_le64(short_list() + 8 * strand_get_le64(short_list()), 1);
}

static void
overflow_in_use(void)
{
    strand_put_le64(long_list(), (uint64_t)(leaf() - image) / PAGE);
}

static void
overflow_to_the_end(void)
{
    uint64_t first = strand_get_le64(long_list());

    strand_put_le32(overflow_page() + LMDB_PAGE_OVERFLOW_COUNT,
                    (uint32_t)(image_size / PAGE - first));
}

static void
list_without_count(void)
{
    strand_put_le32(free_node(true), 4);
}

/* The only entry of a page has its value in pages of its own, as none of ours. */
static void
value_elsewhere(void)
{
    uint8_t *page = leaf();
    uint8_t *at = page + PAGE - 42;

    memmove(at, node(page, 0), LMDB_NODE_KEY + 25);
    put16(at + LMDB_NODE_FLAGS, LMDB_NODE_FLAG_BIG);
    put16(page + LMDB_PAGE_LOWER, LMDB_PAGE_HEADER_SIZE + 2);
    put16(page + LMDB_PAGE_UPPER, PAGE - 42);
    put16(page + LMDB_PAGE_HEADER_SIZE, PAGE - 42);
}

/* Not above the last key of all that is on the left of it. */
static void
root_separator_low(void)
{
    uint8_t *root = tree_page(LMDB_META_MAIN_TREE, false, 0);
    uint8_t *left = page_at(strand_lmdb_node_child(node(root, 0)));
    uint8_t *last_leaf = page_at(strand_lmdb_node_child(last_node(left)));

    memcpy(node(root, 1) + LMDB_NODE_KEY, last_node(last_leaf) + LMDB_NODE_KEY, 25);
}

static void
branch_to_itself(void)
{
    strand_put_le32(branch_node(), (uint32_t)((branch() - image) / PAGE));
}

/* The last node of the page grows over its end. */
static void
node_too_long(void)
{
    uint8_t *page = leaf();
    uint8_t *last = node(page, 0);

    for (unsigned i = 1; i < strand_lmdb_node_count(page); i++)
        if (node(page, i) > last)
            last = node(page, i);
    strand_put_le32(last, strand_get_le32(last) + 2);
}

/* The first node in the page grows over the one behind it. */
static void
node_within_another(void)
{
    uint8_t *page = leaf();
    uint8_t *first = page + strand_lmdb_get16(page + LMDB_PAGE_UPPER);
    uint8_t *second = first + 8 + 25 + strand_get_le32(first);

    second += (second - page) % 2;
    strand_put_le32(first, strand_get_le32(first) + 8 + 25 + strand_get_le32(second) +
                               (strand_get_le32(second) + 1) % 2);
}

/* The file ends within what is in use. */
static void
file_is_cut(void)
{
    image_size = (size_t)(leaf() - image);
}

/* A number that is changed: SIZE bytes AT so far behind PLACE; SIZE negative: NUMBER is added. */
static const struct number_case {
    const char *said;
    uint8_t *(*place)(void);
    size_t at;
    int size;
    uint64_t number;
} numbers[] = {
    {"page 0: not a meta page", first_meta, LMDB_PAGE_FLAGS, 2, LMDB_FLAG_LEAF},
    {"page 1: not a meta page", first_meta, PAGE + LMDB_PAGE_NUMBER, 8, 0},
    {"page 0: not a meta page", first_meta, LMDB_META_MAGIC, 1, 0},
    {"another data version of LMDB", first_meta, LMDB_META_VERSION, 4, 2},
    {"page 0: impossible page size", first_meta, LMDB_META_FREE_TREE, 4, 0},
    {"page 0: impossible page size", first_meta, LMDB_META_FREE_TREE, 4, 2048},
    {"page 0: impossible page size", first_meta, LMDB_META_FREE_TREE, 4, 65536},
    {"page 0: impossible page size", first_meta, LMDB_META_FREE_TREE, 4, 4097},
    {"differs from the other meta page", first_meta, PAGE + LMDB_META_FREE_TREE, 4, 8192},
    {"differs from the other meta page", first_meta, PAGE + LMDB_META_FREE_TREE + LMDB_TREE_FLAGS,
     2, LMDB_TREE_FLAG_INTEGER_KEY},
    {"a table of another kind", first_meta, LMDB_META_FREE_TREE + LMDB_TREE_FLAGS, 1, 0},
    {"a table of another kind", first_meta, LMDB_META_MAIN_TREE + LMDB_TREE_FLAGS, 1, 4},
    {"a table of another kind", first_meta, LMDB_META_MAIN_TREE, 4, 8},
    {"impossible count of pages", first_meta, LMDB_META_LAST_PAGE, 8, 0},
    {"impossible count of pages", first_meta, LMDB_META_LAST_PAGE, 8, UINT64_MAX},
    {"impossible count of pages", first_meta, LMDB_META_LAST_PAGE, 8, UINT64_C(1) << 28},
    {"the root of a tree is no page", main_tree, LMDB_TREE_ROOT, 8, 1},
    {"the root of a tree is no page", free_tree, LMDB_TREE_ROOT, 8, 1 << 20},
    {"impossible depth", main_tree, LMDB_TREE_DEPTH, 2, 0},
    {"impossible depth", free_tree, LMDB_TREE_DEPTH, 2, LMDB_DEPTH_MAX + 1},
    {"transactions out of turn", first_meta, LMDB_META_TRANSACTION, -8, 1},
    {"transactions out of turn", first_meta, PAGE + LMDB_META_TRANSACTION, -8, 1},
    {"transactions out of turn", first_meta, LMDB_META_TRANSACTION, -8, 4},
    {"transactions out of turn", first_meta, PAGE + LMDB_META_TRANSACTION, 8, 0},
    {"has another number in it", leaf, LMDB_PAGE_NUMBER, -8, 1},
    {"not a leaf", leaf, LMDB_PAGE_FLAGS, 2, LMDB_FLAG_BRANCH},
    {"not a branch", branch, LMDB_PAGE_FLAGS, 2, LMDB_FLAG_LEAF},
    {"impossible bounds", leaf, LMDB_PAGE_LOWER, 2, LMDB_PAGE_HEADER_SIZE - 2},
    {"impossible bounds", leaf, LMDB_PAGE_LOWER, -2, 1},
    {"impossible bounds", leaf, LMDB_PAGE_UPPER, -2, 1},
    {"impossible bounds", leaf, LMDB_PAGE_UPPER, 2, LMDB_PAGE_HEADER_SIZE},
    {"impossible bounds", leaf, LMDB_PAGE_UPPER, 2, PAGE + 2},
    {"too few nodes", branch, LMDB_PAGE_LOWER, 2, LMDB_PAGE_HEADER_SIZE + 2},
    {"a node outside of the page", leaf, LMDB_PAGE_HEADER_SIZE, -2, 1},
    {"a node outside of the page", leaf, LMDB_PAGE_HEADER_SIZE, 2, LMDB_PAGE_HEADER_SIZE},
    {"a node outside of the page", leaf, LMDB_PAGE_HEADER_SIZE, 2, PAGE - 6},
    {"a node outside of the page", leaf, LMDB_PAGE_HEADER_SIZE, 2, 60000},
    {"nodes with a hole between them", leaf, LMDB_PAGE_UPPER, -2, UINT64_MAX - 1},
    {"reached twice, or no page", branch_node, 0, 4, 1 << 30},
    {"keys out of order", last_separator, 24, -1, 1},
    {"a value of another kind", leaf_node, LMDB_NODE_FLAGS, 2, 2},
    {"a value of another kind", short_list_node, LMDB_NODE_FLAGS, 2, 4},
    {"an entry that is none of ours", leaf_node, LMDB_NODE_KEY + 30, -1, 1},
    {"an impossible list of free pages", last_free_key, 0, 8, 1000},
    {"a list of free pages longer than its entry", short_list, 0, -8, 1},
    {"a list of free pages longer than its entry", short_list, 0, 8, UINT64_MAX},
    {"a free page out of order, in use, or no page", short_list, 8, 8, 1 << 20},
    {"a free page out of order, in use, or no page", overflow_page, LMDB_PAGE_HEADER_SIZE + 8, 8,
     1 << 20},
    {"overflow pages that are in use, or none", long_list, 0, 8, 1 << 20},
    {"not the overflow pages that were looked for", overflow_page, LMDB_PAGE_FLAGS, 2,
     LMDB_FLAG_LEAF},
    {"not the overflow pages that were looked for", overflow_page, LMDB_PAGE_OVERFLOW_COUNT, 4, 1},
    {"not the overflow pages that were looked for", overflow_page, LMDB_PAGE_OVERFLOW_COUNT, 4,
     1 << 20},
    {"counts more or less than there is", main_tree, LMDB_TREE_ENTRIES, -8, 1},
    {"counts more or less than there is", main_tree, LMDB_TREE_LEAF_PAGES, -8, 1},
    {"counts more or less than there is", main_tree, LMDB_TREE_BRANCH_PAGES, -8, 1},
    {"counts more or less than there is", free_tree, LMDB_TREE_OVERFLOW_PAGES, -8, 1},
};

static const struct other_case {
    const char *said;
    void (*damage)(void);
} others[] = {
    {"page 1: behind the end of the file", one_page_file},
    {"in use, and behind the end of the file", page_count_high},
    {"a tree with entries and without a root", no_tree_without_entries},
    {"a tree with entries and without a root", no_tree_without_depth},
    {"too few nodes", empty_leaf},
    {"two nodes in one place", two_offsets_alike},
    {"a node longer than the page", node_too_long},
    {"a node within another", node_within_another},
    {"reached twice, or no page", both_trees_alike},
    {"reached twice, or no page", branch_to_itself},
    {"impossible size of a key", empty_key},
    {"impossible size of a key", long_key},
    {"impossible size of a key", long_branch_key},
    {"impossible size of a key", short_free_key},
    {"keys out of order", keys_swapped},
    {"keys out of order", keys_alike},
    {"a key beyond that of the branch", separator_low},
    {"a free page out of order, in use, or no page", free_page_twice},
    {"a free page out of order, in use, or no page", free_pages_ascending},
    {"a free page out of order, in use, or no page", free_page_in_use},
    {"a free page out of order, in use, or no page", free_meta_page},
    {"overflow pages that are in use, or none", overflow_in_use},
    {"an overflow page that is in use", overflow_to_the_end},
    {"an impossible list of free pages", list_without_count},
    {"a value of another kind", value_elsewhere},
    {"a key beyond that of the branch", root_separator_low},
    {"behind the end of the file", file_is_cut},
};

static void
change_number(const struct number_case *one)
{
    uint8_t bytes[8] = {0};
    uint8_t *at = one->place() + one->at;
    size_t size = (size_t)abs(one->size);

    if (one->size < 0)
        memcpy(bytes, at, size);
    strand_put_le64(bytes, strand_get_le64(bytes) + one->number);
    memcpy(at, bytes, size);
}

static void
expect_refused(const char *said, size_t i)
{
    struct strand_index_options options = index_options();
    struct strand_index_counts counts;

    scratch_store(index_path(), image, image_size);
    int status = index_verify(&options, NULL, NULL, &counts);
    cr_expect(status == STRAND_ERR_CORRUPT || status == STRAND_ERR_VERSION,
              "case %zu is accepted, \"%s\" is expected", i, said);
    cr_expect(status == STRAND_OK || strstr(strand_error_message(), said) != NULL,
              "case %zu: \"%s\" where \"%s\" is expected", i, strand_error_message(), said);
    memcpy(image, whole, whole_size);
    image_size = whole_size;
}

Test(lmdb_damage, each_kind_is_refused_by_its_name, .timeout = 120)
{
    struct strand_index_counts counts;

    scratch_create();
    struct strand_index_options options = index_options();
    whole = lmdb_image_make(&whole_size);
    image = lmdb_image_load(&image_size);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        change_number(&numbers[i]);
        expect_refused(numbers[i].said, i);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        others[i].damage();
        expect_refused(others[i].said, i);
    }
    scratch_store(index_path(), whole, whole_size);
    cr_expect_eq(index_verify(&options, NULL, NULL, &counts), STRAND_OK);
    free(image);
    free(whole);
    scratch_remove();
}
