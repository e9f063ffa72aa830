/* tests/unit/test_log_fetch.c -- Whole batches, pinned: which, how many, and whose bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/batch.h"
#include "support/engine_fixture.h"

TestSuite(log_fetch, .init = fixture_create, .fini = fixture_destroy, .timeout = 60);
TestSuite(log_fetch_posix, .init = fixture_create_posix, .fini = fixture_destroy, .timeout = 60);

/* Batches [0,2) [2,3) | [3,6) [6,7), where '|' begins a segment; all durable but the last. */
static void
make_log(void)
{
    fixture.log_options.segment_bytes = 160;
    fixture_open();
    (void)fixture_append("0 1");
    (void)fixture_append("2");
    (void)fixture_append("3 4 5");
    require_ok(fixture_try_append("6", STRAND_WRITTEN, NULL));
    cr_assert_eq(fixture_info().info.segment_count, 2);
}

static int
fetch(int64_t offset, int isolation, uint32_t max_bytes, struct strand_fetch *out_fetch)
{
    struct strand_fetch_options options = {
        .struct_size = sizeof options, .isolation = isolation, .max_bytes = max_bytes};

    return strand_log_fetch(fixture.log, offset, &options, out_fetch);
}

static const struct fetch_case {
    int64_t offset;
    int isolation;
    uint32_t max_bytes;
    int64_t first; /* base offset of what comes; -1: nothing */
    int64_t next;
} CASES[] = {
    {0, STRAND_READ_COMMITTED, 0, 0, 3},
    {1, STRAND_READ_COMMITTED, 0, 0, 3}, /* from within a batch: all of it */
    {2, STRAND_READ_COMMITTED, 0, 2, 3},
    {3, STRAND_READ_COMMITTED, 0, 3, 6}, /* one segment at a time */
    {4, STRAND_READ_COMMITTED, 0, 3, 6},
    {5, STRAND_READ_COMMITTED, 0, 3, 6},
    {6, STRAND_READ_COMMITTED, 0, -1, 6},
    {6, STRAND_READ_STABLE, 0, -1, 6},
    {6, STRAND_READ_WRITTEN, 0, 6, 7},
    {3, STRAND_READ_WRITTEN, 0, 3, 7},
    {7, STRAND_READ_WRITTEN, 0, -1, 7},   /* the log end */
    {7, STRAND_READ_COMMITTED, 0, -1, 7}, /* above the limit, not above the log end */
    {0, STRAND_READ_COMMITTED, 1, 0, 2},  /* at least one batch */
    {0, STRAND_READ_COMMITTED, 77, 0, 2},
    {0, STRAND_READ_COMMITTED, 145, 0, 2},
    {0, STRAND_READ_COMMITTED, 146, 0, 3}, /* 77 + 69 */
    {3, STRAND_READ_WRITTEN, 84, 3, 6},
    {3, STRAND_READ_WRITTEN, 1000, 3, 7},
};

static void
expect_batches(const struct fetch_case *test, const struct strand_fetch *found)
{
    const uint8_t *data = found->data;
    int64_t expected = test->first;

    for (size_t at = 0; at < found->size; at += (size_t)strand_batch_size(data + at)) {
        require_ok(strand_batch_check(data + at, found->size - at));
        cr_expect_eq(strand_batch_base_offset(data + at), expected, "offset %lld",
                     (long long)test->offset);
        expected = strand_batch_end_offset(data + at);
    }
    if (test->first >= 0)
        cr_expect_eq(expected, test->next, "offset %lld: to %lld", (long long)test->offset,
                     (long long)expected);
}

static void
run_cases(void)
{
    make_log();
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct strand_fetch found;

        require_ok(fetch(CASES[i].offset, CASES[i].isolation, CASES[i].max_bytes, &found));
        cr_expect_eq(found.size == 0, CASES[i].first < 0, "case %zu: %zu bytes", i, found.size);
        cr_expect_eq(found.next_offset, CASES[i].next, "case %zu: next %lld", i,
                     (long long)found.next_offset);
        cr_expect_eq(found.high_watermark, 6);
        cr_expect_eq(found.log_start, 0);
        expect_batches(&CASES[i], &found);
        strand_fetch_release(&found);
    }
}

Test(log_fetch, each_offset_gives_the_batch_that_holds_it)
{
    run_cases();
}

Test(log_fetch, copies_are_the_same)
{
    fixture.engine_options.flags |= STRAND_ENGINE_COPY_READS;
    run_cases();
}

Test(log_fetch_posix, files_give_the_same)
{
    run_cases();
}

Test(log_fetch_posix, copies_of_files_are_the_same)
{
    fixture.engine_options.flags |= STRAND_ENGINE_COPY_READS;
    run_cases();
}

Test(log_fetch, disk_without_maps_gives_the_same)
{
    struct strand_sim_disk_options options = {
        .seed = 7, .file_size_max = FIXTURE_FILE_SIZE_MAX, .no_maps = true};

    strand_sim_disk_destroy(fixture.disk);
    require_ok(strand_sim_disk_create(&options, &fixture.disk));
    fixture.engine_options.fs = strand_sim_disk_fs(fixture.disk);
    run_cases();
}

static void
expect_descriptor(int64_t offset)
{
    struct strand_fetch found;
    uint8_t bytes[512];

    require_ok(fetch(offset, STRAND_READ_WRITTEN, 0, &found));
    cr_assert_geq(found.descriptor, 0);
    cr_assert_leq(found.size, sizeof bytes);
    cr_expect_eq(pread(found.descriptor, bytes, found.size, (off_t)found.position),
                 (ssize_t)found.size);
    cr_expect_eq(memcmp(bytes, found.data, found.size), 0);
    strand_fetch_release(&found);
}

Test(log_fetch_posix, descriptor_and_position_name_the_same_bytes)
{
    make_log();
    for (int64_t offset = 0; offset < 7; offset++)
        expect_descriptor(offset);
}

Test(log_fetch_posix, copies_have_a_descriptor_too)
{
    fixture.engine_options.flags |= STRAND_ENGINE_COPY_READS;
    make_log();
    for (int64_t offset = 0; offset < 7; offset++)
        expect_descriptor(offset);
}

Test(log_fetch, simulated_files_have_no_descriptor)
{
    struct strand_fetch found;

    make_log();
    require_ok(fetch(0, STRAND_READ_WRITTEN, 0, &found));
    cr_expect_eq(found.descriptor, -1);
    strand_fetch_release(&found);
}

Test(log_fetch, outside_the_log_is_out_of_range)
{
    static const int64_t offsets[] = {-2, -1, 0, 1, 8, INT64_MAX, INT64_MIN};
    struct strand_fetch found = {.next_offset = 77};

    make_log();
    require_ok(strand_log_trim(fixture.log, 2));
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        expect_status(STRAND_ERR_OUT_OF_RANGE, fetch(offsets[i], STRAND_READ_WRITTEN, 0, &found));
        cr_expect_eq(found.next_offset, 77);
    }
    require_ok(fetch(2, STRAND_READ_WRITTEN, 0, &found));
    cr_expect_eq(found.log_start, 2);
    strand_fetch_release(&found);
}

Test(log_fetch, options_are_checked)
{
    static const struct strand_fetch_options cases[] = {
        {.struct_size = 0},
        {.struct_size = 8},
        {.struct_size = sizeof cases[0], .isolation = 3},
        {.struct_size = sizeof cases[0], .isolation = -1},
    };
    struct strand_fetch found;

    fixture_open();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_status(STRAND_ERR_INVALID, strand_log_fetch(fixture.log, 0, &cases[i], &found));
    require_ok(strand_log_fetch(fixture.log, 0, NULL, &found));
}

Test(log_fetch, walking_by_next_offset_meets_every_batch_once)
{
    struct strand_fetch found;
    int64_t offset = 0;
    int64_t batches = 0;

    fixture.log_options.segment_bytes = 200;
    fixture_open();
    fixture_fill(31);
    for (;;) {
        require_ok(fetch(offset, STRAND_READ_COMMITTED, 100, &found));
        if (found.size == 0)
            break;
        cr_expect_eq(strand_batch_base_offset(found.data), offset);
        offset = found.next_offset;
        batches++;
        strand_fetch_release(&found);
    }
    cr_expect_eq(offset, 31);
    cr_expect_eq(batches, 31);
}

Test(log_fetch, watermark_within_a_batch_hides_all_of_it)
{
    struct strand_fetch found;

    fixture.log_options.flags = STRAND_LOG_REPLICATED;
    fixture_open();
    require_ok(fixture_follow("0+2 2+4"));
    require_ok(strand_log_set_high_watermark(fixture.log, 4));
    require_ok(fetch(0, STRAND_READ_COMMITTED, 0, &found));
    cr_expect_eq(found.next_offset, 2);
    strand_fetch_release(&found);
    require_ok(fetch(3, STRAND_READ_COMMITTED, 0, &found));
    cr_expect_eq(found.size, 0);
    require_ok(strand_log_set_high_watermark(fixture.log, 6));
    require_ok(fetch(3, STRAND_READ_COMMITTED, 0, &found));
    cr_expect_eq(found.next_offset, 6);
    strand_fetch_release(&found);
}
