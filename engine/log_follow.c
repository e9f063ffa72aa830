/* engine/log_follow.c -- A replica that begins to follow: what its leader does not have is cut.
 *
 * As Kafka does since KIP-101 and KIP-279: the leader is asked where the newest epoch known here
 * ends in its log.  If it answers for an epoch that is known here, too, both logs are the same up
 * to the smaller of the two ends of that epoch, and the rest is cut.  If it answers for one that is
 * not, the two share none above the highest known below that: what is above is cut, and the leader
 * is asked again, for that one.  The high watermark plays no part.  It reaches a follower one fetch
 * late: what lies above may be committed, and what lies below may be gone after an unclean
 * election.
 *
 * The leader is asked with no lock held.  An answer is used behind the closed gate, if the log is
 * still as it was when asked.
 */
#include <inttypes.h>

#include "base/assert.h"
#include "base/error.h"
#include "engine/log_internal.h"

struct answer {
    int32_t asked;
    int32_t epoch;
    int64_t end_offset;
};

static int
refuse(const struct strand_log *log, const struct answer *answer, const char *why)
{
    return strand_fail(STRAND_ERR_EPOCH,
                       "follow with %s: asked where epoch %" PRId32
                       " ends, the leader answers (epoch %" PRId32 ", end offset %" PRId64 "): %s",
                       log->name, answer->asked, answer->epoch, answer->end_offset, why);
}

/* What is wrong with ANSWER whatever this log holds. */
static int
check_answer(const struct strand_log *log, const struct answer *answer)
{
    if (answer->epoch == -1 && answer->end_offset == -1)
        return refuse(log, answer, "it does not know the epoch, it is older than this log");
    if (answer->epoch < 0 || answer->end_offset < 0)
        return refuse(log, answer, "that is not an epoch and its end");
    if (answer->epoch > answer->asked)
        return refuse(log, answer, "that epoch is above the one asked about");
    return STRAND_OK;
}

/* ---- Where to cut ---- */

struct decision {
    int64_t offset; /* cut from here on */
    bool is_last;   /* the logs are then the same up to there */
    bool is_below_watermark;
};

static int decide(struct strand_log *log, const struct answer *answer,
                  struct decision *out_decision) STRAND_REQUIRES(log->commit);

static int
decide(struct strand_log *log, const struct answer *answer, struct decision *out_decision)
{
    int32_t own_epoch;
    int64_t own_end;

    strand_mutex_lock(&log->state);
    int32_t newest = strand_leader_epochs_newest(&log->epochs);
    int64_t start = strand_leader_epochs_start(&log->epochs, answer->epoch);
    strand_leader_epochs_end_offset(&log->epochs, answer->epoch, log->log_end, &own_epoch,
                                    &own_end);
    int64_t log_start = log->log_start;
    int64_t high_watermark = log->high_watermark;
    bool may_have_gaps = log->may_have_gaps;
    strand_mutex_unlock(&log->state);

    if (newest != answer->asked)
        return refuse(log, answer, "meanwhile the newest epoch of this log is another");
    /* A leader whose history begins later answers for the epoch asked about, whatever that is.  For
     * a lower one it has an entry, which begins where ours does: but for what was compacted away.
     */
    if (answer->epoch < answer->asked && answer->end_offset < start &&
        answer->end_offset >= log_start && !may_have_gaps)
        return refuse(log, answer, "that is below the start of the epoch");

    strand_assert(own_end >= 0); /* an epoch at or below the newest has an end */
    out_decision->is_last = own_epoch == answer->epoch;
    out_decision->offset =
        out_decision->is_last && answer->end_offset < own_end ? answer->end_offset : own_end;
    out_decision->is_below_watermark = out_decision->offset < high_watermark;
    return STRAND_OK;
}

static int follow_answer(struct strand_log *log, const struct answer *answer, bool *out_is_last)
    STRAND_REQUIRES(log->commit);

static int
follow_answer(struct strand_log *log, const struct answer *answer, bool *out_is_last)
{
    struct decision decision = {0};

    int status = decide(log, answer, &decision);
    if (status == STRAND_OK)
        status = strand_log_truncate_gated(log, decision.offset);
    if (status != STRAND_OK)
        return status;
    if (decision.is_below_watermark)
        strand_engine_notice(log->engine, 4,
                             "%s is cut to offset %" PRId64 ", below its high watermark: the "
                             "leader does not have what was committed there",
                             log->name, decision.offset);
    *out_is_last = decision.is_last;
    return STRAND_OK;
}

/* ---- Asking ---- */

/* One question about EPOCH and what follows from the answer. */
static int
ask_once(struct strand_log *log, int32_t epoch, strand_ask_leader_fn *ask, void *context,
         bool *out_is_last)
{
    struct answer answer = {.asked = epoch, .epoch = -1, .end_offset = -1};

    int status = ask(context, epoch, &answer.epoch, &answer.end_offset);
    if (status == STRAND_OK)
        status = check_answer(log, &answer);
    if (status == STRAND_OK)
        status = strand_log_check_writable(log);
    if (status != STRAND_OK)
        return status;
    strand_log_gate_close(log);
    status = follow_answer(log, &answer, out_is_last);
    strand_log_gate_open(log);
    return status;
}

static struct strand_positions
look(struct strand_log *log)
{
    struct strand_positions positions = {.leader_epoch = -1};

    (void)strand_log_positions(log, &positions); /* fails only where the caller has failed before */
    return positions;
}

int
strand_log_truncate_to_leader(struct strand_log *log, strand_ask_leader_fn *ask, void *context,
                              int64_t *out_log_end)
{
    int status = strand_log_check_writable(log);

    if (status == STRAND_OK && ask == NULL)
        status =
            strand_fail(STRAND_ERR_INVALID, "follow with %s: nobody to ask was given", log->name);
    if (status == STRAND_OK && !log->is_replicated)
        status =
            strand_fail(STRAND_ERR_INVALID,
                        "follow with %s: it is not replicated, its epochs are its own", log->name);
    if (status != STRAND_OK)
        return status;

    struct strand_positions positions = look(log);
    bool is_last = positions.leader_epoch < 0;
    while (!is_last) {
        int32_t asked = positions.leader_epoch;

        status = ask_once(log, asked, ask, context, &is_last);
        if (status != STRAND_OK)
            return status;
        positions = look(log);
        /* Each cut that is not the last removes the epoch asked about. */
        if (!is_last && positions.leader_epoch >= asked)
            return strand_fail(STRAND_ERR_EPOCH,
                               "follow with %s: epoch %" PRId32
                               " began while the leader was asked about epoch %" PRId32,
                               log->name, positions.leader_epoch, asked);
        is_last |= positions.leader_epoch < 0;
    }
    if (out_log_end != NULL)
        *out_log_end = positions.log_end;
    return STRAND_OK;
}
