/* tests/crash/nth_codec.c -- Records with headers are compressed by each codec, and read. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "nth_internal.h"
#include "nth_look.h"

enum { BATCHES = 4, RECORDS = 3, HEADERS = 2, VALUE_SIZE = 700, FEW = 5 };

static const char *const CODECS[] = {
    [STRAND_CODEC_GZIP] = "gzip",
    [STRAND_CODEC_SNAPPY] = "snappy",
    [STRAND_CODEC_LZ4] = "lz4",
    [STRAND_CODEC_ZSTD] = "zstd",
};
enum { CODEC_COUNT = sizeof CODECS / sizeof *CODECS };

/* One batch, once more when it was refused and may then succeed; whether it was appended. */
static bool
append(const struct nth_trial *trial, struct strand_log *log, char letter)
{
    struct strand_header headers[HEADERS] = {{strand_bytes("trace", 5), strand_bytes("1", 1)},
                                             {strand_bytes("span", 4), strand_bytes("2", 1)}};
    struct strand_record records[RECORDS] = {{.offset = 0}};
    char value[VALUE_SIZE];

    memset(value, letter, sizeof value);
    for (size_t i = 0; i < RECORDS; i++) {
        records[i].value = strand_bytes(value, sizeof value);
        records[i].headers = headers;
        records[i].header_count = HEADERS;
        records[i].timestamp_ms = 1;
    }
    int status = strand_log_append(log, records, RECORDS, NULL, NULL);
    if (status != STRAND_OK) {
        nth_check_status(trial, status, strand_error_message(), "strand_log_append");
        if (trial->source->is_once)
            status = strand_log_append(log, records, RECORDS, NULL, NULL);
        if (status != STRAND_OK && trial->source->is_once)
            nth_fail(trial, "an append, once more, gives %d: %s", status, strand_error_message());
    }
    return status == STRAND_OK;
}

/* false: there is no such codec.  *OUT_COUNT is how many batches were appended. */
static bool
write_log(const struct nth_trial *trial, struct strand_sim_disk *disk, int32_t codec,
          bool *out_is_struck, int *out_count)
{
    struct strand_engine_options options = {.struct_size = sizeof options,
                                            .flags = STRAND_ENGINE_NO_THREADS,
                                            .fs = strand_sim_disk_fs(disk)};
    struct strand_log_options log_options = {.struct_size = sizeof log_options, .codec = codec};
    struct strand_engine *engine = NULL;
    struct strand_log *log = NULL;

    int status = strand_engine_open(CRASHTEST_DIRECTORY, &options, &engine);
    strand_assert(status == STRAND_OK);
    status = strand_log_open(engine, crashtest_topics[0], 0, &log_options, &log);
    strand_assert(status == STRAND_OK || status == STRAND_ERR_CODEC);
    trial->source->arm(disk, trial->nth);
    for (int i = 0; i < BATCHES && status == STRAND_OK; i++)
        *out_count += append(trial, log, (char)('a' + i));
    *out_is_struck = trial->source->disarm(disk, trial->nth);
    (void)strand_log_close(log);
    int closed = strand_engine_close(engine);
    strand_assert(closed == STRAND_OK);
    return status == STRAND_OK;
}

static struct nth_look
read_log(const struct nth_source *source, struct strand_sim_disk *disk)
{
    struct nth_look look = {.fs = strand_sim_disk_fs(disk),
                            .options = {.flags = STRAND_ENGINE_NO_THREADS},
                            .tries_again = source != NULL && source->is_once};

    nth_look(&look);
    return look;
}

/* What was appended is read, undisturbed and disturbed. */
static bool
check_reads(const struct nth_trial *trial, struct strand_sim_disk *disk, int appended)
{
    const uint64_t expected = (uint64_t)appended * RECORDS * 3; /* a look reads all in three ways */
    struct nth_look truth = read_log(NULL, disk);

    if (truth.has_failed || truth.records != expected)
        nth_fail(trial, "%" PRIu64 " records are read, not %" PRIu64 ": %s", truth.records,
                 expected, truth.sentence);
    trial->source->arm(disk, trial->nth);
    struct nth_look look = read_log(trial->source, disk);
    bool is_struck = trial->source->disarm(disk, trial->nth);
    if (look.complaint[0] != '\0')
        nth_fail(trial, "%s", look.complaint);
    if (look.has_failed)
        nth_check_status(trial, look.status, look.sentence, look.about);
    if ((trial->source->is_once || !look.has_failed) && look.digest != truth.digest)
        nth_fail(trial, "%" PRIu64 " records are read, not %" PRIu64 ", or others; %s: %s",
                 look.records, truth.records, look.about, look.sentence);
    return is_struck;
}

static bool
try_codec(struct nth_trial *trial, int32_t codec)
{
    struct nth_past past;
    struct strand_sim_record record = {.events = NULL};
    bool is_written_struck = false, is_read_struck = false;
    int appended = 0;

    nth_past_create(trial, &past, &record);
    bool is_there = write_log(trial, past.disk, codec, &is_written_struck, &appended);
    nth_past_end(&past, &record);
    if (is_there)
        is_read_struck = check_reads(trial, past.disk, appended);
    strand_sim_disk_destroy(past.disk);
    nth_counts.faults += (uint64_t)is_written_struck + is_read_struck;
    return is_written_struck || is_read_struck;
}

void
nth_codecs(const struct nth_source *source)
{
    for (int32_t codec = STRAND_CODEC_GZIP; codec < CODEC_COUNT; codec++) {
        struct nth_trial trial =
            nth_trial(CODECS[codec], &crashtest_workloads[0], NTH_PLAIN, source);
        bool is_struck = true;

        for (trial.nth = 1; is_struck; trial.nth += nth_does_all() ? 1 : FEW)
            is_struck = try_codec(&trial, codec);
    }
}
