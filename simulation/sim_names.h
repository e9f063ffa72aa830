/* simulation/sim_names.h -- The names in a directory, and the changes between two states of them.
 *
 * A change is one operation, atomic: it takes a name away, adds one, or both at once (a rename).
 */
#ifndef STRAND_SIMULATION_SIM_NAMES_H
#define STRAND_SIMULATION_SIM_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct strand_sim_inode;

struct strand_sim_entry {
    char *name;                     /* owned */
    struct strand_sim_inode *inode; /* counted */
};

struct strand_sim_names {
    struct strand_sim_entry *entries; /* owned; sorted bytewise */
    size_t count;
    size_t capacity;
    bool counts_links; /* these names make up the link counts: they are the cache's */
};

struct strand_sim_change {
    char *cleared;                  /* owned; NULL: no name goes */
    char *set;                      /* owned; NULL: no name comes */
    struct strand_sim_inode *inode; /* counted; what SET names; NULL without it */
};

struct strand_sim_changes {
    struct strand_sim_change *items; /* owned; oldest first */
    size_t count;
    size_t capacity;
};

/* NULL: nothing has that name. */
struct strand_sim_inode *strand_sim_names_find(const struct strand_sim_names *names,
                                               const char *name);
void strand_sim_names_apply(struct strand_sim_names *names, const struct strand_sim_change *change);

/* Fill TO, empty, with FROM's names: for the same inodes, or for their copies (see SCRATCH). */
void strand_sim_names_copy(struct strand_sim_names *to, const struct strand_sim_names *from,
                           bool of_copies);
void strand_sim_names_clear(struct strand_sim_names *names);

/* Add a copy of CHANGE. */
void strand_sim_changes_add(struct strand_sim_changes *changes,
                            const struct strand_sim_change *change);
void strand_sim_changes_clear(struct strand_sim_changes *changes);

#endif
