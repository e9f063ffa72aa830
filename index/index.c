/* index/index.c -- What the index promises, over the entries that an implementation stores. */
#include "index/index.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/error.h"
#include "index/index_internal.h"

/* ---- The version record ---- */

static const uint8_t no_id[STRAND_INDEX_ID_SIZE];

struct strand_index_key
strand_index_version_key(void)
{
    return strand_index_key(no_id, STRAND_INDEX_KIND_VERSION, 0);
}

void
strand_index_encode_version(const struct strand_index *index, uint64_t commit_number,
                            uint8_t out_value[STRAND_INDEX_VERSION_SIZE])
{
    memset(out_value, 0, STRAND_INDEX_VERSION_SIZE);
    memcpy(out_value, strand_index_magic, sizeof strand_index_magic);
    strand_put_le32(out_value + STRAND_INDEX_VERSION_NUMBER, STRAND_INDEX_VERSION);
    memcpy(out_value + STRAND_INDEX_VERSION_DIRECTORY, index->directory_id,
           sizeof index->directory_id);
    strand_put_le64(out_value + STRAND_INDEX_VERSION_COMMIT, commit_number);
}

int
strand_index_take_version(struct strand_index *index, const char *name,
                          struct strand_index_span value)
{
    struct strand_index_key key = strand_index_version_key();

    if (value.size < STRAND_INDEX_VERSION_DIRECTORY ||
        memcmp(value.data, strand_index_magic, sizeof strand_index_magic) != 0)
        return strand_fail(STRAND_ERR_CORRUPT, "open %s: no index of ours", name);
    uint32_t version = strand_get_le32(value.data + STRAND_INDEX_VERSION_NUMBER);
    if (version != STRAND_INDEX_VERSION)
        return strand_fail(STRAND_ERR_VERSION, "open %s: version %" PRIu32 " where %d is known",
                           name, version, STRAND_INDEX_VERSION);
    if (!strand_index_unseal(strand_index_key_span(&key), &value))
        return strand_fail(STRAND_ERR_CORRUPT, "open %s: malformed version record", name);
    if (memcmp(value.data + STRAND_INDEX_VERSION_DIRECTORY, index->directory_id,
               sizeof index->directory_id) != 0)
        return strand_fail(STRAND_ERR_FOREIGN,
                           "open %s: index of another data directory, or of another time of it",
                           name);
    atomic_store_explicit(&index->commit_number,
                          strand_get_le64(value.data + STRAND_INDEX_VERSION_COMMIT),
                          memory_order_release);
    return STRAND_OK;
}

/* ---- Open and close ---- */

void
strand_index_set_directory(struct strand_index *index, const uint8_t id[STRAND_INDEX_ID_SIZE])
{
    memcpy(index->directory_id, id, sizeof index->directory_id);
}

void
strand_index_init(struct strand_index *index, const struct strand_index_ops *ops)
{
    index->ops = ops;
    strand_mutex_init(&index->writer);
    atomic_init(&index->commit_number, 0);
}

void
strand_index_deinit(struct strand_index *index)
{
    strand_mutex_deinit(&index->writer);
}

void
strand_index_close(struct strand_index *index)
{
    if (index != NULL)
        index->ops->close(index);
}

uint64_t
strand_index_commit_number(const struct strand_index *index)
{
    return atomic_load_explicit(&index->commit_number, memory_order_acquire);
}

int
strand_index_stat(struct strand_index *index, struct strand_index_stat *out_stat)
{
    return index->ops->stat(index, out_stat);
}

/* ---- Change ---- */

/* The writer's lock is held as long as a batch is under way. */
static void enter(struct strand_index *index) STRAND_UNCHECKED_LOCKS;
static void leave(struct strand_index *index) STRAND_UNCHECKED_LOCKS;

static void
enter(struct strand_index *index)
{
    strand_mutex_lock(&index->writer);
}

static void
leave(struct strand_index *index)
{
    strand_mutex_unlock(&index->writer);
}

int
strand_index_begin(struct strand_index *index, struct strand_index_batch **out_batch)
{
    enter(index);
    int status = index->ops->begin(index, out_batch);
    if (status != STRAND_OK)
        leave(index);
    return status;
}

/* Note the first failure, whatever it was: nothing of the batch is to be kept. */
static int
keep(struct strand_index_batch *batch, int status)
{
    if (batch->status == STRAND_OK)
        batch->status = status;
    return status;
}

/* VALUE has room for the CRC behind its SIZE bytes. */
static int
put(struct strand_index_batch *batch, const struct strand_index_key *key, uint8_t *value,
    size_t size)
{
    struct strand_index_span at = strand_index_key_span(key);

    if (batch->status != STRAND_OK)
        return strand_fail(batch->status, "change index: an earlier change of this batch failed");
    if (!strand_index_entry_is_valid(at, (struct strand_index_span){value, size}))
        return keep(batch, strand_fail(STRAND_ERR_INVALID, "change index: numbers make no sense"));
    return keep(batch, batch->index->ops->put(batch, key, strand_index_seal(at, value, size)));
}

static int
refuse_negative(struct strand_index_batch *batch, int64_t offset)
{
    return keep(batch,
                strand_fail(STRAND_ERR_INVALID, "change index: negative offset %" PRId64, offset));
}

int
strand_index_put_log(struct strand_index_batch *batch, const uint8_t *id,
                     const struct strand_index_log *log)
{
    struct strand_index_key key = strand_index_key(id, STRAND_INDEX_KIND_LOG, 0);
    uint8_t value[STRAND_INDEX_LOG_SIZE + STRAND_INDEX_CRC_SIZE];

    strand_put_le64(value, (uint64_t)log->generation);
    strand_put_le64(value + STRAND_INDEX_LOG_COVERED, (uint64_t)log->covered_offset);
    return put(batch, &key, value, STRAND_INDEX_LOG_SIZE);
}

int
strand_index_put_segment(struct strand_index_batch *batch, const uint8_t *id,
                         const struct strand_index_segment *segment)
{
    uint8_t value[STRAND_INDEX_SEGMENT_SIZE + STRAND_INDEX_CRC_SIZE];

    if (segment->base_offset < 0)
        return refuse_negative(batch, segment->base_offset);
    struct strand_index_key key =
        strand_index_key(id, STRAND_INDEX_KIND_SEGMENT, segment->base_offset);
    strand_put_le64(value, (uint64_t)segment->end_offset);
    strand_put_le64(value + STRAND_INDEX_SEGMENT_BYTES, (uint64_t)segment->size);
    strand_put_le64(value + STRAND_INDEX_SEGMENT_RECORDS, (uint64_t)segment->record_count);
    strand_put_le64(value + STRAND_INDEX_SEGMENT_LARGEST, (uint64_t)segment->largest_timestamp_ms);
    strand_put_le64(value + STRAND_INDEX_SEGMENT_FIRST, (uint64_t)segment->first_timestamp_ms);
    strand_put_le32(value + STRAND_INDEX_SEGMENT_EPOCH, (uint32_t)segment->newest_epoch);
    return put(batch, &key, value, STRAND_INDEX_SEGMENT_SIZE);
}

int
strand_index_put_chunk(struct strand_index_batch *batch, const uint8_t *id, int64_t segment_base,
                       const struct strand_sparse_entry *entries, size_t count)
{
    uint8_t value[STRAND_INDEX_VALUE_SIZE_MAX];

    if (segment_base < 0)
        return refuse_negative(batch, segment_base);
    if (count == 0 || count > STRAND_INDEX_CHUNK_MAX ||
        segment_base > INT64_MAX - (int64_t)entries[0].relative_offset)
        return keep(batch,
                    strand_fail(STRAND_ERR_INVALID, "change index: chunk of %zu entries", count));
    struct strand_index_key key = strand_index_key(
        id, STRAND_INDEX_KIND_CHUNK, segment_base + (int64_t)entries[0].relative_offset);
    strand_put_le64(value, (uint64_t)segment_base);
    for (size_t i = 0; i < count; i++) {
        uint8_t *pair = value + STRAND_INDEX_CHUNK_PAIRS + i * STRAND_INDEX_PAIR_SIZE;

        strand_put_le32(pair, entries[i].relative_offset);
        strand_put_le32(pair + 4, entries[i].position);
    }
    return put(batch, &key, value, STRAND_INDEX_CHUNK_PAIRS + count * STRAND_INDEX_PAIR_SIZE);
}

int
strand_index_put_time(struct strand_index_batch *batch, const uint8_t *id, int64_t segment_base,
                      int64_t timestamp_ms, int64_t offset)
{
    uint8_t value[STRAND_INDEX_TIME_SIZE + STRAND_INDEX_CRC_SIZE];

    if (segment_base < 0)
        return refuse_negative(batch, segment_base);
    struct strand_index_key key = strand_index_time_key(id, segment_base, timestamp_ms);
    strand_put_le64(value, (uint64_t)offset);
    return put(batch, &key, value, STRAND_INDEX_TIME_SIZE);
}

static int
remove_range(struct strand_index_batch *batch, struct strand_index_key from,
             struct strand_index_key end)
{
    return batch->index->ops->remove(batch, &from, &end);
}

int
strand_index_remove_from(struct strand_index_batch *batch, const uint8_t *id, int64_t offset)
{
    if (batch->status != STRAND_OK)
        return strand_fail(batch->status, "change index: an earlier change of this batch failed");
    if (offset < 0)
        return refuse_negative(batch, offset);
    return keep(batch, batch->index->ops->cut(batch, id, offset));
}

int
strand_index_remove_below(struct strand_index_batch *batch, const uint8_t *id, int64_t offset)
{
    int status = STRAND_OK;

    if (batch->status != STRAND_OK)
        return strand_fail(batch->status, "change index: an earlier change of this batch failed");
    if (offset < 0)
        return refuse_negative(batch, offset);
    for (int kind = STRAND_INDEX_KIND_SEGMENT;
         status == STRAND_OK && kind <= STRAND_INDEX_KIND_TIME; kind++)
        status = remove_range(batch, strand_index_key(id, (enum strand_index_key_kind)kind, 0),
                              strand_index_key(id, (enum strand_index_key_kind)kind, offset));
    return keep(batch, status);
}

int
strand_index_remove_log(struct strand_index_batch *batch, const uint8_t *id)
{
    int status = STRAND_OK;

    if (batch->status != STRAND_OK)
        return strand_fail(batch->status, "change index: an earlier change of this batch failed");
    for (int kind = STRAND_INDEX_KIND_LOG; status == STRAND_OK && kind <= STRAND_INDEX_KIND_TIME;
         kind++)
        status = remove_range(batch, strand_index_key(id, (enum strand_index_key_kind)kind, 0),
                              strand_index_kind_end(id, (enum strand_index_key_kind)kind));
    return keep(batch, status);
}

int
strand_index_commit(struct strand_index_batch *batch, uint64_t number)
{
    struct strand_index *index = batch->index;
    struct strand_index_key key = strand_index_version_key();
    uint8_t value[STRAND_INDEX_VERSION_SIZE + STRAND_INDEX_CRC_SIZE];
    int status = batch->status;

    if (status == STRAND_OK && number <= strand_index_commit_number(index))
        status = strand_fail(STRAND_ERR_INVALID,
                             "commit index: number %" PRIu64 " is not above %" PRIu64, number,
                             strand_index_commit_number(index));
    if (status == STRAND_OK) {
        strand_index_encode_version(index, number, value);
        status = put(batch, &key, value, STRAND_INDEX_VERSION_SIZE);
    }
    if (status == STRAND_OK)
        status = index->ops->commit(batch);
    else
        index->ops->abort(batch);
    if (status == STRAND_OK)
        atomic_store_explicit(&index->commit_number, number, memory_order_release);
    leave(index);
    return status;
}

void
strand_index_abort(struct strand_index_batch *batch)
{
    if (batch == NULL)
        return;
    struct strand_index *index = batch->index;
    index->ops->abort(batch);
    leave(index);
}

/* ---- Look up ---- */

/* What a look-up wants to know, and where it goes. */
struct look_up {
    const uint8_t *id;
    enum strand_index_key_kind kind;
    int64_t offset;
    void *out;
};

static int
refuse_entry(const char *what)
{
    return strand_fail(STRAND_ERR_CORRUPT, "look up in index: malformed %s", what);
}

static int
take_log(void *argument, struct strand_index_span key, struct strand_index_span value)
{
    const struct look_up *look_up = argument;
    struct strand_index_log *log = look_up->out;

    if (!strand_index_key_is(key, look_up->id, look_up->kind))
        return STRAND_END;
    if (!strand_index_unseal(key, &value))
        return refuse_entry("log");
    log->generation = (int64_t)strand_get_le64(value.data);
    log->covered_offset = (int64_t)strand_get_le64(value.data + STRAND_INDEX_LOG_COVERED);
    return STRAND_OK;
}

int
strand_index_find_log(struct strand_index *index, const uint8_t *id,
                      struct strand_index_log *out_log)
{
    struct look_up look_up = {.id = id, .kind = STRAND_INDEX_KIND_LOG, .out = out_log};
    struct strand_index_key key = strand_index_key(id, STRAND_INDEX_KIND_LOG, 0);

    return index->ops->floor(index, &key, take_log, &look_up);
}

static int
take_place(void *argument, struct strand_index_span key, struct strand_index_span value)
{
    const struct look_up *look_up = argument;
    struct strand_index_place *place = look_up->out;

    if (!strand_index_key_is(key, look_up->id, look_up->kind))
        return STRAND_END;
    if (!strand_index_unseal(key, &value))
        return refuse_entry("chunk");
    size_t below = strand_index_pairs_below(value, look_up->offset);
    if (below == 0)
        return refuse_entry("chunk");
    struct strand_sparse_entry pair = strand_index_pair(value, below - 1);
    place->segment_base = (int64_t)strand_get_le64(value.data);
    place->offset = place->segment_base + (int64_t)pair.relative_offset;
    place->position = pair.position;
    return STRAND_OK;
}

int
strand_index_find_offset(struct strand_index *index, const uint8_t *id, int64_t offset,
                         struct strand_index_place *out_place)
{
    struct look_up look_up = {
        .id = id, .kind = STRAND_INDEX_KIND_CHUNK, .offset = offset, .out = out_place};

    if (offset < 0)
        return STRAND_END;
    struct strand_index_key key = strand_index_key(id, STRAND_INDEX_KIND_CHUNK, offset);
    return index->ops->floor(index, &key, take_place, &look_up);
}

static int
take_time(void *argument, struct strand_index_span key, struct strand_index_span value)
{
    const struct look_up *look_up = argument;
    int64_t *out_offset = look_up->out;

    if (!strand_index_key_is(key, look_up->id, look_up->kind) ||
        strand_index_key_offset(key) != look_up->offset)
        return STRAND_END;
    if (!strand_index_unseal(key, &value))
        return refuse_entry("time");
    *out_offset = (int64_t)strand_get_le64(value.data);
    return STRAND_OK;
}

int
strand_index_find_time(struct strand_index *index, const uint8_t *id, int64_t segment_base,
                       int64_t timestamp_ms, int64_t *out_offset)
{
    struct look_up look_up = {
        .id = id, .kind = STRAND_INDEX_KIND_TIME, .offset = segment_base, .out = out_offset};

    if (segment_base < 0 || timestamp_ms == INT64_MIN)
        return STRAND_END;
    /* What is earlier by one may be passed over, and what is earlier still. */
    struct strand_index_key key = strand_index_time_key(id, segment_base, timestamp_ms - 1);
    return index->ops->floor(index, &key, take_time, &look_up);
}

struct segments {
    const uint8_t *id;
    struct strand_index_segment *segments;
    size_t capacity;
    size_t count;
};

static int
take_segment(void *argument, struct strand_index_span key, struct strand_index_span value)
{
    struct segments *segments = argument;

    if (segments->count == segments->capacity ||
        !strand_index_key_is(key, segments->id, STRAND_INDEX_KIND_SEGMENT))
        return STRAND_END;
    if (!strand_index_unseal(key, &value))
        return refuse_entry("segment");
    segments->segments[segments->count++] = (struct strand_index_segment){
        .base_offset = strand_index_key_offset(key),
        .end_offset = (int64_t)strand_get_le64(value.data),
        .size = (int64_t)strand_get_le64(value.data + STRAND_INDEX_SEGMENT_BYTES),
        .record_count = (int64_t)strand_get_le64(value.data + STRAND_INDEX_SEGMENT_RECORDS),
        .largest_timestamp_ms = (int64_t)strand_get_le64(value.data + STRAND_INDEX_SEGMENT_LARGEST),
        .first_timestamp_ms = (int64_t)strand_get_le64(value.data + STRAND_INDEX_SEGMENT_FIRST),
        .newest_epoch = (int32_t)strand_get_le32(value.data + STRAND_INDEX_SEGMENT_EPOCH),
    };
    return STRAND_OK;
}

int
strand_index_read_segments(struct strand_index *index, const uint8_t *id, int64_t from,
                           struct strand_index_segment *segments, size_t capacity,
                           size_t *out_count)
{
    struct segments taken = {.id = id, .segments = segments, .capacity = capacity};
    struct strand_index_key key =
        strand_index_key(id, STRAND_INDEX_KIND_SEGMENT, from < 0 ? 0 : from);

    int status = index->ops->walk(index, &key, take_segment, &taken);
    if (status != STRAND_OK && status != STRAND_END)
        return status;
    *out_count = taken.count;
    return STRAND_OK;
}

/* Keep the id in KEY if it is the lowest so far. */
static int
take_lower_id(void *argument, struct strand_index_span key, struct strand_index_span value)
{
    (void)value;
    if (key.size < STRAND_INDEX_KEY_SIZE)
        return refuse_entry("key");
    struct look_up *look_up = argument;
    const uint8_t *id = key.data + STRAND_INDEX_KEY_ID;
    if (key.data[STRAND_INDEX_KEY_KIND] != look_up->kind)
        return STRAND_END;
    if (look_up->id == NULL || memcmp(id, look_up->id, STRAND_INDEX_ID_SIZE) < 0) {
        memcpy(look_up->out, id, STRAND_INDEX_ID_SIZE);
        look_up->id = look_up->out;
    }
    return STRAND_END;
}

int
strand_index_next_log(struct strand_index *index, const uint8_t *id, uint8_t *out_id)
{
    uint8_t next[STRAND_INDEX_ID_SIZE];
    struct look_up look_up = {.id = NULL, .out = next}; /* id: the lowest so far */

    for (int kind = STRAND_INDEX_KIND_LOG; kind <= STRAND_INDEX_KIND_TIME; kind++) {
        look_up.kind = (enum strand_index_key_kind)kind;
        struct strand_index_key key = strand_index_kind_end(id, look_up.kind);
        int status = index->ops->walk(index, &key, take_lower_id, &look_up);
        if (status != STRAND_OK && status != STRAND_END)
            return status;
    }
    if (look_up.id == NULL)
        return STRAND_END;
    memcpy(out_id, next, sizeof next);
    return STRAND_OK;
}
