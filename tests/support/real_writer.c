/* tests/support/real_writer.c -- The process kills itself, so that the kill comes within
 * microseconds of what it waits for, and its parent needs only to reap it.
 */
#define _GNU_SOURCE
#include "support/real_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/engine_internal.h"
#include "strandline/strandline.h"
#include "support/real_cycle.h"
#include "support/real_mount.h"
#include "support/real_write_back.h"

enum {
    APPENDERS = 3,
    BURST_MAX = 24,          /* appends by WRITTEN before one is waited for */
    UNSYNCED_BURSTS = 12,    /* of the log that nobody waits for */
    LENGTH_MAX = 300,        /* records of a log; beyond it is trimmed */
    WAIT_SECONDS = 60,       /* without any progress */
    TRIES_AFTER_FAILURE = 3, /* appends to a failed log */
};

static const struct real_plan *plan;
static struct real_shared *shared;
static struct strand_engine *engine;
static struct strand_log *logs[REAL_LOGS];
static _Atomic bool has_failed[REAL_LOGS];
static _Atomic uint32_t reached; /* of what the kill waits for */
static sem_t target_reached;
static sem_t may_close;
static _Atomic bool must_stop; /* the threads that append and cut */
static _Atomic bool must_stop_changes;
static sem_t log_failed;
static pthread_mutex_t noting = PTHREAD_MUTEX_INITIALIZER; /* no kill while it is held */

/* ---- The kill ---- */

static int64_t
now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void
wait_for(sem_t *semaphore, const char *what)
{
    struct timespec limit;

    (void)clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += WAIT_SECONDS;
    while (sem_timedwait(semaphore, &limit) != 0)
        if (errno != EINTR)
            real_die(errno, "wait for %s", what);
}

static void
reach(int target)
{
    if (target == plan->target && atomic_fetch_add(&reached, 1) + 1 == plan->target_count)
        (void)sem_post(target == REAL_KILL_CLOSING ? &may_close : &target_reached);
}

static void see_failures(void);

static _Noreturn void
kill_now(void)
{
    (void)pthread_mutex_lock(&noting);
    atomic_store(&shared->was_killed, true);
    (void)kill(getpid(), SIGKILL);
    for (;;)
        (void)pause();
}

static void *
kill_in_time(void *argument)
{
    (void)argument;
    if (plan->target != REAL_KILL_OPENING)
        wait_for(&target_reached, "what comes before the kill");
    int64_t end = now_ns() + plan->spin_ns;
    while (now_ns() < end)
        continue;
    if (plan->fault != NULL)
        see_failures();
    kill_now();
}

/* ---- Appending ---- */

static bool
is_unsynced(int log)
{
    return plan->unsynced_log == log || plan->unsynced_log == REAL_LOGS;
}

/* What an append or a wait said that did not succeed. */
static void
note_failure(int log, int status, const char *what)
{
    if (status == STRAND_ERR_TRUNCATED)
        return;
    if (plan->fault == NULL)
        real_die(0, "%s: %s", what, strand_error_message());
    if (status == STRAND_ERR_PERMISSION) { /* the file system has become read-only */
        (void)sem_post(&log_failed);
        return;
    }
    if (status == STRAND_ERR_IO || status == STRAND_ERR_FAILED || status == STRAND_ERR_NO_SPACE) {
        if (!atomic_exchange(&has_failed[log], true))
            atomic_fetch_add(&shared->logs_failed, 1);
        (void)sem_post(&log_failed);
        return;
    }
    real_die(0, "%s: status %d: %s", what, status, strand_error_message());
}

static void
note_success(int log, uint32_t first, const struct strand_appended *appended, enum real_state state,
             bool had_failed)
{
    real_promise_appended(&shared->promises.logs[log], first, appended, state);
    if (had_failed)
        real_die(0, "log %d has failed, and an append succeeds", log);
    if (state == REAL_DURABLE)
        atomic_fetch_add(&shared->acknowledgements, 1);
    else if (plan->unsynced_log != REAL_LOGS)
        return;
    reach(REAL_KILL_ACKNOWLEDGED);
    reach(REAL_KILL_CLOSING);
}

/* Append one batch of COUNT records, or false. */
static bool
append(int log, uint32_t count, int durability, uint32_t *out_first,
       struct strand_appended *out_appended)
{
    struct strand_append_options options = {.struct_size = sizeof options,
                                            .durability = durability};
    struct strand_record records[REAL_BATCH_MAX];
    uint8_t values[REAL_BATCH_MAX][REAL_VALUE_MAX];
    bool had_failed = atomic_load(&has_failed[log]);

    if (!real_promise_try(&shared->promises.logs[log], count, out_first)) {
        (void)sem_post(&target_reached); /* there is nothing left to wait for, */
        (void)sem_post(&may_close);      /* one or the other */
        return false;
    }
    memset(records, 0, sizeof records);
    for (uint32_t i = 0; i < count; i++) {
        size_t size = real_value_make(log, *out_first + i, values[i]);

        records[i].timestamp_ms = real_timestamp(*out_first + i);
        records[i].value = strand_bytes(values[i], size);
    }
    int status = strand_log_append(logs[log], records, count, &options, out_appended);
    if (status != STRAND_OK) {
        note_failure(log, status, "append");
        return false;
    }
    note_success(log, *out_first, out_appended,
                 durability == STRAND_DURABLE ? REAL_DURABLE : REAL_WRITTEN, had_failed);
    return true;
}

static void
append_burst(uint64_t *state, int log)
{
    struct strand_appended appended;
    uint32_t first;
    uint64_t count = 1 + real_draw(state, BURST_MAX);
    bool is_last_written = false;
    bool had_failed = atomic_load(&has_failed[log]);

    for (uint64_t i = 0; i < count; i++)
        is_last_written =
            append(log, 1 + (uint32_t)real_draw(state, 2), STRAND_WRITTEN, &first, &appended);
    if (!is_last_written || is_unsynced(log))
        return;
    int status = strand_log_wait(logs[log], &appended, -1);
    if (status == STRAND_OK)
        note_success(log, first, &appended, REAL_DURABLE, had_failed);
    else
        note_failure(log, status, "wait");
}

static void *
append_records(void *argument)
{
    uintptr_t thread = (uintptr_t)argument;
    uint64_t state = plan->seed * APPENDERS + thread;
    int unsynced_bursts = 0;
    struct strand_appended appended;
    uint32_t first;

    while (!atomic_load(&must_stop)) {
        int log = (int)real_draw(&state, REAL_LOGS);

        if (thread == 0 && (log != plan->unsynced_log || unsynced_bursts++ < UNSYNCED_BURSTS))
            append_burst(&state, log);
        else if (!is_unsynced(log))
            (void)append(log, 1 + (uint32_t)real_draw(&state, REAL_BATCH_MAX), STRAND_DURABLE,
                         &first, &appended);
        real_write_back(plan, &state);
    }
    return NULL;
}

/* ---- Cutting ---- */

static int
last_epoch(void *context, const struct strand_leader_epoch *epoch)
{
    *(struct strand_leader_epoch *)context = *epoch;
    return 0;
}

/* Whether a change succeeded.  Where the disk fails it may not, and is the last one then; the log
 * need not have failed. */
static bool
is_done(int status, const char *what)
{
    if (status == STRAND_OK)
        return true;
    if (plan->fault == NULL)
        real_die(0, "%s: %s", what, strand_error_message());
    atomic_store(&must_stop_changes, true);
    return false;
}

static void
truncate_log(int log, const struct strand_positions *before, int64_t offset)
{
    struct real_log *promised = &shared->promises.logs[log];
    struct strand_positions after;
    int64_t log_end = 0;
    struct real_event *event = real_promise_begin(promised, REAL_CUT, offset, before->generation);

    if (event == NULL)
        return;
    reach(REAL_CUT);
    if (is_done(strand_log_truncate(logs[log], offset, &log_end), "truncate") &&
        is_done(strand_log_positions(logs[log], &after), "look at the positions"))
        real_promise_end(event, log_end, after.generation);
}

static void
trim_log(int log, const struct strand_positions *before, int64_t offset)
{
    struct real_event *event =
        real_promise_begin(&shared->promises.logs[log], REAL_TRIM, offset, before->generation);

    if (event == NULL)
        return;
    reach(REAL_TRIM);
    if (is_done(strand_log_trim(logs[log], offset), "trim"))
        real_promise_end(event, offset, before->generation);
}

static void
begin_epoch(int log, const struct strand_positions *before, int32_t epoch)
{
    struct real_event *event =
        real_promise_begin(&shared->promises.logs[log], REAL_EPOCH, epoch, before->generation);
    struct strand_leader_epoch last = {-1, -1};

    if (event == NULL)
        return;
    reach(REAL_EPOCH);
    if (is_done(strand_log_begin_epoch(logs[log], epoch), "begin an epoch") &&
        is_done(strand_log_list_epochs(logs[log], last_epoch, &last), "list the epochs"))
        real_promise_end(event, last.start_offset, before->generation);
}

static void
write_checkpoint(const struct strand_positions *before)
{
    struct real_event *event =
        real_promise_begin(&shared->promises.logs[0], REAL_CHECKPOINT, 0, before->generation);

    if (event == NULL)
        return;
    reach(REAL_CHECKPOINT);
    if (is_done(strand_engine_checkpoint(engine), "checkpoint"))
        real_promise_end(event, 0, before->generation);
}

static void
change(uint64_t *state, int log)
{
    struct strand_positions now;
    uint64_t kind =
        real_draw(state, 2) == 0 ? (uint64_t)plan->target : real_draw(state, 2 * REAL_EVENT_KINDS);

    if (!is_done(strand_log_positions(logs[log], &now), "look at the positions"))
        return;
    int64_t length = now.log_end - now.log_start;
    if (length > LENGTH_MAX || (kind == REAL_TRIM && now.high_watermark > now.log_start)) {
        int64_t room = now.high_watermark - now.log_start;
        trim_log(log, &now, now.high_watermark - (int64_t)real_draw(state, (uint64_t)room / 2 + 1));
    } else if (kind == REAL_CUT && length > 0) {
        int64_t gone = 1 + (int64_t)real_draw(state, 12);
        truncate_log(log, &now, gone > length ? now.log_start : now.log_end - gone);
    } else if (kind == REAL_EPOCH) {
        begin_epoch(log, &now, now.leader_epoch + 1 + (int32_t)real_draw(state, 2));
    } else if (kind == REAL_CHECKPOINT && log == 0) {
        write_checkpoint(&now);
    }
    int status = strand_log_wait_data(logs[log], now.log_end + (int64_t)real_draw(state, 16),
                                      STRAND_READ_WRITTEN, 1);
    if (status != STRAND_ERR_TIMEOUT)
        (void)is_done(status, "wait for data");
}

static void *
change_logs(void *argument)
{
    uint64_t state = plan->seed ^ UINT64_C(0xc0175);

    (void)argument;
    while (!atomic_load(&must_stop) && !atomic_load(&must_stop_changes)) {
        int log = (int)real_draw(&state, REAL_LOGS);

        if (!is_unsynced(log))
            change(&state, log);
    }
    return NULL;
}

/* ---- A disk that fails ---- */

/* The log stays failed, with a reason, though the disk is well again. */
static void
see_log_stay_failed(int log)
{
    struct strand_appended appended;
    uint32_t first;

    for (int i = 0; i < TRIES_AFTER_FAILURE; i++)
        if (append(log, 1, i == 0 ? STRAND_WRITTEN : STRAND_DURABLE, &first, &appended))
            real_die(0, "log %d has failed, and an append succeeds", log);
    if (strand_engine_health(engine) == STRAND_OK || strand_error_message()[0] == '\0')
        real_die(0, "log %d has failed, and the engine is healthy", log);
}

static void
see_failures(void)
{
    atomic_store(plan->fault, plan->fault_mode);
    wait_for(&log_failed, "a log to fail");
    if (!plan->has_cure)
        return;
    atomic_store(plan->fault, 0);
    for (int log = 0; log < REAL_LOGS; log++)
        if (atomic_load(&has_failed[log]))
            see_log_stay_failed(log);
}

/* ---- Opening ---- */

/* The machine was started anew after each power cut. */
static int
boot_id(void *context, char out_id[STRAND_FS_BOOT_ID_SIZE])
{
    (void)context;
    (void)snprintf(out_id, STRAND_FS_BOOT_ID_SIZE, "00000000-0000-4000-8000-%012" PRIx32,
                   plan->boot);
    return 0;
}

static void
open_logs(void)
{
    struct strand_log_options options = {.struct_size = sizeof options,
                                         .segment_bytes = plan->segment_bytes};

    for (int i = 0; i < REAL_LOGS; i++) {
        options.flags = shared->promises.logs[i].is_created ? STRAND_LOG_MUST_EXIST : 0;
        if (strand_log_open(engine, "cuts", i, &options, &logs[i]) != STRAND_OK)
            real_die(0, "open log %d: %s", i, strand_error_message());
    }
}

static void
open_engine(void)
{
    static struct strand_fs fs;
    struct strand_engine_options options = {
        .struct_size = sizeof options,
        .commit_interval_ms = plan->commit_interval_ms,
        .checkpoint_interval_ms = plan->checkpoint_interval_ms,
        .sync_workers = 2,
        .recovery_threads = 2,
        .preparation = plan->preparation,
        .index = STRAND_INDEX_LMDB,
        .fs = &fs,
    };

    fs = *strand_fs_posix();
    fs.boot_id = boot_id;
    int status = strand_engine_open(plan->directory, &options, &engine);
    if (plan->openings_may_fail > 0 &&
        (status != STRAND_OK || strand_engine_health(engine) != STRAND_OK)) {
        atomic_fetch_add(&shared->failed_openings, 1);
        kill_now();
    }
    if (status != STRAND_OK)
        real_die(0, "open: %s", strand_error_message());
    /* Space is prepared from the first records on, for segments as small as these. */
    engine->preparer.sizes = (struct strand_preparer_sizes){1024, 2048, 8192, 4096, 1024};
}

static pthread_t
start(void *(*function)(void *), uintptr_t argument)
{
    pthread_t thread;

    int cause = pthread_create(&thread, NULL, function, (void *)argument);
    if (cause != 0)
        real_die(cause, "start a thread");
    return thread;
}

/* Close everything; once that has returned nothing may be lost. */
static void
close_engine(void)
{
    (void)sem_post(&target_reached);
    for (int i = 0; i < REAL_LOGS; i++)
        if (strand_log_close(logs[i]) != STRAND_OK)
            real_die(0, "close log %d: %s", i, strand_error_message());
    if (strand_engine_close(engine) != STRAND_OK)
        real_die(0, "close: %s", strand_error_message());
    for (int i = 0; i < REAL_LOGS; i++)
        real_promise_all(&shared->promises.logs[i]);
    atomic_fetch_add(&shared->closings, 1);
}

_Noreturn void
real_writer_run(const struct real_plan *the_plan, struct real_shared *the_shared)
{
    pthread_t threads[APPENDERS + 1];

    plan = the_plan;
    shared = the_shared;
    if (sem_init(&target_reached, 0, 0) != 0 || sem_init(&may_close, 0, 0) != 0 ||
        sem_init(&log_failed, 0, 0) != 0)
        real_die(errno, "make a semaphore");
    (void)start(kill_in_time, 0);
    open_engine();
    open_logs();
    real_verify(engine, logs, &shared->promises, &shared->findings, &noting);
    for (uintptr_t i = 0; i < APPENDERS; i++)
        threads[i] = start(append_records, i);
    threads[APPENDERS] = start(change_logs, 0);
    if (plan->target == REAL_KILL_CLOSING) {
        wait_for(&may_close, "what comes before closing");
        atomic_store(&must_stop, true);
        for (int i = 0; i <= APPENDERS; i++)
            (void)pthread_join(threads[i], NULL);
        close_engine();
    }
    for (;;)
        (void)pause();
}
