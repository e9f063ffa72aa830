/* tests/unit/test_batch_random.c -- Properties of batches over generated records, and of the reader
 * over batches that were spoilt.  The seeds are fixed: every run is the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/buffer_pool.h"
#include "storage/batch.h"
#include "storage/compression.h"
#include "storage/record_reader.h"
#include "strandline/log.h"
#include "support/golden_batch.h"
#include "support/record_check.h"

enum { RECORDS_MAX = 64, HEADERS_MAX = 4 };

static struct strand_codec_pool *codecs;
static struct strand_buffer scratch, out, decompressed;
static struct strand_record_reader reader;
static const struct strand_batch_encoding AS_GIVEN = {.keep_offsets = true,
                                                      .keep_timestamps = true};

static void
create_buffers(void)
{
    cr_assert_eq(strand_codec_pool_create(&codecs), STRAND_OK);
    strand_record_reader_init(&reader);
}

static void
free_buffers(void)
{
    strand_record_reader_deinit(&reader);
    strand_codec_pool_destroy(codecs);
    free(scratch.data);
    free(out.data);
    free(decompressed.data);
}

TestSuite(batch_random, .init = create_buffers, .fini = free_buffers);

static int
encode(const struct strand_batch_header *header, const struct strand_record *records, size_t count,
       const struct strand_batch_encoding *encoding)
{
    return strand_batch_encode(header, records, count, encoding, codecs, &scratch, &out);
}

struct world {
    uint64_t state;
    struct strand_record records[RECORDS_MAX];
    struct strand_header headers[RECORDS_MAX][HEADERS_MAX];
    size_t count;
    char pool[4096];
};

static struct strand_bytes
random_bytes(struct world *world, bool may_be_null)
{
    static const size_t SIZES[] = {0, 1, 2, 10, 62, 63, 64, 65, 127, 128, 1000};
    uint64_t choice = golden_random(&world->state);

    if (may_be_null && choice % 7 == 0)
        return strand_bytes(NULL, 0);
    return strand_bytes(world->pool + choice % 1000, SIZES[choice / 7 % 11]);
}

static int64_t
random_timestamp(struct world *world, int64_t base)
{
    uint64_t choice = golden_random(&world->state);

    if (choice % 10 == 0)
        return choice % 20 == 0 ? -1 : 0;
    return base + (int64_t)((choice >> 8) >> (choice % 40));
}

static void
make_world(struct world *world, uint64_t seed, struct strand_batch_header *header, int codec)
{
    world->state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    for (size_t i = 0; i < sizeof world->pool; i++)
        world->pool[i] = (char)(golden_random(&world->state) % (i % 3 == 0 ? 256 : 4));
    world->count = 1 + golden_random(&world->state) % RECORDS_MAX;
    strand_batch_header_init(header, NULL, 0, codec, STRAND_CREATE_TIME, 0);
    header->base_offset = (int64_t)(golden_random(&world->state) >> seed % 40);
    header->base_timestamp_ms = 1700000000000;

    int64_t offset = header->base_offset;
    for (size_t i = 0; i < world->count; i++) {
        struct strand_record *record = &world->records[i];
        *record = (struct strand_record){.offset = offset,
                                         .timestamp_ms = random_timestamp(world, 1700000000000),
                                         .key = random_bytes(world, true),
                                         .value = random_bytes(world, true),
                                         .headers = world->headers[i],
                                         .header_count = golden_random(&world->state) % 9};
        if (record->header_count > HEADERS_MAX)
            record->header_count = 0;
        for (size_t j = 0; j < record->header_count; j++)
            world->headers[i][j] =
                (struct strand_header){random_bytes(world, false), random_bytes(world, true)};
        header->last_offset_delta = (int32_t)(offset - header->base_offset);
        offset += 1 + (int64_t)(golden_random(&world->state) % (seed % 2 == 0 ? 1 : 1000));
    }
}

Test(batch_random, random_records_come_back_equal_without_compression)
{
    static struct world world;
    struct strand_batch_header header;

    for (uint64_t seed = 0; seed < 1000; seed++) {
        make_world(&world, seed, &header, STRAND_CODEC_NONE);
        cr_assert_eq(encode(&header, world.records, world.count, &AS_GIVEN), STRAND_OK,
                     "seed %d: %s", (int)seed, strand_error_message());
        record_check_batch(&out, world.records, world.count);
    }
}

Test(batch_random, random_records_come_back_equal_at_every_lz4_level)
{
    static struct world world;
    struct strand_batch_header header;

    for (int level = 0; level <= 17; level++) {
        const struct strand_batch_encoding encoding = {
            .compression_level = level, .keep_offsets = true, .keep_timestamps = true};
        for (uint64_t seed = 0; seed < 20; seed++) {
            make_world(&world, seed, &header, STRAND_CODEC_LZ4);
            cr_assert_eq(encode(&header, world.records, world.count, &encoding), STRAND_OK,
                         "level %d, seed %d: %s", level, (int)seed, strand_error_message());
            cr_assert_eq(strand_batch_attributes(out.data), STRAND_CODEC_LZ4);
            record_check_batch(&out, world.records, world.count);
        }
    }
}

Test(batch_random, size_function_equals_what_is_encoded)
{
    static struct world world;
    struct strand_batch_header header;

    for (uint64_t seed = 0; seed < 300; seed++) {
        size_t size = STRAND_BATCH_HEADER_SIZE;
        make_world(&world, seed, &header, STRAND_CODEC_NONE);
        for (size_t i = 0; i < world.count; i++)
            size += strand_record_encoded_size(
                &world.records[i], world.records[i].timestamp_ms - header.base_timestamp_ms,
                (int32_t)(world.records[i].offset - header.base_offset));
        cr_assert_eq(encode(&header, world.records, world.count, &AS_GIVEN), STRAND_OK);
        cr_assert_eq(out.size, size, "seed %d", (int)seed);
    }
}

/* Whatever the header and the records say, reading ends, and in a way that is announced. */
static void
read_mutant(const struct golden_batch *batch)
{
    struct strand_control_record control;
    struct strand_record record;
    int64_t max_timestamp;

    golden_batch_fix_crc(batch->data, batch->size);
    if (strand_batch_check(batch->data, batch->size) != STRAND_OK)
        return;
    int status = strand_record_reader_open(&reader, batch->data, codecs, &decompressed);
    for (int i = 0; status == STRAND_OK; i++) {
        status = strand_record_reader_next(&reader, &record);
        cr_assert_leq(i, strand_batch_record_count(batch->data));
        if (status == STRAND_OK) {
            int decoded = strand_control_record_decode(&record, &control);
            cr_assert(decoded == STRAND_OK || decoded == STRAND_ERR_BATCH);
        }
    }
    cr_assert(status == STRAND_END || status == STRAND_ERR_BATCH || status == STRAND_ERR_CODEC,
              "status %d", status);
    status = strand_batch_check_produced(batch->data, codecs, &decompressed, &max_timestamp);
    cr_assert(status == STRAND_OK || status == STRAND_ERR_BATCH || status == STRAND_ERR_CODEC,
              "status %d", status);
}

/* OUT in a block of exactly its size, so that ASan sees a byte read too far. */
static struct golden_batch
copy_out(void)
{
    struct golden_batch batch = {.data = malloc(out.size), .size = out.size};

    memcpy(batch.data, out.data, out.size);
    return batch;
}

static void
read_with_every_bit_flipped(struct golden_batch *batch)
{
    for (size_t bit = 8 * STRAND_BATCH_CRC_START; bit < 8 * batch->size; bit++) {
        batch->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        read_mutant(batch);
        batch->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    golden_batch_free(batch);
}

Test(batch_random, bit_flips_under_a_right_crc_never_break_the_reader)
{
    static const char *const GOLDEN[] = {GOLDEN_CLIENT, GOLDEN_HEADERS, GOLDEN_COMMIT,
                                         GOLDEN_EMPTY};
    static struct world world;
    struct strand_batch_header header;

    for (size_t i = 0; i < sizeof GOLDEN / sizeof GOLDEN[0]; i++) {
        struct golden_batch batch = golden_batch_make(GOLDEN[i]);
        read_with_every_bit_flipped(&batch);
    }
    for (int codec = STRAND_CODEC_NONE; codec <= STRAND_CODEC_LZ4; codec += STRAND_CODEC_LZ4) {
        make_world(&world, 6, &header, codec);
        cr_assert_eq(encode(&header, world.records, world.count < 4 ? world.count : 4, &AS_GIVEN),
                     STRAND_OK);
        struct golden_batch batch = copy_out();
        read_with_every_bit_flipped(&batch);
    }
}

Test(batch_random, spoilt_bytes_under_a_right_crc_never_break_the_reader)
{
    static struct world world;
    struct strand_batch_header header;

    for (uint64_t seed = 0; seed < 200; seed++) {
        make_world(&world, seed, &header, seed % 2 == 0 ? STRAND_CODEC_NONE : STRAND_CODEC_LZ4);
        cr_assert_eq(encode(&header, world.records, world.count, &AS_GIVEN), STRAND_OK);
        for (int round = 0; round < 50; round++) {
            struct golden_batch batch = copy_out();
            for (uint64_t i = golden_random(&world.state) % 6 + 1; i > 0; i--) {
                uint64_t at = golden_random(&world.state) % (batch.size - STRAND_BATCH_RECORDS);
                batch.data[STRAND_BATCH_RECORDS + at] = (uint8_t)golden_random(&world.state);
            }
            read_mutant(&batch);
            golden_batch_free(&batch);
        }
    }
}
