/* tools/crashtest_output.c -- Tables, sentences, JSON. */
#include "tools/crashtest_output.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "crashtest/workloads.h"
#include "tools/json_output.h"
#include "tools/table.h"

static const char STEPS[] =
    "segment BYTES; codec none|lz4; prepare auto|none|reserve|zero; pin; copy\n"
    "                               settings, before the first step\n"
    "open; close                    the engine, and with it what is open\n"
    "create L; replicate L          open log L (0 or 1), created if need be, or one with replicas\n"
    "append L COUNT LEVEL           one batch; LEVEL is durable or written\n"
    "follow L GAP COUNT EPOCH LEVEL one batch from a leader, GAP offsets above the log end\n"
    "sync; checkpoint; run MS       of all logs; what is due MS milliseconds later\n"
    "truncate L AT; trim L AT; reset L AT\n"
    "                               AT: an offset, end, end-N or end+N\n"
    "epoch L N; delete L; broker L  a leader epoch; a Kafka broker has the directory\n"
    "N*STEP; N*( STEPS )            N times";

/* ---- The list ---- */

static int
print_table(struct cli_table *table)
{
    int status = cli_table_print(table);

    cli_table_deinit(table);
    return status;
}

static int
print_workloads(void)
{
    struct cli_table table;

    cli_table_init(&table, "lll");
    for (size_t i = 0; i < crashtest_workload_count; i++) {
        cli_table_put(&table, " ");
        cli_table_put(&table, "%s", crashtest_workloads[i].name);
        cli_table_put(&table, "%s", crashtest_workloads[i].about);
    }
    return print_table(&table);
}

static int
print_passes(void)
{
    struct cli_table table;

    cli_table_init(&table, "lll");
    for (size_t i = 0; i < CRASHTEST_PASS_END; i++) {
        cli_table_put(&table, " ");
        cli_table_put(&table, "%s", crashtest_passes[i].name);
        cli_table_put(&table, "%s", crashtest_passes[i].about);
    }
    return print_table(&table);
}

static int
print_invariants(void)
{
    struct cli_table table;

    cli_table_init(&table, "rll");
    for (enum crashtest_invariant i = CRASHTEST_ACKNOWLEDGED_PRESENT; i < CRASHTEST_INVARIANT_END;
         i++) {
        cli_table_put(&table, "%d", (int)i);
        cli_table_put(&table, "%s", crashtest_invariant_name(i));
        cli_table_put(&table, "%s", crashtest_invariant_sentence(i));
    }
    return print_table(&table);
}

int
cli_crashtest_print_list(void)
{
    int status;

    (void)puts("Workloads (--workload):");
    status = print_workloads();
    if (status == STRAND_OK) {
        (void)puts("\nPasses (--passes):");
        status = print_passes();
    }
    if (status == STRAND_OK) {
        (void)printf("\nSteps (--script):\n%s\n", STEPS);
        (void)puts("\nWhat must hold:");
        status = print_invariants();
    }
    return status;
}

/* ---- For people ---- */

static void
put_row(struct cli_table *table, const char *name, const char *pass,
        const struct crashtest_sums *sums, bool is_complete)
{
    cli_table_put(table, "%s", name);
    cli_table_put(table, "%s", pass);
    cli_table_put(table, "%" PRIu64, sums->unique_states);
    cli_table_put(table, "%" PRIu64, sums->recoveries);
    cli_table_put(table, "%" PRIu64, sums->crash_points);
    cli_table_put(table, "%" PRIu64, sums->sampled_points);
    cli_table_put(table, "%" PRIu64, sums->violations);
    cli_table_put(table, "%.2f", sums->seconds);
    cli_table_put(table, "%s", is_complete ? "" : "not complete");
}

static int
print_rows(const struct crashtest_report *report)
{
    static const char *const HEADINGS[] = {"WORKLOAD",   "PASS",    "STATES",
                                           "RECOVERIES", "POINTS",  "SAMPLED",
                                           "VIOLATIONS", "SECONDS", ""};
    struct cli_table table;

    cli_table_init(&table, "llrrrrrrl");
    for (size_t i = 0; i < sizeof HEADINGS / sizeof HEADINGS[0]; i++)
        cli_table_put(&table, "%s", HEADINGS[i]);
    for (size_t i = 0; i < report->row_count; i++)
        put_row(&table, report->rows[i].name, crashtest_passes[report->rows[i].pass].name,
                &report->rows[i].sums, report->rows[i].is_complete);
    put_row(&table, "all", "", &report->sums, report->is_complete);
    return print_table(&table);
}

/* What was asked, and what was not. */
static void
print_asked(const struct crashtest_report *report)
{
    const char *separator = "";
    uint64_t asked = 0;
    int kinds = 0;

    for (int i = CRASHTEST_ACKNOWLEDGED_PRESENT; i < CRASHTEST_INVARIANT_END; i++) {
        asked += report->counts.asked[i];
        kinds += report->counts.asked[i] > 0;
    }
    (void)printf("%" PRIu64 " questions, on %d of %d things that must hold", asked, kinds,
                 CRASHTEST_INVARIANT_END - 1);
    for (enum crashtest_invariant i = CRASHTEST_ACKNOWLEDGED_PRESENT; i < CRASHTEST_INVARIANT_END;
         i++) {
        if (report->counts.asked[i] > 0)
            continue;
        (void)printf("%s%s%s", separator[0] == '\0' ? "; not on " : separator,
                     crashtest_invariant_name(i),
                     i == CRASHTEST_PRODUCERS_REPLAYED ? " (no such state is kept yet)" : "");
        separator = ", ";
    }
    (void)putchar('\n');
}

/* Where it went on after the first. */
static void
print_more_violations(const struct crashtest_report *report)
{
    bool is_first = true;

    for (size_t i = 0; i < report->row_count; i++) {
        const struct crashtest_row *row = &report->rows[i];

        if (row->sentence[0] == '\0')
            continue;
        if (!is_first)
            (void)printf("VIOLATION in %s, pass %s: %s\n", row->name,
                         crashtest_passes[row->pass].name, row->sentence);
        is_first = false;
    }
}

static void
print_conclusion(const struct crashtest_report *report)
{
    if (report->skipped_count > 0)
        (void)printf("%zu passes were left out: they need a directory on a RAM disk\n",
                     report->skipped_count);
    if (report->sums.violations > 0) {
        cli_crashtest_print_finding(&report->finding);
        print_more_violations(report);
    } else if (!report->is_complete) {
        (void)puts("nothing was found, but not everything was looked at");
    } else if (report->sums.sampled_points > 0) {
        (void)printf("nothing was found; at %" PRIu64 " points only a sample was looked at\n",
                     report->sums.sampled_points);
    } else {
        (void)puts("nothing was found; everything that a crash may leave was looked at");
    }
}

int
cli_crashtest_print(const struct crashtest_report *report)
{
    int status = print_rows(report);

    if (status != STRAND_OK)
        return status;
    print_asked(report);
    print_conclusion(report);
    return STRAND_OK;
}

void
cli_crashtest_print_finding(const struct crashtest_finding *finding)
{
    char arguments[CRASHTEST_ARGUMENTS_SIZE];
    char name[STRAND_CRASH_SENTENCE_SIZE];
    enum crashtest_invariant invariant;

    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(finding->sentence, " "),
                   finding->sentence);
    invariant = crashtest_invariant_find(name);
    (void)printf("\nVIOLATION in %s, pass %s: %s\n", finding->name,
                 crashtest_passes[finding->pass].name, finding->sentence);
    if (invariant != 0)
        (void)printf("What must hold: %s\n", crashtest_invariant_sentence(invariant));
    (void)fputs(finding->trace, stdout);
    crashtest_finding_arguments(finding, arguments);
    (void)printf("again: strandline crashtest %s\n", arguments);
}

/* ---- For programs ---- */

static void
put_text(const char *name, const char *text)
{
    cli_json_put_bytes(stdout, name, strand_bytes(text, strlen(text)));
}

static void
put_sums(const struct crashtest_sums *sums)
{
    (void)printf("\"unique_states\":%" PRIu64 ",\"recoveries\":%" PRIu64
                 ",\"crash_points\":%" PRIu64 ",\"sampled_points\":%" PRIu64 ",\"runs\":%" PRIu64
                 ",\"violations\":%" PRIu64 ",\"seconds\":%.3f",
                 sums->unique_states, sums->recoveries, sums->crash_points, sums->sampled_points,
                 sums->runs, sums->violations, sums->seconds);
}

static const char *
truth(bool value)
{
    return value ? "true" : "false";
}

static void
put_rows(const struct crashtest_report *report)
{
    (void)fputs(",\"rows\":[", stdout);
    for (size_t i = 0; i < report->row_count; i++) {
        const struct crashtest_row *row = &report->rows[i];
        const struct crashtest_pass_form *pass = &crashtest_passes[row->pass];

        (void)fputs(i > 0 ? ",{" : "{", stdout);
        put_text("workload", row->name);
        (void)printf(",\"pass\":\"%s\",\"index\":\"%s\",", pass->name,
                     pass->index == CRASHTEST_INDEX_MEMORY ? "memory" : "lmdb");
        put_sums(&row->sums);
        (void)printf(",\"is_complete\":%s,", truth(row->is_complete));
        put_text("sentence", row->sentence);
        (void)putchar('}');
    }
    (void)putchar(']');
}

static void
put_invariants(const struct crashtest_report *report)
{
    (void)fputs(",\"invariants\":[", stdout);
    for (enum crashtest_invariant i = CRASHTEST_ACKNOWLEDGED_PRESENT; i < CRASHTEST_INVARIANT_END;
         i++)
        (void)printf("%s{\"number\":%d,\"name\":\"%s\",\"asked\":%" PRIu64 "}",
                     i > CRASHTEST_ACKNOWLEDGED_PRESENT ? "," : "", (int)i,
                     crashtest_invariant_name(i), report->counts.asked[i]);
    (void)putchar(']');
}

static void
put_finding(const struct crashtest_finding *finding)
{
    char text[CRASHTEST_ARGUMENTS_SIZE];

    (void)fputs("\"violation\":", stdout);
    if (finding->name[0] == '\0' || finding->sentence[0] == '\0') {
        (void)fputs("null", stdout);
        return;
    }
    (void)putchar('{');
    put_text("workload", finding->name);
    (void)printf(",\"pass\":\"%s\",", crashtest_passes[finding->pass].name);
    put_text("sentence", finding->sentence);
    crashtest_script_write(&finding->pair.run, text, CRASHTEST_TEXT_SIZE);
    (void)putchar(',');
    put_text("script", text);
    crashtest_script_write(&finding->pair.go_on, text, CRASHTEST_TEXT_SIZE);
    (void)putchar(',');
    put_text("then", text);
    (void)putchar(',');
    put_text("state", finding->line);
    (void)putchar(',');
    put_text("trace", finding->trace);
    crashtest_finding_arguments(finding, text);
    (void)putchar(',');
    put_text("again", text);
    (void)putchar('}');
}

void
cli_crashtest_print_json(const struct crashtest_suite *suite, const struct crashtest_report *report)
{
    (void)putchar('{');
    put_sums(&report->sums);
    (void)printf(",\"seed\":%" PRIu64 ",\"is_complete\":%s,\"skipped\":%zu", suite->seed,
                 truth(report->is_complete), report->skipped_count);
    put_invariants(report);
    put_rows(report);
    (void)putchar(',');
    put_finding(&report->finding);
    (void)puts("}");
}

void
cli_crashtest_print_finding_json(const struct crashtest_finding *finding)
{
    (void)putchar('{');
    put_finding(finding);
    (void)puts("}");
}
