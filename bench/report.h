/* bench/report.h -- What was measured, printed: a table for people, or a JSON object per figure.
 *
 * Either way the environment and all conditions stand with it.  A JSON object has
 *
 *     measure     "append"
 *     figure      "throughput", "p99", ...
 *     side        "strandline"; of a ratio "strandline / raw"
 *     runs        how many; ratios are made pair by pair
 *     min, median, max
 *     unit        "s", "B", "1", "ratio", "B/s", "1/s"
 *     conditions  an object; those of a ratio are the first side's
 *     base        of a ratio only: the conditions that are others for the second side
 *     quotable    false where a warning of the environment says why
 *     environment an object
 *
 * A rate that was measured for less than a second is not printed, but for trying out (--quick).
 */
#ifndef STRAND_BENCH_REPORT_H
#define STRAND_BENCH_REPORT_H

#include <stdbool.h>
#include <stdio.h>

struct bench_environment;
struct bench_match;

struct bench_report {
    const struct bench_environment *environment;
    const struct bench_match *match;
    double seconds_min; /* of a rate */
};

/* How many figures were withheld. */
unsigned bench_report_print_table(const struct bench_report *report);
unsigned bench_report_print_json(const struct bench_report *report, FILE *stream);

/* Write out what stdout still holds.  false, having said why, when that fails; a reader that has
 * closed the pipe is no failure. */
bool bench_output_flush(void);

/* Print "strandline-bench: SENTENCE" on stderr; control characters become '?'. */
void bench_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
