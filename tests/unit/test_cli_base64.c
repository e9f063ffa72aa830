/* tests/unit/test_cli_base64.c -- The vectors of RFC 4648, and that every value has one text. */
#include <string.h>

#include <criterion/criterion.h>

#include "tools/base64.h"

static const struct {
    const char *data;
    const char *text;
} VECTORS[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xff\xfe\xfb\xef\xbe", "//77774="},
};

enum { VECTOR_COUNT = sizeof VECTORS / sizeof VECTORS[0] };

Test(cli_base64, encodes_the_vectors_of_the_rfc)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        char text[16] = "";
        size_t size = strlen(VECTORS[i].data);

        cli_base64_encode(VECTORS[i].data, size, text);
        cr_expect_eq(cli_base64_encoded_size(size), strlen(VECTORS[i].text));
        cr_expect_str_eq(text, VECTORS[i].text);
    }
}

Test(cli_base64, decodes_the_vectors_of_the_rfc)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        uint8_t data[16] = {0};
        size_t size = 99;

        cr_assert(cli_base64_decode(VECTORS[i].text, strlen(VECTORS[i].text), data, &size));
        cr_assert_eq(size, strlen(VECTORS[i].data));
        cr_expect_arr_eq(data, VECTORS[i].data, size);
    }
}

Test(cli_base64, every_byte_value_comes_back)
{
    uint8_t data[256];
    char text[(sizeof data + 2) / 3 * 4];
    uint8_t back[sizeof text / 4 * 3];
    size_t size;

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    cli_base64_encode(data, sizeof data, text);
    cr_assert(cli_base64_decode(text, sizeof text, back, &size));
    cr_assert_eq(size, sizeof data);
    cr_expect_arr_eq(back, data, size);
}

Test(cli_base64, refuses_what_is_not_the_one_text_of_a_value)
{
    static const char *const TEXTS[] = {
        "Z",    "Zg",   "Zg=",   "Zg===", "=",    "====",     "Z===", "Zm9v=",    "Zh==",
        "Zm9=", "Zm 9", "Zm9\n", "Zm9-",  "_m9v", "Zg==Zg==", "Z=g=", "Zm8=Zm9v", "\xc3\xa4==",
    };

    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        uint8_t data[16];
        size_t size;

        cr_expect_not(cli_base64_decode(TEXTS[i], strlen(TEXTS[i]), data, &size), "%s", TEXTS[i]);
    }
}
