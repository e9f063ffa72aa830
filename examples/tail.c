/* examples/tail.c -- Print the committed records of a topic, without disturbing whoever writes it.
 *
 *     tail DATA TOPIC [OFFSET]
 *
 * Opens the directory read-only: that takes no lock and changes nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <strandline/strandline.h>

static int
print_records(struct strand_log *log, int64_t offset)
{
    struct strand_cursor *cursor = NULL;
    struct strand_record record;
    int status = strand_cursor_open(log, offset, NULL, &cursor);

    while (status == STRAND_OK && (status = strand_cursor_next(cursor, &record)) == STRAND_OK) {
        printf("%" PRId64 " ", record.offset);
        if (record.value.size > 0)
            fwrite(record.value.data, 1, record.value.size, stdout);
        putchar('\n');
    }
    strand_cursor_close(cursor);
    return status == STRAND_END ? STRAND_OK : status;
}

int
main(int argc, char **argv)
{
    struct strand_engine_options options = {.struct_size = sizeof options,
                                            .flags = STRAND_ENGINE_READ_ONLY};
    struct strand_log_options log_options = {.struct_size = sizeof log_options,
                                             .flags = STRAND_LOG_MUST_EXIST};
    struct strand_engine *engine = NULL;
    struct strand_log *log = NULL;

    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: %s DATA TOPIC [OFFSET]\n", argv[0]);
        return 64;
    }

    int status = strand_engine_open(argv[1], &options, &engine);
    if (status == STRAND_OK)
        status = strand_log_open(engine, argv[2], 0, &log_options, &log);
    if (status == STRAND_OK)
        status = print_records(log, argc == 4 ? strtoll(argv[3], NULL, 10) : STRAND_EARLIEST);
    if (status != STRAND_OK)
        fprintf(stderr, "%s\n", strand_error_message());

    (void)strand_log_close(log); /* nothing was written */
    (void)strand_engine_close(engine);
    return status != STRAND_OK;
}
