/* base/buffer_pool.c -- A free list under a mutex.
 *
 * Last in, first out: the buffer that was put back last is the one whose memory is still in the
 * processor's cache.
 */
#include "base/buffer_pool.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/thread.h"

enum { CAPACITY_MIN = 256 };

struct strand_buffer_pool {
    struct strand_mutex mutex;
    uint32_t kept_max;
    size_t kept_size_max;
    struct strand_buffer *kept; /* guarded by mutex */
    uint32_t kept_count;        /* guarded by mutex */
    uint64_t taken_count;       /* guarded by mutex; buffers that users hold */
};

/* SIZE doubled until it is at least ENOUGH; ENOUGH where doubling would overflow. */
static size_t
doubled_until(size_t size, size_t enough)
{
    while (size < enough && size <= SIZE_MAX / 2)
        size *= 2;
    return size < enough ? enough : size;
}

static int
no_memory(size_t size)
{
    return strand_fail(STRAND_ERR_NO_MEMORY, "allocate buffer of %zu bytes: out of memory", size);
}

static void
free_buffer(struct strand_buffer *buffer)
{
    free(buffer->data);
    free(buffer);
}

static struct strand_buffer *
new_buffer(size_t capacity)
{
    struct strand_buffer *buffer = calloc(1, sizeof *buffer);

    if (buffer == NULL)
        return NULL;
    buffer->capacity = doubled_until(CAPACITY_MIN, capacity);
    buffer->data = malloc(buffer->capacity);
    if (buffer->data == NULL) {
        free(buffer);
        return NULL;
    }
    return buffer;
}

/* A kept buffer, or NULL when there is none; counts the buffer that the caller will hand out. */
static struct strand_buffer *
take_kept(struct strand_buffer_pool *pool)
{
    strand_mutex_lock(&pool->mutex);
    struct strand_buffer *buffer = pool->kept;
    if (buffer != NULL) {
        strand_assert(pool->kept_count > 0);
        pool->kept = buffer->next;
        pool->kept_count--;
    }
    pool->taken_count++;
    strand_mutex_unlock(&pool->mutex);
    return buffer;
}

/* Keep BUFFER, if it is not NULL and may be kept; free it otherwise. */
static void
give_back(struct strand_buffer_pool *pool, struct strand_buffer *buffer)
{
    strand_mutex_lock(&pool->mutex);
    strand_assert(pool->taken_count > 0);
    pool->taken_count--;
    bool is_kept = buffer != NULL && pool->kept_count < pool->kept_max &&
                   buffer->capacity <= pool->kept_size_max;
    if (is_kept) {
        buffer->next = pool->kept;
        pool->kept = buffer;
        pool->kept_count++;
    }
    strand_mutex_unlock(&pool->mutex);
    if (buffer != NULL && !is_kept)
        free_buffer(buffer);
}

int
strand_buffer_pool_create(uint32_t kept_max, size_t kept_size_max,
                          struct strand_buffer_pool **out_pool)
{
    struct strand_buffer_pool *pool = calloc(1, sizeof *pool);

    if (pool == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "create buffer pool: out of memory");
    strand_mutex_init(&pool->mutex);
    pool->kept_max = kept_max;
    pool->kept_size_max = kept_size_max;
    *out_pool = pool;
    return STRAND_OK;
}

void
strand_buffer_pool_destroy(struct strand_buffer_pool *pool)
{
    if (pool == NULL)
        return;
    strand_assert(pool->taken_count == 0);
    while (pool->kept != NULL) {
        struct strand_buffer *buffer = pool->kept;
        pool->kept = buffer->next;
        free_buffer(buffer);
    }
    strand_mutex_deinit(&pool->mutex);
    free(pool);
}

int
strand_buffer_take(struct strand_buffer_pool *pool, size_t capacity,
                   struct strand_buffer **out_buffer)
{
    struct strand_buffer *kept = take_kept(pool);

    if (kept != NULL && kept->capacity >= capacity) {
        kept->next = NULL;
        *out_buffer = kept;
        return STRAND_OK;
    }
    struct strand_buffer *buffer = new_buffer(capacity);
    if (buffer == NULL) {
        give_back(pool, kept);
        return no_memory(capacity);
    }
    if (kept != NULL)
        free_buffer(kept); /* not grown: that would copy what nobody wants */
    *out_buffer = buffer;
    return STRAND_OK;
}

void
strand_buffer_put(struct strand_buffer_pool *pool, struct strand_buffer *buffer)
{
    if (buffer == NULL)
        return;
    strand_assert(buffer->size <= buffer->capacity); /* more was written than there was room for */
    buffer->size = 0;
    give_back(pool, buffer);
}

int
strand_buffer_reserve(struct strand_buffer *buffer, size_t capacity)
{
    if (capacity <= buffer->capacity)
        return STRAND_OK;
    size_t grown =
        doubled_until(buffer->capacity > CAPACITY_MIN ? buffer->capacity : CAPACITY_MIN, capacity);
    uint8_t *data = realloc(buffer->data, grown);
    if (data == NULL)
        return no_memory(grown);
    buffer->data = data;
    buffer->capacity = grown;
    return STRAND_OK;
}
