/* index/index_read.c -- Entries to numbers, for who looks from outside; no lookup goes this way. */
#include "index/index_read.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/file.h"
#include "index/index_files.h"
#include "index/index_internal.h"

_Static_assert((int)STRAND_INDEX_ENTRY_LOG == (int)STRAND_INDEX_KIND_LOG &&
                   (int)STRAND_INDEX_ENTRY_SEGMENT == (int)STRAND_INDEX_KIND_SEGMENT &&
                   (int)STRAND_INDEX_ENTRY_CHUNK == (int)STRAND_INDEX_KIND_CHUNK &&
                   (int)STRAND_INDEX_ENTRY_TIME == (int)STRAND_INDEX_KIND_TIME,
               "kinds are shown as they are stored");

/* ---- One entry ---- */

static void
decode_segment(const uint8_t *value, struct strand_index_entry *entry)
{
    entry->of.segment = (struct strand_index_segment){
        .base_offset = entry->offset,
        .end_offset = (int64_t)strand_get_le64(value),
        .size = (int64_t)strand_get_le64(value + STRAND_INDEX_SEGMENT_BYTES),
        .record_count = (int64_t)strand_get_le64(value + STRAND_INDEX_SEGMENT_RECORDS),
        .largest_timestamp_ms = (int64_t)strand_get_le64(value + STRAND_INDEX_SEGMENT_LARGEST),
        .first_timestamp_ms = (int64_t)strand_get_le64(value + STRAND_INDEX_SEGMENT_FIRST),
        .newest_epoch = (int32_t)strand_get_le32(value + STRAND_INDEX_SEGMENT_EPOCH),
    };
}

static void
decode_chunk(struct strand_index_span value, struct strand_index_entry *entry)
{
    entry->of.chunk.segment_base = (int64_t)strand_get_le64(value.data);
    entry->of.chunk.count = strand_index_pair_count(value);
    for (size_t i = 0; i < entry->of.chunk.count; i++)
        entry->of.chunk.pairs[i] = strand_index_pair(value, i);
}

static void
decode_value(struct strand_index_span key, struct strand_index_span value,
             struct strand_index_entry *entry)
{
    switch ((enum strand_index_key_kind)entry->kind) {
    case STRAND_INDEX_KIND_VERSION:
        return;
    case STRAND_INDEX_KIND_LOG:
        entry->of.log.generation = (int64_t)strand_get_le64(value.data);
        entry->of.log.covered_offset =
            (int64_t)strand_get_le64(value.data + STRAND_INDEX_LOG_COVERED);
        return;
    case STRAND_INDEX_KIND_SEGMENT:
        decode_segment(value.data, entry);
        return;
    case STRAND_INDEX_KIND_CHUNK:
        decode_chunk(value, entry);
        return;
    case STRAND_INDEX_KIND_TIME:
        entry->of.time.timestamp_ms = strand_index_key_timestamp(key);
        entry->of.time.end_offset = (int64_t)strand_get_le64(value.data);
        return;
    }
}

static void
decode(struct strand_index_span key, struct strand_index_span value,
       struct strand_index_entry *out_entry)
{
    *out_entry = (struct strand_index_entry){.kind = -1, .offset = -1};
    if (key.size >= STRAND_INDEX_KEY_SIZE) {
        out_entry->kind = key.data[STRAND_INDEX_KEY_KIND];
        memcpy(out_entry->id, key.data + STRAND_INDEX_KEY_ID, STRAND_INDEX_ID_SIZE);
        out_entry->offset = strand_index_key_offset(key);
    }
    out_entry->is_whole =
        strand_index_unseal(key, &value) && strand_index_entry_is_valid(key, value);
    if (out_entry->is_whole)
        decode_value(key, value, out_entry);
}

/* ---- Of one log, in an index that is open ---- */

struct visit {
    const uint8_t *id;
    enum strand_index_key_kind kind;
    strand_index_visit_fn *visit;
    void *argument;
    bool is_at_end; /* STRAND_END is ours, not the visitor's */
};

static int
visit_entry(void *argument, struct strand_index_span key, struct strand_index_span value)
{
    struct visit *visit = argument;
    struct strand_index_entry entry;

    decode(key, value, &entry);
    visit->is_at_end =
        entry.kind != (int)visit->kind || memcmp(entry.id, visit->id, STRAND_INDEX_ID_SIZE) != 0;
    if (visit->is_at_end)
        return STRAND_END;
    int status = visit->visit(visit->argument, &entry);
    visit->is_at_end = status == STRAND_OK; /* the table may end behind it */
    return status;
}

int
strand_index_visit(struct strand_index *index, const uint8_t *id, enum strand_index_entry_kind kind,
                   int64_t offset, strand_index_visit_fn *visit, void *argument)
{
    struct visit visiting = {.id = id,
                             .kind = (enum strand_index_key_kind)kind,
                             .visit = visit,
                             .argument = argument,
                             .is_at_end = true}; /* where there is no entry at all */
    struct strand_index_key from = strand_index_key(id, visiting.kind, offset);

    int status = index->ops->walk(index, &from, visit_entry, &visiting);
    return status == STRAND_END && visiting.is_at_end ? STRAND_OK : status;
}

/* ---- Of a file ---- */

struct examination {
    uint8_t version[STRAND_INDEX_VERSION_SIZE + STRAND_INDEX_CRC_SIZE]; /* the record's value */
    size_t version_size;                                                /* 0: it was not met */
    struct strand_index_examined examined;
    strand_index_visit_fn *visit;
    strand_index_progress_fn *progress;
    void *argument;
    struct strand_index probe; /* whose directory id and version the record must have */
    const char *path;
    bool is_refused; /* another version's, or another directory's */
};

static void
count_entry(const struct strand_index_entry *entry, struct strand_index_examined *examined)
{
    struct strand_index_counts *counts = &examined->counts;

    if (!entry->is_whole) {
        examined->malformed_count++;
        return;
    }
    counts->logs += entry->kind == STRAND_INDEX_ENTRY_LOG;
    counts->segments += entry->kind == STRAND_INDEX_ENTRY_SEGMENT;
    counts->times += entry->kind == STRAND_INDEX_ENTRY_TIME;
    if (entry->kind == STRAND_INDEX_ENTRY_CHUNK) {
        counts->chunks++;
        counts->pairs += entry->of.chunk.count;
    }
}

static int
take_version(struct examination *examination)
{
    return strand_index_take_version(
        &examination->probe, examination->path,
        (struct strand_index_span){examination->version, examination->version_size});
}

/* The version record comes first.  Where it is refused nothing else is looked at. */
static bool
examine_entry(void *argument, const uint8_t *key_data, size_t key_size, const uint8_t *value_data,
              size_t value_size)
{
    struct examination *examination = argument;
    struct strand_index_span key = {key_data, key_size};
    struct strand_index_key version = strand_index_version_key();
    struct strand_index_entry entry;

    if (strand_index_key_compare(key, strand_index_key_span(&version)) == 0) {
        size_t size = sizeof examination->version;

        examination->version_size = value_size < size ? value_size : size;
        memcpy(examination->version, value_data, examination->version_size);
        examination->is_refused = take_version(examination) != STRAND_OK;
        return !examination->is_refused;
    }
    if (examination->version_size == 0)
        return false;
    decode(key, (struct strand_index_span){value_data, value_size}, &entry);
    count_entry(&entry, &examination->examined);
    if (examination->visit != NULL)
        (void)examination->visit(examination->argument, &entry); /* it cannot end this */
    return true;
}

static void
tell_progress(void *argument, uint64_t done, uint64_t total)
{
    struct examination *examination = argument;

    if (examination->progress != NULL)
        examination->progress(examination->argument, done, total);
}

static int
size_of(const struct strand_index_options *options, uint64_t *out_size)
{
    struct strand_file file = {0};
    int64_t size = 0;

    int status = strand_file_open(options->fs, options->path, 0, &file);
    if (status != STRAND_OK)
        return status;
    status = strand_file_size(&file, &size);
    strand_file_discard(&file); /* only looked at */
    *out_size = (uint64_t)size;
    return status;
}

static int
examine(const struct strand_index_options *options, struct examination *examination)
{
    struct strand_lmdb_visitor visitor = {
        .is_valid = examine_entry, .progress = tell_progress, .argument = examination};
    struct strand_index_examined *examined = &examination->examined;
    struct strand_lmdb_facts facts;

    int status = size_of(options, &examined->file_bytes);
    if (status == STRAND_OK)
        status = strand_index_files_walk(options, &visitor, &facts);
    if (examination->is_refused)
        return take_version(examination); /* why, once more */
    if (status != STRAND_OK)
        return status;
    if (facts.entry_count == 0)
        return strand_fail(STRAND_ERR_NOT_FOUND, "check %s: nothing is in it", options->path);
    examined->used_bytes = facts.used_pages * facts.page_size;
    examined->entry_count = facts.entry_count;
    examined->commit_number = strand_index_commit_number(&examination->probe);
    return STRAND_OK;
}

int
strand_index_examine(const struct strand_index_options *options, strand_index_visit_fn *visit,
                     strand_index_progress_fn *progress, void *argument,
                     struct strand_index_examined *out_examined)
{
    struct examination examination = {
        .visit = visit, .progress = progress, .argument = argument, .path = options->path};

    strand_index_init(&examination.probe, NULL);
    memcpy(examination.probe.directory_id, options->directory_id, STRAND_INDEX_ID_SIZE);
    int status = examine(options, &examination);
    strand_index_deinit(&examination.probe);
    if (status == STRAND_OK)
        *out_examined = examination.examined;
    return status;
}
