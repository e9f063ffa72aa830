/* crashtest/ledger.h -- What was promised: worked out from the steps that were begun and done.
 *
 * It knows no engine and no disk.  Whoever does a step tells the ledger that it begins, and how it
 * went; a crash in between leaves it an open question, of which either outcome is legal.  The same
 * is said to the crash kit as a note, so that each check makes the same ledger again from the notes
 * that came before its crash, and from nothing else.
 *
 * Each record has a number of its own, from the step that appended it and its place in the batch;
 * its value is made from that, so that a record that is found tells where it comes from.
 */
#ifndef STRAND_CRASHTEST_LEDGER_H
#define STRAND_CRASHTEST_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crashtest/step.h"

enum { CRASHTEST_VALUE_SIZE = 48 };

/* A place in a history of steps: the run's scripts count from 0, what goes on after a first crash
 * from CRASHTEST_STEPS_MAX. */
enum { CRASHTEST_STEP_NUMBERS = 2 * CRASHTEST_STEPS_MAX };

struct crashtest_ledger_log {
    bool exists;           /* promised to be there */
    bool is_open_question; /* a creation or deletion was under way */
    bool is_replicated;
    bool has_failed;      /* a step on it has failed in this life */
    int64_t start;        /* promised log start */
    int64_t maybe_start;  /* a trim was under way to here; -1: none */
    int64_t durable_end;  /* everything below is promised */
    int64_t found_end;    /* so is everything below this: a recovery has served it */
    int64_t written_end;  /* likewise, when only the process dies */
    int64_t retried_from; /* what was acknowledged from here on came after a failed step; INT64_MAX:
                             nothing */
    int64_t end;          /* nothing at or above was ever appended */
    int64_t maybe_end;    /* a truncation may have cut to here; -1: none */
    int64_t maybe_reset;  /* a reset was under way to here; -1: none */
    int64_t cut_to;       /* the last truncation, since which nothing was begun; -1: none */
    int32_t epoch;        /* promised as the newest; of a log without replicas */
    int32_t maybe_epoch;  /* was being begun; -1: none */
    int32_t epochs[CRASHTEST_OFFSETS];
    uint32_t numbers[CRASHTEST_OFFSETS];       /* of the record at each offset; 0: a gap */
    uint32_t other_numbers[CRASHTEST_OFFSETS]; /* what may be there instead; 0: nothing */
    bool begins_batch[CRASHTEST_OFFSETS + 1];  /* a batch may begin (or the log end) here */
};

struct crashtest_ledger {
    struct crashtest_ledger_log logs[CRASHTEST_LOGS];
    int32_t open_step;                  /* begun, neither done nor failed; -1: none */
    enum crashtest_step_kind open_kind; /* its kind */
    bool is_closed;      /* the engine was closed cleanly, and nothing was begun since */
    bool has_broker;     /* a broker has had the directory */
    bool is_brokers;     /* it has it, and may have died with it: nothing is promised */
    bool has_failed;     /* a step has failed since the last recovery */
    bool is_recovering;  /* a recovery has begun that has not ended: it was interrupted */
    uint32_t recoveries; /* that have ended */
};

void crashtest_ledger_init(struct crashtest_ledger *ledger);

/* The number of record PLACE (from 0) of the batch of step NUMBER; never 0. */
uint32_t crashtest_record_number(int32_t number, int32_t place);
void crashtest_record_value(uint32_t record, char out_value[CRASHTEST_VALUE_SIZE]);

/* 0: it is no value of ours. */
uint32_t crashtest_record_of_value(const void *value, size_t size);

/* ---- What happens ---- */

struct crashtest_outcome {
    int64_t offset; /* APPEND, FOLLOW: of the first record; TRUNCATE, BROKER: the log end; else 0 */
    int32_t epoch;  /* APPEND: of the batch; TRUNCATE, RESET: the newest left; BROKER: the offset of
                       the batch that was compacted away; else 0 */
};

/* The offset that AT means now; below 0 becomes 0. */
int64_t crashtest_ledger_offset(const struct crashtest_ledger *ledger,
                                const struct crashtest_step *step);

void crashtest_ledger_begin(struct crashtest_ledger *ledger, const struct crashtest_step *step,
                            int32_t number);
void crashtest_ledger_done(struct crashtest_ledger *ledger, const struct crashtest_step *step,
                           int32_t number, const struct crashtest_outcome *outcome);
void crashtest_ledger_failed(struct crashtest_ledger *ledger, const struct crashtest_step *step);

/* The power went: what was only written is promised no more. */
void crashtest_ledger_cut(struct crashtest_ledger *ledger);

/* The process died and its cache did not: what was written counts as promised. */
void crashtest_ledger_kill(struct crashtest_ledger *ledger);

/* Everything below is promised: acknowledged, or served by a recovery. */
int64_t crashtest_ledger_promised_end(const struct crashtest_ledger_log *log);

/* A recovery begins; and has ended: LOG was found like this (EXISTS false: there is none), and is
 * served like this from now on. */
struct crashtest_found {
    bool exists;
    int64_t start;
    int64_t end;
    int32_t epoch;
};

void crashtest_ledger_recovering(struct crashtest_ledger *ledger);
void crashtest_ledger_found(struct crashtest_ledger *ledger, int32_t log,
                            const struct crashtest_found *found);
void crashtest_ledger_recovered(struct crashtest_ledger *ledger);

/* Step PLACE of SCRIPT.  Behind the last one stands what each log is asked when a step has failed:
 * to take one durable record. */
const struct crashtest_step *crashtest_ledger_step(const struct crashtest_script *script,
                                                   size_t place);

/* ---- The same as notes ---- */

enum crashtest_note_kind {
    CRASHTEST_NOTE_BEGIN = 1, /* step */
    CRASHTEST_NOTE_DONE,      /* step, outcome */
    CRASHTEST_NOTE_FAILED,    /* step */
    CRASHTEST_NOTE_RECOVERING,
    CRASHTEST_NOTE_FOUND_START, /* in place of the step: the log; offset -1: it is not there */
    CRASHTEST_NOTE_FOUND_END,   /* offset and epoch */
    CRASHTEST_NOTE_RECOVERED,
};

/* KIND in 4 bits, NUMBER (of a step, or a log) in 12, EPOCH + 1 in 16, OFFSET + 1 in 32. */
uint64_t crashtest_note(enum crashtest_note_kind kind, int32_t number, int64_t offset,
                        int32_t epoch);

/* Tell LEDGER what the notes of STATE say, whose steps are RUN's and GO_ON's, and the crashes. */
struct strand_crash_state;
void crashtest_ledger_read(struct crashtest_ledger *ledger, const struct crashtest_script *run,
                           const struct crashtest_script *go_on,
                           const struct strand_crash_state *state);

#endif
