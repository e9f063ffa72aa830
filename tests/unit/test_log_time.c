/* tests/unit/test_log_time.c -- Offsets by timestamp, as Kafka's ListOffsets answers. */
#include <stdint.h>
#include <string.h>

#include "storage/batch.h"
#include "support/engine_fixture.h"

TestSuite(log_time, .init = fixture_create, .fini = fixture_destroy, .timeout = 60);

enum { NONE = -100 }; /* an offset: no such record */

struct look_up {
    int64_t timestamp_ms;
    int64_t offset;
    int64_t found_ms;
};

/* One batch with these timestamps. */
static void
append_at(const int64_t *timestamps, size_t count, int durability)
{
    struct strand_append_options options = {.struct_size = sizeof options,
                                            .durability = durability};
    struct strand_record records[8] = {0};

    cr_assert_leq(count, 8);
    for (size_t i = 0; i < count; i++)
        records[i].timestamp_ms = timestamps[i];
    require_ok(strand_log_append(fixture.log, records, count, &options, NULL));
}

#define APPEND_AT(...)                                                                             \
    append_at((const int64_t[]){__VA_ARGS__},                                                      \
              sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t), STRAND_DURABLE)

static void
expect_look_ups(const struct look_up *cases, size_t count, int isolation, int line)
{
    for (size_t i = 0; i < count; i++) {
        int64_t offset = NONE, timestamp_ms = NONE;
        int status = strand_log_offset_for_timestamp(fixture.log, cases[i].timestamp_ms, isolation,
                                                     &offset, &timestamp_ms);

        cr_expect_eq(status, cases[i].offset == NONE ? STRAND_END : STRAND_OK,
                     "line %d, %lld: %d: %s", line, (long long)cases[i].timestamp_ms, status,
                     strand_error_message());
        cr_expect_eq(offset, cases[i].offset, "line %d, %lld: offset %lld", line,
                     (long long)cases[i].timestamp_ms, (long long)offset);
        cr_expect_eq(timestamp_ms, cases[i].offset == NONE ? NONE : cases[i].found_ms,
                     "line %d, %lld: time %lld", line, (long long)cases[i].timestamp_ms,
                     (long long)timestamp_ms);
    }
}

#define EXPECT_AT(isolation, ...)                                                                  \
    expect_look_ups((const struct look_up[]){__VA_ARGS__},                                         \
                    sizeof((const struct look_up[]){__VA_ARGS__}) / sizeof(struct look_up),        \
                    isolation, __LINE__)
#define EXPECT(...) EXPECT_AT(STRAND_READ_COMMITTED, __VA_ARGS__)

Test(log_time, empty_log_has_a_beginning_and_an_end_only)
{
    fixture_open();
    EXPECT({STRAND_EARLIEST, 0, -1}, {STRAND_LATEST, 0, -1}, {STRAND_MAX_TIMESTAMP, NONE, 0},
           {0, NONE, 0}, {5, NONE, 0});
}

Test(log_time, first_record_that_is_late_enough)
{
    fixture_open();
    APPEND_AT(100, 200, 300);
    APPEND_AT(400, 500);
    EXPECT({0, 0, 100}, {100, 0, 100}, {101, 1, 200}, {200, 1, 200}, {300, 2, 300}, {301, 3, 400},
           {450, 4, 500}, {500, 4, 500}, {501, NONE, 0}, {STRAND_MAX_TIMESTAMP, 4, 500},
           {STRAND_EARLIEST, 0, -1}, {STRAND_LATEST, 5, -1});
}

Test(log_time, offset_order_counts_where_timestamps_fall)
{
    fixture_open();
    APPEND_AT(500, 100);
    APPEND_AT(300);
    APPEND_AT(700, 200, 600);
    EXPECT({100, 0, 500}, {500, 0, 500}, {501, 3, 700}, {600, 3, 700}, {700, 3, 700},
           {701, NONE, 0}, {STRAND_MAX_TIMESTAMP, 3, 700});
}

Test(log_time, first_of_equal_timestamps)
{
    fixture_open();
    APPEND_AT(100, 200, 200);
    APPEND_AT(200);
    EXPECT({150, 1, 200}, {200, 1, 200}, {STRAND_MAX_TIMESTAMP, 1, 200});
}

Test(log_time, records_without_timestamp_are_never_found)
{
    fixture_open();
    APPEND_AT(-1, -1);
    EXPECT({0, NONE, 0}, {STRAND_MAX_TIMESTAMP, NONE, 0}, {STRAND_LATEST, 2, -1});
    APPEND_AT(-1, 50, -1);
    EXPECT({0, 3, 50}, {STRAND_MAX_TIMESTAMP, 3, 50});
}

Test(log_time, segments_are_passed_over_not_missed)
{
    fixture.log_options.segment_bytes = 70;
    fixture.log_options.segment_ms = INT64_MAX;
    fixture_open();
    for (int64_t i = 0; i < 20; i++)
        APPEND_AT(i % 2 == 0 ? 1000 + 10 * i : 50);
    cr_assert_eq(fixture_info().info.segment_count, 20);
    for (int64_t i = 0; i < 20; i += 2)
        EXPECT({1000 + 10 * i, i, 1000 + 10 * i}, {1000 + 10 * i - 15, i, 1000 + 10 * i});
    EXPECT({0, 0, 1000}, {50, 0, 1000}, {1181, NONE, 0}, {STRAND_MAX_TIMESTAMP, 18, 1180});
    fixture_reopen();
    EXPECT({1095, 10, 1100}, {1181, NONE, 0}, {STRAND_MAX_TIMESTAMP, 18, 1180});
}

Test(log_time, isolation_limits_the_answer)
{
    static const int64_t late[] = {900};

    fixture_open();
    APPEND_AT(100);
    append_at(late, 1, STRAND_WRITTEN);
    EXPECT_AT(STRAND_READ_COMMITTED, {500, NONE, 0}, {STRAND_MAX_TIMESTAMP, 0, 100},
              {STRAND_LATEST, 1, -1});
    EXPECT_AT(STRAND_READ_STABLE, {500, NONE, 0}, {STRAND_LATEST, 1, -1});
    EXPECT_AT(STRAND_READ_WRITTEN, {500, 1, 900}, {STRAND_MAX_TIMESTAMP, 1, 900},
              {STRAND_LATEST, 2, -1});
}

Test(log_time, watermark_in_front_of_a_replicated_log_limits_the_answer)
{
    fixture.log_options.flags = STRAND_LOG_REPLICATED;
    fixture_open();
    APPEND_AT(100);
    APPEND_AT(200);
    APPEND_AT(300);
    EXPECT({0, NONE, 0}, {STRAND_LATEST, 0, -1}, {STRAND_MAX_TIMESTAMP, NONE, 0});
    require_ok(strand_log_set_high_watermark(fixture.log, 2));
    EXPECT({0, 0, 100}, {150, 1, 200}, {201, NONE, 0}, {STRAND_LATEST, 2, -1},
           {STRAND_MAX_TIMESTAMP, 1, 200});
}

Test(log_time, what_was_trimmed_is_not_found)
{
    fixture_open();
    APPEND_AT(900, 100, 400, 300);
    APPEND_AT(200);
    require_ok(strand_log_trim(fixture.log, 1));
    EXPECT({0, 1, 100}, {200, 2, 400}, {401, NONE, 0}, {900, NONE, 0}, {STRAND_EARLIEST, 1, -1},
           {STRAND_MAX_TIMESTAMP, 2, 400});
    require_ok(strand_log_trim(fixture.log, 3));
    EXPECT({0, 3, 300}, {STRAND_MAX_TIMESTAMP, 3, 300});
    require_ok(strand_log_trim(fixture.log, 5));
    EXPECT({0, NONE, 0}, {STRAND_MAX_TIMESTAMP, NONE, 0}, {STRAND_EARLIEST, 5, -1});
}

Test(log_time, what_was_truncated_is_not_found)
{
    fixture_open();
    APPEND_AT(100);
    APPEND_AT(900);
    require_ok(strand_log_truncate(fixture.log, 1, NULL));
    EXPECT({101, NONE, 0}, {STRAND_MAX_TIMESTAMP, 0, 100});
    APPEND_AT(500);
    EXPECT({101, 1, 500}, {501, NONE, 0}, {STRAND_MAX_TIMESTAMP, 1, 500});
}

Test(log_time, log_append_time_is_the_time_of_every_record)
{
    struct strand_appended appended;

    fixture.log_options.timestamp_type = STRAND_LOG_APPEND_TIME;
    fixture_open();
    appended = fixture_append("a b");
    EXPECT({5, 0, appended.log_append_time_ms},
           {appended.log_append_time_ms, 0, appended.log_append_time_ms},
           {appended.log_append_time_ms + 1000, NONE, 0},
           {STRAND_MAX_TIMESTAMP, 0, appended.log_append_time_ms});
}

Test(log_time, compressed_batches_are_looked_into)
{
    fixture.log_options.codec = STRAND_CODEC_LZ4;
    fixture_open();
    APPEND_AT(100, 200, 300);
    EXPECT({150, 1, 200}, {250, 2, 300}, {STRAND_MAX_TIMESTAMP, 2, 300});
}

Test(log_time, damage_on_the_way_is_told_with_its_offsets)
{
    int64_t offset, first, next, size = 0;
    uint8_t data[512];

    fixture_open();
    APPEND_AT(100);
    APPEND_AT(200, 300);
    fixture_close();
    const char *path = FIXTURE_LOG "/00000000000000000000.log";
    const uint8_t *content = strand_sim_disk_content(fixture.disk, path, &size);
    cr_assert_leq(size, (int64_t)sizeof data);
    memcpy(data, content, (size_t)size);
    fixture.engine_options.flags |= STRAND_ENGINE_COPY_READS;
    fixture_open();
    data[size - 2] ^= 1;
    require_ok(strand_sim_disk_store(fixture.disk, path, data, size));
    EXPECT({0, 0, 100});
    expect_status(STRAND_ERR_CORRUPT, strand_log_offset_for_timestamp(
                                          fixture.log, 150, STRAND_READ_COMMITTED, &offset, NULL));
    strand_error_offsets(&first, &next);
    cr_expect_eq(first, 1);
    cr_expect_eq(next, 3);
}

Test(log_time, bad_arguments_are_refused)
{
    static const struct {
        int64_t timestamp_ms;
        int isolation;
    } cases[] = {{-4, 0}, {INT64_MIN, 0}, {0, -1}, {0, 3}};
    int64_t offset = 77;

    fixture_open();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_status(STRAND_ERR_INVALID,
                      strand_log_offset_for_timestamp(fixture.log, cases[i].timestamp_ms,
                                                      cases[i].isolation, &offset, NULL));
    expect_status(STRAND_ERR_INVALID,
                  strand_log_offset_for_timestamp(fixture.log, 0, 0, NULL, NULL));
    cr_expect_eq(offset, 77);
}
