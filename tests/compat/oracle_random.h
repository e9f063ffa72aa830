/* tests/compat/oracle_random.h -- Random batches, through our encoder and Kafka's decoder and the
 * other way round. */
#ifndef STRAND_TESTS_ORACLE_RANDOM_H
#define STRAND_TESTS_ORACLE_RANDOM_H

#include <stdint.h>

#include "compat/oracle_pipe.h"

/* Ask about COUNT batches made from SEED; returns how many came out different. */
uint64_t oracle_random_run(struct oracle *oracle, uint64_t seed, uint64_t count);

#endif
