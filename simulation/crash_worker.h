/* simulation/crash_worker.h -- Checks states that a first crash left, and what a second one leaves.
 *
 * An item is a state behind a first crash.  A worker calls CHECK on it; with a depth of 2 it
 * records what CHECK and GO_ON do, and checks every state that a crash at any boundary of that may
 * leave, unless somebody has checked the same before.
 *
 * Threading: each thread has a worker; all of them share one STRAND_CRASH_WORK, whose tables lock
 * themselves.
 */
#ifndef STRAND_SIMULATION_CRASH_WORKER_H
#define STRAND_SIMULATION_CRASH_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "simulation/crash_attempt.h"
#include "simulation/crash_seen.h"

/* What was looked at. */
struct strand_crash_counts {
    uint64_t unique;
    uint64_t generated;
    uint64_t recoveries;
    uint64_t points;
    uint64_t sampled_points;
};

void strand_crash_counts_add(struct strand_crash_counts *to,
                             const struct strand_crash_counts *from);

struct strand_crash_item {
    struct strand_crash_disk image; /* owned */
    uint64_t point;
    uint64_t state;
    uint32_t kind;      /* enum strand_crash_kind */
    size_t note_count;  /* before the crash */
    uint64_t note_hash; /* of those */
    bool is_violated;   /* by CHECK or GO_ON on this very state */
};

/* Shared by the workers. */
struct strand_crash_work {
    const struct strand_crash_setup *setup; /* borrowed */
    struct strand_crash_seen first;         /* states behind one crash; not changed meanwhile */
    struct strand_crash_seen second;        /* behind two */
    const uint64_t *notes;                  /* borrowed; those of RUN */
    struct strand_crash_item *items;        /* owned */
    size_t item_count;
    uint64_t first_item; /* how many came before these */
    atomic_size_t next;  /* the first that nobody works on; relaxed: a counter */
    atomic_bool is_late; /* the time limit has passed; relaxed: a hint to stop */
    int64_t deadline_ns; /* INT64_MAX: none */
};

/* All zeros but WORK, and RULES of STATES: ready. */
struct strand_crash_worker {
    struct strand_crash_work *work; /* borrowed */
    struct strand_crash_states states;
    struct strand_sim_record record;
    struct strand_crash_disk disk;  /* while CHECK and GO_ON work on it */
    struct strand_crash_disk image; /* behind a second crash */
    uint64_t *notes;                /* owned; of RUN, then of CHECK and GO_ON */
    size_t note_capacity;
    struct strand_crash_counts counts;
    uint64_t *refused; /* owned; keys of states behind a second crash, which CHECK
                          refused */
    size_t refused_count;
    size_t refused_capacity;
};

/* Take items until there are none. */
void strand_crash_worker_work(struct strand_crash_worker *worker);
void strand_crash_worker_free(struct strand_crash_worker *worker);

/* What tells a state from all others: HASH is of the disk, NOTE_HASH of the notes, RUN_NOTE_COUNT
 * of them RUN's; BOOTS tells apart what a process that finds its own boot may do. */
uint64_t strand_crash_state_key(uint64_t hash, uint32_t kind, uint64_t boots, uint64_t note_hash,
                                size_t run_note_count);

/* The hash of the notes that have HASH, and NOTE behind them. */
uint64_t strand_crash_note_hash(uint64_t hash, uint64_t note);

/* What CHECK is to find on ITEM. */
struct strand_crash_past strand_crash_item_past(const struct strand_crash_item *item,
                                                const uint64_t *notes);

/* The same, after a second crash of KIND, when NOTES holds NOTE_COUNT in all. */
struct strand_crash_past strand_crash_second_past(const struct strand_crash_past *first,
                                                  const struct strand_crash_disk *image,
                                                  uint32_t kind, const uint64_t *notes,
                                                  size_t note_count);

#endif
