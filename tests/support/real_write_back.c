/* tests/support/real_write_back.c -- Cycles are too short for the kernel to write much of its own
 * accord, and without it a cut takes all or nothing.
 */
#define _GNU_SOURCE
#include "support/real_write_back.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/real_cycle.h"
#include "support/real_mount.h"
#include "support/real_writer.h"

/* Write a part of a random segment to the disk, without the metadata. */
static void
write_part_back(const struct real_plan *plan, uint64_t *state)
{
    char path[512];
    struct dirent *entry;
    uint64_t seen = 0;

    (void)snprintf(path, sizeof path, "%s/cuts-%u", plan->directory,
                   (unsigned)real_draw(state, REAL_LOGS));
    DIR *directory = opendir(path);
    if (directory == NULL)
        return;
    size_t end = strlen(path);
    while ((entry = readdir(directory)) != NULL) {
        size_t size = strlen(entry->d_name);

        if (size > 4 && strcmp(entry->d_name + size - 4, ".log") == 0 &&
            real_draw(state, ++seen) == 0)
            (void)snprintf(path + end, sizeof path - end, "/%s", entry->d_name);
    }
    (void)closedir(directory);
    int file = seen == 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
    if (file < 0)
        return; /* it is gone meanwhile */
    off_t pages = (off_t)plan->segment_bytes / 4096 + 1;
    (void)sync_file_range(file, (off_t)real_draw(state, (uint64_t)pages) * 4096,
                          (off_t)(1 + real_draw(state, 2)) * 4096,
                          SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    (void)close(file);
}

/* Syncing any file writes the journal, and with it names and sizes of others. */
static void
write_journal(const struct real_plan *plan)
{
    int file = open(plan->other_file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (file < 0 || write(file, "", 1) != 1 || fsync(file) != 0)
        real_die(errno, "write %s", plan->other_file);
    (void)close(file);
}

void
real_write_back(const struct real_plan *plan, uint64_t *state)
{
    if (!plan->has_write_back)
        return;
    uint64_t chance = real_draw(state, 16);
    if (chance < 3)
        write_part_back(plan, state);
    else if (chance == 3)
        write_journal(plan);
}
