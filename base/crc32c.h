/* base/crc32c.h -- CRC-32C (Castagnoli: reflected polynomial 0x82F63B78), as in RFC 3720 and Kafka.
 *
 * Chosen once, at run time: folding with AVX-512 and VPCLMULQDQ, three interleaved SSE4.2 streams
 * joined with PCLMULQDQ, the ARMv8 CRC instructions, or a table.  Thread-safe.
 */
#ifndef STRAND_BASE_CRC32C_H
#define STRAND_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC of DATA[0..SIZE) behind bytes whose CRC is CRC (0 for none).  strand_crc32c(0, "123456789",
 * 9) is 0xE3069283. */
uint32_t strand_crc32c(uint32_t crc, const void *data, size_t size);

typedef uint32_t strand_crc32c_fn(uint32_t crc, const void *data, size_t size);

/* For tests: an implementation that this processor can run.  0 is the portable one; behind the
 * last, which is the one in use, NULL. */
strand_crc32c_fn *strand_crc32c_implementation(size_t number);

#endif
