/* engine/log_index_put.c -- What goes from a log to the index: from the tables in memory, or by a
 * walk over headers where these do not hold it.
 *
 * Segment by segment, from `covered` on.  Pairs go in whole chunks as long as more are to come, so
 * that a log which grows slowly does not fill the index with small ones.  A walk begins at the
 * start of its segment, because what is said of times needs all that is in front; it is left when
 * the run has walked enough, and taken up again by the next.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/error.h"
#include "engine/indexer.h"
#include "engine/log_internal.h"
#include "storage/batch.h"
#include "storage/segment.h"
#include "storage/segment_scan.h"

enum { PAIRS_MAX = 4096 };

/* A walk over a segment, under way from one run to the next. */
struct walk {
    const struct strand_log *log; /* never followed; NULL: none */
    uint64_t generation;
    struct strand_index_segment facts; /* of what was walked; size: how far */
    int64_t last;                      /* position of the last pair */
    bool is_damaged;                   /* something was stepped over */
};

struct time_pair {
    int64_t timestamp_ms;
    int64_t offset;
};

struct strand_index_work {
    struct strand_index_batch *batch; /* borrowed */
    int64_t bytes_left;               /* to walk in this run */
    bool is_last;
    bool is_empty; /* nothing was put or removed */
    struct walk walk;
    int64_t covered;      /* by what was put so far */
    int64_t segment_base; /* of what follows */
    bool has_facts;
    struct strand_index_segment facts;
    uint32_t count;
    size_t time_count;
    struct strand_sparse_entry pairs[PAIRS_MAX];
    struct time_pair times[PAIRS_MAX / STRAND_SPARSE_GROUP + 1];
};

int
strand_index_work_create(struct strand_index_work **out_work)
{
    struct strand_index_work *work = calloc(1, sizeof *work);

    if (work == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "work on the index: out of memory");
    *out_work = work;
    return STRAND_OK;
}

void
strand_index_work_destroy(struct strand_index_work *work)
{
    free(work);
}

void
strand_index_work_begin(struct strand_index_work *work, struct strand_index_batch *batch,
                        int64_t bytes, bool is_last)
{
    work->batch = batch;
    work->bytes_left = bytes;
    work->is_last = is_last;
    work->is_empty = true;
}

bool
strand_index_work_is_empty(const struct strand_index_work *work)
{
    return work->is_empty;
}

/* ---- From a table; the state lock is held ---- */

static struct strand_log_segment *find_uncovered_locked(const struct strand_log *log,
                                                        int64_t covered)
    STRAND_REQUIRES(log->state);

/* The segment with the first durable record at or above COVERED; NULL: none. */
static struct strand_log_segment *
find_uncovered_locked(const struct strand_log *log, int64_t covered)
{
    if (covered >= log->durable_end || log->health != STRAND_LOG_HEALTHY)
        return NULL;
    size_t i = strand_log_find_segment_locked(log, covered);
    while (i < log->segment_count && log->segments[i]->end_offset <= covered)
        i++;
    return i < log->segment_count && log->segments[i]->durable_size > 0 ? log->segments[i] : NULL;
}

/* Nothing will be added to it, and all of it is durable. */
static bool
is_sealed(const struct strand_log_segment *segment)
{
    const struct strand_log *log = segment->log;

    return log->segments[log->segment_count - 1] != segment &&
           !strand_log_segment_is_dirty(segment);
}

static struct strand_index_segment
facts_of(const struct strand_log_segment *segment)
{
    return (struct strand_index_segment){
        .base_offset = segment->base_offset,
        .end_offset = segment->end_offset,
        .size = segment->size,
        .record_count = segment->record_count,
        .largest_timestamp_ms = segment->max_timestamp_ms,
        .first_timestamp_ms = segment->first_timestamp_ms,
        .newest_epoch = segment->newest_epoch,
    };
}

static void
copy_pairs(const struct strand_sparse_index *table, uint32_t first, uint32_t count,
           struct strand_index_work *work)
{
    for (uint32_t i = first; i < first + count; i++) {
        work->pairs[work->count++] = table->entries[i];
        if (i % STRAND_SPARSE_GROUP == 0)
            work->times[work->time_count++] =
                (struct time_pair){table->times[i / STRAND_SPARSE_GROUP],
                                   work->segment_base + table->entries[i].relative_offset};
    }
}

/* Relative offset in SEGMENT, which ends above it, from which on it is not covered. */
static uint32_t
from_of(const struct strand_log_segment *segment, const struct strand_index_work *work)
{
    int64_t from = work->covered - segment->base_offset;

    strand_assert(from <= UINT32_MAX);
    return from > 0 ? (uint32_t)from : 0;
}

/* What SEGMENT's table has from COVERED on; false: too little to be stored. */
static bool
take_table(const struct strand_log_segment *segment, struct strand_index_work *work)
{
    const struct strand_sparse_index *table = &segment->index;
    uint32_t first = strand_sparse_index_ceiling(table, from_of(segment, work));
    uint32_t end = first;

    while (end < table->count && end - first < PAIRS_MAX &&
           table->entries[end].position < segment->durable_size)
        end++;
    bool is_all = end == table->count || table->entries[end].position >= segment->durable_size;
    bool is_end = is_all && (is_sealed(segment) || work->is_last);
    if (!is_end) { /* one stays, so that there is something left for the end */
        uint32_t whole = end > first ? end - first - (is_all ? 1 : 0) : 0;

        end = first + whole - whole % STRAND_INDEX_CHUNK_MAX;
        if (end == first)
            return false;
    }
    copy_pairs(table, first, end - first, work);
    work->has_facts = is_end && segment->is_learnt;
    work->facts = facts_of(segment);
    work->covered = is_end ? segment->end_offset
                           : segment->base_offset + table->entries[end - 1].relative_offset + 1;
    return true;
}

/* ---- By a walk ---- */

static int
note_header(void *argument, const uint8_t *batch, int64_t position)
{
    struct strand_index_work *work = argument;
    struct walk *walk = &work->walk;
    int64_t offset = strand_batch_base_offset(batch);
    int64_t timestamp = strand_batch_max_timestamp(batch);

    if (work->count == PAIRS_MAX || work->bytes_left <= 0)
        return STRAND_END;
    work->bytes_left -= strand_batch_size(batch);
    if (position - walk->last >= STRAND_SPARSE_INTERVAL) {
        walk->last = position;
        if (offset >= work->covered) {
            if (work->count % STRAND_INDEX_CHUNK_MAX == 0)
                work->times[work->time_count++] =
                    (struct time_pair){walk->facts.largest_timestamp_ms, offset};
            work->pairs[work->count++] = (struct strand_sparse_entry){
                (uint32_t)(offset - work->segment_base), (uint32_t)position};
        }
    }
    if (position == 0)
        walk->facts.first_timestamp_ms = timestamp;
    if (timestamp > walk->facts.largest_timestamp_ms)
        walk->facts.largest_timestamp_ms = timestamp;
    walk->facts.record_count += strand_batch_record_count(batch);
    walk->facts.newest_epoch = strand_batch_leader_epoch(batch);
    return STRAND_OK;
}

static void
begin_walk(const struct strand_log_segment *segment, uint64_t generation, struct walk *walk)
{
    if (walk->log == segment->log && walk->generation == generation &&
        walk->facts.base_offset == segment->base_offset)
        return;
    *walk = (struct walk){
        .log = segment->log,
        .generation = generation,
        .facts = {.base_offset = segment->base_offset,
                  .end_offset = segment->base_offset,
                  .largest_timestamp_ms = STRAND_NO_TIMESTAMP,
                  .first_timestamp_ms = STRAND_NO_TIMESTAMP,
                  .newest_epoch = -1},
    };
}

/* All of SEGMENT was walked over: what was not known of it is, unless it is another by now. */
static void
learn_walked(struct strand_log_segment *segment, const struct walk *walk)
{
    struct strand_log *log = segment->log;

    strand_mutex_lock(&log->state);
    if (!segment->is_learnt && segment->is_listed && log->generation == walk->generation &&
        segment->unread_size == walk->facts.size)
        strand_log_segment_learn_head(segment, &walk->facts);
    strand_mutex_unlock(&log->state);
}

/* Where a segment stands, as of the beginning of a walk. */
struct extent {
    uint64_t generation;
    int64_t size; /* durable bytes; of a segment that is not learnt those that nobody has read */
    int64_t end_offset;
    bool is_sealed;
};

/* RESULT stopped at damage: the walk goes on behind it, if anything whole is there (true).  What is
 * in between may have been as late as can be. */
static bool
step_over(const struct strand_log_segment *segment, const struct extent *extent,
          const struct strand_scan_result *result, struct walk *walk)
{
    int64_t position = -1;
    int64_t offset = -1;

    walk->is_damaged = true;
    walk->facts.largest_timestamp_ms = INT64_MAX;
    if (strand_segment_find_whole(&segment->file->file, result->position, extent->size,
                                  result->end_offset, true, &position, &offset,
                                  NULL) != STRAND_OK ||
        position < 0)
        return false;
    walk->facts.size = position;
    walk->facts.end_offset = offset;
    return true;
}

/* The walk has come to the end of what was to be walked. */
static void
finish_walk(struct strand_log_segment *segment, const struct extent *extent, bool is_at_end,
            struct strand_index_work *work)
{
    struct walk *walk = &work->walk;
    bool is_whole = is_at_end && !walk->is_damaged;

    work->has_facts = is_whole; /* of the last segment until it grows: they name its size */
    work->facts = walk->facts;
    work->covered = extent->is_sealed || !is_at_end ? extent->end_offset : walk->facts.end_offset;
    if (is_whole)
        learn_walked(segment, walk);
    walk->log = NULL;
}

/* Go on with the walk over SEGMENT, whose file is open. */
static int
walk(struct strand_log_segment *segment, const struct extent *extent,
     struct strand_index_work *work)
{
    struct walk *walk = &work->walk;
    struct strand_scan_result result;

    begin_walk(segment, extent->generation, walk);
    struct strand_scan_request request = {
        .file = &segment->file->file,
        .base_offset = segment->base_offset,
        .position = walk->facts.size,
        .end_position = extent->size,
        .expected_offset = walk->facts.end_offset,
        .gaps_allowed = true,
        .skip_crc = true,
        .visit = note_header,
        .argument = work,
    };
    int status = strand_segment_scan(&request, &result);
    if (status != STRAND_OK)
        return status;
    walk->facts.size = result.position;
    walk->facts.end_offset = result.end_offset;
    bool is_at_end = result.stop == STRAND_SCAN_END;
    if (result.stop != STRAND_SCAN_VISITOR && (is_at_end || result.stop == STRAND_SCAN_ZEROS ||
                                               !step_over(segment, extent, &result, walk)))
        finish_walk(segment, extent, is_at_end, work);
    else if (work->count > 0)
        work->covered = segment->base_offset + work->pairs[work->count - 1].relative_offset + 1;
    return STRAND_OK;
}

/* ---- One portion after the other ---- */

/* Put together the next portion.  false: there is none, or not in this run; a file that cannot be
 * read is left to those who read it. */
static bool
take_portion(struct strand_log *log, struct strand_index_work *work)
{
    bool is_taken = false;

    work->count = 0;
    work->time_count = 0;
    work->has_facts = false;
    strand_mutex_lock(&log->state);
    struct strand_log_segment *segment = log->generation == log->index.taken_generation
                                             ? find_uncovered_locked(log, work->covered)
                                             : NULL;
    if (segment == NULL) {
        strand_mutex_unlock(&log->state);
        return false;
    }
    work->segment_base = segment->base_offset;
    bool is_known = from_of(segment, work) >= segment->index.first_known;
    if (is_known)
        is_taken = take_table(segment, work);
    bool must_walk = !is_known && work->bytes_left > 0;
    int64_t size = segment->is_learnt ? segment->durable_size : segment->unread_size;
    struct extent extent = {log->generation, size, segment->end_offset, is_sealed(segment)};
    if (must_walk)
        segment->references++;
    log->index.has_more = !is_known && !must_walk;
    strand_mutex_unlock(&log->state);
    if (!must_walk)
        return is_taken;

    int status = strand_log_segment_acquire(segment);
    if (status == STRAND_OK) {
        status = walk(segment, &extent, work);
        strand_log_segment_release(segment);
    }
    strand_log_segment_release(segment);
    return status == STRAND_OK;
}

static int
put_portion(const uint8_t *id, const struct strand_index_work *work)
{
    int status = STRAND_OK;

    for (uint32_t i = 0; status == STRAND_OK && i < work->count; i += STRAND_INDEX_CHUNK_MAX) {
        uint32_t left = work->count - i;

        status =
            strand_index_put_chunk(work->batch, id, work->segment_base, work->pairs + i,
                                   left < STRAND_INDEX_CHUNK_MAX ? left : STRAND_INDEX_CHUNK_MAX);
    }
    for (size_t i = 0; status == STRAND_OK && i < work->time_count; i++)
        status = strand_index_put_time(work->batch, id, work->segment_base,
                                       work->times[i].timestamp_ms, work->times[i].offset);
    if (status == STRAND_OK && work->has_facts)
        status = strand_index_put_segment(work->batch, id, &work->facts);
    return status;
}

/* What is no more goes first: offsets may have been given again. */
static int
remove_gone(struct strand_log *log, struct strand_index_work *work)
{
    struct strand_log_index *index = &log->index;
    const uint8_t *id = log->identity.id;
    int status = STRAND_OK;

    strand_mutex_lock(&log->state);
    index->taken_generation = log->generation;
    index->taken_cut = index->cut;
    index->taken_kept = index->first_kept;
    index->cut = INT64_MAX;
    index->first_kept = INT64_MIN;
    index->bytes = 0;
    index->has_more = false;
    work->covered = index->covered;
    index->taken_covered = index->covered;
    strand_mutex_unlock(&log->state);
    if (index->taken_cut != INT64_MAX && work->walk.log == log)
        work->walk.log = NULL; /* what it has put goes, or is of another life */
    if (index->taken_cut <= 0)
        status = strand_index_remove_log(work->batch, id);
    else if (index->taken_cut != INT64_MAX)
        status = strand_index_remove_from(work->batch, id, index->taken_cut);
    if (status == STRAND_OK && index->taken_kept != INT64_MIN)
        status = strand_index_remove_below(work->batch, id, index->taken_kept);
    return status;
}

/* Whether what the index says of the log as a whole changes. */
static bool
has_news(const struct strand_log_index *index, const struct strand_index_work *work)
{
    return work->covered != index->taken_covered || index->taken_cut != INT64_MAX ||
           index->taken_kept != INT64_MIN || index->stored_generation != index->taken_generation;
}

int
strand_log_index_put(struct strand_log *log, struct strand_index_work *work)
{
    const uint8_t *id = log->identity.id;

    int status = remove_gone(log, work);
    while (status == STRAND_OK && take_portion(log, work))
        status = put_portion(id, work);
    if (status != STRAND_OK || !has_news(&log->index, work))
        return status;
    log->index.taken_covered = work->covered;
    work->is_empty = false;
    struct strand_index_log entry = {(int64_t)log->index.taken_generation, work->covered};
    return strand_index_put_log(work->batch, id, &entry);
}

/* ---- Afterwards ---- */

bool
strand_index_work_is_walking(const struct strand_index_work *work, const struct strand_log *log)
{
    return work->walk.log == log;
}

static void relieve_locked(struct strand_log *log, int64_t from) STRAND_REQUIRES(log->state);

/* The index has what the tables of full segments from FROM on hold: their memory is given back. */
static void
relieve_locked(struct strand_log *log, int64_t from)
{
    for (size_t i = strand_log_find_segment_locked(log, from); i + 1 < log->segment_count; i++) {
        struct strand_log_segment *segment = log->segments[i];

        if (segment->end_offset > log->index.covered)
            break;
        if (segment->index.count > 0)
            strand_sparse_index_forget(&segment->index, UINT32_MAX, 0);
    }
}

bool
strand_log_index_settle(struct strand_log *log, struct strand_index_work *work, bool is_committed)
{
    struct strand_log_index *index = &log->index;

    strand_mutex_lock(&log->state);
    if (!is_committed) {
        work->walk.log = NULL; /* what it found is lost */
        strand_log_index_note_cut_locked(log, index->taken_cut);
        if (index->first_kept < index->taken_kept)
            index->first_kept = index->taken_kept;
    } else if (log->generation == index->taken_generation) {
        int64_t from = index->covered;

        index->stored_generation = index->taken_generation;
        index->covered = index->taken_covered < index->cut ? index->taken_covered : index->cut;
        relieve_locked(log, from);
    }
    index->taken_cut = INT64_MAX; /* a run that fails early settles logs that it has not taken */
    index->taken_kept = INT64_MIN;
    bool has_more = index->has_more || index->cut != INT64_MAX;
    strand_mutex_unlock(&log->state);
    return has_more;
}
