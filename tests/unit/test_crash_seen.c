/* tests/unit/test_crash_seen.c -- Of equal states the lowest place is kept, whoever comes first. */
#include <criterion/criterion.h>

#include "simulation/crash_seen.h"

static struct strand_crash_seen seen;

static void
init(void)
{
    strand_crash_seen_init(&seen);
}

static void
deinit(void)
{
    strand_crash_seen_deinit(&seen);
}

TestSuite(crash_seen, .init = init, .fini = deinit);

Test(crash_seen, lowest_place_is_kept)
{
    static const struct strand_crash_place PLACES[] = {
        {4, 3, 2, 1}, {5, 0, 0, 1}, {4, 3, 1, 2}, {4, 4, 0, 1}, {3, 9, 9, 1},
    };
    static const size_t LOWEST[] = {0, 0, 2, 2, 4};

    for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; i++) {
        struct strand_crash_place place;

        cr_expect_eq(strand_crash_seen_claim(&seen, 77, &PLACES[i]), i == 0);
        cr_assert(strand_crash_seen_find(&seen, 77, &place));
        cr_expect_eq(place.item, PLACES[LOWEST[i]].item);
        cr_expect_eq(place.point, PLACES[LOWEST[i]].point);
        cr_expect_eq(place.state, PLACES[LOWEST[i]].state);
        cr_expect_eq(place.kind, PLACES[LOWEST[i]].kind);
    }
}

Test(crash_seen, many_keys_are_kept_apart)
{
    enum { COUNT = 100000 };
    static const uint64_t FACTOR = UINT64_C(0x9E3779B97F4A7C15);
    struct strand_crash_place place = {0, 0, 0, 1};

    for (uint64_t i = 0; i < COUNT; i++) { /* 0 is a key like any other */
        place.item = i;
        cr_assert(strand_crash_seen_claim(&seen, i * FACTOR, &place));
    }
    for (uint64_t i = 0; i < COUNT; i++) {
        cr_assert(strand_crash_seen_find(&seen, i * FACTOR, &place));
        cr_assert_eq(place.item, i);
        cr_assert_not(strand_crash_seen_find(&seen, i * FACTOR + 3, NULL));
    }
}
