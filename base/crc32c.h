/* base/crc32c.h -- CRC-32C (Castagnoli: reflected polynomial 0x82F63B78), as in RFC 3720 and Kafka.
 *
 * Chosen once, at run time: three interleaved SSE4.2 streams joined with PCLMULQDQ, the ARMv8 CRC
 * instructions, or a table.  Thread-safe.
 */
#ifndef STRAND_BASE_CRC32C_H
#define STRAND_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC of DATA[0..SIZE) behind bytes whose CRC is CRC (0 for none).  strand_crc32c(0, "123456789",
 * 9) is 0xE3069283. */
uint32_t strand_crc32c(uint32_t crc, const void *data, size_t size);

/* The portable implementation, for comparison in tests. */
uint32_t strand_crc32c_table(uint32_t crc, const void *data, size_t size);

#endif
