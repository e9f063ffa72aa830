/* tests/unit/test_log_append.c -- Appending records: offsets, what stands on disk, limits, refusals
 * that write nothing. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "storage/batch.h"
#include "support/engine_fixture.h"
#include "support/log_image.h"

TestSuite(log_append, .init = fixture_create, .fini = fixture_destroy, .timeout = 60);

#define FIRST_SEGMENT FIXTURE_LOG "/00000000000000000000.log"

/* The batch that stands at POSITION of the first segment, checked. */
static struct strand_batch_header
header_at(int64_t position)
{
    struct strand_batch_header header;
    int64_t size = 0;
    const uint8_t *data = strand_sim_disk_content(fixture.disk, FIRST_SEGMENT, &size);

    cr_assert_not_null(data);
    cr_assert_lt(position, size);
    require_ok(strand_batch_check(data + position, (size_t)(size - position)));
    strand_batch_decode_header(data + position, &header);
    return header;
}

/* The first record from OFFSET on; what it points to is that of the cursor until the next call. */
static struct strand_record
record_at(int64_t offset)
{
    static struct strand_cursor *cursor;
    struct strand_record record;

    require_ok(strand_cursor_open(fixture.log, offset, NULL, &cursor));
    require_ok(strand_cursor_next(cursor, &record));
    strand_cursor_close(cursor);
    return record;
}

Test(log_append, offsets_are_consecutive_and_the_ticket_tells_them)
{
    struct strand_appended appended;

    fixture_open();
    appended = fixture_append("a b c");
    cr_expect_eq(appended.base_offset, 0);
    cr_expect_eq(appended.end_offset, 3);
    appended = fixture_append("d");
    cr_expect_eq(appended.base_offset, 3);
    cr_expect_eq(appended.end_offset, 4);
    cr_expect_eq(appended.generation, fixture_positions().generation);
    cr_expect_eq(appended.leader_epoch, 0);
    cr_expect_eq(appended.log_append_time_ms, -1);
    cr_expect_eq(fixture_positions().log_end, 4);
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a 1=b 2=c 3=d");
}

Test(log_append, one_call_is_one_batch_on_disk)
{
    fixture_open();
    (void)fixture_append("a b c");
    (void)fixture_append("d e");
    cr_expect_str_eq(fixture_segments(), "0:0+3,3+2");

    struct strand_batch_header first = header_at(0);
    struct strand_batch_header second = header_at(first.size);
    cr_expect_eq(second.base_offset, 3);
    cr_expect_eq(second.last_offset_delta, 1);
    cr_expect_eq(second.record_count, 2);
    cr_expect_eq(second.leader_epoch, 0);
    cr_expect_eq(second.attributes, 0);
    cr_expect_eq(second.producer_id, -1);
    cr_expect_eq(second.producer_epoch, -1);
    cr_expect_eq(second.base_sequence, -1);
}

Test(log_append, null_and_empty_come_back_distinct)
{
    static const struct strand_header headers[] = {{{"h", 1}, {NULL, 0}}, {{"", 0}, {"", 0}}};
    const struct strand_record records[] = {
        {.key = {NULL, 0}, .value = {NULL, 0}},
        {.key = {"", 0}, .value = {"", 0}},
        {.key = {"k", 1}, .value = {"v", 1}, .headers = headers, .header_count = 2},
    };
    struct strand_cursor *cursor = NULL;
    struct strand_record record;

    fixture_open();
    require_ok(strand_log_append(fixture.log, records, 3, NULL, NULL));
    require_ok(strand_cursor_open(fixture.log, 0, NULL, &cursor));
    require_ok(strand_cursor_next(cursor, &record));
    cr_expect_null(record.key.data);
    cr_expect_null(record.value.data);
    cr_expect_null(record.headers);
    require_ok(strand_cursor_next(cursor, &record));
    cr_expect_not_null(record.key.data);
    cr_expect_not_null(record.value.data);
    cr_expect_eq(record.key.size + record.value.size, 0);
    require_ok(strand_cursor_next(cursor, &record));
    cr_assert_eq(record.header_count, 2);
    cr_expect_null(record.headers[0].value.data);
    cr_expect_not_null(record.headers[1].value.data);
    cr_expect_eq(record.headers[1].key.size, 0);
    strand_cursor_close(cursor);
}

Test(log_append, timestamps_are_now_none_or_as_given)
{
    static const struct {
        int64_t given;
        int64_t least, most;
    } cases[] = {
        {0, FIXTURE_NOW_MS, FIXTURE_NOW_MS + 10},
        {STRAND_NO_TIMESTAMP, -1, -1},
        {1, 1, 1},
        {FIXTURE_NOW_MS * 3, FIXTURE_NOW_MS * 3, FIXTURE_NOW_MS * 3},
    };

    fixture.log_options.segment_ms = INT64_MAX;
    fixture_open();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct strand_record record = {.timestamp_ms = cases[i].given};

        require_ok(strand_log_append(fixture.log, &record, 1, NULL, NULL));
        int64_t found = record_at((int64_t)i).timestamp_ms;
        cr_expect(found >= cases[i].least && found <= cases[i].most, "case %zu: %lld", i,
                  (long long)found);
        cr_expect_eq(record_at((int64_t)i).flags, 0);
    }
}

Test(log_append, log_append_time_replaces_every_timestamp)
{
    struct strand_record records[] = {{.timestamp_ms = 5}, {.timestamp_ms = INT64_C(1) << 50}};
    struct strand_appended appended;

    fixture.log_options.timestamp_type = STRAND_LOG_APPEND_TIME;
    fixture_open();
    require_ok(strand_log_append(fixture.log, records, 2, NULL, &appended));
    cr_expect_geq(appended.log_append_time_ms, FIXTURE_NOW_MS);
    cr_expect_lt(appended.log_append_time_ms, FIXTURE_NOW_MS + 1000);
    for (int64_t offset = 0; offset < 2; offset++) {
        cr_expect_eq(record_at(offset).timestamp_ms, appended.log_append_time_ms);
        cr_expect_eq(record_at(offset).flags, STRAND_RECORD_LOG_APPEND_TIME);
    }
    cr_expect_eq(header_at(0).attributes, STRAND_BATCH_LOG_APPEND_TIME);
    cr_expect_eq(header_at(0).max_timestamp_ms, appended.log_append_time_ms);
}

Test(log_append, compressed_records_read_as_they_were)
{
    static char text[4096];
    struct strand_record record = {.value = strand_bytes(text, sizeof text)};

    memset(text, 'x', sizeof text);
    fixture.log_options.codec = STRAND_CODEC_LZ4;
    fixture_open();
    require_ok(strand_log_append(fixture.log, &record, 1, NULL, NULL));
    cr_expect_eq(header_at(0).attributes, STRAND_CODEC_LZ4);
    cr_expect_lt(header_at(0).size, 200);
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=xxxxxxxxxxxxxxxx");

    require_ok(strand_log_set(fixture.log, "compression.type", "uncompressed"));
    require_ok(strand_log_append(fixture.log, &record, 1, NULL, NULL));
    cr_expect_eq(header_at(header_at(0).size).attributes, 0);
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED),
                     "0=xxxxxxxxxxxxxxxx 1=xxxxxxxxxxxxxxxx");
}

Test(log_append, refusals_write_nothing)
{
    static const struct strand_header null_key = {.value = {"v", 1}};
    static const struct {
        const char *name;
        int status;
        size_t count;
        struct strand_record record;
    } cases[] = {
        {"no records were given", STRAND_ERR_INVALID, 0, {0}},
        {"timestamp -2 of record 0", STRAND_ERR_INVALID, 1, {.timestamp_ms = -2}},
        {"key of header 0 is null",
         STRAND_ERR_INVALID,
         1,
         {.headers = &null_key, .header_count = 1}},
        {"headers is NULL", STRAND_ERR_INVALID, 1, {.header_count = 1}},
        {"key has a size but no data", STRAND_ERR_INVALID, 1, {.key = {NULL, 1}}},
        {"value has a size but no data", STRAND_ERR_INVALID, 1, {.value = {NULL, 1}}},
        {"too many", STRAND_ERR_INVALID, (size_t)INT32_MAX + 1, {0}},
    };

    fixture_open();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct strand_appended appended = {.base_offset = 77};

        expect_status(cases[i].status, strand_log_append(fixture.log, &cases[i].record,
                                                         cases[i].count, NULL, &appended));
        expect_message("append to orders-0: ");
        expect_message(cases[i].name);
        cr_expect_eq(appended.base_offset, 77, "%s", cases[i].name);
        cr_expect_str_eq(fixture_segments(), "0:", "%s", cases[i].name);
    }
    expect_status(STRAND_ERR_INVALID, strand_log_append(fixture.log, NULL, 1, NULL, NULL));
    expect_message("append to orders-0: no records were given");
    expect_status(STRAND_ERR_INVALID, strand_log_append(NULL, &cases[0].record, 1, NULL, NULL));
    cr_expect_eq(fixture_append("a").base_offset, 0);
}

Test(log_append, options_are_checked_before_anything_is_written)
{
    static const struct strand_append_options cases[] = {
        {.struct_size = 0},
        {.struct_size = 4},
        {.struct_size = sizeof cases[0], .durability = 2},
        {.struct_size = sizeof cases[0], .durability = -1},
    };
    const struct strand_record record = {0};

    fixture_open();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_status(STRAND_ERR_INVALID,
                      strand_log_append(fixture.log, &record, 1, &cases[i], NULL));
    cr_expect_str_eq(fixture_segments(), "0:");
}

Test(log_append, batch_of_max_message_bytes_is_taken_one_byte_more_is_not)
{
    static char text[4096];
    struct strand_record record = {.value = strand_bytes(text, 1000)};

    fixture_open();
    require_ok(strand_log_append(fixture.log, &record, 1, NULL, NULL));
    int64_t size = header_at(0).size;
    char limit[24];
    (void)snprintf(limit, sizeof limit, "%lld", (long long)size);
    require_ok(strand_log_set(fixture.log, "max.message.bytes", limit));
    require_ok(strand_log_append(fixture.log, &record, 1, NULL, NULL));
    record.value.size++;
    expect_status(STRAND_ERR_TOO_LARGE, strand_log_append(fixture.log, &record, 1, NULL, NULL));
    expect_message("max.message.bytes");
    cr_expect_str_eq(fixture_segments(), "0:0+1,1+1");
}

Test(log_append, batch_above_segment_bytes_is_refused)
{
    static char text[4096];
    struct strand_record record = {.value = strand_bytes(text, sizeof text)};

    fixture.log_options.segment_bytes = 1024;
    fixture_open();
    expect_status(STRAND_ERR_TOO_LARGE, strand_log_append(fixture.log, &record, 1, NULL, NULL));
    expect_message("segment.bytes");
    cr_expect_str_eq(fixture_segments(), "0:");
}

Test(log_append, durable_survives_the_power_cut_written_survives_the_process)
{
    fixture_open();
    (void)fixture_append("a");
    require_ok(fixture_try_append("b", STRAND_WRITTEN, NULL));
    cr_expect_eq(fixture_positions().log_end, 2);
    cr_expect_eq(fixture_positions().durable_end, 1);
    cr_expect_eq(fixture_positions().high_watermark, 1);
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a");
    cr_expect_str_eq(fixture_read(0, STRAND_READ_STABLE), "0=a");
    cr_expect_str_eq(fixture_read(0, STRAND_READ_WRITTEN), "0=a 1=b");

    fixture_kill();
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a 1=b");
    require_ok(fixture_try_append("c", STRAND_WRITTEN, NULL));
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a 1=b");
}

Test(log_append, closing_the_engine_makes_written_records_durable)
{
    fixture_open();
    require_ok(fixture_try_append("a", STRAND_WRITTEN, NULL));
    fixture_close();
    cr_expect_not(strand_sim_disk_is_dirty(fixture.disk, FIXTURE_LOG));
    strand_sim_disk_cut(fixture.disk, STRAND_SIM_LOSE_ALL, 1);
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a");
}

Test(log_append, engine_run_syncs_what_nobody_waits_for_when_it_is_due)
{
    int64_t next_ms = 0;

    fixture_open();
    require_ok(strand_engine_run(fixture.engine, &next_ms)); /* the slots of opening */
    require_ok(fixture_try_append("a", STRAND_WRITTEN, NULL));
    require_ok(strand_engine_run(fixture.engine, &next_ms));
    cr_expect_eq(fixture_positions().durable_end, 0, "not due yet");
    cr_expect(next_ms > 0 && next_ms <= 200, "%lld", (long long)next_ms);
    strand_sim_disk_advance(fixture.disk, 201 * INT64_C(1000000));
    require_ok(strand_engine_run(fixture.engine, &next_ms));
    cr_expect_eq(fixture_positions().durable_end, 1);
    strand_sim_disk_advance(fixture.disk, 10000 * INT64_C(1000000)); /* a checkpoint too */
    require_ok(strand_engine_run(fixture.engine, &next_ms));
    cr_expect_eq(next_ms, -1, "nothing is left to do: %lld", (long long)next_ms);
    cr_expect_not(strand_sim_disk_is_dirty(fixture.disk, FIXTURE_LOG));
    cr_expect_not(strand_sim_disk_is_dirty(fixture.disk, FIXTURE_DATA "/strandline.frontier"));
}

Test(log_append, commit_bytes_make_a_round_due_at_once)
{
    fixture.engine_options.commit_bytes = 150;
    fixture_open();
    require_ok(fixture_try_append("a", STRAND_WRITTEN, NULL));
    require_ok(fixture_try_append("b", STRAND_WRITTEN, NULL));
    require_ok(strand_engine_run(fixture.engine, NULL));
    cr_expect_eq(fixture_positions().durable_end, 0);
    require_ok(fixture_try_append("c", STRAND_WRITTEN, NULL));
    require_ok(strand_engine_run(fixture.engine, NULL));
    cr_expect_eq(fixture_positions().durable_end, 3);
}

Test(log_append, unsynced_bytes_max_holds_back_who_appends_faster_than_the_disk_syncs)
{
    fixture.engine_options.unsynced_bytes_max = 150;
    fixture_open();
    require_ok(fixture_try_append("a", STRAND_WRITTEN, NULL));
    require_ok(fixture_try_append("b", STRAND_WRITTEN, NULL));
    cr_expect_eq(fixture_positions().durable_end, 0);
    require_ok(fixture_try_append("c", STRAND_WRITTEN, NULL));
    cr_expect_eq(fixture_positions().durable_end, 3, "the append that crossed it has waited");
    require_ok(fixture_try_append("d", STRAND_WRITTEN, NULL));
    cr_expect_eq(fixture_positions().durable_end, 3, "and the next one had no reason to");
}

Test(log_append, an_append_held_back_whose_sync_fails_was_written_all_the_same)
{
    fixture.engine_options.unsynced_bytes_max = 1;
    fixture_open();
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_SYNC, 1, EIO, false);
    require_ok(fixture_try_append("a", STRAND_WRITTEN, NULL));
    cr_expect_eq(fixture_positions().log_end, 1);
    cr_expect_eq(fixture_try_append("b", STRAND_WRITTEN, NULL), STRAND_ERR_FAILED);
}
