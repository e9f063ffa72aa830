/* tools/index_check_walk.c -- One walk over the headers of a segment, beside what the index says of
 * it.
 *
 * From the start, and not a look where a pair leads: bytes inside a record can look like a header,
 * and what is said of times needs all that is in front.
 */
#include <inttypes.h>

#include "base/file.h"
#include "engine/log_internal.h"
#include "storage/batch.h"
#include "storage/segment_scan.h"
#include "storage/topic_name.h"
#include "tools/index_check_internal.h"

static void
compare_fact(struct cli_index_checking *checking, const char *name, int64_t said, int64_t found)
{
    if (said != found)
        cli_index_problem(checking, "segment", "the index says %s %" PRId64 ", but it is %" PRId64,
                          name, said, found);
}

/* Facts may be older than the segment's last batches: of its first bytes they must be true. */
static void
compare_facts(struct cli_index_checking *checking)
{
    const struct strand_index_segment *facts = &checking->facts;
    const struct strand_index_segment *found = &checking->found;

    checking->has_facts = false;
    compare_fact(checking, "end", facts->end_offset, found->end_offset);
    compare_fact(checking, "record count", facts->record_count, found->record_count);
    compare_fact(checking, "largest timestamp", facts->largest_timestamp_ms,
                 found->largest_timestamp_ms);
    compare_fact(checking, "first timestamp", facts->first_timestamp_ms, found->first_timestamp_ms);
    compare_fact(checking, "epoch", facts->newest_epoch, found->newest_epoch);
}

/* Each batch up to the size in FOUND has been walked over. */
static void
check_facts(struct cli_index_checking *checking)
{
    if (!checking->has_facts || checking->facts.size > checking->found.size)
        return;
    if (checking->facts.size == checking->found.size) {
        compare_facts(checking);
        return;
    }
    checking->has_facts = false;
    cli_index_problem(checking, "segment", "the index says size %" PRId64 ", where no batch ends",
                      checking->facts.size);
}

static void
note_astray(struct cli_index_checking *checking, const struct cli_index_pair *pair)
{
    cli_index_problem(checking, "pair", "offset %" PRId64 ": no batch begins at position %" PRId64,
                      pair->offset, pair->position);
}

static void
check_pairs(struct cli_index_checking *checking, int64_t offset, int64_t position)
{
    for (; checking->next_pair < checking->pair_count; checking->next_pair++) {
        const struct cli_index_pair *pair = &checking->pairs[checking->next_pair];

        if (pair->position > position)
            return;
        if (pair->position < position)
            note_astray(checking, pair);
        else if (pair->offset != offset)
            cli_index_problem(checking, "pair",
                              "offset %" PRId64 ": the batch at position %" PRId64
                              " begins at %" PRId64,
                              pair->offset, pair->position, offset);
    }
}

/* Times up to END_OFFSET, which speak of what has been walked over. */
static void
check_times(struct cli_index_checking *checking, int64_t end_offset)
{
    for (; checking->next_time < checking->time_count; checking->next_time++) {
        const struct cli_index_time *time = &checking->times[checking->next_time];

        if (time->end_offset > end_offset)
            return;
        if (checking->found.largest_timestamp_ms > time->timestamp_ms)
            cli_index_problem(
                checking, "time",
                "offset %" PRId64 ": nothing in front is said to be later than %" PRId64
                ", but a record is of %" PRId64,
                time->end_offset, time->timestamp_ms, checking->found.largest_timestamp_ms);
    }
}

static int
visit_batch(void *argument, const uint8_t *batch, int64_t position)
{
    struct cli_index_checking *checking = argument;
    struct strand_index_segment *found = &checking->found;
    int64_t timestamp_ms = strand_batch_max_timestamp(batch);

    check_facts(checking);
    check_pairs(checking, strand_batch_base_offset(batch), position);
    /* An offset inside the batch says nothing of what is in front of that: it does not count. */
    check_times(checking, strand_batch_end_offset(batch) - 1);
    if (position == 0)
        found->first_timestamp_ms = timestamp_ms;
    if (timestamp_ms > found->largest_timestamp_ms)
        found->largest_timestamp_ms = timestamp_ms;
    found->record_count += strand_batch_record_count(batch);
    found->newest_epoch = strand_batch_leader_epoch(batch);
    found->end_offset = strand_batch_end_offset(batch);
    found->size = position + strand_batch_size(batch);
    if (checking->progress != NULL)
        checking->progress(checking->context, strand_batch_size(batch));
    return STRAND_OK;
}

/* What the walk did not come to.  Where it ended at damage that is the log's fault. */
static void
check_rest(struct cli_index_checking *checking, const struct strand_scan_result *result)
{
    bool is_whole = result->stop == STRAND_SCAN_END || result->stop == STRAND_SCAN_ZEROS;

    check_facts(checking);
    check_times(checking, is_whole ? INT64_MAX : checking->found.end_offset);
    if (is_whole) {
        if (checking->has_facts)
            compare_fact(checking, "size", checking->facts.size, checking->found.size);
        for (; checking->next_pair < checking->pair_count; checking->next_pair++)
            note_astray(checking, &checking->pairs[checking->next_pair]);
        return;
    }
    size_t left = checking->pair_count - checking->next_pair + checking->time_count -
                  checking->next_time + checking->has_facts;
    if (left == 0)
        return;
    checking->check->log_damage_count++;
    cli_index_problem(checking, "log", "%zu entries cannot be checked, the log is damaged: %s",
                      left, result->reason);
}

int
cli_index_checking_walk(struct cli_index_checking *checking, int64_t size)
{
    char name[STRAND_SEGMENT_NAME_SIZE];
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_file file = {0};
    struct strand_scan_result result;
    struct strand_scan_request request = {
        .file = &file,
        .base_offset = checking->base,
        .end_position = size,
        .expected_offset = checking->base,
        .gaps_allowed = true,
        .skip_crc = true,
        .visit = visit_batch,
        .argument = checking,
    };

    strand_segment_name_format(checking->base, name);
    int status = strand_path_join(path, checking->log->directory, name);
    if (status == STRAND_OK)
        status = strand_file_open(checking->log->engine->config.fs, path, 0, &file);
    if (status != STRAND_OK)
        return status;
    checking->found = (struct strand_index_segment){
        .base_offset = checking->base,
        .end_offset = checking->base,
        .largest_timestamp_ms = STRAND_NO_TIMESTAMP,
        .first_timestamp_ms = STRAND_NO_TIMESTAMP,
        .newest_epoch = -1,
    };
    checking->next_pair = 0;
    checking->next_time = 0;
    status = strand_segment_scan(&request, &result);
    strand_file_discard(&file); /* it was only read */
    if (status == STRAND_OK)
        check_rest(checking, &result);
    return status;
}
