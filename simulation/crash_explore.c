/* simulation/crash_explore.c -- Gathers items, has them checked, remembers the first violation. */
#include "simulation/crash_explore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/thread.h"
#include "simulation/crash_path.h"
#include "simulation/crash_worker.h"
#include "simulation/sim_memory.h"

enum { BATCH = 1024, DEEP_BATCH = 64, NS_PER_SECOND = 1000000000 };

struct explorer {
    const struct strand_crash_setup *setup; /* borrowed */
    struct strand_crash_result *result;     /* borrowed */
    struct strand_crash_work work;
    struct strand_crash_worker *workers; /* owned; setup->jobs of them */
    struct strand_crash_counts counts;
    int64_t start_ns;
    bool is_stopped;

    /* The run whose crashes are looked at. */
    struct strand_crash_planned planned;
    struct strand_sim_record record;
    struct strand_crash_disk disk;
    struct strand_crash_states states;
    uint64_t point;
    size_t note_count;
    uint64_t note_hash;

    struct strand_crash_path first_violation; /* no steps: none */
};

/* ---- Checking ---- */

static void
report(struct explorer *explorer)
{
    struct strand_crash_result *result = explorer->result;
    struct strand_crash_counts counts = explorer->counts;

    for (uint32_t i = 0; i < explorer->setup->jobs; i++)
        strand_crash_counts_add(&counts, &explorer->workers[i].counts);
    result->unique_states = counts.unique;
    result->generated = counts.generated;
    result->recoveries = counts.recoveries;
    result->crash_points = counts.points;
    result->sampled_points = counts.sampled_points;
    result->seconds = (double)(strand_thread_now_ns() - explorer->start_ns) / NS_PER_SECOND;
}

static void
work_on_thread(void *worker)
{
    strand_crash_worker_work(worker);
}

/* The caller is one of the threads. */
static void
check_on_threads(struct explorer *explorer)
{
    struct strand_thread *threads = calloc(explorer->setup->jobs, sizeof *threads);
    uint32_t count = 0;

    strand_assert(threads != NULL);
    while (count + 1 < explorer->setup->jobs && count + 1 < explorer->work.item_count &&
           strand_thread_start(&threads[count], "crash", work_on_thread,
                               &explorer->workers[count + 1]) == STRAND_OK)
        count++; /* where threads are scarce fewer do */
    strand_crash_worker_work(&explorer->workers[0]);
    while (count > 0)
        strand_thread_join(&threads[--count]);
    free(threads);
}

/* How many violations the batch has; the place of the first, one behind a single crash if there is
 * such: it is easier to understand. */
static uint64_t
find_violations(struct explorer *explorer, struct strand_crash_place *out_first)
{
    struct strand_crash_work *work = &explorer->work;
    struct strand_crash_place place;
    uint64_t item_count = 0;
    uint64_t count = 0;

    for (size_t i = 0; i < work->item_count; i++)
        if (work->items[i].is_violated && item_count++ == 0)
            *out_first = (struct strand_crash_place){.item = work->first_item + i};
    for (uint32_t i = 0; i < explorer->setup->jobs; i++) {
        struct strand_crash_worker *worker = &explorer->workers[i];

        for (size_t r = 0; r < worker->refused_count; r++) {
            bool is_found = strand_crash_seen_find(&work->second, worker->refused[r], &place);

            strand_assert(is_found);
            if (item_count == 0 && (count == 0 || strand_crash_place_is_lower(&place, out_first)))
                *out_first = place;
            count++;
        }
        worker->refused_count = 0;
    }
    return item_count + count;
}

static void
remember_violation(struct explorer *explorer, const struct strand_crash_place *place)
{
    const struct strand_crash_item *item =
        &explorer->work.items[place->item - explorer->work.first_item];
    struct strand_crash_path *path = &explorer->first_violation;

    path->planned = explorer->planned;
    path->steps[path->step_count++] =
        (struct strand_crash_step){item->kind, item->point, item->state};
    if (place->state != 0)
        path->steps[path->step_count++] =
            (struct strand_crash_step){place->kind, place->point, place->state - 1};
}

/* Each portion is a place to report and to stop at; behind a second crash an item takes long. */
static bool
is_full(const struct explorer *explorer)
{
    return explorer->work.item_count == (explorer->setup->depth > 1 ? DEEP_BATCH : BATCH);
}

/* Have all items checked, and make room for others. */
static void
check_batch(struct explorer *explorer)
{
    const struct strand_crash_setup *setup = explorer->setup;
    struct strand_crash_work *work = &explorer->work;
    struct strand_crash_place first = {.item = 0};

    work->notes = explorer->record.notes;
    atomic_store_explicit(&work->next, 0, memory_order_relaxed); /* nobody else is there yet */
    check_on_threads(explorer);
    uint64_t violations = find_violations(explorer, &first);
    if (violations > 0 && explorer->first_violation.step_count == 0)
        remember_violation(explorer, &first);
    explorer->result->violations += violations;
    work->first_item += work->item_count;
    work->item_count = 0;

    report(explorer);
    explorer->is_stopped = explorer->is_stopped ||
                           explorer->result->violations >= setup->violations_max ||
                           atomic_load_explicit(&work->is_late, memory_order_relaxed) ||
                           (setup->progress != NULL &&
                            setup->progress(setup->progress_context, explorer->result) != 0);
}

/* ---- Gathering ---- */

/* A free item for a state with this HASH; NULL when it is not new. */
static struct strand_crash_item *
add_item(struct explorer *explorer, uint64_t hash, uint32_t kind, uint64_t state)
{
    struct strand_crash_work *work = &explorer->work;
    uint64_t key = strand_crash_state_key(hash, kind, 0, explorer->note_hash, explorer->note_count);
    struct strand_crash_place place = {.item = work->first_item + work->item_count};

    explorer->counts.generated++;
    if (!strand_crash_seen_claim(&work->first, key, &place))
        return NULL;
    struct strand_crash_item *item = &work->items[work->item_count++];
    item->point = explorer->point;
    item->state = state;
    item->kind = kind;
    item->note_count = explorer->note_count;
    item->note_hash = explorer->note_hash;
    item->is_violated = false;
    return item;
}

static void
gather_kill(struct explorer *explorer)
{
    struct strand_crash_item *item =
        add_item(explorer, strand_crash_disk_hash(&explorer->disk), STRAND_CRASH_KILL, 0);

    if (item == NULL)
        return;
    strand_crash_disk_clear(&item->image);
    strand_crash_disk_copy(&item->image, &explorer->disk);
    if (is_full(explorer))
        check_batch(explorer);
}

static void
gather_power_cuts(struct explorer *explorer)
{
    struct strand_crash_generated state;

    strand_crash_states_begin(&explorer->states, &explorer->disk, explorer->point);
    explorer->counts.sampled_points += explorer->states.is_sampled;
    while (!explorer->is_stopped && strand_crash_states_next(&explorer->states, &state)) {
        struct strand_crash_item *item =
            add_item(explorer, state.hash, STRAND_CRASH_POWER, state.number);

        if (item == NULL)
            continue;
        strand_crash_states_build(&explorer->states, &item->image);
        if (is_full(explorer))
            check_batch(explorer);
    }
}

/* The first point that was not there without the fault. */
static uint64_t
first_point(const struct explorer *explorer)
{
    uint64_t point = 1;

    if (explorer->planned.fault == 0)
        return 0;
    while (!explorer->record.operations[point - 1].has_failed)
        point++;
    return point;
}

/* The record happens, operation by operation. */
static void
gather_points(struct explorer *explorer)
{
    const struct strand_sim_record *record = &explorer->record;
    uint64_t first = first_point(explorer);

    strand_crash_disk_clear(&explorer->disk);
    explorer->note_count = 0;
    explorer->note_hash = 0;
    for (explorer->point = 0; explorer->point <= record->operation_count; explorer->point++) {
        if (explorer->point > 0) {
            strand_crash_disk_apply(&explorer->disk, record, explorer->point);
            while (explorer->note_count < record->operations[explorer->point - 1].note_end)
                explorer->note_hash = strand_crash_note_hash(explorer->note_hash,
                                                             record->notes[explorer->note_count++]);
        }
        if (explorer->point < first)
            continue;
        explorer->counts.points++;
        if ((explorer->setup->crashes & STRAND_CRASH_KILL) != 0)
            gather_kill(explorer);
        if ((explorer->setup->crashes & STRAND_CRASH_POWER) != 0)
            gather_power_cuts(explorer);
        if (explorer->is_stopped)
            return;
    }
    check_batch(explorer);
}

/* One run and its crashes.  *OUT_IS_STRUCK: its fault, if any, was reached. */
static int
explore_run(struct explorer *explorer, bool *out_is_struck)
{
    explorer->result->runs++;
    if (!strand_crash_attempt_run(explorer->setup, &explorer->planned, &explorer->record,
                                  out_is_struck, explorer->result->sentence))
        return STRAND_ERR_FAILED;
    if (explorer->planned.fault == 0 || *out_is_struck)
        gather_points(explorer);
    return STRAND_OK;
}

static int
explore_faults(struct explorer *explorer)
{
    bool is_struck;
    int status = explore_run(explorer, &is_struck);

    for (uint32_t fault = 1; fault <= explorer->setup->faults; fault *= 2) {
        is_struck = (explorer->setup->faults & fault) != 0;
        for (uint64_t call = 1; is_struck && status == STRAND_OK && !explorer->is_stopped; call++) {
            explorer->planned = (struct strand_crash_planned){fault, call};
            status = explore_run(explorer, &is_struck);
        }
    }
    return status;
}

/* ---- The whole ---- */

static void
begin(struct explorer *explorer)
{
    const struct strand_crash_setup *setup = explorer->setup;

    explorer->start_ns = strand_thread_now_ns();
    explorer->work.setup = setup;
    explorer->work.deadline_ns =
        setup->time_limit_ns == 0 ? INT64_MAX : explorer->start_ns + setup->time_limit_ns;
    explorer->work.items = calloc(BATCH, sizeof *explorer->work.items);
    explorer->workers = calloc(setup->jobs, sizeof *explorer->workers);
    strand_assert(explorer->work.items != NULL && explorer->workers != NULL);
    strand_crash_seen_init(&explorer->work.first);
    strand_crash_seen_init(&explorer->work.second);
    explorer->states.rules = setup->rules;
    explorer->states.rules.looks_behind = setup->depth > 1;
    for (uint32_t i = 0; i < setup->jobs; i++) {
        explorer->workers[i].work = &explorer->work;
        explorer->workers[i].states.rules = setup->rules;
    }
}

static void
end(struct explorer *explorer)
{
    for (uint32_t i = 0; i < explorer->setup->jobs; i++)
        strand_crash_worker_free(&explorer->workers[i]);
    free(explorer->workers);
    for (size_t i = 0; i < BATCH; i++)
        strand_crash_disk_free(&explorer->work.items[i].image);
    free(explorer->work.items);
    strand_crash_seen_deinit(&explorer->work.first);
    strand_crash_seen_deinit(&explorer->work.second);
    strand_sim_record_free(&explorer->record);
    strand_crash_disk_free(&explorer->disk);
    strand_crash_states_free(&explorer->states);
}

/* Sentence and trace of the first violation, had by meeting it again. */
static void
tell_violation(const struct explorer *explorer)
{
    struct strand_crash_result *result = explorer->result;
    struct strand_crash_result again = {.violations = 0};

    strand_crash_path_write(&explorer->first_violation, &explorer->setup->rules, result->replay);
    if (strand_crash_path_follow(explorer->setup, &explorer->first_violation, &again) ==
        STRAND_CRASH_VIOLATED)
        memcpy(result->sentence, again.sentence, sizeof result->sentence);
    else
        (void)snprintf(result->sentence, sizeof result->sentence,
                       "a check failed, and passed when it was repeated: the program does not do "
                       "the same each time"); /* it fits */
    memcpy(result->trace, again.trace, sizeof result->trace);
}

int
strand_crash_explore_all(const struct strand_crash_setup *setup,
                         struct strand_crash_result *out_result)
{
    struct explorer explorer = {.setup = setup, .result = out_result};

    begin(&explorer);
    int status = explore_faults(&explorer);
    report(&explorer);
    out_result->is_complete = status == STRAND_OK && !explorer.is_stopped;
    if (status == STRAND_OK && out_result->violations > 0) {
        tell_violation(&explorer);
        status = STRAND_ERR_CORRUPT;
    } else if (status == STRAND_OK) {
        out_result->sentence[0] = '\0'; /* what a run with a fault said was its right */
    }
    end(&explorer);
    return status;
}
