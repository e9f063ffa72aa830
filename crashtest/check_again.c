/* crashtest/check_again.c -- The same disk gives the same answer: to a reader before the recovery,
 * and to another recovery behind it.
 *
 * A read-only opening changes no byte.  Opening for writing a second time, after the process died
 * and nothing else happened, changes none but those of .lock, which names the process and a number
 * drawn by it, and may make strandline.ballast, if there was no room for it before; the frontier
 * and what may have been lost in a failed sync are written once more, the same bytes.
 */
#include <inttypes.h>

#include "base/error.h"
#include "crashtest/check.h"
#include "crashtest/snapshot.h"

/* ---- Before the recovery ---- */

static int
find_log(struct crashtest_driver *driver, int32_t log, struct crashtest_found *out_found)
{
    struct strand_positions positions;

    *out_found = (struct crashtest_found){.exists = false};
    int status = crashtest_driver_open_log(driver, log, STRAND_LOG_MUST_EXIST);
    if (status != STRAND_OK)
        return status == STRAND_ERR_NOT_FOUND ? STRAND_OK : status;
    status = strand_log_positions(driver->logs[log], &positions);
    if (status != STRAND_OK)
        return status;
    *out_found = (struct crashtest_found){true, positions.log_start, positions.log_end,
                                          positions.leader_epoch};
    return STRAND_OK;
}

/* A reader gives up its handles as anybody else does: nothing is to be written. */
static int
close_reader(struct crashtest_driver *driver)
{
    for (int32_t i = 0; i < CRASHTEST_LOGS; i++) {
        int status = strand_log_close(driver->logs[i]);

        driver->logs[i] = NULL;
        if (status != STRAND_OK)
            return status;
    }
    int status = strand_engine_close(driver->engine);
    driver->engine = NULL;
    return status;
}

static int
ask_reader(struct crashtest_driver *driver, struct crashtest_forecast *forecast)
{
    int status = STRAND_OK;

    *forecast = (struct crashtest_forecast){
        .status = crashtest_driver_open(driver, STRAND_ENGINE_READ_ONLY)};
    if (forecast->status != STRAND_OK)
        return STRAND_OK;
    for (int32_t i = 0; i < CRASHTEST_LOGS && status == STRAND_OK; i++)
        status = find_log(driver, i, &forecast->logs[i]);
    int closed = close_reader(driver);
    return status == STRAND_OK ? closed : status;
}

bool
crashtest_forecast(struct crashtest_check *check, struct crashtest_forecast *out_forecast)
{
    struct crashtest_snapshot before = {.files = NULL};
    struct crashtest_snapshot after = {.files = NULL};

    crashtest_snapshot_take(check->fs, CRASHTEST_DIRECTORY, &before);
    int status = ask_reader(&check->driver, out_forecast);
    bool is_right = crashtest_holds(check, CRASHTEST_DETERMINISTIC, status == STRAND_OK,
                                    "a read-only opening: %s", strand_error_message()) &&
                    crashtest_holds(check, CRASHTEST_DETERMINISTIC,
                                    out_forecast->status == STRAND_OK ||
                                        out_forecast->status == STRAND_ERR_NOT_FOUND,
                                    "a read-only opening fails: %s", strand_error_message());
    crashtest_snapshot_take(check->fs, CRASHTEST_DIRECTORY, &after);
    const char *path = crashtest_snapshot_compare(&before, &after);
    is_right = is_right && crashtest_holds(check, CRASHTEST_DETERMINISTIC, path == NULL,
                                           "a read-only opening has changed %s", path);
    crashtest_snapshot_free(&before);
    crashtest_snapshot_free(&after);
    return is_right;
}

/* ---- Behind it ---- */

/* The open LOG is what was FOUND, as WHO says. */
static bool
check_same(struct crashtest_check *check, enum crashtest_invariant invariant, int32_t log,
           const struct crashtest_found *found, const char *who)
{
    struct strand_positions positions = {.log_start = -1, .log_end = -1, .leader_epoch = -1};
    bool exists = check->driver.logs[log] != NULL;
    int status = exists ? strand_log_positions(check->driver.logs[log], &positions) : STRAND_OK;

    return crashtest_holds(check, invariant, status == STRAND_OK && exists == found->exists,
                           "%s: %s it is %s, now it is %s", crashtest_topics[log], who,
                           found->exists ? "there" : "not there", exists ? "there" : "not there") &&
           crashtest_holds(check, invariant,
                           !exists || (positions.log_start == found->start &&
                                       positions.log_end == found->end &&
                                       positions.leader_epoch == found->epoch),
                           "%s: %s it goes from %" PRId64 " to %" PRId64 ", epoch %" PRId32
                           "; now from %" PRId64 " to %" PRId64 ", epoch %" PRId32,
                           crashtest_topics[log], who, found->start, found->end, found->epoch,
                           positions.log_start, positions.log_end, positions.leader_epoch);
}

bool
crashtest_check_forecast(struct crashtest_check *check, const struct crashtest_forecast *forecast)
{
    bool is_right = true;

    if ((check->looks & CRASHTEST_LOOK_FULL) != 0)
        return true; /* which has appended, and trimmed */
    for (int32_t i = 0; i < CRASHTEST_LOGS && is_right; i++)
        is_right = check->before.has_tail[i] ||
                   check_same(check, CRASHTEST_DETERMINISTIC, i, &forecast->logs[i],
                              "to a reader before the recovery");
    return is_right;
}

static bool
check_one_writer(struct crashtest_check *check)
{
    struct strand_engine_options options = {.struct_size = sizeof options,
                                            .flags = STRAND_ENGINE_NO_THREADS,
                                            .fs = check->fs,
                                            .index = STRAND_INDEX_NONE};
    struct strand_engine *second = NULL;

    int status = strand_engine_open(CRASHTEST_DIRECTORY, &options, &second);
    bool is_right = crashtest_holds(check, CRASHTEST_ONE_WRITER, status == STRAND_ERR_IN_USE,
                                    "a second writer is not refused: status %d", status);
    if (status == STRAND_OK)
        (void)strand_engine_close(second); /* it is wrong enough that it was there */
    return is_right;
}

static int
refuse_changed(void *context, const struct strand_recovery_report *report)
{
    return crashtest_holds(context, CRASHTEST_RECOVERY_IDEMPOTENT,
                           report->verdict == STRAND_VERDICT_WHOLE && report->cut_bytes == 0,
                           "%s: opened once more its verdict is %d, %" PRId64 " bytes are cut: %s",
                           report->topic, (int)report->verdict, report->cut_bytes, report->reason)
               ? 0
               : 1;
}

/* The process dies and the directory is opened again, with the logs that were FOUND. */
static bool
reopen(struct crashtest_check *check, const struct crashtest_found found[CRASHTEST_LOGS])
{
    struct crashtest_driver *driver = &check->driver;
    int status;

    crashtest_driver_kill(driver);
    status = crashtest_driver_open(driver, 0);
    for (int32_t i = 0; i < CRASHTEST_LOGS && status == STRAND_OK; i++) {
        status = crashtest_driver_open_log(driver, i, STRAND_LOG_MUST_EXIST);
        if (status == STRAND_ERR_NOT_FOUND && !found[i].exists)
            status = STRAND_OK;
    }
    return crashtest_holds(check, CRASHTEST_RECOVERY_IDEMPOTENT, status == STRAND_OK,
                           "it does not open once more: %s", strand_error_message());
}

static bool
open_once_more(struct crashtest_check *check)
{
    struct crashtest_found found[CRASHTEST_LOGS];
    bool is_right = true;

    for (int32_t i = 0; i < CRASHTEST_LOGS; i++) {
        struct strand_positions positions;

        found[i] = (struct crashtest_found){.exists = check->driver.logs[i] != NULL};
        if (found[i].exists && strand_log_positions(check->driver.logs[i], &positions) == STRAND_OK)
            found[i] = (struct crashtest_found){true, positions.log_start, positions.log_end,
                                                positions.leader_epoch};
    }
    if (!reopen(check, found))
        return false;
    for (int32_t i = 0; i < CRASHTEST_LOGS && is_right; i++)
        is_right = check_same(check, CRASHTEST_RECOVERY_IDEMPOTENT, i, &found[i],
                              "before it was opened once more");
    return is_right &&
           strand_engine_recovery_report(check->driver.engine, refuse_changed, check) == 0;
}

bool
crashtest_check_again(struct crashtest_check *check)
{
    struct crashtest_snapshot before = {.files = NULL};
    struct crashtest_snapshot after = {.files = NULL};

    bool was_changed = (check->looks & CRASHTEST_LOOK_FULL) != 0;

    /* On the word of a marker nothing was recovered so far, nor since the disk was full. */
    if ((check->before.has_marker || was_changed) && !open_once_more(check))
        return false;
    crashtest_snapshot_take(check->fs, CRASHTEST_DIRECTORY, &before);
    bool is_right = check_one_writer(check) && open_once_more(check);
    crashtest_snapshot_take(check->fs, CRASHTEST_DIRECTORY, &after);
    const char *path = crashtest_snapshot_compare(&before, &after);
    is_right = is_right && crashtest_holds(check, CRASHTEST_RECOVERY_IDEMPOTENT, path == NULL,
                                           "opened once more, %s has changed", path);
    crashtest_snapshot_free(&before);
    crashtest_snapshot_free(&after);
    return is_right;
}
