/* recovery/log_recovery.h -- Decides what of one log survives, and makes that decision durable.
 *
 * Three verdicts, never mixed up:
 *   torn     the tail was being written when the power went: at or above the durable end, nothing
 *            whole behind it.  Cut.
 *   suspect  at or above the durable end, but whole batches stand behind it, or a batch whose CRC
 * is right contradicts the epoch file.  The bytes are saved as cut-<offset>.bytes in the log's
 * directory, then cut. corrupt  damage below the durable end, or the log ends below it.  Never cut:
 * the log is quarantined, nothing of it is changed on disk.
 *
 * The durable end D is the frontier slot's; without a good slot it is the recovery point of Kafka's
 * text file, or 0 ("nothing is known to be durable").
 *
 * This version scans every segment fully.  It reads with pread only.
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

#include "recovery/frontier.h"
#include "recovery/leader_epoch.h"
#include "recovery/log_identity.h"
#include "strandline/status.h"

struct strand_fs;

enum strand_recovery_verdict {
    STRAND_VERDICT_WHOLE,
    STRAND_VERDICT_TORN,
    STRAND_VERDICT_SUSPECT,
    STRAND_VERDICT_CORRUPT,
};

/* One whole batch, in order, of the segment whose base is SEGMENT_BASE_OFFSET.  BATCH is its header
 * only: STRAND_BATCH_HEADER_SIZE bytes. */
typedef void strand_recovered_batch_fn(void *argument, int64_t segment_base_offset,
                                       const uint8_t *batch, int64_t position);

struct strand_recovery_request {
    const struct strand_fs *fs; /* borrowed, as the rest */
    const char *directory;      /* of the log */
    const char *name;           /* for messages: "orders-0" */
    bool read_only;             /* decide, change nothing */
    bool is_foreign;            /* a broker was the last writer: epochs are learnt from batches */
    const struct strand_log_identity *identity;
    const struct strand_frontier_slot *slot; /* NULL: none */
    int64_t recovery_point;           /* of Kafka's text file; used without a slot; 0 = none */
    int64_t log_start;                /* of Kafka's text file; used without a slot; 0 = none */
    strand_recovered_batch_fn *visit; /* may be NULL */
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
    int64_t max_timestamp_ms;   /* -1 = none */
    int64_t first_timestamp_ms; /* max timestamp of the first batch; -1 = none */
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
    bool has_cut;           /* something was cut, or would be: a new generation is due */
    bool must_reset;        /* the slot says a reset has begun: the caller finishes it at log_start;
                               nothing else was decided */
    int64_t cut_bytes;      /* torn or suspect */
    int64_t cut_first_offset; /* first offset that is no longer there; -1 = none */
    int64_t corrupt_first;    /* [first, next) that cannot be read; -1 = none */
    int64_t corrupt_next;
    int64_t bytes_read;
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

void strand_recovered_log_deinit(struct strand_recovered_log *log); /* accepts all zeros */

#endif
