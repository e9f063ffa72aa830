/* bench/memory_use.c -- Asked from the C library and from /proc.
 *
 * Not the resident size: what an earlier run has freed stays resident, and is used again unseen.
 */
#include "bench/memory_use.h"

#include <dirent.h>
#include <stdlib.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

int64_t
bench_heap_bytes(void)
{
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    struct mallinfo2 info = mallinfo2();

    return (int64_t)(info.uordblks + info.hblkhd);
#else
    return -1;
#endif
}

int64_t
bench_descriptor_count(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int64_t count = 0;

    if (directory == NULL)
        return -1;
    while (readdir(directory) != NULL)
        count++;
    (void)closedir(directory); /* it was only read */
    return count - 3;          /* ".", "..", and the one that lists */
}
