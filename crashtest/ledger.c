/* crashtest/ledger.c -- Steps become promises.
 *
 * After a failed step the end of a log is known only as one of several places.  The next append
 * lands on one of them: until it says where, its record is legal on each.
 */
#include "crashtest/ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "strandline/crash.h"
#include "strandline/log.h"

/* ---- Records ---- */

uint32_t
crashtest_record_number(int32_t number, int32_t place)
{
    return (uint32_t)number * CRASHTEST_BATCH_MAX + (uint32_t)place + 1;
}

void
crashtest_record_value(uint32_t record, char out_value[CRASHTEST_VALUE_SIZE])
{
    memset(out_value, '.', CRASHTEST_VALUE_SIZE);
    (void)snprintf(out_value, CRASHTEST_VALUE_SIZE, "value %010" PRIu32, record); /* it fits */
}

uint32_t
crashtest_record_of_value(const void *value, size_t size)
{
    char expected[CRASHTEST_VALUE_SIZE];

    if (size != sizeof expected || memcmp(value, "value ", 6) != 0)
        return 0;
    uint32_t record = (uint32_t)strtoul((const char *)value + 6, NULL, 10);
    crashtest_record_value(record, expected);
    return memcmp(value, expected, sizeof expected) == 0 ? record : 0;
}

/* ---- One log ---- */

static void
forget(struct crashtest_ledger_log *log)
{
    memset(log, 0, sizeof *log);
    log->maybe_start = -1;
    log->maybe_end = -1;
    log->maybe_reset = -1;
    log->maybe_epoch = -1;
    log->cut_to = -1;
    log->retried_from = INT64_MAX;
    log->begins_batch[0] = true;
}

void
crashtest_ledger_init(struct crashtest_ledger *ledger)
{
    memset(ledger, 0, sizeof *ledger);
    ledger->open_step = -1;
    for (int i = 0; i < CRASHTEST_LOGS; i++)
        forget(&ledger->logs[i]);
}

int64_t
crashtest_ledger_promised_end(const struct crashtest_ledger_log *log)
{
    return log->found_end > log->durable_end ? log->found_end : log->durable_end;
}

int64_t
crashtest_ledger_offset(const struct crashtest_ledger *ledger, const struct crashtest_step *step)
{
    int64_t at = step->is_from_end ? ledger->logs[step->log].end + step->at : step->at;

    return at < 0 ? 0 : at;
}

static int64_t
least(int64_t left, int64_t right)
{
    return left < right ? left : right;
}

/* Nothing is at or above END. */
static void
end_at(struct crashtest_ledger_log *log, int64_t end)
{
    size_t rest = (size_t)(CRASHTEST_OFFSETS - end);

    log->end = end;
    log->written_end = least(log->written_end, end);
    log->durable_end = least(log->durable_end, end);
    log->found_end = least(log->found_end, end);
    memset(log->numbers + end, 0, rest * sizeof *log->numbers);
    memset(log->other_numbers + end, 0, rest * sizeof *log->other_numbers);
    memset(log->begins_batch + end + 1, 0, rest * sizeof *log->begins_batch);
    log->begins_batch[end] = true;
}

static void
place_batch(struct crashtest_ledger_log *log, const struct crashtest_step *step, int32_t number,
            int64_t base_offset, int32_t epoch)
{
    strand_assert(base_offset + step->count <= CRASHTEST_OFFSETS);
    log->begins_batch[base_offset] = true;
    for (int32_t i = 0; i < step->count; i++) {
        log->numbers[base_offset + i] = crashtest_record_number(number, i);
        log->epochs[base_offset + i] = epoch;
    }
    log->end = base_offset + step->count;
    log->begins_batch[log->end] = true;
}

/* The append may as well land where a failed step has left the end. */
static void
place_elsewhere(struct crashtest_ledger_log *log, uint32_t record, int64_t end)
{
    int64_t from = log->maybe_end >= 0 ? least(log->maybe_end, log->written_end) : log->written_end;

    for (int64_t at = from; at < end; at++) {
        if (!log->begins_batch[at])
            continue;
        log->other_numbers[at] = record;
        log->begins_batch[at + 1] = true;
        at++; /* what was just allowed to end is no place to begin */
    }
    if (log->maybe_reset >= 0 && log->maybe_reset < CRASHTEST_OFFSETS) {
        log->other_numbers[log->maybe_reset] = record;
        log->begins_batch[log->maybe_reset + 1] = true;
    }
}

/* Where a truncation to OFFSET leaves the log end at the lowest: the batch that holds it goes, and
 * a gap in front of that. */
static int64_t
lowest_end(const struct crashtest_ledger_log *log, int64_t offset)
{
    if (offset >= log->end)
        return log->end;
    while (offset > log->start && !log->begins_batch[offset])
        offset--;
    while (offset > log->start && log->numbers[offset - 1] == 0)
        offset--;
    return offset > log->start ? offset : log->start;
}

/* ---- Steps ---- */

static void
begin_batch(struct crashtest_ledger_log *log, const struct crashtest_step *step, int32_t number)
{
    int32_t epoch = step->kind == CRASHTEST_FOLLOW ? step->epoch : log->epoch;
    int64_t end = log->end;

    log->cut_to = -1;
    place_batch(log, step, number, end + step->gap, epoch);
    if (log->has_failed)
        place_elsewhere(log, crashtest_record_number(number, 0), end);
}

static void
begin_creation(struct crashtest_ledger_log *log, bool is_replicated)
{
    if (log->exists)
        return;
    forget(log);
    log->is_open_question = true;
    log->is_replicated = is_replicated;
}

void
crashtest_ledger_begin(struct crashtest_ledger *ledger, const struct crashtest_step *step,
                       int32_t number)
{
    struct crashtest_ledger_log *log = &ledger->logs[step->log];

    ledger->open_step = number;
    ledger->open_kind = step->kind;
    ledger->is_closed = false;
    if (step->kind == CRASHTEST_APPEND || step->kind == CRASHTEST_FOLLOW)
        begin_batch(log, step, number);
    else if (step->kind == CRASHTEST_CREATE || step->kind == CRASHTEST_REPLICATE)
        begin_creation(log, step->kind == CRASHTEST_REPLICATE);
    else if (step->kind == CRASHTEST_TRUNCATE)
        log->maybe_end = lowest_end(log, crashtest_ledger_offset(ledger, step));
    else if (step->kind == CRASHTEST_TRIM)
        log->maybe_start = crashtest_ledger_offset(ledger, step);
    else if (step->kind == CRASHTEST_RESET)
        log->maybe_reset = crashtest_ledger_offset(ledger, step);
    else if (step->kind == CRASHTEST_EPOCH)
        log->maybe_epoch = step->epoch;
    else if (step->kind == CRASHTEST_DELETE)
        log->is_open_question = true;
    else if (step->kind == CRASHTEST_BROKER)
        ledger->has_broker = ledger->is_brokers = true;
}

static void
done_batch(struct crashtest_ledger_log *log, const struct crashtest_step *step, int32_t number,
           const struct crashtest_outcome *outcome)
{
    int32_t epoch = step->kind == CRASHTEST_FOLLOW ? step->epoch : outcome->epoch;

    if (log->has_failed) { /* where it has landed says what the failed step did */
        if (outcome->offset == log->maybe_reset)
            log->start = outcome->offset;
        end_at(log, outcome->offset);
        log->maybe_end = log->maybe_reset = -1;
        log->retried_from = least(log->retried_from, outcome->offset);
    }
    place_batch(log, step, number, outcome->offset, epoch);
    if (epoch == log->maybe_epoch)
        log->epoch = epoch;
    log->written_end = log->end;
    if (step->durability == STRAND_DURABLE)
        log->durable_end = log->end;
}

static void
done_reset(struct crashtest_ledger_log *log, int64_t offset, int32_t epoch)
{
    end_at(log, 0);
    end_at(log, offset);
    log->start = log->written_end = log->durable_end = offset;
    log->maybe_reset = -1;
    log->epoch = epoch;
}

static void
done_truncation(struct crashtest_ledger_log *log, const struct crashtest_outcome *outcome)
{
    if (outcome->offset < log->end)
        log->cut_to = outcome->offset;
    end_at(log, outcome->offset);
    log->written_end = outcome->offset;
    log->maybe_end = -1;
    log->epoch = outcome->epoch;
}

/* Compacted: the batch that begins at OUTCOME's epoch went; cut: all from its offset on. */
static void
done_broker(struct crashtest_ledger_log *log, const struct crashtest_outcome *outcome)
{
    int64_t at = outcome->epoch;

    do
        log->numbers[at++] = 0;
    while (!log->begins_batch[at]);
    end_at(log, outcome->offset);
    log->written_end = log->durable_end = outcome->offset;
}

static void
done_with_log(struct crashtest_ledger_log *log, const struct crashtest_step *step, int32_t number,
              int64_t offset, const struct crashtest_outcome *outcome)
{
    if (step->kind == CRASHTEST_APPEND || step->kind == CRASHTEST_FOLLOW) {
        done_batch(log, step, number, outcome);
    } else if (step->kind == CRASHTEST_CREATE || step->kind == CRASHTEST_REPLICATE) {
        log->exists = true;
        log->is_open_question = false;
    } else if (step->kind == CRASHTEST_TRUNCATE) {
        done_truncation(log, outcome);
    } else if (step->kind == CRASHTEST_TRIM) {
        log->start = offset > log->start ? offset : log->start;
        log->maybe_start = -1;
    } else if (step->kind == CRASHTEST_RESET) {
        done_reset(log, offset, outcome->epoch);
    } else if (step->kind == CRASHTEST_EPOCH) {
        log->epoch = step->epoch;
        log->maybe_epoch = -1;
        log->durable_end = log->end; /* it makes everything before it durable */
    } else if (step->kind == CRASHTEST_DELETE) {
        forget(log);
    } else if (step->kind == CRASHTEST_BROKER) {
        done_broker(log, outcome);
    }
}

void
crashtest_ledger_done(struct crashtest_ledger *ledger, const struct crashtest_step *step,
                      int32_t number, const struct crashtest_outcome *outcome)
{
    bool is_sync = step->kind == CRASHTEST_SYNC || step->kind == CRASHTEST_CHECKPOINT ||
                   step->kind == CRASHTEST_CLOSE;

    done_with_log(&ledger->logs[step->log], step, number, crashtest_ledger_offset(ledger, step),
                  outcome);
    for (int i = 0; i < CRASHTEST_LOGS && is_sync; i++)
        ledger->logs[i].durable_end = ledger->logs[i].end;
    ledger->open_step = -1;
    ledger->is_closed = step->kind == CRASHTEST_CLOSE;
    ledger->is_brokers = false;
}

static bool
is_for_one_log(enum crashtest_step_kind kind)
{
    return kind != CRASHTEST_OPEN && kind != CRASHTEST_CLOSE && kind != CRASHTEST_SYNC &&
           kind != CRASHTEST_CHECKPOINT && kind != CRASHTEST_RUN;
}

void
crashtest_ledger_failed(struct crashtest_ledger *ledger, const struct crashtest_step *step)
{
    ledger->has_failed = true;
    ledger->open_step = -1;
    for (int32_t i = 0; i < CRASHTEST_LOGS; i++)
        if (!is_for_one_log(step->kind) || i == step->log)
            ledger->logs[i].has_failed = true;
}

void
crashtest_ledger_cut(struct crashtest_ledger *ledger)
{
    for (int i = 0; i < CRASHTEST_LOGS; i++)
        ledger->logs[i].written_end = crashtest_ledger_promised_end(&ledger->logs[i]);
}

void
crashtest_ledger_kill(struct crashtest_ledger *ledger)
{
    for (int i = 0; i < CRASHTEST_LOGS; i++)
        ledger->logs[i].durable_end = ledger->logs[i].written_end;
}

/* ---- Recoveries ---- */

void
crashtest_ledger_recovering(struct crashtest_ledger *ledger)
{
    ledger->is_recovering = true;
}

void
crashtest_ledger_found(struct crashtest_ledger *ledger, int32_t log_number,
                       const struct crashtest_found *found)
{
    struct crashtest_ledger_log *log = &ledger->logs[log_number];

    if (!found->exists) {
        forget(log);
        return;
    }
    end_at(log, found->end);
    log->exists = true;
    log->is_open_question = false;
    log->has_failed = false;
    log->start = found->start;
    log->epoch = found->epoch;
    log->found_end = log->written_end = found->end;
    log->maybe_start = log->maybe_end = log->maybe_reset = -1;
    log->maybe_epoch = -1;
    log->cut_to = -1;
}

void
crashtest_ledger_recovered(struct crashtest_ledger *ledger)
{
    ledger->is_recovering = false;
    ledger->has_failed = false;
    ledger->open_step = -1;
    ledger->recoveries++;
}

/* ---- Notes ---- */

enum { OFFSET_BITS = 32, EPOCH_BITS = 16, NUMBER_BITS = 12 };

uint64_t
crashtest_note(enum crashtest_note_kind kind, int32_t number, int64_t offset, int32_t epoch)
{
    strand_assert(offset >= -1 && offset < INT64_C(0xffffffff));
    strand_assert(epoch >= -1 && epoch < 0xffff);
    return (uint64_t)kind << (OFFSET_BITS + EPOCH_BITS + NUMBER_BITS) |
           (uint64_t)number << (OFFSET_BITS + EPOCH_BITS) | (uint64_t)(epoch + 1) << OFFSET_BITS |
           (uint64_t)(offset + 1);
}

const struct crashtest_step *
crashtest_ledger_step(const struct crashtest_script *script, size_t place)
{
    static const struct crashtest_step ASKS[CRASHTEST_LOGS] = {
        {.kind = CRASHTEST_APPEND, .log = 0, .count = 1, .durability = STRAND_DURABLE},
        {.kind = CRASHTEST_APPEND, .log = 1, .count = 1, .durability = STRAND_DURABLE},
    };

    if (place < script->count)
        return &script->steps[place];
    strand_assert(place - script->count < CRASHTEST_LOGS);
    return &ASKS[place - script->count];
}

/* A note, taken apart. */
struct note {
    enum crashtest_note_kind kind;
    int32_t number;
    int32_t epoch;
    int64_t offset;
};

static struct note
open_note(uint64_t note)
{
    return (struct note){
        .kind = (enum crashtest_note_kind)(note >> (OFFSET_BITS + EPOCH_BITS + NUMBER_BITS)),
        .number = (int32_t)(note >> (OFFSET_BITS + EPOCH_BITS)) & ((1 << NUMBER_BITS) - 1),
        .epoch = (int32_t)(note >> OFFSET_BITS & 0xffff) - 1,
        .offset = (int64_t)(note & UINT64_C(0xffffffff)) - 1,
    };
}

static void
read_step(struct crashtest_ledger *ledger, const struct crashtest_script *script,
          const struct note *note)
{
    const struct crashtest_step *step =
        crashtest_ledger_step(script, (size_t)(note->number % CRASHTEST_STEPS_MAX));
    struct crashtest_outcome outcome = {note->offset, note->epoch};

    if (note->kind == CRASHTEST_NOTE_BEGIN)
        crashtest_ledger_begin(ledger, step, note->number);
    else if (note->kind == CRASHTEST_NOTE_DONE)
        crashtest_ledger_done(ledger, step, note->number, &outcome);
    else
        crashtest_ledger_failed(ledger, step);
}

/* Of a recovery.  FOUND is what the notes before it said of the same log. */
static void
read_recovery(struct crashtest_ledger *ledger, const struct note *note,
              struct crashtest_found *found)
{
    if (note->kind == CRASHTEST_NOTE_RECOVERING) {
        crashtest_ledger_recovering(ledger);
    } else if (note->kind == CRASHTEST_NOTE_RECOVERED) {
        crashtest_ledger_recovered(ledger);
    } else if (note->kind == CRASHTEST_NOTE_FOUND_START) {
        *found = (struct crashtest_found){.exists = note->offset >= 0, .start = note->offset};
    } else {
        found->end = note->offset;
        found->epoch = note->epoch;
    }
    if (note->kind == CRASHTEST_NOTE_FOUND_END ||
        (note->kind == CRASHTEST_NOTE_FOUND_START && !found->exists))
        crashtest_ledger_found(ledger, note->number, found);
}

void
crashtest_ledger_read(struct crashtest_ledger *ledger, const struct crashtest_script *run,
                      const struct crashtest_script *go_on, const struct strand_crash_state *state)
{
    struct crashtest_found found = {.exists = false};

    for (size_t i = 0; i < state->note_count; i++) {
        struct note note = open_note(state->notes[i]);

        if (i > 0 && i == state->cut_note_count)
            crashtest_ledger_cut(ledger);
        if (note.kind <= CRASHTEST_NOTE_FAILED)
            read_step(ledger, note.number < CRASHTEST_STEPS_MAX ? run : go_on, &note);
        else
            read_recovery(ledger, &note, &found);
    }
    if (state->cut_note_count == state->note_count)
        crashtest_ledger_cut(ledger);
    if (state->kind == STRAND_CRASH_KILL)
        crashtest_ledger_kill(ledger);
}
