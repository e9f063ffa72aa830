/* simulation/crash_sample.c -- Some of the states of a point that has too many.
 *
 * The choices that make a state are listed as units, each with the value 0 for what is on the disk.
 * A sample sets every unit by a simple rule; which one its number says.
 */
#include <stdlib.h>

#include "simulation/crash_states.h"
#include "simulation/sim_inode.h"
#include "simulation/sim_memory.h"

static void
add_unit(struct strand_crash_states *states, const struct strand_crash_unit *unit)
{
    states->units = strand_sim_grow(states->units, &states->unit_capacity, states->unit_count,
                                    sizeof *states->units);
    states->units[states->unit_count++] = *unit;
}

static void
add_operation(struct strand_crash_states *states, size_t operation)
{
    states->operations = strand_sim_grow(states->operations, &states->operation_capacity,
                                         states->operation_count, sizeof *states->operations);
    states->operations[states->operation_count++] = operation;
}

static void
add_file(struct strand_crash_states *states, uint32_t inode)
{
    const struct strand_crash_contents *contents = &states->contents[inode];
    const struct strand_crash_file *file = &states->disk->inodes[inode].file;

    if (contents->row_count > 1)
        add_unit(states, &(struct strand_crash_unit){.kind = STRAND_CRASH_UNIT_SIZE,
                                                     .inode = inode,
                                                     .value_count = contents->row_count});
    for (size_t i = 0; i < contents->pending_count; i++)
        add_unit(states,
                 &(struct strand_crash_unit){.kind = STRAND_CRASH_UNIT_PAGE,
                                             .inode = inode,
                                             .index = i,
                                             .value_count = contents->pending[i].piece_count});
    for (size_t i = 0; i < file->size_count; i++)
        add_operation(states, file->sizes[i].operation);
    for (size_t i = 0; i < file->page_count; i++)
        for (size_t v = 0; v < file->pages[i].version_count; v++)
            add_operation(states, file->pages[i].versions[v].operation);
}

static void
add_directory(struct strand_crash_states *states, size_t index)
{
    const struct strand_crash_axis *axis = &states->axes[index];
    const struct strand_crash_change *changes = states->disk->inodes[axis->inode].directory.changes;

    for (size_t i = 0; i < axis->change_count; i++) {
        add_operation(states, changes[i].operation);
        if (states->rules.any_names)
            add_unit(states, &(struct strand_crash_unit){.kind = STRAND_CRASH_UNIT_CHANGE,
                                                         .inode = axis->inode,
                                                         .index = index,
                                                         .change = i,
                                                         .value_count = 2});
    }
    if (!states->rules.any_names)
        add_unit(states, &(struct strand_crash_unit){.kind = STRAND_CRASH_UNIT_PREFIX,
                                                     .inode = axis->inode,
                                                     .index = index,
                                                     .value_count = axis->change_count + 1});
}

static int
compare_operations(const void *a, const void *b)
{
    const size_t *first = a;
    const size_t *second = b;

    return *first < *second ? -1 : *first > *second;
}

static void
sort_operations(struct strand_crash_states *states)
{
    size_t kept = 0;

    if (states->operation_count == 0)
        return;
    qsort(states->operations, states->operation_count, sizeof *states->operations,
          compare_operations);
    for (size_t i = 1; i < states->operation_count; i++)
        if (states->operations[i] != states->operations[kept])
            states->operations[++kept] = states->operations[i];
    states->operation_count = kept + 1;
}

void
strand_crash_sample_begin(struct strand_crash_states *states)
{
    states->unit_count = 0;
    states->operation_count = 0;
    for (size_t i = 0; i < states->axis_count; i++)
        add_directory(states, i);
    for (uint32_t i = 1; i <= states->disk->inode_count; i++)
        if (states->disk->inodes[i].is_there && !states->disk->inodes[i].is_directory)
            add_file(states, i);
    sort_operations(states);
    states->count = 2 + 2 * states->unit_count + states->operation_count + states->rules.samples;
}

/* ---- Values ---- */

static size_t
changes_until(const struct strand_crash_directory *directory, size_t operation)
{
    size_t count = 0;

    while (count < directory->change_count && directory->changes[count].operation <= operation)
        count++;
    return count;
}

/* The value of UNIT when everything up to OPERATION has reached the disk. */
static size_t
value_at(const struct strand_crash_states *states, const struct strand_crash_unit *unit,
         size_t operation)
{
    const struct strand_crash_inode *inode = &states->disk->inodes[unit->inode];
    const struct strand_crash_contents *contents = &states->contents[unit->inode];
    const struct strand_crash_pending_page *pending;
    const struct strand_crash_page *page;
    size_t value = 0;

    switch (unit->kind) {
    case STRAND_CRASH_UNIT_PREFIX:
        return changes_until(&inode->directory, operation);
    case STRAND_CRASH_UNIT_CHANGE:
        return changes_until(&inode->directory, operation) > unit->change;
    case STRAND_CRASH_UNIT_SIZE:
        for (size_t i = 0; i < inode->file.size_count; i++)
            if (inode->file.sizes[i].operation <= operation)
                value = contents->row_of_size[i];
        return value;
    case STRAND_CRASH_UNIT_PAGE:
        pending = &contents->pending[unit->index];
        page = &inode->file.pages[pending->index];
        for (size_t i = 0; i < page->version_count; i++)
            if (page->versions[i].operation <= operation)
                value = contents->piece_of_version[pending->first_version + i];
        return value;
    }
    return value;
}

/* Whether sample NUMBER is made of what comes up to an operation, and up to which. */
static void
set_values(struct strand_crash_states *states, uint64_t number)
{
    uint64_t units = states->unit_count;
    uint64_t random = strand_sim_mix_two(states->rules.seed + states->salt, number);
    size_t operation = SIZE_MAX;
    size_t other = SIZE_MAX; /* the unit that is not as the others */
    bool is_random = number >= 2 + 2 * units + states->operation_count;

    if (number == 0)
        operation = 0;
    else if (number >= 2 && number < 2 + units)
        other = (size_t)(number - 2);
    else if (number >= 2 + units && number < 2 + 2 * units)
        other = (size_t)(number - 2 - units);
    else if (number >= 2 + 2 * units && !is_random)
        operation = states->operations[number - 2 - 2 * units];

    bool is_only = other != SIZE_MAX && number >= 2 + units;
    for (size_t i = 0; i < states->unit_count; i++) {
        struct strand_crash_unit *unit = &states->units[i];

        if (is_random)
            unit->value = (size_t)(strand_sim_next_random(&random) % unit->value_count);
        else if (number == 0 || (other != SIZE_MAX && (i == other) != is_only))
            unit->value = 0;
        else
            unit->value = value_at(states, unit, operation);
    }
}

static void
set_flags(struct strand_crash_states *states)
{
    for (size_t i = 0; i < states->unit_count; i++) {
        const struct strand_crash_unit *unit = &states->units[i];

        if (unit->kind == STRAND_CRASH_UNIT_CHANGE)
            states->flags[states->axes[unit->index].first_flag + unit->change] = unit->value != 0;
        if (unit->kind != STRAND_CRASH_UNIT_PREFIX)
            continue;
        for (size_t change = 0; change < states->axes[unit->index].change_count; change++)
            states->flags[states->axes[unit->index].first_flag + change] = change < unit->value;
    }
}

struct strand_crash_choice
strand_crash_sample_choice(struct strand_crash_states *states, uint32_t inode)
{
    size_t pending_count = states->contents[inode].pending_count;

    while (states->piece_capacity < pending_count)
        states->pieces = strand_sim_grow(states->pieces, &states->piece_capacity,
                                         states->piece_capacity, sizeof *states->pieces);
    struct strand_crash_choice choice = {.pieces = states->pieces};
    for (size_t i = 0; i < states->unit_count; i++) {
        const struct strand_crash_unit *unit = &states->units[i];

        if (unit->inode != inode)
            continue;
        if (unit->kind == STRAND_CRASH_UNIT_SIZE)
            choice.row = unit->value;
        else if (unit->kind == STRAND_CRASH_UNIT_PAGE)
            choice.pieces[unit->index] = unit->value;
    }
    return choice;
}

uint64_t
strand_crash_sample_next(struct strand_crash_states *states)
{
    set_values(states, states->next);
    set_flags(states);
    strand_crash_states_walk(states);

    uint64_t hash = states->fixed_hash;
    for (uint32_t i = 1; i <= states->disk->inode_count; i++) {
        if (states->paths[i] == 0 || states->disk->inodes[i].is_directory)
            continue;
        struct strand_crash_choice choice = strand_crash_sample_choice(states, i);
        hash += strand_sim_mix_two(states->paths[i],
                                   strand_crash_contents_hash(&states->contents[i], &choice));
    }
    return hash;
}
