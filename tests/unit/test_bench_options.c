/* tests/unit/test_bench_options.c -- What command lines mean, and which are refused. */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "bench/options.h"
#include "bench/peers.h"
#include "bench/side.h"
#include "strandline/log.h"
#include "strandline/status.h"

enum { ARGUMENTS_MAX = 8 };

static struct bench_options options;

static int
parse(enum bench_measure_id measure, const char *line)
{
    static char text[256];
    char *arguments[ARGUMENTS_MAX];
    int count = 0;

    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
        arguments[count++] = word;
    bench_options_init(measure, &options);
    return bench_options_parse(measure, count, arguments, &options);
}

Test(bench_options, defaults_pass_for_every_measurement)
{
    for (int id = BENCH_APPEND; id <= BENCH_COMPARE; id <<= 1) {
        cr_expect_eq(parse((enum bench_measure_id)id, ""), STRAND_OK, "%d: %s", id,
                     strand_error_message());
        cr_expect_eq(options.runs, 5);
        cr_expect_eq(parse((enum bench_measure_id)id, "--quick"), STRAND_OK);
    }
}

Test(bench_options, values_lists_and_units)
{
    cr_assert_eq(parse(BENCH_APPEND, "--threads 1,4,16 --record-bytes=100,1k --bytes 1g --json"),
                 STRAND_OK);
    cr_expect_eq(options.threads.count, 3);
    cr_expect_eq(options.threads.values[2], 16);
    cr_expect_eq(options.record_bytes.values[1], 1024);
    cr_expect_eq(options.bytes, 1 << 30);
    cr_expect(options.json);
    cr_assert_eq(parse(BENCH_APPEND, "--codec lz4 --durability durable --preparation zero"),
                 STRAND_OK);
    cr_expect_eq(options.codec, STRAND_CODEC_LZ4);
    cr_expect_eq(options.durability, STRAND_DURABLE);
    cr_expect_eq(options.preparation, 3);
}

Test(bench_options, cases_are_all_combinations_once)
{
    cr_assert_eq(parse(BENCH_APPEND, "--threads 1,2 --batch-records 3,4,5"), STRAND_OK);
    cr_assert_eq(bench_options_case_count(&options), 6);
    for (size_t i = 0; i < 6; i++) {
        struct bench_case one = bench_options_case(&options, i);

        cr_expect_eq(one.threads, (int64_t)(i % 2) + 1);
        cr_expect_eq(one.batch_records, (int64_t)(i / 2) + 3);
        cr_expect_eq(one.record_bytes, 1024);
        cr_expect_eq(one.logs, 1);
    }
}

Test(bench_options, refusals_name_what_is_wrong)
{
    static const struct {
        enum bench_measure_id measure;
        const char *line;
        const char *sentence; /* part of it */
    } CASES[] = {
        {BENCH_APPEND, "--nonsense 1", "no option --nonsense"},
        {BENCH_APPEND, "--cold", "does not take --cold"},
        {BENCH_APPEND, "stray", "unexpected \"stray\""},
        {BENCH_APPEND, "--runs", "--runs needs a value"},
        {BENCH_APPEND, "--runs 0", "--runs 0: must be from 1 to"},
        {BENCH_APPEND, "--runs x", "--runs \"x\": not a number"},
        {BENCH_APPEND, "--runs 102", "--runs 102: must be from 1 to 101"},
        {BENCH_APPEND, "--seconds 0", "--seconds 0: must be from 1"},
        {BENCH_APPEND, "--json=yes", "--json takes no value"},
        {BENCH_APPEND, "--codec lzma", "--codec \"lzma\": must be one of none"},
        {BENCH_APPEND, "--threads 1,", "--threads \"\": not a number"},
        {BENCH_APPEND, "--threads 1,2,3,4,5,6,7,8,9,10,11,12,13", "more than 12 values"},
        {BENCH_APPEND, "--threads 1,2,3,4,5,6,7 --logs 1,2,3,4,5,6,7,8", "make 56 cases"},
        {BENCH_APPEND, "--bytes 9999999999g", "--bytes \"9999999999g\": not a number"},
        {BENCH_APPEND, "--rate 10 --final-sync", "--rate asks for latency"},
        {BENCH_APPEND, "--durability durable --final-sync", "--final-sync has nothing to do"},
        {BENCH_APPEND, "--level 3", "--level is a codec's"},
        {BENCH_APPEND, "--bytes 1k", "--bytes 1024 is less than one batch"},
        {BENCH_APPEND, "--record-bytes 64m --batch-records 2", "at most 67108864"},
        {BENCH_APPEND, "--segment-bytes 64k", "has no room for a batch"},
        {BENCH_COMMIT, "--beside bulk --logs 2", "--beside measures one log"},
        {BENCH_COMMIT, "--unsynced-bytes-max 1m", "--unsynced-bytes-max bounds appends"},
        {BENCH_LIMITS, "--codec lz4", "does not take --codec"},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        cr_expect_eq(parse(CASES[i].measure, CASES[i].line), STRAND_ERR_INVALID, "%s",
                     CASES[i].line);
        cr_expect(strstr(strand_error_message(), CASES[i].sentence) != NULL, "%s: %s",
                  CASES[i].line, strand_error_message());
    }
}

Test(bench_options, help_looks_at_nothing_else)
{
    cr_expect_eq(parse(BENCH_APPEND, "--rate 10 --final-sync --help"), STRAND_OK);
    cr_expect(options.help);
    cr_expect_eq(parse(BENCH_APPEND, "-h"), STRAND_OK);
    cr_expect(options.help);
}

Test(bench_options, quick_makes_everything_small)
{
    cr_assert_eq(parse(BENCH_PARTITIONS, "--quick --runs 50 --logs 1,10000"), STRAND_OK);
    cr_expect_eq(options.runs, 2);
    cr_expect_eq(options.logs.values[0], 1);
    cr_expect_lt(options.logs.values[1], 100);
    cr_expect_lt(options.bytes, 4 << 20);
    cr_assert_eq(parse(BENCH_COMMIT, "--quick --threads 1,16,64"), STRAND_OK);
    cr_expect_eq(options.threads.count, 2, "one case of what has become the same");
}

Test(bench_options, sides_are_whole_names)
{
    static const char *const NAMES[] = {"raw", "raw-synced"};

    cr_assert_eq(parse(BENCH_APPEND, "--sides raw-synced"), STRAND_OK);
    cr_expect_eq(bench_options_check_names("sides", "side", options.sides, NAMES, 2), STRAND_OK);
    cr_expect(bench_options_has_side(&options, "raw-synced", false));
    cr_expect_not(bench_options_has_side(&options, "raw", true));
    cr_assert_eq(parse(BENCH_APPEND, "--sides raw,fast"), STRAND_OK);
    cr_expect_eq(bench_options_check_names("sides", "side", options.sides, NAMES, 2),
                 STRAND_ERR_INVALID);
    cr_expect_str_eq(strand_error_message(),
                     "--sides: there is no side \"fast\" here, but raw, raw-synced");
    cr_assert_eq(parse(BENCH_APPEND, ""), STRAND_OK);
    cr_expect(bench_options_has_side(&options, "raw", true));
    cr_expect_not(bench_options_has_side(&options, "raw", false));
}

Test(bench_options, a_peer_that_is_not_in_the_build_is_refused_with_what_is_missing)
{
    static const struct bench_side THERE;
    static const struct bench_peer PEERS[] = {
        {"here", "libhere-dev", "", &THERE, NULL},
        {"absent", "libabsent-dev", "", NULL, NULL},
    };

    cr_expect_eq(bench_peers_check(PEERS, 2, NULL), STRAND_OK);
    cr_expect_eq(bench_peers_check(PEERS, 2, "here,other,absently,absen"), STRAND_OK);
    cr_assert_eq(bench_peers_check(PEERS, 2, "here,absent"), STRAND_ERR_INVALID);
    cr_expect_not_null(strstr(strand_error_message(), "--sides absent"));
    cr_expect_not_null(strstr(strand_error_message(), "libabsent-dev"));
}
