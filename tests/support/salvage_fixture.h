/* tests/support/salvage_fixture.h -- A log to be salvaged, and attempts to. */
#ifndef STRAND_TESTS_SALVAGE_FIXTURE_H
#define STRAND_TESTS_SALVAGE_FIXTURE_H

#include "base/bytes.h"
#include "support/recovery_fixture.h"
#include "support/salvage_cases.h"

enum { TEXT_SIZE = 4096 };

static int restarts;

static inline void
count_restart(void *argument)
{
    (void)argument;
    restarts++;
}

/* The identity is what the disk says: salvage changes it.  Looked at past the seam, so that no plan
 * counts it. */
static inline void
load_identity(void)
{
    const uint8_t *data =
        strand_sim_disk_content(disk, DIRECTORY "/" STRAND_LOG_IDENTITY_NAME, NULL);

    cr_assert_not_null(data);
    memcpy(identity.id, data + 8, sizeof identity.id);
    identity.flags = strand_get_le32(data + 24);
}

static inline void
open_case(const struct salvage_case *test)
{
    open_disk(test->segments);
    if (test->epochs != NULL)
        store(STRAND_LEADER_EPOCH_NAME, test->epochs);
    identity.flags = test->flags;
    cr_assert_eq(strand_log_identity_write(request.fs, DIRECTORY, &identity), STRAND_OK);
    if (test->has_no_slot) {
        request.recovery_point = test->durable_end;
        request.log_start = test->log_start;
    } else {
        set_slot(test->log_start, test->durable_end);
    }
    request.restart = count_restart;
    strand_sim_disk_plan_clear(disk);
}

static inline int
try_to_recover(bool salvages)
{
    load_identity();
    request.must_salvage = salvages;
    strand_recovered_log_deinit(&log_found);
    return strand_log_recover(&request, &log_found);
}

static inline void
expect_result(const struct salvage_case *test, const char *context)
{
    const char *before = test->epochs != NULL ? test->epochs : "0\n1\n0 0\n";

    cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".log"), test->kept, "%s, %s: %s", test->name,
                     context, log_image_read(disk, DIRECTORY, ".log"));
    cr_expect_str_eq(recovery_case_epochs(disk),
                     test->epochs_after != NULL ? test->epochs_after : before, "%s, %s: %s",
                     test->name, context, recovery_case_epochs(disk));
    cr_expect_str_eq(log_image_names(disk, DIRECTORY, ".tmp"), "");
}

#endif
