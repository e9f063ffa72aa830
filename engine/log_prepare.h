/* engine/log_prepare.h -- What is prepared for one log, and how its appends and rolls use it.
 *
 *     | batches ......... | zeros, synced .............. |        the active segment's file
 *     0                  size                       prepared end  (at most segment.bytes)
 *
 * Target: what the log writes in a second, within the preparer's sizes; it is filled up when half
 * of it is used.  With RESERVE it is allocated blocks instead of zeros, and the file's size stays.
 * With AUTO a log has zeros while somebody waits for its appends.  Nothing at all until a log has
 * written sizes.after bytes since it was opened, and nothing with NONE.
 *
 * The file of the next segment is made before the active one is full, under a private name that
 * recovery removes, mapped and prepared; the roll gives it its name.
 *
 * Zeros must never land on a batch: the preparer claims what it writes, one call at a time, under
 * the append lock, and an append that would enter the claim waits for that call.  Claims begin some
 * way in front of the log end, so that appends do not normally meet them.  The preparer has a
 * descriptor of its own for the file, to which the kernel tells errors of write-back apart from the
 * log's: it takes none away from a commit round.
 *
 * What is prepared ends with the segment's last round: a segment that is not the last is cut to its
 * exact size by the round that seals it, the last one by a clean close.  A crash leaves zeros,
 * which recovery removes.
 *
 * Threading: as the fields say.
 */
#ifndef STRAND_ENGINE_LOG_PREPARE_H
#define STRAND_ENGINE_LOG_PREPARE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/log_internal.h"

struct strand_segment;

#define STRAND_PREPARED_NAME "prepared.tmp"

enum strand_preparation_place {
    STRAND_PREPARATION_OUT,
    STRAND_PREPARATION_ASKED,
    STRAND_PREPARATION_HELD,
};

/* Made when a log has written enough; freed when it has written nothing for a while. */
struct strand_log_preparation {
    struct strand_log *log; /* borrowed */

    /* Guarded by the preparer's lock. */
    struct strand_log_preparation *next, *previous;
    enum strand_preparation_place place;
    int64_t due_ns; /* HELD: when it is looked at */
    uint64_t granted;

    _Atomic int64_t claim_from; /* set under the append lock; INT64_MAX: nothing is claimed */

    /* Guarded by the append lock. */
    int64_t base_offset; /* the segment that prepared_end speaks of, in this generation */
    uint64_t generation;
    int64_t prepared_end;             /* 0: nothing is prepared */
    struct strand_segment *next_file; /* owned; NULL: none */
    int64_t next_end;                 /* what of it is prepared */
    bool next_is_ready;               /* a roll may take it; else the preparer works on it */

    /* Used by who works on the log. */
    bool is_filling; /* up to the target, not only to half of it */
    int64_t rate;    /* bytes a second */
    int64_t sample_ns;
    uint64_t sample_bytes;
    int64_t used_ns; /* when it was last seen that bytes were appended */
    uint64_t used_bytes;
    int64_t waited_ns; /* when it was last seen that somebody waited */
    int64_t retry_ns;  /* nothing is tried before */
};

/* ---- For appends: the append lock is held ---- */

/* The log has reached prepare_at. */
void strand_log_want_preparation(struct strand_log *log) STRAND_REQUIRES(log->append);

/* See that nothing below END of the active segment is claimed. */
void strand_log_await_claim(struct strand_log *log, int64_t end) STRAND_REQUIRES(log->append);

/* A failed append may have cut off what was prepared. */
void strand_log_lose_prepared(struct strand_log *log) STRAND_REQUIRES(log->append);

/* Give SEGMENT, which is to be listed, the prepared file, if there is one, under its name.  On
 * failure neither the file nor its name stays, if that can be helped. */
STRAND_MUST_USE int strand_log_take_prepared(struct strand_log *log,
                                             struct strand_log_segment *segment)
    STRAND_REQUIRES(log->append);

/* SEGMENT was listed, with that file or another. */
void strand_log_note_roll(struct strand_log *log, const struct strand_log_segment *segment)
    STRAND_REQUIRES(log->append);

/* ---- For the preparer ---- */

enum strand_preparation_result {
    STRAND_PREPARATION_AGAIN, /* there is more to do */
    STRAND_PREPARATION_LATER,
    STRAND_PREPARATION_GONE, /* it was given up, and freed */
};

/* Do one step of what PREPARATION's log needs. */
enum strand_preparation_result strand_log_prepare(struct strand_log_preparation *preparation);

/* ---- The end ---- */

/* For a clean close, after the last round: prepare nothing more, give back what is prepared, cut
 * the active segment to its exact size, durably.  A failure fails the log. */
STRAND_MUST_USE int strand_log_unprepare(struct strand_log *log) STRAND_REQUIRES(log->commit);

/* Close and free; the files stay.  The log was forgotten by the preparer.  Accepts NULL. */
void strand_log_preparation_destroy(struct strand_log_preparation *preparation);

#endif
