/* tests/unit/test_log_append_batches.c -- Encoded batches from a producer: offsets and epoch are
 * stamped, the rest stays as it came; what a leader must not take is refused, all of it. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "storage/batch.h"
#include "support/engine_fixture.h"
#include "support/log_image.h"

TestSuite(log_append_batches, .init = fixture_create, .fini = fixture_destroy, .timeout = 60);

#define FIRST_SEGMENT FIXTURE_LOG "/00000000000000000000.log"

static const struct strand_append_options DURABLE = {.struct_size = sizeof DURABLE};

struct batches {
    uint8_t data[2048];
    size_t size;
};

static struct batches
batches_of(const char *text)
{
    struct batches batches;
    const uint8_t *found = fixture_batches(text, &batches.size);

    cr_assert_leq(batches.size, sizeof batches.data);
    memcpy(batches.data, found, batches.size);
    return batches;
}

static int
append(const struct batches *batches)
{
    return strand_log_append_batches(fixture.log, batches->data, batches->size, &DURABLE, NULL);
}

Test(log_append_batches, only_offset_and_epoch_are_stamped)
{
    struct batches sent;
    struct strand_appended appended;

    fixture_open();
    (void)fixture_append("a");
    require_ok(strand_log_begin_epoch(fixture.log, 7));
    sent = batches_of("0+2 0+3");
    require_ok(strand_log_append_batches(fixture.log, sent.data, sent.size, &DURABLE, &appended));
    cr_expect_eq(appended.base_offset, 1);
    cr_expect_eq(appended.end_offset, 6);
    cr_expect_eq(appended.leader_epoch, 7);
    cr_expect_str_eq(fixture_segments(), "0:0+1,1+2,3+3");

    const uint8_t *stored = strand_sim_disk_content(fixture.disk, FIRST_SEGMENT, NULL);
    stored += strand_batch_size(stored);
    size_t second = (size_t)strand_batch_size(sent.data);
    strand_batch_set_base_offset(sent.data, 1);
    strand_batch_set_leader_epoch(sent.data, 7);
    strand_batch_set_base_offset(sent.data + second, 3);
    strand_batch_set_leader_epoch(sent.data + second, 7);
    cr_expect_eq(memcmp(stored, sent.data, sent.size), 0);
}

Test(log_append_batches, callers_bytes_are_not_touched)
{
    struct batches sent, copy;

    fixture_open();
    (void)fixture_append("a b");
    sent = batches_of("0+1");
    copy = sent;
    require_ok(append(&sent));
    cr_expect_eq(memcmp(sent.data, copy.data, sent.size), 0);
}

enum fix { KEEP_CRC, FIX_CRC };

static const struct refusal {
    const char *name;
    const char *text; /* support/log_image.h */
    size_t field;     /* of the last batch; 0: nothing is changed */
    int width;
    uint64_t value;
    enum fix fix;
    int status;
} REFUSALS[] = {
    {"cut in the middle", "t0+1", 0, 0, 0, KEEP_CRC, STRAND_ERR_BATCH},
    {"wrong CRC", "x0+1", 0, 0, 0, KEEP_CRC, STRAND_ERR_BATCH},
    {"length below the least", "s0+1", 0, 0, 0, KEEP_CRC, STRAND_ERR_BATCH},
    {"garbage behind it", "0+1 g100", 0, 0, 0, KEEP_CRC, STRAND_ERR_MAGIC},
    {"a few bytes behind it", "0+1 g5", 0, 0, 0, KEEP_CRC, STRAND_ERR_BATCH},
    {"the second is damaged", "0+1 x0+1", 0, 0, 0, KEEP_CRC, STRAND_ERR_BATCH},
    {"base offset not 0", "5+1", 0, 0, 0, KEEP_CRC, STRAND_ERR_BATCH},
    {"second base offset not 0", "0+1 1+1", 0, 0, 0, KEEP_CRC, STRAND_ERR_BATCH},
    {"magic 0", "0+1", STRAND_BATCH_MAGIC, 1, 0, KEEP_CRC, STRAND_ERR_MAGIC},
    {"magic 1", "0+1", STRAND_BATCH_MAGIC, 1, 1, KEEP_CRC, STRAND_ERR_MAGIC},
    {"magic 3", "0+1", STRAND_BATCH_MAGIC, 1, 3, KEEP_CRC, STRAND_ERR_MAGIC},
    {"magic 1 behind magic 2", "0+1 0+1", STRAND_BATCH_MAGIC, 1, 1, KEEP_CRC, STRAND_ERR_MAGIC},
    {"no records", "0+1", STRAND_BATCH_RECORD_COUNT, 4, 0, FIX_CRC, STRAND_ERR_BATCH},
    {"negative count", "0+1", STRAND_BATCH_RECORD_COUNT, 4, UINT32_MAX, FIX_CRC, STRAND_ERR_BATCH},
    {"count above the span", "0+2", STRAND_BATCH_RECORD_COUNT, 4, 3, FIX_CRC, STRAND_ERR_BATCH},
    {"count below the span", "0+2", STRAND_BATCH_RECORD_COUNT, 4, 1, FIX_CRC, STRAND_ERR_BATCH},
    {"negative span", "0+1", STRAND_BATCH_LAST_OFFSET_DELTA, 4, UINT32_MAX, FIX_CRC,
     STRAND_ERR_BATCH},
    {"span above the count", "0+1", STRAND_BATCH_LAST_OFFSET_DELTA, 4, 1, FIX_CRC,
     STRAND_ERR_BATCH},
    {"control batch", "0+1", STRAND_BATCH_ATTRIBUTES, 2, STRAND_BATCH_CONTROL, FIX_CRC,
     STRAND_ERR_BATCH},
    {"a log append time of the producer's", "0+1", STRAND_BATCH_ATTRIBUTES, 2,
     STRAND_BATCH_LOG_APPEND_TIME, FIX_CRC, STRAND_ERR_BATCH},
    {"producer without sequence", "0+1", STRAND_BATCH_PRODUCER_ID, 8, 9, FIX_CRC, STRAND_ERR_BATCH},
    {"unknown codec", "0+1", STRAND_BATCH_ATTRIBUTES, 2, 5, FIX_CRC, STRAND_ERR_CODEC},
    {"plain records said to be lz4", "0+1", STRAND_BATCH_ATTRIBUTES, 2, STRAND_CODEC_LZ4, FIX_CRC,
     STRAND_ERR_BATCH},
};

static uint8_t *
last_batch(struct batches *batches)
{
    uint8_t *batch = batches->data;

    while (batch + strand_batch_size(batch) < batches->data + batches->size)
        batch += strand_batch_size(batch);
    return batch;
}

static void
change(struct batches *batches, const struct refusal *test)
{
    uint8_t *batch;

    if (test->field == 0)
        return;
    batch = last_batch(batches);
    for (int i = 0; i < test->width; i++)
        batch[test->field + (size_t)i] = (uint8_t)(test->value >> (8 * (test->width - 1 - i)));
    if (test->fix == FIX_CRC)
        fixture_fix_crc(batch);
}

Test(log_append_batches, what_a_leader_must_not_take_is_refused_unwritten)
{
    fixture_open();
    (void)fixture_append("a");
    for (size_t i = 0; i < sizeof REFUSALS / sizeof *REFUSALS; i++) {
        struct batches batches = batches_of(REFUSALS[i].text);

        change(&batches, &REFUSALS[i]);
        int status = append(&batches);
        cr_expect_eq(status, REFUSALS[i].status, "%s: %d: %s", REFUSALS[i].name, status,
                     strand_error_message());
        expect_message("append to orders-0: ");
        cr_expect_str_eq(fixture_segments(), "0:0+1", "%s", REFUSALS[i].name);
        cr_expect_eq(fixture_positions().log_end, 1);
    }
    expect_status(STRAND_ERR_BATCH, fixture_produce("0+1 1+1"));
    expect_message("append to orders-0: at byte 73: ");
    require_ok(fixture_produce("0+1"));
    cr_expect_str_eq(fixture_segments(), "0:0+1,1+1");
}

Test(log_append_batches, nothing_at_all_is_refused)
{
    static const uint8_t data[1];

    fixture_open();
    expect_status(STRAND_ERR_INVALID,
                  strand_log_append_batches(fixture.log, NULL, 100, &DURABLE, NULL));
    expect_status(STRAND_ERR_INVALID,
                  strand_log_append_batches(fixture.log, data, 0, &DURABLE, NULL));
    expect_status(STRAND_ERR_BATCH,
                  strand_log_append_batches(fixture.log, data, 1, &DURABLE, NULL));
}

Test(log_append_batches, largest_timestamp_is_that_of_the_records)
{
    struct batches batches;
    int64_t offset = -1;

    fixture_open();
    batches = batches_of("0+1");
    strand_put_be64(batches.data + STRAND_BATCH_MAX_TIMESTAMP, 999999);
    fixture_fix_crc(batches.data);
    require_ok(append(&batches));
    const uint8_t *stored = strand_sim_disk_content(fixture.disk, FIRST_SEGMENT, NULL);
    cr_expect_eq(strand_batch_max_timestamp(stored), 1000);
    require_ok(strand_batch_check(stored, batches.size));
    expect_status(STRAND_END, strand_log_offset_for_timestamp(
                                  fixture.log, 1001, STRAND_READ_COMMITTED, &offset, NULL));
}

Test(log_append_batches, log_append_time_is_stamped_with_a_new_crc)
{
    struct strand_appended appended;
    struct batches batches;

    fixture.log_options.timestamp_type = STRAND_LOG_APPEND_TIME;
    fixture_open();
    batches = batches_of("0+1 0+1");
    require_ok(
        strand_log_append_batches(fixture.log, batches.data, batches.size, &DURABLE, &appended));
    cr_expect_geq(appended.log_append_time_ms, FIXTURE_NOW_MS);
    cr_expect_str_eq(fixture_segments(), "0:0+1,1+1"); /* with good CRCs */
    const uint8_t *stored = strand_sim_disk_content(fixture.disk, FIRST_SEGMENT, NULL);
    for (int i = 0; i < 2; i++, stored += strand_batch_size(stored)) {
        cr_expect_eq(strand_batch_max_timestamp(stored), appended.log_append_time_ms);
        cr_expect_eq(strand_batch_attributes(stored), STRAND_BATCH_LOG_APPEND_TIME);
    }
}

Test(log_append_batches, idempotent_and_transactional_batches_keep_their_producer)
{
    struct strand_batch_header header;
    struct batches batches;

    fixture_open();
    batches = batches_of("0+2");
    strand_put_be64(batches.data + STRAND_BATCH_PRODUCER_ID, 9);
    strand_put_be16(batches.data + STRAND_BATCH_PRODUCER_EPOCH, 3);
    strand_put_be32(batches.data + STRAND_BATCH_BASE_SEQUENCE, 40);
    strand_put_be16(batches.data + STRAND_BATCH_ATTRIBUTES, STRAND_BATCH_TRANSACTIONAL);
    fixture_fix_crc(batches.data);
    require_ok(append(&batches));
    strand_batch_decode_header(strand_sim_disk_content(fixture.disk, FIRST_SEGMENT, NULL), &header);
    cr_expect_eq(header.producer_id, 9);
    cr_expect_eq(header.producer_epoch, 3);
    cr_expect_eq(header.base_sequence, 40);
    cr_expect_eq(header.attributes, STRAND_BATCH_TRANSACTIONAL);
}

Test(log_append_batches, leader_keeps_to_max_message_bytes_follower_does_not)
{
    struct batches batches;
    char limit[24];

    fixture_open();
    batches = batches_of("0+2");
    (void)snprintf(limit, sizeof limit, "%zu", batches.size);
    require_ok(strand_log_set(fixture.log, "max.message.bytes", limit));
    expect_status(STRAND_OK, fixture_produce("0+2"));
    expect_status(STRAND_OK, fixture_produce("0+2 0+2")); /* the limit is of one batch */
    expect_status(STRAND_ERR_TOO_LARGE, fixture_produce("0+3"));
    expect_status(STRAND_ERR_TOO_LARGE, fixture_produce("0+1 0+3"));
    cr_expect_str_eq(fixture_segments(), "0:0+2,2+2,4+2");
    expect_status(STRAND_OK, fixture_follow("6+3"));
    cr_expect_str_eq(fixture_segments(), "0:0+2,2+2,4+2,6+3");
}
