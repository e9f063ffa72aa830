/* bench/fixture.c -- Made with the side that writes are measured with. */
#include "bench/fixture.h"

#include <stdio.h>

#include "base/error.h"
#include "bench/measures.h"
#include "bench/side.h"
#include "bench/stop.h"
#include "strandline/engine.h"
#include "strandline/log.h"

static int
append_all(struct bench_fixture *fixture, int64_t batch_count)
{
    for (int64_t i = 0; i < batch_count; i++) {
        struct bench_batch *batch =
            &fixture->payload.batches[(size_t)i % fixture->payload.batch_count];

        for (size_t k = 0; k < batch->record_count; k++)
            batch->records[k].timestamp_ms = fixture->first_timestamp_ms + i;
        int status = bench_side_strandline.append(fixture->store, 0, batch);
        if (status != STRAND_OK)
            return status;
        if (bench_stop_is_wanted())
            return STRAND_END;
        fixture->end_offset += (int64_t)batch->record_count;
    }
    fixture->batch_count = batch_count;
    return bench_side_strandline.sync(fixture->store);
}

static int
open_store(const struct bench_job *job, const struct bench_case *one, struct bench_fixture *fixture)
{
    struct bench_options options = *job->options;
    const struct bench_setup setup = {
        .directory = fixture->directory,
        .log_count = 1,
        .bytes = options.bytes,
        .segment_bytes = one->segment_bytes,
        .payload = &fixture->payload,
        .options = &options,
    };

    options.durability = STRAND_WRITTEN;
    int status = bench_payload_create(&options, one, job->scratch, &fixture->payload);
    if (status == STRAND_OK)
        status = bench_scratch_make(job->scratch, fixture->directory);
    if (status == STRAND_OK)
        status = bench_side_strandline.open(&setup, &fixture->store);
    return status;
}

static int
close_fixture(struct bench_fixture *fixture)
{
    int status = bench_side_strandline.close(fixture->store);

    bench_payload_deinit(&fixture->payload);
    return status == STRAND_OK ? bench_tree_remove(fixture->directory) : status;
}

int
bench_fixture_use(const struct bench_job *job, bench_fixture_fn *use, void *context)
{
    struct bench_case one = bench_options_case(job->options, 0);
    struct bench_fixture fixture = {.store = NULL};
    int64_t bytes = job->options->bytes;
    char message[STRAND_ERROR_MESSAGE_SIZE_MAX];

    int status = bench_scratch_require(job->scratch, bytes + bytes / 4);
    if (status == STRAND_OK)
        status = open_store(job, &one, &fixture);
    if (status != STRAND_OK) {
        bench_payload_deinit(&fixture.payload);
        return status;
    }
    fixture.log = bench_strandline_log(fixture.store, 0);
    fixture.first_timestamp_ms = fixture.payload.records[0].timestamp_ms;
    status = append_all(&fixture, bytes / (int64_t)fixture.payload.batches[0].user_size);
    if (status == STRAND_OK)
        status = use(job, &fixture, context);
    if (status == STRAND_OK)
        return close_fixture(&fixture);
    (void)snprintf(message, sizeof message, "%s", strand_error_message());
    (void)close_fixture(&fixture); /* the failure before it is the one to tell */
    return status == STRAND_END ? status : strand_fail(status, "%s", message);
}
