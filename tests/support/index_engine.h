/* tests/support/index_engine.h -- The engine fixture with an index: logs on the simulated disk,
 * LMDB's files in a scratch directory, nothing indexed but when a test says so.
 *
 * Reads go through the seam and not through maps, so that the disk counts them.
 */
#ifndef STRAND_TESTS_INDEX_ENGINE_H
#define STRAND_TESTS_INDEX_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/engine_fixture.h"

/* From a pair to what it leads to: the distance of pairs, and a batch. */
enum { INDEX_ENGINE_NEAR = 4096 + 8192 };

/* As fixture_create() with indexes of KIND (enum strand_index_kind); a replicated log. */
void index_engine_create(int32_t kind);
void index_engine_destroy(void);

/* Where LMDB's data file is. */
const char *index_engine_path(void);

/* Runs of the indexer until everything that can be is in the index; nothing without an index. */
void index_engine_complete(void);

/* One run; bytes of full segments that are not covered, -1: there is no index. */
int64_t index_engine_step(void);

/* What the index says is true of the log as the model knows it, and nothing is missing of full
 * segments below what it covers, which is returned; -1: there is no index. */
int64_t index_engine_check(const char *name);

/* Everything dies, and the index is as its last commit left it. */
void index_engine_kill(void);
void index_engine_cut(enum strand_sim_loss loss);

/* Bytes of log files read since the last call. */
int64_t index_engine_bytes_read(void);

/* What the last opening said of the index; "" if nothing. */
const char *index_engine_notice(void);

/* The bytes of the data file: free() them.  NULL: there is none. */
uint8_t *index_engine_load(size_t *out_size);

/* Make it SIZE bytes of DATA; NULL: no file. */
void index_engine_store(const void *data, size_t size);

#endif
