/* package/consumer.c -- Somebody else's program: keep a record, close, read it back.  Compiled as
 * C99 here and as C++17 by consumer.cc. */
#include <stdio.h>
#include <string.h>

#include <strandline/strandline.h>

static int
keep(struct strand_engine *engine)
{
    struct strand_log *log = NULL;
    struct strand_record record;
    int status;

    memset(&record, 0, sizeof record);
    record.value = strand_bytes("hello", 5);
    status = strand_log_open(engine, "orders", 0, NULL, &log);
    if (status == STRAND_OK)
        status = strand_log_append(log, &record, 1, NULL, NULL);
    (void)strand_log_close(log);
    return status;
}

static int
read_back(struct strand_engine *engine)
{
    struct strand_log *log = NULL;
    struct strand_cursor *cursor = NULL;
    struct strand_record record;
    int status = strand_log_open(engine, "orders", 0, NULL, &log);

    if (status == STRAND_OK)
        status = strand_cursor_open(log, 0, NULL, &cursor);
    if (status == STRAND_OK)
        status = strand_cursor_next(cursor, &record);
    if (status == STRAND_OK && (record.offset != 0 || record.value.size != 5 ||
                                memcmp(record.value.data, "hello", 5) != 0))
        status = STRAND_ERR_CORRUPT;
    strand_cursor_close(cursor);
    (void)strand_log_close(log);
    return status;
}

static int
with_engine(const char *directory, int (*work)(struct strand_engine *engine))
{
    struct strand_engine *engine = NULL;
    int status = strand_engine_open(directory, NULL, &engine);
    int closed;

    if (status == STRAND_OK)
        status = work(engine);
    closed = strand_engine_close(engine);
    return status == STRAND_OK ? closed : status;
}

int
main(int argc, char **argv)
{
    int status;

    if (argc != 2)
        return 64;
    if (strcmp(argv[1], "--version") == 0)
        return puts(strand_version()) < 0;
    status = with_engine(argv[1], keep);
    if (status == STRAND_OK)
        status = with_engine(argv[1], read_back);
    if (status != STRAND_OK)
        fprintf(stderr, "%s: %s\n", strand_status_text(status), strand_error_message());
    return status != STRAND_OK;
}
