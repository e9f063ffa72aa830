/* recovery/log_salvage.h -- What the two halves of salvage share; private to them.
 *
 *     log_salvage.c        reads; decides what goes
 *     log_salvage_apply.c  takes it out
 */
#ifndef STRAND_RECOVERY_LOG_SALVAGE_H
#define STRAND_RECOVERY_LOG_SALVAGE_H

#include "recovery/log_recovery_internal.h"

/* What goes from one file.  An empty one at the start of a file: only its name goes. */
struct strand_salvage_cut {
    size_t index; /* of the file */
    struct strand_recovery_range range;
    int64_t offset;  /* where it is missing */
    bool is_padding; /* zeros, or nothing: not saved */
    bool takes_name; /* the name, too: it is an offset that an earlier file holds */
};

struct strand_salvage_plan {
    struct strand_recovery *recovery;
    struct strand_salvage *report;
    struct strand_salvage_cut *cuts; /* owned; ascending by file and position */
    size_t cut_count;
    size_t cut_capacity;
    struct strand_leader_epochs epochs; /* owned; as the kept batches say */
    bool epochs_changed;
    int64_t end_offset; /* of what is kept */
    bool ignores_bound;
};

/* Each step is durable before the next. */
STRAND_MUST_USE int strand_salvage_apply(const struct strand_salvage_plan *plan);

#endif
