/* tests/unit/test_engine_index.c -- What the engine's index spares, and what becomes of it when
 * logs are trimmed, reset and deleted. */
#include <inttypes.h>
#include <string.h>

#include "support/index_log.h"

TestSuite(engine_index, .init = index_log_create, .fini = index_log_destroy, .timeout = 120);

/* ---- What it spares ---- */

Test(engine_index, clean_opening_reads_no_log)
{
    fixture_open();
    grow(SEGMENTS);
    fixture_close();
    cr_expect_eq(bytes_of(fixture_open()), 0);
    cr_expect_eq(bytes_of(look_up_time(INT64_MAX)), 0);
    cr_expect_eq(bytes_of(index_engine_complete()), 0, "nothing is left to be indexed");
    cr_expect_eq(index_engine_check("opened"), fixture_positions().log_end);
    check("opened");
}

Test(engine_index, look_up_by_offset_reads_from_the_nearest_pair)
{
    fixture_open();
    grow(SEGMENTS);
    for (int64_t offset = 0; offset < (int64_t)log_model_batches(); offset += 7) {
        fixture_reopen();
        int64_t bytes = bytes_of(look_up_offset(offset));
        cr_expect_leq(bytes, 4096 + 2 * BATCH_SIZE, "offset %" PRId64 ": %" PRId64 " bytes", offset,
                      bytes);
    }
}

/* Times within the segment are pairs, too: one for each chunk. */
Test(engine_index, look_up_by_time_reads_one_stretch_of_one_segment)
{
    static const int32_t kinds[] = {STRAND_INDEX_LMDB, STRAND_INDEX_NONE};
    int64_t bytes[2];

    fixture.log_options.segment_bytes = 3 << 20;
    fixture_open();
    grow_by(5000, 2 * VALUE_SIZE);
    for (size_t i = 0; i < 2; i++) {
        fixture_close();
        fixture.engine_options.index = kinds[i];
        fixture_open();
        bytes[i] = bytes_of(look_up_time(1000 + 2900));
    }
    cr_expect_lt(bytes[0], 64 * 4096 + (1 << 20) + 8 * BATCH_SIZE, "%" PRId64 " bytes", bytes[0]);
    cr_expect_gt(bytes[1], 3 * bytes[0], "%" PRId64 " bytes without", bytes[1]);
}

Test(engine_index, unclean_opening_reads_no_more_than_without_an_index)
{
    static const int32_t kinds[] = {STRAND_INDEX_NONE, STRAND_INDEX_LMDB};
    int64_t bytes[2] = {0};

    for (size_t i = 0; i < 2; i++) {
        fixture.engine_options.index = kinds[i];
        fixture_open();
        if (i == 0)
            grow(SEGMENTS);
        index_engine_complete();
        index_engine_kill();
        bytes[i] = bytes_of(fixture_open());
        for (int64_t j = 0; j < 30; j++) {
            bytes[i] += bytes_of(look_up_time(1000 + j * 17));
            bytes[i] += bytes_of(look_up_offset(j * 15));
        }
        index_engine_kill();
    }
    fixture_open();
    cr_expect_gt(bytes[0], 0);
    cr_expect_leq(bytes[1], bytes[0], "%" PRId64 " with, %" PRId64 " without", bytes[1], bytes[0]);
}

/* The tables of full segments are given back when the index has what they hold. */
Test(engine_index, tables_of_full_segments_are_given_back)
{
    fixture_open();
    grow(SEGMENTS);
    index_engine_complete();
    for (size_t i = 0; i + 1 < fixture.log->segment_count; i++)
        cr_expect_eq(fixture.log->segments[i]->index.capacity, 0, "segment %zu", i);
    cr_expect_gt(fixture.log->segments[fixture.log->segment_count - 1]->index.count, 0);

    struct log_model_batch batch = {.count = 1, .value_size = VALUE_SIZE, .timestamps = {now_ms}};
    for (size_t i = 0; i < 3 * A_SEGMENT; i++)
        log_model_append(&batch, STRAND_WRITTEN);
    (void)index_engine_step();
    cr_expect_gt(fixture.log->segments[SEGMENTS + 1]->index.count, 0, "it is not durable yet");
    cr_expect_leq(bytes_of(look_up_offset(2 * A_SEGMENT + 20)), 4096 + 2 * BATCH_SIZE);
    check("given back");
}

/* So that appends to it allocate nothing. */
Test(engine_index, segment_begins_with_a_table_as_large_as_the_last_ones)
{
    fixture.log_options.segment_bytes = 1 << 20;
    fixture_open();
    while (fixture.log->segment_count < 2)
        grow_by(1, VALUE_SIZE);
    uint32_t capacity = fixture.log->segments[0]->index.capacity;
    cr_expect_geq(capacity, (1 << 20) / (5 * BATCH_SIZE) / 64 * 64);
    cr_expect_eq(fixture.log->segments[1]->index.capacity, capacity);
}

/* Nothing is due before an append has left a chunk's worth, then it is, by itself. */
Test(engine_index, runs_are_due_by_the_clock)
{
    int64_t next_ms = -1;

    fixture_open();
    grow(1);
    for (int i = 0; i < 4; i++) {
        strand_sim_disk_advance(fixture.disk, INT64_C(1100000000));
        require_ok(strand_engine_run(fixture.engine, &next_ms));
    }
    cr_expect_leq(stat_index().entry_count, 1);
    grow(SEGMENTS);
    require_ok(strand_engine_run(fixture.engine, &next_ms));
    cr_expect(next_ms >= 0 && next_ms <= 1000, "in %" PRId64 " ms", next_ms);
    strand_sim_disk_advance(fixture.disk, INT64_C(1100000000));
    require_ok(strand_engine_run(fixture.engine, &next_ms));
    cr_expect_geq(index_engine_check("by the clock"), (SEGMENTS - 1) * A_SEGMENT);
}

/* Times out of order, more records than batches, epochs. */
Test(engine_index, walk_finds_what_the_appends_knew)
{
    struct log_model_batch batch = {.count = 3, .value_size = 300};

    fixture.engine_options.index = STRAND_INDEX_NONE;
    fixture_open();
    for (size_t i = 0; i < SEGMENTS * A_SEGMENT; i++) {
        batch.leader_epoch = (int32_t)(i / 50);
        batch.timestamps[0] = 5000 + (int64_t)(i * 7919 % 1000);
        batch.timestamps[1] = batch.timestamps[0] - 400;
        batch.timestamps[2] = i % 29 == 0 ? STRAND_NO_TIMESTAMP : 5000 + (int64_t)i;
        log_model_append(&batch, STRAND_WRITTEN);
    }
    fixture_close();
    fixture.engine_options.index = STRAND_INDEX_LMDB;
    fixture_open();
    index_engine_complete();
    cr_expect_eq(index_engine_check("walked"), fixture_positions().log_end);
    fixture_reopen();
    cr_expect_eq(bytes_of(look_up_time(INT64_MAX)), 0);
    for (size_t i = 0; i < log_model_batches(); i++)
        log_model_check_time("walked", log_model_batch_time(i), STRAND_READ_WRITTEN);
    check("walked");
}

Test(engine_index, what_is_not_durable_is_not_indexed)
{
    struct log_model_batch batch = {.count = 1, .value_size = VALUE_SIZE, .timestamps = {now_ms}};

    fixture.log_options.segment_bytes = 2 << 20;
    fixture_open();
    grow(1);
    for (size_t i = 0; i < 16 * A_SEGMENT; i++)
        log_model_append(&batch, STRAND_WRITTEN);
    index_engine_complete();
    cr_expect_leq(fixture.log->index.covered, fixture_positions().durable_end);
    check("not durable");
    require_ok(strand_engine_sync(fixture.engine));
    index_engine_complete();
    cr_expect_gt(index_engine_check("durable"), 3 * A_SEGMENT);
}

/* ---- Life ---- */

Test(engine_index, reset_leaves_nothing)
{
    fixture_open();
    grow(4);
    index_engine_complete();
    uint64_t before = stat_index().entry_count;
    require_ok(strand_log_reset(fixture.log, 0));
    log_model_reset();
    grow_by(30, 400);
    check("reset");
    index_engine_complete();
    check("reset, and indexed");
    cr_expect_lt(stat_index().entry_count, before / 2);

    grow(4);
    index_engine_complete();
    int64_t offset = fixture_positions().log_end + 50;
    require_ok(strand_log_reset(fixture.log, offset));
    log_model_reset();
    log_model_cut(offset);
    index_engine_complete();
    cr_expect_leq(stat_index().entry_count, 2, "beyond what was there");
    grow(2);
    check("reset again");
}

Test(engine_index, file_stays_small_while_the_log_is_trimmed)
{
    uint64_t used[2] = {0}, file[2] = {0};

    fixture.log_options.segment_bytes = 9000;
    fixture_open();
    for (size_t i = 0; i < 60; i++) {
        grow_by(160, VALUE_SIZE);
        index_engine_complete();
        require_ok(strand_log_trim(fixture.log, fixture_positions().log_end - 150));
        index_engine_complete();
        struct strand_index_stat stat = stat_index();
        size_t half = i / 30;
        used[half] = stat.used_bytes > used[half] ? stat.used_bytes : used[half];
        file[half] = stat.file_bytes > file[half] ? stat.file_bytes : file[half];
    }
    cr_expect_leq(used[1], used[0] + 4096, "%" PRIu64 ", then %" PRIu64, used[0], used[1]);
    cr_expect_leq(file[1], file[0] + 4 * 4096, "%" PRIu64 ", then %" PRIu64, file[0], file[1]);
    check("trimmed");
}

static bool
knows_log(const uint8_t *id)
{
    struct strand_index_log found;

    return strand_index_find_log(the_index(), id, &found) == STRAND_OK;
}

Test(engine_index, deleted_log_goes_with_all_its_entries)
{
    uint8_t id[STRAND_LOG_ID_SIZE];

    fixture_open_engine();
    uint64_t before = stat_index().entry_count;
    fixture_open_log();
    grow(SEGMENTS);
    index_engine_complete();
    memcpy(id, fixture.log->identity.id, sizeof id);
    cr_assert(knows_log(id));
    require_ok(strand_log_close(fixture.log));
    fixture.log = NULL;
    require_ok(strand_engine_delete_log(fixture.engine, "orders", 0));
    (void)index_engine_step();
    cr_expect_not(knows_log(id));
    cr_expect_eq(stat_index().entry_count, before);
    log_model_reset();
    fixture_open_log(); /* the same name is another log */
    grow(2);
    index_engine_complete();
    check("created again");
}

Test(engine_index, log_deleted_just_before_a_crash_is_a_stranger_at_the_next_opening)
{
    uint8_t id[STRAND_LOG_ID_SIZE];

    fixture_open();
    grow(SEGMENTS);
    index_engine_complete();
    memcpy(id, fixture.log->identity.id, sizeof id);
    require_ok(strand_log_close(fixture.log));
    fixture.log = NULL;
    require_ok(strand_engine_delete_log(fixture.engine, "orders", 0));
    cr_expect(knows_log(id), "there was no run since");
    index_engine_kill();
    log_model_reset();
    fixture_open();
    cr_expect_not(knows_log(id));
    cr_expect_leq(stat_index().entry_count, 2);
}

Test(engine_index, memory_is_made_anew_at_each_opening)
{
    fixture.engine_options.index = STRAND_INDEX_MEMORY;
    fixture_open();
    grow(SEGMENTS);
    index_engine_complete();
    check("live");
    fixture_reopen();
    cr_expect_leq(stat_index().entry_count, 2, "nothing was walked");
    check("opened");
    index_engine_complete();
    check("walked");
    cr_expect_geq(index_engine_check("walked"), (SEGMENTS - 1) * A_SEGMENT);
}
