/* tools/log_check.h -- Everything that must hold of one log at rest.
 *
 * Segments and batches are judged by recovery itself, asked to change nothing and to read all of
 * it; records by the record reader; and then what the small files say is held against that.
 *
 *   problem  something durable is missing or contradicted, or a log that was closed cleanly is not
 *            as it was left
 *   note     what a process that was killed leaves behind, and the next opening puts right
 *
 * Beside a process that writes, only what the frontier calls durable is judged.
 */
#ifndef STRAND_TOOLS_LOG_CHECK_H
#define STRAND_TOOLS_LOG_CHECK_H

#include <stdint.h>

#include "strandline/status.h"
#include "tools/directory_view.h"
#include "tools/findings.h"

/* BYTES more of the log are through. */
typedef void cli_log_check_progress_fn(void *context, int64_t bytes);

struct cli_log_check {
    struct cli_findings findings;
    int64_t log_start;
    int64_t log_end;
    int64_t segment_count; /* files */
    int64_t batch_count;   /* that are whole */
    int64_t record_count;  /* in them */
    int64_t size_bytes;    /* of segment files */
    int64_t hole_count;    /* ranges of offsets that cannot be read */
};

/* STRAND_OK with OUT_CHECK filled in, which is then to be given to cli_log_check_deinit(), whatever
 * is wrong with the log.  A failure to read is one: STRAND_ERR_IO, _NO_MEMORY, ... */
STRAND_MUST_USE int cli_log_check(struct cli_directory_view *view, struct cli_log_view *log,
                                  cli_log_check_progress_fn *progress, void *context,
                                  struct cli_log_check *out_check);

void cli_log_check_deinit(struct cli_log_check *check);

#endif
