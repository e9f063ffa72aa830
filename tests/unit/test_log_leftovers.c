/* tests/unit/test_log_leftovers.c -- A compaction of Kafka's that was interrupted has happened or
 * has not, whatever interrupts recovery in turn; debris goes.
 *
 * The operation replaces the segments 0 and 2 by one, 0, and the segment 4 by a smaller one.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/file.h"
#include "recovery/log_recovery.h"
#include "simulation/sim_disk.h"
#include "support/log_image.h"
#include "support/recovery_cases.h"

#define DIRECTORY RECOVERY_CASE_DIRECTORY

#define NOT_DONE "0:0+1,1+1 2:2+1,3+1 4:4+1,5+1 6:6+1"
#define DONE     "0:1+1,3+1 4:5+1 6:6+1"

static const struct leftover_case {
    const char *name;
    const char *originals;
    const char *cleaned;
    const char *swap;
    const char *deleted;
    const char *files[4]; /* beside them, one byte each */
    const char *segments; /* afterwards */
    const char *names;    /* of all other files, afterwards */
} CASES[] = {
    {.name = "output being written",
     .originals = "0: 0+1 1+1 | 2: 2+1 3+1 | 4: 4+1 5+1 | 6: 6+1",
     .cleaned = "0: 1+1 t3+1 | 4:",
     .files = {"00000000000000000000.index.cleaned", "00000000000000000000.index"},
     .segments = NOT_DONE,
     .names = "00000000000000000000.index"},
    {.name = "the later output is renamed, the first is not",
     .originals = "0: 0+1 1+1 | 2: 2+1 3+1 | 4: 4+1 5+1 | 6: 6+1",
     .cleaned = "0: 1+1 3+1",
     .swap = "4: 5+1",
     .files = {"00000000000000000004.index.swap", "00000000000000000000.index.cleaned"},
     .segments = NOT_DONE,
     .names = ""},
    {.name = "the log of an output is renamed, its index is not",
     .originals = "0: 0+1 1+1 | 2: 2+1 3+1 | 4: 4+1 5+1 | 6: 6+1",
     .swap = "0: 1+1 3+1 | 4: 5+1",
     .files = {"00000000000000000004.index.swap", "00000000000000000000.index.cleaned"},
     .segments = NOT_DONE,
     .names = ""},
    {.name = "all outputs are renamed, the originals are there",
     .originals = "0: 0+1 1+1 | 2: 2+1 3+1 | 4: 4+1 5+1 | 6: 6+1",
     .swap = "0: 1+1 3+1 | 4: 5+1",
     .files = {"00000000000000000000.index.swap", "00000000000000000002.index",
               "00000000000000000004.snapshot", "00000000000000000006.snapshot"},
     .segments = DONE,
     .names = "00000000000000000000.index 00000000000000000006.snapshot"},
    {.name = "the originals are on their way out",
     .originals = "4: 4+1 5+1 | 6: 6+1",
     .swap = "0: 1+1 3+1 | 4: 5+1",
     .deleted = "0: 0+1 1+1 | 2: 2+1 3+1",
     .segments = DONE,
     .names = ""},
    {.name = "the first output has its name",
     .originals = "0: 1+1 3+1 | 6: 6+1",
     .swap = "4: 5+1",
     .deleted = "0: 0+1 1+1 | 2: 2+1 3+1 | 4: 4+1 5+1",
     .files = {"00000000000000000000.index", "00000000000000000000.timeindex.swap"},
     .segments = DONE,
     .names = "00000000000000000000.index 00000000000000000000.timeindex"},
    {.name = "all but the deletion is done",
     .originals = "0: 1+1 3+1 | 4: 5+1 | 6: 6+1",
     .deleted = "0: 0+1 1+1 | 2: 2+1 3+1 | 4: 4+1 5+1",
     .segments = DONE,
     .names = ""},
    {.name = "debris of our own, and names that are nobody's",
     .originals = "0: 0+1 1+1 | 2: 2+1 3+1 | 4: 4+1 5+1 | 6: 6+1",
     .files = {"leader-epoch-checkpoint.tmp", "cut-00000000000000000001.bytes.tmp", "notes.swap",
               "partition.metadata"},
     .segments = NOT_DONE,
     .names = "notes.swap partition.metadata"},
};

enum { CASE_COUNT = sizeof CASES / sizeof CASES[0] };

static struct strand_sim_disk *
make_disk(const struct leftover_case *test)
{
    static const struct recovery_case EMPTY = {.segments = ""};
    struct strand_sim_disk *disk = recovery_case_disk(&EMPTY);

    log_image_store(disk, DIRECTORY, test->originals, "");
    log_image_store(disk, DIRECTORY, test->cleaned, ".cleaned");
    log_image_store(disk, DIRECTORY, test->swap, ".swap");
    log_image_store(disk, DIRECTORY, test->deleted, ".deleted");
    for (size_t i = 0; i < 4 && test->files[i] != NULL; i++) {
        char path[256];

        (void)snprintf(path, sizeof path, "%s/%s", DIRECTORY, test->files[i]);
        cr_assert_eq(strand_sim_disk_store(disk, path, "x", 1), STRAND_OK);
    }
    strand_sim_disk_plan_clear(disk);
    return disk;
}

static int
recover(struct strand_sim_disk *disk, bool read_only, struct strand_recovered_log *out_log)
{
    const struct strand_log_identity identity = {.flags = STRAND_LOG_HAS_GAPS};
    const struct strand_recovery_request request = {.fs = strand_sim_disk_fs(disk),
                                                    .directory = DIRECTORY,
                                                    .name = "orders-0",
                                                    .read_only = read_only,
                                                    .is_foreign = true,
                                                    .identity = &identity,
                                                    .recovery_point = 7};

    return strand_log_recover(&request, out_log);
}

/* The names that are neither segments nor the epoch file. */
static const char *
other_names(struct strand_sim_disk *disk)
{
    static char text[4096];
    struct strand_names names;

    text[0] = '\0';
    cr_assert_eq(strand_path_list(strand_sim_disk_fs(disk), DIRECTORY, &names), STRAND_OK);
    for (size_t i = 0; i < names.count; i++) {
        size_t size = strlen(names.names[i]);

        if (strcmp(names.names[i], STRAND_LEADER_EPOCH_NAME) == 0 ||
            strcmp(names.names[i] + size - 4, ".log") == 0)
            continue;
        if (text[0] != '\0')
            (void)strcat(text, " ");
        (void)strcat(text, names.names[i]);
    }
    strand_names_free(&names);
    return text;
}

static void
expect_done(const struct leftover_case *test, struct strand_sim_disk *disk, const char *context)
{
    const char *segments = log_image_read(disk, DIRECTORY, ".log");

    cr_expect_str_eq(segments, test->segments, "%s: %s", context, segments);
    cr_expect_str_eq(other_names(disk), test->names, "%s: %s", context, other_names(disk));
}

Test(log_leftovers, each_interruption_of_a_compaction_is_finished_or_undone)
{
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct strand_sim_disk *disk = make_disk(&CASES[i]);
        struct strand_recovered_log log;

        cr_assert_eq(recover(disk, false, &log), STRAND_OK, "%s: %s", CASES[i].name,
                     strand_error_message());
        cr_expect_eq(log.verdict, STRAND_VERDICT_WHOLE, "%s: %s", CASES[i].name, log.reason);
        cr_expect_eq(log.log_end, 7);
        strand_recovered_log_deinit(&log);
        expect_done(&CASES[i], disk, CASES[i].name);
        cr_expect_not(strand_sim_disk_is_dirty(disk, DIRECTORY));
        strand_sim_disk_destroy(disk);
    }
}

Test(log_leftovers, power_cut_at_any_call_and_recovery_again_ends_the_same)
{
    for (size_t i = 0; i < CASE_COUNT; i++) {
        for (int loss = 0; loss < STRAND_SIM_LOSS_COUNT; loss++) {
            int status = STRAND_ERR_IO;

            for (int nth = 1; status != STRAND_OK; nth++) {
                struct strand_sim_disk *disk = make_disk(&CASES[i]);
                struct strand_recovered_log log;
                char context[256];

                (void)snprintf(context, sizeof context, "%s, loss %d, call %d", CASES[i].name, loss,
                               nth);
                strand_sim_disk_plan_cut(disk, (uint64_t)nth);
                status = recover(disk, false, &log);
                if (status == STRAND_OK)
                    strand_recovered_log_deinit(&log);
                strand_sim_disk_cut(disk, (enum strand_sim_loss)loss, (uint64_t)nth);
                cr_assert_eq(recover(disk, false, &log), STRAND_OK, "%s", context);
                cr_expect_eq(log.verdict, STRAND_VERDICT_WHOLE, "%s: %s", context, log.reason);
                strand_recovered_log_deinit(&log);
                strand_sim_disk_cut(disk, STRAND_SIM_LOSE_ALL, 1);
                expect_done(&CASES[i], disk, context);
                strand_sim_disk_destroy(disk);
            }
        }
    }
}

Test(log_leftovers, failure_of_any_call_is_an_error_and_recovery_again_ends_the_same)
{
    for (size_t i = 0; i < CASE_COUNT; i++) {
        int status = STRAND_ERR_IO;

        for (int nth = 1; status != STRAND_OK; nth++) {
            struct strand_sim_disk *disk = make_disk(&CASES[i]);
            struct strand_recovered_log log;

            strand_sim_disk_plan_fault(disk, (uint64_t)nth, EIO, false);
            status = recover(disk, false, &log);
            bool was_hit = strand_sim_disk_calls(disk) >= (uint64_t)nth;
            strand_sim_disk_plan_clear(disk);
            cr_expect_eq(strand_sim_disk_open_files(disk), 0);
            if (status == STRAND_OK)
                strand_recovered_log_deinit(&log);
            if (was_hit) {
                cr_assert_eq(recover(disk, false, &log), STRAND_OK);
                strand_recovered_log_deinit(&log);
                status = STRAND_ERR_IO;
            }
            expect_done(&CASES[i], disk, CASES[i].name);
            strand_sim_disk_destroy(disk);
        }
    }
}

Test(log_leftovers, a_damaged_output_replaces_nothing)
{
    struct leftover_case test = CASES[3];
    struct strand_recovered_log log;
    char names[4096];

    test.swap = "0: 1+1 x3+1 | 4: 5+1";
    struct strand_sim_disk *disk = make_disk(&test);
    (void)snprintf(names, sizeof names, "%s", other_names(disk));
    cr_assert_eq(recover(disk, false, &log), STRAND_OK);
    cr_expect_eq(log.verdict, STRAND_VERDICT_CORRUPT);
    cr_expect_not_null(strstr(log.reason, "00000000000000000000.log.swap"), "%s", log.reason);
    cr_expect_eq(log.segment_count, 4, "the originals are served");
    cr_expect_eq(log.log_end, 7);
    cr_expect_eq(log.corrupt_first, 0);
    cr_expect_eq(log.corrupt_next, 6);
    strand_recovered_log_deinit(&log);
    cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".log"), NOT_DONE);
    cr_expect_str_eq(other_names(disk), names);
    strand_sim_disk_destroy(disk);
}

Test(log_leftovers, read_only_nothing_is_changed)
{
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct strand_sim_disk *disk = make_disk(&CASES[i]);
        struct strand_recovered_log log;
        char segments[4096];
        char names[4096];
        bool is_pending = CASES[i].swap != NULL && strcmp(CASES[i].segments, DONE) == 0;

        (void)snprintf(segments, sizeof segments, "%s", log_image_read(disk, DIRECTORY, ".log"));
        (void)snprintf(names, sizeof names, "%s", other_names(disk));
        cr_assert_eq(recover(disk, true, &log), STRAND_OK);
        cr_expect_eq(log.verdict, is_pending ? STRAND_VERDICT_CORRUPT : STRAND_VERDICT_WHOLE,
                     "%s: %s", CASES[i].name, log.reason);
        strand_recovered_log_deinit(&log);
        cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".log"), segments, "%s", CASES[i].name);
        cr_expect_str_eq(other_names(disk), names, "%s", CASES[i].name);
        strand_sim_disk_destroy(disk);
    }
}

/* The names that change and the syncs of the directory, in order. */
static const char *
name_changes(struct strand_sim_disk *disk)
{
    static char text[4096];
    size_t used = 0;

    text[0] = '\0';
    for (uint64_t i = 1; i <= strand_sim_disk_calls(disk); i++) {
        const char *call = strchr(strand_sim_disk_trace(disk, i), ' ') + 1;
        int verb_size = (int)strcspn(call, " ");
        const char *path = call + verb_size + 1;
        int path_size = (int)strcspn(path, " ");

        if (strncmp(call, "remove", 6) != 0 && strncmp(call, "rename", 6) != 0 &&
            strncmp(call, "sync_directory", 14) != 0)
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

/* Names of one directory may reach the disk in any order between two syncs of it. */
Test(log_leftovers, the_directory_is_synced_before_a_step_that_relies_on_the_one_before)
{
    static const struct {
        int index;
        const char *expected;
    } ORDERS[] = {{2, "remove 00000000000000000000.log.swap; "
                      "remove 00000000000000000004.index.swap; "
                      "remove 00000000000000000004.log.swap; "
                      "sync_directory orders-0; "
                      "remove 00000000000000000000.index.cleaned; "
                      "sync_directory orders-0"},
                  {3, "sync_directory orders-0; "
                      "remove 00000000000000000000.log; "
                      "remove 00000000000000000002.index; "
                      "remove 00000000000000000002.log; "
                      "remove 00000000000000000004.log; "
                      "remove 00000000000000000004.snapshot; "
                      "sync_directory orders-0; "
                      "rename 00000000000000000000.log.swap; "
                      "rename 00000000000000000004.log.swap; "
                      "sync_directory orders-0; "
                      "rename 00000000000000000000.index.swap; "
                      "sync_directory orders-0; "
                      "sync_directory orders-0"}};

    for (size_t i = 0; i < 2; i++) {
        struct strand_sim_disk *disk = make_disk(&CASES[ORDERS[i].index]);
        struct strand_recovered_log log;

        cr_assert_eq(recover(disk, false, &log), STRAND_OK);
        strand_recovered_log_deinit(&log);
        cr_expect_str_eq(name_changes(disk), ORDERS[i].expected, "%s", name_changes(disk));
        strand_sim_disk_destroy(disk);
    }
}
