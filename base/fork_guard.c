/* base/fork_guard.c -- A page that says "mine", and that the kernel hands to children as zeros.
 *
 * Comparing process ids would cost a system call for each look, and a handler of pthread_atfork()
 * misses children that were made by clone() or in a library that was loaded apart.
 */
#define _GNU_SOURCE /* MADV_WIPEONFORK */
#include "base/fork_guard.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"

struct strand_fork_guard {
    unsigned char is_mine; /* 1 in the creator, wiped to 0 in a child */
};

static size_t
page_size(void)
{
    long size = sysconf(_SC_PAGESIZE);

    strand_assert(size > 0);
    return (size_t)size;
}

int
strand_fork_guard_create(struct strand_fork_guard **out_guard)
{
    size_t size = page_size();
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return strand_fail_code(errno, "map fork guard");
    if (madvise(page, size, MADV_WIPEONFORK) != 0) {
        int code = errno;
        (void)munmap(page, size); /* the failure to report is the other one */
        return strand_fail_code(code, "mark fork guard as wiped on fork");
    }
    struct strand_fork_guard *guard = page;
    guard->is_mine = 1;
    *out_guard = guard;
    return STRAND_OK;
}

void
strand_fork_guard_destroy(struct strand_fork_guard *guard)
{
    if (guard == NULL)
        return;
    int result = munmap(guard, page_size());

    strand_assert(result == 0);
}

bool
strand_fork_guard_is_child(const struct strand_fork_guard *guard)
{
    return guard->is_mine == 0;
}
