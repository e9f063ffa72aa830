/* support/tsan_criterion.c -- Lets Criterion start under ThreadSanitizer.
 *
 * Criterion runs each test in a process of its own, which shares an arena with the runner at an
 * address of rand_r() * 16 MiB + 0x200000000000.  ThreadSanitizer forbids most of what that can be,
 * and Criterion gives up.  This rand_r(), which the linker exports so that Criterion's library
 * calls it instead of the C library's, leads to addresses from 0x550010000000 up: allowed, and
 * below where programs are loaded.  x86-64 only.
 */
#include <stdlib.h>

int
rand_r(unsigned int *seed)
{
    static unsigned int calls;

    (void)seed;
    return 0x350010 + (int)(calls++ * 16);
}
