/* storage/xxh32.c -- xxHash, 32 bits, seed 0, from its specification (XXH32, xxhash_spec.md).
 *
 * liblz4 has the function but does not export it, and what is hashed here is small: a frame header
 * always, blocks only when the sender asked for block checksums.
 */
#include "storage/xxh32.h"

#include "base/bytes.h"

static const uint32_t PRIME_1 = 0x9E3779B1u;
static const uint32_t PRIME_2 = 0x85EBCA77u;
static const uint32_t PRIME_3 = 0xC2B2AE3Du;
static const uint32_t PRIME_4 = 0x27D4EB2Fu;
static const uint32_t PRIME_5 = 0x165667B1u;

enum { STRIPE_SIZE = 16 };

static inline uint32_t
rotate_left(uint32_t value, int count)
{
    return (value << count) | (value >> (32 - count));
}

static inline uint32_t
mix_lane(uint32_t accumulator, uint32_t lane)
{
    return rotate_left(accumulator + lane * PRIME_2, 13) * PRIME_1;
}

/* The whole stripes of DATA[0..SIZE). */
static uint32_t
hash_stripes(const uint8_t *data, size_t size)
{
    uint32_t a = PRIME_1 + PRIME_2;
    uint32_t b = PRIME_2;
    uint32_t c = 0;
    uint32_t d = 0u - PRIME_1;

    for (; size >= STRIPE_SIZE; size -= STRIPE_SIZE, data += STRIPE_SIZE) {
        a = mix_lane(a, strand_get_le32(data));
        b = mix_lane(b, strand_get_le32(data + 4));
        c = mix_lane(c, strand_get_le32(data + 8));
        d = mix_lane(d, strand_get_le32(data + 12));
    }
    return rotate_left(a, 1) + rotate_left(b, 7) + rotate_left(c, 12) + rotate_left(d, 18);
}

static uint32_t
avalanche(uint32_t hash)
{
    hash = (hash ^ (hash >> 15)) * PRIME_2;
    hash = (hash ^ (hash >> 13)) * PRIME_3;
    return hash ^ (hash >> 16);
}

uint32_t
strand_xxh32(const void *data, size_t size)
{
    const uint8_t *at = data;
    uint32_t hash = size >= STRIPE_SIZE ? hash_stripes(at, size) : PRIME_5;
    size_t rest = size % STRIPE_SIZE;

    hash += (uint32_t)size;
    at += size - rest;
    for (; rest >= 4; rest -= 4, at += 4)
        hash = rotate_left(hash + strand_get_le32(at) * PRIME_3, 17) * PRIME_4;
    for (; rest > 0; rest--, at++)
        hash = rotate_left(hash + *at * PRIME_5, 11) * PRIME_1;
    return avalanche(hash);
}
