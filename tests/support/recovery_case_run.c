/* tests/support/recovery_case_run.c -- Put the log of a case on a disk, and recover it. */
#include <string.h>

#include <criterion/criterion.h>

#include "base/file.h"
#include "simulation/sim_disk.h"
#include "support/log_image.h"
#include "support/recovery_cases.h"

#define DIRECTORY RECOVERY_CASE_DIRECTORY

struct strand_sim_disk *
recovery_case_disk(const struct recovery_case *test)
{
    const char *epochs = test->epochs != NULL ? test->epochs : "0\n1\n0 0\n";
    struct strand_sim_disk *disk;

    cr_assert_eq(strand_sim_disk_create(&(struct strand_sim_disk_options){.seed = 11}, &disk),
                 STRAND_OK);
    const struct strand_fs *fs = strand_sim_disk_fs(disk);
    cr_assert_eq(strand_path_make_directory(fs, "/data"), STRAND_OK);
    cr_assert_eq(strand_path_make_directory(fs, DIRECTORY), STRAND_OK);
    cr_assert_eq(strand_path_sync_directory(fs, "/data"), STRAND_OK);
    cr_assert_eq(strand_path_sync_directory(fs, "/"), STRAND_OK);
    log_image_store(disk, DIRECTORY, test->segments, "");
    if (epochs[0] != '\0')
        cr_assert_eq(strand_sim_disk_store(disk, DIRECTORY "/" STRAND_LEADER_EPOCH_NAME, epochs,
                                           (int64_t)strlen(epochs)),
                     STRAND_OK);
    strand_sim_disk_plan_clear(disk);
    return disk;
}

int
recovery_case_run(const struct recovery_case *test, struct strand_sim_disk *disk, bool read_only,
                  struct strand_recovered_log *out_log)
{
    const struct strand_log_identity identity = {.flags = test->flags};
    const struct strand_frontier_slot slot = {.generation = 42,
                                              .log_start = test->log_start,
                                              .high_watermark = test->durable_end,
                                              .durable_end = test->durable_end,
                                              .log_end = test->durable_end};
    const struct strand_recovery_request request = {
        .fs = strand_sim_disk_fs(disk),
        .directory = DIRECTORY,
        .name = "orders-0",
        .read_only = read_only,
        .is_foreign = test->is_foreign,
        .identity = &identity,
        .slot = test->has_slot ? &slot : NULL,
        .recovery_point = test->has_slot ? 0 : test->durable_end,
        .log_start = test->has_slot ? 0 : test->log_start};

    return strand_log_recover(&request, out_log);
}

const char *
recovery_case_epochs(struct strand_sim_disk *disk)
{
    static char text[1024];
    int64_t size;
    const uint8_t *data =
        strand_sim_disk_content(disk, DIRECTORY "/" STRAND_LEADER_EPOCH_NAME, &size);

    if (data == NULL)
        return NULL;
    cr_assert_lt(size, (int64_t)sizeof text);
    memcpy(text, data, (size_t)size);
    text[size] = '\0';
    return text;
}
