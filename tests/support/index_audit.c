/* tests/support/index_audit.c -- All that an index holds is read, through the index and past it. */
#include "support/index_audit.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "index/index_files.h"
#include "index/index_internal.h"

/* Entries that are read with one snapshot: an old one keeps LMDB from using pages again. */
enum { ENTRIES_AT_ONCE = 4096 };

struct count {
    struct strand_index_counts counts;
    struct strand_index_key last; /* where the walk is; first of all the version record's */
    bool has_last;                /* it was counted */
    unsigned left;                /* of this snapshot */
};

static void
add_entry(struct strand_index_counts *counts, enum strand_index_key_kind kind,
          struct strand_index_span value)
{
    switch (kind) {
    case STRAND_INDEX_KIND_VERSION:
        return;
    case STRAND_INDEX_KIND_LOG:
        counts->logs++;
        return;
    case STRAND_INDEX_KIND_SEGMENT:
        counts->segments++;
        return;
    case STRAND_INDEX_KIND_CHUNK:
        counts->chunks++;
        counts->pairs += strand_index_pair_count(value);
        return;
    case STRAND_INDEX_KIND_TIME:
        counts->times++;
        return;
    }
}

static int
count_entry(void *argument, struct strand_index_span key, struct strand_index_span value)
{
    struct count *count = argument;
    int order = strand_index_key_compare(key, strand_index_key_span(&count->last));

    if (order == 0 && count->has_last)
        return STRAND_OK;
    if (count->left == 0)
        return STRAND_END;
    if (order < 0 || !strand_index_unseal(key, &value) || !strand_index_entry_is_valid(key, value))
        return strand_fail(STRAND_ERR_CORRUPT, "read index: malformed entry");
    memcpy(count->last.bytes, key.data, key.size);
    count->last.size = key.size;
    count->has_last = true;
    count->left--;
    add_entry(&count->counts, (enum strand_index_key_kind)key.data[STRAND_INDEX_KEY_KIND], value);
    return STRAND_OK;
}

int
index_count(struct strand_index *index, struct strand_index_counts *out_counts)
{
    struct count count = {.last = strand_index_version_key()};

    do {
        struct strand_index_key from = count.last;

        count.left = ENTRIES_AT_ONCE;
        int status = index->ops->walk(index, &from, count_entry, &count);
        if (status != STRAND_END)
            return status;
    } while (count.left == 0);
    *out_counts = count.counts;
    return STRAND_OK;
}

/* Whether LMDB reads what the checker saw; it may have been the one to make the version record. */
static int
compare_counts(const struct strand_index_options *options, const struct strand_lmdb_facts *facts,
               const struct strand_index_counts *counts)
{
    uint64_t found = 1 + counts->logs + counts->segments + counts->chunks + counts->times;
    uint64_t stored = facts->entry_count > 0 ? facts->entry_count : 1;

    if (found == stored)
        return STRAND_OK;
    return strand_fail(STRAND_ERR_CORRUPT,
                       "verify %s: %" PRIu64 " entries are in the file, LMDB reads %" PRIu64,
                       options->path, stored, found);
}

int
index_verify(const struct strand_index_options *options, strand_index_progress_fn *progress,
             void *argument, struct strand_index_counts *out_counts)
{
    struct strand_index_options checked = *options;
    struct strand_index_counts counts = {.logs = 0};
    struct strand_lmdb_facts facts;
    struct strand_index *index;

    int status = strand_index_files_check(options, progress, argument, &facts);
    if (status != STRAND_OK)
        return status;
    checked.is_suspect = false;
    status = strand_index_open_lmdb(&checked, &index);
    if (status != STRAND_OK)
        return status;
    status = index_count(index, &counts);
    strand_index_close(index);
    if (status == STRAND_OK)
        status = compare_counts(options, &facts, &counts);
    if (status == STRAND_OK)
        *out_counts = counts;
    return status;
}
