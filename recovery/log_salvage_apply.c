/* recovery/log_salvage_apply.c -- Take out what salvage decided upon, so that an interruption needs
 * no memory of it.
 *
 * What goes is saved, durable.  Kafka's indexes go.  Then the files, newest first, so that a name
 * that a file takes over is free by then: each is replaced whole (NAME.tmp, synced, renamed over,
 * directory synced).  Then the empty segment and the epoch file, and last the identity says that
 * the log has gaps.  Said before, it would let an offset that is damaged pass for a gap.  Up to
 * this last step the log is corrupt to any recovery, by the damage that is left or the gaps that
 * are there; after it the log is whole, with gaps below its durable end.
 */
#include "recovery/kafka_files.h"
#include "recovery/log_salvage.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "storage/batch.h"
#include "storage/topic_name.h"

static int
remove_file(const struct strand_recovery *recovery, size_t index)
{
    char name[STRAND_SEGMENT_NAME_SIZE];

    strand_segment_name_format(recovery->files[index].base_offset, name);
    int status = strand_recovery_remove(recovery, name);
    return status == STRAND_OK ? strand_recovery_sync_directory(recovery) : status;
}

static int
save_cuts(const struct strand_salvage_plan *plan)
{
    for (size_t i = 0; i < plan->cut_count; i++) {
        const struct strand_salvage_cut *cut = &plan->cuts[i];

        if (cut->is_padding)
            continue;
        int status = strand_recovery_save(plan->recovery, cut->index, cut->range.position,
                                          cut->range.size, cut->offset);
        if (status != STRAND_OK)
            return status;
    }
    return STRAND_OK;
}

static int
declare_gaps(struct strand_recovery *recovery)
{
    struct strand_log_identity identity = *recovery->request->identity;

    if (recovery->has_gaps_flag)
        return STRAND_OK;
    identity.flags |= STRAND_LOG_HAS_GAPS;
    int status =
        strand_log_identity_write(recovery->request->fs, recovery->request->directory, &identity);
    if (status == STRAND_OK)
        recovery->has_gaps_flag = true;
    return status;
}

/* What is left of the file of CUTS[0..COUNT): the parts between them.  Returns how many. */
static size_t
find_rest(const struct strand_salvage_plan *plan, const struct strand_salvage_cut *cuts,
          size_t count, struct strand_recovery_range *out_ranges)
{
    int64_t size = plan->recovery->files[cuts[0].index].size;
    int64_t position = 0;
    size_t range_count = 0;

    for (size_t i = 0; i <= count; i++) {
        int64_t end = i < count ? cuts[i].range.position : size;

        if (end > position)
            out_ranges[range_count++] = (struct strand_recovery_range){position, end - position};
        if (i < count)
            position = end + cuts[i].range.size;
    }
    return range_count;
}

/* The base offset of the batch at POSITION of FILE; *OUT_IS_TAKEN: it names another file. */
static int
find_name(const struct strand_salvage_plan *plan, const struct strand_file *file, int64_t position,
          int64_t *out_base_offset, bool *out_is_taken)
{
    const struct strand_recovery *recovery = plan->recovery;
    uint8_t header[STRAND_BATCH_HEADER_SIZE];

    int status = strand_file_read_exactly(file, header, sizeof header, position);
    if (status != STRAND_OK)
        return status;
    *out_base_offset = strand_batch_base_offset(header);
    *out_is_taken = false;
    /* Below the bound a file of that name has gone already: it held what this one holds. */
    for (size_t i = 0; i < recovery->file_count; i++)
        if (recovery->files[i].base_offset == *out_base_offset &&
            *out_base_offset >= recovery->bound)
            *out_is_taken = true;
    return STRAND_OK;
}

/* What is left of file INDEX stands above the bound, where another file begins just there: perhaps
 * a copy of it that an interrupted salvage made. */
static int
save_rest(const struct strand_salvage_plan *plan, size_t index,
          const struct strand_recovery_range *ranges, size_t count, int64_t offset)
{
    int status = STRAND_OK;

    for (size_t i = 0; i < count && status == STRAND_OK; i++) {
        status =
            strand_recovery_save(plan->recovery, index, ranges[i].position, ranges[i].size, offset);
        plan->report->cut_bytes += ranges[i].size;
    }
    return status;
}

/* Replace the file of CUT by RANGES of it. */
static int
replace_file(const struct strand_salvage_plan *plan, const struct strand_salvage_cut *cut,
             const struct strand_recovery_range *ranges, size_t count)
{
    struct strand_recovery *recovery = plan->recovery;
    int64_t base_offset = recovery->files[cut->index].base_offset;
    bool is_taken = false;
    char name[STRAND_SEGMENT_NAME_SIZE];
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_file file;

    int status = strand_recovery_open_segment(recovery, cut->index, path, &file);
    if (status != STRAND_OK)
        return status;
    if (cut->takes_name)
        status = find_name(plan, &file, ranges[0].position, &base_offset, &is_taken);
    strand_segment_name_format(base_offset, name);
    if (status == STRAND_OK && !is_taken)
        status = strand_recovery_copy(recovery, &file, ranges, count, name);
    if (status == STRAND_OK && !is_taken)
        status = strand_recovery_sync_directory(recovery);
    strand_file_discard(&file); /* nothing was written to it */
    if (status == STRAND_OK && is_taken)
        status = save_rest(plan, cut->index, ranges, count, base_offset);
    return status == STRAND_OK && cut->takes_name ? remove_file(recovery, cut->index) : status;
}

/* The file of CUTS[0..COUNT), all of which are saved. */
static int
change_file(const struct strand_salvage_plan *plan, const struct strand_salvage_cut *cuts,
            size_t count)
{
    struct strand_recovery_range *ranges = malloc((count + 1) * sizeof *ranges);

    if (ranges == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "salvage %s: out of memory",
                           plan->recovery->request->name);
    size_t range_count = find_rest(plan, cuts, count, ranges);
    int status = range_count > 0 ? replace_file(plan, &cuts[0], ranges, range_count)
                                 : remove_file(plan->recovery, cuts[0].index);
    free(ranges);
    return status;
}

static int
change_files(const struct strand_salvage_plan *plan)
{
    size_t end = plan->cut_count;

    while (end > 0) {
        size_t begin = end - 1;

        while (begin > 0 && plan->cuts[begin - 1].index == plan->cuts[begin].index)
            begin--;
        int status = change_file(plan, &plan->cuts[begin], end - begin);
        if (status != STRAND_OK)
            return status;
        end = begin;
    }
    return STRAND_OK;
}

/* Where nothing that is kept reaches the bound the log goes on there: unless only a text file names
 * it, and nothing stands beyond it. */
static int
bridge_to_bound(const struct strand_salvage_plan *plan)
{
    const struct strand_recovery *recovery = plan->recovery;
    char name[STRAND_SEGMENT_NAME_SIZE];
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_file file;

    if (plan->end_offset >= recovery->bound || plan->ignores_bound)
        return STRAND_OK;
    for (size_t i = 0; i < recovery->file_count; i++)
        if (recovery->files[i].base_offset == recovery->bound)
            return STRAND_OK;
    strand_segment_name_format(recovery->bound, name);
    int status =
        strand_recovery_open(recovery, name, STRAND_FS_WRITE | STRAND_FS_CREATE, path, &file);
    if (status != STRAND_OK)
        return status;
    status = strand_file_sync_all(&file);
    if (status == STRAND_OK)
        status = strand_file_close(&file);
    strand_file_discard(&file);
    return status == STRAND_OK ? strand_recovery_sync_directory(recovery) : status;
}

int
strand_salvage_apply(const struct strand_salvage_plan *plan)
{
    struct strand_recovery *recovery = plan->recovery;
    const struct strand_recovery_request *request = recovery->request;

    int status = save_cuts(plan);
    if (status == STRAND_OK)
        status = strand_kafka_files_remove(request->fs, request->directory, 0, INT64_MAX);
    if (status == STRAND_OK) /* if they were gone, perhaps from the cache alone */
        status = strand_recovery_sync_directory(recovery);
    if (status == STRAND_OK)
        status = change_files(plan);
    if (status == STRAND_OK)
        status = bridge_to_bound(plan);
    if (status == STRAND_OK && plan->epochs_changed)
        status = strand_leader_epochs_store(request->fs, request->directory, &plan->epochs);
    return status == STRAND_OK ? declare_gaps(recovery) : status;
}
