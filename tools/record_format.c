/* tools/record_format.c -- The text is taken apart once; each record walks the pieces. */
#include "tools/record_format.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"

struct piece {
    char letter; /* 0: plain bytes */
    const char *bytes;
    size_t size;
};

struct cli_record_format {
    struct piece *pieces; /* owned */
    size_t count;
    char *bytes; /* owned; what the pieces point into */
};

static int
hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* Resolve the escape behind the backslash at *TEXT and step over it. */
static int
take_escape(const char **text, char *out_byte)
{
    static const char FORMS[] = "n\nt\tr\r\\\\";
    const char *at = *text + 1;
    int high;
    int low;

    if (*at == '0') {
        *out_byte = '\0';
        *text += 2;
        return STRAND_OK;
    }
    for (size_t i = 0; i + 1 < sizeof FORMS; i += 2) {
        if (*at == FORMS[i]) {
            *out_byte = FORMS[i + 1];
            *text += 2;
            return STRAND_OK;
        }
    }
    high = *at == 'x' ? hex_value(at[1]) : -1;
    low = high >= 0 ? hex_value(at[2]) : -1;
    if (low < 0)
        return strand_fail(STRAND_ERR_INVALID,
                           "\"%.4s\" is not an escape: \\n \\t \\r \\0 \\\\ \\xHH", *text);
    *out_byte = (char)(high << 4 | low);
    *text += 4;
    return STRAND_OK;
}

int
cli_unescape(const char *text, char *out_bytes, size_t *out_size)
{
    size_t size = 0;

    while (*text != '\0') {
        if (*text != '\\') {
            out_bytes[size++] = *text++;
            continue;
        }
        int status = take_escape(&text, &out_bytes[size++]);
        if (status != STRAND_OK)
            return status;
    }
    *out_size = size;
    return STRAND_OK;
}

/* Append a byte to the plain piece at the end, which begins with it if there is none. */
static void
add_plain(struct cli_record_format *format, char *byte)
{
    struct piece *last = format->count > 0 ? &format->pieces[format->count - 1] : NULL;

    if (last == NULL || last->letter != '\0') {
        last = &format->pieces[format->count++];
        last->letter = '\0';
        last->bytes = byte;
        last->size = 0;
    }
    last->size++;
}

static int
take_apart(const char *text, struct cli_record_format *format)
{
    char *byte = format->bytes;

    while (*text != '\0') {
        bool is_letter = text[0] == '%' && text[1] != '%';

        if (is_letter && (text[1] == '\0' || strchr("sSRkKoptTh", text[1]) == NULL))
            return strand_fail(STRAND_ERR_INVALID, "\"%.2s\" is not a letter of --format", text);
        if (is_letter) {
            format->pieces[format->count++].letter = text[1];
            text += 2;
            continue;
        }
        if (*text == '\\') {
            int status = take_escape(&text, byte);

            if (status != STRAND_OK)
                return status;
        } else {
            *byte = *text;
            text += *text == '%' ? 2 : 1;
        }
        add_plain(format, byte++);
    }
    return STRAND_OK;
}

int
cli_record_format_create(const char *text, struct cli_record_format **out_format)
{
    struct cli_record_format *format = calloc(1, sizeof *format);
    int status = STRAND_ERR_NO_MEMORY;

    if (format != NULL) {
        format->pieces = calloc(strlen(text) + 1, sizeof *format->pieces);
        format->bytes = malloc(strlen(text) + 1);
    }
    if (format == NULL || format->pieces == NULL || format->bytes == NULL)
        (void)strand_fail(status, "hold the format: out of memory");
    else
        status = take_apart(text, format);
    if (status != STRAND_OK) {
        cli_record_format_destroy(format);
        return status;
    }
    *out_format = format;
    return STRAND_OK;
}

void
cli_record_format_destroy(struct cli_record_format *format)
{
    if (format == NULL)
        return;
    free(format->pieces);
    free(format->bytes);
    free(format);
}

static void
put_bytes(FILE *stream, struct strand_bytes bytes)
{
    if (bytes.size > 0)
        (void)fwrite(bytes.data, 1, bytes.size, stream);
}

static int64_t
shown_size(struct strand_bytes bytes)
{
    return bytes.data == NULL ? -1 : (int64_t)bytes.size;
}

static void
put_number(FILE *stream, int64_t number)
{
    (void)fprintf(stream, "%" PRId64, number);
}

static void
put_headers(FILE *stream, const struct strand_record *record)
{
    for (size_t i = 0; i < record->header_count; i++) {
        if (i > 0)
            (void)fputc(',', stream);
        put_bytes(stream, record->headers[i].key);
        (void)fputc('=', stream);
        if (record->headers[i].value.data == NULL)
            (void)fputs("NULL", stream);
        put_bytes(stream, record->headers[i].value);
    }
}

static void
put_binary_size(FILE *stream, struct strand_bytes bytes)
{
    uint8_t size[sizeof(uint32_t)];

    strand_put_be32(size, (uint32_t)shown_size(bytes));
    (void)fwrite(size, 1, sizeof size, stream);
}

void
cli_record_format_put(const struct cli_record_format *format, FILE *stream, const char *topic,
                      int32_t partition, const struct strand_record *record)
{
    for (size_t i = 0; i < format->count; i++) {
        const struct piece *piece = &format->pieces[i];

        switch (piece->letter) {
        case '\0':
            (void)fwrite(piece->bytes, 1, piece->size, stream);
            break;
        case 's':
            put_bytes(stream, record->value);
            break;
        case 'S':
            put_number(stream, shown_size(record->value));
            break;
        case 'R':
            put_binary_size(stream, record->value);
            break;
        case 'k':
            put_bytes(stream, record->key);
            break;
        case 'K':
            put_number(stream, shown_size(record->key));
            break;
        case 'o':
            put_number(stream, record->offset);
            break;
        case 'p':
            put_number(stream, partition);
            break;
        case 't':
            (void)fputs(topic, stream);
            break;
        case 'T':
            put_number(stream, record->timestamp_ms);
            break;
        default: /* 'h': take_apart() let nothing else through */
            put_headers(stream, record);
            break;
        }
    }
}
