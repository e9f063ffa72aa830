/* crashtest/check_full.c -- The disk is full when the directory is opened, and for a while behind.
 *
 * First there is no room for a single block, whatever is given up: the directory opens, or is
 * refused for lack of room and nothing else.  Then there is the ballast and nothing besides: now it
 * has to open (a state without a ballast waits until somebody else makes room).  All that was
 * acknowledged is read; appends are refused, and leave nothing; the head can be trimmed; and when
 * there is room the same engine goes on.
 *
 * What is appended and trimmed here is told to the ledger, and not to the kit: for a single crash.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "crashtest/check.h"
#include "crashtest/snapshot.h"
#include "engine/ballast.h"
#include "simulation/sim_disk.h"

enum { NO_ROOM = 1, TRIES_MAX = 96, FEW_RECORDS = 5 };

static const int64_t MUCH_ROOM = INT64_C(1) << 40;

/* ---- Opening ---- */

/* true: it is open, and every log serves; else OUT_REASON says why not. */
static bool
open_all(struct crashtest_check *check, int *out_status,
         char out_reason[STRAND_CRASH_SENTENCE_SIZE])
{
    *out_status = crashtest_driver_open(&check->driver, 0);
    bool is_open = *out_status == STRAND_OK;
    bool is_served = is_open && strand_engine_health(check->driver.engine) == STRAND_OK;
    if (!is_served)
        (void)snprintf(out_reason, STRAND_CRASH_SENTENCE_SIZE, "%s", strand_error_message());
    if (is_open && !is_served)
        crashtest_driver_kill(&check->driver);
    return is_served;
}

/* Bytes in blocks that files occupy. */
static int64_t
measure_used(const struct crashtest_check *check)
{
    struct strand_fs_volume volume = {.free_bytes = 0};

    strand_sim_disk_set_capacity(crashtest_driver_disk(&check->driver), MUCH_ROOM);
    (void)check->fs->volume(check->fs->context, CRASHTEST_DIRECTORY, &volume); /* / is there */
    return MUCH_ROOM - volume.free_bytes;
}

/* The ballast, of which no byte is ever written, has its blocks.  false: there is none. */
static bool
allocate_ballast(const struct crashtest_check *check)
{
    const struct strand_fs *fs = check->fs;
    struct strand_fs_file *file = NULL;

    if (fs->open(fs->context, CRASHTEST_DIRECTORY "/" STRAND_BALLAST_NAME, STRAND_FS_WRITE,
                 &file) != 0)
        return false;
    int result = fs->reserve(file, 0, STRAND_BALLAST_SIZE);
    return fs->close(file) == 0 && result == 0;
}

/* A check that opens comes here with the disk as the crash has left it. */
static bool
open_with_ballast(struct crashtest_check *check)
{
    struct strand_sim_disk *disk = crashtest_driver_disk(&check->driver);
    char reason[STRAND_CRASH_SENTENCE_SIZE] = "";
    int status;

    strand_sim_disk_set_capacity(disk, 0);
    if (allocate_ballast(check))
        strand_sim_disk_set_capacity(disk, measure_used(check));
    bool is_open = open_all(check, &status, reason);
    return crashtest_holds(check, CRASHTEST_FULL_DISK_OPENS, is_open,
                           "with the ballast given up it does not open: %s", reason);
}

static bool
open_full(struct crashtest_check *check)
{
    char reason[STRAND_CRASH_SENTENCE_SIZE] = "";
    int status;

    strand_sim_disk_set_capacity(crashtest_driver_disk(&check->driver), NO_ROOM);
    bool is_open = open_all(check, &status, reason);
    return crashtest_holds(check, CRASHTEST_FULL_DISK_OPENS,
                           status == STRAND_OK || status == STRAND_ERR_NO_SPACE,
                           "on a full disk it does not open: %s", reason) &&
           (is_open || open_with_ballast(check));
}

/* ---- Working ---- */

/* Append COUNT records as step NUMBER, and tell the ledger of what was not refused. */
static int
append(struct crashtest_check *check, int32_t log, int32_t count, int32_t number)
{
    struct crashtest_driver *driver = &check->driver;
    const struct crashtest_step step = {
        .kind = CRASHTEST_APPEND, .log = log, .count = count, .durability = STRAND_DURABLE};
    struct strand_record records[FEW_RECORDS];
    char values[FEW_RECORDS][CRASHTEST_VALUE_SIZE];
    struct strand_appended appended;

    for (int32_t i = 0; i < count; i++) {
        crashtest_record_value(crashtest_record_number(number, i), values[i]);
        records[i] = (struct strand_record){.value = strand_bytes(values[i], CRASHTEST_VALUE_SIZE),
                                            .timestamp_ms = number};
    }
    int status = strand_log_append(driver->logs[log], records, (size_t)count, NULL, &appended);
    if (status != STRAND_OK)
        return status;
    struct crashtest_outcome outcome = {appended.base_offset, appended.leader_epoch};
    crashtest_ledger_begin(&driver->ledger, &step, number);
    crashtest_ledger_done(&driver->ledger, &step, number, &outcome);
    return status;
}

/* What is allocated is filled up; then there is no room. */
static bool
refuse_appends(struct crashtest_check *check, int32_t log)
{
    struct crashtest_snapshot before = {.files = NULL};
    struct crashtest_snapshot after = {.files = NULL};
    int status = STRAND_OK;

    for (int32_t i = 0; i < TRIES_MAX && status == STRAND_OK; i++) {
        crashtest_snapshot_take(check->fs, CRASHTEST_DIRECTORY, &before);
        status = append(check, log, FEW_RECORDS, CRASHTEST_STEP_NUMBERS - 1 - i);
    }
    crashtest_snapshot_take(check->fs, CRASHTEST_DIRECTORY, &after);
    const char *path = crashtest_snapshot_compare(&before, &after);
    bool is_right = crashtest_holds(check, CRASHTEST_FULL_DISK_OPENS, status == STRAND_ERR_NO_SPACE,
                                    "%s: an append to a full disk: status %d: %s",
                                    crashtest_topics[log], status, strand_error_message()) &&
                    crashtest_holds(check, CRASHTEST_FULL_DISK_OPENS, path == NULL,
                                    "%s: an append that found no room has changed %s",
                                    crashtest_topics[log], path);
    crashtest_snapshot_free(&before);
    crashtest_snapshot_free(&after);
    return is_right;
}

/* Half of what is committed goes. */
static bool
trim(struct crashtest_check *check, int32_t log)
{
    struct crashtest_driver *driver = &check->driver;
    struct strand_positions positions = {.log_start = 0};
    int status = strand_log_positions(driver->logs[log], &positions);
    int64_t offset = positions.log_start + (positions.high_watermark - positions.log_start + 1) / 2;
    const struct crashtest_step step = {.kind = CRASHTEST_TRIM, .log = log, .at = (int32_t)offset};
    const struct crashtest_outcome outcome = {0, 0};

    if (status == STRAND_OK)
        status = strand_log_trim(driver->logs[log], offset);
    if (!crashtest_holds(check, CRASHTEST_FULL_DISK_OPENS, status == STRAND_OK,
                         "%s: a trim to %" PRId64 " on a full disk: %s", crashtest_topics[log],
                         offset, strand_error_message()))
        return false;
    crashtest_ledger_begin(&driver->ledger, &step, CRASHTEST_STEP_NUMBERS - 1);
    crashtest_ledger_done(&driver->ledger, &step, CRASHTEST_STEP_NUMBERS - 1, &outcome);
    return true;
}

static bool
work_full(struct crashtest_check *check, int32_t log, const struct crashtest_found *found)
{
    struct strand_sim_disk *disk = crashtest_driver_disk(&check->driver);

    bool has_offsets = found->end + (int64_t)(TRIES_MAX + 1) * FEW_RECORDS < CRASHTEST_OFFSETS;

    if (check->driver.ledger.logs[log].is_replicated || !has_offsets)
        return true; /* a follower writes in the same way */
    strand_sim_disk_set_capacity(disk, NO_ROOM);
    bool is_right = refuse_appends(check, log) && trim(check, log);
    strand_sim_disk_set_capacity(disk, 0);
    return is_right && crashtest_holds(check, CRASHTEST_FULL_DISK_OPENS,
                                       append(check, log, 1,
                                              CRASHTEST_STEP_NUMBERS - 1 - TRIES_MAX) == STRAND_OK,
                                       "%s: an append when there is room again: %s",
                                       crashtest_topics[log], strand_error_message());
}

/* Held against the ledger, and settled, before it goes on. */
static bool
check_log(struct crashtest_check *check, int32_t log)
{
    struct crashtest_driver *driver = &check->driver;
    struct crashtest_found found;
    bool is_right = crashtest_check_log(check, log, &found);

    if (is_right)
        crashtest_ledger_found(&driver->ledger, log, &found);
    return is_right && (!found.exists || work_full(check, log, &found));
}

bool
crashtest_check_full(struct crashtest_check *check)
{
    struct strand_sim_disk *disk = crashtest_driver_disk(&check->driver);
    bool is_right = open_full(check);

    for (int32_t i = 0; i < CRASHTEST_LOGS && is_right; i++) {
        strand_sim_disk_set_capacity(disk, NO_ROOM);
        is_right = check_log(check, i);
    }
    strand_sim_disk_set_capacity(disk, 0);
    return is_right;
}
