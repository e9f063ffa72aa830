/* simulation/crash_states.h -- Which disks a power cut may leave of one with pending things.
 *
 * The rules are those of strandline/crash.h.  A state is made of choices: for each directory which
 * of its pending changes survive, for each file that has a name then one of its contents.  States
 * are generated in a fixed order, numbered from 0, each with a hash of all that a process would
 * find on the disk: paths, contents and sizes, and which paths name the same file.  Different
 * choices may make the same state: the hash tells, and building it is put off until it is known to
 * be new.
 *
 * At a point with more than STATES_MAX states a sample is generated instead: nothing that is
 * pending survives; all; all but each single choice; each single choice alone; all up to each
 * operation; and SAMPLES random ones.
 *
 *     strand_crash_states_begin(&states, &disk, salt);
 *     while (strand_crash_states_next(&states, &state))
 *         if (is_new(state.hash))
 *             strand_crash_states_build(&states, &image);
 *
 * Threading: none.
 */
#ifndef STRAND_SIMULATION_CRASH_STATES_H
#define STRAND_SIMULATION_CRASH_STATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "simulation/crash_contents.h"
#include "simulation/crash_disk.h"

struct strand_crash_rules {
    bool any_names; /* of a directory's changes any may survive, not just the first few */
    bool whole_pages;
    bool looks_behind; /* states differ by what stands behind the end of a file, too; their numbers
                          do not depend on it */
    uint64_t states_max;
    uint64_t samples;
    uint64_t seed;
};

struct strand_crash_generated {
    uint64_t hash;
    uint64_t number;
};

/* A directory with pending changes. */
struct strand_crash_axis {
    uint32_t inode;
    size_t first_flag;
    size_t change_count;
    uint64_t choice; /* how many, or which as bits */
    uint64_t choice_count;
};

/* A file with several contents, under the present choice of names. */
struct strand_crash_digit {
    uint32_t inode;
    uint64_t number; /* of the content */
    uint64_t sum;    /* of the hashes of all digits before this one */
};

/* A single choice of a sample. */
enum strand_crash_unit_kind {
    STRAND_CRASH_UNIT_PREFIX, /* how many changes of a directory */
    STRAND_CRASH_UNIT_CHANGE, /* whether one of them */
    STRAND_CRASH_UNIT_SIZE,   /* which size of a file */
    STRAND_CRASH_UNIT_PAGE,   /* which piece of a page */
};

struct strand_crash_unit {
    enum strand_crash_unit_kind kind;
    uint32_t inode;
    size_t index; /* of the axis, or in the file's pending pages */
    size_t change;
    size_t value_count;
    size_t value;
};

/* All zeros but RULES: ready. */
struct strand_crash_states {
    struct strand_crash_rules rules;
    const struct strand_crash_disk *disk; /* borrowed; always the same one */
    uint64_t salt;
    bool is_sampled;
    uint64_t count; /* of all; UINT64_MAX: too many to count.  Of the sample when it is one */
    uint64_t next;  /* the number of the state to come */

    struct strand_crash_contents *contents; /* owned, as all below; by inode */
    uint64_t *paths;                        /* by inode; 0: it has no name */
    uint32_t *stack;
    size_t inode_capacity;
    struct strand_crash_axis *axes;
    size_t axis_count;
    size_t axis_capacity;
    bool *flags; /* for each pending change: it survives */
    size_t flag_count;
    size_t flag_capacity;
    struct strand_crash_names names; /* of one directory */
    uint64_t fixed_hash;
    struct strand_crash_digit *digits;
    size_t digit_count;
    size_t digit_capacity;
    bool has_names; /* DIGITS and PATHS are those of the present choice */
    struct strand_crash_unit *units;
    size_t unit_count;
    size_t unit_capacity;
    size_t *operations; /* that something is pending of; sorted */
    size_t operation_count;
    size_t operation_capacity;
    size_t *pieces; /* of one file */
    size_t piece_capacity;
};

/* The states of DISK as it is now.  SALT, with the seed, decides what is random. */
void strand_crash_states_begin(struct strand_crash_states *states,
                               const struct strand_crash_disk *disk, uint64_t salt);

/* false: there is none left. */
bool strand_crash_states_next(struct strand_crash_states *states,
                              struct strand_crash_generated *out_state);

/* Make IMAGE the state that next() gave last.  It borrows pages and names from the disk. */
void strand_crash_states_build(struct strand_crash_states *states, struct strand_crash_disk *image);

/* Of a file that has a name in that state, its content; valid until the next such call. */
struct strand_crash_choice strand_crash_states_choice(struct strand_crash_states *states,
                                                      uint32_t inode);
void strand_crash_states_free(struct strand_crash_states *states);

/* ---- For crash_sample.c, which makes the samples ---- */

/* Work out what has a name, given the flags. */
void strand_crash_states_walk(struct strand_crash_states *states);
void strand_crash_sample_begin(struct strand_crash_states *states);
uint64_t strand_crash_sample_next(struct strand_crash_states *states);

/* The sample's present choice for a file. */
struct strand_crash_choice strand_crash_sample_choice(struct strand_crash_states *states,
                                                      uint32_t inode);

#endif
