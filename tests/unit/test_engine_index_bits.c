/* tests/unit/test_engine_index_bits.c -- The file of the index cut to any length, or with one bit
 * flipped: the engine opens and answers the same, and no signal ends it. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "index/lmdb_format.h"
#include "support/index_log.h"

enum { PAGE = 4096, FLIPS = 2000, LENGTHS = 200, WRONG_MAX = 10 };

TestSuite(engine_index_bits, .init = index_log_create, .fini = index_log_destroy, .timeout = 170);

/* What the child is at; survives it. */
struct shared {
    size_t at;
    size_t wrong;
    char what[160];
};

static struct shared *shared;
static uint8_t *image; /* as it was when the directory was closed */
static size_t image_size;
static struct strand_sim_disk *closed_disk;
static uint64_t state = 20240229;

static uint32_t
random_below(uint32_t bound)
{
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)((state >> 33) % bound);
}

/* Offsets and times of every 13th batch, and what is outside. */
static bool
answers(void)
{
    struct strand_fetch_options options = {
        .struct_size = sizeof options, .isolation = STRAND_READ_WRITTEN, .max_bytes = 1};
    struct strand_fetch fetch = {0};
    int64_t base, end, offset;

    for (size_t i = 0; i < log_model_batches(); i += 13) {
        log_model_batch_offsets(i, &base, &end);
        if (strand_log_fetch(fixture.log, base, &options, &fetch) != STRAND_OK ||
            fetch.next_offset != end)
            return false;
        strand_fetch_release(&fetch);
        if (strand_log_offset_for_timestamp(fixture.log, log_model_batch_time(i),
                                            STRAND_READ_WRITTEN, &offset, NULL) != STRAND_OK ||
            offset != log_model_first_at(log_model_batch_time(i)))
            return false;
    }
    return strand_log_offset_for_timestamp(fixture.log, INT64_MAX, STRAND_READ_WRITTEN, &offset,
                                           NULL) == STRAND_END;
}

/* Open a copy of the directory beside the damaged index, ask, index all, ask again. */
static bool
opens_and_answers(void)
{
    int64_t left = 1;
    bool is_good;

    fixture.engine = NULL;
    fixture.log = NULL;
    if (strand_sim_disk_clone(closed_disk, &fixture.disk) != STRAND_OK)
        return false;
    fixture.engine_options.fs = strand_sim_disk_fs(fixture.disk);
    is_good = strand_engine_open(fixture.directory, &fixture.engine_options, &fixture.engine) ==
                  STRAND_OK &&
              strand_log_open(fixture.engine, "orders", 0, &fixture.log_options, &fixture.log) ==
                  STRAND_OK &&
              answers();
    while (is_good && left > 0 && shared->at % 4 == 0) /* which takes as long as the rest */
        is_good = strand_indexer_step(&fixture.engine->indexer, &left) == STRAND_OK;
    is_good = is_good && answers() && strand_log_close(fixture.log) == STRAND_OK &&
              strand_engine_close(fixture.engine) == STRAND_OK;
    strand_sim_disk_destroy(fixture.disk);
    return is_good;
}

/* A bit in the header of a page, the list of its nodes, or the head of one of them. */
static void
flip_a_bit(uint8_t *data, char what[160])
{
    size_t page = random_below((uint32_t)(image_size / PAGE));
    size_t at = random_below(16);

    if (page < 2)
        at = random_below(LMDB_PAGE_HEADER_SIZE + 136);
    else if (random_below(2) == 0)
        at = 16 + random_below(40);
    else if (random_below(3) == 0) {
        const uint8_t *upper = data + page * PAGE + LMDB_PAGE_UPPER;
        size_t node = (size_t)(upper[0] | upper[1] << 8);
        at = node < PAGE - 16 ? node + random_below(16) : at;
    }
    unsigned bit = random_below(8);
    data[page * PAGE + at] ^= (uint8_t)(1U << bit);
    (void)snprintf(what, 160, "page %zu, byte %zu, bit %u", page, at, bit);
}

static void
damage_number(size_t number, bool is_length)
{
    uint8_t *data = malloc(image_size);
    size_t size = image_size;

    if (data == NULL)
        _exit(7);
    memcpy(data, image, image_size);
    state = number * 7919 + 1;
    (void)random_below(2);
    if (is_length) {
        size = number % 2 == 0 ? image_size * number / LENGTHS
                               : random_below((uint32_t)(image_size / PAGE)) * (size_t)PAGE;
        (void)snprintf(shared->what, sizeof shared->what, "%zu of %zu bytes", size, image_size);
    } else {
        flip_a_bit(data, shared->what);
    }
    index_engine_store(data, size);
    free(data);
}

/* From the case on that is next, to the first that goes wrong. */
static _Noreturn void
run_in_child(size_t count, bool is_length)
{
    for (; shared->at < count; shared->at++) {
        damage_number(shared->at, is_length);
        if (!opens_and_answers()) {
            (void)fprintf(stderr, "%zu: %s: %s\n", shared->at, shared->what,
                          strand_error_message());
            shared->wrong++;
            shared->at++;
            break; /* whatever is open goes with the process */
        }
    }
    _exit(0);
}

/* How many cases ended with a signal, or were not ended by the child itself. */
static size_t
run_all(size_t count, bool is_length)
{
    size_t deaths = 0;

    shared->at = 0;
    shared->wrong = 0;
    while (shared->at < count && shared->wrong < WRONG_MAX && deaths < WRONG_MAX) {
        int result;

        (void)fflush(NULL);
        pid_t child = fork();
        cr_assert_geq(child, 0);
        if (child == 0)
            run_in_child(count, is_length);
        cr_assert_eq(waitpid(child, &result, 0), child);
        if (WIFEXITED(result) && WEXITSTATUS(result) == 0)
            continue;
        (void)fprintf(stderr, "%zu: %s: result %x\n", shared->at, shared->what, (unsigned)result);
        deaths++;
        shared->at++;
    }
    return deaths;
}

static void
survive_all(size_t count, bool is_length, bool is_clean)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(shared, MAP_FAILED);
    fixture.log_options.segment_bytes = 6000;
    fixture_open();
    grow_by(90, 1400);
    index_engine_complete();
    grow_by(10, 1400);
    if (is_clean)
        fixture_close();
    else
        index_engine_kill();
    image = index_engine_load(&image_size);
    closed_disk = fixture.disk;
    cr_assert_geq(image_size, 5 * PAGE, "%zu", image_size);
    cr_expect_eq(run_all(count, is_length), 0, "a child died");
    cr_expect_eq(shared->wrong, 0, "%zu times the answers are others", shared->wrong);
    free(image);
    (void)munmap(shared, sizeof *shared);
}

Test(engine_index_bits, any_length_after_a_clean_close)
{
    survive_all(LENGTHS, true, true);
}

Test(engine_index_bits, any_length_after_a_kill)
{
    survive_all(LENGTHS, true, false);
}

Test(engine_index_bits, single_bits_after_a_clean_close)
{
    survive_all(FLIPS / 2, false, true);
}

Test(engine_index_bits, single_bits_after_a_kill)
{
    survive_all(FLIPS / 2, false, false);
}
