/* crashtest/verdict.h -- What is wrong, in a sentence that begins with the invariant's name. */
#ifndef STRAND_CRASHTEST_VERDICT_H
#define STRAND_CRASHTEST_VERDICT_H

#include <stdarg.h>

#include "crashtest/invariants.h"
#include "strandline/fs.h"

/* Tell the kit: "served_is_durable (22): orders: ...".  FS is the table that the kit gave; the
 * first sentence counts. */
void crashtest_violated(const struct strand_fs *fs, enum crashtest_invariant invariant,
                        const char *format, ...) __attribute__((format(printf, 3, 4)));
void crashtest_violated_list(const struct strand_fs *fs, enum crashtest_invariant invariant,
                             const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

#endif
