/* tests/unit/test_watch.c -- A watch is readable when something has moved since it was cleared. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/notifier.h"
#include "engine/log_internal.h"
#include "support/engine_fixture.h"

static struct strand_watch *watch;

static void
start(void)
{
    fixture_start();
    require_ok(strand_watch_open(fixture.log, &watch));
}

static void
destroy(void)
{
    strand_watch_close(watch);
    watch = NULL;
    fixture_destroy();
}

TestSuite(watch, .init = start, .fini = destroy, .timeout = 60);

static bool
is_readable(const struct strand_watch *of)
{
    struct pollfd look = {.fd = strand_watch_descriptor(of), .events = POLLIN};

    return poll(&look, 1, 0) == 1 && (look.revents & POLLIN) != 0;
}

/* The watch was signalled, and is cleared again. */
static void
expect_signal(const char *what)
{
    cr_expect(is_readable(watch), "%s", what);
    require_ok(strand_watch_clear(watch));
    cr_expect_not(is_readable(watch), "%s: cleared", what);
}

static void
append_written(void)
{
    require_ok(fixture_try_append("v", STRAND_WRITTEN, NULL));
}

Test(watch, fresh_one_is_not_readable)
{
    cr_expect_not(is_readable(watch));
    require_ok(strand_watch_clear(watch));
    cr_expect_not(is_readable(watch));
}

Test(watch, whatever_moves_signals)
{
    append_written();
    expect_signal("an append");
    require_ok(strand_engine_sync(fixture.engine));
    expect_signal("a round");
    (void)fixture_append("a b c");
    expect_signal("a durable append");
    require_ok(strand_log_trim(fixture.log, 1));
    expect_signal("a trim");
    require_ok(strand_log_truncate(fixture.log, 2, NULL));
    expect_signal("a truncation");
    require_ok(strand_log_reset(fixture.log, 9));
    expect_signal("a reset");
    (void)strand_log_fail(fixture.log, strand_fail(STRAND_ERR_IO, "gone"));
    expect_signal("a failure");
    cr_expect_not(is_readable(watch));
}

Test(watch, high_watermark_signals)
{
    struct strand_log_options options = {.struct_size = sizeof options,
                                         .flags = STRAND_LOG_REPLICATED};
    struct strand_log *log;
    struct strand_watch *of_log;
    struct strand_record record = {.value = {"v", 1}};

    require_ok(strand_log_open(fixture.engine, "replicated", 0, &options, &log));
    require_ok(strand_watch_open(log, &of_log));
    require_ok(strand_log_append(log, &record, 1, NULL, NULL));
    require_ok(strand_watch_clear(of_log));
    require_ok(strand_log_set_high_watermark(log, 1));
    cr_expect(is_readable(of_log));
    cr_expect_not(is_readable(watch), "another log's");
    strand_watch_close(of_log);
    require_ok(strand_log_close(log));
}

Test(watch, gap_of_a_follower_signals)
{
    struct strand_log_options options = {
        .struct_size = sizeof options, .flags = STRAND_LOG_REPLICATED, .segment_bytes = 80};

    strand_watch_close(watch);
    require_ok(strand_log_close(fixture.log));
    require_ok(strand_log_open(fixture.engine, "replicated", 0, &options, &fixture.log));
    require_ok(strand_watch_open(fixture.log, &watch));
    require_ok(fixture_follow("0+1"));
    require_ok(strand_watch_clear(watch));
    require_ok(fixture_follow("5+1"));
    expect_signal("a gap");
}

Test(watch, signals_coalesce)
{
    uint64_t count = 0;

    for (int i = 0; i < 5; i++)
        append_written();
    cr_expect_eq(read(strand_watch_descriptor(watch), &count, sizeof count), sizeof count);
    cr_expect_eq(count, 1, "one call for five appends");
}

Test(watch, every_watch_of_a_log_is_signalled)
{
    struct strand_watch *second, *third;

    require_ok(strand_watch_open(fixture.log, &second));
    require_ok(strand_watch_open(fixture.log, &third));
    append_written();
    cr_expect(is_readable(watch) && is_readable(second) && is_readable(third));
    require_ok(strand_watch_clear(third));
    strand_watch_close(second); /* the one in the middle */
    require_ok(strand_watch_clear(watch));
    append_written();
    cr_expect(is_readable(watch) && is_readable(third));
    strand_watch_close(watch); /* the oldest */
    watch = third;
    require_ok(strand_watch_clear(watch));
    append_written();
    expect_signal("the one that is left");
}

/* What a host does that does not block: clear, look, poll. */
Test(watch, engine_without_threads_is_waited_for_with_poll)
{
    struct strand_appended appended;

    require_ok(fixture_try_append("v", STRAND_WRITTEN, &appended));
    require_ok(strand_watch_clear(watch));
    expect_status(STRAND_ERR_TIMEOUT, strand_log_wait(fixture.log, &appended, 0));
    require_ok(strand_log_commit_soon(fixture.log));
    cr_expect_not(is_readable(watch), "the round is the next run's");
    require_ok(strand_engine_run(fixture.engine, NULL));
    cr_expect(is_readable(watch));
    expect_status(STRAND_OK, strand_log_wait(fixture.log, &appended, 0));
}

Test(watch, commit_soon_of_a_durable_log_asks_for_nothing)
{
    (void)fixture_append("a");
    require_ok(strand_log_commit_soon(fixture.log));
    cr_expect_null(fixture.engine->committer.urgent.head);
    append_written();
    require_ok(strand_log_commit_soon(fixture.log));
    cr_expect_eq(fixture.engine->committer.urgent.head, fixture.log);
}

Test(watch, descriptor_is_closed_on_exec_and_does_not_block)
{
    uint64_t count;
    int descriptor = strand_watch_descriptor(watch);

    cr_expect_neq(fcntl(descriptor, F_GETFD) & FD_CLOEXEC, 0);
    cr_expect_neq(fcntl(descriptor, F_GETFL) & O_NONBLOCK, 0);
    cr_expect_eq(read(descriptor, &count, sizeof count), -1);
    strand_watch_close(watch);
    watch = NULL;
    cr_expect_eq(fcntl(descriptor, F_GETFD), -1, "closed");
}

Test(watch, counts_as_a_cursor_does)
{
    expect_status(STRAND_ERR_BUSY, strand_log_close(fixture.log));
    expect_status(STRAND_ERR_BUSY, strand_engine_close(fixture.engine));
    strand_watch_close(watch);
    watch = NULL;
    require_ok(strand_log_close(fixture.log));
    fixture.log = NULL;
    require_ok(strand_engine_close(fixture.engine));
    fixture.engine = NULL;
}

Test(watch, what_is_missing_is_told)
{
    expect_status(STRAND_ERR_INVALID, strand_watch_open(NULL, &watch));
    expect_status(STRAND_ERR_INVALID, strand_watch_open(fixture.log, NULL));
    expect_status(STRAND_ERR_INVALID, strand_watch_clear(NULL));
    expect_status(STRAND_ERR_INVALID, strand_log_commit_soon(NULL));
    cr_expect_eq(strand_watch_descriptor(NULL), -1);
    strand_watch_close(NULL);
}

Test(watch, read_only_engine_has_none)
{
    struct strand_watch *none = NULL;

    strand_watch_close(watch);
    watch = NULL;
    fixture_close();
    fixture.engine_options.flags = STRAND_ENGINE_READ_ONLY;
    fixture_open();
    expect_status(STRAND_ERR_READ_ONLY, strand_watch_open(fixture.log, &none));
    expect_status(STRAND_ERR_READ_ONLY, strand_log_commit_soon(fixture.log));
    cr_expect_null(none);
}

Test(watch, failed_log_can_be_watched_and_not_committed)
{
    struct strand_watch *second;

    (void)strand_log_fail(fixture.log, strand_fail(STRAND_ERR_IO, "gone"));
    require_ok(strand_watch_open(fixture.log, &second));
    expect_status(STRAND_ERR_FAILED, strand_log_commit_soon(fixture.log));
    strand_watch_close(second);
}

Test(watch, no_descriptor_left_is_a_status)
{
    struct strand_watch *none = NULL;
    struct rlimit limit;

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = 3;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    int status = strand_watch_open(fixture.log, &none);
    limit.rlim_cur = before;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_expect_eq(status, STRAND_ERR_DESCRIPTORS);
    expect_message("orders-0");
    cr_expect_null(none);
    cr_expect_eq(fixture.log->pin_count, 1, "the one that is open");
}

Test(watch, child_may_only_close)
{
    int state = 0;
    struct strand_watch *none = NULL;
    pid_t child = fork();

    if (child == 0) {
        int descriptor = strand_watch_descriptor(watch);
        bool is_right = strand_watch_clear(watch) == STRAND_ERR_FORKED &&
                        strand_watch_open(fixture.log, &none) == STRAND_ERR_FORKED &&
                        strand_log_commit_soon(fixture.log) == STRAND_ERR_FORKED;
        strand_watch_close(watch);
        _exit(is_right && fcntl(descriptor, F_GETFD) == -1 ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, &state, 0), child);
    cr_expect(WIFEXITED(state) && WEXITSTATUS(state) == 0);
    append_written();
    expect_signal("the parent's");
}

/* ---- From another thread ---- */

static void *
poll_main(void *argument)
{
    struct strand_appended *appended = argument;
    struct pollfd look = {.fd = strand_watch_descriptor(watch), .events = POLLIN};
    int status;

    for (;;) {
        if (strand_watch_clear(watch) != STRAND_OK)
            return NULL;
        status = strand_log_wait(fixture.log, appended, 0);
        if (status != STRAND_ERR_TIMEOUT)
            break;
        (void)poll(&look, 1, -1);
    }
    return status == STRAND_OK ? argument : NULL;
}

Test(watch, poll_returns_when_the_committer_has_done_its_work)
{
    struct strand_appended appended;
    pthread_t thread;
    void *result = NULL;

    strand_watch_close(watch);
    fixture_close();
    fixture.engine_options.flags = 0;
    fixture_open();
    require_ok(strand_watch_open(fixture.log, &watch));
    for (int i = 0; i < 50; i++) {
        require_ok(fixture_try_append("v", STRAND_WRITTEN, &appended));
        cr_assert_eq(pthread_create(&thread, NULL, poll_main, &appended), 0);
        require_ok(strand_log_commit_soon(fixture.log));
        cr_assert_eq(pthread_join(thread, &result), 0);
        cr_expect_eq(result, &appended);
    }
}

/* ---- What it is made of ---- */

Test(notifier, is_readable_from_the_first_signal_to_the_next_clearing)
{
    struct strand_notifier notifier;
    struct pollfd look = {.events = POLLIN};

    require_ok(strand_notifier_open(&notifier));
    look.fd = notifier.descriptor;
    strand_notifier_clear(&notifier);
    cr_expect_eq(poll(&look, 1, 0), 0);
    strand_notifier_signal(&notifier);
    strand_notifier_signal(&notifier);
    cr_expect_eq(poll(&look, 1, 0), 1);
    strand_notifier_clear(&notifier);
    cr_expect_eq(poll(&look, 1, 0), 0);
    strand_notifier_close(&notifier);
    cr_expect_eq(fcntl(look.fd, F_GETFD), -1);
}

Test(notifier, full_counter_does_not_block)
{
    struct strand_notifier notifier;
    uint64_t most = UINT64_MAX - 1;

    require_ok(strand_notifier_open(&notifier));
    cr_assert_eq(write(notifier.descriptor, &most, sizeof most), sizeof most);
    strand_notifier_signal(&notifier);
    strand_notifier_clear(&notifier);
    strand_notifier_close(&notifier);
}
