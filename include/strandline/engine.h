/* strandline/engine.h -- Open a data directory; list and delete its logs; health.
 *
 * One process writes a data directory at a time; any number of processes may read it with
 * STRAND_ENGINE_READ_ONLY.  Every function may be called from any thread.  A handle belongs to the
 * process that opened it: in a forked child every call fails with STRAND_ERR_FORKED but close and
 * release, which succeed and touch nothing: the memory goes with the child.  A child has a share of
 * the directory's lock, too.  The parent gives it up for both when it closes; should it die without
 * closing, the directory stays locked until the child has closed the engine, calls exec or ends.
 */
#ifndef STRANDLINE_ENGINE_H
#define STRANDLINE_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "strandline/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct strand_fs;
struct strand_engine;

enum strand_engine_flag {
    STRAND_ENGINE_READ_ONLY = 1,   /* no lock, no repair, no change; the directory must exist */
    STRAND_ENGINE_MUST_EXIST = 2,  /* do not initialise an empty or missing directory */
    STRAND_ENGINE_NETWORK_FS = 4,  /* allow network file systems, whose locks may not hold */
    STRAND_ENGINE_NO_THREADS = 8,  /* start no thread: the host calls strand_engine_run() */
    STRAND_ENGINE_COPY_READS = 16, /* read with pread into memory, never through a map: a media
                                      error is then a status and not a SIGBUS */
};

/* What to do with a log that has damage below what was durable, or that ends below it. */
enum strand_recovery_policy {
    STRAND_RECOVER_QUARANTINE = 0, /* open it quarantined: readable around the damage, unchanged */
    STRAND_RECOVER_REFUSE = 1,     /* fail the opening with STRAND_ERR_CORRUPT */
    STRAND_RECOVER_SALVAGE = 2, /* read all of every log, keep every whole batch, save the rest as
                                   cut-<offset>.bytes, declare the gaps, serve what is left */
};

/* Space that is got ready in front of the log end, in the background. */
enum strand_preparation {
    STRAND_PREPARE_AUTO = 0,    /* zeros, for logs whose appends are waited for */
    STRAND_PREPARE_NONE = 1,    /* files grow with each append */
    STRAND_PREPARE_RESERVE = 2, /* blocks are allocated; the size of the file stays */
    STRAND_PREPARE_ZERO = 3,    /* zeros are written and synced: a sync then changes no metadata */
};

/* Where offsets and times are looked up that appends of this process have not left in memory.  The
 * index is a cache: without it every answer is the same, and searches walk further. */
enum strand_index_kind {
    STRAND_INDEX_AUTO = 0, /* LMDB; memory where FS is not the default */
    STRAND_INDEX_LMDB = 1, /* strandline.index and strandline.index-lock, real files whatever FS */
    STRAND_INDEX_MEMORY = 2, /* gone at close, and grows with the logs: for simulation */
    STRAND_INDEX_NONE = 3,   /* as an engine that is open read-only */
};

/* What the library would have printed.  LEVEL is a syslog number: 3 error, 4 warning, 5 notice,
 * 6 info.  TEXT is one line without a newline, valid during the call.  Called on the thread that
 * met the event, several at once, possibly under locks: it must not call back into the library. */
typedef void strand_notice_fn(void *context, int level, const char *text);

/* How far opening has come; BYTES_READ of log files.  Called by one thread at a time, and not after
 * strand_engine_open() has returned.  It must not call back into the library. */
typedef void strand_progress_fn(void *context, uint32_t logs_done, uint32_t logs_total,
                                int64_t bytes_read);

/* All zero (but struct_size) is the default. */
struct strand_engine_options {
    size_t struct_size;              /* sizeof(struct strand_engine_options) */
    uint32_t flags;                  /* enum strand_engine_flag */
    uint32_t descriptor_budget;      /* files open at once; 0: half of RLIMIT_NOFILE; at least 16 */
    uint32_t commit_interval_ms;     /* sync what nobody waits for this often; 0: 200 */
    uint64_t commit_bytes;           /* ... or after so many bytes per log; 0: 64 MiB */
    uint64_t unsynced_bytes_max;     /* per log: see strand_log_append(); 0: no bound */
    uint32_t checkpoint_interval_ms; /* write Kafka's checkpoint files this often; 0: 5000 */
    uint32_t sync_workers;           /* threads that sync logs, 1..64; 0: 4 */
    uint32_t recovery_threads;       /* threads that recover logs, 1..64; 0: 4 */
    int32_t recovery_policy;         /* enum strand_recovery_policy */
    int32_t preparation;             /* enum strand_preparation */
    uint64_t prepared_bytes_max;     /* prepared for all logs together; 0: 256 MiB */
    int32_t index;                   /* enum strand_index_kind */
    const char *index_directory;     /* of its own, which exists; NULL: the data directory */
    const struct strand_fs *fs;      /* borrowed until close; NULL: strand_fs_posix() */
    strand_notice_fn *notice;        /* NULL: silence */
    void *notice_context;
    strand_progress_fn *progress; /* NULL: none */
    void *progress_context;
};

/* Open DIRECTORY; create and initialise it if it is missing or empty.
 *
 * Opening recovers: a log that was not closed cleanly is scanned from the segment that holds its
 * durable end, and a torn tail is cut; strand_engine_recovery_report() tells what was found.  A
 * damaged log does not make the call fail, unless the policy says so: it opens quarantined (see
 * strand_log_open()).  A directory of a Kafka broker that is stopped is opened in place.
 *
 * Fails with STRAND_ERR_IN_USE (who holds it is in the message), _VERSION (written by a newer
 * Strandline), _FOREIGN (holds something else), _CORRUPT (strandline.format is damaged),
 * _FILE_SYSTEM (a network file system), _NOT_FOUND (read-only or MUST_EXIST), _PERMISSION,
 * _INVALID, _IO, _NO_SPACE, _NO_MEMORY, _DESCRIPTORS. */
STRAND_API STRAND_MUST_USE int strand_engine_open(const char *directory,
                                                  const struct strand_engine_options *options,
                                                  struct strand_engine **out_engine);

/* Make everything written durable, then release the directory.  Accepts NULL.
 *
 * STRAND_ERR_BUSY, with nothing harmed, while a log handle, cursor or fetch is open.  After any
 * other result the handle is gone: an error then says which log could not be made durable. */
STRAND_API int strand_engine_close(struct strand_engine *engine);

/* Without threads of the library's own: do what is due (commit rounds, the frontier, prepared
 * space, the index: at most 1 MiB of log is walked) and return. *OUT_NEXT_MS, if not NULL, is when
 * to call again at the latest, -1 when there is nothing to do. Does nothing when the engine has
 * threads. */
STRAND_API STRAND_MUST_USE int strand_engine_run(struct strand_engine *engine,
                                                 int64_t *out_next_ms);

/* Return once everything appended before this call, to every log, is durable. */
STRAND_API STRAND_MUST_USE int strand_engine_sync(struct strand_engine *engine);

/* The same, then write Kafka's three checkpoint files (recovery-point-, replication- and
 * log-start-offset-checkpoint) with what is true now.  The engine does the latter by itself every
 * checkpoint_interval_ms, sooner after a roll or commit_bytes.  A full disk (STRAND_ERR_NO_SPACE)
 * harms nothing: the files are late. */
STRAND_API STRAND_MUST_USE int strand_engine_checkpoint(struct strand_engine *engine);

enum strand_log_state {
    STRAND_LOG_HEALTHY = 0,
    STRAND_LOG_FAILED = 1,      /* a sync or a write of unknown extent failed; reopen the engine */
    STRAND_LOG_QUARANTINED = 2, /* damage below what was durable; readable, refuses changes */
};

struct strand_log_info {
    const char *topic; /* valid during the visit */
    int32_t partition;
    enum strand_log_state state;
    const char *reason; /* why it is not healthy; "" otherwise */
    int64_t log_start;
    int64_t high_watermark;
    int64_t log_end;
    uint64_t size_bytes;
    uint32_t segment_count;
};

/* Return 0 to go on; anything else ends the listing and is returned. */
typedef int strand_log_visit_fn(void *context, const struct strand_log_info *info);

/* Visit every log, by topic (bytewise) and partition.  VISIT runs under a lock of the engine: it
 * must not call the library, nor wait for somebody who does. */
STRAND_API STRAND_MUST_USE int strand_engine_list(struct strand_engine *engine,
                                                  strand_log_visit_fn *visit, void *context);

/* What opening found in a log, and did. */
enum strand_recovery_verdict {
    STRAND_VERDICT_CLEAN,    /* closed cleanly: nothing was read */
    STRAND_VERDICT_WHOLE,    /* nothing is missing */
    STRAND_VERDICT_TORN,     /* the tail was being written when the power went; cut */
    STRAND_VERDICT_SUSPECT,  /* cut, but saved first: bytes behind it, or their epoch, contradict a
                                torn tail */
    STRAND_VERDICT_CORRUPT,  /* damage below what was durable: quarantined, nothing changed */
    STRAND_VERDICT_SALVAGED, /* such damage, taken out as the policy says */
    STRAND_VERDICT_FAILED,   /* could not be read, or repaired; nothing is served */
};

struct strand_recovery_report {
    const char *topic; /* valid during the visit, as the other strings */
    int32_t partition;
    enum strand_recovery_verdict verdict;
    const char *reason;       /* a sentence; "" for CLEAN and WHOLE */
    int64_t log_start;        /* as served */
    int64_t log_end;          /* likewise */
    int64_t durable_end;      /* what was known to be durable; -1 = nothing was known */
    int64_t segment_count;    /* files */
    int64_t scanned_count;    /* of them, read */
    int64_t bytes_read;       /* of log files */
    int64_t bytes_rewritten;  /* since the kernel may have dropped them after a failed sync */
    int64_t batches_kept;     /* of those read */
    int64_t cut_bytes;        /* torn, suspect or salvaged; 0 = nothing */
    int64_t cut_first_offset; /* first offset of it; -1 = nothing */
    int64_t corrupt_first;    /* [first, next) cannot be read; -1 = nothing */
    int64_t corrupt_next;
    int32_t epochs_before; /* entries of the epoch history; -1 = none, or not readable */
    int32_t epochs_after;
    int32_t is_foreign;   /* not 0: a Kafka broker was the last writer */
    int32_t is_same_boot; /* not 0: the kernel has not been started anew since the last writer */
    int64_t elapsed_ns;
};

/* Return 0 to go on; anything else ends the listing and is returned. */
typedef int strand_recovery_visit_fn(void *context, const struct strand_recovery_report *report);

/* Visit what opening found in every log that it opened, by topic and partition.  Logs created or
 * deleted since are left out.  VISIT must not call the library, as above. */
STRAND_API STRAND_MUST_USE int strand_engine_recovery_report(struct strand_engine *engine,
                                                             strand_recovery_visit_fn *visit,
                                                             void *context);

/* Delete a log and everything in it.  Gone for good, crash or not, when the call returns.
 * STRAND_ERR_NOT_FOUND; STRAND_ERR_BUSY while a handle, cursor or fetch is open on it. */
STRAND_API STRAND_MUST_USE int strand_engine_delete_log(struct strand_engine *engine,
                                                        const char *topic, int32_t partition);

/* STRAND_OK while every log is healthy; otherwise the status of the first that is not, with its
 * sentence as the message. */
STRAND_API STRAND_MUST_USE int strand_engine_health(struct strand_engine *engine);

#ifdef __cplusplus
}
#endif

#endif
