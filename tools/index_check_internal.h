/* tools/index_check_internal.h -- What the parts of the check of an index share.
 *
 *     index_check.c          one log: what opening would believe, the order of all
 *     index_check_collect.c  what the index says of one segment
 *     index_check_walk.c     what is so
 */
#ifndef STRAND_TOOLS_INDEX_CHECK_INTERNAL_H
#define STRAND_TOOLS_INDEX_CHECK_INTERNAL_H

#include "base/error.h"
#include "index/index_read.h"
#include "tools/index_check.h"

struct cli_index_pair {
    int64_t offset;
    int64_t position;
};

struct cli_index_time {
    int64_t end_offset;
    int64_t timestamp_ms;
};

struct cli_index_checking {
    struct strand_index *index;   /* borrowed, as the next */
    const struct strand_log *log; /* nobody else has it: no lock */
    struct cli_index_check *check;
    cli_index_check_progress_fn *progress;
    void *context;
    int64_t limit; /* what is said of offsets from here on is not used */

    /* The segment that is looked at, and what the index says of it. */
    int64_t base;
    int64_t next_base; /* INT64_MAX: it is the last */
    bool has_facts;    /* that are still to be compared */
    struct strand_index_segment facts;
    struct cli_index_pair *pairs; /* owned */
    size_t pair_count, pair_capacity;
    struct cli_index_time *times; /* owned */
    size_t time_count, time_capacity;

    /* The walk: what it has found up to the size in FOUND. */
    struct strand_index_segment found;
    size_t next_pair;
    size_t next_time;
};

/* A problem with the segment that is looked at; KIND is for programs. */
void cli_index_problem(struct cli_index_checking *checking, const char *kind, const char *format,
                       ...) STRAND_PRINTF(3, 4);

/* Visit what the index has of the log from offset FROM on. */
STRAND_MUST_USE int cli_index_checking_visit(struct cli_index_checking *checking,
                                             enum strand_index_entry_kind kind, int64_t from,
                                             strand_index_visit_fn *take);

/* Collect what the index says of the segment between the bases, in the order of a walk. */
STRAND_MUST_USE int cli_index_checking_collect(struct cli_index_checking *checking);

/* Hold that against the headers in the first SIZE bytes of the segment. */
STRAND_MUST_USE int cli_index_checking_walk(struct cli_index_checking *checking, int64_t size);

#endif
