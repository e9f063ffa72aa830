/* base/fork_guard.h -- Tells a forked child that what it inherited is not its own.
 *
 * One page of memory that the kernel wipes in every child, however it was forked
 * (MADV_WIPEONFORK, Linux 4.14).  Looking at it costs one load.
 */
#ifndef STRAND_BASE_FORK_GUARD_H
#define STRAND_BASE_FORK_GUARD_H

#include <stdbool.h>

#include "strandline/status.h"

struct strand_fork_guard; /* the page */

STRAND_MUST_USE int strand_fork_guard_create(struct strand_fork_guard **out_guard);
void strand_fork_guard_destroy(struct strand_fork_guard *guard); /* accepts NULL */

/* Whether the caller runs in a child of the process that created GUARD. */
bool strand_fork_guard_is_child(const struct strand_fork_guard *guard);

#endif
