/* tests/unit/test_preparer.c -- Space in front of the log end: what is on disk, and when it goes.
 *
 * The sizes are small, so that a batch of 69 bytes counts; nothing happens but in
 * strand_engine_run().
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/engine_internal.h"
#include "engine/log_internal.h"
#include "engine/log_prepare.h"
#include "storage/segment.h"
#include "storage/topic_name.h"
#include "support/engine_fixture.h"
#include "support/log_image.h"

TestSuite(preparer, .init = fixture_create, .fini = fixture_destroy, .timeout = 120);

enum {
    BATCH = 69,
    AFTER = 200,
    LEAST = 512,
    MOST = 1024,
    STEP = 256,
    CALL = 64,
    SEGMENT = 2048,
    BATCHES = SEGMENT / BATCH, /* in a segment */
};

static const struct strand_preparer_sizes SIZES = {AFTER, LEAST, MOST, STEP, CALL};

/* What is prepared must lie between these, in front of N bytes. */
#define ZEROS_LEAST(n) ((n) + LEAST / 2)
#define ZEROS_MOST(n)  ((n) + MOST + CALL)

static void
open_preparing(enum strand_preparation mode)
{
    fixture.engine_options.preparation = (int32_t)mode;
    fixture.log_options.segment_bytes = SEGMENT;
    fixture_open_engine();
    fixture.engine->preparer.sizes = SIZES;
    fixture_open_log();
}

static void
run(void)
{
    require_ok(strand_engine_run(fixture.engine, NULL));
}

static void
append_written(int count)
{
    for (int i = 0; i < count; i++)
        require_ok(fixture_try_append("v", STRAND_WRITTEN, NULL));
}

static void
append_durable(int count)
{
    for (int i = 0; i < count; i++)
        (void)fixture_append("v");
}

static const char *
segment_path(int64_t base_offset)
{
    static char path[128];
    char name[STRAND_SEGMENT_NAME_SIZE];

    strand_segment_name_format(base_offset, name);
    (void)snprintf(path, sizeof path, FIXTURE_LOG "/%s", name);
    return path;
}

/* The size of the segment's file; what stands behind USED bytes is zeros. */
static int64_t
size_of(int64_t base_offset, int64_t used)
{
    int64_t size = 0;
    const uint8_t *data = strand_sim_disk_content(fixture.disk, segment_path(base_offset), &size);

    cr_assert_not_null(data, "%s", segment_path(base_offset));
    for (int64_t i = used; i < size; i++)
        cr_assert_eq(data[i], 0, "byte %" PRId64 " of %s", i, segment_path(base_offset));
    return size;
}

static int64_t
free_bytes(void)
{
    struct strand_fs_volume volume = {.type = ""};

    cr_assert_eq(fixture.fs->volume(fixture.fs->context, "/data", &volume), 0);
    return volume.free_bytes;
}

/* Calls since the last clear whose line contains each of two words. */
static int
calls_with(const char *word, const char *other)
{
    int count = 0;

    for (uint64_t i = 1; i <= strand_sim_disk_calls(fixture.disk); i++) {
        const char *line = strand_sim_disk_trace(fixture.disk, i);

        count += line != NULL && strstr(line, word) != NULL && strstr(line, other) != NULL;
    }
    return count;
}

static bool
has_next_file(void)
{
    return strand_sim_disk_content(fixture.disk, FIXTURE_LOG "/" STRAND_PREPARED_NAME, NULL) !=
           NULL;
}

static void
expect_healthy_whole(int64_t log_end)
{
    require_ok(strand_engine_health(fixture.engine));
    cr_expect_eq(fixture_positions().log_end, log_end);
}

/* ---- How much ---- */

Test(preparer, prepares_nothing_for_a_log_that_has_written_little)
{
    open_preparing(STRAND_PREPARE_ZERO);
    append_durable(2);
    run();
    cr_expect_eq(size_of(0, 2 * BATCH), 2 * BATCH);
    cr_expect_null(fixture.log->preparation);
    cr_expect_eq(fixture.engine->preparer.prepared_bytes, 0);
}

Test(preparer, writes_zeros_in_front_of_the_end_in_small_calls_and_syncs_them)
{
    open_preparing(STRAND_PREPARE_ZERO);
    append_written(4);
    strand_sim_disk_plan_clear(fixture.disk);
    run();
    int64_t size = size_of(0, 4 * BATCH);
    cr_expect_geq(size, ZEROS_LEAST(4 * BATCH));
    cr_expect_leq(size, ZEROS_MOST(4 * BATCH));
    cr_expect_not(strand_sim_disk_is_dirty(fixture.disk, segment_path(0)));
    cr_expect_geq(calls_with("write", "0.log"), (int)(size - 4 * BATCH - 4 * CALL) / CALL);
    cr_expect_eq(fixture_positions().durable_end, 0, "a round decides what is durable");
    cr_expect_str_eq(fixture_read(0, STRAND_READ_WRITTEN), "0=v 1=v 2=v 3=v");
}

Test(preparer, appends_use_the_zeros_and_more_come_before_they_are_used_up)
{
    open_preparing(STRAND_PREPARE_ZERO);
    for (int i = 4; i < BATCHES; i++) {
        append_durable(i == 4 ? 4 : 1);
        int64_t used = (i == 4 ? 4 : fixture_positions().log_end) * BATCH;
        int64_t before = size_of(0, used);
        run();
        int64_t after = size_of(0, used);
        cr_expect_geq(after, before, "zeros stay");
        cr_expect_leq(after, SEGMENT, "not beyond segment.bytes");
        cr_expect(after == SEGMENT || after >= used + LEAST / 2 - CALL,
                  "%" PRId64 " of %" PRId64 " used", used, after);
    }
    cr_expect_eq(size_of(0, fixture_positions().log_end * BATCH), SEGMENT);
}

Test(preparer, a_faster_log_gets_more)
{
    open_preparing(STRAND_PREPARE_ZERO);
    append_durable(4);
    run();
    strand_sim_disk_advance(fixture.disk, 200 * 1000000);
    append_durable(5); /* 1725 bytes a second */
    run();
    int64_t used = 9 * BATCH;
    cr_expect_geq(size_of(0, used), used + MOST);
    cr_expect_leq(size_of(0, used), ZEROS_MOST(used));
}

Test(preparer, prepares_nothing_when_told_so)
{
    open_preparing(STRAND_PREPARE_NONE);
    for (int i = 0; i < BATCHES; i++) {
        append_durable(1);
        run();
    }
    cr_expect_eq(size_of(0, BATCHES * BATCH), BATCHES * BATCH);
    cr_expect_not(has_next_file());
    cr_expect_null(fixture.log->preparation);
}

Test(preparer, prepares_zeros_by_itself_where_appends_are_waited_for)
{
    open_preparing(STRAND_PREPARE_AUTO);
    append_written(6);
    run();
    cr_expect_eq(size_of(0, 6 * BATCH), 6 * BATCH);
    append_durable(8);
    run();
    cr_expect_gt(size_of(0, 14 * BATCH), 14 * BATCH);
    int64_t size = size_of(0, 14 * BATCH);
    strand_sim_disk_advance(fixture.disk, 1100 * 1000000);
    append_written(8);
    run();
    cr_expect_eq(size_of(0, 22 * BATCH), size, "no more, and no less");
}

Test(preparer, reserving_leaves_the_size)
{
    strand_sim_disk_set_capacity(fixture.disk, 8 << 20);
    open_preparing(STRAND_PREPARE_RESERVE);
    fixture.engine->preparer.sizes.least = 64 << 10;
    fixture.engine->preparer.sizes.most = 64 << 10;
    require_ok(strand_log_set(fixture.log, "segment.bytes", "65536"));
    append_durable(4);
    int64_t before = free_bytes();
    run();
    cr_expect_eq(size_of(0, 4 * BATCH), 4 * BATCH);
    cr_expect_eq(before - free_bytes(), 60 << 10);
    append_durable(20);
    cr_expect_eq(before - free_bytes(), 60 << 10);
    int64_t held = free_bytes();
    fixture_close();
    cr_expect_geq(free_bytes() - held, 40 << 10, "given back; other files have come");
    fixture_open();
}

/* ---- Failures ---- */

Test(preparer, a_reservation_that_fails_leaves_nothing_behind)
{
    strand_sim_disk_set_capacity(fixture.disk, 8 << 20);
    open_preparing(STRAND_PREPARE_RESERVE);
    fixture.engine->preparer.sizes.least = 64 << 10;
    fixture.engine->preparer.sizes.most = 64 << 10;
    require_ok(strand_log_set(fixture.log, "segment.bytes", "65536"));
    append_durable(4);
    int64_t before = free_bytes();
    strand_sim_disk_set_capacity(fixture.disk, (8 << 20) - before + (16 << 10));
    run();
    cr_expect_eq(free_bytes(), 16 << 10);
    append_durable(4);
    expect_healthy_whole(8);
}

Test(preparer, a_full_disk_stops_it_for_a_while_and_nothing_else)
{
    strand_sim_disk_set_capacity(fixture.disk, 8 << 20);
    open_preparing(STRAND_PREPARE_ZERO);
    fixture.engine->preparer.sizes =
        (struct strand_preparer_sizes){AFTER, 65536, 65536, 8192, 4096};
    require_ok(strand_log_set(fixture.log, "segment.bytes", "200000"));
    append_durable(4);
    strand_sim_disk_set_capacity(fixture.disk, (8 << 20) - free_bytes() + (24 << 10));
    run();
    cr_expect_eq(size_of(0, 4 * BATCH), 4 * BATCH, "the zeros were taken back");
    append_durable(40);
    run();
    cr_expect_eq(size_of(0, 44 * BATCH), 44 * BATCH);
    expect_healthy_whole(44);

    strand_sim_disk_set_capacity(fixture.disk, 8 << 20);
    for (int i = 0; i < 11; i++) { /* in use all the time */
        append_durable(100);
        strand_sim_disk_advance(fixture.disk, 1000000000);
    }
    append_durable(1000);
    run();
    int64_t used = fixture_positions().log_end * BATCH;
    cr_expect_gt(size_of(0, used), used);
}

/* The CALLth write of zeros fails; false: there were fewer. */
static bool
fail_zeros(uint64_t call)
{
    open_preparing(STRAND_PREPARE_ZERO);
    append_durable(4);
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_WRITE, call, EIO, false);
    run();
    strand_sim_disk_plan_clear(fixture.disk);
    bool was_hit = size_of(0, 4 * BATCH) == 4 * BATCH;
    append_durable(2);
    expect_healthy_whole(6);
    fixture_close();
    cr_expect_eq(size_of(0, 6 * BATCH), 6 * BATCH, "call %" PRIu64, call);
    fixture_open();
    expect_healthy_whole(6);
    fixture_destroy();
    fixture_create();
    return was_hit;
}

Test(preparer, a_failed_write_of_zeros_is_taken_back_and_harms_nothing)
{
    uint64_t call = 1;

    while (fail_zeros(call))
        call++;
    cr_expect_geq(call, LEAST / CALL - 4);
}

Test(preparer, a_failed_sync_fails_the_log)
{
    open_preparing(STRAND_PREPARE_ZERO);
    append_written(4);
    strand_sim_disk_plan_clear(fixture.disk);
    /* The round that nobody waits for is not due yet: the first sync is the preparer's. */
    strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_SYNC, 1, EIO, false);
    run();
    expect_status(STRAND_ERR_FAILED, fixture_try_append("v", STRAND_DURABLE, NULL));
    cr_expect_eq(fixture_positions().durable_end, 0);
}

Test(preparer, an_append_that_fails_takes_the_zeros_with_it_and_they_come_again)
{
    open_preparing(STRAND_PREPARE_ZERO);
    append_durable(4);
    run();
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_WRITE, 1, EIO, false);
    expect_status(STRAND_ERR_IO, fixture_try_append("v", STRAND_DURABLE, NULL));
    strand_sim_disk_plan_clear(fixture.disk);
    cr_expect_eq(size_of(0, 4 * BATCH), 4 * BATCH);
    append_durable(1);
    run();
    cr_expect_geq(size_of(0, 5 * BATCH), ZEROS_LEAST(5 * BATCH));
    expect_healthy_whole(5);
}

/* ---- Rolling ---- */

/* Append, preparing, until the next append rolls. */
static void
fill_segment(int durability)
{
    for (int i = 0; i < BATCHES; i++) {
        require_ok(fixture_try_append("v", durability, NULL));
        run();
    }
}

Test(preparer, a_roll_gives_the_prepared_file_its_name_and_does_nothing_else)
{
    static const struct {
        enum strand_preparation mode;
        int durability;
        bool has_zeros;
    } cases[] = {
        {STRAND_PREPARE_ZERO, STRAND_WRITTEN, true},
        {STRAND_PREPARE_RESERVE, STRAND_WRITTEN, false},
        {STRAND_PREPARE_AUTO, STRAND_WRITTEN, false},
        {STRAND_PREPARE_AUTO, STRAND_DURABLE, true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        open_preparing(cases[i].mode);
        fill_segment(cases[i].durability);
        cr_assert(has_next_file(), "case %zu", i);
        strand_sim_disk_plan_clear(fixture.disk);
        append_written(1);
        cr_expect_eq(strand_sim_disk_calls(fixture.disk), 2, "case %zu", i);
        cr_expect_eq(calls_with("rename", STRAND_PREPARED_NAME), 1, "case %zu", i);
        cr_expect_eq(calls_with("write", "+69"), 1, "case %zu", i);
        cr_expect_not(has_next_file());
        cr_expect_eq(size_of(BATCHES, BATCH) > BATCH, cases[i].has_zeros, "case %zu", i);
        (void)fixture_append("w");
        expect_healthy_whole(BATCHES + 2);
        fixture_reopen();
        cr_expect_eq(fixture_positions().log_end, BATCHES + 2);
        fixture_close();
        fixture_open_engine();
        require_ok(strand_engine_delete_log(fixture.engine, "orders", 0));
        require_ok(strand_engine_close(fixture.engine));
        fixture.engine = NULL;
    }
    fixture_open();
}

Test(preparer, a_roll_whose_rename_fails_leaves_a_log_that_rolls_later)
{
    open_preparing(STRAND_PREPARE_ZERO);
    fill_segment(STRAND_DURABLE);
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_NAME, 1, EIO, false);
    expect_status(STRAND_ERR_IO, fixture_try_append("v", STRAND_DURABLE, NULL));
    cr_expect_not(has_next_file());
    append_durable(1);
    expect_healthy_whole(BATCHES + 1);
    cr_expect_eq(size_of(BATCHES, BATCH), BATCH);
}

Test(preparer, the_round_after_a_roll_seals_the_full_segment)
{
    open_preparing(STRAND_PREPARE_ZERO);
    fill_segment(STRAND_DURABLE);
    cr_expect_eq(size_of(0, BATCHES * BATCH), SEGMENT);
    append_written(1);
    cr_expect_eq(size_of(0, BATCHES * BATCH), SEGMENT, "not under the append lock");
    strand_sim_disk_plan_clear(fixture.disk);
    append_durable(1);
    cr_expect_eq(size_of(0, BATCHES * BATCH), BATCHES * BATCH);
    cr_expect_eq(calls_with("sync_all", "0.log"), 1);
    cr_expect_not(strand_sim_disk_is_dirty(fixture.disk, FIXTURE_LOG));
    strand_sim_disk_plan_clear(fixture.disk);
    append_durable(1);
    run();
    cr_expect_eq(calls_with("", "00000.log"), 0, "never touched again");
}

Test(preparer, several_full_segments_are_sealed_by_one_round)
{
    open_preparing(STRAND_PREPARE_ZERO);
    for (int i = 0; i < 3; i++)
        fill_segment(STRAND_WRITTEN);
    append_durable(1);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(size_of((int64_t)i * BATCHES, BATCHES * BATCH), BATCHES * BATCH, "%d", i);
}

/* ---- The common limit ---- */

Test(preparer, all_logs_together_stay_within_the_limit)
{
    struct strand_log_options options = fixture.log_options;
    struct strand_log *other = NULL;
    int64_t used = 0;

    fixture.engine_options.prepared_bytes_max = 1000;
    open_preparing(STRAND_PREPARE_ZERO);
    options.segment_bytes = SEGMENT;
    require_ok(strand_log_open(fixture.engine, "orders", 1, &options, &other));
    struct strand_record record = {.value = strand_bytes("v", 1), .timestamp_ms = 1000};
    for (int i = 0; i < 2 * BATCHES; i++) {
        append_durable(1);
        require_ok(strand_log_append(other, &record, 1, NULL, NULL));
        strand_sim_disk_advance(fixture.disk, 600 * 1000000);
        run();
        cr_expect_leq(fixture.engine->preparer.prepared_bytes, 1000);
        int64_t zeros = 0;
        struct strand_log *logs[] = {fixture.log, other};
        for (size_t n = 0; n < 2; n++) {
            struct strand_log_segment *last = logs[n]->segments[logs[n]->segment_count - 1];
            int64_t size = last->file->file.fs->size(last->file->file.handle);
            zeros += size - last->size;
            if (logs[n]->preparation != NULL && logs[n]->preparation->next_file != NULL)
                zeros += logs[n]->preparation->next_end;
        }
        cr_expect_leq(zeros, 1000, "after %d appends", i + 1);
        used += zeros;
    }
    cr_expect_gt(used, 0);
    require_ok(strand_log_close(other));
}

Test(preparer, prepared_files_stay_within_their_share_of_the_descriptors)
{
    enum { LOGS = 7 };
    struct strand_log_options options = fixture.log_options;
    struct strand_record record = {.value = strand_bytes("v", 1), .timestamp_ms = 1000};
    struct strand_log *logs[LOGS];

    open_preparing(STRAND_PREPARE_AUTO);
    options.segment_bytes = SEGMENT;
    for (int i = 0; i < LOGS; i++)
        require_ok(strand_log_open(fixture.engine, "orders", 1 + i, &options, &logs[i]));
    for (int n = 0; n < BATCHES; n++) {
        for (int i = 0; i < LOGS; i++)
            require_ok(strand_log_append(logs[i], &record, 1, NULL, NULL));
        run();
        cr_expect_leq(fixture.engine->preparer.next_count, 4);
    }
    cr_expect_eq(fixture.engine->preparer.next_count, 4);
    for (int i = 0; i < LOGS; i++) {
        require_ok(strand_log_append(logs[i], &record, 1, NULL, NULL));
        require_ok(strand_log_close(logs[i]));
    }
    expect_healthy_whole(0);
}

/* ---- The end ---- */

Test(preparer, a_clean_close_leaves_exact_sizes_and_no_prepared_file)
{
    open_preparing(STRAND_PREPARE_ZERO);
    fill_segment(STRAND_DURABLE);
    append_written(3);
    run();
    fill_segment(STRAND_WRITTEN);
    int64_t log_end = fixture_positions().log_end;
    int64_t in_last = log_end - 2 * BATCHES;
    fixture_close();
    cr_expect_not(has_next_file());
    cr_expect_eq(size_of(0, BATCHES * BATCH), BATCHES * BATCH);
    cr_expect_eq(size_of(BATCHES, BATCHES * BATCH), BATCHES * BATCH);
    cr_expect_eq(size_of((int64_t)2 * BATCHES, in_last * BATCH), in_last * BATCH);
    cr_expect_not(strand_sim_disk_is_dirty(fixture.disk, FIXTURE_LOG));
    fixture_open();
    expect_healthy_whole(log_end);
}

Test(preparer, what_an_idle_log_holds_is_given_back)
{
    open_preparing(STRAND_PREPARE_ZERO);
    fill_segment(STRAND_DURABLE);
    append_durable(2);
    run();
    append_durable(BATCHES - 4);
    run();
    cr_assert(has_next_file());
    cr_assert_gt(fixture.engine->preparer.prepared_bytes, 0);
    int64_t used = (BATCHES - 2) * BATCH;
    int64_t next_ms = -1;
    require_ok(strand_engine_run(fixture.engine, &next_ms));
    cr_expect_geq(next_ms, 0);
    strand_sim_disk_advance(fixture.disk, INT64_C(10100) * 1000000);
    run();
    cr_expect_eq(size_of(BATCHES, used), used);
    cr_expect_not(has_next_file());
    cr_expect_null(fixture.log->preparation);
    cr_expect_eq(fixture.engine->preparer.prepared_bytes, 0);
    append_durable(4);
    run();
    cr_expect_eq(size_of((int64_t)2 * BATCHES, 2 * BATCH) >= 2 * BATCH, true);
    int64_t log_end = fixture_positions().log_end;
    fixture_reopen();
    expect_healthy_whole(log_end);
}

/* ---- Cuts, and descriptors ---- */

Test(preparer, cuts_take_prepared_space_with_them)
{
    open_preparing(STRAND_PREPARE_ZERO);
    append_durable(8);
    run();
    int64_t log_end = -1;
    require_ok(strand_log_truncate(fixture.log, 5, &log_end));
    cr_expect_eq(log_end, 5);
    cr_expect_eq(size_of(0, 5 * BATCH), 5 * BATCH);
    append_durable(2);
    run();
    cr_expect_geq(size_of(0, 7 * BATCH), ZEROS_LEAST(7 * BATCH) - BATCH);
    fill_segment(STRAND_DURABLE);
    require_ok(strand_log_truncate(fixture.log, BATCHES, NULL));
    fill_segment(STRAND_WRITTEN);
    require_ok(strand_log_truncate(fixture.log, 4, NULL));
    append_durable(2);
    run();
    require_ok(strand_log_trim(fixture.log, 2));
    expect_healthy_whole(6);
    require_ok(strand_log_reset(fixture.log, 1000));
    cr_expect_eq(size_of(1000, 0), 0);
    fill_segment(STRAND_DURABLE);
    append_durable(2);
    run();
    log_end = fixture_positions().log_end;
    fixture_reopen();
    expect_healthy_whole(log_end);
    fixture_close();
    fixture_open_engine();
    require_ok(strand_engine_delete_log(fixture.engine, "orders", 0));
    cr_expect_str_eq(log_image_names(fixture.disk, "/data", "orders"), "");
}

Test(preparer, a_file_that_is_closed_in_between_keeps_its_zeros_and_is_sealed)
{
    enum { OTHERS = 20 };
    struct strand_record record = {.value = strand_bytes("v", 1), .timestamp_ms = 1000};
    struct strand_log *others[OTHERS];

    open_preparing(STRAND_PREPARE_ZERO);
    append_durable(BATCHES - 12);
    run();
    append_durable(10);
    run();
    for (int i = 0; i < OTHERS; i++) {
        require_ok(strand_log_open(fixture.engine, "others", i, NULL, &others[i]));
        require_ok(strand_log_append(others[i], &record, 1, NULL, NULL));
    }
    cr_assert_null(fixture.log->segments[0]->file, "it was to be closed");
    cr_expect_eq(size_of(0, (BATCHES - 2) * BATCH), SEGMENT);
    append_durable(2);
    for (int i = 0; i < OTHERS; i++)
        require_ok(strand_log_append(others[i], &record, 1, NULL, NULL));
    cr_assert_null(fixture.log->segments[0]->file, "likewise");
    append_durable(2);
    cr_expect_eq(size_of(0, BATCHES * BATCH), BATCHES * BATCH);
    expect_healthy_whole(BATCHES + 2);
    for (int i = 0; i < OTHERS; i++)
        require_ok(strand_log_close(others[i]));
}

/* ---- Accidents ---- */

/* Appends, rolls and preparation; false: the disk went away. */
static bool
work(int *out_durable, int *out_written)
{
    *out_durable = *out_written = 0;
    for (int i = 0; i < 2 * BATCHES + 5; i++) {
        bool is_durable = i % 3 != 0;

        if (fixture_try_append("v", is_durable ? STRAND_DURABLE : STRAND_WRITTEN, NULL) !=
            STRAND_OK)
            return false;
        *out_written = i + 1;
        if (is_durable)
            *out_durable = i + 1;
        if (strand_engine_run(fixture.engine, NULL) != STRAND_OK)
            return false;
    }
    return true;
}

static void
check_after_accident(uint64_t call, const char *how, int least)
{
    struct strand_positions positions;

    fixture_open();
    cr_expect_eq(fixture_info().info.state, STRAND_LOG_HEALTHY, "%s at call %" PRIu64 ": %s", how,
                 call, fixture_info().reason);
    positions = fixture_positions();
    cr_expect_geq(positions.log_end, least, "%s at call %" PRIu64, how, call);
    cr_expect_not(has_next_file(), "%s at call %" PRIu64, how, call);
    fixture_close();
}

Test(preparer, a_kill_or_a_power_cut_at_every_call_is_recovered_from)
{
    enum { WAYS = STRAND_SIM_LOSS_COUNT + 1 };
    static const enum strand_preparation modes[] = {STRAND_PREPARE_ZERO, STRAND_PREPARE_RESERVE};
    bool is_finished = false;

    for (uint64_t call = 1; !is_finished; call++) {
        for (int way = 0; way < WAYS; way++) {
            int durable, written;

            fixture_destroy();
            fixture_create();
            open_preparing(modes[call % 2]);
            uint64_t first = strand_sim_disk_calls(fixture.disk);
            strand_sim_disk_plan_cut(fixture.disk, first + call);
            is_finished = work(&durable, &written);
            if (way == STRAND_SIM_LOSS_COUNT)
                fixture_kill();
            else
                fixture_cut((enum strand_sim_loss)way);
            check_after_accident(call, way == STRAND_SIM_LOSS_COUNT ? "kill" : "cut",
                                 way == STRAND_SIM_LOSS_COUNT ? written : durable);
        }
    }
    fixture_open();
}
