/* tests/compat/oracle_verdict.h -- A batch is judged by Kafka and by us: read alike, refused by
 * both, or different for a reason that is listed in docs/COMPATIBILITY.md.
 */
#ifndef STRAND_TESTS_ORACLE_VERDICT_H
#define STRAND_TESTS_ORACLE_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compat/oracle_pipe.h"
#include "support/batch_text.h"

enum { JUDGE_WAITING_MAX = 128 };

struct mutant {
    uint8_t *batch; /* owned; exactly SIZE bytes, so that ASan sees a byte too far */
    size_t size;
    const char *what; /* was done to it */
    size_t where;
};

struct judge {
    struct oracle *oracle;
    struct batch_text text;
    const char *path; /* of the fixture, for messages */
    char *records;    /* of the fixture, as text; owned */
    uint64_t failures;
    struct mutant waiting[JUDGE_WAITING_MAX]; /* Kafka is asked about several at once */
    size_t waiting_count;
    size_t waiting_size;
};

/* FIXTURE is what mutants are made of. */
void judge_init(struct judge *judge, struct oracle *oracle, const char *path,
                const uint8_t *fixture, size_t size);

/* Returns how many mutants were judged differently for no reason that is listed. */
uint64_t judge_deinit(struct judge *judge);

/* Takes a copy of BATCH; the verdict may come later.  WHAT was done WHERE is for the message. */
void judge_batch(struct judge *judge, const uint8_t *batch, size_t size, const char *what,
                 size_t where);

/* How many were read alike and refused by both, and how often each listed difference came up, of
 * all judges. */
void judge_print_totals(void);

#endif
