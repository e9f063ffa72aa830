/* storage/codec_lz4.c -- The LZ4 frame format, written by liblz4 and read here.
 *
 * Writing is left to liblz4's frame functions: with independent blocks and autoFlush they compress
 * straight from the caller's bytes and keep nothing, so that a context is worth keeping only for
 * its hash tables.  Reading is not, since liblz4 accepts what Kafka refuses (linked blocks, several
 * frames, dictionaries) and refuses what Kafka accepts (a wrong content checksum).
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <lz4.h>
#include <lz4frame.h>

#include "base/assert.h"
#include "base/buffer_pool.h"
#include "base/bytes.h"
#include "storage/codec_internal.h"
#include "storage/xxh32.h"

enum {
    LZ4_LEVEL_FAST = 9,         /* Kafka's default and its name for the fast compressor (KIP-390) */
    LZ4_LIBRARY_LEVEL_FAST = 0, /* liblz4's */
    LZ4_LIBRARY_LEVEL_HIGH_MIN = 3, /* below it liblz4 takes the fast compressor */

    FRAME_MAGIC_SIZE = 4,
    FRAME_CONTENT_SIZE_SIZE = 8,
    FRAME_CHECKSUM_SIZE = 4,
    FRAME_BLOCK_CODE_MIN = 4, /* 64 KiB; each step up is four times as much */
    FRAME_BLOCK_CODE_MAX = 7, /* 4 MiB */
    FRAME_BLOCK_SIZE_MIN = 64 * 1024,

    BLOCK_RATIO_MAX = 255, /* a byte of a compressed block gives at most so many */
};

static const uint32_t FRAME_MAGIC = 0x184D2204u;
static const uint32_t BLOCK_STORED = 0x80000000u; /* in a block's size: not compressed */

enum frame_flag { /* FLG, first byte of the frame descriptor */
                  FRAME_VERSION_MASK = 0xc0,
                  FRAME_VERSION_1 = 0x40,
                  FRAME_BLOCKS_INDEPENDENT = 0x20,
                  FRAME_BLOCK_CHECKSUM = 0x10,
                  FRAME_CONTENT_SIZE = 0x08,
                  FRAME_CONTENT_CHECKSUM = 0x04,
                  FRAME_RESERVED_MASK = 0x03, /* a dictionary id among them: Kafka has none */
};

static void *
create_compressor(void)
{
    LZ4F_cctx *lz4 = NULL;

    return LZ4F_isError(LZ4F_createCompressionContext(&lz4, LZ4F_VERSION)) ? NULL : lz4;
}

static void
destroy_compressor(void *compressor)
{
    (void)LZ4F_freeCompressionContext(compressor); /* it only frees; its result is always 0 */
}

/* Kafka's levels are those of another library.  liblz4 has no high compressor below 3 and none
 * above 12: 1 and 2 become 3, and liblz4 itself takes 13 to 17 for 12. */
static int
lz4_library_level(int level)
{
    if (level == 0 || level == LZ4_LEVEL_FAST)
        return LZ4_LIBRARY_LEVEL_FAST;
    return level < LZ4_LIBRARY_LEVEL_HIGH_MIN ? LZ4_LIBRARY_LEVEL_HIGH_MIN : level;
}

/* Write one frame at TO, which has room for it.  Its size, or liblz4's error. */
static size_t
write_frame(LZ4F_cctx *lz4, const LZ4F_preferences_t *preferences, const void *data, size_t size,
            uint8_t *to, size_t room)
{
    size_t begin = LZ4F_compressBegin(lz4, to, room, preferences);
    if (LZ4F_isError(begin))
        return begin;
    size_t blocks = LZ4F_compressUpdate(lz4, to + begin, room - begin, data, size, NULL);
    if (LZ4F_isError(blocks))
        return blocks;
    size_t end = LZ4F_compressEnd(lz4, to + begin + blocks, room - begin - blocks, NULL);
    return LZ4F_isError(end) ? end : begin + blocks + end;
}

static int
compress_frame(void *compressor, int level, const void *data, size_t size,
               struct strand_buffer *out)
{
    LZ4F_preferences_t preferences = {
        .frameInfo = {.blockSizeID = LZ4F_max64KB, .blockMode = LZ4F_blockIndependent},
        .compressionLevel = lz4_library_level(level),
        .autoFlush = 1,
    };
    size_t room = LZ4F_HEADER_SIZE_MAX + LZ4F_compressBound(size, &preferences);
    int status = strand_buffer_reserve(out, out->size + room);
    if (status != STRAND_OK)
        return status;

    size_t written = write_frame(compressor, &preferences, data, size, out->data + out->size, room);
    if (LZ4F_isError(written)) /* with enough room only memory can run out */
        return strand_codec_no_memory("lz4");
    strand_assert(written <= room);
    out->size += written;
    return STRAND_OK;
}

struct frame {
    const uint8_t *at;
    const uint8_t *end;
    uint8_t flags;
    size_t block_size_max;
};

static int
bad_frame(const char *problem)
{
    return strand_codec_malformed("lz4 frame", problem);
}

static inline size_t
frame_rest(const struct frame *frame)
{
    return (size_t)(frame->end - frame->at);
}

static int
check_descriptor(uint8_t flags, uint8_t block_descriptor)
{
    int code = block_descriptor >> 4;

    if ((flags & FRAME_VERSION_MASK) != FRAME_VERSION_1)
        return bad_frame("version is not 1");
    if ((flags & FRAME_BLOCKS_INDEPENDENT) == 0)
        return bad_frame("blocks depend on each other, which is not supported");
    if ((flags & FRAME_RESERVED_MASK) != 0)
        return bad_frame("a reserved flag or a dictionary id is set");
    if ((block_descriptor & 0x0f) != 0 || code < FRAME_BLOCK_CODE_MIN ||
        code > FRAME_BLOCK_CODE_MAX)
        return bad_frame("block descriptor is not one of 0x40, 0x50, 0x60, 0x70");
    return STRAND_OK;
}

/* Magic, FLG, BD, perhaps the content size, and the second byte of the hash of all but the magic.
 */
static int
read_frame_header(struct frame *frame)
{
    if (frame_rest(frame) < FRAME_MAGIC_SIZE + 3)
        return bad_frame("it ends inside its header");
    if (strand_get_le32(frame->at) != FRAME_MAGIC)
        return bad_frame("magic is wrong");
    frame->at += FRAME_MAGIC_SIZE;

    int status = check_descriptor(frame->at[0], frame->at[1]);
    if (status != STRAND_OK)
        return status;
    frame->flags = frame->at[0];
    frame->block_size_max = (size_t)FRAME_BLOCK_SIZE_MIN
                            << (2 * ((frame->at[1] >> 4) - FRAME_BLOCK_CODE_MIN));

    size_t size = 2 + ((frame->flags & FRAME_CONTENT_SIZE) != 0 ? FRAME_CONTENT_SIZE_SIZE : 0);
    if (frame_rest(frame) < size + 1)
        return bad_frame("it ends inside its header");
    if (frame->at[size] != (uint8_t)(strand_xxh32(frame->at, size) >> 8))
        return bad_frame("header checksum is wrong");
    frame->at += size + 1;
    return STRAND_OK;
}

/* Append the SIZE stored bytes at FRAME->at, decompressed, to OUT. */
static int
read_block_content(const struct frame *frame, size_t size, bool stored, size_t size_max_bytes,
                   struct strand_buffer *out)
{
    size_t left = size_max_bytes - out->size;
    size_t bound = stored ? size : size * BLOCK_RATIO_MAX;
    if (bound > frame->block_size_max)
        bound = frame->block_size_max;
    if (left == 0 || (stored && bound > left))
        return bad_frame("content is larger than the limit");
    if (bound > left)
        bound = left;

    int status = strand_buffer_reserve(out, out->size + bound);
    if (status != STRAND_OK)
        return status;
    if (stored) {
        memcpy(out->data + out->size, frame->at, size);
        out->size += size;
        return STRAND_OK;
    }
    int written = LZ4_decompress_safe((const char *)frame->at, (char *)out->data + out->size,
                                      (int)size, (int)bound);
    if (written < 0)
        return bad_frame(bound == left ? "a block is malformed or exceeds the limit"
                                       : "a block is malformed");
    out->size += (size_t)written;
    return STRAND_OK;
}

/* Size, content, and its checksum if the frame has them.  *OUT_IS_END: it was the end mark; Kafka
 * looks at the size alone to know it, not at the bit beside it. */
static int
read_block(struct frame *frame, size_t size_max_bytes, struct strand_buffer *out, bool *out_is_end)
{
    if (frame_rest(frame) < 4)
        return bad_frame("it ends before its end mark");
    uint32_t word = strand_get_le32(frame->at);
    size_t size = word & ~BLOCK_STORED;
    size_t checksum_size =
        (frame->flags & FRAME_BLOCK_CHECKSUM) != 0 && size > 0 ? FRAME_CHECKSUM_SIZE : 0;
    frame->at += 4;

    *out_is_end = size == 0;
    if (size == 0)
        return STRAND_OK;
    if (size > frame->block_size_max)
        return bad_frame("a block is larger than the header says");
    if (frame_rest(frame) < size + checksum_size)
        return bad_frame("it ends inside a block");
    if (checksum_size > 0 && strand_get_le32(frame->at + size) != strand_xxh32(frame->at, size))
        return bad_frame("block checksum is wrong");

    int status = read_block_content(frame, size, (word & BLOCK_STORED) != 0, size_max_bytes, out);
    frame->at += size + checksum_size;
    return status;
}

static int
decompress_frame(void *decompressor, const void *data, size_t size, size_t size_max_bytes,
                 struct strand_buffer *out)
{
    (void)decompressor; /* blocks do not depend on each other: there is nothing to keep */
    struct frame frame = {.at = data, .end = (const uint8_t *)data + size};
    bool is_end = false;

    int status = read_frame_header(&frame);
    out->size = 0;
    while (status == STRAND_OK && !is_end)
        status = read_block(&frame, size_max_bytes, out, &is_end);
    if (status != STRAND_OK)
        return status;

    if ((frame.flags & FRAME_CONTENT_CHECKSUM) != 0) { /* not verified: Kafka's never were right */
        if (frame_rest(&frame) < FRAME_CHECKSUM_SIZE)
            return bad_frame("it ends inside its content checksum");
        frame.at += FRAME_CHECKSUM_SIZE;
    }
    return frame.at == frame.end ? STRAND_OK : bad_frame("bytes follow it");
}

static const struct strand_codec_functions LZ4 = {
    .compressor = {create_compressor, destroy_compressor},
    .compress = compress_frame,
    .decompress = decompress_frame,
};

const struct strand_codec_functions *const strand_codec_lz4 = &LZ4;
