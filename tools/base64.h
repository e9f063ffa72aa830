/* tools/base64.h -- Base 64 of RFC 4648 section 4, with padding, without line breaks. */
#ifndef STRAND_TOOLS_BASE64_H
#define STRAND_TOOLS_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Size of the text for SIZE bytes; SIZE is at most SIZE_MAX / 2. */
static inline size_t
cli_base64_encoded_size(size_t size)
{
    return (size + 2) / 3 * 4;
}

/* At least as many bytes as a text of TEXT_SIZE can hold. */
static inline size_t
cli_base64_decoded_size_max(size_t text_size)
{
    return text_size / 4 * 3;
}

/* Write cli_base64_encoded_size(SIZE) characters to OUT_TEXT, without a terminator. */
void cli_base64_encode(const void *data, size_t size, char *out_text);

/* Decode into OUT_DATA, which has room for cli_base64_decoded_size_max(TEXT_SIZE) bytes.  Strict:
 * false for a character outside the alphabet, wrong or missing padding, and bits that the padding
 * leaves over but are not zero. */
bool cli_base64_decode(const char *text, size_t text_size, uint8_t *out_data, size_t *out_size);

#endif
