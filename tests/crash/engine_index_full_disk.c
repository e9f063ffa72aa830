/* tests/crash/engine_index_full_disk.c -- An engine whose index has no room:
 * engine_index_full_disk DIRECTORY.
 *
 * The index is in DIRECTORY, on a small file system of its own, the logs are elsewhere.  When every
 * byte there is taken, appends, look-ups, checkpoints, closing and opening go on; when there is
 * room again the index is completed without another opening.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/engine_internal.h"
#include "engine/indexer.h"
#include "storage/batch.h"
#include "strandline/strandline.h"

enum { VALUE_SIZE = 4000, SEGMENT_BYTES = 64 << 10, A_ROUND = 2000, PATH_SIZE = 4096 };

static struct strand_engine *engine;
static struct strand_log *log_;
static char notice[256];
static int64_t end;

static _Noreturn void
fail(const char *what)
{
    fprintf(stderr, "FAILED: %s: %s\n", what, strand_error_message());
    exit(1);
}

static void
require(bool is_true, const char *what)
{
    if (!is_true)
        fail(what);
}

static void
take_notice(void *context, int level, const char *text)
{
    (void)context;
    (void)level;
    if (strstr(text, "index") != NULL)
        (void)snprintf(notice, sizeof notice, "%s", text);
}

static void
open_all(const char *data, const char *directory)
{
    struct strand_engine_options options = {.struct_size = sizeof options,
                                            .flags = STRAND_ENGINE_NO_THREADS,
                                            .index = STRAND_INDEX_LMDB,
                                            .index_directory = directory,
                                            .notice = take_notice};
    struct strand_log_options log_options = {.struct_size = sizeof log_options,
                                             .segment_bytes = SEGMENT_BYTES};

    notice[0] = '\0';
    require(strand_engine_open(data, &options, &engine) == STRAND_OK, "open the engine");
    require(strand_log_open(engine, "orders", 0, &log_options, &log_) == STRAND_OK, "open the log");
}

static void
close_all(void)
{
    require(strand_log_close(log_) == STRAND_OK, "close the log");
    require(strand_engine_close(engine) == STRAND_OK, "close the engine");
}

static void
append_round(void)
{
    static char value[VALUE_SIZE];
    struct strand_append_options options = {.struct_size = sizeof options,
                                            .durability = STRAND_WRITTEN};

    for (int i = 0; i < A_ROUND; i++) {
        struct strand_record record = {.timestamp_ms = 1000 + end, .value = {value, sizeof value}};

        require(strand_log_append(log_, &record, 1, &options, NULL) == STRAND_OK, "append");
        end++;
    }
    require(strand_engine_checkpoint(engine) == STRAND_OK, "checkpoint");
}

static void
look_up_all(void)
{
    struct strand_fetch_options options = {.struct_size = sizeof options, .max_bytes = 1};

    for (int64_t offset = 0; offset < end; offset += 13) {
        struct strand_fetch fetch = {0};
        int64_t found = -1;

        require(strand_log_fetch(log_, offset, &options, &fetch) == STRAND_OK && fetch.size > 0,
                "fetch");
        require(strand_batch_base_offset(fetch.data) == offset, "another batch is fetched");
        strand_fetch_release(&fetch);
        require(strand_log_offset_for_timestamp(log_, 1000 + offset, STRAND_READ_COMMITTED, &found,
                                                NULL) == STRAND_OK &&
                    found == offset,
                "another record is found");
    }
}

/* A run; bytes that are left. */
static int64_t
step(void)
{
    int64_t left = -1;

    require(strand_indexer_step(&engine->indexer, &left) == STRAND_OK, "the index is in use");
    return left;
}

/* Take every byte that is left. */
static void
eat(const char *path)
{
    static char block[1 << 20];
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

    require(fd >= 0, "open what eats the disk");
    memset(block, 'x', sizeof block); /* zeros might be stored as nothing */
    for (size_t size = sizeof block; size > 0; size /= 2)
        while (write(fd, block, size) > 0)
            continue;
    (void)fsync(fd); /* as full as it can be is enough */
    close(fd);
}

static void
go_on_when_full(const char *data, const char *directory, const char *eater)
{
    eat(eater);
    append_round();
    for (int i = 0; i < 10; i++) { /* what has room in pages that are free is committed */
        (void)step();
        append_round();
    }
    require(strstr(notice, "the index is late") != NULL, "a notice that the index is late");
    printf("full: %s\n", notice);
    look_up_all();
    close_all();
    open_all(data, directory);
    look_up_all();
    append_round();
    close_all();
    require(unlink(eater) == 0, "give the room back");
    open_all(data, directory);
    look_up_all();
}

/* In the same engine. */
static void
complete_when_there_is_room(const char *eater)
{
    eat(eater);
    for (int i = 0; i < 4; i++) {
        append_round();
        (void)step();
    }
    require(unlink(eater) == 0, "give the room back");
    require(step() == 0, "it is complete");
    look_up_all();
}

int
main(int argc, char **argv)
{
    char data[] = "/tmp/strandline-full-XXXXXX";
    char eater[PATH_SIZE];
    char command[PATH_SIZE];

    if (argc != 2 || mkdtemp(data) == NULL || mkdir(argv[1], 0700) != 0)
        return 64;
    int length = snprintf(eater, sizeof eater, "%s/eater", argv[1]);
    require(length > 0 && length < PATH_SIZE, "path");
    open_all(data, argv[1]);
    append_round();
    require(step() == 0, "it is complete");
    go_on_when_full(data, argv[1], eater);
    while (step() > 0)
        continue;
    complete_when_there_is_room(eater);
    close_all();
    printf("%" PRId64 " appended and found\n", end);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", data);
    return system(command) == 0 ? 0 : 1;
}
