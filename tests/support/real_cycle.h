/* tests/support/real_cycle.h -- What the tests with real file systems do in each of their cycles.
 */
#ifndef STRAND_TESTS_REAL_CYCLE_H
#define STRAND_TESTS_REAL_CYCLE_H

#include <stddef.h>
#include <stdint.h>

#include "support/real_mount.h"
#include "support/real_writer.h"

/* A random number below BELOW. */
uint64_t real_draw(uint64_t *state, uint64_t below);

/* Zeros that child processes share. */
void *real_share(size_t size);

/* Another size of blocks, other options. */
void real_mount_draw(struct real_mount *mount, uint64_t *state);

/* What the writer does in CYCLE, and when it is killed; the rest of PLAN stays. */
void real_plan_draw(struct real_plan *plan, uint64_t seed, int cycle, uint64_t *state);

/* Run a writer to its end.  Returns what went wrong, or NULL: it was killed as planned. */
const char *real_writer_reap(const struct real_plan *plan, struct real_shared *shared);

/* Keep a copy of IMAGE, tell where, and exit with 1. */
_Noreturn void real_give_up(const struct real_mount *mount, int image, uint64_t seed, int cycle,
                            const char *what);

#endif
