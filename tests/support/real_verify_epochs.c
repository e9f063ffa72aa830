/* tests/support/real_verify_epochs.c -- The epoch history that was promised is worked out from the
 * one before and what happened since; one change, the last, may have happened or not.
 */
#include <inttypes.h>
#include <string.h>

#include "support/real_verify_internal.h"

/* Remove what begins at OFFSET or later; returns whether anything did. */
static bool
pop_epochs(struct real_epochs *epochs, int64_t offset)
{
    size_t before = epochs->count;

    while (epochs->count > 0 && epochs->entries[epochs->count - 1].start_offset >= offset)
        epochs->count--;
    return epochs->count < before;
}

static void
push_epoch(struct real_epochs *epochs, int32_t epoch, int64_t start_offset)
{
    (void)pop_epochs(epochs, start_offset);
    if (epochs->count == REAL_EPOCHS_MAX)
        real_violated("it has too many epochs");
    epochs->entries[epochs->count++] = (struct strand_leader_epoch){epoch, start_offset};
}

/* A log without replicas keeps its newest epoch, which then begins where the log ends. */
static void
cut_epochs(struct real_epochs *epochs, int64_t offset)
{
    if (epochs->count == 0)
        return;
    int32_t newest = epochs->entries[epochs->count - 1].epoch;
    if (pop_epochs(epochs, offset))
        push_epoch(epochs, newest, offset);
}

/* Entries below the log start leave at the next change: neither list has them. */
static void
trim_epochs(struct real_epochs *epochs)
{
    size_t first = 0;

    while (first + 1 < epochs->count &&
           epochs->entries[first + 1].start_offset <= real_view.positions.log_start)
        first++;
    epochs->count -= first;
    memmove(epochs->entries, epochs->entries + first, epochs->count * sizeof epochs->entries[0]);
    if (epochs->count > 0 && epochs->entries[0].start_offset < real_view.positions.log_start)
        epochs->entries[0].start_offset = real_view.positions.log_start;
}

int
real_note_epoch(void *context, const struct strand_leader_epoch *epoch)
{
    struct real_epochs *epochs = context;

    if (epochs->count > 0 &&
        (epoch->epoch <= epochs->entries[epochs->count - 1].epoch ||
         epoch->start_offset <= epochs->entries[epochs->count - 1].start_offset))
        real_violated("epoch %" PRId32 " at %" PRId64 " does not ascend", epoch->epoch,
                      epoch->start_offset);
    if (epochs->count == REAL_EPOCHS_MAX || epoch->start_offset > real_view.positions.log_end)
        real_violated("epoch %" PRId32 " begins at %" PRId64, epoch->epoch, epoch->start_offset);
    epochs->entries[epochs->count++] = *epoch;
    return 0;
}

static bool
epochs_are_equal(const struct real_epochs *a, const struct real_epochs *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->entries[i].epoch != b->entries[i].epoch ||
            a->entries[i].start_offset != b->entries[i].start_offset)
            return false;
    return true;
}

/* Whether the history is what was promised once the pending event has had its effect at OFFSET. */
static bool
would_be_right(const struct real_epochs *wanted, const struct real_event *pending, int64_t offset)
{
    static struct real_epochs other;

    other = *wanted;
    if (pending->kind == REAL_CUT)
        cut_epochs(&other, offset);
    else
        push_epoch(&other, (int32_t)pending->asked, offset);
    trim_epochs(&other);
    return epochs_are_equal(&other, &real_view.epochs);
}

static void
check_record_epochs(void)
{
    size_t k = 0;

    for (int64_t i = 0; i < real_view.found_count; i++) {
        int64_t offset = real_view.positions.log_start + i;

        while (k + 1 < real_view.epochs.count &&
               real_view.epochs.entries[k + 1].start_offset <= offset)
            k++;
        if (real_view.epochs.count == 0 ||
            real_view.found[i].epoch != real_view.epochs.entries[k].epoch)
            real_violated("offset %" PRId64 " has epoch %" PRId32 ", against the history", offset,
                          real_view.found[i].epoch);
    }
}

void
real_verify_epochs(void)
{
    static struct real_epochs wanted;
    const struct real_event *pending = real_pending_event();
    int count = atomic_load(&real_view.promised->event_count);

    wanted.count = real_view.promised->epoch_count;
    memcpy(wanted.entries, real_view.promised->epochs, wanted.count * sizeof wanted.entries[0]);
    for (int i = 0; i < count; i++) {
        const struct real_event *event = &real_view.promised->events[i];

        if (!atomic_load(&event->has_done))
            continue;
        if (event->kind == REAL_CUT)
            cut_epochs(&wanted, event->result);
        else if (event->kind == REAL_EPOCH)
            push_epoch(&wanted, (int32_t)event->asked, event->result);
    }
    check_record_epochs();
    struct real_epochs *trimmed = &real_view.epochs;
    trim_epochs(trimmed);
    if (pending != NULL && pending->kind == REAL_CUT) {
        for (int64_t i = 0; i < REAL_BATCH_MAX; i++)
            if (would_be_right(&wanted, pending, pending->asked - i))
                return;
    } else if (pending != NULL && pending->kind == REAL_EPOCH && trimmed->count > 0) {
        if (would_be_right(&wanted, pending, trimmed->entries[trimmed->count - 1].start_offset))
            return;
    }
    trim_epochs(&wanted);
    if (!epochs_are_equal(&wanted, trimmed))
        real_violated("its newest epoch is %" PRId32 " of %zu, acknowledged was %" PRId32 " of %zu",
                      trimmed->count > 0 ? trimmed->entries[trimmed->count - 1].epoch : -1,
                      trimmed->count,
                      wanted.count > 0 ? wanted.entries[wanted.count - 1].epoch : -1, wanted.count);
}
