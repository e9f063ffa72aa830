/* tests/unit/test_log_epochs.c -- Leader epochs: begun at a durable end, stamped, kept in Kafka's
 * file, cut with the records. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "storage/batch.h"
#include "support/engine_fixture.h"

enum { LISTING_SIZE = 128 };

TestSuite(log_epochs, .init = fixture_start, .fini = fixture_destroy, .timeout = 60);

static void
make_replicated(void)
{
    require_ok(strand_log_close(fixture.log));
    fixture.log = NULL;
    require_ok(strand_engine_delete_log(fixture.engine, "orders", 0));
    fixture.log_options.flags = STRAND_LOG_REPLICATED;
    fixture_open_log();
}

/* The epochs of the records from 0 on, as digits. */
static const char *
epochs_of_records(void)
{
    struct strand_cursor_options options = {.struct_size = sizeof options,
                                            .isolation = STRAND_READ_WRITTEN};
    static char text[64];
    struct strand_cursor *cursor = NULL;
    struct strand_record record;
    size_t count = 0;

    require_ok(strand_cursor_open(fixture.log, STRAND_EARLIEST, &options, &cursor));
    while (strand_cursor_next(cursor, &record) == STRAND_OK && count + 1 < sizeof text)
        text[count++] = record.leader_epoch < 0 ? '-' : (char)('0' + record.leader_epoch);
    text[count] = '\0';
    strand_cursor_close(cursor);
    return text;
}

Test(log_epochs, log_of_this_process_begins_with_epoch_0_a_followers_with_none)
{
    cr_expect_str_eq(fixture_epochs(), "0 1 0 0 ");
    cr_expect_eq(fixture_positions().leader_epoch, 0);
    make_replicated();
    cr_expect_str_eq(fixture_epochs(), "0 0 ");
    cr_expect_eq(fixture_positions().leader_epoch, -1);
}

Test(log_epochs, appends_are_stamped_with_the_newest)
{
    (void)fixture_append("a b");
    require_ok(strand_log_begin_epoch(fixture.log, 3));
    cr_expect_eq(fixture_append("c").leader_epoch, 3);
    require_ok(fixture_produce("0+2"));
    require_ok(strand_log_begin_epoch(fixture.log, 4));
    cr_expect_str_eq(epochs_of_records(), "00333");
    (void)fixture_append("d");
    cr_expect_str_eq(epochs_of_records(), "003334");
    cr_expect_str_eq(fixture_epochs(), "0 3 0 0 3 2 4 5 ");
    fixture_reopen();
    cr_expect_str_eq(epochs_of_records(), "003334");
    cr_expect_eq(fixture_positions().leader_epoch, 4);
}

Test(log_epochs, only_a_higher_epoch_begins)
{
    static const struct {
        int32_t epoch;
        int status;
    } cases[] = {{5, STRAND_OK},        {5, STRAND_ERR_EPOCH},  {4, STRAND_ERR_EPOCH},
                 {0, STRAND_ERR_EPOCH}, {-1, STRAND_ERR_EPOCH}, {INT32_MIN, STRAND_ERR_EPOCH},
                 {6, STRAND_OK},        {INT32_MAX, STRAND_OK}, {INT32_MAX, STRAND_ERR_EPOCH}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_status(cases[i].status, strand_log_begin_epoch(fixture.log, cases[i].epoch));
    cr_expect_str_eq(fixture_epochs(), "0 1 2147483647 0 ");
}

Test(log_epochs, epoch_that_wrote_nothing_is_replaced_by_the_next)
{
    (void)fixture_append("a");
    require_ok(strand_log_begin_epoch(fixture.log, 1));
    require_ok(strand_log_begin_epoch(fixture.log, 2));
    cr_expect_str_eq(fixture_epochs(), "0 2 0 0 2 1 ");
}

Test(log_epochs, begins_at_a_durable_end)
{
    require_ok(fixture_try_append("a b", STRAND_WRITTEN, NULL));
    require_ok(strand_log_begin_epoch(fixture.log, 1));
    cr_expect_eq(fixture_positions().durable_end, 2);
    fixture_cut(STRAND_SIM_LOSE_ALL);
    cr_expect_str_eq(fixture_epochs(), "0 2 0 0 1 2 ");
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a 1=b");
    cr_expect_eq(fixture_positions().leader_epoch, 1, "though it has written nothing");
    cr_expect_str_eq(fixture_epochs(), "0 2 0 0 1 2 ");
}

Test(log_epochs, failure_to_store_begins_nothing)
{
    (void)fixture_append("a");
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_WRITE, 1, ENOSPC, false);
    expect_status(STRAND_ERR_NO_SPACE, strand_log_begin_epoch(fixture.log, 1));
    cr_expect_eq(fixture_positions().leader_epoch, 0);
    cr_expect_str_eq(fixture_epochs(), "0 1 0 0 ");
    (void)fixture_append("b");
    cr_expect_str_eq(epochs_of_records(), "00");
    require_ok(strand_log_begin_epoch(fixture.log, 1));
    (void)fixture_append("c");
    cr_expect_str_eq(epochs_of_records(), "001");
}

Test(log_epochs, followers_epochs_are_durable_before_their_batches)
{
    make_replicated();
    require_ok(fixture_follow("e1 0+2"));
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_SYNC, 1, EIO, false);
    cr_expect_lt(fixture_follow("e2 2+2"), 0);
    cr_expect_str_eq(fixture_segments(), "0:0+2", "not before its epoch is durable");
    cr_expect_str_eq(fixture_epochs(), "0 1 1 0 ");
    require_ok(fixture_follow("e2 2+2"));
    fixture_cut(STRAND_SIM_LOSE_ALL);
    cr_expect_str_eq(fixture_epochs(), "0 2 1 0 2 2 ");
}

Test(log_epochs, batches_without_epoch_leave_the_file_empty)
{
    make_replicated();
    require_ok(fixture_follow("e-1 0+2"));
    cr_expect_str_eq(fixture_epochs(), "0 0 ");
    cr_expect_str_eq(epochs_of_records(), "--");
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_str_eq(epochs_of_records(), "--");
    require_ok(fixture_follow("e0 2+1"));
    cr_expect_str_eq(fixture_epochs(), "0 1 0 2 ");
}

/* Epochs 1, 2 and 5 at offsets 0, 4 and 6 of a log of [0,2) [2,4) [4,6) [6,8). */
static void
make_history(void)
{
    make_replicated();
    require_ok(fixture_follow("e1 0+2 2+2 e2 4+2 e5 6+2"));
    cr_assert_str_eq(fixture_epochs(), "0 3 1 0 2 4 5 6 ");
}

Test(log_epochs, truncation_cuts_the_history_of_a_follower)
{
    static const struct {
        int64_t offset;
        const char *epochs;
    } cases[] = {
        {9, "0 3 1 0 2 4 5 6 "}, {8, "0 3 1 0 2 4 5 6 "}, {7, "0 2 1 0 2 4 "}, {6, "0 2 1 0 2 4 "},
        {5, "0 1 1 0 "},         {4, "0 1 1 0 "},         {2, "0 1 1 0 "},     {0, "0 0 "}};

    make_history();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        require_ok(strand_log_truncate(fixture.log, cases[i].offset, NULL));
        cr_expect_str_eq(fixture_epochs(), cases[i].epochs, "%lld: %s", (long long)cases[i].offset,
                         fixture_epochs());
    }
    cr_expect_eq(fixture_positions().leader_epoch, -1);
}

Test(log_epochs, epoch_that_begins_at_the_end_goes_with_a_truncation_to_the_end)
{
    make_history();
    require_ok(strand_log_begin_epoch(fixture.log, 8));
    cr_expect_str_eq(fixture_epochs(), "0 4 1 0 2 4 5 6 8 8 ");
    require_ok(strand_log_truncate(fixture.log, 8, NULL));
    cr_expect_str_eq(fixture_epochs(), "0 3 1 0 2 4 5 6 ");
    cr_expect_eq(fixture_positions().log_end, 8);
    require_ok(fixture_follow("e5 8+1"));
    require_ok(fixture_follow("e6 9+1"));
}

Test(log_epochs, own_epoch_goes_on_after_a_truncation)
{
    (void)fixture_append("a b");
    require_ok(strand_log_begin_epoch(fixture.log, 4));
    (void)fixture_append("c");
    require_ok(strand_log_truncate(fixture.log, 0, NULL));
    cr_expect_str_eq(fixture_epochs(), "0 1 4 0 ");
    cr_expect_eq(fixture_append("d").leader_epoch, 4);
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=d");
}

Test(log_epochs, history_begins_at_the_log_start_after_reopening)
{
    make_history();
    require_ok(strand_log_set_high_watermark(fixture.log, 8));
    require_ok(strand_log_trim(fixture.log, 5));
    fixture_reopen();
    cr_expect_str_eq(fixture_epochs(), "0 2 2 5 5 6 ");
    cr_expect_str_eq(fixture_read(5, STRAND_READ_WRITTEN), "5=value 6=value 7=value");
}

/* The history as the library lists it: "1@0 2@4 ". */
static int
list_epoch(void *context, const struct strand_leader_epoch *epoch)
{
    char *text = context;
    size_t used = strlen(text);

    (void)snprintf(text + used, LISTING_SIZE - used, "%d@%lld ", (int)epoch->epoch,
                   (long long)epoch->start_offset);
    return STRAND_OK;
}

static const char *
listing(void)
{
    static char text[LISTING_SIZE];

    text[0] = '\0';
    require_ok(strand_log_list_epochs(fixture.log, list_epoch, text));
    return text;
}

Test(log_epochs, trim_cuts_the_history_and_an_entry_that_goes_goes_from_the_file)
{
    static const struct {
        int64_t offset;
        const char *listed;
        const char *stored;
    } cases[] = {{3, "1@3 2@4 5@6 ", "0 3 1 0 2 4 5 6 "}, /* late on disk */
                 {4, "2@4 5@6 ", "0 2 2 4 5 6 "},
                 {5, "2@5 5@6 ", "0 2 2 4 5 6 "},
                 {8, "5@8 ", "0 1 5 8 "}};

    make_history();
    require_ok(strand_log_set_high_watermark(fixture.log, 8));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        require_ok(strand_log_trim(fixture.log, cases[i].offset));
        cr_expect_str_eq(listing(), cases[i].listed, "%zu: %s", i, listing());
        cr_expect_str_eq(fixture_epochs(), cases[i].stored, "%zu: %s", i, fixture_epochs());
        fixture_cut(STRAND_SIM_LOSE_ALL);
        fixture_open();
        cr_expect_str_eq(listing(), cases[i].listed, "%zu, recovered: %s", i, listing());
        require_ok(strand_log_set_high_watermark(fixture.log, 8));
        require_ok(strand_engine_health(fixture.engine));
    }
}

Test(log_epochs, trim_goes_on_where_the_history_cannot_be_stored)
{
    make_history();
    require_ok(strand_log_set_high_watermark(fixture.log, 8));
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_NAME, 1, ENOSPC, false);
    require_ok(strand_log_trim(fixture.log, 6));
    cr_expect_str_eq(listing(), "5@6 ");
    cr_expect_str_eq(fixture_epochs(), "0 3 1 0 2 4 5 6 ", "late: %s", fixture_epochs());
    require_ok(fixture_follow("e7 8+1"));
    cr_expect_str_eq(fixture_epochs(), "0 2 5 6 7 8 ");
    cr_expect_eq(fixture_positions().log_start, 6);
}

Test(log_epochs, reset_forgets_the_history)
{
    make_history();
    require_ok(strand_log_reset(fixture.log, 100));
    cr_expect_str_eq(fixture_epochs(), "0 0 ");
    require_ok(fixture_follow("e3 100+1"));
    cr_expect_str_eq(fixture_epochs(), "0 1 3 100 ");
}

Test(log_epochs, reset_of_an_own_log_goes_on_in_its_epoch)
{
    require_ok(strand_log_begin_epoch(fixture.log, 6));
    (void)fixture_append("a");
    require_ok(strand_log_reset(fixture.log, 100));
    cr_expect_str_eq(fixture_epochs(), "0 1 6 100 ");
    cr_expect_eq(fixture_append("b").leader_epoch, 6);
}

Test(log_epochs, damaged_file_is_learnt_again_from_the_batches)
{
    static const char *const contents[] = {NULL, "1\n0\n", "0\n9\n1 0\n", "garbage"};

    make_history();
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        fixture_cut(STRAND_SIM_LOSE_ALL);
        require_ok(strand_sim_disk_store(fixture.disk, FIXTURE_EPOCHS, contents[i],
                                         contents[i] == NULL ? 0 : (int64_t)strlen(contents[i])));
        fixture_open();
        cr_expect_str_eq(fixture_epochs(), "0 3 1 0 2 4 5 6 ", "case %zu: %s", i, fixture_epochs());
        cr_expect_str_eq(epochs_of_records(), "11112255");
    }
}

/* ---- Batches that never came ---- */

/* Epochs 5 and 6 are recorded for an append that then finds the disk full. */
static void
fail_to_follow(void)
{
    make_replicated();
    require_ok(fixture_follow("e1 0+2"));
    for (uint64_t nth = 1; strcmp(fixture_epochs(), "0 3 1 0 5 2 6 4 ") != 0; nth++) {
        strand_sim_disk_plan_clear(fixture.disk);
        strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_WRITE, nth, ENOSPC, false);
        expect_status(STRAND_ERR_NO_SPACE, fixture_follow("e5 2+2 e6 4+2"));
    }
    strand_sim_disk_plan_clear(fixture.disk);
    cr_assert_eq(fixture_positions().log_end, 2);
}

Test(log_epochs, what_was_recorded_for_batches_that_never_came_is_in_nobodys_way)
{
    static const struct {
        const char *text;
        const char *epochs;
        const char *of_records;
    } cases[] = {{"e5 2+2 e6 4+2", "0 3 1 0 5 2 6 4 ", "115566"},
                 {"e5 2+2", "0 2 1 0 5 2 ", "1155"},
                 {"e5 2+4", "0 2 1 0 5 2 ", "115555"},
                 {"e6 2+2", "0 2 1 0 6 2 ", "1166"},
                 {"e7 2+2", "0 2 1 0 7 2 ", "1177"}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fail_to_follow();
        require_ok(fixture_follow(cases[i].text));
        cr_expect_str_eq(fixture_epochs(), cases[i].epochs, "%zu: %s", i, fixture_epochs());
        fixture_cut(STRAND_SIM_LOSE_ALL);
        fixture_open();
        require_ok(strand_engine_health(fixture.engine));
        cr_expect_str_eq(epochs_of_records(), cases[i].of_records, "%zu: %s", i,
                         epochs_of_records());
    }
}

Test(log_epochs, append_behind_them_is_stamped_as_the_history_says)
{
    fail_to_follow();
    cr_expect_eq(fixture_append("a b c d").leader_epoch, 5);
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_str_eq(epochs_of_records(), "115555", "%s", fixture_info().reason);
}

/* ---- Questions ---- */

static int
stop_at_2(void *context, const struct strand_leader_epoch *epoch)
{
    (*(int *)context)++;
    return epoch->epoch == 2 ? 42 : 0;
}

static int
begin_another(void *context, const struct strand_leader_epoch *epoch)
{
    (*(int *)context)++;
    return strand_log_begin_epoch(fixture.log, 100 + epoch->epoch);
}

Test(log_epochs, listing_is_of_when_it_began_and_ends_when_told)
{
    int count = 0;

    make_history();
    cr_expect_str_eq(listing(), "1@0 2@4 5@6 ");
    cr_expect_eq(strand_log_list_epochs(fixture.log, stop_at_2, &count), 42);
    cr_expect_eq(count, 2);
    count = 0;
    require_ok(strand_log_list_epochs(fixture.log, begin_another, &count));
    cr_expect_eq(count, 3);
    cr_expect_str_eq(listing(), "1@0 2@4 5@6 105@8 ");
    expect_status(STRAND_ERR_INVALID, strand_log_list_epochs(fixture.log, NULL, NULL));
    expect_status(STRAND_ERR_INVALID, strand_log_list_epochs(NULL, stop_at_2, &count));
}

Test(log_epochs, epoch_of_each_offset_up_to_the_log_end)
{
    static const int32_t expected[] = {1, 1, 1, 1, 2, 2, 5, 5, 5};
    int32_t epoch = 77;

    make_history();
    for (int64_t offset = 0; offset <= 8; offset++) {
        require_ok(strand_log_epoch_for_offset(fixture.log, offset, &epoch));
        cr_expect_eq(epoch, expected[offset], "offset %d: %d", (int)offset, epoch);
    }
    require_ok(strand_log_begin_epoch(fixture.log, 9));
    require_ok(strand_log_epoch_for_offset(fixture.log, 8, &epoch));
    cr_expect_eq(epoch, 9, "the next record's");

    epoch = 77;
    expect_status(STRAND_ERR_OUT_OF_RANGE, strand_log_epoch_for_offset(fixture.log, 9, &epoch));
    expect_status(STRAND_ERR_OUT_OF_RANGE, strand_log_epoch_for_offset(fixture.log, -1, &epoch));
    expect_message("holds 0 to 8");
    expect_status(STRAND_ERR_INVALID, strand_log_epoch_for_offset(fixture.log, 0, NULL));
    require_ok(strand_log_set_high_watermark(fixture.log, 8));
    require_ok(strand_log_trim(fixture.log, 5));
    expect_status(STRAND_ERR_OUT_OF_RANGE, strand_log_epoch_for_offset(fixture.log, 4, &epoch));
    cr_expect_eq(epoch, 77, "a failure gives no epoch");
    require_ok(strand_log_epoch_for_offset(fixture.log, 5, &epoch));
    cr_expect_eq(epoch, 2, "at the log start");
}

Test(log_epochs, offsets_below_the_first_epoch_have_none)
{
    int32_t epoch = 77;

    make_replicated();
    require_ok(strand_log_epoch_for_offset(fixture.log, 0, &epoch));
    cr_expect_eq(epoch, -1);
    require_ok(fixture_follow("e-1 0+3"));
    require_ok(fixture_follow("e4 3+1"));
    for (int64_t offset = 0; offset <= 4; offset++) {
        require_ok(strand_log_epoch_for_offset(fixture.log, offset, &epoch));
        cr_expect_eq(epoch, offset < 3 ? -1 : 4);
    }
}

Test(log_epochs, end_of_each_epoch)
{
    static const struct {
        int32_t epoch;
        int32_t expected_epoch;
        int64_t expected_end;
    } cases[] = {{5, 5, 8}, {4, 2, 6},   {3, 2, 6},           {2, 2, 6},           {1, 1, 4},
                 {0, 0, 0}, {6, -1, -1}, {INT32_MAX, -1, -1}, {INT32_MIN, -1, -1}, {-1, -1, -1}};
    int32_t epoch = 77;
    int64_t end_offset = 77;

    make_history();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        require_ok(
            strand_log_end_offset_for_epoch(fixture.log, cases[i].epoch, &epoch, &end_offset));
        cr_expect(epoch == cases[i].expected_epoch && end_offset == cases[i].expected_end,
                  "%d: (%d, %lld)", (int)cases[i].epoch, (int)epoch, (long long)end_offset);
    }
    expect_status(STRAND_ERR_INVALID,
                  strand_log_end_offset_for_epoch(fixture.log, 1, NULL, &end_offset));
    expect_status(STRAND_ERR_INVALID,
                  strand_log_end_offset_for_epoch(fixture.log, 1, &epoch, NULL));
    expect_status(STRAND_ERR_INVALID,
                  strand_log_end_offset_for_epoch(NULL, 1, &epoch, &end_offset));
}

/* The new history has its name already: which one a power cut leaves nobody knows. */
Test(log_epochs, history_that_may_or_may_not_be_stored_fails_the_log)
{
    for (uint64_t nth = 1; nth < 8; nth++) {
        fixture_destroy();
        fixture_start();
        fixture_append("a");
        strand_sim_disk_plan_clear(fixture.disk);
        strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_SYNC_DIRECTORY, nth, EIO, false);
        if (strand_log_begin_epoch(fixture.log, 2) == STRAND_OK) {
            cr_expect_gt(nth, 1);
            return;
        }
        expect_status(STRAND_ERR_FAILED, fixture_try_append("b", STRAND_DURABLE, NULL));
        fixture_kill();
        fixture_open();
        require_ok(strand_engine_health(fixture.engine));
        cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a");
    }
}
