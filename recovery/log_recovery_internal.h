/* recovery/log_recovery_internal.h -- What the parts of log recovery share.
 *
 *     log_leftovers.c       what an interrupted operation left is finished or removed
 *     log_recovery_scan.c   reads; decides where the log ends, and the verdict
 *     log_recovery_apply.c  changes the disk accordingly, in the order that survives a power cut
 *     log_recovery.c        puts these together
 */
#ifndef STRAND_RECOVERY_LOG_RECOVERY_INTERNAL_H
#define STRAND_RECOVERY_LOG_RECOVERY_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "recovery/log_recovery.h"

struct strand_recovery_file {
    int64_t base_offset; /* from its name */
    int64_t size;        /* as found; known once scanned */
    int64_t kept;        /* bytes of it that are kept */
    int64_t end_offset;
};

/* One recovery under way.  files[0..old_count) lie wholly below the log start of a slot, then come
 * those that are kept, files[behind..file_count) lie behind the place where the log ends. */
struct strand_recovery {
    const struct strand_recovery_request *request; /* borrowed */
    struct strand_recovered_log *log;              /* borrowed; being filled in */
    struct strand_names names;                     /* of the directory, leftovers gone */
    struct strand_recovery_file *files;            /* owned; ascending */
    size_t file_count;
    size_t old_count;
    size_t behind;
    bool gaps_allowed;   /* inside a segment */
    bool learns_epochs;  /* from batches, instead of testing them */
    bool epochs_changed; /* the file is to be replaced */
    bool epochs_trimmed; /* it says more than is true, which does no harm */
    bool tail_has_bytes; /* what is cut off the last kept file is more than zeros */
    int64_t bound;       /* what is damaged below it is corrupt */

    /* A compaction that cannot be finished: "" for none. */
    char blocked_reason[256];
    int64_t blocked_first;
    int64_t blocked_next;
};

/* ---- Names ---- */

/* "<digits>.<anything>"; *OUT_OFFSET is the number. */
bool strand_recovery_parse_prefix(const char *name, int64_t *out_offset);
bool strand_recovery_has_suffix(const char *name, const char *suffix);

STRAND_MUST_USE int strand_recovery_remove(const struct strand_recovery *recovery,
                                           const char *name);
STRAND_MUST_USE int strand_recovery_sync_directory(const struct strand_recovery *recovery);

/* Open the file NAME of the log; PATH receives its path and must outlive the file. */
STRAND_MUST_USE int strand_recovery_open(const struct strand_recovery *recovery, const char *name,
                                         uint32_t flags, char path[STRAND_PATH_SIZE_MAX],
                                         struct strand_file *out_file);

/* ---- Parts ---- */

/* List the directory and deal with leftovers; names is what is there now.  Read-only, it changes
 * nothing. */
STRAND_MUST_USE int strand_recovery_clear_leftovers(struct strand_recovery *recovery);

/* Scan all files, fill in segments, epochs as learnt, and the verdict. */
STRAND_MUST_USE int strand_recovery_examine(struct strand_recovery *recovery);

/* Make the verdict CORRUPT for REASON, nothing cut, and add the files behind the end of the log to
 * the list.  [FIRST, NEXT) cannot be read; NEXT -1: up to the first whole batch that is found. */
STRAND_MUST_USE int strand_recovery_quarantine(struct strand_recovery *recovery, const char *reason,
                                               int64_t first, int64_t next);

/* Save what is suspect, then take away what lies behind the end of the log and below its start.  No
 * room to save: the log is quarantined instead, with STRAND_OK. */
STRAND_MUST_USE int strand_recovery_cut(struct strand_recovery *recovery);

/* Everything kept and decided survives a power cut. */
STRAND_MUST_USE int strand_recovery_make_durable(struct strand_recovery *recovery);

#endif
