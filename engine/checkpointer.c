/* engine/checkpointer.c -- Collect under the registry lock, write without it. */
#include "engine/checkpointer.h"

#include "base/error.h"
#include "engine/engine_internal.h"
#include "engine/log_internal.h"
#include "recovery/checkpoint.h"
#include "strandline/fs.h"

struct files {
    struct strand_checkpoint recovery_points;
    struct strand_checkpoint committed;
    struct strand_checkpoint log_starts;
};

void
strand_checkpointer_init(struct strand_checkpointer *checkpointer)
{
    strand_mutex_init(&checkpointer->lock);
    atomic_init(&checkpointer->is_due, false);
    atomic_init(&checkpointer->is_due_soon, false);
    atomic_init(&checkpointer->names_strangers, false);
    atomic_init(&checkpointer->bytes, 0);
}

void
strand_checkpointer_deinit(struct strand_checkpointer *checkpointer)
{
    strand_mutex_deinit(&checkpointer->lock);
}

static int64_t
now_ns(const struct strand_engine *engine)
{
    return engine->config.fs->monotonic_ns(engine->config.fs->context);
}

/* ---- Asking ---- */

void
strand_checkpointer_note_soon(struct strand_engine *engine)
{
    if (atomic_exchange(&engine->checkpointer.is_due_soon, true))
        return;
    strand_committer_ask_checkpoint(
        &engine->committer, now_ns(engine) + (int64_t)STRAND_CHECKPOINT_SPACING_MS * 1000000);
}

void
strand_checkpointer_note(struct strand_engine *engine, uint64_t bytes)
{
    struct strand_checkpointer *checkpointer = &engine->checkpointer;

    if (atomic_fetch_add(&checkpointer->bytes, bytes) + bytes >= engine->config.commit_bytes)
        strand_checkpointer_note_soon(engine);
    if (!atomic_exchange(&checkpointer->is_due, true))
        strand_committer_ask_checkpoint(&engine->committer,
                                        now_ns(engine) + engine->config.checkpoint_interval_ns);
}

/* ---- Collecting ---- */

/* What one log has to say. */
struct positions {
    int64_t durable_end; /* -1: nothing, as in the next two */
    int64_t high_watermark;
    int64_t log_start;
};

static struct positions
positions_of(struct strand_log *log)
{
    strand_mutex_lock(&log->state);
    bool is_served = log->segment_count > 0 && log->health != STRAND_LOG_QUARANTINED;
    int64_t first_base = is_served ? log->segments[0]->base_offset : 0;
    struct positions positions = {
        .durable_end = is_served ? log->durable_end : log->kafka.recovery_point,
        .high_watermark = is_served ? log->high_watermark : log->kafka.committed,
        .log_start = is_served ? log->log_start : log->kafka.log_start,
    };
    strand_mutex_unlock(&log->state);
    if (positions.log_start <= first_base)
        positions.log_start = -1;
    if (!is_served && positions.durable_end == 0)
        positions.durable_end = -1;
    return positions;
}

static int
set(struct strand_checkpoint *checkpoint, const struct strand_log *log, int64_t offset)
{
    return offset < 0 ? STRAND_OK
                      : strand_checkpoint_set(checkpoint, log->topic, log->partition, offset);
}

/* The registry lock is held. */
static int
collect(const struct strand_engine *engine, struct files *files)
{
    int status = STRAND_OK;

    strand_checkpoint_init(&files->recovery_points);
    strand_checkpoint_init(&files->committed);
    strand_checkpoint_init(&files->log_starts);
    for (size_t i = 0; status == STRAND_OK && i < engine->log_count; i++) {
        struct strand_log *log = engine->logs[i];
        struct positions positions = positions_of(log);

        status = set(&files->recovery_points, log, positions.durable_end);
        if (status == STRAND_OK)
            status = set(&files->committed, log, positions.high_watermark);
        if (status == STRAND_OK)
            status = set(&files->log_starts, log, positions.log_start);
    }
    return status;
}

static void
free_files(struct files *files)
{
    strand_checkpoint_deinit(&files->recovery_points);
    strand_checkpoint_deinit(&files->committed);
    strand_checkpoint_deinit(&files->log_starts);
}

/* ---- Writing ---- */

static int
store(struct strand_engine *engine, const char *name, const struct strand_checkpoint *checkpoint)
{
    const struct strand_fs *fs = engine->config.fs;
    const char *directory = engine->directory.path;

    int status = strand_checkpoint_store(fs, directory, name, checkpoint);
    if (strand_ballast_release(&engine->directory.ballast, status)) {
        status = strand_checkpoint_store(fs, directory, name, checkpoint);
        strand_ballast_take(&engine->directory.ballast);
    }
    return status;
}

/* The log starts first: whoever falls back on files of two moments then finds no log that ends
 * below its start. */
static int
store_files(struct strand_engine *engine, const struct files *files)
{
    int status = store(engine, STRAND_LOG_START_NAME, &files->log_starts);

    if (status == STRAND_OK)
        status = store(engine, STRAND_RECOVERY_POINT_NAME, &files->recovery_points);
    return status == STRAND_OK ? store(engine, STRAND_COMMITTED_NAME, &files->committed) : status;
}

/* Forget what asked for this checkpoint: what changes from here on asks for the next. */
static void
begin(struct strand_engine *engine)
{
    struct strand_checkpointer *checkpointer = &engine->checkpointer;

    atomic_store(&checkpointer->is_due, false);
    atomic_store(&checkpointer->is_due_soon, false);
    atomic_store(&checkpointer->names_strangers, false);
    atomic_store(&checkpointer->bytes, 0);
}

static int
finish(struct strand_engine *engine, struct files *files, int status)
{
    if (status == STRAND_OK)
        status = store_files(engine, files);
    if (status != STRAND_OK)
        atomic_store(&engine->checkpointer.names_strangers, true);
    free_files(files);
    return status;
}

bool
strand_checkpointer_names_strangers(struct strand_engine *engine)
{
    strand_mutex_lock(&engine->checkpointer.lock);
    bool names_strangers = atomic_load(&engine->checkpointer.names_strangers);
    strand_mutex_unlock(&engine->checkpointer.lock);
    return names_strangers;
}

int
strand_checkpointer_write(struct strand_engine *engine)
{
    struct files files;

    strand_mutex_lock(&engine->registry);
    strand_mutex_lock(&engine->checkpointer.lock);
    begin(engine);
    int status = collect(engine, &files);
    strand_mutex_unlock(&engine->registry);
    status = finish(engine, &files, status);
    strand_mutex_unlock(&engine->checkpointer.lock);
    return status;
}

int
strand_checkpointer_write_registered(struct strand_engine *engine)
{
    struct files files;

    strand_mutex_lock(&engine->checkpointer.lock);
    begin(engine);
    int status = finish(engine, &files, collect(engine, &files));
    strand_mutex_unlock(&engine->checkpointer.lock);
    return status;
}

void
strand_checkpointer_run(struct strand_engine *engine)
{
    if (strand_checkpointer_write(engine) != STRAND_OK) {
        strand_engine_notice(engine, 4, "the checkpoint files are late: %s",
                             strand_error_message());
        strand_checkpointer_note(engine, 0);
    }
    strand_ballast_take(&engine->directory.ballast);
}
