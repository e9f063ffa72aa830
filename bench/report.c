/* bench/report.c -- The table.  Conditions that all contestants share stand above it once, the
 * others in a column.
 */
#include "bench/report.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/error.h"
#include "bench/environment.h"
#include "bench/match.h"
#include "tools/table.h"

enum { CASE_SIZE = 640, SENTENCE_SIZE = 1024 };

struct table_report {
    const struct bench_report *report;
    struct cli_table table;
    bool has_cases; /* some condition is not shared */
    unsigned withheld_count;
};

static bool
is_shared(const struct bench_match *match, const char *name)
{
    for (size_t i = 1; i < match->contestant_count; i++)
        if (!bench_conditions_agree(&match->contestants[0].conditions,
                                    &match->contestants[i].conditions, name))
            return false;
    return true;
}

/* "threads 16, logs 1": those of CONTESTANT that are shared, or those that are not. */
static void
describe(const struct bench_match *match, const struct bench_contestant *contestant,
         bool wants_shared, char out_text[CASE_SIZE])
{
    size_t used = 0;

    out_text[0] = '\0';
    for (size_t i = 0; i < contestant->conditions.count; i++) {
        const struct bench_condition *item = &contestant->conditions.items[i];
        const char *comma = used > 0 ? ", " : "";

        if (is_shared(match, item->name) != wants_shared || used >= CASE_SIZE - 1)
            continue;
        (void)snprintf(out_text + used, CASE_SIZE - used, "%s%s %s", comma, item->name, item->text);
        used += strlen(out_text + used);
    }
    for (char *mark = out_text; (mark = strchr(mark, '_')) != NULL;)
        *mark = ' ';
}

/* The base's case is told only where it is another than the contestant's. */
static void
put_side(struct table_report *output, const struct bench_row *row)
{
    const struct bench_match *match = output->report->match;
    bool is_other_case =
        row->base != NULL && row->base->case_number != row->contestant->case_number;
    char one[CASE_SIZE];
    char other[CASE_SIZE];

    describe(match, row->contestant, false, one);
    if (row->base == NULL)
        cli_table_put(&output->table, "%s", row->contestant->side);
    else if (!is_other_case)
        cli_table_put(&output->table, "%s / %s", row->contestant->side, row->base->side);
    else
        cli_table_put(&output->table, "%s / itself", row->contestant->side);
    if (is_other_case) {
        describe(match, row->base, false, other);
        cli_table_put(&output->table, "%s / %s", one, other);
    } else if (output->has_cases) {
        cli_table_put(&output->table, "%s", one);
    }
}

static void
put_row(void *context, const struct bench_row *row)
{
    struct table_report *output = context;
    double values[3] = {row->summary.min, row->summary.median, row->summary.max};
    char text[BENCH_VALUE_TEXT_SIZE];

    if (row->is_withheld) {
        output->withheld_count++;
        return;
    }
    cli_table_put(&output->table, "%s", row->figure);
    for (size_t i = 0; i < 3; i++) {
        bench_value_format(values[i], row->unit, text);
        cli_table_put(&output->table, "%s", text);
    }
    cli_table_put(&output->table, "%zu", row->run_count);
    put_side(output, row);
}

static bool
has_cases(const struct bench_match *match)
{
    for (size_t i = 0; i < match->contestant_count; i++) {
        const struct bench_conditions *conditions = &match->contestants[i].conditions;

        for (size_t k = 0; k < conditions->count; k++)
            if (!is_shared(match, conditions->items[k].name))
                return true;
    }
    return false;
}

static void
print_surroundings(const struct bench_report *report)
{
    const struct bench_environment *environment = report->environment;
    char shared[CASE_SIZE];

    for (size_t i = 0; i < environment->facts.count; i++)
        (void)printf("%-14s %s\n", environment->facts.items[i].name,
                     environment->facts.items[i].text);
    for (size_t i = 0; i < environment->warning_count; i++)
        (void)printf("NOT TO BE QUOTED: %s\n", environment->warnings[i]);
    describe(report->match, &report->match->contestants[0], true, shared);
    (void)printf("\n%s: %s\n\n", report->match->measure, shared);
}

unsigned
bench_report_print_table(const struct bench_report *report)
{
    static const char *const HEADINGS[] = {"FIGURE", "MIN",  "MEDIAN", "MAX",
                                           "RUNS",   "SIDE", "CASE"};
    struct table_report output = {.report = report, .has_cases = has_cases(report->match)};
    size_t column_count = sizeof HEADINGS / sizeof HEADINGS[0] - (output.has_cases ? 0 : 1);

    print_surroundings(report);
    cli_table_init(&output.table, output.has_cases ? "lrrrrll" : "lrrrrl");
    for (size_t i = 0; i < column_count; i++)
        cli_table_put(&output.table, "%s", HEADINGS[i]);
    bench_match_visit(report->match, report->seconds_min, put_row, &output);
    if (cli_table_print(&output.table) != STRAND_OK)
        bench_say("%s", strand_error_message());
    cli_table_deinit(&output.table);
    return output.withheld_count;
}

bool
bench_output_flush(void)
{
    static bool was_refused;

    if (!was_refused && fflush(stdout) != 0) {
        was_refused = true;
        if (errno == EPIPE)
            return true;
        bench_say("write standard output: %s", strerror(errno));
        return false;
    }
    return was_refused || !ferror(stdout);
}

void
bench_say(const char *format, ...)
{
    char sentence[SENTENCE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    for (char *text = sentence; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
    (void)fprintf(stderr, "strandline-bench: %s\n", sentence);
}
