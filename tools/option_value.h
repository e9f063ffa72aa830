/* tools/option_value.h -- Values of command line options: from text, with a sentence that names the
 * option; and their help, broken into lines.  For all commands of this project. */
#ifndef STRAND_TOOLS_OPTION_VALUE_H
#define STRAND_TOOLS_OPTION_VALUE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "strandline/status.h"

/* What a number may be; with IN_BYTES it may end with k, m or g. */
struct cli_number_rule {
    bool in_bytes;
    int64_t min;
    int64_t max;
};

/* STRAND_ERR_INVALID: TEXT, the value of the option NAME, is no number, or not within the rule. */
STRAND_MUST_USE int cli_option_number(const char *name, const char *text,
                                      const struct cli_number_rule *rule, int64_t *out_value);

/* *OUT_VALUE is the index of TEXT in CHOICES, which end with NULL.  STRAND_ERR_INVALID. */
STRAND_MUST_USE int cli_option_choice(const char *name, const char *text,
                                      const char *const *choices, int32_t *out_value);

/* Print TEXT, broken between words, from column INDENT, where STREAM stands, to column WIDTH. */
void cli_option_print_help(FILE *stream, const char *text, int indent, int width);

#endif
