/* recovery/frontier_slots.h -- The slots of the frontier in memory, and their bytes; private to
 * frontier.c.
 *
 * Slots stand in the order of the file, in numbered places; place 0 is the file's header.  An index
 * sorted by id finds them.
 *
 * Threading: the caller's lock.
 */
#ifndef STRAND_RECOVERY_FRONTIER_SLOTS_H
#define STRAND_RECOVERY_FRONTIER_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "recovery/frontier.h"
#include "strandline/status.h"

enum {
    STRAND_FRONTIER_SLOT_SIZE = 64,
    STRAND_FRONTIER_BLOCK_COUNT = 64,    /* slots by which the file grows */
    STRAND_FRONTIER_COUNT_MAX = 1 << 22, /* slots; keeps the file at 256 MiB */
    STRAND_FRONTIER_VERSION = 1,
};

struct strand_frontier_place {
    struct strand_frontier_slot slot;
    bool is_used;
};

struct strand_frontier_slots {
    struct strand_frontier_place *places; /* owned; the header's included */
    uint32_t place_count;
    uint32_t place_capacity;
    uint32_t *index;      /* owned; numbers of used places, ascending by id */
    uint32_t index_count; /* its capacity is place_capacity */
    uint32_t free_hint;   /* no place below it is free */
};

void strand_frontier_slots_init(struct strand_frontier_slots *slots);
void strand_frontier_slots_deinit(struct strand_frontier_slots *slots);

/* 0 <= log start <= durable end <= log end. */
bool strand_frontier_slot_is_plausible(const struct strand_frontier_slot *slot);

/* *OUT_VERSION is that of the header DATA.  false: it is none. */
bool strand_frontier_header_decode(const uint8_t data[STRAND_FRONTIER_SLOT_SIZE],
                                   uint32_t *out_version);
void strand_frontier_header_encode(uint8_t data[STRAND_FRONTIER_SLOT_SIZE]);
void strand_frontier_place_encode(const struct strand_frontier_place *place,
                                  uint8_t data[STRAND_FRONTIER_SLOT_SIZE]);

/* Take over the COUNT >= 1 slots of a file, the header first, into SLOTS, which is empty.  Returns
 * how many were bad.  STRAND_ERR_NO_SPACE for too many, STRAND_ERR_NO_MEMORY. */
STRAND_MUST_USE int strand_frontier_slots_load(struct strand_frontier_slots *slots,
                                               const uint8_t *data, uint32_t count,
                                               int64_t *out_bad_slots);

/* The place of ID, 0 when it has none. */
uint32_t strand_frontier_slots_find(const struct strand_frontier_slots *slots, const uint8_t *id);

/* An unused place, 0 when there is none. */
uint32_t strand_frontier_slots_find_free(struct strand_frontier_slots *slots);

/* Make room for COUNT places more, then add them, unused. */
STRAND_MUST_USE int strand_frontier_slots_reserve(struct strand_frontier_slots *slots,
                                                  uint32_t count);
void strand_frontier_slots_grow(struct strand_frontier_slots *slots, uint32_t count);

/* SLOT is what stands at NUMBER, its own place or an unused one. */
void strand_frontier_slots_set(struct strand_frontier_slots *slots, uint32_t number,
                               const struct strand_frontier_slot *slot);
void strand_frontier_slots_free(struct strand_frontier_slots *slots, uint32_t number);

#endif
