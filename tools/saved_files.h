/* tools/saved_files.h -- cut-<offset>.bytes: what recovery took out of a log but kept, since nobody
 * could say that it was worthless.
 */
#ifndef STRAND_TOOLS_SAVED_FILES_H
#define STRAND_TOOLS_SAVED_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "strandline/status.h"

struct strand_fs;

struct cli_saved_file { /* valid during the visit */
    const char *topic;
    int32_t partition;
    const char *name; /* in the directory of the log */
    const char *path;
    int64_t size; /* bytes */
};

/* Return STRAND_OK to go on; anything else ends the listing and is returned. */
typedef int cli_saved_file_fn(void *context, const struct cli_saved_file *saved);

/* "cut-<20 digits>.bytes", perhaps with a number behind the digits. */
bool cli_saved_name_is_one(const char *name);

/* Visit those of every log below DATA. */
STRAND_MUST_USE int cli_saved_files_visit(const struct strand_fs *fs, const char *data,
                                          cli_saved_file_fn *visit, void *context);

/* Remove all of them, durably.  The caller holds the lock of DATA.  *OUT_COUNT files of *OUT_BYTES
 * are gone, also after a failure. */
STRAND_MUST_USE int cli_saved_files_remove(const struct strand_fs *fs, const char *data,
                                           int64_t *out_count, int64_t *out_bytes);

#endif
