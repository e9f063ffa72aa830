/* engine/commit_queue.c -- A doubly linked list through the logs. */
#include "engine/commit_queue.h"

#include <stddef.h>

#include "base/assert.h"
#include "engine/log_internal.h"

void
strand_commit_queue_init(struct strand_commit_queue *queue, enum strand_commit_line line)
{
    *queue = (struct strand_commit_queue){.line = line};
}

/* Put LOG between two that are neighbours, NULL where the line ends. */
static void
link_between(struct strand_commit_queue *queue, struct strand_log *previous, struct strand_log *log,
             struct strand_log *next)
{
    strand_assert(!log->request.links[queue->line].is_in);
    log->request.links[queue->line].previous = previous;
    log->request.links[queue->line].next = next;
    log->request.links[queue->line].is_in = true;
    if (previous != NULL)
        previous->request.links[queue->line].next = log;
    else
        queue->head = log;
    if (next != NULL)
        next->request.links[queue->line].previous = log;
    else
        queue->tail = log;
}

void
strand_commit_queue_push(struct strand_commit_queue *queue, struct strand_log *log)
{
    link_between(queue, queue->tail, log, NULL);
}

void
strand_commit_queue_push_front(struct strand_commit_queue *queue, struct strand_log *log)
{
    link_between(queue, NULL, log, queue->head);
}

void
strand_commit_queue_remove(struct strand_commit_queue *queue, struct strand_log *log)
{
    struct strand_log *previous = log->request.links[queue->line].previous;
    struct strand_log *next = log->request.links[queue->line].next;

    if (!log->request.links[queue->line].is_in)
        return;
    log->request.links[queue->line].is_in = false;
    if (previous != NULL)
        previous->request.links[queue->line].next = next;
    else
        queue->head = next;
    if (next != NULL)
        next->request.links[queue->line].previous = previous;
    else
        queue->tail = previous;
}
