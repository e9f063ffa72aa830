/* bench/options_values.c -- Values of options: from text, and to it. */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "bench/options_internal.h"
#include "tools/option_value.h"

static const char UNITS[] = "kmg";

static bool
takes_units(const struct bench_option *option)
{
    return option->kind == BENCH_OPTION_BYTES || option->kind == BENCH_OPTION_BYTES_LIST;
}

static int
set_number(const struct bench_option *option, const char *text, int64_t *out_value)
{
    const struct cli_number_rule rule = {takes_units(option), option->min, option->max};

    return cli_option_number(option->name, text, &rule, out_value);
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
        return cli_option_choice(option->name, text, option->choices, field);
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
