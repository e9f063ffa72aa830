/* simulation/sim_memory.c -- Memory, or the end of the test. */
#include "simulation/sim_memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

void *
strand_sim_grow(void *items, size_t *capacity, size_t count, size_t item_size)
{
    if (count < *capacity)
        return items;

    size_t grown_capacity = *capacity == 0 ? 4 : *capacity * 2;
    void *grown = realloc(items, grown_capacity * item_size);
    strand_assert(grown != NULL);
    *capacity = grown_capacity;
    return grown;
}

char *
strand_sim_copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);

    strand_assert(copy != NULL);
    memcpy(copy, text, size);
    return copy;
}
