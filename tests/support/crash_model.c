/* tests/support/crash_model.c -- The operations: noted, tried, settled. */
#include "support/crash_model_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer_pool.h"
#include "engine/engine_internal.h"
#include "storage/batch.h"

/* So that a few batches call for preparation. */
static const struct strand_preparer_sizes PREPARER_SIZES = {
    .after = 300, .least = 192, .most = 256, .step = 128, .call = 32};

const char *const MODEL_TOPICS[MODEL_LOGS] = {"orders", "other"};

static void
forget(struct model_log *expected)
{
    memset(expected, 0, sizeof *expected);
    expected->maybe_start = -1;
    expected->maybe_end = -1;
    expected->maybe_reset = -1;
    expected->maybe_epoch = -1;
}

void
model_init(struct model *model, struct strand_sim_disk *disk, int32_t segment_bytes)
{
    memset(model, 0, sizeof *model);
    model->disk = disk;
    model->segment_bytes = segment_bytes;
    model->next_value = 1;
    for (int i = 0; i < MODEL_LOGS; i++)
        forget(&model->expected[i]);
}

bool
model_violated(struct model *model, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(model->violation, sizeof model->violation, format, args);
    va_end(args);
    return false;
}

/* ---- Operations ---- */

int
model_open(struct model *model)
{
    struct strand_engine_options options = {
        .struct_size = sizeof options,
        .flags = STRAND_ENGINE_NO_THREADS | (model->copies_reads ? STRAND_ENGINE_COPY_READS : 0u),
        .fs = strand_sim_disk_fs(model->disk),
        .descriptor_budget = 16,
        .preparation = model->preparation,
    };

    int status = strand_engine_open("/data", &options, &model->engine);
    if (status == STRAND_OK)
        model->engine->preparer.sizes = PREPARER_SIZES;
    return status;
}

int
model_run(struct model *model, int64_t ns)
{
    strand_sim_disk_advance(model->disk, ns);
    return strand_engine_run(model->engine, NULL);
}

int
model_open_log(struct model *model, int log, uint32_t flags)
{
    struct strand_log_options options = {
        .struct_size = sizeof options,
        .flags = flags,
        .segment_bytes = model->segment_bytes,
        .codec = model->codec,
    };

    return strand_log_open(model->engine, MODEL_TOPICS[log], 0, &options, &model->logs[log]);
}

static int
create(struct model *model, int log, bool is_replicated)
{
    struct model_log *expected = &model->expected[log];

    if (model->logs[log] != NULL)
        return STRAND_OK;
    if (!expected->exists) {
        forget(expected);
        expected->is_open_question = true;
        expected->is_replicated = is_replicated;
    }
    int status = model_open_log(model, log, is_replicated ? STRAND_LOG_REPLICATED : 0);
    if (status != STRAND_OK)
        return status;
    expected->exists = true;
    expected->is_open_question = false;
    return status;
}

int
model_create(struct model *model, int log)
{
    return create(model, log, false);
}

int
model_create_replicated(struct model *model, int log)
{
    return create(model, log, true);
}

enum { MODEL_BATCH_MAX = 16 };

void
model_make_value(uint32_t id, char value[MODEL_VALUE_SIZE])
{
    memset(value, '.', MODEL_VALUE_SIZE);
    (void)snprintf(value, MODEL_VALUE_SIZE, "value %010" PRIu32, id);
}

/* COUNT records at the end of what may be there, values new.  VALUES takes what they point to. */
static void
make_records(struct model *model, int log, int count, int32_t epoch,
             struct strand_record records[MODEL_BATCH_MAX],
             char values[MODEL_BATCH_MAX][MODEL_VALUE_SIZE])
{
    struct model_log *expected = &model->expected[log];

    for (int i = 0; i < count; i++) {
        model_make_value(model->next_value, values[i]);
        expected->epochs[expected->end] = epoch;
        expected->values[expected->end++] = model->next_value++;
        records[i] = (struct strand_record){.value = strand_bytes(values[i], MODEL_VALUE_SIZE),
                                            .timestamp_ms = 1000};
    }
}

static int
settle_append(struct model_log *expected, int status, int durability)
{
    if (status == STRAND_OK)
        expected->written_end = expected->end;
    if (status == STRAND_OK && durability == STRAND_DURABLE)
        expected->durable_end = expected->end;
    return status;
}

int
model_append(struct model *model, int log, int count, int durability)
{
    struct strand_append_options options = {.struct_size = sizeof options,
                                            .durability = durability};
    struct strand_record records[MODEL_BATCH_MAX];
    char values[MODEL_BATCH_MAX][MODEL_VALUE_SIZE];

    make_records(model, log, count, model->expected[log].epoch, records, values);
    return settle_append(
        &model->expected[log],
        strand_log_append(model->logs[log], records, (size_t)count, &options, NULL), durability);
}

int
model_follow(struct model *model, int log, int gap, int count, int32_t epoch, int durability)
{
    struct model_log *expected = &model->expected[log];
    struct strand_append_options options = {
        .struct_size = sizeof options, .durability = durability, .is_follower = 1};
    struct strand_batch_encoding encoding = {.now_ms = 1000};
    struct strand_record records[MODEL_BATCH_MAX];
    char values[MODEL_BATCH_MAX][MODEL_VALUE_SIZE];
    struct strand_batch_header header;
    struct strand_buffer batch = {0};

    for (int i = 0; i < gap; i++)
        expected->values[expected->end++] = 0;
    int64_t base_offset = expected->end;
    make_records(model, log, count, epoch, records, values);
    strand_batch_header_init(&header, records, (size_t)count, STRAND_CODEC_NONE, STRAND_CREATE_TIME,
                             1000);
    header.base_offset = base_offset;
    header.leader_epoch = epoch;
    int status =
        strand_batch_encode(&header, records, (size_t)count, &encoding, NULL, NULL, &batch);
    if (status == STRAND_OK)
        status =
            strand_log_append_batches(model->logs[log], batch.data, batch.size, &options, NULL);
    free(batch.data);
    return settle_append(expected, status, durability);
}

int
model_sync(struct model *model)
{
    int status = strand_engine_sync(model->engine);

    for (int i = 0; i < MODEL_LOGS && status == STRAND_OK; i++)
        model->expected[i].durable_end = model->expected[i].end;
    return status;
}

/* The lowest offset that a truncation to OFFSET may leave as the log end: the batch that holds it
 * goes, and a gap in front of that. */
static int64_t
lowest_end(const struct model_log *expected, int64_t offset)
{
    while (offset > expected->start && expected->values[offset - 1] == 0)
        offset--;
    offset -= MODEL_BATCH_MAX;
    while (offset > expected->start && expected->values[offset - 1] == 0)
        offset--;
    return offset > expected->start ? offset : expected->start;
}

/* Truncate while a reader holds the bytes around OFFSET, which must stay as they are. */
static int
truncate_pinned(struct model *model, int log, int64_t offset, int64_t *out_log_end)
{
    struct strand_fetch_options options = {.struct_size = sizeof options,
                                           .isolation = STRAND_READ_WRITTEN};
    struct strand_fetch fetch = {0};
    int64_t from = offset > model->expected[log].start ? offset - 1 : offset;

    int status = strand_log_fetch(model->logs[log], from, &options, &fetch);
    if (status != STRAND_OK)
        return status;
    uint8_t *copy = malloc(fetch.size + 1);
    if (copy == NULL)
        abort();
    memcpy(copy, fetch.data, fetch.size);
    status = strand_log_truncate(model->logs[log], offset, out_log_end);
    if (memcmp(copy, fetch.data, fetch.size) != 0)
        (void)model_violated(model, "%s: bytes that a reader held have changed", MODEL_TOPICS[log]);
    free(copy);
    strand_fetch_release(&fetch);
    return status;
}

int
model_truncate(struct model *model, int log, int64_t offset)
{
    struct model_log *expected = &model->expected[log];
    int64_t log_end = 0;

    expected->maybe_end = lowest_end(expected, offset);
    int status = model->pins_cuts ? truncate_pinned(model, log, offset, &log_end)
                                  : strand_log_truncate(model->logs[log], offset, &log_end);
    if (status != STRAND_OK)
        return status;
    expected->maybe_end = -1;
    expected->end = log_end;
    expected->written_end = log_end;
    if (expected->durable_end > log_end)
        expected->durable_end = log_end;
    return status;
}

int
model_trim(struct model *model, int log, int64_t offset)
{
    struct model_log *expected = &model->expected[log];

    expected->maybe_start = offset;
    int status = expected->is_replicated ? strand_log_set_high_watermark(model->logs[log], offset)
                                         : STRAND_OK;
    if (status == STRAND_OK)
        status = strand_log_trim(model->logs[log], offset);
    if (status == STRAND_OK) {
        expected->start = offset;
        expected->maybe_start = -1;
    }
    return status;
}

int
model_reset(struct model *model, int log, int64_t offset)
{
    struct model_log *expected = &model->expected[log];

    expected->maybe_reset = offset;
    int status = strand_log_reset(model->logs[log], offset);
    if (status == STRAND_OK) {
        expected->start = expected->end = offset;
        expected->durable_end = expected->written_end = offset;
        expected->maybe_reset = -1;
    }
    return status;
}

int
model_begin_epoch(struct model *model, int log, int32_t epoch)
{
    struct model_log *expected = &model->expected[log];

    expected->maybe_epoch = epoch;
    int status = strand_log_begin_epoch(model->logs[log], epoch);
    if (status != STRAND_OK)
        return status;
    expected->epoch = epoch;
    expected->maybe_epoch = -1;
    expected->durable_end = expected->end; /* it makes everything before it durable */
    return status;
}

int
model_delete(struct model *model, int log)
{
    int status = strand_log_close(model->logs[log]);

    model->logs[log] = NULL;
    model->expected[log].is_open_question = true;
    if (status == STRAND_OK)
        status = strand_engine_delete_log(model->engine, MODEL_TOPICS[log], 0);
    if (status == STRAND_OK) {
        model->expected[log].exists = false;
        model->expected[log].is_open_question = false;
    }
    return status;
}

int
model_close(struct model *model)
{
    for (int i = 0; i < MODEL_LOGS; i++) {
        (void)strand_log_close(model->logs[i]);
        model->logs[i] = NULL;
    }
    int status = strand_engine_close(model->engine);
    model->engine = NULL;
    for (int i = 0; i < MODEL_LOGS && status == STRAND_OK; i++)
        model->expected[i].durable_end = model->expected[i].end;
    return status;
}

void
model_abandon(struct model *model)
{
    for (int i = 0; i < MODEL_LOGS; i++) {
        (void)strand_log_close(model->logs[i]);
        model->logs[i] = NULL;
    }
    if (strand_engine_close(model->engine) == STRAND_ERR_BUSY)
        abort(); /* the test has lost a handle */
    model->engine = NULL;
}

void
model_note_kill(struct model *model)
{
    for (int i = 0; i < MODEL_LOGS; i++)
        model->expected[i].durable_end = model->expected[i].written_end;
}
