/* base/varint.c -- Zigzag and LEB128.
 *
 * Kafka's readers drop the bits of the last allowed byte that do not fit (its ByteUtils shifts them
 * out), and refuse a last byte that announces another one.  The same happens here, so that a batch
 * is whole for both or for neither.
 */
#include "base/varint.h"

static uint32_t
zigzag_32(int32_t value)
{
    return ((uint32_t)value << 1) ^ (value < 0 ? UINT32_MAX : 0);
}

static uint64_t
zigzag_64(int64_t value)
{
    return ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
}

static size_t
leb128_size(uint64_t value)
{
    size_t bits = 64 - (size_t)__builtin_clzll(value | 1);

    return (bits + 6) / 7;
}

static inline uint8_t *
leb128_put(uint8_t *to, uint64_t value)
{
    while (value >= 0x80) {
        *to++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *to++ = (uint8_t)value;
    return to;
}

static inline const uint8_t *
leb128_get(const uint8_t *from, const uint8_t *end, unsigned size_max, uint64_t *out_value)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size_max && from < end; i++) {
        uint8_t byte = *from++;

        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *out_value = value;
            return from;
        }
    }
    return NULL;
}

size_t
strand_varint_size(int32_t value)
{
    return leb128_size(zigzag_32(value));
}

size_t
strand_varlong_size(int64_t value)
{
    return leb128_size(zigzag_64(value));
}

uint8_t *
strand_varint_put(uint8_t *to, int32_t value)
{
    return leb128_put(to, zigzag_32(value));
}

uint8_t *
strand_varlong_put(uint8_t *to, int64_t value)
{
    return leb128_put(to, zigzag_64(value));
}

const uint8_t *
strand_varint_get(const uint8_t *from, const uint8_t *end, int32_t *out_value)
{
    uint64_t value;
    const uint8_t *next = leb128_get(from, end, STRAND_VARINT_SIZE_MAX, &value);

    if (next != NULL) {
        uint32_t zigzag = (uint32_t)value;
        *out_value = (int32_t)((zigzag >> 1) ^ (0 - (zigzag & 1)));
    }
    return next;
}

const uint8_t *
strand_varlong_get(const uint8_t *from, const uint8_t *end, int64_t *out_value)
{
    uint64_t zigzag;
    const uint8_t *next = leb128_get(from, end, STRAND_VARLONG_SIZE_MAX, &zigzag);

    if (next != NULL)
        *out_value = (int64_t)((zigzag >> 1) ^ (0 - (zigzag & 1)));
    return next;
}
