/* tests/support/real_promises.h -- What a process that will be killed was promised, in memory that
 * outlives it.
 *
 * Each record has a number, drawn before it is appended, from which its bytes and timestamp follow;
 * so any record that is read can be told from any other, and from one that never was.  What a call
 * promised is noted after it has returned.  Truncations, trims and epochs are made by one thread
 * for each log, and noted before and after.
 */
#ifndef STRAND_TESTS_REAL_PROMISES_H
#define STRAND_TESTS_REAL_PROMISES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "strandline/log.h"

enum {
    REAL_LOGS = 3,
    REAL_NUMBERS_MAX = 1 << 15, /* of one log on one image */
    REAL_BATCH_MAX = 4,         /* records */
    REAL_VALUE_MAX = 3000,
    REAL_EVENTS_MAX = 512, /* between two openings, of one log */
    REAL_EPOCHS_MAX = 1024,
};

enum real_state {
    REAL_UNUSED = 0, /* never appended: may not be there */
    REAL_TRIED,      /* may be there */
    REAL_WRITTEN,    /* may be there, and only where the append said */
    REAL_DURABLE,    /* must be there */
    REAL_KEPT,       /* was found by an opening: must be there */
    REAL_GONE,       /* was not found by an opening: may not come back */
};

struct real_entry {
    _Atomic int state; /* enum real_state; written last */
    uint32_t batch_first;
    uint32_t batch_count;
    int32_t epoch;       /* -1: not known, as the next two */
    int64_t offset;      /* -1 */
    uint64_t generation; /* 0: before everything of this opening */
};

enum real_event_kind { REAL_CUT, REAL_TRIM, REAL_EPOCH, REAL_CHECKPOINT, REAL_EVENT_KINDS };

struct real_event {
    enum real_event_kind kind;
    int64_t asked;         /* offset; of an epoch, its number */
    int64_t result;        /* where the log ended, where the epoch began */
    uint64_t before;       /* generation */
    uint64_t after;        /* of a cut that has returned */
    _Atomic bool has_done; /* the call has returned; of the last event only it may not have */
};

struct real_log {
    bool is_created; /* strand_log_open() had returned */
    _Atomic uint32_t next_number;
    uint32_t first_number; /* all below are gone */
    int64_t log_start;     /* as the last opening found it, as the next three */
    int64_t log_end;
    struct strand_leader_epoch epochs[REAL_EPOCHS_MAX];
    size_t epoch_count;
    struct real_event events[REAL_EVENTS_MAX]; /* since then */
    _Atomic int event_count;
    struct real_entry entries[REAL_NUMBERS_MAX]; /* by number */
};

struct real_promises {
    struct real_log logs[REAL_LOGS];
};

/* Nothing is there, nothing was promised. */
void real_promises_reset(struct real_promises *promises);

/* The bytes of a record; returns their size.  Sizes repeat in runs, so that bytes of an earlier
 * life often stand where a record would. */
size_t real_value_make(int log, uint32_t number, uint8_t value[REAL_VALUE_MAX]);
int64_t real_timestamp(uint32_t number);

/* Whose bytes these are; false: nobody's. */
bool real_value_read(int log, const void *data, size_t size, uint32_t *out_number);

/* Draw COUNT numbers for a batch that is about to be appended; false: there are no more. */
bool real_promise_try(struct real_log *log, uint32_t count, uint32_t *out_first);

/* Whether numbers run short: the next cycle may need more. */
bool real_promises_are_used_up(const struct real_promises *promises);

/* Numbers from here on were never used. */
uint32_t real_numbers_drawn(const struct real_log *log);

/* The append has returned with success at this STATE, REAL_WRITTEN or _DURABLE. */
void real_promise_appended(struct real_log *log, uint32_t first,
                           const struct strand_appended *appended, enum real_state state);

/* Everything that was written is durable. */
void real_promise_all(struct real_log *log);

/* An event is about to happen; NULL: there is no room for more. */
struct real_event *real_promise_begin(struct real_log *log, enum real_event_kind kind,
                                      int64_t asked, uint64_t generation);
void real_promise_end(struct real_event *event, int64_t result, uint64_t generation);

#endif
