/* tests/unit/test_sparse_index.c -- The floor is right at any size, in bounded memory. */
#include <criterion/criterion.h>

#include "index/sparse_index.h"

enum { BATCH_SIZE = 1000, OFFSETS_PER_BATCH = 7 };

static struct strand_sparse_index table;

static void
open_table(void)
{
    strand_sparse_index_init(&table);
}

static void
close_table(void)
{
    strand_sparse_index_deinit(&table);
}

static void
add_batches(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        strand_sparse_index_add(&table, i * OFFSETS_PER_BATCH, i * BATCH_SIZE);
}

TestSuite(sparse_index, .init = open_table, .fini = close_table);

Test(sparse_index, empty_table_leads_to_the_start)
{
    cr_expect_eq(strand_sparse_index_floor(&table, 0).position, 0);
    cr_expect_eq(strand_sparse_index_floor(&table, UINT32_MAX).position, 0);
}

Test(sparse_index, floor_is_at_or_below_and_nearer_than_two_intervals)
{
    static const uint32_t counts[] = {1, 5, 100, 5000, 200000, 2000000};

    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        close_table();
        open_table();
        add_batches(counts[c]);
        for (uint32_t batch = 0; batch < counts[c]; batch += 1 + counts[c] / 997) {
            for (uint32_t inside = 0; inside < OFFSETS_PER_BATCH; inside += 3) {
                uint32_t position =
                    strand_sparse_index_floor(&table, batch * OFFSETS_PER_BATCH + inside).position;

                cr_assert_eq(position % BATCH_SIZE, 0);
                cr_assert_leq(position, batch * BATCH_SIZE);
                cr_assert_lt(batch * BATCH_SIZE - position, 2 * table.interval + BATCH_SIZE,
                             "%u batches, batch %u", counts[c], batch);
            }
        }
    }
}

Test(sparse_index, never_holds_more_than_its_limit)
{
    for (uint32_t i = 0; i < 500000; i++) {
        strand_sparse_index_add(&table, i, i * 4096);
        cr_assert_leq(table.count, STRAND_SPARSE_ENTRIES_MAX);
    }
    cr_expect_gt(table.count, STRAND_SPARSE_ENTRIES_MAX / 4);
}

Test(sparse_index, close_batches_share_an_entry)
{
    strand_sparse_index_add(&table, 0, 0);
    strand_sparse_index_add(&table, 1, STRAND_SPARSE_INTERVAL - 1);
    cr_expect_eq(table.count, 0);
    strand_sparse_index_add(&table, 2, STRAND_SPARSE_INTERVAL);
    cr_expect_eq(table.count, 1);
    cr_expect_eq(strand_sparse_index_floor(&table, 1).position, 0);
    cr_expect_eq(strand_sparse_index_floor(&table, 2).position, STRAND_SPARSE_INTERVAL);
}

Test(sparse_index, cut_forgets_at_and_behind_the_position)
{
    add_batches(100);
    uint32_t last = table.entries[table.count - 1].position;
    strand_sparse_index_cut(&table, last + 1);
    cr_expect_eq(strand_sparse_index_floor(&table, UINT32_MAX).position, last);
    strand_sparse_index_cut(&table, last);
    cr_expect_lt(strand_sparse_index_floor(&table, UINT32_MAX).position, last);
    strand_sparse_index_cut(&table, 0);
    cr_expect_eq(table.count, 0);
    cr_expect_eq(strand_sparse_index_floor(&table, UINT32_MAX).position, 0);
}
