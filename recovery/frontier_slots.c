/* recovery/frontier_slots.c -- Binary search over a sorted index: no tombstones, and moving 40 KB
 * for a new one of 10,000 logs costs less than the write that goes with it. */
#include "recovery/frontier_slots.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"

enum slot_field {
    SLOT_ID = 0,
    SLOT_GENERATION = 16,
    SLOT_LOG_START = 24,
    SLOT_HIGH_WATERMARK = 32,
    SLOT_DURABLE_END = 40,
    SLOT_LOG_END = 48,
    SLOT_FLAGS = 56,
    SLOT_CRC = 60,
    SLOT_SIZE = STRAND_FRONTIER_SLOT_SIZE,
};

enum { HEADER_VERSION = 8 }; /* position in the header; its CRC stands where a slot has it */

static const char MAGIC_TEXT[8] = {'S', 'T', 'R', 'A', 'N', 'D', 'F', 'R'};

_Static_assert(512 % SLOT_SIZE == 0, "a slot never crosses a sector");
_Static_assert((int)SLOT_GENERATION == (int)STRAND_LOG_ID_SIZE, "the generation follows the id");

void
strand_frontier_slots_init(struct strand_frontier_slots *slots)
{
    memset(slots, 0, sizeof *slots);
    slots->free_hint = 1;
}

void
strand_frontier_slots_deinit(struct strand_frontier_slots *slots)
{
    free(slots->places);
    free(slots->index);
    strand_frontier_slots_init(slots);
}

/* ---- Bytes ---- */

void
strand_frontier_header_encode(uint8_t data[STRAND_FRONTIER_SLOT_SIZE])
{
    memset(data, 0, SLOT_SIZE);
    memcpy(data, MAGIC_TEXT, sizeof MAGIC_TEXT);
    strand_put_le32(data + HEADER_VERSION, STRAND_FRONTIER_VERSION);
    strand_put_le32(data + SLOT_CRC, strand_crc32c(0, data, SLOT_CRC));
}

static bool
has_good_crc(const uint8_t *data)
{
    return strand_get_le32(data + SLOT_CRC) == strand_crc32c(0, data, SLOT_CRC);
}

bool
strand_frontier_header_decode(const uint8_t data[STRAND_FRONTIER_SLOT_SIZE], uint32_t *out_version)
{
    if (memcmp(data, MAGIC_TEXT, sizeof MAGIC_TEXT) != 0 || !has_good_crc(data))
        return false;
    *out_version = strand_get_le32(data + HEADER_VERSION);
    return *out_version >= STRAND_FRONTIER_VERSION;
}

bool
strand_frontier_slot_is_plausible(const struct strand_frontier_slot *slot)
{
    return slot->log_start >= 0 && slot->high_watermark >= 0 &&
           slot->log_start <= slot->durable_end && slot->durable_end <= slot->log_end;
}

void
strand_frontier_place_encode(const struct strand_frontier_place *place,
                             uint8_t data[STRAND_FRONTIER_SLOT_SIZE])
{
    const struct strand_frontier_slot *slot = &place->slot;

    memset(data, 0, SLOT_SIZE);
    if (!place->is_used)
        return;
    memcpy(data + SLOT_ID, slot->id, sizeof slot->id);
    strand_put_le64(data + SLOT_GENERATION, slot->generation);
    strand_put_le64(data + SLOT_LOG_START, (uint64_t)slot->log_start);
    strand_put_le64(data + SLOT_HIGH_WATERMARK, (uint64_t)slot->high_watermark);
    strand_put_le64(data + SLOT_DURABLE_END, (uint64_t)slot->durable_end);
    strand_put_le64(data + SLOT_LOG_END, (uint64_t)slot->log_end);
    strand_put_le32(data + SLOT_FLAGS, slot->flags);
    strand_put_le32(data + SLOT_CRC, strand_crc32c(0, data, SLOT_CRC));
}

static bool
is_unused(const uint8_t *data)
{
    static const uint8_t ZEROS[SLOT_SIZE];

    return memcmp(data, ZEROS, SLOT_SIZE) == 0;
}

/* false: a bad slot. */
static bool
decode_slot(const uint8_t *data, struct strand_frontier_slot *out_slot)
{
    memcpy(out_slot->id, data + SLOT_ID, sizeof out_slot->id);
    out_slot->generation = strand_get_le64(data + SLOT_GENERATION);
    out_slot->log_start = (int64_t)strand_get_le64(data + SLOT_LOG_START);
    out_slot->high_watermark = (int64_t)strand_get_le64(data + SLOT_HIGH_WATERMARK);
    out_slot->durable_end = (int64_t)strand_get_le64(data + SLOT_DURABLE_END);
    out_slot->log_end = (int64_t)strand_get_le64(data + SLOT_LOG_END);
    out_slot->flags = strand_get_le32(data + SLOT_FLAGS);
    return has_good_crc(data) && strand_frontier_slot_is_plausible(out_slot);
}

/* ---- The index ---- */

/* Index of the first entry whose id is not below ID. */
static uint32_t
lower_bound(const struct strand_frontier_slots *slots, const uint8_t *id)
{
    uint32_t low = 0;
    uint32_t high = slots->index_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct strand_frontier_place *place = &slots->places[slots->index[middle]];

        if (memcmp(place->slot.id, id, STRAND_LOG_ID_SIZE) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t
strand_frontier_slots_find(const struct strand_frontier_slots *slots, const uint8_t *id)
{
    uint32_t at = lower_bound(slots, id);

    if (at == slots->index_count)
        return 0;
    uint32_t number = slots->index[at];

    return memcmp(slots->places[number].slot.id, id, STRAND_LOG_ID_SIZE) == 0 ? number : 0;
}

static void
add_to_index(struct strand_frontier_slots *slots, uint32_t number)
{
    uint32_t at = lower_bound(slots, slots->places[number].slot.id);

    strand_assert(slots->index_count < slots->place_capacity);
    memmove(&slots->index[at + 1], &slots->index[at],
            (slots->index_count - at) * sizeof *slots->index);
    slots->index[at] = number;
    slots->index_count++;
}

void
strand_frontier_slots_set(struct strand_frontier_slots *slots, uint32_t number,
                          const struct strand_frontier_slot *slot)
{
    struct strand_frontier_place *place = &slots->places[number];
    bool is_new = !place->is_used;

    strand_assert(number > 0);
    strand_assert(number < slots->place_count);
    strand_assert(is_new || memcmp(place->slot.id, slot->id, sizeof slot->id) == 0);
    place->slot = *slot;
    place->is_used = true;
    if (is_new)
        add_to_index(slots, number);
}

void
strand_frontier_slots_free(struct strand_frontier_slots *slots, uint32_t number)
{
    uint32_t at = lower_bound(slots, slots->places[number].slot.id);

    strand_assert(at < slots->index_count);
    strand_assert(slots->index[at] == number);
    slots->index_count--;
    memmove(&slots->index[at], &slots->index[at + 1],
            (slots->index_count - at) * sizeof *slots->index);
    slots->places[number].is_used = false;
    if (number < slots->free_hint)
        slots->free_hint = number;
}

/* ---- Places ---- */

int
strand_frontier_slots_reserve(struct strand_frontier_slots *slots, uint32_t count)
{
    if (count > STRAND_FRONTIER_COUNT_MAX - slots->place_count)
        return strand_fail(STRAND_ERR_NO_SPACE, "extend frontier: no more than %d slots",
                           STRAND_FRONTIER_COUNT_MAX);
    if (slots->place_count + count <= slots->place_capacity)
        return STRAND_OK;
    uint32_t capacity = (slots->place_count + count) * 2;

    struct strand_frontier_place *places = realloc(slots->places, capacity * sizeof *places);
    if (places == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "extend frontier: %u slots: out of memory",
                           capacity);
    slots->places = places;
    uint32_t *index = realloc(slots->index, capacity * sizeof *index);
    if (index == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "extend frontier: %u slots: out of memory",
                           capacity);
    slots->index = index;
    slots->place_capacity = capacity;
    return STRAND_OK;
}

void
strand_frontier_slots_grow(struct strand_frontier_slots *slots, uint32_t count)
{
    strand_assert(count <= slots->place_capacity - slots->place_count);
    memset(&slots->places[slots->place_count], 0, count * sizeof *slots->places);
    slots->place_count += count;
}

uint32_t
strand_frontier_slots_find_free(struct strand_frontier_slots *slots)
{
    uint32_t number = slots->free_hint;

    while (number < slots->place_count && slots->places[number].is_used)
        number++;
    slots->free_hint = number;
    return number < slots->place_count ? number : 0;
}

/* Within one generation offsets only rise, so that the higher durable end was written later. */
static bool
is_newer(const struct strand_frontier_slot *slot, const struct strand_frontier_slot *than)
{
    if (slot->generation != than->generation)
        return slot->generation > than->generation;
    if (slot->durable_end != than->durable_end)
        return slot->durable_end > than->durable_end;
    return slot->log_start > than->log_start;
}

/* A slot that was freed and written elsewhere may stand twice after a cut. */
static void
admit(struct strand_frontier_slots *slots, uint32_t number, const struct strand_frontier_slot *slot)
{
    uint32_t other = strand_frontier_slots_find(slots, slot->id);

    if (other != 0 && is_newer(&slots->places[other].slot, slot))
        return;
    if (other != 0)
        strand_frontier_slots_free(slots, other);
    strand_frontier_slots_set(slots, number, slot);
}

int
strand_frontier_slots_load(struct strand_frontier_slots *slots, const uint8_t *data, uint32_t count,
                           int64_t *out_bad_slots)
{
    int64_t bad_slots = 0;

    strand_assert(slots->place_count == 0);
    int status = strand_frontier_slots_reserve(slots, count);
    if (status != STRAND_OK)
        return status;
    strand_frontier_slots_grow(slots, count);
    for (uint32_t i = 1; i < count; i++) {
        const uint8_t *at = data + (size_t)i * SLOT_SIZE;
        struct strand_frontier_slot slot;

        if (is_unused(at))
            continue;
        if (decode_slot(at, &slot))
            admit(slots, i, &slot);
        else
            bad_slots++;
    }
    *out_bad_slots = bad_slots;
    return STRAND_OK;
}
