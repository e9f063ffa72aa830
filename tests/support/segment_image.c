/* tests/support/segment_image.c -- See segment_image.h. */
#include "support/segment_image.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/crc32c.h"

struct segment_image image;

void
image_create_with(bool has_short_reads)
{
    const struct strand_sim_disk_options options = {
        .seed = 1, .file_size_max = IMAGE_SIZE_MAX, .short_writes = has_short_reads};

    cr_assert_eq(strand_sim_disk_create(&options, &image.disk), STRAND_OK);
    image.bytes = calloc(1, IMAGE_SIZE_MAX);
    cr_assert_not_null(image.bytes);
    image.size = 0;
}

void
image_create(void)
{
    image_create_with(false);
}

void
image_destroy(void)
{
    strand_file_discard(&image.file);
    strand_sim_disk_destroy(image.disk);
    free(image.bytes);
}

void
image_store(void)
{
    strand_file_discard(&image.file);
    cr_assert_eq(strand_sim_disk_store(image.disk, IMAGE_PATH, image.bytes, image.size), STRAND_OK);
    cr_assert_eq(strand_file_open(strand_sim_disk_fs(image.disk), IMAGE_PATH, 0, &image.file),
                 STRAND_OK);
    strand_sim_disk_plan_clear(image.disk);
}

void
image_stamp_crc(uint8_t *batch)
{
    strand_put_be32(batch + STRAND_BATCH_CRC,
                    strand_crc32c(0, batch + STRAND_BATCH_CRC_START,
                                  (size_t)strand_batch_size(batch) - STRAND_BATCH_CRC_START));
}

void
image_put_batch(uint8_t *at, int64_t base_offset, int64_t size, int32_t count)
{
    memset(at, 0xff, STRAND_BATCH_HEADER_SIZE);
    memset(at + STRAND_BATCH_HEADER_SIZE, 'r', (size_t)size - STRAND_BATCH_HEADER_SIZE);
    strand_put_be64(at + STRAND_BATCH_BASE_OFFSET, (uint64_t)base_offset);
    strand_put_be32(at + STRAND_BATCH_LENGTH, (uint32_t)(size - STRAND_BATCH_OVERHEAD_SIZE));
    strand_put_be32(at + STRAND_BATCH_LEADER_EPOCH, 3);
    at[STRAND_BATCH_MAGIC] = STRAND_BATCH_MAGIC_CURRENT;
    strand_put_be16(at + STRAND_BATCH_ATTRIBUTES, 0);
    strand_put_be32(at + STRAND_BATCH_LAST_OFFSET_DELTA, (uint32_t)(count - 1));
    strand_put_be64(at + STRAND_BATCH_BASE_TIMESTAMP, 5000);
    strand_put_be64(at + STRAND_BATCH_MAX_TIMESTAMP, 5000);
    strand_put_be32(at + STRAND_BATCH_RECORD_COUNT, (uint32_t)count);
    image_stamp_crc(at);
}

uint8_t *
image_add_batch(int64_t base_offset, int64_t size, int32_t count)
{
    uint8_t *at = image.bytes + image.size;

    cr_assert_leq(image.size + size, IMAGE_SIZE_MAX);
    image_put_batch(at, base_offset, size, count);
    image.size += size;
    return at;
}

void
image_add_bytes(int value, int64_t size)
{
    cr_assert_leq(image.size + size, IMAGE_SIZE_MAX);
    memset(image.bytes + image.size, value, (size_t)size);
    image.size += size;
}

const struct image_damage image_damages[] = {
    {"length below a header", STRAND_BATCH_LENGTH, 48, true, STRAND_SCAN_HEADER, "48"},
    {"length 0", STRAND_BATCH_LENGTH, 0, false, STRAND_SCAN_HEADER, "0"},
    {"negative length", STRAND_BATCH_LENGTH, -1, false, STRAND_SCAN_HEADER, "-1"},
    {"length one too much", STRAND_BATCH_LENGTH, 2 * IMAGE_SMALL - 12 + 1, false, STRAND_SCAN_SHORT,
     "the file ends after 160 of its 161 bytes"},
    {"largest length", STRAND_BATCH_LENGTH, INT32_MAX, false, STRAND_SCAN_SHORT,
     "the file ends after 160 of its 2147483659 bytes"},
    {"magic 0", STRAND_BATCH_MAGIC, 0, true, STRAND_SCAN_MAGIC, "magic 0"},
    {"magic 1", STRAND_BATCH_MAGIC, 1, true, STRAND_SCAN_MAGIC, "magic 1"},
    {"magic 3", STRAND_BATCH_MAGIC, 3, true, STRAND_SCAN_MAGIC, "magic 3"},
    {"negative delta", STRAND_BATCH_LAST_OFFSET_DELTA, -1, true, STRAND_SCAN_HEADER, "-1"},
    {"negative count", STRAND_BATCH_RECORD_COUNT, -1, true, STRAND_SCAN_HEADER, "-1"},
    {"wrong CRC", STRAND_BATCH_CRC, 0x01020304, false, STRAND_SCAN_CRC,
     "CRC 0x01020304 stored, 0x"},
    {"offset repeated", STRAND_BATCH_BASE_OFFSET, 1000, false, STRAND_SCAN_OFFSET,
     "base offset 1000: expected offset 1001"},
    {"offset skipped", STRAND_BATCH_BASE_OFFSET, 1002, false, STRAND_SCAN_OFFSET,
     "base offset 1002: expected offset 1001"},
};

const size_t image_damage_count = sizeof image_damages / sizeof image_damages[0];

void
image_damage(uint8_t *batch, const struct image_damage *damage)
{
    if (damage->field == STRAND_BATCH_MAGIC)
        batch[damage->field] = (uint8_t)damage->value;
    else if (damage->field == STRAND_BATCH_BASE_OFFSET)
        strand_put_be64(batch + damage->field, (uint64_t)damage->value);
    else
        strand_put_be32(batch + damage->field, (uint32_t)damage->value);
    if (damage->stamps_crc && strand_batch_size(batch) > STRAND_BATCH_CRC_START)
        image_stamp_crc(batch);
}
