/* crashtest/check.c -- What is asked of every state, in order. */
#include "crashtest/check.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "crashtest/broker.h"
#include "crashtest/verdict.h"

static void violated(struct crashtest_check *check, enum crashtest_invariant invariant,
                     const char *format, va_list args) __attribute__((format(printf, 3, 0)));

/* Behind a recovery that was interrupted that is what is wrong, whatever it is. */
static void
violated(struct crashtest_check *check, enum crashtest_invariant invariant, const char *format,
         va_list args)
{
    char text[STRAND_CRASH_SENTENCE_SIZE];

    if (!check->is_behind_interruption) {
        crashtest_violated_list(check->fs, invariant, format, args);
        return;
    }
    (void)vsnprintf(text, sizeof text, format, args); /* may be cut */
    crashtest_violated(check->fs, CRASHTEST_RECOVERY_REPEATABLE, "%s (%d): %s",
                       crashtest_invariant_name(invariant), (int)invariant, text);
}

bool
crashtest_holds(struct crashtest_check *check, enum crashtest_invariant invariant, bool it_holds,
                const char *format, ...)
{
    va_list args;

    check->counts.asked[invariant]++;
    if (check->is_behind_interruption)
        check->counts.asked[CRASHTEST_RECOVERY_REPEATABLE]++;
    if (it_holds)
        return true;
    va_start(args, format);
    violated(check, invariant, format, args);
    va_end(args);
    return false;
}

/* ---- Opening ---- */

static bool
open_engine(struct crashtest_check *check)
{
    int status = crashtest_driver_open(&check->driver, 0);

    return crashtest_holds(check, CRASHTEST_ONLY_TAIL_TORN, status == STRAND_OK,
                           "the directory does not open: %s", strand_error_message()) &&
           crashtest_holds(check, CRASHTEST_ONLY_TAIL_TORN,
                           strand_engine_health(check->driver.engine) == STRAND_OK,
                           "not healthy: %s", strand_error_message());
}

static bool
open_and_look(struct crashtest_check *check, struct crashtest_found found[CRASHTEST_LOGS])
{
    bool is_right = (check->looks & CRASHTEST_LOOK_FULL) != 0 ? crashtest_check_full(check)
                                                              : open_engine(check);

    for (int32_t i = 0; i < CRASHTEST_LOGS && is_right; i++)
        is_right = crashtest_check_log(check, i, &found[i]);
    return is_right && crashtest_check_files_open(check);
}

static bool
look_again(struct crashtest_check *check, const struct crashtest_forecast *forecast,
           const struct crashtest_found found[CRASHTEST_LOGS])
{
    bool is_right = crashtest_check_forecast(check, forecast);

    for (int32_t i = 0; i < CRASHTEST_LOGS && is_right; i++)
        if (found[i].exists)
            is_right = crashtest_check_index(check, i);
    return is_right && crashtest_check_again(check);
}

/* What is served from here on is promised. */
static void
note_found(struct crashtest_check *check, const struct crashtest_found found[CRASHTEST_LOGS])
{
    struct crashtest_driver *driver = &check->driver;

    for (int32_t i = 0; i < CRASHTEST_LOGS; i++) {
        crashtest_ledger_found(&driver->ledger, i, &found[i]);
        crashtest_driver_note(driver, CRASHTEST_NOTE_FOUND_START, i,
                              found[i].exists ? found[i].start : -1, 0);
        if (found[i].exists)
            crashtest_driver_note(driver, CRASHTEST_NOTE_FOUND_END, i, found[i].end,
                                  found[i].epoch);
    }
    crashtest_ledger_recovered(&driver->ledger);
    crashtest_driver_note(driver, CRASHTEST_NOTE_RECOVERED, 0, 0, 0);
}

/* ---- Going on ---- */

static bool
go_on(struct crashtest_check *check)
{
    struct strand_positions found;

    check->driver.script = check->go_on;
    int status = crashtest_driver_run(&check->driver, CRASHTEST_STEPS_MAX);
    if (!crashtest_holds(check, CRASHTEST_WORK_GOES_ON, status == STRAND_OK, "after recovery: %s",
                         strand_error_message()))
        return false;
    for (int32_t i = 0; i < CRASHTEST_LOGS; i++)
        if (check->driver.logs[i] != NULL &&
            (strand_log_positions(check->driver.logs[i], &found) != STRAND_OK ||
             !crashtest_check_records(check, i, found.log_start, found.log_end)))
            return crashtest_holds(check, CRASHTEST_WORK_GOES_ON, false, "%s",
                                   strand_error_message());
    return true;
}

static bool
look_at_all(struct crashtest_check *check)
{
    bool is_first = check->driver.ledger.recoveries == 0 && !check->is_behind_interruption;
    bool looks_again = (check->looks & CRASHTEST_LOOK_AGAIN) != 0;
    struct crashtest_found found[CRASHTEST_LOGS];
    struct crashtest_forecast forecast;

    if (!crashtest_check_files_before(check) || !crashtest_check_broker(check) ||
        (looks_again && !crashtest_forecast(check, &forecast)))
        return false;
    crashtest_driver_note(&check->driver, CRASHTEST_NOTE_RECOVERING, 0, 0, 0);
    if (!open_and_look(check, found) || (looks_again && !look_again(check, &forecast, found)))
        return false;
    note_found(check, found);
    return !is_first || (check->looks & CRASHTEST_LOOK_ON) == 0 || go_on(check);
}

bool
crashtest_check_all(struct crashtest_check *check)
{
    struct crashtest_ledger *ledger = &check->driver.ledger;

    crashtest_ledger_read(ledger, check->driver.script, check->go_on, check->state);
    if (ledger->is_brokers)
        return true; /* a broker that died makes its own recovery */
    check->is_behind_interruption = ledger->is_recovering;
    bool is_right = look_at_all(check);
    crashtest_driver_abandon(&check->driver);
    return is_right;
}
