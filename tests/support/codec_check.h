/* tests/support/codec_check.h -- A pool, payloads, and buffers for the tests of codecs.
 */
#ifndef STRAND_TESTS_CODEC_CHECK_H
#define STRAND_TESTS_CODEC_CHECK_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/buffer_pool.h"
#include "base/error.h"
#include "storage/compression.h"
#include "support/golden_batch.h"

enum { PAYLOAD_MAX = 300000 };

static struct strand_codec_pool *codecs;
static struct strand_buffer out, plain;
static uint8_t text[PAYLOAD_MAX];  /* compresses well */
static uint8_t noise[PAYLOAD_MAX]; /* does not */

static inline void
codec_check_begin(void)
{
    uint64_t state = 7;

    cr_assert_eq(strand_codec_pool_create(&codecs), STRAND_OK);
    for (size_t i = 0; i < PAYLOAD_MAX; i++) {
        noise[i] = (uint8_t)golden_random(&state);
        text[i] = (uint8_t)("abcdefgh"[golden_random(&state) % (i % 100 < 90 ? 2 : 8)]);
    }
}

static inline void
codec_check_end(void)
{
    strand_codec_pool_destroy(codecs);
    strand_codec_pool_destroy(NULL);
    free(out.data);
    free(plain.data);
}

/* DATA, from a block of exactly its size so that ASan sees a byte read too far. */
static inline int
decompress_exactly(int codec, const uint8_t *data, size_t size, size_t limit)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);

    if (size > 0)
        memcpy(copy, data, size);
    int status = strand_decompress(codecs, codec, copy, size, limit, &plain);
    free(copy);
    return status;
}

static inline void
expect_plain(const void *data, size_t size)
{
    cr_assert_eq(plain.size, size, "%zu bytes instead of %zu", plain.size, size);
    if (size > 0)
        cr_assert(memcmp(plain.data, data, size) == 0);
}

static inline void
expect_said(const char *words)
{
    cr_expect_not_null(strstr(strand_error_message(), words), "\"%s\" does not say \"%s\"",
                       strand_error_message(), words);
}

#endif
