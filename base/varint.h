/* base/varint.h -- Kafka's variable-length integers: zigzag, then unsigned LEB128.
 *
 * A varint carries an int32 in at most 5 bytes, a varlong an int64 in at most 10.  Reading accepts
 * what Kafka's readers accept: over-long encodings within those limits, nothing beyond.
 */
#ifndef STRAND_BASE_VARINT_H
#define STRAND_BASE_VARINT_H

#include <stddef.h>
#include <stdint.h>

enum { STRAND_VARINT_SIZE_MAX = 5, STRAND_VARLONG_SIZE_MAX = 10 };

/* Bytes that VALUE takes. */
size_t strand_varint_size(int32_t value);
size_t strand_varlong_size(int64_t value);

/* Write VALUE at TO, which has room for it; return the end. */
uint8_t *strand_varint_put(uint8_t *to, int32_t value);
uint8_t *strand_varlong_put(uint8_t *to, int64_t value);

/* Read from [FROM, END); return the first byte behind it, NULL when it is cut off or too long. */
const uint8_t *strand_varint_get(const uint8_t *from, const uint8_t *end, int32_t *out_value);
const uint8_t *strand_varlong_get(const uint8_t *from, const uint8_t *end, int64_t *out_value);

#endif
