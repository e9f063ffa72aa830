/* tests/support/real_cycle.c -- Everything is drawn from the seed; threads and the kernel's timing
 * are not, so that a seed repeats the plan of a cycle and not its outcome.
 */
#define _GNU_SOURCE
#include "support/real_cycle.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "strandline/engine.h"

enum {
    ACKNOWLEDGED_MAX = 30,    /* before the kill */
    OPENING_NS = 6000000,     /* about as long as opening takes, */
    CLOSING_NS = 24000000,    /* and as closing does */
    SEGMENT_BYTES_MIN = 16384 /* room for the largest batch */
};

uint64_t
real_draw(uint64_t *state, uint64_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*state >> 33) % below;
}

void *
real_share(size_t size)
{
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        real_die(errno, "share %zu bytes", size);
    return memory;
}

void
real_mount_draw(struct real_mount *mount, uint64_t *state)
{
    static const char *const ext4_options[] = {"", "data=writeback", "nodelalloc", "commit=1"};
    static const char *const xfs_options[] = {"", "", "inode64", "allocsize=4k"};
    bool is_xfs = strcmp(mount->kind, "xfs") == 0;

    mount->options = (is_xfs ? xfs_options : ext4_options)[real_draw(state, 4)];
    mount->block_size = real_draw(state, 3) == 0 ? 1024 : 4096;
}

static int
draw_target(uint64_t *state)
{
    uint64_t chance = real_draw(state, 20);

    if (chance < REAL_EVENT_KINDS)
        return (int)chance;
    return chance < 6 ? REAL_KILL_OPENING : chance < 8 ? REAL_KILL_CLOSING : REAL_KILL_ACKNOWLEDGED;
}

void
real_plan_draw(struct real_plan *plan, uint64_t seed, int cycle, uint64_t *state)
{
    static const int32_t preparations[] = {STRAND_PREPARE_AUTO, STRAND_PREPARE_NONE,
                                           STRAND_PREPARE_RESERVE, STRAND_PREPARE_ZERO};

    plan->seed = seed * 1000003 + (uint64_t)cycle;
    plan->target = draw_target(state);
    bool is_event = plan->target < REAL_EVENT_KINDS;
    plan->target_count = 1 + (uint32_t)real_draw(state, is_event ? 2 : ACKNOWLEDGED_MAX);
    uint64_t spin = plan->target == REAL_KILL_OPENING   ? OPENING_NS
                    : plan->target == REAL_KILL_CLOSING ? CLOSING_NS
                                                        : UINT64_C(1) << real_draw(state, 20);
    plan->spin_ns = (uint32_t)real_draw(state, spin);
    plan->segment_bytes = SEGMENT_BYTES_MIN << real_draw(state, 3);
    plan->preparation = preparations[real_draw(state, 4)];
    plan->unsynced_log = (int)real_draw(state, REAL_LOGS * 2) - REAL_LOGS;
    if (!is_event && real_draw(state, 8) == 0)
        plan->unsynced_log = REAL_LOGS;
    plan->commit_interval_ms = real_draw(state, 3) == 0 ? 1 : 200;
    plan->checkpoint_interval_ms = real_draw(state, 4) == 0 ? 1 : 0;
    plan->has_write_back = real_draw(state, 2) == 0;
}

const char *
real_writer_reap(const struct real_plan *plan, struct real_shared *shared)
{
    static char text[64];
    int result;

    atomic_store(&shared->was_killed, false);
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        real_writer_run(plan, shared);
    }
    if (pid < 0 || waitpid(pid, &result, 0) != pid)
        real_die(errno, "run the writer");
    if (WIFSIGNALED(result) && WTERMSIG(result) == SIGKILL && atomic_load(&shared->was_killed))
        return NULL;
    if (WIFSIGNALED(result))
        (void)snprintf(text, sizeof text, "the writer dies by signal %d", WTERMSIG(result));
    else
        (void)snprintf(text, sizeof text, "the writer exits with %d", WEXITSTATUS(result));
    return text;
}

_Noreturn void
real_give_up(const struct real_mount *mount, int image, uint64_t seed, int cycle, const char *what)
{
    char path[] = "/tmp/strandline-cut-XXXXXX";
    int file = mkstemp(path);

    if (file >= 0)
        real_mount_copy(image, file);
    real_die(0,
             "cycle %d of %s %s, %u-byte blocks, seed %" PRIu64
             ": %s; the image as the last cut left it: %s",
             cycle, mount->kind, mount->options, (unsigned)mount->block_size, seed, what,
             file >= 0 ? path : "not kept");
}
