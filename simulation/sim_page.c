/* simulation/sim_page.c -- Four streams of multiplications for each sector: hashing must not cost
 * more than copying, since each write of a program that is explored makes a page.
 */
#include "simulation/sim_page.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { LANES = 4, WORDS_PER_SECTOR = STRAND_SIM_SECTOR_SIZE / 8 };

static const uint64_t FIRST_FACTOR = UINT64_C(0x9E3779B185EBCA87);
static const uint64_t SECOND_FACTOR = UINT64_C(0xC2B2AE3D27D4EB4F);

uint64_t
strand_sim_mix(uint64_t number)
{
    number = (number ^ (number >> 32)) * UINT64_C(0xD6E8FEB86659FD93);
    number = (number ^ (number >> 32)) * UINT64_C(0xD6E8FEB86659FD93);
    return number ^ (number >> 32);
}

uint64_t
strand_sim_mix_two(uint64_t first, uint64_t second)
{
    return strand_sim_mix(strand_sim_mix(first + FIRST_FACTOR) + second * SECOND_FACTOR);
}

uint64_t
strand_sim_hash_text(const char *text)
{
    uint64_t hash = FIRST_FACTOR;

    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * SECOND_FACTOR;
    return strand_sim_mix(hash);
}

static uint64_t
rotated(uint64_t word, int count)
{
    return word << count | word >> (64 - count);
}

uint64_t
strand_sim_hash_sector(const uint8_t bytes[STRAND_SIM_SECTOR_SIZE], size_t place)
{
    uint64_t lanes[LANES] = {1, 2, 3, 4};
    uint64_t seen = 0;

    for (size_t i = 0; i < WORDS_PER_SECTOR; i += LANES) {
        uint64_t words[LANES];

        memcpy(words, bytes + i * sizeof *words, sizeof words);
        for (size_t lane = 0; lane < LANES; lane++) {
            seen |= words[lane];
            lanes[lane] = rotated(lanes[lane] + words[lane] * SECOND_FACTOR, 31) * FIRST_FACTOR;
        }
    }
    if (seen == 0)
        return 0;

    uint64_t hash = place;
    for (size_t lane = 0; lane < LANES; lane++)
        hash = strand_sim_mix_two(hash, lanes[lane]);
    return hash;
}

struct strand_sim_page *
strand_sim_pages_add(struct strand_sim_pages *pages)
{
    struct strand_sim_page *page = pages->free;

    if (page != NULL)
        pages->free = page->next;
    else
        page = malloc(sizeof *page);
    strand_assert(page != NULL);
    page->next = pages->used;
    pages->used = page;
    return page;
}

static int64_t
find_extent(const struct strand_sim_page *page)
{
    size_t sector = STRAND_SIM_PAGE_SECTORS;

    while (sector > 0 && page->sectors[sector - 1] == 0)
        sector--;
    size_t end = sector * STRAND_SIM_SECTOR_SIZE;
    while (end > 0 && page->bytes[end - 1] == 0)
        end--;
    return (int64_t)end;
}

void
strand_sim_page_seal(struct strand_sim_page *page, const struct strand_sim_page *like,
                     uint32_t same)
{
    page->hash = 0;
    for (size_t sector = 0; sector < STRAND_SIM_PAGE_SECTORS; sector++) {
        page->sectors[sector] =
            (same >> sector & 1) != 0
                ? strand_sim_page_sector(like, sector)
                : strand_sim_hash_sector(page->bytes + sector * STRAND_SIM_SECTOR_SIZE, sector);
        page->hash += page->sectors[sector];
    }
    page->extent = find_extent(page);
}

void
strand_sim_pages_clear(struct strand_sim_pages *pages)
{
    while (pages->used != NULL) {
        struct strand_sim_page *page = pages->used;

        pages->used = page->next;
        page->next = pages->free;
        pages->free = page;
    }
}

void
strand_sim_pages_free(struct strand_sim_pages *pages)
{
    strand_sim_pages_clear(pages);
    while (pages->free != NULL) {
        struct strand_sim_page *page = pages->free;

        pages->free = page->next;
        free(page);
    }
}
