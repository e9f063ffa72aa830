#include "support/lmdb_image.h"
#include "support/index_audit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/file.h"
#include "index/lmdb_format.h"
#include "index/lmdb_page.h"
#include "support/index_fixture.h"

enum { LOGS = LMDB_IMAGE_LOGS, CHUNKS = LMDB_IMAGE_CHUNKS, BIG_LOG = 99, BIG_CHUNKS = 4000 };

static void
require(int status, const char *what)
{
    if (status == STRAND_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, strand_error_message());
    abort();
}

static void
put_round(struct strand_index_batch *batch, uint32_t log, uint32_t chunk)
{
    struct strand_index_log facts = {.generation = log, .covered_offset = chunk};
    struct strand_index_segment segment = {.base_offset = chunk * 64,
                                           .end_offset = chunk * 64 + 64};

    require(strand_index_put_log(batch, index_id(log), &facts), "put");
    require(strand_index_put_segment(batch, index_id(log), &segment), "put");
    index_put_pairs(batch, index_id(log), chunk * 64, chunk * 64, 1, 64);
    require(strand_index_put_time(batch, index_id(log), chunk * 64, chunk, chunk * 64), "put");
}

static void
fill(struct strand_index *index)
{
    struct strand_index_batch *batch = index_begin(index);

    for (uint32_t chunk = 0; chunk < BIG_CHUNKS; chunk++)
        index_put_pairs(batch, index_id(BIG_LOG), 0, (int64_t)chunk * 64, 1, 64);
    index_commit(index, batch);
    for (uint32_t chunk = 0; chunk < CHUNKS; chunk++) {
        batch = index_begin(index);
        if (chunk == CHUNKS - 2)
            require(strand_index_remove_log(batch, index_id(BIG_LOG)), "remove");
        for (uint32_t log = 1; log <= LOGS; log++)
            put_round(batch, log, chunk);
        index_commit(index, batch);
    }
}

uint8_t *
lmdb_image_load(size_t *out_size)
{
    char *content = NULL;

    require(strand_path_read(strand_fs_posix(), index_path(), 1 << 30, &content, out_size), "read");
    return (uint8_t *)content;
}

uint8_t *
lmdb_image_make(size_t *out_size)
{
    struct strand_index *index = index_open(INDEX_LMDB);

    fill(index);
    strand_index_close(index);
    return lmdb_image_load(out_size);
}

const uint8_t *
lmdb_image_meta(const uint8_t *image)
{
    const uint8_t *second = image + LMDB_IMAGE_PAGE;

    return strand_get_le64(image + LMDB_META_TRANSACTION) >
                   strand_get_le64(second + LMDB_META_TRANSACTION)
               ? image
               : second;
}

size_t
lmdb_image_pages(const uint8_t *image, uint64_t root, uint64_t *out_pages, size_t capacity)
{
    const uint8_t *page = image + root * LMDB_IMAGE_PAGE;
    size_t count = 0;

    if (capacity == 0)
        return 0;
    out_pages[count++] = root;
    if (strand_lmdb_get16(page + LMDB_PAGE_FLAGS) != LMDB_FLAG_BRANCH)
        return count;
    for (unsigned i = 0; i < strand_lmdb_node_count(page); i++)
        count += lmdb_image_pages(image, strand_lmdb_node_child(strand_lmdb_node(page, i)),
                                  out_pages + count, capacity - count);
    return count;
}

static const char *
log_differs(struct strand_index *index, uint32_t log)
{
    struct strand_index_segment segments[CHUNKS + 1];
    struct strand_index_place place;
    struct strand_index_log facts;
    size_t count = 0;
    int64_t offset;

    if (strand_index_find_log(index, index_id(log), &facts) != STRAND_OK ||
        facts.generation != log || facts.covered_offset != CHUNKS - 1)
        return "a log";
    if (strand_index_read_segments(index, index_id(log), 0, segments, CHUNKS + 1, &count) !=
            STRAND_OK ||
        count != CHUNKS)
        return "segments";
    for (int64_t at = 0; at < CHUNKS * 64; at += 63)
        if (strand_index_find_offset(index, index_id(log), at, &place) != STRAND_OK ||
            place.offset != at || place.position != at % 64 * 1000 ||
            place.segment_base != at - at % 64)
            return "an offset";
    for (int64_t chunk = 0; chunk < CHUNKS; chunk++)
        if (strand_index_find_time(index, index_id(log), chunk * 64, chunk + 1, &offset) !=
                STRAND_OK ||
            offset != chunk * 64 || segments[chunk].end_offset != chunk * 64 + 64)
            return "a time";
    return NULL;
}

const char *
lmdb_image_differs(struct strand_index *index)
{
    struct strand_index_counts counts;
    const char *difference = NULL;

    if (index_count(index, &counts) != STRAND_OK)
        return "the walk over all entries";
    if (counts.logs != LOGS || counts.segments != LOGS * CHUNKS || counts.chunks != LOGS * CHUNKS ||
        counts.pairs != LOGS * CHUNKS * 64 || counts.times != LOGS * CHUNKS)
        return "the number of entries";
    for (uint32_t log = 1; log <= LOGS && difference == NULL; log++)
        difference = log_differs(index, log);
    return difference;
}

const char *
lmdb_image_write(struct strand_index *index)
{
    for (uint32_t round = 0; round < 5; round++) {
        struct strand_index_batch *batch = index_begin(index);

        for (uint32_t chunk = 0; chunk < 300; chunk++)
            index_put_pairs(batch, index_id(1000 + chunk % 50), 0, (int64_t)chunk * 64, 1, 64);
        if (round == 3)
            for (uint32_t log = 1; log <= LOGS; log += 2)
                if (strand_index_remove_log(batch, index_id(log)) != STRAND_OK)
                    return strand_error_message();
        if (strand_index_commit(batch, strand_index_commit_number(index) + 1) != STRAND_OK)
            return strand_error_message();
    }
    return NULL;
}
