/* tests/unit/test_log_recovery_crash.c -- Recovery interrupted anywhere and run again gives the
 * same log; a failure of any call gives an error or the same log, never another one.
 *
 * Method: each case of the table, with the power cut at every call of recovery in each of the ways
 * of the simulated disk, with every call failing once, and with nothing of it durable beforehand.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/file.h"
#include "recovery/log_recovery.h"
#include "simulation/sim_disk.h"
#include "support/log_image.h"
#include "support/recovery_cases.h"

#define DIRECTORY RECOVERY_CASE_DIRECTORY

enum { TEXT_SIZE = 8192 };

/* What counts of a recovered log. */
struct outcome {
    int64_t log_start;
    int64_t log_end;
    bool is_corrupt;
    char segments[TEXT_SIZE];
    char epochs[256];
    char saved[TEXT_SIZE]; /* names of cut-*.bytes */
};

static void
look(struct strand_sim_disk *disk, struct outcome *outcome)
{
    const char *epochs = recovery_case_epochs(disk);

    (void)snprintf(outcome->segments, sizeof outcome->segments, "%s",
                   log_image_read(disk, DIRECTORY, ".log"));
    (void)snprintf(outcome->epochs, sizeof outcome->epochs, "%s", epochs != NULL ? epochs : "-");
    (void)snprintf(outcome->saved, sizeof outcome->saved, "%s",
                   log_image_names(disk, DIRECTORY, "cut-"));
}

static int
recover(const struct recovery_case *test, struct strand_sim_disk *disk, struct outcome *outcome)
{
    struct strand_recovered_log log;

    memset(outcome, 0, sizeof *outcome);
    int status = recovery_case_run(test, disk, false, &log);
    if (status != STRAND_OK)
        return status;
    outcome->log_start = log.log_start;
    outcome->log_end = log.log_end;
    outcome->is_corrupt = log.verdict == STRAND_VERDICT_CORRUPT;
    strand_recovered_log_deinit(&log);
    look(disk, outcome);
    return STRAND_OK;
}

static void
expect_same(const struct outcome *found, const struct outcome *expected, const char *context)
{
    cr_expect_eq(found->log_start, expected->log_start, "%s", context);
    cr_expect_eq(found->log_end, expected->log_end, "%s: log end %lld", context,
                 (long long)found->log_end);
    cr_expect_eq(found->is_corrupt, expected->is_corrupt, "%s", context);
    cr_expect_str_eq(found->segments, expected->segments, "%s: %s", context, found->segments);
    cr_expect_str_eq(found->epochs, expected->epochs, "%s", context);
    cr_expect_str_eq(found->saved, expected->saved, "%s: %s", context, found->saved);
}

static void
interrupt_everywhere(const struct recovery_case *test, const struct outcome *expected, int loss)
{
    int status = STRAND_ERR_IO;

    for (int nth = 1; status != STRAND_OK; nth++) {
        struct strand_sim_disk *disk = recovery_case_disk(test);
        struct outcome outcome;
        char context[256];

        (void)snprintf(context, sizeof context, "%s, loss %d, cut at call %d", test->name, loss,
                       nth);
        strand_sim_disk_plan_cut(disk, (uint64_t)nth);
        status = recover(test, disk, &outcome);
        strand_sim_disk_cut(disk, (enum strand_sim_loss)loss, (uint64_t)nth);
        cr_assert_eq(recover(test, disk, &outcome), STRAND_OK, "%s: %s", context,
                     strand_error_message());
        expect_same(&outcome, expected, context);

        /* What was decided does not depend on the cache. */
        strand_sim_disk_cut(disk, STRAND_SIM_LOSE_ALL, 1);
        look(disk, &outcome);
        expect_same(&outcome, expected, context);
        strand_sim_disk_destroy(disk);
    }
}

static void
find_expected(const struct recovery_case *test, struct outcome *expected)
{
    struct strand_sim_disk *disk = recovery_case_disk(test);

    cr_assert_eq(recover(test, disk, expected), STRAND_OK);
    cr_assert_str_eq(expected->segments, test->kept);
    strand_sim_disk_destroy(disk);
}

Test(log_recovery_crash, power_cut_at_any_call_and_recovery_again_gives_the_same_log)
{
    for (size_t i = 0; i < recovery_case_count; i++) {
        struct outcome expected;

        find_expected(&recovery_cases[i], &expected);
        for (int loss = 0; loss < STRAND_SIM_LOSS_COUNT; loss++)
            interrupt_everywhere(&recovery_cases[i], &expected, loss);
    }
}

/* A process was killed: the cache has it all, the disk has not.  After recovery the disk has. */
Test(log_recovery_crash, what_only_the_cache_knew_is_durable_after_recovery)
{
    for (size_t i = 0; i < recovery_case_count; i++) {
        struct recovery_case test = recovery_cases[i];
        struct outcome found;
        struct outcome after;

        test.durable_end = 0;
        if (test.log_start > 0 || test.verdict == STRAND_VERDICT_CORRUPT)
            continue;
        struct recovery_case empty = test;
        empty.segments = "";
        struct strand_sim_disk *disk = recovery_case_disk(&empty);
        log_image_write(disk, DIRECTORY, test.segments);
        strand_sim_disk_kill(disk);
        cr_assert_eq(recover(&test, disk, &found), STRAND_OK, "%s", test.name);
        cr_expect_not(strand_sim_disk_is_dirty(disk, DIRECTORY), "%s", test.name);
        strand_sim_disk_cut(disk, STRAND_SIM_LOSE_ALL, 1);
        cr_assert_eq(recover(&test, disk, &after), STRAND_OK, "%s", test.name);
        expect_same(&after, &found, test.name);
        strand_sim_disk_destroy(disk);
    }
}

static void
fail_everywhere(const struct recovery_case *test, const struct outcome *expected, int code)
{
    int status = STRAND_ERR_IO;

    for (int nth = 1; status != STRAND_OK; nth++) {
        struct strand_sim_disk *disk = recovery_case_disk(test);
        struct outcome outcome;
        char context[256];

        (void)snprintf(context, sizeof context, "%s, code %d at call %d", test->name, code, nth);
        strand_sim_disk_plan_fault(disk, (uint64_t)nth, code, false);
        status = recover(test, disk, &outcome);
        bool was_hit = strand_sim_disk_calls(disk) >= (uint64_t)nth;
        strand_sim_disk_plan_clear(disk);
        cr_expect_eq(strand_sim_disk_open_files(disk), 0, "%s", context);
        if (status == STRAND_OK) {
            /* No room to save: the one failure that is an answer.  Or one that does not matter. */
            bool is_quarantined = outcome.is_corrupt && test->verdict == STRAND_VERDICT_SUSPECT;

            /* An epoch file that says too much is cut when there is room: the next recovery, below.
             */
            bool is_late = code == ENOSPC && test->epochs_after != NULL;

            if (!is_quarantined && !is_late)
                expect_same(&outcome, expected, context);
            else
                cr_expect_eq(code, ENOSPC, "%s", context);
            status = was_hit ? STRAND_ERR_IO : STRAND_OK;
        } else {
            cr_expect_eq(status, code == EIO ? STRAND_ERR_IO : STRAND_ERR_NO_SPACE, "%s: %s",
                         context, strand_error_message());
        }
        if (was_hit) {
            cr_assert_eq(recover(test, disk, &outcome), STRAND_OK, "%s", context);
            expect_same(&outcome, expected, context);
        }
        strand_sim_disk_destroy(disk);
    }
}

Test(log_recovery_crash, failure_of_any_call_is_an_error_or_changes_no_answer)
{
    for (size_t i = 0; i < recovery_case_count; i++) {
        struct outcome expected;

        find_expected(&recovery_cases[i], &expected);
        fail_everywhere(&recovery_cases[i], &expected, EIO);
        fail_everywhere(&recovery_cases[i], &expected, ENOSPC);
    }
}

/* ---- Order ---- */

/* The changes and syncs of the calls so far, in order: "verb name" each, separated by "; ". */
static const char *
changes(struct strand_sim_disk *disk)
{
    static const char *const VERBS[] = {"write", "set_size", "sync", "rename", "remove", "copy"};
    static char text[TEXT_SIZE];
    size_t used = 0;

    text[0] = '\0';
    for (uint64_t i = 1; i <= strand_sim_disk_calls(disk); i++) {
        const char *call = strchr(strand_sim_disk_trace(disk, i), ' ') + 1;
        int verb_size = (int)strcspn(call, " ");
        const char *path = call + verb_size + 1;
        int path_size = (int)strcspn(path, " ");
        bool is_change = false;

        for (size_t v = 0; v < sizeof VERBS / sizeof VERBS[0]; v++)
            is_change = is_change || strncmp(call, VERBS[v], strlen(VERBS[v])) == 0;
        if (!is_change)
            continue;
        while (memchr(path, '/', (size_t)path_size) != NULL) {
            path++;
            path_size--;
        }
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s %.*s",
                                 used == 0 ? "" : "; ", verb_size, call, path_size, path);
    }
    return text;
}

Test(log_recovery_crash, changes_come_in_the_order_of_the_contract)
{
    const struct recovery_case test = {.segments =
                                           "0: 0+1 | 1: 1+1 | 2: 2+1 x3+1 4+1 | 5: 5+1 | 6:",
                                       .epochs = "0\n2\n0 0\n1 5\n",
                                       .has_slot = true,
                                       .durable_end = 1,
                                       .log_start = 1};
    struct strand_sim_disk *disk = recovery_case_disk(&test);
    struct outcome outcome;

    cr_assert_eq(strand_sim_disk_store(disk, DIRECTORY "/00000000000000000002.index", "x", 1),
                 STRAND_OK);
    strand_sim_disk_plan_clear(disk);
    cr_assert_eq(recover(&test, disk, &outcome), STRAND_OK);
    cr_expect_str_eq(changes(disk),
                     "write_at cut-00000000000000000003.bytes.tmp; "
                     "sync_all cut-00000000000000000003.bytes.tmp; "
                     "rename cut-00000000000000000003.bytes.tmp; "
                     "sync_directory orders-0; "
                     "remove 00000000000000000002.index; "
                     "sync_directory orders-0; "
                     "remove 00000000000000000006.log; "
                     "sync_directory orders-0; "
                     "sync_data 00000000000000000005.log; "
                     "rename 00000000000000000005.log; "
                     "sync_directory orders-0; "
                     "remove 00000000000000000000.log; "
                     "set_size 00000000000000000002.log; "
                     "sync_all 00000000000000000002.log; "
                     "write_at leader-epoch-checkpoint.tmp; "
                     "sync_data leader-epoch-checkpoint.tmp; "
                     "rename leader-epoch-checkpoint.tmp; "
                     "sync_directory orders-0; "
                     "sync_data 00000000000000000001.log; "
                     "write_at 00000000000000000002.log; "
                     "sync_data 00000000000000000002.log; "
                     "sync_directory orders-0",
                     "%s", changes(disk));
    strand_sim_disk_destroy(disk);
}
