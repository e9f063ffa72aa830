/* tests/unit/test_cli_log_check.c -- Records that contradict their batch, although its CRC is
 * right; and which names are those of saved bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "storage/batch.h"
#include "support/engine_fixture.h"
#include "support/scratch.h"
#include "tools/log_check.h"
#include "tools/options.h"
#include "tools/saved_files.h"

static struct cli_directory_view view;
static struct cli_log_check check;

TestSuite(cli_log_check, .init = fixture_create_posix, .fini = fixture_destroy);

/* The only log of the fixture, closed. */
static void
look(void)
{
    struct cli_options options = {.data = fixture.directory};

    require_ok(cli_directory_view_open(&view, &options));
    cr_assert_eq(view.count, 1);
    require_ok(cli_log_check(&view, &view.logs[0], NULL, NULL, &check));
}

static void
look_away(void)
{
    cli_log_check_deinit(&check);
    cli_directory_view_close(&view);
}

static int
count_of(const char *name)
{
    int count = 0;

    for (size_t i = 0; i < check.findings.count; i++)
        if (strcmp(check.findings.list[i].check, name) == 0)
            count++;
    return count;
}

/* Each batch holds one record more than it says; its CRC agrees. */
static void
spoil_counts(void)
{
    char path[SCRATCH_PATH_SIZE];
    size_t size;

    snprintf(path, sizeof path, "%s/orders-0/00000000000000000000.log", fixture.directory);
    const char *content = scratch_content(path, &size);
    cr_assert_not_null(content);
    uint8_t *bytes = malloc(size);
    cr_assert_not_null(bytes);
    memcpy(bytes, content, size);
    for (size_t at = 0; at < size; at += (size_t)strand_batch_size(bytes + at)) {
        uint8_t *count = bytes + at + STRAND_BATCH_RECORD_COUNT;

        strand_put_be32(count, strand_get_be32(count) - 1);
        fixture_fix_crc(bytes + at);
    }
    scratch_store(path, bytes, size);
    free(bytes);
}

static void
write_batches(int count)
{
    fixture_open();
    for (int i = 0; i < count; i++)
        fixture_append("one two");
    fixture_close();
}

Test(cli_log_check, healthy_log_is_counted)
{
    write_batches(3);
    look();
    cr_expect_eq(check.findings.worst, CLI_LEVEL_OK);
    cr_expect_eq(check.findings.count, 0);
    cr_expect_eq(check.batch_count, 3);
    cr_expect_eq(check.record_count, 6);
    cr_expect_eq(check.segment_count, 1);
    cr_expect_eq(check.log_start, 0);
    cr_expect_eq(check.log_end, 6);
    look_away();
}

Test(cli_log_check, malformed_records_are_found_though_the_crc_is_right)
{
    write_batches(2);
    spoil_counts();
    look();
    cr_expect_eq(check.findings.worst, CLI_LEVEL_PROBLEM);
    cr_assert_eq(count_of("records"), 2);
    cr_expect_eq(check.batch_count, 2);
    cr_expect_not_null(
        strstr(check.findings.list[0].text, "offsets 0 to 1 (segment 0, position 0)"), "%s",
        check.findings.list[0].text);
    look_away();
}

Test(cli_log_check, many_malformed_batches_are_named_up_to_a_number_and_then_counted)
{
    write_batches(20);
    spoil_counts();
    look();
    cr_assert_eq(count_of("records"), 17);
    cr_expect_not_null(
        strstr(check.findings.list[16].text, "20 batches in all have malformed records"));
    look_away();
}

Test(cli_log_check, names_of_saved_bytes)
{
    static const struct {
        const char *name;
        bool is_one;
    } CASES[] = {
        {"cut-00000000000000000030.bytes", true},
        {"cut-00000000000000000030-2.bytes", true},
        {"cut-00000000000000000030-1000.bytes", true},
        {"cut-00000000000000000030-.bytes", false},
        {"cut-00000000000000000030.bytes.tmp", false},
        {"cut-0000000000000000030.bytes", false},
        {"cut-000000000000000000030.bytes", false},
        {"cut-.bytes", false},
        {"cut", false},
        {"", false},
        {"cutt00000000000000000030.bytes", false},
        {"00000000000000000030.log", false},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        cr_expect_eq(cli_saved_name_is_one(CASES[i].name), CASES[i].is_one, "%s", CASES[i].name);
}
