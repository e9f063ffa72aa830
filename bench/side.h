/* bench/side.h -- A side: who keeps the records.  A small table of operations, so that everything
 * that can keep records is measured by the same code, on the same bytes and the same disk.
 *
 * A store is opened in an empty directory, appended to by several threads, perhaps synced, and
 * closed; its directory is removed afterwards.  The operations return statuses, with a sentence.
 */
#ifndef STRAND_BENCH_SIDE_H
#define STRAND_BENCH_SIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "strandline/status.h"

struct bench_batch;
struct bench_options;
struct bench_payload;

struct bench_setup {
    const char *directory; /* empty, or what the same side has left there */
    bool is_kept;          /* the files are going to be used again */
    int64_t kept_bytes;    /* at most so many are there already */
    uint32_t log_count;
    int64_t bytes; /* about what is going to be appended to all logs, as stored */
    int64_t segment_bytes;
    const struct bench_payload *payload;
    const struct bench_options *options; /* durability, preparation and so on */
};

/* VALUE of a record; it is gone when the call returns. */
typedef void bench_visit_fn(void *context, const void *value, size_t size);

struct bench_side {
    const char *name;
    const char *about; /* for help: a line */
    int (*open)(const struct bench_setup *setup, void **out_store);

    bool can_append_again; /* also where the last store in the same directory ended */
    bool is_peer;          /* keeps records its own way: in twice as many bytes, perhaps */

    /* Append BATCH to LOG (below log_count).  Returns when it is durable, if the options ask for
     * that.  From any thread. */
    int (*append)(void *store, uint32_t log, const struct bench_batch *batch);

    /* Return when everything is durable; NULL: it has no such call. */
    int (*sync)(void *store);

    /* Visit all records of log 0 in order, or the one with NUMBER (STRAND_ERR_NOT_FOUND), of what
     * was there when the store was opened.  NULL: records cannot be found again.  By one thread at
     * a time. */
    int (*scan)(void *store, bench_visit_fn *visit, void *context);
    int (*find)(void *store, uint64_t number, bench_visit_fn *visit, void *context);

    /* The store is gone in any case. */
    int (*close)(void *store);
};

extern const struct bench_side bench_side_strandline;

/* pwrite() of the bytes that Strandline would write, in calls of the same size, fdatasync() after
 * each where appends are durable. */
extern const struct bench_side bench_side_raw;

/* The same, and a thread that syncs as often as the engine does what nobody waits for. */
extern const struct bench_side bench_side_raw_synced;

/* Compression of the same records, and nothing else. */
extern const struct bench_side bench_side_codec;

/* Strandline with other work going on in the same engine while log 0 is appended to. */
extern const struct bench_side bench_side_beside_bulk;
extern const struct bench_side bench_side_beside_dirty;

/* For what needs more of Strandline than a side: the same engine and log options. */
struct strand_engine_options;
struct strand_log_options;
void bench_strandline_options(const struct bench_options *options,
                              struct strand_engine_options *out_options);
void bench_strandline_log_options(const struct bench_options *options,
                                  const struct bench_payload *payload, int64_t segment_bytes,
                                  struct strand_log_options *out_options);

/* The log with NUMBER of a store that bench_side_strandline has opened. */
struct strand_log *bench_strandline_log(void *store, uint32_t number);

/* Let this process open as many files as it may. */
void bench_raise_descriptor_limit(void);

#endif
