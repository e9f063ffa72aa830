/* tests/support/scheduler.h -- Threads that take turns, in an order that a seed decides.
 *
 * scheduled_thread.c implements base/thread.h once more; a program that is linked with it, and with
 * scheduler.c, does without base/thread.c.  Outside of scheduler_run() its mutexes, conditions,
 * semaphores and threads are the native ones.  Inside, each thread is a thread still, but only the
 * one that has the baton runs.  It may have to pass it on wherever it calls base/thread.h: these
 * are the switch points.  The same seed gives the same order, whatever the machine does meanwhile.
 *
 * Time is virtual: it moves on a little at each switch point, and when nobody can run it jumps to
 * the next deadline.  Nobody who can run and no deadline is a deadlock, or a wake-up that was lost:
 * the process says who waits for what, and exits with 1.  So it does when there is no end.
 *
 * What is not seen: races between two accesses without a switch point in between.  The baton orders
 * them, for ThreadSanitizer too; that is for the programs in tests/stress/.
 *
 * Threading: several schedules may run at once, each on the threads of one scheduler_run().
 */
#ifndef STRAND_TESTS_SCHEDULER_H
#define STRAND_TESTS_SCHEDULER_H

#include <stdbool.h>
#include <stdint.h>

#include "strandline/fs.h"

enum {
    SCHEDULER_CHANGES_MAX = 16,
    SCHEDULER_THREADS_MAX = 64, /* not joined, in one schedule */
};

struct scheduler_plan {
    uint64_t seed;
    uint32_t switch_one_in;   /* at a switch point another thread gets the baton with this chance;
                                 0: by priorities, see scheduler.c */
    bool has_weights;         /* by chance: some threads get it far more often than others */
    uint32_t delay_one_in;    /* at so many switch points the one that runs is held up, ... */
    uint32_t delay_points;    /* ... for at most so many, if others can run; 0: never */
    uint32_t changes;         /* of priorities, or weights; at most SCHEDULER_CHANGES_MAX ... */
    uint32_t changes_within;  /* ... in the first so many switch points */
    uint32_t spurious_one_in; /* waits for a condition that end without a reason; 0: none */
    int64_t tick_ns;          /* from one switch point to the next */
    const char *again;        /* borrowed: what shows this run once more, for the message */
};

struct scheduler_counts {
    uint64_t points;
    uint64_t switches;
    uint64_t hash; /* of who ran when */
};

typedef void scheduler_main_fn(void *argument);

/* Call MAIN(ARGUMENT) on this thread as the first of a schedule; it joins all that it starts. */
void scheduler_run(const struct scheduler_plan *plan, scheduler_main_fn *main, void *argument,
                   struct scheduler_counts *out_counts);

/* Virtual time; on a thread of a schedule alone. */
int64_t scheduler_now_ns(void);

/* FS with the clocks of the schedule. */
struct strand_fs scheduler_fs(const struct strand_fs *fs);

#endif
