/* tools/json_input.h -- A record from a line of JSON, as read --json prints it.
 *
 * {"timestamp": ms or null, "key": text or null, "value": text or null,
 *  "headers": [{"key": text, "value": text or null}, ...]}
 *
 * "key_base64" and "value_base64" stand for bytes that are not UTF-8.  "value" (or "value_base64")
 * must be there, so that a misspelt name is an error and not a tombstone; the others may be left
 * out. "offset" is ignored; any other member is an error.
 */
#ifndef STRAND_TOOLS_JSON_INPUT_H
#define STRAND_TOOLS_JSON_INPUT_H

#include <stddef.h>

#include "strandline/record.h"
#include "strandline/status.h"

struct cli_arena;

/* Parse TEXT[0..SIZE).  The record points into ARENA.  STRAND_ERR_BATCH says what is wrong. */
STRAND_MUST_USE int cli_json_parse_record(const char *text, size_t size, struct cli_arena *arena,
                                          struct strand_record *out_record);

#endif
