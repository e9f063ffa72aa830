#include "support/crash_model.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const TOPICS[MODEL_LOGS] = {"orders", "other"};

void
model_init(struct model *model, struct strand_sim_disk *disk, int32_t segment_bytes)
{
    memset(model, 0, sizeof *model);
    model->disk = disk;
    model->segment_bytes = segment_bytes;
    model->next_value = 1;
    for (int i = 0; i < MODEL_LOGS; i++) {
        model->expected[i].maybe_start = -1;
        model->expected[i].maybe_end = -1;
        model->expected[i].maybe_reset = -1;
    }
}

__attribute__((format(printf, 2, 3))) static bool
violated(struct model *model, const char *format, ...)
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
    };

    return strand_engine_open("/data", &options, &model->engine);
}

static int
open_log(struct model *model, int log, uint32_t flags)
{
    struct strand_log_options options = {
        .struct_size = sizeof options,
        .flags = flags,
        .segment_bytes = model->segment_bytes,
        .codec = model->codec,
    };

    return strand_log_open(model->engine, TOPICS[log], 0, &options, &model->logs[log]);
}

int
model_create(struct model *model, int log)
{
    struct model_log *expected = &model->expected[log];

    if (model->logs[log] != NULL)
        return STRAND_OK;
    if (!expected->exists) {
        memset(expected, 0, sizeof *expected);
        expected->maybe_start = expected->maybe_end = expected->maybe_reset = -1;
        expected->is_open_question = true;
    }
    int status = open_log(model, log, 0);
    if (status != STRAND_OK)
        return status;
    expected->exists = true;
    expected->is_open_question = false;
    return status;
}

static void
make_value(uint32_t id, char value[MODEL_VALUE_SIZE])
{
    memset(value, '.', MODEL_VALUE_SIZE);
    (void)snprintf(value, MODEL_VALUE_SIZE, "value %010" PRIu32, id);
}

int
model_append(struct model *model, int log, int count, int durability)
{
    struct model_log *expected = &model->expected[log];
    struct strand_append_options options = {.struct_size = sizeof options,
                                            .durability = durability};
    struct strand_record records[16] = {0};
    char values[16][MODEL_VALUE_SIZE];

    for (int i = 0; i < count; i++) {
        make_value(model->next_value, values[i]);
        expected->values[expected->end + i] = model->next_value++;
        records[i].value = strand_bytes(values[i], MODEL_VALUE_SIZE);
        records[i].timestamp_ms = 1000;
    }
    expected->end += count;
    int status = strand_log_append(model->logs[log], records, (size_t)count, &options, NULL);
    if (status == STRAND_OK && durability == STRAND_DURABLE)
        expected->durable_end = expected->end;
    return status;
}

int
model_sync(struct model *model)
{
    int status = strand_engine_sync(model->engine);

    for (int i = 0; i < MODEL_LOGS && status == STRAND_OK; i++)
        model->expected[i].durable_end = model->expected[i].end;
    return status;
}

int
model_truncate(struct model *model, int log, int64_t offset)
{
    struct model_log *expected = &model->expected[log];
    int64_t log_end = 0;

    /* Batches are up to 16 records long: the cut may go back to the start of one. */
    expected->maybe_end = offset > 16 ? offset - 16 : 0;
    if (expected->maybe_end < expected->start)
        expected->maybe_end = expected->start;
    int status = strand_log_truncate(model->logs[log], offset, &log_end);
    if (status != STRAND_OK)
        return status;
    expected->maybe_end = -1;
    expected->end = log_end;
    if (expected->durable_end > log_end)
        expected->durable_end = log_end;
    return status;
}

int
model_trim(struct model *model, int log, int64_t offset)
{
    struct model_log *expected = &model->expected[log];

    expected->maybe_start = offset;
    int status = strand_log_trim(model->logs[log], offset);
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
        expected->start = expected->end = expected->durable_end = offset;
        expected->maybe_reset = -1;
    }
    return status;
}

int
model_begin_epoch(struct model *model, int log, int32_t epoch)
{
    int status = strand_log_begin_epoch(model->logs[log], epoch);

    if (status == STRAND_OK) /* it makes everything before it durable */
        model->expected[log].durable_end = model->expected[log].end;
    return status;
}

int
model_delete(struct model *model, int log)
{
    int status = strand_log_close(model->logs[log]);

    model->logs[log] = NULL;
    model->expected[log].is_open_question = true;
    if (status == STRAND_OK)
        status = strand_engine_delete_log(model->engine, TOPICS[log], 0);
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

/* ---- Checking ---- */

static bool
check_start(struct model *model, int log, const struct strand_positions *found)
{
    struct model_log *expected = &model->expected[log];

    if (found->log_start == expected->start ||
        (expected->maybe_start >= 0 && found->log_start == expected->maybe_start) ||
        (expected->maybe_reset >= 0 && found->log_start == expected->maybe_reset))
        return true;
    /* A truncation that takes the batch across the log start leaves an empty log there. */
    return violated(model, "%s: log start %" PRId64 ", promised %" PRId64, TOPICS[log],
                    found->log_start, expected->start);
}

static bool
check_end(struct model *model, int log, const struct strand_positions *found)
{
    struct model_log *expected = &model->expected[log];
    int64_t least = expected->durable_end;

    if (expected->maybe_reset >= 0 && found->log_start == expected->maybe_reset &&
        found->log_end == expected->maybe_reset)
        return true;
    if (expected->maybe_end >= 0 && expected->maybe_end < least)
        least = expected->maybe_end;
    if (found->log_end < least)
        return violated(model,
                        "%s: log end %" PRId64 ": acknowledged records up to %" PRId64 " are gone",
                        TOPICS[log], found->log_end, least);
    if (found->log_end > expected->end)
        return violated(model, "%s: log end %" PRId64 ": nothing was appended above %" PRId64,
                        TOPICS[log], found->log_end, expected->end);
    if (found->durable_end != found->log_end || found->high_watermark != found->log_end)
        return violated(model,
                        "%s: durable end %" PRId64 ", high watermark %" PRId64
                        " after recovery, log end %" PRId64,
                        TOPICS[log], found->durable_end, found->high_watermark, found->log_end);
    return true;
}

static bool
check_record(struct model *model, int log, const struct strand_record *record, int64_t offset)
{
    char value[MODEL_VALUE_SIZE];

    if (record->offset != offset)
        return violated(model, "%s: offset %" PRId64 " where %" PRId64 " should be", TOPICS[log],
                        record->offset, offset);
    make_value(model->expected[log].values[offset], value);
    if (record->value.size != sizeof value || memcmp(record->value.data, value, sizeof value) != 0)
        return violated(model, "%s: offset %" PRId64 " holds \"%.16s\", appended was \"%.16s\"",
                        TOPICS[log], offset, (const char *)record->value.data, value);
    return true;
}

static bool
check_records(struct model *model, int log, const struct strand_positions *found)
{
    struct strand_cursor_options options = {.struct_size = sizeof options};
    struct strand_cursor *cursor = NULL;
    struct strand_record record;
    int64_t offset = found->log_start;
    bool is_right = true;

    int status = strand_cursor_open(model->logs[log], offset, &options, &cursor);
    while (is_right && status == STRAND_OK &&
           (status = strand_cursor_next(cursor, &record)) == STRAND_OK)
        is_right = check_record(model, log, &record, offset++);
    strand_cursor_close(cursor);
    if (!is_right)
        return false;
    if (status != STRAND_END)
        return violated(model, "%s: reading at %" PRId64 ": %s", TOPICS[log], offset,
                        strand_error_message());
    if (offset != found->log_end)
        return violated(model, "%s: records end at %" PRId64 ", log end %" PRId64, TOPICS[log],
                        offset, found->log_end);
    return true;
}

static void
settle(struct model_log *expected, const struct strand_positions *found)
{
    expected->exists = true;
    expected->is_open_question = false;
    expected->start = found->log_start;
    expected->end = expected->durable_end = found->log_end;
    expected->maybe_start = expected->maybe_end = expected->maybe_reset = -1;
}

static bool
check_log(struct model *model, int log)
{
    struct model_log *expected = &model->expected[log];
    struct strand_positions found;

    int status = open_log(model, log, STRAND_LOG_MUST_EXIST);
    if (status == STRAND_ERR_NOT_FOUND) {
        if (expected->exists && !expected->is_open_question)
            return violated(model, "%s is gone", TOPICS[log]);
        expected->exists = expected->is_open_question = false;
        return true;
    }
    if (status != STRAND_OK)
        return violated(model, "%s does not open: %s", TOPICS[log], strand_error_message());
    if (!expected->exists && !expected->is_open_question)
        return violated(model, "%s is there, though it was deleted or never made", TOPICS[log]);
    if (strand_log_positions(model->logs[log], &found) != STRAND_OK)
        return violated(model, "%s: %s", TOPICS[log], strand_error_message());
    if (!check_start(model, log, &found) || !check_end(model, log, &found) ||
        !check_records(model, log, &found))
        return false;
    settle(expected, &found);
    return true;
}

bool
model_check(struct model *model)
{
    if (model_open(model) != STRAND_OK)
        return violated(model, "the directory does not open: %s", strand_error_message());
    if (strand_engine_health(model->engine) != STRAND_OK)
        return violated(model, "not healthy: %s", strand_error_message());
    for (int i = 0; i < MODEL_LOGS; i++)
        if (!check_log(model, i))
            return false;
    return true;
}
