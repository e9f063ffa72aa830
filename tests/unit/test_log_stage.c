/* tests/unit/test_log_stage.c -- Durable appends that meet share a write, and its failure.
 *
 * One append is held in its write, or the gate is closed, while others stand in line behind it;
 * then they are let go.  How many batches a write had is read off a trace, what they became off the
 * disk.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/log_internal.h"
#include "support/engine_fixture.h"
#include "support/hold_fs.h"

enum { THREADS_MAX = 8, BATCH_SIZE = 69 /* of one record of one byte */ };

struct appender {
    pthread_t thread;
    size_t size; /* of the value; its first byte is LETTER */
    char letter;
    int durability;
    int status;
    struct strand_appended appended;
    char sentence[512];
};

static struct appender appenders[THREADS_MAX];
static int appender_count;

static void
create(void)
{
    fixture_create();
    fixture.fs = hold_fs(fixture.fs);
    fixture.engine_options.fs = fixture.fs;
    fixture.engine_options.preparation = STRAND_PREPARE_NONE;
    fixture.engine_options.flags = 0;
}

static void
start(void)
{
    create();
    fixture_open();
    (void)fixture_append("a"); /* what comes first in a segment shares with nobody */
    hold_fs_begin_trace(HOLD_FS_WRITE);
}

TestSuite(log_stage, .init = start, .fini = fixture_destroy, .timeout = 60);

static void *
append_main(void *argument)
{
    struct appender *appender = argument;
    struct strand_append_options options = {.struct_size = sizeof options,
                                            .durability = appender->durability};
    char *value = malloc(appender->size);
    struct strand_record record = {.value = strand_bytes(value, appender->size)};

    memset(value, appender->letter, appender->size);
    appender->appended.base_offset = -1;
    appender->status = strand_log_append(fixture.log, &record, 1, &options, &appender->appended);
    (void)snprintf(appender->sentence, sizeof appender->sentence, "%s", strand_error_message());
    free(value);
    return NULL;
}

static int
line_length(void)
{
    struct strand_log_stage *stage = &fixture.log->stage;
    int length = 0;

    strand_mutex_lock(&stage->lock);
    for (const struct strand_log_entry *at = stage->head; at != NULL; at = at->next)
        length++;
    strand_mutex_unlock(&stage->lock);
    return length;
}

/* Append a value of SIZE bytes in a thread of its own; its letters are b, c, ... */
static struct appender *
start_appender(size_t size, int durability)
{
    struct appender *appender = &appenders[appender_count];

    cr_assert_lt(appender_count, THREADS_MAX);
    *appender = (struct appender){
        .size = size, .letter = (char)('b' + appender_count), .durability = durability};
    appender_count++;
    cr_assert_eq(pthread_create(&appender->thread, NULL, append_main, appender), 0);
    return appender;
}

/* Likewise, durable; return when it stands in line. */
static void
stand_in_line(size_t size)
{
    int before = line_length();

    (void)start_appender(size, STRAND_DURABLE);
    while (line_length() == before)
        (void)sched_yield();
}

/* Hold the writes, begin one, and let COUNT - 1 more stand in line behind it. */
static void
hold_writes(int count)
{
    hold_fs_hold(HOLD_FS_WRITE, "orders-0/0");
    stand_in_line(1);
    hold_fs_await(HOLD_FS_WRITE, "orders-0/0", 1);
    for (int i = 1; i < count; i++)
        stand_in_line(1);
}

static void
join_all(void)
{
    for (int i = 0; i < appender_count; i++)
        cr_assert_eq(pthread_join(appenders[i].thread, NULL), 0);
}

static void
let_go(void)
{
    hold_fs_release(HOLD_FS_WRITE, "orders-0/0");
    join_all();
}

/* Let go of appends that hold_writes() has lined up; the group's write fails with CODE, and if
 * STICKY everything after it.  Syncs are held meanwhile: a round would write a slot in between. */
static void
let_go_and_fail(int code, bool sticky)
{
    hold_fs_hold(HOLD_FS_SYNC, "orders-0/0");
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_WRITE, 2, code, sticky);
    hold_fs_release(HOLD_FS_WRITE, "orders-0/0");
    while (line_length() > 0)
        (void)sched_yield();
    strand_sim_disk_plan_clear(fixture.disk);
    hold_fs_release(HOLD_FS_SYNC, "orders-0/0");
    join_all();
}

/* Everybody was told the offset at which its record stands, in the order they stood in line. */
static void
expect_all_appended(void)
{
    char wanted[256] = "0=a";

    for (int i = 0; i < appender_count; i++) {
        size_t used = strlen(wanted);
        const struct appender *appender = &appenders[i];

        cr_expect_eq(appender->status, STRAND_OK, "%s", appender->sentence);
        cr_expect_eq(appender->appended.base_offset, i + 1);
        cr_expect_eq(appender->appended.end_offset, i + 2);
        cr_expect_eq(appender->appended.generation, fixture_positions().generation);
        cr_expect_eq(appender->appended.leader_epoch, 0);
        cr_expect_eq(appender->appended.log_append_time_ms, -1);
        (void)snprintf(wanted + used, sizeof wanted - used, " %d=%c", i + 1, appender->letter);
    }
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), wanted);
}

Test(log_stage, lone_append_writes_by_itself)
{
    (void)fixture_append("b");
    (void)fixture_append("c");
    cr_expect_str_eq(hold_fs_trace(), "orders-0*1 orders-0*1 ");
}

Test(log_stage, appends_that_meet_share_one_write)
{
    hold_writes(6);
    cr_expect_eq(fixture_positions().log_end, 1, "nothing is visible before it is written");
    let_go();
    cr_expect_str_eq(hold_fs_trace(), "orders-0*1 orders-0*5 ");
    expect_all_appended();
    cr_expect_str_eq(fixture_segments(), "0:0+1,1+1,2+1,3+1,4+1,5+1,6+1");
}

Test(log_stage, group_survives_a_cut_of_the_power)
{
    hold_writes(4);
    let_go();
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    expect_all_appended();
}

Test(log_stage, group_that_is_not_written_fails_for_all_of_it)
{
    static const struct {
        int code;
        int status;
    } cases[] = {{EIO, STRAND_ERR_IO}, {ENOSPC, STRAND_ERR_NO_SPACE}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t log_end = fixture_positions().log_end;

        appender_count = 0;
        hold_writes(4);
        let_go_and_fail(cases[i].code, false);
        cr_expect_eq(appenders[0].status, STRAND_OK);
        for (int at = 1; at < 4; at++) {
            cr_expect_eq(appenders[at].status, cases[i].status, "%d", appenders[at].status);
            cr_expect_str_eq(appenders[at].sentence, appenders[1].sentence);
            cr_expect_not_null(strstr(appenders[at].sentence, "orders-0"));
            cr_expect_eq(appenders[at].appended.base_offset, -1);
        }
        cr_expect_eq(fixture_positions().log_end, log_end + 1);
        cr_expect_eq(fixture_append("z").base_offset, log_end + 1, "the offsets were given back");
        require_ok(strand_engine_health(fixture.engine));
    }
    cr_expect_str_eq(fixture_segments(), "0:0+1,1+1,2+1,3+1,4+1");
}

Test(log_stage, group_of_unknown_extent_fails_the_log)
{
    hold_writes(4);
    let_go_and_fail(EIO, true);
    for (int at = 1; at < 4; at++)
        cr_expect_eq(appenders[at].status, STRAND_ERR_FAILED);
    cr_expect_eq(fixture_positions().log_end, 2);
    expect_status(STRAND_ERR_FAILED, fixture_try_append("z", STRAND_DURABLE, NULL));
}

Test(log_stage, failed_sync_fails_all_whose_records_it_was_for)
{
    hold_writes(4);
    hold_fs_hold(HOLD_FS_SYNC, "orders-0/0");
    hold_fs_release(HOLD_FS_WRITE, "orders-0/0");
    hold_fs_await(HOLD_FS_SYNC, "orders-0/0", 1);
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_SYNC, 1, EIO, false);
    hold_fs_release(HOLD_FS_SYNC, "orders-0/0");
    join_all();
    for (int at = 0; at < 4; at++)
        cr_expect_eq(appenders[at].status, STRAND_ERR_FAILED);
    cr_expect_eq(fixture_positions().durable_end, 1);
}

/* Three batches fill a segment. */
static void
start_with_small_segments(void)
{
    create();
    fixture.log_options.segment_bytes = 3 * BATCH_SIZE;
    fixture_open();
    (void)fixture_append("a");
    hold_fs_begin_trace(HOLD_FS_WRITE);
}

Test(log_stage_rolls, entry_that_needs_a_roll_begins_another_group,
     .init = start_with_small_segments, .fini = fixture_destroy, .timeout = 60)
{
    hold_writes(7);
    let_go();
    cr_expect_str_eq(hold_fs_trace(),
                     "orders-0*1 orders-0*1 orders-0*1 orders-0*2 orders-0*1 orders-0*1 ");
    expect_all_appended();
    cr_expect_str_eq(fixture_segments(), "0:0+1,1+1,2+1 3:3+1,4+1,5+1 6:6+1,7+1");
}

Test(log_stage, written_appends_share_with_nobody)
{
    hold_fs_hold(HOLD_FS_WRITE, "orders-0/0");
    stand_in_line(1);
    hold_fs_await(HOLD_FS_WRITE, "orders-0/0", 1);
    struct appender *written = start_appender(1, STRAND_WRITTEN);
    stand_in_line(1);
    stand_in_line(1);
    cr_expect_eq(line_length(), 3);
    let_go();
    cr_expect_eq(written->status, STRAND_OK);
    cr_expect(strcmp(hold_fs_trace(), "orders-0*1 orders-0*1 orders-0*2 ") == 0 ||
                  strcmp(hold_fs_trace(), "orders-0*1 orders-0*2 orders-0*1 ") == 0,
              "%s", hold_fs_trace());
    cr_expect_eq(fixture_positions().log_end, 5);
}

/* ---- Behind a closed gate ---- */

/* COUNT appends that wait for a gate that the test has closed. */
static void
close_gate(int count)
{
    strand_log_gate_close(fixture.log);
    for (int i = 0; i < count; i++)
        stand_in_line(1);
}

Test(log_stage, group_waits_for_the_gate_and_is_whoever_stands_there_then)
{
    close_gate(4);
    cr_expect_str_eq(hold_fs_trace(), "");
    cr_expect_eq(fixture_positions().log_end, 1);
    strand_log_gate_open(fixture.log);
    join_all();
    cr_expect_str_eq(hold_fs_trace(), "orders-0*4 ");
    expect_all_appended();
}

Test(log_stage, log_that_fails_meanwhile_fails_everybody_in_line)
{
    close_gate(4);
    (void)strand_log_fail(fixture.log, strand_fail(STRAND_ERR_IO, "the disk is gone"));
    strand_log_gate_open(fixture.log);
    join_all();
    for (int at = 0; at < 4; at++) {
        cr_expect_eq(appenders[at].status, STRAND_ERR_FAILED);
        cr_expect_not_null(strstr(appenders[at].sentence, "the disk is gone"));
    }
    cr_expect_str_eq(hold_fs_trace(), "");
    cr_expect_eq(line_length(), 0);
}

Test(log_stage, log_that_is_closed_meanwhile_refuses_everybody_in_line)
{
    close_gate(4);
    strand_mutex_lock(&fixture.log->state);
    fixture.log->is_closing = true;
    strand_mutex_unlock(&fixture.log->state);
    strand_log_gate_open(fixture.log);
    join_all();
    for (int at = 0; at < 4; at++)
        cr_expect_eq(appenders[at].status, STRAND_ERR_CLOSED);
    cr_expect_str_eq(hold_fs_trace(), "");
    cr_expect_eq(line_length(), 0);
}

/* ---- Sizes ---- */

static void
start_on_a_large_disk(void)
{
    struct strand_sim_disk_options options = {.seed = 7, .file_size_max = 4 << 20};

    fixture_create();
    strand_sim_disk_destroy(fixture.disk);
    require_ok(strand_sim_disk_create(&options, &fixture.disk));
    fixture.fs = hold_fs(strand_sim_disk_fs(fixture.disk));
    fixture.engine_options.fs = fixture.fs;
    fixture.engine_options.preparation = STRAND_PREPARE_NONE;
    fixture.engine_options.flags = 0;
    fixture.log_options.segment_bytes = 4 << 20;
    fixture_open();
    (void)fixture_append("a");
    hold_fs_begin_trace(HOLD_FS_WRITE);
}

Test(log_stage_sizes, group_ends_where_it_would_become_too_large, .init = start_on_a_large_disk,
     .fini = fixture_destroy, .timeout = 60)
{
    static const size_t sizes[] = {100 << 10, 100 << 10, 100 << 10, 400 << 10, 1, 1};

    hold_writes(1);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        stand_in_line(sizes[i]);
    let_go();
    cr_expect_str_eq(hold_fs_trace(), "orders-0*1 orders-0*2 orders-0*1 orders-0*1 orders-0*2 ");
    for (int i = 0; i < appender_count; i++) {
        cr_expect_eq(appenders[i].status, STRAND_OK, "%s", appenders[i].sentence);
        cr_expect_eq(appenders[i].appended.base_offset, i + 1);
    }
}

static void
start_with_short_writes(void)
{
    struct strand_sim_disk_options options = {
        .seed = 7, .file_size_max = FIXTURE_FILE_SIZE_MAX, .short_writes = true};

    create();
    strand_sim_disk_destroy(fixture.disk);
    require_ok(strand_sim_disk_create(&options, &fixture.disk));
    fixture.fs = hold_fs(strand_sim_disk_fs(fixture.disk));
    fixture.engine_options.fs = fixture.fs;
    fixture_open();
    (void)fixture_append("a");
}

Test(log_stage_sizes, group_whose_write_is_cut_short_is_continued, .init = start_with_short_writes,
     .fini = fixture_destroy, .timeout = 60)
{
    hold_writes(4);
    let_go();
    expect_all_appended();
}

/* ---- Without threads of the library's own ---- */

static void
start_without_threads(void)
{
    create();
    fixture.engine_options.flags = STRAND_ENGINE_NO_THREADS;
    fixture_open();
    (void)fixture_append("a");
    hold_fs_begin_trace(HOLD_FS_WRITE);
}

Test(log_stage_plain, callers_share_without_threads_too, .init = start_without_threads,
     .fini = fixture_destroy, .timeout = 60)
{
    hold_writes(5);
    let_go();
    cr_expect_str_eq(hold_fs_trace(), "orders-0*1 orders-0*4 ");
    expect_all_appended();
    cr_expect_eq(fixture_positions().durable_end, 6);
}
