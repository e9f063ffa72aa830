/* tests/unit/test_index_random.c -- Random batches: LMDB and memory answer alike, and as a list of
 * everything that was put answers; the checker accepts what LMDB writes. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "support/index_fixture.h"
#include "support/scratch.h"

enum { LOGS = 4, ROUNDS = 600, SEGMENT_OFFSETS = 4000, PAIRS_MAX = 20000, ASKED = 40 };

/* The plain list: pairs of one log, ascending. */
struct model {
    int64_t end; /* where the log grows */
    int64_t start;
    struct strand_index_place pairs[PAIRS_MAX];
    size_t count;
};

static struct model models[LOGS];
static struct model kept[LOGS]; /* of the last commit */
static struct strand_index *indexes[2];
static struct strand_index_batch *batches[2];
static uint64_t state = 42;

static uint32_t
random_below(uint32_t bound)
{
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)((state >> 33) % bound);
}

static void
both(int left, int right)
{
    cr_assert_eq(left, right, "LMDB %d, memory %d", left, right);
}

/* Up to 64 pairs from the log's end on, in its newest segment or the next. */
static void
grow(uint32_t log)
{
    struct model *model = &models[log];
    struct strand_sparse_entry pairs[STRAND_INDEX_CHUNK_MAX];
    uint32_t count = 1 + random_below(STRAND_INDEX_CHUNK_MAX);
    int64_t base = model->end - model->end % SEGMENT_OFFSETS;

    if (model->count + count > PAIRS_MAX)
        return;
    for (uint32_t i = 0; i < count; i++) {
        pairs[i].relative_offset = (uint32_t)(model->end - base);
        pairs[i].position = pairs[i].relative_offset * 3 + random_below(3);
        if (i > 0 && pairs[i].relative_offset >= SEGMENT_OFFSETS) {
            count = i;
            break;
        }
        model->pairs[model->count++] =
            (struct strand_index_place){base, model->end, pairs[i].position};
        model->end += 1 + random_below(20);
    }
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(strand_index_put_chunk(batches[i], index_id(log + 1), base, pairs, count),
                     STRAND_OK);
        cr_assert_eq(strand_index_put_time(batches[i], index_id(log + 1), base,
                                           model->end + (int64_t)(log * 3) - 5, model->end),
                     STRAND_OK);
    }
}

static void
cut(uint32_t log)
{
    struct model *model = &models[log];
    int64_t offset = model->end - (int64_t)random_below(200 + random_below(9000));

    if (offset < model->start)
        offset = model->start;
    model->end = offset;
    while (model->count > 0 && model->pairs[model->count - 1].offset >= offset)
        model->count--;
    for (int i = 0; i < 2; i++)
        cr_assert_eq(strand_index_remove_from(batches[i], index_id(log + 1), offset), STRAND_OK);
}

static void
trim(uint32_t log)
{
    struct model *model = &models[log];
    int64_t base = model->end - model->end % SEGMENT_OFFSETS;
    size_t gone = 0;

    model->start = base;
    while (gone < model->count && model->pairs[gone].offset < base)
        gone++;
    model->count -= gone;
    memmove(model->pairs, model->pairs + gone, model->count * sizeof *model->pairs);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(strand_index_remove_below(batches[i], index_id(log + 1), base), STRAND_OK);
}

static void
drop(uint32_t log)
{
    models[log].count = 0;
    for (int i = 0; i < 2; i++)
        cr_assert_eq(strand_index_remove_log(batches[i], index_id(log + 1)), STRAND_OK);
}

static void
state_facts(uint32_t log)
{
    struct model *model = &models[log];
    struct strand_index_segment segment = {
        .base_offset = model->end - model->end % SEGMENT_OFFSETS,
        .end_offset = model->end,
        .size = random_below(1 << 30),
        .newest_epoch = (int32_t)random_below(9),
    };
    struct strand_index_log state_of_log = {random_below(5), model->end};

    for (int i = 0; i < 2; i++) {
        cr_assert_eq(strand_index_put_segment(batches[i], index_id(log + 1), &segment), STRAND_OK);
        cr_assert_eq(strand_index_put_log(batches[i], index_id(log + 1), &state_of_log), STRAND_OK);
    }
}

static void
change(void)
{
    uint32_t log = random_below(LOGS);
    uint32_t what = random_below(100);

    if (what < 70)
        grow(log);
    else if (what < 80)
        cut(log);
    else if (what < 84)
        trim(log);
    else if (what < 85)
        drop(log);
    else
        state_facts(log);
}

static void
run_batch(void)
{
    bool is_kept = random_below(5) > 0;

    memcpy(kept, models, sizeof kept);
    for (int i = 0; i < 2; i++)
        batches[i] = index_begin(indexes[i]);
    for (uint32_t i = random_below(30); i > 0; i--)
        change();
    for (int i = 0; i < 2; i++) {
        if (is_kept)
            index_commit(indexes[i], batches[i]);
        else
            strand_index_abort(batches[i]);
    }
    if (!is_kept)
        memcpy(models, kept, sizeof kept);
}

static void
compare_floor(uint32_t log, int64_t offset)
{
    struct strand_index_place places[2] = {{0}};
    const struct model *model = &models[log];
    size_t below = 0;
    size_t high = model->count;

    while (below < high) {
        size_t middle = below + (high - below) / 2;

        if (model->pairs[middle].offset <= offset)
            below = middle + 1;
        else
            high = middle;
    }
    int left = strand_index_find_offset(indexes[0], index_id(log + 1), offset, &places[0]);
    both(left, strand_index_find_offset(indexes[1], index_id(log + 1), offset, &places[1]));
    cr_assert_eq(left, below == 0 ? STRAND_END : STRAND_OK, "log %u offset %" PRId64, log, offset);
    for (int i = 0; i < 2 && below > 0; i++) {
        const struct strand_index_place *wanted = &model->pairs[below - 1];

        cr_assert_eq(places[i].offset, wanted->offset);
        cr_assert_eq(places[i].position, wanted->position);
        cr_assert_eq(places[i].segment_base, wanted->segment_base);
    }
}

static void
compare_time(uint32_t log, int64_t timestamp_ms)
{
    int64_t base = timestamp_ms < 0 ? 0 : timestamp_ms - timestamp_ms % SEGMENT_OFFSETS;
    int64_t offsets[2] = {-1, -1};

    both(strand_index_find_time(indexes[0], index_id(log + 1), base, timestamp_ms, &offsets[0]),
         strand_index_find_time(indexes[1], index_id(log + 1), base, timestamp_ms, &offsets[1]));
    cr_assert_eq(offsets[0], offsets[1]);
    cr_assert_leq(offsets[0], models[log].end, "a time that speaks of what is not there");
}

/* By members: the bytes between and behind them are anything. */
static void
same_facts(const struct strand_index_segment *left, const struct strand_index_segment *right)
{
    cr_assert_eq(left->base_offset, right->base_offset);
    cr_assert_eq(left->end_offset, right->end_offset);
    cr_assert_eq(left->size, right->size);
    cr_assert_eq(left->record_count, right->record_count);
    cr_assert_eq(left->largest_timestamp_ms, right->largest_timestamp_ms);
    cr_assert_eq(left->first_timestamp_ms, right->first_timestamp_ms);
    cr_assert_eq(left->newest_epoch, right->newest_epoch);
}

static void
compare_facts(uint32_t log)
{
    static struct strand_index_segment segments[2][64];
    struct strand_index_log logs[2];
    size_t counts[2];

    memset(logs, 0, sizeof logs);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(strand_index_read_segments(indexes[i], index_id(log + 1), 0, segments[i], 64,
                                                &counts[i]),
                     STRAND_OK);
    cr_assert_eq(counts[0], counts[1]);
    for (size_t i = 0; i < counts[0]; i++) {
        same_facts(&segments[0][i], &segments[1][i]);
        cr_assert_leq(segments[0][i].end_offset, models[log].end);
    }
    both(strand_index_find_log(indexes[0], index_id(log + 1), &logs[0]),
         strand_index_find_log(indexes[1], index_id(log + 1), &logs[1]));
    cr_assert_eq(logs[0].generation, logs[1].generation);
    cr_assert_eq(logs[0].covered_offset, logs[1].covered_offset);
    cr_assert_leq(logs[0].covered_offset, models[log].end);
}

static void
compare_all(void)
{
    for (uint32_t log = 0; log < LOGS; log++) {
        for (int i = 0; i < ASKED; i++) {
            int64_t near =
                models[log].count == 0
                    ? 0
                    : models[log].pairs[random_below((uint32_t)models[log].count)].offset;

            compare_floor(log, near - 1 + random_below(3));
            compare_time(log, near - 10 + random_below(30));
        }
        compare_floor(log, INT64_MAX);
        compare_facts(log);
    }
}

Test(index_random, lmdb_memory_and_a_list_agree)
{
    struct strand_index_options options;

    scratch_create();
    options = index_options();
    options.is_suspect = true;
    indexes[0] = index_open(INDEX_LMDB);
    indexes[1] = index_open(INDEX_MEMORY);
    for (int round = 0; round < ROUNDS; round++) {
        run_batch();
        compare_all();
        if (round % 10 == 0) {
            strand_index_close(indexes[0]);
            cr_assert_eq(strand_index_open_lmdb(&options, &indexes[0]), STRAND_OK, "%s",
                         strand_error_message());
            cr_assert_eq(strand_index_commit_number(indexes[0]),
                         strand_index_commit_number(indexes[1]));
        }
    }
    strand_index_close(indexes[0]);
    strand_index_close(indexes[1]);
    scratch_remove();
}
