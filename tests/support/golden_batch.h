/* tests/support/golden_batch.h -- Batches whose bytes were computed from Kafka's format by hand,
 * and small tools to change batches.
 */
#ifndef STRAND_TESTS_GOLDEN_BATCH_H
#define STRAND_TESTS_GOLDEN_BATCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "storage/batch.h"

/* As a client sends it: key "k", value "v", timestamp 1000. */
static const char GOLDEN_CLIENT[] =
    "00000000000000000000003affffffff02716a618900000000000000000000000003e800000000000003e8"
    "ffffffffffffffffffffffffffff0000000110000000026b027600";

/* Offset 100, epoch 7: null key, value "a"; 5 ms later key "k", null value, headers h="x", n=null.
 */
static const char GOLDEN_HEADERS[] =
    "00000000000000640000004800000007029719140f0000000000010000018bcfe568000000018bcfe56805"
    "ffffffffffffffffffffffffffff000000020e000000010261001c000a02026b010402680278026e01";

/* Commit marker at offset 10 of producer 42, epoch 3, by coordinator epoch 9. */
static const char GOLDEN_COMMIT[] =
    "000000000000000a0000004200000005022f182b2700300000000000000000000003e800000000000003e8"
    "000000000000002a0003ffffffff000000012000000008000000010c00000000000900";

/* Compacted away: offsets 20 to 24 of producer 42. */
static const char GOLDEN_EMPTY[] =
    "0000000000000014000000310000000502209c6123000000000004ffffffffffffffff00000000000004d2"
    "000000000000002a00030000001100000000";

struct golden_batch {
    uint8_t *data; /* exactly SIZE bytes from malloc(), so that ASan sees a byte too far */
    size_t size;
};

static inline struct golden_batch
golden_batch_make(const char *hex)
{
    struct golden_batch batch = {.size = strlen(hex) / 2};

    batch.data = malloc(batch.size);
    if (batch.data == NULL)
        abort();
    for (size_t i = 0; i < batch.size; i++) {
        unsigned byte;
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
            abort();
        batch.data[i] = (uint8_t)byte;
    }
    return batch;
}

static inline void
golden_batch_free(struct golden_batch *batch)
{
    free(batch->data);
}

/* A batch with the header of HEADER and the SIZE bytes of RECORDS, its length and CRC right. */
static inline struct golden_batch
golden_batch_with_records(const struct golden_batch *header, const void *records, size_t size)
{
    struct golden_batch batch = {.size = STRAND_BATCH_HEADER_SIZE + size};

    batch.data = malloc(batch.size);
    if (batch.data == NULL)
        abort();
    memcpy(batch.data, header->data, STRAND_BATCH_HEADER_SIZE);
    if (size > 0)
        memcpy(batch.data + STRAND_BATCH_HEADER_SIZE, records, size);
    strand_put_be32(batch.data + STRAND_BATCH_LENGTH,
                    (uint32_t)(batch.size - STRAND_BATCH_OVERHEAD_SIZE));
    return batch;
}

static inline void
golden_batch_fix_crc(uint8_t *batch, size_t size)
{
    strand_put_be32(batch + STRAND_BATCH_CRC, strand_crc32c(0, batch + STRAND_BATCH_CRC_START,
                                                            size - STRAND_BATCH_CRC_START));
}

/* The same numbers in every run (xorshift64*). */
static inline uint64_t
golden_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545F4914F6CDD1D) >> 16;
}

#endif
