/* bench/match.h -- Contestants that are measured by turns: A B B A, never A A B B.
 *
 * A contestant is one side (Strandline, raw system calls, a peer) in one case (16 threads, say).
 * In each round every contestant runs once, so that what disturbs the machine disturbs all of them;
 * every second round goes backwards, so that nobody always runs behind the same one.  Ratios are
 * made of runs of the same round.
 *
 *     round 1:  strandline/1 raw/1  strandline/16 raw/16
 *     round 2:  raw/16 strandline/16  raw/1 strandline/1  ...
 */
#ifndef STRAND_BENCH_MATCH_H
#define STRAND_BENCH_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/conditions.h"
#include "bench/outcome.h"
#include "bench/statistics.h"
#include "strandline/status.h"

/* Measure once.  STRAND_END: interrupted, what was begun does not count. */
typedef int bench_run_fn(void *context, struct bench_outcome *out_outcome);

struct bench_contestant {
    const char *side;
    size_t case_number; /* sides are compared within a case, the first case with the others */
    struct bench_conditions conditions;
    bench_run_fn *run;
    void *context;                  /* borrowed */
    struct bench_outcome *outcomes; /* owned by the match: one per run made */
    size_t run_count;
};

enum bench_comparison {
    BENCH_COMPARES_NOTHING,
    BENCH_COMPARES_SIDES, /* ratios within a case */
    BENCH_COMPARES_ALL,   /* also of a side to itself in the first case */
};

struct bench_match {
    const char *measure;
    struct bench_contestant *contestants; /* borrowed */
    size_t contestant_count;
    size_t runs;      /* wanted of each, at most BENCH_RUNS_MAX */
    int64_t limit_ns; /* no run is begun that would probably end later; 0: no limit */
    enum bench_comparison comparison; /* which ratios mean something */
    struct bench_outcome *outcomes;   /* owned */
    bool is_cut_short;                /* by the limit or an interrupt */
};

/* Run all of it.  STRAND_OK also when it was cut short; after a failure, too, what was measured
 * before it stands in the contestants. */
STRAND_MUST_USE int bench_match_run(struct bench_match *match);
void bench_match_deinit(struct bench_match *match);

/* ---- What comes out of it ---- */

struct bench_row {
    const char *figure;
    enum bench_unit unit;
    const struct bench_contestant *contestant;
    const struct bench_contestant *base; /* of a ratio; NULL otherwise */
    size_t run_count;
    struct bench_summary summary;
    bool is_withheld; /* a rate of which a run was too short */
};

typedef void bench_row_fn(void *context, const struct bench_row *row);

/* Visit every figure of every contestant, then the ratios: of the first side of a case to each
 * other one, and of a side to itself in the first case, as the match compares.  Rates that took
 * less than SECONDS_MIN in one run are withheld. */
void bench_match_visit(const struct bench_match *match, double seconds_min, bench_row_fn *visit,
                       void *context);

#endif
