/* simulation/sim_content.h -- What a file holds, and sets of its sectors or blocks.
 *
 * What lies beyond a content's extent reads as zeros and takes no memory, so that copying a content
 * costs what was written to it, not what its size says.
 *
 * Positions and sizes are not negative and their sums do not overflow: the caller has checked them.
 * Out of memory is a strand_assert: a test could judge nothing after it.
 */
#ifndef STRAND_SIMULATION_SIM_CONTENT_H
#define STRAND_SIMULATION_SIM_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STRAND_SIM_SECTOR_SIZE = 512, STRAND_SIM_BLOCK_SIZE = 4096 };

static inline int64_t
strand_sim_smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t
strand_sim_larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---- Sets of numbers; all zeros is the empty set ---- */

struct strand_sim_bits {
    uint64_t *words; /* owned; bits beyond them are not set */
    size_t word_count;
};

bool strand_sim_bit_is_set(const struct strand_sim_bits *bits, size_t index);
void strand_sim_bit_set(struct strand_sim_bits *bits, size_t index);

/* No bit at or above it is set. */
size_t strand_sim_bits_limit(const struct strand_sim_bits *bits);
int64_t strand_sim_bits_count(const struct strand_sim_bits *bits);
void strand_sim_bits_clear(struct strand_sim_bits *bits); /* frees the memory, too */
void strand_sim_bits_clear_from(struct strand_sim_bits *bits, size_t first);
void strand_sim_bits_copy(struct strand_sim_bits *to, const struct strand_sim_bits *from);

/* ---- Contents; all zeros is the empty one ---- */

struct strand_sim_content {
    uint8_t *bytes; /* owned; zeros from EXTENT to CAPACITY */
    int64_t capacity;
    int64_t extent; /* zeros at and beyond it; at most SIZE */
    int64_t size;
};

void strand_sim_content_free(struct strand_sim_content *content);

/* SIZE bytes at POSITION; zeros beyond the end. */
void strand_sim_content_get(const struct strand_sim_content *content, void *data, int64_t size,
                            int64_t position);

/* Write SIZE bytes at POSITION; the size grows where they reach beyond it. */
void strand_sim_content_put(struct strand_sim_content *content, const void *data, int64_t size,
                            int64_t position);

/* As above, with zeros. */
void strand_sim_content_zero(struct strand_sim_content *content, int64_t position, int64_t size);
void strand_sim_content_set_size(struct strand_sim_content *content, int64_t size);

/* Make TO, which keeps its memory, the same as FROM. */
void strand_sim_content_copy(struct strand_sim_content *to, const struct strand_sim_content *from);
bool strand_sim_content_is_same(const struct strand_sim_content *a,
                                const struct strand_sim_content *b);

/* All bytes in memory, and a zero byte behind the last. */
const uint8_t *strand_sim_content_bytes(struct strand_sim_content *content);

#endif
