/* tests/unit/test_bench_match.c -- Rounds alternate; what comes out of them; how it is printed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "bench/environment.h"
#include "bench/match.h"
#include "bench/report.h"

/* ---- Statistics ---- */

Test(bench_statistics, median_is_the_middle_or_the_mean_of_two)
{
    static const struct {
        double values[5];
        size_t count;
        double min, median, max;
    } CASES[] = {
        {{3}, 1, 3, 3, 3},
        {{9, 1}, 2, 1, 5, 9},
        {{5, 1, 9}, 3, 1, 5, 9},
        {{4, 1, 3, 2}, 4, 1, 2.5, 4},
        {{5, 4, 3, 2, 1}, 5, 1, 3, 5},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct bench_summary summary;

        bench_summarize(CASES[i].values, CASES[i].count, &summary);
        cr_expect_eq(summary.min, CASES[i].min);
        cr_expect_eq(summary.median, CASES[i].median);
        cr_expect_eq(summary.max, CASES[i].max);
    }
}

Test(bench_statistics, ratios_are_made_pair_by_pair)
{
    static const double VALUES[] = {10, 100, 30};
    static const double BASES[] = {20, 50, 30}; /* of medians it would be 1 */
    struct bench_summary summary;

    bench_summarize_ratios(VALUES, BASES, 3, &summary);
    cr_expect_eq(summary.min, 0.5);
    cr_expect_eq(summary.median, 1);
    cr_expect_eq(summary.max, 2);
    bench_summarize_ratios(VALUES, (const double[]){0, 0, 0}, 3, &summary);
    cr_expect_eq(summary.max, 0);
}

/* ---- Matches ---- */

struct script {
    char name;
    double value;
    double seconds;
    int fails_at; /* which run; 0 = none */
    int run_count;
};

static char order[64];

static int
run_script(void *context, struct bench_outcome *out_outcome)
{
    struct script *script = context;

    if (++script->run_count == script->fails_at)
        return strand_fail(STRAND_ERR_IO, "no more of %c", script->name);
    order[strlen(order)] = script->name;
    out_outcome->seconds = script->seconds;
    bench_outcome_add(out_outcome, "throughput", BENCH_BYTES_PER_SECOND, script->value);
    bench_outcome_add(out_outcome, "p99", BENCH_SECONDS, 1 / script->value);
    return STRAND_OK;
}

static const char SIDE_A[] = "a";
static const char SIDE_B[] = "b";

static struct script scripts[4] = {
    {'A', 10, 2, 0, 0}, {'B', 20, 2, 0, 0}, {'C', 40, 2, 0, 0}, {'D', 50, 2, 0, 0}};

static struct bench_contestant contestants[4] = {
    {.side = SIDE_A, .case_number = 0, .run = run_script, .context = &scripts[0]},
    {.side = SIDE_B, .case_number = 0, .run = run_script, .context = &scripts[1]},
    {.side = SIDE_A, .case_number = 1, .run = run_script, .context = &scripts[2]},
    {.side = SIDE_B, .case_number = 1, .run = run_script, .context = &scripts[3]},
};

static struct bench_match match = {.measure = "test",
                                   .contestants = contestants,
                                   .contestant_count = 4,
                                   .runs = 3,
                                   .comparison = BENCH_COMPARES_ALL};

static char rows[1024];

static void
write_row(void *context, const struct bench_row *row)
{
    size_t used = strlen(rows);

    (void)context;
    snprintf(rows + used, sizeof rows - used, "%s %s%zu%s%s%s %g%s\n", row->figure,
             row->contestant->side, row->contestant->case_number, row->base ? "/" : "",
             row->base ? row->base->side : "",
             row->base && row->base->case_number != row->contestant->case_number ? "0" : "",
             row->summary.median, row->is_withheld ? " withheld" : "");
}

Test(bench_match, contestants_run_by_turns)
{
    cr_assert_eq(bench_match_run(&match), STRAND_OK);
    cr_expect_str_eq(order, "ABCDDCBAABCD");
    cr_expect_not(match.is_cut_short);
    bench_match_deinit(&match);
}

Test(bench_match, rows_compare_sides_in_a_case_and_a_side_with_its_first_case)
{
    match.runs = 1;
    cr_assert_eq(bench_match_run(&match), STRAND_OK);
    bench_match_visit(&match, 1, write_row, NULL);
    cr_expect_str_eq(rows, "throughput a0 10\np99 a0 0.1\n"
                           "throughput b0 20\np99 b0 0.05\n"
                           "throughput a1 40\np99 a1 0.025\n"
                           "throughput b1 50\np99 b1 0.02\n"
                           "throughput a0/b 0.5\np99 a0/b 2\n"
                           "throughput a1/a0 4\np99 a1/a0 0.25\n"
                           "throughput a1/b 0.8\np99 a1/b 1.25\n"
                           "throughput b1/b0 2.5\np99 b1/b0 0.4\n");
    bench_match_deinit(&match);
}

Test(bench_match, rate_of_a_short_run_is_withheld_latency_is_not)
{
    match.runs = 1;
    match.contestant_count = 2;
    scripts[1].seconds = 0.9;
    cr_assert_eq(bench_match_run(&match), STRAND_OK);
    bench_match_visit(&match, 1, write_row, NULL);
    cr_expect_str_eq(rows, "throughput a0 10\np99 a0 0.1\n"
                           "throughput b0 20 withheld\np99 b0 0.05\n"
                           "throughput a0/b 0.5 withheld\np99 a0/b 2\n");
    bench_match_deinit(&match);
}

Test(bench_match, failure_keeps_what_was_measured_before_it)
{
    scripts[1].fails_at = 2;
    cr_assert_eq(bench_match_run(&match), STRAND_ERR_IO);
    cr_expect_str_eq(order, "ABCDDC");
    cr_expect_eq(contestants[2].run_count, 2);
    cr_expect_eq(contestants[1].run_count, 1);
    bench_match_visit(&match, 1, write_row, NULL);
    cr_expect(strstr(rows, "throughput a0/b 0.5\n") != NULL);
    bench_match_deinit(&match);
}

Test(bench_match, limit_ends_it_between_runs)
{
    match.limit_ns = 1; /* over at once: a first round is always made, its durations are unknown */
    cr_assert_eq(bench_match_run(&match), STRAND_OK);
    cr_expect(match.is_cut_short);
    cr_expect(strlen(order) < 12);
    bench_match_deinit(&match);
}

/* ---- Values and JSON ---- */

Test(bench_outcome, values_are_for_people)
{
    static const struct {
        double value;
        enum bench_unit unit;
        const char *text;
    } CASES[] = {
        {152e-6, BENCH_SECONDS, "152 us"},
        {3.21e9, BENCH_BYTES_PER_SECOND, "3.21 GB/s"},
        {0.933, BENCH_RATIO, "0.93x"},
        {1024, BENCH_BYTES, "1.00 KiB"},
        {0, BENCH_SECONDS, "0.00 ns"},
        {1.5e-9, BENCH_SECONDS, "1.50 ns"},
        {61.5, BENCH_SECONDS, "61.5 s"},
        {10000, BENCH_COUNT, "10000"},
        {12345678, BENCH_PER_SECOND, "12.3 M/s"},
        {999, BENCH_BYTES, "999 B"},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char text[BENCH_VALUE_TEXT_SIZE];

        bench_value_format(CASES[i].value, CASES[i].unit, text);
        cr_expect_str_eq(text, CASES[i].text);
    }
}

static char *
print_json(const struct bench_environment *environment)
{
    const struct bench_report report = {
        .environment = environment, .match = &match, .seconds_min = 1};
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    cr_assert_not_null(stream);
    cr_expect_eq(bench_report_print_json(&report, stream), 0);
    fclose(stream);
    return text;
}

Test(bench_report, json_is_one_whole_object_per_figure)
{
    struct bench_environment environment = {.warning_count = 0};

    match.runs = 1;
    match.contestant_count = 2;
    bench_conditions_add_number(&contestants[0].conditions, "logs", 1);
    bench_conditions_add_number(&contestants[1].conditions, "logs", 7);
    bench_conditions_add_text(&environment.facts, "cpu", "a \"b\"\\\n");
    cr_assert_eq(bench_match_run(&match), STRAND_OK);
    char *text = print_json(&environment);
    char *second = strchr(text, '\n');
    cr_assert_not_null(second);
    *second++ = '\0';
    cr_expect_str_eq(text,
                     "{\"measure\":\"test\",\"figure\":\"throughput\",\"side\":\"a\",\"runs\":1,"
                     "\"min\":10,\"median\":10,\"max\":10,\"unit\":\"B/s\","
                     "\"conditions\":{\"logs\":1},\"quotable\":true,"
                     "\"environment\":{\"cpu\":\"a \\\"b\\\"\\\\\\n\"}}");
    cr_expect(strstr(second,
                     "\"side\":\"a / b\",\"runs\":1,\"min\":0.5,\"median\":0.5,\"max\":0.5,"
                     "\"unit\":\"ratio\",\"conditions\":{\"logs\":1},\"base\":{\"logs\":7},") !=
              NULL);
    free(text);
    bench_match_deinit(&match);
}

Test(bench_report, warnings_make_figures_not_quotable)
{
    struct bench_environment environment = {.warnings = {"no"}, .warning_count = 1};

    match.runs = 1;
    match.contestant_count = 1;
    cr_assert_eq(bench_match_run(&match), STRAND_OK);
    char *text = print_json(&environment);
    cr_expect(strstr(text, "\"quotable\":false") != NULL);
    cr_expect(strstr(text, "\"quotable\":true") == NULL);
    free(text);
    bench_match_deinit(&match);
}
