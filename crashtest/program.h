/* crashtest/program.h -- A script made a program that the crash kit can explore.
 *
 * Threading: as strand_crash_explore() calls it; counters are added up under a lock.
 */
#ifndef STRAND_CRASHTEST_PROGRAM_H
#define STRAND_CRASHTEST_PROGRAM_H

#include "base/thread.h"
#include "crashtest/check.h"

enum crashtest_index {
    CRASHTEST_INDEX_MEMORY,  /* begins empty with each opening */
    CRASHTEST_INDEX_KEPT,    /* LMDB, as of the last commit before the crash */
    CRASHTEST_INDEX_OLD,     /* as of a commit long before it */
    CRASHTEST_INDEX_GONE,    /* its files are not there any more */
    CRASHTEST_INDEX_DAMAGED, /* bytes of it are wrong */
};

struct crashtest_program {
    struct crashtest_script run;
    struct crashtest_script go_on; /* with the settings of RUN */
    uint32_t looks;                /* enum crashtest_look */
    enum crashtest_index index;
    struct crashtest_images *images; /* owned; NULL: the index is in memory */
    struct strand_mutex lock;        /* guards what follows */
    struct crashtest_counts counts;  /* of all checks so far */
};

/* INDEX other than CRASHTEST_INDEX_MEMORY needs RAM_DIRECTORY, of its own, on a RAM disk. */
STRAND_MUST_USE int crashtest_program_init(struct crashtest_program *program,
                                           const struct crashtest_script *run,
                                           const struct crashtest_script *go_on,
                                           enum crashtest_index index, const char *ram_directory);
void crashtest_program_deinit(struct crashtest_program *program);

/* What strand_crash_explore() takes; valid as long as PROGRAM. */
struct strand_crash_program crashtest_program_callbacks(struct crashtest_program *program);

#endif
