/* base/error.h -- Record why something failed, for the thread that it failed on.
 *
 * Recorded once, at the origin, as "verb object: cause" ("sync orders-0/00..42.log: Input/output
 * error"); callers return the status unchanged.  The record holds prose; the status travels in the
 * return value.  strand_fail() and strand_fail_code() clear the offsets; strand_error_set_offsets()
 * follows them.  strand_fail_context() keeps them: it speaks of the same failure.
 */
#ifndef STRAND_BASE_ERROR_H
#define STRAND_BASE_ERROR_H

#include <stddef.h>

#include "base/assert.h"
#include "strandline/status.h"

#define STRAND_PRINTF(text, first) __attribute__((format(printf, text, first)))

enum { STRAND_ERROR_MESSAGE_SIZE_MAX = 512 }; /* terminator included; longer ones are cut */

/* Remember the message for this thread and return STATUS. */
int strand_fail(int status, const char *format, ...) STRAND_PRINTF(2, 3);

/* As strand_fail(), with the status derived from CODE (an errno value, positive) and its text
 * appended to the message as ": text". */
int strand_fail_code(int code, const char *format, ...) STRAND_PRINTF(2, 3);

/* Put CONTEXT and ": " in front of the message; return STATUS. */
int strand_fail_context(int status, const char *format, ...) STRAND_PRINTF(2, 3);

/* A failure is never STRAND_OK.  Said here, where compilers and analysers see it: behind a call
 * that fails they then do not look for what it would have returned. */
static inline int
strand_failure(int status)
{
    strand_assert(status != STRAND_OK);
    return status;
}

#define strand_fail(status, ...)         strand_failure(strand_fail(status, __VA_ARGS__))
#define strand_fail_code(code, ...)      strand_failure(strand_fail_code(code, __VA_ARGS__))
#define strand_fail_context(status, ...) strand_failure(strand_fail_context(status, __VA_ARGS__))

/* The status for an errno value. */
int strand_status_from_errno(int code);

/* What strand_error_offsets() will return for this thread. */
void strand_error_set_offsets(int64_t first, int64_t next);

#endif
