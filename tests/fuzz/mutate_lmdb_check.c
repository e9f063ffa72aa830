/* tests/fuzz/mutate_lmdb_check.c -- The fuzzer's function on files that LMDB wrote and that were
 * then damaged, the same ones each time: mutate_lmdb_check [ROUNDS].
 *
 * With --seeds DIRECTORY it only writes the undamaged files there, to begin a fuzzer with.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz_lmdb_check.h"
#include "support/index_fixture.h"
#include "support/lmdb_image.h"
#include "support/scratch.h"

enum { SEEDS = 4, PAGE = LMDB_IMAGE_PAGE };

static uint64_t state = 1;

static uint32_t
random_below(uint32_t bound)
{
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)((state >> 33) % bound);
}

/* An index of so many logs, some of them removed, in a few commits; 0: a new one. */
static uint8_t *
make_seed(uint32_t logs, size_t *out_size)
{
    scratch_create();
    struct strand_index *index = index_open(INDEX_LMDB);
    for (uint32_t log = 1; log <= logs; log++) {
        struct strand_index_batch *batch = index_begin(index);

        index_put_pairs(batch, index_id(log), 0, 0, 1, 40 * log);
        if (log % 3 == 0 && strand_index_remove_log(batch, index_id(log - 1)) != STRAND_OK)
            abort();
        index_commit(index, batch);
    }
    strand_index_close(index);
    uint8_t *seed = lmdb_image_load(out_size);
    scratch_remove();
    return seed;
}

static size_t
some_byte(size_t size)
{
    size_t page = random_below((uint32_t)(size / PAGE)) * (size_t)PAGE;

    /* Mostly headers and the offsets behind them. */
    return page + random_below(random_below(3) == 0 ? PAGE : 160);
}

static size_t
damage(uint8_t *data, size_t size)
{
    size_t at = some_byte(size);

    switch (random_below(8)) {
    case 0:
        return random_below((uint32_t)size + 1);
    case 1: /* one page is another one */
        memcpy(data + at / PAGE * PAGE, data + some_byte(size) / PAGE * PAGE, PAGE);
        break;
    case 2: /* and has the right number */
        memcpy(data + at / PAGE * PAGE + 8, data + some_byte(size) / PAGE * PAGE + 8, PAGE - 8);
        break;
    case 3:
        data[at] = (uint8_t)random_below(256);
        break;
    case 4:
        data[at] = (uint8_t)(random_below(2) * 255);
        break;
    default:
        data[at] ^= (uint8_t)(1U << random_below(8));
        break;
    }
    return size;
}

static void
store_seed(const char *directory, unsigned number, const uint8_t *seed, size_t size)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/seed-%u", directory, number);
    scratch_store(path, seed, size);
}

int
main(int argc, char **argv)
{
    static const uint32_t logs[SEEDS] = {0, 1, 7, 30};
    bool is_seeding = argc == 3 && strcmp(argv[1], "--seeds") == 0;
    long rounds = argc == 2 ? atol(argv[1]) : 1000;

    for (unsigned i = 0; i < SEEDS; i++) {
        size_t size;
        uint8_t *seed = make_seed(logs[i], &size);
        uint8_t *data = malloc(size);

        if (is_seeding)
            store_seed(argv[2], i, seed, size);
        for (long round = 0; !is_seeding && round < rounds; round++) {
            size_t left = size;

            memcpy(data, seed, size);
            for (uint32_t times = 1 + random_below(3); times > 0 && left == size; times--)
                left = damage(data, size);
            LLVMFuzzerTestOneInput(data, left);
        }
        free(data);
        free(seed);
    }
    return 0;
}
