/* tests/unit/test_engine_beside.c -- What a thread may do while another one is in the middle of a
 * call: the seam stops that one at a call of the disk, and lets the other go as far as it gets.
 */
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/thread.h"
#include "support/engine_fixture.h"

TestSuite(engine_beside, .init = fixture_create, .fini = fixture_destroy, .timeout = 60);

static struct strand_fs hooked;
static bool is_armed; /* the next call that the test waits for starts the other thread */

/* ---- The other thread ---- */

static struct {
    struct strand_thread thread;
    int (*act)(void);
    atomic_bool is_done;
    int status;
    char message[STRAND_ERROR_MESSAGE_SIZE_MAX];
} other;

static void
run_other(void *unused)
{
    (void)unused;
    other.status = other.act();
    (void)snprintf(other.message, sizeof other.message, "%s", strand_error_message());
    atomic_store(&other.is_done, true);
}

/* Start it; long enough for what nothing stands in the way of. */
static void
let_go(int (*act)(void))
{
    enum { TURNS = 2000 };

    other.act = act;
    require_ok(strand_thread_start(&other.thread, "other", run_other, NULL));
    for (int i = 0; i < TURNS && !atomic_load(&other.is_done); i++)
        (void)sched_yield();
}

static void
join_other(void)
{
    strand_thread_join(&other.thread);
    cr_expect_eq(other.status, STRAND_OK, "%s", other.message);
}

/* ---- The segment cache makes a log durable to close its file ---- */

enum { LOGS = 24, BUDGET = 16 };

static struct strand_log *logs[LOGS];

static int
delete_others(void)
{
    int status = STRAND_OK;

    for (int i = 1; i < LOGS && status == STRAND_OK; i++)
        status = strand_engine_delete_log(fixture.engine, "many", i);
    return status;
}

static int
delete_and_sync(struct strand_fs_file *file)
{
    if (is_armed) {
        is_armed = false;
        for (int i = 1; i < LOGS; i++)
            require_ok(strand_log_close(logs[i]));
        let_go(delete_others);
    }
    return fixture.fs->sync_data(file);
}

Test(engine_beside, a_log_that_the_cache_makes_durable_can_be_closed_and_deleted)
{
    struct strand_append_options options = {.struct_size = sizeof options};
    struct strand_record record = {.value = {"v", 1}};
    struct strand_fetch fetch;

    hooked = *fixture.fs;
    hooked.sync_data = delete_and_sync;
    fixture.engine_options.fs = &hooked;
    fixture.engine_options.descriptor_budget = BUDGET;
    fixture_open_engine();
    for (int i = 0; i < LOGS; i++) {
        options.durability = i == 0 ? STRAND_DURABLE : STRAND_WRITTEN;
        require_ok(strand_log_open(fixture.engine, "many", i, NULL, &logs[i]));
        require_ok(strand_log_append(logs[i], &record, 1, &options, NULL));
    }
    is_armed = true;
    require_ok(strand_log_fetch(logs[0], 0, NULL, &fetch)); /* its file was closed */
    cr_assert_not(is_armed, "nothing had to be made durable");
    strand_fetch_release(&fetch);
    join_other();
    require_ok(strand_log_close(logs[0]));
}

/* ---- Checkpoint files name a log that is gone ---- */

static int
open_anew(void)
{
    return strand_log_open(fixture.engine, "orders", 0, &fixture.log_options, &fixture.log);
}

static int
open_and_rename(void *context, const char *from, const char *to)
{
    if (is_armed && strstr(to, "recovery-point-offset-checkpoint") != NULL) {
        is_armed = false;
        let_go(open_anew);
        cr_expect_not(atomic_load(&other.is_done), "the file still names its predecessor");
    }
    return fixture.fs->rename(context, from, to);
}

Test(engine_beside, a_log_is_created_when_no_checkpoint_names_its_predecessor_any_more)
{
    hooked = *fixture.fs;
    hooked.rename = open_and_rename;
    fixture.engine_options.fs = &hooked;
    fixture_open();
    (void)fixture_append("a b");
    require_ok(strand_engine_checkpoint(fixture.engine));
    require_ok(strand_log_close(fixture.log));
    fixture.log = NULL;
    require_ok(strand_engine_delete_log(fixture.engine, "orders", 0));
    is_armed = true;
    require_ok(strand_engine_checkpoint(fixture.engine));
    cr_assert_not(is_armed);
    join_other();
}
