/* tests/unit/test_engine.c -- The life of an engine and of what is in it: open, list, health,
 * delete, close. */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "support/engine_fixture.h"
#include "support/log_image.h"

TestSuite(engine, .init = fixture_create, .fini = fixture_destroy, .timeout = 60);

static int
open_topic(const char *topic, int32_t partition, uint32_t flags, struct strand_log **out_log)
{
    struct strand_log_options options = fixture.log_options;

    options.flags = flags;
    return strand_log_open(fixture.engine, topic, partition, &options, out_log);
}

static void
create_topic(const char *topic, int32_t partition)
{
    struct strand_log *log = NULL;

    require_ok(open_topic(topic, partition, 0, &log));
    require_ok(strand_log_close(log));
}

struct listing {
    char text[512];
    int stop_at; /* 0: never */
    int count;
};

static int
note_info(void *context, const struct strand_log_info *info)
{
    struct listing *listing = context;
    size_t used = strlen(listing->text);

    (void)snprintf(listing->text + used, sizeof listing->text - used, "%s%s-%" PRId32,
                   used == 0 ? "" : " ", info->topic, info->partition);
    return ++listing->count == listing->stop_at ? 42 : 0;
}

static const char *
list(void)
{
    static struct listing listing;

    memset(&listing, 0, sizeof listing);
    require_ok(strand_engine_list(fixture.engine, note_info, &listing));
    return listing.text;
}

Test(engine, what_was_appended_is_there_after_closing_and_opening)
{
    fixture_open();
    (void)fixture_append("a b");
    for (int i = 0; i < 3; i++) {
        struct strand_positions before = fixture_positions();

        fixture_reopen();
        struct strand_positions after = fixture_positions();
        cr_expect_eq(after.log_start, before.log_start);
        cr_expect_eq(after.stable_end, before.stable_end);
        cr_expect_eq(after.high_watermark, before.high_watermark);
        cr_expect_eq(after.durable_end, before.durable_end);
        cr_expect_eq(after.log_end, before.log_end);
        cr_expect_eq(after.generation, before.generation);
        cr_expect_eq(after.leader_epoch, before.leader_epoch);
        cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a 1=b");
    }
    cr_expect_eq(fixture_append("c").base_offset, 2);
}

Test(engine, new_log_is_durable_when_it_is_open)
{
    fixture_open();
    cr_expect_str_eq(log_image_names(fixture.disk, FIXTURE_LOG, ""),
                     "00000000000000000000.log leader-epoch-checkpoint strandline.id");
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open_engine();
    cr_expect_str_eq(list(), "orders-0");
    fixture.log_options.flags = STRAND_LOG_MUST_EXIST;
    fixture_open_log();
    struct strand_positions positions = fixture_positions();
    cr_expect_eq(positions.log_start + positions.log_end + positions.high_watermark, 0);
    cr_expect_eq(positions.leader_epoch, 0);
}

Test(engine, flags_say_whether_a_log_may_or_must_be_there)
{
    struct strand_log *log = NULL;

    fixture_open_engine();
    expect_status(STRAND_ERR_NOT_FOUND, open_topic("t", 0, STRAND_LOG_MUST_EXIST, &log));
    cr_expect_str_eq(list(), "");
    require_ok(open_topic("t", 0, STRAND_LOG_EXCLUSIVE, &log));
    require_ok(strand_log_close(log));
    expect_status(STRAND_ERR_EXISTS, open_topic("t", 0, STRAND_LOG_EXCLUSIVE, &log));
    require_ok(open_topic("t", 0, STRAND_LOG_MUST_EXIST, &log));
    require_ok(strand_log_close(log));
    expect_status(STRAND_ERR_INVALID, open_topic("t", 0, 8, &log));
}

Test(engine, names_follow_kafkas_rules)
{
    static const struct {
        const char *topic;
        int32_t partition;
    } bad[] = {{"", 0}, {".", 0}, {"..", 0}, {"a/b", 0}, {"a b", 0}, {"\xc3\xa9", 0}, {"t", -1}};
    struct strand_log *log = NULL;
    char longest[251];

    fixture_open_engine();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_status(STRAND_ERR_INVALID, open_topic(bad[i].topic, bad[i].partition, 0, &log));
    expect_status(STRAND_ERR_INVALID, strand_log_open(fixture.engine, NULL, 0, NULL, &log));
    memset(longest, 't', sizeof longest);
    longest[250] = '\0';
    expect_status(STRAND_ERR_INVALID, open_topic(longest, 0, 0, &log));
    longest[249] = '\0';
    require_ok(open_topic(longest, 0, 0, &log));
    require_ok(strand_log_close(log));
    require_ok(strand_engine_delete_log(fixture.engine, longest, 0));
    cr_expect_str_eq(list(), "");
    cr_expect_str_eq(log_image_names(fixture.disk, FIXTURE_DATA, "ttt"), "");
}

Test(engine, topics_that_differ_in_dots_and_underscores_collide)
{
    struct strand_log *log = NULL;

    fixture_open_engine();
    create_topic("a.b_c", 0);
    expect_status(STRAND_ERR_INVALID, open_topic("a_b.c", 0, 0, &log));
    expect_message("a.b_c");
    expect_status(STRAND_ERR_INVALID, open_topic("a.b.c", 3, 0, &log));
    create_topic("a.b_c", 1);
    create_topic("a.b", 0);
}

Test(engine, listing_is_by_topic_and_partition)
{
    static const char *const topics[] = {"b", "a", "b", "B", "b-1"};
    static const int32_t partitions[] = {10, 0, 9, 3, 0};
    struct listing listing = {.stop_at = 2};

    fixture_open_engine();
    for (size_t i = 0; i < 5; i++)
        create_topic(topics[i], partitions[i]);
    cr_expect_str_eq(list(), "B-3 a-0 b-9 b-10 b-1-0");
    require_ok(strand_engine_close(fixture.engine));
    fixture_open_engine();
    cr_expect_str_eq(list(), "B-3 a-0 b-9 b-10 b-1-0");
    cr_expect_eq(strand_engine_list(fixture.engine, note_info, &listing), 42);
    cr_expect_str_eq(listing.text, "B-3 a-0");
    expect_status(STRAND_ERR_INVALID, strand_engine_list(fixture.engine, NULL, NULL));
}

Test(engine, info_tells_positions_and_sizes)
{
    struct strand_log_info info;

    fixture.log_options.segment_bytes = 100;
    fixture_open();
    fixture_fill(4);
    require_ok(fixture_try_append("v", STRAND_WRITTEN, NULL));
    require_ok(strand_log_trim(fixture.log, 2));
    info = fixture_info().info;
    cr_expect_eq(info.state, STRAND_LOG_HEALTHY);
    cr_expect_eq(info.log_start, 2);
    cr_expect_eq(info.high_watermark, 4);
    cr_expect_eq(info.log_end, 5);
    cr_expect_eq(info.segment_count, 3);
    cr_expect_eq(info.size_bytes, 3 * 69);
    cr_expect_str_eq(fixture_info().reason, "");
}

Test(engine, sync_makes_every_log_durable)
{
    struct strand_log *other = NULL;
    struct strand_record record = {.value = {"x", 1}};
    struct strand_append_options written = {.struct_size = sizeof written,
                                            .durability = STRAND_WRITTEN};

    fixture_open();
    require_ok(open_topic("other", 0, 0, &other));
    require_ok(fixture_try_append("a", STRAND_WRITTEN, NULL));
    require_ok(strand_log_append(other, &record, 1, &written, NULL));
    require_ok(strand_engine_sync(fixture.engine));
    require_ok(strand_log_close(other));
    fixture_cut(STRAND_SIM_LOSE_ALL);
    cr_expect_str_eq(fixture_segments(), "0:0+1");
    cr_expect_str_eq(log_image_read(fixture.disk, "/data/other-0", ".log"), "0:0+1");
}

Test(engine, deleted_log_is_gone_for_good)
{
    fixture_open();
    (void)fixture_append("a b c");
    create_topic("other", 0);
    require_ok(strand_log_close(fixture.log));
    fixture.log = NULL;
    require_ok(strand_engine_delete_log(fixture.engine, "orders", 0));
    cr_expect_str_eq(list(), "other-0");
    cr_expect_str_eq(log_image_names(fixture.disk, FIXTURE_DATA, "orders"), "");
    expect_status(STRAND_ERR_NOT_FOUND, strand_engine_delete_log(fixture.engine, "orders", 0));
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_eq(fixture_positions().log_end, 0, "a new log of the same name is another log");
    cr_expect_eq(fixture_append("d").base_offset, 0);
}

Test(engine, log_made_anew_knows_nothing_of_its_predecessor)
{
    uint64_t generation;

    fixture_open();
    fixture_fill(5);
    require_ok(strand_log_trim(fixture.log, 3));
    generation = fixture_positions().generation;
    require_ok(strand_log_close(fixture.log));
    require_ok(strand_engine_delete_log(fixture.engine, "orders", 0));
    fixture_open_log();
    (void)fixture_append("x");
    cr_expect_gt(fixture_positions().generation, generation);
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_eq(fixture_positions().log_start, 0);
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=x");
}

Test(engine, failed_creation_leaves_nothing_behind)
{
    fixture_open_engine();
    for (uint64_t nth = 1;; nth++) {
        strand_sim_disk_plan_clear(fixture.disk);
        strand_sim_disk_plan_fault(fixture.disk, nth, nth % 2 == 0 ? EIO : ENOSPC, false);
        int status = open_topic("orders", 0, 0, &fixture.log);
        bool was_hit = strand_sim_disk_calls(fixture.disk) >= nth;
        strand_sim_disk_plan_clear(fixture.disk);
        if (status == STRAND_OK) {
            (void)fixture_append("a");
            require_ok(strand_log_close(fixture.log));
            fixture.log = NULL;
            require_ok(strand_engine_delete_log(fixture.engine, "orders", 0));
        }
        if (!was_hit)
            break;
        create_topic("orders", 0);
        require_ok(strand_engine_delete_log(fixture.engine, "orders", 0));
    }
}

Test(engine, many_logs_share_few_descriptors)
{
    enum { LOGS = 40 };

    fixture_open_engine();
    for (int32_t i = 0; i < LOGS; i++) {
        struct strand_record record = {.value = {"v", 1}};
        struct strand_log *log = NULL;

        require_ok(open_topic("t", i, 0, &log));
        require_ok(strand_log_append(log, &record, 1, NULL, NULL));
        require_ok(strand_log_close(log));
    }
    cr_expect_leq(strand_sim_disk_open_files(fixture.disk), 16 + 2 /* frontier and lock */);
    require_ok(strand_engine_close(fixture.engine));
    cr_expect_eq(strand_sim_disk_open_files(fixture.disk), 0);
    fixture_open_engine();
    cr_expect_leq(strand_sim_disk_open_files(fixture.disk), 16 + 2);
}

Test(engine, handles_of_one_log_share_its_options)
{
    struct strand_log *second = NULL;
    struct strand_log_options other = fixture.log_options;

    fixture_open();
    require_ok(strand_log_open(fixture.engine, "orders", 0, NULL, &second));
    require_ok(strand_log_close(second));
    require_ok(strand_log_open(fixture.engine, "orders", 0, &fixture.log_options, &second));
    require_ok(strand_log_close(second));
    other.segment_bytes++;
    expect_status(STRAND_ERR_INVALID,
                  strand_log_open(fixture.engine, "orders", 0, &other, &second));
    require_ok(strand_log_close(fixture.log));
    require_ok(strand_log_open(fixture.engine, "orders", 0, &other, &fixture.log));
}

Test(engine, null_engine_and_log_are_refused)
{
    struct strand_positions positions;
    struct strand_log *log = NULL;
    int64_t next_ms;

    expect_status(STRAND_ERR_INVALID, strand_engine_sync(NULL));
    expect_status(STRAND_ERR_INVALID, strand_engine_run(NULL, &next_ms));
    expect_status(STRAND_ERR_INVALID, strand_engine_health(NULL));
    expect_status(STRAND_ERR_INVALID, strand_log_open(NULL, "t", 0, NULL, &log));
    expect_status(STRAND_ERR_INVALID, strand_log_positions(NULL, &positions));
    expect_status(STRAND_ERR_INVALID, strand_engine_open(NULL, NULL, &fixture.engine));
    expect_status(STRAND_ERR_INVALID, strand_engine_open("", NULL, &fixture.engine));
    expect_message("no directory was given");
    expect_status(STRAND_ERR_INVALID, strand_engine_open("/data", NULL, NULL));
    expect_message("no place for the engine was given");
}

Test(engine, missing_arguments_of_a_log_are_named)
{
    char text[8];

    fixture_open();
    expect_status(STRAND_ERR_INVALID, strand_log_open(fixture.engine, "t", 0, NULL, NULL));
    expect_message("no place for the log was given");
    expect_status(STRAND_ERR_INVALID, strand_log_open(fixture.engine, NULL, 0, NULL, &fixture.log));
    expect_message("no topic was given");
    expect_status(STRAND_ERR_INVALID, strand_log_positions(fixture.log, NULL));
    expect_message("orders-0: no place for the positions was given");
    expect_status(STRAND_ERR_INVALID, strand_log_set(fixture.log, NULL, "1"));
    expect_message("orders-0: no name was given");
    expect_status(STRAND_ERR_INVALID, strand_log_set(fixture.log, "segment.ms", NULL));
    expect_message("orders-0: no value was given");
    expect_status(STRAND_ERR_INVALID, strand_log_get(fixture.log, NULL, text, sizeof text));
    expect_message("orders-0: no name was given");
    expect_status(STRAND_ERR_INVALID, strand_log_get(fixture.log, "segment.ms", NULL, 0));
    expect_message("orders-0: no place for the value was given");
    expect_status(STRAND_ERR_INVALID, strand_log_get(fixture.log, "segment.ms", text, 0));
    strand_error_offsets(NULL, NULL);
}

Test(engine, negative_high_watermark_is_refused)
{
    fixture.log_options.flags = STRAND_LOG_REPLICATED;
    fixture_open();
    expect_status(STRAND_ERR_INVALID, strand_log_set_high_watermark(fixture.log, -1));
    expect_message("high watermark of orders-0: offset -1");
    require_ok(strand_log_set_high_watermark(fixture.log, 0));
}
