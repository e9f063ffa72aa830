/* tests/stress/index_and_cuts.c -- Look-ups while the index is fed and everything changes, for the
 * thread sanitizer.
 *
 * Writers append to logs of small segments, readers look up by offset and by time, one thread
 * truncates, trims and resets, one creates and deletes a log, one feeds the index without a pause,
 * beside the thread that the engine has for it.  A record's timestamp is its offset's at least, so
 * that a reader sees at once when it is led to a wrong place.  At the end the engine is closed with
 * a run under way, opened again, and asked for everything.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine_internal.h"
#include "engine/indexer.h"
#include "storage/batch.h"
#include "strandline/strandline.h"

enum { WRITERS = 2, READERS = 3, APPENDS = 1500, LOGS = 3, VALUE_SIZE = 900, ROUNDS = 2 };

static struct strand_engine *engine;
static struct strand_log *logs[LOGS];
static _Atomic int writers_left;
static _Atomic int64_t found, steps;

static void
fail(const char *what)
{
    (void)fprintf(stderr, "index_and_cuts: %s: %s\n", what, strand_error_message());
    abort();
}

static struct strand_positions
positions_of(struct strand_log *log)
{
    struct strand_positions positions;

    if (strand_log_positions(log, &positions) != STRAND_OK)
        fail("positions");
    return positions;
}

static void *
write_records(void *argument)
{
    static const uint8_t value[VALUE_SIZE];
    unsigned number = (unsigned)(uintptr_t)argument;

    for (unsigned i = 0; i < APPENDS; i++) {
        struct strand_append_options options = {.struct_size = sizeof options,
                                                .durability =
                                                    i % 20 == 0 ? STRAND_DURABLE : STRAND_WRITTEN};
        struct strand_log *log = logs[(i + number) % LOGS];
        struct strand_record record = {.timestamp_ms = 1 + i % 977,
                                       .value = strand_bytes(value, VALUE_SIZE - i % 300)};
        int status = strand_log_append(log, &record, 1, &options, NULL);

        if (status != STRAND_OK && status != STRAND_ERR_TRUNCATED)
            fail("append");
    }
    atomic_fetch_sub(&writers_left, 1);
    return NULL;
}

static void
look_up_offset(struct strand_log *log, unsigned draw)
{
    struct strand_fetch_options options = {
        .struct_size = sizeof options, .isolation = STRAND_READ_WRITTEN, .max_bytes = 1};
    struct strand_positions positions = positions_of(log);
    struct strand_fetch fetch = {0};
    int64_t offset = positions.log_start;

    if (positions.log_end > positions.log_start)
        offset += draw % (positions.log_end - positions.log_start);
    int status = strand_log_fetch(log, offset, &options, &fetch);
    if (status != STRAND_OK && status != STRAND_ERR_OUT_OF_RANGE)
        fail("fetch");
    if (status != STRAND_OK || fetch.size == 0)
        return;
    if (strand_batch_base_offset(fetch.data) != offset)
        fail("a batch that was not asked for");
    atomic_fetch_add(&found, 1);
    strand_fetch_release(&fetch);
}

static void
look_up_time(struct strand_log *log, unsigned draw)
{
    int64_t offset, timestamp_ms;
    int64_t wanted = draw % 1000;
    int status =
        strand_log_offset_for_timestamp(log, wanted, STRAND_READ_WRITTEN, &offset, &timestamp_ms);

    if (status == STRAND_END || status == STRAND_ERR_OUT_OF_RANGE)
        return;
    if (status != STRAND_OK)
        fail("time");
    if (timestamp_ms < wanted)
        fail("a record that is too early");
}

static void *
read_records(void *argument)
{
    unsigned state = (unsigned)(uintptr_t)argument;

    while (atomic_load(&writers_left) > 0) {
        state = state * 1103515245u + 12345u;
        look_up_offset(logs[state >> 16 & 1], state >> 8);
        if (state >> 28 == 0)
            look_up_time(logs[(state >> 17) % LOGS], state >> 8);
    }
    return NULL;
}

/* All but the last log, which nothing is asked of, grow again from where they are cut. */
static void *
cut_records(void *argument)
{
    (void)argument;
    for (unsigned i = 0; atomic_load(&writers_left) > 0; i++) {
        struct strand_log *log = logs[i % LOGS];
        struct strand_positions positions = positions_of(log);

        if (i % 5 == 3)
            (void)strand_log_truncate(log, positions.log_end - 30, NULL);
        else if (i % 5 == 1 && positions.high_watermark > positions.log_start + 200)
            (void)strand_log_trim(log, positions.high_watermark - 150);
        else if (i % 50 == 7)
            (void)strand_log_reset(log, positions.log_end + 10);
        (void)strand_log_wait_data(log, positions.log_end + 20, STRAND_READ_WRITTEN, 2);
    }
    return NULL;
}

static void *
create_and_delete(void *argument)
{
    static const uint8_t value[VALUE_SIZE];
    struct strand_log_options options = {.struct_size = sizeof options, .segment_bytes = 4000};

    (void)argument;
    for (unsigned i = 0; atomic_load(&writers_left) > 0; i++) {
        struct strand_record record = {.value = strand_bytes(value, VALUE_SIZE)};
        struct strand_log *log = NULL;

        if (strand_log_open(engine, "passing", 0, &options, &log) != STRAND_OK)
            fail("create");
        for (int j = 0; j < 12; j++)
            if (strand_log_append(log, &record, 1, NULL, NULL) != STRAND_OK)
                fail("append to it");
        look_up_offset(log, 7);
        if (strand_log_truncate(log, 5, NULL) != STRAND_OK)
            fail("truncate it");
        if (i % 2 == 0) /* it is being put, or waits for it, when it goes */
            strand_indexer_note(&engine->indexer, log, true);
        if (strand_log_close(log) != STRAND_OK ||
            strand_engine_delete_log(engine, "passing", 0) != STRAND_OK)
            fail("delete");
    }
    return NULL;
}

static void *
feed_index(void *argument)
{
    int64_t left;

    (void)argument;
    while (atomic_load(&writers_left) > 0) {
        if (strand_indexer_step(&engine->indexer, &left) != STRAND_OK)
            fail("step");
        atomic_fetch_add(&steps, 1);
        (void)sched_yield();
    }
    return NULL;
}

static void
check_all(struct strand_log *log)
{
    struct strand_fetch_options options = {
        .struct_size = sizeof options, .isolation = STRAND_READ_WRITTEN, .max_bytes = 1};
    struct strand_positions positions = positions_of(log);

    for (int64_t offset = positions.log_start; offset < positions.log_end; offset++) {
        struct strand_fetch fetch = {0};

        if (strand_log_fetch(log, offset, &options, &fetch) != STRAND_OK || fetch.size == 0 ||
            strand_batch_base_offset(fetch.data) != offset)
            fail("not the batch that was asked for");
        strand_fetch_release(&fetch);
    }
    look_up_time(log, 970);
}

static void
open_all(const char *directory)
{
    struct strand_engine_options options = {.struct_size = sizeof options,
                                            .descriptor_budget = 32,
                                            .commit_interval_ms = 5,
                                            .index = STRAND_INDEX_LMDB};
    struct strand_log_options log_options = {.struct_size = sizeof log_options,
                                             .segment_bytes = 12000};

    if (strand_engine_open(directory, &options, &engine) != STRAND_OK)
        fail("open");
    if (strand_indexer_usable(&engine->indexer) == NULL)
        fail("no index");
    for (int i = 0; i < LOGS; i++)
        if (strand_log_open(engine, "orders", i, &log_options, &logs[i]) != STRAND_OK)
            fail("open a log");
}

static void
close_all(void)
{
    for (int i = 0; i < LOGS; i++)
        if (strand_log_close(logs[i]) != STRAND_OK)
            fail("close a log");
    if (strand_engine_close(engine) != STRAND_OK)
        fail("close");
}

static void
run_threads(void)
{
    pthread_t threads[WRITERS + READERS + 3];
    int count = 0;

    atomic_store(&writers_left, WRITERS);
    for (uintptr_t i = 0; i < WRITERS; i++)
        (void)pthread_create(&threads[count++], NULL, write_records, (void *)(i + 1));
    for (uintptr_t i = 0; i < READERS; i++)
        (void)pthread_create(&threads[count++], NULL, read_records, (void *)(i + 1));
    (void)pthread_create(&threads[count++], NULL, cut_records, NULL);
    (void)pthread_create(&threads[count++], NULL, create_and_delete, NULL);
    (void)pthread_create(&threads[count++], NULL, feed_index, NULL);
    for (int i = 0; i < count; i++)
        (void)pthread_join(threads[i], NULL);
}

int
main(void)
{
    char directory[] = "/tmp/strandline-stress-XXXXXX";
    char command[128];

    if (mkdtemp(directory) == NULL)
        fail("make a directory");
    for (int i = 0; i < ROUNDS; i++) {
        open_all(directory);
        run_threads();
        if (strand_engine_health(engine) != STRAND_OK)
            fail("health");
        for (int j = 0; j < LOGS; j++) { /* a run is due at once, and may be under way at the end */
            check_all(logs[j]);
            strand_indexer_note(&engine->indexer, logs[j], true);
        }
        close_all();
        open_all(directory);
        for (int j = 0; j < LOGS; j++)
            check_all(logs[j]);
        close_all();
    }
    (void)snprintf(command, sizeof command, "rm -rf '%s'", directory);
    if (system(command) != 0)
        fail("remove");
    (void)printf("%" PRId64 " found, %" PRId64 " runs\n", atomic_load(&found), atomic_load(&steps));
    return atomic_load(&found) > 0 && atomic_load(&steps) > 0 ? 0 : 1;
}
