/* engine/log_epochs.c -- The leader epochs of a living log: begun, learnt, cut; durable, then in
 * force.  And what can be asked about them.
 *
 * A change works on a copy, which is stored and only then put in the place of the log's: what
 * appends stamp and recovery finds agree at any instant.  A trim alone may be late on disk: what
 * lies below the log start is nobody's, and opening removes it.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "engine/log_internal.h"
#include "storage/batch.h"
#include "strandline/fs.h"

static int
copy_epochs(struct strand_log *log, struct strand_leader_epochs *out_epochs)
{
    strand_leader_epochs_init(out_epochs);
    strand_mutex_lock(&log->state);
    int status = strand_leader_epochs_copy(&log->epochs, out_epochs);
    strand_mutex_unlock(&log->state);
    return status;
}

/* Whether the disk has the history that the log goes by. */
static bool
is_on_disk(struct strand_log *log)
{
    struct strand_leader_epochs stored;

    strand_leader_epochs_init(&stored);
    int status = strand_leader_epochs_load(log->engine->config.fs, log->directory, &stored);
    strand_mutex_lock(&log->state);
    bool is_same = status == STRAND_OK && stored.count == log->epochs.count;
    for (size_t i = 0; is_same && i < stored.count; i++)
        is_same = stored.entries[i].epoch == log->epochs.entries[i].epoch &&
                  stored.entries[i].start_offset == log->epochs.entries[i].start_offset;
    strand_mutex_unlock(&log->state);
    strand_leader_epochs_deinit(&stored);
    return is_same;
}

/* Storing a new history failed with STATUS.  Where the file has its new name already, only the
 * directory was not synced: either history may survive, and batches of the old one must not
 * follow. */
static int
keep_history(struct strand_log *log, int status)
{
    char sentence[STRAND_ERROR_MESSAGE_SIZE_MAX];

    (void)snprintf(sentence, sizeof sentence, "%s", strand_error_message());
    bool is_kept = is_on_disk(log);
    status = strand_fail(status, "%s", sentence);
    return is_kept ? status : strand_log_fail(log, status);
}

/* Make EPOCHS durable, then the log's; what the log had is in EPOCHS afterwards. */
static int
store_epochs(struct strand_log *log, struct strand_leader_epochs *epochs)
{
    const struct strand_fs *fs = log->engine->config.fs;

    int status = strand_leader_epochs_store(fs, log->directory, epochs);
    if (strand_ballast_release(&log->engine->directory.ballast, status)) {
        status = strand_leader_epochs_store(fs, log->directory, epochs);
        strand_ballast_take(&log->engine->directory.ballast);
    }
    if (status != STRAND_OK)
        return keep_history(log, status);
    strand_mutex_lock(&log->state);
    struct strand_leader_epochs old = log->epochs;
    log->epochs = *epochs;
    strand_mutex_unlock(&log->state);
    *epochs = old;
    return STRAND_OK;
}

/* ---- Beginning ---- */

static int
assign_next(struct strand_log *log, struct strand_leader_epochs *epochs, int32_t epoch)
{
    bool is_changed = false;

    if (epoch <= strand_leader_epochs_newest(epochs))
        return strand_fail(STRAND_ERR_EPOCH,
                           "begin epoch %" PRId32 " of %s: the newest is %" PRId32, epoch,
                           log->name, strand_leader_epochs_newest(epochs));
    /* The log end does not move: the gate is closed. */
    return strand_leader_epochs_assign(epochs, epoch, log->log_end, &is_changed);
}

static int begin_epoch(struct strand_log *log, int32_t epoch) STRAND_REQUIRES(log->commit);

static int
begin_epoch(struct strand_log *log, int32_t epoch)
{
    struct strand_leader_epochs epochs;

    int status = strand_log_commit_locked(log);
    if (status != STRAND_OK)
        return status;
    status = copy_epochs(log, &epochs);
    if (status == STRAND_OK)
        status = assign_next(log, &epochs, epoch);
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
    strand_log_gate_close(log);
    status = begin_epoch(log, epoch);
    strand_log_gate_open(log);
    return status;
}

/* ---- Learning from a leader's batches ---- */

/* The epoch of one batch; *OUT_CHANGED is set if it is new. */
static int
learn(struct strand_log *log, struct strand_leader_epochs *epochs, const uint8_t *batch,
      bool *out_changed)
{
    int32_t epoch = strand_batch_leader_epoch(batch);
    bool is_new = false;

    if (epoch < strand_leader_epochs_newest(epochs))
        return strand_fail(STRAND_ERR_EPOCH,
                           "append to %s: a batch of epoch %" PRId32 " comes after epoch %" PRId32,
                           log->name, epoch, strand_leader_epochs_newest(epochs));
    if (epoch < 0)
        return STRAND_OK;
    int status =
        strand_leader_epochs_assign(epochs, epoch, strand_batch_base_offset(batch), &is_new);
    *out_changed |= is_new;
    return status;
}

int
strand_log_learn_epochs(struct strand_log *log, const uint8_t *data, size_t size)
{
    struct strand_leader_epochs epochs;
    bool is_changed = false;

    int status = copy_epochs(log, &epochs);
    /* An append that failed may have left entries for batches that never came. */
    if (status == STRAND_OK)
        is_changed = strand_leader_epochs_cut_from_end(&epochs, log->log_end, true);
    for (size_t at = 0; status == STRAND_OK && at < size;
         at += (size_t)strand_batch_size(data + at))
        status = learn(log, &epochs, data + at, &is_changed);
    if (status == STRAND_OK && is_changed)
        status = store_epochs(log, &epochs);
    strand_leader_epochs_deinit(&epochs);
    return status;
}

bool
strand_log_knows_epochs_locked(const struct strand_log *log, const uint8_t *data, size_t size)
{
    int32_t epoch = -1;

    for (size_t at = 0; at < size; at += (size_t)strand_batch_size(data + at)) {
        epoch = strand_batch_leader_epoch(data + at);
        if (epoch !=
            strand_leader_epochs_for_offset(&log->epochs, strand_batch_base_offset(data + at)))
            return false;
    }
    return epoch == strand_leader_epochs_newest(&log->epochs);
}

/* ---- Cutting ---- */

int
strand_log_cut_epochs(struct strand_log *log, int64_t offset)
{
    struct strand_leader_epochs epochs;

    int status = copy_epochs(log, &epochs);
    if (status != STRAND_OK)
        return status;
    int32_t newest = strand_leader_epochs_newest(&epochs);
    bool is_changed = strand_leader_epochs_cut_from_end(&epochs, offset, false);
    if (!log->is_replicated && newest >= 0 && is_changed)
        status = strand_leader_epochs_assign(&epochs, newest, offset, &is_changed);
    if (status == STRAND_OK && is_changed)
        status = store_epochs(log, &epochs);
    strand_leader_epochs_deinit(&epochs);
    return status;
}

int
strand_log_reset_epochs(struct strand_log *log, int64_t offset)
{
    struct strand_leader_epochs epochs;
    bool is_changed = false;
    int status = STRAND_OK;

    strand_leader_epochs_init(&epochs);
    if (!log->is_replicated) {
        int32_t newest = strand_leader_epochs_newest(&log->epochs);
        status = strand_leader_epochs_assign(&epochs, newest < 0 ? 0 : newest, offset, &is_changed);
    }
    if (status == STRAND_OK)
        status = store_epochs(log, &epochs);
    strand_leader_epochs_deinit(&epochs);
    return status;
}

int
strand_log_trim_epochs(struct strand_log *log)
{
    char sentence[STRAND_ERROR_MESSAGE_SIZE_MAX];

    strand_mutex_lock(&log->state);
    size_t before = log->epochs.count;
    (void)strand_leader_epochs_cut_from_start(&log->epochs, log->log_start);
    bool is_shorter = log->epochs.count < before;
    strand_mutex_unlock(&log->state);
    if (!is_shorter)
        return STRAND_OK;
    int status = strand_leader_epochs_store(log->engine->config.fs, log->directory, &log->epochs);
    if (status == STRAND_OK)
        return status;
    (void)snprintf(sentence, sizeof sentence, "%s", strand_error_message());
    if (!is_on_disk(log))
        return STRAND_OK;                         /* late, as on a full disk */
    status = strand_fail(status, "%s", sentence); /* the directory was not synced */
    return strand_log_fail(log, status);
}

/* ---- Questions ---- */

static int
check_question(const struct strand_log *log, bool has_place)
{
    int status = strand_log_check(log);

    if (status == STRAND_OK && !has_place)
        status =
            strand_fail(STRAND_ERR_INVALID,
                        "look at the epochs of %s: no place for the answer was given", log->name);
    return status;
}

int
strand_log_list_epochs(struct strand_log *log, strand_leader_epoch_visit_fn *visit, void *context)
{
    struct strand_leader_epochs epochs;

    int status = check_question(log, visit != NULL);
    if (status == STRAND_OK)
        status = copy_epochs(log, &epochs);
    if (status != STRAND_OK)
        return status;
    for (size_t i = 0; status == STRAND_OK && i < epochs.count; i++)
        status = visit(context, &epochs.entries[i]);
    strand_leader_epochs_deinit(&epochs);
    return status;
}

int
strand_log_epoch_for_offset(struct strand_log *log, int64_t offset, int32_t *out_epoch)
{
    int status = check_question(log, out_epoch != NULL);
    if (status != STRAND_OK)
        return status;

    strand_mutex_lock(&log->state);
    int64_t log_start = log->log_start;
    int64_t log_end = log->log_end;
    int32_t epoch = strand_leader_epochs_for_offset(&log->epochs, offset);
    strand_mutex_unlock(&log->state);
    if (offset < log_start || offset > log_end)
        return strand_fail(STRAND_ERR_OUT_OF_RANGE,
                           "look for the epoch of offset %" PRId64 " of %s: it holds %" PRId64
                           " to %" PRId64,
                           offset, log->name, log_start, log_end);
    *out_epoch = epoch;
    return STRAND_OK;
}

int
strand_log_end_offset_for_epoch(struct strand_log *log, int32_t epoch, int32_t *out_epoch,
                                int64_t *out_end_offset)
{
    int status = check_question(log, out_epoch != NULL && out_end_offset != NULL);
    if (status != STRAND_OK)
        return status;

    strand_mutex_lock(&log->state);
    strand_leader_epochs_end_offset(&log->epochs, epoch, log->log_end, out_epoch, out_end_offset);
    strand_mutex_unlock(&log->state);
    return STRAND_OK;
}
