/* recovery/frontier.c -- The file behind the slots, its lock and its syncs.
 *
 * Memory is what counts: it is written to the file slot by slot, and a file that can no longer be
 * trusted (a failed sync may have dropped pages that the cache shows as clean) is replaced from it.
 */
#include "recovery/frontier.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/file.h"
#include "base/thread.h"
#include "recovery/frontier_slots.h"

enum {
    SLOT_SIZE = STRAND_FRONTIER_SLOT_SIZE,
    BLOCK_COUNT = STRAND_FRONTIER_BLOCK_COUNT,
};

struct strand_frontier {
    const struct strand_fs *fs; /* borrowed */
    char directory[STRAND_PATH_SIZE_MAX];
    char path[STRAND_PATH_SIZE_MAX];

    struct strand_mutex mutex; /* guards all below */
    struct strand_condition sync_done;
    struct strand_file file; /* open when writable */
    struct strand_frontier_slots slots;
    int64_t dirty_since_ns; /* -1: everything is synced */
    bool is_syncing;
    bool is_suspect; /* the file must be replaced before anything in it is durable */
};

int
strand_frontier_initialise(const struct strand_fs *fs, const char *directory)
{
    uint8_t block[BLOCK_COUNT * SLOT_SIZE] = {0};

    strand_frontier_header_encode(block);
    return strand_file_replace(fs, directory, STRAND_FRONTIER_NAME, block, sizeof block);
}

/* ---- Loading ---- */

/* *OUT_BAD_SLOTS is -1 when there is no header to go by. */
static int
load(struct strand_frontier *frontier, int64_t *out_bad_slots)
{
    char *text;
    size_t size;
    uint32_t version;

    *out_bad_slots = -1;
    int status = strand_path_read(frontier->fs, frontier->path,
                                  (size_t)STRAND_FRONTIER_COUNT_MAX * SLOT_SIZE, &text, &size);
    if (status == STRAND_ERR_TOO_LARGE)
        return STRAND_OK;
    if (status != STRAND_OK)
        return status;

    const uint8_t *data = (const uint8_t *)text;
    if (size >= SLOT_SIZE && strand_frontier_header_decode(data, &version)) {
        if (version == STRAND_FRONTIER_VERSION)
            status = strand_frontier_slots_load(&frontier->slots, data,
                                                (uint32_t)(size / SLOT_SIZE), out_bad_slots);
        else
            status = strand_fail(STRAND_ERR_VERSION, "open %s: version %u, this library knows %d",
                                 frontier->path, version, STRAND_FRONTIER_VERSION);
    }
    free(text);
    return status;
}

/* Load the file; if there is nothing to load and WRITABLE, create it. */
static int
load_or_create(struct strand_frontier *frontier, bool writable, int64_t *out_bad_slots)
{
    int64_t bad_slots;

    int status = load(frontier, &bad_slots);
    bool is_missing = status == STRAND_ERR_NOT_FOUND;
    if (status != STRAND_OK && !is_missing)
        return status;
    status = STRAND_OK;
    if (bad_slots < 0 && writable) {
        int64_t none;

        status = strand_frontier_initialise(frontier->fs, frontier->directory);
        if (status == STRAND_OK)
            status = load(frontier, &none);
    }
    if (status == STRAND_OK && writable)
        status = strand_file_open(frontier->fs, frontier->path, STRAND_FS_WRITE, &frontier->file);
    *out_bad_slots = is_missing ? 0 : bad_slots;
    return status;
}

static void
destroy(struct strand_frontier *frontier)
{
    strand_condition_deinit(&frontier->sync_done);
    strand_mutex_deinit(&frontier->mutex);
    strand_frontier_slots_deinit(&frontier->slots);
    free(frontier);
}

int
strand_frontier_open(const struct strand_fs *fs, const char *directory, bool writable,
                     struct strand_frontier **out_frontier, int64_t *out_bad_slots)
{
    struct strand_frontier *frontier = calloc(1, sizeof *frontier);
    int64_t bad_slots = 0;

    if (frontier == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "open frontier of %s: out of memory", directory);
    frontier->fs = fs;
    frontier->dirty_since_ns = -1;
    strand_frontier_slots_init(&frontier->slots);
    strand_mutex_init(&frontier->mutex);
    strand_condition_init(&frontier->sync_done);

    int status = strand_path_join(frontier->path, directory, STRAND_FRONTIER_NAME);
    if (status == STRAND_OK) {
        memcpy(frontier->directory, directory, strlen(directory) + 1);
        status = load_or_create(frontier, writable, &bad_slots);
    }
    if (status != STRAND_OK) {
        destroy(frontier);
        return status;
    }
    *out_frontier = frontier;
    *out_bad_slots = bad_slots;
    return STRAND_OK;
}

int
strand_frontier_close(struct strand_frontier *frontier)
{
    if (frontier == NULL)
        return STRAND_OK;
    int status = STRAND_OK;

    strand_assert(!frontier->is_syncing);
    if (frontier->file.handle != NULL)
        status = strand_file_close(&frontier->file);
    destroy(frontier);
    return status;
}

bool
strand_frontier_find(struct strand_frontier *frontier, const uint8_t id[STRAND_LOG_ID_SIZE],
                     struct strand_frontier_slot *out_slot)
{
    strand_mutex_lock(&frontier->mutex);
    uint32_t number = strand_frontier_slots_find(&frontier->slots, id);
    if (number != 0)
        *out_slot = frontier->slots.places[number].slot;
    strand_mutex_unlock(&frontier->mutex);
    return number != 0;
}

/* ---- Writing ---- */

/* Write DATA over what stands at place NUMBER.  The slot may be torn by a write that fails half-way
 * or for a reason unknown; one that found no room changed nothing. */
static int
write_at_place(struct strand_frontier *frontier, uint32_t number, const uint8_t *data, size_t size)
    STRAND_REQUIRES(frontier->mutex)
{
    size_t written = 0;

    if (frontier->dirty_since_ns < 0)
        frontier->dirty_since_ns = frontier->fs->monotonic_ns(frontier->fs->context);
    int status =
        strand_file_write(&frontier->file, data, size, (int64_t)number * SLOT_SIZE, &written);
    if (status != STRAND_OK && (status != STRAND_ERR_NO_SPACE || written != 0))
        frontier->is_suspect = true;
    return status;
}

/* Make the file longer by a block of unused slots. */
static int
grow(struct strand_frontier *frontier) STRAND_REQUIRES(frontier->mutex)
{
    static const uint8_t UNUSED[BLOCK_COUNT * SLOT_SIZE];

    int status = strand_frontier_slots_reserve(&frontier->slots, BLOCK_COUNT);
    if (status != STRAND_OK)
        return status;
    status = write_at_place(frontier, frontier->slots.place_count, UNUSED, sizeof UNUSED);
    if (status != STRAND_OK)
        return status;
    strand_frontier_slots_grow(&frontier->slots, BLOCK_COUNT);
    return STRAND_OK;
}

static int
find_free_place(struct strand_frontier *frontier, uint32_t *out_number)
    STRAND_REQUIRES(frontier->mutex)
{
    uint32_t number = strand_frontier_slots_find_free(&frontier->slots);

    if (number == 0) {
        int status = grow(frontier);
        if (status != STRAND_OK)
            return status;
        number = strand_frontier_slots_find_free(&frontier->slots);
    }
    strand_assert(number != 0);
    *out_number = number;
    return STRAND_OK;
}

static int
write_locked(struct strand_frontier *frontier, const struct strand_frontier_slot *slot)
    STRAND_REQUIRES(frontier->mutex)
{
    const struct strand_frontier_place place = {.slot = *slot, .is_used = true};
    uint8_t data[SLOT_SIZE];
    int status = STRAND_OK;

    uint32_t number = strand_frontier_slots_find(&frontier->slots, slot->id);
    if (number == 0)
        status = find_free_place(frontier, &number);
    else if (slot->generation < frontier->slots.places[number].slot.generation)
        return STRAND_OK;
    if (status != STRAND_OK)
        return status;

    strand_frontier_place_encode(&place, data);
    status = write_at_place(frontier, number, data, sizeof data);
    if (status == STRAND_OK)
        strand_frontier_slots_set(&frontier->slots, number, slot);
    return status;
}

int
strand_frontier_write(struct strand_frontier *frontier, const struct strand_frontier_slot *slot)
{
    strand_assert(strand_frontier_slot_is_plausible(slot));
    strand_assert(frontier->file.handle != NULL);

    strand_mutex_lock(&frontier->mutex);
    int status = write_locked(frontier, slot);
    strand_mutex_unlock(&frontier->mutex);
    return status;
}

static int
remove_locked(struct strand_frontier *frontier, const uint8_t *id) STRAND_REQUIRES(frontier->mutex)
{
    static const uint8_t UNUSED[SLOT_SIZE];

    uint32_t number = strand_frontier_slots_find(&frontier->slots, id);
    if (number == 0)
        return STRAND_OK;
    int status = write_at_place(frontier, number, UNUSED, sizeof UNUSED);
    if (status == STRAND_OK)
        strand_frontier_slots_free(&frontier->slots, number);
    return status;
}

int
strand_frontier_remove(struct strand_frontier *frontier, const uint8_t id[STRAND_LOG_ID_SIZE])
{
    strand_assert(frontier->file.handle != NULL);

    strand_mutex_lock(&frontier->mutex);
    int status = remove_locked(frontier, id);
    strand_mutex_unlock(&frontier->mutex);
    return status;
}

/* ---- Syncing ---- */

/* The file as memory has it; NULL: out of memory. */
static uint8_t *
encode_all(const struct strand_frontier *frontier, size_t *out_size)
    STRAND_REQUIRES(frontier->mutex)
{
    const struct strand_frontier_slots *slots = &frontier->slots;
    size_t size = (size_t)slots->place_count * SLOT_SIZE;
    uint8_t *data = malloc(size);

    if (data == NULL) {
        (void)strand_fail(STRAND_ERR_NO_MEMORY, "write %s: %zu bytes: out of memory",
                          frontier->path, size);
        return NULL;
    }
    strand_frontier_header_encode(data);
    for (uint32_t i = 1; i < slots->place_count; i++)
        strand_frontier_place_encode(&slots->places[i], data + (size_t)i * SLOT_SIZE);
    *out_size = size;
    return data;
}

/* Write all of memory to a new file under the old name, and go on with that one. */
static int
replace_locked(struct strand_frontier *frontier) STRAND_REQUIRES(frontier->mutex)
{
    struct strand_file file;
    size_t size = 0;

    uint8_t *data = encode_all(frontier, &size);
    if (data == NULL)
        return STRAND_ERR_NO_MEMORY;
    int status =
        strand_file_replace(frontier->fs, frontier->directory, STRAND_FRONTIER_NAME, data, size);
    free(data);
    if (status == STRAND_OK)
        status = strand_file_open(frontier->fs, frontier->path, STRAND_FS_WRITE, &file);
    if (status != STRAND_OK)
        return status;
    strand_file_discard(&frontier->file);
    frontier->file = file;
    frontier->is_suspect = false;
    frontier->dirty_since_ns = -1;
    return STRAND_OK;
}

/* Sync the file with the lock released.  Slots written meanwhile are dirty again. */
static int
sync_released(struct strand_frontier *frontier) STRAND_REQUIRES(frontier->mutex)
{
    int64_t dirty_since_ns = frontier->dirty_since_ns;

    frontier->dirty_since_ns = -1;
    frontier->is_syncing = true;
    strand_mutex_unlock(&frontier->mutex);
    int status = strand_file_sync_data(&frontier->file);
    strand_mutex_lock(&frontier->mutex);
    frontier->is_syncing = false;
    if (status != STRAND_OK) {
        frontier->is_suspect = true;
        frontier->dirty_since_ns = dirty_since_ns;
    }
    strand_condition_broadcast(&frontier->sync_done);
    return status;
}

int
strand_frontier_sync(struct strand_frontier *frontier)
{
    int status = STRAND_OK;

    strand_assert(frontier->file.handle != NULL);
    strand_mutex_lock(&frontier->mutex);
    while (frontier->is_syncing)
        (void)strand_condition_wait(&frontier->sync_done, &frontier->mutex, -1); /* no deadline */
    if (frontier->is_suspect)
        status = replace_locked(frontier);
    else if (frontier->dirty_since_ns >= 0)
        status = sync_released(frontier);
    strand_mutex_unlock(&frontier->mutex);
    return status;
}

static int
rewrite_locked(struct strand_frontier *frontier) STRAND_REQUIRES(frontier->mutex)
{
    size_t size = 0;
    uint8_t *data = encode_all(frontier, &size);

    if (data == NULL)
        return STRAND_ERR_NO_MEMORY;
    int status = write_at_place(frontier, 0, data, size);
    free(data);
    return status;
}

/* Whether the name still is that of the open file: a replacement that failed behind its rename has
 * given it away. */
static bool
has_name(const struct strand_frontier *frontier)
{
    const struct strand_fs *fs = frontier->fs;

    return fs->is_named(frontier->file.handle, fs->context, frontier->path) == 1;
}

int
strand_frontier_renew(struct strand_frontier *frontier)
{
    strand_assert(frontier->file.handle != NULL);
    strand_mutex_lock(&frontier->mutex);
    frontier->is_suspect = true;
    int status = replace_locked(frontier);
    if (status == STRAND_ERR_NO_SPACE && has_name(frontier)) {
        frontier->is_suspect = false;
        status = rewrite_locked(frontier);
    }
    strand_mutex_unlock(&frontier->mutex);
    return status == STRAND_OK ? strand_frontier_sync(frontier) : status;
}

int
strand_frontier_write_durably(struct strand_frontier *frontier,
                              const struct strand_frontier_slot *slot)
{
    int status = strand_frontier_write(frontier, slot);

    return status != STRAND_OK ? status : strand_frontier_sync(frontier);
}

int64_t
strand_frontier_dirty_since_ns(struct strand_frontier *frontier)
{
    strand_mutex_lock(&frontier->mutex);
    int64_t dirty_since_ns = frontier->dirty_since_ns;
    strand_mutex_unlock(&frontier->mutex);
    return dirty_since_ns;
}
