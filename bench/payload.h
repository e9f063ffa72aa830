/* bench/payload.h -- What is appended: the same records, and the same bytes, on every side.
 *
 * The values are lines of JSON, which compress about as logs of programs do, cut to size.  A few
 * batches take turns, so that a compressor meets different ones; together they fit into a cache, as
 * what a program has just made does.
 */
#ifndef STRAND_BENCH_PAYLOAD_H
#define STRAND_BENCH_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "strandline/record.h"
#include "strandline/status.h"

struct bench_case;
struct bench_options;
struct bench_scratch;

struct bench_batch {
    struct strand_record *records; /* their values too are owned by the payload */
    size_t record_count;
    size_t user_size; /* of the values */
    uint8_t *encoded; /* as Strandline stores it, compressed if so asked */
    size_t encoded_size;
};

struct bench_payload {
    struct bench_batch *batches;
    size_t batch_count;
    uint8_t *values;
    struct strand_record *records;
    int32_t message_bytes_max; /* enough for each of them */
};

/* The bytes are made by appending to a log in SCRATCH, and fetching. */
STRAND_MUST_USE int bench_payload_create(const struct bench_options *options,
                                         const struct bench_case *one,
                                         struct bench_scratch *scratch,
                                         struct bench_payload *out_payload);
void bench_payload_deinit(struct bench_payload *payload);

/* Fill TEXT with SIZE bytes of such lines, made from *STATE (not 0). */
void bench_text_fill(uint8_t *text, size_t size, uint64_t *state);

#endif
