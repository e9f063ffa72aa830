/* tests/support/real_verify.c -- A log is read once, into a list; everything else is asked of the
 * list.
 */
#define _GNU_SOURCE
#include "support/real_verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "strandline/strandline.h"
#include "support/real_mount.h"
#include "support/real_verify_internal.h"

enum { SEARCHES = 4, BATCH_LAST_DELTA = 23 };

struct real_view real_view;

_Noreturn void
real_violated(const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    real_die(0, "log %d, [%" PRId64 ", %" PRId64 "), was [%" PRId64 ", %" PRId64 "): %s",
             real_view.index, real_view.positions.log_start, real_view.positions.log_end,
             real_view.promised->log_start, real_view.promised->log_end, text);
}

const struct real_event *
real_pending_event(void)
{
    int count = atomic_load(&real_view.promised->event_count);

    if (count == 0 || atomic_load(&real_view.promised->events[count - 1].has_done))
        return NULL;
    return &real_view.promised->events[count - 1];
}

/* ---- What may be, must be and may not be ---- */

enum fate { FATE_AS_PROMISED, FATE_EITHER, FATE_CUT };

static int64_t
batch_end(uint32_t number)
{
    const struct real_entry *entry = &real_view.promised->entries[number];

    return entry->offset - (number - entry->batch_first) + entry->batch_count;
}

/* What truncations have made of a record whose offset is known. */
static enum fate
fate_of(uint32_t number)
{
    const struct real_entry *entry = &real_view.promised->entries[number];
    int count = atomic_load(&real_view.promised->event_count);

    for (int i = 0; i < count; i++) {
        const struct real_event *event = &real_view.promised->events[i];

        if (event->kind != REAL_CUT)
            continue;
        if (atomic_load(&event->has_done)) {
            if (entry->generation < event->after && entry->offset >= event->result)
                return FATE_CUT;
        } else if (entry->generation <= event->before && batch_end(number) > event->asked) {
            return FATE_EITHER;
        }
    }
    return FATE_AS_PROMISED;
}

/* ---- Reading ---- */

static void
check_found(int64_t offset, uint32_t number, int32_t epoch)
{
    const struct real_entry *entry = &real_view.promised->entries[number];
    int state =
        number < real_numbers_drawn(real_view.promised) ? atomic_load(&entry->state) : REAL_UNUSED;

    if (state == REAL_UNUSED)
        real_violated("record %u at offset %" PRId64 " was never appended", number, offset);
    if (state == REAL_GONE)
        real_violated("record %u at offset %" PRId64
                      " is back, which an earlier opening had not found",
                      number, offset);
    if (state == REAL_TRIED)
        return;
    if (entry->offset != offset)
        real_violated("record %u is at offset %" PRId64 ", acknowledged at %" PRId64, number,
                      offset, entry->offset);
    if (entry->epoch != epoch)
        real_violated("offset %" PRId64 " has epoch %" PRId32 ", acknowledged with %" PRId32,
                      offset, epoch, entry->epoch);
    if (fate_of(number) == FATE_CUT)
        real_violated("record %u at offset %" PRId64 " was truncated durably and is there", number,
                      offset);
}

static void
read_log(void)
{
    struct strand_cursor_options options = {.struct_size = sizeof options,
                                            .isolation = STRAND_READ_WRITTEN};
    struct strand_cursor *cursor;
    struct strand_record record;
    uint32_t number;
    int status;

    real_view.found_count = 0;
    if (strand_cursor_open(real_view.log, real_view.positions.log_start, &options, &cursor) !=
        STRAND_OK)
        real_violated("%s", strand_error_message());
    while ((status = strand_cursor_next(cursor, &record)) == STRAND_OK) {
        if (record.offset != real_view.positions.log_start + real_view.found_count)
            real_violated("offset %" PRId64 " follows %" PRId64, record.offset,
                          real_view.positions.log_start + real_view.found_count - 1);
        if (!real_value_read(real_view.index, record.value.data, record.value.size, &number) ||
            number >= REAL_NUMBERS_MAX || record.timestamp_ms != real_timestamp(number))
            real_violated("offset %" PRId64 " has bytes that nobody appended", record.offset);
        if (real_view.found_count == REAL_NUMBERS_MAX)
            real_violated("it has too many records");
        check_found(record.offset, number, record.leader_epoch);
        real_view.found[real_view.found_count++] =
            (struct real_found){number, record.leader_epoch, record.timestamp_ms};
    }
    if (status != STRAND_END)
        real_violated("%s", strand_error_message());
    strand_cursor_close(cursor);
    if (real_view.positions.log_start + real_view.found_count != real_view.positions.log_end)
        real_violated("%" PRId64 " records are there", real_view.found_count);
}

/* Batches come and go as a whole, but for what a trim hides of their front. */
static void
check_batches(void)
{
    for (int64_t i = 0; i < real_view.found_count;) {
        const struct real_entry *entry = &real_view.promised->entries[real_view.found[i].number];
        int64_t hidden = real_view.found[i].number - entry->batch_first;

        if (i > 0 && hidden > 0)
            real_violated("a batch lacks its front at offset %" PRId64,
                          real_view.positions.log_start + i);
        for (uint32_t k = (uint32_t)hidden; k < entry->batch_count; k++, i++)
            if (i >= real_view.found_count || real_view.found[i].number != entry->batch_first + k)
                real_violated("a batch is cut at offset %" PRId64,
                              real_view.positions.log_start + i);
    }
}

/* Every promise about a record whose offset is known; returns how many are lost that were only
 * written. */
static uint32_t
check_promised(void)
{
    uint32_t end = real_numbers_drawn(real_view.promised);
    uint32_t lost = 0;

    for (uint32_t number = real_view.promised->first_number; number < end; number++) {
        const struct real_entry *entry = &real_view.promised->entries[number];
        int state = atomic_load(&entry->state);

        if (state == REAL_TRIED || state == REAL_GONE || state == REAL_UNUSED ||
            entry->offset < real_view.positions.log_start || fate_of(number) != FATE_AS_PROMISED)
            continue;
        int64_t at = entry->offset - real_view.positions.log_start;
        if (at < real_view.found_count && real_view.found[at].number == number)
            continue;
        if (at < real_view.found_count)
            real_violated("record %u is where record %u was appended, at offset %" PRId64,
                          real_view.found[at].number, number, entry->offset);
        if (state != REAL_WRITTEN)
            real_violated("record %u at offset %" PRId64 " was %s and is lost", number,
                          entry->offset,
                          state == REAL_KEPT ? "found by an earlier opening" : "acknowledged");
        lost++;
    }
    return lost;
}

/* ---- Positions ---- */

static void
check_positions(void)
{
    const struct real_event *pending = real_pending_event();
    int count = atomic_load(&real_view.promised->event_count);
    int64_t start = real_view.promised->log_start;

    for (int i = 0; i < count; i++) {
        const struct real_event *event = &real_view.promised->events[i];
        if (event->kind == REAL_TRIM && atomic_load(&event->has_done) && event->asked > start)
            start = event->asked;
    }
    if (real_view.positions.log_start != start &&
        !(pending != NULL && pending->kind == REAL_TRIM &&
          real_view.positions.log_start == pending->asked))
        real_violated("the log start acknowledged is %" PRId64, start);
    if (real_view.positions.log_start > real_view.positions.log_end ||
        real_view.positions.high_watermark != real_view.positions.log_end ||
        real_view.positions.durable_end != real_view.positions.log_end)
        real_violated("high watermark %" PRId64 ", durable end %" PRId64,
                      real_view.positions.high_watermark, real_view.positions.durable_end);
}

/* ---- Searches ---- */

static int64_t
get_big_endian(const uint8_t *bytes, int count)
{
    uint64_t value = 0;

    for (int i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return (int64_t)value;
}

static void
search_offset(int64_t offset)
{
    struct strand_fetch_options options = {
        .struct_size = sizeof options, .isolation = STRAND_READ_WRITTEN, .max_bytes = 1};
    struct strand_fetch fetch;

    if (strand_log_fetch(real_view.log, offset, &options, &fetch) != STRAND_OK)
        real_violated("fetch of %" PRId64 ": %s", offset, strand_error_message());
    int64_t base = get_big_endian(fetch.data, 8);
    int64_t last = base + get_big_endian((const uint8_t *)fetch.data + BATCH_LAST_DELTA, 4);
    if (fetch.size == 0 || offset < base || offset > last)
        real_violated("fetch of %" PRId64 " finds [%" PRId64 ", %" PRId64 "]", offset, base, last);
    strand_fetch_release(&fetch);
}

static void
search_time(int64_t timestamp)
{
    int64_t offset = -1;
    int64_t wanted = 0;

    while (wanted < real_view.found_count && real_view.found[wanted].timestamp < timestamp)
        wanted++;
    int status = strand_log_offset_for_timestamp(real_view.log, timestamp, STRAND_READ_WRITTEN,
                                                 &offset, NULL);
    if (status != (wanted < real_view.found_count ? STRAND_OK : STRAND_END) ||
        (status == STRAND_OK && offset != real_view.positions.log_start + wanted))
        real_violated("time %" PRId64 " is found at %" PRId64 " (status %d), and is at %" PRId64,
                      timestamp, offset, status, real_view.positions.log_start + wanted);
}

static void
check_searches(void)
{
    int64_t largest = -1;
    int64_t offset = -1;
    int64_t timestamp = -1;

    for (int64_t i = 0; i < SEARCHES && real_view.found_count > 0; i++) {
        int64_t at = i * (real_view.found_count - 1) / (SEARCHES - 1);

        search_offset(real_view.positions.log_start + at);
        search_time(real_view.found[at].timestamp);
        search_time(real_view.found[at].timestamp + 1);
    }
    for (int64_t i = 0; i < real_view.found_count; i++)
        if (real_view.found[i].timestamp > largest)
            largest = real_view.found[i].timestamp;
    int status = strand_log_offset_for_timestamp(real_view.log, STRAND_MAX_TIMESTAMP,
                                                 STRAND_READ_WRITTEN, &offset, &timestamp);
    if (status != (real_view.found_count > 0 ? STRAND_OK : STRAND_END) ||
        (status == STRAND_OK && timestamp != largest))
        real_violated("the largest time is %" PRId64 ", found is %" PRId64 " (status %d)", largest,
                      timestamp, status);
}

/* ---- All of it ---- */

/* What was found is what is promised from here on. */
static void
note_found(void)
{
    uint32_t end = real_numbers_drawn(real_view.promised);

    for (int64_t i = 0; i < real_view.found_count; i++) {
        struct real_entry *entry = &real_view.promised->entries[real_view.found[i].number];

        entry->offset = real_view.positions.log_start + i;
        entry->epoch = real_view.found[i].epoch;
        entry->generation = UINT64_MAX; /* marks it for the loop below */
    }
    bool is_first = true;
    for (uint32_t number = real_view.promised->first_number; number < end; number++) {
        struct real_entry *entry = &real_view.promised->entries[number];
        bool is_kept = entry->generation == UINT64_MAX;

        entry->generation = 0;
        atomic_store(&entry->state, is_kept ? REAL_KEPT : REAL_GONE);
        if (is_kept && is_first)
            real_view.promised->first_number = number;
        is_first = is_first && !is_kept;
    }
    if (is_first)
        real_view.promised->first_number = end;
    real_view.promised->log_start = real_view.positions.log_start;
    real_view.promised->log_end = real_view.positions.log_end;
    real_view.promised->epoch_count = real_view.epochs.count;
    memcpy(real_view.promised->epochs, real_view.epochs.entries,
           real_view.epochs.count * sizeof real_view.epochs.entries[0]);
    atomic_store(&real_view.promised->event_count, 0);
    real_view.promised->is_created = true;
}

static uint32_t
verify_log(struct real_findings *findings, pthread_mutex_t *lock)
{
    const struct real_event *pending = real_pending_event();

    memset(&real_view.positions, 0, sizeof real_view.positions);
    real_view.epochs.count = 0;
    if (strand_log_positions(real_view.log, &real_view.positions) != STRAND_OK ||
        strand_log_list_epochs(real_view.log, real_note_epoch, &real_view.epochs) != STRAND_OK)
        real_violated("%s", strand_error_message());
    read_log();
    check_batches();
    uint32_t lost = check_promised();
    if (real_view.promised->is_created) {
        check_positions();
        real_verify_epochs();
    }
    check_searches();
    if (pending != NULL)
        findings->interrupted[pending->kind]++;
    findings->records += (uint64_t)real_view.found_count;
    findings->written_lost += lost;
    (void)pthread_mutex_lock(lock);
    note_found();
    (void)pthread_mutex_unlock(lock);
    return lost;
}

struct report_sum {
    struct real_findings *findings;
    bool has_cut;
};

static int
note_report(void *context, const struct strand_recovery_report *report)
{
    struct report_sum *sum = context;

    sum->findings->verdicts[report->verdict]++;
    sum->has_cut = sum->has_cut || report->cut_bytes > 0;
    if (report->verdict >= STRAND_VERDICT_CORRUPT)
        real_die(0, "%s-%" PRId32 ": %s", report->topic, report->partition, report->reason);
    return 0;
}

void
real_verify(struct strand_engine *engine, struct strand_log *const logs[REAL_LOGS],
            struct real_promises *promises, struct real_findings *findings, pthread_mutex_t *lock)
{
    struct report_sum sum = {findings, false};
    uint32_t lost = 0;

    if (strand_engine_health(engine) != STRAND_OK ||
        strand_engine_recovery_report(engine, note_report, &sum) != STRAND_OK)
        real_die(0, "health: %s", strand_error_message());
    for (real_view.index = 0; real_view.index < REAL_LOGS; real_view.index++) {
        real_view.promised = &promises->logs[real_view.index];
        real_view.log = logs[real_view.index];
        lost += verify_log(findings, lock);
    }
    findings->openings++;
    findings->openings_lost += lost > 0;
    findings->openings_cut += sum.has_cut;
}
