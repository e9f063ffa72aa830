/* recovery/clean_marker.c -- One CRC over all of it: a marker that is not whole vouches for
 * nothing, since a log that is taken on its word is not read.
 */
#include "recovery/clean_marker.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/file.h"

enum header_field {
    MAGIC = 0,
    VERSION = 4,
    COUNT = 8,
    INDEX_COMMIT = 12,
    INDEX_SIZE = 20,
    HEADER_SIZE = 28,
};

enum entry_field {
    ID = 0,
    GENERATION = 16,
    LOG_START = 24,
    LOG_END = 32,
    ACTIVE_BASE = 40,
    ACTIVE_SIZE = 48,
    SEGMENT_COUNT = 56,
    NEWEST_EPOCH = 60,
    ENTRY_SIZE = 64,
};

enum { MARKER_VERSION = 2, CRC_SIZE = 4, COUNT_MAX = 1 << 22, CAPACITY_MIN = 64 };

static const char MAGIC_TEXT[4] = {'S', 'T', 'C', 'L'};

_Static_assert((int)STRAND_LOG_ID_SIZE == (int)GENERATION, "the generation follows the id");

void
strand_clean_marker_init(struct strand_clean_marker *marker)
{
    memset(marker, 0, sizeof *marker);
}

void
strand_clean_marker_deinit(struct strand_clean_marker *marker)
{
    free(marker->entries);
    memset(marker, 0, sizeof *marker);
}

static int
reserve(struct strand_clean_marker *marker, size_t count)
{
    size_t capacity = marker->capacity < CAPACITY_MIN ? CAPACITY_MIN : marker->capacity;

    if (count <= marker->capacity)
        return STRAND_OK;
    if (count > COUNT_MAX)
        return strand_fail(STRAND_ERR_NO_MEMORY, "list clean logs: more than %d", (int)COUNT_MAX);
    while (capacity < count)
        capacity *= 2;
    struct strand_clean_entry *entries = realloc(marker->entries, capacity * sizeof *entries);
    if (entries == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "list clean logs: %zu entries: out of memory",
                           capacity);
    marker->entries = entries;
    marker->capacity = capacity;
    return STRAND_OK;
}

int
strand_clean_marker_add(struct strand_clean_marker *marker, const struct strand_clean_entry *entry)
{
    int status = reserve(marker, marker->count + 1);

    if (status == STRAND_OK)
        marker->entries[marker->count++] = *entry;
    return status;
}

static int
compare_ids(const void *a, const void *b)
{
    const struct strand_clean_entry *first = a;
    const struct strand_clean_entry *second = b;

    return memcmp(first->id, second->id, sizeof first->id);
}

const struct strand_clean_entry *
strand_clean_marker_find(const struct strand_clean_marker *marker,
                         const uint8_t id[STRAND_LOG_ID_SIZE])
{
    size_t low = 0;
    size_t high = marker->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(marker->entries[middle].id, id, STRAND_LOG_ID_SIZE);

        if (order == 0)
            return &marker->entries[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- Bytes ---- */

static bool
is_ascending(const struct strand_clean_marker *marker)
{
    for (size_t i = 1; i < marker->count; i++)
        if (compare_ids(&marker->entries[i - 1], &marker->entries[i]) >= 0)
            return false;
    return true;
}

static bool
is_plausible(const struct strand_clean_entry *entry)
{
    return entry->log_start >= 0 && entry->log_end >= entry->log_start &&
           entry->active_base_offset >= 0 && entry->active_base_offset <= entry->log_end &&
           entry->active_size >= 0 && entry->active_size <= INT32_MAX && entry->segment_count > 0 &&
           entry->newest_epoch >= -1;
}

/* No commit, no index: the numbers are there together or not at all. */
static bool
is_index_plausible(uint64_t commit, int64_t size)
{
    return size >= 0 && (commit == 0) == (size == 0);
}

static struct strand_clean_entry
decode_entry(const uint8_t *data)
{
    struct strand_clean_entry entry = {
        .generation = strand_get_le64(data + GENERATION),
        .log_start = (int64_t)strand_get_le64(data + LOG_START),
        .log_end = (int64_t)strand_get_le64(data + LOG_END),
        .active_base_offset = (int64_t)strand_get_le64(data + ACTIVE_BASE),
        .active_size = (int64_t)strand_get_le64(data + ACTIVE_SIZE),
        .segment_count = strand_get_le32(data + SEGMENT_COUNT),
        .newest_epoch = (int32_t)strand_get_le32(data + NEWEST_EPOCH),
    };

    memcpy(entry.id, data + ID, sizeof entry.id);
    return entry;
}

static void
encode_entry(const struct strand_clean_entry *entry, uint8_t *data)
{
    memcpy(data + ID, entry->id, sizeof entry->id);
    strand_put_le64(data + GENERATION, entry->generation);
    strand_put_le64(data + LOG_START, (uint64_t)entry->log_start);
    strand_put_le64(data + LOG_END, (uint64_t)entry->log_end);
    strand_put_le64(data + ACTIVE_BASE, (uint64_t)entry->active_base_offset);
    strand_put_le64(data + ACTIVE_SIZE, (uint64_t)entry->active_size);
    strand_put_le32(data + SEGMENT_COUNT, entry->segment_count);
    strand_put_le32(data + NEWEST_EPOCH, (uint32_t)entry->newest_epoch);
}

/* What is wrong with DATA as a whole; NULL: nothing, and *OUT_COUNT entries follow the header.  The
 * version is looked at before the size, which depends on it, and the count is compared with the
 * size before anything relies on it. */
static const char *
find_fault(const uint8_t *data, size_t size, size_t *out_count)
{
    if (size < COUNT + CRC_SIZE)
        return "its size cannot be";
    if (memcmp(data + MAGIC, MAGIC_TEXT, sizeof MAGIC_TEXT) != 0)
        return "it does not begin with STCL";
    if (strand_get_le32(data + size - CRC_SIZE) != strand_crc32c(0, data, size - CRC_SIZE))
        return "its CRC does not match";
    if (strand_get_le32(data + VERSION) != MARKER_VERSION)
        return "its version is unknown";
    if (size < HEADER_SIZE + CRC_SIZE || (size - HEADER_SIZE - CRC_SIZE) % ENTRY_SIZE != 0)
        return "its size cannot be";
    *out_count = (size - HEADER_SIZE - CRC_SIZE) / ENTRY_SIZE;
    if (strand_get_le32(data + COUNT) != *out_count)
        return "its count does not fit its size";
    if (!is_index_plausible(strand_get_le64(data + INDEX_COMMIT),
                            (int64_t)strand_get_le64(data + INDEX_SIZE)))
        return "it names an index with a commit and a size that cannot be";
    return NULL;
}

static int
decode(const char *directory, const uint8_t *data, size_t size, struct strand_clean_marker *marker)
{
    static const char FORMAT[] = "read %s/" STRAND_CLEAN_NAME ": %s";
    size_t count = 0;
    const char *fault = find_fault(data, size, &count);

    if (fault != NULL)
        return strand_fail(STRAND_ERR_CORRUPT, FORMAT, directory, fault);
    int status = reserve(marker, count);
    if (status != STRAND_OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        marker->entries[i] = decode_entry(data + HEADER_SIZE + i * ENTRY_SIZE);
        if (!is_plausible(&marker->entries[i]))
            return strand_fail(STRAND_ERR_CORRUPT,
                               "read %s/" STRAND_CLEAN_NAME
                               ": entry %zu names offsets, a size, a count or an epoch that "
                               "cannot be",
                               directory, i);
    }
    marker->count = count;
    marker->index_commit = strand_get_le64(data + INDEX_COMMIT);
    marker->index_size = (int64_t)strand_get_le64(data + INDEX_SIZE);
    return is_ascending(marker) ? STRAND_OK
                                : strand_fail(STRAND_ERR_CORRUPT, FORMAT, directory,
                                              "its entries do not ascend by id");
}

int
strand_clean_marker_load(const struct strand_fs *fs, const char *directory,
                         struct strand_clean_marker *marker)
{
    const size_t size_max = HEADER_SIZE + (size_t)COUNT_MAX * ENTRY_SIZE + CRC_SIZE;
    char path[STRAND_PATH_SIZE_MAX];
    char *data;
    size_t size;

    strand_assert(marker->count == 0);
    int status = strand_path_join(path, directory, STRAND_CLEAN_NAME);
    if (status != STRAND_OK)
        return status;
    status = strand_path_read(fs, path, size_max, &data, &size);
    if (status == STRAND_ERR_TOO_LARGE)
        return strand_fail_context(STRAND_ERR_CORRUPT, "clean marker");
    if (status != STRAND_OK)
        return status;
    status = decode(directory, (const uint8_t *)data, size, marker);
    free(data);
    if (status != STRAND_OK)
        strand_clean_marker_deinit(marker);
    return status;
}

int
strand_clean_marker_store(const struct strand_fs *fs, const char *directory,
                          struct strand_clean_marker *marker)
{
    size_t size = HEADER_SIZE + marker->count * ENTRY_SIZE + CRC_SIZE;

    strand_assert(marker->count <= COUNT_MAX);
    if (marker->count > 0)
        qsort(marker->entries, marker->count, sizeof *marker->entries, compare_ids);
    strand_assert(is_ascending(marker));
    uint8_t *data = malloc(size);
    if (data == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY,
                           "write " STRAND_CLEAN_NAME ": %zu entries: out of memory",
                           marker->count);
    memcpy(data + MAGIC, MAGIC_TEXT, sizeof MAGIC_TEXT);
    strand_put_le32(data + VERSION, MARKER_VERSION);
    strand_put_le32(data + COUNT, (uint32_t)marker->count);
    strand_put_le64(data + INDEX_COMMIT, marker->index_commit);
    strand_put_le64(data + INDEX_SIZE, (uint64_t)marker->index_size);
    for (size_t i = 0; i < marker->count; i++)
        encode_entry(&marker->entries[i], data + HEADER_SIZE + i * ENTRY_SIZE);
    strand_put_le32(data + size - CRC_SIZE, strand_crc32c(0, data, size - CRC_SIZE));
    int status = strand_file_replace(fs, directory, STRAND_CLEAN_NAME, data, size);
    free(data);
    return status;
}
