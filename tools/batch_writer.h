/* tools/batch_writer.h -- Appends batches on a thread of its own, while the next ones are read.
 *
 *     current() is filled -> submit() -> [ ring of DEPTH batches ] -> thread: append, in order
 *
 * The records of a batch point into the input, which must stay where it is until the batch was
 * written: see cli_batch_writer_drain().
 *
 * Threading: all functions by the thread that fills; WRITTEN is called on the other one.
 */
#ifndef STRAND_TOOLS_BATCH_WRITER_H
#define STRAND_TOOLS_BATCH_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/thread.h"
#include "strandline/log.h"
#include "strandline/status.h"

enum { CLI_BATCH_WRITER_DEPTH = 16 };

struct cli_batch {
    struct strand_record *records; /* owned */
    size_t capacity;
    size_t count;
    size_t size; /* encoded, header included */
};

/* A batch is written, not yet durable.  Anything but STRAND_OK ends the writing. */
typedef int cli_batch_written_fn(void *context, const struct strand_appended *appended);

struct cli_batch_writer {
    struct strand_log *log; /* borrowed, as the next two */
    cli_batch_written_fn *written;
    void *context;
    struct strand_thread thread;
    struct strand_mutex mutex;
    struct strand_condition changed; /* signalled for everything below */
    /* A batch belongs to the thread from submit() on until it is written. */
    struct cli_batch batches[CLI_BATCH_WRITER_DEPTH];
    size_t first; /* guarded by mutex, as the rest: a ring */
    size_t count;
    size_t awaited; /* whoever fills waits for COUNT to come down to this */
    bool is_closing;
    int status; /* of the first failure: nothing is appended after it */
    char message[STRAND_ERROR_MESSAGE_SIZE_MAX];
};

/* Start the thread.  STRAND_ERR_NO_MEMORY. */
STRAND_MUST_USE int cli_batch_writer_start(struct cli_batch_writer *writer, struct strand_log *log,
                                           cli_batch_written_fn *written, void *context);

/* The batch to fill; another one after each submit.  A new one is empty. */
struct cli_batch *cli_batch_writer_current(struct cli_batch_writer *writer);

/* Room for one record more in the current batch.  STRAND_ERR_NO_MEMORY. */
STRAND_MUST_USE int cli_batch_reserve(struct cli_batch *batch);

/* Hand over the current batch, which has records; waits while the ring is full.  The status of the
 * first failure, of this batch or one before it. */
STRAND_MUST_USE int cli_batch_writer_submit(struct cli_batch_writer *writer);

/* Wait until nothing that was handed over is in use.  As submit. */
STRAND_MUST_USE int cli_batch_writer_drain(struct cli_batch_writer *writer);

/* Drain, end the thread, free the batches. */
STRAND_MUST_USE int cli_batch_writer_finish(struct cli_batch_writer *writer);

#endif
