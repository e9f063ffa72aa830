/* tests/crash/interleave.h -- An engine with all its threads, one interleaving of them, and every
 * crash that may fall into it.
 *
 * A seed decides a plan: how the engine is set up, what its threads do, and in which order they
 * run (support/scheduler.h).  RUN carries it out on the crash kit's disk and notes what was
 * promised; CHECK opens what a crash has left and holds it against the notes.
 *
 * Each record has a number, drawn before it is appended, from which its bytes follow: so any record
 * that is read can be told from any other, and from one that never was.
 */
#ifndef STRAND_TESTS_INTERLEAVE_H
#define STRAND_TESTS_INTERLEAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/preparer.h"
#include "strandline/crash.h"
#include "strandline/strandline.h"
#include "support/scheduler.h"

#define INTERLEAVE_DIRECTORY "/data"
#define INTERLEAVE_TOPIC     "orders"

enum {
    INTERLEAVE_LOGS = 2,
    INTERLEAVE_APPENDERS = 3,
    INTERLEAVE_BATCH_MAX = 3, /* records */
    INTERLEAVE_VALUE_MAX = 64,
    INTERLEAVE_NUMBERS = 512, /* of one log */
    INTERLEAVE_OFFSETS = 1024,
    INTERLEAVE_CUTS = 64, /* truncations of one log, and openings */
    INTERLEAVE_EPOCHS = 64,
    INTERLEAVE_NOTES = 8192,
    INTERLEAVE_PATIENT_MS = 60000,
};

/* ---- The plan (interleave_plan.c) ---- */

enum interleave_appender {
    INTERLEAVE_DURABLE,      /* waits for each append */
    INTERLEAVE_WRITTEN,      /* for none */
    INTERLEAVE_WRITTEN_WAIT, /* for some, later */
    INTERLEAVE_HASTY,        /* with a limit that may pass */
    INTERLEAVE_MIXED,        /* each of these */
};

enum interleave_change {
    INTERLEAVE_TRUNCATE = 1,
    INTERLEAVE_TRIM = 2,
    INTERLEAVE_EPOCH = 4,
    INTERLEAVE_CHECKPOINT = 8,
    INTERLEAVE_SYNC = 16,
    INTERLEAVE_COMMIT_SOON = 32,
};

struct interleave_plan {
    uint64_t seed;
    struct scheduler_plan scheduler;
    int logs;
    int openings; /* one after the other */
    int appenders;
    enum interleave_appender appender[INTERLEAVE_APPENDERS];
    int batches; /* of each appender, in each opening */
    int32_t segment_bytes;
    size_t value_size;
    uint32_t changes;      /* so many ... */
    uint32_t change_kinds; /* ... of these, in each opening */
    bool has_reader;
    uint64_t failing_sync; /* so many syncs after opening, one fails; 0: none does */
    bool has_kills;        /* the process may die, too */
    bool is_patient; /* what nobody waits for is done long after all else: a wake-up that is lost
                        is not made good */
    struct strand_preparer_sizes preparer;
    struct strand_engine_options engine; /* without a seam */
};

void interleave_plan_draw(uint64_t seed, struct interleave_plan *plan);

/* A line for people. */
void interleave_plan_print(const struct interleave_plan *plan);

/* SplitMix64: a number below BELOW. */
uint64_t interleave_draw(uint64_t *state, uint64_t below);

/* ---- What was promised (interleave_promises.c) ---- */

enum interleave_note {
    INTERLEAVE_CREATED = 1, /* a log */
    INTERLEAVE_TRIED,       /* NUMBER and COUNT: the batch may be there */
    INTERLEAVE_NOTED,       /* it was written: OFFSET, EPOCH */
    INTERLEAVE_PROMISED,    /* ... and is durable */
    INTERLEAVE_SEEN,        /* the record alone was read as committed */
    INTERLEAVE_CUT_BEGINS,  /* OFFSET: as asked for */
    INTERLEAVE_CUT_ENDS,    /* OFFSET: where the log ended */
    INTERLEAVE_TRIM_BEGINS, /* OFFSET */
    INTERLEAVE_TRIM_ENDS,
    INTERLEAVE_EPOCH_BEGINS, /* EPOCH */
    INTERLEAVE_EPOCH_ENDS,   /* OFFSET: where it begins */
    INTERLEAVE_SYNC_BEGINS,  /* all logs: what was written is to be durable */
    INTERLEAVE_SYNC_ENDS,
};

struct interleave_fact {
    enum interleave_note kind;
    int log;
    uint32_t number;
    uint32_t count;
    uint32_t thread;
    uint32_t generation; /* counted from 1: in the order they came */
    int32_t epoch;       /* -1: none */
    int64_t offset;
};

uint64_t interleave_pack(const struct interleave_fact *fact);
struct interleave_fact interleave_unpack(uint64_t note);

enum interleave_state {
    INTERLEAVE_IS_UNUSED = 0, /* may not be there */
    INTERLEAVE_IS_TRIED,      /* may be */
    INTERLEAVE_IS_WRITTEN,    /* if it is, where the append said */
    INTERLEAVE_IS_DURABLE,    /* must be there */
};

struct interleave_entry {
    enum interleave_state state;
    uint32_t first; /* of its batch */
    uint32_t count;
    uint32_t thread;
    uint32_t generation;
    int32_t epoch;
    int64_t offset;
    bool is_in_sync; /* that is under way */
};

struct interleave_cut {
    int64_t asked;
    int64_t result;
    uint32_t before; /* generation */
    uint32_t after;
    bool has_ended;
};

struct interleave_log {
    bool is_created;
    struct interleave_entry entries[INTERLEAVE_NUMBERS]; /* by number */
    uint32_t number_end;
    struct interleave_cut cuts[INTERLEAVE_CUTS];
    size_t cut_count;
    int64_t log_start;
    int64_t maybe_start; /* of a trim that is under way; -1: none is */
    struct strand_leader_epoch epochs[INTERLEAVE_EPOCHS];
    size_t epoch_count;
    int32_t maybe_epoch; /* -1: none begins */
};

struct interleave_promises {
    struct interleave_log logs[INTERLEAVE_LOGS];
};

void interleave_promises_read(const uint64_t *notes, size_t count,
                              struct interleave_promises *promises);

/* What truncations have made of a record that was written. */
enum interleave_fate { INTERLEAVE_STAYS, INTERLEAVE_MAY_GO, INTERLEAVE_WENT };
enum interleave_fate interleave_fate(const struct interleave_log *log, uint32_t number);

/* The bytes of a record, and whose they are; false: nobody's. */
void interleave_value_make(int log, uint32_t number, uint8_t *value, size_t size);
bool interleave_value_read(int log, const void *data, size_t size, uint32_t *out_number);
int64_t interleave_timestamp(uint32_t number);

/* ---- Comparing (interleave_verify.c) ---- */

enum interleave_after { INTERLEAVE_AFTER_POWER_CUT, INTERLEAVE_AFTER_KILL, INTERLEAVE_IN_LIFE };

/* Hold LOG, which is open, against what was PROMISED; FS is the kit's.  0, or what
 * strand_crash_fail() returned. */
int interleave_verify(const struct strand_fs *fs, struct strand_log *log, int index,
                      const struct interleave_log *promised, enum interleave_after after);

/* log start <= high watermark <= durable end <= log end. */
int interleave_verify_positions(const struct strand_fs *fs, int index,
                                const struct strand_positions *positions);

/* ---- Running (interleave_run.c) and checking (interleave_check.c): of the kit's program ---- */

struct interleave_context {
    struct interleave_plan plan;
    struct scheduler_counts counts; /* of the last run */
    uint64_t run_count;
    uint64_t state_count; /* that CHECK was called with in the first run, ... */
    uint64_t checked_count;
    uint32_t share; /* ... and looks at one of so many; at all when the run is made again */
};

int interleave_run(const struct strand_fs *fs, void *context);
int interleave_check(const struct strand_fs *fs, void *context,
                     const struct strand_crash_state *state);

#endif
