/* simulation/sim_content.c -- Bytes of which only those up to the last one written take memory. */
#include "simulation/sim_content.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { BITS_PER_WORD = 64 };

bool
strand_sim_bit_is_set(const struct strand_sim_bits *bits, size_t index)
{
    size_t word = index / BITS_PER_WORD;

    return word < bits->word_count && ((bits->words[word] >> (index % BITS_PER_WORD)) & 1) != 0;
}

void
strand_sim_bit_set(struct strand_sim_bits *bits, size_t index)
{
    size_t word = index / BITS_PER_WORD;

    if (word >= bits->word_count) {
        size_t count = (word + 1) * 2;
        uint64_t *words = realloc(bits->words, count * sizeof *words);

        strand_assert(words != NULL);
        memset(words + bits->word_count, 0, (count - bits->word_count) * sizeof *words);
        bits->words = words;
        bits->word_count = count;
    }
    bits->words[word] |= UINT64_C(1) << (index % BITS_PER_WORD);
}

size_t
strand_sim_bits_limit(const struct strand_sim_bits *bits)
{
    return bits->word_count * BITS_PER_WORD;
}

void
strand_sim_bits_clear(struct strand_sim_bits *bits)
{
    free(bits->words);
    *bits = (struct strand_sim_bits){NULL, 0};
}

/* Clear the bits at or above FIRST. */
void
strand_sim_bits_clear_from(struct strand_sim_bits *bits, size_t first)
{
    size_t word = first / BITS_PER_WORD;

    if (word >= bits->word_count)
        return;
    bits->words[word] &= (UINT64_C(1) << (first % BITS_PER_WORD)) - 1;
    for (word++; word < bits->word_count; word++)
        bits->words[word] = 0;
}

int64_t
strand_sim_bits_count(const struct strand_sim_bits *bits)
{
    int64_t count = 0;

    for (size_t i = 0; i < bits->word_count; i++)
        count += __builtin_popcountll(bits->words[i]);
    return count;
}

void
strand_sim_bits_copy(struct strand_sim_bits *to, const struct strand_sim_bits *from)
{
    if (from->word_count == 0)
        return;
    to->words = malloc(from->word_count * sizeof *to->words);
    strand_assert(to->words != NULL);
    memcpy(to->words, from->words, from->word_count * sizeof *to->words);
    to->word_count = from->word_count;
}

static void
grow(struct strand_sim_content *content, int64_t capacity)
{
    if (capacity <= content->capacity)
        return;

    int64_t grown = strand_sim_larger(strand_sim_larger(capacity, STRAND_SIM_SECTOR_SIZE),
                                      content->capacity * 2);
    uint8_t *bytes = realloc(content->bytes, (size_t)grown);
    strand_assert(bytes != NULL);
    memset(bytes + content->capacity, 0, (size_t)(grown - content->capacity));
    content->bytes = bytes;
    content->capacity = grown;
}

void
strand_sim_content_free(struct strand_sim_content *content)
{
    free(content->bytes);
    *content = (struct strand_sim_content){NULL, 0, 0, 0};
}

void
strand_sim_content_get(const struct strand_sim_content *content, void *data, int64_t size,
                       int64_t position)
{
    int64_t present = strand_sim_smaller(strand_sim_larger(content->extent - position, 0), size);

    if (present > 0)
        memcpy(data, content->bytes + position, (size_t)present);
    memset((uint8_t *)data + present, 0, (size_t)(size - present));
}

void
strand_sim_content_put(struct strand_sim_content *content, const void *data, int64_t size,
                       int64_t position)
{
    if (size == 0)
        return;
    grow(content, position + size);
    memcpy(content->bytes + position, data, (size_t)size);
    content->extent = strand_sim_larger(content->extent, position + size);
    content->size = strand_sim_larger(content->size, position + size);
}

void
strand_sim_content_zero(struct strand_sim_content *content, int64_t position, int64_t size)
{
    int64_t end = strand_sim_smaller(position + size, content->extent);

    if (size > 0)
        content->size = strand_sim_larger(content->size, position + size);
    if (position >= end)
        return;
    memset(content->bytes + position, 0, (size_t)(end - position));
    if (end == content->extent)
        content->extent = position;
}

void
strand_sim_content_set_size(struct strand_sim_content *content, int64_t size)
{
    strand_sim_content_zero(content, size, strand_sim_larger(content->extent - size, 0));
    content->size = size;
}

void
strand_sim_content_copy(struct strand_sim_content *to, const struct strand_sim_content *from)
{
    strand_sim_content_set_size(to, 0);
    strand_sim_content_put(to, from->bytes, from->extent, 0);
    to->size = from->size;
}

bool
strand_sim_content_is_same(const struct strand_sim_content *a, const struct strand_sim_content *b)
{
    const struct strand_sim_content *longer = a->extent > b->extent ? a : b;
    int64_t common = strand_sim_smaller(a->extent, b->extent);

    if (a->size != b->size || (common > 0 && memcmp(a->bytes, b->bytes, (size_t)common) != 0))
        return false;
    for (int64_t i = common; i < longer->extent; i++)
        if (longer->bytes[i] != 0)
            return false;
    return true;
}

const uint8_t *
strand_sim_content_bytes(struct strand_sim_content *content)
{
    grow(content, content->size + 1);
    return content->bytes;
}
