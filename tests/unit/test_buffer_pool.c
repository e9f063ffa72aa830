/* tests/unit/test_buffer_pool.c -- Buffers come back, keep what is in them, and are bounded. */
#include "base/buffer_pool.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/error.h"

/* The sanitizers' allocators stop the program, unless told, where malloc() returns NULL. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *
__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

const char *
__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

enum { KEPT_MAX = 2, KEPT_SIZE_MAX = 4096 };

static struct strand_buffer_pool *pool;

static void
create_pool(void)
{
    cr_assert_eq(strand_buffer_pool_create(KEPT_MAX, KEPT_SIZE_MAX, &pool), STRAND_OK);
}

static void
destroy_pool(void)
{
    strand_buffer_pool_destroy(pool);
}

TestSuite(buffer_pool, .init = create_pool, .fini = destroy_pool);

static struct strand_buffer *
take(size_t capacity)
{
    struct strand_buffer *buffer = NULL;

    cr_assert_eq(strand_buffer_take(pool, capacity, &buffer), STRAND_OK);
    cr_assert_geq(buffer->capacity, capacity);
    cr_assert_eq(buffer->size, 0);
    cr_assert_not_null(buffer->data);
    return buffer;
}

Test(buffer_pool, a_buffer_has_the_capacity_asked_for)
{
    static const size_t CAPACITIES[] = {0, 1, 255, 256, 257, 4096, 100000};

    for (size_t i = 0; i < sizeof CAPACITIES / sizeof CAPACITIES[0]; i++) {
        struct strand_buffer *buffer = take(CAPACITIES[i]);
        memset(buffer->data, 0xaa, buffer->capacity);
        strand_buffer_put(pool, buffer);
    }
}

Test(buffer_pool, a_buffer_that_was_put_back_is_handed_out_again_empty)
{
    struct strand_buffer *buffer = take(1024);
    uint8_t *memory = buffer->data;

    buffer->size = 10;
    strand_buffer_put(pool, buffer);
    struct strand_buffer *again = take(1024);
    cr_expect_eq(again, buffer);
    cr_expect_eq(again->data, memory, "a warm path allocates nothing");
    strand_buffer_put(pool, again);
}

Test(buffer_pool, the_buffer_put_back_last_is_handed_out_first)
{
    struct strand_buffer *first = take(1), *second = take(1);

    strand_buffer_put(pool, first);
    strand_buffer_put(pool, second);
    cr_expect_eq(take(1), second);
    cr_expect_eq(take(1), first);
    strand_buffer_put(pool, first);
    strand_buffer_put(pool, second);
}

Test(buffer_pool, a_kept_buffer_that_is_too_small_gives_way_to_a_bigger_one)
{
    strand_buffer_put(pool, take(16));
    struct strand_buffer *big = take(3000);
    strand_buffer_put(pool, big);
    struct strand_buffer *first = take(16), *second = take(16);
    cr_expect_eq(first, big);
    cr_expect_lt(second->capacity, 3000);
    strand_buffer_put(pool, first);
    strand_buffer_put(pool, second);
}

/* Whether a buffer was freed shows in what is handed out next. */
Test(buffer_pool, no_more_than_kept_max_are_kept)
{
    struct strand_buffer *buffers[KEPT_MAX + 1];

    for (int i = 0; i <= KEPT_MAX; i++)
        buffers[i] = take(1);
    for (int i = 0; i <= KEPT_MAX; i++)
        strand_buffer_put(pool, buffers[i]);
    cr_expect_eq(take(1), buffers[KEPT_MAX - 1], "the one that was put back last is not kept");
    cr_expect_eq(take(1), buffers[KEPT_MAX - 2]);
    strand_buffer_put(pool, buffers[0]);
    strand_buffer_put(pool, buffers[1]);
}

Test(buffer_pool, a_buffer_above_the_size_limit_is_not_kept)
{
    struct strand_buffer *small = take(KEPT_SIZE_MAX);
    struct strand_buffer *big = take(KEPT_SIZE_MAX + 1);

    strand_buffer_put(pool, small);
    strand_buffer_put(pool, big);
    struct strand_buffer *next = take(1);
    cr_expect_eq(next, small);
    strand_buffer_put(pool, next);
}

Test(buffer_pool, reserve_keeps_what_is_in_use_and_doubles)
{
    struct strand_buffer *buffer = take(256);

    cr_assert_eq(buffer->capacity, 256);
    for (int i = 0; i < 256; i++)
        buffer->data[i] = (uint8_t)i;
    buffer->size = 256;
    cr_assert_eq(strand_buffer_reserve(buffer, 257), STRAND_OK);
    cr_expect_eq(buffer->capacity, 512);
    cr_expect_eq(buffer->size, 256);
    for (int i = 0; i < 256; i++)
        cr_expect_eq(buffer->data[i], (uint8_t)i);

    uint8_t *memory = buffer->data;
    cr_expect_eq(strand_buffer_reserve(buffer, 512), STRAND_OK);
    cr_expect_eq(buffer->data, memory, "there was room already");
    strand_buffer_put(pool, buffer);
}

Test(buffer_pool, a_size_that_cannot_be_had_leaves_the_buffer_unchanged)
{
    static const size_t SIZES[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2 + 2};

    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        struct strand_buffer *buffer = take(300), *none = NULL;
        uint8_t *memory = buffer->data;
        size_t capacity = buffer->capacity;

        buffer->size = 3;
        cr_expect_eq(strand_buffer_reserve(buffer, SIZES[i]), STRAND_ERR_NO_MEMORY);
        cr_expect_not_null(strstr(strand_error_message(), "out of memory"));
        cr_expect_eq(buffer->data, memory);
        cr_expect_eq(buffer->capacity, capacity);
        cr_expect_eq(buffer->size, 3);
        strand_buffer_put(pool, buffer);

        cr_expect_eq(strand_buffer_take(pool, SIZES[i], &none), STRAND_ERR_NO_MEMORY);
        cr_expect_null(none);
        struct strand_buffer *again = take(1);
        cr_expect_eq(again, buffer, "the failed call kept the buffer in the pool");
        strand_buffer_put(pool, again);
    }
}

Test(buffer_pool, null_is_accepted)
{
    strand_buffer_put(pool, NULL);
    strand_buffer_pool_destroy(NULL);
}

Test(buffer_pool, destroying_a_pool_with_a_buffer_outstanding_is_a_broken_invariant,
     .signal = SIGABRT)
{
    (void)take(1);
    strand_buffer_pool_destroy(pool);
}

static void *
take_and_put(void *argument)
{
    (void)argument;
    for (int i = 0; i < 2000; i++) {
        struct strand_buffer *buffer = take(64);
        memset(buffer->data, i, buffer->capacity);
        strand_buffer_put(pool, buffer);
    }
    return NULL;
}

Test(buffer_pool, threads_may_share_it)
{
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, take_and_put, NULL), 0);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
}
