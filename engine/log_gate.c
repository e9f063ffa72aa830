/* engine/log_gate.c -- The gate itself, and a follower's gap, which needs it.
 *
 * Behind a closed gate no append is in flight and none begins.  An append of the old epoch can
 * therefore not land behind the new epoch's entry, and an epoch that begins at the log end begins
 * at an end that is durable.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/error.h"
#include "engine/log_internal.h"
#include "storage/batch.h"
#include "strandline/fs.h"

void
strand_log_gate_close(struct strand_log *log)
{
    strand_mutex_lock(&log->commit);
    strand_mutex_lock(&log->append);
    strand_assert(!log->gate_is_closed); /* whoever closes it holds the commit lock */
    log->gate_is_closed = true;
    strand_mutex_unlock(&log->append);
    strand_preparer_wait(&log->engine->preparer, log); /* it begins nothing behind a closed gate */
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

/* ---- A follower's batches ---- */

int64_t
strand_log_find_gap(const uint8_t *data, size_t size, int64_t log_end)
{
    for (size_t at = 0; at < size; at += (size_t)strand_batch_size(data + at)) {
        if (strand_batch_base_offset(data + at) > log_end)
            return log_end;
        log_end = strand_batch_end_offset(data + at);
    }
    return -1;
}

/* Writing a new identity failed with STATUS.  Where the file has its new name already, only the
 * directory was not synced: a later sync, of a round, would say 0. */
static int
keep_identity(struct strand_log *log, int status)
{
    struct strand_log_identity stored = {.flags = 0};
    char sentence[STRAND_ERROR_MESSAGE_SIZE_MAX];

    (void)snprintf(sentence, sizeof sentence, "%s", strand_error_message());
    int found = strand_log_identity_read(log->engine->config.fs, log->directory, &stored);
    bool is_kept = found == STRAND_OK && stored.flags == log->identity.flags;
    status = strand_fail(status, "%s", sentence);
    return is_kept ? status : strand_log_fail(log, status);
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
    if (status != STRAND_OK)
        return keep_identity(log, status);
    log->identity = identity;
    strand_mutex_lock(&log->state);
    log->may_have_gaps = true;
    strand_mutex_unlock(&log->state);
    return STRAND_OK;
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
        status = strand_log_add_segment(log, base_offset);
    if (status == STRAND_OK)
        status = strand_log_commit_locked(log); /* what was the last is sealed */
    if (status != STRAND_OK)
        return status;
    strand_mutex_lock(&log->state);
    log->log_end = base_offset;
    log->durable_end = base_offset;
    strand_log_wake_locked(log);
    strand_mutex_unlock(&log->state);
    status = strand_log_write_slot(log, 0, true);
    return status == STRAND_OK ? STRAND_OK : strand_log_fail(log, status);
}

int
strand_log_check_follower_offset(const struct strand_log *log, const uint8_t *batch,
                                 int64_t log_end)
{
    int64_t base_offset = strand_batch_base_offset(batch);

    if (base_offset >= log_end)
        return STRAND_OK;
    return strand_fail(STRAND_ERR_OFFSETS,
                       "append to %s: a batch begins at offset %" PRId64
                       ", below the log end %" PRId64,
                       log->name, base_offset, log_end);
}

/* A gap that recovery would take for legal. */
static bool is_gap_prepared_locked(const struct strand_log *log, const uint8_t *data, size_t size)
    STRAND_REQUIRES(log->state);

static bool
is_gap_prepared_locked(const struct strand_log *log, const uint8_t *data, size_t size)
{
    if (strand_log_find_gap(data, size, log->log_end) < 0)
        return true;
    return log->may_have_gaps && (strand_batch_base_offset(data) == log->log_end ||
                                  !strand_log_is_roll_due_locked(log, data, size));
}

int
strand_log_check_follower(struct strand_log *log, const uint8_t *data, size_t size)
{
    strand_mutex_lock(&log->state);
    int64_t log_end = log->log_end;
    bool is_gap_prepared = is_gap_prepared_locked(log, data, size);
    bool has_known_epochs = strand_log_knows_epochs_locked(log, data, size);
    strand_mutex_unlock(&log->state);

    int status = strand_log_check_follower_offset(log, data, log_end);
    if (status != STRAND_OK)
        return status;
    if (!has_known_epochs)
        return strand_fail(STRAND_ERR_EPOCH,
                           "append to %s: its leader epochs have changed meanwhile", log->name);
    if (!is_gap_prepared)
        return strand_fail(STRAND_ERR_OFFSETS, "append to %s: meanwhile it ends at offset %" PRId64,
                           log->name, log_end);
    return STRAND_OK;
}

static int prepare_follower(struct strand_log *log, const uint8_t *data, size_t size)
    STRAND_REQUIRES(log->commit);

/* What is refused later is refused here too: an epoch must not be recorded for it. */
static int
prepare_follower(struct strand_log *log, const uint8_t *data, size_t size)
{
    int64_t base_offset = strand_batch_base_offset(data);

    strand_mutex_lock(&log->state);
    int64_t log_end = log->log_end;
    bool must_roll = base_offset > log_end && strand_log_is_roll_due_locked(log, data, size);
    strand_mutex_unlock(&log->state);

    int status = strand_log_check_follower_offset(log, data, log_end);
    if (status == STRAND_OK)
        status = strand_log_learn_epochs(log, data, size);
    if (status == STRAND_OK && strand_log_find_gap(data, size, log_end) >= 0)
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
