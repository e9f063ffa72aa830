/* tests/support/crash_model.h -- What a program was promised, kept beside the engine while it
 * works, and held against what is there after a crash.
 *
 * The model drives one engine on a simulated disk with records whose values are all different.
 * Each operation is noted before it is tried and settled when it returned: at a crash at most the
 * last one is open, and either outcome of it is legal.
 */
#ifndef STRAND_TESTS_CRASH_MODEL_H
#define STRAND_TESTS_CRASH_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "simulation/sim_disk.h"
#include "strandline/strandline.h"

enum { MODEL_LOGS = 2, MODEL_OFFSETS = 4096, MODEL_VALUE_SIZE = 48 };
enum { MODEL_BROKER_FILES = 2, MODEL_BROKER_SIZE_MAX = 4096, MODEL_PATH_SIZE = 128 };

struct model_log {
    bool exists;           /* promised to be there */
    bool is_open_question; /* a creation or deletion was under way */
    bool is_replicated;
    int64_t start;       /* promised log start */
    int64_t maybe_start; /* a trim or reset was under way to here; -1: none */
    int64_t durable_end; /* everything below is promised */
    int64_t written_end; /* likewise, when only the process dies */
    int64_t end;         /* nothing at or above was ever appended */
    int64_t maybe_end;   /* a truncation was under way to here; -1: none */
    int64_t maybe_reset; /* a reset was under way to here; -1: none */
    int32_t epoch;       /* promised as the newest; of a log without replicas */
    int32_t maybe_epoch; /* was being begun; -1: none */
    int32_t epochs[MODEL_OFFSETS];
    uint32_t values[MODEL_OFFSETS]; /* 0: a gap */
};

/* A segment as a broker left it; beside it stands an index that is true of just these bytes. */
struct model_broker_file {
    char segment[MODEL_PATH_SIZE]; /* paths; "": none */
    char index[MODEL_PATH_SIZE];
    uint8_t data[MODEL_BROKER_SIZE_MAX];
    int64_t size;
};

struct model {
    struct strand_sim_disk *disk;
    struct strand_engine *engine;
    struct strand_log *logs[MODEL_LOGS]; /* NULL: no handle */
    struct model_log expected[MODEL_LOGS];
    struct model_broker_file broker[MODEL_BROKER_FILES];
    uint32_t next_value;
    int32_t segment_bytes;
    int codec;
    int32_t preparation; /* enum strand_preparation */
    bool copies_reads;
    bool
        saves_nothing; /* there are neither gaps nor epochs, which an interrupted cut contradicts */
    bool is_ordered; /* what was lost was lost in order: nothing whole may be found behind a hole */
    bool pins_cuts;  /* a reader holds what a truncation cuts */
    char violation[512]; /* "" while all is well */
};

void model_init(struct model *model, struct strand_sim_disk *disk, int32_t segment_bytes);

/* Each returns the engine's status; the model is settled accordingly. */
int model_open(struct model *model);
int model_create(struct model *model, int log);
int model_create_replicated(struct model *model, int log);
int model_append(struct model *model, int log, int count, int durability);

/* One batch of COUNT records from a leader, GAP offsets above the log end. */
int model_follow(struct model *model, int log, int gap, int count, int32_t epoch, int durability);
int model_sync(struct model *model);

/* NS later: what is due is done, which is where space is prepared. */
int model_run(struct model *model, int64_t ns);
int model_truncate(struct model *model, int log, int64_t offset);
int model_trim(struct model *model, int log, int64_t offset);
int model_reset(struct model *model, int log, int64_t offset);
int model_begin_epoch(struct model *model, int log, int32_t epoch);
int model_delete(struct model *model, int log);
int model_close(struct model *model);

/* The engine is closed.  A broker opens the directory, compacts the first segment of LOG (the
 * second batch goes), cuts the log off behind the first batch of its second segment, which it has
 * prepared with zeros, indexes what is left, and is shut down cleanly; all of it durable. */
int model_let_broker_change(struct model *model, int log);

/* Give up every handle, as a dying process does: nothing reaches the disk any more. */
void model_abandon(struct model *model);

/* The process died, not the machine: what was written is promised, too. */
void model_note_kill(struct model *model);

/* Reopen and hold what is there against what was promised; then settle the open questions by what
 * was found.  false: model->violation says what is wrong. */
bool model_check(struct model *model);

#endif
