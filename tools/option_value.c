/* tools/option_value.c -- Values of options, from text; their help. */
#include "tools/option_value.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "tools/position.h"

static bool
parse_bytes(const char *text, int64_t *out_value)
{
    static const char UNITS[] = "kmg";
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

int
cli_option_number(const char *name, const char *text, const struct cli_number_rule *rule,
                  int64_t *out_value)
{
    int64_t value;
    bool is_number = rule->in_bytes ? parse_bytes(text, &value) : cli_int64_parse(text, &value);

    if (!is_number)
        return strand_fail(STRAND_ERR_INVALID, "--%s \"%s\": not a number", name, text);
    if (value < rule->min || value > rule->max)
        return strand_fail(STRAND_ERR_INVALID, "--%s %s: must be from %" PRId64 " to %" PRId64,
                           name, text, rule->min, rule->max);
    *out_value = value;
    return STRAND_OK;
}

int
cli_option_choice(const char *name, const char *text, const char *const *choices,
                  int32_t *out_value)
{
    char names[128] = "";

    for (int32_t i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], text) == 0) {
            *out_value = i;
            return STRAND_OK;
        }
        size_t used = strlen(names);
        (void)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "", choices[i]);
    }
    return strand_fail(STRAND_ERR_INVALID, "--%s \"%s\": must be one of %s", name, text, names);
}

void
cli_option_print_help(FILE *stream, const char *text, int indent, int width)
{
    int column = indent;

    while (*text != '\0') {
        int size = (int)strcspn(text, " ");

        if (column > indent && column + 1 + size > width) {
            (void)fprintf(stream, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            (void)fputc(' ', stream);
            column++;
        }
        (void)fprintf(stream, "%.*s", size, text);
        column += size;
        text += size;
        text += strspn(text, " ");
    }
    (void)fputc('\n', stream);
}
