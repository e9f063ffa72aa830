/* tests/unit/test_log_identity.c -- An identity is there whole, or it is not there. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "recovery/log_identity.h"
#include "simulation/sim_disk.h"

#define DIRECTORY "/orders-0"
#define PATH      DIRECTORY "/" STRAND_LOG_IDENTITY_NAME

static struct strand_sim_disk *disk;
static const struct strand_fs *fs;

static const struct strand_log_identity OLD = {.id = {1, 2, 3}, .flags = 0};
static const struct strand_log_identity NEW = {.id = {1, 2, 3}, .flags = STRAND_LOG_HAS_GAPS};

static void
open_disk(void)
{
    cr_assert_eq(strand_sim_disk_create(&(struct strand_sim_disk_options){.seed = 7}, &disk),
                 STRAND_OK);
    fs = strand_sim_disk_fs(disk);
    cr_assert_eq(strand_path_make_directory(fs, DIRECTORY), STRAND_OK);
    cr_assert_eq(strand_path_sync_directory(fs, "/"), STRAND_OK);
    cr_assert_eq(strand_log_identity_write(fs, DIRECTORY, &OLD), STRAND_OK);
    strand_sim_disk_plan_clear(disk);
}

static void
close_disk(void)
{
    strand_sim_disk_destroy(disk);
}

TestSuite(log_identity, .init = open_disk, .fini = close_disk);

static bool
is_same(const struct strand_log_identity *left, const struct strand_log_identity *right)
{
    return memcmp(left->id, right->id, sizeof left->id) == 0 && left->flags == right->flags;
}

Test(log_identity, bytes_are_those_of_the_format)
{
    static const uint8_t EXPECTED[28] = {'S', 'T', 'I', 'D', 1, 0, 0, 0, 1, 2, 3};
    int64_t size;

    const uint8_t *data = strand_sim_disk_content(disk, PATH, &size);
    cr_assert_not_null(data);
    cr_assert_eq(size, 32);
    cr_expect_eq(memcmp(data, EXPECTED, sizeof EXPECTED), 0);
    cr_expect_eq(strand_get_le32(data + 28), strand_crc32c(0, data, 28));
}

Test(log_identity, what_was_written_is_read)
{
    struct strand_log_identity read;

    cr_assert_eq(strand_log_identity_write(fs, DIRECTORY, &NEW), STRAND_OK);
    cr_assert_eq(strand_log_identity_read(fs, DIRECTORY, &read), STRAND_OK);
    cr_expect(is_same(&read, &NEW));
}

Test(log_identity, ids_differ_and_keep_their_flags)
{
    struct strand_log_identity first;
    struct strand_log_identity second;

    cr_assert_eq(strand_log_identity_create(fs, STRAND_LOG_IS_REPLICATED, &first), STRAND_OK);
    cr_assert_eq(strand_log_identity_create(fs, 0, &second), STRAND_OK);
    cr_expect_eq(first.flags, STRAND_LOG_IS_REPLICATED);
    cr_expect_eq(second.flags, 0);
    cr_expect_neq(memcmp(first.id, second.id, sizeof first.id), 0);
}

Test(log_identity, every_flipped_bit_is_corrupt)
{
    uint8_t data[32];
    int64_t size;

    memcpy(data, strand_sim_disk_content(disk, PATH, &size), sizeof data);
    for (int bit = 0; bit < 32 * 8; bit++) {
        struct strand_log_identity read = NEW;

        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_eq(strand_sim_disk_store(disk, PATH, data, sizeof data), STRAND_OK);
        cr_expect_eq(strand_log_identity_read(fs, DIRECTORY, &read), STRAND_ERR_CORRUPT, "bit %d",
                     bit);
        cr_expect(is_same(&read, &NEW), "an output is written only on success");
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

Test(log_identity, other_sizes_and_versions_are_corrupt_and_say_so)
{
    uint8_t data[8192];
    int64_t size;
    struct strand_log_identity read;
    static const int64_t SIZES[] = {0, 31, 33, 8192};

    memset(data, 0, sizeof data);
    memcpy(data, strand_sim_disk_content(disk, PATH, &size), 32);
    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        cr_assert_eq(strand_sim_disk_store(disk, PATH, data, SIZES[i]), STRAND_OK);
        cr_expect_eq(strand_log_identity_read(fs, DIRECTORY, &read), STRAND_ERR_CORRUPT);
    }

    data[4] = 2;
    strand_put_le32(data + 28, strand_crc32c(0, data, 28));
    cr_assert_eq(strand_sim_disk_store(disk, PATH, data, 32), STRAND_OK);
    cr_expect_eq(strand_log_identity_read(fs, DIRECTORY, &read), STRAND_ERR_CORRUPT);
    cr_expect_not_null(strstr(strand_error_message(), "version"));

    cr_assert_eq(strand_sim_disk_store(disk, PATH, NULL, 0), STRAND_OK);
    cr_expect_eq(strand_log_identity_read(fs, DIRECTORY, &read), STRAND_ERR_NOT_FOUND);
}

Test(log_identity, power_cut_at_any_call_leaves_old_or_new)
{
    int cuts = 0;

    for (int loss = 0; loss < STRAND_SIM_LOSS_COUNT; loss++) {
        int status = STRAND_ERR_IO;

        for (uint64_t nth = 1; status != STRAND_OK; nth++, cuts++) {
            struct strand_log_identity read;

            close_disk();
            open_disk();
            strand_sim_disk_plan_cut(disk, nth);
            status = strand_log_identity_write(fs, DIRECTORY, &NEW);
            strand_sim_disk_cut(disk, (enum strand_sim_loss)loss, nth);
            cr_assert_eq(strand_log_identity_read(fs, DIRECTORY, &read), STRAND_OK);
            cr_expect(is_same(&read, &NEW) || (status != STRAND_OK && is_same(&read, &OLD)),
                      "loss %d, cut at call %d", loss, (int)nth);
        }
    }
    cr_expect_gt(cuts, 20);
}

Test(log_identity, failure_of_any_call_is_reported_and_leaves_old_or_new)
{
    static const int CODES[] = {EIO, ENOSPC};

    for (size_t i = 0; i < 2; i++) {
        int status = STRAND_ERR_IO;

        for (uint64_t nth = 1; status != STRAND_OK; nth++) {
            struct strand_log_identity read;

            close_disk();
            open_disk();
            strand_sim_disk_plan_fault(disk, nth, CODES[i], false);
            status = strand_log_identity_write(fs, DIRECTORY, &NEW);
            strand_sim_disk_plan_clear(disk);
            if (status != STRAND_OK)
                cr_expect_eq(status, CODES[i] == EIO ? STRAND_ERR_IO : STRAND_ERR_NO_SPACE);
            cr_assert_eq(strand_log_identity_read(fs, DIRECTORY, &read), STRAND_OK);
            cr_expect(is_same(&read, &NEW) || (status != STRAND_OK && is_same(&read, &OLD)));
            cr_expect_eq(strand_sim_disk_open_files(disk), 0);
        }
    }
}

Test(log_identity, failure_to_read_is_no_verdict_on_the_file)
{
    int status = STRAND_ERR_IO;

    for (uint64_t nth = 1; status != STRAND_OK; nth++) {
        struct strand_log_identity read;

        strand_sim_disk_plan_clear(disk);
        strand_sim_disk_plan_fault(disk, nth, EIO, false);
        status = strand_log_identity_read(fs, DIRECTORY, &read);
        cr_expect(status == STRAND_OK || status == STRAND_ERR_IO, "call %d: %d", (int)nth, status);
    }
}
