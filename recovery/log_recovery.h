/* recovery/log_recovery.h -- Decides what of one log survives, and makes that decision durable.
 *
 * A log that strandline.clean vouches for, and whose files are as it says, is taken as it is: no
 * batch is read, nothing is synced (STRAND_VERDICT_CLEAN).  For any other one of three verdicts,
 * never mixed up:
 *   torn     the tail was being written when the power went: at or above the durable end, nothing
 *            whole behind it.  Cut.
 *   suspect  at or above the durable end, but whole batches stand behind it, or a batch whose CRC
 *            is right contradicts the epoch file.  The bytes are saved as cut-<offset>.bytes in the
 *            log's directory, then cut.
 *   corrupt  damage below the durable end, or the log ends below it.  Never cut: the log is
 *            quarantined, nothing of it is changed on disk.
 * With must_salvage the damage is taken out instead (recovery/log_salvage.c) and the log recovered
 * anew: STRAND_VERDICT_SALVAGED, a new generation is due, and the identity on disk says that it has
 * gaps.  Where that is not possible it stays quarantined, and the reason says why.
 *
 * The durable end D is the frontier slot's; without a good slot it is the recovery point of Kafka's
 * text file, or 0 ("nothing is known to be durable").
 *
 * A broker that was the last writer makes the slot worthless: it is ignored when is_foreign, and
 * when an index stands beside the last segment (<base>.index, <base>.timeindex), which a broker
 * makes at once for each segment and we remove before we change one.  OUT_LOG says so.
 *
 * Bound: with a slot and a readable epoch file, segments that end at or below D are not read but
 * for their sizes; the scan begins at the start of the segment that holds the record D - 1.  So the
 * bytes read are those appended since the slot, at most one segment, and prepared zeros.  Otherwise
 * all of it is scanned.  It reads with pread only.
 *
 * Bytes that a cut has left behind the end of the last segment would show when it grows and the
 * next cut comes: the block that it ends in is written again.
 *
 * In the same boot as the last writer's the page cache may hold pages whose write-back failed: what
 * is kept at or above D is written again, same bytes, before it is synced.
 *
 * Order of changes (docs/DURABILITY.md): leftovers removed; suspect bytes saved; Kafka's indexes of
 * what changes unlinked; later segments unlinked (suspect ones renamed) newest first with a
 * directory sync after each; segments below a slot's log start unlinked; the tail cut and synced;
 * the epoch file replaced; kept segments synced; the directory synced.  Always, also when nothing
 * was changed, since a killed process may have left content and names that only the cache knows.
 * Run twice it changes nothing; interrupted anywhere and run again it gives the same log.
 *
 * Threading: one log, one thread at a time; different logs in parallel.
 */
#ifndef STRAND_RECOVERY_LOG_RECOVERY_H
#define STRAND_RECOVERY_LOG_RECOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "recovery/clean_marker.h"
#include "recovery/frontier.h"
#include "recovery/leader_epoch.h"
#include "recovery/log_identity.h"
#include "strandline/engine.h"
#include "strandline/status.h"

struct strand_fs;

/* One whole batch that was read, in order, of the segment whose base is SEGMENT_BASE_OFFSET.  BATCH
 * is its header only: STRAND_BATCH_HEADER_SIZE bytes.  What is to be known of every batch since a
 * snapshot (producer state) hangs on here. */
typedef void strand_recovered_batch_fn(void *argument, int64_t segment_base_offset,
                                       const uint8_t *batch, int64_t position);

/* The visits so far are void, and all of them begin anew: damage was taken out. */
typedef void strand_recovery_restart_fn(void *argument);

struct strand_recovery_request {
    const struct strand_fs *fs; /* borrowed, as the rest */
    const char *directory;      /* of the log */
    const char *name;           /* for messages: "orders-0" */
    bool read_only;             /* decide, change nothing */
    bool is_foreign;            /* a broker was the last writer: epochs are learnt from batches */
    bool is_same_boot;          /* of the last writer, or that is not known */
    bool must_salvage;          /* damage below D is taken out instead of quarantining the log */
    bool scans_all; /* every segment is read, and nobody's word taken that it is clean */
    const struct strand_log_identity *identity;
    const struct strand_frontier_slot *slot; /* NULL: none */
    const struct strand_clean_entry *clean;  /* what strandline.clean says of it; NULL: nothing */
    int64_t recovery_point;              /* of Kafka's text file; used without a slot; 0 = none */
    int64_t log_start;                   /* of Kafka's text file; used without a slot; 0 = none */
    strand_recovered_batch_fn *visit;    /* may be NULL */
    strand_recovery_restart_fn *restart; /* not NULL where there is VISIT and MUST_SALVAGE */
    void *argument;
};

/* A run of whole batches: a segment, or what of a quarantined log's damaged file lies between two
 * damaged places. */
struct strand_recovered_segment {
    int64_t base_offset;      /* of the file's name; of its first batch for a later run */
    int64_t file_base_offset; /* of the file's name */
    int64_t start_position;   /* in the file; 0 but for a later run */
    int64_t end_offset;       /* one beyond the last record kept; base_offset if empty */
    int64_t size;             /* position of the end of what is kept */
    int64_t batch_count;
    int64_t max_timestamp_ms;   /* -1 = none, as in the next */
    int64_t first_timestamp_ms; /* max timestamp of the first batch */
    bool is_scanned;            /* false: of what stands here only base offset, size and, from the
                                   next segment's base or the log end, END_OFFSET are known */
    bool is_readable;           /* false: what follows in the file is damaged */
};

struct strand_recovered_log {
    enum strand_recovery_verdict verdict;
    char reason[256]; /* a sentence; "" when whole */
    int64_t log_start;
    int64_t log_end;
    int64_t durable_end;    /* D, as known before */
    int64_t high_watermark; /* of the slot, clamped; -1 without a slot */
    uint64_t generation;    /* of the slot; 0 without */
    bool is_foreign;        /* a broker was the last writer: the slot was ignored */
    bool has_cut;           /* something was cut, or would be: a new generation is due */
    bool lacks_room;        /* quarantined because what was to be cut found no room to be saved */
    bool must_reset;        /* the slot says a reset has begun: the caller finishes it at log_start;
                               nothing else was decided */
    int64_t cut_bytes;      /* torn or suspect */
    int64_t cut_first_offset; /* first offset that is no longer there; -1 = none */
    int64_t corrupt_first;    /* [first, next) that cannot be read; -1 = none */
    int64_t corrupt_next;
    int64_t scanned_count; /* files that were read, if only in part */
    int64_t bytes_read;    /* of log files, to decide */
    int64_t bytes_rewritten;
    int32_t epochs_before;                     /* entries in the file; -1: missing or unreadable */
    struct strand_recovered_segment *segments; /* owned; ascending */
    size_t segment_count;
    struct strand_leader_epochs epochs; /* owned; as they now are on disk, or would be when
                                           read-only or corrupt */
    bool epochs_were_rebuilt;           /* the file was missing or unreadable */
    bool has_gaps; /* a batch, or a segment but the first, starts above the end of the one before:
                      an identity without STRAND_LOG_HAS_GAPS is to get it */
};

/* STRAND_OK with OUT_LOG filled in, whatever the verdict.  A failure to read or to change the disk
 * is STRAND_ERR_IO, _NO_SPACE, ...: nothing is served then. */
STRAND_MUST_USE int strand_log_recover(const struct strand_recovery_request *request,
                                       struct strand_recovered_log *out_log);

/* Was a broker the last writer of the log in DIRECTORY, by the rule above?  Before a log is
 * recovered that will be changed its slot is freed then, durably: the index is the only witness,
 * and goes. */
STRAND_MUST_USE int strand_log_is_foreign(const struct strand_fs *fs, const char *directory,
                                          bool *out_is_foreign);

void strand_recovered_log_deinit(struct strand_recovered_log *log); /* accepts all zeros */

#endif
