/* tests/crash/interleave_work.h -- What the threads of a run share.
 *
 * Between two switch points a thread is alone, so nothing here needs a lock: a note is made in
 * memory and, behind a switch point, for the kit.
 */
#ifndef STRAND_TESTS_INTERLEAVE_WORK_H
#define STRAND_TESTS_INTERLEAVE_WORK_H

#include "base/thread.h"
#include "crash/interleave.h"

enum {
    INTERLEAVE_THREADS = INTERLEAVE_APPENDERS + 2,
    INTERLEAVE_PATIENCE_MS = 20000,
    INTERLEAVE_PAUSE_MS =
        30000, /* longer than that, and shorter than what INTERLEAVE_PATIENT_MS says */
};

struct interleave_work {
    const struct strand_fs *kit; /* for notes */
    struct strand_fs fs;         /* for the engine: with the clocks of the schedule */
    const struct interleave_plan *plan;
    struct strand_engine *engine;
    struct strand_log *logs[INTERLEAVE_LOGS];
    uint32_t next_number[INTERLEAVE_LOGS];
    uint64_t generations[INTERLEAVE_LOGS][INTERLEAVE_CUTS]; /* as they came */
    uint32_t generation_count[INTERLEAVE_LOGS];
    int appending; /* threads */
    bool is_changing;
    bool has_failed[INTERLEAVE_LOGS]; /* a sync, and an append or a wait has told so */
    bool has_met_failure;             /* somebody was told of one */
    int result;
    uint64_t notes[INTERLEAVE_NOTES];
    size_t note_count;
};

struct interleave_worker {
    struct interleave_work *work;
    uint32_t thread; /* its number */
    uint64_t random;
    struct strand_thread handle;
};

/* Note FACT. */
void interleave_note_fact(struct interleave_work *work, const struct interleave_fact *fact);

/* ... of a change, GENERATION 0: none. */
void interleave_note_change(struct interleave_work *work, enum interleave_note kind, int log,
                            int64_t offset, int32_t epoch, uint64_t generation);

/* STATUS of a call that had to succeed, unless a sync was to fail. */
bool interleave_is_well(struct interleave_work *work, int status, const char *what);

/* The first sentence counts. */
void interleave_fail(struct interleave_work *work, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Generations, counted as they come. */
uint32_t interleave_generation(struct interleave_work *work, int log, uint64_t generation);

/* The positions, which are in order. */
bool interleave_look(struct interleave_work *work, int log, struct strand_positions *out_positions);

/* What the threads do; the argument is a struct interleave_worker. */
void interleave_append_main(void *argument);
void interleave_change_main(void *argument);
void interleave_read_main(void *argument);

#endif
