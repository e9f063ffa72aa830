/* tests/crash/interleave_change.c -- The thread that truncates, trims, begins epochs and asks for
 * checkpoints; and one that reads what is committed.
 */
#include <inttypes.h>

#include "crash/interleave_work.h"

/* ---- Changing ---- */

static void
truncate_log(struct interleave_work *work, int log, const struct strand_positions *before,
             int64_t offset)
{
    struct strand_positions after;
    int64_t log_end = -1;

    interleave_note_change(work, INTERLEAVE_CUT_BEGINS, log, offset, -1, before->generation);
    if (interleave_is_well(work, strand_log_truncate(work->logs[log], offset, &log_end),
                           "truncate") &&
        interleave_look(work, log, &after))
        interleave_note_change(work, INTERLEAVE_CUT_ENDS, log, log_end, -1, after.generation);
}

static void
trim_log(struct interleave_work *work, int log, int64_t offset)
{
    interleave_note_change(work, INTERLEAVE_TRIM_BEGINS, log, offset, -1, 0);
    if (interleave_is_well(work, strand_log_trim(work->logs[log], offset), "trim"))
        interleave_note_change(work, INTERLEAVE_TRIM_ENDS, log, offset, -1, 0);
}

static int
keep_last(void *context, const struct strand_leader_epoch *epoch)
{
    *(struct strand_leader_epoch *)context = *epoch;
    return 0;
}

static void
begin_epoch(struct interleave_work *work, int log, int32_t epoch)
{
    struct strand_leader_epoch last = {-1, -1};

    interleave_note_change(work, INTERLEAVE_EPOCH_BEGINS, log, 0, epoch, 0);
    if (!interleave_is_well(work, strand_log_begin_epoch(work->logs[log], epoch),
                            "begin an epoch") ||
        !interleave_is_well(work, strand_log_list_epochs(work->logs[log], keep_last, &last),
                            "list epochs"))
        return;
    if (last.epoch != epoch)
        interleave_fail(work, "log %d: epoch %" PRId32 " was begun, %" PRId32 " is the newest", log,
                        epoch, last.epoch);
    if (work->result == 0)
        interleave_note_change(work, INTERLEAVE_EPOCH_ENDS, log, last.start_offset, epoch, 0);
}

static void
sync_all(struct interleave_work *work, bool has_checkpoint)
{
    interleave_note_change(work, INTERLEAVE_SYNC_BEGINS, 0, 0, -1, 0);
    int status =
        has_checkpoint ? strand_engine_checkpoint(work->engine) : strand_engine_sync(work->engine);
    if (interleave_is_well(work, status, has_checkpoint ? "checkpoint" : "sync"))
        interleave_note_change(work, INTERLEAVE_SYNC_ENDS, 0, 0, -1, 0);
}

static enum interleave_change
draw_change(struct interleave_worker *worker)
{
    uint32_t kind;

    do
        kind = UINT32_C(1) << interleave_draw(&worker->random, 6);
    while ((kind & worker->work->plan->change_kinds) == 0);
    return (enum interleave_change)kind;
}

static void
change(struct interleave_worker *worker, int log)
{
    struct interleave_work *work = worker->work;
    struct strand_positions now;
    enum interleave_change kind = draw_change(worker);

    if (!interleave_look(work, log, &now))
        return;
    int64_t length = now.log_end - now.log_start;
    int64_t room = now.high_watermark - now.log_start;
    if (kind == INTERLEAVE_TRUNCATE && length > 0) {
        int64_t gone = 1 + (int64_t)interleave_draw(&worker->random, 8);
        truncate_log(work, log, &now, gone > length ? now.log_start : now.log_end - gone);
    } else if (kind == INTERLEAVE_TRIM && room > 0) {
        int64_t kept = (int64_t)interleave_draw(&worker->random, (uint64_t)room);
        trim_log(work, log, now.high_watermark - kept);
    } else if (kind == INTERLEAVE_EPOCH) {
        begin_epoch(work, log, now.leader_epoch + 1 + (int32_t)interleave_draw(&worker->random, 2));
    } else if (kind == INTERLEAVE_CHECKPOINT || kind == INTERLEAVE_SYNC) {
        sync_all(work, kind == INTERLEAVE_CHECKPOINT);
    } else if (kind == INTERLEAVE_COMMIT_SOON) {
        (void)interleave_is_well(work, strand_log_commit_soon(work->logs[log]), "ask for a round");
    }
}

void
interleave_change_main(void *argument)
{
    struct interleave_worker *worker = argument;
    struct interleave_work *work = worker->work;
    struct strand_positions now;

    for (uint32_t i = 0; i < work->plan->changes && work->result == 0 && !work->has_met_failure;
         i++) {
        int log = (int)interleave_draw(&worker->random, (uint64_t)work->plan->logs);
        int64_t more = (int64_t)interleave_draw(&worker->random, 8);

        change(worker, log);
        if (!interleave_look(work, log, &now))
            break;
        int status =
            strand_log_wait_data(work->logs[log], now.log_end + more, STRAND_READ_WRITTEN, 1);
        if (status != STRAND_ERR_TIMEOUT)
            (void)interleave_is_well(work, status, "wait for data");
    }
    work->is_changing = false;
}

/* ---- Reading ---- */

/* What a reader of committed records was shown must not be lost either. */
static void
note_seen(struct interleave_worker *worker, int log, const struct strand_record *record,
          uint64_t generation)
{
    struct interleave_work *work = worker->work;
    uint32_t number;

    if (interleave_value_read(log, record->value.data, record->value.size, &number))
        interleave_note_fact(work, &(struct interleave_fact){
                                       .kind = INTERLEAVE_SEEN,
                                       .log = log,
                                       .number = number,
                                       .count = 1,
                                       .thread = worker->thread,
                                       .generation = interleave_generation(work, log, generation),
                                       .epoch = record->leader_epoch,
                                       .offset = record->offset,
                                   });
    else
        interleave_fail(work,
                        "log %d: a reader finds bytes that nobody "
                        "appended at offset %" PRId64,
                        log, record->offset);
}

/* Read what is committed from *NEXT on. */
static void
read_on(struct interleave_worker *worker, int log, int64_t *next)
{
    struct interleave_work *work = worker->work;
    struct strand_cursor_options options = {.struct_size = sizeof options};
    struct strand_cursor *cursor = NULL;
    struct strand_positions before, after;
    struct strand_record record;

    if (!interleave_look(work, log, &before))
        return;
    *next = *next > before.log_start && *next <= before.log_end ? *next : before.log_start;
    int status = strand_cursor_open(work->logs[log], *next, &options, &cursor);
    while (status == STRAND_OK && (status = strand_cursor_next(cursor, &record)) == STRAND_OK) {
        if (!interleave_look(work, log, &after) || after.generation != before.generation)
            break;
        note_seen(worker, log, &record, before.generation);
        *next = record.offset + 1;
    }
    strand_cursor_close(cursor);
    if (status != STRAND_END && status != STRAND_ERR_OUT_OF_RANGE)
        (void)interleave_is_well(work, status, "read");
}

void
interleave_read_main(void *argument)
{
    struct interleave_worker *worker = argument;
    struct interleave_work *work = worker->work;
    int64_t limit_ms = work->plan->is_patient ? INTERLEAVE_PAUSE_MS : 1;
    int64_t next = 0;

    while ((work->appending > 0 || work->is_changing) && work->result == 0 &&
           !work->has_met_failure) {
        read_on(worker, 0, &next);
        int status = strand_log_wait_data(work->logs[0], next, STRAND_READ_COMMITTED, limit_ms);
        if (status != STRAND_ERR_TIMEOUT)
            (void)interleave_is_well(work, status, "wait for what is committed");
    }
}
