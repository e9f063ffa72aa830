/* tests/support/real_write_back.h -- What the kernel may do at any time. */
#ifndef STRAND_TESTS_REAL_WRITE_BACK_H
#define STRAND_TESTS_REAL_WRITE_BACK_H

#include <stdint.h>

struct real_plan;

/* Where PLAN wants it, write a part of a segment or the journal to the disk, by chance. */
void real_write_back(const struct real_plan *plan, uint64_t *state);

#endif
