/* simulation/crash_worker.c -- Second crashes are generated and checked at once, one by one:
 * nothing of them is kept but their hashes.
 */
#include "simulation/crash_worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "simulation/sim_memory.h"

void
strand_crash_counts_add(struct strand_crash_counts *to, const struct strand_crash_counts *from)
{
    to->unique += from->unique;
    to->generated += from->generated;
    to->recoveries += from->recoveries;
    to->points += from->points;
    to->sampled_points += from->sampled_points;
}

void
strand_crash_worker_free(struct strand_crash_worker *worker)
{
    strand_crash_states_free(&worker->states);
    strand_sim_record_free(&worker->record);
    strand_crash_disk_free(&worker->disk);
    strand_crash_disk_free(&worker->image);
    free(worker->notes);
    free(worker->refused);
}

uint64_t
strand_crash_state_key(uint64_t hash, uint32_t kind, uint64_t boots, uint64_t note_hash,
                       size_t run_note_count)
{
    uint64_t key = strand_sim_mix_two(hash, note_hash + run_note_count);

    return kind == STRAND_CRASH_POWER ? key : strand_sim_mix_two(key, boots + 1);
}

uint64_t
strand_crash_note_hash(uint64_t hash, uint64_t note)
{
    return strand_sim_mix_two(hash, note);
}

struct strand_crash_past
strand_crash_item_past(const struct strand_crash_item *item, const uint64_t *notes)
{
    return (struct strand_crash_past){
        .image = &item->image,
        .boots = item->kind == STRAND_CRASH_POWER,
        .lives = 1,
        .state =
            {
                .struct_size = sizeof(struct strand_crash_state),
                .notes = notes,
                .note_count = item->note_count,
                .run_note_count = item->note_count,
                .kind = item->kind,
                .cut_note_count = item->kind == STRAND_CRASH_POWER ? item->note_count : 0,
            },
    };
}

struct strand_crash_past
strand_crash_second_past(const struct strand_crash_past *first,
                         const struct strand_crash_disk *image, uint32_t kind,
                         const uint64_t *notes, size_t note_count)
{
    struct strand_crash_past past = *first;

    past.image = image;
    past.boots += kind == STRAND_CRASH_POWER;
    past.lives++;
    past.state.kind = kind;
    past.state.notes = notes;
    past.state.note_count = note_count;
    if (kind == STRAND_CRASH_POWER)
        past.state.cut_note_count = note_count;
    return past;
}

/* ---- Behind a second crash ---- */

/* A point between operations of CHECK and GO_ON. */
struct second_point {
    const struct strand_crash_past *first; /* borrowed */
    uint64_t item;
    uint64_t point;
    size_t note_count;
    uint64_t note_hash;
};

static bool
is_late(struct strand_crash_work *work)
{
    if (atomic_load_explicit(&work->is_late, memory_order_relaxed))
        return true;
    if (work->deadline_ns == INT64_MAX || strand_thread_now_ns() < work->deadline_ns)
        return false;
    atomic_store_explicit(&work->is_late, true, memory_order_relaxed);
    return true;
}

static void
refuse(struct strand_crash_worker *worker, uint64_t key)
{
    worker->refused = strand_sim_grow(worker->refused, &worker->refused_capacity,
                                      worker->refused_count, sizeof *worker->refused);
    worker->refused[worker->refused_count++] = key;
}

/* Whether nobody has met or will meet this state but this worker. */
static bool
claim(struct strand_crash_worker *worker, const struct second_point *point, uint64_t key,
      uint32_t kind, uint64_t state)
{
    const struct strand_crash_place place = {point->item, point->point, state + 1, kind};

    worker->counts.generated++;
    return !strand_crash_seen_find(&worker->work->first, key, NULL) &&
           strand_crash_seen_claim(&worker->work->second, key, &place);
}

/* What a second crash has left in the worker's image. */
static void
check_image(struct strand_crash_worker *worker, const struct second_point *point, uint32_t kind,
            uint64_t key)
{
    char sentence[STRAND_CRASH_SENTENCE_SIZE];
    const struct strand_crash_past past = strand_crash_second_past(
        point->first, &worker->image, kind, worker->notes, point->note_count);

    worker->counts.unique++;
    worker->counts.recoveries++;
    if (!strand_crash_attempt_check(worker->work->setup, &past, false, false, NULL, sentence))
        refuse(worker, key); /* what is wrong is said when it is repeated */
}

static void
cut_power(struct strand_crash_worker *worker, const struct second_point *point)
{
    struct strand_crash_generated state;

    strand_crash_states_begin(&worker->states, &worker->disk, point->point);
    worker->counts.sampled_points += worker->states.is_sampled;
    while (strand_crash_states_next(&worker->states, &state) && !is_late(worker->work)) {
        uint64_t key = strand_crash_state_key(state.hash, STRAND_CRASH_POWER, 0, point->note_hash,
                                              point->first->state.run_note_count);

        if (!claim(worker, point, key, STRAND_CRASH_POWER, state.number))
            continue;
        strand_crash_states_build(&worker->states, &worker->image);
        check_image(worker, point, STRAND_CRASH_POWER, key);
    }
}

static void
kill_process(struct strand_crash_worker *worker, const struct second_point *point)
{
    uint64_t key = strand_crash_state_key(strand_crash_disk_hash(&worker->disk), STRAND_CRASH_KILL,
                                          point->first->boots, point->note_hash,
                                          point->first->state.run_note_count);

    if (!claim(worker, point, key, STRAND_CRASH_KILL, 0))
        return;
    strand_crash_disk_clear(&worker->image);
    strand_crash_disk_copy(&worker->image, &worker->disk);
    check_image(worker, point, STRAND_CRASH_KILL, key);
}

/* All notes that there may be behind the second crash. */
static void
gather_notes(struct strand_crash_worker *worker, const struct strand_crash_past *first)
{
    size_t count = first->state.note_count + worker->record.note_count;

    if (count > worker->note_capacity) {
        worker->notes = realloc(worker->notes, count * 2 * sizeof *worker->notes);
        strand_assert(worker->notes != NULL);
        worker->note_capacity = count * 2;
    }
    if (first->state.note_count > 0)
        memcpy(worker->notes, first->state.notes, first->state.note_count * sizeof *worker->notes);
    if (worker->record.note_count > 0)
        memcpy(worker->notes + first->state.note_count, worker->record.notes,
               worker->record.note_count * sizeof *worker->notes);
}

static void
crash_again(struct strand_crash_worker *worker, const struct strand_crash_item *item,
            const struct strand_crash_past *first, uint64_t number)
{
    const struct strand_sim_record *record = &worker->record;
    uint32_t crashes = worker->work->setup->crashes;
    struct second_point point = {first, number, 0, item->note_count, item->note_hash};

    gather_notes(worker, first);
    strand_crash_disk_clear(&worker->disk);
    strand_crash_disk_copy(&worker->disk, &item->image);
    for (; point.point <= record->operation_count && !is_late(worker->work); point.point++) {
        if (point.point > 0) {
            size_t note_end = record->operations[point.point - 1].note_end + item->note_count;

            strand_crash_disk_apply(&worker->disk, record, point.point);
            while (point.note_count < note_end)
                point.note_hash =
                    strand_crash_note_hash(point.note_hash, worker->notes[point.note_count++]);
        }
        worker->counts.points++;
        if ((crashes & STRAND_CRASH_KILL) != 0)
            kill_process(worker, &point);
        if ((crashes & STRAND_CRASH_POWER) != 0)
            cut_power(worker, &point);
    }
}

/* ---- Items ---- */

static void
check_item(struct strand_crash_worker *worker, struct strand_crash_item *item, uint64_t number)
{
    const struct strand_crash_setup *setup = worker->work->setup;
    const struct strand_crash_past past = strand_crash_item_past(item, worker->work->notes);
    bool goes_deeper = setup->depth > 1;
    char sentence[STRAND_CRASH_SENTENCE_SIZE];

    worker->counts.unique++;
    worker->counts.recoveries++;
    item->is_violated = !strand_crash_attempt_check(setup, &past, goes_deeper, false,
                                                    goes_deeper ? &worker->record : NULL, sentence);
    if (goes_deeper && !item->is_violated)
        crash_again(worker, item, &past, number);
}

void
strand_crash_worker_work(struct strand_crash_worker *worker)
{
    struct strand_crash_work *work = worker->work;

    while (!is_late(work)) {
        size_t index = atomic_fetch_add_explicit(&work->next, 1, memory_order_relaxed);

        if (index >= work->item_count)
            return;
        check_item(worker, &work->items[index], work->first_item + index);
    }
}
