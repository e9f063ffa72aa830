/* base/assert.h -- Checks of our own logic.  Never of input: not from callers, disks or networks.
 *
 * strand_assert stays on in every build type.  A log engine that continues after a broken invariant
 * turns a crash into lost data.  Keep its conditions cheap; use strand_debug_assert for O(n)
 * checks.
 */
#ifndef STRAND_BASE_ASSERT_H
#define STRAND_BASE_ASSERT_H

_Noreturn void strand_assert_failed(const char *file, int line, const char *condition);

#define strand_assert(condition)                                                                   \
    ((condition) ? (void)0 : strand_assert_failed(__FILE__, __LINE__, #condition))

#ifdef NDEBUG
#define strand_debug_assert(condition) ((void)sizeof(condition))
#else
#define strand_debug_assert(condition) strand_assert(condition)
#endif

#endif
