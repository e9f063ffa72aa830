/* crashtest/check_files_open.c -- Files when the directory is open and nothing was done in it yet.
 *
 * Segments are scanned here once more, so that recovery and this have to agree.
 */
#include "crashtest/check_files_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "engine/data_directory.h"
#include "recovery/checkpoint.h"
#include "simulation/sim_disk.h"
#include "storage/batch_format.h"

/* Times that bytes are read at most: scanned, searched, and put through the CRC. */
enum { SEARCH_FACTOR = 1 + 1 + 8 };

/* What the visitors of names and reports share. */
struct visits {
    struct crashtest_check *check;
    bool is_right;
    bool is_clean[CRASHTEST_LOGS]; /* by the report: nothing of it was read */
    bool has_cut[CRASHTEST_LOGS];  /* ... bytes that could not be ruled out as valuable */
    bool is_saved;                 /* there are bytes that were saved */
};

static bool
has_suffix(const char *name, const char *suffix)
{
    size_t size = strlen(name);
    size_t suffix_size = strlen(suffix);

    return size >= suffix_size && strcmp(name + size - suffix_size, suffix) == 0;
}

/* ---- Names in the data directory ---- */

/* Whether an open directory may have it.  What ends in ".tmp" is ignored by everybody. */
static bool
may_be_there(const char *name)
{
    static const char *const names[] = {
        STRAND_LOCK_NAME,           STRAND_FORMAT_NAME,    STRAND_FRONTIER_NAME,
        STRAND_BALLAST_NAME,        STRAND_LOG_START_NAME, STRAND_COMMITTED_NAME,
        STRAND_RECOVERY_POINT_NAME,
    };
    char partition[CRASHTEST_RAW_NAME_SIZE];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    for (int i = 0; i < CRASHTEST_LOGS; i++) {
        (void)snprintf(partition, sizeof partition, "%s-0", crashtest_topics[i]);
        if (strcmp(name, partition) == 0)
            return true;
    }
    return has_suffix(name, ".tmp");
}

static int
check_name(void *argument, const char *name)
{
    struct visits *visits = argument;
    bool is_marker =
        strcmp(name, STRAND_CLEAN_NAME) == 0 || strcmp(name, STRAND_KAFKA_CLEAN_NAME) == 0;
    enum crashtest_invariant invariant =
        is_marker ? CRASHTEST_CLEAN_MARKER_TRUE : CRASHTEST_NO_TORN_FILE;

    visits->is_right = crashtest_holds(visits->check, invariant, may_be_there(name),
                                       CRASHTEST_DIRECTORY "/%s is there while it is open", name);
    return visits->is_right ? 0 : 1;
}

/* ---- Segments ---- */

static bool
is_zeros(const uint8_t *data, int64_t size)
{
    return size == 0 || (data[0] == 0 && memcmp(data, data + 1, (size_t)size - 1) == 0);
}

/* Recovery gives each file its exact size. */
static bool
check_segment(struct crashtest_check *check, const struct crashtest_raw_log *raw, size_t i)
{
    const struct crashtest_raw_segment *segment = &raw->segments[i];
    bool is_zero =
        is_zeros(segment->data + segment->whole_size, segment->size - segment->whole_size);

    return crashtest_holds(check, CRASHTEST_BATCHES_VALID, is_zero,
                           "%s/%020" PRId64 ".log: no whole batch at %" PRId64 " of %" PRId64,
                           raw->directory, segment->base_offset, segment->whole_size,
                           segment->size) &&
           crashtest_holds(
               check, CRASHTEST_NOTHING_BEHIND_END, segment->whole_size == segment->size,
               "%s/%020" PRId64 ".log: %" PRId64 " bytes behind the last batch", raw->directory,
               segment->base_offset, segment->size - segment->whole_size);
}

/* The next one begins where this ends; above it only where gaps were declared. */
static bool
check_join(struct crashtest_check *check, const struct crashtest_raw_log *raw, size_t i)
{
    int64_t end = raw->segments[i].end_offset;
    int64_t next = raw->segments[i + 1].base_offset;
    bool has_gaps = (raw->identity.flags & STRAND_LOG_HAS_GAPS) != 0;

    return crashtest_holds(check, CRASHTEST_SEGMENTS_ADJOIN,
                           next == end || (has_gaps && next > end),
                           "%s/%020" PRId64 ".log begins, the segment before it ends at %" PRId64,
                           raw->directory, next, end);
}

static bool
check_ends(struct crashtest_check *check, const struct crashtest_raw_log *raw,
           const struct strand_positions *positions)
{
    const struct crashtest_raw_segment *first = &raw->segments[0];
    const struct crashtest_raw_segment *last = &raw->segments[raw->segment_count - 1];
    bool has_gaps = (raw->identity.flags & STRAND_LOG_HAS_GAPS) != 0;
    int64_t second = raw->segment_count > 1 ? raw->segments[1].base_offset : INT64_MAX;

    return crashtest_holds(check, CRASHTEST_SEGMENTS_ADJOIN,
                           (first->base_offset <= positions->log_start || has_gaps) &&
                               second > positions->log_start,
                           "%s begins with segments %" PRId64 " and %" PRId64
                           ", log start %" PRId64,
                           raw->directory, first->base_offset, second, positions->log_start) &&
           crashtest_holds(check, CRASHTEST_SEGMENTS_ADJOIN, last->end_offset == positions->log_end,
                           "%s: batches end at %" PRId64 ", log end %" PRId64, raw->directory,
                           last->end_offset, positions->log_end);
}

static bool
check_segments(struct crashtest_check *check, const struct crashtest_raw_log *raw,
               const struct strand_positions *positions)
{
    bool is_right = true;

    for (size_t i = 0; i < raw->segment_count && is_right; i++) {
        is_right = check_segment(check, raw, i);
        if (is_right && i + 1 < raw->segment_count)
            is_right = check_join(check, raw, i);
    }
    return is_right && check_ends(check, raw, positions);
}

static bool
check_batch(struct crashtest_check *check, const struct crashtest_raw_log *raw, size_t i,
            const struct strand_positions *positions)
{
    const struct crashtest_raw_batch *batch = &raw->batches[i];
    const struct crashtest_raw_batch *before = i > 0 ? batch - 1 : NULL;
    bool has_gaps = (raw->identity.flags & STRAND_LOG_HAS_GAPS) != 0;
    int64_t from =
        batch->base_offset > positions->log_start ? batch->base_offset : positions->log_start;

    if (before != NULL &&
        (!crashtest_holds(check, CRASHTEST_BATCHES_VALID,
                          batch->base_offset == before->end_offset ||
                              (has_gaps && batch->base_offset > before->end_offset),
                          "%s: the batch of %" PRId64 " stands behind one that ends at %" PRId64,
                          raw->directory, batch->base_offset, before->end_offset) ||
         !crashtest_holds(check, CRASHTEST_EPOCHS_ASCEND, batch->epoch >= before->epoch,
                          "%s: offset %" PRId64 " has epoch %" PRId32 ", the one before %" PRId32,
                          raw->directory, batch->base_offset, batch->epoch, before->epoch)))
        return false;
    return batch->end_offset <= positions->log_start ||
           crashtest_holds(
               check, CRASHTEST_EPOCHS_AGREE, batch->epoch == crashtest_raw_log_epoch(raw, from),
               "%s: offset %" PRId64 " has epoch %" PRId32 ", by the epoch file %" PRId32,
               raw->directory, from, batch->epoch, crashtest_raw_log_epoch(raw, from));
}

static bool
check_epochs(struct crashtest_check *check, const struct crashtest_raw_log *raw,
             const struct strand_positions *positions)
{
    const struct strand_leader_epoch *last =
        raw->epoch_count > 0 ? &raw->epochs[raw->epoch_count - 1] : NULL;
    int32_t newest = last != NULL ? last->epoch : -1;

    return crashtest_holds(check, CRASHTEST_EPOCHS_AGREE,
                           last == NULL || last->start_offset <= positions->log_end,
                           "%s/leader-epoch-checkpoint: epoch %" PRId32 " begins at %" PRId64
                           ", log end %" PRId64,
                           raw->directory, newest, last != NULL ? last->start_offset : -1,
                           positions->log_end) &&
           crashtest_holds(check, CRASHTEST_EPOCHS_AGREE, newest == positions->leader_epoch,
                           "%s/leader-epoch-checkpoint: the newest is %" PRId32
                           ", the log says %" PRId32,
                           raw->directory, newest, positions->leader_epoch);
}

/* ---- The rest of a log ---- */

/* What recovery has decided is in the frontier, too. */
static bool
check_slot(struct crashtest_check *check, const struct crashtest_raw_log *raw,
           const struct strand_positions *positions)
{
    struct strand_frontier_slot slot = {.log_start = -1, .durable_end = -1};
    bool has_slot = crashtest_find_slot_of(check, raw, &slot);

    return crashtest_holds(check, CRASHTEST_CHECKPOINTS_TRUE,
                           has_slot && slot.log_start == positions->log_start &&
                               slot.durable_end == positions->durable_end && slot.flags == 0,
                           "the frontier says of %s %" PRId64 " to %" PRId64 ", flags %" PRIu32
                           ", the log %" PRId64 " to %" PRId64,
                           raw->directory, slot.log_start, slot.durable_end, slot.flags,
                           positions->log_start, positions->durable_end);
}

static bool
check_leavings(struct crashtest_check *check, const struct crashtest_raw_log *raw)
{
    return crashtest_holds(check, CRASHTEST_NO_TORN_FILE, !raw->is_too_large,
                           "%s has more segments or batches than were made", raw->directory) &&
           crashtest_holds(
               check, CRASHTEST_NO_TORN_FILE,
               raw->identity_fault == NULL && raw->epochs_fault == NULL && raw->segment_count > 0,
               "%s: strandline.id: %s; leader-epoch-checkpoint: %s; %zu segments", raw->directory,
               raw->identity_fault != NULL ? raw->identity_fault : "whole",
               raw->epochs_fault != NULL ? raw->epochs_fault : "whole", raw->segment_count) &&
           crashtest_holds(check, CRASHTEST_NO_TORN_FILE, raw->leftover[0] == '\0',
                           "%s/%s is there though the log is served", raw->directory,
                           raw->leftover);
}

/* A recovery has synced all of it.  Behind a clean close the name of a file that was only prepared
 * may still come back. */
static bool
check_durable(struct crashtest_check *check, const struct crashtest_raw_log *raw, bool is_clean)
{
    const struct strand_sim_disk *disk = crashtest_driver_disk(&check->driver);
    char path[STRAND_PATH_SIZE_MAX];
    bool is_dirty = !is_clean && strand_sim_disk_is_dirty(disk, raw->directory);

    for (size_t i = 0; is_clean && i < raw->segment_count && !is_dirty; i++) {
        (void)snprintf(path, sizeof path, "%s/%020" PRId64 ".log", raw->directory,
                       raw->segments[i].base_offset);
        is_dirty = strand_sim_disk_is_dirty(disk, path);
    }
    return crashtest_holds(check, CRASHTEST_SERVED_IS_DURABLE, !is_dirty,
                           "%s is served, and not all of it is on disk", raw->directory);
}

/* ---- What passes for damage ---- */

/* A change that was interrupted between the epoch file and the batches leaves what contradicts. */
static bool
has_epochs(const struct crashtest_script *script)
{
    for (size_t i = 0; script != NULL && i < script->count; i++)
        if (script->steps[i].kind == CRASHTEST_EPOCH || script->steps[i].kind == CRASHTEST_FOLLOW ||
            script->steps[i].kind == CRASHTEST_REPLICATE)
            return true;
    return false;
}

/* A kill loses nothing, so that nothing whole can stand behind a hole. */
static bool
may_be_suspect(const struct crashtest_check *check)
{
    const struct crashtest_ledger *ledger = &check->driver.ledger;

    return check->state->cut_note_count > 0 || ledger->has_failed || ledger->has_broker ||
           has_epochs(check->driver.script) || has_epochs(check->go_on);
}

/* Bytes are saved where a log was found to be damaged, by this recovery or one before. */
static int
check_saved(void *argument, const char *name)
{
    struct visits *visits = argument;
    bool is_saved = strncmp(name, "cut-", strlen("cut-")) == 0 && has_suffix(name, ".bytes");

    visits->is_right = crashtest_holds(visits->check, CRASHTEST_ONLY_TAIL_TORN, !is_saved,
                                       "bytes were saved as %s, and nothing was lost", name);
    return visits->is_right ? 0 : 1;
}

static int
note_saved(void *argument, const char *name)
{
    struct visits *visits = argument;

    visits->is_saved |= strncmp(name, "cut-", strlen("cut-")) == 0 && has_suffix(name, ".bytes");
    return 0;
}

/* What contradicts a torn tail is cut, but not lost. */
static bool
check_cut_saved(struct crashtest_check *check, const struct crashtest_raw_log *raw)
{
    struct visits visits = {.check = check};

    (void)check->fs->list(check->fs->context, raw->directory, note_saved, &visits);
    return crashtest_holds(check, CRASHTEST_ONLY_TAIL_TORN, visits.is_saved,
                           "%s: what was cut is suspect, and was not saved", raw->directory);
}

static bool
check_nothing_saved(struct crashtest_check *check, const struct crashtest_raw_log *raw)
{
    struct visits visits = {.check = check, .is_right = true};

    if (!may_be_suspect(check))
        (void)check->fs->list(check->fs->context, raw->directory, check_saved, &visits);
    return visits.is_right;
}

static bool
check_log(struct crashtest_check *check, int32_t log, const struct crashtest_raw_log *raw,
          bool is_clean)
{
    struct strand_positions positions;
    bool is_right = check_leavings(check, raw) && check_nothing_saved(check, raw) &&
                    check_durable(check, raw, is_clean);

    if (!is_right ||
        !crashtest_holds(check, CRASHTEST_WORK_GOES_ON,
                         strand_log_positions(check->driver.logs[log], &positions) == STRAND_OK,
                         "%s has no positions: %s", raw->directory, strand_error_message()))
        return false;
    is_right = check_segments(check, raw, &positions) && check_epochs(check, raw, &positions) &&
               check_slot(check, raw, &positions);
    for (size_t i = 0; i < raw->batch_count && is_right; i++)
        is_right = check_batch(check, raw, i, &positions);
    return is_right;
}

/* ---- The report ---- */

static int32_t
find_topic(const char *topic)
{
    int32_t log = 0;

    while (log < CRASHTEST_LOGS && strcmp(topic, crashtest_topics[log]) != 0)
        log++;
    return log;
}

/* What is scanned is read once, and without a slot the header of the first batch before.  Behind a
 * place where that stops another batch is looked for, which is bounded, too
 * (storage/segment_scan.h). */
static bool
check_bound(struct crashtest_check *check, int32_t log, const struct strand_recovery_report *report)
{
    int64_t bytes = check->before.scannable_bytes[log];
    int64_t most = report->verdict == STRAND_VERDICT_WHOLE ? bytes + STRAND_BATCH_HEADER_SIZE
                                                           : SEARCH_FACTOR * bytes;
    bool is_clean = report->verdict == STRAND_VERDICT_CLEAN;

    return crashtest_holds(check, CRASHTEST_RECOVERY_BOUNDED,
                           report->scanned_count <= (is_clean ? 0 : check->before.scannable[log]),
                           "%s: recovery has read %" PRId64 " segments, of %" PRId64
                           " it did not know that they are durable",
                           report->topic, report->scanned_count, check->before.scannable[log]) &&
           crashtest_holds(check, CRASHTEST_RECOVERY_BOUNDED,
                           report->bytes_read <= (is_clean ? 0 : most) &&
                               report->bytes_rewritten <= bytes,
                           "%s: recovery has read %" PRId64 " bytes and rewritten %" PRId64
                           ", of %" PRId64 " it did not know that they are durable",
                           report->topic, report->bytes_read, report->bytes_rewritten, bytes);
}

static int
check_report(void *context, const struct strand_recovery_report *report)
{
    struct visits *visits = context;
    struct crashtest_check *check = visits->check;
    int32_t log = find_topic(report->topic);

    visits->is_right =
        crashtest_holds(
            check, CRASHTEST_ONLY_TAIL_TORN,
            report->verdict != STRAND_VERDICT_CORRUPT && report->verdict != STRAND_VERDICT_FAILED &&
                report->verdict != STRAND_VERDICT_SALVAGED,
            "%s: verdict %d: %s", report->topic, (int)report->verdict, report->reason) &&
        crashtest_holds(check, CRASHTEST_ONLY_TAIL_TORN,
                        report->verdict != STRAND_VERDICT_SUSPECT || may_be_suspect(check),
                        "%s: taken for damaged, and nothing was lost: %s", report->topic,
                        report->reason) &&
        crashtest_holds(check, CRASHTEST_CLEAN_MARKER_TRUE,
                        report->verdict != STRAND_VERDICT_CLEAN || check->before.has_marker,
                        "%s was taken for clean without a marker", report->topic) &&
        crashtest_holds(check, CRASHTEST_NOTHING_INVENTED, log < CRASHTEST_LOGS,
                        "%s is a log that nobody made", report->topic) &&
        check_bound(check, log, report);
    if (visits->is_right) {
        visits->is_clean[log] = report->verdict == STRAND_VERDICT_CLEAN;
        visits->has_cut[log] = report->verdict == STRAND_VERDICT_SUSPECT && report->cut_bytes > 0;
    }
    return visits->is_right ? 0 : 1;
}

bool
crashtest_check_files_open(struct crashtest_check *check)
{
    struct visits visits = {.check = check, .is_right = true};
    struct crashtest_raw_log raw;

    (void)check->fs->list(check->fs->context, CRASHTEST_DIRECTORY, check_name, &visits);
    if (!visits.is_right || !crashtest_check_small_files(check))
        return false;
    (void)strand_engine_recovery_report(check->driver.engine, check_report, &visits);
    for (int32_t i = 0; i < CRASHTEST_LOGS && visits.is_right; i++) {
        bool is_open = check->driver.logs[i] != NULL;

        crashtest_raw_log_read(&check->driver, i, &raw);
        visits.is_right =
            crashtest_holds(check, CRASHTEST_NO_TORN_FILE, raw.exists == is_open,
                            "%s is %s, the log %s", raw.directory,
                            raw.exists ? "there" : "not there", is_open ? "is" : "is not") &&
            (!is_open || check_log(check, i, &raw, visits.is_clean[i])) &&
            (!visits.has_cut[i] || check_cut_saved(check, &raw));
    }
    return visits.is_right;
}
