/* base/buffer_pool.h -- Byte buffers that are used again, so that a warm path allocates nothing.
 *
 * A pool keeps up to KEPT_MAX free buffers.  A buffer grows by doubling and keeps its size when it
 * is put back, unless it is larger than KEPT_SIZE_MAX: then it is freed.
 *
 * Threading: a pool may be used by any thread; a buffer by one at a time.
 */
#ifndef STRAND_BASE_BUFFER_POOL_H
#define STRAND_BASE_BUFFER_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "strandline/status.h"

struct strand_buffer_pool;

struct strand_buffer {
    uint8_t *data; /* owned */
    size_t size;   /* bytes in use; the user's to set */
    size_t capacity;
    struct strand_buffer *next; /* the pool's */
};

STRAND_MUST_USE int strand_buffer_pool_create(uint32_t kept_max, size_t kept_size_max,
                                              struct strand_buffer_pool **out_pool);

/* Every buffer has been put back.  Accepts NULL. */
void strand_buffer_pool_destroy(struct strand_buffer_pool *pool);

/* A buffer of size 0 and at least CAPACITY bytes, from the pool or new.  STRAND_ERR_NO_MEMORY. */
STRAND_MUST_USE int strand_buffer_take(struct strand_buffer_pool *pool, size_t capacity,
                                       struct strand_buffer **out_buffer);

/* Accepts NULL. */
void strand_buffer_put(struct strand_buffer_pool *pool, struct strand_buffer *buffer);

/* Make room for at least CAPACITY bytes; what is in use stays.  STRAND_ERR_NO_MEMORY: unchanged. */
STRAND_MUST_USE int strand_buffer_reserve(struct strand_buffer *buffer, size_t capacity);

#endif
