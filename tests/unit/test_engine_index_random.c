/* tests/unit/test_engine_index_random.c -- Random logs answer the same with LMDB, with memory and
 * without an index: live, with the index partly made, stale or lost, after each kind of opening. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/log_internal.h"
#include "support/index_engine.h"
#include "support/log_model.h"

enum { BATCHES = 450, SEEDS = 2 };

static const char *const kinds[] = {
    [STRAND_INDEX_LMDB] = "LMDB", [STRAND_INDEX_MEMORY] = "memory", [STRAND_INDEX_NONE] = "none"};

static uint64_t state;
static uint64_t seed;
static int32_t kind;
static int32_t epoch;
static int64_t now_ms;

static uint32_t
random_below(uint32_t bound)
{
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)((state >> 33) % bound);
}

static void
check(const char *what, size_t stride)
{
    char name[128];

    (void)snprintf(name, sizeof name, "seed %" PRIu64 ", %s: %s", seed, kinds[kind], what);
    log_model_check(name, stride);
    log_model_check_scan(name);
    (void)index_engine_check(name);
}

/* Mostly ascending; late, early, equal ones and none at all, and one spike in the middle. */
static int64_t
draw_time(size_t batch)
{
    switch (random_below(12)) {
    case 0:
        return now_ms - random_below(5000);
    case 1:
        return now_ms + random_below(2000);
    case 2:
        return random_below(6) == 0 ? STRAND_NO_TIMESTAMP : now_ms;
    case 3:
        return now_ms;
    default:
        now_ms += random_below(4);
        return batch == BATCHES / 2 ? now_ms + 1000000 : now_ms;
    }
}

static void
append(size_t number, size_t value_size_max)
{
    struct log_model_batch batch = {
        .gap = random_below(10) == 0 ? 1 + random_below(random_below(8) == 0 ? 100000 : 40) : 0,
        .holes = random_below(6) == 0 ? (int32_t)random_below(5) : 0,
        .head_holes = random_below(8) == 0 ? (int32_t)random_below(5) : 0,
        .tail_holes = random_below(8) == 0 ? (int32_t)random_below(5) : 0,
        .count = 1 + random_below(5),
        .is_append_time = random_below(10) == 0,
        .leader_epoch = epoch,
    };

    batch.value_size = random_below((uint32_t)(value_size_max / batch.count)) + 1;
    for (size_t i = 0; i < batch.count; i++)
        batch.timestamps[i] = draw_time(number);
    log_model_append(&batch, random_below(15) == 0 ? STRAND_DURABLE : STRAND_WRITTEN);
}

static void
truncate_some(void)
{
    struct strand_positions positions = fixture_positions();
    int64_t offset = positions.log_end - random_below(120);
    int64_t log_end = 0;

    if (offset < positions.log_start)
        return;
    require_ok(strand_log_truncate(fixture.log, offset, &log_end));
    log_model_cut(log_end);
}

static void
trim_some(void)
{
    struct strand_positions positions = fixture_positions();
    int64_t offset = positions.log_start + random_below(60);

    if (offset <= positions.high_watermark)
        require_ok(strand_log_trim(fixture.log, offset));
}

static void
raise_watermark(void)
{
    struct strand_positions positions = fixture_positions();

    require_ok(strand_log_set_high_watermark(
        fixture.log, positions.log_end - random_below(positions.log_end < 300 ? 1 : 300)));
}

static void
do_something_else(void)
{
    switch (random_below(9)) {
    case 0:
        truncate_some();
        break;
    case 1:
        trim_some();
        break;
    case 2:
        (void)index_engine_step();
        break;
    case 3:
        strand_sim_disk_advance(fixture.disk, INT64_C(2000000000));
        require_ok(strand_engine_run(fixture.engine, NULL));
        break;
    case 4:
        epoch++;
        break;
    default:
        raise_watermark();
        break;
    }
}

static void
build(size_t count, size_t value_size_max)
{
    for (size_t i = 0; i < count; i++) {
        append(i, value_size_max);
        if (random_below(6) == 0)
            do_something_else();
        if (i % 233 == 0)
            check("while it grows", 31);
    }
}

/* All of the segments are learnt from an index that is whole, without a look at the files. */
static void
expect_facts_from_index(void)
{
    int64_t offset;

    (void)index_engine_bytes_read();
    expect_status(STRAND_END, strand_log_offset_for_timestamp(fixture.log, INT64_MAX,
                                                              STRAND_READ_WRITTEN, &offset, NULL));
    int64_t bytes = index_engine_bytes_read();
    if (kind == STRAND_INDEX_LMDB)
        cr_expect_eq(bytes, 0, "seed %" PRIu64 ": %" PRId64 " bytes were read", seed, bytes);
    else
        cr_expect_gt(bytes, 0);
}

static void
live_through_all(void)
{
    check("partly indexed", 3);
    index_engine_complete();
    check("indexed, with an unsynced tail", 1);
    index_engine_kill();
    fixture_open();
    check("after a kill", 3);

    truncate_some();
    build(60, 1500);
    index_engine_kill(); /* what the index says of the tail is stale */
    fixture_open();
    check("stale", 2);
    index_engine_complete();
    check("stale, and indexed again", 2);

    truncate_some();
    build(40, 1500);
    index_engine_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    log_model_cut(fixture_positions().log_end);
    check("after a power cut", 3);
    index_engine_complete();
    fixture_reopen();
    expect_facts_from_index();
    check("closed cleanly", 1);
    fixture_reopen();
    check("closed cleanly once more", 5);
}

static void
run_one(size_t value_size_max)
{
    state = seed * 7919;
    epoch = 0;
    now_ms = INT64_C(1600000000000);
    log_model_reset();
    fixture_open();
    build(BATCHES, value_size_max);
    cr_expect(value_size_max > 3400 || fixture_info().info.segment_count >= 50,
              "only %u segments were made", fixture_info().info.segment_count);
    live_through_all();
    fixture_close();
}

static void
run_kind(uint64_t number, int32_t of_kind)
{
    bool is_large = number % 2 == 0; /* segments with several chunks of pairs */

    seed = number;
    kind = of_kind;
    index_engine_create(kind);
    fixture.log_options.segment_bytes = is_large ? 800000 : 5000 + (int32_t)(number % 5) * 1000;
    run_one(is_large ? 7000 : 3400);
    index_engine_destroy();
}

/* Of all kinds the same log; seeds from the environment, for hours of it: SEEDS=1000. */
Test(engine_index_random, every_index_answers_as_a_list_does, .timeout = 180)
{
    const char *wanted = getenv("SEEDS");
    uint64_t seeds = wanted != NULL ? strtoull(wanted, NULL, 10) : SEEDS;

    for (uint64_t i = 1; i <= seeds; i++)
        for (int32_t of_kind = STRAND_INDEX_LMDB; of_kind <= STRAND_INDEX_NONE; of_kind++)
            run_kind(i, of_kind);
    log_model_free();
}
