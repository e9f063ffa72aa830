/* engine/engine_load.c -- Every partition directory of the data directory becomes a log.
 *
 * What a crash left half deleted is removed first.  After the last log the frontier is synced and
 * DATA itself, once for all: what recovery decided is durable before anything is served.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "engine/engine_internal.h"
#include "engine/log_internal.h"
#include "recovery/checkpoint.h"
#include "recovery/frontier.h"
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
    if (status != STRAND_OK && status != STRAND_ERR_NO_MEMORY)
        status = strand_log_create_failed(engine, topic, partition, &log);
    if (status != STRAND_OK)
        return status;
    status = strand_engine_register(engine, log);
    if (status != STRAND_OK)
        strand_log_object_destroy(log);
    return status;
}

static int
load_entry(struct strand_engine *engine, const char *name, const struct kafka_files *files)
{
    const struct strand_fs *fs = engine->config.fs;
    char path[STRAND_PATH_SIZE_MAX];
    char topic[STRAND_TOPIC_NAME_SIZE_MAX + 1];
    int32_t partition;
    int kind = 0;

    int status = strand_path_join(path, engine->directory.path, name);
    if (status == STRAND_OK)
        status = strand_path_kind(fs, path, &kind);
    if (status != STRAND_OK || kind != STRAND_FS_DIRECTORY)
        return status;
    if (strand_partition_name_is_deleted(name))
        return strand_engine_is_read_only(engine) ? STRAND_OK : strand_path_remove_tree(fs, path);
    if (strand_partition_name_is_set_aside(name) ||
        !strand_partition_name_parse(name, topic, &partition))
        return STRAND_OK;
    return load_log(engine, topic, partition, files);
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

static int
make_durable(struct strand_engine *engine)
{
    if (strand_engine_is_read_only(engine))
        return STRAND_OK;
    int status = strand_frontier_sync(engine->frontier);
    if (status == STRAND_OK)
        status = strand_path_sync_directory(engine->config.fs, engine->directory.path);
    if (status == STRAND_OK && engine->directory.is_taken_over && is_all_healthy(engine))
        status = strand_data_directory_end_takeover(&engine->directory);
    return status;
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
    strand_names_free(&names);
    free_kafka_files(&files);
    return status == STRAND_OK ? make_durable(engine) : status;
}
