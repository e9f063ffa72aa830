/* tests/crash/power_cuts.c -- The power goes, the process is killed, and each call fails, at every
 * call of every operation.
 *
 * Each workload runs again and again on a new disk, cut short at call 1, 2, 3, ... until it runs to
 * its end.  After each cut the disk forgets in each of its ways, the directory is opened and held
 * against what was promised; it must then still take records and keep them through another cut. The
 * opening is cut short too.  A kill leaves the cache as it is, and what was written is promised as
 * well.  With faults instead of cuts the call returns an error and the process goes on to its end.
 *
 * Prints what it did; exits 1 at the first violation, with the line that repeats it:
 *     power_cuts [MODE]
 *     power_cuts WORKLOAD MODE CALL LOSS
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/crash_model.h"

typedef int workload_fn(struct model *model);

enum { TRY = 0, OPENING_STRIDE = 7 }; /* TRY: a readable name for a status of 0 */

/* ---- Workloads: return the first status that is not STRAND_OK ---- */

static int
append_and_roll(struct model *model)
{
    int status = model_open(model);

    if (status == TRY)
        status = model_create(model, 0);
    for (int i = 0; i < 12 && status == TRY; i++)
        status = model_append(model, 0, 1, STRAND_DURABLE);
    return status == TRY ? model_close(model) : status;
}

static int
written_then_synced(struct model *model)
{
    int status = model_open(model);

    if (status == TRY)
        status = model_create(model, 0);
    for (int i = 0; i < 14 && status == TRY; i++)
        status = model_append(model, 0, 1 + i % 3, STRAND_WRITTEN);
    if (status == TRY)
        status = model_sync(model);
    for (int i = 0; i < 9 && status == TRY; i++)
        status = model_append(model, 0, 2, STRAND_WRITTEN);
    return status == TRY ? model_close(model) : status;
}

static int
truncate_and_append(struct model *model)
{
    static const int64_t targets[] = {21, 18, 9, 8, 0};
    int status = model_open(model);

    model->saves_nothing = true;
    if (status == TRY)
        status = model_create(model, 0);
    for (int i = 0; i < 8 && status == TRY; i++)
        status = model_append(model, 0, 3, i % 2 == 0 ? STRAND_WRITTEN : STRAND_DURABLE);
    for (size_t t = 0; t < sizeof targets / sizeof *targets && status == TRY; t++) {
        status = model_truncate(model, 0, targets[t]);
        for (int i = 0; i < 2 && status == TRY; i++)
            status = model_append(model, 0, 3, STRAND_DURABLE);
    }
    return status == TRY ? model_close(model) : status;
}

static int
trim_and_append(struct model *model)
{
    int status = model_open(model);

    model->saves_nothing = true;
    if (status == TRY)
        status = model_create(model, 0);
    for (int round = 1; round <= 4 && status == TRY; round++) {
        for (int i = 0; i < 5 && status == TRY; i++)
            status = model_append(model, 0, 2, STRAND_DURABLE);
        if (status == TRY)
            status = model_trim(model, 0, round * 9);
    }
    if (status == TRY)
        status = model_truncate(model, 0, 37);
    if (status == TRY)
        status = model_append(model, 0, 2, STRAND_DURABLE);
    return status == TRY ? model_close(model) : status;
}

static int
create_delete_create(struct model *model)
{
    int status = model_open(model);

    for (int round = 0; round < 3 && status == TRY; round++) {
        status = model_create(model, 0);
        if (status == TRY)
            status = model_create(model, 1);
        for (int i = 0; i < 4 + round && status == TRY; i++)
            status = model_append(model, i % 2, 2, STRAND_DURABLE);
        if (status == TRY)
            status = model_trim(model, 0, 1 + round);
        if (status == TRY)
            status = model_delete(model, 0);
        if (status == TRY)
            status = model_append(model, 1, 1, STRAND_WRITTEN);
    }
    return status == TRY ? model_close(model) : status;
}

static int
reset_and_epochs(struct model *model)
{
    int status = model_open(model);

    if (status == TRY)
        status = model_create(model, 0);
    for (int round = 1; round <= 3 && status == TRY; round++) {
        for (int i = 0; i < 4 && status == TRY; i++)
            status = model_append(model, 0, 2, i < 2 ? STRAND_WRITTEN : STRAND_DURABLE);
        if (status == TRY)
            status = model_append(model, 0, 1, STRAND_WRITTEN);
        if (status == TRY)
            status = model_begin_epoch(model, 0, 10 * round);
        if (status == TRY)
            status = model_append(model, 0, 1, STRAND_DURABLE);
        if (status == TRY && round > 1)
            status = model_reset(model, 0, 100 * round);
    }
    if (status == TRY)
        status = model_append(model, 0, 2, STRAND_DURABLE);
    if (status == TRY)
        status = model_reset(model, 0, 4);
    if (status == TRY)
        status = model_append(model, 0, 1, STRAND_DURABLE);
    return status == TRY ? model_close(model) : status;
}

/* Closed and opened again in between, so that cuts fall into recoveries of whole logs too. */
static int
reopen_often(struct model *model)
{
    int status = TRY;

    for (int round = 0; round < 4 && status == TRY; round++) {
        status = model_open(model);
        if (status == TRY)
            status = model_create(model, 0);
        for (int i = 0; i < 4 && status == TRY; i++)
            status = model_append(model, 0, 1, i % 2 == 0 ? STRAND_WRITTEN : STRAND_DURABLE);
        if (status == TRY && round == 2)
            status = model_truncate(model, 0, 6);
        if (status == TRY)
            status = model_close(model);
    }
    return status;
}

/* Records that are not durable yet, in two segments, when a round, an epoch and a cut come. */
static int
several_unsynced_segments(struct model *model)
{
    int status = model_open(model);

    if (status == TRY)
        status = model_create(model, 0);
    for (int round = 0; round < 2 && status == TRY; round++) {
        for (int i = 0; i < 5 && status == TRY; i++)
            status = model_append(model, 0, 3, STRAND_WRITTEN);
        if (status == TRY)
            status = round == 0 ? model_append(model, 0, 3, STRAND_DURABLE)
                                : model_truncate(model, 0, 24);
        for (int i = 0; i < 3 && status == TRY; i++)
            status = model_append(model, 0, 3, STRAND_WRITTEN);
        if (status == TRY)
            status = model_begin_epoch(model, 0, 4 + round);
    }
    return status == TRY ? model_close(model) : status;
}

/* A reader holds what is cut off: the rest goes into a new file. */
static int
truncate_under_readers(struct model *model)
{
    static const int64_t targets[] = {19, 10, 6, 2};
    int status = model_open(model);

    model->saves_nothing = true;
    model->pins_cuts = true;
    if (status == TRY)
        status = model_create(model, 0);
    for (int i = 0; i < 7 && status == TRY; i++)
        status = model_append(model, 0, 3, i % 2 == 0 ? STRAND_WRITTEN : STRAND_DURABLE);
    for (size_t t = 0; t < sizeof targets / sizeof *targets && status == TRY; t++) {
        status = model_truncate(model, 0, targets[t]);
        if (status == TRY)
            status = model_append(model, 0, 3, STRAND_DURABLE);
    }
    return status == TRY ? model_close(model) : status;
}

/* Epochs and gaps as a leader sends them, inside segments and between them, and cuts into both. */
static int
follow_a_leader(struct model *model)
{
    static const struct {
        int64_t truncate_to; /* first; -1: not */
        int gap;
        int32_t epoch;
        int durability;
    } steps[] = {
        {-1, 0, 3, STRAND_WRITTEN},  {-1, 2, 3, STRAND_WRITTEN}, {-1, 5, 3, STRAND_WRITTEN},
        {-1, 0, 5, STRAND_WRITTEN},  {-1, 4, 5, STRAND_WRITTEN}, {-1, 0, 6, STRAND_DURABLE},
        {-1, 7, 8, STRAND_DURABLE},  {26, 0, 8, STRAND_WRITTEN}, {-1, 3, 9, STRAND_WRITTEN},
        {13, 0, 9, STRAND_DURABLE},  {-1, 3, 9, STRAND_DURABLE}, {4, 6, 11, STRAND_DURABLE},
        {-1, 0, 11, STRAND_WRITTEN}, {5, 0, 12, STRAND_DURABLE},
    };
    int status = model_open(model);

    if (status == TRY)
        status = model_create_replicated(model, 0);
    for (size_t i = 0; i < sizeof steps / sizeof *steps && status == TRY; i++) {
        if (steps[i].truncate_to >= 0)
            status = model_truncate(model, 0, steps[i].truncate_to);
        if (status == TRY)
            status = model_follow(model, 0, steps[i].gap, 2, steps[i].epoch, steps[i].durability);
    }
    if (status == TRY)
        status = model_trim(model, 0, 3);
    return status == TRY ? model_close(model) : status;
}

/* A broker has had the directory, twice: of what we knew of it nothing is true any more. */
static int
after_a_broker(struct model *model)
{
    int status = model_open(model);

    if (status == TRY)
        status = model_create(model, 0);
    for (int round = 0; round < 2 && status == TRY; round++) {
        for (int i = 0; i < 6 && status == TRY; i++)
            status = model_append(model, 0, 3, STRAND_DURABLE);
        if (status == TRY && round == 0)
            status = model_trim(model, 0, 2);
        if (status == TRY)
            status = model_close(model);
        if (status == TRY)
            status = model_let_broker_change(model, 0);
        if (status == TRY)
            status = model_open(model);
        if (status == TRY)
            status = model_create(model, 0);
        if (status == TRY)
            status = model_append(model, 0, 3, STRAND_DURABLE);
        if (status == TRY && round == 0)
            status = model_truncate(model, 0, 4);
    }
    if (status == TRY)
        status = model_reset(model, 0, 0);
    if (status == TRY)
        status = model_append(model, 0, 3, STRAND_DURABLE);
    if (status == TRY)
        status = model_delete(model, 0);
    if (status == TRY)
        status = model_create(model, 0);
    if (status == TRY)
        status = model_append(model, 0, 1, STRAND_DURABLE);
    return status == TRY ? model_close(model) : status;
}

/* COUNT batches, of which every third is written only; space is prepared after each. */
static int
append_prepared(struct model *model, int count)
{
    int status = TRY;

    for (int i = 0; i < count && status == TRY; i++) {
        status = model_append(model, 0, 1 + i % 2, i % 3 == 0 ? STRAND_WRITTEN : STRAND_DURABLE);
        if (status == TRY)
            status = model_run(model, 0);
    }
    return status;
}

/* Rolls to prepared files, cuts into prepared segments, and a log that rests. */
static int
append_to_prepared_space(struct model *model)
{
    int status = model_open(model);

    model->saves_nothing = true;
    if (status == TRY)
        status = model_create(model, 0);
    if (status == TRY)
        status = append_prepared(model, 12);
    if (status == TRY)
        status = model_truncate(model, 0, model->expected[0].end - 1);
    if (status == TRY)
        status = append_prepared(model, 4);
    if (status == TRY)
        status = model_truncate(model, 0, 9);
    if (status == TRY)
        status = append_prepared(model, 5);
    if (status == TRY)
        status = model_trim(model, 0, 8);
    if (status == TRY)
        status = model_run(model, INT64_C(11) * 1000000000);
    if (status == TRY)
        status = append_prepared(model, 7);
    if (status == TRY)
        status = model_reset(model, 0, 60);
    if (status == TRY)
        status = append_prepared(model, 5);
    return status == TRY ? model_close(model) : status;
}

static int
zeros_in_front(struct model *model)
{
    model->preparation = STRAND_PREPARE_ZERO;
    return append_to_prepared_space(model);
}

static int
blocks_in_front(struct model *model)
{
    model->preparation = STRAND_PREPARE_RESERVE;
    return append_to_prepared_space(model);
}

/* What is written only reaches over several prepared segments; a follower's gaps end them. */
static int
zeros_and_gaps(struct model *model)
{
    int status;

    model->preparation = STRAND_PREPARE_ZERO;
    status = model_open(model);
    if (status == TRY)
        status = model_create_replicated(model, 0);
    for (int i = 0; i < 24 && status == TRY; i++) {
        status = model_follow(model, 0, i % 7 == 6 ? 3 : 0, 2, 2 + i / 9,
                              i % 5 == 4 ? STRAND_DURABLE : STRAND_WRITTEN);
        if (status == TRY)
            status = model_run(model, 0);
    }
    return status == TRY ? model_close(model) : status;
}

static const struct {
    const char *name;
    workload_fn *run;
} WORKLOADS[] = {
    {"append_and_roll", append_and_roll},
    {"written_then_synced", written_then_synced},
    {"truncate_and_append", truncate_and_append},
    {"trim_and_append", trim_and_append},
    {"create_delete_create", create_delete_create},
    {"reset_and_epochs", reset_and_epochs},
    {"reopen_often", reopen_often},
    {"several_unsynced_segments", several_unsynced_segments},
    {"truncate_under_readers", truncate_under_readers},
    {"follow_a_leader", follow_a_leader},
    {"after_a_broker", after_a_broker},
    {"zeros_in_front", zeros_in_front},
    {"blocks_in_front", blocks_in_front},
    {"zeros_and_gaps", zeros_and_gaps},
};

enum { WORKLOAD_COUNT = sizeof WORKLOADS / sizeof *WORKLOADS };

/* ---- Cutting ---- */

enum mode { MODE_CUT, MODE_KILL, MODE_EIO, MODE_ENOSPC, MODE_STICKY, MODE_COUNT };

static const char *const MODE_NAMES[MODE_COUNT] = {"cut", "kill", "eio", "enospc", "sticky"};

struct attempt {
    size_t workload;
    enum mode mode;
    uint64_t call;
    int loss;
};

static uint64_t recoveries;
static char cut_call[160]; /* the call that was cut short, for the complaint */

static int
complain(const struct attempt *attempt, const struct model *model, const char *when)
{
    (void)printf("VIOLATION %s: %s\n  at: %s\n  again: power_cuts %s %s %" PRIu64 " %d\n", when,
                 model->violation, cut_call, WORKLOADS[attempt->workload].name,
                 MODE_NAMES[attempt->mode], attempt->call, attempt->loss);
    return 1;
}

static void
plan(struct strand_sim_disk *disk, enum mode mode, uint64_t call)
{
    if (mode == MODE_CUT || mode == MODE_KILL)
        strand_sim_disk_plan_cut(disk, call);
    else
        strand_sim_disk_plan_fault(disk, call, mode == MODE_ENOSPC ? ENOSPC : EIO,
                                   mode == MODE_STICKY);
}

/* The handles are given up, and the machine, or just the process, is gone. */
static void
crash(struct model *model, enum mode mode, enum strand_sim_loss loss, uint64_t seed)
{
    model_abandon(model);
    if (mode == MODE_KILL) {
        strand_sim_disk_plan_clear(model->disk);
        strand_sim_disk_kill(model->disk);
    } else {
        strand_sim_disk_cut(model->disk, loss, seed);
    }
}

static bool
crashes_openings(const struct attempt *attempt)
{
    return attempt->call % 8 == 0;
}

/* Open with a crash in the middle of it, further and further on, until it gets through. */
static void
crash_openings(struct model *model, const struct attempt *attempt)
{
    uint64_t at = 1 + attempt->call % OPENING_STRIDE;
    int status;

    do {
        strand_sim_disk_plan_cut(model->disk, strand_sim_disk_calls(model->disk) + at);
        status = model_open(model);
        strand_sim_disk_plan_cut(model->disk, strand_sim_disk_calls(model->disk) + 1);
        crash(model, attempt->mode, (enum strand_sim_loss)(at % STRAND_SIM_LOSS_COUNT), at);
        recoveries++;
        at += OPENING_STRIDE;
    } while (status != STRAND_OK);
}

/* After a crash: what was promised is there; what is appended now survives the next. */
static int
check_aftermath(struct model *model, const struct attempt *attempt)
{
    if (crashes_openings(attempt))
        crash_openings(model, attempt);
    if (!model_check(model))
        return complain(attempt, model, "after the crash");
    recoveries++;
    for (int i = 0; i < MODEL_LOGS; i++) {
        if (!model->expected[i].exists)
            continue;
        for (int n = 0; n < 3; n++)
            if (model_append(model, i, 1, STRAND_DURABLE) != STRAND_OK) {
                (void)snprintf(model->violation, sizeof model->violation, "append: %s",
                               strand_error_message());
                return complain(attempt, model, "appending after recovery");
            }
    }
    strand_sim_disk_plan_cut(model->disk, strand_sim_disk_calls(model->disk) + 1);
    model_abandon(model);
    strand_sim_disk_cut(model->disk, STRAND_SIM_LOSE_ALL, 0);
    if (!model_check(model))
        return complain(attempt, model, "after the second crash");
    recoveries++;
    if (model_close(model) != STRAND_OK)
        return complain(attempt, model, "closing");
    return 0;
}

/* Whether neither the disk nor an opening that was cut short mixes old with new. */
static bool
is_ordered(const struct attempt *attempt)
{
    return (attempt->mode == MODE_CUT || attempt->mode == MODE_KILL) &&
           attempt->loss != STRAND_SIM_RANDOM && attempt->loss != STRAND_SIM_UNORDERED &&
           !crashes_openings(attempt);
}

/* One run.  *OUT_FINISHED: the plan did not stop it any more. */
static int
run_attempt(const struct attempt *attempt, bool *out_finished)
{
    struct strand_sim_disk_options options = {.seed = attempt->call};
    struct strand_sim_disk *disk = NULL;
    static struct model model;

    if (strand_sim_disk_create(&options, &disk) != STRAND_OK)
        return 2;
    model_init(&model, disk, 512);
    model.codec = attempt->call % 4 == 0 ? STRAND_CODEC_LZ4 : STRAND_CODEC_NONE;
    model.copies_reads = attempt->call % 2 == 0;
    model.is_ordered = is_ordered(attempt);
    plan(disk, attempt->mode, attempt->call);
    int status = WORKLOADS[attempt->workload].run(&model);
    *out_finished = strand_sim_disk_calls(disk) < attempt->call;
    const char *trace = strand_sim_disk_trace(disk, attempt->call);
    (void)snprintf(cut_call, sizeof cut_call, "%s", trace != NULL ? trace : "?");
    if (*out_finished && status != STRAND_OK)
        (void)snprintf(model.violation, sizeof model.violation, "nothing was in the way: %s",
                       strand_error_message());
    if (attempt->mode == MODE_KILL)
        model_note_kill(&model);
    else if (attempt->mode != MODE_CUT)
        strand_sim_disk_plan_clear(disk);
    crash(&model, attempt->mode, (enum strand_sim_loss)attempt->loss, attempt->call);
    int result = check_aftermath(&model, attempt);
    if (result != 0)
        model_abandon(&model);
    strand_sim_disk_destroy(disk);
    return result;
}

/* All losses after a cut, but that of nothing, which is a kill; after a fault few. */
static bool
is_tried(enum mode mode, int loss)
{
    bool is_few = loss == STRAND_SIM_LOSE_ALL || (mode == MODE_EIO && loss == STRAND_SIM_RANDOM);

    return mode == MODE_CUT ? loss != STRAND_SIM_KEEP_ALL : is_few;
}

static int
run_all_calls(size_t workload, enum mode mode)
{
    bool is_finished = false;
    uint64_t call = 0;

    while (!is_finished) {
        call++;
        for (int loss = 0; loss < STRAND_SIM_LOSS_COUNT; loss++) {
            struct attempt attempt = {workload, mode, call, loss};
            int result = is_tried(mode, loss) ? run_attempt(&attempt, &is_finished) : 0;

            if (result != 0)
                return result;
        }
    }
    (void)printf("%-26s %-7s %5" PRIu64 " calls\n", WORKLOADS[workload].name, MODE_NAMES[mode],
                 call - 1);
    return 0;
}

static int
run_again(char **words)
{
    struct attempt attempt = {.call = strtoull(words[2], NULL, 10), .loss = atoi(words[3])};
    bool is_finished;

    for (size_t i = 0; i < WORKLOAD_COUNT; i++)
        if (strcmp(words[0], WORKLOADS[i].name) == 0)
            attempt.workload = i;
    for (int i = 0; i < MODE_COUNT; i++)
        if (strcmp(words[1], MODE_NAMES[i]) == 0)
            attempt.mode = (enum mode)i;
    return run_attempt(&attempt, &is_finished);
}

int
main(int argc, char **argv)
{
    if (argc == 5)
        return run_again(argv + 1);
    for (int mode = 0; mode < MODE_COUNT; mode++)
        for (size_t i = 0; i < WORKLOAD_COUNT; i++)
            if ((argc < 2 || strcmp(argv[1], MODE_NAMES[mode]) == 0) &&
                run_all_calls(i, (enum mode)mode) != 0)
                return 1;
    if (recoveries == 0)
        return 64;
    (void)printf("%" PRIu64 " recoveries, 0 violations\n", recoveries);
    return 0;
}
