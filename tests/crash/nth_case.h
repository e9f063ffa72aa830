/* tests/crash/nth_case.h -- The Nth call of something fails, for N = 1, 2, ... until none is left.
 *
 * What fails is a source: allocations, calls to the disk.  It is made to fail while one of the
 * crash kit's workloads runs, and while what a crash has left of one is opened and read.  Then
 * nothing fails any more, and the same engine, or the next one, has to go on; then the process is
 * killed or the power goes, and the kit's check holds what is left against what was promised.
 *
 * Everything here ends the program, with a line that says where, when something is wrong.
 */
#ifndef STRAND_TESTS_NTH_CASE_H
#define STRAND_TESTS_NTH_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crashtest/workloads.h"
#include "simulation/sim_disk.h"
#include "strandline/strandline.h"

struct nth_source {
    const char *name; /* "EIO", "EIO from there on" */
    /* Call NTH from here on fails, and with this source the ones behind it, perhaps. */
    void (*arm)(struct strand_sim_disk *disk, uint64_t nth);
    /* Nothing fails any more; whether call NTH was reached. */
    bool (*disarm)(struct strand_sim_disk *disk, uint64_t nth);
    const int *statuses; /* what a call that it struck may give; ends with STRAND_OK */
    const char *word;    /* that a sentence has with the first of the statuses; NULL: none */
    bool is_once;        /* what failed succeeds when it is done once more */
};

enum nth_mode {
    NTH_PLAIN,
    NTH_SHORT, /* the disk reads and writes 7 bytes at a time */
    NTH_LMDB,  /* the index is a real one */
};

/* Read the arguments [STRIDE [WORKLOAD]]: N grows by STRIDE.  With 1, the default, behind each
 * fault all ways to crash are tried, and many places of crashes; else the process dies, and the
 * power goes in one way.  INDEX_DIRECTORY, for NTH_LMDB: one that is there.  Ends the program when
 * they are wrong. */
void nth_begin(int argc, char **argv, const char *index_directory);

/* Whether WORKLOAD is asked for, and whether all is done. */
bool nth_is_chosen(const struct crashtest_workload *workload);
bool nth_does_all(void);

/* Print what has come of it.  Returns the exit status: a failure when nothing was made to fail. */
int nth_end(void);

/* The source strikes while WORKLOAD runs. */
void nth_run(const struct crashtest_workload *workload, enum nth_mode mode,
             const struct nth_source *source);

/* ... while what crashes have left of WORKLOAD is opened and read. */
void nth_open(const struct crashtest_workload *workload, enum nth_mode mode,
              const struct nth_source *source);

/* ... while a log of WORKLOAD is salvaged: it was closed, and has a batch that is damaged. */
void nth_salvage(const struct crashtest_workload *workload, const struct nth_source *source);

/* ... while records are compressed by each codec, and while they are read. */
void nth_codecs(const struct nth_source *source);

#endif
