/* tests/unit/test_log_read.c -- Cursors: every record once, in order; damage is told once and
 * passed; records in a flat buffer are the same records. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/batch.h"
#include "support/engine_fixture.h"

TestSuite(log_read, .init = fixture_create, .fini = fixture_destroy, .timeout = 60);

#define FIRST_SEGMENT FIXTURE_LOG "/00000000000000000000.log"

Test(log_read, from_every_offset)
{
    static const char *const texts[] = {
        "0=a 1=b 2=c 3=d 4=e", "1=b 2=c 3=d 4=e", "2=c 3=d 4=e", "3=d 4=e", "4=e", ""};

    fixture.log_options.segment_bytes = 100;
    fixture_open();
    (void)fixture_append("a b");
    (void)fixture_append("c");
    (void)fixture_append("d e");
    for (int64_t offset = 0; offset <= 5; offset++)
        cr_expect_str_eq(fixture_read(offset, STRAND_READ_COMMITTED), texts[offset]);
    cr_expect_str_eq(fixture_read(STRAND_EARLIEST, STRAND_READ_COMMITTED), texts[0]);
    cr_expect_str_eq(fixture_read(STRAND_LATEST, STRAND_READ_COMMITTED), "");
    cr_expect_str_eq(fixture_read(6, STRAND_READ_COMMITTED), "(-13)");
}

Test(log_read, small_fetches_and_compressed_batches_give_the_same)
{
    struct strand_cursor_options options = {.struct_size = sizeof options, .fetch_bytes = 1};
    struct strand_cursor *cursor = NULL;
    struct strand_record record;

    fixture.log_options.codec = STRAND_CODEC_LZ4;
    fixture_open();
    for (int i = 0; i < 10; i++)
        (void)fixture_append("a b c");
    require_ok(strand_cursor_open(fixture.log, 4, &options, &cursor));
    for (int64_t offset = 4; offset < 30; offset++) {
        cr_expect_eq(strand_cursor_offset(cursor), offset);
        require_ok(strand_cursor_next(cursor, &record));
        cr_expect_eq(record.offset, offset);
        cr_expect_eq(record.leader_epoch, 0);
        cr_expect_eq(*(const char *)record.value.data, "abc"[offset % 3]);
    }
    expect_status(STRAND_END, strand_cursor_next(cursor, &record));
    strand_cursor_close(cursor);
}

Test(log_read, end_is_not_final)
{
    struct strand_cursor *cursor = NULL;
    struct strand_record record;

    fixture_open();
    require_ok(strand_cursor_open(fixture.log, STRAND_LATEST, NULL, &cursor));
    expect_status(STRAND_END, strand_cursor_next(cursor, &record));
    (void)fixture_append("a");
    require_ok(strand_cursor_next(cursor, &record));
    cr_expect_eq(record.offset, 0);
    expect_status(STRAND_END, strand_cursor_next(cursor, &record));
    require_ok(fixture_try_append("b", STRAND_WRITTEN, NULL));
    expect_status(STRAND_END, strand_cursor_next(cursor, &record));
    require_ok(strand_engine_sync(fixture.engine));
    require_ok(strand_cursor_next(cursor, &record));
    cr_expect_eq(record.offset, 1);
    strand_cursor_close(cursor);
}

Test(log_read, seek_goes_anywhere)
{
    static const int64_t offsets[] = {3, 0, 4, 2, STRAND_EARLIEST};
    struct strand_cursor *cursor = NULL;
    struct strand_record record;

    fixture_open();
    (void)fixture_append("a b c");
    (void)fixture_append("d e");
    require_ok(strand_cursor_open(fixture.log, 0, NULL, &cursor));
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        require_ok(strand_cursor_seek(cursor, offsets[i]));
        require_ok(strand_cursor_next(cursor, &record));
        cr_expect_eq(record.offset, offsets[i] < 0 ? 0 : offsets[i]);
    }
    require_ok(strand_cursor_seek(cursor, STRAND_LATEST));
    expect_status(STRAND_END, strand_cursor_next(cursor, &record));
    expect_status(STRAND_ERR_INVALID, strand_cursor_seek(cursor, -7));
    strand_cursor_close(cursor);
}

Test(log_read, cut_under_a_cursor_is_out_of_range_until_it_seeks)
{
    struct strand_cursor *cursor = NULL;
    struct strand_record record;

    fixture_open();
    fixture_fill(6);
    require_ok(strand_cursor_open(fixture.log, 1, NULL, &cursor));
    require_ok(strand_log_trim(fixture.log, 3));
    expect_status(STRAND_ERR_OUT_OF_RANGE, strand_cursor_next(cursor, &record));
    expect_status(STRAND_ERR_OUT_OF_RANGE, strand_cursor_next(cursor, &record));
    require_ok(strand_cursor_seek(cursor, STRAND_EARLIEST));
    require_ok(strand_cursor_next(cursor, &record));
    cr_expect_eq(record.offset, 3);
    require_ok(strand_cursor_seek(cursor, 6));
    require_ok(strand_log_truncate(fixture.log, 4, NULL));
    expect_status(STRAND_ERR_OUT_OF_RANGE, strand_cursor_next(cursor, &record));
    strand_cursor_close(cursor);
}

Test(log_read, bad_arguments_are_refused)
{
    static const struct strand_cursor_options cases[] = {
        {.struct_size = 0},
        {.struct_size = sizeof cases[0], .isolation = 3},
        {.struct_size = sizeof cases[0], .isolation = -1},
    };
    struct strand_cursor *cursor = NULL;
    struct strand_record record;

    fixture_open();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_status(STRAND_ERR_INVALID, strand_cursor_open(fixture.log, 0, &cases[i], &cursor));
    expect_status(STRAND_ERR_INVALID, strand_cursor_open(fixture.log, -3, NULL, &cursor));
    expect_status(STRAND_ERR_INVALID, strand_cursor_next(NULL, &record));
    cr_expect_null(cursor);
}

Test(log_read, missing_arguments_are_named)
{
    struct strand_cursor *cursor = NULL;
    uint64_t buffer[32];
    size_t size = 77, count = 77;

    fixture_open();
    (void)fixture_append("a");
    expect_status(STRAND_ERR_INVALID, strand_log_fetch(fixture.log, 0, NULL, NULL));
    expect_message("orders-0: no place for the fetch was given");
    expect_status(STRAND_ERR_INVALID, strand_cursor_open(fixture.log, 0, NULL, NULL));
    expect_message("orders-0: no place for the cursor was given");
    require_ok(strand_cursor_open(fixture.log, 0, NULL, &cursor));
    expect_status(STRAND_ERR_INVALID, strand_cursor_next(cursor, NULL));
    expect_message("no place for the record was given");
    expect_status(STRAND_ERR_INVALID, strand_cursor_read(NULL, buffer, 1, &size, &count));
    expect_message("no cursor was given");
    expect_status(STRAND_ERR_INVALID, strand_cursor_read(cursor, NULL, 1, &size, &count));
    expect_message("no buffer was given");
    expect_status(STRAND_ERR_INVALID, strand_cursor_read(cursor, buffer, 1, NULL, &count));
    expect_message("no place for the size was given");
    expect_status(STRAND_ERR_INVALID, strand_cursor_read(cursor, buffer, 1, &size, NULL));
    expect_message("no place for the count was given");
    cr_expect_eq(size + count, 2 * 77);
    expect_status(STRAND_ERR_TOO_LARGE, strand_cursor_read(cursor, NULL, 0, &size, &count));
    require_ok(strand_cursor_read(cursor, buffer, sizeof buffer, &size, &count));
    cr_expect_eq(count, 1, "what was refused consumed nothing");
    strand_cursor_close(cursor);
    expect_status(STRAND_ERR_INVALID, strand_cursor_seek(NULL, 0));
    expect_message("no cursor was given");
    cr_expect_eq(strand_cursor_offset(NULL), -1);
}

/* ---- Damage ---- */

/* Change one byte of segment BASE at POSITION (from the end if negative) behind the engine's
 * back. */
static void
flip_bits(int64_t base, int64_t position, uint8_t mask)
{
    char path[128];
    uint8_t data[4096];
    int64_t size;

    (void)snprintf(path, sizeof path, FIXTURE_LOG "/%020lld.log", (long long)base);
    const uint8_t *content = strand_sim_disk_content(fixture.disk, path, &size);
    cr_assert_not_null(content);
    cr_assert_leq(size, (int64_t)sizeof data);
    memcpy(data, content, (size_t)size);
    data[position < 0 ? size + position : position] ^= mask;
    require_ok(strand_sim_disk_store(fixture.disk, path, data, size));
}

static void
damage(int64_t base, int64_t position)
{
    flip_bits(base, position, 0x04);
}

/* One record in a batch of 69 bytes, three batches in a segment, three segments. */
static void
make_log_of_nine(void)
{
    fixture.log_options.segment_bytes = 3 * 69;
    fixture_open();
    fixture_fill(9);
}

Test(log_read, wrong_crc_is_told_once_and_the_neighbours_are_read)
{
    static const struct {
        int64_t base, position;
        const char *text;
    } cases[] = {
        {0, 68, "[0,1) 1=v 2=v 3=v 4=v 5=v 6=v 7=v 8=v"},
        {3, 2 * 69 - 1, "0=v 1=v 2=v 3=v [4,5) 5=v 6=v 7=v 8=v"},
        {6, -1, "0=v 1=v 2=v 3=v 4=v 5=v 6=v 7=v [8,9)"},
    };

    make_log_of_nine();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        damage(cases[i].base, cases[i].position);
        cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), cases[i].text, "%zu", i);
        damage(cases[i].base, cases[i].position); /* and back */
    }
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=v 1=v 2=v 3=v 4=v 5=v 6=v 7=v 8=v");
}

Test(log_read, header_that_cannot_be_hides_its_batch_alone)
{
    static const struct {
        int64_t base, position;
        const char *text;
    } cases[] = {
        {0, STRAND_BATCH_MAGIC, "[0,1) 1=v 2=v 3=v 4=v 5=v 6=v 7=v 8=v"},
        {3, 69 + STRAND_BATCH_LENGTH, "0=v 1=v 2=v 3=v [4,5) 5=v 6=v 7=v 8=v"},
        {6, 2 * 69 + STRAND_BATCH_MAGIC, "0=v 1=v 2=v 3=v 4=v 5=v 6=v 7=v [8,9)"},
    };

    make_log_of_nine();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        damage(cases[i].base, cases[i].position);
        cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), cases[i].text, "%zu", i);
        damage(cases[i].base, cases[i].position);
    }
}

Test(log_read, fetch_checks_what_it_is_asked_to)
{
    struct strand_fetch_options options = {.struct_size = sizeof options, .check_crc = 1};
    struct strand_fetch fetch;
    int64_t first, next;

    make_log_of_nine();
    damage(3, 2 * 69 - 1);
    require_ok(strand_log_fetch(fixture.log, 3, NULL, &fetch));
    cr_expect_eq(fetch.next_offset, 6, "not asked, not checked");
    strand_fetch_release(&fetch);
    expect_status(STRAND_ERR_CORRUPT, strand_log_fetch(fixture.log, 3, &options, &fetch));
    strand_error_offsets(&first, &next);
    cr_expect_eq(first, 4);
    cr_expect_eq(next, 5);
    options.max_bytes = 1;
    require_ok(strand_log_fetch(fixture.log, 3, &options, &fetch));
    strand_fetch_release(&fetch);
    require_ok(strand_log_fetch(fixture.log, 5, &options, &fetch));
    strand_fetch_release(&fetch);
}

Test(log_read, codec_that_is_missing_is_told_and_passed)
{
    uint8_t data[512];
    size_t size;

    fixture.log_options.flags = STRAND_LOG_REPLICATED;
    fixture_open();
    const uint8_t *batches = fixture_batches("0+2 2+3 5+1", &size);
    cr_assert_leq(size, sizeof data);
    memcpy(data, batches, size);
    uint8_t *second = data + strand_batch_size(data);
    strand_put_be16(second + STRAND_BATCH_ATTRIBUTES, 5); /* no codec of Kafka yet */
    fixture_fix_crc(second);
    struct strand_append_options options = {.struct_size = sizeof options, .is_follower = 1};
    require_ok(strand_log_append_batches(fixture.log, data, size, &options, NULL));
    cr_expect_str_eq(fixture_read(0, STRAND_READ_WRITTEN), "0=value 1=value [2,5) 5=value");
}

/* ---- The flat buffer ---- */

/* The records of BUFFER as "offset:key:value:headers ". */
static const char *
show(const uint8_t *buffer, size_t size, size_t count)
{
    static char text[1024];
    size_t used = 0, seen = 0;

    text[0] = '\0';
    for (size_t at = 0; at < size; seen++) {
        struct strand_flat_record head;

        cr_assert_eq(at % 8, 0);
        memcpy(&head, buffer + at, sizeof head);
        const char *key = (const char *)buffer + at + sizeof head;
        int key_size = head.key_size < 0 ? 0 : head.key_size;
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%lld:%.*s%s:%.*s%s:%d ",
                             (long long)head.offset, key_size, key, head.key_size < 0 ? "null" : "",
                             head.value_size < 0 ? 0 : head.value_size, key + key_size,
                             head.value_size < 0 ? "null" : "", head.header_count);
        at += head.size;
    }
    cr_expect_eq(seen, count);
    return text;
}

static void
append_flat_examples(void)
{
    static const struct strand_header headers[] = {{{"h", 1}, {"one", 3}}, {{"i", 1}, {NULL, 0}}};
    const struct strand_record records[] = {
        {.key = {"k", 1}, .value = {"v", 1}},
        {.value = {"", 0}},
        {.key = {"key", 3}, .headers = headers, .header_count = 2},
    };

    require_ok(strand_log_append(fixture.log, records, 3, NULL, NULL));
}

Test(log_read, flat_buffer_holds_the_same_records)
{
    struct strand_cursor *cursor = NULL;
    _Alignas(8) uint8_t buffer[1024];
    size_t size, count;

    fixture_open();
    append_flat_examples();
    append_flat_examples();
    require_ok(strand_cursor_open(fixture.log, 0, NULL, &cursor));
    require_ok(strand_cursor_read(cursor, buffer, sizeof buffer, &size, &count));
    cr_expect_str_eq(show(buffer, size, count),
                     "0:k:v:0 1:null::0 2:key:null:2 3:k:v:0 4:null::0 5:key:null:2 ");
    const uint8_t *headers = buffer + 48 + 40 + sizeof(struct strand_flat_record) + 3;
    int32_t sizes[2];
    memcpy(sizes, headers, sizeof sizes);
    cr_expect_eq(sizes[0], 1);
    cr_expect_eq(sizes[1], 3);
    cr_expect_eq(memcmp(headers + 8, "hone", 4), 0);
    memcpy(sizes, headers + 12, sizeof sizes);
    cr_expect_eq(sizes[1], -1);
    expect_status(STRAND_END, strand_cursor_read(cursor, buffer, sizeof buffer, &size, &count));
    strand_cursor_close(cursor);
}

Test(log_read, flat_buffer_of_any_size_loses_nothing)
{
    for (size_t room = 48; room < 400; room += 8) {
        struct strand_cursor *cursor = NULL;
        _Alignas(8) uint8_t buffer[400];
        size_t size = 0, count = 0;
        int64_t records = 0;
        int status;

        if (fixture.log == NULL) {
            fixture_open();
            append_flat_examples();
            append_flat_examples();
        }
        require_ok(strand_cursor_open(fixture.log, 0, NULL, &cursor));
        while ((status = strand_cursor_read(cursor, buffer, room, &size, &count)) != STRAND_END) {
            if (status == STRAND_ERR_TOO_LARGE) {
                cr_assert_gt(size, room);
                require_ok(strand_cursor_read(cursor, buffer, size, &size, &count));
                cr_assert_eq(count, 1);
            } else {
                cr_assert_eq(status, STRAND_OK);
            }
            struct strand_flat_record head;
            memcpy(&head, buffer, sizeof head);
            cr_expect_eq(head.offset, records, "room %zu", room);
            records += (int64_t)count;
            cr_expect_eq(strand_cursor_offset(cursor), records);
        }
        cr_expect_eq(records, 6, "room %zu: %lld", room, (long long)records);
        strand_cursor_close(cursor);
    }
}

Test(log_read, flat_buffer_tells_damage_behind_what_it_holds)
{
    struct strand_cursor *cursor = NULL;
    _Alignas(8) uint8_t buffer[1024];
    size_t size, count;
    int64_t first, next;

    make_log_of_nine();
    damage(3, 2 * 69 - 1);
    require_ok(strand_cursor_open(fixture.log, 2, NULL, &cursor));
    require_ok(strand_cursor_read(cursor, buffer, sizeof buffer, &size, &count));
    cr_expect_str_eq(show(buffer, size, count), "2:null:v:0 3:null:v:0 ");
    expect_status(STRAND_ERR_CORRUPT,
                  strand_cursor_read(cursor, buffer, sizeof buffer, &size, &count));
    strand_error_offsets(&first, &next);
    cr_expect_eq(first, 4);
    cr_expect_eq(next, 5);
    require_ok(strand_cursor_read(cursor, buffer, sizeof buffer, &size, &count));
    cr_expect_str_eq(show(buffer, size, count), "5:null:v:0 6:null:v:0 7:null:v:0 8:null:v:0 ");
    strand_cursor_close(cursor);
}

/* Base offsets lie outside the CRC, and an end offset tells where the next batch is looked for: no
 * flipped bit of a header may hide a record without a word, nor give one another's offset. */
Test(log_read, any_flipped_bit_of_a_header_is_told_or_changes_nothing)
{
    static const char whole[] = "0=v 1=v 2=v 3=v 4=v 5=v 6=v 7=v 8=v";

    make_log_of_nine();
    for (int64_t base = 0; base < 9; base += 3) {
        for (int64_t bit = 0; bit < INT64_C(8) * STRAND_BATCH_HEADER_SIZE; bit++) {
            flip_bits(base, bit / 8, (uint8_t)(1 << bit % 8));
            const char *text = fixture_read(0, STRAND_READ_COMMITTED);
            cr_expect(strchr(text, '[') != NULL || strcmp(text, whole) == 0,
                      "segment %d, bit %d: %s", (int)base, (int)bit, text);
            flip_bits(base, bit / 8, (uint8_t)(1 << bit % 8));
        }
    }
}
