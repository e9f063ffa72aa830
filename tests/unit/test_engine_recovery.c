/* tests/unit/test_engine_recovery.c -- What an engine serves after a crash, or after damage, and
 * what it leaves on disk.  The verdicts themselves are test_log_recovery.c's, power cuts at every
 * call crashtest/'s. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "recovery/log_identity.h"
#include "storage/batch.h"
#include "support/engine_fixture.h"
#include "support/log_image.h"

static char notices[2048];

static void
note(void *context, int level, const char *text)
{
    size_t used = strlen(notices);

    (void)context;
    (void)snprintf(notices + used, sizeof notices - used, "%d %s\n", level, text);
}

static void
create(void)
{
    fixture_create();
    fixture.engine_options.notice = note;
}

TestSuite(engine_recovery, .init = create, .fini = fixture_destroy, .timeout = 120);

/* Three segments of two records each, closed. */
static void
make_log_of_six(void)
{
    fixture.log_options.segment_bytes = 2 * 69;
    fixture_open();
    fixture_fill(6);
    fixture_close();
    cr_assert_str_eq(fixture_segments(), "0:0+1,1+1 2:2+1,3+1 4:4+1,5+1");
    notices[0] = '\0';
}

static const char *
segment_path(int64_t base)
{
    static char path[128];

    (void)snprintf(path, sizeof path, FIXTURE_LOG "/%020lld.log", (long long)base);
    return path;
}

/* Replace the content of a segment from POSITION on by SIZE bytes of TAIL. */
static void
replace_tail(int64_t base, int64_t position, const void *tail, size_t size)
{
    uint8_t data[4096];
    int64_t before;
    const uint8_t *content = strand_sim_disk_content(fixture.disk, segment_path(base), &before);

    cr_assert_not_null(content);
    cr_assert(position <= before && (size_t)position + size <= sizeof data);
    memcpy(data, content, (size_t)position);
    memcpy(data + position, tail, size);
    require_ok(
        strand_sim_disk_store(fixture.disk, segment_path(base), data, position + (int64_t)size));
}

static void
flip(int64_t base, int64_t position)
{
    uint8_t byte = strand_sim_disk_content(fixture.disk, segment_path(base), NULL)[position] ^ 1;
    uint8_t rest[4096];
    int64_t size;
    const uint8_t *content = strand_sim_disk_content(fixture.disk, segment_path(base), &size);

    memcpy(rest, content + position, (size_t)(size - position));
    rest[0] = byte;
    replace_tail(base, position, rest, (size_t)(size - position));
}

/* ---- Torn, suspect, corrupt ---- */

Test(engine_recovery, torn_tails_of_every_size_are_cut)
{
    static uint8_t garbage[300];

    make_log_of_six();
    memset(garbage, 0xA5, sizeof garbage);
    for (size_t size = 1; size <= sizeof garbage; size = size * 3 / 2 + 1) {
        replace_tail(4, 2 * 69, garbage, size);
        fixture_open();
        require_ok(strand_engine_health(fixture.engine));
        cr_expect_eq(fixture_report().report.cut_bytes, (int64_t)size);
        cr_expect_eq(fixture_report().report.cut_first_offset, 6);
        cr_expect_neq(fixture_report().reason[0], '\0');
        cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=v 1=v 2=v 3=v 4=v 5=v");
        fixture_close();
        cr_expect_str_eq(fixture_segments(), "0:0+1,1+1 2:2+1,3+1 4:4+1,5+1");
    }
    fixture_open();
    cr_expect_eq(fixture_report().report.cut_bytes, 0, "it was cut for good");
    cr_expect_eq(fixture_append("w").base_offset, 6);
}

Test(engine_recovery, cut_draws_a_new_generation)
{
    uint64_t generation;

    make_log_of_six();
    fixture_open();
    generation = fixture_positions().generation;
    fixture_close();
    replace_tail(4, 2 * 69, "garbage", 7);
    fixture_open();
    cr_expect_gt(fixture_positions().generation, generation);
}

Test(engine_recovery, half_of_an_unacknowledged_batch_is_cut)
{
    fixture_open();
    (void)fixture_append("a b");
    require_ok(fixture_try_append("c", STRAND_WRITTEN, NULL));
    fixture_kill();
    replace_tail(0, 77 + 40, "", 0);
    fixture_open();
    require_ok(strand_engine_health(fixture.engine));
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a 1=b");
    cr_expect_str_eq(fixture_segments(), "0:0+2");
    cr_expect_str_eq(log_image_names(fixture.disk, FIXTURE_LOG, "cut-"), "");
}

Test(engine_recovery, suspect_bytes_are_saved_before_they_are_cut)
{
    fixture_open();
    (void)fixture_append("a");
    require_ok(fixture_try_append("b", STRAND_WRITTEN, NULL));
    require_ok(fixture_try_append("c", STRAND_WRITTEN, NULL));
    fixture_kill();
    flip(0, 2 * 69 - 1);
    fixture_open();
    require_ok(strand_engine_health(fixture.engine));
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a");
    cr_expect_str_eq(fixture_segments(), "0:0+1");
    cr_expect_str_eq(log_image_names(fixture.disk, FIXTURE_LOG, "cut-"),
                     "cut-00000000000000000001.bytes");
    cr_expect_str_eq(log_image_read(fixture.disk, FIXTURE_LOG, ".bytes"), "0:/138",
                     "both batches, the first of them damaged");
    cr_expect_eq(fixture_report().report.cut_bytes, 138);
    cr_expect_eq(fixture_append("d").base_offset, 1);
}

static const struct damage {
    const char *name;
    int64_t base, position; /* of the flipped bit */
    const char *text;       /* what a cursor then gives */
} DAMAGES[] = {
    {"first batch of all", 0, 68, "[0,1) 1=v 2=v 3=v 4=v 5=v"},
    {"second batch", 0, 2 * 69 - 1, "0=v [1,2) 2=v 3=v 4=v 5=v"},
    {"middle segment", 2, 68, "0=v 1=v [2,3) 3=v 4=v 5=v"},
    {"end of the middle segment", 2, 2 * 69 - 1, "0=v 1=v 2=v [3,4) 4=v 5=v"},
    {"header in the middle", 2, STRAND_BATCH_LENGTH, "0=v 1=v [2,3) 3=v 4=v 5=v"},
    {"last segment", 4, 68, "0=v 1=v 2=v 3=v [4,5) 5=v"},
    {"last batch", 4, 2 * 69 - 1, "0=v 1=v 2=v 3=v 4=v [5,6)"},
};

/* As after a crash: nothing vouches for the log. */
static void
forget_clean_close(void)
{
    require_ok(strand_sim_disk_store(fixture.disk, FIXTURE_DATA "/strandline.clean", NULL, 0));
}

static void
expect_quarantined(const struct damage *damage)
{
    expect_status(STRAND_ERR_QUARANTINED, strand_engine_health(fixture.engine));
    cr_expect_eq(fixture_info().info.state, STRAND_LOG_QUARANTINED, "%s", damage->name);
    cr_expect_neq(fixture_info().reason[0], '\0');
    cr_expect_eq(fixture_info().info.segment_count, 3, "%s: %u", damage->name,
                 fixture_info().info.segment_count);
    cr_expect_eq(fixture_info().info.size_bytes, 5 * 69, "%s: %d bytes", damage->name,
                 (int)fixture_info().info.size_bytes);
    expect_status(STRAND_ERR_QUARANTINED, fixture_try_append("w", STRAND_DURABLE, NULL));
    expect_status(STRAND_ERR_QUARANTINED, strand_log_truncate(fixture.log, 1, NULL));
    expect_status(STRAND_ERR_QUARANTINED, strand_log_trim(fixture.log, 1));
    expect_status(STRAND_ERR_QUARANTINED, strand_log_reset(fixture.log, 1));
    expect_status(STRAND_ERR_QUARANTINED, strand_log_begin_epoch(fixture.log, 1));
    cr_expect_not_null(strstr(notices, "3 orders-0 is quarantined"), "%s", notices);
}

/* What opening reads it judges; the rest is met by reads.  Either way both sides are readable. */
Test(engine_recovery, damage_to_durable_records_is_told_and_both_sides_are_readable)
{
    make_log_of_six();
    for (size_t i = 0; i < sizeof DAMAGES / sizeof *DAMAGES; i++) {
        char before[256];

        flip(DAMAGES[i].base, DAMAGES[i].position);
        (void)snprintf(before, sizeof before, "%s", fixture_segments());
        forget_clean_close();
        fixture_open();
        if (DAMAGES[i].base == 4)
            expect_quarantined(&DAMAGES[i]);
        else
            require_ok(strand_engine_health(fixture.engine));
        cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), DAMAGES[i].text, "%s: %s",
                         DAMAGES[i].name, fixture_read(0, STRAND_READ_COMMITTED));
        require_ok(strand_engine_sync(fixture.engine));
        fixture_close();
        cr_expect_str_eq(fixture_segments(), before, "%s: nothing is changed", DAMAGES[i].name);
        flip(DAMAGES[i].base, DAMAGES[i].position);
        forget_clean_close();
        fixture_open();
        require_ok(strand_engine_health(fixture.engine));
        cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=v 1=v 2=v 3=v 4=v 5=v");
        fixture_close();
    }
}

/* A clean close vouches for sizes, not for what rots later. */
Test(engine_recovery, damage_behind_a_clean_close_is_met_by_reads)
{
    make_log_of_six();
    for (size_t i = 0; i < sizeof DAMAGES / sizeof *DAMAGES; i++) {
        flip(DAMAGES[i].base, DAMAGES[i].position);
        fixture_open();
        cr_expect_eq(fixture_report().report.verdict, STRAND_VERDICT_CLEAN);
        cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), DAMAGES[i].text, "%s: %s",
                         DAMAGES[i].name, fixture_read(0, STRAND_READ_COMMITTED));
        fixture_close();
        flip(DAMAGES[i].base, DAMAGES[i].position);
    }
}

Test(engine_recovery, log_that_ends_below_what_was_durable_is_quarantined)
{
    make_log_of_six();
    replace_tail(4, 69, "", 0);
    fixture_open();
    cr_expect_eq(fixture_info().info.state, STRAND_LOG_QUARANTINED);
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=v 1=v 2=v 3=v 4=v [5,6)");
}

Test(engine_recovery, one_damaged_log_does_not_stop_the_others)
{
    struct strand_record record = {.value = {"x", 1}};
    struct strand_log *other = NULL;

    make_log_of_six();
    flip(0, 68);
    fixture_open();
    require_ok(strand_log_open(fixture.engine, "other", 0, NULL, &other));
    require_ok(strand_log_append(other, &record, 1, NULL, NULL));
    require_ok(strand_log_close(other));
}

Test(engine_recovery, damaged_log_can_be_deleted)
{
    make_log_of_six();
    flip(0, 68);
    fixture_open_engine();
    require_ok(strand_engine_delete_log(fixture.engine, "orders", 0));
    require_ok(strand_engine_health(fixture.engine));
    fixture_open_log();
    cr_expect_eq(fixture_append("a").base_offset, 0);
}

/* ---- Lost files ---- */

Test(engine_recovery, frontier_that_is_lost_is_made_anew)
{
    static const char *const contents[] = {NULL, "", "garbage", "STRANDFR"};

    make_log_of_six();
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        require_ok(strand_sim_disk_store(fixture.disk, FIXTURE_DATA "/strandline.frontier",
                                         contents[i],
                                         contents[i] == NULL ? 0 : (int64_t)strlen(contents[i])));
        fixture_open();
        require_ok(strand_engine_health(fixture.engine));
        cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=v 1=v 2=v 3=v 4=v 5=v");
        cr_expect_gt(fixture_positions().generation, 0);
        fixture_kill();
    }
    flip(4, 68);
    fixture_open();
    cr_expect_eq(fixture_info().info.state, STRAND_LOG_QUARANTINED,
                 "the new frontier knows what is durable");
}

Test(engine_recovery, slot_that_is_lost_falls_back_on_what_is_whole)
{
    uint8_t data[8192];
    int64_t size;

    make_log_of_six();
    const char *path = FIXTURE_DATA "/strandline.frontier";
    const uint8_t *content = strand_sim_disk_content(fixture.disk, path, &size);
    cr_assert_leq(size, (int64_t)sizeof data);
    memcpy(data, content, (size_t)size);
    data[64 + 30] ^= 1; /* slot 1 is the first log's */
    require_ok(strand_sim_disk_store(fixture.disk, path, data, size));
    fixture_open();
    require_ok(strand_engine_health(fixture.engine));
    cr_expect_not_null(strstr(notices, "strandline.frontier is damaged (1 slots)"), "%s", notices);
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=v 1=v 2=v 3=v 4=v 5=v");
    fixture_cut(STRAND_SIM_LOSE_ALL);
    notices[0] = '\0';
    fixture_open();
    cr_expect_str_eq(notices, "", "it was written anew: %s", notices);
}

Test(engine_recovery, identity_that_is_lost_is_replaced)
{
    static const char *const contents[] = {NULL, "", "STIDgarbage"};

    make_log_of_six();
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        struct strand_log_identity identity;

        require_ok(strand_sim_disk_store(fixture.disk, FIXTURE_LOG "/strandline.id", contents[i],
                                         contents[i] == NULL ? 0 : (int64_t)strlen(contents[i])));
        fixture_open();
        require_ok(strand_engine_health(fixture.engine));
        cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=v 1=v 2=v 3=v 4=v 5=v");
        require_ok(strand_log_identity_read(fixture.fs, FIXTURE_LOG, &identity));
        fixture_close();
    }
}

Test(engine_recovery, copied_partition_is_another_log)
{
    static const char *const names[] = {"00000000000000000000.log", "leader-epoch-checkpoint",
                                        "strandline.id"};
    struct strand_log_identity original, copy;
    struct strand_log *second = NULL;

    fixture_open();
    (void)fixture_append("a b");
    fixture_close();
    cr_assert_eq(fixture.fs->make_directory(fixture.fs->context, "/data/zcopy-0"), 0);
    for (size_t i = 0; i < 3; i++) {
        char from[128], to[128];
        uint8_t data[1024];
        int64_t size;

        (void)snprintf(from, sizeof from, FIXTURE_LOG "/%s", names[i]);
        (void)snprintf(to, sizeof to, "/data/zcopy-0/%s", names[i]);
        const uint8_t *content = strand_sim_disk_content(fixture.disk, from, &size);
        cr_assert_leq(size, (int64_t)sizeof data);
        memcpy(data, content, (size_t)size);
        require_ok(strand_sim_disk_store(fixture.disk, to, data, size));
    }
    fixture_open();
    require_ok(strand_log_open(fixture.engine, "zcopy", 0, NULL, &second));
    require_ok(strand_log_identity_read(fixture.fs, FIXTURE_LOG, &original));
    require_ok(strand_log_identity_read(fixture.fs, "/data/zcopy-0", &copy));
    cr_expect_neq(memcmp(original.id, copy.id, sizeof copy.id), 0);
    require_ok(strand_log_truncate(second, 0, NULL));
    require_ok(strand_log_close(second));
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a 1=b");
}

/* ---- Leftovers and faults ---- */

Test(engine_recovery, half_deleted_and_half_made_logs_are_removed)
{
    static const char *const names[] = {"old-0.00112233445566778899aabbccddeeff00-delete",
                                        "new-7.ffeeddccbbaa99887766554433221100-delete"};
    static const char expected[] = "log-start-offset-checkpoint orders-0 "
                                   "recovery-point-offset-checkpoint replication-offset-checkpoint";

    make_log_of_six();
    for (size_t i = 0; i < 2; i++) {
        char path[128];

        (void)snprintf(path, sizeof path, FIXTURE_DATA "/%s", names[i]);
        cr_assert_eq(fixture.fs->make_directory(fixture.fs->context, path), 0);
        log_image_store(fixture.disk, path, "0: 0+1", "");
    }
    fixture_open();
    cr_expect_str_eq(log_image_names(fixture.disk, FIXTURE_DATA, "-"), expected);
    fixture_cut(STRAND_SIM_LOSE_ALL);
    cr_expect_str_eq(log_image_names(fixture.disk, FIXTURE_DATA, "-"), expected);
}

Test(engine_recovery, temporary_files_of_an_interrupted_change_are_removed)
{
    static const char *const names[] = {"truncated.tmp", "leader-epoch-checkpoint.tmp",
                                        "strandline.id.tmp"};

    make_log_of_six();
    for (size_t i = 0; i < 3; i++) {
        char path[128];

        (void)snprintf(path, sizeof path, FIXTURE_LOG "/%s", names[i]);
        require_ok(strand_sim_disk_store(fixture.disk, path, "half", 4));
    }
    fixture_open();
    cr_expect_str_eq(log_image_names(fixture.disk, FIXTURE_LOG, ".tmp"), "");
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=v 1=v 2=v 3=v 4=v 5=v");
}

/* Fault NTH at opening a log with a torn tail: it fails, or serves all of it, or says that the log
 * cannot be served; the next opening serves all of it. */
static bool
open_with_fault(uint64_t nth, int code)
{
    fixture_destroy();
    create();
    make_log_of_six();
    replace_tail(4, 2 * 69, "garbage", 7);
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault(fixture.disk, nth, code, false);
    int status = strand_engine_open(FIXTURE_DATA, &fixture.engine_options, &fixture.engine);
    bool was_hit = strand_sim_disk_calls(fixture.disk) >= nth;
    strand_sim_disk_plan_clear(fixture.disk);
    if (status == STRAND_OK) {
        fixture_open_log();
        if (strand_engine_health(fixture.engine) == STRAND_OK)
            cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=v 1=v 2=v 3=v 4=v 5=v",
                             "call %llu", (unsigned long long)nth);
        else
            expect_status(STRAND_ERR_FAILED, fixture_try_append("w", STRAND_DURABLE, NULL));
    }
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    require_ok(strand_engine_health(fixture.engine));
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=v 1=v 2=v 3=v 4=v 5=v",
                     "call %llu again", (unsigned long long)nth);
    cr_expect_eq(fixture_append("w").base_offset, 6);
    return was_hit;
}

Test(engine_recovery, each_fault_while_opening_is_told_or_harmless)
{
    static const int codes[] = {EIO, ENOSPC, ENOMEM};

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        for (uint64_t nth = 1; open_with_fault(nth, codes[i]); nth++)
            continue;
}

Test(engine_recovery, log_that_cannot_be_read_fails_alone)
{
    make_log_of_six();
    for (uint64_t nth = 1; nth < 200; nth++) {
        strand_sim_disk_plan_clear(fixture.disk);
        strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_READ, nth, EIO, true);
        int status = strand_engine_open(FIXTURE_DATA, &fixture.engine_options, &fixture.engine);
        strand_sim_disk_plan_clear(fixture.disk);
        if (status != STRAND_OK)
            continue;
        if (strand_engine_health(fixture.engine) == STRAND_OK)
            break;
        cr_expect_eq(fixture_info().info.state, STRAND_LOG_FAILED);
        fixture_open_log();
        expect_status(STRAND_ERR_FAILED, fixture_try_append("w", STRAND_DURABLE, NULL));
        cr_expect_str_eq(fixture_read(STRAND_EARLIEST, STRAND_READ_COMMITTED), "(-21)");
        require_ok(strand_log_close(fixture.log));
        fixture.log = NULL;
        expect_status(STRAND_ERR_FAILED, strand_engine_close(fixture.engine));
        fixture.engine = NULL;
    }
    require_ok(strand_engine_close(fixture.engine));
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=v 1=v 2=v 3=v 4=v 5=v");
}
