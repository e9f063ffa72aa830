/* storage/codec_zstd.c -- Zstandard frames by libzstd.
 *
 * Written is one frame with its content's size, which Kafka's own stream cannot know and every
 * reader understands, and without a checksum: the batch has one.
 *
 * Read are any number of frames and skippable frames, in a single call that writes to OUT itself.
 * A stream would need a window beside it, of 128 MiB if the header of a frame wants that; so
 * nothing is allocated but OUT, whatever the window, and what it costs is to begin again when OUT
 * was too small.
 */
#include "storage/codec_internal.h"

#ifdef STRAND_HAVE_ZSTD

#include <zstd.h>
#include <zstd_errors.h>

#include "base/assert.h"
#include "base/buffer_pool.h"

enum {
    FIRST_GROWTH = 4,      /* content of unknown size is guessed to be so many times the input */
    FIRST_GROWTH_MAX = 64, /* a size that the input claims is believed up to so many times it */
    GROWTH = 8,            /* the next guess after one that was too small */
};

static void *
create_compressor(void)
{
    return ZSTD_createCCtx();
}

static void
destroy_compressor(void *compressor)
{
    (void)ZSTD_freeCCtx(compressor); /* it only frees */
}

static void *
create_decompressor(void)
{
    return ZSTD_createDCtx();
}

static void
destroy_decompressor(void *decompressor)
{
    (void)ZSTD_freeDCtx(decompressor); /* it only frees */
}

static int
compress_frame(void *compressor, int level, const void *data, size_t size,
               struct strand_buffer *out)
{
    size_t room = ZSTD_compressBound(size);
    int status = strand_buffer_reserve(out, out->size + room);
    if (status != STRAND_OK)
        return status;

    size_t written = ZSTD_compressCCtx(compressor, out->data + out->size, room, data, size,
                                       level == 0 ? ZSTD_CLEVEL_DEFAULT : level);
    if (ZSTD_isError(written)) /* with enough room only memory can run out */
        return strand_codec_no_memory("zstd");
    strand_assert(written <= room);
    out->size += written;
    return STRAND_OK;
}

static int
bad_frame(const char *problem)
{
    return strand_codec_malformed("zstd", problem);
}

static size_t
guess_content_size(const void *data, size_t size)
{
    unsigned long long claimed = ZSTD_getFrameContentSize(data, size);

    if (claimed == ZSTD_CONTENTSIZE_UNKNOWN || claimed == ZSTD_CONTENTSIZE_ERROR)
        return size * FIRST_GROWTH;
    return claimed < size * FIRST_GROWTH_MAX ? (size_t)claimed : size * FIRST_GROWTH_MAX;
}

static int
decompress_frames(void *decompressor, const void *data, size_t size, size_t size_max_bytes,
                  struct strand_buffer *out)
{
    size_t room = guess_content_size(data, size);

    for (;;) {
        if (room > size_max_bytes)
            room = size_max_bytes;
        out->size = 0;
        int status = strand_buffer_reserve(out, room > 0 ? room : 1); /* for an address */
        if (status != STRAND_OK)
            return status;
        room = out->capacity < size_max_bytes ? out->capacity : size_max_bytes;

        size_t written = ZSTD_decompressDCtx(decompressor, out->data, room, data, size);
        if (!ZSTD_isError(written)) {
            strand_assert(written <= room);
            out->size = written;
            return STRAND_OK;
        }
        if (ZSTD_getErrorCode(written) != ZSTD_error_dstSize_tooSmall)
            return bad_frame(ZSTD_getErrorName(written));
        if (room == size_max_bytes)
            return bad_frame("content is larger than the limit");
        room = room > SIZE_MAX / GROWTH ? SIZE_MAX : room * GROWTH;
    }
}

static const struct strand_codec_functions ZSTD = {
    .compressor = {create_compressor, destroy_compressor},
    .decompressor = {create_decompressor, destroy_decompressor},
    .compress = compress_frame,
    .decompress = decompress_frames,
};

const struct strand_codec_functions *const strand_codec_zstd = &ZSTD;

#else

const struct strand_codec_functions *const strand_codec_zstd = NULL;

#endif
