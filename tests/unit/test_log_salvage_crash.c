/* tests/unit/test_log_salvage_crash.c -- Salvage interrupted anywhere, and run again, ends the
 * same; until it has ended the log is still quarantined to whoever does not ask for it. */
#include <errno.h>

#include "support/salvage_fixture.h"

#define INDEX DIRECTORY "/00000000000000000000.index"

static void
interrupt_everywhere(const struct salvage_case *test, int loss)
{
    int status = STRAND_ERR_IO;

    for (uint64_t nth = 1; status != STRAND_OK; nth++) {
        char context[64];

        (void)snprintf(context, sizeof context, "loss %d, cut at call %d", loss, (int)nth);
        open_case(test);
        strand_sim_disk_plan_cut(disk, nth);
        status = try_to_recover(true);
        strand_sim_disk_cut(disk, (enum strand_sim_loss)loss, nth);

        struct strand_sim_disk *after = NULL;
        cr_assert_eq(strand_sim_disk_clone(disk, &after), STRAND_OK);
        cr_assert_eq(try_to_recover(false), STRAND_OK);
        cr_expect(log_found.verdict == STRAND_VERDICT_CORRUPT ||
                      (log_found.verdict == STRAND_VERDICT_WHOLE &&
                       log_found.log_end >= test->durable_end) ||
                      test->has_tail,
                  "%s, %s: by default %d %s", test->name, context, (int)log_found.verdict,
                  log_found.reason);

        strand_sim_disk_destroy(disk);
        disk = after;
        request.fs = strand_sim_disk_fs(disk);
        cr_assert_eq(try_to_recover(true), STRAND_OK, "%s, %s: %s", test->name, context,
                     strand_error_message());
        cr_expect_eq(log_found.log_end, test->log_end, "%s, %s", test->name, context);
        strand_sim_disk_cut(disk, STRAND_SIM_LOSE_ALL, 1);
        expect_result(test, context);
        close_disk();
    }
}

Test(log_salvage_crash, power_cut_at_any_call_and_salvage_again_ends_the_same, .timeout = 300)
{
    for (size_t i = 0; i < salvage_case_count; i++)
        for (int loss = 0; loss < STRAND_SIM_LOSS_COUNT; loss++)
            if (loss == STRAND_SIM_LOSE_ALL || salvage_cases[i].is_cut_each_way)
                interrupt_everywhere(&salvage_cases[i], loss);
}

Test(log_salvage_crash, a_failure_of_any_call_is_an_error_and_salvage_again_ends_the_same)
{
    for (size_t i = 0; i < salvage_case_count; i++) {
        bool was_hit = true;

        for (uint64_t nth = 1; was_hit; nth++) {
            open_case(&salvage_cases[i]);
            strand_sim_disk_plan_fault(disk, nth, EIO, false);
            int status = try_to_recover(true);
            was_hit = strand_sim_disk_calls(disk) >= nth;
            strand_sim_disk_plan_clear(disk);
            cr_expect_eq(strand_sim_disk_open_files(disk), 0);
            cr_expect(!was_hit || status == STRAND_ERR_IO || status == STRAND_OK);
            cr_assert_eq(try_to_recover(true), STRAND_OK);
            expect_result(&salvage_cases[i], "failed");
            close_disk();
        }
    }
}

/* What was there is either still in a segment or in a saved file, at each moment. */
Test(log_salvage_crash, what_goes_is_durable_elsewhere_before_anything_changes)
{
    const struct salvage_case *test = &salvage_cases[1];

    for (uint64_t nth = 1; nth < 200; nth++) {
        open_case(test);
        char before[TEXT_SIZE];
        (void)snprintf(before, sizeof before, "%s", log_image_read(disk, DIRECTORY, ".log"));
        strand_sim_disk_plan_cut(disk, nth);
        int status = try_to_recover(true);
        cr_expect(status == STRAND_OK || status == STRAND_ERR_IO);
        strand_sim_disk_cut(disk, STRAND_SIM_LOSE_ALL, nth);
        if (strcmp(log_image_read(disk, DIRECTORY, ".log"), before) != 0)
            cr_expect_not_null(
                strstr(log_image_names(disk, DIRECTORY, "cut-"), "cut-00000000000000000001.bytes"),
                "call %d", (int)nth);
        close_disk();
    }
}

/* A broker would believe an index of bytes that are not there any more. */
Test(log_salvage_crash, kafkas_indexes_are_gone_before_anything_changes)
{
    const struct salvage_case *test = &salvage_cases[1];

    for (uint64_t nth = 1; nth < 200; nth++) {
        open_case(test);
        char before[TEXT_SIZE];
        (void)snprintf(before, sizeof before, "%s", log_image_read(disk, DIRECTORY, ".log"));
        cr_assert_eq(strand_sim_disk_store(disk, INDEX, "x", 1), STRAND_OK);
        strand_sim_disk_plan_cut(disk, nth);
        int status = try_to_recover(true);
        cr_expect(status == STRAND_OK || status == STRAND_ERR_IO);
        strand_sim_disk_cut(disk, STRAND_SIM_LOSE_ALL, nth);
        if (strcmp(log_image_read(disk, DIRECTORY, ".log"), before) != 0)
            cr_expect_null(strand_sim_disk_content(disk, INDEX, NULL), "call %d", (int)nth);
        close_disk();
    }
}
