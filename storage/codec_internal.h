/* storage/codec_internal.h -- What a codec is to compression.c; for the files codec_*.c.
 *
 * A codec is one file, codec_<name>.c, and that file alone includes its library's headers and knows
 * whether the build has them.  compression.c looks at numbers and levels, and keeps workers.
 */
#ifndef STRAND_STORAGE_CODEC_INTERNAL_H
#define STRAND_STORAGE_CODEC_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "strandline/status.h"

struct strand_buffer;

/* What is used again from one call to the next, by one thread at a time: tables, windows.  A call
 * begins it anew, whatever the one before left. */
struct strand_codec_worker_type {
    void *(*create)(void); /* NULL when there is no memory.  No function: the codec needs none */
    void (*destroy)(void *worker);
};

struct strand_codec_functions {
    struct strand_codec_worker_type compressor;
    struct strand_codec_worker_type decompressor;

    /* Append to OUT, whose size does not change on failure.  LEVEL is 0, the default, or one of the
     * codec's; SIZE is at most INT32_MAX.  STRAND_ERR_NO_MEMORY. */
    int (*compress)(void *compressor, int level, const void *data, size_t size,
                    struct strand_buffer *out);

    /* Write OUT from its start.  SIZE is at most INT32_MAX.  STRAND_ERR_BATCH, _NO_MEMORY. */
    int (*decompress)(void *decompressor, const void *data, size_t size, size_t size_max_bytes,
                      struct strand_buffer *out);
};

/* NULL: not in this build. */
extern const struct strand_codec_functions *const strand_codec_gzip;
extern const struct strand_codec_functions *const strand_codec_snappy;
extern const struct strand_codec_functions *const strand_codec_lz4;
extern const struct strand_codec_functions *const strand_codec_zstd;

/* The failure of a decompressor, for input that is not WHAT ("lz4 frame"). */
static inline int
strand_codec_malformed(const char *what, const char *problem)
{
    return strand_fail(STRAND_ERR_BATCH, "decompress records: %s: %s", what, problem);
}

static inline int
strand_codec_no_memory(const char *codec)
{
    return strand_fail(STRAND_ERR_NO_MEMORY, "compress or decompress records: no memory for %s",
                       codec);
}

#endif
