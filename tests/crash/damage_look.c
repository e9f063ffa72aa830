/* tests/crash/damage_look.c -- Open a damaged directory and ask it everything it can be asked.
 *
 * A record that is served must be the one that was appended at its offset, whatever was damaged;
 * its leader epoch, which no CRC covers, is noted instead.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "crash/damage_sweep.h"

enum { READS_MAX = 4 * SWEEP_OFFSETS, TIME_STRIDE = 3 };

struct look {
    const struct sweep_reference *reference;
    const struct sweep_opening *opening;
    struct sweep_answers *answers;
    struct strand_engine *engine;
};

void
sweep_violate(struct sweep_answers *answers, const char *format, ...)
{
    va_list args;

    if (answers->violation[0] != '\0')
        return;
    va_start(args, format);
    (void)vsnprintf(answers->violation, sizeof answers->violation, format, args);
    va_end(args);
}

static void
note(void *context, int level, const char *text)
{
    struct sweep_answers *answers = context;
    size_t used = strlen(answers->notices);

    if (level <= 4)
        (void)snprintf(answers->notices + used, sizeof answers->notices - used, "%s\n", text);
}

static int
number_of(const char *topic, int32_t partition)
{
    for (int log = 0; log < SWEEP_LOGS; log++)
        if (strcmp(topic, SWEEP_TOPICS[log]) == 0 && partition == log)
            return log;
    return -1;
}

static int
note_info(void *context, const struct strand_log_info *info)
{
    struct sweep_answers *answers = context;
    int log = number_of(info->topic, info->partition);

    if (log < 0) {
        sweep_violate(answers, "there is a log %s-%" PRId32, info->topic, info->partition);
        return STRAND_OK;
    }
    answers->logs[log].is_listed = true;
    answers->logs[log].state = info->state;
    if (info->state != STRAND_LOG_HEALTHY && info->reason[0] == '\0')
        sweep_violate(answers, "%s is not healthy, and no reason is given", info->topic);
    return STRAND_OK;
}

static int
note_report(void *context, const struct strand_recovery_report *report)
{
    struct sweep_answers *answers = context;
    int log = number_of(report->topic, report->partition);

    if (log < 0)
        return STRAND_OK;
    struct sweep_log_answers *found = &answers->logs[log];
    found->verdict = report->verdict;
    found->cut_first = report->cut_first_offset;
    found->lost_epochs = report->epochs_before < 0;
    (void)snprintf(found->reason, sizeof found->reason, "%s", report->reason);
    return STRAND_OK;
}

/* ---- Records ---- */

static bool
is_equal(const struct strand_bytes *a, const struct strand_bytes *b)
{
    if (a->data == NULL || b->data == NULL)
        return a->data == b->data;
    return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

static bool
is_same_record(const struct strand_record *a, const struct strand_record *b)
{
    bool is_same = a->timestamp_ms == b->timestamp_ms && is_equal(&a->key, &b->key) &&
                   is_equal(&a->value, &b->value) && a->header_count == b->header_count;

    for (size_t i = 0; is_same && i < a->header_count; i++)
        is_same = is_equal(&a->headers[i].key, &b->headers[i].key) &&
                  is_equal(&a->headers[i].value, &b->headers[i].value);
    return is_same;
}

/* A whole batch that was appended to another log, or claims another offset. */
static void
note_stranger(struct sweep_log_answers *found, int log, int64_t offset)
{
    (void)snprintf(found->stranger, sizeof found->stranger,
                   "%s: what is served at offset %" PRId64 " was not appended there",
                   SWEEP_TOPICS[log], offset);
}

static void
note_record(const struct look *look, int log, const struct strand_record *record)
{
    struct sweep_log_answers *found = &look->answers->logs[log];
    struct strand_record expected;

    if (record->offset < 0 || record->offset >= look->reference->logs[log].end) {
        note_stranger(found, log, record->offset);
        return;
    }
    sweep_record_make(look->reference, log, record->offset, &expected);
    if (found->served[record->offset] != SWEEP_ABSENT)
        sweep_violate(look->answers, "%s: offset %" PRId64 " is served twice", SWEEP_TOPICS[log],
                      record->offset);
    found->served[record->offset] =
        record->leader_epoch == expected.leader_epoch ? SWEEP_EQUAL : SWEEP_OTHER_EPOCH;
    if (!is_same_record(record, &expected))
        note_stranger(found, log, record->offset);
}

static void
note_failure(const struct look *look, int log, int status)
{
    int64_t first, next;

    strand_error_offsets(&first, &next);
    if (status != STRAND_ERR_CORRUPT || first < 0 || next <= first) {
        sweep_violate(look->answers, "%s: a read gives %d [%" PRId64 ", %" PRId64 "): %s",
                      SWEEP_TOPICS[log], status, first, next, strand_error_message());
        return;
    }
    for (int64_t offset = first; offset < next && offset < SWEEP_OFFSETS; offset++)
        look->answers->logs[log].is_told[offset] = true;
}

static void
read_all(const struct look *look, int log, struct strand_log *handle)
{
    struct strand_cursor_options options = {.struct_size = sizeof options,
                                            .isolation = STRAND_READ_WRITTEN};
    struct strand_cursor *cursor = NULL;
    struct strand_record record;
    int status = strand_cursor_open(handle, STRAND_EARLIEST, &options, &cursor);
    int reads = 0;

    for (; status != STRAND_END && reads < READS_MAX; reads++) {
        status = cursor == NULL ? status : strand_cursor_next(cursor, &record);
        if (status == STRAND_OK)
            note_record(look, log, &record);
        else if (status != STRAND_END)
            note_failure(look, log, status);
        if (cursor == NULL)
            break;
    }
    if (reads == READS_MAX)
        sweep_violate(look->answers, "%s: reading does not end", SWEEP_TOPICS[log]);
    strand_cursor_close(cursor);
}

/* ---- The rest ---- */

static int
note_epoch(void *context, const struct strand_leader_epoch *epoch)
{
    struct sweep_log_answers *found = context;

    if (found->epoch_count < SWEEP_EPOCHS)
        found->epochs[found->epoch_count] = *epoch;
    found->epoch_count++;
    return STRAND_OK;
}

static void
ask_times(const struct look *look, int log, struct strand_log *handle)
{
    struct sweep_log_answers *found = &look->answers->logs[log];
    struct strand_record record;

    for (int64_t offset = 0; offset < look->reference->logs[log].end; offset += TIME_STRIDE) {
        sweep_record_make(look->reference, log, offset, &record);
        int status = strand_log_offset_for_timestamp(
            handle, record.timestamp_ms, STRAND_READ_WRITTEN, &found->at_time[offset], NULL);
        if (status == STRAND_END)
            found->at_time[offset] = INT64_MAX;
        else if (status != STRAND_OK)
            found->at_time[offset] = status;
    }
}

static void
append_one(const struct look *look, int log, struct strand_log *handle)
{
    struct strand_record record = {.value = strand_bytes("new", 3)};
    struct strand_cursor_options options = {.struct_size = sizeof options,
                                            .isolation = STRAND_READ_WRITTEN};
    int64_t end = look->answers->logs[log].positions.log_end;
    struct strand_cursor *cursor = NULL;
    struct strand_appended appended = {0};

    int status = strand_log_append(handle, &record, 1, NULL, &appended);
    if (status == STRAND_OK && appended.base_offset != end)
        sweep_violate(look->answers, "%s ends at %" PRId64 ", and %" PRId64 " is given out",
                      SWEEP_TOPICS[log], end, appended.base_offset);
    if (status == STRAND_OK)
        status = strand_cursor_open(handle, end, &options, &cursor);
    if (status == STRAND_OK)
        status = strand_cursor_next(cursor, &record);
    if (status != STRAND_OK)
        sweep_violate(look->answers, "%s is healthy and does not take a record: %s",
                      SWEEP_TOPICS[log], strand_error_message());
    else if (record.offset != end || record.value.size != 3)
        sweep_violate(look->answers, "%s: the new record is not read", SWEEP_TOPICS[log]);
    strand_cursor_close(cursor);
}

static void
ask_log(const struct look *look, int log)
{
    struct strand_log_options options = {.struct_size = sizeof options,
                                         .flags = STRAND_LOG_MUST_EXIST};
    struct sweep_log_answers *found = &look->answers->logs[log];
    struct strand_log *handle = NULL;

    int status = strand_log_open(look->engine, SWEEP_TOPICS[log], log, &options, &handle);
    if (status != STRAND_OK) {
        if (found->state != STRAND_LOG_FAILED)
            sweep_violate(look->answers, "%s does not open: %s", SWEEP_TOPICS[log],
                          strand_error_message());
        return;
    }
    found->is_open = true;
    if (strand_log_positions(handle, &found->positions) != STRAND_OK ||
        strand_log_list_epochs(handle, note_epoch, found) != STRAND_OK)
        sweep_violate(look->answers, "%s: %s", SWEEP_TOPICS[log], strand_error_message());
    read_all(look, log, handle);
    ask_times(look, log, handle);
    if (look->opening->appends && found->state == STRAND_LOG_HEALTHY)
        append_one(look, log, handle);
    if (strand_log_close(handle) != STRAND_OK)
        sweep_violate(look->answers, "%s does not close: %s", SWEEP_TOPICS[log],
                      strand_error_message());
}

void
sweep_look(const struct sweep_reference *reference, struct strand_sim_disk *disk,
           const struct sweep_opening *opening, struct sweep_answers *out_answers)
{
    struct strand_engine_options options = {.struct_size = sizeof options,
                                            .flags = STRAND_ENGINE_NO_THREADS | opening->flags,
                                            .recovery_policy = (int32_t)opening->policy,
                                            .fs = strand_sim_disk_fs(disk),
                                            .notice = note,
                                            .notice_context = out_answers};
    struct look look = {.reference = reference, .opening = opening, .answers = out_answers};

    memset(out_answers, 0, sizeof *out_answers);
    out_answers->open_status = strand_engine_open(SWEEP_DATA, &options, &look.engine);
    if (out_answers->open_status != STRAND_OK) {
        (void)snprintf(out_answers->sentence, sizeof out_answers->sentence, "%s",
                       strand_error_message());
        return;
    }
    if (strand_engine_list(look.engine, note_info, out_answers) != STRAND_OK ||
        strand_engine_recovery_report(look.engine, note_report, out_answers) != STRAND_OK)
        sweep_violate(out_answers, "%s", strand_error_message());
    for (int log = 0; log < SWEEP_LOGS; log++)
        if (out_answers->logs[log].is_listed)
            ask_log(&look, log);
    if (strand_engine_close(look.engine) != STRAND_OK)
        sweep_violate(out_answers, "the engine does not close: %s", strand_error_message());
}
