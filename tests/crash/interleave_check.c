/* tests/crash/interleave_check.c -- Open what a crash has left, without threads, and look. */
#include <stdio.h>

#include "crash/interleave.h"

static int
check_log(const struct strand_fs *fs, struct strand_engine *engine, int index,
          const struct interleave_log *promised, enum interleave_after after)
{
    struct strand_log_options options = {.struct_size = sizeof options,
                                         .flags = STRAND_LOG_MUST_EXIST};
    struct strand_log *log = NULL;

    int status = strand_log_open(engine, INTERLEAVE_TOPIC, index, &options, &log);
    if (status == STRAND_ERR_NOT_FOUND && !promised->is_created)
        return 0;
    if (status != STRAND_OK)
        return strand_crash_fail(fs, "log %d does not open: %s", index, strand_error_message());
    int result = interleave_verify(fs, log, index, promised, after);
    status = strand_log_close(log);
    if (result == 0 && status != STRAND_OK)
        return strand_crash_fail(fs, "log %d does not close: %s", index, strand_error_message());
    return result;
}

static int
check(const struct strand_fs *fs, const struct strand_crash_state *state)
{
    struct strand_engine_options options = {
        .struct_size = sizeof options,
        .flags = STRAND_ENGINE_NO_THREADS,
        .descriptor_budget = 16,
        .preparation = STRAND_PREPARE_NONE,
        .index = STRAND_INDEX_NONE,
        .fs = fs,
    };
    enum interleave_after after =
        state->kind == STRAND_CRASH_KILL ? INTERLEAVE_AFTER_KILL : INTERLEAVE_AFTER_POWER_CUT;
    struct interleave_promises promises;
    struct strand_engine *engine = NULL;
    int result = 0;

    interleave_promises_read(state->notes, state->note_count, &promises);
    if (strand_engine_open(INTERLEAVE_DIRECTORY, &options, &engine) != STRAND_OK)
        return strand_crash_fail(fs, "the engine does not open: %s", strand_error_message());
    if (strand_engine_health(engine) != STRAND_OK)
        result = strand_crash_fail(fs, "%s", strand_error_message());
    for (int i = 0; i < INTERLEAVE_LOGS && result == 0; i++)
        result = check_log(fs, engine, i, &promises.logs[i], after);
    int status = strand_engine_close(engine);
    if (result == 0 && status != STRAND_OK)
        return strand_crash_fail(fs, "the engine does not close: %s", strand_error_message());
    return result;
}

int
interleave_check(const struct strand_fs *fs, void *context, const struct strand_crash_state *state)
{
    struct interleave_context *explored = context;

    if (explored->run_count == 1 && explored->state_count++ % explored->share != 0)
        return 0;
    explored->checked_count++;
    return check(fs, state);
}
