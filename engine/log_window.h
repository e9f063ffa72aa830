/* engine/log_window.h -- Where in which segment a read begins, with the file held open.
 *
 * Offset -> segment (in the list) -> a batch boundary at or below the offset: from the segment's
 * table in memory, from its start, or from the index of the data directory; where none of these
 * knows one, the segment is walked once, and its table filled.
 *
 * Threading: any thread; takes the state lock.
 */
#ifndef STRAND_ENGINE_LOG_WINDOW_H
#define STRAND_ENGINE_LOG_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "index/index.h"
#include "strandline/status.h"

struct strand_log;
struct strand_log_segment;

/* One segment as a read found it. */
struct strand_log_window {
    struct strand_log_segment *segment; /* held by a reference, and pinned */
    int64_t position;                   /* a batch boundary at or before what is looked for */
    int64_t expected;                   /* base offset of the batch there, */
    bool is_exact;                      /* exactly, as of all that follow; else at the lowest */
    bool is_exact_first;                /* that one alone */
    bool is_hinted;                     /* so says the index, which may be wrong */
    int64_t size;                       /* bytes that may be read */
    int64_t limit;                      /* offset that isolation allows to read up to */
    int64_t next_base;                  /* where damage in this segment ends at the latest */
    int64_t high_watermark;
    int64_t log_start;
};

/* Find the segment to look in for OFFSET.  STRAND_END, with nothing held: there is nothing to read
 * up to the limit; limit, high watermark and log start are set then, too.  STRAND_ERR_OUT_OF_RANGE,
 * _CORRUPT, _IO, _TRUNCATED (of a reader), _NO_MEMORY. */
STRAND_MUST_USE int strand_log_window_hold(struct strand_log *log, int64_t offset, int isolation,
                                           bool may_ask_index,
                                           struct strand_log_window *out_window);

/* Give SEGMENT of LOG, which was held, back. */
void strand_log_window_release(struct strand_log *log, struct strand_log_segment *segment);

#endif
