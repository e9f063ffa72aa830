/* tests/support/lmdb_image.h -- An LMDB file with all kinds of pages in it, to be damaged.
 *
 * Trees of three levels, lists of free pages in pages of their own, pages that were used again.
 */
#ifndef STRAND_TESTS_LMDB_IMAGE_H
#define STRAND_TESTS_LMDB_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "index/index.h"

enum { LMDB_IMAGE_PAGE = 4096, LMDB_IMAGE_LOGS = 12, LMDB_IMAGE_CHUNKS = 70 };

/* Make the index at index_path(), of which the bytes are returned: free() them. */
uint8_t *lmdb_image_make(size_t *out_size);

/* The bytes of index_path(). */
uint8_t *lmdb_image_load(size_t *out_size);

/* The page that both trees of IMAGE are read from begins with this meta page. */
const uint8_t *lmdb_image_meta(const uint8_t *image);

/* Numbers of the pages of the tree whose root is ROOT, each before its children; how many. */
size_t lmdb_image_pages(const uint8_t *image, uint64_t root, uint64_t *out_pages, size_t capacity);

/* NULL when INDEX answers as the image does, else what differs. */
const char *lmdb_image_differs(struct strand_index *index);

/* Take pages off the list of free ones, split and merge others.  NULL, or what failed. */
const char *lmdb_image_write(struct strand_index *index);

#endif
