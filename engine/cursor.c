/* engine/cursor.c -- Records one by one, out of fetched batches.
 *
 * A cursor pins one fetch at a time and goes through its batches: CRC once per batch, then the
 * records, those below the offset asked for skipped.  What cannot be read is reported once, and the
 * cursor then stands behind it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buffer_pool.h"
#include "base/error.h"
#include "engine/log_internal.h"
#include "engine/log_read.h"
#include "storage/record_reader.h"

struct strand_cursor {
    struct strand_log *log; /* borrowed; counts this cursor as a pin */
    struct strand_cursor_options options;
    int64_t offset;            /* of the next record to return, at the lowest */
    struct strand_fetch fetch; /* all zeros: none */
    size_t at;                 /* in the fetch: the batch that comes next */
    int64_t batch_end;         /* end offset of the batch being read */
    bool is_reading;           /* reader has a batch */
    struct strand_record_reader reader;
    struct strand_buffer *decompressed; /* owned; of the engine's pool */
    struct strand_record pending;       /* returned by nobody yet: it did not fit */
    bool has_pending;
    int failure; /* met behind records that strand_cursor_read() returned; 0: none */
    int64_t failure_first, failure_next;
    char failure_message[STRAND_ERROR_MESSAGE_SIZE_MAX];
};

static int
check_cursor_options(const struct strand_cursor_options *options)
{
    int status = strand_check_struct_size("cursor options", options->struct_size, sizeof *options);

    if (status == STRAND_OK &&
        (options->isolation < STRAND_READ_COMMITTED || options->isolation > STRAND_READ_WRITTEN))
        status = strand_fail(STRAND_ERR_INVALID, "cursor options: unknown isolation %" PRId32,
                             options->isolation);
    return status;
}

static int
resolve(struct strand_log *log, int64_t offset, int isolation, int64_t *out_offset)
{
    if (offset < 0 && offset != STRAND_EARLIEST && offset != STRAND_LATEST)
        return strand_fail(STRAND_ERR_INVALID, "read %s: offset %" PRId64, log->name, offset);
    strand_mutex_lock(&log->state);
    if (offset == STRAND_EARLIEST)
        offset = log->log_start;
    else if (offset == STRAND_LATEST)
        offset = strand_log_limit_locked(log, isolation);
    strand_mutex_unlock(&log->state);
    *out_offset = offset;
    return STRAND_OK;
}

static void
change_pins(struct strand_log *log, int by)
{
    strand_mutex_lock(&log->state);
    log->pin_count = (uint32_t)((int64_t)log->pin_count + by);
    strand_mutex_unlock(&log->state);
}

int
strand_cursor_open(struct strand_log *log, int64_t offset,
                   const struct strand_cursor_options *options, struct strand_cursor **out_cursor)
{
    static const struct strand_cursor_options defaults = {.struct_size = sizeof defaults};

    options = options != NULL ? options : &defaults;
    int status = strand_log_check(log);
    if (status == STRAND_OK && out_cursor == NULL)
        status = strand_fail(STRAND_ERR_INVALID, "read %s: no place for the cursor was given",
                             log->name);
    if (status == STRAND_OK)
        status = check_cursor_options(options);
    if (status == STRAND_OK)
        status = resolve(log, offset, options->isolation, &offset);
    if (status != STRAND_OK)
        return status;

    struct strand_cursor *cursor = calloc(1, sizeof *cursor);
    if (cursor == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "read %s: a cursor: out of memory", log->name);
    status = strand_buffer_take(log->engine->buffers, 0, &cursor->decompressed);
    if (status != STRAND_OK) {
        free(cursor);
        return status;
    }
    cursor->log = log;
    cursor->options = *options;
    if (cursor->options.fetch_bytes == 0)
        cursor->options.fetch_bytes = STRAND_FETCH_BYTES_DEFAULT;
    cursor->offset = offset;
    strand_record_reader_init(&cursor->reader);
    change_pins(log, 1);
    *out_cursor = cursor;
    return STRAND_OK;
}

/* Forget what was fetched; the next call begins with a fetch at the cursor's offset. */
static void
drop_fetch(struct strand_cursor *cursor)
{
    strand_fetch_release(&cursor->fetch);
    cursor->fetch = (struct strand_fetch){0};
    cursor->at = 0;
    cursor->is_reading = false;
    cursor->has_pending = false;
}

/* A failure is kept for the call after the one that returned what lies in front of it. */
static void
keep_failure(struct strand_cursor *cursor, int status)
{
    cursor->failure = status;
    (void)snprintf(cursor->failure_message, sizeof cursor->failure_message, "%s",
                   strand_error_message());
    strand_error_offsets(&cursor->failure_first, &cursor->failure_next);
}

static int
report_failure(struct strand_cursor *cursor)
{
    int status = strand_fail(cursor->failure, "%s", cursor->failure_message);

    strand_error_set_offsets(cursor->failure_first, cursor->failure_next);
    cursor->failure = STRAND_OK;
    return status;
}

void
strand_cursor_close(struct strand_cursor *cursor)
{
    if (cursor == NULL || strand_log_check(cursor->log) != STRAND_OK)
        return;
    drop_fetch(cursor);
    strand_record_reader_deinit(&cursor->reader);
    strand_buffer_put(cursor->log->engine->buffers, cursor->decompressed);
    change_pins(cursor->log, -1);
    free(cursor);
}

int64_t
strand_cursor_offset(const struct strand_cursor *cursor)
{
    return cursor == NULL ? -1 : cursor->offset;
}

int
strand_cursor_seek(struct strand_cursor *cursor, int64_t offset)
{
    if (cursor == NULL)
        return strand_fail(STRAND_ERR_INVALID, "seek: no cursor was given");
    int status = strand_log_check(cursor->log);
    if (status == STRAND_OK)
        status = resolve(cursor->log, offset, cursor->options.isolation, &offset);
    if (status != STRAND_OK)
        return status;
    drop_fetch(cursor);
    cursor->failure = STRAND_OK;
    cursor->offset = offset;
    return STRAND_OK;
}

/* ---- Going forward ---- */

/* Stand behind what cannot be read.  Returns STATUS with its sentence. */
static int
skip_to(struct strand_cursor *cursor, int64_t offset, int status)
{
    drop_fetch(cursor);
    cursor->offset = offset;
    return status;
}

static int
fetch_more(struct strand_cursor *cursor)
{
    drop_fetch(cursor);
    int status = strand_log_fetch_unchecked(cursor->log, cursor->offset, cursor->options.isolation,
                                            cursor->options.fetch_bytes, &cursor->fetch);
    if (status == STRAND_ERR_CORRUPT) {
        int64_t first, next;
        strand_error_offsets(&first, &next);
        return skip_to(cursor, next > cursor->offset ? next : cursor->offset + 1, status);
    }
    if (status == STRAND_OK && cursor->fetch.size == 0) {
        drop_fetch(cursor);
        return STRAND_END;
    }
    return status;
}

/* A batch that the reader refused: its offsets are reported, the cursor goes behind it. */
static int
refuse_batch(struct strand_cursor *cursor, int64_t first, int64_t next, int status)
{
    char reason[STRAND_ERROR_MESSAGE_SIZE_MAX / 2];

    if (status == STRAND_ERR_NO_MEMORY)
        return status;
    (void)snprintf(reason, sizeof reason, "%s", strand_error_message());
    if (status == STRAND_ERR_CODEC) {
        status = strand_fail(status, "read %s: offsets %" PRId64 " to %" PRId64 ": %s",
                             cursor->log->name, first, next - 1, reason);
        strand_error_set_offsets(first, next);
    } else {
        status = strand_log_fail_read(cursor->log, first, next, status);
    }
    return status == STRAND_ERR_TRUNCATED ? status : skip_to(cursor, next, status);
}

static int
open_batch(struct strand_cursor *cursor)
{
    const uint8_t *batch = (const uint8_t *)cursor->fetch.data + cursor->at;
    int64_t first = strand_batch_base_offset(batch);
    int64_t next = strand_batch_end_offset(batch);

    first = first > cursor->offset ? first : cursor->offset;
    int status = strand_batch_check(batch, cursor->fetch.size - cursor->at);
    if (status != STRAND_OK)
        return refuse_batch(cursor, first, next, status);
    cursor->at += (size_t)strand_batch_size(batch);
    cursor->batch_end = next;
    if (!cursor->options.include_control &&
        (strand_batch_attributes(batch) & STRAND_BATCH_CONTROL) != 0) {
        cursor->offset = next;
        return STRAND_OK;
    }
    status = strand_record_reader_open(&cursor->reader, batch, cursor->log->engine->codecs,
                                       cursor->decompressed);
    if (status != STRAND_OK)
        return refuse_batch(cursor, first, next, status);
    cursor->is_reading = true;
    return STRAND_OK;
}

/* One step: a record (STRAND_OK, *OUT_HAS), a batch or fetch further (STRAND_OK), or the end. */
static int
step(struct strand_cursor *cursor, struct strand_record *record, bool *out_has)
{
    *out_has = false;
    if (!cursor->is_reading)
        return cursor->at < cursor->fetch.size ? open_batch(cursor) : fetch_more(cursor);

    int status = strand_record_reader_next(&cursor->reader, record);
    if (status == STRAND_END) {
        cursor->is_reading = false;
        cursor->offset = cursor->batch_end;
        return STRAND_OK;
    }
    if (status != STRAND_OK)
        return refuse_batch(cursor, cursor->offset, cursor->batch_end, status);
    *out_has = record->offset >= cursor->offset;
    return STRAND_OK;
}

static int
find_next(struct strand_cursor *cursor, struct strand_record *record)
{
    bool has_record = false;
    int status = STRAND_OK;

    while (status == STRAND_OK && !has_record)
        status = step(cursor, record, &has_record);
    return status;
}

int
strand_cursor_next(struct strand_cursor *cursor, struct strand_record *out_record)
{
    if (cursor == NULL || out_record == NULL)
        return strand_fail(STRAND_ERR_INVALID, "read: no %s was given",
                           cursor == NULL ? "cursor" : "place for the record");
    int status = strand_log_check(cursor->log);
    if (status != STRAND_OK)
        return status;
    if (cursor->failure != STRAND_OK)
        return report_failure(cursor);
    if (cursor->has_pending) {
        *out_record = cursor->pending;
        cursor->has_pending = false;
    } else {
        struct strand_record record;
        status = find_next(cursor, &record);
        if (status != STRAND_OK)
            return status;
        *out_record = record;
    }
    cursor->offset = out_record->offset + 1;
    return STRAND_OK;
}

/* ---- The flat buffer ---- */

enum { FLAT_ALIGNMENT = 8 };

static size_t
flat_size(const struct strand_record *record)
{
    size_t size = sizeof(struct strand_flat_record) + record->key.size + record->value.size;

    for (size_t i = 0; i < record->header_count; i++)
        size += 2 * sizeof(int32_t) + record->headers[i].key.size + record->headers[i].value.size;
    return (size + FLAT_ALIGNMENT - 1) / FLAT_ALIGNMENT * FLAT_ALIGNMENT;
}

static int32_t
size_or_null(const struct strand_bytes *bytes)
{
    return bytes->data == NULL ? -1 : (int32_t)bytes->size;
}

static uint8_t *
put_bytes(uint8_t *to, const void *data, size_t size)
{
    if (size > 0)
        memcpy(to, data, size);
    return to + size;
}

static void
put_flat(uint8_t *to, size_t size, const struct strand_record *record)
{
    struct strand_flat_record head = {
        .size = (uint32_t)size,
        .flags = record->flags,
        .offset = record->offset,
        .timestamp_ms = record->timestamp_ms,
        .leader_epoch = record->leader_epoch,
        .key_size = size_or_null(&record->key),
        .value_size = size_or_null(&record->value),
        .header_count = (int32_t)record->header_count,
    };
    uint8_t *end = to + size;

    to = put_bytes(to, &head, sizeof head);
    to = put_bytes(to, record->key.data, record->key.size);
    to = put_bytes(to, record->value.data, record->value.size);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct strand_header *header = &record->headers[i];
        int32_t sizes[2] = {(int32_t)header->key.size, size_or_null(&header->value)};

        to = put_bytes(to, sizes, sizeof sizes);
        to = put_bytes(to, header->key.data, header->key.size);
        to = put_bytes(to, header->value.data, header->value.size);
    }
    memset(to, 0, (size_t)(end - to));
}

static int
check_flat_arguments(const struct strand_cursor *cursor, const void *buffer, size_t buffer_size,
                     const size_t *out_size, const size_t *out_count)
{
    const char *missing = cursor == NULL                      ? "cursor"
                          : buffer == NULL && buffer_size > 0 ? "buffer"
                          : out_size == NULL                  ? "place for the size"
                          : out_count == NULL                 ? "place for the count"
                                                              : NULL;

    return missing == NULL
               ? STRAND_OK
               : strand_fail(STRAND_ERR_INVALID, "read into a buffer: no %s was given", missing);
}

/* Keep a record that did not fit for the next call. */
static void
keep(struct strand_cursor *cursor, const struct strand_record *record)
{
    cursor->pending = *record;
    cursor->has_pending = true;
    cursor->offset = record->offset;
}

int
strand_cursor_read(struct strand_cursor *cursor, void *buffer, size_t buffer_size, size_t *out_size,
                   size_t *out_count)
{
    struct strand_record record;
    size_t used = 0;
    size_t count = 0;

    int status = check_flat_arguments(cursor, buffer, buffer_size, out_size, out_count);
    if (status != STRAND_OK)
        return status;
    while ((status = strand_cursor_next(cursor, &record)) == STRAND_OK) {
        size_t size = flat_size(&record);

        if (size > buffer_size - used) {
            keep(cursor, &record);
            break;
        }
        put_flat((uint8_t *)buffer + used, size, &record);
        used += size;
        count++;
    }
    if (count == 0 && status == STRAND_OK) {
        *out_size = flat_size(&record);
        return strand_fail(STRAND_ERR_TOO_LARGE,
                           "read %s: the record at offset %" PRId64 " needs %zu bytes",
                           cursor->log->name, record.offset, *out_size);
    }
    if (count == 0)
        return status;
    if (status < 0)
        keep_failure(cursor, status);
    *out_size = used;
    *out_count = count;
    return STRAND_OK;
}
