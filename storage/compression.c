/* storage/compression.c -- Codecs by number; the LZ4 frame format, written by liblz4 and read here.
 *
 * Writing is left to liblz4's frame functions: with independent blocks and autoFlush they compress
 * straight from the caller's bytes and keep nothing, so that a context is worth pooling only for
 * its hash tables.  Reading is not, since liblz4 accepts what Kafka refuses (linked blocks, several
 * frames, dictionaries) and refuses what Kafka accepts (a wrong content checksum).
 */
#include "storage/compression.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <lz4.h>
#include <lz4frame.h>

#include "base/assert.h"
#include "base/buffer_pool.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/thread.h"
#include "storage/xxh32.h"

enum {
    LZ4_LEVEL_MAX = 17,
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

struct context {
    LZ4F_cctx *lz4;       /* owned */
    struct context *next; /* free list */
};

struct strand_codec_pool {
    struct strand_mutex lock;
    struct context *free; /* guarded by lock; as many as were ever in use at once */
};

const char *
strand_codec_name(int codec)
{
    static const char *const NAMES[] = {
        [STRAND_CODEC_NONE] = "none",     [STRAND_CODEC_GZIP] = "gzip",
        [STRAND_CODEC_SNAPPY] = "snappy", [STRAND_CODEC_LZ4] = "lz4",
        [STRAND_CODEC_ZSTD] = "zstd",
    };

    if (codec < 0 || (size_t)codec >= sizeof NAMES / sizeof NAMES[0])
        return NULL;
    return NAMES[codec];
}

int
strand_codec_is_available(int codec)
{
    return codec == STRAND_CODEC_NONE || codec == STRAND_CODEC_LZ4;
}

static int
refuse_codec(const char *verb, int codec)
{
    const char *name = strand_codec_name(codec);

    if (name == NULL)
        return strand_fail(STRAND_ERR_CODEC, "%s records: codec %d is unknown", verb, codec);
    return strand_fail(STRAND_ERR_CODEC, "%s records: codec %s is not in this build", verb, name);
}

int
strand_codec_pool_create(struct strand_codec_pool **out_pool)
{
    struct strand_codec_pool *pool = calloc(1, sizeof *pool);

    if (pool == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "create codec pool: out of memory");
    strand_mutex_init(&pool->lock);
    *out_pool = pool;
    return STRAND_OK;
}

static void
destroy_context(struct context *context)
{
    (void)LZ4F_freeCompressionContext(context->lz4); /* it only frees; its result is always 0 */
    free(context);
}

void
strand_codec_pool_destroy(struct strand_codec_pool *pool)
{
    if (pool == NULL)
        return;
    while (pool->free != NULL) {
        struct context *context = pool->free;
        pool->free = context->next;
        destroy_context(context);
    }
    strand_mutex_deinit(&pool->lock);
    free(pool);
}

/* NULL: there is no memory for a new one. */
static struct context *
take_context(struct strand_codec_pool *pool)
{
    strand_mutex_lock(&pool->lock);
    struct context *context = pool->free;
    if (context != NULL)
        pool->free = context->next;
    strand_mutex_unlock(&pool->lock);

    if (context != NULL)
        return context;
    context = calloc(1, sizeof *context);
    if (context != NULL &&
        LZ4F_isError(LZ4F_createCompressionContext(&context->lz4, LZ4F_VERSION))) {
        free(context);
        context = NULL;
    }
    return context;
}

static void
put_context(struct strand_codec_pool *pool, struct context *context)
{
    strand_mutex_lock(&pool->lock);
    context->next = pool->free;
    pool->free = context;
    strand_mutex_unlock(&pool->lock);
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
compress_lz4(struct strand_codec_pool *pool, int level, const void *data, size_t size,
             struct strand_buffer *out)
{
    if (level < 0 || level > LZ4_LEVEL_MAX)
        return strand_fail(STRAND_ERR_INVALID, "compress records: lz4 level %d is not in 1..%d",
                           level, LZ4_LEVEL_MAX);

    LZ4F_preferences_t preferences = {
        .frameInfo = {.blockSizeID = LZ4F_max64KB, .blockMode = LZ4F_blockIndependent},
        .compressionLevel = lz4_library_level(level),
        .autoFlush = 1,
    };
    size_t room = LZ4F_HEADER_SIZE_MAX + LZ4F_compressBound(size, &preferences);
    int status = strand_buffer_reserve(out, out->size + room);
    if (status != STRAND_OK)
        return status;

    struct context *context = take_context(pool);
    if (context == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "compress records: no memory for lz4");
    size_t written =
        write_frame(context->lz4, &preferences, data, size, out->data + out->size, room);
    if (LZ4F_isError(written)) {
        /* With enough room only memory can run out. */
        destroy_context(context);
        return strand_fail(STRAND_ERR_NO_MEMORY, "compress records: lz4: %s",
                           LZ4F_getErrorName(written));
    }
    put_context(pool, context);
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
    return strand_fail(STRAND_ERR_BATCH, "decompress records: lz4 frame: %s", problem);
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
decompress_lz4(const void *data, size_t size, size_t size_max_bytes, struct strand_buffer *out)
{
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

static int
append_bytes(const void *data, size_t size, struct strand_buffer *out)
{
    if (size > SIZE_MAX - out->size)
        return strand_fail(STRAND_ERR_NO_MEMORY, "copy records: %zu bytes", size);
    int status = strand_buffer_reserve(out, out->size + size);
    if (status != STRAND_OK)
        return status;
    if (size > 0)
        memcpy(out->data + out->size, data, size);
    out->size += size;
    return STRAND_OK;
}

int
strand_compress(struct strand_codec_pool *pool, int codec, int level, const void *data, size_t size,
                struct strand_buffer *out)
{
    if (codec == STRAND_CODEC_NONE)
        return append_bytes(data, size, out);
    if (codec == STRAND_CODEC_LZ4)
        return compress_lz4(pool, level, data, size, out);
    return refuse_codec("compress", codec);
}

int
strand_decompress(struct strand_codec_pool *pool, int codec, const void *data, size_t size,
                  size_t size_max_bytes, struct strand_buffer *out)
{
    (void)pool; /* lz4 decompresses without a context */
    if (codec == STRAND_CODEC_LZ4)
        return decompress_lz4(data, size, size_max_bytes, out);
    if (codec != STRAND_CODEC_NONE)
        return refuse_codec("decompress", codec);
    if (size > size_max_bytes)
        return strand_fail(STRAND_ERR_BATCH,
                           "decompress records: %zu bytes exceed the limit of %zu", size,
                           size_max_bytes);
    out->size = 0;
    return append_bytes(data, size, out);
}
