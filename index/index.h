/* index/index.h -- Where in the logs of a data directory what is: a cache that may be lost.
 *
 * For each log, named by 16 bytes, it keeps numbers that others learnt by reading:
 *
 *     log       generation and covered offset: below that offset the index is complete
 *     segment   facts about a whole segment, by its base offset
 *     chunk     up to 64 pairs (relative offset, position) of one segment, by their first offset
 *     time      (segment, timestamp) -> an offset below which nothing in the segment is later
 *
 * It knows neither segments nor batches.  What it says is a hint: the caller checks the header it
 * is led to, and walks when there is no hint.  Two implementations, one behaviour: LMDB (durable
 * after each commit) and memory (gone at close).
 *
 * Changes are made in batches: all of a batch becomes visible and durable at once, with the number
 * that its commit was given, or nothing of it.
 *
 * Statuses.  STRAND_END: a look-up has nothing to say; not a failure, no sentence.  _CORRUPT: an
 * entry is malformed, or LMDB found its file to be.  _NO_SPACE: the disk or the map is full;
 * nothing of the batch is kept, look-ups and later batches go on.  _FAILED: something worse
 * happened before, and the index is never used again: close it, remove its files, open a new one.
 * _NO_MEMORY.  A refusal to open is _VERSION (written by another version), _FOREIGN (of another
 * directory), _CORRUPT (not an index, or damaged), _PERMISSION, _NO_SPACE, _NO_MEMORY (also for the
 * map's addresses) or another of the file system: the caller replaces the files, or goes without.
 *
 * Threading: look-ups from any number of threads, also during a batch, whose changes they do not
 * see before strand_index_commit() is called; while that runs, a look-up may see all of them and
 * the next one none yet.  One batch at a time: strand_index_begin() waits for the one under way,
 * and begin, changes and commit or abort are called on one thread.  Open and close: nobody else is
 * there. In a forked child: nothing.  Neither a lock nor a read transaction outlives a look-up.
 */
#ifndef STRAND_INDEX_INDEX_H
#define STRAND_INDEX_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index/sparse_index.h"
#include "strandline/status.h"

struct strand_fs;

enum {
    STRAND_INDEX_ID_SIZE = 16, /* all zeros is no log's id */
    STRAND_INDEX_CHUNK_MAX = 64,
    STRAND_INDEX_VERSION = 1,
};

struct strand_index;
struct strand_index_batch;

struct strand_index_log {
    int64_t generation;     /* of the log's content, as the caller counts it */
    int64_t covered_offset; /* the index is complete below it */
};

struct strand_index_segment {
    int64_t base_offset;
    int64_t end_offset; /* one beyond the last record */
    int64_t size;       /* bytes */
    int64_t record_count;
    int64_t largest_timestamp_ms;
    int64_t first_timestamp_ms;
    int32_t newest_epoch;
};

/* A pair of a chunk, as look-ups return it. */
struct strand_index_place {
    int64_t segment_base;
    int64_t offset; /* at or below the one that was looked for */
    uint32_t position;
};

struct strand_index_stat {
    uint64_t commit_number;
    uint64_t entry_count; /* of all kinds, the version record included */
    uint64_t used_bytes;  /* in pages that hold entries; memory: of the entries */
    uint64_t file_bytes;  /* 0 in memory */
    uint64_t map_bytes;   /* that the file may grow to; 0 in memory */
};

/* Entries by kind. */
struct strand_index_counts {
    uint64_t logs;
    uint64_t segments;
    uint64_t chunks;
    uint64_t pairs; /* in chunks */
    uint64_t times;
};

/* DONE of the TOTAL pages in use have been checked; DONE ascends to TOTAL unless damage is found.
 */
typedef void strand_index_progress_fn(void *argument, uint64_t done, uint64_t total);

/* ---- Open and close ---- */

struct strand_index_options {
    const struct strand_fs *fs;  /* borrowed; for what is done to the files outside of LMDB */
    const char *path;            /* PATH is the data, PATH-lock the lock file; real files, always */
    const uint8_t *directory_id; /* STRAND_INDEX_ID_SIZE bytes; copied */
    size_t map_size;             /* address space; 0: STRAND_INDEX_MAP_SIZE */
    bool is_suspect;             /* check the whole structure before LMDB sees the file */
    bool is_read_only;           /* change and make nothing; STRAND_ERR_NOT_FOUND */
};

/* 64 GiB of addresses, no memory: at 13 bytes for each 4 KiB of log that is the index of 20 TB.  A
 * map cannot grow while readers use it, so it is as large as it will ever have to be. */
#define STRAND_INDEX_MAP_SIZE ((size_t)64 << 30)

/* Files that are not there are made.  The caller holds the lock of the data directory: nobody else,
 * in this process or another, has the index open.  The lock file is made afresh each time. */
STRAND_MUST_USE int strand_index_open_lmdb(const struct strand_index_options *options,
                                           struct strand_index **out_index);
STRAND_MUST_USE int strand_index_open_memory(struct strand_index **out_index);
/* From the next commit on it belongs to ID.  No batch is under way. */
void strand_index_set_directory(struct strand_index *index, const uint8_t id[STRAND_INDEX_ID_SIZE]);

void strand_index_close(struct strand_index *index); /* accepts NULL; no batch is under way */

/* Remove the files of a closed LMDB index; not there is STRAND_OK. */
STRAND_MUST_USE int strand_index_remove_files(const struct strand_fs *fs, const char *path);

/* ---- Change ---- */

STRAND_MUST_USE int strand_index_begin(struct strand_index *index,
                                       struct strand_index_batch **out_batch);

/* Each replaces what has the same key.  After a failure the batch can only be ended: commit fails
 * with the same status. */
STRAND_MUST_USE int strand_index_put_log(struct strand_index_batch *batch, const uint8_t *id,
                                         const struct strand_index_log *log);
STRAND_MUST_USE int strand_index_put_segment(struct strand_index_batch *batch, const uint8_t *id,
                                             const struct strand_index_segment *segment);

/* COUNT (1 to STRAND_INDEX_CHUNK_MAX) entries of the segment that begins at SEGMENT_BASE, both
 * numbers ascending strictly.  STRAND_ERR_INVALID when they are not. */
STRAND_MUST_USE int strand_index_put_chunk(struct strand_index_batch *batch, const uint8_t *id,
                                           int64_t segment_base,
                                           const struct strand_sparse_entry *entries, size_t count);

/* No record of the segment that lies below OFFSET is later than TIMESTAMP_MS.  For the running
 * maximum, with the offset where it was reached or any up to which it held, one a chunk. */
STRAND_MUST_USE int strand_index_put_time(struct strand_index_batch *batch, const uint8_t *id,
                                          int64_t segment_base, int64_t timestamp_ms,
                                          int64_t offset);

/* Forget what says anything of records at or above OFFSET: chunks are shortened, facts and times of
 * the segment that is cut are dropped as far as they are concerned, coverage is lowered. */
STRAND_MUST_USE int strand_index_remove_from(struct strand_index_batch *batch, const uint8_t *id,
                                             int64_t offset);

/* Forget what begins below OFFSET, best the base of the first segment that stays: then exactly the
 * segments before it. */
STRAND_MUST_USE int strand_index_remove_below(struct strand_index_batch *batch, const uint8_t *id,
                                              int64_t offset);
STRAND_MUST_USE int strand_index_remove_log(struct strand_index_batch *batch, const uint8_t *id);

/* Either ends the batch, whatever is returned.  NUMBER is larger than that of the last commit, else
 * STRAND_ERR_INVALID. */
STRAND_MUST_USE int strand_index_commit(struct strand_index_batch *batch, uint64_t number);
void strand_index_abort(struct strand_index_batch *batch); /* accepts NULL */

/* ---- Look up ---- */

/* Of the last commit that succeeded; 0 before any. */
uint64_t strand_index_commit_number(const struct strand_index *index);

STRAND_MUST_USE int strand_index_find_log(struct strand_index *index, const uint8_t *id,
                                          struct strand_index_log *out_log);

/* The last pair at or below OFFSET. */
STRAND_MUST_USE int strand_index_find_offset(struct strand_index *index, const uint8_t *id,
                                             int64_t offset, struct strand_index_place *out_place);

/* Where in the segment to begin looking for the first record that is at TIMESTAMP_MS or later. */
STRAND_MUST_USE int strand_index_find_time(struct strand_index *index, const uint8_t *id,
                                           int64_t segment_base, int64_t timestamp_ms,
                                           int64_t *out_offset);

/* Facts of up to CAPACITY segments with base offsets from FROM on, ascending, of one commit. */
STRAND_MUST_USE int strand_index_read_segments(struct strand_index *index, const uint8_t *id,
                                               int64_t from, struct strand_index_segment *segments,
                                               size_t capacity, size_t *out_count);

/* The first log with an id above ID (all zeros: the first), whatever is known of it. */
STRAND_MUST_USE int strand_index_next_log(struct strand_index *index, const uint8_t *id,
                                          uint8_t *out_id);

STRAND_MUST_USE int strand_index_stat(struct strand_index *index,
                                      struct strand_index_stat *out_stat);

#endif
