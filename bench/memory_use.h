/* bench/memory_use.h -- What this process holds: heap and descriptors. */
#ifndef STRAND_BENCH_MEMORY_USE_H
#define STRAND_BENCH_MEMORY_USE_H

#include <stdint.h>

/* Bytes allocated and not freed, whatever the allocator keeps besides; -1: it does not tell. */
int64_t bench_heap_bytes(void);

/* Open descriptors; -1: unknown. */
int64_t bench_descriptor_count(void);

#endif
