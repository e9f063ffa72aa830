/* tests/stress/many_logs.c -- COUNT small logs in one data directory, and in one index: created,
 * appended to, closed, opened and looked into, deleted: many_logs COUNT.
 *
 * What each part takes is printed; the index knows each log, and at the end none.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/engine_internal.h"
#include "engine/indexer.h"
#include "strandline/strandline.h"
#include "support/index_audit.h"

enum { RECORDS = 3 };

static struct strand_engine *engine;

static void
fail(const char *what)
{
    (void)fprintf(stderr, "many_logs: %s: %s\n", what, strand_error_message());
    exit(1);
}

static void
require(int status, const char *what)
{
    if (status != STRAND_OK)
        fail(what);
}

static void
tell(const char *what)
{
    static struct timespec before;
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    if (before.tv_sec != 0)
        (void)printf("%-8s %.2f s\n", what,
                     (double)(now.tv_sec - before.tv_sec) +
                         (double)(now.tv_nsec - before.tv_nsec) / 1e9);
    before = now;
}

static void
open_engine(const char *directory)
{
    struct strand_engine_options options = {.struct_size = sizeof options,
                                            .flags = STRAND_ENGINE_NO_THREADS,
                                            .preparation = STRAND_PREPARE_NONE,
                                            .index = STRAND_INDEX_LMDB};

    require(strand_engine_open(directory, &options, &engine), "open");
}

static struct strand_log *
open_log(int32_t partition)
{
    struct strand_log *log = NULL;

    require(strand_log_open(engine, "many", partition, NULL, &log), "open a log");
    return log;
}

static void
append_to_all(int32_t count)
{
    struct strand_append_options options = {.struct_size = sizeof options,
                                            .durability = STRAND_WRITTEN};

    for (int32_t i = 0; i < count; i++) {
        struct strand_log *log = open_log(i);

        for (int64_t j = 0; j < RECORDS; j++) {
            struct strand_record record = {.timestamp_ms = 1000 + i + j, .value = {"value", 5}};

            require(strand_log_append(log, &record, 1, &options, NULL), "append");
        }
        require(strand_log_close(log), "close a log");
    }
}

static void
look_into_all(int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        struct strand_log *log = open_log(i);
        struct strand_fetch fetch = {0};
        int64_t offset = -1;

        require(strand_log_fetch(log, RECORDS - 1, NULL, &fetch), "fetch");
        if (fetch.next_offset != RECORDS)
            fail("another record is fetched");
        strand_fetch_release(&fetch);
        require(strand_log_offset_for_timestamp(log, 1001 + i, STRAND_READ_WRITTEN, &offset, NULL),
                "look up a time");
        if (offset != 1)
            fail("another record is found");
        require(strand_log_close(log), "close a log");
    }
}

static void
expect_logs(int32_t count)
{
    struct strand_index_counts counts;

    if (strand_indexer_usable(&engine->indexer) == NULL)
        fail("there is no index");
    require(index_count(engine->indexer.index, &counts), "count");
    if (counts.logs != (uint64_t)count) {
        (void)fprintf(stderr, "%" PRIu64 " logs in the index, not %" PRId32 "\n", counts.logs,
                      count);
        exit(1);
    }
}

int
main(int argc, char **argv)
{
    char directory[] = "/tmp/strandline-many-XXXXXX";
    char command[128];
    int32_t count = argc == 2 ? atoi(argv[1]) : 0;
    int64_t left;

    if (count <= 0 || mkdtemp(directory) == NULL)
        return 64;
    tell("");
    open_engine(directory);
    append_to_all(count);
    tell("append");
    require(strand_engine_close(engine), "close");
    tell("close");
    open_engine(directory);
    tell("open");
    expect_logs(count);
    look_into_all(count);
    tell("look up");
    for (int32_t i = 0; i < count; i += 2)
        require(strand_engine_delete_log(engine, "many", i), "delete");
    require(strand_indexer_step(&engine->indexer, &left), "step");
    tell("delete");
    expect_logs(count - (count + 1) / 2);
    require(strand_engine_close(engine), "close");
    tell("close");
    open_engine(directory);
    tell("open");
    expect_logs(count - (count + 1) / 2);
    require(strand_engine_close(engine), "close");
    (void)snprintf(command, sizeof command, "rm -rf '%s'", directory);
    return system(command) == 0 ? 0 : 1;
}
