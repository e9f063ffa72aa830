/* base/notifier.c -- eventfd: one descriptor, where a pipe would take two. */
#include "base/notifier.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"

int
strand_notifier_open(struct strand_notifier *out_notifier)
{
    int descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    if (descriptor < 0)
        return strand_fail_code(errno, "create a descriptor for a watch");
    out_notifier->descriptor = descriptor;
    return STRAND_OK;
}

void
strand_notifier_signal(const struct strand_notifier *notifier)
{
    const uint64_t one = 1;
    ssize_t written;

    /* What else it may say is EAGAIN: as many signals as fit are waiting; readable it is. */
    do
        written = write(notifier->descriptor, &one, sizeof one);
    while (written < 0 && errno == EINTR);
}

void
strand_notifier_clear(const struct strand_notifier *notifier)
{
    uint64_t count;
    ssize_t size;

    /* What else it may say is EAGAIN: there was nothing to clear. */
    do
        size = read(notifier->descriptor, &count, sizeof count);
    while (size < 0 && errno == EINTR);
}

void
strand_notifier_close(struct strand_notifier *notifier)
{
    (void)close(
        notifier->descriptor); /* nothing was written to lose; it is gone whatever it says */
    notifier->descriptor = -1;
}
