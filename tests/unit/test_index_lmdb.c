/* tests/unit/test_index_lmdb.c -- Life of an index in LMDB: what is kept, how large it gets, what
 * ends it, who may look meanwhile. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/index_audit.h"
#include "support/index_fixture.h"
#include "support/scratch.h"

static void
fini(void)
{
    scratch_remove();
}

static void
init(void)
{
    scratch_create();
}

TestSuite(index_environment, .init = init, .fini = fini, .timeout = 170);

Test(index_environment, content_and_number_survive_closing)
{
    struct strand_index_log state;
    struct strand_index_place place;

    index_put_one_log(1, 77);
    index_put_one_log(2, 78);
    struct strand_index *index = index_open(INDEX_LMDB);
    cr_expect_eq(strand_index_commit_number(index), 2);
    cr_assert_eq(strand_index_find_log(index, index_id(1), &state), STRAND_OK);
    cr_expect_eq(state.covered_offset, 77);
    cr_assert_eq(strand_index_find_offset(index, index_id(2), 99, &place), STRAND_OK);
    cr_expect_eq(place.position, 99000);
    strand_index_close(index);
}

/* A write that fails for another reason than lack of space, here the limit of a file's size. */
Test(index_environment, failed_write_is_the_end_until_it_is_opened_again)
{
    struct strand_index_options options = index_options();
    struct strand_index_batch *batch;
    struct strand_index_counts counts;
    struct strand_index_log state;
    struct rlimit limit;

    index_put_one_log(1, 1);
    struct strand_index *index = index_open(INDEX_LMDB);
    batch = index_begin(index);
    for (uint32_t log = 2; log < 100; log++)
        index_put_pairs(batch, index_id(log), 0, 0, 1, 64);
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    struct rlimit small = {.rlim_cur = (rlim_t)index_file_size(), .rlim_max = limit.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    int status = strand_index_commit(batch, 2);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_expect_eq(status, STRAND_ERR_IO, "%s", strand_error_message());
    cr_expect_eq(strand_index_find_log(index, index_id(1), &state), STRAND_ERR_FAILED);
    for (int i = 0; i < 2; i++) /* and the first leaves nothing locked */
        cr_expect_eq(strand_index_begin(index, &batch), STRAND_ERR_FAILED);
    cr_expect_eq(strand_index_commit_number(index), 1);
    strand_index_close(index);
    cr_expect_eq(index_verify(&options, NULL, NULL, &counts), STRAND_OK);
    cr_expect_eq(counts.logs, 1);
    index_put_one_log(2, 2);
}

Test(index_environment, full_map_keeps_nothing_of_the_batch_and_goes_on)
{
    struct strand_index_options options = index_options();
    struct strand_index *index;
    struct strand_index_place place;
    int64_t filled = 0;
    int status = STRAND_OK;

    options.map_size = 1 << 20;
    cr_assert_eq(strand_index_open_lmdb(&options, &index), STRAND_OK);
    while (status == STRAND_OK) {
        struct strand_index_batch *batch = index_begin(index);
        struct strand_sparse_entry pair = {0, 1};

        for (int i = 0; status == STRAND_OK && i < 100; i++)
            status = strand_index_put_chunk(batch, index_id(1), filled + i, &pair, 1);
        if (status == STRAND_OK)
            status = strand_index_commit(batch, strand_index_commit_number(index) + 1);
        else
            cr_assert_eq(strand_index_commit(batch, 1 << 30), status);
        if (status == STRAND_OK)
            filled += 100;
    }
    cr_assert_eq(status, STRAND_ERR_NO_SPACE, "%s", strand_error_message());
    cr_assert_gt(filled, 1000);
    cr_assert_eq(strand_index_find_offset(index, index_id(1), INT64_MAX, &place), STRAND_OK);
    cr_expect_eq(place.offset, filled - 1);
    struct strand_index_batch *batch = index_begin(index);
    cr_assert_eq(strand_index_remove_below(batch, index_id(1), filled / 2), STRAND_OK);
    index_commit(index, batch);
    cr_expect_eq(strand_index_find_offset(index, index_id(1), 0, &place), STRAND_END);
    strand_index_close(index);
}

/* Adding and trimming: what is removed makes room for what is added. */
Test(index_environment, file_stays_small_while_a_log_is_trimmed)
{
    enum { ROUNDS = 100000, PER_COMMIT = 50, SEGMENTS_KEPT = 20 };
    struct strand_index *index = index_open(INDEX_LMDB);
    struct strand_index_batch *batch = NULL;
    int64_t size_early = 0;

    for (int64_t round = 0; round < ROUNDS; round++) {
        struct strand_index_segment facts = {.base_offset = round * 64,
                                             .end_offset = round * 64 + 64};
        uint32_t log = 1 + (uint32_t)(round % 3);

        if (batch == NULL)
            batch = index_begin(index);
        index_put_pairs(batch, index_id(log), round * 64, round * 64, 1, 64);
        cr_assert_eq(strand_index_put_segment(batch, index_id(log), &facts), STRAND_OK);
        cr_assert_eq(strand_index_put_time(batch, index_id(log), round * 64, round, round * 64),
                     STRAND_OK);
        if (round >= SEGMENTS_KEPT)
            cr_assert_eq(
                strand_index_remove_below(batch, index_id(log), (round - SEGMENTS_KEPT) * 64),
                STRAND_OK);
        if (round % PER_COMMIT == PER_COMMIT - 1) {
            index_commit(index, batch);
            batch = NULL;
        }
        if (round == ROUNDS / 20)
            size_early = index_file_size();
    }
    if (batch != NULL)
        index_commit(index, batch);
    strand_index_close(index);
    cr_log_info("file: %" PRId64 " bytes after 5,000 rounds, %" PRId64 " after 100,000", size_early,
                index_file_size());
    cr_expect_leq(index_file_size(), size_early + 65536);
    cr_expect_leq(index_file_size(), 1 << 20);
}

Test(index_environment, ten_thousand_logs_share_it)
{
    enum { LOGS = 10000 };
    struct strand_index *index = index_open(INDEX_LMDB);
    struct strand_index_batch *batch = index_begin(index);
    struct strand_index_options options = index_options();
    uint8_t id[STRAND_INDEX_ID_SIZE] = {0};
    struct strand_index_place place;
    uint32_t count = 0;

    for (uint32_t log = 1; log <= LOGS; log++) {
        struct strand_index_log state = {.covered_offset = log};

        cr_assert_eq(strand_index_put_log(batch, index_id(log), &state), STRAND_OK);
        index_put_pairs(batch, index_id(log), log, log, 1, 10);
    }
    index_commit(index, batch);
    batch = index_begin(index);
    for (uint32_t log = 1; log <= LOGS; log += 2)
        cr_assert_eq(strand_index_remove_log(batch, index_id(log)), STRAND_OK);
    index_commit(index, batch);
    strand_index_close(index);
    options.is_suspect = true;
    cr_assert_eq(strand_index_open_lmdb(&options, &index), STRAND_OK, "%s", strand_error_message());
    while (strand_index_next_log(index, id, id) == STRAND_OK)
        count++;
    cr_expect_eq(count, LOGS / 2);
    for (uint32_t log = 2; log <= LOGS; log += 2) {
        struct strand_index_log state;

        cr_assert_eq(strand_index_find_log(index, index_id(log), &state), STRAND_OK);
        cr_assert_eq(state.covered_offset, log);
        cr_assert_eq(strand_index_find_offset(index, index_id(log), log + 5, &place), STRAND_OK);
        cr_assert_eq(place.position, 5000);
    }
    strand_index_close(index);
}

/* Commit for ever, telling the pipe of each: log 1 covered and a chunk at the commit's number. */
static _Noreturn void
commit_until_killed(int pipe_end)
{
    struct strand_index *index = index_open(INDEX_LMDB);

    for (;;) {
        uint64_t number = strand_index_commit_number(index) + 1;
        struct strand_index_batch *batch = index_begin(index);
        struct strand_index_log state = {.covered_offset = (int64_t)number};

        if (strand_index_put_log(batch, index_id(1), &state) != STRAND_OK)
            abort();
        for (uint32_t log = 2; log < 40; log++)
            index_put_pairs(batch, index_id(log), 0, (int64_t)number * 64, 1, 64);
        if (number > 20 &&
            strand_index_remove_below(batch, index_id(3), (int64_t)(number - 20) * 64) != STRAND_OK)
            abort();
        index_commit(index, batch);
        if (write(pipe_end, &number, sizeof number) != sizeof number)
            abort();
    }
}

Test(index_environment, killed_between_and_within_commits_it_is_whole)
{
    enum { KILLS = 40 };
    struct strand_index_options options = index_options();
    uint64_t last_told = 0;

    options.is_suspect = true;
    for (int round = 0; round < KILLS; round++) {
        struct strand_index *index;
        struct strand_index_log state;
        struct strand_index_place place;
        uint64_t number;
        int ends[2];

        cr_assert_eq(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0)
            commit_until_killed(ends[1]);
        close(ends[1]);
        for (int i = 0; i <= round % 7 && read(ends[0], &number, sizeof number) == sizeof number;
             i++)
            last_told = number;
        for (volatile int left = rand() % 300000; left > 0;) /* anywhere within a commit */
            left--;
        kill(child, SIGKILL);
        while (read(ends[0], &number, sizeof number) == sizeof number)
            last_told = number;
        close(ends[0]);
        waitpid(child, NULL, 0);
        cr_assert_eq(strand_index_open_lmdb(&options, &index), STRAND_OK, "%s",
                     strand_error_message());
        number = strand_index_commit_number(index);
        cr_assert_geq(number, last_told);
        cr_assert_leq(number, last_told + 1);
        cr_assert_eq(strand_index_find_log(index, index_id(1), &state), STRAND_OK);
        cr_assert_eq(state.covered_offset, (int64_t)number);
        for (uint32_t log = 2; log < 40; log++) {
            cr_assert_eq(strand_index_find_offset(index, index_id(log), INT64_MAX, &place),
                         STRAND_OK);
            cr_assert_eq(place.offset, (int64_t)number * 64 + 63);
        }
        strand_index_close(index);
    }
}

/* ---- Look-ups while a batch commits ---- */

static struct strand_index *shared;
static atomic_bool is_over;
static atomic_uint wrong;

/* Each commit moves log 1's coverage and its only chunk together.  A look-up during a commit may
 * see it while the next one does not yet. */
static void *
look_up(void *argument)
{
    (void)argument;
    while (!atomic_load(&is_over)) {
        struct strand_index_log state;
        struct strand_index_place place;

        if (strand_index_find_log(shared, index_id(1), &state) != STRAND_OK)
            atomic_fetch_add(&wrong, 1);
        if (strand_index_find_offset(shared, index_id(1), INT64_MAX, &place) != STRAND_OK ||
            place.offset < state.covered_offset - 1)
            atomic_fetch_add(&wrong, 1);
    }
    return NULL;
}

Test(index_environment, more_threads_than_slots_look_up_during_commits)
{
    enum { THREADS = 80, COMMITS = 60 };
    pthread_t threads[THREADS];

    shared = index_open(INDEX_LMDB);
    for (int64_t number = 1; number <= COMMITS; number++) {
        struct strand_index_batch *batch = index_begin(shared);
        struct strand_index_log state = {.covered_offset = number};

        cr_assert_eq(strand_index_remove_log(batch, index_id(1)), STRAND_OK);
        cr_assert_eq(strand_index_put_log(batch, index_id(1), &state), STRAND_OK);
        index_put_pairs(batch, index_id(1), 0, number, 1, 1);
        index_commit(shared, batch);
        if (number == 1)
            for (int i = 0; i < THREADS; i++)
                cr_assert_eq(pthread_create(&threads[i], NULL, look_up, NULL), 0);
    }
    atomic_store(&is_over, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_expect_eq(atomic_load(&wrong), 0);
    strand_index_close(shared);
}
