/* tools/arena.h -- Memory for the records of one batch, given back all at once.
 *
 * What it hands out stays where it is until cli_arena_reset(); the chunks are used again.
 */
#ifndef STRAND_TOOLS_ARENA_H
#define STRAND_TOOLS_ARENA_H

#include <stddef.h>

struct cli_arena_chunk;

/* All zero: empty. */
struct cli_arena {
    struct cli_arena_chunk *chunks; /* owned; the one in use first */
};

/* SIZE bytes, aligned for any type; never NULL for a SIZE of 0.  NULL, with the failure recorded,
 * when there is no memory. */
void *cli_arena_take(struct cli_arena *arena, size_t size);

/* Forget everything; keep one chunk. */
void cli_arena_reset(struct cli_arena *arena);

void cli_arena_deinit(struct cli_arena *arena);

#endif
