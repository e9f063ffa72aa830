/* recovery/log_recovery_clean.c -- Does a log look as the marker of a clean close says?
 *
 * The marker is written when all that it names is durable, so a log that is as it says need not be
 * read.  Whoever changed the directory since then, and did not go by the marker, has changed
 * something that is compared here: a slot, a name, the size of the last file, the newest epoch.
 * Where anything differs the log is recovered as if there were no marker; nothing is lost by that.
 */
#include "recovery/log_recovery_internal.h"

#include <string.h>

#include "base/error.h"

/* The marker and the slot are of one mind, and of this log. */
static bool
is_slot_as_named(const struct strand_recovery *recovery, const struct strand_clean_entry *clean)
{
    const struct strand_frontier_slot *slot = recovery->slot;

    return slot != NULL &&
           memcmp(clean->id, recovery->request->identity->id, sizeof clean->id) == 0 &&
           memcmp(slot->id, clean->id, sizeof clean->id) == 0 &&
           slot->generation == clean->generation && slot->log_start == clean->log_start &&
           slot->durable_end == clean->log_end && slot->log_end == clean->log_end;
}

static bool
has_leftovers(const struct strand_recovery *recovery)
{
    for (size_t i = 0; i < recovery->names.count; i++)
        if (strand_recovery_is_leftover(recovery->names.names[i]))
            return true;
    return false;
}

/* As many segments as named, the last of them the one that is named; none that the log start has
 * left behind, none missing in front of it. */
static bool
are_names_as_named(const struct strand_recovery *recovery, const struct strand_clean_entry *clean)
{
    const struct strand_recovery_file *files = recovery->files;
    size_t count = recovery->file_count;

    if (count != clean->segment_count || files[count - 1].base_offset != clean->active_base_offset)
        return false;
    if (files[0].base_offset > clean->log_start && !recovery->has_gaps_flag)
        return false;
    return count == 1 || files[1].base_offset > clean->log_start;
}

static int
check_epochs(struct strand_recovery *recovery, const struct strand_clean_entry *clean,
             bool *out_is_same)
{
    const struct strand_recovery_request *request = recovery->request;
    struct strand_leader_epochs *epochs = &recovery->log->epochs;

    *out_is_same = false;
    int status = strand_leader_epochs_load(request->fs, request->directory, epochs);
    if (status == STRAND_ERR_NOT_FOUND || status == STRAND_ERR_CORRUPT)
        return STRAND_OK;
    *out_is_same =
        strand_leader_epochs_newest(epochs) == clean->newest_epoch &&
        (epochs->count == 0 || epochs->entries[epochs->count - 1].start_offset <= clean->log_end);
    return status;
}

/* All files are there with sizes that can be, the last one's as named: list them. */
static int
check_sizes(struct strand_recovery *recovery, const struct strand_clean_entry *clean,
            bool *out_is_same)
{
    const size_t last = recovery->file_count - 1;
    struct strand_recovered_log *log = recovery->log;

    *out_is_same = false;
    for (size_t i = 0; i <= last; i++) {
        int status = strand_recovery_measure_file(recovery, i);

        if (status != STRAND_OK)
            return status;
        if (i < last && recovery->files[i].size == 0 && !recovery->gaps_allowed)
            return STRAND_OK;
    }
    *out_is_same = recovery->files[last].size == clean->active_size;
    log->segments[last].end_offset = clean->log_end;
    return STRAND_OK;
}

static void
describe(struct strand_recovery *recovery, const struct strand_clean_entry *clean)
{
    struct strand_recovered_log *log = recovery->log;

    log->verdict = STRAND_VERDICT_CLEAN;
    log->log_start = clean->log_start;
    log->log_end = clean->log_end;
    log->durable_end = clean->log_end;
    log->epochs_before = (int32_t)log->epochs.count;
    (void)strand_leader_epochs_cut_from_start(&log->epochs, clean->log_start); /* in memory */
    recovery->behind = recovery->file_count;
}

int
strand_recovery_check_clean(struct strand_recovery *recovery, bool *out_is_clean)
{
    const struct strand_clean_entry *clean = recovery->request->clean;
    bool is_same = clean != NULL && !recovery->request->scans_all && !recovery->log->is_foreign &&
                   is_slot_as_named(recovery, clean) && !has_leftovers(recovery);
    int status = STRAND_OK;

    *out_is_clean = false;
    if (is_same)
        status = strand_recovery_list_segments(recovery);
    if (status == STRAND_OK && is_same)
        is_same = are_names_as_named(recovery, clean);
    if (status == STRAND_OK && is_same)
        status = check_epochs(recovery, clean, &is_same);
    if (status == STRAND_OK && is_same)
        status = check_sizes(recovery, clean, &is_same);
    if (status != STRAND_OK || !is_same)
        return status;
    describe(recovery, clean);
    *out_is_clean = true;
    return STRAND_OK;
}
