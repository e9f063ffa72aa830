/* tests/crash/interleave_run.c -- The engine at work, all of its threads in one schedule. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "crash/interleave_work.h"
#include "engine/engine_internal.h"
#include "simulation/sim_disk.h"

/* ---- Notes and failures ---- */

void
interleave_note_fact(struct interleave_work *work, const struct interleave_fact *fact)
{
    uint64_t number = interleave_pack(fact);

    strand_assert(work->note_count < INTERLEAVE_NOTES);
    work->notes[work->note_count++] = number;
    strand_crash_note(work->kit, number);
}

void
interleave_fail(struct interleave_work *work, const char *format, ...)
{
    char sentence[STRAND_CRASH_SENTENCE_SIZE];
    va_list arguments;

    if (work->result != 0)
        return;
    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof sentence, format, arguments); /* for people: cut, if need be */
    va_end(arguments);
    work->result = strand_crash_fail(work->kit, "%s", sentence);
}

bool
interleave_is_well(struct interleave_work *work, int status, const char *what)
{
    if (status == STRAND_OK)
        return true;
    if (work->plan->failing_sync > 0 && (status == STRAND_ERR_IO || status == STRAND_ERR_FAILED)) {
        work->has_met_failure = true;
        return false;
    }
    interleave_fail(work, "%s: status %d: %s", what, status, strand_error_message());
    return false;
}

/* They ascend: one that is not known is the newest. */
uint32_t
interleave_generation(struct interleave_work *work, int log, uint64_t generation)
{
    uint32_t count = work->generation_count[log];

    for (uint32_t i = count; i-- > 0;)
        if (work->generations[log][i] == generation)
            return i + 1;
    strand_assert(count < INTERLEAVE_CUTS);
    if (count > 0 && work->generations[log][count - 1] > generation)
        interleave_fail(work, "a generation of log %d does not ascend", log);
    work->generations[log][count] = generation;
    work->generation_count[log]++;
    return count + 1;
}

bool
interleave_look(struct interleave_work *work, int log, struct strand_positions *out_positions)
{
    if (!interleave_is_well(work, strand_log_positions(work->logs[log], out_positions),
                            "positions"))
        return false;
    if (work->result == 0)
        work->result = interleave_verify_positions(work->kit, log, out_positions);
    return true;
}

void
interleave_note_change(struct interleave_work *work, enum interleave_note kind, int log,
                       int64_t offset, int32_t epoch, uint64_t generation)
{
    interleave_note_fact(
        work, &(struct interleave_fact){
                  .kind = kind,
                  .log = log,
                  .generation = generation != 0 ? interleave_generation(work, log, generation) : 0,
                  .epoch = epoch,
                  .offset = offset,
              });
}

/* ---- One opening ---- */

static void
open_engine(struct interleave_work *work)
{
    struct strand_engine_options options = work->plan->engine;
    struct strand_log_options log_options = {.struct_size = sizeof log_options,
                                             .segment_bytes = work->plan->segment_bytes};

    options.fs = &work->fs;
    if (!interleave_is_well(work, strand_engine_open(INTERLEAVE_DIRECTORY, &options, &work->engine),
                            "open"))
        return;
    work->engine->preparer.sizes = work->plan->preparer;
    for (int i = 0; i < work->plan->logs && work->result == 0; i++)
        if (interleave_is_well(
                work,
                strand_log_open(work->engine, INTERLEAVE_TOPIC, i, &log_options, &work->logs[i]),
                "open a log"))
            interleave_note_change(work, INTERLEAVE_CREATED, i, 0, -1, 0);
    if (work->plan->failing_sync > 0) {
        struct strand_sim_disk *disk = work->kit->context;

        strand_sim_disk_plan_clear(disk);
        strand_sim_disk_plan_fault_of(disk, STRAND_SIM_SYNC | STRAND_SIM_SYNC_DIRECTORY,
                                      work->plan->failing_sync, EIO, false);
    }
}

static void
work_with_threads(struct interleave_work *work, uint64_t seed)
{
    static strand_thread_fn *const mains[INTERLEAVE_THREADS] = {
        interleave_append_main, interleave_append_main, interleave_append_main,
        interleave_change_main, interleave_read_main};
    static const char *const names[INTERLEAVE_THREADS] = {"appender 0", "appender 1", "appender 2",
                                                          "changer", "reader"};
    struct interleave_worker workers[INTERLEAVE_THREADS];
    bool is_started[INTERLEAVE_THREADS] = {false};

    work->appending = work->plan->appenders;
    work->is_changing = work->plan->changes > 0;
    for (uint32_t i = 0; i < INTERLEAVE_THREADS; i++) {
        bool is_wanted = i < INTERLEAVE_APPENDERS    ? (int)i < work->plan->appenders
                         : i == INTERLEAVE_APPENDERS ? work->is_changing
                                                     : work->plan->has_reader;

        workers[i] = (struct interleave_worker){
            .work = work, .thread = i, .random = seed * INTERLEAVE_THREADS + i};
        is_started[i] =
            is_wanted &&
            interleave_is_well(
                work, strand_thread_start(&workers[i].handle, names[i], mains[i], &workers[i]),
                "start a thread");
    }
    for (uint32_t i = 0; i < INTERLEAVE_THREADS; i++)
        if (is_started[i])
            strand_thread_join(&workers[i].handle);
}

/* A log that has failed stays so, though the disk is well again. */
static void
verify_failure(struct interleave_work *work)
{
    bool has_failed = false;

    for (int i = 0; i < work->plan->logs; i++)
        has_failed = has_failed || work->has_failed[i];
    if (has_failed && strand_engine_health(work->engine) == STRAND_OK)
        interleave_fail(work, "a log has failed, the engine is healthy");
}

/* Everything is as it was promised, in life. */
static void
verify_in_life(struct interleave_work *work)
{
    static _Thread_local struct interleave_promises promises;

    if (work->has_met_failure) {
        verify_failure(work);
        return;
    }
    interleave_promises_read(work->notes, work->note_count, &promises);
    for (int i = 0; i < work->plan->logs && work->result == 0; i++)
        work->result =
            interleave_verify(work->kit, work->logs[i], i, &promises.logs[i], INTERLEAVE_IN_LIFE);
    if (work->result == 0)
        (void)interleave_is_well(work, strand_engine_health(work->engine), "health");
}

static void
close_engine(struct interleave_work *work)
{
    interleave_note_change(work, INTERLEAVE_SYNC_BEGINS, 0, 0, -1, 0);
    for (int i = 0; i < work->plan->logs; i++) {
        (void)interleave_is_well(work, strand_log_close(work->logs[i]), "close a log");
        work->logs[i] = NULL;
    }
    if (interleave_is_well(work, strand_engine_close(work->engine), "close"))
        interleave_note_change(work, INTERLEAVE_SYNC_ENDS, 0, 0, -1, 0);
    work->engine = NULL;
}

static void
work_main(void *argument)
{
    struct interleave_work *work = argument;

    for (int i = 0; i < work->plan->openings && work->result == 0; i++) {
        open_engine(work);
        if (work->result == 0)
            work_with_threads(work, work->plan->seed * 2 + (uint64_t)i);
        if (work->result == 0)
            verify_in_life(work);
        close_engine(work);
    }
}

int
interleave_run(const struct strand_fs *fs, void *context)
{
    struct interleave_context *run = context;
    struct interleave_work *work = calloc(1, sizeof *work);

    strand_assert(work != NULL);
    run->run_count++;
    work->kit = fs;
    work->fs = scheduler_fs(fs);
    work->plan = &run->plan;
    scheduler_run(&run->plan.scheduler, work_main, work, &run->counts);
    int result = work->result;
    free(work);
    return result;
}
