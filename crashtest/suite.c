/* crashtest/suite.c -- One workload after the other, one pass after the other.
 *
 * With a time limit each has an equal share of what is left: what one does not need is for those
 * behind it.
 */
#include "crashtest/suite.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/thread.h"
#include "crashtest/suite_internal.h"

enum { NS_PER_MS = 1000000, SHRINK_TRIES_MAX = 250, SHRINK_TRY_MS = 4000 };

struct suite_run {
    const struct crashtest_suite *suite;
    struct crashtest_report *report;
    struct crashtest_case *now;         /* owned; what is explored */
    struct strand_crash_result *result; /* owned; of the newest exploration */
    enum crashtest_pass pass;           /* of the newest */
    int64_t deadline_ns;                /* negative: none */
    size_t begun;                       /* cases in a pass, skipped ones included */
    bool was_ended;                     /* by PROGRESS */
};

/* ---- Sums ---- */

static void
add_sums(struct crashtest_sums *sums, const struct crashtest_sums *more)
{
    sums->unique_states += more->unique_states;
    sums->recoveries += more->recoveries;
    sums->crash_points += more->crash_points;
    sums->sampled_points += more->sampled_points;
    sums->runs += more->runs;
    sums->violations += more->violations;
    sums->seconds += more->seconds;
}

static struct crashtest_sums
sums_of(const struct strand_crash_result *result)
{
    return (struct crashtest_sums){
        .unique_states = result->unique_states,
        .recoveries = result->recoveries,
        .crash_points = result->crash_points,
        .sampled_points = result->sampled_points,
        .runs = result->runs,
        .violations = result->violations,
        .seconds = result->seconds,
    };
}

/* ---- Exploring ---- */

static int
tell_progress(void *context, const struct strand_crash_result *so_far)
{
    struct suite_run *run = context;
    struct crashtest_report *report = run->report;
    struct crashtest_sums before = report->sums;
    struct crashtest_sums now = sums_of(so_far);

    if (run->suite->progress == NULL || run->was_ended)
        return run->was_ended;
    if (!report->is_shrinking) {
        report->rows[report->row_count - 1].sums = now;
        add_sums(&report->sums, &now);
    }
    run->was_ended = run->suite->progress(run->suite->progress_context, report) != 0;
    report->sums = before;
    return run->was_ended;
}

/* PAIR in the pass that is on; its result is in RUN.  COUNTS may be NULL. */
static int
explore(struct suite_run *run, const struct crashtest_pair *pair, int64_t time_limit_ms,
        struct crashtest_counts *counts)
{
    struct strand_crash_options options = crashtest_suite_options(run->suite, run->pass);
    struct crashtest_program program;

    int status = crashtest_suite_program(run->suite, run->pass, pair, &program);
    if (status != STRAND_OK)
        return status;
    options.time_limit_ms = time_limit_ms;
    options.progress = tell_progress;
    options.progress_context = run;
    struct strand_crash_program callbacks = crashtest_program_callbacks(&program);
    status = strand_crash_explore(&callbacks, &options, run->result);
    for (int i = 0; i < CRASHTEST_INVARIANT_END && counts != NULL; i++)
        counts->asked[i] += program.counts.asked[i];
    crashtest_program_deinit(&program);
    return status;
}

/* ---- Shrinking ---- */

/* How long the sentence's first word is: the name of the invariant. */
static size_t
name_size(const char *sentence)
{
    return strcspn(sentence, " ");
}

static bool
fails_alike(void *context, const struct crashtest_pair *pair)
{
    struct suite_run *run = context;
    struct crashtest_finding *finding = &run->report->finding;
    size_t size = name_size(finding->sentence);

    if (run->was_ended || explore(run, pair, SHRINK_TRY_MS, NULL) != STRAND_ERR_CORRUPT ||
        name_size(run->result->sentence) != size ||
        memcmp(run->result->sentence, finding->sentence, size) != 0)
        return false;
    crashtest_finding_take(finding, run->result);
    return true;
}

static void
shrink(struct suite_run *run)
{
    struct crashtest_finding *finding = &run->report->finding;

    run->report->is_shrinking = true;
    finding->tries = crashtest_shrink(&finding->pair, fails_alike, run, SHRINK_TRIES_MAX);
    run->report->is_shrinking = false;
}

static void
note_finding(struct suite_run *run, struct crashtest_row *row)
{
    struct crashtest_finding *finding = &run->report->finding;

    memcpy(row->sentence, run->result->sentence, sizeof row->sentence);
    if (finding->name[0] != '\0')
        return;
    memcpy(finding->name, run->now->name, sizeof finding->name);
    finding->is_workload = run->now->is_workload;
    finding->pass = run->pass;
    finding->pair = run->now->pair;
    crashtest_finding_take(finding, run->result);
    if (run->now->is_random && finding->line[0] != '\0')
        shrink(run);
}

/* ---- All of it ---- */

/* Of what is left; 0: no limit; negative: nothing is left. */
static int64_t
share_ms(const struct suite_run *run)
{
    int64_t left_ms;

    if (run->deadline_ns < 0)
        return 0;
    left_ms = (run->deadline_ns - strand_thread_now_ns()) / NS_PER_MS;
    if (left_ms <= 0)
        return -1;
    left_ms /= (int64_t)(run->report->row_total - run->begun);
    return left_ms > 0 ? left_ms : 1;
}

static struct crashtest_row *
begin_row(struct suite_run *run)
{
    struct crashtest_row *row = &run->report->rows[run->report->row_count++];

    memset(row, 0, sizeof *row);
    memcpy(row->name, run->now->name, sizeof row->name);
    row->pass = run->pass;
    return row;
}

/* Explore what is on now in PASS.  A violation is no failure here: the report has it. */
static int
run_pass(struct suite_run *run, enum crashtest_pass pass)
{
    struct crashtest_report *report = run->report;
    int64_t time_limit_ms = share_ms(run);
    struct crashtest_row *row;

    run->begun++;
    if (crashtest_passes[pass].index != CRASHTEST_INDEX_MEMORY &&
        run->suite->ram_directory == NULL) {
        report->skipped_count++;
        return STRAND_OK;
    }
    if (time_limit_ms < 0)
        return STRAND_OK;
    run->pass = pass;
    row = begin_row(run);
    int status = explore(run, &run->now->pair, time_limit_ms, &report->counts);
    row->sums = sums_of(run->result);
    row->is_complete = status == STRAND_OK && run->result->is_complete != 0;
    if (status == STRAND_ERR_FAILED && row->sums.violations == 0)
        row->sums.violations = 1; /* of the engine, or of the script */
    add_sums(&report->sums, &row->sums);
    if (status == STRAND_ERR_CORRUPT || status == STRAND_ERR_FAILED)
        note_finding(run, row);
    else if (status != STRAND_OK)
        return strand_fail(status, "explore %s: %s", row->name, run->result->sentence);
    return STRAND_OK;
}

static bool
is_over(const struct suite_run *run)
{
    return run->was_ended || (run->report->sums.violations > 0 && !run->suite->keeps_going);
}

static uint32_t
passes_of(const struct crashtest_suite *suite)
{
    return suite->passes != 0 ? suite->passes : (UINT32_C(1) << CRASHTEST_PASS_END) - 1;
}

static int
run_case(struct suite_run *run)
{
    uint32_t passes = passes_of(run->suite);
    int status = STRAND_OK;

    for (int pass = 0; pass < CRASHTEST_PASS_END && status == STRAND_OK && !is_over(run); pass++)
        if ((passes >> pass & 1) != 0)
            status = run_pass(run, (enum crashtest_pass)pass);
    return status;
}

static void
judge_completeness(struct crashtest_report *report)
{
    report->is_complete = report->row_count == report->row_total;
    for (size_t i = 0; i < report->row_count; i++)
        report->is_complete = report->is_complete && report->rows[i].is_complete;
}

static int
run_cases(struct suite_run *run)
{
    size_t count = crashtest_suite_case_count(run->suite);
    int status = STRAND_OK;

    for (size_t i = 0; i < count && status == STRAND_OK && !is_over(run); i++) {
        crashtest_suite_case(run->suite, i, run->now);
        status = run_case(run);
    }
    judge_completeness(run->report);
    if (status == STRAND_OK && run->report->sums.violations > 0)
        status = strand_fail(STRAND_ERR_CORRUPT, "%s", run->report->finding.sentence);
    return status;
}

static size_t
count_rows(const struct crashtest_suite *suite)
{
    size_t passes = 0;

    for (int pass = 0; pass < CRASHTEST_PASS_END; pass++)
        passes += passes_of(suite) >> pass & 1;
    return passes * crashtest_suite_case_count(suite);
}

int
crashtest_suite_run(const struct crashtest_suite *suite, struct crashtest_report *out_report)
{
    struct suite_run run = {.suite = suite, .report = out_report, .deadline_ns = -1};
    int status = crashtest_suite_check(suite);

    memset(out_report, 0, sizeof *out_report);
    if (status != STRAND_OK)
        return status;
    if (suite->time_limit_ms > 0)
        run.deadline_ns = strand_thread_now_ns() + suite->time_limit_ms * NS_PER_MS;
    out_report->row_total = count_rows(suite);
    out_report->rows = calloc(out_report->row_total, sizeof *out_report->rows);
    run.now = malloc(sizeof *run.now);
    run.result = malloc(sizeof *run.result);
    if (out_report->rows == NULL || run.now == NULL || run.result == NULL)
        status = strand_fail(STRAND_ERR_NO_MEMORY, "crash test: out of memory");
    else
        status = run_cases(&run);
    free(run.now);
    free(run.result);
    return status;
}

void
crashtest_report_deinit(struct crashtest_report *report)
{
    free(report->rows);
    report->rows = NULL;
    report->row_count = 0;
}
