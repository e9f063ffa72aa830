/* tests/support/index_fixture.h -- An index in a directory of the test's own, of either kind. */
#ifndef STRAND_TESTS_INDEX_FIXTURE_H
#define STRAND_TESTS_INDEX_FIXTURE_H

#include <stdint.h>

#include "index/index.h"

enum index_kind { INDEX_LMDB, INDEX_MEMORY };

/* Where the LMDB index is, in the scratch directory. */
const char *index_path(void);

/* The id of log NUMBER, from 1; valid until the next call but four. */
const uint8_t *index_id(uint32_t number);

/* Options for index_path() and a directory id. */
struct strand_index_options index_options(void);

/* Fail the test unless it opens. */
struct strand_index *index_open(enum index_kind kind);

/* Open and close; the status of opening. */
int index_try_open(const struct strand_index_options *options);

/* Open, give log LOG this coverage and 200 pairs, one an offset, and close. */
void index_put_one_log(uint32_t log, int64_t covered_offset);

/* Bytes of the file at index_path(); -1: it is not there. */
int64_t index_file_size(void);

/* A batch that begins, and one that is committed with the next number. */
struct strand_index_batch *index_begin(struct strand_index *index);
void index_commit(struct strand_index *index, struct strand_index_batch *batch);

/* Make the closed LMDB index at PATH one that a newer version wrote, all of it whole. */
void index_make_newer(const char *path);

/* Put COUNT pairs of segment BASE: offsets FIRST, FIRST + STEP...; positions 1000 times the pair's
 * number in the segment, (FIRST - BASE) / STEP being the first. */
void index_put_pairs(struct strand_index_batch *batch, const uint8_t *id, int64_t base,
                     int64_t first, uint32_t step, uint32_t count);

#endif
