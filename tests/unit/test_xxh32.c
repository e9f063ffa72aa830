/* tests/unit/test_xxh32.c -- The hash is the published one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "storage/xxh32.h"

Test(xxh32, published_values_are_reproduced)
{
    static const struct {
        const char *text;
        uint32_t hash;
    } CASES[] = {
        {"", 0x02CC5D05},
        {"a", 0x550D7456},
        {"abc", 0x32D153FF},
        {"abcd", 0xA3643705},
        {"Nobody inspects the spammish repetition", 0xE2293B2F},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        cr_expect_eq(strand_xxh32(CASES[i].text, strlen(CASES[i].text)), CASES[i].hash,
                     "\"%s\": %08x", CASES[i].text,
                     strand_xxh32(CASES[i].text, strlen(CASES[i].text)));
    cr_expect_eq((uint8_t)(strand_xxh32("\x60\x40", 2) >> 8), 0x82, "Kafka's header checksum");
}

Test(xxh32, no_byte_is_read_behind_the_end_and_every_byte_counts)
{
    uint8_t data[64] = {0};

    for (size_t size = 1; size <= sizeof data; size++) {
        uint8_t *exact = calloc(1, size);
        uint32_t before = strand_xxh32(exact, size);
        cr_expect_eq(before, strand_xxh32(data, size));
        for (size_t i = 0; i < size; i++) {
            exact[i] = 1;
            cr_expect_neq(strand_xxh32(exact, size), before, "byte %zu of %zu", i, size);
            exact[i] = 0;
        }
        free(exact);
    }
}
