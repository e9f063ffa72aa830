/* storage/segment_scan.c -- Walk the batches of a segment file; look for one behind damage.
 *
 * Both see the file through windows of a fixed size.  Only the header of a batch is looked at in
 * one piece; its body is put through the CRC as it comes, so that a length field never decides how
 * much memory is used.
 */
#include "storage/segment_scan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "storage/scan_window.h"

enum {
    CRC_BUDGET_FACTOR = 8,    /* times the range searched */
    OFFSETS_PER_BYTE_MAX = 8, /* see strand_segment_find_whole() */
};

static bool
is_zero(const uint8_t *data, size_t size)
{
    return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

/* *OUT_IS_ZERO: whether there are only zero bytes from POSITION to the end. */
static int
check_rest_is_zero(struct strand_scan_window *window, int64_t position, bool *out_is_zero)
{
    while (position < window->end_position) {
        const uint8_t *data;
        size_t available;
        int status = strand_scan_window_load(window, position, 1, &data, &available);

        if (status != STRAND_OK)
            return status;
        if (!is_zero(data, available)) {
            *out_is_zero = false;
            return STRAND_OK;
        }
        position += (int64_t)available;
    }
    *out_is_zero = true;
    return STRAND_OK;
}

struct scan {
    const struct strand_scan_request *request;
    struct strand_scan_window window;
    struct strand_scan_result result; /* its position and end_offset are where the scan is */
    uint8_t header[STRAND_BATCH_HEADER_SIZE]; /* of the batch there: the window moves on */
    bool is_stopped;
};

static void stop(struct scan *scan, enum strand_scan_stop why, const char *format, ...)
    STRAND_PRINTF(3, 4);

static void
stop(struct scan *scan, enum strand_scan_stop why, const char *format, ...)
{
    va_list args;

    strand_assert(!scan->is_stopped);
    va_start(args, format);
    /* A reason that is too long is cut. */
    (void)vsnprintf(scan->result.reason, sizeof scan->result.reason, format, args);
    va_end(args);
    scan->result.stop = why;
    scan->is_stopped = true;
}

static void stop_at_batch(struct scan *scan, enum strand_scan_stop why, const char *format, ...)
    STRAND_PRINTF(3, 4);

/* With the sentence's "batch at ...: " in front, once its header was read. */
static void
stop_at_batch(struct scan *scan, enum strand_scan_stop why, const char *format, ...)
{
    char cause[sizeof scan->result.reason];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(cause, sizeof cause, format, args); /* cut like the reason */
    va_end(args);
    stop(scan, why, "batch at position %" PRId64 ", base offset %" PRId64 ": %s",
         scan->result.position, strand_batch_base_offset(scan->header), cause);
}

/* Zero bytes begin where a batch should. */
static int
judge_zeros(struct scan *scan)
{
    bool is_zero_to_end;
    int64_t position = scan->result.position;
    int64_t end = scan->request->end_position;
    int status = check_rest_is_zero(&scan->window, position, &is_zero_to_end);

    if (status != STRAND_OK)
        return status;
    if (is_zero_to_end)
        stop(scan, STRAND_SCAN_ZEROS, "position %" PRId64 ": %" PRId64 " zero bytes to the end",
             position, end - position);
    else
        stop(scan, STRAND_SCAN_HEADER,
             "batch at position %" PRId64 ": a header of zero bytes, with other bytes behind it",
             position);
    return STRAND_OK;
}

/* Copy the header, or stop where there is none. */
static int
load_header(struct scan *scan)
{
    int64_t position = scan->result.position;
    int64_t remaining = scan->request->end_position - position;
    size_t size =
        remaining < STRAND_BATCH_HEADER_SIZE ? (size_t)remaining : (size_t)STRAND_BATCH_HEADER_SIZE;
    const uint8_t *data;
    size_t available;

    strand_assert(remaining > 0);
    int status = strand_scan_window_load(&scan->window, position, size, &data, &available);
    if (status != STRAND_OK)
        return status;
    if (is_zero(data, size))
        return judge_zeros(scan);
    if (size < STRAND_BATCH_HEADER_SIZE) {
        stop(scan, STRAND_SCAN_SHORT,
             "batch at position %" PRId64 ": the file ends after %zu bytes of its header, of %d",
             position, size, (int)STRAND_BATCH_HEADER_SIZE);
        return STRAND_OK;
    }
    memcpy(scan->header, data, size);
    return STRAND_OK;
}

/* A size that is possible but beyond the end comes before what else the header says: in a torn
 * write the rest of it need not have arrived.  Another magic comes before that: its size means
 * nothing. */
static void
check_header(struct scan *scan)
{
    int64_t remaining = scan->request->end_position - scan->result.position;
    int64_t size = strand_batch_size(scan->header);

    if (strand_batch_magic(scan->header) == STRAND_BATCH_MAGIC_CURRENT && size > remaining) {
        stop_at_batch(scan, STRAND_SCAN_SHORT,
                      "the file ends after %" PRId64 " of its %" PRId64 " bytes", remaining, size);
        return;
    }

    int status = strand_batch_check_header(scan->header, (size_t)remaining);
    if (status != STRAND_OK)
        stop_at_batch(scan, status == STRAND_ERR_MAGIC ? STRAND_SCAN_MAGIC : STRAND_SCAN_HEADER,
                      "%s", strand_error_message());
}

static int
check_crc(struct scan *scan)
{
    int64_t position = scan->result.position;
    uint32_t stored = strand_get_be32(scan->header + STRAND_BATCH_CRC);
    uint32_t computed;

    if (scan->request->skip_crc)
        return STRAND_OK;
    int status = strand_scan_window_crc(&scan->window, position + STRAND_BATCH_CRC_START,
                                        position + strand_batch_size(scan->header), &computed);
    if (status == STRAND_OK && stored != computed)
        stop_at_batch(scan, STRAND_SCAN_CRC, "CRC 0x%08" PRIx32 " stored, 0x%08" PRIx32 " computed",
                      stored, computed);
    return status;
}

static void
check_offsets(struct scan *scan)
{
    const struct strand_scan_request *request = scan->request;
    int64_t base_offset = strand_batch_base_offset(scan->header);
    int64_t last_offset = strand_batch_end_offset(scan->header) - 1;
    int64_t expected = scan->result.end_offset;

    if (base_offset < expected || (base_offset > expected && !request->gaps_allowed))
        stop_at_batch(scan, STRAND_SCAN_OFFSET, "expected offset %" PRId64 "%s", expected,
                      request->gaps_allowed ? " or above" : "");
    else if (base_offset < request->base_offset)
        stop_at_batch(scan, STRAND_SCAN_OFFSET, "below the segment's base offset, %" PRId64,
                      request->base_offset);
    else if (last_offset - request->base_offset > INT32_MAX)
        stop_at_batch(scan, STRAND_SCAN_OFFSET,
                      "last offset %" PRId64
                      " is too far above the segment's base offset, %" PRId64,
                      last_offset, request->base_offset);
}

static void
visit(struct scan *scan)
{
    const struct strand_scan_request *request = scan->request;

    if (request->visit == NULL)
        return;
    int status = request->visit(request->argument, scan->header, scan->result.position);
    if (status == STRAND_OK)
        return;
    scan->result.visitor_status = status;
    stop_at_batch(scan, STRAND_SCAN_VISITOR, "refused: %s", strand_status_text(status));
}

static void
accept_batch(struct scan *scan)
{
    struct strand_scan_result *result = &scan->result;
    int64_t max_timestamp_ms = strand_batch_max_timestamp(scan->header);

    result->position += strand_batch_size(scan->header);
    result->end_offset = strand_batch_end_offset(scan->header);
    result->batch_count++;
    if (max_timestamp_ms > result->max_timestamp_ms)
        result->max_timestamp_ms = max_timestamp_ms;
    strand_assert(result->position <= scan->request->end_position);
}

/* One batch: either it is accepted, or the scan is stopped in front of it. */
static int
scan_batch(struct scan *scan)
{
    int status = load_header(scan);

    if (status == STRAND_OK && !scan->is_stopped)
        check_header(scan);
    if (status == STRAND_OK && !scan->is_stopped)
        status = check_crc(scan);
    if (status != STRAND_OK)
        return status;
    if (!scan->is_stopped)
        check_offsets(scan);
    if (!scan->is_stopped)
        visit(scan);
    if (!scan->is_stopped)
        accept_batch(scan);
    return STRAND_OK;
}

int
strand_segment_scan(const struct strand_scan_request *request,
                    struct strand_scan_result *out_result)
{
    strand_assert(request->position >= 0);
    strand_assert(request->position <= request->end_position);
    strand_assert(request->base_offset >= 0);

    struct scan scan = {
        .request = request,
        .result = {.stop = STRAND_SCAN_END,
                   .position = request->position,
                   .end_offset = request->expected_offset,
                   .max_timestamp_ms = -1},
    };
    int status = strand_scan_window_init(&scan.window, request->file, request->end_position);
    if (status != STRAND_OK)
        return status;

    while (status == STRAND_OK && !scan.is_stopped && scan.result.position < request->end_position)
        status = scan_batch(&scan);

    scan.result.bytes_read = scan.window.bytes_read;
    strand_scan_window_deinit(&scan.window);
    if (status != STRAND_OK)
        return status;
    *out_result = scan.result;
    return STRAND_OK;
}

struct search {
    struct strand_scan_window candidates; /* where headers are looked for */
    struct strand_scan_window bodies;     /* where a CRC is computed, perhaps far ahead of those */
    int64_t position;                     /* of the damage */
    int64_t end_position;
    int64_t expected_offset;
    bool gaps_allowed;
    int64_t crc_budget;     /* bytes that may still be put through the CRC */
    int64_t found_position; /* -1: none yet */
    int64_t found_offset;
    int64_t bytes_read;
};

static bool
is_plausible_offset(const struct search *search, int64_t base_offset, int64_t position)
{
    int64_t between = position - search->position;
    int64_t above_max = INT32_MAX;

    if (!search->gaps_allowed && between < INT32_MAX / OFFSETS_PER_BYTE_MAX)
        above_max = between * OFFSETS_PER_BYTE_MAX;
    if (base_offset < search->expected_offset) /* also keeps the difference within int64 */
        return false;

    return base_offset - search->expected_offset <= above_max;
}

/* HEADER, at POSITION, could begin a batch that follows the damaged one. */
static bool
is_plausible(const struct search *search, const uint8_t *header, int64_t position)
{
    int64_t remaining = search->end_position - position;

    return strand_batch_magic(header) == STRAND_BATCH_MAGIC_CURRENT &&
           is_plausible_offset(search, strand_batch_base_offset(header), position) &&
           strand_batch_check_header(header, (size_t)remaining) == STRAND_OK;
}

static int
try_candidate(struct search *search, const uint8_t *header, int64_t position)
{
    if (!is_plausible(search, header, position))
        return STRAND_OK;

    int64_t size = strand_batch_size(header);
    int64_t base_offset = strand_batch_base_offset(header);
    uint32_t stored = strand_get_be32(header + STRAND_BATCH_CRC);

    if (size <= search->crc_budget) {
        uint32_t computed;
        int status = strand_scan_window_crc(&search->bodies, position + STRAND_BATCH_CRC_START,
                                            position + size, &computed);

        if (status != STRAND_OK)
            return status;
        search->crc_budget -= size;
        if (stored != computed)
            return STRAND_OK;
    }
    /* Whole; or nobody can say at a bounded price, and then what is cut had better be saved. */
    search->found_position = position;
    search->found_offset = base_offset;
    return STRAND_OK;
}

/* Where the damaged batch's length says that the next one begins. */
static int
try_next_header(struct search *search)
{
    const uint8_t *header;
    size_t available;
    int status = strand_scan_window_load(&search->candidates, search->position,
                                         STRAND_BATCH_HEADER_SIZE, &header, &available);

    if (status != STRAND_OK)
        return status;
    int64_t size = strand_batch_size(header);
    if (size < STRAND_BATCH_HEADER_SIZE ||
        size > search->end_position - search->position - STRAND_BATCH_HEADER_SIZE)
        return STRAND_OK;

    int64_t next = search->position + size;
    status = strand_scan_window_load(&search->candidates, next, STRAND_BATCH_HEADER_SIZE, &header,
                                     &available);
    if (status != STRAND_OK)
        return status;
    return try_candidate(search, header, next);
}

/* The headers that lie wholly in DATA[0..AVAILABLE), which stands at POSITION. */
static int
try_headers_within(struct search *search, const uint8_t *data, size_t available, int64_t position)
{
    size_t count = available - STRAND_BATCH_HEADER_SIZE + 1;

    for (size_t i = 0; i < count && search->found_position < 0; i++) {
        const uint8_t *magic =
            memchr(data + i + STRAND_BATCH_MAGIC, STRAND_BATCH_MAGIC_CURRENT, count - i);

        if (magic == NULL)
            break;
        i = (size_t)(magic - data) - STRAND_BATCH_MAGIC;
        int status = try_candidate(search, data + i, position + (int64_t)i);
        if (status != STRAND_OK)
            return status;
    }
    return STRAND_OK;
}

static int
try_every_position(struct search *search)
{
    int64_t position = search->position + 1;

    while (search->found_position < 0 &&
           search->end_position - position >= STRAND_BATCH_HEADER_SIZE) {
        const uint8_t *data;
        size_t available;
        int status = strand_scan_window_load(&search->candidates, position,
                                             STRAND_BATCH_HEADER_SIZE, &data, &available);

        if (status == STRAND_OK)
            status = try_headers_within(search, data, available, position);
        if (status != STRAND_OK)
            return status;
        position += (int64_t)available - STRAND_BATCH_HEADER_SIZE + 1;
    }
    return STRAND_OK;
}

static int
run(struct search *search, const struct strand_file *file)
{
    int status = strand_scan_window_init(&search->candidates, file, search->end_position);

    if (status != STRAND_OK)
        return status;
    status = strand_scan_window_init(&search->bodies, file, search->end_position);
    if (status == STRAND_OK) {
        status = try_next_header(search);
        if (status == STRAND_OK)
            status = try_every_position(search);
        search->bytes_read += search->bodies.bytes_read;
        strand_scan_window_deinit(&search->bodies);
    }
    search->bytes_read += search->candidates.bytes_read;
    strand_scan_window_deinit(&search->candidates);
    return status;
}

int
strand_segment_find_whole(const struct strand_file *file, int64_t position, int64_t end_position,
                          int64_t expected_offset, bool gaps_allowed, int64_t *out_position,
                          int64_t *out_offset, int64_t *out_bytes_read)
{
    strand_assert(position >= 0);
    strand_assert(position <= end_position);
    strand_assert(expected_offset >= 0);

    int64_t range = end_position - position;
    struct search search = {
        .position = position,
        .end_position = end_position,
        .expected_offset = expected_offset,
        .gaps_allowed = gaps_allowed,
        .crc_budget = range > INT64_MAX / CRC_BUDGET_FACTOR ? INT64_MAX : range * CRC_BUDGET_FACTOR,
        .found_position = -1,
        .found_offset = -1,
    };

    if (range > STRAND_BATCH_HEADER_SIZE) {
        int status = run(&search, file);
        if (status != STRAND_OK)
            return status;
    }
    *out_position = search.found_position;
    *out_offset = search.found_offset;
    if (out_bytes_read != NULL)
        *out_bytes_read = search.bytes_read;
    return STRAND_OK;
}
