/* tests/crash/nth_look.h -- A data directory is opened, and asked everything, while calls fail. */
#ifndef STRAND_TESTS_NTH_LOOK_H
#define STRAND_TESTS_NTH_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "crashtest/ledger.h"
#include "strandline/strandline.h"

struct strand_sim_disk;

struct nth_look {
    const struct strand_fs *fs;
    struct strand_sim_disk *killed_on; /* the process dies before it closes; NULL: it closes */
    struct strand_engine_options options;
    bool tries_again; /* what fails is done once more, and then succeeds */
    bool is_damaged;  /* a log has damage: that it says so is no failure */

    /* What came of it. */
    bool has_failed;   /* some call has */
    bool has_lost_log; /* a log is listed as failed */
    bool is_served;    /* every log is, as follows */
    struct crashtest_found found[CRASHTEST_LOGS];
    int status; /* of the first call that failed */
    char sentence[512];
    char about[64];      /* that call */
    uint64_t records;    /* that were read, each in a few ways */
    uint64_t digest;     /* of them, and of all positions and epochs */
    char complaint[256]; /* what no failure explains; "": nothing */
};

/* Open the directory as OPTIONS say, look at every log, do what is due, and close. */
void nth_look(struct nth_look *look);

#endif
