/* tests/compat/oracle_mutations.h -- Fixtures with something changed: read alike by Kafka and by
 * us, or refused by both, or listed as a difference. */
#ifndef STRAND_TESTS_ORACLE_MUTATIONS_H
#define STRAND_TESTS_ORACLE_MUTATIONS_H

#include <stdint.h>

#include "compat/oracle_pipe.h"

/* Mutate the batch in the file PATH in every way; returns how many mutants were judged differently
 * for no reason that is listed. */
uint64_t oracle_mutations_run(struct oracle *oracle, const char *path);

#endif
