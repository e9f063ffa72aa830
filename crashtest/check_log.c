/* crashtest/check_log.c -- Whether a log is there, where it begins and ends, and its epochs. */
#include <inttypes.h>

#include "base/error.h"
#include "crashtest/check.h"

/* ---- Whether it is there ---- */

static bool
check_existence(struct crashtest_check *check, int32_t log, int status)
{
    const struct crashtest_ledger_log *expected = &check->driver.ledger.logs[log];
    const char *topic = crashtest_topics[log];

    if (status == STRAND_ERR_NOT_FOUND)
        return crashtest_holds(check, CRASHTEST_ACKNOWLEDGED_PRESENT,
                               !expected->exists || expected->is_open_question,
                               "%s, whose creation was acknowledged, is gone", topic);
    if (!crashtest_holds(check, CRASHTEST_ONLY_TAIL_TORN, status == STRAND_OK,
                         "%s does not open: %s", topic, strand_error_message()))
        return false;
    return crashtest_holds(check, CRASHTEST_NOTHING_REVIVED,
                           expected->exists || expected->is_open_question,
                           "%s is there, though it was deleted or never made", topic);
}

/* ---- Positions ---- */

static bool
check_start(struct crashtest_check *check, int32_t log, const struct strand_positions *found)
{
    const struct crashtest_ledger_log *expected = &check->driver.ledger.logs[log];
    bool is_start = found->log_start == expected->start ||
                    (expected->maybe_start >= 0 && found->log_start == expected->maybe_start) ||
                    (expected->maybe_reset >= 0 && found->log_start == expected->maybe_reset);

    return crashtest_holds(check, CRASHTEST_POSITIONS_ORDERED, is_start,
                           "%s: log start %" PRId64 ", acknowledged was %" PRId64,
                           crashtest_topics[log], found->log_start, expected->start) &&
           crashtest_holds(check, CRASHTEST_POSITIONS_ORDERED,
                           found->log_start <= found->high_watermark &&
                               found->high_watermark <= found->durable_end &&
                               found->durable_end <= found->log_end,
                           "%s: log start %" PRId64 ", high watermark %" PRId64
                           ", durable end %" PRId64 ", log end %" PRId64,
                           crashtest_topics[log], found->log_start, found->high_watermark,
                           found->durable_end, found->log_end);
}

/* Of what is missing, who had promised it? */
static enum crashtest_invariant
find_promise(const struct crashtest_ledger_log *expected, int64_t end)
{
    if (end >= expected->durable_end)
        return CRASHTEST_SERVED_IS_DURABLE;
    return end >= expected->retried_from ? CRASHTEST_FAILED_SYNC_LATCHES
                                         : CRASHTEST_ACKNOWLEDGED_PRESENT;
}

static bool
check_promised(struct crashtest_check *check, int32_t log, const struct strand_positions *found)
{
    const struct crashtest_ledger_log *expected = &check->driver.ledger.logs[log];
    int64_t promised = crashtest_ledger_promised_end(expected);
    int64_t least = promised;

    if (expected->maybe_end >= 0 && expected->maybe_end < least)
        least = expected->maybe_end;
    return crashtest_holds(check, find_promise(expected, found->log_end), found->log_end >= least,
                           "%s ends at %" PRId64 ", promised was everything below %" PRId64,
                           crashtest_topics[log], found->log_end, promised) &&
           crashtest_holds(check, CRASHTEST_DURABLE_END_KEPT, found->durable_end >= least,
                           "%s: durable end %" PRId64 ", it was %" PRId64, crashtest_topics[log],
                           found->durable_end, promised);
}

/* Which record stands at the end that should have been. */
static enum crashtest_invariant
find_surplus(const struct crashtest_check *check, int32_t log, int64_t offset)
{
    struct strand_cursor_options options = {.struct_size = sizeof options,
                                            .isolation = STRAND_READ_WRITTEN};
    enum crashtest_invariant invariant = CRASHTEST_NOTHING_INVENTED;
    struct strand_cursor *cursor = NULL;
    struct strand_record record;

    if (strand_cursor_open(check->driver.logs[log], offset, &options, &cursor) == STRAND_OK &&
        strand_cursor_next(cursor, &record) == STRAND_OK &&
        crashtest_record_of_value(record.value.data, record.value.size) != 0)
        invariant = check->driver.ledger.logs[log].cut_to >= 0 ? CRASHTEST_TRUNCATION_EXACT
                                                               : CRASHTEST_NOTHING_REVIVED;
    strand_cursor_close(cursor);
    return invariant;
}

static bool
check_surplus(struct crashtest_check *check, int32_t log, const struct strand_positions *found)
{
    const struct crashtest_ledger_log *expected = &check->driver.ledger.logs[log];
    bool is_within = found->log_end <= expected->end;

    if (!crashtest_holds(
            check, is_within ? CRASHTEST_TRUNCATION_EXACT : find_surplus(check, log, expected->end),
            is_within, "%s ends at %" PRId64 ", nothing is to be there above %" PRId64,
            crashtest_topics[log], found->log_end, expected->end))
        return false;
    return crashtest_holds(
        check, CRASHTEST_BATCHES_WHOLE,
        expected->begins_batch[found->log_end] || found->log_end == found->log_start,
        "%s ends at %" PRId64 ", in the middle of a batch", crashtest_topics[log], found->log_end);
}

static bool
check_end(struct crashtest_check *check, int32_t log, const struct strand_positions *found)
{
    const struct crashtest_ledger_log *expected = &check->driver.ledger.logs[log];
    int64_t reset = expected->maybe_reset;

    if (reset >= 0 && found->log_start == reset && found->log_end == reset)
        return true;
    return check_promised(check, log, found) && check_surplus(check, log, found) &&
           crashtest_holds(check, CRASHTEST_SERVED_IS_DURABLE,
                           found->durable_end == found->log_end &&
                               (expected->is_replicated || found->high_watermark == found->log_end),
                           "%s: durable end %" PRId64 ", high watermark %" PRId64
                           " after recovery, log end %" PRId64,
                           crashtest_topics[log], found->durable_end, found->high_watermark,
                           found->log_end);
}

/* ---- Epochs ---- */

/* What was begun stays the newest, whatever is cut.  A follower's epochs are held against its
 * batches, which carry them. */
static bool
check_newest(struct crashtest_check *check, int32_t log, const struct strand_positions *found)
{
    const struct crashtest_ledger_log *expected = &check->driver.ledger.logs[log];
    bool is_newest = expected->is_replicated || found->leader_epoch == expected->epoch ||
                     (expected->maybe_epoch >= 0 && found->leader_epoch == expected->maybe_epoch);

    return crashtest_holds(check, CRASHTEST_EPOCHS_AGREE, is_newest,
                           "%s: leader epoch %" PRId32 ", begun was %" PRId32,
                           crashtest_topics[log], found->leader_epoch, expected->epoch);
}

struct history {
    struct crashtest_check *check;
    int32_t log;
    int64_t log_end;
    struct strand_leader_epoch last;
    bool has_last;
};

static int
visit_epoch(void *context, const struct strand_leader_epoch *epoch)
{
    struct history *history = context;
    bool ascends = !history->has_last || (epoch->epoch > history->last.epoch &&
                                          epoch->start_offset > history->last.start_offset);

    if (!crashtest_holds(history->check, CRASHTEST_EPOCHS_ASCEND, ascends,
                         "%s: epoch %" PRId32 " from %" PRId64 " follows epoch %" PRId32
                         " from %" PRId64,
                         crashtest_topics[history->log], epoch->epoch, epoch->start_offset,
                         history->last.epoch, history->last.start_offset) ||
        !crashtest_holds(
            history->check, CRASHTEST_EPOCHS_AGREE, epoch->start_offset <= history->log_end,
            "%s: epoch %" PRId32 " begins at %" PRId64 ", the log ends at %" PRId64,
            crashtest_topics[history->log], epoch->epoch, epoch->start_offset, history->log_end))
        return STRAND_ERR_CORRUPT;
    history->last = *epoch;
    history->has_last = true;
    return STRAND_OK;
}

static bool
check_history(struct crashtest_check *check, int32_t log, const struct strand_positions *found)
{
    struct history history = {.check = check, .log = log, .log_end = found->log_end};

    return strand_log_list_epochs(check->driver.logs[log], visit_epoch, &history) == STRAND_OK;
}

/* ---- All of it ---- */

bool
crashtest_check_log(struct crashtest_check *check, int32_t log, struct crashtest_found *out_found)
{
    struct strand_positions found;

    *out_found = (struct crashtest_found){.exists = false};
    int status = check->driver.logs[log] != NULL
                     ? STRAND_OK
                     : crashtest_driver_open_log(&check->driver, log, STRAND_LOG_MUST_EXIST);
    if (!check_existence(check, log, status))
        return false;
    if (status == STRAND_ERR_NOT_FOUND)
        return true;
    status = strand_log_positions(check->driver.logs[log], &found);
    if (!crashtest_holds(check, CRASHTEST_WORK_GOES_ON, status == STRAND_OK, "%s: %s",
                         crashtest_topics[log], strand_error_message()))
        return false;
    *out_found = (struct crashtest_found){true, found.log_start, found.log_end, found.leader_epoch};
    return check_start(check, log, &found) && check_end(check, log, &found) &&
           check_newest(check, log, &found) && check_history(check, log, &found) &&
           crashtest_check_records(check, log, found.log_start, found.log_end);
}
