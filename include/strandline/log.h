/* strandline/log.h -- One partition's log: append, wait, read, cut.
 *
 *     log start     high watermark     durable end       log end
 *        |                |                 |               |
 *        [================================================)   offsets
 *
 *     log start <= high watermark <= durable end <= log end, always.
 *
 * Durability: by default an append returns once its records survive loss of power
 * (STRAND_DURABLE).  With STRAND_WRITTEN it returns once they survive death of the process.
 *
 * Without replicas the high watermark is the durable end: a reader of committed records never sees
 * what a power cut could take back.
 *
 * Threading: a handle may be shared by any number of threads.  A cursor or a fetch is used by one
 * thread at a time.
 */
#ifndef STRANDLINE_LOG_H
#define STRANDLINE_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "strandline/record.h"
#include "strandline/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct strand_cursor;
struct strand_engine;
struct strand_log;
struct strand_log_segment;

/* ---- Opening ---- */

enum strand_log_flag {
    STRAND_LOG_MUST_EXIST = 1, /* STRAND_ERR_NOT_FOUND instead of creating it */
    STRAND_LOG_EXCLUSIVE = 2,  /* STRAND_ERR_EXISTS when it is there */
    STRAND_LOG_REPLICATED =
        4, /* only at creation: the high watermark moves by
              strand_log_set_high_watermark() alone, and offset gaps are legal */
};

enum strand_timestamp_type { STRAND_CREATE_TIME = 0, STRAND_LOG_APPEND_TIME = 1 };

/* Zero is the default of each.  The names in comments are Kafka's, for strand_log_set(). */
struct strand_log_options {
    size_t struct_size;        /* sizeof(struct strand_log_options) */
    uint32_t flags;            /* enum strand_log_flag */
    int32_t segment_bytes;     /* segment.bytes, 14..INT32_MAX; 0: 1 GiB */
    int64_t segment_ms;        /* segment.ms, >= 1; 0: 7 days; by the records' timestamps */
    int32_t max_message_bytes; /* max.message.bytes: one batch, as stored; 0: 1048588 */
    int32_t timestamp_type;    /* message.timestamp.type: enum strand_timestamp_type */
    int32_t codec;             /* compression.type: enum strand_codec; for records, not batches */
    int32_t compression_level; /* compression.gzip.level, .lz4.level or .zstd.level, by the codec;
                                  0: the codec's default */
};

/* Open TOPIC-PARTITION; create it if it is missing.  TOPIC follows Kafka's rules: 1 to 249 of
 * [a-zA-Z0-9._-], not "." or ".."; PARTITION >= 0.  Several handles of one log may be open; the
 * options of the first open count, later ones may only confirm them.
 *
 * A quarantined log opens, reads and refuses changes.  Fails with STRAND_ERR_INVALID (a name
 * outside the rules, an option out of range), _CODEC, _NOT_FOUND, _EXISTS, _READ_ONLY, _IO,
 * _NO_SPACE, _NO_MEMORY. */
STRAND_API STRAND_MUST_USE int strand_log_open(struct strand_engine *engine, const char *topic,
                                               int32_t partition,
                                               const struct strand_log_options *options,
                                               struct strand_log **out_log);

/* Accepts NULL.  STRAND_ERR_BUSY, with nothing harmed, while a cursor or fetch is open on it.
 * Closing makes nothing durable that was not asked to be; strand_engine_close() does. */
STRAND_API int strand_log_close(struct strand_log *log);

/* Read or change an option by Kafka's name while the log is open, for instance "segment.bytes".
 * Not stored.  STRAND_ERR_NOT_FOUND for an unknown name, STRAND_ERR_INVALID for a bad value. */
STRAND_API STRAND_MUST_USE int strand_log_set(struct strand_log *log, const char *name,
                                              const char *value);
STRAND_API STRAND_MUST_USE int strand_log_get(struct strand_log *log, const char *name, char *value,
                                              size_t value_size);

/* ---- Appending ---- */

enum strand_durability {
    STRAND_DURABLE = 0, /* survives loss of power when the call returns */
    STRAND_WRITTEN = 1, /* survives death of the process */
};

struct strand_append_options {
    size_t struct_size;  /* sizeof(struct strand_append_options) */
    int32_t durability;  /* enum strand_durability */
    int32_t is_follower; /* encoded batches only: keep offsets and epochs as they are */
    int64_t timeout_ms;  /* of a wait for durability; 0 or less: without limit */
};

/* What an append did.  Also the ticket for strand_log_wait(). */
struct strand_appended {
    int64_t base_offset; /* of the first record */
    int64_t end_offset;  /* one beyond the last */
    uint64_t generation; /* of the log; changes with each truncation */
    int32_t leader_epoch;
    int64_t log_append_time_ms; /* -1 unless message.timestamp.type is LogAppendTime */
};

/* Append RECORDS[0..COUNT) as one batch, or none of them.  COUNT >= 1.  NULL OPTIONS: durable.
 * OUT_APPENDED may be NULL; it is set whenever the records were written, so also when the wait for
 * durability failed or timed out.
 *
 * With STRAND_WRITTEN, an append that leaves more than the engine's unsynced_bytes_max of the log
 * not durable waits until it is (or the timeout; that is no failure then), so that a writer which
 * is faster than the disk does not fill the disk's queue for everybody else.
 *
 * Fails with nothing written: STRAND_ERR_INVALID (no records, a null header key, a size
 * or count without data, a negative timestamp other than STRAND_NO_TIMESTAMP), _TOO_LARGE, _CODEC,
 * _NO_SPACE (appends work again once there is room), _IO, _DESCRIPTORS, _READ_ONLY, _QUARANTINED,
 * _CLOSED, _NO_MEMORY.  Fails with the records written but perhaps not durable: _TIMEOUT,
 * _TRUNCATED, _FAILED (the log has failed: the records may or may not be there after reopening). */
STRAND_API STRAND_MUST_USE int strand_log_append(struct strand_log *log,
                                                 const struct strand_record *records, size_t count,
                                                 const struct strand_append_options *options,
                                                 struct strand_appended *out_appended);

/* Append encoded Kafka batches (magic 2), back to back in DATA[0..SIZE): all or none.
 *
 * As leader: batches come as a producer made them; offsets are assigned, the log's leader epoch is
 * stamped, the CRC is left alone (only LogAppendTime changes it).  Refused: a base offset other
 * than 0, a count that is not the offset span, control batches, a producer id without a sequence,
 * the LogAppendTime bit (only the log may set it). As follower: offsets and epochs are kept; a gap
 * above the log end is legal on a replicated log, an overlap is STRAND_ERR_OFFSETS; a lower epoch
 * than the newest is STRAND_ERR_EPOCH. More failures: STRAND_ERR_BATCH (size, CRC, count), _MAGIC
 * (0 and 1), _CODEC. */
STRAND_API STRAND_MUST_USE int
strand_log_append_batches(struct strand_log *log, const void *data, size_t size,
                          const struct strand_append_options *options,
                          struct strand_appended *out_appended);

/* ---- Waiting ---- */

/* TIMEOUT_MS < 0 waits without limit, 0 only looks; STRAND_ERR_TIMEOUT when it runs out.  Also
 * STRAND_ERR_FAILED, _QUARANTINED, _CLOSED, and _READ_ONLY instead of waiting where nothing can
 * come. Without threads of the library's own a wait does the commit work itself. */

/* Until the append is durable.  STRAND_ERR_TRUNCATED when it was cut off meanwhile, or when the log
 * was deleted, or opened with something cut, since; STRAND_ERR_INVALID for another log's. */
STRAND_API STRAND_MUST_USE int
strand_log_wait(struct strand_log *log, const struct strand_appended *appended, int64_t timeout_ms);

/* Until the append is committed: below the high watermark. */
STRAND_API STRAND_MUST_USE int strand_log_wait_committed(struct strand_log *log,
                                                         const struct strand_appended *appended,
                                                         int64_t timeout_ms);

/* Until a reader at ISOLATION can read OFFSET. */
STRAND_API STRAND_MUST_USE int strand_log_wait_data(struct strand_log *log, int64_t offset,
                                                    int isolation, int64_t timeout_ms);

/* Ask for a commit round and return at once: for hosts that append with STRAND_WRITTEN and do not
 * block.  Without threads of the library's own the next strand_engine_run() does the round. */
STRAND_API STRAND_MUST_USE int strand_log_commit_soon(struct strand_log *log);

/* A watch: a descriptor for poll(), select() or epoll, readable when a position or the state of the
 * log has moved since the watch was last cleared.  Look, then poll, in this order:
 *
 *     strand_watch_clear(watch);
 *     status = strand_log_wait(log, &appended, 0);      STRAND_ERR_TIMEOUT: not yet, so poll
 *
 * A watch belongs to one log and counts as a cursor does: strand_log_close() is BUSY while the last
 * handle's log has one open.  Not on a read-only engine (STRAND_ERR_READ_ONLY). */
struct strand_watch;

STRAND_API STRAND_MUST_USE int strand_watch_open(struct strand_log *log,
                                                 struct strand_watch **out_watch);
STRAND_API int strand_watch_descriptor(const struct strand_watch *watch); /* -1 for NULL */
STRAND_API STRAND_MUST_USE int strand_watch_clear(struct strand_watch *watch);
STRAND_API void strand_watch_close(struct strand_watch *watch); /* accepts NULL */

/* ---- Leader epochs (KIP-101, KIP-279) ---- */

/* Begin leader epoch EPOCH at the log end: durable before the call returns and before its first
 * batch.  EPOCH >= 0 and above the newest, else STRAND_ERR_EPOCH. */
STRAND_API STRAND_MUST_USE int strand_log_begin_epoch(struct strand_log *log, int32_t epoch);

struct strand_leader_epoch {
    int32_t epoch;        /* >= 0; ascends */
    int64_t start_offset; /* of its first record; ascends */
};

/* Return 0 to go on; anything else ends the listing and is returned. */
typedef int strand_leader_epoch_visit_fn(void *context, const struct strand_leader_epoch *epoch);

/* Visit the epoch history, oldest first, as it is when the call begins. */
STRAND_API STRAND_MUST_USE int
strand_log_list_epochs(struct strand_log *log, strand_leader_epoch_visit_fn *visit, void *context);

/* The epoch that OFFSET was, or will be, written in: -1 below the first entry, or without any.
 * OFFSET below the log start or above the log end is STRAND_ERR_OUT_OF_RANGE. */
STRAND_API STRAND_MUST_USE int strand_log_epoch_for_offset(struct strand_log *log, int64_t offset,
                                                           int32_t *out_epoch);

/* Kafka's OffsetsForLeaderEpoch: where EPOCH ends.  The newest epoch ends at the log end; an older
 * or skipped one where the next higher begins, and *OUT_EPOCH is then the highest known at or below
 * it.  (-1, -1) for an EPOCH above all that are known, or -1. */
STRAND_API STRAND_MUST_USE int strand_log_end_offset_for_epoch(struct strand_log *log,
                                                               int32_t epoch, int32_t *out_epoch,
                                                               int64_t *out_end_offset);

/* Ask the leader where EPOCH, the newest of this log, ends in its log: what
 * strand_log_end_offset_for_epoch() answers there.  Any status but STRAND_OK ends the attempt. */
typedef int strand_ask_leader_fn(void *context, int32_t epoch, int32_t *out_epoch,
                                 int64_t *out_end_offset);

/* A replica that begins to follow: cut from its end what the leader does not have, durably, asking
 * as often as it takes (KIP-279: an answer may name an epoch that is not known here).  Records that
 * the leader has are never cut: the high watermark plays no part.  *OUT_LOG_END, which may be NULL,
 * is where to fetch from.  An empty epoch history is compared by nothing: STRAND_OK, nothing is
 * cut.
 *
 * STRAND_ERR_EPOCH, with nothing cut by that answer: the leader does not know the epoch (it is
 * older than this log), or its answer contradicts the rules.  STRAND_ERR_OUT_OF_RANGE: they differ
 * below the log start; use strand_log_reset().  STRAND_ERR_INVALID: the log is not replicated. */
STRAND_API STRAND_MUST_USE int strand_log_truncate_to_leader(struct strand_log *log,
                                                             strand_ask_leader_fn *ask,
                                                             void *context, int64_t *out_log_end);

/* ---- Positions ---- */

struct strand_positions { /* one consistent snapshot */
    int64_t log_start;
    int64_t stable_end; /* last stable offset: the high watermark, until there are transactions */
    int64_t high_watermark;
    int64_t durable_end;
    int64_t log_end; /* the next offset to be assigned */
    uint64_t generation;
    int32_t leader_epoch; /* the newest; -1 = none */
};

STRAND_API STRAND_MUST_USE int strand_log_positions(struct strand_log *log,
                                                    struct strand_positions *out_positions);

enum { STRAND_EARLIEST = -2, STRAND_LATEST = -1, STRAND_MAX_TIMESTAMP = -3 };

/* Kafka's ListOffsets: the first record in offset order, at or above the log start and below the
 * limit of ISOLATION, whose timestamp is >= TIMESTAMP_MS; STRAND_EARLIEST, STRAND_LATEST (the
 * limit) or STRAND_MAX_TIMESTAMP (the record with the largest).  *OUT_TIMESTAMP_MS, which may be
 * NULL, is -1 for EARLIEST and LATEST.  STRAND_END when there is no such record. */
STRAND_API STRAND_MUST_USE int strand_log_offset_for_timestamp(struct strand_log *log,
                                                               int64_t timestamp_ms, int isolation,
                                                               int64_t *out_offset,
                                                               int64_t *out_timestamp_ms);

/* ---- Reading ---- */

enum strand_isolation {
    STRAND_READ_COMMITTED = 0, /* to the high watermark */
    STRAND_READ_STABLE = 1,    /* to the last stable offset: Kafka's read_committed */
    STRAND_READ_WRITTEN = 2,   /* to the log end */
};

struct strand_fetch_options {
    size_t struct_size; /* sizeof(struct strand_fetch_options) */
    int32_t isolation;  /* enum strand_isolation */
    uint32_t max_bytes; /* 0: 1 MiB.  The first batch is returned whole however large it is */
    int32_t check_crc;  /* not 0: check the CRC of every batch returned */
};

/* Whole batches, pinned: the bytes stay as they are until strand_fetch_release(), whatever is
 * appended, truncated or deleted meanwhile. */
struct strand_fetch {
    const void *data;       /* starts at the batch that holds the offset asked for */
    size_t size;            /* 0: nothing to read yet at this isolation */
    int64_t next_offset;    /* where the next fetch continues */
    int64_t high_watermark; /* when the fetch was made */
    int64_t log_start;
    int descriptor;         /* the same bytes in a file, for sendfile(); -1: not available */
    int64_t position;       /* of the bytes in it */
    struct strand_log *log; /* this and the rest: what is pinned, for the release */
    struct strand_log_segment *segment;
    void *copy;
};

/* Batches from OFFSET on, out of one segment.  OFFSET inside a batch returns the whole batch.
 * STRAND_ERR_OUT_OF_RANGE below the log start or above the log end (Kafka's OFFSET_OUT_OF_RANGE);
 * STRAND_ERR_CORRUPT, with strand_error_offsets(), where the log is damaged. */
STRAND_API STRAND_MUST_USE int strand_log_fetch(struct strand_log *log, int64_t offset,
                                                const struct strand_fetch_options *options,
                                                struct strand_fetch *out_fetch);

/* Accepts a fetch of all zeros. */
STRAND_API void strand_fetch_release(struct strand_fetch *fetch);

struct strand_cursor_options {
    size_t struct_size;      /* sizeof(struct strand_cursor_options) */
    int32_t isolation;       /* enum strand_isolation */
    uint32_t fetch_bytes;    /* 0: 1 MiB */
    int32_t include_control; /* not 0: return control records too */
};

/* Read records one by one from OFFSET on (STRAND_EARLIEST and STRAND_LATEST are understood).  The
 * CRC of every batch is checked once. */
STRAND_API STRAND_MUST_USE int strand_cursor_open(struct strand_log *log, int64_t offset,
                                                  const struct strand_cursor_options *options,
                                                  struct strand_cursor **out_cursor);

/* The next record.  What it points to is valid until the next call on the cursor.
 *
 * STRAND_END: no more for now; a later call goes on when there is.  STRAND_ERR_CORRUPT, once per
 * damaged range [first, next) of strand_error_offsets(): the call after it goes on at next.
 * STRAND_ERR_CODEC likewise for a batch that this build cannot decompress.
 * STRAND_ERR_OUT_OF_RANGE: the log was trimmed or truncated past the cursor; seek.
 * STRAND_ERR_TRUNCATED, on a read-only engine: the writer has cut the log; open it again. */
STRAND_API STRAND_MUST_USE int strand_cursor_next(struct strand_cursor *cursor,
                                                  struct strand_record *out_record);

/* Offset of the record that the next call would look for; -1 if CURSOR is NULL. */
STRAND_API int64_t strand_cursor_offset(const struct strand_cursor *cursor);

STRAND_API STRAND_MUST_USE int strand_cursor_seek(struct strand_cursor *cursor, int64_t offset);

STRAND_API void strand_cursor_close(struct strand_cursor *cursor); /* accepts NULL */

/* One record in the flat buffer of strand_cursor_read(): this head, then key, value, and for each
 * header two int32 sizes (value -1 = null) with key and value bytes.  Native byte order; each head
 * starts at a multiple of 8 from the start of the buffer. */
struct strand_flat_record {
    uint32_t size;  /* of all of it, padding included: the next head is here + size */
    uint32_t flags; /* enum strand_record_flag */
    int64_t offset;
    int64_t timestamp_ms;
    int32_t leader_epoch;
    int32_t key_size;   /* -1 = null */
    int32_t value_size; /* -1 = null */
    int32_t header_count;
};

/* As many records as fit, in one call: for bindings, where a call costs more than a record.
 * *OUT_SIZE bytes and *OUT_COUNT records are set on STRAND_OK, which means at least one record.
 * STRAND_ERR_TOO_LARGE: the next record needs *OUT_SIZE bytes.  Else as strand_cursor_next(). */
STRAND_API STRAND_MUST_USE int strand_cursor_read(struct strand_cursor *cursor, void *buffer,
                                                  size_t buffer_size, size_t *out_size,
                                                  size_t *out_count);

/* ---- Cutting ---- */

/* Remove the records from OFFSET on (the tail), durably.  An OFFSET inside a batch removes the
 * whole batch; *OUT_LOG_END, which may be NULL, is where the log now ends.  OFFSET at or above the
 * log end removes no record, but epochs that begin there.  Below the log start:
 * STRAND_ERR_OUT_OF_RANGE, use strand_log_reset(). */
STRAND_API STRAND_MUST_USE int strand_log_truncate(struct strand_log *log, int64_t offset,
                                                   int64_t *out_log_end);

/* Forget the records below OFFSET (the head), durably: Kafka's DeleteRecords.  OFFSET at most the
 * high watermark, else STRAND_ERR_OUT_OF_RANGE; at or below the log start no record goes.  Space
 * comes back in whole segments. */
STRAND_API STRAND_MUST_USE int strand_log_trim(struct strand_log *log, int64_t offset);

/* Remove everything and start anew at OFFSET >= 0, durably. */
STRAND_API STRAND_MUST_USE int strand_log_reset(struct strand_log *log, int64_t offset);

/* Replicated logs only (else STRAND_ERR_INVALID): records below OFFSET >= 0 are committed.  It
 * takes effect up to the durable end at once and catches up as more becomes durable; it never
 * falls. */
STRAND_API STRAND_MUST_USE int strand_log_set_high_watermark(struct strand_log *log,
                                                             int64_t offset);

#ifdef __cplusplus
}
#endif

#endif
