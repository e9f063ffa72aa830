/* tests/unit/test_lmdb_check.c -- What the checker accepts, LMDB reads and writes without harm, and
 * the answers are those of the file before it was damaged.  A signal is a failed test. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "index/lmdb_check.h"
#include "index/lmdb_format.h"
#include "support/index_audit.h"
#include "support/index_fixture.h"
#include "support/lmdb_image.h"
#include "support/scratch.h"

enum { FLIPS = 2000, CUTS = 200, MIXES = 200, PAGE = LMDB_IMAGE_PAGE };

static uint8_t *image;
static size_t image_size;
static uint64_t state = 7;

static uint32_t
random_below(uint32_t bound)
{
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)((state >> 33) % bound);
}

static void
set_up(void)
{
    scratch_create();
    image = lmdb_image_make(&image_size);
}

static void
tear_down(void)
{
    free(image);
    scratch_remove();
}

TestSuite(lmdb_check, .init = set_up, .fini = tear_down, .timeout = 120);

static void
poke(size_t at, uint8_t value)
{
    int fd = open(index_path(), O_WRONLY);

    cr_assert_eq(pwrite(fd, &value, 1, (off_t)at), 1);
    close(fd);
}

/* Open the file as it is: refused, or every answer is right, and (WRITES) it bears being written.
 * Returns whether it was refused. */
static bool
is_refused(const char *what, size_t where, bool is_suspect, bool writes)
{
    struct strand_index_options options = index_options();
    struct strand_index_counts counts;
    struct strand_index *index;

    options.is_suspect = is_suspect;
    int status = strand_index_open_lmdb(&options, &index);
    if (status != STRAND_OK) {
        cr_assert(status == STRAND_ERR_CORRUPT || status == STRAND_ERR_VERSION, "%s at %zu: %s",
                  what, where, strand_error_message());
        return true;
    }
    const char *difference = lmdb_image_differs(index);
    cr_assert_null(difference, "%s at %zu (page %zu, byte %zu): %s: %s", what, where, where / PAGE,
                   where % PAGE, difference, strand_error_message());
    difference = writes ? lmdb_image_write(index) : NULL;
    strand_index_close(index);
    cr_assert_null(difference, "%s at %zu (page %zu, byte %zu): %s", what, where, where / PAGE,
                   where % PAGE, difference);
    if (writes)
        cr_assert_eq(index_verify(&options, NULL, NULL, &counts), STRAND_OK,
                     "%s at %zu, after LMDB wrote: %s", what, where, strand_error_message());
    return false;
}

/* ARGUMENT: how many there were. */
static void
note_progress(void *argument, uint64_t done, uint64_t total)
{
    uint64_t *noted = argument;

    cr_expect_gt(done, *noted);
    cr_expect_leq(done, total);
    *noted = done;
}

Test(lmdb_check, accepts_what_lmdb_wrote_and_counts_it)
{
    uint64_t noted = 0;
    struct strand_lmdb_visitor visitor = {.progress = note_progress, .argument = &noted};
    struct strand_lmdb_facts facts;
    struct strand_lmdb_facts head;
    struct strand_file file;

    cr_assert_eq(strand_file_open(strand_fs_posix(), index_path(), 0, &file), STRAND_OK);
    cr_assert_eq(strand_lmdb_check(&file, &visitor, &facts), STRAND_OK, "%s",
                 strand_error_message());
    cr_assert_eq(strand_lmdb_check_head(&file, &head), STRAND_OK);
    strand_file_discard(&file);
    cr_expect_eq(noted, facts.used_pages);
    cr_expect_eq(facts.page_size, PAGE);
    cr_expect_eq(facts.transaction, LMDB_IMAGE_CHUNKS + 2);
    cr_expect_eq(facts.entry_count, LMDB_IMAGE_LOGS * (1 + 3 * LMDB_IMAGE_CHUNKS) + 1);
    cr_expect_leq(facts.used_pages + facts.free_pages + 2, facts.page_count);
    cr_expect_gt(facts.free_pages, 100);
    cr_expect_eq(head.page_count, facts.page_count);
    cr_expect_eq(head.used_pages, facts.used_pages);
    cr_expect_eq(head.free_pages, facts.free_pages);
    cr_expect_eq(head.entry_count, facts.entry_count);
    cr_expect_not(is_refused("nothing", 0, true, true));
}

Test(lmdb_check, newer_meta_page_counts)
{
    for (uint64_t i = 1; i <= 4; i++) {
        struct strand_index *index = index_open(INDEX_LMDB);
        struct strand_lmdb_facts facts;
        struct strand_file file;

        index_commit(index, index_begin(index));
        strand_index_close(index);
        cr_assert_eq(strand_file_open(strand_fs_posix(), index_path(), 0, &file), STRAND_OK);
        cr_assert_eq(strand_lmdb_check_head(&file, &facts), STRAND_OK);
        strand_file_discard(&file);
        cr_expect_eq(facts.transaction, LMDB_IMAGE_CHUNKS + 2 + i);
    }
}

static uint64_t used[1000]; /* pages of both trees */
static size_t used_count;

static void
find_used(void)
{
    const uint8_t *meta = lmdb_image_meta(image);

    for (size_t tree = LMDB_META_FREE_TREE; tree <= LMDB_META_MAIN_TREE;
         tree += LMDB_META_MAIN_TREE - LMDB_META_FREE_TREE)
        used_count += lmdb_image_pages(image, strand_get_le64(meta + tree + LMDB_TREE_ROOT),
                                       used + used_count, 1000 - used_count);
    cr_assert_gt(used_count, 100);
    cr_assert_lt(used_count, 1000);
}

/* A byte that means something: of a header, of node offsets, of nodes' heads and keys; of pages
 * that are not in use, too. */
static size_t
interesting_byte(void)
{
    size_t page = random_below(10) == 0 ? random_below((uint32_t)(image_size / PAGE))
                                        : used[random_below((uint32_t)used_count)];
    const uint8_t *at = image + page * PAGE;
    uint32_t where = random_below(10);

    if (random_below(10) == 0)
        return random_below(2) * PAGE + random_below(LMDB_META_SIZE);
    if (where < 3)
        return page * PAGE + random_below(LMDB_PAGE_HEADER_SIZE);
    unsigned lower = strand_get_le32(at + LMDB_PAGE_LOWER) & 0xffff;
    if (page < 2 || lower <= LMDB_PAGE_HEADER_SIZE || lower >= PAGE)
        return page * PAGE + random_below(64);
    unsigned node = random_below((lower - LMDB_PAGE_HEADER_SIZE) / 2);
    if (where < 6)
        return page * PAGE + LMDB_PAGE_HEADER_SIZE + 2 * node + random_below(2);
    size_t offset = strand_get_le32(at + LMDB_PAGE_HEADER_SIZE + 2 * node) & 0xffff;
    return page * PAGE + (offset + random_below(where < 9 ? 8 : 60)) % PAGE;
}

Test(lmdb_check, single_bit_flips_harm_nobody_and_change_no_answer)
{
    unsigned refused = 0;

    find_used();
    for (unsigned i = 0; i < FLIPS; i++) {
        size_t at = interesting_byte();
        bool writes = i % 50 == 0;

        poke(at, (uint8_t)(image[at] ^ 1U << random_below(8)));
        if (is_refused("bit", at, true, writes))
            refused++;
        else if (writes)
            scratch_store(index_path(), image, image_size);
        poke(at, image[at]);
    }
    cr_log_info("%d bit flips: %u refused, the others harmless", FLIPS, refused);
    cr_expect_gt(refused, FLIPS / 2);
}

/* Also without the check of everything. */
Test(lmdb_check, cut_files_harm_nobody)
{
    unsigned refused = 0;

    for (unsigned i = 0; i < CUTS; i++) {
        size_t size = i % 4 == 0 ? random_below((uint32_t)(image_size / PAGE)) * PAGE
                                 : random_below((uint32_t)image_size);

        if (size == 0) /* that is a new file */
            continue;
        scratch_store(index_path(), image, size);
        refused += is_refused("cut", size, i % 2 == 0, i % 10 == 0);
    }
    cr_log_info("%d cuts: %u refused", CUTS, refused);
    cr_expect_gt(refused, CUTS / 2);
}

/* What is taken and given back within one transaction is not written: the file may end before it.
 */
Test(lmdb_check, free_pages_behind_the_end_of_the_file_are_no_damage)
{
    enum { STEP = 16 * PAGE };
    unsigned accepted = 0;
    size_t size;

    struct strand_index *index = index_open(INDEX_LMDB);
    struct strand_index_batch *batch = index_begin(index);
    for (int64_t chunk = 0; chunk < 6000; chunk++) /* more than there are free pages for */
        index_put_pairs(batch, index_id(50), 0, chunk * 64, 1, 64);
    index_commit(index, batch);
    batch = index_begin(index);
    cr_assert_eq(strand_index_remove_log(batch, index_id(50)), STRAND_OK);
    index_commit(index, batch);
    strand_index_close(index);
    free(image);
    image = lmdb_image_load(&image_size);
    size = image_size;
    for (;; accepted++) {
        scratch_store(index_path(), image, size - STEP);
        bool is_bad = is_refused("cut", size - STEP, false, false);
        cr_assert_eq(is_refused("cut", size - STEP, true, false), is_bad, "at %zu", size - STEP);
        if (is_bad)
            break;
        size -= STEP;
    }
    cr_log_info("%u free pages at the end", accepted * (STEP / PAGE));
    cr_expect_gt(accepted, 0);
    scratch_store(index_path(), image, size);
    cr_expect_not(is_refused("cut", size, true, true));
}

/* Pages of an older file among those of a newer: what a disk leaves that does not keep the order.
 */
Test(lmdb_check, mixed_pages_harm_nobody)
{
    uint8_t *older = image;
    unsigned refused = 0;
    size_t size;

    struct strand_index *index = index_open(INDEX_LMDB);
    for (uint32_t log = 1; log <= LMDB_IMAGE_LOGS; log++) {
        struct strand_index_batch *batch = index_begin(index);
        struct strand_index_log facts = {.generation = log,
                                         .covered_offset = LMDB_IMAGE_CHUNKS - 1};

        cr_assert_eq(strand_index_put_log(batch, index_id(log), &facts), STRAND_OK);
        index_commit(index, batch);
    }
    strand_index_close(index);
    image = lmdb_image_load(&size);
    cr_assert_eq(size, image_size);
    uint8_t *mixed = malloc(image_size);
    for (unsigned i = 0; i < MIXES; i++) {
        memcpy(mixed, image, image_size);
        for (size_t page = 0; page < image_size / PAGE; page++)
            if (random_below(i % 2 == 0 ? 2 : 50) == 0)
                memcpy(mixed + page * PAGE, older + page * PAGE, PAGE);
        scratch_store(index_path(), mixed, image_size);
        refused += is_refused("mix", i, true, i % 10 == 0);
    }
    cr_log_info("%d mixes: %u refused", MIXES, refused);
    free(mixed);
    free(older);
}
