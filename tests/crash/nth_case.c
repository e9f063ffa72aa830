/* tests/crash/nth_case.c -- One fault at a time: what is tried, and what may come of it. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "crashtest/check.h"
#include "nth_internal.h"
#include "simulation/sim_disk_internal.h"

enum { SENTENCE_SIZE = 512, SEEDS = 3, OPENING_SHARE = 5 };

struct nth_settings nth_settings;
struct nth_counts nth_counts;

void
nth_fail(const struct nth_trial *trial, const char *format, ...)
{
    static const char *const MODES[] = {"plain", "short", "lmdb"};
    va_list args;

    (void)fprintf(stderr,
                  "%s %s %s, %s %" PRIu64 ", crash at call %" PRIu64 " (loss %d): ", trial->what,
                  trial->workload->name, MODES[trial->mode], trial->source->name, trial->nth,
                  trial->point, trial->loss);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

void
nth_begin(int argc, char **argv, const char *index_directory)
{
    nth_settings.index_directory = index_directory;
    nth_settings.stride = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    nth_settings.workload = argc > 2 ? argv[2] : NULL;
    nth_settings.does_all = nth_settings.stride == 1;
    if (nth_settings.stride != 0 && argc <= 3 &&
        (argc < 3 || crashtest_workload_find(argv[2]) != NULL))
        return;
    (void)fprintf(stderr, "usage: %s [STRIDE [WORKLOAD]]\n", argv[0]);
    exit(2);
}

bool
nth_is_chosen(const struct crashtest_workload *workload)
{
    return nth_settings.workload == NULL || strcmp(workload->name, nth_settings.workload) == 0;
}

bool
nth_does_all(void)
{
    return nth_settings.does_all;
}

int
nth_end(void)
{
    (void)printf("%" PRIu64 " faults; %" PRIu64 " calls were refused for them, %" PRIu64
                 " logs failed; %" PRIu64 " recoveries, of which %" PRIu64
                 " met a torn slot of the frontier\n",
                 nth_counts.faults, nth_counts.refusals, nth_counts.lost_logs,
                 nth_counts.recoveries, nth_counts.torn_slots);
    return nth_counts.faults > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

struct nth_trial
nth_trial(const char *what, const struct crashtest_workload *workload, enum nth_mode mode,
          const struct nth_source *source)
{
    struct nth_trial trial = {.what = what, .workload = workload, .mode = mode, .source = source};
    int status = crashtest_script_read(workload->run, &trial.run);

    strand_assert(status == STRAND_OK);
    bool is_run = strcmp(what, "run") == 0;
    uint64_t stride = is_run ? nth_settings.stride : nth_settings.stride / OPENING_SHARE;
    trial.stride = stride > 0 ? stride : 1;
    trial.more = trial.run;
    trial.more.count = 0;
    trial.setting.index_directory = mode == NTH_LMDB ? nth_settings.index_directory : NULL;
    return trial;
}

/* ---- Disks ---- */

void
nth_past_create(const struct nth_trial *trial, struct nth_past *past,
                struct strand_sim_record *record)
{
    const struct strand_sim_disk_options options = {
        .seed = 1, .short_writes = trial->mode == NTH_SHORT, .no_trace = true};

    memset(past, 0, sizeof *past);
    int status = strand_sim_disk_create(&options, &past->disk);
    strand_assert(status == STRAND_OK);
    strand_sim_disk_record(past->disk, record);
}

void
nth_past_copy(const struct nth_past *from, struct nth_past *to)
{
    *to = *from;
    int status = strand_sim_disk_clone(from->disk, &to->disk);
    strand_assert(status == STRAND_OK);
}

void
nth_past_crash(struct nth_past *past, int loss, uint64_t seed)
{
    if (loss == NTH_KILL) {
        strand_sim_disk_kill(past->disk);
        return;
    }
    strand_sim_disk_cut(past->disk, (enum strand_sim_loss)loss, seed);
    past->cut_note_count = past->note_count;
}

void
nth_past_end(struct nth_past *past, struct strand_sim_record *record)
{
    strand_assert(record->note_count < NTH_NOTES_MAX - 8); /* with those of an opening */
    if (record->note_count > 0)
        memcpy(past->notes, record->notes, record->note_count * sizeof *record->notes);
    past->note_count = record->note_count;
    strand_sim_disk_plan_clear(past->disk);
    strand_sim_disk_record(past->disk, NULL);
    strand_sim_record_free(record);
}

/* ---- The check ---- */

/* A slot of the frontier is written with one call, so that the kit expects each to be whole.  Where
 * a call writes 7 bytes and the next one fails it is not, as after any write that a disk has torn:
 * the slot before it nth_counts. */
static bool
is_torn_slot(const struct nth_trial *trial, const char *sentence)
{
    return trial->mode == NTH_SHORT && sentence != NULL &&
           strstr(sentence, "a slot has a wrong CRC") != NULL;
}

/* Crash a copy of PAST, and hold it against what was promised. */
static void
check_one(const struct nth_trial *trial, const struct nth_past *past, int loss, uint64_t seed)
{
    struct nth_past copy;
    struct crashtest_check check = {.looks = CRASHTEST_LOOK_AGAIN, .go_on = &trial->more};

    nth_past_copy(past, &copy);
    nth_past_crash(&copy, loss, seed);
    struct strand_crash_state state = {
        .struct_size = sizeof state,
        .notes = copy.notes,
        .note_count = copy.note_count,
        .run_note_count = copy.note_count,
        .kind = loss == NTH_KILL ? STRAND_CRASH_KILL : STRAND_CRASH_POWER,
        .cut_note_count = copy.cut_note_count,
    };
    check.fs = strand_sim_disk_fs(copy.disk);
    check.state = &state;
    crashtest_driver_init(&check.driver, check.fs, &trial->run, &trial->setting);
    bool is_right = crashtest_check_all(&check);
    if (is_torn_slot(trial, copy.disk->sentence))
        nth_counts.torn_slots++;
    else if (!is_right || copy.disk->sentence != NULL)
        nth_fail(trial, "then crash %d, seed %" PRIu64 ": %s", loss, seed,
                 copy.disk->sentence != NULL ? copy.disk->sentence : "no sentence");
    strand_sim_disk_destroy(copy.disk);
    nth_counts.recoveries++;
}

void
nth_check(const struct nth_trial *trial, const struct nth_past *past)
{
    bool has_all = nth_settings.does_all;
    int turn = (int)(trial->nth / trial->stride / 2 % STRAND_SIM_LOSS_COUNT);

    check_one(trial, past, NTH_KILL, 0);
    for (int loss = 0; loss < STRAND_SIM_LOSS_COUNT; loss++) {
        bool is_random = loss == STRAND_SIM_RANDOM || loss == STRAND_SIM_UNORDERED;

        for (uint64_t seed = 0; seed < (has_all && is_random ? SEEDS : 1); seed++)
            if (has_all || loss == turn)
                check_one(trial, past, loss, trial->nth + seed);
    }
}

/* ---- What a struck call says ---- */

void
nth_check_status(const struct nth_trial *trial, int status, const char *sentence, const char *about)
{
    const int *allowed = trial->source->statuses;

    nth_counts.refusals++;
    while (*allowed != STRAND_OK && *allowed != status)
        allowed++;
    if (*allowed == STRAND_OK)
        nth_fail(trial, "%s gives %d: %s", about, status, sentence);
    if (sentence[0] == '\0')
        nth_fail(trial, "%s gives %d, and no sentence", about, status);
    if (trial->source->word != NULL && status == trial->source->statuses[0] &&
        strstr(sentence, trial->source->word) == NULL)
        nth_fail(trial, "%s gives \"%s\", which does not speak of \"%s\"", about, sentence,
                 trial->source->word);
}

uint64_t
nth_first(const struct nth_trial *trial)
{
    return 1 + (uint64_t)(trial->workload - crashtest_workloads) * 11 % trial->stride;
}

void
nth_clear_index(const struct nth_trial *trial)
{
    static const char *const NAMES[] = {"strandline.index", "strandline.index-lock"};
    char path[SENTENCE_SIZE];

    for (size_t i = 0; i < 2 && trial->mode == NTH_LMDB; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", nth_settings.index_directory, NAMES[i]);
        if (remove(path) != 0 && errno != ENOENT)
            nth_fail(trial, "%s is not removed", path);
    }
}
