/* tools/interrupt.h -- SIGINT and SIGTERM as something that can be polled for.
 *
 * A command that has begun work ends it in order: append finishes the batch and waits until it is
 * durable, tail writes out what it has.  A second signal ends the process at once.
 */
#ifndef STRAND_TOOLS_INTERRUPT_H
#define STRAND_TOOLS_INTERRUPT_H

#include <stdbool.h>

#include "strandline/status.h"

/* From now on the signals are remembered and not deadly. */
STRAND_MUST_USE int cli_interrupt_install(void);

/* The signal that came, 0 for none. */
int cli_interrupt_signal(void);

/* From any thread: no more input is wanted, although no signal came. */
void cli_interrupt_stop(void);

/* Did a signal come, or cli_interrupt_stop()? */
bool cli_interrupt_is_wanted(void);

/* Readable from then on; -1 before cli_interrupt_install(). */
int cli_interrupt_descriptor(void);

/* Sleep TIMEOUT_MS or until a signal comes. */
void cli_interrupt_sleep(int timeout_ms);

#endif
