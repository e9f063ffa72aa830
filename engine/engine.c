/* engine/engine.c -- Open, close, list, delete; health; the registry of logs. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buffer_pool.h"
#include "base/error.h"
#include "base/fork_guard.h"
#include "engine/engine_internal.h"
#include "engine/log_internal.h"
#include "recovery/frontier.h"
#include "storage/compression.h"
#include "storage/topic_name.h"
#include "strandline/fs.h"

/* ---- Small things that everybody asks ---- */

int
strand_engine_check(const struct strand_engine *engine)
{
    if (engine == NULL)
        return strand_fail(STRAND_ERR_INVALID, "no engine was given");
    if (strand_fork_guard_is_child(engine->fork_guard))
        return strand_fail(STRAND_ERR_FORKED,
                           "%s was opened by the parent of this process: open it here",
                           engine->directory.path);
    return STRAND_OK;
}

int64_t
strand_engine_wall_clock_ms(const struct strand_engine *engine)
{
    return engine->config.fs->wall_clock_ns(engine->config.fs->context) / 1000000;
}

uint64_t
strand_engine_draw_generation(const struct strand_engine *engine, uint64_t last)
{
    int64_t now = engine->config.fs->wall_clock_ns(engine->config.fs->context);

    return now > 0 && (uint64_t)now > last ? (uint64_t)now : last + 1;
}

void
strand_engine_notice(const struct strand_engine *engine, int level, const char *format, ...)
{
    char text[STRAND_ERROR_MESSAGE_SIZE_MAX];
    va_list args;

    if (engine->config.notice == NULL)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    engine->config.notice(engine->config.notice_context, level, text);
}

/* ---- Opening and closing ---- */

/* Free everything but the logs' durable state; accepts an engine that is half open. */
static int
destroy(struct strand_engine *engine)
{
    for (size_t i = 0; i < engine->log_count; i++)
        strand_log_object_destroy(engine->logs[i]);
    free(engine->logs);
    int status = strand_frontier_close(engine->frontier);
    strand_indexer_deinit(&engine->indexer); /* whoever has the lock may open the index */
    int closed = strand_data_directory_close(&engine->directory);
    strand_buffer_pool_destroy(engine->buffers);
    strand_codec_pool_destroy(engine->codecs);
    strand_fork_guard_destroy(engine->fork_guard);
    strand_preparer_deinit(&engine->preparer);
    strand_committer_deinit(&engine->committer);
    strand_checkpointer_deinit(&engine->checkpointer);
    strand_segment_cache_deinit(&engine->cache);
    strand_mutex_deinit(&engine->registry);
    free(engine);
    return status != STRAND_OK ? status : closed;
}

static uint32_t
descriptor_budget(const struct strand_engine_config *config)
{
    if (config->descriptor_budget != 0)
        return config->descriptor_budget;
    int64_t half = config->fs->descriptor_limit(config->fs->context) / 2;
    if (half < STRAND_DESCRIPTOR_BUDGET_MIN)
        return STRAND_DESCRIPTOR_BUDGET_MIN;
    return half > INT32_MAX ? INT32_MAX : (uint32_t)half;
}

static int
create_parts(struct strand_engine *engine)
{
    strand_mutex_init(&engine->registry);
    strand_segment_cache_init(&engine->cache, descriptor_budget(&engine->config));
    strand_committer_init(&engine->committer, engine);
    strand_preparer_init(&engine->preparer, engine);
    strand_indexer_init(&engine->indexer, engine);
    strand_checkpointer_init(&engine->checkpointer);
    int status = strand_fork_guard_create(&engine->fork_guard);
    if (status == STRAND_OK)
        status = strand_buffer_pool_create(STRAND_POOLED_BUFFERS_MAX, STRAND_POOLED_BUFFER_SIZE_MAX,
                                           &engine->buffers);
    return status == STRAND_OK ? strand_codec_pool_create(&engine->codecs) : status;
}

static int
open_directory(struct strand_engine *engine, const char *path)
{
    const struct strand_fs *fs = engine->config.fs;
    int64_t bad_slots = 0;

    int status = strand_data_directory_open(fs, path, engine->config.flags, &engine->directory);
    if (status == STRAND_OK)
        status =
            strand_frontier_open(fs, engine->directory.path, !strand_engine_is_read_only(engine),
                                 &engine->frontier, &bad_slots);
    if (status == STRAND_OK && strand_engine_is_read_only(engine))
        status = strand_data_directory_look_for_writer(&engine->directory);
    if (status == STRAND_OK && bad_slots != 0)
        strand_engine_notice(engine, 4,
                             "%s/%s is damaged (%" PRId64 " slots): what it said is not used",
                             engine->directory.path, STRAND_FRONTIER_NAME, bad_slots);
    return status;
}

static int
start_threads(struct strand_engine *engine)
{
    int status = strand_committer_start(&engine->committer);

    if (status == STRAND_OK)
        status = strand_preparer_start(&engine->preparer);
    return status == STRAND_OK ? strand_indexer_start(&engine->indexer) : status;
}

static void
stop_threads(struct strand_engine *engine)
{
    strand_indexer_stop(&engine->indexer);
    strand_preparer_stop(&engine->preparer);
    strand_committer_stop(&engine->committer);
}

int
strand_engine_open(const char *directory, const struct strand_engine_options *options,
                   struct strand_engine **out_engine)
{
    struct strand_engine_config config;

    if (directory == NULL || directory[0] == '\0' || out_engine == NULL)
        return strand_fail(STRAND_ERR_INVALID, "open an engine: no %s was given",
                           out_engine == NULL ? "place for the engine" : "directory");
    int status = strand_engine_config_init(options, &config);
    if (status != STRAND_OK)
        return status;
    struct strand_engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "open %s: out of memory", directory);
    engine->config = config;
    status = create_parts(engine);
    if (status == STRAND_OK)
        status = open_directory(engine, directory);
    if (status == STRAND_OK)
        status = strand_engine_load_logs(engine);
    if (status == STRAND_OK)
        status = strand_indexer_open(&engine->indexer);
    if (status == STRAND_OK && strand_engine_has_threads(engine))
        status = start_threads(engine);
    if (status != STRAND_OK) {
        stop_threads(engine);
        (void)destroy(engine); /* the failure is recorded; nothing was written since */
        return status;
    }
    *out_engine = engine;
    return STRAND_OK;
}

static int
check_unused(struct strand_engine *engine)
{
    int status = STRAND_OK;

    strand_mutex_lock(&engine->registry);
    for (size_t i = 0; i < engine->log_count && status == STRAND_OK; i++) {
        struct strand_log *log = engine->logs[i];

        strand_mutex_lock(&log->state);
        if (log->handle_count > 0 || log->pin_count > 0)
            status = strand_fail(
                STRAND_ERR_BUSY,
                "close %s: %s has %" PRIu32 " handles and %" PRIu32 " cursors or fetches open",
                engine->directory.path, log->name, log->handle_count, log->pin_count);
        strand_mutex_unlock(&log->state);
    }
    strand_mutex_unlock(&engine->registry);
    return status;
}

/* A close under way: the first failure, with its sentence, is what it returns. */
struct closing {
    struct strand_clean_marker marker;
    int status;
    char sentence[STRAND_ERROR_MESSAGE_SIZE_MAX];
};

static void
note_failure(struct closing *closing, int status)
{
    if (status == STRAND_OK || closing->status != STRAND_OK)
        return;
    closing->status = status;
    (void)snprintf(closing->sentence, sizeof closing->sentence, "%s", strand_error_message());
}

/* Make everything durable that can be. */
static void
finish_logs(struct strand_engine *engine, struct closing *closing)
{
    for (size_t i = 0; i < engine->log_count; i++) {
        struct strand_clean_entry entry;
        bool is_clean = false;

        note_failure(closing, strand_log_finish(engine->logs[i], &entry, &is_clean));
        if (is_clean) /* one that is left out for want of memory is recovered */
            (void)strand_clean_marker_add(&closing->marker, &entry);
    }
}

static int
store_marker(struct strand_engine *engine, struct strand_clean_marker *marker)
{
    const struct strand_fs *fs = engine->config.fs;

    int status = strand_clean_marker_store(fs, engine->directory.path, marker);
    if (strand_ballast_release(&engine->directory.ballast, status)) {
        status = strand_clean_marker_store(fs, engine->directory.path, marker);
        strand_ballast_take(&engine->directory.ballast);
    }
    return status;
}

/* The checkpoint files and the marker, which comes last, spare the next opening work: a failure to
 * write them loses nothing. */
static void
finish(struct strand_engine *engine, struct closing *closing)
{
    finish_logs(engine, closing);
    strand_indexer_close_cleanly(&engine->indexer, &closing->marker);
    int status = strand_frontier_sync(engine->frontier);
    note_failure(closing, status);
    if (status != STRAND_OK)
        return;
    status = strand_checkpointer_write(engine);
    if (status == STRAND_OK)
        status = store_marker(engine, &closing->marker);
    if (status != STRAND_OK)
        strand_engine_notice(engine, 4, "the next opening will recover: %s",
                             strand_error_message());
}

/* In a child mutexes may be held by threads that are not there: nothing else is touched, the memory
 * goes with the process.  But while it has the descriptors the directory stays locked when the
 * parent dies. */
static void
give_up_locks(struct strand_engine *engine)
{
    strand_file_discard(&engine->directory.lock);
    strand_file_discard(&engine->indexer.owner);
}

int
strand_engine_close(struct strand_engine *engine)
{
    struct closing closing = {.status = STRAND_OK};

    if (engine == NULL)
        return STRAND_OK;
    if (strand_fork_guard_is_child(engine->fork_guard)) {
        give_up_locks(engine);
        return STRAND_OK;
    }
    int status = check_unused(engine);
    if (status != STRAND_OK)
        return status;
    stop_threads(engine);
    strand_clean_marker_init(&closing.marker);
    if (!strand_engine_is_read_only(engine))
        finish(engine, &closing);
    strand_clean_marker_deinit(&closing.marker);
    int destroyed = destroy(engine);
    return closing.status != STRAND_OK ? strand_fail(closing.status, "%s", closing.sentence)
                                       : destroyed;
}

/* ---- Work and health ---- */

int
strand_engine_run(struct strand_engine *engine, int64_t *out_next_ms)
{
    int64_t next_ns = -1;

    int status = strand_engine_check(engine);
    if (status != STRAND_OK)
        return status;
    if ((engine->config.flags & STRAND_ENGINE_NO_THREADS) != 0 &&
        !strand_engine_is_read_only(engine)) {
        int64_t prepare_ns = -1;
        int64_t index_ns = -1;

        strand_committer_run(&engine->committer, &next_ns);
        strand_preparer_run(&engine->preparer, &prepare_ns);
        strand_indexer_run(&engine->indexer, &index_ns);
        next_ns = strand_earlier_ns(strand_earlier_ns(next_ns, prepare_ns), index_ns);
    }
    if (out_next_ms == NULL)
        return STRAND_OK;
    if (next_ns < 0) {
        *out_next_ms = -1;
    } else {
        int64_t now_ns = engine->config.fs->monotonic_ns(engine->config.fs->context);
        *out_next_ms = next_ns > now_ns ? (next_ns - now_ns + 999999) / 1000000 : 0;
    }
    return STRAND_OK;
}

int
strand_engine_sync(struct strand_engine *engine)
{
    int status = strand_engine_check(engine);
    if (status != STRAND_OK || strand_engine_is_read_only(engine))
        return status;
    strand_mutex_lock(&engine->registry);
    for (size_t i = 0; i < engine->log_count; i++) {
        struct strand_log *log = engine->logs[i];

        strand_mutex_lock(&log->state);
        bool is_quarantined = log->health == STRAND_LOG_QUARANTINED; /* nothing was appended */
        strand_mutex_unlock(&log->state);
        int committed = is_quarantined ? STRAND_OK : strand_log_commit(log);
        if (committed != STRAND_OK && status == STRAND_OK)
            status = committed;
    }
    if (status == STRAND_OK)
        status = strand_frontier_sync(engine->frontier);
    strand_mutex_unlock(&engine->registry);
    return status;
}

int
strand_engine_checkpoint(struct strand_engine *engine)
{
    int status = strand_engine_sync(engine);

    if (status != STRAND_OK || strand_engine_is_read_only(engine))
        return status;
    return strand_checkpointer_write(engine);
}

int
strand_engine_health(struct strand_engine *engine)
{
    int status = strand_engine_check(engine);
    if (status != STRAND_OK)
        return status;
    strand_mutex_lock(&engine->registry);
    for (size_t i = 0; i < engine->log_count && status == STRAND_OK; i++) {
        struct strand_log *log = engine->logs[i];

        strand_mutex_lock(&log->state);
        if (log->health != STRAND_LOG_HEALTHY)
            status = strand_log_unhealthy_locked(log);
        strand_mutex_unlock(&log->state);
    }
    strand_mutex_unlock(&engine->registry);
    return status;
}

/* ---- Listing and deleting ---- */

/* REASON takes what the visitor may look at while the log goes on. */
static struct strand_log_info
info_of(struct strand_log *log, char reason[STRAND_REASON_SIZE])
{
    strand_mutex_lock(&log->state);
    struct strand_log_info info = {
        .topic = log->topic,
        .partition = log->partition,
        .state = log->health,
        .reason = reason,
        .log_start = log->log_start,
        .high_watermark = log->high_watermark,
        .log_end = log->log_end,
    };
    for (size_t i = 0; i < log->segment_count; i++) { /* runs of one damaged file follow another */
        const struct strand_log_segment *run = log->segments[i];

        info.size_bytes += (uint64_t)(run->size - run->start_position);
        if (i == 0 || run->file_base_offset != log->segments[i - 1]->file_base_offset)
            info.segment_count++;
    }
    (void)snprintf(reason, STRAND_REASON_SIZE, "%s", strand_log_reason(log));
    strand_mutex_unlock(&log->state);
    return info;
}

int
strand_engine_list(struct strand_engine *engine, strand_log_visit_fn *visit, void *context)
{
    char reason[STRAND_REASON_SIZE];

    int status = strand_engine_check(engine);
    if (status == STRAND_OK && visit == NULL)
        status = strand_fail(STRAND_ERR_INVALID, "list logs: no function was given");
    if (status != STRAND_OK)
        return status;
    strand_mutex_lock(&engine->registry);
    for (size_t i = 0; i < engine->log_count && status == STRAND_OK; i++) {
        struct strand_log_info info = info_of(engine->logs[i], reason);

        status = visit(context, &info);
    }
    strand_mutex_unlock(&engine->registry);
    return status;
}

static int
check_deletable(struct strand_log *log)
{
    int status = STRAND_OK;

    strand_mutex_lock(&log->state);
    if (log->handle_count > 0 || log->pin_count > 0)
        status =
            strand_fail(STRAND_ERR_BUSY,
                        "delete %s: %" PRIu32 " handles, %" PRIu32 " cursors or fetches are open",
                        log->name, log->handle_count, log->pin_count);
    strand_mutex_unlock(&log->state);
    return status;
}

/* From here on, unless IS_GOING is false, nobody begins anything with LOG; what the segment cache
 * does with it has ended. */
static void
mark_going(struct strand_log *log, bool is_going)
{
    strand_mutex_lock(&log->commit);
    strand_mutex_lock(&log->state);
    log->is_closing = is_going;
    strand_mutex_unlock(&log->state);
    strand_mutex_unlock(&log->commit);
}

/* Renamed first, so that a power cut leaves all of the log or nothing that is taken for one. */
static int
delete_log(struct strand_engine *engine, struct strand_log *log)
{
    const struct strand_fs *fs = engine->config.fs;
    char name[STRAND_FILE_NAME_SIZE_MAX];
    char path[STRAND_PATH_SIZE_MAX];

    strand_partition_name_for_delete(log->name, log->identity.id, name);
    int status = strand_path_join(path, engine->directory.path, name);
    if (status == STRAND_OK)
        status = check_deletable(log);
    if (status != STRAND_OK)
        return status;
    strand_preparer_forget(&engine->preparer, log); /* both go by the path */
    strand_committer_forget(&engine->committer, log);
    mark_going(log, true);
    strand_indexer_forget(&engine->indexer, log);
    status = strand_path_rename(fs, log->directory, path);
    if (status != STRAND_OK) {
        mark_going(log, false);
        strand_committer_ask_later(&engine->committer, log); /* it stays, with what is unsynced */
        return status;
    }
    strand_engine_unregister(engine, log);
    status = strand_path_sync_directory(fs, engine->directory.path);
    if (status == STRAND_OK)
        status = strand_frontier_remove(engine->frontier, log->identity.id);
    strand_indexer_remove(&engine->indexer, log->identity.id);
    atomic_store(&engine->checkpointer.names_strangers, true);
    strand_checkpointer_note_soon(engine);
    strand_log_object_destroy(log);
    /* What cannot be removed now is removed at the next open. */
    return status == STRAND_OK ? strand_path_remove_tree(fs, path) : status;
}

int
strand_engine_delete_log(struct strand_engine *engine, const char *topic, int32_t partition)
{
    char name[STRAND_FILE_NAME_SIZE_MAX];

    int status = strand_engine_check(engine);
    if (status == STRAND_OK && topic == NULL)
        status = strand_fail(STRAND_ERR_INVALID, "delete a log: no topic was given");
    if (status == STRAND_OK)
        status = strand_partition_name_format(topic, partition, name);
    if (status == STRAND_OK && strand_engine_is_read_only(engine))
        status = strand_fail(STRAND_ERR_READ_ONLY, "delete %s: %s is open read-only", name,
                             engine->directory.path);
    if (status != STRAND_OK)
        return status;

    strand_mutex_lock(&engine->registry);
    struct strand_log *log = strand_engine_find(engine, topic, partition);
    status = log == NULL
                 ? strand_fail(STRAND_ERR_NOT_FOUND, "delete %s: there is no such log", name)
                 : delete_log(engine, log);
    strand_mutex_unlock(&engine->registry);
    return status;
}
