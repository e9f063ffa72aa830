/* bench/hot_paths.c -- Walks one hot path of the library many times, for a tool that counts
 * instructions: they do not depend on what else the machine does.
 *
 *     strandline-hot-paths PATH DIRECTORY      prints how many times
 *
 * What is counted happens inside hot_path(), called once.  The engine has no threads here, so that
 * nothing else happens meanwhile.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "strandline/engine.h"
#include "strandline/log.h"

enum {
    VALUE_SIZE = 1024,
    BATCH_RECORDS = 64,
    FILL_RECORDS = 4, /* in a batch of what is read */
    FILL_BATCHES = 4096,
    SEGMENT_BYTES = 1 << 20,
    APPENDS = 2000,
    BATCH_APPENDS = 200,
    FETCHES = 20000,
};

struct walk {
    struct strand_engine *engine;
    struct strand_log *log;
    struct strand_record records[BATCH_RECORDS];
    uint8_t values[BATCH_RECORDS * VALUE_SIZE];
    int64_t first, end; /* offsets to fetch from */
    struct strand_cursor *cursor;
};

typedef int path_fn(struct walk *walk, long *out_count);

static int
append(struct walk *walk, size_t record_count, long count)
{
    const struct strand_append_options written = {.struct_size = sizeof written,
                                                  .durability = STRAND_WRITTEN};
    int status = STRAND_OK;

    for (long i = 0; i < count && status == STRAND_OK; i++)
        status = strand_log_append(walk->log, walk->records, record_count, &written, NULL);
    return status;
}

static int
append_one(struct walk *walk, long *out_count)
{
    *out_count = APPENDS;
    return append(walk, 1, APPENDS);
}

static int
append_batch(struct walk *walk, long *out_count)
{
    *out_count = BATCH_APPENDS;
    return append(walk, BATCH_RECORDS, BATCH_APPENDS);
}

static int
fetch(struct walk *walk, long *out_count)
{
    const struct strand_fetch_options options = {
        .struct_size = sizeof options, .isolation = STRAND_READ_WRITTEN, .max_bytes = 1};
    uint64_t state = 1;
    int status = STRAND_OK;

    for (long i = 0; i < FETCHES && status == STRAND_OK; i++) {
        struct strand_fetch found;

        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        int64_t offset =
            walk->first + (int64_t)((state >> 33) % (uint64_t)(walk->end - walk->first));
        status = strand_log_fetch(walk->log, offset, &options, &found);
        if (status == STRAND_OK)
            strand_fetch_release(&found);
    }
    *out_count = FETCHES;
    return status;
}

static int
read_all(struct walk *walk, long *out_count)
{
    struct strand_record record;
    int status;
    long count = 0;

    while ((status = strand_cursor_next(walk->cursor, &record)) == STRAND_OK)
        count++;
    *out_count = count;
    return status == STRAND_END ? STRAND_OK : status;
}

/* ---- What has to be there ---- */

static int
open_log(struct walk *walk, const char *directory)
{
    const struct strand_engine_options engine = {.struct_size = sizeof engine,
                                                 .flags = STRAND_ENGINE_NO_THREADS};
    const struct strand_log_options log = {.struct_size = sizeof log,
                                           .segment_bytes = SEGMENT_BYTES};

    int status = strand_engine_open(directory, &engine, &walk->engine);
    return status == STRAND_OK ? strand_log_open(walk->engine, "hot", 0, &log, &walk->log) : status;
}

static int
close_log(struct walk *walk)
{
    strand_cursor_close(walk->cursor);
    int status = strand_log_close(walk->log);
    int closed = strand_engine_close(walk->engine);

    walk->cursor = NULL;
    walk->log = NULL;
    walk->engine = NULL;
    return status == STRAND_OK ? closed : status;
}

/* Several segments; opened anew, so that the older ones are looked up in the index. */
static int
fill(struct walk *walk, const char *directory)
{
    const struct strand_cursor_options options = {.struct_size = sizeof options,
                                                  .isolation = STRAND_READ_WRITTEN};
    struct strand_positions positions = {.log_end = 0};

    int status = append(walk, FILL_RECORDS, FILL_BATCHES);
    if (status == STRAND_OK)
        status = close_log(walk);
    if (status == STRAND_OK)
        status = open_log(walk, directory);
    if (status == STRAND_OK)
        status = append(walk, FILL_RECORDS, 2);
    if (status == STRAND_OK)
        status = strand_log_positions(walk->log, &positions);
    if (status == STRAND_OK)
        status = strand_cursor_open(walk->log, 0, &options, &walk->cursor);
    walk->end = positions.log_end;
    return status;
}

static void
fill_records(struct walk *walk)
{
    for (size_t i = 0; i < sizeof walk->values; i++)
        walk->values[i] = (uint8_t)(i * 2654435761U >> 11);
    for (size_t i = 0; i < BATCH_RECORDS; i++) {
        walk->records[i].timestamp_ms = 1700000000000;
        walk->records[i].value = strand_bytes(walk->values + i * VALUE_SIZE, VALUE_SIZE);
    }
}

/* Not inlined: its name, or what a compiler makes of it behind a dot, is what the tool looks for.
 */
__attribute__((noinline)) static int
hot_path(path_fn *path, struct walk *walk, long *out_count)
{
    int status = path(walk, out_count);

    __asm__ volatile("" : : "r"(out_count) : "memory"); /* what comes behind is not done before */
    return status;
}

/* ---- Paths ---- */

/* Fetch from the newest segment, or from the others: where its last batch lies in the file tells
 * where it begins. */
static int
choose_offsets(struct walk *walk, bool is_active)
{
    const struct strand_fetch_options options = {
        .struct_size = sizeof options, .isolation = STRAND_READ_WRITTEN, .max_bytes = 1};
    struct strand_fetch last;

    int status = strand_log_fetch(walk->log, walk->end - 1, &options, &last);
    if (status != STRAND_OK)
        return status;
    int64_t begin = walk->end - FILL_RECORDS * (last.position / (int64_t)last.size + 1);
    strand_fetch_release(&last);
    if (is_active)
        walk->first = begin;
    else
        walk->end = begin;
    return STRAND_OK;
}

struct path {
    const char *name;
    path_fn *walk;
    bool is_read;
    bool is_active;
};

static const struct path PATHS[] = {
    {"append", append_one, false, false},   {"append-64", append_batch, false, false},
    {"fetch-active", fetch, true, true},    {"fetch-older", fetch, true, false},
    {"cursor-next", read_all, true, false},
};

static int
walk_path(const struct path *path, const char *directory, long *out_count)
{
    static struct walk walk;

    fill_records(&walk);
    int status = open_log(&walk, directory);
    if (status == STRAND_OK && path->is_read)
        status = fill(&walk, directory);
    if (status == STRAND_OK && path->is_read)
        status = choose_offsets(&walk, path->is_active);
    if (status == STRAND_OK)
        status = hot_path(path->walk, &walk, out_count);
    int closed = close_log(&walk);
    return status == STRAND_OK ? closed : status;
}

int
main(int argc, char **argv)
{
    for (size_t i = 0; argc == 3 && i < sizeof PATHS / sizeof PATHS[0]; i++) {
        long count = 0;

        if (strcmp(PATHS[i].name, argv[1]) != 0)
            continue;
        if (walk_path(&PATHS[i], argv[2], &count) == STRAND_OK)
            return printf("%ld\n", count) > 0 ? 0 : 1;
        (void)fprintf(stderr, "strandline-hot-paths: %s\n", strand_error_message());
        return 1;
    }
    (void)fputs("Usage: strandline-hot-paths PATH DIRECTORY, with one of these paths:\n", stderr);
    for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++)
        (void)fprintf(stderr, "%s\n", PATHS[i].name);
    return 64;
}
