/* simulation/crash_states.c -- All states of a point: two counters, one over the names that
 * survive, and under each of its values one over the contents of the files that have a name then.
 *
 * The sums of the inner counter's hashes are kept for each digit, so that a step costs one addition
 * for the last digit, and what comes of it for the few that carry.
 */
#include "simulation/crash_states.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "simulation/sim_memory.h"

enum { CHANGES_MAX = 62 }; /* of which any subset can be counted */

void
strand_crash_states_free(struct strand_crash_states *states)
{
    for (size_t i = 0; i < states->inode_capacity; i++)
        strand_crash_contents_free(&states->contents[i]);
    free(states->contents);
    free(states->paths);
    free(states->stack);
    free(states->axes);
    free(states->flags);
    free(states->names.items);
    free(states->digits);
    free(states->units);
    free(states->operations);
    free(states->pieces);
    *states = (struct strand_crash_states){.rules = states->rules};
}

static void
make_room(struct strand_crash_states *states)
{
    size_t capacity = states->disk->inode_capacity;

    if (capacity <= states->inode_capacity)
        return;
    states->contents = realloc(states->contents, capacity * sizeof *states->contents);
    states->paths = realloc(states->paths, capacity * sizeof *states->paths);
    states->stack = realloc(states->stack, capacity * sizeof *states->stack);
    strand_assert(states->contents != NULL && states->paths != NULL && states->stack != NULL);
    memset(states->contents + states->inode_capacity, 0,
           (capacity - states->inode_capacity) * sizeof *states->contents);
    states->inode_capacity = capacity;
}

static void
add_axis(struct strand_crash_states *states, uint32_t inode, size_t change_count)
{
    uint64_t choice_count = change_count + 1;

    if (states->rules.any_names)
        choice_count = change_count > CHANGES_MAX ? UINT64_MAX : UINT64_C(1) << change_count;
    states->axes = strand_sim_grow(states->axes, &states->axis_capacity, states->axis_count,
                                   sizeof *states->axes);
    states->axes[states->axis_count++] = (struct strand_crash_axis){
        .inode = inode,
        .first_flag = states->flag_count,
        .change_count = change_count,
        .choice_count = choice_count,
    };
    for (size_t i = 0; i < change_count; i++) {
        states->flags = strand_sim_grow(states->flags, &states->flag_capacity, states->flag_count,
                                        sizeof *states->flags);
        states->flags[states->flag_count++] = false;
    }
}

/* ---- Names ---- */

/* The names in a directory, given the flags. */
static const struct strand_crash_names *
surviving_names(struct strand_crash_states *states, uint32_t inode)
{
    const struct strand_crash_directory *directory = &states->disk->inodes[inode].directory;
    const struct strand_crash_axis *axis = states->axes;

    if (directory->change_count == 0)
        return &directory->held;
    while (axis->inode != inode)
        axis++;
    strand_crash_names_copy(&states->names, &directory->held);
    for (size_t i = 0; i < directory->change_count; i++)
        if (states->flags[axis->first_flag + i])
            strand_crash_names_apply(&states->names, &directory->changes[i]);
    return &states->names;
}

void
strand_crash_states_walk(struct strand_crash_states *states)
{
    size_t depth = 0;

    memset(states->paths, 0, (states->disk->inode_count + 1) * sizeof *states->paths);
    states->fixed_hash = 0;
    states->paths[STRAND_SIM_ROOT_NUMBER] = 1;
    states->stack[depth++] = STRAND_SIM_ROOT_NUMBER;
    while (depth > 0) {
        uint32_t directory = states->stack[--depth];
        const struct strand_crash_names *names = surviving_names(states, directory);

        states->fixed_hash += strand_sim_mix(states->paths[directory]);
        for (size_t i = 0; i < names->count; i++) {
            uint32_t inode = names->items[i].inode;
            uint64_t path = strand_sim_mix_two(states->paths[directory],
                                               strand_sim_hash_text(names->items[i].name));

            if (states->disk->inodes[inode].is_directory && states->paths[inode] == 0)
                states->stack[depth++] = inode;
            states->paths[inode] += path;
        }
    }
}

/* Whether a directory that is gone has kept changes: the same as if it had not. */
static bool
is_redundant(const struct strand_crash_states *states)
{
    for (size_t i = 0; i < states->axis_count; i++)
        if (states->axes[i].choice != 0 && states->paths[states->axes[i].inode] == 0)
            return true;
    return false;
}

static void
set_flags(struct strand_crash_states *states)
{
    for (size_t a = 0; a < states->axis_count; a++) {
        const struct strand_crash_axis *axis = &states->axes[a];

        for (size_t i = 0; i < axis->change_count; i++)
            states->flags[axis->first_flag + i] =
                states->rules.any_names ? (axis->choice >> i & 1) != 0 : i < axis->choice;
    }
}

static void
begin_names(struct strand_crash_states *states)
{
    for (size_t i = 0; i < states->axis_count; i++)
        states->axes[i].choice = 0;
}

/* false: that was the last choice of names. */
static bool
next_names(struct strand_crash_states *states)
{
    for (size_t i = states->axis_count; i-- > 0;) {
        if (++states->axes[i].choice < states->axes[i].choice_count)
            return true;
        states->axes[i].choice = 0;
    }
    return false;
}

/* ---- Counting ---- */

static uint64_t
product(uint64_t a, uint64_t b)
{
    return b != 0 && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

/* How many states there are with the present names. */
static uint64_t
count_contents(const struct strand_crash_states *states)
{
    uint64_t count = 1;

    for (uint32_t i = 1; i <= states->disk->inode_count; i++)
        if (states->paths[i] != 0 && !states->disk->inodes[i].is_directory)
            count = product(count, states->contents[i].count);
    return count;
}

/* No more than the limit and one are counted. */
static uint64_t
count_states(struct strand_crash_states *states)
{
    uint64_t choices = 1;
    uint64_t count = 0;

    for (size_t i = 0; i < states->axis_count; i++)
        choices = product(choices, states->axes[i].choice_count);
    if (choices > states->rules.states_max)
        return UINT64_MAX;
    begin_names(states);
    do {
        set_flags(states);
        strand_crash_states_walk(states);
        uint64_t here = is_redundant(states) ? 0 : count_contents(states);
        if (here > states->rules.states_max - count)
            return UINT64_MAX;
        count += here;
    } while (next_names(states));
    return count;
}

void
strand_crash_states_begin(struct strand_crash_states *states, const struct strand_crash_disk *disk,
                          uint64_t salt)
{
    states->disk = disk;
    states->salt = salt;
    states->next = 0;
    states->axis_count = 0;
    states->flag_count = 0;
    states->has_names = false;
    make_room(states);
    for (uint32_t i = 1; i <= disk->inode_count; i++) {
        const struct strand_crash_inode *inode = &disk->inodes[i];

        if (inode->is_there && inode->is_directory && inode->directory.change_count > 0)
            add_axis(states, i, inode->directory.change_count);
        else if (inode->is_there && !inode->is_directory)
            strand_crash_contents_update(&states->contents[i], &inode->file, inode->generation,
                                         states->rules.whole_pages, states->rules.looks_behind,
                                         states->rules.states_max);
    }
    states->count = count_states(states);
    states->is_sampled = states->count == UINT64_MAX;
    if (states->is_sampled)
        strand_crash_sample_begin(states);
    else
        begin_names(states);
}

/* ---- Generating ---- */

static void
begin_digits(struct strand_crash_states *states)
{
    states->digit_count = 0;
    for (uint32_t i = 1; i <= states->disk->inode_count; i++) {
        const struct strand_crash_contents *contents = &states->contents[i];

        if (states->paths[i] == 0 || states->disk->inodes[i].is_directory)
            continue;
        if (contents->count == 1) {
            states->fixed_hash += strand_sim_mix_two(states->paths[i], contents->hashes[0]);
            continue;
        }
        states->digits = strand_sim_grow(states->digits, &states->digit_capacity,
                                         states->digit_count, sizeof *states->digits);
        states->digits[states->digit_count++] = (struct strand_crash_digit){.inode = i};
    }
}

/* Bring the sums up to date from digit FIRST on; return that of all. */
static uint64_t
sum_digits(struct strand_crash_states *states, size_t first)
{
    uint64_t sum = first == 0 ? states->fixed_hash : states->digits[first].sum;

    for (size_t i = first; i < states->digit_count; i++) {
        struct strand_crash_digit *digit = &states->digits[i];

        digit->sum = sum;
        sum += strand_sim_mix_two(states->paths[digit->inode],
                                  states->contents[digit->inode].hashes[digit->number]);
    }
    return sum;
}

/* The names of the next choice that is not redundant. */
static bool
begin_next_names(struct strand_crash_states *states, bool is_first)
{
    do {
        if (!is_first && !next_names(states))
            return false;
        is_first = false;
        set_flags(states);
        strand_crash_states_walk(states);
    } while (is_redundant(states));
    states->has_names = true;
    begin_digits(states);
    return true;
}

/* The hash of the next state that is no sample.  false: there is none. */
static bool
next_state(struct strand_crash_states *states, uint64_t *out_hash)
{
    for (size_t i = states->has_names ? states->digit_count : 0; i-- > 0;) {
        struct strand_crash_digit *digit = &states->digits[i];

        if (++digit->number < states->contents[digit->inode].count) {
            *out_hash = sum_digits(states, i);
            return true;
        }
        digit->number = 0;
    }
    if (!begin_next_names(states, !states->has_names))
        return false;
    *out_hash = sum_digits(states, 0);
    return true;
}

bool
strand_crash_states_next(struct strand_crash_states *states,
                         struct strand_crash_generated *out_state)
{
    uint64_t hash;

    if (states->next == states->count)
        return false;
    if (states->is_sampled) {
        hash = strand_crash_sample_next(states);
    } else {
        bool is_there = next_state(states, &hash);
        strand_assert(is_there);
    }
    *out_state = (struct strand_crash_generated){hash, states->next++};
    return true;
}

/* ---- Building ---- */

struct strand_crash_choice
strand_crash_states_choice(struct strand_crash_states *states, uint32_t inode)
{
    const struct strand_crash_contents *contents = &states->contents[inode];
    uint64_t number = 0;

    if (states->is_sampled)
        return strand_crash_sample_choice(states, inode);
    while (states->piece_capacity < contents->pending_count)
        states->pieces = strand_sim_grow(states->pieces, &states->piece_capacity,
                                         states->piece_capacity, sizeof *states->pieces);
    struct strand_crash_choice choice = {.pieces = states->pieces};
    for (size_t i = 0; i < states->digit_count; i++)
        if (states->digits[i].inode == inode)
            number = states->digits[i].number;
    strand_crash_contents_choose(contents, number, &choice);
    return choice;
}

void
strand_crash_states_build(struct strand_crash_states *states, struct strand_crash_disk *image)
{
    strand_crash_disk_clear(image);
    for (uint32_t i = 1; i <= states->disk->inode_count; i++) {
        const struct strand_crash_inode *inode = &states->disk->inodes[i];

        if (states->paths[i] == 0)
            continue;
        struct strand_crash_inode *built = strand_crash_disk_add(image, i, inode->is_directory);
        if (inode->is_directory) {
            strand_crash_names_copy(&built->directory.held, surviving_names(states, i));
            continue;
        }
        struct strand_crash_choice choice = strand_crash_states_choice(states, i);
        strand_crash_contents_build(&states->contents[i], &inode->file, &choice, image,
                                    &built->file);
    }
}
