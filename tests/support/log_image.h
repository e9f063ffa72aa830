/* tests/support/log_image.h -- The files of a log on a simulated disk, written and read as text.
 *
 * Segments are separated by '|'.  Each is its base offset, ':', and then
 *
 *     eK      from here on batches have leader epoch K (0 at first, -1 for none)
 *     B+N     a batch of the offsets [B, B + N)
 *     tB+N    the first half of its bytes only
 *     xB+N    all of it with one bit flipped under its CRC
 *     sB+N    all of it with a length that cannot be
 *     gN zN   N bytes of garbage, of zeros
 *
 * "0: 0+10 10+5 | 15: e1 15+5 t20+3" is a log of two segments with a torn tail.
 */
#ifndef STRAND_TESTS_LOG_IMAGE_H
#define STRAND_TESTS_LOG_IMAGE_H

#include <stddef.h>
#include <stdint.h>

struct strand_sim_disk;

/* Store the segments of TEXT in DIRECTORY, durably, under their names followed by SUFFIX ("" or
 * ".swap"). */
void log_image_store(struct strand_sim_disk *disk, const char *directory, const char *text,
                     const char *suffix);

/* Store one segment of one batch that is SIZE bytes long, its record BASE_OFFSET, durably. */
void log_image_store_large(struct strand_sim_disk *disk, const char *directory, int64_t base_offset,
                           size_t size);

/* As log_image_store() through the seam, so that neither content nor name is durable. */
void log_image_write(struct strand_sim_disk *disk, const char *directory, const char *text);

/* What is there: "0:0+10,10+5 15:15+5/17", 17 being bytes behind the last whole batch.  Files whose
 * names end in SUFFIX are looked at.  Static; valid until the next call. */
const char *log_image_read(struct strand_sim_disk *disk, const char *directory, const char *suffix);

/* The names in DIRECTORY that contain PART, separated by blanks.  Static, as above. */
const char *log_image_names(struct strand_sim_disk *disk, const char *directory, const char *part);

#endif
