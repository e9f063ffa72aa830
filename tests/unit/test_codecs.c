/* tests/unit/test_codecs.c -- What holds for every codec that this build has, and for those that it
 * lacks.
 *
 * Method: one table of codecs and levels; the same payloads through each, then the compressed form
 * is cut, flipped and limited.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "support/codec_check.h"

enum { LIMIT = 1 << 20 };

static const struct codec_case {
    int codec;
    const char *name;
    const char *header;
    size_t header_size;
    int levels[12]; /* the last is 0 */
    int level_min, level_max;
} CASES[] = {
    {STRAND_CODEC_GZIP, "gzip", "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10, {-1, 1, 2, 5, 6, 9}, -1, 9},
    {STRAND_CODEC_SNAPPY, "snappy", "\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16, {0}, 0, 0},
    {STRAND_CODEC_LZ4, "lz4", "\x04\x22\x4d\x18\x60\x40\x82", 7, {1, 9, 12, 17}, 1, 17},
    {STRAND_CODEC_ZSTD,
     "zstd",
     "\x28\xb5\x2f\xfd",
     4,
     {-131072, -7, -1, 1, 3, 9, 19, 22},
     -131072,
     22},
};

enum { CASE_COUNT = sizeof CASES / sizeof *CASES };

/* WHICH or the first behind it that this build has; NULL at the end. */
static const struct codec_case *
next_codec(const struct codec_case *which)
{
    while (which < CASES + CASE_COUNT && !strand_codec_is_available(which->codec))
        which++;
    return which < CASES + CASE_COUNT ? which : NULL;
}

TestSuite(codecs, .init = codec_check_begin, .fini = codec_check_end, .timeout = 120);

static void
compress(const struct codec_case *which, int level, const void *data, size_t size)
{
    out.size = 0;
    cr_assert_eq(strand_compress(codecs, which->codec, level, data, size, &out), STRAND_OK, "%s",
                 strand_error_message());
}

static int
decompress(const struct codec_case *which, size_t size, size_t limit)
{
    return decompress_exactly(which->codec, out.data, size, limit);
}

Test(codecs, have_kafkas_names)
{
    cr_expect_str_eq(strand_codec_name(STRAND_CODEC_NONE), "none");
    for (int i = 0; i < CASE_COUNT; i++) {
        cr_expect_eq(CASES[i].codec, i + 1);
        cr_expect_str_eq(strand_codec_name(i + 1), CASES[i].name);
    }
    cr_expect_null(strand_codec_name(5));
    cr_expect_null(strand_codec_name(-1));
}

Test(codecs, none_and_lz4_are_always_available)
{
    cr_expect(strand_codec_is_available(STRAND_CODEC_NONE));
    cr_expect(strand_codec_is_available(STRAND_CODEC_LZ4));
    for (int codec = 5; codec <= 8; codec++)
        cr_expect_not(strand_codec_is_available(codec));
    cr_expect_not(strand_codec_is_available(-1));
}

Test(codecs, that_are_not_in_this_build_are_refused_by_name)
{
    for (int i = 0; i < CASE_COUNT; i++) {
        bool is_here = strand_codec_is_available(CASES[i].codec) != 0;

        out.size = 0;
        cr_expect_eq(strand_compress(codecs, CASES[i].codec, 0, "x", 1, &out),
                     is_here ? STRAND_OK : STRAND_ERR_CODEC);
        if (!is_here)
            expect_said(CASES[i].name);
        cr_expect_eq(strand_decompress(codecs, CASES[i].codec, "x", 1, 10, &out),
                     is_here ? STRAND_ERR_BATCH : STRAND_ERR_CODEC);
        expect_said(CASES[i].name);
        if (!is_here)
            expect_said("is not in this build");
    }
}

Test(codecs, numbers_that_kafka_has_not_are_refused)
{
    static const struct {
        int codec;
        const char *message;
    } UNKNOWN[] = {
        {5, "codec 5 is unknown"}, {7, "codec 7 is unknown"}, {-1, "codec -1 is unknown"}};

    for (size_t i = 0; i < sizeof UNKNOWN / sizeof *UNKNOWN; i++) {
        cr_expect_eq(strand_compress(codecs, UNKNOWN[i].codec, 0, "x", 1, &out), STRAND_ERR_CODEC);
        expect_said(UNKNOWN[i].message);
        cr_expect_eq(strand_decompress(codecs, UNKNOWN[i].codec, "x", 1, 10, &out),
                     STRAND_ERR_CODEC);
        expect_said(UNKNOWN[i].message);
    }
}

Test(codecs, none_copies)
{
    cr_assert_eq(strand_compress(NULL, STRAND_CODEC_NONE, 99, "abc", 3, &out), STRAND_OK);
    cr_assert_eq(strand_compress(NULL, STRAND_CODEC_NONE, 0, "de", 2, &out), STRAND_OK);
    cr_expect_arr_eq(out.data, "abcde", 5);
    cr_assert_eq(strand_decompress(NULL, STRAND_CODEC_NONE, "xyz", 3, 3, &out), STRAND_OK);
    cr_expect_eq(out.size, 3);
    cr_expect_arr_eq(out.data, "xyz", 3);
    cr_expect_eq(strand_decompress(NULL, STRAND_CODEC_NONE, "xyz", 3, 2, &out), STRAND_ERR_BATCH);
    cr_expect_eq(strand_compress(NULL, STRAND_CODEC_NONE, 0, NULL, 0, &plain), STRAND_OK);
    cr_expect_eq(plain.size, 0);
}

static void
check_round_trips(const struct codec_case *which, int level)
{
    static const size_t SIZES[] = {0, 1, 13, 1000, 32767, 32768, 32769, 65537, PAYLOAD_MAX};
    const uint8_t *const payloads[] = {text, noise};

    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        for (int kind = 0; kind < 2; kind++) {
            compress(which, level, payloads[kind], SIZES[i]);
            cr_assert_geq(out.size, which->header_size);
            cr_assert_arr_eq(out.data, which->header, which->header_size, "%s at level %d",
                             which->name, level);
            cr_assert_eq(decompress(which, out.size, SIZES[i]), STRAND_OK, "%s",
                         strand_error_message());
            expect_plain(payloads[kind], SIZES[i]);
        }
    }
}

Test(codecs, round_trip_every_payload_at_every_level_under_kafkas_header)
{
    for (const struct codec_case *which = next_codec(CASES); which != NULL;
         which = next_codec(which + 1)) {
        int i = 0;
        do {
            check_round_trips(which, which->levels[i]);
        } while (which->levels[i++] != 0);
    }
}

Test(codecs, compress_what_can_be_and_hardly_enlarge_what_cannot)
{
    for (const struct codec_case *which = next_codec(CASES); which != NULL;
         which = next_codec(which + 1)) {
        compress(which, 0, text, PAYLOAD_MAX);
        cr_expect_lt(out.size, PAYLOAD_MAX * 2 / 3, "%s: %zu", which->name, out.size);
        compress(which, 0, noise, PAYLOAD_MAX);
        cr_expect_lt(out.size, PAYLOAD_MAX + PAYLOAD_MAX / 1000, "%s: %zu", which->name, out.size);
    }
}

Test(codecs, levels_beyond_the_range_are_refused_with_the_range)
{
    for (const struct codec_case *which = next_codec(CASES); which != NULL;
         which = next_codec(which + 1)) {
        compress(which, 0, text, 100);
        size_t size = out.size;
        const int beyond[] = {which->level_min - (which->level_min == 1 ? 2 : 1),
                              which->level_max + 1, INT32_MIN, INT32_MAX};
        for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
            int status = strand_compress(codecs, which->codec, beyond[i], text, 100, &out);
            if (which->level_min == which->level_max) {
                cr_expect_eq(status, STRAND_OK, "%s has no levels", which->name);
                out.size = size;
                continue;
            }
            char range[64];
            (void)snprintf(range, sizeof range, "%s level %d is not within %d and %d", which->name,
                           beyond[i], which->level_min, which->level_max);
            cr_expect_eq(status, STRAND_ERR_INVALID, "%s: %d", which->name, beyond[i]);
            expect_said(range);
            cr_expect_eq(out.size, size);
        }
    }
}

static size_t
size_at(int codec, int level)
{
    out.size = 0;
    cr_assert_eq(strand_compress(codecs, codec, level, text, PAYLOAD_MAX, &out), STRAND_OK);
    return out.size;
}

Test(codecs, levels_reach_the_library_and_zero_is_kafkas_default)
{
    if (strand_codec_is_available(STRAND_CODEC_GZIP)) {
        cr_expect_lt(size_at(STRAND_CODEC_GZIP, 9), size_at(STRAND_CODEC_GZIP, 1));
        cr_expect_eq(size_at(STRAND_CODEC_GZIP, 0), size_at(STRAND_CODEC_GZIP, 6));
        cr_expect_eq(size_at(STRAND_CODEC_GZIP, -1), size_at(STRAND_CODEC_GZIP, 6));
        cr_expect_neq(size_at(STRAND_CODEC_GZIP, 6), size_at(STRAND_CODEC_GZIP, 1));
    }
    if (strand_codec_is_available(STRAND_CODEC_ZSTD)) {
        cr_expect_lt(size_at(STRAND_CODEC_ZSTD, 19), size_at(STRAND_CODEC_ZSTD, 1));
        cr_expect_lt(size_at(STRAND_CODEC_ZSTD, 1), size_at(STRAND_CODEC_ZSTD, -131072));
        cr_expect_eq(size_at(STRAND_CODEC_ZSTD, 0), size_at(STRAND_CODEC_ZSTD, 3));
    }
    cr_expect_eq(size_at(STRAND_CODEC_LZ4, 0), size_at(STRAND_CODEC_LZ4, 9));
}

Test(codecs, output_is_appended)
{
    for (const struct codec_case *which = next_codec(CASES); which != NULL;
         which = next_codec(which + 1)) {
        out.size = 0;
        cr_assert_eq(strand_compress(NULL, STRAND_CODEC_NONE, 0, "front", 5, &out), STRAND_OK);
        cr_assert_eq(strand_compress(codecs, which->codec, 0, text, 200000, &out), STRAND_OK);
        cr_expect_arr_eq(out.data, "front", 5);
        cr_assert_eq(decompress_exactly(which->codec, out.data + 5, out.size - 5, LIMIT),
                     STRAND_OK);
        expect_plain(text, 200000);
    }
}

Test(codecs, pool_works_again_after_a_failure)
{
    for (const struct codec_case *which = next_codec(CASES); which != NULL;
         which = next_codec(which + 1)) {
        compress(which, 0, text, 5000);
        out.data[out.size / 2] ^= 0xff;
        (void)decompress(which, out.size, LIMIT); /* fails, or not: what counts is the next one */
        (void)decompress(which, out.size / 2, LIMIT);
        (void)decompress(which, out.size, 100);
        compress(which, 0, noise, 5000);
        cr_assert_eq(decompress(which, out.size, LIMIT), STRAND_OK, "%s", which->name);
        expect_plain(noise, 5000);
    }
}

/* ---- Broken input ---- */

Test(codecs, every_truncation_ends_and_gives_no_byte_that_was_not_there)
{
    for (const struct codec_case *which = next_codec(CASES); which != NULL;
         which = next_codec(which + 1)) {
        size_t payload_size = which->codec == STRAND_CODEC_SNAPPY ? 40000 : 3000;

        compress(which, 0, text, payload_size);
        for (size_t size = 0; size < out.size; size++) {
            int status = decompress(which, size, LIMIT);
            /* The framing of snappy has no end, and no bytes are no frames of zstd. */
            bool may_end = which->codec == STRAND_CODEC_SNAPPY ||
                           (which->codec == STRAND_CODEC_ZSTD && size == 0);
            cr_expect(status == STRAND_ERR_BATCH || (may_end && status == STRAND_OK),
                      "%s: %zu of %zu bytes: %d", which->name, size, out.size, status);
            if (status == STRAND_OK) {
                cr_expect_lt(plain.size, payload_size);
                cr_expect(plain.size == 0 || memcmp(plain.data, text, plain.size) == 0);
            }
        }
    }
}

Test(codecs, bit_flips_never_break_the_reader_nor_the_limit)
{
    for (const struct codec_case *which = next_codec(CASES); which != NULL;
         which = next_codec(which + 1)) {
        compress(which, 0, text, 1500);
        for (size_t bit = 0; bit < 8 * out.size; bit++) {
            out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            int status = decompress(which, out.size, 2000);
            cr_expect(status == STRAND_OK || status == STRAND_ERR_BATCH, "%s: bit %zu: %d",
                      which->name, bit, status);
            cr_expect(status != STRAND_OK || plain.size <= 2000);
            if (which->codec == STRAND_CODEC_GZIP && status == STRAND_OK)
                expect_plain(text, 1500); /* it has a checksum */
            out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        cr_expect_leq(plain.capacity, 4096, "%s", which->name);
    }
}

Test(codecs, many_random_changes_never_break_the_reader_nor_the_limit)
{
    uint64_t state = 99;

    for (const struct codec_case *which = next_codec(CASES); which != NULL;
         which = next_codec(which + 1)) {
        for (int round = 0; round < 3000; round++) {
            size_t payload_size = golden_random(&state) % 3000;
            compress(which, 0, round % 4 == 0 ? noise : text, payload_size);
            for (uint64_t i = golden_random(&state) % 8; i > 0; i--)
                out.data[golden_random(&state) % out.size] = (uint8_t)golden_random(&state);
            size_t size =
                golden_random(&state) % 3 == 0 ? golden_random(&state) % out.size : out.size;
            size_t limit = golden_random(&state) % 8192;
            int status = decompress(which, size, limit);
            cr_assert(status == STRAND_OK || status == STRAND_ERR_BATCH, "%s: %d", which->name,
                      status);
            cr_assert(status != STRAND_OK || plain.size <= limit);
        }
        cr_expect_leq(plain.capacity, 16384, "%s", which->name);
    }
}

Test(codecs, input_of_no_format_is_refused)
{
    for (const struct codec_case *which = next_codec(CASES); which != NULL;
         which = next_codec(which + 1)) {
        cr_expect_eq(decompress_exactly(which->codec, (const uint8_t *)"", 0, LIMIT),
                     which->codec == STRAND_CODEC_ZSTD ? STRAND_OK : STRAND_ERR_BATCH, "%s",
                     which->name);
        cr_expect_eq(decompress_exactly(which->codec, noise, 1000, LIMIT), STRAND_ERR_BATCH);
        cr_expect_eq(decompress_exactly(which->codec, text, 1000, LIMIT), STRAND_ERR_BATCH);
        expect_said(which->name);
    }
}

/* ---- The limit ---- */

Test(codecs, content_may_be_exactly_as_large_as_the_limit)
{
    static const size_t SIZES[] = {1, 100, 32768, 250000};
    const uint8_t *const payloads[] = {text, noise};

    for (const struct codec_case *which = next_codec(CASES); which != NULL;
         which = next_codec(which + 1)) {
        for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
            for (int kind = 0; kind < 2; kind++) {
                compress(which, 0, payloads[kind], SIZES[i]);
                cr_expect_eq(decompress(which, out.size, SIZES[i]), STRAND_OK, "%s: %s",
                             which->name, strand_error_message());
                expect_plain(payloads[kind], SIZES[i]);
                cr_expect_eq(decompress(which, out.size, SIZES[i] - 1), STRAND_ERR_BATCH, "%s: %zu",
                             which->name, SIZES[i]);
                expect_said("limit");
                cr_expect_eq(decompress(which, out.size, 0), STRAND_ERR_BATCH);
            }
        }
    }
}

Test(codecs, what_expands_enormously_does_not_take_memory_beyond_the_limit)
{
    size_t size = (size_t)64 << 20;
    uint8_t *zeros = calloc(1, size);

    for (const struct codec_case *which = next_codec(CASES); which != NULL;
         which = next_codec(which + 1)) {
        compress(which, 0, zeros, size);
        free(plain.data);
        plain = (struct strand_buffer){0};
        cr_expect_eq(decompress(which, out.size, LIMIT), STRAND_ERR_BATCH, "%s", which->name);
        expect_said("limit");
        cr_expect_leq(plain.capacity, LIMIT, "%s", which->name);
        cr_assert_eq(decompress(which, out.size, size), STRAND_OK,
                     "nothing but the limit is wrong");
        expect_plain(zeros, size);
        cr_expect_leq(plain.capacity, size, "%s", which->name);
    }
    free(zeros);
}

Test(codecs, what_hardly_shrank_does_not_take_memory_beyond_the_limit)
{
    for (const struct codec_case *which = next_codec(CASES); which != NULL;
         which = next_codec(which + 1)) {
        compress(which, 0, noise, 250000);
        free(plain.data);
        plain = (struct strand_buffer){0};
        cr_expect_eq(decompress(which, out.size, 1 << 18), STRAND_OK);
        cr_expect_leq(plain.capacity, 1 << 18, "%s", which->name);
    }
}

/* ---- The pool ---- */

static void *
work_many_times(void *argument)
{
    struct strand_buffer mine = {0};
    struct strand_buffer back = {0};
    int shift = *(int *)argument;

    for (int i = 0; i < 100; i++) {
        const struct codec_case *which = &CASES[(i + shift) % CASE_COUNT];
        if (!strand_codec_is_available(which->codec))
            continue;
        mine.size = 0;
        cr_assert_eq(
            strand_compress(codecs, which->codec, which->levels[i % 2], text + i, 5000, &mine),
            STRAND_OK);
        cr_assert_eq(strand_decompress(codecs, which->codec, mine.data, mine.size, 5000, &back),
                     STRAND_OK);
        cr_assert(back.size == 5000 && memcmp(back.data, text + i, 5000) == 0);
    }
    free(mine.data);
    free(back.data);
    return NULL;
}

Test(codecs, share_a_pool_with_threads_and_levels)
{
    int shifts[4] = {0, 1, 2, 3};
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, work_many_times, &shifts[i]), 0);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
}
