/* tools/position.h -- Where to start reading, as people write it. */
#ifndef STRAND_TOOLS_POSITION_H
#define STRAND_TOOLS_POSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "strandline/status.h"

struct strand_log;

enum cli_position_kind {
    CLI_FROM_EARLIEST,
    CLI_FROM_LATEST,
    CLI_FROM_OFFSET,
    CLI_FROM_BEFORE_END, /* that many records before the end */
    CLI_FROM_TIME,       /* the first record that is not older */
};

struct cli_position {
    enum cli_position_kind kind;
    int64_t value;
};

/* A decimal number and nothing else. */
bool cli_int64_parse(const char *text, int64_t *out_value);

/* RFC 3339 ("2026-11-22T14:00:00.5+01:00") as ms since 1970; parts of a ms are dropped. */
bool cli_time_parse(const char *text, int64_t *out_ms);

/* "earliest", "latest", "N", "-N", "@MS", "@RFC3339".  STRAND_ERR_INVALID. */
STRAND_MUST_USE int cli_position_parse(const char *text, struct cli_position *out_position);

/* The offset that POSITION means in LOG, for a reader at ISOLATION.  A time that is newer than
 * every record means the end. */
STRAND_MUST_USE int cli_position_resolve(const struct cli_position *position,
                                         struct strand_log *log, int isolation,
                                         int64_t *out_offset);

#endif
