/* bench/payload.c -- Records are made here, their encoding is the library's own. */
#include "bench/payload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "bench/options.h"
#include "bench/scratch.h"
#include "strandline/engine.h"
#include "strandline/log.h"

enum { BATCHES_MAX = 16, BATCHES_BYTES_MAX = 1 << 20, MESSAGE_BYTES_DEFAULT = 1048588 };

/* ---- Text ---- */

static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

void
bench_text_fill(uint8_t *text, size_t size, uint64_t *state)
{
    static const char *const EVENTS[] = {"viewed", "added to cart", "bought", "returned", "asked"};
    size_t done = 0;

    while (done < size) {
        char line[256];
        uint64_t noise = next_random(state);
        uint64_t more = next_random(state);
        int made = snprintf(line, sizeof line,
                            "{\"id\":\"%016" PRIx64 "\",\"customer\":%u,\"event\":\"%s\","
                            "\"amount\":%u.%02u,\"session\":\"%012" PRIx64 "\"}\n",
                            noise, (unsigned)(more % 1000000), EVENTS[more % 5],
                            (unsigned)(noise % 500), (unsigned)(noise / 500 % 100), more >> 16);
        size_t taken = (size_t)made < size - done ? (size_t)made : size - done;

        memcpy(text + done, line, taken);
        done += taken;
    }
}

/* ---- Records ---- */

static int
allocate(const struct bench_case *one, struct bench_payload *payload)
{
    size_t batch_records = (size_t)one->batch_records;
    size_t batch_size = batch_records * (size_t)one->record_bytes; /* checked: 64 MiB at most */
    size_t count = BATCHES_BYTES_MAX / batch_size;

    payload->batch_count = count < 1 ? 1 : count > BATCHES_MAX ? BATCHES_MAX : count;
    payload->batches = calloc(payload->batch_count, sizeof *payload->batches);
    payload->values = malloc(payload->batch_count * batch_size);
    payload->records = calloc(payload->batch_count * batch_records, sizeof *payload->records);
    if (payload->batches == NULL || payload->values == NULL || payload->records == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory for the records to append");
    size_t most = batch_size + batch_size / 16 + batch_records * 64 + 4096;
    payload->message_bytes_max =
        most > MESSAGE_BYTES_DEFAULT ? (int32_t)most : MESSAGE_BYTES_DEFAULT;
    return STRAND_OK;
}

static void
fill(const struct bench_case *one, struct bench_payload *payload)
{
    size_t batch_records = (size_t)one->batch_records;
    size_t record_size = (size_t)one->record_bytes;
    int64_t now_ms = (int64_t)time(NULL) * 1000;
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

    bench_text_fill(payload->values, payload->batch_count * batch_records * record_size, &state);
    for (size_t i = 0; i < payload->batch_count * batch_records; i++) {
        payload->records[i].timestamp_ms = now_ms;
        payload->records[i].value = strand_bytes(payload->values + i * record_size, record_size);
    }
    for (size_t i = 0; i < payload->batch_count; i++) {
        payload->batches[i].records = payload->records + i * batch_records;
        payload->batches[i].record_count = batch_records;
        payload->batches[i].user_size = batch_records * record_size;
    }
}

/* ---- Bytes ---- */

static int
copy_encoded(struct strand_log *log, int64_t offset, struct bench_batch *batch)
{
    const struct strand_fetch_options options = {
        .struct_size = sizeof options, .isolation = STRAND_READ_WRITTEN, .max_bytes = 1};
    struct strand_fetch fetch;

    int status = strand_log_fetch(log, offset, &options, &fetch);
    if (status != STRAND_OK)
        return status;
    batch->encoded = malloc(fetch.size);
    batch->encoded_size = fetch.size;
    if (batch->encoded == NULL)
        status = strand_fail(STRAND_ERR_NO_MEMORY, "no memory for encoded batches");
    else
        memcpy(batch->encoded, fetch.data, fetch.size);
    strand_fetch_release(&fetch);
    return status;
}

static int
encode(struct strand_log *log, struct bench_payload *payload)
{
    const struct strand_append_options written = {.struct_size = sizeof written,
                                                  .durability = STRAND_WRITTEN};

    for (size_t i = 0; i < payload->batch_count; i++) {
        struct bench_batch *batch = &payload->batches[i];
        struct strand_appended appended;

        int status =
            strand_log_append(log, batch->records, batch->record_count, &written, &appended);
        if (status == STRAND_OK)
            status = copy_encoded(log, appended.base_offset, batch);
        if (status != STRAND_OK)
            return status;
    }
    return STRAND_OK;
}

static int
encode_in(const char *directory, const struct bench_options *options, struct bench_payload *payload)
{
    const struct strand_log_options log_options = {
        .struct_size = sizeof log_options,
        .codec = options->codec,
        .compression_level = (int32_t)options->level,
        .max_message_bytes = payload->message_bytes_max,
    };
    struct strand_engine *engine = NULL;
    struct strand_log *log = NULL;

    int status = strand_engine_open(directory, NULL, &engine);
    if (status == STRAND_OK)
        status = strand_log_open(engine, "payload", 0, &log_options, &log);
    if (status == STRAND_OK)
        status = encode(log, payload);
    /* What it holds has been copied; a failure before is the one to tell. */
    (void)strand_log_close(log);
    (void)strand_engine_close(engine);
    return status;
}

int
bench_payload_create(const struct bench_options *options, const struct bench_case *one,
                     struct bench_scratch *scratch, struct bench_payload *out_payload)
{
    struct bench_payload payload = {.batch_count = 0};
    char directory[BENCH_PATH_SIZE];

    int status = allocate(one, &payload);
    if (status == STRAND_OK) {
        fill(one, &payload);
        status = bench_scratch_make(scratch, directory);
    }
    if (status == STRAND_OK)
        status = encode_in(directory, options, &payload);
    if (status == STRAND_OK)
        status = bench_tree_remove(directory);
    if (status != STRAND_OK) {
        bench_payload_deinit(&payload);
        return status;
    }
    *out_payload = payload;
    return STRAND_OK;
}

void
bench_payload_deinit(struct bench_payload *payload)
{
    for (size_t i = 0; payload->batches != NULL && i < payload->batch_count; i++)
        free(payload->batches[i].encoded);
    free(payload->batches);
    free(payload->values);
    free(payload->records);
    *payload = (struct bench_payload){.batch_count = 0};
}
