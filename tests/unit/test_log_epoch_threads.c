/* tests/unit/test_log_epoch_threads.c -- New epochs against appends under way: whatever the order,
 * the history gives each batch the epoch that it has.  Recovery cuts what contradicts the history,
 * so an append of the old epoch that landed behind the new one's entry would be lost. */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "engine/log_internal.h"
#include "storage/batch.h"
#include "support/engine_fixture.h"
#include "support/hold_fs.h"

static void
open_with_threads(void)
{
    fixture_create();
    fixture.engine_options.flags = 0;
    fixture.log_options.flags = STRAND_LOG_REPLICATED;
    fixture_open();
}

TestSuite(log_epoch_threads, .init = open_with_threads, .fini = fixture_destroy, .timeout = 120);

enum { WRITERS = 3, APPENDS = 200, EPOCHS = 60, BATCH_SIZE_MAX = 256 };

static _Atomic int writers_left;
static _Atomic int appended;

/* Durable ones share writes, others do not. */
static void *
append_as_leader(void *argument)
{
    for (int i = 0; i < APPENDS; i++) {
        require_ok(
            fixture_try_append("v", argument == NULL ? STRAND_DURABLE : STRAND_WRITTEN, NULL));
        atomic_fetch_add(&appended, 1);
    }
    atomic_fetch_sub(&writers_left, 1);
    return NULL;
}

/* Batches of the epoch that the log had just now; somebody may be faster, then they are refused. */
static void *
append_as_follower(void *argument)
{
    struct strand_append_options options = {
        .struct_size = sizeof options, .durability = STRAND_WRITTEN, .is_follower = 1};
    size_t size = (size_t)strand_batch_size(argument);
    uint8_t batch[BATCH_SIZE_MAX];

    memcpy(batch, argument, size);
    for (int i = 0; i < APPENDS; i++) {
        struct strand_positions positions = fixture_positions();

        strand_batch_set_base_offset(batch, positions.log_end);
        strand_batch_set_leader_epoch(batch, positions.leader_epoch);
        int status = strand_log_append_batches(fixture.log, batch, size, &options, NULL);
        cr_assert(status == STRAND_OK || status == STRAND_ERR_EPOCH || status == STRAND_ERR_OFFSETS,
                  "%d: %s", status, strand_error_message());
        atomic_fetch_add(&appended, status == STRAND_OK ? 1 : 0);
    }
    atomic_fetch_sub(&writers_left, 1);
    return NULL;
}

/* Every batch has the epoch that the history has for its offsets. */
static void
expect_history_is_true(void)
{
    struct strand_fetch_options options = {
        .struct_size = sizeof options, .isolation = STRAND_READ_WRITTEN, .max_bytes = 1};
    struct strand_positions positions = fixture_positions();

    for (int64_t offset = positions.log_start; offset < positions.log_end;) {
        struct strand_fetch fetch = {0};
        int32_t epoch = -2;

        require_ok(strand_log_fetch(fixture.log, offset, &options, &fetch));
        require_ok(strand_log_epoch_for_offset(fixture.log, offset, &epoch));
        cr_assert_eq(strand_batch_leader_epoch(fetch.data), epoch,
                     "offset %" PRId64 ": epoch %" PRId32 ", the history says %" PRId32, offset,
                     strand_batch_leader_epoch(fetch.data), epoch);
        offset = fetch.next_offset;
        strand_fetch_release(&fetch);
    }
}

/* Begin epochs while WRITERS threads run MAIN; then the power goes. */
static void
run_against_new_epochs(void *(*main_of[WRITERS])(void *), void *arguments[WRITERS])
{
    pthread_t threads[WRITERS];

    require_ok(strand_log_begin_epoch(fixture.log, 0));
    writers_left = WRITERS;
    for (int i = 0; i < WRITERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, main_of[i], arguments[i]), 0);
    for (int32_t epoch = 1; epoch < EPOCHS && atomic_load(&writers_left) > 0; epoch++) {
        int before = atomic_load(&appended);

        require_ok(strand_log_begin_epoch(fixture.log, epoch));
        while (atomic_load(&appended) == before && atomic_load(&writers_left) > 0)
            (void)sched_yield(); /* so that no epoch is without records */
    }
    for (int i = 0; i < WRITERS; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);

    expect_history_is_true();
    require_ok(strand_engine_sync(fixture.engine));
    int64_t log_end = fixture_positions().log_end;
    fixture_cut(STRAND_SIM_LOSE_ALL);
    fixture_open();
    require_ok(strand_engine_health(fixture.engine));
    cr_expect_eq(fixture_positions().log_end, log_end, "nothing contradicts the history");
    expect_history_is_true();
}

Test(log_epoch_threads, append_of_the_old_epoch_never_lands_behind_the_new_entry)
{
    void *(*main_of[WRITERS])(void *) = {append_as_leader, append_as_leader, append_as_leader};
    void *arguments[WRITERS] = {NULL, NULL, &fixture};

    run_against_new_epochs(main_of, arguments);
    cr_expect_eq(appended, WRITERS * APPENDS);
}

Test(log_epoch_threads, followers_batches_neither)
{
    void *(*main_of[WRITERS])(void *) = {append_as_follower, append_as_follower, append_as_leader};
    size_t size;
    uint8_t template[BATCH_SIZE_MAX];
    const uint8_t *batch = fixture_batches("0+1", &size);

    cr_assert_leq(size, sizeof template);
    memcpy(template, batch, size);
    void *arguments[WRITERS] = {template, template, &fixture};
    run_against_new_epochs(main_of, arguments);
}

/* What the threads above meet by chance: let in, then overtaken, then under the append lock. */
static int
check_under_lock(const uint8_t *batch, size_t size)
{
    strand_mutex_lock(&fixture.log->append);
    int status = strand_log_check_follower(fixture.log, batch, size);
    strand_mutex_unlock(&fixture.log->append);
    return status;
}

Test(log_epoch_threads, batches_that_were_overtaken_are_refused)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"e2 4+1", STRAND_OK},
        {"e2 4+1 5+1", STRAND_OK},
        {"e1 4+1", STRAND_ERR_EPOCH},        /* epoch 2 began meanwhile */
        {"e3 4+1", STRAND_ERR_EPOCH},        /* the entry of epoch 3 was cut meanwhile */
        {"e2 4+1 e3 5+1", STRAND_ERR_EPOCH}, /* likewise */
        {"e2 3+1", STRAND_ERR_OFFSETS},      /* somebody has appended meanwhile */
        {"e2 5+1", STRAND_ERR_OFFSETS},      /* the record in front was cut meanwhile */
        {"e2 4+1 6+1", STRAND_ERR_OFFSETS},
    };

    require_ok(fixture_follow("e1 0+4"));
    require_ok(strand_log_begin_epoch(fixture.log, 2));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size;
        const uint8_t *batch = fixture_batches(cases[i].text, &size);

        cr_expect_eq(check_under_lock(batch, size), cases[i].status, "%s: %s", cases[i].text,
                     strand_error_message());
    }
}

/* ---- While an epoch is being made durable ---- */

enum { YIELDS = 20000 };

static void *
append_once(void *argument)
{
    (void)argument;
    require_ok(fixture_try_append("v", STRAND_WRITTEN, NULL));
    atomic_fetch_add(&appended, 1);
    return NULL;
}

static void *
begin_epoch(void *argument)
{
    (void)argument;
    require_ok(strand_log_begin_epoch(fixture.log, 7));
    return NULL;
}

/* What is appended meanwhile waits, and is the new epoch's. */
Test(log_epoch_threads, append_waits_while_an_epoch_is_made_durable)
{
    pthread_t leader, writer;

    fixture_destroy();
    fixture_create();
    fixture.engine_options.flags = 0;
    fixture.engine_options.fs = hold_fs(fixture.fs);
    fixture_open();
    hold_fs_hold(HOLD_FS_SYNC, "leader-epoch");
    cr_assert_eq(pthread_create(&leader, NULL, begin_epoch, NULL), 0);
    hold_fs_await(HOLD_FS_SYNC, "leader-epoch", 1);
    cr_assert_eq(pthread_create(&writer, NULL, append_once, NULL), 0);
    for (int i = 0; i < YIELDS && atomic_load(&appended) == 0; i++)
        (void)sched_yield(); /* time enough for one that does not wait */
    cr_expect_eq(atomic_load(&appended), 0);
    hold_fs_release(HOLD_FS_SYNC, "leader-epoch");
    cr_assert_eq(pthread_join(leader, NULL), 0);
    cr_assert_eq(pthread_join(writer, NULL), 0);
    expect_history_is_true();
}
