/* tests/support/toy_log.h -- A log of 300 lines that is right, and six ways in which it is not.
 *
 * It keeps records of equal size in segment files below /log, promises them after each sync, and
 * keeps a checkpoint of what it promised.  What it notes: TOY_DURABLE | count, TOY_EPOCH | the
 * first record of the second epoch, TOY_CHECKPOINT | count.
 */
#ifndef STRAND_TESTS_TOY_LOG_H
#define STRAND_TESTS_TOY_LOG_H

#include <stdint.h>

#include "strandline/crash.h"

#define TOY_DURABLE    UINT64_C(0x100000000)
#define TOY_EPOCH      UINT64_C(0x200000000)
#define TOY_CHECKPOINT UINT64_C(0x300000000)

enum toy_bug {
    TOY_IS_RIGHT,
    TOY_PROMISES_BEFORE_SYNC,
    TOY_SYNCS_NO_DIRECTORY,
    TOY_RENAMES_BEFORE_SYNC,
    TOY_CHECKS_NO_CRC,
    TOY_LEAVES_STALE_TAIL,
    TOY_TRUSTS_CACHE, /* recovery syncs what it has read, which a failed sync may have made clean */
    TOY_BUG_COUNT
};

struct toy_log {
    enum toy_bug bug;
    uint32_t record_count;
    uint32_t sync_every;
    uint32_t segment_records;  /* in each segment */
    uint32_t checkpoint_every; /* syncs; 0: never */
};

int toy_log_run(const struct strand_fs *fs, void *toy_log);
int toy_log_check(const struct strand_fs *fs, void *toy_log,
                  const struct strand_crash_state *state);
int toy_log_go_on(const struct strand_fs *fs, void *toy_log,
                  const struct strand_crash_state *state);

static inline struct strand_crash_program
toy_log_program(struct toy_log *toy)
{
    return (struct strand_crash_program){
        .struct_size = sizeof(struct strand_crash_program),
        .context = toy,
        .run = toy_log_run,
        .check = toy_log_check,
        .go_on = toy_log_go_on,
    };
}

#endif
