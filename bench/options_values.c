/* bench/options_values.c -- Values of options: from text, and to it. */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "bench/options_internal.h"
#include "tools/position.h"

static const char UNITS[] = "kmg";

static bool
parse_bytes(const char *text, int64_t *out_value)
{
    char digits[24];
    size_t size = strlen(text);
    const char *unit = size > 1 ? strchr(UNITS, text[size - 1]) : NULL;
    int shift = unit != NULL ? 10 * (int)(unit - UNITS + 1) : 0;
    int64_t value;

    if (size >= sizeof digits)
        return false;
    memcpy(digits, text, size + 1);
    if (unit != NULL)
        digits[size - 1] = '\0';
    if (!cli_int64_parse(digits, &value) || value < 0 || value > INT64_MAX >> shift)
        return false;
    *out_value = value << shift;
    return true;
}

static bool
takes_units(const struct bench_option *option)
{
    return option->kind == BENCH_OPTION_BYTES || option->kind == BENCH_OPTION_BYTES_LIST;
}

static int
set_number(const struct bench_option *option, const char *text, int64_t *out_value)
{
    int64_t value;
    bool is_number =
        takes_units(option) ? parse_bytes(text, &value) : cli_int64_parse(text, &value);

    if (!is_number)
        return strand_fail(STRAND_ERR_INVALID, "--%s \"%s\": not a number", option->name, text);
    if (value < option->min || value > option->max)
        return strand_fail(STRAND_ERR_INVALID, "--%s %s: must be from %" PRId64 " to %" PRId64,
                           option->name, text, option->min, option->max);
    *out_value = value;
    return STRAND_OK;
}

static int
set_list(const struct bench_option *option, const char *text, struct bench_list *out_list)
{
    struct bench_list list = {.count = 0};

    for (;;) {
        char item[32];
        size_t size = strcspn(text, ",");

        if (list.count == BENCH_LIST_MAX)
            return strand_fail(STRAND_ERR_INVALID, "--%s: more than %d values", option->name,
                               BENCH_LIST_MAX);
        (void)snprintf(item, sizeof item, "%.*s", (int)(size < sizeof item ? size : sizeof item),
                       text);
        int status = set_number(option, item, &list.values[list.count]);
        if (status != STRAND_OK)
            return status;
        list.count++;
        if (text[size] == '\0')
            break;
        text += size + 1;
    }
    *out_list = list;
    return STRAND_OK;
}

static int
set_choice(const struct bench_option *option, const char *text, int32_t *out_value)
{
    char names[128] = "";

    for (int32_t i = 0; option->choices[i] != NULL; i++) {
        if (strcmp(option->choices[i], text) == 0) {
            *out_value = i;
            return STRAND_OK;
        }
        size_t used = strlen(names);
        (void)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "",
                       option->choices[i]);
    }
    return strand_fail(STRAND_ERR_INVALID, "--%s \"%s\": must be one of %s", option->name, text,
                       names);
}

int
bench_option_set(const struct bench_option *option, const char *text, struct bench_options *options)
{
    void *field = (char *)options + option->field;

    switch (option->kind) {
    case BENCH_OPTION_FLAG:
        *(bool *)field = true;
        return STRAND_OK;
    case BENCH_OPTION_TEXT:
        *(const char **)field = text;
        return STRAND_OK;
    case BENCH_OPTION_NUMBER:
    case BENCH_OPTION_BYTES:
        return set_number(option, text, field);
    case BENCH_OPTION_CHOICE:
        return set_choice(option, text, field);
    case BENCH_OPTION_NUMBER_LIST:
    case BENCH_OPTION_BYTES_LIST:
        break;
    }
    return set_list(option, text, field);
}

static void
format_number(const struct bench_option *option, int64_t value, char *out_text, size_t size)
{
    char unit[2] = "";

    for (size_t i = 0; takes_units(option) && UNITS[i] != '\0'; i++) {
        if (value == 0 || value % 1024 != 0)
            break;
        value /= 1024;
        unit[0] = UNITS[i];
    }
    (void)snprintf(out_text, size, "%" PRId64 "%s", value, unit);
}

void
bench_option_format(const struct bench_option *option, const struct bench_options *options,
                    char *out_text, size_t size)
{
    const void *field = (const char *)options + option->field;

    out_text[0] = '\0';
    switch (option->kind) {
    case BENCH_OPTION_FLAG:
    case BENCH_OPTION_TEXT:
        return;
    case BENCH_OPTION_NUMBER:
    case BENCH_OPTION_BYTES:
        if (*(const int64_t *)field != 0)
            format_number(option, *(const int64_t *)field, out_text, size);
        return;
    case BENCH_OPTION_CHOICE:
        (void)snprintf(out_text, size, "%s", option->choices[*(const int32_t *)field]);
        return;
    case BENCH_OPTION_NUMBER_LIST:
    case BENCH_OPTION_BYTES_LIST:
        break;
    }
    const struct bench_list *list = field;
    for (size_t i = 0; i < list->count; i++) {
        size_t used = strlen(out_text);
        char item[32];

        format_number(option, list->values[i], item, sizeof item);
        (void)snprintf(out_text + used, size - used, "%s%s", i > 0 ? "," : "", item);
    }
}
