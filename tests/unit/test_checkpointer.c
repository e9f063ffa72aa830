/* tests/unit/test_checkpointer.c -- Kafka's offset files say what the logs are, in time; a full
 * disk makes them late and nothing else. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "engine/checkpointer.h"
#include "engine/engine_internal.h"
#include "support/engine_fixture.h"

#define RECOVERY_POINTS FIXTURE_DATA "/recovery-point-offset-checkpoint"
#define COMMITTED       FIXTURE_DATA "/replication-offset-checkpoint"
#define LOG_STARTS      FIXTURE_DATA "/log-start-offset-checkpoint"
#define BALLAST         FIXTURE_DATA "/strandline.ballast"

enum { SECOND_NS = 1000000000 };

TestSuite(checkpointer, .init = fixture_create, .fini = fixture_destroy, .timeout = 120);

/* The text of a file, "" when there is none. */
static const char *
text_of(const char *path)
{
    const uint8_t *content = strand_sim_disk_content(fixture.disk, path, NULL);

    return content != NULL ? (const char *)content : "";
}

static void
run_after(int64_t ns)
{
    strand_sim_disk_advance(fixture.disk, ns);
    require_ok(strand_engine_run(fixture.engine, NULL));
}

Test(checkpointer, interval_writes_what_is_durable)
{
    fixture_open();
    fixture_append("a b c");
    require_ok(fixture_try_append("d", STRAND_WRITTEN, NULL));
    cr_expect_str_eq(text_of(RECOVERY_POINTS), "");
    run_after(0);
    cr_expect_str_eq(text_of(RECOVERY_POINTS), "", "not before it is due");
    run_after(INT64_C(6) * SECOND_NS);
    run_after(INT64_C(6) * SECOND_NS);
    cr_expect_str_eq(text_of(RECOVERY_POINTS), "0\n1\norders 0 4\n");
    cr_expect_str_eq(text_of(COMMITTED), "0\n1\norders 0 4\n");
    cr_expect_str_eq(text_of(LOG_STARTS), "0\n0\n");
}

Test(checkpointer, nothing_is_written_while_nothing_changes)
{
    fixture_open();
    fixture_append("a");
    run_after(INT64_C(6) * SECOND_NS);
    uint64_t calls = strand_sim_disk_calls(fixture.disk);
    run_after(INT64_C(60) * SECOND_NS);
    cr_expect_eq(strand_sim_disk_calls(fixture.disk), calls);
}

Test(checkpointer, on_demand_everything_is_durable_and_said)
{
    fixture_open();
    require_ok(fixture_try_append("a b", STRAND_WRITTEN, NULL));
    require_ok(strand_engine_checkpoint(fixture.engine));
    cr_expect_eq(fixture_positions().durable_end, 2);
    fixture_cut(STRAND_SIM_LOSE_ALL);
    cr_expect_str_eq(text_of(RECOVERY_POINTS), "0\n1\norders 0 2\n");
}

Test(checkpointer, log_start_is_listed_where_it_is_above_the_first_segment)
{
    fixture.log_options.segment_bytes = 2 * 69;
    fixture_open();
    fixture_fill(6);
    require_ok(strand_log_trim(fixture.log, 3));
    require_ok(strand_engine_checkpoint(fixture.engine));
    cr_expect_str_eq(text_of(LOG_STARTS), "0\n1\norders 0 3\n");
    require_ok(strand_log_trim(fixture.log, 4));
    require_ok(strand_engine_checkpoint(fixture.engine));
    cr_expect_str_eq(text_of(LOG_STARTS), "0\n0\n");
}

Test(checkpointer, high_watermark_alone_is_a_change)
{
    fixture.log_options.flags = STRAND_LOG_REPLICATED;
    fixture_open();
    require_ok(fixture_follow("e0 0+1 1+1"));
    run_after(INT64_C(6) * SECOND_NS);
    cr_expect_str_eq(text_of(COMMITTED), "0\n1\norders 0 0\n");
    require_ok(strand_log_set_high_watermark(fixture.log, 1));
    run_after(INT64_C(6) * SECOND_NS);
    cr_expect_str_eq(text_of(COMMITTED), "0\n1\norders 0 1\n");
}

/* The slot is lost, the log was deleted and made again: nothing of its predecessor counts. */
Test(checkpointer, deleted_log_does_not_lend_its_offsets)
{
    static const uint8_t no_slots[128];

    fixture.log_options.segment_bytes = 2 * 69;
    fixture_open();
    fixture_fill(6);
    require_ok(strand_log_trim(fixture.log, 3));
    require_ok(strand_engine_checkpoint(fixture.engine));
    require_ok(strand_log_close(fixture.log));
    require_ok(strand_engine_delete_log(fixture.engine, "orders", 0));
    fixture_open_log();
    fixture_append("a");
    cr_expect_str_eq(text_of(LOG_STARTS), "0\n0\n");
    cr_expect_str_eq(text_of(RECOVERY_POINTS), "0\n0\n");
    fixture_cut(STRAND_SIM_LOSE_ALL);
    require_ok(strand_sim_disk_store(fixture.disk, FIXTURE_DATA "/strandline.frontier", no_slots,
                                     sizeof no_slots));
    fixture_open();
    require_ok(strand_engine_health(fixture.engine));
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a");
}

/* The name of a log that went while nobody wrote still stands there when it is made anew. */
Test(checkpointer, stranger_in_a_file_is_gone_before_a_log_gets_its_name)
{
    static const char stale[] = "0\n1\norders 0 500\n";

    fixture_open_engine();
    fixture_close();
    require_ok(strand_sim_disk_store(fixture.disk, LOG_STARTS, stale, sizeof stale - 1));
    fixture_open();
    cr_expect_str_eq(text_of(LOG_STARTS), "0\n0\n");
}

Test(checkpointer, quarantined_log_keeps_its_lines)
{
    uint8_t byte[256];
    int64_t size;
    static const char path[] = FIXTURE_LOG "/00000000000000000000.log";

    fixture_open();
    fixture_append("a b c");
    fixture_close();
    cr_assert_str_eq(text_of(RECOVERY_POINTS), "0\n1\norders 0 3\n");
    const uint8_t *content = strand_sim_disk_content(fixture.disk, path, &size);
    memcpy(byte, content, (size_t)size);
    byte[size - 1] ^= 1;
    require_ok(strand_sim_disk_store(fixture.disk, path, byte, size - 1));
    fixture_open_engine();
    cr_assert_eq(fixture_info().info.state, STRAND_LOG_QUARANTINED);
    require_ok(strand_engine_checkpoint(fixture.engine));
    cr_expect_str_eq(text_of(RECOVERY_POINTS), "0\n1\norders 0 3\n");
}

/* ---- One at a time ---- */

/* The linker sends every call of strand_mutex_lock() here (LINKER:--wrap, tests/programs.cmake): a
 * test can let something happen while a checkpoint waits for its turn. */
void __real_strand_mutex_lock(struct strand_mutex *mutex);
void __wrap_strand_mutex_lock(struct strand_mutex *mutex);

static const struct strand_mutex *awaited; /* NULL: nothing happens */

void
__wrap_strand_mutex_lock(struct strand_mutex *mutex)
{
    if (mutex == awaited) {
        awaited = NULL;
        fixture_append("meanwhile");
    }
    __real_strand_mutex_lock(mutex);
}

/* RUN writes a checkpoint, which waits for one before it to end. */
static void
expect_positions_of_its_turn(int (*run)(void))
{
    fixture_open();
    fixture_append("a");
    awaited = &fixture.engine->checkpointer.lock;
    require_ok(run());
    cr_assert_null(awaited, "it took the lock");
    cr_expect_str_eq(text_of(RECOVERY_POINTS), "0\n1\norders 0 2\n");
    cr_expect_str_eq(text_of(COMMITTED), "0\n1\norders 0 2\n");
}

static int
ask_for_checkpoint(void)
{
    return strand_engine_checkpoint(fixture.engine);
}

static int
make_log_in_place_of_another(void)
{
    struct strand_log *log;

    for (int i = 0; i < 2; i++) {
        require_ok(strand_log_open(fixture.engine, "others", 0, NULL, &log));
        require_ok(strand_log_close(log));
        if (i == 0)
            require_ok(strand_engine_delete_log(fixture.engine, "others", 0));
    }
    return STRAND_OK;
}

/* Else an older copy could replace a newer one. */
Test(checkpointer, positions_are_read_when_the_checkpoint_before_has_ended)
{
    expect_positions_of_its_turn(ask_for_checkpoint);
}

Test(checkpointer, positions_are_read_when_the_checkpoint_before_has_ended_for_a_new_log_too)
{
    expect_positions_of_its_turn(make_log_in_place_of_another);
}

/* ---- The full disk ---- */

/* Others take all the room there is. */
static void
fill_disk(void)
{
    struct strand_fs_volume volume;
    struct strand_fs_file *file;
    const struct strand_fs *fs = fixture.fs;

    cr_assert_eq(fs->open(fs->context, "/filler", STRAND_FS_WRITE | STRAND_FS_CREATE, &file), 0);
    cr_assert_eq(fs->volume(fs->context, "/", &volume), 0);
    cr_assert_eq(fs->reserve(file, 0, volume.free_bytes), 0);
    cr_assert_eq(fs->close(file), 0);
}

static void
limit_disk(void)
{
    static const struct strand_sim_disk_options options = {.capacity = 12 << 20,
                                                           .file_size_max = 16 << 20};

    strand_sim_disk_destroy(fixture.disk);
    require_ok(strand_sim_disk_create(&options, &fixture.disk));
    fixture.fs = strand_sim_disk_fs(fixture.disk);
    fixture.engine_options.fs = fixture.fs;
    fixture.log_options.segment_bytes = 2 * 69;
}

Test(checkpointer, ballast_makes_room_for_checkpoints_and_comes_back)
{
    limit_disk();
    fixture_open();
    fixture_fill(6);
    cr_assert_not_null(strand_sim_disk_content(fixture.disk, BALLAST, NULL));
    fill_disk();
    require_ok(strand_engine_checkpoint(fixture.engine));
    cr_expect_str_eq(text_of(RECOVERY_POINTS), "0\n1\norders 0 6\n");
    cr_expect_null(strand_sim_disk_content(fixture.disk, BALLAST, NULL));
    require_ok(strand_sim_disk_store(fixture.disk, "/filler", NULL, 0));
    fixture_append("more");
    run_after(INT64_C(6) * SECOND_NS);
    cr_expect_not_null(strand_sim_disk_content(fixture.disk, BALLAST, NULL));
}

Test(checkpointer, full_disk_opens_reads_and_trims)
{
    limit_disk();
    fixture_open();
    fixture_fill(6);
    fill_disk();
    fixture_kill();
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=v 1=v 2=v 3=v 4=v 5=v");
    require_ok(strand_log_trim(fixture.log, 4));
    cr_expect_str_eq(fixture_read(4, STRAND_READ_COMMITTED), "4=v 5=v");
    fixture_append("fits");
    fixture_close();
}

Test(checkpointer, failure_to_write_is_late_not_fatal)
{
    fixture_open();
    fixture_append("a");
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_OPEN, 1, EIO, false);
    run_after(INT64_C(6) * SECOND_NS);
    cr_expect_str_eq(text_of(RECOVERY_POINTS), "");
    require_ok(strand_engine_health(fixture.engine));
    run_after(INT64_C(6) * SECOND_NS);
    cr_expect_str_eq(text_of(RECOVERY_POINTS), "0\n1\norders 0 1\n");
}
