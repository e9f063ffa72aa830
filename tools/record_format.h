/* tools/record_format.h -- Records printed as the user says, by kcat's letters.
 *
 *   %s value   %S its size in bytes, -1 for null   %R the same as big-endian int32   %k key
 *   %K its size   %o offset   %p partition   %t topic   %T timestamp in ms   %h headers as
 *   NAME=VALUE,NAME=VALUE with NULL for null   %% a percent sign
 *
 * Escapes: \n \t \r \0 \\ \xHH.  A key or value that is null prints as nothing.
 */
#ifndef STRAND_TOOLS_RECORD_FORMAT_H
#define STRAND_TOOLS_RECORD_FORMAT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "strandline/record.h"
#include "strandline/status.h"

struct cli_record_format;

/* STRAND_ERR_INVALID for a letter or an escape that is not one. */
STRAND_MUST_USE int cli_record_format_create(const char *text,
                                             struct cli_record_format **out_format);

void cli_record_format_destroy(struct cli_record_format *format); /* accepts NULL */

/* Failures to write stay in the stream. */
void cli_record_format_put(const struct cli_record_format *format, FILE *stream, const char *topic,
                           int32_t partition, const struct strand_record *record);

/* Resolve the escapes of TEXT into OUT_BYTES, which has room for strlen(TEXT).  STRAND_ERR_INVALID.
 */
STRAND_MUST_USE int cli_unescape(const char *text, char *out_bytes, size_t *out_size);

#endif
