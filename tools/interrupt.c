/* tools/interrupt.c -- The handler writes a byte to a pipe, so that a signal between a check and a
 * poll() is not missed.
 */
#include "tools/interrupt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "base/error.h"

static volatile sig_atomic_t caught_signal;
static atomic_bool is_stopped; /* by a thread of ours */
static int pipe_ends[2] = {-1, -1};

/* End a poll() that is going on, and each one to come. */
static void
wake(void)
{
    /* The pipe is empty: there is room for a byte.  Were it not so, it is readable already. */
    ssize_t written = write(pipe_ends[1], "", 1);

    (void)written;
}

static void
catch_signal(int number)
{
    int code = errno;

    caught_signal = number;
    wake();
    errno = code;
}

int
cli_interrupt_install(void)
{
    struct sigaction action = {.sa_handler = catch_signal, .sa_flags = (int)SA_RESETHAND};

    if (pipe(pipe_ends) != 0)
        return strand_fail_code(errno, "create a pipe for signals");
    (void)sigemptyset(&action.sa_mask);
    if (sigaction(SIGINT, &action, NULL) != 0 || sigaction(SIGTERM, &action, NULL) != 0)
        return strand_fail_code(errno, "install signal handlers");
    return STRAND_OK;
}

int
cli_interrupt_signal(void)
{
    return caught_signal;
}

void
cli_interrupt_stop(void)
{
    atomic_store(&is_stopped, true);
    wake();
}

bool
cli_interrupt_is_wanted(void)
{
    return caught_signal != 0 || atomic_load(&is_stopped);
}

int
cli_interrupt_descriptor(void)
{
    return pipe_ends[0];
}

void
cli_interrupt_sleep(int timeout_ms)
{
    struct pollfd wanted = {.fd = pipe_ends[0], .events = POLLIN};

    /* A signal makes it return early; so may an error, which costs a look too many. */
    (void)poll(&wanted, 1, timeout_ms);
}
