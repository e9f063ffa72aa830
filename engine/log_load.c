/* engine/log_load.c -- From what recovery found on disk to a log that serves. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "engine/log_internal.h"
#include "recovery/kafka_files.h"
#include "recovery/log_recovery.h"
#include "storage/segment.h"
#include "strandline/fs.h"

/* ---- Identity and slot ---- */

static bool
is_id_taken(const struct strand_engine *engine, const uint8_t id[STRAND_LOG_ID_SIZE])
{
    for (size_t i = 0; i < engine->log_count; i++)
        if (memcmp(engine->logs[i]->identity.id, id, STRAND_LOG_ID_SIZE) == 0)
            return true;
    return false;
}

/* The log's id; a new one where there is none, it is damaged, or another log has it (a copied
 * directory).  What is known of gaps goes with the file: without it they are taken for legal. */
static int
load_identity(struct strand_log *log, bool *out_is_new)
{
    const struct strand_engine *engine = log->engine;
    uint32_t flags = STRAND_LOG_HAS_GAPS;

    *out_is_new = false;

    int status = strand_log_identity_read(engine->config.fs, log->directory, &log->identity);
    if (status == STRAND_OK && !is_id_taken(engine, log->identity.id))
        return STRAND_OK;
    *out_is_new = status == STRAND_ERR_NOT_FOUND;
    if (status == STRAND_OK)
        flags = log->identity.flags;
    else if (status != STRAND_ERR_NOT_FOUND && status != STRAND_ERR_CORRUPT)
        return status;
    if (status == STRAND_ERR_CORRUPT)
        strand_engine_notice(engine, 4, "%s: %s; it gets a new id", log->name,
                             strand_error_message());
    status = strand_log_identity_create(engine->config.fs, flags, &log->identity);
    if (status == STRAND_OK && !strand_engine_is_read_only(engine))
        status = strand_log_identity_write(engine->config.fs, log->directory, &log->identity);
    return status;
}

/* ---- Positions ---- */

static int64_t
clamp(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* Whether a reader could make durable what stands above DURABLE_END.  It changes nothing: what a
 * writer left written only, when it ended, is on disk before it is shown as committed. */
static bool
sync_as_reader(struct strand_log *log, int64_t durable_end)
{
    int status = STRAND_OK;

    for (size_t i = 0; status == STRAND_OK && i < log->segment_count; i++) {
        struct strand_log_segment *segment = log->segments[i];

        if (segment->end_offset <= durable_end)
            continue;
        status = strand_log_segment_acquire(segment);
        if (status == STRAND_OK) {
            status = strand_segment_sync(segment->file);
            strand_log_segment_release(segment);
        }
    }
    if (status == STRAND_OK)
        status = strand_path_sync_directory(log->engine->config.fs, log->directory);
    return status == STRAND_OK;
}

/* What a reader takes for durable: what the slot says, and, where nobody writes, what it can make
 * so.
 */
static int64_t
durable_for_reader(struct strand_log *log, const struct strand_frontier_slot *slot)
{
    int64_t durable_end = clamp(slot->durable_end, log->log_start, log->log_end);

    if (durable_end == log->log_end || log->engine->directory.has_writer ||
        !sync_as_reader(log, durable_end))
        return durable_end;
    return log->log_end;
}

/* What is durable: everything recovery kept, for it made it so; for a reader, see above. */
static void
set_positions(struct strand_log *log, const struct strand_recovered_log *recovered,
              const struct strand_frontier_slot *slot, int64_t committed)
{
    bool is_reader = strand_engine_is_read_only(log->engine) && slot != NULL;

    log->log_start = recovered->log_start;
    log->log_end = recovered->log_end;
    if (log->log_end < log->log_start) /* it is quarantined, and nothing of it is there */
        log->log_end = log->log_start;
    log->durable_end = is_reader ? durable_for_reader(log, slot) : log->log_end;
    log->high_watermark = log->durable_end;
    if (log->is_replicated)
        log->high_watermark = clamp(slot != NULL ? slot->high_watermark : committed, log->log_start,
                                    log->durable_end);
    log->wanted_watermark = log->high_watermark;
    log->generation = recovered->generation;
    log->index.first_generation = recovered->generation;
    if (strand_engine_is_read_only(log->engine) || (!recovered->has_cut && log->generation != 0))
        return;
    log->generation = strand_engine_draw_generation(log->engine, log->generation);
    log->index.cut = recovered->has_cut ? log->log_end : INT64_MAX;
    if (recovered->verdict == STRAND_VERDICT_SALVAGED) /* what stood behind the damage has moved */
        log->index.cut = 0;
}

static void
quarantine(struct strand_log *log, const struct strand_recovered_log *recovered)
{
    log->health = STRAND_LOG_QUARANTINED;
    log->corrupt_first = recovered->corrupt_first;
    log->corrupt_next = recovered->corrupt_next;
    strand_mutex_lock(&log->state);
    strand_log_set_reason_locked(log, recovered->reason);
    strand_mutex_unlock(&log->state);
    strand_engine_notice(log->engine, 3, "%s is quarantined: %s", log->name, recovered->reason);
}

/* ---- Ready to serve ---- */

/* A log of this process's own has an epoch to stamp, and a segment to append to. */
static int make_servable(struct strand_log *log) STRAND_REQUIRES(log->commit);

static int
make_servable(struct strand_log *log)
{
    const struct strand_fs *fs = log->engine->config.fs;
    bool is_changed = false;
    int status = STRAND_OK;

    if (!log->is_replicated && strand_leader_epochs_newest(&log->epochs) < 0) {
        status = strand_leader_epochs_assign(&log->epochs, 0, log->log_end, &is_changed);
        if (status == STRAND_OK)
            status = strand_leader_epochs_store(fs, log->directory, &log->epochs);
    }
    if (status == STRAND_OK && log->segment_count == 0)
        status = strand_log_add_segment(log, log->log_end);
    if (status != STRAND_OK)
        return status;
    /* Appends will change the last one. */
    const struct strand_log_segment *last = log->segments[log->segment_count - 1];
    status = strand_kafka_files_remove(fs, log->directory, last->base_offset, log->log_end);
    return status == STRAND_OK ? strand_log_write_slot(log, 0, false) : status;
}

/* The history of a log that begins anew at OFFSET, in memory. */
static int
reset_history(struct strand_log *log, int64_t offset)
{
    int32_t newest = strand_leader_epochs_newest(&log->epochs);
    bool is_changed = false;

    (void)strand_leader_epochs_cut_from_end(&log->epochs, 0, false); /* all of it */
    if (log->is_replicated)
        return STRAND_OK;
    return strand_leader_epochs_assign(&log->epochs, newest < 0 ? 0 : newest, offset, &is_changed);
}

static int finish_reset(struct strand_log *log, int64_t offset) STRAND_REQUIRES(log->commit);

/* A reset had begun when the power went. */
static int
finish_reset(struct strand_log *log, int64_t offset)
{
    log->log_start = offset;
    log->log_end = offset;
    log->durable_end = offset;
    log->high_watermark = offset;
    log->wanted_watermark = offset;
    log->generation = strand_engine_draw_generation(log->engine, log->generation);
    /* Only the newest epoch is of interest, and a damaged file has none. */
    int status = strand_leader_epochs_load(log->engine->config.fs, log->directory, &log->epochs);
    if (status != STRAND_OK && status != STRAND_ERR_NOT_FOUND && status != STRAND_ERR_CORRUPT)
        return status;
    return strand_engine_is_read_only(log->engine) ? reset_history(log, offset)
                                                   : strand_log_finish_reset(log, offset);
}

static int adopt(struct strand_log *log, struct strand_recovered_log *recovered,
                 const struct strand_frontier_slot *slot, int64_t committed)
    STRAND_REQUIRES(log->commit);

static int
adopt(struct strand_log *log, struct strand_recovered_log *recovered,
      const struct strand_frontier_slot *slot, int64_t committed)
{
    if (recovered->must_reset) {
        log->generation = recovered->generation;
        log->may_have_gaps = (log->identity.flags & STRAND_LOG_HAS_GAPS) != 0;
        return finish_reset(log, recovered->log_start);
    }
    int status = strand_log_adopt_segments(log, recovered);
    if (status != STRAND_OK)
        return status;
    struct strand_leader_epochs none = log->epochs;
    log->epochs = recovered->epochs;
    recovered->epochs = none;
    set_positions(log, recovered, slot, committed);
    log->may_have_gaps = (log->identity.flags & STRAND_LOG_HAS_GAPS) != 0 || recovered->has_gaps;
    if (recovered->verdict == STRAND_VERDICT_CORRUPT)
        quarantine(log, recovered);
    if (log->health != STRAND_LOG_HEALTHY || strand_engine_is_read_only(log->engine))
        return STRAND_OK;
    if (recovered->has_gaps && (log->identity.flags & STRAND_LOG_HAS_GAPS) == 0) {
        struct strand_log_identity identity = log->identity;

        identity.flags |= STRAND_LOG_HAS_GAPS;
        status = strand_log_identity_write(log->engine->config.fs, log->directory, &identity);
        if (status == STRAND_OK) /* not before: what is not on disk is written when tried again */
            log->identity = identity;
    }
    log->may_have_gaps = (log->identity.flags & STRAND_LOG_HAS_GAPS) != 0;
    if (status != STRAND_OK || recovered->verdict == STRAND_VERDICT_CLEAN)
        return status;
    return make_servable(log);
}

/* ---- Loading ---- */

static int
recover(struct strand_log *log, const struct strand_frontier_slot *slot,
        struct strand_recovered_log *out_recovered)
{
    struct strand_engine *engine = log->engine;
    struct strand_log_adoption adoption = {.log = log};
    bool must_salvage = engine->config.recovery_policy == STRAND_RECOVER_SALVAGE;
    struct strand_recovery_request request = {
        .fs = engine->config.fs,
        .directory = log->directory,
        .name = log->name,
        .read_only = strand_engine_is_read_only(engine),
        .is_foreign = log->is_new || (engine->directory.is_taken_over && slot == NULL),
        .is_same_boot = engine->directory.is_same_boot,
        .must_salvage = must_salvage,
        .scans_all = must_salvage, /* it is damage that is looked for */
        .identity = &log->identity,
        .slot = slot,
        .clean = strand_clean_marker_find(&engine->directory.clean, log->identity.id),
        .recovery_point = log->kafka.recovery_point,
        .log_start = log->kafka.log_start,
        .visit = strand_log_note_recovered,
        .restart = strand_log_forget_recovered,
        .argument = &adoption,
    };

    int status = strand_log_recover(&request, out_recovered);
    if (status == STRAND_OK && adoption.status != STRAND_OK) {
        strand_recovered_log_deinit(out_recovered);
        status = strand_fail_context(adoption.status, "recover %s", log->name);
    }
    return status;
}

/* Without a frontier, or where a broker was the last writer, there is no slot to believe. */
static const struct strand_frontier_slot *
find_slot(const struct strand_log *log, struct strand_frontier_slot *space)
{
    const struct strand_engine *engine = log->engine;

    if (engine->frontier == NULL || engine->directory.was_kafkas)
        return NULL;
    return strand_frontier_find(engine->frontier, log->identity.id, space) ? space : NULL;
}

/* Begun again from nothing, for another attempt. */
static void
unload(struct strand_log *log)
{
    while (log->segment_count > 0)
        strand_log_segment_release(log->segments[--log->segment_count]);
    strand_leader_epochs_deinit(&log->epochs);
    strand_leader_epochs_init(&log->epochs);
}

/* With the ballast gone where there was no room to save what is to be cut. */
static int
recover_in_any_room(struct strand_log *log, const struct strand_frontier_slot *slot,
                    struct strand_recovered_log *out_recovered)
{
    int status = recover(log, slot, out_recovered);

    if (status != STRAND_OK || !out_recovered->lacks_room ||
        !strand_ballast_release(&log->engine->directory.ballast, STRAND_ERR_NO_SPACE))
        return status;
    strand_recovered_log_deinit(out_recovered);
    unload(log);
    return recover(log, slot, out_recovered);
}

static int load(struct strand_log *log) STRAND_REQUIRES(log->commit);

static int
load(struct strand_log *log)
{
    const struct strand_fs *fs = log->engine->config.fs;
    struct strand_recovered_log recovered = {0};
    struct strand_frontier_slot space;
    int64_t began_ns = fs->monotonic_ns(fs->context);

    const struct strand_frontier_slot *slot = find_slot(log, &space);
    if (slot == NULL && !log->engine->directory.is_taken_over)
        strand_engine_notice(log->engine, 4, "%s: the frontier does not know it%s", log->name,
                             log->is_new ? ", for it has no " STRAND_LOG_IDENTITY_NAME : "");
    int status = recover_in_any_room(log, slot, &recovered);
    if (status != STRAND_OK)
        return status;
    status = adopt(log, &recovered, recovered.is_foreign ? NULL : slot, log->kafka.committed);
    log->first_generation = log->generation;
    if (status == STRAND_OK)
        status =
            strand_log_report_recovered(log, &recovered, fs->monotonic_ns(fs->context) - began_ns);
    strand_recovered_log_deinit(&recovered);
    return status;
}

int
strand_log_recover_loaded(struct strand_log *log)
{
    if (log->health == STRAND_LOG_FAILED)
        return STRAND_OK; /* it has no identity: see strand_log_load() */
    strand_mutex_lock(&log->commit);
    int status = load(log);
    if (strand_ballast_release(&log->engine->directory.ballast, status)) {
        unload(log);
        status = load(log);
    }
    strand_mutex_unlock(&log->commit);
    return status == STRAND_OK || status == STRAND_ERR_NO_MEMORY ? status
                                                                 : strand_log_fail_loading(log);
}

static int identify(struct strand_log *log) STRAND_REQUIRES(log->commit);

static int
identify(struct strand_log *log)
{
    int status = load_identity(log, &log->is_new);

    if (strand_ballast_release(&log->engine->directory.ballast, status))
        status = load_identity(log, &log->is_new);
    log->is_replicated = (log->identity.flags & STRAND_LOG_IS_REPLICATED) != 0;
    return status;
}

int
strand_log_load(struct strand_engine *engine, const char *topic, int32_t partition,
                const struct strand_kafka_offsets *kafka, struct strand_log **out_log)
{
    struct strand_log *log = NULL;

    int status = strand_log_object_create(engine, topic, partition, &log);
    if (status != STRAND_OK)
        return status;
    log->kafka = *kafka;
    strand_mutex_lock(&log->commit);
    status = identify(log);
    strand_mutex_unlock(&log->commit);
    if (status != STRAND_OK && status != STRAND_ERR_NO_MEMORY)
        status = strand_log_fail_loading(log);
    if (status != STRAND_OK) {
        strand_log_object_destroy(log);
        return status;
    }
    *out_log = log;
    return STRAND_OK;
}
