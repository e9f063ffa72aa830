/* engine/log_gate.c -- What happens between two appends: a new epoch, a follower's gap.
 *
 * Behind a closed gate no append is in flight and none begins.  An append of the old epoch can
 * therefore not land behind the new epoch's entry, and an epoch that begins at the log end begins
 * at an end that is durable.
 */
#include <inttypes.h>

#include "base/assert.h"
#include "base/error.h"
#include "engine/log_internal.h"
#include "storage/batch.h"
#include "storage/segment.h"
#include "strandline/fs.h"

void
strand_log_gate_close(struct strand_log *log)
{
    strand_mutex_lock(&log->commit);
    strand_mutex_lock(&log->append);
    strand_assert(!log->gate_is_closed); /* whoever closes it holds the commit lock */
    log->gate_is_closed = true;
    strand_mutex_unlock(&log->append);
}

void
strand_log_gate_open(struct strand_log *log)
{
    strand_mutex_lock(&log->append);
    log->gate_is_closed = false;
    strand_condition_broadcast(&log->gate_opened);
    strand_mutex_unlock(&log->append);
    strand_mutex_unlock(&log->commit);
}

/* ---- Epochs -------------------------------------------------------------------------------------
 */

/* Make EPOCHS durable, then the log's.  Takes what is in EPOCHS. */
static int
store_epochs(struct strand_log *log, struct strand_leader_epochs *epochs)
{
    int status = strand_leader_epochs_store(log->engine->config.fs, log->directory, epochs);

    if (status != STRAND_OK)
        return status;
    strand_mutex_lock(&log->state);
    struct strand_leader_epochs old = log->epochs;
    log->epochs = *epochs;
    strand_mutex_unlock(&log->state);
    *epochs = old;
    return STRAND_OK;
}

static int
copy_epochs(struct strand_log *log, struct strand_leader_epochs *out_epochs)
{
    strand_mutex_lock(&log->state);
    int status = strand_leader_epochs_copy(&log->epochs, out_epochs);
    strand_mutex_unlock(&log->state);
    return status;
}

static int begin_epoch(struct strand_log *log, int32_t epoch) STRAND_REQUIRES(log->commit);

static int
begin_epoch(struct strand_log *log, int32_t epoch)
{
    struct strand_leader_epochs epochs;
    bool is_changed = false;

    int status = strand_log_commit_locked(log);
    if (status != STRAND_OK)
        return status;
    strand_leader_epochs_init(&epochs);
    status = copy_epochs(log, &epochs);
    if (status == STRAND_OK && epoch <= strand_leader_epochs_newest(&epochs))
        status =
            strand_fail(STRAND_ERR_EPOCH, "begin epoch %" PRId32 " of %s: the newest is %" PRId32,
                        epoch, log->name, strand_leader_epochs_newest(&epochs));
    /* The log end does not move: the gate is closed. */
    if (status == STRAND_OK)
        status = strand_leader_epochs_assign(&epochs, epoch, log->log_end, &is_changed);
    if (status == STRAND_OK)
        status = store_epochs(log, &epochs);
    strand_leader_epochs_deinit(&epochs);
    return status;
}

int
strand_log_begin_epoch(struct strand_log *log, int32_t epoch)
{
    int status = strand_log_check_writable(log);

    if (status != STRAND_OK)
        return status;
    if (epoch < 0)
        return strand_fail(STRAND_ERR_INVALID, "begin epoch of %s: %" PRId32 " is negative",
                           log->name, epoch);
    strand_log_gate_close(log);
    status = begin_epoch(log, epoch);
    strand_log_gate_open(log);
    return status;
}

/* ---- A follower's batches ---- */

/* The epochs of DATA's batches, durable before the first of them is written. */
static int
assign_epochs(struct strand_log *log, const uint8_t *data, size_t size)
{
    struct strand_leader_epochs epochs;
    bool is_changed = false;

    strand_leader_epochs_init(&epochs);
    int status = copy_epochs(log, &epochs);
    for (size_t at = 0; status == STRAND_OK && at < size;
         at += (size_t)strand_batch_size(data + at)) {
        int32_t epoch = strand_batch_leader_epoch(data + at);
        bool is_new = false;

        if (epoch < strand_leader_epochs_newest(&epochs))
            status =
                strand_fail(STRAND_ERR_EPOCH,
                            "append to %s: a batch of epoch %" PRId32 " comes after epoch %" PRId32,
                            log->name, epoch, strand_leader_epochs_newest(&epochs));
        else if (epoch >= 0)
            status = strand_leader_epochs_assign(&epochs, epoch,
                                                 strand_batch_base_offset(data + at), &is_new);
        is_changed |= is_new;
    }
    if (status == STRAND_OK && is_changed)
        status = store_epochs(log, &epochs);
    strand_leader_epochs_deinit(&epochs);
    return status;
}

static int declare_gaps(struct strand_log *log) STRAND_REQUIRES(log->commit);

static int
declare_gaps(struct strand_log *log)
{
    struct strand_log_identity identity = log->identity;

    if ((identity.flags & STRAND_LOG_HAS_GAPS) != 0)
        return STRAND_OK;
    identity.flags |= STRAND_LOG_HAS_GAPS;
    int status = strand_log_identity_write(log->engine->config.fs, log->directory, &identity);
    if (status == STRAND_OK)
        log->identity = identity;
    return status;
}

static int roll_over_gap(struct strand_log *log, int64_t base_offset) STRAND_REQUIRES(log->commit);

/* Begin a segment at BASE_OFFSET, above the log end: what was is durable, then the segment, then
 * the slot's durable end is the new base.  Only then may a batch follow: recovery takes a gap
 * between segments for legal only below the durable end. */
static int
roll_over_gap(struct strand_log *log, int64_t base_offset)
{
    int status = strand_log_commit_locked(log);

    if (status == STRAND_OK)
        status = strand_log_add_segment(log, base_offset, true);
    if (status != STRAND_OK)
        return status;
    strand_mutex_lock(&log->state);
    log->log_end = base_offset;
    log->durable_end = base_offset;
    strand_mutex_unlock(&log->state);
    status = strand_log_write_slot(log, 0, true);
    return status == STRAND_OK ? STRAND_OK : strand_log_fail(log, status);
}

static int prepare_follower(struct strand_log *log, const uint8_t *data, size_t size)
    STRAND_REQUIRES(log->commit);

static int
prepare_follower(struct strand_log *log, const uint8_t *data, size_t size)
{
    int64_t base_offset = strand_batch_base_offset(data);

    strand_mutex_lock(&log->state);
    bool is_gap = base_offset > log->log_end;
    bool must_roll = is_gap && strand_log_is_roll_due_locked(log, data, size);
    strand_mutex_unlock(&log->state);

    int status = assign_epochs(log, data, size);
    if (status == STRAND_OK && is_gap)
        status = declare_gaps(log);
    return status == STRAND_OK && must_roll ? roll_over_gap(log, base_offset) : status;
}

int
strand_log_prepare_follower(struct strand_log *log, const uint8_t *data, size_t size)
{
    strand_log_gate_close(log);
    int status = prepare_follower(log, data, size);
    strand_log_gate_open(log);
    return status;
}
