/* bench/report_json.c -- One object per line, complete in itself: lines of many runs can be put
 * together and sorted.
 */
#include <string.h>

#include "bench/environment.h"
#include "bench/match.h"
#include "bench/report.h"
#include "tools/json_output.h"

struct json_report {
    const struct bench_report *report;
    FILE *stream;
    unsigned withheld_count;
};

static void
put_text(FILE *stream, const char *text)
{
    size_t size = strlen(text);

    while (!cli_utf8_is_valid(text, size)) /* a long one may have been cut inside a character */
        size--;
    cli_json_put_string(stream, text, size);
}

static void
put_item(FILE *stream, const struct bench_condition *item, bool is_first)
{
    (void)fprintf(stream, "%s\"%s\":", is_first ? "" : ",", item->name);
    if (item->is_number)
        (void)fputs(item->text, stream);
    else
        put_text(stream, item->text);
}

static void
put_conditions(FILE *stream, const struct bench_conditions *conditions)
{
    (void)fputc('{', stream);
    for (size_t i = 0; i < conditions->count; i++)
        put_item(stream, &conditions->items[i], i == 0);
    (void)fputc('}', stream);
}

static void
put_base(FILE *stream, const struct bench_row *row)
{
    const struct bench_conditions *base = &row->base->conditions;
    bool is_first = true;

    (void)fputs(",\"base\":{", stream);
    for (size_t i = 0; i < base->count; i++) {
        if (bench_conditions_agree(base, &row->contestant->conditions, base->items[i].name))
            continue;
        put_item(stream, &base->items[i], is_first);
        is_first = false;
    }
    (void)fputc('}', stream);
}

static void
put_row(void *context, const struct bench_row *row)
{
    struct json_report *json = context;
    const struct bench_environment *environment = json->report->environment;
    FILE *stream = json->stream;
    char side[128];

    if (row->is_withheld) {
        json->withheld_count++;
        return;
    }
    (void)snprintf(side, sizeof side, "%s%s%s", row->contestant->side, row->base ? " / " : "",
                   row->base ? row->base->side : "");
    (void)fprintf(stream, "{\"measure\":\"%s\",\"figure\":\"%s\",\"side\":\"%s\",\"runs\":%zu,",
                  json->report->match->measure, row->figure, side, row->run_count);
    (void)fprintf(stream, "\"min\":%.9g,\"median\":%.9g,\"max\":%.9g,\"unit\":\"%s\",",
                  row->summary.min, row->summary.median, row->summary.max,
                  bench_unit_name(row->unit));
    (void)fputs("\"conditions\":", stream);
    put_conditions(stream, &row->contestant->conditions);
    if (row->base != NULL)
        put_base(stream, row);
    (void)fprintf(stream, ",\"quotable\":%s,\"environment\":",
                  environment->warning_count == 0 ? "true" : "false");
    put_conditions(stream, &environment->facts);
    (void)fputs("}\n", stream);
}

unsigned
bench_report_print_json(const struct bench_report *report, FILE *stream)
{
    struct json_report json = {.report = report, .stream = stream};

    bench_match_visit(report->match, report->seconds_min, put_row, &json);
    return json.withheld_count;
}
