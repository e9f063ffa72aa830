/* tests/support/crash_model_internal.h -- What the two files of the model share. */
#ifndef STRAND_TESTS_CRASH_MODEL_INTERNAL_H
#define STRAND_TESTS_CRASH_MODEL_INTERNAL_H

#include "support/crash_model.h"

extern const char *const MODEL_TOPICS[MODEL_LOGS];

/* Note a violation; false. */
__attribute__((format(printf, 2, 3))) bool model_violated(struct model *model, const char *format,
                                                          ...);

int model_open_log(struct model *model, int log, uint32_t flags);

/* The value of the record that was appended as the ID-th. */
void model_make_value(uint32_t id, char value[MODEL_VALUE_SIZE]);

#endif
