/* tests/unit/test_codec_formats.c -- What gzip, snappy and zstd streams of others may look like,
 * and what they must not.
 *
 * Method: streams put together by hand, or out of pieces that were compressed; what is accepted is
 * what java.util.zip, snappy-java and zstd-jni, which Kafka uses, accept.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/bytes.h"
#include "support/codec_check.h"

enum { LIMIT = 1 << 20 };

TestSuite(codec_formats, .init = codec_check_begin, .fini = codec_check_end, .timeout = 60);

/* tests/unit/test_codecs.c has what happens then. */
static bool
is_missing(int codec)
{
    return !strand_codec_is_available(codec);
}

/* Append bytes as they are to OUT. */
static void
put(const void *bytes, size_t size)
{
    cr_assert_eq(strand_compress(NULL, STRAND_CODEC_NONE, 0, bytes, size, &out), STRAND_OK);
}

static void
put_compressed(int codec, const void *data, size_t size)
{
    cr_assert_eq(strand_compress(codecs, codec, 0, data, size, &out), STRAND_OK, "%s",
                 strand_error_message());
}

static void
expect_read(int codec, const void *data, size_t size)
{
    cr_assert_eq(decompress_exactly(codec, out.data, out.size, LIMIT), STRAND_OK, "%s",
                 strand_error_message());
    expect_plain(data, size);
}

static void
expect_refused(int codec, const char *words)
{
    cr_expect_eq(decompress_exactly(codec, out.data, out.size, LIMIT), STRAND_ERR_BATCH,
                 "not \"%s\"", words);
    expect_said(words);
}

/* ---- gzip ---- */

Test(codec_formats, gzip_members_behind_each_other_are_one_content)
{
    if (is_missing(STRAND_CODEC_GZIP))
        return;
    put_compressed(STRAND_CODEC_GZIP, text, 1000);
    put_compressed(STRAND_CODEC_GZIP, text, 0);
    put_compressed(STRAND_CODEC_GZIP, text + 1000, 70000);
    expect_read(STRAND_CODEC_GZIP, text, 71000);
    out.data[out.size - 1] ^= 1;
    expect_refused(STRAND_CODEC_GZIP, "incorrect length check");
    out.size -= 9;
    expect_refused(STRAND_CODEC_GZIP, "ends too early");
}

Test(codec_formats, gzip_ignores_what_follows_and_is_no_member)
{
    static const char *const TAILS[] = {"x", "\x1f\x8b\x08\0\0\0\0\0\0",
                                        "garbage, more than 20 of it",
                                        "\x1f\x8b\x07 and other methods are not known"};

    if (is_missing(STRAND_CODEC_GZIP))
        return;
    for (size_t i = 0; i < sizeof TAILS / sizeof *TAILS; i++) {
        out.size = 0;
        put_compressed(STRAND_CODEC_GZIP, text, 1000);
        put(TAILS[i], strlen(TAILS[i]) + 1);
        expect_read(STRAND_CODEC_GZIP, text, 1000);
    }
}

Test(codec_formats, gzip_header_may_have_name_comment_and_extra_field)
{
    static const uint8_t HEADER[] = {0x1f, 0x8b, 8,   4 | 8 | 16, 1,   2,   3, 4,   2,   3, /**/
                                     3,    0,    'e', 'x',        't', 'n', 0, 'c', 'o', 0};

    if (is_missing(STRAND_CODEC_GZIP))
        return;
    put_compressed(STRAND_CODEC_GZIP, text, 5000);
    struct strand_buffer body = out;
    out = (struct strand_buffer){0};
    put(HEADER, sizeof HEADER);
    put(body.data + 10, body.size - 10);
    expect_read(STRAND_CODEC_GZIP, text, 5000);
    free(body.data);
}

Test(codec_formats, gzip_checks_checksum_length_method_and_magic)
{
    static const struct {
        long at; /* negative: from the end */
        const char *message;
    } BROKEN[] = {{0, "incorrect header check"}, {1, "incorrect header check"},
                  {2, "unknown compression"},    {-8, "incorrect data check"},
                  {-5, "incorrect data check"},  {-4, "incorrect length check"}};

    if (is_missing(STRAND_CODEC_GZIP))
        return;
    for (size_t i = 0; i < sizeof BROKEN / sizeof *BROKEN; i++) {
        out.size = 0;
        put_compressed(STRAND_CODEC_GZIP, text, 5000);
        out.data[BROKEN[i].at < 0 ? out.size - (size_t)-BROKEN[i].at : (size_t)BROKEN[i].at] ^= 1;
        expect_refused(STRAND_CODEC_GZIP, BROKEN[i].message);
    }
}

/* ---- snappy ---- */

static const uint8_t HELLO[] = {5, 4 << 2, 'h', 'e', 'l', 'l', 'o'}; /* one raw block */
static const char XERIAL[] = "\x82SNAPPY\0\0\0\0\1\0\0\0\1";         /* and a NUL */

static void
put_block(uint32_t size, const void *block, size_t block_size)
{
    uint8_t length[4];

    strand_put_be32(length, size);
    put(length, 4);
    put(block, block_size);
}

Test(codec_formats, snappy_is_written_in_blocks_of_32_kib)
{
    size_t at = 16;
    int count = 0;

    if (is_missing(STRAND_CODEC_SNAPPY))
        return;
    put_compressed(STRAND_CODEC_SNAPPY, noise, 70000);
    for (; at < out.size; at += 4 + strand_get_be32(out.data + at), count++)
        cr_assert_arr_eq(out.data + at + 4, count < 2 ? "\x80\x80\x02" : "\xf0\x22", 2);
    cr_expect_eq(at, out.size);
    cr_expect_eq(count, 3);
}

Test(codec_formats, snappy_is_read_raw_too)
{
    if (is_missing(STRAND_CODEC_SNAPPY))
        return;
    put(HELLO, sizeof HELLO);
    expect_read(STRAND_CODEC_SNAPPY, "hello", 5);
    out.size = 0;
    put("", 1); /* a raw block of no bytes */
    expect_read(STRAND_CODEC_SNAPPY, "", 0);
    out.size = 0;
    put(HELLO, sizeof HELLO - 1);
    expect_refused(STRAND_CODEC_SNAPPY, "a block is malformed");
    out.size = 0;
    put(XERIAL, 15); /* no header yet, and no raw block */
    expect_refused(STRAND_CODEC_SNAPPY, "snappy");
}

Test(codec_formats, snappy_streams_behind_each_other_are_one_content)
{
    if (is_missing(STRAND_CODEC_SNAPPY))
        return;
    put_compressed(STRAND_CODEC_SNAPPY, text, 40000);
    put_compressed(STRAND_CODEC_SNAPPY, text, 0);
    put_compressed(STRAND_CODEC_SNAPPY, text + 40000, 3);
    put_block(sizeof HELLO, HELLO, sizeof HELLO);
    memcpy(text + 40003, "hello", 5);
    expect_read(STRAND_CODEC_SNAPPY, text, 40008);
}

Test(codec_formats, snappy_ignores_less_than_a_length_at_the_end)
{
    if (is_missing(STRAND_CODEC_SNAPPY))
        return;
    put_compressed(STRAND_CODEC_SNAPPY, text, 500);
    for (int i = 0; i < 3; i++) {
        put("\xff", 1);
        expect_read(STRAND_CODEC_SNAPPY, text, 500);
    }
    put("\xff", 1);
    expect_refused(STRAND_CODEC_SNAPPY, "ends inside a block");
}

Test(codec_formats, snappy_lengths_that_cannot_be_are_refused)
{
    static const struct {
        uint32_t length;
        const char *block;
        size_t size;
        const char *message;
    } BROKEN[] = {
        {8, "\5\20hello", 7, "ends inside a block"},
        {6, "\5\20hello", 7, "malformed"},
        {0, "", 0, "does not begin with its size"},
        {0xffffffff, "\5\20hello", 7, "ends inside a block"},
        {0x82534e41, "PPZ\0\0\0\0\1\0\0\0\1", 12, "ends inside a block"},
        {7, "\4\20hello", 7, "malformed"},
        {7, "\6\20hello", 7, "malformed"},
        {7, "\xff\xff\xff\xff\x0fhe", 7, "claims more than its bytes can give"},
        {7, "\x9b\1\20hell", 7, "claims more than its bytes can give"}, /* 155 of 7 */
        {7, "\xff\xff\xff\xff\xffhe", 7, "does not begin with its size"},
    };

    if (is_missing(STRAND_CODEC_SNAPPY))
        return;
    for (size_t i = 0; i < sizeof BROKEN / sizeof *BROKEN; i++) {
        out.size = 0;
        put(XERIAL, 16);
        put_block(BROKEN[i].length, BROKEN[i].block, BROKEN[i].size);
        expect_refused(STRAND_CODEC_SNAPPY, BROKEN[i].message);
    }
    cr_expect_leq(plain.capacity, 1024);
}

/* The densest there is: a literal of one byte, then copies of 64 bytes in 3. */
Test(codec_formats, snappy_as_dense_as_can_be_is_read)
{
    static uint8_t block[3 + 2 + 3 * 1000] = {0x81, 0xf4, 0x03, 0, 'a'};
    static uint8_t content[64001];

    if (is_missing(STRAND_CODEC_SNAPPY))
        return;
    for (int i = 0; i < 1000; i++)
        memcpy(block + 5 + 3 * i, "\xfe\1", 3);
    memset(content, 'a', sizeof content);
    put(block, sizeof block);
    expect_read(STRAND_CODEC_SNAPPY, content, sizeof content);
}

/* ---- zstd ---- */

enum { ZSTD_RAW = 0, ZSTD_RUN = 1, ZSTD_RESERVED = 3 };

/* A frame's header: without content size, window of 2^WINDOW_LOG. */
static void
put_zstd_header(unsigned window_log)
{
    uint8_t header[] = {0x28, 0xb5, 0x2f, 0xfd, 0, (uint8_t)((window_log - 10) << 3)};

    put(header, sizeof header);
}

static void
put_zstd_block(unsigned type, bool is_last, uint32_t size, const void *content, size_t content_size)
{
    uint32_t word = size << 3 | type << 1 | is_last;
    uint8_t bytes[4];

    strand_put_le32(bytes, word);
    put(bytes, 3);
    put(content, content_size);
}

Test(codec_formats, zstd_is_written_with_content_size_and_without_checksum)
{
    if (is_missing(STRAND_CODEC_ZSTD))
        return;
    put_compressed(STRAND_CODEC_ZSTD, text, 16384);
    cr_expect_eq(out.data[4], 0x60, "two bytes of content size, a single segment, no checksum");
    cr_expect_eq(out.data[5] | out.data[6] << 8, 16384 - 256);
}

Test(codec_formats, zstd_frames_behind_each_other_are_one_content)
{
    if (is_missing(STRAND_CODEC_ZSTD))
        return;
    put("\x50\x2a\x4d\x18\3\0\0\0abc", 11); /* skipped */
    put_compressed(STRAND_CODEC_ZSTD, text, 1000);
    put("\x5f\x2a\x4d\x18\0\0\0\0", 8);
    put_compressed(STRAND_CODEC_ZSTD, text, 0);
    put_compressed(STRAND_CODEC_ZSTD, text + 1000, 70000);
    put_zstd_header(17);
    put_zstd_block(ZSTD_RAW, true, 5, "hello", 5);
    memcpy(text + 71000, "hello", 5);
    expect_read(STRAND_CODEC_ZSTD, text, 71005);
    put("more", 4);
    expect_refused(STRAND_CODEC_ZSTD, "zstd");
}

Test(codec_formats, zstd_frames_without_content_size_are_read)
{
    static uint8_t content[300005];

    if (is_missing(STRAND_CODEC_ZSTD))
        return;
    put_zstd_header(21);
    put_zstd_block(ZSTD_RAW, false, 5, "hello", 5);
    put_zstd_block(ZSTD_RUN, false, 100000, "a", 1);
    put_zstd_block(ZSTD_RUN, false, 100000, "b", 1);
    put_zstd_block(ZSTD_RUN, true, 100000, "c", 1);
    memcpy(content, "hello", 5);
    for (int i = 0; i < 3; i++)
        memset(content + 5 + 100000 * i, 'a' + i, 100000);
    expect_read(STRAND_CODEC_ZSTD, content, sizeof content);
}

/* Kafka's own at level 22 have windows of 128 MiB around a few bytes. */
Test(codec_formats, zstd_window_takes_no_memory)
{
    if (is_missing(STRAND_CODEC_ZSTD))
        return;
    put_zstd_header(27);
    put_zstd_block(ZSTD_RAW, true, 5, "hello", 5);
    expect_read(STRAND_CODEC_ZSTD, "hello", 5);
    cr_expect_leq(plain.capacity, 1024);
}

Test(codec_formats, zstd_content_size_that_is_a_lie_takes_no_memory)
{
    /* 1 GiB - 1, and a single segment of 5 bytes. */
    static const uint8_t HEADER[] = {0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0xff, 0xff, 0xff, 0x3f};

    if (is_missing(STRAND_CODEC_ZSTD))
        return;
    put(HEADER, sizeof HEADER);
    put_zstd_block(ZSTD_RAW, true, 5, "hello", 5);
    expect_refused(STRAND_CODEC_ZSTD, "zstd");
    cr_expect_leq(plain.capacity, 2048);
}

Test(codec_formats, zstd_runs_do_not_take_memory_beyond_the_limit)
{
    if (is_missing(STRAND_CODEC_ZSTD))
        return;
    put_zstd_header(20);
    for (int i = 0; i < 100000; i++) /* 12 GiB from 400 kB */
        put_zstd_block(ZSTD_RUN, i == 99999, 128 << 10, "a", 1);
    expect_refused(STRAND_CODEC_ZSTD, "limit");
    cr_expect_leq(plain.capacity, LIMIT);
}

Test(codec_formats, zstd_blocks_that_cannot_be_are_refused)
{
    static const struct {
        unsigned type;
        bool is_last;
        uint32_t size;
        size_t content_size;
    } BROKEN[] = {{ZSTD_RESERVED, true, 5, 5},
                  {ZSTD_RAW, true, 6, 5},
                  {ZSTD_RAW, false, 5, 5},
                  {ZSTD_RAW, true, 4, 5}};

    if (is_missing(STRAND_CODEC_ZSTD))
        return;
    for (size_t i = 0; i < sizeof BROKEN / sizeof *BROKEN; i++) {
        out.size = 0;
        put_zstd_header(20);
        put_zstd_block(BROKEN[i].type, BROKEN[i].is_last, BROKEN[i].size, "hello",
                       BROKEN[i].content_size);
        expect_refused(STRAND_CODEC_ZSTD, "zstd");
    }
    out.size = 0;
    put("\x28\xb5\x2f\xfd\x08\x50", 6); /* a reserved bit */
    put_zstd_block(ZSTD_RAW, true, 5, "hello", 5);
    expect_refused(STRAND_CODEC_ZSTD, "zstd");
    out.size = 0;
    put("\x28\xb5\x2f\xfd\x01\x50\x07", 7); /* a dictionary */
    put_zstd_block(ZSTD_RAW, true, 5, "hello", 5);
    expect_refused(STRAND_CODEC_ZSTD, "zstd");
}
