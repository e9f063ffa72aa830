/* tests/fuzz/fuzz_frontier.c -- Any bytes as strandline.frontier, as they are and with right CRCs.
 *
 * Whatever slot is found has numbers that can be; a slot that is written is found, also after the
 * file was opened anew, and disturbs no other.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "recovery/frontier_slots.h"

enum { SLOT = STRAND_FRONTIER_SLOT_SIZE, SLOTS_MAX = 512 };

static const uint8_t new_id[STRAND_LOG_ID_SIZE] = "a log's own id.";

static void
expect_same(const struct strand_frontier_slot *a, const struct strand_frontier_slot *b)
{
    FUZZ_MUST(a->generation == b->generation && a->log_start == b->log_start &&
              a->high_watermark == b->high_watermark && a->durable_end == b->durable_end &&
              a->log_end == b->log_end && a->flags == b->flags);
}

/* The id of each slot, found or not. */
static size_t
look(struct strand_frontier *frontier, const uint8_t *data, size_t size,
     struct strand_frontier_slot *out_slots)
{
    size_t count = 0;

    for (size_t at = SLOT; at + SLOT <= size && count < SLOTS_MAX; at += SLOT)
        if (strand_frontier_find(frontier, data + at, &out_slots[count])) {
            FUZZ_MUST(strand_frontier_slot_is_plausible(&out_slots[count]));
            count++;
        }
    return count;
}

static void
try_file(const uint8_t *data, size_t size)
{
    static struct strand_frontier_slot slots[SLOTS_MAX];
    struct strand_frontier_slot slot = {.generation = UINT64_MAX, .durable_end = 5, .log_end = 7};
    struct strand_frontier_slot found;
    struct strand_frontier *frontier;
    int64_t bad_slots;

    fuzz_store(STRAND_FRONTIER_NAME, data, size);
    int status = strand_frontier_open(fuzz_fs(), "/data", true, &frontier, &bad_slots);
    FUZZ_MUST(status == STRAND_OK || status == STRAND_ERR_VERSION);
    if (status != STRAND_OK)
        return;
    size_t count = look(frontier, data, size, slots);
    memcpy(slot.id, new_id, sizeof slot.id);
    FUZZ_MUST(strand_frontier_write_durably(frontier, &slot) == STRAND_OK);
    FUZZ_MUST(strand_frontier_close(frontier) == STRAND_OK);

    FUZZ_MUST(strand_frontier_open(fuzz_fs(), "/data", false, &frontier, &bad_slots) == STRAND_OK);
    FUZZ_MUST(strand_frontier_find(frontier, new_id, &found));
    expect_same(&slot, &found);
    for (size_t i = 0; i < count; i++) {
        FUZZ_MUST(strand_frontier_find(frontier, slots[i].id, &found));
        if (memcmp(slots[i].id, new_id, sizeof new_id) != 0)
            expect_same(&slots[i], &found);
    }
    FUZZ_MUST(strand_frontier_close(frontier) == STRAND_OK);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *fixed = malloc(size + 1);

    FUZZ_MUST(fixed != NULL);
    if (size > SLOTS_MAX * SLOT)
        size = SLOTS_MAX * SLOT;
    try_file(data, size);
    memcpy(fixed, data, size);
    for (size_t at = 0; at + SLOT <= size; at += SLOT)
        fuzz_fix_crc(fixed, at, at + SLOT - 4, at + SLOT - 4);
    try_file(fixed, size);
    free(fixed);
    return 0;
}

bool
fuzz_make_seed(unsigned number, struct strand_buffer *out)
{
    uint8_t data[SLOT];

    if (number >= 3)
        return false;
    strand_frontier_header_encode(data);
    fuzz_put(out, data, sizeof data);
    for (unsigned i = 0; i < 2 * number; i++) {
        struct strand_frontier_place place = {.is_used = i != 1,
                                              .slot = {.id = {(uint8_t)(i + 1)},
                                                       .generation = i,
                                                       .log_start = 3,
                                                       .high_watermark = 9,
                                                       .durable_end = 10 + i,
                                                       .log_end = 20}};

        strand_frontier_place_encode(&place, data);
        fuzz_put(out, data, sizeof data);
    }
    return true;
}
