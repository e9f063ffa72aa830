/* tests/unit/test_sparse_index.c -- The floor is right at any size, in bounded memory, and never
 * guessed where the table does not know. */
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
        strand_sparse_index_add(&table, i * OFFSETS_PER_BATCH, i * BATCH_SIZE, (int64_t)i - 1);
}

/* Position of the floor, which is known. */
static uint32_t
floor_of(uint32_t relative_offset)
{
    struct strand_sparse_entry entry = {0, 1};

    cr_assert(strand_sparse_index_floor(&table, relative_offset, &entry));
    return entry.position;
}

TestSuite(sparse_index, .init = open_table, .fini = close_table);

Test(sparse_index, empty_table_leads_to_the_start)
{
    cr_expect_eq(floor_of(0), 0);
    cr_expect_eq(floor_of(UINT32_MAX), 0);
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
                uint32_t position = floor_of(batch * OFFSETS_PER_BATCH + inside);

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
        strand_sparse_index_add(&table, i, i * 4096, 0);
        cr_assert_leq(table.count, STRAND_SPARSE_ENTRIES_MAX);
    }
    cr_expect_gt(table.count, STRAND_SPARSE_ENTRIES_MAX / 4);
}

Test(sparse_index, close_batches_share_an_entry)
{
    strand_sparse_index_add(&table, 0, 0, -1);
    strand_sparse_index_add(&table, 1, STRAND_SPARSE_INTERVAL - 1, 5);
    cr_expect_eq(table.count, 0);
    strand_sparse_index_add(&table, 2, STRAND_SPARSE_INTERVAL, 5);
    cr_expect_eq(table.count, 1);
    cr_expect_eq(floor_of(1), 0);
    cr_expect_eq(floor_of(2), STRAND_SPARSE_INTERVAL);
}

Test(sparse_index, cut_forgets_at_and_behind_the_position)
{
    add_batches(100);
    uint32_t last = table.entries[table.count - 1].position;
    strand_sparse_index_cut(&table, last + 1);
    cr_expect_eq(floor_of(UINT32_MAX), last);
    strand_sparse_index_cut(&table, last);
    cr_expect_lt(floor_of(UINT32_MAX), last);
    strand_sparse_index_cut(&table, 0);
    cr_expect_eq(table.count, 0);
    cr_expect_eq(floor_of(UINT32_MAX), 0);
}

Test(sparse_index, dropped_pairs_are_not_known_any_more)
{
    struct strand_sparse_entry entry;

    add_batches(5000); /* every fifth is remembered: 999 pairs */
    uint32_t offset = table.entries[200].relative_offset;
    uint32_t position = table.entries[192].position;
    strand_sparse_index_drop(&table, offset); /* three groups lie below it */
    cr_expect_eq(table.entries[0].position, position);
    cr_expect_eq(table.first_known, table.entries[0].relative_offset - 5 * OFFSETS_PER_BATCH + 1);
    cr_expect_eq(floor_of(offset), position + 8 * 5 * BATCH_SIZE);
    cr_expect_not(strand_sparse_index_floor(&table, table.entries[0].relative_offset - 1, &entry));
    cr_expect(strand_sparse_index_floor_time(&table, INT64_MAX, &entry));
    cr_expect_eq(entry.position, table.entries[table.count - 1 - (table.count - 1) % 64].position);
}

Test(sparse_index, what_was_never_read_is_not_known)
{
    struct strand_sparse_entry entry;

    strand_sparse_index_forget(&table, 700, 100000);
    cr_expect_not(strand_sparse_index_floor(&table, 0, &entry));
    cr_expect_not(strand_sparse_index_floor(&table, UINT32_MAX, &entry));
    strand_sparse_index_add(&table, 700, 104000, 1); /* not yet an interval behind */
    cr_expect_eq(table.count, 0);
    strand_sparse_index_add(&table, 707, 105000, 1);
    cr_expect_not(strand_sparse_index_floor(&table, 706, &entry));
    cr_expect_eq(floor_of(707), 105000);
}

Test(sparse_index, nothing_in_front_of_the_floor_of_a_time_is_as_late)
{
    static const uint32_t counts[] = {1, 400, 5000, 200000};
    struct strand_sparse_entry entry;

    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        close_table();
        open_table();
        add_batches(counts[c]); /* batch i is at time i */
        for (uint32_t time = 0; time < counts[c]; time += 1 + counts[c] / 499) {
            if (!strand_sparse_index_floor_time(&table, time, &entry))
                continue;
            uint32_t batch = entry.position / BATCH_SIZE;
            cr_assert_leq(batch, time, "the batch of that time is not passed over");
            cr_assert_lt(time - batch,
                         (STRAND_SPARSE_GROUP + 1) * 2 * (table.interval / BATCH_SIZE));
        }
        bool is_any = strand_sparse_index_floor_time(&table, INT64_MAX, &entry);
        cr_expect_eq(is_any, table.count > 0);
        cr_expect_not(strand_sparse_index_floor_time(&table, INT64_MIN, &entry));
    }
}

Test(sparse_index, adding_allocates_nothing_within_what_was_reserved)
{
    strand_sparse_index_reserve(&table, 1000);
    const struct strand_sparse_entry *entries = table.entries;
    for (uint32_t i = 1; i <= 960; i++)
        strand_sparse_index_add(&table, i, i * STRAND_SPARSE_INTERVAL, 0);
    cr_expect_eq(table.capacity, 960, "whole groups");
    cr_expect_eq(table.count, 960);
    cr_expect_eq(table.entries, entries);
}
