/* recovery/log_recovery_internal.h -- What the parts of log recovery share.
 *
 *     log_leftovers.c        what an interrupted operation left is finished or removed
 *     log_recovery_clean.c   does the log look as the marker of a clean close says?
 *     log_recovery_scan.c    reads; decides where the log ends, and the verdict
 *     log_recovery_behind.c  what stands behind the place where it ends; quarantine
 *     log_recovery_save.c    bytes that go are saved first
 *     log_recovery_apply.c   changes the disk accordingly, in the order that survives a power cut
 *     log_salvage.c          takes damage below the durable end out, when asked for
 *     log_recovery.c         puts these together
 */
#ifndef STRAND_RECOVERY_LOG_RECOVERY_INTERNAL_H
#define STRAND_RECOVERY_LOG_RECOVERY_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "recovery/log_recovery.h"
#include "storage/segment_scan.h"

struct strand_recovery_file {
    int64_t base_offset; /* from its name */
    int64_t size;        /* as found; known once measured or scanned */
    int64_t kept;        /* bytes of it that are kept */
    int64_t end_offset;
    int64_t durable_position;   /* of the first batch that reaches above the durable end; or KEPT */
    enum strand_scan_stop stop; /* why it is not kept beyond KEPT */
    bool is_read;
};

/* One recovery under way.  files[0..old_count) lie wholly below the log start of a slot, then come
 * those that are kept, files[behind..file_count) lie behind the place where the log ends. */
struct strand_recovery {
    const struct strand_recovery_request *request; /* borrowed */
    const struct strand_frontier_slot *slot;       /* borrowed; NULL: none, or not believed */
    struct strand_recovered_log *log;              /* borrowed; being filled in */
    struct strand_names names;                     /* of the directory, leftovers gone */
    struct strand_recovery_file *files;            /* owned; ascending */
    size_t file_count;
    size_t old_count;
    size_t scan_from; /* files before it lie wholly below the bound: measured, not read */
    size_t behind;
    size_t run_count;      /* of whole batches behind damage, listed so far */
    bool has_gaps_flag;    /* of the identity */
    bool gaps_allowed;     /* inside a segment */
    bool learns_epochs;    /* from batches, instead of testing them */
    bool epochs_changed;   /* the file is to be replaced */
    bool epochs_trimmed;   /* it says more than is true, which does no harm */
    bool tail_has_bytes;   /* what is cut off the last kept file is more than zeros */
    bool is_beyond_repair; /* corrupt for another reason than damage below the bound */
    int64_t bound;         /* what is damaged below it is corrupt */
    int64_t text_bound;    /* offsets of text files count no further; INT64_MAX: no limit */

    /* A compaction that cannot be finished: "" for none. */
    char blocked_reason[256];
    int64_t blocked_first;
    int64_t blocked_next;
};

/* The result of a scan, and of the test that the visitor may have ended it with. */
struct strand_recovery_scan {
    struct strand_scan_result result;
    int32_t epoch; /* of a batch that contradicts the epoch file */
    int32_t epoch_of_file;
};

/* ---- Names and files ---- */

/* "<digits>.<anything>"; *OUT_OFFSET is the number. */
bool strand_recovery_parse_prefix(const char *name, int64_t *out_offset);
bool strand_recovery_has_suffix(const char *name, const char *suffix);

/* NAME is nobody's: of an operation that was interrupted. */
bool strand_recovery_is_leftover(const char *name);

STRAND_MUST_USE int strand_recovery_list(struct strand_recovery *recovery);
STRAND_MUST_USE int strand_recovery_list_segments(struct strand_recovery *recovery);
STRAND_MUST_USE int strand_recovery_remove(const struct strand_recovery *recovery,
                                           const char *name);
STRAND_MUST_USE int strand_recovery_sync_directory(const struct strand_recovery *recovery);

/* Open the file NAME of the log; PATH receives its path and must outlive the file. */
STRAND_MUST_USE int strand_recovery_open(const struct strand_recovery *recovery, const char *name,
                                         uint32_t flags, char path[STRAND_PATH_SIZE_MAX],
                                         struct strand_file *out_file);
STRAND_MUST_USE int strand_recovery_open_segment(const struct strand_recovery *recovery,
                                                 size_t index, char path[STRAND_PATH_SIZE_MAX],
                                                 struct strand_file *out_file);

/* ---- Parts ---- */

/* List the directory and deal with leftovers; names is what is there then.  Read-only, it changes
 * nothing. */
STRAND_MUST_USE int strand_recovery_clear_leftovers(struct strand_recovery *recovery);

/* The log is as the request's clean entry says: it is filled in, and nothing else is to be done. */
STRAND_MUST_USE int strand_recovery_check_clean(struct strand_recovery *recovery,
                                                bool *out_is_clean);

/* Measure or scan all files, fill in segments, epochs as learnt, and the verdict. */
STRAND_MUST_USE int strand_recovery_examine(struct strand_recovery *recovery);

/* Scan file INDEX and add it to the list of segments. */
STRAND_MUST_USE int strand_recovery_scan_file(struct strand_recovery *recovery, size_t index,
                                              bool tests_epochs,
                                              struct strand_recovery_scan *out_scan);

/* Add file INDEX to the list without reading it; it is taken to adjoin the next, and the caller
 * says where the last one ends. */
STRAND_MUST_USE int strand_recovery_measure_file(struct strand_recovery *recovery, size_t index);

/* Is something whole behind the damage in file INDEX?  *OUT_OFFSET is its offset, -1: nothing. */
STRAND_MUST_USE int strand_recovery_look_behind(struct strand_recovery *recovery, size_t index,
                                                int64_t *out_offset);

/* Does file INDEX begin with a whole batch?  Its size is noted. */
STRAND_MUST_USE int strand_recovery_begins_whole(struct strand_recovery *recovery, size_t index,
                                                 bool *out_is_whole);

/* Where in file INDEX the refused batch at its KEPT ends. */
STRAND_MUST_USE int strand_recovery_step_over(struct strand_recovery *recovery,
                                              const struct strand_file *file, int64_t position,
                                              int64_t size, int64_t *out_next);

/* How many bytes may be read of a damaged file of SIZE bytes: a bound on searches from each place.
 */
int64_t strand_recovery_work_max(int64_t size);

/* Make the verdict CORRUPT for REASON, nothing cut, and add the files behind the end of the log to
 * the list.  [FIRST, NEXT) cannot be read; NEXT -1: up to the first whole batch that is found. */
STRAND_MUST_USE int strand_recovery_quarantine(struct strand_recovery *recovery, const char *reason,
                                               int64_t first, int64_t next);

/* Save the SIZE bytes of file INDEX at POSITION as cut-<OFFSET>.bytes, durably, unless they stand
 * there already. */
STRAND_MUST_USE int strand_recovery_save(const struct strand_recovery *recovery, size_t index,
                                         int64_t position, int64_t size, int64_t offset);

/* Rename file INDEX to a name of saved bytes; its content is durable.  The directory is not yet
 * synced. */
STRAND_MUST_USE int strand_recovery_set_aside(struct strand_recovery *recovery, size_t index);

/* A part of a file. */
struct strand_recovery_range {
    int64_t position;
    int64_t size;
};

/* Put the COUNT parts RANGES of FILE, in order, into a file NAME that appears whole, or not at all
 * where this fails; the content is durable.  The directory is not yet synced. */
STRAND_MUST_USE int strand_recovery_copy(const struct strand_recovery *recovery,
                                         const struct strand_file *file,
                                         const struct strand_recovery_range *ranges, size_t count,
                                         const char *name);

/* Save what is suspect, then take away what lies behind the end of the log and below its start.  No
 * room to save: the log is quarantined instead, with STRAND_OK. */
STRAND_MUST_USE int strand_recovery_cut(struct strand_recovery *recovery);

/* ---- Durable content (log_recovery_rewrite.c) ---- */

/* Make the content of file INDEX durable from POSITION up to SIZE; in the boot of the last writer
 * by writing it again. */
STRAND_MUST_USE int strand_recovery_sync_file(struct strand_recovery *recovery, size_t index,
                                              int64_t position, int64_t size);

/* Put the first SIZE bytes of FILE, which others hold links to, into a new file under its name. The
 * directory is not yet synced. */
STRAND_MUST_USE int strand_recovery_replace_by_prefix(const struct strand_recovery *recovery,
                                                      const struct strand_file *file,
                                                      int64_t base_offset, int64_t size);

/* What was interrupted of that is brought to its end.  The directory is not yet synced. */
STRAND_MUST_USE int strand_recovery_finish_rewrites(const struct strand_recovery *recovery);

/* ---- All of it ---- */

/* Everything kept and decided survives a power cut. */
STRAND_MUST_USE int strand_recovery_make_durable(struct strand_recovery *recovery);

/* What salvage took out. */
struct strand_salvage {
    int64_t cut_bytes;
    int64_t cut_first_offset;
    int64_t text_bound; /* for the next recovery */
    char failure[128];  /* why it did not come to its end; "" when it did */
};

/* The verdict is CORRUPT: take the damage out, so that the log can be recovered anew.  STRAND_OK
 * also when that was not possible and says so: then it is still corrupt. */
STRAND_MUST_USE int strand_recovery_salvage(struct strand_recovery *recovery,
                                            struct strand_salvage *out_salvage);

#endif
