/* bench/measure_read.c -- A log is read from its start to its end, again and again. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/thread.h"
#include "bench/fixture.h"
#include "bench/measures.h"
#include "bench/stop.h"
#include "strandline/log.h"

enum { COPY_SIZE = 16 << 10, SIDE_COUNT = 4 };

/* The whole log, fetched before the clock starts. */
struct bytes {
    struct strand_fetch *slices; /* owned, and pinned */
    size_t slice_count;
    uint8_t *copy; /* COPY_SIZE: stays in the cache */
};

struct scan {
    const struct bench_job *job;
    const struct bench_fixture *fixture;
    int (*pass)(const struct scan *scan, int64_t *bytes);
    const struct bytes *bytes;
};

/* Stands for a reader that only wants the bytes elsewhere, and asks nobody for them. */
static int
copy_all(const struct scan *scan, int64_t *bytes)
{
    uint8_t *copy = scan->bytes->copy;

    for (size_t i = 0; i < scan->bytes->slice_count; i++) {
        const struct strand_fetch *slice = &scan->bytes->slices[i];
        const uint8_t *data = slice->data;

        for (size_t done = 0; done < slice->size; done += COPY_SIZE) {
            size_t size = slice->size - done < COPY_SIZE ? slice->size - done : COPY_SIZE;

            memcpy(copy, data + done, size);
            __asm__ volatile("" : : "r"(copy) : "memory"); /* the copy is not left out */
        }
        *bytes += (int64_t)slice->size;
        if (bench_stop_is_wanted())
            return STRAND_END;
    }
    return STRAND_OK;
}

static int
fetch_all(const struct scan *scan, bool checks_crc, int64_t *bytes)
{
    const struct strand_fetch_options options = {
        .struct_size = sizeof options, .isolation = STRAND_READ_WRITTEN, .check_crc = checks_crc};
    struct strand_fetch fetch;

    for (int64_t offset = 0; offset < scan->fixture->end_offset;) {
        int status = strand_log_fetch(scan->fixture->log, offset, &options, &fetch);
        if (status != STRAND_OK)
            return status;
        *bytes += (int64_t)fetch.size;
        offset = fetch.next_offset;
        strand_fetch_release(&fetch);
        if (bench_stop_is_wanted())
            return STRAND_END;
    }
    return STRAND_OK;
}

static int
fetch_checked(const struct scan *scan, int64_t *bytes)
{
    return fetch_all(scan, true, bytes);
}

static int
fetch_unchecked(const struct scan *scan, int64_t *bytes)
{
    return fetch_all(scan, false, bytes);
}

/* Record by record.  The bytes are those of the log, as for the other sides. */
static int
walk_records(const struct scan *scan, int64_t *bytes)
{
    const struct strand_cursor_options options = {.struct_size = sizeof options,
                                                  .isolation = STRAND_READ_WRITTEN};
    struct strand_cursor *cursor;
    struct strand_record record;

    int status = strand_cursor_open(scan->fixture->log, 0, &options, &cursor);
    if (status != STRAND_OK)
        return status;
    while ((status = strand_cursor_next(cursor, &record)) == STRAND_OK)
        ;
    strand_cursor_close(cursor);
    if (status != STRAND_END)
        return status;
    for (int64_t i = 0; i < scan->fixture->batch_count; i++)
        *bytes +=
            (int64_t)scan->fixture->payload.batches[(size_t)i % scan->fixture->payload.batch_count]
                .encoded_size;
    return bench_stop_is_wanted() ? STRAND_END : STRAND_OK;
}

static int
run_scan(void *context, struct bench_outcome *out_outcome)
{
    const struct scan *scan = context;
    int64_t wanted_ns = bench_job_duration_ns(scan->job);
    int64_t start = strand_thread_now_ns();
    int64_t elapsed = 0;
    int64_t bytes = 0;

    while (elapsed < wanted_ns) {
        int status = scan->pass(scan, &bytes);
        if (status != STRAND_OK)
            return status;
        elapsed = strand_thread_now_ns() - start;
    }
    out_outcome->seconds = (double)elapsed / 1e9;
    bench_outcome_add(out_outcome, "throughput", BENCH_BYTES_PER_SECOND,
                      (double)bytes / out_outcome->seconds);
    return STRAND_OK;
}

/* ---- What memcpy() gets ---- */

static void
release_all(struct bytes *bytes)
{
    for (size_t i = 0; i < bytes->slice_count; i++)
        strand_fetch_release(&bytes->slices[i]);
    free(bytes->slices);
    bytes->slices = NULL;
    bytes->slice_count = 0;
}

static int
pin_all(const struct bench_fixture *fixture, struct bytes *bytes)
{
    const struct strand_fetch_options options = {.struct_size = sizeof options,
                                                 .isolation = STRAND_READ_WRITTEN};
    int status = STRAND_OK;

    for (int64_t offset = 0; status == STRAND_OK && offset < fixture->end_offset;) {
        struct strand_fetch *slices =
            realloc(bytes->slices, (bytes->slice_count + 1) * sizeof *slices);

        if (slices == NULL) {
            status = strand_fail(STRAND_ERR_NO_MEMORY, "no memory for what was fetched");
            break;
        }
        bytes->slices = slices;
        status =
            strand_log_fetch(fixture->log, offset, &options, &bytes->slices[bytes->slice_count]);
        if (status == STRAND_OK)
            offset = bytes->slices[bytes->slice_count++].next_offset;
    }
    if (status != STRAND_OK)
        release_all(bytes);
    return status;
}

static int
run_sides(const struct bench_job *job, struct bench_fixture *fixture, void *context)
{
    struct bytes *bytes = context;
    static const struct {
        const char *name;
        int (*pass)(const struct scan *scan, int64_t *bytes);
    } SIDES[SIDE_COUNT] = {
        {"fetch-crc", fetch_checked},
        {"fetch", fetch_unchecked},
        {"cursor", walk_records},
        {"memcpy", copy_all},
    };
    struct scan scans[SIDE_COUNT];
    struct bench_contestant contestants[SIDE_COUNT];
    struct bench_case one = bench_options_case(job->options, 0);
    size_t count = 0;

    int status = pin_all(fixture, bytes);
    if (status != STRAND_OK)
        return status;
    for (size_t i = 0; i < SIDE_COUNT; i++) {
        if (!bench_options_has_side(job->options, SIDES[i].name, true))
            continue;
        scans[count] = (struct scan){job, fixture, SIDES[i].pass, bytes};
        contestants[count] = (struct bench_contestant){
            .side = SIDES[i].name, .run = run_scan, .context = &scans[count]};
        bench_job_describe(job, &one, &contestants[count].conditions);
        count++;
    }
    status = bench_job_finish(job, contestants, count, BENCH_COMPARES_ALL);
    release_all(bytes);
    return status;
}

int
bench_run_read(const struct bench_job *job)
{
    struct bytes bytes = {.copy = malloc(COPY_SIZE)};

    if (bytes.copy == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory to copy into");
    int status = bench_fixture_use(job, run_sides, &bytes);
    free(bytes.copy);
    return status;
}
