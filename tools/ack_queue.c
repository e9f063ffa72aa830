/* tools/ack_queue.c -- A ring of tickets between the thread that appends and the one that waits. */
#include "tools/ack_queue.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "tools/interrupt.h"
#include "tools/report.h"

/* On the queue's thread.  Whoever wants acks cannot use records without them: when one is lost, no
 * more input is taken. */
static void
print_ack(struct cli_ack_queue *queue, const struct strand_appended *appended)
{
    if (queue->output_status != STRAND_OK)
        return;
    (void)printf("%" PRId64 " %" PRId64 "\n", appended->base_offset, appended->end_offset - 1);
    queue->output_status = cli_output_flush();
    if (queue->output_status == STRAND_OK)
        return;
    (void)snprintf(queue->output_message, sizeof queue->output_message, "%s",
                   strand_error_message());
    cli_interrupt_stop();
}

static bool
take_ticket(struct cli_ack_queue *queue, struct strand_appended *out_ticket)
{
    bool has_ticket;

    strand_mutex_lock(&queue->mutex);
    while (queue->count == 0 && !queue->is_closing)
        (void)strand_condition_wait(&queue->changed, &queue->mutex, -1);
    has_ticket = queue->count > 0;
    if (has_ticket)
        *out_ticket = queue->tickets[queue->first];
    strand_mutex_unlock(&queue->mutex);
    return has_ticket;
}

/* The ticket stays in the ring until here, so that an empty queue means that all is durable. */
static void
drop_ticket(struct cli_ack_queue *queue, int status)
{
    strand_mutex_lock(&queue->mutex);
    strand_assert(queue->count > 0);
    queue->first = (queue->first + 1) % CLI_ACK_QUEUE_DEPTH;
    queue->count--;
    if (queue->status == STRAND_OK && status != STRAND_OK) {
        queue->status = status;
        (void)snprintf(queue->message, sizeof queue->message, "%s", strand_error_message());
    }
    strand_condition_broadcast(&queue->changed);
    strand_mutex_unlock(&queue->mutex);
}

static void
run(void *argument)
{
    struct cli_ack_queue *queue = argument;
    struct strand_appended ticket;
    int status = STRAND_OK;

    while (take_ticket(queue, &ticket)) {
        if (status == STRAND_OK)
            status = strand_log_wait(queue->log, &ticket, -1);
        if (status == STRAND_OK && queue->prints_acks)
            print_ack(queue, &ticket);
        drop_ticket(queue, status);
    }
}

int
cli_ack_queue_start(struct cli_ack_queue *queue, struct strand_log *log, bool prints_acks)
{
    int status;

    queue->log = log;
    queue->prints_acks = prints_acks;
    queue->first = 0;
    queue->count = 0;
    queue->is_closing = false;
    queue->status = STRAND_OK;
    queue->output_status = STRAND_OK;
    strand_mutex_init(&queue->mutex);
    strand_condition_init(&queue->changed);
    status = strand_thread_start(&queue->thread, "acks", run, queue);
    if (status != STRAND_OK) {
        strand_condition_deinit(&queue->changed);
        strand_mutex_deinit(&queue->mutex);
    }
    return status;
}

int
cli_ack_queue_add(struct cli_ack_queue *queue, const struct strand_appended *appended)
{
    int status;

    strand_mutex_lock(&queue->mutex);
    while (queue->count == CLI_ACK_QUEUE_DEPTH)
        (void)strand_condition_wait(&queue->changed, &queue->mutex, -1);
    queue->tickets[(queue->first + queue->count) % CLI_ACK_QUEUE_DEPTH] = *appended;
    queue->count++;
    status = queue->status;
    strand_condition_broadcast(&queue->changed);
    strand_mutex_unlock(&queue->mutex);
    if (status != STRAND_OK)
        (void)strand_fail(status, "%s", queue->message);
    return status;
}

int
cli_ack_queue_finish(struct cli_ack_queue *queue)
{
    strand_mutex_lock(&queue->mutex);
    queue->is_closing = true;
    strand_condition_broadcast(&queue->changed);
    strand_mutex_unlock(&queue->mutex);
    strand_thread_join(&queue->thread);
    strand_condition_deinit(&queue->changed);
    strand_mutex_deinit(&queue->mutex);
    if (queue->status != STRAND_OK)
        (void)strand_fail(queue->status, "%s", queue->message);
    return queue->status;
}

int
cli_ack_queue_output_status(const struct cli_ack_queue *queue)
{
    if (queue->output_status != STRAND_OK && queue->output_status != STRAND_END)
        (void)strand_fail(queue->output_status, "%s", queue->output_message);
    return queue->output_status;
}
