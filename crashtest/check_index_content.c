/* crashtest/check_index_content.c -- What an index says, entry by entry, against the batches.
 *
 * No look-up need meet an entry that is wrong, as the engine checks each hint: so all are visited.
 */
#include "crashtest/check_index_internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "engine/engine_internal.h"
#include "engine/log_internal.h"
#include "index/index_read.h"

struct content {
    struct crashtest_check *check;
    const struct crashtest_raw_log *raw;
    int64_t log_end;
    const char *when;
    bool is_right;
};

/* ---- Kinds of entries ---- */

static bool
check_log_entry(struct content *content, const struct strand_index_log *log)
{
    return crashtest_holds(
        content->check, CRASHTEST_INDEX_TRUE, log->covered_offset <= content->log_end,
        "%s, %s: the index covers up to %" PRId64 ", log end %" PRId64, content->raw->directory,
        content->when, log->covered_offset, content->log_end);
}

/* The batch of SEGMENT that stands at POSITION; NULL: none does. */
static const struct crashtest_raw_batch *
find_at(const struct content *content, const struct crashtest_raw_segment *segment,
        int64_t position)
{
    for (size_t i = 0; segment != NULL && i < segment->batch_count; i++)
        if (content->raw->batches[segment->first_batch + i].position == position)
            return &content->raw->batches[segment->first_batch + i];
    return NULL;
}

static bool
check_chunk(struct content *content, const struct strand_index_entry *entry)
{
    int64_t base = entry->of.chunk.segment_base;
    const struct crashtest_raw_segment *segment = crashtest_raw_log_find(content->raw, base);
    bool is_right = true;

    for (size_t i = 0; i < entry->of.chunk.count && is_right; i++) {
        const struct strand_sparse_entry *pair = &entry->of.chunk.pairs[i];
        int64_t offset = base + pair->relative_offset;
        const struct crashtest_raw_batch *batch = find_at(content, segment, pair->position);

        is_right = crashtest_holds(
            content->check, CRASHTEST_LOOKUPS_EXACT, batch != NULL && batch->base_offset == offset,
            "%s, %s: the index has offset %" PRId64 " at %" PRIu32 " of segment %" PRId64
            ", where %" PRId64 " is (log end %" PRId64 ")",
            content->raw->directory, content->when, offset, pair->position, base,
            batch != NULL ? batch->base_offset : -1, content->log_end);
    }
    return is_right;
}

static void
add_batch(struct strand_index_segment *facts, const struct crashtest_raw_batch *batch)
{
    if (facts->size == 0)
        facts->first_timestamp_ms = batch->max_timestamp_ms;
    if (batch->max_timestamp_ms > facts->largest_timestamp_ms)
        facts->largest_timestamp_ms = batch->max_timestamp_ms;
    facts->size += batch->size;
    facts->end_offset = batch->end_offset;
    facts->record_count += batch->record_count;
    facts->newest_epoch = batch->epoch;
}

/* The batches of SEGMENT up to SIZE bytes, which of a last one that has grown since are not all. */
static struct strand_index_segment
sum_up(const struct content *content, const struct crashtest_raw_segment *segment, int64_t size)
{
    struct strand_index_segment facts = {.base_offset = segment->base_offset,
                                         .end_offset = segment->base_offset,
                                         .largest_timestamp_ms = STRAND_NO_TIMESTAMP,
                                         .first_timestamp_ms = STRAND_NO_TIMESTAMP,
                                         .newest_epoch = -1};

    for (size_t i = 0; i < segment->batch_count && facts.size < size; i++)
        add_batch(&facts, &content->raw->batches[segment->first_batch + i]);
    return facts;
}

static bool
is_equal(const struct strand_index_segment *one, const struct strand_index_segment *other)
{
    return one->end_offset == other->end_offset && one->size == other->size &&
           one->record_count == other->record_count &&
           one->largest_timestamp_ms == other->largest_timestamp_ms &&
           one->first_timestamp_ms == other->first_timestamp_ms &&
           one->newest_epoch == other->newest_epoch;
}

static bool
check_facts(struct content *content, const struct strand_index_segment *facts)
{
    const struct crashtest_raw_segment *segment =
        crashtest_raw_log_find(content->raw, facts->base_offset);

    (void)crashtest_holds(content->check, CRASHTEST_INDEX_TRUE, segment != NULL,
                          "%s, %s: the index knows a segment %" PRId64 ", which is not there",
                          content->raw->directory, content->when, facts->base_offset);
    if (segment == NULL)
        return false;
    struct strand_index_segment found = sum_up(content, segment, facts->size);
    return crashtest_holds(content->check, CRASHTEST_INDEX_TRUE, is_equal(facts, &found),
                           "%s, %s: by the index segment %" PRId64 " of %" PRId64
                           " bytes has %" PRId64 " records up to %" PRId64 ", time %" PRId64
                           ", epoch %" PRId32 "; it has %" PRId64 " up to %" PRId64
                           ", time %" PRId64 ", epoch %" PRId32 ", in %" PRId64 " bytes",
                           content->raw->directory, content->when, facts->base_offset, facts->size,
                           facts->record_count, facts->end_offset, facts->largest_timestamp_ms,
                           facts->newest_epoch, found.record_count, found.end_offset,
                           found.largest_timestamp_ms, found.newest_epoch, found.size);
}

static bool
check_time(struct content *content, const struct strand_index_entry *entry)
{
    const struct crashtest_raw_segment *segment =
        crashtest_raw_log_find(content->raw, entry->offset);
    int64_t end = entry->of.time.end_offset;
    bool is_right = crashtest_holds(
        content->check, CRASHTEST_INDEX_TRUE, segment != NULL && end <= content->log_end,
        "%s, %s: the index knows times of segment %" PRId64 " up to %" PRId64
        ", which is not there (log end %" PRId64 ")",
        content->raw->directory, content->when, entry->offset, end, content->log_end);

    for (size_t i = 0; is_right && segment != NULL && i < segment->batch_count; i++) {
        const struct crashtest_raw_batch *batch = &content->raw->batches[segment->first_batch + i];

        if (batch->end_offset > end)
            break;
        is_right = crashtest_holds(content->check, CRASHTEST_LOOKUPS_EXACT,
                                   batch->max_timestamp_ms <= entry->of.time.timestamp_ms,
                                   "%s, %s: by the index nothing below %" PRId64
                                   " is later than %" PRId64 ", the batch of %" PRId64 " is",
                                   content->raw->directory, content->when, end,
                                   entry->of.time.timestamp_ms, batch->base_offset);
    }
    return is_right;
}

static int
check_entry(void *argument, const struct strand_index_entry *entry)
{
    struct content *content = argument;

    content->is_right =
        crashtest_holds(content->check, CRASHTEST_INDEX_TRUE, entry->is_whole,
                        "%s, %s: an entry of the index is malformed (kind %d, offset %" PRId64 ")",
                        content->raw->directory, content->when, entry->kind, entry->offset);
    if (!content->is_right)
        return 1;
    if (entry->kind == STRAND_INDEX_ENTRY_LOG)
        content->is_right = check_log_entry(content, &entry->of.log);
    else if (entry->kind == STRAND_INDEX_ENTRY_SEGMENT)
        content->is_right = check_facts(content, &entry->of.segment);
    else if (entry->kind == STRAND_INDEX_ENTRY_CHUNK)
        content->is_right = check_chunk(content, entry);
    else
        content->is_right = check_time(content, entry);
    return content->is_right ? 0 : 1;
}

/* ---- Logs ---- */

static bool
is_log_there(const struct strand_engine *engine, const uint8_t *id)
{
    for (size_t i = 0; i < engine->log_count; i++)
        if (memcmp(engine->logs[i]->identity.id, id, STRAND_LOG_ID_SIZE) == 0)
            return true;
    return false;
}

/* No log that is gone is known. */
static bool
check_strangers(struct content *content, struct strand_index *index)
{
    uint8_t id[STRAND_INDEX_ID_SIZE] = {0};
    bool is_right = true;

    while (is_right && strand_index_next_log(index, id, id) == STRAND_OK)
        is_right = crashtest_holds(content->check, CRASHTEST_INDEX_TRUE,
                                   is_log_there(content->check->driver.engine, id),
                                   "%s: the index knows a log that is gone", content->when);
    return is_right;
}

bool
crashtest_check_index_content(struct crashtest_check *check, struct strand_index *index,
                              const struct crashtest_raw_log *raw, int64_t log_end,
                              const char *when)
{
    static const enum strand_index_entry_kind KINDS[] = {
        STRAND_INDEX_ENTRY_LOG, STRAND_INDEX_ENTRY_SEGMENT, STRAND_INDEX_ENTRY_CHUNK,
        STRAND_INDEX_ENTRY_TIME};
    struct content content = {check, raw, log_end, when, true};

    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS && content.is_right; i++) {
        int status =
            strand_index_visit(index, raw->identity.id, KINDS[i], 0, check_entry, &content);

        if (content.is_right)
            content.is_right = crashtest_holds(check, CRASHTEST_INDEX_TRUE, status == STRAND_OK,
                                               "%s, %s: the index cannot be read: %s",
                                               raw->directory, when, strand_error_message());
    }
    return content.is_right && check_strangers(&content, index);
}
