/* tests/stress/appends_and_syncs.c -- Many threads on many logs, for the thread sanitizer.
 *
 * Writers append durably, so that they share writes and rounds; others append by WRITTEN, ask for a
 * round and wait by a watch; one closes the gate all the time, one creates and deletes logs and
 * asks for checkpoints.  Segments are so small that groups meet rolls.  What a writer was told must
 * be what stands at that offset, durable when it was told, and no record may be there twice.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "strandline/strandline.h"

enum { WRITERS = 8, WATCHERS = 2, LOGS = 4, APPENDS = 300, WATCHED_APPENDS = 100 };

static struct strand_engine *engine;
static struct strand_log *logs[LOGS];
static _Atomic int left = WRITERS + WATCHERS;
static _Atomic uint32_t at_offset[LOGS][WRITERS * APPENDS + WATCHERS * WATCHED_APPENDS];

static void
fail(const char *what)
{
    (void)fprintf(stderr, "appends_and_syncs: %s: %s\n", what, strand_error_message());
    abort();
}

/* Append NUMBER, and remember where it was said to be. */
static struct strand_appended
append(int which, uint32_t number, int durability)
{
    struct strand_append_options options = {.struct_size = sizeof options,
                                            .durability = durability};
    struct strand_record record = {.value = strand_bytes(&number, sizeof number)};
    struct strand_appended appended;

    if (strand_log_append(logs[which], &record, 1, &options, &appended) != STRAND_OK)
        fail("append");
    if (atomic_exchange(&at_offset[which][appended.base_offset], number) != 0)
        fail("two records were told one offset");
    return appended;
}

static void
check_durable(int which, const struct strand_appended *appended)
{
    struct strand_positions positions;

    if (strand_log_positions(logs[which], &positions) != STRAND_OK)
        fail("positions");
    if (positions.durable_end < appended->end_offset)
        fail("told before it was durable");
}

static void *
write_records(void *argument)
{
    uint32_t writer = (uint32_t)(uintptr_t)argument;

    for (uint32_t i = 0; i < APPENDS; i++) {
        int which = (int)((writer / 2 + i / 50) % LOGS);
        struct strand_appended appended = append(which, writer * 100000 + i + 1, STRAND_DURABLE);

        check_durable(which, &appended);
    }
    atomic_fetch_sub(&left, 1);
    return NULL;
}

static void
wait_by_watch(int which, struct strand_watch *watch, const struct strand_appended *appended)
{
    struct pollfd look = {.fd = strand_watch_descriptor(watch), .events = POLLIN};
    int status;

    for (;;) {
        if (strand_watch_clear(watch) != STRAND_OK)
            fail("clear");
        status = strand_log_wait(logs[which], appended, 0);
        if (status != STRAND_ERR_TIMEOUT)
            break;
        (void)poll(&look, 1, -1);
    }
    if (status != STRAND_OK)
        fail("wait");
}

static void *
watch_records(void *argument)
{
    uint32_t writer = (uint32_t)(uintptr_t)argument;

    for (uint32_t i = 0; i < WATCHED_APPENDS; i++) {
        int which = (int)((writer + i) % LOGS);
        struct strand_watch *watch;

        if (strand_watch_open(logs[which], &watch) != STRAND_OK)
            fail("watch");
        struct strand_appended appended = append(which, writer * 100000 + i + 1, STRAND_WRITTEN);
        if (i % 4 != 0 && strand_log_commit_soon(logs[which]) != STRAND_OK)
            fail("commit soon");
        wait_by_watch(which, watch, &appended);
        check_durable(which, &appended);
        strand_watch_close(watch);
    }
    atomic_fetch_sub(&left, 1);
    return NULL;
}

/* Begin epochs: each closes the gate, with appends in line behind it. */
static void *
begin_epochs(void *argument)
{
    (void)argument;
    for (int32_t i = 1; atomic_load(&left) > 0; i++)
        if (strand_log_begin_epoch(logs[i % LOGS], i) != STRAND_OK)
            fail("begin an epoch");
    return NULL;
}

static void *
come_and_go(void *argument)
{
    struct strand_record record = {.value = {"v", 1}};
    struct strand_append_options options = {.struct_size = sizeof options,
                                            .durability = STRAND_WRITTEN};

    (void)argument;
    for (int i = 0; atomic_load(&left) > 0; i++) {
        struct strand_log *log;

        if (strand_log_open(engine, "guests", 0, NULL, &log) != STRAND_OK)
            fail("open a guest");
        for (int at = 0; at < 3; at++)
            if (strand_log_append(log, &record, 1, &options, NULL) != STRAND_OK)
                fail("append to a guest");
        if (i % 2 == 0 && strand_log_commit_soon(log) != STRAND_OK)
            fail("commit soon");
        if (strand_log_close(log) != STRAND_OK ||
            strand_engine_delete_log(engine, "guests", 0) != STRAND_OK)
            fail("delete a guest");
        if (i % 8 == 0 && strand_engine_checkpoint(engine) != STRAND_OK)
            fail("checkpoint");
    }
    return NULL;
}

/* What stands in a log is what was said to stand there, without a gap. */
static int64_t
check_log(int which)
{
    struct strand_cursor *cursor = NULL;
    struct strand_record record;
    int64_t expected = 0;

    if (strand_cursor_open(logs[which], STRAND_EARLIEST, NULL, &cursor) != STRAND_OK)
        fail("cursor");
    while (strand_cursor_next(cursor, &record) == STRAND_OK) {
        uint32_t number;

        if (record.offset != expected || record.value.size != sizeof number)
            fail("an offset is missing");
        memcpy(&number, record.value.data, sizeof number);
        if (number != atomic_load(&at_offset[which][expected]))
            fail("a record is not where its writer was told");
        expected++;
    }
    strand_cursor_close(cursor);
    return expected;
}

int
main(void)
{
    struct strand_engine_options options = {.struct_size = sizeof options,
                                            .commit_interval_ms = 2,
                                            .sync_workers = 3,
                                            .checkpoint_interval_ms = 5};
    struct strand_log_options log_options = {.struct_size = sizeof log_options,
                                             .segment_bytes = 1500};
    char directory[] = "/tmp/strandline-stress-XXXXXX";
    pthread_t threads[WRITERS + WATCHERS + 2];
    int64_t total = 0;
    int count = 0;

    if (mkdtemp(directory) == NULL || strand_engine_open(directory, &options, &engine) != STRAND_OK)
        fail("open");
    for (int i = 0; i < LOGS; i++)
        if (strand_log_open(engine, "orders", i, &log_options, &logs[i]) != STRAND_OK)
            fail("open a log");
    for (uintptr_t i = 0; i < WRITERS; i++)
        (void)pthread_create(&threads[count++], NULL, write_records, (void *)i);
    for (uintptr_t i = 0; i < WATCHERS; i++)
        (void)pthread_create(&threads[count++], NULL, watch_records, (void *)(WRITERS + i));
    (void)pthread_create(&threads[count++], NULL, begin_epochs, NULL);
    (void)pthread_create(&threads[count++], NULL, come_and_go, NULL);
    for (int i = 0; i < count; i++)
        (void)pthread_join(threads[i], NULL);

    if (strand_engine_health(engine) != STRAND_OK)
        fail("health");
    for (int i = 0; i < LOGS; i++) {
        total += check_log(i);
        if (strand_log_close(logs[i]) != STRAND_OK)
            fail("close a log");
    }
    if (strand_engine_close(engine) != STRAND_OK)
        fail("close");
    if (total != WRITERS * APPENDS + WATCHERS * WATCHED_APPENDS)
        fail("records are missing");
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", directory);
    if (system(command) != 0)
        fail("remove");
    (void)printf("%" PRId64 " records\n", total);
    return 0;
}
