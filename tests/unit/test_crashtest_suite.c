/* tests/unit/test_crashtest_suite.c -- What a suite explores and sums up; that what it finds can be
 * looked at again, and becomes small.
 *
 * The failure is planted: a sync of a segment does nothing.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crashtest/suite.h"
#include "crashtest/workloads.h"
#include "storage/segment.h"
#include "strandline/strandline.h"

static bool is_planted;

int __real_strand_segment_sync(struct strand_segment *segment);
int __wrap_strand_segment_sync(struct strand_segment *segment);

int
__wrap_strand_segment_sync(struct strand_segment *segment)
{
    return is_planted ? STRAND_OK : __real_strand_segment_sync(segment);
}

static const char SCRIPT[] =
    "prepare none; open; create 0; append 0 1 durable; append 0 1 written; close";
static const char GO_ON[] = "create 0; append 0 1 durable";

static struct crashtest_report report;
static struct crashtest_finding finding;

static uint32_t
bit(enum crashtest_pass pass)
{
    return UINT32_C(1) << pass;
}

static const struct crashtest_row *
row_of(enum crashtest_pass pass)
{
    for (size_t i = 0; i < report.row_count; i++)
        if (report.rows[i].pass == pass)
            return &report.rows[i];
    cr_assert_fail("there is no row of pass %d", (int)pass);
    return NULL;
}

Test(crashtest_suite, every_pass_looks_at_states_of_its_own)
{
    struct crashtest_suite suite = {.script = SCRIPT, .go_on = GO_ON};
    struct crashtest_sums sums = {0};
    uint64_t asked = 0;

    cr_assert_eq(crashtest_suite_run(&suite, &report), STRAND_OK, "%s", strand_error_message());
    cr_expect_eq(report.row_total, CRASHTEST_PASS_END);
    cr_expect_eq(report.skipped_count, 4, "those with LMDB");
    cr_expect_eq(report.row_count, CRASHTEST_PASS_END - 4);
    cr_expect(!report.is_complete, "four passes were left out");
    cr_expect_str_eq(report.finding.name, "");
    for (size_t i = 0; i < report.row_count; i++) {
        const struct crashtest_row *row = &report.rows[i];

        cr_expect(row->is_complete && row->sums.unique_states > 20, "row %zu", i);
        cr_expect_str_eq(row->name, "script");
        cr_expect_str_eq(row->sentence, "");
        sums.unique_states += row->sums.unique_states;
        sums.recoveries += row->sums.recoveries;
        sums.crash_points += row->sums.crash_points;
        sums.runs += row->sums.runs;
    }
    cr_expect_gt(row_of(CRASHTEST_PASS_TWICE)->sums.unique_states,
                 2 * row_of(CRASHTEST_PASS_CUTS)->sums.unique_states);
    cr_expect_gt(row_of(CRASHTEST_PASS_NAMES)->sums.unique_states,
                 row_of(CRASHTEST_PASS_CUTS)->sums.unique_states);
    cr_expect_gt(row_of(CRASHTEST_PASS_FAULTS)->sums.runs, 100);
    cr_expect_eq(report.sums.unique_states, sums.unique_states);
    cr_expect_eq(report.sums.recoveries, sums.recoveries);
    cr_expect_eq(report.sums.crash_points, sums.crash_points);
    cr_expect_eq(report.sums.runs, sums.runs);
    cr_expect_eq(report.sums.sampled_points, 0);
    cr_expect_eq(report.sums.violations, 0);
    for (int i = 1; i < CRASHTEST_INVARIANT_END; i++)
        asked += report.counts.asked[i] > 0;
    cr_expect_gt(asked, 20, "asked were %llu", (unsigned long long)asked);
    cr_expect_eq(report.counts.asked[CRASHTEST_PRODUCERS_REPLAYED], 0);
    crashtest_report_deinit(&report);
}

Test(crashtest_suite, threads_do_not_change_what_is_found)
{
    struct crashtest_suite suite = {
        .script = SCRIPT, .passes = bit(CRASHTEST_PASS_CUTS) | bit(CRASHTEST_PASS_FAULTS)};
    struct crashtest_sums sums;
    struct crashtest_counts counts;

    cr_assert_eq(crashtest_suite_run(&suite, &report), STRAND_OK, "%s", strand_error_message());
    sums = report.sums;
    counts = report.counts;
    cr_expect(report.is_complete);
    crashtest_report_deinit(&report);
    suite.jobs = 3;
    cr_assert_eq(crashtest_suite_run(&suite, &report), STRAND_OK, "%s", strand_error_message());
    cr_expect_eq(report.sums.unique_states, sums.unique_states);
    cr_expect_eq(report.sums.crash_points, sums.crash_points);
    cr_expect_eq(memcmp(&counts, &report.counts, sizeof counts), 0);
    crashtest_report_deinit(&report);
}

Test(crashtest_suite, a_kill_alone_leaves_less)
{
    struct crashtest_suite suite = {.script = SCRIPT, .passes = bit(CRASHTEST_PASS_CUTS)};
    uint64_t both;

    cr_assert_eq(crashtest_suite_run(&suite, &report), STRAND_OK);
    both = report.sums.unique_states;
    crashtest_report_deinit(&report);
    suite.crashes = STRAND_CRASH_KILL;
    cr_assert_eq(crashtest_suite_run(&suite, &report), STRAND_OK);
    cr_expect_lt(2 * report.sums.unique_states, both);
    cr_expect_gt(report.sums.unique_states, 10);
    crashtest_report_deinit(&report);
}

/* ---- Failures ---- */

/* The arguments of FOUND as a suite that replays them, its texts in TEXTS. */
static void
read_arguments(const struct crashtest_finding *found, char texts[4][CRASHTEST_TEXT_SIZE],
               struct crashtest_suite *out_suite)
{
    static const char *const NAMES[] = {"--script '", "--then '", "--workload ", "--state '"};
    static char arguments[CRASHTEST_ARGUMENTS_SIZE];
    char pass[64];

    crashtest_finding_arguments(found, arguments);
    for (int i = 0; i < 4; i++) {
        const char *at = strstr(arguments, NAMES[i]);

        texts[i][0] = '\0';
        if (at != NULL) {
            at += strlen(NAMES[i]);
            (void)snprintf(texts[i], CRASHTEST_TEXT_SIZE, "%.*s",
                           (int)strcspn(at, i == 2 ? " " : "'"), at);
        }
    }
    (void)snprintf(pass, sizeof pass, " --passes %s ", crashtest_passes[found->pass].name);
    cr_assert_not_null(strstr(arguments, pass), "%s", arguments);
    *out_suite = (struct crashtest_suite){
        .script = texts[0][0] != '\0' ? texts[0] : NULL,
        .go_on = texts[1][0] != '\0' ? texts[1] : NULL,
        .workload = texts[2][0] != '\0' ? texts[2] : NULL,
        .passes = bit(found->pass),
    };
}

/* What was found is found again by the arguments alone, and only while it is planted. */
static void
expect_replay(const struct crashtest_finding *found)
{
    static char texts[4][CRASHTEST_TEXT_SIZE];
    struct crashtest_suite suite;

    read_arguments(found, texts, &suite);
    cr_expect_eq(crashtest_suite_replay(&suite, texts[3], &finding), STRAND_ERR_CORRUPT, "%s",
                 strand_error_message());
    cr_expect_str_eq(finding.sentence, found->sentence);
    cr_expect_str_eq(finding.line, found->line);
    cr_expect_str_eq(finding.name, found->is_workload ? found->name : "script");
    cr_expect_neq(strstr(finding.trace, "========"), NULL, "%s", finding.trace);
    is_planted = false;
    int status = crashtest_suite_replay(&suite, texts[3], &finding);
    cr_expect(status == STRAND_OK || status == STRAND_ERR_INVALID, "%d: %s", status,
              strand_error_message()); /* there may be no such state without it */
    is_planted = true;
}

Test(crashtest_suite, what_a_workload_shows_is_replayed_by_one_line)
{
    struct crashtest_suite suite = {
        .workload = "append_and_roll", .passes = bit(CRASHTEST_PASS_CUTS), .jobs = 2};

    is_planted = true;
    cr_assert_eq(crashtest_suite_run(&suite, &report), STRAND_ERR_CORRUPT);
    cr_expect_str_eq(strand_error_message(), report.finding.sentence);
    cr_expect_str_eq(report.finding.name, "append_and_roll");
    cr_expect_str_eq(report.rows[0].sentence, report.finding.sentence);
    cr_expect(!report.is_complete && report.sums.violations > 0);
    expect_replay(&report.finding);
    crashtest_report_deinit(&report);
}

Test(crashtest_suite, what_any_pass_shows_is_replayed_by_one_line)
{
    struct crashtest_suite suite = {.script = "segment 640; open; create 0; append 0 2 durable",
                                    .go_on = GO_ON};

    is_planted = true;
    for (int pass = CRASHTEST_PASS_CUTS; pass <= CRASHTEST_PASS_NAMES; pass++) {
        suite.passes = bit((enum crashtest_pass)pass);
        cr_assert_eq(crashtest_suite_run(&suite, &report), STRAND_ERR_CORRUPT, "pass %d", pass);
        cr_expect_str_eq(report.finding.name, "script");
        expect_replay(&report.finding);
        crashtest_report_deinit(&report);
    }
}

Test(crashtest_suite, a_random_script_that_fails_becomes_small)
{
    struct crashtest_suite suite = {
        .random_count = 3, .seed = 7, .passes = bit(CRASHTEST_PASS_CUTS), .jobs = 2};
    char text[CRASHTEST_TEXT_SIZE];

    is_planted = true;
    cr_assert_eq(crashtest_suite_run(&suite, &report), STRAND_ERR_CORRUPT);
    cr_expect_str_eq(report.finding.name, "random 7");
    crashtest_script_write(&report.finding.pair.run, text, sizeof text);
    cr_expect_leq(report.finding.pair.run.count, 4, "%s", text);
    cr_expect_eq(report.finding.pair.go_on.count, 0);
    cr_expect_gt(report.finding.tries, 5);
    expect_replay(&report.finding);
    crashtest_report_deinit(&report);
}

Test(crashtest_suite, the_first_violation_ends_it_unless_it_keeps_going)
{
    struct crashtest_suite suite = {.script = SCRIPT,
                                    .passes = bit(CRASHTEST_PASS_CUTS) | bit(CRASHTEST_PASS_TWICE) |
                                              bit(CRASHTEST_PASS_NAMES)};

    is_planted = true;
    cr_assert_eq(crashtest_suite_run(&suite, &report), STRAND_ERR_CORRUPT);
    cr_expect_eq(report.row_count, 1);
    cr_expect_eq(report.row_total, 3);
    crashtest_report_deinit(&report);
    suite.keeps_going = true;
    cr_assert_eq(crashtest_suite_run(&suite, &report), STRAND_ERR_CORRUPT);
    cr_expect_eq(report.row_count, 3);
    cr_expect_eq(report.finding.pass, CRASHTEST_PASS_CUTS);
    for (size_t i = 0; i < 3; i++)
        cr_expect_neq(report.rows[i].sentence[0], '\0', "row %zu", i);
    crashtest_report_deinit(&report);
}

Test(crashtest_suite, a_run_that_fails_by_itself_is_told)
{
    struct crashtest_suite suite = {.script = "open; append 0 1 durable",
                                    .passes = bit(CRASHTEST_PASS_CUTS)};
    char arguments[CRASHTEST_ARGUMENTS_SIZE];

    cr_assert_eq(crashtest_suite_run(&suite, &report), STRAND_ERR_CORRUPT);
    cr_expect_neq(strstr(report.finding.sentence, "log 0 is not open"), NULL, "%s",
                  report.finding.sentence);
    cr_expect_eq(report.sums.violations, 1);
    cr_expect_str_eq(report.finding.line, "");
    crashtest_finding_arguments(&report.finding, arguments);
    cr_expect_str_eq(arguments, "--script 'open; append 0 1 durable' --passes cuts");
    crashtest_report_deinit(&report);
}

/* ---- Ends ---- */

static int
end_after(void *context, const struct crashtest_report *so_far)
{
    int *calls = context;

    cr_expect_gt(so_far->row_count, 0);
    cr_expect_geq(so_far->sums.unique_states,
                  so_far->rows[so_far->row_count - 1].sums.unique_states);
    return --*calls <= 0;
}

Test(crashtest_suite, progress_ends_it_and_what_was_done_is_told)
{
    int calls = 1;
    struct crashtest_suite suite = {
        .script = SCRIPT,
        .passes = bit(CRASHTEST_PASS_CUTS) | bit(CRASHTEST_PASS_NAMES),
        .progress = end_after,
        .progress_context = &calls,
    };

    cr_assert_eq(crashtest_suite_run(&suite, &report), STRAND_OK);
    cr_expect(!report.is_complete);
    cr_expect_eq(report.row_total, 2);
    cr_assert_eq(report.row_count, 1);
    cr_expect(!report.rows[0].is_complete);
    cr_expect_gt(report.sums.unique_states, 0);
    cr_expect_eq(calls, 0, "asked again after it had ended it");
    crashtest_report_deinit(&report);
}

Test(crashtest_suite, what_there_is_no_time_for_is_not_complete)
{
    struct crashtest_suite suite = {
        .script = SCRIPT, .passes = bit(CRASHTEST_PASS_CUTS), .time_limit_ms = 1};

    cr_assert_eq(crashtest_suite_run(&suite, &report), STRAND_OK, "%s", strand_error_message());
    cr_expect(!report.is_complete);
    crashtest_report_deinit(&report);
    suite.time_limit_ms = 3600000;
    cr_assert_eq(crashtest_suite_run(&suite, &report), STRAND_OK, "%s", strand_error_message());
    cr_expect(report.is_complete);
    crashtest_report_deinit(&report);
}

/* ---- Wrong input ---- */

static void
expect_refused(const struct crashtest_suite *suite, const char *sentence)
{
    cr_expect_eq(crashtest_suite_run(suite, &report), STRAND_ERR_INVALID);
    cr_expect_str_eq(strand_error_message(), sentence);
    crashtest_report_deinit(&report);
}

Test(crashtest_suite, what_there_is_not_is_refused_with_a_sentence)
{
    expect_refused(&(struct crashtest_suite){.workload = "nothing"},
                   "there is no workload \"nothing\"");
    expect_refused(&(struct crashtest_suite){.script = "apend"},
                   "the script: step 1, \"apend\": should be a step, such as append");
    expect_refused(&(struct crashtest_suite){.script = "open", .go_on = "2*(sync"},
                   "what goes on: step 1, at the end: should be ; or )");
    expect_refused(&(struct crashtest_suite){.go_on = "sync"},
                   "what goes on needs a script that it follows");
}

Test(crashtest_suite, a_replay_wants_one_script_one_pass_and_a_line)
{
    static const char LINE[] =
        "seed=0,names=ordered,torn=1,max=20000,samples=64,fault=none@0,power=5.0";
    struct crashtest_suite suite = {.script = SCRIPT, .passes = bit(CRASHTEST_PASS_CUTS)};

    cr_expect_eq(crashtest_suite_replay(&suite, LINE, &finding), STRAND_OK, "%s",
                 strand_error_message());
    cr_expect_eq(crashtest_suite_replay(&suite, "power=5.0", &finding), STRAND_ERR_INVALID);
    cr_expect_neq(strand_error_message()[0], '\0');
    suite.passes |= bit(CRASHTEST_PASS_TWICE);
    cr_expect_eq(crashtest_suite_replay(&suite, LINE, &finding), STRAND_ERR_INVALID);
    suite.passes = bit(CRASHTEST_PASS_INDEX);
    cr_expect_eq(crashtest_suite_replay(&suite, LINE, &finding), STRAND_ERR_INVALID);
    cr_expect_str_eq(strand_error_message(), "pass index needs a RAM disk");
    suite.passes = bit(CRASHTEST_PASS_CUTS);
    suite.random_count = 1;
    cr_expect_eq(crashtest_suite_replay(&suite, LINE, &finding), STRAND_ERR_INVALID);
    suite.random_count = 0;
    suite.script = "nonsense";
    cr_expect_eq(crashtest_suite_replay(&suite, LINE, &finding), STRAND_ERR_INVALID);
}

Test(crashtest_suite, every_workload_can_be_read)
{
    static struct crashtest_script script;

    for (size_t i = 0; i < crashtest_workload_count; i++) {
        const struct crashtest_workload *workload = &crashtest_workloads[i];

        cr_expect_lt(strlen(workload->name), CRASHTEST_NAME_SIZE);
        cr_expect_eq(crashtest_script_read(workload->run, &script), STRAND_OK, "%s: %s",
                     workload->name, strand_error_message());
        cr_expect_eq(crashtest_script_read(workload->go_on, &script), STRAND_OK, "%s: %s",
                     workload->name, strand_error_message());
        cr_expect_eq(crashtest_workload_find(workload->name), workload, "%s twice", workload->name);
    }
}

Test(crashtest_invariants, names_are_found_again)
{
    cr_expect_eq(crashtest_invariant_find("nonsense"), 0);
    cr_expect_eq(crashtest_invariant_find(""), 0);
    for (enum crashtest_invariant i = CRASHTEST_ACKNOWLEDGED_PRESENT; i < CRASHTEST_INVARIANT_END;
         i++) {
        const char *sentence = crashtest_invariant_sentence(i);

        cr_expect_eq(crashtest_invariant_find(crashtest_invariant_name(i)), i);
        cr_expect_eq(sentence[strlen(sentence) - 1], '.', "%s", sentence);
    }
    cr_expect_eq(CRASHTEST_INVARIANT_END - 1, 32);
}
