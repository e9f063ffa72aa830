/* tests/unit/test_file_replace.c -- A file is replaced whole or not at all.
 *
 * Method: every call is made to fail once, on real files; on the simulated disk the power is cut at
 * every call, with every kind of loss; then the bytes are looked at.
 */
#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "simulation/sim_disk.h"
#include "support/fault_fs.h"
#include "support/scratch.h"

static const struct strand_fs *fs; /* the POSIX one with faults in front */
static const char *dir;
static char path[SCRATCH_PATH_SIZE]; /* of the file that most tests use */
static char tmp[SCRATCH_PATH_SIZE];

static void
make_directory(void)
{
    fs = fault_fs();
    dir = scratch_create();
    scratch_path(path, "file");
    scratch_path(tmp, "file.tmp");
}

TestSuite(file_replace, .init = make_directory, .fini = scratch_remove);

static void
expect_content(const char *name, const char *expected)
{
    size_t size = 0;
    const char *content = scratch_content(name, &size);

    cr_assert_not_null(content, "%s is gone", name);
    cr_expect_str_eq(content, expected);
}

Test(file_replace, replace_follows_the_order_that_survives_a_crash)
{
    fault_fs_plan(0, 0, 0, 0);
    cr_expect_eq(strand_file_replace(fs, dir, "file", "content", 7), STRAND_OK);
    cr_expect_str_eq(fault_fs_trace(), "open write sync_data close rename sync_directory ");
    expect_content(path, "content");
}

Test(file_replace, replace_writes_nothing_of_an_older_temporary_file)
{
    scratch_store(tmp, "left over from a crash", 22);
    cr_expect_eq(strand_file_replace(fs, dir, "file", "new", 3), STRAND_OK);
    expect_content(path, "new");
    cr_expect_eq(access(tmp, F_OK), -1);
    cr_expect_eq(strand_file_replace(fs, dir, "file", NULL, 0), STRAND_OK);
    expect_content(path, "");
}

Test(file_replace, replace_refuses_paths_without_room_for_the_temporary_name)
{
    static char name[STRAND_PATH_SIZE_MAX];
    size_t size_max = STRAND_PATH_SIZE_MAX - sizeof "/data/.tmp";

    memset(name, 'n', size_max);
    fault_fs_plan(0, 0, 0, 0);
    cr_expect_neq(strand_file_replace(fs, "/data", name, "x", 1), STRAND_OK);
    cr_expect_str_eq(fault_fs_trace(), "open remove ", "the system is asked whether it fits");

    name[size_max] = 'n';
    fault_fs_plan(0, 0, 0, 0);
    cr_expect_eq(strand_file_replace(fs, "/data", name, "x", 1), STRAND_ERR_INVALID);
    cr_expect_eq(fault_fs_calls(), 0);
}

Test(file_replace, failure_of_any_step_of_replace_is_reported_tidied_and_keeps_the_old_content)
{
    for (int nth = 1; nth <= 6; nth++) {
        scratch_store(path, "old", 3);
        fault_fs_plan(nth, nth, ENOSPC, 0);
        cr_expect_eq(strand_file_replace(fs, dir, "file", "new", 3), STRAND_ERR_NO_SPACE, "call %d",
                     nth);
        cr_expect_not_null(strstr(strand_error_message(), "No space left on device"));
        cr_expect_eq(access(tmp, F_OK), -1, "stray file after call %d", nth);
        expect_content(path, nth < 6 ? "old" : "new");
    }
}

static struct strand_sim_disk *disk;

static void
create_disk(void)
{
    static const struct strand_sim_disk_options OPTIONS = {.seed = 1, .short_writes = true};

    cr_assert_eq(strand_sim_disk_create(&OPTIONS, &disk), STRAND_OK);
    const struct strand_fs *sim = strand_sim_disk_fs(disk);
    cr_assert_eq(strand_path_make_directory(sim, "/data"), STRAND_OK);
    cr_assert_eq(strand_path_sync_directory(sim, "/"), STRAND_OK);
    cr_assert_eq(strand_file_replace(sim, "/data", "name", "the old content", 15), STRAND_OK);
    strand_sim_disk_plan_clear(disk);
}

static void
destroy_disk(void)
{
    strand_sim_disk_destroy(disk);
}

TestSuite(file_replace_crash, .init = create_disk, .fini = destroy_disk, .timeout = 60);

static bool
has_content(const char *expected)
{
    int64_t size = 0;
    const uint8_t *content = strand_sim_disk_content(disk, "/data/name", &size);

    return content != NULL && size == (int64_t)strlen(expected) &&
           memcmp(content, expected, (size_t)size) == 0;
}

/* Replace with the power gone at call NTH, and lose what LOSS says. */
static int
replace_and_cut(uint64_t nth, enum strand_sim_loss loss, uint64_t seed)
{
    destroy_disk();
    create_disk();
    strand_sim_disk_plan_cut(disk, nth);
    int status =
        strand_file_replace(strand_sim_disk_fs(disk), "/data", "name", "content that is new", 19);
    strand_sim_disk_cut(disk, loss, seed);
    return status;
}

Test(file_replace_crash, power_cut_at_any_call_of_replace_leaves_old_or_new_whole)
{
    int status = !STRAND_OK;
    uint64_t nth = 0;

    while (status != STRAND_OK) {
        nth++;
        for (int loss = 0; loss < STRAND_SIM_LOSS_COUNT; loss++) {
            for (uint64_t seed = 1; seed <= (loss == STRAND_SIM_RANDOM ? 20 : 1); seed++) {
                status = replace_and_cut(nth, (enum strand_sim_loss)loss, seed);
                cr_expect(has_content("content that is new") ||
                              (status != STRAND_OK && has_content("the old content")),
                          "cut at call %d, loss %d, seed %d, status %d", (int)nth, loss, (int)seed,
                          status);
            }
        }
    }
    cr_expect_geq(nth, 6, "the loop must reach every step");
}

Test(file_replace_crash, failure_of_any_call_and_then_a_power_cut_leaves_old_or_new_whole)
{
    int status = !STRAND_OK;
    uint64_t nth = 0;

    while (status != STRAND_OK) {
        nth++;
        for (int loss = 0; loss < STRAND_SIM_LOSS_COUNT; loss++) {
            destroy_disk();
            create_disk();
            strand_sim_disk_plan_fault(disk, nth, EIO, false);
            status = strand_file_replace(strand_sim_disk_fs(disk), "/data", "name",
                                         "content that is new", 19);
            bool is_done = strand_sim_disk_calls(disk) < nth;
            cr_expect_eq(status, is_done ? STRAND_OK : STRAND_ERR_IO);
            strand_sim_disk_cut(disk, (enum strand_sim_loss)loss, nth);
            cr_expect(has_content("content that is new") ||
                          (status != STRAND_OK && has_content("the old content")),
                      "failed call %d, loss %d, status %d", (int)nth, loss, status);
        }
    }
    cr_expect_geq(nth, 6, "the loop must reach every step");
}

Test(file_replace_crash, replace_that_fails_at_any_call_leaves_no_file_open)
{
    for (uint64_t nth = 1; nth <= 10; nth++) {
        destroy_disk();
        create_disk();
        strand_sim_disk_plan_fault(disk, nth, EIO, true);
        (void)!strand_file_replace(strand_sim_disk_fs(disk), "/data", "name", "new", 3);
        cr_expect_eq(strand_sim_disk_open_files(disk), 0, "failed from call %d on", (int)nth);
    }
}
