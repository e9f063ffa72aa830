/* tools/directory_view.c -- Load every small file once, then look up what each says of each log. */
#include "tools/directory_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recovery/log_recovery.h"
#include "strandline/engine.h"
#include "strandline/fs.h"
#include "tools/options.h"

/* A slot is written in place: one that is torn while we look is whole the next time. */
enum { LOOKS_MAX = 5 };

const char *
cli_checkpoint_name(enum cli_checkpoint_kind kind)
{
    static const char *const NAMES[CLI_CHECKPOINT_COUNT] = {
        [CLI_LOG_STARTS] = STRAND_LOG_START_NAME,
        [CLI_RECOVERY_POINTS] = STRAND_RECOVERY_POINT_NAME,
        [CLI_COMMITTED] = STRAND_COMMITTED_NAME,
    };

    return NAMES[kind];
}

bool
cli_log_view_is_wanted(const struct cli_log_view *log, const struct cli_options *options)
{
    if (options->topic[0] == '\0')
        return true;
    return strcmp(options->topic, log->topic) == 0 &&
           (!options->has_partition || options->partition == log->partition);
}

/* What was found out about a small file; only a failure to find out is one. */
static int
note_file(struct cli_small_file *file, int status)
{
    file->status = status;
    if (status == STRAND_OK)
        return STRAND_OK;
    (void)snprintf(file->message, sizeof file->message, "%s", strand_error_message());
    return status == STRAND_ERR_NOT_FOUND || status == STRAND_ERR_CORRUPT ? STRAND_OK : status;
}

static int
open_frontier(struct cli_directory_view *view)
{
    int status = STRAND_OK;

    for (int look = 0; look < LOOKS_MAX && status == STRAND_OK; look++) {
        (void)strand_frontier_close(view->frontier); /* it was only read */
        view->frontier = NULL;
        status = strand_frontier_open(view->fs, view->directory.path, false, &view->frontier,
                                      &view->bad_slots);
        if (view->bad_slots == 0 || !view->directory.has_writer)
            break;
    }
    return status;
}

static int
load_small_files(struct cli_directory_view *view)
{
    const char *path = view->directory.path;
    int status = STRAND_OK;

    for (int i = 0; i < CLI_CHECKPOINT_COUNT && status == STRAND_OK; i++)
        status = note_file(&view->checkpoint_files[i],
                           strand_checkpoint_load(view->fs, path,
                                                  cli_checkpoint_name((enum cli_checkpoint_kind)i),
                                                  &view->checkpoints[i]));
    if (status == STRAND_OK)
        status =
            note_file(&view->marker_file, strand_clean_marker_load(view->fs, path, &view->marker));
    return status;
}

static bool
is_id_taken(const struct cli_directory_view *view, const uint8_t *id)
{
    for (size_t i = 0; i < view->count; i++)
        if (view->logs[i].identity_file.status == STRAND_OK &&
            memcmp(view->logs[i].identity.id, id, STRAND_LOG_ID_SIZE) == 0)
            return true;
    return false;
}

/* The log whose directory is NAME, as the next of the list, which has room. */
static int
add_log(struct cli_directory_view *view, const char *name)
{
    struct cli_log_view log = {.partition = 0};
    char path[STRAND_PATH_SIZE_MAX];
    int kind = 0;

    if (!strand_partition_name_parse(name, log.topic, &log.partition))
        return STRAND_OK;
    int status = strand_path_join(path, view->directory.path, name);
    if (status == STRAND_OK)
        status = strand_path_kind(view->fs, path, &kind);
    if (status != STRAND_OK || kind != STRAND_FS_DIRECTORY)
        return status;
    status = note_file(&log.identity_file, strand_log_identity_read(view->fs, path, &log.identity));
    if (status == STRAND_OK)
        status = strand_log_is_foreign(view->fs, path, &log.is_foreign);
    log.is_foreign = log.is_foreign || view->directory.was_kafkas;
    if (status != STRAND_OK)
        return status;
    (void)snprintf(log.name, sizeof log.name, "%s", name);
    for (int i = 0; i < CLI_CHECKPOINT_COUNT; i++) {
        log.offsets[i] = -1;
        (void)strand_checkpoint_get(&view->checkpoints[i], log.topic, log.partition,
                                    &log.offsets[i]);
    }
    if (log.identity_file.status == STRAND_OK) {
        log.is_id_taken = is_id_taken(view, log.identity.id);
        log.has_slot = !log.is_id_taken && !log.is_foreign &&
                       strand_frontier_find(view->frontier, log.identity.id, &log.slot);
        if (!log.is_id_taken)
            log.clean = strand_clean_marker_find(&view->marker, log.identity.id);
    }
    view->logs[view->count++] = log;
    return STRAND_OK;
}

static int
compare_logs(const void *left, const void *right)
{
    const struct cli_log_view *a = left;
    const struct cli_log_view *b = right;
    int by_topic = strcmp(a->topic, b->topic);

    return by_topic != 0 ? by_topic : (a->partition > b->partition) - (a->partition < b->partition);
}

static int
load_logs(struct cli_directory_view *view)
{
    int status = strand_path_list(view->fs, view->directory.path, &view->names);

    if (status != STRAND_OK || view->names.count == 0)
        return status;
    view->logs = calloc(view->names.count, sizeof *view->logs);
    if (view->logs == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "look at %s: no memory for %zu logs",
                           view->directory.path, view->names.count);
    for (size_t i = 0; i < view->names.count && status == STRAND_OK; i++)
        status = add_log(view, view->names.names[i]);
    if (view->count > 0)
        qsort(view->logs, view->count, sizeof *view->logs, compare_logs);
    return status;
}

int
cli_directory_view_open(struct cli_directory_view *view, const struct cli_options *options)
{
    uint32_t flags = (uint32_t)STRAND_ENGINE_READ_ONLY |
                     (options->network_fs ? (uint32_t)STRAND_ENGINE_NETWORK_FS : 0);

    memset(view, 0, sizeof *view);
    view->fs = strand_fs_posix();
    for (int i = 0; i < CLI_CHECKPOINT_COUNT; i++)
        strand_checkpoint_init(&view->checkpoints[i]);
    strand_clean_marker_init(&view->marker);
    int status = strand_data_directory_open(view->fs, options->data, flags, &view->directory);
    if (status == STRAND_OK)
        status = open_frontier(view);
    /* What its slots say was finished before we ask whether somebody writes. */
    if (status == STRAND_OK)
        status = strand_data_directory_look_for_writer(&view->directory);
    if (status == STRAND_OK)
        status = load_small_files(view);
    return status == STRAND_OK ? load_logs(view) : status;
}

int
cli_directory_view_refresh(struct cli_directory_view *view, struct cli_log_view *log,
                           bool *out_was_cut)
{
    struct strand_frontier_slot slot;
    int status = open_frontier(view);

    *out_was_cut = false;
    if (status != STRAND_OK || !log->has_slot)
        return status;
    if (!strand_frontier_find(view->frontier, log->identity.id, &slot)) {
        *out_was_cut = true; /* deleted */
        return STRAND_OK;
    }
    *out_was_cut = slot.generation != log->slot.generation || slot.log_start != log->slot.log_start;
    log->slot = slot;
    return STRAND_OK;
}

void
cli_directory_view_close(struct cli_directory_view *view)
{
    free(view->logs);
    strand_names_free(&view->names);
    strand_clean_marker_deinit(&view->marker);
    for (int i = 0; i < CLI_CHECKPOINT_COUNT; i++)
        strand_checkpoint_deinit(&view->checkpoints[i]);
    (void)strand_frontier_close(view->frontier); /* they were only read */
    (void)strand_data_directory_close(&view->directory);
    memset(view, 0, sizeof *view);
}
