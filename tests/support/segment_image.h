/* tests/support/segment_image.h -- A segment file put together byte by byte, damaged, and stored on
 * the simulated disk behind the library's back.
 */
#ifndef STRAND_TESTS_SEGMENT_IMAGE_H
#define STRAND_TESTS_SEGMENT_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "simulation/sim_disk.h"
#include "storage/segment_scan.h"

#define IMAGE_PATH "/segment"

enum {
    IMAGE_SIZE_MAX = 24 * 1024 * 1024,
    IMAGE_SMALL = 80, /* size of a small batch: header and 19 bytes */
};

/* The one of the test that runs. */
struct segment_image {
    struct strand_sim_disk *disk;
    struct strand_file file; /* open since image_store() */
    uint8_t *bytes;          /* what the file will be */
    int64_t size;
};
extern struct segment_image image;

/* Before and after a test; HAS_SHORT_READS: of at most 7 bytes each. */
void image_create(void);
void image_create_with(bool has_short_reads);
void image_destroy(void);

/* Put the image on the disk and open it. */
void image_store(void);

/* A batch of SIZE bytes with COUNT records, which neither scan nor search looks at, at AT; and
 * appended to the image: returns where it stands. */
void image_put_batch(uint8_t *at, int64_t base_offset, int64_t size, int32_t count);
uint8_t *image_add_batch(int64_t base_offset, int64_t size, int32_t count);

void image_add_bytes(int value, int64_t size);
void image_stamp_crc(uint8_t *batch);

/* What may be wrong with the second of three small batches, of offsets 1000 to 1002. */
struct image_damage {
    const char *name;
    int64_t field; /* where VALUE is put, as int32 (int8 for the magic, int64 for the offset) */
    int64_t value;
    bool stamps_crc;
    enum strand_scan_stop stop; /* of a scan */
    const char *reason;         /* part of its sentence */
};
extern const struct image_damage image_damages[];
extern const size_t image_damage_count;

void image_damage(uint8_t *batch, const struct image_damage *damage);

#endif
