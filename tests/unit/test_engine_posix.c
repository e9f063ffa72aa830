/* tests/unit/test_engine_posix.c -- What only a real file system and real processes can show:
 * locks, forks, permissions, a working directory that changes. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/engine_fixture.h"
#include "support/scratch.h"

TestSuite(engine_posix, .init = fixture_create_posix, .fini = fixture_destroy, .timeout = 60);

Test(engine_posix, records_survive_closing_and_opening)
{
    fixture_open();
    (void)fixture_append("a b");
    require_ok(fixture_try_append("c", STRAND_WRITTEN, NULL));
    fixture_reopen();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a 1=b 2=c");
    cr_expect_eq(fixture_append("d").base_offset, 3);
}

Test(engine_posix, threads_of_the_engine_do_the_same)
{
    fixture.engine_options.flags = 0;
    fixture_open();
    (void)fixture_append("a");
    require_ok(fixture_try_append("b", STRAND_WRITTEN, NULL));
    require_ok(strand_log_wait_data(fixture.log, 1, STRAND_READ_COMMITTED, 30000));
    fixture_reopen();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a 1=b");
}

Test(engine_posix, second_open_in_the_same_process_is_refused)
{
    struct strand_engine *second = NULL;

    fixture_open_engine();
    for (int i = 0; i < 2; i++) { /* a refusal does not give the first one's lock up */
        expect_status(STRAND_ERR_IN_USE,
                      strand_engine_open(fixture.directory, &fixture.engine_options, &second));
        expect_message("process");
        cr_expect_neq(strand_error_message()[strlen(strand_error_message()) - 1], ' ',
                      "the padding of the lock file is not shown");
    }
    require_ok(strand_engine_close(fixture.engine));
    fixture_open_engine();
}

Test(engine_posix, another_path_to_the_same_directory_is_refused_too)
{
    char path[SCRATCH_PATH_SIZE];
    struct strand_engine *second = NULL;

    fixture_open_engine();
    (void)snprintf(path, sizeof path, "%s/./", fixture.directory);
    expect_status(STRAND_ERR_IN_USE, strand_engine_open(path, &fixture.engine_options, &second));
}

Test(engine_posix, relative_path_is_resolved_once)
{
    char path[SCRATCH_PATH_SIZE];

    cr_assert_eq(chdir(fixture.directory), 0);
    fixture.directory = ".";
    fixture_open_engine();
    cr_assert_eq(chdir("/"), 0);
    fixture_open_log();
    (void)fixture_append("a");
    scratch_path(path, "orders-0/00000000000000000000.log");
    cr_expect_eq(access(path, F_OK), 0);
    path[strlen(path) - strlen("/orders-0/00000000000000000000.log")] = '\0';
    static char absolute[SCRATCH_PATH_SIZE];
    (void)snprintf(absolute, sizeof absolute, "%s", path);
    fixture.directory = absolute;
    fixture_reopen();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a");
}

Test(engine_posix, lock_file_stays_and_is_not_unlinked)
{
    char path[SCRATCH_PATH_SIZE];
    struct stat before, after;
    size_t size;

    fixture_open_engine();
    scratch_path(path, ".lock");
    cr_assert_eq(stat(path, &before), 0);
    const char *text = scratch_content(path, &size);
    cr_assert_not_null(text);
    cr_expect_not_null(strstr(text, "process"));
    cr_expect_not_null(strstr(text, "\nboot "));
    require_ok(strand_engine_close(fixture.engine));
    fixture.engine = NULL;
    cr_expect_eq(stat(path, &after), 0);
    cr_expect_eq(before.st_ino, after.st_ino);
    fixture_open_engine();
    cr_expect_eq(stat(path, &after), 0);
    cr_expect_eq(before.st_ino, after.st_ino);
    cr_expect_eq(before.st_size, after.st_size);
}

/* ---- Permission, with a seam that says no: tests may run as root ---- */

static int
refuse_open_for_writing(void *context, const char *path, uint32_t flags,
                        struct strand_fs_file **out_file)
{
    return (flags & STRAND_FS_WRITE) != 0 ? -EACCES
                                          : strand_fs_posix()->open(context, path, flags, out_file);
}

Test(engine_posix, directory_that_cannot_be_written_is_told_and_read)
{
    struct strand_fs guarded = *strand_fs_posix();
    struct strand_engine *engine = NULL;

    fixture_open();
    (void)fixture_append("a");
    fixture_close();
    guarded.open = refuse_open_for_writing;
    fixture.engine_options.fs = &guarded;
    expect_status(STRAND_ERR_PERMISSION,
                  strand_engine_open(fixture.directory, &fixture.engine_options, &engine));
    expect_message(".lock");
    fixture.engine_options.flags = STRAND_ENGINE_READ_ONLY;
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a");
    fixture_close();
}

static int
refuse_to_list_orders(void *context, const char *path, strand_fs_visit_fn *visit, void *argument)
{
    const char *name = strrchr(path, '/');

    if (name != NULL && strcmp(name, "/orders-0") == 0)
        return -EACCES;
    return strand_fs_posix()->list(context, path, visit, argument);
}

Test(engine_posix, partition_that_cannot_be_read_does_not_keep_the_engine_from_opening)
{
    struct strand_fs guarded = *strand_fs_posix();
    struct strand_record record = {.value = {"v", 1}};
    struct strand_log *other = NULL;

    fixture_open();
    (void)fixture_append("a");
    fixture_close();
    guarded.list = refuse_to_list_orders;
    fixture.engine_options.fs = &guarded;
    fixture_open_engine();
    expect_status(STRAND_ERR_FAILED, strand_engine_health(fixture.engine));
    expect_message("orders-0");
    cr_expect_eq(fixture_info().info.state, STRAND_LOG_FAILED);
    cr_expect_not_null(strstr(fixture_info().reason, strerror(EACCES)));
    require_ok(strand_log_open(fixture.engine, "other", 0, NULL, &other));
    require_ok(strand_log_append(other, &record, 1, NULL, NULL));
    require_ok(strand_log_close(other));
    expect_status(STRAND_ERR_FAILED, strand_engine_close(fixture.engine));
    fixture.engine = NULL;
    fixture.engine_options.fs = strand_fs_posix();
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a");
}

/* ---- Forks ---- */

/* What a child exits with that runs LOOK. */
static int
exit_code_of_child(int (*look)(void))
{
    int state = 0;
    pid_t child = fork();

    if (child == 0)
        _exit(look());
    cr_assert_gt(child, 0);
    cr_assert_eq(waitpid(child, &state, 0), child);
    cr_assert(WIFEXITED(state), "the child died of a signal");
    return WEXITSTATUS(state);
}

static struct strand_cursor *inherited_cursor;
static struct strand_fetch inherited_fetch;

/* 0: every call says that the handle is the parent's; else the number of the one that does not. */
static int
call_everything(void)
{
    struct strand_record record = {.value = {"v", 1}};
    struct strand_appended appended = {0};
    struct strand_positions positions;
    struct strand_fetch fetch;
    struct strand_cursor *cursor;
    struct strand_log *log;
    char text[16];
    int64_t number;
    const int statuses[] = {
        strand_engine_run(fixture.engine, &number),
        strand_engine_sync(fixture.engine),
        strand_engine_health(fixture.engine),
        strand_engine_delete_log(fixture.engine, "orders", 0),
        strand_log_open(fixture.engine, "orders", 0, NULL, &log),
        strand_log_append(fixture.log, &record, 1, NULL, NULL),
        fixture_try_append("v", STRAND_WRITTEN, NULL),
        strand_log_append_batches(fixture.log, "x", 1, NULL, NULL),
        strand_log_begin_epoch(fixture.log, 9),
        strand_log_wait(fixture.log, &appended, 0),
        strand_log_wait_committed(fixture.log, &appended, 0),
        strand_log_wait_data(fixture.log, 0, STRAND_READ_WRITTEN, 0),
        strand_log_positions(fixture.log, &positions),
        strand_log_offset_for_timestamp(fixture.log, 0, 0, &number, NULL),
        strand_log_fetch(fixture.log, 0, NULL, &fetch),
        strand_cursor_open(fixture.log, 0, NULL, &cursor),
        strand_cursor_next(inherited_cursor, &record),
        strand_cursor_seek(inherited_cursor, 0),
        strand_log_truncate(fixture.log, 0, NULL),
        strand_log_trim(fixture.log, 1),
        strand_log_reset(fixture.log, 0),
        strand_log_set(fixture.log, "segment.ms", "1"),
        strand_log_get(fixture.log, "segment.ms", text, sizeof text),
    };

    for (int i = 0; i < (int)(sizeof statuses / sizeof *statuses); i++)
        if (statuses[i] != STRAND_ERR_FORKED)
            return i + 1;
    return 0;
}

static int
close_everything(void)
{
    strand_fetch_release(&inherited_fetch);
    strand_cursor_close(inherited_cursor);
    if (strand_log_close(fixture.log) != STRAND_OK)
        return 1;
    return strand_engine_close(fixture.engine) == STRAND_OK ? 0 : 2;
}

static int
open_the_same_directory(void)
{
    struct strand_engine *engine = NULL;

    return strand_engine_open(fixture.directory, &fixture.engine_options, &engine) ==
                   STRAND_ERR_IN_USE
               ? 0
               : 1;
}

static void
fork_off(void)
{
    fixture_open();
    (void)fixture_append("a");
    require_ok(fixture_try_append("b", STRAND_WRITTEN, NULL));
    require_ok(strand_cursor_open(fixture.log, 0, NULL, &inherited_cursor));
    require_ok(strand_log_fetch(fixture.log, 0, NULL, &inherited_fetch));
    cr_expect_eq(exit_code_of_child(call_everything), 0);
    cr_expect_eq(exit_code_of_child(close_everything), 0);
    cr_expect_eq(exit_code_of_child(open_the_same_directory), 0, "the parent's lock holds");

    struct strand_record record;
    require_ok(strand_cursor_next(inherited_cursor, &record));
    strand_fetch_release(&inherited_fetch);
    strand_cursor_close(inherited_cursor);
    (void)fixture_append("c");
    fixture_reopen();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a 1=b 2=c");
}

Test(engine_posix, child_may_only_close_and_harms_nothing)
{
    fork_off();
}

Test(engine_posix, child_of_a_process_with_threads_may_only_close)
{
    fixture.engine_options.flags = 0;
    fork_off();
}

static int
append_and_die(void)
{
    if (strand_engine_open(fixture.directory, &fixture.engine_options, &fixture.engine) !=
            STRAND_OK ||
        strand_log_open(fixture.engine, "orders", 0, &fixture.log_options, &fixture.log) !=
            STRAND_OK)
        return 1;
    return fixture_try_append("a b", STRAND_WRITTEN, NULL) == STRAND_OK ? 0 : 2;
}

Test(engine_posix, written_records_survive_the_process)
{
    cr_expect_eq(exit_code_of_child(append_and_die), 0);
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a 1=b");
}

/* ---- A lock that a child has, too ---- */

/* Until every other process has closed its end. */
static void
wait_for_end(int descriptor)
{
    char byte;

    while (read(descriptor, &byte, 1) > 0)
        continue;
}

Test(engine_posix, child_that_lives_on_does_not_keep_what_the_parent_closes)
{
    int ends[2];

    fixture_open();
    (void)fixture_append("a");
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)close(ends[1]);
        wait_for_end(ends[0]);
        _exit(0);
    }
    cr_assert_gt(child, 0);
    (void)close(ends[0]);
    fixture_reopen();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a");
    (void)close(ends[1]);
    cr_expect_eq(waitpid(child, NULL, 0), child);
}

static int parents_end[2]; /* written by nobody: ends with the parent */
static int answer[2];

/* The parent has opened the engine and dies without closing it: 0 if this process then can. */
static char
close_and_open(void)
{
    struct strand_engine *engine = NULL;

    (void)close(parents_end[1]);
    wait_for_end(parents_end[0]);
    if (strand_log_close(fixture.log) != STRAND_OK ||
        strand_engine_close(fixture.engine) != STRAND_OK)
        return 1;
    if (strand_engine_open(fixture.directory, &fixture.engine_options, &engine) != STRAND_OK)
        return 2;
    return strand_engine_close(engine) == STRAND_OK ? 0 : 3;
}

static int
open_and_leave_to_a_child(void)
{
    fixture_open();
    (void)fixture_append("a");
    if (pipe(parents_end) != 0)
        return 1;
    pid_t child = fork();
    if (child == 0) {
        char code = close_and_open();

        _exit(write(answer[1], &code, 1) == 1 ? 0 : 1);
    }
    return child > 0 ? 0 : 2;
}

Test(engine_posix, child_that_closes_can_open_when_the_parent_is_gone)
{
    char code = 77;

    cr_assert_eq(pipe(answer), 0);
    cr_expect_eq(exit_code_of_child(open_and_leave_to_a_child), 0);
    (void)close(answer[1]);
    cr_assert_eq(read(answer[0], &code, 1), 1);
    cr_expect_eq(code, 0);
}
