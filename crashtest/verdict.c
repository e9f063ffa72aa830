/* crashtest/verdict.c -- Sentences for the kit. */
#include "crashtest/verdict.h"

#include <stdio.h>

#include "strandline/crash.h"

void
crashtest_violated_list(const struct strand_fs *fs, enum crashtest_invariant invariant,
                        const char *format, va_list args)
{
    char text[STRAND_CRASH_SENTENCE_SIZE];

    (void)vsnprintf(text, sizeof text, format, args); /* may be cut */
    (void)strand_crash_fail(fs, "%s (%d): %s", crashtest_invariant_name(invariant), (int)invariant,
                            text);
}

void
crashtest_violated(const struct strand_fs *fs, enum crashtest_invariant invariant,
                   const char *format, ...)
{
    va_list args;

    va_start(args, format);
    crashtest_violated_list(fs, invariant, format, args);
    va_end(args);
}
