/* crashtest/check_records.c -- Every record, read as a user would, held against the ledger. */
#include <inttypes.h>

#include "base/error.h"
#include "crashtest/check.h"

/* A log that is being read. */
struct reading {
    struct crashtest_check *check;
    const struct crashtest_ledger_log *expected;
    int32_t log;
    int64_t offset; /* of the record that must come next */
    int64_t end;
};

/* Nothing need be read of a gap. */
static void
skip_gap(struct reading *reading, int64_t until)
{
    while (reading->offset < until && reading->expected->numbers[reading->offset] == 0)
        reading->offset++;
}

/* Offsets, one after the other; what is left out had better never been there. */
static bool
check_offset(struct reading *reading, const struct strand_record *record)
{
    const char *topic = crashtest_topics[reading->log];

    skip_gap(reading, record->offset);
    if (!crashtest_holds(reading->check, CRASHTEST_OFFSETS_UNIQUE,
                         record->offset >= reading->offset,
                         "%s: offset %" PRId64 " comes after %" PRId64, topic, record->offset,
                         reading->offset - 1))
        return false;
    return crashtest_holds(reading->check,
                           reading->expected->is_replicated ? CRASHTEST_PREFIX_KEPT
                                                            : CRASHTEST_OFFSETS_CONTIGUOUS,
                           record->offset == reading->offset,
                           "%s: offset %" PRId64 " is there, %" PRId64 " before it is not", topic,
                           record->offset, reading->offset);
}

static bool
check_content(const struct reading *reading, const struct strand_record *record)
{
    const struct crashtest_ledger_log *expected = reading->expected;
    uint32_t number = crashtest_record_of_value(record->value.data, record->value.size);
    uint32_t wanted = expected->numbers[record->offset];
    uint32_t other = expected->other_numbers[record->offset];
    const char *topic = crashtest_topics[reading->log];

    if (!crashtest_holds(reading->check, CRASHTEST_NOTHING_INVENTED, number != 0,
                         "%s: the record at %" PRId64 " was never appended", topic, record->offset))
        return false;
    return crashtest_holds(reading->check,
                           reading->offset < expected->durable_end &&
                                   reading->offset >= expected->retried_from
                               ? CRASHTEST_FAILED_SYNC_LATCHES
                               : CRASHTEST_NOTHING_REVIVED,
                           number == wanted || (other != 0 && number == other),
                           "%s: at %" PRId64 " stands record %" PRIu32 " of step %" PRIu32
                           ", not %" PRIu32 " of step %" PRIu32,
                           topic, record->offset, (number - 1) % CRASHTEST_BATCH_MAX,
                           (number - 1) / CRASHTEST_BATCH_MAX, (wanted - 1) % CRASHTEST_BATCH_MAX,
                           (wanted - 1) / CRASHTEST_BATCH_MAX);
}

static bool
check_epoch(const struct reading *reading, const struct strand_record *record)
{
    const struct crashtest_ledger_log *expected = reading->expected;
    int32_t epoch = expected->epochs[record->offset], asked = -1;
    bool may_differ = expected->other_numbers[record->offset] != 0 || expected->maybe_epoch >= 0;

    if (!crashtest_holds(
            reading->check, CRASHTEST_EPOCHS_AGREE, may_differ || record->leader_epoch == epoch,
            "%s: offset %" PRId64 " has epoch %" PRId32 ", not %" PRId32,
            crashtest_topics[reading->log], record->offset, record->leader_epoch, epoch))
        return false;
    int status = strand_log_epoch_for_offset(reading->check->driver.logs[reading->log],
                                             record->offset, &asked);
    return crashtest_holds(
        reading->check, CRASHTEST_EPOCHS_AGREE,
        status == STRAND_OK && asked == record->leader_epoch,
        "%s: offset %" PRId64 " has epoch %" PRId32 ", the history says %" PRId32,
        crashtest_topics[reading->log], record->offset, record->leader_epoch, asked);
}

static bool
read_all(struct reading *reading, struct strand_cursor *cursor)
{
    struct strand_record record;
    int status;

    while ((status = strand_cursor_next(cursor, &record)) == STRAND_OK) {
        if (!crashtest_holds(reading->check, CRASHTEST_READERS_BOUNDED,
                             record.offset < reading->end,
                             "%s: offset %" PRId64 " is read, the log ends at %" PRId64,
                             crashtest_topics[reading->log], record.offset, reading->end) ||
            !check_offset(reading, &record) || !check_content(reading, &record) ||
            !check_epoch(reading, &record))
            return false;
        reading->offset = record.offset + 1;
    }
    skip_gap(reading, reading->end);
    return crashtest_holds(reading->check, CRASHTEST_ACKNOWLEDGED_PRESENT, status == STRAND_END,
                           "%s: reading at %" PRId64 ": %s", crashtest_topics[reading->log],
                           reading->offset, strand_error_message()) &&
           crashtest_holds(reading->check, CRASHTEST_OFFSETS_CONTIGUOUS,
                           reading->offset == reading->end,
                           "%s: records end at %" PRId64 ", the log at %" PRId64,
                           crashtest_topics[reading->log], reading->offset, reading->end);
}

/* At the end there is nothing yet, and beyond it nothing can be asked for. */
static bool
check_beyond(const struct reading *reading)
{
    struct strand_fetch_options options = {.struct_size = sizeof options,
                                           .isolation = STRAND_READ_WRITTEN};
    struct strand_log *log = reading->check->driver.logs[reading->log];
    struct strand_fetch fetch = {0};

    int at_end = strand_log_fetch(log, reading->end, &options, &fetch);
    size_t size = fetch.size;
    strand_fetch_release(&fetch);
    fetch = (struct strand_fetch){0};
    int behind = strand_log_fetch(log, reading->end + 1, &options, &fetch);
    strand_fetch_release(&fetch);
    return crashtest_holds(reading->check, CRASHTEST_READERS_BOUNDED,
                           at_end == STRAND_OK && size == 0 && behind == STRAND_ERR_OUT_OF_RANGE,
                           "%s: a fetch at the log end %" PRId64
                           " gives status %d and %zu bytes, behind it status %d",
                           crashtest_topics[reading->log], reading->end, at_end, size, behind);
}

bool
crashtest_check_records(struct crashtest_check *check, int32_t log, int64_t start, int64_t end)
{
    struct strand_cursor_options options = {.struct_size = sizeof options,
                                            .isolation = STRAND_READ_WRITTEN};
    struct reading reading = {.check = check,
                              .expected = &check->driver.ledger.logs[log],
                              .log = log,
                              .offset = start,
                              .end = end};
    struct strand_cursor *cursor = NULL;

    int status = strand_cursor_open(check->driver.logs[log], start, &options, &cursor);
    bool is_right =
        crashtest_holds(check, CRASHTEST_ACKNOWLEDGED_PRESENT, status == STRAND_OK,
                        "%s: cannot be read: %s", crashtest_topics[log], strand_error_message()) &&
        read_all(&reading, cursor);
    strand_cursor_close(cursor);
    return is_right && check_beyond(&reading);
}
