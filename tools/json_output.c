/* tools/json_output.c -- Runs of plain characters go out in one piece. */
#include "tools/json_output.h"

#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "tools/base64.h"

/* Size of the UTF-8 character at TEXT, of which SIZE bytes are there; 0 when it is none. */
static size_t
utf8_character_size(const uint8_t *text, size_t size)
{
    uint8_t lead = text[0];
    size_t wanted = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint8_t second_min = 0x80;
    uint8_t second_max = 0xbf;

    if (wanted == 1)
        return 1;
    if (lead < 0xc2 || lead > 0xf4 || size < wanted)
        return 0;
    if (lead == 0xe0)
        second_min = 0xa0; /* below: overlong */
    if (lead == 0xf0)
        second_min = 0x90;
    if (lead == 0xed)
        second_max = 0x9f; /* above: a surrogate */
    if (lead == 0xf4)
        second_max = 0x8f; /* above: beyond U+10FFFF */
    if (text[1] < second_min || text[1] > second_max)
        return 0;
    for (size_t i = 2; i < wanted; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    return wanted;
}

bool
cli_utf8_is_valid(const void *data, size_t size)
{
    const uint8_t *text = data;

    while (size > 0) {
        size_t taken = utf8_character_size(text, size);

        if (taken == 0)
            return false;
        text += taken;
        size -= taken;
    }
    return true;
}

static bool
is_plain(uint8_t byte)
{
    return byte >= ' ' && byte != '"' && byte != '\\' && byte != 0x7f;
}

static void
put_escaped(FILE *stream, uint8_t byte)
{
    static const char SHORT_FORMS[] = "\"\"\\\\\bb\ff\nn\rr\tt";

    for (size_t i = 0; i + 1 < sizeof SHORT_FORMS; i += 2) {
        if ((uint8_t)SHORT_FORMS[i] == byte) {
            (void)fprintf(stream, "\\%c", SHORT_FORMS[i + 1]);
            return;
        }
    }
    (void)fprintf(stream, "\\u%04x", byte);
}

void
cli_json_put_string(FILE *stream, const void *data, size_t size)
{
    const uint8_t *text = data;
    size_t begun = 0;

    (void)fputc('"', stream);
    for (size_t i = 0; i < size; i++) {
        if (is_plain(text[i]))
            continue;
        (void)fwrite(text + begun, 1, i - begun, stream);
        put_escaped(stream, text[i]);
        begun = i + 1;
    }
    if (begun < size)
        (void)fwrite(text + begun, 1, size - begun, stream);
    (void)fputc('"', stream);
}

static void
put_base64(FILE *stream, const uint8_t *data, size_t size)
{
    enum { PIECE_SIZE = 768 }; /* a multiple of 3: no padding in between */
    char text[PIECE_SIZE / 3 * 4];

    (void)fputc('"', stream);
    for (size_t done = 0; done < size; done += PIECE_SIZE) {
        size_t piece = size - done < PIECE_SIZE ? size - done : PIECE_SIZE;

        cli_base64_encode(data + done, piece, text);
        (void)fwrite(text, 1, cli_base64_encoded_size(piece), stream);
    }
    (void)fputc('"', stream);
}

void
cli_json_put_bytes(FILE *stream, const char *name, struct strand_bytes bytes)
{
    if (bytes.data == NULL) {
        (void)fprintf(stream, "\"%s\":null", name);
    } else if (cli_utf8_is_valid(bytes.data, bytes.size)) {
        (void)fprintf(stream, "\"%s\":", name);
        cli_json_put_string(stream, bytes.data, bytes.size);
    } else {
        (void)fprintf(stream, "\"%s_base64\":", name);
        put_base64(stream, bytes.data, bytes.size);
    }
}

void
cli_json_put_record(FILE *stream, const struct strand_record *record)
{
    (void)fprintf(stream, "{\"offset\":%" PRId64 ",\"timestamp\":%" PRId64 ",", record->offset,
                  record->timestamp_ms);
    cli_json_put_bytes(stream, "key", record->key);
    (void)fputc(',', stream);
    cli_json_put_bytes(stream, "value", record->value);
    (void)fputs(",\"headers\":[", stream);
    for (size_t i = 0; i < record->header_count; i++) {
        (void)fputs(i > 0 ? ",{" : "{", stream);
        cli_json_put_bytes(stream, "key", record->headers[i].key);
        (void)fputc(',', stream);
        cli_json_put_bytes(stream, "value", record->headers[i].value);
        (void)fputc('}', stream);
    }
    (void)fputs("]}\n", stream);
}
