/* index/index_memory.c -- The index without a file: a sorted array for each kind and log.
 *
 * A batch only notes what is to be done, with everything allocated that it takes; its commit does
 * all of it under the lock and cannot fail half-way.  Look-ups therefore wait for the doing alone.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/thread.h"
#include "index/entry_array.h"
#include "index/index_internal.h"

enum { PREFIX_SIZE = STRAND_INDEX_KEY_OFFSET }; /* of a key: kind and log */

struct group { /* entries of one kind and log */
    uint8_t prefix[PREFIX_SIZE];
    struct strand_entry_array array;
};

enum task_kind { TASK_PUT, TASK_REMOVE, TASK_CUT };

/* One change that waits for the commit. */
struct task {
    struct task *next;
    enum task_kind kind;
    struct strand_index_key key; /* REMOVE: the first one; CUT: of the log */
    struct strand_index_key end; /* REMOVE */
    int64_t offset;              /* CUT */
    uint8_t *value;              /* PUT: owned */
    size_t size;
};

struct memory {
    struct strand_index index;
    struct strand_mutex lock;
    struct group *groups; /* owned; ascending; guarded by lock, as the next two */
    size_t count;
    size_t capacity;
    struct strand_index_key cut_key; /* what last_below() returned */
    struct strand_index_batch batch; /* the one under way */
    struct task *first_task;         /* owned */
    struct task **last_task;
};

/* ---- Places; lock held ---- */

/* Between two entries, or in front of all or behind: ENTRY of GROUP is the one behind, if they are
 * there. */
struct place {
    size_t group;
    size_t entry;
};

/* The first group whose prefix is that of KEY or above. */
static size_t
find_group(const struct memory *memory, const struct strand_index_key *key)
{
    size_t low = 0;
    size_t high = memory->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (memcmp(memory->groups[middle].prefix, key->bytes, PREFIX_SIZE) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool
is_group_of(const struct memory *memory, size_t at, const struct strand_index_key *key)
{
    return at < memory->count && memcmp(memory->groups[at].prefix, key->bytes, PREFIX_SIZE) == 0;
}

static uint64_t
offset_of(const struct strand_index_key *key)
{
    return strand_get_be64(key->bytes + STRAND_INDEX_KEY_OFFSET);
}

/* 0 without one: a key without comes before those with one. */
static uint64_t
timestamp_of(const struct strand_index_key *key)
{
    return key->size == STRAND_INDEX_KEY_SIZE_MAX
               ? strand_get_be64(key->bytes + STRAND_INDEX_KEY_TIMESTAMP)
               : 0;
}

/* In front of the first entry at KEY or above, or (IS_BEYOND) above. */
static struct place
find_place(const struct memory *memory, const struct strand_index_key *key, bool is_beyond)
{
    struct place place = {.group = find_group(memory, key)};

    if (is_group_of(memory, place.group, key))
        place.entry = strand_entry_array_find(&memory->groups[place.group].array, offset_of(key),
                                              timestamp_of(key), is_beyond);
    return place;
}

/* Step over the ends of groups; false: there is nothing behind PLACE. */
static bool
has_entry(const struct memory *memory, struct place *place)
{
    while (place->group < memory->count && place->entry == memory->groups[place->group].array.count)
        *place = (struct place){.group = place->group + 1};
    return place->group < memory->count;
}

/* To the entry before PLACE in its group; false: there is none. */
static bool
step_back(struct place *place)
{
    if (place->entry == 0)
        return false;
    place->entry--;
    return true;
}

static struct strand_entry *
entry_at(const struct memory *memory, struct place place)
{
    return &memory->groups[place.group].array.entries[place.entry];
}

static struct strand_index_key
key_at(const struct memory *memory, struct place place)
{
    const struct strand_entry *entry = entry_at(memory, place);
    struct strand_index_key key = {.size = STRAND_INDEX_KEY_SIZE};

    memcpy(key.bytes, memory->groups[place.group].prefix, PREFIX_SIZE);
    strand_put_be64(key.bytes + STRAND_INDEX_KEY_OFFSET, entry->offset);
    if (key.bytes[STRAND_INDEX_KEY_KIND] == STRAND_INDEX_KIND_TIME) {
        strand_put_be64(key.bytes + STRAND_INDEX_KEY_TIMESTAMP, entry->timestamp);
        key.size = STRAND_INDEX_KEY_SIZE_MAX;
    }
    return key;
}

/* ---- Groups; lock held ---- */

static bool
insert_group(struct memory *memory, size_t at, const struct strand_index_key *key)
{
    struct group *groups =
        strand_array_grow(memory->groups, &memory->capacity, memory->count + 1, sizeof *groups);

    if (groups == NULL)
        return false;
    memory->groups = groups;
    memmove(groups + at + 1, groups + at, (memory->count - at) * sizeof *groups);
    groups[at] = (struct group){.array.count = 0};
    memcpy(groups[at].prefix, key->bytes, PREFIX_SIZE);
    memory->count++;
    return true;
}

static void
drop_if_empty(struct memory *memory, size_t at)
{
    struct group *group = &memory->groups[at];

    if (group->array.count > 0 || group->array.reserved > 0)
        return;
    strand_entry_array_deinit(&group->array);
    memory->count--;
    memmove(group, group + 1, (memory->count - at) * sizeof *group);
}

/* Make room for one entry more at KEY; false: no memory. */
static bool
reserve(struct memory *memory, const struct strand_index_key *key)
{
    size_t at = find_group(memory, key);

    if (!is_group_of(memory, at, key) && !insert_group(memory, at, key))
        return false;
    bool is_reserved = strand_entry_array_reserve(&memory->groups[at].array);
    drop_if_empty(memory, at);
    return is_reserved;
}

static struct strand_entry_array *
reserved_array(const struct memory *memory, const struct strand_index_key *key)
{
    size_t at = find_group(memory, key);

    strand_assert(is_group_of(memory, at, key));
    strand_assert(memory->groups[at].array.reserved > 0);
    return &memory->groups[at].array;
}

static void
give_up_reserved(struct memory *memory, const struct strand_index_key *key)
{
    reserved_array(memory, key)->reserved--;
    drop_if_empty(memory, find_group(memory, key));
}

/* ---- The cut; lock held ---- */

static int
last_below(void *place, const struct strand_index_key *key, struct strand_index_span *out_key,
           struct strand_index_span *out_value)
{
    struct memory *memory = place;
    struct place at = find_place(memory, key, false);

    if (!step_back(&at))
        return STRAND_END;
    memory->cut_key = key_at(memory, at);
    const struct strand_entry *entry = entry_at(memory, at);
    *out_key = strand_index_key_span(&memory->cut_key);
    *out_value = (struct strand_index_span){entry->value, entry->size};
    return STRAND_OK;
}

static int
shorten(void *place, struct strand_index_span key, struct strand_index_span value)
{
    struct memory *memory = place;

    strand_assert(key.data == memory->cut_key.bytes);
    struct strand_entry *entry = entry_at(memory, find_place(memory, &memory->cut_key, false));
    strand_assert(value.size <= entry->size);
    memcpy(entry->value, value.data, value.size);
    entry->size = value.size;
    return STRAND_OK;
}

/* Both keys are of the same kind and log. */
static int
remove_keys(void *place, const struct strand_index_key *from, const struct strand_index_key *end)
{
    struct memory *memory = place;
    struct place first = find_place(memory, from, false);
    struct place behind = find_place(memory, end, false);

    strand_assert(memcmp(from->bytes, end->bytes, PREFIX_SIZE) == 0);
    if (!is_group_of(memory, first.group, from))
        return STRAND_OK;
    strand_entry_array_remove(&memory->groups[first.group].array, first.entry, behind.entry);
    drop_if_empty(memory, first.group);
    return STRAND_OK;
}

static const struct strand_index_edit edit = {last_below, shorten, remove_keys};

/* ---- Batches ---- */

static int
memory_begin(struct strand_index *index, struct strand_index_batch **out_batch)
{
    struct memory *memory = (struct memory *)index;

    memory->batch = (struct strand_index_batch){.index = index};
    memory->first_task = NULL;
    memory->last_task = &memory->first_task;
    *out_batch = &memory->batch;
    return STRAND_OK;
}

static int
refuse_memory(void)
{
    return strand_fail(STRAND_ERR_NO_MEMORY, "change index: out of memory");
}

static int
add_task(struct strand_index_batch *batch, const struct task *task)
{
    struct memory *memory = (struct memory *)batch->index;
    struct task *copy = malloc(sizeof *copy);

    if (copy == NULL)
        return refuse_memory();
    *copy = *task;
    *memory->last_task = copy;
    memory->last_task = &copy->next;
    return STRAND_OK;
}

static int
memory_put(struct strand_index_batch *batch, const struct strand_index_key *key,
           struct strand_index_span value)
{
    struct memory *memory = (struct memory *)batch->index;
    struct task task = {
        .kind = TASK_PUT, .key = *key, .value = malloc(value.size), .size = value.size};

    if (task.value == NULL)
        return refuse_memory();
    memcpy(task.value, value.data, value.size);
    strand_mutex_lock(&memory->lock);
    bool is_reserved = reserve(memory, key);
    strand_mutex_unlock(&memory->lock);
    int status = is_reserved ? add_task(batch, &task) : refuse_memory();
    if (status == STRAND_OK)
        return STRAND_OK;
    free(task.value);
    if (is_reserved) {
        strand_mutex_lock(&memory->lock);
        give_up_reserved(memory, key);
        strand_mutex_unlock(&memory->lock);
    }
    return status;
}

static int
memory_remove(struct strand_index_batch *batch, const struct strand_index_key *from,
              const struct strand_index_key *end)
{
    return add_task(batch, &(struct task){.kind = TASK_REMOVE, .key = *from, .end = *end});
}

static int
memory_cut(struct strand_index_batch *batch, const uint8_t *id, int64_t offset)
{
    struct strand_index_key key = strand_index_key(id, STRAND_INDEX_KIND_LOG, 0);

    return add_task(batch, &(struct task){.kind = TASK_CUT, .key = key, .offset = offset});
}

static void
perform(struct memory *memory, struct task *task)
{
    int status = STRAND_OK;

    switch (task->kind) {
    case TASK_PUT:
        strand_entry_array_put(reserved_array(memory, &task->key),
                               (struct strand_entry){.offset = offset_of(&task->key),
                                                     .timestamp = timestamp_of(&task->key),
                                                     .value = task->value,
                                                     .size = task->size});
        break;
    case TASK_REMOVE:
        status = remove_keys(memory, &task->key, &task->end);
        break;
    case TASK_CUT:
        status =
            strand_index_cut(&edit, memory, task->key.bytes + STRAND_INDEX_KEY_ID, task->offset);
        break;
    }
    strand_assert(status == STRAND_OK); /* nothing in it can fail here */
}

static void
give_up(struct memory *memory, struct task *task)
{
    if (task->kind != TASK_PUT)
        return;
    give_up_reserved(memory, &task->key);
    free(task->value);
}

/* Do WHAT with each task, and be done with it. */
static void
end_tasks(struct strand_index_batch *batch, void what(struct memory *memory, struct task *task))
{
    struct memory *memory = (struct memory *)batch->index;

    strand_mutex_lock(&memory->lock);
    while (memory->first_task != NULL) {
        struct task *task = memory->first_task;

        memory->first_task = task->next;
        what(memory, task);
        free(task);
    }
    strand_mutex_unlock(&memory->lock);
}

static int
memory_commit(struct strand_index_batch *batch)
{
    end_tasks(batch, perform);
    return STRAND_OK;
}

static void
memory_abort(struct strand_index_batch *batch)
{
    end_tasks(batch, give_up);
}

/* ---- Look-ups ---- */

static int
show(const struct memory *memory, struct place at, strand_index_entry_fn *found, void *argument)
{
    struct strand_index_key key = key_at(memory, at);
    const struct strand_entry *entry = entry_at(memory, at);

    return found(argument, strand_index_key_span(&key),
                 (struct strand_index_span){entry->value, entry->size});
}

static int
memory_floor(struct strand_index *index, const struct strand_index_key *key,
             strand_index_entry_fn *found, void *argument)
{
    struct memory *memory = (struct memory *)index;
    int status = STRAND_END;

    strand_mutex_lock(&memory->lock);
    struct place at = find_place(memory, key, true);
    if (step_back(&at))
        status = show(memory, at, found, argument);
    strand_mutex_unlock(&memory->lock);
    return status;
}

static int
memory_walk(struct strand_index *index, const struct strand_index_key *key,
            strand_index_entry_fn *found, void *argument)
{
    struct memory *memory = (struct memory *)index;
    int status = STRAND_OK;

    strand_mutex_lock(&memory->lock);
    struct place at = find_place(memory, key, false);
    for (; status == STRAND_OK && has_entry(memory, &at); at.entry++)
        status = show(memory, at, found, argument);
    strand_mutex_unlock(&memory->lock);
    return status == STRAND_OK ? STRAND_END : status;
}

static int
memory_stat(struct strand_index *index, struct strand_index_stat *out_stat)
{
    struct memory *memory = (struct memory *)index;

    struct strand_index_stat stat = {.commit_number = strand_index_commit_number(index)};

    strand_mutex_lock(&memory->lock);
    stat.used_bytes = memory->count * sizeof *memory->groups;
    for (struct place at = {0}; has_entry(memory, &at); at.entry++) {
        stat.entry_count++;
        stat.used_bytes += sizeof(struct strand_entry) + entry_at(memory, at)->size;
    }
    strand_mutex_unlock(&memory->lock);
    *out_stat = stat;
    return STRAND_OK;
}

/* ---- Open and close ---- */

static void
memory_close(struct strand_index *index)
{
    struct memory *memory = (struct memory *)index;

    for (size_t i = 0; i < memory->count; i++)
        strand_entry_array_deinit(&memory->groups[i].array);
    free(memory->groups);
    strand_mutex_deinit(&memory->lock);
    strand_index_deinit(index);
    free(memory);
}

static const struct strand_index_ops memory_ops = {
    .close = memory_close,
    .begin = memory_begin,
    .put = memory_put,
    .remove = memory_remove,
    .cut = memory_cut,
    .commit = memory_commit,
    .abort = memory_abort,
    .floor = memory_floor,
    .walk = memory_walk,
    .stat = memory_stat,
};

int
strand_index_open_memory(struct strand_index **out_index)
{
    struct memory *memory = calloc(1, sizeof *memory);

    if (memory == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "open index: out of memory");
    strand_index_init(&memory->index, &memory_ops);
    strand_mutex_init(&memory->lock);
    *out_index = &memory->index;
    return STRAND_OK;
}
