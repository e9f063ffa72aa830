/* tests/support/log_model.h -- What a log must answer: a plain list of what was appended to it.
 *
 * It appends to fixture.log as a follower does, so that offsets, gaps, holes within batches and
 * timestamps are the test's to choose, and keeps each batch and record in a list.  Answers come
 * from the list alone.  One for the process, as the fixture.
 */
#ifndef STRAND_TESTS_LOG_MODEL_H
#define STRAND_TESTS_LOG_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOG_MODEL_RECORDS_MAX = 16 };

/* A batch to be appended: COUNT records with these timestamps. */
struct log_model_batch {
    int64_t gap;          /* offsets that are left out in front of it, */
    int32_t holes;        /* behind each of its records, */
    int32_t head_holes;   /* in front of the first, within the batch, */
    int32_t tail_holes;   /* and behind the last */
    size_t value_size;    /* of each record */
    bool is_append_time;  /* every record has the last timestamp */
    int32_t leader_epoch; /* at least the newest */
    size_t count;
    int64_t timestamps[LOG_MODEL_RECORDS_MAX];
};

/* Forget everything; the log is empty and begins at 0. */
void log_model_reset(void);
void log_model_free(void);

/* Append to fixture.log, at DURABILITY, with success. */
void log_model_append(const struct log_model_batch *batch, int durability);

/* The log was cut to LOG_END, as strand_log_truncate() said, or loses what was not durable. */
void log_model_cut(int64_t log_end);

size_t log_model_batches(void);
void log_model_batch_offsets(size_t i, int64_t *out_base, int64_t *out_end);
int64_t log_model_batch_time(size_t i); /* its largest */

/* The first batch that ends above OFFSET; the count when there is none. */
size_t log_model_find(int64_t offset);

/* The first record at TIMESTAMP_MS or later, of a log that was never trimmed; -1: none. */
int64_t log_model_first_at(int64_t timestamp_ms);

/* Where in the segment that begins at SEGMENT_BASE it stands. */
void log_model_batch_place(size_t i, int64_t segment_base, int64_t *out_position);

struct log_model_facts {
    int64_t end_offset;
    int64_t record_count;
    int64_t largest_ms;
    int64_t first_ms;
    int32_t newest_epoch;
};

/* Of the batches from BASE_OFFSET on that end at or below END_OFFSET. */
void log_model_facts(int64_t base_offset, int64_t end_offset, struct log_model_facts *out_facts);

/* Ask fixture.log, and end the test (with NAME in the message) where it answers otherwise than the
 * list: for all offsets and times around the boundaries of every STRIDE-th batch, for what lies
 * outside of the log, and at each isolation. */
void log_model_check(const char *name, size_t stride);

/* The same for single questions. */
void log_model_check_offset(const char *name, int64_t offset, int isolation);
void log_model_check_time(const char *name, int64_t timestamp_ms, int isolation);

/* Read all records through a cursor, from the log start to the log end. */
void log_model_check_scan(const char *name);

#endif
