/* tests/crash/damage_sweep.c -- Every bit of every file of a small data directory is flipped, every
 * file is cut to every length, blocks are zeroed, swapped, stale or of another file: the engine
 * says so or gives the same answers.
 *
 *     damage_sweep                                   all of them
 *     damage_sweep STRIDE                            each STRIDE-th, and one for each line of the
 * list damage_sweep REFERENCE FILE KIND POSITION      one of them, and what is answered
 *
 * The last is printed for each that goes wrong.  Most openings are for writing and quarantine
 * what is damaged; each eighth is one of the others.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crash/damage_sweep.h"

enum { WRONG_MAX = 20, SECONDS_MAX = 30, LINES_MAX = 64, LENGTH_STRIDE_OF_LARGE = 23 };

static struct sweep_reference references[] = {
    {.name = "closed", .ending = SWEEP_CLOSED},
    {.name = "cut", .ending = SWEEP_CUT},
    {.name = "killed", .ending = SWEEP_KILLED},
    {.name = "large-closed", .ending = SWEEP_CLOSED, .is_large = true},
    {.name = "large-cut", .ending = SWEEP_CUT, .is_large = true},
    {.name = "large-killed", .ending = SWEEP_KILLED, .is_large = true},
};

enum { REFERENCES = sizeof references / sizeof *references };

static struct sweep_answers good[REFERENCES];

struct totals {
    uint64_t results[SWEEP_WRONG + 1];
    uint64_t lines[LINES_MAX];
    uint64_t number; /* of the next damage */
    uint64_t stride;
};

/* ---- Replay ---- */

static char replay[256];

/* The sentence is ready made: nothing but a write may be done here. */
static void
tell_signal(int number)
{
    ssize_t written = write(STDERR_FILENO, replay, strlen(replay));

    (void)written; /* there is nobody left to tell */
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void
note_replay(const struct sweep_damage *damage)
{
    (void)snprintf(replay, sizeof replay, "damage_sweep %s %s %s %" PRId64 "\n",
                   damage->reference->name, damage->reference->files[damage->file].path,
                   SWEEP_KIND_NAMES[damage->kind], damage->position);
}

/* ---- One damage ---- */

/* The same one each time for the same damage. */
static struct sweep_opening
choose_opening(const struct sweep_damage *damage)
{
    uint64_t choice = (uint64_t)damage->position + damage->file + damage->kind;

    switch (choice % 8) {
    case 1:
        return (struct sweep_opening){.flags = STRAND_ENGINE_READ_ONLY};
    case 3:
        return (struct sweep_opening){.policy = STRAND_RECOVER_SALVAGE};
    case 5:
        return (struct sweep_opening){.policy = STRAND_RECOVER_REFUSE};
    case 7:
        return (struct sweep_opening){.appends = true};
    default:
        return (struct sweep_opening){.flags = 0};
    }
}

static void
store(struct strand_sim_disk *disk, const struct sweep_file *file,
      const struct sweep_content *content)
{
    char path[2 * SWEEP_PATH];

    (void)snprintf(path, sizeof path, SWEEP_DATA "/%s", file->path);
    SWEEP_MUST(strand_sim_disk_store(disk, path, content->data, content->size));
}

/* Damage a copy of the directory, open it, judge. */
static enum sweep_result
try_damage(const struct sweep_damage *damage, const struct sweep_content *content,
           struct sweep_answers *answers, size_t *out_line)
{
    const struct sweep_reference *reference = damage->reference;
    struct sweep_opening opening = choose_opening(damage);
    struct strand_sim_disk *disk;

    SWEEP_MUST(strand_sim_disk_clone(reference->disk, &disk));
    store(disk, &reference->files[damage->file], content);
    sweep_look(reference, disk, &opening, answers);
    enum sweep_result result = sweep_judge(damage, content, &opening, &good[reference - references],
                                           answers, disk, out_line);
    if (result != SWEEP_HARMLESS && result != SWEEP_WRONG && !opening.appends &&
        opening.policy != STRAND_RECOVER_SALVAGE) {
        struct sweep_answers again;

        sweep_look(reference, disk, &opening, &again);
        sweep_judge_again(answers, &again);
        if (again.violation[0] != '\0') {
            (void)snprintf(answers->violation, sizeof answers->violation, "%s", again.violation);
            result = SWEEP_WRONG;
        }
    }
    strand_sim_disk_destroy(disk);
    return result;
}

static void
run_damage(const struct sweep_damage *damage, struct totals *totals)
{
    struct sweep_content content;
    struct sweep_answers answers;
    size_t line = 0;

    if (!sweep_damage_make(damage, &content))
        return;
    note_replay(damage);
    (void)alarm(SECONDS_MAX);
    enum sweep_result result = try_damage(damage, &content, &answers, &line);
    free(content.data);
    totals->results[result]++;
    if (result == SWEEP_LISTED)
        totals->lines[line]++;
    if (result == SWEEP_WRONG)
        (void)printf("%s    %s\n", replay, answers.violation);
}

static void
show(const struct sweep_answers *answers)
{
    (void)printf("open: %d %s\nnotices: %s\n", answers->open_status, answers->sentence,
                 answers->notices);
    for (int log = 0; log < SWEEP_LOGS; log++) {
        const struct sweep_log_answers *found = &answers->logs[log];

        (void)printf("%s: state %d verdict %d \"%s\" start %" PRId64 " watermark %" PRId64
                     " durable %" PRId64 " end %" PRId64 "\n    epochs",
                     SWEEP_TOPICS[log], (int)found->state, (int)found->verdict, found->reason,
                     found->positions.log_start, found->positions.high_watermark,
                     found->positions.durable_end, found->positions.log_end);
        for (size_t i = 0; i < found->epoch_count && i < SWEEP_EPOCHS; i++)
            (void)printf(" %" PRId32 "@%" PRId64, found->epochs[i].epoch,
                         found->epochs[i].start_offset);
        (void)printf("\n    served ");
        for (int offset = 0; offset < SWEEP_OFFSETS; offset++)
            (void)putchar(found->is_told[offset] ? '!' : "-=~"[found->served[offset]]);
        (void)printf("\n");
    }
    (void)printf("violation: %s\n", answers->violation);
}

/* ---- All of them ---- */

static void
run_reference(const struct sweep_reference *reference, struct totals *totals)
{
    struct sweep_damage damage = {.reference = reference};

    for (damage.file = 0; damage.file < reference->file_count; damage.file++)
        for (int kind = 0; kind < SWEEP_KINDS; kind++) {
            int64_t count = sweep_damage_count(reference, damage.file, (enum sweep_kind)kind);
            int64_t step = reference->is_large && kind == SWEEP_LENGTH ? LENGTH_STRIDE_OF_LARGE : 1;

            damage.kind = (enum sweep_kind)kind;
            for (damage.position = 0; damage.position < count; damage.position += step)
                if (totals->number++ % totals->stride == 0 &&
                    totals->results[SWEEP_WRONG] < WRONG_MAX)
                    run_damage(&damage, totals);
        }
}

/* Undamaged, the directory answers what was appended to it. */
static void
check_reference(const struct sweep_reference *reference, struct sweep_answers *answers)
{
    struct sweep_opening opening = {.flags = 0};
    struct strand_sim_disk *disk;

    SWEEP_MUST(strand_sim_disk_clone(reference->disk, &disk));
    sweep_look(reference, disk, &opening, answers);
    strand_sim_disk_destroy(disk);
    bool is_good = answers->open_status == STRAND_OK && answers->violation[0] == '\0';
    for (int log = 0; log < SWEEP_LOGS; log++) {
        const struct sweep_log *expected = &reference->logs[log];
        const struct sweep_log_answers *found = &answers->logs[log];

        is_good = is_good && found->positions.log_start == expected->start &&
                  found->positions.log_end == expected->end && found->epoch_count == 2;
        for (int64_t offset = 0; offset < expected->end; offset++)
            is_good =
                is_good && (found->served[offset] == SWEEP_EQUAL) == (offset >= expected->start);
    }
    if (!is_good) {
        (void)printf("damage_sweep: %s, undamaged, is not as it was made: %s\n", reference->name,
                     answers->violation);
        show(answers);
        exit(2);
    }
}

static int
report(const struct totals *totals)
{
    uint64_t all = 0;
    bool is_good = totals->results[SWEEP_WRONG] == 0;

    for (int result = 0; result <= SWEEP_WRONG; result++)
        all += totals->results[result];
    (void)printf(
        "%" PRIu64 " damages: %" PRIu64 " detected, %" PRIu64 " harmless (same answer), %" PRIu64
        " saved, %" PRIu64 " listed as uncatchable, %" PRIu64 " wrong\n",
        all, totals->results[SWEEP_DETECTED], totals->results[SWEEP_HARMLESS],
        totals->results[SWEEP_SAVED], totals->results[SWEEP_LISTED], totals->results[SWEEP_WRONG]);
    for (size_t line = 0; sweep_list_name(line) != NULL; line++) {
        (void)printf("    %s: %" PRIu64 "\n", sweep_list_name(line), totals->lines[line]);
        if (totals->lines[line] == 0) {
            (void)printf("damage_sweep: that line of the list is hit by nothing: %s\n",
                         sweep_list_example(line));
            is_good = false;
        }
    }
    return is_good ? 0 : 1;
}

/* ---- One of them ---- */

/* WORDS: reference, file, kind, position.  false: there is no such damage. */
static bool
find_damage(char **words, struct sweep_damage *out_damage)
{
    struct sweep_damage damage = {.kind = SWEEP_KINDS, .file = SWEEP_FILES};

    for (int i = 0; i < REFERENCES; i++)
        if (strcmp(references[i].name, words[0]) == 0)
            damage.reference = &references[i];
    for (size_t i = 0; damage.reference != NULL && i < damage.reference->file_count; i++)
        if (strcmp(damage.reference->files[i].path, words[1]) == 0)
            damage.file = i;
    for (int kind = 0; kind < SWEEP_KINDS; kind++)
        if (strcmp(SWEEP_KIND_NAMES[kind], words[2]) == 0)
            damage.kind = (enum sweep_kind)kind;
    damage.position = strtoll(words[3], NULL, 10);
    *out_damage = damage;
    return damage.file < SWEEP_FILES && damage.kind < SWEEP_KINDS && damage.position >= 0 &&
           damage.position < sweep_damage_count(damage.reference, damage.file, damage.kind);
}

static int
run_one(char **words)
{
    struct sweep_damage damage;
    struct sweep_content content;
    struct sweep_answers answers;
    size_t line = 0;

    if (!find_damage(words, &damage) || !sweep_damage_make(&damage, &content)) {
        (void)fprintf(stderr, "damage_sweep: there is no such damage\n");
        return 2;
    }
    note_replay(&damage);
    enum sweep_result result = try_damage(&damage, &content, &answers, &line);
    free(content.data);
    show(&answers);
    (void)printf("%s\n", result == SWEEP_LISTED  ? sweep_list_name(line)
                         : result == SWEEP_WRONG ? "wrong"
                                                 : "as it should be");
    return result == SWEEP_WRONG ? 1 : 0;
}

/* One damage for each line of the list, since a share of all may hit none. */
static void
run_examples(struct totals *totals)
{
    for (size_t line = 0; sweep_list_name(line) != NULL; line++) {
        char text[256];
        char *words[4];
        struct sweep_damage damage;

        (void)snprintf(text, sizeof text, "%s", sweep_list_example(line));
        for (int i = 0; i < 4; i++)
            words[i] = strtok(i == 0 ? text : NULL, " ");
        if (find_damage(words, &damage))
            run_damage(&damage, totals);
    }
}

int
main(int argc, char **argv)
{
    struct totals totals = {.stride = argc == 2 ? strtoull(argv[1], NULL, 10) : 1};
    int result;

    if ((argc > 2 && argc != 5) || totals.stride == 0) {
        (void)fprintf(stderr, "usage: damage_sweep [STRIDE | REFERENCE FILE KIND POSITION]\n");
        return 2;
    }
    (void)signal(SIGABRT, tell_signal);
    (void)signal(SIGSEGV, tell_signal);
    (void)signal(SIGBUS, tell_signal);
    (void)signal(SIGALRM, tell_signal);
    for (int i = 0; i < REFERENCES; i++) {
        sweep_reference_make(&references[i]);
        check_reference(&references[i], &good[i]);
    }
    if (argc == 2)
        run_examples(&totals);
    for (int i = 0; i < REFERENCES && argc != 5; i++)
        run_reference(&references[i], &totals);
    result = argc == 5 ? run_one(argv + 1) : report(&totals);
    for (int i = 0; i < REFERENCES; i++)
        sweep_reference_free(&references[i]);
    return result;
}
