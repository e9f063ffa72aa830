/* tests/support/hold_fs.h -- A seam whose syncs and writes wait until the test lets them go.
 *
 * It stands in front of another seam and shows what a thread meets while another is in the middle
 * of its work, without sleeping.  One for the process.  Files are known by a part of their path.
 */
#ifndef STRAND_TESTS_HOLD_FS_H
#define STRAND_TESTS_HOLD_FS_H

#include "strandline/fs.h"

enum hold_fs_kind { HOLD_FS_SYNC, HOLD_FS_WRITE };

/* Static; INNER outlives it.  Nothing is held, the trace is empty. */
const struct strand_fs *hold_fs(const struct strand_fs *inner);

/* Calls of KIND on files whose path holds PART wait, from here on / go on. */
void hold_fs_hold(enum hold_fs_kind kind, const char *part);
void hold_fs_release(enum hold_fs_kind kind, const char *part);

/* Return when COUNT calls or more wait for that release. */
void hold_fs_await(enum hold_fs_kind kind, const char *part, int count);

/* How many do. */
int hold_fs_held(enum hold_fs_kind kind, const char *part);

/* What was let through since the trace was begun, in order: of writes those to log files, with the
 * number of parts ("a-0*3 "), of syncs those of log files ("a-0 "), of the frontier ("frontier ")
 * and of checkpoints ("checkpoint ").  Static. */
void hold_fs_begin_trace(enum hold_fs_kind kind);
const char *hold_fs_trace(void);

#endif
