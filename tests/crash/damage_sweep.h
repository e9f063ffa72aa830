/* tests/crash/damage_sweep.h -- What the parts of the damage sweep share.
 *
 *     damage_reference.c   makes the directories that are damaged, and knows what was appended
 *     damage_kinds.c       each way to damage a file
 *     damage_look.c        opens a damaged directory and asks it everything
 *     damage_judge.c       compares the answers; what no evidence can catch, by name
 *     damage_sweep.c       puts these together
 */
#ifndef STRAND_TESTS_DAMAGE_SWEEP_H
#define STRAND_TESTS_DAMAGE_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "simulation/sim_disk.h"
#include "strandline/strandline.h"

enum {
    SWEEP_LOGS = 2,
    SWEEP_OFFSETS = 128, /* offsets of a log are below it */
    SWEEP_EPOCHS = 8,
    SWEEP_FILES = 32,
    SWEEP_BATCHES = 128,
    SWEEP_MOMENTS = 2, /* earlier ones, from which there are stale files */
    SWEEP_PATH = 96,
    SWEEP_TEXT = 2048,
};

/* ---- The reference ---- */

enum sweep_ending {
    SWEEP_CLOSED, /* cleanly: strandline.clean is there */
    SWEEP_CUT,    /* the power went when everything was durable */
    SWEEP_KILLED, /* the process was, with records above the durable end; the same boot */
};

struct sweep_content {
    uint8_t *data; /* owned; NULL: no such file */
    int64_t size;
};

struct sweep_file {
    char path[SWEEP_PATH]; /* below the data directory */
    struct sweep_content now;
    struct sweep_content earlier[SWEEP_MOMENTS];
};

struct sweep_batch {
    int log;
    size_t file;
    int64_t position, size;
    int64_t base, end; /* offsets */
};

struct sweep_log {
    int64_t start, durable_end, end;
    int32_t epochs[SWEEP_OFFSETS]; /* that each offset was written in */
};

struct sweep_reference {
    const char *name;
    enum sweep_ending ending;
    bool is_large;                /* of several blocks a file; its bits are not flipped */
    struct strand_sim_disk *disk; /* owned */
    struct sweep_file files[SWEEP_FILES];
    size_t file_count;
    struct sweep_batch batches[SWEEP_BATCHES];
    size_t batch_count;
    struct sweep_log logs[SWEEP_LOGS];
};

extern const char *const SWEEP_TOPICS[SWEEP_LOGS];
#define SWEEP_DATA "/data"

/* REFERENCE has name, ending and size; the rest is made. */
void sweep_reference_make(struct sweep_reference *reference);
void sweep_reference_free(struct sweep_reference *reference);

/* The record that was appended at OFFSET of LOG; it borrows from static space. */
void sweep_record_make(const struct sweep_reference *reference, int log, int64_t offset,
                       struct strand_record *out_record);

/* CALL succeeds, or the program ends. */
#define SWEEP_MUST(call) sweep_must((call), #call)
void sweep_must(int status, const char *call);

/* ---- Damage ---- */

enum sweep_kind {
    SWEEP_BIT,    /* position: of the bit */
    SWEEP_LENGTH, /* cut off at the position */
    SWEEP_REMOVED,
    SWEEP_ZEROS_BEHIND, /* as many zeros as the file has bytes */
    SWEEP_GARBAGE_BEHIND,
    SWEEP_STALE,    /* all of it as it was at a moment; position: which */
    SWEEP_ZERO_512, /* a block is zeros; position: of the block, counted in blocks */
    SWEEP_ZERO_4096,
    SWEEP_SWAP_512, /* with the next one */
    SWEEP_SWAP_4096,
    SWEEP_STALE_512, /* position: block * SWEEP_MOMENTS + moment */
    SWEEP_STALE_4096,
    SWEEP_MISPLACED_512, /* position: block * SWEEP_FILES + the file whose block it is */
    SWEEP_MISPLACED_4096,
    SWEEP_KINDS
};

extern const char *const SWEEP_KIND_NAMES[SWEEP_KINDS];

struct sweep_damage {
    const struct sweep_reference *reference;
    size_t file;
    enum sweep_kind kind;
    int64_t position;
};

/* Positions of KIND in file number FILE. */
int64_t sweep_damage_count(const struct sweep_reference *reference, size_t file,
                           enum sweep_kind kind);

/* The damaged content, to be freed; data NULL: the file is gone.  false: nothing would change. */
bool sweep_damage_make(const struct sweep_damage *damage, struct sweep_content *out_content);

/* ---- Answers ---- */

enum sweep_served { SWEEP_ABSENT, SWEEP_EQUAL, SWEEP_OTHER_EPOCH };

struct sweep_log_answers {
    bool is_listed, is_open;
    enum strand_log_state state;
    enum strand_recovery_verdict verdict;
    int64_t cut_first;
    bool lost_epochs; /* the history was not readable */
    char reason[512];
    struct strand_positions positions;
    struct strand_leader_epoch epochs[SWEEP_EPOCHS];
    size_t epoch_count;
    uint8_t served[SWEEP_OFFSETS];  /* enum sweep_served */
    char stranger[128];             /* a record that was not appended there; "" for none */
    bool is_told[SWEEP_OFFSETS];    /* a read said that it is damaged */
    int64_t at_time[SWEEP_OFFSETS]; /* what was found for the time of each record; < 0: a status */
};

struct sweep_answers {
    int open_status;
    char sentence[1024];      /* of a refusal */
    char notices[SWEEP_TEXT]; /* warnings and errors */
    struct sweep_log_answers logs[SWEEP_LOGS];
    char violation[512]; /* what must never be; "" when all is well */
};

/* Note what must never be; the first counts. */
void sweep_violate(struct sweep_answers *answers, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

struct sweep_opening {
    uint32_t flags; /* enum strand_engine_flag */
    enum strand_recovery_policy policy;
    bool appends; /* logs that are healthy take a record, and show it */
};

/* Open the directory on DISK, ask, close. */
void sweep_look(const struct sweep_reference *reference, struct strand_sim_disk *disk,
                const struct sweep_opening *opening, struct sweep_answers *out_answers);

/* ---- Judgement ---- */

enum sweep_result { SWEEP_HARMLESS, SWEEP_DETECTED, SWEEP_SAVED, SWEEP_LISTED, SWEEP_WRONG };

/* DISK holds what the opening left of the damaged directory, whose damaged file is CONTENT.
 * *OUT_LINE, for SWEEP_LISTED, is which line of the list.  For SWEEP_WRONG the violation says what
 * is. */
enum sweep_result sweep_judge(const struct sweep_damage *damage,
                              const struct sweep_content *content,
                              const struct sweep_opening *opening, const struct sweep_answers *good,
                              struct sweep_answers *answers, struct strand_sim_disk *disk,
                              size_t *out_line);

/* The same directory opened once more answers the same. */
void sweep_judge_again(const struct sweep_answers *first, struct sweep_answers *second);

/* Name of line LINE of the list; NULL behind the last. */
const char *sweep_list_name(size_t line);

/* A damage that it is about: "closed strandline.frontier stale 0". */
const char *sweep_list_example(size_t line);

#endif
