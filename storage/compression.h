/* storage/compression.h -- Compress and decompress the records of a batch, by codec number.
 *
 * lz4 is always there; gzip, snappy and zstd are when their libraries were found at configure time.
 * A codec that this build lacks is STRAND_ERR_CODEC by name; a number that Kafka does not define
 * (5, 6, 7) too.
 *
 *          written, as Kafka's clients write            read, as Kafka reads
 *   gzip   one member                                   any number; what is no member is ignored
 *   snappy snappy-java's framing, blocks of 32 KiB      the same, several joined; one raw block
 *   lz4    an LZ4 frame: version 01, independent        one frame: independent blocks only, block
 *          blocks of 64 KiB, no content size, no        size codes 4 to 7, content size and
 *          checksums: the header is always              checksums accepted (block checksums are
 *          04 22 4D 18 60 40 82                         verified, the content checksum is not)
 *   zstd   one frame with its content's size            any number; skippable frames are skipped
 *
 * A pool keeps compressors and decompressors for use again; it may be used by any thread.  Only
 * STRAND_CODEC_NONE does without one.
 */
#ifndef STRAND_STORAGE_COMPRESSION_H
#define STRAND_STORAGE_COMPRESSION_H

#include <stddef.h>

#include "strandline/record.h"
#include "strandline/status.h"

struct strand_buffer;
struct strand_codec_pool;

STRAND_MUST_USE int strand_codec_pool_create(struct strand_codec_pool **out_pool);
void strand_codec_pool_destroy(struct strand_codec_pool *pool); /* accepts NULL */

/* Append the compressed form of DATA[0..SIZE) to OUT (behind OUT->size); OUT->size does not change
 * on failure.  Levels are Kafka's: gzip -1 to 9, lz4 1 to 17, zstd -131072 to 22; 0 is the codec's
 * default (gzip 6, lz4 9, zstd 3), and codecs without levels do not look at it.
 *
 * For lz4, level 9 is the fast compressor (Kafka's default, KIP-390), every other one the high
 * compressor; liblz4 has it from 3 to 12, so that 1 and 2 give what 3 gives, and 13 to 17 what 12
 * gives.
 *
 * STRAND_ERR_CODEC, _INVALID (level, more than INT32_MAX bytes), _NO_MEMORY. */
STRAND_MUST_USE int strand_compress(struct strand_codec_pool *pool, int codec, int level,
                                    const void *data, size_t size, struct strand_buffer *out);

/* Decompress DATA[0..SIZE) into OUT from its start; set OUT->size.  OUT never grows beyond
 * SIZE_MAX_BYTES (but for the rounding up of its capacity), whatever the input claims, and nothing
 * else is allocated by what it claims.  For lz4 and snappy OUT does not grow beyond 255 and 22
 * times SIZE either.
 *
 * STRAND_ERR_CODEC; STRAND_ERR_BATCH when it is not well-formed or larger than SIZE_MAX_BYTES;
 * STRAND_ERR_NO_MEMORY.  After a failure OUT holds nothing of use. */
STRAND_MUST_USE int strand_decompress(struct strand_codec_pool *pool, int codec, const void *data,
                                      size_t size, size_t size_max_bytes,
                                      struct strand_buffer *out);

#endif
