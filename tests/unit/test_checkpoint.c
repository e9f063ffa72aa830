/* tests/unit/test_checkpoint.c -- A checkpoint is Kafka's text, and replaced whole or not at all.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/file.h"
#include "recovery/checkpoint.h"
#include "simulation/sim_disk.h"

#define NAME STRAND_RECOVERY_POINT_NAME
#define PATH "/data/" NAME

static struct strand_sim_disk *disk;
static const struct strand_fs *fs;
static struct strand_checkpoint checkpoint;

static void
open_all(void)
{
    cr_assert_eq(strand_sim_disk_create(&(struct strand_sim_disk_options){.seed = 7}, &disk),
                 STRAND_OK);
    fs = strand_sim_disk_fs(disk);
    cr_assert_eq(strand_path_make_directory(fs, "/data"), STRAND_OK);
    cr_assert_eq(strand_path_sync_directory(fs, "/"), STRAND_OK);
    strand_checkpoint_init(&checkpoint);
}

static void
close_all(void)
{
    strand_checkpoint_deinit(&checkpoint);
    strand_sim_disk_destroy(disk);
}

TestSuite(checkpoint, .init = open_all, .fini = close_all);

static void
set(const char *topic, int32_t partition, int64_t offset)
{
    cr_assert_eq(strand_checkpoint_set(&checkpoint, topic, partition, offset), STRAND_OK);
}

static int64_t
get(const char *topic, int32_t partition)
{
    int64_t offset = -7;

    return strand_checkpoint_get(&checkpoint, topic, partition, &offset) ? offset : -1;
}

static const char *
file_text(void)
{
    static char text[4096];
    int64_t size;
    const uint8_t *data = strand_sim_disk_content(disk, PATH, &size);

    if (data == NULL)
        return NULL;
    memcpy(text, data, (size_t)size);
    text[size] = '\0';
    return text;
}

static void
put_file(const char *text)
{
    cr_assert_eq(strand_sim_disk_store(disk, PATH, text, (int64_t)strlen(text)), STRAND_OK);
}

Test(checkpoint, setting_adds_or_overwrites)
{
    cr_expect_eq(get("orders", 0), -1);
    set("orders", 10, 1);
    set("orders", 9, 2);
    set("a", INT32_MAX, 3);
    set("orders", 10, INT64_MAX);
    set("orders-x", 9, 5);
    cr_expect_eq(checkpoint.count, 4);
    cr_expect_eq(get("orders", 10), INT64_MAX);
    cr_expect_eq(get("orders", 9), 2);
    cr_expect_eq(get("a", INT32_MAX), 3);
    cr_expect_eq(get("orders-x", 9), 5);
    cr_expect_eq(get("orders", 8), -1);
    cr_expect_eq(get("order", 9), -1);
    cr_expect_eq(get("zzz", 0), -1);
}

Test(checkpoint, the_file_is_kafkas)
{
    cr_assert_eq(strand_checkpoint_store(fs, "/data", NAME, &checkpoint), STRAND_OK);
    cr_expect_str_eq(file_text(), "0\n0\n");
    set("orders", INT32_MAX, INT64_MAX);
    set("orders", 0, 1842);
    cr_assert_eq(strand_checkpoint_store(fs, "/data", NAME, &checkpoint), STRAND_OK);
    cr_expect_str_eq(file_text(), "0\n2\norders 0 1842\norders 2147483647 9223372036854775807\n");
}

Test(checkpoint, ten_thousand_entries_come_back)
{
    for (int i = 0; i < 10000; i++)
        set("orders", (i * 7919) % 10000, i);
    cr_assert_eq(strand_checkpoint_store(fs, "/data", NAME, &checkpoint), STRAND_OK);
    strand_checkpoint_deinit(&checkpoint);
    cr_assert_eq(strand_checkpoint_load(fs, "/data", NAME, &checkpoint), STRAND_OK);
    cr_assert_eq(checkpoint.count, 10000);
    for (int i = 0; i < 10000; i++)
        cr_assert_eq(get("orders", (i * 7919) % 10000), i);
}

Test(checkpoint, files_that_kafka_reads)
{
    static const struct {
        const char *text;
        size_t count;
        int64_t orders_1; /* offset, -1: none */
    } CASES[] = {
        {"", 0, -1},
        {"0", 0, -1},
        {"0\n", 0, -1},
        {"0\n0\n", 0, -1},
        {"0\n1\norders 1 5\n", 1, 5},
        {"0\n1\norders 1 5", 1, 5},
        {"0\n1\norders  1\t5 \n", 1, 5},
        {"0\r\n1\r\norders 1 5\r\n", 1, 5},
        {"0\n3\nz 0 1\norders 1 7\na.b_c-d 3 2\n", 3, 7}, /* in no order */
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        put_file(CASES[i].text);
        set("before", 0, 1);
        cr_expect_eq(strand_checkpoint_load(fs, "/data", NAME, &checkpoint), STRAND_OK, "case %zu",
                     i);
        cr_expect_eq(checkpoint.count, CASES[i].count, "case %zu", i);
        cr_expect_eq(get("orders", 1), CASES[i].orders_1, "case %zu", i);
    }
}

Test(checkpoint, damaged_files_are_corrupt_and_the_message_names_the_line)
{
    static const struct {
        const char *text;
        const char *message;
    } CASES[] = {
        {"1\n0\n", "line 1: unknown version"},
        {"-0\n0\n", "line 1"},
        {"zero\n0\n", "line 1"},
        {"0\nmany\n", "line 2"},
        {"0\n1048577\n", "line 2"}, /* more than is believed */
        {"0\n1\n", "fewer"},
        {"0\n0\norders 1 5\n", "line 3: more"},
        {"0\n1\norders 1 5\n\n", "line 4"},
        {"0\n1\norders 1\n", "line 3: malformed"},
        {"0\n1\norders 1 5 6\n", "line 3: malformed"},
        {"0\n1\n\norders 1 5\n", "line 3: malformed"},
        {"0\n1\norders -1 5\n", "line 3: not a partition"},
        {"0\n1\norders 2147483648 5\n", "line 3: not a partition"},
        {"0\n2\norders 1 5\norders 2 -5\n", "line 4: not an offset"},
        {"0\n1\norders 1 9223372036854775808\n", "line 3: not an offset"},
        {"0\n1\norders 1 5x\n", "line 3: not an offset"},
        {"0\n1\nor/ders 1 5\n", "line 3: not the name"},
        {"0\n1\n.. 1 5\n", "line 3: not the name"},
        {"0\n3\norders 1 5\na 0 0\norders 1 5\n", "orders-1 is named twice"},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        put_file(CASES[i].text);
        set("before", 0, 1);
        cr_expect_eq(strand_checkpoint_load(fs, "/data", NAME, &checkpoint), STRAND_ERR_CORRUPT,
                     "case %zu", i);
        cr_expect_not_null(strstr(strand_error_message(), CASES[i].message), "case %zu: %s", i,
                           strand_error_message());
        cr_expect_not_null(strstr(strand_error_message(), PATH));
        cr_expect_eq(get("before", 0), 1, "a failed load changes nothing");
        cr_expect_eq(checkpoint.count, 1);
    }
}

Test(checkpoint, a_file_of_zeros_is_corrupt_and_none_is_not_found)
{
    static const char ZEROS[512];

    cr_assert_eq(strand_sim_disk_store(disk, PATH, ZEROS, sizeof ZEROS), STRAND_OK);
    cr_expect_eq(strand_checkpoint_load(fs, "/data", NAME, &checkpoint), STRAND_ERR_CORRUPT);
    cr_assert_eq(strand_sim_disk_store(disk, PATH, NULL, 0), STRAND_OK);
    cr_expect_eq(strand_checkpoint_load(fs, "/data", NAME, &checkpoint), STRAND_ERR_NOT_FOUND);
}

/* OLD is on disk, durably; NEW is in memory. */
static void
start_replacement(void)
{
    close_all();
    open_all();
    set("orders", 0, 7);
    cr_assert_eq(strand_checkpoint_store(fs, "/data", NAME, &checkpoint), STRAND_OK);
    set("orders", 0, 8);
    strand_sim_disk_plan_clear(disk);
}

static void
expect_old_or_new(int status, const char *context, int nth)
{
    const char *text = file_text();

    cr_assert_not_null(text, "%s, call %d: the checkpoint is gone", context, nth);
    cr_expect(strcmp(text, "0\n1\norders 0 8\n") == 0 ||
                  (status != STRAND_OK && strcmp(text, "0\n1\norders 0 7\n") == 0),
              "%s, call %d: \"%s\"", context, nth, text);
}

Test(checkpoint, power_cut_at_any_call_leaves_old_or_new)
{
    for (int loss = 0; loss < STRAND_SIM_LOSS_COUNT; loss++) {
        int status = STRAND_ERR_IO;

        for (int nth = 1; status != STRAND_OK; nth++) {
            start_replacement();
            strand_sim_disk_plan_cut(disk, (uint64_t)nth);
            status = strand_checkpoint_store(fs, "/data", NAME, &checkpoint);
            strand_sim_disk_cut(disk, (enum strand_sim_loss)loss, (uint64_t)nth);
            expect_old_or_new(status, "cut", nth);
        }
    }
}

Test(checkpoint, failure_of_any_call_is_reported_and_leaves_old_or_new)
{
    static const int CODES[] = {EIO, ENOSPC};

    for (size_t i = 0; i < 2; i++) {
        int status = STRAND_ERR_IO;

        for (int nth = 1; status != STRAND_OK; nth++) {
            start_replacement();
            strand_sim_disk_plan_fault(disk, (uint64_t)nth, CODES[i], false);
            status = strand_checkpoint_store(fs, "/data", NAME, &checkpoint);
            expect_old_or_new(status, "fault", nth);
            cr_expect_eq(strand_sim_disk_open_files(disk), 0);
        }
    }
}
