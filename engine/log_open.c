/* engine/log_open.c -- A log comes into being: created on disk, or recovered from it; and goes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/fork_guard.h"
#include "engine/log_internal.h"
#include "engine/log_prepare.h"
#include "recovery/checkpoint.h"
#include "recovery/log_recovery.h"
#include "storage/batch.h"
#include "storage/segment.h"
#include "storage/topic_name.h"
#include "strandline/fs.h"

/* ---- The object ---- */

static void
init_object(struct strand_log *log, struct strand_engine *engine, int32_t partition)
{
    log->engine = engine;
    log->partition = partition;
    log->corrupt_first = -1;
    log->corrupt_next = -1;
    strand_mutex_init(&log->commit);
    strand_mutex_init(&log->append);
    strand_mutex_init(&log->state);
    strand_condition_init(&log->gate_opened);
    strand_condition_init(&log->changed);
    strand_condition_init(&log->written);
    strand_log_gather_init(&log->gather);
    strand_log_stage_init(&log->stage);
    log->round_end = -1;
    strand_log_index_init(&log->index);
    strand_leader_epochs_init(&log->epochs);
}

int
strand_log_object_create(struct strand_engine *engine, const char *topic, int32_t partition,
                         struct strand_log **out_log)
{
    char name[STRAND_FILE_NAME_SIZE_MAX];
    char directory[STRAND_PATH_SIZE_MAX];

    int status = strand_partition_name_format(topic, partition, name);
    if (status == STRAND_OK)
        status = strand_path_join(directory, engine->directory.path, name);
    if (status != STRAND_OK)
        return status;
    struct strand_log *log = calloc(1, sizeof *log);
    if (log == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "open %s: out of memory", name);
    init_object(log, engine, partition);
    log->topic = strdup(topic);
    log->name = strdup(name);
    log->directory = strdup(directory);
    status = strand_log_config_init(NULL, &log->config);
    if (status == STRAND_OK && (log->topic == NULL || log->name == NULL || log->directory == NULL))
        status = strand_fail(STRAND_ERR_NO_MEMORY, "open %s: out of memory", name);
    if (status != STRAND_OK) {
        strand_log_object_destroy(log);
        return status;
    }
    *out_log = log;
    return STRAND_OK;
}

void
strand_log_object_destroy(struct strand_log *log)
{
    if (log == NULL)
        return;
    strand_log_preparation_destroy(log->preparation);
    for (size_t i = log->segment_count; i-- > 0;)
        strand_log_segment_release(log->segments[i]);
    free(log->segments);
    free(log->cuts);
    strand_leader_epochs_deinit(&log->epochs);
    if (log->report != NULL)
        free((char *)(uintptr_t)log->report->reason);
    free(log->report);
    free(log->reason);
    strand_log_stage_deinit(&log->stage);
    strand_log_gather_deinit(&log->gather);
    strand_condition_deinit(&log->written);
    strand_condition_deinit(&log->changed);
    strand_condition_deinit(&log->gate_opened);
    strand_mutex_deinit(&log->state);
    strand_mutex_deinit(&log->append);
    strand_mutex_deinit(&log->commit);
    free(log->directory);
    free(log->name);
    free(log->topic);
    free(log);
}

/* ---- Creating ---- */

/* A new segment file at offset 0 of a directory that is not a log yet. */
static int
create_first_segment(const struct strand_fs *fs, const char *directory)
{
    struct strand_segment *segment = NULL;

    int status = strand_segment_create(fs, directory, 0, 0, &segment);
    if (status != STRAND_OK)
        return status;
    status = strand_file_sync_all(&segment->file);
    int closed = strand_segment_close(segment);
    return status != STRAND_OK ? status : closed;
}

static int
store_first_epoch(struct strand_log *log, const char *directory)
{
    bool is_changed = false;
    int status = STRAND_OK;

    if (!log->is_replicated) /* a follower learns its epochs from its leader's batches */
        status = strand_leader_epochs_assign(&log->epochs, 0, 0, &is_changed);
    return status == STRAND_OK
               ? strand_leader_epochs_store(log->engine->config.fs, directory, &log->epochs)
               : status;
}

/* Everything a log consists of, in the directory PATH, which nobody takes for a log yet. */
static int
fill_directory(struct strand_log *log, const char *path)
{
    const struct strand_fs *fs = log->engine->config.fs;

    int status = strand_path_make_directory(fs, path);
    if (status == STRAND_OK)
        status = strand_log_identity_write(fs, path, &log->identity);
    if (status == STRAND_OK)
        status = store_first_epoch(log, path);
    if (status == STRAND_OK)
        status = create_first_segment(fs, path);
    return status == STRAND_OK ? strand_path_sync_directory(fs, path) : status;
}

/* Take back a creation that failed.  Where a power cut may bring its last name back, all of it
 * stays, slot included: a log is whole or not there. */
static void
undo_creation(struct strand_log *log, const char *path, bool is_renamed)
{
    const struct strand_fs *fs = log->engine->config.fs;

    if (is_renamed && (strand_path_rename(fs, log->directory, path) != STRAND_OK ||
                       strand_path_sync_directory(fs, log->engine->directory.path) != STRAND_OK))
        return;
    (void)strand_path_remove_tree(fs, path); /* tidying: what stays is removed at the next open */
    (void)strand_frontier_remove(log->engine->frontier, log->identity.id);
}

static int create_on_disk(struct strand_log *log) STRAND_REQUIRES(log->commit);

/* Slot first, then the directory under a name that is deleted at the next open, then its real name:
 * a log that is there has a slot, and one that was not finished is not there. */
static int
create_on_disk(struct strand_log *log)
{
    const struct strand_fs *fs = log->engine->config.fs;
    char name[STRAND_FILE_NAME_SIZE_MAX];
    char path[STRAND_PATH_SIZE_MAX];

    strand_partition_name_for_delete(log->name, log->identity.id, name);
    int status = strand_path_join(path, log->engine->directory.path, name);
    if (status != STRAND_OK)
        return status;
    status = strand_log_write_slot(log, 0, true);
    if (status == STRAND_OK)
        status = fill_directory(log, path);
    if (status == STRAND_OK)
        status = strand_path_rename(fs, path, log->directory);
    bool is_renamed = status == STRAND_OK;
    if (status == STRAND_OK)
        status = strand_path_sync_directory(fs, log->engine->directory.path);
    if (status != STRAND_OK) {
        char sentence[STRAND_ERROR_MESSAGE_SIZE_MAX];
        (void)snprintf(sentence, sizeof sentence, "%s", strand_error_message());
        undo_creation(log, path, is_renamed);
        return strand_fail(status, "%s", sentence);
    }
    return STRAND_OK;
}

/* The one segment of a new log, as an object. */
static int
adopt_first_segment(struct strand_log *log)
{
    struct strand_log_segment *segment = NULL;

    int status = strand_log_segment_create(log, 0, &segment);
    if (status != STRAND_OK)
        return status;
    segment->name_is_durable = true;
    strand_mutex_lock(&log->state);
    status = strand_log_reserve_segments_locked(log);
    if (status == STRAND_OK)
        strand_log_list_segment_locked(log, segment);
    strand_mutex_unlock(&log->state);
    if (status != STRAND_OK)
        strand_log_segment_release(segment);
    return status;
}

int
strand_log_create(struct strand_engine *engine, const char *topic, int32_t partition,
                  bool is_replicated, struct strand_log **out_log)
{
    struct strand_log *log = NULL;

    int status = strand_log_object_create(engine, topic, partition, &log);
    if (status != STRAND_OK)
        return status;
    log->is_replicated = is_replicated;
    log->generation = strand_engine_draw_generation(engine, 0);
    log->first_generation = log->generation;
    strand_mutex_lock(&log->commit);
    status = strand_log_identity_create(
        engine->config.fs, is_replicated ? STRAND_LOG_IS_REPLICATED : 0, &log->identity);
    if (status == STRAND_OK)
        status = adopt_first_segment(log);
    if (status == STRAND_OK)
        status = create_on_disk(log);
    strand_mutex_unlock(&log->commit);
    if (status != STRAND_OK) {
        strand_log_object_destroy(log);
        return strand_fail_context(status, "create %s-%" PRId32, topic, partition);
    }
    *out_log = log;
    return STRAND_OK;
}

/* ---- Handles ---- */

static bool
is_same_config(const struct strand_log_config *a, const struct strand_log_config *b)
{
    return a->segment_bytes == b->segment_bytes && a->segment_ms == b->segment_ms &&
           a->max_message_bytes == b->max_message_bytes && a->timestamp_type == b->timestamp_type &&
           a->codec == b->codec && a->gzip_level == b->gzip_level && a->lz4_level == b->lz4_level &&
           a->zstd_level == b->zstd_level;
}

/* The first handle's options count; later ones may only confirm them. */
static int
take_handle(struct strand_log *log, const struct strand_log_options *options,
            const struct strand_log_config *config)
{
    int status = STRAND_OK;

    strand_mutex_lock(&log->state);
    if (log->handle_count == 0)
        log->config = *config;
    else if (options != NULL && !is_same_config(&log->config, config))
        status =
            strand_fail(STRAND_ERR_INVALID, "open %s: it is open with other options", log->name);
    if (status == STRAND_OK)
        log->handle_count++;
    strand_mutex_unlock(&log->state);
    return status;
}

/* Nothing is appended yet: the last segment stays the last. */
static void
prepare_appending(struct strand_log *log)
{
    strand_mutex_lock(&log->state);
    bool is_writable =
        log->health == STRAND_LOG_HEALTHY && !strand_engine_is_read_only(log->engine);
    struct strand_log_segment *last =
        log->segment_count > 0 ? log->segments[log->segment_count - 1] : NULL;
    bool is_first = log->handle_count == 1;
    strand_mutex_unlock(&log->state);
    if (!is_writable || !is_first || last == NULL)
        return;
    if (!strand_log_index_learn(last))
        strand_log_segment_learn_first_time(last);
}

/* Find or create; registry lock held. */
static int
find_or_create(struct strand_engine *engine, const char *topic, int32_t partition, uint32_t flags,
               struct strand_log **out_log)
{
    struct strand_log *log = strand_engine_find(engine, topic, partition);

    if (log != NULL && (flags & STRAND_LOG_EXCLUSIVE) != 0)
        return strand_fail(STRAND_ERR_EXISTS, "create %s: it exists", log->name);
    if (log == NULL && ((flags & STRAND_LOG_MUST_EXIST) != 0 || strand_engine_is_read_only(engine)))
        return strand_fail(STRAND_ERR_NOT_FOUND, "open %s-%" PRId32 ": there is no such log", topic,
                           partition);
    if (log == NULL) {
        int status = strand_engine_check_new_topic(engine, topic);
        if (status == STRAND_OK && strand_checkpointer_names_strangers(engine))
            status = strand_checkpointer_write_registered(engine); /* before it lends its offsets */
        if (status == STRAND_OK)
            status = strand_log_create(engine, topic, partition,
                                       (flags & STRAND_LOG_REPLICATED) != 0, &log);
        if (status != STRAND_OK)
            return status;
        status = strand_engine_register(engine, log);
        if (status != STRAND_OK) {
            strand_log_object_destroy(log);
            return status;
        }
    }
    *out_log = log;
    return STRAND_OK;
}

int
strand_log_open(struct strand_engine *engine, const char *topic, int32_t partition,
                const struct strand_log_options *options, struct strand_log **out_log)
{
    const uint32_t known = STRAND_LOG_MUST_EXIST | STRAND_LOG_EXCLUSIVE | STRAND_LOG_REPLICATED;
    uint32_t flags = options != NULL ? options->flags : 0;
    struct strand_log_config config;
    struct strand_log *log = NULL;
    char name[STRAND_FILE_NAME_SIZE_MAX];

    int status = strand_engine_check(engine);
    if (status == STRAND_OK && (topic == NULL || out_log == NULL))
        status = strand_fail(STRAND_ERR_INVALID, "open a log: no %s was given",
                             topic == NULL ? "topic" : "place for the log");
    if (status == STRAND_OK)
        status = strand_partition_name_format(topic, partition, name);
    if (status == STRAND_OK)
        status = strand_log_config_init(options, &config);
    if (status == STRAND_OK && (flags & ~known) != 0)
        status = strand_fail(STRAND_ERR_INVALID, "open %s: unknown flags 0x%" PRIx32, name,
                             flags & ~known);
    if (status != STRAND_OK)
        return status;

    strand_mutex_lock(&engine->registry);
    status = find_or_create(engine, topic, partition, flags, &log);
    if (status == STRAND_OK)
        status = take_handle(log, options, &config);
    if (status == STRAND_OK)
        prepare_appending(log);
    strand_mutex_unlock(&engine->registry);
    if (status == STRAND_OK)
        *out_log = log;
    return status;
}

int
strand_log_close(struct strand_log *log)
{
    int status = STRAND_OK;

    if (log == NULL || strand_fork_guard_is_child(log->engine->fork_guard))
        return STRAND_OK;
    strand_mutex_lock(&log->state);
    if (log->handle_count == 1 && log->pin_count > 0)
        status = strand_fail(STRAND_ERR_BUSY, "close %s: %" PRIu32 " cursors or fetches are open",
                             log->name, log->pin_count);
    else
        log->handle_count--;
    strand_mutex_unlock(&log->state);
    return status;
}

/* What the clean marker says of a log of which everything is durable. */
static struct strand_clean_entry
clean_entry_of(struct strand_log *log)
{
    struct strand_clean_entry entry = {.newest_epoch = -1};

    memcpy(entry.id, log->identity.id, sizeof entry.id);
    strand_mutex_lock(&log->state);
    const struct strand_log_segment *last = log->segments[log->segment_count - 1];
    entry.generation = log->generation;
    entry.log_start = log->log_start;
    entry.log_end = log->log_end;
    entry.active_base_offset = last->base_offset;
    entry.active_size = last->size;
    entry.segment_count = (uint32_t)log->segment_count;
    entry.newest_epoch = strand_leader_epochs_newest(&log->epochs);
    strand_mutex_unlock(&log->state);
    return entry;
}

static int finish_healthy(struct strand_log *log) STRAND_REQUIRES(log->commit);

/* What opening would remove goes before the marker describes the rest: a segment that was the last
 * one when the log start passed it, and epochs of batches that never came.  The slot is written
 * also where nothing was appended: the high watermark of a replicated log moves between rounds. */
static int
finish_healthy(struct strand_log *log)
{
    int status = strand_log_commit_locked(log);

    if (status == STRAND_OK)
        status = strand_log_unprepare(log);
    if (status == STRAND_OK)
        status = strand_log_drop_trimmed(log);
    if (status == STRAND_OK && log->is_replicated)
        status = strand_log_learn_epochs(log, NULL, 0);
    return status == STRAND_OK && log->is_replicated ? strand_log_write_slot(log, 0, false)
                                                     : status;
}

int
strand_log_finish(struct strand_log *log, struct strand_clean_entry *out_entry, bool *out_is_clean)
{
    strand_mutex_lock(&log->state);
    log->is_closing = true;
    bool is_healthy = log->health == STRAND_LOG_HEALTHY;
    int status = log->health == STRAND_LOG_FAILED ? strand_log_unhealthy_locked(log) : STRAND_OK;
    strand_mutex_unlock(&log->state);
    if (is_healthy) {
        strand_mutex_lock(&log->commit);
        status = finish_healthy(log);
        if (status == STRAND_OK)
            *out_entry = clean_entry_of(log);
        strand_mutex_unlock(&log->commit);
    }
    *out_is_clean = is_healthy && status == STRAND_OK;
    strand_mutex_lock(&log->state);
    strand_log_wake_all_locked(log);
    strand_mutex_unlock(&log->state);
    return status;
}
