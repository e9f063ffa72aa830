/* bench/match.c -- Rounds.  Interrupts and the limit end it between two runs. */
#include "bench/match.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/thread.h"
#include "bench/stop.h"

static void
show_progress(const struct bench_match *match, size_t round, const struct bench_contestant *next)
{
    if (isatty(STDERR_FILENO) == 1)
        (void)fprintf(stderr, "\r%s: round %zu of %zu, %s\033[K", match->measure, round + 1,
                      match->runs, next->side);
}

static void
hide_progress(void)
{
    if (isatty(STDERR_FILENO) == 1)
        (void)fputs("\r\033[K", stderr);
}

static int
run_round(struct bench_match *match, size_t round, int64_t end_ns, int64_t *durations)
{
    size_t count = match->contestant_count;

    for (size_t turn = 0; turn < count; turn++) {
        size_t i = round % 2 == 0 ? turn : count - 1 - turn;
        struct bench_contestant *contestant = &match->contestants[i];
        struct bench_outcome *outcome = &contestant->outcomes[contestant->run_count];
        int64_t start = strand_thread_now_ns();

        if (bench_stop_is_wanted() || (match->limit_ns > 0 && start + durations[i] > end_ns))
            return STRAND_END;
        show_progress(match, round, contestant);
        int status = contestant->run(contestant->context, outcome);
        if (status != STRAND_OK)
            return status;
        contestant->run_count++;
        durations[i] = strand_thread_now_ns() - start;
    }
    return STRAND_OK;
}

int
bench_match_run(struct bench_match *match)
{
    size_t count = match->contestant_count;
    int64_t *durations = calloc(count, sizeof *durations);
    int64_t end_ns = strand_thread_now_ns() + match->limit_ns;
    int status = STRAND_OK;

    strand_assert(match->runs <= BENCH_RUNS_MAX);
    match->outcomes = calloc(count * match->runs, sizeof *match->outcomes);
    if (durations == NULL || match->outcomes == NULL) {
        free(durations);
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory for the outcomes of runs");
    }
    for (size_t i = 0; i < count; i++)
        match->contestants[i].outcomes = &match->outcomes[i * match->runs];
    for (size_t round = 0; round < match->runs && status == STRAND_OK; round++)
        status = run_round(match, round, end_ns, durations);
    hide_progress();
    free(durations);
    match->is_cut_short = status == STRAND_END;
    return status == STRAND_END ? STRAND_OK : status;
}

void
bench_match_deinit(struct bench_match *match)
{
    free(match->outcomes);
    match->outcomes = NULL;
}

/* ---- What comes out of it ---- */

/* The values of FIGURE in the runs of CONTESTANT; how many runs have it. */
static size_t
collect(const struct bench_contestant *contestant, const char *figure, double *out_values)
{
    size_t count = 0;

    for (size_t i = 0; i < contestant->run_count; i++) {
        const struct bench_figure *found = bench_outcome_find(&contestant->outcomes[i], figure);

        if (found != NULL)
            out_values[count++] = found->value;
    }
    return count;
}

static bool
is_too_short(const struct bench_contestant *contestant, double seconds_min)
{
    for (size_t i = 0; i < contestant->run_count; i++)
        if (contestant->outcomes[i].seconds < seconds_min)
            return true;
    return false;
}

/* A row for FIGURE of CONTESTANT, as a ratio to that of BASE if it is not NULL. */
static void
visit_figure(const struct bench_contestant *contestant, const struct bench_contestant *base,
             const struct bench_figure *figure, double seconds_min, bench_row_fn *visit,
             void *context)
{
    double values[BENCH_RUNS_MAX];
    double bases[BENCH_RUNS_MAX];
    size_t count = collect(contestant, figure->name, values);
    struct bench_row row = {
        .figure = figure->name, .unit = figure->unit, .contestant = contestant, .base = base};

    row.is_withheld =
        bench_unit_is_rate(figure->unit) && (is_too_short(contestant, seconds_min) ||
                                             (base != NULL && is_too_short(base, seconds_min)));
    if (base != NULL) {
        size_t base_count = collect(base, figure->name, bases);

        row.unit = BENCH_RATIO;
        count = count < base_count ? count : base_count;
        if (count > 0)
            bench_summarize_ratios(values, bases, count, &row.summary);
    } else if (count > 0) {
        bench_summarize(values, count, &row.summary);
    }
    row.run_count = count;
    if (count > 0)
        visit(context, &row);
}

static void
visit_figures(const struct bench_contestant *contestant, const struct bench_contestant *base,
              double seconds_min, bench_row_fn *visit, void *context)
{
    if (contestant->run_count == 0)
        return;
    for (size_t i = 0; i < contestant->outcomes[0].count; i++)
        visit_figure(contestant, base, &contestant->outcomes[0].figures[i], seconds_min, visit,
                     context);
}

static bool
is_pair(const struct bench_match *match, size_t first, size_t second)
{
    const struct bench_contestant *one = &match->contestants[first];
    const struct bench_contestant *other = &match->contestants[second];
    bool is_first_side = first == 0 || match->contestants[first - 1].case_number < one->case_number;

    if (one->case_number == other->case_number)
        return is_first_side && second > first;
    return match->comparison == BENCH_COMPARES_ALL && other->case_number == 0 &&
           one->side == other->side;
}

void
bench_match_visit(const struct bench_match *match, double seconds_min, bench_row_fn *visit,
                  void *context)
{
    const struct bench_contestant *contestants = match->contestants;
    size_t count = match->contestant_count;

    for (size_t i = 0; i < count; i++)
        visit_figures(&contestants[i], NULL, seconds_min, visit, context);
    for (size_t i = 0; i < count && match->comparison != BENCH_COMPARES_NOTHING; i++)
        for (size_t k = 0; k < count; k++)
            if (is_pair(match, i, k))
                visit_figures(&contestants[i], &contestants[k], seconds_min, visit, context);
}
