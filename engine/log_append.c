/* engine/log_append.c -- Appending: encode outside the locks, then stamp, write once, publish.
 *
 * Encoding, compressing and checksumming happen in a pooled buffer before the append lock is taken:
 * base offset and leader epoch lie outside the CRC and are stamped under it.  Under the lock there
 * is a roll if one is due, one pwrite, and the publication under the state lock.
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

/* Batches on their way into the log. */
struct entry {
    uint8_t *data; /* stamped in place */
    size_t size;
    bool is_follower;
};

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

static uint8_t *
last_batch(const struct entry *entry)
{
    uint8_t *batch = entry->data;
    uint8_t *end = entry->data + entry->size;

    while (batch + strand_batch_size(batch) < end)
        batch += strand_batch_size(batch);
    return batch;
}

/* ---- Rolling ---- */

static int64_t
largest_timestamp(const uint8_t *data, size_t size)
{
    int64_t largest = STRAND_NO_TIMESTAMP;

    for (size_t at = 0; at < size; at += (size_t)strand_batch_size(data + at))
        if (strand_batch_max_timestamp(data + at) > largest)
            largest = strand_batch_max_timestamp(data + at);
    return largest;
}

static bool
has_lasted(const struct strand_log *log, const struct strand_log_segment *segment,
           int64_t timestamp)
{
    int64_t now = strand_engine_wall_clock_ms(log->engine);
    int64_t waited = segment->first_timestamp_ms >= 0 ? timestamp - segment->first_timestamp_ms
                                                      : now - segment->created_ms;

    return waited > log->config.segment_ms;
}

bool
strand_log_is_roll_due_locked(const struct strand_log *log, const uint8_t *data, size_t size)
{
    const struct strand_log_segment *segment = log->segments[log->segment_count - 1];
    struct entry entry = {.data = (uint8_t *)(uintptr_t)data, .size = size};

    if (strand_batch_end_offset(last_batch(&entry)) - 1 - segment->base_offset > INT32_MAX)
        return true;
    if (segment->size == 0)
        return false;
    return segment->size + (int64_t)size > log->config.segment_bytes ||
           has_lasted(log, segment, largest_timestamp(data, size));
}

static int roll_if_due(struct strand_log *log, const struct entry *entry)
    STRAND_REQUIRES(log->append);

static int
roll_if_due(struct strand_log *log, const struct entry *entry)
{
    strand_mutex_lock(&log->state);
    bool is_due = strand_log_is_roll_due_locked(log, entry->data, entry->size);
    strand_mutex_unlock(&log->state);
    return is_due ? strand_log_add_segment(log, strand_batch_base_offset(entry->data), false)
                  : STRAND_OK;
}

/* ---- Under the append lock ---- */

/* What the log looks like to the append that holds the lock. */
struct place {
    int64_t log_end;
    uint64_t generation;
    int32_t epoch;
};

static int wait_for_gate(struct strand_log *log, struct place *out_place)
    STRAND_REQUIRES(log->append);
static int write_entry(struct strand_log *log, const struct entry *entry)
    STRAND_REQUIRES(log->append);
static int append_locked(struct strand_log *log, const struct entry *entry,
                         struct strand_appended *appended) STRAND_REQUIRES(log->append);

static int
wait_for_gate(struct strand_log *log, struct place *out_place)
{
    while (log->gate_is_closed)
        (void)strand_condition_wait(&log->gate_opened, &log->append, -1);

    int status = STRAND_OK;
    strand_mutex_lock(&log->state);
    if (log->is_closing)
        status = strand_fail(STRAND_ERR_CLOSED, "append to %s: it is being closed", log->name);
    else if (log->health != STRAND_LOG_HEALTHY)
        status = strand_log_unhealthy_locked(log);
    else
        *out_place = (struct place){log->log_end, log->generation,
                                    strand_leader_epochs_newest(&log->epochs)};
    strand_mutex_unlock(&log->state);
    return status;
}

/* Offsets end at INT64_MAX: is there room for those of ENTRY? */
static int
check_span(const struct strand_log *log, const struct entry *entry, const struct place *place)
{
    int64_t left = INT64_MAX - place->log_end;

    for (size_t at = 0; at < entry->size; at += (size_t)strand_batch_size(entry->data + at)) {
        left -=
            strand_batch_end_offset(entry->data + at) - strand_batch_base_offset(entry->data + at);
        if (left < 0)
            return strand_fail(STRAND_ERR_OUT_OF_RANGE,
                               "append to %s: no offsets are left above %" PRId64, log->name,
                               place->log_end);
    }
    return STRAND_OK;
}

static void
stamp(const struct entry *entry, const struct place *place)
{
    int64_t offset = place->log_end;

    for (size_t at = 0; at < entry->size; at += (size_t)strand_batch_size(entry->data + at)) {
        strand_batch_set_base_offset(entry->data + at, offset);
        strand_batch_set_leader_epoch(entry->data + at, place->epoch);
        offset = strand_batch_end_offset(entry->data + at);
    }
}

/* Make the written entry visible; ask for a round by and by unless somebody will at once. */
static void
publish(struct strand_log *log, struct strand_log_segment *segment, const struct entry *entry)
{
    struct strand_engine *engine = log->engine;

    strand_mutex_lock(&log->state);
    for (size_t at = 0; at < entry->size; at += (size_t)strand_batch_size(entry->data + at))
        strand_log_segment_note(segment, entry->data + at, segment->size);
    bool was_clean = log->unsynced_bytes == 0;
    bool was_below = log->unsynced_bytes < engine->config.commit_bytes;
    log->log_end = segment->end_offset;
    log->unsynced_bytes += entry->size;
    bool is_much = was_below && log->unsynced_bytes >= engine->config.commit_bytes;
    strand_log_wake_locked(log);
    strand_mutex_unlock(&log->state);

    if (is_much)
        strand_committer_ask(&engine->committer, log);
    else if (was_clean)
        strand_committer_ask_later(&engine->committer, log);
}

static int
write_entry(struct strand_log *log, const struct entry *entry)
{
    int status = roll_if_due(log, entry);
    if (status != STRAND_OK)
        return status;

    /* Only appends, and cuts behind a closed gate, change which segment is the last. */
    struct strand_log_segment *segment = log->segments[log->segment_count - 1];
    status = strand_log_segment_acquire(segment);
    if (status != STRAND_OK)
        return status;
    status = strand_segment_append(segment->file, entry->data, entry->size, segment->size);
    if (status == STRAND_OK)
        publish(log, segment, entry);
    strand_log_segment_release(segment);
    return status == STRAND_ERR_FAILED ? strand_log_fail(log, status) : status;
}

static int
append_locked(struct strand_log *log, const struct entry *entry, struct strand_appended *appended)
{
    struct place place = {0};

    int status = wait_for_gate(log, &place);
    if (status == STRAND_OK && entry->is_follower)
        status = strand_log_check_follower_offset(log, entry->data, place.log_end);
    else if (status == STRAND_OK)
        status = check_span(log, entry, &place);
    if (status == STRAND_OK && !entry->is_follower)
        stamp(entry, &place);
    if (status == STRAND_OK)
        status = write_entry(log, entry);
    if (status != STRAND_OK)
        return status;
    appended->base_offset = strand_batch_base_offset(entry->data);
    appended->end_offset = strand_batch_end_offset(last_batch(entry));
    appended->generation = place.generation;
    appended->leader_epoch = strand_batch_leader_epoch(entry->data);
    return STRAND_OK;
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

/* Append ENTRY and wait as OPTIONS say. */
static int
append_entry(struct strand_log *log, const struct entry *entry, int64_t log_append_time_ms,
             const struct strand_append_options *options, struct strand_appended *out_appended)
{
    struct strand_appended appended = {.log_append_time_ms = log_append_time_ms};

    strand_mutex_lock(&log->append);
    int status = append_locked(log, entry, &appended);
    strand_mutex_unlock(&log->append);
    if (status != STRAND_OK)
        return status;
    if (out_appended != NULL)
        *out_appended = appended;
    if (options->durability == STRAND_WRITTEN)
        return STRAND_OK;
    return strand_log_wait(log, &appended, options->timeout_ms > 0 ? options->timeout_ms : -1);
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
    struct strand_buffer *scratch = NULL;
    struct strand_batch_header header;
    struct strand_batch_encoding encoding = {
        .compression_level = strand_log_config_level(&settings->config), .now_ms = now_ms};

    int status = strand_buffer_take(log->engine->buffers, 0, &scratch);
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
    struct entry entry = {.data = buffer->data, .size = buffer->size};
    if (status == STRAND_OK)
        status = append_entry(log, &entry, append_time(&settings, now_ms), options, out_appended);
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
    int32_t epoch = strand_leader_epochs_newest(&log->epochs);
    strand_mutex_unlock(&log->state);

    bool is_new = false;
    for (size_t at = 0; at < size; at += (size_t)strand_batch_size(data + at))
        is_new |= strand_batch_leader_epoch(data + at) != epoch;
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
    struct entry entry = {.data = copy->data, .size = size, .is_follower = is_follower};
    if (status == STRAND_OK)
        status = append_entry(log, &entry,
                              is_follower ? STRAND_NO_TIMESTAMP : append_time(&settings, now_ms),
                              options, out_appended);
    strand_buffer_put(log->engine->buffers, copy);
    return status;
}
