/* tests/crash/nth_run.c -- A workload runs, and a call fails; then the same engine goes on. */
#include "base/assert.h"
#include "crashtest/driver.h"
#include "engine/log_internal.h"
#include "nth_internal.h"
#include "simulation/sim_disk_internal.h"

static void
add_step(struct crashtest_script *script, struct crashtest_step step)
{
    strand_assert(script->count < CRASHTEST_STEPS_MAX);
    script->steps[script->count++] = step;
}

static bool
is_replicated(const struct nth_trial *trial, int32_t log)
{
    for (size_t i = 0; i < trial->run.count; i++)
        if (trial->run.steps[i].kind == CRASHTEST_REPLICATE && trial->run.steps[i].log == log)
            return true;
    return false;
}

/* What an engine can do when nothing fails any more: take a record for each log that is open and
 * has not failed, or be opened.  Where the log of a follower ends after a failure its leader would
 * have to ask. */
static void
plan_more(struct nth_trial *trial, const struct crashtest_driver *driver)
{
    enum { EPOCH = 4000 };

    if (driver->ledger.is_brokers)
        return;
    if (driver->engine == NULL) {
        add_step(&trial->more, (struct crashtest_step){.kind = CRASHTEST_OPEN});
        add_step(&trial->more,
                 (struct crashtest_step){.kind = is_replicated(trial, 0) ? CRASHTEST_REPLICATE
                                                                         : CRASHTEST_CREATE});
    }
    for (int32_t i = 0; i < CRASHTEST_LOGS; i++) {
        bool is_open = driver->engine == NULL ? i == 0 : driver->logs[i] != NULL;
        bool has_failed = driver->logs[i] != NULL && driver->logs[i]->health == STRAND_LOG_FAILED;

        if (is_open && !has_failed &&
            !(is_replicated(trial, i) && driver->ledger.logs[i].has_failed))
            add_step(&trial->more,
                     (struct crashtest_step){.kind = is_replicated(trial, i) ? CRASHTEST_FOLLOW
                                                                             : CRASHTEST_APPEND,
                                             .log = i,
                                             .count = 1,
                                             .epoch = EPOCH,
                                             .durability = STRAND_DURABLE});
        nth_counts.lost_logs += has_failed;
    }
}

static void
go_on(struct nth_trial *trial, struct crashtest_driver *driver)
{
    plan_more(trial, driver);
    driver->script = &trial->more;
    int status = crashtest_driver_run(driver, CRASHTEST_STEPS_MAX);
    if (status != STRAND_OK)
        nth_fail(trial, "nothing fails any more, and yet: %d: %s", status, strand_error_message());
}

/* Run the workload; the source strikes at call TRIAL->nth.  false: it was not met. */
static bool
run_once(struct nth_trial *trial, struct nth_past *past)
{
    struct strand_sim_record record = {.events = NULL};
    struct crashtest_driver driver;

    nth_past_create(trial, past, &record);
    trial->more.count = 0;
    crashtest_driver_init(&driver, strand_sim_disk_fs(past->disk), &trial->run, &trial->setting);
    trial->source->arm(past->disk, trial->nth);
    int status = crashtest_driver_run(&driver, 0);
    bool is_struck = trial->source->disarm(past->disk, trial->nth);
    if (status != STRAND_OK)
        nth_check_status(trial, status, strand_error_message(), "the run");
    if (status != STRAND_OK && !is_struck)
        nth_fail(trial, "nothing was in its way, and yet: %s", strand_error_message());
    if (is_struck)
        go_on(trial, &driver);
    crashtest_driver_abandon(&driver);
    nth_past_end(past, &record);
    if (past->disk->sentence != NULL)
        nth_fail(trial, "%s", past->disk->sentence);
    return is_struck;
}

void
nth_run(const struct crashtest_workload *workload, enum nth_mode mode,
        const struct nth_source *source)
{
    struct nth_trial trial = nth_trial("run", workload, mode, source);
    bool is_struck = true;

    for (trial.nth = nth_first(&trial); is_struck; trial.nth += trial.stride) {
        struct nth_past past;

        nth_clear_index(&trial);
        is_struck = run_once(&trial, &past);
        if (is_struck) {
            nth_counts.faults++;
            nth_check(&trial, &past);
        }
        strand_sim_disk_destroy(past.disk);
    }
}
