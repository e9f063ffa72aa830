/* tools/log_check_internal.h -- What the parts of the check of a log share.
 *
 *     log_check.c        recovery's judgement, the records, the order of all
 *     log_check_files.c  the small files and the sizes, held against it
 */
#ifndef STRAND_TOOLS_LOG_CHECK_INTERNAL_H
#define STRAND_TOOLS_LOG_CHECK_INTERNAL_H

#include <stdbool.h>

#include "base/file.h"
#include "recovery/log_recovery.h"
#include "storage/record_reader.h"
#include "tools/log_check.h"

struct strand_buffer;
struct strand_buffer_pool;
struct strand_codec_pool;

struct cli_log_checking {
    struct cli_directory_view *view; /* borrowed, as the next */
    struct cli_log_view *log;
    struct cli_log_check *check; /* being filled in */
    cli_log_check_progress_fn *progress;
    void *context;
    char path[STRAND_PATH_SIZE_MAX]; /* of the log */
    struct strand_recovered_log recovered;

    struct strand_codec_pool *codecs; /* owned, as the rest */
    struct strand_buffer_pool *buffers;
    struct strand_buffer *batch;
    struct strand_buffer *decompressed;
    struct strand_record_reader reader;
    struct strand_file file; /* the segment that is being read */
    char file_path[STRAND_PATH_SIZE_MAX];
    int64_t file_base_offset;
    int64_t bad_batch_count;
    int status; /* of reading records */
};

/* With a writer nothing above the slot, and no leftover, means anything. */
static inline bool
cli_log_checking_has_writer(const struct cli_log_checking *checking)
{
    return checking->view->directory.has_writer;
}

/* A problem where the log was closed cleanly: nothing has touched it since.  Else a note. */
static inline enum cli_level
cli_log_checking_level(const struct cli_log_checking *checking)
{
    return checking->log->clean != NULL && !cli_log_checking_has_writer(checking)
               ? CLI_LEVEL_PROBLEM
               : CLI_LEVEL_NOTE;
}

/* Open the segment file with BASE_OFFSET as checking->file; it stays open until the next. */
STRAND_MUST_USE int cli_log_checking_open(struct cli_log_checking *checking, int64_t base_offset);

STRAND_MUST_USE int cli_log_check_files(struct cli_log_checking *checking);

#endif
