/* tests/crash/nth_allocation.c -- The library finds no memory, at each of its allocations.
 *
 * The library is linked as a copy whose calls to malloc() and its like were renamed: they come
 * here, and those of the simulated disk and of the tests do not.  What C's library and LMDB
 * allocate for themselves is not reached.
 *
 *     nth_allocation [STRIDE [WORKLOAD]]     every STRIDE-th allocation; 1: all, and all ways to
 * crash
 */
#include <stdlib.h>
#include <string.h>

#include "nth_case.h"
#include "support/scratch.h"

/* The engines of this program have no threads: one counts. */
static struct {
    uint64_t calls; /* since they were armed */
    uint64_t first; /* that fails, 0: none */
    uint64_t last;
} plan;

static bool
fails(void)
{
    plan.calls++;
    return plan.first != 0 && plan.calls >= plan.first && plan.calls <= plan.last;
}

/* The names that the library's calls were given. */
void *nth_malloc(size_t size);
void *nth_calloc(size_t count, size_t size);
void *nth_realloc(void *memory, size_t size);
char *nth_strdup(const char *text);

void *
nth_malloc(size_t size)
{
    return fails() ? NULL : malloc(size);
}

void *
nth_calloc(size_t count, size_t size)
{
    return fails() ? NULL : calloc(count, size);
}

void *
nth_realloc(void *memory, size_t size)
{
    return fails() ? NULL : realloc(memory, size);
}

char *
nth_strdup(const char *text)
{
    return fails() ? NULL : strdup(text);
}

static void
arm(uint64_t first, uint64_t last)
{
    plan.calls = 0;
    plan.first = first;
    plan.last = last;
}

static void
arm_once(struct strand_sim_disk *disk, uint64_t nth)
{
    (void)disk;
    arm(nth, nth);
}

static void
arm_from(struct strand_sim_disk *disk, uint64_t nth)
{
    (void)disk;
    arm(nth, UINT64_MAX);
}

static bool
disarm(struct strand_sim_disk *disk, uint64_t nth)
{
    bool is_struck = plan.calls >= nth;

    (void)disk;
    arm(0, 0);
    return is_struck;
}

static const int STATUSES[] = {STRAND_ERR_NO_MEMORY, STRAND_ERR_FAILED, STRAND_OK};

static const struct nth_source SOURCES[] = {
    {"allocation", arm_once, disarm, STATUSES, "memory", true},
    {"allocations from", arm_from, disarm, STATUSES, "memory", false},
};

static void
strike(const struct crashtest_workload *workload, const struct nth_source *source)
{
    static const char *const DETAILED[] = {"append_and_roll", "follow_a_leader", "two_logs"};

    nth_run(workload, NTH_PLAIN, source);
    nth_open(workload, NTH_PLAIN, source);
    for (size_t i = 0; i < sizeof DETAILED / sizeof *DETAILED; i++) {
        if (strcmp(workload->name, DETAILED[i]) != 0)
            continue;
        nth_run(workload, NTH_LMDB, source);
        nth_open(workload, NTH_LMDB, source);
        nth_salvage(workload, source);
    }
}

int
main(int argc, char **argv)
{
    nth_begin(argc, argv, scratch_create());
    for (size_t i = 0; i < crashtest_workload_count; i++)
        for (size_t s = 0; s < sizeof SOURCES / sizeof *SOURCES; s++)
            if (nth_is_chosen(&crashtest_workloads[i]))
                strike(&crashtest_workloads[i], &SOURCES[s]);
    for (size_t s = 0; s < sizeof SOURCES / sizeof *SOURCES; s++)
        nth_codecs(&SOURCES[s]);
    scratch_remove();
    return nth_end();
}
