/* bench/side_codec.c -- Compression of the same records, and nothing else: what an append that
 * compresses cannot beat.
 */
#include <stdlib.h>

#include "base/buffer_pool.h"
#include "base/error.h"
#include "bench/options.h"
#include "bench/payload.h"
#include "bench/peers.h"
#include "bench/side.h"
#include "storage/compression.h"

struct store {
    int codec;
    int level;
    struct strand_codec_pool *codecs;
    struct bench_pool buffers; /* struct strand_buffer */
};

static int
close_store(void *opaque)
{
    struct store *store = opaque;
    struct strand_buffer *buffer;

    while ((buffer = bench_pool_take(&store->buffers)) != NULL) {
        free(buffer->data);
        free(buffer);
    }
    bench_pool_deinit(&store->buffers);
    strand_codec_pool_destroy(store->codecs);
    free(store);
    return STRAND_OK;
}

static int
open_store(const struct bench_setup *setup, void **out_store)
{
    struct store *store = calloc(1, sizeof *store);

    if (store == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory for a store");
    store->codec = setup->options->codec;
    store->level = (int)setup->options->level;
    bench_pool_init(&store->buffers);
    int status = strand_codec_pool_create(&store->codecs);
    if (status != STRAND_OK) {
        free(store);
        return status;
    }
    *out_store = store;
    return STRAND_OK;
}

/* The values of a batch lie one behind the other. */
static int
append(void *opaque, uint32_t log, const struct bench_batch *batch)
{
    struct store *store = opaque;
    struct strand_buffer *buffer = bench_pool_take(&store->buffers);

    (void)log; /* nothing is kept */
    if (buffer == NULL)
        buffer = calloc(1, sizeof *buffer);
    if (buffer == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory to compress into");
    buffer->size = 0;
    int status = strand_compress(store->codecs, store->codec, store->level,
                                 batch->records[0].value.data, batch->user_size, buffer);
    bench_pool_give(&store->buffers, buffer);
    return status;
}

const struct bench_side bench_side_codec = {
    .name = "codec",
    .about = "compression of the same records, and nothing else",
    .open = open_store,
    .append = append,
    .close = close_store,
};
