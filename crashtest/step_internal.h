/* crashtest/step_internal.h -- What reading and writing of scripts share: the form of each step. */
#ifndef STRAND_CRASHTEST_STEP_INTERNAL_H
#define STRAND_CRASHTEST_STEP_INTERNAL_H

#include "crashtest/step.h"

enum { CRASHTEST_OPERANDS_MAX = 5, CRASHTEST_WORDS_MAX = 4 };

/* What stands behind the name of a step; those before LEVEL are numbers. */
enum crashtest_operand {
    CRASHTEST_OPERAND_NONE,
    CRASHTEST_OPERAND_LOG,
    CRASHTEST_OPERAND_COUNT,
    CRASHTEST_OPERAND_GAP,
    CRASHTEST_OPERAND_EPOCH,
    CRASHTEST_OPERAND_MS,
    CRASHTEST_OPERAND_LEVEL, /* durable or written */
    CRASHTEST_OPERAND_AT,    /* an offset, or what is added to the log end */
};

struct crashtest_form {
    const char *name;
    enum crashtest_operand operands[CRASHTEST_OPERANDS_MAX + 1]; /* the last is NONE */
};

/* A number, and what it may be. */
struct crashtest_number {
    const char *about; /* "a log" */
    size_t field;      /* place in struct crashtest_step; an int32_t */
    int32_t min;
    int32_t max;
};

/* Words that stand for values; unused ones are NULL. */
struct crashtest_word {
    const char *name;
    int32_t value;
};

extern const struct crashtest_form crashtest_forms[CRASHTEST_STEP_KINDS];
extern const struct crashtest_number crashtest_numbers[CRASHTEST_OPERAND_LEVEL];
extern const struct crashtest_word crashtest_levels[CRASHTEST_WORDS_MAX + 1];
extern const struct crashtest_word crashtest_codecs[CRASHTEST_WORDS_MAX + 1];
extern const struct crashtest_word crashtest_preparations[CRASHTEST_WORDS_MAX + 1];

#endif
