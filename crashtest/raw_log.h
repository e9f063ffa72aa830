/* crashtest/raw_log.h -- A log as its files say, read from the page cache past the engine.
 *
 * What it points to lies in the simulated disk: valid until the next change.
 */
#ifndef STRAND_CRASHTEST_RAW_LOG_H
#define STRAND_CRASHTEST_RAW_LOG_H

#include "crashtest/driver.h"
#include "crashtest/formats.h"

enum {
    CRASHTEST_RAW_BATCHES = CRASHTEST_OFFSETS,
    CRASHTEST_RAW_SEGMENTS = CRASHTEST_OFFSETS + 2, /* each but two holds a batch */
    CRASHTEST_RAW_NAME_SIZE = 96,
};

struct crashtest_raw_batch {
    int64_t base_offset;
    int64_t end_offset;
    int64_t max_timestamp_ms;
    int32_t epoch;
    int32_t record_count;
    int64_t position;
    int64_t size;
    const uint8_t *data;
};

struct crashtest_raw_segment {
    int64_t base_offset;
    int64_t end_offset; /* of the last whole batch; the base without any */
    const uint8_t *data;
    int64_t size;
    int64_t whole_size; /* position behind the last whole batch */
    size_t first_batch; /* in the log's list */
    size_t batch_count; /* whole ones, ascending */
};

struct crashtest_raw_log {
    char directory[CRASHTEST_RAW_NAME_SIZE]; /* "/data/orders-0" */
    bool exists;
    bool is_too_large;                      /* it does not fit in here */
    char leftover[CRASHTEST_RAW_NAME_SIZE]; /* a file that an interrupted change left; "": none */
    int64_t tail_bytes;                     /* in the files of interrupted rewrites */
    const char *identity_fault;             /* what is wrong with strandline.id; NULL: nothing */
    struct strand_log_identity identity;
    const char *epochs_fault; /* with leader-epoch-checkpoint */
    size_t epoch_count;
    size_t segment_count;
    size_t batch_count;
    struct strand_leader_epoch epochs[CRASHTEST_EPOCHS_MAX];
    struct crashtest_raw_segment segments[CRASHTEST_RAW_SEGMENTS]; /* by base offset */
    struct crashtest_raw_batch batches[CRASHTEST_RAW_BATCHES];     /* by segment */
};

/* Where there is no such directory EXISTS alone is set, and false. */
void crashtest_raw_log_read(const struct crashtest_driver *driver, int32_t log,
                            struct crashtest_raw_log *out_raw);

/* The epoch of OFFSET by the history; -1: none. */
int32_t crashtest_raw_log_epoch(const struct crashtest_raw_log *raw, int64_t offset);

/* The one with that base; NULL: there is none. */
const struct crashtest_raw_segment *crashtest_raw_log_find(const struct crashtest_raw_log *raw,
                                                           int64_t base_offset);

/* The first batch that ends above OFFSET; NULL: there is none. */
const struct crashtest_raw_batch *crashtest_raw_log_batch(const struct crashtest_raw_log *raw,
                                                          int64_t offset);

#endif
