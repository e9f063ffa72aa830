/* tests/crash/interleave_append.c -- Threads that append, and hold what they are told against what
 * they see.
 */
#include <inttypes.h>
#include <string.h>

#include "crash/interleave_work.h"

enum { NS_PER_MS = 1000000 };

/* Where nothing else brings it about a wait may last as long as it takes to do it. */
static void
check_patience(struct interleave_work *work, int64_t began_ns, const char *what)
{
    int64_t waited_ms = (scheduler_now_ns() - began_ns) / NS_PER_MS;

    if (work->plan->is_patient && waited_ms > INTERLEAVE_PATIENCE_MS)
        interleave_fail(work, "%s has taken %" PRId64 " ms: nobody has seen to it", what,
                        waited_ms);
}

static void
note_appended(struct interleave_worker *worker, enum interleave_note kind, int log, uint32_t first,
              uint32_t count, const struct strand_appended *appended)
{
    struct interleave_work *work = worker->work;

    interleave_note_fact(work,
                         &(struct interleave_fact){
                             .kind = kind,
                             .log = log,
                             .number = first,
                             .count = count,
                             .thread = worker->thread,
                             .generation = interleave_generation(work, log, appended->generation),
                             .epoch = appended->leader_epoch,
                             .offset = appended->base_offset,
                         });
}

/* What is durable can be read, unless it was cut off or trimmed since. */
static void
check_readable(struct interleave_work *work, int log, const struct strand_appended *appended)
{
    struct strand_fetch_options options = {.struct_size = sizeof options};
    struct strand_fetch fetch = {0};
    struct strand_positions after;

    int status = strand_log_fetch(work->logs[log], appended->base_offset, &options, &fetch);
    bool is_there =
        status == STRAND_OK && fetch.size > 0 && fetch.next_offset > appended->base_offset;
    strand_fetch_release(&fetch);
    if (!interleave_look(work, log, &after) || is_there ||
        after.generation != appended->generation || after.log_start > appended->base_offset)
        return;
    interleave_fail(work, "log %d: offset %" PRId64 " was acknowledged and is not read: %s", log,
                    appended->base_offset,
                    status == STRAND_OK ? "nothing is there" : strand_error_message());
}

/* Whether the records are durable, by what an append or a wait has said. */
static bool
is_durable(struct interleave_work *work, int status, bool has_limit, const char *what)
{
    if (status == STRAND_ERR_TRUNCATED && work->plan->changes > 0 &&
        (work->plan->change_kinds & INTERLEAVE_TRUNCATE) != 0)
        return false;
    if (status == STRAND_ERR_TIMEOUT && has_limit)
        return false;
    return interleave_is_well(work, status, what);
}

/* A log that has failed accepts nothing from there on: a sync that succeeds later says nothing. */
static void
note_failure(struct interleave_work *work, int log, int status, bool had_failed)
{
    if (status == STRAND_ERR_IO || status == STRAND_ERR_FAILED)
        work->has_failed[log] = true;
    else if (had_failed && status == STRAND_OK)
        interleave_fail(work, "log %d has failed, and an append succeeds", log);
}

static int
append_records(struct interleave_work *work, int log, uint32_t first, uint32_t count,
               const struct strand_append_options *options, struct strand_appended *out_appended)
{
    struct strand_record records[INTERLEAVE_BATCH_MAX];
    uint8_t values[INTERLEAVE_BATCH_MAX][INTERLEAVE_VALUE_MAX];

    memset(records, 0, sizeof records);
    for (uint32_t i = 0; i < count; i++) {
        interleave_value_make(log, first + i, values[i], work->plan->value_size);
        records[i].timestamp_ms = interleave_timestamp(first + i);
        records[i].value = strand_bytes(values[i], work->plan->value_size);
    }
    return strand_log_append(work->logs[log], records, count, options, out_appended);
}

/* Draw numbers for a batch, which may be there from here on. */
static uint32_t
note_tried(struct interleave_worker *worker, int log, uint32_t count)
{
    uint32_t first = worker->work->next_number[log];

    worker->work->next_number[log] += count;
    interleave_note_fact(worker->work, &(struct interleave_fact){.kind = INTERLEAVE_TRIED,
                                                                 .log = log,
                                                                 .number = first,
                                                                 .count = count,
                                                                 .thread = worker->thread,
                                                                 .epoch = -1});
    return first;
}

/* Wait for what was only written; whether it is durable. */
static bool
wait_for(struct interleave_work *work, int log, const struct strand_appended *appended)
{
    int status = strand_log_wait(work->logs[log], appended, -1);

    note_failure(work, log, status, false); /* what was durable before a failure stays so */
    return is_durable(work, status, false, "wait");
}

/* One batch, as KIND does it. */
static void
append(struct interleave_worker *worker, enum interleave_appender kind)
{
    struct interleave_work *work = worker->work;
    bool must_be_durable = kind == INTERLEAVE_DURABLE || kind == INTERLEAVE_HASTY;
    struct strand_append_options options = {
        .struct_size = sizeof options,
        .durability = must_be_durable ? STRAND_DURABLE : STRAND_WRITTEN,
        .timeout_ms = kind == INTERLEAVE_HASTY ? 1 : 0,
    };
    struct strand_appended appended = {.base_offset = -1};
    int log = (int)interleave_draw(&worker->random, (uint64_t)work->plan->logs);
    uint32_t count = 1 + (uint32_t)interleave_draw(&worker->random, INTERLEAVE_BATCH_MAX);
    uint32_t first = note_tried(worker, log, count);
    bool had_failed = work->has_failed[log];
    int64_t began_ns = scheduler_now_ns();

    int status = append_records(work, log, first, count, &options, &appended);
    note_failure(work, log, status, had_failed);
    bool is_promised =
        is_durable(work, status, options.timeout_ms > 0, "append") && must_be_durable;
    if (appended.base_offset < 0 || (status != STRAND_OK && status != STRAND_ERR_TIMEOUT))
        return;
    if (kind == INTERLEAVE_WRITTEN_WAIT && interleave_draw(&worker->random, 3) == 0) {
        note_appended(worker, INTERLEAVE_NOTED, log, first, count, &appended);
        is_promised = wait_for(work, log, &appended);
    }
    check_patience(work, began_ns, "an append");
    note_appended(worker, is_promised ? INTERLEAVE_PROMISED : INTERLEAVE_NOTED, log, first, count,
                  &appended);
    if (is_promised)
        check_readable(work, log, &appended);
}

/* Nothing comes from this thread for so long that whoever relies on it is found out. */
static void
pause_for_long(void)
{
    struct strand_mutex lock;
    struct strand_condition never;
    int64_t end_ns = scheduler_now_ns() + (int64_t)INTERLEAVE_PAUSE_MS * NS_PER_MS;

    strand_mutex_init(&lock);
    strand_condition_init(&never);
    strand_mutex_lock(&lock);
    while (strand_condition_wait(&never, &lock, end_ns))
        continue;
    strand_mutex_unlock(&lock);
    strand_condition_deinit(&never);
    strand_mutex_deinit(&lock);
}

void
interleave_append_main(void *argument)
{
    struct interleave_worker *worker = argument;
    struct interleave_work *work = worker->work;

    for (int i = 0; i < work->plan->batches && work->result == 0; i++) {
        enum interleave_appender kind = work->plan->appender[worker->thread];

        if (kind == INTERLEAVE_MIXED)
            kind = (enum interleave_appender)interleave_draw(&worker->random, INTERLEAVE_MIXED);
        if (work->plan->is_patient && interleave_draw(&worker->random, 5) == 0)
            pause_for_long();
        append(worker, kind);
    }
    work->appending--;
}
