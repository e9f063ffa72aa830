/* crashtest/step.h -- What a workload does, one operation at a time, and as text.
 *
 * A workload is a text, so that one that was made by chance and shrunk can be printed, kept and
 * given back:
 *
 *     segment 512; open; create 0; 12*append 0 1 durable; truncate 0 end-3; 2*(append 0 2 written;
 *     run 250); close
 *
 *     segment BYTES               settings: they stand before the first step; segment.bytes
 *     codec none | lz4
 *     prepare auto | none | reserve | zero
 *     pin                         a reader holds what each truncation cuts
 *     copy                        reads copy, and never map
 *
 *     open, close                 the engine; what is open is closed with it
 *     create L, replicate L       open log L (0 or 1), which is created if need be; without
 *                                 replicas, with
 *     append L COUNT LEVEL        one batch; LEVEL is durable or written
 *     follow L GAP COUNT EPOCH LEVEL   one batch from a leader, GAP offsets above the log end
 *     sync                        all logs
 *     checkpoint
 *     run MS                      MS later: what is due is done
 *     truncate L AT, trim L AT, reset L AT     AT: an offset, "end", "end-N" or "end+N"
 *     epoch L N                   a leader epoch begins
 *     delete L
 *     broker L                    (closed) a Kafka broker has the directory: see broker.h
 *     N*STEP, N*( STEPS )         N times
 */
#ifndef STRAND_CRASHTEST_STEP_H
#define STRAND_CRASHTEST_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "strandline/status.h"

enum {
    CRASHTEST_LOGS = 2,
    CRASHTEST_STEPS_MAX = 512,  /* of one script, unrolled, and one for each log behind it */
    CRASHTEST_BATCH_MAX = 16,   /* records of one step */
    CRASHTEST_OFFSETS = 1024,   /* no log gets further */
    CRASHTEST_TEXT_SIZE = 8192, /* of a script; printed, terminator included */
};

enum crashtest_step_kind {
    CRASHTEST_OPEN,
    CRASHTEST_CLOSE,
    CRASHTEST_CREATE,
    CRASHTEST_REPLICATE,
    CRASHTEST_APPEND,
    CRASHTEST_FOLLOW,
    CRASHTEST_SYNC,
    CRASHTEST_CHECKPOINT,
    CRASHTEST_RUN,
    CRASHTEST_TRUNCATE,
    CRASHTEST_TRIM,
    CRASHTEST_RESET,
    CRASHTEST_EPOCH,
    CRASHTEST_DELETE,
    CRASHTEST_BROKER,
    CRASHTEST_STEP_KINDS
};

struct crashtest_step {
    enum crashtest_step_kind kind;
    int32_t log;
    int32_t count;      /* records, 1..CRASHTEST_BATCH_MAX; RUN: milliseconds, 0..100000 */
    int32_t gap;        /* FOLLOW: 0..16 */
    int32_t epoch;      /* FOLLOW, EPOCH: 0..4095 */
    int32_t durability; /* enum strand_durability */
    int32_t at;         /* TRUNCATE, TRIM, RESET: an offset below CRASHTEST_OFFSETS, or ... */
    bool is_from_end;   /* ... AT, which may be negative, is added to the log end */
};

struct crashtest_script {
    int32_t segment_bytes; /* 512 */
    int32_t codec;         /* enum strand_codec */
    int32_t preparation;   /* enum strand_preparation */
    bool pins_cuts;
    bool copies_reads;
    struct crashtest_step steps[CRASHTEST_STEPS_MAX];
    size_t count;
};

/* No steps; settings as they are when nothing is said. */
void crashtest_script_init(struct crashtest_script *out_script);

/* Read TEXT.  STRAND_ERR_INVALID, with a sentence that names word and place ("step 4, \"apend\":
 * ..."): unknown words, numbers out of range, too many steps, a setting behind a step. */
STRAND_MUST_USE int crashtest_script_read(const char *text, struct crashtest_script *out_script);

/* Write SCRIPT as text that reads back equal: equal neighbours as N*STEP, settings that are not the
 * default first.  Cut at SIZE with "..." in the end, which does not read back. */
void crashtest_script_write(const struct crashtest_script *script, char *out_text, size_t size);

/* Whether the two do the same; what a step of this kind does not have does not count. */
bool crashtest_step_is_equal(const struct crashtest_step *one, const struct crashtest_step *other);

/* One step, for messages. */
void crashtest_step_write(const struct crashtest_step *step, char *out_text, size_t size);

#endif
