/* tests/unit/test_log_cut_rules.c -- What a cut means to others: to tickets, to readers that hold
 * bytes, to backups that hold files, to whoever wants to close. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/engine_fixture.h"
#include "support/scratch.h"

/* ---- Tickets ---- */

TestSuite(log_tickets, .init = fixture_start, .fini = fixture_destroy, .timeout = 60);

static int
wait_for(const struct strand_appended *appended)
{
    return strand_log_wait(fixture.log, appended, 0);
}

Test(log_tickets, what_was_cut_off_is_told_apart_from_what_was_kept)
{
    struct strand_appended a = fixture_append("0 1");
    struct strand_appended b = fixture_append("2 3");
    struct strand_appended c = fixture_append("4 5");
    int64_t first, next;

    require_ok(strand_log_truncate(fixture.log, 3, NULL));
    expect_status(STRAND_OK, wait_for(&a));
    expect_status(STRAND_ERR_TRUNCATED, wait_for(&c));
    expect_status(STRAND_ERR_TRUNCATED, wait_for(&b));
    strand_error_offsets(&first, &next);
    cr_expect_eq(first, 2);
    cr_expect_eq(next, 4);
}

Test(log_tickets, records_in_the_same_place_are_not_the_same_records)
{
    struct strand_appended old = fixture_append("0");
    struct strand_appended again;

    require_ok(strand_log_truncate(fixture.log, 0, NULL));
    again = fixture_append("0");
    cr_expect_gt(again.generation, old.generation);
    expect_status(STRAND_ERR_TRUNCATED, wait_for(&old));
    expect_status(STRAND_OK, wait_for(&again));
    expect_status(STRAND_ERR_TRUNCATED, strand_log_wait_committed(fixture.log, &old, 0));
}

Test(log_tickets, each_of_many_cuts_is_remembered)
{
    static const int64_t cuts[] = {9, 7, 3, 8, 5}; /* the lowest is not the last */
    struct strand_appended tickets[10];
    struct strand_appended late;

    for (int i = 0; i < 10; i++)
        tickets[i] = fixture_append("v");
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        require_ok(strand_log_truncate(fixture.log, cuts[i], NULL));
        fixture_fill(10);
    }
    for (int i = 0; i < 10; i++)
        expect_status(i < 3 ? STRAND_OK : STRAND_ERR_TRUNCATED, wait_for(&tickets[i]));
    late = fixture_append("v");
    require_ok(strand_log_truncate(fixture.log, 10, NULL));
    expect_status(STRAND_ERR_TRUNCATED, wait_for(&late));
    expect_status(STRAND_OK, wait_for(&tickets[2]));
}

Test(log_tickets, reset_cuts_everything_wherever_it_goes)
{
    struct strand_appended ticket = fixture_append("0");

    require_ok(strand_log_reset(fixture.log, 1000));
    expect_status(STRAND_ERR_TRUNCATED, wait_for(&ticket));
    ticket = fixture_append("0");
    expect_status(STRAND_OK, wait_for(&ticket));
    require_ok(strand_log_reset(fixture.log, 0));
    expect_status(STRAND_ERR_TRUNCATED, wait_for(&ticket));
}

Test(log_tickets, trim_cuts_nothing)
{
    struct strand_appended ticket = fixture_append("0 1 2");

    require_ok(strand_log_trim(fixture.log, 3));
    expect_status(STRAND_OK, wait_for(&ticket));
    cr_expect_eq(fixture_positions().generation, ticket.generation);
}

Test(log_tickets, generation_grows_with_each_cut_and_over_restarts)
{
    uint64_t last = fixture_positions().generation;

    for (int i = 0; i < 3; i++) {
        (void)fixture_append("v");
        require_ok(strand_log_truncate(fixture.log, fixture_positions().log_start, NULL));
        cr_expect_gt(fixture_positions().generation, last);
        last = fixture_positions().generation;
        require_ok(strand_log_reset(fixture.log, i));
        cr_expect_gt(fixture_positions().generation, last);
        last = fixture_positions().generation;
        fixture_reopen();
        cr_expect_eq(fixture_positions().generation, last, "nothing was cut by opening");
    }
    strand_sim_disk_set_clock(fixture.disk, 1000); /* a clock that fell back */
    (void)fixture_append("v");
    require_ok(strand_log_truncate(fixture.log, fixture_positions().log_start, NULL));
    cr_expect_gt(fixture_positions().generation, last);
}

Test(log_tickets, ticket_of_a_log_that_recovery_cut_is_of_an_older_generation)
{
    struct strand_appended durable = fixture_append("0");
    struct strand_appended written;

    require_ok(fixture_try_append("1", STRAND_WRITTEN, &written));
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    cr_expect_eq(fixture_positions().log_end, 1);
    cr_expect_geq(fixture_positions().generation, written.generation);
    cr_expect_eq(durable.generation, written.generation);
}

/* ---- Readers ---- */

TestSuite(log_pins, .init = fixture_create, .fini = fixture_destroy, .timeout = 60);
TestSuite(log_pins_posix, .init = fixture_create_posix, .fini = fixture_destroy, .timeout = 60);

struct pinned {
    struct strand_fetch fetch;
    uint8_t *bytes; /* as they were */
};

static struct pinned
pin(int64_t offset)
{
    struct pinned pinned;

    require_ok(strand_log_fetch(fixture.log, offset, NULL, &pinned.fetch));
    cr_assert_gt(pinned.fetch.size, 0);
    pinned.bytes = malloc(pinned.fetch.size);
    cr_assert_not_null(pinned.bytes);
    memcpy(pinned.bytes, pinned.fetch.data, pinned.fetch.size);
    return pinned;
}

static void
expect_pinned(const struct pinned *pinned, const char *when)
{
    cr_expect_eq(memcmp(pinned->bytes, pinned->fetch.data, pinned->fetch.size), 0, "%s", when);
}

static void
unpin(struct pinned *pinned)
{
    strand_fetch_release(&pinned->fetch);
    free(pinned->bytes);
}

/* Everything that may happen to a log while its bytes are looked at. */
static void
keep_pinned_through_everything(void)
{
    struct pinned first, last;

    fixture.log_options.segment_bytes = 300;
    fixture_open();
    fixture_fill(6);
    first = pin(0);
    last = pin(5);
    fixture_fill(12);
    expect_pinned(&first, "after rolls");
    expect_pinned(&last, "after rolls");
    require_ok(strand_log_truncate(fixture.log, 5, NULL));
    (void)fixture_append("other");
    expect_pinned(&last, "after a truncation into its segment and new records there");
    require_ok(strand_log_trim(fixture.log, 5));
    expect_pinned(&first, "after a trim of its segment");
    require_ok(strand_log_reset(fixture.log, 0));
    (void)fixture_append("another");
    expect_pinned(&first, "after a reset");
    expect_pinned(&last, "after a reset");
    unpin(&first);
    unpin(&last);
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=another");
}

Test(log_pins, slice_stays_as_it_is_whatever_happens)
{
    keep_pinned_through_everything();
}

Test(log_pins, copied_slice_stays_as_it_is_whatever_happens)
{
    fixture.engine_options.flags |= STRAND_ENGINE_COPY_READS;
    keep_pinned_through_everything();
}

Test(log_pins_posix, slice_stays_as_it_is_whatever_happens)
{
    keep_pinned_through_everything();
}

Test(log_pins_posix, hard_linked_segment_keeps_its_bytes_over_a_truncation)
{
    char path[SCRATCH_PATH_SIZE], backup[SCRATCH_PATH_SIZE];
    char before[1024];
    size_t size, size_after;

    fixture_open();
    fixture_fill(4);
    scratch_path(path, "orders-0/00000000000000000000.log");
    scratch_path(backup, "orders-0/backup");
    cr_assert_eq(link(path, backup), 0);
    const char *content = scratch_content(backup, &size);
    cr_assert(size > 0 && size <= sizeof before);
    memcpy(before, content, size);

    require_ok(strand_log_truncate(fixture.log, 2, NULL));
    (void)fixture_append("other");
    content = scratch_content(backup, &size_after);
    cr_expect_eq(size_after, size);
    cr_expect_eq(memcmp(before, content, size), 0);
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=v 1=v 2=other");
    fixture_reopen();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=v 1=v 2=other");
}

Test(log_pins_posix, file_that_nobody_holds_is_shortened_in_place)
{
    char path[SCRATCH_PATH_SIZE];
    size_t size;

    fixture_open();
    fixture_fill(4);
    require_ok(strand_log_truncate(fixture.log, 2, NULL));
    scratch_path(path, "orders-0/00000000000000000000.log");
    (void)scratch_content(path, &size);
    cr_expect_eq(size, 2 * 69);
    scratch_path(path, "orders-0/truncated.tmp");
    cr_expect_null(scratch_content(path, &size));
}

/* ---- Closing ---- */

TestSuite(log_busy, .init = fixture_start, .fini = fixture_destroy, .timeout = 60);

Test(log_busy, last_handle_does_not_close_under_a_cursor)
{
    struct strand_cursor *cursor = NULL;
    struct strand_record record;

    (void)fixture_append("a");
    require_ok(strand_cursor_open(fixture.log, 0, NULL, &cursor));
    expect_status(STRAND_ERR_BUSY, strand_log_close(fixture.log));
    require_ok(strand_cursor_next(cursor, &record));
    cr_expect_eq(record.offset, 0, "nothing was harmed");
    strand_cursor_close(cursor);
    require_ok(strand_log_close(fixture.log));
    fixture.log = NULL;
}

Test(log_busy, last_handle_does_not_close_under_a_fetch)
{
    struct strand_fetch fetch;

    (void)fixture_append("a");
    require_ok(strand_log_fetch(fixture.log, 0, NULL, &fetch));
    expect_status(STRAND_ERR_BUSY, strand_log_close(fixture.log));
    strand_fetch_release(&fetch);
    strand_fetch_release(&fetch); /* all zeros by now */
    require_ok(strand_log_close(fixture.log));
    fixture.log = NULL;
}

Test(log_busy, fetch_of_nothing_holds_nothing)
{
    struct strand_fetch fetch;

    require_ok(strand_log_fetch(fixture.log, 0, NULL, &fetch));
    cr_expect_eq(fetch.size, 0);
    require_ok(strand_log_close(fixture.log));
    fixture.log = NULL;
    strand_fetch_release(&fetch);
}

Test(log_busy, other_handles_close_under_a_cursor)
{
    struct strand_log *second = NULL;
    struct strand_cursor *cursor = NULL;

    require_ok(strand_log_open(fixture.engine, "orders", 0, NULL, &second));
    require_ok(strand_cursor_open(fixture.log, 0, NULL, &cursor));
    require_ok(strand_log_close(second));
    expect_status(STRAND_ERR_BUSY, strand_log_close(fixture.log));
    strand_cursor_close(cursor);
}

Test(log_busy, engine_does_not_close_and_log_is_not_deleted_under_a_handle)
{
    expect_status(STRAND_ERR_BUSY, strand_engine_close(fixture.engine));
    expect_message("orders-0");
    expect_status(STRAND_ERR_BUSY, strand_engine_delete_log(fixture.engine, "orders", 0));
    cr_expect_eq(fixture_append("a").base_offset, 0, "nothing was harmed");
    cr_expect_str_eq(fixture_segments(), "0:0+1");
}

Test(log_busy, null_is_closed_with_success)
{
    struct strand_fetch nothing = {0};

    require_ok(strand_log_close(NULL));
    require_ok(strand_engine_close(NULL));
    strand_cursor_close(NULL);
    strand_fetch_release(&nothing);
}
