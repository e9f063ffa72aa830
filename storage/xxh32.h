/* storage/xxh32.h -- xxHash, 32 bits, seed 0: the checksum inside LZ4 frames.
 *
 * xxh32("") is 0x02CC5D05, xxh32("abc") 0x32D153FF.  Threading: no state.
 */
#ifndef STRAND_STORAGE_XXH32_H
#define STRAND_STORAGE_XXH32_H

#include <stddef.h>
#include <stdint.h>

uint32_t strand_xxh32(const void *data, size_t size);

#endif
