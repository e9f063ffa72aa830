/* bench/strandline_bench.c -- The command: which measurement, with what, or help on them. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "bench/environment.h"
#include "bench/measures.h"
#include "bench/peers.h"
#include "bench/report.h"
#include "bench/scratch.h"
#include "bench/side.h"
#include "bench/stop.h"
#include "tools/interrupt.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_WRONG_USAGE = 64, EXIT_SIGNALLED = 128 };

static const char *const WRITING_SIDES[] = {"strandline", "raw",     "raw-synced", "codec",
                                            "rocksdb",    "leveldb", "lmdb",       "sqlite",
                                            "wiredtiger", NULL};
static const char *const READ_SIDES[] = {"fetch-crc", "fetch", "cursor", "memcpy", NULL};
static const char *const TAIL_SIDES[] = {"written", "polled", "wake", "committed", NULL};
static const char *const SEEK_SIDES[] = {"active",      "active-hot", "older", "older-hot",
                                         "time-active", "time-older", NULL};
static const char *const RECOVER_SIDES[] = {"unclean", "pread", "clean", NULL};
static const char *const PARTITIONS_SIDES[] = {"strandline", "raw", NULL};
static const char *const INDEX_SIDES[] = {"lmdb", "memory", "none", NULL};
static const char *const COMPARE_SIDES[] = {"strandline", "raw",    "rocksdb",    "leveldb",
                                            "lmdb",       "sqlite", "wiredtiger", NULL};
static const char *const WORKS[] = {"append", "append-64", "durable", "durable-16",
                                    "scan",   "seek",      "crash"};
static const char *const LIMITS_SIDES[] = {"pwrite", "pwrite+fdatasync", "memcpy", "crc32c", "lz4",
                                           NULL};

static const struct bench_measure MEASURES[] = {
    {BENCH_APPEND, "append", "records that are written",
     "Appends batches to new logs.\n"
     "  *strandline  the engine with its defaults, but for what the options say\n"
     "  *raw         pwrite() of the same bytes in calls of the same size; fdatasync() after each\n"
     "               where appends are durable\n"
     "   raw-synced  the same, and a thread that syncs as often as the engine does\n"
     "   codec       compression of the same records, and nothing else\n"
     "   rocksdb, leveldb, lmdb, sqlite, wiredtiger: see compare",
     WRITING_SIDES, bench_run_append},
    {BENCH_COMMIT, "commit", "records that are durable when an append returns",
     "Single records from several threads, each waiting until its own is durable.\n"
     "  *strandline  waiters share syncs\n"
     "  *raw         pwrite() and fdatasync() by each thread for itself\n"
     "   raw-synced  of no use here: raw syncs after each append already",
     WRITING_SIDES, bench_run_append},
    {BENCH_ROLLS, "rolls", "latency of small appends while segments are full and new ones begin",
     "Single records, unsynced, every one timed, with small segments.  Sides as in append.",
     WRITING_SIDES, bench_run_append},
    {BENCH_READ, "read", "a warm log that is read from start to end",
     "Bytes are those of the log, compressed or not.\n"
     "  *fetch-crc  batches, where the log is mapped, their CRCs checked\n"
     "  *fetch      the same without a check: only headers are looked at\n"
     "  *cursor     record by record\n"
     "  *memcpy     fetch, and a copy of everything in pieces of 16 KiB: what the memory can do",
     READ_SIDES, bench_run_read},
    {BENCH_TAIL, "tail", "time from an append to a reader that waits for it",
     "Writer and reader are threads of one process.\n"
     "  *written    the reader sees what the kernel has\n"
     "  *polled     the same, and it looks all the time instead of sleeping\n"
     "  *wake       no log: a thread that sleeps is woken by another\n"
     "   committed  it sees what is durable, and appends are",
     TAIL_SIDES, bench_run_tail},
    {BENCH_SEEK, "seek", "finding a batch by offset or by time, in random places",
     "  *active, *active-hot       by offset, in the newest segment; hot: in a hundredth of it\n"
     "  *older, *older-hot         in the others\n"
     "  *time-active, *time-older  by timestamp",
     SEEK_SIDES, bench_run_seek},
    {BENCH_RECOVER, "recover", "opening a data directory",
     "  *unclean  after the death of the writer: what may be torn is read and checked\n"
     "  *pread    for comparison: all log files are read, unchecked, in calls of 1 MiB\n"
     "  *clean    after a clean close",
     RECOVER_SIDES, bench_run_recover},
    {BENCH_PARTITIONS, "partitions", "what many logs cost",
     "Appends go round all logs; then the engine is opened anew, and what it holds is counted.\n"
     "  *strandline\n"
     "  *raw         pwrite() of the same bytes into as many files",
     PARTITIONS_SIDES, bench_run_partitions},
    {BENCH_INDEX, "index", "what the index costs an append",
     "The same appends to Strandline with and without an index from offset to position.\n"
     "  *lmdb    kept in LMDB, beside the logs\n"
     "   memory  kept in memory\n"
     "  *none    not kept",
     INDEX_SIDES, bench_run_append},
    {BENCH_LIMITS, "limits", "what the machine can do at best with the same bytes",
     "  *pwrite            into new files\n"
     "  *pwrite+fdatasync  each call synced\n"
     "  *memcpy, *crc32c   of a batch, in the cache\n"
     "  *lz4               compression as the log's",
     LIMITS_SIDES, bench_run_limits},
    {BENCH_COMPARE, "compare", "other libraries that keep records, at the same work",
     "Values under numbers, in one table or log; peers have their own defaults but for "
     "durability.\n"
     "Works:\n"
     "   append, append-64    one record, or 64, at a time, not synced: as much as --bytes\n"
     "   durable, durable-16  single records that are durable, from one thread, or 16\n"
     "   scan                 all records in order, each value copied out\n"
     "   seek                 one record in a random place, copied out\n"
     "   crash                256 MiB at most are written by a process that dies: from opening to\n"
     "                        the last record",
     COMPARE_SIDES, bench_run_compare},
};

enum { MEASURE_COUNT = sizeof MEASURES / sizeof MEASURES[0] };

static const char EXIT_CODES[] =
    "Results go to standard output, everything else to standard error.  Exit codes: 0 done, 1\n"
    "failed, 64 the command line is wrong, 130 and 143 after SIGINT and SIGTERM, when what was\n"
    "measured has been printed and all files are removed.\n";

static const struct bench_measure *
find_measure(const char *name)
{
    for (size_t i = 0; i < MEASURE_COUNT; i++)
        if (strcmp(MEASURES[i].name, name) == 0)
            return &MEASURES[i];
    return NULL;
}

static void
print_overview(FILE *stream)
{
    (void)fputs("Usage: strandline-bench MEASUREMENT [OPTION ...]\n\n", stream);
    for (size_t i = 0; i < MEASURE_COUNT; i++)
        (void)fprintf(stream, "  %-12s %s\n", MEASURES[i].name, MEASURES[i].summary);
    (void)fprintf(stream,
                  "  %-12s explain a measurement and its options\n\n"
                  "Sides run by turns; shown are the smallest, the median and the largest of all\n"
                  "runs, and ratios made pair by pair.\n\n%s",
                  "help", EXIT_CODES);
}

static void
print_peers(void)
{
    (void)fputs("Sides:\n  *strandline  the engine with its defaults\n"
                "  *raw         pwrite() of the same bytes, and fdatasync()\n",
                stdout);
    for (size_t i = 0; i < BENCH_PEER_COUNT; i++) {
        const struct bench_peer *peer = &bench_peers[i];

        (void)printf("  %c%-11s %s%s%s%s\n", peer->side != NULL ? '*' : ' ', peer->name,
                     peer->side != NULL ? peer->version() : "not in this build (Debian: ",
                     peer->side != NULL ? ": " : "",
                     peer->side != NULL ? peer->settings : peer->package,
                     peer->side != NULL ? "" : ")");
    }
    (void)fputs("\n", stdout);
}

static int
print_help(const struct bench_measure *measure)
{
    (void)printf("Usage: strandline-bench %s [OPTION ...]\n\n%s\n\n", measure->name,
                 measure->details);
    if (measure->id == BENCH_COMPARE)
        print_peers();
    bench_options_print(stdout, measure->id);
    (void)printf("\n%s", EXIT_CODES);
    return EXIT_OK;
}

static int
fail_usage(const char *sentence, const char *argument)
{
    bench_say("%s%s; see strandline-bench help", sentence, argument);
    return EXIT_WRONG_USAGE;
}

/* ---- Running ---- */

static int
exit_code(int status)
{
    int number = cli_interrupt_signal();

    if (number != 0)
        return EXIT_SIGNALLED + number;
    if (status == STRAND_OK)
        return EXIT_OK;
    if (status == STRAND_END) {
        bench_say("--limit-seconds was over before anything was measured");
        return EXIT_FAILED;
    }
    bench_say("%s", strand_error_message());
    return status == STRAND_ERR_INVALID ? EXIT_WRONG_USAGE : EXIT_FAILED;
}

static int
run_in(struct bench_scratch *scratch, const struct bench_measure *measure,
       const struct bench_options *options)
{
    struct bench_environment environment;
    const struct bench_job job = {
        .measure = measure,
        .options = options,
        .environment = &environment,
        .scratch = scratch,
    };

    int status = bench_environment_gather(scratch->path, options->quick, &environment);
    return status == STRAND_OK ? measure->run(&job) : status;
}

static int
run_measure(const struct bench_measure *measure, const struct bench_options *options)
{
    struct bench_scratch scratch;

    bench_raise_descriptor_limit();
    bench_stop_after(options->limit_seconds);
    int status = cli_interrupt_install();
    if (status == STRAND_OK)
        status = bench_scratch_create(options->dir, &scratch);
    if (status != STRAND_OK)
        return exit_code(status);
    int code = exit_code(run_in(&scratch, measure, options));
    if (bench_scratch_remove(&scratch) != STRAND_OK) {
        bench_say("%s", strand_error_message());
        return code == EXIT_OK ? EXIT_FAILED : code;
    }
    return code;
}

static int
run_command(const struct bench_measure *measure, int count, char **arguments)
{
    struct bench_options options;
    size_t side_count = 0;

    while (measure->sides[side_count] != NULL)
        side_count++;
    bench_options_init(measure->id, &options);
    int status = bench_options_parse(measure->id, count, arguments, &options);
    if (status == STRAND_OK && options.help)
        return print_help(measure);
    if (status == STRAND_OK)
        status =
            bench_options_check_names("sides", "side", options.sides, measure->sides, side_count);
    if (status == STRAND_OK)
        status = bench_options_check_names("works", "work", options.works, WORKS,
                                           sizeof WORKS / sizeof WORKS[0]);
    if (status == STRAND_OK)
        status = bench_peers_check(bench_peers, BENCH_PEER_COUNT, options.sides);
    if (status != STRAND_OK) {
        bench_say("%s: %s", measure->name, strand_error_message());
        return EXIT_WRONG_USAGE;
    }
    return run_measure(measure, &options);
}

static int
run_help(const char *name)
{
    const struct bench_measure *measure = name != NULL ? find_measure(name) : NULL;

    if (name == NULL) {
        print_overview(stdout);
        return EXIT_OK;
    }
    return measure != NULL ? print_help(measure) : fail_usage("no measurement ", name);
}

static int
run(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;

    if (name == NULL) {
        print_overview(stderr);
        return EXIT_WRONG_USAGE;
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return run_help(argc > 2 ? argv[2] : NULL);
    if (strcmp(name, "--version") == 0)
        return printf("strandline-bench %s\n", strand_version()) > 0 ? EXIT_OK : EXIT_FAILED;
    const struct bench_measure *measure = find_measure(name);
    return measure != NULL ? run_command(measure, argc - 2, argv + 2)
                           : fail_usage("no measurement ", name);
}

int
main(int argc, char **argv)
{
    /* A reader that goes away is an error of write(), which is looked at below. */
    (void)signal(SIGPIPE, SIG_IGN);
    int code = run(argc, argv);
    return bench_output_flush() || code != EXIT_OK ? code : EXIT_FAILED;
}
