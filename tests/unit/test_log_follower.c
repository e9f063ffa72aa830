/* tests/unit/test_log_follower.c -- A follower keeps its leader's offsets and epochs: gaps are
 * legal on a replicated log, overlaps and older epochs nowhere; what is refused leaves nothing. */
#include <stdint.h>
#include <string.h>

#include "support/engine_fixture.h"

static void
open_replicated(void)
{
    fixture_create();
    fixture.log_options.flags = STRAND_LOG_REPLICATED;
    fixture_open();
}

TestSuite(log_follower, .init = open_replicated, .fini = fixture_destroy, .timeout = 60);

Test(log_follower, offsets_and_epochs_are_kept)
{
    struct strand_positions positions;

    require_ok(fixture_follow("e3 0+2 2+1"));
    require_ok(fixture_follow("e3 3+1 e5 4+2"));
    positions = fixture_positions();
    cr_expect_eq(positions.log_end, 6);
    cr_expect_eq(positions.leader_epoch, 5);
    cr_expect_eq(positions.durable_end, 6);
    cr_expect_eq(positions.high_watermark, 0, "that is the leader's to say");
    cr_expect_str_eq(fixture_segments(), "0:0+2,2+1,3+1,4+2");
    cr_expect_str_eq(fixture_epochs(), "0 2 3 0 5 4 ");
}

Test(log_follower, ticket_is_of_what_was_sent)
{
    struct strand_append_options options = {.struct_size = sizeof options, .is_follower = 1};
    struct strand_appended appended;
    uint8_t data[512];
    size_t size;
    const uint8_t *batches = fixture_batches("e4 10+2 12+1", &size);

    cr_assert_leq(size, sizeof data);
    memcpy(data, batches, size);
    require_ok(strand_log_append_batches(fixture.log, data, size, &options, &appended));
    cr_expect_eq(appended.base_offset, 10);
    cr_expect_eq(appended.end_offset, 13);
    cr_expect_eq(appended.leader_epoch, 4);
    cr_expect_eq(appended.log_append_time_ms, -1);
}

static const struct refusal {
    const char *name;
    const char *text;
    int status;
} REFUSALS[] = {
    {"wholly below the log end", "e2 3+2", STRAND_ERR_OFFSETS},
    {"across the log end", "e2 8+5", STRAND_ERR_OFFSETS},
    {"the same again", "e2 5+5", STRAND_ERR_OFFSETS},
    {"below the log end with a new epoch", "e9 3+2", STRAND_ERR_OFFSETS},
    {"across the log end with a new epoch", "e9 8+5", STRAND_ERR_OFFSETS},
    {"the second overlaps the first", "e2 10+5 12+5", STRAND_ERR_OFFSETS},
    {"the second overlaps, in a new epoch", "e2 10+5 e9 12+5", STRAND_ERR_OFFSETS},
    {"the second lies below", "e2 20+5 10+5", STRAND_ERR_OFFSETS},
    {"an older epoch", "e1 10+5", STRAND_ERR_EPOCH},
    {"an older epoch behind a gap", "e1 20+5", STRAND_ERR_EPOCH},
    {"no epoch behind an epoch", "e-1 10+5", STRAND_ERR_EPOCH},
    {"epochs that fall within one append", "e9 10+1 e8 11+1", STRAND_ERR_EPOCH},
    {"a new epoch, then damage", "e9 10+1 x11+1", STRAND_ERR_BATCH},
    {"a wrong CRC", "e2 x10+1", STRAND_ERR_BATCH},
    {"cut off", "e2 t10+1", STRAND_ERR_BATCH},
};

Test(log_follower, refusals_leave_neither_records_nor_epochs_nor_gaps)
{
    require_ok(fixture_follow("e2 0+5 5+5"));
    for (size_t i = 0; i < sizeof REFUSALS / sizeof *REFUSALS; i++) {
        int status = fixture_follow(REFUSALS[i].text);

        cr_expect_eq(status, REFUSALS[i].status, "%s: %d: %s", REFUSALS[i].name, status,
                     strand_error_message());
        cr_expect_str_eq(fixture_segments(), "0:0+5,5+5", "%s", REFUSALS[i].name);
        cr_expect_str_eq(fixture_epochs(), "0 1 2 0 ", "%s: %s", REFUSALS[i].name,
                         fixture_epochs());
        cr_expect_eq(fixture_positions().log_end, 10);
    }
    require_ok(fixture_follow("e2 10+1"));
    cr_expect_str_eq(fixture_segments(), "0:0+5,5+5,10+1");
}

Test(log_follower, overlap_names_both_offsets)
{
    require_ok(fixture_follow("0+5"));
    expect_status(STRAND_ERR_OFFSETS, fixture_follow("3+9"));
    expect_message("3");
    expect_message("5");
}

Test(log_follower, gaps_survive_a_power_cut_wherever_they_are)
{
    static const struct {
        const char *name;
        const char *first;
        const char *second;
        const char *segments;
        const char *records;
    } cases[] = {
        {"at the beginning", "7+1", "8+1", "0:7+1,8+1", "7=value 8=value"},
        {"between two appends", "0+1", "7+1", "0:0+1,7+1", "0=value 7=value"},
        {"within the first append", "0+1 5+1", "6+1", "0:0+1,5+1,6+1", "0=value 5=value 6=value"},
        {"within a later append", "0+1", "1+1 5+1", "0:0+1,1+1,5+1", "0=value 1=value 5=value"},
        {"with an epoch of its own", "0+1", "e1 5+1", "0:0+1,5+1", "0=value 5=value"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        require_ok(fixture_follow(cases[i].first));
        require_ok(fixture_follow(cases[i].second));
        fixture_cut(STRAND_SIM_LOSE_ALL);
        fixture_open();
        cr_expect_eq(fixture_info().info.state, STRAND_LOG_HEALTHY, "%s: %s", cases[i].name,
                     fixture_info().reason);
        cr_expect_str_eq(fixture_segments(), cases[i].segments, "%s", cases[i].name);
        cr_expect_str_eq(fixture_read(fixture_positions().log_start, STRAND_READ_WRITTEN),
                         cases[i].records, "%s", cases[i].name);
        require_ok(strand_log_close(fixture.log));
        fixture.log = NULL;
        require_ok(strand_engine_delete_log(fixture.engine, "orders", 0));
        fixture_open_log();
    }
}

Test(log_follower, gap_into_a_new_segment_survives_a_power_cut)
{
    require_ok(strand_log_set(fixture.log, "segment.bytes", "200"));
    require_ok(fixture_follow("0+1 1+1"));
    require_ok(fixture_follow("50+1"));
    cr_expect_str_eq(fixture_segments(), "0:0+1,1+1 50:50+1");
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_eq(fixture_info().info.state, STRAND_LOG_HEALTHY, "%s", fixture_info().reason);
    cr_expect_str_eq(fixture_read(0, STRAND_READ_WRITTEN), "0=value 1=value 50=value");
}

Test(log_follower, every_offset_in_a_gap_reads_the_next_record)
{
    require_ok(fixture_follow("0+1 5+2"));
    require_ok(strand_log_set(fixture.log, "segment.bytes", "100"));
    require_ok(fixture_follow("20+1"));
    for (int64_t offset = 1; offset <= 5; offset++)
        cr_expect_str_eq(fixture_read(offset, STRAND_READ_WRITTEN), "5=value 6=value 20=value");
    for (int64_t offset = 7; offset <= 20; offset++)
        cr_expect_str_eq(fixture_read(offset, STRAND_READ_WRITTEN), "20=value");
    cr_expect_str_eq(fixture_read(21, STRAND_READ_WRITTEN), "");
}

Test(log_follower, log_without_replicas_takes_no_gap)
{
    struct strand_log_options options = {.struct_size = sizeof options};
    struct strand_log *replicated = fixture.log;
    struct strand_log *plain = NULL;

    require_ok(strand_log_open(fixture.engine, "plain", 0, &options, &plain));
    fixture.log = plain;
    require_ok(fixture_follow("0+2"));
    expect_status(STRAND_ERR_OFFSETS, fixture_follow("3+1"));
    expect_message("not replicated");
    expect_status(STRAND_ERR_OFFSETS, fixture_follow("2+1 4+1"));
    require_ok(fixture_follow("2+1"));
    cr_expect_eq(fixture_positions().log_end, 3);
    fixture.log = replicated;
    require_ok(strand_log_close(plain));
}

Test(log_follower, control_batches_are_taken_and_shown_only_on_request)
{
    struct strand_cursor_options options = {
        .struct_size = sizeof options, .isolation = STRAND_READ_WRITTEN, .include_control = 1};
    struct strand_cursor *cursor = NULL;
    struct strand_record record;
    struct strand_append_options follower = {.struct_size = sizeof follower, .is_follower = 1};
    /* The commit marker of a transaction, as a broker writes it: offset 1, epoch 0. */
    static const uint8_t marker[] = {
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x42, 0x00,
        0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x30, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0xe8, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x03, 0xe8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x09, 0x00,
        0x03, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01, 0x20, 0x00, 0x00, 0x00,
        0x08, 0x00, 0x00, 0x00, 0x01, 0x0c, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
    uint8_t data[sizeof marker];

    memcpy(data, marker, sizeof marker);
    fixture_fix_crc(data);
    require_ok(fixture_follow("0+1"));
    require_ok(strand_log_append_batches(fixture.log, data, sizeof data, &follower, NULL));
    require_ok(fixture_follow("2+1"));
    cr_expect_str_eq(fixture_read(0, STRAND_READ_WRITTEN), "0=value 2=value");

    require_ok(strand_cursor_open(fixture.log, 1, &options, &cursor));
    require_ok(strand_cursor_next(cursor, &record));
    cr_expect_eq(record.offset, 1);
    cr_expect_eq(record.flags, STRAND_RECORD_CONTROL | STRAND_RECORD_TRANSACTIONAL);
    cr_expect_eq(record.key.size, 4);
    strand_cursor_close(cursor);
}

Test(log_follower, high_watermark_is_set_not_reached)
{
    require_ok(fixture_follow("0+5"));
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "");
    require_ok(strand_log_set_high_watermark(fixture.log, 5));
    cr_expect_eq(fixture_positions().high_watermark, 5);
    require_ok(strand_log_set_high_watermark(fixture.log, 2));
    cr_expect_eq(fixture_positions().high_watermark, 5, "it never falls");
    require_ok(strand_log_set_high_watermark(fixture.log, 100));
    cr_expect_eq(fixture_positions().high_watermark, 5, "nothing is durable above");
    require_ok(fixture_follow("5+5"));
    cr_expect_eq(fixture_positions().high_watermark, 10, "it catches up");
    require_ok(strand_log_truncate(fixture.log, 5, NULL));
    cr_expect_eq(fixture_positions().high_watermark, 5);
    require_ok(fixture_follow("5+5"));
    cr_expect_eq(fixture_positions().high_watermark, 5, "what was cut is not committed again");
}

Test(log_follower, high_watermark_survives_restarts)
{
    require_ok(fixture_follow("0+5"));
    require_ok(fixture_follow("5+5"));
    require_ok(strand_log_set_high_watermark(fixture.log, 5));
    require_ok(fixture_follow("10+1")); /* the round writes it down */
    fixture_reopen();
    cr_expect_eq(fixture_positions().high_watermark, 5);
    require_ok(strand_log_set_high_watermark(fixture.log, 10));
    fixture_reopen();
    cr_expect_eq(fixture_positions().high_watermark, 10);
    cr_expect_eq(fixture_positions().durable_end, 11);
}

Test(log_follower, high_watermark_of_a_log_without_replicas_cannot_be_set)
{
    struct strand_log *plain = NULL;

    require_ok(strand_log_open(fixture.engine, "plain", 0, NULL, &plain));
    expect_status(STRAND_ERR_INVALID, strand_log_set_high_watermark(plain, 0));
    require_ok(strand_log_close(plain));
}

Test(log_follower, replicated_is_decided_at_creation)
{
    fixture.log_options.flags = 0;
    fixture_reopen();
    require_ok(fixture_follow("3+1"));
    require_ok(strand_log_set_high_watermark(fixture.log, 4));
}

Test(log_follower, truncation_into_a_gap_cuts_what_follows)
{
    static const struct {
        int64_t offset, log_end;
        const char *segments;
    } cases[] = {
        {25, 21, "0:0+1,5+2 20:20+1"},
        {15, 7, "0:0+1,5+2 7:"},
        {3, 1, "0:0+1"},
    };

    require_ok(fixture_follow("0+1 5+2"));
    require_ok(strand_log_set(fixture.log, "segment.bytes", "150"));
    require_ok(fixture_follow("20+1"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t log_end = -1;

        require_ok(strand_log_truncate(fixture.log, cases[i].offset, &log_end));
        cr_expect_eq(log_end, cases[i].log_end);
        cr_expect_str_eq(fixture_segments(), cases[i].segments);
        fixture_cut(STRAND_SIM_LOSE_ALL);
        fixture_open();
        require_ok(strand_engine_health(fixture.engine));
        cr_expect_eq(fixture_positions().log_end, cases[i].log_end);
    }
    require_ok(fixture_follow("1+1"));
    cr_expect_str_eq(fixture_read(0, STRAND_READ_WRITTEN), "0=value 1=value");
}
