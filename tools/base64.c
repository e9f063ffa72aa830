/* tools/base64.c -- Base 64, strict so that every value has exactly one text. */
#include "tools/base64.h"

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
cli_base64_encode(const void *data, size_t size, char *out_text)
{
    const uint8_t *from = data;

    for (; size > 0; from += 3, out_text += 4) {
        size_t taken = size < 3 ? size : 3;
        uint32_t group = (uint32_t)from[0] << 16;

        if (taken > 1)
            group |= (uint32_t)from[1] << 8;
        if (taken > 2)
            group |= from[2];
        out_text[0] = ALPHABET[group >> 18];
        out_text[1] = ALPHABET[group >> 12 & 63];
        out_text[2] = '=';
        out_text[3] = '=';
        if (taken > 1)
            out_text[2] = ALPHABET[group >> 6 & 63];
        if (taken > 2)
            out_text[3] = ALPHABET[group & 63];
        size -= taken;
    }
}

/* -1: not of the alphabet. */
static int
digit_value(char digit)
{
    if (digit >= 'A' && digit <= 'Z')
        return digit - 'A';
    if (digit >= 'a' && digit <= 'z')
        return digit - 'a' + 26;
    if (digit >= '0' && digit <= '9')
        return digit - '0' + 52;
    if (digit == '+')
        return 62;
    return digit == '/' ? 63 : -1;
}

/* Decode four characters of which the last PADDING are '='. */
static bool
decode_group(const char *text, size_t padding, uint8_t *out_data)
{
    uint32_t group = 0;

    for (size_t i = 0; i < 4; i++) {
        int value = i < 4 - padding ? digit_value(text[i]) : 0;

        if (value < 0)
            return false;
        group = group << 6 | (uint32_t)value;
    }
    for (size_t i = 0; i < 3 - padding; i++)
        out_data[i] = (uint8_t)(group >> (16 - 8 * i));
    return (group & ((UINT32_C(1) << 8 * padding) - 1)) == 0;
}

bool
cli_base64_decode(const char *text, size_t text_size, uint8_t *out_data, size_t *out_size)
{
    size_t padding = 0;

    if (text_size % 4 != 0)
        return false;
    if (text_size > 0 && text[text_size - 1] == '=')
        padding = text[text_size - 2] == '=' ? 2 : 1;
    for (size_t i = 0; i < text_size; i += 4)
        if (!decode_group(text + i, i + 4 == text_size ? padding : 0, out_data + i / 4 * 3))
            return false;
    *out_size = text_size / 4 * 3 - padding;
    return true;
}
