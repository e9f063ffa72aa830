/* tests/crash/nth_recovery.c -- The Nth call to the disk fails: while a crash is recovered from and
 * what is left is read, and while damage is salvaged.  The kit has calls fail in runs alone, with
 * errors; here runs meet interrupted and short calls, too.
 *
 *     nth_recovery [STRIDE [WORKLOAD]]     every STRIDE-th call; 1: all, and all ways to crash
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nth_case.h"

static void
arm_io_once(struct strand_sim_disk *disk, uint64_t nth)
{
    strand_sim_disk_plan_clear(disk);
    strand_sim_disk_plan_fault(disk, nth, EIO, false);
}

static void
arm_io_from(struct strand_sim_disk *disk, uint64_t nth)
{
    strand_sim_disk_plan_clear(disk);
    strand_sim_disk_plan_fault(disk, nth, EIO, true);
}

static void
arm_full_once(struct strand_sim_disk *disk, uint64_t nth)
{
    strand_sim_disk_plan_clear(disk);
    strand_sim_disk_plan_fault(disk, nth, ENOSPC, false);
}

static void
arm_full_from(struct strand_sim_disk *disk, uint64_t nth)
{
    strand_sim_disk_plan_clear(disk);
    strand_sim_disk_plan_fault(disk, nth, ENOSPC, true);
}

static void
arm_interrupted(struct strand_sim_disk *disk, uint64_t nth)
{
    strand_sim_disk_plan_clear(disk);
    strand_sim_disk_plan_fault(disk, nth, EINTR, false);
}

static bool
disarm(struct strand_sim_disk *disk, uint64_t nth)
{
    bool is_struck = strand_sim_disk_calls(disk) >= nth;

    strand_sim_disk_plan_clear(disk);
    return is_struck;
}

static const int IO[] = {STRAND_ERR_IO, STRAND_ERR_FAILED, STRAND_OK};
static const int FULL[] = {STRAND_ERR_NO_SPACE, STRAND_ERR_FAILED, STRAND_OK};

static const struct nth_source SOURCES[] = {
    {"EIO", arm_io_once, disarm, IO, NULL, true},
    {"EIO from", arm_io_from, disarm, IO, NULL, false},
    {"ENOSPC", arm_full_once, disarm, FULL, NULL, true},
    {"ENOSPC from", arm_full_from, disarm, FULL, NULL, false},
    {"EINTR", arm_interrupted, disarm, IO, NULL, true},
};

static void
strike(size_t number)
{
    static const char *const SALVAGED[] = {"append_and_roll", "follow_a_leader", "two_logs"};
    const struct crashtest_workload *workload = &crashtest_workloads[number];
    const struct nth_source *io = &SOURCES[0], *interrupted = &SOURCES[4];
    enum { FEW = 8 };

    for (size_t s = 0; s < sizeof SOURCES / sizeof *SOURCES; s++) {
        nth_open(workload, NTH_PLAIN, &SOURCES[s]);
        for (size_t i = 0; i < sizeof SALVAGED / sizeof *SALVAGED; i++)
            if (strcmp(workload->name, SALVAGED[i]) == 0)
                nth_salvage(workload, &SOURCES[s]);
    }
    nth_run(workload, NTH_PLAIN, interrupted);
    if (nth_does_all() || number % FEW == 0) { /* there are many short calls */
        nth_open(workload, NTH_SHORT, io);
        nth_run(workload, NTH_SHORT, io);
    }
}

int
main(int argc, char **argv)
{
    nth_begin(argc, argv, NULL);
    for (size_t i = 0; i < crashtest_workload_count; i++)
        if (nth_is_chosen(&crashtest_workloads[i]))
            strike(i);
    return nth_end();
}
