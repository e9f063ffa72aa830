/* tools/index_view.h -- The index of a data directory and the logs that it is about, both at rest.
 *
 * The lock of the directory is held, for nobody else may have the index open; the logs are opened
 * read-only.  Nothing is changed.
 */
#ifndef STRAND_TOOLS_INDEX_VIEW_H
#define STRAND_TOOLS_INDEX_VIEW_H

#include "base/file.h"
#include "engine/data_directory.h"
#include "index/index_read.h"
#include "strandline/status.h"

struct cli_options;
struct strand_engine;
struct strand_log;

enum { CLI_LOG_ID_TEXT_SIZE = 2 * STRAND_INDEX_ID_SIZE + 1 };

struct cli_index_view { /* all zeros: nothing is open */
    struct strand_data_directory directory;
    char path[STRAND_PATH_SIZE_MAX]; /* of the index */
    struct strand_engine *engine;    /* owned */
    struct strand_index *index;      /* owned; NULL: not open */
    struct strand_index_examined examined;
};

/* Lock what --data names.  STRAND_ERR_IN_USE.  After a failure, too, of this and of the next two,
 * close it. */
STRAND_MUST_USE int cli_index_view_lock(struct cli_index_view *view,
                                        const struct cli_options *options);

STRAND_MUST_USE int cli_index_view_open_logs(struct cli_index_view *view,
                                             const struct cli_options *options);

/* Examine the file, as strand_index_examine() does, and open it if that is possible. */
STRAND_MUST_USE int cli_index_view_open_index(struct cli_index_view *view,
                                              strand_index_visit_fn *visit,
                                              strand_index_progress_fn *progress, void *argument);

void cli_index_view_close(struct cli_index_view *view);

/* Where the index of the data directory at PATH is. */
STRAND_MUST_USE int cli_index_path(const struct cli_options *options, const char *path,
                                   char out_path[STRAND_PATH_SIZE_MAX]);

/* The log of the engine with this id; NULL: none. */
const struct strand_log *cli_index_view_find(const struct cli_index_view *view, const uint8_t *id);

/* Visit the ids that the index knows and no log has. */
typedef void cli_stray_fn(void *context, const char *id);
STRAND_MUST_USE int cli_index_view_visit_strays(const struct cli_index_view *view,
                                                cli_stray_fn *visit, void *context);

/* ID in hexadecimal digits. */
void cli_log_id_format(const uint8_t *id, char out_text[CLI_LOG_ID_TEXT_SIZE]);

/* Bytes of those segments of LOG of which the index does not have all.  ENTRY: what the index says
 * of LOG; NULL: nothing that is believed. */
STRAND_MUST_USE int cli_index_view_bytes_left(const struct cli_index_view *view,
                                              const struct strand_log *log,
                                              const struct strand_index_log *entry,
                                              int64_t *out_bytes);

#endif
