/* simulation/crash_contents.c -- Hashes of sectors are added up; no byte of a torn page is copied
 * before a state that contains it turns out to be new.
 */
#include "simulation/crash_contents.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "simulation/sim_memory.h"

void
strand_crash_contents_free(struct strand_crash_contents *contents)
{
    free(contents->hashes);
    free(contents->rows);
    free(contents->row_of_size);
    free(contents->pending);
    free(contents->pieces);
    free(contents->piece_of_version);
    free(contents->factors);
    free(contents->terms);
    *contents = (struct strand_crash_contents){0};
}

/* ---- Pieces ---- */

/* The piece of PAGE, the newest, with this hash, added if it is not there. */
static size_t
add_piece(struct strand_crash_contents *contents, struct strand_crash_pending_page *page,
          const struct strand_crash_piece *piece)
{
    for (size_t i = 0; i < page->piece_count; i++)
        if (contents->pieces[page->first_piece + i].hash == piece->hash)
            return i;
    contents->pieces = strand_sim_grow(contents->pieces, &contents->piece_capacity,
                                       contents->piece_count, sizeof *contents->pieces);
    contents->pieces[contents->piece_count++] = *piece;
    return page->piece_count++;
}

static size_t
add_whole(struct strand_crash_contents *contents, struct strand_crash_pending_page *pending,
          const struct strand_sim_page *page)
{
    const struct strand_crash_piece piece = {page, page, 0, strand_sim_page_hash(page)};

    return add_piece(contents, pending, &piece);
}

/* Both ways to mix an OLDER version with the NEWEST, at each sector. */
static void
add_torn(struct strand_crash_contents *contents, struct strand_crash_pending_page *pending,
         const struct strand_sim_page *older, const struct strand_sim_page *newest)
{
    uint64_t sum = strand_sim_page_hash(older) + strand_sim_page_hash(newest);
    uint64_t newest_first = strand_sim_page_hash(older);

    for (size_t cut = 1; cut < STRAND_SIM_PAGE_SECTORS; cut++) {
        newest_first +=
            strand_sim_page_sector(newest, cut - 1) - strand_sim_page_sector(older, cut - 1);
        if (newest_first == strand_sim_page_hash(older) ||
            newest_first == strand_sim_page_hash(newest))
            continue; /* before the first and behind the last difference */

        const struct strand_crash_piece front = {newest, older, cut, newest_first};
        const struct strand_crash_piece back = {older, newest, cut, sum - newest_first};
        (void)add_piece(contents, pending, &front); /* wherever it is */
        (void)add_piece(contents, pending, &back);
    }
}

static void
add_pending(struct strand_crash_contents *contents, const struct strand_crash_page *page,
            size_t index, bool whole_pages)
{
    const struct strand_sim_page *newest = page->versions[page->version_count - 1].page;

    contents->pending = strand_sim_grow(contents->pending, &contents->pending_capacity,
                                        contents->pending_count, sizeof *contents->pending);
    struct strand_crash_pending_page *pending = &contents->pending[contents->pending_count++];
    *pending = (struct strand_crash_pending_page){
        .index = index,
        .first_piece = contents->piece_count,
        .first_version = contents->version_count,
        .version_count = page->version_count,
    };
    (void)add_whole(contents, pending, page->held); /* the first */
    for (size_t i = 0; i < page->version_count; i++) {
        contents->piece_of_version =
            strand_sim_grow(contents->piece_of_version, &contents->version_capacity,
                            contents->version_count, sizeof *contents->piece_of_version);
        contents->piece_of_version[contents->version_count++] =
            add_whole(contents, pending, page->versions[i].page);
    }
    if (whole_pages)
        return;
    add_torn(contents, pending, page->held, newest);
    for (size_t i = 0; i + 1 < page->version_count; i++)
        add_torn(contents, pending, page->versions[i].page, newest);
}

static uint64_t
piece_sector(const struct strand_crash_piece *piece, size_t sector)
{
    return strand_sim_page_sector(sector < piece->cut ? piece->front : piece->back, sector);
}

/* The hash of PIECE when all from EXTENT on is zeros. */
static uint64_t
trimmed_hash(const struct strand_crash_piece *piece, int64_t extent)
{
    size_t whole = (size_t)extent / STRAND_SIM_SECTOR_SIZE;
    size_t rest = (size_t)extent % STRAND_SIM_SECTOR_SIZE;
    const struct strand_sim_page *page = whole < piece->cut ? piece->front : piece->back;
    uint8_t bytes[STRAND_SIM_SECTOR_SIZE] = {0};
    uint64_t hash = 0;

    for (size_t sector = 0; sector < whole; sector++)
        hash += piece_sector(piece, sector);
    if (rest == 0 || page == NULL)
        return hash;
    if (page->extent <= extent)
        return hash + strand_sim_page_sector(page, whole);
    memcpy(bytes, page->bytes + whole * STRAND_SIM_SECTOR_SIZE, rest);
    return hash + strand_sim_hash_sector(bytes, whole);
}

/* What page INDEX adds to the hash of a file of SIZE bytes, when PIECE is there. */
static uint64_t
shown_share(const struct strand_crash_piece *piece, size_t index, int64_t size)
{
    int64_t extent = size - (int64_t)index * STRAND_SIM_BLOCK_SIZE;

    if (extent <= 0)
        return 0;
    uint64_t hash = extent >= STRAND_SIM_BLOCK_SIZE ? piece->hash : trimmed_hash(piece, extent);
    return hash == 0 ? 0 : strand_sim_mix_two(index, hash);
}

/* What it adds because of bytes behind the end. */
static uint64_t
hidden_share(const struct strand_crash_piece *piece, size_t index, int64_t size)
{
    int64_t extent = size - (int64_t)index * STRAND_SIM_BLOCK_SIZE;

    if (extent <= 0 || extent >= STRAND_SIM_BLOCK_SIZE ||
        trimmed_hash(piece, extent) == piece->hash)
        return 0;
    return strand_sim_mix_two(~(uint64_t)index, piece->hash);
}

static uint64_t
share(const struct strand_crash_contents *contents, const struct strand_crash_piece *piece,
      size_t index, int64_t size)
{
    uint64_t hidden = contents->looks_behind ? hidden_share(piece, index, size) : 0;

    return shown_share(piece, index, size) + hidden;
}

/* ---- Rows ---- */

static size_t
add_row(struct strand_crash_contents *contents, int64_t size)
{
    for (size_t i = 0; i < contents->row_count; i++)
        if (contents->rows[i].size == size)
            return i;
    contents->rows = strand_sim_grow(contents->rows, &contents->row_capacity, contents->row_count,
                                     sizeof *contents->rows);
    contents->rows[contents->row_count] = (struct strand_crash_row){.size = size};
    return contents->row_count++;
}

/* The term of FACTOR that shows SHOWN, added if it is not there. */
static struct strand_crash_term *
find_term(struct strand_crash_contents *contents, const struct strand_crash_factor *factor,
          uint64_t shown)
{
    for (size_t i = factor->first_term; i < contents->term_count; i++)
        if (contents->terms[i].shown == shown)
            return &contents->terms[i];
    contents->terms = strand_sim_grow(contents->terms, &contents->term_capacity,
                                      contents->term_count, sizeof *contents->terms);
    contents->terms[contents->term_count] = (struct strand_crash_term){shown, 0, SIZE_MAX};
    return &contents->terms[contents->term_count++];
}

/* The ways in which pending page NUMBER may go on below the size of ROW, without duplicates. */
static void
add_factor(struct strand_crash_contents *contents, struct strand_crash_row *row, size_t number)
{
    const struct strand_crash_pending_page *page = &contents->pending[number];
    struct strand_crash_factor factor = {.page = number, .first_term = contents->term_count};

    for (size_t i = 0; i < page->piece_count; i++) {
        const struct strand_crash_piece *piece = &contents->pieces[page->first_piece + i];
        struct strand_crash_term *term =
            find_term(contents, &factor, shown_share(piece, page->index, row->size));

        if (term->piece == SIZE_MAX || piece->cut == 0) {
            term->piece = i;
            term->hash = share(contents, piece, page->index, row->size);
        }
    }
    factor.term_count = contents->term_count - factor.first_term;
    strand_assert(factor.term_count > 0); /* what is on disk */
    contents->factors = strand_sim_grow(contents->factors, &contents->factor_capacity,
                                        contents->factor_count, sizeof *contents->factors);
    contents->factors[contents->factor_count++] = factor;
    row->factor_count++;
    row->count =
        row->count > UINT64_MAX / factor.term_count ? UINT64_MAX : row->count * factor.term_count;
}

static void
fill_row(struct strand_crash_contents *contents, const struct strand_crash_file *file,
         struct strand_crash_row *row)
{
    row->hash = (uint64_t)row->size;
    row->first_factor = contents->factor_count;
    row->count = 1;
    for (size_t i = 0; i < file->page_count; i++) {
        const struct strand_sim_page *held = file->pages[i].held;
        const struct strand_crash_piece piece = {held, held, 0, strand_sim_page_hash(held)};

        if (file->pages[i].version_count == 0)
            row->hash += share(contents, &piece, i, row->size);
    }
    for (size_t i = 0; i < contents->pending_count; i++)
        if ((int64_t)contents->pending[i].index * STRAND_SIM_BLOCK_SIZE < row->size)
            add_factor(contents, row, i);
    row->first = contents->count;
    contents->count =
        row->count > UINT64_MAX - contents->count ? UINT64_MAX : contents->count + row->count;
}

/* The sums of all combinations, in the order of their numbers: each factor multiplies the list. */
static void
list_row(struct strand_crash_contents *contents, const struct strand_crash_row *row)
{
    uint64_t *hashes = contents->hashes + row->first;
    size_t count = 1;

    hashes[0] = row->hash;
    for (size_t f = 0; f < row->factor_count; f++) {
        const struct strand_crash_factor *factor = &contents->factors[row->first_factor + f];

        for (size_t i = count; i-- > 0;) {
            uint64_t sum = hashes[i]; /* the last of its own products lies here */

            for (size_t t = factor->term_count; t-- > 0;)
                hashes[i * factor->term_count + t] =
                    sum + contents->terms[factor->first_term + t].hash;
        }
        count *= factor->term_count;
    }
    strand_assert(count == row->count);
    for (size_t i = 0; i < count; i++)
        hashes[i] = strand_sim_mix_two((uint64_t)row->size, hashes[i]);
}

static void
list_all(struct strand_crash_contents *contents)
{
    if (contents->count > contents->hash_capacity) {
        size_t capacity = (size_t)contents->count * 2;

        contents->hashes = realloc(contents->hashes, capacity * sizeof *contents->hashes);
        strand_assert(contents->hashes != NULL);
        contents->hash_capacity = capacity;
    }
    for (size_t i = 0; i < contents->row_count; i++)
        list_row(contents, &contents->rows[i]);
}

void
strand_crash_contents_update(struct strand_crash_contents *contents,
                             const struct strand_crash_file *file, uint64_t generation,
                             bool whole_pages, bool looks_behind, uint64_t limit)
{
    if (contents->generation == generation)
        return;
    contents->generation = generation;
    contents->looks_behind = looks_behind;
    contents->row_count = contents->size_count = contents->pending_count = 0;
    contents->piece_count = contents->version_count = 0;
    contents->factor_count = contents->term_count = 0;
    contents->count = 0;

    for (size_t i = 0; i < file->page_count; i++)
        if (file->pages[i].version_count > 0)
            add_pending(contents, &file->pages[i], i, whole_pages);
    (void)add_row(contents, file->held_size); /* the first */
    for (size_t i = 0; i < file->size_count; i++) {
        contents->row_of_size = strand_sim_grow(contents->row_of_size, &contents->size_capacity, i,
                                                sizeof *contents->row_of_size);
        contents->row_of_size[i] = add_row(contents, file->sizes[i].size);
    }
    contents->size_count = file->size_count;
    for (size_t i = 0; i < contents->row_count; i++)
        fill_row(contents, file, &contents->rows[i]);
    contents->is_listed = contents->count <= limit;
    if (contents->is_listed)
        list_all(contents);
}

/* ---- Single contents ---- */

void
strand_crash_contents_choose(const struct strand_crash_contents *contents, uint64_t number,
                             struct strand_crash_choice *choice)
{
    const struct strand_crash_row *row = contents->rows;

    strand_assert(number < contents->count);
    while (number >= row->first + row->count)
        row++;
    number -= row->first;
    choice->row = (size_t)(row - contents->rows);
    for (size_t i = 0; i < contents->pending_count; i++)
        choice->pieces[i] = 0;
    for (size_t f = row->factor_count; f-- > 0;) {
        const struct strand_crash_factor *factor = &contents->factors[row->first_factor + f];

        choice->pieces[factor->page] =
            contents->terms[factor->first_term + number % factor->term_count].piece;
        number /= factor->term_count;
    }
}

uint64_t
strand_crash_contents_hash(const struct strand_crash_contents *contents,
                           const struct strand_crash_choice *choice)
{
    const struct strand_crash_row *row = &contents->rows[choice->row];
    uint64_t sum = row->hash;

    for (size_t i = 0; i < contents->pending_count; i++) {
        const struct strand_crash_pending_page *page = &contents->pending[i];

        sum += share(contents, &contents->pieces[page->first_piece + choice->pieces[i]],
                     page->index, row->size);
    }
    return strand_sim_mix_two((uint64_t)row->size, sum);
}

static const struct strand_sim_page *
make_page(const struct strand_crash_piece *piece, struct strand_crash_disk *disk)
{
    size_t cut = piece->cut * STRAND_SIM_SECTOR_SIZE;

    if (piece->cut == 0)
        return piece->back;
    struct strand_sim_page *page = strand_sim_pages_add(&disk->pages);
    memset(page->bytes, 0, sizeof page->bytes);
    if (piece->front != NULL)
        memcpy(page->bytes, piece->front->bytes, cut);
    if (piece->back != NULL)
        memcpy(page->bytes + cut, piece->back->bytes + cut, sizeof page->bytes - cut);
    strand_sim_page_seal(page, NULL, 0);
    return page;
}

void
strand_crash_contents_build(const struct strand_crash_contents *contents,
                            const struct strand_crash_file *file,
                            const struct strand_crash_choice *choice,
                            struct strand_crash_disk *disk, struct strand_crash_file *to)
{
    int64_t size = contents->rows[choice->row].size;
    size_t next = 0;

    to->held_size = to->cache_size = size;
    for (size_t i = 0; i < file->page_count; i++) {
        const struct strand_sim_page *page = file->pages[i].held;

        if (next < contents->pending_count && contents->pending[next].index == i) {
            page = make_page(
                &contents->pieces[contents->pending[next].first_piece + choice->pieces[next]],
                disk);
            next++;
        }
        int64_t extent = size - (int64_t)i * STRAND_SIM_BLOCK_SIZE;
        if (page == NULL || extent <= 0)
            continue;
        struct strand_crash_page *built = strand_crash_file_page(to, i);
        built->held = page;
        built->cache = strand_crash_disk_trim(disk, page, extent);
    }
}
