/* tests/unit/test_engine_index_doubt.c -- What the index says is a hint: what is wrong, out of date
 * or of another life is found out, and changes no answer. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "support/index_log.h"

TestSuite(engine_index_doubt, .init = index_log_create, .fini = index_log_destroy, .timeout = 120);

static void
put_chunk(int64_t segment_base, int64_t offset, uint32_t position)
{
    struct strand_sparse_entry pair = {(uint32_t)(offset - segment_base), position};
    struct strand_index_batch *batch;

    require_ok(strand_index_begin(the_index(), &batch));
    require_ok(strand_index_put_chunk(batch, fixture.log->identity.id, segment_base, &pair, 1));
    require_ok(strand_index_commit(batch, strand_index_commit_number(the_index()) + 1));
}

/* The base of a segment in the middle that is not learnt, of a log in which offsets may be missing:
 * there a wrong batch is not known by its offset alone. */
static int64_t
open_with_a_segment_to_lie_about(void)
{
    struct log_model_batch batch = {.gap = 10, .count = 1, .timestamps = {1}};

    fixture_open();
    grow(SEGMENTS);
    log_model_append(&batch, STRAND_DURABLE);
    fixture_reopen();
    return fixture.log->segments[SEGMENTS / 2]->base_offset;
}

Test(engine_index_doubt, pairs_that_lead_astray_are_found_out_and_replaced)
{
    static const struct {
        const char *name;
        int64_t offset; /* from the base of the segment */
        uint32_t position;
    } lies[] = {
        {"behind the end of the file", 20, 1 << 20},
        {"at the end of the file", 21, 0}, /* filled in */
        {"within a batch", 22, 20 * BATCH_SIZE + 7},
        {"at an earlier batch", 23, 5 * BATCH_SIZE},
        {"at a later batch", 10, 30 * BATCH_SIZE},
    };

    int64_t base = open_with_a_segment_to_lie_about();
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        uint32_t position = lies[i].position;

        if (i == 1)
            position = (uint32_t)fixture.log->segments[SEGMENTS / 2]->size;
        put_chunk(base, base + lies[i].offset, position);
        for (int64_t offset = base + lies[i].offset; offset < base + A_SEGMENT; offset++)
            log_model_check_offset(lies[i].name, offset, STRAND_READ_WRITTEN);
        log_model_check(lies[i].name, 5);
        index_engine_complete();
        check(lies[i].name);
        fixture_reopen();
        check(lies[i].name);
    }
}

Test(engine_index_doubt, facts_about_a_file_of_another_size_are_not_taken)
{
    int64_t base = open_with_a_segment_to_lie_about();
    const struct strand_log_segment *segment = fixture.log->segments[SEGMENTS / 2];
    struct strand_index_segment facts = {.base_offset = base,
                                         .end_offset = base + A_SEGMENT,
                                         .size = segment->size,
                                         .record_count = 7,
                                         .largest_timestamp_ms = 5,
                                         .first_timestamp_ms = 5};
    const struct strand_index_segment lies[] = {
        {.base_offset = base, .end_offset = base + A_SEGMENT, .size = segment->size + 1},
        {.base_offset = base, .end_offset = base + A_SEGMENT, .size = segment->size - 1},
        {.base_offset = base, .end_offset = INT64_C(1) << 40, .size = segment->size},
        {.base_offset = base, .end_offset = base + 2 * A_SEGMENT, .size = segment->size},
    };

    cr_assert_not(segment->is_learnt);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct strand_index_batch *batch;

        facts = lies[i];
        require_ok(strand_index_begin(the_index(), &batch));
        require_ok(strand_index_put_segment(batch, fixture.log->identity.id, &facts));
        require_ok(strand_index_commit(batch, strand_index_commit_number(the_index()) + 1));
        log_model_check("facts that lie", 1);
        fixture_reopen();
    }
}

/* Where the log was cut and grew again the old places are of another life, in the file as well. */
Test(engine_index_doubt, places_of_another_life_are_never_used)
{
    size_t size = 0;

    fixture_open();
    grow(SEGMENTS);
    index_engine_complete();
    uint8_t *old = index_engine_load(&size);
    int64_t cut = 4 * A_SEGMENT + 9;
    require_ok(strand_log_truncate(fixture.log, cut, NULL));
    log_model_cut(cut);
    now_ms += 100000; /* late ones come earlier than they did */
    grow_by(SEGMENTS * 20, 613);
    check("not told yet");
    index_engine_complete();
    check("told");
    index_engine_kill();
    fixture_open();
    check("after a kill");
    index_engine_complete();
    check("after a kill, again");
    index_engine_kill();

    index_engine_store(old, size);
    fixture_open();
    check("an index from before the cut");
    index_engine_complete();
    check("an index from before the cut, made again");
    cr_expect_geq(index_engine_check("end"), 4 * A_SEGMENT);
    free(old);
}

/* A cut that meets no run, and then a power cut: only the generation tells. */
Test(engine_index_doubt, cut_that_the_index_never_heard_of)
{
    fixture_open();
    grow(SEGMENTS);
    index_engine_complete();
    require_ok(strand_log_truncate(fixture.log, 3 * A_SEGMENT + 5, NULL));
    log_model_cut(3 * A_SEGMENT + 5);
    now_ms += 100000;
    grow_by(SEGMENTS * 40, 700);
    index_engine_kill();
    fixture_open();
    check("never heard of");
    index_engine_complete();
    check("and made again");
    fixture_reopen();
    check("and closed");
}

/* The files are as long as before, and so are the batches: only their times are others. */
Test(engine_index_doubt, facts_of_another_life_are_never_used)
{
    fixture_open();
    grow(SEGMENTS);
    index_engine_complete();
    require_ok(strand_log_truncate(fixture.log, 3 * A_SEGMENT + 5, NULL));
    log_model_cut(3 * A_SEGMENT + 5);
    now_ms += 100000;
    grow(SEGMENTS - 3);
    index_engine_kill();
    fixture_open();
    cr_assert_not(fixture.log->segments[5]->is_learnt);
    log_model_check("facts of another life", 1);
    index_engine_complete();
    check("made anew");
}

/* More than it can: a covered offset above the log end is of a log that was another. */
Test(engine_index_doubt, coverage_beyond_the_log_end_is_not_believed)
{
    struct strand_index_place place;
    struct strand_index_log entry;
    struct strand_index_batch *batch;

    fixture_open();
    grow(2);
    index_engine_complete();
    const uint8_t *id = fixture.log->identity.id;
    require_ok(strand_index_find_log(the_index(), id, &entry));
    entry.covered_offset = 100 * A_SEGMENT;
    require_ok(strand_index_begin(the_index(), &batch));
    require_ok(strand_index_put_log(batch, id, &entry));
    require_ok(strand_index_commit(batch, strand_index_commit_number(the_index()) + 1));
    index_engine_kill();
    fixture_open();
    grow(SEGMENTS);
    index_engine_complete();
    log_model_check("not believed", 3);
    cr_expect_leq(fixture.log->index.covered, fixture_positions().log_end);
    int64_t base = fixture.log->segments[6]->base_offset;
    require_ok(strand_index_find_offset(the_index(), fixture.log->identity.id, base + 30, &place));
    cr_expect_eq(place.segment_base, base, "what was appended since is not indexed");
}

/* The index is kept elsewhere, and the directory was put back from a copy: ids and generations are
 * the same, and so are offsets and sizes. */
Test(engine_index_doubt, index_of_a_later_time_than_the_directory_is_made_anew)
{
    struct strand_sim_disk *copy = NULL;

    fixture_open();
    grow(1);
    int64_t end = fixture_positions().log_end;
    fixture_close();
    require_ok(strand_sim_disk_clone(fixture.disk, &copy));
    uint8_t drawn; /* so that both do not draw the same from here on */
    cr_assert_eq(strand_sim_disk_fs(copy)->random(strand_sim_disk_fs(copy)->context, &drawn, 1), 0);
    fixture_open();
    now_ms += 1000000;
    grow(SEGMENTS);
    index_engine_complete();
    fixture_close();
    strand_sim_disk_destroy(fixture.disk);
    fixture.disk = copy;
    fixture.fs = strand_sim_disk_fs(copy);
    fixture.engine_options.fs = fixture.fs;
    log_model_cut(end);
    now_ms -= 1000000;

    fixture.engine_options.index = STRAND_INDEX_NONE;
    fixture_open();
    grow(SEGMENTS);
    fixture_close();
    fixture.engine_options.index = STRAND_INDEX_LMDB;
    fixture_open();
    cr_expect_not_null(strstr(index_engine_notice(), "made anew"), "%s", index_engine_notice());
    check("put back");
    index_engine_complete();
    check("and indexed");
    fixture_reopen();
    check("and opened again");
}

/* What cannot be read may be what is looked for: with an index and without. */
Test(engine_index_doubt, time_that_only_a_damaged_batch_has_is_told_as_damage)
{
    static const int32_t kinds[] = {STRAND_INDEX_LMDB, STRAND_INDEX_NONE, STRAND_INDEX_MEMORY};
    struct log_model_batch late = {.count = 1, .value_size = VALUE_SIZE, .timestamps = {9000000}};
    static const char segment[] = FIXTURE_LOG "/00000000000000000000.log";
    enum { BEFORE = 10, MAGIC_AT = 16 };
    int64_t size = 0;
    int64_t offset;

    fixture_open();
    grow_by(BEFORE, VALUE_SIZE);
    int64_t position = (int64_t)fixture.log->segments[0]->size;
    log_model_append(&late, STRAND_DURABLE);
    grow(2);
    fixture_close();
    const uint8_t *content = strand_sim_disk_content(fixture.disk, segment, &size);
    uint8_t *data = malloc((size_t)size);
    cr_assert_not_null(data);
    memcpy(data, content, (size_t)size);
    data[position + MAGIC_AT] ^= 0x10;
    require_ok(strand_sim_disk_store(fixture.disk, segment, data, size));
    free(data);
    index_engine_store(NULL, 0);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        fixture.engine_options.index = kinds[i];
        fixture_open();
        for (int round = 0; round < 2; round++) {
            cr_expect_eq(strand_log_offset_for_timestamp(fixture.log, 9000000, STRAND_READ_WRITTEN,
                                                         &offset, NULL),
                         STRAND_ERR_CORRUPT, "kind %d, round %d", (int)kinds[i], round);
            index_engine_complete();
        }
        fixture_close();
    }
}
