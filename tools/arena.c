/* tools/arena.c -- A list of chunks. */
#include "tools/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"

enum { CHUNK_SIZE_MIN = 64 << 10, CHUNK_SIZE_KEPT_MAX = 1 << 20 };

struct cli_arena_chunk {
    struct cli_arena_chunk *next;
    size_t size;
    size_t used;
    alignas(max_align_t) unsigned char data[];
};

static struct cli_arena_chunk *
add_chunk(struct cli_arena *arena, size_t size)
{
    size_t chunk_size = size < CHUNK_SIZE_MIN ? CHUNK_SIZE_MIN : size;
    struct cli_arena_chunk *chunk = NULL;

    if (size < SIZE_MAX / 2)
        chunk = malloc(sizeof *chunk + chunk_size);
    if (chunk == NULL) {
        (void)strand_fail(STRAND_ERR_NO_MEMORY, "hold a record: %zu bytes", size);
        return NULL;
    }
    chunk->next = arena->chunks;
    chunk->size = chunk_size;
    chunk->used = 0;
    arena->chunks = chunk;
    return chunk;
}

void *
cli_arena_take(struct cli_arena *arena, size_t size)
{
    struct cli_arena_chunk *chunk = arena->chunks;
    void *taken;

    if (chunk == NULL || chunk->size - chunk->used < size)
        chunk = add_chunk(arena, size);
    if (chunk == NULL)
        return NULL;
    taken = chunk->data + chunk->used;
    /* What is left may be less than the padding of the next one. */
    size_t padded = size + (alignof(max_align_t) - size % alignof(max_align_t));
    chunk->used = padded < chunk->size - chunk->used ? chunk->used + padded : chunk->size;
    return taken;
}

void
cli_arena_reset(struct cli_arena *arena)
{
    struct cli_arena_chunk *kept = NULL;

    while (arena->chunks != NULL) {
        struct cli_arena_chunk *chunk = arena->chunks;

        arena->chunks = chunk->next;
        if (kept == NULL && chunk->size <= CHUNK_SIZE_KEPT_MAX) {
            kept = chunk;
            kept->next = NULL;
            kept->used = 0;
        } else {
            free(chunk);
        }
    }
    arena->chunks = kept;
}

void
cli_arena_deinit(struct cli_arena *arena)
{
    while (arena->chunks != NULL) {
        struct cli_arena_chunk *chunk = arena->chunks;

        arena->chunks = chunk->next;
        free(chunk);
    }
}
