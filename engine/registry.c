/* engine/registry.c -- The logs of an engine, in order of topic and partition. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "engine/engine_internal.h"
#include "engine/log_internal.h"

static int
compare_names(const struct strand_log *log, const char *topic, int32_t partition)
{
    int by_topic = strcmp(log->topic, topic);

    return by_topic != 0 ? by_topic : (log->partition > partition) - (log->partition < partition);
}

/* Index of the first log that is not before TOPIC-PARTITION. */
static size_t
place_of(const struct strand_engine *engine, const char *topic, int32_t partition)
{
    size_t low = 0;
    size_t high = engine->log_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_names(engine->logs[middle], topic, partition) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct strand_log *
strand_engine_find(const struct strand_engine *engine, const char *topic, int32_t partition)
{
    size_t place = place_of(engine, topic, partition);

    if (place < engine->log_count && compare_names(engine->logs[place], topic, partition) == 0)
        return engine->logs[place];
    return NULL;
}

int
strand_engine_register(struct strand_engine *engine, struct strand_log *log)
{
    if (engine->log_count == engine->log_capacity) {
        size_t capacity = engine->log_capacity == 0 ? 16 : 2 * engine->log_capacity;
        struct strand_log **logs = realloc(engine->logs, capacity * sizeof(struct strand_log *));

        if (logs == NULL)
            return strand_fail(STRAND_ERR_NO_MEMORY, "a list of %zu logs: out of memory", capacity);
        engine->logs = logs;
        engine->log_capacity = capacity;
    }
    size_t place = place_of(engine, log->topic, log->partition);
    memmove(&engine->logs[place + 1], &engine->logs[place],
            (engine->log_count - place) * sizeof(struct strand_log *));
    engine->logs[place] = log;
    engine->log_count++;
    return STRAND_OK;
}

void
strand_engine_unregister(struct strand_engine *engine, const struct strand_log *log)
{
    size_t place = place_of(engine, log->topic, log->partition);

    strand_assert(engine->logs[place] == log);
    engine->log_count--;
    memmove(&engine->logs[place], &engine->logs[place + 1],
            (engine->log_count - place) * sizeof(struct strand_log *));
}

static bool
collides(const char *a, const char *b)
{
    for (; *a != '\0' && *b != '\0'; a++, b++) {
        bool is_swap = (*a == '.' || *a == '_') && (*b == '.' || *b == '_');

        if (*a != *b && !is_swap)
            return false;
    }
    return *a == *b;
}

int
strand_engine_check_new_topic(const struct strand_engine *engine, const char *topic)
{
    for (size_t i = 0; i < engine->log_count; i++)
        if (strcmp(engine->logs[i]->topic, topic) != 0 && collides(engine->logs[i]->topic, topic))
            return strand_fail(STRAND_ERR_INVALID,
                               "create topic %s: it differs from %s only in '.' and '_'", topic,
                               engine->logs[i]->topic);
    return STRAND_OK;
}
