/* tests/compat/kafka_oracle.c -- Kafka's own classes decide whether batches are right.
 *
 *     kafka_oracle random SEED COUNT PROGRAM [ARGUMENT...]
 *     kafka_oracle mutations DIR PROGRAM [ARGUMENT...]
 *
 * PROGRAM is what oracle_pipe.h talks to; DIR holds fixtures, *.batch.
 */
#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compat/oracle_mutations.h"
#include "compat/oracle_pipe.h"
#include "compat/oracle_random.h"
#include "compat/oracle_verdict.h"

enum { PATH_SIZE = 1024, EXIT_USAGE = 64 };

static uint64_t
mutate_directory(struct oracle *oracle, const char *name)
{
    struct dirent **entries;
    int count = scandir(name, &entries, NULL, alphasort);
    uint64_t failures = 0;

    if (count < 0) {
        perror(name);
        exit(1);
    }
    for (int i = 0; i < count; i++) {
        const char *suffix = strrchr(entries[i]->d_name, '.');
        char path[PATH_SIZE];

        if (suffix != NULL && strcmp(suffix, ".batch") == 0) {
            snprintf(path, sizeof path, "%s/%s", name, entries[i]->d_name);
            failures += oracle_mutations_run(oracle, path);
        }
        free(entries[i]);
    }
    free(entries);
    judge_print_totals();
    return failures;
}

static uint64_t
run(struct oracle *oracle, char **arguments)
{
    if (strcmp(arguments[0], "mutations") == 0)
        return mutate_directory(oracle, arguments[1]);

    uint64_t count = strtoull(arguments[2], NULL, 10);
    uint64_t failures = oracle_random_run(oracle, strtoull(arguments[1], NULL, 10), count);
    printf("%" PRIu64 " random batches in both directions\n", count);
    return failures;
}

int
main(int count, char **arguments)
{
    bool is_random = count > 4 && strcmp(arguments[1], "random") == 0;
    struct oracle oracle;

    if (!is_random && !(count > 3 && strcmp(arguments[1], "mutations") == 0)) {
        fprintf(stderr, "usage: kafka_oracle random SEED COUNT | mutations DIR, PROGRAM ...\n");
        return EXIT_USAGE;
    }
    signal(SIGPIPE, SIG_IGN);
    oracle_start(&oracle, arguments + (is_random ? 4 : 3));
    uint64_t failures = run(&oracle, arguments + 1);
    printf("%" PRIu64 " questions to Kafka, %" PRIu64 " failures\n", oracle.questions, failures);
    int code = oracle_stop(&oracle);
    if (code != 0)
        printf("Kafka's process ended with %d\n", code);
    return failures == 0 && code == 0 ? 0 : 1;
}
