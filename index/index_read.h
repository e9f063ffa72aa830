/* index/index_read.h -- All that an index holds, entry by entry, for who looks at it from outside.
 *
 * Nothing is changed, and an entry that is malformed is shown as one: this is for statistics and
 * for the question whether the index tells the truth.
 */
#ifndef STRAND_INDEX_INDEX_READ_H
#define STRAND_INDEX_INDEX_READ_H

#include "index/index.h"

enum strand_index_entry_kind { /* as they are stored */
                               STRAND_INDEX_ENTRY_LOG = 1,
                               STRAND_INDEX_ENTRY_SEGMENT = 2,
                               STRAND_INDEX_ENTRY_CHUNK = 3,
                               STRAND_INDEX_ENTRY_TIME = 4,
};

struct strand_index_entry {
    int kind; /* enum strand_index_entry_kind; anything else in an entry that is not whole */
    uint8_t id[STRAND_INDEX_ID_SIZE];
    int64_t offset; /* in the key: of the segment's base, or a chunk's first pair */
    bool is_whole;  /* else its CRC or its numbers are wrong, and what follows is not set */
    union {
        struct strand_index_log log;
        struct strand_index_segment segment;
        struct {
            int64_t segment_base;
            size_t count;
            struct strand_sparse_entry pairs[STRAND_INDEX_CHUNK_MAX];
        } chunk;
        struct { /* in front of END_OFFSET nothing in the segment is later */
            int64_t timestamp_ms;
            int64_t end_offset;
        } time;
    } of;
};

/* ENTRY is valid during the call.  Not STRAND_OK ends the visit and is its result. */
typedef int strand_index_visit_fn(void *argument, const struct strand_index_entry *entry);

/* Visit the entries of KIND of the log ID from OFFSET on, ascending; the version record is none. */
STRAND_MUST_USE int strand_index_visit(struct strand_index *index, const uint8_t *id,
                                       enum strand_index_entry_kind kind, int64_t offset,
                                       strand_index_visit_fn *visit, void *argument);

struct strand_index_examined {
    uint64_t file_bytes;
    uint64_t used_bytes; /* in pages that are not free */
    uint64_t entry_count;
    uint64_t malformed_count;
    uint64_t commit_number;
    struct strand_index_counts counts; /* of the entries that are whole */
};

/* Check the structure of the file of a closed index with pread alone, and visit each entry, of all
 * logs, as far as that is whole.  Malformed entries are visited and counted, and are no failure:
 * LMDB may open what this returns STRAND_OK for.  VISIT, which cannot end it, and PROGRESS may be
 * NULL.  Statuses as for opening, and STRAND_ERR_NOT_FOUND: there is no file, or nothing in it. */
STRAND_MUST_USE int strand_index_examine(const struct strand_index_options *options,
                                         strand_index_visit_fn *visit,
                                         strand_index_progress_fn *progress, void *argument,
                                         struct strand_index_examined *out_examined);

#endif
