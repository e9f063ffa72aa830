/* engine/engine_internal.h -- What the files of the engine share about the engine itself.
 *
 * Lock order (docs/THREADS.md): registry -> checkpoint -> commit (of a log) -> append (of a log) ->
 * segment cache -> state (of a log) -> committer, preparer or indexer.  No lock but the first three
 * is held during a sync, but for what the segment cache makes durable to close a file.
 */
#ifndef STRAND_ENGINE_ENGINE_INTERNAL_H
#define STRAND_ENGINE_ENGINE_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/thread.h"
#include "engine/checkpointer.h"
#include "engine/committer.h"
#include "engine/config.h"
#include "engine/data_directory.h"
#include "engine/indexer.h"
#include "engine/preparer.h"
#include "engine/segment_cache.h"
#include "strandline/engine.h"

struct strand_buffer_pool;
struct strand_codec_pool;
struct strand_fork_guard;
struct strand_frontier;
struct strand_log;

struct strand_engine {
    struct strand_engine_config config;
    struct strand_data_directory directory;
    struct strand_fork_guard *fork_guard; /* owned, as the next three */
    struct strand_frontier *frontier;     /* NULL: read-only without one */
    struct strand_buffer_pool *buffers;
    struct strand_codec_pool *codecs;
    struct strand_segment_cache cache;
    struct strand_committer committer;
    struct strand_preparer preparer;
    struct strand_checkpointer checkpointer;
    struct strand_indexer indexer;

    struct strand_mutex registry;
    struct strand_log **logs; /* owned; by name; guarded by registry */
    size_t log_count;         /* guarded by registry */
    size_t log_capacity;      /* guarded by registry */
};

/* STRAND_ERR_FORKED in a child of the process that opened ENGINE; _INVALID for NULL. */
STRAND_MUST_USE int strand_engine_check(const struct strand_engine *engine);

static inline bool
strand_engine_is_read_only(const struct strand_engine *engine)
{
    return (engine->config.flags & STRAND_ENGINE_READ_ONLY) != 0;
}

static inline bool
strand_engine_has_threads(const struct strand_engine *engine)
{
    return (engine->config.flags & (STRAND_ENGINE_NO_THREADS | STRAND_ENGINE_READ_ONLY)) == 0;
}

int64_t strand_engine_wall_clock_ms(const struct strand_engine *engine);

/* The earlier of two due times, of which -1 is none. */
static inline int64_t
strand_earlier_ns(int64_t a, int64_t b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

/* A generation above LAST and above every one that was drawn before: max(LAST + 1, wall clock in
 * ns).
 */
uint64_t strand_engine_draw_generation(const struct strand_engine *engine, uint64_t last);

void strand_engine_notice(const struct strand_engine *engine, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What Kafka's text files say about one log: the fallback where there is no frontier slot. */
struct strand_kafka_offsets {
    int64_t recovery_point; /* 0 = none, as in the next; */
    int64_t log_start;
    int64_t committed; /* -1 = none */
};

/* Recover every log of the directory into the registry (engine_load.c). */
STRAND_MUST_USE int strand_engine_load_logs(struct strand_engine *engine);

/* ---- The registry (registry.c); its lock is held, or nobody else has the engine yet ---- */

/* NULL: there is none. */
struct strand_log *strand_engine_find(const struct strand_engine *engine, const char *topic,
                                      int32_t partition);

/* Put LOG in, in order; takes it over on success.  STRAND_ERR_NO_MEMORY. */
STRAND_MUST_USE int strand_engine_register(struct strand_engine *engine, struct strand_log *log);

/* Take LOG, which is in it, out. */
void strand_engine_unregister(struct strand_engine *engine, const struct strand_log *log);

/* Kafka's rule for a new topic: '.' and '_' collide in names of metrics, so that it may not differ
 * from an existing one in them alone.  STRAND_ERR_INVALID. */
STRAND_MUST_USE int strand_engine_check_new_topic(const struct strand_engine *engine,
                                                  const char *topic);

#endif
