/* tests/unit/test_log_wait.c -- Waiting: for durability, for commitment, for data; what ends it. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>

#include "engine/log_internal.h"
#include "support/engine_fixture.h"

TestSuite(log_wait, .init = fixture_start, .fini = fixture_destroy, .timeout = 60);

static struct strand_appended
append_written(const char *values)
{
    struct strand_appended appended;

    require_ok(fixture_try_append(values, STRAND_WRITTEN, &appended));
    return appended;
}

static void
make_replicated(void)
{
    require_ok(strand_log_close(fixture.log));
    fixture.log = NULL;
    require_ok(strand_engine_delete_log(fixture.engine, "orders", 0));
    fixture.log_options.flags = STRAND_LOG_REPLICATED;
    fixture_open_log();
}

Test(log_wait, zero_only_looks_anything_else_does_the_work)
{
    static const int64_t timeouts[] = {-1, 1, 1000, INT64_MAX};

    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
        struct strand_appended appended = append_written("a");

        expect_status(STRAND_ERR_TIMEOUT, strand_log_wait(fixture.log, &appended, 0));
        expect_status(STRAND_ERR_TIMEOUT, strand_log_wait_committed(fixture.log, &appended, 0));
        cr_expect_lt(fixture_positions().durable_end, appended.end_offset);
        expect_status(STRAND_OK, strand_log_wait(fixture.log, &appended, timeouts[i]));
        cr_expect_eq(fixture_positions().durable_end, appended.end_offset);
        expect_status(STRAND_OK, strand_log_wait(fixture.log, &appended, 0));
        expect_status(STRAND_OK, strand_log_wait_committed(fixture.log, &appended, 0));
    }
}

Test(log_wait, one_round_serves_every_append_before_it)
{
    struct strand_appended first = append_written("a");
    struct strand_appended second = append_written("b");
    uint64_t calls;

    require_ok(strand_log_wait(fixture.log, &first, -1));
    calls = strand_sim_disk_calls(fixture.disk);
    expect_status(STRAND_OK, strand_log_wait(fixture.log, &second, 0));
    require_ok(strand_log_wait(fixture.log, &second, -1));
    cr_expect_eq(strand_sim_disk_calls(fixture.disk), calls);
}

Test(log_wait, commitment_on_a_replicated_log_is_the_watermarks)
{
    struct strand_appended appended;

    make_replicated();
    appended = append_written("a b");
    expect_status(STRAND_ERR_TIMEOUT, strand_log_wait_committed(fixture.log, &appended, 1));
    cr_expect_eq(fixture_positions().durable_end, 2, "durable it is");
    require_ok(strand_log_set_high_watermark(fixture.log, 1));
    expect_status(STRAND_ERR_TIMEOUT, strand_log_wait_committed(fixture.log, &appended, 0));
    require_ok(strand_log_set_high_watermark(fixture.log, 2));
    expect_status(STRAND_OK, strand_log_wait_committed(fixture.log, &appended, 0));

    appended = append_written("c");
    require_ok(strand_log_set_high_watermark(fixture.log, 3));
    expect_status(STRAND_ERR_TIMEOUT, strand_log_wait_committed(fixture.log, &appended, 0));
    expect_status(STRAND_OK, strand_log_wait_committed(fixture.log, &appended, -1));
}

Test(log_wait, data_is_there_when_a_reader_at_that_isolation_can_read_it)
{
    static const struct {
        int64_t offset;
        int isolation;
        int status;
    } cases[] = {
        {0, STRAND_READ_COMMITTED, STRAND_OK},
        {1, STRAND_READ_COMMITTED, STRAND_OK},
        {2, STRAND_READ_COMMITTED, STRAND_ERR_TIMEOUT},
        {2, STRAND_READ_STABLE, STRAND_ERR_TIMEOUT},
        {1, STRAND_READ_STABLE, STRAND_OK},
        {2, STRAND_READ_WRITTEN, STRAND_OK},
        {3, STRAND_READ_WRITTEN, STRAND_ERR_TIMEOUT},
        {-1, STRAND_READ_WRITTEN, STRAND_ERR_INVALID},
        {0, 3, STRAND_ERR_INVALID},
        {0, -1, STRAND_ERR_INVALID},
    };

    (void)fixture_append("a b");
    (void)append_written("c");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_status(cases[i].status,
                      strand_log_wait_data(fixture.log, cases[i].offset, cases[i].isolation, 0));
    expect_status(STRAND_ERR_TIMEOUT, strand_log_wait_data(fixture.log, 3, STRAND_READ_WRITTEN, 1));
    expect_status(STRAND_OK, strand_log_wait_data(fixture.log, 2, STRAND_READ_COMMITTED, -1));
}

Test(log_wait, nothing_is_waited_for_in_a_log_that_has_failed)
{
    struct strand_appended first = fixture_append("a");
    struct strand_appended appended = append_written("b");

    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_SYNC, 1, EIO, false);
    expect_status(STRAND_ERR_FAILED, strand_log_wait(fixture.log, &appended, -1));
    expect_status(STRAND_ERR_FAILED, strand_log_wait_committed(fixture.log, &appended, -1));
    expect_status(STRAND_ERR_FAILED,
                  strand_log_wait_data(fixture.log, 1, STRAND_READ_COMMITTED, -1));
    expect_status(STRAND_ERR_FAILED, strand_log_wait_data(fixture.log, 9, STRAND_READ_WRITTEN, -1));
    expect_status(STRAND_OK, strand_log_wait(fixture.log, &first, -1));
    expect_status(STRAND_OK, strand_log_wait_data(fixture.log, 0, STRAND_READ_COMMITTED, -1));
}

Test(log_wait, null_ticket_is_refused)
{
    expect_status(STRAND_ERR_INVALID, strand_log_wait(fixture.log, NULL, 0));
    expect_status(STRAND_ERR_INVALID, strand_log_wait_committed(fixture.log, NULL, 0));
}

/* ---- From another thread ---- */

static void
open_with_threads(void)
{
    fixture_create();
    fixture.engine_options.flags = 0;
    fixture_open();
}

TestSuite(log_wait_threads, .init = open_with_threads, .fini = fixture_destroy, .timeout = 60);

struct waiter {
    pthread_t thread;
    enum { WAIT_COMMITTED, WAIT_WRITTEN_DATA, WAIT_COMMITTED_DATA } kind;
    struct strand_appended appended;
    int64_t offset;
    int status;
};

static void *
wait_main(void *argument)
{
    struct waiter *waiter = argument;

    if (waiter->kind == WAIT_COMMITTED)
        waiter->status = strand_log_wait_committed(fixture.log, &waiter->appended, -1);
    else
        waiter->status = strand_log_wait_data(
            fixture.log, waiter->offset,
            waiter->kind == WAIT_WRITTEN_DATA ? STRAND_READ_WRITTEN : STRAND_READ_COMMITTED, -1);
    return NULL;
}

static uint32_t
count_waiters(void)
{
    strand_mutex_lock(&fixture.log->state);
    uint32_t count = fixture.log->waiter_count;
    for (const struct strand_log_waiter *at = fixture.log->waiters; at != NULL; at = at->next)
        count++;
    strand_mutex_unlock(&fixture.log->state);
    return count;
}

/* Start WAITER and return when it sleeps. */
static void
start(struct waiter *waiter)
{
    uint32_t before = count_waiters();

    cr_assert_eq(pthread_create(&waiter->thread, NULL, wait_main, waiter), 0);
    while (count_waiters() == before)
        (void)sched_yield();
}

static int
join(struct waiter *waiter)
{
    cr_assert_eq(pthread_join(waiter->thread, NULL), 0);
    return waiter->status;
}

Test(log_wait_threads, append_wakes_who_waits_for_its_data)
{
    struct waiter written = {.kind = WAIT_WRITTEN_DATA, .offset = 0};
    struct waiter committed = {.kind = WAIT_COMMITTED_DATA, .offset = 0};

    start(&written);
    start(&committed);
    (void)fixture_append("a");
    expect_status(STRAND_OK, join(&written));
    expect_status(STRAND_OK, join(&committed));
}

Test(log_wait_threads, data_nobody_waits_for_becomes_durable_by_and_by)
{
    struct waiter waiter = {.kind = WAIT_COMMITTED_DATA, .offset = 0};

    start(&waiter);
    (void)append_written("a");
    strand_sim_disk_advance(fixture.disk, INT64_C(1000000000));
    expect_status(STRAND_OK, join(&waiter));
    cr_expect_eq(fixture_positions().durable_end, 1);
}

Test(log_wait_threads, watermark_wakes_who_waits_for_commitment)
{
    struct waiter waiter = {.kind = WAIT_COMMITTED};

    make_replicated();
    waiter.appended = fixture_append("a");
    start(&waiter);
    require_ok(strand_log_set_high_watermark(fixture.log, 1));
    expect_status(STRAND_OK, join(&waiter));
}

/* Which leaves what is below it, whose tickets stay good. */
Test(log_wait_threads, who_waits_for_what_a_truncation_leaves_goes_on)
{
    struct waiter waiters[] = {{.kind = WAIT_COMMITTED}, {.kind = WAIT_COMMITTED}};

    make_replicated();
    waiters[0].appended = waiters[1].appended = fixture_append("a");
    (void)fixture_append("b");
    start(&waiters[0]);
    require_ok(strand_log_truncate(fixture.log, 1, NULL));
    start(&waiters[1]);
    require_ok(strand_log_set_high_watermark(fixture.log, 1));
    expect_status(STRAND_OK, join(&waiters[0]));
    expect_status(STRAND_OK, join(&waiters[1]));
}

Test(log_wait_threads, only_those_are_called_whose_appends_are_covered)
{
    struct waiter first = {.kind = WAIT_COMMITTED}, second = {.kind = WAIT_COMMITTED};

    make_replicated();
    first.appended = fixture_append("a");
    second.appended = fixture_append("b");
    start(&first);
    start(&second);
    require_ok(strand_log_set_high_watermark(fixture.log, 1));
    expect_status(STRAND_OK, join(&first));
    cr_expect_eq(count_waiters(), 1);
    require_ok(strand_log_set_high_watermark(fixture.log, 2));
    expect_status(STRAND_OK, join(&second));
}

Test(log_wait_threads, truncation_wakes_who_waits_for_what_it_cuts)
{
    struct waiter waiter = {.kind = WAIT_COMMITTED};

    make_replicated();
    waiter.appended = fixture_append("a");
    start(&waiter);
    require_ok(strand_log_truncate(fixture.log, 0, NULL));
    expect_status(STRAND_ERR_TRUNCATED, join(&waiter));
}

Test(log_wait_threads, failure_wakes_everybody)
{
    struct waiter data = {.kind = WAIT_WRITTEN_DATA, .offset = 5};
    struct waiter committed = {.kind = WAIT_COMMITTED};

    make_replicated();
    committed.appended = fixture_append("a");
    start(&data);
    start(&committed);
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_SYNC, 1, EIO, true);
    expect_status(STRAND_ERR_FAILED, fixture_try_append("b", STRAND_DURABLE, NULL));
    expect_status(STRAND_ERR_FAILED, join(&data));
    expect_status(STRAND_ERR_FAILED, join(&committed));
}

Test(log_wait_threads, closing_wakes_everybody)
{
    struct waiter data = {.kind = WAIT_WRITTEN_DATA, .offset = 5};
    struct waiter committed = {.kind = WAIT_COMMITTED};
    struct strand_clean_entry entry;
    bool is_clean = false;

    make_replicated();
    committed.appended = fixture_append("a");
    start(&data);
    start(&committed);
    /* What strand_engine_close() does with each log. */
    require_ok(strand_log_finish(fixture.log, &entry, &is_clean));
    cr_expect(is_clean);
    expect_status(STRAND_ERR_CLOSED, join(&data));
    expect_status(STRAND_ERR_CLOSED, join(&committed));
    expect_status(STRAND_ERR_CLOSED, fixture_try_append("b", STRAND_DURABLE, NULL));
}
