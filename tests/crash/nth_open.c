/* tests/crash/nth_open.c -- What a crash has left is opened and read, or salvaged, and a call
 * fails. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "crashtest/ledger.h"
#include "crashtest/snapshot.h"
#include "nth_internal.h"
#include "nth_look.h"

enum { PATH_SIZE = 256, POINTS_FEW = 2, POINTS_MANY = 12 };

/* What a look without any fault is made with. */
static const struct nth_source NOTHING = {.is_once = false};

/* What a crash at call TRIAL->point leaves, 0: behind the last one; the calls of the run. */
static uint64_t
make_past(struct nth_trial *trial, struct nth_past *past)
{
    struct strand_sim_record record = {.events = NULL};
    struct crashtest_driver driver;

    nth_clear_index(trial);
    nth_past_create(trial, past, &record);
    crashtest_driver_init(&driver, strand_sim_disk_fs(past->disk), &trial->run, &trial->setting);
    if (trial->point != 0)
        strand_sim_disk_plan_cut(past->disk, trial->point);
    int status = crashtest_driver_run(&driver, 0);
    (void)status; /* cut short as it is */
    uint64_t calls = strand_sim_disk_calls(past->disk);
    crashtest_driver_abandon(&driver);
    nth_past_end(past, &record);
    nth_past_crash(past, trial->loss, trial->point);
    return calls;
}

/* Every other look. */
static bool
is_killed(const struct nth_trial *trial)
{
    return trial->nth / trial->stride % 2 != 0;
}

static struct nth_look
look_at(const struct nth_trial *trial, struct nth_past *past, int policy)
{
    struct nth_look look = {
        .fs = strand_sim_disk_fs(past->disk),
        .options = {.flags = STRAND_ENGINE_NO_THREADS,
                    .descriptor_budget = 16,
                    .recovery_policy = policy,
                    .preparation = trial->run.preparation,
                    .index = trial->mode == NTH_LMDB ? STRAND_INDEX_LMDB : STRAND_INDEX_MEMORY,
                    .index_directory = trial->setting.index_directory},
        .tries_again = trial->source->is_once,
        .is_damaged = policy == STRAND_RECOVER_SALVAGE,
        .killed_on = is_killed(trial) ? past->disk : NULL,
    };

    nth_look(&look);
    return look;
}

/* A log that was read without a failure, or with one that was overcome, has what it has. */
static void
judge_look(const struct nth_trial *trial, const struct nth_look *look, const struct nth_look *truth)
{
    if (look->complaint[0] != '\0')
        nth_fail(trial, "%s", look->complaint);
    if (look->has_failed)
        nth_check_status(trial, look->status, look->sentence, look->about);
    nth_counts.lost_logs += look->has_lost_log;
    bool is_overcome = trial->source->is_once && !look->has_lost_log;
    if ((!look->has_failed || is_overcome) && look->digest != truth->digest)
        nth_fail(trial, "%" PRIu64 " records were read, not %" PRIu64 ", or others; %s %s",
                 look->records, truth->records, look->about, look->sentence);
}

/* What was served is promised: nothing else has happened since. */
static void
note_found(struct nth_past *past, const struct nth_look *look)
{
    for (int32_t i = 0; i < CRASHTEST_LOGS; i++) {
        const struct crashtest_found *found = &look->found[i];

        past->notes[past->note_count++] =
            crashtest_note(CRASHTEST_NOTE_FOUND_START, i, found->exists ? found->start : -1, 0);
        if (found->exists)
            past->notes[past->note_count++] =
                crashtest_note(CRASHTEST_NOTE_FOUND_END, i, found->end, found->epoch);
    }
    past->notes[past->note_count++] = crashtest_note(CRASHTEST_NOTE_RECOVERED, 0, 0, 0);
}

/* Look at a copy of PAST while the source strikes.  false: it was not met. */
static bool
open_once(const struct nth_trial *trial, const struct nth_past *past, const struct nth_look *truth)
{
    struct nth_past copy;

    nth_past_copy(past, &copy);
    copy.notes[copy.note_count++] = crashtest_note(CRASHTEST_NOTE_RECOVERING, 0, 0, 0);
    trial->source->arm(copy.disk, trial->nth);
    struct nth_look look = look_at(trial, &copy, STRAND_RECOVER_QUARANTINE);
    bool is_struck = trial->source->disarm(copy.disk, trial->nth);
    if (is_struck) {
        nth_counts.faults++;
        judge_look(trial, &look, truth);
        if (look.is_served && is_killed(trial))
            note_found(&copy, &look);
        nth_check(trial, &copy);
    }
    strand_sim_disk_destroy(copy.disk);
    return is_struck;
}

static void
open_all(struct nth_trial *trial)
{
    const struct nth_source *source = trial->source;
    struct nth_past past, copy;

    (void)make_past(trial, &past);
    nth_past_copy(&past, &copy);
    trial->source = &NOTHING;
    struct nth_look truth = look_at(trial, &copy, STRAND_RECOVER_QUARANTINE);
    trial->source = source;
    strand_sim_disk_destroy(copy.disk);
    bool may_fail = strstr(trial->workload->run, "broker") != NULL; /* it may have died itself */
    if ((truth.has_failed || truth.has_lost_log) && !may_fail)
        nth_fail(trial, "undisturbed: %s: %s", truth.about, truth.sentence);
    bool is_struck = !truth.has_failed && !truth.has_lost_log;
    for (trial->nth = nth_first(trial); is_struck; trial->nth += trial->stride)
        is_struck = open_once(trial, &past, &truth);
    strand_sim_disk_destroy(past.disk);
}

void
nth_open(const struct crashtest_workload *workload, enum nth_mode mode,
         const struct nth_source *source)
{
    static const int LOSSES[] = {NTH_KILL, STRAND_SIM_LOSE_ALL, NTH_KILL, STRAND_SIM_RANDOM,
                                 STRAND_SIM_KEEP_NAMES};
    struct nth_trial trial = nth_trial("open", workload, mode, source);
    struct nth_past past;
    uint64_t place = (uint64_t)(workload - crashtest_workloads);
    uint64_t count = nth_settings.does_all ? POINTS_MANY : POINTS_FEW;

    trial.loss = NTH_KILL;
    uint64_t calls = make_past(&trial, &past);
    strand_sim_disk_destroy(past.disk);
    for (uint64_t i = 0; i < count; i++) {
        trial.point = calls * (i + 1) / (count + 1);
        trial.loss = LOSSES[(place + i) % (sizeof LOSSES / sizeof *LOSSES)];
        open_all(&trial);
    }
}

/* ---- While it is salvaged ---- */

/* Change a byte in the middle of the first file of records. */
static void
damage(const struct nth_trial *trial, const struct nth_past *past)
{
    struct crashtest_snapshot files = {.files = NULL};
    char path[PATH_SIZE] = "";
    int64_t size = 0;

    crashtest_snapshot_take(strand_sim_disk_fs(past->disk), CRASHTEST_DIRECTORY, &files);
    for (size_t i = 0; i < files.count && path[0] == '\0'; i++)
        if (strstr(files.files[i].path, ".log") != NULL && files.files[i].size > 0)
            (void)snprintf(path, sizeof path, CRASHTEST_DIRECTORY "/%s", files.files[i].path);
    crashtest_snapshot_free(&files);
    const uint8_t *data = strand_sim_disk_content(past->disk, path, &size);
    if (data == NULL)
        nth_fail(trial, "there is nothing to damage");
    uint8_t *changed = malloc((size_t)size);
    strand_assert(changed != NULL);
    memcpy(changed, data, (size_t)size);
    changed[size / 2] ^= 0x10;
    int status = strand_sim_disk_store(past->disk, path, changed, size);
    strand_assert(status == STRAND_OK);
    free(changed);
}

/* What was begun is finished by the next one, and gives the same. */
static void
salvage_again(const struct nth_trial *trial, const struct nth_past *past, int loss,
              const struct nth_look *truth)
{
    struct nth_trial undisturbed = *trial;
    struct nth_past copy;

    undisturbed.source = &NOTHING;
    nth_past_copy(past, &copy);
    nth_past_crash(&copy, loss, trial->nth);
    struct nth_look look = look_at(&undisturbed, &copy, STRAND_RECOVER_SALVAGE);
    if (look.has_failed || look.has_lost_log || look.digest != truth->digest)
        nth_fail(trial, "then crash %d: %" PRIu64 " records are salvaged, not %" PRIu64 "; %s",
                 loss, look.records, truth->records, look.sentence);
    strand_sim_disk_destroy(copy.disk);
    nth_counts.recoveries++;
}

static bool
salvage_once(const struct nth_trial *trial, const struct nth_past *past,
             const struct nth_look *truth)
{
    struct nth_past copy;

    nth_past_copy(past, &copy);
    trial->source->arm(copy.disk, trial->nth);
    struct nth_look look = look_at(trial, &copy, STRAND_RECOVER_SALVAGE);
    bool is_struck = trial->source->disarm(copy.disk, trial->nth);
    if (is_struck) {
        nth_counts.faults++;
        if (look.complaint[0] != '\0')
            nth_fail(trial, "%s", look.complaint);
        if (look.has_failed)
            nth_check_status(trial, look.status, look.sentence, look.about);
        nth_counts.lost_logs += look.has_lost_log;
        salvage_again(trial, &copy, NTH_KILL, truth);
        for (int loss = 0; loss < STRAND_SIM_LOSS_COUNT; loss++)
            salvage_again(trial, &copy, loss, truth);
    }
    strand_sim_disk_destroy(copy.disk);
    return is_struck;
}

void
nth_salvage(const struct crashtest_workload *workload, const struct nth_source *source)
{
    struct nth_trial trial = nth_trial("salvage", workload, NTH_PLAIN, &NOTHING);
    struct nth_past past, copy;
    bool is_struck = true;

    trial.loss = NTH_KILL;
    (void)make_past(&trial, &past);
    damage(&trial, &past);
    nth_past_copy(&past, &copy);
    struct nth_look truth = look_at(&trial, &copy, STRAND_RECOVER_SALVAGE);
    strand_sim_disk_destroy(copy.disk);
    if (truth.has_failed || truth.has_lost_log)
        nth_fail(&trial, "undisturbed: %s: %s", truth.about, truth.sentence);
    trial.source = source;
    for (trial.nth = nth_first(&trial); is_struck; trial.nth += trial.stride)
        is_struck = salvage_once(&trial, &past, &truth);
    strand_sim_disk_destroy(past.disk);
}
