/* tests/unit/test_committer.c -- Who is synced next, by how many workers, and what ends it.
 *
 * Syncs are held until the test lets them go, so that what stands in line is known; time is the
 * simulated disk's.  The order is read off a trace of what was synced.
 */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/commit_queue.h"
#include "engine/log_internal.h"
#include "support/engine_fixture.h"
#include "support/hold_fs.h"

enum { LOGS_MAX = 8 };

static struct strand_log *logs[LOGS_MAX];
static int log_count;

static const int64_t MS = 1000000;

/* Options that a test has not set: an engine with WORKERS threads on a held simulated disk. */
static void
open_engine(uint32_t workers)
{
    fixture.engine_options.flags = workers == 0 ? STRAND_ENGINE_NO_THREADS : 0;
    fixture.engine_options.sync_workers = workers;
    /* Seldom enough to come only when a test asks for one. */
    fixture.engine_options.checkpoint_interval_ms = 3600 * 1000;
    fixture_open_engine();
}

static void
create(void)
{
    fixture_create();
    fixture.fs = hold_fs(fixture.fs);
    fixture.engine_options.fs = fixture.fs;
}

static void
destroy(void)
{
    while (log_count > 0)
        (void)strand_log_close(logs[--log_count]);
    fixture_destroy();
}

TestSuite(committer, .init = create, .fini = destroy, .timeout = 60);

static struct strand_log *
open_log(const char *topic)
{
    struct strand_log *log = NULL;

    cr_assert_lt(log_count, LOGS_MAX);
    require_ok(strand_log_open(fixture.engine, topic, 0, &fixture.log_options, &log));
    logs[log_count++] = log;
    return log;
}

/* Append without waiting: a round by and by. */
static struct strand_appended
append(struct strand_log *log)
{
    struct strand_append_options options = {.struct_size = sizeof options,
                                            .durability = STRAND_WRITTEN};
    struct strand_record record = {.value = {"v", 1}};
    struct strand_appended appended = {0};

    require_ok(strand_log_append(log, &record, 1, &options, &appended));
    return appended;
}

/* Append, and a round as soon as possible. */
static struct strand_appended
append_soon(struct strand_log *log)
{
    struct strand_appended appended = append(log);

    require_ok(strand_log_commit_soon(log));
    return appended;
}

static void
expect_durable(struct strand_log *log, struct strand_appended appended)
{
    expect_status(STRAND_OK, strand_log_wait(log, &appended, -1));
}

static int64_t
durable_end(struct strand_log *log)
{
    struct strand_positions positions = {0};

    require_ok(strand_log_positions(log, &positions));
    return positions.durable_end;
}

/* Let the frontier's slots, written until now, be synced; then nothing is in line. */
static void
settle(void)
{
    struct strand_committer *committer = &fixture.engine->committer;
    bool is_settled = false;

    strand_sim_disk_advance(fixture.disk, 100 * MS);
    while (!is_settled) {
        strand_mutex_lock(&committer->lock);
        is_settled = committer->frontier_due_ns < 0 && !committer->is_frontier_running;
        strand_mutex_unlock(&committer->lock);
        (void)sched_yield();
    }
}

/* Engage a worker with the log "x" until hold_fs_release(). */
static struct strand_appended
engage(struct strand_log *x)
{
    struct strand_committer *committer = &fixture.engine->committer;

    hold_fs_hold(HOLD_FS_SYNC, "x-0");
    struct strand_appended appended = append_soon(x);
    hold_fs_await(HOLD_FS_SYNC, "x-0", 1);
    strand_mutex_lock(&committer->lock); /* its data would become due in front of all others */
    strand_commit_queue_remove(&committer->later, x);
    strand_mutex_unlock(&committer->lock);
    return appended;
}

static int
count_idle(void)
{
    struct strand_committer *committer = &fixture.engine->committer;
    int count = 0;

    strand_mutex_lock(&committer->lock);
    for (const struct strand_sync_worker *at = committer->idle; at != NULL; at = at->below)
        count++;
    strand_mutex_unlock(&committer->lock);
    return count;
}

static void
await_idle(int count)
{
    while (count_idle() != count)
        (void)sched_yield();
}

static void
await_trace(const char *wanted)
{
    while (strlen(hold_fs_trace()) < strlen(wanted))
        (void)sched_yield();
    cr_expect_str_eq(hold_fs_trace(), wanted);
}

/* ---- The order ---- */

/* One worker; while it is busy, "l", "m" and "n" become due, and "u" and "v" are waited for. */
static void
expect_order(int64_t waited_ms, const char *wanted)
{
    open_engine(1);
    struct strand_log *x = open_log("x");
    struct strand_log *later[] = {open_log("l"), open_log("m"), open_log("n")};
    struct strand_log *urgent[] = {open_log("u"), open_log("v")};

    settle();
    (void)engage(x);
    hold_fs_begin_trace(HOLD_FS_SYNC);
    for (int i = 0; i < 3; i++)
        (void)append(later[i]);
    strand_sim_disk_advance(fixture.disk, waited_ms * MS);
    for (int i = 0; i < 2; i++)
        (void)append_soon(urgent[i]);
    hold_fs_release(HOLD_FS_SYNC, "x-0");
    await_trace(wanted);
}

Test(committer, logs_that_somebody_waits_for_come_first)
{
    expect_order(250, "x-0 u-0 v-0 l-0 m-0 n-0 ");
}

Test(committer, what_is_overdue_gets_a_turn_between_two_that_are_waited_for)
{
    expect_order(450, "x-0 l-0 u-0 m-0 v-0 n-0 ");
}

Test(committer, urgent_rounds_are_in_the_order_they_were_asked_for)
{
    open_engine(1);
    struct strand_log *x = open_log("x");
    struct strand_log *a = open_log("a"), *b = open_log("b"), *c = open_log("c");

    settle();
    (void)engage(x);
    hold_fs_begin_trace(HOLD_FS_SYNC);
    (void)append_soon(b);
    (void)append_soon(c);
    (void)append_soon(a);
    (void)append_soon(b); /* it keeps its place */
    (void)append_soon(x); /* to the end, when the round that runs has ended */
    hold_fs_release(HOLD_FS_SYNC, "x-0");
    await_trace("x-0 b-0 c-0 a-0 x-0 ");
}

/* The frontier's sync is due, by OVERDUE_MS, when the worker has a choice. */
static void
expect_frontier(int64_t overdue_ms, const char *wanted)
{
    open_engine(1);
    struct strand_log *x = open_log("x"), *u = open_log("u"), *v = open_log("v");

    settle();
    strand_committer_note_slot(&fixture.engine->committer);
    (void)engage(x);
    hold_fs_begin_trace(HOLD_FS_SYNC);
    strand_sim_disk_advance(fixture.disk, (STRAND_FRONTIER_DELAY_MS + overdue_ms) * MS);
    (void)append_soon(u);
    (void)append_soon(v);
    hold_fs_release(HOLD_FS_SYNC, "x-0");
    await_trace(wanted);
}

Test(committer, frontier_is_not_in_front_of_a_log_that_is_waited_for)
{
    expect_frontier(50, "x-0 u-0 v-0 frontier ");
}

Test(committer, frontier_that_is_late_is)
{
    expect_frontier(STRAND_FRONTIER_DELAY_MS + 10, "x-0 frontier u-0 v-0 ");
}

Test(committer, checkpoint_comes_when_nobody_waits)
{
    struct strand_committer *committer;

    open_engine(1);
    committer = &fixture.engine->committer;
    struct strand_log *x = open_log("x"), *l = open_log("l"), *u = open_log("u");

    settle();
    (void)engage(x);
    hold_fs_begin_trace(HOLD_FS_SYNC);
    strand_committer_ask_checkpoint(committer, fixture.fs->monotonic_ns(fixture.fs->context));
    (void)append(l);
    strand_sim_disk_advance(fixture.disk, 1000 * MS);
    (void)append_soon(u);
    hold_fs_release(HOLD_FS_SYNC, "x-0");
    await_trace("x-0 l-0 u-0 checkpoint ");
}

/* ---- Without threads ---- */

static int64_t
run(void)
{
    int64_t next_ms = -2;

    require_ok(strand_engine_run(fixture.engine, &next_ms));
    return next_ms;
}

Test(committer, engine_run_does_what_was_asked_for)
{
    open_engine(0);
    struct strand_log *a = open_log("a"), *b = open_log("b");

    strand_sim_disk_advance(fixture.disk, 1000 * MS);
    (void)run();
    hold_fs_begin_trace(HOLD_FS_SYNC);
    (void)append(a);
    cr_expect_eq(run(), 200);
    (void)append_soon(b);
    cr_expect_eq(durable_end(b), 0, "not before");
    cr_expect_eq(run(), 100, "the frontier's sync is next");
    cr_expect_eq(durable_end(b), 1);
    cr_expect_str_eq(hold_fs_trace(), "b-0 ");
    strand_sim_disk_advance(fixture.disk, 100 * MS);
    cr_expect_eq(run(), 100);
    cr_expect_str_eq(hold_fs_trace(), "b-0 frontier ");
    strand_sim_disk_advance(fixture.disk, 100 * MS);
    (void)run();
    cr_expect_eq(durable_end(a), 1);
    cr_expect_str_eq(hold_fs_trace(), "b-0 frontier a-0 ");
}

Test(committer, earliest_checkpoint_that_was_asked_for_counts_once)
{
    struct strand_committer *committer;

    open_engine(0);
    committer = &fixture.engine->committer;
    strand_sim_disk_advance(fixture.disk, 1000 * MS);
    (void)run();
    hold_fs_begin_trace(HOLD_FS_SYNC);
    int64_t now = fixture.fs->monotonic_ns(fixture.fs->context);
    strand_committer_ask_checkpoint(committer, now + 50 * MS);
    strand_committer_ask_checkpoint(committer, now + 20 * MS);
    strand_committer_ask_checkpoint(committer, now + 70 * MS);
    cr_expect_eq(run(), 20);
    strand_sim_disk_advance(fixture.disk, 20 * MS);
    (void)run();
    cr_expect_str_eq(hold_fs_trace(), "checkpoint ");
    strand_sim_disk_advance(fixture.disk, 100 * MS);
    (void)run();
    cr_expect_str_eq(hold_fs_trace(), "checkpoint ");
}

/* ---- Several workers ---- */

Test(committer, several_logs_are_synced_at_once)
{
    static const char *const topics[] = {"a", "b", "c"};
    struct strand_appended appended[3];

    open_engine(3);
    for (int i = 0; i < 3; i++)
        (void)open_log(topics[i]);
    hold_fs_hold(HOLD_FS_SYNC, ".log");
    for (int i = 0; i < 3; i++)
        appended[i] = append_soon(logs[i]);
    hold_fs_await(HOLD_FS_SYNC, ".log", 3);
    hold_fs_release(HOLD_FS_SYNC, ".log");
    for (int i = 0; i < 3; i++)
        expect_durable(logs[i], appended[i]);
}

Test(committer, log_that_is_asked_for_again_takes_no_second_worker)
{
    open_engine(2);
    struct strand_log *x = open_log("x"), *other = open_log("other");

    (void)engage(x);
    for (int i = 0; i < 5; i++) {
        (void)append_soon(x);
        expect_durable(other, append_soon(other));
        cr_expect_eq(hold_fs_held(HOLD_FS_SYNC, "x-0"), 1);
    }
    cr_expect_eq(durable_end(x), 0);
    struct strand_appended last = append_soon(x);
    hold_fs_release(HOLD_FS_SYNC, "x-0");
    /* By the request that was kept: a wait would ask once more. */
    while (durable_end(x) < last.end_offset)
        (void)sched_yield();
}

Test(committer, log_that_becomes_due_during_its_round_gets_another)
{
    open_engine(2);
    struct strand_log *x = open_log("x"), *other = open_log("other");

    struct strand_appended first = engage(x);
    struct strand_appended second = append(x); /* due by and by */
    strand_sim_disk_advance(fixture.disk, 1000 * MS);
    expect_durable(other, append_soon(other)); /* a worker looks at what is due, and leaves it */
    cr_expect_eq(hold_fs_held(HOLD_FS_SYNC, "x-0"), 1);
    hold_fs_release(HOLD_FS_SYNC, "x-0");
    expect_durable(x, first);
    while (durable_end(x) < second.end_offset)
        (void)sched_yield();
}

Test(committer, what_nobody_waits_for_leaves_one_worker_free)
{
    static const char *const topics[] = {"l1", "l2", "l3", "l4", "l5"};

    fixture.engine_options.commit_interval_ms = 1;
    open_engine(3);
    struct strand_log *urgent = open_log("urgent");
    for (int i = 0; i < 5; i++)
        (void)open_log(topics[i]);
    hold_fs_hold(HOLD_FS_SYNC, "/l");
    for (int i = 1; i <= 5; i++)
        (void)append(logs[i]);
    strand_sim_disk_advance(fixture.disk, 1000 * MS);
    hold_fs_await(HOLD_FS_SYNC, "/l", 2);
    for (int i = 0; i < 20; i++)
        expect_durable(urgent, append_soon(urgent));
    cr_expect_eq(hold_fs_held(HOLD_FS_SYNC, "/l"), 2);
    hold_fs_release(HOLD_FS_SYNC, "/l");
    for (int i = 1; i <= 5; i++)
        while (durable_end(logs[i]) == 0)
            (void)sched_yield();
}

Test(committer, frontier_is_synced_by_one_worker_at_a_time)
{
    fixture.engine_options.commit_interval_ms = 1;
    open_engine(4);
    struct strand_log *a = open_log("a");

    hold_fs_hold(HOLD_FS_SYNC, "frontier");
    expect_durable(a, append_soon(a));
    strand_sim_disk_advance(fixture.disk, 1000 * MS);
    hold_fs_await(HOLD_FS_SYNC, "frontier", 1);
    for (int i = 0; i < 10; i++) {
        expect_durable(a, append_soon(a));
        strand_sim_disk_advance(fixture.disk, 1000 * MS);
    }
    await_idle(3); /* the others leave the next sync, which is due, for later */
    strand_mutex_lock(&fixture.engine->committer.lock);
    cr_expect_geq(fixture.engine->committer.frontier_due_ns, 0);
    cr_expect(fixture.engine->committer.is_frontier_running);
    cr_expect_eq(fixture.engine->committer.unhurried, 1);
    strand_mutex_unlock(&fixture.engine->committer.lock);
    hold_fs_release(HOLD_FS_SYNC, "frontier");
    settle();
}

Test(committer, one_worker_is_woken_for_a_piece_of_work)
{
    struct strand_committer *committer;

    open_engine(4);
    committer = &fixture.engine->committer;
    struct strand_log *x = open_log("x");
    settle();
    await_idle(4);
    (void)engage(x);
    cr_expect_eq(count_idle(), 3);
    strand_mutex_lock(&committer->lock);
    cr_expect_not_null(committer->timekeeper, "somebody keeps the time");
    cr_expect_null(committer->timekeeper->below);
    strand_mutex_unlock(&committer->lock);
    hold_fs_release(HOLD_FS_SYNC, "x-0");
}

/* ---- Ends ---- */

static void *
stop_main(void *argument)
{
    strand_committer_stop(argument);
    return NULL;
}

Test(committer, stop_ends_the_round_that_runs_and_begins_no_other)
{
    struct strand_committer *committer;
    pthread_t stopper;
    bool is_stopping = false;

    open_engine(1);
    committer = &fixture.engine->committer;
    struct strand_log *x = open_log("x"), *u = open_log("u"), *l = open_log("l");
    settle();
    (void)engage(x);
    hold_fs_begin_trace(HOLD_FS_SYNC);
    (void)append_soon(u);
    (void)append(l);
    strand_committer_ask_checkpoint(committer, 0);
    strand_sim_disk_advance(fixture.disk, 1000 * MS);
    cr_assert_eq(pthread_create(&stopper, NULL, stop_main, committer), 0);
    while (!is_stopping) {
        strand_mutex_lock(&committer->lock);
        is_stopping = committer->must_stop;
        strand_mutex_unlock(&committer->lock);
        (void)sched_yield();
    }
    hold_fs_release(HOLD_FS_SYNC, "x-0");
    cr_assert_eq(pthread_join(stopper, NULL), 0);
    cr_expect_str_eq(hold_fs_trace(), "x-0 ");
    cr_expect_eq(durable_end(x), 1);
    cr_expect_eq(durable_end(u), 0);
    cr_expect_eq(durable_end(l), 0);
}

static void *
delete_main(void *argument)
{
    int *status = argument;

    *status = strand_engine_delete_log(fixture.engine, "x", 0);
    return NULL;
}

Test(committer, log_that_goes_is_out_of_line_and_its_round_awaited)
{
    struct strand_committer *committer;
    struct strand_log *x;
    pthread_t deleter;
    int status = STRAND_END;
    bool is_out = false;

    open_engine(2);
    committer = &fixture.engine->committer;
    x = open_log("x");
    (void)engage(x);
    (void)append_soon(x);
    (void)append(x);
    require_ok(strand_log_close(x));
    log_count = 0;
    cr_assert_eq(pthread_create(&deleter, NULL, delete_main, &status), 0);
    while (!is_out) {
        strand_mutex_lock(&committer->lock);
        is_out = !x->request.must_run_again && !x->request.links[STRAND_LINE_LATER].is_in;
        cr_expect(x->request.is_running);
        strand_mutex_unlock(&committer->lock);
        (void)sched_yield();
    }
    hold_fs_release(HOLD_FS_SYNC, "x-0");
    cr_assert_eq(pthread_join(deleter, NULL), 0);
    cr_expect_eq(status, STRAND_OK);
    cr_expect_null(committer->urgent.head);
    cr_expect_null(committer->later.head);
}

/* ---- The lines ---- */

static const char *
line_text(const struct strand_commit_queue *queue)
{
    static char text[64];
    size_t used = 0;
    const struct strand_log *previous = NULL;

    for (struct strand_log *at = queue->head; at != NULL;
         at = at->request.links[queue->line].next) {
        cr_expect_eq(at->request.links[queue->line].previous, previous);
        text[used++] = at->name[0];
        previous = at;
    }
    cr_expect_eq(queue->tail, previous);
    text[used] = '\0';
    return text;
}

Test(commit_queue, keeps_its_order_whoever_leaves)
{
    static char names[][2] = {"a", "b", "c", "d"};
    static const struct {
        int leaves;
        const char *left;
    } cases[] = {{0, "bcd"}, {1, "acd"}, {2, "abd"}, {3, "abc"}};
    static struct strand_log members[4];
    struct strand_commit_queue queue, other;

    for (size_t i = 0; i < 4; i++) {
        strand_commit_queue_init(&queue, STRAND_LINE_URGENT);
        strand_commit_queue_init(&other, STRAND_LINE_LATER);
        memset(members, 0, sizeof members);
        for (int at = 0; at < 4; at++) {
            members[at].name = names[at];
            strand_commit_queue_push(&queue, &members[at]);
            strand_commit_queue_push_front(&other, &members[at]);
        }
        cr_expect_str_eq(line_text(&queue), "abcd");
        cr_expect_str_eq(line_text(&other), "dcba");
        strand_commit_queue_remove(&queue, &members[cases[i].leaves]);
        strand_commit_queue_remove(&queue, &members[cases[i].leaves]);
        cr_expect_str_eq(line_text(&queue), cases[i].left);
        cr_expect_str_eq(line_text(&other), "dcba");
        strand_commit_queue_push(&queue, &members[cases[i].leaves]);
        cr_expect_eq(queue.tail, &members[cases[i].leaves]);
        for (int at = 0; at < 4; at++)
            strand_commit_queue_remove(&queue, &members[at]);
        cr_expect_str_eq(line_text(&queue), "");
    }
}
