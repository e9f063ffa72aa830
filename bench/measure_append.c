/* bench/measure_append.c -- append, commit, rolls and index: the same, with other defaults and
 * other sides.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"
#include "bench/histogram.h"
#include "bench/measures.h"
#include "bench/peers.h"
#include "bench/scratch.h"
#include "bench/writing.h"
#include "strandline/engine.h"

enum { BESIDE_SPARE_BYTES = 1 << 30 };

struct entry {
    const char *name;
    const struct bench_side *side;
    bool is_default;
    int32_t index; /* enum strand_index_kind; STRAND_INDEX_AUTO: what the options say */
};

/* Everything that a match of appends needs while it runs. */
struct field {
    const struct bench_job *job;
    struct bench_histogram *latency;
    struct bench_payload *payloads; /* one for each case */
    size_t payload_count;
    struct bench_writing *writings;
    struct bench_contestant *contestants;
    size_t contestant_count;
};

static const struct bench_side *
beside(const struct bench_job *job)
{
    switch ((enum bench_beside)job->options->beside) {
    case BENCH_BESIDE_BULK:
        return &bench_side_beside_bulk;
    case BENCH_BESIDE_DIRTY:
        return &bench_side_beside_dirty;
    case BENCH_BESIDE_NOTHING:
        break;
    }
    return NULL;
}

static void
add_contestant(struct field *field, const struct entry *entry, size_t case_number)
{
    struct bench_writing *writing = &field->writings[field->contestant_count];
    struct bench_contestant *contestant = &field->contestants[field->contestant_count++];
    const struct bench_options *options = field->job->options;

    *writing = (struct bench_writing){
        .job = field->job,
        .side = entry->side,
        .options = *options,
        .one = bench_options_case(options, case_number),
        .payload = &field->payloads[case_number],
        .latency = field->latency,
        .is_fine = field->job->measure->id == BENCH_ROLLS,
    };
    if (entry->index != STRAND_INDEX_AUTO)
        writing->options.index = entry->index;
    *contestant = (struct bench_contestant){
        .side = entry->name,
        .case_number = case_number,
        .run = bench_writing_run,
        .context = writing,
    };
    bench_job_describe(field->job, &writing->one, &contestant->conditions);
    bench_conditions_add_number(&contestant->conditions, "stored_bytes",
                                (int64_t)writing->payload->batches[0].encoded_size);
    if (options->final_sync)
        bench_conditions_add_text(&contestant->conditions, "clock", "until all is durable");
    if (entry->side == &bench_side_beside_dirty)
        bench_conditions_add_number(&contestant->conditions, "other_logs", options->others);
}

static int
check_syncs(const struct field *field)
{
    for (size_t i = 0; i < field->contestant_count && field->job->options->final_sync; i++)
        if (field->writings[i].side->sync == NULL)
            return strand_fail(STRAND_ERR_INVALID, "--final-sync: %s has no call that syncs",
                               field->writings[i].side->name);
    return STRAND_OK;
}

/* Where peers can be asked the same. */
static bool
is_with_peers(enum bench_measure_id measure)
{
    return measure == BENCH_APPEND || measure == BENCH_COMMIT || measure == BENCH_ROLLS;
}

static void
add_peers(struct field *field, size_t case_number)
{
    const struct bench_options *options = field->job->options;

    for (size_t i = 0; i < BENCH_PEER_COUNT && is_with_peers(field->job->measure->id); i++) {
        const struct bench_side *side = bench_peers[i].side;
        const struct entry entry = {bench_peers[i].name, side, false, STRAND_INDEX_AUTO};

        if (side != NULL && bench_options_has_side(options, entry.name, false))
            add_contestant(field, &entry, case_number);
    }
}

static void
add_case(struct field *field, size_t case_number)
{
    const struct bench_options *options = field->job->options;
    const struct bench_side *other = beside(field->job);
    const struct bench_side *strandline = &bench_side_strandline;
    bool is_index = field->job->measure->id == BENCH_INDEX;
    /* What has other work beside it comes first: told is how much worse it is than alone. */
    const struct entry ENTRIES[] = {
        {other != NULL ? other->name : "", other, true, STRAND_INDEX_AUTO},
        {strandline->name, is_index ? NULL : strandline, true, STRAND_INDEX_AUTO},
        {"raw", is_index ? NULL : &bench_side_raw, other == NULL, STRAND_INDEX_AUTO},
        {"raw-synced", is_index ? NULL : &bench_side_raw_synced, false, STRAND_INDEX_AUTO},
        {"codec", is_index ? NULL : &bench_side_codec, false, STRAND_INDEX_AUTO},
        {"lmdb", is_index ? strandline : NULL, true, STRAND_INDEX_LMDB},
        {"memory", is_index ? strandline : NULL, false, STRAND_INDEX_MEMORY},
        {"none", is_index ? strandline : NULL, true, STRAND_INDEX_NONE},
    };

    for (size_t i = 0; i < sizeof ENTRIES / sizeof ENTRIES[0]; i++) {
        const struct entry *entry = &ENTRIES[i];

        if (entry->side != NULL &&
            (entry->side == other ||
             bench_options_has_side(options, entry->name, entry->is_default)))
            add_contestant(field, entry, case_number);
    }
    add_peers(field, case_number);
}

static int
prepare(struct field *field)
{
    const struct bench_options *options = field->job->options;
    size_t case_count = bench_options_case_count(options);
    size_t contestant_max = case_count * BENCH_SIDES_MAX;

    field->latency = calloc(1, sizeof *field->latency);
    field->payloads = calloc(case_count, sizeof *field->payloads);
    field->writings = calloc(contestant_max, sizeof *field->writings);
    field->contestants = calloc(contestant_max, sizeof *field->contestants);
    if (field->latency == NULL || field->payloads == NULL || field->writings == NULL ||
        field->contestants == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory for a measurement");
    for (size_t i = 0; i < case_count; i++) {
        struct bench_case one = bench_options_case(options, i);

        int status = bench_payload_create(options, &one, field->job->scratch, &field->payloads[i]);
        if (status != STRAND_OK)
            return status;
        field->payload_count = i + 1;
        add_case(field, i);
    }
    return check_syncs(field);
}

static void
discard(struct field *field)
{
    for (size_t i = 0; i < field->payload_count; i++)
        bench_payload_deinit(&field->payloads[i]);
    free(field->latency);
    free(field->payloads);
    free(field->writings);
    free(field->contestants);
}

int
bench_run_append(const struct bench_job *job)
{
    struct field field = {.job = job};
    int64_t bytes = job->options->bytes + job->options->bytes / 4;

    if (job->options->beside != BENCH_BESIDE_NOTHING && !job->options->quick)
        bytes += BESIDE_SPARE_BYTES;
    int status = bench_scratch_require(job->scratch, bytes);
    if (status == STRAND_OK)
        status = prepare(&field);
    if (status == STRAND_OK)
        status = bench_scratch_warm(job->scratch, job->options->bytes);
    if (status == STRAND_OK)
        status =
            bench_job_finish(job, field.contestants, field.contestant_count, BENCH_COMPARES_ALL);
    discard(&field);
    return status;
}
