/* engine/log_write.c -- Under the append lock: roll, stamp, write once, publish.
 *
 * What is written is an entry, or the front one of those that are staged (log_stage.c) and those
 * behind it that go with it: one write, one publication, and if the write fails none of it is
 * there.  The front entry is treated as if it were alone.  An entry that needs anything but the
 * next offsets ends the group: it is the front of the next one.
 */
#include <inttypes.h>

#include "base/assert.h"
#include "base/error.h"
#include "engine/log_internal.h"
#include "engine/log_prepare.h"
#include "storage/batch.h"
#include "storage/segment.h"
#include "strandline/fs.h"

static const uint8_t *
last_batch(const uint8_t *data, size_t size)
{
    const uint8_t *batch = data;

    while (batch + strand_batch_size(batch) < data + size)
        batch += strand_batch_size(batch);
    return batch;
}

/* ---- Rolling ---- */

static int64_t
largest_timestamp(const uint8_t *data, size_t size)
{
    int64_t largest = STRAND_NO_TIMESTAMP;

    for (size_t at = 0; at < size; at += (size_t)strand_batch_size(data + at))
        if (strand_batch_max_timestamp(data + at) > largest)
            largest = strand_batch_max_timestamp(data + at);
    return largest;
}

static bool
has_lasted(const struct strand_log *log, const struct strand_log_segment *segment,
           int64_t timestamp)
{
    int64_t now = strand_engine_wall_clock_ms(log->engine);
    int64_t waited = segment->first_timestamp_ms >= 0 ? timestamp - segment->first_timestamp_ms
                                                      : now - segment->created_ms;

    return waited > log->config.segment_ms;
}

static bool is_roll_due_locked(const struct strand_log *log, const uint8_t *data, size_t size,
                               size_t size_before) STRAND_REQUIRES(log->state);

/* SIZE_BEFORE bytes go in front of DATA[0..SIZE). */
static bool
is_roll_due_locked(const struct strand_log *log, const uint8_t *data, size_t size,
                   size_t size_before)
{
    const struct strand_log_segment *segment = log->segments[log->segment_count - 1];

    if (strand_batch_end_offset(last_batch(data, size)) - 1 - segment->base_offset > INT32_MAX)
        return true;
    if (segment->size == 0)
        return false;
    return segment->size + (int64_t)size_before + (int64_t)size > log->config.segment_bytes ||
           has_lasted(log, segment, largest_timestamp(data, size));
}

bool
strand_log_is_roll_due_locked(const struct strand_log *log, const uint8_t *data, size_t size)
{
    return is_roll_due_locked(log, data, size, 0);
}

static int roll_if_due(struct strand_log *log, const struct strand_log_entry *entry)
    STRAND_REQUIRES(log->append);

static int
roll_if_due(struct strand_log *log, const struct strand_log_entry *entry)
{
    strand_mutex_lock(&log->state);
    bool is_due = strand_log_is_roll_due_locked(log, entry->data, entry->size);
    strand_mutex_unlock(&log->state);
    return is_due ? strand_log_roll(log, strand_batch_base_offset(entry->data)) : STRAND_OK;
}

/* ---- Offsets ---- */

int
strand_log_enter(struct strand_log *log, struct strand_log_place *out_place)
{
    while (log->gate_is_closed)
        (void)strand_condition_wait(&log->gate_opened, &log->append, -1);

    int status = STRAND_OK;
    strand_mutex_lock(&log->state);
    if (log->is_closing)
        status = strand_fail(STRAND_ERR_CLOSED, "append to %s: it is being closed", log->name);
    else if (log->health != STRAND_LOG_HEALTHY)
        status = strand_log_unhealthy_locked(log);
    else
        *out_place = (struct strand_log_place){
            log->log_end, strand_leader_epochs_for_offset(&log->epochs, log->log_end)};
    strand_mutex_unlock(&log->state);
    return status;
}

/* Offsets end at INT64_MAX: is there room for those of ENTRY? */
static bool
has_room(const struct strand_log_entry *entry, const struct strand_log_place *place)
{
    int64_t left = INT64_MAX - place->log_end;

    for (size_t at = 0; at < entry->size && left >= 0;
         at += (size_t)strand_batch_size(entry->data + at))
        left -=
            strand_batch_end_offset(entry->data + at) - strand_batch_base_offset(entry->data + at);
    return left >= 0;
}

static void
stamp(const struct strand_log_entry *entry, const struct strand_log_place *place)
{
    int64_t offset = place->log_end;

    for (size_t at = 0; at < entry->size; at += (size_t)strand_batch_size(entry->data + at)) {
        strand_batch_set_base_offset(entry->data + at, offset);
        strand_batch_set_leader_epoch(entry->data + at, place->epoch);
        offset = strand_batch_end_offset(entry->data + at);
    }
}

static int stamp_front(struct strand_log *log, const struct strand_log_entry *entry,
                       const struct strand_log_place *place) STRAND_REQUIRES(log->append);

static int
stamp_front(struct strand_log *log, const struct strand_log_entry *entry,
            const struct strand_log_place *place)
{
    if (entry->is_follower)
        return strand_log_check_follower(log, entry->data, entry->size);
    if (!has_room(entry, place))
        return strand_fail(STRAND_ERR_OUT_OF_RANGE,
                           "append to %s: no offsets are left above %" PRId64, log->name,
                           place->log_end);
    stamp(entry, place);
    return STRAND_OK;
}

/* ---- Groups ---- */

struct group {
    struct strand_log_entry *entries[STRAND_GROUP_ENTRIES_MAX];
    size_t count;
    size_t size; /* of all together */
};

/* Of the entries from FRONT, which is stamped, to LAST those that go with it, stamped too.  Nothing
 * joins the first entry of a segment: when that began is for its first batch to say. */
static void
gather(struct strand_log *log, struct strand_log_entry *front, const struct strand_log_entry *last,
       const struct strand_log_place *place, struct group *group)
{
    struct strand_log_place next = *place;

    group->entries[0] = front;
    group->count = 1;
    group->size = front->size;
    if (front == last)
        return;
    strand_mutex_lock(&log->state);
    bool is_first = log->segments[log->segment_count - 1]->size == 0;
    for (struct strand_log_entry *entry = front; !is_first && entry != last;) {
        next.log_end = strand_batch_end_offset(last_batch(entry->data, entry->size));
        entry = entry->next;
        strand_assert(!entry->is_follower);
        if (!has_room(entry, &next))
            break;
        stamp(entry, &next);
        if (is_roll_due_locked(log, entry->data, entry->size, group->size))
            break;
        strand_assert(group->count < STRAND_GROUP_ENTRIES_MAX);
        group->entries[group->count++] = entry;
        group->size += entry->size;
    }
    strand_mutex_unlock(&log->state);
}

static void note_entry_locked(struct strand_log *log, struct strand_log_segment *segment,
                              struct strand_log_entry *entry) STRAND_REQUIRES(log->state);

static void
note_entry_locked(struct strand_log *log, struct strand_log_segment *segment,
                  struct strand_log_entry *entry)
{
    for (size_t at = 0; at < entry->size; at += (size_t)strand_batch_size(entry->data + at))
        strand_log_segment_note(segment, entry->data + at, segment->size);
    entry->appended.base_offset = strand_batch_base_offset(entry->data);
    entry->appended.end_offset = segment->end_offset;
    entry->appended.generation = log->generation; /* cuts wait for the append lock */
    entry->appended.leader_epoch = strand_batch_leader_epoch(entry->data);
}

static void publish(struct strand_log *log, struct strand_log_segment *segment,
                    const struct group *group) STRAND_REQUIRES(log->append);

/* Make what was written visible; ask for a round by and by unless somebody will at once. */
static void
publish(struct strand_log *log, struct strand_log_segment *segment, const struct group *group)
{
    struct strand_engine *engine = log->engine;

    strand_mutex_lock(&log->state);
    for (size_t i = 0; i < group->count; i++)
        note_entry_locked(log, segment, group->entries[i]);
    bool was_clean = log->unsynced_bytes == 0;
    bool was_below = log->unsynced_bytes < engine->config.commit_bytes;
    log->log_end = segment->end_offset;
    log->unsynced_bytes += group->size;
    log->appended_bytes += group->size;
    bool is_short = log->appended_bytes >= log->prepare_at;
    bool is_much = was_below && log->unsynced_bytes >= engine->config.commit_bytes;
    strand_log_unlock_and_wake(log, true);

    if (is_much)
        strand_committer_ask(&engine->committer, log);
    else if (was_clean)
        strand_committer_ask_later(&engine->committer, log);
    if (is_short)
        strand_log_want_preparation(log);
}

static void forget_group(struct strand_log *log, struct strand_log_segment *segment)
    STRAND_REQUIRES(log->append);

/* What was written of a group was cut off again, with what was prepared behind it.  A round by and
 * by sees to it that a power cut does not bring whole batches back. */
static void
forget_group(struct strand_log *log, struct strand_log_segment *segment)
{
    strand_log_lose_prepared(log);
    strand_mutex_lock(&log->state);
    segment->was_shortened = true;
    strand_mutex_unlock(&log->state);
    strand_committer_ask_later(&log->engine->committer, log);
}

static int
write_parts(struct strand_log_segment *segment, const struct group *group)
{
    struct strand_fs_part parts[STRAND_GROUP_ENTRIES_MAX];

    for (size_t i = 0; i < group->count; i++)
        parts[i] = (struct strand_fs_part){group->entries[i]->data, group->entries[i]->size};
    return strand_segment_append_parts(segment->file, parts, (int)group->count, segment->size);
}

static int write_group(struct strand_log *log, const struct group *group)
    STRAND_REQUIRES(log->append);

static int
write_group(struct strand_log *log, const struct group *group)
{
    /* Only appends, and cuts behind a closed gate, change which segment is the last. */
    struct strand_log_segment *segment = log->segments[log->segment_count - 1];
    int status = strand_log_segment_acquire(segment);

    if (status != STRAND_OK)
        return status;
    strand_log_await_claim(log, segment->size + (int64_t)group->size);
    status = write_parts(segment, group);
    if (status == STRAND_OK)
        publish(log, segment, group);
    else
        forget_group(log, segment);
    strand_log_segment_release(segment);
    return status == STRAND_ERR_FAILED ? strand_log_fail(log, status) : status;
}

int
strand_log_write_entries(struct strand_log *log, const struct strand_log_place *place,
                         struct strand_log_entry *front, const struct strand_log_entry *last,
                         size_t *out_count)
{
    struct group group;

    *out_count = 1;
    int status = stamp_front(log, front, place);
    if (status == STRAND_OK)
        status = roll_if_due(log, front);
    if (status != STRAND_OK)
        return status;
    gather(log, front, last, place, &group);
    *out_count = group.count;
    return write_group(log, &group);
}
