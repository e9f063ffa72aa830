/* tests/crash/nth_internal.h -- What the parts of the Nth-call loops share.
 *
 *     nth_case.c   disks, checks, what may be said, results
 *     nth_run.c    while a workload runs
 *     nth_open.c   while what a crash has left is opened and read, or salvaged
 *     nth_codec.c  while records are compressed, and read
 *     nth_look.c   a directory is opened and asked everything
 */
#ifndef STRAND_TESTS_NTH_INTERNAL_H
#define STRAND_TESTS_NTH_INTERNAL_H

#include "crashtest/driver.h"
#include "nth_case.h"
#include "simulation/sim_record.h"

enum { NTH_NOTES_MAX = 1024, NTH_KILL = -1 };

/* From the arguments. */
struct nth_settings {
    const char *index_directory;
    const char *workload; /* NULL: all */
    uint64_t stride;
    bool does_all;
};
extern struct nth_settings nth_settings;

/* What has come of it, so far. */
struct nth_counts {
    uint64_t faults;     /* planned, and met */
    uint64_t refusals;   /* calls of the library that were refused for one */
    uint64_t lost_logs;  /* that had failed for good, or were listed as failed */
    uint64_t recoveries; /* checks behind a crash */
    uint64_t torn_slots; /* of these ended at one */
};
extern struct nth_counts nth_counts;

/* A disk, and what was promised on it. */
struct nth_past {
    struct strand_sim_disk *disk;
    uint64_t notes[NTH_NOTES_MAX];
    size_t note_count;
    size_t cut_note_count; /* that came before the last power cut */
};

/* What is tried at the moment. */
struct nth_trial {
    const struct crashtest_workload *workload;
    enum nth_mode mode;
    const struct nth_source *source;
    const char *what; /* run, open, salvage */
    uint64_t point;   /* call of the run that the crash came at; 0: none */
    int loss;         /* NTH_KILL, or enum strand_sim_loss */
    uint64_t nth;
    uint64_t stride; /* N grows by it */
    struct crashtest_setting setting;
    struct crashtest_script run;
    struct crashtest_script more; /* what goes on behind the fault */
};

/* A run has many calls, an opening few: with a share of all, a larger one of these. */
struct nth_trial nth_trial(const char *what, const struct crashtest_workload *workload,
                           enum nth_mode mode, const struct nth_source *source);

/* Where N begins: with a share of all, elsewhere for each workload. */
uint64_t nth_first(const struct nth_trial *trial);

/* The index of NTH_LMDB is not there any more. */
void nth_clear_index(const struct nth_trial *trial);

/* Say what is tried, and what is wrong, and end the program. */
void nth_fail(const struct nth_trial *trial, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

/* A call, ABOUT, was refused with STATUS: it may be, and SENTENCE says why. */
void nth_check_status(const struct nth_trial *trial, int status, const char *sentence,
                      const char *about);

/* ---- Disks ---- */

/* An empty one, on which RECORD is told what is done. */
void nth_past_create(const struct nth_trial *trial, struct nth_past *past,
                     struct strand_sim_record *record);

/* The process has come to its end: nothing fails any more.  Takes the notes; frees RECORD. */
void nth_past_end(struct nth_past *past, struct strand_sim_record *record);
void nth_past_copy(const struct nth_past *from, struct nth_past *to);
void nth_past_crash(struct nth_past *past, int loss, uint64_t seed);

/* Crash copies of PAST, and hold each against what was promised. */
void nth_check(const struct nth_trial *trial, const struct nth_past *past);

#endif
