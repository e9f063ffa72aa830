/* engine/commit_queue.h -- Logs in line for a commit round.
 *
 * A log stands in two lines at most: somebody waits for it, or its data is due by and by.  The
 * links are part of the log, so that nothing is allocated and leaving a line takes no search.
 *
 * Threading: the committer's lock.
 */
#ifndef STRAND_ENGINE_COMMIT_QUEUE_H
#define STRAND_ENGINE_COMMIT_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

struct strand_log;

enum strand_commit_line { STRAND_LINE_URGENT, STRAND_LINE_LATER, STRAND_LINE_COUNT };

/* A log's places in the lines; part of the log. */
struct strand_commit_request {
    struct {
        struct strand_log *previous, *next;
        bool is_in;
    } links[STRAND_LINE_COUNT];
    int64_t due_ns;        /* in the later line */
    bool is_running;       /* its round runs: it stands in the urgent line when that has ended */
    bool must_run_again;   /* it was asked for meanwhile */
    bool is_later_overdue; /* its time in the later line came meanwhile */
};

struct strand_commit_queue {
    struct strand_log *head, *tail;
    enum strand_commit_line line;
};

void strand_commit_queue_init(struct strand_commit_queue *queue, enum strand_commit_line line);

/* LOG is not in the line. */
void strand_commit_queue_push(struct strand_commit_queue *queue, struct strand_log *log);
void strand_commit_queue_push_front(struct strand_commit_queue *queue, struct strand_log *log);

/* Accepts a log that is not in it. */
void strand_commit_queue_remove(struct strand_commit_queue *queue, struct strand_log *log);

#endif
