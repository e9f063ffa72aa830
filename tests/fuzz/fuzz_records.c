/* tests/fuzz/fuzz_records.c -- Any bytes as the records of a batch whose header is right.
 *
 *     codec and attributes 1 | last offset delta 1 | record count 1 | records, compressed or not
 *
 * Reading ends, records lie inside of what was decompressed, offsets ascend; a reader that leaves
 * headers out sees the same records.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fuzz/fuzz.h"
#include "storage/record_reader.h"

enum { HEAD = 3, RECORDS_MAX = 256 };

static uint8_t *
make_batch(const uint8_t *data, size_t size)
{
    size_t records_size = size - HEAD;
    uint8_t *batch = calloc(1, STRAND_BATCH_HEADER_SIZE + records_size);

    FUZZ_MUST(batch != NULL);
    strand_put_be64(batch + STRAND_BATCH_BASE_OFFSET, 1000);
    strand_put_be32(batch + STRAND_BATCH_LENGTH,
                    (uint32_t)(STRAND_BATCH_LENGTH_MIN + records_size));
    batch[STRAND_BATCH_MAGIC] = STRAND_BATCH_MAGIC_CURRENT;
    batch[STRAND_BATCH_ATTRIBUTES + 1] = data[0];
    strand_put_be32(batch + STRAND_BATCH_LAST_OFFSET_DELTA, data[1]);
    strand_put_be64(batch + STRAND_BATCH_BASE_TIMESTAMP, 1700000000000);
    strand_put_be64(batch + STRAND_BATCH_MAX_TIMESTAMP, 1700000000100);
    strand_put_be64(batch + STRAND_BATCH_PRODUCER_ID, UINT64_MAX);
    strand_put_be16(batch + STRAND_BATCH_PRODUCER_EPOCH, UINT16_MAX);
    strand_put_be32(batch + STRAND_BATCH_BASE_SEQUENCE, UINT32_MAX);
    strand_put_be32(batch + STRAND_BATCH_RECORD_COUNT, data[2]);
    memcpy(batch + STRAND_BATCH_HEADER_SIZE, data + HEAD, records_size);
    return batch;
}

/* Every byte is looked at, for the sanitizer. */
static uint32_t
sum(struct strand_bytes bytes)
{
    const uint8_t *data = bytes.data;
    uint32_t total = 0;

    for (size_t i = 0; i < bytes.size; i++)
        total += data[i];
    return total;
}

struct outcome {
    int status;
    size_t count;
    uint32_t sum; /* but for headers */
};

static struct outcome
read_all(const uint8_t *batch, bool skips_headers)
{
    struct outcome outcome = {.count = 0};
    struct strand_record_reader reader;
    struct strand_buffer space = {0};
    struct strand_record record;
    int64_t previous = -1;

    strand_record_reader_init(&reader);
    reader.skip_headers = skips_headers;
    outcome.status = strand_record_reader_open(&reader, batch, fuzz_codecs(), &space);
    while (outcome.status == STRAND_OK &&
           (outcome.status = strand_record_reader_next(&reader, &record)) == STRAND_OK) {
        FUZZ_MUST(record.offset > previous && record.offset >= 1000);
        FUZZ_MUST(record.offset < strand_batch_end_offset(batch));
        FUZZ_MUST(outcome.count < RECORDS_MAX);
        previous = record.offset;
        outcome.count++;
        outcome.sum += sum(record.key) + sum(record.value) + (uint32_t)record.timestamp_ms;
        for (size_t i = 0; i < record.header_count; i++)
            (void)(sum(record.headers[i].key) + sum(record.headers[i].value));
    }
    if (outcome.status == STRAND_ERR_BATCH && outcome.count > 0) /* and stays there */
        FUZZ_MUST(strand_record_reader_next(&reader, &record) != STRAND_OK);
    strand_record_reader_deinit(&reader);
    free(space.data);
    return outcome;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD)
        return 0;
    uint8_t *batch = make_batch(data, size);
    if (strand_batch_check_header(batch, STRAND_BATCH_HEADER_SIZE + size - HEAD) == STRAND_OK) {
        struct outcome all = read_all(batch, false);
        struct outcome fast = read_all(batch, true);

        FUZZ_MUST(all.status == fast.status && all.count == fast.count && all.sum == fast.sum);
    }
    free(batch);
    return 0;
}

bool
fuzz_make_seed(unsigned number, struct strand_buffer *out)
{
    struct strand_buffer batch = {0};
    int codec = (int)(number / 2);
    size_t count = number % 2 == 0 ? 2 : 24;

    if (number >= 2 * (STRAND_CODEC_ZSTD + 1))
        return false;
    codec = strand_codec_is_available(codec) != 0 ? codec : STRAND_CODEC_NONE;
    uint8_t head[HEAD] = {(uint8_t)codec, (uint8_t)(count - 1), (uint8_t)count};
    fuzz_put_batch(&batch, codec, 0, count);
    fuzz_put(out, head, sizeof head);
    fuzz_put(out, batch.data + STRAND_BATCH_HEADER_SIZE, batch.size - STRAND_BATCH_HEADER_SIZE);
    free(batch.data);
    return true;
}
