/* bench/job.c -- What all measurements have in common: conditions, rounds, the report. */
#include <stdio.h>

#include "base/error.h"
#include "bench/environment.h"
#include "bench/measures.h"
#include "bench/report.h"
#include "bench/stop.h"
#include "strandline/engine.h"
#include "strandline/log.h"

#define NS_PER_SECOND INT64_C(1000000000)

static const int64_t QUICK_NS = NS_PER_SECOND / 50;

int64_t
bench_job_duration_ns(const struct bench_job *job)
{
    return job->options->quick ? QUICK_NS : job->options->seconds * NS_PER_SECOND;
}

static void
describe_engine(const struct bench_options *options, struct bench_conditions *conditions)
{
    const struct {
        const char *name;
        int64_t value;
    } SETTINGS[] = {
        {"commit_interval_ms", options->commit_interval_ms},
        {"commit_bytes", options->commit_bytes},
        {"unsynced_bytes_max", options->unsynced_bytes_max},
        {"sync_workers", options->sync_workers},
        {"descriptors", options->descriptors},
    };

    for (size_t i = 0; i < sizeof SETTINGS / sizeof SETTINGS[0]; i++)
        if (SETTINGS[i].value != 0)
            bench_conditions_add_number(conditions, SETTINGS[i].name, SETTINGS[i].value);
}

void
bench_job_describe(const struct bench_job *job, const struct bench_case *one,
                   struct bench_conditions *out_conditions)
{
    static const char *const PREPARATIONS[] = {"auto", "none", "reserve", "zero"};
    static const char *const INDEXES[] = {"auto", "lmdb", "memory", "none"};
    static const unsigned WRITERS =
        BENCH_APPEND | BENCH_COMMIT | BENCH_ROLLS | BENCH_PARTITIONS | BENCH_INDEX | BENCH_COMPARE;
    const struct bench_options *options = job->options;
    struct bench_conditions *conditions = out_conditions;

    conditions->count = 0;
    bench_conditions_add_number(conditions, "record_bytes", one->record_bytes);
    bench_conditions_add_number(conditions, "batch_records", one->batch_records);
    bench_conditions_add_text(conditions, "codec", strand_codec_name(options->codec));
    if (options->level != 0)
        bench_conditions_add_number(conditions, "level", options->level);
    bench_conditions_add_number(conditions, "logs", one->logs);
    if ((WRITERS & (unsigned)job->measure->id) != 0) {
        bench_conditions_add_number(conditions, "threads", one->threads);
        bench_conditions_add_text(conditions, "durability",
                                  options->durability == STRAND_DURABLE ? "durable" : "written");
        describe_engine(options, conditions);
    }
    if (((WRITERS | BENCH_LIMITS) & (unsigned)job->measure->id) != 0)
        bench_conditions_add_text(conditions, "preparation", PREPARATIONS[options->preparation]);
    if (job->measure->id == BENCH_RECOVER && options->descriptors != 0)
        bench_conditions_add_number(conditions, "descriptors", options->descriptors);
    if (options->index != STRAND_INDEX_AUTO)
        bench_conditions_add_text(conditions, "index", INDEXES[options->index]);
    if (options->rate > 0)
        bench_conditions_add_number(conditions, "rate", options->rate);
    bench_conditions_add_number(conditions, "bytes", options->bytes);
    bench_conditions_add_number(conditions, "segment_bytes", one->segment_bytes);
}

/* Whatever ends a match early, what was measured before is printed. */
static void
print(const struct bench_job *job, const struct bench_match *match)
{
    const struct bench_report report = {
        .environment = job->environment,
        .match = match,
        .seconds_min = job->options->quick ? 0 : 1,
    };

    if (match->outcomes == NULL || match->contestants[0].run_count == 0)
        return;
    unsigned withheld = job->options->json ? bench_report_print_json(&report, stdout)
                                           : bench_report_print_table(&report);
    if (withheld > 0)
        bench_say("%s: %u rates are not given: a run was measured for less than a second",
                  match->measure, withheld);
}

int
bench_job_finish(const struct bench_job *job, struct bench_contestant *contestants, size_t count,
                 enum bench_comparison comparison)
{
    struct bench_match match = {
        .measure = job->measure->name,
        .contestants = contestants,
        .contestant_count = count,
        .runs = (size_t)job->options->runs,
        .limit_ns = bench_stop_left_ns(),
        .comparison = comparison,
    };
    char message[STRAND_ERROR_MESSAGE_SIZE_MAX];

    if (count == 0)
        return strand_fail(STRAND_ERR_INVALID, "--sides leaves nothing to measure");
    int status = bench_match_run(&match);
    if (status == STRAND_OK && contestants[0].run_count == 0)
        status = STRAND_END;
    else if (status != STRAND_OK)
        (void)snprintf(message, sizeof message, "%s", strand_error_message());
    print(job, &match);
    if (match.is_cut_short && status == STRAND_OK)
        bench_say("%s: cut short after %zu of %zu runs", match.measure, contestants[0].run_count,
                  match.runs);
    bench_match_deinit(&match);
    if (status == STRAND_OK || status == STRAND_END)
        return status;
    return strand_fail(status, "%s", message);
}
