/* storage/compression.c -- Codecs by number: their names, their levels, their workers.
 *
 * Names and levels are known of every codec of Kafka, also of those that this build lacks, so that
 * an error can say what is missing.
 */
#include "storage/compression.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buffer_pool.h"
#include "base/error.h"
#include "base/thread.h"
#include "storage/codec_internal.h"

enum { CODEC_COUNT = STRAND_CODEC_ZSTD + 1 };

enum worker_kind { COMPRESSOR, DECOMPRESSOR, WORKER_KIND_COUNT };

static const struct codec {
    const char *name;
    int level_min; /* both 0: it has no levels */
    int level_max;
    const struct strand_codec_functions *const *functions; /* *functions is NULL: not built in */
} CODECS[CODEC_COUNT] = {
    [STRAND_CODEC_NONE] = {"none", 0, 0, NULL},
    [STRAND_CODEC_GZIP] = {"gzip", -1, 9, &strand_codec_gzip},
    [STRAND_CODEC_SNAPPY] = {"snappy", 0, 0, &strand_codec_snappy},
    [STRAND_CODEC_LZ4] = {"lz4", 1, 17, &strand_codec_lz4},
    [STRAND_CODEC_ZSTD] = {"zstd", -131072, 22, &strand_codec_zstd},
};

struct worker {
    const struct strand_codec_worker_type *type;
    void *state; /* owned */
    struct worker *next;
};

struct strand_codec_pool {
    struct strand_mutex lock;
    /* Guarded by lock.  Of each kind as many as were ever in use at once. */
    struct worker *idle[CODEC_COUNT][WORKER_KIND_COUNT];
};

const char *
strand_codec_name(int codec)
{
    return codec < 0 || codec >= CODEC_COUNT ? NULL : CODECS[codec].name;
}

int
strand_codec_is_available(int codec)
{
    if (codec < 0 || codec >= CODEC_COUNT)
        return 0;
    return codec == STRAND_CODEC_NONE || *CODECS[codec].functions != NULL;
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
destroy_worker(struct worker *worker)
{
    worker->type->destroy(worker->state);
    free(worker);
}

void
strand_codec_pool_destroy(struct strand_codec_pool *pool)
{
    if (pool == NULL)
        return;
    for (int codec = 0; codec < CODEC_COUNT; codec++) {
        for (int kind = 0; kind < WORKER_KIND_COUNT; kind++) {
            while (pool->idle[codec][kind] != NULL) {
                struct worker *worker = pool->idle[codec][kind];
                pool->idle[codec][kind] = worker->next;
                destroy_worker(worker);
            }
        }
    }
    strand_mutex_deinit(&pool->lock);
    free(pool);
}

static struct worker *
create_worker(const struct strand_codec_worker_type *type)
{
    struct worker *worker = calloc(1, sizeof *worker);

    if (worker == NULL)
        return NULL;
    worker->type = type;
    worker->state = type->create();
    if (worker->state == NULL) {
        free(worker);
        return NULL;
    }
    return worker;
}

/* *OUT_WORKER is NULL when the codec needs none. */
static int
take_worker(struct strand_codec_pool *pool, int codec, enum worker_kind kind,
            struct worker **out_worker)
{
    const struct strand_codec_functions *functions = *CODECS[codec].functions;
    const struct strand_codec_worker_type *type =
        kind == COMPRESSOR ? &functions->compressor : &functions->decompressor;
    struct worker *worker = NULL;

    if (type->create != NULL) {
        strand_assert(pool != NULL);
        strand_mutex_lock(&pool->lock);
        worker = pool->idle[codec][kind];
        if (worker != NULL)
            pool->idle[codec][kind] = worker->next;
        strand_mutex_unlock(&pool->lock);

        if (worker == NULL)
            worker = create_worker(type);
        if (worker == NULL)
            return strand_codec_no_memory(CODECS[codec].name);
    }
    *out_worker = worker;
    return STRAND_OK;
}

/* Keep WORKER (or NULL), unless STATUS of what it did says that memory is short. */
static void
put_worker(struct strand_codec_pool *pool, int codec, enum worker_kind kind, struct worker *worker,
           int status)
{
    if (worker == NULL)
        return;
    if (status == STRAND_ERR_NO_MEMORY) {
        destroy_worker(worker);
        return;
    }
    strand_mutex_lock(&pool->lock);
    worker->next = pool->idle[codec][kind];
    pool->idle[codec][kind] = worker;
    strand_mutex_unlock(&pool->lock);
}

static int
append_bytes(const void *data, size_t size, struct strand_buffer *out)
{
    if (size > SIZE_MAX - out->size)
        return strand_fail(STRAND_ERR_NO_MEMORY, "copy records: %zu bytes: out of memory", size);
    int status = strand_buffer_reserve(out, out->size + size);
    if (status != STRAND_OK)
        return status;
    if (size > 0)
        memcpy(out->data + out->size, data, size);
    out->size += size;
    return STRAND_OK;
}

static int
check_codec(const char *verb, int codec)
{
    const char *name = strand_codec_name(codec);

    if (name == NULL)
        return strand_fail(STRAND_ERR_CODEC, "%s records: codec %d is unknown", verb, codec);
    if (!strand_codec_is_available(codec))
        return strand_fail(STRAND_ERR_CODEC, "%s records: codec %s is not in this build", verb,
                           name);
    return STRAND_OK;
}

static int
check_level(const struct codec *codec, int level)
{
    if (codec->level_min == codec->level_max || level == 0)
        return STRAND_OK;
    if (level < codec->level_min || level > codec->level_max)
        return strand_fail(STRAND_ERR_INVALID,
                           "compress records: %s level %d is not within %d and %d", codec->name,
                           level, codec->level_min, codec->level_max);
    return STRAND_OK;
}

int
strand_compress(struct strand_codec_pool *pool, int codec, int level, const void *data, size_t size,
                struct strand_buffer *out)
{
    struct worker *worker;

    if (codec == STRAND_CODEC_NONE)
        return append_bytes(data, size, out);
    int status = check_codec("compress", codec);
    if (status == STRAND_OK)
        status = check_level(&CODECS[codec], level);
    if (status == STRAND_OK && size > INT32_MAX)
        status = strand_fail(STRAND_ERR_INVALID, "compress records: %zu bytes are too many", size);
    if (status == STRAND_OK)
        status = take_worker(pool, codec, COMPRESSOR, &worker);
    if (status != STRAND_OK)
        return status;

    size_t size_before = out->size;
    status = (*CODECS[codec].functions)
                 ->compress(worker != NULL ? worker->state : NULL, level, data, size, out);
    strand_assert(status == STRAND_OK || out->size == size_before);
    put_worker(pool, codec, COMPRESSOR, worker, status);
    return status;
}

int
strand_decompress(struct strand_codec_pool *pool, int codec, const void *data, size_t size,
                  size_t size_max_bytes, struct strand_buffer *out)
{
    struct worker *worker;

    int status = check_codec("decompress", codec);
    if (status != STRAND_OK)
        return status;
    if (size > (codec == STRAND_CODEC_NONE ? size_max_bytes : INT32_MAX))
        return strand_fail(STRAND_ERR_BATCH, "decompress records: %zu bytes are too many", size);
    if (codec == STRAND_CODEC_NONE) {
        out->size = 0;
        return append_bytes(data, size, out);
    }

    status = take_worker(pool, codec, DECOMPRESSOR, &worker);
    if (status != STRAND_OK)
        return status;
    status =
        (*CODECS[codec].functions)
            ->decompress(worker != NULL ? worker->state : NULL, data, size, size_max_bytes, out);
    strand_assert(status != STRAND_OK || out->size <= size_max_bytes);
    put_worker(pool, codec, DECOMPRESSOR, worker, status);
    return status;
}
