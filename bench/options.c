/* bench/options.c -- The table of options, and what reads it. */
#include "bench/options.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "bench/options_internal.h"
#include "bench/statistics.h"
#include "strandline/log.h"
#include "tools/option_value.h"
#include "tools/position.h"

#define FIELD(name) offsetof(struct bench_options, name)

enum {
    WRITERS = BENCH_APPEND | BENCH_COMMIT | BENCH_ROLLS | BENCH_PARTITIONS | BENCH_INDEX,
    WITH_RECORDS = WRITERS | BENCH_READ | BENCH_TAIL | BENCH_SEEK | BENCH_RECOVER | BENCH_LIMITS,
    EVERY = WITH_RECORDS | BENCH_COMPARE,
    COMPRESSED = WITH_RECORDS & ~(unsigned)BENCH_LIMITS,
    THREADED = BENCH_APPEND | BENCH_COMMIT | BENCH_INDEX,
    TIMED = EVERY & ~(unsigned)(BENCH_RECOVER),
};

static const char *const CODECS[] = {"none", "gzip", "snappy", "lz4", "zstd", NULL};
static const char *const DURABILITIES[] = {"durable", "written", NULL};
static const char *const PREPARATIONS[] = {"auto", "none", "reserve", "zero", NULL};
static const char *const INDEXES[] = {"auto", "lmdb", "memory", "none", NULL};
static const char *const BESIDES[] = {"nothing", "bulk", "dirty", NULL};

static const struct bench_option OPTIONS[] = {
    {"dir", "DIR", EVERY, BENCH_OPTION_TEXT, FIELD(dir), 0, 0, NULL,
     "Where files are made, and removed again; without it: the current directory."},
    {"runs", "N", EVERY, BENCH_OPTION_NUMBER, FIELD(runs), 1, BENCH_RUNS_MAX, NULL,
     "Runs of each contestant, by turns."},
    {"seconds", "N", TIMED, BENCH_OPTION_NUMBER, FIELD(seconds), 1, 3600, NULL,
     "How long a run is measured for.  Rates need a second at least."},
    {"limit-seconds", "N", EVERY, BENCH_OPTION_NUMBER, FIELD(limit_seconds), 1, INT32_MAX, NULL,
     "End after so long: a run that would probably take longer is not begun, one that does is "
     "given "
     "up; what was measured is printed."},
    {"sides", "NAMES", EVERY, BENCH_OPTION_TEXT, FIELD(sides), 0, 0, NULL,
     "Which sides to measure, with commas between them; without it: those marked *."},
    {"works", "NAMES", BENCH_COMPARE, BENCH_OPTION_TEXT, FIELD(works), 0, 0, NULL,
     "What to compare, with commas; without it: everything."},
    {"record-bytes", "LIST", EVERY, BENCH_OPTION_BYTES_LIST, FIELD(record_bytes), 16, 64 << 20,
     NULL, "Sizes of a record's value."},
    {"batch-records", "LIST", WITH_RECORDS & ~(unsigned)BENCH_TAIL, BENCH_OPTION_NUMBER_LIST,
     FIELD(batch_records), 1, 1 << 20, NULL, "Records in a batch, which one append takes."},
    {"threads", "LIST", THREADED, BENCH_OPTION_NUMBER_LIST, FIELD(threads), 1, 256, NULL,
     "Threads that append, to the logs by turns."},
    {"logs", "LIST", WRITERS | BENCH_RECOVER, BENCH_OPTION_NUMBER_LIST, FIELD(logs), 1, 100000,
     NULL, "Logs that are written."},
    {"bytes", "N", EVERY, BENCH_OPTION_BYTES, FIELD(bytes), 1024, INT64_C(1) << 42, NULL,
     "Bytes of records in files at a time.  A run that needs more begins again in new files; the "
     "time between does not count."},
    {"segment-bytes", "LIST", EVERY, BENCH_OPTION_BYTES_LIST, FIELD(segment_bytes), 4096, INT32_MAX,
     NULL, "Begin a new segment file at this size."},
    {"codec", "NAME", COMPRESSED, BENCH_OPTION_CHOICE, FIELD(codec), 0, 0, CODECS,
     "Compress batches: none, gzip, snappy, lz4, zstd.  Side raw gets the bytes "
     "compressed already."},
    {"level", "N", COMPRESSED, BENCH_OPTION_NUMBER, FIELD(level), INT32_MIN, INT32_MAX, NULL,
     "Compression level; without it: the codec's own."},
    {"durability", "LEVEL", BENCH_APPEND | BENCH_PARTITIONS | BENCH_INDEX, BENCH_OPTION_CHOICE,
     FIELD(durability), 0, 0, DURABILITIES,
     "written: an append returns when the kernel has the records; durable: when they "
     "survive loss of power."},
    {"preparation", "MODE", WRITERS | BENCH_LIMITS | BENCH_COMPARE, BENCH_OPTION_CHOICE,
     FIELD(preparation), 0, 0, PREPARATIONS,
     "Space in front of a log's end: auto, none, reserve, zero.  Side raw prepares "
     "before the clock starts; for it auto means zero if appends are durable, else none."},
    {"rate", "N", BENCH_APPEND | BENCH_COMMIT | BENCH_ROLLS | BENCH_TAIL, BENCH_OPTION_NUMBER,
     FIELD(rate), 1, 100000000, NULL,
     "Appends a second, all threads together, whatever the last one took: latency counts from "
     "when an append was due (tail: from when it began).  Without it: as fast as they go."},
    {"final-sync", NULL, BENCH_APPEND | BENCH_ROLLS, BENCH_OPTION_FLAG, FIELD(final_sync), 0, 0,
     NULL, "The clock stops when everything is durable."},
    {"beside", "WHAT", BENCH_COMMIT, BENCH_OPTION_CHOICE, FIELD(beside), 0, 0, BESIDES,
     "Also measure beside other work in the same engine: bulk, one writer of 64 KiB batches that "
     "waits for nothing; dirty, --others logs that are written to all the time."},
    {"others", "N", BENCH_COMMIT, BENCH_OPTION_NUMBER, FIELD(others), 1, 100000, NULL,
     "How many logs --beside dirty writes to."},
    {"cold", NULL, BENCH_RECOVER, BENCH_OPTION_FLAG, FIELD(cold), 0, 0, NULL,
     "Ask the kernel to forget the files before each run."},
    {"index", "KIND", EVERY & ~(unsigned)(BENCH_INDEX | BENCH_LIMITS), BENCH_OPTION_CHOICE,
     FIELD(index), 0, 0, INDEXES, "Engine: where the index from offset to position is kept."},
    {"commit-interval-ms", "N", WRITERS | BENCH_COMPARE, BENCH_OPTION_NUMBER,
     FIELD(commit_interval_ms), 1, INT32_MAX, NULL,
     "Engine: sync what nobody waits for this often (side raw-synced too)."},
    {"commit-bytes", "N", WRITERS | BENCH_COMPARE, BENCH_OPTION_BYTES, FIELD(commit_bytes), 1,
     INT64_MAX, NULL, "Engine: or after so many bytes of a log."},
    {"unsynced-bytes-max", "N", WRITERS, BENCH_OPTION_BYTES, FIELD(unsynced_bytes_max), 1,
     INT64_MAX, NULL, "Engine: how far a writer may run ahead of the disk."},
    {"sync-workers", "N", WRITERS, BENCH_OPTION_NUMBER, FIELD(sync_workers), 1, 64, NULL,
     "Engine: threads that sync logs."},
    {"descriptors", "N", WRITERS | BENCH_RECOVER, BENCH_OPTION_NUMBER, FIELD(descriptors), 16,
     INT32_MAX, NULL, "Engine: files open at once."},
    {"quick", NULL, EVERY, BENCH_OPTION_FLAG, FIELD(quick), 0, 0, NULL,
     "Only try everything out, in moments: the figures mean nothing and say so."},
    {"json", NULL, EVERY, BENCH_OPTION_FLAG, FIELD(json), 0, 0, NULL,
     "Print JSON, one object per figure."},
    {"help", NULL, EVERY, BENCH_OPTION_FLAG, FIELD(help), 0, 0, NULL, "Print this."},
};

enum { OPTION_COUNT = sizeof OPTIONS / sizeof OPTIONS[0] };

static const struct bench_option *
find_option(enum bench_measure_id measure, const char *name, size_t name_size)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if ((OPTIONS[i].measures & (unsigned)measure) != 0 &&
            strncmp(OPTIONS[i].name, name, name_size) == 0 && OPTIONS[i].name[name_size] == '\0')
            return &OPTIONS[i];
    return NULL;
}

static bool
is_known(const char *name, size_t name_size)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (strncmp(OPTIONS[i].name, name, name_size) == 0 && OPTIONS[i].name[name_size] == '\0')
            return true;
    return false;
}

/* ARGUMENTS[*INDEX] is an option; its value may be the next one. */
static int
parse_option(enum bench_measure_id measure, int count, char **arguments, int *index,
             struct bench_options *options)
{
    const char *name = arguments[*index] + 2;
    const char *equals = strchr(name, '=');
    size_t name_size = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const struct bench_option *option = find_option(measure, name, name_size);

    if (option == NULL)
        return strand_fail(STRAND_ERR_INVALID, "%s --%.*s",
                           is_known(name, name_size) ? "this measurement does not take"
                                                     : "no option",
                           (int)name_size, name);
    if (option->kind == BENCH_OPTION_FLAG && equals != NULL)
        return strand_fail(STRAND_ERR_INVALID, "--%s takes no value", option->name);
    if (option->kind == BENCH_OPTION_FLAG || equals != NULL)
        return bench_option_set(option, equals != NULL ? equals + 1 : "", options);
    if (*index + 1 >= count)
        return strand_fail(STRAND_ERR_INVALID, "--%s needs a value: %s", option->name,
                           option->argument);
    (*index)++;
    return bench_option_set(option, arguments[*index], options);
}

int
bench_options_parse(enum bench_measure_id measure, int count, char **arguments,
                    struct bench_options *options)
{
    for (int i = 0; i < count; i++) {
        int status;

        if (strcmp(arguments[i], "-h") == 0)
            options->help = true;
        if (strcmp(arguments[i], "-h") == 0)
            continue;
        if (strncmp(arguments[i], "--", 2) != 0)
            return strand_fail(STRAND_ERR_INVALID, "unexpected \"%s\"", arguments[i]);
        status = parse_option(measure, count, arguments, &i, options);
        if (status != STRAND_OK)
            return status;
    }
    return options->help ? STRAND_OK : bench_options_check(measure, options);
}

/* ---- Help ---- */

enum { HELP_INDENT = 28, HELP_WIDTH = 92 };

void
bench_options_print(FILE *stream, enum bench_measure_id measure)
{
    struct bench_options defaults;

    bench_options_init(measure, &defaults);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct bench_option *option = &OPTIONS[i];
        char text[512];
        char value[64];

        if ((option->measures & (unsigned)measure) == 0)
            continue;
        int used = fprintf(stream, "  --%s%s%s", option->name, option->argument != NULL ? " " : "",
                           option->argument != NULL ? option->argument : "");
        if (used < HELP_INDENT)
            (void)fprintf(stream, "%*s", HELP_INDENT - used, "");
        else
            (void)fprintf(stream, "\n%*s", HELP_INDENT, "");
        bench_option_format(option, &defaults, value, sizeof value);
        (void)snprintf(text, sizeof text, "%s%s%s%s", option->help,
                       value[0] != '\0' ? "  Default here: " : "", value,
                       value[0] != '\0' ? "." : "");
        cli_option_print_help(stream, text, HELP_INDENT, HELP_WIDTH);
    }
}
