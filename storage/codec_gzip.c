/* storage/codec_gzip.c -- gzip by zlib, in the shape that java.util.zip writes and reads.
 *
 * Written is one member.  Read are any number of them, one behind the other, as GZIPInputStream
 * does; what follows the last one and cannot be another is ignored, as it does too.
 */
#include "storage/codec_internal.h"

#ifdef STRAND_HAVE_ZLIB

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

#define ZLIB_CONST
#include <zlib.h>

#include "base/assert.h"
#include "base/buffer_pool.h"

enum {
    WINDOW_BITS = 15 + 16, /* the largest window; + 16: gzip's header and trailer */
    MEMORY_LEVEL = 8,      /* zlib's default and Java's */

    HEADER_EXTRA_FLAGS = 8, /* bytes of the header */
    HEADER_SYSTEM = 9,
    SYSTEM_UNKNOWN = 255,

    MEMBER_SIZE_MIN = 10 + 2 + 8, /* header, nothing compressed, trailer */
    FIRST_GROWTH = 4,             /* the first guess at the content is so many times the input */
};

static void *
create_deflater(void)
{
    z_stream *deflater = calloc(1, sizeof *deflater);

    if (deflater != NULL && deflateInit2(deflater, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW_BITS,
                                         MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(deflater);
        deflater = NULL;
    }
    return deflater;
}

static void
destroy_deflater(void *deflater)
{
    (void)deflateEnd(deflater); /* it only complains of what was left undone */
    free(deflater);
}

static void *
create_inflater(void)
{
    z_stream *inflater = calloc(1, sizeof *inflater);

    if (inflater != NULL && inflateInit2(inflater, WINDOW_BITS) != Z_OK) {
        free(inflater);
        inflater = NULL;
    }
    return inflater;
}

static void
destroy_inflater(void *inflater)
{
    (void)inflateEnd(inflater); /* it only frees */
    free(inflater);
}

static int
compress_member(void *compressor, int level, const void *data, size_t size,
                struct strand_buffer *out)
{
    z_stream *deflater = compressor;

    deflater->avail_in = 0;
    deflater->avail_out = 0;
    if (deflateReset(deflater) != Z_OK ||
        deflateParams(deflater, level == 0 ? Z_DEFAULT_COMPRESSION : level, Z_DEFAULT_STRATEGY) !=
            Z_OK)
        return strand_codec_no_memory("gzip");

    size_t room = deflateBound(deflater, (uLong)size);
    strand_assert(room <= UINT_MAX);
    int status = strand_buffer_reserve(out, out->size + room);
    if (status != STRAND_OK)
        return status;
    uint8_t *member = out->data + out->size;
    deflater->next_in = data;
    deflater->avail_in = (uInt)size;
    deflater->next_out = member;
    deflater->avail_out = (uInt)room;
    int result = deflate(deflater, Z_FINISH);
    strand_assert(result == Z_STREAM_END); /* that is what deflateBound() promises */

    member[HEADER_EXTRA_FLAGS] = 0; /* as Java: no word on the level and the system */
    member[HEADER_SYSTEM] = SYSTEM_UNKNOWN;
    out->size += room - deflater->avail_out;
    return STRAND_OK;
}

static int
bad_member(const char *problem)
{
    return strand_codec_malformed("gzip", problem);
}

/* Room behind what OUT holds, but never beyond the limit: there is none when that is reached. */
static int
make_room(struct strand_buffer *out, size_t size_max_bytes, size_t *out_room)
{
    if (out->size == out->capacity && out->size < size_max_bytes) {
        int status = strand_buffer_reserve(out, out->size + 1); /* which doubles it */
        if (status != STRAND_OK)
            return status;
    }
    size_t end = out->capacity < size_max_bytes ? out->capacity : size_max_bytes;
    size_t room = end - out->size;
    *out_room = room < UINT_MAX ? room : UINT_MAX;
    return STRAND_OK;
}

/* Inflate from INFLATER->next_in to the end of a member, which lies at or before END. */
static int
decompress_member(z_stream *inflater, const uint8_t *end, size_t size_max_bytes,
                  struct strand_buffer *out)
{
    if (inflateReset(inflater) != Z_OK)
        return strand_codec_no_memory("gzip");
    for (;;) {
        size_t room;
        int status = make_room(out, size_max_bytes, &room);
        if (status != STRAND_OK)
            return status;

        inflater->avail_in = (uInt)(end - inflater->next_in);
        inflater->next_out = out->data + out->size;
        inflater->avail_out = (uInt)room;
        int result = inflate(inflater, Z_NO_FLUSH);
        out->size += room - inflater->avail_out;
        if (result == Z_STREAM_END)
            return STRAND_OK;
        if (result == Z_MEM_ERROR)
            return strand_codec_no_memory("gzip");
        if (result != Z_OK && result != Z_BUF_ERROR)
            return bad_member(inflater->msg != NULL ? inflater->msg : "it is malformed");
        if (inflater->avail_out > 0)
            return bad_member("it ends too early");
        if (out->size >= size_max_bytes)
            return bad_member("content is larger than the limit");
    }
}

static bool
is_member(const uint8_t *at, const uint8_t *end)
{
    return end - at >= MEMBER_SIZE_MIN && at[0] == 0x1f && at[1] == 0x8b && at[2] == Z_DEFLATED;
}

static int
decompress_members(void *decompressor, const void *data, size_t size, size_t size_max_bytes,
                   struct strand_buffer *out)
{
    z_stream *inflater = decompressor;
    const uint8_t *end = (const uint8_t *)data + size;
    size_t guess = size * FIRST_GROWTH;

    out->size = 0;
    if (guess > size_max_bytes)
        guess = size_max_bytes;
    int status = strand_buffer_reserve(out, guess > 0 ? guess : 1); /* zlib refuses NULL */
    if (status != STRAND_OK)
        return status;
    inflater->next_in = data;
    do {
        status = decompress_member(inflater, end, size_max_bytes, out);
    } while (status == STRAND_OK && is_member(inflater->next_in, end));
    return status;
}

static const struct strand_codec_functions GZIP = {
    .compressor = {create_deflater, destroy_deflater},
    .decompressor = {create_inflater, destroy_inflater},
    .compress = compress_member,
    .decompress = decompress_members,
};

const struct strand_codec_functions *const strand_codec_gzip = &GZIP;

#else

const struct strand_codec_functions *const strand_codec_gzip = NULL;

#endif
