/* tests/fuzz/fuzz_lmdb_check.c -- Any bytes as LMDB's file: the checker ends, and what it accepts
 * LMDB reads to the end and bears to be written.
 *
 * A signal inside LMDB is a finding about the checker.  Linked with clang's fuzzer it is
 * fuzz_lmdb_check; with mutate.c a test that needs no fuzzer.  Its inputs are made by LMDB each
 * time: a corpus of them would be large.
 */
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "index/index.h"
#include "strandline/fs.h"
#include "support/index_audit.h"
#include "support/index_fixture.h"
#include "support/lmdb_image.h"
#include "support/scratch.h"

static void
store(const char *path, const uint8_t *data, size_t size)
{
    FILE *stream = fopen(path, "wb");

    if (stream == NULL || fwrite(data, 1, size, stream) != size || fclose(stream) != 0)
        abort();
}

/* Only that each returns. */
static void
read_all(struct strand_index *index)
{
    static struct strand_index_segment segments[64];
    uint8_t id[STRAND_INDEX_ID_SIZE] = {0};
    struct strand_index_counts counts;
    struct strand_index_place place;
    size_t count;
    int64_t offset;

    (void)index_count(index, &counts);
    while (strand_index_next_log(index, id, id) == STRAND_OK) {
        int64_t from = INT64_MAX;

        while (strand_index_find_offset(index, id, from, &place) == STRAND_OK && place.offset > 0)
            from = place.offset - 1;
        (void)strand_index_find_time(index, id, 0, INT64_MAX, &offset);
        (void)strand_index_read_segments(index, id, 0, segments, 64, &count);
    }
}

/* The commit tells whether the changes were made; either way nothing crashes. */
static void
write_some(struct strand_index *index)
{
    struct strand_index_batch *batch;
    uint8_t id[STRAND_INDEX_ID_SIZE] = {1};
    struct strand_sparse_entry pair = {0, 0};

    if (strand_index_begin(index, &batch) != STRAND_OK)
        return;
    for (int64_t i = 0; i < 300; i++)
        (void)strand_index_put_chunk(batch, id, i, &pair, 1);
    if (strand_index_next_log(index, id, id) == STRAND_OK)
        (void)strand_index_remove_log(batch, id);
    (void)strand_index_commit(batch, strand_index_commit_number(index) + 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t directory_id[STRAND_INDEX_ID_SIZE] = "a directory id.";
    static char path[64];
    struct strand_index *index;

    snprintf(path, sizeof path, "/dev/shm/fuzz-index.%ld", (long)getpid());
    store(path, data, size);
    struct strand_index_options options = {.fs = strand_fs_posix(),
                                           .path = path,
                                           .directory_id = directory_id,
                                           .is_suspect = true,
                                           .map_size = 64 << 20};
    if (strand_index_open_lmdb(&options, &index) == STRAND_OK) {
        read_all(index);
        write_some(index);
        strand_index_close(index);
    }
    if (strand_index_remove_files(options.fs, path) != STRAND_OK)
        abort();
    return 0;
}

/* An index of so many logs, some of them removed, in a few commits; 0: a new one. */
bool
fuzz_make_seed(unsigned number, struct strand_buffer *out)
{
    static const uint32_t logs[] = {0, 1, 7, 30};
    size_t size;

    if (number >= sizeof logs / sizeof *logs)
        return false;
    scratch_create();
    struct strand_index *index = index_open(INDEX_LMDB);
    for (uint32_t log = 1; log <= logs[number]; log++) {
        struct strand_index_batch *batch = index_begin(index);

        index_put_pairs(batch, index_id(log), 0, 0, 1, 40 * log);
        if (log % 3 == 0)
            FUZZ_MUST(strand_index_remove_log(batch, index_id(log - 1)) == STRAND_OK);
        index_commit(index, batch);
    }
    strand_index_close(index);
    uint8_t *seed = lmdb_image_load(&size);
    scratch_remove();
    fuzz_put(out, seed, size);
    free(seed);
    return true;
}
