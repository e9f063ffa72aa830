/* engine/log_time.c -- Offsets by timestamp, as Kafka's ListOffsets answers.
 *
 * Timestamps do not ascend: the answer is the first record in offset order that is late enough, so
 * segments and batches are passed over by their largest timestamp, and only a batch that may hold
 * the answer is decoded.
 */
#include <inttypes.h>

#include "base/buffer_pool.h"
#include "base/error.h"
#include "engine/log_internal.h"
#include "engine/log_read.h"
#include "storage/record_reader.h"

/* Fetched at a time: about as much as lies between two times that an index knows. */
enum { SEARCH_BYTES = 128 << 10 };

/* A search through the records below LIMIT. */
struct search {
    struct strand_log *log;
    struct strand_record_reader reader;
    struct strand_buffer *decompressed;
    int isolation;
    int64_t timestamp_ms; /* the least that is looked for */
    int64_t log_start;
    int64_t limit;
    int64_t offset;       /* where to look next */
    int64_t segment_base; /* of the segment that it lies in, and what that ends at */
    int64_t segment_end;
    bool is_in_table;     /* the segment's table knows all of it: no index need be asked */
    int64_t found_offset; /* -1: nothing yet */
    int64_t found_timestamp_ms;
};

/* Move on within SEGMENT, as far as its table knows that nothing is late enough.  State lock held.
 */
static void
skip_in_segment(struct search *search, const struct strand_log_segment *segment)
{
    struct strand_sparse_entry entry;

    search->segment_base = segment->base_offset;
    search->segment_end = segment->end_offset;
    search->is_in_table = segment->index.first_known == 0;
    if (strand_sparse_index_floor_time(&segment->index, search->timestamp_ms, &entry) &&
        segment->base_offset + entry.relative_offset > search->offset)
        search->offset = segment->base_offset + entry.relative_offset;
}

/* Move on over segments that are too early; false: there is none left.  *OUT_UNKNOWN, with a
 * reference, is one of which that has to be learnt first. */
static bool
skip_segments(struct search *search, struct strand_log_segment **out_unknown)
{
    struct strand_log *log = search->log;
    bool is_found = false;

    *out_unknown = NULL;
    strand_mutex_lock(&log->state);
    search->limit = strand_log_limit_locked(log, search->isolation);
    for (size_t i = strand_log_find_segment_locked(log, search->offset);
         i < log->segment_count && !is_found && *out_unknown == NULL; i++) {
        struct strand_log_segment *segment = log->segments[i];

        if (segment->end_offset <= search->offset)
            continue;
        if (!segment->is_learnt) {
            segment->references++;
            *out_unknown = segment;
            continue;
        }
        if (segment->max_timestamp_ms < search->timestamp_ms)
            continue;
        if (segment->base_offset > search->offset)
            search->offset = segment->base_offset;
        skip_in_segment(search, segment);
        is_found = true;
    }
    strand_mutex_unlock(&log->state);
    return is_found && search->offset < search->limit;
}

/* Move on within the segment that was found, as far as the index knows that nothing is late enough.
 */
static void
skip_by_index(struct search *search)
{
    int64_t offset;

    if (strand_log_index_find_time(search->log, search->segment_base, search->timestamp_ms,
                                   &offset) &&
        offset > search->offset && offset < search->segment_end)
        search->offset = offset;
}

/* Learn SEGMENT and give the reference back.  One that was removed meanwhile is of no interest. */
static int
learn(struct strand_log_segment *segment)
{
    struct strand_log *log = segment->log;

    int status = strand_log_segment_acquire(segment);
    if (status == STRAND_OK) {
        status = strand_log_segment_learn(segment);
        strand_log_segment_release(segment);
    }
    strand_mutex_lock(&log->state);
    bool is_gone = !segment->is_listed;
    strand_mutex_unlock(&log->state);
    strand_log_segment_release(segment);
    return is_gone ? STRAND_OK : status;
}

/* Move on to the next segment that may hold the answer.  STRAND_END: there is none. */
static int
find_segment(struct search *search)
{
    struct strand_log_segment *unknown;
    int status = STRAND_OK;

    while (status == STRAND_OK) {
        bool is_found = skip_segments(search, &unknown);

        if (unknown == NULL && is_found && !search->is_in_table)
            skip_by_index(search);
        if (unknown == NULL)
            return is_found ? STRAND_OK : STRAND_END;
        status = learn(unknown);
    }
    return status;
}

/* Set the reader to the records of BATCH. */
static int
open_batch(struct search *search, const uint8_t *batch, size_t available)
{
    int status = strand_batch_check(batch, available);

    return status == STRAND_OK
               ? strand_record_reader_open(&search->reader, batch, search->log->engine->codecs,
                                           search->decompressed)
               : status;
}

/* What a walk through BATCH ended with, as the caller's status. */
static int
end_of_batch(const struct search *search, const uint8_t *batch, int status)
{
    if (status == STRAND_ERR_BATCH || status == STRAND_ERR_MAGIC)
        return strand_log_fail_corrupt(search->log, strand_batch_base_offset(batch),
                                       strand_batch_end_offset(batch), "while looking for a time");
    return status == STRAND_END ? STRAND_OK : status;
}

/* Look for the first late enough record of BATCH. */
static int
search_batch(struct search *search, const uint8_t *batch, size_t available)
{
    struct strand_record record;

    int status = open_batch(search, batch, available);
    while (status == STRAND_OK) {
        status = strand_record_reader_next(&search->reader, &record);
        if (status == STRAND_OK && record.timestamp_ms >= search->timestamp_ms &&
            record.offset >= search->log_start && record.offset < search->limit) {
            search->found_offset = record.offset;
            search->found_timestamp_ms = record.timestamp_ms;
            return STRAND_OK;
        }
    }
    return end_of_batch(search, batch, status);
}

static int
search_fetch(struct search *search, const struct strand_fetch *fetch)
{
    const uint8_t *data = fetch->data;
    int status = STRAND_OK;

    for (size_t at = 0; status == STRAND_OK && at < fetch->size && search->found_offset < 0;
         at += (size_t)strand_batch_size(data + at))
        if (strand_batch_max_timestamp(data + at) >= search->timestamp_ms)
            status = search_batch(search, data + at, fetch->size - at);
    search->offset = fetch->next_offset;
    return status;
}

/* Fetch what the search looks at next.  STRAND_END: there is nothing.  A log that is trimmed or cut
 * meanwhile is searched as it is by then. */
static int
fetch_next(struct search *search, struct strand_fetch *fetch)
{
    struct strand_log *log = search->log;

    for (;;) {
        int status =
            strand_log_fetch_unchecked(log, search->offset, search->isolation, SEARCH_BYTES, fetch);
        if (status == STRAND_OK && fetch->size == 0)
            return STRAND_END;
        if (status != STRAND_ERR_OUT_OF_RANGE)
            return status;
        strand_mutex_lock(&log->state);
        search->log_start = log->log_start;
        strand_mutex_unlock(&log->state);
        if (search->offset >= search->log_start)
            return STRAND_END; /* behind the end of what was cut */
        search->offset = search->log_start;
    }
}

static int
find_first(struct search *search)
{
    int status = STRAND_OK;

    search->found_offset = -1;
    while (search->found_offset < 0 && (status = find_segment(search)) == STRAND_OK) {
        struct strand_fetch fetch;

        status = fetch_next(search, &fetch);
        if (status != STRAND_OK)
            break;
        status = search_fetch(search, &fetch);
        strand_fetch_release(&fetch);
        if (status != STRAND_OK)
            break;
    }
    return status == STRAND_END ? STRAND_OK : status;
}

/* Raise *LARGEST to the largest timestamp of BATCH.  Its header knows it, unless some of the
 * records lie below the log start. */
static int
note_largest(struct search *search, const uint8_t *batch, size_t available, int64_t *largest)
{
    struct strand_record record;

    if (strand_batch_max_timestamp(batch) <= *largest)
        return STRAND_OK;
    if (strand_batch_base_offset(batch) >= search->log_start) {
        *largest = strand_batch_max_timestamp(batch);
        return STRAND_OK;
    }
    int status = open_batch(search, batch, available);
    while (status == STRAND_OK) {
        status = strand_record_reader_next(&search->reader, &record);
        if (status == STRAND_OK && record.offset >= search->log_start &&
            record.timestamp_ms > *largest)
            *largest = record.timestamp_ms;
    }
    return end_of_batch(search, batch, status);
}

static int
note_largest_of_fetch(struct search *search, const struct strand_fetch *fetch, int64_t *largest)
{
    const uint8_t *data = fetch->data;
    int status = STRAND_OK;

    for (size_t at = 0; status == STRAND_OK && at < fetch->size;
         at += (size_t)strand_batch_size(data + at))
        status = note_largest(search, data + at, fetch->size - at, largest);
    search->offset = fetch->next_offset;
    return status;
}

/* A timestamp that some record between log start and limit has, as large as is known without
 * looking into a segment; 0: none is known. */
static int64_t
known_largest(struct search *search)
{
    struct strand_log *log = search->log;
    int64_t largest = 0;

    strand_mutex_lock(&log->state);
    for (size_t i = 0; i < log->segment_count; i++) {
        const struct strand_log_segment *segment = log->segments[i];
        bool is_inside = segment->is_learnt && segment->base_offset >= search->log_start &&
                         segment->end_offset <= search->limit;

        if (is_inside && segment->max_timestamp_ms > largest &&
            segment->max_timestamp_ms != INT64_MAX) /* damaged: it is not known */
            largest = segment->max_timestamp_ms;
    }
    strand_mutex_unlock(&log->state);
    return largest;
}

/* The largest timestamp, of LEAST or above, of any record below the limit; -1 = none. */
static int
find_largest_from(struct search *search, int64_t least, int64_t *out_timestamp_ms)
{
    int64_t largest = STRAND_NO_TIMESTAMP;
    int64_t start = search->offset;
    int status = STRAND_OK;

    search->timestamp_ms = least;
    while ((status = find_segment(search)) == STRAND_OK) {
        struct strand_fetch fetch;

        status = fetch_next(search, &fetch);
        if (status != STRAND_OK)
            break;
        status = note_largest_of_fetch(search, &fetch, &largest);
        if (largest > search->timestamp_ms) /* only later ones can be larger */
            search->timestamp_ms = largest;
        strand_fetch_release(&fetch);
        if (status != STRAND_OK)
            break;
    }
    search->offset = start;
    *out_timestamp_ms = largest;
    return status == STRAND_END ? STRAND_OK : status;
}

/* What was known may have been trimmed or cut meanwhile. */
static int
find_largest(struct search *search, int64_t *out_timestamp_ms)
{
    int64_t known = known_largest(search);

    int status = find_largest_from(search, known, out_timestamp_ms);
    if (status == STRAND_OK && *out_timestamp_ms < known)
        status = find_largest_from(search, 0, out_timestamp_ms);
    return status;
}

static int
run_search(struct search *search, int64_t timestamp_ms)
{
    int status = strand_buffer_take(search->log->engine->buffers, 0, &search->decompressed);
    if (status != STRAND_OK)
        return status;
    strand_record_reader_init(&search->reader);
    search->timestamp_ms = timestamp_ms;
    if (timestamp_ms == STRAND_MAX_TIMESTAMP)
        status = find_largest(search, &search->timestamp_ms);
    if (status == STRAND_OK && search->timestamp_ms >= 0)
        status = find_first(search);
    strand_record_reader_deinit(&search->reader);
    strand_buffer_put(search->log->engine->buffers, search->decompressed);
    return status;
}

int
strand_log_offset_for_timestamp(struct strand_log *log, int64_t timestamp_ms, int isolation,
                                int64_t *out_offset, int64_t *out_timestamp_ms)
{
    struct search search = {.log = log, .isolation = isolation, .found_offset = -1};

    int status = strand_log_check(log);
    if (status != STRAND_OK)
        return status;
    if (timestamp_ms < STRAND_MAX_TIMESTAMP || isolation < STRAND_READ_COMMITTED ||
        isolation > STRAND_READ_WRITTEN || out_offset == NULL)
        return strand_fail(STRAND_ERR_INVALID, "look up time %" PRId64 " in %s: isolation %d",
                           timestamp_ms, log->name, isolation);
    strand_mutex_lock(&log->state);
    search.log_start = log->log_start;
    search.limit = strand_log_limit_locked(log, isolation);
    strand_mutex_unlock(&log->state);
    search.offset = search.log_start;
    search.found_timestamp_ms = STRAND_NO_TIMESTAMP;
    if (timestamp_ms == STRAND_EARLIEST)
        search.found_offset = search.log_start;
    else if (timestamp_ms == STRAND_LATEST)
        search.found_offset = search.limit;
    else
        status = run_search(&search, timestamp_ms);
    if (status != STRAND_OK)
        return status;
    if (search.found_offset < 0)
        return STRAND_END;
    *out_offset = search.found_offset;
    if (out_timestamp_ms != NULL)
        *out_timestamp_ms = search.found_timestamp_ms;
    return STRAND_OK;
}
