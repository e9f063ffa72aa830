/* crashtest/check_index.c -- Whatever is looked up is where a scan finds it, with an index as the
 * crash has left it and with a complete one.
 *
 * Looking up is learning: what a search has walked over the index gets from memory.  So every other
 * state is asked at once, and the index of the rest is completed before, by walks of its own.
 *
 * Batches come from the files, timestamps from a cursor, which asks no index.
 */
#include "crashtest/check_index_internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "engine/engine_internal.h"
#include "engine/indexer.h"

/* What a scan finds in one log. */
struct truth {
    struct crashtest_check *check;
    struct strand_log *log; /* borrowed */
    const char *when;       /* for sentences */
    struct strand_positions positions;
    struct crashtest_raw_log raw;
    size_t record_count;
    int64_t offsets[CRASHTEST_OFFSETS];
    int64_t timestamps[CRASHTEST_OFFSETS];
    size_t rise_count;
    size_t rises[CRASHTEST_OFFSETS]; /* records that are later than all before them */
};

/* ---- The scan ---- */

static void
note_record(struct truth *truth, const struct strand_record *record)
{
    size_t i = truth->record_count++;
    size_t rises = truth->rise_count;

    truth->offsets[i] = record->offset;
    truth->timestamps[i] = record->timestamp_ms;
    if (rises == 0 || record->timestamp_ms > truth->timestamps[truth->rises[rises - 1]])
        truth->rises[truth->rise_count++] = i;
}

static bool
scan_records(struct truth *truth)
{
    struct strand_cursor_options options = {.struct_size = sizeof options,
                                            .isolation = STRAND_READ_WRITTEN};
    struct strand_cursor *cursor = NULL;
    struct strand_record record;

    int status = strand_cursor_open(truth->log, truth->positions.log_start, &options, &cursor);
    while (status == STRAND_OK && truth->record_count < CRASHTEST_OFFSETS &&
           (status = strand_cursor_next(cursor, &record)) == STRAND_OK)
        note_record(truth, &record);
    strand_cursor_close(cursor);
    return crashtest_holds(truth->check, CRASHTEST_LOOKUPS_EXACT, status == STRAND_END,
                           "%s: reading behind %zu records: %s", truth->raw.directory,
                           truth->record_count, strand_error_message());
}

static bool
scan(struct truth *truth, int32_t log)
{
    crashtest_raw_log_read(&truth->check->driver, log, &truth->raw);
    return crashtest_holds(truth->check, CRASHTEST_LOOKUPS_EXACT,
                           strand_log_positions(truth->log, &truth->positions) == STRAND_OK,
                           "%s: %s", truth->raw.directory, strand_error_message()) &&
           scan_records(truth);
}

/* ---- Offsets ---- */

/* The first batch that is returned is the one that the scan has; behind the last there is none. */
static bool
ask_offset(struct truth *truth, int64_t offset)
{
    struct strand_fetch_options options = {
        .struct_size = sizeof options, .isolation = STRAND_READ_WRITTEN, .max_bytes = 1};
    const struct crashtest_raw_batch *batch = crashtest_raw_log_batch(&truth->raw, offset);
    struct strand_fetch fetch = {.size = 0};
    bool is_right = false;

    int status = strand_log_fetch(truth->log, offset, &options, &fetch);
    if (status == STRAND_OK && batch != NULL)
        is_right = fetch.size == (size_t)batch->size && fetch.next_offset == batch->end_offset &&
                   memcmp(fetch.data, batch->data, fetch.size) == 0;
    else if (status == STRAND_OK)
        is_right = fetch.size == 0;
    is_right = crashtest_holds(
        truth->check, CRASHTEST_LOOKUPS_EXACT, is_right,
        "%s, %s: fetching offset %" PRId64 " gives %zu bytes up to offset %" PRId64
        " (%s), the batch there has %" PRId64 " up to %" PRId64,
        truth->raw.directory, truth->when, offset, fetch.size, fetch.next_offset,
        status == STRAND_OK ? "success" : strand_error_message(), batch != NULL ? batch->size : 0,
        batch != NULL ? batch->end_offset : offset);
    strand_fetch_release(&fetch);
    return is_right;
}

static bool
ask_outside(struct truth *truth, int64_t offset)
{
    struct strand_fetch_options options = {.struct_size = sizeof options,
                                           .isolation = STRAND_READ_WRITTEN};
    struct strand_fetch fetch = {.size = 0};

    int status = strand_log_fetch(truth->log, offset, &options, &fetch);
    strand_fetch_release(&fetch);
    return crashtest_holds(truth->check, CRASHTEST_READERS_BOUNDED,
                           status == STRAND_ERR_OUT_OF_RANGE,
                           "%s, %s: offset %" PRId64 " lies outside, and is fetched: status %d",
                           truth->raw.directory, truth->when, offset, status);
}

static bool
ask_offsets(struct truth *truth)
{
    int64_t end = truth->positions.log_end;
    bool is_right =
        ask_outside(truth, end + 1) &&
        (truth->positions.log_start == 0 || ask_outside(truth, truth->positions.log_start - 1));

    for (int64_t offset = truth->positions.log_start; offset <= end && is_right; offset++)
        is_right = ask_offset(truth, offset);
    return is_right;
}

/* ---- Timestamps ---- */

/* The first record that is at TIMESTAMP_MS or later; the number of records: there is none. */
static size_t
find_first(const struct truth *truth, int64_t timestamp_ms)
{
    size_t low = 0;
    size_t high = truth->rise_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (truth->timestamps[truth->rises[middle]] >= timestamp_ms)
            high = middle;
        else
            low = middle + 1;
    }
    return low < truth->rise_count ? truth->rises[low] : truth->record_count;
}

/* Asked for TIMESTAMP_MS, or MAX_TIMESTAMP, the answer is record number EXPECTED. */
static bool
ask_time(struct truth *truth, int64_t timestamp_ms, size_t expected)
{
    bool is_any = expected < truth->record_count;
    int64_t offset = -1;
    int64_t found_ms = -1;

    int status = strand_log_offset_for_timestamp(truth->log, timestamp_ms, STRAND_READ_WRITTEN,
                                                 &offset, &found_ms);
    bool is_right = is_any ? status == STRAND_OK && offset == truth->offsets[expected] &&
                                 found_ms == truth->timestamps[expected]
                           : status == STRAND_END;
    return crashtest_holds(truth->check, CRASHTEST_LOOKUPS_EXACT, is_right,
                           "%s, %s: time %" PRId64 " leads to offset %" PRId64 " (time %" PRId64
                           ", status %d), a scan to %" PRId64,
                           truth->raw.directory, truth->when, timestamp_ms, offset, found_ms,
                           status, is_any ? truth->offsets[expected] : -1);
}

static bool
ask_around(struct truth *truth, int64_t timestamp_ms)
{
    bool is_right = true;

    for (int64_t t = timestamp_ms - 1; t <= timestamp_ms + 1 && is_right; t++)
        is_right = t < 0 || ask_time(truth, t, find_first(truth, t));
    return is_right;
}

static bool
ask_position(struct truth *truth, int64_t timestamp_ms, int64_t expected)
{
    int64_t offset = -1;
    int status = strand_log_offset_for_timestamp(truth->log, timestamp_ms, STRAND_READ_WRITTEN,
                                                 &offset, NULL);

    return crashtest_holds(truth->check, CRASHTEST_LOOKUPS_EXACT,
                           status == STRAND_OK && offset == expected,
                           "%s, %s: time %" PRId64 " leads to offset %" PRId64 ", not %" PRId64,
                           truth->raw.directory, truth->when, timestamp_ms, offset, expected);
}

static bool
ask_times(struct truth *truth)
{
    size_t latest = truth->rise_count > 0 ? truth->rises[truth->rise_count - 1] : 0;
    bool is_right = ask_position(truth, STRAND_EARLIEST, truth->positions.log_start) &&
                    ask_position(truth, STRAND_LATEST, truth->positions.log_end) &&
                    ask_time(truth, STRAND_MAX_TIMESTAMP, latest);

    for (size_t i = 0; i < truth->record_count && is_right; i++)
        if (i == 0 || truth->timestamps[i] != truth->timestamps[i - 1])
            is_right = ask_around(truth, truth->timestamps[i]);
    return is_right;
}

/* ---- Both, twice ---- */

static bool
ask_all(struct truth *truth, const char *when)
{
    truth->when = when;
    return ask_offsets(truth) && ask_times(truth);
}

static bool
check_content(struct truth *truth, struct strand_index *index, const char *when)
{
    return crashtest_check_index_content(truth->check, index, &truth->raw, truth->positions.log_end,
                                         when);
}

/* All that recovery has kept is durable, and goes to the index. */
static bool
complete(struct crashtest_check *check)
{
    int64_t left = INT64_MAX;
    int64_t before;
    int status;

    do {
        before = left;
        status = strand_indexer_step(&check->driver.engine->indexer, &left);
    } while (status == STRAND_OK && left > 0 && left < before);
    return crashtest_holds(check, CRASHTEST_INDEX_TRUE, status == STRAND_OK && left == 0,
                           "the index is not brought up to date: %s, %" PRId64 " bytes are left",
                           status == STRAND_OK ? "success" : strand_error_message(), left);
}

static bool
ask_as_it_is(struct truth *truth, struct strand_index *index)
{
    static const char WHEN[] = "after opening";
    /* An index that is in use is behind the log for a while. */
    bool is_late = (truth->check->looks & CRASHTEST_LOOK_FULL) != 0;
    bool is_to_be_asked = truth->check->state->note_count % 2 == 0;

    return (is_late || check_content(truth, index, WHEN)) &&
           (!is_to_be_asked || ask_all(truth, WHEN));
}

static bool
ask_complete(struct truth *truth, struct strand_index *index)
{
    static const char WHEN[] = "with a complete index";

    return complete(truth->check) && check_content(truth, index, WHEN) && ask_all(truth, WHEN);
}

bool
crashtest_check_index(struct crashtest_check *check, int32_t log)
{
    struct strand_index *index = strand_indexer_usable(&check->driver.engine->indexer);
    struct truth truth;

    truth.check = check;
    truth.log = check->driver.logs[log];
    truth.record_count = 0;
    truth.rise_count = 0;
    return crashtest_holds(check, CRASHTEST_INDEX_TRUE, index != NULL, "there is no index") &&
           scan(&truth, log) && ask_as_it_is(&truth, index) && ask_complete(&truth, index);
}
