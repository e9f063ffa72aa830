/* recovery/leader_epoch.c -- A sorted array: logs have few epochs, and every change is at an end.
 */
#include "recovery/leader_epoch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/file.h"
#include "recovery/checkpoint_text.h"

enum {
    VERSION = 0,
    HEADER_SIZE_MAX = 2 * (20 + 1),   /* two numbers, two LF */
    ENTRY_SIZE_MAX = 10 + 1 + 19 + 1, /* int32, int64, LF */
};

void
strand_leader_epochs_init(struct strand_leader_epochs *epochs)
{
    memset(epochs, 0, sizeof *epochs);
}

void
strand_leader_epochs_deinit(struct strand_leader_epochs *epochs)
{
    free(epochs->entries);
    strand_leader_epochs_init(epochs);
}

static int
reserve(struct strand_leader_epochs *epochs, size_t count)
{
    if (count > STRAND_LEADER_EPOCH_COUNT_MAX)
        return strand_fail(STRAND_ERR_TOO_LARGE, "extend leader epochs: more than %d entries",
                           STRAND_LEADER_EPOCH_COUNT_MAX);
    if (count <= epochs->capacity)
        return STRAND_OK;
    size_t capacity = epochs->capacity == 0 ? 4 : epochs->capacity;
    while (capacity < count)
        capacity *= 2;
    struct strand_leader_epoch *entries = realloc(epochs->entries, capacity * sizeof *entries);

    if (entries == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "extend leader epochs: %zu entries: out of memory",
                           capacity);
    epochs->entries = entries;
    epochs->capacity = capacity;
    return STRAND_OK;
}

int
strand_leader_epochs_copy(const struct strand_leader_epochs *from,
                          struct strand_leader_epochs *out_epochs)
{
    struct strand_leader_epochs copy;

    strand_leader_epochs_init(&copy);
    int status = reserve(&copy, from->count);
    if (status != STRAND_OK)
        return status;
    for (size_t i = 0; i < from->count; i++)
        copy.entries[i] = from->entries[i];
    copy.count = from->count;
    *out_epochs = copy;
    return STRAND_OK;
}

int
strand_leader_epochs_assign(struct strand_leader_epochs *epochs, int32_t epoch,
                            int64_t start_offset, bool *out_changed)
{
    strand_assert(epoch >= 0);
    strand_assert(start_offset >= 0);

    const struct strand_leader_epoch *last =
        epochs->count > 0 ? &epochs->entries[epochs->count - 1] : NULL;
    if (last != NULL && last->epoch == epoch && last->start_offset <= start_offset) {
        *out_changed = false;
        return STRAND_OK;
    }
    size_t count = epochs->count;
    while (count > 0 && (epochs->entries[count - 1].epoch >= epoch ||
                         epochs->entries[count - 1].start_offset >= start_offset))
        count--;
    int status = reserve(epochs, count + 1);
    if (status != STRAND_OK)
        return status;

    epochs->entries[count] = (struct strand_leader_epoch){epoch, start_offset};
    epochs->count = count + 1;
    *out_changed = true;
    return STRAND_OK;
}

int32_t
strand_leader_epochs_newest(const struct strand_leader_epochs *epochs)
{
    return epochs->count == 0 ? -1 : epochs->entries[epochs->count - 1].epoch;
}

int32_t
strand_leader_epochs_for_offset(const struct strand_leader_epochs *epochs, int64_t offset)
{
    size_t low = 0;
    size_t high = epochs->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (epochs->entries[middle].start_offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? -1 : epochs->entries[low - 1].epoch;
}

/* How many entries are of EPOCH or lower: questions are about the newest, nearly always. */
static size_t
count_up_to(const struct strand_leader_epochs *epochs, int32_t epoch)
{
    size_t count = epochs->count;

    while (count > 0 && epochs->entries[count - 1].epoch > epoch)
        count--;
    return count;
}

int64_t
strand_leader_epochs_start(const struct strand_leader_epochs *epochs, int32_t epoch)
{
    size_t count = count_up_to(epochs, epoch);
    bool is_known = count > 0 && epochs->entries[count - 1].epoch == epoch;

    return is_known ? epochs->entries[count - 1].start_offset : -1;
}

void
strand_leader_epochs_end_offset(const struct strand_leader_epochs *epochs, int32_t epoch,
                                int64_t log_end, int32_t *out_epoch, int64_t *out_end_offset)
{
    int32_t newest = strand_leader_epochs_newest(epochs);

    *out_epoch = -1;
    *out_end_offset = -1;
    if (epoch < 0 || epoch > newest)
        return;
    *out_epoch = epoch;
    *out_end_offset = log_end;
    if (epoch == newest)
        return;

    size_t higher = count_up_to(epochs, epoch);
    strand_assert(higher < epochs->count);
    if (higher > 0)
        *out_epoch = epochs->entries[higher - 1].epoch;
    *out_end_offset = epochs->entries[higher].start_offset;
}

bool
strand_leader_epochs_cut_from_end(struct strand_leader_epochs *epochs, int64_t offset, bool keep_at)
{
    size_t count = epochs->count;

    if (offset < 0) /* Kafka's "no offset" */
        return false;
    while (count > 0 && (epochs->entries[count - 1].start_offset > offset ||
                         (epochs->entries[count - 1].start_offset == offset && !keep_at)))
        count--;
    bool is_cut = count < epochs->count;
    epochs->count = count;
    return is_cut;
}

bool
strand_leader_epochs_cut_from_start(struct strand_leader_epochs *epochs, int64_t offset)
{
    size_t below = 0;

    while (below < epochs->count && epochs->entries[below].start_offset <= offset)
        below++;
    if (below == 0)
        return false;
    bool is_changed = below > 1 || epochs->entries[0].start_offset != offset;
    size_t kept = epochs->count - below + 1;
    memmove(epochs->entries, &epochs->entries[below - 1], kept * sizeof *epochs->entries);
    epochs->entries[0].start_offset = offset;
    epochs->count = kept;
    return is_changed;
}

/* Append the entry that TEXT stands on. */
static int
load_entry(const struct strand_checkpoint_text *text, struct strand_leader_epochs *epochs)
{
    int64_t epoch;
    int64_t start_offset;
    bool is_changed;
    size_t count = epochs->count;

    if (!strand_checkpoint_text_number(text->fields[0], INT32_MAX, &epoch))
        return strand_checkpoint_text_fail(text, "not a leader epoch");
    if (!strand_checkpoint_text_number(text->fields[1], INT64_MAX, &start_offset))
        return strand_checkpoint_text_fail(text, "not an offset");
    if (count > 0 && (epochs->entries[count - 1].epoch >= epoch ||
                      epochs->entries[count - 1].start_offset >= start_offset))
        return strand_checkpoint_text_fail(text, "epochs and offsets do not both increase");
    return strand_leader_epochs_assign(epochs, (int32_t)epoch, start_offset, &is_changed);
}

int
strand_leader_epochs_load(const struct strand_fs *fs, const char *directory,
                          struct strand_leader_epochs *epochs)
{
    struct strand_checkpoint_text text;
    struct strand_leader_epochs loaded;

    int status = strand_checkpoint_text_open(&text, fs, directory, STRAND_LEADER_EPOCH_NAME,
                                             STRAND_LEADER_EPOCH_COUNT_MAX);
    if (status != STRAND_OK)
        return status;

    strand_leader_epochs_init(&loaded);
    while (status == STRAND_OK) {
        status = strand_checkpoint_text_next(&text, 2);
        if (status == STRAND_OK)
            status = load_entry(&text, &loaded);
    }
    strand_checkpoint_text_close(&text);

    if (status != STRAND_END) {
        strand_leader_epochs_deinit(&loaded);
        return status;
    }
    strand_leader_epochs_deinit(epochs);
    *epochs = loaded;
    return STRAND_OK;
}

int
strand_leader_epochs_store(const struct strand_fs *fs, const char *directory,
                           const struct strand_leader_epochs *epochs)
{
    strand_assert(epochs->count <= STRAND_LEADER_EPOCH_COUNT_MAX);

    size_t capacity = HEADER_SIZE_MAX + epochs->count * ENTRY_SIZE_MAX + 1;
    char *buffer = malloc(capacity);
    if (buffer == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "write leader epochs: %zu entries: out of memory",
                           epochs->count);

    size_t used = (size_t)snprintf(buffer, capacity, "%d\n%zu\n", VERSION, epochs->count);
    for (size_t i = 0; i < epochs->count; i++)
        used += (size_t)snprintf(buffer + used, capacity - used, "%" PRId32 " %" PRId64 "\n",
                                 epochs->entries[i].epoch, epochs->entries[i].start_offset);
    strand_assert(used < capacity);

    int status = strand_file_replace(fs, directory, STRAND_LEADER_EPOCH_NAME, buffer, used);
    free(buffer);
    return status;
}
