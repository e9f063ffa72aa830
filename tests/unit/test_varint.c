/* tests/unit/test_varint.c -- Kafka's variable-length integers, byte for byte. */
#include "base/varint.h"

#include <string.h>

#include <criterion/criterion.h>

static const struct {
    int32_t value;
    size_t size;
    uint8_t bytes[STRAND_VARINT_SIZE_MAX];
} VARINTS[] = {
    {0, 1, {0x00}},
    {-1, 1, {0x01}},
    {1, 1, {0x02}},
    {63, 1, {0x7e}},
    {-64, 1, {0x7f}},
    {64, 2, {0x80, 0x01}},
    {-65, 2, {0x81, 0x01}},
    {8191, 2, {0xfe, 0x7f}},
    {-8192, 2, {0xff, 0x7f}},
    {8192, 3, {0x80, 0x80, 0x01}},
    {1048575, 3, {0xfe, 0xff, 0x7f}},
    {-1048577, 4, {0x81, 0x80, 0x80, 0x01}},
    {134217727, 4, {0xfe, 0xff, 0xff, 0x7f}},
    {134217728, 5, {0x80, 0x80, 0x80, 0x80, 0x01}},
    {INT32_MAX, 5, {0xfe, 0xff, 0xff, 0xff, 0x0f}},
    {INT32_MIN, 5, {0xff, 0xff, 0xff, 0xff, 0x0f}},
};

static const struct {
    int64_t value;
    size_t size;
    uint8_t bytes[STRAND_VARLONG_SIZE_MAX];
} VARLONGS[] = {
    {0, 1, {0x00}},
    {-1, 1, {0x01}},
    {-65, 2, {0x81, 0x01}},
    {INT32_MAX, 5, {0xfe, 0xff, 0xff, 0xff, 0x0f}},
    {INT64_C(17179869183), 5, {0xfe, 0xff, 0xff, 0xff, 0x7f}},
    {INT64_C(17179869184), 6, {0x80, 0x80, 0x80, 0x80, 0x80, 0x01}},
    {INT64_C(4611686018427387903), 9, {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}},
    {INT64_MAX, 10, {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}},
    {INT64_MIN, 10, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}},
};

enum {
    VARINT_COUNT = sizeof VARINTS / sizeof VARINTS[0],
    VARLONG_COUNT = sizeof VARLONGS / sizeof VARLONGS[0],
};

Test(varint, is_written_as_kafka_writes_it)
{
    for (size_t i = 0; i < VARINT_COUNT; i++) {
        uint8_t bytes[STRAND_VARINT_SIZE_MAX] = {0};

        cr_expect_eq(strand_varint_size(VARINTS[i].value), VARINTS[i].size, "case %zu", i);
        cr_expect_eq(strand_varint_put(bytes, VARINTS[i].value), bytes + VARINTS[i].size);
        cr_expect_arr_eq(bytes, VARINTS[i].bytes, sizeof bytes, "case %zu", i);
    }
}

Test(varlong, is_written_as_kafka_writes_it)
{
    for (size_t i = 0; i < VARLONG_COUNT; i++) {
        uint8_t bytes[STRAND_VARLONG_SIZE_MAX] = {0};

        cr_expect_eq(strand_varlong_size(VARLONGS[i].value), VARLONGS[i].size, "case %zu", i);
        cr_expect_eq(strand_varlong_put(bytes, VARLONGS[i].value), bytes + VARLONGS[i].size);
        cr_expect_arr_eq(bytes, VARLONGS[i].bytes, sizeof bytes, "case %zu", i);
    }
}

Test(varint, is_read_back_and_ends_where_it_ended)
{
    for (size_t i = 0; i < VARINT_COUNT; i++) {
        const uint8_t *bytes = VARINTS[i].bytes;
        const uint8_t *end = bytes + VARINTS[i].size;
        int32_t value = 77;

        cr_expect_eq(strand_varint_get(bytes, bytes + sizeof VARINTS[i].bytes, &value), end);
        cr_expect_eq(value, VARINTS[i].value);
    }
}

Test(varlong, is_read_back_and_ends_where_it_ended)
{
    for (size_t i = 0; i < VARLONG_COUNT; i++) {
        const uint8_t *bytes = VARLONGS[i].bytes;
        const uint8_t *end = bytes + VARLONGS[i].size;
        int64_t value = 77;

        cr_expect_eq(strand_varlong_get(bytes, bytes + sizeof VARLONGS[i].bytes, &value), end);
        cr_expect_eq(value, VARLONGS[i].value);
    }
}

Test(varint, is_refused_when_cut_off_and_the_output_stays)
{
    for (size_t i = 0; i < VARINT_COUNT; i++) {
        for (size_t size = 0; size < VARINTS[i].size; size++) {
            int32_t value = 77;
            cr_expect_null(strand_varint_get(VARINTS[i].bytes, VARINTS[i].bytes + size, &value));
            cr_expect_eq(value, 77);
        }
    }
}

Test(varlong, is_refused_when_cut_off_and_the_output_stays)
{
    for (size_t i = 0; i < VARLONG_COUNT; i++) {
        for (size_t size = 0; size < VARLONGS[i].size; size++) {
            int64_t value = 77;
            cr_expect_null(strand_varlong_get(VARLONGS[i].bytes, VARLONGS[i].bytes + size, &value));
            cr_expect_eq(value, 77);
        }
    }
}

/* ByteUtils.readVarint: five bytes at most; what does not fit 32 bits is shifted out. */
Test(varint, over_long_encodings_are_read_as_kafka_reads_them)
{
    static const uint8_t ZERO[] = {0x80, 0x80, 0x80, 0x80, 0x00};
    static const uint8_t HIGH_BITS[] = {0xff, 0xff, 0xff, 0xff, 0x7f};
    static const uint8_t SIX[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x00};
    int32_t value = 77;

    cr_expect_eq(strand_varint_get(ZERO, ZERO + sizeof ZERO, &value), ZERO + sizeof ZERO);
    cr_expect_eq(value, 0);
    cr_expect_eq(strand_varint_get(HIGH_BITS, HIGH_BITS + sizeof HIGH_BITS, &value),
                 HIGH_BITS + sizeof HIGH_BITS);
    cr_expect_eq(value, INT32_MIN);
    cr_expect_null(strand_varint_get(SIX, SIX + sizeof SIX, &value));
}

Test(varlong, over_long_encodings_are_read_as_kafka_reads_them)
{
    static const uint8_t HIGH_BITS[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
    static const uint8_t ELEVEN[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                     0x80, 0x80, 0x80, 0x80, 0x00};
    int64_t value = 77;

    cr_expect_eq(strand_varlong_get(HIGH_BITS, HIGH_BITS + sizeof HIGH_BITS, &value),
                 HIGH_BITS + sizeof HIGH_BITS);
    cr_expect_eq(value, INT64_MIN);
    cr_expect_null(strand_varlong_get(ELEVEN, ELEVEN + sizeof ELEVEN, &value));
}

Test(varint, every_power_of_two_and_its_neighbours_survive)
{
    for (int bit = 0; bit < 63; bit++) {
        for (int64_t delta = -1; delta <= 1; delta++) {
            int64_t wide = (INT64_C(1) << bit) + delta;
            uint8_t bytes[STRAND_VARLONG_SIZE_MAX];
            int64_t wide_back = 0;
            int32_t narrow = (int32_t)(uint32_t)wide;
            int32_t narrow_back = 0;

            const uint8_t *end = strand_varlong_put(bytes, -wide);
            cr_expect_eq(end, bytes + strand_varlong_size(-wide));
            cr_expect_eq(strand_varlong_get(bytes, end, &wide_back), end);
            cr_expect_eq(wide_back, -wide);

            end = strand_varint_put(bytes, narrow);
            cr_expect_eq(end, bytes + strand_varint_size(narrow));
            cr_expect_eq(strand_varint_get(bytes, end, &narrow_back), end);
            cr_expect_eq(narrow_back, narrow);
        }
    }
}
