/* examples/append.c -- Keep each line of standard input through a power cut.
 *
 *     append DATA TOPIC < lines
 *
 * Prints the offset of a line once it is durable, not before.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <strandline/strandline.h>

enum { LINE_SIZE_MAX = 65536 };

static int
append_lines(struct strand_log *log)
{
    static char line[LINE_SIZE_MAX];
    int status = STRAND_OK;

    while (status == STRAND_OK && fgets(line, sizeof line, stdin) != NULL) {
        struct strand_record record = {.value = strand_bytes(line, strcspn(line, "\n"))};
        struct strand_appended appended;

        status = strand_log_append(log, &record, 1, NULL, &appended);
        if (status == STRAND_OK)
            printf("%" PRId64 "\n", appended.base_offset);
    }
    return status;
}

int
main(int argc, char **argv)
{
    struct strand_engine *engine = NULL;
    struct strand_log *log = NULL;

    if (argc != 3) {
        fprintf(stderr, "usage: %s DATA TOPIC\n", argv[0]);
        return 64;
    }

    int status = strand_engine_open(argv[1], NULL, &engine);
    if (status == STRAND_OK)
        status = strand_log_open(engine, argv[2], 0, NULL, &log);
    if (status == STRAND_OK)
        status = append_lines(log);
    if (status != STRAND_OK)
        fprintf(stderr, "%s\n", strand_error_message());

    (void)strand_log_close(log); /* what was appended is durable already */
    if (strand_engine_close(engine) != STRAND_OK && status == STRAND_OK) {
        fprintf(stderr, "%s\n", strand_error_message());
        return 1;
    }
    return status != STRAND_OK;
}
