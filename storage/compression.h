/* storage/compression.h -- Compress and decompress the records of a batch, by codec number.
 *
 * lz4 is always there.  A codec that this build lacks is STRAND_ERR_CODEC by name; a number that
 * Kafka does not define (5, 6, 7) too.
 *
 * lz4 is the LZ4 frame format as Kafka writes it: version 01, independent blocks of 64 KiB, no
 * content size, no checksums, one frame; the header is always 04 22 4D 18 60 40 82.  Read is what
 * Kafka reads: independent blocks only, block size codes 4 to 7, content size and checksums
 * accepted (block checksums are verified, the content checksum is not), exactly one frame.
 *
 * A pool keeps compression contexts for use again; it may be used by any thread.
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
 * on failure.  LEVEL 0: the codec's default.  For lz4, 1..17: 9 is the fast compressor (Kafka's
 * default, KIP-390), every other level the high compressor; liblz4 has it from 3 to 12, so that 1
 * and 2 give what 3 gives, and 13 to 17 what 12 gives.  STRAND_CODEC_NONE copies and has no levels.
 * STRAND_ERR_CODEC, _INVALID (level), _NO_MEMORY. */
STRAND_MUST_USE int strand_compress(struct strand_codec_pool *pool, int codec, int level,
                                    const void *data, size_t size, struct strand_buffer *out);

/* Decompress DATA[0..SIZE) into OUT from its start; set OUT->size.  OUT never grows beyond
 * SIZE_MAX_BYTES nor, for lz4, beyond 255 times SIZE (but for the rounding up of its capacity).
 * STRAND_ERR_CODEC; STRAND_ERR_BATCH when it is not well-formed or larger than SIZE_MAX_BYTES;
 * STRAND_ERR_NO_MEMORY.  After a failure OUT holds nothing of use. */
STRAND_MUST_USE int strand_decompress(struct strand_codec_pool *pool, int codec, const void *data,
                                      size_t size, size_t size_max_bytes,
                                      struct strand_buffer *out);

#endif
