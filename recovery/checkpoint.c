/* recovery/checkpoint.c -- Encoding and decoding; base/file.h replaces the file whole. */
#include "recovery/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/file.h"
#include "recovery/checkpoint_text.h"
#include "storage/topic_name.h"

enum {
    HEADER_SIZE_MAX = 2 * (20 + 1),                                    /* two numbers, two LF */
    ENTRY_SIZE_MAX = STRAND_TOPIC_NAME_SIZE_MAX + 1 + 10 + 1 + 19 + 1, /* topic, int32, int64, LF */
};

void
strand_checkpoint_init(struct strand_checkpoint *checkpoint)
{
    memset(checkpoint, 0, sizeof *checkpoint);
}

void
strand_checkpoint_deinit(struct strand_checkpoint *checkpoint)
{
    for (size_t i = 0; i < checkpoint->count; i++)
        free(checkpoint->entries[i].topic);
    free(checkpoint->entries);
    strand_checkpoint_init(checkpoint);
}

static int
compare(const char *topic, int32_t partition, const struct strand_checkpoint_entry *entry)
{
    int order = strcmp(topic, entry->topic);

    if (order != 0)
        return order;
    return (partition > entry->partition) - (partition < entry->partition);
}

static int
compare_entries(const void *left, const void *right)
{
    const struct strand_checkpoint_entry *entry = left;

    return compare(entry->topic, entry->partition, right);
}

/* Index of the first entry that is not below TOPIC-PARTITION. */
static size_t
lower_bound(const struct strand_checkpoint *checkpoint, const char *topic, int32_t partition)
{
    size_t low = 0;
    size_t high = checkpoint->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(topic, partition, &checkpoint->entries[middle]) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool
is_at(const struct strand_checkpoint *checkpoint, size_t index, const char *topic,
      int32_t partition)
{
    return index < checkpoint->count && compare(topic, partition, &checkpoint->entries[index]) == 0;
}

/* Make room for one more entry. */
static int
reserve(struct strand_checkpoint *checkpoint)
{
    if (checkpoint->count < checkpoint->capacity)
        return STRAND_OK;
    size_t capacity = checkpoint->capacity == 0 ? 16 : checkpoint->capacity * 2;
    struct strand_checkpoint_entry *entries =
        realloc(checkpoint->entries, capacity * sizeof *entries);

    if (entries == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "extend checkpoint: %zu entries: out of memory",
                           capacity);
    checkpoint->entries = entries;
    checkpoint->capacity = capacity;
    return STRAND_OK;
}

/* Put a new entry at INDEX. */
static int
insert(struct strand_checkpoint *checkpoint, size_t index, const char *topic, int32_t partition,
       int64_t offset)
{
    int status = reserve(checkpoint);
    if (status != STRAND_OK)
        return status;
    char *copy = strdup(topic);
    if (copy == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "extend checkpoint: topic %s: out of memory",
                           topic);

    struct strand_checkpoint_entry *entry = &checkpoint->entries[index];

    memmove(entry + 1, entry, (checkpoint->count - index) * sizeof *entry);
    *entry = (struct strand_checkpoint_entry){copy, partition, offset};
    checkpoint->count++;
    return STRAND_OK;
}

int
strand_checkpoint_set(struct strand_checkpoint *checkpoint, const char *topic, int32_t partition,
                      int64_t offset)
{
    strand_assert(partition >= 0);
    strand_assert(offset >= 0);

    size_t index = lower_bound(checkpoint, topic, partition);
    if (!is_at(checkpoint, index, topic, partition))
        return insert(checkpoint, index, topic, partition, offset);
    checkpoint->entries[index].offset = offset;
    return STRAND_OK;
}

bool
strand_checkpoint_get(const struct strand_checkpoint *checkpoint, const char *topic,
                      int32_t partition, int64_t *out_offset)
{
    size_t index = lower_bound(checkpoint, topic, partition);

    if (!is_at(checkpoint, index, topic, partition))
        return false;
    *out_offset = checkpoint->entries[index].offset;
    return true;
}

/* Append the entry that TEXT stands on, in the order of the file. */
static int
load_entry(const struct strand_checkpoint_text *text, struct strand_checkpoint *checkpoint)
{
    int64_t partition;
    int64_t offset;

    if (strand_topic_name_check(text->fields[0]) != STRAND_OK)
        return strand_checkpoint_text_fail(text, "not the name of a topic");
    if (!strand_checkpoint_text_number(text->fields[1], INT32_MAX, &partition))
        return strand_checkpoint_text_fail(text, "not a partition");
    if (!strand_checkpoint_text_number(text->fields[2], INT64_MAX, &offset))
        return strand_checkpoint_text_fail(text, "not an offset");
    return insert(checkpoint, checkpoint->count, text->fields[0], (int32_t)partition, offset);
}

/* Kafka writes its files in no order. */
static int
sort(const struct strand_checkpoint_text *text, struct strand_checkpoint *checkpoint)
{
    if (checkpoint->count == 0)
        return STRAND_OK;
    qsort(checkpoint->entries, checkpoint->count, sizeof checkpoint->entries[0], compare_entries);
    for (size_t i = 1; i < checkpoint->count; i++) {
        const struct strand_checkpoint_entry *entry = &checkpoint->entries[i];

        if (compare_entries(entry - 1, entry) == 0)
            return strand_fail(STRAND_ERR_CORRUPT, "read %s: %s-%" PRId32 " is named twice",
                               text->path, entry->topic, entry->partition);
    }
    return STRAND_OK;
}

int
strand_checkpoint_load(const struct strand_fs *fs, const char *directory, const char *name,
                       struct strand_checkpoint *checkpoint)
{
    struct strand_checkpoint_text text;
    struct strand_checkpoint loaded;

    int status =
        strand_checkpoint_text_open(&text, fs, directory, name, STRAND_CHECKPOINT_COUNT_MAX);
    if (status != STRAND_OK)
        return status;

    strand_checkpoint_init(&loaded);
    while (status == STRAND_OK) {
        status = strand_checkpoint_text_next(&text, 3);
        if (status == STRAND_OK)
            status = load_entry(&text, &loaded);
    }
    if (status == STRAND_END)
        status = sort(&text, &loaded);
    strand_checkpoint_text_close(&text);

    if (status != STRAND_OK) {
        strand_checkpoint_deinit(&loaded);
        return status;
    }
    strand_checkpoint_deinit(checkpoint);
    *checkpoint = loaded;
    return STRAND_OK;
}

/* Encode the file into BUFFER, which has room for the worst case, and return its size. */
static size_t
encode(char *buffer, size_t capacity, const struct strand_checkpoint *checkpoint)
{
    size_t used = (size_t)snprintf(buffer, capacity, "%d\n%zu\n", STRAND_CHECKPOINT_VERSION,
                                   checkpoint->count);

    for (size_t i = 0; i < checkpoint->count; i++) {
        const struct strand_checkpoint_entry *entry = &checkpoint->entries[i];

        strand_assert(strlen(entry->topic) <= STRAND_TOPIC_NAME_SIZE_MAX);
        used += (size_t)snprintf(buffer + used, capacity - used, "%s %" PRId32 " %" PRId64 "\n",
                                 entry->topic, entry->partition, entry->offset);
    }
    strand_assert(used < capacity);
    return used;
}

int
strand_checkpoint_store(const struct strand_fs *fs, const char *directory, const char *name,
                        const struct strand_checkpoint *checkpoint)
{
    strand_assert(checkpoint->count <= STRAND_CHECKPOINT_COUNT_MAX);

    size_t capacity = HEADER_SIZE_MAX + checkpoint->count * ENTRY_SIZE_MAX + 1;
    char *buffer = malloc(capacity);
    if (buffer == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "write checkpoint %s: %zu entries: out of memory",
                           name, checkpoint->count);

    size_t size = encode(buffer, capacity, checkpoint);
    int status = strand_file_replace(fs, directory, name, buffer, size);
    free(buffer);
    return status;
}
