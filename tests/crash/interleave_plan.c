/* tests/crash/interleave_plan.c -- What a seed stands for.
 *
 * Small everything: segments of a few batches, so that rounds meet rolls; intervals that are over
 * within the run, or long after it.  Each choice is drawn by itself, so that each pair of them
 * comes up soon.
 */
#include <inttypes.h>
#include <stdio.h>

#include "crash/interleave.h"

uint64_t
interleave_draw(uint64_t *state, uint64_t below)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = *state;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (x ^ (x >> 31)) % below;
}

static void
draw_scheduler(uint64_t *state, struct scheduler_plan *plan)
{
    static const uint32_t chances[] = {2, 4, 8, 16};
    static const uint32_t within[] = {300, 1000, 3000, 10000};
    static const uint32_t delays[] = {50, 150, 500};

    plan->seed = interleave_draw(state, UINT64_MAX);
    uint64_t way = interleave_draw(state, 5);
    uint32_t chance = chances[interleave_draw(state, 4)];
    plan->switch_one_in = way == 0 ? 0 : chance;
    plan->has_weights = way == 1;
    plan->delay_one_in = 20 << interleave_draw(state, 4);
    plan->delay_points = way >= 3 ? delays[interleave_draw(state, 3)] : 0;
    plan->changes = 2 + (uint32_t)interleave_draw(state, 9);
    plan->changes_within = within[interleave_draw(state, 4)];
    plan->spurious_one_in = interleave_draw(state, 3) == 0 ? 8 : 0;
    plan->tick_ns = interleave_draw(state, 2) == 0 ? 1000 : 5000;
}

static void
draw_engine(uint64_t *state, struct strand_engine_options *options, bool is_patient)
{
    static const uint32_t interval_ms[] = {1, 4, 20};
    static const int32_t preparations[] = {STRAND_PREPARE_NONE, STRAND_PREPARE_RESERVE,
                                           STRAND_PREPARE_ZERO, STRAND_PREPARE_ZERO};

    *options = (struct strand_engine_options){.struct_size = sizeof *options};
    options->descriptor_budget = interleave_draw(state, 2) == 0 ? 16 : 0;
    options->commit_interval_ms =
        is_patient ? INTERLEAVE_PATIENT_MS : interval_ms[interleave_draw(state, 3)];
    options->checkpoint_interval_ms =
        is_patient ? INTERLEAVE_PATIENT_MS : interval_ms[interleave_draw(state, 3)];
    options->commit_bytes = interleave_draw(state, 4) == 0 ? 400 : 0;
    options->unsynced_bytes_max = interleave_draw(state, 4) == 0 ? 300 : 0;
    options->sync_workers = 1 + (uint32_t)interleave_draw(state, 3);
    options->recovery_threads = 2;
    options->preparation = preparations[interleave_draw(state, 4)];
    options->index = interleave_draw(state, 3) == 0 ? STRAND_INDEX_NONE : STRAND_INDEX_MEMORY;
}

static void
draw_threads(uint64_t *state, struct interleave_plan *plan)
{
    plan->appenders = 1 + (int)interleave_draw(state, INTERLEAVE_APPENDERS);
    for (int i = 0; i < INTERLEAVE_APPENDERS; i++)
        plan->appender[i] = (enum interleave_appender)interleave_draw(state, 5);
    plan->batches = (12 + (int)interleave_draw(state, 13)) / plan->appenders / plan->openings + 1;
    plan->changes = interleave_draw(state, 3) == 0 ? 0 : 2 + (uint32_t)interleave_draw(state, 5);
    plan->change_kinds = 1 + (uint32_t)interleave_draw(state, 63);
    plan->has_reader = interleave_draw(state, 3) == 0;
}

/* So that a few batches call for preparation, and meet it. */
static void
draw_preparer(uint64_t *state, struct strand_preparer_sizes *sizes)
{
    static const struct strand_preparer_sizes some[] = {
        {.after = 200, .least = 192, .most = 256, .step = 128, .call = 32},
        {.after = 1, .least = 128, .most = 512, .step = 64, .call = 16},
        {.after = 1, .least = 512, .most = 512, .step = 256, .call = 8},
    };

    *sizes = some[interleave_draw(state, 3)];
}

static void
draw_fault(uint64_t *state, struct interleave_plan *plan)
{
    uint64_t failing_sync = 1 + interleave_draw(state, 40);
    bool is_drawn = interleave_draw(state, 3) == 0;

    if (is_drawn && plan->openings == 1)
        plan->failing_sync = failing_sync;
}

static int32_t
batch_bytes_max(const struct interleave_plan *plan)
{
    return 64 + INTERLEAVE_BATCH_MAX * ((int32_t)plan->value_size + 12);
}

void
interleave_plan_draw(uint64_t seed, struct interleave_plan *plan)
{
    uint64_t state = seed * UINT64_C(0xd1342543de82ef95);

    *plan = (struct interleave_plan){.seed = seed};
    plan->logs = interleave_draw(&state, 4) == 0 ? 2 : 1;
    plan->openings = interleave_draw(&state, 5) == 0 ? 2 : 1;
    plan->value_size = 8 + (size_t)interleave_draw(&state, 3) * 16;
    plan->segment_bytes = batch_bytes_max(plan) * (1 + (int32_t)interleave_draw(&state, 5)) / 2 +
                          batch_bytes_max(plan) / 2;
    plan->has_kills = interleave_draw(&state, 3) == 0;
    plan->is_patient = interleave_draw(&state, 2) == 0;
    draw_threads(&state, plan);
    draw_engine(&state, &plan->engine, plan->is_patient);
    draw_preparer(&state, &plan->preparer);
    draw_fault(&state, plan);
    draw_scheduler(&state, &plan->scheduler);
}

void
interleave_plan_print(const struct interleave_plan *plan)
{
    static const char *const appenders[] = {"durable", "written", "written+wait", "hasty", "mixed"};
    static const char *const changes[] = {"truncate",   "trim", "epoch",
                                          "checkpoint", "sync", "commit_soon"};
    static const char *const preparations[] = {"auto", "none", "reserve", "zero"};

    printf("seed %" PRIu64 ": %d log(s), %d opening(s), segments of %" PRId32 " bytes, values of "
           "%zu, %d x %d batches (",
           plan->seed, plan->logs, plan->openings, plan->segment_bytes, plan->value_size,
           plan->appenders, plan->batches);
    for (int i = 0; i < plan->appenders; i++)
        printf("%s%s", i > 0 ? ", " : "", appenders[plan->appender[i]]);
    printf("), %" PRIu32 " changes", plan->changes);
    for (int i = 0; i < 6 && plan->changes > 0; i++)
        if ((plan->change_kinds & UINT32_C(1) << i) != 0)
            printf(" %s", changes[i]);
    if (plan->failing_sync > 0)
        printf(", sync %" PRIu64 " fails", plan->failing_sync);
    printf("%s%s; commit every %" PRIu32 " ms, checkpoint every %" PRIu32 " ms, %" PRIu32
           " workers, preparation %s%s; ",
           plan->has_reader ? ", a reader" : "", plan->has_kills ? ", kills" : "",
           plan->engine.commit_interval_ms, plan->engine.checkpoint_interval_ms,
           plan->engine.sync_workers, preparations[plan->engine.preparation],
           plan->engine.index == STRAND_INDEX_NONE ? ", no index" : "");
    if (plan->scheduler.delay_points > 0)
        printf("held up at one point in %" PRIu32 " for up to %" PRIu32 ", ",
               plan->scheduler.delay_one_in, plan->scheduler.delay_points);
    if (plan->scheduler.switch_one_in > 0)
        printf("a switch at one point in %" PRIu32 "%s\n", plan->scheduler.switch_one_in,
               plan->scheduler.has_weights ? ", with weights" : "");
    else
        printf("priorities, %" PRIu32 " changes within %" PRIu32 " points\n",
               plan->scheduler.changes, plan->scheduler.changes_within);
}
