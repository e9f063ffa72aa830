/* tools/index_check.h -- What the index says of one log, held against the headers of its batches.
 *
 *   problem  it says what is not so: a pair that leads to no batch, facts or a time that are not
 *            those of the segment
 *   note     what a killed process, a trim or a restored copy leaves, and the next opening for
 *            writing removes
 *
 * As opening does, it believes of the index only what is of the log's generation and below both
 * what it covers and the log end: nothing else is used, nor looked at here.
 */
#ifndef STRAND_TOOLS_INDEX_CHECK_H
#define STRAND_TOOLS_INDEX_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "index/index.h"
#include "strandline/status.h"
#include "tools/findings.h"

struct strand_log;

/* BYTES more of the log are through. */
typedef void cli_index_check_progress_fn(void *context, int64_t bytes);

struct cli_index_check {
    struct cli_findings findings;
    bool is_known; /* the index has the log */
    struct strand_index_log entry;
    int64_t segment_count; /* facts that were looked at, as the next two */
    int64_t pair_count;
    int64_t time_count;
    int64_t problem_count;    /* not all of them are among the findings */
    int64_t log_damage_count; /* of them: damage of the log, not of the index */
};

/* LOG is of an engine that is open read-only.  STRAND_OK with OUT_CHECK filled in, which is then to
 * be given to cli_index_check_deinit(), whatever is wrong.  A failure to read is one. */
STRAND_MUST_USE int cli_index_check(struct strand_index *index, const struct strand_log *log,
                                    cli_index_check_progress_fn *progress, void *context,
                                    struct cli_index_check *out_check);

void cli_index_check_deinit(struct cli_index_check *check);

#endif
