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

struct scan {
    const struct bench_job *job;
    const struct bench_fixture *fixture;
    int (*pass)(const struct scan *scan, int64_t *bytes);
    uint8_t *copy; /* COPY_SIZE: stays in the cache */
};

/* Stands for a reader that only wants the bytes elsewhere: nothing that looks at all of them can be
 * faster. */
static void
copy_out(const struct scan *scan, const struct strand_fetch *fetch)
{
    const uint8_t *data = fetch->data;

    for (size_t done = 0; done < fetch->size; done += COPY_SIZE) {
        size_t size = fetch->size - done < COPY_SIZE ? fetch->size - done : COPY_SIZE;

        memcpy(scan->copy, data + done, size);
        __asm__ volatile("" : : "r"(scan->copy) : "memory"); /* the copy is not left out */
    }
}

static int
fetch_all(const struct scan *scan, bool checks_crc, bool copies, int64_t *bytes)
{
    const struct strand_fetch_options options = {
        .struct_size = sizeof options, .isolation = STRAND_READ_WRITTEN, .check_crc = checks_crc};
    struct strand_fetch fetch;

    for (int64_t offset = 0; offset < scan->fixture->end_offset;) {
        int status = strand_log_fetch(scan->fixture->log, offset, &options, &fetch);
        if (status != STRAND_OK)
            return status;
        if (copies)
            copy_out(scan, &fetch);
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
    return fetch_all(scan, true, false, bytes);
}

static int
fetch_unchecked(const struct scan *scan, int64_t *bytes)
{
    return fetch_all(scan, false, false, bytes);
}

static int
fetch_and_copy(const struct scan *scan, int64_t *bytes)
{
    return fetch_all(scan, false, true, bytes);
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

static int
run_sides(const struct bench_job *job, struct bench_fixture *fixture, void *context)
{
    uint8_t *copy = context;
    static const struct {
        const char *name;
        int (*pass)(const struct scan *scan, int64_t *bytes);
    } SIDES[SIDE_COUNT] = {
        {"fetch-crc", fetch_checked},
        {"fetch", fetch_unchecked},
        {"cursor", walk_records},
        {"memcpy", fetch_and_copy},
    };
    struct scan scans[SIDE_COUNT];
    struct bench_contestant contestants[SIDE_COUNT];
    struct bench_case one = bench_options_case(job->options, 0);
    size_t count = 0;

    for (size_t i = 0; i < SIDE_COUNT; i++) {
        if (!bench_options_has_side(job->options, SIDES[i].name, true))
            continue;
        scans[count] = (struct scan){job, fixture, SIDES[i].pass, copy};
        contestants[count] = (struct bench_contestant){
            .side = SIDES[i].name, .run = run_scan, .context = &scans[count]};
        bench_job_describe(job, &one, &contestants[count].conditions);
        count++;
    }
    return bench_job_finish(job, contestants, count, BENCH_COMPARES_ALL);
}

int
bench_run_read(const struct bench_job *job)
{
    uint8_t *copy = malloc(COPY_SIZE);

    if (copy == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory to copy into");
    int status = bench_fixture_use(job, run_sides, copy);
    free(copy);
    return status;
}
