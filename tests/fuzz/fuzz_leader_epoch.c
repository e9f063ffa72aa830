/* tests/fuzz/fuzz_leader_epoch.c -- Any bytes as an epoch history: what is read ascends, answers
 * each question, and is written and read the same. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "recovery/leader_epoch.h"

static void
ask(const struct strand_leader_epochs *epochs)
{
    for (size_t i = 0; i < epochs->count; i++) {
        const struct strand_leader_epoch *entry = &epochs->entries[i];
        int32_t epoch;
        int64_t end;

        FUZZ_MUST(entry->epoch >= 0 && entry->start_offset >= 0);
        FUZZ_MUST(i == 0 ||
                  (entry->epoch > entry[-1].epoch && entry->start_offset > entry[-1].start_offset));
        FUZZ_MUST(strand_leader_epochs_for_offset(epochs, entry->start_offset) == entry->epoch);
        FUZZ_MUST(strand_leader_epochs_start(epochs, entry->epoch) == entry->start_offset);
        strand_leader_epochs_end_offset(epochs, entry->epoch, INT64_MAX, &epoch, &end);
        FUZZ_MUST(epoch == entry->epoch && end >= entry->start_offset);
    }
}

/* Cut at each of its offsets, from both sides. */
static void
cut(struct strand_leader_epochs *epochs)
{
    bool is_changed;

    while (epochs->count > 0) {
        int64_t middle = epochs->entries[epochs->count / 2].start_offset;

        (void)strand_leader_epochs_cut_from_start(epochs, middle);
        FUZZ_MUST(epochs->count > 0 && epochs->entries[0].start_offset == middle);
        (void)strand_leader_epochs_cut_from_end(
            epochs, epochs->entries[epochs->count - 1].start_offset, false);
    }
    FUZZ_MUST(strand_leader_epochs_assign(epochs, 5, 7, &is_changed) == STRAND_OK && is_changed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct strand_leader_epochs epochs, again;

    strand_leader_epochs_init(&epochs);
    strand_leader_epochs_init(&again);
    fuzz_store(STRAND_LEADER_EPOCH_NAME, data, size);
    int status = strand_leader_epochs_load(fuzz_fs(), "/data", &epochs);
    FUZZ_MUST(status == STRAND_OK || status == STRAND_ERR_CORRUPT);
    if (status == STRAND_OK) {
        FUZZ_MUST(strand_leader_epochs_store(fuzz_fs(), "/data", &epochs) == STRAND_OK);
        FUZZ_MUST(strand_leader_epochs_load(fuzz_fs(), "/data", &again) == STRAND_OK);
        FUZZ_MUST(again.count == epochs.count);
        ask(&epochs);
        cut(&epochs);
    }
    strand_leader_epochs_deinit(&epochs);
    strand_leader_epochs_deinit(&again);
    return 0;
}

bool
fuzz_make_seed(unsigned number, struct strand_buffer *out)
{
    static const char *const texts[] = {
        "",
        "0\n0\n",
        "0\n2\n0 0\n5 1234\n",
        "0\n1\n2147483647 9223372036854775807\n",
        "0\n4\n0 0\n1 10\n2 11\n7 100\n",
    };

    if (number >= sizeof texts / sizeof *texts)
        return false;
    fuzz_put(out, texts[number], strlen(texts[number]));
    return true;
}
