/* base/notifier.h -- A descriptor that becomes readable when it is told to: eventfd.
 *
 * For hosts that wait with poll() or epoll and not in a call of the library.  Signals that nobody
 * has cleared are one.  Signalling and clearing never block.
 *
 * Threading: any thread may signal, clear and wait; one closes, when nobody else does anything.
 */
#ifndef STRAND_BASE_NOTIFIER_H
#define STRAND_BASE_NOTIFIER_H

#include "strandline/status.h"

struct strand_notifier {
    int descriptor; /* of ours, closed on exec; only to be waited for */
};

/* STRAND_ERR_DESCRIPTORS, _NO_MEMORY. */
STRAND_MUST_USE int strand_notifier_open(struct strand_notifier *out_notifier);

/* Readable from here on. */
void strand_notifier_signal(const struct strand_notifier *notifier);

/* Not readable any more. */
void strand_notifier_clear(const struct strand_notifier *notifier);

void strand_notifier_close(struct strand_notifier *notifier);

#endif
