/* tests/crash/interleave_promises.c -- Notes are read in the order they were made: that is all that
 * a check knows.
 */
#include <string.h>

#include "base/assert.h"
#include "crash/interleave.h"

/* ---- Notes ---- */

/* A note, from its highest bits down: kind 6, log 2, thread 4, count 4, generation 8, epoch + 1 8,
 * number 16, offset 16. */
uint64_t
interleave_pack(const struct interleave_fact *fact)
{
    uint32_t epoch = (uint32_t)(fact->epoch + 1);

    strand_assert(fact->log < 4 && fact->thread < 16 && fact->count < 16);
    strand_assert(fact->generation < 256 && epoch < 256 && fact->number < 65536);
    strand_assert(fact->offset >= 0 && fact->offset < 65536);
    return (uint64_t)fact->kind << 58 | (uint64_t)fact->log << 56 | (uint64_t)fact->thread << 52 |
           (uint64_t)fact->count << 48 | (uint64_t)fact->generation << 40 | (uint64_t)epoch << 32 |
           (uint64_t)fact->number << 16 | (uint64_t)fact->offset;
}

struct interleave_fact
interleave_unpack(uint64_t note)
{
    return (struct interleave_fact){
        .kind = (enum interleave_note)(note >> 58),
        .log = (int)(note >> 56 & 3),
        .thread = (uint32_t)(note >> 52 & 15),
        .count = (uint32_t)(note >> 48 & 15),
        .generation = (uint32_t)(note >> 40 & 255),
        .epoch = (int32_t)(note >> 32 & 255) - 1,
        .number = (uint32_t)(note >> 16 & 65535),
        .offset = (int64_t)(note & 65535),
    };
}

/* ---- Records ---- */

static void
note_tried(struct interleave_log *log, const struct interleave_fact *fact)
{
    strand_assert(fact->number + fact->count <= INTERLEAVE_NUMBERS);
    for (uint32_t number = fact->number; number < fact->number + fact->count; number++)
        log->entries[number] = (struct interleave_entry){
            .state = INTERLEAVE_IS_TRIED,
            .first = fact->number,
            .count = fact->count,
            .thread = fact->thread,
            .epoch = -1,
            .offset = -1,
        };
    if (fact->number + fact->count > log->number_end)
        log->number_end = fact->number + fact->count;
}

static void
note_record(struct interleave_entry *entry, const struct interleave_fact *fact, int64_t offset,
            enum interleave_state state)
{
    if (state > entry->state)
        entry->state = state;
    entry->offset = offset;
    entry->epoch = fact->epoch;
    /* Who has read it knows only that it was there then, not since when. */
    if (entry->generation == 0 || fact->kind != INTERLEAVE_SEEN)
        entry->generation = fact->generation;
}

static void
note_appended(struct interleave_log *log, const struct interleave_fact *fact)
{
    enum interleave_state state =
        fact->kind == INTERLEAVE_NOTED ? INTERLEAVE_IS_WRITTEN : INTERLEAVE_IS_DURABLE;

    for (uint32_t i = 0; i < fact->count; i++)
        note_record(&log->entries[fact->number + i], fact, fact->offset + i, state);
}

static void
begin_sync(struct interleave_log *log)
{
    for (uint32_t number = 0; number < log->number_end; number++)
        log->entries[number].is_in_sync = log->entries[number].state == INTERLEAVE_IS_WRITTEN;
}

static void
end_sync(struct interleave_log *log)
{
    for (uint32_t number = 0; number < log->number_end; number++)
        if (log->entries[number].is_in_sync)
            log->entries[number].state = INTERLEAVE_IS_DURABLE;
}

/* ---- Epochs ---- */

static bool
pop_epochs(struct interleave_log *log, int64_t offset)
{
    size_t before = log->epoch_count;

    while (log->epoch_count > 0 && log->epochs[log->epoch_count - 1].start_offset >= offset)
        log->epoch_count--;
    return log->epoch_count < before;
}

static void
push_epoch(struct interleave_log *log, int32_t epoch, int64_t start_offset)
{
    (void)pop_epochs(log, start_offset);
    strand_assert(log->epoch_count < INTERLEAVE_EPOCHS);
    log->epochs[log->epoch_count++] = (struct strand_leader_epoch){epoch, start_offset};
}

/* A log without replicas keeps its newest epoch, which then begins where the log ends. */
static void
cut_epochs(struct interleave_log *log, int64_t offset)
{
    if (log->epoch_count == 0)
        return;
    int32_t newest = log->epochs[log->epoch_count - 1].epoch;
    if (pop_epochs(log, offset))
        push_epoch(log, newest, offset);
}

/* ---- All of it ---- */

static void
end_cut(struct interleave_log *log, const struct interleave_fact *fact)
{
    struct interleave_cut *cut = &log->cuts[log->cut_count - 1];

    cut->result = fact->offset;
    cut->after = fact->generation;
    cut->has_ended = true;
    cut_epochs(log, fact->offset);
}

static void
begin_cut(struct interleave_log *log, const struct interleave_fact *fact)
{
    strand_assert(log->cut_count < INTERLEAVE_CUTS);
    log->cuts[log->cut_count++] =
        (struct interleave_cut){.asked = fact->offset, .before = fact->generation};
}

static void
note_change(struct interleave_log *log, const struct interleave_fact *fact)
{
    if (fact->kind == INTERLEAVE_CUT_BEGINS)
        begin_cut(log, fact);
    if (fact->kind == INTERLEAVE_CUT_ENDS)
        end_cut(log, fact);
    if (fact->kind == INTERLEAVE_TRIM_BEGINS)
        log->maybe_start = fact->offset;
    if (fact->kind == INTERLEAVE_TRIM_ENDS) {
        log->log_start = fact->offset;
        log->maybe_start = -1;
    }
    if (fact->kind == INTERLEAVE_EPOCH_BEGINS)
        log->maybe_epoch = fact->epoch;
    if (fact->kind == INTERLEAVE_EPOCH_ENDS) {
        push_epoch(log, fact->epoch, fact->offset);
        log->maybe_epoch = -1;
    }
}

static void
note(struct interleave_promises *promises, const struct interleave_fact *fact)
{
    struct interleave_log *log = &promises->logs[fact->log];

    if (fact->kind == INTERLEAVE_CREATED)
        log->is_created = true;
    else if (fact->kind == INTERLEAVE_TRIED)
        note_tried(log, fact);
    else if (fact->kind <= INTERLEAVE_SEEN)
        note_appended(log, fact);
    else if (fact->kind < INTERLEAVE_SYNC_BEGINS)
        note_change(log, fact);
    else
        for (int i = 0; i < INTERLEAVE_LOGS; i++)
            (fact->kind == INTERLEAVE_SYNC_BEGINS ? begin_sync : end_sync)(&promises->logs[i]);
}

void
interleave_promises_read(const uint64_t *notes, size_t count, struct interleave_promises *promises)
{
    memset(promises, 0, sizeof *promises);
    for (int i = 0; i < INTERLEAVE_LOGS; i++) {
        promises->logs[i].maybe_start = -1;
        promises->logs[i].maybe_epoch = -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct interleave_fact fact = interleave_unpack(notes[i]);

        note(promises, &fact);
    }
}

enum interleave_fate
interleave_fate(const struct interleave_log *log, uint32_t number)
{
    const struct interleave_entry *entry = &log->entries[number];
    int64_t batch_end = entry->offset - (number - entry->first) + entry->count;
    enum interleave_fate fate = INTERLEAVE_STAYS;

    for (size_t i = 0; i < log->cut_count; i++) {
        const struct interleave_cut *cut = &log->cuts[i];

        if (cut->has_ended && entry->generation < cut->after && entry->offset >= cut->result)
            return INTERLEAVE_WENT;
        if (!cut->has_ended && entry->generation <= cut->before && batch_end > cut->asked)
            fate = INTERLEAVE_MAY_GO;
    }
    return fate;
}

/* ---- Bytes ---- */

void
interleave_value_make(int log, uint32_t number, uint8_t *value, size_t size)
{
    uint32_t head[2] = {(uint32_t)log, number};

    strand_assert(size >= sizeof head);
    memset(value, (int)(number * 37 + 1) & 255, size);
    memcpy(value, head, sizeof head);
}

bool
interleave_value_read(int log, const void *data, size_t size, uint32_t *out_number)
{
    uint8_t value[INTERLEAVE_VALUE_MAX];
    uint32_t head[2];

    if (size < sizeof head || size > sizeof value)
        return false;
    memcpy(head, data, sizeof head);
    interleave_value_make(log, head[1], value, size);
    if (head[0] != (uint32_t)log || memcmp(data, value, size) != 0)
        return false;
    *out_number = head[1];
    return true;
}

int64_t
interleave_timestamp(uint32_t number)
{
    return INT64_C(1700000000000) + (int64_t)number * 10;
}
