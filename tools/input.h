/* tools/input.h -- Records from a file or a pipe of any size, in bounded memory.
 *
 *     cli_input_open -> (cli_input_next ... -> cli_input_fill)* -> cli_input_close
 *
 * Records point into the buffer that was read: nothing is copied (NDJSON: into an arena).  They
 * stay valid until cli_input_fill(), which is told which of them are still needed and moves them
 * along, and until cli_input_forget().
 *
 * Threading: one thread.
 */
#ifndef STRAND_TOOLS_INPUT_H
#define STRAND_TOOLS_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "strandline/record.h"
#include "strandline/status.h"
#include "tools/arena.h"
#include "tools/options.h"

struct cli_input {
    int descriptor;
    bool is_owned;    /* the descriptor */
    bool is_regular;  /* a file: reading never waits */
    const char *name; /* for sentences; borrowed */
    enum cli_input_kind kind;
    char *separator; /* owned; NULL = no keys */
    size_t separator_size;
    size_t limit;    /* bytes of one record's value (and key) */
    uint8_t *buffer; /* owned */
    size_t capacity;
    size_t position; /* the next record begins here */
    size_t searched; /* no line feed in front of it, from position on */
    size_t end;
    bool is_at_end;  /* nothing more will be read */
    uint64_t number; /* of the line or record handed out last, from 1 */
    uint64_t bytes_read;
    uint64_t total;             /* size of the file; 0 = unknown */
    struct cli_arena arenas[2]; /* NDJSON records: new ones, and what cli_input_forget() left */
    unsigned arena;             /* for new ones */
};

enum { CLI_INPUT_MORE = 2 }; /* a status: the buffer holds no whole record, fill it */

/* PATH: NULL or "-" is standard input.  KEY_SEPARATOR may be NULL; escapes are understood.  LIMIT:
 * bytes of one record at most.  STRAND_ERR_INVALID (separator), _NOT_FOUND, _PERMISSION, _IO,
 * _NO_MEMORY. */
STRAND_MUST_USE int cli_input_open(const char *path, enum cli_input_kind kind,
                                   const char *key_separator, size_t limit,
                                   struct cli_input *out_input);

/* The next record; STRAND_END; CLI_INPUT_MORE; STRAND_ERR_TOO_LARGE or _BATCH with a sentence that
 * names the line and, for size, the limit. */
STRAND_MUST_USE int cli_input_next(struct cli_input *input, struct strand_record *out_record);

/* Would cli_input_fill() wait for someone to write? */
bool cli_input_is_paused(const struct cli_input *input);

/* Read more, waiting if need be.  PENDING[0..COUNT) are records handed out before that are still
 * needed, oldest first: they are moved along.  An interruption (interrupt.h) ends the input. */
STRAND_MUST_USE int cli_input_fill(struct cli_input *input, struct strand_record *pending,
                                   size_t count);

/* Would cli_input_fill() move the buffer?  Otherwise records stay where they are. */
bool cli_input_is_full(const struct cli_input *input);

/* No record handed out so far is needed any more, but for the one handed out last. */
void cli_input_forget(struct cli_input *input);

/* "line 3 of standard input": what cli_input_next() gave last, for sentences. */
enum { CLI_INPUT_PLACE_SIZE_MAX = 320 };
void cli_input_place(const struct cli_input *input, char out_place[CLI_INPUT_PLACE_SIZE_MAX]);

void cli_input_close(struct cli_input *input);

#endif
