/* tests/unit/test_crash_record.c -- What is told of a disk and the disk itself agree.
 *
 * Random operations run on a simulated disk and leave a record; after each the disk that is made
 * from the record must lose and keep what the disk itself loses and keeps.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "simulation/crash_load.h"
#include "simulation/crash_states.h"
#include "simulation/sim_inode.h"
#include "simulation/sim_record.h"
#include "support/sim_fixture.h"

static struct strand_sim_record record;
static struct strand_crash_disk held;
static uint64_t applied;

static void
begin_recording(void)
{
    open_disk();
    strand_sim_record_clear(&record, STRAND_SIM_ROOT_NUMBER);
    strand_sim_disk_record(disk, &record);
    strand_crash_disk_clear(&held);
    applied = 0;
}

static void
end_recording(void)
{
    strand_sim_disk_record(disk, NULL);
    strand_crash_disk_free(&held);
    strand_sim_record_free(&record);
    close_disk();
}

TestSuite(crash_record, .init = begin_recording, .fini = end_recording);

static void
catch_up(void)
{
    while (applied < record.operation_count)
        strand_crash_disk_apply(&held, &record, ++applied);
}

/* ---- Comparing disks ---- */

struct comparison {
    struct strand_sim_disk *a;
    struct strand_sim_disk *b;
    const char *directory;
    int count;
};

static int compare_entry(void *argument, const char *name);

/* Whether B has all that A has, and how many entries that are. */
static int
compare_directory(struct strand_sim_disk *a, struct strand_sim_disk *b, const char *path)
{
    struct comparison comparison = {a, b, path, 0};

    cr_assert_eq(fs->list(a, *path == '\0' ? "/" : path, compare_entry, &comparison), 0);
    return comparison.count;
}

static int
compare_entry(void *argument, const char *name)
{
    struct comparison *comparison = argument;
    char path[64];
    int64_t a_size = 0;
    int64_t b_size = 0;

    sprintf(path, "%s/%s", comparison->directory, name);
    cr_assert_eq(fs->kind(comparison->a, path), fs->kind(comparison->b, path), "%s", path);
    const uint8_t *a = strand_sim_disk_content(comparison->a, path, &a_size);
    const uint8_t *b = strand_sim_disk_content(comparison->b, path, &b_size);
    cr_assert_eq(a_size, b_size, "%s: %lld, %lld", path, (long long)a_size, (long long)b_size);
    comparison->count++;
    if (a != NULL)
        cr_assert(memcmp(a, b, (size_t)a_size) == 0, "%s", path);
    else
        comparison->count += compare_directory(comparison->a, comparison->b, path);
    return 0;
}

static void
expect_same(struct strand_sim_disk *a, struct strand_sim_disk *b)
{
    int a_count = compare_directory(a, b, "");

    cr_assert_eq(a_count, compare_directory(b, a, ""));
}

/* As a clone of IT that is cut with LOSS. */
static void
expect_same_after(struct strand_sim_disk *it, enum strand_sim_loss loss,
                  struct strand_sim_disk *left)
{
    struct strand_sim_disk *clone = NULL;

    cr_assert_eq(strand_sim_disk_clone(it, &clone), STRAND_OK);
    strand_sim_disk_cut(clone, loss, 1);
    expect_same(clone, left);
    strand_sim_disk_destroy(clone);
}

/* Nothing that is pending survives, or all. */
static void
expect_none_and_all(void)
{
    static const struct strand_sim_disk_options options = {.seed = 1};
    struct strand_crash_states states = {.rules = {.states_max = 1}};
    struct strand_crash_disk image = {0};
    struct strand_crash_generated state;

    strand_crash_states_begin(&states, &held, 0);
    for (int i = 0; i < 2; i++) {
        if (i == 0 || states.is_sampled) {
            cr_assert(strand_crash_states_next(&states, &state));
            strand_crash_states_build(&states, &image);
        }
        struct strand_sim_disk *left = strand_crash_load(&image, &options, 1, 1);
        expect_same_after(disk, i == 0 ? STRAND_SIM_LOSE_ALL : STRAND_SIM_KEEP_ALL, left);
        strand_sim_disk_destroy(left);
    }
    strand_crash_disk_free(&image);
    strand_crash_states_free(&states);
}

/* A process that is killed leaves the cache, and pending what was pending. */
static void
expect_killed(void)
{
    static const struct strand_sim_disk_options options = {.seed = 1};
    struct strand_crash_disk image = {0};

    strand_crash_disk_clear(&image);
    strand_crash_disk_copy(&image, &held);
    cr_expect_eq(strand_crash_disk_hash(&image), strand_crash_disk_hash(&held));
    struct strand_sim_disk *left = strand_crash_load(&image, &options, 0, 1);
    expect_same(disk, left);
    for (int loss = 0; loss < STRAND_SIM_RANDOM; loss++) {
        struct strand_sim_disk *clone = NULL;

        cr_assert_eq(strand_sim_disk_clone(left, &clone), STRAND_OK);
        strand_sim_disk_cut(clone, (enum strand_sim_loss)loss, 1);
        expect_same_after(disk, (enum strand_sim_loss)loss, clone);
        strand_sim_disk_destroy(clone);
    }
    strand_sim_disk_destroy(left);
    strand_crash_disk_free(&image);
}

/* ---- Random operations ---- */

static uint64_t random_state;

static uint64_t
below(uint64_t limit)
{
    return strand_sim_next_random(&random_state) % limit;
}

static const char *
any_path(void)
{
    static const char *const PATHS[] = {"/a", "/b", "/d/a", "/d/b"};

    return PATHS[below(4)];
}

static void
sync_any(struct strand_fs_file *file)
{
    bool fails = below(3) == 0;

    strand_sim_disk_plan_clear(disk);
    if (fails)
        strand_sim_disk_plan_fault(disk, 1, EIO, false);
    cr_assert_eq(fs->sync_data(file), fails ? -EIO : 0);
    strand_sim_disk_plan_clear(disk);
}

static void
change_file(void)
{
    static const int64_t POSITIONS[] = {0, 10, 500, 512, 4000, 4096, 5000, 8192, 9000};
    struct strand_fs_file *file = create_file(any_path());
    int64_t position = POSITIONS[below(9)];

    switch (below(6)) {
    case 0:
    case 1:
    case 2:
        cr_assert_gt(write_fill(file, (char)('A' + below(26)), 1 + below(3000), position), 0);
        break;
    case 3:
        cr_assert_eq(fs->set_size(file, position), 0);
        break;
    case 4:
        cr_assert_eq(fs->zero_range(file, position, 1 + (int64_t)below(3000)), 0);
        break;
    default:
        sync_any(file);
    }
    cr_assert_eq(fs->close(file), 0);
}

static void
change_names(void)
{
    switch (below(5)) {
    case 0:
        (void)fs->rename(fs->context, any_path(), any_path());
        break;
    case 1:
        (void)fs->link(fs->context, any_path(), any_path());
        break;
    case 2:
        (void)fs->remove(fs->context, any_path());
        break;
    default:
        sync_directory(below(2) == 0 ? "/" : "/d");
    }
}

ParameterizedTestParameters(crash_record, random_operations_are_told_truly)
{
    static uint64_t seeds[20];

    for (uint64_t i = 0; i < 20; i++)
        seeds[i] = i + 1;
    return cr_make_param_array(uint64_t, seeds, 20);
}

ParameterizedTest(uint64_t *seed, crash_record, random_operations_are_told_truly)
{
    random_state = *seed;
    cr_assert_eq(fs->make_directory(fs->context, "/d"), 0);
    for (int i = 0; i < 60; i++) {
        if (below(4) == 0)
            change_names();
        else
            change_file();
        catch_up();
        expect_none_and_all();
        expect_killed();
    }
}

/* ---- Operations and events ---- */

Test(crash_record, only_what_changes_something_is_an_operation)
{
    struct strand_fs_file *file = create_file("/f");
    char byte;

    cr_expect_eq(record.operation_count, 1u);
    cr_expect_eq(fs->read_at(file, &byte, 1, 0), 0);
    cr_expect_eq(fs->size(file), 0);
    cr_expect_eq(fs->sync_data(file), 0); /* nothing is due */
    cr_expect_eq(record.operation_count, 1u);
    cr_expect_eq(write_text(file, "x", 0), 1);
    cr_expect_eq(fs->sync_data(file), 0);
    sync_directory("/");
    sync_directory("/");
    cr_expect_eq(record.operation_count, 4u);
    cr_expect_str_eq(record.operations[1].text, "4 write_at /f 0+1");
    cr_expect_eq(fs->close(file), 0);
    cr_expect_eq(record.operation_count, 4u);
}

Test(crash_record, call_that_fails_as_planned_is_an_operation_without_events)
{
    strand_sim_disk_plan_fault(disk, 1, ENOSPC, false);
    cr_expect_eq(fs->make_directory(fs->context, "/d"), -ENOSPC);
    cr_assert_eq(record.operation_count, 1u);
    cr_expect(record.operations[0].has_failed);
    cr_expect_eq(record.event_count, 0u);
    cr_expect_eq(fs->make_directory(fs->context, "/d"), 0);
    cr_expect_not(record.operations[1].has_failed);
}

Test(crash_record, large_hole_makes_no_pages)
{
    struct strand_fs_file *file = create_file("/f");

    cr_expect_eq(fs->set_size(file, INT64_C(4) << 20), 0);
    cr_expect_eq(record.event_count, 2u); /* its name, its size */
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_record, what_is_loaded_has_its_own_boot_and_clock)
{
    static const struct strand_sim_disk_options options = {.seed = 1};
    char ids[3][STRAND_FS_BOOT_ID_SIZE];
    int64_t clocks[3];
    static const uint64_t BOOTS[3] = {1, 0, 1};
    static const uint64_t LIVES[3] = {1, 1, 2};

    for (int i = 0; i < 3; i++) {
        struct strand_sim_disk *left = strand_crash_load(&held, &options, BOOTS[i], LIVES[i]);

        cr_assert_eq(fs->boot_id(left, ids[i]), 0);
        clocks[i] = fs->wall_clock_ns(left);
        strand_sim_disk_destroy(left);
    }
    cr_expect_str_neq(ids[0], ids[1]);
    cr_expect_str_eq(ids[0], ids[2]);
    cr_expect_eq(clocks[0], clocks[1]);
    cr_expect_lt(clocks[1], clocks[2]);
}
