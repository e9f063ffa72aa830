/* tests/unit/test_crc32c.c -- All implementations that this processor can run, and the definition,
 * agree. */
#include "base/crc32c.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

enum { SIZE_LIMIT = 4200, ALIGNMENTS = 16, IMPLEMENTATIONS_MAX = 8 };

static uint8_t data[16384 + ALIGNMENTS];
static strand_crc32c_fn *all[IMPLEMENTATIONS_MAX];
static size_t count;

static void
fill_data(void)
{
    uint32_t state = 12345;

    for (count = 0; strand_crc32c_implementation(count) != NULL; count++) {
        cr_assert_lt(count, IMPLEMENTATIONS_MAX);
        all[count] = strand_crc32c_implementation(count);
    }

    for (size_t i = 0; i < sizeof data; i++) {
        state = state * 1664525 + 1013904223;
        data[i] = (uint8_t)(state >> 24);
    }
}

TestSuite(crc32c, .init = fill_data);

/* The definition: one bit at a time. */
static uint32_t
crc_by_bits(uint32_t crc, const uint8_t *from, size_t size)
{
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= from[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82f63b78 : crc >> 1;
    }
    return ~crc;
}

/* The examples of RFC 3720, B.4, and the check value of the CRC catalogues. */
Test(crc32c, matches_published_values)
{
    static const uint8_t ZEROS[32];
    uint8_t ones[32], up[32], down[32];

    memset(ones, 0xff, sizeof ones);
    for (int i = 0; i < 32; i++) {
        up[i] = (uint8_t)i;
        down[i] = (uint8_t)(31 - i);
    }
    const struct {
        const void *data;
        size_t size;
        uint32_t crc;
    } cases[] = {
        {"123456789", 9, 0xe3069283}, {NULL, 0, 0},         {ZEROS, 32, 0x8a9136aa},
        {ones, 32, 0x62a8ab43},       {up, 32, 0x46dd794e}, {down, 32, 0x113fdb5c},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t k = 0; k < count; k++)
            cr_expect_eq(all[k](0, cases[i].data, cases[i].size), cases[i].crc);
}

Test(crc32c, table_matches_the_definition)
{
    for (size_t size = 0; size < 600; size++)
        cr_assert_eq(all[0](7, data, size), crc_by_bits(7, data, size), "size %zu", size);
}

Test(crc32c, all_agree_at_every_size)
{
    for (size_t i = 0; i < count; i++)
        for (size_t size = 0; size < SIZE_LIMIT; size++)
            cr_assert_eq(all[i](7, data, size), all[0](7, data, size), "%zu: size %zu", i, size);
}

Test(crc32c, the_last_one_is_in_use)
{
    cr_expect_eq(strand_crc32c(7, data, SIZE_LIMIT), all[count - 1](7, data, SIZE_LIMIT));
    cr_expect_eq(strand_crc32c(7, data, SIZE_LIMIT), all[0](7, data, SIZE_LIMIT));
    cr_expect_null(strand_crc32c_implementation(count + 1));
}

Test(crc32c, all_agree_at_every_alignment)
{
    static const size_t SIZES[] = {1,   7,   8,    191,  192,  193,  511,  512,  513,
                                   768, 961, 1024, 1025, 3072, 3079, 4032, 16384};

    for (size_t i = 0; i < count; i++)
        for (size_t start = 0; start < ALIGNMENTS; start++)
            for (size_t k = 0; k < sizeof SIZES / sizeof SIZES[0]; k++)
                cr_assert_eq(all[i](0, data + start, SIZES[k]), all[0](0, data + start, SIZES[k]),
                             "%zu: start %zu, size %zu", i, start, SIZES[k]);
}

Test(crc32c, can_be_continued_at_every_split)
{
    uint32_t whole = all[0](0, data, SIZE_LIMIT);

    for (size_t i = 0; i < count; i++)
        for (size_t split = 0; split <= SIZE_LIMIT; split++)
            cr_assert_eq(all[i](all[i](0, data, split), data + split, SIZE_LIMIT - split), whole,
                         "%zu: split %zu", i, split);
}

/* Behind the last byte there is nothing: the address sanitizer sees a read too far. */
Test(crc32c, reads_nothing_behind_the_end)
{
    for (size_t size = 1; size < 1100; size++) {
        uint8_t *exact = malloc(size);

        memcpy(exact, data, size);
        for (size_t i = 1; i < count; i++)
            cr_expect_eq(all[i](0, exact, size), all[0](0, exact, size));
        free(exact);
    }
}

static void *
sum_in_thread(void *argument)
{
    uint32_t *crc = argument;

    *crc = strand_crc32c(0, data, 4096);
    return NULL;
}

Test(crc32c, threads_may_race_through_the_first_call)
{
    pthread_t threads[4];
    uint32_t crcs[4];

    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, sum_in_thread, &crcs[i]), 0);
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
        cr_expect_eq(crcs[i], crc_by_bits(0, data, 4096));
    }
}
