/* recovery/checkpoint_text.h -- The text format that Kafka's checkpoint files share.
 *
 *     0          version
 *     2          number of entries
 *     a b c      one entry per line, fields separated by white space
 *
 * Read as Kafka reads it: an empty file, or one without a second line, has no entries.
 *
 * Life: open -> next ... next -> close.  Threading: one thread at a time.
 */
#ifndef STRAND_RECOVERY_CHECKPOINT_TEXT_H
#define STRAND_RECOVERY_CHECKPOINT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "strandline/status.h"

enum { STRAND_CHECKPOINT_FIELD_MAX = 3, STRAND_CHECKPOINT_NUMBER_SIZE_MAX = 19 };

struct strand_checkpoint_text {
    char path[STRAND_PATH_SIZE_MAX];
    char *data;        /* owned; cut into fields in place */
    char *next;        /* into data: the next line; NULL when there is none */
    int64_t line;      /* number of the current one, from 1 */
    int64_t count;     /* entries announced */
    int64_t remaining; /* of them not yet read */
    const char *fields[STRAND_CHECKPOINT_FIELD_MAX]; /* of the current entry; into data */
};

/* Read DIRECTORY/NAME, check version and count (at most COUNT_MAX).  STRAND_ERR_NOT_FOUND,
 * _CORRUPT, _IO, _NO_MEMORY: nothing to close. */
STRAND_MUST_USE int strand_checkpoint_text_open(struct strand_checkpoint_text *text,
                                                const struct strand_fs *fs, const char *directory,
                                                const char *name, int64_t count_max);

/* The next entry, of exactly FIELD_COUNT fields.  STRAND_END behind the last; STRAND_ERR_CORRUPT.
 */
STRAND_MUST_USE int strand_checkpoint_text_next(struct strand_checkpoint_text *text,
                                                size_t field_count);

/* Record CAUSE with path and line; return STRAND_ERR_CORRUPT. */
int strand_checkpoint_text_fail(const struct strand_checkpoint_text *text, const char *cause);

/* A decimal number of 0 to MAX, without sign.  false: it is not. */
bool strand_checkpoint_text_number(const char *field, int64_t max, int64_t *out_value);

void strand_checkpoint_text_close(struct strand_checkpoint_text *text);

#endif
