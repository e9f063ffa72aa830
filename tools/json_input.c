/* tools/json_input.c -- jansson parses, this checks: nothing is guessed and nothing passed over. */
#include "tools/json_input.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "tools/arena.h"
#include "tools/base64.h"

enum { NAME_SIZE_MAX = 16 };

static int
take_text(const char *text, size_t size, struct cli_arena *arena, struct strand_bytes *out_bytes)
{
    void *copy = cli_arena_take(arena, size);

    if (copy == NULL)
        return STRAND_ERR_NO_MEMORY;
    memcpy(copy, text, size);
    *out_bytes = strand_bytes(copy, size);
    return STRAND_OK;
}

static int
take_base64(const char *name, const char *text, size_t size, struct cli_arena *arena,
            struct strand_bytes *out_bytes)
{
    void *copy = cli_arena_take(arena, cli_base64_decoded_size_max(size));
    size_t decoded_size;

    if (copy == NULL)
        return STRAND_ERR_NO_MEMORY;
    if (!cli_base64_decode(text, size, copy, &decoded_size))
        return strand_fail(STRAND_ERR_BATCH, "\"%s\" is not base 64", name);
    *out_bytes = strand_bytes(copy, decoded_size);
    return STRAND_OK;
}

/* The member NAME or NAME_base64 of OBJECT.  STRAND_END: there is neither. */
static int
take_bytes(const json_t *object, const char *name, struct cli_arena *arena,
           struct strand_bytes *out_bytes)
{
    char base64_name[NAME_SIZE_MAX];
    const json_t *plain = json_object_get(object, name);
    const json_t *encoded;

    (void)snprintf(base64_name, sizeof base64_name, "%s_base64", name);
    encoded = json_object_get(object, base64_name);
    if (plain == NULL && encoded == NULL)
        return STRAND_END;
    if (plain != NULL && encoded != NULL)
        return strand_fail(STRAND_ERR_BATCH, "both \"%s\" and \"%s\"", name, base64_name);
    if (json_is_null(plain)) {
        *out_bytes = strand_bytes(NULL, 0);
        return STRAND_OK;
    }
    if (json_is_string(plain))
        return take_text(json_string_value(plain), json_string_length(plain), arena, out_bytes);
    if (json_is_string(encoded))
        return take_base64(base64_name, json_string_value(encoded), json_string_length(encoded),
                           arena, out_bytes);
    return strand_fail(STRAND_ERR_BATCH, "\"%s\" must be a string%s",
                       plain != NULL ? name : base64_name, plain != NULL ? " or null" : "");
}

static int
take_header(const json_t *object, struct cli_arena *arena, struct strand_header *out_header)
{
    int status;

    if (!json_is_object(object))
        return strand_fail(STRAND_ERR_BATCH, "a header must be an object");
    status = take_bytes(object, "key", arena, &out_header->key);
    if (status == STRAND_END || (status == STRAND_OK && out_header->key.data == NULL))
        return strand_fail(STRAND_ERR_BATCH, "a header has no \"key\"");
    if (status != STRAND_OK)
        return status;
    status = take_bytes(object, "value", arena, &out_header->value);
    if (status == STRAND_END)
        return strand_fail(STRAND_ERR_BATCH, "a header has no \"value\"");
    if (status == STRAND_OK && json_object_size(object) != 2)
        return strand_fail(STRAND_ERR_BATCH, "a header has more than \"key\" and \"value\"");
    return status;
}

static int
take_headers(const json_t *array, struct cli_arena *arena, struct strand_record *record)
{
    struct strand_header *headers;
    size_t count = json_array_size(array);

    if (array == NULL || (json_is_array(array) && count == 0))
        return STRAND_OK;
    if (!json_is_array(array))
        return strand_fail(STRAND_ERR_BATCH, "\"headers\" must be an array");
    headers = cli_arena_take(arena, count * sizeof *headers);
    if (headers == NULL)
        return STRAND_ERR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        int status = take_header(json_array_get(array, i), arena, &headers[i]);

        if (status != STRAND_OK)
            return status;
    }
    record->headers = headers;
    record->header_count = count;
    return STRAND_OK;
}

static int
take_timestamp(const json_t *number, struct strand_record *record)
{
    if (number == NULL || json_is_null(number))
        return STRAND_OK;
    if (!json_is_integer(number) || json_integer_value(number) < STRAND_NO_TIMESTAMP)
        return strand_fail(STRAND_ERR_BATCH, "\"timestamp\" must be ms since 1970, -1 or null");
    record->timestamp_ms = json_integer_value(number);
    return STRAND_OK;
}

static int
check_names(json_t *object)
{
    static const char *const NAMES[] = {"offset", "timestamp",    "key",    "key_base64",
                                        "value",  "value_base64", "headers"};
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value)
    {
        bool is_known = false;

        for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
            is_known = is_known || strcmp(name, NAMES[i]) == 0;
        if (!is_known)
            return strand_fail(STRAND_ERR_BATCH, "unknown member \"%.64s\"", name);
    }
    return STRAND_OK;
}

static int
take_record(json_t *object, struct cli_arena *arena, struct strand_record *record)
{
    int status = check_names(object);

    if (status == STRAND_OK)
        status = take_timestamp(json_object_get(object, "timestamp"), record);
    if (status == STRAND_OK)
        status = take_bytes(object, "key", arena, &record->key);
    if (status == STRAND_OK || status == STRAND_END)
        status = take_bytes(object, "value", arena, &record->value);
    if (status == STRAND_END)
        return strand_fail(STRAND_ERR_BATCH, "no \"value\" (null is for a tombstone)");
    if (status == STRAND_OK)
        status = take_headers(json_object_get(object, "headers"), arena, record);
    return status;
}

int
cli_json_parse_record(const char *text, size_t size, struct cli_arena *arena,
                      struct strand_record *out_record)
{
    struct strand_record record = {0};
    json_error_t error;
    json_t *object = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    int status;

    if (object == NULL)
        return strand_fail(STRAND_ERR_BATCH, "not JSON: %s (column %d)", error.text, error.column);
    if (json_is_object(object))
        status = take_record(object, arena, &record);
    else
        status = strand_fail(STRAND_ERR_BATCH, "not a JSON object");
    json_decref(object);
    if (status == STRAND_OK)
        *out_record = record;
    return status;
}
