/* simulation/sim_memory.h -- Memory that is there: a test could judge nothing without it. */
#ifndef STRAND_SIMULATION_SIM_MEMORY_H
#define STRAND_SIMULATION_SIM_MEMORY_H

#include <stddef.h>

/* ITEMS, moved to where there is room for one more than COUNT. */
void *strand_sim_grow(void *items, size_t *capacity, size_t count, size_t item_size);

/* Owned by the caller. */
char *strand_sim_copy_text(const char *text);

#endif
