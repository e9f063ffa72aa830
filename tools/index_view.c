/* tools/index_view.c -- First the lock, then the logs, then the index: each says what may be wrong.
 */
#include "tools/index_view.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "engine/indexer.h"
#include "engine/log_internal.h"
#include "strandline/engine.h"
#include "strandline/fs.h"
#include "tools/options.h"

static uint32_t
flags_of(const struct cli_options *options)
{
    return (uint32_t)STRAND_ENGINE_READ_ONLY |
           (options->network_fs ? (uint32_t)STRAND_ENGINE_NETWORK_FS : 0);
}

int
cli_index_path(const struct cli_options *options, const char *path,
               char out_path[STRAND_PATH_SIZE_MAX])
{
    return strand_path_join(out_path,
                            options->index_directory != NULL ? options->index_directory : path,
                            STRAND_INDEX_NAME);
}

/* A directory of the index's own may be another data directory's. */
static int
check_owner(const struct cli_options *options)
{
    const struct strand_fs *fs = strand_fs_posix();
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_file owner = {0};

    if (options->index_directory == NULL)
        return STRAND_OK;
    int status = strand_path_join(path, options->index_directory, STRAND_INDEX_OWNER_NAME);
    if (status == STRAND_OK)
        status = strand_file_open(fs, path, 0, &owner);
    if (status != STRAND_OK)
        return status == STRAND_ERR_NOT_FOUND ? STRAND_OK : status;
    int result = fs->is_locked(owner.handle);
    strand_file_discard(&owner); /* it was only looked at */
    if (result < 0)
        return strand_fail_code(-result, "look at the lock %s", path);
    return result == 0 ? STRAND_OK
                       : strand_fail(STRAND_ERR_IN_USE,
                                     "open %s: another engine has its index there", path);
}

int
cli_index_view_lock(struct cli_index_view *view, const struct cli_options *options)
{
    int status = strand_data_directory_open(strand_fs_posix(), options->data, flags_of(options),
                                            &view->directory);

    if (status == STRAND_OK)
        status = strand_data_directory_lock(&view->directory);
    if (status == STRAND_OK)
        status = check_owner(options);
    return status == STRAND_OK ? cli_index_path(options, view->directory.path, view->path) : status;
}

int
cli_index_view_open_logs(struct cli_index_view *view, const struct cli_options *options)
{
    struct strand_engine_options engine_options = {
        .struct_size = sizeof engine_options,
        .flags = flags_of(options),
    };

    return strand_engine_open(options->data, &engine_options, &view->engine);
}

int
cli_index_view_open_index(struct cli_index_view *view, strand_index_visit_fn *visit,
                          strand_index_progress_fn *progress, void *argument)
{
    struct strand_index_options options = {
        .fs = view->directory.fs,
        .path = view->path,
        .directory_id = view->directory.last_opening,
        .is_read_only = true,
    };
    int status = strand_index_examine(&options, visit, progress, argument, &view->examined);

    return status == STRAND_OK ? strand_index_open_lmdb(&options, &view->index) : status;
}

void
cli_index_view_close(struct cli_index_view *view)
{
    strand_index_close(view->index);
    /* They were only read. */
    (void)strand_engine_close(view->engine);
    (void)strand_data_directory_close(&view->directory);
    *view = (struct cli_index_view){.engine = NULL};
}

void
cli_log_id_format(const uint8_t *id, char out_text[CLI_LOG_ID_TEXT_SIZE])
{
    for (size_t i = 0; i < STRAND_INDEX_ID_SIZE; i++)
        (void)snprintf(out_text + 2 * i, 3, "%02x", id[i]);
}

const struct strand_log *
cli_index_view_find(const struct cli_index_view *view, const uint8_t *id)
{
    const struct strand_engine *engine = view->engine;

    for (size_t i = 0; i < engine->log_count; i++)
        if (memcmp(engine->logs[i]->identity.id, id, STRAND_INDEX_ID_SIZE) == 0)
            return engine->logs[i];
    return NULL;
}

int
cli_index_view_visit_strays(const struct cli_index_view *view, cli_stray_fn *visit, void *context)
{
    uint8_t id[STRAND_INDEX_ID_SIZE] = {0};
    char text[CLI_LOG_ID_TEXT_SIZE];
    int status = STRAND_OK;

    while ((status = strand_index_next_log(view->index, id, id)) == STRAND_OK) {
        if (cli_index_view_find(view, id) != NULL)
            continue;
        cli_log_id_format(id, text);
        visit(context, text);
    }
    return status == STRAND_END ? STRAND_OK : status;
}

/* The segment that the covered offset lies in may end there, short of the name of the next. */
static int
is_covered_to_its_end(const struct cli_index_view *view, const struct strand_log_segment *segment,
                      int64_t covered, bool *out_is_covered)
{
    struct strand_index_segment facts;
    size_t count = 0;
    int status = strand_index_read_segments(view->index, segment->log->identity.id,
                                            segment->base_offset, &facts, 1, &count);

    *out_is_covered = status == STRAND_OK && count == 1 &&
                      facts.base_offset == segment->base_offset && facts.size == segment->size &&
                      facts.end_offset <= covered;
    return status == STRAND_ERR_CORRUPT ? STRAND_OK : status; /* malformed: says nothing */
}

int
cli_index_view_bytes_left(const struct cli_index_view *view, const struct strand_log *log,
                          const struct strand_index_log *entry, int64_t *out_bytes)
{
    int64_t covered = entry != NULL ? entry->covered_offset : 0;
    int64_t bytes = 0;

    for (size_t i = 0; i < log->segment_count; i++) {
        const struct strand_log_segment *segment = log->segments[i];
        bool is_covered = segment->end_offset <= covered;
        int status = STRAND_OK;

        if (!is_covered && segment->base_offset < covered)
            status = is_covered_to_its_end(view, segment, covered, &is_covered);
        if (status != STRAND_OK)
            return status;
        bytes += is_covered ? 0 : segment->size;
    }
    *out_bytes = bytes;
    return STRAND_OK;
}
