/* tests/support/crash_model_check.c -- What is there after a crash, held against the promises; and
 * the broker that had the directory before. */
#include "support/crash_model_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "storage/batch.h"
#include "storage/topic_name.h"

/* ---- A broker ---- */

static void
store(struct model *model, const char *path, const void *data, int64_t size)
{
    if (strand_sim_disk_store(model->disk, path, data, size) != STRAND_OK)
        abort();
}

static void
store_offset(struct model *model, const char *path, int log, int64_t offset)
{
    char text[64];
    int size = snprintf(text, sizeof text, "0\n1\n%s 0 %" PRId64 "\n", MODEL_TOPICS[log], offset);

    store(model, path, text, size);
}

static void
add_batch(struct model_broker_file *file, const uint8_t *batch)
{
    memcpy(file->data + file->size, batch, (size_t)strand_batch_size(batch));
    file->size += strand_batch_size(batch);
}

/* The broker's compaction took every record of this batch. */
static void
forget_batch(struct model_log *expected, const uint8_t *batch)
{
    for (int64_t i = strand_batch_base_offset(batch); i < strand_batch_end_offset(batch); i++)
        expected->values[i] = 0;
}

/* Of the segment DATA the broker keeps its first batch, and zeros that it had prepared; if IS_FIRST
 * all but the second. */
static void
change_segment(struct model_log *expected, struct model_broker_file *file, const uint8_t *data,
               int64_t size, bool is_first)
{
    int64_t at = strand_batch_size(data);

    file->size = 0;
    add_batch(file, data);
    expected->end = strand_batch_end_offset(data);
    if (!is_first) {
        memset(file->data + file->size, 0, 32);
        file->size += 32;
        return;
    }
    forget_batch(expected, data + at);
    for (at += strand_batch_size(data + at); at < size; at += strand_batch_size(data + at))
        add_batch(file, data + at);
}

/* The first segment is compacted, the second shortened, the others go. */
static void
change_as_broker(struct model *model, struct model_log *expected, const char *directory,
                 const struct strand_names *names)
{
    int count = 0;

    for (size_t i = 0; i < names->count; i++) {
        char path[MODEL_PATH_SIZE];
        int64_t base_offset, size;

        if (!strand_segment_name_parse(names->names[i], &base_offset))
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", directory, names->names[i]);
        const uint8_t *data = strand_sim_disk_content(model->disk, path, &size);
        if (count < MODEL_BROKER_FILES) {
            struct model_broker_file *file = &model->broker[count];

            (void)snprintf(file->segment, sizeof file->segment, "%s", path);
            (void)snprintf(file->index, sizeof file->index, "%.*sindex", (int)(strlen(path) - 3),
                           path);
            change_segment(expected, file, data, size, count == 0);
            store(model, file->index, "index", 5);
        }
        store(model, path, count < MODEL_BROKER_FILES ? model->broker[count].data : NULL,
              count < MODEL_BROKER_FILES ? model->broker[count].size : 0);
        count++;
    }
    if (count < MODEL_BROKER_FILES)
        abort(); /* the workload has written too little */
    expected->durable_end = expected->written_end = expected->end;
}

int
model_let_broker_change(struct model *model, int log)
{
    const struct strand_fs *fs = strand_sim_disk_fs(model->disk);
    struct model_log *expected = &model->expected[log];
    struct strand_names names = {0};
    char directory[64];

    (void)snprintf(directory, sizeof directory, "/data/%s-0", MODEL_TOPICS[log]);
    int status = strand_path_list(fs, directory, &names);
    if (status != STRAND_OK)
        return status;
    change_as_broker(model, expected, directory, &names);
    strand_names_free(&names);
    store_offset(model, "/data/recovery-point-offset-checkpoint", log, expected->end);
    store_offset(model, "/data/log-start-offset-checkpoint", log, expected->start);
    store_offset(model, "/data/replication-offset-checkpoint", log, expected->end);
    store(model, "/data/.kafka_cleanshutdown", "{}", 2);
    return STRAND_OK;
}

/* The broker takes its marker's word for everything, and an index's for its segment: whichever is
 * there, on disk, what it speaks of is as the broker left it. */
static bool
check_broker(struct model *model)
{
    bool is_marked =
        strand_sim_disk_content(model->disk, "/data/.kafka_cleanshutdown", NULL) != NULL;

    for (int i = 0; i < MODEL_BROKER_FILES; i++) {
        const struct model_broker_file *file = &model->broker[i];
        int64_t size = 0;

        if (file->segment[0] == '\0')
            continue;
        const uint8_t *data = strand_sim_disk_content(model->disk, file->segment, &size);
        bool is_same =
            data != NULL && size == file->size && memcmp(data, file->data, (size_t)size) == 0;
        bool is_indexed = strand_sim_disk_content(model->disk, file->index, NULL) != NULL;
        if (!is_same && (is_marked || (is_indexed && data != NULL)))
            return model_violated(model, "%s has changed beside its %s", file->segment,
                                  is_marked ? "marker" : "index");
    }
    return true;
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
    return model_violated(model, "%s: log start %" PRId64 ", promised %" PRId64, MODEL_TOPICS[log],
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
        return model_violated(
            model, "%s: log end %" PRId64 ": acknowledged records up to %" PRId64 " are gone",
            MODEL_TOPICS[log], found->log_end, least);
    if (found->log_end > expected->end)
        return model_violated(model, "%s: log end %" PRId64 ": nothing was appended above %" PRId64,
                              MODEL_TOPICS[log], found->log_end, expected->end);
    if (found->durable_end != found->log_end || found->high_watermark > found->log_end ||
        (!expected->is_replicated && found->high_watermark != found->log_end))
        return model_violated(model,
                              "%s: durable end %" PRId64 ", high watermark %" PRId64
                              " after recovery, log end %" PRId64,
                              MODEL_TOPICS[log], found->durable_end, found->high_watermark,
                              found->log_end);
    return true;
}

/* A follower's epochs are checked with their batches. */
static bool
check_epoch(struct model *model, int log, const struct strand_positions *found)
{
    struct model_log *expected = &model->expected[log];

    if (expected->is_replicated || found->leader_epoch == expected->epoch ||
        (expected->maybe_epoch >= 0 && found->leader_epoch == expected->maybe_epoch))
        return true;
    return model_violated(model, "%s: leader epoch %" PRId32 ", begun was %" PRId32,
                          MODEL_TOPICS[log], found->leader_epoch, expected->epoch);
}

static int64_t
skip_gap(const struct model_log *expected, int64_t offset, int64_t end)
{
    while (offset < end && expected->values[offset] == 0)
        offset++;
    return offset;
}

static bool
check_record(struct model *model, int log, const struct strand_record *record, int64_t offset)
{
    char value[MODEL_VALUE_SIZE];

    if (record->offset != offset)
        return model_violated(model, "%s: offset %" PRId64 " where %" PRId64 " should be",
                              MODEL_TOPICS[log], record->offset, offset);
    if (record->leader_epoch != model->expected[log].epochs[offset])
        return model_violated(model, "%s: offset %" PRId64 " has epoch %" PRId32 ", not %" PRId32,
                              MODEL_TOPICS[log], offset, record->leader_epoch,
                              model->expected[log].epochs[offset]);
    model_make_value(model->expected[log].values[offset], value);
    if (record->value.size != sizeof value || memcmp(record->value.data, value, sizeof value) != 0)
        return model_violated(model,
                              "%s: offset %" PRId64 " holds \"%.16s\", appended was \"%.16s\"",
                              MODEL_TOPICS[log], offset, (const char *)record->value.data, value);
    return true;
}

static bool
check_records(struct model *model, int log, const struct strand_positions *found)
{
    struct strand_cursor_options options = {.struct_size = sizeof options,
                                            .isolation = STRAND_READ_WRITTEN};
    const struct model_log *expected = &model->expected[log];
    struct strand_cursor *cursor = NULL;
    struct strand_record record;
    int64_t offset = skip_gap(expected, found->log_start, found->log_end);
    bool is_right = true;

    int status = strand_cursor_open(model->logs[log], found->log_start, &options, &cursor);
    while (is_right && status == STRAND_OK &&
           (status = strand_cursor_next(cursor, &record)) == STRAND_OK) {
        is_right = check_record(model, log, &record, offset);
        offset = skip_gap(expected, offset + 1, found->log_end);
    }
    strand_cursor_close(cursor);
    if (!is_right)
        return false;
    if (status != STRAND_END)
        return model_violated(model, "%s: reading at %" PRId64 ": %s", MODEL_TOPICS[log], offset,
                              strand_error_message());
    if (offset != found->log_end)
        return model_violated(model, "%s: records end at %" PRId64 ", log end %" PRId64,
                              MODEL_TOPICS[log], offset, found->log_end);
    return true;
}

static void
settle(struct model_log *expected, const struct strand_positions *found)
{
    expected->exists = true;
    expected->is_open_question = false;
    expected->start = found->log_start;
    expected->end = expected->durable_end = expected->written_end = found->log_end;
    expected->epoch = found->leader_epoch;
    expected->maybe_start = expected->maybe_end = expected->maybe_reset = -1;
    expected->maybe_epoch = -1;
}

/* An interrupted cut is not to look like damage, of which recovery saves the bytes. */
static bool
check_nothing_is_suspect(struct model *model, int log)
{
    char directory[MODEL_PATH_SIZE];
    struct strand_names names = {0};
    bool is_right = true;

    (void)snprintf(directory, sizeof directory, "/data/%s-0", MODEL_TOPICS[log]);
    if (strand_path_list(strand_sim_disk_fs(model->disk), directory, &names) != STRAND_OK)
        return model_violated(model, "%s", strand_error_message());
    for (size_t i = 0; i < names.count; i++)
        if (strncmp(names.names[i], "cut-", 4) == 0)
            is_right = model_violated(model, "%s: taken for damage: %s", MODEL_TOPICS[log],
                                      names.names[i]);
    strand_names_free(&names);
    return is_right;
}

static bool
check_log(struct model *model, int log)
{
    struct model_log *expected = &model->expected[log];
    struct strand_positions found;

    int status = model_open_log(model, log, STRAND_LOG_MUST_EXIST);
    if (status == STRAND_ERR_NOT_FOUND) {
        if (expected->exists && !expected->is_open_question)
            return model_violated(model, "%s is gone", MODEL_TOPICS[log]);
        expected->exists = expected->is_open_question = false;
        return true;
    }
    if (status != STRAND_OK)
        return model_violated(model, "%s does not open: %s", MODEL_TOPICS[log],
                              strand_error_message());
    if (!expected->exists && !expected->is_open_question)
        return model_violated(model, "%s is there, though it was deleted or never made",
                              MODEL_TOPICS[log]);
    if (strand_log_positions(model->logs[log], &found) != STRAND_OK)
        return model_violated(model, "%s: %s", MODEL_TOPICS[log], strand_error_message());
    if (!check_start(model, log, &found) || !check_end(model, log, &found) ||
        !check_epoch(model, log, &found) || !check_records(model, log, &found) ||
        (model->is_ordered && model->saves_nothing && !check_nothing_is_suspect(model, log)))
        return false;
    settle(expected, &found);
    return true;
}

bool
model_check(struct model *model)
{
    if (model->violation[0] != '\0' || !check_broker(model))
        return false;
    if (model_open(model) != STRAND_OK)
        return model_violated(model, "the directory does not open: %s", strand_error_message());
    if (strand_engine_health(model->engine) != STRAND_OK)
        return model_violated(model, "not healthy: %s", strand_error_message());
    if (strand_sim_disk_content(model->disk, "/data/strandline.takeover", NULL) != NULL)
        return model_violated(model, "taken over, but the note of it is still there");
    for (int i = 0; i < MODEL_LOGS; i++)
        if (!check_log(model, i))
            return false;
    return true;
}
