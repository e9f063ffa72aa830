/* crashtest/check.h -- Open what a crash has left, and hold it against the ledger.
 *
 * Each thing that must hold is asked by crashtest_holds(), which counts the question, and makes the
 * sentence when the answer is no.
 */
#ifndef STRAND_CRASHTEST_CHECK_H
#define STRAND_CRASHTEST_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "crashtest/driver.h"
#include "crashtest/invariants.h"
#include "strandline/crash.h"

/* How a state is looked at, besides what every check does. */
enum crashtest_look {
    CRASHTEST_LOOK_AGAIN = 1, /* recovery once more, read-only before, index and files in detail */
    CRASHTEST_LOOK_FULL = 2,  /* recovery while the disk has no room at all */
    CRASHTEST_LOOK_ON = 4,    /* behind a first crash: go on with the second script */
};

/* How often each invariant was asked. */
struct crashtest_counts {
    uint64_t asked[CRASHTEST_INVARIANT_END];
};

/* What was seen before opening. */
struct crashtest_before {
    bool has_tail[CRASHTEST_LOGS];     /* a rewrite was interrupted: see check_again.c */
    bool has_marker;                   /* strandline.clean is there */
    int64_t scannable[CRASHTEST_LOGS]; /* log files that recovery may read, */
    int64_t scannable_bytes[CRASHTEST_LOGS];
};

struct crashtest_check {
    struct crashtest_driver driver; /* engine, logs and the ledger */
    const struct strand_fs *fs;
    const struct strand_crash_state *state;
    const struct crashtest_script *go_on; /* borrowed */
    uint32_t looks;                       /* enum crashtest_look */
    bool is_behind_interruption;          /* the crash has fallen into a recovery: 21 */
    struct crashtest_before before;
    struct crashtest_counts counts;
};

/* Whether IT_HOLDS.  If not, the sentence begins with the invariant's name and number. */
bool crashtest_holds(struct crashtest_check *check, enum crashtest_invariant invariant,
                     bool it_holds, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* All of it, on CHECK, whose driver was initialised with the script that was run: reads the ledger,
 * looks, opens, looks, notes what was found, goes on, and gives the engine up. */
bool crashtest_check_all(struct crashtest_check *check);

/* ---- Parts; each says by crashtest_holds() what is wrong, and then returns false ---- */

/* check_log.c: open LOG and hold its positions and epochs against the ledger: 1, 4, 5, 8, 10-15, 22
 * and 30.  OUT_FOUND is what is there. */
bool crashtest_check_log(struct crashtest_check *check, int32_t log,
                         struct crashtest_found *out_found);

/* check_records.c: the records of LOG, which is open, from START to END: 1-6, 12, 25. */
bool crashtest_check_records(struct crashtest_check *check, int32_t log, int64_t start,
                             int64_t end);

/* check_files.c.  Before opening (16, 17, 27): the files with a final name, raw.  With the engine
 * open (7, 9, 12, 16, 17, 24, 28): segments and their bytes, epoch file, checkpoints, leftovers,
 * the report. */
bool crashtest_check_files_before(struct crashtest_check *check);
bool crashtest_check_files_open(struct crashtest_check *check);

/* check_index.c (18, 19), engine open: every offset and timestamp of LOG is looked up before and
 * after the index has been brought up to date, against what a scan of all batches says. */
bool crashtest_check_index(struct crashtest_check *check, int32_t log);

/* check_again.c.  Read-only, before the recovery (32): what it will decide, changing no byte. After
 * it, the engine open: a second writer is refused (31); killed and opened again (20): no byte
 * changes, the same positions. */
struct crashtest_forecast {
    int status; /* of the opening */
    struct crashtest_found logs[CRASHTEST_LOGS];
};
bool crashtest_forecast(struct crashtest_check *check, struct crashtest_forecast *out_forecast);
bool crashtest_check_forecast(struct crashtest_check *check,
                              const struct crashtest_forecast *forecast);
bool crashtest_check_again(struct crashtest_check *check);

/* check_full.c (29): opening with no room, reading all, refusing, going on when there is room. */
bool crashtest_check_full(struct crashtest_check *check);

#endif
