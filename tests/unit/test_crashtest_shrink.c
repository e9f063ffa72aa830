/* tests/unit/test_crashtest_shrink.c -- Scripts by chance do nothing that is refused; scripts that
 * fail become small. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "crashtest/ledger.h"
#include "crashtest/random_script.h"
#include "crashtest/shrink.h"
#include "strandline/strandline.h"

static struct crashtest_pair pair;
static char text[CRASHTEST_TEXT_SIZE];

static void
read_pair(const char *run, const char *go_on)
{
    cr_assert_eq(crashtest_script_read(run, &pair.run), STRAND_OK, "%s", strand_error_message());
    cr_assert_eq(crashtest_script_read(go_on, &pair.go_on), STRAND_OK, "%s",
                 strand_error_message());
}

static void
expect_text(const struct crashtest_script *script, const char *expected)
{
    crashtest_script_write(script, text, sizeof text);
    cr_expect_str_eq(text, expected);
}

/* What has to be left for a pair to fail. */
struct bug {
    const char *run[4]; /* steps in this order, with at least these numbers; NULL: no more */
    const char *go_on[4];
    uint32_t asked;
};

static bool
contains_in_order(const struct crashtest_script *script, const char *const *steps)
{
    for (size_t i = 0; i < script->count && *steps != NULL; i++) {
        struct crashtest_script wanted;

        cr_assert_eq(crashtest_script_read(*steps, &wanted), STRAND_OK);
        if (script->steps[i].kind == wanted.steps[0].kind &&
            script->steps[i].count >= wanted.steps[0].count &&
            script->steps[i].at <= wanted.steps[0].at)
            steps++;
    }
    return *steps == NULL;
}

static bool
has_bug(void *context, const struct crashtest_pair *candidate)
{
    struct bug *bug = context;

    bug->asked++;
    return contains_in_order(&candidate->run, bug->run) &&
           contains_in_order(&candidate->go_on, bug->go_on);
}

Test(crashtest_shrink, nothing_is_left_but_what_is_needed)
{
    struct bug bug = {.run = {"append 0 5 durable", "truncate 0 end-3", "append 0 2 durable", NULL},
                      .go_on = {"run 250", NULL}};

    read_pair("segment 1024; codec lz4; prepare zero; pin; copy; open; create 0; 9*append 0 7 "
              "durable; sync;"
              "truncate 0 end-7; checkpoint; append 0 6 durable; trim 0 3; delete 0; close",
              "create 0; 3*append 0 1 durable; run 9000; sync");
    cr_expect_leq(crashtest_shrink(&pair, has_bug, &bug, 1000), 1000);
    expect_text(&pair.run, "append 0 5 durable; truncate 0 end-3; append 0 2 durable");
    expect_text(&pair.go_on, "run 250");
}

Test(crashtest_shrink, a_failure_without_steps_loses_all_of_them)
{
    struct bug bug = {.run = {NULL}, .go_on = {NULL}};

    read_pair("open; create 0; 9*append 0 7 durable", "2*sync");
    (void)crashtest_shrink(&pair, has_bug, &bug, 1000);
    expect_text(&pair.run, "");
    expect_text(&pair.go_on, "");
}

Test(crashtest_shrink, it_asks_no_more_often_than_it_may)
{
    for (uint32_t tries_max = 0; tries_max < 40; tries_max++) {
        struct bug bug = {.run = {"append 0 5 durable", "truncate 0 end-3", NULL}, .go_on = {NULL}};

        read_pair("open; create 0; 9*append 0 7 durable; truncate 0 end-7; close", "sync");
        cr_expect_leq(crashtest_shrink(&pair, has_bug, &bug, tries_max), tries_max);
        cr_expect_leq(bug.asked, tries_max);
        cr_expect(has_bug(&bug, &pair), "what is left after %u tries does not fail", tries_max);
    }
}

Test(crashtest_shrink, what_cannot_be_smaller_stays)
{
    struct bug bug = {.run = {"open", "append 0 1 durable", "truncate 0 0", NULL}, .go_on = {NULL}};

    read_pair("open; append 0 1 durable; truncate 0 0", "");
    cr_expect_lt(crashtest_shrink(&pair, has_bug, &bug, 1000), 20);
    expect_text(&pair.run, "open; append 0 1 durable; truncate 0 0");
}

static bool
needs_no_zeros(void *context, const struct crashtest_pair *candidate)
{
    (void)context;
    return candidate->run.preparation == STRAND_PREPARE_NONE ||
           candidate->run.preparation == STRAND_PREPARE_RESERVE;
}

Test(crashtest_shrink, a_setting_that_matters_becomes_the_least_that_fails)
{
    read_pair("prepare reserve; pin; open", "");
    (void)crashtest_shrink(&pair, needs_no_zeros, NULL, 1000);
    expect_text(&pair.run, "prepare none");
}

/* ---- Chance ---- */

/* What the engine demands, held against a second ledger.  NULL: all is well. */
static const char *
refuse(const struct crashtest_ledger *ledger, const struct crashtest_step *step, bool is_open)
{
    const struct crashtest_ledger_log *log = &ledger->logs[step->log];
    int64_t offset = crashtest_ledger_offset(ledger, step);
    bool needs_log = step->kind != CRASHTEST_OPEN && step->kind != CRASHTEST_CLOSE &&
                     step->kind != CRASHTEST_SYNC && step->kind != CRASHTEST_CHECKPOINT &&
                     step->kind != CRASHTEST_RUN && step->kind != CRASHTEST_CREATE &&
                     step->kind != CRASHTEST_REPLICATE;

    if (is_open == (step->kind == CRASHTEST_OPEN))
        return "open or closed";
    if (needs_log && !log->exists)
        return "no log";
    if (step->kind == CRASHTEST_APPEND && log->is_replicated)
        return "append to a follower";
    if (step->kind == CRASHTEST_FOLLOW && !log->is_replicated)
        return "follow without replicas";
    if (step->kind == CRASHTEST_EPOCH && (log->is_replicated || step->epoch <= log->epoch))
        return "epoch";
    if (step->kind == CRASHTEST_TRUNCATE && offset < log->start)
        return "truncation below the start";
    if (step->kind == CRASHTEST_TRIM && offset > log->durable_end)
        return "trim above what is durable";
    return log->end < CRASHTEST_OFFSETS - 2 * CRASHTEST_BATCH_MAX ? NULL : "offset";
}

static struct crashtest_outcome
do_step(struct crashtest_ledger *ledger, const struct crashtest_step *step, int32_t number)
{
    const struct crashtest_ledger_log *log = &ledger->logs[step->log];
    struct crashtest_outcome outcome = {0};

    crashtest_ledger_begin(ledger, step, number);
    outcome.epoch = log->epoch;
    if (step->kind == CRASHTEST_TRUNCATE)
        outcome.offset = log->maybe_end;
    if (step->kind == CRASHTEST_APPEND || step->kind == CRASHTEST_FOLLOW)
        outcome.offset = log->end - step->count;
    crashtest_ledger_done(ledger, step, number, &outcome);
    return outcome;
}

static void
expect_possible(const struct crashtest_script *script, bool is_open, uint64_t seed)
{
    static struct crashtest_ledger ledger;

    crashtest_ledger_init(&ledger);
    for (size_t i = 0; i < script->count; i++) {
        const struct crashtest_step *step = &script->steps[i];
        const char *why = refuse(&ledger, step, is_open);

        crashtest_step_write(step, text, sizeof text);
        cr_assert_null(why, "seed %llu, step %zu, %s: %s", (unsigned long long)seed, i, text, why);
        (void)do_step(&ledger, step, (int32_t)i);
        is_open = step->kind != CRASHTEST_CLOSE;
    }
}

static void
expect_readable(const struct crashtest_script *script, uint64_t seed)
{
    static struct crashtest_script other;

    crashtest_script_write(script, text, sizeof text);
    cr_assert_eq(crashtest_script_read(text, &other), STRAND_OK, "seed %llu: %s\n%s",
                 (unsigned long long)seed, strand_error_message(), text);
    cr_expect_eq(other.count, script->count);
}

Test(crashtest_random_script, nothing_is_done_that_an_engine_refuses)
{
    uint32_t kinds[CRASHTEST_STEP_KINDS] = {0};

    for (uint64_t seed = 0; seed < 3000; seed++) {
        crashtest_random_script(seed, &pair.run, &pair.go_on);
        expect_possible(&pair.run, false, seed);
        expect_possible(&pair.go_on, true, seed);
        expect_readable(&pair.run, seed);
        expect_readable(&pair.go_on, seed);
        for (size_t i = 0; i < pair.run.count; i++)
            kinds[pair.run.steps[i].kind]++;
        for (size_t i = 0; i < pair.go_on.count; i++)
            kinds[pair.go_on.steps[i].kind]++;
    }
    for (int i = 0; i < CRASHTEST_STEP_KINDS; i++)
        if (i != CRASHTEST_BROKER)
            cr_expect_gt(kinds[i], 100, "step %d was made %u times", i, kinds[i]);
}

Test(crashtest_random_script, what_goes_on_never_names_an_offset)
{
    for (uint64_t seed = 0; seed < 3000; seed++) {
        crashtest_random_script(seed, &pair.run, &pair.go_on);
        for (size_t i = 0; i < pair.go_on.count; i++) {
            const struct crashtest_step *step = &pair.go_on.steps[i];
            bool has_place = step->kind == CRASHTEST_TRUNCATE || step->kind == CRASHTEST_TRIM ||
                             step->kind == CRASHTEST_RESET;

            cr_expect(!has_place || step->is_from_end, "seed %llu, step %zu",
                      (unsigned long long)seed, i);
        }
    }
}

Test(crashtest_random_script, a_seed_makes_the_same_again_and_another_something_else)
{
    static struct crashtest_pair again;
    static char first[CRASHTEST_TEXT_SIZE];
    int same = 0;

    for (uint64_t seed = 1; seed < 200; seed++) {
        crashtest_random_script(seed, &pair.run, &pair.go_on);
        crashtest_random_script(seed, &again.run, &again.go_on);
        crashtest_script_write(&pair.run, first, sizeof first);
        expect_text(&again.run, first);
        crashtest_script_write(&pair.go_on, first, sizeof first);
        expect_text(&again.go_on, first);
        crashtest_script_write(&pair.run, first, sizeof first);
        crashtest_random_script(seed + 1, &again.run, &again.go_on);
        crashtest_script_write(&again.run, text, sizeof text);
        same += strcmp(first, text) == 0;
    }
    cr_expect_eq(same, 0);
}
