/* tests/unit/test_crash_explore.c -- The crash kit as its users meet it: strandline/crash.h alone.
 *
 * What it says of programs whose faults are known, that it says the same again, and that it does
 * not say too much.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "base/thread.h"
#include "strandline/crash.h"
#include "support/toy_log.h"

enum { ALL_CRASHES = STRAND_CRASH_POWER | STRAND_CRASH_KILL, ALL_FAULTS = 15 };

static struct strand_crash_result result;
static struct strand_crash_options options = {.struct_size = sizeof options};

static struct toy_log
make_toy(enum toy_bug bug)
{
    return (struct toy_log){.bug = bug,
                            .record_count = 30,
                            .sync_every = 10,
                            .segment_records = 16,
                            .checkpoint_every = 1};
}

static int
explore_toy(enum toy_bug bug)
{
    struct toy_log toy = make_toy(bug);
    const struct strand_crash_program program = toy_log_program(&toy);

    return strand_crash_explore(&program, &options, &result);
}

/* ---- Programs whose faults are known ---- */

Test(crash_explore, right_log_passes_exhaustively)
{
    for (int32_t directories = STRAND_CRASH_ORDERED; directories <= STRAND_CRASH_ANY;
         directories++) {
        options.depth = 2;
        options.directories = directories;
        cr_expect_eq(explore_toy(TOY_IS_RIGHT), STRAND_OK, "%s", result.sentence);
        cr_expect_eq(result.sampled_points, 0u);
        cr_expect_eq(result.violations, 0u);
        cr_expect_gt(result.unique_states, 500u);
        cr_expect_eq(result.recoveries, result.unique_states);
        cr_expect_gt(result.generated, result.unique_states);
        cr_expect_eq(result.runs, 1u);
        cr_expect_eq(result.is_complete, 1);
        cr_expect_str_empty(result.replay);
        cr_expect_str_empty(result.trace);
    }
}

Test(crash_explore, right_log_passes_kills_and_faults)
{
    options.depth = 2;
    options.crashes = ALL_CRASHES;
    options.faults = ALL_FAULTS;
    cr_expect_eq(explore_toy(TOY_IS_RIGHT), STRAND_OK, "%s\n%s", result.sentence, result.trace);
    cr_expect_gt(result.runs, 4u * 30);
    cr_expect_eq(result.sampled_points, 0u);
}

struct planted {
    enum toy_bug bug;
    int32_t depth; /* at which it is found and not before */
    uint32_t crashes;
    uint32_t faults;
    char sentence[64]; /* not a pointer: each test is a process of its own */
};

ParameterizedTestParameters(crash_explore, planted_bug_is_found)
{
    static struct planted bugs[] = {
        {TOY_PROMISES_BEFORE_SYNC, 1, 0, 0, "0 records are there, 10 were promised"},
        {TOY_SYNCS_NO_DIRECTORY, 1, 0, 0, "0 records are there, 10 were promised"},
        {TOY_RENAMES_BEFORE_SYNC, 1, 0, 0, "the checkpoint holds no number"},
        {TOY_CHECKS_NO_CRC, 1, 0, 0, "record 5 has other bytes than were written"},
        {TOY_LEAVES_STALE_TAIL, 2, 0, 0, "record 6 is of epoch 1, not 2"},
        {TOY_TRUSTS_CACHE, 2, ALL_CRASHES, STRAND_CRASH_FAULT_IO, "record 1 is of epoch 1, not 2"},
    };

    return cr_make_param_array(struct planted, bugs, sizeof bugs / sizeof *bugs);
}

ParameterizedTest(struct planted *planted, crash_explore, planted_bug_is_found)
{
    static struct strand_crash_result again;
    struct toy_log toy = make_toy(planted->bug);
    const struct strand_crash_program program = toy_log_program(&toy);

    options.crashes = planted->crashes;
    options.faults = planted->faults;
    for (int32_t depth = 1; depth < planted->depth; depth++) {
        options.depth = depth;
        cr_expect_eq(explore_toy(planted->bug), STRAND_OK, "%s", result.sentence);
    }
    options.depth = planted->depth;
    cr_assert_eq(explore_toy(planted->bug), STRAND_ERR_CORRUPT);
    cr_expect_gt(result.violations, 0u);
    cr_expect_eq(result.is_complete, 0);
    cr_expect_str_eq(result.sentence, planted->sentence);
    cr_expect_not_null(strstr(result.trace, "========"));

    int64_t start_ns = strand_thread_now_ns();
    cr_expect_eq(strand_crash_replay(&program, NULL, result.replay, &again), STRAND_ERR_CORRUPT);
    cr_expect_lt(strand_thread_now_ns() - start_ns, INT64_C(1000000000));
    cr_expect_str_eq(again.sentence, result.sentence);
    cr_expect_str_eq(again.trace, result.trace);
    cr_expect_str_eq(again.replay, result.replay);
    cr_expect_eq(again.violations, 1u);
    toy.bug = TOY_IS_RIGHT; /* the same place, mended: nothing is wrong there, if it is there */
    int status = strand_crash_replay(&program, NULL, result.replay, &again);
    cr_expect(status == STRAND_OK || status == STRAND_ERR_INVALID, "%d", status);
}

/* Kill -9 shows none of those that a power cut shows. */
Test(crash_explore, kills_alone_find_no_missing_sync)
{
    options.depth = 2;
    options.crashes = STRAND_CRASH_KILL;
    for (int bug = TOY_IS_RIGHT; bug < TOY_BUG_COUNT; bug++) {
        int status = explore_toy((enum toy_bug)bug);

        cr_expect_eq(status, STRAND_OK, "bug %d: %s", bug, result.sentence);
    }
}

/* ---- The same again ---- */

static void
expect_equal_results(const struct strand_crash_result *a, const struct strand_crash_result *b)
{
    cr_expect_eq(a->unique_states, b->unique_states);
    cr_expect_eq(a->generated, b->generated);
    cr_expect_eq(a->recoveries, b->recoveries);
    cr_expect_eq(a->crash_points, b->crash_points);
    cr_expect_eq(a->sampled_points, b->sampled_points);
    cr_expect_eq(a->runs, b->runs);
    cr_expect_eq(a->violations, b->violations);
    cr_expect_eq(a->is_complete, b->is_complete);
    cr_expect_str_eq(a->sentence, b->sentence);
    cr_expect_str_eq(a->replay, b->replay);
    cr_expect_str_eq(a->trace, b->trace);
}

Test(crash_explore, jobs_do_not_change_the_result)
{
    static const enum toy_bug BUGS[] = {TOY_IS_RIGHT, TOY_CHECKS_NO_CRC, TOY_LEAVES_STALE_TAIL};
    static struct strand_crash_result one;

    options.depth = 2;
    options.crashes = ALL_CRASHES;
    for (size_t i = 0; i < sizeof BUGS / sizeof *BUGS; i++) {
        for (uint32_t jobs = 1; jobs <= 4; jobs *= 2) {
            options.jobs = jobs;
            (void)explore_toy(BUGS[i]);
            if (jobs == 1)
                one = result;
            expect_equal_results(&one, &result);
        }
    }
}

Test(crash_explore, seed_decides_about_samples_and_nothing_else)
{
    static struct strand_crash_result first;

    options.depth = 2;
    (void)explore_toy(TOY_IS_RIGHT);
    first = result;
    options.seed = 1;
    (void)explore_toy(TOY_IS_RIGHT);
    expect_equal_results(&first, &result);
    options.states_max = 20;
    options.samples = 3;
    (void)explore_toy(TOY_IS_RIGHT);
    first = result;
    cr_expect_gt(result.sampled_points, 0u);
    (void)explore_toy(TOY_IS_RIGHT);
    expect_equal_results(&first, &result);
    options.seed = 2;
    (void)explore_toy(TOY_IS_RIGHT);
    cr_expect_neq(first.unique_states, result.unique_states);
}

Test(crash_explore, violation_in_a_sample_is_replayed)
{
    struct toy_log toy = make_toy(TOY_CHECKS_NO_CRC);
    const struct strand_crash_program program = toy_log_program(&toy);

    options.states_max = 20;
    options.seed = 5;
    cr_assert_eq(strand_crash_explore(&program, &options, &result), STRAND_ERR_CORRUPT);
    cr_expect_gt(result.sampled_points, 0u);
    static struct strand_crash_result again;
    cr_expect_eq(strand_crash_replay(&program, NULL, result.replay, &again), STRAND_ERR_CORRUPT);
    cr_expect_str_eq(again.sentence, result.sentence);
}

/* ---- A program of two writes, whose states can be counted ---- */

struct counted {
    bool notes;
    bool dies_of_fault; /* RUN gives up when a call fails */
    int check_count;
    uint64_t first_notes[64];
    size_t note_counts[64];
    uint32_t kinds[64];
};

static int
run_counted(const struct strand_fs *fs, void *context)
{
    const struct counted *counted = context;
    struct strand_fs_part part = {"x", 1};
    struct strand_fs_file *file;
    int result_code = fs->open(fs->context, "/f", STRAND_FS_WRITE | STRAND_FS_CREATE, &file);

    if (result_code != 0)
        return result_code;
    result_code = fs->sync_directory(fs->context, "/");
    if (counted->notes)
        strand_crash_note(fs, 7);
    if (result_code == 0 && fs->write_at(file, &part, 1, 0) != 1)
        result_code = -1;
    return result_code; /* left open: the kit closes it */
}

static int
check_counted(const struct strand_fs *fs, void *context, const struct strand_crash_state *state)
{
    struct counted *counted = context;
    int index = counted->check_count++;

    (void)fs;
    cr_assert_lt(index, 64);
    cr_expect_eq(state->struct_size, sizeof *state);
    cr_expect_leq(state->run_note_count, state->note_count);
    counted->note_counts[index] = state->note_count;
    counted->first_notes[index] = state->note_count > 0 ? state->notes[0] : 0;
    counted->kinds[index] = state->kind;
    return 0;
}

static struct strand_crash_program
counted_program(struct counted *counted)
{
    return (struct strand_crash_program){sizeof(struct strand_crash_program), counted, run_counted,
                                         check_counted, NULL};
}

Test(crash_explore, states_are_told_apart_by_content_and_notes)
{
    struct counted counted = {.notes = false};
    struct strand_crash_program program = counted_program(&counted);

    /* Nothing; an empty file; after the write: size 0, a zero, x. */
    cr_expect_eq(strand_crash_explore(&program, NULL, &result), STRAND_OK);
    cr_expect_eq(result.unique_states, 4u);
    cr_expect_eq(result.recoveries, 4u);
    cr_expect_eq(counted.check_count, 4);
    cr_expect_eq(result.crash_points, 4u); /* before and after each of open, sync, write */
    cr_expect_eq(result.generated, 1u + 2 + 1 + 3);

    counted = (struct counted){.notes = true}; /* the empty file once more, with the note */
    cr_expect_eq(strand_crash_explore(&program, &options, &result), STRAND_OK);
    cr_expect_eq(result.unique_states, 5u);
    cr_expect_eq(result.crash_points, 5u);
    cr_expect_eq(counted.note_counts[1], 0u);
    cr_expect_eq(counted.note_counts[2], 1u);
    cr_expect_eq(counted.first_notes[4], 7u);
}

Test(crash_explore, state_behind_two_crashes_that_one_leaves_too_is_checked_once)
{
    struct counted counted = {.notes = true};
    struct strand_crash_program program = counted_program(&counted);

    options.depth = 2; /* and the check does not change anything */
    cr_expect_eq(strand_crash_explore(&program, &options, &result), STRAND_OK);
    cr_expect_eq(result.unique_states, 5u);
    cr_expect_eq(counted.check_count, 5);
    cr_expect_eq(result.crash_points, 5u + 5);
}

static uint64_t
boot_number(const struct strand_fs *fs)
{
    char id[STRAND_FS_BOOT_ID_SIZE];
    uint64_t number = 0;

    cr_assert_eq(fs->boot_id(fs->context, id), 0);
    for (const char *next = id; *next != '\0'; next++)
        number = number * 31 + (uint8_t)*next;
    return number;
}

static int
note_boot(const struct strand_fs *fs, void *context)
{
    (void)context;
    strand_crash_note(fs, boot_number(fs));
    return 0;
}

/* A kill before the last process had noted anything is not told apart: it may be another boot. */
static int
check_boot(const struct strand_fs *fs, void *context, const struct strand_crash_state *state)
{
    int *same_count = context;
    bool is_same = state->note_count > 0 && state->notes[state->note_count - 1] == boot_number(fs);

    *same_count += is_same;
    if (is_same && state->kind == STRAND_CRASH_POWER)
        return strand_crash_fail(fs, "the boot is the same");
    return note_boot(fs, context);
}

Test(crash_explore, power_cut_changes_the_boot_and_kill_does_not)
{
    int same_count = 0;
    const struct strand_crash_program program = {sizeof program, &same_count, note_boot, check_boot,
                                                 NULL};

    options.depth = 2;
    options.crashes = ALL_CRASHES;
    cr_expect_eq(strand_crash_explore(&program, &options, &result), STRAND_OK, "%s\n%s",
                 result.sentence, result.trace);
    cr_expect_gt(same_count, 0);
}

Test(crash_explore, kill_leaves_one_state_at_each_point)
{
    struct counted counted = {.notes = true};
    struct strand_crash_program program = counted_program(&counted);

    options.crashes = STRAND_CRASH_KILL;
    cr_expect_eq(strand_crash_explore(&program, &options, &result), STRAND_OK);
    cr_expect_eq(result.unique_states, 5u);
    cr_expect_eq(result.generated, 5u);
    for (int i = 0; i < counted.check_count; i++)
        cr_expect_eq(counted.kinds[i], (uint32_t)STRAND_CRASH_KILL);
}

Test(crash_explore, each_call_is_failed_until_none_is_left)
{
    struct counted counted = {.notes = false};
    struct strand_crash_program program = counted_program(&counted);

    options.faults = STRAND_CRASH_FAULT_IO | STRAND_CRASH_FAULT_NO_SPACE_STICKY;
    cr_expect_eq(strand_crash_explore(&program, &options, &result), STRAND_OK);
    cr_expect_eq(result.runs, 1u + 2 * (3 + 1)); /* the last of each meets no fault */
    cr_expect_eq(result.unique_states, 4u);      /* nothing that was not there without faults */
    /* 4 without; then those behind the failing open; sync and write; write; with a full disk too.
     */
    cr_expect_eq(result.crash_points, 4u + 2 * (1 + 1 + 1));
    cr_expect_str_empty(result.sentence);
}

/* ---- What a program may do wrong ---- */

static int
refuse_to_run(const struct strand_fs *fs, void *context)
{
    (void)context;
    return strand_crash_fail(fs, "no %s today", "work");
}

static int
say_and_return_nothing(const struct strand_fs *fs, void *context,
                       const struct strand_crash_state *state)
{
    (void)context;
    (void)state;
    (void)strand_crash_fail(fs, "first");
    (void)strand_crash_fail(fs, "second");
    return 0;
}

static int
return_and_say_nothing(const struct strand_fs *fs, void *context,
                       const struct strand_crash_state *state)
{
    (void)fs;
    (void)context;
    (void)state;
    return -3;
}

static int
fail_once(const struct strand_fs *fs, void *context, const struct strand_crash_state *state)
{
    struct counted *counted = context;

    (void)fs;
    (void)state;
    return counted->check_count++ == 0 ? -1 : 0;
}

Test(crash_explore, run_that_fails_unprovoked_is_reported)
{
    struct counted counted = {.notes = false};
    struct strand_crash_program program = counted_program(&counted);

    program.run = refuse_to_run;
    cr_expect_eq(strand_crash_explore(&program, &options, &result), STRAND_ERR_FAILED);
    cr_expect_str_eq(result.sentence, "no work today");
    cr_expect_eq(result.is_complete, 0);
    cr_expect_eq(result.recoveries, 0u);
}

Test(crash_explore, sentence_and_result_each_are_a_verdict)
{
    struct counted counted = {.notes = false};
    struct strand_crash_program program = counted_program(&counted);

    program.check = say_and_return_nothing;
    cr_expect_eq(strand_crash_explore(&program, &options, &result), STRAND_ERR_CORRUPT);
    cr_expect_str_eq(result.sentence, "first");
    program.check = return_and_say_nothing;
    cr_expect_eq(strand_crash_explore(&program, &options, &result), STRAND_ERR_CORRUPT);
    cr_expect_str_eq(result.sentence, "check returned -3 and gave no sentence");
    program.check = fail_once;
    cr_expect_eq(strand_crash_explore(&program, &options, &result), STRAND_ERR_CORRUPT);
    cr_expect_not_null(strstr(result.sentence, "does not do the same each time"));
}

Test(crash_explore, go_on_is_judged_too)
{
    struct counted counted = {.notes = false};
    struct strand_crash_program program = counted_program(&counted);

    program.go_on = return_and_say_nothing;
    cr_expect_eq(strand_crash_explore(&program, &options, &result), STRAND_OK);
    options.depth = 2;
    cr_expect_eq(strand_crash_explore(&program, &options, &result), STRAND_ERR_CORRUPT);
    cr_expect_str_eq(result.sentence, "go_on returned -3 and gave no sentence");
}

Test(crash_explore, wrong_arguments_are_refused_with_a_sentence)
{
    struct counted counted = {.notes = false};
    static const struct {
        struct strand_crash_options options;
        const char *sentence;
    } CASES[] = {
        {{.struct_size = 8}, "options: set struct_size to sizeof"},
        {{.struct_size = sizeof options, .depth = 3}, "options: depth is not 1 or 2"},
        {{.struct_size = sizeof options, .crashes = 4}, "options: crashes has unknown bits"},
        {{.struct_size = sizeof options, .faults = 16}, "options: faults has unknown bits"},
        {{.struct_size = sizeof options, .jobs = 257}, "options: jobs is above 256"},
        {{.struct_size = sizeof options, .states_max = UINT64_MAX},
         "options: states_max is beyond any memory"},
        {{.struct_size = sizeof options, .time_limit_ms = -1},
         "options: time_limit_ms is out of range"},
        {{.struct_size = sizeof options, .capacity = -1}, "options: a size is negative"},
    };
    struct strand_crash_program program = counted_program(&counted);

    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        cr_expect_eq(strand_crash_explore(&program, &CASES[i].options, &result),
                     STRAND_ERR_INVALID);
        cr_expect_str_eq(result.sentence, CASES[i].sentence);
    }
    program.check = NULL;
    cr_expect_eq(strand_crash_explore(&program, NULL, &result), STRAND_ERR_INVALID);
    cr_expect_str_eq(result.sentence, "program: run and check must be there");
    cr_expect_eq(strand_crash_explore(NULL, NULL, &result), STRAND_ERR_INVALID);
}

Test(crash_explore, wrong_lines_are_refused)
{
    static const char *const LINES[] = {
        "",
        "seed=",
        "seed=1,names=ordered,torn=1,max=9,samples=9,fault=none@0",
        "seed=1,names=ordered,torn=1,max=9,samples=9,fault=none@0,power=1",
        "seed=1,names=ordered,torn=1,max=9,samples=9,fault=none@0,power=1.0 ",
        "seed=1,names=ordered,torn=1,max=9,samples=9,fault=none@0,power=1.-1",
        "seed=1,names=none,torn=1,max=9,samples=9,fault=none@0,power=1.0",
        "seed=1,names=any,torn=1,max=9,samples=9,fault=some@0,power=1.0",
        "seed=1,names=any,torn=1,max=9,samples=9,fault=none@0,power=1.0,power=1.0,power=1.0",
        "seed=1,names=any,torn=1,max=99999999999999999999,samples=9,fault=none@0,power=1.0",
        "seed=1,names=ordered,torn=1,max=9,samples=9,fault=none@0,power=4.0", /* no such point */
        "seed=1,names=ordered,torn=1,max=9,samples=9,fault=none@0,power=1.2", /* no such state */
        "seed=1,names=ordered,torn=1,max=9,samples=9,fault=none@0,kill=1.1",
    };
    struct counted counted = {.notes = false};
    struct strand_crash_program program = counted_program(&counted);

    for (size_t i = 0; i < sizeof LINES / sizeof *LINES; i++) {
        cr_expect_eq(strand_crash_replay(&program, NULL, LINES[i], &result), STRAND_ERR_INVALID,
                     "%s", LINES[i]);
        cr_expect_str_not_empty(result.sentence);
    }
    cr_expect_eq(counted.check_count, 0);
    cr_expect_eq(strand_crash_replay(
                     &program, NULL,
                     "seed=1,names=ordered,torn=1,max=9,samples=9,fault=io@3,kill=3.0", &result),
                 STRAND_OK, "%s", result.sentence);
    cr_expect_eq(counted.check_count, 1);
}

/* ---- Limits ---- */

static int
stop_soon(void *context, const struct strand_crash_result *so_far)
{
    uint64_t *recoveries = context;

    cr_expect_geq(so_far->recoveries, *recoveries);
    *recoveries = so_far->recoveries;
    return *recoveries >= 1000;
}

Test(crash_explore, progress_is_told_and_may_stop_it)
{
    uint64_t recoveries = 0;

    options.faults = ALL_FAULTS;
    (void)explore_toy(TOY_IS_RIGHT);
    cr_expect_eq(result.is_complete, 1);
    options.depth = 2;
    options.crashes = ALL_CRASHES;
    options.progress = stop_soon;
    options.progress_context = &recoveries;
    cr_expect_eq(explore_toy(TOY_IS_RIGHT), STRAND_OK);
    cr_expect_geq(recoveries, 1000u);
    cr_expect_eq(recoveries, result.recoveries);
    cr_expect_eq(result.is_complete, 0);
}

Test(crash_explore, time_limit_stops_it)
{
    struct toy_log toy = {.record_count = 2000, .sync_every = 40, .segment_records = 300};
    const struct strand_crash_program program = toy_log_program(&toy);

    options.depth = 2;
    options.time_limit_ms = 1;
    cr_expect_eq(strand_crash_explore(&program, &options, &result), STRAND_OK);
    cr_expect_eq(result.is_complete, 0);
}

Test(crash_explore, violations_are_counted_up_to_their_limit)
{
    options.violations_max = UINT64_MAX;
    cr_expect_eq(explore_toy(TOY_PROMISES_BEFORE_SYNC), STRAND_ERR_CORRUPT);
    cr_expect_gt(result.violations, 100u);
    cr_expect_eq(result.is_complete, 1);
}

Test(crash_explore, disk_is_as_the_options_say)
{
    struct counted counted = {.notes = false};
    struct strand_crash_program program = counted_program(&counted);

    options.capacity = 1; /* less than a block: full */
    cr_expect_eq(strand_crash_explore(&program, &options, &result), STRAND_ERR_FAILED);
    cr_expect_str_eq(result.sentence, "run returned -28 and gave no sentence");
    options.capacity = 0;
    options.short_writes = 1;
    struct toy_log toy = {.record_count = 2, .sync_every = 1, .segment_records = 8};
    program = toy_log_program(&toy);
    cr_expect_eq(strand_crash_explore(&program, &options, &result), STRAND_OK, "%s",
                 result.sentence);
    cr_expect_gt(result.crash_points, 2u * 96 / 7); /* each part of a write is an operation */
}
