/* tests/unit/test_engine_index_faults.c -- The index fails, or the log changes while it is asked
 * and fed: functions of the index are replaced by some that do as a test says. */
#include <inttypes.h>

#include "support/index_log.h"

static int commits_to_fail, puts_to_fail, failure; /* the next few, and how */

TestSuite(engine_index_faults, .init = index_log_create, .fini = index_log_destroy, .timeout = 120);

/* ---- What changes while it is asked ---- */

int __real_strand_index_find_offset(struct strand_index *index, const uint8_t *id, int64_t offset,
                                    struct strand_index_place *out_place);
int __wrap_strand_index_find_offset(struct strand_index *index, const uint8_t *id, int64_t offset,
                                    struct strand_index_place *out_place);
int __real_strand_index_find_time(struct strand_index *index, const uint8_t *id,
                                  int64_t segment_base, int64_t timestamp_ms, int64_t *out_offset);
int __wrap_strand_index_find_time(struct strand_index *index, const uint8_t *id,
                                  int64_t segment_base, int64_t timestamp_ms, int64_t *out_offset);
int __real_strand_index_commit(struct strand_index_batch *batch, uint64_t number);
int __wrap_strand_index_commit(struct strand_index_batch *batch, uint64_t number);

static void (*meanwhile)(void); /* called once, when the index has answered, or before a commit */

static void
let_it_happen(void)
{
    void (*what)(void) = meanwhile;

    meanwhile = NULL;
    if (what != NULL)
        what();
}

/* Linked in the place of the functions. */
int
__wrap_strand_index_find_offset(struct strand_index *index, const uint8_t *id, int64_t offset,
                                struct strand_index_place *out_place)
{
    int status = __real_strand_index_find_offset(index, id, offset, out_place);

    let_it_happen();
    return status;
}

int
__wrap_strand_index_find_time(struct strand_index *index, const uint8_t *id, int64_t segment_base,
                              int64_t timestamp_ms, int64_t *out_offset)
{
    int status = __real_strand_index_find_time(index, id, segment_base, timestamp_ms, out_offset);

    let_it_happen();
    return status;
}

static void
cut_and_grow(void)
{
    int64_t cut = 2 * A_SEGMENT + 9;

    require_ok(strand_log_truncate(fixture.log, cut, NULL));
    log_model_cut(cut);
    now_ms += 100000;
    grow_by(SEGMENTS * 20, 613);
}

static void
cut_and_grow_and_index(void)
{
    cut_and_grow();
    index_engine_complete();
}

/* Beyond what the index said of the log as it was. */
static void
cut_and_grow_far(void)
{
    int64_t cut = 2 * A_SEGMENT + 9;

    require_ok(strand_log_truncate(fixture.log, cut, NULL));
    log_model_cut(cut);
    now_ms += 100000;
    grow_by(40 * A_SEGMENT, VALUE_SIZE);
    index_engine_complete();
}

static void
distrust(void)
{
    strand_log_index_distrust(fixture.log);
}

Test(engine_index_faults, place_that_is_out_of_date_when_it_is_told)
{
    fixture_open();
    grow(SEGMENTS);
    fixture_reopen();
    meanwhile = cut_and_grow_and_index;
    look_up_offset(2 * A_SEGMENT + 30);
    cr_assert_null(meanwhile, "the index was not asked");
    cr_expect_eq(fixture.log->index.cut, INT64_MAX, "the index is not to blame");
    check("out of date");
}

Test(engine_index_faults, time_that_is_out_of_date_when_it_is_told)
{
    int64_t offset = -1;

    fixture.log_options.segment_bytes = 2 << 20; /* several chunks in the first */
    fixture_open();
    grow(30);
    fixture_reopen();
    meanwhile = cut_and_grow_far;
    int64_t wanted = now_ms - 1;
    require_ok(
        strand_log_offset_for_timestamp(fixture.log, wanted, STRAND_READ_WRITTEN, &offset, NULL));
    cr_assert_null(meanwhile, "the index was not asked");
    cr_expect_eq(offset, log_model_first_at(wanted));
    check("out of date");
}

/* What was put is of another life by then; it is taken away by the next run. */
Test(engine_index_faults, log_is_cut_while_it_is_put)
{
    fixture_open();
    grow(SEGMENTS);
    meanwhile = cut_and_grow;
    (void)index_engine_step();
    cr_assert_null(meanwhile);
    cr_expect_leq(fixture.log->index.covered, 2 * A_SEGMENT + 9);
    check("put of another life");
    index_engine_complete();
    check("put again");
    cr_expect_geq(index_engine_check("put again"), 3 * A_SEGMENT);
}

Test(engine_index_faults, log_is_distrusted_while_it_is_put)
{
    fixture_open();
    grow(SEGMENTS);
    index_engine_complete();
    grow(2);
    meanwhile = distrust;
    (void)index_engine_step();
    cr_assert_null(meanwhile);
    cr_expect_eq(fixture.log->index.covered, 0);
    check("distrusted");
    index_engine_complete();
    check("made anew");
}

/* ---- What fails ---- */

int __real_strand_index_put_log(struct strand_index_batch *batch, const uint8_t *id,
                                const struct strand_index_log *log);
int __wrap_strand_index_put_log(struct strand_index_batch *batch, const uint8_t *id,
                                const struct strand_index_log *log);

/* Linked in the place of the function: the next few fail. */
int
__wrap_strand_index_commit(struct strand_index_batch *batch, uint64_t number)
{
    let_it_happen();
    if (commits_to_fail == 0)
        return __real_strand_index_commit(batch, number);
    commits_to_fail--;
    strand_index_abort(batch);
    return failure;
}

int
__wrap_strand_index_put_log(struct strand_index_batch *batch, const uint8_t *id,
                            const struct strand_index_log *log)
{
    if (puts_to_fail == 0)
        return __real_strand_index_put_log(batch, id, log);
    puts_to_fail--;
    return failure;
}

Test(engine_index_faults, commit_without_room_is_repeated)
{
    struct strand_index_place place;

    fixture_open();
    grow(SEGMENTS);
    failure = STRAND_ERR_NO_SPACE;
    commits_to_fail = 1;
    (void)index_engine_step();
    cr_expect_not_null(strstr(index_engine_notice(), "late"));
    check("nothing is indexed");
    cr_expect_eq(index_engine_check("nothing"), 0);
    index_engine_complete();
    cr_expect_geq(index_engine_check("repeated"), (SEGMENTS - 1) * A_SEGMENT);

    require_ok(strand_log_truncate(fixture.log, 5 * A_SEGMENT, NULL));
    log_model_cut(5 * A_SEGMENT);
    now_ms += 100000;
    commits_to_fail = 1;
    (void)index_engine_step();
    grow_by(SEGMENTS * 20, 500);
    check("the cut is not told");
    require_ok(strand_log_trim(fixture.log, 2 * A_SEGMENT + 7));
    commits_to_fail = 1;
    (void)index_engine_step();
    check("the trim is not told");
    index_engine_complete();
    check("both are");
    cr_expect_eq(strand_index_find_offset(the_index(), fixture.log->identity.id,
                                          fixture.log->segments[0]->base_offset - 1, &place),
                 STRAND_END, "what was trimmed is still there");
    index_engine_kill();
    fixture_open();
    check("and stay");
}

Test(engine_index_faults, what_failed_is_tried_again_a_second_later)
{
    fixture_open();
    grow(SEGMENTS);
    failure = STRAND_ERR_NO_SPACE;
    commits_to_fail = 1;
    for (int i = 0; i < 3; i++) {
        require_ok(strand_engine_run(fixture.engine, NULL));
        strand_sim_disk_advance(fixture.disk, INT64_C(1100000000));
    }
    cr_expect_eq(commits_to_fail, 0);
    cr_expect_geq(index_engine_check("tried again"), (SEGMENTS - 1) * A_SEGMENT);
}

Test(engine_index_faults, walk_whose_commit_failed_begins_anew)
{
    fixture_open();
    grow(SEGMENTS);
    fixture_close();
    index_engine_store(NULL, 0);
    fixture_open();
    failure = STRAND_ERR_NO_SPACE;
    commits_to_fail = 2;
    (void)index_engine_step();
    check("failed");
    (void)index_engine_step();
    index_engine_complete();
    check("walked");
    cr_expect_geq(index_engine_check("walked"), (SEGMENTS - 1) * A_SEGMENT);
}

/* One log fails to be put: what the others have in the index stays. */
Test(engine_index_faults, failure_at_one_log_costs_the_others_nothing)
{
    struct strand_log *other = NULL;
    struct strand_record record = {.value = {"v", 1}};

    fixture_open_engine();
    require_ok(strand_log_open(fixture.engine, "another", 0, NULL, &other));
    require_ok(strand_log_append(other, &record, 1, NULL, NULL));
    fixture_open_log();
    grow(SEGMENTS);
    index_engine_complete();
    int64_t covered = fixture.log->index.covered;
    uint64_t entries = stat_index().entry_count;
    require_ok(strand_log_close(fixture.log));
    require_ok(strand_log_close(other));
    require_ok(strand_engine_close(fixture.engine));

    fixture_open_engine();
    require_ok(strand_log_open(fixture.engine, "another", 0, NULL, &other));
    fixture_open_log();
    require_ok(
        strand_log_truncate(fixture.log, 2 * A_SEGMENT, NULL)); /* an earlier run took that */
    log_model_cut(2 * A_SEGMENT);
    grow(SEGMENTS - 2);
    index_engine_complete();
    require_ok(strand_log_append(other, &record, 1, NULL, NULL));
    require_ok(strand_log_truncate(other, 1, NULL));
    failure = STRAND_ERR_NO_SPACE;
    puts_to_fail = 1;
    (void)index_engine_step();
    cr_expect_eq(puts_to_fail, 0);
    cr_expect_geq(fixture.log->index.covered, covered);
    cr_expect_eq(fixture.log->index.cut, INT64_MAX, "nothing of it was cut");
    index_engine_complete();
    cr_expect_geq(stat_index().entry_count, entries);
    check("the other one");
    require_ok(strand_log_close(other));
}

Test(engine_index_faults, index_that_failed_is_out_of_use_until_the_next_opening)
{
    fixture_open();
    grow(SEGMENTS);
    index_engine_complete();
    int64_t left = 0;
    failure = STRAND_ERR_IO;
    commits_to_fail = 1;
    grow(2);
    expect_status(STRAND_ERR_FAILED, strand_indexer_step(&fixture.engine->indexer, &left));
    cr_expect_not_null(strstr(index_engine_notice(), "out of use"));
    check("without");
    grow(2);
    check("and goes on without");
    require_ok(strand_engine_checkpoint(fixture.engine));
    fixture_reopen();
    index_engine_complete();
    check("opened again");
    cr_expect_gt(index_engine_check("again"), (SEGMENTS + 3) * A_SEGMENT);
}

/* What a walk has put goes with the rest of the log's entries: it is walked from the start again.
 */
Test(engine_index_faults, distrust_during_a_walk_loses_no_pair)
{
    fixture.log_options.segment_bytes = INT32_MAX;
    fixture_open();
    grow_by(9000, 8000);
    require_ok(strand_log_set(fixture.log, "segment.bytes", "100000"));
    grow_by(100, 8000);
    fixture_close();
    index_engine_store(NULL, 0);
    fixture_open();
    cr_expect_gt(index_engine_step(), 0);
    int64_t covered = fixture.log->index.covered;
    cr_assert(covered > 4096 && covered < 9000, "%" PRId64, covered);
    strand_log_index_distrust(fixture.log);
    index_engine_complete();
    cr_expect_geq(index_engine_check("complete"), 9000);
}

/* A segment larger than what one run walks, in more pairs than it takes at once. */
Test(engine_index_faults, long_walk_is_taken_up_by_the_next_run)
{
    fixture.log_options.segment_bytes = INT32_MAX;
    fixture_open();
    grow_by(9000, 8000);
    require_ok(strand_log_set(fixture.log, "segment.bytes", "100000"));
    grow_by(100, 8000);
    fixture_close();
    index_engine_store(NULL, 0);
    fixture_open();
    failure = STRAND_ERR_NO_SPACE;
    commits_to_fail = 1;
    cr_expect_gt(index_engine_step(), 0);
    cr_expect_eq(fixture.log->index.covered, 0);
    cr_expect_gt(index_engine_step(), 0);
    int64_t covered = index_engine_check("one run");
    cr_expect(covered > 4096 && covered < 9000, "%" PRId64, covered);
    index_engine_complete();
    cr_expect_geq(index_engine_check("complete"), 9000);
    cr_expect(fixture.log->segments[0]->is_learnt);
    log_model_check("complete", 500);
    fixture_reopen();
    cr_expect_eq(bytes_of(look_up_time(INT64_MAX)), 0);
}

/* The files are as long as before, and so are the batches: only their times are others.  They are
 * walked over, and learnt, but the index keeps the old ones, which nobody may believe. */
Test(engine_index_faults, times_of_another_life_are_never_used)
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
    failure = STRAND_ERR_NO_SPACE;
    commits_to_fail = 1;
    (void)index_engine_step();
    for (size_t j = 0; j < log_model_batches(); j++) /* offsets would walk, and make tables */
        log_model_check_time("times of another life", log_model_batch_time(j), STRAND_READ_WRITTEN);
    index_engine_complete();
    check("made anew");
}
