/* simulation/crash_seen.h -- Which states have been met already, and who met them first.
 *
 * First is not who came first but whose place is the lowest: threads that race find the same.
 *
 * Threading: strand_crash_seen_claim() may be called by any thread.
 */
#ifndef STRAND_SIMULATION_CRASH_SEEN_H
#define STRAND_SIMULATION_CRASH_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/thread.h"

/* Where a state is: of the items that are worked on, and after a second crash in one of them. */
struct strand_crash_place {
    uint64_t item;
    uint64_t point; /* after the item's own crash; 0 and 0: that itself */
    uint64_t state; /* from 1 */
    uint32_t kind;  /* enum strand_crash_kind: of the last crash */
};

struct strand_crash_seen_entry {
    uint64_t key; /* 0: free */
    struct strand_crash_place place;
};

struct strand_crash_seen_part {
    struct strand_mutex lock;
    struct strand_crash_seen_entry *entries; /* owned; a power of two, at most half of it used */
    size_t capacity;
    size_t count;
};

enum { STRAND_CRASH_SEEN_PARTS = 64 };

struct strand_crash_seen {
    struct strand_crash_seen_part parts[STRAND_CRASH_SEEN_PARTS];
};

void strand_crash_seen_init(struct strand_crash_seen *seen);
void strand_crash_seen_deinit(struct strand_crash_seen *seen);

/* true when KEY is new; it is at PLACE now.  Else the lower of both places is remembered. */
bool strand_crash_seen_claim(struct strand_crash_seen *seen, uint64_t key,
                             const struct strand_crash_place *place);

/* Whether KEY was claimed; *OUT_PLACE (may be NULL) is where. */
bool strand_crash_seen_find(struct strand_crash_seen *seen, uint64_t key,
                            struct strand_crash_place *out_place);

bool strand_crash_place_is_lower(const struct strand_crash_place *a,
                                 const struct strand_crash_place *b);

#endif
