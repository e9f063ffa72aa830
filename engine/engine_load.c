/* engine/engine_load.c -- Every partition directory of the data directory becomes a log.
 *
 * One after the other get an object and an identity, what a crash left half deleted is removed;
 * then the frontier is made durable, and all of them are recovered by it, several at once.  After
 * the last one the frontier is synced again and DATA itself, once for all: what recovery decided is
 * durable before anything is served.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "engine/engine_internal.h"
#include "engine/log_internal.h"
#include "recovery/checkpoint.h"
#include "recovery/frontier.h"
#include "recovery/log_recovery.h"
#include "storage/topic_name.h"
#include "strandline/fs.h"

/* Kafka's three text files, loaded once. */
struct kafka_files {
    struct strand_checkpoint recovery_points;
    struct strand_checkpoint log_starts;
    struct strand_checkpoint committed;
};

/* A missing file says nothing; nor does a damaged one, for it is only a fallback. */
static int
load_text_file(struct strand_engine *engine, const char *name, struct strand_checkpoint *checkpoint)
{
    int status =
        strand_checkpoint_load(engine->config.fs, engine->directory.path, name, checkpoint);

    if (status == STRAND_ERR_CORRUPT) {
        strand_engine_notice(engine, 4, "%s; it is not used", strand_error_message());
        strand_checkpoint_deinit(checkpoint);
        strand_checkpoint_init(checkpoint);
    }
    return status == STRAND_ERR_CORRUPT || status == STRAND_ERR_NOT_FOUND ? STRAND_OK : status;
}

static int
load_kafka_files(struct strand_engine *engine, struct kafka_files *files)
{
    strand_checkpoint_init(&files->recovery_points);
    strand_checkpoint_init(&files->log_starts);
    strand_checkpoint_init(&files->committed);
    int status = load_text_file(engine, STRAND_RECOVERY_POINT_NAME, &files->recovery_points);
    if (status == STRAND_OK)
        status = load_text_file(engine, STRAND_LOG_START_NAME, &files->log_starts);
    if (status == STRAND_OK)
        status = load_text_file(engine, STRAND_COMMITTED_NAME, &files->committed);
    return status;
}

static void
free_kafka_files(struct kafka_files *files)
{
    strand_checkpoint_deinit(&files->recovery_points);
    strand_checkpoint_deinit(&files->log_starts);
    strand_checkpoint_deinit(&files->committed);
}

static int
load_log(struct strand_engine *engine, const char *topic, int32_t partition,
         const struct kafka_files *files)
{
    struct strand_kafka_offsets kafka = {0, 0, -1};
    struct strand_log *log = NULL;

    (void)strand_checkpoint_get(&files->recovery_points, topic, partition, &kafka.recovery_point);
    (void)strand_checkpoint_get(&files->log_starts, topic, partition, &kafka.log_start);
    (void)strand_checkpoint_get(&files->committed, topic, partition, &kafka.committed);
    int status = strand_log_load(engine, topic, partition, &kafka, &log);
    if (status != STRAND_OK)
        return status;
    status = strand_engine_register(engine, log);
    if (status != STRAND_OK)
        strand_log_object_destroy(log);
    return status;
}

/* What is left of a deleted log can wait: it is nobody's. */
static void
remove_deleted(struct strand_engine *engine, const char *path)
{
    if (!strand_engine_is_read_only(engine) &&
        strand_path_remove_tree(engine->config.fs, path) != STRAND_OK)
        strand_engine_notice(engine, 4, "what is left of a deleted log stays: %s",
                             strand_error_message());
}

/* A directory that cannot be looked at is a log that has failed. */
static int
load_entry(struct strand_engine *engine, const char *name, const struct kafka_files *files)
{
    char path[STRAND_PATH_SIZE_MAX];
    char topic[STRAND_TOPIC_NAME_SIZE_MAX + 1];
    int32_t partition;
    int kind = 0;

    int status = strand_path_join(path, engine->directory.path, name);
    if (status != STRAND_OK)
        return status;
    if (strand_path_kind(engine->config.fs, path, &kind) == STRAND_OK &&
        kind != STRAND_FS_DIRECTORY)
        return STRAND_OK;
    if (strand_partition_name_is_deleted(name)) {
        remove_deleted(engine, path);
        return STRAND_OK;
    }
    if (strand_partition_name_is_set_aside(name) ||
        !strand_partition_name_parse(name, topic, &partition))
        return STRAND_OK;
    return load_log(engine, topic, partition, files);
}

/* ---- What a broker has written since ---- */

/* A broker that was killed leaves no marker.  The slot of a log that it has written is void; the
 * one witness of that goes when the log is changed, so the slot goes first. */
static int
void_slot_if_foreign(struct strand_engine *engine, const struct strand_log *log)
{
    struct strand_frontier_slot slot;
    bool is_foreign = false;

    if (log->health == STRAND_LOG_FAILED ||
        !strand_frontier_find(engine->frontier, log->identity.id, &slot))
        return STRAND_OK;
    int status = strand_log_is_foreign(engine->config.fs, log->directory, &is_foreign);
    if (status != STRAND_OK || !is_foreign)
        return STRAND_OK; /* what cannot be read fails the log when it is recovered */
    strand_engine_notice(engine, 5, "%s: a broker was its last writer", log->name);
    status = strand_data_directory_begin_takeover(&engine->directory);
    return status == STRAND_OK ? strand_frontier_remove(engine->frontier, log->identity.id)
                               : status;
}

static int
sync_frontier(struct strand_engine *engine)
{
    int status = strand_frontier_sync(engine->frontier);

    if (strand_ballast_release(&engine->directory.ballast, status))
        status = strand_frontier_sync(engine->frontier);
    return status;
}

static int
renew_frontier(struct strand_engine *engine)
{
    int status = strand_frontier_renew(engine->frontier);

    if (strand_ballast_release(&engine->directory.ballast, status))
        status = strand_frontier_renew(engine->frontier);
    return status;
}

/* Slots that recovery may act upon.  In the same boot they may be in the cache alone, or be what a
 * failed sync has left there; what recovery changes because of a slot must not outlive it.  Before
 * a clean marker was written they were durable. */
static int
make_slots_durable(struct strand_engine *engine)
{
    int status = STRAND_OK;

    if (engine->directory.is_same_boot && engine->directory.clean.count == 0)
        status = renew_frontier(engine);
    for (size_t i = 0; status == STRAND_OK && i < engine->log_count; i++) {
        status = void_slot_if_foreign(engine, engine->logs[i]);
        if (strand_ballast_release(&engine->directory.ballast, status))
            status = void_slot_if_foreign(engine, engine->logs[i]);
    }
    return status == STRAND_OK ? sync_frontier(engine) : status;
}

/* ---- Recovering ---- */

/* Logs are taken one by one by whoever is free.  A failure stops the rest. */
struct recovery_work {
    struct strand_engine *engine;
    struct strand_mutex lock; /* guards all below, and is held while progress is told */
    size_t next;
    uint32_t done;
    int64_t bytes_read;
    int status;
    char sentence[STRAND_ERROR_MESSAGE_SIZE_MAX];
};

/* NULL: there is none left. */
static struct strand_log *
take_next(struct recovery_work *work)
{
    struct strand_log *log = NULL;

    strand_mutex_lock(&work->lock);
    if (work->status == STRAND_OK && work->next < work->engine->log_count)
        log = work->engine->logs[work->next++];
    strand_mutex_unlock(&work->lock);
    return log;
}

static void
note_done(struct recovery_work *work, const struct strand_log *log, int status)
{
    const struct strand_engine_config *config = &work->engine->config;

    strand_mutex_lock(&work->lock);
    if (status != STRAND_OK && work->status == STRAND_OK) {
        work->status = status;
        (void)snprintf(work->sentence, sizeof work->sentence, "%s", strand_error_message());
    }
    work->done++;
    if (log->report != NULL)
        work->bytes_read += log->report->bytes_read;
    if (config->progress != NULL)
        config->progress(config->progress_context, work->done, (uint32_t)work->engine->log_count,
                         work->bytes_read);
    strand_mutex_unlock(&work->lock);
}

static void
recover_logs(void *argument)
{
    struct recovery_work *work = argument;
    struct strand_log *log;

    while ((log = take_next(work)) != NULL)
        note_done(work, log, strand_log_recover_loaded(log));
}

/* Helpers that cannot be started are not missed: this thread does the work, too. */
static int
recover_all(struct strand_engine *engine)
{
    struct strand_thread helpers[STRAND_THREADS_MAX];
    struct recovery_work work = {.engine = engine, .status = STRAND_OK};
    size_t wanted = engine->config.recovery_threads;
    size_t count = 0;

    if (wanted > engine->log_count)
        wanted = engine->log_count;
    if ((engine->config.flags & STRAND_ENGINE_NO_THREADS) != 0)
        wanted = 1;
    strand_mutex_init(&work.lock);
    while (count + 1 < wanted &&
           strand_thread_start(&helpers[count], "strand-recover", recover_logs, &work) == STRAND_OK)
        count++;
    recover_logs(&work);
    while (count > 0)
        strand_thread_join(&helpers[--count]);
    strand_mutex_deinit(&work.lock);
    return work.status == STRAND_OK ? STRAND_OK : strand_fail(work.status, "%s", work.sentence);
}

/* Nobody else knows the engine yet: its logs are looked at without their locks. */
static bool
is_all_healthy(const struct strand_engine *engine)
{
    for (size_t i = 0; i < engine->log_count; i++)
        if (engine->logs[i]->health != STRAND_LOG_HEALTHY)
            return false;
    return true;
}

static bool
is_all_clean(const struct strand_engine *engine)
{
    for (size_t i = 0; i < engine->log_count; i++)
        if (engine->logs[i]->report->verdict != STRAND_VERDICT_CLEAN)
            return false;
    return true;
}

static int
refuse_damaged(const struct strand_engine *engine)
{
    for (size_t i = 0; i < engine->log_count; i++)
        if (engine->logs[i]->report->verdict == STRAND_VERDICT_CORRUPT)
            return strand_fail(STRAND_ERR_CORRUPT, "open %s: %s is damaged: %s",
                               engine->directory.path, engine->logs[i]->name,
                               strand_log_reason(engine->logs[i]));
    return STRAND_OK;
}

static int
make_durable(struct strand_engine *engine)
{
    int status = is_all_clean(engine) ? STRAND_OK : sync_frontier(engine);

    if (status == STRAND_OK)
        status = strand_path_sync_directory(engine->config.fs, engine->directory.path);
    if (status == STRAND_OK && engine->directory.is_taken_over && is_all_healthy(engine))
        status = strand_data_directory_end_takeover(&engine->directory);
    strand_ballast_take(&engine->directory.ballast);
    return status;
}

/* Does a text file name a log that is not there? */
static bool
names_strangers(const struct strand_engine *engine, const struct strand_checkpoint *checkpoint)
{
    for (size_t i = 0; i < checkpoint->count; i++)
        if (strand_engine_find(engine, checkpoint->entries[i].topic,
                               checkpoint->entries[i].partition) == NULL)
            return true;
    return false;
}

static void
note_strangers(struct strand_engine *engine, const struct kafka_files *files)
{
    if (names_strangers(engine, &files->recovery_points) ||
        names_strangers(engine, &files->log_starts) || names_strangers(engine, &files->committed))
        atomic_store(&engine->checkpointer.names_strangers, true);
}

int
strand_engine_load_logs(struct strand_engine *engine)
{
    struct kafka_files files;
    struct strand_names names = {0};

    int status = load_kafka_files(engine, &files);
    if (status == STRAND_OK)
        status = strand_path_list(engine->config.fs, engine->directory.path, &names);
    for (size_t i = 0; status == STRAND_OK && i < names.count; i++)
        status = load_entry(engine, names.names[i], &files);
    if (status == STRAND_OK)
        note_strangers(engine, &files);
    strand_names_free(&names);
    free_kafka_files(&files);
    if (status == STRAND_OK && !strand_engine_is_read_only(engine))
        status = make_slots_durable(engine);
    if (status == STRAND_OK)
        status = recover_all(engine);
    if (status == STRAND_OK && engine->config.recovery_policy == STRAND_RECOVER_REFUSE)
        status = refuse_damaged(engine);
    return status == STRAND_OK && !strand_engine_is_read_only(engine) ? make_durable(engine)
                                                                      : status;
}

/* ---- The report ---- */

int
strand_engine_recovery_report(struct strand_engine *engine, strand_recovery_visit_fn *visit,
                              void *context)
{
    int status = strand_engine_check(engine);

    if (status == STRAND_OK && visit == NULL)
        status = strand_fail(STRAND_ERR_INVALID, "report recovery: no function was given");
    if (status != STRAND_OK)
        return status;
    strand_mutex_lock(&engine->registry);
    for (size_t i = 0; i < engine->log_count && status == STRAND_OK; i++)
        if (engine->logs[i]->report != NULL) /* never changes while the log is registered */
            status = visit(context, engine->logs[i]->report);
    strand_mutex_unlock(&engine->registry);
    return status;
}
