/* tests/crash/real_disk.c -- A disk that fails or forgets, below a real file system with a running
 * engine on top.
 *
 *     real_disk ext4|xfs drop|subset|eio|eio-records|enospc CYCLES [SEED]
 *
 * The disk is a file of FUSE (support/fuse_disk.h) under a loop device.  Each cycle runs a writer
 * (support/real_writer.h) and verifies what the one before has left.
 *
 * With drop and subset the disk dies at a random write.  The writer is killed and reaped, the disk
 * turned off, the file system unmounted; then the disk forgets all that came after the last flush,
 * or of each block of 4 KiB since then by chance.
 *
 * With eio all writes and flushes fail from a point on until a log has failed; with eio-records,
 * and enospc, only writes that hold a record do, so that the file system itself stays well.  Then
 * the disk is healed: a log that has failed must stay so, whatever the next sync says, and after
 * the cut everything acknowledged is there.  Now and then the process alone is killed, and the
 * engine opened in the same boot, where the page cache still shows what never reached the disk.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "strandline/engine.h"
#include "support/fuse_disk.h"
#include "support/real_cycle.h"
#include "support/real_mount.h"
#include "support/real_writer.h"

#define FILE_PATH REAL_MOUNT_RAM "/disk"

enum { CYCLES_PER_IMAGE = 40, COUNTDOWN_MAX = 40, OPENINGS_MAY_FAIL = 3 };

static const struct mode {
    const char *name;
    enum fuse_disk_mode fault;
    bool is_subset;
    bool has_cure;
    bool may_stay_up; /* the file system is mostly still of use after the fault */
} modes[] = {
    {"drop", FUSE_DISK_DYING, false, false, false},
    {"subset", FUSE_DISK_DYING, true, false, false},
    {"eio", FUSE_DISK_EIO, true, true, false},
    {"eio-records", FUSE_DISK_EIO_RECORDS, true, true, true},
    {"enospc", FUSE_DISK_ENOSPC_RECORDS, true, true, true},
};

static struct fuse_disk fuse;
static struct real_mount disk = {.loop = -1};
static int kept_image;
static struct real_shared *shared;
static struct real_plan plan = {.directory = REAL_MOUNT_POINT "/data",
                                .other_file = REAL_MOUNT_POINT "/other"};
static uint64_t random_state;
static bool is_mounted;
static int cuts;
static int cuts_with_loss; /* of blocks */
static int kills;

static void
make_image(void)
{
    fuse_disk_empty(&fuse);
    real_mount_empty_image(kept_image, disk.kind);
    real_mount_draw(&disk, &random_state);
    real_mount_format(&disk);
    real_promises_reset(&shared->promises);
}

static void
mount_disk(uint64_t seed, int cycle)
{
    if (!is_mounted && !real_mount_up(&disk))
        real_give_up(&disk, kept_image, seed, cycle, "the file system cannot be mounted");
    is_mounted = true;
}

/* The file system is shut down, too: nothing is left for it to write while it is unmounted. */
static void
cut_power(const struct mode *mode)
{
    atomic_store(&fuse.control->mode, FUSE_DISK_OFF);
    (void)real_mount_shutdown(&disk, REAL_LOG_LOST); /* or it has noticed before */
    real_mount_down(&disk);
    is_mounted = false;
    bool is_subset = mode->is_subset && real_draw(&random_state, 4) != 0;
    size_t lost =
        fuse_disk_power_on(&fuse, is_subset ? FUSE_DISK_SUBSET : FUSE_DISK_DROP, &random_state);
    cuts++;
    cuts_with_loss += lost > 0;
    real_mount_copy(disk.image, kept_image);
    plan.boot++;
}

/* A fault comes while records are appended. */
static void
make_plan(const struct mode *mode, uint64_t seed, int cycle)
{
    real_plan_draw(&plan, seed, cycle, &random_state);
    plan.fault_mode = mode->fault;
    plan.has_cure = mode->has_cure;
    atomic_store(&fuse.control->countdown, (int)real_draw(&random_state, COUNTDOWN_MAX));
    plan.fault = &fuse.control->mode;
    plan.has_write_back = false;
    plan.unsynced_log = -1;
    if (plan.target >= REAL_EVENT_KINDS) {
        plan.target = REAL_KILL_ACKNOWLEDGED;
        plan.spin_ns = 0;
    }
}

/* An opening may meet the error of an old write, and a file system that has given up: then the
 * machine is started anew, and the next one succeeds. */
static void
run_writer(const struct mode *mode, uint64_t seed, int cycle)
{
    for (;;) {
        uint32_t failed_before = atomic_load(&shared->failed_openings);
        const char *problem = real_writer_reap(&plan, shared);

        if (problem != NULL)
            real_give_up(&disk, kept_image, seed, cycle, problem);
        if (atomic_load(&shared->failed_openings) == failed_before)
            break;
        if (--plan.openings_may_fail > 0)
            continue;
        cut_power(mode);
        mount_disk(seed, cycle);
    }
    plan.openings_may_fail = 0;
}

/* Verify what the last cut has left. */
static void
end_image(const struct mode *mode, uint64_t seed, int cycle)
{
    mount_disk(seed, cycle);
    make_plan(mode, seed, cycle);
    plan.fault = NULL;
    plan.target = REAL_KILL_ACKNOWLEDGED;
    plan.target_count = 1;
    run_writer(mode, seed, cycle);
    real_mount_down(&disk);
    is_mounted = false;
}

static void
run_cycle(const struct mode *mode, uint64_t seed, int cycle)
{
    if (cycle % CYCLES_PER_IMAGE == 0 || real_promises_are_used_up(&shared->promises)) {
        if (cycle > 0)
            end_image(mode, seed, cycle);
        make_image();
    }
    mount_disk(seed, cycle);
    make_plan(mode, seed, cycle);
    run_writer(mode, seed, cycle);
    if (mode->may_stay_up && real_draw(&random_state, 4) == 0) {
        kills++;
        plan.openings_may_fail = OPENINGS_MAY_FAIL;
    } else {
        cut_power(mode);
    }
}

static int
report(const struct mode *mode, int cycles)
{
    const struct real_findings *found = &shared->findings;
    uint32_t failed = atomic_load(&shared->logs_failed);

    (void)printf("%s %s: %d cuts, %d of them lost blocks, %d kills alone; the disk failed %u "
                 "times, %u logs failed and stayed so\n",
                 disk.kind, mode->name, cuts, cuts_with_loss, kills,
                 atomic_load(&fuse.control->failures), failed);
    (void)printf("  acknowledged durably: %" PRIu64 ", 0 lost; %" PRIu64 " records read\n",
                 atomic_load(&shared->acknowledgements), atomic_load(&found->records));
    (void)printf("  openings: %u verified, %u lost what was only written (%u records), %u failed "
                 "by an old error; logs: %u whole, %u torn, %u suspect\n",
                 found->openings, found->openings_lost, found->written_lost,
                 atomic_load(&shared->failed_openings), found->verdicts[STRAND_VERDICT_WHOLE],
                 found->verdicts[STRAND_VERDICT_TORN], found->verdicts[STRAND_VERDICT_SUSPECT]);
    bool has_lost = mode->has_cure || cuts_with_loss * 8 >= cuts;
    if (failed * 2 >= (uint32_t)cycles && has_lost)
        return 0;
    (void)fprintf(stderr, "FAILED: the disk failed or forgot too rarely to prove anything\n");
    return 1;
}

static const struct mode *
find_mode(const char *name)
{
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    return NULL;
}

int
main(int argc, char **argv)
{
    const struct mode *mode = argc < 4 ? NULL : find_mode(argv[2]);

    if (mode == NULL || (strcmp(argv[1], "ext4") != 0 && strcmp(argv[1], "xfs") != 0)) {
        (void)fprintf(stderr, "usage: real_disk ext4|xfs drop|subset|eio|eio-records|enospc CYCLES "
                              "[SEED]\n");
        return 64;
    }
    int cycles = atoi(argv[3]);
    uint64_t seed = argc > 4 ? strtoull(argv[4], NULL, 10) : 1;
    random_state = seed;
    disk.kind = argv[1];
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* a child has nothing of ours to write */
    shared = real_share(sizeof *shared);
    real_mount_isolate(disk.kind);
    kept_image = real_mount_make_image();
    int file = open(FILE_PATH, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || close(file) != 0)
        real_die(errno, "make %s", FILE_PATH);
    disk.image = fuse_disk_start(&fuse, FILE_PATH, real_mount_image_size(disk.kind));

    for (int cycle = 0; cycle < cycles; cycle++)
        run_cycle(mode, seed, cycle);
    end_image(mode, seed, cycles);
    fuse_disk_stop(&fuse);
    return report(mode, cycles);
}
