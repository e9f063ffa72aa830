/* engine/watch.h -- Descriptors that tell when something about a log has moved.
 *
 * The public side is strandline/log.h.  A watch's descriptor is of the host, as a cursor is: the
 * budget for segment files does not count it.
 */
#ifndef STRAND_ENGINE_WATCH_H
#define STRAND_ENGINE_WATCH_H

#include "base/thread.h"
#include "engine/log_internal.h"

/* Signal every watch of LOG; those that are signalled already cost a look. */
void strand_watch_signal_locked(struct strand_log *log) STRAND_REQUIRES(log->state);

#endif
