/* tests/unit/test_index.c -- What the index promises, of both implementations. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "index/index_internal.h"
#include "support/index_audit.h"
#include "support/index_fixture.h"
#include "support/scratch.h"

static struct strand_index *idx;
static struct strand_index_batch *batch;

static void
set_up(enum index_kind kind)
{
    scratch_create();
    idx = index_open(kind);
}

static void
tear_down(void)
{
    strand_index_close(idx);
    scratch_remove();
}

static const enum index_kind both[] = {INDEX_LMDB, INDEX_MEMORY};

/* One test for each implementation. */
#define INDEX_TEST(name)                                                                           \
    static void name(void);                                                                        \
    Test(index_lmdb, name)                                                                         \
    {                                                                                              \
        set_up(both[0]);                                                                           \
        name();                                                                                    \
        tear_down();                                                                               \
    }                                                                                              \
    Test(index_memory, name)                                                                       \
    {                                                                                              \
        set_up(both[1]);                                                                           \
        name();                                                                                    \
        tear_down();                                                                               \
    }                                                                                              \
    static void name(void)

/* -1: nothing there. */
static int64_t
floor_of(uint32_t log, int64_t offset)
{
    struct strand_index_place place = {0};

    int status = strand_index_find_offset(idx, index_id(log), offset, &place);
    if (status == STRAND_END)
        return -1;
    cr_assert_eq(status, STRAND_OK, "%s", strand_error_message());
    return place.offset;
}

static int64_t
time_of(uint32_t log, int64_t base, int64_t timestamp_ms)
{
    int64_t offset = -1;

    int status = strand_index_find_time(idx, index_id(log), base, timestamp_ms, &offset);
    if (status == STRAND_END)
        return -1;
    cr_assert_eq(status, STRAND_OK);
    return offset;
}

static int64_t
covered(uint32_t log)
{
    struct strand_index_log state;

    return strand_index_find_log(idx, index_id(log), &state) == STRAND_OK ? state.covered_offset
                                                                          : -1;
}

static size_t
segments_of(uint32_t log)
{
    struct strand_index_segment segments[20];
    size_t count = 99;

    cr_assert_eq(strand_index_read_segments(idx, index_id(log), 0, segments, 20, &count),
                 STRAND_OK);
    return count;
}

static void
put_segment(uint32_t log, int64_t base, int64_t end)
{
    struct strand_index_segment segment = {
        .base_offset = base, .end_offset = end, .size = 7, .record_count = end - base};

    cr_assert_eq(strand_index_put_segment(batch, index_id(log), &segment), STRAND_OK);
}

static void
put_log(uint32_t log, int64_t covered_offset)
{
    struct strand_index_log state = {.generation = 3, .covered_offset = covered_offset};

    cr_assert_eq(strand_index_put_log(batch, index_id(log), &state), STRAND_OK);
}

/* Logs 1 to 3: segments 0, 1000, 2000 of 100 pairs each, 10 offsets apart; timestamps as offsets.
 */
static void
fill(void)
{
    batch = index_begin(idx);
    for (uint32_t log = 1; log <= 3; log++) {
        put_log(log, 3000);
        for (int64_t base = 0; base < 3000; base += 1000) {
            put_segment(log, base, base + 1000);
            index_put_pairs(batch, index_id(log), base, base, 10, 100);
            for (int64_t at = base + 640; at <= base + 1000; at += 360)
                cr_assert_eq(strand_index_put_time(batch, index_id(log), base, at, at), STRAND_OK);
        }
    }
    index_commit(idx, batch);
}

INDEX_TEST(empty_index_knows_nothing)
{
    uint8_t id[STRAND_INDEX_ID_SIZE] = {0};

    cr_expect_eq(floor_of(1, INT64_MAX), -1);
    cr_expect_eq(time_of(1, 0, INT64_MAX), -1);
    cr_expect_eq(covered(1), -1);
    cr_expect_eq(segments_of(1), 0);
    cr_expect_eq(strand_index_next_log(idx, id, id), STRAND_END);
    cr_expect_eq(strand_index_commit_number(idx), 0);
}

INDEX_TEST(floor_is_the_last_pair_at_or_below)
{
    static const struct {
        int64_t offset, floor;
    } cases[] = {{-1, -1},       {0, 0},       {1, 0},       {9, 0},       {10, 10},
                 {639, 630},     {640, 640},   {641, 640},   {999, 990},   {1000, 1000},
                 {1639, 1630},   {1640, 1640}, {2999, 2990}, {3000, 2990}, {INT64_MAX, 2990},
                 {INT64_MIN, -1}};
    struct strand_index_place place;

    fill();
    for (uint32_t log = 1; log <= 3; log++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            cr_expect_eq(floor_of(log, cases[i].offset), cases[i].floor, "at %" PRId64,
                         cases[i].offset);
    cr_expect_eq(floor_of(4, 500), -1);
    cr_assert_eq(strand_index_find_offset(idx, index_id(2), 1655, &place), STRAND_OK);
    cr_expect_eq(place.segment_base, 1000);
    cr_expect_eq(place.position, 65000);
}

INDEX_TEST(time_leads_to_where_nothing_before_is_late_enough)
{
    static const struct {
        int64_t base, timestamp_ms, offset;
    } cases[] = {{0, 0, -1},      {0, 640, -1},         {0, 641, 640},      {0, 1000, 640},
                 {0, 1001, 1000}, {0, INT64_MAX, 1000}, {0, INT64_MIN, -1}, {0, -5, -1},
                 {1000, 0, -1},   {1000, 1640, -1},     {1000, 1641, 1640}, {500, 9999, -1},
                 {-1, 0, -1}};

    fill();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(time_of(2, cases[i].base, cases[i].timestamp_ms), cases[i].offset,
                     "base %" PRId64 " time %" PRId64, cases[i].base, cases[i].timestamp_ms);
}

INDEX_TEST(negative_times_come_before_others)
{
    static const int64_t times[] = {INT64_MIN, -7, -1, 0, 1, INT64_MAX};

    batch = index_begin(idx);
    for (size_t i = 0; i < 6; i++)
        cr_assert_eq(strand_index_put_time(batch, index_id(1), 0, times[i], (int64_t)i), STRAND_OK);
    index_commit(idx, batch);
    for (size_t i = 1; i < 6; i++) {
        cr_expect_eq(time_of(1, 0, times[i]), (int64_t)i - 1);
        if (times[i] < INT64_MAX)
            cr_expect_eq(time_of(1, 0, times[i] + 1), (int64_t)i);
    }
}

INDEX_TEST(facts_and_coverage_come_back_as_they_were_put)
{
    struct strand_index_segment put = {5, 77, 1 << 20, 72, INT64_MAX, -1, 12};
    struct strand_index_segment got[2] = {{0}};
    struct strand_index_log log = {.generation = -4, .covered_offset = INT64_MAX};
    struct strand_index_log got_log;
    size_t count;

    batch = index_begin(idx);
    cr_assert_eq(strand_index_put_segment(batch, index_id(1), &put), STRAND_OK);
    cr_assert_eq(strand_index_put_log(batch, index_id(1), &log), STRAND_OK);
    index_commit(idx, batch);
    cr_assert_eq(strand_index_read_segments(idx, index_id(1), 0, got, 2, &count), STRAND_OK);
    cr_assert_eq(count, 1);
    cr_expect_eq(got[0].base_offset, 5);
    cr_expect_eq(got[0].end_offset, 77);
    cr_expect_eq(got[0].size, 1 << 20);
    cr_expect_eq(got[0].record_count, 72);
    cr_expect_eq(got[0].largest_timestamp_ms, INT64_MAX);
    cr_expect_eq(got[0].first_timestamp_ms, -1);
    cr_expect_eq(got[0].newest_epoch, 12);
    cr_assert_eq(strand_index_find_log(idx, index_id(1), &got_log), STRAND_OK);
    cr_expect_eq(got_log.generation, -4);
    cr_expect_eq(got_log.covered_offset, INT64_MAX);
}

INDEX_TEST(segments_are_read_in_pieces)
{
    struct strand_index_segment segments[2];
    size_t count;

    fill();
    cr_assert_eq(strand_index_read_segments(idx, index_id(1), 0, segments, 2, &count), STRAND_OK);
    cr_assert_eq(count, 2);
    cr_expect_eq(segments[1].base_offset, 1000);
    cr_assert_eq(strand_index_read_segments(idx, index_id(1), 1001, segments, 2, &count),
                 STRAND_OK);
    cr_assert_eq(count, 1);
    cr_expect_eq(segments[0].base_offset, 2000);
}

INDEX_TEST(removing_from_an_offset_leaves_nothing_that_speaks_of_it)
{
    static const struct {
        int64_t cut, floor, time, covered;
        size_t segments;
    } cases[] = {{4000, 2990, 3000, 3000, 3}, {3000, 2990, 3000, 3000, 3},
                 {2999, 2990, 2640, 2999, 2}, {2990, 2980, 2640, 2990, 2},
                 {2640, 2630, 2640, 2640, 2}, {2639, 2630, -1, 2639, 2},
                 {2001, 2000, -1, 2001, 2},   {2000, 1990, -1, 2000, 2},
                 {1999, 1990, -1, 1999, 1},   {0, -1, -1, 0, 0}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fill();
        batch = index_begin(idx);
        cr_assert_eq(strand_index_remove_from(batch, index_id(2), cases[i].cut), STRAND_OK);
        index_commit(idx, batch);
        cr_expect_eq(floor_of(2, INT64_MAX), cases[i].floor, "floor, cut at %" PRId64,
                     cases[i].cut);
        cr_expect_eq(time_of(2, 2000, INT64_MAX), cases[i].time, "time, cut at %" PRId64,
                     cases[i].cut);
        cr_expect_eq(covered(2), cases[i].covered, "covered, cut at %" PRId64, cases[i].cut);
        cr_expect_eq(segments_of(2), cases[i].segments, "segments, cut at %" PRId64, cases[i].cut);
        for (uint32_t log = 1; log <= 3; log += 2) {
            cr_expect_eq(floor_of(log, INT64_MAX), 2990);
            cr_expect_eq(covered(log), 3000);
            cr_expect_eq(segments_of(log), 3);
        }
    }
}

INDEX_TEST(removing_below_a_segment_removes_those_before_it)
{
    fill();
    batch = index_begin(idx);
    cr_assert_eq(strand_index_remove_below(batch, index_id(2), 1000), STRAND_OK);
    index_commit(idx, batch);
    cr_expect_eq(floor_of(2, 999), -1);
    cr_expect_eq(floor_of(2, 1000), 1000);
    cr_expect_eq(time_of(2, 0, INT64_MAX), -1);
    cr_expect_eq(time_of(2, 1000, INT64_MAX), 2000);
    cr_expect_eq(segments_of(2), 2);
    cr_expect_eq(covered(2), 3000);
    cr_expect_eq(floor_of(1, 999), 990);
    cr_expect_eq(floor_of(3, 999), 990);
}

INDEX_TEST(removed_log_is_gone_and_others_stay)
{
    fill();
    batch = index_begin(idx);
    cr_assert_eq(strand_index_remove_log(batch, index_id(2)), STRAND_OK);
    index_commit(idx, batch);
    cr_expect_eq(floor_of(2, INT64_MAX), -1);
    cr_expect_eq(time_of(2, 0, INT64_MAX), -1);
    cr_expect_eq(covered(2), -1);
    cr_expect_eq(segments_of(2), 0);
    cr_expect_eq(floor_of(1, INT64_MAX), 2990);
    cr_expect_eq(floor_of(3, INT64_MAX), 2990);
}

INDEX_TEST(logs_are_listed_in_order)
{
    uint8_t id[STRAND_INDEX_ID_SIZE] = {0};
    uint8_t last[STRAND_INDEX_ID_SIZE] = {0};
    int count = 0;

    fill();
    while (strand_index_next_log(idx, id, id) == STRAND_OK) {
        cr_assert_gt(memcmp(id, last, sizeof id), 0);
        memcpy(last, id, sizeof id);
        count++;
    }
    cr_expect_eq(count, 3);
}

INDEX_TEST(aborted_batch_changes_nothing)
{
    fill();
    batch = index_begin(idx);
    index_put_pairs(batch, index_id(1), 3000, 3000, 10, 5);
    cr_assert_eq(strand_index_remove_log(batch, index_id(2)), STRAND_OK);
    cr_assert_eq(strand_index_remove_from(batch, index_id(3), 5), STRAND_OK);
    strand_index_abort(batch);
    for (uint32_t log = 1; log <= 3; log++)
        cr_expect_eq(floor_of(log, INT64_MAX), 2990);
    cr_expect_eq(strand_index_commit_number(idx), 1);
}

INDEX_TEST(batch_is_seen_by_nobody_before_its_commit)
{
    fill();
    batch = index_begin(idx);
    cr_assert_eq(strand_index_remove_from(batch, index_id(1), 0), STRAND_OK);
    index_put_pairs(batch, index_id(1), 0, 0, 7, 3);
    cr_expect_eq(floor_of(1, INT64_MAX), 2990);
    index_commit(idx, batch);
    cr_expect_eq(floor_of(1, INT64_MAX), 14);
}

INDEX_TEST(changes_of_a_batch_are_made_in_order)
{
    batch = index_begin(idx);
    index_put_pairs(batch, index_id(1), 0, 0, 10, 64);
    cr_assert_eq(strand_index_remove_from(batch, index_id(1), 100), STRAND_OK);
    index_put_pairs(batch, index_id(1), 0, 200, 10, 1);
    index_commit(idx, batch);
    cr_expect_eq(floor_of(1, 199), 90);
    cr_expect_eq(floor_of(1, INT64_MAX), 200);
}

INDEX_TEST(commit_numbers_ascend)
{
    fill();
    batch = index_begin(idx);
    put_log(7, 1);
    cr_expect_eq(strand_index_commit(batch, 1), STRAND_ERR_INVALID);
    cr_expect_eq(covered(7), -1);
    batch = index_begin(idx);
    put_log(7, 1);
    cr_expect_eq(strand_index_commit(batch, 40), STRAND_OK);
    cr_expect_eq(strand_index_commit_number(idx), 40);
    cr_expect_eq(covered(7), 1);
}

INDEX_TEST(nonsense_is_refused_and_spoils_its_batch)
{
    static const struct strand_sparse_entry same_offset[] = {{1, 1}, {1, 2}};
    static const struct strand_sparse_entry same_position[] = {{1, 1}, {2, 1}};
    static const struct strand_sparse_entry far[] = {{UINT32_MAX, 0}};
    static const struct strand_index_log negative = {0, -1};
    static const struct strand_index_segment backwards = {.base_offset = 5, .end_offset = 4};
    static const struct strand_index_segment below_zero = {.base_offset = -1};
    static const uint8_t no_id[STRAND_INDEX_ID_SIZE];
    static const uint8_t id[STRAND_INDEX_ID_SIZE] = {1};

    fill();
    for (int i = 0; i < 12; i++) {
        int status = STRAND_OK;

        batch = index_begin(idx);
        put_log(9, 1);
        switch (i) {
        case 0:
            status = strand_index_put_chunk(batch, id, 0, same_offset, 2);
            break;
        case 1:
            status = strand_index_put_chunk(batch, id, 0, same_position, 2);
            break;
        case 2:
            status = strand_index_put_chunk(batch, id, 0, far, 0);
            break;
        case 3:
            status = strand_index_put_chunk(batch, id, 0, far, STRAND_INDEX_CHUNK_MAX + 1);
            break;
        case 4:
            status = strand_index_put_chunk(batch, id, -1, far, 1);
            break;
        case 5:
            status = strand_index_put_chunk(batch, id, INT64_MAX, far, 1);
            break;
        case 6:
            status = strand_index_put_log(batch, id, &negative);
            break;
        case 7:
            status = strand_index_put_segment(batch, id, &backwards);
            break;
        case 8:
            status = strand_index_put_segment(batch, id, &below_zero);
            break;
        case 9:
            status = strand_index_put_time(batch, id, 5, 0, 4);
            break;
        case 10:
            status = strand_index_put_time(batch, no_id, 5, 0, 5);
            break;
        default:
            status = strand_index_remove_from(batch, id, -1);
            break;
        }
        cr_expect_eq(status, STRAND_ERR_INVALID, "case %d", i);
        cr_expect_eq(strand_index_commit(batch, 100), STRAND_ERR_INVALID, "case %d", i);
        cr_expect_eq(covered(9), -1);
    }
}

INDEX_TEST(stat_counts_what_is_there)
{
    struct strand_index_stat before;
    struct strand_index_stat after;

    cr_assert_eq(strand_index_stat(idx, &before), STRAND_OK);
    fill();
    cr_assert_eq(strand_index_stat(idx, &after), STRAND_OK);
    /* A log: itself, 3 segments, 6 chunks, 6 times; and LMDB's version record is there before. */
    cr_expect_geq(after.entry_count - before.entry_count, 3 * 16);
    cr_expect_leq(after.entry_count - before.entry_count, 3 * 16 + 1);
    cr_expect_eq(after.commit_number, 1);
    cr_expect_gt(after.used_bytes, 3 * 300 * 8);
}

INDEX_TEST(what_is_removed_takes_no_room)
{
    struct strand_index_stat before;
    struct strand_index_stat after;

    index_commit(idx, index_begin(idx)); /* from here on there is a version record */
    cr_assert_eq(strand_index_stat(idx, &before), STRAND_OK);
    fill();
    batch = index_begin(idx);
    for (uint32_t log = 1; log <= 3; log++)
        cr_assert_eq(strand_index_remove_log(batch, index_id(log)), STRAND_OK);
    index_commit(idx, batch);
    batch = index_begin(idx); /* nor what is never added */
    index_put_pairs(batch, index_id(4), 0, 0, 1, 64);
    strand_index_abort(batch);
    cr_assert_eq(strand_index_stat(idx, &after), STRAND_OK);
    cr_expect_eq(after.entry_count, before.entry_count);
    cr_expect_eq(after.used_bytes, before.used_bytes);
}

INDEX_TEST(entries_are_counted_by_kind)
{
    struct strand_index_counts counts;

    cr_assert_eq(index_count(idx, &counts), STRAND_OK);
    cr_expect_eq(counts.logs + counts.segments + counts.chunks + counts.pairs + counts.times, 0);
    fill();
    cr_assert_eq(index_count(idx, &counts), STRAND_OK);
    cr_expect_eq(counts.logs, 3);
    cr_expect_eq(counts.segments, 9);
    cr_expect_eq(counts.chunks, 18);
    cr_expect_eq(counts.pairs, 900);
    cr_expect_eq(counts.times, 18);
}

/* More than are read at once. */
INDEX_TEST(many_entries_are_counted_once_each)
{
    enum { MANY = 3 * 4096 };
    struct strand_index_counts counts;

    batch = index_begin(idx);
    for (int64_t i = 0; i < MANY - 1; i++) /* and the version record */
        cr_assert_eq(strand_index_put_time(batch, index_id(1), i, i, i), STRAND_OK);
    index_commit(idx, batch);
    for (unsigned i = 0; i < 2; i++) {
        cr_assert_eq(index_count(idx, &counts), STRAND_OK);
        cr_expect_eq(counts.times, MANY - 1 + i);
        batch = index_begin(idx);
        cr_assert_eq(strand_index_put_time(batch, index_id(2), 0, 0, 0), STRAND_OK);
        index_commit(idx, batch);
    }
}

/* LMDB on a damaged file: two entries of a time, the later one first, for ever. */
static int
walk_in_circles(struct strand_index *index, const struct strand_index_key *key,
                strand_index_entry_fn *found, void *argument)
{
    uint8_t value[STRAND_INDEX_TIME_SIZE + STRAND_INDEX_CRC_SIZE] = {0};
    int status = STRAND_OK;

    (void)index;
    (void)key;
    for (int64_t time = 9; status == STRAND_OK; time = 10 - time) {
        struct strand_index_key at = strand_index_time_key(index_id(1), 0, time);
        struct strand_index_span span = strand_index_key_span(&at);

        status = found(argument, span, strand_index_seal(span, value, STRAND_INDEX_TIME_SIZE));
    }
    return status;
}

Test(index_count, entries_out_of_order_end_the_walk)
{
    static const struct strand_index_ops ops = {.walk = walk_in_circles};
    struct strand_index index = {.ops = &ops};
    struct strand_index_counts counts;

    cr_expect_eq(index_count(&index, &counts), STRAND_ERR_CORRUPT);
}

/* ---- Threads ---- */

enum { THREADS = 4, COMMITS = 50 };

static void *
commit_many(void *argument)
{
    const uint32_t *log = argument;

    for (int64_t i = 1; i <= COMMITS; i++) {
        struct strand_index_log state = {.covered_offset = i};
        struct strand_index_batch *own = index_begin(idx);

        cr_assert_eq(strand_index_put_log(own, index_id(*log), &state), STRAND_OK);
        /* With a batch begun nobody else commits: the next number is ours. */
        index_commit(idx, own);
    }
    return NULL;
}

INDEX_TEST(batches_of_many_threads_follow_each_other)
{
    static uint32_t logs[THREADS] = {1, 2, 3, 4};
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, commit_many, &logs[i]), 0);
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    cr_expect_eq(strand_index_commit_number(idx), THREADS * COMMITS);
    for (uint32_t log = 1; log <= THREADS; log++)
        cr_expect_eq(covered(log), COMMITS);
}
