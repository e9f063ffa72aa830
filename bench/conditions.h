/* bench/conditions.h -- Under which conditions a figure was measured: names with numbers or words,
 * in the order in which they are told.
 */
#ifndef STRAND_BENCH_CONDITIONS_H
#define STRAND_BENCH_CONDITIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BENCH_CONDITIONS_MAX = 32, BENCH_CONDITION_SIZE = 96 };

struct bench_condition {
    const char *name; /* static; with underscores */
    char text[BENCH_CONDITION_SIZE];
    bool is_number;
};

struct bench_conditions {
    struct bench_condition items[BENCH_CONDITIONS_MAX];
    size_t count;
};

void bench_conditions_add_number(struct bench_conditions *conditions, const char *name,
                                 int64_t value);
void bench_conditions_add_text(struct bench_conditions *conditions, const char *name,
                               const char *text);

/* Are NAME's values in both the same, or is it missing in both? */
bool bench_conditions_agree(const struct bench_conditions *one,
                            const struct bench_conditions *other, const char *name);

#endif
