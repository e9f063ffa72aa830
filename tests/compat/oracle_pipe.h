/* tests/compat/oracle_pipe.h -- Questions to Kafka's classes in a process of their own; see class
 * Oracle in tests/compat/kafka.
 *
 * Whatever goes wrong with the pipe ends the program: there is nothing to test without it.
 */
#ifndef STRAND_TESTS_ORACLE_PIPE_H
#define STRAND_TESTS_ORACLE_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "storage/batch.h"

struct oracle {
    int to;
    int from;
    pid_t pid;
    uint64_t questions;
};

struct oracle_answer {
    bool is_refused; /* then content is Kafka's exception */
    char *content;   /* owned; a zero byte follows */
    size_t size;
};

/* Start ARGUMENTS, a program and what it is given, ended by NULL. */
void oracle_start(struct oracle *oracle, char *const arguments[]);

/* The exit code of the process. */
int oracle_stop(struct oracle *oracle);

/* What Kafka reads in a batch, as text. */
struct oracle_answer oracle_decode(struct oracle *oracle, const void *batch, size_t size);

/* The same in two halves, so that several questions can be on their way: answers come in the order
 * of the questions.  Unanswered questions of more than ORACLE_AHEAD_MAX bytes together could make
 * both sides wait for each other. */
enum { ORACLE_AHEAD_MAX = 32 << 10, ORACLE_QUESTION_OVERHEAD = 5 };
void oracle_send_decode(struct oracle *oracle, const void *batch, size_t size);
struct oracle_answer oracle_receive(struct oracle *oracle);

/* What Kafka makes of HEADER and RECORDS. */
struct oracle_answer oracle_encode(struct oracle *oracle, const struct strand_batch_header *header,
                                   const struct strand_record *records, size_t count);

void oracle_answer_free(struct oracle_answer *answer);

#endif
