/* simulation/crash_contents.h -- What the disk may hold of one file after a power cut.
 *
 * A content is a size and a piece for each page.  A piece is a version of the page, whole or torn;
 * pieces of a page and sizes of a file are listed without duplicates, the one on disk first.  For a
 * given size the pages wholly beyond it do not matter, and of the page that it ends in only what is
 * below it: so each content is listed once.  Contents are numbered by size, then by the pieces of
 * the pages, those of the last page running fastest.
 *
 * What the last page has behind the end stays on the disk, and shows when the file has grown again
 * but the page was not written.  Of pieces that are alike below the end the newest whole one
 * stands for all: the most that there may be behind it.  It tells contents apart only where asked
 * for, since nothing but a second crash can bring it out.
 *
 * A file has its contents listed with a hash for each, unless they are more than a limit: then a
 * sample is put together of single choices.
 *
 * Threading: none.
 */
#ifndef STRAND_SIMULATION_CRASH_CONTENTS_H
#define STRAND_SIMULATION_CRASH_CONTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "simulation/crash_disk.h"

/* The first CUT sectors of FRONT and the others of BACK.  CUT is 0 for whole versions. */
struct strand_crash_piece {
    const struct strand_sim_page *front; /* borrowed, as BACK */
    const struct strand_sim_page *back;
    size_t cut;
    uint64_t hash; /* of the page */
};

/* A page with versions. */
struct strand_crash_pending_page {
    size_t index;
    size_t first_piece;
    size_t piece_count;
    size_t first_version; /* in PIECE_OF_VERSION */
    size_t version_count;
};

/* One way in which a page may go on: the piece, and a number to add to the file's. */
struct strand_crash_term {
    uint64_t shown; /* of what lies below the end */
    uint64_t hash;
    size_t piece; /* of its page, from 0 */
};

/* One pending page under a given size. */
struct strand_crash_factor {
    size_t page; /* in PENDING */
    size_t first_term;
    size_t term_count;
};

/* All contents of a given size. */
struct strand_crash_row {
    int64_t size;
    uint64_t hash; /* of what all of them share */
    size_t first_factor;
    size_t factor_count;
    uint64_t first; /* the number of the first content */
    uint64_t count;
};

struct strand_crash_contents {
    uint64_t generation; /* of the inode, when this was worked out */
    bool looks_behind;   /* what stands behind the end counts in hashes */
    uint64_t count;      /* UINT64_MAX: too many to count */
    bool is_listed;      /* HASHES is filled */
    uint64_t *hashes;    /* owned, as all below; by number */
    size_t hash_capacity;

    struct strand_crash_row *rows; /* by size; the first is the size on disk */
    size_t row_count;
    size_t row_capacity;
    size_t *row_of_size; /* for each pending size */
    size_t size_count;
    size_t size_capacity;
    struct strand_crash_pending_page *pending;
    size_t pending_count;
    size_t pending_capacity;
    struct strand_crash_piece *pieces;
    size_t piece_count;
    size_t piece_capacity;
    size_t *piece_of_version; /* for each pending version of each pending page */
    size_t version_count;
    size_t version_capacity;
    struct strand_crash_factor *factors;
    size_t factor_count;
    size_t factor_capacity;
    struct strand_crash_term *terms;
    size_t term_count;
    size_t term_capacity;
};

/* One content, by its choices. */
struct strand_crash_choice {
    size_t row;
    size_t *pieces; /* borrowed; for each pending page */
};

/* Work out the contents of FILE, whose generation is GENERATION, unless that is done. */
void strand_crash_contents_update(struct strand_crash_contents *contents,
                                  const struct strand_crash_file *file, uint64_t generation,
                                  bool whole_pages, bool looks_behind, uint64_t limit);
void strand_crash_contents_free(struct strand_crash_contents *contents);

/* The choices that make content NUMBER; pages beyond its size keep what is on disk. */
void strand_crash_contents_choose(const struct strand_crash_contents *contents, uint64_t number,
                                  struct strand_crash_choice *choice);

/* The hash of a content. */
uint64_t strand_crash_contents_hash(const struct strand_crash_contents *contents,
                                    const struct strand_crash_choice *choice);

/* Make TO, empty and in DISK, FILE with this content, and nothing pending. */
void strand_crash_contents_build(const struct strand_crash_contents *contents,
                                 const struct strand_crash_file *file,
                                 const struct strand_crash_choice *choice,
                                 struct strand_crash_disk *disk, struct strand_crash_file *to);

#endif
