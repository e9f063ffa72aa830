/* tests/unit/test_leader_epoch.c -- Epochs and their start offsets, as Kafka's cache answers
 * (LeaderEpochFileCacheTest), and the file. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/file.h"
#include "recovery/leader_epoch.h"
#include "simulation/sim_disk.h"

#define DIRECTORY "/orders-0"
#define PATH      DIRECTORY "/" STRAND_LEADER_EPOCH_NAME

static struct strand_sim_disk *disk;
static const struct strand_fs *fs;
static struct strand_leader_epochs epochs;

static void
open_all(void)
{
    cr_assert_eq(strand_sim_disk_create(&(struct strand_sim_disk_options){.seed = 7}, &disk),
                 STRAND_OK);
    fs = strand_sim_disk_fs(disk);
    cr_assert_eq(strand_path_make_directory(fs, DIRECTORY), STRAND_OK);
    cr_assert_eq(strand_path_sync_directory(fs, "/"), STRAND_OK);
    strand_leader_epochs_init(&epochs);
}

static void
close_all(void)
{
    strand_leader_epochs_deinit(&epochs);
    strand_sim_disk_destroy(disk);
}

TestSuite(leader_epoch, .init = open_all, .fini = close_all);

static bool
assign(int32_t epoch, int64_t start_offset)
{
    bool is_changed;

    cr_assert_eq(strand_leader_epochs_assign(&epochs, epoch, start_offset, &is_changed), STRAND_OK);
    return is_changed;
}

/* "epoch:offset epoch:offset ..." */
static const char *
text_of(const struct strand_leader_epochs *from)
{
    static char text[512];
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < from->count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%d:%lld", i == 0 ? "" : " ",
                                 from->entries[i].epoch, (long long)from->entries[i].start_offset);
    return text;
}

static void
set_three(void)
{
    strand_leader_epochs_deinit(&epochs);
    (void)assign(2, 6);
    (void)assign(3, 8);
    (void)assign(4, 11);
}

Test(leader_epoch, assigning_keeps_both_numbers_increasing)
{
    static const struct {
        int32_t epoch;
        int64_t start_offset;
        bool is_changed;
        const char *expected;
    } CASES[] = {
        {5, 20, true, "2:6 3:8 4:11 5:20"}, /* a new one */
        {4, 11, false, "2:6 3:8 4:11"},     /* the newest again */
        {4, 15, false, "2:6 3:8 4:11"},     /* the newest, later */
        {4, 10, true, "2:6 3:8 4:10"},      /* the newest, but lower */
        {4, 7, true, "2:6 4:7"},            /* lower still: entries above go */
        {3, 20, true, "2:6 3:20"},          /* an older epoch removes the newer */
        {3, 8, true, "2:6 3:8"},            /* even one that is there */
        {5, 11, true, "2:6 3:8 5:11"},      /* a leader that wrote nothing is replaced */
        {5, 6, true, "5:6"},
        {0, 0, true, "0:0"},
        {INT32_MAX, INT64_MAX, true, "2:6 3:8 4:11 2147483647:9223372036854775807"},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        set_three();
        cr_expect_eq(assign(CASES[i].epoch, CASES[i].start_offset), CASES[i].is_changed, "case %zu",
                     i);
        cr_expect_str_eq(text_of(&epochs), CASES[i].expected);
    }
}

Test(leader_epoch, end_offset_is_where_the_next_epoch_begins)
{
    static const struct {
        int32_t epoch;
        int32_t expected_epoch;
        int64_t expected_end;
    } CASES[] = {
        {4, 4, 100}, /* the newest ends at the log end */
        {3, 3, 11},   {2, 2, 8},
        {1, 1, 6}, /* below the first: the first's start, and the epoch asked for */
        {0, 0, 6},    {5, -1, -1},
        {-1, -1, -1},
    };
    int32_t epoch;
    int64_t end_offset;

    strand_leader_epochs_end_offset(&epochs, 0, 100, &epoch, &end_offset);
    cr_expect(epoch == -1 && end_offset == -1, "an empty history knows nothing");
    set_three();
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        strand_leader_epochs_end_offset(&epochs, CASES[i].epoch, 100, &epoch, &end_offset);
        cr_expect_eq(epoch, CASES[i].expected_epoch, "epoch %d", CASES[i].epoch);
        cr_expect_eq(end_offset, CASES[i].expected_end, "epoch %d", CASES[i].epoch);
    }
}

Test(leader_epoch, end_offset_of_a_skipped_epoch_names_the_one_below)
{
    int32_t epoch;
    int64_t end_offset;

    (void)assign(2, 6);
    (void)assign(6, 20);
    strand_leader_epochs_end_offset(&epochs, 4, 100, &epoch, &end_offset);
    cr_expect_eq(epoch, 2);
    cr_expect_eq(end_offset, 20);
}

Test(leader_epoch, epoch_of_an_offset)
{
    static const struct {
        int64_t offset;
        int32_t expected;
    } CASES[] = {{0, -1}, {5, -1}, {6, 2}, {7, 2}, {8, 3}, {10, 3}, {11, 4}, {INT64_MAX, 4}};

    cr_expect_eq(strand_leader_epochs_newest(&epochs), -1);
    cr_expect_eq(strand_leader_epochs_for_offset(&epochs, 6), -1);
    set_three();
    cr_expect_eq(strand_leader_epochs_newest(&epochs), 4);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        cr_expect_eq(strand_leader_epochs_for_offset(&epochs, CASES[i].offset), CASES[i].expected,
                     "offset %lld", (long long)CASES[i].offset);
}

Test(leader_epoch, start_of_an_epoch_is_that_of_its_entry)
{
    static const struct {
        int32_t epoch;
        int64_t expected;
    } CASES[] = {{2, 6}, {3, 8}, {4, 11}, {1, -1}, {5, -1}, {-1, -1}, {INT32_MAX, -1}};

    cr_expect_eq(strand_leader_epochs_start(&epochs, 0), -1);
    set_three();
    (void)assign(6, 20);
    cr_expect_eq(strand_leader_epochs_start(&epochs, 5), -1, "skipped");
    set_three();
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        cr_expect_eq(strand_leader_epochs_start(&epochs, CASES[i].epoch), CASES[i].expected,
                     "epoch %d", CASES[i].epoch);
}

Test(leader_epoch, entries_have_a_limit)
{
    bool is_changed = false;

    for (int32_t i = 0; i < STRAND_LEADER_EPOCH_COUNT_MAX; i++)
        (void)assign(i, i);
    cr_expect_eq(strand_leader_epochs_assign(&epochs, INT32_MAX, INT64_MAX, &is_changed),
                 STRAND_ERR_TOO_LARGE);
    cr_expect_eq(epochs.count, STRAND_LEADER_EPOCH_COUNT_MAX);
    cr_expect(assign(INT32_MAX, STRAND_LEADER_EPOCH_COUNT_MAX - 1), "one in the place of another");
    cr_expect_eq(epochs.count, STRAND_LEADER_EPOCH_COUNT_MAX);
}

Test(leader_epoch, cutting_from_the_end)
{
    static const struct {
        int64_t offset;
        bool keep_at;
        bool is_cut;
        const char *expected;
    } CASES[] = {
        {8, false, true, "2:6"},
        {8, true, true, "2:6 3:8"},
        {9, false, true, "2:6 3:8"},
        {9, true, true, "2:6 3:8"},
        {11, true, false, "2:6 3:8 4:11"},
        {12, false, false, "2:6 3:8 4:11"},
        {0, true, true, ""},
        {-1, false, false, "2:6 3:8 4:11"},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        set_three();
        cr_expect_eq(strand_leader_epochs_cut_from_end(&epochs, CASES[i].offset, CASES[i].keep_at),
                     CASES[i].is_cut, "case %zu", i);
        cr_expect_str_eq(text_of(&epochs), CASES[i].expected);
    }
    strand_leader_epochs_deinit(&epochs);
    cr_expect_not(strand_leader_epochs_cut_from_end(&epochs, 0, false));
}

Test(leader_epoch, cutting_from_the_start_keeps_the_epoch_of_the_offset)
{
    static const struct {
        int64_t offset;
        bool is_cut;
        const char *expected;
    } CASES[] = {
        {8, true, "3:8 4:11"},     {9, true, "3:9 4:11"},      {5, false, "2:6 3:8 4:11"},
        {16, true, "4:16"},        {6, false, "2:6 3:8 4:11"}, {-1, false, "2:6 3:8 4:11"},
        {7, true, "2:7 3:8 4:11"},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        set_three();
        cr_expect_eq(strand_leader_epochs_cut_from_start(&epochs, CASES[i].offset), CASES[i].is_cut,
                     "case %zu", i);
        cr_expect_str_eq(text_of(&epochs), CASES[i].expected);
    }
    strand_leader_epochs_deinit(&epochs);
    cr_expect_not(strand_leader_epochs_cut_from_start(&epochs, 7));
}

Test(leader_epoch, a_copy_owns_its_entries)
{
    struct strand_leader_epochs copy;

    cr_assert_eq(strand_leader_epochs_copy(&epochs, &copy), STRAND_OK);
    cr_expect_eq(copy.count, 0);
    set_three();
    cr_assert_eq(strand_leader_epochs_copy(&epochs, &copy), STRAND_OK);
    (void)assign(0, 0);
    cr_expect_str_eq(text_of(&copy), "2:6 3:8 4:11");
    strand_leader_epochs_deinit(&copy);
}

static const char *
file_text(void)
{
    static char text[512];
    int64_t size;
    const uint8_t *data = strand_sim_disk_content(disk, PATH, &size);

    if (data == NULL)
        return NULL;
    memcpy(text, data, (size_t)size);
    text[size] = '\0';
    return text;
}

Test(leader_epoch, the_file_is_kafkas_and_what_was_stored_is_loaded)
{
    struct strand_leader_epochs loaded;

    cr_assert_eq(strand_leader_epochs_store(fs, DIRECTORY, &epochs), STRAND_OK);
    cr_expect_str_eq(file_text(), "0\n0\n");
    (void)assign(0, 0);
    (void)assign(INT32_MAX, INT64_MAX);
    cr_assert_eq(strand_leader_epochs_store(fs, DIRECTORY, &epochs), STRAND_OK);
    cr_expect_str_eq(file_text(), "0\n2\n0 0\n2147483647 9223372036854775807\n");

    strand_leader_epochs_init(&loaded);
    cr_assert_eq(strand_leader_epochs_load(fs, DIRECTORY, &loaded), STRAND_OK);
    cr_expect_str_eq(text_of(&loaded), "0:0 2147483647:9223372036854775807");
    strand_leader_epochs_deinit(&loaded);
}

Test(leader_epoch, files_that_kafka_reads)
{
    static const struct {
        const char *text;
        const char *expected;
    } CASES[] = {
        {"", ""},
        {"0\n", ""},
        {"0\n0\n", ""},
        {"0\n1\n3 4\n", "3:4"},
        {"0\n1\n3 4", "3:4"},
        {"0\r\n1\r\n3 \t 4 \r\n", "3:4"},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        set_three();
        cr_assert_eq(
            strand_sim_disk_store(disk, PATH, CASES[i].text, (int64_t)strlen(CASES[i].text)),
            STRAND_OK);
        cr_expect_eq(strand_leader_epochs_load(fs, DIRECTORY, &epochs), STRAND_OK, "case %zu", i);
        cr_expect_str_eq(text_of(&epochs), CASES[i].expected, "case %zu", i);
    }
}

Test(leader_epoch, damaged_files_are_corrupt_and_the_message_names_the_line)
{
    static const struct {
        const char *text;
        const char *message;
    } CASES[] = {
        {"1\n0\n", "line 1"},
        {"x\n0\n", "line 1"},
        {"\n", "line 1"},
        {"0\n-1\n", "line 2"},
        {"0\n99999999999999999999\n", "line 2"},
        {"0\n2\n0 0\n", "fewer"},
        {"0\n1\n0 0\n1 5\n", "line 4: more"},
        {"0\n1\n0 0\n\n", "line 4"},
        {"0\n1\n0\n", "line 3"},
        {"0\n1\n0 0 0\n", "line 3"},
        {"0\n1\n 0 0\n", "line 3"},
        {"0\n1\n-1 0\n", "line 3: not a leader epoch"},
        {"0\n1\n2147483648 0\n", "line 3: not a leader epoch"},
        {"0\n1\n1 9223372036854775808\n", "line 3: not an offset"},
        {"0\n1\n1 1x\n", "line 3: not an offset"},
        {"0\n2\n1 5\n1 6\n", "line 4"},
        {"0\n2\n1 5\n2 5\n", "line 4"},
        {"0\n2\n2 5\n1 6\n", "line 4"},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        set_three();
        cr_assert_eq(
            strand_sim_disk_store(disk, PATH, CASES[i].text, (int64_t)strlen(CASES[i].text)),
            STRAND_OK);
        cr_expect_eq(strand_leader_epochs_load(fs, DIRECTORY, &epochs), STRAND_ERR_CORRUPT,
                     "case %zu", i);
        cr_expect_not_null(strstr(strand_error_message(), CASES[i].message), "case %zu: %s", i,
                           strand_error_message());
        cr_expect_str_eq(text_of(&epochs), "2:6 3:8 4:11", "a failed load changes nothing");
    }
    cr_assert_eq(strand_sim_disk_store(disk, PATH, "0\n1\n\0 0\n", 8), STRAND_OK);
    cr_expect_eq(strand_leader_epochs_load(fs, DIRECTORY, &epochs), STRAND_ERR_CORRUPT);
    cr_assert_eq(strand_sim_disk_store(disk, PATH, NULL, 0), STRAND_OK);
    cr_expect_eq(strand_leader_epochs_load(fs, DIRECTORY, &epochs), STRAND_ERR_NOT_FOUND);
}

/* OLD is on disk, durably; NEW is in memory. */
static void
start_replacement(void)
{
    close_all();
    open_all();
    (void)assign(1, 1);
    cr_assert_eq(strand_leader_epochs_store(fs, DIRECTORY, &epochs), STRAND_OK);
    (void)assign(2, 2);
    strand_sim_disk_plan_clear(disk);
}

static void
expect_old_or_new(int status, const char *context, int nth)
{
    const char *text = file_text();

    cr_assert_not_null(text);
    cr_expect(strcmp(text, "0\n2\n1 1\n2 2\n") == 0 ||
                  (status != STRAND_OK && strcmp(text, "0\n1\n1 1\n") == 0),
              "%s, call %d: \"%s\"", context, nth, text);
}

Test(leader_epoch, power_cut_at_any_call_leaves_old_or_new)
{
    for (int loss = 0; loss < STRAND_SIM_LOSS_COUNT; loss++) {
        int status = STRAND_ERR_IO;

        for (int nth = 1; status != STRAND_OK; nth++) {
            start_replacement();
            strand_sim_disk_plan_cut(disk, (uint64_t)nth);
            status = strand_leader_epochs_store(fs, DIRECTORY, &epochs);
            strand_sim_disk_cut(disk, (enum strand_sim_loss)loss, (uint64_t)nth);
            expect_old_or_new(status, "cut", nth);
        }
    }
}

Test(leader_epoch, failure_of_any_call_is_reported_and_leaves_old_or_new)
{
    static const int CODES[] = {EIO, ENOSPC};

    for (size_t i = 0; i < 2; i++) {
        int status = STRAND_ERR_IO;

        for (int nth = 1; status != STRAND_OK; nth++) {
            start_replacement();
            strand_sim_disk_plan_fault(disk, (uint64_t)nth, CODES[i], false);
            status = strand_leader_epochs_store(fs, DIRECTORY, &epochs);
            expect_old_or_new(status, "fault", nth);
            cr_expect_eq(strand_sim_disk_open_files(disk), 0);
        }
    }
}
