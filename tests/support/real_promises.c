/* tests/support/real_promises.c -- A process may be killed between any two of these stores, and the
 * memory is shared: what is stored last says that the rest is there.
 */
#include "support/real_promises.h"

#include <string.h>

static const char tag[8] = "STRANDRC"; /* so that a disk knows blocks with records, too */

enum { TAG_SIZE = 8, HEAD_SIZE = 16, RUN = 12 };

void
real_promises_reset(struct real_promises *promises)
{
    memset(promises, 0, sizeof *promises);
}

/* SplitMix64. */
static uint64_t
mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static size_t
value_size(int log, uint32_t number)
{
    static const uint16_t sizes[] = {40, 40, 40, 184, 184, 700, 1500, REAL_VALUE_MAX};

    return sizes[mix(((uint64_t)log << 32) + number / RUN) % (sizeof sizes / sizeof sizes[0])];
}

size_t
real_value_make(int log, uint32_t number, uint8_t value[REAL_VALUE_MAX])
{
    size_t size = value_size(log, number);
    uint32_t head[2] = {(uint32_t)log, number};
    uint64_t state = mix(((uint64_t)log << 32) + number);

    memcpy(value, tag, TAG_SIZE);
    memcpy(value + TAG_SIZE, head, sizeof head);
    for (size_t at = HEAD_SIZE; at < size; at += sizeof state) {
        size_t rest = size - at;

        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        memcpy(value + at, &state, rest < sizeof state ? rest : sizeof state);
    }
    return size;
}

/* Roughly ascending, as times of many producers are. */
int64_t
real_timestamp(uint32_t number)
{
    return INT64_C(1700000000000) + (int64_t)number * 10 + (int64_t)(mix(number) % 100);
}

bool
real_value_read(int log, const void *data, size_t size, uint32_t *out_number)
{
    uint8_t value[REAL_VALUE_MAX];
    uint32_t head[2];

    if (size < HEAD_SIZE || size > REAL_VALUE_MAX || memcmp(data, tag, TAG_SIZE) != 0)
        return false;
    memcpy(head, (const uint8_t *)data + TAG_SIZE, sizeof head);
    if (head[0] != (uint32_t)log || real_value_make(log, head[1], value) != size ||
        memcmp(data, value, size) != 0)
        return false;
    *out_number = head[1];
    return true;
}

uint32_t
real_numbers_drawn(const struct real_log *log)
{
    uint32_t next = atomic_load(&log->next_number);

    return next < REAL_NUMBERS_MAX ? next : REAL_NUMBERS_MAX;
}

bool
real_promises_are_used_up(const struct real_promises *promises)
{
    for (int i = 0; i < REAL_LOGS; i++)
        if (real_numbers_drawn(&promises->logs[i]) > REAL_NUMBERS_MAX * 3 / 4)
            return true;
    return false;
}

bool
real_promise_try(struct real_log *log, uint32_t count, uint32_t *out_first)
{
    uint32_t first = atomic_fetch_add(&log->next_number, count);

    if (first + count > REAL_NUMBERS_MAX)
        return false;
    for (uint32_t number = first; number < first + count; number++) {
        struct real_entry *entry = &log->entries[number];

        entry->batch_first = first;
        entry->batch_count = count;
        entry->epoch = -1;
        entry->offset = -1;
        entry->generation = 0;
        atomic_store(&entry->state, REAL_TRIED);
    }
    *out_first = first;
    return true;
}

void
real_promise_appended(struct real_log *log, uint32_t first, const struct strand_appended *appended,
                      enum real_state state)
{
    uint32_t count = log->entries[first].batch_count;

    for (uint32_t i = 0; i < count; i++) {
        struct real_entry *entry = &log->entries[first + i];

        entry->epoch = appended->leader_epoch;
        entry->generation = appended->generation;
        entry->offset = appended->base_offset + i;
        atomic_store(&entry->state, (int)state);
    }
}

void
real_promise_all(struct real_log *log)
{
    uint32_t end = real_numbers_drawn(log);

    for (uint32_t number = log->first_number; number < end; number++)
        if (atomic_load(&log->entries[number].state) == REAL_WRITTEN)
            atomic_store(&log->entries[number].state, REAL_DURABLE);
}

struct real_event *
real_promise_begin(struct real_log *log, enum real_event_kind kind, int64_t asked,
                   uint64_t generation)
{
    int count = atomic_load(&log->event_count);

    if (count == REAL_EVENTS_MAX)
        return NULL;
    struct real_event *event = &log->events[count];
    event->kind = kind;
    event->asked = asked;
    event->result = -1;
    event->before = generation;
    event->after = 0;
    atomic_store(&event->has_done, false);
    atomic_store(&log->event_count, count + 1);
    return event;
}

void
real_promise_end(struct real_event *event, int64_t result, uint64_t generation)
{
    event->result = result;
    event->after = generation;
    atomic_store(&event->has_done, true);
}
