/* tests/crash/real_cuts.c -- Power cuts under a running engine, on a real file system.
 *
 *     real_cuts ext4|xfs CYCLES [SEED [kill]]
 *
 * Each cycle mounts a file system on a loop device (which replays its journal), starts a process
 * that opens the engine, verifies it and works on it (support/real_writer.h) until it kills itself
 * at a random point, reaps it, and shuts the file system down without writing anything: what was
 * not synced is lost, as the kernel happened to have it.  Now and then the journal is written but
 * not the data, or the process alone dies and the power goes with the next one.  With "kill" the
 * power never goes.
 *
 * The data live through the cycles of one image; a new one is made after some, with other sizes of
 * blocks and other mount options.  The kill always comes before the shutdown, and is waited for:
 * a sync that races with the shutdown returns 0 without having synced.
 *
 * A cut proves something only if it takes something away: cycles in which it did are counted, and
 * too few of them fail the test.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "strandline/engine.h"
#include "support/real_cycle.h"
#include "support/real_mount.h"
#include "support/real_writer.h"

enum {
    CYCLES_PER_IMAGE = 40,
    FILES_MAX = 4096,
    NAME_MAX_SIZE = 48,
};

struct file {
    char name[NAME_MAX_SIZE]; /* below the data directory */
    off_t size;
};

struct files {
    struct file list[FILES_MAX];
    size_t count;
};

enum ending { CUT_ALL, CUT_DATA, KILL_ONLY, ENDINGS };

static struct real_mount disk = {.loop = -1};
static int kept_image; /* as the last cut left it */
static struct real_shared *shared;
static struct real_plan plan = {.directory = REAL_MOUNT_POINT "/data",
                                .other_file = REAL_MOUNT_POINT "/other"};
static uint64_t random_state;
static bool is_mounted;
static bool has_cut; /* the files of before_cut are those before the last shutdown */
static struct files before_cut, after_cut;

static struct {
    int endings[ENDINGS];
    int targets[REAL_KILL_TARGETS];
    int lost_names; /* cuts that took a segment's name */
    int lost_sizes; /* or made one shorter */
    int images;
} counts;

/* ---- What a cut took away ---- */

static void
note_file(struct files *files, const char *folder, const char *name)
{
    char path[512];
    struct stat facts;
    size_t size = strlen(name);

    if (size < 4 || strcmp(name + size - 4, ".log") != 0 || files->count == FILES_MAX)
        return;
    (void)snprintf(path, sizeof path, "%s/%s/%s", plan.directory, folder, name);
    if (stat(path, &facts) != 0)
        real_die(errno, "look at %s", path);
    struct file *file = &files->list[files->count++];
    (void)snprintf(file->name, sizeof file->name, "%.16s/%.30s", folder, name);
    file->size = facts.st_size;
}

/* The segments of all logs. */
static void
list_files(struct files *files)
{
    files->count = 0;
    for (int i = 0; i < REAL_LOGS; i++) {
        char folder[32];
        char path[256];
        const struct dirent *entry;

        (void)snprintf(folder, sizeof folder, "cuts-%d", i);
        (void)snprintf(path, sizeof path, "%s/%s", plan.directory, folder);
        DIR *directory = opendir(path);
        if (directory == NULL)
            continue; /* it was not made yet */
        while ((entry = readdir(directory)) != NULL)
            note_file(files, folder, entry->d_name);
        (void)closedir(directory);
    }
}

static const struct file *
find_file(const struct files *files, const char *name)
{
    for (size_t i = 0; i < files->count; i++)
        if (strcmp(files->list[i].name, name) == 0)
            return &files->list[i];
    return NULL;
}

static void
count_losses(void)
{
    bool has_lost_name = false;
    bool has_lost_size = false;

    list_files(&after_cut);
    for (size_t i = 0; i < before_cut.count; i++) {
        const struct file *file = find_file(&after_cut, before_cut.list[i].name);

        has_lost_name = has_lost_name || file == NULL;
        has_lost_size = has_lost_size || (file != NULL && file->size < before_cut.list[i].size);
    }
    counts.lost_names += has_lost_name;
    counts.lost_sizes += has_lost_size;
}

/* ---- A cycle ---- */

static void
make_image(void)
{
    real_mount_empty_image(disk.image, disk.kind);
    real_mount_empty_image(kept_image, disk.kind);
    real_mount_draw(&disk, &random_state);
    real_mount_format(&disk);
    real_promises_reset(&shared->promises);
    counts.images++;
    has_cut = false;
}

static void
cut_power(enum ending ending)
{
    list_files(&before_cut);
    has_cut = true;
    if (!real_mount_shutdown(&disk, ending == CUT_DATA ? REAL_LOG_FLUSHED : REAL_LOG_LOST))
        real_die(0, "%s has shut itself down", disk.kind);
    real_mount_down(&disk);
    is_mounted = false;
    real_mount_copy(disk.image, kept_image);
    plan.boot++;
}

static void
mount_disk(uint64_t seed, int cycle)
{
    if (is_mounted)
        return;
    if (!real_mount_up(&disk))
        real_give_up(&disk, kept_image, seed, cycle, "the file system cannot be mounted");
    is_mounted = true;
    if (has_cut)
        count_losses();
}

static void
run_writer(uint64_t seed, int cycle)
{
    const char *problem = real_writer_reap(&plan, shared);

    if (problem != NULL)
        real_give_up(&disk, kept_image, seed, cycle, problem);
}

/* Verify what the last cut has left of an image, which is then done with. */
static void
end_image(uint64_t seed, int cycle)
{
    mount_disk(seed, cycle);
    plan.target = REAL_KILL_ACKNOWLEDGED;
    plan.target_count = 1;
    plan.unsynced_log = -1;
    run_writer(seed, cycle);
    real_mount_down(&disk);
    is_mounted = false;
}

static void
run_cycle(uint64_t seed, int cycle, bool must_cut)
{
    if (cycle % CYCLES_PER_IMAGE == 0 || real_promises_are_used_up(&shared->promises)) {
        if (cycle > 0)
            end_image(seed, cycle);
        make_image();
    }
    mount_disk(seed, cycle);
    real_plan_draw(&plan, seed, cycle, &random_state);
    counts.targets[plan.target]++;
    run_writer(seed, cycle);

    uint64_t chance = real_draw(&random_state, 16);
    enum ending ending = chance < 2 || !must_cut ? KILL_ONLY : chance < 4 ? CUT_DATA : CUT_ALL;
    counts.endings[ending]++;
    if (ending != KILL_ONLY)
        cut_power(ending);
}

/* ---- The report ---- */

/* At least a tenth of the cuts took records away, and a tenth the end of a segment or its name. */
static bool
has_proved(void)
{
    uint32_t cuts = (uint32_t)(counts.endings[CUT_ALL] + counts.endings[CUT_DATA]);
    uint32_t shorter = (uint32_t)(counts.lost_names + counts.lost_sizes);

    return atomic_load(&shared->findings.openings_lost) * 10 >= cuts && shorter * 10 >= cuts;
}

static double
now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
print_report(double seconds)
{
    const struct real_findings *found = &shared->findings;
    int cuts = counts.endings[CUT_ALL] + counts.endings[CUT_DATA];

    (void)printf("%s: %d power cuts (%d of them with the journal written), %d kills alone, %d "
                 "images, in %.1f s\n",
                 disk.kind, cuts, counts.endings[CUT_DATA], counts.endings[KILL_ONLY],
                 counts.images, seconds);
    (void)printf("  acknowledged durably: %" PRIu64 ", 0 lost; %" PRIu64 " records read\n",
                 atomic_load(&shared->acknowledgements), atomic_load(&found->records));
    (void)printf("  cuts that took a segment's name: %d, that made one shorter: %d\n",
                 counts.lost_names, counts.lost_sizes);
    (void)printf("  openings: %u verified, %d killed; %u lost what was only written (%u records), "
                 "%u cut a tail; closings: %d, %u returned\n",
                 found->openings, counts.targets[REAL_KILL_OPENING], found->openings_lost,
                 found->written_lost, found->openings_cut, counts.targets[REAL_KILL_CLOSING],
                 atomic_load(&shared->closings));
    (void)printf("  logs: %u clean, %u whole, %u torn, %u suspect\n",
                 found->verdicts[STRAND_VERDICT_CLEAN], found->verdicts[STRAND_VERDICT_WHOLE],
                 found->verdicts[STRAND_VERDICT_TORN], found->verdicts[STRAND_VERDICT_SUSPECT]);
    (void)printf("  interrupted: %u truncations, %u trims, %u epochs, %u checkpoints\n",
                 found->interrupted[REAL_CUT], found->interrupted[REAL_TRIM],
                 found->interrupted[REAL_EPOCH], found->interrupted[REAL_CHECKPOINT]);
}

int
main(int argc, char **argv)
{
    bool must_cut = argc < 5 || strcmp(argv[4], "kill") != 0;

    if (argc < 3 || (strcmp(argv[1], "ext4") != 0 && strcmp(argv[1], "xfs") != 0)) {
        (void)fprintf(stderr, "usage: real_cuts ext4|xfs CYCLES [SEED [kill]]\n");
        return 64;
    }
    int cycles = atoi(argv[2]);
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    random_state = seed;
    disk.kind = argv[1];
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* a child has nothing of ours to write */
    shared = real_share(sizeof *shared);
    real_mount_isolate(disk.kind);
    disk.image = real_mount_make_image();
    kept_image = real_mount_make_image();

    double start = now_s();
    for (int cycle = 0; cycle < cycles; cycle++)
        run_cycle(seed, cycle, must_cut);
    end_image(seed, cycles);
    print_report(now_s() - start);
    if (must_cut && !has_proved())
        real_die(0, "the cuts took too little away to prove anything");
    return 0;
}
