/* simulation/sim_page.h -- Pages of 4 KiB that never change once they are sealed, and their hashes.
 *
 * A page knows a hash of each of its sectors, so that of a torn mixture of two pages is had without
 * making it.  The hash of a page is the sum of those of its sectors, each mixed with its place;
 * zeros have the hash 0.  NULL stands for a page of zeros wherever a page is read.
 */
#ifndef STRAND_SIMULATION_SIM_PAGE_H
#define STRAND_SIMULATION_SIM_PAGE_H

#include <stddef.h>
#include <stdint.h>

#include "simulation/sim_content.h"

enum { STRAND_SIM_PAGE_SECTORS = STRAND_SIM_BLOCK_SIZE / STRAND_SIM_SECTOR_SIZE };

struct strand_sim_page {
    struct strand_sim_page *next; /* of the same owner */
    uint64_t sectors[STRAND_SIM_PAGE_SECTORS];
    uint64_t hash;
    int64_t extent; /* zeros from here on */
    uint8_t bytes[STRAND_SIM_BLOCK_SIZE];
};

/* All zeros: no page. */
struct strand_sim_pages {
    struct strand_sim_page *used; /* owned, as the others */
    struct strand_sim_page *free;
};

/* A page whose bytes the caller sets and then seals. */
struct strand_sim_page *strand_sim_pages_add(struct strand_sim_pages *pages);

/* Compute what is known of PAGE.  The bits of SAME say which sectors are those of LIKE. */
void strand_sim_page_seal(struct strand_sim_page *page, const struct strand_sim_page *like,
                          uint32_t same);

/* All pages are forgotten; their memory stays for new ones. */
void strand_sim_pages_clear(struct strand_sim_pages *pages);
void strand_sim_pages_free(struct strand_sim_pages *pages);

/* Every bit of NUMBER decides about every bit of the result; 0 for 0. */
uint64_t strand_sim_mix(uint64_t number);

/* As two numbers in this order. */
uint64_t strand_sim_mix_two(uint64_t first, uint64_t second);
uint64_t strand_sim_hash_text(const char *text);

/* The hash of sector PLACE of a page when it holds these bytes, and of one of PAGE's. */
uint64_t strand_sim_hash_sector(const uint8_t bytes[STRAND_SIM_SECTOR_SIZE], size_t place);

static inline uint64_t
strand_sim_page_hash(const struct strand_sim_page *page)
{
    return page == NULL ? 0 : page->hash;
}

static inline uint64_t
strand_sim_page_sector(const struct strand_sim_page *page, size_t sector)
{
    return page == NULL ? 0 : page->sectors[sector];
}

#endif
