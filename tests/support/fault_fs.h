/* tests/support/fault_fs.h -- The POSIX seam with faults in front, for tests on real files.
 *
 * One plan for the process.  simulation/ has the disk that loses what was not synced; this one has
 * what that cannot show: short and interrupted calls, counts that cannot be, and the order of
 * calls.
 */
#ifndef STRAND_TESTS_FAULT_FS_H
#define STRAND_TESTS_FAULT_FS_H

#include <stddef.h>

#include "strandline/fs.h"

enum { FAULT_FS_TOO_MUCH = 1 << 20 }; /* a CODE: transfers report one byte more than asked for */

/* Static. */
const struct strand_fs *fault_fs(void);

/* Calls FIRST to LAST, counted from 1 and from here, fail with -CODE (0: they report 0 and do
 * nothing); FIRST 0: none.  Reads, writes and copies are cut to SIZE_MAX bytes, if that is not 0.
 */
void fault_fs_plan(int first, int last, int code, size_t size_max);

/* Calls since the plan was made, and their names in order: "open write sync_data ". */
int fault_fs_calls(void);
const char *fault_fs_trace(void);

#endif
