/* base/bytes.h -- Integers at any address, big-endian (Kafka's formats) and little-endian (ours).
 *
 * Formats are read and written with these, never by laying a struct over stored bytes: no
 * alignment, byte order or aliasing to get wrong.  Compilers turn each into one load or store.
 */
#ifndef STRAND_BASE_BYTES_H
#define STRAND_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "big-endian machines are not supported: the accessors below swap unconditionally"
#endif

static inline uint16_t
strand_get_be16(const void *from)
{
    uint16_t value;

    memcpy(&value, from, sizeof value);
    return __builtin_bswap16(value);
}

static inline uint32_t
strand_get_be32(const void *from)
{
    uint32_t value;

    memcpy(&value, from, sizeof value);
    return __builtin_bswap32(value);
}

static inline uint64_t
strand_get_be64(const void *from)
{
    uint64_t value;

    memcpy(&value, from, sizeof value);
    return __builtin_bswap64(value);
}

static inline void
strand_put_be16(void *to, uint16_t value)
{
    value = __builtin_bswap16(value);
    memcpy(to, &value, sizeof value);
}

static inline void
strand_put_be32(void *to, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(to, &value, sizeof value);
}

static inline void
strand_put_be64(void *to, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(to, &value, sizeof value);
}

static inline uint32_t
strand_get_le32(const void *from)
{
    uint32_t value;

    memcpy(&value, from, sizeof value);
    return value;
}

static inline uint64_t
strand_get_le64(const void *from)
{
    uint64_t value;

    memcpy(&value, from, sizeof value);
    return value;
}

static inline void
strand_put_le32(void *to, uint32_t value)
{
    memcpy(to, &value, sizeof value);
}

static inline void
strand_put_le64(void *to, uint64_t value)
{
    memcpy(to, &value, sizeof value);
}

#endif
