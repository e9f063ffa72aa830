/* crashtest/check_files.c -- Files as a crash has left them, before anybody opens the directory.
 *
 * Most files get their content whole and then their name: what has a final name is whole in every
 * state that a crash may leave.  Exempt are .lock, which is never synced, strandline.ballast, which
 * nobody reads, and the ends of segments.
 */
#include "crashtest/check_files_internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "engine/format_file.h"
#include "recovery/checkpoint.h"
#include "recovery/clean_marker.h"
#include "simulation/sim_disk.h"
#include "storage/batch_format.h"

/* ---- Small files of the data directory ---- */

static const char *
read_marker(const uint8_t *data, int64_t size)
{
    struct crashtest_marker marker;

    return crashtest_read_marker(data, size, &marker);
}

bool
crashtest_check_small_files(struct crashtest_check *check)
{
    static const struct {
        const char *path;
        enum crashtest_invariant invariant;
        const char *(*read)(const uint8_t *data, int64_t size);
    } files[] = {
        {CRASHTEST_DIRECTORY "/" STRAND_RECOVERY_POINT_NAME, CRASHTEST_CHECKPOINTS_TRUE,
         crashtest_read_offsets},
        {CRASHTEST_DIRECTORY "/" STRAND_COMMITTED_NAME, CRASHTEST_CHECKPOINTS_TRUE,
         crashtest_read_offsets},
        {CRASHTEST_DIRECTORY "/" STRAND_LOG_START_NAME, CRASHTEST_CHECKPOINTS_TRUE,
         crashtest_read_offsets},
        {CRASHTEST_DIRECTORY "/" STRAND_FRONTIER_NAME, CRASHTEST_CHECKPOINTS_TRUE,
         crashtest_read_frontier},
        {CRASHTEST_DIRECTORY "/" STRAND_FORMAT_NAME, CRASHTEST_NO_TORN_FILE, crashtest_read_format},
        {CRASHTEST_DIRECTORY "/" STRAND_CLEAN_NAME, CRASHTEST_NO_TORN_FILE, read_marker},
    };

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        int64_t size = 0;
        const uint8_t *data =
            strand_sim_disk_content(crashtest_driver_disk(&check->driver), files[i].path, &size);
        const char *fault = data == NULL ? NULL : files[i].read(data, size);

        if (data != NULL &&
            !crashtest_holds(check, files[i].invariant, fault == NULL,
                             "%s is there, and %s (%" PRId64 " bytes)", files[i].path, fault, size))
            return false;
    }
    return true;
}

bool
crashtest_find_slot_of(const struct crashtest_check *check, const struct crashtest_raw_log *raw,
                       struct strand_frontier_slot *out_slot)
{
    int64_t size = 0;
    const uint8_t *data = strand_sim_disk_content(
        crashtest_driver_disk(&check->driver), CRASHTEST_DIRECTORY "/" STRAND_FRONTIER_NAME, &size);

    return data != NULL && crashtest_find_slot(data, size, raw->identity.id, out_slot);
}

/* ---- One log ---- */

/* A directory gets its name when it is whole; only one that holds nothing is without segments. */
static bool
check_whole(struct crashtest_check *check, const struct crashtest_raw_log *raw, bool is_empty)
{
    return crashtest_holds(check, CRASHTEST_NO_TORN_FILE, !raw->is_too_large,
                           "%s has more segments or batches than were made", raw->directory) &&
           crashtest_holds(check, CRASHTEST_NO_TORN_FILE, raw->identity_fault == NULL,
                           "%s/" STRAND_LOG_IDENTITY_NAME ": %s", raw->directory,
                           raw->identity_fault) &&
           crashtest_holds(check, CRASHTEST_NO_TORN_FILE, raw->epochs_fault == NULL,
                           "%s/leader-epoch-checkpoint: %s", raw->directory, raw->epochs_fault) &&
           crashtest_holds(check, CRASHTEST_NO_TORN_FILE, raw->segment_count > 0 || is_empty,
                           "%s has no segment", raw->directory);
}

/* Where the whole batches of segments that begin at or below OFFSET end. */
static int64_t
find_raw_end(const struct crashtest_raw_log *raw, int64_t offset)
{
    int64_t end = -1;

    for (size_t i = 0; i < raw->segment_count && raw->segments[i].base_offset <= offset; i++)
        end = raw->segments[i].end_offset;
    return end;
}

/* What recovery may read: the files from that on which holds the last durable record; all of them
 * without a slot, or a history, and the header of the first batch twice, which knows the start. */
static void
note_scannable(struct crashtest_before *before, int32_t log, const struct crashtest_raw_log *raw,
               const struct strand_frontier_slot *slot)
{
    int64_t bound = -1;

    if (slot != NULL && raw->epochs_fault == NULL && raw->epoch_count > 0)
        bound = slot->durable_end > slot->log_start ? slot->durable_end : slot->log_start;
    before->scannable_bytes[log] += raw->tail_bytes; /* given back first */
    before->has_tail[log] = raw->tail_bytes > 0;
    for (size_t i = 0; i < raw->segment_count; i++) {
        if (i + 1 < raw->segment_count && raw->segments[i + 1].base_offset < bound)
            continue;
        before->scannable[log]++;
        before->scannable_bytes[log] += raw->segments[i].size;
    }
    if (slot == NULL)
        before->scannable_bytes[log] += STRAND_BATCH_HEADER_SIZE;
}

/* Where everything is durable and no gap was declared, a power cut leaves segments that adjoin:
 * those that go at a truncation go newest first. */
static bool
check_no_hole(struct crashtest_check *check, int32_t log, const struct crashtest_raw_log *raw)
{
    const struct crashtest_ledger *ledger = &check->driver.ledger;
    const struct crashtest_ledger_log *promised = &ledger->logs[log];
    int64_t start =
        promised->maybe_start > promised->start ? promised->maybe_start : promised->start;
    bool is_all_durable = promised->exists && !promised->is_open_question &&
                          promised->durable_end == promised->end && promised->maybe_reset < 0;

    if (!is_all_durable || ledger->has_failed || ledger->is_recovering || ledger->recoveries > 0 ||
        raw->tail_bytes > 0 || (raw->identity.flags & STRAND_LOG_HAS_GAPS) != 0)
        return true;
    for (size_t i = 1; i < raw->segment_count; i++)
        if (raw->segments[i].base_offset > start &&
            !crashtest_holds(check, CRASHTEST_PREFIX_KEPT,
                             raw->segments[i - 1].end_offset == raw->segments[i].base_offset,
                             "%s: segment %" PRId64 " is there, though what was durable in front "
                             "of it ends at %" PRId64,
                             raw->directory, raw->segments[i].base_offset,
                             raw->segments[i - 1].end_offset))
            return false;
    return true;
}

static bool
check_log(struct crashtest_check *check, int32_t log, const struct crashtest_raw_log *raw)
{
    struct strand_frontier_slot slot;
    bool has_slot = raw->identity_fault == NULL && crashtest_find_slot_of(check, raw, &slot);
    bool is_resetting = has_slot && (slot.flags & STRAND_FRONTIER_RESETTING) != 0;
    bool is_empty = has_slot && (is_resetting || slot.durable_end == slot.log_start);
    bool is_believed = has_slot && !check->driver.ledger.has_broker;

    note_scannable(&check->before, log, raw, is_believed ? &slot : NULL);
    if (!check_whole(check, raw, is_empty))
        return false;
    if (!is_believed || is_empty)
        return true;
    return check_no_hole(check, log, raw) &&
           crashtest_holds(check, CRASHTEST_CHECKPOINTS_TRUE,
                           find_raw_end(raw, slot.durable_end) >= slot.durable_end,
                           "the frontier says that %s is durable up to %" PRId64
                           ", but its whole batches end at %" PRId64,
                           raw->directory, slot.durable_end, find_raw_end(raw, slot.durable_end));
}

/* ---- The clean marker ---- */

/* Whether what was done last allows that there is one: between a close and the next opening. */
static bool
may_be_clean(const struct crashtest_ledger *ledger)
{
    bool is_under_way = ledger->open_step >= 0 && (ledger->open_kind == CRASHTEST_OPEN ||
                                                   ledger->open_kind == CRASHTEST_CLOSE ||
                                                   ledger->open_kind == CRASHTEST_BROKER);

    return is_under_way || ledger->is_closed || ledger->is_recovering || ledger->has_broker ||
           ledger->has_failed;
}

/* Files as ENTRY says, and everything in them that was written. */
static bool
check_entry(struct crashtest_check *check, int32_t log, const struct crashtest_raw_log *raw,
            const struct strand_clean_entry *entry)
{
    const struct crashtest_ledger_log *promised = &check->driver.ledger.logs[log];

    if (!crashtest_holds(check, CRASHTEST_CLEAN_MARKER_TRUE,
                         raw->segment_count == entry->segment_count && raw->segment_count > 0,
                         "strandline.clean: %s has %" PRIu32 " segments, there are %zu",
                         raw->directory, entry->segment_count, raw->segment_count))
        return false;
    const struct crashtest_raw_segment *last = &raw->segments[raw->segment_count - 1];
    return crashtest_holds(check, CRASHTEST_CLEAN_MARKER_TRUE,
                           last->base_offset == entry->active_base_offset &&
                               last->size == entry->active_size && last->whole_size == last->size,
                           "strandline.clean: %s ends with segment %" PRId64 " of %" PRId64
                           " bytes; there is %" PRId64 " of %" PRId64 ", whole up to %" PRId64,
                           raw->directory, entry->active_base_offset, entry->active_size,
                           last->base_offset, last->size, last->whole_size) &&
           crashtest_holds(check, CRASHTEST_CLEAN_MARKER_TRUE, last->end_offset == entry->log_end,
                           "strandline.clean: %s ends at %" PRId64 ", its batches at %" PRId64,
                           raw->directory, entry->log_end, last->end_offset) &&
           crashtest_holds(check, CRASHTEST_CLEAN_MARKER_TRUE,
                           promised->has_failed || entry->log_end >= promised->written_end,
                           "strandline.clean: %s ends at %" PRId64 ", written was up to %" PRId64,
                           raw->directory, entry->log_end, promised->written_end);
}

static bool
check_marker(struct crashtest_check *check, struct crashtest_marker *out_marker)
{
    int64_t size = 0;
    const uint8_t *data = strand_sim_disk_content(crashtest_driver_disk(&check->driver),
                                                  CRASHTEST_DIRECTORY "/" STRAND_CLEAN_NAME, &size);

    out_marker->count = 0;
    check->before.has_marker = data != NULL;
    if (data == NULL)
        return true;
    const char *fault = crashtest_read_marker(data, size, out_marker);
    strand_assert(fault == NULL); /* it was read before */
    return crashtest_holds(check, CRASHTEST_CLEAN_MARKER_TRUE, may_be_clean(&check->driver.ledger),
                           "strandline.clean is there, though work went on");
}

static bool
check_entries(struct crashtest_check *check, int32_t log, const struct crashtest_raw_log *raw,
              const struct crashtest_marker *marker)
{
    for (size_t i = 0; i < marker->count; i++)
        if (memcmp(marker->entries[i].id, raw->identity.id, STRAND_LOG_ID_SIZE) == 0 &&
            !check_entry(check, log, raw, &marker->entries[i]))
            return false;
    return true;
}

bool
crashtest_check_files_before(struct crashtest_check *check)
{
    struct crashtest_raw_log raw;
    struct crashtest_marker marker;

    check->before = (struct crashtest_before){.has_marker = false};
    if (!crashtest_check_small_files(check) || !check_marker(check, &marker))
        return false;
    for (int32_t i = 0; i < CRASHTEST_LOGS; i++) {
        crashtest_raw_log_read(&check->driver, i, &raw);
        if (raw.exists && !check_log(check, i, &raw))
            return false;
        if (raw.exists && !check->driver.ledger.has_broker &&
            !check_entries(check, i, &raw, &marker))
            return false;
    }
    return true;
}
