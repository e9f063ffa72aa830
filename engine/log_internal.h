/* engine/log_internal.h -- What the files of the living log share.
 *
 * Three locks, in this order:
 *   commit  serialises whatever changes what is durable: rounds, cuts, epochs, gaps.  Held during
 *           syncs.
 *   append  serialises writers.  Its gate, while closed, keeps appends waiting with the lock
 *           released: a cut or a new epoch works behind a closed gate.
 *   state   guards what readers and waiters look at.  Held for a few instructions, never during a
 *           system call but the one that signals a watch (watch.c says why).
 * A fourth, the stage's, is taken under append and keeps the line of durable appends in order.
 * An append publishes under state: a reader that sees a log end sees segments and sizes that go
 * with it.
 */
#ifndef STRAND_ENGINE_LOG_INTERNAL_H
#define STRAND_ENGINE_LOG_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/thread.h"
#include "engine/committer.h"
#include "engine/config.h"
#include "engine/engine_internal.h"
#include "engine/log_gather.h"
#include "engine/log_index.h"
#include "engine/log_segment.h"
#include "recovery/clean_marker.h"
#include "recovery/frontier.h"
#include "recovery/leader_epoch.h"
#include "recovery/log_identity.h"
#include "strandline/log.h"

enum {
    STRAND_REASON_SIZE = 512,           /* of what is told of it */
    STRAND_GROUP_BYTES_MAX = 256 << 10, /* of appends that share a write; the first may be larger */
    STRAND_GROUP_ENTRIES_MAX = 64,
};

/* A truncation since the log was opened: a ticket older than it and beyond it was cut off. */
struct strand_log_cut {
    uint64_t generation;
    int64_t offset;
};

/* Batches on their way into the log, owned by the append that waits for them. */
struct strand_log_entry {
    uint8_t *data; /* stamped in place */
    size_t size;
    bool is_follower;
    struct strand_appended appended;    /* where it stands, once it is written */
    struct strand_log_entry *next;      /* staged: the one behind it; guarded by the stage's lock */
    struct strand_log_waiting *waiting; /* staged: its owner (log_stage.c) */
};

/* A thread that waits without a limit until an append is durable, or committed; on its stack. */
struct strand_log_waiter {
    const struct strand_appended *appended;
    struct strand_log_waiter *next; /* in the log's list; guarded by its state */
    bool is_for_committed;
    bool is_reached;                /* what it waits for is so; set before it is called */
    struct strand_semaphore called; /* posted when it is off the list */
};

/* Durable appends that meet another one in progress; they share writes. */
struct strand_log_stage {
    struct strand_mutex lock;
    struct strand_log_entry *head, *tail; /* the owner of the head writes; guarded by lock */
};

struct strand_log_preparation;

struct strand_log {
    struct strand_engine *engine; /* borrowed */
    char *topic;                  /* owned, as the next two; never change */
    char *name;                   /* "orders-0" */
    char *directory;              /* absolute path */
    int32_t partition;
    struct strand_commit_request request; /* guarded by the committer's lock */

    struct strand_mutex commit;
    struct strand_log_identity identity; /* guarded by commit */

    struct strand_mutex append;
    struct strand_condition gate_opened;
    bool gate_is_closed;                        /* guarded by append */
    struct strand_log_preparation *preparation; /* owned; guarded by append; NULL: none */
    struct strand_log_stage stage;

    struct strand_mutex state;
    struct strand_condition changed; /* something below moved; broadcast when there are waiters */
    struct strand_condition written; /* the log end moved; likewise */
    uint32_t waiter_count;         /* on these two; guarded by state, as everything from here on */
    uint32_t written_waiter_count; /* of them, who waits for the log end alone */
    struct strand_log_waiter *waiters; /* who waits for an append without a limit */
    struct strand_log_gather gather;
    struct strand_watch *watches; /* a list, linked by watch.c */
    uint32_t handle_count;        /* strand_log_open() less strand_log_close() */
    uint32_t pin_count;           /* cursors and fetches */
    bool has_config;              /* the first open has set it */
    bool is_replicated;
    bool is_new;        /* no identity was there when it was opened: Kafka's, or one lost it */
    bool may_have_gaps; /* as the identity says: what is missing between segments is no damage */
    bool is_closing;
    bool was_waited; /* for a round, since the preparer last looked */
    enum strand_log_state health;
    char *reason; /* owned; why not healthy; NULL: healthy, or no memory to keep it */
    struct strand_log_config config;
    int64_t log_start;
    int64_t high_watermark;
    int64_t wanted_watermark; /* replicated: what was asked for */
    int64_t durable_end;
    int64_t log_end;
    int64_t round_end; /* what the round that runs will make durable; -1 = none runs */
    uint64_t generation;
    uint64_t first_generation; /* when it was opened: older tickets are of an earlier life */
    uint64_t unsynced_bytes;   /* appended since the last round began */
    uint64_t round_bytes;      /* what the round that runs will make durable */
    uint64_t appended_bytes;   /* since it was opened */
    uint64_t prepare_at;       /* when they are so many the preparer is asked */
    struct strand_log_index index;
    struct strand_leader_epochs epochs;
    struct strand_log_segment **segments; /* owned; ascending; at least one while serving */
    size_t segment_count;
    size_t segment_capacity;
    struct strand_log_cut *cuts; /* owned; offsets and generations ascend */
    size_t cut_count;
    size_t cut_capacity;
    int64_t corrupt_first; /* quarantined: [first, next) cannot be read; -1 = none */
    int64_t corrupt_next;
    struct strand_recovery_report *report; /* owned, as its reason; NULL: created since opening */
    struct strand_kafka_offsets kafka;     /* what Kafka's text files said when it was opened */
};

/* ---- Life (log_open.c) ---- */

/* A log object without segments.  STRAND_ERR_NO_MEMORY. */
STRAND_MUST_USE int strand_log_object_create(struct strand_engine *engine, const char *topic,
                                             int32_t partition, struct strand_log **out_log);

/* Close files and free; syncs nothing.  Nobody uses it any more.  Accepts NULL. */
void strand_log_object_destroy(struct strand_log *log);

/* Create the log on disk, durably, and as an object.  Registry lock held. */
STRAND_MUST_USE int strand_log_create(struct strand_engine *engine, const char *topic,
                                      int32_t partition, bool is_replicated,
                                      struct strand_log **out_log);

/* An object for the log in the directory TOPIC-PARTITION, with its identity; nothing of it is read
 * yet.  It is not in use as long as it is not recovered (log_load.c).  Whatever keeps it from being
 * recovered, but STRAND_ERR_NO_MEMORY, makes it a failed log: the others are served without it. */
STRAND_MUST_USE int strand_log_load(struct strand_engine *engine, const char *topic,
                                    int32_t partition, const struct strand_kafka_offsets *kafka,
                                    struct strand_log **out_log);

/* Recover it; several logs at once.  STRAND_OK also for one that then has failed or is quarantined.
 * STRAND_ERR_NO_MEMORY. */
STRAND_MUST_USE int strand_log_recover_loaded(struct strand_log *log);

/* What recovery tells while it reads becomes objects (log_adopt.c). */
struct strand_log_adoption {
    struct strand_log *log; /* of which nobody else knows yet */
    int status;             /* of making objects; nothing is noted behind a failure */
};
struct strand_recovered_log;

/* For recovery, whose ARGUMENT is an adoption: a batch was visited; all visits so far are void. */
void strand_log_note_recovered(void *argument, int64_t segment_base_offset, const uint8_t *batch,
                               int64_t position);
void strand_log_forget_recovered(void *argument);

/* Line the objects up with what recovery kept: those of which nothing was kept go. */
STRAND_MUST_USE int strand_log_adopt_segments(struct strand_log *log,
                                              const struct strand_recovered_log *recovered);

/* Keep the report on what recovery found (log_report.c).  STRAND_ERR_NO_MEMORY. */
STRAND_MUST_USE int strand_log_report_recovered(struct strand_log *log,
                                                const struct strand_recovered_log *recovered,
                                                int64_t elapsed_ns);

/* The log could not be recovered, as the last sentence of this thread says: what was made of it is
 * dropped, it is listed as failed, and nothing of it is served.  STRAND_ERR_NO_MEMORY. */
STRAND_MUST_USE int strand_log_fail_loading(struct strand_log *log);

/* Write what remains, for a clean close: everything durable, files at their exact size.  Keeps the
 * first failure.  *OUT_IS_CLEAN: the marker may vouch for it, as OUT_ENTRY says. */
STRAND_MUST_USE int strand_log_finish(struct strand_log *log, struct strand_clean_entry *out_entry,
                                      bool *out_is_clean);

/* ---- Health and checks (log.c) ---- */

/* LOG is usable by this process. */
STRAND_MUST_USE int strand_log_check(const struct strand_log *log);

/* As above, and may be changed: engine writable, healthy, not closing. */
STRAND_MUST_USE int strand_log_check_writable(struct strand_log *log);

/* The log has failed for this open, with the sentence of the failure on this thread.  State lock
 * not held.  Returns STATUS. */
int strand_log_fail(struct strand_log *log, int status);

/* Keep TEXT as the reason why the log is not healthy. */
void strand_log_set_reason_locked(struct strand_log *log, const char *text)
    STRAND_REQUIRES(log->state);
const char *strand_log_reason(const struct strand_log *log); /* never NULL; state lock held */

/* The sentence for a log that is not healthy; returns its status.  State lock held. */
int strand_log_unhealthy_locked(const struct strand_log *log) STRAND_REQUIRES(log->state);

/* Tell waiters and watches that a position moved. */
void strand_log_wake_locked(struct strand_log *log) STRAND_REQUIRES(log->state);

/* The same, and call all who wait for appends: what they wait for may never come. */
void strand_log_wake_all_locked(struct strand_log *log) STRAND_REQUIRES(log->state);

/* The same for what moves all the time, and give the state lock back first, which who is woken
 * takes.  IS_LOG_END_ALONE: nothing else moved, and most who wait are not waiting for that.  The
 * caller holds the commit lock or the append lock, so that the log stays. */
void strand_log_unlock_and_wake(struct strand_log *log, bool is_log_end_alone)
    STRAND_RELEASES(log->state);

/* The offset up to which ISOLATION may read. */
int64_t strand_log_limit_locked(const struct strand_log *log, int isolation)
    STRAND_REQUIRES(log->state);

/* ---- Committing (log_commit.c) ---- */

/* Everything appended before the call becomes durable and is published. */
STRAND_MUST_USE int strand_log_commit(struct strand_log *log);
STRAND_MUST_USE int strand_log_commit_locked(struct strand_log *log) STRAND_REQUIRES(log->commit);

/* Write the slot from what is true now.  DURABLY: sync it too. */
STRAND_MUST_USE int strand_log_write_slot(struct strand_log *log, uint32_t flags, bool durably)
    STRAND_REQUIRES(log->commit);

/* ---- Gathering (log_gather.c) ---- */

/* Wait for those whom the last round has let go, if that is worth while. */
void strand_log_gather(struct strand_log *log) STRAND_REQUIRES(log->commit);

/* A thread begins to wait until what lies below END_OFFSET is durable. */
void strand_log_gather_arrive_locked(struct strand_log *log, int64_t end_offset)
    STRAND_REQUIRES(log->state);

/* A round begins; it has ended, after ROUND_NS. */
void strand_log_gather_begin_locked(struct strand_log *log) STRAND_REQUIRES(log->state);
void strand_log_gather_end_locked(struct strand_log *log, int64_t round_ns)
    STRAND_REQUIRES(log->state);

/* ---- Those who wait for appends (log_waiters.c) ---- */

void strand_log_waiter_init(struct strand_log_waiter *waiter,
                            const struct strand_appended *appended);
void strand_log_waiter_deinit(struct strand_log_waiter *waiter);

/* WAITER, whose append is not yet durable, or committed, is to be called. */
void strand_log_list_waiter_locked(struct strand_log *log, struct strand_log_waiter *waiter)
    STRAND_REQUIRES(log->state);

/* Take off the list, in the order they came, those for whom it is so. */
struct strand_log_waiter *strand_log_take_reached_locked(struct strand_log *log)
    STRAND_REQUIRES(log->state);

/* Take off all, who are to look again. */
struct strand_log_waiter *strand_log_take_all_locked(struct strand_log *log)
    STRAND_REQUIRES(log->state);

/* Call those who were taken; NULL: nobody. */
void strand_log_call(struct strand_log_waiter *first);

/* ---- Waiting (log_wait.c) ---- */

/* WAITER's append was just written for it by another thread, and it sleeps until it is called. */
void strand_log_wait_on_behalf_locked(struct strand_log *log, struct strand_log_waiter *waiter)
    STRAND_REQUIRES(log->state);

/* After APPENDED, which need not be durable: where more than unsynced_bytes_max is not, wait until
 * it is, at most TIMEOUT_MS (-1: for ever).  Nothing is told: the append has succeeded, and what
 * has become of the log the next one finds. */
void strand_log_hold_back(struct strand_log *log, const struct strand_appended *appended,
                          int64_t timeout_ms);

/* ---- The gate (log_gate.c) ---- */

/* Take the commit lock and close the gate: no append is in flight and none begins. */
void strand_log_gate_close(struct strand_log *log) STRAND_ACQUIRES(log->commit);
void strand_log_gate_open(struct strand_log *log) STRAND_RELEASES(log->commit);

/* Prepare for follower batches DATA[0..SIZE), checked, which begin at or above the log end: their
 * epochs and a gap become durable. */
STRAND_MUST_USE int strand_log_prepare_follower(struct strand_log *log, const uint8_t *data,
                                                size_t size);

/* The first offset that is missing between LOG_END and the end of batches DATA[0..SIZE); -1: none.
 */
int64_t strand_log_find_gap(const uint8_t *data, size_t size, int64_t log_end);

/* STRAND_ERR_OFFSETS if BATCH begins below LOG_END. */
STRAND_MUST_USE int strand_log_check_follower_offset(const struct strand_log *log,
                                                     const uint8_t *batch, int64_t log_end);

/* With the append lock: DATA[0..SIZE), let in before, can be written.  What another thread did
 * since (STRAND_ERR_OFFSETS, _EPOCH) would make recovery take it for damage. */
STRAND_MUST_USE int strand_log_check_follower(struct strand_log *log, const uint8_t *data,
                                              size_t size) STRAND_REQUIRES(log->append);

/* ---- Appending: under the append lock (log_write.c) ---- */

/* What the log looks like to who holds the append lock. */
struct strand_log_place {
    int64_t log_end;
    int32_t epoch;
};

/* Wait until the gate is open.  STRAND_ERR_CLOSED, _FAILED, _QUARANTINED. */
STRAND_MUST_USE int strand_log_enter(struct strand_log *log, struct strand_log_place *out_place)
    STRAND_REQUIRES(log->append);

/* Write FRONT, and of the entries behind it up to LAST (at most STRAND_GROUP_ENTRIES_MAX) those
 * that can go with it, with one write; publish them.  *OUT_COUNT entries share the result: when it
 * is a failure nothing of them is there, and their offsets are not taken. */
STRAND_MUST_USE int strand_log_write_entries(struct strand_log *log,
                                             const struct strand_log_place *place,
                                             struct strand_log_entry *front,
                                             const struct strand_log_entry *last, size_t *out_count)
    STRAND_REQUIRES(log->append);

/* Whether the batches DATA[0..SIZE), stamped, belong into a new segment (Kafka's rules: size, time
 * by the records' timestamps, offset span). */
bool strand_log_is_roll_due_locked(const struct strand_log *log, const uint8_t *data, size_t size)
    STRAND_REQUIRES(log->state);

/* ---- Staging (log_stage.c) ---- */

void strand_log_stage_init(struct strand_log_stage *stage);
void strand_log_stage_deinit(struct strand_log_stage *stage);

/* Write ENTRY, of a durable append of a leader, together with others that are waiting.  Returns
 * when it is written, or has failed; where HAS_TIME, and another thread has written it, not before
 * it is durable: *OUT_IS_DURABLE. */
STRAND_MUST_USE int strand_log_stage_append(struct strand_log *log, struct strand_log_entry *entry,
                                            bool has_time, bool *out_is_durable);

/* ---- Epochs (log_epochs.c); behind a closed gate ---- */

/* The epochs of DATA's batches are durable. */
STRAND_MUST_USE int strand_log_learn_epochs(struct strand_log *log, const uint8_t *data,
                                            size_t size);

/* Whether the history gives the batches DATA[0..SIZE), in order and at or above the log end, the
 * epochs that they have: only then may they be written. */
bool strand_log_knows_epochs_locked(const struct strand_log *log, const uint8_t *data, size_t size)
    STRAND_REQUIRES(log->state);

/* The history begins at the log start, which is durable; on disk perhaps later.  A failure behind
 * the rename fails the log. */
STRAND_MUST_USE int strand_log_trim_epochs(struct strand_log *log) STRAND_REQUIRES(log->commit);

/* The epochs below OFFSET, durable.  Without replicas the newest goes on: it is this process's. */
STRAND_MUST_USE int strand_log_cut_epochs(struct strand_log *log, int64_t offset);

/* The epochs of a log that begins anew at OFFSET, durable. */
STRAND_MUST_USE int strand_log_reset_epochs(struct strand_log *log, int64_t offset);

/* ---- Trimming (log_trim.c) ---- */

/* Remove the segments that lie wholly below the log start, all but the last. */
STRAND_MUST_USE int strand_log_drop_trimmed(struct strand_log *log) STRAND_REQUIRES(log->commit);

/* ---- Cutting (log_cut.c) ---- */

/* strand_log_truncate() behind a closed gate. */
STRAND_MUST_USE int strand_log_truncate_gated(struct strand_log *log, int64_t offset)
    STRAND_REQUIRES(log->commit);

/* Remove the file of a segment; not durable before the directory is synced. */
STRAND_MUST_USE int strand_log_unlink_segment(struct strand_log *log, int64_t base_offset);

/* Names in the log's directory become durable.  A failure fails the log: a later sync, of a round,
 * would say 0. */
STRAND_MUST_USE int strand_log_sync_directory(struct strand_log *log);

/* A reset to OFFSET has been decided, durably (the slot says so): carry it out.  The positions are
 * OFFSET and the list is empty; afterwards it holds the one new segment. */
STRAND_MUST_USE int strand_log_finish_reset(struct strand_log *log, int64_t offset)
    STRAND_REQUIRES(log->commit);

/* ---- Segments (log.c) ---- */

/* Append a new segment at BASE_OFFSET to the list, with its file: file and name survive a power cut
 * when the call returns.  On failure there is neither, or the log has failed. */
STRAND_MUST_USE int strand_log_add_segment(struct strand_log *log, int64_t base_offset);

/* The same for an append: the file is the prepared one where there is one, and the next round sees
 * to it that it survives. */
STRAND_MUST_USE int strand_log_roll(struct strand_log *log, int64_t base_offset)
    STRAND_REQUIRES(log->append);

/* Index of the segment that holds OFFSET or, in a gap, the one before; the first if it is below
 * all.
 */
size_t strand_log_find_segment_locked(const struct strand_log *log, int64_t offset)
    STRAND_REQUIRES(log->state);

/* Room for one more segment in the list. */
STRAND_MUST_USE int strand_log_reserve_segments_locked(struct strand_log *log)
    STRAND_REQUIRES(log->state);

/* Put SEGMENT behind the last of the list, for which there is room. */
void strand_log_list_segment_locked(struct strand_log *log, struct strand_log_segment *segment)
    STRAND_REQUIRES(log->state);

/* Remember a truncation to OFFSET with the log's new generation. */
STRAND_MUST_USE int strand_log_note_cut_locked(struct strand_log *log, int64_t offset)
    STRAND_REQUIRES(log->state);

/* Whether a ticket of GENERATION for records below END_OFFSET was cut. */
bool strand_log_was_cut_locked(const struct strand_log *log, uint64_t generation,
                               int64_t end_offset) STRAND_REQUIRES(log->state);

#endif
