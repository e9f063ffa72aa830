/* tools/ack_queue.h -- Waits for batches to become durable while the next ones are read and
 * encoded.
 *
 *     append -> ticket -> [ at most DEPTH tickets ] -> thread: wait in order, print the ack
 *
 * With a waiter always present the library's sync rounds follow each other without a gap, and each
 * round covers every batch that was written before it began.  DEPTH bounds how much that can be: a
 * round costs about the same for 4 MiB as for 64.
 *
 * Threading: cli_ack_queue_add() and _finish() by the thread that appends; the rest is inside.
 */
#ifndef STRAND_TOOLS_ACK_QUEUE_H
#define STRAND_TOOLS_ACK_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/thread.h"
#include "strandline/log.h"
#include "strandline/status.h"

enum { CLI_ACK_QUEUE_DEPTH = 1024 };

struct cli_ack_queue {
    struct strand_log *log; /* borrowed */
    bool prints_acks;
    struct strand_thread thread;
    struct strand_mutex mutex;
    struct strand_condition changed;                     /* signalled for everything below */
    struct strand_appended tickets[CLI_ACK_QUEUE_DEPTH]; /* guarded by mutex, as the rest: a ring */
    size_t first;
    size_t count;
    bool is_closing;
    int status; /* of the first wait that failed: nothing is waited for after it */
    char message[STRAND_ERROR_MESSAGE_SIZE_MAX];
    int output_status; /* of the acks; the thread's until it has ended, as its message */
    char output_message[STRAND_ERROR_MESSAGE_SIZE_MAX];
};

/* Start the thread.  STRAND_ERR_NO_MEMORY. */
STRAND_MUST_USE int cli_ack_queue_start(struct cli_ack_queue *queue, struct strand_log *log,
                                        bool prints_acks);

/* Hand over what an append with STRAND_WRITTEN returned; waits while the queue is full.  The status
 * of a wait that failed, for this batch or one before it. */
STRAND_MUST_USE int cli_ack_queue_add(struct cli_ack_queue *queue,
                                      const struct strand_appended *appended);

/* Wait until every batch is durable, or has failed to become so, and end the thread. */
STRAND_MUST_USE int cli_ack_queue_finish(struct cli_ack_queue *queue);

/* After _finish(): did all acks get to standard output?  STRAND_END when their reader has gone;
 * STRAND_ERR_IO.  Either has also ended the input, by cli_interrupt_stop(). */
STRAND_MUST_USE int cli_ack_queue_output_status(const struct cli_ack_queue *queue);

#endif
