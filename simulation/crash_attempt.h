/* simulation/crash_attempt.h -- The program that is explored, called once: on an empty disk, or on
 * one that a crash has left.
 *
 * Threading: attempts do not share anything but the program itself.
 */
#ifndef STRAND_SIMULATION_CRASH_ATTEMPT_H
#define STRAND_SIMULATION_CRASH_ATTEMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "simulation/crash_disk.h"
#include "simulation/crash_states.h"
#include "simulation/sim_disk.h"
#include "simulation/sim_record.h"
#include "strandline/crash.h"

/* What is explored, and how: the options with their defaults filled in. */
struct strand_crash_setup {
    struct strand_crash_program program;
    struct strand_crash_rules rules;
    struct strand_sim_disk_options disk;
    int32_t depth;
    uint32_t crashes;
    uint32_t faults;
    uint32_t jobs;
    uint64_t violations_max;
    int64_t time_limit_ns; /* 0: none */
    strand_crash_progress_fn *progress;
    void *progress_context;
};

/* One call is made to fail.  FAULT 0: none is. */
struct strand_crash_planned {
    uint32_t fault; /* one of enum strand_crash_fault */
    uint64_t call;
};

/* What has happened to a machine. */
struct strand_crash_past {
    const struct strand_crash_disk *image; /* borrowed */
    uint64_t boots;                        /* power cuts */
    uint64_t lives;                        /* crashes */
    struct strand_crash_state state;
};

/* Call RUN with a fault that may be planned; RECORD, cleared before, is told what it does.  true:
 * it did what it should.  *OUT_IS_STRUCK (may be NULL): the planned call was reached. */
bool strand_crash_attempt_run(const struct strand_crash_setup *setup,
                              const struct strand_crash_planned *planned,
                              struct strand_sim_record *record, bool *out_is_struck,
                              char out_sentence[STRAND_CRASH_SENTENCE_SIZE]);

/* Call CHECK on what PAST has left, and with GOES_ON GO_ON too, when there is one.  RECORD, cleared
 * before, is told what they do; NULL: nobody is.  With HAS_TEXTS operations have texts. */
bool strand_crash_attempt_check(const struct strand_crash_setup *setup,
                                const struct strand_crash_past *past, bool goes_on, bool has_texts,
                                struct strand_sim_record *record,
                                char out_sentence[STRAND_CRASH_SENTENCE_SIZE]);

#endif
