/* tests/stress/readers_and_cuts.c -- Many threads on one log, for the thread sanitizer.
 *
 * Writers append durably and by WRITTEN, readers follow by cursor and by fetch, one thread
 * truncates and trims, one opens and closes handles, over segments so small that they roll all the
 * time and a descriptor budget so small that files are closed and opened all the time.  Every
 * record carries its number, so that a reader sees at once when it is shown something that was
 * never there: offsets ascend, values fit their checksum, nothing is read beyond the high
 * watermark.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine_internal.h"
#include "strandline/strandline.h"

enum { WRITERS = 3, READERS = 2, APPENDS = 400, LOGS = 3, VALUE_SIZE = 100 };

static struct strand_engine *engine;
static struct strand_log *logs[LOGS];
static _Atomic int writers_left = WRITERS;
static _Atomic int64_t records_read;

static void
fail(const char *what)
{
    (void)fprintf(stderr, "readers_and_cuts: %s: %s\n", what, strand_error_message());
    abort();
}

static void
make_value(uint32_t number, uint8_t value[VALUE_SIZE])
{
    for (int i = 0; i < VALUE_SIZE; i++)
        value[i] = (uint8_t)(number * 31u + (uint32_t)i);
    memcpy(value, &number, sizeof number);
}

static bool
is_whole(const struct strand_record *record)
{
    uint8_t value[VALUE_SIZE];
    uint32_t number;

    if (record->value.size != VALUE_SIZE)
        return false;
    memcpy(&number, record->value.data, sizeof number);
    make_value(number, value);
    return memcmp(record->value.data, value, VALUE_SIZE) == 0;
}

static void *
write_records(void *argument)
{
    uint32_t number = (uint32_t)(uintptr_t)argument * 1000000u;

    for (int i = 0; i < APPENDS; i++) {
        struct strand_append_options options = {.struct_size = sizeof options,
                                                .durability =
                                                    i % 3 == 0 ? STRAND_DURABLE : STRAND_WRITTEN};
        struct strand_appended appended;
        uint8_t value[VALUE_SIZE];
        make_value(number++, value);
        struct strand_record record = {.value = strand_bytes(value, VALUE_SIZE)};
        struct strand_log *log = logs[i % LOGS];
        int status = strand_log_append(log, &record, 1, &options, &appended);

        if (status == STRAND_OK && i % 7 == 0)
            status = strand_log_wait(log, &appended, 10000);
        if (status != STRAND_OK && status != STRAND_ERR_TRUNCATED)
            fail("append");
    }
    atomic_fetch_sub(&writers_left, 1);
    return NULL;
}

static void
read_by_cursor(struct strand_log *log)
{
    struct strand_cursor *cursor = NULL;
    struct strand_record record;
    int64_t previous = -1;

    if (strand_cursor_open(log, STRAND_EARLIEST, NULL, &cursor) != STRAND_OK)
        fail("cursor");
    int status;
    while ((status = strand_cursor_next(cursor, &record)) == STRAND_OK) {
        if (record.offset <= previous || !is_whole(&record))
            fail("a record is not what was appended");
        previous = record.offset;
        atomic_fetch_add(&records_read, 1);
    }
    if (status != STRAND_END && status != STRAND_ERR_OUT_OF_RANGE)
        fail("read");
    strand_cursor_close(cursor);
}

static void
read_by_fetch(struct strand_log *log)
{
    struct strand_fetch_options options = {
        .struct_size = sizeof options, .max_bytes = 4096, .check_crc = 1};
    struct strand_positions positions;
    struct strand_fetch fetches[4];
    int held = 0;

    if (strand_log_positions(log, &positions) != STRAND_OK)
        fail("positions");
    if (positions.log_start > positions.high_watermark ||
        positions.high_watermark > positions.durable_end ||
        positions.durable_end > positions.log_end)
        fail("positions are out of order");
    int64_t offset = positions.log_start;
    while (held < 4) {
        int status = strand_log_fetch(log, offset, &options, &fetches[held]);
        if (status != STRAND_OK && status != STRAND_ERR_OUT_OF_RANGE)
            fail("fetch");
        if (status != STRAND_OK || fetches[held].size == 0)
            break;
        if (fetches[held].next_offset <= offset)
            fail("a fetch does not move on");
        offset = fetches[held].next_offset;
        held++;
    }
    while (held > 0)
        strand_fetch_release(&fetches[--held]);
}

static void *
read_records(void *argument)
{
    for (unsigned i = (unsigned)(uintptr_t)argument; atomic_load(&writers_left) > 0; i++) {
        read_by_cursor(logs[i % LOGS]);
        read_by_fetch(logs[(i + 1) % LOGS]);
        struct strand_log *log = NULL;
        if (strand_log_open(engine, "orders", (int32_t)(i % LOGS), NULL, &log) == STRAND_OK)
            (void)strand_log_close(log);
    }
    return NULL;
}

static void *
cut_records(void *argument)
{
    (void)argument;
    for (unsigned i = 0; atomic_load(&writers_left) > 0; i++) {
        struct strand_log *log = logs[i % LOGS];
        struct strand_positions positions;
        int64_t offset, log_end;

        if (strand_log_positions(log, &positions) != STRAND_OK)
            fail("positions");
        if (i % 4 == 3)
            (void)strand_log_truncate(log, positions.log_end - 2, &log_end);
        else if (i % 4 == 1 && positions.high_watermark > 40)
            (void)strand_log_trim(log, positions.high_watermark - 40);
        else if (i % 16 == 2)
            (void)strand_log_begin_epoch(log, (int32_t)i);
        else if (strand_log_offset_for_timestamp(log, 1, STRAND_READ_WRITTEN, &offset, NULL) < 0 &&
                 i == 0)
            fail("time");
        (void)strand_log_wait_data(log, positions.log_end + 1, STRAND_READ_WRITTEN, 2);
    }
    return NULL;
}

/* With the argument "prepared" zeros are written in front of the log ends meanwhile. */
int
main(int argc, char **argv)
{
    char directory[] = "/tmp/strandline-stress-XXXXXX";
    struct strand_engine_options options = {
        .struct_size = sizeof options, .descriptor_budget = 16, .commit_interval_ms = 5};
    struct strand_log_options log_options = {.struct_size = sizeof log_options,
                                             .segment_bytes = 2048};
    pthread_t threads[WRITERS + READERS + 1];
    int count = 0;

    if (argc > 1 && strcmp(argv[1], "prepared") == 0)
        options.preparation = STRAND_PREPARE_ZERO;
    if (mkdtemp(directory) == NULL || strand_engine_open(directory, &options, &engine) != STRAND_OK)
        fail("open");
    engine->preparer.sizes = (struct strand_preparer_sizes){300, 512, 2048, 256, 64};
    for (int i = 0; i < LOGS; i++)
        if (strand_log_open(engine, "orders", i, &log_options, &logs[i]) != STRAND_OK)
            fail("open a log");
    for (uintptr_t i = 0; i < WRITERS; i++)
        (void)pthread_create(&threads[count++], NULL, write_records, (void *)(i + 1));
    for (uintptr_t i = 0; i < READERS; i++)
        (void)pthread_create(&threads[count++], NULL, read_records, (void *)i);
    (void)pthread_create(&threads[count++], NULL, cut_records, NULL);
    for (int i = 0; i < count; i++)
        (void)pthread_join(threads[i], NULL);

    if (strand_engine_health(engine) != STRAND_OK)
        fail("health");
    for (int i = 0; i < LOGS; i++) {
        read_by_cursor(logs[i]);
        if (strand_log_close(logs[i]) != STRAND_OK)
            fail("close a log");
    }
    if (strand_engine_close(engine) != STRAND_OK)
        fail("close");
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", directory);
    if (system(command) != 0)
        fail("remove");
    (void)printf("%d appends, %" PRId64 " records read\n", WRITERS * APPENDS,
                 atomic_load(&records_read));
    return atomic_load(&records_read) > 0 ? 0 : 1;
}
