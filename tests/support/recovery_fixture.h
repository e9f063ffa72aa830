/* tests/support/recovery_fixture.h -- One log on a simulated disk, and what recovery is asked. */
#ifndef STRAND_TESTS_RECOVERY_FIXTURE_H
#define STRAND_TESTS_RECOVERY_FIXTURE_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "base/file.h"
#include "recovery/log_recovery.h"
#include "simulation/sim_disk.h"
#include "support/log_image.h"
#include "support/recovery_cases.h"

#define DIRECTORY RECOVERY_CASE_DIRECTORY

enum { BATCH = 73 }; /* bytes of a batch of one record */

static struct strand_sim_disk *disk;
static struct strand_log_identity identity;
static struct strand_frontier_slot slot;
static struct strand_clean_entry clean;
static struct strand_recovery_request request;
static struct strand_recovered_log log_found;

/* A disk with SEGMENTS, and the epoch file that fits them all; the request knows of no slot. */
static inline void
open_disk(const char *segments)
{
    static const struct recovery_case EMPTY = {.segments = ""};

    disk = recovery_case_disk(&EMPTY);
    log_image_store(disk, DIRECTORY, segments, "");
    identity = (struct strand_log_identity){.id = {7, 7}};
    request = (struct strand_recovery_request){.fs = strand_sim_disk_fs(disk),
                                               .directory = DIRECTORY,
                                               .name = "orders-0",
                                               .identity = &identity};
    slot = (struct strand_frontier_slot){.id = {7, 7}, .generation = 42};
    clean = (struct strand_clean_entry){.id = {7, 7}, .generation = 42};
    strand_sim_disk_plan_clear(disk);
}

static inline void
close_disk(void)
{
    strand_recovered_log_deinit(&log_found);
    strand_sim_disk_destroy(disk);
    disk = NULL;
}

/* The slot says that what lies below DURABLE_END is durable. */
static inline void
set_slot(int64_t log_start, int64_t durable_end)
{
    slot.log_start = log_start;
    slot.high_watermark = slot.durable_end = slot.log_end = durable_end;
    request.slot = &slot;
}

static inline void
recover(void)
{
    strand_recovered_log_deinit(&log_found);
    cr_assert_eq(strand_log_recover(&request, &log_found), STRAND_OK, "%s", strand_error_message());
}

static inline void
store(const char *name, const char *content)
{
    char path[256];

    (void)snprintf(path, sizeof path, "%s/%s", DIRECTORY, name);
    cr_assert_eq(strand_sim_disk_store(disk, path, content, (int64_t)strlen(content)), STRAND_OK);
}

#endif
