/* tests/unit/test_compression.c -- lz4 frames are written as Kafka writes them and read as it
 * reads.
 *
 * Method: what is written is walked block by block and read back by liblz4's own reader; what is
 * read comes from liblz4 with every option, and then broken at each rule.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <lz4frame.h>

#include "base/bytes.h"
#include "storage/xxh32.h"
#include "support/codec_check.h"

enum { BLOCK = 65536 };

TestSuite(compression, .init = codec_check_begin, .fini = codec_check_end);

static int
compress(int level, const void *data, size_t size)
{
    out.size = 0;
    return strand_compress(codecs, STRAND_CODEC_LZ4, level, data, size, &out);
}

static int
decompress(const void *data, size_t size)
{
    return decompress_exactly(STRAND_CODEC_LZ4, data, size, SIZE_MAX / 4);
}

/* liblz4 reads the frame OUT, too. */
static void
expect_library_reads(const void *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    LZ4F_dctx *context;
    size_t written = size + 1;
    size_t read = out.size;

    cr_assert_eq(LZ4F_createDecompressionContext(&context, LZ4F_VERSION), 0);
    size_t hint = LZ4F_decompress(context, copy, &written, out.data, &read, NULL);
    cr_assert_eq(hint, 0, "the frame is complete: %s", LZ4F_getErrorName(hint));
    cr_assert_eq(read, out.size);
    cr_assert_eq(written, size);
    cr_assert(size == 0 || memcmp(copy, data, size) == 0);
    LZ4F_freeDecompressionContext(context);
    free(copy);
}

Test(compression, every_level_round_trips_every_payload)
{
    static const size_t SIZES[] = {0, 1, 13, 1000, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 250000};
    const uint8_t *const payloads[] = {text, noise};

    for (int level = 0; level <= 17; level++)
        for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++)
            for (int kind = 0; kind < 2; kind++) {
                cr_assert_eq(compress(level, payloads[kind], SIZES[i]), STRAND_OK, "%s",
                             strand_error_message());
                cr_assert_arr_eq(out.data, "\x04\x22\x4d\x18\x60\x40\x82", 7);
                cr_assert_eq(decompress(out.data, out.size), STRAND_OK, "%s",
                             strand_error_message());
                expect_plain(payloads[kind], SIZES[i]);
                expect_library_reads(payloads[kind], SIZES[i]);
            }
}

Test(compression, empty_payload_is_header_and_end_mark)
{
    cr_assert_eq(compress(0, NULL, 0), STRAND_OK);
    cr_assert_eq(out.size, 11);
    cr_expect_arr_eq(out.data, "\x04\x22\x4d\x18\x60\x40\x82\0\0\0\0", 11);
}

/* The number of blocks in OUT; *OUT_STORED of them are not compressed. */
static int
count_blocks(int *out_stored)
{
    size_t at = 7;
    int count = 0;

    *out_stored = 0;
    for (;; count++) {
        cr_assert_leq(at + 4, out.size);
        uint32_t word = strand_get_le32(out.data + at);
        at += 4 + (word & 0x7fffffff);
        if (word == 0)
            break;
        cr_assert_leq(word & 0x7fffffff, BLOCK);
        *out_stored += word >> 31 != 0;
    }
    cr_assert_eq(at, out.size, "nothing follows the end mark");
    return count;
}

Test(compression, input_is_split_into_blocks_of_64_kib)
{
    int stored;

    cr_assert_eq(compress(0, text, BLOCK), STRAND_OK);
    cr_expect_eq(count_blocks(&stored), 1);
    cr_assert_eq(compress(0, text, BLOCK + 1), STRAND_OK);
    cr_expect_eq(count_blocks(&stored), 2);
    cr_assert_eq(compress(0, text, 250000), STRAND_OK);
    cr_expect_eq(count_blocks(&stored), 4);
    cr_expect_eq(stored, 0);
}

Test(compression, incompressible_blocks_are_stored)
{
    int stored;

    cr_assert_eq(compress(0, noise, 3 * BLOCK), STRAND_OK);
    cr_expect_eq(count_blocks(&stored), 3);
    cr_expect_eq(stored, 3);
    cr_expect_eq(out.size, 7 + 3 * (4 + BLOCK) + 4);
}

static struct strand_buffer
compressed_at(int level)
{
    struct strand_buffer copy = {0};

    cr_assert_eq(strand_compress(codecs, STRAND_CODEC_LZ4, level, text, PAYLOAD_MAX, &copy),
                 STRAND_OK);
    return copy;
}

Test(compression, level_9_is_the_fast_compressor_and_others_are_the_high_one)
{
    struct strand_buffer levels[18];

    for (int level = 0; level <= 17; level++)
        levels[level] = compressed_at(level);
    for (int level = 0; level <= 17; level++) {
        const struct strand_buffer *same = &levels[level == 0                 ? 9
                                                   : level == 1 || level == 2 ? 3
                                                   : level > 12               ? 12
                                                                              : level];
        cr_expect_eq(levels[level].size, same->size, "level %d", level);
        cr_expect_arr_eq(levels[level].data, same->data, same->size);
        if (level != 0 && level != 9)
            cr_expect_lt(levels[level].size, levels[9].size, "level %d", level);
    }
    for (int level = 0; level <= 17; level++)
        free(levels[level].data);
}

/* A frame of SIZE bytes of DATA as another writer would make it, in OUT. */
static void
make_frame(LZ4F_frameInfo_t info, const void *data, size_t size)
{
    LZ4F_preferences_t preferences = {.frameInfo = info};

    cr_assert_eq(strand_buffer_reserve(&out, LZ4F_compressFrameBound(size, &preferences)),
                 STRAND_OK);
    out.size = LZ4F_compressFrame(out.data, out.capacity, data, size, &preferences);
    cr_assert(!LZ4F_isError(out.size), "%s", LZ4F_getErrorName(out.size));
}

Test(compression, frames_with_every_accepted_option_are_read)
{
    for (int block = LZ4F_max64KB; block <= LZ4F_max4MB; block++)
        for (unsigned options = 0; options < 8; options++)
            for (size_t size = 0; size <= PAYLOAD_MAX; size += PAYLOAD_MAX / 2) {
                LZ4F_frameInfo_t info = {
                    .blockSizeID = (LZ4F_blockSizeID_t)block,
                    .blockMode = LZ4F_blockIndependent,
                    .contentChecksumFlag = (LZ4F_contentChecksum_t)(options & 1),
                    .blockChecksumFlag = (LZ4F_blockChecksum_t)(options >> 1 & 1),
                    .contentSize = (options & 4) != 0 ? size : 0,
                };
                make_frame(info, size % 3 == 0 ? text : noise, size);
                cr_assert_eq(decompress(out.data, out.size), STRAND_OK, "%s",
                             strand_error_message());
                expect_plain(size % 3 == 0 ? text : noise, size);
            }
}

Test(compression, content_checksum_is_not_verified_but_must_be_there)
{
    make_frame((LZ4F_frameInfo_t){.blockMode = LZ4F_blockIndependent,
                                  .contentChecksumFlag = LZ4F_contentChecksumEnabled},
               text, 1000);
    out.data[out.size - 1] ^= 0xff;
    cr_assert_eq(decompress(out.data, out.size), STRAND_OK);
    expect_plain(text, 1000);
    cr_expect_eq(decompress(out.data, out.size - 1), STRAND_ERR_BATCH);
    cr_expect_not_null(strstr(strand_error_message(), "content checksum"));
}

Test(compression, block_checksum_is_verified)
{
    make_frame((LZ4F_frameInfo_t){.blockMode = LZ4F_blockIndependent,
                                  .blockChecksumFlag = LZ4F_blockChecksumEnabled},
               noise, 1000);
    out.data[out.size - 5] ^= 1; /* the end mark is behind it */
    cr_expect_eq(decompress(out.data, out.size), STRAND_ERR_BATCH);
    cr_expect_not_null(strstr(strand_error_message(), "block checksum"));
    out.data[out.size - 5] ^= 1;
    out.data[100] ^= 1; /* a stored byte, which nothing else protects */
    cr_expect_eq(decompress(out.data, out.size), STRAND_ERR_BATCH);
}

Test(compression, every_truncation_is_refused)
{
    cr_assert_eq(compress(0, text, 3000), STRAND_OK);
    for (size_t size = 0; size < out.size; size++)
        cr_expect_eq(decompress(out.data, size), STRAND_ERR_BATCH, "%zu bytes", size);
    make_frame((LZ4F_frameInfo_t){.blockMode = LZ4F_blockIndependent,
                                  .contentChecksumFlag = LZ4F_contentChecksumEnabled,
                                  .blockChecksumFlag = LZ4F_blockChecksumEnabled,
                                  .contentSize = 3000},
               text, 3000);
    for (size_t size = 0; size < out.size; size++)
        cr_expect_eq(decompress(out.data, size), STRAND_ERR_BATCH, "%zu bytes", size);
}

Test(compression, bytes_behind_the_frame_are_refused)
{
    cr_assert_eq(compress(0, text, 3000), STRAND_OK);
    size_t size = out.size;
    cr_assert_eq(strand_compress(codecs, STRAND_CODEC_LZ4, 0, text, 3000, &out), STRAND_OK);
    cr_expect_eq(decompress(out.data, size + 1), STRAND_ERR_BATCH);
    cr_expect_not_null(strstr(strand_error_message(), "bytes follow it"));
    cr_expect_eq(decompress(out.data, out.size), STRAND_ERR_BATCH, "a second frame");
}

Test(compression, header_that_kafka_refuses_is_refused)
{
    static const struct {
        size_t at;
        uint8_t value;
        const char *message;
    } CASES[] = {
        {0, 0x05, "magic is wrong"},   {3, 0x19, "magic is wrong"},
        {4, 0xa0, "version is not 1"}, {4, 0x20, "version is not 1"},
        {4, 0x40, "blocks depend"},    {4, 0x61, "reserved flag or a dictionary"},
        {4, 0x62, "reserved flag"},    {5, 0x30, "block descriptor"},
        {5, 0xc0, "block descriptor"}, {5, 0x41, "block descriptor"},
        {5, 0x00, "block descriptor"}, {6, 0x83, "header checksum"},
        {5, 0x50, "header checksum"},  {4, 0x64, "header checksum"},
        {6, 0x1a, "header checksum"}, /* the wrong one of magic 0 */
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        cr_assert_eq(compress(0, text, 300), STRAND_OK);
        out.data[CASES[i].at] = CASES[i].value;
        /* A right header checksum shows that the rule itself is what refuses. */
        if (CASES[i].at < 6 && strstr(CASES[i].message, "checksum") == NULL)
            out.data[6] = (uint8_t)(strand_xxh32(out.data + 4, 2) >> 8);
        cr_expect_eq(decompress(out.data, out.size), STRAND_ERR_BATCH, "case %zu", i);
        cr_expect_not_null(strstr(strand_error_message(), CASES[i].message), "case %zu: \"%s\"", i,
                           strand_error_message());
    }
}

Test(compression, block_larger_than_declared_is_refused)
{
    static uint8_t frame[7 + 4 + BLOCK + 1 + 4] = {0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82};

    strand_put_le32(frame + 7, 0x80000000u | (BLOCK + 1));
    cr_expect_eq(decompress(frame, sizeof frame), STRAND_ERR_BATCH);
    cr_expect_not_null(strstr(strand_error_message(), "larger than the header says"));
    strand_put_le32(frame + 7, 0x80000000u | BLOCK);
    cr_expect_eq(decompress(frame, sizeof frame - 1), STRAND_OK);
}

Test(compression, block_that_decompresses_to_more_than_declared_is_refused)
{
    make_frame((LZ4F_frameInfo_t){.blockSizeID = LZ4F_max256KB, .blockMode = LZ4F_blockIndependent},
               text, 200000);
    out.data[5] = 0x40;
    out.data[6] = 0x82;
    cr_expect_eq(decompress(out.data, out.size), STRAND_ERR_BATCH);
}

Test(compression, stored_bit_alone_is_an_end_mark_as_for_kafka)
{
    cr_expect_eq(decompress((const uint8_t *)"\x04\x22\x4d\x18\x60\x40\x82\0\0\0\x80", 11),
                 STRAND_OK);
    cr_expect_eq(plain.size, 0);
}

Test(compression, small_frame_takes_little_memory_whatever_its_block_size)
{
    make_frame((LZ4F_frameInfo_t){.blockSizeID = LZ4F_max4MB, .blockMode = LZ4F_blockIndependent},
               text, 300);
    out.data[5] = 0x70; /* liblz4 chooses a smaller size for so little */
    out.data[6] = (uint8_t)(strand_xxh32(out.data + 4, 2) >> 8);
    cr_assert_eq(decompress(out.data, out.size), STRAND_OK);
    expect_plain(text, 300);
    cr_expect_leq(plain.capacity, 128 * 1024);
}

Test(compression, bit_flips_never_break_the_reader)
{
    cr_assert_eq(compress(0, text, 2000), STRAND_OK);
    for (size_t bit = 0; bit < 8 * out.size; bit++) {
        out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        int status = decompress(out.data, out.size);
        cr_expect(status == STRAND_OK || status == STRAND_ERR_BATCH, "bit %zu: %d", bit, status);
        if (bit < 7 * 8)
            cr_expect_eq(status, STRAND_ERR_BATCH, "bit %zu of the header", bit);
        out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}
