/* tests/unit/test_open_kafka.c -- The directory of a Kafka broker, opened in place: its records are
 * read, its files that are not about the log stay, what it derived from a log that changes goes. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "storage/batch.h"
#include "support/engine_fixture.h"
#include "support/log_image.h"

#define META_PROPERTIES                                                                            \
    "#\n#Wed Nov 15 09:00:00 UTC 2023\ncluster.id=5L6g3nShT-eMCtK--X86sw\nversion=1\nnode.id=1\n"
#define PARTITION_METADATA "version: 0\ntopic_id: rGf3q1bXQ5yqk0bq5Qw0Xw"

static void
store(const char *path, const char *text)
{
    require_ok(
        strand_sim_disk_store(fixture.disk, path, text, text == NULL ? 0 : (int64_t)strlen(text)));
}

static void
make_directory(const char *path)
{
    cr_assert_eq(fixture.fs->make_directory(fixture.fs->context, path), 0);
}

/* A broker's directory with one partition of two segments that ends at offset 9. */
static void
make_broker(void)
{
    static const char *const derived[] = {
        "00000000000000000000.index",    "00000000000000000000.timeindex",
        "00000000000000000005.index",    "00000000000000000005.timeindex",
        "00000000000000000005.txnindex", "00000000000000000005.snapshot"};

    fixture_create();
    fixture.log_options.segment_ms = INT64_MAX;
    make_directory(FIXTURE_DATA);
    make_directory(FIXTURE_LOG);
    store(FIXTURE_DATA "/meta.properties", META_PROPERTIES);
    store(FIXTURE_DATA "/recovery-point-offset-checkpoint", "0\n1\norders 0 9\n");
    store(FIXTURE_DATA "/log-start-offset-checkpoint", "0\n0\n");
    store(FIXTURE_DATA "/replication-offset-checkpoint", "0\n1\norders 0 9\n");
    store(FIXTURE_DATA "/cleaner-offset-checkpoint", "0\n0\n");
    store(FIXTURE_DATA "/.kafka_cleanshutdown", "{\"version\":0,\"brokerEpoch\":7}");
    log_image_store(fixture.disk, FIXTURE_LOG, "0: e3 0+3 3+2 | 5: e3 5+1 e4 6+3", "");
    store(FIXTURE_EPOCHS, "0\n2\n3 0\n4 6\n");
    store(FIXTURE_LOG "/partition.metadata", PARTITION_METADATA);
    for (size_t i = 0; i < sizeof derived / sizeof *derived; i++) {
        char path[128];

        (void)snprintf(path, sizeof path, "%s/%s", FIXTURE_LOG, derived[i]);
        store(path, "derived");
    }
}

TestSuite(open_kafka, .init = make_broker, .fini = fixture_destroy, .timeout = 60);

static const char RECORDS[] = "0=value 1=value 2=value 3=value 4=value 5=value 6=value 7=value "
                              "8=value";
static const char SEGMENTS[] = "0:0+3,3+2 5:5+1,6+3";

static const char *
text_of(const char *path)
{
    const uint8_t *content = strand_sim_disk_content(fixture.disk, path, NULL);

    return content == NULL ? "no file" : (const char *)content;
}

static void
expect_brokers_own_files(void)
{
    cr_expect_str_eq(text_of(FIXTURE_DATA "/meta.properties"), META_PROPERTIES);
    cr_expect_str_eq(text_of(FIXTURE_DATA "/cleaner-offset-checkpoint"), "0\n0\n");
    cr_expect_str_eq(text_of(FIXTURE_LOG "/partition.metadata"), PARTITION_METADATA);
}

Test(open_kafka, stopped_broker_is_opened_in_place)
{
    struct strand_positions positions;

    fixture_open();
    positions = fixture_positions();
    cr_expect_eq(positions.log_start, 0);
    cr_expect_eq(positions.high_watermark, 9);
    cr_expect_eq(positions.durable_end, 9);
    cr_expect_eq(positions.log_end, 9);
    cr_expect_eq(positions.leader_epoch, 4);
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), RECORDS);
    cr_expect_str_eq(fixture_segments(), SEGMENTS);
    cr_expect_str_eq(fixture_epochs(), "0 2 3 0 4 6 ");
    expect_brokers_own_files();
    cr_expect_str_eq(log_image_names(fixture.disk, FIXTURE_DATA, "strandline"),
                     "strandline.format strandline.frontier");
}

Test(open_kafka, brokers_marker_is_gone_before_anything_is_written)
{
    fixture_open();
    cr_expect_str_eq(text_of(FIXTURE_DATA "/.kafka_cleanshutdown"), "no file");
    fixture_cut(STRAND_SIM_LOSE_ALL);
    cr_expect_str_eq(text_of(FIXTURE_DATA "/.kafka_cleanshutdown"), "no file");
    cr_expect_str_eq(fixture_segments(), SEGMENTS);
}

Test(open_kafka, appending_goes_on_in_the_newest_epoch)
{
    fixture_open();
    cr_expect_eq(fixture_append("a").base_offset, 9);
    cr_expect_eq(fixture_append("b").leader_epoch, 4);
    cr_expect_str_eq(fixture_segments(), "0:0+3,3+2 5:5+1,6+3,9+1,10+1");
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_str_eq(fixture_read(8, STRAND_READ_COMMITTED), "8=value 9=a 10=b");
    expect_brokers_own_files();
}

Test(open_kafka, indexes_of_a_segment_that_changes_go_the_others_stay)
{
    fixture_open();
    (void)fixture_append("a");
    fixture_cut(STRAND_SIM_LOSE_ALL);
    cr_expect_str_eq(log_image_names(fixture.disk, FIXTURE_LOG, "index"),
                     "00000000000000000000.index 00000000000000000000.timeindex");
    cr_expect_str_eq(log_image_names(fixture.disk, FIXTURE_LOG, ".snapshot"),
                     "00000000000000000005.snapshot");
}

Test(open_kafka, truncation_takes_indexes_and_snapshots_with_it)
{
    fixture_open();
    require_ok(strand_log_truncate(fixture.log, 3, NULL));
    fixture_cut(STRAND_SIM_LOSE_ALL);
    cr_expect_str_eq(fixture_segments(), "0:0+3");
    cr_expect_str_eq(log_image_names(fixture.disk, FIXTURE_LOG, "index"), "");
    cr_expect_str_eq(log_image_names(fixture.disk, FIXTURE_LOG, "snapshot"), "");
    cr_expect_str_eq(fixture_epochs(), "0 2 3 0 4 3 ");
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=value 1=value 2=value");
}

Test(open_kafka, read_only_leaves_everything_as_it_is)
{
    fixture.engine_options.flags = STRAND_ENGINE_READ_ONLY;
    strand_sim_disk_plan_fault_of(fixture.disk,
                                  STRAND_SIM_WRITE | STRAND_SIM_SYNC | STRAND_SIM_SYNC_DIRECTORY |
                                      STRAND_SIM_NAME | STRAND_SIM_LOCK,
                                  1, EROFS, true);
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), RECORDS);
    fixture_close();
    cr_expect_str_eq(log_image_names(fixture.disk, FIXTURE_DATA, "strandline"), "");
    cr_expect_str_neq(text_of(FIXTURE_DATA "/.kafka_cleanshutdown"), "no file");
}

/* ---- A broker that was killed ---- */

static void
kill_broker(const char *image, const char *recovery_point)
{
    store(FIXTURE_DATA "/.kafka_cleanshutdown", NULL);
    store(FIXTURE_DATA "/recovery-point-offset-checkpoint", recovery_point);
    log_image_store(fixture.disk, FIXTURE_LOG, image, "");
}

Test(open_kafka, torn_tail_above_the_recovery_point_is_cut)
{
    kill_broker("5: e3 5+1 e4 6+3 t9+4", "0\n1\norders 0 5\n");
    fixture_open();
    require_ok(strand_engine_health(fixture.engine));
    cr_expect_str_eq(fixture_segments(), SEGMENTS);
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), RECORDS);
    cr_expect_gt(fixture_report().report.cut_bytes, 0);
    cr_expect_eq(fixture_report().report.cut_first_offset, 9);
}

Test(open_kafka, damage_above_the_recovery_point_ends_the_log)
{
    kill_broker("5: e3 5+1 x6+1", "0\n1\norders 0 5\n");
    fixture_open();
    require_ok(strand_engine_health(fixture.engine));
    cr_expect_str_eq(fixture_segments(), "0:0+3,3+2 5:5+1");
    cr_expect_eq(fixture_positions().log_end, 6);
    cr_expect_str_eq(log_image_names(fixture.disk, FIXTURE_LOG, "index"),
                     "00000000000000000000.index 00000000000000000000.timeindex");
}

Test(open_kafka, damage_below_the_recovery_point_is_quarantined)
{
    kill_broker("5: e3 5+1 x6+1 7+2", "0\n1\norders 0 9\n");
    fixture_open();
    expect_status(STRAND_ERR_QUARANTINED, strand_engine_health(fixture.engine));
    cr_expect_eq(fixture_info().info.state, STRAND_LOG_QUARANTINED);
    expect_status(STRAND_ERR_QUARANTINED, fixture_try_append("a", STRAND_DURABLE, NULL));
    cr_expect_str_eq(log_image_names(fixture.disk, FIXTURE_LOG, "index"),
                     "00000000000000000000.index 00000000000000000000.timeindex "
                     "00000000000000000005.index 00000000000000000005.timeindex "
                     "00000000000000000005.txnindex");
}

Test(open_kafka, without_checkpoints_everything_that_is_whole_is_kept)
{
    static const char *const contents[] = {NULL, "", "1\n0\n", "0\n5\norders 0 9\n", "garbage\n"};

    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        if (i > 0) {
            fixture_destroy();
            make_broker();
        }
        kill_broker("5: e3 5+1 e4 6+3 t9+4", contents[i]);
        store(FIXTURE_DATA "/replication-offset-checkpoint", contents[i]);
        store(FIXTURE_DATA "/log-start-offset-checkpoint", contents[i]);
        fixture_open();
        cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), RECORDS, "%zu", i);
    }
}

Test(open_kafka, log_start_of_the_text_file_counts)
{
    store(FIXTURE_DATA "/log-start-offset-checkpoint", "0\n1\norders 0 4\n");
    fixture_open();
    cr_expect_eq(fixture_positions().log_start, 4);
    cr_expect_str_eq(fixture_read(STRAND_EARLIEST, STRAND_READ_COMMITTED), RECORDS + 4 * 8);
    cr_expect_str_eq(fixture_segments(), SEGMENTS, "on its word no file is deleted");
}

Test(open_kafka, epochs_are_learnt_where_the_file_is_missing)
{
    store(FIXTURE_EPOCHS, NULL);
    fixture_open();
    cr_expect_str_eq(fixture_epochs(), "0 2 3 0 4 6 ");
}

Test(open_kafka, compacted_log_has_gaps)
{
    log_image_store(fixture.disk, FIXTURE_LOG, "0: e3 1+1 4+1 | 5: e3 5+1 e4 8+1", "");
    fixture_open();
    require_ok(strand_engine_health(fixture.engine));
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "1=value 4=value 5=value 8=value");
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    require_ok(strand_engine_health(fixture.engine));
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "1=value 4=value 5=value 8=value");
}

Test(open_kafka, broker_that_was_there_after_us_is_believed)
{
    fixture_open();
    (void)fixture_append("a");
    fixture_close();
    /* The broker truncated to 5 and wrote anew. */
    log_image_store(fixture.disk, FIXTURE_LOG, "5: e5 5+2", "");
    store(FIXTURE_EPOCHS, "0\n2\n3 0\n5 5\n");
    store(FIXTURE_DATA "/.kafka_cleanshutdown", "{\"version\":0,\"brokerEpoch\":8}");
    store(FIXTURE_DATA "/recovery-point-offset-checkpoint", "0\n1\norders 0 7\n");
    fixture_open();
    require_ok(strand_engine_health(fixture.engine));
    cr_expect_eq(fixture_positions().log_end, 7);
    cr_expect_eq(fixture_append("b").leader_epoch, 5);
}

Test(open_kafka, brokers_leavings_are_deleted_or_left_as_they_say)
{
    static const char *const directories[] = {
        FIXTURE_DATA "/gone-0.0123456789abcdef0123456789abcdef-delete",
        FIXTURE_DATA "/moved-0.0123456789abcdef0123456789abcdef-future",
        FIXTURE_DATA "/lost-0.0123456789abcdef0123456789abcdef-stray"};

    for (size_t i = 0; i < 3; i++) {
        make_directory(directories[i]);
        log_image_store(fixture.disk, directories[i], "0: 0+1", "");
    }
    store(FIXTURE_LOG "/00000000000000000000.log.deleted", "x");
    fixture_open();
    cr_expect_str_eq(log_image_names(fixture.disk, FIXTURE_DATA, "-0"),
                     "lost-0.0123456789abcdef0123456789abcdef-stray "
                     "moved-0.0123456789abcdef0123456789abcdef-future orders-0");
    cr_expect_str_eq(log_image_names(fixture.disk, FIXTURE_LOG, ".deleted"), "");
}

Test(open_kafka, partition_without_segments_is_an_empty_log)
{
    make_directory(FIXTURE_DATA "/empty-3");
    fixture_open_engine();
    require_ok(strand_log_open(fixture.engine, "empty", 3, NULL, &fixture.log));
    cr_expect_eq(fixture_append("a").base_offset, 0);
    cr_expect_str_eq(log_image_read(fixture.disk, FIXTURE_DATA "/empty-3", ".log"), "0:0+1");
}

Test(open_kafka, each_fault_while_opening_is_told_or_harmless)
{
    for (uint64_t nth = 1;; nth++) {
        if (nth > 1) {
            fixture_destroy();
            make_broker();
        }
        strand_sim_disk_plan_clear(fixture.disk);
        strand_sim_disk_plan_fault(fixture.disk, nth, EIO, false);
        int status = strand_engine_open(FIXTURE_DATA, &fixture.engine_options, &fixture.engine);
        bool was_hit = strand_sim_disk_calls(fixture.disk) >= nth;
        strand_sim_disk_plan_clear(fixture.disk);
        if (status == STRAND_OK && strand_engine_health(fixture.engine) == STRAND_OK) {
            fixture_open_log();
            cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), RECORDS, "call %llu",
                             (unsigned long long)nth);
        }
        fixture_cut(STRAND_SIM_LOSE_ALL);
        fixture_open();
        cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), RECORDS, "call %llu again",
                         (unsigned long long)nth);
        if (!was_hit)
            break;
    }
}
