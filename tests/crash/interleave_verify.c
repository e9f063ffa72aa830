/* tests/crash/interleave_verify.c -- A log is read once, into a list; everything else is asked of
 * the list.
 */
#include <inttypes.h>
#include <string.h>

#include "crash/interleave.h"

struct view {
    const struct strand_fs *fs;
    struct strand_log *log;
    int index;
    const struct interleave_log *promised;
    enum interleave_after after;
    struct strand_positions positions;
    uint32_t found[INTERLEAVE_OFFSETS]; /* numbers, from the log start on */
    int32_t found_epoch[INTERLEAVE_OFFSETS];
    int64_t found_count;
    struct strand_leader_epoch epochs[INTERLEAVE_EPOCHS];
    size_t epoch_count;
};

/* Fail with a sentence about the log of VIEW. */
#define VIOLATED(view, format, ...)                                                                \
    strand_crash_fail((view)->fs, "log %d, [%" PRId64 ", %" PRId64 "): " format, (view)->index,    \
                      (view)->positions.log_start, (view)->positions.log_end, __VA_ARGS__)

/* ---- Positions ---- */

int
interleave_verify_positions(const struct strand_fs *fs, int index,
                            const struct strand_positions *positions)
{
    if (0 <= positions->log_start && positions->log_start <= positions->high_watermark &&
        positions->high_watermark <= positions->durable_end &&
        positions->durable_end <= positions->log_end)
        return 0;
    return strand_crash_fail(fs,
                             "log %d: log start %" PRId64 ", high watermark %" PRId64
                             ", durable end %" PRId64 ", log end %" PRId64,
                             index, positions->log_start, positions->high_watermark,
                             positions->durable_end, positions->log_end);
}

static int
verify_positions(struct view *view)
{
    const struct strand_positions *found = &view->positions;
    const struct interleave_log *promised = view->promised;

    if (strand_log_positions(view->log, &view->positions) != STRAND_OK)
        return VIOLATED(view, "%s", strand_error_message());
    if (found->log_start != promised->log_start && found->log_start != promised->maybe_start)
        return VIOLATED(view, "the log start acknowledged is %" PRId64, promised->log_start);
    if (view->after != INTERLEAVE_IN_LIFE && found->high_watermark != found->log_end)
        return VIOLATED(view, "high watermark %" PRId64 " after recovery", found->high_watermark);
    return interleave_verify_positions(view->fs, view->index, found);
}

/* ---- Reading ---- */

static int
verify_found(struct view *view, const struct strand_record *record, uint32_t number)
{
    const struct interleave_entry *entry = &view->promised->entries[number];

    if (number >= view->promised->number_end || entry->state == INTERLEAVE_IS_UNUSED)
        return VIOLATED(view, "record %" PRIu32 " at offset %" PRId64 " was never appended", number,
                        record->offset);
    if (record->timestamp_ms != interleave_timestamp(number))
        return VIOLATED(view, "record %" PRIu32 " has another timestamp", number);
    if (entry->state == INTERLEAVE_IS_TRIED)
        return 0;
    if (interleave_fate(view->promised, number) == INTERLEAVE_WENT)
        return VIOLATED(view, "record %" PRIu32 " at offset %" PRId64 " was truncated and is there",
                        number, record->offset);
    if (entry->offset != record->offset || entry->epoch != record->leader_epoch)
        return VIOLATED(view,
                        "record %" PRIu32 " is at offset %" PRId64 " in epoch %" PRId32
                        ", acknowledged at %" PRId64 " in %" PRId32,
                        number, record->offset, record->leader_epoch, entry->offset, entry->epoch);
    return 0;
}

static int
add_record(struct view *view, const struct strand_record *record)
{
    uint32_t number;

    if (record->offset != view->positions.log_start + view->found_count)
        return VIOLATED(view, "offset %" PRId64 " follows %" PRId64, record->offset,
                        view->positions.log_start + view->found_count - 1);
    if (!interleave_value_read(view->index, record->value.data, record->value.size, &number))
        return VIOLATED(view, "offset %" PRId64 " has bytes that nobody appended", record->offset);
    int result = number < INTERLEAVE_NUMBERS
                     ? verify_found(view, record, number)
                     : VIOLATED(view, "record %" PRIu32 " was never appended", number);
    if (result != 0)
        return result;
    if (view->found_count == INTERLEAVE_OFFSETS)
        return VIOLATED(view, "it has %d records and more", INTERLEAVE_OFFSETS);
    view->found[view->found_count] = number;
    view->found_epoch[view->found_count++] = record->leader_epoch;
    return 0;
}

static int
read_log(struct view *view)
{
    struct strand_cursor_options options = {.struct_size = sizeof options,
                                            .isolation = STRAND_READ_WRITTEN};
    struct strand_cursor *cursor = NULL;
    struct strand_record record;
    int result = 0;

    int status = strand_cursor_open(view->log, view->positions.log_start, &options, &cursor);
    while (status == STRAND_OK && result == 0 &&
           (status = strand_cursor_next(cursor, &record)) == STRAND_OK)
        result = add_record(view, &record);
    if (result == 0 && status != STRAND_END)
        result = VIOLATED(view, "reading from the log start: %s", strand_error_message());
    strand_cursor_close(cursor);
    if (result == 0 && view->positions.log_start + view->found_count != view->positions.log_end)
        result = VIOLATED(view, "%" PRId64 " records are there", view->found_count);
    return result;
}

/* ---- Batches and order ---- */

/* Batches come and go as a whole, but for what a trim hides of their front. */
static int
verify_batch(const struct view *view, int64_t at)
{
    const struct interleave_entry *entry = &view->promised->entries[view->found[at]];

    for (uint32_t k = view->found[at] - entry->first; k < entry->count; k++, at++)
        if (at >= view->found_count || view->found[at] != entry->first + k)
            return VIOLATED(view, "a batch is cut at offset %" PRId64,
                            view->positions.log_start + at);
    return 0;
}

static int
verify_batches(const struct view *view)
{
    for (int64_t i = 0; i < view->found_count;) {
        const struct interleave_entry *entry = &view->promised->entries[view->found[i]];
        uint32_t hidden = view->found[i] - entry->first;

        if (i > 0 && hidden > 0)
            return VIOLATED(view, "a batch lacks its front at offset %" PRId64,
                            view->positions.log_start + i);
        int result = verify_batch(view, i);
        if (result != 0)
            return result;
        i += entry->count - hidden;
    }
    return 0;
}

/* What one thread appended stands in its order; which also means: nothing twice. */
static int
verify_order(const struct view *view)
{
    int64_t newest[16];

    memset(newest, -1, sizeof newest);
    for (int64_t i = 0; i < view->found_count; i++) {
        uint32_t number = view->found[i];
        uint32_t thread = view->promised->entries[number].thread;

        if ((int64_t)number <= newest[thread])
            return VIOLATED(view, "record %" PRIu32 " at offset %" PRId64 " stands behind %" PRId64,
                            number, view->positions.log_start + i, newest[thread]);
        newest[thread] = number;
    }
    return 0;
}

/* ---- Promises ---- */

static int
verify_promised(const struct view *view)
{
    for (uint32_t number = 0; number < view->promised->number_end; number++) {
        const struct interleave_entry *entry = &view->promised->entries[number];
        bool is_due =
            entry->state == INTERLEAVE_IS_DURABLE ||
            (entry->state == INTERLEAVE_IS_WRITTEN && view->after != INTERLEAVE_AFTER_POWER_CUT);
        int64_t at = entry->offset - view->positions.log_start;

        if (!is_due || at < 0 || interleave_fate(view->promised, number) != INTERLEAVE_STAYS)
            continue;
        if (at >= view->found_count)
            return VIOLATED(view, "record %" PRIu32 " at offset %" PRId64 " was %s and is lost",
                            number, entry->offset,
                            entry->state == INTERLEAVE_IS_DURABLE ? "acknowledged" : "written");
        if (view->found[at] != number)
            return VIOLATED(view,
                            "record %" PRIu32 " is where record %" PRIu32
                            " was acknowledged, at offset %" PRId64,
                            view->found[at], number, entry->offset);
    }
    return 0;
}

/* ---- Epochs ---- */

static int
add_epoch(void *context, const struct strand_leader_epoch *epoch)
{
    struct view *view = context;
    const struct strand_leader_epoch *last =
        view->epoch_count > 0 ? &view->epochs[view->epoch_count - 1] : NULL;

    if (view->epoch_count == INTERLEAVE_EPOCHS || epoch->start_offset > view->positions.log_end ||
        (last != NULL &&
         (epoch->epoch <= last->epoch || epoch->start_offset <= last->start_offset)))
        return VIOLATED(view, "epoch %" PRId32 " at %" PRId64 " does not ascend", epoch->epoch,
                        epoch->start_offset);
    view->epochs[view->epoch_count++] = *epoch;
    return 0;
}

static int32_t
epoch_of(const struct view *view, int64_t offset)
{
    int32_t epoch = -1;

    for (size_t i = 0; i < view->epoch_count && view->epochs[i].start_offset <= offset; i++)
        epoch = view->epochs[i].epoch;
    return epoch;
}

/* The newest epoch that was begun is still known, and where it begins; a change that is under way
 * may have moved that. */
static int
verify_newest_epoch(const struct view *view)
{
    const struct interleave_log *promised = view->promised;
    bool is_cut = promised->cut_count > 0 && !promised->cuts[promised->cut_count - 1].has_ended;

    if (promised->epoch_count == 0)
        return 0;
    const struct strand_leader_epoch *wanted = &promised->epochs[promised->epoch_count - 1];
    const struct strand_leader_epoch *found =
        view->epoch_count > 0 ? &view->epochs[view->epoch_count - 1] : NULL;
    if (found != NULL && promised->maybe_epoch >= 0 && found->epoch == promised->maybe_epoch)
        return 0;
    if (found == NULL || found->epoch != wanted->epoch ||
        (found->start_offset != wanted->start_offset && !is_cut &&
         wanted->start_offset >= view->positions.log_start))
        return VIOLATED(view,
                        "the newest epoch is %" PRId32 " from %" PRId64
                        " on, acknowledged was %" PRId32 " from %" PRId64,
                        found != NULL ? found->epoch : -1, found != NULL ? found->start_offset : -1,
                        wanted->epoch, wanted->start_offset);
    return 0;
}

static int
verify_epochs(struct view *view)
{
    int result = strand_log_list_epochs(view->log, add_epoch, view);

    if (result != 0)
        return VIOLATED(view, "listing the epochs: %s", strand_error_message());
    for (int64_t i = 0; i < view->found_count; i++)
        if (view->found_epoch[i] != epoch_of(view, view->positions.log_start + i))
            return VIOLATED(view, "offset %" PRId64 " has epoch %" PRId32 ", against the history",
                            view->positions.log_start + i, view->found_epoch[i]);
    return verify_newest_epoch(view);
}

int
interleave_verify(const struct strand_fs *fs, struct strand_log *log, int index,
                  const struct interleave_log *promised, enum interleave_after after)
{
    struct view view = {.fs = fs, .log = log, .index = index, .promised = promised, .after = after};

    int result = verify_positions(&view);
    if (result == 0)
        result = read_log(&view);
    if (result == 0)
        result = verify_promised(&view);
    if (result == 0)
        result = verify_batches(&view);
    if (result == 0)
        result = verify_order(&view);
    return result == 0 ? verify_epochs(&view) : result;
}
