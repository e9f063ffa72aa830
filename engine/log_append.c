/* engine/log_append.c -- The way into the log: check or encode outside the locks, write, wait.
 *
 * Encoding, compressing and checksumming happen in a pooled buffer before the append lock is taken:
 * base offset and leader epoch lie outside the CRC and are stamped under it (log_write.c).
 */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/buffer_pool.h"
#include "base/error.h"
#include "engine/log_internal.h"
#include "storage/batch.h"
#include "storage/record_reader.h"
#include "storage/segment.h"

/* What of the config an append uses, read once. */
struct settings {
    struct strand_log_config config;
    bool accepts_gaps;
};

static struct settings
settings_of(struct strand_log *log)
{
    strand_mutex_lock(&log->state);
    struct settings settings = {log->config, log->is_replicated};
    strand_mutex_unlock(&log->state);
    return settings;
}

/* ---- The way in ---- */

static const struct strand_append_options DEFAULT_OPTIONS = {.struct_size = sizeof DEFAULT_OPTIONS};

static int
check_options(const struct strand_append_options *options)
{
    int status = strand_check_struct_size("append options", options->struct_size, sizeof *options);

    if (status != STRAND_OK)
        return status;
    if (options->durability != STRAND_DURABLE && options->durability != STRAND_WRITTEN)
        return strand_fail(STRAND_ERR_INVALID, "append options: unknown durability %" PRId32,
                           options->durability);
    return STRAND_OK;
}

/* Write ENTRY by itself. */
static int
write_alone(struct strand_log *log, struct strand_log_entry *entry)
{
    struct strand_log_place place;
    size_t count;

    strand_mutex_lock(&log->append);
    int status = strand_log_enter(log, &place);
    if (status == STRAND_OK)
        status = strand_log_write_entries(log, &place, entry, entry, &count);
    strand_mutex_unlock(&log->append);
    return status;
}

/* Append ENTRY and wait as OPTIONS say. */
static int
append_entry(struct strand_log *log, struct strand_log_entry *entry,
             const struct strand_append_options *options, struct strand_appended *out_appended)
{
    bool may_share = options->durability == STRAND_DURABLE && !entry->is_follower;
    int64_t timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : -1;
    bool is_durable = false;

    int status = may_share ? strand_log_stage_append(log, entry, timeout_ms < 0, &is_durable)
                           : write_alone(log, entry);
    if (status != STRAND_OK)
        return status;
    if (out_appended != NULL)
        *out_appended = entry->appended;
    if (is_durable)
        return STRAND_OK;
    if (options->durability == STRAND_DURABLE)
        return strand_log_wait(log, &entry->appended, timeout_ms);
    strand_log_hold_back(log, &entry->appended, timeout_ms);
    return STRAND_OK;
}

static int
check_size(const struct strand_log *log, const struct settings *settings, size_t batch_size)
{
    if ((int64_t)batch_size > settings->config.max_message_bytes)
        return strand_fail(
            STRAND_ERR_TOO_LARGE,
            "append to %s: a batch of %zu bytes is above max.message.bytes, %" PRId64, log->name,
            batch_size, settings->config.max_message_bytes);
    if ((int64_t)batch_size > settings->config.segment_bytes)
        return strand_fail(STRAND_ERR_TOO_LARGE,
                           "append to %s: %zu bytes are above segment.bytes, %" PRId64, log->name,
                           batch_size, settings->config.segment_bytes);
    return STRAND_OK;
}

/* ---- Records ---- */

static int
encode(struct strand_log *log, const struct settings *settings, const struct strand_record *records,
       size_t count, int64_t now_ms, struct strand_buffer *out)
{
    struct strand_buffer *scratch = NULL; /* of what is to be compressed */
    struct strand_batch_header header;
    struct strand_batch_encoding encoding = {
        .compression_level = strand_log_config_level(&settings->config), .now_ms = now_ms};
    int status = STRAND_OK;

    if (settings->config.codec != STRAND_CODEC_NONE)
        status = strand_buffer_take(log->engine->buffers, 0, &scratch);
    if (status != STRAND_OK)
        return status;
    strand_batch_header_init(&header, records, count, (int)settings->config.codec,
                             (int)settings->config.timestamp_type, now_ms);
    status =
        strand_batch_encode(&header, records, count, &encoding, log->engine->codecs, scratch, out);
    strand_buffer_put(log->engine->buffers, scratch);
    if (status != STRAND_OK)
        return strand_fail_context(status, "append to %s", log->name);
    return check_size(log, settings, out->size);
}

static int64_t
append_time(const struct settings *settings, int64_t now_ms)
{
    return settings->config.timestamp_type == STRAND_LOG_APPEND_TIME ? now_ms : STRAND_NO_TIMESTAMP;
}

int
strand_log_append(struct strand_log *log, const struct strand_record *records, size_t count,
                  const struct strand_append_options *options, struct strand_appended *out_appended)
{
    struct strand_buffer *buffer = NULL;

    options = options != NULL ? options : &DEFAULT_OPTIONS;
    int status = strand_log_check_writable(log);
    if (status == STRAND_OK)
        status = check_options(options);
    if (status == STRAND_OK && (records == NULL || count == 0))
        status = strand_fail(STRAND_ERR_INVALID, "append to %s: no records were given", log->name);
    if (status == STRAND_OK && count > INT32_MAX)
        status = strand_fail(STRAND_ERR_INVALID, "append to %s: %zu records are too many",
                             log->name, count);
    if (status == STRAND_OK)
        status = strand_buffer_take(log->engine->buffers, 0, &buffer);
    if (status != STRAND_OK)
        return status;

    struct settings settings = settings_of(log);
    int64_t now_ms = strand_engine_wall_clock_ms(log->engine);
    status = encode(log, &settings, records, count, now_ms, buffer);
    struct strand_log_entry entry = {
        .data = buffer->data,
        .size = buffer->size,
        .appended.log_append_time_ms = append_time(&settings, now_ms),
    };
    if (status == STRAND_OK)
        status = append_entry(log, &entry, options, out_appended);
    strand_buffer_put(log->engine->buffers, buffer);
    return status;
}

/* ---- Encoded batches ---- */

/* Each batch of DATA[0..SIZE) is whole, its offsets ascend; DATA ends with a batch. */
static int
check_batches(const struct strand_log *log, const uint8_t *data, size_t size, bool is_follower)
{
    int64_t end_offset = 0;

    for (size_t at = 0; at < size; at += (size_t)strand_batch_size(data + at)) {
        int status = strand_batch_check(data + at, size - at);
        if (status != STRAND_OK)
            return strand_fail_context(status, "append to %s: at byte %zu", log->name, at);
        if (is_follower && strand_batch_base_offset(data + at) < end_offset)
            return strand_fail(STRAND_ERR_OFFSETS,
                               "append to %s: the batch at byte %zu begins at offset %" PRId64
                               ", below %" PRId64,
                               log->name, at, strand_batch_base_offset(data + at), end_offset);
        end_offset = strand_batch_end_offset(data + at);
        if (is_follower && end_offset - 1 - strand_batch_base_offset(data) > INT32_MAX)
            return strand_fail(
                STRAND_ERR_OFFSETS,
                "append to %s: the batch at byte %zu ends more than %d offsets above "
                "the first: no segment holds both",
                log->name, at, INT32_MAX);
    }
    return STRAND_OK;
}

/* Kafka's rule: when a record was appended is for the log to say. */
static int
check_timestamp_type(const struct strand_log *log, const uint8_t *batch)
{
    if ((strand_batch_attributes(batch) & STRAND_BATCH_LOG_APPEND_TIME) == 0)
        return STRAND_OK;
    return strand_fail(STRAND_ERR_BATCH,
                       "append to %s: a producer may not say that its timestamps are LogAppendTime",
                       log->name);
}

/* As a leader takes a producer's batches: validated, with the timestamps that the log keeps. */
static int
accept_produced(struct strand_log *log, const struct settings *settings, struct strand_buffer *copy,
                int64_t now_ms)
{
    int type = (int)settings->config.timestamp_type;
    struct strand_buffer *scratch = NULL;

    int status = strand_buffer_take(log->engine->buffers, 0, &scratch);
    if (status != STRAND_OK)
        return status;
    for (size_t at = 0; status == STRAND_OK && at < copy->size;
         at += (size_t)strand_batch_size(copy->data + at)) {
        int64_t largest = STRAND_NO_TIMESTAMP;

        status = check_size(log, settings, (size_t)strand_batch_size(copy->data + at));
        if (status == STRAND_OK)
            status = check_timestamp_type(log, copy->data + at);
        if (status != STRAND_OK)
            break;
        status =
            strand_batch_check_produced(copy->data + at, log->engine->codecs, scratch, &largest);
        if (status != STRAND_OK)
            status = strand_fail_context(status, "append to %s: at byte %zu", log->name, at);
        else
            strand_batch_set_max_timestamp(copy->data + at, type,
                                           type == STRAND_LOG_APPEND_TIME ? now_ms : largest);
    }
    strand_buffer_put(log->engine->buffers, scratch);
    return status;
}

/* A gap is legal on a replicated log; so is an epoch that is new here.  Both are prepared first. */
static int
accept_replicated(struct strand_log *log, const struct settings *settings, const uint8_t *data,
                  size_t size)
{
    strand_mutex_lock(&log->state);
    int64_t log_end = log->log_end;
    bool is_new = !strand_log_knows_epochs_locked(log, data, size);
    strand_mutex_unlock(&log->state);

    int64_t gap = strand_log_find_gap(data, size, log_end);
    if (gap >= 0 && !settings->accepts_gaps)
        return strand_fail(STRAND_ERR_OFFSETS,
                           "append to %s: offsets are missing from %" PRId64
                           " on, and the log is not replicated",
                           log->name, gap);
    return is_new || gap >= 0 ? strand_log_prepare_follower(log, data, size) : STRAND_OK;
}

static int
accept_batches(struct strand_log *log, const struct settings *settings, struct strand_buffer *copy,
               bool is_follower, int64_t now_ms)
{
    int status = check_batches(log, copy->data, copy->size, is_follower);

    if (status == STRAND_OK && (int64_t)copy->size > settings->config.segment_bytes)
        status = strand_fail(STRAND_ERR_TOO_LARGE,
                             "append to %s: %zu bytes are above segment.bytes, %" PRId64, log->name,
                             copy->size, settings->config.segment_bytes);
    if (status != STRAND_OK)
        return status;
    return is_follower ? accept_replicated(log, settings, copy->data, copy->size)
                       : accept_produced(log, settings, copy, now_ms);
}

int
strand_log_append_batches(struct strand_log *log, const void *data, size_t size,
                          const struct strand_append_options *options,
                          struct strand_appended *out_appended)
{
    struct strand_buffer *copy = NULL;

    options = options != NULL ? options : &DEFAULT_OPTIONS;
    int status = strand_log_check_writable(log);
    if (status == STRAND_OK)
        status = check_options(options);
    if (status == STRAND_OK && (data == NULL || size == 0))
        status = strand_fail(STRAND_ERR_INVALID, "append to %s: no batches were given", log->name);
    if (status == STRAND_OK && size > INT32_MAX)
        status = strand_fail(STRAND_ERR_INVALID, "append to %s: %zu bytes of batches are too many",
                             log->name, size);
    if (status == STRAND_OK)
        status = strand_buffer_take(log->engine->buffers, size, &copy);
    if (status != STRAND_OK)
        return status;

    struct settings settings = settings_of(log);
    int64_t now_ms = strand_engine_wall_clock_ms(log->engine);
    bool is_follower = options->is_follower != 0;
    memcpy(copy->data, data, size);
    copy->size = size;
    status = accept_batches(log, &settings, copy, is_follower, now_ms);
    struct strand_log_entry entry = {
        .data = copy->data,
        .size = size,
        .is_follower = is_follower,
        .appended.log_append_time_ms =
            is_follower ? STRAND_NO_TIMESTAMP : append_time(&settings, now_ms),
    };
    if (status == STRAND_OK)
        status = append_entry(log, &entry, options, out_appended);
    strand_buffer_put(log->engine->buffers, copy);
    return status;
}
