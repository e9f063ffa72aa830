/* simulation/crash_follow.c -- One state again, alone: run, go to the point, count to the state.
 *
 * Everything is worked out as when it was explored, only that operations have texts now.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "simulation/crash_path.h"
#include "simulation/crash_trace.h"
#include "simulation/crash_worker.h"

/* One crash: what was done before it, the disk then, and what it left. */
struct crash {
    struct strand_sim_record record;
    struct strand_crash_disk disk;
    struct strand_crash_states states;
    struct strand_crash_disk image;
};

struct follower {
    const struct strand_crash_setup *setup; /* borrowed */
    const struct strand_crash_path *path;   /* borrowed */
    struct crash crashes[STRAND_CRASH_STEPS_MAX];
    struct strand_crash_trace trace;
    struct strand_crash_result *result; /* borrowed */
    uint64_t *notes;                    /* owned; behind the second crash */
};

/* Make the image the state that STEP names, of the disk at its point.  false: there is none. */
static bool
leave_state(struct follower *follower, struct crash *crash, const struct strand_crash_step *step)
{
    struct strand_crash_generated state = {0, 0};

    strand_crash_disk_clear(&crash->image);
    if (step->kind == STRAND_CRASH_KILL) {
        strand_crash_disk_copy(&crash->image, &crash->disk);
        return step->state == 0;
    }
    crash->states.rules = follower->setup->rules;
    strand_crash_states_begin(&crash->states, &crash->disk, step->point);
    do {
        if (!strand_crash_states_next(&crash->states, &state))
            return false;
    } while (state.number < step->state);
    strand_crash_states_build(&crash->states, &crash->image);
    follower->result->generated += state.number + 1;
    follower->result->sampled_points += crash->states.is_sampled;
    strand_crash_trace_survivors(&follower->trace, &crash->states);
    return true;
}

/* What was recorded happens up to STEP's point, and then the crash. */
static bool
follow_step(struct follower *follower, struct crash *crash, const struct strand_crash_step *step)
{
    if (step->point > crash->record.operation_count)
        return false;
    strand_crash_trace_operations(&follower->trace, &crash->record, step->point,
                                  step->kind == STRAND_CRASH_KILL ? "the process is killed"
                                                                  : "the power goes");
    for (size_t i = 1; i <= step->point; i++)
        strand_crash_disk_apply(&crash->disk, &crash->record, i);
    follower->result->crash_points++;
    return leave_state(follower, crash, step);
}

static size_t
notes_until(const struct strand_sim_record *record, uint64_t point)
{
    return point == 0 ? 0 : record->operations[point - 1].note_end;
}

static enum strand_crash_verdict
judge(bool is_well)
{
    return is_well ? STRAND_CRASH_PASSED : STRAND_CRASH_VIOLATED;
}

/* CHECK and GO_ON on what the first crash left: in the end, or up to the second. */
static enum strand_crash_verdict
follow_second(struct follower *follower, const struct strand_crash_past *first)
{
    struct crash *crash = &follower->crashes[1];
    const struct strand_crash_step *step = &follower->path->steps[1];
    struct strand_crash_result *result = follower->result;
    bool is_last = follower->path->step_count == 1;
    bool is_well = strand_crash_attempt_check(follower->setup, first, follower->setup->depth > 1,
                                              true, &crash->record, result->sentence);

    result->recoveries++;
    if (is_last || !is_well)
        return judge(is_well);

    strand_crash_trace_line(&follower->trace, "then check");
    strand_crash_disk_clear(&crash->disk);
    strand_crash_disk_copy(&crash->disk, first->image);
    if (!follow_step(follower, crash, step))
        return STRAND_CRASH_NOT_THERE;
    size_t first_count = first->state.note_count;
    size_t second_count = notes_until(&crash->record, step->point);
    follower->notes = calloc(first_count + second_count + 1, sizeof *follower->notes);
    strand_assert(follower->notes != NULL);
    for (size_t i = 0; i < first_count + second_count; i++)
        follower->notes[i] =
            i < first_count ? first->state.notes[i] : crash->record.notes[i - first_count];
    const struct strand_crash_past second = strand_crash_second_past(
        first, &crash->image, step->kind, follower->notes, first_count + second_count);
    result->recoveries++;
    return judge(
        strand_crash_attempt_check(follower->setup, &second, false, false, NULL, result->sentence));
}

static enum strand_crash_verdict
follow_first(struct follower *follower)
{
    struct crash *crash = &follower->crashes[0];
    const struct strand_crash_step *step = &follower->path->steps[0];

    follower->result->runs++;
    if (!strand_crash_attempt_run(follower->setup, &follower->path->planned, &crash->record, NULL,
                                  follower->result->sentence))
        return STRAND_CRASH_NOT_THERE;
    strand_crash_trace_line(&follower->trace, "run");
    strand_crash_disk_clear(&crash->disk);
    if (!follow_step(follower, crash, step))
        return STRAND_CRASH_NOT_THERE;
    size_t note_count = notes_until(&crash->record, step->point);
    const struct strand_crash_past past = {
        .image = &crash->image,
        .boots = step->kind == STRAND_CRASH_POWER,
        .lives = 1,
        .state =
            {
                .struct_size = sizeof(struct strand_crash_state),
                .notes = crash->record.notes,
                .note_count = note_count,
                .run_note_count = note_count,
                .kind = step->kind,
                .cut_note_count = step->kind == STRAND_CRASH_POWER ? note_count : 0,
            },
    };
    return follow_second(follower, &past);
}

enum strand_crash_verdict
strand_crash_path_follow(const struct strand_crash_setup *setup,
                         const struct strand_crash_path *path,
                         struct strand_crash_result *out_result)
{
    struct follower follower = {.setup = setup, .path = path, .result = out_result};

    out_result->sentence[0] = '\0';
    out_result->trace[0] = '\0';
    follower.trace = (struct strand_crash_trace){out_result->trace, sizeof out_result->trace, 0};
    enum strand_crash_verdict verdict = follow_first(&follower);
    for (size_t i = 0; i < STRAND_CRASH_STEPS_MAX; i++) {
        struct crash *crash = &follower.crashes[i];

        strand_sim_record_free(&crash->record);
        strand_crash_disk_free(&crash->disk);
        strand_crash_states_free(&crash->states);
        strand_crash_disk_free(&crash->image);
    }
    free(follower.notes);
    return verdict;
}
