/* tests/support/index_log.h -- A log of full segments to be indexed, and short words for asking it:
 * for tests of what the engine does with its index.
 */
#ifndef STRAND_TESTS_INDEX_LOG_H
#define STRAND_TESTS_INDEX_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "engine/indexer.h"
#include "engine/log_internal.h"
#include "support/index_engine.h"
#include "support/log_model.h"

/* Batches of one record each; A_SEGMENT of them fill one. */
enum { VALUE_SIZE = 1000, BATCH_SIZE = 1070, SEGMENT_BYTES = 44000, SEGMENTS = 12, A_SEGMENT = 41 };

static int64_t now_ms; /* of the next record */

static inline void
index_log_create(void)
{
    index_engine_create(STRAND_INDEX_LMDB);
    fixture.log_options.segment_bytes = SEGMENT_BYTES;
    now_ms = 1000;
    log_model_reset();
}

static inline void
index_log_destroy(void)
{
    index_engine_destroy();
    log_model_free();
}

/* COUNT batches of one record of about VALUE_SIZE bytes, each a millisecond later. */
static inline void
grow_by(size_t count, size_t value_size)
{
    struct log_model_batch batch = {.count = 1, .value_size = value_size};

    for (size_t i = 0; i < count; i++) {
        batch.timestamps[0] = now_ms++;
        log_model_append(&batch, i + 1 == count ? STRAND_DURABLE : STRAND_WRITTEN);
    }
    require_ok(strand_log_set_high_watermark(fixture.log, fixture_positions().log_end));
}

static inline void
grow(size_t segments)
{
    grow_by(segments * A_SEGMENT, VALUE_SIZE);
}

static inline struct strand_index *
the_index(void)
{
    struct strand_index *index = strand_indexer_usable(&fixture.engine->indexer);

    cr_assert_not_null(index, "there is no index");
    return index;
}

static inline struct strand_index_stat
stat_index(void)
{
    struct strand_index_stat stat;

    require_ok(strand_index_stat(the_index(), &stat));
    return stat;
}

static inline void
check(const char *name)
{
    log_model_check(name, 3);
    log_model_check_scan(name);
    (void)index_engine_check(name);
}

/* Bytes of log files that CALL reads; whatever it finds. */
#define bytes_of(call) (index_engine_bytes_read(), (call), index_engine_bytes_read())

static inline void
look_up_time(int64_t timestamp_ms)
{
    int64_t offset;

    (void)strand_log_offset_for_timestamp(fixture.log, timestamp_ms, STRAND_READ_WRITTEN, &offset,
                                          NULL);
}

static inline void
look_up_offset(int64_t offset)
{
    struct strand_fetch_options options = {
        .struct_size = sizeof options, .isolation = STRAND_READ_WRITTEN, .max_bytes = 1};
    struct strand_fetch fetch = {0};

    require_ok(strand_log_fetch(fixture.log, offset, &options, &fetch));
    strand_fetch_release(&fetch);
}

#endif
