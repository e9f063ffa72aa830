/* engine/format_file.h -- strandline.format: a data directory of ours, and the version of its
 * format.
 *
 *     strandline 1
 *     directory 0f3a...      32 hex digits, random
 *     features -             words; an unknown one means: do not open
 *     crc32c 1a2b3c4d        of the three lines above
 *
 * Written last when a directory is initialised.
 *
 * Threading: no state.
 */
#ifndef STRAND_ENGINE_FORMAT_FILE_H
#define STRAND_ENGINE_FORMAT_FILE_H

#include "strandline/status.h"

struct strand_fs;

#define STRAND_FORMAT_NAME "strandline.format"

enum { STRAND_FORMAT_VERSION = 1 };

/* STRAND_ERR_VERSION: another version, or a feature that is not known (which, in the message).
 * STRAND_ERR_CORRUPT; STRAND_ERR_NOT_FOUND, _IO. */
STRAND_MUST_USE int strand_format_file_check(const struct strand_fs *fs, const char *directory);

/* With a new id, durably. */
STRAND_MUST_USE int strand_format_file_write(const struct strand_fs *fs, const char *directory);

#endif
