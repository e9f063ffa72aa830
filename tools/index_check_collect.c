/* tools/index_check_collect.c -- All that the index says of one segment, into memory.
 *
 * A segment of 1 GiB has 262,144 pairs: 4 MiB.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "engine/log_internal.h"
#include "tools/index_check_internal.h"

/* Room for one more in ITEMS, of SIZE bytes each; NULL: there is no memory. */
static void *
reserve(void *items, size_t count, size_t *capacity, size_t size)
{
    size_t grown = *capacity > 0 ? *capacity * 2 : 64;

    if (count < *capacity)
        return items;
    void *moved = grown > SIZE_MAX / size ? NULL : realloc(items, grown * size);
    if (moved == NULL) {
        (void)strand_fail(STRAND_ERR_NO_MEMORY, "verify an index: no memory for %zu entries",
                          grown);
        return NULL;
    }
    *capacity = grown;
    return moved;
}

static int
take_facts(void *argument, const struct strand_index_entry *entry)
{
    struct cli_index_checking *checking = argument;

    if (entry->offset >= checking->next_base)
        return STRAND_END;
    if (!entry->is_whole || entry->of.segment.end_offset > checking->limit)
        return STRAND_OK;
    if (entry->offset != checking->base) {
        cli_index_problem(checking, "segment",
                          "facts about a segment %" PRId64 ", which is not there", entry->offset);
        return STRAND_OK;
    }
    checking->facts = entry->of.segment;
    checking->has_facts = true;
    checking->check->segment_count++;
    return STRAND_OK;
}

static int
take_pair(struct cli_index_checking *checking, const struct strand_sparse_entry *pair)
{
    int64_t offset = checking->base + (int64_t)pair->relative_offset;

    if (offset >= checking->limit)
        return STRAND_OK;
    struct cli_index_pair *pairs = reserve(checking->pairs, checking->pair_count,
                                           &checking->pair_capacity, sizeof *checking->pairs);
    if (pairs == NULL)
        return STRAND_ERR_NO_MEMORY;
    checking->pairs = pairs;
    checking->pairs[checking->pair_count++] = (struct cli_index_pair){offset, pair->position};
    checking->check->pair_count++;
    return STRAND_OK;
}

static int
take_chunk(void *argument, const struct strand_index_entry *entry)
{
    struct cli_index_checking *checking = argument;
    int status = STRAND_OK;

    if (entry->offset >= checking->next_base)
        return STRAND_END;
    if (!entry->is_whole || entry->offset >= checking->limit)
        return STRAND_OK;
    if (entry->of.chunk.segment_base != checking->base) {
        cli_index_problem(checking, "pair",
                          "the chunk of offset %" PRId64 " says that it is of segment %" PRId64,
                          entry->offset, entry->of.chunk.segment_base);
        return STRAND_OK;
    }
    for (size_t i = 0; i < entry->of.chunk.count && status == STRAND_OK; i++)
        status = take_pair(checking, &entry->of.chunk.pairs[i]);
    return status;
}

static int
take_time(void *argument, const struct strand_index_entry *entry)
{
    struct cli_index_checking *checking = argument;

    if (entry->offset >= checking->next_base)
        return STRAND_END;
    if (!entry->is_whole || entry->of.time.end_offset >= checking->limit)
        return STRAND_OK;
    if (entry->offset != checking->base) {
        cli_index_problem(checking, "time", "a time of a segment %" PRId64 ", which is not there",
                          entry->offset);
        return STRAND_OK;
    }
    struct cli_index_time *times = reserve(checking->times, checking->time_count,
                                           &checking->time_capacity, sizeof *checking->times);
    if (times == NULL)
        return STRAND_ERR_NO_MEMORY;
    checking->times = times;
    checking->times[checking->time_count++] =
        (struct cli_index_time){entry->of.time.end_offset, entry->of.time.timestamp_ms};
    checking->check->time_count++;
    return STRAND_OK;
}

int
cli_index_checking_visit(struct cli_index_checking *checking, enum strand_index_entry_kind kind,
                         int64_t from, strand_index_visit_fn *take)
{
    int status =
        strand_index_visit(checking->index, checking->log->identity.id, kind, from, take, checking);

    return status == STRAND_END ? STRAND_OK : status;
}

static int
compare_pairs(const void *left, const void *right)
{
    const struct cli_index_pair *a = left;
    const struct cli_index_pair *b = right;

    return (a->position > b->position) - (a->position < b->position);
}

static int
compare_times(const void *left, const void *right)
{
    const struct cli_index_time *a = left;
    const struct cli_index_time *b = right;

    return (a->end_offset > b->end_offset) - (a->end_offset < b->end_offset);
}

int
cli_index_checking_collect(struct cli_index_checking *checking)
{
    checking->has_facts = false;
    checking->pair_count = 0;
    checking->time_count = 0;
    int status =
        cli_index_checking_visit(checking, STRAND_INDEX_ENTRY_SEGMENT, checking->base, take_facts);
    if (status == STRAND_OK)
        status = cli_index_checking_visit(checking, STRAND_INDEX_ENTRY_CHUNK, checking->base,
                                          take_chunk);
    if (status == STRAND_OK)
        status =
            cli_index_checking_visit(checking, STRAND_INDEX_ENTRY_TIME, checking->base, take_time);
    if (checking->pair_count > 0)
        qsort(checking->pairs, checking->pair_count, sizeof *checking->pairs, compare_pairs);
    if (checking->time_count > 0)
        qsort(checking->times, checking->time_count, sizeof *checking->times, compare_times);
    return status;
}
