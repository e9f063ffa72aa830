/* tests/planted/planted.c -- One workload in one pass, over the library with a bug in it, or
 * without.
 *
 *     planted WORKLOAD PASS all|kill RAM_DIRECTORY
 *
 * "kill": the process dies, once, anywhere, and nothing else happens; that is more than any number
 * of kill -9 can do.  Prints the invariant that was violated first, or "-", in how many states, and
 * how many seconds it took, between tabs; then, if there was one, its sentence and what `strandline
 * crashtest` replays it with.  Exits 0 whatever was found.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "crashtest/suite.h"
#include "simulation/sim_disk.h"

/* Linked in place of the one that the checks call (--wrap): a process that was killed leaves nobody
 * who could tell what of its files is on disk. */
bool __real_strand_sim_disk_is_dirty(const struct strand_sim_disk *disk, const char *path);
bool __wrap_strand_sim_disk_is_dirty(const struct strand_sim_disk *disk, const char *path);

static bool is_kill_only;

bool
__wrap_strand_sim_disk_is_dirty(const struct strand_sim_disk *disk, const char *path)
{
    return !is_kill_only && __real_strand_sim_disk_is_dirty(disk, path);
}

static void
print(const struct crashtest_report *report)
{
    const struct crashtest_finding *finding = &report->finding;
    bool is_found = report->sums.violations > 0;
    char arguments[CRASHTEST_ARGUMENTS_SIZE];

    printf("%.*s\t%" PRIu64 "\t%.2f\n", is_found ? (int)strcspn(finding->sentence, " ") : 1,
           is_found ? finding->sentence : "-", report->sums.unique_states, report->sums.seconds);
    if (!is_found)
        return;
    crashtest_finding_arguments(finding, arguments);
    printf("%s\n%s\n", finding->sentence, arguments);
}

int
main(int argc, char **argv)
{
    enum crashtest_pass pass = argc == 5 ? crashtest_pass_find(argv[2]) : CRASHTEST_PASS_END;
    struct crashtest_report report;

    if (pass == CRASHTEST_PASS_END) {
        fputs("usage: planted WORKLOAD PASS all|kill RAM_DIRECTORY\n", stderr);
        return 2;
    }
    is_kill_only = strcmp(argv[3], "kill") == 0;
    struct crashtest_suite suite = {
        .workload = argv[1],
        .seed = 1,
        .passes = UINT32_C(1) << pass,
        .crashes = is_kill_only ? STRAND_CRASH_KILL : 0,
        .ram_directory = argv[4],
    };
    int status = crashtest_suite_run(&suite, &report);
    if (status == STRAND_OK || report.sums.violations > 0)
        print(&report);
    else
        fprintf(stderr, "planted: status %d\n", status);
    bool is_done = report.is_complete || report.sums.violations > 0;
    crashtest_report_deinit(&report);
    return is_done ? 0 : 1;
}
