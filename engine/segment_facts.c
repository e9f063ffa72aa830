/* engine/segment_facts.c -- What opening left unread of a segment is learnt when it is asked for.
 *
 * The index may know it.  Else a walk goes over the headers, without any lock, into facts of its
 * own; they become the segment's in one go, when it has come to where the segment ends at that
 * moment.
 */
#include "engine/log_segment.h"

#include "base/assert.h"
#include "base/error.h"
#include "engine/log_internal.h"
#include "storage/batch.h"
#include "storage/segment.h"
#include "storage/segment_scan.h"

/* A walk under way. */
struct walk {
    int64_t base_offset;
    struct strand_sparse_index index; /* owned */
    int64_t first_timestamp_ms;
    struct strand_scan_result at; /* of the last scan: how far it came */
    int64_t max_timestamp_ms;
    int64_t record_count;
    int32_t newest_epoch;
};

static int
note_header(void *argument, const uint8_t *batch, int64_t position)
{
    struct walk *walk = argument;

    strand_sparse_index_add(&walk->index,
                            (uint32_t)(strand_batch_base_offset(batch) - walk->base_offset),
                            (uint32_t)position, walk->max_timestamp_ms);
    if (walk->first_timestamp_ms < STRAND_NO_TIMESTAMP)
        walk->first_timestamp_ms = strand_batch_max_timestamp(batch);
    if (strand_batch_max_timestamp(batch) > walk->max_timestamp_ms)
        walk->max_timestamp_ms = strand_batch_max_timestamp(batch);
    walk->record_count += strand_batch_record_count(batch);
    walk->newest_epoch = strand_batch_leader_epoch(batch);
    return STRAND_OK;
}

/* One scan, to SIZE or the next damage. */
static int
scan(const struct strand_log_segment *segment, struct walk *walk, int64_t size)
{
    struct strand_scan_request request = {
        .file = &segment->file->file,
        .base_offset = segment->base_offset,
        .position = walk->at.position,
        .end_position = size,
        .expected_offset = walk->at.end_offset,
        .gaps_allowed = true,
        .skip_crc = true,
        .visit = note_header,
        .argument = walk,
    };

    return strand_segment_scan(&request, &walk->at);
}

/* Go on to SIZE, over damage to what is whole behind it.  What was damaged may have been as late as
 * can be: whoever looks for a time has to come across it. */
static int
walk_to(const struct strand_log_segment *segment, struct walk *walk, int64_t size)
{
    int64_t position = -1;
    int64_t offset = -1;

    int status = scan(segment, walk, size);
    while (status == STRAND_OK && walk->at.stop != STRAND_SCAN_END &&
           walk->at.stop != STRAND_SCAN_ZEROS) {
        status = strand_segment_find_whole(&segment->file->file, walk->at.position, size,
                                           walk->at.end_offset, true, &position, &offset, NULL);
        if (status != STRAND_OK || position < 0)
            break;
        walk->at.position = position;
        walk->at.end_offset = offset;
        walk->max_timestamp_ms = INT64_MAX;
        status = scan(segment, walk, size);
    }
    return status;
}

static bool is_last_locked(const struct strand_log *log, const struct strand_log_segment *segment)
    STRAND_REQUIRES(log->state);
static bool install_locked(const struct strand_log *log, struct strand_log_segment *segment,
                           struct walk *walk) STRAND_REQUIRES(log->state);

static bool
is_last_locked(const struct strand_log *log, const struct strand_log_segment *segment)
{
    return log->segment_count > 0 && log->segments[log->segment_count - 1] == segment;
}

/* The walk's facts become the segment's, unless that has grown meanwhile (false). */
static bool
install_locked(const struct strand_log *log, struct strand_log_segment *segment, struct walk *walk)
{
    bool is_damaged = walk->at.stop != STRAND_SCAN_END;

    if (is_damaged)
        walk->max_timestamp_ms = INT64_MAX;
    if (!is_damaged && walk->at.position < segment->size)
        return false;
    struct strand_sparse_index old = segment->index;
    segment->index = walk->index;
    walk->index = old;
    segment->first_timestamp_ms = walk->first_timestamp_ms < STRAND_NO_TIMESTAMP
                                      ? STRAND_NO_TIMESTAMP
                                      : walk->first_timestamp_ms;
    segment->max_timestamp_ms = walk->max_timestamp_ms;
    segment->record_count = walk->record_count;
    segment->newest_epoch = walk->newest_epoch;
    segment->is_learnt = true;
    segment->unread_size = 0;
    if (!is_damaged && !is_last_locked(log, segment))
        segment->end_offset = walk->at.end_offset;
    return true;
}

void
strand_log_segment_learn_head(struct strand_log_segment *segment,
                              const struct strand_index_segment *head)
{
    strand_assert(!segment->is_learnt && head->size == segment->unread_size);
    if (segment->size == segment->unread_size) {
        segment->end_offset = head->end_offset;
        segment->newest_epoch = head->newest_epoch;
    }
    segment->first_timestamp_ms = head->first_timestamp_ms;
    if (segment->max_timestamp_ms < head->largest_timestamp_ms)
        segment->max_timestamp_ms = head->largest_timestamp_ms;
    segment->record_count += head->record_count;
    segment->is_learnt = true;
    segment->unread_size = 0;
}

/* Whether a walk has nothing to add. */
static bool
is_walked(const struct strand_log_segment *segment)
{
    return segment->is_learnt && segment->index.first_known == 0;
}

int
strand_log_segment_walk(struct strand_log_segment *segment)
{
    struct strand_log *log = segment->log;
    struct walk walk = {
        .base_offset = segment->base_offset,
        .first_timestamp_ms = STRAND_TIME_NOT_LEARNT,
        .max_timestamp_ms = STRAND_NO_TIMESTAMP,
        .newest_epoch = -1,
        .at = {.position = segment->start_position, .end_offset = segment->base_offset},
    };
    int status = STRAND_OK;

    strand_sparse_index_init(&walk.index);
    strand_mutex_lock(&log->state);
    while (status == STRAND_OK && !is_walked(segment)) {
        int64_t size = segment->size;

        strand_mutex_unlock(&log->state);
        status = walk_to(segment, &walk, size);
        strand_mutex_lock(&log->state);
        if (status == STRAND_OK && !is_walked(segment) && install_locked(log, segment, &walk))
            break;
    }
    strand_mutex_unlock(&log->state);
    strand_sparse_index_deinit(&walk.index);
    return status;
}

int
strand_log_segment_learn(struct strand_log_segment *segment)
{
    return strand_log_index_learn(segment) ? STRAND_OK : strand_log_segment_walk(segment);
}

void
strand_log_segment_learn_first_time(struct strand_log_segment *segment)
{
    struct strand_log *log = segment->log;
    uint8_t header[STRAND_BATCH_HEADER_SIZE];
    int64_t first_timestamp_ms = STRAND_NO_TIMESTAMP;

    strand_mutex_lock(&log->state);
    bool is_known = segment->first_timestamp_ms != STRAND_TIME_NOT_LEARNT;
    strand_mutex_unlock(&log->state);
    if (is_known || strand_log_segment_acquire(segment) != STRAND_OK)
        return;
    if (strand_segment_read(segment->file, header, sizeof header, segment->start_position) ==
        STRAND_OK)
        first_timestamp_ms = strand_batch_max_timestamp(header);
    strand_mutex_lock(&log->state);
    segment->first_timestamp_ms = first_timestamp_ms;
    strand_mutex_unlock(&log->state);
    strand_log_segment_release(segment);
}

bool
strand_log_segment_note_end(struct strand_log_segment *segment, int64_t size, int64_t end_offset)
{
    struct strand_log *log = segment->log;

    strand_mutex_lock(&log->state);
    bool is_news =
        !is_last_locked(log, segment) && segment->size == size && end_offset < segment->end_offset;
    if (is_news)
        segment->end_offset = end_offset;
    strand_mutex_unlock(&log->state);
    return is_news;
}
