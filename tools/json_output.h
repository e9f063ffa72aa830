/* tools/json_output.h -- Records and strings as JSON, written by hand: bytes that are not UTF-8
 * need a form of their own, and a record is printed without being built as a tree first.
 *
 * Failures to write stay in the stream: see cli_output_status().
 */
#ifndef STRAND_TOOLS_JSON_OUTPUT_H
#define STRAND_TOOLS_JSON_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "strandline/record.h"

/* Valid UTF-8: no overlong form, no surrogate, nothing above U+10FFFF. */
bool cli_utf8_is_valid(const void *data, size_t size);

/* A string in quotes; DATA is valid UTF-8. */
void cli_json_put_string(FILE *stream, const void *data, size_t size);

/* "NAME":"text", or "NAME_base64":"..." for what is not UTF-8, or "NAME":null. */
void cli_json_put_bytes(FILE *stream, const char *name, struct strand_bytes bytes);

/* One line: {"offset":..,"timestamp":..,"key":..,"value":..,"headers":[{"key":..,"value":..}]} */
void cli_json_put_record(FILE *stream, const struct strand_record *record);

#endif
