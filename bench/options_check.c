/* bench/options_check.c -- Defaults, what goes together, and the cases that lists make. */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "bench/options_internal.h"
#include "bench/peers.h"
#include "strandline/engine.h"
#include "strandline/log.h"

enum {
    CASE_COUNT_MAX = 48,
    BATCH_BYTES_MAX = 64 << 20,
    BATCH_OVERHEAD_MAX = 4096,
    OTHERS = 9999,
    OF_ONE_CASE = BENCH_READ | BENCH_TAIL | BENCH_SEEK | BENCH_LIMITS,
};

/* ---- Defaults ---- */

static struct bench_list
list_of(int64_t value)
{
    return (struct bench_list){.values = {value}, .count = 1};
}

static void
set_writer_defaults(enum bench_measure_id measure, struct bench_options *options)
{
    if (measure == BENCH_COMMIT) {
        options->batch_records = list_of(1);
        options->threads = (struct bench_list){.values = {1, 4, 16, 64}, .count = 4};
        options->durability = STRAND_DURABLE;
        options->bytes = 64 << 20;
    } else if (measure == BENCH_ROLLS) {
        options->batch_records = list_of(1);
        options->segment_bytes = list_of(2 << 20); /* p99.99 sees who begins a file */
    } else if (measure == BENCH_PARTITIONS) {
        options->batch_records = list_of(1);
        options->logs = (struct bench_list){.values = {1, 100, 10000}, .count = 3};
        options->descriptors = 12000;
        options->bytes = 256 << 20;
    }
}

static void
set_reader_defaults(enum bench_measure_id measure, struct bench_options *options)
{
    options->batch_records = list_of(16);
    if (measure == BENCH_TAIL) {
        options->batch_records = list_of(1);
        options->rate = 1000;
        options->bytes = 64 << 20;
    } else if (measure == BENCH_SEEK) {
        options->batch_records = list_of(4);
        options->segment_bytes = list_of(64 << 20);
        options->bytes = 1 << 30;
    } else if (measure == BENCH_RECOVER) {
        options->bytes = 256 << 20;
    }
}

void
bench_options_init(enum bench_measure_id measure, struct bench_options *out_options)
{
    static const unsigned WRITERS =
        BENCH_APPEND | BENCH_COMMIT | BENCH_ROLLS | BENCH_PARTITIONS | BENCH_INDEX;

    *out_options = (struct bench_options){
        .dir = ".",
        .runs = 5,
        .seconds = 2,
        .record_bytes = list_of(1024),
        .batch_records = list_of(64),
        .threads = list_of(1),
        .logs = list_of(1),
        .bytes = 512 << 20,
        .segment_bytes = list_of(1 << 30),
        .codec = STRAND_CODEC_NONE,
        .durability = STRAND_WRITTEN,
        .preparation = STRAND_PREPARE_AUTO,
        .others = OTHERS,
    };
    if (measure == BENCH_COMPARE)
        out_options->bytes = INT64_C(2) << 30;
    else if ((WRITERS & (unsigned)measure) != 0)
        set_writer_defaults(measure, out_options);
    else
        set_reader_defaults(measure, out_options);
}

/* ---- What goes together ---- */

/* Is NAME, of SIZE, an item of LIST? */
static bool
is_listed(const char *list, const char *name, size_t size)
{
    for (;;) {
        size_t item_size = strcspn(list, ",");

        if (item_size == size && memcmp(list, name, size) == 0)
            return true;
        if (list[item_size] == '\0')
            return false;
        list += item_size + 1;
    }
}

static int64_t
list_max(const struct bench_list *list)
{
    int64_t max = list->values[0];

    for (size_t i = 1; i < list->count; i++)
        max = list->values[i] > max ? list->values[i] : max;
    return max;
}

static int64_t
list_min(const struct bench_list *list)
{
    int64_t min = list->values[0];

    for (size_t i = 1; i < list->count; i++)
        min = list->values[i] < min ? list->values[i] : min;
    return min;
}

static int
check_sizes(const struct bench_options *options)
{
    int64_t batch_bytes = list_max(&options->record_bytes) * list_max(&options->batch_records);

    if (batch_bytes > BATCH_BYTES_MAX)
        return strand_fail(STRAND_ERR_INVALID,
                           "--record-bytes and --batch-records make a batch of %" PRId64
                           " bytes; at most %d can be measured",
                           batch_bytes, BATCH_BYTES_MAX);
    if (batch_bytes > options->bytes)
        return strand_fail(STRAND_ERR_INVALID,
                           "--bytes %" PRId64 " is less than one batch, which has %" PRId64,
                           options->bytes, batch_bytes);
    if (batch_bytes + batch_bytes / 16 + BATCH_OVERHEAD_MAX > list_min(&options->segment_bytes))
        return strand_fail(STRAND_ERR_INVALID,
                           "--segment-bytes %" PRId64 " has no room for a batch of %" PRId64
                           " bytes",
                           list_min(&options->segment_bytes), batch_bytes);
    return STRAND_OK;
}

static bool
names_peer(const char *sides)
{
    for (size_t i = 0; i < BENCH_PEER_COUNT && sides != NULL; i++)
        if (is_listed(sides, bench_peers[i].name, strlen(bench_peers[i].name)))
            return true;
    return false;
}

static int
check_together(enum bench_measure_id measure, const struct bench_options *options)
{
    if (!strand_codec_is_available(options->codec))
        return strand_fail(STRAND_ERR_INVALID, "--codec %s: this build does not have it",
                           strand_codec_name(options->codec));
    if (options->level != 0 && options->codec == STRAND_CODEC_NONE)
        return strand_fail(STRAND_ERR_INVALID, "--level is a codec's: it needs --codec");
    if (options->rate > 0 && options->final_sync)
        return strand_fail(STRAND_ERR_INVALID, "--rate asks for latency, --final-sync for "
                                               "throughput: they do not go together");
    if (options->final_sync && options->durability == STRAND_DURABLE)
        return strand_fail(STRAND_ERR_INVALID, "--final-sync has nothing to do where every append "
                                               "is durable");
    if (measure == BENCH_COMPARE && bench_options_case_count(options) > 1)
        return strand_fail(STRAND_ERR_INVALID, "compare has a case for each of its works: one "
                                               "--record-bytes and one --segment-bytes at a time");
    if (((unsigned)measure & OF_ONE_CASE) != 0 && bench_options_case_count(options) > 1)
        return strand_fail(STRAND_ERR_INVALID, "this measurement has one case: one value for each "
                                               "option, not a list");
    if (options->others != OTHERS && options->beside != BENCH_BESIDE_DIRTY)
        return strand_fail(STRAND_ERR_INVALID, "--others are of --beside dirty");
    if (options->codec != STRAND_CODEC_NONE && names_peer(options->sides))
        return strand_fail(STRAND_ERR_INVALID, "--codec is of what Strandline stores: peers in "
                                               "--sides compress as they do by themselves");
    if (options->codec == STRAND_CODEC_NONE && options->sides != NULL &&
        is_listed(options->sides, "codec", strlen("codec")))
        return strand_fail(STRAND_ERR_INVALID, "--sides codec compresses: it needs --codec");
    if (options->beside != BENCH_BESIDE_NOTHING && list_max(&options->logs) > 1)
        return strand_fail(STRAND_ERR_INVALID,
                           "--beside measures one log: it does not go with "
                           "--logs %" PRId64,
                           list_max(&options->logs));
    if (options->unsynced_bytes_max > 0 && options->durability == STRAND_DURABLE &&
        options->beside != BENCH_BESIDE_BULK && measure != BENCH_PARTITIONS)
        return strand_fail(STRAND_ERR_INVALID, "--unsynced-bytes-max bounds appends that are not "
                                               "waited for: these are durable");
    if (options->limit_seconds > 0 && options->limit_seconds < options->seconds && !options->quick)
        return strand_fail(STRAND_ERR_INVALID,
                           "--limit-seconds %" PRId64 " ends before a run of --seconds %" PRId64
                           " can",
                           options->limit_seconds, options->seconds);
    if (bench_options_case_count(options) > CASE_COUNT_MAX)
        return strand_fail(STRAND_ERR_INVALID,
                           "the lists make %zu cases; at most %d can be "
                           "measured at a time",
                           bench_options_case_count(options), CASE_COUNT_MAX);
    return STRAND_OK;
}

/* No value above MAX; what becomes the same is left once. */
static void
cut_list(struct bench_list *list, int64_t max)
{
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++) {
        int64_t value = list->values[i] < max ? list->values[i] : max;

        if (count == 0 || list->values[count - 1] != value)
            list->values[count++] = value;
    }
    list->count = count;
}

static int64_t
smaller(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

/* So that everything happens once or twice: rolls, too. */
static void
make_quick(struct bench_options *options)
{
    int64_t batch_bytes = list_max(&options->record_bytes) * list_max(&options->batch_records);
    int64_t least = batch_bytes + batch_bytes / 16 + BATCH_OVERHEAD_MAX;

    options->runs = smaller(options->runs, 2);
    cut_list(&options->threads, 4);
    cut_list(&options->logs, 8);
    options->others = smaller(options->others, 8);
    options->bytes = smaller(options->bytes, 4 * least + (1 << 20));
    cut_list(&options->segment_bytes, least + (256 << 10));
}

int
bench_options_check(enum bench_measure_id measure, struct bench_options *options)
{
    int status = check_together(measure, options);

    if (status == STRAND_OK)
        status = check_sizes(options);
    if (status == STRAND_OK && options->quick)
        make_quick(options);
    return status;
}

/* ---- Cases ---- */

size_t
bench_options_case_count(const struct bench_options *options)
{
    return options->record_bytes.count * options->batch_records.count * options->threads.count *
           options->logs.count * options->segment_bytes.count;
}

/* The digit of *NUMBER that LIST stands for, taken off. */
static int64_t
take(const struct bench_list *list, size_t *number)
{
    int64_t value = list->values[*number % list->count];

    *number /= list->count;
    return value;
}

struct bench_case
bench_options_case(const struct bench_options *options, size_t number)
{
    struct bench_case one;

    strand_assert(number < bench_options_case_count(options));
    one.threads = take(&options->threads, &number);
    one.batch_records = take(&options->batch_records, &number);
    one.record_bytes = take(&options->record_bytes, &number);
    one.logs = take(&options->logs, &number);
    one.segment_bytes = take(&options->segment_bytes, &number);
    return one;
}

/* ---- Sides ---- */

bool
bench_options_has_side(const struct bench_options *options, const char *name, bool is_default)
{
    return options->sides != NULL ? is_listed(options->sides, name, strlen(name)) : is_default;
}

bool
bench_options_has_work(const struct bench_options *options, const char *name)
{
    return options->works == NULL || is_listed(options->works, name, strlen(name));
}

int
bench_options_check_names(const char *option, const char *kind, const char *list,
                          const char *const *names, size_t count)
{
    char known[256] = "";

    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(known);
        (void)snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    for (const char *rest = list; rest != NULL;) {
        size_t size = strcspn(rest, ",");
        bool is_known = false;

        for (size_t i = 0; i < count && !is_known; i++)
            is_known = strlen(names[i]) == size && memcmp(names[i], rest, size) == 0;
        if (!is_known)
            return strand_fail(STRAND_ERR_INVALID,
                               "--%s: there is no %s \"%.*s\" here, but "
                               "%s",
                               option, kind, (int)size, rest, known);
        rest = rest[size] == ',' ? rest + size + 1 : NULL;
    }
    return STRAND_OK;
}
