#include "support/log_model.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer_pool.h"
#include "storage/batch.h"
#include "support/engine_fixture.h"

enum { VALUE_SIZE_MAX = 8192 };

struct batch {
    int64_t base;
    int64_t end;
    int64_t largest_ms;
    int64_t at; /* bytes of all batches in front of it */
    int32_t epoch;
    uint32_t crc;
    size_t first; /* of its records */
    size_t count;
};

struct record {
    int64_t offset;
    int64_t timestamp_ms;
};

static struct {
    struct batch *batches; /* owned, as the next three */
    struct record *records;
    int64_t *largest; /* per record: up to it, from the log start on */
    size_t batch_count, batch_capacity;
    size_t record_count, record_capacity;
    size_t largest_from, largest_count; /* records that it was made for */
    int64_t log_end;
    int64_t size; /* bytes of all batches */
    struct strand_buffer buffer;
} model;

void
log_model_reset(void)
{
    model.batch_count = 0;
    model.record_count = 0;
    model.largest_count = 0;
    model.log_end = 0;
    model.size = 0;
}

void
log_model_free(void)
{
    free(model.batches);
    free(model.records);
    free(model.largest);
    free(model.buffer.data);
    memset(&model, 0, sizeof model);
}

/* ---- Appending ---- */

static void
reserve(void)
{
    if (model.batch_count == model.batch_capacity) {
        model.batch_capacity = model.batch_capacity == 0 ? 1024 : 2 * model.batch_capacity;
        model.batches = realloc(model.batches, model.batch_capacity * sizeof *model.batches);
    }
    if (model.record_count + LOG_MODEL_RECORDS_MAX > model.record_capacity) {
        model.record_capacity = model.record_capacity == 0 ? 4096 : 2 * model.record_capacity;
        model.records = realloc(model.records, model.record_capacity * sizeof *model.records);
        model.largest = realloc(model.largest, model.record_capacity * sizeof *model.largest);
    }
    cr_assert(model.batches != NULL && model.records != NULL && model.largest != NULL);
}

/* Encode BATCH with the first offset BASE into the buffer. */
static void
encode(const struct log_model_batch *batch, int64_t base, struct strand_record *records)
{
    static const char value[VALUE_SIZE_MAX];
    struct strand_batch_encoding encoding = {.keep_offsets = true, .keep_timestamps = true};
    struct strand_batch_header header;
    int64_t offset = base + batch->head_holes;

    cr_assert(batch->count > 0 && batch->count <= LOG_MODEL_RECORDS_MAX);
    cr_assert_leq(batch->value_size, sizeof value);
    for (size_t i = 0; i < batch->count; i++) {
        records[i] = (struct strand_record){.offset = offset,
                                            .timestamp_ms = batch->timestamps[i],
                                            .value = strand_bytes(value, batch->value_size)};
        offset += 1 + batch->holes;
    }
    strand_batch_header_init(&header, records, batch->count, STRAND_CODEC_NONE,
                             batch->is_append_time ? STRAND_LOG_APPEND_TIME : STRAND_CREATE_TIME,
                             batch->timestamps[batch->count - 1]);
    header.base_offset = base;
    header.leader_epoch = batch->leader_epoch;
    header.last_offset_delta =
        (int32_t)(records[batch->count - 1].offset - base) + batch->tail_holes;
    require_ok(
        strand_batch_encode(&header, records, batch->count, &encoding, NULL, NULL, &model.buffer));
}

void
log_model_append(const struct log_model_batch *batch, int durability)
{
    struct strand_append_options options = {
        .struct_size = sizeof options, .durability = durability, .is_follower = 1};
    struct strand_record records[LOG_MODEL_RECORDS_MAX];

    reserve();
    encode(batch, model.log_end + batch->gap, records);
    const uint8_t *data = model.buffer.data;
    struct batch *added = &model.batches[model.batch_count];
    *added = (struct batch){.base = strand_batch_base_offset(data),
                            .end = strand_batch_end_offset(data),
                            .largest_ms = strand_batch_max_timestamp(data),
                            .at = model.size,
                            .epoch = batch->leader_epoch,
                            .crc = strand_get_be32(data + STRAND_BATCH_CRC),
                            .first = model.record_count,
                            .count = batch->count};
    for (size_t i = 0; i < batch->count; i++)
        model.records[model.record_count + i] = (struct record){
            records[i].offset, batch->is_append_time ? added->largest_ms : batch->timestamps[i]};
    require_ok(strand_log_append_batches(fixture.log, model.buffer.data, model.buffer.size,
                                         &options, NULL));
    model.log_end = added->end;
    model.size += strand_batch_size(data);
    model.record_count += batch->count;
    model.batch_count++;
    model.largest_count = 0;
}

void
log_model_cut(int64_t log_end)
{
    while (model.batch_count > 0 && model.batches[model.batch_count - 1].end > log_end) {
        model.record_count -= model.batches[--model.batch_count].count;
        model.size = model.batches[model.batch_count].at;
    }
    model.log_end = log_end;
    model.largest_count = 0;
}

size_t
log_model_batches(void)
{
    return model.batch_count;
}

void
log_model_batch_offsets(size_t i, int64_t *out_base, int64_t *out_end)
{
    *out_base = model.batches[i].base;
    *out_end = model.batches[i].end;
}

int64_t
log_model_batch_time(size_t i)
{
    return model.batches[i].largest_ms;
}

void
log_model_batch_place(size_t i, int64_t segment_base, int64_t *out_position)
{
    *out_position = model.batches[i].at - model.batches[log_model_find(segment_base)].at;
}

void
log_model_facts(int64_t base_offset, int64_t end_offset, struct log_model_facts *out_facts)
{
    struct log_model_facts facts = {.end_offset = base_offset,
                                    .largest_ms = STRAND_NO_TIMESTAMP,
                                    .first_ms = STRAND_NO_TIMESTAMP,
                                    .newest_epoch = -1};
    size_t first = log_model_find(base_offset);

    for (size_t i = first; i < model.batch_count && model.batches[i].end <= end_offset; i++) {
        const struct batch *batch = &model.batches[i];

        if (i == first)
            facts.first_ms = batch->largest_ms;
        if (batch->largest_ms > facts.largest_ms)
            facts.largest_ms = batch->largest_ms;
        facts.record_count += (int64_t)batch->count;
        facts.end_offset = batch->end;
        facts.newest_epoch = batch->epoch;
    }
    *out_facts = facts;
}

/* ---- Answers ---- */

size_t
log_model_find(int64_t offset)
{
    size_t low = 0;
    size_t high = model.batch_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (model.batches[middle].end <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Where isolation ends, in records: those of batches that end beyond it are not read. */
static size_t
visible_end(int64_t limit)
{
    size_t i = log_model_find(limit);

    return i == model.batch_count ? model.record_count : model.batches[i].first;
}

/* The first record at or above OFFSET. */
static size_t
find_record(int64_t offset)
{
    size_t batch = log_model_find(offset);
    size_t i = batch == model.batch_count ? model.record_count : model.batches[batch].first;

    while (i < model.record_count && model.records[i].offset < offset)
        i++;
    return i;
}

/* The running maximum of the timestamps, from record FROM on. */
static const int64_t *
running_largest(size_t from)
{
    if (model.largest_count == model.record_count && model.largest_from == from)
        return model.largest;
    for (size_t i = from; i < model.record_count; i++) {
        int64_t before = i == from ? STRAND_NO_TIMESTAMP : model.largest[i - 1];

        model.largest[i] =
            model.records[i].timestamp_ms > before ? model.records[i].timestamp_ms : before;
    }
    model.largest_from = from;
    model.largest_count = model.record_count;
    return model.largest;
}

/* The first of the records FROM to END that is at TIMESTAMP_MS or later; END: none. */
static size_t
find_time(size_t from, size_t end, int64_t timestamp_ms)
{
    const int64_t *largest = running_largest(from);
    size_t high = end;

    while (from < high) {
        size_t middle = from + (high - from) / 2;

        if (largest[middle] < timestamp_ms)
            from = middle + 1;
        else
            high = middle;
    }
    return from;
}

int64_t
log_model_first_at(int64_t timestamp_ms)
{
    size_t i = find_time(0, model.record_count, timestamp_ms);

    return i < model.record_count ? model.records[i].offset : -1;
}

static int64_t
limit_of(const struct strand_positions *positions, int isolation)
{
    return isolation == STRAND_READ_WRITTEN ? positions->log_end : positions->high_watermark;
}

/* ---- Asking ---- */

void
log_model_check_offset(const char *name, int64_t offset, int isolation)
{
    struct strand_fetch_options options = {
        .struct_size = sizeof options, .isolation = isolation, .max_bytes = 1, .check_crc = 1};
    struct strand_positions positions = fixture_positions();
    int64_t limit = limit_of(&positions, isolation);
    struct strand_fetch fetch = {0};

    int status = strand_log_fetch(fixture.log, offset, &options, &fetch);
    if (offset < positions.log_start || offset > positions.log_end) {
        cr_assert_eq(status, STRAND_ERR_OUT_OF_RANGE, "%s: offset %" PRId64 ": %d", name, offset,
                     status);
        return;
    }
    cr_assert_eq(status, STRAND_OK, "%s: offset %" PRId64 " (%d): %s", name, offset, isolation,
                 strand_error_message());
    size_t i = log_model_find(offset);
    if (offset >= limit || i == model.batch_count || model.batches[i].end > limit) {
        cr_assert_eq(fetch.size, 0, "%s: offset %" PRId64 " (%d) is beyond the limit", name, offset,
                     isolation);
        return;
    }
    cr_assert_gt(fetch.size, 0, "%s: offset %" PRId64 " (%d) is not found", name, offset,
                 isolation);
    const uint8_t *data = fetch.data;
    cr_assert_eq(strand_batch_base_offset(data), model.batches[i].base,
                 "%s: offset %" PRId64 ": the batch at %" PRId64 ", not %" PRId64, name, offset,
                 strand_batch_base_offset(data), model.batches[i].base);
    cr_assert_eq(strand_get_be32(data + STRAND_BATCH_CRC), model.batches[i].crc, "%s", name);
    cr_assert_eq(fetch.next_offset, model.batches[i].end, "%s", name);
    strand_fetch_release(&fetch);
}

void
log_model_check_time(const char *name, int64_t timestamp_ms, int isolation)
{
    struct strand_positions positions = fixture_positions();
    int64_t limit = limit_of(&positions, isolation);
    size_t from = find_record(positions.log_start);
    size_t end = visible_end(limit);
    int64_t wanted = timestamp_ms;
    int64_t offset = -7;
    int64_t found_ms = -7;

    if (timestamp_ms == STRAND_MAX_TIMESTAMP)
        wanted = end > from ? running_largest(from)[end - 1] : STRAND_NO_TIMESTAMP;
    size_t i = wanted >= 0 && end > from ? find_time(from, end, wanted) : end;
    int status =
        strand_log_offset_for_timestamp(fixture.log, timestamp_ms, isolation, &offset, &found_ms);
    if (timestamp_ms < STRAND_MAX_TIMESTAMP) {
        cr_assert_eq(status, STRAND_ERR_INVALID, "%s: time %" PRId64, name, timestamp_ms);
        return;
    }
    if (timestamp_ms == STRAND_EARLIEST || timestamp_ms == STRAND_LATEST) {
        cr_assert_eq(status, STRAND_OK);
        cr_assert_eq(offset, timestamp_ms == STRAND_LATEST ? limit : positions.log_start);
        return;
    }
    cr_assert_eq(status, i >= end ? STRAND_END : STRAND_OK, "%s: time %" PRId64 " (%d): %d: %s",
                 name, timestamp_ms, isolation, status, strand_error_message());
    if (i >= end)
        return;
    cr_assert_eq(offset, model.records[i].offset,
                 "%s: time %" PRId64 " (%d): offset %" PRId64 ", not %" PRId64, name, timestamp_ms,
                 isolation, offset, model.records[i].offset);
    cr_assert_eq(found_ms, model.records[i].timestamp_ms, "%s", name);
}

static void
check_outside(const char *name, int isolation)
{
    static const int64_t times[] = {
        STRAND_EARLIEST, STRAND_LATEST, STRAND_MAX_TIMESTAMP, -4, INT64_MIN, 0, 1,
        INT64_MAX - 1,   INT64_MAX};
    struct strand_positions positions = fixture_positions();
    const int64_t offsets[] = {INT64_MIN,
                               -1,
                               0,
                               positions.log_start - 1,
                               positions.log_start,
                               positions.log_start + 1,
                               positions.high_watermark - 1,
                               positions.high_watermark,
                               positions.durable_end,
                               positions.log_end - 1,
                               positions.log_end,
                               positions.log_end + 1,
                               positions.log_end + INT32_MAX,
                               INT64_MAX};

    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        log_model_check_time(name, times[i], isolation);
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++)
        log_model_check_offset(name, offsets[i], isolation);
}

static void
check_around(const char *name, const struct batch *batch, int isolation)
{
    log_model_check_offset(name, batch->base - 1, isolation);
    log_model_check_offset(name, batch->base, isolation);
    log_model_check_offset(name, batch->base + 1, isolation);
    log_model_check_offset(name, batch->end - 1, isolation);
    for (int64_t i = -1; i <= 1; i++)
        if (batch->largest_ms + i >= 0)
            log_model_check_time(name, batch->largest_ms + i, isolation);
    if (model.records[batch->first].timestamp_ms >= 0)
        log_model_check_time(name, model.records[batch->first].timestamp_ms, isolation);
}

void
log_model_check(const char *name, size_t stride)
{
    struct strand_positions positions = fixture_positions();

    cr_assert_eq(positions.log_end, model.log_end, "%s: the log ends at %" PRId64, name,
                 positions.log_end);
    for (int isolation = STRAND_READ_COMMITTED; isolation <= STRAND_READ_WRITTEN; isolation++)
        check_outside(name, isolation);
    for (size_t i = log_model_find(positions.log_start); i < model.batch_count; i++)
        if (i % stride == 0)
            check_around(name, &model.batches[i],
                         i / stride % 4 == 0 ? STRAND_READ_COMMITTED : STRAND_READ_WRITTEN);
}

void
log_model_check_scan(const char *name)
{
    struct strand_cursor_options options = {.struct_size = sizeof options,
                                            .isolation = STRAND_READ_WRITTEN};
    struct strand_cursor *cursor = NULL;
    struct strand_record record;
    size_t i = find_record(fixture_positions().log_start);
    int status;

    require_ok(strand_cursor_open(fixture.log, STRAND_EARLIEST, &options, &cursor));
    while ((status = strand_cursor_next(cursor, &record)) == STRAND_OK) {
        cr_assert_lt(i, model.record_count, "%s: a record too many", name);
        cr_assert_eq(record.offset, model.records[i].offset, "%s: offset %" PRId64, name,
                     record.offset);
        cr_assert_eq(record.timestamp_ms, model.records[i].timestamp_ms, "%s: offset %" PRId64,
                     name, record.offset);
        i++;
    }
    cr_assert_eq(status, STRAND_END, "%s: %s", name, strand_error_message());
    cr_assert_eq(i, model.record_count, "%s: records are missing", name);
    strand_cursor_close(cursor);
}
