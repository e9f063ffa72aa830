/* storage/codec_snappy.c -- Raw snappy by libsnappy, in the framing of snappy-java (xerial).
 *
 * A stream is a header of 16 bytes and blocks, each its compressed size and a raw snappy block; a
 * header may stand between blocks, where streams were joined.  Kafka takes input that does not
 * begin with a header for one raw block, since some clients write that, and so does this.
 *
 * libsnappy allocates its tables (under 200 KiB) in each call, in C++: if there is no memory for
 * them the process ends, which cannot be caught from C.
 */
#include "storage/codec_internal.h"

#ifdef STRAND_HAVE_SNAPPY

#include <stdbool.h>
#include <string.h>

#include <snappy-c.h>

#include "base/assert.h"
#include "base/buffer_pool.h"
#include "base/bytes.h"

enum {
    BLOCK_SIZE = 32 * 1024, /* bytes that are compressed together: snappy-java's default */
    LENGTH_SIZE = 4,
    MAGIC_SIZE = 8,
    HEADER_SIZE = 16,

    BLOCK_RATIO_MAX = 22, /* the densest of a block's elements, a copy, makes 64 bytes from 3 */
};

static const uint8_t HEADER[HEADER_SIZE] = {
    0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, /* magic */
    0,    0,   0,   1,                     /* version */
    0,    0,   0,   1,                     /* the oldest version that can read it */
};

static int
compress_stream(void *compressor, int level, const void *data, size_t size,
                struct strand_buffer *out)
{
    size_t block_count = size / BLOCK_SIZE + (size % BLOCK_SIZE != 0);
    size_t block_room = snappy_max_compressed_length(BLOCK_SIZE);
    int status = strand_buffer_reserve(out, out->size + HEADER_SIZE +
                                                block_count * (LENGTH_SIZE + block_room));

    (void)compressor; /* libsnappy keeps nothing */
    (void)level;      /* and knows no levels */
    if (status != STRAND_OK)
        return status;

    uint8_t *to = out->data + out->size;
    memcpy(to, HEADER, HEADER_SIZE);
    to += HEADER_SIZE;
    for (size_t at = 0; at < size; at += BLOCK_SIZE) {
        size_t taken = size - at < BLOCK_SIZE ? size - at : BLOCK_SIZE;
        size_t written = block_room;
        snappy_status result =
            snappy_compress((const char *)data + at, taken, (char *)to + LENGTH_SIZE, &written);
        strand_assert(result == SNAPPY_OK); /* which too little room alone would prevent */
        strand_put_be32(to, (uint32_t)written);
        to += LENGTH_SIZE + written;
    }
    out->size = (size_t)(to - out->data);
    return STRAND_OK;
}

static int
bad_stream(const char *problem)
{
    return strand_codec_malformed("snappy", problem);
}

/* Append what the raw block of SIZE bytes AT says. */
static int
decompress_block(const uint8_t *at, size_t size, size_t size_max_bytes, struct strand_buffer *out)
{
    size_t claimed;

    if (snappy_uncompressed_length((const char *)at, size, &claimed) != SNAPPY_OK)
        return bad_stream("a block does not begin with its size");
    if (claimed > size * BLOCK_RATIO_MAX)
        return bad_stream("a block claims more than its bytes can give");
    if (claimed > size_max_bytes - out->size)
        return bad_stream("content is larger than the limit");

    size_t needed = out->size + claimed;
    int status = strand_buffer_reserve(out, needed > 0 ? needed : 1); /* for an address */
    if (status != STRAND_OK)
        return status;
    if (snappy_uncompress((const char *)at, size, (char *)out->data + out->size, &claimed) !=
        SNAPPY_OK)
        return bad_stream("a block is malformed");
    out->size += claimed;
    return STRAND_OK;
}

static bool
has_magic(const uint8_t *at, size_t size)
{
    return size >= HEADER_SIZE && memcmp(at, HEADER, MAGIC_SIZE) == 0;
}

static int
decompress_stream(void *decompressor, const void *data, size_t size, size_t size_max_bytes,
                  struct strand_buffer *out)
{
    const uint8_t *at = data;
    const uint8_t *end = at + size;

    (void)decompressor; /* blocks do not depend on each other */
    out->size = 0;
    if (!has_magic(at, size))
        return decompress_block(at, size, size_max_bytes, out);
    /* One to three bytes behind the last block are ignored, as by snappy-java. */
    while (end - at >= LENGTH_SIZE) {
        if (has_magic(at, (size_t)(end - at))) {
            at += HEADER_SIZE;
            continue;
        }
        size_t block_size = strand_get_be32(at);
        at += LENGTH_SIZE;
        if (block_size > (size_t)(end - at))
            return bad_stream("it ends inside a block");
        int status = decompress_block(at, block_size, size_max_bytes, out);
        if (status != STRAND_OK)
            return status;
        at += block_size;
    }
    return STRAND_OK;
}

static const struct strand_codec_functions SNAPPY = {
    .compress = compress_stream,
    .decompress = decompress_stream,
};

const struct strand_codec_functions *const strand_codec_snappy = &SNAPPY;

#else

const struct strand_codec_functions *const strand_codec_snappy = NULL;

#endif
